/* assembled_cases.h: files of cases, each a text for the assembler and what its run comes to.
 *
 *     … what all cases share …
 *     case NAME OF THE CASE
 *     ends quit 42            (or: violation, fuel, idle, memory, and the words the reason begins
 * with)
 *     flags 16                (or nothing: the flags of the image's header)
 *     … definitions; the method with an entry is what the active process runs …
 *
 * A case without an entry for a layout (its "where") is not for that layout. */
#ifndef IMAGO_TESTS_ASSEMBLED_CASES_H
#define IMAGO_TESTS_ASSEMBLED_CASES_H

#include <stdint.h>

#include "imago/allocator.h"
#include "imago/vm.h"
#include "layouts.h"

enum { MAX_CASES = 128, MAX_CASE_FILE = 65536, MAX_CASE_NAME = 96 };

typedef struct assembled_case {
	char name[MAX_CASE_NAME];
	imago_vm_end end;
	int exit_status;
	char reason[MAX_CASE_NAME];
	uint64_t flags;
	const char *text;
	size_t length;
} assembled_case;

typedef struct assembled_file {
	char bytes[MAX_CASE_FILE];
	size_t shared; /* bytes before the first case */
	assembled_case cases[MAX_CASES];
	size_t num_cases;
} assembled_file;

/* Reads a file of cases, or fails the test. */
void assembled_file_read(assembled_file *file, const char *path);

/* A slot of an object that must be there. */
imago_oop slot_of(const imago_heap *heap, imago_oop oop, uint64_t index);

/* The active process, in the context that it has, is about to execute a method: at an offset from
 * its first bytecode, with so many temporaries, all nil. */
void make_active(imago_heap *heap, imago_oop method, uint32_t offset, uint8_t num_temps);

/* Runs a case in a layout and expects its end; false: the case is not for that layout. */
bool assembled_case_run(const assembled_file *file, const assembled_case *one,
                        const test_layout *layout);

/* Runs all of them in all layouts; each is for one at least. */
void assembled_file_run(const assembled_file *file);

#endif

/* packfile_run.h: the instructions of a packfile: told apart, and executed where they lie.
 *
 * Few ops are known: those of the genuine files (packfile.md §7). No library is ever loaded because
 * a file names one.
 */
#ifndef IMAGO_PACKFILE_RUN_H
#define IMAGO_PACKFILE_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/attach.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/packfile.h"

enum { IMAGO_PACKFILE_MAX_OPERANDS = 2 };

/* What an op is and takes. */
typedef struct imago_op_signature {
	const char *library;
	int64_t number; /* in the library */
	const char *name;
	/* A letter for each operand: i an integer, n s the index of a number or string constant; N S a
	 * register. */
	const char *operands;
} imago_op_signature;

/* The op that an opcode of a code segment stands for, or NULL. */
IMAGO_API const imago_op_signature *imago_packfile_signature(const imago_packfile_code *code,
                                                             int64_t opcode);

/* How many words operands are. */
IMAGO_API uint64_t imago_op_num_operands(const imago_op_signature *signature);

/* The next word of the code as an instruction. */
typedef enum imago_instruction_kind {
	IMAGO_INSTRUCTION_KNOWN,
	IMAGO_INSTRUCTION_UNKNOWN,  /* an op whose operands are not known: nothing behind it is */
	IMAGO_INSTRUCTION_UNMAPPED, /* an opcode that the file's own table does not have */
	IMAGO_INSTRUCTION_CUT,      /* its operands pass the end of the code */
} imago_instruction_kind;

typedef struct imago_instruction {
	imago_instruction_kind kind;
	uint64_t place; /* words from the beginning of the code */
	uint64_t offset;
	int64_t opcode;
	const imago_op_signature *signature; /* or NULL */
	int64_t operands[IMAGO_PACKFILE_MAX_OPERANDS];
} imago_instruction;

/* Takes the instruction at *place apart and moves *place behind it; false at the end. What is not
 * known or cut moves *place to the end. */
IMAGO_API bool imago_packfile_next_instruction(const imago_packfile *packfile,
                                               const imago_packfile_code *code, uint64_t *place,
                                               imago_instruction *instruction);

/* The bounds of operands. */
typedef struct imago_operand_bounds {
	uint64_t num_registers[4]; /* of I, N, S, P: the most that a Sub among the constants asks for */
	uint64_t num_numbers, num_strings;
	bool subs_are_known; /* else num_registers are IMAGO_PACKFILE_MAX_REGISTERS each */
} imago_operand_bounds;

IMAGO_API void imago_packfile_operand_bounds(const imago_packfile *packfile,
                                             const imago_packfile_code *code,
                                             imago_operand_bounds *bounds);

/* The first operand out of bounds, or -1; *limit is the bound then. */
IMAGO_API int imago_packfile_bad_operand(const imago_instruction *instruction,
                                         const imago_operand_bounds *bounds, uint64_t *limit);

typedef enum imago_packfile_end {
	IMAGO_PACKFILE_ENDED,   /* by the op end */
	IMAGO_PACKFILE_FUEL,    /* used up */
	IMAGO_PACKFILE_STOPPED, /* by what no program may do; reason says what */
} imago_packfile_end;

typedef struct imago_packfile_result {
	imago_packfile_end end;
	const char *reason; /* static; NULL unless stopped */
	size_t segment;     /* of the code, or IMAGO_PACKFILE_NONE: there is none */
	uint64_t place;     /* words from the beginning of the code: the instruction that ended it */
	uint64_t offset;    /* of that in the file, or IMAGO_NO_OFFSET */
	int64_t opcode;     /* there, or -1 … */
	const imago_op_signature *signature; /* … and its op, or NULL */
	uint64_t num_ops;                    /* executed */
	uint64_t num_code_bytes;             /* of the code */
	uint64_t num_bytes_copied;           /* of it, because the host has another byte order */
} imago_packfile_result;

/* What a program prints. bytes are the run's own, never the file's. */
typedef void imago_packfile_print(const uint8_t *bytes, size_t size, void *payload);

/* Executes the first code segment, from the start of its main sub, or from its beginning, until an
 * op ends it. The whole code is looked at before: an unknown op, an opcode that is not mapped, an
 * operand out of bounds stop the run before anything is printed; and because the file may change
 * under a mapping, every operand is compared with its bounds again when it is used. Words of the
 * host's byte order, whatever their size, are read where they lie; else the code is copied, turned.
 *
 * Characters of utf16, ucs2 and ucs4 strings are printed as UTF-8, the bytes of others as they are;
 * the null string prints nothing. *result is always filled. IMAGO_ENOMEM; what stops a program is
 * no error. What was allocated inside a guard that ended it (attach.h) is in *machine: release it
 * in every case. */
typedef struct imago_packfile_machine {
	uint8_t *ops; /* by opcode: what the file's table stands for, the only thing that is patched */
	uint64_t num_ops;
	void *words; /* the code, turned; NULL where it is read in place */
	uint64_t num_word_bytes;
	double *numbers; /* registers … */
	uint64_t num_numbers;
	uint64_t *strings; /* … string index + 1, or 0 for the null string */
	uint64_t num_strings;
	imago_allocator *allocator;
} imago_packfile_machine;

IMAGO_API void imago_packfile_machine_init(imago_packfile_machine *machine,
                                           imago_allocator *allocator);
IMAGO_API void imago_packfile_machine_release(imago_packfile_machine *machine);
IMAGO_API imago_status imago_packfile_run(const imago_packfile *packfile, uint64_t fuel,
                                          imago_packfile_print *print, void *payload,
                                          imago_packfile_machine *machine,
                                          imago_packfile_result *result,
                                          imago_error *error) IMAGO_NODISCARD;

/* Maps a packfile, whole, to be only read: its bytes are imago_attachment_facts_of's, *size of them
 * are the file's. The descriptor stays the caller's. Everything that touches them belongs under
 * imago_attachment_guard: a stranger's file may be cut meanwhile. IMAGO_ETRUNCATED (an empty file),
 * the statuses of imago_attach. Release with imago_detach, after the packfile read from it. */
IMAGO_API imago_status imago_packfile_attach(imago_attachment **out, uint64_t *size, int descriptor,
                                             imago_allocator *allocator,
                                             imago_error *error) IMAGO_NODISCARD;

#endif

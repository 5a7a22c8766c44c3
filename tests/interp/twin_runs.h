/* twin_runs.h: machines over a source, or over a twin of it, in either way: what tests of twins
 * share. */
#ifndef IMAGO_TESTS_TWIN_RUNS_H
#define IMAGO_TESTS_TWIN_RUNS_H

#include <stdio.h>

#include "imago/image.h"
#include "imago/twin.h"
#include "kernel_runs.h"

/* A source on disk, and its objects as the file has them. */
typedef struct source {
	imago_allocator *allocator;
	FILE *file;
	imago_layered_attachment untouched;
	imago_heap *heap;
} source;

source make_source(const imago_heap *heap, imago_allocator *allocator);
void release_source(source *made);

/* How the source is kept as it is: by pages, or by objects and a table. */
typedef enum twin_way { BY_PAGES, BY_OBJECTS } twin_way;

typedef struct machine {
	imago_layered_attachment attached;
	imago_vm *vm;
	printed_text *printed;
} machine;

enum { TWIN_ROOM = 8 << 20, TWIN_EDEN = 1 << 16 };

/* Over the source, or over a twin of it. By objects, the source's pages are closed to stores but
 * for those of its last section, where new objects begin. */
machine start_machine(const source *from, const imago_writer *twin, twin_way way,
                      printed_text *printed);
/* The same; collect_every as in imago_vm_options. */
machine start_collecting(const source *from, const imago_writer *twin, twin_way way,
                         uint32_t collect_every, printed_text *printed);
void end_machine(machine *ended);

/* Saves the machine's twin, and lets it go on. */
imago_writer save_twin(const source *from, machine *running);

typedef struct outcome {
	imago_vm_result result;
	printed_text printed;
	uint64_t num_bytecodes, num_sends;
} outcome;

void add_run(outcome *out, machine *running, uint64_t fuel);
void expect_same(const outcome *a, const outcome *b);

/* One of ../shared/images; a test that finds none is skipped, and says so. */
void open_genuine(imago_image *image, const char *name, imago_allocator *allocator);

/* A Spur layout in the byte order of this host. */
const test_layout *a_layout_of_this_host(void);

#endif

/* twin: over its source, a twin is the program that was saved; whatever its bytes, over that source
 * it is refused or an image that can be looked at.
 *
 * A source (a kernel image, layered once) stands on disk. The input is taken three ways. As a file:
 * refused with a place and a documented status. As table, words and new objects of a file whose
 * header and hash are right: refused likewise, or put in place, all its runs in objects, and words
 * outside them are the source's. As decisions: how long a program runs over the source, how it is
 * saved and resumed; each twin on the way has no error and the digest of the image that the machine
 * would have saved, twins made of the same state are the same bytes, and the program goes on as if
 * it had never stopped, whether pages are copied or objects. A changed bit, a cut and another
 * source are refused. */
#include "imago/twin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_decisions.h"
#include "fuzz_image.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/kernel.h"
#include "imago/vm.h"

enum {
	REFUSAL,
	REFUSED_OR_LAID,
	LAID,
	SAVED,
	CLEAN,
	DIGEST,
	SAME_BYTES,
	RESUMED,
	DAMAGE,
	SOURCE,
	NO_LEAK
};
static const char *const oracles[] = {
    [REFUSAL] = "refusal",
    [REFUSED_OR_LAID] = "refused_or_laid_out",
    [LAID] = "only_its_runs_change",
    [SAVED] = "saved",
    [CLEAN] = "no_error",
    [DIGEST] = "same_digest",
    [SAME_BYTES] = "same_bytes",
    [RESUMED] = "resumed_as_never_stopped",
    [DAMAGE] = "damage_is_refused",
    [SOURCE] = "other_source_is_refused",
    [NO_LEAK] = "no_leak",
};
FUZZ_DECLARE_ORACLES("twin", oracles);

enum { ROOM = 1 << 20, EDEN = 1 << 14, MOST_FUEL = 30000, NUM_SOURCES = 2 };

/* twin.h */
static const fuzz_statuses documented = 1u << IMAGO_EMAGIC | 1u << IMAGO_EVERSION |
                                        1u << IMAGO_ETRUNCATED | 1u << IMAGO_ERANGE |
                                        1u << IMAGO_EALIGN | 1u << IMAGO_ESTRUCTURE;

typedef struct source {
	FILE *file;
	imago_layered_attachment untouched;
	imago_heap *heap;
} source;

typedef struct sources {
	imago_allocator allocator;
	source rows[NUM_SOURCES];
} sources;

static void
make_source(source *made, const char *program, imago_allocator *allocator)
{
	const imago_kernel_options options = {
	    .image_format = 68021,
	    .byte_order = imago_host_order(),
	    .program = program,
	    .rounds = 100,
	};
	const imago_layered_attach_options plain = {.attach.relocation = IMAGO_RELOCATION_NONE};
	imago_heap *heap;
	imago_error error;
	imago_writer writer;
	FUZZ_ASSERT(imago_kernel_make(&heap, &options, allocator, &error) == IMAGO_OK);
	imago_writer_init(&writer, allocator, heap->layout, &error);
	FUZZ_ASSERT(imago_layered_write(heap, NULL, &writer, &error) == IMAGO_OK);
	made->file = tmpfile();
	FUZZ_ASSERT(made->file != NULL);
	FUZZ_ASSERT(fwrite(writer.bytes, 1, (size_t)writer.size, made->file) == writer.size);
	FUZZ_ASSERT(fflush(made->file) == 0);
	FUZZ_ASSERT(imago_layered_attach(&made->untouched, fileno(made->file), &plain, allocator,
	                                 &error) == IMAGO_OK);
	FUZZ_ASSERT(imago_layered_attached_heap(&made->heap, &made->untouched, allocator, &error) ==
	            IMAGO_OK);
	imago_writer_release(&writer);
	imago_heap_destroy(heap);
}

/* Made once: they cost more than all that is asked of them. */
static const sources *
all_sources(void)
{
	static sources made;
	if (made.rows[0].file == NULL) {
		imago_allocator_init(&made.allocator, IMAGO_UNLIMITED);
		make_source(&made.rows[0], "sends", &made.allocator);
		make_source(&made.rows[1], "allocation", &made.allocator);
	}
	return &made;
}

static void
expect_refusal_of(const uint8_t *bytes, uint64_t size)
{
	imago_twin_head head;
	imago_error error = {.status = IMAGO_OK};
	imago_status status = imago_twin_decode(&head, bytes, size, &error);
	if (status != IMAGO_OK) {
		fuzz_expect_refusal(&error, status, size, documented, REFUSAL);
	}
}

/* ---- A file whose parts are the input's. */

/* Writes the words of a run over a copy of the source's segments. */
static void
expect_only_runs_to_differ(const imago_layered_attachment *attached, const source *from,
                           const uint8_t *bytes, const imago_twin_head *head)
{
	imago_twin_reader reader;
	imago_twin_run run;
	imago_twin_reader_init(&reader, head, bytes, from->untouched.head.start);
	bool more = imago_twin_next(&reader, &run);
	for (size_t i = 0; i < from->heap->num_segments; i++) {
		const imago_segment *segment = &from->heap->segments[i];
		const uint8_t *now =
		    attached->mapping.bytes + (segment->start - from->untouched.head.start);
		for (uint64_t at = 0; at < segment->size; at += 8) {
			while (more && run.address + run.size <= segment->start + at) {
				more = imago_twin_next(&reader, &run);
			}
			bool inside = more && segment->start + at >= run.address;
			const uint8_t *expected =
			    inside ? run.bytes + (segment->start + at - run.address) : segment->bytes + at;
			FUZZ_ORACLE(LAID, memcmp(now + at, expected, 8) == 0);
		}
	}
}

/* Bridges are rewritten, and what lies between sections is nobody's. */
static void
expect_runs_in_objects(const source *from, const uint8_t *bytes, const imago_twin_head *head)
{
	imago_twin_reader reader;
	imago_twin_run run;
	imago_twin_reader_init(&reader, head, bytes, from->untouched.head.start);
	while (imago_twin_next(&reader, &run)) {
		FUZZ_ORACLE(LAID, imago_heap_bytes(from->heap, run.address, run.size) != NULL);
	}
}

/* A table that is one: runs of up to four words, some hundred words apart. */
typedef struct drawn_table {
	uint8_t bytes[64];
	uint64_t size, num_runs, num_words;
} drawn_table;

static drawn_table
draw_table(fuzz_decisions *decisions)
{
	drawn_table table = {.num_runs = fuzz_decide(decisions, 16)};
	for (uint64_t i = 0; i < table.num_runs; i++) {
		uint32_t distance = 1 + fuzz_decide(decisions, 1500);
		uint32_t words = 1 + fuzz_decide(decisions, 4);
		table.bytes[table.size++] = (uint8_t)(distance | 0x80);
		table.bytes[table.size++] = (uint8_t)(distance >> 7);
		table.bytes[table.size++] = (uint8_t)words;
		table.num_words += words;
	}
	return table;
}

static void
take_as_parts(const uint8_t *data, size_t size, const source *from, fuzz_decisions *decisions)
{
	enum { AT_NUM_RUNS = 72, AT_TABLE_SIZE = 80, AT_CHANGED_SIZE = 88, AT_USED = 64 };
	uint64_t table_size =
	    size > 0 ? fuzz_decide(decisions, (uint32_t)(size < 256 ? size : 256)) : 0;
	uint64_t words = (size - table_size) / 8;
	uint64_t changed = words > 0 ? fuzz_decide(decisions, (uint32_t)(words < 64 ? words : 64)) : 0;
	const drawn_table drawn = draw_table(decisions);
	bool is_drawn = fuzz_decide(decisions, 2) == 1;
	if (is_drawn) {
		table_size = drawn.size;
		changed = drawn.num_words;
		words = size / 8 + changed;
	}
	uint64_t used = from->untouched.source_used + (words - changed) * 8;
	uint64_t total = IMAGO_TWIN_HEADER + table_size + words * 8;
	uint8_t *file = calloc(1, (size_t)total);
	imago_allocator allocator;
	imago_error error = {.status = IMAGO_OK};
	imago_layered_attachment attached;
	FUZZ_ASSERT(file != NULL);
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_twin_head head = {
	    .layout = from->heap->layout,
	    .source_used = from->untouched.source_used,
	    .used = used,
	    .num_runs = is_drawn ? drawn.num_runs : fuzz_decide(decisions, 16),
	    .table_size = table_size,
	    .changed_size = changed * 8,
	    .objects = (changed & 1) != 0,
	    .fields = from->untouched.head.fields,
	};
	memcpy(head.source, from->untouched.head.identity, sizeof head.source);
	uint64_t room = total - IMAGO_TWIN_HEADER;
	if (size > 0) {
		memcpy(file + IMAGO_TWIN_HEADER, data, (size_t)(room < size ? room : size));
	}
	if (is_drawn) {
		memcpy(file + IMAGO_TWIN_HEADER, drawn.bytes, (size_t)drawn.size);
	}
	imago_twin_encode(&head, file, total);
	imago_status status =
	    imago_twin_attach(&attached, file, total, fileno(from->file), ROOM, &allocator, &error);
	if (status == IMAGO_OK) {
		imago_heap *heap;
		expect_runs_in_objects(from, file, &head);
		expect_only_runs_to_differ(&attached, from, file, &head);
		FUZZ_ORACLE(REFUSED_OR_LAID,
		            imago_layered_attached_heap(&heap, &attached, &allocator, &error) == IMAGO_OK);
		(void)fuzz_check_heap(heap);
		imago_heap_destroy(heap);
		imago_layered_detach(&attached);
	} else {
		fuzz_expect_refusal(&error, status, total, documented, REFUSED_OR_LAID);
	}
	status = imago_twin_attach_tabled(&attached, file, total, fileno(from->file), ROOM, &allocator,
	                                  &error);
	if (status == IMAGO_OK) {
		FUZZ_ORACLE(LAID, head.objects);
		imago_layered_detach(&attached);
	} else {
		fuzz_expect_refusal(&error, status, total, documented | 1u << IMAGO_EUNSUPPORTED,
		                    REFUSED_OR_LAID);
	}
	FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
	free(file);
}

/* ---- A program that is saved and resumed. */

typedef struct program {
	imago_allocator allocator;
	imago_error error;
	imago_layered_attachment attached;
	imago_vm *vm;
	uint64_t output; /* a hash of what was printed */
	uint64_t num_bytecodes, num_sends;
	imago_vm_result result;
} program;

static void
hash_output(void *payload, const uint8_t *bytes, size_t size)
{
	program *running = payload;
	for (size_t i = 0; i < size; i++) {
		running->output = (running->output ^ bytes[i]) * UINT64_C(0x100000001B3);
	}
}

/* Stores into the source's pages, but the last section's, trap where a table is to spare them. */
static void
start(program *running, const source *from, const fuzz_output *twin, bool tabled)
{
	const imago_layered_attach_options place = {.attach.relocation = IMAGO_RELOCATION_NONE,
	                                            .room = ROOM,
	                                            .tabled = tabled,
	                                            .protect_fixed = tabled};
	const imago_vm_options options = {.print = hash_output, .payload = running, .eden_bytes = EDEN};
	imago_status status = twin != NULL
	                          ? (tabled ? imago_twin_attach_tabled : imago_twin_attach)(
	                                &running->attached, twin->writer.bytes, twin->writer.size,
	                                fileno(from->file), ROOM, &running->allocator, &running->error)
	                          : imago_layered_attach(&running->attached, fileno(from->file), &place,
	                                                 &running->allocator, &running->error);
	FUZZ_ORACLE(SAVED, status == IMAGO_OK);
	FUZZ_ORACLE(RESUMED, imago_vm_create_mapped(&running->vm, &running->attached.mapping, &options,
	                                            &running->allocator, &running->error) == IMAGO_OK);
}

static void
stop(program *running)
{
	imago_vm_destroy(running->vm);
	imago_layered_detach(&running->attached);
}

/* Exactly so many bytecodes, as far as the program goes. */
static void
run(program *running, uint64_t num_bytecodes)
{
	uint64_t done = 0;
	do {
		imago_vm_run(running->vm, num_bytecodes - done, &running->result);
		done = imago_vm_statistics_of(running->vm).num_bytecodes;
	} while (running->result.end == IMAGO_VM_FUEL && done < num_bytecodes);
	running->num_bytecodes += done;
	running->num_sends += imago_vm_statistics_of(running->vm).num_sends;
}

static void
save(program *running, const source *from, fuzz_output *twin)
{
	imago_memory_mapping now;
	memset(twin, 0, sizeof *twin);
	imago_allocator_init(&twin->allocator, IMAGO_UNLIMITED);
	imago_writer_init(&twin->writer, &twin->allocator, from->heap->layout, &twin->error);
	FUZZ_ORACLE(SAVED, imago_vm_pause(running->vm, &now, &running->error) == IMAGO_OK);
	FUZZ_ORACLE(SAVED, imago_twin_write(&running->attached, &now, from->heap, &twin->writer,
	                                    &twin->error) == IMAGO_OK);
}

/* What a twin is, beside what the machine says it is. */
static void
expect_same_image(program *running, const source *from, const fuzz_output *twin)
{
	imago_heap *heap;
	imago_heap *snapshot;
	imago_layered_attachment attached;
	imago_error error;
	FUZZ_ORACLE(CLEAN,
	            imago_twin_attach(&attached, twin->writer.bytes, twin->writer.size,
	                              fileno(from->file), 0, &running->allocator, &error) == IMAGO_OK);
	FUZZ_ORACLE(CLEAN, imago_layered_attached_heap(&heap, &attached, &running->allocator, &error) ==
	                       IMAGO_OK);
	FUZZ_ORACLE(CLEAN, fuzz_check_heap(heap).num_errors == 0);
	if (running->result.end == IMAGO_VM_FUEL) {
		FUZZ_ORACLE(DIGEST, imago_vm_snapshot(running->vm, &snapshot, &running->allocator,
		                                      &error) == IMAGO_OK);
		FUZZ_ORACLE(DIGEST, fuzz_same_digest(heap, snapshot));
		imago_heap_destroy(snapshot);
	}
	imago_heap_destroy(heap);
	imago_layered_detach(&attached);
}

static void
expect_refused(const fuzz_output *twin, const source *other, fuzz_decisions *decisions)
{
	imago_twin_head head;
	imago_error error;
	imago_layered_attachment attached;
	imago_allocator allocator;
	const imago_writer *file = &twin->writer;
	uint64_t at = ((uint64_t)fuzz_decide(decisions, 65536) << 16 | fuzz_decide(decisions, 65536)) %
	              file->size;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	file->bytes[at] ^= (uint8_t)(1U << fuzz_decide(decisions, 8));
	FUZZ_ORACLE(DAMAGE, imago_twin_decode(&head, file->bytes, file->size, &error) != IMAGO_OK);
	imago_twin_seal(file->bytes, file->size);
	expect_refusal_of(file->bytes, file->size);
	FUZZ_ORACLE(DAMAGE, imago_twin_decode(&head, file->bytes, at, &error) != IMAGO_OK);
	FUZZ_ORACLE(SOURCE, imago_twin_attach(&attached, file->bytes, file->size, fileno(other->file),
	                                      ROOM, &allocator, &error) != IMAGO_OK);
	FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
}

static void
take_as_program(const source *from, const source *other, fuzz_decisions *decisions)
{
	program whole = {.output = 0};
	program parts = {.output = 0};
	fuzz_output twin;
	fuzz_output again;
	uint64_t first = 1 + fuzz_decide(decisions, MOST_FUEL);
	uint64_t second = 1 + fuzz_decide(decisions, MOST_FUEL);
	/* By pages all the way, by a table all the way, or begun with a table. */
	uint32_t ways = fuzz_decide(decisions, 3);
	imago_allocator_init(&whole.allocator, IMAGO_UNLIMITED);
	imago_allocator_init(&parts.allocator, IMAGO_UNLIMITED);
	start(&whole, from, NULL, false);
	run(&whole, first + second);
	stop(&whole);
	start(&parts, from, NULL, ways > 0);
	run(&parts, first);
	bool ended = parts.result.end != IMAGO_VM_FUEL;
	save(&parts, from, &twin);
	(void)imago_vm_resume(parts.vm);
	save(&parts, from, &again);
	(void)imago_vm_resume(parts.vm);
	FUZZ_ORACLE(SAME_BYTES, fuzz_output_equal(&twin, &again));
	expect_same_image(&parts, from, &twin);
	stop(&parts);
	if (!ended) {
		start(&parts, from, &twin, ways == 1);
		run(&parts, second);
		stop(&parts);
	}
	FUZZ_ORACLE(RESUMED, parts.result.end == whole.result.end);
	FUZZ_ORACLE(RESUMED, parts.num_bytecodes == whole.num_bytecodes);
	FUZZ_ORACLE(RESUMED, parts.num_sends == whole.num_sends);
	FUZZ_ORACLE(RESUMED, parts.output == whole.output);
	expect_refused(&again, other, decisions);
	fuzz_output_release(&again);
	fuzz_output_release(&twin);
	FUZZ_ORACLE(NO_LEAK, whole.allocator.used == 0 && parts.allocator.used == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_decisions decisions = fuzz_decisions_of(data, size);
	const sources *from = all_sources();
	const source *one = &from->rows[fuzz_decide(&decisions, NUM_SOURCES)];
	const source *other = one == &from->rows[0] ? &from->rows[1] : &from->rows[0];
	expect_refusal_of(data, size);
	take_as_parts(data, size, one, &decisions);
	if (fuzz_decide(&decisions, 4) == 0) {
		take_as_program(one, other, &decisions);
	}
	return 0;
}

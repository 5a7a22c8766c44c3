/* fast_starts_test.c: an image that is mapped and says what a machine needs to know: what is known
 * is what a walk finds, a start touches few pages, and collections of old space leave those of
 * permanent space alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "imago/attach.h"
#include "imago/known_objects.h"
#include "imago/layered_attach.h"
#include "imago/pages.h"
#include "imago/walk.h"
#include "kernel_runs.h"

enum {
	ROOM = 16 << 20,
	EDEN = 1 << 18,
	BALLAST = 64 << 20,
	NUM_SLOTS = 6,
	OBJECT_BYTES = 8 + 8 * NUM_SLOTS,
	LINK_EVERY = 1000, /* objects; it leads to what is not ballast */
	FLAGS = 20,
	PLENTY = 1000000,
};

static imago_allocator allocator;
static imago_error error;

static const test_layout *
layout_here(void)
{
	const uint16_t one = 1;
	uint8_t first;
	memcpy(&first, &one, 1);
	return test_layout_find(first == 1 ? "spur64" : "spur64be");
}

/* A kernel image with 64 MiB of arrays behind, each of which leads to the one before. */
static imago_heap *
heavy_image(const kernel_program *program)
{
	imago_heap *heap = NULL;
	imago_heap *kernel = kernel_image(layout_here(), program, &allocator);
	const uint64_t size = (uint64_t)BALLAST / OBJECT_BYTES * OBJECT_BYTES;
	assert_non_null(kernel);
	assert_int_equal(imago_heap_copy(&heap, kernel, &allocator, &error), IMAGO_OK);
	imago_heap_destroy(kernel);
	const imago_segment *last = &heap->segments[heap->num_segments - 1];
	const imago_addr start = (last->start + last->size + (1 << 20)) & ~UINT64_C(0xFFFF);
	const imago_oop nil = imago_heap_nil(heap);
	uint8_t *bytes = imago_allocate(&allocator, size + IMAGO_BRIDGE_SIZE, "ballast", &error);
	assert_non_null(bytes);
	for (uint64_t i = 0; i < size / OBJECT_BYTES; i++) {
		uint8_t *at = bytes + i * OBJECT_BYTES;
		const uint64_t header =
		    (uint64_t)NUM_SLOTS << 56 | (uint64_t)IMAGO_FORMAT_INDEXABLE << 24 | IMAGO_CLASS_ARRAY;
		imago_store_u64(at, header, heap->layout.byte_order);
		for (uint64_t k = 0; k < NUM_SLOTS; k++) {
			uint64_t value = k == 0 && i > 0                 ? start + (i - 1) * OBJECT_BYTES
			                 : k == 1 && i % LINK_EVERY == 0 ? heap->header.special_objects_oop
			                                                 : nil;
			imago_store_u64(at + 8 + 8 * k, value, heap->layout.byte_order);
		}
	}
	assert_int_equal(imago_heap_own(heap, bytes, size + IMAGO_BRIDGE_SIZE, &error), IMAGO_OK);
	const imago_segment segment = {
	    .start = start,
	    .size = size,
	    .bridge_size = IMAGO_BRIDGE_SIZE,
	    .bytes = bytes,
	    .writable = bytes,
	};
	assert_int_equal(imago_heap_add_segment(heap, &segment, &error), IMAGO_OK);
	assert_int_equal(imago_heap_set_bridges(heap, heap->bridges, &error), IMAGO_OK);
	assert_int_equal(imago_heap_refresh_header(heap, &error), IMAGO_OK);
	return heap;
}

/* The ballast is read-only. The caller closes the file. */
static FILE *
layered_file(const imago_heap *heap, bool known)
{
	imago_writer writer;
	imago_census census;
	imago_walker walker;
	imago_object object;
	FILE *file = tmpfile();
	assert_non_null(file);
	assert_int_equal(imago_census_take(heap, &census, &error), IMAGO_OK);
	uint8_t *tiers = malloc((size_t)census.num_chunks);
	assert_non_null(tiers);
	imago_walk_init(&walker, heap, &error);
	for (uint64_t i = 0; imago_walk_next(&walker, &object); i++) {
		bool is_ballast = object.segment == heap->num_segments - 1;
		tiers[i] = is_ballast ? IMAGO_TIER_READ_ONLY : IMAGO_TIER_OFTEN;
	}
	const imago_layered_options options = {
	    .tiers = tiers,
	    .num_tiers = census.num_chunks,
	    .make_ready = true,
	    .without_origin = true,
	};
	imago_writer_init(&writer, &allocator, heap->layout, &error);
	assert_int_equal(imago_layered_write(heap, &options, &writer, &error), IMAGO_OK);
	if (!known) {
		writer.bytes[FLAGS] &= (uint8_t)~IMAGO_LAYERED_READY;
		imago_layered_seal_header(writer.bytes);
	}
	assert_int_equal(fwrite(writer.bytes, 1, (size_t)writer.size, file), writer.size);
	assert_int_equal(fflush(file), 0);
	imago_writer_release(&writer);
	free(tiers);
	return file;
}

typedef struct running {
	FILE *file;
	imago_layered_attachment attached;
	imago_vm *vm;
	printed_text printed;
} running;

static void
end(running *run)
{
	imago_vm_destroy(run->vm);
	imago_layered_detach(&run->attached);
	(void)fclose(run->file);
}

/* Nothing but the start; false where the host cannot map such an image. */
static bool
start(running *run, const imago_heap *heap, bool known, imago_attach_place place)
{
	const imago_layered_attach_options options = {.attach.place = place, .room = ROOM};
	const imago_vm_options vm_options = {
	    .print = keep_printed, .payload = &run->printed, .eden_bytes = EDEN};
	*run = (running){.file = layered_file(heap, known)};
	imago_status status =
	    imago_layered_attach(&run->attached, fileno(run->file), &options, &allocator, &error);
	if (status == IMAGO_EUNSUPPORTED || status == IMAGO_ERANGE) {
		print_message("skipped: %s\n", error.what);
		end(run);
		return false;
	}
	assert_int_equal(status, IMAGO_OK);
	assert_int_equal(run->attached.mapping.remembered != NULL, known);
	assert_int_equal(
	    imago_vm_create_mapped(&run->vm, &run->attached.mapping, &vm_options, &allocator, &error),
	    IMAGO_OK);
	return true;
}

/* The pages of the ballast; false where the system does not tell. */
static bool
count_pages(const running *run, imago_page_counts *ballast)
{
	imago_page_counts counts[IMAGO_LAYERED_MAX_SECTIONS];
	imago_status status =
	    imago_attachment_pages(run->attached.attachment, counts, NULL, NULL, &error);
	if (status == IMAGO_EUNSUPPORTED) {
		print_message("skipped: %s\n", error.what);
		return false;
	}
	assert_int_equal(status, IMAGO_OK);
	*ballast = counts[1];
	assert_true(ballast->num_pages >= BALLAST / 4096 / 2);
	return true;
}

static void
a_start_that_need_not_look_touches_no_page_of_permanent_space(void **state)
{
	static const imago_attach_place places[] = {IMAGO_PLACE_WANTED, IMAGO_PLACE_ANYWHERE};
	(void)state;
	imago_heap *heap = heavy_image(&kernel_programs[0]);
	kernel_expect_clean(heap, "with ballast", false);
	for (size_t i = 0; i < 2 * sizeof places / sizeof places[0]; i++) {
		const bool known = i % 2 == 0;
		running run = {.vm = NULL};
		imago_page_counts pages = {.num_pages = 0};
		imago_vm_result result;
		if (!start(&run, heap, known, places[i / 2])) {
			continue;
		}
		bool lazy =
		    imago_attachment_facts_of(run.attached.attachment).relocation != IMAGO_RELOCATION_EAGER;
		if (!count_pages(&run, &pages) || !lazy) {
			end(&run);
			continue;
		}
		print_message("  %s: %u of %u pages touched\n", known ? "known" : "walked",
		              (unsigned)(pages.num_pages - pages.num_absent), (unsigned)pages.num_pages);
		assert_int_equal(pages.num_absent, known ? pages.num_pages : 0);
		(void)run_bytecodes(run.vm, PLENTY, &result);
		assert_int_equal(result.end, IMAGO_VM_QUIT);
		assert_string_equal(run.printed.text, kernel_programs[0].output);
		assert_true(count_pages(&run, &pages));
		assert_int_equal(pages.num_absent, known ? pages.num_pages : 0);
		end(&run);
	}
	imago_heap_destroy(heap);
	assert_int_equal(allocator.used, 0);
}

/* At the wanted place, where a page is private only when it was written. */
static void
collections_of_old_space_write_no_page_of_permanent_space(void **state)
{
	(void)state;
	imago_heap *heap = heavy_image(&kernel_programs[0]);
	running run = {.vm = NULL};
	imago_page_counts pages = {.num_pages = 0};
	imago_vm_result result;
	if (!start(&run, heap, true, IMAGO_PLACE_WANTED)) {
		imago_heap_destroy(heap);
		skip();
	}
	if (run.attached.distance != 0 || !count_pages(&run, &pages)) {
		end(&run);
		imago_heap_destroy(heap);
		skip();
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_true(imago_vm_collect(run.vm, false));
		assert_true(count_pages(&run, &pages));
		assert_int_equal(pages.num_private, 0);
		assert_null(imago_memory_audit(imago_vm_memory(run.vm)));
	}
	assert_int_equal(imago_vm_memory(run.vm)->collections.num_old, 3);
	(void)run_bytecodes(run.vm, PLENTY, &result);
	assert_string_equal(run.printed.text, kernel_programs[0].output);
	assert_true(count_pages(&run, &pages));
	assert_int_equal(pages.num_private, 0);
	end(&run);
	imago_heap_destroy(heap);
	assert_int_equal(allocator.used, 0);
}

static void
what_is_known_is_what_a_walk_finds(void **state)
{
	(void)state;
	imago_heap *heap = heavy_image(&kernel_programs[0]);
	imago_oop *lists[2] = {NULL, NULL};
	uint64_t counts[2] = {0, 0};
	for (size_t i = 0; i < 2; i++) {
		running run = {.vm = NULL};
		if (!start(&run, heap, i == 1, IMAGO_PLACE_WANTED)) {
			imago_heap_destroy(heap);
			skip();
		}
		assert_int_equal(imago_memory_remembered(imago_vm_memory(run.vm), &lists[i], &counts[i],
		                                         &allocator, &error),
		                 IMAGO_OK);
		for (uint64_t k = 0; k < counts[i]; k++) {
			lists[i][k] -= run.attached.mapping.base;
		}
		assert_null(imago_memory_audit(imago_vm_memory(run.vm)));
		end(&run);
	}
	assert_int_equal(counts[0], counts[1]);
	/* And the hidden roots, and the free lists. */
	assert_int_equal(counts[0], (BALLAST / OBJECT_BYTES + LINK_EVERY - 1) / LINK_EVERY + 2);
	assert_memory_equal(lists[0], lists[1], (size_t)counts[0] * sizeof *lists[0]);
	imago_release(&allocator, lists[0], counts[0] * sizeof *lists[0]);
	imago_release(&allocator, lists[1], counts[1] * sizeof *lists[1]);
	imago_heap_destroy(heap);
	assert_int_equal(allocator.used, 0);
}

/* A start that is wanted where the file says, of an image that is not changed by it. */
static imago_heap *
start_or_skip(running *run)
{
	imago_heap *heap = heavy_image(&kernel_programs[0]);
	if (!start(run, heap, true, IMAGO_PLACE_WANTED)) {
		imago_heap_destroy(heap);
		skip();
	}
	return heap;
}

static void
end_without_leak(running *run, imago_heap *heap)
{
	end(run);
	imago_heap_destroy(heap);
	assert_int_equal(allocator.used, 0);
}

/* Lists that leave permanent space, or its order, are not believed. */
static void
lists_that_cannot_be_are_refused(void **state)
{
	(void)state;
	running run = {.vm = NULL};
	imago_heap *heap = start_or_skip(&run);
	imago_memory_mapping mapping = run.attached.mapping;
	const uint64_t objects[][2] = {
	    {64, 64}, {72, 64}, {4, 64}, {64, mapping.fixed_end}, {64, UINT64_MAX - 7}};
	const uint32_t indices[][2] = {{51, 51}, {52, 51}, {31, 51}, {51, IMAGO_CLASS_INDEX_LIMIT}};
	const imago_memory_options options = {.eden_bytes = EDEN};
	imago_object_memory *memory;
	for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
		mapping.remembered = objects[i];
		mapping.num_remembered = 2;
		assert_int_equal(
		    imago_memory_create_mapped(&memory, &mapping, &options, &allocator, &error),
		    IMAGO_EUSAGE);
		assert_string_equal(error.what, "remembered set");
	}
	mapping = run.attached.mapping;
	for (size_t i = 0; i < sizeof indices / sizeof indices[0]; i++) {
		mapping.class_indices = indices[i];
		mapping.num_class_indices = 2;
		assert_int_equal(
		    imago_memory_create_mapped(&memory, &mapping, &options, &allocator, &error),
		    IMAGO_EUSAGE);
	}
	mapping.class_indices = NULL;
	assert_int_equal(imago_memory_create_mapped(&memory, &mapping, &options, &allocator, &error),
	                 IMAGO_EUSAGE);
	end_without_leak(&run, heap);
}

static void
assert_refused(const imago_memory_mapping *mapping, imago_status expected, const char *what)
{
	const imago_memory_options options = {.eden_bytes = EDEN};
	imago_object_memory *memory;
	assert_int_equal(imago_memory_create_mapped(&memory, mapping, &options, &allocator, &error),
	                 expected);
	assert_string_equal(error.what, what);
	assert_null(memory);
}

/* Sizes that contradict each other, or an address: nothing is looked at there. */
static void
mappings_that_cannot_be_are_refused(void **state)
{
	(void)state;
	running run = {.vm = NULL};
	imago_heap *heap = start_or_skip(&run);
	const imago_memory_mapping sound = run.attached.mapping;
	imago_memory_mapping m = sound;
	const struct {
		uint64_t *number;
		uint64_t value;
	} lies[] = {
	    {&m.base, 0},
	    {&m.base, sound.base + 4},
	    {&m.base, UINT64_C(1) << 47},
	    {&m.base, (UINT64_C(1) << 47) - 8},
	    {&m.size, sound.size + 4},
	    {&m.size, UINT64_C(1) << 47},
	    {&m.size, sound.used - 8},
	    {&m.used, sound.used + 4},
	    {&m.used, sound.old_start},
	    {&m.used, sound.old_start - 8},
	    {&m.used, UINT64_MAX - 7},
	    {&m.fixed_end, 0},
	    {&m.fixed_end, sound.old_start + 8},
	    {&m.fixed_end, sound.fixed_end - 4},
	    {&m.old_start, 0},
	    {&m.old_start, sound.old_start + 8},
	};
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		m = sound;
		*lies[i].number = lies[i].value;
		assert_refused(&m, IMAGO_EUSAGE, "mapped image");
	}
	m = sound;
	m.layout.byte_order =
	    imago_host_order() == IMAGO_BIG_ENDIAN ? IMAGO_LITTLE_ENDIAN : IMAGO_BIG_ENDIAN;
	assert_refused(&m, IMAGO_EUSAGE, "byte order of a mapped image");
	m = sound;
	m.tabled = true; /* and yet there is a hole between what is fixed and what is not */
	m.fixed_end = m.old_start - 8;
	assert_refused(&m, IMAGO_EUSAGE, "mapped image");
	m = sound;
	m.size = m.used + 2 * (uint64_t)EDEN - 8;
	assert_refused(&m, IMAGO_ELIMIT, "room for eden");
	end_without_leak(&run, heap);
}

/* Wherever memory ends while one is made over a mapping, that is told and all is given back. */
static void
memory_that_ends_at_a_start_is_told(void **state)
{
	(void)state;
	running run = {.vm = NULL};
	imago_heap *heap = start_or_skip(&run);
	const imago_memory_options options = {.eden_bytes = EDEN};
	imago_object_memory *memory = NULL;
	unsigned num_refused = 0;
	for (uint64_t limit = 16; memory == NULL; limit += limit / 2) {
		imago_allocator little;
		imago_allocator_init(&little, limit);
		const imago_status status =
		    imago_memory_create_mapped(&memory, &run.attached.mapping, &options, &little, &error);
		if (status == IMAGO_OK) {
			imago_memory_destroy(memory);
		} else {
			assert_int_equal(status, IMAGO_ENOMEM);
			assert_null(memory);
			num_refused++;
		}
		assert_int_equal(little.used, 0);
	}
	assert_true(num_refused > 3);
	end_without_leak(&run, heap);
}

static int
set_up(void **state)
{
	(void)state;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_start_that_need_not_look_touches_no_page_of_permanent_space,
	                           set_up),
	    cmocka_unit_test_setup(collections_of_old_space_write_no_page_of_permanent_space, set_up),
	    cmocka_unit_test_setup(what_is_known_is_what_a_walk_finds, set_up),
	    cmocka_unit_test_setup(lists_that_cannot_be_are_refused, set_up),
	    cmocka_unit_test_setup(mappings_that_cannot_be_are_refused, set_up),
	    cmocka_unit_test_setup(memory_that_ends_at_a_start_is_told, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* layered_test.c: the layered container, section by section as layered.md, on genuine and on built
 * images. */
#include "layered_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/assertions.h"
#include "../support/small_image.h"
#include "imago/digest.h"
#include "imago/file.h"
#include "imago/image.h"
#include "imago/known_objects.h"
#include "imago/swizzle.h"
#include "imago/walk.h"
#include "layered_bytes.h"

static imago_allocator allocator;
static imago_error error;

typedef imago_heap *heap_fn(const test_layout *layout, imago_allocator *made_with);

static heap_fn *const makers[] = {small_heap, varied_heap, perm_heap};
enum { NUM_MAKERS = sizeof makers / sizeof makers[0] };

static void
assert_same_digest(const imago_heap *a, const imago_heap *b)
{
	imago_digest of_a;
	imago_digest of_b;
	assert_ok(imago_digest_compute(&of_a, a, &allocator, &error), &error);
	assert_ok(imago_digest_compute(&of_b, b, &allocator, &error), &error);
	assert_memory_equal(&of_a, &of_b, sizeof of_a);
}

/* Written in a format, both heaps are the same file. */
static void
assert_same_file(const imago_heap *a, const imago_heap *b, imago_format_id format)
{
	imago_writer of_a;
	imago_writer of_b;
	imago_writer_init(&of_a, &allocator, a->layout, &error);
	imago_writer_init(&of_b, &allocator, b->layout, &error);
	assert_ok(imago_image_write(a, format, &of_a, &error), &error);
	assert_ok(imago_image_write(b, format, &of_b, &error), &error);
	assert_int_equal(of_a.size, of_b.size);
	assert_memory_equal(of_a.bytes, of_b.bytes, of_a.size);
	imago_writer_release(&of_b);
	imago_writer_release(&of_a);
}

static void
assert_leads_back(const imago_heap *heap, const imago_layered_options *options,
                  imago_format_id format)
{
	imago_heap *restored;
	layered_file file = layered_file_make(heap, options);
	findings list = layered_file_check(&file);
	assert_null(list.first);
	assert_int_equal(list.num_errors, 0);
	assert_same_digest(heap, file.heap);
	assert_ok(imago_layered_restore(&restored, file.heap, file.writer.bytes, file.writer.size,
	                                &allocator, &error),
	          &error);
	assert_same_file(heap, restored, format);
	imago_heap_destroy(restored);
	layered_file_release(&file);
}

static const char *const genuine[] = {"spur32-6521-headless", "spur32-6521-cp-node",
                                      "spur64-68021-pharo-vm"};

static void
genuine_files_come_back_byte_for_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof genuine / sizeof genuine[0]; i++) {
		char path[512];
		imago_image image;
		snprintf(path, sizeof path, "../shared/images/%s.image", genuine[i]);
		if (imago_path_kind_of(path) != IMAGO_PATH_FILE) {
			print_message("skipped: no %s\n", path);
			skip();
		}
		assert_ok(imago_image_open(&image, path, &allocator, &error), &error);
		imago_layered_options options = {.start = 0};
		uint8_t *tiers = layered_bytes_mixed_tiers(image.heap, &options.num_tiers);
		assert_leads_back(image.heap, &options, IMAGO_FORMAT_SPUR);
		options.tiers = tiers;
		assert_leads_back(image.heap, &options, IMAGO_FORMAT_SPUR);
		uint8_t *ranks = layered_bytes_mixed_ranks(options.num_tiers);
		options.ranks = ranks;
		assert_leads_back(image.heap, &options, IMAGO_FORMAT_SPUR);
		free(ranks);
		free(tiers);
		imago_image_close(&image);
	}
	assert_no_leak(&allocator);
}

static void
built_images_of_every_layout_come_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		for (size_t k = 0; k < NUM_MAKERS; k++) {
			imago_heap *heap = makers[k](&test_layouts[i], &allocator);
			imago_format_id format =
			    makers[k] == perm_heap ? IMAGO_FORMAT_COMPOSED : IMAGO_FORMAT_SPUR;
			imago_layered_options options = {.start = 0};
			uint8_t *tiers = layered_bytes_mixed_tiers(heap, &options.num_tiers);
			assert_leads_back(heap, NULL, format);
			options.tiers = tiers;
			assert_leads_back(heap, &options, format);
			uint8_t *ranks = layered_bytes_mixed_ranks(options.num_tiers);
			options.ranks = ranks;
			assert_leads_back(heap, &options, format);
			free(ranks);
			free(tiers);
			imago_heap_destroy(heap);
		}
	}
	assert_no_leak(&allocator);
}

static uint64_t
load(const uint8_t *bytes, unsigned width)
{
	uint64_t value = 0;
	for (unsigned i = width; i-- > 0;) {
		value = value << 8 | bytes[i];
	}
	return value;
}

static void
the_header_page_is_as_documented(void **state)
{
	(void)state;
	imago_heap *heap = varied_heap(test_layout_find("spur64be"), &allocator);
	const imago_layered_options options = {.start = 0x50000000, .flags = IMAGO_LAYERED_PERM_SAVE};
	layered_file file = layered_file_make(heap, &options);
	const uint8_t *page = file.writer.bytes;
	assert_memory_equal(page, "imago layered 1\n", 16);
	assert_int_equal(load(page + 16, 4), 4096);
	assert_int_equal(load(page + 20, 4) & 1, 1);
	assert_int_equal(page[24], 8);
	assert_int_equal(page[25], 1);
	assert_int_equal(load(page + 28, 4), file.head.num_sections);
	assert_int_equal(load(page + 32, 8), 0x50000000);
	assert_int_equal(load(page + 48, 8), file.writer.size);
	assert_int_equal(load(page + 128, 8), 68021);
	assert_int_equal(load(page + 160, 8), file.heap->header.special_objects_oop);
	assert_true(file.head.header_intact && file.head.table_intact);
	layered_file_release(&file);
	imago_heap_destroy(heap);
}

/* Adds a distance to every word that the bitmaps of a file mark. */
static void
relocate_by_fixups(const layered_file *file, imago_heap *heap, uint64_t distance)
{
	const uint8_t word_bytes = heap->layout.word_bytes;
	for (size_t i = 0; i < heap->num_segments; i++) {
		const imago_layered_section *section = &file->head.sections[i];
		for (uint64_t k = 0; section->has_pointers && k < section->size / word_bytes; k++) {
			const uint8_t *bitmap = file->writer.bytes + section->fixups;
			uint8_t *word = heap->segments[i].writable + k * word_bytes;
			if (bitmap[k / 8] >> k % 8 & 1) {
				imago_store_word(word, imago_load_word(word, heap->layout) + distance,
				                 heap->layout);
			}
		}
	}
}

static void
fixups_mark_exactly_what_the_swizzler_moves(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_heap *source = varied_heap(&test_layouts[i], &allocator);
		layered_file file = layered_file_make(source, NULL);
		imago_heap *by_fixups;
		imago_heap *by_swizzle;
		const uint64_t distance = 0x1230000;
		const imago_swizzle_options usual = {.lenient = false};
		assert_ok(imago_heap_copy(&by_fixups, file.heap, &allocator, &error), &error);
		assert_ok(imago_heap_copy(&by_swizzle, file.heap, &allocator, &error), &error);
		relocate_by_fixups(&file, by_fixups, distance);
		assert_ok(imago_swizzle(by_swizzle, file.head.start + distance, &usual, &error), &error);
		for (size_t k = 0; k < by_fixups->num_segments; k++) {
			assert_memory_equal(by_fixups->segments[k].bytes, by_swizzle->segments[k].bytes,
			                    by_fixups->segments[k].size);
		}
		imago_heap_destroy(by_swizzle);
		imago_heap_destroy(by_fixups);
		layered_file_release(&file);
		imago_heap_destroy(source);
	}
}

static uint64_t
read_number(const uint8_t **at)
{
	uint64_t number = 0;
	for (unsigned shift = 0;; shift += 7) {
		uint8_t byte = *(*at)++;
		number |= (uint64_t)(byte & 0x7F) << shift;
		if (byte < 0x80) {
			return number;
		}
	}
}

/* Slot by slot: does an object, or one of the free lists, lead to old space? */
static bool
leads_up(const imago_heap *heap, const imago_object *object, imago_addr old_start)
{
	imago_known_objects known;
	imago_known_objects_find(heap, &known);
	uint64_t num_slots = object->oop == known.free_lists.oop
	                         ? object->num_slots
	                         : imago_heap_num_pointer_slots(heap, object);
	for (uint64_t i = 0; i < num_slots; i++) {
		imago_oop oop = imago_heap_fetch_slot(heap, object, i);
		if (imago_oop_is_pointer(heap->tagging, oop) && oop >= old_start) {
			return true;
		}
	}
	return false;
}

/* layered.md §7. */
static void
the_remembered_set_is_as_documented(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_heap *heap = varied_heap(&test_layouts[i], &allocator);
		imago_layered_options options = {.start = 0};
		uint8_t *tiers = layered_bytes_mixed_tiers(heap, &options.num_tiers);
		options.tiers = tiers;
		layered_file file = layered_file_make(heap, &options);
		const imago_layered_section *section = &file.head.sections[1 + 2 * IMAGO_NUM_TIERS + 1];
		assert_int_equal(section->kind, IMAGO_LAYERED_REMEMBERED);
		assert_string_equal(section->name, "remembered");
		assert_int_equal(imago_layered_first_old(&file.head), 1 + 2 * (IMAGO_NUM_TIERS - 1));
		const imago_addr old_start = file.head.sections[1 + 2 * (IMAGO_NUM_TIERS - 1)].address;
		const uint8_t *at = file.writer.bytes + section->offset;
		uint64_t num_objects = load(at, 8);
		uint64_t num_classes = load(at + 8, 8);
		at += 16;
		uint64_t oop = file.head.start;
		bool *classes = calloc(IMAGO_CLASS_INDEX_LIMIT, sizeof *classes);
		assert_non_null(classes);
		imago_walker walker;
		imago_object object;
		imago_walk_init(&walker, file.heap, &error);
		while (imago_walk_next(&walker, &object) && object.oop < old_start) {
			classes[object.class_index] |= object.class_index >= 32;
			if (leads_up(file.heap, &object, old_start)) {
				assert_true(num_objects-- > 0);
				oop += read_number(&at) * 8;
				assert_int_equal(oop, object.oop);
			}
		}
		assert_int_equal(num_objects, 0);
		uint64_t index = 0;
		for (uint64_t k = 0; k < num_classes; k++) {
			uint64_t next = index + read_number(&at);
			for (index++; index < next; index++) {
				assert_false(classes[index]);
			}
			assert_true(classes[next]);
			index = next;
		}
		assert_ptr_equal(at, file.writer.bytes + section->offset + section->size);
		free(classes);
		free(tiers);
		layered_file_release(&file);
		imago_heap_destroy(heap);
	}
	assert_no_leak(&allocator);
}

/* A heap as it is before it is made ready: a remembered object, a slot that leads to a forwarder, a
 * stale slot, a stack that is not empty. */
static void
what_is_not_ready_is_told_and_made_ready(void **state)
{
	(void)state;
	enum { REMEMBERED = 0x20, ALL = 3 };
	imago_heap *heap = varied_heap(test_layout_find("spur64"), &allocator);
	imago_walker walker;
	imago_object object;
	imago_object context = {.oop = 0};
	imago_object forwarder = {.oop = 0};
	imago_object holder = {.oop = 0};
	const imago_layered_options made = {.make_ready = true};
	layered_file file = layered_file_make(heap, &made);
	assert_int_equal(file.head.flags, IMAGO_LAYERED_READY);
	layered_file_release(&file);
	imago_walk_init(&walker, heap, &error);
	while (imago_walk_next(&walker, &object)) {
		bool plain = object.kind == IMAGO_OBJECT_ORDINARY;
		forwarder = object.kind == IMAGO_OBJECT_FORWARDER ? object : forwarder;
		context = object.class_index == IMAGO_CLASS_CONTEXT ? object : context;
		holder = plain && object.format == IMAGO_FORMAT_INDEXABLE && object.num_slots > 1 ? object
		                                                                                  : holder;
	}
	assert_true(forwarder.oop != 0 && context.oop != 0 && holder.oop != 0);
	for (unsigned i = 0; i < ALL; i++) {
		imago_heap *other;
		assert_ok(imago_heap_copy(&other, heap, &allocator, &error), &error);
		if (i == 0) {
			imago_heap_writable_bytes(other, holder.oop, 8)[3] |= REMEMBERED;
		} else if (i == 1) {
			imago_heap_store_slot(other, &holder, 0, forwarder.oop);
		} else {
			imago_heap_store_slot(other, &context, context.num_slots - 1, holder.oop);
		}
		file = layered_file_make(other, NULL);
		assert_int_equal(file.head.flags, 0);
		/* Who says so nevertheless is found out. */
		file.writer.bytes[20] |= IMAGO_LAYERED_READY;
		imago_layered_seal_header(file.writer.bytes);
		assert_string_equal(layered_file_check(&file).first, "layered.ready");
		layered_file_release(&file);
		file = layered_file_make(other, &made);
		assert_int_equal(file.head.flags, IMAGO_LAYERED_READY);
		assert_null(layered_file_check(&file).first);
		layered_file_release(&file);
		imago_heap_destroy(other);
	}
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
written_twice_it_is_the_same_and_read_back_it_keeps_its_tiers(void **state)
{
	(void)state;
	imago_heap *heap = varied_heap(&test_layouts[0], &allocator);
	imago_layered_options options = {.start = 0, .without_origin = true};
	uint8_t *tiers = layered_bytes_mixed_tiers(heap, &options.num_tiers);
	options.tiers = tiers;
	layered_file first = layered_file_make(heap, &options);
	layered_file second = layered_file_make(heap, &options);
	assert_int_equal(first.writer.size, second.writer.size);
	assert_memory_equal(first.writer.bytes, second.writer.bytes, first.writer.size);
	layered_file_release(&second);
	const imago_layered_options again = {.without_origin = true};
	second = layered_file_make(first.heap, &again);
	assert_int_equal(first.writer.size, second.writer.size);
	assert_memory_equal(first.writer.bytes, second.writer.bytes, first.writer.size);
	layered_file_release(&second);
	free(tiers);
	layered_file_release(&first);
	imago_heap_destroy(heap);
}

static void
without_an_origin_there_is_no_way_back(void **state)
{
	(void)state;
	imago_heap *heap = varied_heap(&test_layouts[0], &allocator);
	imago_heap *restored;
	const imago_layered_options options = {.without_origin = true};
	layered_file file = layered_file_make(heap, &options);
	imago_status status = imago_layered_restore(&restored, file.heap, file.writer.bytes,
	                                            file.writer.size, &allocator, &error);
	assert_status(status, &error, IMAGO_EUNSUPPORTED);
	layered_file_release(&file);
	imago_heap_destroy(heap);
}

static void
what_cannot_be_layered_is_refused(void **state)
{
	(void)state;
	static const uint8_t tiers[3] = {0, 1, 3};
	const struct {
		const char *layout;
		imago_layered_options options;
		imago_status status;
		const char *noun;
	} cases[] = {
	    {"v3", {.start = 0}, IMAGO_EUNSUPPORTED, "a heap that is not Spur"},
	    {"spur64", {.start = 0x1000}, IMAGO_EUSAGE, "start"},
	    {"spur64", {.start = IMAGO_PERM_START_64}, IMAGO_EUNSUPPORTED, "address space"},
	    {"spur32", {.start = 0x7FFF0000}, IMAGO_EUNSUPPORTED, "address space"},
	    {"spur64", {.tiers = tiers, .num_tiers = 3}, IMAGO_EUSAGE, "number of tiers"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		imago_heap *heap = small_heap(test_layout_find(cases[i].layout), &allocator);
		imago_writer writer;
		imago_writer_init(&writer, &allocator, heap->layout, &error);
		imago_status status = imago_layered_write(heap, &cases[i].options, &writer, &error);
		assert_status(status, &error, cases[i].status);
		assert_string_equal(error.what, cases[i].noun);
		imago_writer_release(&writer);
		imago_heap_destroy(heap);
	}
	assert_no_leak(&allocator);
}

/* A copy of a heap's first segment, cut in two behind the first three objects. */
static imago_heap *
cut_in_two(const imago_heap *heap, uint64_t first)
{
	imago_heap *cut;
	imago_segment part = heap->segments[0];
	assert_ok(imago_heap_create(&cut, IMAGO_SPUR, heap->layout, &allocator, &error), &error);
	cut->header = heap->header;
	part.size = first;
	part.bridge_size = 0;
	assert_ok(imago_heap_add_segment(cut, &part, &error), &error);
	part = heap->segments[0];
	part.start += first;
	part.bytes += first;
	part.size -= first;
	assert_ok(imago_heap_add_segment(cut, &part, &error), &error);
	return cut;
}

/* Found by the fuzz target layered: the first five objects of the result would have been others
 * than those of the heap, and the way back led elsewhere. */
static void
a_heap_whose_first_segment_lacks_the_first_objects_is_refused(void **state)
{
	(void)state;
	imago_heap *heap = small_heap(test_layout_find("spur64"), &allocator);
	imago_heap *cut = cut_in_two(heap, UINT64_C(3) * 16);
	imago_writer writer;
	imago_writer_init(&writer, &allocator, heap->layout, &error);
	imago_status status = imago_layered_write(cut, NULL, &writer, &error);
	assert_status(status, &error, IMAGO_ESTRUCTURE);
	assert_string_equal(error.what, "first five objects");
	imago_heap_destroy(cut);
	heap->segments[0].tier = IMAGO_NUM_TIERS;
	status = imago_layered_write(heap, NULL, &writer, &error);
	assert_status(status, &error, IMAGO_EUSAGE);
	assert_string_equal(error.what, "tier");
	imago_writer_release(&writer);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
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
	    cmocka_unit_test_setup(genuine_files_come_back_byte_for_byte, set_up),
	    cmocka_unit_test_setup(built_images_of_every_layout_come_back, set_up),
	    cmocka_unit_test_setup(the_header_page_is_as_documented, set_up),
	    cmocka_unit_test_setup(fixups_mark_exactly_what_the_swizzler_moves, set_up),
	    cmocka_unit_test_setup(the_remembered_set_is_as_documented, set_up),
	    cmocka_unit_test_setup(what_is_not_ready_is_told_and_made_ready, set_up),
	    cmocka_unit_test_setup(written_twice_it_is_the_same_and_read_back_it_keeps_its_tiers,
	                           set_up),
	    cmocka_unit_test_setup(without_an_origin_there_is_no_way_back, set_up),
	    cmocka_unit_test_setup(what_cannot_be_layered_is_refused, set_up),
	    cmocka_unit_test_setup(a_heap_whose_first_segment_lacks_the_first_objects_is_refused,
	                           set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

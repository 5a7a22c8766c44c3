/* composed_test.c: what files of an image folder hold, section by section of
 * formats/composed/composed.md. From and to single files: composed_file_test.c; what is refused:
 * composed_hostile_test.c; rules: composed_rules_test.c. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image_folder.h"
#include "imago/byte_order.h"
#include "imago/composed_image.h"

static imago_allocator allocator;
static imago_error error;

static int
start(void **state)
{
	(void)state;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	error = (imago_error){0};
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	assert_no_leak(&allocator);
	return 0;
}

static imago_heap *
read_folder(const imago_folder *folder)
{
	imago_heap *heap = NULL;
	assert_ok(imago_composed_read(&heap, folder, &allocator, &error), &error);
	return heap;
}

/* §2 */
static void
a_folder_holds_the_files_of_the_format_in_order(void **state)
{
	(void)state;
	static const char *const names[] = {"header.ston", "seg0.ston",      "seg0.data",
	                                    "seg1.ston",   "seg1.data",      "seg2.ston",
	                                    "seg2.data",   "permSpace.ston", "permSpace.data"};
	imago_folder folder;
	make_folder(&folder, varied_heap, "spur64", &allocator);
	assert_int_equal(folder.num_files, 9);
	for (size_t i = 0; i < 9; i++) {
		assert_string_equal(folder.files[i].name, names[i]);
	}
	assert_int_equal(imago_folder_find(&folder, "permSpace.data")->size, 0);
	imago_folder_release(&folder);
}

static void
permanent_space_may_be_missing(void **state)
{
	(void)state;
	imago_folder folder;
	make_folder(&folder, small_heap, "spur32", &allocator);
	folder_remove(&folder, "permSpace.ston");
	folder_remove(&folder, "permSpace.data");
	imago_heap *heap = read_folder(&folder);
	assert_int_equal(heap->num_segments, 1);
	imago_heap_destroy(heap);
	imago_folder_release(&folder);
}

static void
segments_end_at_the_first_missing_data(void **state)
{
	(void)state;
	imago_folder folder;
	make_folder(&folder, varied_heap, "spur32", &allocator);
	folder_remove(&folder, "seg1.data");
	imago_heap *heap = read_folder(&folder);
	assert_int_equal(heap->num_segments, 1);
	imago_heap_destroy(heap);
	imago_folder_release(&folder);
}

/* §4 */
static void
every_field_of_the_header_reaches_its_member(void **state)
{
	(void)state;
	static const char *const names[] = {
	    "dataSize",        "oldBaseAddr",         "initialSpecialObjectsOop",
	    "headerFlags",     "extraVMMemory",       "hdrNumStackPages",
	    "hdrCogCodeSize",  "hdrEdenBytes",        "hdrMaxExtSemTabSize",
	    "firstSegSize",    "freeOldSpaceInImage", "hdrLastHash",
	    "imageHeaderSize", "imageVersion"};
	imago_folder folder;
	make_folder(&folder, small_heap, "spur64", &allocator);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		char number[24];
		snprintf(number, sizeof number, "%zu", 1000 + i);
		folder_set_field(&folder, "header.ston", names[i], number);
	}
	folder_set_field(&folder, "header.ston", "swapBytes", "-99");
	imago_heap *heap = read_folder(&folder);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		int index = imago_header_field_index(names[i]);
		assert_true(index >= 0);
		assert_int_equal(imago_header_get(&heap->header, (size_t)index), 1000 + i);
	}
	assert_int_equal(heap->header.image_format, 68021);
	assert_int_equal(heap->header.saved_window_size, 0);
	assert_int_equal(heap->bridges, IMAGO_BRIDGES_MEMORY);
	imago_heap_destroy(heap);
	imago_folder_release(&folder);
}

static void
a_missing_field_reads_as_zero_and_an_unknown_one_is_passed_over(void **state)
{
	(void)state;
	imago_folder folder;
	make_folder(&folder, small_heap, "spur64", &allocator);
	folder_set_field(&folder, "header.ston", "hdrEdenBytes", "4096");
	folder_substitute(&folder, "header.ston", "#hdrEdenBytes", "#futureField");
	imago_heap *heap = read_folder(&folder);
	assert_int_equal(heap->header.eden_bytes, 0);
	imago_heap_destroy(heap);
	imago_folder_release(&folder);
}

/* §3: a 32-bit VM prints words as signed numbers. */
static void
words_above_the_signed_range_are_written_as_negative_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		imago_folder folder;
		make_folder(&folder, small_heap, i == 0 ? "spur32" : "spur64", &allocator);
		imago_heap *heap = read_folder(&folder);
		heap->header.last_hash = i == 0 ? UINT64_C(0xFFFFFFFE) : UINT64_C(0xFFFFFFFFFFFFFFFE);
		heap->header.flags = i == 0 ? UINT64_C(0x80000000) : UINT64_C(1) << 63;
		imago_folder written;
		imago_folder_init(&written, &allocator);
		assert_ok(imago_composed_write(heap, &written, &error), &error);
		char *text = folder_text(&written, "header.ston");
		assert_non_null(strstr(text, "#hdrLastHash : -2,"));
		assert_non_null(strstr(text, i == 0 ? "#headerFlags : -2147483648,"
		                                    : "#headerFlags : -9223372036854775808,"));
		free(text);
		imago_heap *again = read_folder(&written);
		assert_int_equal(again->header.last_hash, heap->header.last_hash);
		assert_int_equal(again->header.flags, heap->header.flags);
		text = folder_text(&written, "permSpace.ston");
		assert_non_null(strstr(text, i == 0 ? "#startAddress : -2147483648,"
		                                    : "#startAddress : 2199023255552,"));
		free(text);
		imago_heap_destroy(again);
		imago_heap_destroy(heap);
		imago_folder_release(&written);
		imago_folder_release(&folder);
	}
}

/* §5 */
static void
segments_keep_their_addresses_and_gaps(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_folder folder;
		make_folder(&folder, varied_heap, test_layouts[i].name, &allocator);
		imago_heap *heap = read_folder(&folder);
		imago_heap *original = varied_heap(&test_layouts[i], &allocator);
		assert_int_equal(heap->num_segments, original->num_segments);
		assert_int_equal(heap->layout.byte_order, test_layouts[i].layout.byte_order);
		assert_int_equal(heap->layout.word_bytes, test_layouts[i].layout.word_bytes);
		for (size_t j = 0; j < heap->num_segments; j++) {
			const imago_segment *segment = &heap->segments[j];
			char part[IMAGO_PART_SIZE];
			snprintf(part, sizeof part, "seg%u.data", (unsigned)(j % 1000));
			assert_string_equal(segment->part, part);
			assert_int_equal(segment->offset, 0);
			assert_int_equal(segment->start, original->segments[j].start);
			assert_int_equal(segment->size, original->segments[j].size);
			assert_int_equal(segment->bridge_size, IMAGO_BRIDGE_SIZE);
			assert_memory_equal(segment->bytes, original->segments[j].bytes, (size_t)segment->size);
		}
		imago_heap_destroy(original);
		imago_heap_destroy(heap);
		imago_folder_release(&folder);
	}
}

static void
bridges_are_those_of_a_running_system(void **state)
{
	(void)state;
	imago_folder folder;
	make_folder(&folder, varied_heap, "spur64", &allocator);
	imago_heap *heap = read_folder(&folder);
	const imago_segment *first = &heap->segments[0];
	uint64_t gap = first[1].start - (first->start + first->size + first->bridge_size);
	assert_true(gap > 0);
	const uint8_t *bridge = first->bytes + first->size;
	assert_int_equal(imago_load_u64(bridge, IMAGO_LITTLE_ENDIAN), UINT64_C(0xFF) << 56 | gap / 8);
	assert_int_equal(imago_load_u64(bridge + 8, IMAGO_LITTLE_ENDIAN), UINT64_C(0xFF80000049000003));
	const imago_segment *last = &heap->segments[heap->num_segments - 1];
	assert_int_equal(imago_load_u64(last->bytes + last->size, IMAGO_LITTLE_ENDIAN),
	                 UINT64_C(0x0080000049000003));
	imago_heap_destroy(heap);
	imago_folder_release(&folder);
}

/* A segment that holds nothing gets no number: the VM would stop reading there. */
static void
an_empty_segment_leaves_no_hole_in_the_numbering(void **state)
{
	(void)state;
	imago_heap *heap = varied_heap(test_layout_find("spur32"), &allocator);
	imago_heap *thinned = NULL;
	assert_ok(imago_heap_create(&thinned, IMAGO_SPUR, heap->layout, &allocator, &error), &error);
	thinned->header = heap->header;
	for (size_t i = 0; i < heap->num_segments; i++) {
		imago_segment segment = heap->segments[i];
		if (i == 1) { /* what stays of it is its bridge */
			segment.start += segment.size;
			segment.bytes += segment.size;
			segment.size = 0;
		}
		assert_ok(imago_heap_add_segment(thinned, &segment, &error), &error);
	}
	imago_folder folder;
	imago_folder_init(&folder, &allocator);
	assert_ok(imago_composed_write(thinned, &folder, &error), &error);
	assert_null(imago_folder_find(&folder, "seg2.data"));
	imago_heap *read = read_folder(&folder);
	assert_int_equal(read->num_segments, 2);
	assert_int_equal(read->segments[1].start, heap->segments[2].start);
	assert_int_equal(read->header.data_size, imago_heap_data_size(read));
	uint64_t gap = read->segments[1].start -
	               (read->segments[0].start + read->segments[0].size + IMAGO_BRIDGE_SIZE);
	assert_int_equal(
	    imago_load_u32(read->segments[0].bytes + read->segments[0].size, IMAGO_LITTLE_ENDIAN),
	    gap / 4);
	imago_heap_destroy(read);
	imago_folder_release(&folder);
	imago_heap_destroy(thinned);
	imago_heap_destroy(heap);
}

/* §6 */
static void
permanent_space_lies_last_at_its_fixed_address(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_folder folder;
		make_folder(&folder, perm_heap, test_layouts[i].name, &allocator);
		imago_heap *heap = read_folder(&folder);
		const imago_segment *last = &heap->segments[heap->num_segments - 1];
		assert_int_equal(last->space, IMAGO_SPACE_PERM);
		assert_int_equal(last->start,
		                 heap->layout.word_bytes == 8 ? IMAGO_PERM_START_64 : IMAGO_PERM_START_32);
		assert_int_equal(last->bridge_size, 0);
		assert_string_equal(last->part, "permSpace.data");
		assert_int_equal(last->size, imago_folder_find(&folder, "permSpace.data")->size);
		assert_int_equal(heap->header.data_size, imago_heap_data_size(heap));
		char *text = folder_text(&folder, "header.ston");
		char field[64];
		snprintf(field, sizeof field, "#hdrOldSpaceSize : %" PRIu64 ",",
		         heap->header.data_size - last->size);
		assert_non_null(strstr(text, field));
		free(text);
		imago_heap_destroy(heap);
		imago_folder_release(&folder);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_folder_holds_the_files_of_the_format_in_order),
	    TEST(permanent_space_may_be_missing),
	    TEST(segments_end_at_the_first_missing_data),
	    TEST(every_field_of_the_header_reaches_its_member),
	    TEST(a_missing_field_reads_as_zero_and_an_unknown_one_is_passed_over),
	    TEST(words_above_the_signed_range_are_written_as_negative_numbers),
	    TEST(segments_keep_their_addresses_and_gaps),
	    TEST(bridges_are_those_of_a_running_system),
	    TEST(an_empty_segment_leaves_no_hole_in_the_numbering),
	    TEST(permanent_space_lies_last_at_its_fixed_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

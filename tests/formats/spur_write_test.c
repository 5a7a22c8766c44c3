/* spur_write_test.c: what the writer of classic Spur files refuses: whatever would not be read
 * back. */
#include "imago/spur_image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "classic_file.h"

static const classic_format spur = {imago_spur_read, imago_spur_write};

/* Word size and byte order, once each. */
static const classic_plan flavours[] = {
    {.number = 6521},
    {.number = 6521, .big_endian = true},
    {.number = 68021},
    {.number = 68021, .big_endian = true},
};

enum { NUM_FLAVOURS = sizeof flavours / sizeof flavours[0] };

typedef void damage_fn(imago_heap *heap);

static void
grow_data_size(imago_heap *heap)
{
	heap->header.data_size += 8;
}

static void
shrink_data_size(imago_heap *heap)
{
	heap->header.data_size -= 8;
}

static void
move_base(imago_heap *heap)
{
	heap->header.old_base_address += 8;
}

static void
grow_first_segment_size(imago_heap *heap)
{
	heap->header.first_segment_size += 8;
}

static void
move_segment_1(imago_heap *heap)
{
	heap->segments[1].start += 8;
}

static void
shrink_segment_1(imago_heap *heap)
{
	heap->segments[1].size -= 16;
	heap->header.data_size -= 16;
}

static void
forget_segment_1(imago_heap *heap)
{
	heap->num_segments = 1;
	heap->header.data_size -= heap->segments[1].size + heap->segments[1].bridge_size;
}

static void
forget_all_segments(imago_heap *heap)
{
	heap->num_segments = 0;
}

static void
empty_segment_1(imago_heap *heap)
{
	heap->header.data_size -= heap->segments[1].size;
	heap->segments[1].size = 0;
}

static void
make_segment_1_permanent(imago_heap *heap)
{
	heap->segments[1].space = IMAGO_SPACE_PERM;
}

static void
take_bridge_1_away(imago_heap *heap)
{
	heap->segments[1].bridge_size = 0;
}

static void
have_bridges_in_memory_style(imago_heap *heap)
{
	heap->bridges = IMAGO_BRIDGES_MEMORY;
}

static void
have_another_model(imago_heap *heap)
{
	heap->model = IMAGO_V3;
}

static void
have_a_v3_number(imago_heap *heap)
{
	heap->header.image_format = 6505;
}

static void
have_the_other_word_size(imago_heap *heap)
{
	heap->header.image_format = heap->layout.word_bytes == 8 ? 6521 : 68021;
}

static void
have_an_obsolete_number(imago_heap *heap)
{
	heap->header.image_format = 68019;
}

static void
have_no_known_number(imago_heap *heap)
{
	heap->header.image_format = 1;
}

static void
have_too_many_stack_pages(imago_heap *heap)
{
	heap->header.num_stack_pages = 65536;
}

static void
have_too_large_an_eden(imago_heap *heap)
{
	heap->header.eden_bytes = UINT64_C(1) << 32;
}

static void
have_a_short_header(imago_heap *heap)
{
	heap->header.header_size = 48;
}

static void
have_a_long_header(imago_heap *heap)
{
	heap->header.header_size = 65544;
}

static void
have_an_unaligned_header(imago_heap *heap)
{
	heap->header.header_size += 4;
}

static void
have_no_room_for_the_header_tail(imago_heap *heap)
{
	heap->header.header_size -= 8;
}

static void
have_a_prefix_of_one_byte(imago_heap *heap)
{
	heap->wrapping.prefix = heap->segments[0].bytes;
	heap->wrapping.prefix_size = 1;
}

static const struct {
	damage_fn *damage;
	imago_status status;
	const char *noun;
} unwritable[] = {
    {grow_data_size, IMAGO_ESTRUCTURE, "dataSize"},
    {shrink_data_size, IMAGO_ESTRUCTURE, "dataSize"},
    {move_base, IMAGO_ESTRUCTURE, "oldBaseAddr"},
    {grow_first_segment_size, IMAGO_ESTRUCTURE, "firstSegSize"},
    {move_segment_1, IMAGO_ESTRUCTURE, "bridge span"},
    {shrink_segment_1, IMAGO_ESTRUCTURE, "next segment size"},
    {forget_segment_1, IMAGO_ESTRUCTURE, "next segment size"},
    {forget_all_segments, IMAGO_EUNSUPPORTED, "a heap without segments"},
    {empty_segment_1, IMAGO_ESTRUCTURE, "next segment size"},
    {make_segment_1_permanent, IMAGO_EUNSUPPORTED, "permanent space"},
    {take_bridge_1_away, IMAGO_EUNSUPPORTED, "a segment without a bridge"},
    {have_bridges_in_memory_style, IMAGO_EUNSUPPORTED, "bridges in memory style"},
    {have_another_model, IMAGO_EUNSUPPORTED, "a heap that is not Spur"},
    {have_a_v3_number, IMAGO_EVERSION, NULL},
    {have_the_other_word_size, IMAGO_EVERSION, NULL},
    {have_an_obsolete_number, IMAGO_EVERSION, "format number 68019 (obsolete 64-bit Spur)"},
    {have_no_known_number, IMAGO_EVERSION, "format number"},
    {have_too_many_stack_pages, IMAGO_ERANGE, "hdrNumStackPages"},
    {have_too_large_an_eden, IMAGO_ERANGE, "hdrEdenBytes"},
    {have_a_short_header, IMAGO_ERANGE, "imageHeaderSize"},
    {have_a_long_header, IMAGO_ERANGE, "imageHeaderSize"},
    {have_an_unaligned_header, IMAGO_EALIGN, "imageHeaderSize"},
    {have_no_room_for_the_header_tail, IMAGO_EUSAGE, "header tail"},
    {have_a_prefix_of_one_byte, IMAGO_EUSAGE, "prefix"},
};

static void
assert_not_written(classic_reading *reading, imago_status status, const char *noun)
{
	imago_writer writer;
	imago_error error = {0};
	imago_writer_init(&writer, &reading->allocator, reading->heap->layout, &error);
	imago_write_u16(&writer, 0x4242);
	assert_string_equal(imago_status_name(imago_spur_write(reading->heap, &writer)),
	                    imago_status_name(status));
	assert_int_equal(error.status, status);
	if (noun != NULL) {
		assert_string_equal(error.what, noun);
	}
	assert_int_equal(writer.size, 2);
	assert_int_equal(writer.status, status);
	assert_int_equal(imago_spur_write(reading->heap, &writer), status);
	imago_writer_release(&writer);
}

static void
a_heap_that_would_not_be_read_back_is_not_written(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_FLAVOURS; i++) {
		classic_plan plan = flavours[i];
		plan.num_segments = 2;
		plan.gap = 16;
		classic_file file = classic_file_make(plan);
		for (unsigned k = 0; k < sizeof unwritable / sizeof unwritable[0]; k++) {
			classic_reading reading;
			classic_open(&reading, &spur, &file);
			unwritable[k].damage(reading.heap);
			assert_not_written(&reading, unwritable[k].status, unwritable[k].noun);
			classic_close(&reading);
		}
		classic_file_release(&file);
	}
}

static void
a_segment_too_small_for_the_reader_is_not_written(void **state)
{
	(void)state;
	uint8_t bridge[16] = {0};
	imago_segment segment = {.start = 8, .bridge_size = 16, .bytes = bridge};
	for (unsigned k = 0; k < 2; k++) { /* an empty segment, then a damaged bridge */
		classic_file file = classic_file_make((classic_plan){.number = 68021});
		classic_reading reading;
		classic_open(&reading, &spur, &file);
		if (k == 0) {
			reading.heap->segments[0] = segment;
			reading.heap->header.old_base_address = 8;
			reading.heap->header.data_size = 16;
			reading.heap->header.first_segment_size = 16;
			assert_not_written(&reading, IMAGO_ERANGE, "segment size");
		} else {
			classic_store(&file, classic_bridge_offset(&file, 0), 8, UINT64_C(7) << 56);
			assert_not_written(&reading, IMAGO_ESTRUCTURE, "bridge");
		}
		classic_close(&reading);
		classic_file_release(&file);
	}
}

/* A prefix that begins with a number would be taken for the header itself. */
static void
a_prefix_that_looks_like_a_header_is_not_written(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		classic_file file =
		    classic_file_make((classic_plan){.number = 6521, .prefix_size = CLASSIC_PREFIX_SIZE});
		classic_reading reading;
		classic_open(&reading, &spur, &file);
		const uint8_t number[2][4] = {{0x79, 0x19, 0, 0}, {0, 0, 0x19, 0x79}};
		memcpy(file.bytes, number[i], 4);
		assert_not_written(&reading, IMAGO_EUSAGE, "prefix");
		classic_close(&reading);
		classic_file_release(&file);
	}
}

static void
a_header_without_a_tail_is_filled_up_with_zeros(void **state)
{
	(void)state;
	classic_file file = classic_file_make((classic_plan){.number = 6521});
	classic_reading reading;
	classic_open(&reading, &spur, &file);
	reading.heap->wrapping.header_tail_size = 3;
	imago_writer writer;
	imago_writer_init(&writer, &reading.allocator, reading.heap->layout, &reading.error);
	assert_int_equal(imago_spur_write(reading.heap, &writer), IMAGO_OK);
	memset(file.bytes + 56 + 3, 0, 5);
	assert_int_equal(writer.size, file.size);
	assert_memory_equal(writer.bytes, file.bytes, (size_t)file.size);
	imago_writer_release(&writer);
	classic_close(&reading);
	classic_file_release(&file);
}

static void
the_file_has_the_layout_of_the_heap_whatever_the_writer_is_set_to(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_FLAVOURS; i++) {
		classic_file file = classic_file_make(flavours[i]);
		classic_reading reading;
		classic_open(&reading, &spur, &file);
		imago_layout other = {.word_bytes = (uint8_t)(12 - reading.heap->layout.word_bytes),
		                      .byte_order =
		                          file.plan.big_endian ? IMAGO_LITTLE_ENDIAN : IMAGO_BIG_ENDIAN};
		imago_writer writer;
		imago_writer_init(&writer, &reading.allocator, other, NULL);
		imago_write_u16(&writer, 0);
		assert_int_equal(imago_spur_write(reading.heap, &writer), IMAGO_OK);
		assert_int_equal(writer.size, 2 + file.size);
		assert_memory_equal(writer.bytes + 2, file.bytes, (size_t)file.size);
		assert_true(imago_layout_equal(writer.layout, other));
		imago_writer_release(&writer);
		classic_close(&reading);
		classic_file_release(&file);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_heap_that_would_not_be_read_back_is_not_written),
	    cmocka_unit_test(a_segment_too_small_for_the_reader_is_not_written),
	    cmocka_unit_test(a_prefix_that_looks_like_a_header_is_not_written),
	    cmocka_unit_test(a_header_without_a_tail_is_filled_up_with_zeros),
	    cmocka_unit_test(the_file_has_the_layout_of_the_heap_whatever_the_writer_is_set_to),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* v3_test.c: the classic Squeak file before Spur, section by section of formats/v3/v3.md. */
#include "imago/v3_image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "classic_file.h"

static const classic_format v3 = {imago_v3_read, imago_v3_write};

static const classic_plan flavours[] = {
    {.number = 6502}, {.number = 6502, .big_endian = true},
    {.number = 6504}, {.number = 6504, .big_endian = true},
    {.number = 6505}, {.number = 6505, .big_endian = true},
};

enum { NUM_FLAVOURS = sizeof flavours / sizeof flavours[0], DATA_SIZE = 12 };

/* §1 */

static void
every_supported_number_is_read_in_both_byte_orders(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_FLAVOURS; i++) {
		classic_file file = classic_file_make(flavours[i]);
		classic_reading reading;
		classic_open(&reading, &v3, &file);
		assert_int_equal(reading.heap->model, IMAGO_V3);
		assert_int_equal(reading.heap->layout.word_bytes, 4);
		assert_int_equal(reading.heap->layout.byte_order,
		                 file.plan.big_endian ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN);
		assert_int_equal(reading.heap->bridges, IMAGO_BRIDGES_NONE);
		assert_int_equal(reading.heap->header.image_format, flavours[i].number);
		classic_close(&reading);
		assert_round_trip(&v3, file.bytes, file.size);
		classic_file_release(&file);
	}
}

static void
assert_refused_by_name(const uint8_t *bytes, uint64_t size, unsigned number)
{
	imago_allocator allocator;
	imago_error error = {0};
	imago_heap *heap = NULL;
	char decimal[16];
	snprintf(decimal, sizeof decimal, "%u", number);
	imago_allocator_init(&allocator, 0);
	imago_status status = imago_v3_read(&heap, bytes, size, &allocator, &error);
	assert_int_equal(status, IMAGO_EVERSION);
	assert_non_null(strstr(error.what, decimal));
	assert_int_equal(error.found, number);
	assert_int_equal(error.offset, 0);
	assert_int_equal(allocator.num_calls, 0);
}

static void
known_numbers_of_other_formats_are_refused_by_name(void **state)
{
	(void)state;
	const uint32_t numbers[] = {6501, 68000, 68002, 68003, 68019, 6521, 7033, 68021, 68533};
	for (unsigned i = 0; i < 2 * sizeof numbers / sizeof numbers[0]; i++) {
		classic_file file = classic_file_make((classic_plan){.number = 6502, .big_endian = i % 2});
		classic_set_field(&file, FIELD_IMAGE_FORMAT, numbers[i / 2]);
		assert_refused_by_name(file.bytes, file.size, numbers[i / 2]);
		classic_file_release(&file);
	}
}

/* They begin with the number as one 64-bit word, so big-endian ones begin with four zero bytes. */
static void
big_endian_files_of_64_bit_v3_are_refused_by_name(void **state)
{
	(void)state;
	const uint32_t numbers[] = {68000, 68002, 68003};
	for (unsigned i = 0; i < 3; i++) {
		classic_file file = classic_file_make((classic_plan){.number = 6502, .big_endian = true});
		classic_store(&file, 0, 8, numbers[i]);
		assert_refused_by_name(file.bytes, file.size, numbers[i]);
		assert_refused_by_name(file.bytes, 8, numbers[i]);
		classic_store(&file, 0, 8, UINT64_C(1) << 32 | numbers[i]);
		assert_refused(&v3, &file, IMAGO_EMAGIC, "imageFormat");
		classic_store(&file, 0, 8, 6502); /* a 32-bit number in the place of a 64-bit one */
		assert_refused(&v3, &file, IMAGO_EMAGIC, "imageFormat");
		classic_file_release(&file);
	}
}

static void
a_prefix_of_512_bytes_is_skipped_and_kept(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_FLAVOURS; i++) {
		classic_plan plan = flavours[i];
		plan.prefix_size = CLASSIC_PREFIX_SIZE;
		classic_file file = classic_file_make(plan);
		classic_reading reading;
		classic_open(&reading, &v3, &file);
		assert_int_equal(reading.heap->wrapping.prefix_size, CLASSIC_PREFIX_SIZE);
		assert_int_equal(reading.heap->segments[0].offset, CLASSIC_PREFIX_SIZE + 64);
		classic_close(&reading);
		assert_round_trip(&v3, file.bytes, file.size);
		classic_file_release(&file);
	}
}

/* §2 */

static void
the_heap_is_one_segment_of_dataSize_bytes_at_oldBaseAddr(void **state)
{
	(void)state;
	const uint32_t bases[] = {0, 4, 0x40, 0x10040000, 0xB731F000};
	for (unsigned i = 0; i < NUM_FLAVOURS * 5; i++) {
		classic_plan plan = flavours[i % NUM_FLAVOURS];
		plan.trailing_size = i % 9;
		classic_file file = classic_file_make(plan);
		classic_set_field(&file, FIELD_OLD_BASE_ADDRESS, bases[i / NUM_FLAVOURS]);
		classic_reading reading;
		classic_open(&reading, &v3, &file);
		const imago_segment *segment = &reading.heap->segments[0];
		assert_int_equal(reading.heap->num_segments, 1);
		assert_int_equal(segment->start, bases[i / NUM_FLAVOURS]);
		assert_int_equal(segment->size, DATA_SIZE);
		assert_int_equal(segment->bridge_size, 0);
		assert_int_equal(segment->offset, 64);
		assert_ptr_equal(segment->bytes, file.bytes + 64);
		assert_null(segment->writable);
		assert_int_equal(segment->space, IMAGO_SPACE_OLD);
		assert_int_equal(reading.heap->wrapping.trailing_size, plan.trailing_size);
		classic_close(&reading);
		assert_round_trip(&v3, file.bytes, file.size);
		classic_file_release(&file);
	}
}

static void
header_sizes_go_in_steps_of_four_bytes(void **state)
{
	(void)state;
	const uint64_t sizes[] = {56, 60, 64, 68, 128, 65532, 65536};
	for (unsigned i = 0; i < NUM_FLAVOURS; i++) {
		for (unsigned k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
			classic_plan plan = flavours[i];
			plan.header_size = sizes[k];
			classic_file file = classic_file_make(plan);
			assert_round_trip(&v3, file.bytes, file.size);
			classic_file_release(&file);
		}
	}
}

/* Fields that V3 does not use are kept; the checker may speak of them. */
static void
fields_without_a_meaning_in_v3_are_kept(void **state)
{
	(void)state;
	classic_file file = classic_file_make((classic_plan){.number = 6505, .big_endian = true});
	for (unsigned field = FIELD_OLD_BASE_ADDRESS + 1; field < NUM_FIELDS; field++) {
		classic_set_field(&file, field, UINT64_C(0x1234567) * field);
	}
	classic_reading reading;
	classic_open(&reading, &v3, &file);
	assert_int_equal(reading.heap->header.first_segment_size, 0x1234567 * 14);
	assert_int_equal(reading.heap->header.free_old_space, 0x1234567 * 15);
	classic_close(&reading);
	assert_round_trip(&v3, file.bytes, file.size);
	classic_file_release(&file);
}

static void
a_heap_may_end_at_the_top_of_the_address_space(void **state)
{
	(void)state;
	classic_file file = classic_file_make((classic_plan){.number = 6502});
	classic_set_field(&file, FIELD_OLD_BASE_ADDRESS, UINT32_MAX - DATA_SIZE + 1);
	assert_round_trip(&v3, file.bytes, file.size);
	classic_file_release(&file);
}

/* §11 */

static const struct {
	const char *name;
	unsigned field;
	uint32_t value;
	imago_status status;
	const char *noun;
} hostile_rows[] = {
    {"header size 0", 1, 0, IMAGO_ERANGE, "imageHeaderSize"},
    {"header ends in its fields", 1, 52, IMAGO_ERANGE, "imageHeaderSize"},
    {"odd header size", 1, 63, IMAGO_EALIGN, "imageHeaderSize"},
    {"half-aligned header size", 1, 66, IMAGO_EALIGN, "imageHeaderSize"},
    {"header past the file", 1, 80, IMAGO_ETRUNCATED, "imageHeaderSize"},
    {"header over its limit", 1, 65540, IMAGO_ERANGE, "imageHeaderSize"},
    {"header of 2^31", 1, UINT32_C(1) << 31, IMAGO_ERANGE, "imageHeaderSize"},
    {"header of 2^32-1", 1, UINT32_MAX, IMAGO_ERANGE, "imageHeaderSize"},
    {"no data", 2, 0, IMAGO_ERANGE, "dataSize"},
    {"data not aligned", 2, 10, IMAGO_EALIGN, "dataSize"},
    {"data past the file", 2, 16, IMAGO_ETRUNCATED, "dataSize"},
    {"data of 2^31", 2, UINT32_C(1) << 31, IMAGO_ETRUNCATED, "dataSize"},
    {"data of 2^32-4", 2, UINT32_MAX - 3, IMAGO_ETRUNCATED, "dataSize"},
    {"data of 2^32-1", 2, UINT32_MAX, IMAGO_ETRUNCATED, "dataSize"},
    {"base not aligned", 3, 0x10002, IMAGO_EALIGN, "oldBaseAddr"},
    {"base and size wrap", 3, UINT32_MAX - 7, IMAGO_ERANGE, "oldBaseAddr"},
};

static void
every_hostile_row_is_refused_with_its_status_and_noun(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_FLAVOURS; i++) {
		for (unsigned k = 0; k < sizeof hostile_rows / sizeof hostile_rows[0]; k++) {
			classic_file file = classic_file_make(flavours[i]);
			classic_set_field(&file, hostile_rows[k].field, hostile_rows[k].value);
			assert_refused(&v3, &file, hostile_rows[k].status, hostile_rows[k].noun);
			classic_file_release(&file);
		}
	}
}

static void
every_prefix_fails_cleanly(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_FLAVOURS; i++) {
		classic_plan plan = flavours[i];
		for (unsigned k = 0; k < 2; k++) {
			plan.prefix_size = k == 0 ? 0 : CLASSIC_PREFIX_SIZE;
			classic_file file = classic_file_make(plan);
			assert_every_prefix_fails_cleanly(&v3, file.bytes, file.size);
			classic_file_release(&file);
		}
	}
}

static void
every_allocation_failure_is_reported(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_FLAVOURS; i++) {
		classic_file file = classic_file_make(flavours[i]);
		assert_reading_and_writing_report_every_allocation_failure(&v3, file.bytes, file.size);
		classic_file_release(&file);
	}
}

static void
every_bit_flip_is_refused_or_written_back_as_it_is(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_FLAVOURS; i++) {
		classic_plan plan = flavours[i];
		plan.trailing_size = 32;
		classic_file file = classic_file_make(plan);
		assert_every_bit_flip_is_refused_or_kept(&v3, file.bytes, file.size);
		classic_file_release(&file);
	}
}

/* The writer */

typedef void damage_fn(imago_heap *heap);

static void
grow_data_size(imago_heap *heap)
{
	heap->header.data_size += 4;
}

static void
empty_the_segment(imago_heap *heap)
{
	heap->header.data_size = 0;
	heap->segments[0].size = 0;
}

static void
move_base(imago_heap *heap)
{
	heap->header.old_base_address += 4;
}

static void
have_two_segments(imago_heap *heap)
{
	heap->num_segments = 2; /* there is room for four */
}

static void
have_a_bridge(imago_heap *heap)
{
	heap->segments[0].bridge_size = 16;
}

static void
have_another_model(imago_heap *heap)
{
	heap->model = IMAGO_SPUR;
}

static void
have_a_spur_number(imago_heap *heap)
{
	heap->header.image_format = 6521;
}

static void
have_an_unsupported_number(imago_heap *heap)
{
	heap->header.image_format = 6501;
}

static void
have_too_wide_a_hash(imago_heap *heap)
{
	heap->header.last_hash = UINT64_C(1) << 32;
}

static void
have_an_unaligned_header(imago_heap *heap)
{
	heap->header.header_size += 2;
}

static void
have_no_room_for_the_header_tail(imago_heap *heap)
{
	heap->header.header_size -= 4;
}

static const struct {
	damage_fn *damage;
	imago_status status;
	const char *noun;
} unwritable[] = {
    {grow_data_size, IMAGO_ESTRUCTURE, "dataSize"},
    {empty_the_segment, IMAGO_ERANGE, "dataSize"},
    {move_base, IMAGO_ESTRUCTURE, "oldBaseAddr"},
    {have_two_segments, IMAGO_EUNSUPPORTED, "number of segments"},
    {have_a_bridge, IMAGO_EUNSUPPORTED, "a segment with a bridge"},
    {have_another_model, IMAGO_EUNSUPPORTED, "a heap that is not V3"},
    {have_a_spur_number, IMAGO_EVERSION, "format number 6521 (32-bit Spur)"},
    {have_an_unsupported_number, IMAGO_EVERSION, "format number 6501 (V3 before its release)"},
    {have_too_wide_a_hash, IMAGO_ERANGE, "hdrLastHash"},
    {have_an_unaligned_header, IMAGO_EALIGN, "imageHeaderSize"},
    {have_no_room_for_the_header_tail, IMAGO_EUSAGE, "header tail"},
};

static void
a_heap_that_would_not_be_read_back_is_not_written(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_FLAVOURS * sizeof unwritable / sizeof unwritable[0]; i++) {
		classic_file file = classic_file_make(flavours[i % NUM_FLAVOURS]);
		classic_reading reading;
		classic_open(&reading, &v3, &file);
		unwritable[i / NUM_FLAVOURS].damage(reading.heap);
		imago_writer writer;
		imago_error error = {0};
		imago_writer_init(&writer, &reading.allocator, reading.heap->layout, &error);
		imago_status status = imago_v3_write(reading.heap, &writer);
		assert_string_equal(imago_status_name(status),
		                    imago_status_name(unwritable[i / NUM_FLAVOURS].status));
		assert_string_equal(error.what, unwritable[i / NUM_FLAVOURS].noun);
		assert_int_equal(writer.size, 0);
		assert_int_equal(writer.status, status);
		assert_int_equal(imago_v3_write(reading.heap, &writer), status);
		imago_writer_release(&writer);
		classic_close(&reading);
		classic_file_release(&file);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_supported_number_is_read_in_both_byte_orders),
	    cmocka_unit_test(known_numbers_of_other_formats_are_refused_by_name),
	    cmocka_unit_test(big_endian_files_of_64_bit_v3_are_refused_by_name),
	    cmocka_unit_test(a_prefix_of_512_bytes_is_skipped_and_kept),
	    cmocka_unit_test(the_heap_is_one_segment_of_dataSize_bytes_at_oldBaseAddr),
	    cmocka_unit_test(header_sizes_go_in_steps_of_four_bytes),
	    cmocka_unit_test(fields_without_a_meaning_in_v3_are_kept),
	    cmocka_unit_test(a_heap_may_end_at_the_top_of_the_address_space),
	    cmocka_unit_test(every_hostile_row_is_refused_with_its_status_and_noun),
	    cmocka_unit_test(every_prefix_fails_cleanly),
	    cmocka_unit_test(every_allocation_failure_is_reported),
	    cmocka_unit_test(every_bit_flip_is_refused_or_written_back_as_it_is),
	    cmocka_unit_test(a_heap_that_would_not_be_read_back_is_not_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

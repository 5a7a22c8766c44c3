/* spur_test.c: reading and rewriting the classic Spur file, section by section of
 * formats/spur/spur.md. */
#include "imago/spur_image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
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

/* §1 */

static void
every_supported_number_is_read_in_both_byte_orders(void **state)
{
	(void)state;
	const uint32_t numbers[] = {6521, 7033, 68021, 68533};
	for (unsigned i = 0; i < 8; i++) {
		classic_file file =
		    classic_file_make((classic_plan){.number = numbers[i / 2], .big_endian = i % 2});
		classic_reading reading;
		classic_open(&reading, &spur, &file);
		assert_int_equal(reading.heap->model, IMAGO_SPUR);
		assert_int_equal(reading.heap->layout.word_bytes, numbers[i / 2] > 65536 ? 8 : 4);
		assert_int_equal(reading.heap->layout.byte_order,
		                 i % 2 ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN);
		assert_int_equal(reading.heap->header.image_format, numbers[i / 2]);
		assert_int_equal(reading.heap->bridges, IMAGO_BRIDGES_FILE);
		classic_close(&reading);
		assert_round_trip(&spur, file.bytes, file.size);
		classic_file_release(&file);
	}
}

static void
known_numbers_of_other_formats_are_refused_by_name(void **state)
{
	(void)state;
	const uint32_t numbers[] = {68019, 68000, 68002, 68003, 6501, 6502, 6504, 6505};
	for (unsigned i = 0; i < 2 * sizeof numbers / sizeof numbers[0]; i++) {
		classic_file file = classic_file_make((classic_plan){.number = 6521, .big_endian = i % 2});
		classic_set_field(&file, FIELD_IMAGE_FORMAT, numbers[i / 2]);
		imago_allocator allocator;
		imago_error error = {0};
		imago_heap *heap = NULL;
		char decimal[16];
		snprintf(decimal, sizeof decimal, "%u", (unsigned)numbers[i / 2]);
		imago_allocator_init(&allocator, 0);
		imago_status status = imago_spur_read(&heap, file.bytes, file.size, &allocator, &error);
		assert_int_equal(status, IMAGO_EVERSION);
		assert_non_null(strstr(error.what, decimal));
		assert_int_equal(error.found, numbers[i / 2]);
		assert_int_equal(allocator.num_calls, 0);
		classic_file_release(&file);
	}
}

static void
numbers_are_compared_not_masked(void **state)
{
	(void)state;
	const uint32_t numbers[] = {0, 1, 6520, 6521 + 0x2000, 68001, 68020, 68021 + 0x10000, ~0u};
	for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		classic_file file = classic_file_make((classic_plan){.number = 68021});
		classic_set_field(&file, FIELD_IMAGE_FORMAT, numbers[i]);
		assert_refused(&spur, &file, IMAGO_EMAGIC, "imageFormat");
		classic_file_release(&file);
	}
}

/* §2 */

static void
a_prefix_of_512_bytes_is_skipped_and_kept(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_FLAVOURS; i++) {
		classic_plan plan = flavours[i];
		plan.prefix_size = CLASSIC_PREFIX_SIZE;
		classic_file file = classic_file_make(plan);
		memcpy(file.bytes, "#!/usr/bin/env squeak\n", 22);
		classic_reading reading;
		classic_open(&reading, &spur, &file);
		assert_int_equal(reading.heap->wrapping.prefix_size, CLASSIC_PREFIX_SIZE);
		assert_ptr_equal(reading.heap->wrapping.prefix, file.bytes);
		assert_int_equal(reading.heap->segments[0].offset, classic_segment_offset(&file, 0));
		classic_close(&reading);
		assert_round_trip(&spur, file.bytes, file.size);
		classic_file_release(&file);
	}
}

static void
a_prefix_of_another_size_hides_the_number(void **state)
{
	(void)state;
	for (uint64_t prefix_size = 256; prefix_size <= 1024; prefix_size += 128) {
		if (prefix_size != CLASSIC_PREFIX_SIZE) {
			classic_file file =
			    classic_file_make((classic_plan){.number = 6521, .prefix_size = prefix_size});
			assert_refused(&spur, &file, IMAGO_EMAGIC, "imageFormat");
			classic_file_release(&file);
		}
	}
}

/* §3 */

static void
every_field_lands_in_its_member(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_FLAVOURS; i++) {
		classic_file file = classic_file_make(flavours[i]);
		for (unsigned field = FIELD_OLD_BASE_ADDRESS + 1; field < NUM_FIELDS; field++) {
			if (field != FIELD_FIRST_SEGMENT_SIZE) {
				unsigned shift = 64 - 8 * classic_field_width(&file, field);
				classic_set_field(&file, field, UINT64_C(0xF1E2D3C4B5A69780) >> shift | field);
			}
		}
		classic_reading reading;
		classic_open(&reading, &spur, &file);
		const imago_image_header *header = &reading.heap->header;
		const uint64_t members[NUM_FIELDS] = {
		    header->image_format,
		    header->header_size,
		    header->data_size,
		    header->old_base_address,
		    header->special_objects_oop,
		    header->last_hash,
		    header->saved_window_size,
		    header->flags,
		    header->extra_vm_memory,
		    header->num_stack_pages,
		    header->cog_code_size,
		    header->eden_bytes,
		    header->max_ext_sem_table_size,
		    header->image_version,
		    header->first_segment_size,
		    header->free_old_space,
		};
		for (unsigned field = 0; field < NUM_FIELDS; field++) {
			assert_int_equal(members[field], classic_load(&file, classic_field_offset(&file, field),
			                                              classic_field_width(&file, field)));
		}
		classic_close(&reading);
		assert_round_trip(&spur, file.bytes, file.size);
		classic_file_release(&file);
	}
}

static void
headers_of_any_size_that_holds_the_fields_are_read_and_their_tails_kept(void **state)
{
	(void)state;
	const uint64_t sizes[] = {0, 8, 40, 128, 4096, 65536 - 88};
	for (unsigned i = 0; i < NUM_FLAVOURS; i++) {
		for (unsigned k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
			classic_plan plan = flavours[i];
			plan.header_size = (plan.number > 65536 ? 88 : 56) + sizes[k];
			classic_file file = classic_file_make(plan);
			classic_reading reading;
			classic_open(&reading, &spur, &file);
			assert_int_equal(reading.heap->wrapping.header_tail_size, sizes[k]);
			assert_int_equal(reading.heap->segments[0].offset, plan.header_size);
			classic_close(&reading);
			assert_round_trip(&spur, file.bytes, file.size);
			classic_file_release(&file);
		}
	}
}

/* §4 */

static void
the_order_of_float_words_comes_from_the_flags(void **state)
{
	(void)state;
	for (unsigned flags = 0; flags < 4; flags++) {
		classic_file file = classic_file_make((classic_plan){.number = 6521});
		classic_set_field(&file, FIELD_FLAGS, flags);
		classic_reading reading;
		classic_open(&reading, &spur, &file);
		assert_int_equal(imago_heap_floats_low_word_first(reading.heap), flags >> 1);
		classic_close(&reading);
		classic_file_release(&file);
	}
}

/* §12 */

static void
assert_segments_are_where_they_were_put(const classic_file *file)
{
	classic_reading reading;
	classic_open(&reading, &spur, file);
	assert_int_equal(reading.heap->num_segments, file->plan.num_segments);
	for (unsigned k = 0; k < file->plan.num_segments; k++) {
		const imago_segment *segment = &reading.heap->segments[k];
		assert_int_equal(segment->start, classic_segment_start(file, k));
		assert_int_equal(segment->size, classic_segment_size(file, k) - 16);
		assert_int_equal(segment->bridge_size, 16);
		assert_int_equal(segment->offset, classic_segment_offset(file, k));
		assert_ptr_equal(segment->bytes, file->bytes + segment->offset);
		assert_null(segment->writable);
		assert_int_equal(segment->space, IMAGO_SPACE_OLD);
		assert_string_equal(segment->part, "");
	}
	assert_int_equal(reading.heap->wrapping.trailing_size, file->plan.trailing_size);
	classic_close(&reading);
}

static void
segments_are_found_with_and_without_gaps(void **state)
{
	(void)state;
	const unsigned counts[] = {1, 2, 3, 17, 100};
	const uint64_t gaps[] = {0, 8, 0x10000, UINT64_C(1) << 25};
	for (unsigned i = 0; i < NUM_FLAVOURS * 5 * 4; i++) {
		classic_plan plan = flavours[i % NUM_FLAVOURS];
		plan.num_segments = counts[i / NUM_FLAVOURS % 5];
		plan.gap = gaps[i / (NUM_FLAVOURS * 5)];
		plan.trailing_size = i % 3;
		classic_file file = classic_file_make(plan);
		assert_segments_are_where_they_were_put(&file);
		assert_round_trip(&spur, file.bytes, file.size);
		classic_file_release(&file);
	}
}

static void
a_gap_of_more_than_32_bits_is_found_in_64_bits(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		classic_file file = classic_file_make((classic_plan){
		    .number = 68021, .big_endian = i, .num_segments = 3, .gap = UINT64_C(1) << 58});
		assert_segments_are_where_they_were_put(&file);
		assert_round_trip(&spur, file.bytes, file.size);
		classic_file_release(&file);
	}
}

static void
a_heap_may_end_at_the_top_of_a_32_bit_address_space(void **state)
{
	(void)state;
	classic_file file = classic_file_make((classic_plan){.number = 6521});
	uint64_t top = (UINT64_C(1) << 32) - classic_segment_size(&file, 0);
	classic_set_field(&file, FIELD_OLD_BASE_ADDRESS, top);
	assert_round_trip(&spur, file.bytes, file.size);
	classic_set_field(&file, FIELD_OLD_BASE_ADDRESS, top + 8);
	assert_refused(&spur, &file, IMAGO_ERANGE, "oldBaseAddr");
	classic_file_release(&file);
}

/* The last bridge leads nowhere: its first half is kept and means nothing. */
static void
the_last_bridge_may_be_all_zero_or_carry_a_span(void **state)
{
	(void)state;
	const uint64_t firsts[] = {0, UINT64_C(0xFF) << 56, UINT64_MAX, UINT64_C(0xFF) << 56 | 1,
	                           UINT64_MAX >> 8};
	for (unsigned i = 0; i < NUM_FLAVOURS; i++) {
		for (unsigned k = 0; k < sizeof firsts / sizeof firsts[0]; k++) {
			classic_plan plan = flavours[i];
			plan.num_segments = 2;
			classic_file file = classic_file_make(plan);
			classic_store(&file, classic_bridge_offset(&file, 1), 8, firsts[k]);
			assert_segments_are_where_they_were_put(&file);
			assert_round_trip(&spur, file.bytes, file.size);
			classic_file_release(&file);
		}
	}
}

static void
a_long_bridge_may_span_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_FLAVOURS; i++) {
		classic_plan plan = flavours[i];
		plan.num_segments = 2;
		classic_file file = classic_file_make(plan);
		classic_store(&file, classic_bridge_offset(&file, 0), 8, UINT64_C(0xFF) << 56);
		assert_segments_are_where_they_were_put(&file);
		assert_round_trip(&spur, file.bytes, file.size);
		classic_file_release(&file);
	}
}

/* §17, what is represented and left to the checker */

static void
data_behind_the_last_segment_is_kept_as_trailing_bytes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_FLAVOURS; i++) {
		classic_plan plan = flavours[i];
		plan.num_segments = 2;
		plan.trailing_size = 100;
		classic_file file = classic_file_make(plan);
		uint64_t data_size = classic_segment_size(&file, 0) + classic_segment_size(&file, 1);
		for (uint64_t more = 0; more <= plan.trailing_size; more++) {
			classic_set_field(&file, FIELD_DATA_SIZE, data_size + more);
			assert_segments_are_where_they_were_put(&file);
			assert_round_trip(&spur, file.bytes, file.size);
		}
		classic_set_field(&file, FIELD_DATA_SIZE, data_size + plan.trailing_size + 1);
		assert_refused(&spur, &file, IMAGO_ETRUNCATED, "dataSize");
		classic_file_release(&file);
	}
}

/* A bridge that announces another segment within dataSize makes it one, whatever it holds. */
static void
trailing_bytes_that_a_bridge_announces_are_a_segment(void **state)
{
	(void)state;
	classic_file file = classic_file_make((classic_plan){.number = 68021, .trailing_size = 32});
	memset(file.bytes + file.size - 32, 0, 32);
	classic_store(&file, classic_bridge_offset(&file, 0) + 8, 8, 32);
	assert_refused(&spur, &file, IMAGO_ESTRUCTURE, "next segment size");
	classic_set_field(&file, FIELD_DATA_SIZE, classic_segment_size(&file, 0) + 32);
	classic_reading reading;
	classic_open(&reading, &spur, &file);
	assert_int_equal(reading.heap->num_segments, 2);
	assert_int_equal(reading.heap->segments[1].size, 16);
	assert_int_equal(reading.heap->wrapping.trailing_size, 0);
	classic_close(&reading);
	assert_round_trip(&spur, file.bytes, file.size);
	classic_file_release(&file);
}

static void
an_endless_chain_of_smallest_segments_ends_at_its_limit(void **state)
{
	(void)state;
	const uint64_t num_segments = IMAGO_MAX_SEGMENTS + 1;
	classic_file file =
	    classic_file_make((classic_plan){.number = 68021, .trailing_size = num_segments * 32});
	uint64_t heap = classic_segment_offset(&file, 0);
	memset(file.bytes + heap, 0, (size_t)(file.size - heap));
	classic_set_field(&file, FIELD_FIRST_SEGMENT_SIZE, 32);
	classic_set_field(&file, FIELD_DATA_SIZE, num_segments * 32);
	for (uint64_t k = 0; k + 1 < num_segments; k++) {
		classic_store(&file, heap + k * 32 + 24, 8, 32);
	}
	imago_allocator allocator;
	imago_error error = {0};
	imago_heap *heap_read = NULL;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_status status = imago_spur_read(&heap_read, file.bytes, file.size, &allocator, &error);
	assert_int_equal(status, IMAGO_ELIMIT);
	assert_int_equal(allocator.used, 0);
	assert_true(allocator.peak <= 4 * file.size + (UINT64_C(1) << 20));
	classic_store(&file, heap + (num_segments - 2) * 32 + 24, 8, 0);
	assert_round_trip(&spur, file.bytes, file.size);
	classic_file_release(&file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_supported_number_is_read_in_both_byte_orders),
	    cmocka_unit_test(known_numbers_of_other_formats_are_refused_by_name),
	    cmocka_unit_test(numbers_are_compared_not_masked),
	    cmocka_unit_test(a_prefix_of_512_bytes_is_skipped_and_kept),
	    cmocka_unit_test(a_prefix_of_another_size_hides_the_number),
	    cmocka_unit_test(every_field_lands_in_its_member),
	    cmocka_unit_test(headers_of_any_size_that_holds_the_fields_are_read_and_their_tails_kept),
	    cmocka_unit_test(the_order_of_float_words_comes_from_the_flags),
	    cmocka_unit_test(segments_are_found_with_and_without_gaps),
	    cmocka_unit_test(a_gap_of_more_than_32_bits_is_found_in_64_bits),
	    cmocka_unit_test(a_heap_may_end_at_the_top_of_a_32_bit_address_space),
	    cmocka_unit_test(the_last_bridge_may_be_all_zero_or_carry_a_span),
	    cmocka_unit_test(a_long_bridge_may_span_nothing),
	    cmocka_unit_test(data_behind_the_last_segment_is_kept_as_trailing_bytes),
	    cmocka_unit_test(trailing_bytes_that_a_bridge_announces_are_a_segment),
	    cmocka_unit_test(an_endless_chain_of_smallest_segments_ends_at_its_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* spur_hostile_test.c: what the reader of classic Spur files refuses (formats/spur/spur.md §17). */
#include "imago/spur_image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

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

typedef enum place {
	IN_FIELD,
	IN_BRIDGE_FIRST, /* first half of the bridge of segment index */
	IN_BRIDGE_NEXT,  /* its second half */
} place;

enum { BOTH_WIDTHS, ONLY_32, ONLY_64 };

typedef struct hostile_row {
	const char *name;
	place place;
	unsigned index;
	uint64_t value;
	int widths;
	imago_status status;
	const char *noun;
} hostile_row;

#define LONG_BRIDGE(words) (UINT64_C(0xFF) << 56 | (words))

static const hostile_row hostile_rows[] = {
    {"header size 0", IN_FIELD, 1, 0, BOTH_WIDTHS, IMAGO_ERANGE, "imageHeaderSize"},
    {"header ends in its fields", IN_FIELD, 1, 48, ONLY_32, IMAGO_ERANGE, "imageHeaderSize"},
    {"header ends in its fields", IN_FIELD, 1, 80, ONLY_64, IMAGO_ERANGE, "imageHeaderSize"},
    {"odd header size", IN_FIELD, 1, 129, BOTH_WIDTHS, IMAGO_EALIGN, "imageHeaderSize"},
    {"half-aligned header size", IN_FIELD, 1, 132, BOTH_WIDTHS, IMAGO_EALIGN, "imageHeaderSize"},
    {"header past the file", IN_FIELD, 1, 65536, BOTH_WIDTHS, IMAGO_ETRUNCATED, "imageHeaderSize"},
    {"header over its limit", IN_FIELD, 1, 65544, BOTH_WIDTHS, IMAGO_ERANGE, "imageHeaderSize"},
    {"no data", IN_FIELD, 2, 0, BOTH_WIDTHS, IMAGO_ESTRUCTURE, "firstSegSize"},
    {"data less than segment 0", IN_FIELD, 2, 63, BOTH_WIDTHS, IMAGO_ESTRUCTURE, "firstSegSize"},
    {"data less than the segments", IN_FIELD, 2, 239, BOTH_WIDTHS, IMAGO_ESTRUCTURE,
     "next segment size"},
    {"data past the file", IN_FIELD, 2, 241, BOTH_WIDTHS, IMAGO_ETRUNCATED, "dataSize"},
    {"data near 2^63", IN_FIELD, 2, INT64_MAX, ONLY_64, IMAGO_ETRUNCATED, "dataSize"},
    {"base 0", IN_FIELD, 3, 0, BOTH_WIDTHS, IMAGO_ERANGE, "oldBaseAddr"},
    {"base not aligned", IN_FIELD, 3, 0x10004, BOTH_WIDTHS, IMAGO_EALIGN, "oldBaseAddr"},
    {"base at the top", IN_FIELD, 3, UINT32_MAX - 7, ONLY_32, IMAGO_ERANGE, "oldBaseAddr"},
    {"base at the top", IN_FIELD, 3, UINT64_MAX - 7, ONLY_64, IMAGO_ERANGE, "oldBaseAddr"},
    {"segment 1 over the top", IN_FIELD, 3, UINT32_MAX - 79, ONLY_32, IMAGO_ERANGE,
     "next segment size"},
    {"segment 1 over the top", IN_FIELD, 3, UINT64_MAX - 79, ONLY_64, IMAGO_ERANGE,
     "next segment size"},
    {"segment 0 of 0", IN_FIELD, 14, 0, BOTH_WIDTHS, IMAGO_ERANGE, "firstSegSize"},
    {"segment 0 only a bridge", IN_FIELD, 14, 16, BOTH_WIDTHS, IMAGO_ERANGE, "firstSegSize"},
    {"segment 0 of 24", IN_FIELD, 14, 24, BOTH_WIDTHS, IMAGO_ERANGE, "firstSegSize"},
    {"segment 0 not aligned", IN_FIELD, 14, 68, BOTH_WIDTHS, IMAGO_EALIGN, "firstSegSize"},
    {"segment 0 past dataSize", IN_FIELD, 14, 248, BOTH_WIDTHS, IMAGO_ESTRUCTURE, "firstSegSize"},
    {"segment 1 only a bridge", IN_BRIDGE_NEXT, 0, 16, BOTH_WIDTHS, IMAGO_ERANGE,
     "next segment size"},
    {"segment 1 not aligned", IN_BRIDGE_NEXT, 0, 36, BOTH_WIDTHS, IMAGO_EALIGN,
     "next segment size"},
    {"segment 1 past dataSize", IN_BRIDGE_NEXT, 0, 184, BOTH_WIDTHS, IMAGO_ESTRUCTURE,
     "next segment size"},
    {"a segment behind the last", IN_BRIDGE_NEXT, 2, 32, BOTH_WIDTHS, IMAGO_ESTRUCTURE,
     "next segment size"},
    {"top byte 1", IN_BRIDGE_FIRST, 0, UINT64_C(1) << 56, BOTH_WIDTHS, IMAGO_ESTRUCTURE, "bridge"},
    {"top byte 254", IN_BRIDGE_FIRST, 0, UINT64_C(254) << 56, BOTH_WIDTHS, IMAGO_ESTRUCTURE,
     "bridge"},
    {"top byte 128, last", IN_BRIDGE_FIRST, 2, UINT64_C(128) << 56, BOTH_WIDTHS, IMAGO_ESTRUCTURE,
     "bridge"},
    {"widest span", IN_BRIDGE_FIRST, 0, UINT64_MAX, ONLY_32, IMAGO_ESTRUCTURE, "bridge span"},
    {"span around the address space", IN_BRIDGE_FIRST, 0, LONG_BRIDGE(UINT64_C(1) << 30), ONLY_32,
     IMAGO_ESTRUCTURE, "bridge span"},
    {"span in the upper half of a count", IN_BRIDGE_FIRST, 0, LONG_BRIDGE(UINT64_C(1) << 32),
     ONLY_32, IMAGO_ESTRUCTURE, "bridge span"},
    {"span not aligned", IN_BRIDGE_FIRST, 0, LONG_BRIDGE(1), ONLY_32, IMAGO_EALIGN, "bridge span"},
};

static void
put_hostile_value(classic_file *file, const hostile_row *row)
{
	if (row->place == IN_FIELD) {
		classic_set_field(file, row->index, row->value);
	} else {
		uint64_t bridge = classic_bridge_offset(file, row->index);
		classic_store(file, row->place == IN_BRIDGE_FIRST ? bridge : bridge + 8, 8, row->value);
	}
}

static void
every_hostile_row_is_refused_with_its_status_and_noun(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_FLAVOURS; i++) {
		for (unsigned k = 0; k < sizeof hostile_rows / sizeof hostile_rows[0]; k++) {
			const hostile_row *row = &hostile_rows[k];
			int width = flavours[i].number > 65536 ? ONLY_64 : ONLY_32;
			classic_plan plan = flavours[i];
			plan.num_segments = 3; /* of 64 + 80 + 96 = 240 bytes */
			plan.header_size = 128;
			if (row->widths != BOTH_WIDTHS && row->widths != width) {
				continue;
			}
			classic_file file = classic_file_make(plan);
			put_hostile_value(&file, row);
			assert_refused(&spur, &file, row->status, row->noun);
			classic_file_release(&file);
		}
	}
}

/* A wrap of 64-bit addresses needs a base near the top: spans alone reach 2^59. */
static void
spans_that_wrap_64_bit_addresses_are_refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		classic_file file = classic_file_make((classic_plan){
		    .number = 68021, .big_endian = i, .base = UINT64_C(31) << 59, .num_segments = 2});
		classic_store(&file, classic_bridge_offset(&file, 0), 8,
		              LONG_BRIDGE((UINT64_C(1) << 56) - 1));
		assert_refused(&spur, &file, IMAGO_ESTRUCTURE, "bridge span");
		classic_file_release(&file);
	}
}

static void
hostile_sizes_are_refused_before_any_allocation_of_that_size(void **state)
{
	(void)state;
	const uint64_t sizes[] = {UINT64_C(1) << 31, UINT32_MAX, UINT32_MAX - 7, UINT64_C(1) << 32,
	                          UINT64_C(1) << 62, UINT64_MAX, UINT64_MAX - 7};
	for (unsigned i = 0; i < NUM_FLAVOURS * sizeof sizes / sizeof sizes[0]; i++) {
		classic_plan plan = flavours[i % NUM_FLAVOURS];
		uint64_t value = sizes[i / NUM_FLAVOURS];
		plan.num_segments = 2;
		const unsigned fields[] = {FIELD_HEADER_SIZE, FIELD_DATA_SIZE, FIELD_FIRST_SEGMENT_SIZE};
		for (unsigned k = 0; k < 4; k++) {
			classic_file file = classic_file_make(plan);
			imago_status status = IMAGO_ESTRUCTURE;
			const char *noun = "next segment size";
			if (k == 3) {
				classic_store(&file, classic_bridge_offset(&file, 0) + 8, 8, value);
				status = value % 8 != 0 ? IMAGO_EALIGN : IMAGO_ESTRUCTURE;
			} else if (value <= UINT64_MAX >> (64 - 8 * classic_field_width(&file, fields[k]))) {
				classic_set_field(&file, fields[k], value);
				const imago_status unaligned[] = {IMAGO_ERANGE, IMAGO_ETRUNCATED, IMAGO_EALIGN};
				const imago_status aligned[] = {IMAGO_ERANGE, IMAGO_ETRUNCATED, IMAGO_ESTRUCTURE};
				const char *const nouns[] = {"imageHeaderSize", "dataSize", "firstSegSize"};
				status = value % 8 != 0 ? unaligned[k] : aligned[k];
				noun = nouns[k];
			} else {
				classic_file_release(&file);
				continue;
			}
			assert_refused(&spur, &file, status, noun);
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
		plan.num_segments = 3;
		plan.gap = 64;
		for (unsigned k = 0; k < 2; k++) {
			plan.prefix_size = k == 0 ? 0 : CLASSIC_PREFIX_SIZE;
			classic_file file = classic_file_make(plan);
			assert_every_prefix_fails_cleanly(&spur, file.bytes, file.size);
			classic_file_release(&file);
		}
	}
}

static void
every_allocation_failure_is_reported(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_FLAVOURS; i++) {
		classic_plan plan = flavours[i];
		plan.num_segments = 20;
		classic_file file = classic_file_make(plan);
		assert_reading_and_writing_report_every_allocation_failure(&spur, file.bytes, file.size);
		classic_file_release(&file);
	}
}

static void
every_bit_flip_is_refused_or_written_back_as_it_is(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_FLAVOURS; i++) {
		classic_plan plan = flavours[i];
		plan.num_segments = 3;
		plan.gap = 64;
		plan.trailing_size = 64;
		classic_file file = classic_file_make(plan);
		assert_every_bit_flip_is_refused_or_kept(&spur, file.bytes, file.size);
		classic_file_release(&file);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_hostile_row_is_refused_with_its_status_and_noun),
	    cmocka_unit_test(spans_that_wrap_64_bit_addresses_are_refused),
	    cmocka_unit_test(hostile_sizes_are_refused_before_any_allocation_of_that_size),
	    cmocka_unit_test(every_prefix_fails_cleanly),
	    cmocka_unit_test(every_allocation_failure_is_reported),
	    cmocka_unit_test(every_bit_flip_is_refused_or_written_back_as_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "classic_file.h"

#include <stdlib.h>
#include <string.h>

#include "assertions.h"

enum { SPUR_OBJECT = 16, V3_OBJECT = 4, BRIDGE = 16, FIRST_OBJECTS = 3 };

/* spur.md §3: offsets in files of 4-byte and of 8-byte words; the last row is the fields' end. */
static const struct {
	uint16_t offset32, offset64;
} field_places[NUM_FIELDS + 1] = {
    {0, 0},   {4, 4},   {8, 8},   {12, 16}, {16, 24}, {20, 32}, {24, 40}, {28, 48}, {32, 56},
    {36, 60}, {38, 62}, {40, 64}, {44, 68}, {46, 70}, {48, 72}, {52, 80}, {56, 88},
};

uint64_t
classic_field_offset(const classic_file *file, unsigned field)
{
	return file->plan.prefix_size +
	       (file->word_bytes == 8 ? field_places[field].offset64 : field_places[field].offset32);
}

unsigned
classic_field_width(const classic_file *file, unsigned field)
{
	return (unsigned)(classic_field_offset(file, field + 1) - classic_field_offset(file, field));
}

uint64_t
classic_segment_size(const classic_file *file, unsigned segment)
{
	uint64_t num_objects = FIRST_OBJECTS + segment;
	return file->spur ? num_objects * SPUR_OBJECT + BRIDGE : num_objects * V3_OBJECT;
}

uint64_t
classic_segment_offset(const classic_file *file, unsigned segment)
{
	uint64_t offset = file->plan.prefix_size + file->plan.header_size;
	for (unsigned i = 0; i < segment; i++) {
		offset += classic_segment_size(file, i);
	}
	return offset;
}

uint64_t
classic_segment_start(const classic_file *file, unsigned segment)
{
	uint64_t start = file->plan.base;
	for (unsigned i = 0; i < segment; i++) {
		start += classic_segment_size(file, i) + file->plan.gap;
	}
	return start;
}

uint64_t
classic_bridge_offset(const classic_file *file, unsigned segment)
{
	return classic_segment_offset(file, segment) + classic_segment_size(file, segment) - BRIDGE;
}

void
classic_store(classic_file *file, uint64_t offset, unsigned width, uint64_t value)
{
	assert_true(offset + width <= file->size);
	for (unsigned i = 0; i < width; i++) {
		unsigned place = file->plan.big_endian ? width - 1 - i : i;
		file->bytes[offset + place] = (uint8_t)(value >> (8 * i));
	}
}

uint64_t
classic_load(const classic_file *file, uint64_t offset, unsigned width)
{
	uint64_t value = 0;
	assert_true(offset + width <= file->size);
	for (unsigned i = 0; i < width; i++) {
		unsigned place = file->plan.big_endian ? i : width - 1 - i;
		value = value << 8 | file->bytes[offset + place];
	}
	return value;
}

void
classic_set_field(classic_file *file, unsigned field, uint64_t value)
{
	classic_store(file, classic_field_offset(file, field), classic_field_width(file, field), value);
}

static void
fill_junk(classic_file *file, uint64_t offset, uint64_t length)
{
	for (uint64_t i = 0; i < length; i++) {
		file->bytes[offset + i] = (uint8_t)(0xA5 + 7 * i);
	}
}

/* Spur: class index 1024, no slots. V3: type 3, compact class 1, size 4. */
static void
put_objects(classic_file *file, uint64_t offset, uint64_t num_objects)
{
	for (uint64_t i = 0; i < num_objects; i++) {
		if (file->spur) {
			classic_store(file, offset + i * SPUR_OBJECT, 8, (i + 1) << 32 | 1024);
		} else {
			classic_store(file, offset + i * V3_OBJECT, 4, (i + 1) << 17 | 1 << 12 | 4 | 3);
		}
	}
}

static void
put_segment(classic_file *file, unsigned segment)
{
	put_objects(file, classic_segment_offset(file, segment), FIRST_OBJECTS + segment);
	if (!file->spur) {
		return;
	}
	bool last = segment + 1 == file->plan.num_segments;
	uint64_t header =
	    file->word_bytes == 8 ? UINT64_C(0x0080000049000003) : UINT64_C(0x008000004A000003);
	uint64_t first = last || file->plan.gap == 0
	                     ? header
	                     : UINT64_C(0xFF) << 56 | file->plan.gap / file->word_bytes;
	uint64_t bridge = classic_bridge_offset(file, segment);
	classic_store(file, bridge, 8, first);
	classic_store(file, bridge + 8, 8, last ? 0 : classic_segment_size(file, segment + 1));
}

static void
put_header(classic_file *file)
{
	unsigned last = file->plan.num_segments - 1;
	uint64_t heap = file->plan.prefix_size + file->plan.header_size;
	uint64_t end = classic_segment_offset(file, last) + classic_segment_size(file, last);
	classic_set_field(file, FIELD_IMAGE_FORMAT, file->plan.number);
	classic_set_field(file, FIELD_HEADER_SIZE, file->plan.header_size);
	classic_set_field(file, FIELD_DATA_SIZE, end - heap);
	classic_set_field(file, FIELD_OLD_BASE_ADDRESS, file->plan.base);
	if (file->spur) {
		classic_set_field(file, FIELD_FIRST_SEGMENT_SIZE, classic_segment_size(file, 0));
	}
}

classic_file
classic_file_make(classic_plan plan)
{
	classic_file file = {.plan = plan};
	file.spur = plan.number != 6502 && plan.number != 6504 && plan.number != 6505;
	file.word_bytes = plan.number > 65536 ? 8 : 4;
	file.plan.num_segments = plan.num_segments != 0 ? plan.num_segments : 1;
	file.plan.base = plan.base != 0 ? plan.base : 0x10000;
	if (plan.header_size == 0) {
		file.plan.header_size = file.word_bytes == 8 ? 128 : 64;
	}
	unsigned last = file.plan.num_segments - 1;
	uint64_t end = classic_segment_offset(&file, last) + classic_segment_size(&file, last);
	file.size = end + plan.trailing_size;
	file.bytes = calloc(1, (size_t)file.size);
	assert_non_null(file.bytes);
	fill_junk(&file, 0, plan.prefix_size);
	uint64_t fields_end = classic_field_offset(&file, NUM_FIELDS);
	fill_junk(&file, fields_end, plan.prefix_size + file.plan.header_size - fields_end);
	fill_junk(&file, end, plan.trailing_size);
	put_header(&file);
	for (unsigned i = 0; i < file.plan.num_segments; i++) {
		put_segment(&file, i);
	}
	return file;
}

void
classic_file_release(classic_file *file)
{
	free(file->bytes);
	file->bytes = NULL;
}

void
classic_open(classic_reading *reading, const classic_format *format, const classic_file *file)
{
	*reading = (classic_reading){0};
	imago_allocator_init(&reading->allocator, SMALL_BUDGET);
	imago_status status =
	    format->read(&reading->heap, file->bytes, file->size, &reading->allocator, &reading->error);
	assert_string_equal(imago_status_name(status), "OK");
}

void
classic_close(classic_reading *reading)
{
	imago_heap_destroy(reading->heap);
	assert_no_leak(&reading->allocator);
}

void
assert_refused(const classic_format *format, const classic_file *file, imago_status status,
               const char *noun)
{
	imago_allocator allocator;
	imago_error error = {0};
	imago_heap *heap = NULL;
	imago_allocator_init(&allocator, SMALL_BUDGET);
	imago_status got = format->read(&heap, file->bytes, file->size, &allocator, &error);
	assert_string_equal(imago_status_name(got), imago_status_name(status));
	assert_int_equal(error.status, status);
	assert_non_null(error.what);
	assert_string_equal(error.what, noun);
	assert_true(error.offset < file->size || status == IMAGO_ETRUNCATED);
	assert_no_leak(&allocator);
	assert_null(heap);
	assert_int_equal(format->read(&heap, file->bytes, file->size, &allocator, NULL), status);
}

void
assert_round_trip(const classic_format *format, const uint8_t *bytes, uint64_t size)
{
	imago_allocator allocator;
	imago_error error = {0};
	imago_heap *heap = NULL;
	imago_writer writer;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_ok(format->read(&heap, bytes, size, &allocator, &error), &error);
	imago_writer_init(&writer, &allocator, heap->layout, &error);
	assert_ok(format->write(heap, &writer), &error);
	assert_int_equal(writer.size, size);
	assert_memory_equal(writer.bytes, bytes, (size_t)size);
	imago_writer_release(&writer);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

/* A block of its own, so that memory checkers see a read past its end. */
static uint8_t *
copy_of(const uint8_t *bytes, uint64_t size)
{
	uint8_t *copy = malloc(size > 0 ? (size_t)size : 1);
	assert_non_null(copy);
	memcpy(copy, bytes, (size_t)size);
	return copy;
}

void
assert_every_prefix_fails_cleanly(const classic_format *format, const uint8_t *bytes, uint64_t size)
{
	for (uint64_t length = 0; length < size; length++) {
		imago_allocator allocator;
		imago_error error = {0};
		imago_heap *heap = NULL;
		uint8_t *prefix = copy_of(bytes, length);
		imago_allocator_init(&allocator, SMALL_BUDGET);
		imago_status status = format->read(&heap, prefix, length, &allocator, &error);
		assert_true(status == IMAGO_ETRUNCATED || status == IMAGO_EMAGIC);
		assert_int_equal(error.status, status);
		assert_null(heap);
		assert_no_leak(&allocator);
		free(prefix);
	}
}

typedef struct classic_input {
	const classic_format *format;
	const uint8_t *bytes;
	uint64_t size;
} classic_input;

static imago_status
read_and_write(imago_allocator *allocator, imago_error *error, void *payload)
{
	const classic_input *input = payload;
	imago_heap *heap = NULL;
	imago_status status = input->format->read(&heap, input->bytes, input->size, allocator, error);
	if (status == IMAGO_OK) {
		imago_writer writer;
		imago_writer_init(&writer, allocator, heap->layout, error);
		status = input->format->write(heap, &writer);
		imago_writer_release(&writer);
	}
	imago_heap_destroy(heap);
	return status;
}

void
assert_reading_and_writing_report_every_allocation_failure(const classic_format *format,
                                                           const uint8_t *bytes, uint64_t size)
{
	classic_input input = {.format = format, .bytes = bytes, .size = size};
	assert_every_allocation_failure_is_reported(read_and_write, &input);
}

void
assert_every_bit_flip_is_refused_or_kept(const classic_format *format, const uint8_t *bytes,
                                         uint64_t size)
{
	uint8_t *copy = copy_of(bytes, size);
	uint64_t num_refused = 0;
	for (uint64_t bit = 0; bit < 8 * size; bit++) {
		imago_allocator allocator;
		imago_error error = {0};
		imago_heap *heap = NULL;
		imago_allocator_init(&allocator, SMALL_BUDGET);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (format->read(&heap, copy, size, &allocator, &error) == IMAGO_OK) {
			imago_heap_destroy(heap);
			assert_round_trip(format, copy, size);
		} else {
			num_refused++;
		}
		assert_no_leak(&allocator);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(num_refused > 0 && num_refused < 8 * size);
	free(copy);
}

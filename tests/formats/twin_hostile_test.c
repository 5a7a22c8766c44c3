/* twin_hostile_test.c: twins that lie (twin.md §3): each lie is refused by name, though the hash is
 * that of the bytes. */
#include "imago/twin.h"

#include <stdio.h>
#include <string.h>

#include "../support/assertions.h"
#include "../support/small_image.h"

static imago_allocator allocator;
static imago_error error;

enum { ROOM = 1 << 16, TABLE = IMAGO_TWIN_HEADER, ROW_1 = TABLE + 2, NEW_SIZE = 16 };

/* A source on disk, attached by nobody. */
static FILE *
source_file(const test_layout *layout)
{
	imago_heap *heap = small_heap(layout, &allocator);
	imago_writer writer;
	FILE *file = tmpfile();
	assert_non_null(file);
	imago_writer_init(&writer, &allocator, heap->layout, &error);
	assert_ok(imago_layered_write(heap, NULL, &writer, &error), &error);
	assert_int_equal(fwrite(writer.bytes, 1, (size_t)writer.size, file), writer.size);
	assert_int_equal(fflush(file), 0);
	imago_writer_release(&writer);
	imago_heap_destroy(heap);
	return file;
}

static const test_layout *
host_layout(void)
{
	return test_layout_find(imago_host_order() == IMAGO_LITTLE_ENDIAN ? "spur64" : "spur64be");
}

/* Two runs, of one word and of two, and 16 bytes of new objects (a free chunk of no list would be a
 * finding, but nothing here is checked). */
typedef struct twin_bytes {
	uint8_t bytes[IMAGO_TWIN_HEADER + 4 + 24 + NEW_SIZE];
	uint64_t size;
} twin_bytes;

static twin_bytes
make_twin(FILE *source)
{
	imago_layered_attachment attached;
	const imago_layered_attach_options plain = {.attach.relocation = IMAGO_RELOCATION_NONE};
	twin_bytes twin = {.size = sizeof twin.bytes};
	static const uint8_t table[4] = {2, 1, 3, 2};
	assert_ok(imago_layered_attach(&attached, fileno(source), &plain, &allocator, &error), &error);
	imago_twin_head head = {
	    .layout = attached.head.layout,
	    .source_used = attached.source_used,
	    .used = attached.source_used + NEW_SIZE,
	    .num_runs = 2,
	    .table_size = sizeof table,
	    .changed_size = 24,
	    .fields = attached.head.fields,
	};
	memcpy(head.source, attached.head.identity, sizeof head.source);
	memcpy(twin.bytes + TABLE, table, sizeof table);
	memset(twin.bytes + TABLE + sizeof table, 0x5A, 24 + NEW_SIZE);
	imago_twin_encode(&head, twin.bytes, twin.size);
	imago_layered_detach(&attached);
	return twin;
}

static imago_status
attach_twin(const twin_bytes *twin, FILE *source, imago_layered_attachment *attached)
{
	return imago_twin_attach(attached, twin->bytes, twin->size, fileno(source), ROOM, &allocator,
	                         &error);
}

static void
words_and_objects_are_put_in_their_places(void **state)
{
	(void)state;
	FILE *source = source_file(host_layout());
	twin_bytes twin = make_twin(source);
	imago_layered_attachment attached;
	assert_ok(attach_twin(&twin, source, &attached), &error);
	const uint8_t *bytes = attached.mapping.bytes;
	for (uint64_t word = 0; word < 10; word++) {
		bool changed = word == 2 || word == 6 || word == 7;
		for (int i = 0; i < 8; i++) {
			assert_true(!changed || bytes[word * 8 + (unsigned)i] == 0x5A);
		}
	}
	assert_int_not_equal(bytes[8], 0x5A);
	assert_int_equal(attached.mapping.used, attached.source_used + NEW_SIZE);
	assert_int_equal(bytes[attached.source_used + NEW_SIZE - 1], 0x5A);
	assert_int_not_equal(bytes[attached.mapping.used], 0x5A);
	imago_layered_detach(&attached);
	(void)fclose(source);
	assert_no_leak(&allocator);
}

typedef struct lie {
	uint64_t offset;
	unsigned width;
	uint64_t value;
	imago_status status;
	const char *noun;
	uint64_t told;
} lie;

static const lie lies[] = {
    {11, 1, '2', IMAGO_EMAGIC, "magic of a twin", 0},
    {48, 1, 2, IMAGO_EVERSION, "word size or byte order", 48},
    {49, 1, 2, IMAGO_EVERSION, "word size or byte order", 48},
    {50, 1, 2, IMAGO_EVERSION, "kind of runs", 50},
    {51, 1, 1, IMAGO_EVERSION, "byte that means nothing", 51},
    {55, 1, 1, IMAGO_EVERSION, "byte that means nothing", 55},
    {64, 1, 4, IMAGO_EALIGN, "size of a part of a twin", 56},
    {64, 8, 8, IMAGO_ERANGE, "end of the new objects", 64},
    {64, 8, UINT64_MAX - 7, IMAGO_ETRUNCATED, "part of a twin", 64},
    {80, 8, UINT64_MAX, IMAGO_ETRUNCATED, "part of a twin", 80},
    {88, 8, UINT64_MAX - 7, IMAGO_ETRUNCATED, "part of a twin", 88},
    {80, 8, 3, IMAGO_ESTRUCTURE, "end of a twin", sizeof(twin_bytes) - 9},
    {72, 8, 3, IMAGO_ESTRUCTURE, "number of runs", 72},
    {72, 8, 1, IMAGO_ESTRUCTURE, "number of runs", 72},
    {TABLE + 1, 1, 0, IMAGO_ESTRUCTURE, "row of the table", TABLE},    /* a run of nothing */
    {ROW_1, 1, 0, IMAGO_ESTRUCTURE, "row of the table", ROW_1},        /* that goes on */
    {ROW_1 + 1, 1, 0x80, IMAGO_ESTRUCTURE, "row of the table", ROW_1}, /* without an end */
    {TABLE + 1, 1, 2, IMAGO_ERANGE, "run past the source", ROW_1},     /* more than there is */
    {ROW_1 + 1, 1, 1, IMAGO_ESTRUCTURE, "number of runs", 72},         /* less than there is */
    /* A size in two bytes, and a distance without an end. */
    {TABLE + 1, 3, 0x820081, IMAGO_ESTRUCTURE, "row of the table", ROW_1 + 1},
    /* One run from the start of the source, and longer than that. */
    {TABLE, 4, 0x7FFFFF00, IMAGO_ERANGE, "run past the source", TABLE},
    {16, 1, 0, IMAGO_ESTRUCTURE, "source of a twin", 16},
};

static void
lies_are_refused_by_name(void **state)
{
	(void)state;
	FILE *source = source_file(host_layout());
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		twin_bytes twin = make_twin(source);
		imago_layered_attachment attached;
		uint64_t value = lies[i].value;
		if (lies[i].offset == 16) {
			value = (uint8_t)~twin.bytes[16];
		}
		for (unsigned k = 0; k < lies[i].width; k++) {
			twin.bytes[lies[i].offset + k] = (uint8_t)(value >> 8 * k);
		}
		imago_twin_seal(twin.bytes, twin.size);
		print_message("%s\n", lies[i].noun);
		assert_status(attach_twin(&twin, source, &attached), &error, lies[i].status);
		assert_string_equal(error.what, lies[i].noun);
		if (strcmp(lies[i].noun, "end of a twin") != 0) {
			assert_int_equal(error.offset, lies[i].told);
		}
	}
	(void)fclose(source);
	assert_no_leak(&allocator);
}

/* A table of one run, whose distance is 0, in so many bytes. */
static imago_status
decode_distance(unsigned num_bytes, imago_twin_head *head)
{
	uint8_t bytes[IMAGO_TWIN_HEADER + 16 + 8] = {0};
	const imago_twin_head made = {
	    .layout = {8, IMAGO_LITTLE_ENDIAN},
	    .source_used = 64,
	    .used = 64,
	    .num_runs = 1,
	    .table_size = num_bytes + 1,
	    .changed_size = 8,
	};
	const uint64_t size = IMAGO_TWIN_HEADER + made.table_size + made.changed_size;
	memset(bytes + TABLE, 0x80, num_bytes - 1);
	bytes[TABLE + num_bytes] = 1;
	imago_twin_encode(&made, bytes, size);
	return imago_twin_decode(head, bytes, size, &error);
}

static void
numbers_have_nine_bytes_at_most(void **state)
{
	(void)state;
	imago_twin_head head;
	for (unsigned num_bytes = 1; num_bytes <= 9; num_bytes++) {
		assert_ok(decode_distance(num_bytes, &head), &error);
		assert_int_equal(head.num_runs, 1);
	}
	assert_status(decode_distance(10, &head), &error, IMAGO_ESTRUCTURE);
	assert_error(&error, IMAGO_ESTRUCTURE, "row of the table", TABLE);
}

/* Who reads a table that nobody has decoded gets no run of it. */
static void
a_reader_ends_where_a_number_has_no_end(void **state)
{
	(void)state;
	static const uint8_t tables[][2] = {{0x80, 0x80}, {1, 0x80}};
	for (size_t i = 0; i < 2; i++) {
		uint8_t bytes[IMAGO_TWIN_HEADER + 2] = {0};
		const imago_twin_head head = {.table_size = 2};
		imago_twin_reader reader;
		imago_twin_run run;
		memcpy(bytes + TABLE, tables[i], 2);
		imago_twin_reader_init(&reader, &head, bytes, 0);
		assert_false(imago_twin_next(&reader, &run));
		assert_false(imago_twin_next(&reader, &run));
	}
}

static void
what_is_shorter_than_a_header_is_not_sealed(void **state)
{
	(void)state;
	uint8_t bytes[IMAGO_TWIN_HEADER];
	uint8_t before[IMAGO_TWIN_HEADER];
	memset(bytes, 0x11, sizeof bytes);
	memcpy(before, bytes, sizeof bytes);
	imago_twin_seal(bytes, IMAGO_TWIN_HEADER - 1);
	assert_memory_equal(bytes, before, sizeof bytes);
	imago_twin_seal(bytes, IMAGO_TWIN_HEADER);
	assert_memory_equal(bytes, before, 224);
	assert_memory_not_equal(bytes + 224, before + 224, 32);
}

/* Between the roots and the next section, where a bridge is. */
static void
a_run_over_a_bridge_is_refused(void **state)
{
	(void)state;
	FILE *source = source_file(host_layout());
	twin_bytes twin = make_twin(source);
	imago_layered_attachment attached;
	const imago_layered_attach_options plain = {.attach.relocation = IMAGO_RELOCATION_NONE};
	assert_ok(imago_layered_attach(&attached, fileno(source), &plain, &allocator, &error), &error);
	uint64_t words = (attached.head.sections[0].size - IMAGO_BRIDGE_SIZE) / 8;
	imago_layered_detach(&attached);
	/* One run of three words, the last of which is the bridge's first. */
	words -= 2;
	assert_true(words >= 128 && words < UINT64_C(1) << 14);
	twin.bytes[TABLE] = (uint8_t)(words | 0x80);
	twin.bytes[TABLE + 1] = (uint8_t)(words >> 7);
	twin.bytes[TABLE + 2] = 0x83; /* 3, in two bytes */
	twin.bytes[TABLE + 3] = 0;
	twin.bytes[72] = 1;
	imago_twin_seal(twin.bytes, twin.size);
	assert_status(attach_twin(&twin, source, &attached), &error, IMAGO_ERANGE);
	assert_string_equal(error.what, "run outside all sections");
	(void)fclose(source);
	assert_no_leak(&allocator);
}

static imago_status
attach_by_table(const twin_bytes *twin, FILE *source)
{
	imago_layered_attachment attached;
	imago_status status = imago_twin_attach_tabled(&attached, twin->bytes, twin->size,
	                                               fileno(source), ROOM, &allocator, &error);
	if (status == IMAGO_OK) {
		imago_layered_detach(&attached);
	}
	return status;
}

static void
a_table_wants_whole_objects(void **state)
{
	(void)state;
	FILE *source = source_file(host_layout());
	twin_bytes twin = make_twin(source);
	assert_status(attach_by_table(&twin, source), &error, IMAGO_EUNSUPPORTED);
	assert_string_equal(error.what, "twin of words");
	/* The first run is a word, in which no object fits. */
	twin.bytes[50] = 1;
	imago_twin_seal(twin.bytes, twin.size);
	assert_status(attach_by_table(&twin, source), &error, IMAGO_ESTRUCTURE);
	assert_string_equal(error.what, "objects of a run");
	assert_int_equal(error.offset, TABLE + 4);
	/* Nor the second word of a header that says there is one. */
	memset(twin.bytes + TABLE + 4, 0xFF, 8);
	imago_twin_seal(twin.bytes, twin.size);
	assert_status(attach_by_table(&twin, source), &error, IMAGO_ESTRUCTURE);
	assert_error(&error, IMAGO_ESTRUCTURE, "objects of a run", TABLE + 4);
	assert_int_equal(error.found, 0);
	(void)fclose(source);
	assert_no_leak(&allocator);
}

/* Two words that look like an object, at a distance (in words) from the source's start. */
static imago_status
require_object_at(FILE *source, uint8_t distance)
{
	twin_bytes twin = make_twin(source);
	imago_layered_attachment attached;
	imago_twin_head head;
	imago_heap *heap;
	/* Distance and size in two bytes each. */
	twin.bytes[TABLE] = (uint8_t)(distance | 0x80);
	twin.bytes[TABLE + 1] = 0;
	twin.bytes[TABLE + 2] = 0x83;
	twin.bytes[TABLE + 3] = 0;
	twin.bytes[72] = 1;
	twin.bytes[50] = 1;
	imago_twin_seal(twin.bytes, twin.size);
	assert_ok(attach_twin(&twin, source, &attached), &error);
	const imago_layered_attach_options plain = {.attach.relocation = IMAGO_RELOCATION_NONE};
	imago_layered_detach(&attached);
	assert_ok(imago_layered_attach(&attached, fileno(source), &plain, &allocator, &error), &error);
	assert_ok(imago_layered_attached_heap(&heap, &attached, &allocator, &error), &error);
	assert_ok(imago_twin_decode(&head, twin.bytes, twin.size, &error), &error);
	imago_status status =
	    imago_twin_require_objects(&head, twin.bytes, attached.head.start, heap, &error);
	imago_heap_destroy(heap);
	imago_layered_detach(&attached);
	return status;
}

static void
objects_begin_where_the_source_has_some(void **state)
{
	(void)state;
	FILE *source = source_file(host_layout());
	/* nil, false and true take two words each; the run ends within false, or begins within it. */
	for (uint8_t distance = 0; distance < 4; distance++) {
		assert_status(require_object_at(source, distance), &error, IMAGO_ESTRUCTURE);
		assert_string_equal(error.what, "run between objects");
	}
	(void)fclose(source);
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
	    cmocka_unit_test_setup(words_and_objects_are_put_in_their_places, set_up),
	    cmocka_unit_test_setup(lies_are_refused_by_name, set_up),
	    cmocka_unit_test_setup(numbers_have_nine_bytes_at_most, set_up),
	    cmocka_unit_test_setup(a_reader_ends_where_a_number_has_no_end, set_up),
	    cmocka_unit_test_setup(what_is_shorter_than_a_header_is_not_sealed, set_up),
	    cmocka_unit_test_setup(a_run_over_a_bridge_is_refused, set_up),
	    cmocka_unit_test_setup(a_table_wants_whole_objects, set_up),
	    cmocka_unit_test_setup(objects_begin_where_the_source_has_some, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* layered_hostile_test.c: layered files that lie (layered.md §6): each lie is refused by name or
 * found by its rule; every prefix, every damaged byte, every failing allocation. */
#include <stdlib.h>
#include <string.h>

#include "../support/assertions.h"
#include "../support/small_image.h"
#include "imago/image.h"
#include "imago/layered_image.h"
#include "layered_bytes.h"

static imago_allocator allocator;
static imago_error error;

typedef struct refusal {
	uint64_t offset; /* of what is overwritten */
	unsigned width;
	uint64_t value;
	imago_status status;
	const char *noun;
	uint64_t told; /* offset in the error */
} refusal;

enum { ROW_0 = 4096, ROW_1 = ROW_0 + 128, HUGE = 0x7FFFFFFF };

/* The first section is of objects with pointers. */
static const refusal refusals[] = {
    {14, 1, '2', IMAGO_EMAGIC, "magic of a layered image", 0},
    {16, 4, 8192, IMAGO_EVERSION, "page size", 16},
    {24, 1, 2, IMAGO_EVERSION, "word size", 24},
    {25, 1, 2, IMAGO_EVERSION, "byte order", 25},
    {28, 4, 17, IMAGO_ELIMIT, "number of sections", 28},
    {28, 4, 0, IMAGO_ESTRUCTURE, "no section of objects", ROW_0},
    {48, 8, UINT64_MAX, IMAGO_ETRUNCATED, "file size", 48},
    {48, 8, 8192, IMAGO_ERANGE, "place of a section", ROW_0 + 16},
    {32, 8, UINT64_C(0x20000000000), IMAGO_ERANGE, "section outside the span", ROW_0 + 8},
    {40, 8, 64, IMAGO_ERANGE, "section outside the span", ROW_0 + 8},
    {ROW_0, 4, 0, IMAGO_EVERSION, "kind of section", ROW_0},
    {ROW_0, 4, 5, IMAGO_EVERSION, "kind of section", ROW_0},
    {ROW_0 + 4, 1, 3, IMAGO_ERANGE, "tier", ROW_0 + 4},
    {ROW_0 + 8, 8, UINT64_C(0x10000000008), IMAGO_EALIGN, "address of a section", ROW_0 + 8},
    {ROW_0 + 8, 8, UINT64_C(0xFFFFFFFFFFFF0000), IMAGO_ERANGE, "section outside the span",
     ROW_0 + 8},
    {ROW_0 + 16, 8, 8193, IMAGO_EALIGN, "offset of a section", ROW_0 + 16},
    {ROW_0 + 16, 8, 12288, IMAGO_ERANGE, "place of a section", ROW_0 + 16},
    {ROW_0 + 16, 8, UINT64_C(0xFFFFFFFFFFFFF000), IMAGO_ERANGE, "place of a section", ROW_0 + 16},
    {ROW_0 + 24, 8, UINT64_MAX, IMAGO_ERANGE, "place of a section", ROW_0 + 16},
    {ROW_0 + 24, 8, 24, IMAGO_ERANGE, "size of a section of objects", ROW_0 + 24},
    {ROW_0 + 24, 8, 36, IMAGO_ERANGE, "size of a section of objects", ROW_0 + 24},
    {ROW_0 + 32, 8, UINT64_MAX - 7, IMAGO_ERANGE, "fixups of a section", ROW_0 + 32},
    {ROW_0 + 32, 8, 4, IMAGO_ERANGE, "fixups of a section", ROW_0 + 32},
    {ROW_1 + 8, 8, UINT64_C(0x10000000000), IMAGO_ESTRUCTURE, "segment address", 0},
};

static void
lies_about_places_are_refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		const refusal *row = &refusals[i];
		imago_writer file = layered_bytes_make("spur64", false, &allocator);
		imago_heap *heap = NULL;
		layered_bytes_store(file.bytes + row->offset, row->value, row->width);
		uint64_t used = allocator.used;
		imago_status status = imago_layered_read(&heap, file.bytes, file.size, &allocator, &error);
		print_message("%s\n", row->noun);
		assert_status(status, &error, row->status);
		if (row->status != IMAGO_ESTRUCTURE || row->offset == 28) {
			assert_error(&error, row->status, row->noun, row->told);
		}
		assert_null(heap);
		assert_int_equal(allocator.used, used);
		imago_writer_release(&file);
	}
	assert_no_leak(&allocator);
}

typedef struct findings {
	unsigned num_all, num_wanted;
	const char *wanted;
} findings;

static bool
note_finding(const imago_finding *finding, void *payload)
{
	findings *list = payload;
	list->num_all++;
	list->num_wanted += list->wanted != NULL && strcmp(finding->rule->name, list->wanted) == 0;
	return true;
}

/* True when the file is refused, or has findings (of the rule wanted, when there is one). */
static bool
is_noticed(const uint8_t *bytes, uint64_t size, const char *wanted)
{
	imago_image image;
	findings list = {.wanted = wanted};
	imago_check_sink sink;
	imago_status status = imago_image_read(&image, bytes, size, &allocator, &error);
	if (status == IMAGO_OK) {
		imago_check_sink_init(&sink, NULL, note_finding, &list);
		assert_ok(imago_image_check(&image, &sink, &allocator, &error), &error);
	}
	imago_image_close(&image);
	return status != IMAGO_OK || (wanted != NULL ? list.num_wanted > 0 : list.num_all > 0);
}

static void
lies_about_contents_are_found_by_their_rules(void **state)
{
	(void)state;
	imago_writer file = layered_bytes_make("spur64", false, &allocator);
	imago_layered_head head;
	assert_ok(imago_layered_decode(&head, file.bytes, file.size, &error), &error);
	const imago_layered_section *objects = &head.sections[0];
	const imago_layered_section *bits = &head.sections[2];
	const imago_layered_section *origin = &head.sections[head.num_sections - 1];
	assert_true(objects->has_pointers && !bits->has_pointers);
	assert_int_equal(origin->kind, IMAGO_LAYERED_ORIGIN);
	/* Where the first fixup is, and where there is none: nil's header. */
	uint64_t marked = objects->fixups;
	while (file.bytes[marked] == 0) {
		marked++;
	}
	const struct {
		const char *rule;
		uint64_t offset;
		uint8_t change;
		bool hidden; /* by hashes that fit */
	} cases[] = {
	    {"layered.headerHash", 33, 0, false}, /* no change but of the hash, below */
	    {"layered.sectionHash", objects->offset + 8, 1, false},
	    {"layered.padding", bits->offset + bits->size, 1, false},
	    {"layered.unknown", 60, 1, true},
	    {"layered.start", 44, 1, true},
	    {"layered.fixupMissing", marked, file.bytes[marked], true},
	    {"layered.fixupStray", objects->fixups, 1, true},
	    {"layered.origin", origin->offset + 8, 1, true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		imago_writer damaged = layered_bytes_make("spur64", false, &allocator);
		assert_false(is_noticed(damaged.bytes, damaged.size, NULL));
		damaged.bytes[cases[i].offset] ^= cases[i].change;
		if (cases[i].change == 0) {
			damaged.bytes[4095] ^= 1;
		}
		if (cases[i].hidden) {
			layered_bytes_seal(&damaged);
		}
		print_message("%s\n", cases[i].rule);
		assert_true(is_noticed(damaged.bytes, damaged.size, cases[i].rule));
		imago_writer_release(&damaged);
	}
	/* A table whose hash lies; a file with a tail. */
	file.bytes[4096 + 64] ^= 1;
	assert_true(is_noticed(file.bytes, file.size, "layered.tableHash"));
	file.bytes[4096 + 64] ^= 1;
	imago_write_zeros(&file, 8);
	assert_true(is_noticed(file.bytes, file.size, "layered.fileTail"));
	imago_writer_release(&file);
	assert_no_leak(&allocator);
}

/* The origin of an image of several segments (layered.md §5). */
enum { ORIGIN_FIELDS = 40, ORIGIN_SEGMENTS = ORIGIN_FIELDS + 16 * 8 };

static void
origins_that_lie_are_refused_by_name(void **state)
{
	(void)state;
	static const struct {
		uint64_t offset; /* in the origin, of what is overwritten */
		unsigned width;
		uint64_t value;
		imago_status status;
		const char *noun;
	} cases[] = {
	    {0, 4, 0, IMAGO_ERANGE, "style of bridges"},
	    {4, 4, 0, IMAGO_ERANGE, "number of segments"},
	    {4, 4, 200, IMAGO_ETRUNCATED, "number of segments"},
	    {8, 8, HUGE, IMAGO_ETRUNCATED, "number of chunks"},
	    {8, 8, 1, IMAGO_ESTRUCTURE, "end of the origin"},
	    {16, 8, UINT64_MAX, IMAGO_ETRUNCATED, "prefix"},
	    {24, 8, UINT64_MAX, IMAGO_ETRUNCATED, "header tail"},
	    {32, 8, UINT64_MAX, IMAGO_ETRUNCATED, "trailing bytes"},
	    {ORIGIN_FIELDS, 8, 6521, IMAGO_ESTRUCTURE, "header field"},
	    {ORIGIN_FIELDS + 4 * 8, 8, 8, IMAGO_ESTRUCTURE, "header field"},
	    {ORIGIN_FIELDS + 13 * 8, 8, 99, IMAGO_ESTRUCTURE, "header field"},
	    {ORIGIN_SEGMENTS, 8, 0, IMAGO_ERANGE, "segment start"},
	    {ORIGIN_SEGMENTS + 8, 8, 8, IMAGO_ESTRUCTURE, "bytes of objects"},
	    {ORIGIN_SEGMENTS + 8, 8, UINT64_MAX, IMAGO_ESTRUCTURE, "size of a segment"},
	    {ORIGIN_SEGMENTS + 16, 4, 2, IMAGO_ERANGE, "space of a segment"},
	    {ORIGIN_SEGMENTS + 20, 1, 17, IMAGO_ESTRUCTURE, "size of a bridge"},
	    {ORIGIN_SEGMENTS + 21, 1, 3, IMAGO_ESTRUCTURE, "tier of a segment"},
	    {ORIGIN_SEGMENTS + 22, 1, 1, IMAGO_ESTRUCTURE, "tier of a segment"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		imago_writer file = layered_bytes_make("spur64", false, &allocator);
		imago_layered_head head;
		imago_heap *heap;
		imago_heap *restored = NULL;
		assert_ok(imago_layered_decode(&head, file.bytes, file.size, &error), &error);
		uint64_t origin = head.sections[head.num_sections - 1].offset;
		layered_bytes_store(file.bytes + origin + cases[i].offset, cases[i].value, cases[i].width);
		layered_bytes_seal(&file);
		assert_ok(imago_layered_read(&heap, file.bytes, file.size, &allocator, &error), &error);
		uint64_t used = allocator.used;
		imago_status status =
		    imago_layered_restore(&restored, heap, file.bytes, file.size, &allocator, &error);
		print_message("%s\n", cases[i].noun);
		assert_status(status, &error, cases[i].status);
		assert_string_equal(error.what, cases[i].noun);
		assert_null(restored);
		assert_int_equal(allocator.used, used);
		assert_true(is_noticed(file.bytes, file.size, "layered.origin"));
		imago_heap_destroy(heap);
		imago_writer_release(&file);
	}
	assert_no_leak(&allocator);
}

/* The remembered set (layered.md §7). */
static void
remembered_sets_that_lie_are_refused_by_name(void **state)
{
	(void)state;
	enum { NUMBERS = 16, LAST = 1 << 20 };
	static const struct {
		uint64_t offset; /* in the section, of what is overwritten; LAST: of its last byte */
		unsigned width;
		uint64_t value;
		imago_status status;
		const char *noun;
	} cases[] = {
	    {0, 8, UINT64_MAX, IMAGO_ETRUNCATED, "remembered set"},
	    {8, 8, UINT64_MAX, IMAGO_ETRUNCATED, "remembered set"},
	    {8, 8, 1, IMAGO_ESTRUCTURE, "end of the remembered set"},
	    {NUMBERS, 3, 0x008081, IMAGO_ERANGE, "remembered set"},                     /* too long */
	    {NUMBERS, 8, UINT64_C(0xFFFFFFFFFFFFFFFF), IMAGO_ERANGE, "remembered set"}, /* too large */
	    {NUMBERS + 3, 1, 0, IMAGO_ERANGE, "remembered set"},    /* twice the same */
	    {NUMBERS, 3, 0x7FFFFF, IMAGO_ERANGE, "remembered set"}, /* not in permanent space */
	    {LAST, 1, 0, IMAGO_ERANGE, "remembered set"},
	    {LAST, 1, 0x80, IMAGO_ETRUNCATED, "remembered set"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		imago_writer file = layered_bytes_make_tiered("spur64", &allocator);
		imago_layered_head head;
		imago_layered_remembered remembered;
		assert_ok(imago_layered_decode(&head, file.bytes, file.size, &error), &error);
		const imago_layered_section remembered_section =
		    layered_bytes_section(&file, IMAGO_LAYERED_REMEMBERED);
		const imago_layered_section *section = &remembered_section;
		assert_false(is_noticed(file.bytes, file.size, NULL));
		uint64_t at = cases[i].offset == LAST ? section->size - 1 : cases[i].offset;
		layered_bytes_store(file.bytes + section->offset + at, cases[i].value, cases[i].width);
		layered_bytes_seal(&file);
		uint64_t used = allocator.used;
		imago_status status = imago_layered_decode_remembered(
		    &remembered, &head, file.bytes + section->offset, section->size, &allocator, &error);
		print_message("%s\n", cases[i].noun);
		assert_status(status, &error, cases[i].status);
		assert_string_equal(error.what, cases[i].noun);
		imago_layered_remembered_release(&remembered);
		assert_int_equal(allocator.used, used);
		assert_true(is_noticed(file.bytes, file.size, "layered.remembered"));
		imago_writer_release(&file);
	}
	assert_no_leak(&allocator);
}

/* A file that fixes nothing has nothing to remember. */
static void
a_remembered_set_of_nothing_is_refused(void **state)
{
	(void)state;
	imago_writer file = layered_bytes_make("spur64", true, &allocator);
	imago_layered_head head;
	imago_layered_remembered remembered;
	static const uint8_t empty[16] = {0};
	assert_ok(imago_layered_decode(&head, file.bytes, file.size, &error), &error);
	assert_int_equal(imago_layered_first_old(&head), 0);
	assert_status(imago_layered_decode_remembered(&remembered, &head, empty, sizeof empty,
	                                              &allocator, &error),
	              &error, IMAGO_ESTRUCTURE);
	assert_string_equal(error.what, "remembered set of no fixed section");
	imago_layered_remembered_release(&remembered);
	assert_status(
	    imago_layered_decode_remembered(&remembered, &head, empty, 15, &allocator, &error), &error,
	    IMAGO_ETRUNCATED);
	imago_layered_remembered_release(&remembered);
	imago_writer_release(&file);
	assert_no_leak(&allocator);
}

static void
a_pointer_in_a_section_without_pointers_is_found(void **state)
{
	(void)state;
	imago_writer file = layered_bytes_make("spur64", true, &allocator);
	file.bytes[4096 + 5] = 0; /* the first section now says that it has none */
	layered_bytes_seal(&file);
	assert_true(is_noticed(file.bytes, file.size, "layered.pointerFree"));
	imago_writer_release(&file);
	assert_no_leak(&allocator);
}

static void
every_prefix_is_refused(void **state)
{
	(void)state;
	imago_writer file = layered_bytes_make("spur32", false, &allocator);
	for (uint64_t size = 0; size < file.size; size += size < 4400 ? 1 : 61) {
		imago_heap *heap = NULL;
		imago_status status = imago_layered_read(&heap, file.bytes, size, &allocator, &error);
		assert_true(status == IMAGO_ETRUNCATED || status == IMAGO_EMAGIC);
		assert_null(heap);
	}
	imago_writer_release(&file);
	assert_no_leak(&allocator);
}

static void
every_damaged_byte_is_noticed(void **state)
{
	(void)state;
	imago_writer file = layered_bytes_make("spur32", false, &allocator);
	for (uint64_t i = 0; i < file.size; i += i < 512 || (i >= 4096 && i < 5120) ? 1 : 157) {
		file.bytes[i] ^= (uint8_t)(1U << i % 8);
		if (!is_noticed(file.bytes, file.size, NULL)) {
			fail_msg("byte 0x%llx", (unsigned long long)i);
		}
		file.bytes[i] ^= (uint8_t)(1U << i % 8);
	}
	imago_writer_release(&file);
	assert_no_leak(&allocator);
}

static imago_status
do_everything(imago_allocator *with, imago_error *why, void *payload)
{
	const imago_heap *heap = payload;
	imago_heap *read = NULL;
	imago_heap *restored = NULL;
	imago_writer writer;
	imago_check_sink sink;
	imago_layered_options options = {.make_ready = true};
	uint8_t *tiers = layered_bytes_mixed_tiers(heap, &options.num_tiers);
	options.tiers = tiers;
	imago_writer_init(&writer, with, heap->layout, why);
	imago_status status = imago_layered_write(heap, &options, &writer, why);
	free(tiers);
	if (status == IMAGO_OK) {
		status = imago_layered_read(&read, writer.bytes, writer.size, with, why);
	}
	if (status == IMAGO_OK) {
		imago_check_sink_init(&sink, NULL, NULL, NULL);
		status = imago_layered_check(writer.bytes, writer.size, read, &sink, with, why);
	}
	if (status == IMAGO_OK) {
		status = imago_layered_restore(&restored, read, writer.bytes, writer.size, with, why);
	}
	imago_heap_destroy(restored);
	imago_heap_destroy(read);
	imago_writer_release(&writer);
	return status;
}

static void
every_failing_allocation_is_reported(void **state)
{
	(void)state;
	imago_heap *heap = varied_heap(test_layout_find("spur32"), &allocator);
	assert_every_allocation_failure_is_reported(do_everything, heap);
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
	    cmocka_unit_test_setup(lies_about_places_are_refused_by_name, set_up),
	    cmocka_unit_test_setup(lies_about_contents_are_found_by_their_rules, set_up),
	    cmocka_unit_test_setup(origins_that_lie_are_refused_by_name, set_up),
	    cmocka_unit_test_setup(remembered_sets_that_lie_are_refused_by_name, set_up),
	    cmocka_unit_test_setup(a_remembered_set_of_nothing_is_refused, set_up),
	    cmocka_unit_test_setup(a_pointer_in_a_section_without_pointers_is_found, set_up),
	    cmocka_unit_test_setup(every_prefix_is_refused, set_up),
	    cmocka_unit_test_setup(every_damaged_byte_is_noticed, set_up),
	    cmocka_unit_test_setup(every_failing_allocation_is_reported, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

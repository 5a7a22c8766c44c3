/* composed_rules_test.c: every rule of formats/composed/composed_rules.def is broken by one change
 * to a good folder, and that change breaks no other; so are the core rules that stand for the
 * remaining rows of composed.md §9. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image_folder.h"
#include "imago/check.h"
#include "imago/composed_image.h"
#include "imago/image.h"

static imago_allocator allocator;

static int
start(void **state)
{
	(void)state;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	assert_no_leak(&allocator);
	return 0;
}

/* The first finding, and how many differ from it in rule. */
typedef struct outcome {
	const imago_rule *rule;
	char part[IMAGO_PART_SIZE];
	unsigned num_findings;
	unsigned num_others;
} outcome;

static bool
take(const imago_finding *finding, void *payload)
{
	outcome *out = payload;
	if (out->num_findings++ == 0) {
		out->rule = finding->rule;
		snprintf(out->part, sizeof out->part, "%s", finding->part);
	} else if (finding->rule != out->rule) {
		out->num_others++;
		print_message("also: %s\n", finding->rule->name);
	}
	return true;
}

static outcome
check_with(const imago_folder *folder, const imago_check_options *options)
{
	imago_error error = {0};
	imago_check_sink sink;
	outcome result = {0};
	imago_image image = {.format = IMAGO_FORMAT_COMPOSED, .allocator = &allocator};
	image.folder = *folder; /* borrowed */
	assert_ok(imago_composed_read(&image.heap, folder, &allocator, &error), &error);
	imago_check_sink_init(&sink, options, take, &result);
	assert_ok(imago_image_check(&image, &sink, &allocator, &error), &error);
	imago_heap_destroy(image.heap);
	return result;
}

static outcome
check(const imago_folder *folder)
{
	return check_with(folder, NULL);
}

static void
good_folders_are_clean(void **state)
{
	(void)state;
	heap_maker *const makers[] = {small_heap, varied_heap, perm_heap};
	const char *skipped[] = {"header.bytecodeSets"}; /* the test images mix them on purpose */
	const imago_check_options options = {.skip = skipped, .num_skip = 1};
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		for (size_t j = 0; j < 3; j++) {
			imago_folder folder;
			make_folder(&folder, makers[j], test_layouts[i].name, &allocator);
			outcome found = check_with(&folder, &options);
			bool big = test_layouts[i].layout.byte_order == IMAGO_BIG_ENDIAN;
			if (found.num_findings > (big ? 1U : 0U)) {
				print_message("%s: %s\n", test_layouts[i].name, found.rule->name);
			}
			assert_int_equal(found.num_findings, big ? 1 : 0);
			if (big) {
				assert_string_equal(found.rule->name, "composed.bigEndian");
				assert_string_equal(found.part, "header.ston");
			}
			imago_folder_release(&folder);
		}
	}
}

/* A change to the folder of perm_heap, whose methods are of both bytecode sets (hence the numbers):
 * of a field, of a piece of text (field NULL), or of a file's size (old NULL too). */
typedef struct broken_rule {
	const char *rule;
	const char *layout;
	const char *file;
	const char *field;
	const char *old;
	const char *new;
	const char *part;
} broken_rule;

static const broken_rule broken_rules[] = {
    {"composed.structName", "spur64-68533", "header.ston", NULL, "SpurImage", "SpurOther",
     "header.ston"},
    {"composed.structName", "spur64-68533", "seg0.ston", NULL, "Composed", "Decomposed",
     "seg0.ston"},
    {"composed.structName", "spur32-7033", "permSpace.ston", NULL, "Struct", "", "permSpace.ston"},
    {"composed.unknownField", "spur64-68533", "header.ston", NULL, "\n}", ",\n\t#later : 1\n}",
     "header.ston"},
    {"composed.unknownField", "spur32-7033", "seg0.ston", NULL, "\n}", ",\n\t#crc : 1\n}",
     "seg0.ston"},
    {"composed.missingField", "spur64-68533", "header.ston", NULL, "\t#hdrEdenBytes : 0,\n", "",
     "header.ston"},
    {"composed.missingField", "spur32-7033", "header.ston", NULL, "\t#swapBytes : 0,\n", "",
     "header.ston"},
    /* The VM wants a blank before the colon, one field per line, and numbers that fit. */
    {"composed.lineReader", "spur64-68533", "header.ston", NULL,
     "#imageFormat :", "#imageFormat:", "header.ston"},
    {"composed.lineReader", "spur64-68533", "seg0.ston", NULL, ",\n\t", ", ", "seg0.ston"},
    {"composed.lineReader", "spur64-68533", "permSpace.ston", NULL, "{\n", "{ ", "permSpace.ston"},
    {"composed.lineReader", "spur32-7033", "header.ston", "hdrLastHash", NULL, "2147483648",
     "header.ston"},
    {"composed.lineReader", "spur64-68533", "header.ston", "hdrLastHash", NULL,
     "9223372036854775808", "header.ston"},
    {"composed.oldSpaceSizeMissing", "spur64-68533", "header.ston", "hdrOldSpaceSize", NULL, "0",
     "header.ston"},
    {"composed.oldSpaceSizeMissing", "spur32-7033", "header.ston", NULL, "hdrOldSpaceSize", NULL,
     "header.ston"},
    {"composed.oldSpaceSizeLow", "spur64-68533", "header.ston", "hdrOldSpaceSize", NULL, "32",
     "header.ston"},
    {"composed.oldSpaceSizeHigh", "spur64-68533", "header.ston", "hdrOldSpaceSize", NULL,
     "104857600", "header.ston"},
    {"composed.swapBytes", "spur64-68533", "header.ston", "swapBytes", NULL, "-1431655766",
     "header.ston"},
    {"composed.swapBytes", "spur32-7033", "header.ston", "swapBytes", NULL, "1", "header.ston"},
    {"composed.fieldTooWide", "spur64-68533", "header.ston", "imageVersion", NULL, "65536",
     "header.ston"},
    {"composed.dataTail", "spur64-68533", "seg0.data", NULL, NULL, "+8", "seg0.data"},
    {"composed.dataTail", "spur32-7033", "permSpace.data", NULL, NULL, "+1", "permSpace.data"},
    {"composed.metadataWithoutData", "spur64-68533", "seg1.ston", NULL, NULL, "+0", "seg1.ston"},
    {"composed.staleSegment", "spur64-68533", "seg2.data", NULL, NULL, "+64", "seg2.data"},
    {"composed.staleSegment", "spur32-7033", "seg65535.ston", NULL, NULL, "+0", "seg65535.ston"},
    /* Core rules, on a folder. */
    {"header.dataSize", "spur64-68533", "header.ston", "dataSize", NULL, "32", "header.ston"},
    {"header.firstSegment", "spur64-68533", "header.ston", "firstSegSize", NULL, "32",
     "header.ston"},
    {"header.baseAddress", "spur64-68533", "header.ston", "oldBaseAddr", NULL, "4096",
     "header.ston"},
    {"header.size", "spur64-68533", "header.ston", "imageHeaderSize", NULL, "64", "header.ston"},
};

/* The old-space size without its whole line. */
static void
remove_field(imago_folder *folder, const char *file, const char *field)
{
	char *text = folder_text(folder, file);
	char *line = strstr(text, field);
	assert_non_null(line);
	line -= 2; /* tab and # */
	char *next = strchr(line, '\n') + 1;
	memmove(line, next, strlen(next) + 1);
	folder_set_text(folder, file, text);
	free(text);
}

static void
apply(imago_folder *folder, const broken_rule *row)
{
	if (row->field != NULL) {
		folder_set_field(folder, row->file, row->field, row->new);
	} else if (row->old != NULL && row->new != NULL) {
		folder_substitute(folder, row->file, row->old, row->new);
	} else if (row->old != NULL) {
		remove_field(folder, row->file, row->old);
	} else {
		const imago_folder_file *file = imago_folder_find(folder, row->file);
		uint64_t more = strtoull(row->new, NULL, 10);
		if (file != NULL) {
			folder_resize(folder, row->file, file->size + more);
		} else {
			static const char zeros[64];
			folder_set(folder, row->file, zeros, more);
		}
	}
}

static void
every_change_breaks_its_rule_and_no_other(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof broken_rules / sizeof broken_rules[0]; i++) {
		const broken_rule *row = &broken_rules[i];
		imago_folder folder;
		make_folder(&folder, perm_heap, row->layout, &allocator);
		print_message("%s: %s\n", row->rule, row->file);
		apply(&folder, row);
		outcome found = check(&folder);
		assert_int_not_equal(found.num_findings, 0);
		assert_string_equal(found.rule->name, row->rule);
		assert_int_equal(found.num_others, 0);
		assert_string_equal(found.part, row->part);
		imago_folder_release(&folder);
	}
}

/* Every newline of a metadata file as something else. */
static void
set_line_ends(imago_folder *folder, const char *file, const char *end)
{
	char *text = folder_text(folder, file);
	char changed[4096] = "";
	for (const char *at = text; *at != '\0'; at++) {
		size_t length = strlen(changed);
		snprintf(changed + length, sizeof changed - length, *at == '\n' ? "%s" : "%.1s",
		         *at == '\n' ? end : at);
	}
	folder_set_text(folder, file, changed);
	free(text);
}

static void
the_vm_takes_lines_that_end_otherwise(void **state)
{
	(void)state;
	static const char *const ends[] = {"\r", "\r\n", "\n\n", "\r\r", "\n \t"};
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		imago_folder folder;
		make_folder(&folder, perm_heap, "spur64-68533", &allocator);
		set_line_ends(&folder, "header.ston", ends[i]);
		set_line_ends(&folder, "seg0.ston", ends[i]);
		outcome found = check(&folder);
		print_message("row %zu\n", i);
		assert_int_equal(found.num_findings, 0);
		imago_folder_release(&folder);
	}
}

/* The VM cuts lines at 1023 characters: here, inside a number. */
static void
the_vm_reads_an_overlong_line_in_pieces(void **state)
{
	(void)state;
	imago_folder folder;
	char padded[1100];
	memset(padded, ' ', 1009);
	memcpy(padded + 1009, "#hdrOldSpaceSize", 17);
	make_folder(&folder, perm_heap, "spur64-68533", &allocator);
	folder_substitute(&folder, "header.ston", "#hdrOldSpaceSize", padded);
	outcome found = check(&folder);
	assert_int_equal(found.num_findings, 1);
	assert_string_equal(found.rule->name, "composed.lineReader");
	imago_folder_release(&folder);
}

static void
permanent_space_without_metadata_is_told(void **state)
{
	(void)state;
	imago_folder folder;
	make_folder(&folder, small_heap, "spur64", &allocator);
	folder_remove(&folder, "permSpace.ston");
	outcome found = check(&folder); /* no bytes are lost: nothing to say but that it is missing */
	assert_int_equal(found.num_findings, 0);
	folder_remove(&folder, "permSpace.data");
	found = check(&folder);
	assert_int_equal(found.num_findings, 1);
	assert_string_equal(found.rule->name, "composed.permMetadataMissing");

	folder_set(&folder, "permSpace.data", "12345678", 8);
	found = check(&folder);
	assert_int_equal(found.num_findings, 1);
	assert_string_equal(found.rule->name, "composed.permDataUnused");
	assert_string_equal(found.part, "permSpace.data");
	folder_set_text(&folder, "permSpace.ston",
	                "ComposedMetadataStruct {\n\t#startAddress : 2199023255552,\n"
	                "\t#dataSize : 0\n}");
	found = check(&folder);
	assert_int_equal(found.num_findings, 1);
	assert_string_equal(found.rule->name, "composed.permDataUnused");
	imago_folder_release(&folder);
}

/* The stray pointers and sizes of §9, found by core rules. */
static void
broken_objects_in_permanent_space_are_found(void **state)
{
	(void)state;
	static const struct {
		const char *rule;
		size_t byte; /* of permSpace.data: the dummy, then an Array of two */
		uint8_t value;
	} rows[] = {
	    {"perm.dummy", 0, 51},       /* class index of the dummy */
	    {"perm.overshoot", 23, 200}, /* slot count of the first object: far past the end */
	    {"perm.oopOutside", 28, 1},  /* its first slot */
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		imago_folder folder;
		make_folder(&folder, perm_heap, "spur64", &allocator);
		const imago_folder_file *file = imago_folder_find(&folder, "permSpace.data");
		file->owned[rows[i].byte] = rows[i].value;
		const char *only[] = {rows[i].rule};
		const imago_check_options options = {.only = only, .num_only = 1};
		outcome found = check_with(&folder, &options);
		print_message("%s\n", rows[i].rule);
		assert_int_not_equal(found.num_findings, 0);
		assert_string_equal(found.part, "permSpace.data");
		imago_folder_release(&folder);
	}
}

/* Every rule of the table is in the tests above. */
static void
no_rule_is_without_a_test(void **state)
{
	(void)state;
	static const char *const elsewhere[] = {"composed.bigEndian", "composed.permMetadataMissing",
	                                        "composed.permDataUnused"};
	size_t num_rules;
	const imago_rule *rules = imago_composed_rules(&num_rules);
	for (size_t i = 0; i < num_rules; i++) {
		bool tested = false;
		for (size_t j = 0; j < sizeof broken_rules / sizeof broken_rules[0]; j++) {
			tested = tested || strcmp(rules[i].name, broken_rules[j].rule) == 0;
		}
		for (size_t j = 0; j < 3; j++) {
			tested = tested || strcmp(rules[i].name, elsewhere[j]) == 0;
		}
		print_message("%s\n", rules[i].name);
		assert_true(tested);
		assert_int_equal(strncmp(rules[i].name, "composed.", 9), 0);
		assert_int_equal(rules[i].scope, IMAGO_SCOPE_FOLDER);
	}
}

static void
rules_of_folders_can_be_chosen_and_skipped(void **state)
{
	(void)state;
	imago_folder folder;
	make_folder(&folder, small_heap, "spur64", &allocator);
	folder_set_field(&folder, "header.ston", "swapBytes", "1");
	folder_set_field(&folder, "header.ston", "hdrOldSpaceSize", "0");
	const char *names[] = {"composed.swapBytes"};
	imago_check_options options = {.only = names, .num_only = 1};
	outcome found = check_with(&folder, &options);
	assert_int_equal(found.num_findings, 1);
	assert_string_equal(found.rule->name, "composed.swapBytes");
	options = (imago_check_options){.skip = names, .num_skip = 1};
	found = check_with(&folder, &options);
	assert_int_equal(found.num_findings, 1);
	assert_string_equal(found.rule->name, "composed.oldSpaceSizeMissing");
	names[0] = "composed";
	found = check_with(&folder, &options);
	assert_int_equal(found.num_findings, 0);
	imago_folder_release(&folder);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(good_folders_are_clean),
	    TEST(every_change_breaks_its_rule_and_no_other),
	    TEST(the_vm_takes_lines_that_end_otherwise),
	    TEST(the_vm_reads_an_overlong_line_in_pieces),
	    TEST(permanent_space_without_metadata_is_told),
	    TEST(broken_objects_in_permanent_space_are_found),
	    TEST(no_rule_is_without_a_test),
	    TEST(rules_of_folders_can_be_chosen_and_skipped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

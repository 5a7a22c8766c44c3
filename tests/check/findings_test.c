/* findings_test.c: what exactly is found in broken images: not only which rules they break
 * (rules_test.c, wounds_test.c) but in which order, where, and with which values. On record in
 * findings.txt; "findings_test renew" writes it anew. */
#include "assertions.h"
#include "corpus/corpus.h"
#include "record.h"
#include "wounds/wounds.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "imago/image.h"

enum { LINE_SIZE = 512 };

static bool renews;

typedef struct subject {
	record *lines;
	const char *name;
	const char *layout;
} subject;

static void
put_number(char *text, size_t size, uint64_t value)
{
	if (value == UINT64_MAX) {
		snprintf(text, size, "-");
	} else {
		snprintf(text, size, "%" PRIx64, value);
	}
}

static bool
put_finding(const imago_finding *finding, void *payload)
{
	enum { NUMBER_SIZE = 20 };
	const subject *it = payload;
	char line[LINE_SIZE];
	char numbers[5][NUMBER_SIZE];
	put_number(numbers[0], NUMBER_SIZE, finding->offset);
	put_number(numbers[1], NUMBER_SIZE, finding->oop);
	put_number(numbers[2], NUMBER_SIZE, finding->slot);
	put_number(numbers[3], NUMBER_SIZE, finding->found);
	put_number(numbers[4], NUMBER_SIZE, finding->expected);
	snprintf(line, sizeof line, "%s, %s: %s %s:%s %s.%s %s %s", it->name, it->layout,
	         finding->rule->name, finding->part, numbers[0], numbers[1], numbers[2], numbers[3],
	         numbers[4]);
	record_line(it->lines, line);
	return true;
}

static void
put_findings(subject *it, const test_image *file)
{
	imago_allocator allocator;
	imago_image image;
	imago_check_sink sink;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_check_sink_init(&sink, NULL, put_finding, it);
	assert_non_null(file->bytes);
	assert_ok(imago_image_read(&image, file->bytes, file->size, &allocator, &error), &error);
	assert_ok(imago_image_check(&image, &sink, &allocator, &error), &error);
	imago_image_close(&image);
	assert_no_leak(&allocator);
	char line[LINE_SIZE];
	snprintf(line, sizeof line,
	         "%s, %s: %" PRIu64 " errors, %" PRIu64 " warnings, %" PRIu64 " notes, %" PRIu64
	         " objects, %u rules skipped",
	         it->name, it->layout, sink.summary.num_errors, sink.summary.num_warnings,
	         sink.summary.num_infos, sink.summary.num_objects,
	         (unsigned)sink.summary.num_skipped_rules);
	record_line(it->lines, line);
}

/* One of each word size, byte order and object model. */
static const char *const names[] = {"spur32be", "spur64", "v3"};

static void
every_image_of_the_corpus_has_the_findings_on_record(void **state)
{
	(void)state;
	record lines = record_open("tests/check/findings_corpus.txt", renews);
	const corpus_recipe *recipe;
	for (size_t r = 0; (recipe = corpus_recipe_at(r)) != NULL; r++) {
		for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
			const test_layout *layout = test_layout_find(names[i]);
			if (corpus_applies(recipe, layout)) {
				imago_allocator allocator;
				imago_allocator_init(&allocator, IMAGO_UNLIMITED);
				subject it = {&lines, recipe->rule, layout->name};
				test_image file = corpus_make(recipe, layout, &allocator);
				put_findings(&it, &file);
				test_image_release(&file);
			}
		}
	}
	record_close(&lines);
}

static void
every_wound_has_the_findings_on_record(void **state)
{
	(void)state;
	record lines = record_open("tests/check/findings_wounds.txt", renews);
	const wound *row;
	for (size_t w = 0; (row = wound_at(w)) != NULL; w++) {
		for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
			const test_layout *layout = test_layout_find(names[i]);
			if (wound_applies(row, layout)) {
				imago_allocator allocator;
				imago_allocator_init(&allocator, IMAGO_UNLIMITED);
				subject it = {&lines, row->what, layout->name};
				test_image file = wound_make(row, layout, &allocator);
				put_findings(&it, &file);
				test_image_release(&file);
			}
		}
	}
	record_close(&lines);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_image_of_the_corpus_has_the_findings_on_record),
	    cmocka_unit_test(every_wound_has_the_findings_on_record),
	};
	renews = argc > 1 && strcmp(argv[1], "renew") == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

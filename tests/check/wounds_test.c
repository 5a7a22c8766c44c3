/* wounds_test.c: every change of tests/support/wounds breaks exactly the rules that stand beside
 * it. */
#include "assertions.h"
#include "wounds/wounds.h"

#include <stdio.h>
#include <string.h>

#include "imago/image.h"

enum { MOST_NAMES = 16, LINE_SIZE = 512 };

/* The rules that one check broke, each once. */
typedef struct broken_rules {
	const char *names[MOST_NAMES];
	size_t count;
	size_t num_reported;
	bool stop;
	char lines[MOST_NAMES][LINE_SIZE]; /* their first findings */
} broken_rules;

static bool
note_finding(const imago_finding *finding, void *payload)
{
	broken_rules *broken = payload;
	broken->num_reported++;
	for (size_t i = 0; i < broken->count; i++) {
		if (strcmp(broken->names[i], finding->rule->name) == 0) {
			return !broken->stop;
		}
	}
	assert_true(broken->count < MOST_NAMES);
	imago_finding_format(finding, "", broken->lines[broken->count], LINE_SIZE);
	broken->names[broken->count++] = finding->rule->name;
	return !broken->stop;
}

/* True when a list of words separated by blanks has this one. */
static bool
has_word(const char *list, const char *word)
{
	size_t length = strlen(word);
	for (const char *at = strstr(list, word); at != NULL; at = strstr(at + 1, word)) {
		bool begins = at == list || at[-1] == ' ';
		if (begins && (at[length] == ' ' || at[length] == '\0')) {
			return true;
		}
	}
	return false;
}

static size_t
count_words(const char *list)
{
	size_t count = *list != '\0';
	for (; *list != '\0'; list++) {
		count += *list == ' ';
	}
	return count;
}

static bool
check_image(const imago_image *image, const imago_check_options *options, broken_rules *broken)
{
	imago_allocator allocator;
	imago_check_sink sink;
	imago_error error = {0};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_check_sink_init(&sink, options, note_finding, broken);
	imago_status status = imago_image_check(image, &sink, &allocator, &error);
	assert_no_leak(&allocator);
	return status == IMAGO_OK;
}

static bool
breaks_exactly(const wound *row, const test_layout *layout, const imago_image *image,
               const imago_check_options *options)
{
	broken_rules broken = {0};
	if (!check_image(image, options, &broken)) {
		print_error("%s in %s: the check failed\n", row->what, layout->name);
		return false;
	}
	bool good = broken.count == count_words(row->breaks);
	for (size_t i = 0; i < broken.count; i++) {
		good = good && has_word(row->breaks, broken.names[i]);
	}
	if (!good) {
		print_error("%s in %s should break \"%s\":\n", row->what, layout->name, row->breaks);
		for (size_t i = 0; i < broken.count; i++) {
			print_error("\t%s\n", broken.lines[i]);
		}
	}
	broken = (broken_rules){.stop = true};
	if (!check_image(image, options, &broken) || broken.num_reported != (*row->breaks != '\0')) {
		print_error("%s in %s: %zu findings before it stopped\n", row->what, layout->name,
		            broken.num_reported);
		return false;
	}
	return good;
}

/* Makes an image and checks it: in the usual way, object by object, and with a sink that stops at
 * the first finding. */
static bool
is_as_expected(const wound *row, const test_layout *layout)
{
	static const imago_check_options careful = {.careful = true};
	imago_allocator allocator;
	imago_image image;
	imago_error error = {0};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	test_image file = wound_make(row, layout, &allocator);
	bool good = file.bytes != NULL;
	if (good && imago_image_read(&image, file.bytes, file.size, &allocator, &error) != IMAGO_OK) {
		char line[LINE_SIZE];
		imago_error_format(&error, line, sizeof line);
		print_error("%s in %s is refused: %s\n", row->what, layout->name, line);
		good = false;
	} else if (good) {
		good = breaks_exactly(row, layout, &image, NULL);
		good = breaks_exactly(row, layout, &image, &careful) && good;
		imago_image_close(&image);
	}
	test_image_release(&file);
	assert_no_leak(&allocator);
	return good;
}

static void
assert_wounds(const wound *table)
{
	size_t num_bad = 0;
	for (const wound *row = table; row->what != NULL; row++) {
		size_t num_layouts = 0;
		for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
			if (wound_applies(row, &test_layouts[i])) {
				num_bad += !is_as_expected(row, &test_layouts[i]);
				num_layouts++;
			}
		}
		assert_int_not_equal(num_layouts, 0);
	}
	assert_int_equal(num_bad, 0);
}

static void
contexts_are_judged_by_what_their_slots_hold(void **state)
{
	(void)state;
	assert_wounds(context_wounds);
}

static void
closures_are_judged_by_what_their_slots_hold(void **state)
{
	(void)state;
	assert_wounds(closure_wounds);
}

static void
methods_of_the_second_bytecode_set_announce_their_primitives(void **state)
{
	(void)state;
	assert_wounds(method_wounds);
}

static void
numbers_are_judged_by_their_bodies(void **state)
{
	(void)state;
	assert_wounds(number_wounds);
}

static void
special_objects_are_judged_by_what_they_are(void **state)
{
	(void)state;
	assert_wounds(special_wounds);
}

static void
tables_of_v3_are_judged_by_what_they_hold(void **state)
{
	(void)state;
	assert_wounds(v3_wounds);
}

static void
object_stacks_are_followed_page_by_page(void **state)
{
	(void)state;
	assert_wounds(hidden_root_wounds);
}

static void
a_class_table_is_judged_page_by_page_and_entry_by_entry(void **state)
{
	(void)state;
	assert_wounds(class_table_wounds);
}

static void
processes_are_followed_from_the_scheduler(void **state)
{
	(void)state;
	assert_wounds(scheduler_wounds);
}

static void
forwarders_are_looked_through(void **state)
{
	(void)state;
	assert_wounds(forwarder_wounds);
}

static void
the_tree_of_free_chunks_holds_large_ones_only(void **state)
{
	(void)state;
	assert_wounds(free_list_wounds);
}

static void
spaces_and_what_lies_between_them_are_judged(void **state)
{
	(void)state;
	assert_wounds(space_wounds);
}

static void
edges_lie_between_the_last_right_value_and_the_first_wrong_one(void **state)
{
	(void)state;
	assert_wounds(edge_wounds);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(contexts_are_judged_by_what_their_slots_hold),
	    cmocka_unit_test(closures_are_judged_by_what_their_slots_hold),
	    cmocka_unit_test(methods_of_the_second_bytecode_set_announce_their_primitives),
	    cmocka_unit_test(numbers_are_judged_by_their_bodies),
	    cmocka_unit_test(special_objects_are_judged_by_what_they_are),
	    cmocka_unit_test(tables_of_v3_are_judged_by_what_they_hold),
	    cmocka_unit_test(object_stacks_are_followed_page_by_page),
	    cmocka_unit_test(a_class_table_is_judged_page_by_page_and_entry_by_entry),
	    cmocka_unit_test(processes_are_followed_from_the_scheduler),
	    cmocka_unit_test(forwarders_are_looked_through),
	    cmocka_unit_test(the_tree_of_free_chunks_holds_large_ones_only),
	    cmocka_unit_test(spaces_and_what_lies_between_them_are_judged),
	    cmocka_unit_test(edges_lie_between_the_last_right_value_and_the_first_wrong_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

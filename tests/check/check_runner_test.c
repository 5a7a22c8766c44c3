/* check_runner_test.c: the rule table, filters, cap, prerequisites, stopping, failing memory. */
#include "assertions.h"

#include <stdio.h>
#include <string.h>

#include "imago/check.h"

#include "layouts.h"
#include "small_image.h"

enum { MOST_FINDINGS = 64 };

typedef struct findings {
	const imago_rule *rules[MOST_FINDINGS];
	size_t count;
	size_t stop_after; /* 0: never */
} findings;

static bool
collect(const imago_finding *finding, void *payload)
{
	findings *list = payload;
	assert_true(list->count < MOST_FINDINGS);
	assert_non_null(finding->part);
	list->rules[list->count++] = finding->rule;
	return list->count != list->stop_after;
}

/* Two header warnings of two families' worth, one error, one slot error and one method error. */
static imago_heap *
broken_heap(imago_allocator *allocator)
{
	imago_builder *builder = test_builder(&test_layouts[0], allocator);
	assert_non_null(builder);
	imago_oop array =
	    imago_builder_new_pointers(builder, imago_builder_class(builder, IMAGO_KERNEL_ARRAY), 3);
	imago_builder_set_special(builder, IMAGO_SPECIAL_EXTERNAL_OBJECTS, array);
	imago_builder_store(builder, array, 0, array + 8);
	imago_builder_store(builder, array, 1, array + 4);
	imago_builder_store(builder, array, 2, 8);
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	heap->header.flags |= 1 << 20;
	heap->header.num_stack_pages = 60000;
	heap->header.data_size += 8;
	return heap;
}

static const char *const all_broken[] = {
    "header.dataSize", "header.flags",       "header.stackPages",
    "oop.misaligned",  "oop.notObjectStart", "oop.outside",
};
enum { NUM_BROKEN = sizeof all_broken / sizeof all_broken[0] };

static bool
has(const findings *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->rules[i]->name, name) == 0) {
			return true;
		}
	}
	return false;
}

/* Checks a heap with options, and destroys it. */
static imago_check_summary
run(imago_heap *heap, const imago_check_options *options, findings *list)
{
	imago_allocator allocator;
	imago_check_sink sink;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_check_sink_init(&sink, options, collect, list);
	assert_ok(imago_check(heap, &sink, &allocator, &error), &error);
	assert_no_leak(&allocator);
	imago_heap_destroy(heap);
	return sink.summary;
}

static imago_check_summary
run_broken(const imago_check_options *options, findings *list)
{
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_check_summary summary = run(broken_heap(&allocator), options, list);
	assert_no_leak(&allocator);
	return summary;
}

static const imago_rule *
find_rule(const char *name)
{
	const imago_rule *rules = imago_core_rules();
	for (size_t i = 0; i < IMAGO_NUM_CORE_RULES; i++) {
		if (strcmp(rules[i].name, name) == 0) {
			return &rules[i];
		}
	}
	return NULL;
}

static void
every_rule_has_a_name_of_its_own_and_a_family(void **state)
{
	(void)state;
	const imago_rule *rules = imago_core_rules();
	assert_true(IMAGO_NUM_CORE_RULES >= 55);
	for (size_t i = 0; i < IMAGO_NUM_CORE_RULES; i++) {
		const char *dot = strchr(rules[i].name, '.');
		assert_ptr_equal(find_rule(rules[i].name), &rules[i]);
		assert_non_null(dot);
		assert_true(dot > rules[i].name && dot[1] != '\0' && strchr(dot + 1, '.') == NULL);
		assert_true(strlen(rules[i].summary) > 10);
		assert_string_not_equal(imago_severity_name(rules[i].severity), "?");
		assert_string_not_equal(imago_scope_name(rules[i].scope), "?");
	}
}

static void
a_rule_needs_only_rules_that_stand_before_it(void **state)
{
	(void)state;
	const imago_rule *rules = imago_core_rules();
	for (size_t i = 0; i < IMAGO_NUM_CORE_RULES; i++) {
		if (rules[i].needs != NULL) {
			const imago_rule *needed = find_rule(rules[i].needs);
			assert_non_null(needed);
			assert_true(needed < &rules[i]);
		}
	}
}

static void
a_broken_heap_breaks_the_rules_it_was_made_to(void **state)
{
	(void)state;
	findings list = {.count = 0};
	imago_check_summary summary = run_broken(NULL, &list);
	for (size_t i = 0; i < NUM_BROKEN; i++) {
		assert_true(has(&list, all_broken[i]));
	}
	assert_int_equal(list.count, NUM_BROKEN);
	assert_int_equal(summary.num_errors, 4);
	assert_int_equal(summary.num_warnings, 2);
	assert_int_equal(summary.num_infos, 0);
}

static void
only_runs_the_named_rules_and_families(void **state)
{
	(void)state;
	static const char *const names[] = {"oop", "header.flags"};
	const imago_check_options options = {.only = names, .num_only = 2};
	findings list = {.count = 0};
	imago_check_summary summary = run_broken(&options, &list);
	assert_int_equal(list.count, 4);
	assert_true(has(&list, "header.flags"));
	assert_true(has(&list, "oop.outside"));
	assert_false(has(&list, "header.stackPages"));
	assert_int_equal(summary.num_errors, 3);
	assert_int_equal(summary.num_warnings, 1);
}

static void
skip_leaves_out_the_named_rules_and_families(void **state)
{
	(void)state;
	static const char *const names[] = {"header", "oop.misaligned"};
	const imago_check_options options = {.skip = names, .num_skip = 2};
	findings list = {.count = 0};
	imago_check_summary summary = run_broken(&options, &list);
	assert_int_equal(list.count, 2);
	assert_true(has(&list, "oop.outside"));
	assert_true(has(&list, "oop.notObjectStart"));
	assert_int_equal(summary.num_errors, 2);
	assert_int_equal(summary.num_warnings, 0);
}

static void
skip_wins_over_only(void **state)
{
	(void)state;
	static const char *const only[] = {"oop"};
	static const char *const skip[] = {"oop.outside"};
	const imago_check_options options = {.only = only, .num_only = 1, .skip = skip, .num_skip = 1};
	findings list = {.count = 0};
	(void)run_broken(&options, &list);
	assert_int_equal(list.count, 2);
	assert_false(has(&list, "oop.outside"));
}

/* The status of a check that names one rule in only or skip. */
static imago_status
status_of_name(const char *name, bool skip, imago_error *error)
{
	imago_allocator allocator;
	imago_check_sink sink;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = small_heap(&test_layouts[0], &allocator);
	const imago_check_options options = {.only = skip ? NULL : &name,
	                                     .num_only = skip ? 0 : 1,
	                                     .skip = skip ? &name : NULL,
	                                     .num_skip = skip ? 1 : 0};
	imago_check_sink_init(&sink, &options, NULL, NULL);
	imago_status status = imago_check(heap, &sink, &allocator, error);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
	return status;
}

static void
a_name_that_no_rule_has_is_refused(void **state)
{
	(void)state;
	static const char *const wrong[] = {"oop.", "oop.noSuch", "o", "", "oops", "oop.outside.x"};
	imago_error error = {.status = IMAGO_OK};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		for (int skip = 0; skip < 2; skip++) {
			assert_int_equal(status_of_name(wrong[i], skip != 0, &error), IMAGO_EUSAGE);
			assert_error(&error, IMAGO_EUSAGE, "rule name", IMAGO_NO_OFFSET);
		}
	}
	assert_ok(status_of_name("oop", false, &error), &error);
	assert_ok(status_of_name("oop.outside", true, &error), &error);
}

static const imago_rule format_rule = {.name = "folder.test", .summary = "a rule of a format"};

static const imago_rule *
only_the_test_rule(size_t index)
{
	return index == 0 ? &format_rule : NULL;
}

static void
names_of_the_formats_rules_are_known_when_the_sink_has_them(void **state)
{
	(void)state;
	static const char *const name = "folder";
	const imago_check_options options = {.only = &name, .num_only = 1};
	imago_allocator allocator;
	imago_check_sink sink;
	imago_error error = {.status = IMAGO_OK};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = small_heap(&test_layouts[0], &allocator);
	imago_check_sink_init(&sink, &options, NULL, NULL);
	sink.rule_at = only_the_test_rule;
	assert_ok(imago_check(heap, &sink, &allocator, &error), &error);
	assert_true(imago_check_sink_wants(&sink, &format_rule));
	imago_heap_destroy(heap);
}

static void
over_the_cap_findings_are_counted_but_not_reported(void **state)
{
	(void)state;
	const imago_check_options options = {.max_findings = 2};
	findings list = {.count = 0};
	imago_check_summary summary = run_broken(&options, &list);
	assert_int_equal(list.count, 2);
	assert_int_equal(summary.num_errors, 4);
	assert_int_equal(summary.num_warnings, 2);
}

static void
a_callback_can_stop_the_check(void **state)
{
	(void)state;
	for (size_t stop_after = 1; stop_after < NUM_BROKEN; stop_after++) {
		findings list = {.stop_after = stop_after};
		imago_check_summary summary = run_broken(NULL, &list);
		assert_int_equal(list.count, stop_after);
		assert_int_equal(summary.num_errors + summary.num_warnings, stop_after);
	}
}

/* The hidden roots' slot count: everything that hangs on them cannot be judged. */
static imago_heap *
rootless_heap(imago_allocator *allocator)
{
	imago_heap *heap = small_heap(&test_layouts[0], allocator);
	assert_non_null(heap);
	imago_known_objects known;
	imago_known_objects_find(heap, &known);
	uint8_t *header = imago_heap_writable_bytes(heap, known.hidden_roots.oop, 8);
	assert_non_null(header);
	uint64_t word = imago_load_u64(header, heap->layout.byte_order);
	imago_store_u64(header, word + 1, heap->layout.byte_order); /* class index 17 */
	return heap;
}

static void
rules_that_need_a_broken_one_are_skipped_and_counted(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	findings list = {.count = 0};
	imago_check_summary summary = run(rootless_heap(&allocator), NULL, &list);
	assert_int_equal(list.count, 1);
	assert_true(has(&list, "first.hiddenRoots"));
	assert_true(summary.num_skipped_rules >= 10);

	/* The prerequisite counts as broken when it is not reported, too. */
	static const char *const only[] = {"classTable"};
	const imago_check_options options = {.only = only, .num_only = 1};
	findings none = {.count = 0};
	summary = run(rootless_heap(&allocator), &options, &none);
	assert_int_equal(none.count, 0);
	assert_int_equal(summary.num_errors, 0);
	assert_true(summary.num_skipped_rules >= 5);
}

static imago_status
check_once(imago_allocator *allocator, imago_error *error, void *payload)
{
	imago_check_sink sink;
	imago_check_sink_init(&sink, NULL, NULL, NULL);
	return imago_check(payload, &sink, allocator, error);
}

static void
every_failing_allocation_is_reported(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = varied_heap(&test_layouts[i], &allocator);
		assert_non_null(heap);
		assert_every_allocation_failure_is_reported(check_once, heap);
		imago_heap_destroy(heap);
	}
}

static void
a_heap_without_segments_is_checked_without_harm(void **state)
{
	(void)state;
	for (int model = IMAGO_SPUR; model <= IMAGO_V3; model++) {
		const imago_layout layout = {.word_bytes = 4, .byte_order = IMAGO_LITTLE_ENDIAN};
		imago_allocator allocator;
		imago_error error;
		imago_heap *heap;
		findings list = {.count = 0};
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		assert_ok(imago_heap_create(&heap, (imago_object_model)model, layout, &allocator, &error),
		          &error);
		imago_check_summary summary = run(heap, NULL, &list);
		assert_int_equal(summary.num_objects, 0);
		assert_true(has(&list, "special.oop"));
		assert_no_leak(&allocator);
	}
}

typedef struct progress_log {
	uint64_t num_calls, done, total;
} progress_log;

static void
note_progress(uint64_t done, uint64_t total, void *payload)
{
	progress_log *log = payload;
	assert_true(done > log->done && done <= total);
	*log = (progress_log){log->num_calls + 1, done, total};
}

static void
progress_rises_to_both_passes_over_the_heap(void **state)
{
	(void)state;
	imago_allocator allocator;
	progress_log log = {0};
	const imago_check_options options = {.progress = note_progress, .progress_payload = &log};
	findings list = {.count = 0};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(&test_layouts[0], &allocator);
	imago_oop bytes = imago_builder_class(builder, IMAGO_KERNEL_BYTE_ARRAY);
	for (int i = 0; i < 40; i++) {
		(void)imago_builder_new_bits(builder, bytes, 100000);
	}
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	uint64_t total = 2 * imago_heap_object_bytes(heap);
	(void)run(heap, &options, &list);
	assert_int_equal(list.count, 0);
	assert_int_equal(log.total, total);
	assert_true(log.num_calls >= 4 && log.done > total / 2);
}

static void
a_finding_is_one_line_that_names_everything(void **state)
{
	(void)state;
	const imago_rule *rule = find_rule("oop.outside");
	imago_finding finding = {.rule = rule,
	                         .part = "",
	                         .offset = 0x40,
	                         .oop = 0x1000,
	                         .slot = 3,
	                         .found = 0x99,
	                         .expected = IMAGO_NOTHING_EXPECTED};
	char line[256];
	char expected[256];
	size_t length = imago_finding_format(&finding, "a.image", line, sizeof line);
	snprintf(expected, sizeof expected,
	         "a.image:0x40: error: oop.outside: %s: slot 3 of 0x1000: found 0x99", rule->summary);
	assert_string_equal(line, expected);
	assert_int_equal(length, strlen(expected));

	finding.part = "seg1.data";
	finding.slot = IMAGO_NO_SLOT;
	finding.expected = 7;
	imago_finding_format(&finding, "a", line, sizeof line);
	snprintf(expected, sizeof expected,
	         "a/seg1.data:0x40: error: oop.outside: %s: object 0x1000: found 0x99, expected 0x7",
	         rule->summary);
	assert_string_equal(line, expected);

	finding.oop = 0;
	finding.offset = IMAGO_NO_OFFSET;
	length = imago_finding_format(&finding, "a", line, sizeof line);
	snprintf(expected, sizeof expected,
	         "a/seg1.data: error: oop.outside: %s: found 0x99, expected 0x7", rule->summary);
	assert_string_equal(line, expected);

	/* A short buffer gets the beginning, and the length that was wanted. */
	char part[11];
	assert_int_equal(imago_finding_format(&finding, "a", part, sizeof part), length);
	assert_string_equal(part, "a/seg1.dat");
	assert_int_equal(imago_finding_format(&finding, "a", NULL, 0), length);
}

static void
names_outside_the_enums_are_question_marks(void **state)
{
	(void)state;
	assert_string_equal(imago_severity_name((imago_severity)99), "?");
	assert_string_equal(imago_scope_name((imago_scope)99), "?");
	assert_string_equal(imago_severity_name(IMAGO_INFO), "info");
	assert_string_equal(imago_scope_name(IMAGO_SCOPE_SLOT), "slot");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_rule_has_a_name_of_its_own_and_a_family),
	    cmocka_unit_test(a_rule_needs_only_rules_that_stand_before_it),
	    cmocka_unit_test(a_broken_heap_breaks_the_rules_it_was_made_to),
	    cmocka_unit_test(only_runs_the_named_rules_and_families),
	    cmocka_unit_test(skip_leaves_out_the_named_rules_and_families),
	    cmocka_unit_test(skip_wins_over_only),
	    cmocka_unit_test(a_name_that_no_rule_has_is_refused),
	    cmocka_unit_test(names_of_the_formats_rules_are_known_when_the_sink_has_them),
	    cmocka_unit_test(over_the_cap_findings_are_counted_but_not_reported),
	    cmocka_unit_test(a_callback_can_stop_the_check),
	    cmocka_unit_test(rules_that_need_a_broken_one_are_skipped_and_counted),
	    cmocka_unit_test(every_failing_allocation_is_reported),
	    cmocka_unit_test(a_heap_without_segments_is_checked_without_harm),
	    cmocka_unit_test(progress_rises_to_both_passes_over_the_heap),
	    cmocka_unit_test(a_finding_is_one_line_that_names_everything),
	    cmocka_unit_test(names_outside_the_enums_are_question_marks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* packfile_rules_test.c: every rule of packfiles has a recipe that breaks it, and it alone, in
 * every layout; and a packfile that none is broken by has no finding. rules_test compares those
 * that are committed with the recipes. */
#include "assertions.h"
#include "packfile/packfile_recipes.h"

#include <string.h>

#include "imago/packfile_check.h"

static const imago_layout layouts[] = {{4, IMAGO_LITTLE_ENDIAN},
                                       {4, IMAGO_BIG_ENDIAN},
                                       {8, IMAGO_LITTLE_ENDIAN},
                                       {8, IMAGO_BIG_ENDIAN}};
enum { NUM_LAYOUTS = sizeof layouts / sizeof layouts[0], MOST = 32 };

typedef struct broken_rules {
	const char *names[MOST];
	size_t count;
	char line[512];
	uint64_t size;
} broken_rules;

static bool
note(const imago_finding *finding, void *payload)
{
	broken_rules *broken = payload;
	if (broken->count < MOST) {
		broken->names[broken->count++] = finding->rule->name;
	}
	assert_true(finding->offset < broken->size);
	imago_finding_format(finding, "", broken->line, sizeof broken->line);
	return true;
}

static void
check(const imago_writer *file, broken_rules *broken)
{
	imago_allocator allocator;
	imago_packfile packfile;
	imago_check_sink sink;
	imago_error error = {0};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	memset(broken, 0, sizeof *broken);
	broken->size = file->size;
	imago_check_sink_init(&sink, NULL, note, broken);
	assert_ok(imago_packfile_read(&packfile, file->bytes, file->size, NULL, &allocator, &error),
	          &error);
	imago_packfile_check(&packfile, &sink);
	imago_packfile_close(&packfile);
	assert_no_leak(&allocator);
}

static void
drafts_break_no_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_LAYOUTS * 3 + NUM_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_writer file;
		broken_rules broken;
		draft d;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_writer_init(&file, &allocator, layouts[i % NUM_LAYOUTS], NULL);
		if (i / NUM_LAYOUTS < 3) {
			draft_init(&d, layouts[i % NUM_LAYOUTS], (uint8_t)(i / NUM_LAYOUTS));
		} else {
			draft_init_least(&d, layouts[i % NUM_LAYOUTS]);
		}
		draft_write(&d, &file);
		check(&file, &broken);
		if (broken.count > 0) {
			fail_msg("draft %zu: %s", i, broken.line);
		}
		imago_writer_release(&file);
	}
}

static void
every_recipe_breaks_its_rule_and_no_other(void **state)
{
	(void)state;
	size_t num_bad = 0;
	for (size_t r = 0; r < num_packfile_recipes; r++) {
		const packfile_recipe *recipe = &packfile_recipes[r];
		for (size_t i = 0; i < NUM_LAYOUTS; i++) {
			imago_allocator allocator;
			imago_writer file;
			broken_rules broken;
			if (recipe->word_bytes != 0 && recipe->word_bytes != layouts[i].word_bytes) {
				continue;
			}
			imago_allocator_init(&allocator, IMAGO_UNLIMITED);
			imago_writer_init(&file, &allocator, layouts[i], NULL);
			packfile_recipe_write(recipe, layouts[i], &file);
			assert_int_equal(file.status, IMAGO_OK);
			check(&file, &broken);
			imago_writer_release(&file);
			bool alone = broken.count > 0;
			for (size_t k = 0; k < broken.count; k++) {
				alone = alone && strcmp(broken.names[k], recipe->rule) == 0;
			}
			if (!alone) {
				print_error("%s, layout %zu: %zu findings, %s\n", recipe->rule, i, broken.count,
				            broken.line);
				num_bad++;
			}
		}
	}
	assert_int_equal(num_bad, 0);
}

static void
every_rule_has_a_recipe(void **state)
{
	(void)state;
	size_t num_rules;
	const imago_rule *rules = imago_packfile_rules(&num_rules);
	assert_int_equal(num_rules, num_packfile_recipes);
	assert_true(num_rules >= 25);
	for (size_t i = 0; i < num_rules; i++) {
		assert_string_equal(rules[i].name, packfile_recipes[i].rule);
	}
}

static void
rules_may_be_named_and_left_out(void **state)
{
	(void)state;
	static const char *const names[] = {"packfile.uuid"};
	imago_allocator allocator;
	imago_writer file;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_writer_init(&file, &allocator, layouts[0], NULL);
	packfile_recipe_write(&packfile_recipes[1], layouts[0], &file);
	for (size_t i = 0; i < 3; i++) {
		imago_packfile packfile;
		imago_check_sink sink;
		imago_error error = {0};
		const imago_check_options options[] = {
		    {.only = names, .num_only = 1}, {.skip = names, .num_skip = 1}, {.max_findings = 1}};
		assert_ok(imago_packfile_read(&packfile, file.bytes, file.size, NULL, &allocator, &error),
		          &error);
		imago_check_sink_init(&sink, &options[i], NULL, NULL);
		imago_packfile_check(&packfile, &sink);
		assert_int_equal(sink.summary.num_warnings, i == 1 ? 0 : 1);
		assert_int_equal(sink.summary.num_objects, 5);
		imago_packfile_close(&packfile);
	}
	imago_writer_release(&file);
	assert_no_leak(&allocator);
}

static bool
stop_at_once(const imago_finding *finding, void *payload)
{
	(void)finding;
	++*(size_t *)payload;
	return false;
}

static void
a_callback_stops_the_check(void **state)
{
	(void)state;
	for (size_t r = 0; r < num_packfile_recipes; r++) {
		imago_allocator allocator;
		imago_writer file;
		imago_packfile packfile;
		imago_check_sink sink;
		size_t count = 0;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_writer_init(&file, &allocator, layouts[2], NULL);
		packfile_recipe_write(&packfile_recipes[r], layouts[2], &file);
		assert_int_equal(
		    imago_packfile_read(&packfile, file.bytes, file.size, NULL, &allocator, NULL),
		    IMAGO_OK);
		imago_check_sink_init(&sink, NULL, stop_at_once, &count);
		imago_packfile_check(&packfile, &sink);
		assert_int_equal(count, 1);
		imago_packfile_close(&packfile);
		imago_writer_release(&file);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(drafts_break_no_rule),
	    cmocka_unit_test(every_rule_has_a_recipe),
	    cmocka_unit_test(every_recipe_breaks_its_rule_and_no_other),
	    cmocka_unit_test(rules_may_be_named_and_left_out),
	    cmocka_unit_test(a_callback_stops_the_check),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

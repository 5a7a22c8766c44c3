/* rules_test.c: every rule of every table has a recipe that breaks it, and it alone, in every
 * layout where that can be; and the committed corpus is what the recipes make. */
#include "assertions.h"
#include "corpus/corpus.h"

#include <stdio.h>
#include <string.h>

#include "imago/file.h"
#include "imago/image.h"
#include "imago/writer.h"

enum { MAX_NAMED = 16, LINE_SIZE = 512 };

/* The rules that one check broke. */
typedef struct broken_rules {
	const char *names[MAX_NAMED];
	size_t count;
	char first_line[LINE_SIZE]; /* of the last rule noted */
} broken_rules;

static bool
note_finding(const imago_finding *finding, void *payload)
{
	broken_rules *broken = payload;
	for (size_t i = 0; i < broken->count; i++) {
		if (strcmp(broken->names[i], finding->rule->name) == 0) {
			return true;
		}
	}
	if (broken->count < MAX_NAMED) {
		broken->names[broken->count++] = finding->rule->name;
		imago_finding_format(finding, "", broken->first_line, sizeof(broken->first_line));
	}
	return true;
}

/* Reads and checks a file; false when it is refused, which is printed. */
static bool
find_broken_rules(const test_image *image, const char *path, broken_rules *broken)
{
	imago_allocator allocator;
	imago_image opened;
	imago_check_sink sink;
	imago_error error = {0};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_check_sink_init(&sink, NULL, note_finding, broken);
	imago_status status = imago_image_read(&opened, image->bytes, image->size, &allocator, &error);
	if (status == IMAGO_OK) {
		status = imago_image_check(&opened, &sink, &allocator, &error);
	}
	imago_image_close(&opened);
	assert_no_leak(&allocator);
	if (status != IMAGO_OK) {
		char line[LINE_SIZE];
		imago_error_format(&error, line, sizeof(line));
		print_error("%s is refused: %s\n", path, line);
	}
	return status == IMAGO_OK;
}

static bool
names(const broken_rules *broken, const char *rule)
{
	for (size_t i = 0; i < broken->count; i++) {
		if (strcmp(broken->names[i], rule) == 0) {
			return true;
		}
	}
	return false;
}

/* True for a rule that breaks besides the one meant: the recipe's companion, or that the folder is
 * big-endian at all. */
static bool
is_excused(const corpus_recipe *recipe, const test_layout *layout, const char *name)
{
	bool big_folder =
	    (recipe->needs & CORPUS_COMPOSED) != 0 && layout->layout.byte_order == IMAGO_BIG_ENDIAN;
	return (recipe->companion != NULL && strcmp(name, recipe->companion) == 0) ||
	       (big_folder && strcmp(name, "composed.bigEndian") == 0);
}

/* Makes one file and checks it; false when anything but the rule meant is broken. */
static bool
breaks_its_rule_alone(const corpus_recipe *recipe, const test_layout *layout)
{
	imago_allocator allocator;
	char path[CORPUS_PATH_SIZE];
	broken_rules broken = {0};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	corpus_path(recipe, layout, path);
	test_image image = corpus_make(recipe, layout, &allocator);
	bool good = image.bytes != NULL && find_broken_rules(&image, path, &broken);
	test_image_release(&image);
	assert_no_leak(&allocator);
	if (!good) {
		return false;
	}
	if (!names(&broken, recipe->rule)) {
		print_error("%s does not break its rule\n", path);
		good = false;
	}
	for (size_t i = 0; i < broken.count; i++) {
		const char *name = broken.names[i];
		if (strcmp(name, recipe->rule) != 0 && !is_excused(recipe, layout, name)) {
			print_error("%s breaks %s too: %s\n", path, name, broken.first_line);
			good = false;
		}
	}
	return good;
}

static void
every_recipe_breaks_its_rule_and_no_other(void **state)
{
	(void)state;
	size_t num_files = 0;
	size_t num_bad = 0;
	const corpus_recipe *recipe;
	for (size_t r = 0; (recipe = corpus_recipe_at(r)) != NULL; r++) {
		for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
			if (corpus_applies(recipe, &test_layouts[i])) {
				num_files++;
				num_bad += !breaks_its_rule_alone(recipe, &test_layouts[i]);
			}
		}
	}
	print_message("%zu files\n", num_files);
	assert_int_equal(num_bad, 0);
}

static void
every_rule_has_a_recipe(void **state)
{
	(void)state;
	size_t num_missing = 0;
	const imago_rule *rule;
	for (size_t r = 0; (rule = imago_rule_at(r)) != NULL; r++) {
		bool found = false;
		const corpus_recipe *recipe;
		for (size_t i = 0; !found && (recipe = corpus_recipe_at(i)) != NULL; i++) {
			found = strcmp(recipe->rule, rule->name) == 0;
		}
		/* Those of packfiles have theirs in tests/support/packfile/packfile_recipes.c, those of
		 * workspaces in tests/formats/workspace_hostile_test.c. */
		if (!found && strncmp(rule->name, "packfile.", 9) != 0 &&
		    strncmp(rule->name, "workspace.", 10) != 0) {
			print_error("%s has no recipe (tests/support/corpus)\n", rule->name);
			num_missing++;
		}
	}
	assert_int_equal(num_missing, 0);
}

static void
every_recipe_names_a_rule(void **state)
{
	(void)state;
	size_t num_unknown = 0;
	const corpus_recipe *recipe;
	for (size_t i = 0; (recipe = corpus_recipe_at(i)) != NULL; i++) {
		bool found = false;
		const imago_rule *rule;
		for (size_t r = 0; !found && (rule = imago_rule_at(r)) != NULL; r++) {
			found = strcmp(recipe->rule, rule->name) == 0;
		}
		bool committed = corpus_committed_layout(recipe) != NULL;
		if (!found || committed == ((recipe->needs & CORPUS_LAYERED) != 0) ||
		    (recipe->companion != NULL && recipe->reason == NULL)) {
			print_error("recipe of %s: no such rule, no layout, or no reason\n", recipe->rule);
			num_unknown++;
		}
	}
	assert_int_equal(num_unknown, 0);
}

static void
valid_images_break_no_rule(void **state)
{
	(void)state;
	const corpus_valid *valid;
	size_t num_bad = 0;
	for (size_t v = 0; (valid = corpus_valid_at(v)) != NULL; v++) {
		for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
			if (!corpus_valid_applies(valid, &test_layouts[i])) {
				continue;
			}
			imago_allocator allocator;
			char path[CORPUS_PATH_SIZE];
			broken_rules broken = {0};
			imago_allocator_init(&allocator, IMAGO_UNLIMITED);
			corpus_valid_path(valid, &test_layouts[i], path);
			test_image image = corpus_valid_make(valid, &test_layouts[i], &allocator);
			assert_non_null(image.bytes);
			if (!find_broken_rules(&image, path, &broken) || broken.count > 0) {
				print_error("%s: %s\n", path, broken.first_line);
				num_bad++;
			}
			test_image_release(&image);
		}
	}
	assert_int_equal(num_bad, 0);
}

/* True when corpus/path holds exactly these bytes. */
static bool
is_committed(const char *path, const uint8_t *expected, uint64_t expected_size)
{
	imago_allocator allocator;
	imago_error error;
	char full[CORPUS_PATH_SIZE + 8];
	uint8_t *bytes = NULL;
	uint64_t size = 0;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	snprintf(full, sizeof(full), "corpus/%s", path);
	bool read = imago_file_read(full, &allocator, &bytes, &size, &error) == IMAGO_OK;
	bool same =
	    read && size == expected_size && memcmp(bytes, expected, (size_t)expected_size) == 0;
	if (!same) {
		print_error("%s is not what its recipe makes: rebuild it (corpus/README.md)\n", full);
	}
	imago_release(&allocator, bytes, read ? size : 0);
	return same;
}

/* What the committed files sum up to. */
typedef struct committed_sums {
	size_t num_bad;
	size_t num_files;
	imago_writer manifest;
} committed_sums;

static bool
compare_committed(const corpus_file *file, void *payload)
{
	committed_sums *sums = payload;
	char line[CORPUS_MANIFEST_LINE];
	sums->num_bad += !is_committed(file->path, file->bytes, file->size);
	sums->num_files++;
	corpus_manifest_line(file, line);
	imago_write_bytes(&sums->manifest, line, strlen(line));
	return true;
}

static void
the_committed_corpus_is_what_the_recipes_make(void **state)
{
	(void)state;
	imago_allocator allocator;
	committed_sums sums = {0};
	char line[CORPUS_MANIFEST_LINE];
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_writer_init(&sums.manifest, &allocator, (imago_layout){0}, NULL);
	corpus_manifest_line(NULL, line);
	imago_write_bytes(&sums.manifest, line, strlen(line));
	assert_true(corpus_for_each_committed(compare_committed, &sums));
	sums.num_bad += !is_committed("MANIFEST.tsv", sums.manifest.bytes, sums.manifest.size);
	imago_writer_release(&sums.manifest);
	assert_int_equal(sums.num_bad, 0);
	assert_true(sums.num_files > 0);
	assert_no_leak(&allocator);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_rule_has_a_recipe),
	    cmocka_unit_test(every_recipe_names_a_rule),
	    cmocka_unit_test(every_recipe_breaks_its_rule_and_no_other),
	    cmocka_unit_test(valid_images_break_no_rule),
	    cmocka_unit_test(the_committed_corpus_is_what_the_recipes_make),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

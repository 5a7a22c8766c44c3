/* check_real_images_test.c: the genuine images of ../shared/images have no errors, and just the
 * warnings that core/check/README.md explains. */
#include "assertions.h"

#include <stdio.h>
#include <string.h>

#include "imago/check.h"
#include "imago/image.h"

enum { MOST_FINDINGS = 4, SKIPPED = 77 };

typedef struct expected_finding {
	const char *rule;
	uint64_t offset;
} expected_finding;

typedef struct real_image {
	const char *path;
	uint64_t num_objects; /* as other VMs count */
	expected_finding expected[MOST_FINDINGS + 1];
} real_image;

static const real_image images[] = {
    {"../shared/images/spur32-6521-cp-node.image",
     4274,
     {{"classIndex.hidden", 0x6148},
      {"method.smallFrame", 0x1B918},
      {"method.smallFrame", 0x1D460}}},
    {"../shared/images/spur32-6521-headless.image", 2443, {{"classIndex.hidden", 0x6148}}},
    {"../shared/images/spur64-68021-pharo-vm.image", 2466, {{"classIndex.hidden", 0xC328}}},
    {"../shared/images/v3-6505-bootstrapped.image", 2525, {{NULL, 0}}},
    {"../shared/images/v3-6502-mini.image", 17692, {{NULL, 0}}},
    {"../shared/images/v3-6502-running-exit.image", 16181, {{NULL, 0}}},
    {"../shared/images/v3-6502-be-squeakjs.image", 15893, {{NULL, 0}}},
};

enum { NUM_IMAGES = sizeof images / sizeof images[0] };

typedef struct collected {
	const real_image *image;
	size_t num_findings;
	bool unexpected;
} collected;

static bool
compare_finding(const imago_finding *finding, void *payload)
{
	collected *list = payload;
	const expected_finding *expected = &list->image->expected[list->num_findings];
	if (expected->rule == NULL || strcmp(expected->rule, finding->rule->name) != 0 ||
	    expected->offset != finding->offset) {
		char line[512];
		imago_finding_format(finding, list->image->path, line, sizeof line);
		print_message("unexpected: %s\n", line);
		list->unexpected = true;
		return false;
	}
	list->num_findings++;
	return true;
}

static void
genuine_images_have_just_the_findings_that_are_explained(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_IMAGES; i++) {
		collected list = {.image = &images[i]};
		imago_allocator allocator;
		imago_error error;
		imago_image image;
		imago_check_sink sink;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		assert_ok(imago_image_open(&image, images[i].path, &allocator, &error), &error);
		imago_check_sink_init(&sink, NULL, compare_finding, &list);
		assert_ok(imago_image_check(&image, &sink, &allocator, &error), &error);
		assert_false(list.unexpected);
		assert_null(images[i].expected[list.num_findings].rule);
		assert_int_equal(sink.summary.num_errors, 0);
		assert_int_equal(sink.summary.num_skipped_rules, 0);
		assert_int_equal(sink.summary.num_objects, images[i].num_objects);
		imago_image_close(&image);
		assert_no_leak(&allocator);
	}
}

int
main(void)
{
	FILE *file = fopen(images[0].path, "rb");
	if (file == NULL) {
		puts("skipped: no real images");
		return SKIPPED;
	}
	fclose(file);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(genuine_images_have_just_the_findings_that_are_explained),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

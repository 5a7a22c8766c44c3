/* prefixes_test.c: every prefix of every small valid image is refused or found, never accepted.
 *
 *     prefixes_test [STRIDE]
 *
 * Cuts at every STRIDE-th byte (default 1: all), and always at the last one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assertions.h"
#include "damaged.h"
#include "layouts.h"
#include "small_image.h"

static void
assert_no_prefix_is_clean(test_image *image, uint64_t stride, const char *name)
{
	original o;
	assert_non_null(image->bytes);
	original_init(&o, image->bytes, image->size);
	for (uint64_t size = 0; size < image->size;
	     size = size < image->size - 1 && image->size - 1 - size < stride ? image->size - 1
	                                                                      : size + stride) {
		char context[96];
		/* A copy of its own, so that a sanitizer sees each byte read past the end. */
		uint8_t *prefix = malloc(size > 0 ? (size_t)size : 1);
		assert_non_null(prefix);
		memcpy(prefix, image->bytes, (size_t)size);
		snprintf(context, sizeof context, "%s, first %" PRIu64 " bytes", name, size);
		fate result = fate_of(&o, prefix, size, context);
		if (result != FATE_REFUSED && result != FATE_FOUND) {
			fail_msg("%s: %s", context, fate_name(result));
		}
		free(prefix);
	}
	original_release(&o);
	test_image_release(image);
}

static void
no_prefix_of_a_classic_image_is_clean(void **state)
{
	uint64_t stride = *(uint64_t *)*state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		test_image image = small_image(&test_layouts[i], &allocator);
		assert_no_prefix_is_clean(&image, stride, test_layouts[i].name);
	}
	assert_no_leak(&allocator);
}

static void
no_prefix_of_a_composed_image_is_clean(void **state)
{
	uint64_t stride = *(uint64_t *)*state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		/* A big-endian folder is never without a finding: composed.bigEndian. */
		if (test_layouts[i].layout.byte_order == IMAGO_BIG_ENDIAN) {
			continue;
		}
		test_image image = test_image_of(perm_heap(&test_layouts[i], &allocator),
		                                 IMAGO_FORMAT_COMPOSED, &allocator);
		assert_no_prefix_is_clean(&image, stride, test_layouts[i].name);
	}
	assert_no_leak(&allocator);
}

int
main(int argc, char **argv)
{
	uint64_t stride = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	if (stride == 0) {
		fprintf(stderr, "usage: prefixes_test [STRIDE]\n");
		return 2;
	}
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_prestate(no_prefix_of_a_classic_image_is_clean, &stride),
	    cmocka_unit_test_prestate(no_prefix_of_a_composed_image_is_clean, &stride),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

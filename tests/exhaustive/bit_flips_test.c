/* bit_flips_test.c: every single-bit flip of one small image.
 *
 *     bit_flips_test LAYOUT|composed [STRIDE]
 *
 * Flips every STRIDE-th bit (default 1: all) and prints how many flips met each fate (damaged.h).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assertions.h"
#include "damaged.h"
#include "layouts.h"
#include "small_image.h"

typedef struct plan {
	const test_layout *layout;
	bool composed;
	uint64_t stride;
} plan;

static void
every_flipped_bit_meets_one_of_four_fates(void **state)
{
	const plan *p = *state;
	imago_allocator allocator;
	original o;
	uint64_t counts[NUM_FATES] = {0};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	test_image image = p->composed ? test_image_of(perm_heap(p->layout, &allocator),
	                                               IMAGO_FORMAT_COMPOSED, &allocator)
	                               : small_image(p->layout, &allocator);
	assert_non_null(image.bytes);
	uint8_t *damaged = malloc((size_t)image.size);
	assert_non_null(damaged);
	memcpy(damaged, image.bytes, (size_t)image.size);
	original_init(&o, image.bytes, image.size);
	for (uint64_t bit = 0; bit < image.size * 8; bit += p->stride) {
		char context[64];
		snprintf(context, sizeof context, "byte 0x%" PRIx64 ", bit %u", bit / 8,
		         (unsigned)(bit % 8));
		damaged[bit / 8] ^= (uint8_t)(1 << bit % 8);
		counts[fate_of(&o, damaged, image.size, context)]++;
		damaged[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	print_message("%s%s, %" PRIu64 " bytes, every %" PRIu64 ". bit:", p->layout->name,
	              p->composed ? " composed" : "", image.size, p->stride);
	for (int i = 0; i < NUM_FATES; i++) {
		print_message(" %s %" PRIu64, fate_name((fate)i), counts[i]);
	}
	print_message("\n");
	/* A judge that always says the same is none. */
	assert_true(counts[FATE_REFUSED] > 0 && counts[FATE_FOUND] > 0 && counts[FATE_HARMLESS] > 0 &&
	            counts[FATE_ANOTHER] > 0);
	original_release(&o);
	free(damaged);
	test_image_release(&image);
	assert_no_leak(&allocator);
}

int
main(int argc, char **argv)
{
	plan p = {.stride = 1};
	const char *name = argc > 1 ? argv[1] : "spur32";
	p.composed = strcmp(name, "composed") == 0;
	p.layout = test_layout_find(p.composed ? "spur32" : name);
	if (argc > 2) {
		p.stride = strtoull(argv[2], NULL, 10);
	}
	if (p.layout == NULL || p.stride == 0) {
		fprintf(stderr, "usage: bit_flips_test LAYOUT|composed [STRIDE]\n");
		return 2;
	}
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_prestate(every_flipped_bit_meets_one_of_four_fates, &p),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

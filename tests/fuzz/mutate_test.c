/* mutate_test.c: what the mutator promises of readable images. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assertions.h"
#include "imago/digest.h"
#include "mutants.h"

#define EXPECTED_SUM_V3   UINT64_C(0x03afa6b11e72343f)
#define EXPECTED_SUM_SPUR UINT64_C(0x540a75a9739ae3e0)

enum { ROOM = 8192, MAX_SEEDS_TRIED = 600 };

static void
the_same_seed_gives_the_same_bytes_in_every_layout(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SEEDS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		test_image image = seed_image(i, &allocator);
		mutant one;
		mutant two;
		unsigned num_different = 0;
		assert_non_null(image.bytes);
		mutant_init(&one, (size_t)image.size + ROOM);
		mutant_init(&two, (size_t)image.size + ROOM);
		for (uint64_t seed = 0; seed < 64; seed++) {
			mutant_set(&one, image.bytes, (size_t)image.size);
			memset(two.bytes, (int)seed, two.capacity); /* what lay there does not matter */
			mutant_set(&two, image.bytes, (size_t)image.size);
			one.size = imago_mutate(one.bytes, one.size, one.capacity, seed);
			two.size = imago_mutate(two.bytes, two.size, two.capacity, seed);
			assert_int_equal(one.size, two.size);
			assert_memory_equal(one.bytes, two.bytes, one.size);
			num_different +=
			    one.size != image.size || memcmp(one.bytes, image.bytes, (size_t)image.size) != 0;
		}
		assert_true(num_different > 48);
		mutant_release(&one);
		mutant_release(&two);
		test_image_release(&image);
		assert_no_leak(&allocator);
	}
}

/* Pins the numbers across hosts: FNV-1a over 200 mutants of two small images. Whoever adds an
 * operator writes the printed sums above. */
static void
mutants_are_the_same_on_every_host(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	uint64_t sums[2] = {0};
	for (int pass = 0; pass < 2; pass++) {
		test_image image = small_image(test_layout_find(pass == 0 ? "v3be" : "spur32"), &allocator);
		mutant m;
		assert_non_null(image.bytes);
		mutant_init(&m, (size_t)image.size + ROOM);
		sums[pass] = UINT64_C(0xCBF29CE484222325);
		for (uint64_t seed = 0; seed < 200; seed++) {
			mutant_set(&m, image.bytes, (size_t)image.size);
			m.size = imago_mutate(m.bytes, m.size, m.capacity, seed);
			for (size_t i = 0; i < m.size; i++) {
				sums[pass] = (sums[pass] ^ m.bytes[i]) * UINT64_C(0x100000001B3);
			}
		}
		mutant_release(&m);
		test_image_release(&image);
	}
	print_message("sums 0x%016" PRIx64 " 0x%016" PRIx64 "\n", sums[0], sums[1]);
	assert_true(sums[0] == EXPECTED_SUM_V3);
	assert_true(sums[1] == EXPECTED_SUM_SPUR);
}

static bool
applies_to(const imago_mutation *mutation, imago_format_id format)
{
	return mutation->formats == 0 || (mutation->formats >> format & 1) != 0;
}

/* Tries seeds until the operator changed the image; returns how many mutants changed, and how
 * many of them are still what the operator's effect promises: walkable, or without errors. */
static void
try_operator(const imago_mutation *mutation, const test_image *image, const test_image *donor,
             unsigned *num_changed, unsigned *num_good)
{
	const char *const only[] = {mutation->name};
	mutant m;
	mutant_init(&m, (size_t)image->size * 3 + ROOM);
	*num_changed = 0;
	*num_good = 0;
	for (uint64_t seed = 0; seed < MAX_SEEDS_TRIED && *num_changed < 12; seed++) {
		const imago_mutate_options options = {.seed = seed,
		                                      .only = only,
		                                      .num_only = 1,
		                                      .num_edits = 1,
		                                      .repair = IMAGO_REPAIR_NEVER,
		                                      .donor = donor->bytes,
		                                      .donor_size = (size_t)donor->size};
		imago_mutate_report report;
		mutant_set(&m, image->bytes, (size_t)image->size);
		m.size = imago_mutate_with(m.bytes, m.size, m.capacity, &options, &report);
		assert_true(m.size <= m.capacity);
		assert_true(mutant_canaries_live(&m));
		assert_true(report.num_applied <= 1);
		assert_true(report.num_applied == 0 || report.applied[0] == mutation);
		assert_false(report.repaired);
		if (m.size != image->size || memcmp(m.bytes, image->bytes, m.size) != 0) {
			assert_int_equal(report.num_applied, 1);
			++*num_changed;
			const bool good = mutation->effect == IMAGO_MUTATION_SOUND
			                      ? is_sound(m.bytes, m.size)
			                      : is_walkable(m.bytes, m.size);
			if (!good && mutation->effect == IMAGO_MUTATION_SOUND) {
				print_message("%s, seed %" PRIu64 ": errors\n", mutation->name, seed);
			}
			*num_good += good;
		}
	}
	mutant_release(&m);
}

static bool
promises(const imago_mutation *mutation)
{
	return mutation->effect == IMAGO_MUTATION_SOUND || mutation->effect == IMAGO_MUTATION_KEEPS;
}

/* tail.drop and header.prefix need an image that has what they take away. */
static bool
needs_trailing_bytes(const imago_mutation *mutation)
{
	return strcmp(mutation->name, "tail.drop") == 0;
}

static void
every_operator_finds_a_place_in_every_format_it_is_for(void **state)
{
	(void)state;
	bool failed = false;
	for (size_t i = 0; i < NUM_SEEDS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		test_image image = seed_image(i, &allocator);
		test_image donor = seed_image(i, &allocator);
		assert_non_null(image.bytes);
		assert_non_null(donor.bytes);
		for (size_t j = 0; j < imago_num_mutations(); j++) {
			const imago_mutation *mutation = imago_mutation_at(j);
			unsigned num_changed;
			unsigned num_good;
			if (!applies_to(mutation, seed_format(i)) || needs_trailing_bytes(mutation)) {
				continue;
			}
			/* Permanent space is another image's than the one with several segments; word sizes
			 * of images with permanent space do not change. */
			try_operator(mutation, &image, &donor, &num_changed, &num_good);
			const bool may_miss =
			    i >= NUM_TEST_LAYOUTS && (strcmp(mutation->name, "segment.gap") == 0 ||
			                              strncmp(mutation->name, "file.", 5) == 0);
			if ((num_changed == 0 && !may_miss) || (promises(mutation) && num_good < num_changed)) {
				print_message("%s of %s (%s): changed %u, as promised %u\n", mutation->name,
				              seed_name(i), imago_format_name(seed_format(i)), num_changed,
				              num_good);
				failed = true;
			}
		}
		test_image_release(&image);
		test_image_release(&donor);
		assert_no_leak(&allocator);
	}
	assert_false(failed);
}

static void
digest_of(imago_digest *digest, const uint8_t *bytes, size_t size)
{
	imago_allocator allocator;
	imago_error error;
	imago_image image;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_int_equal(imago_image_read(&image, bytes, size, &allocator, &error), IMAGO_OK);
	assert_int_equal(imago_digest_compute(digest, image.heap, &allocator, &error), IMAGO_OK);
	imago_image_close(&image);
	assert_no_leak(&allocator);
}

static void
whole_file_edits_keep_the_digest(void **state)
{
	(void)state;
	static const char *const names[] = {"file", "header.longer", "header.prefix", "tail.extend"};
	for (size_t i = 0; i < NUM_SEEDS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		test_image image = seed_image(i, &allocator);
		imago_digest before;
		imago_digest after;
		mutant m;
		assert_non_null(image.bytes);
		digest_of(&before, image.bytes, (size_t)image.size);
		mutant_init(&m, (size_t)image.size * 3);
		for (uint64_t seed = 0; seed < 24; seed++) {
			const imago_mutate_options options = {
			    .seed = seed, .only = names, .num_only = 4, .num_edits = 1 + (unsigned)seed % 3};
			mutant_set(&m, image.bytes, (size_t)image.size);
			m.size = imago_mutate_with(m.bytes, m.size, m.capacity, &options, NULL);
			digest_of(&after, m.bytes, m.size);
			assert_memory_equal(&before, &after, sizeof before);
		}
		mutant_release(&m);
		test_image_release(&image);
		assert_no_leak(&allocator);
	}
}

static void
repaired_mutants_can_be_walked(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SEEDS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		test_image image = seed_image(i, &allocator);
		mutant m;
		assert_non_null(image.bytes);
		mutant_init(&m, (size_t)image.size + ROOM);
		for (uint64_t seed = 0; seed < 200; seed++) {
			const imago_mutate_options options = {.seed = seed, .repair = IMAGO_REPAIR_ALWAYS};
			imago_mutate_report report;
			mutant_set(&m, image.bytes, (size_t)image.size);
			m.size = imago_mutate_with(m.bytes, m.size, m.capacity, &options, &report);
			if (!is_walkable(m.bytes, m.size)) {
				print_message("%s (%s), seed %" PRIu64 ":", seed_name(i),
				              imago_format_name(seed_format(i)), seed);
				for (size_t j = 0; j < report.num_applied; j++) {
					print_message(" %s", report.applied[j]->name);
				}
				print_message("\n");
				fail_msg("not walkable");
			}
		}
		mutant_release(&m);
		test_image_release(&image);
	}
}

/* A slot that may hold anything may hold it after others have been changed, too. */
static void
sound_edits_stack(void **state)
{
	(void)state;
	static const char *const names[] = {"sound"};
	for (size_t i = 0; i < NUM_SEEDS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		test_image image = seed_image(i, &allocator);
		test_image donor = seed_image((i + 2) % NUM_SEEDS, &allocator);
		mutant m;
		assert_non_null(image.bytes);
		assert_non_null(donor.bytes);
		mutant_init(&m, (size_t)image.size + ROOM);
		mutant_set(&m, image.bytes, (size_t)image.size);
		for (uint64_t seed = 0; seed < 60; seed++) {
			const imago_mutate_options options = {.seed = seed + 100 * i,
			                                      .only = names,
			                                      .num_only = 1,
			                                      .num_edits = IMAGO_MAX_EDITS,
			                                      .donor = donor.bytes,
			                                      .donor_size = (size_t)donor.size};
			if (seed % 12 == 0) {
				mutant_set(&m, image.bytes, (size_t)image.size);
			}
			m.size = imago_mutate_with(m.bytes, m.size, m.capacity, &options, NULL);
			if (!is_sound(m.bytes, m.size)) {
				fail_msg("%s (%s), seed %u: errors", seed_name(i),
				         imago_format_name(seed_format(i)), (unsigned)seed);
			}
		}
		mutant_release(&m);
		test_image_release(&image);
		test_image_release(&donor);
		assert_no_leak(&allocator);
	}
}

static void
operators_are_many_and_have_names_of_their_own(void **state)
{
	(void)state;
	assert_true(imago_num_mutations() >= 40);
	assert_null(imago_mutation_at(imago_num_mutations()));
	for (size_t i = 0; i < imago_num_mutations(); i++) {
		const imago_mutation *mutation = imago_mutation_at(i);
		assert_true(imago_mutation_is_known(mutation->name));
		assert_non_null(strchr(mutation->name, '.'));
		assert_true(mutation->summary[0] != '\0');
		for (size_t j = 0; j < i; j++) {
			assert_string_not_equal(mutation->name, imago_mutation_at(j)->name);
		}
	}
	assert_true(imago_mutation_is_known("oop"));
	assert_false(imago_mutation_is_known("oo"));
	assert_false(imago_mutation_is_known(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(operators_are_many_and_have_names_of_their_own),
	    cmocka_unit_test(the_same_seed_gives_the_same_bytes_in_every_layout),
	    cmocka_unit_test(mutants_are_the_same_on_every_host),
	    cmocka_unit_test(every_operator_finds_a_place_in_every_format_it_is_for),
	    cmocka_unit_test(whole_file_edits_keep_the_digest),
	    cmocka_unit_test(repaired_mutants_can_be_walked),
	    cmocka_unit_test(sound_edits_stack),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* mutate_hostile_test.c: the mutator on bytes that are no image, or were mutated before. */
#include <stdlib.h>
#include <string.h>

#include "assertions.h"
#include "imago/layered_image.h"
#include "mutants.h"

enum { ROOM = 512, NUM_GENERATIONS = 400, NUM_DAMAGED = 24, NUM_STACKED = 1200 };

static void
nothing_stays_nothing_without_room(void **state)
{
	(void)state;
	uint8_t byte = 7;
	assert_int_equal(imago_mutate(NULL, 0, 0, 1), 0);
	assert_int_equal(imago_mutate(&byte, 0, 0, 1), 0);
	assert_int_equal(byte, 7);
}

static void
small_buffers_stay_within_their_capacity(void **state)
{
	(void)state;
	for (size_t size = 0; size < 40; size++) {
		for (size_t room = 0; room < 3; room++) {
			for (uint64_t seed = 0; seed < 40; seed++) {
				mutant m;
				mutant_init(&m, size + room);
				memset(m.bytes, (int)(seed * 31), size);
				m.size = imago_mutate(m.bytes, size, m.capacity, seed);
				assert_true(m.size <= m.capacity);
				assert_true(mutant_canaries_live(&m));
				mutant_release(&m);
			}
		}
	}
}

/* Headers that promise what no file holds. */
static void
huge_claims_are_not_believed(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		test_image image = small_image(&test_layouts[i], &allocator);
		assert_non_null(image.bytes);
		mutant m;
		mutant_init(&m, 600);
		for (uint64_t seed = 0; seed < 100; seed++) {
			mutant_set(&m, image.bytes, 128 + (size_t)seed * 4);
			memset(m.bytes + 8, 0xFF, (size_t)seed % 56);
			m.size = imago_mutate(m.bytes, m.size, m.capacity, seed);
			assert_true(m.size <= m.capacity);
			assert_true(mutant_canaries_live(&m));
		}
		mutant_release(&m);
		test_image_release(&image);
	}
}

/* Each mutant is mutated again, with hardly any room, so that edits meet what edits left. */
static void
mutants_of_mutants_stay_within_their_capacity(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SEEDS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		test_image image = seed_image(i, &allocator);
		test_image donor = seed_image((i + 1) % NUM_SEEDS, &allocator);
		mutant m;
		assert_non_null(image.bytes);
		assert_non_null(donor.bytes);
		mutant_init(&m, (size_t)image.size + ROOM);
		mutant_set(&m, image.bytes, (size_t)image.size);
		for (uint64_t seed = 0; seed < NUM_GENERATIONS; seed++) {
			const imago_mutate_options options = {.seed = seed + 1000 * i,
			                                      .repair = (imago_mutate_repair)(seed % 3),
			                                      .donor = donor.bytes,
			                                      .donor_size = (size_t)donor.size};
			m.size = imago_mutate_with(m.bytes, m.size, m.capacity, &options, NULL);
			assert_true(m.size <= m.capacity);
			assert_true(mutant_canaries_live(&m));
			if (seed % 40 == 39) {
				mutant_set(&m, image.bytes, (size_t)image.size);
			}
		}
		mutant_release(&m);
		test_image_release(&image);
		test_image_release(&donor);
		assert_no_leak(&allocator);
	}
}

/* One edit of an image with errors that can be walked: what keeps keeps, and what found no place
 * changed nothing. */
static void
assert_promises(const mutant *damaged, mutant *m, const imago_mutation *mutation, uint64_t seed)
{
	const imago_mutate_options options = {.seed = seed,
	                                      .only = &mutation->name,
	                                      .num_only = 1,
	                                      .num_edits = 1,
	                                      .repair = IMAGO_REPAIR_NEVER};
	imago_mutate_report report;
	mutant_set(m, damaged->bytes, damaged->size);
	m->size = imago_mutate_with(m->bytes, m->size, m->capacity, &options, &report);
	const bool unchanged =
	    m->size == damaged->size && memcmp(m->bytes, damaged->bytes, m->size) == 0;
	if ((report.num_applied == 0 && !unchanged) ||
	    (mutation->effect <= IMAGO_MUTATION_KEEPS && !is_walkable(m->bytes, m->size))) {
		fail_msg("%s, seed %u", mutation->name, (unsigned)seed);
	}
}

/* Edited as bytes; what still can be read has hashes that fit, when it was repaired. */
static void
layered_files_are_edited_as_bytes_and_sealed(void **state)
{
	(void)state;
	enum { NUM_MUTANTS = 300, FEW = 3 };
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = varied_heap(test_layout_find("spur64"), &allocator);
	imago_writer image;
	imago_writer_init(&image, &allocator, heap->layout, NULL);
	assert_int_equal(imago_layered_write(heap, NULL, &image, NULL), IMAGO_OK);
	mutant m;
	mutant_init(&m, (size_t)image.size + ROOM);
	unsigned num_sealed = 0;
	for (uint64_t seed = 0; seed < NUM_MUTANTS; seed++) {
		const imago_mutate_options options = {.seed = seed, .repair = IMAGO_REPAIR_ALWAYS};
		imago_mutate_report report;
		imago_layered_head head;
		mutant_set(&m, image.bytes, (size_t)image.size);
		m.size = imago_mutate_with(m.bytes, m.size, m.capacity, &options, &report);
		assert_false(report.readable);
		assert_true(mutant_canaries_live(&m));
		if (imago_layered_decode(&head, m.bytes, m.size, NULL) == IMAGO_OK) {
			assert_true(head.header_intact && head.table_intact);
			num_sealed += report.repaired;
		}
	}
	assert_true(num_sealed > FEW);
	mutant_set(&m, image.bytes, (size_t)image.size);
	m.bytes[64] ^= 1; /* the table's hash */
	m.size = imago_mutant_repair(m.bytes, m.size, m.capacity);
	assert_int_equal(m.size, image.size);
	assert_memory_equal(m.bytes, image.bytes, m.size);
	mutant_release(&m);
	imago_writer_release(&image);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
edits_of_damaged_images_keep_what_they_promise(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SEEDS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		test_image image = seed_image(i, &allocator);
		mutant damaged;
		mutant m;
		assert_non_null(image.bytes);
		mutant_init(&damaged, (size_t)image.size + ROOM);
		mutant_init(&m, (size_t)image.size + ROOM);
		mutant_set(&damaged, image.bytes, (size_t)image.size);
		for (uint64_t seed = 0; seed < NUM_DAMAGED; seed++) {
			const imago_mutate_options options = {.seed = seed, .repair = IMAGO_REPAIR_ALWAYS};
			damaged.size =
			    imago_mutate_with(damaged.bytes, damaged.size, damaged.capacity, &options, NULL);
			assert_true(is_walkable(damaged.bytes, damaged.size));
			for (size_t k = 0; k < imago_num_mutations(); k++) {
				assert_promises(&damaged, &m, imago_mutation_at(k), seed);
			}
		}
		mutant_release(&m);
		mutant_release(&damaged);
		test_image_release(&image);
		assert_no_leak(&allocator);
	}
}

/* An edit may let an object grow over others, which the next one still takes for objects of their
 * own: AddressSanitizer and valgrind see when it copies one over itself. */
static void
bodies_that_overlap_do_not_change_places(void **state)
{
	static const char *const only[] = {"object.slotCount", "object.exchange"};
	(void)state;
	for (size_t i = 0; i < NUM_SEEDS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		test_image image = seed_image(i, &allocator);
		mutant m;
		assert_non_null(image.bytes);
		mutant_init(&m, (size_t)image.size + ROOM);
		for (uint64_t seed = 0; seed < NUM_STACKED; seed++) {
			const imago_mutate_options options = {.seed = seed,
			                                      .only = only,
			                                      .num_only = sizeof only / sizeof only[0],
			                                      .num_edits = 8,
			                                      .repair = IMAGO_REPAIR_NEVER};
			mutant_set(&m, image.bytes, (size_t)image.size);
			m.size = imago_mutate_with(m.bytes, m.size, m.capacity, &options, NULL);
			assert_true(m.size <= m.capacity && mutant_canaries_live(&m));
		}
		mutant_release(&m);
		test_image_release(&image);
		assert_no_leak(&allocator);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_stays_nothing_without_room),
	    cmocka_unit_test(small_buffers_stay_within_their_capacity),
	    cmocka_unit_test(huge_claims_are_not_believed),
	    cmocka_unit_test(mutants_of_mutants_stay_within_their_capacity),
	    cmocka_unit_test(bodies_that_overlap_do_not_change_places),
	    cmocka_unit_test(layered_files_are_edited_as_bytes_and_sealed),
	    cmocka_unit_test(edits_of_damaged_images_keep_what_they_promise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

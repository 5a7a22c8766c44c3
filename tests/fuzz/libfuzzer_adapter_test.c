/* libfuzzer_adapter_test.c: the adapter, with the test in the place of libFuzzer.
 *
 * With IMAGO_MUTATOR=bytes in the environment (a ctest of its own) everything must be the engine's.
 */
#include <stdlib.h>
#include <string.h>

#include "assertions.h"
#include "imago/walk.h"
#include "mutants.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2,
                                 size_t size2, uint8_t *out, size_t max_out_size,
                                 unsigned int seed);

enum { ROOM = 8192, NUM_SEEDS_TRIED = 160, CROSSED_ONE_IN = 3 };

static unsigned num_engine_calls;

size_t
LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
	num_engine_calls++;
	if (size > 0 && max_size > 0) {
		data[0] ^= 1;
	}
	return size;
}

static bool
engine_alone(void)
{
	const char *mutator = getenv("IMAGO_MUTATOR");
	return mutator != NULL && strcmp(mutator, "bytes") == 0;
}

static void
the_engine_has_its_share_of_mutants_and_no_more(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	test_image image = varied_image(test_layout_find("v3"), &allocator);
	mutant m;
	assert_non_null(image.bytes);
	mutant_init(&m, (size_t)image.size + ROOM);
	num_engine_calls = 0;
	for (unsigned seed = 0; seed < NUM_SEEDS_TRIED; seed++) {
		mutant_set(&m, image.bytes, (size_t)image.size);
		m.size = LLVMFuzzerCustomMutator(m.bytes, m.size, m.capacity, seed);
		assert_true(m.size <= m.capacity);
		assert_true(mutant_canaries_live(&m));
	}
	assert_int_equal(num_engine_calls, engine_alone() ? NUM_SEEDS_TRIED : NUM_SEEDS_TRIED / 16);
	mutant_release(&m);
	test_image_release(&image);
	assert_no_leak(&allocator);
}

static uint64_t
num_objects_in(const uint8_t *bytes, size_t size)
{
	imago_allocator allocator;
	imago_image image;
	imago_census census = {0};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	if (imago_image_read(&image, bytes, size, &allocator, NULL) == IMAGO_OK) {
		assert_int_equal(imago_census_take(image.heap, &census, NULL), IMAGO_OK);
	}
	imago_image_close(&image);
	return census.num_objects;
}

/* Crosses two images many times: every child must be an image with more objects than its first
 * parent, and without errors but for one in eight, which gets an object with pointers drawn anew.
 * Returns how many children have more than one object more. */
static unsigned
cross(const test_image *first, const test_image *second)
{
	const uint64_t num_before = num_objects_in(first->bytes, (size_t)first->size);
	unsigned num_rich = 0;
	mutant m;
	mutant_init(&m, (size_t)first->size + ROOM);
	for (unsigned seed = 0; seed < 40 * CROSSED_ONE_IN; seed += CROSSED_ONE_IN) {
		m.size = LLVMFuzzerCustomCrossOver(first->bytes, (size_t)first->size, second->bytes,
		                                   (size_t)second->size, m.bytes, m.capacity, seed);
		assert_true(m.size <= m.capacity);
		assert_true(mutant_canaries_live(&m));
		assert_true(is_walkable(m.bytes, m.size));
		assert_true(seed / CROSSED_ONE_IN % 8 == 0 || is_sound(m.bytes, m.size));
		const uint64_t num_after = num_objects_in(m.bytes, m.size);
		assert_true(num_after > num_before);
		num_rich += num_after > num_before + 1;
	}
	mutant_release(&m);
	return num_rich;
}

/* The layouts may differ within an object model. */
static void
crossover_copies_parts_of_the_object_graph(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {{"v3", "v3"},
	                                       {"v3-6502", "v3be-6502"},
	                                       {"spur32", "spur32"},
	                                       {"spur64be", "spur32"},
	                                       {"spur32-7033", "spur64-68533"}};
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0] && !engine_alone(); i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		test_image first = varied_image(test_layout_find(pairs[i][0]), &allocator);
		test_image second = varied_image(test_layout_find(pairs[i][1]), &allocator);
		assert_non_null(first.bytes);
		assert_non_null(second.bytes);
		assert_true(cross(&first, &second) > 5);
		test_image_release(&first);
		test_image_release(&second);
		assert_no_leak(&allocator);
	}
}

/* What comes from the second image is its own: text that the first one does not have. */
static void
crossover_takes_from_the_second_image(void **state)
{
	(void)state;
	static const char marker[] = "only in the second one";
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	const test_layout *layout = test_layout_find("spur32");
	imago_builder *builder = test_builder(layout, &allocator);
	imago_oop strings = imago_builder_class(builder, IMAGO_KERNEL_BYTE_STRING);
	for (int i = 0; i < 200; i++) {
		(void)imago_builder_new_string(builder, strings, marker);
	}
	test_image first = varied_image(layout, &allocator);
	test_image second = test_image_of(test_finish(builder), IMAGO_FORMAT_SPUR, &allocator);
	unsigned num_marked = 0;
	mutant m;
	mutant_init(&m, (size_t)first.size + ROOM);
	for (unsigned seed = 0; seed < 40 * CROSSED_ONE_IN; seed += CROSSED_ONE_IN) {
		m.size = LLVMFuzzerCustomCrossOver(first.bytes, (size_t)first.size, second.bytes,
		                                   (size_t)second.size, m.bytes, m.capacity, seed);
		for (size_t i = 0; i + sizeof marker <= m.size; i++) {
			if (memcmp(m.bytes + i, marker, sizeof marker - 1) == 0) {
				num_marked++;
				break;
			}
		}
	}
	assert_true(engine_alone() ? num_marked == 0 : num_marked > 10);
	mutant_release(&m);
	test_image_release(&first);
	test_image_release(&second);
	assert_no_leak(&allocator);
}

static void
bytes_that_are_no_image_are_joined_within_the_room(void **state)
{
	(void)state;
	uint8_t first[64];
	uint8_t second[96];
	memset(first, 'a', sizeof first);
	memset(second, 'b', sizeof second);
	for (size_t room = 0; room < 128; room++) {
		for (unsigned seed = 0; seed < 100; seed += 7) {
			mutant m;
			mutant_init(&m, room);
			m.size = LLVMFuzzerCustomCrossOver(first, sizeof first, second, sizeof second, m.bytes,
			                                   room, seed);
			assert_true(m.size <= room);
			assert_true(mutant_canaries_live(&m));
			const bool left = engine_alone() || seed % CROSSED_ONE_IN != 0; /* to the engine */
			assert_true(left ? m.size == 0 : m.size == (room < 96 ? room : 96));
			mutant_release(&m);
		}
	}
}

/* Images without errors that it saw once are what it goes on with when the engine has only others.
 */
static void
every_second_mutant_is_made_of_a_sound_image_seen_before(void **state)
{
	(void)state;
	uint8_t no_image[64];
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	test_image image = varied_image(test_layout_find("v3be"), &allocator);
	unsigned num_walkable = 0;
	mutant m;
	memset(no_image, 'a', sizeof no_image);
	mutant_init(&m, (size_t)image.size + ROOM);
	for (unsigned seed = 0; seed < 2 * NUM_SEEDS_TRIED; seed++) {
		const bool remembers = seed < NUM_SEEDS_TRIED;
		mutant_set(&m, remembers ? image.bytes : no_image,
		           remembers ? (size_t)image.size : sizeof no_image);
		m.size = LLVMFuzzerCustomMutator(m.bytes, m.size, m.capacity, seed);
		assert_true(m.size <= m.capacity);
		assert_true(mutant_canaries_live(&m));
		num_walkable += !remembers && is_walkable(m.bytes, m.size);
	}
	assert_true(engine_alone() ? num_walkable == 0 : num_walkable > NUM_SEEDS_TRIED / 4);
	assert_true(num_walkable < NUM_SEEDS_TRIED * 2 / 3);
	mutant_release(&m);
	test_image_release(&image);
	assert_no_leak(&allocator);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_engine_has_its_share_of_mutants_and_no_more),
	    cmocka_unit_test(crossover_copies_parts_of_the_object_graph),
	    cmocka_unit_test(crossover_takes_from_the_second_image),
	    cmocka_unit_test(bytes_that_are_no_image_are_joined_within_the_room),
	    cmocka_unit_test(every_second_mutant_is_made_of_a_sound_image_seen_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

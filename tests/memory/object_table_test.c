/* object_table_test.c: copies of objects of a source, and where they are found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "assertions.h"
#include "imago/byte_order.h"
#include "imago/object_table.h"

/* A source of objects of one to four slots; every tenth has its slots counted in a word of its own.
 */
enum { NUM_OBJECTS = 3000, BASE = 1 << 20, OVERFLOW_EVERY = 10, OVERFLOW = 255 };

typedef struct objects {
	uint8_t bytes[NUM_OBJECTS * 48];
	uint64_t chunks[NUM_OBJECTS + 1]; /* where each begins, and where the last one ends */
} objects;

static objects source;
static const imago_layout wide = {8, IMAGO_LITTLE_ENDIAN};
static imago_allocator allocator;
static imago_error error;

static imago_layout
here(void)
{
	return (imago_layout){8, imago_host_order()};
}

static uint64_t
lead_of(uint64_t i)
{
	return i % OVERFLOW_EVERY == 0 ? 8 : 0;
}

static imago_oop
oop_of(uint64_t i)
{
	return BASE + source.chunks[i] + lead_of(i);
}

static uint8_t *
header_of(uint64_t i)
{
	return source.bytes + source.chunks[i] + lead_of(i);
}

static int
fill_source(void **state)
{
	(void)state;
	const imago_byte_order order = imago_host_order();
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	memset(&source, 0, sizeof source);
	for (uint64_t i = 0; i < NUM_OBJECTS; i++) {
		uint64_t num_slots = i % 5; /* none takes the room of one */
		uint64_t at = source.chunks[i];
		if (lead_of(i) > 0) {
			imago_store_u64(source.bytes + at, (uint64_t)OVERFLOW << 56 | num_slots, order);
		}
		imago_store_u64(source.bytes + at + lead_of(i),
		                (lead_of(i) > 0 ? OVERFLOW : num_slots) << 56 | 1 << 24 | 40, order);
		imago_store_u64(source.bytes + at + lead_of(i) + 8, i, order);
		source.chunks[i + 1] = at + lead_of(i) + 8 + 8 * (num_slots > 0 ? num_slots : 1);
	}
	return 0;
}

static void
an_object_has_one_copy_that_stays(void **state)
{
	(void)state;
	imago_object_table *table;
	static uint8_t *copies[NUM_OBJECTS];
	objects before = source;
	assert_ok(imago_object_table_create(&table, here(), BASE, source.chunks[NUM_OBJECTS],
	                                    &allocator, &error),
	          &error);
	for (uint64_t i = 0; i < NUM_OBJECTS; i += 3) {
		copies[i] = imago_object_table_open(table, oop_of(i), header_of(i));
		assert_ptr_not_equal(copies[i], header_of(i));
		assert_memory_equal(copies[i] - lead_of(i), source.bytes + source.chunks[i],
		                    source.chunks[i + 1] - source.chunks[i]);
		imago_store_u64(copies[i] + 8, ~i, imago_host_order());
	}
	for (uint64_t i = 0; i < NUM_OBJECTS; i++) {
		uint64_t bit = (oop_of(i) - BASE) / 8;
		assert_int_equal(imago_bitmap_test(&table->copied, bit), i % 3 == 0);
		if (i % 3 == 0) {
			assert_ptr_equal(imago_object_table_find(table, oop_of(i)), copies[i]);
			assert_ptr_equal(imago_object_table_open(table, oop_of(i), header_of(i)), copies[i]);
		}
	}
	assert_int_equal(table->num_copies, NUM_OBJECTS / 3);
	assert_false(table->failed);
	assert_memory_equal(&before, &source, sizeof source);
	imago_object_table_destroy(table);
	assert_no_leak(&allocator);
}

static void
copies_are_listed_in_order_and_taken_over(void **state)
{
	(void)state;
	imago_object_table *table;
	imago_object_table *other;
	const imago_object_copy *list;
	const uint64_t size = source.chunks[NUM_OBJECTS];
	assert_ok(imago_object_table_create(&table, here(), BASE, size, &allocator, &error), &error);
	assert_ok(imago_object_table_list(table, &list, &error), &error);
	for (uint64_t i = NUM_OBJECTS; i-- > 0;) {
		(void)imago_object_table_open(table, oop_of(i), header_of(i));
	}
	assert_ok(imago_object_table_list(table, &list, &error), &error);
	assert_ok(
	    imago_object_table_create(&other, here(), UINT64_C(2) * BASE, size, &allocator, &error),
	    &error);
	for (uint64_t i = 0; i < NUM_OBJECTS; i++) {
		assert_int_equal(list[i].at, source.chunks[i]);
		assert_int_equal(list[i].size, source.chunks[i + 1] - source.chunks[i]);
		assert_int_equal(imago_object_table_chunk_size(list[i].bytes, list[i].size, here()),
		                 list[i].size);
		assert_ok(imago_object_table_add(other, &list[i], &error), &error);
		const uint8_t *taken = imago_object_table_find(other, oop_of(i) + BASE);
		assert_memory_equal(taken - lead_of(i), list[i].bytes, list[i].size);
	}
	assert_int_equal(other->copied_bytes, size);
	imago_object_table_destroy(other);
	imago_object_table_destroy(table);
	assert_no_leak(&allocator);
}

static void
what_cannot_be_a_copy_is_refused(void **state)
{
	(void)state;
	imago_object_table *table;
	const uint64_t size = source.chunks[NUM_OBJECTS];
	imago_object_copy copy = {.at = source.chunks[1], .bytes = source.bytes + source.chunks[1]};
	copy.size = source.chunks[2] - copy.at;
	assert_ok(imago_object_table_create(&table, here(), BASE, size, &allocator, &error), &error);
	imago_object_copy wrong = copy;
	wrong.at = size - copy.size + 8;
	assert_status(imago_object_table_add(table, &wrong, &error), &error, IMAGO_ERANGE);
	wrong = copy;
	wrong.at += 4;
	assert_status(imago_object_table_add(table, &wrong, &error), &error, IMAGO_ERANGE);
	wrong = copy;
	wrong.size = 8;
	assert_status(imago_object_table_add(table, &wrong, &error), &error, IMAGO_ERANGE);
	wrong = copy;
	wrong.size += 8;
	assert_status(imago_object_table_add(table, &wrong, &error), &error, IMAGO_ESTRUCTURE);
	assert_string_equal(error.what, "size of a copied object");
	assert_ok(imago_object_table_add(table, &copy, &error), &error);
	assert_status(imago_object_table_add(table, &copy, &error), &error, IMAGO_ESTRUCTURE);
	assert_string_equal(error.what, "second copy of an object");
	assert_int_equal(imago_object_table_chunk_size(source.bytes, 7, wide), 0);
	const uint8_t only_overflow[8] = {0, 0, 0, 0, 0, 0, 0, OVERFLOW};
	assert_int_equal(imago_object_table_chunk_size(only_overflow, 8, wide), 0);
	imago_object_table_destroy(table);
	assert_no_leak(&allocator);
}

/* Whatever budget there is: an object that got no copy is written where it was, and that is said.
 */
static void
without_memory_objects_stay_in_the_source(void **state)
{
	(void)state;
	const uint64_t size = source.chunks[NUM_OBJECTS];
	uint64_t num_failed = 0;
	for (uint64_t budget = 0; budget < UINT64_C(400) << 10; budget += 4093) {
		imago_object_table *table;
		imago_object_copy copy = {.at = source.chunks[1], .bytes = source.bytes + source.chunks[1]};
		const imago_object_copy *list;
		copy.size = source.chunks[2] - copy.at;
		imago_allocator_init(&allocator, budget);
		if (imago_object_table_create(&table, here(), BASE, size, &allocator, &error) != IMAGO_OK) {
			assert_int_equal(error.status, IMAGO_ENOMEM);
			assert_no_leak(&allocator);
			continue;
		}
		imago_status status = imago_object_table_add(table, &copy, &error);
		assert_true(status == IMAGO_OK || status == IMAGO_ENOMEM);
		uint64_t num_stayed = 0;
		for (uint64_t i = 0; i < NUM_OBJECTS; i++) {
			num_stayed += imago_object_table_open(table, oop_of(i), header_of(i)) == header_of(i);
		}
		assert_true(table->failed == (num_stayed > 0));
		assert_int_equal(table->num_copies + num_stayed, NUM_OBJECTS);
		num_failed += table->failed;
		status = imago_object_table_list(table, &list, &error);
		assert_true(status == IMAGO_OK || status == IMAGO_ENOMEM);
		imago_object_table_destroy(table);
		assert_no_leak(&allocator);
	}
	assert_true(num_failed > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(an_object_has_one_copy_that_stays, fill_source),
	    cmocka_unit_test_setup(copies_are_listed_in_order_and_taken_over, fill_source),
	    cmocka_unit_test_setup(what_cannot_be_a_copy_is_refused, fill_source),
	    cmocka_unit_test_setup(without_memory_objects_stay_in_the_source, fill_source),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

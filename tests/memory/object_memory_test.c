/* object_memory_test.c: an image in the memory of the machine that runs it. */
#include "assertions.h"
#include "small_image.h"

#include "imago/byte_order.h"
#include "imago/known_objects.h"
#include "imago/object_memory.h"

enum { SPUR_REMEMBERED = 29, V3_REMEMBERED = 30 };

/* Sets the remembered bit of the special objects array, as a VM does that stores into it between
 * its last collection and the saving. */
static void
remember_specials(imago_heap *heap)
{
	imago_object specials;
	assert_int_equal(imago_special_objects_find(heap, &specials, NULL), IMAGO_OK);
	uint8_t *at = imago_heap_writable_bytes(heap, specials.oop, 8);
	assert_non_null(at);
	if (heap->model == IMAGO_V3) {
		uint32_t header = imago_load_u32(at, heap->layout.byte_order);
		imago_store_u32(at, header | UINT32_C(1) << V3_REMEMBERED, heap->layout.byte_order);
	} else {
		uint64_t header = imago_load_u64(at, heap->layout.byte_order);
		imago_store_u64(at, header | UINT64_C(1) << SPUR_REMEMBERED, heap->layout.byte_order);
	}
}

/* A bit that stayed set would keep the object out of the remembered set, and with it what it alone
 * leads to. */
static void
what_another_machine_remembered_is_forgotten(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_object_memory *memory;
		imago_error error = {0};
		const imago_memory_options options = {.growth = 1 << 16, .eden_bytes = 1 << 12};
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = small_heap(&test_layouts[i], &allocator);
		print_message("%s\n", test_layouts[i].name);
		remember_specials(heap);
		assert_ok(imago_memory_create(&memory, heap, &options, &allocator, &error), &error);
		assert_int_equal(memory->num_remembered, 0);
		imago_memory_remember(memory, memory->special_objects);
		assert_int_equal(memory->num_remembered, 1);
		imago_memory_remember(memory, memory->special_objects);
		assert_int_equal(memory->num_remembered, 1);
		imago_memory_destroy(memory);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

/* An image brings the number that hashes are drawn from. From some with few bits, all of them high,
 * zero followed on zero for ever. */
static void
hashes_are_drawn_from_any_seed(void **state)
{
	enum { NUM_HIGH = 1 << 16 };
	(void)state;
	for (int v3 = 0; v3 < 2; v3++) {
		const uint32_t limit = v3 != 0 ? 0xFFF : 0x3FFFFF;
		imago_object_memory memory = {.kind = {.v3 = v3 != 0}};
		for (uint32_t high = 0; high < NUM_HIGH; high++) {
			for (uint32_t low = 0; low < 16; low++) {
				memory.next_hash = high << 16 | low;
				const uint32_t hash = imago_memory_draw_hash(&memory);
				assert_true(hash > 0 && hash <= limit);
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hashes_are_drawn_from_any_seed),
	    cmocka_unit_test(what_another_machine_remembered_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

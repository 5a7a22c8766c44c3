/* pockets_test.c: the arena: what is made, held, dropped, reused. */
#include "pocket_fixture.h"

#include <string.h>

static const imago_zones vector = {
    .kind = IMAGO_POCKET_ARRAY, .type = IMAGO_ARRAY_NUMBER, .size = 1};

static imago_addr
make(pocket_fixture *f, uint64_t num)
{
	imago_addr made;
	assert_ok(imago_array_make(&f->pockets, IMAGO_ARRAY_NESTED, 1, &num, &made, &f->error),
	          &f->error);
	return made;
}

static void
a_pocket_is_what_it_was_made_as(void **state)
{
	pocket_fixture *f = *state;
	imago_addr address;
	imago_pocket pocket;
	assert_ok(imago_pocket_make(&f->pockets, vector, 20, &address, &f->error), &f->error);
	assert_true(imago_pocket_at(&f->pockets, address, &pocket));
	assert_int_equal(pocket.length, 48);
	assert_int_equal(pocket.size, 32);
	assert_int_equal(pocket.count, 1);
	assert_int_equal(pocket.zones.kind, IMAGO_POCKET_ARRAY);
	for (uint64_t i = 0; i < pocket.size; i++) {
		assert_int_equal(pocket.contents[i], 0);
	}
	imago_pocket_drop(&f->pockets, address);
}

static void
addresses_that_no_region_has_give_no_bytes(void **state)
{
	pocket_fixture *f = *state;
	const uint64_t used = f->pockets.regions[0].used;
	const imago_addr start = IMAGO_REGION_START(0);
	imago_pocket pocket;
	assert_non_null(imago_pocket_bytes(&f->pockets, start, used));
	assert_null(imago_pocket_bytes(&f->pockets, start, used + 1));
	assert_null(imago_pocket_bytes(&f->pockets, start + 1, used));
	assert_null(imago_pocket_bytes(&f->pockets, start, UINT64_MAX));
	assert_null(imago_pocket_bytes(&f->pockets, start - 1, 1));
	assert_null(imago_pocket_bytes(&f->pockets, 0, 1));
	assert_null(imago_pocket_bytes(&f->pockets, UINT64_MAX, 1));
	assert_null(imago_pocket_bytes(&f->pockets, IMAGO_REGION_START(1), 1));
	assert_null(imago_pocket_bytes(&f->pockets, IMAGO_REGION_START(9), 1));
	assert_false(imago_pocket_at(&f->pockets, start + 8, &pocket));
	assert_false(imago_pocket_at(&f->pockets, start + used, &pocket));
}

static void
what_nothing_leads_to_is_freed_with_what_only_it_led_to(void **state)
{
	pocket_fixture *f = *state;
	const uint64_t used = f->pockets.regions[0].used;
	const imago_addr outer = make(f, 2);
	const imago_addr inner = make(f, 1);
	const imago_addr kept = make(f, 0);
	imago_pocket pocket;
	imago_pocket_give(&f->pockets, outer, 0, inner);
	imago_pocket_put(&f->pockets, inner, 0, kept);
	assert_true(imago_pocket_at(&f->pockets, kept, &pocket));
	assert_int_equal(pocket.count, 2);
	imago_pocket_drop(&f->pockets, outer);
	assert_false(imago_pocket_of_kind(&f->pockets, outer, IMAGO_POCKET_ARRAY, &pocket));
	assert_false(imago_pocket_of_kind(&f->pockets, inner, IMAGO_POCKET_ARRAY, &pocket));
	assert_true(imago_pocket_of_kind(&f->pockets, kept, IMAGO_POCKET_ARRAY, &pocket));
	assert_int_equal(pocket.count, 1);
	imago_pocket_drop(&f->pockets, kept);
	imago_pockets_join_free(&f->pockets);
	assert_int_equal(f->pockets.regions[0].used, used);
}

static void
a_chain_of_a_hundred_thousand_is_freed(void **state)
{
	pocket_fixture *f = *state;
	imago_addr chain = make(f, 1);
	for (int i = 0; i < 100000; i++) {
		const imago_addr next = make(f, 1);
		imago_pocket_give(&f->pockets, next, 0, chain);
		chain = next;
	}
	imago_pocket_drop(&f->pockets, chain);
	imago_pockets_join_free(&f->pockets);
	assert_true(f->pockets.regions[0].used < 4096);
}

static void
freed_pockets_are_used_again(void **state)
{
	pocket_fixture *f = *state;
	imago_addr made[64];
	for (int i = 0; i < 64; i++) {
		made[i] = make(f, (uint64_t)i * 7 % 90);
	}
	const uint64_t used = f->pockets.regions[0].used;
	for (int i = 0; i < 64; i += 2) {
		imago_pocket_drop(&f->pockets, made[i]);
	}
	for (int i = 0; i < 64; i += 2) {
		made[i] = make(f, (uint64_t)i * 7 % 90);
	}
	assert_int_equal(f->pockets.regions[0].used, used);
	for (int i = 0; i < 64; i++) {
		imago_pocket_drop(&f->pockets, made[i]);
	}
}

static void
room_is_found_among_freed_neighbours_where_memory_ends(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_pockets pockets;
	imago_error error;
	imago_addr made[40];
	imago_addr large;
	const uint64_t num = 100;
	const uint64_t many = 2000;
	imago_allocator_init(&allocator, 1 << 15);
	assert_ok(imago_pockets_init(&pockets, &allocator, &error), &error);
	size_t count = 0;
	while (count < 40 && imago_array_make(&pockets, IMAGO_ARRAY_NUMBER, 1, &num, &made[count],
	                                      &error) == IMAGO_OK) {
		count++;
	}
	assert_true(count > 18);
	assert_status(imago_array_make(&pockets, IMAGO_ARRAY_NUMBER, 1, &many, &large, &error), &error,
	              IMAGO_ENOMEM);
	for (size_t i = 0; i + 1 < count; i++) {
		imago_pocket_drop(&pockets, made[i]);
	}
	const uint64_t fits = num * (count - 2);
	assert_ok(imago_array_make(&pockets, IMAGO_ARRAY_NUMBER, 1, &fits, &large, &error), &error);
	imago_pockets_release(&pockets);
	assert_no_leak(&allocator);
}

static void
sizes_past_all_memory_are_refused(void **state)
{
	pocket_fixture *f = *state;
	const uint64_t shape[3] = {UINT64_MAX, UINT64_MAX, 2};
	const uint64_t huge = UINT64_C(1) << 60;
	imago_addr made;
	assert_status(imago_pocket_make(&f->pockets, vector, UINT64_MAX, &made, &f->error), &f->error,
	              IMAGO_ELIMIT);
	assert_status(imago_pocket_make(&f->pockets, vector, huge, &made, &f->error), &f->error,
	              IMAGO_ELIMIT);
	assert_status(imago_array_make(&f->pockets, IMAGO_ARRAY_NUMBER, 3, shape, &made, &f->error),
	              &f->error, IMAGO_ELIMIT);
	assert_status(imago_array_make(&f->pockets, IMAGO_ARRAY_NUMBER, 9, shape, &made, &f->error),
	              &f->error, IMAGO_ELIMIT);
}

static void
sizes_that_no_number_holds_are_refused(void **state)
{
	pocket_fixture *f = *state;
	imago_addr made;
	static const uint64_t lengths[] = {UINT64_MAX, UINT64_MAX / 8, UINT64_MAX / 16};
	assert_status(imago_pocket_make(&f->pockets, vector, UINT64_MAX - 16, &made, &f->error),
	              &f->error, IMAGO_ELIMIT);
	assert_error(&f->error, IMAGO_ELIMIT, "pocket", IMAGO_NO_OFFSET);
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		assert_status(
		    imago_array_make(&f->pockets, IMAGO_ARRAY_NUMBER, 1, &lengths[i], &made, &f->error),
		    &f->error, IMAGO_ELIMIT);
	}
	/* The system is not asked for what overflows. */
	assert_null(imago_pockets_scratch(&f->pockets, NULL, 0, UINT64_MAX, "list", &f->error));
	assert_error(&f->error, IMAGO_ENOMEM, "list", IMAGO_NO_OFFSET);
}

static void
the_shortest_pocket_has_room_for_two_words(void **state)
{
	pocket_fixture *f = *state;
	imago_addr made;
	imago_pocket pocket;
	assert_ok(imago_pocket_make(&f->pockets, (imago_zones){.kind = IMAGO_POCKET_BODY}, 0, &made,
	                            &f->error),
	          &f->error);
	assert_true(imago_pocket_at(&f->pockets, made, &pocket));
	assert_int_equal(pocket.length, IMAGO_POCKET_LEAST);
	assert_int_equal(pocket.size, 16);
	imago_pocket_drop(&f->pockets, made);
	imago_array array;
	assert_ok(imago_array_scalar(&f->pockets, IMAGO_ARRAY_NESTED, 1, 1, &made, &f->error),
	          &f->error);
	assert_true(imago_array_at(&f->pockets, made, &array));
	assert_int_equal(array.num, 1);
	assert_int_equal(imago_array_item(&array, 0), 0);
	imago_pocket_drop(&f->pockets, made);
}

/* Long pockets are on one list, whatever their length. */
static void
long_free_pockets_are_tried_but_not_all_of_them(void **state)
{
	pocket_fixture *f = *state;
	enum { NUM = 70 };
	imago_addr made[NUM];
	imago_addr between[NUM];
	for (int i = 0; i < NUM; i++) {
		made[i] = make(f, i == 0 ? 400 : 200);
		between[i] = make(f, 0);
	}
	/* The one that is long enough is behind one that is not … */
	imago_pocket_drop(&f->pockets, made[0]);
	imago_pocket_drop(&f->pockets, made[1]);
	assert_int_equal(make(f, 300), made[0]);
	assert_int_equal(make(f, 200), made[1]);
	imago_pocket_drop(&f->pockets, made[0]);
	for (int i = 1; i < NUM; i++) {
		imago_pocket_drop(&f->pockets, made[i]);
	}
	/* … or behind so many of them that it is not found. */
	const uint64_t used = f->pockets.regions[0].used;
	const imago_addr last = make(f, 300);
	assert_int_equal(last, IMAGO_REGION_START(0) + used);
	for (int i = 0; i < NUM; i++) {
		imago_pocket_drop(&f->pockets, between[i]);
	}
	imago_pocket_drop(&f->pockets, last);
	assert_audit_is_clean(&f->pockets);
}

/* What an operation that was ended had in use goes with the pockets. */
static void
scratch_memory_goes_with_the_pockets(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_pockets pockets;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_ok(imago_pockets_init(&pockets, &allocator, &error), &error);
	void *one = imago_pockets_scratch(&pockets, NULL, 0, 100, "one", &error);
	void *other = imago_pockets_scratch(&pockets, NULL, 0, 200, "other", &error);
	assert_non_null(one);
	assert_non_null(other);
	one = imago_pockets_scratch(&pockets, one, 100, 1000, "one", &error);
	assert_non_null(one);
	imago_pockets_release(&pockets);
	assert_null(pockets.scratch);
	assert_no_leak(&allocator);
}

static void
a_count_that_is_full_stays(void **state)
{
	pocket_fixture *f = *state;
	const imago_addr made = make(f, 0);
	imago_pocket pocket;
	uint8_t *count = imago_pocket_bytes(&f->pockets, made, 16) + 8;
	imago_store_u32(count, IMAGO_POCKET_STICKY - 1, IMAGO_LITTLE_ENDIAN);
	imago_pocket_hold(&f->pockets, made);
	imago_pocket_hold(&f->pockets, made);
	imago_pocket_drop(&f->pockets, made);
	assert_true(imago_pocket_at(&f->pockets, made, &pocket));
	assert_int_equal(pocket.count, IMAGO_POCKET_STICKY);
	imago_store_u32(count, 1, IMAGO_LITTLE_ENDIAN);
	imago_pocket_drop(&f->pockets, made);
}

static void
the_stack_holds_what_it_is_given(void **state)
{
	pocket_fixture *f = *state;
	for (int i = 0; i < 200; i++) {
		assert_ok(imago_pockets_push(&f->pockets, make(f, 0), &f->error), &f->error);
	}
	assert_audit_is_clean(&f->pockets);
	imago_pocket_drop(&f->pockets, imago_pockets_pop(&f->pockets));
	imago_pockets_cut(&f->pockets, 10);
	assert_int_equal(f->pockets.stack_size, 10);
	assert_audit_is_clean(&f->pockets);
	imago_pockets_cut(&f->pockets, 0);
	assert_int_equal(imago_pockets_pop(&f->pockets), 0);
}

static void
text_becomes_code_points(void **state)
{
	pocket_fixture *f = *state;
	imago_addr made;
	imago_array array;
	const char *text = "aé⍴😀";
	assert_ok(imago_array_text(&f->pockets, text, strlen(text), &made, &f->error), &f->error);
	assert_true(imago_array_at(&f->pockets, made, &array));
	assert_int_equal(array.num, 4);
	assert_int_equal(imago_array_char(&array, 1), 0xE9);
	assert_int_equal(imago_array_char(&array, 3), 0x1F600);
	imago_pocket_drop(&f->pockets, made);
	static const char *const wrong[] = {
	    "\x80", "\xc0\x80",        "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
	    "\xc3", "\xf8\x88\x80\x80"};
	uint32_t code = 7;
	char put[4];
	assert_int_equal(imago_utf8_next("", 0, &code), 0);
	assert_int_equal(imago_utf8_next("a", 0, &code), 0);
	assert_int_equal(code, 7);
	assert_int_equal(imago_utf8_put(put, 0xDFFF), 3);
	assert_memory_equal(put, "\xef\xbf\xbd", 3);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_status(imago_array_text(&f->pockets, wrong[i], strlen(wrong[i]), &made, &f->error),
		              &f->error, IMAGO_ESTRUCTURE);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pocket_setup, pocket_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_pocket_is_what_it_was_made_as),
	    TEST(addresses_that_no_region_has_give_no_bytes),
	    TEST(what_nothing_leads_to_is_freed_with_what_only_it_led_to),
	    TEST(a_chain_of_a_hundred_thousand_is_freed),
	    TEST(freed_pockets_are_used_again),
	    cmocka_unit_test(room_is_found_among_freed_neighbours_where_memory_ends),
	    TEST(sizes_past_all_memory_are_refused),
	    TEST(sizes_that_no_number_holds_are_refused),
	    TEST(the_shortest_pocket_has_room_for_two_words),
	    TEST(long_free_pockets_are_tried_but_not_all_of_them),
	    cmocka_unit_test(scratch_memory_goes_with_the_pockets),
	    TEST(a_count_that_is_full_stays),
	    TEST(the_stack_holds_what_it_is_given),
	    TEST(text_becomes_code_points),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

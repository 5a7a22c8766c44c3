/* symbols_test.c: names against a plain list of them. */
#include "pocket_fixture.h"

#include <stdio.h>
#include <string.h>

enum { NUM_NAMES = 3000 };

static void
intern(pocket_fixture *f, const char *name)
{
	imago_addr symbol;
	imago_addr again;
	assert_ok(imago_symbol_intern(&f->pockets, root_of(&f->pockets), name, strlen(name), &symbol,
	                              &f->error),
	          &f->error);
	assert_ok(imago_symbol_intern(&f->pockets, root_of(&f->pockets), name, strlen(name), &again,
	                              &f->error),
	          &f->error);
	assert_int_equal(symbol, again);
}

/* Interns names, of which there are num, and asserts that all are found in order. */
static void
assert_all_found(pocket_fixture *f, unsigned num)
{
	imago_symbol_list list;
	char name[16];
	for (unsigned i = 0; i < num; i++) {
		snprintf(name, sizeof name, "n%05u", i);
		assert_int_not_equal(
		    imago_symbol_find(&f->pockets, root_of(&f->pockets), name, strlen(name)), 0);
	}
	assert_int_equal(imago_symbol_find(&f->pockets, root_of(&f->pockets), "n", 1), 0);
	assert_ok(imago_symbol_list_create(&list, &f->pockets, root_of(&f->pockets), &f->error),
	          &f->error);
	assert_int_equal(list.num, num);
	for (unsigned i = 0; i < num; i++) {
		imago_pocket pocket;
		size_t length;
		snprintf(name, sizeof name, "n%05u", i);
		assert_true(imago_pocket_at(&f->pockets, list.symbols[i], &pocket));
		const char *found = imago_symbol_name(&pocket, &length);
		assert_int_equal(length, strlen(name));
		assert_memory_equal(found, name, length);
	}
	imago_symbol_list_release(&list);
}

static void
names_in_any_order_are_found_in_order(void **state)
{
	pocket_fixture *f = *state;
	char name[16];
	for (unsigned i = 0; i < NUM_NAMES; i++) {
		snprintf(name, sizeof name, "n%05u", i * 1009 % NUM_NAMES);
		intern(f, name);
	}
	assert_all_found(f, NUM_NAMES);
}

static void
names_that_ascend_or_descend_keep_the_tree_level(void **state)
{
	pocket_fixture *f = *state;
	char name[16];
	for (unsigned i = NUM_NAMES / 2; i < NUM_NAMES; i++) {
		snprintf(name, sizeof name, "n%05u", i);
		intern(f, name);
	}
	for (unsigned i = NUM_NAMES / 2; i-- > 0;) {
		snprintf(name, sizeof name, "n%05u", i);
		intern(f, name);
	}
	assert_all_found(f, NUM_NAMES);
}

static void
what_is_no_name_is_refused(void **state)
{
	pocket_fixture *f = *state;
	static const char *const wrong[] = {
	    "",
	    "1a",
	    "a-b",
	    "a b",
	    "a{",
	    "\xc3\xa9",
	    "a234567890123456789012345678901234567890123456789012345678901234"};
	imago_addr symbol;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_status(imago_symbol_intern(&f->pockets, root_of(&f->pockets), wrong[i],
		                                  strlen(wrong[i]), &symbol, &f->error),
		              &f->error, IMAGO_EUSAGE);
	}
	intern(f, "a23456789012345678901234567890123456789012345678901234567890123");
	intern(f, "_");
}

static void
a_namespace_has_names_and_a_parent(void **state)
{
	pocket_fixture *f = *state;
	imago_addr space;
	imago_addr symbol;
	assert_ok(imago_namespace_make(&f->pockets, root_of(&f->pockets), &space, &f->error),
	          &f->error);
	assert_ok(
	    imago_symbol_intern(&f->pockets, root_of(&f->pockets), "space", 5, &symbol, &f->error),
	    &f->error);
	imago_symbol_set(&f->pockets, symbol, space);
	assert_result(&f->pockets, "space.a←3", "3");
	assert_result(&f->pockets, "space.a+1", "4");
	assert_result(&f->pockets, "a", "VALUE ERROR");
	assert_result(&f->pockets, "b←2 space", "2 [namespace]");
	imago_pocket pocket;
	const imago_addr b = imago_symbol_find(&f->pockets, root_of(&f->pockets), "b", 1);
	assert_true(imago_pocket_at(&f->pockets, b, &pocket));
	assert_int_equal(pocket.zones.type, IMAGO_MARK_SPACES);
	assert_result(&f->pockets, "b←1 b", "1 (2 [namespace])");
	assert_true(imago_pocket_at(&f->pockets, b, &pocket));
	assert_int_equal(pocket.zones.type, IMAGO_MARK_SPACES);
}

static imago_status
intern_many(imago_allocator *allocator, imago_error *error, void *payload)
{
	imago_pockets pockets;
	char name[16];
	(void)payload;
	imago_status status = imago_pockets_init(&pockets, allocator, error);
	for (unsigned i = 0; status == IMAGO_OK && i < 300; i++) {
		imago_addr symbol;
		snprintf(name, sizeof name, "n%05u", i);
		status =
		    imago_symbol_intern(&pockets, root_of(&pockets), name, strlen(name), &symbol, error);
	}
	if (status != IMAGO_OK && pockets.regions[0].root != 0) {
		assert_audit_is_clean(&pockets);
	}
	imago_pockets_release(&pockets);
	return status;
}

static void
every_failing_allocation_is_reported(void **state)
{
	(void)state;
	assert_every_allocation_failure_is_reported(intern_many, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pocket_setup, pocket_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(names_in_any_order_are_found_in_order),
	    TEST(names_that_ascend_or_descend_keep_the_tree_level),
	    TEST(what_is_no_name_is_refused),
	    TEST(a_namespace_has_names_and_a_parent),
	    cmocka_unit_test(every_failing_allocation_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

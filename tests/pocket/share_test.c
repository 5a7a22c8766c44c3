/* share_test.c: symbols that lead into other regions, copies, and the way back. */
#include "pocket_fixture.h"

#include <stdio.h>
#include <string.h>

/* A library in a region, and what it was made of. */
typedef struct library {
	imago_allocator allocator;
	imago_pockets source;
	uint8_t *bytes, *before;
	uint64_t size;
	unsigned region;
} library;

static void
add_space(imago_pockets *pockets, const char *name)
{
	imago_addr space;
	imago_addr symbol;
	imago_error error;
	assert_ok(imago_namespace_make(pockets, root_of(pockets), &space, &error), &error);
	assert_ok(imago_symbol_intern(pockets, root_of(pockets), name, strlen(name), &symbol, &error),
	          &error);
	imago_symbol_set(pockets, symbol, space);
}

static void
make_library(library *l, unsigned region)
{
	imago_error error;
	imago_allocator_init(&l->allocator, IMAGO_UNLIMITED);
	assert_ok(imago_pockets_init(&l->source, &l->allocator, &error), &error);
	define(&l->source, "R←MEAN B;N\nN←⍴B\nR←(+/B)÷N");
	define(&l->source, "R←COUNTED\nCOUNT←COUNT+1\nR←COUNT 'times'");
	(void)result_of(&l->source, "COUNT←0");
	(void)result_of(&l->source, "DATA←1 'abc' (2 3)");
	(void)result_of(&l->source, "ALIAS←DATA");
	add_space(&l->source, "SPACE");
	(void)result_of(&l->source, "SPACE.X←5 6");
	(void)result_of(&l->source, "MIXED←1 SPACE 'x' (2 SPACE)");
	l->region = region;
	l->bytes = make_region(&l->source, region, &l->size, &l->allocator);
	l->before = imago_allocate(&l->allocator, l->size, "copy", NULL);
	assert_non_null(l->before);
	memcpy(l->before, l->bytes, l->size);
}

static void
release_library(library *l)
{
	imago_release(&l->allocator, l->bytes, l->size);
	imago_release(&l->allocator, l->before, l->size);
	imago_pockets_release(&l->source);
	assert_no_leak(&l->allocator);
}

static uint64_t
attach(pocket_fixture *f, library *l)
{
	uint64_t num;
	put_region(&f->pockets, &l->source, l->region, l->bytes, l->size);
	assert_audit_is_clean(&f->pockets);
	assert_ok(imago_pockets_import(&f->pockets, l->region, &num, &f->error), &f->error);
	assert_audit_is_clean(&f->pockets);
	return num;
}

static void
names_lead_into_the_file_and_change_none_of_it(void **state)
{
	pocket_fixture *f = *state;
	library l;
	make_library(&l, 3);
	/* MEAN, COUNTED, COUNT, DATA, ALIAS, SPACE, MIXED, and SPACE.X */
	assert_int_equal(attach(f, &l), 8);
	unsigned num_changed = 0;
	for (uint64_t i = 0; i < l.size; i++) {
		num_changed += l.bytes[i] != l.before[i];
	}
	assert_int_equal(num_changed, 3); /* the counts of 1, 'x', 2: items of MIXED's copies */
	assert_result(&f->pockets, "DATA", "1 'abc' (2 3)");
	assert_result(&f->pockets, "MEAN 1 2 3", "2");
	assert_result(&f->pockets, "MEAN COUNT 2", "1");
	assert_result(&f->pockets, "COUNTED", "1 'times'");
	assert_result(&f->pockets, "COUNT", "1");
	assert_result(&f->pockets, "SPACE.X", "5 6");
	assert_result(&f->pockets, "SPACE.X←7", "7");
	assert_result(&f->pockets, "MIXED", "1 [namespace] 'x' (2 [namespace])");
	assert_result(&f->pockets, "##.DATA", "VALUE ERROR");
	assert_ok(imago_pockets_forget(&f->pockets, 3, false, &f->error), &f->error);
	assert_audit_is_clean(&f->pockets);
	release_library(&l);
}

/* Everything but the counts is as it was. */
static void
only_counts_change(void **state)
{
	pocket_fixture *f = *state;
	library l;
	imago_pocket pocket;
	make_library(&l, 1);
	(void)attach(f, &l);
	(void)result_of(&f->pockets, "MINE←DATA ALIAS (MEAN 1 2 3)");
	(void)result_of(&f->pockets, "COUNTED");
	(void)result_of(&f->pockets, "DATA←1");
	for (imago_addr at = IMAGO_REGION_START(1); imago_pocket_at(&f->pockets, at, &pocket);
	     at += pocket.length) {
		uint8_t *count = pocket.contents - 8;
		memcpy(count, l.before + (at - IMAGO_REGION_START(1)) + 8, 4);
	}
	assert_memory_equal(l.bytes, l.before, l.size);
	imago_pockets_release(&f->pockets);
	assert_ok(imago_pockets_init(&f->pockets, &f->allocator, &f->error), &f->error);
	release_library(&l);
}

static void
existing_names_win_and_so_does_the_first_file(void **state)
{
	pocket_fixture *f = *state;
	library one;
	library two;
	make_library(&one, 1);
	make_library(&two, 2);
	(void)result_of(&f->pockets, "DATA←'mine'");
	assert_int_equal(attach(f, &one), 7);
	assert_int_equal(attach(f, &two), 0); /* DATA is mine, the others are one's */
	assert_result(&f->pockets, "DATA", "mine");
	assert_ok(imago_pockets_forget(&f->pockets, 1, false, &f->error), &f->error);
	assert_audit_is_clean(&f->pockets);
	assert_result(&f->pockets, "DATA", "mine");
	assert_result(&f->pockets, "ALIAS", "VALUE ERROR");
	assert_ok(imago_pockets_forget(&f->pockets, 2, false, &f->error), &f->error);
	release_library(&one);
	release_library(&two);
}

static void
what_is_mine_stays_when_the_file_goes(void **state)
{
	pocket_fixture *f = *state;
	library l;
	make_library(&l, 8);
	(void)attach(f, &l);
	(void)result_of(&f->pockets, "MINE←1 DATA ALIAS");
	(void)result_of(&f->pockets, "KEPT←ALIAS");
	(void)result_of(&f->pockets, "MEAN 1 2");
	assert_ok(imago_pockets_forget(&f->pockets, 8, false, &f->error), &f->error);
	memset(l.bytes, 0xA5, l.size);
	assert_audit_is_clean(&f->pockets);
	assert_result(&f->pockets, "KEPT", "1 'abc' (2 3)");
	assert_result(&f->pockets, "MINE", "1 (1 'abc' (2 3)) (1 'abc' (2 3))");
	assert_result(&f->pockets, "DATA", "VALUE ERROR");
	assert_result(&f->pockets, "MEAN 1 2", "VALUE ERROR");
	assert_result(&f->pockets, "SPACE", "VALUE ERROR");
	release_library(&l);
}

static void
what_is_assimilated_stays_altogether(void **state)
{
	pocket_fixture *f = *state;
	library l;
	make_library(&l, 8);
	(void)attach(f, &l);
	(void)result_of(&f->pockets, "COUNTED");
	assert_ok(imago_pockets_forget(&f->pockets, 8, true, &f->error), &f->error);
	memset(l.bytes, 0xA5, l.size);
	assert_audit_is_clean(&f->pockets);
	assert_result(&f->pockets, "DATA", "1 'abc' (2 3)");
	assert_result(&f->pockets, "MEAN 1 2 3", "2");
	assert_result(&f->pockets, "COUNTED", "2 'times'");
	assert_result(&f->pockets, "SPACE.X", "5 6");
	assert_result(&f->pockets, "MIXED", "1 [namespace] 'x' (2 [namespace])");
	release_library(&l);
}

static void
a_name_without_a_value_gets_the_file_s(void **state)
{
	pocket_fixture *f = *state;
	library l;
	make_library(&l, 4);
	define(&f->pockets, "R←CALLS\nR←MEAN DATA2");
	(void)result_of(&f->pockets, "DATA2←2 4");
	assert_result(&f->pockets, "CALLS", "VALUE ERROR");
	(void)attach(f, &l);
	assert_result(&f->pockets, "CALLS", "3");
	imago_error error;
	assert_ok(imago_pockets_bind_all(&f->pockets, &error), &error);
	assert_audit_is_clean(&f->pockets);
	assert_result(&f->pockets, "COUNTED", "1 'times'");
	assert_ok(imago_pockets_forget(&f->pockets, 4, true, &f->error), &f->error);
	release_library(&l);
}

static void
slots_that_are_none_are_refused(void **state)
{
	pocket_fixture *f = *state;
	uint64_t num;
	static const unsigned wrong[] = {0, 1, 9, 1000};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_status(imago_pockets_import(&f->pockets, wrong[i], &num, &f->error), &f->error,
		              IMAGO_EUSAGE);
		assert_status(imago_pockets_forget(&f->pockets, wrong[i], true, &f->error), &f->error,
		              IMAGO_EUSAGE);
	}
}

/* A pointer of the file that leads into the main workspace is told, and not followed. */
static void
a_pointer_back_is_not_followed(void **state)
{
	pocket_fixture *f = *state;
	library l;
	imago_pocket pocket;
	make_library(&l, 2);
	(void)result_of(&f->pockets, "MINE←'secret'");
	(void)attach(f, &l);
	const imago_addr data = imago_symbol_find(&f->pockets, root_of(&f->pockets), "DATA", 4);
	assert_true(imago_pocket_at(&f->pockets, data, &pocket));
	const imago_addr nested = imago_pocket_pointer(&pocket, IMAGO_SYMBOL_VALUE);
	const imago_addr mine = imago_symbol_find(&f->pockets, root_of(&f->pockets), "MINE", 4);
	assert_true(imago_pocket_at(&f->pockets, mine, &pocket));
	uint8_t *place = imago_pocket_bytes(&f->pockets, nested + 24, 8);
	const uint64_t old = imago_load_u64(place, IMAGO_LITTLE_ENDIAN);
	imago_store_u64(place, imago_pocket_pointer(&pocket, IMAGO_SYMBOL_VALUE), IMAGO_LITTLE_ENDIAN);
	assert_true((problems_of(&f->pockets, false) & 1U << IMAGO_PROBLEM_OUTSIDE) != 0);
	imago_run_result result;
	imago_run(&f->pockets, root_of(&f->pockets), "↑DATA", strlen("↑DATA"), NULL, &result, NULL);
	assert_int_equal(result.end, IMAGO_RUN_BROKEN);
	imago_store_u64(imago_pocket_bytes(&f->pockets, nested + 24, 8), old, IMAGO_LITTLE_ENDIAN);
	assert_ok(imago_pockets_forget(&f->pockets, 2, false, &f->error), &f->error);
	release_library(&l);
}

/* A symbol that says that it has a value, and has none. */
static void
a_name_that_lies_about_its_value_gets_the_file_s(void **state)
{
	pocket_fixture *f = *state;
	library l;
	make_library(&l, 4);
	assert_result(&f->pockets, "DATA", "VALUE ERROR");
	const imago_addr data = symbol_named(&f->pockets, "DATA");
	assert_int_not_equal(data, 0);
	(void)exchange(&f->pockets, data + 13, 1, IMAGO_MARK_DATA);
	uint64_t num;
	put_region(&f->pockets, &l.source, l.region, l.bytes, l.size);
	assert_ok(imago_pockets_import(&f->pockets, l.region, &num, &f->error), &f->error);
	assert_int_equal(num, 8);
	assert_audit_is_clean(&f->pockets);
	assert_result(&f->pockets, "DATA", "1 'abc' (2 3)");
	assert_ok(imago_pockets_forget(&f->pockets, 4, false, &f->error), &f->error);
	release_library(&l);
}

/* Not before the last value is gone that may lead there. */
static void
a_file_stays_while_something_runs(void **state)
{
	pocket_fixture *f = *state;
	library l;
	make_library(&l, 2);
	(void)attach(f, &l);
	const imago_addr data = value_named(&f->pockets, "DATA");
	imago_pocket_hold(&f->pockets, data);
	assert_ok(imago_pockets_push(&f->pockets, data, &f->error), &f->error);
	assert_status(imago_pockets_forget(&f->pockets, 2, true, &f->error), &f->error, IMAGO_EUSAGE);
	assert_error(&f->error, IMAGO_EUSAGE, "slot", IMAGO_NO_OFFSET);
	assert_result(&f->pockets, "DATA", "1 'abc' (2 3)");
	imago_pockets_cut(&f->pockets, 0);
	assert_ok(imago_pockets_forget(&f->pockets, 2, true, &f->error), &f->error);
	assert_result(&f->pockets, "DATA", "1 'abc' (2 3)");
	release_library(&l);
}

/* Its symbols are so far apart that what is noted of them grows, twice as long or longer. */
static void
a_large_file_s_counts_are_right(void **state)
{
	pocket_fixture *f = *state;
	library l = {.region = 7};
	imago_allocator_init(&l.allocator, IMAGO_UNLIMITED);
	assert_ok(imago_pockets_init(&l.source, &l.allocator, &f->error), &f->error);
	/* So many names that the last ones do not fit where pockets were freed. */
	static const char *const lines[] = {"A←1",
	                                    "AA←10000⍴2",
	                                    "B1←B2←B3←B4←B5←B6←B7←B8←B9←3",
	                                    "BB←70000⍴4",
	                                    "C1←C2←C3←C4←C5←C6←C7←C8←C9←5",
	                                    "CC←8000⍴'x'"};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		(void)result_of(&l.source, lines[i]);
	}
	l.bytes = make_region(&l.source, l.region, &l.size, &l.allocator);
	l.before = imago_allocate(&l.allocator, l.size, "copy", NULL);
	assert_non_null(l.before);
	memcpy(l.before, l.bytes, l.size);
	assert_int_equal(attach(f, &l), 22);
	assert_memory_equal(l.bytes, l.before, l.size);
	assert_result(&f->pockets, "A B9 C9", "1 3 5");
	assert_result(&f->pockets, "(⍴AA) (⍴BB) (⍴CC)", "(10000) (70000) (8000)");
	(void)result_of(&f->pockets, "A←B1←BB←1");
	assert_ok(imago_pockets_forget(&f->pockets, 7, true, &f->error), &f->error);
	assert_result(&f->pockets, "A B1 B2 C9 (⍴AA)", "1 1 3 5 (10000)");
	release_library(&l);
}

/* With each allocation failing in turn, in both directions. */
static imago_status
come_and_go(imago_allocator *allocator, imago_error *error, void *payload)
{
	const library *l = payload;
	imago_pockets pockets;
	uint64_t num;
	memcpy(l->bytes, l->before, l->size);
	imago_status status = imago_pockets_init(&pockets, allocator, error);
	if (status == IMAGO_OK) {
		put_region(&pockets, &l->source, l->region, l->bytes, l->size);
		status = imago_pockets_import(&pockets, l->region, &num, error);
	}
	if (status == IMAGO_OK) {
		status = imago_pockets_forget(&pockets, l->region, true, error);
	}
	if (status != IMAGO_OK && pockets.regions[0].root != 0) {
		assert_audit_is_clean(&pockets);
		if (pockets.regions[l->region].bytes != NULL) {
			assert_ok(imago_pockets_forget(&pockets, l->region, false, error), error);
			assert_audit_is_clean(&pockets);
			imago_fail(error, IMAGO_ENOMEM, "again", IMAGO_NO_OFFSET, 0, 0);
		}
	}
	imago_pockets_release(&pockets);
	return status;
}

static void
every_failing_allocation_is_reported(void **state)
{
	(void)state;
	library l;
	make_library(&l, 5);
	assert_every_allocation_failure_is_reported(come_and_go, &l);
	release_library(&l);
}

static void
files_with_many_namespaces_need_more(void **state)
{
	pocket_fixture *f = *state;
	char name[16];
	library l = {.region = 6};
	imago_allocator_init(&l.allocator, IMAGO_UNLIMITED);
	assert_ok(imago_pockets_init(&l.source, &l.allocator, &f->error), &f->error);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof name, "SPACE%d", i);
		add_space(&l.source, name);
	}
	l.bytes = make_region(&l.source, l.region, &l.size, &l.allocator);
	l.before = imago_allocate(&l.allocator, l.size, "copy", NULL);
	assert_non_null(l.before);
	memcpy(l.before, l.bytes, l.size);
	assert_every_allocation_failure_is_reported(come_and_go, &l);
	memcpy(l.bytes, l.before, l.size);
	assert_int_equal(attach(f, &l), 40);
	assert_result(&f->pockets, "SPACE7.X←SPACE39", "[namespace]");
	assert_ok(imago_pockets_forget(&f->pockets, 6, true, &f->error), &f->error);
	assert_result(&f->pockets, "SPACE7.X", "[namespace]");
	release_library(&l);
}

/* Whatever leads into a file leads there no more, also where nothing of a file may be. */
static void
a_pointer_that_lies_is_taken_away_with_the_file(void **state)
{
	pocket_fixture *f = *state;
	library l;
	imago_pocket pocket;
	make_library(&l, 2);
	(void)attach(f, &l);
	const imago_addr mean = symbol_named(&f->pockets, "MEAN");
	assert_result(&f->pockets, "MEAN 1 2 3", "2");
	const imago_addr space = mean + 16 + (uint64_t)8 * IMAGO_SYMBOL_SPACE;
	const uint64_t old = exchange(&f->pockets, space, 8, f->pockets.regions[2].root);
	assert_ok(imago_pockets_forget(&f->pockets, 2, true, &f->error), &f->error);
	memset(l.bytes, 0xA5, l.size);
	assert_true(imago_pocket_at(&f->pockets, mean, &pocket));
	const imago_addr copy = imago_pocket_pointer(&pocket, IMAGO_SYMBOL_SPACE);
	assert_int_equal(imago_region_of(copy), 0);
	imago_pocket_drop(&f->pockets, copy);
	(void)exchange(&f->pockets, space, 8, old);
	assert_audit_is_clean(&f->pockets);
	assert_result(&f->pockets, "MEAN 1 2 3", "2");
	release_library(&l);
}

/* In a workspace that has names, and room for so many bytes: the allocation fails that would give
 * it more. */
static imago_status
come_and_go_with(const library *l, uint64_t room, uint64_t fail_at)
{
	imago_allocator allocator;
	imago_pockets pockets;
	imago_error error = {0};
	crowd others;
	uint64_t num;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_ok(imago_pockets_init(&pockets, &allocator, &error), &error);
	define(&pockets, "R←MINE B\nR←COUNTED B YOURS");
	(void)result_of(&pockets, "COUNT←9");
	memcpy(l->bytes, l->before, l->size);
	put_region(&pockets, &l->source, l->region, l->bytes, l->size);
	crowd_in(&pockets, room, &others);
	allocator.fail_at = allocator.num_calls + fail_at;
	imago_status status = imago_pockets_import(&pockets, l->region, &num, &error);
	if (status == IMAGO_OK) {
		status = imago_pockets_bind_all(&pockets, &error);
	}
	if (status == IMAGO_OK) {
		status = imago_pockets_forget(&pockets, l->region, true, &error);
	}
	const bool has_failed = allocator.num_calls >= allocator.fail_at;
	allocator.fail_at = 0;
	crowd_out(&pockets, &others);
	assert_int_equal(status, has_failed ? IMAGO_ENOMEM : IMAGO_OK);
	assert_audit_is_clean(&pockets);
	if (has_failed) {
		assert_status(status, &error, IMAGO_ENOMEM);
		if (pockets.regions[l->region].bytes != NULL) {
			assert_ok(imago_pockets_forget(&pockets, l->region, false, &error), &error);
		}
		assert_audit_is_clean(&pockets);
	} else {
		assert_result(&pockets, "DATA", "1 'abc' (2 3)");
		assert_result(&pockets, "COUNTED", "10 'times'");
	}
	imago_pockets_release(&pockets);
	assert_no_leak(&allocator);
	return status;
}

static void
a_workspace_may_be_full_at_any_time(void **state)
{
	(void)state;
	library l;
	make_library(&l, 5);
	for (uint64_t room = 0; room < 3200; room += 48) {
		imago_status status = IMAGO_ENOMEM;
		for (uint64_t fail_at = 1; status != IMAGO_OK; fail_at++) {
			status = come_and_go_with(&l, room, fail_at);
		}
	}
	release_library(&l);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pocket_setup, pocket_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(names_lead_into_the_file_and_change_none_of_it),
	    TEST(only_counts_change),
	    TEST(existing_names_win_and_so_does_the_first_file),
	    TEST(what_is_mine_stays_when_the_file_goes),
	    TEST(what_is_assimilated_stays_altogether),
	    TEST(a_name_without_a_value_gets_the_file_s),
	    TEST(slots_that_are_none_are_refused),
	    TEST(a_pointer_back_is_not_followed),
	    TEST(a_name_that_lies_about_its_value_gets_the_file_s),
	    TEST(a_file_stays_while_something_runs),
	    TEST(a_large_file_s_counts_are_right),
	    cmocka_unit_test(every_failing_allocation_is_reported),
	    TEST(files_with_many_namespaces_need_more),
	    TEST(a_pointer_that_lies_is_taken_away_with_the_file),
	    cmocka_unit_test(a_workspace_may_be_full_at_any_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

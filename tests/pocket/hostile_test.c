/* hostile_test.c: pockets that lie to what runs, binds, copies and frees: each ends with a reason,
 * and what the lie did not touch is as it was. */
#include "pocket_fixture.h"

#include <string.h>

/* How a run ends; nothing of it is left. */
static const char *
end_of(pocket_fixture *f, const char *text, imago_run_result *result)
{
	const imago_run_options options = {.fuel = 10000};
	imago_run(&f->pockets, root_of(&f->pockets), text, strlen(text), &options, result, &f->error);
	assert_int_equal(f->pockets.stack_size, 0);
	imago_pocket_drop(&f->pockets, result->value);
	return imago_run_end_name(result->end);
}

/* A pointer of a pocket. */
static imago_addr
pointer_of(const imago_pockets *pockets, imago_addr address, uint64_t i)
{
	imago_pocket pocket;
	assert_true(imago_pocket_at(pockets, address, &pocket));
	return imago_pocket_pointer(&pocket, i);
}

static imago_addr
table_of(const imago_pockets *pockets, const char *name)
{
	return pointer_of(pockets, value_named(pockets, name), 0);
}

static imago_addr
make_space(pocket_fixture *f, const char *name)
{
	imago_addr space;
	imago_addr symbol;
	assert_ok(imago_namespace_make(&f->pockets, root_of(&f->pockets), &space, &f->error),
	          &f->error);
	assert_ok(imago_symbol_intern(&f->pockets, root_of(&f->pockets), name, strlen(name), &symbol,
	                              &f->error),
	          &f->error);
	imago_symbol_set(&f->pockets, symbol, space);
	return space;
}

/* A shared code file in region 2. */
typedef struct code_file {
	imago_allocator allocator;
	imago_pockets source;
	uint8_t *bytes;
	uint64_t size;
} code_file;

static void
make_file(pocket_fixture *f, code_file *file)
{
	imago_allocator_init(&file->allocator, IMAGO_UNLIMITED);
	assert_ok(imago_pockets_init(&file->source, &file->allocator, &f->error), &f->error);
	define(&file->source, "R←OF_FILE B;L\nL←B\nR←L+1 'x'");
	(void)result_of(&file->source, "DATA←'of the file' 1");
	file->bytes = make_region(&file->source, 2, &file->size, &file->allocator);
	put_region(&f->pockets, &file->source, 2, file->bytes, file->size);
}

static void
release_file(pocket_fixture *f, code_file *file)
{
	f->pockets.regions[2] = (imago_region){.bytes = NULL};
	imago_release(&file->allocator, file->bytes, file->size);
	imago_pockets_release(&file->source);
	assert_no_leak(&file->allocator);
}

/* An address of the source, where it is in the file. */
static imago_addr
in_file(imago_addr address)
{
	return address - IMAGO_REGION_START(0) + IMAGO_REGION_START(2);
}

/* ---- What runs */

/* In a local symbol table: 16 bytes of counts and header, the namespace, then symbols. */
enum { TABLE_SYMBOLS = 32 };

static void
what_runs_over_a_lie_ends_with_a_broken_pocket(void **state)
{
	pocket_fixture *f = *state;
	code_file file;
	make_file(f, &file);
	(void)make_space(f, "SPACE");
	(void)result_of(&f->pockets, "SPACE.X←3");
	(void)result_of(&f->pockets, "LONG←100⍴'x'");
	(void)result_of(&f->pockets, "WRONG←'1a'");
	define(&f->pockets, "R←NEXT B;L\nL←B\nR←L+1");
	define(&f->pockets, "R←SEVEN\nR←7");
	define(&f->pockets, "R←OF_SPACE\nR←SPACE.X");
	const imago_addr next = value_named(&f->pockets, "NEXT");
	const imago_addr seven = value_named(&f->pockets, "SEVEN");
	const imago_addr table = table_of(&f->pockets, "NEXT");
	const imago_addr member = table_of(&f->pockets, "OF_SPACE") + TABLE_SYMBOLS + 16;
	const imago_addr long_text = value_named(&f->pockets, "LONG");
	const struct {
		imago_addr address;
		unsigned bytes;
		uint64_t value;
		const char *text;
	} lies[] = {
	    {table + TABLE_SYMBOLS, 8, 0, "NEXT 1"},
	    {table + TABLE_SYMBOLS, 8, seven, "NEXT 1"},
	    {table + TABLE_SYMBOLS + 16, 8, in_file(symbol_named(&file.source, "DATA")), "NEXT 1"},
	    {table + 16, 4, UINT32_MAX, "NEXT 1"},
	    {table + 12, 1, IMAGO_POCKET_BODY, "NEXT 1"},
	    {next + 24, 8, table, "NEXT 1"},
	    {member, 8, long_text, "OF_SPACE"},
	    {member, 8, value_named(&f->pockets, "WRONG"), "OF_SPACE"},
	    {member, 8, root_of(&f->pockets), "OF_SPACE"},
	    {member, 8, value_named(&f->pockets, "SEVEN"), "OF_SPACE"},
	    {root_of(&f->pockets) + 16, 8, seven, "##"},
	    {root_of(&f->pockets) + 16, 8, next, "## 1"},
	};
	imago_run_result result;
	assert_audit_is_clean(&f->pockets);
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		const uint64_t old = exchange(&f->pockets, lies[i].address, lies[i].bytes, lies[i].value);
		const char *end = end_of(f, lies[i].text, &result);
		(void)exchange(&f->pockets, lies[i].address, lies[i].bytes, old);
		if (strcmp(end, "BROKEN POCKET") != 0) {
			fail_msg("lie %d: %s", (int)i, end);
		}
		assert_audit_is_clean(&f->pockets);
	}
	assert_result(&f->pockets, "NEXT OF_SPACE", "4");
	release_file(f, &file);
}

static void
a_place_is_told_by_the_innermost_name_that_is_one(void **state)
{
	pocket_fixture *f = *state;
	static const char name[] = "zbcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk";
	imago_addr symbol;
	imago_run_result result;
	/* The root of the tree, so that it is found whatever the other one says. */
	assert_ok(
	    imago_symbol_intern(&f->pockets, root_of(&f->pockets), "CALLS", 5, &symbol, &f->error),
	    &f->error);
	define(&f->pockets, "zbcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk\n\n→1÷0");
	define(&f->pockets, "CALLS\nzbcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk");
	assert_string_equal(end_of(f, "CALLS", &result), "DOMAIN ERROR");
	assert_string_equal(result.name, name);
	assert_int_equal(result.line, 2);
	const imago_addr fails = symbol_named(&f->pockets, name);
	static const uint8_t lengths[] = {64, 200}; /* one byte too many, and more than there are */
	for (size_t i = 0; i < sizeof lengths; i++) {
		const uint64_t old = exchange(&f->pockets, fails + 14, 1, lengths[i]);
		assert_string_equal(end_of(f, "CALLS", &result), "DOMAIN ERROR");
		assert_string_equal(result.name, "CALLS");
		assert_int_equal(result.line, 1);
		(void)exchange(&f->pockets, fails + 14, 1, old);
	}
}

static void
what_does_not_run_in_a_namespace_of_the_workspace_is_refused(void **state)
{
	pocket_fixture *f = *state;
	imago_run_result result;
	(void)result_of(&f->pockets, "A←1");
	imago_run(&f->pockets, IMAGO_REGION_START(2), "A", 1, NULL, &result, &f->error);
	assert_string_equal(imago_run_end_name(result.end), "BROKEN POCKET");
	assert_error(&f->error, IMAGO_EUSAGE, "name", IMAGO_NO_OFFSET);
	imago_run(&f->pockets, value_named(&f->pockets, "A"), "##.A", 4, NULL, &result, &f->error);
	assert_string_equal(imago_run_end_name(result.end), "VALUE ERROR");
	assert_string_equal(imago_run_end_name(IMAGO_NUM_RUN_ENDS), "?");
}

/* ---- What binds */

static void
what_is_no_function_of_a_symbol_is_not_bound(void **state)
{
	pocket_fixture *f = *state;
	imago_addr copy;
	(void)result_of(&f->pockets, "A←1");
	const imago_addr array = value_named(&f->pockets, "A");
	assert_status(imago_symbol_bind(&f->pockets, array, &f->error), &f->error, IMAGO_ESTRUCTURE);
	assert_error(&f->error, IMAGO_ESTRUCTURE, "symbol", IMAGO_NO_OFFSET);
	assert_status(imago_symbol_bind(&f->pockets, symbol_named(&f->pockets, "A"), &f->error),
	              &f->error, IMAGO_ESTRUCTURE);
	assert_error(&f->error, IMAGO_ESTRUCTURE, "function", IMAGO_NO_OFFSET);
	assert_status(imago_function_rebind(&f->pockets, array, root_of(&f->pockets), &copy, &f->error),
	              &f->error, IMAGO_ESTRUCTURE);
	assert_error(&f->error, IMAGO_ESTRUCTURE, "function", IMAGO_NO_OFFSET);
}

static void
a_function_of_a_file_whose_names_are_none_is_broken(void **state)
{
	pocket_fixture *f = *state;
	code_file file;
	uint64_t num;
	imago_run_result result;
	make_file(f, &file);
	assert_ok(imago_pockets_import(&f->pockets, 2, &num, &f->error), &f->error);
	const imago_addr local = in_file(symbol_named(&file.source, "L"));
	const imago_addr table = in_file(table_of(&file.source, "OF_FILE"));
	const imago_addr function = in_file(value_named(&file.source, "OF_FILE"));
	const struct {
		imago_addr address;
		unsigned bytes;
		uint64_t value;
	} lies[] = {
	    {local + 48, 1, '1'},
	    {local + 14, 1, 200},
	    {table + TABLE_SYMBOLS, 8, root_of(&f->pockets)}, /* out of the file */
	    {table + TABLE_SYMBOLS, 8, table},
	    {table + 20, 4, UINT32_MAX},
	    {function + 16, 8, function},
	};
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		const uint64_t old = exchange(&f->pockets, lies[i].address, lies[i].bytes, lies[i].value);
		assert_string_equal(end_of(f, "OF_FILE 1", &result), "BROKEN POCKET");
		assert_status(imago_pockets_bind_all(&f->pockets, &f->error), &f->error, IMAGO_ESTRUCTURE);
		(void)exchange(&f->pockets, lies[i].address, lies[i].bytes, old);
		assert_audit_is_clean(&f->pockets);
	}
	assert_result(&f->pockets, "OF_FILE 1", "DOMAIN ERROR");
	assert_result(&f->pockets, "L", "VALUE ERROR");
	assert_ok(imago_pockets_forget(&f->pockets, 2, false, &f->error), &f->error);
	release_file(f, &file);
}

/* ---- Names */

static void
a_tree_that_goes_in_circles_has_no_names(void **state)
{
	pocket_fixture *f = *state;
	imago_addr symbol;
	(void)result_of(&f->pockets, "M←1");
	const imago_addr m = symbol_named(&f->pockets, "M");
	const uint64_t old = exchange(&f->pockets, m + 16, 8, m);
	assert_int_equal(symbol_named(&f->pockets, "M"), m);
	assert_int_equal(symbol_named(&f->pockets, "A"), 0);
	assert_status(
	    imago_symbol_intern(&f->pockets, root_of(&f->pockets), "A", 1, &symbol, &f->error),
	    &f->error, IMAGO_ESTRUCTURE);
	assert_error(&f->error, IMAGO_ESTRUCTURE, "tree of symbols", IMAGO_NO_OFFSET);
	(void)exchange(&f->pockets, m + 16, 8, old);
	assert_result(&f->pockets, "A←2", "2");
}

/* A namespace that is too short for the number of its names has no room for new ones, either. */
static void
a_namespace_that_is_broken_gets_no_names(void **state)
{
	pocket_fixture *f = *state;
	imago_run_result result;
	const imago_addr space = make_space(f, "SPACE");
	(void)result_of(&f->pockets, "SPACE.M←1");
	(void)result_of(&f->pockets, "SHORT←0");
	const imago_addr root = pointer_of(&f->pockets, space, IMAGO_SPACE_ROOT);
	const uint64_t left = exchange(&f->pockets, root + 16, 8, root);
	assert_string_equal(end_of(f, "SPACE.A←1", &result), "BROKEN POCKET");
	assert_error(&f->error, IMAGO_ESTRUCTURE, "tree of symbols", IMAGO_NO_OFFSET);
	(void)exchange(&f->pockets, root + 16, 8, left);
	const imago_addr scalar = value_named(&f->pockets, "SHORT");
	const uint64_t zones = exchange(&f->pockets, scalar + 12, 4, IMAGO_POCKET_NAMESPACE);
	assert_string_equal(end_of(f, "SHORT.A←1", &result), "BROKEN POCKET");
	(void)exchange(&f->pockets, scalar + 12, 4, zones);
	assert_audit_is_clean(&f->pockets);
	assert_result(&f->pockets, "SPACE.A←SHORT", "0");
}

static void
a_lying_array_is_not_marked(void **state)
{
	pocket_fixture *f = *state;
	(void)result_of(&f->pockets, "A←1 #");
	const imago_addr array = value_named(&f->pockets, "A");
	(void)exchange(&f->pockets, array + 14, 2, 9); /* a rank that is too high, and no mark */
	imago_array_note_spaces(&f->pockets, array);
	assert_int_equal(exchange(&f->pockets, array + 14, 2, 1), 9);
	imago_array_note_spaces(&f->pockets, array);
	assert_int_equal(exchange(&f->pockets, array + 14, 2, 0x101), 0x101);
	(void)result_of(&f->pockets, "A←1");
}

static void
only_symbols_of_the_workspace_get_values(void **state)
{
	pocket_fixture *f = *state;
	code_file file;
	imago_pocket pocket;
	make_file(f, &file);
	(void)result_of(&f->pockets, "A←1 2");
	const imago_addr value = value_named(&f->pockets, "A");
	const imago_addr of_file = in_file(symbol_named(&file.source, "DATA"));
	const imago_addr wrong[] = {0, value, value + 8, of_file, IMAGO_REGION_START(3)};
	uint8_t *before = imago_allocate(&f->allocator, file.size, "copy", &f->error);
	assert_non_null(before);
	memcpy(before, file.bytes, file.size);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		imago_pocket_hold(&f->pockets, value);
		imago_symbol_set(&f->pockets, wrong[i], value);
		imago_pocket_hold(&f->pockets, value);
		imago_symbol_exchange(&f->pockets, wrong[i], value);
		imago_symbol_note_import(&f->pockets, wrong[i], 1);
		imago_pocket_put(&f->pockets, wrong[i] == value ? 0 : wrong[i], IMAGO_SYMBOL_VALUE, value);
		imago_array_note_spaces(&f->pockets, wrong[i]);
	}
	assert_true(imago_pocket_at(&f->pockets, value, &pocket));
	assert_int_equal(pocket.count, 1);
	assert_memory_equal(file.bytes, before, file.size);
	imago_release(&f->allocator, before, file.size);
	assert_result(&f->pockets, "A", "1 2");
	release_file(f, &file);
}

/* ---- What is freed */

static imago_addr
make_pocket(pocket_fixture *f, uint64_t length)
{
	const imago_zones zones = {.kind = IMAGO_POCKET_BODY};
	imago_addr made;
	assert_ok(imago_pocket_make(&f->pockets, zones, length - IMAGO_POCKET_HEADER, &made, &f->error),
	          &f->error);
	return made;
}

/* An item that lies within its array goes with it. */
static void
a_pocket_within_another_one_is_freed_once(void **state)
{
	pocket_fixture *f = *state;
	const uint64_t num = 8;
	imago_addr outer;
	assert_ok(imago_array_make(&f->pockets, IMAGO_ARRAY_NESTED, 1, &num, &outer, &f->error),
	          &f->error);
	const uint64_t used = f->pockets.regions[0].used;
	const imago_addr inner = outer + 48;
	(void)exchange(&f->pockets, inner, 8, 32);
	(void)exchange(&f->pockets, inner + 8, 4, 1);
	(void)exchange(&f->pockets, inner + 12, 4, IMAGO_POCKET_BODY);
	(void)exchange(&f->pockets, outer + 24, 8, inner);
	imago_pocket_drop(&f->pockets, outer);
	assert_int_equal(f->pockets.regions[0].used, used - 96);
	assert_audit_is_clean(&f->pockets);
}

static void
a_list_of_free_pockets_that_leads_elsewhere_ends_there(void **state)
{
	pocket_fixture *f = *state;
	const imago_addr one = make_pocket(f, 48);
	const imago_addr kept = make_pocket(f, 48);
	imago_pocket_drop(&f->pockets, one);
	(void)exchange(&f->pockets, one + 16, 8, kept);
	assert_int_equal(make_pocket(f, 48), one);
	const imago_addr other = make_pocket(f, 48);
	assert_int_not_equal(other, kept);
	imago_pocket_drop(&f->pockets, one);
	imago_pocket_drop(&f->pockets, other);
	imago_pocket_drop(&f->pockets, kept);
	assert_int_equal(f->pockets.num_free, 48);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pocket_setup, pocket_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_runs_over_a_lie_ends_with_a_broken_pocket),
	    TEST(a_place_is_told_by_the_innermost_name_that_is_one),
	    TEST(what_does_not_run_in_a_namespace_of_the_workspace_is_refused),
	    TEST(what_is_no_function_of_a_symbol_is_not_bound),
	    TEST(a_function_of_a_file_whose_names_are_none_is_broken),
	    TEST(a_tree_that_goes_in_circles_has_no_names),
	    TEST(a_namespace_that_is_broken_gets_no_names),
	    TEST(a_lying_array_is_not_marked),
	    TEST(only_symbols_of_the_workspace_get_values),
	    TEST(a_pocket_within_another_one_is_freed_once),
	    TEST(a_list_of_free_pockets_that_leads_elsewhere_ends_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

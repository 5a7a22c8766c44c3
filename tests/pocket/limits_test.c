/* limits_test.c: fuel, depth and memory that end at every place where they can. */
#include "pocket_fixture.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *text, *expected;
} rows[] = {
    {"3↑1 'ab'", "1 'ab' 0"},
    {"2 2⍴1 2", "1 2\n1 2"},
    {"⍴1 2", "2"},
    {"⍳20", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20"},
    {",5", "5"},
    {"1 2⍳2 9", "2 3"},
    {"1 2,3", "1 2 3"},
    {"1 2,'ab'", "1 2 'a' 'b'"},
    {"1 0 2/5 6 7", "5 7 7"},
    {"↑0↑1 'ab'", "0"},
    {"-1 2", "¯1 ¯2"},
    {"1 2+3 4", "4 6"},
    {"+/2 2⍴⍳4", "3 7"},
    {"1 'ab' 2", "1 'ab' 2"},
    {"1 2 'ab'", "1 2 'ab'"},
    {"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 'ab'",
     "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 'ab'"},
    {"SPACE.NEW←1 2", "1 2"},
    {"#.SPACE.OLD+1", "6"},
    {"SPACE.OLD SPACE.OLD", "5 5"},
    {"NOTHING", ""},
    {"TWICE 3 4", "6 8"},
    {"(TWICE 1) SUM TWICE 2", "6"},
    {"1 SUM(2)(3)", "3 4"},
};
enum { NUM_ROWS = sizeof rows / sizeof rows[0] };

static void
make_names(imago_pockets *pockets)
{
	imago_addr space;
	imago_addr symbol;
	imago_error error;
	assert_ok(imago_namespace_make(pockets, root_of(pockets), &space, &error), &error);
	assert_ok(imago_symbol_intern(pockets, root_of(pockets), "SPACE", 5, &symbol, &error), &error);
	imago_symbol_set(pockets, symbol, space);
	(void)result_of(pockets, "SPACE.OLD←5");
	define(pockets, "NOTHING\n");
	define(pockets, "R←TWICE B;L\nL←B×2\nR←L");
	define(pockets, "R←A SUM B\nR←A+B");
}

/* Asserts that a value is that text. */
static void
assert_value(imago_pockets *pockets, imago_addr value, const char *expected, const char *text)
{
	imago_allocator allocator;
	imago_writer writer;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_writer_init(&writer, &allocator, (imago_layout){8, IMAGO_LITTLE_ENDIAN}, &error);
	imago_value_format(pockets, value, 1000, &writer);
	assert_ok(writer.status, &error);
	if (writer.size != strlen(expected) + 1 ||
	    memcmp(writer.bytes, expected, strlen(expected)) != 0) {
		fail_msg("%s: %.*s", text, (int)writer.size, (const char *)writer.bytes);
	}
	imago_writer_release(&writer);
}

/* ---- Fuel and depth */

static void
fuel_may_end_anywhere(void **state)
{
	pocket_fixture *f = *state;
	make_names(&f->pockets);
	for (size_t i = 0; i < NUM_ROWS; i++) {
		imago_run_result result = {.end = IMAGO_RUN_FUEL};
		for (uint64_t fuel = 1; result.end != IMAGO_RUN_DONE; fuel++) {
			const imago_run_options options = {.fuel = fuel};
			imago_run(&f->pockets, root_of(&f->pockets), rows[i].text, strlen(rows[i].text),
			          &options, &result, &f->error);
			if (result.end != IMAGO_RUN_DONE) {
				assert_string_equal(imago_run_end_name(result.end), "OUT OF FUEL");
				assert_true(result.fuel <= fuel);
				assert_int_equal(result.value, 0);
				assert_int_equal(f->pockets.stack_size, 0);
				assert_audit_is_clean(&f->pockets);
			}
		}
		assert_true(result.fuel > 1);
		assert_value(&f->pockets, result.value, rows[i].expected, rows[i].text);
		imago_pocket_drop(&f->pockets, result.value);
	}
}

static void
calls_and_parentheses_may_be_too_deep(void **state)
{
	pocket_fixture *f = *state;
	make_names(&f->pockets);
	define(&f->pockets, "R←DEEPER B\nR←DEEPER B");
	static const struct {
		const char *text;
		unsigned depth, least; /* so much is enough */
	} deep[] = {{"1", 2, 1}, {"(1)", 3, 2}, {"TWICE 1", 4, 3}, {"TWICE(TWICE 1)", 5, 4}};
	for (size_t i = 0; i < sizeof deep / sizeof deep[0]; i++) {
		for (unsigned depth = 1; depth <= deep[i].depth; depth++) {
			const imago_run_options options = {.depth = depth};
			imago_run_result result;
			imago_run(&f->pockets, root_of(&f->pockets), deep[i].text, strlen(deep[i].text),
			          &options, &result, &f->error);
			assert_string_equal(imago_run_end_name(result.end),
			                    depth < deep[i].least ? "TOO DEEP" : "DONE");
			imago_pocket_drop(&f->pockets, result.value);
		}
	}
	/* More than the most is the most. */
	const imago_run_options options = {.depth = 100000};
	imago_run_result result;
	imago_run(&f->pockets, root_of(&f->pockets), "DEEPER 1", 8, &options, &result, &f->error);
	assert_string_equal(imago_run_end_name(result.end), "TOO DEEP");
}

/* ---- Memory */

/* When the first line of a function has been executed, there are so many bytes left. */
typedef struct scarcity {
	imago_pockets *pockets;
	crowd others;
	uint64_t bytes;
	bool is_over;
} scarcity;

static void
make_scarce(void *payload)
{
	scarcity *s = payload;
	if (!s->is_over) {
		crowd_in(s->pockets, 0, &s->others);
		s->pockets->allocator->budget = s->pockets->allocator->used + s->bytes;
		s->is_over = true;
	}
}

/* Runs SWEPT in a new workspace; true when there was enough memory. */
static bool
runs_with(const char *line, uint64_t bytes, const char *expected)
{
	imago_allocator allocator;
	imago_pockets pockets;
	imago_error error;
	char text[512];
	scarcity s = {.pockets = &pockets, .bytes = bytes};
	const imago_run_options options = {.step = make_scarce, .payload = &s};
	imago_run_result result;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_ok(imago_pockets_init(&pockets, &allocator, &error), &error);
	make_names(&pockets);
	assert_true(snprintf(text, sizeof text, "R←SWEPT\nR←1\nR←%s", line) < (int)sizeof text);
	define(&pockets, text);
	imago_run(&pockets, root_of(&pockets), "SWEPT", 5, &options, &result, &error);
	allocator.budget = IMAGO_UNLIMITED;
	crowd_out(&pockets, &s.others);
	assert_int_equal(pockets.stack_size, 0);
	const bool done = result.end == IMAGO_RUN_DONE;
	if (done) {
		assert_value(&pockets, result.value, expected, line);
	} else {
		assert_string_equal(imago_run_end_name(result.end), "WS FULL");
		assert_int_equal(result.value, 0);
		assert_int_equal(error.status, IMAGO_ENOMEM);
		assert_non_null(error.what);
	}
	imago_pocket_drop(&pockets, result.value);
	assert_audit_is_clean(&pockets);
	imago_pockets_release(&pockets);
	assert_no_leak(&allocator);
	return done;
}

static void
memory_may_end_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_ROWS; i++) {
		uint64_t bytes = 0;
		while (!runs_with(rows[i].text, bytes, rows[i].expected)) {
			bytes += 16;
			assert_true(bytes < 4096);
		}
		assert_true(bytes > 0);
	}
}

/* So many values are on their way when functions are called that there is no room for more. */
static void
values_on_their_way_need_memory_too(void **state)
{
	(void)state;
	char line[256];
	char expected[256];
	for (int num = 50; num < 66; num++) {
		size_t at = 0;
		size_t end = 0;
		for (int i = 0; i < num; i++) {
			at += (size_t)snprintf(line + at, sizeof line - at, "R ");
			end += (size_t)snprintf(expected + end, sizeof expected - end, " 1");
		}
		char call[300];
		char text[300];
		snprintf(call, sizeof call, "(TWICE 4) %s", line);
		snprintf(text, sizeof text, "8%s", expected);
		uint64_t bytes = 0;
		while (!runs_with(call, bytes, text)) {
			bytes += 64;
			assert_true(bytes < 4096);
		}
		assert_true(bytes > 0);
		snprintf(call, sizeof call, "'a' 2 3 4 %s", line);
		snprintf(text, sizeof text, "'a' 2 3 4%s", expected);
		assert_false(runs_with(call, 0, text));
		assert_false(runs_with(call, 256, text)); /* enough for numbers, not for the stack */
		assert_true(runs_with(call, 4096, text));
	}
}

/* A workspace that is full but for so many bytes, in which allocation number fail_at fails. */
typedef imago_status scarce_fn(imago_pockets *pockets, imago_error *error);

static imago_status
attempt_with(scarce_fn *prepare, scarce_fn *attempt, uint64_t room, uint64_t fail_at)
{
	imago_allocator allocator;
	imago_pockets pockets;
	imago_error error = {0};
	crowd others;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_ok(imago_pockets_init(&pockets, &allocator, &error), &error);
	assert_ok(prepare(&pockets, &error), &error);
	crowd_in(&pockets, room, &others);
	allocator.fail_at = allocator.num_calls + fail_at;
	const imago_status status = attempt(&pockets, &error);
	const bool has_failed = allocator.num_calls >= allocator.fail_at;
	allocator.fail_at = 0;
	assert_int_equal(status, has_failed ? IMAGO_ENOMEM : IMAGO_OK);
	if (has_failed) {
		assert_status(status, &error, IMAGO_ENOMEM);
		assert_non_null(error.what);
	}
	crowd_out(&pockets, &others);
	assert_int_equal(pockets.stack_size, 0);
	assert_audit_is_clean(&pockets);
	imago_pockets_release(&pockets);
	assert_no_leak(&allocator);
	return status;
}

static void
sweep(scarce_fn *prepare, scarce_fn *attempt, uint64_t most_room)
{
	unsigned num_failed = 0;
	for (uint64_t room = 0; room < most_room; room += 16) {
		imago_status status = IMAGO_ENOMEM;
		for (uint64_t fail_at = 1; status != IMAGO_OK; fail_at++) {
			status = attempt_with(prepare, attempt, room, fail_at);
			num_failed += status != IMAGO_OK;
		}
	}
	assert_true(num_failed > most_room / 16);
}

static imago_status
prepare_nothing(imago_pockets *pockets, imago_error *error)
{
	(void)pockets;
	(void)error;
	return IMAGO_OK;
}

static imago_status
define_one(imago_pockets *pockets, imago_error *error)
{
	static const char text[] = "R←A F B;L\nL←A+B 'text' 1 2 ⍝ c\nR←#.S.X ##.Y 'it''s'";
	return imago_function_define(pockets, root_of(pockets), text, sizeof text - 1, error);
}

static void
definitions_need_memory(void **state)
{
	(void)state;
	sweep(prepare_nothing, define_one, 1200);
}

static imago_status
rebind_one(imago_pockets *pockets, imago_error *error)
{
	imago_addr space;
	imago_addr copy;
	imago_status status = imago_namespace_make(pockets, 0, &space, error);
	if (status != IMAGO_OK) {
		return status;
	}
	status = imago_function_rebind(pockets, value_named(pockets, "F"), space, &copy, error);
	if (status == IMAGO_OK) {
		assert_true(imago_value_equal(pockets, value_named(pockets, "F"), pockets, copy));
		imago_pocket_drop(pockets, copy);
	}
	/* Symbols lead to their namespace, and it to them. */
	(void)exchange(pockets, space + 32, 8, 0);
	imago_pocket_put(pockets, space, IMAGO_SPACE_ROOT, 0);
	imago_pocket_drop(pockets, space);
	return status;
}

static void
functions_that_are_bound_anew_need_memory(void **state)
{
	(void)state;
	sweep(define_one, rebind_one, 1200);
}

static void
functions_may_not_have_everything(void **state)
{
	pocket_fixture *f = *state;
	enum { ROOM = 1 << 20, MOST_SYMBOLS = 4096, MOST_CONSTANTS = 65535, MOST_TOKENS = 65536 };
	char *text = imago_allocate(&f->allocator, ROOM, "text", &f->error);
	assert_non_null(text);
	size_t at = 0;
	for (int i = 0; i <= MOST_SYMBOLS; i++) {
		at += (size_t)snprintf(text + at, ROOM - at, "N%d ", i);
	}
	imago_run_result result;
	imago_run(&f->pockets, root_of(&f->pockets), text, at, NULL, &result, &f->error);
	assert_string_equal(imago_run_end_name(result.end), "WS FULL");
	assert_error(&f->error, IMAGO_ELIMIT, "symbols", at - 1);
	at = (size_t)snprintf(text, ROOM, "F\n");
	for (int i = 0; i <= MOST_CONSTANTS; i++) {
		at += (size_t)snprintf(text + at, ROOM - at, "⍝\n");
	}
	assert_status(imago_function_define(&f->pockets, root_of(&f->pockets), text, at, &f->error),
	              &f->error, IMAGO_ELIMIT);
	assert_error(&f->error, IMAGO_ELIMIT, "constants", at - 1);
	at = (size_t)snprintf(text, ROOM, "F\n");
	for (int i = 0; i <= MOST_TOKENS; i++) {
		at += (size_t)snprintf(text + at, ROOM - at, "# ");
	}
	assert_status(imago_function_define(&f->pockets, root_of(&f->pockets), text, at, &f->error),
	              &f->error, IMAGO_ELIMIT);
	assert_error(&f->error, IMAGO_ELIMIT, "tokens", at - 1);
	imago_release(&f->allocator, text, ROOM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pocket_setup, pocket_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(fuel_may_end_anywhere),
	    TEST(calls_and_parentheses_may_be_too_deep),
	    cmocka_unit_test(memory_may_end_anywhere),
	    cmocka_unit_test(values_on_their_way_need_memory_too),
	    cmocka_unit_test(definitions_need_memory),
	    cmocka_unit_test(functions_that_are_bound_anew_need_memory),
	    TEST(functions_may_not_have_everything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

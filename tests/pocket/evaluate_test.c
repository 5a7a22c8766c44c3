/* evaluate_test.c: functions: headers, local names, branches, limits, and their text. */
#include "pocket_fixture.h"

#include <string.h>

static void
functions_take_what_their_header_says(void **state)
{
	pocket_fixture *f = *state;
	define(&f->pockets, "R←A ADD B\nR←A+B\n");
	define(&f->pockets, "R←TWICE B\nR←B×2");
	define(&f->pockets, "R←SEVEN\nR←7");
	define(&f->pockets, "SETTLE B\nKEPT←B");
	assert_result(&f->pockets, "2 ADD 3", "5");
	assert_result(&f->pockets, "1 2 3 ADD 10", "11 12 13");
	assert_result(&f->pockets, "TWICE 4", "8");
	assert_result(&f->pockets, "SEVEN+SEVEN", "14");
	assert_result(&f->pockets, "2 ADD TWICE SEVEN", "16");
	assert_result(&f->pockets, "(2 ADD 3) ADD 4", "9");
	assert_result(&f->pockets, "1 SEVEN 3", "1 7 3");
	assert_result(&f->pockets, "SETTLE 9", "");
	assert_result(&f->pockets, "KEPT", "9");
	assert_result(&f->pockets, "ADD 3", "SYNTAX ERROR");
	assert_result(&f->pockets, "2 TWICE 3", "SYNTAX ERROR");
	assert_result(&f->pockets, "TWICE", "SYNTAX ERROR");
	assert_result(&f->pockets, "TWICE←3", "SYNTAX ERROR");
	assert_result(&f->pockets, "TWICE 'a'", "DOMAIN ERROR");
	assert_result(&f->pockets, "(1÷0) ADD 2", "DOMAIN ERROR");
	assert_result(&f->pockets, "2 (1÷0) ADD 2", "DOMAIN ERROR");
}

static void
local_names_come_and_go(void **state)
{
	pocket_fixture *f = *state;
	define(&f->pockets, "R←OUTER B;X\nX←B\nR←X,INNER");
	define(&f->pockets, "R←INNER\nR←X\nX←100");
	assert_result(&f->pockets, "X←1", "1");
	assert_result(&f->pockets, "OUTER 5", "100 5"); /* X is OUTER's while INNER runs */
	assert_result(&f->pockets, "X", "1");
	define(&f->pockets, "R←FAILS;X\nX←5\nR←1÷0");
	assert_result(&f->pockets, "FAILS", "DOMAIN ERROR");
	assert_result(&f->pockets, "X", "1");
	define(&f->pockets, "R←NORESULT\nX←X");
	assert_result(&f->pockets, "NORESULT", "VALUE ERROR");
}

static void
branches_lead_to_lines(void **state)
{
	pocket_fixture *f = *state;
	define(&f->pockets, "R←FAC N\nR←1\n→(N<2)/0\nR←N×FAC N-1");
	define(&f->pockets, "R←SUM N;I\nR←I←0\n→(N≤I)/0\nI←I+1\nR←R+I\n→2");
	define(&f->pockets, "R←NESTED N\nR←N\n→⍳0\nR←R N");
	assert_result(&f->pockets, "FAC 10", "3628800");
	assert_result(&f->pockets, "SUM 100", "5050");
	assert_result(&f->pockets, "NESTED 1", "1 1");
	define(&f->pockets, "R←WRONG\n→'a'");
	assert_result(&f->pockets, "WRONG", "DOMAIN ERROR");
	define(&f->pockets, "R←NOWHERE\nR←1\n→#");
	assert_result(&f->pockets, "NOWHERE", "DOMAIN ERROR");
	define(&f->pockets, "R←LEAVES N\nR←1\n→N\nR←2");
	assert_result(&f->pockets, "LEAVES 99", "1");
	assert_result(&f->pockets, "LEAVES 4", "1");
	assert_result(&f->pockets, "LEAVES 0", "1");
	assert_result(&f->pockets, "LEAVES ¯1", "1");
	assert_result(&f->pockets, "LEAVES 3", "2");
	assert_result(&f->pockets, "LEAVES ⍳0", "2");
}

static imago_run_end
run(imago_pockets *pockets, const char *text, const imago_run_options *options,
    imago_run_result *result)
{
	imago_error error;
	imago_run(pockets, root_of(pockets), text, strlen(text), options, result, &error);
	imago_pocket_drop(pockets, result->value);
	assert_audit_is_clean(pockets);
	return result->end;
}

static void
runs_are_bounded(void **state)
{
	pocket_fixture *f = *state;
	imago_run_result result;
	define(&f->pockets, "FOREVER\n→1");
	define(&f->pockets, "R←DEEPER B;X\nX←B\nR←DEEPER B+1");
	define(&f->pockets, "R←GROW B\nR←B\nR←R,R\n→2");
	const imago_run_options little = {.fuel = 1000};
	assert_int_equal(run(&f->pockets, "FOREVER", &little, &result), IMAGO_RUN_FUEL);
	assert_int_equal(result.fuel, 1000);
	assert_string_equal(result.name, "FOREVER");
	assert_int_equal(result.line, 1);
	assert_int_equal(run(&f->pockets, "DEEPER 1", NULL, &result), IMAGO_RUN_DEPTH);
	const imago_run_options shallow = {.depth = 5};
	assert_int_equal(run(&f->pockets, "((((((1))))))", &shallow, &result), IMAGO_RUN_DEPTH);
	assert_int_equal(run(&f->pockets, "((1))", &shallow, &result), IMAGO_RUN_DONE);
	f->allocator.budget = f->allocator.used + (4 << 20);
	assert_int_equal(run(&f->pockets, "GROW 1", NULL, &result), IMAGO_RUN_MEMORY);
	f->allocator.budget = IMAGO_UNLIMITED;
	assert_int_equal(run(&f->pockets, "DEEPER", NULL, &result), IMAGO_RUN_SYNTAX);
}

static void
an_expression_says_whether_it_was_assigned(void **state)
{
	pocket_fixture *f = *state;
	imago_run_result result;
	(void)run(&f->pockets, "A←3", NULL, &result);
	assert_true(result.is_quiet);
	(void)run(&f->pockets, "1+A←3", NULL, &result);
	assert_false(result.is_quiet);
	(void)run(&f->pockets, "(A←3)", NULL, &result);
	assert_false(result.is_quiet);
	(void)run(&f->pockets, "⍝", NULL, &result);
	assert_true(result.is_quiet);
}

static const char *const texts[] = {
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one text in two lines */
    ("R←A F B;I;J\nR←A+B ⍝ a comment\n→(R>1 2 3)/I J\n⍝ alone\n\nX←'it''s' ¯1.5E¯7 ('a' b) "
     "\nY.Z←#.Q ##.P\n"),
    "F\n",
    "F",
    "R←F\nR←A.B.C.D #.A.B ##.A.B",
    "F B\n(1)\n",
    "R←F\nR←0.1 0.30000000000000004 12345678901234567\n",
    "F\n1 'x'2\n",
};

static void
a_function_s_text_defines_it_again(void **state)
{
	pocket_fixture *f = *state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		imago_writer writers[2];
		imago_addr functions[2];
		for (int pass = 0; pass < 2; pass++) {
			imago_writer_init(&writers[pass], &f->allocator, (imago_layout){8, IMAGO_LITTLE_ENDIAN},
			                  &f->error);
			if (pass == 0) {
				define(&f->pockets, texts[i]);
			} else {
				assert_ok(imago_function_define(&f->pockets, root_of(&f->pockets),
				                                (const char *)writers[0].bytes,
				                                (size_t)writers[0].size, &f->error),
				          &f->error);
			}
			imago_pocket symbol;
			assert_true(imago_pocket_at(
			    &f->pockets, imago_symbol_find(&f->pockets, root_of(&f->pockets), "F", 1),
			    &symbol));
			functions[pass] = imago_pocket_pointer(&symbol, IMAGO_SYMBOL_VALUE);
			imago_pocket_hold(&f->pockets, functions[pass]);
			assert_ok(imago_function_format(&f->pockets, functions[pass], "F", 1, &writers[pass]),
			          &f->error);
		}
		assert_int_equal(writers[0].size, writers[1].size);
		assert_memory_equal(writers[0].bytes, writers[1].bytes, writers[0].size);
		assert_true(imago_value_equal(&f->pockets, functions[0], &f->pockets, functions[1]));
		for (int pass = 0; pass < 2; pass++) {
			imago_pocket_drop(&f->pockets, functions[pass]);
			imago_writer_release(&writers[pass]);
		}
	}
}

static void
headers_that_are_none_are_refused_where_they_are_wrong(void **state)
{
	pocket_fixture *f = *state;
	static const struct {
		const char *text;
		uint64_t offset;
	} wrong[] = {{"", 0},
	             {"1", 0},
	             {"R←", 4},
	             {"F A B C", 6},
	             {"A F A", 5},
	             {"F B;B", 5},
	             {"F B;", 4},
	             {"F B\n(1", 4},
	             {"F\n1 $", 4},
	             {"F\n'abc", 2},
	             {"F\nok\n12x", 7},
	             {"R←R F B", 9},
	             {"F\n1.2.3", 5},
	             {"F\nA.", 4},
	             {"R←abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklm", 4},
	             {"F abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklm", 2}};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		const imago_status status = imago_function_define(
		    &f->pockets, root_of(&f->pockets), wrong[i].text, strlen(wrong[i].text), &f->error);
		if (status != IMAGO_ESTRUCTURE || f->error.offset != wrong[i].offset) {
			fail_msg("%s: %s at %d, not %d", wrong[i].text, imago_status_name(status),
			         (int)f->error.offset, (int)wrong[i].offset);
		}
	}
}

static imago_status
define_and_run(imago_allocator *allocator, imago_error *error, void *payload)
{
	(void)payload;
	static const char text[] = "R←A F B;X\nX←A 'text' (1 2)\nR←(+/⍳B),X,3↑1 'b'\nR←R(2/R)";
	static const char line[] = "1 F 30";
	imago_pockets pockets;
	imago_run_result result = {.end = IMAGO_RUN_DONE};
	imago_status status = imago_pockets_init(&pockets, allocator, error);
	if (status == IMAGO_OK) {
		status = imago_function_define(&pockets, root_of(&pockets), text, sizeof text - 1, error);
	}
	if (status == IMAGO_OK) {
		imago_run(&pockets, root_of(&pockets), line, sizeof line - 1, NULL, &result, error);
		assert_true(result.end == IMAGO_RUN_DONE || result.end == IMAGO_RUN_MEMORY);
		status = result.end == IMAGO_RUN_DONE ? IMAGO_OK : IMAGO_ENOMEM;
	}
	imago_pocket_drop(&pockets, result.value);
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
	assert_every_allocation_failure_is_reported(define_and_run, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pocket_setup, pocket_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(functions_take_what_their_header_says),
	    TEST(local_names_come_and_go),
	    TEST(branches_lead_to_lines),
	    TEST(runs_are_bounded),
	    TEST(an_expression_says_whether_it_was_assigned),
	    TEST(a_function_s_text_defines_it_again),
	    TEST(headers_that_are_none_are_refused_where_they_are_wrong),
	    cmocka_unit_test(every_failing_allocation_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* expressions_test.c: what lines come to: a table. The audit runs after every line. */
#include "pocket_fixture.h"

#include <string.h>

typedef struct row {
	const char *text, *expected;
} row;

static const row rows[] = {
    /* right to left, strands, numbers */
    {"1+2", "3"},
    {"10-5-2", "7"},
    {"2×3+4", "14"},
    {"(2×3)+4", "10"},
    {"1 2 3+10", "11 12 13"},
    {"1 2 3×4 5 6", "4 10 18"},
    {"¯1.5E2", "¯150"},
    {"-3", "¯3"},
    {"×¯5 0 5", "¯1 0 1"},
    {"÷4", "0.25"},
    {"0÷0", "1"},
    {"1÷0", "DOMAIN ERROR"},
    {"÷0", "DOMAIN ERROR"},
    {"1E308×10", "DOMAIN ERROR"},
    {"⌈1.2 ¯1.2", "2 ¯1"},
    {"⌊1.2 ¯1.2", "1 ¯2"},
    {"3⌈1 5", "3 5"},
    {"3⌊1 5", "1 3"},
    {"1 2 3=3 2 1", "0 1 0"},
    {"1 2≠1", "0 1"},
    {"1<2 1 0", "1 0 0"},
    {"1>2 1 0", "0 0 1"},
    {"1≤2 1 0", "1 1 0"},
    {"1≥2 1 0", "0 1 1"},
    {"'abc'='abd'", "1 1 0"},
    {"'a'=1", "0"},
    {"'a'≠1 2", "1 1"},
    {"1+'a'", "DOMAIN ERROR"},
    {"1 2+1 2 3", "LENGTH ERROR"},
    {"(2 2⍴1)+1 2", "RANK ERROR"},
    {"=3", "SYNTAX ERROR"},
    {"-#", "DOMAIN ERROR"},
    /* shapes */
    {"⍳5", "1 2 3 4 5"},
    {"⍳0", ""},
    {"⍳¯1", "DOMAIN ERROR"},
    {"⍳1.5", "DOMAIN ERROR"},
    {"⍳1E16", "DOMAIN ERROR"},
    {"⍳'a'", "DOMAIN ERROR"},
    {"⍳1 2", "DOMAIN ERROR"},
    {"⍴5", ""},
    {"⍴1 2 3", "3"},
    {"⍴2 3⍴0", "2 3"},
    {"2 3⍴⍳6", "1 2 3\n4 5 6"},
    {"2 2⍴'abcd'", "ab\ncd"},
    {"5⍴1 2", "1 2 1 2 1"},
    {"2⍴⍳0", "0 0"},
    {"'a'⍴1", "DOMAIN ERROR"},
    {"(9⍴1)⍴1", "RANK ERROR"},
    {"(1 1⍴2)⍴1", "RANK ERROR"},
    {"¯1⍴1", "DOMAIN ERROR"},
    {"1.5⍴1", "DOMAIN ERROR"},
    {"0 3⍴1", ""},
    {"⍴0 3⍴1", "0 3"},
    {"#⍴1", "DOMAIN ERROR"},
    {"1⍴#", "DOMAIN ERROR"},
    {"1E9 1E9⍴1", "WS FULL"},
    {"1E12⍴1", "OUT OF FUEL"},
    {",2 2⍴⍳4", "1 2 3 4"},
    {"1,2", "1 2"},
    {"1 2,'ab'", "1 2 'a' 'b'"},
    {"(⍳0),'ab'", "ab"},
    {"1 2,⍳0", "1 2"},
    {"(2 2⍴1),1", "RANK ERROR"},
    {"1,2 2⍴1", "RANK ERROR"},
    {"3↑1 2", "1 2 0"},
    {"¯3↑1 2", "0 1 2"},
    {"3↑'ab'", "ab "},
    {"3↑'ab' 1", "'ab' 1 0"},
    {"2↓1 2 3", "3"},
    {"¯2↓1 2 3", "1"},
    {"9↓1 2 3", ""},
    {"1 2↑1 2", "LENGTH ERROR"},
    {"1↑2 2⍴1", "RANK ERROR"},
    {"1E16↑1", "DOMAIN ERROR"},
    {"¯1E16↓1", "DOMAIN ERROR"},
    {"1.5↑1", "DOMAIN ERROR"},
    {"0↑1 'ab'", ""},
    {"↑0↑1 'ab'", "0"},
    {"↑⍳0", "0"},
    {"↑4 5", "4"},
    {"↑'ab' 1", "ab"},
    {"↓1", "SYNTAX ERROR"},
    {"1 2 3⍳3 9", "3 4"},
    {"'abc'⍳'cx'", "3 4"},
    {"1⍳1", "RANK ERROR"},
    {"1 2⍳'a'", "3"},
    {"1 2⍳1 'ab'", "DOMAIN ERROR"},
    {"(1 'ab')⍳1", "DOMAIN ERROR"},
    {"1 0 2/5 6 7", "5 7 7"},
    {"2/'ab'", "aabb"},
    {"1 1 1/5", "5 5 5"},
    {"1 0/1 2 3", "LENGTH ERROR"},
    {"¯1/1", "DOMAIN ERROR"},
    {"(1 1⍴1)/1", "RANK ERROR"},
    {"1/2 2⍴1", "RANK ERROR"},
    {"1E15 1E15 1E15/1", "OUT OF FUEL"},
    /* reduction */
    {"+/⍳10", "55"},
    {"-/1 2 3", "2"},
    {"×/⍳5", "120"},
    {"⌈/3 1 4", "4"},
    {"+/⍳0", "0"},
    {"×/⍳0", "1"},
    {"÷/⍳0", "1"},
    {"=/⍳0", "1"},
    {"≤/⍳0", "1"},
    {"≥/⍳0", "1"},
    {"⌈/⍳0", "¯1.797693135E308"},
    {"⌊/⍳0", "1.797693135E308"},
    {"+/#", "DOMAIN ERROR"},
    {"+/2 3⍴⍳6", "6 15"},
    {"+/5", "5"},
    {"+/'abc'", "DOMAIN ERROR"},
    {",/1 2", "SYNTAX ERROR"},
    {"/1", "SYNTAX ERROR"},
    /* nested */
    {"1 'abc' (2 3)", "1 'abc' (2 3)"},
    {"⍴1 'abc' (2 3)", "3"},
    {"(1 2)(3 4)", "(1 2) (3 4)"},
    {"1 2 (3 4)", "1 2 (3 4)"},
    {"'it''s' 1", "'it''s' 1"},
    {"1+1 'abc'", "DOMAIN ERROR"},
    {"(2 2⍴⍳4) 1", "(2 2⍴1 2 3 4) 1"},
    {"'' 1", "'' 1"},
    /* names */
    {"A←3", "3"},
    {"A", "3"},
    {"A A+1", "4 4"},
    {"B←A←4", "4"},
    {"A+B", "8"},
    {"1 A 2", "1 4 2"},
    {"nothing", "VALUE ERROR"},
    {"nothing+1", "VALUE ERROR"},
    {"1+nothing", "VALUE ERROR"},
    {"A←", "SYNTAX ERROR"},
    {"←1", "SYNTAX ERROR"},
    {"#←1", "SYNTAX ERROR"},
    {"#.A", "4"},
    {"#.C←'x'", "x"},
    {"C", "x"},
    {"##.A", "VALUE ERROR"},
    {"A.B", "DOMAIN ERROR"},
    {"#", "[namespace]"},
    {"1 #", "1 [namespace]"},
    {"#+1", "DOMAIN ERROR"},
    /* texts that are none */
    {"(1", "SYNTAX ERROR"},
    {"1)", "SYNTAX ERROR"},
    {"'abc", "SYNTAX ERROR"},
    {"1¯2", "SYNTAX ERROR"},
    {"1.2.3", "SYNTAX ERROR"},
    {"12abc", "SYNTAX ERROR"},
    {"1E999", "SYNTAX ERROR"},
    {"1E", "SYNTAX ERROR"},
    {"¯.5 .5", "¯0.5 0.5"},
    {"¯", "SYNTAX ERROR"},
    {"¯x", "SYNTAX ERROR"},
    {"¯.", "SYNTAX ERROR"},
    {".", "SYNTAX ERROR"},
    {"1 .x", "SYNTAX ERROR"},
    {"1234567890123456789012345678901234567890123456789012345678901234567890", "SYNTAX ERROR"},
    {"1\t+\t2", "3"},
    {"{", "SYNTAX ERROR"},
    {"1 $ 2", "SYNTAX ERROR"},
    {"\xff", "SYNTAX ERROR"},
    {"'\xff'", "SYNTAX ERROR"},
    {"A.1", "SYNTAX ERROR"},
    {"1\n2", "SYNTAX ERROR"},
    {"()", "SYNTAX ERROR"},
    {"(→1)", "SYNTAX ERROR"},
    {"1→2", "SYNTAX ERROR"},
    {"+", "SYNTAX ERROR"},
    {"A abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnop", "SYNTAX ERROR"},
    {"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk←6", "6"},
    {"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk 1", "6 1"},
    {"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk1", "SYNTAX ERROR"},
    {"→#", "DOMAIN ERROR"},
    {"", ""},
    {"⍝ a comment", ""},
    {"1 ⍝ a comment", "1"},
};

static void
lines_come_to_what_the_table_says(void **state)
{
	pocket_fixture *f = *state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (strcmp(result_of(&f->pockets, rows[i].text), rows[i].expected) != 0) {
			fail_msg("%s: %s, not %s", rows[i].text, result_of(&f->pockets, rows[i].text),
			         rows[i].expected);
		}
	}
}

static void
temporary_values_are_freed(void **state)
{
	pocket_fixture *f = *state;
	(void)result_of(&f->pockets, "A←1");
	(void)result_of(&f->pockets, "+/(⍳1000)×2");
	imago_pockets_join_free(&f->pockets);
	const uint64_t used = f->pockets.regions[0].used;
	for (int i = 0; i < 100; i++) {
		assert_result(&f->pockets, "+/(⍳1000)×2", "1001000");
		assert_result(&f->pockets, "A←1 'abc' (1 2)", "1 'abc' (1 2)");
		assert_result(&f->pockets, "A←1", "1");
	}
	imago_pockets_join_free(&f->pockets);
	assert_int_equal(f->pockets.regions[0].used, used);
}

static void
text_is_cut_where_it_is_too_long(void **state)
{
	pocket_fixture *f = *state;
	const char *text = result_of(&f->pockets, "1000⍴'x'");
	assert_int_equal(strlen(text), 1000);
	imago_writer writer;
	imago_run_result result;
	imago_writer_init(&writer, &f->allocator, (imago_layout){8, IMAGO_LITTLE_ENDIAN}, NULL);
	imago_run(&f->pockets, root_of(&f->pockets), "⍳100", strlen("⍳100"), NULL, &result, NULL);
	assert_int_equal(result.end, IMAGO_RUN_DONE);
	imago_value_format(&f->pockets, result.value, 20, &writer);
	assert_true(writer.size < 30);
	imago_pocket_drop(&f->pockets, result.value);
	imago_writer_release(&writer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(lines_come_to_what_the_table_says, pocket_setup,
	                                    pocket_teardown),
	    cmocka_unit_test_setup_teardown(temporary_values_are_freed, pocket_setup, pocket_teardown),
	    cmocka_unit_test_setup_teardown(text_is_cut_where_it_is_too_long, pocket_setup,
	                                    pocket_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

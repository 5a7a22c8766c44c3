/* format_value_test.c: values and functions as text, also of pockets that lie, and what is equal.
 */
#include "pocket_fixture.h"

#include <string.h>

static const imago_layout layout = {8, IMAGO_LITTLE_ENDIAN};

/* The text of a value, no more than most bytes, about. Valid until the next call. */
static const char *
text_of(pocket_fixture *f, imago_addr value, uint64_t most)
{
	static char text[4096];
	imago_writer writer;
	imago_writer_init(&writer, &f->allocator, layout, &f->error);
	imago_value_format(&f->pockets, value, most, &writer);
	assert_ok(writer.status, &f->error);
	assert_true(writer.size < sizeof text);
	memcpy(text, writer.bytes, writer.size);
	text[writer.size] = '\0';
	imago_writer_release(&writer);
	return text;
}

/* The text of the function F. */
static const char *
function_text(pocket_fixture *f, imago_addr function)
{
	static char text[4096];
	imago_writer writer;
	imago_writer_init(&writer, &f->allocator, layout, &f->error);
	assert_ok(imago_function_format(&f->pockets, function, "F", 1, &writer), &f->error);
	assert_true(writer.size < sizeof text);
	memcpy(text, writer.bytes, writer.size);
	text[writer.size] = '\0';
	imago_writer_release(&writer);
	return text;
}

static bool
ends_with(const char *text, const char *end)
{
	const size_t length = strlen(text);
	return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

/* ---- Values */

static void
what_is_no_character_is_shown_as_one_that_says_so(void **state)
{
	pocket_fixture *f = *state;
	static const uint32_t codes[] = {'a', 0, '\n', 0x7F, 0xD800, 0xDFFF, 0xE000, 0x110000, 'z'};
	const uint64_t num = sizeof codes / sizeof codes[0];
	imago_addr made;
	imago_array array;
	assert_ok(imago_array_make(&f->pockets, IMAGO_ARRAY_CHAR, 1, &num, &made, &f->error),
	          &f->error);
	assert_true(imago_array_at(&f->pockets, made, &array));
	for (uint64_t i = 0; i < num; i++) {
		imago_array_set_char(&array, i, codes[i]);
	}
	assert_string_equal(text_of(f, made, 100), "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
	                                           "\xef\xbf\xbd\xee\x80\x80\xef\xbf\xbdz\n");
	imago_pocket_drop(&f->pockets, made);
}

static void
what_is_nested_too_deep_is_left_out(void **state)
{
	pocket_fixture *f = *state;
	(void)result_of(&f->pockets, "X←'ab'");
	for (int i = 0; i < 70; i++) {
		(void)result_of(&f->pockets, "X←1 X");
	}
	const char *text = text_of(f, value_named(&f->pockets, "X"), 1000);
	size_t num = 0;
	for (const char *c = text; *c != '\0'; c++) {
		num += *c == '(';
	}
	assert_int_equal(num, 64);
	assert_non_null(strstr(text, "(… …)"));
	assert_null(strstr(text, "ab"));
}

static void
text_ends_where_it_is_long_enough(void **state)
{
	pocket_fixture *f = *state;
	(void)result_of(&f->pockets, "X←1 (1000⍴'x')");
	const char *text = text_of(f, value_named(&f->pockets, "X"), 20);
	assert_true(strlen(text) < 30);
	assert_true(ends_with(text, "x'…\n"));
	(void)result_of(&f->pockets, "X←100 10⍴'x'");
	assert_string_equal(text_of(f, value_named(&f->pockets, "X"), 25),
	                    "xxxxxxxxxx\nxxxxxxxxxx\nxxx…\n");
	(void)result_of(&f->pockets, "X←2 2⍴'x'");
	assert_string_equal(text_of(f, value_named(&f->pockets, "X"), 100), "xx\nxx\n");
}

static void
what_is_no_value_is_shown_as_broken(void **state)
{
	pocket_fixture *f = *state;
	define(&f->pockets, "F\n");
	assert_string_equal(text_of(f, value_named(&f->pockets, "F"), 100), "[broken]\n");
	assert_string_equal(text_of(f, 0, 100), "[broken]\n");
	assert_string_equal(text_of(f, root_of(&f->pockets), 100), "[namespace]\n");
}

/* ---- Functions that lie */

/* The symbols of its table are R A B L, its constants the text and the comment. */
static const char honest[] = "R←A F B;L\nL←A+B 'text' ⍝ c\n";
enum { TABLE_SYMBOLS = 32, TABLE_CONSTANTS = 64, BODY_TOKENS = 36 };

static void
what_a_lying_function_does_not_have_is_a_question_mark(void **state)
{
	pocket_fixture *f = *state;
	define(&f->pockets, honest);
	(void)result_of(&f->pockets, "N←1 'ab'");
	const imago_addr function = value_named(&f->pockets, "F");
	imago_pocket pocket;
	assert_true(imago_pocket_at(&f->pockets, function, &pocket));
	const imago_addr lst = imago_pocket_pointer(&pocket, 0);
	const imago_addr body = imago_pocket_pointer(&pocket, 1);
	const imago_addr symbol = symbol_named(&f->pockets, "R");
	const struct {
		imago_addr address;
		unsigned bytes;
		uint64_t value;
		const char *text;
	} lies[] = {
	    {lst + TABLE_SYMBOLS, 8, 0, "?←A F B;L\nL←A+B 'text' ⍝ c\n"},
	    {lst + TABLE_SYMBOLS, 8, UINT64_MAX, "?←A F B;L\nL←A+B 'text' ⍝ c\n"},
	    {lst + TABLE_SYMBOLS, 8, body, "?←A F B;L\nL←A+B 'text' ⍝ c\n"},
	    {symbol + 14, 1, 200, "?←A F B;L\nL←A+B 'text' ⍝ c\n"},
	    {symbol + 48, 1, '1', "?←A F B;L\nL←A+B 'text' ⍝ c\n"},
	    {lst + 16, 4, 0, "?←? F ?\n?←?+? ? ?\n"},
	    {body + 16, 4, 99, honest},
	    {body + 16, 4, 0, "R←A F B\nL←A+B 'text' ⍝ c\n"},
	    {lst + TABLE_CONSTANTS, 8, 0, "R←A F B;L\nL←A+B ? ⍝ c\n"},
	    {lst + TABLE_CONSTANTS, 8, value_named(&f->pockets, "N"), "R←A F B;L\nL←A+B ? ⍝ c\n"},
	    {body + BODY_TOKENS + 12, 1, 255, "R←A F B;L\nL←A?B 'text' ⍝ c\n"},
	    {body + BODY_TOKENS + 13, 1, 255,
	     "R←A F B;L\nL←A\xef\xbf\xbd"
	     "B 'text' ⍝ c\n"},
	    {body + BODY_TOKENS + 1, 1, 255, "R←A F B;L\n?←A+B 'text' ⍝ c\n"},
	    {body + 20, 4, UINT32_MAX, "R←A F B;L\n"},
	    {body + 32, 4, UINT32_MAX, "R←A F B;L\n"},
	};
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		const uint64_t old = exchange(&f->pockets, lies[i].address, lies[i].bytes, lies[i].value);
		const char *text = function_text(f, function);
		if (strcmp(text, lies[i].text) != 0) {
			fail_msg("lie %d: %s, not %s", (int)i, text, lies[i].text);
		}
		(void)exchange(&f->pockets, lies[i].address, lies[i].bytes, old);
	}
	assert_string_equal(function_text(f, function), honest);
}

static void
what_is_no_function_has_no_text(void **state)
{
	pocket_fixture *f = *state;
	imago_pocket pocket;
	imago_writer writer;
	define(&f->pockets, honest);
	const imago_addr function = value_named(&f->pockets, "F");
	assert_true(imago_pocket_at(&f->pockets, function, &pocket));
	const imago_addr table = imago_pocket_pointer(&pocket, 0);
	const imago_addr body = imago_pocket_pointer(&pocket, 1);
	const struct {
		imago_addr address;
		unsigned bytes;
		uint64_t value;
	} lies[] = {{function + 12, 1, IMAGO_POCKET_BODY},
	            {function + 16, 8, body},
	            {function + 24, 8, table},
	            {table + 16, 4, UINT32_MAX}};
	imago_writer_init(&writer, &f->allocator, layout, &f->error);
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		const uint64_t old = exchange(&f->pockets, lies[i].address, lies[i].bytes, lies[i].value);
		assert_int_equal(imago_function_format(&f->pockets, function, "F", 1, &writer),
		                 IMAGO_ESTRUCTURE);
		assert_error(&f->error, IMAGO_ESTRUCTURE, "function", IMAGO_NO_OFFSET);
		if (lies[i].address != function + 12) { /* that one is itself, whatever it is */
			assert_false(imago_value_equal(&f->pockets, function, &f->pockets, function));
		}
		(void)exchange(&f->pockets, lies[i].address, lies[i].bytes, old);
	}
	assert_int_equal(writer.size, 0);
	assert_true(imago_value_equal(&f->pockets, function, &f->pockets, function));
	imago_writer_release(&writer);
}

/* ---- Failing allocations */

static imago_status
format_both(imago_allocator *allocator, imago_error *error, void *payload)
{
	const imago_pockets *pockets = payload;
	imago_writer writer;
	imago_writer_init(&writer, allocator, layout, error);
	imago_value_format(pockets, value_named(pockets, "X"), 10000, &writer);
	imago_status status = writer.status;
	if (status == IMAGO_OK) {
		status = imago_function_format(pockets, value_named(pockets, "F"), "F", 1, &writer);
	}
	imago_writer_release(&writer);
	return status;
}

static void
every_failing_allocation_is_reported(void **state)
{
	pocket_fixture *f = *state;
	(void)result_of(&f->pockets, "X←(⍳100) (20 20⍴'x') (100⍴'y')");
	define(&f->pockets, "R←F\nR←A+A+A+A+A+A+A+A+A+A+A+A+A+A+A+A+A+A+A+A+A+A+A+A+A+A+A+A+A+A+A+A+A+A"
	                    "\nR←'a text, which is not the shortest one that there is, but no long one'"
	                    "\n⍝ and a comment: text, which is not the shortest one that there is"
	                    "\nR←B C D E G H I J K L M N O P Q S T U V W X Y Z A B C D E G H I J K L"
	                    "\nR←B C D E G H I J K L M N O P Q S T U V W X Y Z A B C D E G H I J K L"
	                    "\nR←B C D E G H I J K L M N O P Q S T U V W X Y Z A B C D E G H I J K L");
	assert_every_allocation_failure_is_reported(format_both, &f->pockets);
}

/* ---- Equality */

static void
values_are_equal_when_they_look_the_same(void **state)
{
	pocket_fixture *f = *state;
	static const struct {
		const char *a, *b;
		bool equal;
	} pairs[] = {
	    {"A←1 2", "B←1 2", true},
	    {"A←1 2", "B←1 3", false},
	    {"A←1 2", "B←1 2 3", false},
	    {"A←97", "B←'a'", false},
	    {"A←5", "B←,5", false},
	    {"A←1 2", "B←1 2⍴1 2", false},
	    {"A←1 'ab' (2 3)", "B←1 'ab' (2 3)", true},
	    {"A←1 'ab' (2 3)", "B←1 'ab' (2 4)", false},
	    {"A←1 'ab'", "B←1 #", false},
	    {"A←1 #", "B←1 #", true},
	    {"A←#", "B←1", false},
	    {"A←1", "B←#", false},
	    {"A←#", "B←#", true},
	};
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		(void)result_of(&f->pockets, pairs[i].a);
		(void)result_of(&f->pockets, pairs[i].b);
		if (imago_value_equal(&f->pockets, value_named(&f->pockets, "A"), &f->pockets,
		                      value_named(&f->pockets, "B")) != pairs[i].equal) {
			fail_msg("%s %s", pairs[i].a, pairs[i].b);
		}
	}
	assert_false(imago_value_equal(&f->pockets, root_of(&f->pockets), &f->pockets, 0));
	(void)result_of(&f->pockets, "A←B←1");
}

static void
values_nested_too_deep_are_not_equal(void **state)
{
	pocket_fixture *f = *state;
	(void)result_of(&f->pockets, "X←'ab'");
	for (int i = 0; i < 64; i++) {
		(void)result_of(&f->pockets, "X←1 X");
	}
	imago_addr x = value_named(&f->pockets, "X");
	assert_true(imago_value_equal(&f->pockets, x, &f->pockets, x));
	(void)result_of(&f->pockets, "X←1 X");
	x = value_named(&f->pockets, "X");
	assert_false(imago_value_equal(&f->pockets, x, &f->pockets, x));
}

/* A second workspace with a function F, compared with the fixture's one. */
static bool
functions_are_equal(pocket_fixture *f, const char *one, const char *other)
{
	imago_pockets second;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_ok(imago_pockets_init(&second, &allocator, &f->error), &f->error);
	define(&f->pockets, one);
	define(&second, other);
	const imago_addr a = value_named(&f->pockets, "F");
	const imago_addr b = value_named(&second, "F");
	const bool equal = imago_value_equal(&f->pockets, a, &second, b);
	assert_int_equal(imago_value_equal(&second, b, &f->pockets, a), equal);
	assert_false(imago_value_equal(&f->pockets, root_of(&f->pockets), &second, root_of(&second)));
	imago_pockets_release(&second);
	return equal;
}

static void
functions_are_equal_when_their_texts_would_be(void **state)
{
	pocket_fixture *f = *state;
	assert_true(functions_are_equal(f, honest, honest));
	assert_false(functions_are_equal(f, "R←F\nR←A", "F R\nR←A"));            /* header */
	assert_false(functions_are_equal(f, "R←F\nR←A A", "R←F\nR←A B"));        /* symbols */
	assert_false(functions_are_equal(f, "R←F\nR←1 A", "R←F\nR←'a' 'b' A"));  /* constants */
	assert_false(functions_are_equal(f, "R←F\nR←R", "R←F\nR←R+R+R+R+R+R"));  /* length */
	assert_false(functions_are_equal(f, "R←F\nR←-R", "R←F\nR←+R"));          /* a token */
	assert_false(functions_are_equal(f, "R←F\nR←A", "R←F\nR←B"));            /* a name */
	assert_false(functions_are_equal(f, "R←F\nR←1", "R←F\nR←2"));            /* a number */
	assert_false(functions_are_equal(f, "R←F\nR←1 'ab'", "R←F\nR←1 'abc'")); /* a text */
	assert_true(functions_are_equal(f, "R←F\nR←1 'ab'", "R←F\nR←1 'ab'"));
}

/* A function that names nothing is not even equal to itself. */
static void
functions_whose_names_lie_are_equal_to_none(void **state)
{
	pocket_fixture *f = *state;
	imago_pocket pocket;
	define(&f->pockets, "R←F\nR←1");
	define(&f->pockets, "R←G\nR←1");
	const imago_addr one = value_named(&f->pockets, "F");
	const imago_addr other = value_named(&f->pockets, "G");
	assert_true(imago_pocket_at(&f->pockets, other, &pocket));
	const imago_addr table = imago_pocket_pointer(&pocket, 0);
	assert_true(imago_value_equal(&f->pockets, one, &f->pockets, other));
	const uint64_t lies[] = {0, value_named(&f->pockets, "F"), UINT64_MAX};
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		const uint64_t old = exchange(&f->pockets, table + TABLE_SYMBOLS, 8, lies[i]);
		assert_false(imago_value_equal(&f->pockets, one, &f->pockets, other));
		assert_false(imago_value_equal(&f->pockets, other, &f->pockets, one));
		(void)exchange(&f->pockets, table + TABLE_SYMBOLS, 8, old);
	}
	const uint64_t old = exchange(&f->pockets, other + 16, 8, 0);
	assert_false(imago_value_equal(&f->pockets, one, &f->pockets, other));
	assert_false(imago_value_equal(&f->pockets, other, &f->pockets, one));
	(void)exchange(&f->pockets, other + 16, 8, old);
}

/* What compares it must not call itself for ever. */
static void
a_function_that_is_its_own_constant_is_equal_to_none(void **state)
{
	pocket_fixture *f = *state;
	imago_pocket pocket;
	define(&f->pockets, "R←F\nR←1");
	const imago_addr function = value_named(&f->pockets, "F");
	assert_true(imago_pocket_at(&f->pockets, function, &pocket));
	const imago_addr constant = imago_pocket_pointer(&pocket, 0) + TABLE_SYMBOLS + 8;
	const uint64_t old = exchange(&f->pockets, constant, 8, function);
	assert_false(imago_value_equal(&f->pockets, function, &f->pockets, function));
	(void)exchange(&f->pockets, constant, 8, old);
	assert_true(imago_value_equal(&f->pockets, function, &f->pockets, function));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pocket_setup, pocket_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_is_no_character_is_shown_as_one_that_says_so),
	    TEST(what_is_nested_too_deep_is_left_out),
	    TEST(text_ends_where_it_is_long_enough),
	    TEST(what_is_no_value_is_shown_as_broken),
	    TEST(what_a_lying_function_does_not_have_is_a_question_mark),
	    TEST(what_is_no_function_has_no_text),
	    TEST(every_failing_allocation_is_reported),
	    TEST(values_are_equal_when_they_look_the_same),
	    TEST(values_nested_too_deep_are_not_equal),
	    TEST(functions_are_equal_when_their_texts_would_be),
	    TEST(functions_whose_names_lie_are_equal_to_none),
	    TEST(a_function_that_is_its_own_constant_is_equal_to_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

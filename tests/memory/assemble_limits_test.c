/* assemble_limits_test.c: where the assembler's texts end to be possible: too much of everything;
 * and operands that need the long forms of their bytecodes, in each set. */
#include "assembler_texts.h"

static char text[MAX_TEXT];

static const struct {
	const char *text, *complaint;
	uint64_t line;
} refusals[] = {
    {"where\n", "no such kind of image", 1},
    {"where all spur\n", "no such kind of image", 1},
    {"class A\n", "a class without superclass, or with too much", 1},
    {"class A Object a b c d e f g h i j k l m n o p q\n",
     "a class without superclass, or with too much", 1},
    {"class A Object a b c d e f g h i\nclass B A j k l m n o p q\n",
     "a class without superclass, or with too much", 2},
    {"class Abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnop Object\n",
     "a class without superclass, or with too much", 1},
    {"slots Object\n", "slots of no class, or too many", 1},
    {"slots Object a b c d e f g h i j k l m n o p q\n", "slots of no class, or too many", 1},
    {"program a\n", "a program without a class", 1},
    {"method Object\n", "a method of no class", 1},
    {"method Object x: a y:\n", "a pattern with too few names, or too many", 1},
    {"method Object x | t | u\n", "a pattern with too few names, or too many", 1},
    {"method Object + | t\n", "a pattern with too few names, or too many", 1},
    {"method Object x\n\treturn true false\n", "no such instruction", 2},
    {"method Object x\n\tpush\n", "no such instruction", 2},
    {"method Object x\n\tpush a b\n", "no such instruction", 2},
    {"method Object x\n\tstore it\n", "no variable to store into", 2},
    {"method Object x\n\tprimitive\n", "no such primitive", 2},
    {"method Object x\n\tprimitive 0\n", "no such primitive", 2},
    {"method Object x\n\tprimitive -1\n", "no such primitive", 2},
    {"method Object x\n\tprimitive 1024\n", "no such primitive", 2},
    {"method Object x\n\tprimitive word\n", "no such primitive", 2},
    {"method Object x\n\tprimitive A b\n\tprimitive 5\n", "a primitive comes first", 3},
    {"method Object x\n\tblock\n\tprimitive 5\n", "a primitive comes first", 3},
    {"method Object x\n\tarray\n", "no such instruction", 2},
    {"method Object x\n\tarray -1\n", "an array of 0 to 127", 2},
    {"method Object x\n\tarrayOf many\n", "an array of 0 to 127", 2},
    {"method Object x\n\tbytes -1\n", "a byte is 0 to 255", 2},
    {"method Object x\n\tbytes five\n", "a byte is 0 to 255", 2},
    {"method Object x\n\tpush 1.\n", "a name that nothing has", 2},
    {"method Object x\n\tpush .5\n", "a name that nothing has", 2},
    {"method Object x\n\tpush 1.2.3\n", "a name that nothing has", 2},
    {"method Object x\n\tpush 1.5e3\n", "a name that nothing has", 2},
    {"method Object x\n\tpush 12345678.9012345\n", "a name that nothing has", 2},
    {"method Object x\n\tpush 1234567890123456789\n", "a name that nothing has", 2},
    {"method Object x\n\tpush 12a\n", "a name that nothing has", 2},
    {"method Object x\n\tpush -\n", "a name that nothing has", 2},
    {"method Object x\n\tpush #\n", "a name that nothing has", 2},
    {"method Object x\n\tpush $ab\n", "a name that nothing has", 2},
    {"method Object x\n\tpush 'open\n", "a name that nothing has", 2},
    {"method Object x\n\tpush '\n", "a name that nothing has", 2},
    {"method Object x\n\tpush 'open to the end", "a name that nothing has", 2},
    {"method Object x\n\tblock a b c d e f g h i j k l m n o p\n", "too many arguments of a block",
     2},
    {"method Object x\n\tblock\n\tblock\n\tblock\n\tblock\n\tblock\n",
     "too many blocks inside one another", 6},
    {"method Object x\n\tjump there\n\tpush 5\n", "a jump to nowhere, or too far", 2},
    {"method Object x\n\tblock a copy a\n", "a block copies what there is not", 2},
};

static void
what_a_text_cannot_mean_is_refused_with_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		expect_refusal("spur64", refusals[i].text, refusals[i].complaint, refusals[i].line);
	}
}

static const struct {
	repetition text;
	const char *complaint;
	uint64_t line;
} excesses[] = {
    {{"method Object x\n", "label", 33, ":\n", 0, ""}, "too many labels", 34},
    {{"method Object x\n", "\tjump label", 33, "\n", 0, ""}, "too many labels", 34},
    {{"method Object x\n", "\tjump label\n", 33, NULL, 0, ""}, "too many jumps", 34},
    {{"method Object x\n", "\tdrop\n", 2100, NULL, 0, ""},
     "a method is too long, or an operand too big",
     2050},
    {{"method Object x\nback:\n", "\tdrop\n", 1100, NULL, 0, "\tjump back\n"},
     "a jump is too far",
     1103},
    {{"method Object x\n\tblock\n", "\tdrop\n", 1100, NULL, 0, "\tend\n"},
     "a block is too long",
     1103},
    {{"method Object x |", " t", 40, "", 0, "\n"}, "a line has too many words", 1},
};

static void
too_much_of_anything_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof excesses / sizeof excesses[0]; i++) {
		write_text(text, &excesses[i].text);
		expect_refusal("spur64", text, excesses[i].complaint, excesses[i].line);
	}
}

/* How many names there can be is not for a test to say: a line between two. */
static void
expect_refusal_between(const repetition *what, const char *complaint, uint64_t low, uint64_t high)
{
	imago_error error;
	write_text(text, what);
	assert_int_equal(assemble("spur32", text, &error), IMAGO_EUSAGE);
	assert_string_equal(error.what, complaint);
	assert_true(error.found > low && error.found < high);
}

static void
too_many_names_are_refused(void **state)
{
	(void)state;
	expect_refusal_between(&(repetition){"", "class A", 100, " Object\n", 0, ""},
	                       "a class without superclass, or with too much", 40, 100);
	expect_refusal_between(&(repetition){"", "method Object m", 600, "\n", 0, ""},
	                       "too many symbols", 400, 520);
	write_text(text,
	           &(repetition){"method Object x |", " t", 25, "", 0, "\n\tblock a b c d e f g h\n"});
	expect_refusal("v3-6502", text, "too many names, or one twice", 2);
}

static const struct {
	const char *before, *behind, *complaint;
	uint64_t line;
} long_words[] = {
    {"method Object x\n\tpush '", "'\n", "a string is too long", 2},
    {"method Object x\n\tpush #", "\n", "a symbol is too long", 2},
    {"method Object x\n\tsend ", "\n", "a symbol is too long", 2},
    {"method Object ", "\n", "a pattern with too few names, or too many", 1},
};

static void
words_that_are_too_long_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof long_words / sizeof long_words[0]; i++) {
		write_text(text,
		           &(repetition){long_words[i].before, "a", 199, NULL, 0, long_words[i].behind});
		expect_refusal("spur64", text, long_words[i].complaint, long_words[i].line);
	}
}

/* The bytes of what was assembled for a text, from an offset to the end. */
static void
expect_bytes(const char *layout_name, const char *assembled, uint64_t offset, const uint8_t *bytes,
             size_t size)
{
	assembled_code code;
	assemble_code(&code, layout_name, assembled);
	assert_int_equal(code.size, offset + size);
	assert_memory_equal(code.bytes + offset, bytes, size);
	release_code(&code);
}

static void
far_temporaries_and_slots_have_the_long_forms(void **state)
{
	(void)state;
	static const uint8_t v3[] = {31, 128, 80, 129, 64, 129, 73, 130, 73, 9, 129, 9, 130, 9};
	static const uint8_t sista[] = {229, 15, 229, 16, 245, 0, 245, 9, 242, 9, 9, 243, 9, 240, 9};
	static const char wide[] =
	    "class Wide Object a b c d e f g h i j\n"
	    "method Wide x | t0 t1 t2 t3 t4 t5 t6 t7 t8 t9 t10 t11 t12 t13 t14 t15 t16\n"
	    "\tpush t15 . push t16 . store t0 . store t9 . pop t9\n"
	    "\tpush j . store j . pop j\nentry\n";
	expect_bytes("spur64", wide, 0, v3, sizeof v3);
	expect_bytes("v3", wide, 0, v3, sizeof v3);
	expect_bytes("spur64-68533", wide, 0, sista, sizeof sista);
}

static void
far_literals_and_many_arguments_have_the_long_forms(void **state)
{
	(void)state;
	/* Literals 0 to 31 are numbers, 32 a class, 33 a number, 34 and 35 selectors. */
	static const uint8_t v3[] = {128, 224, 128, 161, 132, 0, 34, 132, 32, 34, 132, 9, 35};
	static const uint8_t sista[] = {227, 32,  228,    33,  224, 1,   234, 2 << 3, 224,
	                                1,   235, 2 << 3, 224, 1,   225, 1,   234,    3 << 3 | 1};
	write_text(
	    text,
	    &(repetition){
	        "method Object x\n", "\tpush ", 32, "\n", 1000,
	        "\tpush Array . push 5000\n\tsend far . super far . send a:b:c:d:e:f:g:h:i:\nentry\n"});
	expect_bytes("spur64", text, 32, v3, sizeof v3);
	expect_bytes("v3-6502", text, 32, v3, sizeof v3);
	expect_bytes("spur64-68533", text, 32, sista, sizeof sista);
}

static void
literals_in_the_middle_have_the_middle_forms(void **state)
{
	(void)state;
	/* Literals 0 to 15 are numbers, 16 a class, 17 to 19 selectors; 15 is the last that is near. */
	static const uint8_t v3[] = {80, 131, 17, 131, 3 << 5 | 18, 132, 8, 19, 176};
	static const uint8_t sista[] = {227, 16, 234, 17 << 3, 234, 18 << 3 | 3,
	                                225, 1,  234, 19 << 3, 96};
	write_text(
	    text,
	    &(repetition){
	        "method Object x\n", "\tpush ", 16, "\n", 1000,
	        "\tpush Array\n\tsend far . send a:b:c: . send a:b:c:d:e:f:g:h: . send +\nentry\n"});
	expect_bytes("spur64", text, 16, v3, sizeof v3);
	expect_bytes("spur64-68533", text, 16, sista, sizeof sista);
}

static void
characters_strings_and_arrays_are_literals(void **state)
{
	(void)state;
	static const uint8_t v3[] = {32, 33, 34, 138, 3, 138, 128 + 2, 136, 135};
	static const uint8_t sista[] = {32, 33, 34, 231, 3, 231, 128 + 2, 83, 216};
	static const char literals[] =
	    "method Object x\n"
	    "\tpush $a . push '' . push 'two words' . array 3 . arrayOf 2 . dup . drop\nentry\n";
	expect_bytes("spur64", literals, 0, v3, sizeof v3);
	expect_bytes("spur32-7033", literals, 0, sista, sizeof sista);
}

/* A line that was refused is the one that is told, whatever follows; a comment ends a line. */
static void
the_first_complaint_is_told(void **state)
{
	(void)state;
	expect_refusal(
	    "spur64",
	    "; nothing\nmethod Object x ; with | a bar\n\tfly ; high\n\tfly again\nwhere else\n",
	    "no such instruction", 3);
	expect_refusal("spur64", "where v3\nfly\nwhere all\nmethod Object x\n\tpush self . swim",
	               "no such instruction", 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_a_text_cannot_mean_is_refused_with_its_line),
	    cmocka_unit_test(too_much_of_anything_is_refused),
	    cmocka_unit_test(too_many_names_are_refused),
	    cmocka_unit_test(words_that_are_too_long_are_refused),
	    cmocka_unit_test(far_temporaries_and_slots_have_the_long_forms),
	    cmocka_unit_test(far_literals_and_many_arguments_have_the_long_forms),
	    cmocka_unit_test(literals_in_the_middle_have_the_middle_forms),
	    cmocka_unit_test(characters_strings_and_arrays_are_literals),
	    cmocka_unit_test(the_first_complaint_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

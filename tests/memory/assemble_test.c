/* assemble_test.c: the assembler's text: what it makes, byte by byte, in each set of bytecodes;
 * what it refuses, with the line. */
#include "assembler_texts.h"

static const struct {
	const char *text, *complaint;
	uint64_t line;
} refusals[] = {
    {"\n\nsend x\n", "an instruction outside a method", 3},
    {"class A Nobody\n", "a class without superclass, or with too much", 1},
    {"where else\n", "no such kind of image", 1},
    {"slots Nobody a\n", "slots of no class, or too many", 1},
    {"program a Nobody\n", "a program without a class", 1},
    {"method Nobody x\n", "a method of no class", 1},
    {"method Object x: \n", "a pattern with too few names, or too many", 1},
    {"method Object x\n\tfly\n", "no such instruction", 2},
    {"method Object x\n\tfly high\n", "no such instruction", 2},
    {"method Object x ; a comment\n\n\tpush self . push it\n", "a name that nothing has", 3},
    {"method Object x\n\tpop it\n", "no variable to store into", 2},
    {"method Object x\n\treturn 5\n", "only a constant is returned at once", 2},
    {"method Object x\n\tpush self\n\tprimitive 5\n", "a primitive comes first", 3},
    {"method Object x\n\tprimitive 5000\n", "no such primitive", 2},
    {"method Object x\n\tjump nowhere\n", "a jump to nowhere, or too far", 2},
    {"method Object x\nhere:\nhere:\n", "a label twice", 3},
    {"method Object x\nhere:\n\tjumpTrue here\n", "only an unconditional jump goes back", 3},
    {"method Object x\n\tend\n", "no block to end", 2},
    {"method Object x\n\tblock\n", "a block does not end", 2},
    {"method Object x\n\tblock copy it\n", "a block copies what there is not", 2},
    {"method Object x\n\tarray 128\n", "an array of 0 to 127", 2},
    {"method Object x\n\tbytes 5 256\n", "a byte is 0 to 255", 2},
    {"method Object x | a a\n\tblock b b\n", "too many names, or one twice", 2},
};

static void
what_a_text_cannot_mean_is_refused_with_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		expect_refusal("spur32", refusals[i].text, refusals[i].complaint, refusals[i].line);
	}
}

static void
what_does_not_fit_is_refused(void **state)
{
	(void)state;
	static char text[MAX_TEXT];
	imago_error error;
	write_text(text, &(repetition){"method Object x\n", "\tpush ", 70, "\n", 1000, ""});
	assert_int_equal(assemble("spur32", text, &error), IMAGO_EUSAGE);
	assert_string_equal(error.what, "too many literals");
	write_text(text,
	           &(repetition){"method Object x\n\tjump far\n", "\tdrop\n", 1100, NULL, 0, "far:\n"});
	expect_refusal("spur32", text, "a jump to nowhere, or too far", 2);
}

/* One method in each set: the bytes are those of formats/bytecodes.md. */
static const char sample[] = "where sista\nclass CompiledBlock CompiledMethod %code\nwhere all\n"
                             "class Pair Object left right\n"
                             "method Pair x: a | t\n"
                             "\tpush right . push a . send + . pop t . push t . send foo:bar:baz:\n"
                             "here:\n"
                             "\tpush 7 . jumpFalse out . jump here\n"
                             "out:\n"
                             "\tblock x copy a . push x . end\n"
                             "\tstore left . return\n"
                             "entry\n";

static const uint8_t closures[] = {1,   16, 176, 105, 17, 131, 96, 33,  172, 2, 163,
                                   251, 16, 143, 17,  0,  2,   16, 125, 129, 0, 124};
static const uint8_t old[] = {1,   16,  176, 105, 17, 131, 96, 33,  172, 2, 163, 251,
                              137, 118, 200, 164, 3,  106, 18, 125, 129, 0, 124};
static const uint8_t sista[] = {1,   64,  96,  209, 65, 234, 3, 232, 7,   239, 4,
                                225, 255, 237, 248, 64, 249, 1, 1,   243, 0,   92};

static void
expect_code(const char *layout_name, const uint8_t *bytes, size_t size)
{
	assembled_code code;
	assemble_code(&code, layout_name, sample);
	assert_int_equal(code.assembled.entry_offset, size);
	assert_int_equal(code.method.num_args, 1);
	assert_int_equal(code.method.num_temps, code.assembled.entry_temps);
	assert_int_equal(code.size, size);
	assert_memory_equal(code.bytes, bytes, size);
	release_code(&code);
}

static void
each_set_has_its_bytecodes(void **state)
{
	(void)state;
	expect_code("spur32", closures, sizeof closures);
	expect_code("v3be", closures, sizeof closures);
	expect_code("v3-6502", old, sizeof old);
	expect_code("spur64-68533", sista, sizeof sista);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_a_text_cannot_mean_is_refused_with_its_line),
	    cmocka_unit_test(what_does_not_fit_is_refused),
	    cmocka_unit_test(each_set_has_its_bytecodes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

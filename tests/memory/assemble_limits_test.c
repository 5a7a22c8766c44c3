/* assemble_limits_test.c: where the assembler's texts end to be possible: too much of everything;
 * and operands that need the long forms of their bytecodes, in each set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "imago/kernel.h"
#include "imago/method.h"
#include "small_image.h"

enum { MAX_TEXT = 65536 };

static char text[MAX_TEXT];

static void add(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void
add(const char *format, ...)
{
	size_t used = strlen(text);
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(text + used, sizeof text - used, format, arguments);
	va_end(arguments);
	assert_true(length >= 0 && (size_t)length < sizeof text - used);
}

static imago_status
assemble(const test_layout *layout, imago_error *error)
{
	imago_allocator allocator;
	imago_assembled assembled;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(layout, &allocator);
	assert_non_null(builder);
	imago_status status = imago_assemble(builder, text, IMAGO_BYTECODES_BY_FORMAT, NULL, &assembled,
	                                     &allocator, error);
	imago_builder_destroy(builder);
	assert_int_equal(allocator.used, 0);
	return status;
}

static void
refused_in(const char *layout_name, const char *complaint, uint64_t line)
{
	imago_error error;
	const test_layout *layout = test_layout_find(layout_name);
	assert_non_null(layout);
	error = (imago_error){.what = "nothing"};
	if (assemble(layout, &error) != IMAGO_EUSAGE || strcmp(error.what, complaint) != 0 ||
	    error.found != line) {
		fail_msg("%s: %s (line %u), expected %s (line %u)", layout_name, error.what,
		         (unsigned)error.found, complaint, (unsigned)line);
	}
}

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
		strcpy(text, refusals[i].text);
		refused_in("spur64", refusals[i].complaint, refusals[i].line);
	}
}

static void
too_much_of_anything_is_refused(void **state)
{
	(void)state;
	strcpy(text, "method Object x\n");
	for (int i = 0; i < 33; i++) {
		add("label%d:\n", i);
	}
	refused_in("spur64", "too many labels", 34);
	strcpy(text, "method Object x\n");
	for (int i = 0; i < 33; i++) {
		add("\tjump label%d\n", i);
	}
	refused_in("spur64", "too many labels", 34);
	strcpy(text, "method Object x\n");
	for (int i = 0; i < 33; i++) {
		add("\tjump label\n");
	}
	refused_in("spur64", "too many jumps", 34);
	strcpy(text, "method Object x\n");
	for (int i = 0; i < 2100; i++) {
		add("\tdrop\n");
	}
	refused_in("spur64", "a method is too long, or an operand too big", 2050);
	strcpy(text, "method Object x\nback:\n");
	for (int i = 0; i < 1100; i++) {
		add("\tdrop\n");
	}
	add("\tjump back\n");
	refused_in("spur64", "a jump is too far", 1103);
	strcpy(text, "method Object x\n\tblock\n");
	for (int i = 0; i < 1100; i++) {
		add("\tdrop\n");
	}
	add("\tend\n");
	refused_in("spur64", "a block is too long", 1103);
	strcpy(text, "method Object x |");
	for (int i = 0; i < 40; i++) {
		add(" t%d", i);
	}
	add("\n");
	refused_in("spur64", "a line has too many words", 1);
}

static void
too_many_names_are_refused(void **state)
{
	(void)state;
	strcpy(text, "");
	for (int i = 0; i < 100; i++) {
		add("class A%d Object\n", i);
	}
	imago_error error;
	assert_int_equal(assemble(&test_layouts[0], &error), IMAGO_EUSAGE);
	assert_string_equal(error.what, "a class without superclass, or with too much");
	assert_true(error.found > 40 && error.found < 100);
	strcpy(text, "");
	for (int i = 0; i < 600; i++) {
		add("method Object m%d\n", i);
	}
	assert_int_equal(assemble(&test_layouts[0], &error), IMAGO_EUSAGE);
	assert_string_equal(error.what, "too many symbols");
	assert_true(error.found > 400 && error.found < 520);
	strcpy(text, "method Object x |");
	for (int i = 0; i < 25; i++) {
		add(" t%d", i);
	}
	add("\n\tblock a b c d e f g h\n");
	refused_in("v3-6502", "too many names, or one twice", 2);
}

static void
words_that_are_too_long_are_refused(void **state)
{
	(void)state;
	char word[200];
	memset(word, 'a', sizeof word - 1);
	word[sizeof word - 1] = '\0';
	strcpy(text, "method Object x\n");
	add("\tpush '%s'\n", word);
	refused_in("spur64", "a string is too long", 2);
	strcpy(text, "method Object x\n");
	add("\tpush #%s\n", word);
	refused_in("spur64", "a symbol is too long", 2);
	strcpy(text, "method Object x\n");
	add("\tsend %s\n", word);
	refused_in("spur64", "a symbol is too long", 2);
	strcpy(text, "");
	add("method Object %s\n", word);
	refused_in("spur64", "a pattern with too few names, or too many", 1);
}

/* The bytes of what was assembled for the text, from an offset. */
static void
expect_bytes(const char *layout_name, uint64_t offset, const uint8_t *bytes, size_t size)
{
	const test_layout *layout = test_layout_find(layout_name);
	imago_allocator allocator;
	imago_assembled assembled;
	imago_error error;
	imago_object object;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(layout, &allocator);
	if (imago_assemble(builder, text, IMAGO_BYTECODES_BY_FORMAT, NULL, &assembled, &allocator,
	                   &error) != IMAGO_OK) {
		fail_msg("%s: %s (line %u)", layout_name, error.what, (unsigned)error.found);
	}
	imago_heap *heap = test_finish(builder);
	assert_int_equal(imago_heap_decode_object(heap, assembled.entry_method, &object, &error),
	                 IMAGO_OK);
	const imago_method method = imago_method_decode(heap, &object);
	assert_int_equal(method.end - method.first_bytecode, offset + size);
	const uint8_t *found =
	    imago_heap_bytes(heap, object.body + method.first_bytecode + offset, size);
	assert_non_null(found);
	assert_memory_equal(found, bytes, size);
	imago_heap_destroy(heap);
	assert_int_equal(allocator.used, 0);
}

static void
far_temporaries_and_slots_have_the_long_forms(void **state)
{
	(void)state;
	static const uint8_t v3[] = {31, 128, 80, 129, 64, 129, 73, 130, 73, 9, 129, 9, 130, 9};
	static const uint8_t sista[] = {229, 15, 229, 16, 245, 0, 245, 9, 242, 9, 9, 243, 9, 240, 9};
	strcpy(text, "class Wide Object a b c d e f g h i j\n"
	             "method Wide x | t0 t1 t2 t3 t4 t5 t6 t7 t8 t9 t10 t11 t12 t13 t14 t15 t16\n"
	             "\tpush t15 . push t16 . store t0 . store t9 . pop t9\n"
	             "\tpush j . store j . pop j\nentry\n");
	expect_bytes("spur64", 0, v3, sizeof v3);
	expect_bytes("v3", 0, v3, sizeof v3);
	expect_bytes("spur64-68533", 0, sista, sizeof sista);
}

static void
far_literals_and_many_arguments_have_the_long_forms(void **state)
{
	(void)state;
	/* Literals 0 to 31 are numbers, 32 a class, 33 a number, 34 and 35 selectors. */
	static const uint8_t v3[] = {128, 224, 128, 161, 132, 0, 34, 132, 32, 34, 132, 9, 35};
	static const uint8_t sista[] = {227, 32,  228,    33,  224, 1,   234, 2 << 3, 224,
	                                1,   235, 2 << 3, 224, 1,   225, 1,   234,    3 << 3 | 1};
	strcpy(text, "method Object x\n");
	for (int i = 0; i < 32; i++) {
		add("\tpush %d\n", 1000 + i);
	}
	add("\tpush Array . push 5000\n\tsend far . super far . send a:b:c:d:e:f:g:h:i:\nentry\n");
	expect_bytes("spur64", 32, v3, sizeof v3);
	expect_bytes("v3-6502", 32, v3, sizeof v3);
	expect_bytes("spur64-68533", 32, sista, sizeof sista);
}

static void
literals_in_the_middle_have_the_middle_forms(void **state)
{
	(void)state;
	/* Literals 0 to 15 are numbers, 16 a class, 17 to 19 selectors; 15 is the last that is near. */
	static const uint8_t v3[] = {80, 131, 17, 131, 3 << 5 | 18, 132, 8, 19, 176};
	static const uint8_t sista[] = {227, 16, 234, 17 << 3, 234, 18 << 3 | 3,
	                                225, 1,  234, 19 << 3, 96};
	strcpy(text, "method Object x\n");
	for (int i = 0; i < 16; i++) {
		add("\tpush %d\n", 1000 + i);
	}
	add("\tpush Array\n\tsend far . send a:b:c: . send a:b:c:d:e:f:g:h: . send +\nentry\n");
	expect_bytes("spur64", 16, v3, sizeof v3);
	expect_bytes("spur64-68533", 16, sista, sizeof sista);
}

static void
characters_strings_and_arrays_are_literals(void **state)
{
	(void)state;
	static const uint8_t v3[] = {32, 33, 34, 138, 3, 138, 128 + 2, 136, 135};
	static const uint8_t sista[] = {32, 33, 34, 231, 3, 231, 128 + 2, 83, 216};
	strcpy(text,
	       "method Object x\n"
	       "\tpush $a . push '' . push 'two words' . array 3 . arrayOf 2 . dup . drop\nentry\n");
	expect_bytes("spur64", 0, v3, sizeof v3);
	expect_bytes("spur32-7033", 0, sista, sizeof sista);
}

/* A line that was refused is the one that is told, whatever follows; a comment ends a line. */
static void
the_first_complaint_is_told(void **state)
{
	(void)state;
	strcpy(text,
	       "; nothing\nmethod Object x ; with | a bar\n\tfly ; high\n\tfly again\nwhere else\n");
	refused_in("spur64", "no such instruction", 3);
	strcpy(text, "where v3\nfly\nwhere all\nmethod Object x\n\tpush self . swim");
	refused_in("spur64", "no such instruction", 5);
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

/* packfile_number_test.c: numbers of all forms: what they are, how they are printed, into which
 * other forms they go, and that they come back. */
#include "assertions.h"
#include "packfile_files.h"

#include <string.h>

#include "imago/byte_order.h"
#include "imago/packfile_check.h"

static imago_allocator allocator;

/* A file of one number; bits: of a double, the significand of x87, the upper half of others. */
static void
write_number(imago_writer *file, imago_layout layout, uint8_t float_type, const uint8_t *bytes)
{
	draft d;
	draft_init(&d, layout, float_type);
	d.num_numbers = 1;
	memcpy(d.numbers[0], bytes, 16);
	imago_writer_init(file, &allocator, layout, NULL);
	draft_write(&d, file);
	assert_int_equal(file->status, IMAGO_OK);
}

/* The bytes of a form in a byte order. head: sign and exponent of x87; high and low: the rest. */
static void
make_bytes(uint8_t bytes[16], imago_number_form form, imago_byte_order order, uint16_t head,
           uint64_t high, uint64_t low)
{
	memset(bytes, 0, 16);
	const bool little = order == IMAGO_LITTLE_ENDIAN;
	switch (form) {
	case IMAGO_NUMBER_X87:
		imago_store_u64(bytes, high, IMAGO_LITTLE_ENDIAN);
		imago_store_u16(bytes + 8, head, IMAGO_LITTLE_ENDIAN);
		break;
	case IMAGO_NUMBER_QUAD:
		imago_store_u64(bytes + (little ? 8 : 0), high, order);
		imago_store_u64(bytes + (little ? 0 : 8), low, order);
		break;
	default:
		imago_store_u64(bytes, high, order);
		imago_store_u64(bytes + 8, low, order);
		break;
	}
}

/* fits: the forms that have the very value, by letters of targets below; "": the bytes are not what
 * arithmetic leaves. */
typedef struct number_row {
	imago_number_form form;
	uint16_t head;
	uint64_t high, low;
	const char *text; /* NULL: no double is near */
	const char *fits;
} number_row;

#define DOUBLE(high, text)                                      \
	{                                                           \
		IMAGO_NUMBER_DOUBLE, 0, UINT64_C(high), 0, text, "dxqD" \
	}
#define X87(head, high, text, fit)                           \
	{                                                        \
		IMAGO_NUMBER_X87, head, UINT64_C(high), 0, text, fit \
	}
#define QUAD(high, low, text, fit)                                     \
	{                                                                  \
		IMAGO_NUMBER_QUAD, 0, UINT64_C(high), UINT64_C(low), text, fit \
	}
#define TWO(high, low, text, fit)                                               \
	{                                                                           \
		IMAGO_NUMBER_DOUBLE_DOUBLE, 0, UINT64_C(high), UINT64_C(low), text, fit \
	}
static const number_row rows[] = {
    DOUBLE(0x3ff0000000000000, "1"),
    DOUBLE(0x8000000000000000, "-0"),
    DOUBLE(0x3fb999999999999a, "0.1"),
    DOUBLE(0x430fffffffffffdf, "1.12589990684262e+15"),
    DOUBLE(0x0000000000000001, "4.94065645841247e-324"),
    DOUBLE(0x7fefffffffffffff, "1.79769313486232e+308"),
    DOUBLE(0x7ff0000000000000, "Inf"),
    DOUBLE(0xfff0000000000000, "-Inf"),
    DOUBLE(0x7ff8000000000000, "NaN"),
    DOUBLE(0xfff4000000000001, "NaN"),
    X87(0x3fff, 0x8000000000000000, "1", "dxqD"),
    X87(0xc000, 0xc000000000000000, "-3", "dxqD"),
    X87(0x0000, 0, "0", "dxqD"),
    X87(0x8000, 0, "-0", "dxqD"),
    X87(0x3fff, 0xffffffffffffffff, "2", "xqD"), /* rounds up into the next power */
    X87(0x7fff, 0x8000000000000000, "Inf", "dxqD"),
    X87(0xffff, 0x8000000000000000, "-Inf", "dxqD"),
    X87(0x7fff, 0xc000000000000000, "NaN", "dxqD"),
    X87(0x0001, 0x8000000000000000, "0", "xq"), /* far below the least double */
    X87(0x0000, 0x0000000000000001, "0", "xq"),
    X87(0x3bcd, 0x8000000000000000, "4.94065645841247e-324", "dxqD"), /* the least double */
    X87(0x3bcc, 0x8000000000000000, "0", "xq"), /* half of it: a tie, to even */
    X87(0x3bcc, 0x8000000000000001, "4.94065645841247e-324", "xq"),
    X87(0x3bcb, 0xffffffffffffffff, "0", "xq"),
    X87(0x3c00, 0xfffffffffffffc00, "2.2250738585072e-308", "xq"), /* up to the least normal one */
    X87(0x43fe, 0xfffffffffffff800, "1.79769313486232e+308", "dxqD"),
    X87(0x43fe, 0xfffffffffffffbff, "1.79769313486232e+308", "xqD"),
    X87(0x43fe, 0xfffffffffffffc00, NULL, "xq"), /* rounds to infinity */
    X87(0x7ffe, 0xffffffffffffffff, NULL, "xq"),
    X87(0x3fff, 0x4000000000000000, "0.5", ""), /* without its leading bit */
    X87(0x7fff, 0x0000000000000000, "Inf", ""),
    X87(0x0000, 0x8000000000000000, "0", ""), /* with one that does not belong there */
    QUAD(0x3fff000000000000, 0, "1", "dxqD"),
    QUAD(0xbfff800000000000, 0, "-1.5", "dxqD"),
    QUAD(0, 0, "0", "dxqD"),
    QUAD(0x8000000000000000, 1, "-0", "q"),
    QUAD(0x7fff000000000000, 0, "Inf", "dxqD"),
    QUAD(0x7fff000000000000, 1, "NaN", "q"),
    QUAD(0x7ffe000000000000, 0, NULL, "xq"),
    QUAD(0x3ffeffffffffffff, 0xffffffffffffffff, "1", "qD"),
    QUAD(0x3fff000000000000, 0x0000000000000001, "1", "qD"),
    QUAD(0x3fffaaaaaaaaaaaa, 0xaaaaaaaaaaaaaaab, "1.66666666666667", "q"),
    TWO(0x3ff0000000000000, 0, "1", "dxqD"),
    TWO(0x3ff0000000000000, 0x3c30000000000000, "1", "xqD"), /* + 2^-60 */
    TWO(0x3ff0000000000000, 0xbc30000000000000, "1", "xqD"), /* - 2^-60 */
    TWO(0xbff0000000000000, 0x3c30000000000000, "-1", "xqD"),
    TWO(0x3ff0000000000000, 0x38d0000000000000, "1", "D"), /* 115 bits */
    TWO(0, 0, "0", "dxqD"),
    TWO(0x7ff0000000000000, 0, "Inf", "dxqD"),
    TWO(0x7ff8000000000000, 0, "NaN", "dxqD"),
    TWO(0x3ff0000000000000, 0x8000000000000000, "1", ""), /* a zero that is below 0 */
    TWO(0x3ff0000000000000, 0x3ff0000000000000, NULL, ""),
    TWO(0x3ff0000000000000, 0x3ca8000000000000, "1", ""), /* more than half of the last place */
    TWO(0x3ff0000000000000, 0xbff0000000000000, NULL, ""),
    TWO(0x3ff0000000000000, 0x4000000000000000, NULL, ""), /* the second one is larger */
    TWO(0x3ff0000000000000, 0x7ff0000000000000, NULL, ""),
    TWO(0x3ff0000000000000, 0x7ff8000000000000, NULL, ""),
    TWO(0x7ff0000000000000, 0x3ff0000000000000, "Inf", ""),
    TWO(0x3ff0000000000000, 0x0000000000000001, NULL, ""), /* too far apart */
};
enum { NUM_ROWS = sizeof rows / sizeof rows[0] };

static uint8_t
float_type_of(imago_number_form form)
{
	return form == IMAGO_NUMBER_DOUBLE ? 0 : 2;
}

static void
read_as(imago_packfile *packfile, const imago_writer *file, imago_number_form form)
{
	imago_error error = {0};
	const imago_packfile_options options = {
	    .long_double = form == IMAGO_NUMBER_DOUBLE ? IMAGO_NUMBER_AUTO : form};
	assert_ok(imago_packfile_read(packfile, file->bytes, file->size, &options, &allocator, &error),
	          &error);
}

static bool
note_rule(const imago_finding *finding, void *payload)
{
	const char **broken = payload;
	*broken = finding->rule->name;
	return true;
}

static void
expect_number(const imago_packfile *packfile, const number_row *row, size_t index)
{
	double number = 0;
	char text[32] = "-";
	const char *broken = NULL;
	imago_check_sink sink;
	const bool found = imago_packfile_number(packfile, &packfile->constants[0], 0, &number);
	if (found) {
		imago_packfile_number_text(number, text, sizeof text);
	}
	if (found != (row->text != NULL) || (found && strcmp(text, row->text) != 0)) {
		fail_msg("row %zu: %s", index, text);
	}
	imago_check_sink_init(&sink, NULL, note_rule, &broken);
	imago_packfile_check(packfile, &sink);
	const char *expected = row->fits[0] == '\0' ? "packfile.numberForm"
	                       : row->text == NULL  ? "packfile.numberRange"
	                                            : NULL;
	if (expected != broken &&
	    (expected == NULL || broken == NULL || strcmp(expected, broken) != 0)) {
		fail_msg("row %zu: %s", index, broken == NULL ? "no finding" : broken);
	}
}

static void
numbers_are_what_their_bytes_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < (size_t)NUM_ROWS * NUM_PACKFILE_LAYOUTS; i++) {
		const number_row *row = &rows[i / NUM_PACKFILE_LAYOUTS];
		const imago_layout layout = packfile_layouts[i % NUM_PACKFILE_LAYOUTS];
		uint8_t bytes[16];
		imago_writer file;
		imago_packfile packfile;
		make_bytes(bytes, row->form, layout.byte_order, row->head, row->high, row->low);
		write_number(&file, layout, float_type_of(row->form), bytes);
		read_as(&packfile, &file, row->form);
		expect_number(&packfile, row, i / NUM_PACKFILE_LAYOUTS);
		imago_packfile_close(&packfile);
		imago_writer_release(&file);
	}
	assert_no_leak(&allocator);
}

/* Converts the file; true when that was not refused, and the way back gave the same. */
static bool
goes_and_comes_back(const imago_packfile *packfile, imago_layout layout, imago_number_form form,
                    uint8_t size)
{
	imago_error error = {0};
	imago_writer there;
	imago_writer back;
	imago_packfile other;
	const imago_packfile_target target = {
	    .layout = layout, .number_form = form, .number_size = size};
	const imago_packfile_target home = {.layout = packfile->layout,
	                                    .number_form = packfile->number_form,
	                                    .number_size = packfile->number_size};
	imago_writer_init(&there, &allocator, layout, NULL);
	imago_writer_init(&back, &allocator, layout, NULL);
	const imago_status status = imago_packfile_write(packfile, &target, &there, &error);
	if (status == IMAGO_OK) {
		double number = 0;
		double again = 0;
		read_as(&other, &there, size == 12 ? IMAGO_NUMBER_DOUBLE : form);
		assert_int_equal(other.number_form, form);
		assert_int_equal(other.number_size, size);
		assert_true(imago_packfile_number(packfile, &packfile->constants[0], 0, &number) ==
		            imago_packfile_number(&other, &other.constants[0], 0, &again));
		assert_true(number == again || number != number);
		assert_ok(imago_packfile_write(&other, &home, &back, &error), &error);
		assert_int_equal(back.size, packfile->size);
		assert_memory_equal(back.bytes, packfile->bytes, (size_t)back.size);
		imago_packfile_close(&other);
	} else {
		assert_error(&error, IMAGO_EUNSUPPORTED, "number that the target's form cannot hold",
		             packfile->constants[0].numbers);
		assert_int_equal(there.size, 0);
	}
	imago_writer_release(&there);
	imago_writer_release(&back);
	return status == IMAGO_OK;
}

static void
numbers_go_where_they_fit_and_come_back(void **state)
{
	(void)state;
	static const struct {
		imago_number_form form;
		uint8_t size;
		char letter;
	} targets[] = {{IMAGO_NUMBER_DOUBLE, 8, 'd'},
	               {IMAGO_NUMBER_X87, 12, 'x'},
	               {IMAGO_NUMBER_X87, 16, 'x'},
	               {IMAGO_NUMBER_QUAD, 16, 'q'},
	               {IMAGO_NUMBER_DOUBLE_DOUBLE, 16, 'D'}};
	enum { NUM_TARGETS = sizeof targets / sizeof targets[0] };
	size_t num_wrong = 0;
	for (size_t i = 0; i < (size_t)NUM_ROWS * NUM_PACKFILE_LAYOUTS; i++) {
		const number_row *row = &rows[i / NUM_PACKFILE_LAYOUTS];
		const imago_layout layout = packfile_layouts[i % NUM_PACKFILE_LAYOUTS];
		uint8_t bytes[16];
		imago_writer file;
		imago_packfile packfile;
		make_bytes(bytes, row->form, layout.byte_order, row->head, row->high, row->low);
		write_number(&file, layout, float_type_of(row->form), bytes);
		read_as(&packfile, &file, row->form);
		for (size_t n = 0; n < (size_t)NUM_PACKFILE_LAYOUTS * NUM_TARGETS; n++) {
			const size_t k = n / NUM_PACKFILE_LAYOUTS;
			const bool same =
			    targets[k].form == row->form && targets[k].size == packfile.number_size;
			const bool came =
			    goes_and_comes_back(&packfile, packfile_layouts[n % NUM_PACKFILE_LAYOUTS],
			                        targets[k].form, targets[k].size);
			if (came != (same || strchr(row->fits, targets[k].letter) != NULL)) {
				num_wrong++;
				print_error("row %zu, target %zu: %s\n", i / NUM_PACKFILE_LAYOUTS, k,
				            came ? "not refused" : "refused");
			}
		}
		imago_packfile_close(&packfile);
		imago_writer_release(&file);
	}
	assert_int_equal(num_wrong, 0);
	assert_no_leak(&allocator);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_are_what_their_bytes_say),
	    cmocka_unit_test(numbers_go_where_they_fit_and_come_back),
	};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

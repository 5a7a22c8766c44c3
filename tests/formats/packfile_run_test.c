/* packfile_run_test.c: programs executed: what they print, how they end, what stops them. */
#include "packfile/packfile_recipes.h"
#include "packfile_fixture.h"

#include <string.h>

#include "imago/byte_order.h"

static const imago_packfile_result *
run(fixture *f, uint64_t fuel)
{
	packfile_read_draft(f);
	assert_int_equal(run_packfile(&f->packfile, fuel, &f->printed), IMAGO_OK);
	return &f->printed.result;
}

static void
programs_print_the_same_in_every_layout(void **state)
{
	fixture *f = *state;
	for (size_t i = 0; i < (size_t)3 * NUM_PACKFILE_LAYOUTS; i++) {
		const imago_layout layout = packfile_layouts[i % NUM_PACKFILE_LAYOUTS];
		draft_init(&f->d, layout, (uint8_t)(i / NUM_PACKFILE_LAYOUTS));
		const imago_packfile_result *result = run(f, UINT64_MAX);
		assert_string_equal(f->printed.text, DRAFT_PRINTS);
		assert_int_equal(result->end, IMAGO_PACKFILE_ENDED);
		assert_null(result->reason);
		assert_int_equal(result->num_ops, 9);
		assert_int_equal(result->segment, 0);
		assert_int_equal(result->place, f->d.num_code - 1);
		assert_int_equal(result->opcode, 3);
		assert_string_equal(result->signature->name, "end");
		assert_int_equal(result->num_code_bytes, f->d.num_code * layout.word_bytes);
		/* In place, unless the words are turned round for this host. */
		assert_int_equal(result->num_bytes_copied,
		                 layout.byte_order == imago_host_order() ? 0 : result->num_code_bytes);
	}
}

static void
fuel_ends_a_run_anywhere(void **state)
{
	fixture *f = *state;
	draft_init(&f->d, packfile_layouts[2], 0);
	for (uint64_t fuel = 0; fuel < 9; fuel++) {
		const imago_packfile_result *result = run(f, fuel);
		assert_int_equal(result->end, IMAGO_PACKFILE_FUEL);
		assert_int_equal(result->num_ops, fuel);
		assert_memory_equal(f->printed.text, DRAFT_PRINTS, f->printed.size);
	}
}

static void
integers_are_signed_words(void **state)
{
	fixture *f = *state;
	static const struct {
		int64_t value;
		uint8_t word_bytes;
		const char *text;
	} rows[] = {{-1, 4, "-1"},
	            {-1, 8, "-1"},
	            {INT32_MIN, 4, "-2147483648"},
	            {INT64_MIN, 8, "-9223372036854775808"},
	            {INT64_MAX, 8, "9223372036854775807"}};
	for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
		const imago_byte_order order = i % 2 == 0 ? IMAGO_LITTLE_ENDIAN : IMAGO_BIG_ENDIAN;
		draft_init(&f->d, (imago_layout){rows[i / 2].word_bytes, order}, 0);
		f->d.code[17] = rows[i / 2].value;
		assert_int_equal(run(f, 100)->end, IMAGO_PACKFILE_ENDED);
		assert_string_equal(f->printed.text + 7, rows[i / 2].text);
	}
}

static void
text_is_printed_as_utf8(void **state)
{
	fixture *f = *state;
	static const char *const texts[] = {"\xc3\x84\xe2\x82\xac\xf0\x9f\xa6\x9c", "\xc4",
	                                    "\xc3\x84\xf0\x9f\xa6\x9c", "\xe2\x82\xac",
	                                    "\xf0\x9f\xa6\x9c"};
	for (size_t i = 0; i < NUM_PACKFILE_LAYOUTS; i++) {
		for (size_t k = 0; k < 5; k++) {
			draft_init(&f->d, packfile_layouts[i], 0);
			f->d.code[9] = (int64_t)k + 6; /* the constant of set_s_sc */
			run(f, 5);
			assert_string_equal(f->printed.text + 4, texts[k]);
		}
	}
}

static void
long_text_is_printed_whole(void **state)
{
	fixture *f = *state;
	static char text[1200];
	for (size_t i = 0; i < sizeof text; i += 2) {
		text[i] = (char)('a' + i % 26);
		text[i + 1] = 0;
	}
	draft_init(&f->d, packfile_layouts[0], 0);
	f->d.strings[5] = (draft_string){0x400, text, sizeof text}; /* utf16 */
	run(f, 5);
	assert_int_equal(f->printed.size, 4 + sizeof text / 2);
	for (size_t i = 0; i < sizeof text / 2; i++) {
		assert_int_equal(f->printed.text[4 + i], text[2 * i]);
	}
	f->d.strings[5].flags = 0x200; /* binary */
	run(f, 5);
	assert_int_equal(f->printed.size, 4 + sizeof text);
	assert_memory_equal(f->printed.text + 4, text, sizeof text);
}

static void
a_main_sub_says_where_to_start(void **state)
{
	fixture *f = *state;
	static const struct {
		int64_t main_sub, start;
		const char *prints;
	} rows[] = {
	    {0, 0, DRAFT_PRINTS},  {0, 5, "\nhi\n42"},   {0, 16, "42"},
	    {-1, 5, DRAFT_PRINTS}, {1, 5, DRAFT_PRINTS}, {0, 18, ""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		draft_init(&f->d, packfile_layouts[i % NUM_PACKFILE_LAYOUTS], 0);
		f->d.main_sub = rows[i].main_sub;
		f->d.pmcs[0].words[2] = rows[i].start;
		const imago_packfile_result *result = run(f, 100);
		assert_string_equal(f->printed.text, rows[i].prints);
		assert_int_equal(result->end, IMAGO_PACKFILE_ENDED);
	}
	/* Behind the code, as far as the stream goes. */
	f->d.pmcs[0].words[2] = f->d.pmcs[0].words[3] = 100;
	const imago_packfile_result *result = run(f, 100);
	assert_string_equal(result->reason, "end of the code without an op that ends it");
	assert_int_equal(result->opcode, -1);
	/* A PMC that is no Sub. */
	draft_init(&f->d, packfile_layouts[0], 0);
	f->d.pmcs[0].words[1] = 40;
	f->d.pmcs[0].words[2] = -1;
	run(f, 100);
	assert_string_equal(f->printed.text, DRAFT_PRINTS);
}

static void
number_too_large(draft *d)
{
	d->float_type = 1;
	draft_number(d, 2.5, d->numbers[0]);
	d->numbers[0][9] = 0x7f;
}

static void
bad_utf16(draft *d)
{
	d->strings[5] = (draft_string){
	    0x401, d->layout.byte_order == IMAGO_BIG_ENDIAN ? "\0h\xdc\0" : "h\0\0\xdc", 4};
}

static void
unknown_encoding(draft *d)
{
	d->strings[5].flags = 0x900;
}

static void
unknown_op(draft *d)
{
	d->ops[1][1] = 42;
}

static void
unmapped(draft *d)
{
	d->code[0] = -1;
}

static void
cut(draft *d)
{
	d->code[d->num_code - 1] = 0;
}

static void
no_number(draft *d)
{
	d->code[2] = -1;
}

static void
no_string(draft *d)
{
	d->code[6] = 11;
}

static void
no_register(draft *d)
{
	d->code[11] = 2;
}

static void
no_end(draft *d)
{
	d->num_code--;
}

static void
without_constants(draft *d)
{
	d->has[DRAFT_CONSTANTS] = false;
}

static void
without_code(draft *d)
{
	d->has[DRAFT_CODES] = false;
}

static void
what_no_program_may_do_stops_it(void **state)
{
	fixture *f = *state;
	static const struct {
		void (*change)(draft *);
		const char *reason;
		uint64_t place;
		const char *printed;
	} rows[] = {
	    {unknown_op, "op that is not known", 16, ""},
	    {unmapped, "opcode that the file does not map to an op", 0, ""},
	    {cut, "operands behind the end of the code", 18, ""},
	    {no_number, "operand out of bounds", 0, ""},
	    {no_string, "operand out of bounds", 5, ""},
	    {no_register, "operand out of bounds", 10, ""},
	    {without_constants, "operand out of bounds", 0, ""},
	    {no_end, "end of the code without an op that ends it", 18, DRAFT_PRINTS},
	    {number_too_large, "number that no double is near", 0, ""},
	    {bad_utf16, "character that is none of its encoding", 10, "2.5\nh"},
	    {unknown_encoding, "string of an encoding that is not known", 10, "2.5\n"},
	    {without_code, "no code", 0, ""},
	};
	for (size_t i = 0; i < NUM_PACKFILE_LAYOUTS * sizeof rows / sizeof rows[0]; i++) {
		const size_t row = i / NUM_PACKFILE_LAYOUTS;
		draft_init(&f->d, packfile_layouts[i % NUM_PACKFILE_LAYOUTS], 0);
		rows[row].change(&f->d);
		const imago_packfile_result *result = run(f, UINT64_MAX);
		assert_int_equal(result->end, IMAGO_PACKFILE_STOPPED);
		assert_string_equal(result->reason, rows[row].reason);
		assert_int_equal(result->place, rows[row].place);
		assert_string_equal(f->printed.text, rows[row].printed);
		if (rows[row].change == without_code) {
			assert_int_equal(result->segment, IMAGO_PACKFILE_NONE);
			assert_int_equal(result->offset, IMAGO_NO_OFFSET);
		} else {
			assert_int_equal(result->offset,
			                 f->d.places[DRAFT_CODE] + rows[row].place * f->d.layout.word_bytes);
		}
	}
}

/* Somebody writes to the file while it runs: at the first output, one word or byte of it changes.
 */
typedef struct changing {
	printed out;
	uint8_t *at;
	uint8_t bytes[8];
	size_t size;
} changing;

static void
change_file(const uint8_t *bytes, size_t size, void *payload)
{
	changing *c = payload;
	printed_append(bytes, size, &c->out);
	memcpy(c->at, c->bytes, c->size);
}

static void
what_changes_under_a_run_is_noticed(void **state)
{
	fixture *f = *state;
	static const struct {
		draft_place place;
		uint64_t words;
		int64_t value;
		const char *reason;
	} rows[] = {
	    {DRAFT_CODE, 5, -1, "op that is not known"},
	    {DRAFT_CODE, 5, 1000, "op that is not known"},
	    {DRAFT_CODE, 6, 11, "operand out of bounds"},
	    {DRAFT_CODE, 6, -1, "operand out of bounds"},
	    {DRAFT_CODE, 8, 2, "operand out of bounds"},
	    {DRAFT_CODE, 9, 11, "operand out of bounds"},
	    {DRAFT_CODE, 11, 2, "operand out of bounds"},
	    {DRAFT_CODE, 18, 0, "operands behind the end of the code"},
	    {DRAFT_CODE, 18, 5, "operands behind the end of the code"},
	    {DRAFT_STRINGS, 1, 1 << 20, NULL},                          /* of another string */
	    {DRAFT_STRINGS, 5, 1 << 20, "string that leaves the file"}, /* of "\n" (8-byte words: 4) */
	};
	draft_init(&f->d, packfile_layouts[imago_host_order() == IMAGO_LITTLE_ENDIAN ? 0 : 1], 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		imago_packfile_machine machine;
		imago_packfile_result result;
		changing c = {.size = f->d.layout.word_bytes};
		packfile_read_draft(f);
		c.at = f->file.bytes + f->d.places[rows[i].place] + rows[i].words * c.size;
		imago_store_word(c.bytes, (uint64_t)rows[i].value, f->d.layout);
		imago_packfile_machine_init(&machine, &f->allocator);
		assert_ok(
		    imago_packfile_run(&f->packfile, 100, change_file, &c, &machine, &result, &f->error),
		    &f->error);
		imago_packfile_machine_release(&machine);
		if (rows[i].reason == NULL) {
			assert_null(result.reason);
		} else {
			assert_non_null(result.reason);
			assert_string_equal(result.reason, rows[i].reason);
		}
	}
}

static imago_status
attempt(imago_allocator *allocator, imago_error *error, void *payload)
{
	fixture *f = payload;
	imago_packfile_machine machine;
	imago_packfile_machine_init(&machine, allocator);
	f->printed.size = 0;
	const imago_status status = imago_packfile_run(&f->packfile, 100, printed_append, &f->printed,
	                                               &machine, &f->printed.result, error);
	imago_packfile_machine_release(&machine);
	return status;
}

static void
every_failing_allocation_is_reported(void **state)
{
	fixture *f = *state;
	for (size_t i = 0; i < NUM_PACKFILE_LAYOUTS; i++) {
		draft_init(&f->d, packfile_layouts[i], 0);
		packfile_read_draft(f);
		assert_every_allocation_failure_is_reported(attempt, f);
		assert_string_equal(f->printed.text, DRAFT_PRINTS);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    PACKFILE_TEST(programs_print_the_same_in_every_layout),
	    PACKFILE_TEST(fuel_ends_a_run_anywhere),
	    PACKFILE_TEST(integers_are_signed_words),
	    PACKFILE_TEST(text_is_printed_as_utf8),
	    PACKFILE_TEST(long_text_is_printed_whole),
	    PACKFILE_TEST(a_main_sub_says_where_to_start),
	    PACKFILE_TEST(what_no_program_may_do_stops_it),
	    PACKFILE_TEST(what_changes_under_a_run_is_noticed),
	    PACKFILE_TEST(every_failing_allocation_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

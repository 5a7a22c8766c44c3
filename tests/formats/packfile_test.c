/* packfile_test.c: the reader of packfiles, section by section of packfile.md; ends with refusals
 * and failing allocations. */
#include "packfile_fixture.h"

#include <string.h>

#include "imago/packfile_check.h"

static void
the_header_is_bytes(void **state)
{
	fixture *f = *state;
	for (size_t i = 0; i < NUM_PACKFILE_LAYOUTS; i++) {
		draft_init(&f->d, packfile_layouts[i], 1);
		f->d.uuid_type = 1;
		f->d.uuid_size = (uint8_t)(16 * i + 14); /* header ends where padding does, and does not */
		packfile_write_draft(f);
		assert_ok(packfile_read_file(f), &f->error);
		const imago_packfile_header *header = &f->packfile.header;
		assert_true(imago_layout_equal(f->packfile.layout, packfile_layouts[i]));
		assert_int_equal(header->float_type, 1);
		assert_int_equal(header->parrot_version[0], 8);
		assert_int_equal(header->parrot_version[1], 2);
		assert_int_equal(header->bytecode_major, 13);
		assert_int_equal(header->bytecode_minor, 1);
		assert_int_equal(header->uuid_type, 1);
		assert_int_equal(header->uuid_size, f->d.uuid_size);
		assert_int_equal(header->size, 32 + 16 * i);
		assert_int_equal(f->packfile.number_size, 12);
		assert_int_equal(f->packfile.number_stride, packfile_layouts[i].word_bytes == 8 ? 16 : 12);
	}
}

static void
the_directory_says_where_segments_are(void **state)
{
	fixture *f = *state;
	for (size_t i = 0; i < NUM_PACKFILE_LAYOUTS; i++) {
		draft_init(&f->d, packfile_layouts[i], 0);
		packfile_write_draft(f);
		assert_ok(packfile_read_file(f), &f->error);
		const imago_packfile *p = &f->packfile;
		assert_int_equal(p->directory, f->d.places[DRAFT_DIRECTORY]);
		assert_int_equal(p->num_segments, 5);
		assert_int_equal(p->segments_end, f->d.places[DRAFT_END]);
		for (size_t k = 0; k < 5; k++) {
			const imago_packfile_segment *segment = &p->segments[k];
			assert_int_equal(segment->type, f->d.types[k]);
			assert_int_equal(segment->name.length, strlen(f->d.names[k]));
			assert_memory_equal(segment->name.bytes, f->d.names[k], (size_t)segment->name.length);
			assert_int_equal(segment->entry, f->d.places[DRAFT_ENTRIES + k]);
			assert_int_equal(segment->offset, f->d.places[DRAFT_SEGMENTS + k]);
			assert_int_equal(segment->offset % 16, 0);
			assert_int_equal(segment->offset + segment->size,
			                 k + 1 < 5 ? segment[1].offset : p->segments_end);
		}
		assert_int_equal(p->segments[DRAFT_EXTRA].row, IMAGO_PACKFILE_NONE);
		assert_int_equal(p->codes[0].constants, 0);
		assert_int_equal(p->codes[0].debug, 0);
		assert_int_equal(p->debugs[0].code, 0);
		assert_int_equal(p->annotations[0].code, 0);
		assert_int_equal(imago_packfile_word(p, p->segments[DRAFT_EXTRA].data), -2);
	}
}

static void
what_stands_before_the_first_code_belongs_to_it(void **state)
{
	fixture *f = *state;
	draft_init(&f->d, packfile_layouts[0], 0);
	/* The extra segment becomes the code, so that all others come first. */
	f->d.has[DRAFT_CODES] = false;
	packfile_write_draft(f);
	assert_ok(packfile_read_file(f), &f->error);
	assert_int_equal(f->packfile.debugs[0].code, IMAGO_PACKFILE_NONE);
	assert_int_equal(f->packfile.annotations[0].code, IMAGO_PACKFILE_NONE);
	assert_int_equal(f->packfile.num_of[IMAGO_PACKFILE_CODE], 0);
}

/* Names decide nothing; of two tables the first one counts. */
static void
names_may_be_missing(void **state)
{
	fixture *f = *state;
	draft_init(&f->d, packfile_layouts[3], 0);
	f->d.names[DRAFT_CODES] = f->d.names[DRAFT_CONSTANTS] = NULL;
	f->d.types[DRAFT_EXTRA] = IMAGO_PACKFILE_DEBUG;
	f->d.names[DRAFT_ANNOTATIONS] = NULL;
	/* Words enough for a debug segment's count of files behind the data words. */
	packfile_write_draft(f);
	assert_ok(packfile_read_file(f), &f->error);
	assert_null(f->packfile.segments[0].name.bytes);
	assert_int_equal(f->packfile.codes[0].constants, 0);
	assert_int_equal(f->packfile.codes[0].debug, 0);
	assert_int_equal(f->packfile.num_of[IMAGO_PACKFILE_DEBUG], 2);
	assert_int_equal(f->packfile.debugs[1].code, 0);
	imago_check_sink sink;
	imago_check_sink_init(&sink, NULL, NULL, NULL);
	imago_packfile_check(&f->packfile, &sink);
	assert_int_equal(sink.summary.num_errors, 0);
	assert_true(sink.summary.num_warnings >= 3);
}

static void
strings_have_encodings(void **state)
{
	fixture *f = *state;
	static const char *const names[] = {"ascii", "ascii",  NULL,    "ascii", "ascii", "binary",
	                                    "utf8",  "latin1", "utf16", "ucs2",  "ucs4"};
	static const uint32_t characters[][3] = {{'a', '.', 'p'},
	                                         {'\n'},
	                                         {0},
	                                         {'p', 'a', 'r'},
	                                         {'m', 'a', 'i'},
	                                         {'h', 'i'},
	                                         {0xc4, 0x20ac, 0x1f99c},
	                                         {0xc4},
	                                         {0xc4, 0x1f99c},
	                                         {0x20ac},
	                                         {0x1f99c}};
	for (size_t i = 0; i < NUM_PACKFILE_LAYOUTS; i++) {
		draft_init(&f->d, packfile_layouts[i], 0);
		packfile_write_draft(f);
		assert_ok(packfile_read_file(f), &f->error);
		const imago_packfile_constants *constants = &f->packfile.constants[0];
		assert_int_equal(constants->num_strings, f->d.num_strings);
		for (size_t k = 0; k < f->d.num_strings; k++) {
			imago_packfile_string string;
			uint64_t position = 0;
			uint32_t character = 0;
			assert_true(imago_packfile_string_at(&f->packfile, constants->strings[k], &string));
			if (names[k] == NULL) {
				assert_null(string.bytes);
				assert_int_equal(string.flags, -1);
				assert_false(
				    imago_packfile_next_character(&f->packfile, &string, &position, &character));
				continue;
			}
			assert_string_equal(imago_packfile_encoding_name(imago_packfile_encoding_of(&string)),
			                    names[k]);
			assert_int_equal(string.length, f->d.strings[k].length);
			for (size_t c = 0; c < 3 && characters[k][c] != 0; c++) {
				assert_true(
				    imago_packfile_next_character(&f->packfile, &string, &position, &character));
				assert_int_equal(character, characters[k][c]);
			}
		}
	}
	assert_string_equal(imago_packfile_encoding_name(7), "?");
}

/* Bytes that are no text: each string, its flags, and how many characters come before. */
static void
what_is_no_text_is_noticed(void **state)
{
	fixture *f = *state;
	static const struct {
		int64_t flags;
		const char *bytes;
		size_t length, good;
	} rows[] = {
	    {0, "ab\x80", 3, 2},
	    {0x300, "\x80", 1, 0},             /* a tail without a head */
	    {0x300, "\xc0\x80", 2, 0},         /* too long a form */
	    {0x300, "\xc3", 1, 0},             /* cut */
	    {0x300, "a\xc3\xc3", 3, 1},        /* no tail */
	    {0x300, "\xe0\x80\x80", 3, 0},     /* too long a form */
	    {0x300, "\xed\xa0\x80", 3, 0},     /* a surrogate */
	    {0x300, "\xf4\x90\x80\x80", 4, 0}, /* above U+10FFFF */
	    {0x300, "\xf0\x80\x80\x80", 4, 0}, /* too long a form */
	    {0x300, "\xf5\x80\x80\x80", 4, 0},
	    {0x400, "a\0b", 3, 1},             /* half a unit */
	    {0x400, "\x3e\xd8", 2, 0},         /* half a pair */
	    {0x400, "\x3e\xd8\x3e\xd8", 4, 0}, /* two first halves */
	    {0x400, "\x3e\xd8\x41\0", 4, 0},
	    {0x400, "\x9c\xdd\x9c\xdd", 4, 0}, /* a second half first */
	    {0x500, "\x3e\xd8\x9c\xdd", 4, 0}, /* no pairs in ucs2 */
	    {0x600, "a\0\0", 3, 0},
	    {0x600, "\0\0\x11\0", 4, 0}, /* above U+10FFFF */
	    {0x600, "\0\xd8\0\0", 4, 0},
	};
	draft_init(&f->d, packfile_layouts[0], 0);
	f->d.num_strings = 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		f->d.strings[f->d.num_strings++] =
		    (draft_string){rows[i].flags, rows[i].bytes, rows[i].length};
	}
	packfile_write_draft(f);
	assert_ok(packfile_read_file(f), &f->error);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		imago_packfile_string string;
		uint64_t position = 0;
		uint32_t character;
		size_t good = 0;
		assert_true(
		    imago_packfile_string_at(&f->packfile, f->packfile.constants[0].strings[i], &string));
		while (imago_packfile_next_character(&f->packfile, &string, &position, &character)) {
			good++;
		}
		assert_int_equal(good, rows[i].good);
		assert_true(position < string.length);
	}
}

static void
code_maps_its_own_opcodes(void **state)
{
	fixture *f = *state;
	for (size_t i = 0; i < NUM_PACKFILE_LAYOUTS; i++) {
		draft_init(&f->d, packfile_layouts[i], 0);
		f->d.second_library = "io_ops";
		f->d.dependencies[0] = "m";
		f->d.dependencies[1] = NULL;
		f->d.num_dependencies = 2;
		packfile_write_draft(f);
		assert_ok(packfile_read_file(f), &f->error);
		const imago_packfile_code *code = &f->packfile.codes[0];
		assert_int_equal(code->main_sub, 0);
		assert_int_equal(code->num_dependencies, 2);
		assert_int_equal(code->op_count, 7);
		assert_int_equal(code->num_libraries, 2);
		assert_string_equal(code->libraries[0].name, "core_ops");
		assert_string_equal(code->libraries[1].name, "io_ops");
		assert_int_equal(code->libraries[0].bytecode_major, 13);
		assert_int_equal(code->num_ops, 7);
		assert_string_equal(imago_packfile_signature(code, 3)->name, "end");
		assert_string_equal(imago_packfile_signature(code, 6)->operands, "Ss");
		assert_null(imago_packfile_signature(code, 7));
		assert_null(imago_packfile_signature(code, -1));
	}
}

static void
ops_of_other_libraries_are_not_known(void **state)
{
	fixture *f = *state;
	static const char *const names[] = {"core_op", "core_opsx", "coreXops", "/tmp/core_ops"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		draft_init(&f->d, packfile_layouts[i], 0);
		f->d.library = names[i];
		packfile_write_draft(f);
		assert_ok(packfile_read_file(f), &f->error);
		assert_null(imago_packfile_signature(&f->packfile.codes[0], 3));
	}
}

static void
instructions_are_told_apart(void **state)
{
	fixture *f = *state;
	imago_instruction at;
	uint64_t place = 0;
	size_t count = 0;
	draft_init(&f->d, packfile_layouts[3], 0);
	packfile_write_draft(f);
	assert_ok(packfile_read_file(f), &f->error);
	const imago_packfile_code *code = &f->packfile.codes[0];
	while (imago_packfile_next_instruction(&f->packfile, code, &place, &at)) {
		assert_int_equal(at.kind, IMAGO_INSTRUCTION_KNOWN);
		if (count == 3) {
			assert_string_equal(at.signature->name, "set_s_sc");
			assert_int_equal(at.place, 7);
			assert_int_equal(at.operands[0], 1);
			assert_int_equal(at.operands[1], 5);
			assert_int_equal(at.offset, f->d.places[DRAFT_CODE] + (uint64_t)7 * 8);
		}
		count++;
	}
	assert_int_equal(count, 9);
	assert_int_equal(place, f->d.num_code);
}

/* One lie, by what is changed before or after writing. */
typedef struct refusal {
	draft_place place; /* of a word … */
	int64_t words;     /* … so many behind */
	int64_t value;
	imago_status status;
	const char *what;
} refusal;

static void
lies_are_refused(void **state)
{
	fixture *f = *state;
	static const refusal rows[] = {
	    {DRAFT_DIRECTORY, 0, 0, IMAGO_ERANGE, "size of a segment"},
	    {DRAFT_DIRECTORY, 0, 3, IMAGO_ERANGE, "size of a segment"},
	    {DRAFT_DIRECTORY, 0, -1, IMAGO_ETRUNCATED, "size of a segment"},
	    {DRAFT_DIRECTORY, 0, 5, IMAGO_EALIGN, "size of a segment"},
	    {DRAFT_DIRECTORY, 0, 4, IMAGO_ETRUNCATED, "number of segments"},
	    {DRAFT_DIRECTORY, 3, -1, IMAGO_ERANGE, "data size of a segment"},
	    {DRAFT_DIRECTORY, 3, INT32_MAX, IMAGO_ERANGE, "data size of a segment"},
	    {DRAFT_SEGMENT_COUNT, 0, -1, IMAGO_ERANGE, "number of segments"},
	    {DRAFT_SEGMENT_COUNT, 0, 100000, IMAGO_ERANGE, "number of segments"},
	    {DRAFT_ENTRIES + 1, 0, 0, IMAGO_ESTRUCTURE, "nested directory"},
	    {DRAFT_NAMES + 1, 1, -1, IMAGO_ETRUNCATED, "name of a segment"},
	    {DRAFT_NAMES + 1, 1, -3, IMAGO_ETRUNCATED, "name of a segment"},
	    {DRAFT_OFFSETS + 0, 0, 0, IMAGO_ESTRUCTURE, "offset of a segment"},
	    {DRAFT_OFFSETS + 2, 0, -1, IMAGO_ESTRUCTURE, "offset of a segment"},
	    {DRAFT_OFFSETS + 2, 1, -1, IMAGO_ETRUNCATED, "size of a segment"},
	    {DRAFT_OFFSETS + 2, 1, 0, IMAGO_ERANGE, "size of a segment"},
	    {DRAFT_OFFSETS + 2, 1, 9, IMAGO_EALIGN, "size of a segment"},
	    {DRAFT_SEGMENTS + 1, 0, 16, IMAGO_ESTRUCTURE, "size in a segment's header"},
	    {DRAFT_SEGMENTS + 0, 3, -1, IMAGO_ERANGE, "data size of a segment"},
	    {DRAFT_SEGMENTS + 0, 3, 4096, IMAGO_ERANGE, "data size of a segment"},
	    {DRAFT_CODE_TAIL, 1, -1, IMAGO_ERANGE, "number of dependencies"},
	    {DRAFT_CODE_TAIL, 1, 2, IMAGO_ETRUNCATED, NULL}, /* what follows is none */
	    {DRAFT_CODE_TAIL, 3, -1, IMAGO_ERANGE, "number of op libraries"},
	    {DRAFT_CODE_TAIL, 3, 5, IMAGO_ETRUNCATED, NULL},
	    {DRAFT_OPS, -1, -1, IMAGO_ERANGE, "number of ops of a library"},
	    {DRAFT_OPS, -1, 4096, IMAGO_ERANGE, "number of ops of a library"},
	    {DRAFT_COUNTS, 0, -1, IMAGO_ERANGE, "number of number constants"},
	    {DRAFT_COUNTS, 1, -1, IMAGO_ERANGE, "number of string constants"},
	    {DRAFT_COUNTS, 2, -1, IMAGO_ERANGE, "number of PMC constants"},
	    {DRAFT_STRINGS, 1, -1, IMAGO_ETRUNCATED, "string constant"},
	    {DRAFT_STRINGS, 1, 4096, IMAGO_ETRUNCATED, "string constant"},
	    {DRAFT_PMCS, 0, -1, IMAGO_ETRUNCATED, "PMC constant"},
	    {DRAFT_PMCS, 0, -6, IMAGO_ETRUNCATED, "PMC constant"},
	    {DRAFT_TAGS, 0, -1, IMAGO_ERANGE, "number of tags"},
	    {DRAFT_FILES, 0, -1, IMAGO_ERANGE, "number of source files"},
	    {DRAFT_KEYS, 0, -1, IMAGO_ERANGE, "number of annotation keys"},
	};
	for (size_t i = 0; i < NUM_PACKFILE_LAYOUTS * sizeof rows / sizeof rows[0]; i++) {
		const refusal *row = &rows[i / NUM_PACKFILE_LAYOUTS];
		draft_init(&f->d, packfile_layouts[i % NUM_PACKFILE_LAYOUTS], 0);
		packfile_write_draft(f);
		draft_patch(&f->d, &f->file,
		            f->d.places[row->place] + (uint64_t)(row->words * f->d.layout.word_bytes),
		            row->value);
		const imago_status status = packfile_read_file(f);
		if (row->what == NULL) {
			assert_int_not_equal(status, IMAGO_OK);
		} else if (status != row->status || strcmp(f->error.what, row->what) != 0) {
			fail_msg("row %zu: %s, %s", i / NUM_PACKFILE_LAYOUTS, imago_status_name(status),
			         status != IMAGO_OK ? f->error.what : "-");
		}
		assert_true(f->error.offset <= f->file.size);
	}
}

/* One byte of the header. */
static void
headers_that_are_none_are_refused(void **state)
{
	fixture *f = *state;
	static const struct {
		uint64_t offset;
		uint8_t value;
		imago_status status;
	} rows[] = {{0, 0xff, IMAGO_EMAGIC},   {7, 0x0d, IMAGO_EMAGIC}, {8, 0, IMAGO_EVERSION},
	            {8, 16, IMAGO_EVERSION},   {9, 2, IMAGO_EVERSION},  {10, 3, IMAGO_EVERSION},
	            {10, 255, IMAGO_EVERSION}, {16, 2, IMAGO_EVERSION}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		draft_init(&f->d, packfile_layouts[i % NUM_PACKFILE_LAYOUTS], 0);
		packfile_write_draft(f);
		f->file.bytes[rows[i].offset] = rows[i].value;
		assert_status(packfile_read_file(f), &f->error, rows[i].status);
	}
	draft_init(&f->d, packfile_layouts[0], 0);
	packfile_write_draft(f);
	f->file.bytes[17] = 255; /* a uuid that goes on into the directory */
	assert_int_not_equal(packfile_read_file(f), IMAGO_OK);
	f->file.size = 200;
	assert_status(packfile_read_file(f), &f->error, IMAGO_ETRUNCATED);
}

static void
a_name_needs_its_nul(void **state)
{
	fixture *f = *state;
	draft_init_least(&f->d, packfile_layouts[0]);
	packfile_write_draft(f);
	const uint64_t library = f->d.places[DRAFT_LIBRARY];
	memset(f->file.bytes + library, 'x', (size_t)(f->d.places[DRAFT_SEGMENTS + 1] - library));
	assert_status(packfile_read_file(f), &f->error, IMAGO_ETRUNCATED);
	assert_error(&f->error, IMAGO_ETRUNCATED, "name of an op library", library);
}

static void
forms_of_numbers_are_chosen_not_guessed(void **state)
{
	fixture *f = *state;
	for (size_t i = 0; i < NUM_PACKFILE_LAYOUTS; i++) {
		for (int form = -1; form <= IMAGO_NUM_NUMBER_FORMS; form++) {
			const imago_packfile_options options = {.long_double = (imago_number_form)form};
			draft_init(&f->d, packfile_layouts[i], 2);
			packfile_write_draft(f);
			imago_packfile_close(&f->packfile);
			const imago_status status = imago_packfile_read(
			    &f->packfile, f->file.bytes, f->file.size, &options, &f->allocator, &f->error);
			if (form < 0 || form == IMAGO_NUMBER_DOUBLE || form == IMAGO_NUM_NUMBER_FORMS) {
				assert_status(status, &f->error, IMAGO_EUSAGE);
			} else if (form == IMAGO_NUMBER_AUTO) {
				assert_int_equal(f->packfile.number_form,
				                 packfile_layouts[i].byte_order == IMAGO_LITTLE_ENDIAN
				                     ? IMAGO_NUMBER_X87
				                     : IMAGO_NUMBER_DOUBLE_DOUBLE);
			} else {
				assert_int_equal(f->packfile.number_form, form);
			}
		}
	}
	assert_string_equal(imago_number_form_name(IMAGO_NUMBER_QUAD), "quad");
	assert_string_equal(imago_number_form_name(IMAGO_NUM_NUMBER_FORMS), "?");
}

static imago_status
read_once(imago_allocator *allocator, imago_error *error, void *payload)
{
	const imago_writer *file = payload;
	imago_packfile packfile;
	const imago_status status =
	    imago_packfile_read(&packfile, file->bytes, file->size, NULL, allocator, error);
	imago_packfile_close(&packfile);
	return status;
}

static void
every_failing_allocation_is_reported(void **state)
{
	fixture *f = *state;
	draft_init(&f->d, packfile_layouts[2], 0);
	packfile_write_draft(f);
	assert_every_allocation_failure_is_reported(read_once, &f->file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    PACKFILE_TEST(the_header_is_bytes),
	    PACKFILE_TEST(the_directory_says_where_segments_are),
	    PACKFILE_TEST(what_stands_before_the_first_code_belongs_to_it),
	    PACKFILE_TEST(names_may_be_missing),
	    PACKFILE_TEST(strings_have_encodings),
	    PACKFILE_TEST(what_is_no_text_is_noticed),
	    PACKFILE_TEST(code_maps_its_own_opcodes),
	    PACKFILE_TEST(ops_of_other_libraries_are_not_known),
	    PACKFILE_TEST(instructions_are_told_apart),
	    PACKFILE_TEST(lies_are_refused),
	    PACKFILE_TEST(headers_that_are_none_are_refused),
	    PACKFILE_TEST(a_name_needs_its_nul),
	    PACKFILE_TEST(forms_of_numbers_are_chosen_not_guessed),
	    PACKFILE_TEST(every_failing_allocation_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* packfile_edges_test.c: rules of packfiles broken in the ways that their recipes do not have, each
 * told where it is (packfile.md §12); and what else is just over a limit. */
#include "packfile_fixture.h"

#include <string.h>

#include "imago/packfile_check.h"

/* ---- Rules */

/* Where a finding must be: so many words behind a place, or bytes from the start of the file. */
enum { FROM_START = DRAFT_NUM_PLACES, ANYWHERE };

typedef struct edge {
	const char *rule; /* that is broken, or NULL: none is */
	size_t count;     /* of findings of it; others may follow from it */
	bool alone;       /* no other is broken */
	size_t place;
	uint64_t words;
	void (*change)(draft *d);
	void (*patch)(const draft *d, imago_writer *file); /* or NULL */
} edge;

static void
null_dependency(draft *d)
{
	d->dependencies[0] = NULL;
	d->dependencies[1] = "m.so";
	d->num_dependencies = 2;
}

/* As long as the right name. */
static void
library_as_long(draft *d)
{
	d->second_library = "math_ops";
}

/* Nothing uses op 4 any more. */
static void
without_op_4(draft *d, int64_t opcode)
{
	d->ops[4][0] = opcode;
	d->code[5] = d->code[14] = 0;
}

static void
op_below_all(draft *d)
{
	without_op_4(d, -1);
}

/* Below the count of the table, which is more than there are ops in libraries. */
static void
op_without_a_row(draft *d)
{
	without_op_4(d, 7);
	d->op_count = 8;
}

static void
count_below_none(draft *d)
{
	d->op_count = -1;
}

static void
fewer_rows_than_ops(draft *d)
{
	d->op_count = 5; /* ops 5 and 6 have none */
}

static void
string_constant(draft *d)
{
	d->code[6] = (int64_t)d->num_strings;
}

static void
subs_out_of_range(draft *d)
{
	d->pmcs[0].words[3] = (int64_t)d->num_code + 1;
	d->pmcs[d->num_pmcs++] = d->pmcs[0];
}

static void
main_sub_below_none(draft *d)
{
	d->main_sub = -2;
}

static void
debug_of_no_code(draft *d)
{
	d->has[DRAFT_CODES] = false;
	d->files[1][1] = (int64_t)d->num_strings; /* nobody's: not looked at */
	d->keys[0][1] = 9;
}

static void
debug_behind_the_code(draft *d)
{
	d->files[1][0] = (int64_t)d->num_code;
}

/* What a name would be is not known then. */
static void
debug_without_constants(draft *d)
{
	draft_init_least(d, d->layout);
	d->has[DRAFT_CONSTANTS] = false;
	d->has[DRAFT_DEBUG] = d->has[DRAFT_ANNOTATIONS] = true;
	d->names[DRAFT_DEBUG] = "c_DB";
	d->names[DRAFT_ANNOTATIONS] = "c_ANN";
	d->num_files = d->num_pairs = d->num_keys = 1;
	d->files[0][1] = 99;
	d->keys[0][0] = 99;
}

static void
annotation_of_type_0(draft *d)
{
	d->keys[0][1] = 0;
}

static void
annotation_behind_the_pairs(draft *d)
{
	d->keys[2][2] = (int64_t)d->num_pairs + 1;
}

/* The first key has all pairs: the others, which share them, are not followed. */
static void
keys_that_overlap(draft *d)
{
	d->keys[0][3] = 3;
	d->keys[1][2] = 0;
	d->pairs[0][1] = (int64_t)d->num_strings;
}

static void
without_subs(draft *d)
{
	d->num_pmcs = d->num_tags = 0;
	d->main_sub = -1;
	d->keys[2][1] = 1;
}

static void
major_version(draft *d)
{
	d->version[0] = 12;
	d->library_version[0] = 12;
	without_subs(d);
}

/* There a Sub's number says nothing, but what looks like one is one. */
static void
major_version_with_a_sub(draft *d)
{
	d->version[0] = 12;
	d->library_version[0] = 12;
}

static void
same_name_twice(draft *d)
{
	d->names[DRAFT_EXTRA] = d->names[DRAFT_ANNOTATIONS];
}

static void
other_ending(draft *d)
{
	d->names[DRAFT_ANNOTATIONS] = "BYTECODE_a_ANX";
}

static void
longer_name(draft *d)
{
	d->names[DRAFT_ANNOTATIONS] = "BYTECODE_ab_ANN";
}

enum { SUB_REFERENCE = 20, SUB_METADATA, SUB_WORDS };

static void
more_than_a_sub(draft *d)
{
	assert_int_equal(d->pmcs[0].num_words, SUB_WORDS);
	d->pmcs[0].num_words++;
}

/* A back reference without its two words, and without the second one. */
static void
back_to_no_constant(draft *d)
{
	d->pmcs[0].words[SUB_REFERENCE] = 2;
	d->pmcs[0].num_words = SUB_METADATA;
}

static void
back_to_no_object(draft *d)
{
	d->pmcs[0].words[SUB_REFERENCE] = 2;
	d->pmcs[0].words[SUB_METADATA] = 0;
}

/* Half of a pair, and a character behind those that the other half could be. */
static void
half_a_pair(draft *d)
{
	const bool little = d->layout.byte_order == IMAGO_LITTLE_ENDIAN;
	d->strings[8].bytes = little ? "\x3e\xd8\x00\xe0" : "\xd8\x3e\xe0\x00";
	d->strings[8].length = 4;
}

/* Four words, so that the first may be data and a table is behind it still. */
static void
no_constant(draft *d)
{
	draft_init_least(d, d->layout);
	d->num_tags = 1;
	d->tags[0][0] = d->tags[0][1] = 0;
}

static void
constants_with_data(const draft *d, imago_writer *file)
{
	draft_patch(d, file,
	            d->places[DRAFT_SEGMENTS + DRAFT_CONSTANTS] + 3 * (uint64_t)d->layout.word_bytes,
	            1);
}

static const edge edges[] = {
    {"dependency", 2, true, DRAFT_DEPENDENCIES, 0, null_dependency, NULL},
    {"library", 1, true, DRAFT_OPS, 14, library_as_long, NULL},
    {"opIndex", 1, true, DRAFT_OPS, 8, op_below_all, NULL},
    {"opCount", 1, true, DRAFT_CODE_TAIL, 2, op_without_a_row, NULL},
    {"opCount", 1, false, DRAFT_CODE_TAIL, 2, count_below_none, NULL},
    {"opIndex", 2, false, DRAFT_OPS, 10, fewer_rows_than_ops, NULL},
    {"operandConstant", 1, true, DRAFT_CODE, 6, string_constant, NULL},
    {"subRange", 2, true, ANYWHERE, 0, subs_out_of_range, NULL},
    {"mainSub", 1, true, DRAFT_CODE_TAIL, 0, main_sub_below_none, NULL},
    {"noCode", 1, true, DRAFT_DIRECTORY, 0, debug_of_no_code, NULL},
    {"debugPlace", 1, true, DRAFT_FILES, 3, debug_behind_the_code, NULL},
    {"noConstants", 1, true, DRAFT_SEGMENTS + DRAFT_CODES, 0, debug_without_constants, NULL},
    {"annotationType", 1, true, DRAFT_KEYS, 2, annotation_of_type_0, NULL},
    {"annotationRange", 1, true, DRAFT_KEYS, 11, annotation_behind_the_pairs, NULL},
    {NULL, 0, true, ANYWHERE, 0, keys_that_overlap, NULL},
    {"version", 1, true, FROM_START, 14, major_version, NULL},
    {"pmcShape", 1, false, ANYWHERE, 0, major_version_with_a_sub, NULL},
    {"segmentName", 1, true, DRAFT_NAMES + DRAFT_EXTRA, 0, same_name_twice, NULL},
    {"annotationsName", 1, true, DRAFT_NAMES + DRAFT_ANNOTATIONS, 0, other_ending, NULL},
    {"annotationsName", 1, true, DRAFT_NAMES + DRAFT_ANNOTATIONS, 0, longer_name, NULL},
    {"pmcStream", 1, true, DRAFT_PMCS, 1 + SUB_WORDS, more_than_a_sub, NULL},
    {"pmcStream", 1, true, DRAFT_PMCS, 1 + SUB_METADATA, back_to_no_constant, NULL},
    {"pmcStream", 1, true, DRAFT_PMCS, 1 + SUB_WORDS, back_to_no_object, NULL},
    {"stringText", 1, true, ANYWHERE, 0, half_a_pair, NULL},
    {"segmentData", 1, false, DRAFT_SEGMENTS + DRAFT_CONSTANTS, 0, no_constant,
     constants_with_data},
};

typedef struct noted {
	const char *rule;
	uint64_t first; /* offset of its first finding */
	size_t count, num_others;
	char line[512]; /* the last one of another rule */
	bool stops;
} noted;

static bool
note(const imago_finding *finding, void *payload)
{
	noted *n = payload;
	if (n->rule != NULL && strcmp(strchr(finding->rule->name, '.') + 1, n->rule) == 0) {
		n->first = n->count++ == 0 ? finding->offset : n->first;
	} else {
		n->num_others++;
		imago_finding_format(finding, "", n->line, sizeof n->line);
	}
	return !n->stops;
}

static noted
check(const fixture *f, const char *rule, bool stops)
{
	noted found = {.rule = rule, .stops = stops};
	imago_check_sink sink;
	imago_check_sink_init(&sink, NULL, note, &found);
	imago_packfile_check(&f->packfile, &sink);
	return found;
}

static void
each_edge_is_found_where_it_is(void **state)
{
	fixture *f = *state;
	for (size_t i = 0; i < NUM_PACKFILE_LAYOUTS * sizeof edges / sizeof edges[0]; i++) {
		const edge *e = &edges[i / NUM_PACKFILE_LAYOUTS];
		const imago_layout layout = packfile_layouts[i % NUM_PACKFILE_LAYOUTS];
		draft_init(&f->d, layout, 0);
		e->change(&f->d);
		packfile_write_draft(f);
		if (e->patch != NULL) {
			e->patch(&f->d, &f->file);
		}
		assert_ok(packfile_read_file(f), &f->error);
		const noted found = check(f, e->rule, false);
		if (found.count != e->count || (e->alone && found.num_others > 0)) {
			fail_msg("edge %zu: %zu of %s, %zu others: %s", i / NUM_PACKFILE_LAYOUTS, found.count,
			         e->rule != NULL ? e->rule : "none", found.num_others, found.line);
		}
		if (e->place < FROM_START) {
			assert_int_equal(found.first, f->d.places[e->place] + e->words * layout.word_bytes);
		} else if (e->place == FROM_START) {
			assert_int_equal(found.first, e->words);
		}
		const noted stopped = check(f, e->rule, true);
		assert_int_equal(stopped.count + stopped.num_others, e->rule != NULL ? 1 : 0);
	}
}

/* ---- Which constants a code segment has */

static void
of_two_tables_of_constants_the_first_counts(void **state)
{
	fixture *f = *state;
	for (size_t i = 0; i < NUM_PACKFILE_LAYOUTS; i++) {
		draft_init(&f->d, packfile_layouts[i], 0);
		f->d.types[DRAFT_EXTRA] = IMAGO_PACKFILE_CONSTANTS;
		f->d.num_extra = 4; /* no number, string, PMC or tag */
		f->d.extra[0] = f->d.extra[1] = 0;
		packfile_write_draft(f);
		draft_patch(
		    &f->d, &f->file,
		    f->d.places[DRAFT_SEGMENTS + DRAFT_EXTRA] + 3 * (uint64_t)f->d.layout.word_bytes, 0);
		assert_ok(packfile_read_file(f), &f->error);
		assert_int_equal(f->packfile.num_of[IMAGO_PACKFILE_CONSTANTS], 2);
		assert_int_equal(f->packfile.constants[1].num_strings, 0);
		assert_int_equal(f->packfile.codes[0].constants, 0);
		assert_ok(run_packfile(&f->packfile, 100, &f->printed), NULL);
		assert_string_equal(f->printed.text, DRAFT_PRINTS);
	}
}

/* ---- Runs */

/* The code was looked at instruction by instruction, and from there on it is another one. */
static void
a_run_that_starts_within_an_instruction_keeps_to_the_bounds(void **state)
{
	fixture *f = *state;
	enum { AT = 16 }; /* of the last print_ic but its operand, an op */
	static const struct {
		int64_t words[5];
		size_t num_words;
	} rows[] = {
	    {{0, 1, 3}, 3},        /* print_n N3 */
	    {{0, 2, 3}, 3},        /* print_s S3 */
	    {{0, 4, 0, 42, 3}, 0}, /* print_sc of constant 0, then an op 42 */
	    {{0, 5, 3}, 3},        /* set_n_nc N3 */
	    {{0, 5, 0, 42, 3}, 5}, /* set_n_nc N0, of constant 42 */
	    {{0, 6, 3}, 3},        /* set_s_sc S3 */
	    {{0, 6, 0, 42, 3}, 5}, /* set_s_sc S0, of constant 42 */
	};
	for (size_t i = 0; i < NUM_PACKFILE_LAYOUTS * sizeof rows / sizeof rows[0]; i++) {
		const size_t row = i / NUM_PACKFILE_LAYOUTS;
		const bool stops_at_once = rows[row].num_words > 0;
		draft *d = &f->d;
		draft_init(d, packfile_layouts[i % NUM_PACKFILE_LAYOUTS], 0);
		d->num_code = AT + (stops_at_once ? rows[row].num_words : 5);
		memcpy(d->code + AT, rows[row].words, sizeof rows[row].words);
		d->pmcs[0].words[2] = AT + 1;
		d->pmcs[0].words[3] = (int64_t)d->num_code;
		packfile_read_draft(f);
		assert_ok(run_packfile(&f->packfile, 100, &f->printed), NULL);
		const imago_packfile_result *result = &f->printed.result;
		assert_int_equal(result->end, IMAGO_PACKFILE_STOPPED);
		assert_string_equal(result->reason,
		                    stops_at_once ? "operand out of bounds" : "op that is not known");
		assert_int_equal(result->place, AT + (stops_at_once ? 1 : 3));
		assert_string_equal(f->printed.text, stops_at_once ? "" : "a.pir");
	}
}

/* A main sub is a constant. */
static void
without_constants_a_run_starts_at_the_beginning(void **state)
{
	fixture *f = *state;
	draft_init_least(&f->d, packfile_layouts[0]);
	f->d.has[DRAFT_CONSTANTS] = false;
	f->d.main_sub = 0;
	f->d.ops[0][1] = 0; /* end */
	packfile_read_draft(f);
	assert_ok(run_packfile(&f->packfile, 100, &f->printed), NULL);
	assert_int_equal(f->printed.result.end, IMAGO_PACKFILE_ENDED);
	assert_int_equal(f->printed.result.place, 0);
	assert_int_equal(f->printed.result.num_ops, 1);
}

/* ---- Conversions */

/* The first of two names has flags that 4 bytes cannot hold: nothing behind it is written. */
static void
a_dependency_that_cannot_be_narrowed_is_told(void **state)
{
	fixture *f = *state;
	const imago_packfile_target target = {.layout = packfile_layouts[0]};
	assert_int_equal(target.layout.word_bytes, 4);
	draft_init(&f->d, (imago_layout){8, IMAGO_LITTLE_ENDIAN}, 0);
	f->d.dependencies[0] = f->d.dependencies[1] = "m.so";
	f->d.num_dependencies = 2;
	packfile_write_draft(f);
	draft_patch(&f->d, &f->file, f->d.places[DRAFT_DEPENDENCIES], INT64_C(1) << 40);
	assert_ok(packfile_read_file(f), &f->error);
	assert_status(imago_packfile_write(&f->packfile, &target, &f->out, &f->error), &f->error,
	              IMAGO_EUNSUPPORTED);
	assert_error(&f->error, IMAGO_EUNSUPPORTED, "word that 4 bytes cannot hold",
	             f->d.places[DRAFT_DEPENDENCIES]);
	assert_int_equal(f->out.size, 0);
}

/* Who says what numbers of 16 bytes are is believed, whatever the byte order: what would be the
 * other order's customary form already stays. */
static void
numbers_whose_form_is_said_keep_it(void **state)
{
	fixture *f = *state;
	const imago_layout layouts[] = {{8, IMAGO_LITTLE_ENDIAN}, {8, IMAGO_BIG_ENDIAN}};
	for (size_t i = 0; i < 2; i++) {
		/* Of a little-endian file, a pair of doubles; of a big-endian one, an extended number. */
		const imago_packfile_options options = {.long_double = i == 0 ? IMAGO_NUMBER_DOUBLE_DOUBLE
		                                                              : IMAGO_NUMBER_X87};
		const imago_packfile_target target = {.layout = layouts[1 - i]};
		imago_packfile there;
		double value;
		draft_init(&f->d, layouts[i], 2);
		f->d.num_numbers = 1;
		draft other = {.layout = layouts[i], .float_type = i == 0 ? 0 : 1};
		draft_number(&other, 2.5, f->d.numbers[0]);
		packfile_write_draft(f);
		assert_ok(imago_packfile_read(&f->packfile, f->file.bytes, f->file.size, &options,
		                              &f->allocator, &f->error),
		          &f->error);
		assert_ok(imago_packfile_write(&f->packfile, &target, &f->out, &f->error), &f->error);
		assert_int_equal(f->out.bytes[10], 2);
		assert_ok(imago_packfile_read(&there, f->out.bytes, f->out.size, &options, &f->allocator,
		                              &f->error),
		          &f->error);
		assert_true(imago_packfile_number(&there, &there.constants[0], 0, &value));
		assert_true(value == 2.5);
		imago_packfile_close(&there);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    PACKFILE_TEST(each_edge_is_found_where_it_is),
	    PACKFILE_TEST(of_two_tables_of_constants_the_first_counts),
	    PACKFILE_TEST(a_run_that_starts_within_an_instruction_keeps_to_the_bounds),
	    PACKFILE_TEST(without_constants_a_run_starts_at_the_beginning),
	    PACKFILE_TEST(a_dependency_that_cannot_be_narrowed_is_told),
	    PACKFILE_TEST(numbers_whose_form_is_said_keep_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

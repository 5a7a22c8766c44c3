/* packfile_convert_test.c: packfiles written in every layout, and back; what would be lost is
 * refused by name. */
#include "packfile/packfile_recipes.h"
#include "packfile_fixture.h"

#include <string.h>

static imago_status
write_in(fixture *f, imago_layout layout)
{
	const imago_packfile_target target = {.layout = layout};
	imago_writer_release(&f->out);
	imago_writer_init(&f->out, &f->allocator, layout, NULL);
	return imago_packfile_write(&f->packfile, &target, &f->out, &f->error);
}

/* Reads what was written, writes it as the file was, and compares. */
static void
expect_back(fixture *f)
{
	imago_packfile there;
	imago_writer back;
	const imago_packfile_target home = {.layout = f->packfile.layout};
	imago_writer_init(&back, &f->allocator, f->packfile.layout, NULL);
	assert_ok(
	    imago_packfile_read(&there, f->out.bytes, f->out.size, NULL, &f->allocator, &f->error),
	    &f->error);
	assert_ok(imago_packfile_write(&there, &home, &back, &f->error), &f->error);
	assert_int_equal(back.size, f->file.size);
	assert_memory_equal(back.bytes, f->file.bytes, (size_t)back.size);
	imago_packfile_close(&there);
	imago_writer_release(&back);
}

/* The file of a draft in another layout is that of the same draft for that layout. */
static void
drafts_are_those_of_the_other_layout(void **state)
{
	fixture *f = *state;
	for (size_t i = 0; i < (size_t)3 * NUM_PACKFILE_LAYOUTS * NUM_PACKFILE_LAYOUTS; i++) {
		const imago_layout from = packfile_layouts[i % NUM_PACKFILE_LAYOUTS];
		const imago_layout to = packfile_layouts[i / NUM_PACKFILE_LAYOUTS % NUM_PACKFILE_LAYOUTS];
		const uint8_t float_type = (uint8_t)(i / NUM_PACKFILE_LAYOUTS / NUM_PACKFILE_LAYOUTS);
		draft expected;
		imago_writer file;
		draft_init(&f->d, from, float_type);
		draft_init(&expected, to, float_type);
		f->d.rest = expected.rest = "rest";
		f->d.rest_size = expected.rest_size = 5;
		f->d.uuid_type = expected.uuid_type = 1;
		f->d.uuid_size = expected.uuid_size = 16;
		f->d.dependencies[0] = expected.dependencies[0] = "m.so";
		f->d.dependencies[1] = expected.dependencies[1] = NULL;
		f->d.num_dependencies = expected.num_dependencies = 2;
		packfile_read_draft(f);
		imago_writer_init(&file, &f->allocator, to, NULL);
		draft_write(&expected, &file);
		assert_ok(write_in(f, to), &f->error);
		assert_int_equal(f->out.size, file.size);
		assert_memory_equal(f->out.bytes, file.bytes, (size_t)file.size);
		imago_writer_release(&file);
		expect_back(f);
	}
}

static void
what_is_written_is_appended(void **state)
{
	fixture *f = *state;
	const imago_packfile_target target = {.layout = packfile_layouts[3]};
	draft_init(&f->d, packfile_layouts[0], 0);
	packfile_read_draft(f);
	imago_write_bytes(&f->out, "before", 6);
	assert_ok(imago_packfile_write(&f->packfile, &target, &f->out, &f->error), &f->error);
	assert_memory_equal(f->out.bytes, "before", 6);
	imago_packfile there;
	assert_ok(imago_packfile_read(&there, f->out.bytes + 6, f->out.size - 6, NULL, &f->allocator,
	                              &f->error),
	          &f->error);
	imago_packfile_close(&there);
}

/* Words that 4 bytes cannot hold, wherever they stand. */
static void
widen_extra(draft *d)
{
	d->extra[2] = INT64_C(1) << 31;
}

static void
widen_operand(draft *d)
{
	d->code[d->num_code - 2] = -(INT64_C(1) << 31) - 1;
}

static void
widen_line(draft *d)
{
	d->lines[9] = INT64_C(1) << 40;
}

static void
widen_pmc(draft *d)
{
	d->pmcs[0].words[4] = INT64_C(1) << 32;
}

static void
widen_flags(draft *d)
{
	d->strings[6].flags |= INT64_C(1) << 40;
}

static void
narrowing_that_loses_is_refused(void **state)
{
	fixture *f = *state;
	void (*const rows[])(draft *) = {widen_extra, widen_operand, widen_line, widen_pmc,
	                                 widen_flags};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		draft_init(&f->d, packfile_layouts[3], 0);
		rows[i](&f->d);
		packfile_read_draft(f);
		for (size_t k = 0; k < NUM_PACKFILE_LAYOUTS; k++) {
			const imago_status status = write_in(f, packfile_layouts[k]);
			if (packfile_layouts[k].word_bytes == 8) {
				assert_ok(status, &f->error);
				expect_back(f);
			} else {
				assert_status(status, &f->error, IMAGO_EUNSUPPORTED);
				assert_string_equal(f->error.what, "word that 4 bytes cannot hold");
				assert_true(f->error.offset < f->file.size);
				assert_int_equal(f->out.size, 0);
			}
		}
	}
}

static void
unknown_class(draft *d)
{
	d->pmcs[0].words[1] = 40;
	d->pmcs[0].words[2] = -5;
}

static void
broken_stream(draft *d)
{
	d->pmcs[0].words[0] = 3;
}

static void
half_a_character(draft *d)
{
	d->strings[8] = (draft_string){0x401, "abc", 3};
}

static void
what_cannot_be_turned_is_refused(void **state)
{
	fixture *f = *state;
	static const struct {
		void (*change)(draft *);
		const char *what;
		bool order_only;
	} rows[] = {{unknown_class, "PMC of a class that is not known", false},
	            {broken_stream, "PMC that is no freeze stream", false},
	            {half_a_character, "string with a part of a character", true}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		draft_init(&f->d, packfile_layouts[1], 0);
		rows[i].change(&f->d);
		packfile_read_draft(f);
		for (size_t k = 0; k < NUM_PACKFILE_LAYOUTS; k++) {
			const bool same = rows[i].order_only
			                      ? packfile_layouts[k].byte_order == f->packfile.layout.byte_order
			                      : imago_layout_equal(packfile_layouts[k], f->packfile.layout);
			const imago_status status = write_in(f, packfile_layouts[k]);
			if (same) {
				assert_ok(status, &f->error);
				expect_back(f);
			} else {
				assert_status(status, &f->error, IMAGO_EUNSUPPORTED);
				assert_string_equal(f->error.what, rows[i].what);
			}
		}
	}
}

/* A packfile that breaks a rule is written so that it comes back, or refused. */
static void
broken_packfiles_come_back_or_are_refused(void **state)
{
	fixture *f = *state;
	size_t num_kept = 0;
	size_t num_refused = 0;
	for (size_t i = 0; i < num_packfile_recipes * NUM_PACKFILE_LAYOUTS * NUM_PACKFILE_LAYOUTS;
	     i++) {
		const imago_layout from = packfile_layouts[i % NUM_PACKFILE_LAYOUTS];
		const imago_layout to = packfile_layouts[i / NUM_PACKFILE_LAYOUTS % NUM_PACKFILE_LAYOUTS];
		packfile_forget(f);
		packfile_recipe_write(&packfile_recipes[i / NUM_PACKFILE_LAYOUTS / NUM_PACKFILE_LAYOUTS],
		                      from, &f->file);
		assert_ok(imago_packfile_read(&f->packfile, f->file.bytes, f->file.size, NULL,
		                              &f->allocator, &f->error),
		          &f->error);
		if (write_in(f, to) == IMAGO_OK) {
			expect_back(f);
			num_kept++;
		} else {
			assert_true(f->error.status == IMAGO_EUNSUPPORTED ||
			            f->error.status == IMAGO_ESTRUCTURE);
			assert_int_equal(f->out.size, 0);
			num_refused++;
		}
	}
	assert_true(num_kept > 500);
	assert_true(num_refused > 50);
}

static void
targets_that_there_are_not_are_refused(void **state)
{
	fixture *f = *state;
	static const imago_packfile_target targets[] = {
	    {{5, IMAGO_LITTLE_ENDIAN}, IMAGO_NUMBER_AUTO, 0},
	    {{8, IMAGO_LITTLE_ENDIAN}, IMAGO_NUMBER_X87, 10},
	    {{8, IMAGO_LITTLE_ENDIAN}, IMAGO_NUM_NUMBER_FORMS, 16},
	};
	draft_init(&f->d, packfile_layouts[0], 0);
	packfile_read_draft(f);
	for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
		assert_status(imago_packfile_write(&f->packfile, &targets[i], &f->out, &f->error),
		              &f->error, IMAGO_EUSAGE);
	}
}

/* Numbers of 16 bytes keep their form where the caller says what it is. */
static void
quads_stay_quads(void **state)
{
	fixture *f = *state;
	const imago_packfile_options options = {.long_double = IMAGO_NUMBER_QUAD};
	draft_init(&f->d, packfile_layouts[1], 2);
	f->d.numbers[0][0] = 0x3f;
	f->d.numbers[0][1] = 0xff;
	f->d.numbers[0][15] = 1;
	packfile_read_draft(f);
	imago_packfile_close(&f->packfile);
	assert_ok(imago_packfile_read(&f->packfile, f->file.bytes, f->file.size, &options,
	                              &f->allocator, &f->error),
	          &f->error);
	assert_ok(write_in(f, packfile_layouts[2]), &f->error);
	assert_int_equal(f->out.bytes[10], 2);
	imago_packfile there;
	assert_ok(
	    imago_packfile_read(&there, f->out.bytes, f->out.size, &options, &f->allocator, &f->error),
	    &f->error);
	assert_int_equal(there.bytes[there.constants[0].numbers], 1);
	assert_int_equal(there.bytes[there.constants[0].numbers + 15], 0x3f);
	imago_packfile_close(&there);
}

typedef struct attempt_state {
	const imago_writer *file;
	imago_layout layout;
} attempt_state;

static imago_status
attempt(imago_allocator *allocator, imago_error *error, void *payload)
{
	const attempt_state *at = payload;
	const imago_packfile_target target = {.layout = at->layout};
	imago_packfile packfile;
	imago_writer out;
	imago_writer_init(&out, allocator, at->layout, error);
	imago_status status =
	    imago_packfile_read(&packfile, at->file->bytes, at->file->size, NULL, allocator, error);
	if (status == IMAGO_OK) {
		status = imago_packfile_write(&packfile, &target, &out, error);
	}
	imago_writer_release(&out);
	imago_packfile_close(&packfile);
	return status;
}

static void
every_failing_allocation_is_reported(void **state)
{
	fixture *f = *state;
	for (size_t i = 0; i < NUM_PACKFILE_LAYOUTS; i++) {
		draft_init(&f->d, packfile_layouts[0], 2);
		packfile_read_draft(f);
		attempt_state at = {&f->file, packfile_layouts[i]};
		assert_every_allocation_failure_is_reported(attempt, &at);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    PACKFILE_TEST(drafts_are_those_of_the_other_layout),
	    PACKFILE_TEST(what_is_written_is_appended),
	    PACKFILE_TEST(narrowing_that_loses_is_refused),
	    PACKFILE_TEST(what_cannot_be_turned_is_refused),
	    PACKFILE_TEST(broken_packfiles_come_back_or_are_refused),
	    PACKFILE_TEST(targets_that_there_are_not_are_refused),
	    PACKFILE_TEST(quads_stay_quads),
	    PACKFILE_TEST(every_failing_allocation_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

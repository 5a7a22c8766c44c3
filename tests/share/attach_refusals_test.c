/* attach_refusals_test.c: plans that are refused before anything is allocated or mapped. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assertions.h"
#include "mapped.h"

typedef struct fixture {
	mapped_file file;
	imago_allocator allocator;
	imago_error error;
} fixture;

static int
set_up(void **state)
{
	fixture *f = calloc(1, sizeof *f);
	mapped_make(&f->file, mapped_layouts[0]);
	imago_allocator_init(&f->allocator, IMAGO_UNLIMITED);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	fixture *f = *state;
	mapped_release(&f->file);
	free(f);
	return 0;
}

typedef void change_fn(mapped_file *file);

/* One thing that is wrong with a plan. */
typedef struct refusal {
	change_fn *change;
	imago_status status;
	const char *what;
	int section; /* whose offset the error has; -1: none */
} refusal;

static void
word_of_two_bytes(mapped_file *file)
{
	file->plan.layout.word_bytes = 2;
}

static void
no_sections(mapped_file *file)
{
	file->plan.num_sections = 0;
}

static void
too_many_sections(mapped_file *file)
{
	file->plan.num_sections = IMAGO_ATTACH_MAX_SECTIONS + 1;
}

static void
odd_start(mapped_file *file)
{
	file->plan.start += 8;
}

static void
odd_span(mapped_file *file)
{
	file->plan.span -= 8;
}

static void
no_span(mapped_file *file)
{
	file->plan.span = 0;
}

static void
span_that_wraps(mapped_file *file)
{
	file->plan.start = UINT64_MAX - file->page_size + 1;
}

static void
words_that_do_not_reach_the_end(mapped_file *file)
{
	file->plan.layout.word_bytes = 4;
	file->plan.start = UINT64_C(0xffff0000);
}

static void
span_beyond_all_hosts(mapped_file *file)
{
	file->plan.start = 0;
	file->plan.span = UINT64_C(1) << 63;
}

static void
odd_address(mapped_file *file)
{
	file->sections[1].address += 8;
}

static void
odd_offset(mapped_file *file)
{
	file->sections[1].offset += 512;
}

static void
odd_size(mapped_file *file)
{
	file->sections[1].size += 1;
}

static void
no_size(mapped_file *file)
{
	file->sections[1].size = 0;
}

static void
before_the_span(mapped_file *file)
{
	file->sections[0].address -= file->page_size;
}

static void
behind_the_span(mapped_file *file)
{
	file->plan.span -= 9 * file->page_size;
}

static void
size_past_the_span(mapped_file *file)
{
	file->sections[4].size = file->plan.span;
}

static void
size_that_wraps(mapped_file *file)
{
	file->sections[1].size = UINT64_MAX - file->page_size + 1;
}

static void
overlap_by_a_page(mapped_file *file)
{
	file->sections[2].address -= file->page_size;
}

static void
the_same_address(mapped_file *file)
{
	file->sections[3].address = file->sections[2].address;
}

static void
descending(mapped_file *file)
{
	const imago_attach_section third = file->sections[2];
	file->sections[2] = file->sections[1];
	file->sections[1] = third;
}

static void
offset_past_the_end(mapped_file *file)
{
	file->sections[1].offset = (file->size + file->page_size) & ~(file->page_size - 1);
}

static void
end_past_the_end(mapped_file *file)
{
	file->sections[1].offset = file->sections[4].offset;
}

static void
offset_that_wraps(mapped_file *file)
{
	file->sections[1].offset = UINT64_MAX - file->page_size + 1;
}

static void
bitmap_past_the_end(mapped_file *file)
{
	file->sections[4].pointer_words++;
}

static void
bitmap_that_wraps(mapped_file *file)
{
	file->sections[4].pointer_words = UINT64_MAX;
}

static void
bitmap_where_the_words_are_narrower(mapped_file *file)
{
	mapped_want(file, 0x10000);
	file->plan.layout.word_bytes = 4;
	file->sections[1].pointer_words = file->sections[2].pointer_words;
}

static const refusal refusals[] = {
    {word_of_two_bytes, IMAGO_ERANGE, "word size", -1},
    {no_sections, IMAGO_ELIMIT, "number of sections", -1},
    {too_many_sections, IMAGO_ELIMIT, "number of sections", -1},
    {odd_start, IMAGO_EALIGN, "span", -1},
    {odd_span, IMAGO_EALIGN, "span", -1},
    {no_span, IMAGO_ERANGE, "span", -1},
    {span_that_wraps, IMAGO_ERANGE, "span", -1},
    {words_that_do_not_reach_the_end, IMAGO_ERANGE, "span of 4-byte words", -1},
    {span_beyond_all_hosts, IMAGO_ELIMIT, "span", -1},
    {odd_address, IMAGO_EALIGN, "section", 1},
    {odd_offset, IMAGO_EALIGN, "section", 1},
    {odd_size, IMAGO_EALIGN, "section", 1},
    {no_size, IMAGO_ERANGE, "section size", 1},
    {before_the_span, IMAGO_ERANGE, "section address", 0},
    {behind_the_span, IMAGO_ERANGE, "section size", 4},
    {size_past_the_span, IMAGO_ERANGE, "section size", 4},
    {size_that_wraps, IMAGO_ERANGE, "section size", 1},
    {overlap_by_a_page, IMAGO_ERANGE, "section address", 2},
    {the_same_address, IMAGO_ERANGE, "section address", 3},
    {descending, IMAGO_ERANGE, "section address", 2},
    {offset_past_the_end, IMAGO_ETRUNCATED, "section", 1},
    {end_past_the_end, IMAGO_ETRUNCATED, "section", 1},
    {offset_that_wraps, IMAGO_ETRUNCATED, "section", 1},
    {bitmap_past_the_end, IMAGO_ETRUNCATED, "pointer words of a section", 4},
    {bitmap_that_wraps, IMAGO_ETRUNCATED, "pointer words of a section", 4},
    {bitmap_where_the_words_are_narrower, IMAGO_ETRUNCATED, "pointer words of a section", 1},
};

static void
unsound_plans_are_refused_before_memory_is_asked_for(void **state)
{
	fixture *f = *state;
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		mapped_file changed = f->file;
		changed.plan.sections = changed.sections;
		refusals[i].change(&changed);
		imago_attachment *attachment = NULL;
		imago_error error = {.status = IMAGO_OK};
		assert_status(imago_attach(&attachment, changed.descriptor, &changed.plan, NULL,
		                           &f->allocator, &error),
		              &error, refusals[i].status);
		assert_error(&error, refusals[i].status, refusals[i].what,
		             refusals[i].section < 0 ? IMAGO_NO_OFFSET
		                                     : changed.sections[refusals[i].section].offset);
		assert_null(attachment);
		assert_int_equal(f->allocator.num_calls, 0);
	}
}

static void
only_regular_files_are_attached(void **state)
{
	fixture *f = *state;
	imago_attachment *attachment;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	assert_status(imago_attach(&attachment, ends[0], &f->file.plan, NULL, &f->allocator, &f->error),
	              &f->error, IMAGO_EUSAGE);
	close(ends[0]);
	close(ends[1]);
	assert_status(imago_attach(&attachment, ends[0], &f->file.plan, NULL, &f->allocator, &f->error),
	              &f->error, IMAGO_EIO);
	assert_string_equal(f->error.what, "descriptor");
}

static void
given_bases_must_be_aligned_and_possible(void **state)
{
	fixture *f = *state;
	static const struct {
		uint64_t base;
		imago_status status;
	} bases[] = {
	    {8, IMAGO_EALIGN},
	    {0, IMAGO_EIO},
	    {0x1000, IMAGO_EIO},
	    {UINT64_C(0xffffffffffff0000), IMAGO_EIO},
	    {UINT64_C(0xffffffff80000000), IMAGO_EIO},
	};
	for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
		imago_attachment *attachment;
		const imago_attach_options options = {IMAGO_PLACE_GIVEN, bases[i].base,
		                                      IMAGO_RELOCATION_AUTO};
		assert_status(imago_attach(&attachment, f->file.descriptor, &f->file.plan, &options,
		                           &f->allocator, &f->error),
		              &f->error, bases[i].status);
		assert_string_equal(f->error.what, "base");
	}
	assert_no_leak(&f->allocator);
}

/* A word of 4 bytes holds no address beyond; one that is not to be relocated need not. */
static void
words_of_4_bytes_are_not_moved_where_they_do_not_reach(void **state)
{
	fixture *f = *state;
	mapped_release(&f->file);
	mapped_make(&f->file, mapped_layouts[2]);
	const uint64_t end = UINT64_C(1) << 32;
	const uint64_t bases[] = {end, end - f->file.plan.span + f->file.page_size};
	for (size_t i = 0; i < 2; i++) {
		imago_attachment *attachment;
		const imago_attach_options options = {IMAGO_PLACE_GIVEN, bases[i], IMAGO_RELOCATION_AUTO};
		assert_status(imago_attach(&attachment, f->file.descriptor, &f->file.plan, &options,
		                           &f->allocator, &f->error),
		              &f->error, IMAGO_ERANGE);
		assert_string_equal(f->error.what, "base");
	}
	assert_no_leak(&f->allocator);
}

/* The last page of the file need not be whole for one who only reads it; a store, or a word that
 * moves, has nowhere to go. */
static void
only_what_is_read_may_end_in_a_part_of_a_page(void **state)
{
	fixture *f = *state;
	const uint64_t page = f->file.page_size;
	imago_attach_section *section = &f->file.sections[0];
	const uint64_t begin = f->file.size & ~(page - 1);
	assert_int_not_equal(f->file.size, begin);
	f->file.plan.num_sections = 1;
	section->offset = begin;
	section->size = page;
	for (size_t i = 0; i < 4; i++) {
		imago_attachment *attachment = NULL;
		section->writable = i == 1;
		section->has_pointers = i == 2;
		section->pointer_words = 0;
		section->size = i == 3 ? 2 * page : page;
		const imago_status status = imago_attach(&attachment, f->file.descriptor, &f->file.plan,
		                                         NULL, &f->allocator, &f->error);
		if (i > 0) {
			assert_status(status, &f->error, IMAGO_ETRUNCATED);
			continue;
		}
		assert_ok(status, &f->error);
		const uint8_t *bytes = imago_attachment_facts_of(attachment).bytes;
		assert_memory_equal(bytes, f->file.bytes + begin, (size_t)(f->file.size - begin));
		for (uint64_t k = f->file.size - begin; k < page; k++) {
			assert_int_equal(bytes[k], 0);
		}
		imago_detach(attachment);
	}
	assert_no_leak(&f->allocator);
}

static imago_status
attempt(imago_allocator *allocator, imago_error *error, void *payload)
{
	const mapped_file *file = payload;
	imago_attachment *attachment;
	const imago_attach_options options = {IMAGO_PLACE_ANYWHERE, 0, IMAGO_RELOCATION_AUTO};
	const imago_status status =
	    imago_attach(&attachment, file->descriptor, &file->plan, &options, allocator, error);
	if (status == IMAGO_OK) {
		imago_detach(attachment);
	}
	return status;
}

/* The lowest number that a new descriptor would have. */
static int
next_descriptor(void)
{
	const int next = dup(0);
	close(next);
	return next;
}

static void
failing_allocations_leave_nothing(void **state)
{
	fixture *f = *state;
	const int before = next_descriptor();
	assert_every_allocation_failure_is_reported(attempt, &f->file);
	assert_int_equal(next_descriptor(), before);
	/* The wanted address is free again. */
	imago_attachment *attachment;
	const imago_attach_options options = {IMAGO_PLACE_GIVEN, f->file.plan.start,
	                                      IMAGO_RELOCATION_AUTO};
	assert_ok(imago_attach(&attachment, f->file.descriptor, &f->file.plan, &options, &f->allocator,
	                       &f->error),
	          &f->error);
	imago_detach(attachment);
}

static void
nothing_is_detached_by_NULL(void **state)
{
	(void)state;
	imago_detach(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(unsound_plans_are_refused_before_memory_is_asked_for,
	                                    set_up, tear_down),
	    cmocka_unit_test_setup_teardown(only_regular_files_are_attached, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(given_bases_must_be_aligned_and_possible, set_up,
	                                    tear_down),
	    cmocka_unit_test_setup_teardown(words_of_4_bytes_are_not_moved_where_they_do_not_reach,
	                                    set_up, tear_down),
	    cmocka_unit_test_setup_teardown(only_what_is_read_may_end_in_a_part_of_a_page, set_up,
	                                    tear_down),
	    cmocka_unit_test_setup_teardown(failing_allocations_leave_nothing, set_up, tear_down),
	    cmocka_unit_test(nothing_is_detached_by_NULL),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

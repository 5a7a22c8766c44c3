/* places_test.c: addresses that are narrow, taken, wanted, or not there; and how many attachments a
 * process has. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <stdlib.h>
#include <sys/mman.h>

#include "assertions.h"
#include "mapped.h"

enum { NARROW_STEP = 1 << 24, MOST_ATTACHMENTS = 1024 };

static imago_attachment *
attach(mapped_fixture *f, imago_attach_options options)
{
	imago_attachment *attachment = NULL;
	assert_ok(imago_attach(&attachment, f->file.descriptor, &f->file.plan, &options, &f->allocator,
	                       &f->error),
	          &f->error);
	return attachment;
}

static void
use_narrow_words(mapped_fixture *f)
{
	mapped_release(&f->file);
	mapped_make(&f->file, mapped_layouts[2]);
	assert_int_equal(f->file.plan.layout.word_bytes, 4);
}

static uint64_t
base_of(const imago_attachment *attachment)
{
	return imago_attachment_facts_of(attachment).base;
}

static void
narrow_words_get_addresses_below_4_GiB(void **state)
{
	mapped_fixture *f = *state;
	const imago_attach_options anywhere = {IMAGO_PLACE_ANYWHERE, 0, IMAGO_RELOCATION_EAGER};
	use_narrow_words(f);
	/* The first address that is looked at is the wanted one; the next one is taken. */
	mapped_want(&f->file, NARROW_STEP);
	imago_attachment *first = attach(f, anywhere);
	imago_attachment *second = attach(f, anywhere);
	const uint64_t bases[] = {base_of(first), base_of(second)};
	for (size_t i = 0; i < 2; i++) {
		assert_true(bases[i] != NARROW_STEP);
		assert_true(bases[i] + f->file.plan.span <= UINT64_C(1) << 32);
	}
	assert_true(bases[0] != bases[1]);
	mapped_expect(&f->file, first);
	mapped_expect(&f->file, second);
	imago_detach(second);
	/* And those that are asked for. */
	const imago_attach_options given = {IMAGO_PLACE_GIVEN, bases[1], IMAGO_RELOCATION_EAGER};
	second = attach(f, given);
	assert_int_equal(base_of(second), bases[1]);
	mapped_expect(&f->file, second);
	imago_detach(second);
	imago_detach(first);
	assert_no_leak(&f->allocator);
}

static void
narrow_words_that_want_all_addresses_get_none(void **state)
{
	mapped_fixture *f = *state;
	imago_attachment *attachment = NULL;
	const imago_attach_options anywhere = {IMAGO_PLACE_ANYWHERE, 0, IMAGO_RELOCATION_EAGER};
	use_narrow_words(f);
	mapped_want(&f->file, NARROW_STEP);
	f->file.plan.span = (UINT64_C(1) << 32) - NARROW_STEP;
	assert_status(imago_attach(&attachment, f->file.descriptor, &f->file.plan, &anywhere,
	                           &f->allocator, &f->error),
	              &f->error, sizeof(void *) > 4 ? IMAGO_ERANGE : IMAGO_ELIMIT);
	assert_null(attachment);
	assert_no_leak(&f->allocator);
}

/* Anywhere is anywhere else: what the system would give first is what was wanted. */
static void
anywhere_is_not_where_it_was_wanted(void **state)
{
	mapped_fixture *f = *state;
	const imago_attach_options anywhere = {IMAGO_PLACE_ANYWHERE, 0, IMAGO_RELOCATION_AUTO};
	imago_attachment *attachment = attach(f, anywhere);
	const uint64_t next = base_of(attachment);
	imago_detach(attachment);
	mapped_want(&f->file, next);
	attachment = attach(f, anywhere);
	assert_int_not_equal(base_of(attachment), next);
	mapped_expect(&f->file, attachment);
	imago_detach(attachment);
	assert_no_leak(&f->allocator);
}

static void
a_base_that_no_memory_has_is_refused(void **state)
{
	mapped_fixture *f = *state;
	imago_attachment *attachment = NULL;
	const uint64_t page = f->file.page_size;
	const uint64_t bases[] = {0, page, (uint64_t)UINTPTR_MAX - page + 1};
	for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
		const imago_attach_options given = {IMAGO_PLACE_GIVEN, bases[i], IMAGO_RELOCATION_EAGER};
		assert_status(imago_attach(&attachment, f->file.descriptor, &f->file.plan, &given,
		                           &f->allocator, &f->error),
		              &f->error, IMAGO_EIO);
		assert_string_equal(f->error.what, "base");
	}
	assert_no_leak(&f->allocator);
}

static void
a_process_has_so_many_attachments_and_no_more(void **state)
{
	mapped_fixture *f = *state;
	const imago_attach_options anywhere = {IMAGO_PLACE_ANYWHERE, 0, IMAGO_RELOCATION_NONE};
	imago_attachment **all = calloc(MOST_ATTACHMENTS, sizeof(imago_attachment *));
	imago_attachment *one_more = NULL;
	assert_non_null(all);
	f->file.plan.num_sections = 1;
	for (size_t i = 0; i < MOST_ATTACHMENTS; i++) {
		all[i] = attach(f, anywhere);
	}
	assert_status(imago_attach(&one_more, f->file.descriptor, &f->file.plan, &anywhere,
	                           &f->allocator, &f->error),
	              &f->error, IMAGO_ELIMIT);
	assert_string_equal(f->error.what, "number of attachments");
	/* One that goes makes room for another. */
	imago_detach(all[7]);
	all[7] = attach(f, anywhere);
	for (size_t i = 0; i < MOST_ATTACHMENTS; i++) {
		imago_detach(all[i]);
	}
	free(all);
	assert_no_leak(&f->allocator);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(narrow_words_get_addresses_below_4_GiB, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(narrow_words_that_want_all_addresses_get_none,
	                                    mapped_set_up, mapped_tear_down),
	    cmocka_unit_test_setup_teardown(anywhere_is_not_where_it_was_wanted, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(a_base_that_no_memory_has_is_refused, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(a_process_has_so_many_attachments_and_no_more,
	                                    mapped_set_up, mapped_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

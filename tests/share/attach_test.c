/* attach_test.c: what is seen through an attachment, wherever it lies. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assertions.h"
#include "mapped.h"

static void
choose_layout(mapped_fixture *f, imago_layout layout)
{
	mapped_release(&f->file);
	mapped_make(&f->file, layout);
}

static imago_attachment *
attach(mapped_fixture *f, imago_attach_place place, uint64_t base, imago_relocation way)
{
	imago_attachment *attachment = NULL;
	const imago_attach_options options = {place, base, way};
	const imago_status status = imago_attach(&attachment, f->file.descriptor, &f->file.plan,
	                                         &options, &f->allocator, &f->error);
	assert_ok(status, &f->error);
	return attachment;
}

static imago_attachment *
attach_elsewhere(mapped_fixture *f, imago_relocation way)
{
	return attach(f, IMAGO_PLACE_ANYWHERE, 0, way);
}

static void
at_the_wanted_address_nothing_is_relocated(void **state)
{
	mapped_fixture *f = *state;
	for (size_t i = 0; i < 4; i++) {
		choose_layout(f, mapped_layouts[i]);
		if (f->file.plan.start == 0) {
			continue;
		}
		imago_attachment *attachment;
		assert_ok(imago_attach(&attachment, f->file.descriptor, &f->file.plan, NULL, &f->allocator,
		                       &f->error),
		          &f->error);
		const imago_attachment_facts facts = imago_attachment_facts_of(attachment);
		assert_int_equal(facts.base, f->file.plan.start);
		assert_int_equal((uintptr_t)facts.bytes, f->file.plan.start);
		assert_int_equal(facts.span, f->file.plan.span);
		assert_int_equal(facts.relocation, IMAGO_RELOCATION_NONE);
		mapped_expect(&f->file, attachment);
		assert_int_equal(imago_attachment_facts_of(attachment).num_faults, 0);
		imago_detach(attachment);
	}
	assert_no_leak(&f->allocator);
}

static void
elsewhere_marked_words_move_along(void **state)
{
	mapped_fixture *f = *state;
	for (size_t i = 0; i < 4; i++) {
		choose_layout(f, mapped_layouts[i]);
		for (size_t j = 0; j < f->num_ways; j++) {
			imago_attachment *attachment = attach_elsewhere(f, f->ways[j]);
			const imago_attachment_facts facts = imago_attachment_facts_of(attachment);
			assert_int_not_equal(facts.base, f->file.plan.start);
			assert_int_equal(facts.base, (uintptr_t)facts.bytes);
			assert_int_not_equal(facts.relocation, IMAGO_RELOCATION_NONE);
			mapped_expect(&f->file, attachment);
			imago_detach(attachment);
		}
	}
	assert_no_leak(&f->allocator);
}

/* By one page, by some, by the whole span but a page; up and down. */
static void
bases_may_overlap_the_wanted_addresses(void **state)
{
	mapped_fixture *f = *state;
	const uint64_t span = f->file.plan.span;
	const uint64_t page = f->file.page_size;
	const uint64_t distances[] = {page,        5 * page, 16 * page, span / 2 / page * page,
	                              span - page, span};
	const uint64_t start = mapped_free_address(3 * span, false) + span;
	mapped_want(&f->file, start);
	for (size_t i = 0; i < sizeof distances / sizeof distances[0]; i++) {
		for (size_t j = 0; j < 2 * f->num_ways; j++) {
			const uint64_t base = j % 2 == 0 ? start + distances[i] : start - distances[i];
			imago_attachment *attachment = attach(f, IMAGO_PLACE_GIVEN, base, f->ways[j / 2]);
			assert_int_equal(imago_attachment_facts_of(attachment).base, base);
			mapped_expect(&f->file, attachment);
			imago_detach(attachment);
		}
	}
}

/* How many faults there were, and pages, when a page of the long section has been looked at. */
static void
expect_faults(const mapped_fixture *f, const imago_attachment *attachment, uint64_t page,
              uint64_t num_faults, uint64_t num_pages)
{
	mapped_expect_word(&f->file, attachment, 1, page * f->file.page_size + 16);
	const imago_attachment_facts facts = imago_attachment_facts_of(attachment);
	assert_int_equal(facts.num_faults, num_faults);
	assert_int_equal(facts.num_pages_relocated, num_pages);
}

static void
pages_are_relocated_when_they_are_touched(void **state)
{
	mapped_fixture *f = *state;
	for (size_t j = 0; j < f->num_ways; j++) {
		imago_attachment *attachment = attach_elsewhere(f, f->ways[j]);
		const imago_attachment_facts before = imago_attachment_facts_of(attachment);
		if (before.relocation == IMAGO_RELOCATION_EAGER) {
			assert_int_equal(before.num_pages_relocated, 58);
		} else {
			assert_int_equal(before.num_pages_relocated, 0);
			mapped_expect_word(&f->file, attachment, 0, 8); /* without addresses */
			mapped_expect_word(&f->file, attachment, 3, 8);
			assert_int_equal(imago_attachment_facts_of(attachment).num_faults, 0);
			expect_faults(f, attachment, 20, 1, 1);
			expect_faults(f, attachment, 36, 2, 2); /* the last */
			expect_faults(f, attachment, 0, 3, 3);
			/* As many again as lie before it; not beyond pages 16 to 31. */
			expect_faults(f, attachment, 21, 4, 5);
			expect_faults(f, attachment, 22, 4, 5);
			expect_faults(f, attachment, 23, 5, 9);
			expect_faults(f, attachment, 27, 6, 14);
			/* Up to the next that is there. */
			expect_faults(f, attachment, 32, 7, 18);
			/* Backwards, too. */
			expect_faults(f, attachment, 19, 8, 22);
			expect_faults(f, attachment, 15, 9, 37);
			expect_faults(f, attachment, 4, 9, 37);
		}
		imago_detach(attachment);
	}
}

static void
where_the_wanted_address_is_taken_another_is(void **state)
{
	mapped_fixture *f = *state;
	const imago_attach_plan *plan = &f->file.plan;
	/* Of the whole span, only the last page is taken. */
	uint8_t *taken =
	    mmap((void *)(uintptr_t)(plan->start + plan->span - f->file.page_size),
	         (size_t)f->file.page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_int_equal((uintptr_t)taken, plan->start + plan->span - f->file.page_size);
	memset(taken, 7, (size_t)f->file.page_size);
	imago_attachment *attachment = attach(f, IMAGO_PLACE_WANTED, 0, IMAGO_RELOCATION_AUTO);
	assert_int_not_equal(imago_attachment_facts_of(attachment).base, plan->start);
	mapped_expect(&f->file, attachment);

	imago_attachment *other;
	const imago_attach_options given = {IMAGO_PLACE_GIVEN, plan->start, IMAGO_RELOCATION_AUTO};
	assert_status(imago_attach(&other, f->file.descriptor, plan, &given, &f->allocator, &f->error),
	              &f->error, IMAGO_EIO);
	assert_string_equal(f->error.what, "base");
	assert_int_equal(f->error.os_error, EEXIST);
	for (uint64_t i = 0; i < f->file.page_size; i++) {
		assert_int_equal(taken[i], 7);
	}
	munmap(taken, (size_t)f->file.page_size);
	imago_detach(attachment);
	assert_no_leak(&f->allocator);
}

/* Addresses that this host cannot have, and words that it cannot hold: kept, for who translates. */
static void
addresses_may_be_kept(void **state)
{
	mapped_fixture *f = *state;
	static const uint64_t starts[] = {0, UINT64_C(0xfffffffffff00000), 0x1000, 0xff000000};
	for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
		choose_layout(f, mapped_layouts[i]);
		mapped_want(&f->file, starts[i]);
		imago_attachment *attachment = attach(f, IMAGO_PLACE_WANTED, 0, IMAGO_RELOCATION_NONE);
		const imago_attachment_facts facts = imago_attachment_facts_of(attachment);
		assert_int_equal(facts.base, starts[i]);
		assert_int_equal(facts.relocation, IMAGO_RELOCATION_NONE);
		mapped_expect(&f->file, attachment);
		const imago_addr address = f->file.sections[3].address;
		assert_ptr_equal(imago_attachment_bytes(attachment, address, 8),
		                 facts.bytes + (address - facts.base));
		imago_detach(attachment);
	}
}

static void
wanted_addresses_that_no_host_has_lie_elsewhere(void **state)
{
	mapped_fixture *f = *state;
	static const uint64_t starts[] = {0, 0x1000, UINT64_C(0xfffffffffff00000)};
	for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
		mapped_want(&f->file, starts[i]);
		imago_attachment *attachment = attach(f, IMAGO_PLACE_WANTED, 0, IMAGO_RELOCATION_AUTO);
		assert_int_not_equal(imago_attachment_facts_of(attachment).base, starts[i]);
		mapped_expect(&f->file, attachment);
		imago_detach(attachment);
	}
}

static void
bytes_are_those_of_one_section(void **state)
{
	mapped_fixture *f = *state;
	imago_attachment *attachment = attach_elsewhere(f, IMAGO_RELOCATION_AUTO);
	const uint64_t delta = mapped_delta(&f->file, attachment);
	const uint64_t page = f->file.page_size;
	const imago_addr first = f->file.sections[0].address + delta;
	const imago_addr third = f->file.sections[2].address + delta;
	assert_ptr_equal(imago_attachment_bytes(attachment, first, 3 * page),
	                 mapped_section_bytes(&f->file, attachment, 0));
	assert_non_null(imago_attachment_bytes(attachment, first + 3 * page - 1, 1));
	assert_non_null(imago_attachment_bytes(attachment, first + 3 * page - 1, 0));
	assert_null(imago_attachment_bytes(attachment, first + 3 * page - 1, 2));
	assert_null(imago_attachment_bytes(attachment, first + 3 * page, 1));
	assert_null(imago_attachment_bytes(attachment, first - 1, 1));
	assert_null(imago_attachment_bytes(attachment, first, UINT64_MAX));
	assert_null(imago_attachment_bytes(attachment, third - 1, 2)); /* of two sections */
	assert_non_null(imago_attachment_bytes(attachment, third, 20 * page));
	assert_null(imago_attachment_bytes(attachment, third + 20 * page, 1));
	imago_detach(attachment);
}

static void
stores_are_seen_here_only(void **state)
{
	mapped_fixture *f = *state;
	for (size_t j = 0; j < f->num_ways; j++) {
		imago_attachment *written = attach_elsewhere(f, f->ways[j]);
		imago_attachment *other = attach_elsewhere(f, f->ways[j]);
		for (size_t i = 2; i < 4; i++) {
			uint8_t *bytes = mapped_section_bytes(&f->file, written, i);
			memset(bytes + f->file.page_size, 1, (size_t)f->file.page_size);
			for (uint64_t at = 0; at < f->file.sections[i].size; at++) {
				const bool here = at >= f->file.page_size && at < 2 * f->file.page_size;
				if (here) {
					assert_int_equal(bytes[at], 1);
				} else if (at % 8 == 0) {
					mapped_expect_word(&f->file, written, i, at);
				}
			}
		}
		mapped_expect(&f->file, other);
		imago_detach(other);
		imago_detach(written);
	}
	imago_attachment *after = attach_elsewhere(f, IMAGO_RELOCATION_AUTO);
	mapped_expect(&f->file, after);
	imago_detach(after);
}

/* The signal that ends a child which stores into a section, or 0. */
static int
signal_of_store(mapped_fixture *f, imago_attachment *attachment, size_t section, bool read_before)
{
	const pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		volatile uint8_t *bytes = mapped_section_bytes(&f->file, attachment, section);
		if (read_before) {
			(void)bytes[100];
		}
		alarm(10); /* a store that is tried for ever */
		bytes[100] = 1;
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void
stores_into_sections_to_read_trap(void **state)
{
	mapped_fixture *f = *state;
	signal(SIGSEGV, SIG_DFL); /* instead of cmocka's, which would go on with the next test */
	for (size_t j = 0; j < f->num_ways; j++) {
		imago_attachment *attachment = attach_elsewhere(f, f->ways[j]);
		for (int read = 0; read < 2; read++) {
			assert_int_equal(signal_of_store(f, attachment, 0, read), SIGSEGV);
			assert_int_equal(signal_of_store(f, attachment, 1, read), SIGSEGV);
			assert_int_equal(signal_of_store(f, attachment, 2, read), 0);
			assert_int_equal(signal_of_store(f, attachment, 3, read), 0);
		}
		imago_detach(attachment);
	}
}

static void
room_is_zeroed_memory_between_and_behind(void **state)
{
	mapped_fixture *f = *state;
	imago_attachment *attachment = attach_elsewhere(f, IMAGO_RELOCATION_AUTO);
	const imago_attachment_facts facts = imago_attachment_facts_of(attachment);
	const uint64_t page = f->file.page_size;
	const imago_addr behind = facts.base + facts.span - 8 * page;
	const imago_addr between = facts.base + 3 * page;
	uint8_t *bytes;
	assert_ok(imago_attachment_room(attachment, behind, 8 * page, &bytes, &f->error), &f->error);
	assert_ptr_equal(bytes, facts.bytes + facts.span - 8 * page);
	for (uint64_t i = 0; i < 8 * page; i++) {
		assert_int_equal(bytes[i], 0);
		bytes[i] = 1;
	}
	assert_ok(imago_attachment_room(attachment, between, page, &bytes, &f->error), &f->error);
	bytes[page - 1] = 1;
	mapped_expect(&f->file, attachment);

	const struct {
		imago_addr address;
		uint64_t size;
		imago_status status;
	} refusals[] = {
	    {behind + 1, page, IMAGO_EALIGN},
	    {behind, page + 1, IMAGO_EALIGN},
	    {behind, 0, IMAGO_ERANGE},
	    {behind, 9 * page, IMAGO_ERANGE},
	    {behind - page, page, IMAGO_ERANGE},
	    {between, 2 * page, IMAGO_ERANGE},
	    {between - page, 2 * page, IMAGO_ERANGE},
	    {facts.base - page, page, IMAGO_ERANGE},
	    {behind + 8 * page, page, IMAGO_ERANGE},
	};
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		assert_status(imago_attachment_room(attachment, refusals[i].address, refusals[i].size,
		                                    &bytes, &f->error),
		              &f->error, refusals[i].status);
	}
	imago_detach(attachment);
}

/* System calls do not raise signals: they fail, and must not be given what is not there. */
static void
what_is_filled_may_be_handed_to_system_calls(void **state)
{
	mapped_fixture *f = *state;
	for (size_t j = 0; j < f->num_ways; j++) {
		int ends[2];
		imago_attachment *attachment = attach_elsewhere(f, f->ways[j]);
		const imago_attachment_facts facts = imago_attachment_facts_of(attachment);
		const uint8_t *bytes = mapped_section_bytes(&f->file, attachment, 1);
		const uint64_t page = f->file.page_size;
		const imago_addr address = f->file.sections[1].address + mapped_delta(&f->file, attachment);
		assert_int_equal(pipe(ends), 0);
		if (facts.relocation != IMAGO_RELOCATION_EAGER) {
			assert_int_equal(write(ends[1], bytes + 15 * page, (size_t)(2 * page)), -1);
			assert_int_equal(errno, EFAULT);
		}
		assert_ok(imago_attachment_fill(attachment, address + 15 * page, 2 * page, &f->error),
		          &f->error);
		assert_int_equal(write(ends[1], bytes + 15 * page, (size_t)(2 * page)), 2 * page);
		assert_int_equal(imago_attachment_facts_of(attachment).num_faults, 0);
		close(ends[0]);
		close(ends[1]);

		/* All of two sections, and no further. */
		assert_ok(imago_attachment_fill(attachment, address, 57 * page, &f->error), &f->error);
		assert_int_equal(imago_attachment_facts_of(attachment).num_pages_relocated,
		                 facts.relocation == IMAGO_RELOCATION_EAGER ? 58 : 57);
		assert_ok(imago_attachment_fill(attachment, facts.base, 3 * page, &f->error), &f->error);
		assert_ok(imago_attachment_fill(attachment, address, 0, &f->error), &f->error);
		assert_status(imago_attachment_fill(attachment, address, 57 * page + 1, &f->error),
		              &f->error, IMAGO_ERANGE);
		assert_status(imago_attachment_fill(attachment, facts.base - 1, 1, &f->error), &f->error,
		              IMAGO_ERANGE);
		imago_detach(attachment);
	}
}

static void
many_lie_side_by_side(void **state)
{
	mapped_fixture *f = *state;
	enum { NUM = 40 };
	imago_attachment *attachments[NUM];
	for (size_t i = 0; i < NUM; i++) {
		attachments[i] = attach_elsewhere(f, f->ways[i % f->num_ways]);
	}
	for (size_t i = 0; i < NUM; i += 3) {
		imago_detach(attachments[i]);
		attachments[i] = NULL;
	}
	for (size_t i = 0; i < NUM; i++) {
		if (attachments[i] != NULL) {
			mapped_expect(&f->file, attachments[i]);
		}
		imago_detach(attachments[i]);
	}
	assert_no_leak(&f->allocator);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(at_the_wanted_address_nothing_is_relocated, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(elsewhere_marked_words_move_along, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(bases_may_overlap_the_wanted_addresses, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(pages_are_relocated_when_they_are_touched, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(where_the_wanted_address_is_taken_another_is, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(addresses_may_be_kept, mapped_set_up, mapped_tear_down),
	    cmocka_unit_test_setup_teardown(wanted_addresses_that_no_host_has_lie_elsewhere,
	                                    mapped_set_up, mapped_tear_down),
	    cmocka_unit_test_setup_teardown(bytes_are_those_of_one_section, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(stores_are_seen_here_only, mapped_set_up, mapped_tear_down),
	    cmocka_unit_test_setup_teardown(stores_into_sections_to_read_trap, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(room_is_zeroed_memory_between_and_behind, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(what_is_filled_may_be_handed_to_system_calls, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(many_lie_side_by_side, mapped_set_up, mapped_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* pages_test.c: pages counted, memory measured, writes tracked. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assertions.h"
#include "imago/pages.h"
#include "mapped.h"

enum { MAX_PAGES = 128 };

static imago_attachment *
attach(mapped_fixture *f, imago_attach_place place, imago_relocation way)
{
	imago_attachment *attachment = NULL;
	const imago_attach_options options = {place, 0, way};
	assert_ok(imago_attach(&attachment, f->file.descriptor, &f->file.plan, &options, &f->allocator,
	                       &f->error),
	          &f->error);
	return attachment;
}

/* Which pages of each section were told of. */
typedef struct seen_pages {
	const mapped_file *file;
	imago_addr base; /* of the attachment */
	bool pages[MAPPED_SECTIONS][MAX_PAGES];
	uint64_t num;
} seen_pages;

static void
see(size_t section, imago_addr address, uint64_t num_pages, void *payload)
{
	seen_pages *seen = payload;
	const imago_attach_section *row = &seen->file->sections[section];
	const uint64_t first =
	    (address - seen->base - (row->address - seen->file->plan.start)) / seen->file->page_size;
	assert_true(num_pages > 0);
	assert_true(first + num_pages <= row->size / seen->file->page_size);
	for (uint64_t i = first; i < first + num_pages; i++) {
		assert_false(seen->pages[section][i]);
		seen->pages[section][i] = true;
		seen->num++;
	}
}

static seen_pages
seen_of(mapped_fixture *f, const imago_attachment *attachment)
{
	return (seen_pages){.file = &f->file, .base = imago_attachment_facts_of(attachment).base};
}

static void
expect_counts(const imago_page_counts *counts, uint64_t absent, uint64_t shared, uint64_t private)
{
	assert_int_equal(counts->num_pages, absent + shared + private);
	assert_int_equal(counts->num_absent, absent);
	assert_int_equal(counts->num_shared, shared);
	assert_int_equal(counts->num_private, private);
}

static void
an_untouched_attachment_costs_nothing(void **state)
{
	mapped_fixture *f = *state;
	if (!mapped_pages_are_told()) {
		skip();
	}
	for (size_t j = 0; j < f->num_ways + 1; j++) {
		const imago_attach_place place =
		    j == f->num_ways ? IMAGO_PLACE_WANTED : IMAGO_PLACE_ANYWHERE;
		imago_attachment *attachment =
		    attach(f, place, j == f->num_ways ? IMAGO_RELOCATION_NONE : f->ways[j]);
		const bool eager =
		    imago_attachment_facts_of(attachment).relocation == IMAGO_RELOCATION_EAGER;
		imago_page_counts counts[MAPPED_SECTIONS];
		seen_pages seen = seen_of(f, attachment);
		assert_ok(imago_attachment_pages(attachment, counts, see, &seen, &f->error), &f->error);
		for (size_t i = 0; i < MAPPED_SECTIONS; i++) {
			const uint64_t pages = f->file.sections[i].size / f->file.page_size;
			const uint64_t private = eager && f->file.sections[i].has_pointers ? pages : 0;
			expect_counts(&counts[i], pages - private, 0, private);
		}
		assert_int_equal(seen.num, eager ? 58 : 0);
		imago_detach(attachment);
	}
}

/* At a foreign base: what has no addresses stays the file's. */
static void
pages_without_addresses_have_no_private_bytes_anywhere(void **state)
{
	mapped_fixture *f = *state;
	if (!mapped_pages_are_told()) {
		skip();
	}
	for (size_t j = 0; j < f->num_ways; j++) {
		imago_attachment *attachment = attach(f, IMAGO_PLACE_ANYWHERE, f->ways[j]);
		imago_page_counts counts[MAPPED_SECTIONS];
		mapped_expect(&f->file, attachment);
		assert_ok(imago_attachment_pages(attachment, counts, NULL, NULL, &f->error), &f->error);
		expect_counts(&counts[0], 0, 3, 0);
		expect_counts(&counts[1], 0, 0, 37);
		expect_counts(&counts[2], 0, 0, 20);
		expect_counts(&counts[3], 0, 2, 0);
		expect_counts(&counts[4], 0, 0, 1);
		imago_detach(attachment);
	}
	imago_attachment *attachment = attach(f, IMAGO_PLACE_WANTED, IMAGO_RELOCATION_AUTO);
	imago_page_counts counts[MAPPED_SECTIONS];
	mapped_expect(&f->file, attachment);
	assert_ok(imago_attachment_pages(attachment, counts, NULL, NULL, &f->error), &f->error);
	for (size_t i = 0; i < MAPPED_SECTIONS; i++) {
		expect_counts(&counts[i], 0, f->file.sections[i].size / f->file.page_size, 0);
	}
	imago_detach(attachment);
}

static void
private_pages_are_those_brought_in_or_written(void **state)
{
	mapped_fixture *f = *state;
	if (!mapped_pages_are_told()) {
		skip();
	}
	for (size_t j = 0; j < f->num_ways; j++) {
		imago_attachment *attachment = attach(f, IMAGO_PLACE_ANYWHERE, f->ways[j]);
		if (imago_attachment_facts_of(attachment).relocation != IMAGO_RELOCATION_EAGER) {
			const uint64_t page = f->file.page_size;
			imago_page_counts counts[MAPPED_SECTIONS];
			seen_pages seen = seen_of(f, attachment);
			mapped_expect_word(&f->file, attachment, 1, 36 * page);
			mapped_section_bytes(&f->file, attachment, 3)[page] = 1;
			assert_ok(imago_attachment_pages(attachment, counts, see, &seen, &f->error), &f->error);
			expect_counts(&counts[1], 36, 0, 1);
			assert_int_equal(counts[3].num_private, 1);
			assert_int_equal(seen.num, 2);
			assert_true(seen.pages[1][36] && seen.pages[3][1]);
		}
		imago_detach(attachment);
	}
}

static void
memory_is_measured(void **state)
{
	mapped_fixture *f = *state;
	imago_memory_use use;
	imago_attachment *attachment = attach(f, IMAGO_PLACE_ANYWHERE, IMAGO_RELOCATION_AUTO);
	if (imago_attachment_memory(attachment, &use, &f->error) != IMAGO_OK ||
	    !mapped_pages_are_told()) {
		imago_detach(attachment);
		skip();
	}
	assert_int_equal(use.resident, 0);
	assert_int_equal(use.proportional, 0);
	mapped_expect_word(&f->file, attachment, 1, 0);
	volatile uint8_t *plain = mapped_section_bytes(&f->file, attachment, 3);
	plain[0] = 1;
	assert_ok(imago_attachment_memory(attachment, &use, &f->error), &f->error);
	assert_in_range(use.private_dirty, 2 * f->file.page_size, 17 * f->file.page_size);
	assert_in_range(use.resident, 2 * f->file.page_size, 24 * f->file.page_size);
	assert_true(use.proportional <= use.resident);
	imago_detach(attachment);
}

static bool
track(mapped_fixture *f, imago_attachment *attachment)
{
	const imago_status status = imago_attachment_track(attachment, &f->error);
	if (status != IMAGO_OK) {
		assert_status(status, &f->error, IMAGO_EUNSUPPORTED);
		print_message("skipped: the system does not track writes\n");
	}
	return status == IMAGO_OK;
}

static uint64_t
num_written(mapped_fixture *f, imago_attachment *attachment, bool reset, seen_pages *seen)
{
	*seen = seen_of(f, attachment);
	assert_ok(imago_attachment_written(attachment, reset, see, seen, &f->error), &f->error);
	return seen->num;
}

/* Whether or not pages were there, read or written before. */
static void
written_pages_are_told_and_no_others(void **state)
{
	mapped_fixture *f = *state;
	const uint64_t page = f->file.page_size;
	for (size_t j = 0; j < f->num_ways + 1; j++) {
		const imago_attach_place place =
		    j == f->num_ways ? IMAGO_PLACE_WANTED : IMAGO_PLACE_ANYWHERE;
		imago_attachment *attachment =
		    attach(f, place, j == f->num_ways ? IMAGO_RELOCATION_NONE : f->ways[j]);
		seen_pages seen;
		assert_status(imago_attachment_written(attachment, true, see, &seen, &f->error), &f->error,
		              IMAGO_EUSAGE);
		uint8_t *with = mapped_section_bytes(&f->file, attachment, 2);
		uint8_t *without = mapped_section_bytes(&f->file, attachment, 3);
		with[0] = 1;
		mapped_expect_word(&f->file, attachment, 2, 3 * page);
		if (!track(f, attachment)) {
			imago_detach(attachment);
			skip();
		}
		assert_int_equal(num_written(f, attachment, false, &seen), 0);
		mapped_expect_word(&f->file, attachment, 2, 17 * page); /* brought in, not written */
		mapped_expect_word(&f->file, attachment, 3, page);
		mapped_expect_word(&f->file, attachment, 1, page);
		assert_int_equal(num_written(f, attachment, false, &seen), 0);
		with[8] = 2;
		with[3 * page] = 2;
		with[18 * page] = 2;
		without[0] = 2;
		assert_int_equal(num_written(f, attachment, false, &seen), 4);
		assert_true(seen.pages[2][0] && seen.pages[2][3] && seen.pages[2][18] && seen.pages[3][0]);
		assert_int_equal(num_written(f, attachment, true, &seen), 4);
		assert_int_equal(num_written(f, attachment, true, &seen), 0);
		with[18 * page] = 3;
		with[19 * page] = 3;
		without[page] = 3;
		assert_int_equal(num_written(f, attachment, true, &seen), 3);
		assert_true(seen.pages[2][18] && seen.pages[2][19] && seen.pages[3][1]);
		with[5 * page] = 4;
		assert_true(track(f, attachment)); /* begins anew */
		assert_int_equal(num_written(f, attachment, true, &seen), 0);
		/* And what is seen is what it was. */
		mapped_expect_word(&f->file, attachment, 2, 5 * page + 8);
		assert_int_equal(with[18 * page], 3);
		imago_detach(attachment);
	}
}

static void
count_pages(size_t section, imago_addr address, uint64_t num_pages, void *payload)
{
	(void)section;
	(void)address;
	*(uint64_t *)payload += num_pages;
}

/* More runs than one look has room for. */
static void
all_runs_are_told(void **state)
{
	mapped_fixture *f = *state;
	const uint64_t page = f->file.page_size;
	const uint64_t num_pages = 600;
	uint8_t *bytes = calloc(1, (size_t)(num_pages * page));
	const int descriptor = mapped_descriptor(bytes, num_pages * page);
	const imago_attach_section section = {.size = num_pages * page, .writable = true};
	const imago_attach_plan plan = {mapped_layouts[0], &section, 1, 0, num_pages * page};
	imago_attachment *attachment;
	assert_ok(imago_attach(&attachment, descriptor, &plan, NULL, &f->allocator, &f->error),
	          &f->error);
	if (track(f, attachment)) {
		uint8_t *written = imago_attachment_facts_of(attachment).bytes;
		imago_page_counts counts;
		uint64_t num = 0;
		for (uint64_t i = 0; i < num_pages; i += 2) {
			written[i * page] = 1;
		}
		assert_ok(imago_attachment_written(attachment, true, count_pages, &num, &f->error),
		          &f->error);
		assert_int_equal(num, num_pages / 2);
		num = 0;
		assert_ok(imago_attachment_pages(attachment, &counts, count_pages, &num, &f->error),
		          &f->error);
		assert_int_equal(num, num_pages / 2);
		assert_int_equal(counts.num_private, num_pages / 2);
	}
	imago_detach(attachment);
	close(descriptor);
	free(bytes);
}

static void
a_child_tracks_nothing_until_it_asks(void **state)
{
	mapped_fixture *f = *state;
	signal(SIGSEGV, SIG_DFL); /* instead of cmocka's, for the child */
	for (size_t j = 0; j < f->num_ways; j++) {
		imago_attachment *attachment = attach(f, IMAGO_PLACE_ANYWHERE, f->ways[j]);
		seen_pages seen;
		int status;
		if (!track(f, attachment)) {
			imago_detach(attachment);
			skip();
		}
		uint8_t *bytes = mapped_section_bytes(&f->file, attachment, 2);
		bytes[0] = 1;
		const pid_t child = fork();
		if (child == 0) {
			bool right =
			    imago_attachment_written(attachment, true, see, &seen, &f->error) == IMAGO_EUSAGE;
			right = right && imago_attachment_track(attachment, &f->error) == IMAGO_OK;
			right = right && num_written(f, attachment, true, &seen) == 0;
			bytes[f->file.page_size] = 2;
			right = right && num_written(f, attachment, true, &seen) == 1;
			mapped_end_child(right);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		assert_int_equal(num_written(f, attachment, true, &seen), 1);
		assert_true(seen.pages[2][0]);
		imago_detach(attachment);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(an_untouched_attachment_costs_nothing, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(pages_without_addresses_have_no_private_bytes_anywhere,
	                                    mapped_set_up, mapped_tear_down),
	    cmocka_unit_test_setup_teardown(private_pages_are_those_brought_in_or_written,
	                                    mapped_set_up, mapped_tear_down),
	    cmocka_unit_test_setup_teardown(memory_is_measured, mapped_set_up, mapped_tear_down),
	    cmocka_unit_test_setup_teardown(written_pages_are_told_and_no_others, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(all_runs_are_told, mapped_set_up, mapped_tear_down),
	    cmocka_unit_test_setup_teardown(a_child_tracks_nothing_until_it_asks, mapped_set_up,
	                                    mapped_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

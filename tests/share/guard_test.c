/* guard_test.c: files that are cut, rewritten or replaced while they are attached. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assertions.h"
#include "mapped.h"

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

/* A reader that says how far it came. */
typedef struct reading {
	const mapped_file *file;
	imago_attachment *attachment;
	size_t section;
	uint64_t at;
	uint64_t wrong_from; /* file offset of the first word that is not as it was, or UINT64_MAX */
} reading;

static imago_status
read_all(void *payload)
{
	reading *r = payload;
	const uint64_t delta = mapped_delta(r->file, r->attachment);
	for (r->section = 0; r->section < MAPPED_SECTIONS; r->section++) {
		const uint8_t *bytes = mapped_section_bytes(r->file, r->attachment, r->section);
		for (r->at = 0; r->at < r->file->sections[r->section].size; r->at += 8) {
			if (mapped_word_at(bytes + r->at, r->file->plan.layout) !=
			        mapped_word(r->file, r->section, r->at, delta) &&
			    r->wrong_from == UINT64_MAX) {
				r->wrong_from = r->file->sections[r->section].offset + r->at;
			}
		}
	}
	return IMAGO_OK;
}

static reading
reading_of(const mapped_fixture *f, imago_attachment *attachment)
{
	return (reading){.file = &f->file, .attachment = attachment, .wrong_from = UINT64_MAX};
}

/* A new file for the next cut. */
static void
make_anew(mapped_fixture *f)
{
	close(f->file.descriptor);
	f->file.descriptor = mapped_descriptor(f->file.bytes, f->file.size);
}

static void
expect_cut(mapped_fixture *f, imago_attachment *attachment, uint64_t cut)
{
	reading r = reading_of(f, attachment);
	f->error = (imago_error){.status = IMAGO_OK};
	assert_status(imago_attachment_guard(attachment, read_all, &r, &f->error), &f->error,
	              IMAGO_EIO);
	assert_non_null(f->error.what);
	/* The place is what was cut away: a page of which some is, or the bits of a section. */
	assert_true(f->error.offset >= cut - cut % f->file.page_size);
	assert_true(f->error.offset < f->file.size);
	/* Before the cut, nothing was other than it was. */
	assert_true(r.wrong_from >= cut - cut % 8);
	assert_status(imago_attachment_check_file(attachment, &f->error), &f->error, IMAGO_EIO);
	assert_int_equal(f->error.offset, cut);
}

/* Around the page with that number: one byte less, all, one more. */
static uint64_t
cut_of(const mapped_fixture *f, unsigned number)
{
	const uint64_t at = (uint64_t)(number / 3) * f->file.page_size + number % 3;
	return at == 0 ? 0 : at - 1;
}

static void
no_cut_ends_the_process_or_goes_unseen(void **state)
{
	mapped_fixture *f = *state;
	if (!mapped_gone_pages_are_told()) {
		skip();
	}
	const unsigned num_cuts = 3 * (unsigned)(f->file.size / f->file.page_size) + 3;
	for (size_t j = 0; j < f->num_ways + 2; j++) {
		const imago_attach_place place =
		    j == f->num_ways + 1 ? IMAGO_PLACE_WANTED : IMAGO_PLACE_ANYWHERE;
		const imago_relocation way = j >= f->num_ways ? IMAGO_RELOCATION_NONE : f->ways[j];
		for (unsigned i = 0; i < num_cuts && cut_of(f, i) < f->file.size; i++) {
			imago_attachment *attachment = attach(f, place, way);
			assert_int_equal(ftruncate(f->file.descriptor, (off_t)cut_of(f, i)), 0);
			expect_cut(f, attachment, cut_of(f, i));
			imago_detach(attachment);
			make_anew(f);
		}
	}
	assert_no_leak(&f->allocator);
}

/* Pages of the file go even when they were read, or copied, before. */
static void
what_was_read_before_the_cut_may_be_gone_too(void **state)
{
	mapped_fixture *f = *state;
	if (!mapped_gone_pages_are_told()) {
		skip();
	}
	for (size_t j = 0; j < f->num_ways + 1; j++) {
		const imago_relocation way = j == f->num_ways ? IMAGO_RELOCATION_NONE : f->ways[j];
		for (unsigned i = 0; i < 3 * 64; i += 11) {
			imago_attachment *attachment = attach(f, IMAGO_PLACE_ANYWHERE, way);
			reading r = reading_of(f, attachment);
			assert_ok(imago_attachment_guard(attachment, read_all, &r, &f->error), &f->error);
			assert_int_equal(r.wrong_from, UINT64_MAX);
			volatile uint8_t *own = mapped_section_bytes(&f->file, attachment, 3);
			own[0] = own[0]; /* now a copy */
			assert_int_equal(ftruncate(f->file.descriptor, (off_t)cut_of(f, i)), 0);
			expect_cut(f, attachment, cut_of(f, i));
			imago_detach(attachment);
			make_anew(f);
		}
	}
}

static void
filling_tells_of_a_cut(void **state)
{
	mapped_fixture *f = *state;
	if (!mapped_gone_pages_are_told()) {
		skip();
	}
	for (size_t j = 0; j < f->num_ways; j++) {
		imago_attachment *attachment = attach(f, IMAGO_PLACE_ANYWHERE, f->ways[j]);
		const uint64_t delta = mapped_delta(&f->file, attachment);
		const uint64_t cut = f->file.sections[1].offset + 20 * f->file.page_size + 1;
		const bool eager =
		    imago_attachment_facts_of(attachment).relocation == IMAGO_RELOCATION_EAGER;
		assert_int_equal(ftruncate(f->file.descriptor, (off_t)cut), 0);
		for (size_t i = 1; i < 4; i++) {
			const imago_status status =
			    imago_attachment_fill(attachment, f->file.sections[i].address + delta,
			                          f->file.sections[i].size, &f->error);
			if (eager && i < 3) {
				assert_ok(status, &f->error);
			} else {
				assert_status(status, &f->error, IMAGO_EIO);
				assert_true(f->error.offset >= cut - 1);
			}
		}
		imago_detach(attachment);
		make_anew(f);
	}
}

static void
a_file_cut_before_is_refused(void **state)
{
	mapped_fixture *f = *state;
	imago_attachment *attachment;
	assert_int_equal(ftruncate(f->file.descriptor, (off_t)f->file.size - 1), 0);
	assert_status(imago_attach(&attachment, f->file.descriptor, &f->file.plan, NULL, &f->allocator,
	                           &f->error),
	              &f->error, IMAGO_ETRUNCATED);
}

static void
a_file_written_in_place_is_found_out(void **state)
{
	mapped_fixture *f = *state;
	for (size_t j = 0; j < f->num_ways; j++) {
		imago_attachment *attachment = attach(f, IMAGO_PLACE_ANYWHERE, f->ways[j]);
		reading r = reading_of(f, attachment);
		assert_ok(imago_attachment_check_file(attachment, &f->error), &f->error);
		struct stat before;
		fstat(f->file.descriptor, &before);
		usleep(20000); /* clocks of file systems are coarse */
		assert_int_equal(pwrite(f->file.descriptor, "", 1, (off_t)f->file.sections[1].offset), 1);
		assert_status(imago_attachment_guard(attachment, read_all, &r, &f->error), &f->error,
		              IMAGO_EIO);
		assert_string_equal(f->error.what, "attached file, which was written");
		/* Who puts the time back is found out all the same. */
		const struct timespec times[2] = {before.st_atim, before.st_mtim};
		assert_int_equal(futimens(f->file.descriptor, times), 0);
		assert_status(imago_attachment_check_file(attachment, &f->error), &f->error, IMAGO_EIO);
		imago_detach(attachment);
		make_anew(f);
	}
}

static void
a_file_that_grows_is_found_out(void **state)
{
	mapped_fixture *f = *state;
	imago_attachment *attachment = attach(f, IMAGO_PLACE_ANYWHERE, IMAGO_RELOCATION_AUTO);
	assert_int_equal(ftruncate(f->file.descriptor, (off_t)f->file.size + 1), 0);
	assert_status(imago_attachment_check_file(attachment, &f->error), &f->error, IMAGO_EIO);
	imago_detach(attachment);
}

/* As a save does it: what is attached stays the old file. */
static void
a_newer_file_under_its_name_is_no_change(void **state)
{
	mapped_fixture *f = *state;
	const char *folder = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
	char path[256];
	char newer[256];
	snprintf(path, sizeof path, "%s/imago-share-old-XXXXXX", folder);
	snprintf(newer, sizeof newer, "%s/imago-share-new-XXXXXX", folder);
	close(f->file.descriptor);
	f->file.descriptor = mkstemp(path);
	assert_int_equal(write(f->file.descriptor, f->file.bytes, (size_t)f->file.size), f->file.size);
	imago_attachment *attachment = attach(f, IMAGO_PLACE_ANYWHERE, IMAGO_RELOCATION_AUTO);
	close(f->file.descriptor);
	usleep(20000);
	f->file.descriptor = mkstemp(newer);
	assert_int_equal(write(f->file.descriptor, "newer", 5), 5);
	assert_int_equal(rename(newer, path), 0);
	reading r = reading_of(f, attachment);
	assert_ok(imago_attachment_guard(attachment, read_all, &r, &f->error), &f->error);
	assert_int_equal(r.wrong_from, UINT64_MAX);
	imago_detach(attachment);
	unlink(path);
}

static imago_status
refuse(void *payload)
{
	(void)payload;
	return IMAGO_ELIMIT;
}

static void
a_guarded_function_has_its_own_status(void **state)
{
	mapped_fixture *f = *state;
	imago_attachment *attachment = attach(f, IMAGO_PLACE_ANYWHERE, IMAGO_RELOCATION_AUTO);
	assert_int_equal(imago_attachment_guard(attachment, refuse, NULL, &f->error), IMAGO_ELIMIT);
	imago_detach(attachment);
}

/* Guards of two attachments, one in the other; the page that is gone is the outer one's, or both's.
 */
typedef struct nest {
	reading outer, inner;
	imago_error error;
	imago_status inner_status;
	bool behind;
} nest;

static imago_status
read_outer_inside(void *payload)
{
	nest *n = payload;
	return read_all(&n->outer);
}

static imago_status
guard_inner(void *payload)
{
	nest *n = payload;
	n->inner_status = imago_attachment_guard(n->inner.attachment, read_outer_inside, n, &n->error);
	n->behind = true;
	return IMAGO_OK;
}

static void
the_guard_of_the_attachment_is_the_one_that_ends(void **state)
{
	mapped_fixture *f = *state;
	if (!mapped_gone_pages_are_told()) {
		skip();
	}
	sigset_t before;
	sigset_t after;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	mapped_file other;
	mapped_make(&other, mapped_layouts[0]);
	imago_attachment *inner;
	assert_ok(imago_attach(&inner, other.descriptor, &other.plan, NULL, &f->allocator, &f->error),
	          &f->error);
	imago_attachment *outer = attach(f, IMAGO_PLACE_ANYWHERE, IMAGO_RELOCATION_AUTO);
	nest n = {.outer = reading_of(f, outer), .inner = reading_of(f, inner)};
	assert_ok(imago_attachment_guard(outer, guard_inner, &n, &f->error), &f->error);
	assert_true(n.behind);
	assert_int_equal(ftruncate(f->file.descriptor, 0), 0);
	n.behind = false;
	assert_status(imago_attachment_guard(outer, guard_inner, &n, &f->error), &f->error, IMAGO_EIO);
	assert_false(n.behind);
	/* Both the same: the inner one. */
	n.inner.attachment = outer;
	assert_status(imago_attachment_guard(outer, guard_inner, &n, &f->error), &f->error, IMAGO_EIO);
	assert_true(n.behind);
	assert_int_equal(n.inner_status, IMAGO_EIO);
	/* And each leaves the thread as it was. */
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int i = 1; i < 32; i++) {
		assert_int_equal(sigismember(&before, i), sigismember(&after, i));
	}
	imago_detach(outer);
	imago_detach(inner);
	mapped_release(&other);
}

typedef struct cutter {
	int descriptor;
	uint64_t size;
} cutter;

static void *
cut_soon(void *payload)
{
	const cutter *c = payload;
	usleep(2000);
	(void)!ftruncate(c->descriptor, (off_t)c->size);
	return NULL;
}

static void
a_cut_under_a_reader_ends_the_reading(void **state)
{
	mapped_fixture *f = *state;
	if (!mapped_gone_pages_are_told()) {
		skip();
	}
	for (size_t j = 0; j < 4 * (f->num_ways + 1); j++) {
		const size_t way = j % (f->num_ways + 1);
		imago_attachment *attachment = attach(
		    f, IMAGO_PLACE_ANYWHERE, way == f->num_ways ? IMAGO_RELOCATION_NONE : f->ways[way]);
		cutter c = {f->file.descriptor, (j + 1) * f->file.page_size};
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL, cut_soon, &c), 0);
		imago_status status = IMAGO_OK;
		while (status == IMAGO_OK) {
			reading r = reading_of(f, attachment);
			status = imago_attachment_guard(attachment, read_all, &r, &f->error);
			assert_true(status != IMAGO_OK || r.wrong_from == UINT64_MAX);
		}
		assert_status(status, &f->error, IMAGO_EIO);
		pthread_join(thread, NULL);
		imago_detach(attachment);
		make_anew(f);
	}
}

/* Without a guard it is as without imago. */
static void
an_unguarded_page_that_is_gone_raises_SIGBUS(void **state)
{
	mapped_fixture *f = *state;
	signal(SIGSEGV, SIG_DFL); /* instead of cmocka's, which would go on with the next test */
	signal(SIGBUS, SIG_DFL);
	for (size_t j = 0; j < f->num_ways; j++) {
		imago_attachment *attachment = attach(f, IMAGO_PLACE_ANYWHERE, f->ways[j]);
		assert_int_equal(ftruncate(f->file.descriptor, 0), 0);
		for (size_t i = 0; i < 2; i++) {
			const bool there = i == 1 && imago_attachment_facts_of(attachment).relocation ==
			                                 IMAGO_RELOCATION_EAGER;
			int status;
			const pid_t child = fork();
			if (child == 0) {
				alarm(10);
				(void)*(volatile uint8_t *)mapped_section_bytes(&f->file, attachment, i);
				_exit(0);
			}
			assert_int_equal(waitpid(child, &status, 0), child);
			assert_int_equal(WIFSIGNALED(status), !there);
			assert_true(there || WTERMSIG(status) == SIGBUS || WTERMSIG(status) == SIGSEGV);
		}
		imago_detach(attachment);
		make_anew(f);
	}
}

/* Faults that are none of ours go where they went before. */
static sigjmp_buf back;
static volatile uintptr_t seen;

static void
earlier_handler(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	seen = (uintptr_t)info->si_addr;
	siglongjmp(back, 1);
}

static void
faults_elsewhere_go_to_the_earlier_handler(void **state)
{
	mapped_fixture *f = *state;
	if (!mapped_gone_pages_are_told()) {
		skip();
	}
	const size_t page = (size_t)f->file.page_size;
	struct sigaction action = {.sa_sigaction = earlier_handler, .sa_flags = SA_SIGINFO};
	assert_int_equal(sigaction(SIGSEGV, &action, NULL), 0);
	assert_int_equal(sigaction(SIGBUS, &action, NULL), 0);
	uint8_t *closed = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *gone = mmap(NULL, page, PROT_READ, MAP_PRIVATE, f->file.descriptor, 0);
	assert_true(closed != MAP_FAILED && gone != MAP_FAILED);
	imago_attachment *attachment = attach(f, IMAGO_PLACE_ANYWHERE, IMAGO_RELOCATION_AUTO);
	mapped_expect(&f->file, attachment);
	uint8_t *const places[] = {closed + 8, mapped_section_bytes(&f->file, attachment, 1) - 8};
	for (size_t i = 0; i < 2; i++) {
		seen = 0;
		if (sigsetjmp(back, 1) == 0) {
			(void)*(volatile uint8_t *)places[i];
		}
		assert_int_equal(seen / page, (uintptr_t)places[i] / page);
	}
	assert_int_equal(ftruncate(f->file.descriptor, 0), 0);
	seen = 0;
	if (sigsetjmp(back, 1) == 0) {
		(void)*(volatile uint8_t *)gone;
	}
	assert_int_equal(seen, (uintptr_t)gone);
	/* A signal that somebody sends is no fault. */
	seen = 1;
	if (sigsetjmp(back, 1) == 0) {
		raise(SIGBUS);
	}
	assert_int_not_equal(seen, 1);
	munmap(closed, page);
	munmap(gone, page);
	imago_detach(attachment);
}

static void
expect_at_earlier_handler(volatile uint8_t *place, bool stores)
{
	seen = 0;
	if (sigsetjmp(back, 1) == 0) {
		if (stores) {
			*place = 1;
		} else {
			(void)*place;
		}
	}
	assert_int_equal(seen, (uintptr_t)place);
}

/* Stores into sections to read only, whatever is behind them, and pages that are gone. */
static void
faults_that_cannot_be_answered_go_to_the_earlier_handler(void **state)
{
	mapped_fixture *f = *state;
	if (!mapped_gone_pages_are_told()) {
		skip();
	}
	struct sigaction action = {.sa_sigaction = earlier_handler, .sa_flags = SA_SIGINFO};
	assert_int_equal(sigaction(SIGSEGV, &action, NULL), 0);
	assert_int_equal(sigaction(SIGBUS, &action, NULL), 0);
	for (size_t j = 0; j < f->num_ways; j++) {
		imago_attachment *attachment = attach(f, IMAGO_PLACE_ANYWHERE, f->ways[j]);
		expect_at_earlier_handler(mapped_section_bytes(&f->file, attachment, 0) + 100, true);
		expect_at_earlier_handler(mapped_section_bytes(&f->file, attachment, 1) + 100, true);
		mapped_expect(&f->file, attachment);
		assert_int_equal(ftruncate(f->file.descriptor, 0), 0);
		expect_at_earlier_handler(mapped_section_bytes(&f->file, attachment, 0), false);
		imago_detach(attachment);
		make_anew(f);
	}
}

static volatile sig_atomic_t num_sent;

static void
count_sent(int number)
{
	num_sent += number == SIGBUS;
}

static void
signals_that_are_sent_are_handled_as_before(void **state)
{
	mapped_fixture *f = *state;
	void (*const earlier[])(int) = {count_sent, SIG_IGN};
	for (size_t i = 0; i < 2; i++) {
		signal(SIGBUS, earlier[i]);
		imago_attachment *attachment = attach(f, IMAGO_PLACE_ANYWHERE, IMAGO_RELOCATION_AUTO);
		num_sent = 0;
		raise(SIGBUS);
		assert_int_equal(num_sent, earlier[i] == count_sent);
		mapped_expect(&f->file, attachment);
		imago_detach(attachment);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(no_cut_ends_the_process_or_goes_unseen, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(what_was_read_before_the_cut_may_be_gone_too, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(filling_tells_of_a_cut, mapped_set_up, mapped_tear_down),
	    cmocka_unit_test_setup_teardown(a_file_cut_before_is_refused, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(a_file_written_in_place_is_found_out, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(a_file_that_grows_is_found_out, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(a_newer_file_under_its_name_is_no_change, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(a_guarded_function_has_its_own_status, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(the_guard_of_the_attachment_is_the_one_that_ends,
	                                    mapped_set_up, mapped_tear_down),
	    cmocka_unit_test_setup_teardown(a_cut_under_a_reader_ends_the_reading, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(an_unguarded_page_that_is_gone_raises_SIGBUS, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(faults_elsewhere_go_to_the_earlier_handler, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(faults_that_cannot_be_answered_go_to_the_earlier_handler,
	                                    mapped_set_up, mapped_tear_down),
	    cmocka_unit_test_setup_teardown(signals_that_are_sent_are_handled_as_before, mapped_set_up,
	                                    mapped_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

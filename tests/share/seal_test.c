/* seal_test.c: copies that were relocated once, for all. */
#define _GNU_SOURCE /* MAP_ANONYMOUS, F_ADD_SEALS, memfd_create */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assertions.h"
#include "mapped.h"

typedef struct fixture {
	mapped_file file;
	imago_allocator allocator;
	imago_error error;
	imago_addr base;
} fixture;

static void
choose_layout(fixture *f, imago_layout layout)
{
	mapped_make(&f->file, layout);
	f->base = f->file.plan.start + 3 * f->file.page_size;
}

static int
set_up(void **state)
{
	fixture *f = calloc(1, sizeof *f);
	choose_layout(f, mapped_layouts[0]);
	imago_allocator_init(&f->allocator, IMAGO_UNLIMITED);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	fixture *f = *state;
	mapped_release(&f->file);
	assert_no_leak(&f->allocator);
	free(f);
	return 0;
}

static int
seal(fixture *f)
{
	int sealed = -1;
	assert_ok(imago_attach_seal(&sealed, f->file.descriptor, &f->file.plan, f->base, &f->allocator,
	                            &f->error),
	          &f->error);
	return sealed;
}

static imago_attachment *
attach_sealed(fixture *f, int sealed)
{
	imago_attachment *attachment = NULL;
	assert_ok(imago_attach_sealed(&attachment, sealed, &f->file.plan, &f->allocator, &f->error),
	          &f->error);
	return attachment;
}

static void
a_sealed_copy_is_attached_at_its_base_as_it_is(void **state)
{
	fixture *f = *state;
	for (size_t i = 0; i < 4; i++) {
		mapped_release(&f->file);
		choose_layout(f, mapped_layouts[i]);
		const int sealed = seal(f);
		imago_attachment *attachment = attach_sealed(f, sealed);
		const imago_attachment_facts facts = imago_attachment_facts_of(attachment);
		assert_int_equal(facts.base, f->base);
		assert_int_equal((uintptr_t)facts.bytes, f->base);
		assert_int_equal(facts.relocation, IMAGO_RELOCATION_NONE);
		mapped_expect(&f->file, attachment);
		assert_ok(imago_attachment_check_file(attachment, &f->error), &f->error);
		imago_detach(attachment);
		close(sealed);
	}
}

static void
every_process_has_stores_of_its_own(void **state)
{
	fixture *f = *state;
	const int sealed = seal(f);
	signal(SIGSEGV, SIG_DFL); /* instead of cmocka's, for the children */
	for (int i = 0; i < 3; i++) {
		int status;
		const pid_t child = fork();
		if (child == 0) {
			imago_attachment *attachment = attach_sealed(f, sealed);
			const bool right = mapped_matches(&f->file, attachment);
			uint8_t *bytes = mapped_section_bytes(&f->file, attachment, 2);
			bytes[8] = (uint8_t)~bytes[8];
			imago_detach(attachment);
			mapped_end_child(right);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
	imago_attachment *attachment = attach_sealed(f, sealed);
	mapped_expect(&f->file, attachment);
	imago_detach(attachment);
	close(sealed);
}

static void
nobody_can_change_it(void **state)
{
	fixture *f = *state;
	const int sealed = seal(f);
	assert_int_equal(write(sealed, "x", 1), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(sealed, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(sealed, (off_t)1 << 30), -1);
	assert_true(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, sealed, 0) == MAP_FAILED);
	/* The file may go. */
	assert_int_equal(ftruncate(f->file.descriptor, 0), 0);
	imago_attachment *attachment = attach_sealed(f, sealed);
	mapped_expect(&f->file, attachment);
	imago_detach(attachment);
	close(sealed);
}

static void
what_is_no_sealed_copy_is_refused(void **state)
{
	fixture *f = *state;
	imago_attachment *attachment;
	assert_status(imago_attach_sealed(&attachment, f->file.descriptor, &f->file.plan, &f->allocator,
	                                  &f->error),
	              &f->error, IMAGO_EUSAGE);
	const int other = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(other, 1 << 20), 0);
	assert_status(imago_attach_sealed(&attachment, other, &f->file.plan, &f->allocator, &f->error),
	              &f->error, IMAGO_EUSAGE);
	assert_int_equal(
	    fcntl(other, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
	assert_status(imago_attach_sealed(&attachment, other, &f->file.plan, &f->allocator, &f->error),
	              &f->error, IMAGO_EUSAGE);
	close(other);

	const int sealed = seal(f);
	mapped_want(&f->file, f->file.plan.start + f->file.page_size);
	assert_status(imago_attach_sealed(&attachment, sealed, &f->file.plan, &f->allocator, &f->error),
	              &f->error, IMAGO_EUSAGE);
	assert_string_equal(f->error.what, "plan of the sealed copy");
	mapped_want(&f->file, f->file.plan.start - f->file.page_size);
	f->file.sections[1].size = UINT64_MAX - f->file.page_size + 1;
	assert_status(imago_attach_sealed(&attachment, sealed, &f->file.plan, &f->allocator, &f->error),
	              &f->error, IMAGO_ERANGE);
	close(sealed);
}

static void
a_base_that_is_taken_is_refused(void **state)
{
	fixture *f = *state;
	imago_attachment *other;
	const int sealed = seal(f);
	imago_attachment *attachment = attach_sealed(f, sealed);
	assert_status(imago_attach_sealed(&other, sealed, &f->file.plan, &f->allocator, &f->error),
	              &f->error, IMAGO_EIO);
	assert_string_equal(f->error.what, "base");
	imago_detach(attachment);
	close(sealed);
}

static void
what_cannot_be_sealed_is_refused(void **state)
{
	fixture *f = *state;
	int sealed = -1;
	assert_status(imago_attach_seal(&sealed, f->file.descriptor, &f->file.plan, f->base + 8,
	                                &f->allocator, &f->error),
	              &f->error, IMAGO_EALIGN);
	mapped_release(&f->file);
	choose_layout(f, mapped_layouts[2]);
	assert_status(imago_attach_seal(&sealed, f->file.descriptor, &f->file.plan, UINT64_C(1) << 32,
	                                &f->allocator, &f->error),
	              &f->error, IMAGO_ERANGE);
	f->file.sections[0].offset = f->file.sections[1].offset + 36 * f->file.page_size;
	assert_status(imago_attach_seal(&sealed, f->file.descriptor, &f->file.plan, f->base,
	                                &f->allocator, &f->error),
	              &f->error, IMAGO_EUNSUPPORTED);
	assert_int_equal(f->error.offset, f->file.sections[1].offset);
	f->file.sections[4].size = 0;
	assert_status(imago_attach_seal(&sealed, f->file.descriptor, &f->file.plan, f->base,
	                                &f->allocator, &f->error),
	              &f->error, IMAGO_ERANGE);
	assert_status(imago_attach_seal(&sealed, -1, &f->file.plan, f->base, &f->allocator, &f->error),
	              &f->error, IMAGO_EIO);
	assert_int_equal(sealed, -1);
}

/* A file in memory with all seals, whose last bytes are these. */
static int
make_sealed(const uint8_t *note, uint64_t note_size, uint64_t size)
{
	const int descriptor = memfd_create("seal_test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	assert_true(descriptor >= 0);
	assert_int_equal(ftruncate(descriptor, (off_t)size), 0);
	const off_t at = (off_t)(size - note_size);
	assert_int_equal(pwrite(descriptor, note, (size_t)note_size, at), note_size);
	assert_int_equal(fcntl(descriptor, F_ADD_SEALS, seals), 0);
	return descriptor;
}

/* Seals alone make no sealed copy, and a note may lie. */
static void
what_only_looks_like_a_sealed_copy_is_refused(void **state)
{
	fixture *f = *state;
	enum { SIZE_AT = 24 };
	const uint64_t page = f->file.page_size;
	uint8_t *note = calloc(1, (size_t)page);
	imago_attachment *attachment = NULL;
	assert_non_null(note);
	const int copy = seal(f);
	assert_int_equal(pread(copy, note, (size_t)page, lseek(copy, -(off_t)page, SEEK_END)), page);
	close(copy);
	const struct {
		uint64_t note_size, size;
		uint8_t magic, size_byte; /* what is changed in the note */
		const char *noun;
	} cases[] = {
	    {100, 100, 0, 0, "sealed copy"},
	    {page, 2 * page - 1, 0, 0, "sealed copy"},
	    {page, 2 * page, 1, 0, "sealed copy"},
	    {page, 2 * page, 0, 0, "plan of the sealed copy"}, /* of more than is there */
	    {page, 2 * page, 0, 0x80, "plan of the sealed copy"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		note[0] ^= cases[i].magic;
		note[SIZE_AT + 7] ^= cases[i].size_byte;
		const int sealed = make_sealed(note, cases[i].note_size, cases[i].size);
		assert_status(
		    imago_attach_sealed(&attachment, sealed, &f->file.plan, &f->allocator, &f->error),
		    &f->error, IMAGO_EUSAGE);
		assert_string_equal(f->error.what, cases[i].noun);
		note[0] ^= cases[i].magic;
		note[SIZE_AT + 7] ^= cases[i].size_byte;
		close(sealed);
	}
	assert_status(imago_attach_sealed(&attachment, -1, &f->file.plan, &f->allocator, &f->error),
	              &f->error, IMAGO_EIO);
	assert_null(attachment);
	free(note);
}

static imago_status
attempt(imago_allocator *allocator, imago_error *error, void *payload)
{
	const fixture *f = payload;
	int sealed;
	const imago_status status =
	    imago_attach_seal(&sealed, f->file.descriptor, &f->file.plan, f->base, allocator, error);
	if (status == IMAGO_OK) {
		close(sealed);
	}
	return status;
}

static void
failing_allocations_are_reported(void **state)
{
	assert_every_allocation_failure_is_reported(attempt, *state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_sealed_copy_is_attached_at_its_base_as_it_is, set_up,
	                                    tear_down),
	    cmocka_unit_test_setup_teardown(every_process_has_stores_of_its_own, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(nobody_can_change_it, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_is_no_sealed_copy_is_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_only_looks_like_a_sealed_copy_is_refused, set_up,
	                                    tear_down),
	    cmocka_unit_test_setup_teardown(a_base_that_is_taken_is_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_cannot_be_sealed_is_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(failing_allocations_are_reported, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

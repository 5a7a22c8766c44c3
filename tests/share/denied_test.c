/* denied_test.c: what attachments do when the system says no: another way where there is one, else
 * a refusal with a name; nothing is left behind, and nobody dies. */
#define _GNU_SOURCE /* F_ADD_SEALS, MAP_ANONYMOUS */
#include "denied.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assertions.h"
#include "imago/pages.h"
#include "mapped.h"

#ifndef SYS_newfstatat
#define SYS_newfstatat SYS_fstatat64
#endif

/* One operation under a denial. */
typedef struct trial {
	mapped_fixture *f;
	imago_attach_options options;
	imago_attachment *attachment; /* made before, without a denial; NULL: the operation's own */
	imago_error *error;
	imago_status status;
	imago_relocation used;
	bool right; /* what was seen, if anything was */
} trial;

typedef void operation(void *payload);

static void
attach(void *payload)
{
	trial *t = payload;
	mapped_fixture *f = t->f;
	imago_attachment *attachment;
	t->status = imago_attach(&attachment, f->file.descriptor, &f->file.plan, &t->options,
	                         &f->allocator, t->error);
	if (t->status == IMAGO_OK) {
		t->used = imago_attachment_facts_of(attachment).relocation;
		t->right = mapped_matches(&f->file, attachment);
		imago_detach(attachment);
	}
}

static void
seal(void *payload)
{
	trial *t = payload;
	mapped_fixture *f = t->f;
	int sealed;
	t->status = imago_attach_seal(&sealed, f->file.descriptor, &f->file.plan,
	                              f->file.plan.start + f->file.page_size, &f->allocator, t->error);
	if (t->status == IMAGO_OK) {
		close(sealed);
	}
}

static void
count_pages(void *payload)
{
	trial *t = payload;
	imago_page_counts counts[MAPPED_SECTIONS];
	t->status = imago_attachment_pages(t->attachment, counts, NULL, NULL, t->error);
}

static void
measure_memory(void *payload)
{
	trial *t = payload;
	imago_memory_use use;
	t->status = imago_attachment_memory(t->attachment, &use, t->error);
}

static void
track(void *payload)
{
	trial *t = payload;
	t->status = imago_attachment_track(t->attachment, t->error);
}

static void
see_nothing(size_t section, imago_addr address, uint64_t num_pages, void *payload)
{
	(void)section;
	(void)address;
	(void)num_pages;
	(void)payload;
}

static void
list_written(void *payload)
{
	trial *t = payload;
	t->status = imago_attachment_written(t->attachment, false, see_nothing, NULL, t->error);
}

static void
make_room(void *payload)
{
	trial *t = payload;
	const imago_attach_section *last = &t->f->file.sections[MAPPED_SECTIONS - 1];
	uint8_t *bytes;
	t->status = imago_attachment_room(
	    t->attachment, last->address + last->size + mapped_delta(&t->f->file, t->attachment),
	    t->f->file.page_size, &bytes, t->error);
}

static void
check_file(void *payload)
{
	trial *t = payload;
	t->status = imago_attachment_check_file(t->attachment, t->error);
}

static imago_status
read_all(void *payload)
{
	trial *t = payload;
	t->right = mapped_matches(&t->f->file, t->attachment);
	return IMAGO_OK;
}

static void
look(void *payload)
{
	trial *t = payload;
	t->status = imago_attachment_guard(t->attachment, read_all, t, t->error);
}

/* Of a section of many pages. */
static imago_status
read_second(void *payload)
{
	trial *t = payload;
	const mapped_file *file = &t->f->file;
	const uint64_t delta = mapped_delta(file, t->attachment);
	const uint8_t *bytes = mapped_section_bytes(file, t->attachment, 1);
	t->right = true;
	for (uint64_t at = 0; at < file->sections[1].size; at += file->plan.layout.word_bytes) {
		t->right = t->right &&
		           mapped_word_at(bytes + at, file->plan.layout) == mapped_word(file, 1, at, delta);
	}
	return IMAGO_OK;
}

static void
look_at_second(void *payload)
{
	trial *t = payload;
	t->status = imago_attachment_guard(t->attachment, read_second, t, t->error);
}

/* In a child; what it met is its exit status. */
static void
look_in_child(void *payload)
{
	trial *t = payload;
	int status = 0;
	const pid_t child = fork();
	if (child == 0) {
		alarm(60);
		look(t);
		mapped_end_child(
		    t->status == IMAGO_EIO &&
		    (t->error == NULL || strcmp(t->error->what, "page in a forked child") == 0));
	}
	const bool ended = child > 0 && waitpid(child, &status, 0) == child;
	t->status = ended && status == 0 ? IMAGO_EIO : IMAGO_ESTRUCTURE;
	if (t->error != NULL) {
		*t->error = (imago_error){.status = t->status, .what = "page in a forked child"};
	}
}

/* ---- What is denied, and what comes of it. */

enum {
	RESERVING = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
	MAPPING = MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
	MAPPING_MEMORY = MAPPING | MAP_ANONYMOUS,
	PAGE = 4096,
	WINDOW = 16 * PAGE,
	MARKS = WINDOW / 64,
	MAX_CALLS = 2,
};

/* ioctl and fcntl, by what is asked of them. */
#define SCAN UINT32_C(0xC0606610)
#define ASKS(call, error, what)                \
	{                                          \
		SYS_##call, error, 1, (uint32_t)(what) \
	}
#define ANY(call, error)                   \
	{                                      \
		SYS_##call, error, ANY_ARGUMENT, 0 \
	}
#define THIRD(call, error, argument)   \
	{                                  \
		SYS_##call, error, 2, argument \
	}
#define FLAGS(call, error, argument)   \
	{                                  \
		SYS_##call, error, 3, argument \
	}

typedef enum preparation { NOTHING, ATTACHED, TRACKED } preparation;

typedef struct denial {
	denied_call calls[MAX_CALLS]; /* number 0: none */
	operation *operation;
	preparation before;
	uint8_t way; /* of relocation */
	imago_status status;
	const char *noun; /* of the refusal */
	uint8_t used;     /* the way, where it is none */
} denial;

/* Shorter names for a table. */
enum {
	AUTO = IMAGO_RELOCATION_AUTO,
	UFFD = IMAGO_RELOCATION_USERFAULT,
	SIGNAL = IMAGO_RELOCATION_SIGNAL,
	EAGER = IMAGO_RELOCATION_EAGER,
	NONE = IMAGO_RELOCATION_NONE,
};

static const denial denials[] = {
    /* Another way. */
    {{ANY(userfaultfd, EPERM)}, attach, NOTHING, AUTO, IMAGO_OK, NULL, SIGNAL},
    {{ASKS(ioctl, EINVAL, UFFDIO_API)}, attach, NOTHING, AUTO, IMAGO_OK, NULL, SIGNAL},
    {{ANY(userfaultfd, ENOSYS), ANY(memfd_create, ENOSYS)},
     attach,
     NOTHING,
     AUTO,
     IMAGO_OK,
     NULL,
     EAGER},
    {{ASKS(mprotect, ENOMEM, PAGE)}, look_at_second, ATTACHED, SIGNAL, IMAGO_OK, NULL, SIGNAL},
    /* Attaching. */
    {{ANY(userfaultfd, EPERM)}, attach, NOTHING, UFFD, IMAGO_EUNSUPPORTED, "way of relocation", 0},
    {{ANY(memfd_create, EMFILE)},
     attach,
     NOTHING,
     SIGNAL,
     IMAGO_EUNSUPPORTED,
     "way of relocation",
     0},
    {{ANY(ftruncate, EFBIG)}, attach, NOTHING, SIGNAL, IMAGO_EUNSUPPORTED, "way of relocation", 0},
    {{ASKS(ioctl, EINVAL, UFFDIO_REGISTER)},
     attach,
     NOTHING,
     UFFD,
     IMAGO_EIO,
     "watch over a section",
     0},
    {{FLAGS(mmap, ENOMEM, RESERVING)}, attach, NOTHING, EAGER, IMAGO_ELIMIT, "address space", 0},
    {{FLAGS(mmap, ENOMEM, MAPPING)}, attach, NOTHING, NONE, IMAGO_EIO, "mapping of a section", 0},
    {{FLAGS(mmap, ENOMEM, MAPPING_MEMORY)},
     attach,
     NOTHING,
     UFFD,
     IMAGO_EIO,
     "mapping of a section",
     0},
    {{FLAGS(mmap, ENOMEM, MAPPING_MEMORY)},
     attach,
     NOTHING,
     EAGER,
     IMAGO_EIO,
     "mapping of a section",
     0},
    {{ANY(mprotect, EACCES)}, attach, NOTHING, EAGER, IMAGO_EIO, "mapping of a section", 0},
    {{THIRD(pread64, EIO, WINDOW)},
     attach,
     NOTHING,
     EAGER,
     IMAGO_EIO,
     "page of the attached file",
     0},
    {{THIRD(pread64, EIO, MARKS)},
     attach,
     NOTHING,
     EAGER,
     IMAGO_EIO,
     "pointer words of the attached file",
     0},
    {{ASKS(fcntl, EMFILE, F_DUPFD_CLOEXEC)}, attach, NOTHING, NONE, IMAGO_EIO, "descriptor", 0},
    {{ANY(newfstatat, EIO), ANY(fstat, EIO)}, attach, NOTHING, NONE, IMAGO_EIO, "descriptor", 0},
    {{ANY(rt_sigaction, EINVAL)}, attach, NOTHING, NONE, IMAGO_EIO, "signal handler", 0},
    /* Sealing. */
    {{ANY(memfd_create, ENOSYS)}, seal, NOTHING, NONE, IMAGO_EIO, "sealed copy", 0},
    {{ANY(pwrite64, ENOSPC)}, seal, NOTHING, NONE, IMAGO_EIO, "sealed copy", 0},
    {{ANY(pread64, EIO)}, seal, NOTHING, NONE, IMAGO_EIO, "page of the attached file", 0},
    {{THIRD(pread64, EIO, MARKS)},
     seal,
     NOTHING,
     NONE,
     IMAGO_EIO,
     "pointer words of the attached file",
     0},
    {{ASKS(fcntl, EPERM, F_ADD_SEALS)}, seal, NOTHING, NONE, IMAGO_EIO, "seals", 0},
    /* Looking at pages. */
    {{ANY(openat, EACCES)}, count_pages, ATTACHED, NONE, IMAGO_EUNSUPPORTED, "map of pages", 0},
    {{ANY(pread64, EIO)}, count_pages, ATTACHED, NONE, IMAGO_EIO, "map of pages", 0},
    {{ANY(openat, EACCES)}, measure_memory, ATTACHED, NONE, IMAGO_EUNSUPPORTED, "map of memory", 0},
    {{ANY(read, EIO)}, measure_memory, ATTACHED, NONE, IMAGO_EIO, "map of memory", 0},
    {{ANY(userfaultfd, EPERM)}, track, ATTACHED, NONE, IMAGO_EUNSUPPORTED, "tracking of writes", 0},
    {{ASKS(ioctl, EINVAL, UFFDIO_REGISTER)},
     track,
     ATTACHED,
     NONE,
     IMAGO_EUNSUPPORTED,
     "tracking of writes",
     0},
    {{ASKS(ioctl, EINVAL, UFFDIO_WRITEPROTECT)},
     track,
     ATTACHED,
     NONE,
     IMAGO_EUNSUPPORTED,
     "tracking of writes",
     0},
    {{ANY(openat, EACCES)}, list_written, TRACKED, NONE, IMAGO_EIO, "map of pages", 0},
    {{ASKS(ioctl, ENOTTY, SCAN)}, list_written, TRACKED, NONE, IMAGO_EIO, "map of pages", 0},
    /* Bringing pages in, and what else is asked of an attachment. */
    {{ASKS(ioctl, ENOMEM, UFFDIO_COPY)}, look, ATTACHED, UFFD, IMAGO_EIO, "memory for a page", 0},
    {{ANY(pwrite64, ENOSPC)}, look, ATTACHED, SIGNAL, IMAGO_EIO, "memory for a page", 0},
    {{ANY(mprotect, EACCES)}, look, ATTACHED, SIGNAL, IMAGO_EIO, "mapping of a section", 0},
    {{ANY(mprotect, ENOMEM)}, look, ATTACHED, SIGNAL, IMAGO_EIO, "mapping of a section", 0},
    {{THIRD(pread64, EIO, PAGE)}, look, ATTACHED, UFFD, IMAGO_EIO, "page of the attached file", 0},
    {{THIRD(pread64, EIO, PAGE)},
     look,
     ATTACHED,
     SIGNAL,
     IMAGO_EIO,
     "page of the attached file",
     0},
    {{ASKS(mprotect, ENOMEM, PAGE), THIRD(pread64, EIO, WINDOW)},
     look,
     ATTACHED,
     SIGNAL,
     IMAGO_EIO,
     "page of the attached file",
     0},
    {{ANY(mprotect, ENOMEM)}, make_room, ATTACHED, NONE, IMAGO_ENOMEM, "room", 0},
    {{ANY(newfstatat, EIO), ANY(fstat, EIO)},
     check_file,
     ATTACHED,
     NONE,
     IMAGO_EIO,
     "descriptor",
     0},
    {{ANY(userfaultfd, EPERM)},
     look_in_child,
     ATTACHED,
     UFFD,
     IMAGO_EIO,
     "page in a forked child",
     0},
    {{ASKS(ioctl, ENOMEM, UFFDIO_REGISTER)},
     look_in_child,
     ATTACHED,
     UFFD,
     IMAGO_EIO,
     "page in a forked child",
     0},
};

static bool
is_allowed(const mapped_fixture *f, imago_relocation way)
{
	bool allowed = way == IMAGO_RELOCATION_NONE;
	for (size_t i = 0; i < f->num_ways; i++) {
		allowed = allowed || f->ways[i] == way;
	}
	return allowed;
}

/* False where the system does not even allow what is then denied. */
static bool
prepare(trial *t, const denial *row)
{
	mapped_fixture *f = t->f;
	t->options = (imago_attach_options){.place = IMAGO_PLACE_ANYWHERE,
	                                    .relocation = (imago_relocation)row->way};
	if (!is_allowed(f, (imago_relocation)row->way)) {
		return false;
	}
	if (row->before != NOTHING) {
		assert_ok(imago_attach(&t->attachment, f->file.descriptor, &f->file.plan, &t->options,
		                       &f->allocator, &f->error),
		          &f->error);
	}
	return row->before != TRACKED || imago_attachment_track(t->attachment, &f->error) == IMAGO_OK;
}

static void
expect(mapped_fixture *f, const denial *row, bool with_error)
{
	trial t = {.f = f, .error = with_error ? &f->error : NULL};
	const uint64_t used = f->allocator.used;
	const unsigned num_calls = row->calls[1].number != 0 ? 2 : 1;
	if (prepare(&t, row)) {
		f->error = (imago_error){.status = IMAGO_OK};
		denied_run(row->calls, num_calls, row->operation, &t);
		if (t.status != row->status) {
			fail_msg("\"%s\": status %d, \"%s\"", row->noun != NULL ? row->noun : "another way",
			         t.status, f->error.what != NULL ? f->error.what : "");
		}
		assert_true(row->status != IMAGO_OK || t.right);
		if (row->status == IMAGO_OK && row->operation == attach) {
			assert_int_equal(t.used, row->used);
		}
		if (row->status != IMAGO_OK && with_error) {
			assert_int_equal(f->error.status, row->status);
			assert_string_equal(f->error.what, row->noun);
		}
	}
	imago_detach(t.attachment);
	assert_int_equal(f->allocator.used, used);
}

static void
what_is_denied_is_done_otherwise_or_refused_by_name(void **state)
{
	mapped_fixture *f = *state;
	if (f->file.page_size != PAGE || sizeof(void *) < 8 || !denied_is_possible()) {
		skip();
	}
	for (size_t i = 0; i < sizeof denials / sizeof denials[0]; i++) {
		expect(f, &denials[i], true);
		expect(f, &denials[i], false);
	}
	assert_no_leak(&f->allocator);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_is_denied_is_done_otherwise_or_refused_by_name,
	                                    mapped_set_up, mapped_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* faults.c: the handlers of SIGSEGV and SIGBUS, and the registry that they look at.
 *
 * The one place of the library with state of the process and of its threads. A handler is given an
 * address and nothing else: so it must be able to find out from the process whose that is, and from
 * the thread where to go on when the page is gone. The kernel has one handler for each signal and
 * process; that is state of the process whether we like it or not.
 *
 * Faults that are none of ours go to whoever was there before us, sanitizers for instance.
 */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier): the C library's own name for it */
#include "faults.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "../base/planted.h"
#include "show.h"

enum { MAX_ATTACHMENTS = 1024, NUM_EARLIER = 4 };

/* begin and size are looked at before the attachment is, so that one that is just being detached
 * by another thread is never touched. */
typedef struct registered {
	_Atomic(imago_attachment *) attachment; /* NULL: free */
	atomic_uintptr_t begin;
	atomic_size_t size;
} registered;

/* Who was there before us. Handlers may be reading the one while the next is written. */
typedef struct predecessors {
	int signal;
	struct sigaction actions[NUM_EARLIER];
	atomic_uint current;
} predecessors;

static struct {
	pthread_mutex_t lock; /* whoever joins, leaves or forks; never taken by a handler */
	bool forks_are_seen;
	uint64_t num_joined;
	registered attachments[MAX_ATTACHMENTS];
	atomic_size_t num_attachments; /* the used ones are all below */
	predecessors bus, segv;
} registry = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .bus = {.signal = SIGBUS},
    .segv = {.signal = SIGSEGV},
};

/* Where to go on when a page cannot be had. */
typedef struct recovery {
	const imago_attachment *attachment;
	struct recovery *outer;
	sigjmp_buf point;
} recovery;

/* initial-exec: no allocation when a handler is the first to touch it. */
static _Thread_local struct {
	recovery *innermost;
	imago_lost lost;
	uintptr_t opened;   /* the last address whose page was opened by a signal, … */
	uint64_t opened_in; /* … in which attachment */
} thread __attribute__((tls_model("initial-exec")));

static imago_attachment *
find_attachment(uintptr_t address)
{
	const size_t num = atomic_load_explicit(&registry.num_attachments, memory_order_acquire);
	for (size_t i = 0; i < num; i++) {
		registered *row = &registry.attachments[i];
		imago_attachment *attachment = atomic_load_explicit(&row->attachment, memory_order_acquire);
		const uintptr_t begin = atomic_load_explicit(&row->begin, memory_order_acquire);
		if (attachment != NULL && address - begin < atomic_load(&row->size) &&
		    atomic_load(&row->attachment) == attachment) {
			return attachment;
		}
	}
	return NULL;
}

/* Leaves what the thread was doing, if it said that it may be left; else returns. */
static void
leave(const imago_attachment *attachment, const imago_lost *lost)
{
	for (recovery *r = thread.innermost; r != NULL; r = r->outer) {
		if (r->attachment == attachment) {
			thread.innermost = r->outer;
			thread.lost = *lost;
			siglongjmp(r->point, 1);
		}
	}
}

/* A page that was opened for this very address, and still it faults: a store where nobody may. */
static bool
was_opened(const imago_attachment *attachment, uintptr_t address)
{
	return thread.opened == address && thread.opened_in == attachment->serial;
}

static void
remember_opened(const imago_attachment *attachment, uintptr_t address)
{
	thread.opened = address;
	thread.opened_in = attachment->serial;
}

/* Makes the page be there. False: it is not our fault; *lost->what is set when it is, and there is
 * no page. */
static bool
answer(imago_attachment *attachment, const imago_attached_section *section, int signal,
       uintptr_t address, imago_lost *lost)
{
	const uint64_t distance = address - (uintptr_t)section->bytes;
	switch (section->backing) {
	case IMAGO_BACKING_USERFAULT:
		if ((signal == SIGBUS) != (attachment->userfault >= 0)) {
			return false;
		}
		if (attachment->userfault < 0) {
			*lost = (imago_lost){"page in a forked child", section->plan.offset + distance, ENOSYS};
			return false;
		}
		break;
	case IMAGO_BACKING_SIGNAL:
		if (signal != SIGSEGV) {
			*lost = (imago_lost){"memory for a page", section->plan.offset + distance, ENOMEM};
			return false;
		}
		if (was_opened(attachment, address)) {
			return false;
		}
		break;
	case IMAGO_BACKING_FILE:
		if (!IMAGO_BUG(gone_page_ends_process, signal == SIGBUS) && signal == SIGBUS) {
			*lost = (imago_lost){"page of the attached file", section->plan.offset + distance, 0};
		}
		return false;
	default:
		return false;
	}
	atomic_fetch_add_explicit(&attachment->num_faults, 1, memory_order_relaxed);
	const bool shown = imago_show_page(attachment, section, distance, lost);
	if (shown && section->backing == IMAGO_BACKING_SIGNAL) {
		remember_opened(attachment, address);
	}
	return shown;
}

static bool
is_ours(int signal, const siginfo_t *info)
{
	const uintptr_t address = (uintptr_t)info->si_addr;
	imago_lost lost = {.what = NULL};
	if (info->si_code != (signal == SIGBUS ? BUS_ADRERR : SEGV_ACCERR)) {
		return false;
	}
	imago_attachment *attachment = find_attachment(address);
	if (attachment == NULL) {
		return false;
	}
	const imago_attached_section *section =
	    imago_section_of(attachment, attachment->base + (address - (uintptr_t)attachment->bytes));
	if (section == NULL) {
		return false;
	}
	if (answer(attachment, section, signal, address, &lost)) {
		return true;
	}
	if (lost.what != NULL) {
		leave(attachment, &lost);
	}
	return false;
}

static void
act_by_default(int signal, const siginfo_t *info)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigaction(signal, &action, NULL);
	if (info->si_code <= 0) {
		raise(signal); /* it was sent; a fault comes again by itself */
	}
}

static void
pass_on(int signal, siginfo_t *info, void *context)
{
	predecessors *earlier = signal == SIGBUS ? &registry.bus : &registry.segv;
	const struct sigaction *action =
	    &earlier->actions[atomic_load_explicit(&earlier->current, memory_order_acquire)];
	sigset_t mask = ((ucontext_t *)context)->uc_sigmask;
	sigaddset(&mask, signal);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	if ((action->sa_flags & SA_SIGINFO) != 0) {
		action->sa_sigaction(signal, info, context);
	} else if (action->sa_handler == SIG_DFL ||
	           (action->sa_handler == SIG_IGN && info->si_code > 0)) {
		act_by_default(signal, info);
	} else if (action->sa_handler != SIG_IGN) {
		action->sa_handler(signal);
	}
}

static void
handle_fault(int signal, siginfo_t *info, void *context)
{
	const int os_error = errno;
	if (!is_ours(signal, info)) {
		pass_on(signal, info, context);
	}
	errno = os_error;
}

/* Again for each attachment, because whoever came after us may have put back what was before. */
static imago_status
install(predecessors *earlier, imago_error *error)
{
	struct sigaction now;
	struct sigaction action = {.sa_sigaction = handle_fault,
	                           .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
	sigfillset(&action.sa_mask);
	if (sigaction(earlier->signal, NULL, &now) != 0) {
		return imago_fail_os(error, "signal handler", errno);
	}
	if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == handle_fault) {
		return IMAGO_OK;
	}
	const unsigned next = (atomic_load(&earlier->current) + 1) % NUM_EARLIER;
	earlier->actions[next] = now;
	atomic_store_explicit(&earlier->current, next, memory_order_release);
	if (sigaction(earlier->signal, &action, NULL) != 0) {
		return imago_fail_os(error, "signal handler", errno);
	}
	return IMAGO_OK;
}

static void
lock_registry(void)
{
	pthread_mutex_lock(&registry.lock);
}

static void
unlock_registry(void)
{
	pthread_mutex_unlock(&registry.lock);
}

/* A child inherits memory that userfaultfd watches, but not that it is watched. */
static void
go_on_in_child(void)
{
	const size_t num = atomic_load(&registry.num_attachments);
	for (size_t i = 0; i < num; i++) {
		imago_attachment *attachment = atomic_load(&registry.attachments[i].attachment);
		if (attachment != NULL) {
			imago_show_after_fork(attachment);
		}
	}
	unlock_registry();
}

static imago_status
prepare_process(imago_error *error)
{
	imago_status status = install(&registry.bus, error);
	if (status == IMAGO_OK) {
		status = install(&registry.segv, error);
	}
	if (status == IMAGO_OK && !registry.forks_are_seen) {
		const int result = pthread_atfork(lock_registry, unlock_registry, go_on_in_child);
		if (result != 0) {
			return imago_fail_os(error, "watch over forks", result);
		}
		registry.forks_are_seen = true;
	}
	return status;
}

static imago_status
register_attachment(imago_attachment *attachment, imago_error *error)
{
	const size_t num = atomic_load(&registry.num_attachments);
	size_t i = 0;
	while (i < num && atomic_load(&registry.attachments[i].attachment) != NULL) {
		i++;
	}
	if (i == MAX_ATTACHMENTS) {
		return imago_fail(error, IMAGO_ELIMIT, "number of attachments", IMAGO_NO_OFFSET, i + 1,
		                  MAX_ATTACHMENTS);
	}
	attachment->serial = ++registry.num_joined;
	atomic_store(&registry.attachments[i].begin, (uintptr_t)attachment->bytes);
	atomic_store(&registry.attachments[i].size, (size_t)attachment->span);
	atomic_store_explicit(&registry.attachments[i].attachment, attachment, memory_order_release);
	if (i == num) {
		atomic_store_explicit(&registry.num_attachments, num + 1, memory_order_release);
	}
	return IMAGO_OK;
}

imago_status
imago_faults_join(imago_attachment *attachment, imago_error *error)
{
	lock_registry();
	imago_status status = prepare_process(error);
	if (status == IMAGO_OK) {
		status = register_attachment(attachment, error);
	}
	unlock_registry();
	return status;
}

void
imago_faults_leave(imago_attachment *attachment)
{
	lock_registry();
	for (size_t i = 0; i < atomic_load(&registry.num_attachments); i++) {
		if (atomic_load(&registry.attachments[i].attachment) == attachment) {
			atomic_store(&registry.attachments[i].attachment, NULL);
		}
	}
	unlock_registry();
}

bool
imago_faults_run(imago_attachment *attachment, void (*function)(void *payload), void *payload,
                 imago_lost *lost)
{
	recovery here = {.attachment = attachment, .outer = thread.innermost};
	if (sigsetjmp(here.point, 1) != 0) {
		*lost = thread.lost;
		return false;
	}
	thread.innermost = &here;
	function(payload);
	thread.innermost = here.outer;
	return true;
}

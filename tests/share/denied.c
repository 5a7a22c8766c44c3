/* denied.c: a filter of system calls, which belongs to the thread that installs it. */
#define _GNU_SOURCE /* syscall */
#include "denied.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* AddressSanitizer's: it would map anew the shadow of a stack when a thread ends, by a call like
 * those that are to fail. NOLINTBEGIN(bugprone-reserved-identifier) */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "clear_shadow_mmap_threshold=1073741824";
}
/* NOLINTEND(bugprone-reserved-identifier) */

enum { MAX_CALLS = 8, STEPS = 5 /* of the filter, for each call */ };

typedef struct task {
	const denied_call *calls;
	unsigned num_calls;
	void (*function)(void *payload);
	void *payload;
	bool filtered;
} task;

/* Where the lower half of an argument is, as the kernel tells it. */
static uint32_t
place_of(int argument)
{
	const uint16_t one = 1;
	const uint32_t low = *(const uint8_t *)&one == 1 ? 0 : 4;
	return (uint32_t)offsetof(struct seccomp_data, args) + 8 * (uint32_t)argument + low;
}

static bool
install(const denied_call *calls, unsigned num_calls)
{
	struct sock_filter steps[MAX_CALLS * STEPS + 1];
	unsigned short num = 0;
	for (unsigned i = 0; i < num_calls; i++) {
		const denied_call *call = &calls[i];
		const bool any = call->argument == ANY_ARGUMENT;
		const struct sock_filter one[STEPS] = {
		    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call->number, 0, 3),
		    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, place_of(any ? 0 : call->argument)),
		    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call->value, 0, any ? 0 : 1),
		    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)call->os_error),
		};
		for (unsigned k = 0; k < STEPS; k++) {
			steps[num++] = one[k];
		}
	}
	steps[num++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	const struct sock_fprog program = {.len = num, .filter = steps};
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void *
run_task(void *payload)
{
	task *work = payload;
	work->filtered = install(work->calls, work->num_calls);
	if (work->filtered) {
		work->function(work->payload);
	}
	return NULL;
}

static bool
try_to_run(task *work)
{
	pthread_t thread;
	assert_true(work->num_calls <= MAX_CALLS);
	assert_int_equal(pthread_create(&thread, NULL, run_task, work), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	return work->filtered;
}

static void
ask_for_parent(void *payload)
{
	*(bool *)payload = syscall(SYS_getppid) == -1 && errno == EXDEV;
}

bool
denied_is_possible(void)
{
	static const denied_call call = {SYS_getppid, EXDEV, ANY_ARGUMENT, 0};
	bool fails = false;
	task work = {&call, 1, ask_for_parent, &fails, false};
	(void)try_to_run(&work);
	if (!fails) {
		print_message("system calls cannot be made to fail here\n");
	}
	return fails;
}

void
denied_run(const denied_call *calls, unsigned num_calls, void (*function)(void *payload),
           void *payload)
{
	task work = {calls, num_calls, function, payload, false};
	assert_true(try_to_run(&work));
}

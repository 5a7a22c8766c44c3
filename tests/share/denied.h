/* denied.h: system calls that fail, as they do on other kernels, in other sandboxes, at limits. */
#ifndef TESTS_SHARE_DENIED_H
#define TESTS_SHARE_DENIED_H

#include <stdbool.h>
#include <stdint.h>

enum { ANY_ARGUMENT = -1 };

typedef struct denied_call {
	long number;  /* SYS_… */
	int os_error; /* what it fails with */
	int argument; /* the one that must have this value (its lower 32 bits), or ANY_ARGUMENT */
	uint32_t value;
} denied_call;

/* Whether this system can make calls fail for a thread (seccomp); says so when not. */
bool denied_is_possible(void);

/* Runs the function in a thread of its own, in which these calls fail. */
void denied_run(const denied_call *calls, unsigned num_calls, void (*function)(void *payload),
                void *payload);

#endif

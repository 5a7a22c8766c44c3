/* fault_plan.h: a file system whose k-th call fails, is cut short, or is the last one.
 *
 * Wraps any other (the model's, or the operating system's). Calls are counted from 1, in the order
 * in which they come.
 */
#ifndef FUZZ_FAULTS_FAULT_PLAN_H
#define FUZZ_FAULTS_FAULT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/file_system.h"

typedef enum fault_call {
	FAULT_CALL_OPEN,
	FAULT_CALL_CLOSE,
	FAULT_CALL_READ,
	FAULT_CALL_WRITE,
	FAULT_CALL_SYNC,
	FAULT_CALL_DESCRIBE,
	FAULT_CALL_SET_PERMISSIONS,
	FAULT_CALL_MAKE_FOLDER,
	FAULT_CALL_RENAME,
	FAULT_CALL_EXCHANGE,
	FAULT_CALL_REMOVE,
	FAULT_CALL_LIST,
	FAULT_NUM_CALLS,
} fault_call;

typedef enum fault_kind {
	FAULT_FAILS,        /* nothing is done (but for close), and the error is reported */
	FAULT_FAILS_LATE,   /* it is done all the same: rename, exchange and sync; of others as above */
	FAULT_CUTS,         /* a read or a write of at most length bytes; others are done */
	FAULT_KILLS_BEFORE, /* the process ends: nothing is done any more … */
	FAULT_KILLS_AFTER,  /* … from the next call on; of a write, at most length bytes were done */
	FAULT_NUM_KINDS,
} fault_kind;

typedef struct fault {
	uint64_t call; /* which one; 0: none */
	fault_kind kind;
	int os_error;
	uint64_t length; /* at least 1 is done; for FAULT_KILLS_AFTER 0 means all */
} fault;

enum { FAULT_PLAN_SIZE = 8 };

typedef struct fault_plan {
	const imago_file_system *below;
	fault faults[FAULT_PLAN_SIZE];
	bool met[FAULT_PLAN_SIZE]; /* which faults took place */
	fault_call met_in[FAULT_PLAN_SIZE];
	uint64_t num_calls;
	bool dead;                     /* was killed: every call fails, and nothing is done */
	void (*kill)(void);            /* ends the process for real; or NULL */
	void (*before)(void *payload); /* told before every call, while alive; or NULL */
	void *payload;
} fault_plan;

/* A plan without faults. */
void fault_plan_init(fault_plan *plan, const imago_file_system *below);

imago_file_system fault_plan_files(fault_plan *plan);

#endif

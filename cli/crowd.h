/* crowd.h: processes that are forked to do the same, and meet at barriers.
 *
 * Each child sends messages to its parent; at a barrier it says so and waits until the parent lets
 * all go on. A child that dies, or sends what makes no sense, is lost, and the others go on without
 * it. When the parent dies, its children end.
 */
#ifndef IMAGO_CLI_CROWD_H
#define IMAGO_CLI_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { CROWD_MOST = 256, CROWD_MESSAGE = 16384 /* bytes, at most */ };

/* What a message is. Children may send any but LOST. */
typedef enum crowd_kind {
	CROWD_TEXT,    /* some of what the child prints */
	CROWD_FAILED,  /* why it stopped: an imago_error and more; the caller's business */
	CROWD_BARRIER, /* it waits */
	CROWD_REPORT,  /* its result */
	CROWD_LOST,    /* there is nobody any more */
	CROWD_NUM_KINDS,
} crowd_kind;

/* A child's ends. */
typedef struct crowd_member {
	unsigned index;
	int to_parent;
	int go[2];
	unsigned num_waits; /* so far */
} crowd_member;

typedef struct crowd_child {
	pid_t pid;
	int from; /* or -1: lost */
} crowd_child;

typedef struct crowd {
	unsigned num;
	/* Pipes for barriers in turn, a byte for each child that may go on: who is fast could take
	 * another's byte at the next barrier, but not at the one behind. */
	int go[2][2];
	unsigned num_releases;
	crowd_child children[CROWD_MOST];
} crowd;

/* What a child does; then it ends. */
typedef void crowd_task(crowd_member *member, void *payload);

/* Starts num children. 0 or an errno, and then there are none. End in every case but that. Nothing
 * may be waiting in streams, or it is printed by each. */
int crowd_start(crowd *c, unsigned num, crowd_task *task, void *payload);

/* Closes the pipes and waits for the children's ends. */
void crowd_end(crowd *c);

/* The next message of a child: bytes has room for CROWD_MESSAGE. */
crowd_kind crowd_receive(crowd *c, unsigned index, uint8_t *bytes, size_t *size);

/* Lets as many go on as wait. */
void crowd_release(crowd *c, unsigned num_waiting);

/* In a child. False when the parent is gone. */
bool crowd_send(const crowd_member *member, crowd_kind kind, const void *bytes, size_t size);
bool crowd_wait(crowd_member *member);

#endif

/* crowd.c: pipes and forks. */
#include "crowd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* In front of each message. */
typedef struct envelope {
	uint32_t kind, size;
} envelope;

static bool
write_all(int descriptor, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	while (size > 0) {
		const ssize_t count = write(descriptor, at, size);
		if (count < 0 && errno != EINTR) {
			return false;
		}
		at += count > 0 ? count : 0;
		size -= count > 0 ? (size_t)count : 0;
	}
	return true;
}

static bool
read_all(int descriptor, void *bytes, size_t size)
{
	uint8_t *at = bytes;
	while (size > 0) {
		const ssize_t count = read(descriptor, at, size);
		if (count == 0 || (count < 0 && errno != EINTR)) {
			return false;
		}
		at += count > 0 ? count : 0;
		size -= count > 0 ? (size_t)count : 0;
	}
	return true;
}

/* Closes and forgets. */
static void
close_end(int *descriptor)
{
	if (*descriptor >= 0) {
		close(*descriptor);
	}
	*descriptor = -1;
}

/* A child that has been forked off just now. */
static void
live(crowd *c, unsigned index, int to_parent, crowd_task *task, void *payload)
{
	crowd_member member = {index, to_parent, {c->go[0][0], c->go[1][0]}, 0};
	/* Or nobody would notice the parent's end. */
	close_end(&c->go[0][1]);
	close_end(&c->go[1][1]);
	for (unsigned i = 0; i < index; i++) {
		close_end(&c->children[i].from);
	}
	task(&member, payload);
}

static int
start_one(crowd *c, unsigned index, crowd_task *task, void *payload)
{
	int ends[2];
	if (pipe(ends) != 0) {
		return errno;
	}
	const pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		live(c, index, ends[1], task, payload);
		/* Streams are empty, and who measures what was run (coverage, leaks) wants to know of
		 * children as well. */
		exit(0);
	}
	const int result = pid < 0 ? errno : 0;
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return result;
	}
	c->children[index] = (crowd_child){pid, ends[0]};
	c->num = index + 1;
	return 0;
}

int
crowd_start(crowd *c, unsigned num, crowd_task *task, void *payload)
{
	*c = (crowd){.go = {{-1, -1}, {-1, -1}}};
	int result = pipe(c->go[0]) != 0 || pipe(c->go[1]) != 0 ? errno : 0;
	for (unsigned i = 0; i < num && result == 0; i++) {
		result = start_one(c, i, task, payload);
	}
	if (result != 0) {
		crowd_end(c);
	}
	return result;
}

void
crowd_end(crowd *c)
{
	for (unsigned i = 0; i < 2; i++) {
		close_end(&c->go[i][0]);
		close_end(&c->go[i][1]);
	}
	for (unsigned i = 0; i < c->num; i++) {
		close_end(&c->children[i].from);
	}
	for (unsigned i = 0; i < c->num; i++) {
		while (waitpid(c->children[i].pid, NULL, 0) < 0 && errno == EINTR) {
		}
	}
	c->num = 0;
}

crowd_kind
crowd_receive(crowd *c, unsigned index, uint8_t *bytes, size_t *size)
{
	int *from = &c->children[index].from;
	envelope head;
	*size = 0;
	if (*from < 0) {
		return CROWD_LOST;
	}
	if (!read_all(*from, &head, sizeof head) || head.kind >= CROWD_LOST ||
	    head.size > CROWD_MESSAGE || !read_all(*from, bytes, head.size)) {
		close_end(from);
		return CROWD_LOST;
	}
	*size = head.size;
	return (crowd_kind)head.kind;
}

void
crowd_release(crowd *c, unsigned num_waiting)
{
	static const uint8_t bytes[CROWD_MOST];
	(void)write_all(c->go[c->num_releases++ % 2][1], bytes, num_waiting);
}

bool
crowd_send(const crowd_member *member, crowd_kind kind, const void *bytes, size_t size)
{
	const envelope head = {(uint32_t)kind, (uint32_t)size};
	return write_all(member->to_parent, &head, sizeof head) &&
	       write_all(member->to_parent, bytes, size);
}

bool
crowd_wait(crowd_member *member)
{
	uint8_t byte = 0;
	return crowd_send(member, CROWD_BARRIER, &byte, 0) &&
	       read_all(member->go[member->num_waits++ % 2], &byte, 1);
}

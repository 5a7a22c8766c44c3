/* forks_test.c: children and threads see what their parent sees, whoever touches a page first. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assertions.h"
#include "imago/pages.h"
#include "mapped.h"

static imago_attachment *
attach_elsewhere(mapped_fixture *f, imago_relocation way)
{
	imago_attachment *attachment = NULL;
	const imago_attach_options options = {IMAGO_PLACE_ANYWHERE, 0, way};
	/* Instead of cmocka's, which would make a child go on with the next test. */
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	assert_ok(imago_attach(&attachment, f->file.descriptor, &f->file.plan, &options, &f->allocator,
	                       &f->error),
	          &f->error);
	return attachment;
}

static pid_t
fork_once(void)
{
	const pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		alarm(60);
	}
	return child;
}

static void
expect_success(pid_t child)
{
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
a_child_sees_what_was_not_touched_before(void **state)
{
	mapped_fixture *f = *state;
	for (size_t j = 0; j < f->num_ways; j++) {
		imago_attachment *attachment = attach_elsewhere(f, f->ways[j]);
		mapped_expect_word(&f->file, attachment, 1, 8); /* this was */
		const pid_t child = fork_once();
		if (child == 0) {
			mapped_end_child(mapped_matches(&f->file, attachment));
		}
		expect_success(child);
		mapped_expect(&f->file, attachment);
		imago_detach(attachment);
	}
}

static void
so_does_a_grandchild(void **state)
{
	mapped_fixture *f = *state;
	for (size_t j = 0; j < f->num_ways; j++) {
		imago_attachment *attachment = attach_elsewhere(f, f->ways[j]);
		const pid_t child = fork_once();
		if (child == 0) {
			mapped_expect_word(&f->file, attachment, 1, 8);
			const pid_t grandchild = fork_once();
			if (grandchild == 0) {
				mapped_end_child(mapped_matches(&f->file, attachment));
			}
			int status = 1;
			waitpid(grandchild, &status, 0);
			mapped_end_child(status == 0 && mapped_matches(&f->file, attachment));
		}
		expect_success(child);
		imago_detach(attachment);
	}
}

/* What was stored before the fork is the child's too; what either stores after it is its own. */
static void
stores_are_inherited_and_then_parted(void **state)
{
	mapped_fixture *f = *state;
	const uint64_t page = f->file.page_size;
	for (size_t j = 0; j < f->num_ways; j++) {
		int ends[2];
		imago_attachment *attachment = attach_elsewhere(f, f->ways[j]);
		volatile uint8_t *bytes = mapped_section_bytes(&f->file, attachment, 2);
		const uint8_t was = bytes[page + 8];
		assert_int_equal(pipe(ends), 0);
		bytes[0] = 1;
		bytes[17 * page] = 2;
		const pid_t child = fork_once();
		if (child == 0) {
			char go;
			bool right = bytes[0] == 1 && bytes[17 * page] == 2 && read(ends[0], &go, 1) == 1;
			right = right && bytes[page] == f->file.bytes[f->file.sections[2].offset + page];
			right = right && bytes[page + 8] == was;
			bytes[2 * page] = 4;
			mapped_end_child(right && bytes[2 * page] == 4);
		}
		bytes[page + 8] = (uint8_t)~was;
		assert_int_equal(write(ends[1], "g", 1), 1);
		expect_success(child);
		assert_int_equal(bytes[0], 1);
		bytes[0] = 0;
		mapped_expect_word(&f->file, attachment, 2, 2 * page);
		close(ends[0]);
		close(ends[1]);
		imago_detach(attachment);
	}
}

static void
a_child_may_detach_and_attach(void **state)
{
	mapped_fixture *f = *state;
	for (size_t j = 0; j < f->num_ways; j++) {
		imago_attachment *attachment = attach_elsewhere(f, f->ways[j]);
		const pid_t child = fork_once();
		if (child == 0) {
			imago_detach(attachment);
			imago_attachment *own = attach_elsewhere(f, f->ways[j]);
			const bool right = mapped_matches(&f->file, own);
			imago_detach(own);
			mapped_end_child(right);
		}
		expect_success(child);
		mapped_expect(&f->file, attachment);
		imago_detach(attachment);
	}
}

/* Each way that is open to root is open to nobody. */
static void
no_way_needs_rights(void **state)
{
	mapped_fixture *f = *state;
	if (geteuid() != 0) {
		skip(); /* then all other tests say so */
	}
	const pid_t child = fork_once();
	if (child == 0) {
		bool right = setgid(65534) == 0 && setuid(65534) == 0;
		/* Else what is root's in /proc stays root's. */
		right = right && prctl(PR_SET_DUMPABLE, 1) == 0;
		for (size_t j = 0; j < f->num_ways; j++) {
			imago_attachment *attachment = attach_elsewhere(f, f->ways[j]);
			imago_page_counts counts[MAPPED_SECTIONS];
			right = right && mapped_matches(&f->file, attachment);
			right = right &&
			        imago_attachment_pages(attachment, counts, NULL, NULL, &f->error) == IMAGO_OK;
			imago_detach(attachment);
		}
		mapped_end_child(right);
	}
	expect_success(child);
}

enum { NUM_THREADS = 8 };

typedef struct crew {
	const mapped_file *file;
	const imago_attachment *attachment;
	pthread_barrier_t begin;
	bool wrong[NUM_THREADS];
} crew;

typedef struct worker {
	crew *crew;
	size_t number;
	pthread_t thread;
} worker;

/* Every thread marks one byte in each page of the writable section with addresses. */
static void *
touch_and_store(void *payload)
{
	const worker *self = payload;
	crew *c = self->crew;
	const uint64_t page = c->file->page_size;
	uint8_t *bytes = mapped_section_bytes(c->file, c->attachment, 2);
	pthread_barrier_wait(&c->begin);
	if (self->number % 2 == 0) {
		for (uint64_t i = 0; i < c->file->sections[2].size; i += page) {
			bytes[i + self->number] = (uint8_t)self->number;
		}
	}
	for (uint64_t i = 0; i < c->file->sections[1].size; i += 8) {
		const uint64_t at = self->number % 3 == 0 ? c->file->sections[1].size - 8 - i : i;
		const uint8_t *word = mapped_section_bytes(c->file, c->attachment, 1) + at;
		if (mapped_word_at(word, c->file->plan.layout) !=
		    mapped_word(c->file, 1, at, mapped_delta(c->file, c->attachment))) {
			c->wrong[self->number] = true;
		}
	}
	for (uint64_t i = 0; i < c->file->sections[2].size; i += page) {
		bytes[i + self->number] = (uint8_t)self->number;
	}
	return NULL;
}

static void
threads_that_touch_a_page_at_once_see_it_whole(void **state)
{
	mapped_fixture *f = *state;
	for (size_t round = 0; round < 20 * f->num_ways; round++) {
		imago_attachment *attachment = attach_elsewhere(f, f->ways[round % f->num_ways]);
		crew c = {.file = &f->file, .attachment = attachment};
		worker workers[NUM_THREADS];
		pthread_barrier_init(&c.begin, NULL, NUM_THREADS);
		for (size_t i = 0; i < NUM_THREADS; i++) {
			workers[i] = (worker){.crew = &c, .number = i};
			assert_int_equal(pthread_create(&workers[i].thread, NULL, touch_and_store, &workers[i]),
			                 0);
		}
		for (size_t i = 0; i < NUM_THREADS; i++) {
			pthread_join(workers[i].thread, NULL);
			assert_false(c.wrong[i]);
		}
		const uint8_t *bytes = mapped_section_bytes(&f->file, attachment, 2);
		for (uint64_t i = 0; i < f->file.sections[2].size; i++) {
			if (i % f->file.page_size < NUM_THREADS) {
				assert_int_equal(bytes[i], i % f->file.page_size);
			} else if (i % 8 == 0) {
				mapped_expect_word(&f->file, attachment, 2, i);
			}
		}
		const imago_attachment_facts facts = imago_attachment_facts_of(attachment);
		assert_int_equal(facts.num_pages_relocated,
		                 facts.relocation == IMAGO_RELOCATION_EAGER ? 58 : 57);
		pthread_barrier_destroy(&c.begin);
		imago_detach(attachment);
	}
}

/* A child is made while other threads are in the middle of bringing pages in. */
static void
children_made_among_busy_threads_see_the_same(void **state)
{
	mapped_fixture *f = *state;
	for (size_t round = 0; round < 10 * f->num_ways; round++) {
		imago_attachment *attachment = attach_elsewhere(f, f->ways[round % f->num_ways]);
		crew c = {.file = &f->file, .attachment = attachment};
		worker workers[NUM_THREADS];
		pthread_barrier_init(&c.begin, NULL, NUM_THREADS + 1);
		for (size_t i = 0; i < NUM_THREADS; i++) {
			workers[i] = (worker){.crew = &c, .number = i};
			assert_int_equal(pthread_create(&workers[i].thread, NULL, touch_and_store, &workers[i]),
			                 0);
		}
		pthread_barrier_wait(&c.begin);
		const pid_t child = fork_once();
		if (child == 0) {
			/* Of the section that is stored into, only what nobody stores into. */
			bool right = true;
			for (size_t i = 0; i < MAPPED_SECTIONS; i++) {
				const uint8_t *bytes = mapped_section_bytes(&f->file, attachment, i);
				for (uint64_t at = i == 2 ? 8 : 0; at < f->file.sections[i].size; at += 8) {
					right = right &&
					        (at % f->file.page_size == 0 ||
					         mapped_word_at(bytes + at, f->file.plan.layout) ==
					             mapped_word(&f->file, i, at, mapped_delta(&f->file, attachment)));
				}
			}
			mapped_end_child(right);
		}
		for (size_t i = 0; i < NUM_THREADS; i++) {
			pthread_join(workers[i].thread, NULL);
			assert_false(c.wrong[i]);
		}
		expect_success(child);
		pthread_barrier_destroy(&c.begin);
		imago_detach(attachment);
	}
}

/* Several at once, attached and detached while others fault. */
static void *
come_and_go(void *payload)
{
	worker *self = payload;
	crew *c = self->crew;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	pthread_barrier_wait(&c->begin);
	for (unsigned i = 0; i < 20; i++) {
		imago_attachment *attachment;
		const imago_attach_options options = {IMAGO_PLACE_ANYWHERE, 0, (imago_relocation)(i % 4)};
		if (imago_attach(&attachment, c->file->descriptor, &c->file->plan, &options, &allocator,
		                 NULL) == IMAGO_OK) {
			c->wrong[self->number] |= !mapped_matches(c->file, attachment);
			imago_detach(attachment);
		} else if (i % 4 == 0) {
			c->wrong[self->number] = true;
		}
	}
	c->wrong[self->number] |= allocator.used != 0;
	return NULL;
}

static void
threads_attach_and_detach_at_once(void **state)
{
	mapped_fixture *f = *state;
	crew c = {.file = &f->file};
	worker workers[NUM_THREADS];
	pthread_barrier_init(&c.begin, NULL, NUM_THREADS);
	for (size_t i = 0; i < NUM_THREADS; i++) {
		workers[i] = (worker){.crew = &c, .number = i};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, come_and_go, &workers[i]), 0);
	}
	for (size_t i = 0; i < NUM_THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_false(c.wrong[i]);
	}
	pthread_barrier_destroy(&c.begin);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_child_sees_what_was_not_touched_before, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(so_does_a_grandchild, mapped_set_up, mapped_tear_down),
	    cmocka_unit_test_setup_teardown(stores_are_inherited_and_then_parted, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(a_child_may_detach_and_attach, mapped_set_up,
	                                    mapped_tear_down),
	    cmocka_unit_test_setup_teardown(no_way_needs_rights, mapped_set_up, mapped_tear_down),
	    cmocka_unit_test_setup_teardown(threads_that_touch_a_page_at_once_see_it_whole,
	                                    mapped_set_up, mapped_tear_down),
	    cmocka_unit_test_setup_teardown(children_made_among_busy_threads_see_the_same,
	                                    mapped_set_up, mapped_tear_down),
	    cmocka_unit_test_setup_teardown(threads_attach_and_detach_at_once, mapped_set_up,
	                                    mapped_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* packfile_attach_test.c: packfiles executed where they are mapped: no page of theirs is copied, N
 * processes share them, and a file that is cut meanwhile ends the run and nothing else. */
#include "../formats/packfile_files.h"
#include "assertions.h"
#include "mapped.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "imago/attach.h"
#include "imago/byte_order.h"
#include "imago/pages.h"

enum { REPEATS = 4000, NUM_PROCESSES = 4 };

static uint64_t
page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* A program of many pages of code. */
static int
make_program(imago_layout layout, imago_allocator *allocator, uint64_t *size)
{
	static draft d;
	imago_writer file;
	draft_init(&d, layout, 0);
	d.num_repeats = REPEATS;
	d.pmcs[0].words[3] = (int64_t)(d.num_code + REPEATS * (d.num_code - 1));
	d.rest = "an odd end";
	d.rest_size = 10;
	imago_writer_init(&file, allocator, layout, NULL);
	draft_write(&d, &file);
	assert_int_equal(file.status, IMAGO_OK);
	*size = file.size;
	const int descriptor = mapped_descriptor(file.bytes, file.size);
	imago_writer_release(&file);
	return descriptor;
}

typedef struct session {
	imago_attachment *attachment;
	uint64_t size;
	imago_allocator allocator;
	imago_packfile packfile;
	imago_packfile_machine machine;
	imago_packfile_result result;
	uint64_t num_printed;
	int cut; /* a descriptor whose file loses its second half at the first output; -1: none */
	imago_error error;
} session;

static void
count_printed(const uint8_t *bytes, size_t size, void *payload)
{
	session *s = payload;
	(void)bytes;
	s->num_printed += size;
	if (s->cut >= 0) {
		(void)!ftruncate(s->cut, (off_t)(s->size / 2));
		s->cut = -1;
	}
}

static imago_status
read_and_run(void *payload)
{
	session *s = payload;
	imago_status status =
	    imago_packfile_read(&s->packfile, imago_attachment_facts_of(s->attachment).bytes, s->size,
	                        NULL, &s->allocator, &s->error);
	return status != IMAGO_OK ? status
	                          : imago_packfile_run(&s->packfile, UINT64_MAX, count_printed, s,
	                                               &s->machine, &s->result, &s->error);
}

static void
session_open(session *s, int descriptor)
{
	memset(s, 0, sizeof *s);
	s->cut = -1;
	imago_allocator_init(&s->allocator, IMAGO_UNLIMITED);
	imago_packfile_machine_init(&s->machine, &s->allocator);
	s->packfile.allocator = &s->allocator;
	assert_ok(imago_packfile_attach(&s->attachment, &s->size, descriptor, &s->allocator, &s->error),
	          &s->error);
}

static void
session_close(session *s)
{
	imago_packfile_machine_release(&s->machine);
	imago_packfile_close(&s->packfile);
	imago_detach(s->attachment);
	assert_no_leak(&s->allocator);
}

static imago_status
session_run(session *s)
{
	return imago_attachment_guard(s->attachment, read_and_run, s, &s->error);
}

static void
no_page_is_copied(void **state)
{
	(void)state;
	const bool counted = mapped_pages_are_told();
	for (size_t i = 0; i < NUM_PACKFILE_LAYOUTS; i++) {
		session s;
		imago_allocator allocator;
		imago_page_counts counts;
		uint64_t size;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		const int descriptor = make_program(packfile_layouts[i], &allocator, &size);
		session_open(&s, descriptor);
		assert_int_equal(s.size, size);
		assert_ok(session_run(&s), &s.error);
		assert_int_equal(s.result.end, IMAGO_PACKFILE_ENDED);
		assert_int_equal(s.num_printed, (REPEATS + 1) * strlen(DRAFT_PRINTS));
		const bool host = packfile_layouts[i].byte_order == imago_host_order();
		assert_int_equal(s.result.num_bytes_copied, host ? 0 : s.result.num_code_bytes);
		if (counted) {
			assert_ok(imago_attachment_pages(s.attachment, &counts, NULL, NULL, &s.error),
			          &s.error);
			assert_int_equal(counts.num_private, 0);
			assert_int_equal(counts.num_pages, (size + page_size() - 1) / page_size());
			assert_true(counts.num_shared * page_size() >= s.result.num_code_bytes);
		}
		session_close(&s);
		close(descriptor);
		assert_no_leak(&allocator);
	}
}

static void
genuine_files_run_without_a_copied_page(void **state)
{
	(void)state;
	const bool counted = mapped_pages_are_told();
	for (size_t i = 0; i < NUM_REAL_PACKFILES; i++) {
		session s;
		char path[128];
		imago_page_counts counts;
		snprintf(path, sizeof path, "../shared/packfiles/%s.pbc", real_packfiles[i].name);
		const int descriptor = open(path, O_RDONLY);
		if (descriptor < 0) {
			skip();
		}
		session_open(&s, descriptor);
		assert_ok(session_run(&s), &s.error);
		assert_int_equal(s.num_printed, strlen(real_packfiles[i].prints));
		if (real_packfiles[i].layout.byte_order == imago_host_order()) {
			assert_int_equal(s.result.num_bytes_copied, 0);
		}
		if (counted) {
			assert_ok(imago_attachment_pages(s.attachment, &counts, NULL, NULL, &s.error),
			          &s.error);
			assert_int_equal(counts.num_private, 0);
			assert_true(counts.num_shared > 0);
		}
		session_close(&s);
		close(descriptor);
	}
}

/* What one process has to tell. */
typedef struct told {
	bool ran;
	imago_page_counts counts;
	imago_memory_use use;
} told;

/* Runs, waits for the others with the pages in use, counts, tells. */
static void
be_one_of_many(int descriptor, int ready, int go, int report, int leave)
{
	session s;
	told t = {.ran = false};
	char byte = 0;
	session_open(&s, descriptor);
	t.ran = session_run(&s) == IMAGO_OK && s.result.end == IMAGO_PACKFILE_ENDED &&
	        s.result.num_bytes_copied == 0;
	(void)!write(ready, &byte, 1);
	(void)!read(go, &byte, 1);
	t.ran = t.ran &&
	        imago_attachment_pages(s.attachment, &t.counts, NULL, NULL, &s.error) == IMAGO_OK &&
	        imago_attachment_memory(s.attachment, &t.use, &s.error) == IMAGO_OK;
	(void)!write(report, &t, sizeof t);
	(void)!read(leave, &byte, 1); /* the pages stay in use until all have counted */
	_exit(0);
}

static void
processes_share_every_page(void **state)
{
	(void)state;
	if (!mapped_pages_are_told()) {
		skip();
	}
	imago_allocator allocator;
	uint64_t size;
	int ready[2];
	int go[2];
	int report[2];
	int leave[2];
	char byte = 0;
	pid_t children[NUM_PROCESSES];
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	const imago_layout host = {8, imago_host_order()};
	const int descriptor = make_program(host, &allocator, &size);
	assert_int_equal(pipe(ready) | pipe(go) | pipe(report) | pipe(leave), 0);
	for (size_t i = 0; i < NUM_PROCESSES; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0) {
			be_one_of_many(descriptor, ready[1], go[0], report[1], leave[0]);
		}
	}
	for (size_t i = 0; i < NUM_PROCESSES; i++) {
		assert_int_equal(read(ready[0], &byte, 1), 1);
	}
	for (size_t i = 0; i < NUM_PROCESSES; i++) {
		assert_int_equal(write(go[1], &byte, 1), 1);
	}
	uint64_t proportional = 0;
	told all[NUM_PROCESSES];
	for (size_t i = 0; i < NUM_PROCESSES; i++) {
		assert_int_equal(read(report[0], &all[i], sizeof all[i]), sizeof all[i]);
	}
	for (size_t i = 0; i < NUM_PROCESSES; i++) {
		assert_int_equal(write(leave[1], &byte, 1), 1);
	}
	for (size_t i = 0; i < NUM_PROCESSES; i++) {
		assert_int_equal(waitpid(children[i], NULL, 0), children[i]);
		assert_true(all[i].ran);
		assert_int_equal(all[i].counts.num_private, 0);
		assert_int_equal(all[i].use.private_dirty, 0);
		assert_true(all[i].use.resident + 2 * page_size() > size);
		proportional += all[i].use.proportional;
	}
	/* All of them together have the file once: a page each for what rounding leaves. */
	assert_true(proportional <= all[0].use.resident + NUM_PROCESSES * page_size());
	close(descriptor);
	for (size_t i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
		close(report[i]);
		close(leave[i]);
	}
	assert_no_leak(&allocator);
}

/* Before and while it runs. */
static void
a_cut_ends_the_run_and_nothing_else(void **state)
{
	(void)state;
	if (!mapped_gone_pages_are_told()) {
		skip();
	}
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	for (uint64_t i = 0; i < 6; i++) {
		session s;
		uint64_t size;
		const imago_layout host = {4, imago_host_order()};
		const int descriptor = make_program(host, &allocator, &size);
		const uint64_t cuts[] = {0, 1, page_size(), 2 * page_size() + 100, size - 1};
		session_open(&s, descriptor);
		if (i < 5) {
			assert_int_equal(ftruncate(descriptor, (off_t)cuts[i]), 0);
		} else {
			s.cut = descriptor;
		}
		assert_status(session_run(&s), &s.error, IMAGO_EIO);
		session_close(&s);
		close(descriptor);
	}
	assert_no_leak(&allocator);
}

static void
what_is_no_file_is_refused(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_attachment *attachment;
	imago_error error = {0};
	uint64_t size;
	int ends[2];
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	const int empty = mapped_descriptor((const uint8_t *)"", 0);
	assert_status(imago_packfile_attach(&attachment, &size, empty, &allocator, &error), &error,
	              IMAGO_ETRUNCATED);
	close(empty);
	assert_status(imago_packfile_attach(&attachment, &size, empty, &allocator, &error), &error,
	              IMAGO_EIO);
	assert_int_equal(pipe(ends), 0);
	assert_int_not_equal(imago_packfile_attach(&attachment, &size, ends[0], &allocator, &error),
	                     IMAGO_OK);
	close(ends[0]);
	close(ends[1]);
	assert_no_leak(&allocator);
}

static imago_status
attempt(imago_allocator *allocator, imago_error *error, void *payload)
{
	imago_attachment *attachment;
	uint64_t size;
	const imago_status status =
	    imago_packfile_attach(&attachment, &size, *(int *)payload, allocator, error);
	if (status == IMAGO_OK) {
		imago_detach(attachment);
	}
	return status;
}

static void
every_failing_allocation_is_reported(void **state)
{
	(void)state;
	int descriptor = mapped_descriptor((const uint8_t *)"bytes", 5);
	assert_every_allocation_failure_is_reported(attempt, &descriptor);
	close(descriptor);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_page_is_copied),
	    cmocka_unit_test(genuine_files_run_without_a_copied_page),
	    cmocka_unit_test(processes_share_every_page),
	    cmocka_unit_test(a_cut_ends_the_run_and_nothing_else),
	    cmocka_unit_test(what_is_no_file_is_refused),
	    cmocka_unit_test(every_failing_allocation_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

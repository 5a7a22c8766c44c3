/* workspace_share_test.c: shared code files that are attached (workspace.md §4). */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier): MAP_FIXED_NOREPLACE */
#include "workspace_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../share/mapped.h"
#include "imago/pages.h"

static uint64_t
attach_text(workspace_session *s, const char *text, unsigned slot)
{
	workspace_file file;
	imago_workspace_attached attached;
	workspace_file_open(&file, text, slot, false);
	assert_ok(workspace_session_attach(s, &file, true, &attached), &s->error);
	assert_int_equal(attached.slot, slot);
	assert_workspace_is_sound(s->workspace);
	workspace_file_close(&file);
	return attached.num_imported;
}

static void
what_is_attached_runs(void **state)
{
	workspace_session *s = *state;
	/* A, V, N, X, MEAN, ADD, S, M; DEEP, UP, T; D */
	assert_int_equal(attach_text(s, workspace_sample, 2), 12);
	assert_line(s->workspace, "MEAN V", "2");
	assert_line(s->workspace, "MEAN V", "2");
	assert_line(s->workspace, "1 ADD N", "DOMAIN ERROR");
	assert_line(s->workspace, "S.UP", "5");
	assert_line(s->workspace, "A←6", "6");
	assert_line(s->workspace, "S.UP", "6"); /* ## is the main workspace's */
	assert_line(s->workspace, "S.NEW←1 2", "1 2");
	assert_line(s->workspace, "S.T.D←S.DEEP", "'deep' 7");
	assert_line(s->workspace, "M", "1 [namespace] 'x'");
}

static void
eight_files_at_once_and_no_more(void **state)
{
	workspace_session *s = *state;
	for (unsigned slot = 1; slot <= IMAGO_WORKSPACE_SLOTS; slot++) {
		char text[64];
		snprintf(text, sizeof text, "NAME←%u\nN%u←NAME %u 'x'\n", slot, slot, slot);
		assert_int_equal(attach_text(s, text, slot), slot == 1 ? 2 : 1);
	}
	assert_line(s->workspace, "NAME", "1");
	assert_line(s->workspace, "N8 N3", "(8 8 'x') (3 3 'x')");
	workspace_file file;
	imago_workspace_attached attached;
	workspace_file_open(&file, "B←1\n", 5, false);
	assert_status(workspace_session_attach(s, &file, true, &attached), &s->error, IMAGO_EUSAGE);
	assert_error(&s->error, IMAGO_EUSAGE, "slot that is taken", IMAGO_NO_OFFSET);
	assert_int_equal(s->error.found, 5);
	assert_ok(imago_workspace_detach(s->workspace, 5, false, &s->error), &s->error);
	assert_line(s->workspace, "N5", "VALUE ERROR");
	assert_ok(workspace_session_attach(s, &file, true, &attached), &s->error);
	assert_line(s->workspace, "B", "1");
	workspace_file_close(&file);
	for (unsigned slot = 1; slot <= IMAGO_WORKSPACE_SLOTS; slot++) {
		assert_ok(imago_workspace_detach(s->workspace, slot, slot % 2 == 0, &s->error), &s->error);
		assert_workspace_is_sound(s->workspace);
		assert_null(imago_workspace_mapping(s->workspace, slot));
	}
	assert_line(s->workspace, "N8 N4", "(8 8 'x') (4 4 'x')");
	assert_line(s->workspace, "N3", "VALUE ERROR");
}

static void
files_that_cannot_be_attached_are_refused_by_name(void **state)
{
	workspace_session *s = *state;
	workspace_file file;
	imago_workspace_attached attached;
	workspace_file_open(&file, workspace_sample, 0, false);
	assert_status(workspace_session_attach(s, &file, true, &attached), &s->error, IMAGO_EUSAGE);
	assert_error(&s->error, IMAGO_EUSAGE, "workspace that was not saved for a slot",
	             IMAGO_NO_OFFSET);
	workspace_file_close(&file);
	workspace_file_open(&file, workspace_sample, 1, false);
	file.writer.bytes[300] ^= 1;
	assert_status(workspace_session_attach(s, &file, true, &attached), &s->error, IMAGO_ESTRUCTURE);
	assert_error(&s->error, IMAGO_ESTRUCTURE, "hash of the header page", 0);
	file.writer.bytes[300] ^= 1;
	file.writer.size -= 1;
	assert_status(workspace_session_attach(s, &file, true, &attached), &s->error, IMAGO_ETRUNCATED);
	file.writer.size = 100;
	assert_status(workspace_session_attach(s, &file, true, &attached), &s->error, IMAGO_ETRUNCATED);
	file.writer.size = 0;
	assert_status(workspace_session_attach(s, &file, true, &attached), &s->error, IMAGO_ETRUNCATED);
	workspace_file_close(&file);
	assert_status(imago_workspace_detach(s->workspace, 1, false, &s->error), &s->error,
	              IMAGO_EUSAGE);
	assert_status(imago_workspace_detach(s->workspace, 0, false, &s->error), &s->error,
	              IMAGO_EUSAGE);
	assert_status(imago_workspace_detach(s->workspace, 9, false, &s->error), &s->error,
	              IMAGO_EUSAGE);
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	assert_status(imago_workspace_attach(s->workspace, ends[0], true, &attached, &s->error),
	              &s->error, IMAGO_EIO);
	close(ends[0]);
	close(ends[1]);
	assert_status(imago_workspace_attach(s->workspace, -1, true, &attached, &s->error), &s->error,
	              IMAGO_EIO);
	assert_string_equal(s->error.what, "stat");
	assert_workspace_is_sound(s->workspace);
}

static void
nobody_s_memory_is_taken(void **state)
{
	workspace_session *s = *state;
	workspace_file file;
	imago_workspace_attached attached;
	void *wanted = (void *)(uintptr_t)IMAGO_REGION_START(3);
	uint8_t *taken = mmap(wanted, 4096, PROT_READ | PROT_WRITE,
	                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (taken != wanted) {
		skip(); /* a sanitizer's, or a small address space */
	}
	taken[100] = 42;
	workspace_file_open(&file, workspace_sample, 3, false);
	assert_status(workspace_session_attach(s, &file, false, &attached), &s->error, IMAGO_EIO);
	assert_string_equal(s->error.what, "base");
	assert_line(s->workspace, "A", "VALUE ERROR");
	assert_ok(workspace_session_attach(s, &file, true, &attached), &s->error);
	assert_true(attached.is_elsewhere);
	assert_line(s->workspace, "MEAN V", "2");
	assert_int_equal(taken[100], 42);
	assert_int_equal(munmap(taken, 4096), 0);
	assert_ok(imago_workspace_detach(s->workspace, 3, false, &s->error), &s->error);
	assert_ok(workspace_session_attach(s, &file, false, &attached), &s->error);
	assert_false(attached.is_elsewhere);
	assert_line(s->workspace, "MEAN V", "2");
	workspace_file_close(&file);
}

/* Sum of the private pages of a slot. */
static imago_page_counts
pages_of(workspace_session *s, unsigned slot)
{
	imago_page_counts counts;
	const imago_status status = imago_attachment_pages(imago_workspace_mapping(s->workspace, slot),
	                                                   &counts, NULL, NULL, &s->error);
	if (status == IMAGO_EUNSUPPORTED) {
		skip();
	}
	assert_ok(status, &s->error);
	return counts;
}

static const char large[] = "BIG←100000⍴7\n"
                            "∇R←TOTAL\n"
                            "R←+/BIG\n"
                            "∇\n"
                            "SMALL←1\n";

static void
pages_are_private_only_where_counts_changed(void **state)
{
	workspace_session *s = *state;
	if (!mapped_pages_are_told()) {
		skip();
	}
	(void)attach_text(s, large, 1);
	assert_int_equal(pages_of(s, 1).num_private, 0);
	assert_line(s->workspace, "SMALL+1", "2");
	const uint64_t after_small = pages_of(s, 1).num_private;
	assert_in_range(after_small, 1, 1);
	assert_line(s->workspace, "TOTAL", "700000");
	const imago_page_counts after = pages_of(s, 1);
	assert_in_range(after.num_private, after_small, 3);
	assert_true(after.num_pages > 190);
}

static void
the_file_s_bytes_stay(void **state)
{
	workspace_session *s = *state;
	workspace_file file;
	imago_workspace_attached attached;
	workspace_file_open(&file, workspace_sample, 4, false);
	const int descriptor = workspace_descriptor(file.writer.bytes, file.writer.size);
	assert_ok(imago_workspace_attach(s->workspace, descriptor, true, &attached, &s->error),
	          &s->error);
	(void)workspace_result(s->workspace, "MINE←N V (MEAN V) M");
	(void)workspace_result(s->workspace, "N←V←0");
	assert_ok(imago_workspace_detach(s->workspace, 4, true, &s->error), &s->error);
	uint8_t *now = imago_allocate(&file.allocator, file.writer.size, "file", NULL);
	assert_int_equal(pread(descriptor, now, (size_t)file.writer.size, 0), file.writer.size);
	assert_memory_equal(now, file.writer.bytes, (size_t)file.writer.size);
	imago_release(&file.allocator, now, file.writer.size);
	assert_int_equal(close(descriptor), 0);
	workspace_file_close(&file);
}

static void
a_cut_file_ends_what_is_done_and_nothing_else(void **state)
{
	workspace_session *s = *state;
	workspace_file file;
	imago_workspace_attached attached;
	if (!mapped_gone_pages_are_told()) {
		skip();
	}
	workspace_file_open(&file, large, 6, false);
	const int descriptor = workspace_descriptor(file.writer.bytes, file.writer.size);
	assert_ok(imago_workspace_attach(s->workspace, descriptor, true, &attached, &s->error),
	          &s->error);
	assert_int_equal(ftruncate(descriptor, 8192), 0);
	assert_string_equal(workspace_result(s->workspace, "+/BIG"), "EIO");
	assert_string_equal(workspace_result(s->workspace, "1+1"), "EIO");
	assert_status(imago_workspace_detach(s->workspace, 6, false, &s->error), &s->error, IMAGO_EIO);
	assert_int_equal(close(descriptor), 0);
	workspace_file_close(&file);
}

static void
a_changed_file_is_noticed(void **state)
{
	workspace_session *s = *state;
	workspace_file file;
	imago_workspace_attached attached;
	if (!mapped_gone_pages_are_told()) {
		skip();
	}
	workspace_file_open(&file, large, 6, false);
	const int descriptor = workspace_descriptor(file.writer.bytes, file.writer.size);
	assert_ok(imago_workspace_attach(s->workspace, descriptor, true, &attached, &s->error),
	          &s->error);
	assert_int_equal(pwrite(descriptor, "xxxx", 4, 9000), 4);
	assert_int_equal(ftruncate(descriptor, (off_t)file.writer.size + 1), 0);
	assert_string_equal(workspace_result(s->workspace, "1+1"), "EIO");
	assert_int_equal(close(descriptor), 0);
	workspace_file_close(&file);
}

static void
what_is_saved_needs_no_file(void **state)
{
	workspace_session *s = *state;
	imago_writer writer;
	imago_workspace *loaded;
	(void)attach_text(s, workspace_sample, 7);
	(void)attach_text(s, large, 8);
	(void)workspace_result(s->workspace, "MINE←N 5");
	imago_writer_init(&writer, &s->allocator, (imago_layout){8, IMAGO_LITTLE_ENDIAN}, &s->error);
	assert_ok(imago_workspace_save(s->workspace, NULL, &writer, &s->error), &s->error);
	assert_workspace_is_sound(s->workspace);
	assert_ok(imago_workspace_load(&loaded, writer.bytes, writer.size, &s->allocator, &s->error),
	          &s->error);
	assert_line(loaded, "MEAN V", "2");
	assert_line(loaded, "TOTAL", "700000");
	assert_line(loaded, "S.UP", "5");
	assert_line(loaded, "MINE", "((1 2 3) (1 2 3)) 5");
	assert_line(s->workspace, "MEAN V", "2");
	imago_workspace_destroy(loaded);
	imago_writer_release(&writer);
}

/* Each process has its own counts; the others do not see them. */
static void
processes_share_the_file_and_not_the_counts(void **state)
{
	workspace_session *s = *state;
	enum { NUM = 4 };
	pid_t children[NUM];
	(void)attach_text(s, workspace_sample, 2);
	for (int i = 0; i < NUM; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			char line[64];
			snprintf(line, sizeof line, "A←%d", i);
			(void)workspace_result(s->workspace, line);
			for (int j = 0; j < i; j++) {
				(void)workspace_result(s->workspace, "V←0");
				(void)workspace_result(s->workspace, "V←↑N");
			}
			snprintf(line, sizeof line, "S.UP=%d", i);
			_exit(strcmp(workspace_result(s->workspace, line), "1") == 0 ? 0 : 1);
		}
	}
	for (int i = 0; i < NUM; i++) {
		int status;
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	assert_line(s->workspace, "A", "5");
}

static imago_status
attach_and_detach(imago_allocator *allocator, imago_error *error, void *payload)
{
	const workspace_file *file = payload;
	imago_workspace *workspace = NULL;
	imago_workspace_attached attached;
	const int descriptor = workspace_descriptor(file->writer.bytes, file->writer.size);
	imago_status status = imago_workspace_create(&workspace, allocator, error);
	if (status == IMAGO_OK) {
		status = imago_workspace_attach(workspace, descriptor, true, &attached, error);
		if (status != IMAGO_OK) {
			assert_null(imago_workspace_mapping(workspace, 3));
		}
	}
	if (status == IMAGO_OK) {
		status = imago_workspace_detach(workspace, 3, true, error);
	}
	imago_workspace_destroy(workspace);
	close(descriptor);
	return status;
}

static void
every_failing_allocation_is_reported(void **state)
{
	(void)state;
	workspace_file file;
	workspace_file_open(&file, workspace_sample, 3, false);
	assert_every_allocation_failure_is_reported(attach_and_detach, &file);
	workspace_file_close(&file);
}

static void
hosts_of_32_bits_are_refused_by_name(void **state)
{
	(void)state;
	workspace_session s = {.workspace = NULL};
	workspace_file file;
	imago_workspace_attached attached;
	imago_allocator_init(&s.allocator, IMAGO_UNLIMITED);
	s.workspace = workspace_of(workspace_sample, &s.allocator);
	assert_line(s.workspace, "MEAN V", "2");
	workspace_file_open(&file, workspace_sample, 3, false);
	assert_status(workspace_session_attach(&s, &file, true, &attached), &s.error,
	              IMAGO_EUNSUPPORTED);
	assert_string_equal(s.error.what, "shared code file on a host of 32 bits");
	workspace_file_close(&file);
	imago_workspace_destroy(s.workspace);
	assert_no_leak(&s.allocator);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, workspace_session_begin, workspace_session_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_is_attached_runs),
	    TEST(eight_files_at_once_and_no_more),
	    TEST(files_that_cannot_be_attached_are_refused_by_name),
	    TEST(nobody_s_memory_is_taken),
	    TEST(pages_are_private_only_where_counts_changed),
	    TEST(the_file_s_bytes_stay),
	    TEST(a_cut_file_ends_what_is_done_and_nothing_else),
	    TEST(a_changed_file_is_noticed),
	    TEST(what_is_saved_needs_no_file),
	    TEST(processes_share_the_file_and_not_the_counts),
	    TEST(every_failing_allocation_is_reported),
	};
	const struct CMUnitTest in_32_bits[] = {
	    cmocka_unit_test(hosts_of_32_bits_are_refused_by_name),
	};
	return sizeof(void *) < 8 ? cmocka_run_group_tests(in_32_bits, NULL, NULL)
	                          : cmocka_run_group_tests(tests, NULL, NULL);
}

/* workspace_lost_test.c: what becomes of a workspace when something fails while shared code files
 * are attached: it is as it was, or lost, and says so (workspace.md §4). */
#include "workspace_session.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../share/mapped.h"

/* Of another slot, while a file is attached: what is lost is all of the workspace. */
static void
nothing_is_attached_to_a_workspace_that_is_lost(void **state)
{
	workspace_session *s = *state;
	workspace_file file;
	workspace_file other;
	imago_workspace_attached attached;
	if (!mapped_gone_pages_are_told()) {
		skip();
	}
	workspace_file_open(&file, workspace_sample, 6, false);
	workspace_file_open(&other, workspace_sample, 2, false);
	const int descriptor = workspace_descriptor(file.writer.bytes, file.writer.size);
	assert_ok(imago_workspace_attach(s->workspace, descriptor, true, &attached, &s->error),
	          &s->error);
	assert_int_equal(ftruncate(descriptor, (off_t)file.writer.size + 1), 0);
	/* That the file of slot 6 was changed is noticed when names of the other one are imported … */
	assert_status(workspace_session_attach(s, &other, true, &attached), &s->error, IMAGO_EIO);
	assert_string_not_equal(s->error.what, "workspace that has lost pages");
	/* … and from then on it is known. */
	for (int i = 0; i < 2; i++) {
		assert_status(workspace_session_attach(s, &other, true, &attached), &s->error, IMAGO_EIO);
		assert_error(&s->error, IMAGO_EIO, "workspace that has lost pages", IMAGO_NO_OFFSET);
	}
	assert_string_equal(workspace_result(s->workspace, "1+1"), "EIO");
	assert_int_equal(close(descriptor), 0);
	workspace_file_close(&other);
	workspace_file_close(&file);
}

/* What is attached is copied before it is saved: when there is no memory for that, nothing is lost.
 */
static void
a_save_without_memory_changes_nothing(void **state)
{
	workspace_session *s = *state;
	imago_writer writer;
	imago_allocator own;
	workspace_file file;
	imago_workspace_attached attached;
	workspace_file_open(&file, workspace_sample, 7, false);
	assert_ok(workspace_session_attach(s, &file, true, &attached), &s->error);
	imago_allocator_init(&own, IMAGO_UNLIMITED);
	imago_writer_init(&writer, &own, (imago_layout){8, IMAGO_LITTLE_ENDIAN}, &s->error);
	s->allocator.budget = s->allocator.used;
	assert_status(imago_workspace_save(s->workspace, NULL, &writer, &s->error), &s->error,
	              IMAGO_ENOMEM);
	assert_int_equal(writer.size, 0);
	s->allocator.budget = IMAGO_UNLIMITED;
	assert_workspace_is_sound(s->workspace);
	assert_line(s->workspace, "MEAN V", "2");
	assert_ok(imago_workspace_save(s->workspace, NULL, &writer, &s->error), &s->error);
	imago_writer_release(&writer);
	assert_no_leak(&own);
	workspace_file_close(&file);
}

/* M's first item becomes M. */
static void
close_circle(const workspace_file *file)
{
	const imago_addr symbol = imago_symbol_find(&file->view, file->head.root, "M", 1);
	imago_pocket pocket;
	imago_array array;
	assert_true(imago_pocket_at(&file->view, symbol, &pocket));
	const imago_addr value = imago_pocket_pointer(&pocket, IMAGO_SYMBOL_VALUE);
	assert_true(imago_array_at(&file->view, value, &array) && array.num == 3);
	imago_store_u64(array.elements, value, IMAGO_LITTLE_ENDIAN);
}

/* Pointers to where nothing is; that it lies about counts and circles is the file's affair. */
static bool
count_astray(const imago_pocket_fault *fault, void *payload)
{
	uint64_t *num = payload;
	*num += fault->problem == IMAGO_PROBLEM_POINTER;
	return true;
}

/* A copy that leads to itself stays when names are taken away again, and leads into the file. Where
 * there is no memory to copy that as well, the file cannot go: the workspace is lost, and says so.
 */
static void
a_circle_in_a_file_leads_nowhere_when_attaching_fails(void **state)
{
	workspace_session *s = *state;
	char text[1024] = ")NS S\nA←1\n)END\nM←1 S (4000⍴7)\n";
	workspace_file file;
	imago_workspace_attached attached;
	unsigned num_lost = 0;
	for (unsigned i = 0; i < 8; i++) {
		const size_t length = strlen(text);
		snprintf(text + length, sizeof text - length, ")NS Z%u\nA←B←C←1\n)END\n", i);
	}
	workspace_file_open(&file, text, 3, false);
	close_circle(&file);
	/* What is left of the region when attaching begins, so that it ends here or there. */
	for (unsigned fill = 1600; fill < 2000; fill += 4) {
		char line[32];
		snprintf(line, sizeof line, "FILL←%u⍴0\n", fill);
		imago_workspace_destroy(s->workspace);
		assert_no_leak(&s->allocator);
		s->workspace = workspace_of(line, &s->allocator);
		s->allocator.budget = s->allocator.used + 5000; /* for all but a larger region */
		const imago_status status = workspace_session_attach(s, &file, true, &attached);
		s->allocator.budget = IMAGO_UNLIMITED;
		const bool is_lost = status != IMAGO_OK && imago_workspace_mapping(s->workspace, 3) != NULL;
		if (status != IMAGO_OK) {
			assert_status(status, &s->error, IMAGO_ENOMEM);
		}
		num_lost += is_lost;
		uint64_t num_astray = 0;
		const imago_status after =
		    imago_workspace_audit(s->workspace, count_astray, &num_astray, &s->error);
		if (is_lost) {
			assert_status(after, &s->error, IMAGO_EIO);
			assert_error(&s->error, IMAGO_EIO, "workspace that has lost pages", IMAGO_NO_OFFSET);
		} else {
			assert_ok(after, &s->error);
			assert_int_equal(num_astray, 0);
		}
	}
	assert_true(num_lost > 0);
	workspace_file_close(&file);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, workspace_session_begin, workspace_session_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(nothing_is_attached_to_a_workspace_that_is_lost),
	    TEST(a_save_without_memory_changes_nothing),
	    TEST(a_circle_in_a_file_leads_nowhere_when_attaching_fails),
	};
	if (sizeof(void *) < 8) {
		return 77; /* no room for slots */
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

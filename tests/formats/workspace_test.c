/* workspace_test.c: workspace.md, section by section. */
#include "workspace_file.h"

#include <string.h>

static void
the_header_says_what_the_file_is(void **state)
{
	(void)state;
	for (unsigned slot = 0; slot <= IMAGO_WORKSPACE_SLOTS; slot++) {
		workspace_file file;
		workspace_file_open(&file, workspace_sample, slot, false);
		const uint8_t *bytes = file.writer.bytes;
		assert_memory_equal(bytes, "imago workspace\n", 16);
		assert_int_equal(imago_load_u32(bytes + 16, IMAGO_LITTLE_ENDIAN), 1);
		assert_int_equal(imago_load_u32(bytes + 20, IMAGO_LITTLE_ENDIAN), slot);
		assert_int_equal(file.head.start,
		                 UINT64_C(0x100000000000) + slot * UINT64_C(0x10000000000));
		assert_int_equal(file.head.file_size, file.writer.size);
		assert_int_equal(file.writer.size % 4096, 0);
		assert_int_equal(file.head.num_runs, slot == 0 ? 1 : 4);
		assert_true(file.head.is_intact);
		workspace_file_close(&file);
	}
}

static void
check(const workspace_file *file)
{
	imago_check_sink sink;
	imago_allocator allocator;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_check_sink_init(&sink, NULL, NULL, NULL);
	assert_ok(
	    imago_workspace_check(file->writer.bytes, file->writer.size, &sink, &allocator, &error),
	    &error);
	assert_int_equal(sink.summary.num_errors + sink.summary.num_warnings, 0);
	assert_no_leak(&allocator);
}

static void
files_of_both_kinds_break_no_rule(void **state)
{
	(void)state;
	for (unsigned slot = 0; slot <= 2; slot++) {
		for (int unsorted = 0; unsorted < 2; unsorted++) {
			workspace_file file;
			workspace_file_open(&file, workspace_sample, slot, unsorted == 1);
			check(&file);
			workspace_file_close(&file);
		}
	}
}

static void
what_was_read_is_written_as_it_was(void **state)
{
	(void)state;
	workspace_file file;
	workspace_file again;
	workspace_file_open(&file, workspace_sample, 0, false);
	imago_workspace *workspace;
	assert_ok(imago_workspace_load(&workspace, file.writer.bytes, file.writer.size, &file.allocator,
	                               &file.error),
	          &file.error);
	assert_workspace_is_sound(workspace);
	imago_writer_init(&again.writer, &file.allocator, (imago_layout){8, IMAGO_LITTLE_ENDIAN},
	                  &file.error);
	assert_ok(imago_workspace_save(workspace, NULL, &again.writer, &file.error), &file.error);
	assert_int_equal(again.writer.size, file.writer.size);
	assert_memory_equal(again.writer.bytes, file.writer.bytes, (size_t)file.writer.size);
	imago_writer_release(&again.writer);
	imago_workspace_destroy(workspace);
	workspace_file_close(&file);
}

/* A file for a slot, loaded, and saved for the slot again. */
static void
a_shared_code_file_can_be_loaded_and_made_again(void **state)
{
	(void)state;
	for (int unsorted = 0; unsorted < 2; unsorted++) {
		workspace_file file;
		imago_workspace *workspace;
		imago_writer writer;
		const imago_workspace_options options = {.slot = 5, .unsorted = unsorted == 1};
		workspace_file_open(&file, workspace_sample, 5, unsorted == 1);
		assert_ok(imago_workspace_load(&workspace, file.writer.bytes, file.writer.size,
		                               &file.allocator, &file.error),
		          &file.error);
		assert_workspace_is_sound(workspace);
		imago_writer_init(&writer, &file.allocator, (imago_layout){8, IMAGO_LITTLE_ENDIAN},
		                  &file.error);
		assert_ok(imago_workspace_save(workspace, &options, &writer, &file.error), &file.error);
		assert_int_equal(writer.size, file.writer.size);
		assert_memory_equal(writer.bytes, file.writer.bytes, (size_t)file.writer.size);
		imago_writer_release(&writer);
		assert_line(workspace, "MEAN V", "2");
		assert_line(workspace, "S.UP", "5");
		imago_workspace_destroy(workspace);
		workspace_file_close(&file);
	}
}

static void
what_cannot_be_reached_is_not_written(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_error error;
	imago_writer writer;
	imago_workspace_head head;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_workspace *workspace = workspace_of(")NS S\nBIG←1000⍴0\n)END\nS←1\n", &allocator);
	assert_workspace_is_sound(workspace); /* the namespace is there, in a circle */
	assert_true(imago_workspace_pockets(workspace)->regions[0].used > 8000);
	imago_writer_init(&writer, &allocator, (imago_layout){8, IMAGO_LITTLE_ENDIAN}, &error);
	assert_ok(imago_workspace_save(workspace, NULL, &writer, &error), &error);
	assert_ok(imago_workspace_decode(&head, writer.bytes, writer.size, &error), &error);
	assert_true(head.size < 300);
	imago_writer_release(&writer);
	imago_workspace_destroy(workspace);
	assert_no_leak(&allocator);
}

static void
sorted_symbols_lie_together_and_data_by_length(void **state)
{
	(void)state;
	workspace_file file;
	workspace_file_open(&file, workspace_sample, 1, false);
	assert_int_equal(file.head.runs[0].pocket_class, IMAGO_CLASS_SPACES);
	assert_int_equal(file.head.runs[0].num_pockets, 3);
	assert_int_equal(file.head.runs[1].pocket_class, IMAGO_CLASS_SYMBOLS);
	assert_int_equal(file.head.runs[2].pocket_class, IMAGO_CLASS_CODE);
	assert_int_equal(file.head.runs[2].num_pockets, 9); /* three functions */
	assert_int_equal(file.head.runs[3].pocket_class, IMAGO_CLASS_DATA);
	workspace_file_close(&file);
}

static void
texts_that_are_none_are_refused_where_they_are_wrong(void **state)
{
	(void)state;
	static const struct {
		const char *text, *what;
		uint64_t offset;
	} wrong[] = {
	    {"A←1\nB←", "SYNTAX ERROR", 6},
	    {"A←1\n  C\n", "VALUE ERROR", 6},
	    {"∇F\nA←1\n", "function without an end", 0},
	    {"A←1\n∇F (\n∇\n", "header of a function", 11},
	    {")NS\n", "SYNTAX ERROR", 0},
	    {")NS 1\n", "name of a namespace", 0},
	    {")NS A\n", ")NS without )END", 0},
	    {")END\n", ")END without )NS", 0},
	    {"A←⍳1E12\n", "OUT OF FUEL", 0},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		imago_allocator allocator;
		imago_error error;
		imago_workspace *workspace;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		assert_ok(imago_workspace_create(&workspace, &allocator, &error), &error);
		assert_status(imago_workspace_take_text(workspace, wrong[i].text, strlen(wrong[i].text),
		                                        NULL, &error),
		              &error, IMAGO_ESTRUCTURE);
		assert_error(&error, IMAGO_ESTRUCTURE, wrong[i].what, wrong[i].offset);
		assert_workspace_is_sound(workspace);
		imago_workspace_destroy(workspace);
		assert_no_leak(&allocator);
	}
}

static imago_status
there_and_back(imago_allocator *allocator, imago_error *error, void *payload)
{
	const workspace_file *file = payload;
	imago_workspace *workspace = NULL;
	imago_writer writer;
	imago_writer_init(&writer, allocator, (imago_layout){8, IMAGO_LITTLE_ENDIAN}, error);
	imago_status status =
	    imago_workspace_load(&workspace, file->writer.bytes, file->writer.size, allocator, error);
	if (status == IMAGO_OK) {
		const imago_workspace_options options = {.slot = 3};
		status = imago_workspace_save(workspace, &options, &writer, error);
	}
	imago_writer_release(&writer);
	imago_workspace_destroy(workspace);
	return status;
}

static void
every_failing_allocation_is_reported(void **state)
{
	(void)state;
	workspace_file file;
	workspace_file_open(&file, workspace_sample, 0, false);
	assert_every_allocation_failure_is_reported(there_and_back, &file);
	workspace_file_close(&file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_header_says_what_the_file_is),
	    cmocka_unit_test(files_of_both_kinds_break_no_rule),
	    cmocka_unit_test(what_was_read_is_written_as_it_was),
	    cmocka_unit_test(a_shared_code_file_can_be_loaded_and_made_again),
	    cmocka_unit_test(what_cannot_be_reached_is_not_written),
	    cmocka_unit_test(sorted_symbols_lie_together_and_data_by_length),
	    cmocka_unit_test(texts_that_are_none_are_refused_where_they_are_wrong),
	    cmocka_unit_test(every_failing_allocation_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* workspace_write_test.c: pockets that lie to the writer, and files that lie to reader and checker,
 * where no rule was asked before (workspace.md §5, §6). */
#include "workspace_file.h"

#include <string.h>

static const imago_layout layout = {8, IMAGO_LITTLE_ENDIAN};

/* ---- The writer */

static imago_pocket
pocket_of(const workspace_file *file, imago_addr address)
{
	imago_pocket pocket;
	assert_true(imago_pocket_at(&file->view, address, &pocket));
	return pocket;
}

/* The value of a name of the root namespace. */
static imago_pocket
value_of(const workspace_file *file, const char *name)
{
	const imago_addr symbol = imago_symbol_find(&file->view, file->head.root, name, strlen(name));
	const imago_pocket pocket = pocket_of(file, symbol);
	return pocket_of(file, imago_pocket_pointer(&pocket, IMAGO_SYMBOL_VALUE));
}

/* Reads a file without a check, and writes what was read for a slot. */
static imago_status
read_and_write(const workspace_file *file, unsigned slot, imago_writer *writer,
               imago_allocator *allocator, imago_error *error)
{
	imago_pockets pockets;
	const imago_workspace_options options = {.slot = slot};
	imago_pockets_init_empty(&pockets, allocator);
	imago_status status = imago_workspace_read(&pockets, &file->head, file->writer.bytes, error);
	if (status == IMAGO_OK) {
		status = imago_workspace_write(&pockets, &options, writer, error);
	}
	imago_pockets_release(&pockets);
	return status;
}

/* N is a vector of two arrays: its first item, changed. */
typedef struct lie {
	const char *what;
	uint64_t item;     /* where the item leads then; UINT64_MAX: where it did */
	int kind;          /* of the pocket that it leads to then; -1: as it was */
	bool found_is_own; /* the error tells of the pocket in which the pointer is */
} lie;

static const lie lies[] = {
    {"pointer", IMAGO_REGION_START(0) + (UINT64_C(1) << 30), -1, false},
    {"pointer", IMAGO_REGION_START(1), -1, false},
    {"pointer", UINT64_MAX - 15, -1, false},
    {"pointer", 0, -1, true},
    {"pointer", UINT64_MAX, IMAGO_POCKET_FREE, false},
    {"pointer", UINT64_MAX, IMAGO_NUM_POCKET_KINDS, false},
    {"pointer", UINT64_MAX, 255, false},
};

static void
pockets_that_lie_are_not_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * sizeof lies / sizeof lies[0]; i++) {
		const lie *told = &lies[i / 2];
		workspace_file file;
		imago_writer writer;
		imago_error error;
		workspace_file_open(&file, "N←(1 2 3) (4 5 6)\n", 0, false);
		const imago_pocket pocket = value_of(&file, "N");
		uint64_t item = imago_pocket_pointer(&pocket, 0);
		uint64_t first;
		assert_int_equal(imago_pocket_pointers(&pocket, &first), 2);
		if (told->kind >= 0) {
			pocket_of(&file, item).contents[-4] = (uint8_t)told->kind;
		} else {
			item = told->item;
			imago_store_u64(pocket.contents + first, item, IMAGO_LITTLE_ENDIAN);
		}
		imago_writer_init(&writer, &file.allocator, layout, &error);
		assert_status(read_and_write(&file, i % 2 == 0 ? 0 : 4, &writer, &file.allocator, &error),
		              &error, IMAGO_ESTRUCTURE);
		assert_error(&error, IMAGO_ESTRUCTURE, told->what, IMAGO_NO_OFFSET);
		assert_int_equal(error.found, told->found_is_own ? pocket.address : item);
		assert_int_equal(writer.size, 0);
		imago_writer_release(&writer);
		workspace_file_close(&file);
	}
}

/* imago_workspace_save copies what leads there; who writes pockets as they are has to, too. */
static void
what_leads_into_a_shared_code_file_is_not_written(void **state)
{
	(void)state;
	workspace_file main_file;
	workspace_file shared;
	imago_pockets pockets;
	imago_writer writer;
	imago_error error;
	workspace_file_open(&main_file, "N←(1 2 3) (4 5 6)\n", 0, false);
	workspace_file_open(&shared, "∇R←F X\nR←X\n∇\nV←7 8 9\n", 1, false);
	const imago_pocket nested = value_of(&main_file, "N");
	const imago_addr function = value_of(&shared, "F").address;
	const imago_addr array = value_of(&shared, "V").address;
	for (int i = 0; i < 2; i++) {
		imago_store_u64(nested.contents + 8, i == 0 ? function : array, IMAGO_LITTLE_ENDIAN);
		imago_pockets_init_empty(&pockets, &main_file.allocator);
		assert_ok(imago_workspace_read(&pockets, &main_file.head, main_file.writer.bytes, &error),
		          &error);
		pockets.regions[1] = shared.view.regions[1];
		imago_writer_init(&writer, &main_file.allocator, layout, &error);
		const imago_status status = imago_workspace_write(&pockets, NULL, &writer, &error);
		if (i == 0) {
			assert_status(status, &error, IMAGO_ESTRUCTURE);
			assert_error(&error, IMAGO_ESTRUCTURE, "pointer into a shared code file",
			             IMAGO_NO_OFFSET);
			assert_int_equal(error.found, function);
		} else {
			imago_workspace *loaded;
			assert_ok(status, &error);
			assert_ok(imago_workspace_load(&loaded, writer.bytes, writer.size, &main_file.allocator,
			                               &error),
			          &error);
			assert_line(loaded, "N", "(7 8 9) (4 5 6)");
			imago_workspace_destroy(loaded);
		}
		imago_writer_release(&writer);
		imago_pockets_release(&pockets);
	}
	workspace_file_close(&shared);
	workspace_file_close(&main_file);
}

static uint64_t
num_errors_of(const imago_writer *file, imago_finding_fn *report, void *payload)
{
	imago_check_sink sink;
	imago_allocator allocator;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_check_sink_init(&sink, NULL, report, payload);
	assert_ok(imago_workspace_check(file->bytes, file->size, &sink, &allocator, &error), &error);
	assert_no_leak(&allocator);
	return sink.summary.num_errors;
}

/* An array for its body: it lies with the data then, and stays the lie that it was. */
static void
a_function_without_a_body_is_written_as_it_is(void **state)
{
	(void)state;
	workspace_file file;
	imago_writer writer;
	imago_workspace_head head;
	imago_error error;
	workspace_file_open(&file, "∇R←F X\nR←X\n∇\nV←7 8 9\n", 0, false);
	const imago_pocket function = value_of(&file, "F");
	imago_store_u64(function.contents + 8, value_of(&file, "V").address, IMAGO_LITTLE_ENDIAN);
	imago_writer_init(&writer, &file.allocator, layout, &error);
	assert_ok(read_and_write(&file, 3, &writer, &file.allocator, &error), &error);
	assert_ok(imago_workspace_decode(&head, writer.bytes, writer.size, &error), &error);
	assert_int_equal(head.num_runs, 4);
	assert_int_equal(head.runs[2].pocket_class, IMAGO_CLASS_CODE);
	assert_int_equal(head.runs[2].num_pockets, 2); /* the function and its table */
	assert_int_equal(head.runs[3].num_pockets, 1);
	assert_true(num_errors_of(&writer, NULL, NULL) > 0);
	imago_writer_release(&writer);
	workspace_file_close(&file);
}

static void
there_are_eight_slots_to_write_for(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_writer writer;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_workspace *workspace = workspace_of("", &allocator);
	for (unsigned slot = 8; slot <= 10; slot++) {
		const imago_workspace_options options = {.slot = slot};
		imago_writer_init(&writer, &allocator, layout, &error);
		const imago_status status = imago_workspace_save(workspace, &options, &writer, &error);
		if (slot == 8) {
			assert_ok(status, &error);
		} else {
			assert_status(status, &error, IMAGO_EUSAGE);
			assert_error(&error, IMAGO_EUSAGE, "slot", IMAGO_NO_OFFSET);
			assert_int_equal(error.found, slot);
			assert_int_equal(error.limit, 8);
			assert_int_equal(writer.size, 0);
		}
		imago_writer_release(&writer);
	}
	imago_workspace_destroy(workspace);
	assert_no_leak(&allocator);
}

/* ---- Reading and checking */

/* The count of a value as a workspace has it, in a file for a slot, where it should be twice that.
 */
static void
a_value_that_a_file_counts_once_keeps_its_count(void **state)
{
	(void)state;
	workspace_file file;
	imago_pockets pockets;
	imago_error error;
	workspace_file_open(&file, "V←7 8 9\n", 6, false);
	const imago_pocket value = value_of(&file, "V");
	assert_int_equal(value.count, 2);
	for (uint32_t count = 1; count <= 3; count++) {
		imago_pocket read;
		imago_store_u32(value.contents - 8, count, IMAGO_LITTLE_ENDIAN);
		imago_pockets_init_empty(&pockets, &file.allocator);
		assert_ok(imago_workspace_read(&pockets, &file.head, file.writer.bytes, &error), &error);
		assert_true(imago_pocket_at(
		    &pockets, value.address - file.head.start + IMAGO_REGION_START(0), &read));
		assert_int_equal(read.zones.kind, IMAGO_POCKET_ARRAY);
		assert_int_equal(read.count, count == 1 ? 1 : count - 1);
		imago_pockets_release(&pockets);
	}
	workspace_file_close(&file);
}

static bool
stop_at_once(const imago_finding *finding, void *payload)
{
	(void)finding;
	++*(unsigned *)payload;
	return false;
}

static bool
go_on(const imago_finding *finding, void *payload)
{
	(void)finding;
	++*(unsigned *)payload;
	return true;
}

static void
a_callback_stops_the_check(void **state)
{
	(void)state;
	workspace_file file;
	unsigned num = 0;
	workspace_file_open(&file, workspace_sample, 1, false);
	value_of(&file, "V").contents[-8] ^= 4; /* counts … */
	value_of(&file, "X").contents[-8] ^= 4;
	imago_store_u32(file.writer.bytes + 320, 9, IMAGO_LITTLE_ENDIAN); /* … and the first run */
	assert_true(num_errors_of(&file.writer, go_on, &num) >= 2);
	assert_true(num >= 3);
	num = 0;
	(void)num_errors_of(&file.writer, stop_at_once, &num);
	assert_int_equal(num, 1);
	workspace_file_close(&file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pockets_that_lie_are_not_written),
	    cmocka_unit_test(what_leads_into_a_shared_code_file_is_not_written),
	    cmocka_unit_test(a_function_without_a_body_is_written_as_it_is),
	    cmocka_unit_test(there_are_eight_slots_to_write_for),
	    cmocka_unit_test(a_value_that_a_file_counts_once_keeps_its_count),
	    cmocka_unit_test(a_callback_stops_the_check),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

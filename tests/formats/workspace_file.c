/* workspace_file.c: workspace files to test with, made of texts. */
#include "workspace_file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char workspace_sample[] = "⍝ a library\n"
                                "A←5\n"
                                "V←1 2 3\n"
                                "N←V V\n"
                                "X←'other'\n"
                                "∇R←MEAN B;T\n"
                                "T←⍴B ⍝ how many\n"
                                "R←(+/B)÷T\n"
                                "∇\n"
                                "∇R←A ADD B\n"
                                "R←A+B\n"
                                "∇\n"
                                ")NS S\n"
                                "  DEEP←'deep' 7\n"
                                "  ∇R←UP\n"
                                "R←##.A\n"
                                "  ∇\n"
                                "  )NS T\n"
                                "    D←1\n"
                                "  )END\n"
                                ")END\n"
                                "M←1 S 'x'\n";

static const imago_layout layout = {8, IMAGO_LITTLE_ENDIAN};

imago_workspace *
workspace_of(const char *text, imago_allocator *allocator)
{
	imago_workspace *workspace;
	imago_error error;
	assert_ok(imago_workspace_create(&workspace, allocator, &error), &error);
	assert_ok(imago_workspace_take_text(workspace, text, strlen(text), NULL, &error), &error);
	return workspace;
}

void
workspace_file_open(workspace_file *file, const char *text, unsigned slot, bool unsorted)
{
	const imago_workspace_options options = {.slot = slot, .unsorted = unsorted};
	memset(file, 0, sizeof *file);
	imago_allocator_init(&file->allocator, IMAGO_UNLIMITED);
	imago_workspace *workspace = workspace_of(text, &file->allocator);
	imago_writer_init(&file->writer, &file->allocator, layout, &file->error);
	assert_ok(imago_workspace_save(workspace, &options, &file->writer, &file->error), &file->error);
	imago_workspace_destroy(workspace);
	assert_ok(
	    imago_workspace_decode(&file->head, file->writer.bytes, file->writer.size, &file->error),
	    &file->error);
	imago_pockets_init_empty(&file->view, &file->allocator);
	file->view.regions[slot] = (imago_region){.bytes = file->writer.bytes + IMAGO_WORKSPACE_PAGE,
	                                          .used = file->head.size,
	                                          .root = file->head.root};
}

void
workspace_file_close(workspace_file *file)
{
	imago_writer_release(&file->writer);
	assert_no_leak(&file->allocator);
}

void
workspace_file_seal(workspace_file *file)
{
	uint8_t *bytes = file->writer.bytes;
	imago_workspace_hash(bytes + 256, bytes + IMAGO_WORKSPACE_PAGE, file->head.size);
	imago_workspace_hash(bytes + 4064, bytes, 4064);
}

int
workspace_descriptor(const uint8_t *bytes, uint64_t size)
{
	char path[] = "/tmp/imago-workspace-XXXXXX";
	const int descriptor = mkstemp(path);
	assert_true(descriptor >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(write(descriptor, bytes, (size_t)size), size);
	return descriptor;
}

static bool
print_fault(const imago_pocket_fault *fault, void *payload)
{
	unsigned *num = payload;
	print_error("%s: pocket %llx slot %lld: found %llx, expected %llx\n",
	            imago_pocket_problem_name(fault->problem), (unsigned long long)fault->pocket,
	            (long long)fault->slot, (unsigned long long)fault->found,
	            (unsigned long long)fault->expected);
	return ++*num < 20;
}

void
assert_workspace_is_sound(imago_workspace *workspace)
{
	unsigned num = 0;
	imago_error error;
	assert_ok(imago_workspace_audit(workspace, print_fault, &num, &error), &error);
	assert_int_equal(num, 0);
}

const char *
workspace_result(imago_workspace *workspace, const char *line)
{
	static char text[4096];
	imago_pockets *pockets = imago_workspace_pockets(workspace);
	imago_run_result result;
	imago_error error;
	imago_allocator allocator;
	imago_writer writer;
	const imago_status status =
	    imago_workspace_run_line(workspace, line, strlen(line), NULL, &result, &error);
	if (status != IMAGO_OK) {
		return imago_status_name(status);
	}
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_writer_init(&writer, &allocator, layout, &error);
	imago_value_format(pockets, result.value, sizeof text / 2, &writer);
	assert_true(writer.size > 0 && writer.size < sizeof text);
	memcpy(text, writer.bytes, (size_t)writer.size);
	text[writer.size - 1] = '\0';
	imago_writer_release(&writer);
	imago_pocket_drop(pockets, result.value);
	assert_workspace_is_sound(workspace);
	return result.end == IMAGO_RUN_DONE ? text : imago_run_end_name(result.end);
}

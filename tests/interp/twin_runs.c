/* twin_runs.c: machines over a source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "twin_runs.h"

#include <cmocka.h>

#include "assertions.h"
#include "imago/byte_order.h"

source
make_source(const imago_heap *heap, imago_allocator *allocator)
{
	source made = {.allocator = allocator, .file = tmpfile()};
	imago_writer writer;
	imago_error error;
	const imago_layered_attach_options plain = {.attach.relocation = IMAGO_RELOCATION_NONE};
	assert_non_null(made.file);
	imago_writer_init(&writer, allocator, heap->layout, &error);
	assert_ok(imago_layered_write(heap, NULL, &writer, &error), &error);
	assert_int_equal(fwrite(writer.bytes, 1, (size_t)writer.size, made.file), writer.size);
	assert_int_equal(fflush(made.file), 0);
	imago_writer_release(&writer);
	assert_ok(imago_layered_attach(&made.untouched, fileno(made.file), &plain, allocator, &error),
	          &error);
	assert_ok(imago_layered_attached_heap(&made.heap, &made.untouched, allocator, &error), &error);
	return made;
}

void
release_source(source *made)
{
	imago_heap_destroy(made->heap);
	imago_layered_detach(&made->untouched);
	(void)fclose(made->file);
}

/* What lies in place is an image without findings; where a table is to lead to it, made of whole
 * objects. */
static void
expect_clean(const source *from, const imago_writer *twin, bool objects)
{
	imago_layered_attachment attached;
	imago_twin_head head;
	imago_heap *whole;
	imago_error error;
	assert_ok(imago_twin_attach(&attached, twin->bytes, twin->size, fileno(from->file), TWIN_ROOM,
	                            from->allocator, &error),
	          &error);
	assert_ok(imago_layered_attached_heap(&whole, &attached, from->allocator, &error), &error);
	kernel_expect_clean(whole, "twin", false);
	assert_ok(imago_twin_decode(&head, twin->bytes, twin->size, &error), &error);
	if (objects) {
		assert_true(head.objects);
		assert_ok(
		    imago_twin_require_objects(&head, twin->bytes, attached.head.start, whole, &error),
		    &error);
	}
	imago_heap_destroy(whole);
	imago_layered_detach(&attached);
}

machine
start_collecting(const source *from, const imago_writer *twin, twin_way way, uint32_t collect_every,
                 printed_text *printed)
{
	machine made = {.printed = printed};
	imago_error error;
	const bool tabled = way == BY_OBJECTS;
	const imago_layered_attach_options place = {.attach.relocation = IMAGO_RELOCATION_NONE,
	                                            .room = TWIN_ROOM,
	                                            .tabled = tabled,
	                                            .protect_fixed = tabled};
	const imago_vm_options options = {.print = keep_printed,
	                                  .payload = printed,
	                                  .eden_bytes = TWIN_EDEN,
	                                  .collect_every = collect_every};
	imago_status status;
	if (twin == NULL) {
		status = imago_layered_attach(&made.attached, fileno(from->file), &place, from->allocator,
		                              &error);
	} else {
		expect_clean(from, twin, tabled);
		status = (tabled ? imago_twin_attach_tabled : imago_twin_attach)(
		    &made.attached, twin->bytes, twin->size, fileno(from->file), TWIN_ROOM, from->allocator,
		    &error);
	}
	assert_ok(status, &error);
	assert_ok(
	    imago_vm_create_mapped(&made.vm, &made.attached.mapping, &options, from->allocator, &error),
	    &error);
	return made;
}

machine
start_machine(const source *from, const imago_writer *twin, twin_way way, printed_text *printed)
{
	return start_collecting(from, twin, way, 0, printed);
}

void
end_machine(machine *ended)
{
	imago_vm_destroy(ended->vm);
	imago_layered_detach(&ended->attached);
}

imago_writer
save_twin(const source *from, machine *running)
{
	imago_writer writer;
	imago_memory_mapping now;
	imago_error error;
	imago_writer_init(&writer, from->allocator, from->heap->layout, NULL);
	assert_ok(imago_vm_pause(running->vm, &now, &error), &error);
	assert_ok(imago_twin_write(&running->attached, &now, from->heap, &writer, &error), &error);
	(void)imago_vm_resume(running->vm);
	return writer;
}

void
add_run(outcome *out, machine *running, uint64_t fuel)
{
	const imago_vm_statistics statistics = run_bytecodes(running->vm, fuel, &out->result);
	out->num_bytecodes += statistics.num_bytecodes;
	out->num_sends += statistics.num_sends;
}

void
expect_same(const outcome *a, const outcome *b)
{
	assert_int_equal(a->result.end, b->result.end);
	assert_int_equal(a->num_bytecodes, b->num_bytecodes);
	assert_int_equal(a->num_sends, b->num_sends);
	assert_string_equal(a->printed.text, b->printed.text);
}

const test_layout *
a_layout_of_this_host(void)
{
	const test_layout *layout = test_layout_find("spur64");
	return layout->layout.byte_order == imago_host_order() ? layout : test_layout_find("spur64be");
}

void
open_genuine(imago_image *image, const char *name, imago_allocator *allocator)
{
	char path[128];
	imago_error error;
	if (imago_host_order() != IMAGO_LITTLE_ENDIAN) {
		print_message("skipped: the image is of the other byte order\n");
		skip();
	}
	(void)snprintf(path, sizeof path, "../shared/images/%s.image", name);
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		print_message("skipped: no %s\n", path);
		skip();
	}
	(void)fclose(file);
	assert_ok(imago_image_open(image, path, allocator, &error), &error);
}

/* layered_file.c: layered files made of heaps. */
#include "layered_file.h"

#include <string.h>

#include "../support/assertions.h"

layered_file
layered_file_make(const imago_heap *heap, const imago_layered_options *options)
{
	layered_file file;
	imago_error error;
	imago_allocator *allocator = heap->allocator;
	imago_writer_init(&file.writer, allocator, heap->layout, &error);
	assert_ok(imago_layered_write(heap, options, &file.writer, &error), &error);
	assert_ok(imago_layered_decode(&file.head, file.writer.bytes, file.writer.size, &error),
	          &error);
	assert_ok(
	    imago_layered_read(&file.heap, file.writer.bytes, file.writer.size, allocator, &error),
	    &error);
	return file;
}

void
layered_file_release(layered_file *file)
{
	imago_heap_destroy(file->heap);
	imago_writer_release(&file->writer);
}

imago_image
layered_file_image(const layered_file *file)
{
	return (imago_image){
	    .format = IMAGO_FORMAT_LAYERED,
	    .heap = file->heap,
	    .data = file->writer.bytes,
	    .size = file->writer.size,
	    .allocator = file->heap->allocator,
	};
}

static bool
note_finding(const imago_finding *finding, void *payload)
{
	findings *list = payload;
	list->num_errors += finding->rule->severity == IMAGO_ERROR;
	if (list->first == NULL && strncmp(finding->rule->name, "layered.", 8) == 0) {
		list->first = finding->rule->name;
	}
	return true;
}

findings
layered_file_check(const layered_file *file)
{
	findings list = {.first = NULL};
	imago_check_sink sink;
	imago_error error;
	imago_allocator *allocator = file->heap->allocator;
	const imago_image image = layered_file_image(file);
	imago_check_sink_init(&sink, NULL, note_finding, &list);
	assert_ok(imago_image_check(&image, &sink, allocator, &error), &error);
	return list;
}

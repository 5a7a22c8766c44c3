/* observe.c: running a layered image where it is mapped, to see what is written. */
#include "observe.h"

#include <stdio.h>

#include "imago/layered_attach.h"
#include "imago/pages.h"
#include "output.h"

/* Behind the image: so much that old space need not be collected, which would move what is
 * observed. */
enum { LEAST_ROOM = 64 << 20 };

static uint64_t
count_private(const imago_page_counts *counts, size_t num_sections, uint64_t *num_pages)
{
	uint64_t num_private = 0;
	*num_pages = 0;
	for (size_t i = 0; i < num_sections; i++) {
		num_private += counts[i].num_private;
		*num_pages += counts[i].num_pages;
	}
	return num_private;
}

static imago_status
compare(observation *out, imago_trace *trace, const imago_heap *before,
        const imago_layered_attachment *attached, imago_allocator *allocator, imago_error *error)
{
	imago_heap *after;
	imago_status status = imago_layered_attached_heap(&after, attached, allocator, error);
	if (status == IMAGO_OK) {
		status = imago_trace_add_run(trace, before, after, &out->changes, error);
		imago_heap_destroy(after);
	}
	return status;
}

static imago_status
run(observation *out, imago_trace *trace, const imago_heap *heap,
    const imago_layered_attachment *attached, uint64_t fuel, imago_allocator *allocator,
    imago_error *error)
{
	imago_vm *vm;
	imago_vm_result result;
	imago_page_counts counts[IMAGO_LAYERED_MAX_SECTIONS] = {{0}};
	const imago_vm_options options = {.image_name = "image"};
	imago_status status =
	    imago_vm_create_mapped(&vm, &attached->mapping, &options, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	imago_vm_run(vm, fuel, &result);
	const imago_vm_statistics statistics = imago_vm_statistics_of(vm);
	out->end = result.end;
	out->num_bytecodes = statistics.num_bytecodes;
	if (statistics.num_old_collections + statistics.num_global_collections > 0) {
		status = imago_fail(error, IMAGO_ELIMIT, "a run that collects old space", IMAGO_NO_OFFSET,
		                    statistics.num_old_collections, 0);
	}
	if (status == IMAGO_OK) {
		status = imago_attachment_pages(attached->attachment, counts, NULL, NULL, error);
	}
	imago_vm_destroy(vm);
	out->num_private_pages = count_private(counts, heap->num_segments, &out->num_pages);
	return status == IMAGO_OK ? compare(out, trace, heap, attached, allocator, error) : status;
}

exit_status
observe(observation *out, imago_trace *trace, const imago_heap *heap, const uint8_t *bytes,
        uint64_t size, uint64_t fuel, const char *path, imago_allocator *allocator)
{
	imago_error error = {0};
	imago_layered_attachment attached;
	const imago_layered_attach_options options = {
	    .attach.relocation = IMAGO_RELOCATION_NONE,
	    .room = LEAST_ROOM + 4 * size,
	};
	FILE *file = tmpfile();
	bool written = file != NULL && fwrite(bytes, 1, (size_t)size, file) == size;
	written = file != NULL && fflush(file) == 0 && written;
	*out = (observation){.num_pages = 0};
	if (!written) {
		complain("%s: no room for a temporary file", path);
		if (file != NULL) {
			(void)fclose(file);
		}
		return EXIT_TROUBLE;
	}
	imago_status status =
	    imago_layered_attach(&attached, fileno(file), &options, allocator, &error);
	if (status == IMAGO_OK) {
		status = run(out, trace, heap, &attached, fuel, allocator, &error);
		imago_layered_detach(&attached);
	}
	(void)fclose(file);
	return status == IMAGO_OK ? EXIT_DONE : complain_of_error(path, &error);
}

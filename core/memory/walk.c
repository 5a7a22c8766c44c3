/* walk.c: every chunk of every segment, in address order. */
#include "imago/walk.h"

void
imago_walk_init(imago_walker *walker, const imago_heap *heap, imago_error *error)
{
	*walker = (imago_walker){.heap = heap, .error = error};
	if (heap->num_segments > 0) {
		walker->next = heap->segments[0].start;
	}
}

bool
imago_walk_next(imago_walker *walker, imago_object *out)
{
	const imago_heap *heap = walker->heap;
	if (walker->status != IMAGO_OK) {
		return false;
	}
	while (walker->segment < heap->num_segments) {
		const imago_segment *segment = &heap->segments[walker->segment];
		if (walker->next - segment->start < segment->size) {
			walker->status = imago_heap_decode_chunk(heap, walker->next, out, walker->error);
			if (walker->status != IMAGO_OK) {
				return false;
			}
			walker->next += out->total_bytes;
			return true;
		}
		if (!imago_walk_skip_segment(walker)) {
			return false;
		}
	}
	return false;
}

bool
imago_walk_skip_segment(imago_walker *walker)
{
	walker->status = IMAGO_OK;
	if (walker->segment < walker->heap->num_segments) {
		walker->segment++;
	}
	if (walker->segment == walker->heap->num_segments) {
		return false;
	}
	walker->next = walker->heap->segments[walker->segment].start;
	return true;
}

static uint64_t
count_pointers(const imago_heap *heap, const imago_object *object)
{
	uint64_t num_slots = imago_heap_num_pointer_slots(heap, object);
	uint64_t count = 0;
	for (uint64_t i = 0; i < num_slots; i++) {
		count += imago_oop_is_pointer(heap->tagging, imago_heap_fetch_slot(heap, object, i));
	}
	return count;
}

imago_status
imago_census_take(const imago_heap *heap, imago_census *out, imago_error *error)
{
	imago_census census = {0};
	imago_walker walker;
	imago_object object;
	imago_walk_init(&walker, heap, error);
	while (imago_walk_next(&walker, &object)) {
		census.num_chunks++;
		switch (object.kind) {
		case IMAGO_OBJECT_ORDINARY:
			census.num_objects++;
			break;
		case IMAGO_OBJECT_FREE:
			census.num_free++;
			census.free_bytes += object.total_bytes;
			break;
		case IMAGO_OBJECT_FORWARDER:
			census.num_forwarders++;
			break;
		case IMAGO_OBJECT_HIDDEN:
			census.num_hidden++;
			break;
		case IMAGO_OBJECT_PUN:
			census.num_puns++;
			break;
		}
		census.num_pointers += count_pointers(heap, &object);
	}
	if (walker.status == IMAGO_OK) {
		*out = census;
	}
	return walker.status;
}

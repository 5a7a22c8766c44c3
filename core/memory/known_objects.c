/* known_objects.c: the first objects of a Spur heap, and the special objects array. */
#include "imago/known_objects.h"

#include <stddef.h>

static const char *const special_names[IMAGO_NUM_SPECIALS] = {
#define IMAGO_SPECIAL(index, id, name) [index] = (name),
#include "imago/special_objects.def"
#undef IMAGO_SPECIAL
};

const char *
imago_special_name(uint64_t index)
{
	return index < IMAGO_NUM_SPECIALS ? special_names[index] : NULL;
}

void
imago_known_objects_find(const imago_heap *heap, imago_known_objects *out)
{
	*out = (imago_known_objects){0};
	if (heap->model != IMAGO_SPUR || heap->num_segments == 0) {
		return;
	}
	imago_object *const places[] = {
	    &out->nil, &out->false_object, &out->true_object, &out->free_lists, &out->hidden_roots,
	};
	imago_addr next = heap->segments[0].start;
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		imago_object object;
		if (imago_heap_decode_chunk(heap, next, &object, NULL) != IMAGO_OK || object.segment != 0) {
			return;
		}
		*places[i] = object;
		next += object.total_bytes;
	}
}

imago_status
imago_special_objects_find(const imago_heap *heap, imago_object *out, imago_error *error)
{
	imago_object object;
	imago_status status =
	    imago_heap_decode_object(heap, heap->header.special_objects_oop, &object, error);
	if (status != IMAGO_OK) {
		return status;
	}
	if (object.kind != IMAGO_OBJECT_ORDINARY || object.body_kind != IMAGO_BODY_POINTERS) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "special objects array",
		                  imago_heap_offset_of(heap, object.oop), object.format,
		                  IMAGO_FORMAT_INDEXABLE);
	}
	*out = object;
	return IMAGO_OK;
}

imago_oop
imago_special_object_at(const imago_heap *heap, uint64_t index)
{
	imago_object array;
	if (imago_special_objects_find(heap, &array, NULL) != IMAGO_OK) {
		return 0;
	}
	return index < array.num_slots ? imago_heap_fetch_slot(heap, &array, index)
	                               : imago_heap_nil(heap);
}

imago_oop
imago_heap_nil(const imago_heap *heap)
{
	if (heap->model == IMAGO_SPUR) {
		return heap->num_segments > 0 ? heap->segments[0].start : 0;
	}
	imago_object array;
	if (imago_special_objects_find(heap, &array, NULL) != IMAGO_OK || array.num_slots == 0) {
		return 0;
	}
	return imago_heap_fetch_slot(heap, &array, IMAGO_SPECIAL_NIL);
}

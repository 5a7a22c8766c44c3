/* swizzle_object.c: relocating one object of any kind, word by word.
 *
 * The exact and unhurried half of the swizzler: free chunks, hidden objects, pointers into other
 * segments and permanent space, refusals.
 */
#include "swizzle_private.h"

bool
imago_is_old(const imago_heap *heap, imago_addr addr)
{
	const imago_segment *segment = imago_heap_segment_of(heap, addr);
	return segment != NULL && segment->space == IMAGO_SPACE_OLD;
}

static bool
is_permanent(const imago_heap *heap, imago_addr addr)
{
	const imago_segment *segment = imago_heap_segment_of(heap, addr);
	return segment != NULL && segment->space == IMAGO_SPACE_PERM;
}

/* Before a word is left alone that looks as if it had been moved: makes sure that nothing will have
 * to be taken back. */
static imago_status
make_certain(imago_relocation *relocation, imago_word_place place)
{
	if (relocation->certain || relocation->dry) {
		return IMAGO_OK;
	}
	imago_relocation rest = *relocation;
	rest.dry = true;
	rest.first = place.addr;
	imago_status status = imago_relocate_rest(&rest, place.segment, place.chunk);
	relocation->certain = status == IMAGO_OK;
	relocation->failed_at = place.addr;
	return status;
}

imago_status
imago_relocate_word(imago_relocation *relocation, imago_word_place place, imago_word_kind kind)
{
	const imago_heap *heap = relocation->heap;
	const imago_segment *segment = &heap->segments[place.segment];
	uint8_t *bytes = segment->writable + (place.addr - segment->start);
	uint64_t word = imago_load_word(bytes, heap->layout);
	if (place.addr < relocation->first || place.addr >= relocation->stop) {
		return IMAGO_OK;
	}
	if (kind == IMAGO_WORD_SLOT && !imago_oop_is_pointer(heap->tagging, word)) {
		return IMAGO_OK;
	}
	uint64_t value = kind == IMAGO_WORD_CLASS ? word & ~UINT64_C(3) : word;
	imago_addr origin = value - relocation->moved;
	/* Of a stale link nothing counts but the address: what it leads to may have been relocated. */
	bool moves = imago_is_old(heap, origin) && (kind != IMAGO_WORD_STALE || origin % 8 == 0);
	if (moves) {
		if (!relocation->dry) {
			imago_store_word(bytes, word + relocation->distance, heap->layout);
		}
		return IMAGO_OK;
	}
	bool is_link = kind == IMAGO_WORD_LINK || kind == IMAGO_WORD_STALE;
	if ((is_link && value == 0) || is_permanent(heap, value)) {
		return IMAGO_OK;
	}
	if (relocation->lenient || kind == IMAGO_WORD_STALE) {
		return imago_is_old(heap, value - relocation->distance) ? make_certain(relocation, place)
		                                                        : IMAGO_OK;
	}
	relocation->failed_at = place.addr;
	return imago_fail(relocation->error, IMAGO_ESTRUCTURE, "pointer out of the heap",
	                  imago_heap_offset_of(heap, place.addr), word, 0);
}

/* From where a walk can be taken up at a word of an object: when lenient, where only the walk can
 * fail, any chunk before it will do. */
static imago_addr
word_chunk(const imago_relocation *relocation, const imago_object *object)
{
	return relocation->lenient ? relocation->heap->segments[object->segment].start : object->chunk;
}

/* Relocates slots begin … end - 1, which lie in the body. */
imago_status
imago_relocate_slots(imago_relocation *relocation, const imago_object *object, uint64_t begin,
                     uint64_t end, imago_word_kind kind)
{
	uint8_t word_bytes = relocation->heap->layout.word_bytes;
	imago_word_place place = {
	    .segment = object->segment,
	    .chunk = word_chunk(relocation, object),
	};
	imago_status status = IMAGO_OK;
	for (uint64_t i = begin; i < end && status == IMAGO_OK; i++) {
		place.addr = object->body + i * word_bytes;
		status = imago_relocate_word(relocation, place, kind);
	}
	return status;
}

imago_status
imago_relocate_class_word(imago_relocation *relocation, const imago_object *object)
{
	if (relocation->heap->model == IMAGO_SPUR || object->oop == object->chunk) {
		return IMAGO_OK;
	}
	imago_word_place place = {
	    .segment = object->segment,
	    .chunk = word_chunk(relocation, object),
	    .addr = object->oop - 4,
	};
	return imago_relocate_word(relocation, place, IMAGO_WORD_CLASS);
}

imago_status
imago_relocate_object(imago_relocation *relocation, const imago_object *object)
{
	const imago_heap *heap = relocation->heap;
	if (relocation->dry && relocation->lenient) {
		return IMAGO_OK; /* nothing but the walk can fail */
	}
	imago_status status = imago_relocate_class_word(relocation, object);
	imago_word_runs runs = imago_pointer_words_of(heap, relocation->free_lists, object);
	for (unsigned i = 0; i < runs.num_runs && status == IMAGO_OK; i++) {
		const imago_word_run *run = &runs.runs[i];
		status = imago_relocate_slots(relocation, object, run->begin, run->end, run->kind);
	}
	return status;
}

imago_status
imago_relocation_decode(imago_relocation *relocation, imago_addr addr, imago_object *object)
{
	imago_status status =
	    imago_heap_decode_chunk(relocation->heap, addr, object, relocation->error);
	if (status != IMAGO_OK) {
		relocation->failed_at = addr;
		status = IMAGO_ESTRUCTURE;
		if (relocation->error != NULL) {
			relocation->error->status = status;
		}
	}
	return status;
}

imago_status
imago_relocate_rest(imago_relocation *relocation, size_t segment, imago_addr chunk)
{
	const imago_heap *heap = relocation->heap;
	for (; segment < heap->num_segments; segment++) {
		const imago_segment *area = &heap->segments[segment];
		uint64_t position = chunk - area->start;
		while (position < area->size && area->start + position < relocation->stop) {
			imago_object object;
			imago_status status =
			    imago_relocation_decode(relocation, area->start + position, &object);
			if (status == IMAGO_OK) {
				status = imago_relocate_object(relocation, &object);
			}
			if (status != IMAGO_OK) {
				return status;
			}
			position += object.total_bytes;
		}
		chunk = segment + 1 < heap->num_segments ? area[1].start : 0;
	}
	return IMAGO_OK;
}

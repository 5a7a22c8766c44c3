/* swizzle_object.c: relocating one object of any kind, word by word.
 *
 * The exact and unhurried half of the swizzler: free chunks, hidden objects, pointers into other
 * segments and permanent space, refusals.
 */
#include "../base/planted.h"
#include "imago/known_objects.h"
#include "swizzle_private.h"

/* Slots of a free chunk (formats/spur/spur.md §11). */
enum { CHUNK_NEXT, CHUNK_PREVIOUS, CHUNK_LARGER = 4 };

/* Slots of an obj stack page (formats/spur/spur.md §9). */
enum { STACK_TOP, STACK_ROOT, STACK_FREE_LINK, STACK_NEXT_LINK, STACK_FIRST_ENTRY };

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

/* Relocates slots begin … end - 1, as far as the object has them. */
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
	for (uint64_t i = begin; i < end && i < object->num_slots && status == IMAGO_OK; i++) {
		place.addr = object->body + i * word_bytes;
		status = imago_relocate_word(relocation, place, kind);
	}
	return status;
}

static imago_status
relocate_free_chunk(imago_relocation *relocation, const imago_object *chunk)
{
	const imago_heap *heap = relocation->heap;
	if (heap->model == IMAGO_V3) {
		return IMAGO_OK;
	}
	/* As many lists as a word has bits: what is larger stands in the tree. */
	uint64_t num_lists = (uint64_t)heap->layout.word_bytes * 8;
	bool large = chunk->total_bytes >= num_lists * 8;
	if (IMAGO_BUG(tree_links_overflow, large && chunk->oop != chunk->chunk)) {
		large = false;
	}
	/* Even next may be out of date: in a chunk that no list leads to. */
	return imago_relocate_slots(relocation, chunk, CHUNK_NEXT,
	                            large ? CHUNK_LARGER + 1 : CHUNK_PREVIOUS + 1, IMAGO_WORD_STALE);
}

/* A page of an obj stack knows itself: only such a word object has that size and names a root. */
static bool
is_stack_page(const imago_heap *heap, const imago_object *object)
{
	if (object->kind != IMAGO_OBJECT_HIDDEN || object->num_slots != IMAGO_OBJ_STACK_PAGE_SLOTS ||
	    object->body_kind == IMAGO_BODY_POINTERS) {
		return false;
	}
	imago_oop root = imago_heap_fetch_slot(heap, object, STACK_ROOT);
	return root >= IMAGO_FIRST_PRIVATE_ROOT && root < IMAGO_FIRST_PRIVATE_ROOT + 3;
}

static imago_status
relocate_stack_page(imago_relocation *relocation, const imago_object *page)
{
	uint64_t top = imago_heap_fetch_slot(relocation->heap, page, STACK_TOP);
	uint64_t capacity = IMAGO_OBJ_STACK_PAGE_SLOTS - STACK_FIRST_ENTRY;
	uint64_t end = STACK_FIRST_ENTRY + (top < capacity ? top : capacity);
	imago_status status = imago_relocate_slots(relocation, page, STACK_FREE_LINK,
	                                           STACK_NEXT_LINK + 1, IMAGO_WORD_LINK);
	if (status == IMAGO_OK) {
		status = imago_relocate_slots(relocation, page, STACK_FIRST_ENTRY, end, IMAGO_WORD_SLOT);
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
	if (object->kind == IMAGO_OBJECT_FREE) {
		return relocate_free_chunk(relocation, object);
	}
	if (object->oop == relocation->free_lists && heap->model == IMAGO_SPUR) {
		return imago_relocate_slots(relocation, object, 0, object->num_slots, IMAGO_WORD_LINK);
	}
	if (is_stack_page(heap, object)) {
		return relocate_stack_page(relocation, object);
	}
	imago_status status = imago_relocate_class_word(relocation, object);
	if (status != IMAGO_OK) {
		return status;
	}
	uint64_t num_pointers = imago_heap_num_pointer_slots(heap, object);
	return imago_relocate_slots(relocation, object, 0, num_pointers, IMAGO_WORD_SLOT);
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

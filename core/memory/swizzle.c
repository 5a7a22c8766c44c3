/* swizzle.c: relocating the pointers of a heap in place (formats/spur/spur.md §13, formats/v3/v3.md
 * §6).
 *
 * Plain objects go through the hot loop in blocks: pointer_marks.c marks their slots, the function
 * of the instruction set shifts what is marked. Everything else is relocated word by word
 * (swizzle_object.c). Words change in ascending address order; what was changed before a refusal is
 * taken back, which costs nothing unless the heap is broken.
 */
#include "imago/swizzle.h"

#include <string.h>

#include "../base/planted.h"
#include "imago/checked.h"
#include "imago/known_objects.h"
#include "swizzle_private.h"
#include "swizzle_shift.h"

/* Objects with this many slots are worth a stretch of their own. */
enum { MANY_SLOTS = 32 };

/* A relocation with its hot loop. */
typedef struct swizzle_pass {
	imago_relocation relocation;
	imago_shift shift;
	imago_shift_fn *shift_words;
	imago_pointer_marks marks;
} swizzle_pass;

/* Takes back what the hot loop did to a group behind the word that failed. */
static void
unshift_group(const swizzle_pass *pass, size_t segment, uint64_t position, uint32_t group,
              uint32_t left_over)
{
	imago_relocation undo = pass->relocation;
	undo.distance = 0 - undo.distance;
	undo.moved = pass->relocation.distance;
	undo.lenient = true;
	undo.certain = true;
	undo.first = pass->relocation.failed_at;
	const imago_heap *heap = undo.heap;
	uint32_t shift = group & 63;
	uint64_t slots = pass->marks.slots[group >> 6] >> shift;
	uint64_t class_words =
	    heap->model == IMAGO_V3 ? pass->marks.class_words[group >> 6] >> shift : 0;
	imago_word_place place = {.segment = segment};
	for (uint32_t i = 0; i < IMAGO_MARK_GROUP; i++) {
		place.addr = heap->segments[segment].start + position +
		             (uint64_t)(group + i) * heap->layout.word_bytes;
		if ((left_over >> i & 1) == 0 && ((slots | class_words) >> i & 1) != 0) {
			(void)imago_relocate_word(&undo, place,
			                          class_words >> i & 1 ? IMAGO_WORD_CLASS : IMAGO_WORD_SLOT);
		}
	}
}

/* Relocates the words of a group that the hot loop left over. */
static imago_status
settle_group(swizzle_pass *pass, size_t segment, uint64_t position, uint32_t group,
             uint32_t left_over)
{
	const imago_heap *heap = pass->relocation.heap;
	const imago_segment *area = &heap->segments[segment];
	uint64_t class_words =
	    heap->model == IMAGO_V3 ? pass->marks.class_words[group >> 6] >> (group & 63) : 0;
	imago_status status = IMAGO_OK;
	for (uint32_t i = 0; i < IMAGO_MARK_GROUP && status == IMAGO_OK; i++) {
		imago_word_place place = {
		    .segment = segment,
		    .chunk = area->start,
		    .addr = area->start + position + (uint64_t)(group + i) * heap->layout.word_bytes,
		};
		if ((left_over >> i & 1) != 0) {
			status = imago_relocate_word(&pass->relocation, place,
			                             class_words >> i & 1 ? IMAGO_WORD_CLASS : IMAGO_WORD_SLOT);
		}
	}
	if (status != IMAGO_OK) {
		unshift_group(pass, segment, position, group, left_over);
	}
	return status;
}

/* Shifts what is marked of the stretch that begins at position. */
static imago_status
shift_stretch(swizzle_pass *pass, size_t segment, uint64_t position)
{
	uint8_t *words = pass->relocation.heap->segments[segment].writable + position;
	uint32_t group = 0;
	imago_status status = IMAGO_OK;
	while (status == IMAGO_OK) {
		uint32_t left_over = 0;
		group = pass->shift_words(&pass->shift, words, &pass->marks, group, &left_over);
		if (left_over == 0) {
			break;
		}
		status = settle_group(pass, segment, position, group, left_over);
		group += IMAGO_MARK_GROUP;
	}
	return status;
}

/* Marks count (at least one, at most a block) words. */
static void
mark_all(imago_pointer_marks *marks, uint32_t count)
{
	uint32_t last = (count - 1) / 64;
	memset(marks->slots, 0xFF, (last + 1) * sizeof marks->slots[0]);
	memset(marks->class_words, 0, (last + 1) * sizeof marks->class_words[0]);
	marks->slots[last] >>= 63 - (count - 1) % 64;
	marks->num_words = count;
}

/* Shifts the slots of an object that has many. */
static imago_status
shift_many(swizzle_pass *pass, const imago_object *object, uint64_t num_slots)
{
	const imago_heap *heap = pass->relocation.heap;
	uint64_t position = object->body - heap->segments[object->segment].start;
	imago_status status = IMAGO_OK;
	while (num_slots > 0 && status == IMAGO_OK) {
		uint32_t count = num_slots < IMAGO_MARK_WORDS ? (uint32_t)num_slots : IMAGO_MARK_WORDS;
		mark_all(&pass->marks, count);
		status = shift_stretch(pass, object->segment, position);
		position += (uint64_t)count * heap->layout.word_bytes;
		num_slots -= count;
	}
	return status;
}

/* True when an object has many slots and the hot loop, which loads and stores whole groups, stays
 * in the segment. */
static bool
has_many(const imago_heap *heap, const imago_object *object, uint64_t num_slots)
{
	const imago_segment *segment = &heap->segments[object->segment];
	uint64_t behind = segment->start + segment->size - (object->chunk + object->total_bytes);
	/* Pages of the class table are hidden; hidden words have no pointers that are slots. */
	bool plain = object->kind == IMAGO_OBJECT_ORDINARY || object->kind == IMAGO_OBJECT_HIDDEN;
	return plain && num_slots >= MANY_SLOTS &&
	       behind >= (uint64_t)IMAGO_MARK_GROUP * heap->layout.word_bytes;
}

/* Relocates the object at addr, which is not plain. */
static imago_status
swizzle_object(swizzle_pass *pass, imago_addr addr, uint64_t *total_bytes)
{
	imago_relocation *relocation = &pass->relocation;
	imago_object object;
	imago_status status = imago_relocation_decode(relocation, addr, &object);
	if (status != IMAGO_OK) {
		return status;
	}
	*total_bytes = object.total_bytes;
	uint64_t num_slots = imago_heap_num_pointer_slots(relocation->heap, &object);
	if (!has_many(relocation->heap, &object, num_slots)) {
		return imago_relocate_object(relocation, &object);
	}
	status = imago_relocate_class_word(relocation, &object);
	return status == IMAGO_OK ? shift_many(pass, &object, num_slots) : status;
}

static imago_status
swizzle_segment(swizzle_pass *pass, size_t index)
{
	const imago_heap *heap = pass->relocation.heap;
	const imago_segment *segment = &heap->segments[index];
	imago_status status = IMAGO_OK;
	uint64_t position = 0;
	while (position < segment->size && status == IMAGO_OK) {
		imago_mark_pointers(heap, segment, position, &pass->marks);
		uint64_t done = (uint64_t)pass->marks.num_words * heap->layout.word_bytes;
		if (done > 0) {
			status = shift_stretch(pass, index, position);
		} else {
			status = swizzle_object(pass, segment->start + position, &done);
		}
		position += done;
	}
	return status;
}

/* Takes back what was changed before the word that failed. */
static void
take_back(const imago_relocation *relocation)
{
	imago_relocation undo = *relocation;
	undo.distance = 0 - relocation->distance;
	undo.moved = relocation->distance;
	undo.stop = relocation->failed_at;
	undo.lenient = true;
	undo.certain = true;
	undo.error = NULL;
	/* The walk was the same before that word, so it cannot fail now. */
	(void)imago_relocate_rest(&undo, 0, undo.heap->segments[0].start);
}

static imago_status
swizzle_words(swizzle_pass *pass)
{
	const imago_heap *heap = pass->relocation.heap;
	imago_status status = IMAGO_OK;
	for (size_t i = 0; i < heap->num_segments && status == IMAGO_OK; i++) {
		status = swizzle_segment(pass, i);
	}
	bool failed = status != IMAGO_OK;
	if (!IMAGO_BUG(swizzle_not_undone, failed) && failed) {
		take_back(&pass->relocation);
	}
	return status;
}

/* Tests base and heap, and finds the distance. */
static imago_status
plan(imago_relocation *relocation, imago_addr base)
{
	const imago_heap *heap = relocation->heap;
	imago_error *error = relocation->error;
	uint64_t offset = heap->num_segments > 0 ? heap->segments[0].offset : IMAGO_NO_OFFSET;
	uint64_t end = heap->layout.word_bytes == 8 ? UINT64_MAX - 7 : UINT64_C(1) << 32;
	uint64_t extent = 0;
	for (size_t i = 0; i < heap->num_segments; i++) {
		const imago_segment *segment = &heap->segments[i];
		if (segment->writable == NULL) {
			return imago_fail(error, IMAGO_EUSAGE, "a heap that borrows its bytes", segment->offset,
			                  0, 0);
		}
		if (segment->space == IMAGO_SPACE_OLD) {
			extent =
			    segment->start - heap->segments[0].start + segment->size + segment->bridge_size;
		} else {
			end = heap->layout.word_bytes == 8 ? IMAGO_PERM_START_64 : IMAGO_PERM_START_32;
		}
	}
	if (heap->num_segments == 0 || heap->segments[0].space != IMAGO_SPACE_OLD) {
		return imago_fail(error, IMAGO_EUSAGE, "a heap without old space", offset, 0, 0);
	}
	if (base % imago_heap_alignment(heap) != 0) {
		return imago_fail(error, IMAGO_EALIGN, "base", offset, base, imago_heap_alignment(heap));
	}
	if ((base == 0 && heap->model == IMAGO_SPUR) || !imago_range_fits(base, extent, end)) {
		return imago_fail(error, IMAGO_ERANGE, "base", offset, base, end);
	}
	relocation->distance = base - heap->segments[0].start;
	return IMAGO_OK;
}

/* The range of the hot loop: the largest segment of old space. */
static imago_shift
widest_range(const imago_heap *heap, uint64_t distance)
{
	imago_shift shift = {.distance = distance};
	for (size_t i = 0; i < heap->num_segments; i++) {
		const imago_segment *segment = &heap->segments[i];
		if (segment->space == IMAGO_SPACE_OLD && segment->size > shift.size) {
			shift.start = segment->start;
			shift.size = segment->size;
		}
	}
	return shift;
}

static imago_addr
free_lists_of(const imago_heap *heap)
{
	imago_known_objects known;
	imago_known_objects_find(heap, &known);
	const imago_object *lists = &known.free_lists;
	bool is_words = lists->kind == IMAGO_OBJECT_HIDDEN && lists->body_kind != IMAGO_BODY_POINTERS;
	return is_words ? lists->oop : 0;
}

imago_status
imago_swizzle(imago_heap *heap, imago_addr base, const imago_swizzle_options *options,
              imago_error *error)
{
	swizzle_pass pass = {
	    .relocation = {.heap = heap,
	                   .lenient = options->lenient,
	                   .stop = UINT64_MAX,
	                   .error = error},
	};
	imago_relocation *relocation = &pass.relocation;
	if (!imago_simd_available(options->simd)) {
		return imago_fail(error, IMAGO_EUSAGE, "instruction set", IMAGO_NO_OFFSET,
		                  (uint64_t)options->simd, 0);
	}
	imago_status status = plan(relocation, base);
	if (status != IMAGO_OK) {
		return status;
	}
	imago_oop specials = heap->header.special_objects_oop;
	if (imago_is_old(heap, specials)) {
		specials += relocation->distance;
	} else if (imago_heap_segment_of(heap, specials) == NULL && !options->lenient) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "special objects oop", IMAGO_NO_OFFSET, specials,
		                  0);
	}
	relocation->free_lists = free_lists_of(heap);
	pass.shift = widest_range(heap, relocation->distance);
	pass.shift_words = imago_shift_function(heap, options->simd);
	status = swizzle_words(&pass);
	if (status != IMAGO_OK) {
		return status;
	}
	for (size_t i = 0; i < heap->num_segments; i++) {
		if (heap->segments[i].space == IMAGO_SPACE_OLD) {
			heap->segments[i].start += relocation->distance;
		}
	}
	heap->header.special_objects_oop = specials;
	heap->header.old_base_address = base;
	return IMAGO_OK;
}

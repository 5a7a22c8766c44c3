/* walk.c: every chunk of every segment, in address order. */
#include "imago/walk.h"

#include "format_facts.h"
#include "pointer_marks.h"
#include "pointer_tags.h"

enum {
	/* Bytes behind a chunk that make sure that a short header and its body fit. */
	LONGEST_PLAIN = 2048,
	PREFETCH_BYTES = 512,
	OVERFLOW_SLOTS = 255,
	REAL_CLASS_BITS = 0x3FFFE0, /* not all clear in class indices from 32 on */
};

/* Header bits that a plain object has clear: those that imago_object.bits tells. */
#define BITS (UINT64_C(3) << 22 | UINT64_C(7) << 29 | UINT64_C(3) << 54)

/* Goes to the start of walker->segment, which exists. */
static void
enter_segment(imago_walker *walker)
{
	const imago_segment *segment = &walker->heap->segments[walker->segment];
	bool has_plain = walker->heap->model == IMAGO_SPUR && segment->size > LONGEST_PLAIN;
	walker->next = segment->start;
	walker->start = segment->start;
	walker->bytes = segment->bytes;
	walker->plain_size = has_plain ? segment->size - LONGEST_PLAIN : 0;
}

void
imago_walk_init(imago_walker *walker, const imago_heap *heap, imago_error *error)
{
	*walker = (imago_walker){.heap = heap, .error = error};
	if (heap->num_segments > 0) {
		enter_segment(walker);
	}
}

/* Decodes an ordinary Spur object with a short header and no odd bits, far from the segment's end:
 * nearly all there are. False for any other. */
IMAGO_ALWAYS_INLINE bool
decode_plain(imago_walker *walker, imago_object *out, imago_layout layout)
{
	uint64_t position = walker->next - walker->start;
	const uint8_t *chunk = walker->bytes + position;
	__builtin_prefetch(chunk + PREFETCH_BYTES);
	uint64_t header = imago_load_u64(chunk, layout.byte_order);
	uint64_t num_slots = header >> 56;
	if (IMAGO_UNLIKELY(num_slots == OVERFLOW_SLOTS || (header & BITS) != 0 ||
	                   (header & REAL_CLASS_BITS) == 0)) {
		return false;
	}
	uint32_t format = header >> 24 & 31;
	imago_format_facts facts =
	    layout.word_bytes == 8 ? imago_spur64_formats[format] : imago_spur32_formats[format];
	uint64_t body_words = num_slots + (num_slots == 0);
	uint64_t total_bytes = 8 + ((body_words * layout.word_bytes + 7) & ~UINT64_C(7));
	imago_addr oop = walker->next;
	out->oop = oop;
	out->chunk = oop;
	out->total_bytes = total_bytes;
	out->body = oop + 8;
	out->num_slots = num_slots;
	out->kind = IMAGO_OBJECT_ORDINARY;
	out->body_kind = facts.body;
	out->class_index = (uint32_t)(header & (IMAGO_CLASS_INDEX_LIMIT - 1));
	out->class_oop = 0;
	out->identity_hash = (uint32_t)(header >> 32 & (IMAGO_CLASS_INDEX_LIMIT - 1));
	out->format = (uint8_t)format;
	out->v3_type = 0;
	out->bits = 0;
	out->unused_tail = facts.unused_tail;
	out->segment = (uint32_t)walker->segment;
	walker->next = oop + total_bytes;
	return true;
}

/* Decodes the next object if it is plain. */
IMAGO_ALWAYS_INLINE bool
next_plain(imago_walker *walker, imago_object *out)
{
	if (walker->next - walker->start >= walker->plain_size || walker->status != IMAGO_OK) {
		return false;
	}
	imago_layout wide = {8, walker->heap->layout.byte_order};
	imago_layout narrow = {4, walker->heap->layout.byte_order};
	return walker->heap->layout.word_bytes == 8 ? decode_plain(walker, out, wide)
	                                            : decode_plain(walker, out, narrow);
}

/* Any object, and the end. */
static bool
next_of_any_kind(imago_walker *walker, imago_object *out)
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
imago_walk_next(imago_walker *walker, imago_object *out)
{
	return next_plain(walker, out) || next_of_any_kind(walker, out);
}

bool
imago_walk_skip_segment(imago_walker *walker)
{
	walker->status = IMAGO_OK;
	if (walker->segment < walker->heap->num_segments) {
		walker->segment++;
	}
	if (walker->segment == walker->heap->num_segments) {
		walker->plain_size = 0;
		return false;
	}
	enter_segment(walker);
	return true;
}

/* Counts the pointers among num_words words, of which slots tells the slots. */
static uint64_t
count_marked(const imago_heap *heap, const uint8_t *words, const imago_pointer_marks *marks)
{
	uint64_t count = 0;
	imago_count_pointers_fn *count_in = imago_count_pointers_function(heap);
	for (uint32_t i = 0; i < marks->num_words; i += 64) {
		count += count_in(words + (uint64_t)i * heap->layout.word_bytes, marks->slots[i / 64]);
	}
	return count;
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

static void
count_object(const imago_heap *heap, const imago_object *object, imago_census *census)
{
	census->num_chunks++;
	switch (object->kind) {
	case IMAGO_OBJECT_ORDINARY:
		census->num_objects++;
		break;
	case IMAGO_OBJECT_FREE:
		census->num_free++;
		census->free_bytes += object->total_bytes;
		break;
	case IMAGO_OBJECT_FORWARDER:
		census->num_forwarders++;
		break;
	case IMAGO_OBJECT_HIDDEN:
		census->num_hidden++;
		break;
	case IMAGO_OBJECT_PUN:
		census->num_puns++;
		break;
	}
	census->num_pointers += count_pointers(heap, object);
}

static imago_status
count_segment(const imago_heap *heap, const imago_segment *segment, imago_census *census,
              imago_error *error)
{
	imago_pointer_marks marks;
	uint64_t position = 0;
	while (position < segment->size) {
		imago_mark_pointers(heap, segment, position, &marks);
		if (marks.num_words > 0) {
			census->num_chunks += marks.num_objects;
			census->num_objects += marks.num_objects;
			census->num_pointers += count_marked(heap, segment->bytes + position, &marks);
			position += (uint64_t)marks.num_words * heap->layout.word_bytes;
			continue;
		}
		imago_object object;
		imago_status status =
		    imago_heap_decode_chunk(heap, segment->start + position, &object, error);
		if (status != IMAGO_OK) {
			return status;
		}
		count_object(heap, &object, census);
		position += object.total_bytes;
	}
	return IMAGO_OK;
}

imago_status
imago_census_take(const imago_heap *heap, imago_census *out, imago_error *error)
{
	imago_census census = {0};
	for (size_t i = 0; i < heap->num_segments; i++) {
		imago_status status = count_segment(heap, &heap->segments[i], &census, error);
		if (status != IMAGO_OK) {
			return status;
		}
	}
	*out = census;
	return IMAGO_OK;
}

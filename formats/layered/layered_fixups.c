/* layered_fixups.c: the bitmap of pointer words (layered.md §4). */
#include "../../core/base/planted.h"
#include "imago/byte_order.h"
#include "imago/known_objects.h"
#include "imago/pointer_words.h"
#include "layered_private.h"

/* True for a word that must change when everything moves. */
static bool
leads_into_heap(const imago_heap *heap, uint64_t word, imago_word_kind kind,
                const imago_segment **last)
{
	const imago_segment *segment = *last;
	if (kind == IMAGO_WORD_SLOT && !imago_oop_is_pointer(heap->tagging, word)) {
		return false;
	}
	if (kind == IMAGO_WORD_STALE && word % 8 != 0) {
		return false;
	}
	if (word - segment->start < segment->size) {
		return true;
	}
	segment = imago_heap_segment_of(heap, word);
	*last = segment != NULL ? segment : *last; /* pointers lead where others did */
	return segment != NULL;
}

static void
mark_object(const imago_heap *heap, imago_addr free_lists, const imago_object *object,
            uint8_t *bitmap)
{
	const uint8_t word_bytes = heap->layout.word_bytes;
	uint64_t first = (object->body - heap->segments[object->segment].start) / word_bytes;
	imago_word_runs words = imago_pointer_words_of(heap, free_lists, object);
	const imago_segment *last = &heap->segments[object->segment];
	for (unsigned i = 0; i < words.num_runs; i++) {
		for (uint64_t slot = words.runs[i].begin; slot < words.runs[i].end; slot++) {
			uint64_t word = imago_heap_fetch_slot(heap, object, slot);
			if (leads_into_heap(heap, word, words.runs[i].kind, &last) &&
			    !IMAGO_BUG(last_fixup_cut, slot + 1 == words.runs[i].end &&
			                                   object->chunk + object->total_bytes ==
			                                       heap->segments[object->segment].start +
			                                           heap->segments[object->segment].size)) {
				bitmap[(first + slot) / 8] |= (uint8_t)(1U << (first + slot) % 8);
			}
		}
	}
}

imago_status
imago_layered_mark_pointers(const imago_heap *heap, size_t segment, uint8_t *bitmap,
                            imago_error *error)
{
	const imago_segment *area = &heap->segments[segment];
	imago_known_objects known;
	imago_known_objects_find(heap, &known);
	uint64_t position = 0;
	while (position < area->size) {
		imago_object object;
		imago_status status = imago_heap_decode_chunk(heap, area->start + position, &object, error);
		if (status != IMAGO_OK) {
			return status;
		}
		mark_object(heap, known.free_lists.oop, &object, bitmap);
		position += object.total_bytes;
	}
	return IMAGO_OK;
}

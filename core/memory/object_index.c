/* object_index.c: object starts as a bitmap over all segments, with rank. */
#include "imago/object_index.h"

#include "imago/walk.h"

enum { RANK_BITS = 512, RANK_WORDS = RANK_BITS / 64 };

static uint64_t
num_ranks(const imago_object_index *index)
{
	return index->starts.num_bits / RANK_BITS + 1;
}

static imago_status
allocate(imago_object_index *index, imago_error *error)
{
	const imago_heap *heap = index->heap;
	uint64_t *first_bits = imago_allocate_array(index->allocator, heap->num_segments,
	                                            sizeof *first_bits, "object index", error);
	if (first_bits == NULL) {
		return IMAGO_ENOMEM;
	}
	index->segment_bits = first_bits;
	uint64_t num_bits = 0;
	for (size_t i = 0; i < heap->num_segments; i++) {
		first_bits[i] = num_bits;
		num_bits += heap->segments[i].size >> index->unit_shift;
	}
	imago_status status = imago_bitmap_create(&index->starts, num_bits, index->allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	index->ranks = imago_allocate_array(index->allocator, num_ranks(index), sizeof *index->ranks,
	                                    "object index", error);
	return index->ranks != NULL ? IMAGO_OK : IMAGO_ENOMEM;
}

static uint64_t
bit_of(const imago_object_index *index, size_t segment, imago_addr addr)
{
	uint64_t position = addr - index->heap->segments[segment].start;
	return index->segment_bits[segment] + (position >> index->unit_shift);
}

static void
count_ranks(imago_object_index *index)
{
	uint64_t num_words = (index->starts.num_bits + 63) / 64;
	uint64_t count = 0;
	for (uint64_t i = 0; i < num_words; i++) {
		if (i % RANK_WORDS == 0) {
			index->ranks[i / RANK_WORDS] = count;
		}
		count += (unsigned)__builtin_popcountll(index->starts.words[i]);
	}
	index->num_objects = count;
}

imago_status
imago_object_index_create(imago_object_index *index, const imago_heap *heap,
                          imago_allocator *allocator, imago_error *error)
{
	*index = (imago_object_index){
	    .heap = heap,
	    .allocator = allocator,
	    .unit_shift = heap->model == IMAGO_SPUR ? 3 : 2,
	};
	imago_status status = allocate(index, error);
	if (status != IMAGO_OK) {
		return status;
	}
	imago_walker walker;
	imago_object object;
	imago_walk_init(&walker, heap, error);
	while (imago_walk_next(&walker, &object)) {
		if (object.kind != IMAGO_OBJECT_FREE && object.kind != IMAGO_OBJECT_PUN) {
			imago_bitmap_set(&index->starts, bit_of(index, object.segment, object.oop));
		}
	}
	if (walker.status == IMAGO_OK) {
		count_ranks(index);
	}
	return walker.status;
}

void
imago_object_index_release(imago_object_index *index)
{
	if (index->allocator == NULL) {
		return;
	}
	if (index->ranks != NULL) {
		imago_release(index->allocator, index->ranks, num_ranks(index) * sizeof *index->ranks);
	}
	imago_bitmap_release(&index->starts, index->allocator);
	imago_release(index->allocator, index->segment_bits,
	              index->heap->num_segments * sizeof *index->segment_bits);
	*index = (imago_object_index){0};
}

/* The bit of an address, or false when no object can start there. */
static bool
find_bit(const imago_object_index *index, imago_oop oop, uint64_t *bit)
{
	const imago_segment *segment = imago_heap_segment_of(index->heap, oop);
	if (segment == NULL || oop % imago_heap_alignment(index->heap) != 0) {
		return false;
	}
	*bit = bit_of(index, (size_t)(segment - index->heap->segments), oop);
	return true;
}

bool
imago_object_index_has(const imago_object_index *index, imago_oop oop)
{
	uint64_t bit;
	return find_bit(index, oop, &bit) && imago_bitmap_test(&index->starts, bit);
}

uint64_t
imago_object_index_ordinal(const imago_object_index *index, imago_oop oop)
{
	uint64_t bit;
	if (!find_bit(index, oop, &bit) || !imago_bitmap_test(&index->starts, bit)) {
		return UINT64_MAX;
	}
	uint64_t word = bit / 64;
	uint64_t ordinal = index->ranks[word / RANK_WORDS];
	for (uint64_t i = word - word % RANK_WORDS; i < word; i++) {
		ordinal += (unsigned)__builtin_popcountll(index->starts.words[i]);
	}
	uint64_t below = index->starts.words[word] & ((UINT64_C(1) << (bit & 63)) - 1);
	return ordinal + (unsigned)__builtin_popcountll(below);
}

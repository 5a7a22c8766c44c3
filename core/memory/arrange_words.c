/* arrange_words.c: chunks on their way, and their pointers.
 *
 * Plain objects are taken a block at a time (core/memory/README.md, "Hot loops"): which words are
 * pointers is known for all of it before one is looked at. */
#include <string.h>

#include "arrange_private.h"
#include "imago/pointer_words.h"
#include "pointer_marks.h"
#include "pointer_tags.h"

enum { STEP = 16 };

/* The ordinal of the chunk that a unit belongs to: one that begins there counts, too, and all of a
 * segment belongs to chunks. */
IMAGO_ALWAYS_INLINE uint64_t
chunk_of(const arrange_run *run, uint64_t bit)
{
	const start_block *block = &run->blocks[bit / WORD_BITS];
	uint64_t up_to = block->bits & (UINT64_MAX >> (WORD_BITS - 1 - bit % WORD_BITS));
	return block->rank + (unsigned)__builtin_popcountll(up_to) - 1;
}

bool
imago_arrange_move_address(arrange_run *run, imago_addr addr, imago_addr *moved)
{
	unit_place place;
	if (!imago_find_unit(&run->here, addr, &place)) {
		return false;
	}
	*moved = addr + run->distances[chunk_of(run, place.bit)];
	return true;
}

IMAGO_ALWAYS_INLINE void
move_each(arrange_run *run, imago_layout layout)
{
	for (size_t i = 0; i < run->num_queued; i++) {
		moving_word *word = &run->queue[i];
		word->chunk = chunk_of(run, word->bit);
		__builtin_prefetch(&run->distances[word->chunk]);
	}
	for (size_t i = 0; i < run->num_queued; i++) {
		const moving_word *word = &run->queue[i];
		imago_store_word(word->to, word->word + run->distances[word->chunk], layout);
	}
	run->num_queued = 0;
}

static void
move_queued_portably(arrange_run *run)
{
	move_each(run, run->source->layout);
}

#if defined(__x86_64__)

/* Counts bits in one instruction. */
__attribute__((target("popcnt"))) static void
move_queued_with_popcnt(arrange_run *run)
{
	move_each(run, run->source->layout);
}

static void
move_queued(arrange_run *run)
{
	if (__builtin_cpu_supports("popcnt")) {
		move_queued_with_popcnt(run);
	} else {
		move_queued_portably(run);
	}
}

#else

static void
move_queued(arrange_run *run)
{
	move_queued_portably(run);
}

#endif

static bool
is_old(const imago_heap *heap, imago_addr addr)
{
	const imago_segment *segment = imago_heap_segment_of(heap, addr);
	return segment != NULL && segment->space == IMAGO_SPACE_OLD;
}

static imago_status
fail_word(const arrange_run *run, imago_status status, const char *what, imago_addr place,
          uint64_t word)
{
	const imago_segment *segment = imago_heap_segment_of(run->source, place);
	imago_error_set_part(run->error, segment != NULL ? segment->part : "");
	return imago_fail(run->error, status, what, imago_heap_offset_of(run->source, place), word, 0);
}

/* Where a chunk goes. */
typedef struct landing {
	uint8_t *to;
	uint8_t *marks; /* of its segment, or NULL */
	uint64_t first; /* its first word, in the segment */
} landing;

/* A word that leads into the heap; false when it does not. at: its number in the chunk. */
IMAGO_ALWAYS_INLINE bool
queue_word(arrange_run *run, const landing *there, uint64_t at, uint64_t word, uint8_t word_bytes)
{
	unit_place target;
	if (!imago_find_unit(&run->here, word, &target)) {
		return false;
	}
	__builtin_prefetch(&run->blocks[target.bit / WORD_BITS]);
	run->queue[run->num_queued++] =
	    (moving_word){.to = there->to + at * word_bytes, .word = word, .bit = target.bit};
	if (there->marks != NULL) {
		there->marks[(there->first + at) / 8] |= (uint8_t)(1U << (there->first + at) % 8);
	}
	if (run->num_queued == QUEUE_SIZE) {
		move_queued(run);
	}
	return true;
}

/* ---- Chunks of any kind. */

/* A word that stands at place in the source. */
static imago_status
move_word(arrange_run *run, imago_addr place, const landing *there, uint64_t at,
          imago_word_kind kind)
{
	const imago_heap *source = run->source;
	const uint8_t word_bytes = source->layout.word_bytes;
	uint64_t word = imago_load_word(there->to + at * word_bytes, source->layout);
	if (kind == IMAGO_WORD_SLOT && !imago_oop_is_pointer(source->tagging, word)) {
		return IMAGO_OK;
	}
	if (kind == IMAGO_WORD_STALE && (word % UNIT != 0 || !is_old(source, word))) {
		return word % UNIT == 0 && is_old(run->target, word)
		           ? fail_word(run, IMAGO_EUNSUPPORTED, "stale link", place, word)
		           : IMAGO_OK;
	}
	if (kind == IMAGO_WORD_LINK && word == 0) {
		return IMAGO_OK;
	}
	return queue_word(run, there, at, word, word_bytes)
	           ? IMAGO_OK
	           : fail_word(run, IMAGO_ESTRUCTURE, "pointer that leaves the heap", place, word);
}

static imago_status
move_words(arrange_run *run, const imago_object *object, const landing *there)
{
	const uint8_t word_bytes = run->source->layout.word_bytes;
	const uint64_t before = (object->body - object->chunk) / word_bytes;
	imago_word_runs words = imago_pointer_words_of(run->source, run->free_lists, object);
	for (unsigned i = 0; i < words.num_runs; i++) {
		const imago_word_run *row = &words.runs[i];
		for (uint64_t slot = row->begin; slot < row->end; slot++) {
			imago_status status =
			    move_word(run, object->body + slot * word_bytes, there, before + slot, row->kind);
			if (status != IMAGO_OK) {
				return status;
			}
		}
	}
	return IMAGO_OK;
}

/* False when there is no room for a chunk, or another one does not start where it ends. */
IMAGO_ALWAYS_INLINE bool
land(arrange_run *run, imago_addr address, uint64_t size, landing *there)
{
	unit_place place;
	if (!imago_find_unit(&run->there, address, &place)) {
		return false;
	}
	const imago_segment *segment = &run->target->segments[place.segment];
	const uint64_t left = segment->size - place.position;
	if (size > left ||
	    (size < left && !imago_bitmap_test(&run->there.bits, place.bit + size / UNIT))) {
		return false;
	}
	there->to = segment->writable + place.position;
	there->marks = run->plan->marks != NULL ? run->plan->marks[place.segment] : NULL;
	there->first = place.position / run->source->layout.word_bytes;
	return true;
}

static imago_status
move_chunk(arrange_run *run, const imago_segment *from, const imago_object *object,
           imago_addr address)
{
	landing there;
	if (!land(run, address, object->total_bytes, &there)) {
		return imago_arrange_fail_place(run, object->chunk, address);
	}
	memcpy(there.to, from->bytes + (object->chunk - from->start), (size_t)object->total_bytes);
	return move_words(run, object, &there);
}

/* ---- Plain objects. */

/* Those of a block: their pointers are bits of found, which is gone through once. */
typedef struct plain_block {
	const imago_segment *from;
	uint64_t position; /* in the segment */
	uint32_t num_words;
	uint64_t found[IMAGO_MARK_CAPACITY / WORD_BITS];
} plain_block;

/* Sizes are multiples of 8, and small: a call would cost more. */
IMAGO_ALWAYS_INLINE void
copy_units(uint8_t *to, const uint8_t *from, uint64_t size)
{
	uint64_t i = 0;
	for (; i + STEP <= size; i += STEP) {
		memcpy(to + i, from + i, STEP);
	}
	if (i < size) {
		memcpy(to + i, from + i, UNIT);
	}
}

IMAGO_ALWAYS_INLINE imago_status
move_block(arrange_run *run, plain_block *block, uint64_t *ordinal, imago_layout layout)
{
	const uint32_t word_bytes = layout.word_bytes;
	const uint8_t *words = block->from->bytes + block->position;
	uint32_t row = 0;
	for (uint32_t at = 0; at < block->num_words;) {
		landing there;
		const uint64_t size = imago_plain_chunk_bytes(words + (uint64_t)at * word_bytes, layout);
		const uint32_t end = at + (uint32_t)(size / word_bytes);
		const imago_addr chunk = block->from->start + block->position + (uint64_t)at * word_bytes;
		const imago_addr address = run->plan->addresses[(*ordinal)++];
		if (IMAGO_UNLIKELY(!land(run, address, size, &there))) {
			return imago_arrange_fail_place(run, chunk, address);
		}
		copy_units(there.to, words + (uint64_t)at * word_bytes, size);
		for (;;) {
			while (block->found[row] == 0 && (row + 1) * WORD_BITS < end) {
				row++;
			}
			const uint64_t rest = block->found[row];
			const uint32_t i = row * WORD_BITS + (rest != 0 ? (unsigned)__builtin_ctzll(rest) : 0);
			if (rest == 0 || i >= end) {
				break;
			}
			block->found[row] = rest & (rest - 1);
			const uint64_t word = imago_load_word(words + (uint64_t)i * word_bytes, layout);
			if (IMAGO_UNLIKELY(!queue_word(run, &there, i - at, word, layout.word_bytes))) {
				return fail_word(run, IMAGO_ESTRUCTURE, "pointer that leaves the heap",
				                 chunk + (uint64_t)(i - at) * word_bytes, word);
			}
		}
		at = end;
	}
	return IMAGO_OK;
}

static imago_status
move_block_of(arrange_run *run, plain_block *block, uint64_t *ordinal)
{
	const imago_layout layout = run->source->layout;
	if (layout.word_bytes == 8 && layout.byte_order == IMAGO_LITTLE_ENDIAN) {
		return move_block(run, block, ordinal, (imago_layout){8, IMAGO_LITTLE_ENDIAN});
	}
	return move_block(run, block, ordinal, layout);
}

/* Marks a block from position on; false where the next chunk is not plain, or may be the one whose
 * words only look like slots. */
static bool
find_block(const arrange_run *run, imago_find_pointers_fn *find_in, plain_block *block)
{
	imago_pointer_marks marks;
	const uint64_t row_bytes = UINT64_C(64) * run->source->layout.word_bytes;
	const bool first = block->from == run->source->segments;
	if (first && block->from->start + block->position <= run->free_lists) {
		return false;
	}
	imago_mark_pointers(run->source, block->from, block->position, &marks);
	block->num_words = marks.num_words;
	for (uint32_t row = 0; row * WORD_BITS < marks.num_words; row++) {
		block->found[row] =
		    find_in(block->from->bytes + block->position + row * row_bytes, marks.slots[row]);
	}
	return marks.num_words > 0;
}

static imago_status
move_segment(arrange_run *run, const imago_segment *from, uint64_t *ordinal)
{
	imago_find_pointers_fn *find_in = imago_find_pointers_function(run->source);
	plain_block block = {.from = from};
	imago_status status = IMAGO_OK;
	while (status == IMAGO_OK && block.position < from->size) {
		if (find_block(run, find_in, &block)) {
			status = move_block_of(run, &block, ordinal);
			block.position += (uint64_t)block.num_words * run->source->layout.word_bytes;
			continue;
		}
		imago_object object;
		status =
		    imago_heap_decode_chunk(run->source, from->start + block.position, &object, run->error);
		if (status == IMAGO_OK) {
			status = move_chunk(run, from, &object, run->plan->addresses[(*ordinal)++]);
			block.position += object.total_bytes;
		}
	}
	return status;
}

imago_status
imago_arrange_move_chunks(arrange_run *run)
{
	uint64_t ordinal = 0;
	imago_status status = IMAGO_OK;
	for (size_t i = 0; i < run->source->num_segments && status == IMAGO_OK; i++) {
		status = move_segment(run, &run->source->segments[i], &ordinal);
	}
	move_queued(run);
	return status;
}

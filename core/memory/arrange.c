/* arrange.c: a copy of a heap whose chunks lie elsewhere, chunk by chunk.
 *
 * From an address to its chunk leads a bitmap with ranks, so that a pointer costs the same whatever
 * the chunks' sizes: they are a stranger's. Pointers are moved some at a time, so that the memory
 * that one waits for is fetched for all. */
#include "imago/arrange.h"

#include <string.h>

#include "imago/bitmap.h"
#include "imago/known_objects.h"
#include "imago/pointer_words.h"
#include "imago/walk.h"

enum { UNIT = 8, WORD_BITS = 64, QUEUE_SIZE = 32 };

/* 64 units of the source's object areas: where chunks start, and how many do before. */
typedef struct start_block {
	uint64_t bits;
	uint64_t rank;
} start_block;

/* A pointer on its way. Where pointers lead is anywhere, so that each would wait for memory twice:
 * a queue of them waits once for all. */
typedef struct moving_word {
	uint8_t *to;
	uint64_t word;
	uint64_t bit, chunk; /* the unit that it leads to, and the ordinal of the chunk there */
} moving_word;

/* A bit for each unit of a heap's object areas: a chunk starts there. */
typedef struct chunk_starts {
	const imago_heap *heap;
	imago_bitmap bits;
	uint64_t *segment_bits; /* first bit of each segment */
	size_t last;            /* the segment that was looked for last: mostly the next one, too */
} chunk_starts;

typedef struct arrange_run {
	const imago_heap *source;
	imago_heap *target;
	const imago_arrangement *plan;
	imago_allocator *allocator;
	chunk_starts here, there; /* in the source, in the target */
	start_block *blocks;      /* here, with ranks */
	uint64_t *distances;      /* how far each chunk moves */
	moving_word queue[QUEUE_SIZE];
	size_t num_queued;
	imago_addr free_lists;
	imago_error *error;
} arrange_run;

static imago_status
create_starts(chunk_starts *starts, const imago_heap *heap, const arrange_run *run)
{
	starts->heap = heap;
	starts->segment_bits =
	    imago_allocate_array(run->allocator, heap->num_segments, sizeof *starts->segment_bits,
	                         "chunk table", run->error);
	if (starts->segment_bits == NULL) {
		return IMAGO_ENOMEM;
	}
	uint64_t num_bits = 0;
	for (size_t i = 0; i < heap->num_segments; i++) {
		starts->segment_bits[i] = num_bits;
		num_bits += heap->segments[i].size / UNIT;
	}
	return imago_bitmap_create(&starts->bits, num_bits, run->allocator, run->error);
}

static void
release_starts(chunk_starts *starts, imago_allocator *allocator)
{
	imago_bitmap_release(&starts->bits, allocator);
	if (starts->segment_bits != NULL) {
		imago_release(allocator, starts->segment_bits,
		              starts->heap->num_segments * sizeof *starts->segment_bits);
	}
}

/* The bit of an address; false when it is in no object area. */
static bool
find_bit(chunk_starts *starts, imago_addr addr, uint64_t *bit)
{
	const imago_segment *segment = &starts->heap->segments[starts->last];
	if (addr - segment->start >= segment->size) {
		segment = imago_heap_segment_of(starts->heap, addr);
		if (segment == NULL) {
			return false;
		}
		starts->last = (size_t)(segment - starts->heap->segments);
	}
	*bit = starts->segment_bits[starts->last] + (addr - segment->start) / UNIT;
	return true;
}

static uint64_t
num_blocks(const arrange_run *run)
{
	return run->here.bits.num_bits / WORD_BITS + 1;
}

static imago_status
fail_chunks(const arrange_run *run, const char *what, uint64_t found, uint64_t limit)
{
	return imago_fail(run->error, IMAGO_ESTRUCTURE, what, IMAGO_NO_OFFSET, found, limit);
}

static imago_status
allocate_tables(arrange_run *run)
{
	/* A chunk takes two units: more addresses than that are not of this heap. */
	uint64_t most = imago_heap_object_bytes(run->source) / UNIT / 2;
	if (run->plan->num_chunks > most) {
		return fail_chunks(run, "number of chunks", run->plan->num_chunks, most);
	}
	imago_status status = create_starts(&run->here, run->source, run);
	if (status == IMAGO_OK) {
		status = create_starts(&run->there, run->target, run);
	}
	if (status != IMAGO_OK) {
		return status;
	}
	run->blocks = imago_allocate_array(run->allocator, num_blocks(run), sizeof *run->blocks,
	                                   "chunk table", run->error);
	run->distances = imago_allocate_array(run->allocator, run->plan->num_chunks,
	                                      sizeof *run->distances, "chunk table", run->error);
	return run->blocks != NULL && run->distances != NULL ? IMAGO_OK : IMAGO_ENOMEM;
}

static void
release_tables(arrange_run *run)
{
	imago_allocator *allocator = run->allocator;
	imago_release(allocator, run->distances,
	              run->distances != NULL ? run->plan->num_chunks * sizeof *run->distances : 0);
	imago_release(allocator, run->blocks,
	              run->blocks != NULL ? num_blocks(run) * sizeof *run->blocks : 0);
	release_starts(&run->there, allocator);
	release_starts(&run->here, allocator);
}

/* Before anything is allocated for them. */
static imago_status
require_same_size(const arrange_run *run)
{
	uint64_t here = imago_heap_object_bytes(run->source);
	uint64_t left = here;
	for (size_t i = 0; i < run->plan->num_segments; i++) {
		const imago_segment *segment = &run->plan->segments[i];
		if (segment->size > left || segment->bridge_size > IMAGO_BRIDGE_SIZE) {
			return fail_chunks(run, "size of a segment", segment->size, left);
		}
		left -= segment->size;
	}
	return left == 0 ? IMAGO_OK : fail_chunks(run, "bytes of objects", here - left, here);
}

/* Segments as planned, zeroed. */
static imago_status
make_segments(arrange_run *run)
{
	imago_heap *target = run->target;
	imago_status status = IMAGO_OK;
	for (size_t i = 0; i < run->plan->num_segments && status == IMAGO_OK; i++) {
		imago_segment segment = run->plan->segments[i];
		uint64_t size = segment.size + segment.bridge_size;
		segment.writable = imago_allocate(run->allocator, size, "segment", run->error);
		if (segment.writable == NULL) {
			return IMAGO_ENOMEM;
		}
		segment.bytes = segment.writable;
		segment.offset = 0;
		status = imago_heap_own(target, segment.writable, size, run->error);
		if (status != IMAGO_OK) {
			imago_release(run->allocator, segment.writable, size);
			return status;
		}
		status = imago_heap_add_segment(target, &segment, run->error);
	}
	return status;
}

static void
count_ranks(arrange_run *run)
{
	const imago_bitmap *bits = &run->here.bits;
	uint64_t num_words = (bits->num_bits + WORD_BITS - 1) / WORD_BITS;
	uint64_t count = 0;
	for (uint64_t i = 0; i < num_words; i++) {
		run->blocks[i] = (start_block){.bits = bits->words[i], .rank = count};
		count += (unsigned)__builtin_popcountll(bits->words[i]);
	}
}

static imago_status
fail_place(const arrange_run *run, imago_addr chunk, uint64_t address)
{
	return imago_fail(run->error, IMAGO_ESTRUCTURE, "address of a chunk",
	                  imago_heap_offset_of(run->source, chunk), address, 0);
}

/* Marks where chunks are and where they are to be. */
static imago_status
note_chunks(arrange_run *run)
{
	const imago_arrangement *plan = run->plan;
	imago_walker walker;
	imago_object object;
	uint64_t count = 0;
	uint64_t bit;
	imago_walk_init(&walker, run->source, run->error);
	while (imago_walk_next(&walker, &object)) {
		if (count == plan->num_chunks) {
			return fail_chunks(run, "number of chunks", count + 1, count);
		}
		imago_addr address = plan->addresses[count];
		if (address % UNIT != 0 || !find_bit(&run->there, address, &bit)) {
			return fail_place(run, object.chunk, address);
		}
		imago_bitmap_set(&run->there.bits, bit);
		(void)find_bit(&run->here, object.chunk, &bit);
		imago_bitmap_set(&run->here.bits, bit);
		run->distances[count++] = address - object.chunk;
	}
	if (walker.status != IMAGO_OK) {
		return walker.status;
	}
	count_ranks(run);
	return count == plan->num_chunks
	           ? IMAGO_OK
	           : fail_chunks(run, "number of chunks", count, plan->num_chunks);
}

/* With as many bytes of chunks as of object areas, a chunk at the start of each area, and where one
 * chunk ends another or the end of the area, there is neither a hole nor an overlap. */
static imago_status
require_chunks_at_starts(const arrange_run *run)
{
	for (size_t i = 0; i < run->target->num_segments; i++) {
		const imago_segment *segment = &run->target->segments[i];
		if (segment->size > 0 && !imago_bitmap_test(&run->there.bits, run->there.segment_bits[i])) {
			return fail_chunks(run, "start of a segment", segment->start, 0);
		}
	}
	return IMAGO_OK;
}

/* The ordinal of the chunk that a unit belongs to: one that begins there counts, too, and all of a
 * segment belongs to chunks. */
static uint64_t
chunk_of(const arrange_run *run, uint64_t bit)
{
	const start_block *block = &run->blocks[bit / WORD_BITS];
	uint64_t up_to = block->bits & (UINT64_MAX >> (WORD_BITS - 1 - bit % WORD_BITS));
	return block->rank + (unsigned)__builtin_popcountll(up_to) - 1;
}

/* Where an address comes to lie; false when it is in no object area. */
static bool
move(arrange_run *run, imago_addr addr, imago_addr *moved)
{
	uint64_t bit;
	if (!find_bit(&run->here, addr, &bit)) {
		return false;
	}
	*moved = addr + run->distances[chunk_of(run, bit)];
	return true;
}

static void
move_queued(arrange_run *run)
{
	for (size_t i = 0; i < run->num_queued; i++) {
		moving_word *word = &run->queue[i];
		word->chunk = chunk_of(run, word->bit);
		__builtin_prefetch(&run->distances[word->chunk]);
	}
	for (size_t i = 0; i < run->num_queued; i++) {
		const moving_word *word = &run->queue[i];
		imago_store_word(word->to, word->word + run->distances[word->chunk], run->source->layout);
	}
	run->num_queued = 0;
}

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

/* A word that stands at place in the source, and is copied already. */
static imago_status
move_word(arrange_run *run, imago_addr place, uint8_t *to, imago_word_kind kind)
{
	const imago_heap *source = run->source;
	uint64_t word = imago_load_word(to, source->layout);
	uint64_t bit;
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
	if (!find_bit(&run->here, word, &bit)) {
		return fail_word(run, IMAGO_ESTRUCTURE, "pointer that leaves the heap", place, word);
	}
	__builtin_prefetch(&run->blocks[bit / WORD_BITS]);
	run->queue[run->num_queued++] = (moving_word){.to = to, .word = word, .bit = bit};
	if (run->num_queued == QUEUE_SIZE) {
		move_queued(run);
	}
	return IMAGO_OK;
}

static imago_status
move_words(arrange_run *run, const imago_object *object, uint8_t *body)
{
	const uint8_t word_bytes = run->source->layout.word_bytes;
	imago_word_runs words = imago_pointer_words_of(run->source, run->free_lists, object);
	for (unsigned i = 0; i < words.num_runs; i++) {
		const imago_word_run *row = &words.runs[i];
		for (uint64_t slot = row->begin; slot < row->end; slot++) {
			imago_status status = move_word(run, object->body + slot * word_bytes,
			                                body + slot * word_bytes, row->kind);
			if (status != IMAGO_OK) {
				return status;
			}
		}
	}
	return IMAGO_OK;
}

static imago_status
move_chunk(arrange_run *run, const imago_object *object, imago_addr address)
{
	const imago_segment *there = imago_heap_segment_of(run->target, address);
	uint64_t end = address - there->start + object->total_bytes;
	uint64_t bit;
	if (end > there->size ||
	    (end < there->size && (!find_bit(&run->there, there->start + end, &bit) ||
	                           !imago_bitmap_test(&run->there.bits, bit)))) {
		return fail_place(run, object->chunk, address);
	}
	uint8_t *to = there->writable + (address - there->start);
	const imago_segment *from = &run->source->segments[object->segment];
	memcpy(to, from->bytes + (object->chunk - from->start), (size_t)object->total_bytes);
	return move_words(run, object, to + (object->body - object->chunk));
}

static imago_status
move_chunks(arrange_run *run)
{
	imago_walker walker;
	imago_object object;
	uint64_t count = 0;
	imago_status status = IMAGO_OK;
	imago_walk_init(&walker, run->source, run->error);
	while (status == IMAGO_OK && imago_walk_next(&walker, &object)) {
		status = move_chunk(run, &object, run->plan->addresses[count++]);
	}
	move_queued(run);
	return status;
}

static imago_status
move_header(arrange_run *run)
{
	imago_image_header *header = &run->target->header;
	*header = run->source->header;
	if (run->source->num_segments == 0 ||
	    !move(run, header->special_objects_oop, &header->special_objects_oop)) {
		return imago_fail(run->error, IMAGO_ESTRUCTURE, "initialSpecialObjectsOop", IMAGO_NO_OFFSET,
		                  header->special_objects_oop, 0);
	}
	return IMAGO_OK;
}

static imago_status
arrange(arrange_run *run)
{
	imago_known_objects known;
	imago_known_objects_find(run->source, &known);
	run->free_lists = known.free_lists.oop;
	imago_status status = require_same_size(run);
	if (status == IMAGO_OK) {
		status = make_segments(run);
	}
	if (status == IMAGO_OK) {
		status = allocate_tables(run);
	}
	if (status == IMAGO_OK) {
		status = note_chunks(run);
	}
	if (status == IMAGO_OK) {
		status = require_chunks_at_starts(run);
	}
	if (status == IMAGO_OK) {
		status = move_header(run);
	}
	return status == IMAGO_OK ? move_chunks(run) : status;
}

imago_status
imago_arrange(imago_heap **out, const imago_heap *source, const imago_arrangement *arrangement,
              imago_allocator *allocator, imago_error *error)
{
	arrange_run run = {
	    .source = source,
	    .plan = arrangement,
	    .allocator = allocator,
	    .error = error,
	};
	if (source->model != IMAGO_SPUR) {
		return imago_fail(error, IMAGO_EUNSUPPORTED, "a heap that is not Spur", IMAGO_NO_OFFSET, 0,
		                  0);
	}
	imago_status status =
	    imago_heap_create(&run.target, source->model, source->layout, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	status = arrange(&run);
	release_tables(&run);
	if (status != IMAGO_OK) {
		imago_heap_destroy(run.target);
		return status;
	}
	run.target->bridges = IMAGO_BRIDGES_MEMORY;
	*out = run.target;
	return IMAGO_OK;
}

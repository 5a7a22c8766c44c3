/* arrange.c: a copy of a heap whose chunks lie elsewhere, chunk by chunk.
 *
 * From an address to its chunk leads a bitmap with ranks, so that a pointer costs the same whatever
 * the chunks' sizes: they are a stranger's. */
#include <string.h>

#include "arrange_private.h"
#include "imago/known_objects.h"
#include "imago/walk.h"

/* Stretches so large that there is one for each address between the first segment and the last. */
static void
spread_guesses(chunk_starts *starts)
{
	const imago_heap *heap = starts->heap;
	if (heap->num_segments > 0) {
		const imago_segment *last = &heap->segments[heap->num_segments - 1];
		const uint64_t span = last->start - heap->segments[0].start + last->size;
		while (span >> starts->stretch >= NUM_GUESSES) {
			starts->stretch++;
		}
	}
}

static imago_status
create_starts(chunk_starts *starts, const imago_heap *heap, const arrange_run *run)
{
	starts->heap = heap;
	spread_guesses(starts);
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

bool
imago_find_unit_anew(chunk_starts *starts, imago_addr addr, unit_place *place)
{
	const imago_segment *segment = imago_heap_segment_of(starts->heap, addr);
	if (segment == NULL) {
		return false;
	}
	place->segment = (size_t)(segment - starts->heap->segments);
	place->position = addr - segment->start;
	place->bit = starts->segment_bits[place->segment] + place->position / UNIT;
	starts->guesses[addr >> starts->stretch & (NUM_GUESSES - 1)] = (uint32_t)place->segment;
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

/* Room for a segment: where the caller says, or zeroed and the heap's own. */
static imago_status
find_room(arrange_run *run, size_t index, imago_segment *segment)
{
	const uint64_t size = segment->size + segment->bridge_size;
	if (run->plan->bytes != NULL) {
		segment->writable = run->plan->bytes[index];
		memset(segment->writable + segment->size, 0, (size_t)segment->bridge_size);
		return IMAGO_OK;
	}
	segment->writable = imago_allocate(run->allocator, size, "segment", run->error);
	if (segment->writable == NULL) {
		return IMAGO_ENOMEM;
	}
	imago_status status = imago_heap_own(run->target, segment->writable, size, run->error);
	if (status != IMAGO_OK) {
		imago_release(run->allocator, segment->writable, size);
	}
	return status;
}

static imago_status
make_segments(arrange_run *run)
{
	imago_status status = IMAGO_OK;
	for (size_t i = 0; i < run->plan->num_segments && status == IMAGO_OK; i++) {
		imago_segment segment = run->plan->segments[i];
		status = find_room(run, i, &segment);
		segment.bytes = segment.writable;
		segment.offset = 0;
		if (status == IMAGO_OK) {
			status = imago_heap_add_segment(run->target, &segment, run->error);
		}
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

imago_status
imago_arrange_fail_place(const arrange_run *run, imago_addr chunk, uint64_t address)
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
	unit_place place;
	imago_walk_init(&walker, run->source, run->error);
	while (imago_walk_next(&walker, &object)) {
		if (count == plan->num_chunks) {
			return fail_chunks(run, "number of chunks", count + 1, count);
		}
		imago_addr address = plan->addresses[count];
		if (address % UNIT != 0 || !imago_find_unit(&run->there, address, &place)) {
			return imago_arrange_fail_place(run, object.chunk, address);
		}
		imago_bitmap_set(&run->there.bits, place.bit);
		const uint64_t from = object.chunk - run->source->segments[object.segment].start;
		imago_bitmap_set(&run->here.bits, run->here.segment_bits[object.segment] + from / UNIT);
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

static imago_status
move_header(arrange_run *run)
{
	imago_image_header *header = &run->target->header;
	*header = run->source->header;
	if (run->source->num_segments == 0 ||
	    !imago_arrange_move_address(run, header->special_objects_oop,
	                                &header->special_objects_oop)) {
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
	return status == IMAGO_OK ? imago_arrange_move_chunks(run) : status;
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

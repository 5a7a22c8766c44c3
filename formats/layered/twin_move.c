/* twin_move.c: a twin for which references are updated: changed objects move to it, and all of the
 * source that leads to them has to follow (twin.md §4). */
#include <string.h>

#include "imago/byte_order.h"
#include "imago/known_objects.h"
#include "imago/object_index.h"
#include "imago/pointer_words.h"
#include "imago/walk.h"
#include "twin_private.h"

/* Objects are known by their ordinals in the index. Who leads to one: leaders[first[i]] …
 * leaders[first[i + 1] - 1], of ordinary objects of the source. */
typedef struct twin_moving {
	const imago_heap *whole, *file;
	imago_addr source_end; /* of the source's last object */
	imago_known_objects known;
	imago_object_index index;
	imago_addr *places; /* new oops; of what is to move, MOVES before they are known; 0: stays */
	uint64_t *first, *leaders;
	uint64_t num_leaders;
	uint64_t *queue;
	uint64_t num_queued;
	imago_twin_moves counts;
	imago_allocator *allocator;
	imago_error *error;
} twin_moving;

enum { MOVES = 1 };

static imago_status
allocate_tables(twin_moving *moving)
{
	const uint64_t count = moving->index.num_objects;
	imago_allocator *allocator = moving->allocator;
	imago_error *error = moving->error;
	moving->places =
	    imago_allocate_array(allocator, count, sizeof(imago_addr), "new places", error);
	moving->queue =
	    imago_allocate_array(allocator, count, sizeof(uint64_t), "objects to move", error);
	moving->first =
	    imago_allocate_array(allocator, count + 1, sizeof(uint64_t), "references", error);
	return moving->places != NULL && moving->queue != NULL && moving->first != NULL ? IMAGO_OK
	                                                                                : IMAGO_ENOMEM;
}

static void
release_tables(twin_moving *moving)
{
	const uint64_t count = moving->index.num_objects;
	imago_allocator *allocator = moving->allocator;
	imago_release(allocator, moving->places, count * sizeof(imago_addr));
	imago_release(allocator, moving->queue, count * sizeof(uint64_t));
	imago_release(allocator, moving->first, (count + 1) * sizeof(uint64_t));
	imago_release(allocator, moving->leaders, moving->num_leaders * sizeof(uint64_t));
	imago_object_index_release(&moving->index);
}

/* True for what may lie elsewhere: hidden objects are found by where they are, nil by being first.
 */
static bool
is_movable(const twin_moving *moving, const imago_object *object)
{
	return object->kind == IMAGO_OBJECT_ORDINARY && object->chunk < moving->source_end &&
	       object->oop > moving->known.true_object.oop;
}

static bool
is_changed(const twin_moving *moving, const imago_object *object)
{
	const uint8_t *now = imago_heap_bytes(moving->whole, object->chunk, object->total_bytes);
	const uint8_t *then = imago_heap_bytes(moving->file, object->chunk, object->total_bytes);
	return now == NULL || then == NULL || memcmp(now, then, (size_t)object->total_bytes) != 0;
}

static void
enqueue(twin_moving *moving, uint64_t ordinal)
{
	if (moving->places[ordinal] == 0) {
		moving->places[ordinal] = MOVES;
		moving->queue[moving->num_queued++] = ordinal;
	}
}

/* The references of an object of the source: counted for each target, or noted. */
static void
see_references(twin_moving *moving, const imago_object *object, uint64_t ordinal)
{
	const uint64_t num_slots = imago_heap_num_pointer_slots(moving->whole, object);
	for (uint64_t i = 0; i < num_slots; i++) {
		uint64_t target = imago_object_index_ordinal(
		    &moving->index, imago_heap_fetch_slot(moving->whole, object, i));
		if (target == UINT64_MAX) {
			continue;
		}
		if (moving->leaders == NULL) {
			moving->first[target]++;
		} else {
			moving->leaders[--moving->first[target]] = ordinal;
		}
	}
}

static imago_status
walk_references(twin_moving *moving)
{
	imago_walker walker;
	imago_object object;
	imago_walk_init(&walker, moving->whole, moving->error);
	while (imago_walk_next(&walker, &object)) {
		if (is_movable(moving, &object)) {
			see_references(moving, &object, imago_object_index_ordinal(&moving->index, object.oop));
		}
	}
	return walker.status;
}

/* Counts, then from the ends of the counts downwards. */
static imago_status
find_leaders(twin_moving *moving)
{
	imago_status status = walk_references(moving);
	if (status != IMAGO_OK) {
		return status;
	}
	uint64_t sum = 0;
	for (uint64_t i = 0; i < moving->index.num_objects; i++) {
		sum += moving->first[i];
		moving->first[i] = sum;
	}
	moving->first[moving->index.num_objects] = sum;
	moving->leaders =
	    imago_allocate_array(moving->allocator, sum, sizeof(uint64_t), "references", moving->error);
	if (moving->leaders == NULL) {
		return IMAGO_ENOMEM;
	}
	moving->num_leaders = sum;
	return walk_references(moving);
}

/* What has changed, and whatever leads there, directly or not. */
static imago_status
find_what_moves(twin_moving *moving)
{
	imago_walker walker;
	imago_object object;
	imago_walk_init(&walker, moving->whole, moving->error);
	while (imago_walk_next(&walker, &object)) {
		if (is_movable(moving, &object) && is_changed(moving, &object)) {
			moving->counts.num_changed++;
			moving->counts.changed_bytes += object.total_bytes;
			enqueue(moving, imago_object_index_ordinal(&moving->index, object.oop));
		}
	}
	for (uint64_t i = 0; i < moving->num_queued; i++) {
		uint64_t target = moving->queue[i];
		for (uint64_t k = moving->first[target]; k < moving->first[target + 1]; k++) {
			enqueue(moving, moving->leaders[k]);
		}
	}
	return walker.status;
}

/* New places, one behind the other from an address on; *end is behind the last one. */
static imago_status
find_places(twin_moving *moving, imago_addr address, imago_addr *end)
{
	imago_walker walker;
	imago_object object;
	imago_walk_init(&walker, moving->whole, moving->error);
	while (imago_walk_next(&walker, &object)) {
		uint64_t ordinal = imago_object_index_ordinal(&moving->index, object.oop);
		if (ordinal != UINT64_MAX && moving->places[ordinal] == MOVES) {
			moving->places[ordinal] = address + (object.oop - object.chunk);
			address += object.total_bytes;
			moving->counts.num_moved++;
			moving->counts.moved_bytes += object.total_bytes;
		}
	}
	*end = address;
	return walker.status;
}

static imago_oop
new_place(const twin_moving *moving, imago_oop oop)
{
	uint64_t ordinal = imago_object_index_ordinal(&moving->index, oop);
	return ordinal == UINT64_MAX || moving->places[ordinal] == 0 ? oop : moving->places[ordinal];
}

/* Appends a chunk as it is now, with its words leading to new places; where it begins. */
static uint64_t
append_chunk(const twin_moving *moving, const imago_object *object, imago_writer *writer)
{
	const imago_layout layout = moving->whole->layout;
	const uint64_t at = writer->size;
	const imago_word_runs words =
	    imago_pointer_words_of(moving->whole, moving->known.free_lists.oop, object);
	imago_write_bytes(writer, imago_heap_bytes(moving->whole, object->chunk, object->total_bytes),
	                  object->total_bytes);
	for (unsigned r = 0; r < words.num_runs && writer->status == IMAGO_OK; r++) {
		for (uint64_t i = words.runs[r].begin; i < words.runs[r].end; i++) {
			uint8_t *word =
			    writer->bytes + at + (object->body - object->chunk) + i * layout.word_bytes;
			imago_store_word(word, new_place(moving, imago_load_word(word, layout)), layout);
		}
	}
	return at;
}

/* What stays where it is: words that differ from the file's. */
static void
write_in_place(const twin_moving *moving, const imago_object *object, twin_writing *writing,
               imago_writer *scratch)
{
	const uint8_t *then = imago_heap_bytes(moving->file, object->chunk, object->total_bytes);
	uint64_t position = object->chunk - writing->start;
	scratch->size = 0;
	(void)append_chunk(moving, object, scratch);
	if (scratch->status != IMAGO_OK || then == NULL) {
		return;
	}
	twin_add_differences(writing, position, scratch->bytes, then, object->total_bytes);
}

/* Runs of what stays; then the new objects, as they lie; then what moves. */
static imago_status
write_parts(const twin_moving *moving, twin_writing *writing, imago_writer *made)
{
	imago_walker walker;
	imago_object object;
	imago_writer scratch;
	imago_writer_init(&scratch, moving->allocator, moving->whole->layout, moving->error);
	imago_walk_init(&walker, moving->whole, moving->error);
	while (imago_walk_next(&walker, &object)) {
		if (object.chunk >= moving->source_end) {
			(void)append_chunk(moving, &object, made);
		} else if (!is_movable(moving, &object)) {
			write_in_place(moving, &object, writing, &scratch);
		}
	}
	imago_status status = walker.status == IMAGO_OK ? scratch.status : walker.status;
	imago_writer_release(&scratch);
	imago_walk_init(&walker, moving->whole, moving->error);
	while (status == IMAGO_OK && imago_walk_next(&walker, &object)) {
		if (is_movable(moving, &object) && new_place(moving, object.oop) != object.oop) {
			(void)append_chunk(moving, &object, made);
		}
	}
	return status == IMAGO_OK ? made->status : status;
}

static imago_status
find_all(twin_moving *moving, const imago_memory_mapping *now, imago_addr *end)
{
	imago_status status =
	    imago_object_index_create(&moving->index, moving->whole, moving->allocator, moving->error);
	if (status == IMAGO_OK) {
		status = allocate_tables(moving);
	}
	if (status == IMAGO_OK) {
		status = find_leaders(moving);
	}
	if (status == IMAGO_OK) {
		status = find_what_moves(moving);
	}
	return status == IMAGO_OK ? find_places(moving, now->base + now->used, end) : status;
}

imago_status
imago_twin_write_moved(const imago_layered_attachment *source, const imago_memory_mapping *now,
                       const imago_heap *whole, const imago_heap *file, imago_writer *writer,
                       imago_twin_moves *moves, imago_error *error)
{
	if (writer->status != IMAGO_OK) {
		return writer->status;
	}
	imago_status status = twin_require_source(source, now, error);
	if (status != IMAGO_OK) {
		return status;
	}
	if (now->tabled) {
		return imago_fail(error, IMAGO_EUSAGE, "source of a twin", IMAGO_NO_OFFSET, 1, 0);
	}
	twin_moving moving = {.whole = whole,
	                      .file = file,
	                      .source_end = source->head.start + source->source_used,
	                      .allocator = writer->allocator,
	                      .error = error};
	twin_writing writing = {.source = source, .file = file, .start = source->head.start};
	imago_writer made;
	imago_addr end = 0;
	imago_known_objects_find(whole, &moving.known);
	twin_writing_init(&writing, writer, error);
	imago_writer_init(&made, writer->allocator, writer->layout, error);
	status = find_all(&moving, now, &end);
	if (status == IMAGO_OK) {
		status = write_parts(&moving, &writing, &made);
	}
	if (status == IMAGO_OK) {
		imago_memory_mapping moved = *now;
		moved.used = end - now->base;
		moved.header.special_objects_oop = new_place(&moving, now->header.special_objects_oop);
		status = twin_write_file(&writing, &moved, made.bytes, writer);
		*moves = moving.counts;
	}
	imago_writer_release(&made);
	twin_writing_release(&writing);
	release_tables(&moving);
	return status;
}

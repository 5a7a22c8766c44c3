/* rebuild_same.c: a rebuild that keeps the word size and with it every byte's place in its object.
 *
 * Old space is a row of pieces, each of which moves as one and is converted from its first chunk to
 * its last. The hot loops are in rebuild_convert.c.
 */
#include <string.h>

#include "../base/planted.h"
#include "imago/checked.h"
#include "imago/known_objects.h"
#include "imago/walk.h"
#include "rebuild_private.h"

static uint64_t
old_bytes(const imago_heap *heap)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < imago_rebuild_num_old_segments(heap); i++) {
		bytes += heap->segments[i].size;
	}
	return bytes;
}

/* Cuts old space into the wanted number of segments at chunk boundaries. */
static imago_status
plan_split(imago_rebuild_plan *plan, const imago_rebuild_run *run)
{
	const imago_heap *source = run->source;
	imago_rebuild_cutter cutter = {
	    .plan = plan,
	    .total = old_bytes(source),
	    .wanted = run->options->num_segments,
	};
	if (cutter.wanted > 1) {
		imago_walker walker;
		imago_object object;
		uint64_t position = 0;
		imago_walk_init(&walker, source, run->error);
		while (position < cutter.total && imago_walk_next(&walker, &object)) {
			imago_rebuild_cutter_pass(&cutter, position);
			position += object.total_bytes;
		}
		if (walker.status != IMAGO_OK) {
			return walker.status;
		}
	}
	imago_status status = imago_rebuild_cutter_finish(&cutter, run);
	if (status != IMAGO_OK) {
		return status;
	}
	imago_addr base = run->options->set_base ? run->options->base : source->segments[0].start;
	return imago_rebuild_plan_place(plan, base, run->options->gap, run);
}

/* Keeps the segments and the gaps between them. */
static imago_status
plan_alike(imago_rebuild_plan *plan, const imago_rebuild_run *run)
{
	const imago_segment *segments = run->source->segments;
	imago_addr base = run->options->set_base ? run->options->base : segments[0].start;
	for (uint32_t i = 0; i < plan->capacity; i++) {
		plan->sizes[i] = segments[i].size;
		if (!imago_checked_add(base, segments[i].start - segments[0].start, &plan->starts[i])) {
			return imago_fail(run->error, IMAGO_ERANGE, "base", IMAGO_NO_OFFSET, base, 0);
		}
	}
	plan->num_segments = plan->capacity;
	return IMAGO_OK;
}

/* Old space must end where permanent space begins. */
static imago_status
check_below_perm(const imago_rebuild_plan *plan, const imago_rebuild_run *run)
{
	const imago_heap *source = run->source;
	size_t num_old = imago_rebuild_num_old_segments(source);
	if (num_old == source->num_segments) {
		return IMAGO_OK;
	}
	uint64_t end;
	uint32_t last = plan->num_segments - 1;
	if (!imago_checked_add(plan->starts[last], plan->sizes[last] + IMAGO_BRIDGE_SIZE, &end) ||
	    end > source->segments[num_old].start) {
		return imago_fail(run->error, IMAGO_ERANGE, "base", IMAGO_NO_OFFSET, plan->starts[0],
		                  source->segments[num_old].start);
	}
	return IMAGO_OK;
}

static imago_status
make_target(imago_rebuild_run *run, const imago_rebuild_plan *plan)
{
	const imago_heap *source = run->source;
	imago_status status = check_below_perm(plan, run);
	if (status == IMAGO_OK) {
		status = imago_rebuild_make_segments(run, plan);
	}
	for (size_t i = imago_rebuild_num_old_segments(source);
	     i < source->num_segments && status == IMAGO_OK; i++) {
		const imago_segment *perm = &source->segments[i];
		status = imago_rebuild_add_segment(run, perm->start, perm->size, perm->bridge_size,
		                                   IMAGO_SPACE_PERM);
	}
	return status;
}

/* Overlays the source's segments and the target's: between two borders of either, bytes move as
 * one. There are fewer pieces than segments on both sides together. */
static size_t
overlay(const imago_heap *source, const imago_heap *target, imago_rebuild_piece *pieces)
{
	size_t num_pieces = 0;
	size_t from = 0, to = 0;
	uint64_t from_done = 0, to_done = 0;
	while (from < source->num_segments && to < target->num_segments) {
		const imago_segment *from_segment = &source->segments[from];
		const imago_segment *to_segment = &target->segments[to];
		uint64_t from_left = from_segment->size - from_done;
		uint64_t to_left = to_segment->size - to_done;
		uint64_t size = from_left < to_left ? from_left : to_left;
		if (size > 0) {
			imago_addr start = from_segment->start + from_done;
			pieces[num_pieces++] = (imago_rebuild_piece){
			    .start = start,
			    .size = size,
			    .delta = to_segment->start + to_done - start,
			    .from = from_segment->bytes + from_done,
			    .to = to_segment->writable + to_done,
			};
		}
		from_done += size;
		to_done += size;
		if (from_done == from_segment->size) {
			from++;
			from_done = 0;
		}
		if (to_done == to_segment->size) {
			to++;
			to_done = 0;
		}
	}
	return num_pieces;
}

/* The same failure as the walk's, or the pointer that could not be moved. */
static imago_status
fail_convert(const imago_rebuild_run *run, const imago_rebuild_mover *mover, imago_addr stopped)
{
	imago_object object;
	if (mover->stuck) {
		const imago_segment *segment = imago_heap_segment_of(run->source, mover->bad_place);
		imago_error_set_part(run->error, segment != NULL ? segment->part : "");
		return imago_fail(run->error, IMAGO_ESTRUCTURE, "pointer that leaves the heap",
		                  imago_heap_offset_of(run->source, mover->bad_place), mover->bad_pointer,
		                  0);
	}
	imago_status status = imago_heap_decode_chunk(run->source, stopped, &object, run->error);
	if (status == IMAGO_OK) {
		status = imago_fail(run->error, IMAGO_ESTRUCTURE, "chunk across a segment's end",
		                    imago_heap_offset_of(run->source, stopped), object.total_bytes, 0);
	}
	return status;
}

static imago_status
convert_pieces(const imago_rebuild_run *run, imago_rebuild_mover *mover)
{
	bool spur = run->source->model == IMAGO_SPUR;
	bool plain_copy = mover->from_order == mover->to_order && !mover->moving;
	for (size_t i = 0; i < mover->num_pieces; i++) {
		const imago_rebuild_piece *piece = &mover->pieces[i];
		if (plain_copy) {
			memcpy(piece->to, piece->from, (size_t)piece->size);
			continue;
		}
		imago_rebuild_span span = {
		    .start = piece->start,
		    .from = piece->from,
		    .to = piece->to,
		    .size = piece->size,
		};
		uint64_t done = spur ? imago_rebuild_convert_spur(mover, &span)
		                     : imago_rebuild_convert_v3(mover, &span);
		if (done < piece->size) {
			return fail_convert(run, mover, piece->start + done);
		}
	}
	return IMAGO_OK;
}

/* Rewrites a word of the target that stands at a source address, when the move changes it. */
static void
patch_link(const imago_rebuild_run *run, imago_rebuild_mover *mover, imago_addr place,
           bool of_free_chunk)
{
	imago_layout layout = run->source->layout;
	imago_addr moved;
	const uint8_t *from = imago_heap_bytes(run->source, place, layout.word_bytes);
	if (from == NULL || !imago_rebuild_move(mover, place, &moved)) {
		return;
	}
	uint8_t *to = imago_heap_writable_bytes(run->target, moved, layout.word_bytes);
	uint64_t link = imago_load_word(from, layout);
	if (to != NULL) {
		imago_store_word(to, imago_rebuild_move_link(mover, link, of_free_chunk), run->layout);
	}
}

/* One page of an obj stack (spur.md §9): its links, and the entries below its top. */
static void
patch_obj_stack_page(const imago_rebuild_run *run, imago_rebuild_mover *mover,
                     const imago_object *page)
{
	enum { TOP, ROOT_SLOT, FREE_LINK, NEXT_LINK, FIRST_ENTRY };
	uint64_t word_bytes = run->source->layout.word_bytes;
	uint64_t top = imago_heap_fetch_slot(run->source, page, TOP);
	uint64_t room = page->num_slots - FIRST_ENTRY;
	uint64_t end = FIRST_ENTRY + (top < room ? top : room);
	for (uint64_t i = FREE_LINK; i < end; i++) {
		patch_link(run, mover, page->body + i * word_bytes, false);
	}
}

static void
patch_obj_stack(const imago_rebuild_run *run, imago_rebuild_mover *mover, imago_oop oop)
{
	enum { NEXT_LINK = 3, MAX_PAGES = 65536 };
	imago_object page;
	for (unsigned i = 0; i < MAX_PAGES; i++) {
		if (imago_heap_decode_object(run->source, oop, &page, NULL) != IMAGO_OK ||
		    page.num_slots != IMAGO_OBJ_STACK_PAGE_SLOTS ||
		    (page.class_index != IMAGO_CLASS_HIDDEN_BITS32 &&
		     page.class_index != IMAGO_CLASS_HIDDEN_BITS64)) {
			return;
		}
		patch_obj_stack_page(run, mover, &page);
		oop = imago_heap_fetch_slot(run->source, &page, NEXT_LINK);
	}
}

/* What the word objects of the VM hold is no pointer to the generic pass. */
static void
patch_hidden_links(const imago_rebuild_run *run, imago_rebuild_mover *mover)
{
	enum { NUM_STACKS = 3 }; /* mark stack, weakling stack, mourn queue */
	uint64_t word_bytes = run->source->layout.word_bytes;
	imago_known_objects known;
	imago_known_objects_find(run->source, &known);
	if (known.free_lists.class_index == IMAGO_CLASS_HIDDEN_BITS32 ||
	    known.free_lists.class_index == IMAGO_CLASS_HIDDEN_BITS64) {
		for (uint64_t i = 0; i < known.free_lists.num_slots; i++) {
			patch_link(run, mover, known.free_lists.body + i * word_bytes, true);
		}
	}
	if (known.hidden_roots.class_index != IMAGO_CLASS_HIDDEN_ARRAY ||
	    known.hidden_roots.num_slots < IMAGO_HIDDEN_ROOTS_SLOTS) {
		return;
	}
	for (uint64_t i = 0; i < NUM_STACKS; i++) {
		patch_obj_stack(
		    run, mover,
		    imago_heap_fetch_slot(run->source, &known.hidden_roots, IMAGO_FIRST_PRIVATE_ROOT + i));
	}
}

/* Bridges: bit for bit in the other order where the segments stay as they are, else written anew
 * in the source's style. */
static imago_status
make_bridges(const imago_rebuild_run *run)
{
	const imago_heap *source = run->source;
	imago_heap *target = run->target;
	target->bridges = source->bridges;
	if (run->options->num_segments != 0) {
		return source->bridges == IMAGO_BRIDGES_NONE
		           ? IMAGO_OK
		           : imago_heap_set_bridges(target, source->bridges, run->error);
	}
	for (size_t i = 0; i < source->num_segments; i++) {
		const imago_segment *from = &source->segments[i];
		uint8_t *to = target->segments[i].writable + from->size;
		for (uint64_t half = 0; half + 8 <= from->bridge_size; half += 8) {
			uint64_t word =
			    imago_load_u64(from->bytes + from->size + half, source->layout.byte_order);
			imago_byte_order order = run->layout.byte_order;
			if (IMAGO_BUG(bridge_order_kept,
			              source->layout.byte_order != order && i + 1 < source->num_segments)) {
				order = source->layout.byte_order;
			}
			imago_store_u64(to + half, word, order);
		}
	}
	return IMAGO_OK;
}

static imago_status
make_header(imago_rebuild_run *run, imago_rebuild_mover *mover)
{
	imago_image_header *header = &run->target->header;
	if (!imago_rebuild_move(mover, header->special_objects_oop, &header->special_objects_oop) &&
	    mover->moving) {
		return imago_fail(run->error, IMAGO_ESTRUCTURE, "initialSpecialObjectsOop", IMAGO_NO_OFFSET,
		                  header->special_objects_oop, 0);
	}
	const imago_segment *first = &run->target->segments[0];
	header->old_base_address = first->start;
	if (run->options->num_segments != 0 && run->source->model == IMAGO_SPUR) {
		header->data_size = imago_heap_data_size(run->target);
		header->first_segment_size = first->size + first->bridge_size;
	}
	return IMAGO_OK;
}

static imago_status
fill_target(imago_rebuild_run *run, imago_rebuild_piece *pieces, const imago_class_table *classes)
{
	const imago_heap *source = run->source;
	imago_rebuild_mover mover = {
	    .source = source,
	    .pieces = pieces,
	    .num_pieces = overlay(source, run->target, pieces),
	    .last = pieces,
	    .classes = classes,
	    .from_order = source->layout.byte_order,
	    .to_order = run->layout.byte_order,
	};
	for (size_t i = 0; i < mover.num_pieces; i++) {
		mover.moving = mover.moving || pieces[i].delta != 0;
	}
	if (imago_heap_floats_low_word_first(source) != imago_heap_floats_low_word_first(run->target)) {
		mover.float_class = source->model == IMAGO_SPUR
		                        ? imago_class_table_at(classes, IMAGO_CLASS_FLOAT)
		                        : imago_special_object_at(source, IMAGO_SPECIAL_CLASS_FLOAT);
	}
	imago_status status = convert_pieces(run, &mover);
	if (status == IMAGO_OK && mover.moving && source->model == IMAGO_SPUR) {
		patch_hidden_links(run, &mover);
	}
	if (status == IMAGO_OK) {
		status = make_bridges(run);
	}
	return status == IMAGO_OK ? make_header(run, &mover) : status;
}

static imago_status
copy_surroundings(imago_rebuild_run *run)
{
	const imago_heap *source = run->source;
	imago_wrapping *wrapping = &run->target->wrapping;
	run->target->header = source->header;
	run->target->header.flags = imago_rebuild_flags(run, source->header.flags);
	*wrapping = source->wrapping;
	imago_status status = imago_rebuild_copy_bytes(run, &wrapping->prefix, wrapping->prefix_size);
	if (status == IMAGO_OK) {
		status = imago_rebuild_copy_bytes(run, &wrapping->header_tail, wrapping->header_tail_size);
	}
	if (status == IMAGO_OK) {
		status = imago_rebuild_copy_bytes(run, &wrapping->trailing, wrapping->trailing_size);
	}
	return status;
}

static imago_status
rebuild_as_planned(imago_rebuild_run *run, const imago_rebuild_plan *plan)
{
	imago_status status = make_target(run, plan);
	if (status != IMAGO_OK) {
		return status;
	}
	size_t most_pieces = run->source->num_segments + run->target->num_segments;
	imago_rebuild_piece *pieces = imago_allocate_array(run->allocator, most_pieces, sizeof *pieces,
	                                                   "pieces that move", run->error);
	if (pieces == NULL) {
		return IMAGO_ENOMEM;
	}
	imago_class_table classes;
	status = imago_class_table_create(&classes, run->source, run->allocator, run->error);
	if (status == IMAGO_OK) {
		status = fill_target(run, pieces, &classes);
	}
	imago_class_table_release(&classes);
	imago_release(run->allocator, pieces, most_pieces * sizeof *pieces);
	return status;
}

imago_status
imago_rebuild_same_width(imago_rebuild_run *run)
{
	imago_rebuild_plan plan;
	uint32_t num_segments = run->options->num_segments;
	uint64_t capacity =
	    num_segments != 0 ? num_segments : imago_rebuild_num_old_segments(run->source);
	imago_status status = imago_rebuild_plan_create(&plan, capacity, run);
	if (status == IMAGO_OK) {
		status = num_segments != 0 ? plan_split(&plan, run) : plan_alike(&plan, run);
	}
	if (status == IMAGO_OK) {
		status = copy_surroundings(run);
	}
	if (status == IMAGO_OK) {
		status = rebuild_as_planned(run, &plan);
	}
	imago_rebuild_plan_release(&plan, run);
	return status;
}

/* check_index.c: which addresses are what: one bit per unit for what may be pointed at, and one for
 * everything else that starts there. */
#include "../base/planted.h"
#include "check_private.h"

imago_status
check_index_create(check_facts *facts, imago_error *error)
{
	const imago_heap *heap = facts->heap;
	facts->unit_shift = check_is_spur(facts) ? 3 : 2;
	facts->segment_bits = imago_allocate_array(facts->allocator, heap->num_segments,
	                                           sizeof *facts->segment_bits, "object map", error);
	if (facts->segment_bits == NULL) {
		return IMAGO_ENOMEM;
	}
	facts->walked_ends = imago_allocate_array(facts->allocator, heap->num_segments,
	                                          sizeof *facts->walked_ends, "object map", error);
	if (facts->walked_ends == NULL) {
		return IMAGO_ENOMEM;
	}
	uint64_t num_bits = 0;
	for (size_t i = 0; i < heap->num_segments; i++) {
		facts->segment_bits[i] = num_bits;
		num_bits += heap->segments[i].size >> facts->unit_shift;
	}
	imago_status status = imago_bitmap_create(&facts->objects, num_bits, facts->allocator, error);
	if (status == IMAGO_OK) {
		status = imago_bitmap_create(&facts->others, num_bits, facts->allocator, error);
	}
	return status;
}

void
check_index_release(check_facts *facts)
{
	uint64_t num_segments = facts->heap->num_segments;
	imago_bitmap_release(&facts->others, facts->allocator);
	imago_bitmap_release(&facts->objects, facts->allocator);
	imago_release(facts->allocator, facts->walked_ends, num_segments * sizeof *facts->walked_ends);
	imago_release(facts->allocator, facts->segment_bits,
	              num_segments * sizeof *facts->segment_bits);
}

static uint64_t
bit_of(const check_facts *facts, size_t segment, imago_addr addr)
{
	uint64_t position = addr - facts->heap->segments[segment].start;
	return facts->segment_bits[segment] + (position >> facts->unit_shift);
}

void
check_index_mark(check_facts *facts, const imago_object *object, bool legal)
{
	imago_bitmap_set(legal ? &facts->objects : &facts->others,
	                 bit_of(facts, object->segment, object->oop));
}

/* What an address outside all object areas is. */
static check_target
classify_outside(const check_facts *facts, imago_addr addr)
{
	const imago_heap *heap = facts->heap;
	if (imago_heap_is_permanent(heap, addr)) {
		return TARGET_OUTSIDE_PERM;
	}
	if (addr >= IMAGO_BRIDGE_SIZE) {
		/* The object area may be of any size, but its last byte is some bytes below its bridge. */
		for (uint64_t back = 8; back <= IMAGO_BRIDGE_SIZE; back += 8) {
			const imago_segment *segment = imago_heap_segment_of(heap, addr - back);
			if (segment != NULL && addr - segment->start - segment->size < segment->bridge_size) {
				return TARGET_BRIDGE;
			}
		}
	}
	return TARGET_OUTSIDE;
}

check_target
check_classify(const check_facts *facts, imago_oop oop)
{
	const imago_heap *heap = facts->heap;
	if (!imago_oop_is_pointer(heap->tagging, oop)) {
		return imago_oop_kind_of(heap->tagging, oop) == IMAGO_OOP_INVALID ? TARGET_INVALID_TAG
		                                                                  : TARGET_IMMEDIATE;
	}
	const imago_segment *segment = imago_heap_segment_of(heap, oop);
	if (segment == NULL) {
		return classify_outside(facts, oop & ~(imago_heap_alignment(heap) - 1));
	}
	if (oop % imago_heap_alignment(heap) != 0) {
		return TARGET_MISALIGNED;
	}
	size_t index = (size_t)(segment - heap->segments);
	uint64_t bit = bit_of(facts, index, oop);
	if (imago_bitmap_test(&facts->objects, bit)) {
		return oop == facts->nil ? TARGET_NIL : TARGET_OBJECT;
	}
	if (oop >= facts->walked_ends[index]) {
		return TARGET_UNKNOWN;
	}
	imago_object object;
	if (!imago_bitmap_test(&facts->others, bit) ||
	    imago_heap_decode_object(heap, oop, &object, NULL) != IMAGO_OK) {
		return TARGET_MIDDLE;
	}
	switch (object.kind) {
	case IMAGO_OBJECT_FREE:
		return TARGET_FREE;
	case IMAGO_OBJECT_FORWARDER:
		return TARGET_FORWARDER;
	default:
		return TARGET_HIDDEN;
	}
}

/* Decodes an object whose start is proven; what cannot be is no object after all. */
static bool
decode(const check_facts *facts, imago_oop oop, imago_object *out)
{
	return imago_heap_decode_object(facts->heap, oop, out, NULL) == IMAGO_OK;
}

check_target
check_find(const check_facts *facts, imago_oop oop, imago_object *out)
{
	check_target target = check_classify(facts, oop);
	imago_object forwarder;
	for (unsigned i = 0; target == TARGET_FORWARDER && i < CHECK_MAX_FORWARDS; i++) {
		if (!decode(facts, oop, &forwarder) || forwarder.num_slots == 0) {
			return TARGET_FORWARDER;
		}
		oop = check_slot_at(facts, &forwarder, 0);
		target = check_classify(facts, oop);
		if (target != TARGET_OBJECT && target != TARGET_NIL && target != TARGET_IMMEDIATE &&
		    target != TARGET_FORWARDER) {
			return TARGET_FORWARDER; /* forwarder.target */
		}
	}
	if (target == TARGET_OBJECT && !decode(facts, oop, out)) {
		return TARGET_MIDDLE;
	}
	return target;
}

check_target
check_find_other(const check_facts *facts, imago_oop oop, imago_object *out)
{
	check_target target = check_classify(facts, oop);
	if ((target == TARGET_FREE || target == TARGET_HIDDEN || target == TARGET_FORWARDER) &&
	    !decode(facts, oop, out)) {
		return TARGET_MIDDLE;
	}
	return target;
}

static uint64_t
bit_of_object(const check_facts *facts, imago_oop oop)
{
	const imago_segment *segment = imago_heap_segment_of(facts->heap, oop);
	return bit_of(facts, (size_t)(segment - facts->heap->segments), oop);
}

bool
check_visit(check_facts *facts, imago_oop oop)
{
	uint64_t bit = bit_of_object(facts, oop);
	if (imago_bitmap_test(&facts->others, bit)) {
		return false;
	}
	imago_bitmap_set(&facts->others, bit);
	return true;
}

/* The object of a circle that lies lowest, so that a circle is reported the same wherever it was
 * entered. In a circle there is always a next one. */
static imago_object
lowest_of_circle(const check_facts *facts, const imago_object *start, check_next_fn *next)
{
	imago_object lowest = *start;
	imago_object current = *start;
	imago_object following;
	for (;;) {
		(void)next(facts, &current, &following);
		bool closed = following.oop == start->oop;
		if (!IMAGO_BUG(chain_circle, closed && lowest.oop != start->oop) && closed) {
			return lowest;
		}
		current = following;
		if (current.oop < lowest.oop) {
			lowest = current;
		}
	}
}

bool
check_follow_chain(check_context *context, const imago_object *start, check_next_fn *next,
                   check_object_fn *look, imago_object *lowest)
{
	check_facts *facts = context->facts;
	imago_object current = *start;
	imago_object following;
	uint64_t length = 0;
	while (check_visit(facts, current.oop)) {
		length++;
		if (look != NULL) {
			look(context, &current);
		}
		if (!next(facts, &current, &following)) {
			return false;
		}
		current = following;
	}
	/* The chain ran into an object that was visited: in this walk (a circle) or in an earlier one.
	 * It is gone over once more, as far as it went. */
	imago_oop met = current.oop;
	current = *start;
	for (uint64_t i = 0; i < length; i++) {
		if (current.oop == met) {
			*lowest = lowest_of_circle(facts, &current, next);
			return true;
		}
		(void)next(facts, &current, &following);
		current = following;
	}
	return false;
}

/* byte_swap: an image in the other byte order is the same image.
 *
 * Whatever image can be read and turned: turned twice it is the same file again, unless headerFlags
 * bit 1 did not fit its own order (then the same digest, and from there on the same file). Sizes
 * and places of segments and objects stay, the numbers of bridges, and every header field but that
 * bit and an oldBaseAddr that lied. The digest stays, or is refused with the same status. Turning
 * and moving to another base commute: both ways give the same file, or both are refused. (The ways
 * back and round are asked for where the class table is made of whole objects, so that it is the
 * same in both, and free lists are words.) An image that is not turned is refused with a documented
 * status and a place. */
#include "fuzz_image.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/byte_order.h"
#include "imago/known_objects.h"
#include "imago/walk.h"

enum { TWICE, NORMALISED, PLACES, BRIDGES, HEADER, OBJECTS, DIGEST, COMMUTES, REFUSAL, NO_LEAK };
static const char *const oracles[] = {
    [TWICE] = "twice_is_identity", [NORMALISED] = "normalised_once",    [PLACES] = "segments_stay",
    [BRIDGES] = "bridges_stay",    [HEADER] = "header_stays",           [OBJECTS] = "objects_stay",
    [DIGEST] = "digest_stays",     [COMMUTES] = "commutes_with_rebase", [REFUSAL] = "refusal",
    [NO_LEAK] = "no_leak",
};
FUZZ_DECLARE_ORACLES("byte_swap", oracles);

/* rebuild.h */
static const fuzz_statuses documented =
    1u << IMAGO_ESTRUCTURE | 1u << IMAGO_ETRUNCATED | 1u << IMAGO_ERANGE | 1u << IMAGO_EUSAGE;

static imago_heap *
turn(fuzz_subject *subject, const imago_heap *heap)
{
	imago_rebuild_options options = {.layout = heap->layout};
	options.layout.byte_order = fuzz_other_order(heap->layout.byte_order);
	return fuzz_rebuild(subject, heap, &options);
}

static imago_heap *
move(fuzz_subject *subject, const imago_heap *heap, imago_addr base)
{
	const imago_rebuild_options options = {.set_base = true, .base = base};
	return fuzz_rebuild(subject, heap, &options);
}

static void
expect_same_places(const imago_heap *heap, const imago_heap *turned)
{
	FUZZ_ORACLE(PLACES, turned->layout.byte_order == fuzz_other_order(heap->layout.byte_order) &&
	                        turned->layout.word_bytes == heap->layout.word_bytes);
	FUZZ_ORACLE(PLACES, turned->num_segments == heap->num_segments);
	for (size_t i = 0; i < heap->num_segments; i++) {
		FUZZ_ORACLE(PLACES, turned->segments[i].start == heap->segments[i].start &&
		                        turned->segments[i].size == heap->segments[i].size &&
		                        turned->segments[i].space == heap->segments[i].space);
	}
	for (size_t i = 0; i < heap->num_segments; i++) {
		const imago_segment *from = &heap->segments[i];
		const imago_segment *to = &turned->segments[i];
		FUZZ_ORACLE(BRIDGES, to->bridge_size == from->bridge_size);
		for (uint64_t half = 0; half + 8 <= from->bridge_size; half += 8) {
			FUZZ_ORACLE(
			    BRIDGES,
			    imago_load_u64(to->bytes + to->size + half, turned->layout.byte_order) ==
			        imago_load_u64(from->bytes + from->size + half, heap->layout.byte_order));
		}
	}
	imago_image_header header = heap->header;
	header.flags ^= (header.flags ^ turned->header.flags) & IMAGO_FLAG_FLOATS_LOW_WORD_FIRST;
	header.old_base_address = heap->segments[0].start;
	FUZZ_ORACLE(HEADER, fuzz_same_header(&header, &turned->header));
}

/* Headers mean the same in both orders. */
static void
expect_same_objects(const imago_heap *heap, const imago_heap *turned)
{
	imago_walker walker;
	imago_walker walker_of_turned;
	imago_object object;
	imago_object other;
	imago_walk_init(&walker, heap, NULL);
	imago_walk_init(&walker_of_turned, turned, NULL);
	while (imago_walk_next(&walker, &object)) {
		FUZZ_ORACLE(OBJECTS, imago_walk_next(&walker_of_turned, &other));
		FUZZ_ORACLE(OBJECTS, object.oop == other.oop && object.chunk == other.chunk &&
		                         object.total_bytes == other.total_bytes &&
		                         object.num_slots == other.num_slots &&
		                         object.class_index == other.class_index &&
		                         object.class_oop == other.class_oop &&
		                         object.identity_hash == other.identity_hash &&
		                         object.format == other.format && object.bits == other.bits);
	}
	FUZZ_ORACLE(OBJECTS, !imago_walk_next(&walker_of_turned, &other));
	FUZZ_ORACLE(OBJECTS, walker.status == walker_of_turned.status);
}

static void
expect_same_meaning(fuzz_subject *subject, const imago_heap *turned)
{
	imago_digest before;
	imago_digest after;
	const imago_status status =
	    imago_digest_compute(&before, subject->heap, &subject->allocator, &subject->error);
	FUZZ_ORACLE(DIGEST, imago_digest_compute(&after, turned, &subject->allocator,
	                                         &subject->error) == status);
	if (status == IMAGO_OK) {
		FUZZ_ORACLE(DIGEST, fuzz_digest_equal(&before, &after));
	}
}

static void
expect_way_back(fuzz_subject *subject, const imago_heap *turned)
{
	imago_heap *back = turn(subject, turned);
	FUZZ_ORACLE(TWICE, back != NULL);
	if (back->header.flags == subject->heap->header.flags) {
		FUZZ_ORACLE(TWICE, fuzz_same_segments(subject->heap, back));
		FUZZ_ORACLE(TWICE, fuzz_same_file(subject->heap, back, subject->image.format));
	}
	imago_heap_destroy(back);
}

/* With the flag for Floats the other way round, the first turn may settle it; then nothing changes
 * any more. */
static void
expect_normalised(fuzz_subject *subject)
{
	imago_heap *heap = subject->heap;
	heap->header.flags ^= IMAGO_FLAG_FLOATS_LOW_WORD_FIRST;
	imago_heap *turned = turn(subject, heap);
	FUZZ_ORACLE(NORMALISED, turned != NULL);
	imago_heap *back = turn(subject, turned);
	FUZZ_ORACLE(NORMALISED, back != NULL);
	imago_heap *again = turn(subject, back);
	FUZZ_ORACLE(NORMALISED, again != NULL);
	FUZZ_ORACLE(NORMALISED, fuzz_same_file(turned, again, subject->image.format));
	imago_heap_destroy(again);
	imago_heap_destroy(back);
	imago_heap_destroy(turned);
	heap->header.flags ^= IMAGO_FLAG_FLOATS_LOW_WORD_FIRST;
}

static void
expect_commutes(fuzz_subject *subject, const imago_heap *turned)
{
	const imago_addr base = fuzz_choose_base(&subject->input, subject->heap);
	imago_heap *moved = move(subject, subject->heap, base);
	const imago_status status = subject->error.status;
	imago_heap *turned_moved = move(subject, turned, base);
	FUZZ_ORACLE(COMMUTES, subject->error.status == status);
	if (moved != NULL) {
		imago_heap *moved_turned = turn(subject, moved);
		FUZZ_ORACLE(COMMUTES, moved_turned != NULL);
		FUZZ_ORACLE(COMMUTES, fuzz_same_header(&turned_moved->header, &moved_turned->header));
		FUZZ_ORACLE(COMMUTES, !fuzz_same_classes(moved, moved_turned) ||
		                          fuzz_same_segments(turned_moved, moved_turned));
		imago_heap_destroy(moved_turned);
	}
	imago_heap_destroy(turned_moved);
	imago_heap_destroy(moved);
}

/* Moving takes the fourth object for the free lists, whatever it is: as bits of another width its
 * addresses do not survive turning. */
static bool
has_free_lists(const imago_heap *heap)
{
	imago_known_objects known;
	imago_known_objects_find(heap, &known);
	return known.free_lists.chunk == 0 || known.free_lists.body_kind == IMAGO_BODY_POINTERS ||
	       known.free_lists.body_kind ==
	           (heap->layout.word_bytes == 8 ? IMAGO_BODY_BITS64 : IMAGO_BODY_BITS32);
}

/* One of the questions that take another rebuild or two digests. */
static void
ask(fuzz_subject *subject, const imago_heap *turned)
{
	const uint32_t part = fuzz_choose_part(subject, 4);
	if (!fuzz_same_classes(subject->heap, turned)) {
		return;
	}
	switch (part) {
	case 0:
		expect_same_meaning(subject, turned);
		break;
	case 1:
		expect_way_back(subject, turned);
		break;
	case 2:
		expect_normalised(subject);
		break;
	default:
		if (has_free_lists(subject->heap)) {
			expect_commutes(subject, turned);
		}
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_subject subject;
	if (fuzz_subject_open(&subject, data, size)) {
		imago_heap *turned = turn(&subject, subject.heap);
		if (turned != NULL) {
			expect_same_places(subject.heap, turned);
			expect_same_objects(subject.heap, turned);
			ask(&subject, turned);
			imago_heap_destroy(turned);
		} else {
			fuzz_expect_refusal(&subject.error, subject.error.status, size, documented, REFUSAL);
		}
	}
	fuzz_subject_close(&subject, NO_LEAK);
	return 0;
}

/* permanent_layout.c: an image with its objects in permanent space.
 *
 * imago_arrange moves chunks and makes none, so what a layout adds (the dummy, fillers) is a
 * segment of its own in the heap that is arranged. */
#include "permanent_layout.h"

#include "imago/arrange.h"
#include "imago/checked.h"
#include "imago/permanent.h"
#include "imago/walk.h"

enum {
	UNIT = 8,
	ALIGNMENT = 16,
	DUMMY_BYTES = 16,
	LOW_START = 1 << 16, /* of old space, where the image's own start leaves no room */
};

/* Where a chunk goes: below its size, there is room for it. */
enum { TO_OLD, TO_PERM, TO_PERM_START, NUM_PLACES };

imago_status
permanent_require_spur(const imago_heap *heap, imago_error *error)
{
	if (heap->model != IMAGO_SPUR) {
		return imago_fail(error, IMAGO_EUNSUPPORTED, "a heap that is not Spur", IMAGO_NO_OFFSET, 0,
		                  0);
	}
	return heap->num_segments > 0
	           ? IMAGO_OK
	           : imago_fail(error, IMAGO_EUSAGE, "a heap without segments", IMAGO_NO_OFFSET, 0, 1);
}

imago_addr
permanent_perm_start(const imago_heap *heap)
{
	return heap->layout.word_bytes == 8 ? IMAGO_PERM_START_64 : IMAGO_PERM_START_32;
}

imago_addr
permanent_old_start(const imago_heap *heap, uint64_t size)
{
	imago_addr end = permanent_perm_start(heap) - IMAGO_BRIDGE_SIZE;
	imago_addr start = heap->segments[0].start & ~(imago_addr)(ALIGNMENT - 1);
	return start > 0 && start < end && size <= end - start ? start : LOW_START;
}

bool
permanent_is_dummy(const imago_heap *heap, const imago_object *object)
{
	const imago_segment *segment = &heap->segments[object->segment];
	return segment->space == IMAGO_SPACE_PERM && object->chunk == segment->start;
}

/* ---- From a plan to a heap. */

/* The heap's segments, borrowed, and one of added chunks behind. */
static imago_status
extend(imago_heap **out, const permanent_layout *layout, imago_allocator *allocator,
       imago_error *error)
{
	const imago_heap *heap = layout->heap;
	const imago_segment *last = &heap->segments[heap->num_segments - 1];
	imago_segment added = {.size = layout->added_size, .space = IMAGO_SPACE_PERM};
	imago_heap *extended;
	imago_status status = imago_heap_create(&extended, heap->model, heap->layout, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	extended->header = heap->header;
	extended->bridges = heap->bridges;
	for (size_t i = 0; i < heap->num_segments && status == IMAGO_OK; i++) {
		status = imago_heap_add_segment(extended, &heap->segments[i], error);
	}
	if (status == IMAGO_OK && added.size > 0) {
		uint8_t *bytes = imago_allocate(allocator, added.size, "added chunks", error);
		status = bytes != NULL ? imago_heap_own(extended, bytes, added.size, error) : IMAGO_ENOMEM;
		if (status != IMAGO_OK) {
			imago_release(allocator, bytes, added.size);
		} else {
			layout->fill(bytes, added.size, heap->layout, layout->class_index);
			added.bytes = bytes;
			(void)imago_checked_align_up(last->start + last->size + last->bridge_size, UNIT,
			                             &added.start);
			status = imago_heap_add_segment(extended, &added, error);
		}
	}
	if (status != IMAGO_OK) {
		imago_heap_destroy(extended);
		return status;
	}
	*out = extended;
	return IMAGO_OK;
}

static imago_status
arrange(imago_heap **out, const imago_heap *extended, const permanent_layout *layout,
        imago_allocator *allocator, imago_error *error)
{
	const imago_segment segments[] = {
	    {.start = permanent_old_start(layout->heap, layout->sizes[IMAGO_SPACE_OLD]),
	     .size = layout->sizes[IMAGO_SPACE_OLD],
	     .bridge_size = IMAGO_BRIDGE_SIZE},
	    {.start = permanent_perm_start(layout->heap),
	     .size = layout->sizes[IMAGO_SPACE_PERM],
	     .space = IMAGO_SPACE_PERM},
	};
	const imago_arrangement arrangement = {
	    .segments = segments,
	    .num_segments = layout->sizes[IMAGO_SPACE_PERM] > 0 ? 2 : 1,
	    .addresses = layout->addresses,
	    .num_chunks = layout->num_chunks,
	};
	imago_heap *made;
	imago_status status = imago_arrange(&made, extended, &arrangement, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	imago_put_last_bridge(made->segments[0].writable + made->segments[0].size, made->layout);
	status = imago_heap_refresh_header(made, error);
	if (status != IMAGO_OK) {
		imago_heap_destroy(made);
		return status;
	}
	*out = made;
	return IMAGO_OK;
}

imago_status
permanent_lay_out(imago_heap **out, const permanent_layout *layout, imago_allocator *allocator,
                  imago_error *error)
{
	imago_heap *extended;
	imago_status status = extend(&extended, layout, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	status = arrange(out, extended, layout, allocator, error);
	imago_heap_destroy(extended);
	return status;
}

/* ---- Everything permanent. */

static unsigned
place_of(const imago_heap *heap, const imago_object *object, uint64_t ordinal)
{
	if (permanent_is_dummy(heap, object)) {
		return TO_PERM_START;
	}
	bool stays = ordinal < PERMANENT_FIXED_OBJECTS || object->kind != IMAGO_OBJECT_ORDINARY ||
	             object->format == IMAGO_FORMAT_WEAK || object->format == IMAGO_FORMAT_EPHEMERON ||
	             (object->bits & IMAGO_BIT_PINNED) != 0;
	return stays ? TO_OLD : TO_PERM;
}

/* Each chunk's size and place take the place of its address, so that nothing is decoded twice. */
static imago_status
measure(permanent_layout *layout, uint64_t sizes[NUM_PLACES], imago_error *error)
{
	imago_walker walker;
	imago_object object;
	uint64_t ordinal = 0;
	imago_walk_init(&walker, layout->heap, error);
	while (imago_walk_next(&walker, &object)) {
		unsigned place = place_of(layout->heap, &object, ordinal);
		sizes[place] += object.total_bytes;
		layout->addresses[ordinal++] = object.total_bytes | place;
	}
	if (walker.status == IMAGO_OK && sizes[TO_PERM_START] == 0) {
		layout->added_size = sizes[TO_PERM_START] = DUMMY_BYTES;
		layout->addresses[ordinal++] = DUMMY_BYTES | TO_PERM_START;
	}
	layout->num_chunks = ordinal;
	return walker.status;
}

static void
assign(permanent_layout *layout, const uint64_t sizes[NUM_PLACES])
{
	layout->sizes[IMAGO_SPACE_OLD] = sizes[TO_OLD];
	layout->sizes[IMAGO_SPACE_PERM] = sizes[TO_PERM_START] + sizes[TO_PERM];
	imago_addr perm = permanent_perm_start(layout->heap);
	imago_addr next[NUM_PLACES] = {
	    [TO_OLD] = permanent_old_start(layout->heap, sizes[TO_OLD]),
	    [TO_PERM] = perm + sizes[TO_PERM_START],
	    [TO_PERM_START] = perm,
	};
	for (uint64_t i = 0; i < layout->num_chunks; i++) {
		uint64_t size = layout->addresses[i] & ~(uint64_t)(UNIT - 1);
		imago_addr *at = &next[layout->addresses[i] % UNIT];
		layout->addresses[i] = *at;
		*at += size;
	}
}

static void
fill_dummy(uint8_t *bytes, uint64_t size, imago_layout layout, uint32_t class_index)
{
	(void)size;
	imago_store_u64(bytes, class_index, layout.byte_order);
}

imago_status
imago_permanent_make(imago_heap **out, const imago_heap *heap, imago_allocator *allocator,
                     imago_error *error)
{
	permanent_layout layout = {
	    .heap = heap, .fill = fill_dummy, .class_index = IMAGO_CLASS_HIDDEN_ARRAY};
	uint64_t sizes[NUM_PLACES] = {0};
	imago_census census;
	imago_status status = permanent_require_spur(heap, error);
	if (status == IMAGO_OK) {
		status = imago_census_take(heap, &census, error);
	}
	if (status != IMAGO_OK) {
		return status;
	}
	uint64_t capacity = census.num_chunks + 1;
	layout.addresses = imago_allocate_array(allocator, capacity, sizeof *layout.addresses,
	                                        "addresses of chunks", error);
	if (layout.addresses == NULL) {
		return IMAGO_ENOMEM;
	}
	status = measure(&layout, sizes, error);
	if (status == IMAGO_OK) {
		assign(&layout, sizes);
		status = permanent_lay_out(out, &layout, allocator, error);
	}
	imago_release(allocator, layout.addresses, capacity * sizeof *layout.addresses);
	return status;
}

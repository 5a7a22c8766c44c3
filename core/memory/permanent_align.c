/* permanent_align.c: permanent objects 8 bytes off a multiple of 16, all others on one.
 *
 * Chunks lie back to back, and every second size is no multiple of 16: where the next header would
 * be off, a filler goes before it. */
#include "imago/known_objects.h"
#include "imago/permanent.h"
#include "imago/walk.h"
#include "permanent_layout.h"

enum {
	PERM_OFFSET = 8,
	FILLER_SLOTS = 2,
	SLOTS_SHIFT = 56,
	FORMAT_SHIFT = 24,
};

/* Goes over the heap twice: to count, then with addresses to fill in. */
typedef struct aligning {
	permanent_layout layout;
	uint64_t num_own; /* chunks of the heap */
	imago_alignment_cost cost;
	imago_error *error;
} aligning;

/* Free chunks are nobody's oops, and where permanent space begins a rule says. */
static bool
is_aligned(const imago_heap *heap, const imago_object *object)
{
	return object->kind != IMAGO_OBJECT_FREE && !permanent_is_dummy(heap, object);
}

static void
put(const aligning *run, uint64_t ordinal, imago_addr address)
{
	if (run->layout.addresses != NULL) {
		run->layout.addresses[ordinal] = address;
	}
}

static imago_status
place(aligning *run, imago_addr old_start)
{
	const imago_heap *heap = run->layout.heap;
	const imago_addr starts[] = {old_start, permanent_perm_start(heap)};
	imago_addr next[] = {starts[IMAGO_SPACE_OLD], starts[IMAGO_SPACE_PERM]};
	imago_walker walker;
	imago_object object;
	uint64_t ordinal = 0;
	run->cost = (imago_alignment_cost){.num_objects = 0};
	imago_walk_init(&walker, heap, run->error);
	for (; imago_walk_next(&walker, &object); ordinal++) {
		imago_space space = heap->segments[object.segment].space;
		imago_addr oop = next[space] + (object.oop - object.chunk);
		uint64_t wanted = space == IMAGO_SPACE_PERM ? PERM_OFFSET : 0;
		bool aligned = is_aligned(heap, &object);
		if (aligned && (oop & PERM_OFFSET) != wanted) {
			if (ordinal < PERMANENT_FIXED_OBJECTS) {
				return imago_fail(run->error, IMAGO_EUNSUPPORTED, "sizes of the first five objects",
				                  imago_heap_offset_of(heap, object.chunk), ordinal, 0);
			}
			put(run, run->num_own + run->cost.num_fillers++, next[space]);
			next[space] += IMAGO_ALIGNMENT_FILLER;
		}
		put(run, ordinal, next[space]);
		next[space] += object.total_bytes;
		run->cost.num_objects += aligned;
		run->cost.object_bytes += object.total_bytes;
	}
	run->num_own = ordinal;
	run->layout.num_chunks = ordinal + run->cost.num_fillers;
	for (size_t i = 0; i < 2; i++) {
		run->layout.sizes[i] = next[i] - starts[i];
	}
	return walker.status;
}

static void
fill_fillers(uint8_t *bytes, uint64_t size, imago_layout layout, uint32_t class_index)
{
	for (uint64_t at = 0; at < size; at += IMAGO_ALIGNMENT_FILLER) {
		uint64_t header = (uint64_t)FILLER_SLOTS << SLOTS_SHIFT |
		                  (uint64_t)IMAGO_FORMAT_BITS8 << FORMAT_SHIFT | class_index;
		imago_store_u64(bytes + at, header, layout.byte_order);
	}
}

/* Fillers are instances of an ordinary class, so that they may lie anywhere. */
static imago_status
find_class(aligning *run)
{
	const imago_heap *heap = run->layout.heap;
	imago_object cls = {.identity_hash = 0};
	imago_oop oop = imago_special_object_at(heap, IMAGO_SPECIAL_CLASS_BYTE_ARRAY);
	if (!imago_oop_is_pointer(heap->tagging, oop) ||
	    imago_heap_decode_object(heap, oop, &cls, NULL) != IMAGO_OK ||
	    cls.identity_hash < IMAGO_CLASS_FIRST_REAL) {
		return imago_fail(run->error, IMAGO_EUNSUPPORTED, "class ByteArray", IMAGO_NO_OFFSET, oop,
		                  0);
	}
	run->layout.class_index = cls.identity_hash;
	return IMAGO_OK;
}

static imago_status
require_wide(const imago_heap *heap, imago_error *error)
{
	imago_status status = permanent_require_spur(heap, error);
	if (status == IMAGO_OK && heap->layout.word_bytes != 8) {
		status = imago_fail(error, IMAGO_EUNSUPPORTED, "membership by alignment in 32 bits",
		                    IMAGO_NO_OFFSET, heap->layout.word_bytes, 8);
	}
	return status;
}

/* Counts, then lays out. What old space takes decides where it may start, and starts are multiples
 * of 16, so that it changes no filler. */
static imago_status
align(imago_heap **out, aligning *run, imago_allocator *allocator)
{
	imago_status status = place(run, 0);
	if (status != IMAGO_OK) {
		return status;
	}
	uint64_t num_chunks = run->layout.num_chunks;
	run->layout.added_size = run->cost.num_fillers * IMAGO_ALIGNMENT_FILLER;
	run->layout.addresses = imago_allocate_array(
	    allocator, num_chunks, sizeof *run->layout.addresses, "addresses of chunks", run->error);
	if (run->layout.addresses == NULL) {
		return IMAGO_ENOMEM;
	}
	status = place(run, permanent_old_start(run->layout.heap, run->layout.sizes[IMAGO_SPACE_OLD]));
	if (status == IMAGO_OK) {
		status = permanent_lay_out(out, &run->layout, allocator, run->error);
	}
	imago_release(allocator, run->layout.addresses, num_chunks * sizeof *run->layout.addresses);
	return status;
}

imago_status
imago_permanent_align(imago_heap **out, const imago_heap *heap, imago_alignment_cost *cost,
                      imago_allocator *allocator, imago_error *error)
{
	aligning run = {.layout = {.heap = heap, .fill = fill_fillers}, .error = error};
	imago_status status = require_wide(heap, error);
	if (status == IMAGO_OK) {
		status = find_class(&run);
	}
	if (status == IMAGO_OK) {
		status = align(out, &run, allocator);
	}
	if (status == IMAGO_OK && cost != NULL) {
		*cost = run.cost;
	}
	return status;
}

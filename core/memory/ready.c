/* ready.c: what object_memory_settle would change in a heap. */
#include "imago/ready.h"

#include <string.h>

#include "imago/bitmap.h"
#include "imago/class_table.h"
#include "imago/known_objects.h"
#include "pointer_marks.h"
#include "pointer_tags.h"

enum {
	MAX_FORWARDERS = 1024, /* in a row */
	CONTEXT_STACKP = 2,
	CONTEXT_FIXED = 6,
	NUM_STACKS = 3, /* mark stack, weakling stack, mourn queue */
	MOURN_QUEUE = 2,
	STACK_TOP = 0,
	STACK_FREE_LINK = 2,
	STACK_NEXT_LINK = 3,
	REMEMBERED_BIT = 29,
	FORMAT_SHIFT = 24,
	ROW = 64, /* words whose marks are one word */
	FIRST_CAPACITY = 256,
	MOST_FILTER_BITS = 26, /* 8 MiB */
};

typedef struct forwarder {
	imago_oop oop, target;
} forwarder;

typedef struct looking {
	const imago_heap *heap;
	imago_addr old_start;
	imago_oop nil, context_class;
	imago_class_table classes;
	forwarder *forwarders; /* ascending */
	uint64_t num_forwarders, capacity;
	imago_bitmap filter; /* of hashes of their oops: 16 bits or more for each */
	unsigned filter_shift;
	imago_find_pointers_fn *find_in;
	bool stopped;
	imago_unready_fn *see;
	void *payload;
} looking;

static void
tell(looking *at, imago_unready_kind kind, const imago_object *object, uint64_t slot,
     imago_oop found, imago_oop wanted)
{
	const imago_unready unready = {kind, *object, slot, found, wanted};
	at->stopped = at->stopped || !at->see(&unready, at->payload);
}

static imago_status
add_forwarder(looking *at, const imago_object *object, imago_allocator *allocator,
              imago_error *error)
{
	if (at->num_forwarders == at->capacity) {
		const uint64_t capacity = 2 * at->capacity + FIRST_CAPACITY;
		forwarder *grown = imago_resize(allocator, at->forwarders, at->capacity * sizeof *grown,
		                                capacity * sizeof *grown, "forwarders", error);
		if (grown == NULL) {
			return IMAGO_ENOMEM;
		}
		at->forwarders = grown;
		at->capacity = capacity;
	}
	imago_oop target = object->num_slots > 0 ? imago_heap_fetch_slot(at->heap, object, 0) : at->nil;
	at->forwarders[at->num_forwarders++] = (forwarder){object->oop, target};
	return IMAGO_OK;
}

/* Passes over plain objects, which are none, a block at a time. */
static imago_status
find_forwarders_in(looking *at, const imago_segment *segment, imago_allocator *allocator,
                   imago_error *error)
{
	imago_pointer_marks marks;
	imago_object object;
	uint64_t position = 0;
	imago_status status = IMAGO_OK;
	while (position < segment->size && status == IMAGO_OK) {
		imago_mark_pointers(at->heap, segment, position, &marks);
		if (marks.num_words > 0) {
			position += (uint64_t)marks.num_words * at->heap->layout.word_bytes;
			continue;
		}
		status = imago_heap_decode_chunk(at->heap, segment->start + position, &object, error);
		if (status == IMAGO_OK && object.kind == IMAGO_OBJECT_FORWARDER) {
			status = add_forwarder(at, &object, allocator, error);
		}
		position += status == IMAGO_OK ? object.total_bytes : 0;
	}
	return status;
}

static imago_status
find_forwarders(looking *at, imago_allocator *allocator, imago_error *error)
{
	imago_status status = IMAGO_OK;
	for (size_t i = 0; i < at->heap->num_segments && status == IMAGO_OK; i++) {
		status = find_forwarders_in(at, &at->heap->segments[i], allocator, error);
	}
	return status;
}

/* The bit of an oop. */
static uint64_t
filter_bit(const looking *at, imago_oop oop)
{
	return oop * UINT64_C(0x9e3779b97f4a7c15) >> at->filter_shift;
}

/* Nearly all slots lead to no forwarder, and one bit says so. */
static imago_status
make_filter(looking *at, imago_allocator *allocator, imago_error *error)
{
	unsigned bits = 6;
	while (bits < MOST_FILTER_BITS && UINT64_C(1) << bits < 16 * at->num_forwarders) {
		bits++;
	}
	at->filter_shift = 64 - bits;
	imago_status status = imago_bitmap_create(&at->filter, UINT64_C(1) << bits, allocator, error);
	for (uint64_t i = 0; i < at->num_forwarders && status == IMAGO_OK; i++) {
		imago_bitmap_set(&at->filter, filter_bit(at, at->forwarders[i].oop));
	}
	return status;
}

static const forwarder *
forwarder_at(const looking *at, imago_oop oop)
{
	uint64_t low = 0;
	uint64_t high = at->num_forwarders;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (at->forwarders[middle].oop < oop) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low < at->num_forwarders && at->forwarders[low].oop == oop ? &at->forwarders[low] : NULL;
}

static void
look_at_slots(looking *at, const imago_object *object)
{
	const imago_heap *heap = at->heap;
	const uint64_t num_slots = imago_heap_num_pointer_slots(heap, object);
	const uint8_t *slots = imago_object_bytes(heap, object);
	for (uint64_t i = 0; i < num_slots && !at->stopped; i++) {
		imago_oop found = imago_load_word(slots + i * heap->layout.word_bytes, heap->layout);
		if (IMAGO_LIKELY(!imago_bitmap_test(&at->filter, filter_bit(at, found)))) {
			continue;
		}
		const forwarder *next = forwarder_at(at, found);
		imago_oop meant = found;
		for (int steps = 0; next != NULL && steps < MAX_FORWARDERS; steps++) {
			meant = next->target;
			next = forwarder_at(at, meant);
		}
		if (meant != found || next != NULL) {
			tell(at, IMAGO_UNREADY_FORWARDER, object, i, found, next != NULL ? found : meant);
		}
	}
}

static void
look_at_context(looking *at, const imago_object *object)
{
	const imago_heap *heap = at->heap;
	if (object->num_slots < CONTEXT_FIXED ||
	    imago_class_of_object(&at->classes, object) != at->context_class) {
		return;
	}
	imago_oop stackp = imago_heap_fetch_slot(heap, object, CONTEXT_STACKP);
	if (imago_oop_kind_of(heap->tagging, stackp) != IMAGO_OOP_INTEGER) {
		return;
	}
	int64_t used = imago_oop_integer(heap->tagging, stackp);
	if (used < 0 || (uint64_t)used > object->num_slots - CONTEXT_FIXED) {
		return;
	}
	for (uint64_t i = CONTEXT_FIXED + (uint64_t)used; i < object->num_slots && !at->stopped; i++) {
		imago_oop found = imago_heap_fetch_slot(heap, object, i);
		if (found != at->nil) {
			tell(at, IMAGO_UNREADY_STALE, object, i, found, at->nil);
		}
	}
}

/* What the object memory takes for an object. */
static void
look_at(looking *at, const imago_object *object)
{
	if (object->kind != IMAGO_OBJECT_ORDINARY && object->class_index != IMAGO_CLASS_HIDDEN_ARRAY) {
		return;
	}
	if (at->num_forwarders > 0) {
		look_at_slots(at, object);
	}
	if (object->format == IMAGO_FORMAT_MIXED) {
		look_at_context(at, object);
	}
	if ((object->bits & IMAGO_BIT_REMEMBERED) != 0 && object->oop >= at->old_start) {
		tell(at, IMAGO_UNREADY_REMEMBERED, object, 0, 0, 1);
	}
}

static void
look_at_stack(looking *at, const imago_object *roots, uint64_t which)
{
	static const uint8_t emptied[] = {STACK_TOP, STACK_FREE_LINK, STACK_NEXT_LINK};
	const imago_heap *heap = at->heap;
	const uint64_t root = IMAGO_FIRST_PRIVATE_ROOT + which;
	imago_object page;
	if (root >= roots->num_slots) {
		return;
	}
	imago_oop oop = imago_heap_fetch_slot(heap, roots, root);
	if (oop == at->nil) {
		return;
	}
	if (imago_heap_decode_object(heap, oop, &page, NULL) != IMAGO_OK ||
	    page.num_slots <= STACK_NEXT_LINK) {
		tell(at, IMAGO_UNREADY_STACK, roots, root, oop, oop);
		return;
	}
	bool mourners = which == MOURN_QUEUE && imago_heap_fetch_slot(heap, &page, STACK_TOP) != 0;
	for (size_t i = 0; i < sizeof emptied / sizeof emptied[0]; i++) {
		imago_oop found = imago_heap_fetch_slot(heap, &page, emptied[i]);
		if (found != 0) {
			tell(at, IMAGO_UNREADY_STACK, &page, emptied[i], found, mourners ? found : 0);
		}
	}
}

/* The first word from a number on that may lead to a forwarder, among the slots of a block; the
 * block's number of words when there is none. */
static uint32_t
next_suspect(const looking *at, const uint8_t *words, const imago_pointer_marks *marks,
             uint32_t from)
{
	const imago_layout layout = at->heap->layout;
	for (uint32_t row = from / ROW; row * ROW < marks->num_words; row++) {
		uint64_t found =
		    at->find_in(words + (uint64_t)row * ROW * layout.word_bytes, marks->slots[row]);
		found &= row == from / ROW ? UINT64_MAX << from % ROW : UINT64_MAX;
		for (; found != 0; found &= found - 1) {
			const uint32_t word = row * ROW + (unsigned)__builtin_ctzll(found);
			const imago_oop oop =
			    imago_load_word(words + (uint64_t)word * layout.word_bytes, layout);
			if (imago_bitmap_test(&at->filter, filter_bit(at, oop))) {
				return word;
			}
		}
	}
	return marks->num_words;
}

/* Plain objects: only of contexts, remembered ones and suspects there may be something to tell. */
static imago_status
look_at_block(looking *at, const imago_segment *segment, uint64_t position,
              const imago_pointer_marks *marks, imago_error *error)
{
	const imago_layout layout = at->heap->layout;
	const uint8_t *words = segment->bytes + position;
	const bool any = at->num_forwarders > 0;
	uint32_t suspect = any ? next_suspect(at, words, marks, 0) : marks->num_words;
	for (uint32_t word = 0; word < marks->num_words && !at->stopped;) {
		const uint8_t *chunk = words + (uint64_t)word * layout.word_bytes;
		const uint64_t header = imago_load_u64(chunk, layout.byte_order);
		const uint32_t end =
		    word + (uint32_t)(imago_plain_chunk_bytes(chunk, layout) / layout.word_bytes);
		if (IMAGO_UNLIKELY(suspect < end || (header >> FORMAT_SHIFT & 31) == IMAGO_FORMAT_MIXED ||
		                   (header >> REMEMBERED_BIT & 1) != 0)) {
			imago_object object;
			imago_status status = imago_heap_decode_chunk(
			    at->heap, segment->start + position + (uint64_t)word * layout.word_bytes, &object,
			    error);
			if (status != IMAGO_OK) {
				return status;
			}
			look_at(at, &object);
			suspect = suspect < end ? next_suspect(at, words, marks, end) : suspect;
		}
		word = end;
	}
	return IMAGO_OK;
}

static imago_status
look_at_segment(looking *at, const imago_segment *segment, imago_error *error)
{
	imago_pointer_marks marks;
	imago_object object;
	uint64_t position = 0;
	imago_status status = IMAGO_OK;
	while (position < segment->size && status == IMAGO_OK && !at->stopped) {
		imago_mark_pointers(at->heap, segment, position, &marks);
		if (marks.num_words > 0) {
			status = look_at_block(at, segment, position, &marks, error);
			position += (uint64_t)marks.num_words * at->heap->layout.word_bytes;
			continue;
		}
		status = imago_heap_decode_chunk(at->heap, segment->start + position, &object, error);
		if (status == IMAGO_OK) {
			look_at(at, &object);
			position += object.total_bytes;
		}
	}
	return status;
}

static imago_status
look(looking *at, imago_allocator *allocator, imago_error *error)
{
	imago_known_objects known;
	imago_status status = find_forwarders(at, allocator, error);
	if (status == IMAGO_OK && at->num_forwarders > 0) {
		status = make_filter(at, allocator, error);
	}
	for (size_t i = 0; i < at->heap->num_segments && status == IMAGO_OK && !at->stopped; i++) {
		status = look_at_segment(at, &at->heap->segments[i], error);
	}
	if (status != IMAGO_OK) {
		return status;
	}
	imago_known_objects_find(at->heap, &known);
	for (uint64_t i = 0; i < NUM_STACKS && known.hidden_roots.chunk != 0 && !at->stopped; i++) {
		look_at_stack(at, &known.hidden_roots, i);
	}
	return IMAGO_OK;
}

imago_status
imago_ready_look(const imago_heap *heap, imago_addr old_start, imago_unready_fn *see, void *payload,
                 imago_allocator *allocator, imago_error *error)
{
	looking at = {
	    .heap = heap,
	    .old_start = old_start,
	    .nil = imago_heap_nil(heap),
	    .context_class = imago_special_object_at(heap, IMAGO_SPECIAL_CLASS_CONTEXT),
	    .see = see,
	    .payload = payload,
	    .find_in = imago_find_pointers_function(heap),
	};
	if (heap->model != IMAGO_SPUR) {
		return imago_fail(error, IMAGO_EUNSUPPORTED, "a heap that is not Spur", IMAGO_NO_OFFSET, 0,
		                  0);
	}
	imago_status status = imago_class_table_create(&at.classes, heap, allocator, error);
	if (status == IMAGO_OK) {
		status = look(&at, allocator, error);
	}
	imago_release(allocator, at.forwarders, at.capacity * sizeof *at.forwarders);
	imago_bitmap_release(&at.filter, allocator);
	imago_class_table_release(&at.classes);
	return status;
}

typedef struct making {
	imago_heap *heap;
	bool is_ready;
} making;

static void
forget(imago_heap *heap, imago_oop oop)
{
	uint8_t *at = imago_heap_writable_bytes(heap, oop, 8);
	if (at != NULL) {
		uint64_t header = imago_load_u64(at, heap->layout.byte_order);
		imago_store_u64(at, header & ~(UINT64_C(1) << REMEMBERED_BIT), heap->layout.byte_order);
	}
}

static bool
change(const imago_unready *unready, void *payload)
{
	const making *made = payload;
	if (unready->kind == IMAGO_UNREADY_REMEMBERED) {
		forget(made->heap, unready->object.oop);
	} else if (unready->wanted != unready->found) {
		imago_heap_store_slot(made->heap, &unready->object, unready->slot, unready->wanted);
	}
	return true;
}

static bool
/* NOLINTNEXTLINE(readability-non-const-parameter): others change what they see */
find_fault(const imago_unready *unready, void *payload)
{
	making *made = payload;
	(void)unready;
	made->is_ready = false;
	return false;
}

imago_status
imago_ready_make(bool *is_ready, imago_heap *heap, imago_addr old_start, imago_allocator *allocator,
                 imago_error *error)
{
	making made = {heap, true};
	for (size_t i = 0; i < heap->num_segments; i++) {
		if (heap->segments[i].writable == NULL) {
			return imago_fail(error, IMAGO_EUSAGE, "heap that cannot be written", IMAGO_NO_OFFSET,
			                  i, 0);
		}
	}
	imago_status status = imago_ready_look(heap, old_start, change, &made, allocator, error);
	if (status == IMAGO_OK) {
		status = imago_ready_look(heap, old_start, find_fault, &made, allocator, error);
	}
	if (status == IMAGO_OK) {
		*is_ready = made.is_ready;
	}
	return status;
}

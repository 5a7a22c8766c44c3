/* reduce.c: ever smaller or plainer images: segments, objects, slots, bodies, then bytes.
 *
 * Each proposal is one step on a copy of the best so far. Steps that remove are tried in halves,
 * quarters, … of what is there; after a pass that removed something comes another.
 */
#include <string.h>

#include "fix_up.h"
#include "imago/mutate.h"
#include "move.h"

typedef enum stage {
	STAGE_CUT,      /* bytes off the end, in halves: what no reader needs */
	STAGE_SEGMENTS, /* whole segments */
	STAGE_OBJECTS,  /* runs of objects */
	STAGE_BODIES,   /* all slots of an object, then half of them */
	STAGE_SLOTS,    /* slots to nil, an object at a time */
	STAGE_BITS,     /* bits bodies to zero */
	STAGE_REMOVE,   /* any bytes */
	STAGE_ZERO,     /* any bytes to zero */
	STAGE_END,
} stage;

enum { SMALLEST_BLOCK = 16, BODY_STEPS = 2 };

struct imago_reducer {
	uint8_t *best;
	uint8_t *candidate;
	size_t capacity; /* of both */
	size_t best_size;
	size_t candidate_size;
	size_t size_before_pass;
	stage stage;
	size_t granularity;
	size_t position;
	imago_allocator *allocator;
};

imago_status
imago_reducer_create(imago_reducer **out, const uint8_t *bytes, size_t size,
                     imago_allocator *allocator, imago_error *error)
{
	imago_reducer *r = imago_allocate(allocator, sizeof *r, "reducer", error);
	if (r == NULL) {
		return IMAGO_ENOMEM;
	}
	*r = (imago_reducer){.allocator = allocator, .capacity = size, .best_size = size};
	r->size_before_pass = size;
	r->best = imago_allocate(allocator, size, "reduced image", error);
	if (r->best != NULL) {
		r->candidate = imago_allocate(allocator, size, "reduced image", error);
	}
	if (r->candidate == NULL) {
		imago_reducer_destroy(r);
		return IMAGO_ENOMEM;
	}
	if (size > 0) {
		memcpy(r->best, bytes, size);
	}
	*out = r;
	return IMAGO_OK;
}

void
imago_reducer_destroy(imago_reducer *r)
{
	if (r != NULL) {
		imago_allocator *allocator = r->allocator;
		imago_release(allocator, r->best, r->capacity);
		imago_release(allocator, r->candidate, r->capacity);
		imago_release(allocator, r, sizeof *r);
	}
}

const uint8_t *
imago_reducer_best(const imago_reducer *r, size_t *size)
{
	*size = r->best_size;
	return r->best;
}

/* How many things a stage goes through, and in what portions at first. */
static size_t
count_of(const subject *s, stage which)
{
	switch (which) {
	case STAGE_CUT:
	case STAGE_REMOVE:
	case STAGE_ZERO:
		return s->size;
	case STAGE_SEGMENTS:
		return s->readable ? s->heap->num_segments : 0;
	case STAGE_BODIES:
		return s->readable ? BODY_STEPS * s->num_chunks : 0;
	default:
		return s->readable ? s->num_chunks : 0;
	}
}

static size_t
first_granularity(stage which, size_t count)
{
	const bool halving = which == STAGE_CUT || which == STAGE_OBJECTS || which == STAGE_REMOVE ||
	                     which == STAGE_ZERO;
	return halving && count > 1 ? count / 2 : 1;
}

static size_t
last_granularity(const imago_reducer *r)
{
	const bool bytes = r->stage == STAGE_CUT || r->stage == STAGE_REMOVE || r->stage == STAGE_ZERO;
	return bytes && r->best_size > 1024 ? SMALLEST_BLOCK : 1;
}

static bool
drop_segment(subject *s, size_t index)
{
	return s->heap->num_segments > 1 && index > 0 && s->format != IMAGO_FORMAT_COMPOSED &&
	       move_drop_segment(s, index);
}

/* The objects of a run of chunks, as far as they lie in one segment. Runs are counted from the end.
 */
static bool
drop_objects(subject *s, size_t position, size_t length)
{
	imago_object first;
	imago_object last;
	const size_t end = s->num_chunks - position;
	const size_t start = end > length ? end - length : 0;
	if (imago_heap_decode_chunk(s->heap, s->chunks[start].chunk, &first, NULL) != IMAGO_OK ||
	    imago_heap_decode_chunk(s->heap, s->chunks[end - 1].chunk, &last, NULL) != IMAGO_OK ||
	    first.segment != last.segment) {
		return false;
	}
	return move_resize(s, first.segment, first.chunk, last.chunk + last.total_bytes - first.chunk,
	                   0);
}

static bool
cut_body(subject *s, size_t position)
{
	imago_object object;
	if (imago_heap_decode_chunk(s->heap, s->chunks[position / BODY_STEPS].chunk, &object, NULL) !=
	    IMAGO_OK) {
		return false;
	}
	return move_cut(s, &object, position % BODY_STEPS == 0 ? 0 : object.num_slots / 2);
}

static bool
clear_slots(subject *s, size_t position)
{
	imago_object object;
	bool changed = false;
	if (imago_heap_decode_chunk(s->heap, s->chunks[position].chunk, &object, NULL) != IMAGO_OK ||
	    object.kind == IMAGO_OBJECT_FREE) {
		return false;
	}
	const imago_oop nil = imago_heap_nil(s->heap);
	const uint64_t num_slots = imago_heap_num_pointer_slots(s->heap, &object);
	for (uint64_t i = object.body_kind == IMAGO_BODY_METHOD ? 1 : 0; i < num_slots; i++) {
		changed = subject_store(s, &object, i, nil) || changed;
	}
	return changed;
}

/* True when a byte was not zero. */
static bool
clear(uint8_t *bytes, size_t size)
{
	bool changed = false;
	for (size_t i = 0; i < size; i++) {
		changed = changed || bytes[i] != 0;
	}
	memset(bytes, 0, size);
	return changed;
}

static bool
clear_bits(subject *s, size_t position)
{
	imago_object object;
	if (imago_heap_decode_chunk(s->heap, s->chunks[position].chunk, &object, NULL) != IMAGO_OK ||
	    (object.kind != IMAGO_OBJECT_FREE && s->chunks[position].kind != CHUNK_BITS)) {
		return false;
	}
	const uint64_t size = object.num_slots * subject_word(s);
	uint8_t *bytes = imago_heap_writable_bytes(s->heap, object.body, size);
	return size > 0 && bytes != NULL && clear(bytes, (size_t)size);
}

static bool
remove_bytes(subject *s, size_t at, size_t length)
{
	if (length > s->size - at) {
		length = s->size - at;
	}
	memmove(s->bytes + at, s->bytes + at + length, s->size - at - length);
	s->size -= length;
	return length > 0;
}

/* One step on the candidate; false where it changes nothing. */
static bool
take_step(imago_reducer *r, subject *s)
{
	const size_t at = r->position;
	switch (r->stage) {
	case STAGE_CUT: /* only the end: at is how much stays off the end already */
		if (at > 0) {
			return false;
		}
		return remove_bytes(s, s->size - (r->granularity < s->size ? r->granularity : s->size),
		                    r->granularity);
	case STAGE_SEGMENTS:
		return drop_segment(s, at);
	case STAGE_OBJECTS:
		return drop_objects(s, at, r->granularity);
	case STAGE_BODIES:
		return cut_body(s, at);
	case STAGE_SLOTS:
		return clear_slots(s, at);
	case STAGE_BITS:
		return clear_bits(s, at);
	case STAGE_REMOVE:
		return remove_bytes(s, at, r->granularity);
	default:
		return clear(s->bytes + at, r->granularity < s->size - at ? r->granularity : s->size - at);
	}
}

/* The next portion size, the next stage, or the next pass, once position has passed count. */
static void
next_round(imago_reducer *r)
{
	r->position = 0;
	if (r->granularity > last_granularity(r)) {
		r->granularity /= 2;
		return;
	}
	r->granularity = 0;
	r->stage++;
	if (r->stage == STAGE_END && r->best_size < r->size_before_pass) {
		r->size_before_pass = r->best_size;
		r->stage = STAGE_CUT;
	}
}

const uint8_t *
imago_reducer_propose(imago_reducer *r, size_t *size)
{
	while (r->stage != STAGE_END) {
		subject s;
		memcpy(r->candidate, r->best, r->best_size);
		subject_open(&s, r->candidate, r->best_size, r->capacity, 0);
		const size_t count = count_of(&s, r->stage);
		if (r->granularity == 0) {
			r->granularity = first_granularity(r->stage, count);
		}
		bool proposed = false;
		while (!proposed && r->position < count) {
			proposed = take_step(r, &s);
			if (!proposed) {
				r->position += r->granularity;
			}
		}
		r->candidate_size = s.size;
		subject_close(&s);
		if (proposed && r->candidate_size <= r->best_size) {
			*size = r->candidate_size;
			return r->candidate;
		}
		if (proposed) {
			r->position += r->granularity;
		} else {
			next_round(r);
		}
	}
	return NULL;
}

void
imago_reducer_answer(imago_reducer *r, bool still)
{
	if (!still) {
		r->position += r->granularity;
		return;
	}
	const bool smaller = r->candidate_size < r->best_size;
	uint8_t *best = r->candidate;
	r->candidate = r->best;
	r->best = best;
	r->best_size = r->candidate_size;
	/* What was behind the removed is at its place now; what was made plain is done. */
	if (!smaller || r->stage == STAGE_BODIES) {
		r->position += r->granularity;
	}
}

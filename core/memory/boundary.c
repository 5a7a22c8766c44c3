/* boundary.c: every word below a boundary that leads above it. */
#include "imago/boundary.h"

#include "imago/known_objects.h"
#include "imago/pointer_words.h"
#include "pointer_marks.h"
#include "pointers_across.h"

typedef struct proof {
	const imago_heap *heap;
	const imago_boundary *boundary;
	imago_pointers_across_fn *across;
	imago_addr free_lists;
	uint64_t place;     /* in the list of remembered objects */
	imago_addr last;    /* the object that the last word was found in … */
	bool is_remembered; /* … and whether it is in the list */
	bool stopped;
	imago_boundary_result result;
	imago_crossing_fn *see;
	void *payload;
	imago_error *error;
} proof;

static bool
is_remembered(proof *run, imago_oop oop)
{
	const imago_boundary *boundary = run->boundary;
	while (run->place < boundary->num_remembered && boundary->remembered[run->place] < oop) {
		run->place++;
	}
	return run->place < boundary->num_remembered && boundary->remembered[run->place] == oop;
}

static void
note(proof *run, const imago_object *object, uint64_t slot, imago_oop target)
{
	if (object->oop != run->last) {
		run->last = object->oop;
		run->is_remembered = is_remembered(run, object->oop);
		run->result.num_objects++;
		run->result.num_remembered += run->is_remembered;
	}
	run->result.num_words++;
	if (!run->is_remembered) {
		const imago_crossing crossing = {*object, slot, target};
		run->result.num_crossings++;
		run->stopped = run->see != NULL && !run->see(&crossing, run->payload);
	}
}

static void
look_at(proof *run, const imago_object *object)
{
	const imago_heap *heap = run->heap;
	if (object->kind == IMAGO_OBJECT_FREE) {
		return;
	}
	imago_word_runs words = imago_pointer_words_of(heap, run->free_lists, object);
	for (unsigned i = 0; i < words.num_runs; i++) {
		for (uint64_t k = words.runs[i].begin; k < words.runs[i].end && !run->stopped; k++) {
			uint64_t word = imago_heap_fetch_slot(heap, object, k);
			bool leads =
			    words.runs[i].kind != IMAGO_WORD_SLOT || imago_oop_is_pointer(heap->tagging, word);
			if (leads && word >= run->boundary->address) {
				note(run, object, k, word);
			}
		}
	}
}

/* One object at a time. *position ends behind it. */
static imago_status
step(proof *run, const imago_segment *area, uint64_t *position, imago_object *object)
{
	imago_status status =
	    imago_heap_decode_chunk(run->heap, area->start + *position, object, run->error);
	*position += status == IMAGO_OK ? object->total_bytes : 0;
	return status;
}

/* The plain objects of a block, of which some words lead across: found[i / 64] tells which. */
static imago_status
look_at_found(proof *run, const imago_segment *area, uint64_t position, const uint64_t *found,
              uint32_t num_rows)
{
	const imago_layout layout = run->heap->layout;
	const uint64_t block = position;
	imago_object object;
	uint64_t end = position; /* of the object, which is decoded once one of its words is found */
	for (uint32_t row = 0; row < num_rows; row++) {
		for (uint64_t bits = found[row]; bits != 0 && !run->stopped; bits &= bits - 1) {
			uint64_t word = (uint64_t)row * 64 + (unsigned)__builtin_ctzll(bits);
			uint64_t at = block + word * layout.word_bytes;
			if (end <= at) {
				do {
					position = end;
					end += imago_plain_chunk_bytes(area->bytes + position, layout);
				} while (end <= at);
				imago_status status = step(run, area, &position, &object);
				if (status != IMAGO_OK) {
					return status;
				}
			}
			uint64_t slot = (area->start + at - object.body) / layout.word_bytes;
			note(run, &object, slot, imago_heap_fetch_slot(run->heap, &object, slot));
		}
	}
	return IMAGO_OK;
}

static imago_status
look_at_block(proof *run, const imago_segment *area, uint64_t position,
              const imago_pointer_marks *marks)
{
	uint64_t found[IMAGO_MARK_CAPACITY / 64];
	const uint8_t *words = area->bytes + position;
	const uint64_t row_bytes = UINT64_C(64) * run->heap->layout.word_bytes;
	const uint32_t num_rows = (marks->num_words + 63) / 64;
	uint64_t any = 0;
	for (uint32_t row = 0; row < num_rows; row++) {
		found[row] =
		    run->across(words + row * row_bytes, marks->slots[row], run->boundary->address);
		any |= found[row];
	}
	return any == 0 ? IMAGO_OK : look_at_found(run, area, position, found, num_rows);
}

static imago_status
look_at_segment(proof *run, const imago_segment *area)
{
	imago_pointer_marks marks;
	imago_object object;
	uint64_t position = 0;
	imago_status status = IMAGO_OK;
	while (position < area->size && status == IMAGO_OK && !run->stopped) {
		imago_mark_pointers(run->heap, area, position, &marks);
		if (marks.num_words > 0) {
			status = look_at_block(run, area, position, &marks);
			position += (uint64_t)marks.num_words * run->heap->layout.word_bytes;
			continue;
		}
		status = step(run, area, &position, &object);
		if (status == IMAGO_OK) {
			look_at(run, &object);
		}
	}
	return status;
}

imago_status
imago_boundary_prove(imago_boundary_result *out, const imago_heap *heap,
                     const imago_boundary *boundary, imago_crossing_fn *see, void *payload,
                     imago_error *error)
{
	imago_known_objects known;
	imago_status status = IMAGO_OK;
	if (heap->model != IMAGO_SPUR) {
		return imago_fail(error, IMAGO_EUNSUPPORTED, "a heap that is not Spur", IMAGO_NO_OFFSET, 0,
		                  0);
	}
	imago_known_objects_find(heap, &known);
	proof run = {
	    .heap = heap,
	    .boundary = boundary,
	    .across = imago_pointers_across_function(heap),
	    .free_lists = known.free_lists.oop,
	    .see = see,
	    .payload = payload,
	    .error = error,
	};
	for (size_t i = 0; i < heap->num_segments && status == IMAGO_OK && !run.stopped; i++) {
		imago_segment area = heap->segments[i];
		if (area.start >= boundary->address) {
			break;
		}
		uint64_t below = boundary->address - area.start;
		area.size = area.size < below ? area.size : below;
		status = look_at_segment(&run, &area);
	}
	if (status == IMAGO_OK) {
		*out = run.result;
	}
	return status;
}

/* session: a work on an image, step by step, beside a model of it.
 *
 * An image without errors is loaded, or, from other bytes, one is built with objects that the bytes
 * describe. Then up to 8 steps, chosen by the tail: set a header field, retarget a slot, store an
 * integer, store an element, move the heap (by copy, or in place), turn the byte order, split or
 * join segments, save in the other container, do nothing. Each is done on the image by the library
 * and on the model by hand (session_model.h shares no code with it). After each step the image is
 * saved to memory: what the model's own reader finds there is what the model says, the library
 * reads it back, walks it and fetches just these slots, and writes it again byte for byte. A step
 * that changes no object keeps the digest; one that is refused has a documented status, and changed
 * nothing. */
#include <stdio.h>

#include "fuzz_decisions.h"
#include "fuzz_image.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/swizzle.h"
#include "imago/walk.h"
#include "session_build.h"
#include "session_model.h"

enum {
	PARSED,
	MODEL,
	BUILT,
	WALKED,
	RELOADED,
	SAVED_AGAIN,
	DIGEST,
	REFUSED,
	NO_LEAK,
};
static const char *const oracles[] = {
    [PARSED] = "saved_is_understood_by_the_model",
    [MODEL] = "saved_is_what_the_model_says",
    [BUILT] = "built_is_what_was_asked_for",
    [WALKED] = "reloaded_is_what_the_model_says",
    [RELOADED] = "saved_is_read_back",
    [SAVED_AGAIN] = "saved_again_is_the_same",
    [DIGEST] = "same_objects_same_digest",
    [REFUSED] = "refusal_is_documented_and_changes_nothing",
    [NO_LEAK] = "no_leak",
};
FUZZ_DECLARE_ORACLES("session", oracles);

enum { MAX_STEPS = 8, ATTEMPTS = 16 };

typedef struct session {
	fuzz_decisions choices;
	imago_allocator allocator;
	imago_error error;
	imago_heap *heap; /* may be written to */
	imago_format_id format;
	session_image model;
	fuzz_output saved;
	bool keeps_digest; /* the step at hand changed no object */
} session;

/* Prints where model and image part, for whoever has to find out why. */
static bool
agree(const session_image *model, const session_image *found)
{
	const char *what = "";
	size_t number = 0;
	bool equal = session_equal(model, found, &what, &number);
	if (!equal) {
		fprintf(stderr, "session: they part at number %zu: %s\n", number, what);
	}
	return equal;
}

/* What the image file of the heap says, by the model's own reader. */
static void
look_at_saved(session *at)
{
	session_image found;
	FUZZ_ORACLE(PARSED,
	            session_parse(&found, at->saved.writer.bytes, (size_t)at->saved.writer.size));
	if (at->model.objects != NULL) {
		FUZZ_ORACLE(MODEL, agree(&at->model, &found));
		session_release(&at->model);
	}
	at->model = found;
}

/* The library's walk over what it read back, against the model. */
static void
look_at_reloaded(const session *at, const imago_heap *heap)
{
	imago_walker walker;
	imago_object object;
	size_t number = 0;
	imago_walk_init(&walker, heap, NULL);
	while (imago_walk_next(&walker, &object)) {
		if (object.kind == IMAGO_OBJECT_FREE) {
			continue;
		}
		FUZZ_ORACLE(WALKED, number < at->model.num_objects);
		const session_object *expected = &at->model.objects[number++];
		FUZZ_ORACLE(WALKED, object.oop == expected->address);
		FUZZ_ORACLE(WALKED, object.num_slots == expected->num_slots);
		FUZZ_ORACLE(WALKED, object.identity_hash == expected->hash);
		FUZZ_ORACLE(WALKED, imago_heap_num_pointer_slots(heap, &object) == expected->num_values);
		for (size_t i = 0; i < expected->num_values; i++) {
			if (expected->values[i].kind != SESSION_ELSEWHERE) {
				FUZZ_ORACLE(WALKED, imago_heap_fetch_slot(heap, &object, i) ==
				                        session_word(&at->model, expected->values[i]));
			}
		}
	}
	FUZZ_ORACLE(WALKED, walker.status == IMAGO_OK && number == at->model.num_objects);
}

/* Takes the heap that was read back, to go on with. */
static void
replace_heap(session *at, const imago_heap *heap)
{
	imago_heap *copy = fuzz_copy(heap, &at->allocator);
	imago_heap_destroy(at->heap);
	at->heap = copy;
}

/* What a container cannot express, such as old space where a folder has its permanent space, is
 * refused when it is saved: back to what was saved last. */
static void
return_to_saved(session *at, imago_status status)
{
	imago_image image;
	FUZZ_ORACLE(REFUSED, status == IMAGO_EUNSUPPORTED && at->format == IMAGO_FORMAT_COMPOSED);
	FUZZ_ORACLE(RELOADED, imago_image_read(&image, at->saved.writer.bytes, at->saved.writer.size,
	                                       &at->allocator, &at->error) == IMAGO_OK);
	replace_heap(at, image.heap);
	imago_image_close(&image);
	session_release(&at->model);
	FUZZ_ASSERT(session_parse(&at->model, at->saved.writer.bytes, (size_t)at->saved.writer.size));
}

/* Saves, looks, reloads. False when it could not be saved. */
static bool
save_and_reload(session *at)
{
	imago_image image;
	fuzz_output output;
	const imago_status status = fuzz_output_try(&output, at->heap, at->format);
	if (status != IMAGO_OK) {
		fuzz_output_release(&output);
		return_to_saved(at, status);
		return false;
	}
	fuzz_output_release(&at->saved);
	at->saved = output;
	at->saved.writer.allocator = &at->saved.allocator;
	at->saved.writer.error = &at->saved.error;
	look_at_saved(at);
	FUZZ_ORACLE(RELOADED, imago_image_read(&image, at->saved.writer.bytes, at->saved.writer.size,
	                                       &at->allocator, &at->error) == IMAGO_OK);
	FUZZ_ORACLE(RELOADED, image.format == at->format);
	look_at_reloaded(at, image.heap);
	fuzz_output again;
	fuzz_output_write(&again, image.heap, at->format);
	FUZZ_ORACLE(SAVED_AGAIN, fuzz_output_equal(&again, &at->saved));
	fuzz_output_release(&again);
	if (at->keeps_digest) {
		FUZZ_ORACLE(DIGEST, fuzz_same_digest(at->heap, image.heap));
	}
	replace_heap(at, image.heap);
	imago_image_close(&image);
	return true;
}

/* Steps that store: an object that is no one's business but the image's. */

/* The special objects and the compact classes say what others are; hidden objects are the VM's. */
static bool
may_be_changed(const session_image *model, size_t number)
{
	const session_object *object = &model->objects[number];
	if (object->is_hidden || number == model->specials || (!model->v3 && number < 5)) {
		return false;
	}
	const session_object *specials = &model->objects[model->specials];
	const size_t compact = 28;
	return !model->v3 || specials->num_values <= compact ||
	       specials->values[compact].kind != SESSION_OBJECT ||
	       specials->values[compact].number != number;
}

/* The first slot that may be stored to: code begins with its header. */
static size_t
first_slot(const session_image *model, const session_object *object)
{
	return object->format >= (model->v3 ? 12 : 24) ? 1 : 0;
}

/* An object with a slot to store to, and the slot; false when luck would have it otherwise. */
static bool
choose_slot(session *at, size_t *number, size_t *slot)
{
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		*number = fuzz_decide(&at->choices, 65536) % at->model.num_objects;
		const session_object *object = &at->model.objects[*number];
		size_t first = first_slot(&at->model, object);
		if (may_be_changed(&at->model, *number) && object->num_values > first) {
			*slot = first + fuzz_decide(&at->choices, 65536) % (object->num_values - first);
			return true;
		}
	}
	return false;
}

static void
store(session *at, size_t number, size_t slot, session_value value)
{
	imago_object object;
	session_object *changed = &at->model.objects[number];
	const uint64_t word = session_word(&at->model, value);
	FUZZ_ORACLE(WALKED, imago_heap_decode_object(at->heap, changed->address, &object, &at->error) ==
	                        IMAGO_OK);
	imago_heap_store_slot(at->heap, &object, slot, word);
	changed->values[slot] = value;
}

static void
retarget_slot(session *at)
{
	size_t number, slot;
	if (choose_slot(at, &number, &slot)) {
		session_value target = {SESSION_OBJECT,
		                        fuzz_decide(&at->choices, 65536) % at->model.num_objects};
		if (!at->model.objects[target.number].is_hidden) {
			store(at, number, slot, target);
		}
	}
}

/* By hand, as spur.md §7 and v3.md §3 have it: 1 in the lowest bit, or 001 in three. */
static void
store_integer(session *at)
{
	size_t number, slot;
	if (choose_slot(at, &number, &slot)) {
		uint64_t low = fuzz_decide(&at->choices, 65536);
		uint64_t value = (uint64_t)fuzz_decide(&at->choices, 65536) << 16 | low;
		if (fuzz_decide(&at->choices, 2) != 0) {
			value = ~value;
		}
		uint64_t word = at->model.word == 8 ? value << 3 | 1 : (value << 1 | 1) & UINT32_MAX;
		store(at, number, slot, (session_value){SESSION_PLAIN, word});
	}
}

/* A byte of a body of bytes, or of code behind its literals. */
static void
store_element(session *at)
{
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		size_t number = fuzz_decide(&at->choices, 65536) % at->model.num_objects;
		session_object *object = &at->model.objects[number];
		bool has_bytes = object->format >= (at->model.v3 ? 8 : 16) && object->num_bytes > 0;
		if (has_bytes && may_be_changed(&at->model, number)) {
			size_t index = fuzz_decide(&at->choices, 65536) % object->num_bytes;
			uint8_t value = (uint8_t)fuzz_decide(&at->choices, 256);
			uint64_t body = object->address + (at->model.v3 ? 4 : 8);
			uint64_t place = body + object->num_values * at->model.word + index;
			uint8_t *byte = imago_heap_writable_bytes(at->heap, place, 1);
			FUZZ_ORACLE(WALKED, byte != NULL && *byte == object->bytes[index]);
			*byte = value;
			object->bytes[index] = value;
			return;
		}
	}
}

/* Fields that say nothing about where and what the objects are. */
static void
set_field(session *at)
{
	static const size_t settable[] = {5, 6, 7, 8, 9, 10, 11, 12, 13};
	const size_t field = settable[fuzz_decide(&at->choices, sizeof settable / sizeof settable[0])];
	const unsigned bits = 8 * session_field_width(&at->model, field);
	const uint64_t before = at->model.fields[field];
	uint64_t value = (uint64_t)fuzz_decide(&at->choices, 65536) << 48;
	value |= value >> 24 | value >> 48;
	value = bits == 64 ? value : value & ((UINT64_C(1) << bits) - 1);
	if (field == 7) { /* how floats are stored is not for a header to decide */
		value = (value & ~(uint64_t)2) | (before & 2);
	}
	imago_header_set(&at->heap->header, field, value);
	fuzz_output output;
	const imago_status status = fuzz_output_try(&output, at->heap, at->format);
	fuzz_output_release(&output);
	if (status == IMAGO_OK) {
		at->model.fields[field] = value;
	} else { /* wider than the text of a folder has it */
		FUZZ_ORACLE(REFUSED, status == IMAGO_EUNSUPPORTED && at->format == IMAGO_FORMAT_COMPOSED);
		imago_header_set(&at->heap->header, field, before);
	}
}

/* Steps that make the same objects anew. */

static bool
take_rebuilt(session *at, const imago_rebuild_options *options)
{
	imago_heap *made = NULL;
	const imago_status status =
	    imago_rebuild(&made, at->heap, options, &at->allocator, NULL, &at->error);
	if (status != IMAGO_OK) {
		FUZZ_ORACLE(REFUSED, status == IMAGO_ERANGE || status == IMAGO_EALIGN ||
		                         status == IMAGO_EUNSUPPORTED);
		FUZZ_ORACLE(REFUSED, made == NULL);
		return false;
	}
	imago_heap_destroy(at->heap);
	at->heap = made;
	return true;
}

static void
turn_byte_order(session *at)
{
	imago_rebuild_options options = {.layout = at->heap->layout};
	options.layout.byte_order = fuzz_other_order(options.layout.byte_order);
	if (take_rebuilt(at, &options)) {
		at->model.big = !at->model.big;
	}
}

static imago_addr
choose_base(session *at)
{
	return (imago_addr)fuzz_decide(&at->choices, 65536) << fuzz_decide(&at->choices, 32);
}

static void
move_by_copy(session *at)
{
	const imago_rebuild_options options = {.set_base = true, .base = choose_base(at)};
	(void)take_rebuilt(at, &options);
}

static void
move_in_place(session *at)
{
	const imago_swizzle_options options = {.simd = IMAGO_SIMD_BEST};
	const imago_status status = imago_swizzle(at->heap, choose_base(at), &options, &at->error);
	if (status != IMAGO_OK) {
		FUZZ_ORACLE(REFUSED, status == IMAGO_ERANGE || status == IMAGO_EALIGN);
	}
}

static void
split_segments(session *at)
{
	const imago_rebuild_options options = {.num_segments = 1 + fuzz_decide(&at->choices, 5),
	                                       .gap = (uint64_t)fuzz_decide(&at->choices, 4096) * 8};
	(void)take_rebuilt(at, &options);
}

/* A folder's text may hold a number that is wider than a file's field. */
static bool
has_wide_field(const session_image *model)
{
	for (size_t i = 0; i < SESSION_NUM_FIELDS; i++) {
		const unsigned width = session_field_width(model, i);
		if (model->has_field[i] && width < 8 && model->fields[i] >> 8 * width != 0) {
			return true;
		}
	}
	return false;
}

static void
change_container(session *at)
{
	fuzz_output output;
	const imago_format_id other =
	    at->format == IMAGO_FORMAT_SPUR ? IMAGO_FORMAT_COMPOSED : IMAGO_FORMAT_SPUR;
	const imago_status status = fuzz_output_try(&output, at->heap, other);
	fuzz_output_release(&output);
	if (status == IMAGO_OK) {
		at->format = other;
		at->model.has_field[6] = false; /* a folder has no savedWindowSize */
	} else {
		FUZZ_ORACLE(REFUSED, status == IMAGO_EUNSUPPORTED ||
		                         (status == IMAGO_ERANGE && has_wide_field(&at->model)));
	}
}

static void
do_nothing(session *at)
{
	(void)at;
}

typedef struct step {
	void (*take)(session *at);
	bool spur_only;
	bool keeps_digest;
} step;

static const step steps[] = {
    {set_field, false, true},       {retarget_slot, false, false}, {store_integer, false, false},
    {store_element, false, false},  {move_by_copy, false, true},   {move_in_place, false, true},
    {turn_byte_order, false, true}, {split_segments, true, true},  {change_container, true, true},
    {do_nothing, false, true},
};

/* The digest is of what can be reached; after stores it may have none, and then keeps having none.
 */
static bool
digest_of(session *at, imago_digest *digest)
{
	return imago_digest_compute(digest, at->heap, &at->allocator, &at->error) == IMAGO_OK;
}

static void
take_steps(session *at)
{
	const uint32_t num_steps = 1 + fuzz_decide(&at->choices, MAX_STEPS);
	at->keeps_digest = true;
	(void)save_and_reload(at);
	for (uint32_t i = 0; i < num_steps; i++) {
		imago_digest before, after;
		const step *chosen = &steps[fuzz_decide(&at->choices, sizeof steps / sizeof steps[0])];
		if (chosen->spur_only && at->heap->model != IMAGO_SPUR) {
			continue;
		}
		const bool has_digest = chosen->keeps_digest && digest_of(at, &before);
		chosen->take(at);
		at->keeps_digest = has_digest;
		if (save_and_reload(at) && has_digest) {
			FUZZ_ORACLE(DIGEST, digest_of(at, &after) && fuzz_digest_equal(&before, &after));
		}
	}
}

/* The model's reader finds every object where the builder said, with what was stored in it. */
static void
look_at_built(const session *at, const built_object *objects, size_t num_objects)
{
	for (size_t i = 0; i < num_objects; i++) {
		const size_t number = session_find(&at->model, objects[i].oop);
		FUZZ_ORACLE(BUILT, number < at->model.num_objects);
		const session_object *found = &at->model.objects[number];
		FUZZ_ORACLE(BUILT, objects[i].num_slots ==
		                       (objects[i].is_bytes ? found->num_bytes : found->num_values));
		for (uint64_t slot = 0; slot < objects[i].num_slots; slot++) {
			uint64_t word = objects[i].is_bytes ? found->bytes[slot]
			                                    : session_word(&at->model, found->values[slot]);
			FUZZ_ORACLE(BUILT, word == objects[i].slots[slot]);
		}
	}
}

static void
build(session *at)
{
	built_object objects[SESSION_MAX_BUILT];
	const size_t num_objects = session_build(&at->heap, objects, &at->choices, &at->allocator);
	at->format = at->heap->model == IMAGO_SPUR ? IMAGO_FORMAT_SPUR : IMAGO_FORMAT_V3;
	fuzz_output_write(&at->saved, at->heap, at->format);
	look_at_saved(at);
	look_at_built(at, objects, num_objects);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_subject subject;
	session at = {.choices = fuzz_decisions_of(data, size)};
	imago_allocator_init(&at.allocator, IMAGO_UNLIMITED);
	const bool is_image = fuzz_subject_open(&subject, data, size);
	if (!is_image) {
		build(&at);
	} else if (!fuzz_is_layered(&subject.image) && fuzz_check(&subject.image).num_errors == 0) {
		at.heap = fuzz_copy(subject.heap, &at.allocator);
		at.format = subject.image.format;
		fuzz_output_write(&at.saved, at.heap, at.format);
		look_at_saved(&at);
	}
	if (at.heap != NULL) {
		take_steps(&at);
		session_release(&at.model);
		fuzz_output_release(&at.saved);
		imago_heap_destroy(at.heap);
	}
	FUZZ_ORACLE(NO_LEAK, at.allocator.used == 0);
	fuzz_subject_close(&subject, NO_LEAK);
	return 0;
}

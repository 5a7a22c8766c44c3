/* ruled.c: the objects that rules speak of. */
#include "ruled.h"

#include <stdlib.h>

#include "imago/class_table.h"

enum {
	CLASS_SUPERCLASS,
	CLASS_DICTIONARY,
	CLASS_FORMAT,
	DICTIONARY_VALUES = 1,
	MOST_SUPERCLASSES = 64,
	LEAST_RULED = 256,
	MAX_TRIES = 12,
	NUM_SEEN = 256, /* a power of two */
};

/* Classes looked at already, the last of each hash: forgetting one costs time, nothing else. */
typedef struct seen_classes {
	imago_oop oops[NUM_SEEN];
} seen_classes;

static bool
see(seen_classes *seen, imago_oop oop)
{
	imago_oop *place = &seen->oops[(oop >> 3) % NUM_SEEN];
	const bool again = *place == oop;
	*place = oop;
	return again;
}

static void
note(subject *s, imago_oop oop)
{
	if (s->num_ruled == s->ruled_capacity) {
		const size_t capacity = s->ruled_capacity == 0 ? LEAST_RULED : s->ruled_capacity * 2;
		imago_oop *grown = imago_resize(&s->allocator, s->ruled, s->ruled_capacity * sizeof *grown,
		                                capacity * sizeof *grown, "ruled objects", NULL);
		if (grown == NULL) {
			return;
		}
		s->ruled = grown;
		s->ruled_capacity = capacity;
	}
	s->ruled[s->num_ruled++] = oop;
}

/* The object in a slot, noted; false for everything else. */
static bool
note_slot(subject *s, const imago_object *object, uint64_t slot, imago_object *out)
{
	const imago_oop oop = subject_fetch(s, object, slot);
	if (!imago_oop_is_pointer(s->heap->tagging, oop) ||
	    imago_heap_decode_object(s->heap, oop, out, NULL) != IMAGO_OK) {
		return false;
	}
	note(s, oop);
	return out->body_kind == IMAGO_BODY_POINTERS;
}

/* A class, its dictionary, its superclasses; of a metaclass, the class that it knows. */
static void
note_class(subject *s, seen_classes *seen, imago_oop oop)
{
	static const uint8_t this_class[] = {3, 5, 6};
	imago_object cls;
	imago_object other;
	for (int i = 0; i < MOST_SUPERCLASSES; i++) {
		if (see(seen, oop) || imago_heap_decode_object(s->heap, oop, &cls, NULL) != IMAGO_OK ||
		    !imago_class_shape_of(s->heap, &cls).is_class) {
			return;
		}
		note(s, oop);
		if (note_slot(s, &cls, CLASS_DICTIONARY, &other)) {
			(void)note_slot(s, &other, DICTIONARY_VALUES, &other);
		}
		for (size_t k = 0; i == 0 && k < sizeof this_class; k++) {
			if (this_class[k] < cls.num_slots && note_slot(s, &cls, this_class[k], &other) &&
			    note_slot(s, &other, CLASS_DICTIONARY, &other)) {
				(void)note_slot(s, &other, DICTIONARY_VALUES, &other);
			}
		}
		oop = subject_fetch(s, &cls, CLASS_SUPERCLASS);
		if (oop == imago_heap_nil(s->heap)) {
			return;
		}
	}
}

static void
note_class_table(subject *s, seen_classes *seen)
{
	imago_object roots;
	imago_object page;
	const imago_oop nil = imago_heap_nil(s->heap);
	if (!subject_hidden_roots(s, &roots)) {
		return;
	}
	for (uint64_t i = 0; i < IMAGO_CLASS_MAX_PAGES; i++) {
		const imago_oop oop = subject_fetch(s, &roots, i);
		if (oop == nil || imago_heap_decode_object(s->heap, oop, &page, NULL) != IMAGO_OK ||
		    page.num_slots != IMAGO_CLASS_PAGE_SIZE) {
			return;
		}
		for (uint64_t k = 0; k < page.num_slots; k++) {
			const imago_oop cls = subject_fetch(s, &page, k);
			if (cls != nil) {
				note_class(s, seen, cls);
			}
		}
	}
}

/* V3: the classes that class words and compact indices name. */
static void
note_class_words(subject *s, seen_classes *seen)
{
	imago_object object;
	imago_oop last = 0;
	for (size_t i = 0; i < s->num_chunks; i++) {
		if (imago_heap_decode_chunk(s->heap, s->chunks[i].chunk, &object, NULL) == IMAGO_OK &&
		    object.class_oop != 0 && object.class_oop != last) {
			last = object.class_oop;
			note_class(s, seen, last);
		}
	}
}

static void
note_all_slots(subject *s, const imago_object *array)
{
	imago_object object;
	for (uint64_t i = 0; i < array->num_slots && i < IMAGO_CLASS_PAGE_SIZE; i++) {
		(void)note_slot(s, array, i, &object);
	}
}

/* Association, scheduler, queues and the processes in them. */
static void
note_scheduler(subject *s, const imago_object *association)
{
	imago_object scheduler;
	imago_object lists;
	imago_object object;
	if (!note_slot(s, association, 1, &scheduler)) {
		return;
	}
	(void)note_slot(s, &scheduler, 1, &object);
	if (!note_slot(s, &scheduler, 0, &lists)) {
		return;
	}
	for (uint64_t i = 0; i < lists.num_slots; i++) {
		if (note_slot(s, &lists, i, &object)) {
			for (size_t steps = 0; steps < s->num_chunks && note_slot(s, &object, 0, &object);) {
				steps++;
			}
		}
	}
}

static void
note_specials(subject *s, seen_classes *seen)
{
	imago_object specials;
	imago_object object;
	if (imago_special_objects_find(s->heap, &specials, NULL) != IMAGO_OK) {
		return;
	}
	note(s, specials.oop);
	for (uint64_t i = 0; i < specials.num_slots && i < IMAGO_NUM_SPECIALS; i++) {
		if (i == IMAGO_SPECIAL_EXTERNAL_OBJECTS || !note_slot(s, &specials, i, &object)) {
			continue;
		}
		if (i == IMAGO_SPECIAL_SCHEDULER_ASSOCIATION) {
			note_scheduler(s, &object);
		} else if (!subject_is_spur(s) && i == IMAGO_SPECIAL_CHARACTER_TABLE) {
			note_all_slots(s, &object);
		} else if (!subject_is_spur(s) && i == IMAGO_SPECIAL_COMPACT_CLASSES) {
			for (uint64_t k = 0; k < object.num_slots && k < IMAGO_COMPACT_CLASSES; k++) {
				note_class(s, seen, subject_fetch(s, &object, k));
			}
		}
	}
}

static int
compare_oops(const void *left, const void *right)
{
	const imago_oop a = *(const imago_oop *)left;
	const imago_oop b = *(const imago_oop *)right;
	return a < b ? -1 : a > b;
}

bool
ruled_is(subject *s, const imago_object *object)
{
	if (!s->ruled_known) {
		seen_classes seen = {{0}};
		s->num_ruled = 0;
		note_specials(s, &seen);
		if (subject_is_spur(s)) {
			note_class_table(s, &seen);
		} else {
			note_class_words(s, &seen);
		}
		if (s->num_ruled > 0) {
			qsort(s->ruled, s->num_ruled, sizeof *s->ruled, compare_oops);
		}
		s->ruled_known = true;
	}
	return s->num_ruled > 0 &&
	       bsearch(&object->oop, s->ruled, s->num_ruled, sizeof *s->ruled, compare_oops) != NULL;
}

object_role
ruled_role_of(const subject *s, const imago_object *object)
{
	if (object->format != IMAGO_FORMAT_MIXED) {
		return ROLE_PLAIN;
	}
	if (subject_is_spur(s)) {
		switch (object->class_index) {
		case IMAGO_CLASS_CONTEXT:
			return ROLE_METHOD_CONTEXT;
		case IMAGO_CLASS_BLOCK_CLOSURE:
		case IMAGO_CLASS_FULL_BLOCK_CLOSURE:
			return ROLE_BLOCK_CLOSURE;
		default:
			return ROLE_PLAIN;
		}
	}
	imago_object cls;
	if (!subject_class_of(s, object, &cls)) {
		return ROLE_PLAIN;
	}
	const imago_oop block = imago_special_object_at(s->heap, IMAGO_SPECIAL_CLASS_BLOCK_CONTEXT);
	const imago_oop closure = imago_special_object_at(s->heap, IMAGO_SPECIAL_CLASS_BLOCK_CLOSURE);
	const imago_oop context = imago_special_object_at(s->heap, IMAGO_SPECIAL_CLASS_CONTEXT);
	return cls.oop == context   ? ROLE_METHOD_CONTEXT
	       : cls.oop == block   ? ROLE_BLOCK
	       : cls.oop == closure ? ROLE_BLOCK_CLOSURE
	                            : ROLE_PLAIN;
}

/* The live slots of a context's stack. */
static uint64_t
end_of_stack(const subject *s, const imago_object *context)
{
	enum { STACK_POINTER = 2, NUM_NAMED = 6 };
	const imago_oop depth = subject_fetch(s, context, STACK_POINTER);
	if (context->num_slots < NUM_NAMED ||
	    imago_oop_kind_of(s->heap->tagging, depth) != IMAGO_OOP_INTEGER) {
		return NUM_NAMED;
	}
	const int64_t number = imago_oop_integer(s->heap->tagging, depth);
	return number >= 0 && (uint64_t)number <= context->num_slots - NUM_NAMED
	           ? NUM_NAMED + (uint64_t)number
	           : NUM_NAMED;
}

bool
ruled_free_slots(subject *s, const imago_object *object, uint64_t *from, uint64_t *to)
{
	enum { RECEIVER = 5, STACK = 6, COPIED = 3 };
	*from = 0;
	*to = imago_heap_num_pointer_slots(s->heap, object);
	if (object->kind != IMAGO_OBJECT_ORDINARY || *to == 0) {
		return false;
	}
	if (object->body_kind == IMAGO_BODY_METHOD) {
		*from = 1;
	} else if (ruled_is(s, object)) {
		return false;
	} else {
		switch (ruled_role_of(s, object)) {
		case ROLE_METHOD_CONTEXT:
			*from = RECEIVER;
			*to = end_of_stack(s, object);
			break;
		case ROLE_BLOCK:
			*from = STACK;
			*to = end_of_stack(s, object);
			break;
		case ROLE_BLOCK_CLOSURE:
			*from = COPIED;
			break;
		case ROLE_PLAIN:
			break;
		}
	}
	*to = *to < object->num_slots ? *to : object->num_slots;
	return *from < *to;
}

bool
ruled_pick_slot(subject *s, imago_object *object, uint64_t *slot)
{
	uint64_t from;
	uint64_t to;
	for (int attempt = 0; attempt < MAX_TRIES; attempt++) {
		if (subject_pick_pointers(s, object) && ruled_free_slots(s, object, &from, &to)) {
			*slot = from + dice_below(&s->dice, to - from);
			return true;
		}
	}
	return false;
}

bool
ruled_pick_plain(subject *s, chunk_kind kind, imago_object *out)
{
	for (int attempt = 0; attempt < MAX_TRIES; attempt++) {
		if (!subject_pick(s, kind, out)) {
			return false;
		}
		if (out->kind == IMAGO_OBJECT_ORDINARY && !ruled_is(s, out)) {
			return true;
		}
	}
	return false;
}

bool
ruled_pick_target(subject *s, imago_oop *oop)
{
	imago_object object;
	for (int attempt = 0; attempt < MAX_TRIES; attempt++) {
		if (subject_pick(s, CHUNK_ANY, &object) && object.kind == IMAGO_OBJECT_ORDINARY) {
			*oop = object.oop;
			return true;
		}
	}
	return false;
}

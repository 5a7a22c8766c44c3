/* object_memory_audit.c: is everything remembered that must be? */
#include "object_memory_private.h"

static const char *
audit_perm(const imago_object_memory *memory, imago_oop oop, imago_oop value)
{
	const object_memory_perm *perm = memory->perm;
	uint64_t bit = object_memory_perm_bit(memory, oop);
	if (!imago_bitmap_test(&perm->leads_to_old, bit)) {
		return "a permanent object leads out of permanent space and is not remembered";
	}
	if (imago_memory_is_young(memory, value) && !imago_bitmap_test(&perm->given_young, bit)) {
		return "a permanent object leads to a young one and is not remembered";
	}
	return NULL;
}

static const char *
audit_object(const imago_object_memory *memory, imago_oop oop)
{
	const imago_memory_kind kind = memory->kind;
	bool is_perm = imago_memory_is_perm(memory, oop);
	uint64_t num_oops =
	    is_perm ? object_memory_num_oops(memory, oop) : object_memory_num_live_oops(memory, oop);
	for (uint64_t i = 0; i < num_oops; i++) {
		imago_oop value = imago_memory_slot(memory, oop, i, kind);
		const char *wrong = NULL;
		if (!imago_memory_leads_up(memory, oop, value, kind)) {
			continue;
		}
		if (is_perm) {
			wrong = audit_perm(memory, oop, value);
		} else if (!memory->remembered_overflow && !object_memory_is_remembered(memory, oop)) {
			wrong = "an old object leads to a young one and is not remembered";
		}
		if (wrong != NULL) {
			return wrong;
		}
	}
	return NULL;
}

/* The lists say what the bits say, unless they could not grow. */
static const char *
audit_lists(const imago_object_memory *memory)
{
	const object_memory_perm *perm = memory->perm;
	if (perm != NULL && !perm->overflow &&
	    imago_bitmap_count(&perm->leads_to_old) != perm->num_objects) {
		return "the list of remembered permanent objects is not complete";
	}
	for (uint64_t i = 0; i < memory->num_remembered; i++) {
		imago_oop oop = memory->remembered[i];
		if (!imago_memory_is_perm(memory, oop) && !object_memory_is_remembered(memory, oop)) {
			return "a remembered object's header does not say so";
		}
	}
	return NULL;
}

const char *
imago_memory_audit(const imago_object_memory *memory)
{
	const char *wrong = audit_lists(memory);
	for (imago_oop oop = imago_memory_first(memory);
	     wrong == NULL && oop != 0 && oop < memory->eden_start;
	     oop = imago_memory_next(memory, oop)) {
		wrong = audit_object(memory, oop);
	}
	return wrong;
}

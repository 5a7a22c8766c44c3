/* ruled.h: which objects the checker's rules speak of, and which slots may hold anything.
 *
 * Edits that keep an image without errors leave alone what has a structure of its own: classes,
 * dictionaries, the special objects and what they must be, processes. All other objects are the
 * image's own business.
 */
#ifndef MUTATOR_RULED_H
#define MUTATOR_RULED_H

#include "subject.h"

/* What an object is to the rules besides its slots. */
typedef enum object_role {
	ROLE_PLAIN,
	ROLE_METHOD_CONTEXT,
	ROLE_BLOCK,         /* V3's BlockContext */
	ROLE_BLOCK_CLOSURE, /* full ones too */
} object_role;

object_role ruled_role_of(const subject *s, const imago_object *object);

/* True for an object with a structure that rules look at. Looked up once, and anew after the heap
 * has moved. */
bool ruled_is(subject *s, const imago_object *object);

/* The slots that may hold any object or number: from … to. False where there are none. */
bool ruled_free_slots(subject *s, const imago_object *object, uint64_t *from, uint64_t *to);

/* A random object with free slots, and one of these. */
bool ruled_pick_slot(subject *s, imago_object *object, uint64_t *slot);

/* A random ordinary object that no rule speaks of. */
bool ruled_pick_plain(subject *s, chunk_kind kind, imago_object *out);

/* A random object that a slot may point to. */
bool ruled_pick_target(subject *s, imago_oop *oop);

#endif

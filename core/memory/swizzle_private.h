/* swizzle_private.h: what the files of the swizzler share. */
#ifndef IMAGO_MEMORY_SWIZZLE_PRIVATE_H
#define IMAGO_MEMORY_SWIZZLE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/heap.h"
#include "imago/object.h"
#include "imago/pointer_words.h"

/* One relocation of the old space, word by word in ascending address order: everything before a
 * word that makes it fail has been relocated and nothing behind it, so it can be taken back. The
 * heap's segments keep their old addresses until all is done. */
typedef struct imago_relocation {
	imago_heap *heap;
	uint64_t distance;    /* added to every address in old space */
	uint64_t moved;       /* what was already added to the addresses found in words */
	imago_addr first;     /* words below this address are left alone … */
	imago_addr stop;      /* … and words at this one and above */
	bool lenient;         /* leave pointers that leave the heap alone */
	bool dry;             /* look, but store nothing */
	bool certain;         /* what is left was looked at and will not fail */
	imago_addr failed_at; /* of the word or chunk that made it fail */
	imago_addr free_lists;
	imago_error *error;
} imago_relocation;

/* Where a word lies. */
typedef struct imago_word_place {
	size_t segment;
	imago_addr chunk; /* from which the walk can be taken up; when lenient, any before the word */
	imago_addr addr;
} imago_word_place;

/* Relocates one word. IMAGO_ESTRUCTURE: it leaves the heap. */
imago_status imago_relocate_word(imago_relocation *relocation, imago_word_place place,
                                 imago_word_kind kind);

/* True when an address lies in the object area of an old segment. */
bool imago_is_old(const imago_heap *heap, imago_addr addr);

/* Relocates slots begin … end - 1, which lie in the body. */
imago_status imago_relocate_slots(imago_relocation *relocation, const imago_object *object,
                                  uint64_t begin, uint64_t end, imago_word_kind kind);

/* Relocates the class word of V3, where there is one. */
imago_status imago_relocate_class_word(imago_relocation *relocation, const imago_object *object);

/* Relocates whatever words an object of any kind holds. */
imago_status imago_relocate_object(imago_relocation *relocation, const imago_object *object);

/* Decodes the chunk at addr; a failure is told as IMAGO_ESTRUCTURE. */
imago_status imago_relocation_decode(imago_relocation *relocation, imago_addr addr,
                                     imago_object *object);

/* Relocates all words from first to stop, object by object from a chunk of a segment on. */
imago_status imago_relocate_rest(imago_relocation *relocation, size_t segment, imago_addr chunk);

#endif

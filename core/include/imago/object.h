/* object.h: one object header, decoded by value into a width-free record.
 *
 * Source: formats/spur/spur.md §5, §6, §8; formats/v3/v3.md §3.
 */
#ifndef IMAGO_OBJECT_H
#define IMAGO_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "imago/compiler.h"
#include "imago/oop.h"

/* What the object area of a segment holds. */
typedef enum imago_object_kind {
	IMAGO_OBJECT_ORDINARY,
	IMAGO_OBJECT_FREE,      /* free chunk: Spur class index 0, V3 type 2 */
	IMAGO_OBJECT_FORWARDER, /* Spur class index 8 */
	IMAGO_OBJECT_HIDDEN,    /* Spur class index 16 … 19: class table, free lists, obj stacks */
	IMAGO_OBJECT_PUN,       /* a Spur class index that no object may carry: 1-7, 9-15, 20-31 */
} imago_object_kind;

/* What a body is made of. */
typedef enum imago_body {
	IMAGO_BODY_POINTERS, /* every slot is an oop */
	IMAGO_BODY_BITS8,
	IMAGO_BODY_BITS16,
	IMAGO_BODY_BITS32,
	IMAGO_BODY_BITS64,
	IMAGO_BODY_METHOD,  /* oops first, then bytes */
	IMAGO_BODY_INVALID, /* a format number that the layout does not have */
} imago_body;

/* Spur formats, and the V3 ones that differ (spur.md §6, v3.md §3). */
enum {
	IMAGO_FORMAT_EMPTY = 0,
	IMAGO_FORMAT_FIXED = 1,
	IMAGO_FORMAT_INDEXABLE = 2,
	IMAGO_FORMAT_MIXED = 3, /* named and indexable slots */
	IMAGO_FORMAT_WEAK = 4,
	IMAGO_FORMAT_EPHEMERON = 5,
	IMAGO_FORMAT_FORWARDED = 7,
	IMAGO_FORMAT_BITS64 = 9,
	IMAGO_FORMAT_BITS32 = 10,
	IMAGO_FORMAT_BITS16 = 12,
	IMAGO_FORMAT_BITS8 = 16,
	IMAGO_FORMAT_METHOD = 24,
	IMAGO_V3_FORMAT_BITS32 = 6,
	IMAGO_V3_FORMAT_BITS64 = 7,
	IMAGO_V3_FORMAT_BITS8 = 8,
	IMAGO_V3_FORMAT_METHOD = 12,
};

/* Spur class indices with a meaning of their own (spur.md §8). */
enum {
	IMAGO_CLASS_FREE = 0,
	IMAGO_CLASS_SMALL_INTEGER = 1,
	IMAGO_CLASS_CHARACTER = 2,
	IMAGO_CLASS_BRIDGE = 3,
	IMAGO_CLASS_SMALL_FLOAT = 4,
	IMAGO_CLASS_FORWARDER = 8,
	IMAGO_CLASS_HIDDEN_ARRAY = 16,
	IMAGO_CLASS_HIDDEN_WEAK_ARRAY = 17,
	IMAGO_CLASS_HIDDEN_BITS32 = 18,
	IMAGO_CLASS_HIDDEN_BITS64 = 19,
	IMAGO_CLASS_FIRST_REAL = 32,
	IMAGO_CLASS_LARGE_NEGATIVE_INTEGER = 32,
	IMAGO_CLASS_LARGE_POSITIVE_INTEGER = 33,
	IMAGO_CLASS_FLOAT = 34,
	IMAGO_CLASS_MESSAGE = 35,
	IMAGO_CLASS_CONTEXT = 36,
	IMAGO_CLASS_BLOCK_CLOSURE = 37,
	IMAGO_CLASS_FULL_BLOCK_CLOSURE = 38,
	IMAGO_CLASS_SEMAPHORE = 48,
	IMAGO_CLASS_BYTE_ARRAY = 50,
	IMAGO_CLASS_ARRAY = 51,
	IMAGO_CLASS_BYTE_STRING = 52,
	IMAGO_CLASS_BITMAP = 53,
	IMAGO_CLASS_POINT = 54,
	IMAGO_CLASS_PAGE_SIZE = 1024, /* entries of one class table page */
	IMAGO_CLASS_MAX_PAGES = 4096,
	IMAGO_CLASS_INDEX_LIMIT = 1 << 22,
};

/* Header bits other than class, format, hash and size; zero on every ordinary object of a saved
 * image but IMMUTABLE (and REMEMBERED in permanent space). */
enum {
	IMAGO_BIT_UNUSED_22 = 1 << 0,
	IMAGO_BIT_IMMUTABLE = 1 << 1,
	IMAGO_BIT_REMEMBERED = 1 << 2, /* V3: root */
	IMAGO_BIT_PINNED = 1 << 3,
	IMAGO_BIT_GREY = 1 << 4,
	IMAGO_BIT_UNUSED_54 = 1 << 5,
	IMAGO_BIT_MARKED = 1 << 6,
};

typedef struct imago_object {
	imago_addr oop;       /* address of the (base) header */
	imago_addr chunk;     /* address of the first header word: oop, or before it */
	uint64_t total_bytes; /* from chunk to the next chunk */
	imago_addr body;      /* address of slot 0 */
	uint64_t num_slots;   /* words of the body, as the header says */
	imago_object_kind kind;
	imago_body body_kind;
	uint32_t class_index; /* Spur class index; V3 compact class index, 0 if not compact */
	imago_addr class_oop; /* V3 with a class word: the class; else 0 */
	uint32_t identity_hash;
	uint8_t format;
	uint8_t v3_type;     /* header type 0, 1, 2 or 3 */
	uint8_t bits;        /* IMAGO_BIT_… */
	uint8_t unused_tail; /* bytes at the end of the slots that are not elements */
	uint32_t segment;    /* index into imago_heap.segments */
} imago_object;

/* What a format number means: the body and the bytes unused at its end. */
typedef struct imago_format_facts {
	imago_body body;
	uint8_t unused_tail;
} imago_format_facts;

/* Any number is allowed: one that the layout does not have gives IMAGO_BODY_INVALID. Source:
 * formats/spur/spur.md §6, formats/v3/v3.md §3. */
IMAGO_API imago_format_facts imago_format_facts_of(imago_object_model model, uint8_t word_bytes,
                                                   uint8_t format);

#endif

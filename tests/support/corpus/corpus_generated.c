/* corpus_generated.c: byte strings, and the small dense images that they describe
 * (imago/generate.h). Most objects of a natural image are alike; here each byte makes a difference.
 */
#include <stdio.h>

#include "corpus.h"

#include "imago/generate.h"

/* Kinds of records, by their place in core/memory/generate_kinds.def. */
enum {
	ARRAY,
	INSTANCE,
	CLASS,
	FULL_CLASS,
	METHOD,
	SISTA_METHOD,
	INSTALL,
	CONTEXT,
	CLOSURE,
	FULL_CLOSURE,
	BYTES,
	STRING,
	SYMBOL,
	WORDS16,
	WORDS32,
	WORDS64,
	FLOAT,
	LARGE_INTEGER,
	CHARACTER,
	WEAK,
	EPHEMERON,
	FIXED,
	PROCESS,
	FORWARDER,
	FREE_CHUNK,
	SEGMENT,
	PERM,
	SPECIAL,
	HIDDEN,
	IMMUTABLE = 32,
	ORPHAN = 64,
	HASH = 128,
};

/* Values: an object so many records back or ahead, and numbers at an edge. */
enum { BACK = 32, AHEAD = 64, INTEGER = 128, LETTER = 160, REAL = 192, CLASS_OF = 224 };

/* Counts at the borders of header shapes (generate_values.c). */
enum { SLOTS_62 = 241, SLOTS_63 = 242, SLOTS_254 = 250, SLOTS_255 = 251 };

#define PLAIN_PREFIX 0, 0, 0, 0, 0, 0, 0, 0

/* One record a line. */
/* clang-format off */

static const uint8_t objects[] = {
	PLAIN_PREFIX,
	ARRAY, 4, 0, 0, AHEAD, BACK, INTEGER + 2, LETTER + 7,
	FIXED, 0, 0, 0, BACK, INTEGER + 1, 0, 0,
	FIXED, 1, 0, 0, BACK, BACK + 1, 0, 0,
	FIXED | HASH, 2, 0, 7, AHEAD, 5, REAL + 3, 9,
	WEAK, 3, 0, 0, BACK, AHEAD + 1, BACK + 3, 0,
	EPHEMERON, 0, 0, 0, BACK, BACK + 2, AHEAD, 0,
	ARRAY | IMMUTABLE, 5, 0, 0, 1, 2, CLASS_OF + 3, BACK + 4,
	ARRAY | ORPHAN, 2, 0, 0, AHEAD, 3, 0, 0,
	FIXED, 4, 3, 0, 0, 0, 0, 0,
	ARRAY, 0, 0, 0, 0, 0, 0, 0,
};

static const uint8_t bits[] = {
	PLAIN_PREFIX,
	BYTES, 7, 0, 0, 1, 2, 3, 255,
	STRING, 5, 0, 0, 'i', 'm', 'a', 'g',
	SYMBOL, 4, 0, 0, 'a', 't', ':', ' ',
	WORDS16, 3, 0, 0, 1, 128, 0, 0,
	WORDS32, 3, 0, 0, 0, 0, 0, 128,
	WORDS64, 2, 0, 0, 255, 255, 255, 127,
	FLOAT, 0, 0, 0, 0x3F, 0xF0, 0, 0,
	FLOAT, 0, 0, 0, 0x7E, 0x37, 0xE4, 0x3C,
	LARGE_INTEGER, 3, 1, 0, 1, 2, 3, 4,
	CHARACTER, 0, 0, 0, 0x8B, 0xF9, 0, 0,
	ARRAY, 7, 0, 0, BACK, INTEGER + 9, REAL + 5, LETTER + 3,
};

static const uint8_t borders[] = {
	PLAIN_PREFIX,
	ARRAY, SLOTS_62, 0, 0, AHEAD, 0, INTEGER, BACK,
	ARRAY, SLOTS_63, 0, 0, AHEAD, BACK, 0, 0,
	BYTES, SLOTS_255, 0, 0, 'x', 'y', 'z', 0,
	ARRAY, SLOTS_255, 0, 0, BACK, BACK + 1, 17, 18,
};

static const uint8_t classes[] = {
	PLAIN_PREFIX,
	CLASS, 0, 0, 2, 0, 0, 0, 0, /* two named slots */
	CLASS, 0, 1, 1, 1, 0, 0, 0, /* below it, indexable as well */
	FULL_CLASS, 0, 5, 0, 0, 3, 8, 4, /* of bytes */
	FULL_CLASS, 0, 0, 1, 3, 14, 8, 13, /* below the first */
	SYMBOL, 3, 0, 0, 'x', ':', 'y', 0,
	METHOD, 2, 1, 1, BACK, 7, 0, 0,
	INSTALL, 0, 0, 0, 0, 0, 0, 0,
	INSTALL, 1, 0, 0, 0, 0, 0, 0,
	INSTANCE, 4, 0, 0, BACK, 5, 6, 0,
	INSTANCE, 6, 1, 0, 'b', 'y', 't', 'e',
	INSTANCE, 3, 2, 0, AHEAD, 2, BACK, 1,
};

static const uint8_t code[] = {
	PLAIN_PREFIX,
	SYMBOL, 3, 0, 0, 'r', 'u', 'n', 0,
	METHOD, 3, 3, 1, BACK, 4 + 8, 5, 3,
	SISTA_METHOD, 2, 20, 2, 4, BACK, 7, 1,
	METHOD, 1, 0, 0x40, 3, 0, 0, 0,
	SISTA_METHOD, 0, 0, 0x30, 2, 0, 0, 0,
	CONTEXT, 5, 0, 3, BACK, 0, 1, INTEGER,
	CONTEXT, 7, 2, 131, BACK + 1, 1, 2, 9,
	CLOSURE, 2, 0, 1, BACK, 0, 1, 3,
	FULL_CLOSURE, 1, 16, 2, BACK, BACK + 3, 0, 0,
	CONTEXT, 8, 1, 5, 3, 1, 0, 7,
	PROCESS, 0, 3, 0, 0, 0, 0, 0,
	PROCESS, 0, 3, 1, 0, 0, 0, 0,
	ARRAY, 3, 0, 0, BACK, BACK + 3, BACK + 8, 0,
};

static const uint8_t spaces[] = {
	0, 2, 1, 9, 4, 2, 1, 3,
	ARRAY, 2, 0, 0, AHEAD + 2, AHEAD + 5, 0, 0,
	FORWARDER, 0, 0, 0, 0, 0, 0, 0,
	FREE_CHUNK, 0, 0, 0, 0, 0, 0, 0,
	FREE_CHUNK, 6, 1, 0, 0, 0, 0, 0,
	FREE_CHUNK, 12, 3, 0, 0, 0, 0, 0,
	SEGMENT, 3, 3, 0, BACK + 4, AHEAD + 2, 0, 0,
	BYTES, 3, 0, 0, 'g', 'a', 'p', 0,
	SEGMENT, 2, 0, 0, BACK, BACK + 1, 0, 0,
	HIDDEN, 3, 0, 0, 0, 0, 0, 0,
	SPECIAL, 0, 1, 0, BACK + 2, 0, 0, 0,
	PERM, 3, 0, 0, BACK + 4, AHEAD, 5, 0,
	STRING, 6, 0, 0, 'p', 'e', 'r', 'm',
	METHOD, 1, 0, 0, BACK, 0, 0, 0,
};

/* clang-format on */

static const corpus_string strings[] = {
    {"objects", objects, sizeof objects}, {"bits", bits, sizeof bits},
    {"borders", borders, sizeof borders}, {"classes", classes, sizeof classes},
    {"code", code, sizeof code},          {"spaces", spaces, sizeof spaces},
};

const corpus_string *
corpus_string_at(size_t index)
{
	return index < sizeof strings / sizeof strings[0] ? &strings[index] : NULL;
}

imago_heap *
corpus_string_heap(const corpus_string *string, const test_layout *layout, bool composed,
                   imago_allocator *allocator)
{
	imago_error error = {0};
	imago_heap *heap = NULL;
	const imago_generate_options options = {.image_format = layout->image_format,
	                                        .byte_order = layout->layout.byte_order,
	                                        .composed = composed};
	if (imago_generate(&heap, string->bytes, string->size, &options, allocator, &error) !=
	    IMAGO_OK) {
		fprintf(stderr, "cannot make the image of %s\n", string->name);
	}
	return heap;
}

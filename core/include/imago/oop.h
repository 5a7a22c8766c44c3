/* oop.h: what a slot's word means: an address or a tagged immediate, in the three tag schemes.
 *
 * Source: formats/spur/spur.md §7, formats/v3/v3.md §3.
 */
#ifndef IMAGO_OOP_H
#define IMAGO_OOP_H

#include <stdbool.h>
#include <stdint.h>

#include "imago/address.h"
#include "imago/compiler.h"

/* A slot's word: an address or an immediate, zero-extended from the image's word size. */
typedef uint64_t imago_oop;

typedef enum imago_object_model {
	IMAGO_SPUR,
	IMAGO_V3,
} imago_object_model;

/* The tag scheme follows from the object model and the word size. */
typedef enum imago_tagging {
	IMAGO_TAGGING_SPUR32, /* 2 bits: integer x1, character 10 */
	IMAGO_TAGGING_SPUR64, /* 3 bits: integer 001, character 010, float 100 */
	IMAGO_TAGGING_V3,     /* 1 bit: integer 1 */
} imago_tagging;

typedef enum imago_oop_kind {
	IMAGO_OOP_POINTER, /* tag 0: an address, aligned or not */
	IMAGO_OOP_INTEGER,
	IMAGO_OOP_CHARACTER,
	IMAGO_OOP_FLOAT,
	IMAGO_OOP_INVALID, /* Spur64 tags 3, 5, 6 and 7 */
} imago_oop_kind;

IMAGO_ALWAYS_INLINE imago_tagging
imago_tagging_of(imago_object_model model, uint8_t word_bytes)
{
	if (model == IMAGO_V3) {
		return IMAGO_TAGGING_V3;
	}
	return word_bytes == 8 ? IMAGO_TAGGING_SPUR64 : IMAGO_TAGGING_SPUR32;
}

/* What the tag of a word says; it need not be the oop of any object. */
IMAGO_API imago_oop_kind imago_oop_kind_of(imago_tagging tagging, imago_oop oop);

/* True for a word that is an address, whatever its alignment. The one test of the hot loops. */
IMAGO_ALWAYS_INLINE bool
imago_oop_is_pointer(imago_tagging tagging, imago_oop oop)
{
	switch (tagging) {
	case IMAGO_TAGGING_SPUR32:
		return (oop & 3) == 0;
	case IMAGO_TAGGING_SPUR64:
		return (oop & 7) == 0;
	default:
		return (oop & 1) == 0;
	}
}

/* Decoding. The oop must be of the kind named. */
IMAGO_API int64_t imago_oop_integer(imago_tagging tagging, imago_oop oop);
IMAGO_API uint32_t imago_oop_character(imago_tagging tagging, imago_oop oop);
IMAGO_API uint64_t imago_oop_float_bits(imago_oop oop); /* Spur64 only; IEEE 754 bits */

/* Encoding: returns false, and leaves *oop alone, when the value does not fit the scheme. */
IMAGO_API bool imago_oop_from_integer(imago_tagging tagging, int64_t value, imago_oop *oop);
IMAGO_API bool imago_oop_from_character(imago_tagging tagging, uint32_t code, imago_oop *oop);
IMAGO_API bool imago_oop_from_float_bits(imago_tagging tagging, uint64_t bits, imago_oop *oop);

#endif

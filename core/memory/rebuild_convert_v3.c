/* rebuild_convert_v3.c: V3 chunks into another byte order or to other addresses
 * (formats/v3/v3.md §6, §7).
 *
 * V3 images are small; this decodes object by object through the same door as everyone.
 */
#include <string.h>

#include "../base/planted.h"
#include "rebuild_private.h"

enum { WORD = 4, TYPE_BITS = 3 };

/* Where a chunk's words come from and go to. */
typedef struct chunk_words {
	imago_rebuild_mover *mover;
	imago_addr address;
	const uint8_t *from;
	uint8_t *to;
} chunk_words;

static void
convert_word(const chunk_words *words, uint64_t position)
{
	uint32_t word = imago_load_u32(words->from + position, words->mover->from_order);
	imago_store_u32(words->to + position, word, words->mover->to_order);
}

/* A word that holds an address above its low bits, which stay. */
static bool
convert_oop(const chunk_words *words, uint64_t position, uint32_t low_bits)
{
	imago_rebuild_mover *mover = words->mover;
	uint32_t word = imago_load_u32(words->from + position, mover->from_order);
	imago_addr moved = word & ~low_bits;
	if (mover->moving && !imago_rebuild_move(mover, moved, &moved)) {
		mover->stuck = true;
		mover->bad_pointer = moved;
		mover->bad_place = words->address + position;
		return false;
	}
	imago_store_u32(words->to + position, (uint32_t)moved | (word & low_bits), mover->to_order);
	return true;
}

/* The header words of an object; position 0 is its chunk. */
static bool
convert_headers(const chunk_words *words, const imago_object *object)
{
	uint64_t num_before = (object->oop - object->chunk) / WORD;
	if (num_before == 2) {
		convert_word(words, 0);
	}
	if (num_before > 0 && !convert_oop(words, (num_before - 1) * WORD, TYPE_BITS)) {
		return false;
	}
	convert_word(words, num_before * WORD);
	return true;
}

static bool
convert_oops(const chunk_words *words, uint64_t body, uint64_t num_slots)
{
	for (uint64_t i = 0; i < num_slots; i++) {
		uint64_t position = body + i * WORD;
		uint32_t word = imago_load_u32(words->from + position, words->mover->from_order);
		if (!imago_oop_is_pointer(IMAGO_TAGGING_V3, word)) {
			convert_word(words, position);
		} else if (!convert_oop(words, position, 0)) {
			return false;
		}
	}
	return true;
}

static bool
is_float(const imago_rebuild_mover *mover, const imago_object *object)
{
	return mover->float_class != 0 && object->body_kind == IMAGO_BODY_BITS32 &&
	       object->num_slots == 2 &&
	       imago_class_of_object(mover->classes, object) == mover->float_class &&
	       !IMAGO_BUG(v3_float_compact, object->class_index == 0);
}

static void
exchange_halves(uint8_t *to)
{
	uint8_t first[WORD];
	memcpy(first, to, WORD);
	memcpy(to, to + WORD, WORD);
	memcpy(to + WORD, first, WORD);
}

static bool
convert_body(const chunk_words *words, const imago_object *object)
{
	uint64_t body = object->body - object->chunk;
	uint64_t num_oops = 0;
	if (object->kind != IMAGO_OBJECT_FREE) {
		num_oops = imago_heap_num_pointer_slots(words->mover->source, object);
	}
	if (!convert_oops(words, body, num_oops)) {
		return false;
	}
	bool bytes = object->kind != IMAGO_OBJECT_FREE &&
	             (object->body_kind == IMAGO_BODY_BITS8 || object->body_kind == IMAGO_BODY_METHOD);
	uint64_t rest = body + num_oops * WORD;
	if (bytes) {
		memcpy(words->to + rest, words->from + rest, (size_t)(object->total_bytes - rest));
		return true;
	}
	for (uint64_t i = rest; i < object->total_bytes; i += WORD) {
		convert_word(words, i);
	}
	if (is_float(words->mover, object)) {
		exchange_halves(words->to + body);
	}
	return true;
}

uint64_t
imago_rebuild_convert_v3(imago_rebuild_mover *mover, const imago_rebuild_span *span)
{
	uint64_t position = 0;
	while (position < span->size) {
		imago_object object;
		imago_addr address = span->start + position;
		if (imago_heap_decode_chunk(mover->source, address, &object, NULL) != IMAGO_OK ||
		    object.total_bytes > span->size - position) {
			return position;
		}
		chunk_words words = {
		    .mover = mover,
		    .address = address,
		    .from = span->from + position,
		    .to = span->to + position,
		};
		bool converted;
		if (object.kind == IMAGO_OBJECT_FREE) {
			convert_word(&words, 0);
			converted = convert_body(&words, &object);
		} else {
			converted = convert_headers(&words, &object) && convert_body(&words, &object);
		}
		if (!converted) {
			return position;
		}
		position += object.total_bytes;
	}
	return position;
}

/* rebuild_convert.c: the hot loops of a rebuild: Spur chunks into another byte order or to other
 * addresses, word size unchanged (formats/spur/spur.md §13, §14).
 *
 * One always-inline body, instantiated with constant word size and, where speed counts, byte order.
 * Bodies are multiples of 8 bytes, so every unit is converted by loads and stores of 8: a reversal
 * of them all for 64-bit units, with the halves exchanged for 32-bit ones, and so on.
 */
#include <string.h>

#include "../base/planted.h"
#include "rebuild_private.h"

enum { HEADER = 8, OVERFLOW = 255 };

#define O IMAGO_UNIT_OOPS
#define B IMAGO_UNIT_BYTES
#define M IMAGO_UNIT_METHOD
#define H IMAGO_UNIT_16
#define F IMAGO_UNIT_32
#define D IMAGO_UNIT_64
#define W IMAGO_UNIT_WORDS
const uint8_t imago_rebuild_units[2][32] = {
    {O, O, O, O, O, O, W, W, W, D, F, W, H, H, W, W,
     B, B, B, B, W, W, W, W, M, M, M, M, W, W, W, W},
    {O, O, O, O, O, O, W, W, W, D, F, F, H, H, H, H,
     B, B, B, B, B, B, B, B, M, M, M, M, M, M, M, M},
};
#undef O
#undef B
#undef M
#undef H
#undef F
#undef D
#undef W

/* The piece of an address; false when there is none. */
static bool
find_piece(imago_rebuild_mover *mover, imago_addr addr)
{
	size_t low = 0;
	size_t high = mover->num_pieces;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (mover->pieces[middle].start <= addr) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	if (low == 0 || addr - mover->pieces[low - 1].start >= mover->pieces[low - 1].size) {
		return false;
	}
	mover->last = &mover->pieces[low - 1];
	return true;
}

bool
imago_rebuild_move(imago_rebuild_mover *mover, imago_addr addr, imago_addr *moved)
{
	if (addr - mover->last->start >= mover->last->size && !find_piece(mover, addr)) {
		return false;
	}
	*moved = addr + mover->last->delta;
	return true;
}

uint64_t
imago_rebuild_move_link(imago_rebuild_mover *mover, uint64_t link, bool of_free_chunk)
{
	imago_object object;
	imago_addr moved;
	if (of_free_chunk ? link % 8 != 0
	                  : imago_heap_decode_object(mover->source, link, &object, NULL) != IMAGO_OK) {
		return link;
	}
	if (imago_rebuild_move(mover, link, &moved)) {
		return moved;
	}
	return IMAGO_BUG(stale_link_moved, of_free_chunk && link != 0) ? link + mover->last->delta
	                                                               : link;
}

/* The byte order of the source, that of the target, the word size, and what is to be done. */
typedef struct convert_recipe {
	imago_layout from, to;
	bool swap, move;
} convert_recipe;

IMAGO_ALWAYS_INLINE void
copy_bytes(const uint8_t *from, uint8_t *to, uint64_t size)
{
	if (size > 128) {
		memcpy(to, from, (size_t)size);
		return;
	}
	for (uint64_t i = 0; i < size; i += 8) {
		memcpy(to + i, from + i, 8);
	}
}

IMAGO_ALWAYS_INLINE void
reverse_64(const uint8_t *from, uint8_t *to, uint64_t size)
{
	for (uint64_t i = 0; i < size; i += 8) {
		uint64_t units = imago_load_u64(from + i, IMAGO_LITTLE_ENDIAN);
		imago_store_u64(to + i, units, IMAGO_BIG_ENDIAN);
	}
}

IMAGO_ALWAYS_INLINE void
reverse_32(const uint8_t *from, uint8_t *to, uint64_t size)
{
	for (uint64_t i = 0; i < size; i += 8) {
		uint64_t units = imago_load_u64(from + i, IMAGO_LITTLE_ENDIAN);
		imago_store_u64(to + i, units >> 32 | units << 32, IMAGO_BIG_ENDIAN);
	}
}

static void
reverse_16(const uint8_t *from, uint8_t *to, uint64_t size)
{
	const uint64_t low_bytes = UINT64_C(0x00FF00FF00FF00FF);
	for (uint64_t i = 0; i < size; i += 8) {
		uint64_t units = imago_load_u64(from + i, IMAGO_LITTLE_ENDIAN);
		units = (units & low_bytes) << 8 | (units >> 8 & low_bytes);
		imago_store_u64(to + i, units, IMAGO_LITTLE_ENDIAN);
	}
}

IMAGO_ALWAYS_INLINE void
convert_words(convert_recipe recipe, const uint8_t *from, uint8_t *to, uint64_t size)
{
	if (!recipe.swap) {
		copy_bytes(from, to, size);
	} else if (recipe.from.word_bytes == 8) {
		reverse_64(from, to, size);
	} else {
		reverse_32(from, to, size);
	}
}

/* Slots that hold oops. False at one that leads nowhere. */
IMAGO_ALWAYS_INLINE bool
convert_oops(imago_rebuild_mover *mover, convert_recipe recipe, imago_addr place,
             const uint8_t *from, uint8_t *to, uint64_t num_slots)
{
	imago_tagging tagging = imago_tagging_of(IMAGO_SPUR, recipe.from.word_bytes);
	uint64_t word_bytes = recipe.from.word_bytes;
	for (uint64_t i = 0; i < num_slots; i++) {
		imago_oop oop = imago_load_word(from + i * word_bytes, recipe.from);
		if (recipe.move && imago_oop_is_pointer(tagging, oop) &&
		    !imago_rebuild_move(mover, oop, &oop)) {
			mover->stuck = true;
			mover->bad_pointer = oop;
			mover->bad_place = place + i * word_bytes;
			return false;
		}
		imago_store_word(to + i * word_bytes, oop, recipe.to);
	}
	return true;
}

/* A chunk while it is converted. */
typedef struct open_chunk {
	imago_addr body; /* its address */
	const uint8_t *from;
	uint8_t *to;
	uint64_t num_slots;
	uint64_t body_bytes;
	uint64_t header; /* of the object, not its overflow word */
} open_chunk;

static uint32_t
class_index_of(const open_chunk *chunk)
{
	return (uint32_t)(chunk->header & (IMAGO_CLASS_INDEX_LIMIT - 1));
}

static bool
convert_method(imago_rebuild_mover *mover, convert_recipe recipe, const open_chunk *chunk)
{
	uint64_t num_oops = imago_rebuild_method_oops(recipe.from, chunk->from, chunk->num_slots);
	uint64_t oop_bytes = num_oops * recipe.from.word_bytes;
	memcpy(chunk->to + oop_bytes, chunk->from + oop_bytes, (size_t)(chunk->body_bytes - oop_bytes));
	return convert_oops(mover, recipe, chunk->body, chunk->from, chunk->to, num_oops);
}

/* next, prev and, in a large chunk, the links of the tree; what follows is stale (spur.md §11). */
static void
convert_free(imago_rebuild_mover *mover, convert_recipe recipe, const open_chunk *chunk)
{
	enum { NEXT, PREVIOUS, NUM_LINKS = 5 };
	uint64_t word_bytes = recipe.from.word_bytes;
	uint64_t num_lists = word_bytes * 8;
	bool in_tree = chunk->body_bytes + HEADER >= num_lists * 8;
	uint64_t num_links = in_tree ? NUM_LINKS : PREVIOUS + 1;
	convert_words(recipe, chunk->from, chunk->to, chunk->body_bytes);
	/* A header that counts no slots leaves room for a link all the same. */
	uint64_t num_words = chunk->body_bytes / word_bytes;
	for (uint64_t i = NEXT; recipe.move && i < num_links && i < num_words; i++) {
		uint64_t link = imago_load_word(chunk->from + i * word_bytes, recipe.from);
		imago_store_word(chunk->to + i * word_bytes, imago_rebuild_move_link(mover, link, true),
		                 recipe.to);
	}
}

/* Slot 0 leads to the target; what follows is stale. */
static bool
convert_forwarder(imago_rebuild_mover *mover, convert_recipe recipe, const open_chunk *chunk)
{
	convert_words(recipe, chunk->from, chunk->to, chunk->body_bytes);
	return convert_oops(mover, recipe, chunk->body, chunk->from, chunk->to, chunk->num_slots > 0);
}

static void
convert_bits_32(const imago_rebuild_mover *mover, convert_recipe recipe, const open_chunk *chunk)
{
	if (!recipe.swap) {
		copy_bytes(chunk->from, chunk->to, chunk->body_bytes);
		return;
	}
	bool whole = (chunk->header >> 24 & 31) == IMAGO_FORMAT_BITS32 &&
	             chunk->num_slots * recipe.from.word_bytes == 8;
	if (whole && imago_rebuild_is_float(mover, class_index_of(chunk))) {
		reverse_64(chunk->from, chunk->to, chunk->body_bytes);
	} else {
		reverse_32(chunk->from, chunk->to, chunk->body_bytes);
	}
}

/* The body of one chunk. */
IMAGO_ALWAYS_INLINE bool
convert_body(imago_rebuild_mover *mover, convert_recipe recipe, const open_chunk *chunk)
{
	const uint8_t *units = imago_rebuild_units[recipe.from.word_bytes == 8];
	uint32_t class_index = class_index_of(chunk);
	bool moves = recipe.move;
	if (IMAGO_UNLIKELY(class_index < IMAGO_CLASS_FIRST_REAL)) {
		if (class_index == IMAGO_CLASS_FREE) {
			convert_free(mover, recipe, chunk);
			return true;
		}
		if (class_index == IMAGO_CLASS_FORWARDER) {
			return convert_forwarder(mover, recipe, chunk);
		}
		moves = moves && class_index > IMAGO_CLASS_FORWARDER;
	}
	switch ((imago_rebuild_unit)units[chunk->header >> 24 & 31]) {
	case IMAGO_UNIT_OOPS:
		if (!moves) {
			convert_words(recipe, chunk->from, chunk->to, chunk->body_bytes);
			return true;
		}
		/* The padding of an odd number of 4-byte slots, and the body of an empty object. */
		convert_words(recipe, chunk->from + chunk->body_bytes - 8,
		              chunk->to + chunk->body_bytes - 8, 8);
		return convert_oops(mover, recipe, chunk->body, chunk->from, chunk->to, chunk->num_slots);
	case IMAGO_UNIT_METHOD:
		return convert_method(mover, recipe, chunk);
	case IMAGO_UNIT_BYTES:
		copy_bytes(chunk->from, chunk->to, chunk->body_bytes);
		return true;
	case IMAGO_UNIT_16:
		if (IMAGO_BUG(large_16_as_32, recipe.swap && chunk->num_slots > 3)) {
			reverse_32(chunk->from, chunk->to, chunk->body_bytes);
		} else if (recipe.swap) {
			reverse_16(chunk->from, chunk->to, chunk->body_bytes);
		} else {
			copy_bytes(chunk->from, chunk->to, chunk->body_bytes);
		}
		return true;
	case IMAGO_UNIT_32:
		convert_bits_32(mover, recipe, chunk);
		return true;
	case IMAGO_UNIT_64:
		if (recipe.swap) {
			reverse_64(chunk->from, chunk->to, chunk->body_bytes);
		} else {
			copy_bytes(chunk->from, chunk->to, chunk->body_bytes);
		}
		return true;
	case IMAGO_UNIT_WORDS:
		convert_words(recipe, chunk->from, chunk->to, chunk->body_bytes);
		return true;
	}
	return false;
}

/* Converts the chunk at a position and returns the next one; the same after a failure. */
IMAGO_ALWAYS_INLINE uint64_t
convert_chunk(imago_rebuild_mover *mover, convert_recipe recipe, const imago_rebuild_span *span,
              uint64_t position)
{
	const uint64_t word_bytes = recipe.from.word_bytes;
	const uint8_t *from = span->from;
	uint64_t header = imago_load_u64(from + position, recipe.from.byte_order);
	uint64_t num_slots = header >> 56;
	uint64_t body = position + HEADER;
	imago_store_u64(span->to + position, header, recipe.to.byte_order);
	if (IMAGO_UNLIKELY(num_slots == OVERFLOW)) {
		if (span->size - body < HEADER) {
			return position;
		}
		num_slots = header & ((UINT64_C(1) << 56) - 1);
		header = imago_load_u64(from + body, recipe.from.byte_order);
		imago_store_u64(span->to + body, header, recipe.to.byte_order);
		body += HEADER;
		if (header >> 56 != OVERFLOW) {
			return position;
		}
	}
	if (num_slots > (span->size - body) / word_bytes) {
		return position;
	}
	uint64_t body_bytes = num_slots > 0 ? (num_slots * word_bytes + 7) & ~UINT64_C(7) : 8;
	if (body_bytes > span->size - body) {
		return position;
	}
	open_chunk chunk = {
	    .body = span->start + body,
	    .from = from + body,
	    .to = span->to + body,
	    .num_slots = num_slots,
	    .body_bytes = body_bytes,
	    .header = header,
	};
	return convert_body(mover, recipe, &chunk) ? body + body_bytes : position;
}

/* Reversal alone: the conversion that is to keep up with memory. All is constant but the mover. */
IMAGO_ALWAYS_INLINE uint64_t
reverse_chunks(imago_rebuild_mover *mover, uint8_t word_bytes, imago_byte_order order,
               const imago_rebuild_span *span)
{
	bool little = order == IMAGO_LITTLE_ENDIAN;
	const convert_recipe recipe = {
	    .from = {.word_bytes = word_bytes, .byte_order = order},
	    .to = {.word_bytes = word_bytes,
	           .byte_order = little ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN},
	    .swap = true,
	};
	uint64_t position = 0;
	for (;;) {
		position = imago_rebuild_reverse_plain(mover, span, position);
		if (span->size - position < HEADER) {
			return position;
		}
		uint64_t next = convert_chunk(mover, recipe, span, position);
		if (next == position) {
			return position;
		}
		position = next;
	}
}

/* Any byte orders. */
IMAGO_ALWAYS_INLINE uint64_t
move_chunks(imago_rebuild_mover *mover, uint8_t word_bytes, const imago_rebuild_span *span)
{
	const convert_recipe recipe = {
	    .from = {.word_bytes = word_bytes, .byte_order = mover->from_order},
	    .to = {.word_bytes = word_bytes, .byte_order = mover->to_order},
	    .swap = mover->from_order != mover->to_order,
	    .move = true,
	};
	uint64_t position = 0;
	while (span->size - position >= HEADER) {
		uint64_t next = convert_chunk(mover, recipe, span, position);
		if (next == position) {
			return position;
		}
		position = next;
	}
	return position;
}

uint64_t
imago_rebuild_convert_spur(imago_rebuild_mover *mover, const imago_rebuild_span *span)
{
	bool wide = mover->source->layout.word_bytes == 8;
	if (mover->moving) {
		return wide ? move_chunks(mover, 8, span) : move_chunks(mover, 4, span);
	}
	if (mover->from_order == IMAGO_LITTLE_ENDIAN) {
		return wide ? reverse_chunks(mover, 8, IMAGO_LITTLE_ENDIAN, span)
		            : reverse_chunks(mover, 4, IMAGO_LITTLE_ENDIAN, span);
	}
	return wide ? reverse_chunks(mover, 8, IMAGO_BIG_ENDIAN, span)
	            : reverse_chunks(mover, 4, IMAGO_BIG_ENDIAN, span);
}

/* object_memory_make.c: making objects, and going from one to the next. */
#include "object_memory_private.h"

#include "imago/class_table.h"
#include "imago/known_objects.h"

enum {
	V3_LONGEST_SHORT = 0xFC, /* bytes that the base header can count */
	V3_LITERALS = 0xFF,
	SPUR_LITERALS = 0x7FFF,
	CONTEXT_STACKP = 2,
	CONTEXT_FIXED = 6,
	CLASS_SLOTS = 3,
	EDENS_OF_GROWTH = 8, /* at least, between two collections of old space */
};

uint64_t
object_memory_num_oops(const imago_object_memory *memory, imago_oop oop)
{
	const imago_memory_kind kind = memory->kind;
	uint64_t num_slots = imago_memory_num_slots(memory, oop, kind);
	if (imago_memory_has_pointers(memory, oop, kind)) {
		return num_slots;
	}
	if (!imago_memory_is_code(memory, oop, kind) || num_slots == 0) {
		return 0;
	}
	int64_t header = imago_memory_integer(kind, imago_memory_slot(memory, oop, 0, kind));
	uint64_t literals = kind.v3 && header >= 0 ? (uint64_t)(header >> 9) & V3_LITERALS
	                                           : (uint64_t)header & SPUR_LITERALS;
	return literals + 1 < num_slots ? literals + 1 : num_slots;
}

static bool
is_context(const imago_object_memory *memory, imago_oop oop)
{
	imago_oop cls = imago_memory_class_of(memory, oop);
	return cls == imago_memory_special(memory, IMAGO_SPECIAL_CLASS_CONTEXT) ||
	       (memory->kind.v3 &&
	        cls == imago_memory_special(memory, IMAGO_SPECIAL_CLASS_BLOCK_CONTEXT));
}

uint64_t
object_memory_num_live_oops(const imago_object_memory *memory, imago_oop oop)
{
	const imago_memory_kind kind = memory->kind;
	uint64_t num_oops = object_memory_num_oops(memory, oop);
	if (num_oops < CONTEXT_FIXED || imago_memory_format(memory, oop, kind) != IMAGO_FORMAT_MIXED ||
	    !is_context(memory, oop)) {
		return num_oops;
	}
	imago_oop stackp = imago_memory_slot(memory, oop, CONTEXT_STACKP, kind);
	if (!imago_memory_is_integer(kind, stackp)) {
		return num_oops;
	}
	int64_t used = imago_memory_integer(kind, stackp);
	return used < 0 || (uint64_t)used > num_oops - CONTEXT_FIXED ? num_oops
	                                                             : CONTEXT_FIXED + (uint64_t)used;
}

/* Bytes that an object takes, and those of them before its header. */
static uint64_t
bytes_wanted(const imago_object_memory *memory, uint64_t class_tag, uint64_t num_slots,
             uint32_t *compact, uint32_t *lead)
{
	const imago_memory_kind kind = memory->kind;
	*compact = 0;
	if (!kind.v3) {
		uint64_t body = (num_slots * imago_word_bytes(kind) + 7) & ~UINT64_C(7);
		*lead = num_slots >= OBJECT_MEMORY_SPUR_OVERFLOW ? 8 : 0;
		return *lead + 8 + (body > 0 ? body : 8);
	}
	int64_t format = imago_memory_integer(kind, imago_memory_slot(memory, class_tag, 2, kind));
	*compact = (uint32_t)((uint64_t)format >> 11) & 31;
	uint64_t bytes = 4 + num_slots * 4;
	*lead = bytes > V3_LONGEST_SHORT ? 8 : *compact != 0 ? 0 : 4;
	return *lead + bytes;
}

/* Writes the header words of an object whose chunk begins at an address. */
static imago_oop
put_header(imago_object_memory *memory, imago_addr chunk, uint64_t class_tag, uint32_t format,
           uint64_t num_slots, uint32_t compact, uint32_t lead)
{
	const imago_memory_kind narrow = {.wide = false};
	const imago_memory_kind wide = {.wide = true};
	imago_oop oop = chunk + lead;
	uint8_t *at = imago_memory_at(memory, oop);
	if (!memory->kind.v3) {
		uint64_t count =
		    num_slots < OBJECT_MEMORY_SPUR_OVERFLOW ? num_slots : OBJECT_MEMORY_SPUR_OVERFLOW;
		if (lead > 0) {
			imago_word_put(at - 8, (uint64_t)OBJECT_MEMORY_SPUR_OVERFLOW << 56 | num_slots, wide);
		}
		imago_word_put(at, count << 56 | (uint64_t)format << 24 | class_tag, wide);
		return oop;
	}
	uint32_t type = lead == 8 ? 0 : lead == 4 ? 1 : 3;
	uint32_t size = (uint32_t)(4 + num_slots * 4);
	uint32_t hash = imago_memory_draw_hash(memory);
	if (lead == 8) {
		imago_word_put(at - 8, size, narrow);
	}
	if (lead >= 4) {
		imago_word_put(at - 4, class_tag | type, narrow);
	}
	imago_word_put(
	    at, type | (lead == 8 ? 0 : size) | format << 8 | compact << 12 | (uint64_t)hash << 17,
	    narrow);
	return oop;
}

imago_oop
object_memory_make_old(imago_object_memory *memory, uint64_t class_tag, uint32_t format,
                       uint64_t num_slots)
{
	uint32_t compact;
	uint32_t lead;
	uint64_t bytes = bytes_wanted(memory, class_tag, num_slots, &compact, &lead);
	if (object_memory_room(memory) < bytes) {
		return 0;
	}
	imago_addr chunk = memory->old_top;
	memory->old_top += bytes;
	return put_header(memory, chunk, class_tag, format, num_slots, compact, lead);
}

/* V3 asks the class for its compact index, and an image may have become: anything else in its
 * place. */
static bool
has_class(const imago_object_memory *memory, uint64_t class_tag)
{
	const imago_memory_kind kind = memory->kind;
	return !kind.v3 || (class_tag != 0 && imago_memory_is_pointer(kind, class_tag) &&
	                    imago_memory_has_pointers(memory, class_tag, kind) &&
	                    imago_memory_num_slots(memory, class_tag, kind) >= CLASS_SLOTS);
}

imago_oop
imago_memory_make_unset(imago_object_memory *memory, uint64_t class_tag, uint32_t format,
                        uint64_t num_slots)
{
	if (!has_class(memory, class_tag)) {
		return 0;
	}
	uint32_t compact;
	uint32_t lead;
	uint64_t bytes = bytes_wanted(memory, class_tag, num_slots, &compact, &lead);
	if (memory->eden_limit - memory->eden_top < bytes) {
		return object_memory_make_old(memory, class_tag, format, num_slots);
	}
	imago_addr chunk = memory->eden_top;
	memory->eden_top += bytes;
	return put_header(memory, chunk, class_tag, format, num_slots, compact, lead);
}

imago_oop
imago_memory_make(imago_object_memory *memory, imago_oop cls, uint32_t format, uint64_t num_slots)
{
	const imago_memory_kind kind = memory->kind;
	if (cls == 0 || !imago_memory_is_pointer(kind, cls) ||
	    !imago_memory_has_pointers(memory, cls, kind) ||
	    imago_memory_num_slots(memory, cls, kind) < CLASS_SLOTS) {
		return 0;
	}
	uint64_t tag = kind.v3 ? cls : imago_memory_class_index(memory, cls);
	if (tag == 0) {
		return 0;
	}
	imago_oop oop = imago_memory_make_unset(memory, tag, format, num_slots);
	if (oop == 0) {
		return 0;
	}
	if (imago_memory_has_pointers(memory, oop, kind)) {
		for (uint64_t i = 0; i < num_slots; i++) {
			imago_memory_set_slot_raw(memory, oop, i, memory->nil, kind);
		}
	} else {
		uint64_t body = object_memory_size(memory, oop) - imago_header_bytes(kind);
		memset(imago_memory_body(memory, oop, kind), 0, (size_t)body);
	}
	/* A large object lies in old space, with a class that may be young (V3). */
	if (kind.v3 && !imago_memory_is_young(memory, oop) && imago_memory_is_young(memory, cls)) {
		imago_memory_remember(memory, oop);
	}
	return oop;
}

uint64_t
object_memory_room(const imago_object_memory *memory)
{
	uint64_t room = memory->eden_start - memory->old_top;
	uint64_t kept = memory->eden_end - memory->eden_start;
	return room > kept ? room - kept : 0;
}

void
object_memory_set_limit(imago_object_memory *memory)
{
	uint64_t half = (memory->old_top - memory->old_base) / 2;
	uint64_t least = EDENS_OF_GROWTH * (memory->eden_end - memory->eden_start);
	uint64_t growth = half > least ? half : least;
	uint64_t room = object_memory_room(memory);
	memory->old_limit = memory->old_top + (growth < room ? growth : room);
}

/* Room for so many bytes in old space, and that many scavenged ones: collects when old space has
 * grown enough since the last time, permanent space only when nothing else helps. */
static bool
make_room(imago_object_memory *memory, uint64_t num_bytes)
{
	uint64_t wanted = num_bytes + (memory->eden_top - memory->eden_start);
	if (wanted == 0 ||
	    (memory->old_limit > memory->old_top && wanted <= memory->old_limit - memory->old_top)) {
		return true;
	}
	(void)imago_memory_collect(memory, false);
	wanted = num_bytes + (memory->eden_top - memory->eden_start);
	if (wanted > object_memory_room(memory) && memory->perm != NULL && !memory->kind.tabled) {
		(void)imago_memory_collect(memory, true);
		wanted = num_bytes + (memory->eden_top - memory->eden_start);
	}
	return wanted <= object_memory_room(memory);
}

/* Where each reservation is to collect, eden never has more room than was asked for. */
static bool
reserve_always(imago_object_memory *memory, uint64_t num_bytes)
{
	uint64_t nth = ++memory->num_reserves;
	bool all = nth % (UINT64_C(4) * memory->collect_every) == 0;
	bool old = nth % memory->collect_every == 0;
	if (old ? !imago_memory_collect(memory, all) : !imago_memory_scavenge(memory)) {
		return false;
	}
	if (num_bytes > memory->eden_end - memory->eden_start) {
		memory->eden_limit = memory->eden_start;
		return make_room(memory, num_bytes);
	}
	memory->eden_limit = memory->eden_start + num_bytes;
	return true;
}

bool
imago_memory_reserve(imago_object_memory *memory, uint64_t num_bytes)
{
	if (num_bytes <= memory->eden_limit - memory->eden_top) {
		return true;
	}
	if (memory->collect_every > 0) {
		return reserve_always(memory, num_bytes);
	}
	if (num_bytes > (memory->eden_end - memory->eden_start) / 2) {
		return make_room(memory, num_bytes);
	}
	return imago_memory_scavenge(memory);
}

bool
imago_memory_scavenge(imago_object_memory *memory)
{
	return make_room(memory, 0) && object_memory_empty_eden(memory);
}

imago_oop
object_memory_from(const imago_object_memory *memory, imago_addr chunk)
{
	const imago_memory_kind kind = memory->kind;
	for (;;) {
		if (chunk == memory->perm_top) {
			chunk = memory->old_base;
		}
		if (chunk == memory->old_top) {
			chunk = memory->eden_start;
		}
		if (chunk >= memory->eden_top && chunk >= memory->eden_start) {
			return 0;
		}
		uint64_t first = imago_memory_header(memory, chunk, kind);
		if (kind.v3 && (first & 3) == 2) {
			chunk += first & ~UINT64_C(3);
			continue;
		}
		imago_oop oop = object_memory_oop_of_chunk(memory, chunk);
		if (object_memory_is_followed(memory, oop)) {
			return oop;
		}
		chunk += object_memory_chunk_bytes(memory, oop);
	}
}

imago_oop
imago_memory_first(const imago_object_memory *memory)
{
	return object_memory_from(memory, memory->base);
}

imago_oop
imago_memory_next(const imago_object_memory *memory, imago_oop oop)
{
	return object_memory_from(memory, oop + object_memory_size(memory, oop));
}

/* scavenge.c: young objects move to old space; become.
 *
 * A scavenge copies what the roots and the remembered objects reach (Cheney's way: the copies
 * themselves are the list of what is still to be looked at) and leaves the rest behind. Everything
 * that is alive is promoted, so afterwards nothing is young and nothing remembered. */
#include "object_memory_private.h"

#include <stdlib.h>

#include "imago/known_objects.h"

enum {
	SPUR_REMEMBERED = 29,
	V3_REMEMBERED = 30,
	V3_FORWARDED = 2, /* type of a header word that holds the new oop */
	FIRST_REMEMBERED = 256,
};

static uint64_t
remembered_bit(const imago_object_memory *memory)
{
	return UINT64_C(1) << (memory->kind.v3 ? V3_REMEMBERED : SPUR_REMEMBERED);
}

bool
object_memory_is_remembered(const imago_object_memory *memory, imago_oop oop)
{
	const imago_memory_kind word = {.wide = !memory->kind.v3};
	return (imago_word_get(imago_memory_at(memory, oop), word) & remembered_bit(memory)) != 0;
}

void
imago_memory_remember(imago_object_memory *memory, imago_oop oop)
{
	const imago_memory_kind word = {.wide = !memory->kind.v3};
	uint8_t *at = imago_memory_at(memory, oop);
	uint64_t header = imago_word_get(at, word);
	bool is_perm = imago_memory_is_perm(memory, oop);
	if (is_perm ? object_memory_perm_remember(memory, oop)
	            : (header & remembered_bit(memory)) != 0) {
		return;
	}
	if (memory->num_remembered == memory->remembered_capacity) {
		uint64_t capacity = memory->remembered_capacity * 2 + FIRST_REMEMBERED;
		imago_oop *grown = imago_resize(memory->allocator, memory->remembered,
		                                memory->remembered_capacity * sizeof *grown,
		                                capacity * sizeof *grown, "remembered set", NULL);
		if (grown == NULL) {
			memory->remembered_overflow = true; /* the next scavenge looks at all of old space */
			return;
		}
		memory->remembered = grown;
		memory->remembered_capacity = capacity;
	}
	if (!is_perm) {
		imago_word_put(at, header | remembered_bit(memory), word);
	}
	memory->remembered[memory->num_remembered++] = oop;
}

/* Where a young object is now, or 0. */
static imago_oop
forwarded_to(const imago_object_memory *memory, imago_oop oop)
{
	uint64_t header = imago_memory_header(memory, oop, memory->kind);
	if (memory->kind.v3) {
		return (header & 3) == V3_FORWARDED ? header & ~UINT64_C(3) : 0;
	}
	if ((header & (IMAGO_CLASS_INDEX_LIMIT - 1)) != IMAGO_CLASS_FORWARDER) {
		return 0;
	}
	return imago_memory_slot(memory, oop, 0, memory->kind);
}

static void
forward(imago_object_memory *memory, imago_oop oop, imago_oop target)
{
	const imago_memory_kind word = {.wide = !memory->kind.v3};
	if (memory->kind.v3) {
		imago_word_put(imago_memory_at(memory, oop), target | V3_FORWARDED, word);
		return;
	}
	imago_word_put(imago_memory_at(memory, oop), IMAGO_CLASS_FORWARDER, word);
	imago_memory_set_slot_raw(memory, oop, 0, target, memory->kind);
}

static void
promote(void *visitor, imago_oop *oop)
{
	imago_object_memory *memory = visitor;
	if (!imago_memory_is_pointer(memory->kind, *oop) || !imago_memory_is_young(memory, *oop)) {
		return;
	}
	imago_oop target = forwarded_to(memory, *oop);
	if (target == 0) {
		uint32_t lead = object_memory_lead(memory, *oop);
		uint64_t bytes = object_memory_chunk_bytes(memory, *oop);
		memcpy(imago_memory_at(memory, memory->old_top), imago_memory_at(memory, *oop - lead),
		       (size_t)bytes);
		target = memory->old_top + lead;
		memory->old_top += bytes;
		memory->bytes_promoted += bytes;
		forward(memory, *oop, target);
	}
	*oop = target;
}

/* The class word of a V3 object. */
static void
promote_class(imago_object_memory *memory, imago_oop oop)
{
	const imago_memory_kind narrow = {.wide = false};
	if (!memory->kind.v3 || (imago_memory_header(memory, oop, memory->kind) & 3) == 3) {
		return;
	}
	uint8_t *at = imago_memory_at(memory, oop) - 4;
	uint64_t word = imago_word_get(at, narrow);
	imago_oop cls = word & ~UINT64_C(3);
	promote(memory, &cls);
	imago_word_put(at, cls | (word & 3), narrow);
}

/* Slots above a context's stack pointer hold what was once there: nil from now on. What does not
 * change is not written: permanent space keeps its pages clean. */
static void
promote_slots(imago_object_memory *memory, imago_oop oop)
{
	const imago_memory_kind kind = memory->kind;
	uint64_t num_oops = object_memory_num_oops(memory, oop);
	uint64_t num_live = object_memory_num_live_oops(memory, oop);
	promote_class(memory, oop);
	for (uint64_t i = 0; i < num_live; i++) {
		imago_oop value = imago_memory_slot(memory, oop, i, kind);
		imago_oop before = value;
		promote(memory, &value);
		if (value != before) {
			imago_memory_set_slot_raw(memory, oop, i, value, kind);
		}
	}
	for (uint64_t i = num_live; i < num_oops; i++) {
		if (imago_memory_slot(memory, oop, i, kind) != memory->nil) {
			imago_memory_set_slot_raw(memory, oop, i, memory->nil, kind);
		}
	}
}

void
object_memory_forget(imago_object_memory *memory, imago_oop oop)
{
	const imago_memory_kind word = {.wide = !memory->kind.v3};
	if (imago_memory_is_perm(memory, oop)) {
		imago_bitmap_clear(&memory->perm->given_young, object_memory_perm_bit(memory, oop));
		return;
	}
	uint8_t *at = imago_memory_at(memory, oop);
	uint64_t header = imago_word_get(at, word);
	if ((header & remembered_bit(memory)) != 0) { /* pages that are mapped stay clean */
		imago_word_put(at, header & ~remembered_bit(memory), word);
	}
}

/* The list is not complete: old space is gone through, and the bits of permanent space. */
static void
promote_from_all(imago_object_memory *memory, imago_addr old_end)
{
	for (imago_oop oop = object_memory_from(memory, memory->old_base); oop != 0 && oop < old_end;
	     oop = imago_memory_next(memory, oop)) {
		promote_slots(memory, oop);
	}
	if (memory->perm != NULL) {
		const imago_bitmap *young = &memory->perm->given_young;
		for (uint64_t bit = 0; (bit = imago_bitmap_next(young, bit)) < young->num_bits; bit++) {
			imago_oop oop = object_memory_perm_at(memory, bit);
			object_memory_forget(memory, oop);
			promote_slots(memory, oop);
		}
	}
}

static void
promote_from_old(imago_object_memory *memory, imago_addr old_end)
{
	if (memory->remembered_overflow) {
		promote_from_all(memory, old_end);
	}
	for (uint64_t i = 0; i < memory->num_remembered; i++) {
		object_memory_forget(memory, memory->remembered[i]);
		promote_slots(memory, memory->remembered[i]);
	}
	memory->num_remembered = 0;
	memory->remembered_overflow = false;
}

bool
object_memory_empty_eden(imago_object_memory *memory)
{
	if (memory->eden_start - memory->old_top < memory->eden_top - memory->eden_start) {
		return false;
	}
	imago_addr scan = memory->old_top;
	promote_from_old(memory, scan);
	if (memory->visit_roots != NULL) {
		memory->visit_roots(memory->roots_payload, promote, memory);
	}
	for (uint64_t i = 0; i < memory->num_mourners; i++) {
		promote(memory, &memory->mourners[i]);
	}
	while (scan < memory->old_top) {
		imago_oop oop = object_memory_oop_of_chunk(memory, scan);
		uint64_t bytes = object_memory_chunk_bytes(memory, oop);
		promote_slots(memory, oop);
		scan += bytes;
	}
	memory->eden_top = memory->eden_start;
	memory->num_scavenges++;
	return true;
}

/* ---- Become. */

typedef struct replacement {
	imago_oop from, to;
} replacement;

typedef struct replacements {
	imago_memory_kind kind;
	const replacement *pairs;
	uint64_t count;
} replacements;

static int
compare_pairs(const void *left, const void *right)
{
	imago_oop a = ((const replacement *)left)->from;
	imago_oop b = ((const replacement *)right)->from;
	return a < b ? -1 : a > b;
}

static void
replace(void *visitor, imago_oop *oop)
{
	const replacements *all = visitor;
	uint64_t low = 0;
	uint64_t high = all->count;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (all->pairs[middle].from < *oop) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	if (low < all->count && all->pairs[low].from == *oop) {
		*oop = all->pairs[low].to;
	}
}

static void
replace_in_object(imago_object_memory *memory, imago_oop oop, replacements *all)
{
	const imago_memory_kind narrow = {.wide = false};
	uint64_t num_oops = object_memory_num_live_oops(memory, oop);
	for (uint64_t i = 0; i < num_oops; i++) {
		imago_oop value = imago_memory_slot(memory, oop, i, memory->kind);
		imago_oop before = value;
		replace(all, &value);
		if (value != before) {
			imago_memory_set_slot(memory, oop, i, value, memory->kind);
		}
	}
	if (memory->kind.v3 && (imago_memory_header(memory, oop, memory->kind) & 3) != 3) {
		uint8_t *at = imago_memory_at(memory, oop) - 4;
		uint64_t word = imago_word_get(at, narrow);
		imago_oop cls = word & ~UINT64_C(3);
		replace(all, &cls);
		imago_word_put(at, cls | (word & 3), narrow);
		if (!imago_memory_is_young(memory, oop) && imago_memory_is_young(memory, cls)) {
			imago_memory_remember(memory, oop);
		}
	}
}

bool
imago_memory_become(imago_object_memory *memory, const imago_oop *from, const imago_oop *to,
                    uint64_t count, bool two_way, bool copy_hash)
{
	uint64_t num_pairs = two_way ? 2 * count : count;
	replacement *pairs =
	    imago_allocate_array(memory->allocator, num_pairs, sizeof *pairs, "become", NULL);
	if (pairs == NULL) {
		return false;
	}
	for (uint64_t i = 0; i < count; i++) {
		pairs[i] = (replacement){from[i], to[i]};
		if (two_way) {
			pairs[count + i] = (replacement){to[i], from[i]};
		}
		if (copy_hash) {
			object_memory_copy_hash(memory, from[i], to[i]);
		}
	}
	qsort(pairs, (size_t)num_pairs, sizeof *pairs, compare_pairs);
	replacements all = {memory->kind, pairs, num_pairs};
	for (imago_oop oop = imago_memory_first(memory); oop != 0;
	     oop = imago_memory_next(memory, oop)) {
		replace_in_object(memory, oop, &all);
	}
	if (memory->visit_roots != NULL) {
		memory->visit_roots(memory->roots_payload, replace, &all);
	}
	for (uint64_t i = 0; i < memory->num_mourners; i++) {
		replace(&all, &memory->mourners[i]);
	}
	imago_release(memory->allocator, pairs, num_pairs * sizeof *pairs);
	return true;
}

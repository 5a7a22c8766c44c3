/* pockets.c: the arena: regions, allocation, counts. */
#include <string.h>

#include "../base/planted.h"
#include "imago/checked.h"
#include "pocket_private.h"

enum {
	FIRST_CAPACITY = 1 << 14,
	MOST_DOUBLED = 1 << 20,
	QUARTER = 4,
	SCARCE_LISTS = IMAGO_NUM_FREE_LISTS - 1,
};

/* A pocket that waits to be freed is linked through its count: the number of its grain, plus one.
 */
#define LARGEST_MAIN ((uint64_t)UINT32_MAX * IMAGO_POCKET_GRAIN - IMAGO_POCKET_GRAIN)

void
imago_pockets_init_empty(imago_pockets *pockets, imago_allocator *allocator)
{
	memset(pockets, 0, sizeof *pockets);
	pockets->allocator = allocator;
}

imago_status
imago_pockets_init(imago_pockets *pockets, imago_allocator *allocator, imago_error *error)
{
	imago_pockets_init_empty(pockets, allocator);
	return imago_namespace_make(pockets, 0, &pockets->regions[0].root, error);
}

void
imago_pockets_release(imago_pockets *pockets)
{
	imago_release(pockets->allocator, pockets->regions[0].bytes, pockets->regions[0].capacity);
	imago_release(pockets->allocator, pockets->stack,
	              pockets->stack_capacity * sizeof *pockets->stack);
	for (unsigned i = 1; i < IMAGO_NUM_REGIONS; i++) {
		imago_bitmap_release(&pockets->regions[i].claimed, pockets->allocator);
	}
	imago_pockets_scratch_release_all(pockets);
	imago_pockets_init_empty(pockets, pockets->allocator);
}

/* The bytes from an address on, and how many there are in its region: at least length, or NULL. */
IMAGO_ALWAYS_INLINE uint8_t *
bytes_from(const imago_pockets *pockets, imago_addr address, uint64_t length, uint64_t *left)
{
	const unsigned number = imago_region_of(address);
	if (number == IMAGO_NUM_REGIONS) {
		return NULL;
	}
	const imago_region *region = &pockets->regions[number];
	const uint64_t at = address - IMAGO_REGION_START(number);
	if (region->bytes == NULL || !imago_range_fits(at, length, region->used)) {
		return NULL;
	}
	*left = region->used - at;
	return region->bytes + at;
}

uint8_t *
imago_pocket_bytes(const imago_pockets *pockets, imago_addr address, uint64_t length)
{
	uint64_t left;
	return bytes_from(pockets, address, length, &left);
}

bool
imago_pocket_at(const imago_pockets *pockets, imago_addr address, imago_pocket *out)
{
	uint64_t left;
	uint8_t *bytes = bytes_from(pockets, address, IMAGO_POCKET_LEAST, &left);
	if (bytes == NULL || address % IMAGO_POCKET_GRAIN != 0) {
		return false;
	}
	const uint64_t length = pocket_word(bytes + POCKET_AT_LENGTH);
	if (length < IMAGO_POCKET_LEAST || length % IMAGO_POCKET_GRAIN != 0 || length > left) {
		return false;
	}
	*out = (imago_pocket){
	    .address = address,
	    .length = length,
	    .count = pocket_half(bytes + POCKET_AT_COUNT),
	    .zones = {bytes[POCKET_AT_ZONES], bytes[POCKET_AT_ZONES + 1], bytes[POCKET_AT_ZONES + 2],
	              bytes[POCKET_AT_ZONES + 3]},
	    .contents = bytes + IMAGO_POCKET_HEADER,
	    .size = length - IMAGO_POCKET_HEADER,
	};
	return true;
}

bool
imago_pocket_of_kind(const imago_pockets *pockets, imago_addr address, imago_pocket_kind kind,
                     imago_pocket *out)
{
	return imago_pocket_at(pockets, address, out) && out->zones.kind == kind;
}

/* ---- Pointers */

static uint64_t
pointers_of_table(const imago_pocket *pocket)
{
	const uint64_t num = (uint64_t)1 + pocket_half(pocket->contents + LST_NUM_SYMBOLS) +
	                     pocket_half(pocket->contents + LST_NUM_CONSTANTS);
	return num <= (pocket->size - LST_POINTERS) / 8 ? num : 0;
}

uint64_t
imago_pocket_pointers(const imago_pocket *pocket, uint64_t *first)
{
	imago_array array;
	*first = 0;
	switch (pocket->zones.kind) {
	case IMAGO_POCKET_NAMESPACE:
	case IMAGO_POCKET_FUNCTION:
		return 2;
	case IMAGO_POCKET_SYMBOL:
		return pocket->size >= SYMBOL_NAME ? 4 : 0;
	case IMAGO_POCKET_LST:
		*first = LST_POINTERS;
		return pointers_of_table(pocket);
	case IMAGO_POCKET_ARRAY:
		if (pocket->zones.type != IMAGO_ARRAY_NESTED || !imago_array_of(pocket, &array)) {
			return 0;
		}
		*first = (uint64_t)8 * array.rank;
		return array.num;
	default:
		return 0;
	}
}

/* Where pointer i is, or NULL. */
static uint8_t *
pointer_place(const imago_pocket *pocket, uint64_t i)
{
	uint64_t first;
	const uint64_t num = imago_pocket_pointers(pocket, &first);
	return i < num ? pocket->contents + first + i * 8 : NULL;
}

imago_addr
imago_pocket_pointer(const imago_pocket *pocket, uint64_t i)
{
	const uint8_t *place = pointer_place(pocket, i);
	const imago_addr value = place != NULL ? pocket_word(place) : 0;
	const unsigned here = imago_region_of(pocket->address);
	const bool is_outside = here != 0 && value != 0 && imago_region_of(value) != here;
	return is_outside && !IMAGO_BUG(file_pointer_followed, is_outside) ? 0 : value;
}

void
imago_pocket_give(imago_pockets *pockets, imago_addr address, uint64_t i, imago_addr value)
{
	imago_pocket pocket;
	uint8_t *place = imago_region_of(address) == 0 && imago_pocket_at(pockets, address, &pocket)
	                     ? pointer_place(&pocket, i)
	                     : NULL;
	if (place == NULL) {
		imago_pocket_drop(pockets, value);
		return;
	}
	const imago_addr before = pocket_word(place);
	pocket_set_word(place, value);
	imago_pocket_drop(pockets, before);
}

void
imago_pocket_put(imago_pockets *pockets, imago_addr address, uint64_t i, imago_addr value)
{
	imago_pocket_hold(pockets, value);
	imago_pocket_give(pockets, address, i, value);
}

/* ---- Counts */

static uint8_t *
place_of_count(const imago_pockets *pockets, imago_addr address)
{
	imago_pocket pocket;
	return imago_pocket_at(pockets, address, &pocket)
	           ? pocket.contents - IMAGO_POCKET_HEADER + POCKET_AT_COUNT
	           : NULL;
}

void
imago_pocket_hold(imago_pockets *pockets, imago_addr address)
{
	uint8_t *place = place_of_count(pockets, address);
	if (place != NULL) {
		const uint32_t count = pocket_half(place);
		pocket_set_half(place, count < IMAGO_POCKET_STICKY ? count + 1 : count);
	}
}

/* One less; true when it was the last one, of a pocket that can be freed. */
static bool
let_go(imago_pockets *pockets, imago_addr address)
{
	uint8_t *place = place_of_count(pockets, address);
	const uint32_t count = place != NULL ? pocket_half(place) : 0;
	if (count == 0 || count == IMAGO_POCKET_STICKY) {
		return false;
	}
	pocket_set_half(place, count - 1);
	return count == 1 && imago_region_of(address) == 0;
}

static void
list_free(imago_pockets *pockets, imago_addr address, uint64_t length)
{
	uint8_t *bytes = imago_pocket_bytes(pockets, address, length);
	const uint64_t grains = length / IMAGO_POCKET_GRAIN - 2;
	imago_addr *head = &pockets->free[grains < SCARCE_LISTS ? grains : SCARCE_LISTS];
	pocket_set_word(bytes + POCKET_AT_LENGTH, length);
	memset(bytes + POCKET_AT_COUNT, 0, IMAGO_POCKET_LEAST - POCKET_AT_COUNT);
	pocket_set_word(bytes + IMAGO_POCKET_HEADER, *head);
	*head = address;
	pockets->num_free += length;
}

static void
free_pocket(imago_pockets *pockets, const imago_pocket *pocket)
{
	imago_region *region = &pockets->regions[0];
	if (pocket->address - IMAGO_REGION_START(0) + pocket->length == region->used) {
		region->used -= pocket->length;
	} else {
		list_free(pockets, pocket->address, pocket->length);
	}
}

/* Chains of values may be as long as memory: those that wait are linked through their counts, which
 * are 0. */
void
imago_pocket_drop(imago_pockets *pockets, imago_addr address)
{
	uint32_t waiting = 0;
	if (let_go(pockets, address)) {
		waiting = (uint32_t)((address - IMAGO_REGION_START(0)) / IMAGO_POCKET_GRAIN) + 1;
	}
	while (waiting != 0) {
		imago_pocket pocket;
		const imago_addr next =
		    IMAGO_REGION_START(0) + (uint64_t)(waiting - 1) * IMAGO_POCKET_GRAIN;
		if (!imago_pocket_at(pockets, next, &pocket)) {
			return;
		}
		waiting = pocket.count;
		uint64_t first;
		const uint64_t num = imago_pocket_pointers(&pocket, &first);
		for (uint64_t i = 0; i < num; i++) {
			const imago_addr value = pocket_word(pocket.contents + first + i * 8);
			if (let_go(pockets, value)) {
				pocket_set_half(place_of_count(pockets, value), waiting);
				waiting = (uint32_t)((value - IMAGO_REGION_START(0)) / IMAGO_POCKET_GRAIN) + 1;
			}
		}
		free_pocket(pockets, &pocket);
	}
}

/* ---- Allocation */

void
imago_pockets_join_free(imago_pockets *pockets)
{
	imago_region *region = &pockets->regions[0];
	imago_addr address = IMAGO_REGION_START(0);
	imago_pocket pocket;
	memset(pockets->free, 0, sizeof pockets->free);
	pockets->num_free = 0;
	while (imago_pocket_at(pockets, address, &pocket)) {
		imago_pocket next;
		uint64_t length = pocket.length;
		if (pocket.zones.kind == IMAGO_POCKET_FREE) {
			while (imago_pocket_of_kind(pockets, address + length, IMAGO_POCKET_FREE, &next)) {
				length += next.length;
			}
			if (address - IMAGO_REGION_START(0) + length == region->used) {
				region->used -= length;
				return;
			}
			list_free(pockets, address, length);
		}
		address += length;
	}
}

/* Takes the first pocket off a list that has this length, or room for another one behind it. */
static imago_addr
take_from(imago_pockets *pockets, imago_addr *head, uint64_t length)
{
	enum { MOST_TRIES = 64 };
	imago_addr before = 0;
	imago_addr at = *head;
	imago_pocket pocket;
	for (int i = 0; i < MOST_TRIES && imago_region_of(at) == 0 &&
	                imago_pocket_of_kind(pockets, at, IMAGO_POCKET_FREE, &pocket);
	     i++) {
		const imago_addr next = pocket_word(pocket.contents);
		if (pocket.length == length || pocket.length >= length + IMAGO_POCKET_LEAST ||
		    IMAGO_BUG(free_rest_small, pocket.length == length + IMAGO_POCKET_GRAIN)) {
			if (before == 0) {
				*head = next;
			} else {
				pocket_set_word(imago_pocket_bytes(pockets, before, IMAGO_POCKET_LEAST) +
				                    IMAGO_POCKET_HEADER,
				                next);
			}
			pockets->num_free -= pocket.length;
			if (pocket.length > length) {
				list_free(pockets, at + length, pocket.length - length);
			}
			return at;
		}
		before = at;
		at = next;
	}
	return 0;
}

static imago_addr
take_free(imago_pockets *pockets, uint64_t length)
{
	const uint64_t grains = length / IMAGO_POCKET_GRAIN - 2;
	imago_addr found = 0;
	if (grains < SCARCE_LISTS) {
		found = take_from(pockets, &pockets->free[grains], length);
	}
	return found != 0 ? found : take_from(pockets, &pockets->free[SCARCE_LISTS], length);
}

/* Twice as much while it is little, then a quarter more; or as much as there may be. */
static imago_status
grow(imago_pockets *pockets, uint64_t length, imago_error *error)
{
	imago_region *region = &pockets->regions[0];
	const imago_allocator *allocator = pockets->allocator;
	const uint64_t left = allocator->budget - allocator->used;
	if (length > LARGEST_MAIN - region->used) {
		return imago_fail(error, IMAGO_ELIMIT, "workspace", IMAGO_NO_OFFSET, length,
		                  LARGEST_MAIN - region->used);
	}
	const uint64_t needed = region->used + length;
	const uint64_t more =
	    region->capacity < MOST_DOUBLED ? region->capacity : region->capacity / QUARTER;
	uint64_t wanted = region->capacity + (more < FIRST_CAPACITY ? FIRST_CAPACITY : more);
	wanted = wanted > LARGEST_MAIN ? LARGEST_MAIN : wanted;
	wanted = wanted > region->capacity && wanted - region->capacity > left ? needed : wanted;
	wanted = wanted < needed ? needed : wanted;
	uint8_t *grown = imago_resize(pockets->allocator, region->bytes, region->capacity, wanted,
	                              "workspace", error);
	if (grown == NULL) {
		return IMAGO_ENOMEM;
	}
	region->bytes = grown;
	region->capacity = wanted;
	return IMAGO_OK;
}

static imago_status
find_room(imago_pockets *pockets, uint64_t length, imago_addr *out, imago_error *error)
{
	imago_region *region = &pockets->regions[0];
	imago_addr address = take_free(pockets, length);
	if (address == 0 && length > region->capacity - region->used && pockets->num_free >= length &&
	    pockets->num_free >= region->used / 8) {
		imago_pockets_join_free(pockets);
		address = take_free(pockets, length);
	}
	if (address == 0 && length > region->capacity - region->used) {
		const imago_status status = grow(pockets, length, error);
		if (status != IMAGO_OK) {
			return status;
		}
	}
	if (address == 0) {
		address = IMAGO_REGION_START(0) + region->used;
		region->used += length;
	}
	*out = address;
	return IMAGO_OK;
}

imago_status
imago_pocket_make(imago_pockets *pockets, imago_zones zones, uint64_t size, imago_addr *out,
                  imago_error *error)
{
	uint64_t length;
	if (!imago_checked_add(size, IMAGO_POCKET_HEADER, &length) ||
	    !imago_checked_align_up(length, IMAGO_POCKET_GRAIN, &length)) {
		return imago_fail(error, IMAGO_ELIMIT, "pocket", IMAGO_NO_OFFSET, size, LARGEST_MAIN);
	}
	length = length < IMAGO_POCKET_LEAST ? IMAGO_POCKET_LEAST : length;
	imago_addr address;
	const imago_status status = find_room(pockets, length, &address, error);
	if (status != IMAGO_OK) {
		return status;
	}
	uint8_t *bytes = imago_pocket_bytes(pockets, address, length);
	memset(bytes, 0, (size_t)length);
	pocket_set_word(bytes + POCKET_AT_LENGTH, length);
	pocket_set_half(bytes + POCKET_AT_COUNT, 1);
	bytes[POCKET_AT_ZONES] = zones.kind;
	bytes[POCKET_AT_ZONES + 1] = zones.type;
	bytes[POCKET_AT_ZONES + 2] = zones.size;
	bytes[POCKET_AT_ZONES + 3] = zones.flag;
	*out = address;
	return IMAGO_OK;
}

/* ---- The stack */

imago_status
imago_pockets_push(imago_pockets *pockets, imago_addr value, imago_error *error)
{
	if (pockets->stack_size == pockets->stack_capacity) {
		const size_t capacity = pockets->stack_capacity == 0 ? 64 : pockets->stack_capacity * 2;
		imago_addr *grown = imago_resize(pockets->allocator, pockets->stack,
		                                 pockets->stack_capacity * sizeof *grown,
		                                 capacity * sizeof *grown, "values on their way", error);
		if (grown == NULL) {
			imago_pocket_drop(pockets, value);
			return IMAGO_ENOMEM;
		}
		pockets->stack = grown;
		pockets->stack_capacity = capacity;
	}
	pockets->stack[pockets->stack_size++] = value;
	return IMAGO_OK;
}

imago_addr
imago_pockets_pop(imago_pockets *pockets)
{
	return pockets->stack_size > 0 ? pockets->stack[--pockets->stack_size] : 0;
}

void
imago_pockets_cut(imago_pockets *pockets, size_t size)
{
	while (pockets->stack_size > size) {
		imago_pocket_drop(pockets, imago_pockets_pop(pockets));
	}
}

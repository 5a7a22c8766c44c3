/* map.c: a hash table from addresses to numbers. */
#include "pocket_private.h"

enum { FIRST_ROWS = 64, ROW_BYTES = 16 };

void
imago_addr_map_init(imago_addr_map *map, imago_pockets *pockets)
{
	*map = (imago_addr_map){.pockets = pockets};
}

void
imago_addr_map_release(imago_addr_map *map)
{
	imago_pockets_scratch_release(map->pockets, map->rows, map->capacity * ROW_BYTES);
	imago_addr_map_init(map, map->pockets);
}

/* The row of a key, or the empty one where it would be; there is one. */
static uint64_t *
row_of(uint64_t *rows, uint64_t capacity, imago_addr key)
{
	uint64_t at = key / IMAGO_POCKET_GRAIN * UINT64_C(0x9E3779B97F4A7C15) >> 20;
	for (;; at++) {
		uint64_t *row = rows + at % capacity * 2;
		if (row[0] == key || row[0] == 0) {
			return row;
		}
	}
}

uint64_t *
imago_addr_map_find(const imago_addr_map *map, imago_addr key)
{
	uint64_t *row = map->capacity > 0 ? row_of(map->rows, map->capacity, key) : NULL;
	return row != NULL && row[0] != 0 ? row + 1 : NULL;
}

static imago_status
grow(imago_addr_map *map, imago_error *error)
{
	const uint64_t capacity = map->capacity == 0 ? FIRST_ROWS : map->capacity * 2;
	uint64_t *rows = imago_pockets_scratch(map->pockets, NULL, 0, capacity * ROW_BYTES,
	                                       "map of addresses", error);
	if (rows == NULL) {
		return IMAGO_ENOMEM;
	}
	for (uint64_t i = 0; i < capacity * 2; i++) {
		rows[i] = 0;
	}
	for (uint64_t i = 0; i < map->capacity; i++) {
		const uint64_t *old = map->rows + i * 2;
		if (old[0] != 0) {
			uint64_t *row = row_of(rows, capacity, old[0]);
			row[0] = old[0];
			row[1] = old[1];
		}
	}
	imago_pockets_scratch_release(map->pockets, map->rows, map->capacity * ROW_BYTES);
	map->rows = rows;
	map->capacity = capacity;
	return IMAGO_OK;
}

imago_status
imago_addr_map_put(imago_addr_map *map, imago_addr key, uint64_t value, imago_error *error)
{
	if (map->num >= map->capacity / 2) {
		const imago_status status = grow(map, error);
		if (status != IMAGO_OK) {
			return status;
		}
	}
	uint64_t *row = row_of(map->rows, map->capacity, key);
	row[0] = key;
	row[1] = value;
	map->num++;
	return IMAGO_OK;
}

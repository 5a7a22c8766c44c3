/* fix_up.c: sizes, counts, bridges and sums after edits. */
#include "fix_up.h"

#include <stdio.h>

#include "bundle.h"
#include "imago/byte_order.h"
#include "move.h"

/* Segments of the subject are ascending and aligned; should they not be, nothing more is done. */
static void
write_bridges(subject *s, imago_bridges style)
{
	if (imago_heap_set_bridges(s->heap, style, NULL) != IMAGO_OK) {
		s->readable = false;
	}
}

static void
fix_classic(subject *s)
{
	const imago_heap *heap = s->heap;
	uint64_t total = 0;
	for (size_t i = 0; i < heap->num_segments; i++) {
		total += heap->segments[i].size + heap->segments[i].bridge_size;
	}
	(void)subject_set_field(s, "imageHeaderSize", s->header_size);
	(void)subject_set_field(s, "dataSize", total);
	(void)subject_set_field(s, "oldBaseAddr", heap->segments[0].start);
	if (heap->model == IMAGO_SPUR) {
		(void)subject_set_field(s, "firstSegSize", heap->segments[0].size + IMAGO_BRIDGE_SIZE);
		write_bridges(s, IMAGO_BRIDGES_FILE);
	}
}

static void
fix_composed(subject *s)
{
	uint64_t old_space = 0;
	uint64_t total = 0;
	unsigned number = 0;
	for (size_t i = 0; i < s->heap->num_segments; i++) {
		const imago_segment *segment = &s->heap->segments[i];
		const uint64_t size = segment->size + segment->bridge_size;
		total += size;
		if (segment->space == IMAGO_SPACE_PERM) {
			(void)bundle_set(s, "permSpace.ston", "startAddress", segment->start);
			(void)bundle_set(s, "permSpace.ston", "dataSize", size);
			continue;
		}
		char name[IMAGO_PART_SIZE];
		old_space += size;
		snprintf(name, sizeof name, "seg%u.ston", number++);
		(void)bundle_set(s, name, "startAddress", segment->start);
		(void)bundle_set(s, name, "dataSize", size);
	}
	(void)bundle_set(s, "header.ston", "dataSize", total);
	(void)bundle_set(s, "header.ston", "hdrOldSpaceSize", old_space);
	(void)bundle_set(s, "header.ston", "oldBaseAddr", s->heap->segments[0].start);
	(void)bundle_set(s, "header.ston", "firstSegSize",
	                 s->heap->segments[0].size + IMAGO_BRIDGE_SIZE);
	write_bridges(s, IMAGO_BRIDGES_MEMORY);
	(void)bundle_frame(s);
}

void
fix_up_container(subject *s)
{
	if (s->format == IMAGO_FORMAT_COMPOSED) {
		fix_composed(s);
	} else {
		fix_classic(s);
	}
}

/* The chunk at address at cannot be decoded, and left bytes remain to the end of its segment: makes
 * it one that ends there. before is the chunk in front of it, or at itself. */
static void
cut_to_fit(subject *s, imago_addr before, imago_addr at, uint64_t left)
{
	const imago_byte_order order = s->heap->layout.byte_order;
	uint8_t *bytes = imago_heap_writable_bytes(s->heap, at, left);
	if (bytes == NULL) {
		return;
	}
	if (!subject_is_spur(s)) {
		if ((imago_load_u32(bytes, order) & 3) == 0 && left >= 12) {
			imago_store_u32(bytes, (uint32_t)(left - 8), order);
			imago_store_u32(bytes + 4, imago_load_u32(bytes + 4, order) & ~UINT32_C(3), order);
			imago_store_u32(bytes + 8, imago_load_u32(bytes + 8, order) & ~UINT32_C(3), order);
		} else {
			imago_store_u32(bytes, (uint32_t)left | 2, order);
		}
		return;
	}
	if (left < 16) {
		move_fill(s, before, at - before + left);
		return;
	}
	const uint64_t header = imago_load_u64(bytes, order);
	const uint64_t num_slots = (left - 8) / subject_word(s);
	if (header >> 56 == 255 && left >= 16 + 255 * (uint64_t)subject_word(s)) {
		const uint64_t second = imago_load_u64(bytes + 8, order);
		imago_store_u64(bytes, UINT64_C(0xFF) << 56 | (left - 16) / subject_word(s), order);
		imago_store_u64(bytes + 8, second | UINT64_C(0xFF) << 56, order);
	} else if (num_slots < 255 && header >> 56 != 255) {
		imago_store_u64(bytes, (header & (UINT64_MAX >> 8)) | num_slots << 56, order);
	} else {
		move_fill(s, at, left);
	}
}

void
fix_up_objects(subject *s)
{
	for (size_t i = 0; i < s->heap->num_segments; i++) {
		const imago_segment *segment = &s->heap->segments[i];
		const imago_addr end = segment->start + segment->size;
		imago_addr before = segment->start;
		imago_addr at = segment->start;
		imago_object object;
		while (at < end) {
			if (imago_heap_decode_chunk(s->heap, at, &object, NULL) != IMAGO_OK) {
				cut_to_fit(s, before, at, end - at);
				break;
			}
			before = at;
			at += object.total_bytes;
		}
	}
}

void
fix_up_free_space(subject *s)
{
	uint64_t free_bytes = 0;
	imago_object object;
	if (!subject_is_spur(s)) {
		return;
	}
	for (size_t i = 0; i < s->num_chunks; i++) {
		if (s->chunks[i].kind == CHUNK_FREE &&
		    imago_heap_decode_chunk(s->heap, s->chunks[i].chunk, &object, NULL) == IMAGO_OK) {
			free_bytes += object.total_bytes;
		}
	}
	(void)subject_set_field(s, "freeOldSpaceInImage", free_bytes);
}

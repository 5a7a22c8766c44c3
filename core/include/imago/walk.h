/* walk.h: the objects of a heap in address order, free chunks and hidden objects included. */
#ifndef IMAGO_WALK_H
#define IMAGO_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/byte_order.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/object.h"

typedef struct imago_walker {
	const imago_heap *heap;
	size_t segment;      /* index of the current segment */
	imago_status status; /* why the walk stopped early, or IMAGO_OK */
	imago_error *error;  /* may be NULL */
	/* Of the current segment, for speed: where plain objects may be decoded without looking for its
	 * end (nowhere after a failure), and what their format numbers mean. */
	const uint8_t *bytes;
	imago_addr start;
	uint64_t plain_size;
	const imago_format_facts *formats;
	imago_layout layout;
	uintptr_t asked; /* imago_prefetch_ahead */
	imago_addr next; /* address of the next chunk */
} imago_walker;

/* Starts at the first chunk of the first segment. The heap must not move while the walk lasts. */
IMAGO_API void imago_walk_init(imago_walker *walker, const imago_heap *heap, imago_error *error);

/* imago_walk_next for any object: the same, without the short way. Callers want imago_walk_next. */
IMAGO_API bool imago_walk_next_general(imago_walker *walker, imago_object *out);

enum {
	IMAGO_WALK_OVERFLOW = 255,          /* spur.md §5: slot counts stored in a word of their own */
	IMAGO_WALK_REAL_CLASSES = 0x3FFFE0, /* not all clear in class indices from 32 on */
};

/* The header bits that an object without an entry in imago_object.bits has clear (spur.md §5). */
#define IMAGO_WALK_BITS (UINT64_C(3) << 22 | UINT64_C(7) << 29 | UINT64_C(3) << 54)

/* The next object, or false at the end of the heap or at an object that cannot be decoded
 * (walker->status tells which; *out is then unset).
 *
 * Inline, so that a loop keeps the walker in registers and pays only for the parts of *out that it
 * looks at: ordinary Spur objects with a short header and no odd bits, far from the segment's end,
 * are decoded here. They are nearly all there are. */
IMAGO_ALWAYS_INLINE bool
imago_walk_next(imago_walker *walker, imago_object *out)
{
	imago_addr oop = walker->next;
	if (IMAGO_LIKELY(oop - walker->start < walker->plain_size)) {
		const uint8_t *chunk = walker->bytes + (oop - walker->start);
		imago_prefetch_ahead(&walker->asked, chunk);
		uint64_t header = imago_load_u64(chunk, walker->layout.byte_order);
		uint64_t num_slots = header >> 56;
		if (IMAGO_LIKELY(num_slots != IMAGO_WALK_OVERFLOW && (header & IMAGO_WALK_BITS) == 0 &&
		                 (header & IMAGO_WALK_REAL_CLASSES) != 0)) {
			/* In units of 8 bytes: the header, the slots, and room for a forwarding pointer. */
			uint64_t body_units = walker->layout.word_bytes == 8 ? num_slots : (num_slots + 1) / 2;
			if (IMAGO_UNLIKELY(num_slots == 0)) {
				IMAGO_STAY_A_BRANCH();
				body_units = 1;
			}
			uint64_t units = 1 + body_units;
			uint8_t format = (uint8_t)(header >> 24 & 31);
			out->oop = oop;
			out->chunk = oop;
			out->total_bytes = units * 8;
			out->body = oop + 8;
			out->num_slots = num_slots;
			out->kind = IMAGO_OBJECT_ORDINARY;
			out->body_kind = walker->formats[format].body;
			out->class_index = (uint32_t)(header & (IMAGO_CLASS_INDEX_LIMIT - 1));
			out->class_oop = 0;
			out->identity_hash = (uint32_t)(header >> 32 & (IMAGO_CLASS_INDEX_LIMIT - 1));
			out->format = format;
			out->v3_type = 0;
			out->bits = 0;
			out->unused_tail = walker->formats[format].unused_tail;
			out->segment = (uint32_t)walker->segment;
			walker->next = oop + units * 8;
			return true;
		}
	}
	/* A record of its own: *out need not be in memory for the short way. */
	imago_object object;
	bool found = imago_walk_next_general(walker, &object);
	if (found) {
		*out = object;
	}
	return found;
}

/* After a failure: goes on with the next segment. Returns false when there is none. */
IMAGO_API bool imago_walk_skip_segment(imago_walker *walker);

/* Totals of one walk. */
typedef struct imago_census {
	uint64_t num_chunks;  /* everything */
	uint64_t num_objects; /* ordinary objects: what other VMs count */
	uint64_t num_free;
	uint64_t num_forwarders;
	uint64_t num_hidden;
	uint64_t num_puns;
	uint64_t free_bytes;
	uint64_t num_pointers; /* pointer slots that hold an address */
} imago_census;

/* Walks the whole heap. Statuses as imago_heap_decode_chunk. */
IMAGO_API imago_status imago_census_take(const imago_heap *heap, imago_census *out,
                                         imago_error *error) IMAGO_NODISCARD;

#endif

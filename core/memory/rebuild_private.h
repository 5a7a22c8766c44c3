/* rebuild_private.h: what the parts of imago_rebuild share. Private to core/memory. */
#ifndef IMAGO_MEMORY_REBUILD_PRIVATE_H
#define IMAGO_MEMORY_REBUILD_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/planted.h"
#include "imago/allocator.h"
#include "imago/class_table.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/rebuild.h"

enum {
	IMAGO_FIXED_OBJECTS = 5,        /* the first ones of a Spur heap stay in segment 0 */
	IMAGO_MIN_SEGMENT_OBJECTS = 24, /* bytes of objects in the smallest segment (spur.md §17) */
};

/* One rebuild under way. */
typedef struct imago_rebuild_run {
	const imago_heap *source;
	imago_heap *target;
	const imago_rebuild_options *options;
	imago_layout layout; /* of the target */
	imago_allocator *allocator;
	imago_rebuild_report report;
	imago_error *error;
} imago_rebuild_run;

/* Where the target's old space is cut: sizes in bytes of objects, and the first addresses. */
typedef struct imago_rebuild_plan {
	uint64_t *sizes;
	imago_addr *starts;
	uint32_t num_segments;
	uint32_t capacity;
} imago_rebuild_plan;

/* Room for capacity segments. Release in every case. */
imago_status imago_rebuild_plan_create(imago_rebuild_plan *plan, uint64_t capacity,
                                       const imago_rebuild_run *run) IMAGO_NODISCARD;
void imago_rebuild_plan_release(imago_rebuild_plan *plan, const imago_rebuild_run *run);

/* Sets the starts: base, then each segment behind the bridge of the one before it and a gap.
 * IMAGO_ERANGE when an address wraps. */
imago_status imago_rebuild_plan_place(imago_rebuild_plan *plan, imago_addr base, uint64_t gap,
                                      const imago_rebuild_run *run) IMAGO_NODISCARD;

/* Cuts total bytes evenly while the objects pass by in address order. */
typedef struct imago_rebuild_cutter {
	imago_rebuild_plan *plan;
	uint64_t total;
	uint64_t wanted;      /* segments */
	uint64_t num_objects; /* that passed by */
	uint64_t last_cut;
} imago_rebuild_cutter;

/* Tells the cutter where the next object starts. */
void imago_rebuild_cutter_pass(imago_rebuild_cutter *cutter, uint64_t position);

/* Closes the last segment. IMAGO_ERANGE when there were too few objects for so many. */
imago_status imago_rebuild_cutter_finish(imago_rebuild_cutter *cutter,
                                         const imago_rebuild_run *run) IMAGO_NODISCARD;

/* Makes the target's old segments, zeroed, as planned, and their bridges' bytes alike the source's
 * last one. */
imago_status imago_rebuild_make_segments(imago_rebuild_run *run,
                                         const imago_rebuild_plan *plan) IMAGO_NODISCARD;

/* Appends a segment of zeroed bytes to the target. */
imago_status imago_rebuild_add_segment(imago_rebuild_run *run, imago_addr start, uint64_t size,
                                       uint64_t bridge_size, imago_space space) IMAGO_NODISCARD;

/* Copies a run of the source's bytes into a block of the target. */
imago_status imago_rebuild_copy_bytes(imago_rebuild_run *run, const uint8_t **bytes,
                                      uint64_t size) IMAGO_NODISCARD;

/* headerFlags of the target: bit 1 follows the byte order where the format number says so. */
uint64_t imago_rebuild_flags(imago_rebuild_run *run, uint64_t flags);

/* The old segments of a heap: all but a permanent one at the end. */
size_t imago_rebuild_num_old_segments(const imago_heap *heap);

/* The two ways. run->target is created, and empty. */
imago_status imago_rebuild_same_width(imago_rebuild_run *run) IMAGO_NODISCARD;
imago_status imago_rebuild_other_width(imago_rebuild_run *run) IMAGO_NODISCARD;

/* A run of old-space bytes that moves as one. */
typedef struct imago_rebuild_piece {
	imago_addr start;
	uint64_t size;
	uint64_t delta; /* added to an address, in two's complement */
	const uint8_t *from;
	uint8_t *to;
} imago_rebuild_piece;

/* How bytes are converted and addresses moved, word size unchanged. */
typedef struct imago_rebuild_mover {
	const imago_heap *source;
	const imago_rebuild_piece *pieces; /* ascending */
	size_t num_pieces;
	const imago_rebuild_piece *last; /* the one that the last address lay in */
	const imago_class_table *classes;
	imago_addr float_class; /* whose halves are exchanged; 0: of no class */
	imago_byte_order from_order, to_order;
	bool moving; /* some delta is not 0 */
	bool stuck;  /* after a failure: an address that leads nowhere, not a chunk, was the reason */
	imago_addr bad_pointer; /* the address … */
	imago_addr bad_place;   /* … and where it stood */
} imago_rebuild_mover;

/* The address after the move; false when it lies in no segment. Permanent space stays. */
bool imago_rebuild_move(imago_rebuild_mover *mover, imago_addr addr, imago_addr *moved);

/* A run of chunks to convert. */
typedef struct imago_rebuild_span {
	imago_addr start; /* of the first chunk in the source */
	const uint8_t *from;
	uint8_t *to;
	uint64_t size;
} imago_rebuild_span;

/* Converts a span. Returns the bytes done: less than its size after a failure. */
uint64_t imago_rebuild_convert_spur(imago_rebuild_mover *mover, const imago_rebuild_span *span);
uint64_t imago_rebuild_convert_v3(imago_rebuild_mover *mover, const imago_rebuild_span *span);

/* Reverses bytes from a position on, as far as chunks are plain and there is a fast way on this
 * host. Returns where it stopped: at a chunk, or where no whole header is left. */
uint64_t imago_rebuild_reverse_plain(const imago_rebuild_mover *mover,
                                     const imago_rebuild_span *span, uint64_t position);

/* What the units of a Spur body are. */
typedef enum imago_rebuild_unit {
	IMAGO_UNIT_WORDS, /* also of a format that means nothing: reversible, and never moved */
	IMAGO_UNIT_OOPS,
	IMAGO_UNIT_BYTES,
	IMAGO_UNIT_16,
	IMAGO_UNIT_32,
	IMAGO_UNIT_64,
	IMAGO_UNIT_METHOD,
} imago_rebuild_unit;

extern const uint8_t imago_rebuild_units[2][32]; /* by word size 4 or 8, and format */

/* True when the halves of this class's instances are exchanged. */
static inline bool
imago_rebuild_is_float(const imago_rebuild_mover *mover, uint32_t class_index)
{
	return mover->float_class != 0 &&
	       imago_class_table_at(mover->classes, class_index) == mover->float_class &&
	       !IMAGO_BUG(float_secondary_index, class_index != IMAGO_CLASS_FLOAT);
}

/* The slots of a Spur method that hold oops, as imago_heap_num_pointer_slots counts them. */
IMAGO_ALWAYS_INLINE uint64_t
imago_rebuild_method_oops(imago_layout layout, const uint8_t *body, uint64_t num_slots)
{
	enum { NUM_LITERALS = 0x7FFF };
	if (num_slots == 0) {
		return 0;
	}
	uint64_t header = imago_load_word(body, layout);
	uint64_t num_oops = 1;
	if (layout.word_bytes == 8 && (header & 7) == 1) {
		num_oops += header >> 3 & NUM_LITERALS;
	} else if (layout.word_bytes == 4 && (header & 1) == 1) {
		num_oops += header >> 1 & NUM_LITERALS;
	}
	return num_oops < num_slots ? num_oops : num_slots;
}

/* A link of free chunks or obj stacks: moved when it leads to a multiple of 8 in the heap (or, of
 * an obj stack, to an object), else left alone. */
uint64_t imago_rebuild_move_link(imago_rebuild_mover *mover, uint64_t link, bool of_free_chunk);

#endif

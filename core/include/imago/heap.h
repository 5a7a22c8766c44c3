/* heap.h: an image in memory: layout, header, segments.
 *
 * The heap's bytes stay exactly as in the file, whatever their order and wherever they point:
 * findings carry true file offsets, write-back is byte-exact, and a corrupt object can be
 * represented and reported. One function turns an address and a length into bytes; nothing else
 * does.
 */
#ifndef IMAGO_HEAP_H
#define IMAGO_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/byte_order.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/image_header.h"
#include "imago/layout.h"
#include "imago/object.h"
#include "imago/oop.h"

typedef enum imago_space {
	IMAGO_SPACE_OLD,
	IMAGO_SPACE_PERM, /* permanent space (formats/composed/composed.md §6) */
} imago_space;

enum {
	IMAGO_BRIDGE_SIZE = 16,
	IMAGO_MAX_SEGMENTS = 65536, /* more than a thousand times what any VM writes */
};

/* Where permanent space lies (composed.md §6): every oop at or above it is permanent. */
#define IMAGO_PERM_START_32 UINT64_C(0x80000000)
#define IMAGO_PERM_START_64 UINT64_C(0x20000000000)

/* What the second half of a bridge holds (spur.md §12, composed.md §5). */
typedef enum imago_bridges {
	IMAGO_BRIDGES_NONE,   /* V3 */
	IMAGO_BRIDGES_FILE,   /* the size of the next segment */
	IMAGO_BRIDGES_MEMORY, /* the rest of a header, as in a running VM */
} imago_bridges;

typedef struct imago_segment {
	imago_addr start;     /* saved address of bytes[0] */
	uint64_t size;        /* bytes of objects; the bridge is not counted */
	uint64_t bridge_size; /* bytes after them: IMAGO_BRIDGE_SIZE, or 0 in V3 and perm space */
	const uint8_t *bytes; /* size + bridge_size bytes */
	uint8_t *writable;    /* the same bytes, or NULL when the heap only borrows them */
	uint64_t offset;      /* file offset of bytes[0] */
	imago_space space;
	uint8_t tier; /* imago_tier (arrange.h): of a section of a layered image; else 0 */
	char part[IMAGO_PART_SIZE]; /* the file inside an image folder, or "" */
} imago_segment;

/* Bytes of a classic file that are neither header fields nor segments; borrowed like the segments.
 */
typedef struct imago_wrapping {
	const uint8_t *prefix; /* before the header: 0 or 512 bytes */
	uint64_t prefix_size;
	const uint8_t *header_tail; /* after the last field, up to header_size */
	uint64_t header_tail_size;
	const uint8_t *trailing; /* after the last segment */
	uint64_t trailing_size;
} imago_wrapping;

typedef struct imago_buffer {
	uint8_t *bytes;
	uint64_t size;
} imago_buffer;

/* Read-only for everyone but core/memory and the readers. */
typedef struct imago_heap {
	imago_layout layout;
	imago_object_model model;
	imago_tagging tagging;
	imago_image_header header; /* as in the file */
	imago_bridges bridges;
	imago_segment *segments; /* ascending, disjoint addresses */
	size_t num_segments;
	size_t segment_capacity;
	imago_wrapping wrapping;
	/* Where header.ston of a composed image has each field: its offset, or 0 for none. */
	uint64_t text_fields[IMAGO_NUM_HEADER_FIELDS];
	imago_buffer *buffers; /* blocks that the heap releases with itself */
	size_t num_buffers;
	size_t buffer_capacity;
	imago_allocator *allocator; /* the caller's; outlives the heap */
} imago_heap;

/* Creates a heap without segments. Destroy with imago_heap_destroy. IMAGO_ENOMEM. */
IMAGO_API imago_status imago_heap_create(imago_heap **out, imago_object_model model,
                                         imago_layout layout, imago_allocator *allocator,
                                         imago_error *error) IMAGO_NODISCARD;

/* Releases the heap and the buffers it owns. NULL is allowed. */
IMAGO_API void imago_heap_destroy(imago_heap *heap);

/* Hands a block made with the heap's allocator over to the heap. On failure (IMAGO_ENOMEM) the
 * block stays the caller's. */
IMAGO_API imago_status imago_heap_own(imago_heap *heap, uint8_t *bytes, uint64_t size,
                                      imago_error *error) IMAGO_NODISCARD;

/* Appends a segment. Its addresses must lie above those of the last one, be aligned to 8 (Spur) or
 * 4 (V3) bytes, not be 0 in Spur, and not pass the top of the address space (IMAGO_EALIGN,
 * IMAGO_ERANGE, IMAGO_ESTRUCTURE: overlap or descending; IMAGO_ELIMIT; IMAGO_ENOMEM). Errors carry
 * segment->offset and segment->part. */
IMAGO_API imago_status imago_heap_add_segment(imago_heap *heap, const imago_segment *segment,
                                              imago_error *error) IMAGO_NODISCARD;

/* The segment whose object area holds addr, or NULL. */
IMAGO_API const imago_segment *imago_heap_segment_of(const imago_heap *heap, imago_addr addr);

/* The door: length bytes at addr, all in the object area of one segment, or NULL. */
IMAGO_API const uint8_t *imago_heap_bytes(const imago_heap *heap, imago_addr addr, uint64_t length);

/* The same for writing; also NULL when the heap borrows its bytes. */
IMAGO_API uint8_t *imago_heap_writable_bytes(imago_heap *heap, imago_addr addr, uint64_t length);

/* File offset of an address (in the file of its segment), or IMAGO_NO_OFFSET outside all segments.
 */
IMAGO_API uint64_t imago_heap_offset_of(const imago_heap *heap, imago_addr addr);

/* The address of a file offset in the given part ("" for a classic file); false outside all object
 * areas. */
IMAGO_API bool imago_heap_addr_of(const imago_heap *heap, const char *part, uint64_t offset,
                                  imago_addr *addr);

/* Bytes of all object areas, and of all segments with their bridges. */
IMAGO_API uint64_t imago_heap_object_bytes(const imago_heap *heap);
IMAGO_API uint64_t imago_heap_data_size(const imago_heap *heap);

/* Objects are aligned to this many bytes: 8 in Spur, 4 in V3. */
static inline uint64_t
imago_heap_alignment(const imago_heap *heap)
{
	return heap->model == IMAGO_SPUR ? 8 : 4;
}

/* True when the file stores a Float's low word first (headerFlags bit 1; spur.md §4). */
IMAGO_API bool imago_heap_floats_low_word_first(const imago_heap *heap);

/* True when addr lies at or above the fixed start of permanent space and the heap has one. */
IMAGO_API bool imago_heap_is_permanent(const imago_heap *heap, imago_addr addr);

/* Decodes the object whose chunk (first header word) is at addr. Statuses: IMAGO_ERANGE (addr
 * outside all segments), IMAGO_ETRUNCATED (its header or body passes the end of the segment: found
 * is its size, limit what is left), IMAGO_ESTRUCTURE (overflow word without an overflow header
 * behind it, V3 header words of different types, a size below one header). *out is set only on
 * success. */
IMAGO_API imago_status imago_heap_decode_chunk(const imago_heap *heap, imago_addr addr,
                                               imago_object *out,
                                               imago_error *error) IMAGO_NODISCARD;

/* Decodes the object with that oop, finding header words before it. Statuses as above, and
 * IMAGO_EALIGN. That an object really starts there only a walk can prove (object_index.h). */
IMAGO_API imago_status imago_heap_decode_object(const imago_heap *heap, imago_oop oop,
                                                imago_object *out,
                                                imago_error *error) IMAGO_NODISCARD;

/* Slot index of an object that was decoded from this heap; index < num_slots. Any body kind: the
 * raw word. */
IMAGO_API imago_oop imago_heap_fetch_slot(const imago_heap *heap, const imago_object *object,
                                          uint64_t index);

/* Stores a word; the heap must be writable and index < num_slots. */
IMAGO_API void imago_heap_store_slot(imago_heap *heap, const imago_object *object, uint64_t index,
                                     imago_oop value);

/* The slots that hold oops: all for pointer bodies, 1 + literals for methods (bounded by
 * num_slots), the one of a forwarder; 0 for bits and free chunks. */
IMAGO_API uint64_t imago_heap_num_pointer_slots(const imago_heap *heap, const imago_object *object);

/* Elements of a bits body: bytes, 16-, 32- or 64-bit units; 0 for other bodies. */
IMAGO_API uint64_t imago_object_num_elements(const imago_heap *heap, const imago_object *object);

/* Bytes of the body that hold something: all slots less the unused tail (0 when the tail is
 * longer). */
IMAGO_API uint64_t imago_object_body_bytes(const imago_heap *heap, const imago_object *object);

/* The body's bytes as in the file (num_slots words). */
IMAGO_API const uint8_t *imago_object_bytes(const imago_heap *heap, const imago_object *object);

/* Sets dataSize, firstSegSize, oldBaseAddr, imageHeaderSize (when 0) and freeOldSpaceInImage of
 * heap->header from the segments. */
IMAGO_API imago_status imago_heap_refresh_header(imago_heap *heap,
                                                 imago_error *error) IMAGO_NODISCARD;

/* The same for who knows how many bytes of it are free chunks. There is a segment. */
IMAGO_API void imago_heap_set_sizes(imago_heap *heap, uint64_t free_bytes);

/* Rewrites every bridge in the given style, keeping bytes that already mean the same. The heap must
 * be writable (IMAGO_EUSAGE) and its gaps a multiple of the word size (IMAGO_EALIGN) that 56 bits
 * can count in words (IMAGO_ERANGE). */
IMAGO_API imago_status imago_heap_set_bridges(imago_heap *heap, imago_bridges bridges,
                                              imago_error *error) IMAGO_NODISCARD;

/* Writes the bridge that ends old space, of IMAGO_BRIDGE_SIZE bytes and in memory style: it spans
 * nothing. */
IMAGO_API void imago_put_last_bridge(uint8_t *bridge, imago_layout layout);

/* A deep copy that owns, and may write, all its bytes. */
IMAGO_API imago_status imago_heap_copy(imago_heap **out, const imago_heap *heap,
                                       imago_allocator *allocator,
                                       imago_error *error) IMAGO_NODISCARD;

#endif

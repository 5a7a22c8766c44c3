/* layered_image.h: the mmap-first container: sections with policies (formats/layered/layered.md).
 *
 * A layered image is a Spur heap whose objects lie in page-aligned sections: by how often they are
 * expected to be written, and by whether they hold pointers. Header page and table say all that it
 * takes to map it.
 */
#ifndef IMAGO_LAYERED_IMAGE_H
#define IMAGO_LAYERED_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/arrange.h"
#include "imago/check.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/image_header.h"
#include "imago/layout.h"
#include "imago/writer.h"

enum {
	IMAGO_LAYERED_PAGE = 4096,
	IMAGO_LAYERED_ALIGNMENT = 65536, /* of the addresses of sections */
	IMAGO_LAYERED_MAX_SECTIONS = 16,
	IMAGO_LAYERED_HASH = 32, /* bytes of BLAKE2b */
	IMAGO_LAYERED_NAME = 16,
	IMAGO_LAYERED_RANKS = 32,                    /* in a tier (layered.md §3) */
	IMAGO_LAYERED_HEAD = 2 * IMAGO_LAYERED_PAGE, /* header page and table */
};

/* Header flags (layered.md §2). */
enum {
	IMAGO_LAYERED_PERM_SAVE = 1 << 0, /* a loader is to put everything in permanent space */
	IMAGO_LAYERED_READY = 1 << 1,     /* a machine has nothing to change at start (ready.h) */
};

typedef enum imago_layered_kind {
	IMAGO_LAYERED_OBJECTS = 1,
	IMAGO_LAYERED_FIXUPS = 2,     /* bitmaps of pointer words */
	IMAGO_LAYERED_ORIGIN = 3,     /* what the way back needs */
	IMAGO_LAYERED_REMEMBERED = 4, /* what of fixed sections leads to old space */
} imago_layered_kind;

/* A row of the table (layered.md §3). */
typedef struct imago_layered_section {
	imago_layered_kind kind;
	imago_tier tier;    /* of objects … */
	bool has_pointers;  /* … */
	imago_addr address; /* … of the first */
	uint64_t offset;    /* in the file; a multiple of the page size */
	uint64_t size;      /* bytes; of objects with their bridge. The rest of the last page is zero */
	uint64_t fixups;    /* of objects with pointers: file offset of their bitmap */
	char name[IMAGO_LAYERED_NAME]; /* "often" */
	uint8_t hash[IMAGO_LAYERED_HASH];
} imago_layered_section;

/* Header page and table. */
typedef struct imago_layered_head {
	imago_layout layout;
	uint32_t flags;
	imago_addr start; /* of the first section of objects */
	uint64_t span;    /* from there to the end of the last one */
	uint64_t file_size;
	imago_image_header fields; /* the 16 fields, of the heap as it lies here */
	uint8_t table_hash[IMAGO_LAYERED_HASH];
	uint8_t identity[IMAGO_LAYERED_HASH]; /* hash of the header page: of all, through the table */
	bool header_intact, table_intact;     /* the hashes are those of the bytes */
	size_t num_sections;
	imago_layered_section sections[IMAGO_LAYERED_MAX_SECTIONS];
} imago_layered_head;

/* What the fixed sections hold that collectors need to know (layered.md §7): of those before the
 * first one that is often written, roots included. */
typedef struct imago_layered_remembered {
	uint64_t *objects; /* that lead to old space: oops less head.start; ascending */
	uint64_t num_objects;
	uint32_t *class_indices; /* of all, from IMAGO_CLASS_FIRST_REAL on; ascending */
	uint64_t num_class_indices;
	imago_allocator *allocator;
} imago_layered_remembered;

/* The first section of old space, by index in the table; 0 when no section is fixed. */
IMAGO_API size_t imago_layered_first_old(const imago_layered_head *head);

/* Decodes a section of that kind. Release in every case. IMAGO_ETRUNCATED, IMAGO_ERANGE,
 * IMAGO_ESTRUCTURE (layered.md §6), IMAGO_ENOMEM; offsets count from the section's. */
IMAGO_API imago_status imago_layered_decode_remembered(imago_layered_remembered *out,
                                                       const imago_layered_head *head,
                                                       const uint8_t *bytes, uint64_t size,
                                                       imago_allocator *allocator,
                                                       imago_error *error) IMAGO_NODISCARD;
IMAGO_API void imago_layered_remembered_release(imago_layered_remembered *remembered);

/* Decodes the head of a file: IMAGO_LAYERED_HEAD bytes, or all if there are fewer. size is the
 * file's. Hashes are told, not judged. IMAGO_EMAGIC, IMAGO_EVERSION, IMAGO_ETRUNCATED,
 * IMAGO_ERANGE, IMAGO_EALIGN, IMAGO_ESTRUCTURE, IMAGO_ELIMIT (layered.md §6). */
IMAGO_API imago_status imago_layered_decode(imago_layered_head *out, const uint8_t *bytes,
                                            uint64_t size, imago_error *error) IMAGO_NODISCARD;

/* True for a layered file with IMAGO_LAYERED_PERM_SAVE. A loader that copies it makes its machine
 * of what imago_permanent_make (permanent.h) makes of the heap; one that maps it has everything in
 * fixed sections (layered.md §8). */
IMAGO_API bool imago_layered_is_perm_save(const uint8_t *bytes, uint64_t size);

/* Reads a layered file; the heap borrows its bytes: a segment for each section of objects, in
 * memory style. Statuses as imago_layered_decode and imago_heap_add_segment. */
IMAGO_API imago_status imago_layered_read(imago_heap **out, const uint8_t *bytes, uint64_t size,
                                          imago_allocator *allocator,
                                          imago_error *error) IMAGO_NODISCARD;

/* The heap as it was before it was layered: every chunk, bridge and byte around it where it was;
 * owns its bytes but for the wrapping, which is borrowed. heap is what was read from bytes.
 * IMAGO_EUNSUPPORTED (written without what the way back needs), IMAGO_ESTRUCTURE and
 * IMAGO_ETRUNCATED (the origin is broken: what names it), the statuses of imago_arrange. */
IMAGO_API imago_status imago_layered_restore(imago_heap **out, const imago_heap *heap,
                                             const uint8_t *bytes, uint64_t size,
                                             imago_allocator *allocator,
                                             imago_error *error) IMAGO_NODISCARD;

/* Zero-initialisable. */
typedef struct imago_layered_options {
	const uint8_t *tiers; /* imago_tier of each chunk, in the order of a walk; NULL: each segment's
	                       * tier, and read-only in permanent space */
	uint64_t num_tiers;
	const uint8_t *ranks;    /* of each chunk as well, below IMAGO_NUM_RANKS (arrange.h); or NULL */
	imago_addr start;        /* a multiple of IMAGO_LAYERED_ALIGNMENT; 0: a customary one */
	bool without_origin;     /* smaller, but without a way back to the very bytes */
	bool without_remembered; /* a machine is to find out by itself */
	bool make_ready; /* change what a machine would change at start; the way back leads to the image
	                  * so changed. IMAGO_LAYERED_READY is set where nothing is left to change */
	uint32_t flags;  /* IMAGO_LAYERED_PERM_SAVE: what can be is read-only, whatever tiers say */
} imago_layered_options;

/* Appends the layered file of a Spur heap. options may be NULL. IMAGO_EUNSUPPORTED (not Spur, or
 * too large for the address space), IMAGO_EUSAGE (start, tiers, ranks), IMAGO_ESTRUCTURE (the first
 * segment does not hold the first five objects), the statuses of imago_arrange, IMAGO_ENOMEM. */
IMAGO_API imago_status imago_layered_write(const imago_heap *heap,
                                           const imago_layered_options *options,
                                           imago_writer *writer,
                                           imago_error *error) IMAGO_NODISCARD;

/* Appends a layered file of the same objects as another: options' tiers and ranks are by the chunks
 * of that other one, in the order of a walk. Both lead back to the same heap; where the other one
 * has no origin, that heap is itself. Statuses as imago_layered_restore and imago_layered_write. */
IMAGO_API imago_status imago_layered_rewrite(const imago_heap *heap, const uint8_t *bytes,
                                             uint64_t size, const imago_layered_options *options,
                                             imago_writer *writer,
                                             imago_error *error) IMAGO_NODISCARD;

/* Makes all hashes those of the bytes, of a file that can be decoded: for tools that change one
 * (else nothing is done). */
IMAGO_API void imago_layered_seal(uint8_t *bytes, uint64_t size);

/* The same of the header page alone, and of the table and then the header page: the first
 * IMAGO_LAYERED_HEAD bytes. */
IMAGO_API void imago_layered_seal_header(uint8_t *bytes);
IMAGO_API void imago_layered_seal_table(uint8_t *bytes);

/* The rules about the container (formats/layered/layered_rules.def). */
IMAGO_API const imago_rule *imago_layered_rules(size_t *num_rules);

/* Checks the file that heap was read from. Reports to a sink that the core checker uses as well. */
IMAGO_API imago_status imago_layered_check(const uint8_t *bytes, uint64_t size,
                                           const imago_heap *heap, imago_check_sink *sink,
                                           imago_allocator *allocator,
                                           imago_error *error) IMAGO_NODISCARD;

#endif

/* twin.h: a working image W over a source S that is only read.
 *
 * W holds what a program changed in S and what it made, and nothing else: words of S that differ,
 * by address, and the new objects. It is bound to its source by a cryptographic hash and is worth
 * nothing over another. Any number of working images share one source, and its pages
 * (formats/layered/twin.md).
 */
#ifndef IMAGO_TWIN_H
#define IMAGO_TWIN_H

#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/layered_attach.h"
#include "imago/writer.h"

enum { IMAGO_TWIN_HEADER = 256 };

/* The header of a twin's file (twin.md §2). */
typedef struct imago_twin_head {
	imago_layout layout;
	uint8_t source[IMAGO_LAYERED_HASH]; /* identity of S */
	uint64_t source_used;               /* bytes from S's start to the end of its last object */
	uint64_t used;                      /* the same with the new objects */
	uint64_t num_runs;                  /* of changed words */
	uint64_t table_size;                /* bytes that say where they are */
	uint64_t changed_size;              /* bytes of these words */
	bool objects;                       /* each run is one object or several, whole */
	imago_image_header fields;
} imago_twin_head;

/* Decodes header and table of a file: nothing of it is out of bounds or order, and the hash is that
 * of the bytes. IMAGO_EMAGIC, IMAGO_EVERSION, IMAGO_ETRUNCATED, IMAGO_ERANGE, IMAGO_EALIGN,
 * IMAGO_ESTRUCTURE (twin.md §3). */
IMAGO_API imago_status imago_twin_decode(imago_twin_head *out, const uint8_t *bytes, uint64_t size,
                                         imago_error *error) IMAGO_NODISCARD;

/* For tools that make or change files. encode writes the header, and the hash of it and of what
 * lies behind it: size is the file's, at least IMAGO_TWIN_HEADER. seal makes the hash that of the
 * bytes (shorter files are left alone). */
IMAGO_API void imago_twin_encode(const imago_twin_head *head, uint8_t *bytes, uint64_t size);
IMAGO_API void imago_twin_seal(uint8_t *bytes, uint64_t size);

/* Appends the twin of an attached image that was changed: now is what imago_vm_pause says of it,
 * file the source's objects as its file has them. Only pages that this process has copied are
 * looked at, and the new objects. Where an object table has the changes, runs are whole objects,
 * and file may be NULL. IMAGO_EUSAGE (attached with another distance than 0), the statuses of
 * imago_attachment_pages but IMAGO_EUNSUPPORTED (then all pages are looked at). */
IMAGO_API imago_status imago_twin_write(const imago_layered_attachment *source,
                                        const imago_memory_mapping *now, const imago_heap *file,
                                        imago_writer *writer, imago_error *error) IMAGO_NODISCARD;

typedef struct imago_twin_moves {
	uint64_t num_changed, changed_bytes; /* objects of the source that a program changed */
	uint64_t num_moved, moved_bytes;     /* these, and all that lead to them */
} imago_twin_moves;

/* Appends a twin that does without changes in place: objects of the source that differ are copies
 * behind the new objects, references lead to these, and so whatever refers to one is a copy itself.
 * Only hidden objects and nil, false and true stay, with words that differ. whole is what
 * imago_layered_attached_heap says of source while it is paused (now), file as above. *moves tells
 * how many. IMAGO_EUSAGE (likewise; an object table), the statuses of a walk, IMAGO_ENOMEM. */
IMAGO_API imago_status imago_twin_write_moved(const imago_layered_attachment *source,
                                              const imago_memory_mapping *now,
                                              const imago_heap *whole, const imago_heap *file,
                                              imago_writer *writer, imago_twin_moves *moves,
                                              imago_error *error) IMAGO_NODISCARD;

/* Attaches a source (by its descriptor) and puts the twin's words and objects in place, in pages of
 * this process. options' room is what is left behind them. The bytes are only read. Its image is
 * imago_layered_attached_heap's; check it before it is run. IMAGO_ESTRUCTURE (the twin of another
 * source, what: "source of a twin"), the statuses of imago_twin_decode and imago_layered_attach. */
IMAGO_API imago_status imago_twin_attach(imago_layered_attachment *out, const uint8_t *bytes,
                                         uint64_t size, int source_descriptor, uint64_t room,
                                         imago_allocator *allocator,
                                         imago_error *error) IMAGO_NODISCARD;

/* The same, but nothing of the source is written, ever: the twin's objects are copies that an
 * object table leads to. bytes must outlive the making of the machine. Only twins whose runs are
 * objects: IMAGO_EUNSUPPORTED ("twin of words"), IMAGO_ESTRUCTURE ("objects of a run") besides the
 * above. That the objects begin where the source's do is imago_twin_require_objects' to say: before
 * it is run. */
IMAGO_API imago_status imago_twin_attach_tabled(imago_layered_attachment *out, const uint8_t *bytes,
                                                uint64_t size, int source_descriptor, uint64_t room,
                                                imago_allocator *allocator,
                                                imago_error *error) IMAGO_NODISCARD;

/* Looks whether each run of a decoded twin begins and ends between two chunks of heap: of what
 * imago_twin_attach has put in place at start. IMAGO_ESTRUCTURE names the place in the file, the
 * statuses of a walk. */
IMAGO_API imago_status imago_twin_require_objects(const imago_twin_head *head, const uint8_t *bytes,
                                                  imago_addr start, const imago_heap *heap,
                                                  imago_error *error) IMAGO_NODISCARD;

/* A run of changed words. */
typedef struct imago_twin_run {
	imago_addr address;
	uint64_t size;        /* bytes; a multiple of 8 */
	const uint8_t *bytes; /* in the file */
} imago_twin_run;

/* The runs of a file that can be decoded, ascending; *place begins with 0. False at the end. */
typedef struct imago_twin_reader {
	const uint8_t *bytes;
	imago_addr start;
	uint64_t table, table_end; /* places in the file */
	uint64_t data;
	uint64_t position; /* behind the last run, from start on */
} imago_twin_reader;
IMAGO_API void imago_twin_reader_init(imago_twin_reader *reader, const imago_twin_head *head,
                                      const uint8_t *bytes, imago_addr start);
IMAGO_API bool imago_twin_next(imago_twin_reader *reader, imago_twin_run *run);

#endif

/* workspace.h: APL workspaces in files, and shared code files made of them
 * (formats/workspace/workspace.md).
 *
 * A workspace file is read, checked and copied into memory; nothing of it is used before. A shared
 * code file is made for one of eight slots, and attached: its pages are mapped, copied when they
 * are written, and only those that are used are ever read. Attaching reads the header page and the
 * symbols; what the rest says is looked at when it is used, each time, so a file that lies leads to
 * a named error. The file is never written.
 */
#ifndef IMAGO_WORKSPACE_H
#define IMAGO_WORKSPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/attach.h"
#include "imago/check.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/evaluate.h"
#include "imago/pocket.h"
#include "imago/writer.h"

enum {
	IMAGO_WORKSPACE_PAGE = 4096,
	IMAGO_WORKSPACE_HASH = 32,
	IMAGO_WORKSPACE_MAX_RUNS = 4,
	IMAGO_WORKSPACE_SLOTS = 8, /* 1 … 8 */
};

/* What the pockets of a run are. */
typedef enum imago_workspace_class {
	IMAGO_CLASS_SPACES,  /* namespaces */
	IMAGO_CLASS_SYMBOLS, /* in the order of their names, of each namespace in turn */
	IMAGO_CLASS_CODE,    /* each function with its table and its body */
	IMAGO_CLASS_DATA,    /* arrays, the shortest first */
	IMAGO_CLASS_ANY,     /* as they lay in memory */
	IMAGO_NUM_WORKSPACE_CLASSES,
} imago_workspace_class;

typedef struct imago_workspace_run {
	uint32_t pocket_class;
	uint64_t offset; /* in the file */
	uint64_t size;
	uint64_t num_pockets;
} imago_workspace_run;

/* The header page, decoded. */
typedef struct imago_workspace_head {
	unsigned slot; /* 0: a workspace; 1 … 8: a shared code file */
	imago_addr start;
	uint64_t size; /* of all pockets */
	uint64_t file_size;
	imago_addr root;
	uint64_t num_pockets;
	imago_workspace_run runs[IMAGO_WORKSPACE_MAX_RUNS];
	uint32_t num_runs;
	uint8_t pockets_hash[IMAGO_WORKSPACE_HASH];
	bool is_intact; /* the page's own hash is right */
} imago_workspace_head;

/* True when the bytes begin as a workspace file does. */
IMAGO_API bool imago_workspace_probe(const uint8_t *bytes, uint64_t size);

/* Decodes the header page of a file of size bytes, of which bytes has the first page at least, or
 * all. IMAGO_EMAGIC, IMAGO_EVERSION, IMAGO_ETRUNCATED, IMAGO_ERANGE, IMAGO_EALIGN, IMAGO_ESTRUCTURE
 * as workspace.md §6 says; a wrong hash is none of these. */
IMAGO_API imago_status imago_workspace_decode(imago_workspace_head *head, const uint8_t *bytes,
                                              uint64_t size, imago_error *error) IMAGO_NODISCARD;

/* Makes the header page, with its hash. */
IMAGO_API void imago_workspace_encode(const imago_workspace_head *head,
                                      uint8_t page[IMAGO_WORKSPACE_PAGE]);

/* The hash that stands for the pockets. */
IMAGO_API void imago_workspace_hash(uint8_t hash[IMAGO_WORKSPACE_HASH], const uint8_t *bytes,
                                    uint64_t size);

/* The rules about a workspace file, num rows of them. */
IMAGO_API const imago_rule *imago_workspace_rules(size_t *num_rules);

/* Checks a file's every byte. The statuses of imago_workspace_decode; IMAGO_ENOMEM. */
IMAGO_API imago_status imago_workspace_check(const uint8_t *bytes, uint64_t size,
                                             imago_check_sink *sink, imago_allocator *allocator,
                                             imago_error *error) IMAGO_NODISCARD;

/* Copies the pockets of a file, of either kind, into region 0 of pockets that have none, moved
 * there. Does not check them: lies become those of the main workspace. Release the pockets in every
 * case. IMAGO_ENOMEM, IMAGO_ELIMIT. */
IMAGO_API imago_status imago_workspace_read(imago_pockets *pockets,
                                            const imago_workspace_head *head, const uint8_t *bytes,
                                            imago_error *error) IMAGO_NODISCARD;

/* Zero-initialisable. */
typedef struct imago_workspace_options {
	unsigned slot; /* 1 … 8: as a shared code file for that slot; 0: as a workspace */
	bool unsorted; /* of a shared code file: pockets stay in the order in which they lie */
} imago_workspace_options;

/* Appends a file of all that can be reached from the root of region 0. No pointer may lead into
 * another region but to arrays (imago_workspace_save sees to that). Every pocket keeps its length,
 * so to read what was written and write it again gives the same bytes. IMAGO_EUSAGE (the slot),
 * IMAGO_ESTRUCTURE (pockets that lie), IMAGO_ENOMEM. */
IMAGO_API imago_status imago_workspace_write(imago_pockets *pockets,
                                             const imago_workspace_options *options,
                                             imago_writer *writer,
                                             imago_error *error) IMAGO_NODISCARD;

/* ---- A workspace in use */

typedef struct imago_workspace imago_workspace;

/* An empty one. Destroy it in the end; NULL is allowed there. */
IMAGO_API imago_status imago_workspace_create(imago_workspace **out, imago_allocator *allocator,
                                              imago_error *error) IMAGO_NODISCARD;

/* One from a file, of either kind, that breaks no rule of severity error: IMAGO_ESTRUCTURE
 * otherwise (found: how many findings); the statuses of imago_workspace_check and _read. */
IMAGO_API imago_status imago_workspace_load(imago_workspace **out, const uint8_t *bytes,
                                            uint64_t size, imago_allocator *allocator,
                                            imago_error *error) IMAGO_NODISCARD;
IMAGO_API void imago_workspace_destroy(imago_workspace *workspace);

/* Its pockets. Those of shared code files may only be looked at under imago_workspace_guard. */
IMAGO_API imago_pockets *imago_workspace_pockets(imago_workspace *workspace);

/* Makes definitions from a text (workspace.md §7). IMAGO_ESTRUCTURE with the offset of the line
 * that is wrong; what says why. */
IMAGO_API imago_status imago_workspace_take_text(imago_workspace *workspace, const char *text,
                                                 size_t length, const imago_run_options *options,
                                                 imago_error *error) IMAGO_NODISCARD;

typedef struct imago_workspace_attached {
	unsigned slot;
	uint64_t num_imported; /* names that got a value */
	bool is_elsewhere;     /* not at the slot's address: accesses go through a table all the same */
} imago_workspace_attached;

/* Attaches a shared code file; the descriptor stays the caller's. elsewhere: map it at any address
 * if its own is busy. IMAGO_EUNSUPPORTED (a host whose pointers have 32 bits has no room for
 * slots), IMAGO_EUSAGE (not a shared code file, or the slot is taken: found), IMAGO_EIO (the
 * address is busy), IMAGO_ESTRUCTURE (hash of the header page, trees of symbols), the statuses of
 * imago_workspace_decode and imago_attach. After a failure nothing is attached; where the file has
 * arrays that contain themselves and memory ends, the workspace may be lost (below). */
IMAGO_API imago_status imago_workspace_attach(imago_workspace *workspace, int descriptor,
                                              bool elsewhere, imago_workspace_attached *out,
                                              imago_error *error) IMAGO_NODISCARD;

/* Lets a slot go: what names have from it is taken away, or, to assimilate it, kept as a copy; what
 * else leads there is copied. IMAGO_EUSAGE (nothing is attached there); IMAGO_ENOMEM: it stays. */
IMAGO_API imago_status imago_workspace_detach(imago_workspace *workspace, unsigned slot,
                                              bool assimilate, imago_error *error) IMAGO_NODISCARD;

/* The mapping of a slot, or NULL: for imago_attachment_pages and the like. */
IMAGO_API imago_attachment *imago_workspace_mapping(const imago_workspace *workspace,
                                                    unsigned slot);

/* Runs a function that may touch attached files. A file that was cut, or changed, ends it:
 * IMAGO_EIO. Then the workspace is lost: it can be destroyed, and all else answers IMAGO_EIO. */
IMAGO_API imago_status imago_workspace_guard(imago_workspace *workspace, imago_guarded *function,
                                             void *payload, imago_error *error) IMAGO_NODISCARD;

/* imago_run in the root namespace, guarded. IMAGO_OK whatever the end; *error says more of it. */
IMAGO_API imago_status imago_workspace_run_line(imago_workspace *workspace, const char *text,
                                                size_t length, const imago_run_options *options,
                                                imago_run_result *result,
                                                imago_error *error) IMAGO_NODISCARD;

/* Surveys the main workspace and all that is attached, guarded. */
IMAGO_API imago_status imago_workspace_audit(imago_workspace *workspace,
                                             imago_pocket_fault_fn *report, void *payload,
                                             imago_error *error) IMAGO_NODISCARD;

/* Appends a file that needs no other: what is attached and can be reached is in it. */
IMAGO_API imago_status imago_workspace_save(imago_workspace *workspace,
                                            const imago_workspace_options *options,
                                            imago_writer *writer,
                                            imago_error *error) IMAGO_NODISCARD;

#endif

/* vm.h: the core virtual machine: executes an image.
 *
 * The image is untrusted while it runs, too. Every operand is checked against the object it reaches
 * into, bytecodes and memory have budgets (what primitives do with many objects or bytes counts as
 * bytecodes), and what no sane image does ends the run with a reason, a method and a pc. The clock
 * is virtual (it advances with the bytecodes executed, and leaps when every process waits), so that
 * a run can be repeated exactly.
 *
 * Source: formats/bytecodes.md.
 */
#ifndef IMAGO_VM_H
#define IMAGO_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/object_memory.h"

typedef struct imago_vm imago_vm;

typedef enum imago_vm_end {
	IMAGO_VM_QUIT,      /* the image ended itself (primitive 113); exit_status is its own */
	IMAGO_VM_FUEL,      /* all the bytecodes that were allowed are executed: may be run further */
	IMAGO_VM_IDLE,      /* every process waits, and no timer is set */
	IMAGO_VM_DEBUGGER,  /* exitToDebugger (primitive 114) */
	IMAGO_VM_MEMORY,    /* the memory is full */
	IMAGO_VM_VIOLATION, /* the image did what no image may: reason, method, pc tell */
} imago_vm_end;

typedef struct imago_vm_result {
	imago_vm_end end;
	int exit_status;    /* of IMAGO_VM_QUIT */
	const char *reason; /* of all other ends: a static sentence */
	char method[128];   /* "Class>>selector" that was executed, printable; or "" */
	uint64_t pc;        /* byte index in its body, 1-based as in contexts */
} imago_vm_result;

typedef struct imago_vm_statistics {
	uint64_t num_bytecodes;
	uint64_t num_sends;
	uint64_t num_primitives; /* that succeeded */
	uint64_t num_work;       /* what primitives did with many objects or bytes, as bytecodes */
	uint64_t num_cache_misses;
	uint64_t num_snapshots; /* that the image made of itself */
	uint64_t num_outside; /* answers that depend on more than the image: clock, files, which objects
	                       * there are and where; and what became of weak references */
	uint64_t num_scavenges;
	uint64_t bytes_promoted;
	uint64_t num_old_collections;
	uint64_t num_global_collections;      /* permanent space included */
	uint64_t bytes_freed;                 /* by these */
	uint64_t num_weak_cleared, num_fired; /* weak slots that became nil; ephemerons */
} imago_vm_statistics;

/* What the image writes to its standard output or error. */
typedef void imago_vm_print_fn(void *payload, const uint8_t *bytes, size_t size);

/* Lends a file to the image: its bytes, valid until the next call. False: there is no such file.
 * Names are the image's: nothing about them may be trusted. */
typedef bool imago_vm_open_fn(void *payload, const char *name, const uint8_t **bytes,
                              uint64_t *size);

/* Takes what the image saves of itself (primitive 97): a heap in the host's byte order, good until
 * the call returns. False: the image is told that it was not saved. */
typedef bool imago_vm_save_fn(void *payload, const imago_heap *heap);

typedef struct imago_vm_options {
	uint64_t growth;        /* bytes that old space may grow by; 0: a default (64 MiB) */
	uint64_t eden_bytes;    /* 0: a default */
	uint32_t collect_every; /* not 0: every allocation scavenges, each n-th collects old space, each
	                         * 4n-th permanent space too. What an image does is the same */
	const char *image_name; /* what the image is told of its file; NULL: "image" */
	imago_vm_print_fn *print;
	imago_vm_open_fn *open_file; /* NULL: there are none but those that the image writes */
	imago_vm_save_fn *save;      /* NULL: what the image saves is dropped, and the image not told */
	void *payload;
} imago_vm_options;

/* Prepares to execute an image that the checker finds no error in; the heap may go afterwards.
 * Options' image_name is borrowed. IMAGO_ESTRUCTURE (no active process to go on with),
 * IMAGO_ELIMIT, IMAGO_ENOMEM. */
IMAGO_API imago_status imago_vm_create(imago_vm **out, const imago_heap *heap,
                                       const imago_vm_options *options, imago_allocator *allocator,
                                       imago_error *error) IMAGO_NODISCARD;

/* The same of an image that somebody has mapped, and that is run where it lies (object_memory.h,
 * with its statuses); options' growth is what the mapping has room for. The mapping must outlive
 * the machine. */
IMAGO_API imago_status imago_vm_create_mapped(imago_vm **out, const imago_memory_mapping *mapping,
                                              const imago_vm_options *options,
                                              imago_allocator *allocator,
                                              imago_error *error) IMAGO_NODISCARD;
IMAGO_API void imago_vm_destroy(imago_vm *vm);

/* Executes at most fuel bytecodes, work of primitives included; what the last one does is done.
 * After IMAGO_VM_FUEL it may be called again, and goes on; after any other end it returns the same
 * result. */
IMAGO_API void imago_vm_run(imago_vm *vm, uint64_t fuel, imago_vm_result *result);

/* What was executed so far. */
IMAGO_API imago_vm_statistics imago_vm_statistics_of(const imago_vm *vm);

/* The memory of a machine, to be looked at between two runs. */
IMAGO_API const imago_object_memory *imago_vm_memory(const imago_vm *vm);

/* Collects old space, or that and permanent space, between two bytecodes. False: it could not be
 * done, or the machine has stopped. */
IMAGO_API bool imago_vm_collect(imago_vm *vm, bool global);

/* The running image as a heap, in the host's byte order: what the image would be if it had saved
 * itself between two bytecodes. IMAGO_ELIMIT (memory full), IMAGO_ENOMEM. */
IMAGO_API imago_status imago_vm_snapshot(imago_vm *vm, imago_heap **out, imago_allocator *allocator,
                                         imago_error *error) IMAGO_NODISCARD;

/* Between two bytecodes: makes of a machine over a mapped image the image that it is, where it lies
 * (imago_memory_pause, with its statuses); and goes on. IMAGO_ESTRUCTURE: there is no active
 * process. After resume, false: the machine has stopped. */
IMAGO_API imago_status imago_vm_pause(imago_vm *vm, imago_memory_mapping *out,
                                      imago_error *error) IMAGO_NODISCARD;
IMAGO_API bool imago_vm_resume(imago_vm *vm);

#endif

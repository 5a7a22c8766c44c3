/* graph.h: what an object means, apart from where and how it is stored.
 *
 * The one description that digest, compare and the rebuild across word sizes share: forwarders are
 * followed, numbers count by value whether immediate or boxed, pcs count from the first bytecode, a
 * context ends at its stack pointer, elements are numbers and not bytes (README.md, "The digest").
 * Private to core/memory.
 */
#ifndef IMAGO_MEMORY_GRAPH_H
#define IMAGO_MEMORY_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/bitmap.h"
#include "imago/class_table.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/object.h"
#include "imago/object_index.h"

/* Classes whose instances mean more than their slots say. */
typedef enum imago_graph_role {
	IMAGO_ROLE_FLOAT,
	IMAGO_ROLE_LARGE_POSITIVE,
	IMAGO_ROLE_LARGE_NEGATIVE,
	IMAGO_ROLE_CONTEXT,
	IMAGO_ROLE_BLOCK_CONTEXT, /* V3: ends at its stack pointer, but has no method of its own */
	IMAGO_ROLE_CLOSURE,
	IMAGO_NUM_ROLES,
	IMAGO_ROLE_PLAIN = IMAGO_NUM_ROLES,
} imago_graph_role;

enum {
	IMAGO_MAX_FORWARDER_CHAIN = 1024, /* a longer one is taken for a cycle */
	IMAGO_CONTEXT_PC = 1,
	IMAGO_CONTEXT_STACK_POINTER = 2,
	IMAGO_CONTEXT_METHOD = 3,
	IMAGO_CONTEXT_FIXED_SLOTS = 6,
	IMAGO_CLOSURE_OUTER_CONTEXT = 0,
	IMAGO_CLOSURE_START_PC = 1,
};

/* The header of a method whose slot 0 is no integer; no true header has this bit. */
#define IMAGO_NO_METHOD_HEADER (UINT64_C(1) << 62)

typedef struct imago_graph {
	const imago_heap *heap;
	imago_object_index index;
	imago_class_table classes;
	imago_addr role_classes[IMAGO_NUM_ROLES]; /* 0: the image has none */
	imago_bitmap indirect; /* by ordinal: forwarders and numbers, which stand for something else */
	bool has_forwarders;
	imago_allocator *allocator;
} imago_graph;

/* What a slot means. Numbers are part of the interchange format of the digest. */
typedef enum imago_graph_kind {
	IMAGO_MEANS_NOTHING = 0,   /* no class; bits 0 */
	IMAGO_MEANS_INTEGER = 1,   /* bits: two's complement, within 61 bits */
	IMAGO_MEANS_CHARACTER = 2, /* bits: the code */
	IMAGO_MEANS_FLOAT = 3,     /* bits: IEEE 754 binary64 */
	IMAGO_MEANS_PC = 4,        /* bits: offset from the first bytecode, two's complement */
	IMAGO_MEANS_INVALID = 5,   /* bits: the word with a tag that means nothing */
	IMAGO_MEANS_OBJECT = 6,    /* bits: the oop, forwarders followed */
} imago_graph_kind;

typedef struct imago_graph_value {
	imago_graph_kind kind;
	uint64_t bits;
	uint64_t ordinal; /* of an object or boxed number, in the index */
	imago_oop word;   /* what was found behind all forwarders */
	bool boxed;       /* a number that is an object */
} imago_graph_value;

/* An object described. References are the covered slots; data the elements behind them. */
typedef struct imago_graph_record {
	imago_object object;
	imago_graph_role role;
	uint8_t format;         /* without tail bits */
	uint64_t num_elements;  /* slots of a pointer body, elements of bits, bytes of code */
	uint64_t method_header; /* of a method: see imago_graph_method_header; else 0 */
	uint64_t first_slot;    /* slot of reference 0: 1 in a method, else 0 */
	uint64_t num_references;
	int64_t pc_base;     /* what slot 1 is relative to; 0: slot 1 is no pc */
	const uint8_t *data; /* num_data elements of element_bytes each, in the heap's order */
	uint64_t num_data;
	uint8_t element_bytes;
} imago_graph_record;

/* Walks the heap. Statuses of the walk; IMAGO_ENOMEM. Release in every case. */
imago_status imago_graph_create(imago_graph *graph, const imago_heap *heap,
                                imago_allocator *allocator, imago_error *error) IMAGO_NODISCARD;
void imago_graph_release(imago_graph *graph);

imago_graph_role imago_graph_role_of(const imago_graph *graph, const imago_object *object);

/* True when the object is a boxed number that counts by value: a Float, or a LargeInteger of at
 * most 8 bytes within 61 bits. */
bool imago_graph_number(const imago_graph *graph, const imago_object *object,
                        imago_graph_value *out);

/* What a word means. offset is the word's place, for errors: IMAGO_ESTRUCTURE when an address hits
 * no object, or forwarders lead on without end. */
imago_status imago_graph_resolve(const imago_graph *graph, imago_oop word, imago_addr place,
                                 imago_graph_value *out, imago_error *error) IMAGO_NODISCARD;

/* Describes an object of the graph. IMAGO_ESTRUCTURE: a format that means nothing. */
imago_status imago_graph_describe(const imago_graph *graph, imago_oop oop, imago_graph_record *out,
                                  imago_error *error) IMAGO_NODISCARD;

/* The class of a described object, and its reference number i (below num_references). */
imago_status imago_graph_class(const imago_graph *graph, const imago_graph_record *record,
                               imago_graph_value *out, imago_error *error) IMAGO_NODISCARD;
imago_status imago_graph_reference(const imago_graph *graph, const imago_graph_record *record,
                                   uint64_t i, imago_graph_value *out,
                                   imago_error *error) IMAGO_NODISCARD;

/* Slots of a context that are alive: up to its stack pointer; all of them when that is no sensible
 * number, and for every other object. */
uint64_t imago_graph_live_slots(const imago_graph *graph, const imago_object *object,
                                imago_graph_role role);

/* The pc of the first bytecode that slot 1 of a context or closure counts from, or 0 when its slot
 * is no pc or its method cannot be found. *method is then that method's literal count. */
int64_t imago_graph_pc_base(const imago_graph *graph, const imago_object *object,
                            imago_graph_role role, uint64_t *num_literals);

/* A method header without its width: the sign in bit 63, the other bits in place. In 64 bits, bits
 * 30 … 59 that merely repeat the sign count as clear. */
uint64_t imago_graph_method_header(int64_t value);

/* The object's place, for errors. */
imago_status imago_graph_fail(const imago_graph *graph, imago_status status, const char *what,
                              imago_addr place, uint64_t found, uint64_t limit, imago_error *error);

/* The element at an index of a described bits object or method. */
uint64_t imago_graph_element(const imago_graph *graph, const imago_graph_record *record,
                             uint64_t index);

#endif

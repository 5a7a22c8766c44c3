/* method.h: the header word of compiled code, both models.
 *
 * Source: formats/spur/spur.md §15; formats/v3/v3.md §4.
 */
#ifndef IMAGO_METHOD_H
#define IMAGO_METHOD_H

#include <stdbool.h>
#include <stdint.h>

#include "imago/compiler.h"
#include "imago/heap.h"
#include "imago/object.h"

typedef struct imago_method {
	bool header_is_integer; /* false: nothing below is meaningful */
	bool sista;             /* sign bit: alternate bytecode set (Spur) */
	bool has_primitive;
	bool large_frame;
	uint8_t num_args;
	uint8_t num_temps;           /* arguments included */
	uint16_t num_literals;       /* 0 … 32767 */
	uint16_t primitive;          /* 0: none */
	bool primitive_call_missing; /* has_primitive, but no callPrimitive bytecode is there */
	uint64_t
	    first_bytecode; /* byte offset in the body; may lie beyond end if the method is broken */
	uint64_t end;       /* bytes of the body: bytecodes and trailer end here */
} imago_method;

/* Decodes the header of a method object (IMAGO_BODY_METHOD with at least one slot; else all is
 * zero). */
IMAGO_API imago_method imago_method_decode(const imago_heap *heap, const imago_object *object);

#endif

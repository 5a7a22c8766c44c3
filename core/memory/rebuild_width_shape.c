/* rebuild_width_shape.c: what a Spur object's body is in the other word size. */
#include "imago/method.h"
#include "rebuild_width.h"

imago_status
imago_width_fail(const imago_width_run *width, imago_status status, const char *what,
                 const imago_object *object, uint64_t limit)
{
	return imago_graph_fail(&width->graph, status, what, object->chunk, object->oop, limit,
	                        width->run->error);
}

/* The bytes that the body uses in the target. */
static imago_status
used_bytes_of(const imago_width_run *width, const imago_object *object, uint64_t *used,
              uint8_t *format)
{
	static const uint8_t element_bytes[] = {
	    [IMAGO_BODY_BITS8] = 1,
	    [IMAGO_BODY_BITS16] = 2,
	    [IMAGO_BODY_BITS32] = 4,
	    [IMAGO_BODY_BITS64] = 8,
	};
	static const uint8_t formats[] = {
	    [IMAGO_BODY_BITS8] = IMAGO_FORMAT_BITS8,
	    [IMAGO_BODY_BITS16] = IMAGO_FORMAT_BITS16,
	    [IMAGO_BODY_BITS32] = IMAGO_FORMAT_BITS32,
	    [IMAGO_BODY_BITS64] = IMAGO_FORMAT_BITS64,
	};
	const imago_heap *source = width->graph.heap;
	uint64_t word_bytes = width->run->layout.word_bytes;
	if (object->body_kind == IMAGO_BODY_INVALID) {
		return imago_width_fail(width, IMAGO_ESTRUCTURE, "object format", object, 0);
	}
	if (object->body_kind == IMAGO_BODY_POINTERS) {
		*format = object->format;
		*used = object->num_slots * word_bytes;
		return IMAGO_OK;
	}
	if (object->body_kind != IMAGO_BODY_METHOD) {
		*format = formats[object->body_kind];
		*used = imago_object_num_elements(source, object) * element_bytes[object->body_kind];
		return IMAGO_OK;
	}
	imago_method method = imago_method_decode(source, object);
	if (!method.header_is_integer || method.first_bytecode > method.end) {
		return imago_width_fail(width, IMAGO_ESTRUCTURE, "method header", object, 0);
	}
	*format = IMAGO_FORMAT_METHOD;
	*used = (1 + (uint64_t)method.num_literals) * word_bytes + (method.end - method.first_bytecode);
	return IMAGO_OK;
}

imago_status
imago_width_shape_of(const imago_width_run *width, const imago_object *object,
                     imago_width_shape *out)
{
	enum { MAX_SLOTS_32 = 1 << 30 };
	static const uint8_t units[32] = {
	    [IMAGO_FORMAT_BITS32] = 4,
	    [IMAGO_FORMAT_BITS16] = 2,
	    [IMAGO_FORMAT_BITS8] = 1,
	    [IMAGO_FORMAT_METHOD] = 1,
	};
	const imago_known_objects *known = &width->known;
	uint64_t word_bytes = width->run->layout.word_bytes;
	imago_width_shape shape = {0};
	if (object->chunk == known->free_lists.chunk) {
		shape.format = word_bytes == 8 ? IMAGO_FORMAT_BITS64 : IMAGO_FORMAT_BITS32;
		shape.used_bytes = 8 * word_bytes * word_bytes; /* as many lists as a word has bits */
	} else {
		imago_status status = used_bytes_of(width, object, &shape.used_bytes, &shape.format);
		if (status != IMAGO_OK) {
			return status;
		}
	}
	shape.num_slots = shape.used_bytes / word_bytes + (shape.used_bytes % word_bytes != 0);
	if (word_bytes == 4 && shape.num_slots >= MAX_SLOTS_32) {
		return imago_width_fail(width, IMAGO_EUNSUPPORTED, "slot count", object, MAX_SLOTS_32);
	}
	uint64_t tail = shape.num_slots * word_bytes - shape.used_bytes;
	if (units[shape.format] != 0) {
		shape.format = (uint8_t)(shape.format + tail / units[shape.format]);
	}
	shape.body_bytes = (shape.num_slots * word_bytes + 7) & ~UINT64_C(7);
	if (shape.body_bytes == 0) {
		shape.body_bytes = 8; /* room for a forwarder */
	}
	*out = shape;
	return IMAGO_OK;
}

/* digest.c: one canonical hash of an object graph (README.md, "The digest").
 *
 * Objects are numbered in the order in which a breadth-first traversal from the special objects
 * array first meets them; each is hashed once, in that order, with references as numbers.
 */
#include "imago/digest.h"

#include <sodium.h>
#include <string.h>

#include "graph.h"

enum { BUFFER_SIZE = 65536 };

static const char domain[16] = "imago digest 1\n";

/* The hash input, gathered so that the hash runs over long blocks. */
typedef struct hash_stream {
	crypto_generichash_state *state;
	uint8_t *buffer;
	size_t used;
} hash_stream;

typedef struct digest_run {
	imago_graph graph;
	uint32_t *numbers; /* by ordinal: 1 + the object's number; 0: not met yet */
	imago_oop *queue;  /* by number */
	uint64_t num_met;
	hash_stream stream;
} digest_run;

static void
flush(hash_stream *stream)
{
	crypto_generichash_update(stream->state, stream->buffer, stream->used);
	stream->used = 0;
}

/* Room for size bytes, at most BUFFER_SIZE. */
static uint8_t *
reserve(hash_stream *stream, size_t size)
{
	if (size > BUFFER_SIZE - stream->used) {
		flush(stream);
	}
	uint8_t *place = stream->buffer + stream->used;
	stream->used += size;
	return place;
}

static void
put_bytes(hash_stream *stream, const uint8_t *bytes, uint64_t size)
{
	if (size > BUFFER_SIZE / 2) {
		flush(stream);
		crypto_generichash_update(stream->state, bytes, size);
	} else if (size > 0) {
		memcpy(reserve(stream, (size_t)size), bytes, (size_t)size);
	}
}

static void
put_value(hash_stream *stream, const imago_graph_value *value, uint64_t bits)
{
	uint8_t *place = reserve(stream, 9);
	place[0] = (uint8_t)value->kind;
	imago_store_u64(place + 1, bits, IMAGO_LITTLE_ENDIAN);
}

/* Numbers an object when it is first met, and hashes what the value means. */
static void
put_reference(digest_run *run, const imago_graph_value *value)
{
	if (value->kind != IMAGO_MEANS_OBJECT) {
		put_value(&run->stream, value, value->bits);
		return;
	}
	uint32_t *number = &run->numbers[value->ordinal];
	if (*number == 0) {
		run->queue[run->num_met++] = value->bits;
		*number = (uint32_t)run->num_met;
	}
	put_value(&run->stream, value, *number - 1);
}

static void
put_facts(hash_stream *stream, const imago_graph_record *record)
{
	uint8_t *place = reserve(stream, 30);
	place[0] = record->format;
	place[1] = (record->object.bits & IMAGO_BIT_IMMUTABLE) != 0;
	imago_store_u32(place + 2, record->object.identity_hash, IMAGO_LITTLE_ENDIAN);
	imago_store_u64(place + 6, record->num_elements, IMAGO_LITTLE_ENDIAN);
	imago_store_u64(place + 14, record->method_header, IMAGO_LITTLE_ENDIAN);
	imago_store_u64(place + 22, record->num_references, IMAGO_LITTLE_ENDIAN);
}

static void
put_data(digest_run *run, const imago_graph_record *record)
{
	hash_stream *stream = &run->stream;
	size_t size = record->element_bytes;
	if (size == 1 || run->graph.heap->layout.byte_order == IMAGO_LITTLE_ENDIAN) {
		put_bytes(stream, record->data, record->num_data * size);
		return;
	}
	for (uint64_t i = 0; i < record->num_data; i++) {
		uint64_t element = imago_graph_element(&run->graph, record, i);
		uint8_t *place = reserve(stream, size);
		for (size_t byte = 0; byte < size; byte++) {
			place[byte] = (uint8_t)(element >> 8 * byte);
		}
	}
}

static imago_status
put_object(digest_run *run, imago_oop oop, imago_error *error)
{
	const imago_graph *graph = &run->graph;
	imago_graph_record record;
	imago_graph_value value;
	imago_status status = imago_graph_describe(graph, oop, &record, error);
	if (status == IMAGO_OK) {
		status = imago_graph_class(graph, &record, &value, error);
	}
	if (status != IMAGO_OK) {
		return status;
	}
	put_reference(run, &value);
	put_facts(&run->stream, &record);
	for (uint64_t i = 0; i < record.num_references; i++) {
		status = imago_graph_reference(graph, &record, i, &value, error);
		if (status != IMAGO_OK) {
			return status;
		}
		put_reference(run, &value);
	}
	put_data(run, &record);
	return IMAGO_OK;
}

static imago_status
put_graph(digest_run *run, imago_error *error)
{
	const imago_heap *heap = run->graph.heap;
	imago_graph_value root;
	imago_status status = imago_graph_resolve(&run->graph, heap->header.special_objects_oop,
	                                          heap->segments[0].start, &root, error);
	if (status != IMAGO_OK) {
		return status;
	}
	if (root.kind != IMAGO_MEANS_OBJECT) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "special objects array", IMAGO_NO_OFFSET,
		                  heap->header.special_objects_oop, 0);
	}
	put_bytes(&run->stream, (const uint8_t *)domain, sizeof domain);
	*reserve(&run->stream, 1) = heap->model == IMAGO_V3;
	put_reference(run, &root);
	for (uint64_t number = 0; number < run->num_met && status == IMAGO_OK; number++) {
		status = put_object(run, run->queue[number], error);
	}
	return status;
}

static imago_status
allocate(digest_run *run, imago_error *error)
{
	imago_allocator *allocator = run->graph.allocator;
	uint64_t num_objects = run->graph.index.num_objects;
	if (num_objects >= UINT32_MAX) {
		return imago_fail(error, IMAGO_ELIMIT, "number of objects", IMAGO_NO_OFFSET, num_objects,
		                  UINT32_MAX - 1);
	}
	run->numbers =
	    imago_allocate_array(allocator, num_objects, sizeof *run->numbers, "object numbers", error);
	if (run->numbers == NULL) {
		return IMAGO_ENOMEM;
	}
	run->queue =
	    imago_allocate_array(allocator, num_objects, sizeof *run->queue, "objects to hash", error);
	if (run->queue == NULL) {
		return IMAGO_ENOMEM;
	}
	run->stream.buffer = imago_allocate(allocator, BUFFER_SIZE, "hash buffer", error);
	return run->stream.buffer != NULL ? IMAGO_OK : IMAGO_ENOMEM;
}

static void
release(digest_run *run)
{
	imago_allocator *allocator = run->graph.allocator;
	uint64_t num_objects = run->graph.index.num_objects;
	imago_release(allocator, run->stream.buffer, BUFFER_SIZE);
	imago_release(allocator, run->queue, num_objects * sizeof *run->queue);
	imago_release(allocator, run->numbers, num_objects * sizeof *run->numbers);
	imago_graph_release(&run->graph);
}

imago_status
imago_digest_compute(imago_digest *out, const imago_heap *heap, imago_allocator *allocator,
                     imago_error *error)
{
	crypto_generichash_state state;
	if (sodium_init() < 0 || crypto_generichash_init(&state, NULL, 0, IMAGO_DIGEST_SIZE) != 0) {
		return imago_fail(error, IMAGO_EINTERNAL, "libsodium", IMAGO_NO_OFFSET, 0, 0);
	}
	if (heap->num_segments == 0) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "a heap without segments", IMAGO_NO_OFFSET, 0,
		                  0);
	}
	digest_run run = {.stream.state = &state};
	imago_status status = imago_graph_create(&run.graph, heap, allocator, error);
	if (status == IMAGO_OK) {
		status = allocate(&run, error);
	}
	if (status == IMAGO_OK) {
		status = put_graph(&run, error);
	}
	if (status == IMAGO_OK) {
		flush(&run.stream);
		crypto_generichash_final(&state, out->bytes, IMAGO_DIGEST_SIZE);
	}
	release(&run);
	return status;
}

void
imago_digest_format(const imago_digest *digest, char text[2 * IMAGO_DIGEST_SIZE + 1])
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < IMAGO_DIGEST_SIZE; i++) {
		text[2 * i] = digits[digest->bytes[i] >> 4];
		text[2 * i + 1] = digits[digest->bytes[i] & 15];
	}
	text[sizeof digest->bytes * 2] = '\0';
}

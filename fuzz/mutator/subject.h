/* subject.h: the image under the knife: a buffer of bytes and what is known of its structure.
 *
 * The structure is read once, before the first edit, and kept up to date by those edits that move
 * bytes; others only overwrite bytes, so that what they break is not believed. All access is
 * bounded by the heap's segments, whatever the bytes say.
 */
#ifndef MUTATOR_SUBJECT_H
#define MUTATOR_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dice.h"
#include "imago/heap.h"
#include "imago/image.h"
#include "imago/known_objects.h"
#include "imago/mutate.h"

/* What a chunk is good for; one byte, so that looking for a kind touches little memory. */
typedef enum chunk_kind {
	CHUNK_POINTERS,
	CHUNK_BITS,
	CHUNK_METHOD,
	CHUNK_CONTEXT,
	CHUNK_FREE,
	CHUNK_FORWARDER,
	CHUNK_HIDDEN,
	CHUNK_PUN,
	CHUNK_ANY, /* only to ask for */
} chunk_kind;

typedef struct subject_chunk {
	imago_addr chunk;
	uint8_t kind;
} subject_chunk;

/* One file of a bundle; positions are in the buffer. */
typedef struct subject_file {
	char name[IMAGO_PART_SIZE];
	size_t line; /* "NAME SIZE\n" */
	size_t size_text;
	size_t size_digits;
	size_t content;
	size_t size;
} subject_file;

enum { MAX_SUBJECT_SEGMENTS = 1024, MAX_SUBJECT_FILES = 2 * MAX_SUBJECT_SEGMENTS + 8 };

typedef struct subject {
	uint8_t *bytes;
	size_t size;
	size_t capacity;
	dice dice;
	imago_allocator allocator;
	bool readable;
	bool touched; /* something was stored since this was last cleared */
	imago_format_id format;
	imago_heap *heap;     /* writable, over bytes */
	size_t header;        /* of a classic file: where its header starts */
	uint64_t header_size; /* and its size, as read */
	subject_file *files;  /* of a bundle */
	size_t num_files;
	subject_chunk *chunks;
	size_t num_chunks;
	size_t chunk_capacity;
	imago_oop *ruled; /* sorted: the objects that rules speak of (ruled.h) */
	size_t num_ruled;
	size_t ruled_capacity;
	bool ruled_known;
	const uint8_t *donor;
	size_t donor_size;
} subject;

/* Reads the structure; !readable where there is none, or too much. Close in every case. */
void subject_open(subject *s, uint8_t *bytes, size_t size, size_t capacity, uint64_t seed);
void subject_close(subject *s);

/* Reads the structure of an image for objects to be taken from, in the layout of another heap; not
 * readable where that cannot be. The bytes are copied. */
void subject_open_donor(subject *donor, const uint8_t *bytes, size_t size, const imago_heap *like,
                        uint64_t seed);

/* Reads everything anew after the whole file was replaced. */
void subject_reopen(subject *s);

/* Lists the chunks anew. */
bool subject_map(subject *s);

/* Removes and inserts bytes at a position (inserted ones are zero); everything behind moves. False,
 * and nothing is done, when the result passes the capacity. Sizes of segments are the caller's. */
bool subject_splice(subject *s, size_t at, size_t remove, size_t insert);

/* Gives segment index another size and moves later segments of old space up by shift addresses. Its
 * bytes must have been spliced. */
bool subject_resize_segment(subject *s, size_t index, uint64_t size, uint64_t shift);

/* Position of an address in the buffer; length bytes are there, or SIZE_MAX is returned. */
size_t subject_position(const subject *s, imago_addr addr, uint64_t length);

/* The object at an oop that a slot holds; false where the walk found no object: a slot may lead
 * into the middle of one, and what is stored there would be stored over headers. */
bool subject_decode(const subject *s, imago_oop oop, imago_object *out);

/* A random chunk of a kind. */
bool subject_pick(subject *s, chunk_kind kind, imago_object *out);

/* A random chunk that satisfies a predicate, among the next few hundred after a random one. */
typedef bool subject_predicate(const subject *s, const imago_object *object);
bool subject_pick_if(subject *s, chunk_kind kind, subject_predicate *predicate, imago_object *out);

/* A random object that has at least one pointer slot. */
bool subject_pick_pointers(subject *s, imago_object *out);

/* The class of an object, decoded. */
bool subject_class_of(const subject *s, const imago_object *object, imago_object *cls);

/* A random class: that of a random object. */
bool subject_pick_class(subject *s, imago_object *out);

/* Slots; reading past the end gives 0, writing there does nothing and returns false. Writing the
 * value that is there returns false too. */
imago_oop subject_fetch(const subject *s, const imago_object *object, uint64_t index);
bool subject_store(subject *s, const imago_object *object, uint64_t index, imago_oop value);

/* The base header, 4 bytes in V3 and 8 in Spur. */
uint64_t subject_load_header(const subject *s, const imago_object *object);
bool subject_store_header(subject *s, const imago_object *object, uint64_t header);
bool subject_set_bits(subject *s, const imago_object *object, unsigned shift, unsigned width,
                      uint64_t value);

/* Header fields: of a classic file in place, of a bundle in header.ston. False where unchanged. */
bool subject_set_field(subject *s, const char *name, uint64_t value);
uint64_t subject_field(const subject *s, const char *name);

/* The hidden roots (Spur). */
bool subject_hidden_roots(const subject *s, imago_object *out);

static inline bool
subject_is_spur(const subject *s)
{
	return s->heap->model == IMAGO_SPUR;
}

static inline uint8_t
subject_word(const subject *s)
{
	return s->heap->layout.word_bytes;
}

imago_oop subject_integer(const subject *s, int64_t value);

#endif

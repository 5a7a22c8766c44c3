/* session_model.h: an image as the target session sees it: objects and what is in their slots.
 *
 * It is the other opinion: it includes nothing of imago and shares nothing with it, reads one
 * number at a time, and was written from the format documents (spur.md, v3.md, composed.md). It
 * takes a classic file or a bundle of an image folder, and gives up on whatever surprises it.
 * Addresses, byte order and segments are forgotten: two images are equal when, object by object in
 * their order, all the rest is. */
#ifndef FUZZ_SESSION_MODEL_H
#define FUZZ_SESSION_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum session_kind {
	SESSION_PLAIN,     /* a tagged word, as it is */
	SESSION_OBJECT,    /* a pointer to an object: its number */
	SESSION_ELSEWHERE, /* a pointer to anything else, such as a free chunk */
} session_kind;

typedef struct session_value {
	session_kind kind;
	uint64_t number;
} session_value;

typedef struct session_object {
	uint64_t address;  /* in the file it was read from; not compared */
	session_value cls; /* plain: Spur's class index, V3's compact one; else an object */
	unsigned format, hash, flags;
	bool is_hidden; /* of the VM: not to be touched */
	uint64_t num_slots;
	session_value *values; /* slots that hold oops */
	size_t num_values;
	uint8_t *bytes; /* the elements behind them, each with its lowest byte first */
	size_t num_bytes;
} session_object;

enum { SESSION_NUM_FIELDS = 16 };

typedef struct session_image {
	bool v3, big;
	unsigned word;                       /* 4 or 8 */
	uint64_t fields[SESSION_NUM_FIELDS]; /* of the header, in the order of a file … */
	bool has_field[SESSION_NUM_FIELDS];  /* … as far as a folder has them */
	size_t specials;                     /* number of the special objects array */
	session_object *objects;             /* in the order of their addresses; free chunks are none */
	size_t num_objects;
} session_image;

/* Release in every case. */
bool session_parse(session_image *image, const uint8_t *file, size_t size);
void session_release(session_image *image);

/* The word in a slot that holds value, in the file that the image was read from. */
uint64_t session_word(const session_image *image, session_value value);

/* The number of the object at an address, or num_objects. */
size_t session_find(const session_image *image, uint64_t address);

/* True when both are the same; else *what names the difference, and *number the object or field. */
bool session_equal(const session_image *a, const session_image *b, const char **what,
                   size_t *number);

/* Bytes that a header field takes. */
unsigned session_field_width(const session_image *image, size_t field);

#endif

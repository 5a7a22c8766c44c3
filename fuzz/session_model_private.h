/* session_model_private.h: what the two halves of the model's reader share. */
#ifndef FUZZ_SESSION_MODEL_PRIVATE_H
#define FUZZ_SESSION_MODEL_PRIVATE_H

#include "session_model.h"

/* Fields of the header. */
enum {
	FIELD_FORMAT = 0,
	FIELD_HEADER_SIZE,
	FIELD_DATA_SIZE,
	FIELD_BASE,
	FIELD_SPECIALS,
	FIELD_FLAGS = 7,
	FIELD_FIRST_SEGMENT = 14,
	FIELD_FREE = 15,
	FLOATS_LOW_WORD_FIRST = 2,
};

/* Bytes with addresses: one segment's objects; or a file of a folder. */
typedef struct session_part {
	const uint8_t *bytes;
	size_t size;
	uint64_t start;
} session_part;

uint64_t session_number_at(const uint8_t *at, unsigned width, bool big);

/* Adds the objects of a segment; segments come in the order of their addresses. */
bool session_parse_part(session_image *image, const session_part *from);

/* Makes objects of words, when all are known. */
bool session_link(session_image *image);

#endif

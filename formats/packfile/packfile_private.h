/* packfile_private.h: what the parts of formats/packfile share. */
#ifndef FORMATS_PACKFILE_PRIVATE_H
#define FORMATS_PACKFILE_PRIVATE_H

#include "imago/byte_order.h"
#include "imago/packfile.h"
#include "imago/reader.h"

extern const uint8_t imago_packfile_magic[IMAGO_PACKFILE_MAGIC_SIZE];

/* Offsets in the header (§2). */
enum {
	PACKFILE_WORD_SIZE_AT = 8,
	PACKFILE_BYTE_ORDER_AT = 9,
	PACKFILE_FLOAT_TYPE_AT = 10,
	PACKFILE_PARROT_AT = 11,
	PACKFILE_BYTECODE_AT = 14,
	PACKFILE_UUID_TYPE_AT = 16,
	PACKFILE_UUID_SIZE_AT = 17,
	PACKFILE_FORMAT_WORDS = 4,  /* of the directory's format block */
	PACKFILE_SEGMENT_WORDS = 4, /* of a segment's header */
};

/* Sizes of number constants by floattype. */
uint8_t imago_packfile_number_size(uint8_t float_type);

static inline int64_t
imago_packfile_signed(uint64_t word, imago_layout layout)
{
	return layout.word_bytes == 8 ? (int64_t)word : (int64_t)(int32_t)(uint32_t)word;
}

/* Bytes between length and the next multiple of unit, a power of two. */
static inline uint64_t
imago_packfile_padding(uint64_t length, uint64_t unit)
{
	return (0 - length) & (unit - 1);
}

/* Items (§5), from a reader whose origin is the place of its base in the file. */
int64_t imago_packfile_read_signed(imago_reader *reader, const char *what);
void imago_packfile_read_string(imago_reader *reader, imago_packfile_string *string,
                                const char *what);
/* A name that ends with NUL, and its padding. Returns its length; *name is NULL after a failure. */
uint64_t imago_packfile_read_name(imago_reader *reader, const char **name, const char *what);
/* A count of things that take up at least so many bytes each; 0 and IMAGO_ERANGE where the rest
 * cannot hold them. */
uint64_t imago_packfile_read_count(imago_reader *reader, uint64_t least_bytes, const char *what);

/* Reads what stands behind the data words of a segment; the reader is there, and ends where the
 * segment does. */
typedef imago_status imago_packfile_read_tail(imago_packfile *packfile, size_t segment,
                                              imago_reader *reader);
imago_packfile_read_tail imago_packfile_read_constants, imago_packfile_read_code,
    imago_packfile_read_debug, imago_packfile_read_annotations;

/* Says which constants, debug and annotations belong to which code (§4). */
void imago_packfile_relate(imago_packfile *packfile);

/* True when the segment's name is that of the other with so much put behind it: "_DB", "_ANN". */
bool imago_packfile_name_extends(const imago_packfile_segment *segment,
                                 const imago_packfile_segment *other, const char *ending);

static inline const imago_packfile_segment *
imago_packfile_segment_of(const imago_packfile *packfile, size_t segment)
{
	return &packfile->segments[segment];
}

/* A number as sign, significand of 128 bits and power of two, exactly (packfile_number.c). */
typedef enum packfile_number_kind {
	PACKFILE_NUMBER_ZERO,
	PACKFILE_NUMBER_FINITE,
	PACKFILE_NUMBER_INFINITE,
	PACKFILE_NUMBER_NAN, /* its payload is the significand, from bit 127 down */
} packfile_number_kind;

typedef struct packfile_number {
	packfile_number_kind kind;
	bool negative;
	int32_t exponent; /* of bit 0 */
	uint64_t high, low;
} packfile_number;

/* False for bytes whose value the record cannot hold: two doubles that are too far apart. */
bool imago_packfile_decode_number(packfile_number *number, const uint8_t *bytes,
                                  imago_number_form form, imago_byte_order order);

/* Writes size bytes; false when the form does not have the very value. */
bool imago_packfile_encode_number(const packfile_number *number, uint8_t *bytes, uint8_t size,
                                  imago_number_form form, imago_byte_order order);

/* Walking a freeze stream (§8): each step is told where it lies. */
typedef enum packfile_step_kind {
	PACKFILE_STEP_WORD,   /* size: one word */
	PACKFILE_STEP_STRING, /* an inline string item, with its padding */
} packfile_step_kind;

typedef void packfile_see_step(packfile_step_kind kind, uint64_t offset, uint64_t size,
                               void *payload);

/* imago_packfile_pmc_at that tells see (which may be NULL) of every step; only of streams that were
 * walked to their end do the steps cover the whole. */
void imago_packfile_walk_pmc(const imago_packfile *packfile,
                             const imago_packfile_constants *constants, uint64_t index,
                             imago_packfile_pmc *pmc, packfile_see_step *see, void *payload);

#endif

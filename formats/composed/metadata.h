/* metadata.h: the two records of an image folder, as numbers (composed.md §4, §5).
 *
 * The reader and the checker both parse with this; what may be refused here is refused for both.
 */
#ifndef FORMATS_COMPOSED_METADATA_H
#define FORMATS_COMPOSED_METADATA_H

#include <stddef.h>
#include <stdint.h>

#include "../common/ston.h"
#include "imago/error.h"
#include "imago/folder.h"
#include "imago/heap.h"
#include "imago/image_header.h"
#include "imago/layout.h"

enum { IMAGO_COMPOSED_NUM_FIELDS = 17 };

/* How a number is to be taken (composed.md §3, "Numbers"). */
typedef enum imago_composed_kind {
	IMAGO_COMPOSED_COUNT, /* a size or a setting: never negative, fits a signed word */
	IMAGO_COMPOSED_WORD,  /* an address or bits: a negative number is its two's complement */
	IMAGO_COMPOSED_ANY,   /* whatever fits 64 bits */
} imago_composed_kind;

/* Fields of a classic header by their place, for the table below. */
enum {
#define IMAGO_HEADER_FIELD(member, name, width, meaning) IMAGO_CLASSIC_##member,
#include "imago/image_header.def"
#undef IMAGO_HEADER_FIELD
	IMAGO_NOT_CLASSIC = -1,
};

typedef struct imago_composed_field {
	const char *name;
	const char *name_below_zero; /* the noun for a number that must not be negative, or not so */
	imago_composed_kind kind;
	int classic; /* the place of the same field in a classic header, or IMAGO_NOT_CLASSIC */
} imago_composed_field;

/* The fields of header.ston, in the order in which they are written. */
extern const imago_composed_field imago_composed_fields[IMAGO_COMPOSED_NUM_FIELDS];
extern const char imago_composed_header_name[];   /* "SpurImageHeaderStruct" */
extern const char imago_composed_metadata_name[]; /* "ComposedMetadataStruct" */

/* header.ston. */
typedef struct imago_composed_header {
	imago_layout layout;
	imago_image_header fields; /* image_format in its usual order; saved_window_size 0 */
	uint64_t old_space_size;   /* hdrOldSpaceSize; 0 when it is missing */
	uint64_t swap_bytes;
	imago_ston record;
} imago_composed_header;

imago_status imago_composed_parse_header(imago_composed_header *out, const imago_folder *folder,
                                         imago_error *error) IMAGO_NODISCARD;

/* segN.ston and permSpace.ston. */
typedef struct imago_composed_metadata {
	imago_addr start_address;
	uint64_t data_size;
	imago_ston record;
} imago_composed_metadata;

imago_status imago_composed_parse_metadata(imago_composed_metadata *out,
                                           const imago_folder_file *file, imago_layout layout,
                                           imago_error *error) IMAGO_NODISCARD;

/* Where the number of a field stands, for messages: IMAGO_NO_OFFSET when it is missing. */
uint64_t imago_composed_offset_of(const imago_ston *record, const char *name);

/* A word as the VM writes it: a signed decimal of its size. */
int64_t imago_composed_signed(uint64_t value, imago_layout layout);

/* The largest number that such a decimal can be. */
uint64_t imago_composed_signed_limit(imago_layout layout);

/* imageFormat with its four bytes reversed: what says that the data is big-endian. */
uint32_t imago_composed_swapped_format(uint32_t number);

static inline imago_addr
imago_composed_perm_start(imago_layout layout)
{
	return layout.word_bytes == 8 ? IMAGO_PERM_START_64 : IMAGO_PERM_START_32;
}

#endif

/* classic_file.h: classic image files put together byte by byte, and properties of their readers.
 *
 * Shares no code with the library: field offsets are the table of spur.md §3 as printed, and bytes
 * are stored by a loop of this file's own.
 */
#ifndef TESTS_FORMATS_CLASSIC_FILE_H
#define TESTS_FORMATS_CLASSIC_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/writer.h"

/* Places of header fields in spur.md §3, column "#". */
enum {
	FIELD_IMAGE_FORMAT = 0,
	FIELD_HEADER_SIZE = 1,
	FIELD_DATA_SIZE = 2,
	FIELD_OLD_BASE_ADDRESS = 3,
	FIELD_FLAGS = 7,
	FIELD_FIRST_SEGMENT_SIZE = 14,
	NUM_FIELDS = 16,
	CLASSIC_PREFIX_SIZE = 512,
	SMALL_BUDGET = 64 * 1024,
};

/* What to put together. Zeros mean: no prefix, a customary header size, one segment, no gap. */
typedef struct classic_plan {
	uint32_t number;
	bool big_endian;
	uint64_t prefix_size;
	uint64_t header_size;
	uint64_t base;
	unsigned num_segments;
	uint64_t gap;           /* between segments */
	uint64_t trailing_size; /* junk behind the last one */
} classic_plan;

typedef struct classic_file {
	classic_plan plan; /* with its defaults filled in */
	bool spur;
	unsigned word_bytes;
	uint8_t *bytes;
	uint64_t size;
} classic_file;

/* A valid file: segment k holds 3 + k smallest objects. Release in every case. */
classic_file classic_file_make(classic_plan plan);
void classic_file_release(classic_file *file);

/* Places in the file. */
uint64_t classic_field_offset(const classic_file *file, unsigned field);
unsigned classic_field_width(const classic_file *file, unsigned field);
uint64_t classic_segment_offset(const classic_file *file, unsigned segment);
uint64_t classic_segment_size(const classic_file *file, unsigned segment); /* with its bridge */
uint64_t classic_segment_start(const classic_file *file, unsigned segment);
uint64_t classic_bridge_offset(const classic_file *file, unsigned segment);

/* Integers of any width in the file's byte order. */
void classic_store(classic_file *file, uint64_t offset, unsigned width, uint64_t value);
uint64_t classic_load(const classic_file *file, uint64_t offset, unsigned width);
void classic_set_field(classic_file *file, unsigned field, uint64_t value);

typedef imago_status read_fn(imago_heap **out, const uint8_t *bytes, uint64_t size,
                             imago_allocator *allocator, imago_error *error);
typedef imago_status write_fn(const imago_heap *heap, imago_writer *writer);

/* A format as these properties see it. */
typedef struct classic_format {
	read_fn *read;
	write_fn *write;
} classic_format;

/* One reading, with what it needs. */
typedef struct classic_reading {
	imago_allocator allocator;
	imago_error error;
	imago_heap *heap;
} classic_reading;

/* Reads a file that must be accepted, in SMALL_BUDGET; closing looks for leaks. */
void classic_open(classic_reading *reading, const classic_format *format, const classic_file *file);
void classic_close(classic_reading *reading);

/* Reading refuses with this status and noun, holds no memory afterwards, and never held more than
 * SMALL_BUDGET. */
void assert_refused(const classic_format *format, const classic_file *file, imago_status status,
                    const char *noun);

/* Reading and writing gives the same bytes. */
void assert_round_trip(const classic_format *format, const uint8_t *bytes, uint64_t size);

/* Every shorter file is refused, and nothing past its end is looked at. */
void assert_every_prefix_fails_cleanly(const classic_format *format, const uint8_t *bytes,
                                       uint64_t size);

/* For every k the k-th allocation fails: IMAGO_ENOMEM, and nothing leaks. */
void assert_reading_and_writing_report_every_allocation_failure(const classic_format *format,
                                                                const uint8_t *bytes,
                                                                uint64_t size);

/* Each file with one bit turned is refused, or written back as it is. */
void assert_every_bit_flip_is_refused_or_kept(const classic_format *format, const uint8_t *bytes,
                                              uint64_t size);

#endif

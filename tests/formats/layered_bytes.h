/* layered_bytes.h: layered files for tests to lie about, and the hashes that hide a lie. */
#ifndef TESTS_FORMATS_LAYERED_BYTES_H
#define TESTS_FORMATS_LAYERED_BYTES_H

#include <stdint.h>

#include "imago/layered_image.h"
#include "imago/writer.h"

/* A varied image of that layout, all of it often written. */
imago_writer layered_bytes_make(const char *layout, bool without_origin,
                                imago_allocator *allocator);

/* A tier for each chunk, so that there are fixed sections; free it. */
uint8_t *layered_bytes_mixed_tiers(const imago_heap *heap, uint64_t *num_tiers);

/* Ranks that no order of a heap has, of so many chunks; free them. */
uint8_t *layered_bytes_mixed_ranks(uint64_t count);

/* The same image in such tiers, ready for a machine, without an origin. */
imago_writer layered_bytes_make_tiered(const char *layout, imago_allocator *allocator);

/* The first section of a kind; the test fails where there is none. */
imago_layered_section layered_bytes_section(const imago_writer *file, imago_layered_kind kind);

/* A little-endian number of width bytes. */
void layered_bytes_store(uint8_t *bytes, uint64_t value, unsigned width);

/* Makes all hashes fit. */
void layered_bytes_seal(imago_writer *file);

#endif

/* layered_bytes.c: layered files for tests to lie about. */
#include "layered_bytes.h"

#include <stdlib.h>

#include "../support/assertions.h"
#include "../support/small_image.h"
#include "imago/walk.h"

static imago_writer
write_layered(const imago_heap *heap, const imago_layered_options *options,
              imago_allocator *allocator)
{
	imago_error error;
	imago_writer writer;
	imago_writer_init(&writer, allocator, heap->layout, &error);
	assert_ok(imago_layered_write(heap, options, &writer, &error), &error);
	return writer;
}

imago_writer
layered_bytes_make(const char *layout, bool without_origin, imago_allocator *allocator)
{
	const imago_layered_options options = {.without_origin = without_origin};
	imago_heap *heap = varied_heap(test_layout_find(layout), allocator);
	imago_writer writer = write_layered(heap, &options, allocator);
	imago_heap_destroy(heap);
	return writer;
}

uint8_t *
layered_bytes_mixed_tiers(const imago_heap *heap, uint64_t *num_tiers)
{
	imago_census census;
	imago_error error;
	assert_ok(imago_census_take(heap, &census, &error), &error);
	uint8_t *tiers = malloc((size_t)census.num_chunks);
	assert_non_null(tiers);
	for (uint64_t i = 0; i < census.num_chunks; i++) {
		tiers[i] = (uint8_t)(i * 7 % 5 % IMAGO_NUM_TIERS);
	}
	*num_tiers = census.num_chunks;
	return tiers;
}

uint8_t *
layered_bytes_mixed_ranks(uint64_t count)
{
	uint8_t *ranks = malloc((size_t)count);
	assert_non_null(ranks);
	for (uint64_t i = 0; i < count; i++) {
		ranks[i] = (uint8_t)(i * 11 % 37 % IMAGO_NUM_RANKS);
	}
	return ranks;
}

imago_writer
layered_bytes_make_tiered(const char *layout, imago_allocator *allocator)
{
	imago_heap *heap = varied_heap(test_layout_find(layout), allocator);
	imago_layered_options options = {.without_origin = true, .make_ready = true};
	uint8_t *tiers = layered_bytes_mixed_tiers(heap, &options.num_tiers);
	options.tiers = tiers;
	imago_writer writer = write_layered(heap, &options, allocator);
	free(tiers);
	imago_heap_destroy(heap);
	return writer;
}

imago_layered_section
layered_bytes_section(const imago_writer *file, imago_layered_kind kind)
{
	imago_layered_head head;
	imago_error error;
	assert_ok(imago_layered_decode(&head, file->bytes, file->size, &error), &error);
	size_t i = 0;
	while (i + 1 < head.num_sections && head.sections[i].kind != kind) {
		i++;
	}
	assert_int_equal(head.sections[i].kind, kind);
	return head.sections[i];
}

void
layered_bytes_store(uint8_t *bytes, uint64_t value, unsigned width)
{
	for (unsigned i = 0; i < width; i++) {
		bytes[i] = (uint8_t)(value >> 8 * i);
	}
}

void
layered_bytes_seal(imago_writer *file)
{
	imago_layered_head head;
	imago_error error;
	assert_ok(imago_layered_decode(&head, file->bytes, file->size, &error), &error);
	imago_layered_seal(file->bytes, file->size);
	assert_ok(imago_layered_decode(&head, file->bytes, file->size, &error), &error);
	assert_true(head.header_intact && head.table_intact);
}

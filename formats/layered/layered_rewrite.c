/* layered_rewrite.c: the same objects in other tiers. */
#include <stdlib.h>
#include <string.h>

#include "layered_private.h"

/* A chunk: where it lay in the heap that the file was made of, and its tier and rank by now. */
typedef struct chunk_tier {
	imago_addr address;
	uint8_t tier, rank;
} chunk_tier;

static int
compare_addresses(const void *a, const void *b)
{
	const chunk_tier *left = a;
	const chunk_tier *right = b;
	return (left->address > right->address) - (left->address < right->address);
}

/* Brings tiers and ranks from the order of the file's
 * chunks to that of the heap it was made of. */
static imago_status
reorder(const imago_addr *addresses, uint8_t *tiers, uint8_t *ranks, uint64_t num_chunks,
        imago_allocator *allocator, imago_error *error)
{
	chunk_tier *chunks =
	    imago_allocate_array(allocator, num_chunks, sizeof *chunks, "tiers of chunks", error);
	if (chunks == NULL) {
		return IMAGO_ENOMEM;
	}
	for (uint64_t i = 0; i < num_chunks; i++) {
		chunks[i] = (chunk_tier){addresses[i], tiers[i], ranks[i]};
	}
	qsort(chunks, (size_t)num_chunks, sizeof *chunks, compare_addresses);
	for (uint64_t i = 0; i < num_chunks; i++) {
		tiers[i] = chunks[i].tier;
		ranks[i] = chunks[i].rank;
	}
	imago_release(allocator, chunks, num_chunks * sizeof *chunks);
	return IMAGO_OK;
}

/* Of a file with an origin. */
static imago_status
rewrite(const imago_heap *heap, const uint8_t *bytes, uint64_t size,
        const imago_layered_options *options, const imago_addr *addresses, imago_writer *writer,
        imago_error *error)
{
	imago_allocator *allocator = writer->allocator;
	imago_heap *restored;
	imago_layered_options reordered = *options;
	const uint64_t count = options->num_tiers;
	/* Of every chunk the tier, then of every chunk the rank. */
	uint8_t *tiers = imago_allocate_array(allocator, count, 2, "tiers of chunks", error);
	if (tiers == NULL) {
		return IMAGO_ENOMEM;
	}
	uint8_t *ranks = tiers + count;
	memcpy(tiers, options->tiers, (size_t)count);
	if (options->ranks != NULL) {
		memcpy(ranks, options->ranks, (size_t)count);
	}
	reordered.tiers = tiers;
	reordered.ranks = ranks;
	imago_status status = reorder(addresses, tiers, ranks, count, allocator, error);
	if (status == IMAGO_OK) {
		status = imago_layered_restore(&restored, heap, bytes, size, allocator, error);
	}
	if (status == IMAGO_OK) {
		status = imago_layered_write(restored, &reordered, writer, error);
		imago_heap_destroy(restored);
	}
	imago_release(allocator, tiers, 2 * count);
	return status;
}

imago_status
imago_layered_rewrite(const imago_heap *heap, const uint8_t *bytes, uint64_t size,
                      const imago_layered_options *options, imago_writer *writer,
                      imago_error *error)
{
	imago_addr *addresses;
	uint64_t num_chunks;
	imago_status status =
	    imago_layered_origins(&addresses, &num_chunks, heap, bytes, size, writer->allocator, error);
	if (status == IMAGO_EUNSUPPORTED) {
		return imago_layered_write(heap, options, writer, error);
	}
	if (status != IMAGO_OK) {
		return status;
	}
	status = options->tiers != NULL && options->num_tiers == num_chunks
	             ? rewrite(heap, bytes, size, options, addresses, writer, error)
	             : imago_fail(error, IMAGO_EUSAGE, "number of tiers", IMAGO_NO_OFFSET,
	                          options->num_tiers, num_chunks);
	imago_release(writer->allocator, addresses, num_chunks * sizeof *addresses);
	return status;
}

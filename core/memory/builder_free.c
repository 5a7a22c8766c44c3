/* builder_free.c: free chunks, and the lists that a VM finds them through.
 *
 * Source: formats/spur/spur.md §11. Lists hold chunks of one size; chunks too large for a list form
 * a binary tree by size, whose nodes each head a list of chunks of that size.
 */
#include <stdlib.h>

#include "builder_private.h"

#include "imago/checked.h"

enum {
	LINK_NEXT = 0,
	LINK_PREVIOUS = 1,
	LINK_PARENT = 2,
	LINK_SMALLER = 3,
	LINK_LARGER = 4,
	FIRST_CHUNK_CAPACITY = 64,
	LONGEST_SHORT_COUNT = 254,
};

/* The slot count of a chunk, or 0 when no header can say that size. */
static uint64_t
slots_of_chunk(const imago_builder *builder, uint64_t bytes)
{
	uint64_t slots = (bytes - 8) / builder->layout.word_bytes;
	if (slots <= LONGEST_SHORT_COUNT) {
		return slots;
	}
	slots = (bytes - 16) / builder->layout.word_bytes;
	return slots > LONGEST_SHORT_COUNT ? slots : 0;
}

static bool
remember_chunk(imago_builder *builder, imago_addr addr, uint64_t bytes)
{
	if (builder->num_free_chunks == builder->free_chunk_capacity) {
		size_t old = builder->free_chunk_capacity;
		size_t capacity = old == 0 ? FIRST_CHUNK_CAPACITY : 2 * old;
		builder_free_chunk *chunks =
		    imago_resize(builder->allocator, builder->free_chunks, old * sizeof(*chunks),
		                 capacity * sizeof(*chunks), "free chunk table", &builder->error);
		if (chunks == NULL) {
			return false;
		}
		builder->free_chunks = chunks;
		builder->free_chunk_capacity = capacity;
	}
	builder->free_chunks[builder->num_free_chunks++] = (builder_free_chunk){addr, bytes};
	return true;
}

void
imago_builder_add_free_chunk(imago_builder *builder, uint64_t bytes)
{
	if (!builder_ok(builder)) {
		return;
	}
	bool perm = builder->segments[builder->current].space == IMAGO_SPACE_PERM;
	uint64_t num_slots = bytes >= 16 ? slots_of_chunk(builder, bytes) : 0;
	if (!builder_is_spur(builder) || perm || bytes % 8 != 0 || num_slots == 0) {
		builder_fail(builder, IMAGO_EUSAGE, "bytes of a free chunk", bytes, 16);
		return;
	}
	builder_shape shape = {.class_index = IMAGO_CLASS_FREE};
	imago_oop chunk =
	    builder_lay_out(builder, builder->current, &shape, IMAGO_FORMAT_EMPTY, num_slots);
	if (chunk != 0) {
		remember_chunk(builder, chunk, bytes);
	}
}

static void
link_chunk(imago_builder *builder, const builder_free_chunk *chunk, uint64_t index, imago_addr to)
{
	imago_builder_store(builder, chunk->addr, index, to);
}

/* Links chunks[0 … count) of one size behind the first; its address. */
static imago_addr
link_list(imago_builder *builder, const builder_free_chunk *chunks, size_t count)
{
	bool has_previous = chunks[0].bytes > 16 || builder->layout.word_bytes == 4;
	for (size_t i = 0; i < count; i++) {
		link_chunk(builder, &chunks[i], LINK_NEXT, i + 1 < count ? chunks[i + 1].addr : 0);
		if (has_previous) {
			link_chunk(builder, &chunks[i], LINK_PREVIOUS, i > 0 ? chunks[i - 1].addr : 0);
		}
	}
	return chunks[0].addr;
}

static int
compare_chunks(const void *left, const void *right)
{
	const builder_free_chunk *a = left;
	const builder_free_chunk *b = right;
	if (a->bytes != b->bytes) {
		return a->bytes < b->bytes ? -1 : 1;
	}
	return a->addr < b->addr ? -1 : a->addr > b->addr;
}

/* Moves the first chunk of every size to the front; their number. The others are linked already. */
static size_t
keep_heads(builder_free_chunk *chunks, size_t count)
{
	size_t num_heads = 0;
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || chunks[i].bytes != chunks[num_heads - 1].bytes) {
			chunks[num_heads++] = chunks[i];
		}
	}
	return num_heads;
}

/* Makes a balanced tree of heads sorted by size; its root. The depth is the logarithm of their
 * number. */
static imago_addr
link_tree(imago_builder *builder, const builder_free_chunk *heads, size_t count, imago_addr parent)
{
	if (count == 0) {
		return 0;
	}
	size_t middle = count / 2;
	const builder_free_chunk *root = &heads[middle];
	link_chunk(builder, root, LINK_PARENT, parent);
	link_chunk(builder, root, LINK_SMALLER, link_tree(builder, heads, middle, root->addr));
	link_chunk(builder, root, LINK_LARGER,
	           link_tree(builder, root + 1, count - middle - 1, root->addr));
	return root->addr;
}

void
builder_link_free_chunks(imago_builder *builder)
{
	if (!builder_ok(builder) || builder->num_free_chunks == 0) {
		return;
	}
	builder_free_chunk *chunks = builder->free_chunks;
	size_t count = builder->num_free_chunks;
	qsort(chunks, count, sizeof(*chunks), compare_chunks);
	uint64_t num_lists = builder->layout.word_bytes == 8 ? 64 : 32;
	size_t first_large = count;
	for (size_t i = 0; i < count;) {
		size_t end = i + 1;
		while (end < count && chunks[end].bytes == chunks[i].bytes) {
			end++;
		}
		imago_addr head = link_list(builder, &chunks[i], end - i);
		if (chunks[i].bytes / 8 < num_lists) {
			imago_builder_store(builder, builder->free_lists, chunks[i].bytes / 8, head);
		} else if (first_large == count) {
			first_large = i;
		}
		i = end;
	}
	size_t num_heads = keep_heads(chunks + first_large, count - first_large);
	imago_addr root = link_tree(builder, chunks + first_large, num_heads, 0);
	imago_builder_store(builder, builder->free_lists, 0, root);
	builder->num_free_chunks = 0;
}

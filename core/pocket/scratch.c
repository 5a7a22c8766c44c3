/* scratch.c: memory of operations that may be ended from outside. */
#include "pocket_private.h"

typedef struct imago_scratch {
	struct imago_scratch *next, *before;
	uint64_t size; /* with this header */
} imago_scratch;

static void
unlink_block(imago_pockets *pockets, imago_scratch *block)
{
	if (block->before != NULL) {
		block->before->next = block->next;
	} else {
		pockets->scratch = block->next;
	}
	if (block->next != NULL) {
		block->next->before = block->before;
	}
}

static void
link_block(imago_pockets *pockets, imago_scratch *block, uint64_t size)
{
	*block = (imago_scratch){.next = pockets->scratch, .size = size};
	if (block->next != NULL) {
		block->next->before = block;
	}
	pockets->scratch = block;
}

void *
imago_pockets_scratch(imago_pockets *pockets, void *block, uint64_t old_size, uint64_t new_size,
                      const char *what, imago_error *error)
{
	imago_scratch *old = block != NULL ? (imago_scratch *)block - 1 : NULL;
	const uint64_t head = sizeof *old;
	if (new_size > UINT64_MAX - head) {
		imago_fail(error, IMAGO_ENOMEM, what, IMAGO_NO_OFFSET, new_size, 0);
		return NULL;
	}
	if (old != NULL) {
		unlink_block(pockets, old);
	}
	imago_scratch *grown = imago_resize(pockets->allocator, old, old != NULL ? old_size + head : 0,
	                                    new_size + head, what, error);
	if (grown == NULL) {
		if (old != NULL) {
			link_block(pockets, old, old_size + head);
		}
		return NULL;
	}
	link_block(pockets, grown, new_size + head);
	return grown + 1;
}

void
imago_pockets_scratch_release(imago_pockets *pockets, void *block, uint64_t size)
{
	if (block != NULL) {
		imago_scratch *old = (imago_scratch *)block - 1;
		unlink_block(pockets, old);
		imago_release(pockets->allocator, old, size + sizeof *old);
	}
}

void
imago_pockets_scratch_release_all(imago_pockets *pockets)
{
	while (pockets->scratch != NULL) {
		imago_scratch *block = pockets->scratch;
		unlink_block(pockets, block);
		imago_release(pockets->allocator, block, block->size);
	}
}

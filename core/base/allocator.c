/* allocator.c: a budget in front of malloc. */
#define _DEFAULT_SOURCE /* madvise */

#include "imago/allocator.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "imago/checked.h"

void
imago_allocator_init(imago_allocator *allocator, uint64_t budget)
{
	*allocator = (imago_allocator){.budget = budget};
}

static void *
refuse(const imago_allocator *allocator, uint64_t size, const char *what, imago_error *error)
{
	bool unlimited = allocator->budget == IMAGO_UNLIMITED;
	imago_fail(error, IMAGO_ENOMEM, what, IMAGO_NO_OFFSET, size,
	           unlimited ? 0 : allocator->budget - allocator->used);
	return NULL;
}

/* Books growth bytes, or says no. */
static bool
book(imago_allocator *allocator, uint64_t growth)
{
	allocator->num_calls++;
	if (allocator->num_calls == allocator->fail_at) {
		return false;
	}
	if (growth > allocator->budget - allocator->used) {
		return false;
	}
	allocator->used += growth;
	if (allocator->used > allocator->peak) {
		allocator->peak = allocator->used;
	}
	return true;
}

/* Asks for huge pages in a block that is made of several: most of the time of filling a large image
 * goes into page faults. Only a hint, and only inside the block, so that no memory is added. */
static void
prefer_huge_pages(uint8_t *block, uint64_t size)
{
#ifdef MADV_HUGEPAGE
	const uint64_t huge_page = UINT64_C(2) << 20;
	if (size < 8 * huge_page) {
		return;
	}
	uint64_t before = -(uint64_t)(uintptr_t)block % huge_page;
	uint64_t inside = (size - before) / huge_page * huge_page;
	(void)madvise(block + before, (size_t)inside, MADV_HUGEPAGE);
#else
	(void)block;
	(void)size;
#endif
}

void *
imago_allocate(imago_allocator *allocator, uint64_t size, const char *what, imago_error *error)
{
	if (size > SIZE_MAX || !book(allocator, size)) {
		return refuse(allocator, size, what, error);
	}
	void *block = calloc(1, size > 0 ? (size_t)size : 1);
	if (block == NULL) {
		allocator->used -= size;
		return refuse(allocator, size, what, error);
	}
	prefer_huge_pages(block, size);
	return block;
}

void *
imago_allocate_array(imago_allocator *allocator, uint64_t count, uint64_t element_size,
                     const char *what, imago_error *error)
{
	uint64_t size;
	if (!imago_checked_multiply(count, element_size, &size)) {
		return refuse(allocator, UINT64_MAX, what, error);
	}
	return imago_allocate(allocator, size, what, error);
}

void *
imago_resize(imago_allocator *allocator, void *block, uint64_t old_size, uint64_t new_size,
             const char *what, imago_error *error)
{
	uint64_t growth = new_size > old_size ? new_size - old_size : 0;
	if (block == NULL) { /* what the system gives anew is clear */
		return imago_allocate(allocator, new_size, what, error);
	}
	if (new_size > SIZE_MAX || !book(allocator, growth)) {
		return refuse(allocator, new_size, what, error);
	}
	uint8_t *moved = realloc(block, new_size > 0 ? (size_t)new_size : 1);
	if (moved == NULL) {
		allocator->used -= growth;
		return refuse(allocator, new_size, what, error);
	}
	if (growth > 0) {
		prefer_huge_pages(moved + old_size, growth);
		memset(moved + old_size, 0, (size_t)growth);
	} else {
		allocator->used -= old_size - new_size;
	}
	return moved;
}

void
imago_release(imago_allocator *allocator, void *block, uint64_t size)
{
	if (block != NULL) {
		allocator->used -= size;
		free(block);
	}
}

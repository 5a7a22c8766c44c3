/* place.c: reserving addresses. */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier): the C library's own name for it */
#include "place.h"

#include <errno.h>
#include <sys/mman.h>

#include "../base/planted.h"
#include "imago/checked.h"
#include "plan.h"

/* Below, a privileged process could map what NULL points to. */
#define LOWEST UINT64_C(0x10000)

/* 4-byte words reach no further. */
#define NARROW_END UINT64_C(0x100000000)

static const uint64_t narrow_step = UINT64_C(1) << 24;

static uint8_t *
reserve(void *wish, uint64_t size, int flags)
{
	void *bytes = mmap(wish, (size_t)size, PROT_NONE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
	return bytes == MAP_FAILED ? NULL : bytes;
}

static void
give_back(uint8_t *bytes, uint64_t size)
{
	munmap(bytes, (size_t)size);
}

/* NULL and errno when somebody has any of it, or nobody can have it. The address is a mere wish: it
 * is fulfilled where there is room, and never takes a mapping away. (MAP_FIXED_NOREPLACE says so,
 * too, but thread sanitizer drops the address, and not the flag, of what it does not allow.) */
static uint8_t *
reserve_at(uint64_t address, uint64_t size)
{
	if (address < LOWEST || address > UINTPTR_MAX || size > UINTPTR_MAX - address) {
		errno = EINVAL;
		return NULL;
	}
	uint8_t *bytes = reserve((void *)(uintptr_t)address, size, 0);
	if (bytes != NULL && (uintptr_t)bytes != address) {
		give_back(bytes, size);
		if (IMAGO_BUG(mapped_over_others, address % imago_page_size() == 0)) {
			return reserve((void *)(uintptr_t)address, size, MAP_FIXED);
		}
		errno = EEXIST;
		return NULL;
	}
	return bytes;
}

static uint8_t *
reserve_narrow(uint64_t size, uint64_t but)
{
	for (uint64_t address = narrow_step; imago_range_fits(address, size, NARROW_END);
	     address += narrow_step) {
		uint8_t *bytes = address == but ? NULL : reserve_at(address, size);
		if (bytes != NULL) {
			return bytes;
		}
	}
	errno = ENOMEM;
	return NULL;
}

static uint8_t *
reserve_wide(uint64_t size, uint64_t but)
{
	uint8_t *bytes = reserve(NULL, size, 0);
	if (bytes != NULL && (uintptr_t)bytes == but) {
		uint8_t *other = reserve(NULL, size, 0);
		give_back(bytes, size);
		return other;
	}
	return bytes;
}

/* Whether addresses fit the words that are to hold them. */
static bool
fits_words(const imago_attach_plan *plan, const imago_attach_options *options, uint64_t base)
{
	return plan->layout.word_bytes == 8 || options->relocation == IMAGO_RELOCATION_NONE ||
	       imago_range_fits(base, plan->span, NARROW_END);
}

static imago_status
check_given(const imago_attach_plan *plan, const imago_attach_options *options, imago_error *error)
{
	if ((options->base & (imago_page_size() - 1)) != 0) {
		return imago_fail(error, IMAGO_EALIGN, "base", IMAGO_NO_OFFSET, options->base,
		                  imago_page_size());
	}
	if (!fits_words(plan, options, options->base)) {
		return imago_fail(error, IMAGO_ERANGE, "base", IMAGO_NO_OFFSET, options->base,
		                  NARROW_END - 1);
	}
	return IMAGO_OK;
}

imago_status
imago_place_check(const imago_attach_plan *plan, uint64_t base, imago_error *error)
{
	const imago_attach_options options = {.place = IMAGO_PLACE_GIVEN, .base = base};
	return check_given(plan, &options, error);
}

static imago_status
reserve_given(const imago_attach_plan *plan, const imago_attach_options *options, uint8_t **bytes,
              imago_error *error)
{
	const imago_status status = check_given(plan, options, error);
	if (status != IMAGO_OK) {
		return status;
	}
	*bytes = reserve_at(options->base, plan->span);
	return *bytes == NULL ? imago_fail_os(error, "base", errno) : IMAGO_OK;
}

static imago_status
reserve_anywhere(const imago_attach_plan *plan, const imago_attach_options *options,
                 uint8_t **bytes, imago_error *error)
{
	bool narrow = sizeof(void *) > 4 && plan->layout.word_bytes == 4 &&
	              options->relocation != IMAGO_RELOCATION_NONE;
	narrow = !IMAGO_BUG(narrow_base_high, narrow) && narrow;
	*bytes =
	    narrow ? reserve_narrow(plan->span, plan->start) : reserve_wide(plan->span, plan->start);
	if (*bytes != NULL) {
		return IMAGO_OK;
	}
	return narrow
	           ? imago_fail(error, IMAGO_ERANGE, "room for 4-byte words", IMAGO_NO_OFFSET,
	                        plan->span, NARROW_END)
	           : imago_fail(error, IMAGO_ELIMIT, "address space", IMAGO_NO_OFFSET, plan->span, 0);
}

imago_status
imago_place_choose(imago_attachment *attachment, const imago_attach_plan *plan,
                   const imago_attach_options *options, imago_error *error)
{
	uint8_t *bytes = NULL;
	imago_status status = IMAGO_OK;
	if (options->place == IMAGO_PLACE_GIVEN) {
		status = reserve_given(plan, options, &bytes, error);
	} else {
		if (options->place == IMAGO_PLACE_WANTED) {
			bytes = reserve_at(plan->start, plan->span);
		}
		if (bytes == NULL) {
			status = reserve_anywhere(plan, options, &bytes, error);
		}
	}
	if (status != IMAGO_OK) {
		return status;
	}
	attachment->bytes = bytes;
	attachment->span = plan->span;
	attachment->base =
	    options->relocation == IMAGO_RELOCATION_NONE ? plan->start : (uintptr_t)bytes;
	return IMAGO_OK;
}

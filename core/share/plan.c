/* plan.c: plans are refused before anything is mapped. */
#include "plan.h"

#include <unistd.h>

#include "../base/planted.h"
#include "imago/checked.h"

uint64_t
imago_page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t
imago_pointer_words_size(const imago_attach_section *section, imago_layout layout)
{
	return section->size / layout.word_bytes / 8; /* a page has a multiple of 8 words */
}

/* Bytes of the file that a section may lie in. Of one that is only mapped and only read, the last
 * page need not be whole: what the file does not have of it reads as zeros. */
static uint64_t
size_for(const imago_attach_section *section, uint64_t file_size)
{
	uint64_t whole_pages;
	return !section->writable && !section->has_pointers &&
	               imago_checked_align_up(file_size, imago_page_size(), &whole_pages)
	           ? whole_pages
	           : file_size;
}

/* Position and size in the file, of a section and of its bitmap. */
static imago_status
check_in_file(const imago_attach_section *section, imago_layout layout, uint64_t file_size,
              imago_error *error)
{
	if (!imago_range_fits(section->offset, section->size, size_for(section, file_size))) {
		return imago_fail(error, IMAGO_ETRUNCATED, "section", section->offset, section->size,
		                  file_size);
	}
	const bool marked = imago_range_fits(section->pointer_words,
	                                     imago_pointer_words_size(section, layout), file_size);
	if (section->has_pointers && !IMAGO_BUG(marks_past_file, !marked) && !marked) {
		return imago_fail(error, IMAGO_ETRUNCATED, "pointer words of a section", section->offset,
		                  section->pointer_words, file_size);
	}
	return IMAGO_OK;
}

/* free_from: the distance from start behind the section before. */
static imago_status
check_in_span(const imago_attach_plan *plan, const imago_attach_section *section,
              uint64_t free_from, imago_error *error)
{
	if (section->address < plan->start) {
		return imago_fail(error, IMAGO_ERANGE, "section address", section->offset, section->address,
		                  plan->start);
	}
	const uint64_t distance = section->address - plan->start;
	if (!imago_range_fits(distance, section->size, plan->span)) {
		return imago_fail(error, IMAGO_ERANGE, "section size", section->offset, section->size,
		                  plan->span);
	}
	if (!IMAGO_BUG(sections_overlap, distance < free_from) && distance < free_from) {
		return imago_fail(error, IMAGO_ERANGE, "section address", section->offset, section->address,
		                  plan->start + free_from);
	}
	return IMAGO_OK;
}

static imago_status
check_alignment(const imago_attach_section *section, uint64_t page_size, imago_error *error)
{
	const uint64_t rest = page_size - 1;
	if (((section->address | section->offset | section->size) & rest) != 0) {
		return imago_fail(error, IMAGO_EALIGN, "section", section->offset,
		                  (section->address | section->offset | section->size) & rest, page_size);
	}
	if (section->size == 0) {
		return imago_fail(error, IMAGO_ERANGE, "section size", section->offset, 0, 0);
	}
	return IMAGO_OK;
}

static imago_status
check_whole(const imago_attach_plan *plan, uint64_t page_size, imago_error *error)
{
	uint64_t end;
	if (plan->layout.word_bytes != 4 && plan->layout.word_bytes != 8) {
		return imago_fail(error, IMAGO_ERANGE, "word size", IMAGO_NO_OFFSET,
		                  plan->layout.word_bytes, 8);
	}
	if (plan->num_sections == 0 || plan->num_sections > IMAGO_ATTACH_MAX_SECTIONS) {
		return imago_fail(error, IMAGO_ELIMIT, "number of sections", IMAGO_NO_OFFSET,
		                  plan->num_sections, IMAGO_ATTACH_MAX_SECTIONS);
	}
	if (((plan->start | plan->span) & (page_size - 1)) != 0) {
		return imago_fail(error, IMAGO_EALIGN, "span", IMAGO_NO_OFFSET,
		                  (plan->start | plan->span) & (page_size - 1), page_size);
	}
	if (plan->span == 0 || !imago_checked_add(plan->start, plan->span - 1, &end)) {
		return imago_fail(error, IMAGO_ERANGE, "span", IMAGO_NO_OFFSET, plan->span, 0);
	}
	if (plan->layout.word_bytes == 4 && end > UINT32_MAX) {
		return imago_fail(error, IMAGO_ERANGE, "span of 4-byte words", IMAGO_NO_OFFSET, end,
		                  UINT32_MAX);
	}
	if (plan->span > SIZE_MAX / 2) {
		return imago_fail(error, IMAGO_ELIMIT, "span", IMAGO_NO_OFFSET, plan->span, SIZE_MAX / 2);
	}
	return IMAGO_OK;
}

imago_status
imago_plan_check(const imago_attach_plan *plan, uint64_t file_size, imago_error *error)
{
	const uint64_t page_size = imago_page_size();
	imago_status status = check_whole(plan, page_size, error);
	uint64_t free_from = 0;
	for (size_t i = 0; status == IMAGO_OK && i < plan->num_sections; i++) {
		const imago_attach_section *section = &plan->sections[i];
		status = check_alignment(section, page_size, error);
		if (status == IMAGO_OK) {
			status = check_in_span(plan, section, free_from, error);
		}
		if (status == IMAGO_OK) {
			status = check_in_file(section, plan->layout, file_size, error);
			free_from = section->address - plan->start + section->size;
		}
	}
	return status;
}

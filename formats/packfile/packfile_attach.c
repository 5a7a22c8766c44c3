/* packfile_attach.c: a packfile mapped instead of read. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "imago/checked.h"
#include "imago/packfile_run.h"

imago_status
imago_packfile_attach(imago_attachment **out, uint64_t *size, int descriptor,
                      imago_allocator *allocator, imago_error *error)
{
	struct stat facts;
	imago_error_set_part(error, "");
	if (fstat(descriptor, &facts) != 0) {
		return imago_fail_os(error, "stat", errno);
	}
	if (facts.st_size <= 0) {
		return imago_fail(error, IMAGO_ETRUNCATED, "packfile header", 0,
		                  IMAGO_PACKFILE_FIXED_HEADER, 0);
	}
	const uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	imago_attach_section section = {.address = page_size};
	imago_attach_plan plan = {
	    .layout = {.word_bytes = sizeof(void *) == 4 ? 4 : 8, .byte_order = IMAGO_LITTLE_ENDIAN},
	    .sections = &section,
	    .num_sections = 1,
	    .start = page_size,
	};
	if (!imago_checked_align_up((uint64_t)facts.st_size, page_size, &section.size)) {
		return imago_fail(error, IMAGO_ELIMIT, "packfile", IMAGO_NO_OFFSET, (uint64_t)facts.st_size,
		                  0);
	}
	plan.span = section.size;
	const imago_attach_options options = {.place = IMAGO_PLACE_ANYWHERE,
	                                      .relocation = IMAGO_RELOCATION_NONE};
	*size = (uint64_t)facts.st_size;
	return imago_attach(out, descriptor, &plan, &options, allocator, error);
}

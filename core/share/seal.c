/* seal.c: relocated once, into memory that nobody can change any more, for all who come later.
 *
 * The copy has everything where the file has it, so that the same plan describes both; a page
 * behind its end says for which base it was made.
 */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier): the C library's own name for it */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../base/planted.h"
#include "attach.h"
#include "imago/byte_order.h"
#include "imago/checked.h"
#include "place.h"
#include "plan.h"
#include "windows.h"

enum {
	SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE,
	/* The last page: these words, little-endian, and zeros. */
	MAGIC_AT = 0,
	BASE_AT = 8,
	START_AT = 16,
	SIZE_AT = 24, /* of the file that was sealed */
	END_OF_NOTE = 32,
};

static const uint8_t magic[8] = {'i', 'm', 's', 'e', 'a', 'l', 'e', '1'};

/* A copy in the making. */
typedef struct sealing {
	imago_attachment from; /* as much of one as it takes to read its windows */
	const imago_attach_plan *plan;
	int memory;
	uint8_t *window; /* and room for the bits of its words behind */
} sealing;

static bool
share_pages(const imago_attach_section *a, const imago_attach_section *b)
{
	return a->offset < b->offset ? b->offset - a->offset < a->size
	                             : a->offset - b->offset < b->size;
}

/* A page of the file that two sections map can be relocated for one of them only. */
static imago_status
check_no_sharing(const imago_attach_plan *plan, imago_error *error)
{
	for (size_t i = 0; i < plan->num_sections; i++) {
		for (size_t j = 0; plan->sections[i].has_pointers && j < plan->num_sections; j++) {
			const bool shared = j != i && share_pages(&plan->sections[i], &plan->sections[j]);
			if (!IMAGO_BUG(sealed_twice, shared) && shared) {
				return imago_fail(error, IMAGO_EUNSUPPORTED, "page of two sections",
				                  plan->sections[i].offset, 0, 0);
			}
		}
	}
	return IMAGO_OK;
}

static imago_status
write_window(const sealing *s, uint64_t size, uint64_t offset, imago_error *error)
{
	const int result = imago_write_at(s->memory, s->window, size, offset);
	return result == 0 ? IMAGO_OK : imago_fail_os(error, "sealed copy", -result);
}

static imago_status
copy_file(const sealing *s, imago_error *error)
{
	const uint64_t size = s->from.identity.size;
	const uint64_t most = s->from.window_size;
	imago_status status = IMAGO_OK;
	for (uint64_t done = 0; status == IMAGO_OK && done < size; done += most) {
		const uint64_t part = size - done < most ? size - done : most;
		imago_lost lost = {.what = "page of the attached file"};
		const uint64_t had =
		    imago_read_at(s->from.descriptor, s->window, part, done, &lost.os_error);
		lost.offset = done + had;
		status = had < part ? imago_fail_lost(error, &lost) : write_window(s, part, done, error);
	}
	return status;
}

static imago_status
relocate_section(const sealing *s, const imago_attach_section *section, imago_error *error)
{
	const uint64_t most = s->from.window_size;
	imago_status status = IMAGO_OK;
	for (uint64_t done = 0; status == IMAGO_OK && done < section->size; done += most) {
		const uint64_t part = section->size - done < most ? section->size - done : most;
		imago_lost lost;
		status = imago_window_read(&s->from, section, done, part, s->window, s->window + most,
		                           &lost) < part
		             ? imago_fail_lost(error, &lost)
		             : write_window(s, part, section->offset + done, error);
	}
	return status;
}

static imago_status
write_note(const sealing *s, imago_addr base, imago_error *error)
{
	uint64_t end;
	const uint64_t page_size = s->from.page_size;
	if (!imago_checked_align_up(s->from.identity.size, page_size, &end)) {
		return imago_fail(error, IMAGO_ELIMIT, "sealed copy", IMAGO_NO_OFFSET, 0, 0);
	}
	memset(s->window, 0, (size_t)page_size);
	memcpy(s->window + MAGIC_AT, magic, sizeof magic);
	imago_store_u64(s->window + BASE_AT, base, IMAGO_LITTLE_ENDIAN);
	imago_store_u64(s->window + START_AT, s->plan->start, IMAGO_LITTLE_ENDIAN);
	imago_store_u64(s->window + SIZE_AT, s->from.identity.size, IMAGO_LITTLE_ENDIAN);
	return write_window(s, page_size, end, error);
}

static imago_status
fill_copy(const sealing *s, imago_addr base, imago_error *error)
{
	imago_status status = copy_file(s, error);
	for (size_t i = 0; status == IMAGO_OK && i < s->plan->num_sections; i++) {
		if (s->plan->sections[i].has_pointers) {
			status = relocate_section(s, &s->plan->sections[i], error);
		}
	}
	if (status == IMAGO_OK) {
		status = write_note(s, base, error);
	}
	if (status == IMAGO_OK) {
		status = imago_identity_check(&s->from.identity, s->from.descriptor, error);
	}
	if (status == IMAGO_OK && fcntl(s->memory, F_ADD_SEALS, SEALS) != 0) {
		status = imago_fail_os(error, "seals", errno);
	}
	return status;
}

static imago_status
make_copy(sealing *s, imago_addr base, imago_allocator *allocator, imago_error *error)
{
	const uint64_t size = s->from.window_size + s->from.window_size / 32;
	s->memory = memfd_create("imago", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (s->memory < 0) {
		return imago_fail_os(error, "sealed copy", errno);
	}
	s->window = imago_allocate(allocator, size, "pages on their way", error);
	imago_status status = s->window == NULL ? IMAGO_ENOMEM : fill_copy(s, base, error);
	imago_release(allocator, s->window, size);
	if (status != IMAGO_OK) {
		close(s->memory);
	}
	return status;
}

imago_status
imago_attach_seal(int *out, int descriptor, const imago_attach_plan *plan, imago_addr base,
                  imago_allocator *allocator, imago_error *error)
{
	sealing s = {
	    .from =
	        {
	            .descriptor = descriptor,
	            .layout = plan->layout,
	            .page_size = imago_page_size(),
	            .window_size = IMAGO_ATTACH_WINDOW_PAGES * imago_page_size(),
	            .delta = base - plan->start,
	        },
	    .plan = plan,
	};
	imago_status status = imago_identity_take(&s.from.identity, descriptor, error);
	if (status == IMAGO_OK) {
		status = imago_plan_check(plan, s.from.identity.size, error);
	}
	if (status == IMAGO_OK) {
		status = imago_place_check(plan, base, error);
	}
	if (status == IMAGO_OK) {
		status = check_no_sharing(plan, error);
	}
	if (status == IMAGO_OK) {
		status = make_copy(&s, base, allocator, error);
	}
	if (status == IMAGO_OK) {
		*out = s.memory;
	}
	return status;
}

/* What the page behind the file says. */
static imago_status
read_note(int descriptor, const imago_attach_plan *plan, imago_identity *identity, imago_addr *base,
          imago_error *error)
{
	uint8_t note[END_OF_NOTE];
	int os_error;
	const uint64_t page_size = imago_page_size();
	imago_status status = imago_identity_take(identity, descriptor, error);
	if (status != IMAGO_OK) {
		return status;
	}
	const int seals = fcntl(descriptor, F_GET_SEALS);
	if (seals < 0 || (seals & SEALS) != SEALS || identity->size < page_size ||
	    identity->size % page_size != 0) {
		return imago_fail(error, IMAGO_EUSAGE, "sealed copy", IMAGO_NO_OFFSET, 0, 0);
	}
	const uint64_t at = identity->size - page_size;
	if (imago_read_at(descriptor, note, sizeof note, at, &os_error) < sizeof note ||
	    memcmp(note + MAGIC_AT, magic, sizeof magic) != 0) {
		return imago_fail(error, IMAGO_EUSAGE, "sealed copy", at, 0, 0);
	}
	const uint64_t size = imago_load_u64(note + SIZE_AT, IMAGO_LITTLE_ENDIAN);
	const uint64_t start = imago_load_u64(note + START_AT, IMAGO_LITTLE_ENDIAN);
	if (size > at || start != plan->start) {
		return imago_fail(error, IMAGO_EUSAGE, "plan of the sealed copy", at, start, plan->start);
	}
	*base = imago_load_u64(note + BASE_AT, IMAGO_LITTLE_ENDIAN);
	return imago_plan_check(plan, size, error);
}

imago_status
imago_attach_sealed(imago_attachment **out, int descriptor, const imago_attach_plan *plan,
                    imago_allocator *allocator, imago_error *error)
{
	imago_identity identity;
	imago_error_set_part(error, "");
	imago_attach_options options = {.place = IMAGO_PLACE_GIVEN};
	imago_status status = read_note(descriptor, plan, &identity, &options.base, error);
	if (status != IMAGO_OK) {
		return status;
	}
	return imago_attach_checked(out, descriptor, &identity, plan, &options, true, allocator, error);
}

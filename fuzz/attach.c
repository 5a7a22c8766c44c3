/* attach: whatever the plan, the base and the way, an attachment shows the file with its marked
 * words moved, or is refused.
 *
 * Plan, place, base, way of relocation and whatever is done then are drawn from the input. A plan
 * is refused if and only if a naive look finds it unsound, with a documented status, before
 * anything is allocated; what is in the way of the wanted addresses stays what it was. What is seen
 * is what the slow way computes, stores included; filled ranges, room, and bytes of an address
 * likewise; pages told of as written are those that were; the others of sections without addresses
 * are not private. A forked child sees the same. A sealed copy shows the same without relocating.
 * When the file is cut, a guarded look ends with IMAGO_EIO in what was cut away, or with what was
 * there; nothing else changes. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach_model.h"
#include "fuzz_decisions.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/attach.h"
#include "imago/pages.h"

enum {
	SOUND,
	REFUSAL,
	PLACE,
	OTHERS,
	CONTENTS,
	BYTES,
	FILLED,
	ROOM,
	WRITTEN,
	COUNTS,
	SHARED,
	FORKED,
	SEALED,
	CUT,
	MEMORY,
	NO_LEAK,
};
static const char *const oracles[] = {
    [SOUND] = "sound_plans_are_attached",
    [REFUSAL] = "refusal",
    [PLACE] = "place",
    [OTHERS] = "nobody_elses_memory",
    [CONTENTS] = "contents",
    [BYTES] = "bytes_of_an_address",
    [FILLED] = "filled",
    [ROOM] = "room",
    [WRITTEN] = "written_pages",
    [COUNTS] = "page_counts",
    [SHARED] = "no_addresses_no_private_pages",
    [FORKED] = "children_see_the_same",
    [SEALED] = "sealed_copies_show_the_same",
    [CUT] = "cut_files",
    [MEMORY] = "memory_is_bounded",
    [NO_LEAK] = "no_leak",
};
FUZZ_DECLARE_ORACLES("attach", oracles);

enum { MAX_STEPS = 8, MOST_MEMORY = 1 << 19 };

/* One run. */
typedef struct run {
	fuzz_decisions decisions;
	model_file own; /* the file, when it is to be cut: descriptor -1 otherwise */
	attach_model model;
	imago_attach_options options;
	imago_allocator allocator;
	imago_error error;
	imago_attachment *attachment;
	imago_attachment_facts facts;
	bool tracked;
} run;

static uint64_t
page_size_of(const run *r)
{
	return r->model.file->page_size;
}

static void
draw_options(run *r)
{
	const uint64_t page = page_size_of(r);
	r->options.place = (imago_attach_place)fuzz_decide(&r->decisions, 3);
	r->options.relocation = (imago_relocation)fuzz_decide(&r->decisions, 5);
	const uint32_t pages = fuzz_decide(&r->decisions, 64);
	switch (fuzz_decide(&r->decisions, 8)) {
	case 0:
		r->options.base = model_draw_word(&r->decisions);
		break;
	case 1:
		r->options.base = 0;
		break;
	default: /* around the wanted addresses: overlapping them, or beside */
		r->options.base = r->model.plan.start + (pages < 32 ? pages : (uint64_t)0 - pages) * page;
		break;
	}
}

/* Whether a refusal is one that attach.h knows for a sound plan. */
static bool
is_understandable(const run *r)
{
	const bool given = r->options.place == IMAGO_PLACE_GIVEN;
	const bool narrow = r->model.plan.layout.word_bytes == 4;
	switch (r->error.status) {
	case IMAGO_EALIGN:
		return given && r->options.base % page_size_of(r) != 0;
	case IMAGO_ERANGE:
		return narrow && r->options.relocation != IMAGO_RELOCATION_NONE;
	case IMAGO_EIO:
		return given && strcmp(r->error.what, "base") == 0;
	case IMAGO_ELIMIT:
		return r->model.plan.span > UINT64_C(1) << (sizeof(void *) > 4 ? 40 : 26);
	default:
		return r->error.status == IMAGO_EUNSUPPORTED &&
		       (r->options.relocation == IMAGO_RELOCATION_USERFAULT ||
		        r->options.relocation == IMAGO_RELOCATION_SIGNAL);
	}
}

static void
expect_place(const run *r)
{
	const bool kept = r->options.relocation == IMAGO_RELOCATION_NONE;
	const uint64_t lies_at = (uintptr_t)r->facts.bytes;
	FUZZ_ORACLE(PLACE, r->facts.span == r->model.plan.span);
	FUZZ_ORACLE(PLACE, r->facts.base == (kept ? r->model.plan.start : lies_at));
	FUZZ_ORACLE(PLACE, r->options.place != IMAGO_PLACE_GIVEN || lies_at == r->options.base);
	FUZZ_ORACLE(PLACE, r->options.place != IMAGO_PLACE_ANYWHERE || lies_at != r->model.plan.start);
	FUZZ_ORACLE(PLACE, kept || r->model.plan.layout.word_bytes == 8 ||
	                       r->facts.base == r->model.plan.start ||
	                       lies_at + r->facts.span <= UINT64_C(1) << 32);
}

/* A page of somebody else's in the midst of the wanted addresses, or NULL. */
static uint8_t *
be_in_the_way(run *r)
{
	const uint64_t page = page_size_of(r);
	if (fuzz_decide(&r->decisions, 4) != 1 || r->model.damaged ||
	    r->model.plan.start != model_free_addresses(r->model.plan.layout.word_bytes == 4)) {
		return NULL;
	}
	const uint64_t at = r->model.plan.start + r->model.plan.span / page / 2 * page;
	uint8_t *bytes = mmap((void *)(uintptr_t)at, (size_t)page, PROT_READ | PROT_WRITE,
	                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FUZZ_ASSERT(bytes != MAP_FAILED);
	memset(bytes, 0x5a, (size_t)page);
	return bytes;
}

static void
expect_untouched(const run *r, uint8_t *bytes)
{
	const uint64_t page = page_size_of(r);
	if (bytes != NULL) {
		FUZZ_ORACLE(OTHERS, bytes[0] == 0x5a && memcmp(bytes, bytes + 1, (size_t)page - 1) == 0);
		munmap(bytes, (size_t)page);
	}
}

/* True when there is an attachment. */
static bool
attach(run *r)
{
	const bool sound = model_is_sound(&r->model);
	const imago_status status = imago_attach(&r->attachment, r->model.file->descriptor,
	                                         &r->model.plan, &r->options, &r->allocator, &r->error);
	if (!sound) {
		FUZZ_ORACLE(REFUSAL, status != IMAGO_OK && status == r->error.status);
		FUZZ_ORACLE(REFUSAL, r->error.what != NULL && r->allocator.num_calls == 0);
		return false;
	}
	FUZZ_ORACLE(SOUND, status == IMAGO_OK || is_understandable(r));
	if (status != IMAGO_OK) {
		return false;
	}
	r->facts = imago_attachment_facts_of(r->attachment);
	expect_place(r);
	model_begin(&r->model, r->facts.base - r->model.plan.start);
	return true;
}

static uint8_t *
bytes_of(const run *r, size_t section)
{
	return r->facts.bytes + (r->model.sections[section].address - r->model.plan.start);
}

static bool
looks_right(const run *r)
{
	for (size_t i = 0; i < r->model.plan.num_sections; i++) {
		if (memcmp(bytes_of(r, i), r->model.seen[i], (size_t)r->model.sections[i].size) != 0) {
			return false;
		}
	}
	return true;
}

static size_t
draw_section(run *r)
{
	return fuzz_decide(&r->decisions, (uint32_t)r->model.plan.num_sections);
}

/* A place in a section, so that size bytes fit. */
static uint64_t
draw_place(run *r, size_t section, uint64_t size)
{
	const uint64_t num_places = (r->model.sections[section].size - size) / 8 + 1;
	return fuzz_decide(&r->decisions, (uint32_t)num_places) * UINT64_C(8);
}

static void
look(run *r)
{
	const size_t i = draw_section(r);
	const uint64_t at = draw_place(r, i, 8);
	FUZZ_ORACLE(CONTENTS, memcmp(bytes_of(r, i) + at, r->model.seen[i] + at, 8) == 0);
}

static void
store(run *r)
{
	const size_t i = draw_section(r);
	const uint64_t at = draw_place(r, i, 8);
	if (r->model.sections[i].writable) {
		const uint64_t word = model_draw_word(&r->decisions);
		memcpy(bytes_of(r, i) + at, &word, 8);
		memcpy(r->model.seen[i] + at, &word, 8);
		r->model.written[i][at / page_size_of(r)] = true;
		r->model.stored[i][at / page_size_of(r)] = true;
	}
}

static void
ask_for_bytes(run *r)
{
	const uint64_t distance = fuzz_decide(&r->decisions, 8) == 0
	                              ? model_draw_word(&r->decisions)
	                              : fuzz_decide(&r->decisions, 65536) * UINT64_C(4);
	const uint64_t size = fuzz_decide(&r->decisions, 8) == 0 ? model_draw_word(&r->decisions)
	                                                         : fuzz_decide(&r->decisions, 16384);
	const size_t i = model_section_of(&r->model, distance, size);
	const uint8_t *bytes = imago_attachment_bytes(r->attachment, r->facts.base + distance, size);
	FUZZ_ORACLE(BYTES, bytes == (i == MODEL_SECTIONS ? NULL : r->facts.bytes + distance));
}

/* What is filled may be handed to a system call. */
static void
fill(run *r)
{
	const uint64_t page = page_size_of(r);
	const size_t i = draw_section(r);
	const uint64_t at = draw_place(r, i, 8);
	const uint64_t left = r->model.sections[i].size - at;
	const uint64_t size = fuzz_decide(&r->decisions, 4) == 0 ? left : 8;
	const imago_addr address =
	    r->facts.base + (r->model.sections[i].address - r->model.plan.start) + at;
	int ends[2];
	FUZZ_ORACLE(FILLED, imago_attachment_fill(r->attachment, address, size, &r->error) == IMAGO_OK);
	FUZZ_ASSERT(pipe(ends) == 0);
	const uint64_t part = size < page ? size : page;
	const uint8_t *bytes = bytes_of(r, i) + at + (size - part);
	FUZZ_ORACLE(FILLED, write(ends[1], bytes, (size_t)part) == (ssize_t)part);
	close(ends[0]);
	close(ends[1]);
}

static void
make_room(run *r)
{
	const uint64_t page = page_size_of(r);
	const uint64_t distance = fuzz_decide(&r->decisions, 64) * page;
	const uint64_t size = fuzz_decide(&r->decisions, 4) * page;
	uint8_t *bytes;
	const imago_status status =
	    imago_attachment_room(r->attachment, r->facts.base + distance, size, &bytes, &r->error);
	const bool free = size != 0 && distance < r->facts.span && size <= r->facts.span - distance &&
	                  !model_is_taken(&r->model, distance, size);
	FUZZ_ORACLE(ROOM, status == (free ? IMAGO_OK : IMAGO_ERANGE));
	if (free) {
		FUZZ_ORACLE(ROOM, bytes == r->facts.bytes + distance && bytes[0] == 0);
		bytes[size - 1] = 0; /* may be stored into */
	}
}

typedef struct seen_pages {
	const run *run;
	bool pages[MODEL_SECTIONS][MODEL_FILE_PAGES];
} seen_pages;

static void
see(size_t section, imago_addr address, uint64_t num_pages, void *payload)
{
	seen_pages *seen = payload;
	const run *r = seen->run;
	const uint64_t begin = r->model.sections[section].address - r->model.plan.start;
	const uint64_t first = (address - r->facts.base - begin) / page_size_of(r);
	FUZZ_ORACLE(COUNTS, first + num_pages <= r->model.sections[section].size / page_size_of(r));
	for (uint64_t i = first; i < first + num_pages; i++) {
		FUZZ_ORACLE(COUNTS, !seen->pages[section][i]);
		seen->pages[section][i] = true;
	}
}

/* Begins to track writes, or compares those that were tracked. */
static void
track(run *r)
{
	seen_pages seen = {.run = r};
	if (!r->tracked) {
		r->tracked = imago_attachment_track(r->attachment, &r->error) == IMAGO_OK;
		FUZZ_ORACLE(WRITTEN, r->tracked || r->error.status == IMAGO_EUNSUPPORTED);
	} else {
		const bool reset = fuzz_decide(&r->decisions, 2) != 0;
		FUZZ_ORACLE(WRITTEN, imago_attachment_written(r->attachment, reset, see, &seen,
		                                              &r->error) == IMAGO_OK);
		FUZZ_ORACLE(WRITTEN, memcmp(seen.pages, r->model.written, sizeof seen.pages) == 0);
		if (!reset) {
			return;
		}
	}
	memset(r->model.written, 0, sizeof r->model.written);
}

static void
count_run(size_t section, imago_addr address, uint64_t num_pages, void *payload)
{
	(void)section;
	(void)address;
	*(uint64_t *)payload += num_pages == 1;
}

/* Whether this system tells of a process's own pages: an emulator does not. */
static bool
pages_are_told(void)
{
	static int told = -1;
	if (told < 0) {
		const model_file *file = model_file_of_process();
		imago_allocator allocator;
		imago_attachment *attachment;
		imago_page_counts counts = {.num_pages = 0};
		/* Of 16 pages, every other one becomes private. */
		const imago_attach_section section = {.size = 16 * file->page_size, .writable = true};
		const imago_attach_plan plan = {{8, IMAGO_LITTLE_ENDIAN}, &section, 1, 0, section.size};
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		FUZZ_ASSERT(imago_attach(&attachment, file->descriptor, &plan, NULL, &allocator, NULL) ==
		            IMAGO_OK);
		for (uint64_t i = 0; i < 16; i += 2) {
			imago_attachment_facts_of(attachment).bytes[i * file->page_size] = 1;
		}
		uint64_t num_runs = 0;
		told =
		    imago_attachment_pages(attachment, &counts, count_run, &num_runs, NULL) == IMAGO_OK &&
		    counts.num_private == 8 && num_runs == 8;
		imago_detach(attachment);
	}
	return told != 0;
}

/* Private are pages that were stored into, and, where words were moved, such as were looked at. */
static void
count(run *r)
{
	imago_page_counts counts[MODEL_SECTIONS];
	seen_pages seen = {.run = r};
	if (!pages_are_told()) {
		fuzz_oracle_count(COUNTS); /* there is nothing to ask here */
		fuzz_oracle_count(SHARED);
		return;
	}
	FUZZ_ORACLE(COUNTS,
	            imago_attachment_pages(r->attachment, counts, see, &seen, &r->error) == IMAGO_OK);
	for (size_t i = 0; i < r->model.plan.num_sections; i++) {
		const bool moved = r->model.sections[i].has_pointers && r->model.delta != 0;
		uint64_t num = 0;
		for (size_t j = 0; j < MODEL_FILE_PAGES; j++) {
			num += seen.pages[i][j];
			FUZZ_ORACLE(COUNTS, seen.pages[i][j] || !r->model.stored[i][j]);
			FUZZ_ORACLE(SHARED, moved || !seen.pages[i][j] || r->model.stored[i][j]);
		}
		FUZZ_ORACLE(COUNTS, counts[i].num_private == num);
		FUZZ_ORACLE(COUNTS, counts[i].num_pages * page_size_of(r) == r->model.sections[i].size);
		FUZZ_ORACLE(COUNTS,
		            counts[i].num_absent + counts[i].num_shared + num == counts[i].num_pages);
	}
}

static void
ask_child(run *r)
{
	int status = 1;
	const pid_t child = fork();
	FUZZ_ASSERT(child >= 0);
	if (child == 0) {
		_exit(looks_right(r) ? 0 : 1);
	}
	FUZZ_ASSERT(waitpid(child, &status, 0) == child);
	FUZZ_ORACLE(FORKED, status == 0);
}

typedef void step(run *r);
static step *const steps[] = {look,  look,  look, store, store, store, store,     track,
                              track, track, fill, fill,  count, count, make_room, ask_for_bytes};

static void
walk_about(run *r)
{
	const uint32_t num_steps = fuzz_decide(&r->decisions, MAX_STEPS + 1);
	for (uint32_t i = 0; i < num_steps; i++) {
		steps[fuzz_decide(&r->decisions, sizeof steps / sizeof steps[0])](r);
	}
	if (fuzz_decide(&r->decisions, 256) == 1) {
		ask_child(r);
	}
	FUZZ_ORACLE(CONTENTS, looks_right(r));
}

/* Sealed for the place where it lies now, then attached there. */
static void
seal(run *r)
{
	int sealed = -1;
	const bool at_home = r->facts.base == (uintptr_t)r->facts.bytes;
	const imago_addr base = r->facts.base;
	imago_detach(r->attachment);
	r->attachment = NULL;
	model_end(&r->model);
	imago_status status = imago_attach_seal(&sealed, r->model.file->descriptor, &r->model.plan,
	                                        base, &r->allocator, &r->error);
	FUZZ_ORACLE(SEALED, status == IMAGO_OK || status == IMAGO_EUNSUPPORTED ||
	                        (!at_home && status == IMAGO_ERANGE));
	if (status != IMAGO_OK) {
		return;
	}
	status = imago_attach_sealed(&r->attachment, sealed, &r->model.plan, &r->allocator, &r->error);
	close(sealed);
	FUZZ_ORACLE(SEALED, status == IMAGO_OK || (!at_home && status == IMAGO_EIO));
	if (status == IMAGO_OK) {
		r->facts = imago_attachment_facts_of(r->attachment);
		model_begin(&r->model, base - r->model.plan.start);
		FUZZ_ORACLE(SEALED, r->facts.base == base && looks_right(r));
	}
}

static imago_status
look_at_all(void *payload)
{
	const run *r = payload;
	return looks_right(r) ? IMAGO_OK : IMAGO_ESTRUCTURE;
}

static void
cut(run *r)
{
	const uint64_t size = fuzz_decide(&r->decisions, (uint32_t)(r->own.size / 8)) * UINT64_C(8) +
	                      fuzz_decide(&r->decisions, 8);
	FUZZ_ASSERT(ftruncate(r->own.descriptor, (off_t)size) == 0);
	if (model_gone_pages_are_told()) {
		const imago_status status =
		    imago_attachment_guard(r->attachment, look_at_all, r, &r->error);
		FUZZ_ORACLE(CUT, status == IMAGO_EIO && r->error.what != NULL);
		FUZZ_ORACLE(CUT, r->error.offset >= size - size % page_size_of(r) &&
		                     r->error.offset <= r->own.size);
	}
	FUZZ_ORACLE(CUT, imago_attachment_check_file(r->attachment, &r->error) == IMAGO_EIO &&
	                     r->error.offset == size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	run r = {.decisions = fuzz_decisions_of(data, size), .own = {.descriptor = -1}};
	const uint32_t end = fuzz_decide(&r.decisions, 8);
	if (end == 1) {
		r.own = model_file_copy();
	}
	imago_allocator_init(&r.allocator, IMAGO_UNLIMITED);
	model_draw(&r.model, end == 1 ? &r.own : model_file_of_process(), &r.decisions);
	draw_options(&r);
	uint8_t *others = be_in_the_way(&r);
	if (attach(&r)) {
		walk_about(&r);
		if (end == 1) {
			cut(&r);
		} else if (end == 2) {
			seal(&r);
		}
	}
	expect_untouched(&r, others);
	imago_detach(r.attachment);
	model_end(&r.model);
	if (r.own.descriptor >= 0) {
		close(r.own.descriptor);
	}
	FUZZ_ORACLE(MEMORY, r.allocator.peak <= MOST_MEMORY);
	FUZZ_ORACLE(NO_LEAK, r.allocator.used == 0);
	return 0;
}

/* mapped.c: the file that the tests of core/share attach. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "imago/pages.h"
#include "mapped.h"

const imago_layout mapped_layouts[4] = {
    {8, IMAGO_LITTLE_ENDIAN},
    {8, IMAGO_BIG_ENDIAN},
    {4, IMAGO_LITTLE_ENDIAN},
    {4, IMAGO_BIG_ENDIAN},
};

/* Gap before, size, both in pages. */
static const struct {
	uint64_t gap, size;
	bool writable, has_pointers;
} shapes[MAPPED_SECTIONS] = {
    {0, 3, false, false}, {1, 37, false, true}, {0, 20, true, true},
    {3, 2, true, false},  {0, 1, false, true},
};

int
mapped_descriptor(const uint8_t *bytes, uint64_t size)
{
	char path[256];
	const char *folder = getenv("TMPDIR");
	snprintf(path, sizeof path, "%s/imago-share-XXXXXX", folder != NULL ? folder : "/tmp");
	const int descriptor = mkstemp(path);
	assert_true(descriptor >= 0);
	unlink(path);
	for (uint64_t done = 0; done < size;) {
		const ssize_t length = write(descriptor, bytes + done, (size_t)(size - done));
		assert_true(length > 0);
		done += (uint64_t)length;
	}
	return descriptor;
}

/* The coverage build's own. */
int __llvm_profile_write_file(void) /* NOLINT(bugprone-reserved-identifier) */
    __attribute__((weak));

void
mapped_end_child(bool right)
{
	if (__llvm_profile_write_file != NULL) {
		(void)__llvm_profile_write_file();
	}
	_exit(right ? 0 : 1);
}

/* In the middle of much more, so that what is mapped meanwhile does not come to lie there. */
uint64_t
mapped_free_address(uint64_t size, bool narrow)
{
	const uint64_t around = sizeof(void *) > 4 && !narrow ? UINT64_C(1) << 30 : UINT64_C(1) << 24;
	const uint64_t all = size + 2 * around;
	for (uint64_t wish = narrow ? UINT64_C(1) << 28 : 0; wish < UINT64_C(1) << 32; wish += around) {
		void *bytes = mmap((void *)(uintptr_t)wish, (size_t)all, PROT_NONE,
		                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		assert_true(bytes != MAP_FAILED);
		munmap(bytes, (size_t)all);
		if (!narrow || (uintptr_t)bytes + all <= UINT64_C(1) << 32) {
			return (uintptr_t)bytes + around;
		}
	}
	return 0;
}

static uint64_t
random_of(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

void
mapped_make(mapped_file *file, imago_layout layout)
{
	uint64_t state = 1;
	file->page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t at = file->page_size; /* of the header that a format would have */
	uint64_t address = 0;
	for (size_t i = 0; i < MAPPED_SECTIONS; i++) {
		imago_attach_section *section = &file->sections[i];
		address += shapes[i].gap * file->page_size;
		*section = (imago_attach_section){
		    .address = address,
		    .offset = at,
		    .size = shapes[i].size * file->page_size,
		    .writable = shapes[i].writable,
		    .has_pointers = shapes[i].has_pointers,
		};
		at += section->size;
		address += section->size;
	}
	for (size_t i = 0; i < MAPPED_SECTIONS; i++) {
		file->sections[i].pointer_words = at;
		at += file->sections[i].has_pointers ? file->sections[i].size / layout.word_bytes / 8 : 0;
	}
	file->size = at;
	file->bytes = malloc((size_t)file->size);
	assert_non_null(file->bytes);
	for (uint64_t i = 0; i < file->size; i++) {
		file->bytes[i] = (uint8_t)random_of(&state);
		if (i >= file->sections[0].pointer_words) {
			file->bytes[i] &= (uint8_t)random_of(&state); /* fewer marks */
		}
	}
	file->descriptor = mapped_descriptor(file->bytes, file->size);
	const uint64_t span = address + 8 * file->page_size;
	file->plan = (imago_attach_plan){
	    .layout = layout,
	    .sections = file->sections,
	    .num_sections = MAPPED_SECTIONS,
	    .span = span,
	};
	mapped_want(file, mapped_free_address(span, layout.word_bytes == 4));
}

void
mapped_want(mapped_file *file, uint64_t start)
{
	for (size_t i = 0; i < MAPPED_SECTIONS; i++) {
		file->sections[i].address += start - file->plan.start;
	}
	file->plan.start = start;
}

void
mapped_release(mapped_file *file)
{
	close(file->descriptor);
	free(file->bytes);
}

uint64_t
mapped_word_at(const uint8_t *bytes, imago_layout layout)
{
	uint64_t word = 0;
	for (unsigned i = 0; i < layout.word_bytes; i++) {
		const unsigned from = layout.byte_order == IMAGO_BIG_ENDIAN ? i : layout.word_bytes - 1 - i;
		word = word << 8 | bytes[from];
	}
	return word;
}

uint64_t
mapped_word(const mapped_file *file, size_t section, uint64_t at, uint64_t delta)
{
	const imago_layout layout = file->plan.layout;
	const imago_attach_section *row = &file->sections[section];
	uint64_t word = mapped_word_at(file->bytes + row->offset + at, layout);
	const uint64_t index = at / layout.word_bytes;
	if (row->has_pointers && (file->bytes[row->pointer_words + index / 8] & 1u << index % 8) != 0) {
		word += delta;
	}
	return layout.word_bytes == 8 ? word : word & UINT32_MAX;
}

uint64_t
mapped_delta(const mapped_file *file, const imago_attachment *attachment)
{
	return imago_attachment_facts_of(attachment).base - file->plan.start;
}

uint8_t *
mapped_section_bytes(const mapped_file *file, const imago_attachment *attachment, size_t section)
{
	const imago_attachment_facts facts = imago_attachment_facts_of(attachment);
	return facts.bytes + (file->sections[section].address - file->plan.start);
}

void
mapped_expect_word(const mapped_file *file, const imago_attachment *attachment, size_t section,
                   uint64_t at)
{
	const uint8_t *bytes = mapped_section_bytes(file, attachment, section);
	const uint64_t expected = mapped_word(file, section, at, mapped_delta(file, attachment));
	const uint64_t found = mapped_word_at(bytes + at, file->plan.layout);
	if (found != expected) {
		fail_msg("section %zu, byte %llu: %llx, not %llx", section, (unsigned long long)at,
		         (unsigned long long)found, (unsigned long long)expected);
	}
}

void
mapped_expect(const mapped_file *file, const imago_attachment *attachment)
{
	for (size_t i = 0; i < MAPPED_SECTIONS; i++) {
		for (uint64_t at = 0; at < file->sections[i].size; at += file->plan.layout.word_bytes) {
			mapped_expect_word(file, attachment, i, at);
		}
	}
}

bool
mapped_matches(const mapped_file *file, const imago_attachment *attachment)
{
	const uint64_t delta = mapped_delta(file, attachment);
	for (size_t i = 0; i < MAPPED_SECTIONS; i++) {
		const uint8_t *bytes = mapped_section_bytes(file, attachment, i);
		for (uint64_t at = 0; at < file->sections[i].size; at += file->plan.layout.word_bytes) {
			if (mapped_word_at(bytes + at, file->plan.layout) != mapped_word(file, i, at, delta)) {
				return false;
			}
		}
	}
	return true;
}

size_t
mapped_ways(imago_relocation ways[4])
{
	mapped_file file;
	imago_allocator allocator;
	size_t num = 0;
	mapped_make(&file, mapped_layouts[0]);
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	for (imago_relocation way = IMAGO_RELOCATION_AUTO; way <= IMAGO_RELOCATION_EAGER; way++) {
		imago_attachment *attachment;
		const imago_attach_options options = {IMAGO_PLACE_ANYWHERE, 0, way};
		imago_error error;
		const imago_status status =
		    imago_attach(&attachment, file.descriptor, &file.plan, &options, &allocator, &error);
		if (status == IMAGO_OK) {
			ways[num++] = way;
			imago_detach(attachment);
		} else {
			print_message("here, no %s\n", mapped_way_name(way));
			assert_int_equal(status, IMAGO_EUNSUPPORTED);
		}
	}
	mapped_release(&file);
	return num;
}

const char *
mapped_way_name(imago_relocation way)
{
	static const char *const names[] = {"auto", "userfault", "signal", "eager", "none"};
	return names[way];
}

static sigjmp_buf back_from_probe;
static volatile uintptr_t probed;

static void
see_probe(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	probed = (uintptr_t)info->si_addr;
	siglongjmp(back_from_probe, 1);
}

bool
mapped_gone_pages_are_told(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const int descriptor = mapped_descriptor((const uint8_t *)"x", 1);
	const struct sigaction action = {.sa_sigaction = see_probe, .sa_flags = SA_SIGINFO};
	struct sigaction before;
	uint8_t *bytes = mmap(NULL, page, PROT_READ, MAP_PRIVATE, descriptor, 0);
	assert_true(bytes != MAP_FAILED);
	assert_int_equal(ftruncate(descriptor, 0), 0);
	assert_int_equal(sigaction(SIGBUS, &action, &before), 0);
	probed = 0;
	if (sigsetjmp(back_from_probe, 1) == 0) {
		(void)*(volatile uint8_t *)bytes;
	}
	const bool told = probed == (uintptr_t)bytes;
	assert_int_equal(sigaction(SIGBUS, &before, NULL), 0);
	munmap(bytes, page);
	close(descriptor);
	if (!told) {
		print_message("skipped: the system does not tell which page is gone\n");
	}
	return told;
}

/* How the one page of an attached file of so many bytes is counted after it was read and, if it is
 * writable, written. */
static imago_page_counts
counts_of(uint64_t size, bool writable)
{
	imago_allocator allocator;
	imago_attachment *attachment;
	imago_page_counts counts = {0};
	imago_error error = {0};
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint8_t *bytes = calloc(1, (size_t)size);
	const imago_attach_section section = {.address = page, .size = page, .writable = writable};
	const imago_attach_plan plan = {.layout = {sizeof(void *) == 4 ? 4 : 8, IMAGO_LITTLE_ENDIAN},
	                                .sections = &section,
	                                .num_sections = 1,
	                                .start = page,
	                                .span = page};
	const imago_attach_options anywhere = {.place = IMAGO_PLACE_ANYWHERE};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	const int descriptor = mapped_descriptor(bytes, size);
	free(bytes);
	assert_int_equal(imago_attach(&attachment, descriptor, &plan, &anywhere, &allocator, &error),
	                 IMAGO_OK);
	volatile uint8_t *first = imago_attachment_facts_of(attachment).bytes;
	uint8_t byte = *first;
	if (writable) {
		*first = (uint8_t)(byte + 1);
	}
	if (imago_attachment_pages(attachment, &counts, NULL, NULL, &error) != IMAGO_OK) {
		counts = (imago_page_counts){0};
	}
	imago_detach(attachment);
	close(descriptor);
	return counts;
}

bool
mapped_pages_are_told(void)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	if (counts_of(page, true).num_private == 1 && counts_of(page, false).num_shared == 1 &&
	    counts_of(1, false).num_shared == 1) {
		return true;
	}
	print_message("skipped: the system does not tell of pages\n");
	return false;
}

int
mapped_set_up(void **state)
{
	mapped_fixture *f = calloc(1, sizeof *f);
	mapped_make(&f->file, mapped_layouts[0]);
	imago_allocator_init(&f->allocator, IMAGO_UNLIMITED);
	f->num_ways = mapped_ways(f->ways);
	*state = f;
	return 0;
}

int
mapped_tear_down(void **state)
{
	mapped_fixture *f = *state;
	mapped_release(&f->file);
	free(f);
	return 0;
}

/* attach_model.c: plans, and the slow way to see them. */
#define _GNU_SOURCE /* memfd_create, MAP_ANONYMOUS */
#include "attach_model.h"

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz_target.h"

enum { TAIL = 100 }; /* bytes behind the last whole page */

static int
make_descriptor(const uint8_t *bytes, uint64_t size)
{
	const int descriptor = memfd_create("fuzz_attach", MFD_CLOEXEC);
	FUZZ_ASSERT(descriptor >= 0);
	FUZZ_ASSERT(pwrite(descriptor, bytes, (size_t)size, 0) == (ssize_t)size);
	return descriptor;
}

const model_file *
model_file_of_process(void)
{
	static model_file file;
	if (file.bytes == NULL) {
		uint64_t state = 1;
		const uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
		const uint64_t size = MODEL_FILE_PAGES * page_size + TAIL;
		static uint8_t *bytes; /* reachable, so no leak; zeros to the end of its last page */
		bytes = calloc(MODEL_FILE_PAGES + 1, (size_t)page_size);
		FUZZ_ASSERT(bytes != NULL);
		for (uint64_t i = 0; i < size; i++) {
			state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			bytes[i] = (uint8_t)(state >> 40);
		}
		file = (model_file){make_descriptor(bytes, size), bytes, size, page_size};
	}
	return &file;
}

model_file
model_file_copy(void)
{
	model_file copy = *model_file_of_process();
	copy.descriptor = make_descriptor(copy.bytes, copy.size);
	return copy;
}

uint64_t
model_draw_word(fuzz_decisions *decisions)
{
	uint64_t word = 0;
	for (unsigned i = 0; i < 4; i++) {
		word = word << 16 | fuzz_decide(decisions, 65536);
	}
	return word;
}

uint64_t
model_free_addresses(bool narrow)
{
	static uint64_t found[2];
	const uint64_t size = sizeof(void *) > 4 ? UINT64_C(1) << 30 : UINT64_C(1) << 26;
	if (found[narrow] == 0) {
		void *const wish = narrow ? (void *)(uintptr_t)0x10000000 : NULL;
		uint8_t *bytes =
		    mmap(wish, (size_t)size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		FUZZ_ASSERT(bytes != MAP_FAILED);
		munmap(bytes, (size_t)size);
		found[narrow] = (uintptr_t)bytes + size / 2;
	}
	return found[narrow];
}

static uint64_t
draw_start(const attach_model *model, fuzz_decisions *decisions)
{
	static const uint64_t odd[] = {0, 0x1000, 0x10000, 0xffff0000, UINT64_C(0xffffffffff000000)};
	const uint32_t choice = fuzz_decide(decisions, 16);
	return choice < sizeof odd / sizeof odd[0]
	           ? odd[choice]
	           : model_free_addresses(model->plan.layout.word_bytes == 4);
}

static imago_attach_section
draw_section(const attach_model *model, fuzz_decisions *decisions)
{
	const uint64_t page = model->file->page_size;
	const uint32_t most = fuzz_decide(decisions, 4) == 0 ? MODEL_SECTION_PAGES : 3;
	const uint64_t num_pages = 1 + fuzz_decide(decisions, most);
	const uint32_t kind = fuzz_decide(decisions, 8);
	imago_attach_section section = {
	    .offset = fuzz_decide(decisions, MODEL_FILE_PAGES - MODEL_SECTION_PAGES + 1) * page,
	    .size = num_pages * page,
	    .writable = (kind & 1) != 0,
	    .has_pointers = kind >= 2,
	};
	const uint64_t marks = section.size / model->plan.layout.word_bytes / 8;
	section.pointer_words =
	    fuzz_decide(decisions, (uint32_t)(model->file->size - marks) / 4) * UINT64_C(4);
	return section;
}

static uint64_t
other_number(uint64_t number, uint64_t page, fuzz_decisions *decisions)
{
	switch (fuzz_decide(decisions, 8)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX - page + 1;
	case 2:
		return number + page;
	case 3:
		return number - page;
	case 4:
		return number + 8;
	case 5:
		return number * 2;
	case 6:
		return UINT64_C(1) << fuzz_decide(decisions, 64);
	default:
		return model_draw_word(decisions);
	}
}

static void
damage(attach_model *model, fuzz_decisions *decisions)
{
	const uint64_t page = model->file->page_size;
	imago_attach_section *section =
	    &model->sections[fuzz_decide(decisions, (uint32_t)model->plan.num_sections)];
	uint64_t *const numbers[] = {
	    &section->address, &section->offset,        &section->size,    &section->address,
	    &section->size,    &section->pointer_words, &model->plan.span, &model->plan.start,
	};
	const uint32_t which = fuzz_decide(decisions, 10);
	model->damaged = true;
	if (which < sizeof numbers / sizeof numbers[0]) {
		*numbers[which] = other_number(*numbers[which], page, decisions);
	} else if (which == 8) {
		model->plan.num_sections = fuzz_decide(decisions, 2) == 0 ? 0 : 5000;
	} else {
		model->plan.layout.word_bytes = (uint8_t)fuzz_decide(decisions, 256);
	}
}

void
model_draw(attach_model *model, const model_file *file, fuzz_decisions *decisions)
{
	const uint64_t page = file->page_size;
	*model = (attach_model){.file = file};
	const uint32_t layout = fuzz_decide(decisions, 8);
	model->plan.layout = (imago_layout){
	    .word_bytes = layout < 5 ? 8 : 4,
	    .byte_order = layout % 2 == 0 ? IMAGO_LITTLE_ENDIAN : IMAGO_BIG_ENDIAN,
	};
	model->plan.start = draw_start(model, decisions);
	model->plan.sections = model->sections;
	model->plan.num_sections = 1 + fuzz_decide(decisions, MODEL_SECTIONS);
	uint64_t distance = 0;
	for (size_t i = 0; i < model->plan.num_sections; i++) {
		distance += fuzz_decide(decisions, 3) * page;
		model->sections[i] = draw_section(model, decisions);
		model->sections[i].address = model->plan.start + distance;
		distance += model->sections[i].size;
	}
	model->plan.span = distance + fuzz_decide(decisions, 4) * page;
	if (fuzz_decide(decisions, 5) == 1) {
		damage(model, decisions);
	}
}

static bool
is_inside(uint64_t position, uint64_t length, uint64_t size)
{
	return position <= size && length <= size - position;
}

static bool
section_is_sound(const attach_model *model, const imago_attach_section *section)
{
	const uint64_t page = model->file->page_size;
	return section->size != 0 && section->size % page == 0 && section->offset % page == 0 &&
	       section->address % page == 0 && section->address >= model->plan.start &&
	       is_inside(section->address - model->plan.start, section->size, model->plan.span) &&
	       is_inside(section->offset, section->size,
	                 section->writable || section->has_pointers ? model->file->size
	                                                            : (MODEL_FILE_PAGES + 1) * page) &&
	       (!section->has_pointers ||
	        is_inside(section->pointer_words, section->size / model->plan.layout.word_bytes / 8,
	                  model->file->size));
}

bool
model_is_sound(const attach_model *model)
{
	const imago_attach_plan *plan = &model->plan;
	const uint64_t page = model->file->page_size;
	if ((plan->layout.word_bytes != 4 && plan->layout.word_bytes != 8) || plan->num_sections == 0 ||
	    plan->num_sections > MODEL_SECTIONS || plan->start % page != 0 || plan->span % page != 0 ||
	    plan->span == 0 || plan->span - 1 > UINT64_MAX - plan->start || plan->span > SIZE_MAX / 2 ||
	    (plan->layout.word_bytes == 4 && plan->start + (plan->span - 1) > UINT32_MAX)) {
		return false;
	}
	for (size_t i = 0; i < plan->num_sections; i++) {
		if (!section_is_sound(model, &plan->sections[i])) {
			return false;
		}
		for (size_t j = 0; j < i; j++) {
			if (plan->sections[j].address > plan->sections[i].address ||
			    plan->sections[i].address - plan->sections[j].address < plan->sections[j].size) {
				return false;
			}
		}
	}
	return true;
}

/* Byte by byte, with a carry: no loads, no shifts of words. */
static void
add(uint8_t *word, imago_layout layout, uint64_t delta)
{
	unsigned carry = 0;
	for (unsigned i = 0; i < layout.word_bytes; i++) {
		const unsigned at =
		    layout.byte_order == IMAGO_LITTLE_ENDIAN ? i : layout.word_bytes - 1u - i;
		const unsigned sum = word[at] + (unsigned)(delta & 255) + carry;
		word[at] = (uint8_t)sum;
		carry = sum >> 8;
		delta >>= 8;
	}
}

void
model_begin(attach_model *model, uint64_t delta)
{
	const imago_layout layout = model->plan.layout;
	model->delta = delta;
	for (size_t i = 0; i < model->plan.num_sections; i++) {
		const imago_attach_section *section = &model->sections[i];
		const uint8_t *marks = model->file->bytes;
		uint8_t *seen = malloc((size_t)section->size);
		marks += section->has_pointers ? section->pointer_words : 0;
		FUZZ_ASSERT(seen != NULL);
		memcpy(seen, model->file->bytes + section->offset, (size_t)section->size);
		for (uint64_t word = 0;
		     delta != 0 && section->has_pointers && word < section->size / layout.word_bytes;
		     word++) {
			if ((marks[word / 8] >> word % 8 & 1) != 0) {
				add(seen + word * layout.word_bytes, layout, delta);
			}
		}
		model->seen[i] = seen;
	}
}

void
model_end(attach_model *model)
{
	for (size_t i = 0; i < MODEL_SECTIONS; i++) {
		free(model->seen[i]);
		model->seen[i] = NULL;
	}
}

size_t
model_section_of(const attach_model *model, uint64_t distance, uint64_t size)
{
	for (size_t i = 0; i < model->plan.num_sections; i++) {
		const uint64_t begin = model->sections[i].address - model->plan.start;
		if (distance >= begin && distance - begin < model->sections[i].size &&
		    is_inside(distance - begin, size, model->sections[i].size)) {
			return i;
		}
	}
	return MODEL_SECTIONS;
}

bool
model_is_taken(const attach_model *model, uint64_t distance, uint64_t size)
{
	for (size_t i = 0; i < model->plan.num_sections; i++) {
		const uint64_t begin = model->sections[i].address - model->plan.start;
		if (begin < distance + size && distance < begin + model->sections[i].size) {
			return true;
		}
	}
	return false;
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
model_gone_pages_are_told(void)
{
	static int told = -1;
	if (told < 0) {
		const size_t page = (size_t)sysconf(_SC_PAGESIZE);
		const int descriptor = make_descriptor((const uint8_t *)"x", 1);
		const struct sigaction action = {.sa_sigaction = see_probe, .sa_flags = SA_SIGINFO};
		struct sigaction before;
		uint8_t *bytes = mmap(NULL, page, PROT_READ, MAP_PRIVATE, descriptor, 0);
		FUZZ_ASSERT(bytes != MAP_FAILED && ftruncate(descriptor, 0) == 0);
		FUZZ_ASSERT(sigaction(SIGBUS, &action, &before) == 0);
		if (sigsetjmp(back_from_probe, 1) == 0) {
			(void)*(volatile uint8_t *)bytes;
		}
		told = probed == (uintptr_t)bytes;
		FUZZ_ASSERT(sigaction(SIGBUS, &before, NULL) == 0);
		munmap(bytes, page);
		close(descriptor);
	}
	return told != 0;
}

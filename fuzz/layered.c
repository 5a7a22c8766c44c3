/* layered: a layered file is what its image was, wherever it is mapped, and leads back to it;
 * whatever bytes it has, nothing breaks.
 *
 * Any bytes, and any made file that was damaged, are refused with a place and a documented status,
 * or read; memory stays within 4 * size + 1 MiB, in restoring too, and a failing allocation is
 * reported. An image that can be read (a layered one as well) is written in tiers and at a start
 * that the input draws, or refused with a documented status. What was written reads, is the same
 * the second time, has no finding of the container and, when the image has no errors, its digest;
 * it restores to the very file, unless it has no origin; its fixups move it as swizzling does. A
 * change that is not sealed is refused or found, as is every cut; what is left without errors
 * restores, unless it has no origin, to the same digest, and moves by its fixups. */
#include "imago/layered_image.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz_decisions.h"
#include "fuzz_image.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/swizzle.h"
#include "imago/walk.h"

enum {
	REFUSAL,
	MEMORY,
	FAILING_ALLOCATION,
	WRITE_REFUSAL,
	WRITTEN,
	DIGEST,
	NO_FINDING,
	RESTORED,
	TWICE,
	FIXUPS,
	NOTICED,
	CUT,
	SOUND,
	RESTORE_REFUSAL,
	NO_LEAK,
};
static const char *const oracles[] = {
    [REFUSAL] = "refusal",
    [MEMORY] = "memory",
    [FAILING_ALLOCATION] = "failing_allocation",
    [WRITE_REFUSAL] = "write_refusal",
    [WRITTEN] = "written_reads",
    [DIGEST] = "same_digest",
    [NO_FINDING] = "no_finding",
    [RESTORED] = "restores",
    [TWICE] = "written_twice",
    [FIXUPS] = "fixups_swizzle",
    [NOTICED] = "damage_is_noticed",
    [CUT] = "cut_is_refused",
    [SOUND] = "sound_restores",
    [RESTORE_REFUSAL] = "restore_refusal",
    [NO_LEAK] = "no_leak",
};
FUZZ_DECLARE_ORACLES("layered", oracles);

/* layered_image.h, arrange.h, heap.h, walk.h */
static const fuzz_statuses read_statuses =
    1u << IMAGO_EMAGIC | 1u << IMAGO_EVERSION | 1u << IMAGO_ETRUNCATED | 1u << IMAGO_ERANGE |
    1u << IMAGO_EALIGN | 1u << IMAGO_ESTRUCTURE | 1u << IMAGO_ELIMIT | 1u << IMAGO_ENOMEM;
static const fuzz_statuses write_statuses = 1u << IMAGO_EUNSUPPORTED | 1u << IMAGO_EUSAGE |
                                            1u << IMAGO_ERANGE | 1u << IMAGO_ESTRUCTURE |
                                            1u << IMAGO_ETRUNCATED;
static const fuzz_statuses restore_statuses = 1u << IMAGO_EUNSUPPORTED | 1u << IMAGO_ETRUNCATED |
                                              1u << IMAGO_ERANGE | 1u << IMAGO_EALIGN |
                                              1u << IMAGO_ESTRUCTURE | 1u << IMAGO_ELIMIT;

enum { MEBIBYTE = 1 << 20 };

static void
accept_anything(const imago_heap *heap, const uint8_t *bytes, uint64_t size)
{
	(void)heap;
	(void)bytes;
	(void)size;
}

static void
expect_sound_reader(const uint8_t *bytes, uint64_t size, uint32_t fail_at)
{
	const fuzz_reader_oracles sound = {REFUSAL, MEMORY, FAILING_ALLOCATION};
	fuzz_expect_sound_reader(imago_layered_read, bytes, size, read_statuses, fail_at, sound,
	                         accept_anything);
}

/* ---- What the rules say. */

typedef struct findings {
	uint64_t num_errors, num_layered, num_all;
} findings;

static bool
note_finding(const imago_finding *finding, void *payload)
{
	findings *list = payload;
	list->num_errors += finding->rule->severity == IMAGO_ERROR;
	list->num_layered += strncmp(finding->rule->name, "layered.", 8) == 0;
	list->num_all++;
	return true;
}

static findings
check(const imago_image *image, imago_allocator *allocator)
{
	findings list = {.num_all = 0};
	const imago_check_options options = {.num_threads = 1};
	imago_check_sink sink;
	imago_check_sink_init(&sink, &options, note_finding, &list);
	FUZZ_ASSERT(imago_image_check(image, &sink, allocator, NULL) == IMAGO_OK);
	return list;
}

/* ---- Relocation by fixups. */

/* Adds a distance to every word that the bitmaps of a file mark. */
static void
relocate_by_fixups(imago_heap *heap, const imago_layered_head *head, const uint8_t *bytes,
                   uint64_t distance)
{
	size_t index = 0;
	for (size_t i = 0; i < head->num_sections; i++) {
		const imago_layered_section *section = &head->sections[i];
		if (section->kind != IMAGO_LAYERED_OBJECTS) {
			continue;
		}
		const imago_segment *segment = &heap->segments[index++];
		const uint64_t num_words = section->size / heap->layout.word_bytes;
		for (uint64_t k = 0; section->has_pointers && k < num_words; k++) {
			uint8_t *word = segment->writable + k * heap->layout.word_bytes;
			if (bytes[section->fixups + k / 8] >> k % 8 & 1) {
				imago_store_word(word, imago_load_word(word, heap->layout) + distance,
				                 heap->layout);
			}
		}
	}
}

static void
expect_moves_by_fixups(fuzz_subject *subject, const imago_image *file, imago_addr base)
{
	const imago_swizzle_options plain = {.simd = IMAGO_SIMD_SCALAR};
	imago_layered_head head;
	FUZZ_ASSERT(imago_layered_decode(&head, file->data, file->size, NULL) == IMAGO_OK);
	imago_heap *swizzled = fuzz_copy(file->heap, &subject->allocator);
	if (imago_swizzle(swizzled, base, &plain, NULL) == IMAGO_OK) {
		imago_heap *moved = fuzz_copy(file->heap, &subject->allocator);
		const uint64_t distance = base - file->heap->segments[0].start;
		relocate_by_fixups(moved, &head, file->data, distance);
		for (size_t i = 0; i < moved->num_segments; i++) {
			moved->segments[i].start += distance;
		}
		FUZZ_ORACLE(FIXUPS, fuzz_same_segments(moved, swizzled));
		imago_heap_destroy(moved);
	}
	imago_heap_destroy(swizzled);
}

/* ---- Restoring. */

/* What the file was made of, or NULL; within the reader's memory. */
static imago_heap *
restore(const imago_image *file, imago_allocator *allocator, imago_error *error)
{
	imago_heap *restored = NULL;
	*error = (imago_error){.status = IMAGO_OK};
	imago_allocator_init(allocator, 4 * file->size + MEBIBYTE);
	const imago_status status =
	    imago_layered_restore(&restored, file->heap, file->data, file->size, allocator, error);
	FUZZ_ORACLE(MEMORY, status != IMAGO_ENOMEM);
	FUZZ_ORACLE(RESTORE_REFUSAL, (status == IMAGO_OK) == (restored != NULL));
	if (status != IMAGO_OK) {
		fuzz_expect_refusal(error, status, file->size, restore_statuses, RESTORE_REFUSAL);
		FUZZ_ORACLE(MEMORY, allocator->used == 0);
	}
	return restored;
}

static void
expect_restore_fails(const imago_image *file, uint64_t fail_at)
{
	imago_allocator allocator;
	imago_error error = {.status = IMAGO_OK};
	imago_heap *restored = NULL;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	allocator.fail_at = fail_at;
	const imago_status status =
	    imago_layered_restore(&restored, file->heap, file->data, file->size, &allocator, &error);
	FUZZ_ORACLE(FAILING_ALLOCATION, status == IMAGO_ENOMEM && error.status == IMAGO_ENOMEM);
	FUZZ_ORACLE(FAILING_ALLOCATION, restored == NULL && allocator.used == 0);
}

static void
expect_restores(fuzz_subject *subject, const imago_image *file, bool has_origin, uint32_t fail_at)
{
	imago_allocator allocator;
	imago_error error;
	imago_heap *restored = restore(file, &allocator, &error);
	if (!has_origin) {
		FUZZ_ORACLE(RESTORED, restored == NULL && error.status == IMAGO_EUNSUPPORTED);
		return;
	}
	FUZZ_ORACLE(RESTORED, restored != NULL);
	const uint64_t num_calls = allocator.num_calls;
	FUZZ_ORACLE(RESTORED, fuzz_same_file(subject->heap, restored, subject->image.format));
	imago_heap_destroy(restored);
	FUZZ_ORACLE(MEMORY, allocator.used == 0);
	expect_restore_fails(file, 1 + fail_at % num_calls);
}

/* ---- Writing. */

typedef struct making {
	imago_layered_options options;
	uint8_t *tiers; /* of the options, with ranks behind them; or NULL */
} making;

/* A tier for each chunk: a pattern, the input's own bytes, or one that is wrong. */
static void
draw_tiers(making *out, const imago_heap *heap, const uint8_t *data, size_t size,
           fuzz_decisions *decisions)
{
	imago_census census;
	const uint32_t kind = fuzz_decide(decisions, 8);
	const uint32_t step = fuzz_decide(decisions, 65536);
	if (kind < 2 || imago_census_take(heap, &census, NULL) != IMAGO_OK) {
		return;
	}
	const size_t num_tiers = (size_t)census.num_chunks;
	out->tiers = calloc(num_tiers + 1, 2);
	FUZZ_ASSERT(out->tiers != NULL);
	for (size_t i = 0; i < num_tiers; i++) {
		const uint64_t number = kind < 4   ? i * step >> 8
		                        : kind < 6 ? data[(i * 3 + step) % size]
		                                   : i * 3 / num_tiers;
		out->tiers[i] = (uint8_t)(number % IMAGO_NUM_TIERS);
		out->tiers[num_tiers + i] = (uint8_t)(number / IMAGO_NUM_TIERS % IMAGO_NUM_RANKS);
	}
	out->options.tiers = out->tiers;
	out->options.num_tiers = num_tiers;
	if (step % 2 == 0) {
		out->options.ranks = out->tiers + num_tiers;
	}
	if (kind == 7 && step % 8 == 0 && num_tiers > 0) {
		out->options.num_tiers += 1 - step / 8 % 3;
		out->tiers[step % num_tiers] = (uint8_t)(step / 8 % 5);
	}
}

static making
draw_options(const imago_heap *heap, const uint8_t *data, size_t size, fuzz_decisions *decisions)
{
	making out = {.tiers = NULL};
	const uint32_t kind = fuzz_decide(decisions, 8);
	const uint64_t number = fuzz_decide(decisions, 65536);
	const bool wide = heap->layout.word_bytes == 8;
	draw_tiers(&out, heap, data, size, decisions);
	if (kind == 1) {
		out.options.start = (wide ? IMAGO_PERM_START_64 : IMAGO_PERM_START_32) - (number << 16);
	} else if (kind == 2) {
		out.options.start = number << 4;
	} else if (kind > 4) {
		out.options.start = (number & (wide ? 0xFFFF : 0x3FFF)) << (wide ? 32 : 16);
	}
	out.options.without_origin = fuzz_decide(decisions, 8) == 0;
	out.options.flags = fuzz_decide(decisions, 2) * IMAGO_LAYERED_PERM_SAVE;
	return out;
}

static imago_status
write_once(fuzz_output *output, const imago_heap *heap, const imago_layered_options *options,
           uint64_t fail_at)
{
	memset(output, 0, sizeof *output);
	imago_allocator_init(&output->allocator, IMAGO_UNLIMITED);
	output->allocator.fail_at = fail_at;
	imago_writer_init(&output->writer, &output->allocator, heap->layout, &output->error);
	return imago_layered_write(heap, options, &output->writer, &output->error);
}

static void
expect_same_again(const imago_heap *heap, const imago_layered_options *options,
                  const fuzz_output *file, uint32_t fail_at)
{
	fuzz_output again;
	FUZZ_ORACLE(TWICE, write_once(&again, heap, options, 0) == IMAGO_OK);
	FUZZ_ORACLE(TWICE, fuzz_output_equal(file, &again));
	const uint64_t failing = 1 + fail_at % again.allocator.num_calls;
	fuzz_output_release(&again);
	FUZZ_ORACLE(FAILING_ALLOCATION, write_once(&again, heap, options, failing) == IMAGO_ENOMEM);
	FUZZ_ORACLE(FAILING_ALLOCATION, again.error.status == IMAGO_ENOMEM);
	fuzz_output_release(&again);
}

/* ---- Damage. */

/* A place of the file: mostly where it says what is where. */
static uint64_t
draw_place(const imago_image *file, const imago_layered_head *head, fuzz_decisions *decisions)
{
	const uint32_t kind = fuzz_decide(decisions, 8);
	const uint32_t low = fuzz_decide(decisions, 65536);
	const uint64_t number = (uint64_t)fuzz_decide(decisions, 65536) << 16 | low;
	const imago_layered_section *section = &head->sections[low % head->num_sections];
	switch (kind) {
	case 0:
		return number % 256;
	case 1:
		return number % IMAGO_LAYERED_HEAD;
	case 2:
	case 3: /* fields of the table: those of eight bytes, kind, tier, pointers */
		return IMAGO_LAYERED_PAGE + low % head->num_sections * 128 + (low >> 8) % 48;
	case 4: /* the beginning of a section, often the origin */
		section = low % 2 ? &head->sections[head->num_sections - 1] : section;
		return section->offset + (number >> 8) % (section->size < 256 ? section->size : 256);
	case 5: /* its end, and its last page */
		return (section->offset + section->size + (number >> 8) % 4096 - 64) % file->size;
	default:
		return number % file->size;
	}
}

static void
damage_once(uint8_t *bytes, const imago_image *file, const imago_layered_head *head,
            fuzz_decisions *decisions)
{
	const uint64_t at = draw_place(file, head, decisions);
	const uint32_t kind = fuzz_decide(decisions, 4);
	const uint64_t number = fuzz_decide(decisions, 65536);
	if (kind == 0) {
		bytes[at] ^= (uint8_t)(1U << number % 8);
	} else if (kind == 1) {
		bytes[at] = (uint8_t)number;
	} else if (at + 8 <= file->size) {
		const uint64_t value = imago_load_u64(bytes + at, IMAGO_LITTLE_ENDIAN);
		const uint64_t changed = kind == 2 ? value + (number & 1 ? 0 - number : number) * 8
		                                   : (uint64_t)0 - number % 3 - number % 2;
		imago_store_u64(bytes + at, changed, IMAGO_LITTLE_ENDIAN);
	}
}

enum { UNSEALED, ALL_SEALED, TABLE_SEALED, HEADER_SEALED, NUM_SEALS };

static void
seal(uint8_t *bytes, uint64_t size, uint32_t how)
{
	if (how == ALL_SEALED) {
		imago_layered_seal(bytes, size);
	} else if (how == TABLE_SEALED) {
		imago_layered_seal_table(bytes);
	} else if (how == HEADER_SEALED) {
		imago_layered_seal_header(bytes);
	}
}

/* Of a file without errors: what was sealed by a liar, too. */
static void
expect_sound(fuzz_subject *subject, const imago_image *image, const imago_heap *restored,
             const imago_error *error, imago_addr base)
{
	FUZZ_ORACLE(SOUND, restored != NULL || error->status == IMAGO_EUNSUPPORTED);
	FUZZ_ORACLE(SOUND, restored == NULL || fuzz_same_digest(image->heap, restored));
	expect_moves_by_fixups(subject, image, base);
}

/* What a damaged file restores to can be layered again, or is refused: it may have tiers of its
 * own.
 */
static void
expect_layered_again(const imago_heap *restored)
{
	fuzz_output output;
	const imago_status status = write_once(&output, restored, NULL, 0);
	if (status != IMAGO_OK) {
		fuzz_expect_refusal(&output.error, status, IMAGO_NO_OFFSET, write_statuses, WRITE_REFUSAL);
	}
	fuzz_output_release(&output);
}

/* Reads damaged bytes and does all that can be done with them. Returns true when the damage is
 * noticed. */
static bool
use_damaged(fuzz_subject *subject, const uint8_t *bytes, uint64_t size, imago_addr base)
{
	imago_image image;
	imago_error error;
	bool is_noticed = true;
	if (imago_image_read(&image, bytes, size, &subject->allocator, &error) == IMAGO_OK &&
	    image.format == IMAGO_FORMAT_LAYERED) {
		imago_allocator allocator;
		const findings list = check(&image, &subject->allocator);
		imago_heap *restored = restore(&image, &allocator, &error);
		is_noticed = list.num_all > 0;
		if (list.num_errors == 0) {
			expect_sound(subject, &image, restored, &error, base);
		}
		if (restored != NULL) {
			expect_layered_again(restored);
		}
		imago_heap_destroy(restored);
		FUZZ_ORACLE(MEMORY, allocator.used == 0);
	}
	imago_image_close(&image);
	return is_noticed;
}

static void
expect_bears_damage(fuzz_subject *subject, const imago_image *file, fuzz_decisions *decisions)
{
	imago_layered_head head;
	FUZZ_ASSERT(imago_layered_decode(&head, file->data, file->size, NULL) == IMAGO_OK);
	uint8_t *bytes = malloc((size_t)file->size);
	FUZZ_ASSERT(bytes != NULL);
	memcpy(bytes, file->data, (size_t)file->size);
	const uint32_t how = fuzz_decide(decisions, NUM_SEALS);
	const uint32_t num_changes = 1 + fuzz_decide(decisions, 4);
	for (uint32_t i = 0; i < num_changes; i++) {
		damage_once(bytes, file, &head, decisions);
	}
	const bool head_is_same = memcmp(bytes, file->data, IMAGO_LAYERED_HEAD) == 0;
	const bool is_same = memcmp(bytes, file->data, (size_t)file->size) == 0;
	seal(bytes, file->size, how);
	const imago_addr base = file->heap->segments[0].start + (UINT64_C(1) << 16);
	const uint32_t fail_at = fuzz_decide(decisions, 256);
	expect_sound_reader(bytes, file->size, fail_at);
	const bool is_noticed = use_damaged(subject, bytes, file->size, base);
	if (!is_same && (how == UNSEALED || (head_is_same && how != ALL_SEALED))) {
		FUZZ_ORACLE(NOTICED, is_noticed);
	}
	free(bytes);
}

static void
expect_cut_is_refused(const imago_image *file, fuzz_decisions *decisions)
{
	imago_allocator allocator;
	imago_heap *heap = NULL;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	const uint64_t low = fuzz_decide(decisions, 65536);
	const uint64_t left = (low << 8 | fuzz_decide(decisions, 256)) % file->size;
	uint8_t *bytes = malloc(left > 0 ? (size_t)left : 1); /* so that it ends where it ends */
	FUZZ_ASSERT(bytes != NULL);
	memcpy(bytes, file->data, (size_t)left);
	FUZZ_ORACLE(CUT, imago_layered_read(&heap, bytes, left, &allocator, NULL) != IMAGO_OK);
	free(bytes);
}

/* ---- One image. */

static void
ask(fuzz_subject *subject, const making *made, const fuzz_output *output, fuzz_decisions *decisions)
{
	const bool is_sound = fuzz_check(&subject->image).num_errors == 0;
	const uint32_t fail_at = fuzz_decide(decisions, 256);
	imago_image file;
	imago_error error;
	FUZZ_ORACLE(WRITTEN, imago_image_read(&file, output->writer.bytes, output->writer.size,
	                                      &subject->allocator, &error) == IMAGO_OK);
	FUZZ_ORACLE(WRITTEN, file.format == IMAGO_FORMAT_LAYERED);
	if (fuzz_decide(decisions, 2) == 0) {
		const imago_addr base = fuzz_choose_base(&decisions->tail, file.heap);
		FUZZ_ORACLE(NO_FINDING, check(&file, &subject->allocator).num_layered == 0);
		expect_same_again(subject->heap, &made->options, output, fail_at);
		expect_restores(subject, &file, !made->options.without_origin, fail_at);
		if (is_sound) {
			FUZZ_ORACLE(DIGEST, fuzz_same_digest(subject->heap, file.heap));
			expect_moves_by_fixups(subject, &file, base);
		}
	} else {
		expect_bears_damage(subject, &file, decisions);
		expect_cut_is_refused(&file, decisions);
	}
	imago_image_close(&file);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_subject subject;
	fuzz_decisions decisions = fuzz_decisions_of(data, size);
	expect_sound_reader(data, size, fuzz_decide(&decisions, 256));
	if (fuzz_subject_open(&subject, data, size)) {
		making made = draw_options(subject.heap, data, size, &decisions);
		fuzz_output output;
		const imago_status status = write_once(&output, subject.heap, &made.options, 0);
		if (status == IMAGO_OK) {
			ask(&subject, &made, &output, &decisions);
		} else {
			FUZZ_ORACLE(WRITE_REFUSAL, status != IMAGO_ENOMEM);
			fuzz_expect_refusal(&output.error, status, size, write_statuses, WRITE_REFUSAL);
		}
		fuzz_output_release(&output);
		free(made.tiers);
	}
	fuzz_subject_close(&subject, NO_LEAK);
	return 0;
}

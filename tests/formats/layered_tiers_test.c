/* layered_tiers_test.c: which section an object lies in, and where: by tier, by rank, by who writes
 * it, and in a perm save (layered.md §3, §8). */
#include "layered_file.h"

#include <stdlib.h>
#include <string.h>

#include "../support/assertions.h"
#include "../support/small_image.h"
#include "imago/byte_order.h"
#include "imago/walk.h"
#include "layered_bytes.h"

static imago_allocator allocator;
static imago_error error;

static void
sections_are_pages_of_one_tier_with_or_without_pointers(void **state)
{
	(void)state;
	imago_heap *heap = varied_heap(&test_layouts[0], &allocator);
	imago_layered_options options = {.start = 0};
	uint8_t *tiers = layered_bytes_mixed_tiers(heap, &options.num_tiers);
	options.tiers = tiers;
	layered_file file = layered_file_make(heap, &options);
	assert_int_equal(file.head.num_sections, 1 + 2 * IMAGO_NUM_TIERS + 3);
	assert_string_equal(file.head.sections[0].name, "roots");
	imago_addr end = 0;
	for (size_t i = 0; i < (size_t)2 * IMAGO_NUM_TIERS; i++) {
		const imago_layered_section *section = &file.head.sections[1 + i];
		assert_int_equal(section->kind, IMAGO_LAYERED_OBJECTS);
		assert_int_equal(section->tier, IMAGO_TIER_READ_ONLY - i / 2);
		assert_int_equal(section->has_pointers, i % 2 == 0);
		assert_int_equal(section->address % IMAGO_LAYERED_ALIGNMENT, 0);
		assert_int_equal(section->offset % IMAGO_LAYERED_PAGE, 0);
		assert_true(section->address >= end);
		end = section->address + section->size;
		assert_int_equal(file.heap->segments[1 + i].tier, section->tier);
	}
	assert_int_equal(file.head.start + file.head.span, end);
	assert_string_equal(file.head.sections[1].name, "read-only");
	free(tiers);
	layered_file_release(&file);
	imago_heap_destroy(heap);
}

/* §8: all but the roots and what collectors write is read-only. */
static void
a_perm_save_is_read_only_whatever_tiers_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_heap *heap = varied_heap(&test_layouts[i], &allocator);
		imago_layered_options options = {.flags = IMAGO_LAYERED_PERM_SAVE};
		uint8_t *tiers = layered_bytes_mixed_tiers(heap, &options.num_tiers);
		options.tiers = tiers;
		layered_file file = layered_file_make(heap, &options);
		imago_walker walker;
		imago_object object;
		uint64_t num_read_only = 0;
		imago_walk_init(&walker, file.heap, &error);
		while (imago_walk_next(&walker, &object)) {
			const bool collectors = object.kind != IMAGO_OBJECT_ORDINARY ||
			                        object.format == IMAGO_FORMAT_WEAK ||
			                        object.format == IMAGO_FORMAT_EPHEMERON;
			const uint8_t tier = file.heap->segments[object.segment].tier;
			assert_true(object.segment == 0 ||
			            tier == (collectors ? IMAGO_TIER_OFTEN : IMAGO_TIER_READ_ONLY));
			num_read_only += tier == IMAGO_TIER_READ_ONLY;
		}
		assert_true(num_read_only > 100);
		assert_null(layered_file_check(&file).first);
		assert_true(imago_layered_is_perm_save(file.writer.bytes, file.writer.size));
		assert_false(imago_layered_is_perm_save(file.writer.bytes, IMAGO_LAYERED_PAGE));
		/* A file that says so and is not is found out (§6). */
		layered_file_release(&file);
		options.flags = 0;
		file = layered_file_make(heap, &options);
		assert_false(imago_layered_is_perm_save(file.writer.bytes, file.writer.size));
		file.writer.bytes[20] |= IMAGO_LAYERED_PERM_SAVE;
		imago_layered_seal_header(file.writer.bytes);
		assert_string_equal(layered_file_check(&file).first, "layered.permSave");
		layered_file_release(&file);
		free(tiers);
		imago_heap_destroy(heap);
	}
	assert_no_leak(&allocator);
}

/* What tiers say is written lies side by side: what is there for a collector's sake is behind it.
 */
static void
what_only_collectors_write_lies_behind_what_programs_do(void **state)
{
	(void)state;
	imago_heap *heap = varied_heap(&test_layouts[0], &allocator);
	imago_layered_options options = {.start = 0};
	uint8_t *tiers = layered_bytes_mixed_tiers(heap, &options.num_tiers);
	options.tiers = tiers;
	imago_walker walker;
	imago_object object;
	uint64_t ordinal = 0;
	imago_walk_init(&walker, heap, &error);
	while (imago_walk_next(&walker, &object)) {
		const bool program = object.kind == IMAGO_OBJECT_ORDINARY &&
		                     object.format != IMAGO_FORMAT_WEAK &&
		                     object.format != IMAGO_FORMAT_EPHEMERON;
		tiers[ordinal] = program && ordinal % 3 == 0 ? IMAGO_TIER_OFTEN : IMAGO_TIER_READ_ONLY;
		ordinal++;
	}
	layered_file file = layered_file_make(heap, &options);
	const size_t last = file.heap->num_segments - 2; /* with pointers */
	uint64_t num_programs = 0;
	uint64_t num_others = 0;
	imago_walk_init(&walker, file.heap, &error);
	while (imago_walk_next(&walker, &object)) {
		const bool program = object.kind == IMAGO_OBJECT_ORDINARY &&
		                     object.format != IMAGO_FORMAT_WEAK &&
		                     object.format != IMAGO_FORMAT_EPHEMERON;
		if (object.segment == last) {
			assert_true(!program || num_others == 0);
			num_programs += program;
			num_others += !program;
		}
	}
	assert_true(num_programs > 0 && num_others > 0);
	free(tiers);
	layered_file_release(&file);
	imago_heap_destroy(heap);
}

/* In a section, by rank, and with equal ranks in the order of the heap; the identity hashes tell
 * which object is which. */
static void
lower_ranks_lie_before_higher_ones(void **state)
{
	(void)state;
	enum { MOST = 4096 };
	imago_heap *heap = varied_heap(&test_layouts[0], &allocator);
	imago_layered_options options = {.start = 0};
	uint8_t *tiers = layered_bytes_mixed_tiers(heap, &options.num_tiers);
	uint8_t *ranks = layered_bytes_mixed_ranks(options.num_tiers);
	uint8_t rank_of_hash[MOST] = {0};
	imago_walker walker;
	imago_object object;
	uint64_t ordinal = 0;
	unsigned num_steps = 0;
	imago_walk_init(&walker, heap, &error);
	while (imago_walk_next(&walker, &object)) {
		uint8_t *header = imago_heap_writable_bytes(heap, object.oop, 8);
		if (ordinal >= 5 && object.kind == IMAGO_OBJECT_ORDINARY &&
		    object.class_index >= IMAGO_CLASS_FIRST_REAL && object.body_kind != IMAGO_BODY_METHOD &&
		    object.format != IMAGO_FORMAT_WEAK && object.format != IMAGO_FORMAT_EPHEMERON &&
		    ordinal < MOST) {
			uint64_t word = imago_load_u64(header, heap->layout.byte_order);
			word = (word & ~(UINT64_C(0x3FFFFF) << 32)) | ordinal << 32;
			imago_store_u64(header, word, heap->layout.byte_order);
			rank_of_hash[ordinal] = (uint8_t)(1 + ranks[ordinal]);
		}
		ordinal++;
	}
	options.tiers = tiers;
	options.ranks = ranks;
	layered_file file = layered_file_make(heap, &options);
	uint32_t segment = 0;
	uint32_t last_hash = 0;
	imago_walk_init(&walker, file.heap, &error);
	while (imago_walk_next(&walker, &object)) {
		const uint32_t hash = object.identity_hash;
		if (hash == 0 || hash >= MOST || rank_of_hash[hash] == 0) {
			continue;
		}
		if (object.segment == segment && last_hash != 0) {
			const uint8_t before = rank_of_hash[last_hash];
			assert_true(before < rank_of_hash[hash] ||
			            (before == rank_of_hash[hash] && last_hash < hash));
			num_steps += before < rank_of_hash[hash];
		}
		segment = object.segment;
		last_hash = hash;
	}
	assert_true(num_steps > 20);
	imago_writer writer;
	ranks[7] = IMAGO_NUM_RANKS;
	imago_writer_init(&writer, &allocator, heap->layout, &error);
	assert_status(imago_layered_write(heap, &options, &writer, &error), &error, IMAGO_EUSAGE);
	assert_string_equal(error.what, "rank");
	options.tiers = NULL; /* then they are not looked at */
	assert_ok(imago_layered_write(heap, &options, &writer, &error), &error);
	imago_writer_release(&writer);
	free(ranks);
	free(tiers);
	layered_file_release(&file);
	imago_heap_destroy(heap);
}

static int
set_up(void **state)
{
	(void)state;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(sections_are_pages_of_one_tier_with_or_without_pointers, set_up),
	    cmocka_unit_test_setup(a_perm_save_is_read_only_whatever_tiers_say, set_up),
	    cmocka_unit_test_setup(what_only_collectors_write_lies_behind_what_programs_do, set_up),
	    cmocka_unit_test_setup(lower_ranks_lie_before_higher_ones, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

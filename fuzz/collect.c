/* collect: what a collection leaves is what is reachable.
 *
 * An image without errors becomes an object memory. The input decides what happens in it: objects
 * are made, held, stored into arrays of all spaces, let go of; scavenges and collections of both
 * kinds come in between, some with a mark stack that overflows at once, some without memory.
 * After each, everything is remembered that must be. In the end the memory is collected once more:
 * what is left is exactly what the naive implementation (tests/oracle) finds reachable, as it was;
 * the checker finds no error in where objects are and slots lead; the digest is the same, unless a
 * weak reference was cleared or an ephemeron fired. What could not be collected is as it was. */
#include <string.h>

#include "../tests/oracle/oracle.h"
#include "fuzz_image.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/known_objects.h"
#include "imago/object_memory.h"

enum { REMEMBERED, SURVIVORS, SOUND, SAME_DIGEST, ABANDONED, NO_LEAK };
static const char *const oracles[] = {
    [REMEMBERED] = "all_is_remembered",      [SURVIVORS] = "survivors_are_what_is_reachable",
    [SOUND] = "collected_image_is_sound",    [SAME_DIGEST] = "same_digest",
    [ABANDONED] = "abandoned_and_untouched", [NO_LEAK] = "no_leak",
};
FUZZ_DECLARE_ORACLES("collect", oracles);

enum {
	NUM_HELD = 8,
	MOST_STEPS = 48,
	MOST_SLOTS = 300,
	MOST_BYTES = 1 << 17, /* of an image: the naive search is quadratic */
	WHERE_SIZE = 200,
	GROWTH = 1 << 18,
	EDEN = 1 << 13,
};

/* The array that holds what the target makes; it takes the place of the external objects. */
static imago_oop
held(const imago_object_memory *memory)
{
	return imago_memory_special(memory, IMAGO_SPECIAL_EXTERNAL_OBJECTS);
}

static imago_oop
make_array(imago_object_memory *memory, uint64_t num_slots)
{
	if (!imago_memory_reserve(memory, imago_memory_object_bytes(memory->kind, num_slots))) {
		return 0;
	}
	imago_oop cls = imago_memory_special(memory, IMAGO_SPECIAL_CLASS_ARRAY);
	return imago_memory_make(memory, cls, IMAGO_FORMAT_INDEXABLE, num_slots);
}

/* An array: of the image, or one that the target made. Not those in which machines look. */
static bool
may_store(const imago_object_memory *memory, imago_oop oop)
{
	const imago_memory_kind kind = memory->kind;
	return imago_memory_is_pointer(kind, oop) &&
	       imago_memory_format(memory, oop, kind) == IMAGO_FORMAT_INDEXABLE &&
	       (kind.v3 || imago_memory_class_tag(memory, oop) >= IMAGO_CLASS_FIRST_REAL) &&
	       oop != memory->special_objects && oop != held(memory) &&
	       oop != imago_memory_special(memory, IMAGO_SPECIAL_COMPACT_CLASSES) &&
	       imago_memory_num_slots(memory, oop, kind) > 0;
}

/* One of the first objects; those of permanent space come first. */
static imago_oop
choose_object(const imago_object_memory *memory, fuzz_input *input)
{
	imago_oop oop = imago_memory_first(memory);
	for (uint32_t left = fuzz_choose(input, 256); left > 0 && oop != 0; left--) {
		oop = imago_memory_next(memory, oop);
	}
	return oop;
}

static void
store(imago_object_memory *memory, fuzz_input *input)
{
	const imago_memory_kind kind = memory->kind;
	imago_oop into =
	    fuzz_choose(input, 2) == 0
	        ? choose_object(memory, input)
	        : imago_memory_slot(memory, held(memory), fuzz_choose(input, NUM_HELD), kind);
	imago_oop value = imago_memory_slot(memory, held(memory), fuzz_choose(input, NUM_HELD), kind);
	if (into != 0 && may_store(memory, into)) {
		uint64_t index = fuzz_choose(input, 65536) % imago_memory_num_slots(memory, into, kind);
		imago_memory_set_slot(memory, into, index, value, kind);
	}
}

/* Collects with an allocation that fails: then nothing but the scavenge was done. */
static void
collect_without_memory(imago_object_memory *memory, fuzz_input *input)
{
	if (!imago_memory_scavenge(memory)) {
		return;
	}
	uint64_t size = memory->old_top - memory->old_base;
	uint8_t *before = imago_allocate(memory->allocator, size, "copy", NULL);
	FUZZ_ASSERT(before != NULL);
	memcpy(before, imago_memory_at(memory, memory->old_base), (size_t)size);
	memory->allocator->fail_at = memory->allocator->num_calls + 1 + fuzz_choose(input, 12);
	if (!imago_memory_collect(memory, fuzz_choose(input, 2) == 1)) {
		FUZZ_ORACLE(ABANDONED, size == memory->old_top - memory->old_base &&
		                           memcmp(before, imago_memory_at(memory, memory->old_base),
		                                  (size_t)size) == 0);
	}
	memory->allocator->fail_at = 0;
	imago_release(memory->allocator, before, size);
}

static void
step(imago_object_memory *memory, fuzz_input *input)
{
	const imago_memory_kind kind = memory->kind;
	const uint32_t slot = fuzz_choose(input, NUM_HELD);
	imago_oop made;
	switch (fuzz_choose(input, 10)) {
	case 0:
	case 1:
	case 2:
		made = make_array(memory, fuzz_choose(input, MOST_SLOTS));
		if (made != 0) {
			imago_memory_set_slot(memory, held(memory), slot, made, kind);
		}
		break;
	case 3:
	case 4:
	case 5:
		store(memory, input);
		break;
	case 6:
		imago_memory_set_slot(memory, held(memory), slot, memory->nil, kind);
		break;
	case 7:
		(void)imago_memory_scavenge(memory);
		break;
	case 8:
		collect_without_memory(memory, input);
		break;
	default:
		(void)imago_memory_collect(memory, fuzz_choose(input, 2) == 1);
		break;
	}
	FUZZ_ORACLE(REMEMBERED, imago_memory_audit(memory) == NULL);
}

/* The memory as an image, and its file; NULL when one or the other has no room for it. */
static imago_heap *
save(imago_object_memory *memory, imago_format_id format, fuzz_output *file,
     imago_allocator *allocator)
{
	imago_error error;
	imago_heap *heap = NULL;
	if (imago_memory_snapshot(memory, &heap, allocator, &error) != IMAGO_OK) {
		return NULL;
	}
	FUZZ_ORACLE(SOUND, fuzz_is_sound(heap));
	if (fuzz_output_convert(file, heap, format) != IMAGO_OK) {
		fuzz_output_release(file);
		imago_heap_destroy(heap);
		return NULL;
	}
	return heap;
}

static void
expect_survivors(const fuzz_output *before, const fuzz_output *after, bool global)
{
	oracle_image left;
	oracle_image right;
	char where[WHERE_SIZE];
	FUZZ_ASSERT(oracle_parse(&left, before->writer.bytes, (size_t)before->writer.size));
	FUZZ_ASSERT(oracle_parse(&right, after->writer.bytes, (size_t)after->writer.size));
	FUZZ_ORACLE(SURVIVORS, oracle_collected(&left, &right, !global, where, sizeof where));
	oracle_release(&left);
	oracle_release(&right);
}

static void
expect_collected(imago_object_memory *memory, imago_format_id format, bool global,
                 imago_allocator *allocator)
{
	fuzz_output before_file;
	fuzz_output after_file;
	imago_heap *before = save(memory, format, &before_file, allocator);
	if (before == NULL) {
		return;
	}
	const imago_collections counts = memory->collections;
	FUZZ_ASSERT(imago_memory_collect(memory, global));
	FUZZ_ORACLE(REMEMBERED, imago_memory_audit(memory) == NULL);
	imago_heap *after = save(memory, format, &after_file, allocator);
	FUZZ_ASSERT(after != NULL);
	expect_survivors(&before_file, &after_file, global);
	if (counts.num_weak_cleared == memory->collections.num_weak_cleared &&
	    counts.num_fired == memory->collections.num_fired) {
		FUZZ_ORACLE(SAME_DIGEST, fuzz_same_digest(before, after));
	}
	imago_heap_destroy(before);
	imago_heap_destroy(after);
	fuzz_output_release(&before_file);
	fuzz_output_release(&after_file);
}

static void
work_in(imago_object_memory *memory, fuzz_input *input, imago_format_id format,
        imago_allocator *allocator)
{
	imago_oop array = make_array(memory, NUM_HELD);
	if (array == 0 || imago_memory_num_slots(memory, memory->special_objects, memory->kind) <=
	                      IMAGO_SPECIAL_EXTERNAL_OBJECTS) {
		return;
	}
	imago_memory_set_slot(memory, memory->special_objects, IMAGO_SPECIAL_EXTERNAL_OBJECTS, array,
	                      memory->kind);
	for (uint32_t left = fuzz_choose(input, MOST_STEPS); left > 0; left--) {
		step(memory, input);
	}
	expect_collected(memory, format, fuzz_choose(input, 2) == 1, allocator);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_subject subject;
	if (fuzz_subject_open(&subject, data, size) && !fuzz_is_layered(&subject.image) &&
	    size <= MOST_BYTES && fuzz_check(&subject.image).num_errors == 0) {
		imago_allocator allocator;
		imago_error error;
		imago_object_memory *memory = NULL;
		const imago_memory_options options = {
		    .growth = GROWTH,
		    .eden_bytes = EDEN,
		    .mark_capacity = fuzz_choose(&subject.input, 4),
		};
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		if (imago_memory_create(&memory, subject.heap, &options, &allocator, &error) == IMAGO_OK) {
			work_in(memory, &subject.input, subject.image.format, &allocator);
			imago_memory_destroy(memory);
		}
		FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
	}
	fuzz_subject_close(&subject, NO_LEAK);
	return 0;
}

/* differential: the library against the naive second implementation (tests/oracle), which shares no
 * code with it. Of any bytes but bundles whose texts it has
 * no opinion of:
 * accept: both read and walk it, or neither does; walk: both then see the same objects.
 * relocate: both move the heap of a classic file to another base, giving the same file, or both
 * refuse; what the library refused it has not touched. convert: what the checker finds no error in
 * means the same, to the other implementation, in the other byte order, in the other word size, and
 * in three segments. */
#include <stdlib.h>
#include <string.h>

#include "../tests/oracle/oracle.h"
#include "fuzz_image.h"
#include "fuzz_input.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/rebuild.h"
#include "imago/swizzle.h"
#include "imago/walk.h"

enum { ACCEPT, WALK, RELOCATE, REFUSED_UNTOUCHED, COPY_ELSEWHERE, CONVERT };

static const char *const oracles[] = {
    [ACCEPT] = "both_accept",
    [WALK] = "same_objects",
    [RELOCATE] = "same_relocated_file",
    [REFUSED_UNTOUCHED] = "refused_and_untouched",
    [COPY_ELSEWHERE] = "same_file_copied_elsewhere",
    [CONVERT] = "converted_means_the_same",
};
FUZZ_DECLARE_ORACLES("differential", oracles);

/* One input, as both see it. */
typedef struct twins {
	const uint8_t *data;
	size_t size;
	imago_allocator allocator;
	imago_error error;
	imago_image image;
	oracle_image naive;
	fuzz_input input;
} twins;

static bool
is_same_object(const imago_heap *heap, const uint8_t *data, const imago_object *object,
               const oracle_object *naive, bool v3)
{
	const imago_segment *segment = &heap->segments[object->segment];
	const uint64_t start = (uint64_t)(segment->bytes - data);
	const bool placed = object->oop == naive->address &&
	                    start + (object->oop - segment->start) == naive->position &&
	                    (object->kind == IMAGO_OBJECT_FREE) == naive->free &&
	                    object->num_slots == naive->num_slots &&
	                    imago_heap_num_pointer_slots(heap, object) == naive->num_oops;
	/* A V3 free chunk is one word: it has no further fields. */
	if (!placed || (naive->free && v3)) {
		return placed;
	}
	return object->format == naive->format && object->identity_hash == naive->hash &&
	       (object->bits & IMAGO_BIT_IMMUTABLE) / IMAGO_BIT_IMMUTABLE == naive->immutable &&
	       (naive->cls_is_address ? object->class_oop : object->class_index) == naive->cls;
}

static void
expect_same_objects(const twins *t)
{
	imago_walker walker;
	imago_object object;
	size_t index = 0;
	imago_walk_init(&walker, t->image.heap, NULL);
	while (imago_walk_next(&walker, &object)) {
		FUZZ_ORACLE(WALK, index < t->naive.num_objects);
		FUZZ_ORACLE(WALK, is_same_object(t->image.heap, t->data, &object, &t->naive.objects[index],
		                                 t->naive.v3));
		index++;
	}
	FUZZ_ORACLE(WALK, index == t->naive.num_objects);
}

static bool
makes_file(const imago_heap *heap, imago_format_id format, const uint8_t *expected, size_t size)
{
	fuzz_output output;
	fuzz_output_write(&output, heap, format);
	const bool same =
	    output.writer.size == size && memcmp(output.writer.bytes, expected, size) == 0;
	fuzz_output_release(&output);
	return same;
}

/* A base: anywhere in the lower half, or near the top, or near 0. */
static imago_addr
choose_base(twins *t)
{
	const imago_addr page = (imago_addr)fuzz_choose(&t->input, 65536) << 12;
	const imago_addr small = (imago_addr)fuzz_choose(&t->input, 256) * 4;
	switch (fuzz_choose(&t->input, 8)) {
	case 3:
		return UINT32_MAX - (page >> 8);
	case 1:
		return small;
	case 2:
		return UINT64_MAX - (page << 4) - small;
	default:
		return page + 0x10000 + (small & ~UINT64_C(7));
	}
}

static void
expect_same_relocation(twins *t, imago_addr base, bool sound)
{
	const imago_heap *heap = t->image.heap;
	const imago_swizzle_options options = {.simd = IMAGO_SIMD_BEST};
	imago_heap *copy;
	uint8_t *expected = malloc(t->size);
	FUZZ_ASSERT(expected != NULL);
	const bool moved = oracle_relocate(&t->naive, base, expected);
	FUZZ_ASSERT(imago_heap_copy(&copy, heap, &t->allocator, &t->error) == IMAGO_OK);
	const imago_status status = imago_swizzle(copy, base, &options, &t->error);
	FUZZ_ORACLE(RELOCATE, moved == (status == IMAGO_OK));
	if (moved) {
		FUZZ_ORACLE(RELOCATE, makes_file(copy, t->image.format, expected, t->size));
	} else {
		FUZZ_ORACLE(REFUSED_UNTOUCHED, makes_file(copy, t->image.format, t->data, t->size));
	}
	imago_heap_destroy(copy);
	if (moved && sound) {
		/* A copy made at the other base is the same file. */
		const imago_rebuild_options elsewhere = {
		    .layout = heap->layout, .set_base = true, .base = base};
		FUZZ_ASSERT(imago_rebuild(&copy, heap, &elsewhere, &t->allocator, NULL, &t->error) ==
		            IMAGO_OK);
		FUZZ_ORACLE(COPY_ELSEWHERE, makes_file(copy, t->image.format, expected, t->size));
		imago_heap_destroy(copy);
	}
	free(expected);
}

static bool
means_the_same(const twins *t, const imago_heap *heap)
{
	fuzz_output output;
	oracle_image converted;
	char where[128];
	if (fuzz_output_convert(&output, heap, t->image.format) != IMAGO_OK) {
		fuzz_output_release(&output);
		return true;
	}
	bool same = oracle_parse(&converted, output.writer.bytes, (size_t)output.writer.size);
	if (same) {
		same = oracle_same_meaning(&t->naive, &converted, where, sizeof where);
		oracle_release(&converted);
	}
	fuzz_output_release(&output);
	return same;
}

/* A conversion of an image without errors. It may be refused: not everything fits everywhere. */
static void
expect_same_meaning(twins *t)
{
	const imago_heap *heap = t->image.heap;
	imago_rebuild_options options = {.layout = heap->layout};
	imago_heap *converted = NULL;
	if (fuzz_choose(&t->input, 2) == 0) {
		options.layout.byte_order = fuzz_other_order(options.layout.byte_order);
	}
	if (heap->model == IMAGO_SPUR && fuzz_choose(&t->input, 4) != 1) {
		options.layout.word_bytes = options.layout.word_bytes == 8 ? 4 : 8;
	}
	if (heap->model == IMAGO_SPUR && fuzz_choose(&t->input, 4) == 1) {
		options.num_segments = 3;
		options.gap = 4096;
	}
	if (imago_rebuild(&converted, heap, &options, &t->allocator, NULL, &t->error) == IMAGO_OK) {
		FUZZ_ORACLE(CONVERT, means_the_same(t, converted));
		imago_heap_destroy(converted);
	}
}

static void
compare(twins *t)
{
	const bool sound = fuzz_check(&t->image).num_errors == 0;
	expect_same_objects(t);
	if (t->image.format != IMAGO_FORMAT_COMPOSED) { /* of a bundle, texts would change too */
		expect_same_relocation(t, choose_base(t), sound);
	}
	if (sound) {
		expect_same_meaning(t);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	twins t = {.data = data, .size = size, .input = fuzz_input_of(data, size)};
	imago_census census;
	imago_allocator_init(&t.allocator, IMAGO_UNLIMITED);
	const bool accepted =
	    imago_image_read(&t.image, data, size, &t.allocator, &t.error) == IMAGO_OK &&
	    imago_census_take(t.image.heap, &census, &t.error) == IMAGO_OK;
	const oracle_verdict verdict = oracle_read(&t.naive, data, size);
	if (verdict != ORACLE_DECLINED && !fuzz_is_layered(&t.image)) { /* it knows none */
		FUZZ_ORACLE(ACCEPT, (verdict == ORACLE_READ) == accepted);
	}
	if (verdict == ORACLE_READ) {
		compare(&t);
		oracle_release(&t.naive);
	}
	imago_image_close(&t.image);
	FUZZ_ASSERT(t.allocator.used == 0);
	return 0;
}

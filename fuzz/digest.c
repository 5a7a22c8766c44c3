/* digest: one hash for what an image means, and for nothing else.
 *
 * Whatever image has a digest keeps it, or is refused the rebuild, in the other byte order, in the
 * other container, and, if it has no error, at another base and cut into other segments; and when
 * header fields that mean nothing to objects change. It changes when, of an object that a plain
 * walk from the special objects reaches, one slot or one byte changes that counts by itself;
 * compare then reports a difference. Whatever one byte of the heap is changed, compare and digest
 * agree: no difference is an equal digest, a difference another one, a refused digest a refusal or
 * a difference. Digests and comparisons give back their memory. */
#include <string.h>

#include "fuzz_image.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/class_table.h"
#include "imago/compare.h"
#include "imago/known_objects.h"

enum {
	SAME_AS_ITSELF,
	BASE,
	BYTE_ORDER,
	SEGMENTS,
	CONTAINER,
	HEADER_FIELDS,
	SLOT_COUNTS,
	BYTE_COUNTS,
	COMPARE_SEES,
	COMPARE_AGREES,
	REFUSED_ALIKE,
	NO_LEAK,
};
static const char *const oracles[] = {
    [SAME_AS_ITSELF] = "same_as_itself",
    [BASE] = "invariant_under_base",
    [BYTE_ORDER] = "invariant_under_byte_order",
    [SEGMENTS] = "invariant_under_segments",
    [CONTAINER] = "invariant_under_container",
    [HEADER_FIELDS] = "header_fields_do_not_count",
    [SLOT_COUNTS] = "slot_counts",
    [BYTE_COUNTS] = "byte_counts",
    [COMPARE_SEES] = "compare_sees_it",
    [COMPARE_AGREES] = "compare_agrees",
    [REFUSED_ALIKE] = "compare_refuses_alike",
    [NO_LEAK] = "no_leak",
};
FUZZ_DECLARE_ORACLES("digest", oracles);

static bool
keep_counting(const imago_difference *difference, void *payload)
{
	(void)difference;
	(void)payload;
	return true;
}

static imago_status
compare(fuzz_subject *subject, const imago_heap *other, uint64_t *num_differences)
{
	*num_differences = 0;
	return imago_compare(subject->heap, other, &subject->allocator, keep_counting, NULL,
	                     num_differences, &subject->error);
}

static imago_status
compute(fuzz_subject *subject, const imago_heap *heap, imago_digest *digest)
{
	return imago_digest_compute(digest, heap, &subject->allocator, &subject->error);
}

static bool
has_digest(fuzz_subject *subject, const imago_heap *heap, const imago_digest *expected)
{
	imago_digest digest;
	return compute(subject, heap, &digest) == IMAGO_OK && fuzz_digest_equal(&digest, expected);
}

/* Another base, byte order or segmenting, as the oracle says. */
static void
expect_invariant(fuzz_subject *subject, const imago_digest *digest, size_t oracle)
{
	imago_rebuild_options options = {.layout = subject->heap->layout};
	if (oracle == BASE) {
		options.set_base = true;
		options.base = (imago_addr)(fuzz_choose(&subject->input, 65536) + 1) << 12;
	} else if (oracle == SEGMENTS) {
		options.num_segments = 1 + fuzz_choose(&subject->input, 6);
		options.gap = UINT64_C(8) * fuzz_choose(&subject->input, 65536);
	} else {
		options.layout.byte_order = fuzz_other_order(options.layout.byte_order);
	}
	/* In a broken image, a slot may lead to what the VM hides: words that are addresses. */
	if (oracle != BYTE_ORDER && fuzz_check(&subject->image).num_errors > 0) {
		return;
	}
	imago_heap *rebuilt = fuzz_rebuild(subject, subject->heap, &options);
	if (rebuilt != NULL && (oracle != BYTE_ORDER || fuzz_same_classes(subject->heap, rebuilt))) {
		FUZZ_ORACLE(oracle, has_digest(subject, rebuilt, digest));
	}
	imago_heap_destroy(rebuilt);
}

static void
expect_same_in_container(fuzz_subject *subject, const imago_digest *digest)
{
	const imago_format_id other =
	    subject->image.format == IMAGO_FORMAT_SPUR ? IMAGO_FORMAT_COMPOSED : IMAGO_FORMAT_SPUR;
	fuzz_output output;
	if (fuzz_output_try(&output, subject->heap, other) == IMAGO_OK) {
		fuzz_subject moved;
		FUZZ_ORACLE(CONTAINER,
		            fuzz_subject_open(&moved, output.writer.bytes, (size_t)output.writer.size));
		FUZZ_ORACLE(CONTAINER, has_digest(subject, moved.heap, digest));
		fuzz_subject_close(&moved, NO_LEAK);
	}
	fuzz_output_release(&output);
}

static void
expect_header_fields_do_not_count(fuzz_subject *subject, const imago_digest *digest)
{
	static const char *const names[] = {"hdrLastHash",      "savedWindowSize",    "extraVMMemory",
	                                    "hdrNumStackPages", "hdrCogCodeSize",     "hdrEdenBytes",
	                                    "imageVersion",     "freeOldSpaceInImage"};
	const imago_image_header before = subject->heap->header;
	const uint32_t chosen = fuzz_choose(&subject->input, sizeof names / sizeof names[0]);
	const size_t field = (size_t)imago_header_field_index(names[chosen]);
	imago_header_set(&subject->heap->header, field, imago_header_get(&before, field) ^ 5);
	FUZZ_ORACLE(HEADER_FIELDS, has_digest(subject, subject->heap, digest));
	subject->heap->header = before;
}

/* The classes of objects that do not simply count slot by slot and byte by byte: contexts,
 * closures, numbers (core/memory/README.md, "What an object means"). */
static bool
counts_plainly(const imago_heap *heap, const imago_class_table *classes, const imago_object *object)
{
	static const imago_special specials[] = {IMAGO_SPECIAL_CLASS_FLOAT,
	                                         IMAGO_SPECIAL_CLASS_LARGE_POSITIVE_INTEGER,
	                                         IMAGO_SPECIAL_CLASS_LARGE_NEGATIVE_INTEGER,
	                                         IMAGO_SPECIAL_CLASS_CONTEXT,
	                                         IMAGO_SPECIAL_CLASS_BLOCK_CONTEXT,
	                                         IMAGO_SPECIAL_CLASS_BLOCK_CLOSURE};
	static const uint32_t indices[] = {
	    IMAGO_CLASS_FLOAT,   IMAGO_CLASS_LARGE_POSITIVE_INTEGER, IMAGO_CLASS_LARGE_NEGATIVE_INTEGER,
	    IMAGO_CLASS_CONTEXT, IMAGO_CLASS_BLOCK_CLOSURE,          IMAGO_CLASS_FULL_BLOCK_CLOSURE};
	const imago_addr cls = imago_class_of_object(classes, object);
	bool plain = object->kind == IMAGO_OBJECT_ORDINARY && cls != 0;
	for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++) {
		plain = plain && cls != imago_special_object_at(heap, specials[i]);
		plain = plain &&
		        (heap->model != IMAGO_SPUR || cls != imago_class_table_at(classes, indices[i]));
	}
	return plain;
}

/* The slots of a plain object that hold references: not the header of a method. */
static uint64_t
num_references(const imago_heap *heap, const imago_object *object, uint64_t *first)
{
	*first = object->body_kind == IMAGO_BODY_METHOD ? 1 : 0;
	const uint64_t num_slots = imago_heap_num_pointer_slots(heap, object);
	return num_slots > *first ? num_slots - *first : 0;
}

/* A plain object that some steps from slot to slot, starting at the special objects, lead to. */
static bool
reach(fuzz_subject *subject, const imago_class_table *classes, imago_object *object)
{
	const imago_heap *heap = subject->heap;
	if (imago_special_objects_find(heap, object, NULL) != IMAGO_OK ||
	    !counts_plainly(heap, classes, object)) {
		return false;
	}
	const uint32_t num_steps = fuzz_choose(&subject->input, 6);
	for (uint32_t i = 0; i < num_steps; i++) {
		uint64_t first;
		imago_object next;
		const uint64_t num = num_references(heap, object, &first);
		if (num == 0) {
			break;
		}
		const uint64_t slot = first + fuzz_choose(&subject->input, 65536) % num;
		const imago_oop oop = imago_heap_fetch_slot(heap, object, slot);
		if (imago_oop_is_pointer(heap->tagging, oop) &&
		    imago_heap_decode_object(heap, oop, &next, NULL) == IMAGO_OK &&
		    counts_plainly(heap, classes, &next)) {
			*object = next;
		}
	}
	return true;
}

/* The bytes at the start of a body that are elements. */
static uint64_t
num_element_bytes(const imago_heap *heap, const imago_object *object)
{
	const uint64_t num_elements = imago_object_num_elements(heap, object);
	switch (object->body_kind) {
	case IMAGO_BODY_BITS8:
		return num_elements;
	case IMAGO_BODY_BITS16:
		return 2 * num_elements;
	case IMAGO_BODY_BITS32:
		return 4 * num_elements;
	case IMAGO_BODY_BITS64:
		return 8 * num_elements;
	default:
		return 0;
	}
}

/* From a plain object on to a plain one whose bytes count, at most two slots away. */
static bool
reach_bytes(fuzz_subject *subject, const imago_class_table *classes, imago_object *object,
            unsigned depth)
{
	enum { MOST_SLOTS = 64 };
	const imago_heap *heap = subject->heap;
	uint64_t first;
	const uint64_t num = num_references(heap, object, &first);
	const uint32_t start = fuzz_choose(&subject->input, 65536);
	for (uint64_t i = 0; i < num && i < MOST_SLOTS; i++) {
		const imago_oop oop = imago_heap_fetch_slot(heap, object, first + (start + i) % num);
		imago_object next;
		if (!imago_oop_is_pointer(heap->tagging, oop) ||
		    imago_heap_decode_object(heap, oop, &next, NULL) != IMAGO_OK ||
		    !counts_plainly(heap, classes, &next)) {
			continue;
		}
		if (num_element_bytes(heap, &next) > 0 ||
		    (depth > 0 && reach_bytes(subject, classes, &next, depth - 1))) {
			*object = next;
			return true;
		}
	}
	return false;
}

/* An integer that the slot does not hold. */
static imago_oop
another_integer(const imago_heap *heap, imago_oop old, uint32_t number)
{
	imago_oop oop = 0;
	FUZZ_ASSERT(imago_oop_from_integer(heap->tagging, number, &oop));
	if (oop == old) {
		FUZZ_ASSERT(imago_oop_from_integer(heap->tagging, (int64_t)number + 1, &oop));
	}
	return oop;
}

/* What an integer could be instead of: not a pointer, which may lead to a number. */
static bool
holds_no_number(const imago_heap *heap, const imago_class_table *classes, imago_oop old)
{
	imago_object target;
	return !imago_oop_is_pointer(heap->tagging, old) ||
	       (imago_heap_decode_object(heap, old, &target, NULL) == IMAGO_OK &&
	        counts_plainly(heap, classes, &target));
}

/* Changes one thing that counts in a copy; the oracle that must see it, or false when the object
 * has no such thing. */
static bool
change_what_counts(fuzz_subject *subject, const imago_class_table *classes,
                   const imago_object *object, imago_heap *copy, size_t *oracle)
{
	uint64_t first;
	const uint64_t num = num_references(subject->heap, object, &first);
	const uint32_t where = fuzz_choose(&subject->input, 65536);
	const uint32_t number = fuzz_choose(&subject->input, 65536);
	if (num > 0) {
		const uint64_t slot = first + where % num;
		const imago_oop old = imago_heap_fetch_slot(subject->heap, object, slot);
		if (!holds_no_number(subject->heap, classes, old)) {
			return false;
		}
		imago_heap_store_slot(copy, object, slot, another_integer(copy, old, number));
		*oracle = SLOT_COUNTS;
		return true;
	}
	const uint64_t num_bytes = num_element_bytes(subject->heap, object);
	if (num_bytes == 0) {
		return false;
	}
	uint8_t *byte = imago_heap_writable_bytes(copy, object->body + where % num_bytes, 1);
	FUZZ_ASSERT(byte != NULL);
	*byte ^= (uint8_t)(1 + number % 255);
	*oracle = BYTE_COUNTS;
	return true;
}

static void
expect_change_is_seen(fuzz_subject *subject, const imago_digest *digest, bool in_bytes)
{
	imago_class_table classes;
	imago_object object;
	size_t oracle = SLOT_COUNTS;
	uint64_t num_differences;
	imago_digest changed;
	imago_heap *copy = fuzz_copy(subject->heap, &subject->allocator);
	FUZZ_ASSERT(imago_class_table_create(&classes, subject->heap, &subject->allocator,
	                                     &subject->error) == IMAGO_OK);
	bool reached = reach(subject, &classes, &object);
	if (reached && in_bytes) {
		reached = reach_bytes(subject, &classes, &object, 1);
	}
	if (reached && change_what_counts(subject, &classes, &object, copy, &oracle)) {
		FUZZ_ORACLE(oracle, compute(subject, copy, &changed) == IMAGO_OK);
		FUZZ_ORACLE(oracle, !fuzz_digest_equal(&changed, digest));
		FUZZ_ORACLE(COMPARE_SEES, compare(subject, copy, &num_differences) == IMAGO_OK);
		FUZZ_ORACLE(COMPARE_SEES, num_differences > 0);
	}
	imago_class_table_release(&classes);
	imago_heap_destroy(copy);
}

/* Any byte at all. */
static void
expect_agreement(fuzz_subject *subject, const imago_digest *digest)
{
	imago_digest changed;
	uint64_t num_differences;
	imago_heap *copy = fuzz_copy(subject->heap, &subject->allocator);
	imago_segment *segment =
	    &copy->segments[fuzz_choose(&subject->input, 65536) % copy->num_segments];
	if (segment->size > 0) {
		const uint64_t high = fuzz_choose(&subject->input, 256);
		const uint64_t place = (high << 16 | fuzz_choose(&subject->input, 65536)) % segment->size;
		segment->writable[place] ^= (uint8_t)(1 + fuzz_choose(&subject->input, 255));
	}
	const imago_status status = compute(subject, copy, &changed);
	if (status == IMAGO_OK) {
		FUZZ_ORACLE(COMPARE_AGREES, compare(subject, copy, &num_differences) == IMAGO_OK);
		FUZZ_ORACLE(COMPARE_AGREES, (num_differences == 0) == fuzz_digest_equal(digest, &changed));
	} else {
		/* What hangs on a difference is not followed: compare may not get to what is broken. */
		const imago_status refusal = compare(subject, copy, &num_differences);
		FUZZ_ORACLE(REFUSED_ALIKE,
		            refusal == status || (refusal == IMAGO_OK && num_differences > 0));
	}
	imago_heap_destroy(copy);
}

static void
expect_same_as_itself(fuzz_subject *subject, const imago_digest *digest)
{
	uint64_t num_differences;
	FUZZ_ORACLE(SAME_AS_ITSELF, has_digest(subject, subject->heap, digest));
	FUZZ_ORACLE(SAME_AS_ITSELF, compare(subject, subject->heap, &num_differences) == IMAGO_OK &&
	                                num_differences == 0);
}

/* One of the questions about an image that has a digest. */
static void
ask(fuzz_subject *subject, const imago_digest *digest)
{
	enum { NUM_PARTS = 9 };
	const uint32_t part = fuzz_choose_part(subject, NUM_PARTS);
	switch (part) {
	case 0:
	case 2:
		expect_invariant(subject, digest, BASE);
		expect_invariant(subject, digest, SEGMENTS);
		break;
	case 1:
		expect_invariant(subject, digest, BYTE_ORDER);
		break;
	case 3:
		expect_same_in_container(subject, digest);
		break;
	case 4:
		expect_header_fields_do_not_count(subject, digest);
		break;
	case 5:
	case 6:
		expect_change_is_seen(subject, digest, false);
		expect_change_is_seen(subject, digest, true);
		break;
	case 7:
		expect_same_as_itself(subject, digest);
		break;
	default:
		expect_agreement(subject, digest);
		break;
	}
}

static void
expect_digest(fuzz_subject *subject)
{
	imago_digest digest;
	uint64_t num_differences;
	if (compute(subject, subject->heap, &digest) == IMAGO_OK) {
		ask(subject, &digest);
	} else {
		FUZZ_ORACLE(REFUSED_ALIKE, compare(subject, subject->heap, &num_differences) != IMAGO_OK);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_subject subject;
	if (fuzz_subject_open(&subject, data, size) && subject.heap->num_segments > 0) {
		expect_digest(&subject);
	}
	fuzz_subject_close(&subject, NO_LEAK);
	return 0;
}

/* swizzle: moving a heap in place moves all of it, or nothing.
 *
 * A copy of whatever image can be read is moved to bases that the input chooses. To where it is:
 * nothing changes (but an oldBaseAddr that lied). To A and then to B is the same as to B at once;
 * back again, it is what it was (both unless a free chunk holds an old link that leads out of the
 * heap, and into it once the heap has been moved there). The scalar loop and every
 * instruction set of this host do the same, leniently the same when the strict way succeeds; of an
 * image without errors, rebuilding at the new base, which shares no code with swizzling, gives the
 * same file or is refused as well. A refusal has a documented status, and has undone everything:
 * every byte, address and header field is as before. A heap that borrows its bytes is refused. One
 * run asks some of this, which the input chooses. */
#include <string.h>

#include "fuzz_image.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/swizzle.h"

enum {
	BY_ZERO,
	MOVED,
	COMPOSES,
	RETURNS,
	SAME_LOOP,
	LENIENT,
	REBUILT,
	REFUSAL,
	UNDONE,
	BORROWED,
	NO_LEAK,
};
static const char *const oracles[] = {
    [BY_ZERO] = "by_zero_is_identity",
    [MOVED] = "segments_moved",
    [COMPOSES] = "two_moves_are_one",
    [RETURNS] = "comes_back",
    [SAME_LOOP] = "all_loops_agree",
    [LENIENT] = "lenient_agrees",
    [REBUILT] = "rebuild_agrees",
    [REFUSAL] = "refusal",
    [UNDONE] = "refusal_undoes",
    [BORROWED] = "borrowed_is_refused",
    [NO_LEAK] = "no_leak",
};
FUZZ_DECLARE_ORACLES("swizzle", oracles);

/* swizzle.h */
static const fuzz_statuses documented =
    1u << IMAGO_EUSAGE | 1u << IMAGO_EALIGN | 1u << IMAGO_ERANGE | 1u << IMAGO_ESTRUCTURE;

static bool
same_heap(const imago_heap *a, const imago_heap *b)
{
	return fuzz_same_header(&a->header, &b->header) && fuzz_same_segments(a, b);
}

/* Moves a copy of a heap; a refusal must have left it as it was. Returns the copy, or NULL and
 * subject->error. */
static imago_heap *
move(fuzz_subject *subject, const imago_heap *heap, imago_addr base,
     const imago_swizzle_options *options)
{
	imago_heap *copy = fuzz_copy(heap, &subject->allocator);
	subject->error = (imago_error){.status = IMAGO_OK};
	const imago_status status = imago_swizzle(copy, base, options, &subject->error);
	FUZZ_ASSERT(status == subject->error.status);
	if (status == IMAGO_OK) {
		return copy;
	}
	FUZZ_ORACLE(UNDONE, same_heap(heap, copy));
	imago_heap_destroy(copy);
	return NULL;
}

static imago_heap *
move_plainly(fuzz_subject *subject, const imago_heap *heap, imago_addr base)
{
	const imago_swizzle_options options = {.simd = IMAGO_SIMD_SCALAR};
	return move(subject, heap, base, &options);
}

static void
expect_moved(const imago_heap *heap, const imago_heap *moved, imago_addr base)
{
	const uint64_t distance = base - heap->segments[0].start;
	FUZZ_ORACLE(MOVED, moved->header.old_base_address == base);
	for (size_t i = 0; i < heap->num_segments; i++) {
		const uint64_t expected = heap->segments[i].space == IMAGO_SPACE_OLD ? distance : 0;
		FUZZ_ORACLE(MOVED, moved->segments[i].start == heap->segments[i].start + expected);
	}
}

/* The copying way to the same base; moved is NULL for a refusal. In a broken heap, links of the
 * VM's own lists may be refused by one and left alone by the other. Where nothing moves, rebuilding
 * looks at nothing. */
static void
expect_same_rebuilt(fuzz_subject *subject, const imago_heap *moved, imago_addr base)
{
	const imago_rebuild_options options = {.set_base = true, .base = base};
	if (base != subject->heap->segments[0].start && fuzz_check(&subject->image).num_errors == 0) {
		imago_heap *rebuilt = fuzz_rebuild(subject, subject->heap, &options);
		FUZZ_ORACLE(REBUILT, (rebuilt == NULL) == (moved == NULL));
		FUZZ_ORACLE(REBUILT, rebuilt == NULL || same_heap(moved, rebuilt));
		imago_heap_destroy(rebuilt);
	}
}

/* What other ways to the same base give. */
static void
expect_same_ways(fuzz_subject *subject, const imago_heap *moved, imago_addr base)
{
	static const imago_swizzle_options ways[] = {{.simd = IMAGO_SIMD_BEST},
	                                             {.simd = IMAGO_SIMD_AVX2},
	                                             {.simd = IMAGO_SIMD_AVX512},
	                                             {.simd = IMAGO_SIMD_BEST, .lenient = true},
	                                             {.simd = IMAGO_SIMD_SCALAR, .lenient = true}};
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		const size_t oracle = ways[i].lenient ? LENIENT : SAME_LOOP;
		if (imago_simd_available(ways[i].simd)) {
			imago_heap *other = move(subject, subject->heap, base, &ways[i]);
			FUZZ_ORACLE(oracle, other != NULL && same_heap(moved, other));
			imago_heap_destroy(other);
		}
	}
}

/* The vector loops refuse what the scalar one refuses, in the same place. */
static void
expect_same_refusal(fuzz_subject *subject, imago_addr base, uint64_t size)
{
	const imago_error refusal = subject->error;
	const imago_swizzle_options best = {.simd = IMAGO_SIMD_BEST};
	fuzz_expect_refusal(&refusal, refusal.status, size, documented, REFUSAL);
	FUZZ_ORACLE(SAME_LOOP, move(subject, subject->heap, base, &best) == NULL);
	FUZZ_ORACLE(SAME_LOOP, subject->error.status == refusal.status &&
	                           subject->error.offset == refusal.offset &&
	                           subject->error.found == refusal.found);
	expect_same_rebuilt(subject, NULL, base);
}

/* The one field that is written from the segments may have lied. */
static bool
same_but_base(const imago_heap *heap, const imago_heap *moved)
{
	imago_image_header header = heap->header;
	header.old_base_address = heap->segments[0].start;
	return fuzz_same_header(&header, &moved->header) && fuzz_same_segments(heap, moved);
}

static void
move_on(fuzz_subject *subject, const imago_heap *moved, imago_addr base)
{
	const imago_heap *heap = subject->heap;
	imago_heap *back = move_plainly(subject, moved, heap->segments[0].start);
	FUZZ_ORACLE(RETURNS, back != NULL && same_but_base(heap, back));
	imago_heap *on = move_plainly(subject, moved, base);
	const imago_status status = subject->error.status;
	imago_heap *at_once = move_plainly(subject, heap, base);
	FUZZ_ORACLE(COMPOSES, status == subject->error.status);
	FUZZ_ORACLE(COMPOSES, on == NULL || same_heap(on, at_once));
	imago_heap_destroy(at_once);
	imago_heap_destroy(on);
	imago_heap_destroy(back);
}

static void
stay(fuzz_subject *subject)
{
	const imago_heap *heap = subject->heap;
	imago_heap *stayed = move_plainly(subject, heap, heap->segments[0].start);
	if (stayed != NULL) {
		FUZZ_ORACLE(BY_ZERO, same_but_base(heap, stayed));
	}
	imago_heap_destroy(stayed);
}

/* One of the questions about a heap that was moved. */
static void
ask(fuzz_subject *subject, const imago_heap *moved, imago_addr first, imago_addr second)
{
	switch (fuzz_choose_part(subject, 4)) {
	case 0:
		stay(subject);
		break;
	case 1:
		expect_same_ways(subject, moved, first);
		break;
	case 2:
		expect_same_rebuilt(subject, moved, first);
		break;
	default:
		if (!fuzz_has_links_out(subject->heap)) {
			move_on(subject, moved, second);
		}
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_subject subject;
	if (fuzz_subject_open(&subject, data, size)) {
		const imago_addr first = fuzz_choose_base(&subject.input, subject.heap);
		const imago_addr second = fuzz_choose_base(&subject.input, subject.heap);
		const imago_swizzle_options plain = {.simd = IMAGO_SIMD_SCALAR};
		FUZZ_ORACLE(BORROWED, imago_swizzle(subject.heap, first, &plain, NULL) == IMAGO_EUSAGE);
		imago_heap *moved = move_plainly(&subject, subject.heap, first);
		if (moved != NULL) {
			expect_moved(subject.heap, moved, first);
			ask(&subject, moved, first, second);
		} else {
			expect_same_refusal(&subject, first, size);
		}
		imago_heap_destroy(moved);
	}
	fuzz_subject_close(&subject, NO_LEAK);
	return 0;
}

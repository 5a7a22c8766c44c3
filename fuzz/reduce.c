/* reduce: the reducer on any bytes, while it looks for one of three things: a rule that the image
 * breaks, an image that can be walked, a byte of a certain value. Proposals are never larger than
 * the best so far, and differ from it; a refused one changes nothing; the best always has what is
 * looked for; memory is given back. Small inputs are reduced to the end, which comes within 64
 * proposals per byte and 4096 more; there a byte that is looked for is all that is left, and a
 * reduction of the result gives nothing larger. Others stop after some proposals. */
#include <stdlib.h>
#include <string.h>

#include "fuzz_input.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/check.h"
#include "imago/image.h"
#include "imago/mutate.h"
#include "imago/walk.h"

enum { NO_LARGER, DIFFERENT, STILL, REFUSED_IS_FORGOTTEN, ENDS, ONE_BYTE_LEFT, AGAIN, NO_LEAK };

static const char *const oracles[] = {
    [NO_LARGER] = "proposal_no_larger",
    [DIFFERENT] = "proposal_differs",
    [STILL] = "best_has_what_is_looked_for",
    [REFUSED_IS_FORGOTTEN] = "refused_proposal_is_forgotten",
    [ENDS] = "ends_in_time",
    [ONE_BYTE_LEFT] = "byte_looked_for_is_all_left",
    [AGAIN] = "result_reduces_to_no_more",
    [NO_LEAK] = "memory_given_back",
};
FUZZ_DECLARE_ORACLES("reduce", oracles);

enum {
	SMALL = 1024, /* inputs up to here are reduced to the end */
	SOME_PROPOSALS = 24,
	PROPOSALS_PER_BYTE = 64,
	MORE_PROPOSALS = 4096,
};

/* What is looked for. */
typedef struct quarry {
	enum { ANY_BYTE, WALKABLE, BROKEN_RULE } kind;
	const char *rule;
	uint8_t byte;
} quarry;

static bool
keep_first(const imago_finding *finding, void *payload)
{
	*(const char **)payload = finding->rule->name;
	return false;
}

/* The first finding's rule, of those asked for (one, or all), or NULL. */
static const char *
broken_rule(const uint8_t *bytes, size_t size, const char *only)
{
	const imago_check_options options = {.only = only != NULL ? &only : NULL,
	                                     .num_only = only != NULL ? 1 : 0};
	const char *rule = NULL;
	imago_allocator allocator;
	imago_error error;
	imago_image image;
	imago_check_sink sink;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	if (imago_image_read(&image, bytes, size, &allocator, &error) == IMAGO_OK) {
		imago_check_sink_init(&sink, &options, keep_first, &rule);
		FUZZ_ASSERT(imago_image_check(&image, &sink, &allocator, &error) == IMAGO_OK);
	}
	imago_image_close(&image);
	return rule;
}

static bool
is_walkable(const uint8_t *bytes, size_t size)
{
	imago_allocator allocator;
	imago_image image;
	imago_census census;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	const bool walkable = imago_image_read(&image, bytes, size, &allocator, NULL) == IMAGO_OK &&
	                      imago_census_take(image.heap, &census, NULL) == IMAGO_OK;
	imago_image_close(&image);
	return walkable;
}

static bool
has(const quarry *q, const uint8_t *bytes, size_t size)
{
	switch (q->kind) {
	case ANY_BYTE:
		return size > 0 && memchr(bytes, q->byte, size) != NULL;
	case WALKABLE:
		return is_walkable(bytes, size);
	default:
		return broken_rule(bytes, size, q->rule) != NULL;
	}
}

/* Something that the input has, or a byte. */
static quarry
choose_quarry(const uint8_t *data, size_t size)
{
	fuzz_input input = fuzz_input_of(data, size);
	const uint32_t choice = fuzz_choose(&input, 256) + (uint32_t)(size / 4);
	quarry q = {.kind = ANY_BYTE, .byte = data[choice % size]};
	if (choice % 4 < 2) {
		q.rule = broken_rule(data, size, NULL);
		q.kind = q.rule != NULL ? BROKEN_RULE : q.kind;
	} else if (choice % 4 == 2 && is_walkable(data, size)) {
		q.kind = WALKABLE;
	}
	return q;
}

/* A copy of the best, to see what becomes of it. */
typedef struct copy {
	uint8_t *bytes;
	size_t size;
} copy;

static void
copy_best(copy *to, const imago_reducer *reducer)
{
	const uint8_t *best = imago_reducer_best(reducer, &to->size);
	memcpy(to->bytes, best, to->size);
}

static bool
is_best(const copy *of, const imago_reducer *reducer)
{
	size_t size;
	const uint8_t *best = imago_reducer_best(reducer, &size);
	return size == of->size && memcmp(best, of->bytes, size) == 0;
}

/* Reduces in place, with at most so many proposals; returns the new size. */
static size_t
reduce(const quarry *q, uint8_t *bytes, size_t size, size_t most)
{
	imago_allocator allocator;
	imago_reducer *reducer;
	imago_error error;
	const uint8_t *proposal;
	size_t proposed;
	size_t num_proposals = 0;
	copy best = {.bytes = malloc(size)};
	FUZZ_ASSERT(best.bytes != NULL);
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	FUZZ_ASSERT(imago_reducer_create(&reducer, bytes, size, &allocator, &error) == IMAGO_OK);
	copy_best(&best, reducer);
	while (num_proposals < most && (proposal = imago_reducer_propose(reducer, &proposed)) != NULL) {
		FUZZ_ORACLE(NO_LARGER, proposed <= best.size);
		FUZZ_ORACLE(DIFFERENT,
		            proposed != best.size || memcmp(proposal, best.bytes, proposed) != 0);
		const bool still = has(q, proposal, proposed);
		imago_reducer_answer(reducer, still);
		if (still) {
			copy_best(&best, reducer);
			FUZZ_ORACLE(STILL, has(q, best.bytes, best.size));
		} else {
			FUZZ_ORACLE(REFUSED_IS_FORGOTTEN, is_best(&best, reducer));
		}
		num_proposals++;
	}
	if (size <= SMALL) {
		FUZZ_ORACLE(ENDS, num_proposals < most);
	}
	memcpy(bytes, best.bytes, best.size);
	imago_reducer_destroy(reducer);
	FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
	free(best.bytes);
	return best.size;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) {
		return 0;
	}
	const quarry q = choose_quarry(data, size);
	const bool whole = size <= SMALL;
	const size_t most = whole ? PROPOSALS_PER_BYTE * size + MORE_PROPOSALS : SOME_PROPOSALS;
	uint8_t *bytes = malloc(size);
	FUZZ_ASSERT(bytes != NULL);
	memcpy(bytes, data, size);
	const size_t reduced = reduce(&q, bytes, size, most);
	if (whole && q.kind == ANY_BYTE) {
		FUZZ_ORACLE(ONE_BYTE_LEFT, reduced == 1 && bytes[0] == q.byte);
	}
	if (whole) {
		FUZZ_ORACLE(AGAIN, reduce(&q, bytes, reduced, most) <= reduced);
	}
	free(bytes);
	return 0;
}

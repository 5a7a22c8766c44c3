/* libfuzzer_adapter.c: the mutator as libFuzzer's custom mutator and crossover. Linked to every
 * target of a libFuzzer build.
 *
 * IMAGO_MUTATOR=bytes in the environment leaves everything to the engine: what a comparison is made
 * with (ci/mutator). */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "dice.h"
#include "imago/mutate.h"
#include "parents.h"

/* libFuzzer's interface (llvm.org/docs/LibFuzzer.html). */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2,
                                 size_t size2, uint8_t *out, size_t max_out_size,
                                 unsigned int seed);

static bool
engine_alone(void)
{
	static int answer = -1; /* asked for each mutant; the environment is read once */
	if (answer < 0) {
		const char *mutator = getenv("IMAGO_MUTATOR");
		answer = mutator != NULL && strcmp(mutator, "bytes") == 0;
	}
	return answer != 0;
}

enum {
	ENGINES_SHARE = 16,
	DONATIONS = 4,
	ROUGH_ONE_IN = 8,
	CROSSED_ONE_IN = 3,
	OFFERED_ONE_IN = 4,
	OF_PARENTS_ONE_IN = 2,
};

/* The engine has no state for us, and one thread. */
static parents sound_parents;

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	/* The engine's own edits know the dictionary and the compares it has seen. */
	if (engine_alone() || seed % ENGINES_SHARE == 0) {
		return LLVMFuzzerMutate(data, size, max_size);
	}
	dice d = {seed};
	if (dice_one_in(&d, OFFERED_ONE_IN)) {
		parents_offer(&sound_parents, data, size, dice_roll(&d));
	}
	if (dice_one_in(&d, OF_PARENTS_ONE_IN)) {
		const parent_image *parent = parents_pick(&sound_parents, max_size, dice_roll(&d));
		if (parent != NULL) {
			memcpy(data, parent->bytes, parent->size);
			size = parent->size;
		}
	}
	return imago_mutate(data, size, max_size, seed);
}

/* The head of one file and the tail of the other. */
static size_t
join(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2, uint8_t *out,
     size_t max_out_size, unsigned int seed)
{
	const size_t head = size1 > 0 ? seed % size1 : 0;
	const size_t from = head < size2 ? head : size2;
	size_t tail = size2 - from;
	const size_t kept = head < max_out_size ? head : max_out_size;
	if (tail > max_out_size - kept) {
		tail = max_out_size - kept;
	}
	if (kept > 0) {
		memcpy(out, data1, kept);
	}
	if (tail > 0) {
		memcpy(out + kept, data2 + from, tail);
	}
	return kept + tail;
}

size_t
LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2,
                          uint8_t *out, size_t max_out_size, unsigned int seed)
{
	/* With references mapped, or now and then drawn at random. */
	static const char *const donate[] = {"sound.splice", "object.donor"};
	const imago_mutate_options options = {.seed = seed,
	                                      .only = donate,
	                                      .num_only =
	                                          seed / CROSSED_ONE_IN % ROUGH_ONE_IN == 0 ? 2 : 1,
	                                      .num_edits = 1 + seed % DONATIONS,
	                                      .donor = data2,
	                                      .donor_size = size2};
	imago_mutate_report report = {.num_applied = 0};
	size_t size = 0;
	/* The engine then takes a mutation, and of its own ones crossover, too. It would cross every
	 * second mutant, and that costs most. */
	if (engine_alone() || seed % CROSSED_ONE_IN != 0) {
		return 0;
	}
	if (size1 > 0 && size1 <= max_out_size) {
		memcpy(out, data1, size1);
		size = imago_mutate_with(out, size1, max_out_size, &options, &report);
	}
	return report.num_applied > 0 ? size
	                              : join(data1, size1, data2, size2, out, max_out_size, seed);
}

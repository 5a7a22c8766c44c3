/* allocation_failure: whichever allocation fails, everything that the library does with an image
 * says so, gives back what it had, and leaves the image as it was.
 *
 * An operation that the tail chooses (faults/allocation_operations.h: read, open, check, rebuild,
 * digest, write, save, compare, generate …) is run once in peace; then with its k-th allocation
 * failing, for all k or, of many, for 16 drawn ones; then with a budget of just what it needed,
 * which gives the same answer, and with less, which is refused. */
#include <string.h>

#include "faults/allocation_operations.h"
#include "fuzz_image.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"

enum { REPORTED, NO_LEAK, UNCHANGED, BUDGET_IS_ENOUGH, BUDGET_IS_KEPT, HANDED_OUT };
static const char *const oracles[] = {
    [REPORTED] = "failing_allocation_is_reported",
    [NO_LEAK] = "no_leak",
    [UNCHANGED] = "input_heap_unchanged",
    [BUDGET_IS_ENOUGH] = "peak_is_enough",
    [BUDGET_IS_KEPT] = "less_than_peak_is_refused",
    [HANDED_OUT] = "nothing_handed_out_after_a_failure",
};
FUZZ_DECLARE_ORACLES("allocation_failure", oracles);

enum { MAX_FAILURES = 16, NUM_OPERATIONS_A_RUN = 4 };

/* What every run owes, whatever it ends with. */
static void
expect_clean(const allocation_subject *subject, const allocation_outcome *outcome,
             uint64_t fingerprint)
{
	FUZZ_ORACLE(NO_LEAK, outcome->used == 0);
	if (subject->image != NULL) {
		FUZZ_ORACLE(UNCHANGED, allocation_fingerprint(subject->image->heap) == fingerprint);
	}
}

static void
expect_refusal(const allocation_subject *subject, const allocation_outcome *outcome,
               uint64_t fingerprint)
{
	char line[256];
	FUZZ_ORACLE(REPORTED, outcome->status == IMAGO_ENOMEM);
	FUZZ_ORACLE(REPORTED, outcome->error.status == IMAGO_ENOMEM);
	FUZZ_ORACLE(REPORTED, outcome->error.what != NULL && outcome->error.what[0] != '\0');
	FUZZ_ORACLE(REPORTED, imago_error_format(&outcome->error, line, sizeof line) < sizeof line);
	FUZZ_ORACLE(HANDED_OUT, outcome->answer == 0);
	expect_clean(subject, outcome, fingerprint);
}

static void
fail_allocations(const allocation_operation *operation, const allocation_subject *subject,
                 fuzz_input *input)
{
	const uint64_t fingerprint =
	    subject->image != NULL ? allocation_fingerprint(subject->image->heap) : 0;
	const allocation_outcome calm = allocation_run(operation, subject, IMAGO_UNLIMITED, 0);
	expect_clean(subject, &calm, fingerprint);
	const uint64_t num_failures = calm.num_calls < MAX_FAILURES ? calm.num_calls : MAX_FAILURES;
	for (uint64_t i = 0; i < num_failures; i++) {
		/* All, or one of each part of the calls. */
		uint64_t part = calm.num_calls / num_failures;
		uint64_t fail_at = 1 + i * part + fuzz_choose(input, 65536) % part;
		const allocation_outcome outcome =
		    allocation_run(operation, subject, IMAGO_UNLIMITED, fail_at);
		expect_refusal(subject, &outcome, fingerprint);
	}
	const allocation_outcome enough = allocation_run(operation, subject, calm.peak, 0);
	expect_clean(subject, &enough, fingerprint);
	FUZZ_ORACLE(BUDGET_IS_ENOUGH, enough.status == calm.status && enough.answer == calm.answer);
	if (calm.peak > 0) {
		uint64_t less = fuzz_choose(input, 2) == 0 ? 1 : 1 + fuzz_choose(input, 65536) % calm.peak;
		const allocation_outcome outcome = allocation_run(operation, subject, calm.peak - less, 0);
		FUZZ_ORACLE(BUDGET_IS_KEPT, outcome.status == IMAGO_ENOMEM);
		expect_refusal(subject, &outcome, fingerprint);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_subject opened;
	const bool is_image = fuzz_subject_open(&opened, data, size);
	const allocation_subject subject = {
	    .bytes = data, .size = size, .image = is_image ? &opened.image : NULL};
	uint32_t first = fuzz_choose(&opened.input, 256) + (uint32_t)(size / 8);
	for (uint32_t i = 0; i < NUM_OPERATIONS_A_RUN; i++) {
		const allocation_operation *operation =
		    &allocation_operations[(first + 5 * i) % NUM_ALLOCATION_OPERATIONS];
		if (is_image || !operation->needs_image) {
			fail_allocations(operation, &subject, &opened.input);
		}
	}
	fuzz_subject_close(&opened, NO_LEAK);
	return 0;
}

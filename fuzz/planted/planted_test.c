/* planted_test.c: every planted bug that can be reached is seen by an oracle, on an input that is
 * kept in corpus/planted as BUG.CONTRACT, and nothing is seen there while the bug is asleep.
 *
 * planted_test FILE…              tells instead which bugs the files trigger, with which contract,
 * and by what they are detected there planted_test --text BASE FILE   prints the text that makes
 * FILE of BASE (witness.h) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "contracts.h"
#include "observe.h"
#include "witness.h"

enum { MAX_BUGS = 128, MAX_PATH = 512 };

/* The kept input of a bug, whichever contract it is for. */
static bool
find_witness(const char *bug, int *contract, witness *out)
{
	for (*contract = 0; contract_name(*contract) != NULL; (*contract)++) {
		char path[MAX_PATH];
		(void)snprintf(path, sizeof path, "corpus/planted/%s.%s", bug, contract_name(*contract));
		if (witness_read(out, path)) {
			return true;
		}
	}
	return false;
}

static void
the_bug_is_seen_on_its_input_and_only_when_it_is_awake(void **payload)
{
	const size_t bug = *(const size_t *)*payload;
	observed seen[MAX_BUGS];
	char by[OBSERVE_BY_SIZE] = "";
	int contract = 0;
	witness input = {0};
	if (!find_witness(observe_bug_name(bug), &contract, &input)) {
		fail_msg("corpus/planted has no input for %s", observe_bug_name(bug));
	}
	observe_run(contract, input.bytes, input.size, seen); /* aborts if an oracle is broken */
	if (!seen[bug].reached) {
		fail_msg("%s is not reached", observe_bug_name(bug));
	}
	if (!seen[bug].triggered) {
		fail_msg("%s is not triggered", observe_bug_name(bug));
	}
	const bool detected = observe_effect(bug, contract, input.bytes, input.size, by);
	witness_release(&input);
	if (!detected && !observe_has_sanitizers()) {
		print_message("without sanitizers %s may go unseen\n", observe_bug_name(bug));
		skip();
	}
	if (!detected) {
		fail_msg("%s goes unseen", observe_bug_name(bug));
	}
	print_message("%s: %s\n", observe_bug_name(bug), by);
}

/* Tells of an input which bugs it shows, to which contract. A file that is named after a contract
 * (NAME.CONTRACT) is for that alone. */
static void
try_input(const char *path, const witness *input)
{
	const char *dot = strrchr(path, '.');
	const int only = dot != NULL ? contract_named(dot + 1) : NO_CONTRACT;
	for (int contract = 0; contract_name(contract) != NULL; contract++) {
		observed seen[MAX_BUGS];
		if (only != NO_CONTRACT && contract != only) {
			continue;
		}
		observe_run(contract, input->bytes, input->size, seen);
		for (size_t bug = 0; bug < observe_num_bugs(); bug++) {
			char by[OBSERVE_BY_SIZE] = "-";
			if (seen[bug].triggered) {
				(void)observe_effect(bug, contract, input->bytes, input->size, by);
				printf("%s\t%s\t%s\t%s\n", path, observe_bug_name(bug), contract_name(contract),
				       by);
			}
		}
	}
}

static int
do_as_told(int num_words, char **words)
{
	const bool print = num_words == 3 && strcmp(words[0], "--text") == 0;
	for (int i = print ? 2 : 0; i < num_words; i++) {
		witness input;
		if (!witness_read_file(&input, words[i])) {
			perror(words[i]);
			return EXIT_FAILURE;
		}
		if (print) {
			(void)witness_print(words[1], &input);
		} else {
			try_input(words[i], &input);
		}
		witness_release(&input);
	}
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	static size_t bugs[MAX_BUGS];
	static struct CMUnitTest tests[MAX_BUGS];
	size_t num_tests = 0;
	if (argc > 1) {
		return do_as_told(argc - 1, argv + 1);
	}
	for (size_t bug = 0; bug < observe_num_bugs(); bug++) {
		if (strcmp(observe_bug_reach(bug), "NEVER") != 0) {
			bugs[num_tests] = bug;
			tests[num_tests] = (struct CMUnitTest){
			    .name = observe_bug_name(bug),
			    .test_func = the_bug_is_seen_on_its_input_and_only_when_it_is_awake,
			    .initial_state = &bugs[num_tests],
			};
			num_tests++;
		}
	}
	return _cmocka_run_group_tests("planted bugs", tests, num_tests, NULL, NULL);
}

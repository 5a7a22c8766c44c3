/* planted_test.c: every planted bug that can be reached is seen by an oracle, on an input that is
 * kept in corpus/planted as BUG.CONTRACT, and nothing is seen there while the bug is asleep.
 *
 * planted_test FILE… tells instead which bugs the files trigger, with which contract, and by what
 * they are detected there. */
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

enum { MAX_BUGS = 128, MAX_PATH = 512 };

typedef struct witness {
	int contract;
	uint8_t *bytes;
	size_t size;
} witness;

static bool
read_witness(const char *path, witness *out)
{
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		return false;
	}
	if (fseek(file, 0, SEEK_END) != 0) {
		fail();
	}
	const long size = ftell(file);
	rewind(file);
	out->size = (size_t)size;
	out->bytes = malloc(out->size + 1);
	assert_non_null(out->bytes);
	assert_int_equal(fread(out->bytes, 1, out->size, file), out->size);
	(void)fclose(file);
	return true;
}

/* The kept input of a bug, whichever contract it is for. */
static bool
find_witness(const char *bug, witness *out)
{
	for (int contract = 0; contract_name(contract) != NULL; contract++) {
		char path[MAX_PATH];
		(void)snprintf(path, sizeof path, "corpus/planted/%s.%s", bug, contract_name(contract));
		out->contract = contract;
		if (read_witness(path, out)) {
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
	witness input;
	if (!find_witness(observe_bug_name(bug), &input)) {
		fail_msg("corpus/planted has no input for %s", observe_bug_name(bug));
	}
	observe_run(input.contract, input.bytes, input.size, seen); /* aborts if an oracle is broken */
	if (!seen[bug].reached) {
		fail_msg("%s is not reached", observe_bug_name(bug));
	}
	if (!seen[bug].triggered) {
		fail_msg("%s is not triggered", observe_bug_name(bug));
	}
	const bool detected = observe_effect(bug, input.contract, input.bytes, input.size, by);
	free(input.bytes);
	if (!detected && !observe_has_sanitizers()) {
		print_message("without sanitizers %s may go unseen\n", observe_bug_name(bug));
		skip();
	}
	if (!detected) {
		fail_msg("%s goes unseen", observe_bug_name(bug));
	}
	print_message("%s: %s\n", observe_bug_name(bug), by);
}

/* Tells of each file which bugs it shows, to which contract. */
static int
try_files(int num_paths, char **paths)
{
	for (int i = 0; i < num_paths; i++) {
		witness input;
		if (!read_witness(paths[i], &input)) {
			perror(paths[i]);
			return EXIT_FAILURE;
		}
		for (int contract = 0; contract_name(contract) != NULL; contract++) {
			observed seen[MAX_BUGS];
			observe_run(contract, input.bytes, input.size, seen);
			for (size_t bug = 0; bug < observe_num_bugs(); bug++) {
				char by[OBSERVE_BY_SIZE] = "-";
				if (seen[bug].triggered) {
					(void)observe_effect(bug, contract, input.bytes, input.size, by);
					printf("%s\t%s\t%s\t%s\n", paths[i], observe_bug_name(bug),
					       contract_name(contract), by);
				}
			}
		}
		free(input.bytes);
	}
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	if (argc > 1) {
		return try_files(argc - 1, argv + 1);
	}
	static size_t bugs[MAX_BUGS];
	static struct CMUnitTest tests[MAX_BUGS];
	size_t num_tests = 0;
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

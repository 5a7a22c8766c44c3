/* save_faults_test.c: every call of a save fails, in every way, alone and with every other; the
 * process is killed before, after and in the middle of every call; power is lost at every call,
 * with every combination of what was not synced. What is found is the old image or the new one,
 * whole. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "assertions.h"
#include "imago/save.h"
#include "save_scenario.h"

/* Ways in which a call may go wrong without the end of the process. EINTR and a cut are not
 * failures: a save goes on. EINVAL from a sync means that the file system cannot sync folders. */
static const fault ways[] = {
    {0, FAULT_FAILS, EIO, 0},      {0, FAULT_FAILS, ENOSPC, 0},     {0, FAULT_FAILS, EACCES, 0},
    {0, FAULT_FAILS, EMFILE, 0},   {0, FAULT_FAILS, EROFS, 0},      {0, FAULT_FAILS, EINTR, 0},
    {0, FAULT_FAILS_LATE, EIO, 0}, {0, FAULT_FAILS_LATE, EINTR, 0}, {0, FAULT_CUTS, 0, 1},
    {0, FAULT_CUTS, 0, 4},
};
enum { NUM_WAYS = sizeof ways / sizeof ways[0] };

typedef struct tally {
	uint64_t runs, kills, power_losses;
} tally;

/* One save under a plan, and what is asked of it afterwards and at each call. */
typedef struct trial {
	const save_scenario *scenario;
	model_disk *disk;
	imago_file_system below, files;
	fault_plan plan;
	imago_status status;
	imago_error error;
	save_outcome outcome;
	tally *counts;
	bool must_be_new; /* of a disk after a power loss */
} trial;

static void
trial_begin(trial *run, const save_scenario *scenario, tally *counts)
{
	*run = (trial){.scenario = scenario, .disk = scenario_disk(scenario), .counts = counts};
	run->below = model_disk_files(run->disk);
	fault_plan_init(&run->plan, &run->below);
	run->files = fault_plan_files(&run->plan);
}

static void
trial_save(trial *run)
{
	run->status = scenario_save(run->scenario, &run->files, &run->error);
	run->outcome = scenario_outcome(run->scenario, run->disk);
}

static void
trial_end(trial *run)
{
	model_disk_destroy(run->disk);
}

static bool
look_after_power_loss(const model_disk *after, void *payload)
{
	trial *run = payload;
	save_outcome outcome = scenario_outcome(run->scenario, after);
	assert_int_not_equal(outcome, SAVE_TORN);
	if (run->must_be_new) {
		assert_int_equal(outcome, SAVE_NEW);
	}
	return true;
}

static void
lose_power_in_every_way(trial *run)
{
	const uint64_t limit = UINT64_C(1) << 16;
	assert_true(UINT64_C(1) << model_disk_num_pending(run->disk) <= limit);
	run->counts->power_losses +=
	    model_disk_each_power_loss(run->disk, limit, 0, look_after_power_loss, run);
}

/* From the first fault on: what comes before is the same as without. */
static void
lose_power_before_call(void *payload)
{
	trial *run = payload;
	if (run->plan.num_calls + 1 >= run->plan.faults[0].call) {
		lose_power_in_every_way(run);
	}
}

static uint64_t
num_calls_of(const save_scenario *scenario)
{
	trial run;
	tally ignored = {0};
	trial_begin(&run, scenario, &ignored);
	trial_save(&run);
	assert_ok(run.status, &run.error);
	assert_int_equal(run.outcome, SAVE_NEW);
	uint64_t num_calls = run.plan.num_calls;
	trial_end(&run);
	return num_calls;
}

/* The new image is in place although the save failed: only where save.h says so. */
static bool
fails_behind_the_new_image(const trial *run)
{
	return strcmp(run->error.what, "fsync of the parent folder") == 0 ||
	       strcmp(run->error.what, "removing the old folder") == 0;
}

/* Whether a fault met a call by which a save tidies up. */
static bool
tidying_was_hindered(const trial *run)
{
	for (size_t i = 0; i < FAULT_PLAN_SIZE; i++) {
		if (run->plan.met[i] && i > 0) {
			return true;
		}
	}
	return false;
}

static void
assert_sound(const trial *run)
{
	assert_int_not_equal(run->outcome, SAVE_TORN);
	assert_int_equal(model_disk_num_open(run->disk), 0);
	if (run->status == IMAGO_OK) {
		assert_int_equal(run->outcome, SAVE_NEW);
		assert_true(scenario_is_tidy(run->scenario, run->disk));
		return;
	}
	assert_int_equal(run->status, IMAGO_EIO);
	assert_int_equal(run->error.status, IMAGO_EIO);
	assert_non_null(run->error.what);
	assert_true(run->error.what[0] != '\0');
	assert_true(run->error.os_error != 0);
	if (fails_behind_the_new_image(run)) {
		assert_int_equal(run->outcome, SAVE_NEW);
	} else if (!tidying_was_hindered(run)) {
		assert_int_equal(run->outcome, SAVE_OLD);
		assert_true(scenario_is_tidy(run->scenario, run->disk));
	}
}

static void
a_save_without_faults_loses_nothing_wherever_power_is_lost(void **state)
{
	(void)state;
	tally counts = {0};
	uint64_t num_calls = 0;
	for (size_t i = 0; i < NUM_SAVE_SCENARIOS; i++) {
		trial run;
		trial_begin(&run, &save_scenarios[i], &counts);
		run.plan.before = lose_power_before_call;
		run.plan.payload = &run;
		trial_save(&run);
		assert_ok(run.status, &run.error);
		run.must_be_new = true;
		lose_power_in_every_way(&run);
		assert_sound(&run);
		num_calls += run.plan.num_calls;
		trial_end(&run);
	}
	print_message("%zu saves, %" PRIu64 " calls, %" PRIu64 " power losses\n",
	              (size_t)NUM_SAVE_SCENARIOS, num_calls, counts.power_losses);
	assert_true(counts.power_losses > 1000);
}

/* What a way must come to, beyond soundness. */
static void
assert_way(const trial *run, const fault *way)
{
	const bool goes_on = way->kind == FAULT_CUTS || way->os_error == EINTR;
	assert_true(run->plan.met[0]);
	if (goes_on) {
		assert_ok(run->status, &run->error);
	}
	if (run->status != IMAGO_OK) {
		assert_int_equal(run->error.os_error, way->os_error);
	}
}

static void
every_call_may_fail_in_every_way_and_power_be_lost_afterwards(void **state)
{
	(void)state;
	tally counts = {0};
	uint64_t num_refused = 0;
	for (size_t i = 0; i < NUM_SAVE_SCENARIOS; i++) {
		const uint64_t num_calls = num_calls_of(&save_scenarios[i]);
		for (uint64_t call = 1; call <= num_calls; call++) {
			for (size_t way = 0; way < NUM_WAYS; way++) {
				trial run;
				trial_begin(&run, &save_scenarios[i], &counts);
				run.plan.faults[0] = ways[way];
				run.plan.faults[0].call = call;
				run.plan.before = lose_power_before_call;
				run.plan.payload = &run;
				trial_save(&run);
				assert_sound(&run);
				assert_way(&run, &ways[way]);
				run.must_be_new = run.status == IMAGO_OK;
				lose_power_in_every_way(&run);
				counts.runs++;
				num_refused += run.status != IMAGO_OK;
				trial_end(&run);
			}
		}
	}
	print_message("%" PRIu64 " saves with one fault, %" PRIu64 " of them refused, %" PRIu64
	              " power losses\n",
	              counts.runs, num_refused, counts.power_losses);
	assert_true(num_refused > 0 && num_refused < counts.runs);
}

/* The second fault is looked for behind the first, where the save tidies up or goes on. */
static void
every_two_calls_may_fail(void **state)
{
	(void)state;
	tally counts = {0};
	static const size_t pair_ways[] = {0, 5, 6, 7, 8};
	enum { NUM_PAIR_WAYS = sizeof pair_ways / sizeof pair_ways[0] };
	for (size_t i = 0; i < NUM_SAVE_SCENARIOS; i++) {
		const uint64_t num_calls = num_calls_of(&save_scenarios[i]);
		for (uint64_t first = 1; first <= num_calls; first++) {
			for (size_t way = 0; way < (size_t)NUM_PAIR_WAYS * NUM_PAIR_WAYS; way++) {
				bool met = true;
				for (uint64_t second = first + 1; met; second++) {
					trial run;
					trial_begin(&run, &save_scenarios[i], &counts);
					run.plan.faults[0] = ways[pair_ways[way / NUM_PAIR_WAYS]];
					run.plan.faults[0].call = first;
					run.plan.faults[1] = ways[pair_ways[way % NUM_PAIR_WAYS]];
					run.plan.faults[1].call = second;
					trial_save(&run);
					assert_sound(&run);
					met = run.plan.met[1];
					counts.runs += met;
					trial_end(&run);
				}
			}
		}
	}
	print_message("%" PRIu64 " saves with two faults\n", counts.runs);
}

/* What was to be renamed has the temporary name still, or nothing has it. */
static void
an_interrupted_rename_that_cannot_be_looked_for_leaves_nothing_behind(void **state)
{
	(void)state;
	tally ignored = {0};
	unsigned num_files = 0;
	unsigned num_folders = 0;
	for (size_t i = 0; i < NUM_SAVE_SCENARIOS; i++) {
		const uint64_t num_calls = num_calls_of(&save_scenarios[i]);
		for (uint64_t call = 1; call <= num_calls; call++) {
			trial run;
			trial_begin(&run, &save_scenarios[i], &ignored);
			run.plan.faults[0] = (fault){call, FAULT_FAILS, EINTR, 0};
			run.plan.faults[1] = (fault){call + 1, FAULT_FAILS, EIO, 0};
			trial_save(&run);
			if (run.status != IMAGO_OK && strcmp(run.error.what, "rename") == 0) {
				assert_int_equal(run.outcome, SAVE_OLD);
				assert_true(scenario_is_tidy(run.scenario, run.disk));
				num_files += !run.scenario->is_folder;
				num_folders += run.scenario->is_folder;
			}
			trial_end(&run);
		}
	}
	assert_true(num_files > 0 && num_folders > 0);
}

/* After a kill the next save, on the same disk, is as good as any. */
static void
assert_next_save_succeeds(trial *run)
{
	imago_error error = {0};
	assert_ok(scenario_save(run->scenario, &run->below, &error), &error);
	assert_int_equal(scenario_outcome(run->scenario, run->disk), SAVE_NEW);
}

static void
a_kill_at_every_call_leaves_the_old_image_or_the_new_one(void **state)
{
	(void)state;
	tally counts = {0};
	uint64_t num_old = 0;
	static const fault kills[] = {
	    {0, FAULT_KILLS_BEFORE, 0, 0},
	    {0, FAULT_KILLS_AFTER, 0, 0},
	    {0, FAULT_KILLS_AFTER, 0, 1},
	    {0, FAULT_KILLS_AFTER, 0, 6},
	};
	for (size_t i = 0; i < NUM_SAVE_SCENARIOS; i++) {
		const uint64_t num_calls = num_calls_of(&save_scenarios[i]);
		for (uint64_t call = 1; call <= num_calls; call++) {
			for (size_t kill = 0; kill < sizeof kills / sizeof kills[0]; kill++) {
				trial run;
				trial_begin(&run, &save_scenarios[i], &counts);
				run.plan.faults[0] = kills[kill];
				run.plan.faults[0].call = call;
				trial_save(&run);
				assert_true(run.plan.dead);
				assert_int_not_equal(run.outcome, SAVE_TORN);
				lose_power_in_every_way(&run);
				assert_next_save_succeeds(&run);
				counts.kills++;
				num_old += run.outcome == SAVE_OLD;
				trial_end(&run);
			}
		}
	}
	print_message("%" PRIu64 " kills (%" PRIu64 " left the old image), %" PRIu64 " power losses\n",
	              counts.kills, num_old, counts.power_losses);
	assert_true(num_old > 0 && num_old < counts.kills);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_save_without_faults_loses_nothing_wherever_power_is_lost),
	    cmocka_unit_test(every_call_may_fail_in_every_way_and_power_be_lost_afterwards),
	    cmocka_unit_test(every_two_calls_may_fail),
	    cmocka_unit_test(an_interrupted_rename_that_cannot_be_looked_for_leaves_nothing_behind),
	    cmocka_unit_test(a_kill_at_every_call_leaves_the_old_image_or_the_new_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

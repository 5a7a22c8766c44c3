#include "killed_save.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assertions.h"

enum { CHILD_FAILED = 9 };

static void
kill_for_real(void)
{
	(void)kill(getpid(), SIGKILL);
	_exit(CHILD_FAILED);
}

bool
killed_save(killed_save_fn *save, void *payload, const char *path, const fault *kill_at)
{
	fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		fault_plan plan;
		imago_error error = {0};
		fault_plan_init(&plan, imago_os_files());
		plan.faults[0] = *kill_at;
		plan.kill = kill_for_real;
		const imago_file_system files = fault_plan_files(&plan);
		imago_status status = save(&files, path, payload, &error);
		_exit(status == IMAGO_OK ? 0 : CHILD_FAILED);
	}
	int result;
	assert_int_equal(waitpid(child, &result, 0), child);
	if (WIFSIGNALED(result)) {
		assert_int_equal(WTERMSIG(result), SIGKILL);
		return true;
	}
	assert_int_equal(WEXITSTATUS(result), 0);
	return false;
}

void
killed_everywhere(killed_once_fn *kill_once, void *payload)
{
	static const fault kills[] = {
	    {0, FAULT_KILLS_BEFORE, 0, 0},   {0, FAULT_KILLS_AFTER, 0, 0},
	    {0, FAULT_KILLS_AFTER, 0, 1},    {0, FAULT_KILLS_AFTER, 0, 100},
	    {0, FAULT_KILLS_AFTER, 0, 4096}, {0, FAULT_KILLS_AFTER, 0, 8192},
	};
	for (unsigned over_old = 0; over_old < 2; over_old++) {
		for (size_t i = 0; i < sizeof kills / sizeof kills[0]; i++) {
			fault kill_at = kills[i];
			do {
				kill_at.call++;
			} while (kill_once(over_old != 0, &kill_at, payload));
		}
	}
}

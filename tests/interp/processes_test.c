/* processes_test.c: processes.txt: who runs when, in every layout, and what no scheduler may be;
 * returns.txt: where returns lead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "assembled_cases.h"

static void
run_all(const char *path)
{
	static assembled_file file;
	assembled_file_read(&file, path);
	assert_true(file.num_cases > 10);
	assembled_file_run(&file);
}

static void
processes_take_their_turns(void **state)
{
	(void)state;
	run_all("tests/interp/processes.txt");
}

static void
returns_find_who_is_there(void **state)
{
	(void)state;
	run_all("tests/interp/returns.txt");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(processes_take_their_turns),
	    cmocka_unit_test(returns_find_who_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

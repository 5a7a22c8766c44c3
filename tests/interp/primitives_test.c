/* primitives_test.c: primitives.txt: what primitives answer and refuse, in every layout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "assembled_cases.h"

static void
primitives_answer_and_refuse_what_they_must(void **state)
{
	(void)state;
	static assembled_file file;
	assembled_file_read(&file, "tests/interp/primitives.txt");
	assert_true(file.num_cases > 20);
	assembled_file_run(&file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(primitives_answer_and_refuse_what_they_must),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

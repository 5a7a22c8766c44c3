/* hostile_rows_test.c: hostile.txt has a case for every row of what may lie (hostile_rows.txt), and
 * each case ends as it must in every layout that it is for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "assembled_cases.h"

enum { MAX_ROW = 32, NUM_ROWS = 18 };

static assembled_file file;

static void
each_case_ends_as_it_must(void **state)
{
	(void)state;
	assembled_file_run(&file);
}

static bool
is_of_row(const assembled_case *one, const char *row)
{
	size_t length = strlen(row);
	return strncmp(one->name, row, length) == 0 && one->name[length] == ':';
}

/* The rows are those of bytecodes.md: there are 18. Every case belongs to one. */
static void
each_row_has_a_case_and_each_case_a_row(void **state)
{
	(void)state;
	char line[256];
	char row[MAX_ROW];
	size_t num_rows = 0;
	size_t num_found = 0;
	FILE *stream = fopen("tests/interp/hostile_rows.txt", "r");
	assert_non_null(stream);
	while (fgets(line, sizeof line, stream) != NULL) {
		if (line[0] == ';' || sscanf(line, "%31s", row) != 1) {
			continue;
		}
		size_t of_row = 0;
		for (size_t i = 0; i < file.num_cases; i++) {
			of_row += is_of_row(&file.cases[i], row) ? 1 : 0;
		}
		if (of_row == 0) {
			fail_msg("no case for the row %s", row);
		}
		num_rows++;
		num_found += of_row;
	}
	(void)fclose(stream);
	assert_int_equal(num_rows, NUM_ROWS);
	assert_int_equal(num_found, file.num_cases);
}

int
main(void)
{
	assembled_file_read(&file, "tests/interp/hostile.txt");
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_case_ends_as_it_must),
	    cmocka_unit_test(each_row_has_a_case_and_each_case_a_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

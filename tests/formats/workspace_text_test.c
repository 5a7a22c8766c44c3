/* workspace_text_test.c: texts that workspaces are made of, and their limits (workspace.md §7). */
#include "workspace_file.h"

#include <stdio.h>
#include <string.h>

static const imago_layout layout = {8, IMAGO_LITTLE_ENDIAN};

static imago_workspace *
empty_workspace(imago_allocator *allocator)
{
	imago_workspace *workspace;
	imago_error error;
	imago_allocator_init(allocator, IMAGO_UNLIMITED);
	assert_ok(imago_workspace_create(&workspace, allocator, &error), &error);
	return workspace;
}

static void
a_text_may_be_indented_with_tabs(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_workspace *workspace = empty_workspace(&allocator);
	static const char text[] = ")NS S\n\t\tA←5\n \t∇R←F X\n\t  R←X×2\n\t∇\n\t)END\n";
	imago_error error;
	assert_ok(imago_workspace_take_text(workspace, text, strlen(text), NULL, &error), &error);
	assert_line(workspace, "S.A", "5");
	assert_line(workspace, "S.F 4", "8");
	imago_workspace_destroy(workspace);
	assert_no_leak(&allocator);
}

/* Three bytes long, as ∇ is. */
static void
a_line_as_long_as_the_end_of_a_function_does_not_end_it(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_workspace *workspace = empty_workspace(&allocator);
	static const char text[] = "∇R←F\nQ+1\nR←7\n∇\nQ←3\n";
	imago_error error;
	assert_ok(imago_workspace_take_text(workspace, text, strlen(text), NULL, &error), &error);
	assert_line(workspace, "F", "7");
	imago_workspace_destroy(workspace);
	assert_no_leak(&allocator);
}

static void
a_namespace_that_is_there_gets_more_names(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_workspace *workspace = empty_workspace(&allocator);
	static const char text[] = ")NS   S\nA←1\n)END\nV←S\n)NS S\nB←A+1\n)NS T\nC←3\n)END\n)END\n"
	                           ")NS S\n)NS T\nD←4\n)END\n)END\n";
	imago_error error;
	assert_ok(imago_workspace_take_text(workspace, text, strlen(text), NULL, &error), &error);
	assert_line(workspace, "S.A S.B S.T.C S.T.D", "1 2 3 4");
	assert_line(workspace, "V.B", "2"); /* it is the same namespace still */
	imago_workspace_destroy(workspace);
	assert_no_leak(&allocator);
}

/* A text of so many namespaces in one another. */
static size_t
nest(char *text, size_t size, unsigned depth)
{
	size_t length = 0;
	for (unsigned i = 0; i < depth; i++) {
		length += (size_t)snprintf(text + length, size - length, ")NS N\n");
	}
	length += (size_t)snprintf(text + length, size - length, "DEEP←9\n");
	for (unsigned i = 0; i < depth; i++) {
		length += (size_t)snprintf(text + length, size - length, ")END\n");
	}
	return length;
}

static void
sixteen_namespaces_in_one_another_are_the_most(void **state)
{
	(void)state;
	char text[512];
	imago_error error;
	imago_allocator allocator;
	imago_workspace *workspace = empty_workspace(&allocator);
	size_t length = nest(text, sizeof text, 16);
	assert_ok(imago_workspace_take_text(workspace, text, length, NULL, &error), &error);
	assert_line(workspace, "N.N.N.N.N.N.N.N.N.N.N.N.N.N.N.N.DEEP", "9");
	length = nest(text, sizeof text, 17);
	assert_status(imago_workspace_take_text(workspace, text, length, NULL, &error), &error,
	              IMAGO_ELIMIT);
	/* The line that is one too many. */
	assert_error(&error, IMAGO_ELIMIT, "namespaces in namespaces", 16 * strlen(")NS N\n"));
	assert_int_equal(error.found, 16);
	assert_workspace_is_sound(workspace);
	imago_workspace_destroy(workspace);
	assert_no_leak(&allocator);
}

static void
a_namespace_without_a_name_is_refused(void **state)
{
	(void)state;
	static const char *const texts[] = {"A←1\n)NS     \n)END\n", "A←1\n)NS  7\n)END\n"};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		imago_allocator allocator;
		imago_error error;
		imago_workspace *workspace = empty_workspace(&allocator);
		assert_status(
		    imago_workspace_take_text(workspace, texts[i], strlen(texts[i]), NULL, &error), &error,
		    IMAGO_ESTRUCTURE);
		assert_error(&error, IMAGO_ESTRUCTURE, "name of a namespace", strlen("A←1\n"));
		imago_workspace_destroy(workspace);
		assert_no_leak(&allocator);
	}
}

/* What no region can ever hold is the text's fault; what this process has no memory for is not. */
static void
a_value_that_is_too_large_ends_a_text(void **state)
{
	(void)state;
	static const char no_region[] = "A←1\nB←⍳1E13\n";
	static const char no_memory[] = "A←1\nB←⍳1E6\n";
	const imago_run_options options = {.fuel = UINT64_MAX};
	imago_error error;
	imago_allocator allocator;
	imago_workspace *workspace = empty_workspace(&allocator);
	assert_status(
	    imago_workspace_take_text(workspace, no_region, strlen(no_region), &options, &error),
	    &error, IMAGO_ESTRUCTURE);
	assert_error(&error, IMAGO_ESTRUCTURE, "WS FULL", strlen("A←1\n"));
	allocator.budget = allocator.used + 100000;
	assert_status(
	    imago_workspace_take_text(workspace, no_memory, strlen(no_memory), &options, &error),
	    &error, IMAGO_ENOMEM);
	assert_workspace_is_sound(workspace);
	allocator.budget = IMAGO_UNLIMITED;
	assert_ok(imago_workspace_take_text(workspace, no_memory, strlen(no_memory), NULL, &error),
	          &error);
	assert_line(workspace, "⍴B", "1000000");
	imago_workspace_destroy(workspace);
	assert_no_leak(&allocator);
}

/* As many namespaces as there is room for without more memory: the last one lacks its symbol, or
 * itself, as what was there before leaves room. */
static void
a_namespace_without_memory_is_reported(void **state)
{
	(void)state;
	unsigned num_without_symbol = 0;
	for (unsigned length = 0; length < 12; length++) {
		imago_allocator allocator;
		imago_error error;
		char line[64];
		imago_workspace *workspace = empty_workspace(&allocator);
		imago_status status = IMAGO_OK;
		(void)snprintf(line, sizeof line, "A←%u⍴2\n", 1800 + 2 * length);
		assert_ok(imago_workspace_take_text(workspace, line, strlen(line), NULL, &error), &error);
		allocator.budget = allocator.used;
		unsigned num = 0;
		for (; status == IMAGO_OK; num++) {
			(void)snprintf(line, sizeof line, ")NS S%u\n)END\n", num);
			status = imago_workspace_take_text(workspace, line, strlen(line), NULL, &error);
		}
		assert_status(status, &error, IMAGO_ENOMEM);
		assert_true(num > 1);
		allocator.budget = IMAGO_UNLIMITED;
		assert_workspace_is_sound(workspace);
		(void)snprintf(line, sizeof line, "S%u", num - 1);
		const imago_pockets *pockets = imago_workspace_pockets(workspace);
		num_without_symbol +=
		    imago_symbol_find(pockets, pockets->regions[0].root, line, strlen(line)) == 0;
		assert_line(workspace, line, "VALUE ERROR");
		(void)snprintf(line, sizeof line, ")NS S%u\nB←1\n)END\n", num - 1);
		assert_ok(imago_workspace_take_text(workspace, line, strlen(line), NULL, &error), &error);
		imago_workspace_destroy(workspace);
		assert_no_leak(&allocator);
	}
	assert_in_range(num_without_symbol, 1, 11);
}

/* Defines what a text says and saves it for a slot; more pockets than a list has at first. */
static imago_status
define_and_save(imago_allocator *allocator, imago_error *error, void *payload)
{
	const char *text = payload;
	const imago_workspace_options options = {.slot = 2};
	imago_workspace *workspace = NULL;
	imago_writer writer;
	imago_writer_init(&writer, allocator, layout, error);
	imago_status status = imago_workspace_create(&workspace, allocator, error);
	if (status == IMAGO_OK) {
		status = imago_workspace_take_text(workspace, text, strlen(text), NULL, error);
	}
	if (status == IMAGO_OK) {
		status = imago_workspace_save(workspace, &options, &writer, error);
	}
	imago_writer_release(&writer);
	imago_workspace_destroy(workspace);
	return status;
}

/* A text of many names: of numbers, functions, and namespaces each of which has two. */
static void
make_long_text(char *text, size_t size)
{
	size_t length = 0;
	for (unsigned i = 0; i < 150; i++) {
		length += (size_t)snprintf(text + length, size - length,
		                           i % 3 == 0   ? ")NS S%u\nA←1\n∇R←F X\nR←X+A\n∇\n)END\n"
		                           : i % 3 == 1 ? "N%u←2 'x'\n"
		                                        : "∇R←G%u X\nR←X\n∇\n",
		                           i);
	}
	assert_true(length < size);
}

static void
every_failing_allocation_of_a_text_is_reported(void **state)
{
	(void)state;
	static char text[16384];
	make_long_text(text, sizeof text);
	assert_every_allocation_failure_is_reported(define_and_save, text);
}

/* Not one allocation, but all from some place on. */
static void
every_budget_is_enough_or_reported(void **state)
{
	(void)state;
	static char text[16384];
	imago_allocator allocator;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	make_long_text(text, sizeof text);
	assert_ok(define_and_save(&allocator, &error, text), &error);
	const uint64_t peak = allocator.peak;
	for (uint64_t budget = 0; budget < peak; budget += peak / 211) {
		imago_allocator_init(&allocator, budget);
		assert_status(define_and_save(&allocator, &error, text), &error, IMAGO_ENOMEM);
		assert_non_null(error.what);
		assert_no_leak(&allocator);
	}
	imago_allocator_init(&allocator, peak);
	assert_ok(define_and_save(&allocator, &error, text), &error);
	assert_no_leak(&allocator);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_text_may_be_indented_with_tabs),
	    cmocka_unit_test(a_line_as_long_as_the_end_of_a_function_does_not_end_it),
	    cmocka_unit_test(a_namespace_that_is_there_gets_more_names),
	    cmocka_unit_test(sixteen_namespaces_in_one_another_are_the_most),
	    cmocka_unit_test(a_namespace_without_a_name_is_refused),
	    cmocka_unit_test(a_value_that_is_too_large_ends_a_text),
	    cmocka_unit_test(a_namespace_without_memory_is_reported),
	    cmocka_unit_test(every_failing_allocation_of_a_text_is_reported),
	    cmocka_unit_test(every_budget_is_enough_or_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* bytecode_rows_test.c: bytecode_rows.txt: what bytecodes do, in every layout that has them: in
 * code that is admitted, and in code that is not, because a bytecode that no set has lies before
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "assembled_cases.h"
#include "imago/kernel.h"
#include "small_image.h"

enum { MAX_TEXT = 1 << 16, MAX_ROW = 1024, FUEL = 20000, UNUSED_V3 = 126, UNUSED_SISTA = 218 };

static char rows[MAX_TEXT];
static char text[2 * MAX_TEXT];

typedef struct row {
	char kind[16];
	char code[MAX_ROW];
	char value[64]; /* empty: it ends with the reason */
	char reason[96];
} row;

/* "code KIND: CODE = VALUE" or "code KIND: CODE ends REASON" */
static void
read_row(const char *line, row *out)
{
	int start = 0;
	*out = (row){.kind = ""};
	size_t length = strcspn(line, "\n");
	assert_true(length < sizeof out->code);
	assert_true(sscanf(line, "code %15[a-z0-9]: %n", out->kind, &start) == 1 && start > 0);
	memcpy(out->code, line + start, length - (size_t)start);
	char *end = strstr(out->code, " ends ");
	char *equals = strstr(out->code, " = ");
	if (end != NULL) {
		(void)snprintf(out->reason, sizeof out->reason, "%s", end + strlen(" ends "));
		*end = '\0';
	} else if (equals != NULL) {
		(void)snprintf(out->value, sizeof out->value, "%s", equals + strlen(" = "));
		*equals = '\0';
	} else {
		fail_msg("a row without an end: %s", out->code);
	}
}

static void
write_text(const row *one, int shared, bool careful)
{
	char detour[64] = "";
	bool sista = strcmp(one->kind, "sista") == 0;
	if (careful) {
		(void)snprintf(detour, sizeof detour, "\tpush true . jumpTrue fine . bytes %d\nfine:\n",
		               sista ? UNUSED_SISTA : UNUSED_V3);
	}
	int length = snprintf(
	    text, sizeof text,
	    "%.*swhere %s\nmethod Pair run | t u\n"
	    "\tpush 300 . drop . push Global . drop . push #twice: . drop\n%s\t%s\n\treturn\n"
	    "method Test run | p\nentry\n\tpush Pair . send new . pop p\n"
	    "\tpush p . push 5 . send left: . drop\n"
	    "\tpush p . send run . push %s . send == . jumpTrue yes\n\tpush self . push 1 . send "
	    "exit:\n"
	    "yes:\n\tpush self . push 0 . send exit:\n",
	    shared, rows, one->kind, detour, one->code, one->value[0] != '\0' ? one->value : "nil");
	assert_true(length > 0 && (size_t)length < sizeof text);
}

/* 1: it ran, and not as told; 0: as told; -1: not for that layout. */
static int
run_row(const row *one, const test_layout *layout)
{
	imago_allocator allocator;
	imago_assembled assembled;
	imago_error error;
	imago_vm *vm;
	imago_vm_result result;
	const imago_vm_options options = {.growth = 1 << 20, .eden_bytes = 1 << 16};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(layout, &allocator);
	assert_non_null(builder);
	if (imago_assemble(builder, text, IMAGO_BYTECODES_BY_FORMAT, NULL, &assembled, &allocator,
	                   &error) != IMAGO_OK) {
		fail_msg("%s, %s: %s (line %u)", layout->name, one->code, error.what,
		         (unsigned)error.found);
	}
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	if (assembled.entry_method == 0) {
		imago_heap_destroy(heap);
		return -1;
	}
	make_active(heap, assembled.entry_method, assembled.entry_offset, assembled.entry_temps);
	assert_int_equal(imago_vm_create(&vm, heap, &options, &allocator, &error), IMAGO_OK);
	imago_heap_destroy(heap);
	imago_vm_run(vm, FUEL, &result);
	bool told = one->value[0] != '\0'
	                ? result.end == IMAGO_VM_QUIT && result.exit_status == 0
	                : result.end == IMAGO_VM_VIOLATION &&
	                      strncmp(result.reason, one->reason, strlen(one->reason)) == 0;
	if (!told) {
		print_error("%s, %s: %s, status %d (%s, pc %u)\n", layout->name, one->code, result.reason,
		            result.exit_status, result.method, (unsigned)result.pc);
	}
	imago_vm_destroy(vm);
	assert_int_equal(allocator.used, 0);
	return told ? 0 : 1;
}

static void
bytecodes_do_as_told_in_both_loops(void **state)
{
	(void)state;
	int num_wrong = 0;
	int num_rows = 0;
	FILE *stream = fopen("tests/interp/bytecode_rows.txt", "r");
	assert_non_null(stream);
	size_t size = fread(rows, 1, sizeof rows - 1, stream);
	(void)fclose(stream);
	assert_true(size > 0 && size < sizeof rows - 1);
	rows[size] = '\0';
	const char *next = strstr(rows, "\ncode ");
	assert_non_null(next);
	const int shared = (int)(next - rows) + 1;
	for (; next != NULL; next = strstr(next + 1, "\ncode "), num_rows++) {
		row one;
		int num_run = 0;
		read_row(next + 1, &one);
		for (size_t i = 0; i < 2 * (size_t)NUM_TEST_LAYOUTS; i++) {
			bool careful = i >= NUM_TEST_LAYOUTS;
			if (careful && (one.value[0] == '\0' || strcmp(one.kind, "all") == 0)) {
				break; /* the other set's code is not for all */
			}
			write_text(&one, shared, careful);
			int wrong = run_row(&one, &test_layouts[i % NUM_TEST_LAYOUTS]);
			num_run += wrong >= 0;
			num_wrong += wrong > 0;
		}
		if (num_run == 0) {
			fail_msg("for no layout: %s", one.code);
		}
	}
	assert_true(num_rows > 100);
	assert_int_equal(num_wrong, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bytecodes_do_as_told_in_both_loops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* primitive_rows_test.c: rows_*.txt: primitives called with right and wrong receivers and
 * arguments, in every layout. primitive_rows.txt says how rows are written; each group of
 * rows becomes one method of an image of its own, which quits with the number of the first row
 * that is not as told. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "assembled_cases.h"
#include "imago/byte_order.h"
#include "imago/kernel.h"
#include "imago/known_objects.h"
#include "imago/walk.h"
#include "small_image.h"

enum {
	MAX_TEXT = 1 << 18,
	MAX_LINE = 512,
	MAX_OPERANDS = 8,
	MAX_CALLED = 96, /* primitives and numbers of arguments in one group */
	FUEL = 200000,
	SPUR_IMMUTABLE = 23,
};

static char source[MAX_TEXT];
static char text[MAX_TEXT];

typedef struct called {
	char key[64];
	int num_args;
} called;

/* A group of rows: where it is, and what was made of it so far. */
typedef struct group {
	char title[MAX_CASE_NAME];
	called called[MAX_CALLED];
	int num_called;
	int num_rows;
	const char *rows[64];
	char body[MAX_TEXT / 4];
	bool v3;
} group;

__attribute__((format(printf, 3, 4))) static void
append(char *to, size_t size, const char *format, ...)
{
	size_t used = strlen(to);
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(to + used, size - used, format, arguments);
	va_end(arguments);
	assert_true(length >= 0 && (size_t)length < size - used);
}

/* "p61a:b:", or the pattern with its names: "p61a: u0 b: u1". Named primitives lend their name. */
static void
selector_of(const called *one, bool pattern, char *out, size_t size)
{
	const char *name = strchr(one->key, ' ');
	out[0] = '\0';
	append(out, size, "%s%s%s", name != NULL ? "" : "p", name != NULL ? name + 1 : one->key,
	       one->num_args > 0 ? "" : " ");
	for (int i = 0; i < one->num_args; i++) {
		append(out, size, "%c:", 'a' + i);
		if (pattern) {
			append(out, size, " u%d ", i);
		}
	}
}

static const called *
remember_called(group *g, const char *key, int num_args)
{
	for (int i = 0; i < g->num_called; i++) {
		if (strcmp(g->called[i].key, key) == 0 && g->called[i].num_args == num_args) {
			return &g->called[i];
		}
	}
	assert_true(g->num_called < MAX_CALLED && strlen(key) < sizeof g->called[0].key);
	called *one = &g->called[g->num_called++];
	strcpy(one->key, key);
	one->num_args = num_args;
	return one;
}

/* Each method stores why its primitive failed: in the bytecodes of its set. */
static void
define_called(group *g)
{
	for (int i = 0; i < g->num_called; i++) {
		char pattern[MAX_LINE];
		const called *one = &g->called[i];
		selector_of(one, true, pattern, sizeof pattern);
		for (int sista = 0; sista < 2; sista++) {
			append(text, sizeof text, "where %s\nmethod Object %s| code\n\tprimitive %s\n",
			       sista ? "sista" : "all", pattern, one->key);
			append(text, sizeof text, "\tbytes %d %d\n", sista ? 245 : 129,
			       sista ? one->num_args : 64 + one->num_args);
			append(text, sizeof text,
			       "\tpush Failure . send new . push code . send code: . return\n");
		}
		append(text, sizeof text, "where all\n");
	}
}

static char *
trimmed(char *start)
{
	while (isspace((unsigned char)*start)) {
		start++;
	}
	size_t length = strlen(start);
	while (length > 0 && isspace((unsigned char)start[length - 1])) {
		start[--length] = '\0';
	}
	return start;
}

/* Parts at commas outside quotes. */
static int
split(char *operands, char **parts)
{
	int count = 0;
	bool quoted = false;
	char *start = operands;
	for (char *p = operands;; p++) {
		quoted = quoted != (*p == '\'');
		if (*p == '\0' || (*p == ',' && !quoted)) {
			bool last = *p == '\0';
			*p = '\0';
			assert_true(count < MAX_OPERANDS);
			parts[count++] = trimmed(start);
			start = p + 1;
			if (last) {
				return count;
			}
		}
	}
}

static char *
last_of(char *line, const char *what)
{
	char *found = NULL;
	for (char *p = strstr(line, what); p != NULL; p = strstr(p + 1, what)) {
		found = p;
	}
	return found;
}

/* Pushes an operand. Numbers of 19 digits are more than the assembler takes. */
static void
push_operand(char *out, size_t size, const char *operand)
{
	const char *digits = *operand == '-' ? operand + 1 : operand;
	if (strlen(digits) == 19 && strspn(digits, "0123456789") == 19) {
		const char *sign = digits == operand ? "" : "-";
		append(out, size, "\tpush %s%.10s . push 1000000000 . send *\n", sign, digits);
		append(out, size, "\tpush %s%ld . send +\n", sign, strtol(digits + 10, NULL, 10));
	} else {
		append(out, size, "\tpush %s\n", operand);
	}
}

/* What is expected of what lies on the stack: it is cut off the line. */
static void
expect(group *g, char *line, char *after, size_t size)
{
	char *fails = last_of(line, " fails");
	char *equals = last_of(line, " = ");
	after[0] = '\0';
	if (fails != NULL) {
		const char *code = trimmed(fails + strlen(" fails"));
		if (*code == '\0' || g->v3) {
			append(after, size, "\tsend isFailure\n");
		} else {
			append(after, size, "\tsend code . push %s . send same:\n", code);
		}
		*fails = '\0';
	} else if (equals != NULL) {
		push_operand(after, size, trimmed(equals + strlen(" = ")));
		append(after, size, "\tsend same:\n");
		*equals = '\0';
	} else {
		fail_msg("%s: a row without an end: %s", g->title, line);
	}
}

/* What the loop answers itself, once a send has found its method: these are called twice. */
static bool
is_answered_in_the_loop(const char *key)
{
	static const char *const keys[] = {"60",  "61",  "62",  "63",  "64",  "171",
	                                   "201", "202", "206", "207", "208", "256"};
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		if (strcmp(key, keys[i]) == 0) {
			return true;
		}
	}
	return false;
}

static void
add_row(group *g, const char *row)
{
	char line[MAX_LINE];
	char after[MAX_LINE];
	char selector[MAX_LINE];
	char *operands[MAX_OPERANDS];
	assert_true(strlen(row) < sizeof line);
	strcpy(line, row);
	char *start = trimmed(line);
	if (strncmp(start, "do ", 3) == 0) {
		append(g->body, sizeof g->body, "\t%s\n", start + 3);
		return;
	}
	assert_true(g->num_rows + 1 < 64);
	g->rows[++g->num_rows] = row;
	expect(g, start, after, sizeof after);
	if (strncmp(start, "is ", 3) == 0) {
		append(g->body, sizeof g->body, "\t%s\n", start + 3);
	} else {
		char *colon = strstr(start, ": ");
		assert_non_null(colon);
		*colon = '\0';
		int count = split(colon + 1, operands);
		selector_of(remember_called(g, start, count - 1), false, selector, sizeof selector);
		for (int times = is_answered_in_the_loop(start) ? 2 : 1; times > 0; times--) {
			for (int i = 0; i < count; i++) {
				push_operand(g->body, sizeof g->body, operands[i]);
			}
			append(g->body, sizeof g->body, "\tsend %s\n%s", selector, times > 1 ? "\tdrop\n" : "");
		}
	}
	append(g->body, sizeof g->body,
	       "%s\tjumpTrue row%d . push self . push %d . send exitWith: . drop\nrow%d:\n", after,
	       g->num_rows, g->num_rows, g->num_rows);
}

static void
freeze_object(imago_heap *heap, imago_oop oop)
{
	uint8_t *at = imago_heap_writable_bytes(heap, oop, 8);
	assert_non_null(at);
	uint64_t header = imago_load_u64(at, heap->layout.byte_order);
	imago_store_u64(at, header | UINT64_C(1) << SPUR_IMMUTABLE, heap->layout.byte_order);
}

static bool
begins_with_frozen(const imago_heap *heap, const imago_object *object)
{
	return object->kind == IMAGO_OBJECT_ORDINARY && object->body_kind == IMAGO_BODY_BITS8 &&
	       object->num_slots * heap->layout.word_bytes >= 8 &&
	       memcmp(imago_heap_bytes(heap, object->body, 6), "frozen", 6) == 0;
}

static bool
is_boxed(const imago_heap *heap, const imago_object *object, double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof bits);
	if (object->kind != IMAGO_OBJECT_ORDINARY || object->body_kind != IMAGO_BODY_BITS32 ||
	    object->num_slots * heap->layout.word_bytes != 8) {
		return false;
	}
	uint64_t found =
	    imago_load_u64(imago_heap_bytes(heap, object->body, 8), heap->layout.byte_order);
	return found == bits || (found << 32 | found >> 32) == bits;
}

/* Objects that rows want read-only (Spur): byte objects that begin with "frozen", the class with
 * such a name and its method dictionary, and the Float 1.25 where it is an object. */
static void
freeze(imago_heap *heap)
{
	enum { METHODS = 1, NAME = 6 };
	imago_walker walker;
	imago_object object;
	imago_object name;
	if (heap->model != IMAGO_SPUR) {
		return;
	}
	imago_walk_init(&walker, heap, NULL);
	while (imago_walk_next(&walker, &object)) {
		if (begins_with_frozen(heap, &object) || is_boxed(heap, &object, 1.25)) {
			freeze_object(heap, object.oop);
		}
		if (object.kind == IMAGO_OBJECT_ORDINARY && object.body_kind == IMAGO_BODY_POINTERS &&
		    object.num_slots > NAME &&
		    imago_heap_decode_object(heap, imago_heap_fetch_slot(heap, &object, NAME), &name,
		                             NULL) == IMAGO_OK &&
		    begins_with_frozen(heap, &name)) {
			freeze_object(heap, object.oop);
			freeze_object(heap, imago_heap_fetch_slot(heap, &object, METHODS));
		}
	}
	assert_int_equal(walker.status, IMAGO_OK);
}

static bool
lend(void *payload, const char *name, const uint8_t **bytes, uint64_t *size)
{
	(void)payload;
	*bytes = (const uint8_t *)"lent bytes";
	*size = strcmp(name, "empty") == 0 ? 0 : 10;
	return strcmp(name, "lent") == 0 || strcmp(name, "empty") == 0;
}

/* Runs what was made of a group; false: it is not for that layout. */
static bool
run_text(group *g, const test_layout *layout, int *num_wrong)
{
	imago_allocator allocator;
	imago_assembled assembled;
	imago_error error;
	imago_vm *vm;
	imago_vm_result result;
	const imago_vm_options options = {
	    .growth = 1 << 20, .eden_bytes = 1 << 16, .open_file = lend, .image_name = "told.image"};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(layout, &allocator);
	assert_non_null(builder);
	/* Without a table of words the machine tells the numbers of failures. */
	if (!g->v3) {
		imago_builder_set_special(builder, IMAGO_SPECIAL_PRIMITIVE_ERROR_TABLE,
		                          imago_builder_nil(builder));
	}
	if (imago_assemble(builder, text, IMAGO_BYTECODES_BY_FORMAT, NULL, &assembled, &allocator,
	                   &error) != IMAGO_OK) {
		const char *line = text;
		for (uint64_t i = 1; i < error.found; i++) {
			line += strcspn(line, "\n") + 1;
		}
		fail_msg("%s, %s: %s: %.*s", layout->name, g->title, error.what, (int)strcspn(line, "\n"),
		         line);
	}
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	if (assembled.entry_method == 0) {
		imago_heap_destroy(heap);
		return false;
	}
	make_active(heap, assembled.entry_method, assembled.entry_offset, assembled.entry_temps);
	freeze(heap);
	assert_int_equal(imago_vm_create(&vm, heap, &options, &allocator, &error), IMAGO_OK);
	imago_heap_destroy(heap);
	imago_vm_run(vm, FUEL, &result);
	if (result.end != IMAGO_VM_QUIT || result.exit_status != 0) {
		bool told = result.end == IMAGO_VM_QUIT && result.exit_status <= g->num_rows;
		print_error("%s, %s: %s (%s, pc %u): %.*s\n", layout->name, g->title, result.reason,
		            result.method, (unsigned)result.pc,
		            told ? (int)strcspn(g->rows[result.exit_status], "\n") : 0,
		            told ? g->rows[result.exit_status] : "");
		++*num_wrong;
	}
	imago_vm_destroy(vm);
	assert_int_equal(allocator.used, 0);
	return true;
}

/* The lines of a group, which ends where the next one begins. */
static bool
run_group(const char *shared, size_t num_shared, char *lines, const test_layout *layout,
          int *num_wrong)
{
	static group g;
	char where[64] = "all";
	g = (group){.v3 = layout->model == IMAGO_V3};
	char *next = lines;
	for (bool first = true; *next != '\0'; first = false) {
		char *end = strchr(next, '\n');
		char *line = next;
		next = end != NULL ? end + 1 : next + strlen(next);
		if (end != NULL) {
			*end = '\0';
		}
		char *content = trimmed(line);
		if (first) {
			(void)snprintf(g.title, sizeof g.title, "%s", content + strlen("rows "));
		} else if (strncmp(content, "where ", 6) == 0) {
			(void)snprintf(where, sizeof where, "%s", content + 6);
		} else if (*content != '\0' && *content != ';') {
			add_row(&g, content);
		}
	}
	assert_true(g.num_rows > 0);
	if (strcmp(where, "narrow") == 0) {
		if (layout->model != IMAGO_SPUR || layout->layout.word_bytes != 4) {
			return false;
		}
		strcpy(where, "spur");
	}
	text[0] = '\0';
	append(text, sizeof text, "%.*s", (int)num_shared, shared);
	define_called(&g);
	/* The context that an image begins with is too small for a large method: it would run with
	 * care, and the loop would answer nothing itself. */
	append(text, sizeof text, "where %s\nmethod Test rows | a b c d\n\tlarge\n%s\treturn self\n",
	       where, g.body);
	append(text, sizeof text,
	       "method Test run\nentry\n\tpush Test . send new . send rows . drop\n"
	       "\tpush self . push 0 . send exitWith:\n");
	return run_text(&g, layout, num_wrong);
}

static size_t
read_text(const char *path, char *to)
{
	FILE *stream = fopen(path, "r");
	assert_non_null(stream);
	size_t size = fread(to, 1, MAX_TEXT - 1, stream);
	(void)fclose(stream);
	assert_true(size > 0 && size < MAX_TEXT - 1);
	to[size] = '\0';
	return size;
}

/* All groups of a file, in every layout. */
static void
run_file(const char *path)
{
	static char shared[MAX_TEXT];
	static char copy[MAX_TEXT];
	int num_wrong = 0;
	int num_groups = 0;
	size_t num_shared = read_text("tests/interp/primitive_rows.txt", shared);
	(void)read_text(path, source);
	const char *next = strstr(source, "\nrows ");
	while (next != NULL) {
		const char *start = next + 1;
		next = strstr(start, "\nrows ");
		size_t length = next != NULL ? (size_t)(next - start) : strlen(start);
		int num_run = 0;
		for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
			memcpy(copy, start, length);
			copy[length] = '\0';
			num_run += run_group(shared, num_shared, copy, &test_layouts[i], &num_wrong) ? 1 : 0;
		}
		num_groups++;
		if (num_run == 0) {
			fail_msg("for no layout: %.60s", start);
		}
	}
	assert_true(num_groups > 5);
	assert_int_equal(num_wrong, 0);
}

static void
of_numbers(void **state)
{
	(void)state;
	run_file("tests/interp/rows_numbers.txt");
}

static void
of_elements(void **state)
{
	(void)state;
	run_file("tests/interp/rows_elements.txt");
}

static void
of_objects(void **state)
{
	(void)state;
	run_file("tests/interp/rows_objects.txt");
}

static void
of_blocks_and_contexts(void **state)
{
	(void)state;
	run_file("tests/interp/rows_contexts.txt");
}

static void
of_the_machine(void **state)
{
	(void)state;
	run_file("tests/interp/rows_system.txt");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(of_numbers),     cmocka_unit_test(of_elements),
	    cmocka_unit_test(of_objects),     cmocka_unit_test(of_blocks_and_contexts),
	    cmocka_unit_test(of_the_machine),
	};
	return cmocka_run_group_tests_name("primitives answer and fail as told", tests, NULL, NULL);
}

#include "assembled_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "imago/kernel.h"
#include "imago/known_objects.h"
#include "imago/method.h"
#include "small_image.h"

enum {
	CONTEXT_PC = 1,
	CONTEXT_STACKP = 2,
	CONTEXT_METHOD = 3,
	CONTEXT_RECEIVER = 5,
	CONTEXT_FIXED = 6,
	FUEL = 20000,
};

static const struct {
	const char *word;
	imago_vm_end end;
} ends[] = {
    {"quit", IMAGO_VM_QUIT},           {"fuel", IMAGO_VM_FUEL},     {"idle", IMAGO_VM_IDLE},
    {"violation", IMAGO_VM_VIOLATION}, {"memory", IMAGO_VM_MEMORY},
};

/* "ends WORD REST" */
static void
read_end(assembled_case *one, const char *line, size_t length)
{
	char word[16] = "";
	char rest[MAX_CASE_NAME] = "";
	char copy[MAX_CASE_NAME + 32];
	assert_true(length < sizeof copy);
	memcpy(copy, line, length);
	copy[length] = '\0';
	assert_true(sscanf(copy, "ends %15s %95[^\n]", word, rest) >= 1);
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		if (strcmp(word, ends[i].word) == 0) {
			one->end = ends[i].end;
			one->exit_status = one->end == IMAGO_VM_QUIT ? atoi(rest) : 0;
			memcpy(one->reason, rest, sizeof one->reason);
			return;
		}
	}
	fail_msg("%s: no such end: %s", one->name, copy);
}

void
assembled_file_read(assembled_file *file, const char *path)
{
	FILE *stream = fopen(path, "r");
	assert_non_null(stream);
	size_t size = fread(file->bytes, 1, MAX_CASE_FILE - 1, stream);
	(void)fclose(stream);
	assert_true(size > 0 && size < MAX_CASE_FILE - 1);
	file->bytes[size] = '\0';
	file->num_cases = 0;
	const char *next = strstr(file->bytes, "\ncase ");
	assert_non_null(next);
	file->shared = (size_t)(next - file->bytes) + 1;
	while (next != NULL) {
		assert_true(file->num_cases < MAX_CASES);
		assembled_case *one = &file->cases[file->num_cases++];
		const char *name = next + strlen("\ncase ");
		const char *end = strchr(name, '\n');
		assert_true(end != NULL && (size_t)(end - name) < MAX_CASE_NAME);
		memcpy(one->name, name, (size_t)(end - name));
		one->name[end - name] = '\0';
		one->text = strchr(end + 1, '\n');
		assert_non_null(one->text);
		read_end(one, end + 1, (size_t)(one->text - end - 1));
		one->flags = 0;
		if (strncmp(one->text, "\nflags ", strlen("\nflags ")) == 0) {
			one->flags = strtoul(one->text + strlen("\nflags "), NULL, 10);
			one->text = strchr(one->text + 1, '\n');
		}
		next = strstr(one->text, "\ncase ");
		one->length = next != NULL ? (size_t)(next - one->text) + 1 : strlen(one->text);
	}
}

imago_oop
slot_of(const imago_heap *heap, imago_oop oop, uint64_t index)
{
	imago_object object;
	imago_error error;
	assert_int_equal(imago_heap_decode_object(heap, oop, &object, &error), IMAGO_OK);
	assert_true(index < object.num_slots);
	return imago_heap_fetch_slot(heap, &object, index);
}

static imago_oop
integer(const imago_heap *heap, int64_t value)
{
	imago_oop oop;
	assert_true(imago_oop_from_integer(heap->tagging, value, &oop));
	return oop;
}

void
make_active(imago_heap *heap, imago_oop method, uint32_t offset, uint8_t num_temps)
{
	imago_object context;
	imago_object object;
	imago_error error;
	imago_oop association = imago_special_object_at(heap, IMAGO_SPECIAL_SCHEDULER_ASSOCIATION);
	imago_oop process = slot_of(heap, slot_of(heap, association, 1), 1);
	assert_int_equal(imago_heap_decode_object(heap, slot_of(heap, process, 1), &context, &error),
	                 IMAGO_OK);
	assert_int_equal(imago_heap_decode_object(heap, method, &object, &error), IMAGO_OK);
	int64_t first = (int64_t)imago_method_decode(heap, &object).first_bytecode;
	imago_heap_store_slot(heap, &context, CONTEXT_PC, integer(heap, first + offset + 1));
	imago_heap_store_slot(heap, &context, CONTEXT_STACKP, integer(heap, num_temps));
	imago_heap_store_slot(heap, &context, CONTEXT_METHOD, method);
	for (uint64_t i = CONTEXT_FIXED; i < context.num_slots; i++) {
		imago_heap_store_slot(heap, &context, i, imago_heap_nil(heap));
	}
}

static imago_heap *
assemble(const assembled_file *file, const assembled_case *one, const test_layout *layout,
         imago_allocator *allocator)
{
	static char text[MAX_CASE_FILE];
	imago_assembled assembled;
	imago_error error;
	assert_true(file->shared + one->length < sizeof text);
	memcpy(text, file->bytes, file->shared);
	memcpy(text + file->shared, one->text, one->length);
	text[file->shared + one->length] = '\0';
	imago_builder *builder = test_builder(layout, allocator);
	assert_non_null(builder);
	if (imago_assemble(builder, text, IMAGO_BYTECODES_BY_FORMAT, NULL, &assembled, allocator,
	                   &error) != IMAGO_OK) {
		fail_msg("%s, %s: %s (line %u of the shared text and the case)", layout->name, one->name,
		         error.what, (unsigned)error.found);
	}
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	if (assembled.entry_method == 0) {
		imago_heap_destroy(heap);
		return NULL;
	}
	make_active(heap, assembled.entry_method, assembled.entry_offset, assembled.entry_temps);
	heap->header.flags |= one->flags;
	return heap;
}

bool
assembled_case_run(const assembled_file *file, const assembled_case *one, const test_layout *layout)
{
	imago_allocator allocator;
	imago_error error;
	imago_vm *vm;
	imago_vm_result result;
	const imago_vm_options options = {.growth = 1 << 20, .eden_bytes = 1 << 16};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = assemble(file, one, layout, &allocator);
	if (heap == NULL) {
		return false;
	}
	assert_int_equal(imago_vm_create(&vm, heap, &options, &allocator, &error), IMAGO_OK);
	imago_heap_destroy(heap);
	imago_vm_run(vm, FUEL, &result);
	if (result.end != one->end || result.exit_status != one->exit_status ||
	    (one->end != IMAGO_VM_QUIT &&
	     strncmp(result.reason, one->reason, strlen(one->reason)) != 0)) {
		fail_msg("%s, %s: %s, status %d (%s, pc %u)", layout->name, one->name, result.reason,
		         result.exit_status, result.method, (unsigned)result.pc);
	}
	imago_vm_destroy(vm);
	assert_int_equal(allocator.used, 0);
	return true;
}

void
assembled_file_run(const assembled_file *file)
{
	for (size_t k = 0; k < file->num_cases; k++) {
		size_t num_run = 0;
		for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
			num_run += assembled_case_run(file, &file->cases[k], &test_layouts[i]) ? 1 : 0;
		}
		if (num_run == 0) {
			fail_msg("%s: for no layout", file->cases[k].name);
		}
	}
}

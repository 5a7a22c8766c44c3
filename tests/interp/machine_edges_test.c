/* machine_edges_test.c: the machine as its caller sees it: images that it does not begin with,
 * images that save themselves, memory that is too small, and what is told of the end of a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "assembled_cases.h"
#include "imago/kernel.h"
#include "imago/known_objects.h"
#include "small_image.h"

enum { FUEL = 200000, NO_LIMIT = 0 };

static const char shared[] = "class Test Object\n"
                             "where sista\nclass CompiledBlock CompiledMethod %code\nwhere all\n"
                             "method Object exit: status\n\tprimitive 113\n\treturn self\n"
                             "method Object == other\n\tprimitive 110\n\treturn nil\n"
                             "method Behavior new\n\tprimitive 70\n\treturn nil\n"
                             "method Behavior new: size\n\tprimitive 71\n\treturn nil\n"
                             "method Object save\n\tprimitive 97\n\treturn self\n"
                             "method Object save: name\n\tprimitive 97\n\tpush 7 . return\n"
                             "method Object put: byte\n\tprimitive 249\n\tpush 7 . return\n"
                             "method Object copy\n\tprimitive 148\n\treturn nil\n"
                             "method Object collect\n\tprimitive 130\n\tpush 7 . return\n"
                             "method Object specials\n\tprimitive 129\n\treturn nil\n"
                             "method Object at: index put: value\n\tprimitive 61\n\treturn nil\n"
                             "method Object allObjects\n\tprimitive 178\n\tpush nil . return\n";

typedef struct caller {
	bool keeps; /* what is saved */
	int num_saved;
	imago_oop saved_top; /* of the stack of the saved process's context */
	imago_oop true_object;
	char printed[32];
	size_t num_printed;
} caller;

static imago_heap *
image_of(const char *code, const test_layout *layout, imago_allocator *allocator)
{
	char text[4096];
	imago_assembled assembled;
	imago_error error;
	(void)snprintf(text, sizeof text, "%s%s", shared, code);
	imago_builder *builder = test_builder(layout, allocator);
	if (imago_assemble(builder, text, IMAGO_BYTECODES_BY_FORMAT, NULL, &assembled, allocator,
	                   &error) != IMAGO_OK) {
		fail_msg("%s (line %u)", error.what, (unsigned)error.found);
	}
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	make_active(heap, assembled.entry_method, assembled.entry_offset, assembled.entry_temps);
	return heap;
}

static imago_oop
active_process(const imago_heap *heap)
{
	imago_oop association = imago_special_object_at(heap, IMAGO_SPECIAL_SCHEDULER_ASSOCIATION);
	return slot_of(heap, slot_of(heap, association, 1), 1);
}

static void
keep_printed(void *payload, const uint8_t *bytes, size_t size)
{
	caller *c = payload;
	assert_true(size < sizeof c->printed - c->num_printed);
	memcpy(c->printed + c->num_printed, bytes, size);
	c->num_printed += size;
}

/* The context that goes on in the saved image has true on its stack. */
static bool
take_saved(void *payload, const imago_heap *heap)
{
	enum { CONTEXT = 1, STACKP = 2, FIXED = 6 };
	caller *c = payload;
	imago_oop context = slot_of(heap, active_process(heap), CONTEXT);
	int64_t depth = imago_oop_integer(heap->tagging, slot_of(heap, context, STACKP));
	c->num_saved++;
	c->saved_top = slot_of(heap, context, FIXED + (uint64_t)depth - 1);
	c->true_object = imago_special_object_at(heap, IMAGO_SPECIAL_TRUE);
	return c->keeps;
}

static void
run(const char *code, const test_layout *layout, imago_vm_options options, imago_vm_result *result)
{
	imago_allocator allocator;
	imago_error error;
	imago_vm *vm;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = image_of(code, layout, &allocator);
	options.growth = options.growth > 0 ? options.growth : 1 << 20;
	options.eden_bytes = options.eden_bytes > 0 ? options.eden_bytes : 1 << 14;
	assert_int_equal(imago_vm_create(&vm, heap, &options, &allocator, &error), IMAGO_OK);
	imago_heap_destroy(heap);
	imago_vm_run(vm, FUEL, result);
	imago_vm_result again;
	imago_vm_run(vm, FUEL, &again);
	if (result->end != IMAGO_VM_FUEL) {
		assert_int_equal(again.end, result->end);
		assert_string_equal(again.reason, result->reason);
	}
	imago_vm_destroy(vm);
	assert_int_equal(allocator.used, 0);
}

/* ---- Images that save themselves. */

static const char saves[] = "method Test run | r\nentry\n"
                            "\tpush self . send save . pop r\n"
                            "\tpush r . push false . send == . jumpTrue goesOn\n"
                            "\tpush r . push nil . send == . jumpTrue notSaved\n"
                            "\tpush self . push 1 . send exit:\n"
                            "goesOn:\n\tpush self . push 2 . send exit:\n"
                            "notSaved:\n\tpush self . push 3 . send exit:\n";

static void
an_image_is_told_whether_it_was_saved(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		caller c = {.keeps = true};
		imago_vm_result result;
		imago_vm_options options = {.save = take_saved, .payload = &c};
		run(saves, &test_layouts[i], options, &result);
		assert_int_equal(result.end, IMAGO_VM_QUIT);
		assert_int_equal(result.exit_status, 2);
		assert_int_equal(c.num_saved, 1);
		assert_int_equal(c.saved_top, c.true_object);
		c.keeps = false;
		run(saves, &test_layouts[i], options, &result);
		assert_int_equal(result.exit_status, 3);
		assert_int_equal(c.num_saved, 2);
		options.save = NULL;
		run(saves, &test_layouts[i], options, &result);
		assert_int_equal(result.exit_status, 2);
		run("method Test run\nentry\n\tpush self . push self . push 'x' . send save: . send "
		    "exit:\n",
		    &test_layouts[i], options, &result);
		assert_int_equal(result.exit_status, 7);
	}
}

/* Nobody has room for what would be saved: the run ends. */
static void
a_snapshot_without_memory_ends_the_run(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		caller c = {.keeps = true};
		imago_allocator allocator;
		imago_error error;
		imago_vm *vm;
		imago_vm_result result;
		const imago_vm_options options = {
		    .growth = 1 << 20, .eden_bytes = 1 << 14, .save = take_saved, .payload = &c};
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = image_of(saves, &test_layouts[i], &allocator);
		assert_int_equal(imago_vm_create(&vm, heap, &options, &allocator, &error), IMAGO_OK);
		imago_heap_destroy(heap);
		allocator.budget = allocator.used;
		imago_vm_run(vm, FUEL, &result);
		assert_int_equal(result.end, IMAGO_VM_MEMORY);
		assert_string_equal(result.reason, "no room for a snapshot");
		assert_int_equal(c.num_saved, 0);
		imago_vm_destroy(vm);
		assert_int_equal(allocator.used, 0);
	}
}

static void
a_status_that_is_none_is_0(void **state)
{
	(void)state;
	imago_vm_result result;
	const imago_vm_options options = {.growth = 1 << 20};
	run("method Test run\nentry\n\tpush self . push 'x' . send exit:\n", &test_layouts[0], options,
	    &result);
	assert_int_equal(result.end, IMAGO_VM_QUIT);
	assert_int_equal(result.exit_status, 0);
	run("method Test run\nentry\n\tpush self . push -1 . send exit:\n", &test_layouts[0], options,
	    &result);
	assert_int_equal(result.exit_status, 255);
}

/* ---- What is printed. */

static void
bytes_are_printed_and_nothing_else(void **state)
{
	(void)state;
	caller c = {.num_printed = 0};
	imago_vm_result result;
	const imago_vm_options options = {.print = keep_printed, .payload = &c};
	run("method Test run\nentry\n\tpush self . push 104 . send put: . push 105 . send put: . drop\n"
	    "\tpush self . push self . push 256 . send put: . send exit:\n",
	    &test_layouts[0], options, &result);
	assert_int_equal(result.exit_status, 7);
	assert_int_equal(c.num_printed, 2);
	assert_memory_equal(c.printed, "hi", 2);
}

/* ---- Memory that is too small. */

static const struct {
	const char *code, *reason;
} hungry[] = {
    {"method Test run | a\nentry\nagain:\n\tpush a . array 100 . arrayOf 2 . pop a\n\tjump again\n",
     "the memory is full"},
    {"method Test run | a\nentry\nagain:\n\tpush a . push Array . push 100 . send new: . arrayOf 2 "
     ". "
     "pop a\n\tjump again\n",
     "the memory is full"},
    {"method Test run\nentry\n\tpush Test . send new . send run\n", "the memory is full"},
    {"method Test run | a\nentry\n\tpush 'text' . pop a\nagain:\n"
     "\tpush a . push Array . push 2000 . send new: . send copy . arrayOf 2 . pop a\n\tjump "
     "again\n",
     "the memory is full"},
    {"method Test run | a\nentry\n\tpush nil . pop a\nagain:\n"
     "\tblock copy a . push a . end . pop a\n\tjump again\n",
     "the memory is full"},
    {"method Test run | a\nentry\nagain:\n\tpush a . push self . send allObjects . arrayOf 2 . pop "
     "a\n"
     "\tjump again\n",
     "the memory is full"},
};

static void
a_full_memory_ends_the_run(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		for (size_t k = 0; k < sizeof hungry / sizeof hungry[0]; k++) {
			imago_vm_result result;
			const imago_vm_options options = {.growth = 1 << 15, .eden_bytes = 1 << 12};
			if (strstr(hungry[k].code, "block") != NULL && test_layouts[i].image_format == 6502) {
				continue; /* blocks are contexts that the image makes */
			}
			run(hungry[k].code, &test_layouts[i], options, &result);
			if (result.end != IMAGO_VM_MEMORY || strcmp(result.reason, hungry[k].reason) != 0) {
				fail_msg("%s, %s: %s (%d)", test_layouts[i].name, hungry[k].code, result.reason,
				         (int)result.end);
			}
		}
	}
}

/* A collection that the allocator has no tables for fails, and the image goes on. */
static void
a_collection_without_tables_fails(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_error error;
		imago_vm *vm;
		imago_vm_result result;
		const imago_vm_options options = {.growth = 1 << 20, .eden_bytes = 1 << 14};
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = image_of(
		    "method Test run\nentry\n\tpush self . push self . send collect . send exit:\n",
		    &test_layouts[i], &allocator);
		assert_int_equal(imago_vm_create(&vm, heap, &options, &allocator, &error), IMAGO_OK);
		imago_heap_destroy(heap);
		allocator.budget = allocator.used;
		assert_false(imago_vm_collect(vm, false));
		assert_false(imago_vm_collect(vm, true));
		imago_vm_run(vm, FUEL, &result);
		assert_int_equal(result.end, IMAGO_VM_QUIT);
		assert_int_equal(result.exit_status, 7);
		imago_heap *saved = NULL;
		assert_int_equal(imago_vm_snapshot(vm, &saved, &allocator, &error), IMAGO_ENOMEM);
		assert_null(saved);
		allocator.budget = IMAGO_UNLIMITED;
		imago_vm_destroy(vm);
		assert_int_equal(allocator.used, 0);
	}
}

/* ---- Images that the machine does not begin with. */

static void
store(imago_heap *heap, imago_oop oop, uint64_t index, imago_oop value)
{
	imago_object object;
	imago_error error;
	assert_int_equal(imago_heap_decode_object(heap, oop, &object, &error), IMAGO_OK);
	imago_heap_store_slot(heap, &object, index, value);
}

static void
lose_association(imago_heap *heap)
{
	imago_object specials;
	assert_int_equal(imago_special_objects_find(heap, &specials, NULL), IMAGO_OK);
	imago_heap_store_slot(heap, &specials, IMAGO_SPECIAL_SCHEDULER_ASSOCIATION,
	                      imago_heap_nil(heap));
}

static void
lose_context_class(imago_heap *heap)
{
	imago_object specials;
	assert_int_equal(imago_special_objects_find(heap, &specials, NULL), IMAGO_OK);
	imago_heap_store_slot(heap, &specials, IMAGO_SPECIAL_CLASS_CONTEXT, imago_heap_nil(heap));
}

static void
lose_scheduler(imago_heap *heap)
{
	store(heap, imago_special_object_at(heap, IMAGO_SPECIAL_SCHEDULER_ASSOCIATION), 1,
	      imago_heap_nil(heap));
}

static void
lose_process(imago_heap *heap)
{
	imago_oop association = imago_special_object_at(heap, IMAGO_SPECIAL_SCHEDULER_ASSOCIATION);
	store(heap, slot_of(heap, association, 1), 1, imago_heap_nil(heap));
}

static void
lose_context(imago_heap *heap)
{
	store(heap, active_process(heap), 1, imago_heap_nil(heap));
}

static void
lose_method(imago_heap *heap)
{
	store(heap, slot_of(heap, active_process(heap), 1), 3, imago_heap_nil(heap));
}

static void
lose_pc(imago_heap *heap)
{
	store(heap, slot_of(heap, active_process(heap), 1), 1, imago_heap_nil(heap));
}

static void
images_without_somebody_to_go_on_are_refused(void **state)
{
	(void)state;
	static const struct {
		void (*lose)(imago_heap *heap);
		const char *what;
	} losses[] = {
	    {lose_association, "active process"}, {lose_scheduler, "active process"},
	    {lose_process, "active process"},     {lose_context_class, "active process"},
	    {lose_context, "suspended context"},  {lose_method, "suspended context"},
	    {lose_pc, "suspended context"},
	};
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		for (size_t k = 0; k < sizeof losses / sizeof losses[0]; k++) {
			imago_allocator allocator;
			imago_error error = {.what = ""};
			imago_vm *vm;
			const imago_vm_options options = {.growth = NO_LIMIT};
			imago_allocator_init(&allocator, IMAGO_UNLIMITED);
			imago_heap *heap =
			    image_of("method Test run\nentry\n\tpush self\n", &test_layouts[i], &allocator);
			losses[k].lose(heap);
			assert_int_equal(imago_vm_create(&vm, heap, &options, &allocator, &error),
			                 IMAGO_ESTRUCTURE);
			assert_string_equal(error.what, losses[k].what);
			assert_null(vm);
			imago_heap_destroy(heap);
			assert_int_equal(allocator.used, 0);
		}
	}
}

/* A run that ended where there is no process any more is no image. */
static void
an_image_without_a_process_is_not_saved(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_error error = {.what = ""};
	imago_vm *vm;
	imago_vm_result result;
	imago_heap *saved = NULL;
	const imago_vm_options options = {.growth = 1 << 20, .eden_bytes = 1 << 14};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap =
	    image_of("method Test run\nentry\n\tpush self . send specials . push 4 . push nil"
	             " . send at:put: . drop\n\tpush self . push 5 . send exit:\n",
	             &test_layouts[0], &allocator);
	assert_int_equal(imago_vm_create(&vm, heap, &options, &allocator, &error), IMAGO_OK);
	imago_heap_destroy(heap);
	imago_vm_run(vm, FUEL, &result);
	assert_int_equal(result.exit_status, 5);
	assert_int_equal(imago_vm_snapshot(vm, &saved, &allocator, &error), IMAGO_ESTRUCTURE);
	assert_string_equal(error.what, "active process");
	assert_null(saved);
	imago_vm_destroy(vm);
	assert_int_equal(allocator.used, 0);
}

/* ---- Why a primitive failed. */

/* Where the image has a table of words, its method is told the word. */
static void
the_word_for_a_failure_is_the_one_of_the_table(void **state)
{
	(void)state;
	static const char code[] =
	    "method Object at: index\n\tprimitive 60\n\treturn nil\n"
	    "method Object failing | code\n\tprimitive 60\n\tbytes %d %d\n"
	    "\tpush code . return\n"
	    "method Test run | word\nentry\n"
	    "\tpush self . send failing . pop word\n"
	    "\tpush self . send specials . push 52 . send at: . push 4 . send at:\n"
	    "\tpush word . send == . jumpTrue same\n"
	    "\tpush self . push 1 . send exit:\nsame:\n"
	    "\tpush self . push 2 . send exit:\n";
	static const struct {
		const char *layout;
		int byte, operand;
	} ways[] = {{"spur64-68533", 245, 0}, {"spur64", 129, 64}, {"spur32be", 129, 64}};
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		char text[1024];
		imago_vm_result result;
		const imago_vm_options options = {.growth = 1 << 20};
		(void)snprintf(text, sizeof text, code, ways[i].byte, ways[i].operand);
		run(text, test_layout_find(ways[i].layout), options, &result);
		assert_int_equal(result.end, IMAGO_VM_QUIT);
		assert_int_equal(result.exit_status, 2);
	}
}

/* ---- What is told of the end. */

static void
the_method_of_the_end_is_named(void **state)
{
	(void)state;
	static const struct {
		const char *code, *method;
	} ends[] = {
	    {"method Test go\n\tbytes 126\nmethod Test run\nentry\n\tpush Test . send new . send go\n",
	     "Test>>go"},
	    {"method Test class go\n\tbytes 126\nmethod Test run\nentry\n\tpush Test . send go\n",
	     "Test class>>go"},
	    {"method Object go\n\tbytes 126\nmethod Test run\nentry\n\tpush Test . send go\n",
	     "Object>>go"},
	    {"method Object g\001\377\n\tbytes 126\nmethod Test run\nentry\n\tpush Test . send "
	     "g\001\377\n",
	     "Object>>g??"},
	};
	for (size_t k = 0; k < sizeof ends / sizeof ends[0]; k++) {
		for (size_t i = 0; i < 2; i++) {
			imago_vm_result result;
			const imago_vm_options options = {.growth = 1 << 20};
			run(ends[k].code, test_layout_find(i == 0 ? "spur64" : "v3"), options, &result);
			assert_int_equal(result.end, IMAGO_VM_VIOLATION);
			assert_string_equal(result.reason, "an unused bytecode");
			assert_string_equal(result.method, ends[k].method);
			assert_true(result.pc > 0);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_image_is_told_whether_it_was_saved),
	    cmocka_unit_test(a_snapshot_without_memory_ends_the_run),
	    cmocka_unit_test(a_status_that_is_none_is_0),
	    cmocka_unit_test(bytes_are_printed_and_nothing_else),
	    cmocka_unit_test(a_full_memory_ends_the_run),
	    cmocka_unit_test(a_collection_without_tables_fails),
	    cmocka_unit_test(images_without_somebody_to_go_on_are_refused),
	    cmocka_unit_test(an_image_without_a_process_is_not_saved),
	    cmocka_unit_test(the_word_for_a_failure_is_the_one_of_the_table),
	    cmocka_unit_test(the_method_of_the_end_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* admitted_code_test.c: code is looked at once, before it is first executed; what becomes of it
 * later is noticed all the same: methods that change under way, contexts that are not as their code
 * leaves them. In every layout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "assembled_cases.h"
#include "imago/vm.h"
#include "small_image.h"

enum {
	CONTEXT_STACKP = 2,
	FUEL = 20000,
	PRIMITIVE_AT_PUT = 61,
	PRIMITIVE_INST_VAR_AT = 73,
	PRIMITIVE_INST_VAR_AT_PUT = 74,
	NUM_LITERALS = 4, /* of each method here */
	RETURN_SELF = 120,
};

#define CODE(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static imago_oop
method_of(imago_builder *builder, uint8_t num_args, uint16_t primitive, const uint8_t *bytecodes,
          size_t size)
{
	const imago_builder_method method = {
	    .num_literals = NUM_LITERALS,
	    .num_args = num_args,
	    .num_temps = num_args,
	    .primitive = primitive,
	    .bytecodes = bytecodes,
	    .num_bytecodes = size,
	};
	return imago_builder_new_method(
	    builder, imago_builder_class(builder, IMAGO_KERNEL_COMPILED_METHOD), &method);
}

static imago_oop
symbol(imago_builder *builder, const char *name)
{
	return imago_builder_new_string(builder, imago_builder_class(builder, IMAGO_KERNEL_BYTE_SYMBOL),
	                                name);
}

/* A selector under which a class has a primitive. */
static imago_oop
install_primitive(imago_builder *builder, imago_kernel_class cls, const char *name,
                  uint8_t num_args, uint16_t primitive)
{
	imago_oop selector = symbol(builder, name);
	imago_oop method = method_of(builder, num_args, primitive, CODE(RETURN_SELF));
	imago_builder_install_method(builder, imago_builder_class(builder, cls), selector, method);
	return selector;
}

/* Finishes the image and runs the method in it, which must come to its end. */
static void
expect_end(imago_builder *builder, imago_oop method, imago_allocator *allocator,
           uint64_t num_bytecodes, const char *reason)
{
	imago_error error;
	imago_vm *vm;
	imago_vm_result result;
	const imago_vm_options options = {.growth = 1 << 20, .eden_bytes = 1 << 16};
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	make_active(heap, method, 0, 0);
	assert_int_equal(imago_vm_create(&vm, heap, &options, allocator, &error), IMAGO_OK);
	imago_heap_destroy(heap);
	imago_vm_run(vm, FUEL, &result);
	assert_int_equal(result.end, IMAGO_VM_VIOLATION);
	assert_string_equal(result.reason, reason);
	assert_int_equal(imago_vm_statistics_of(vm).num_bytecodes, num_bytecodes);
	imago_vm_destroy(vm);
	assert_int_equal(allocator->used, 0);
}

/* self at: the place of "push self" put: pop. The stack is empty there. */
static void
a_method_that_changes_itself_is_looked_at_anew(void **state)
{
	enum { POP = 135, PLACE = 5 };
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_builder *builder = test_builder(&test_layouts[i], &allocator);
		assert_non_null(builder);
		imago_oop at_put = install_primitive(builder, IMAGO_KERNEL_COMPILED_METHOD, "at:put:", 2,
		                                     PRIMITIVE_AT_PUT);
		imago_oop method =
		    method_of(builder, 0, 0, CODE(33, 34, 35, 240, POP, 112, POP, RETURN_SELF));
		int64_t first = test_layouts[i].layout.word_bytes * (1 + NUM_LITERALS) + 1;
		imago_builder_store(builder, method, 1, at_put);
		imago_builder_store(builder, method, 2, method);
		imago_builder_store(builder, method, 3, imago_builder_integer(builder, first + PLACE));
		imago_builder_store(builder, method, 4, imago_builder_integer(builder, POP));
		expect_end(builder, method, &allocator, PLACE + 1, "the stack is empty");
	}
}

/* self foo, where foo empties the stack of its sender: thisContext sender instVarAt: 3 put: 0. */
static void
a_context_whose_stack_was_changed_is_run_with_care(void **state)
{
	enum { SENDER = 118, BYTECODES_OF_FOO = 8 };
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_builder *builder = test_builder(&test_layouts[i], &allocator);
		assert_non_null(builder);
		imago_oop at = install_primitive(builder, IMAGO_KERNEL_CONTEXT, "instVarAt:", 1,
		                                 PRIMITIVE_INST_VAR_AT);
		imago_oop at_put = install_primitive(builder, IMAGO_KERNEL_CONTEXT, "instVarAt:put:", 2,
		                                     PRIMITIVE_INST_VAR_AT_PUT);
		imago_oop selector = symbol(builder, "foo");
		imago_oop foo =
		    method_of(builder, 0, 0, CODE(137, SENDER, 225, 34, 117, 243, 135, RETURN_SELF));
		imago_builder_store(builder, foo, 2, at);
		imago_builder_store(builder, foo, 3, imago_builder_integer(builder, CONTEXT_STACKP + 1));
		imago_builder_store(builder, foo, 4, at_put);
		imago_builder_install_method(
		    builder, imago_builder_class(builder, IMAGO_KERNEL_UNDEFINED_OBJECT), selector, foo);
		/* nil, nil foo, and both away again: there is only one left. */
		imago_oop method = method_of(builder, 0, 0, CODE(115, 115, 208, 135, 135, RETURN_SELF));
		imago_builder_store(builder, method, 1, selector);
		expect_end(builder, method, &allocator, 3 + BYTECODES_OF_FOO + 2, "the stack is empty");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_method_that_changes_itself_is_looked_at_anew),
	    cmocka_unit_test(a_context_whose_stack_was_changed_is_run_with_care),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "assembler_texts.h"

#include <stdio.h>
#include <string.h>

#include "small_image.h"

__attribute__((format(printf, 2, 3))) static void
append(char text[MAX_TEXT], const char *format, ...)
{
	size_t used = strlen(text);
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(text + used, MAX_TEXT - used, format, arguments);
	va_end(arguments);
	assert_true(length >= 0 && (size_t)length < MAX_TEXT - used);
}

void
write_text(char out[MAX_TEXT], const repetition *what)
{
	out[0] = '\0';
	append(out, "%s", what->begin);
	for (int i = 0; i < what->count; i++) {
		append(out, "%s", what->part);
		if (what->rest != NULL) {
			append(out, "%d%s", what->first + i, what->rest);
		}
	}
	append(out, "%s", what->end);
}

static imago_builder *
begin(const char *layout_name, imago_allocator *allocator)
{
	const test_layout *layout = test_layout_find(layout_name);
	assert_non_null(layout);
	imago_allocator_init(allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(layout, allocator);
	assert_non_null(builder);
	return builder;
}

imago_status
assemble(const char *layout_name, const char *text, imago_error *error)
{
	imago_allocator allocator;
	imago_assembled assembled;
	imago_builder *builder = begin(layout_name, &allocator);
	imago_status status = imago_assemble(builder, text, IMAGO_BYTECODES_BY_FORMAT, NULL, &assembled,
	                                     &allocator, error);
	imago_builder_destroy(builder);
	assert_no_leak(&allocator);
	return status;
}

void
expect_refusal(const char *layout_name, const char *text, const char *complaint, uint64_t line)
{
	imago_error error = {.what = "nothing"};
	if (assemble(layout_name, text, &error) != IMAGO_EUSAGE || strcmp(error.what, complaint) != 0 ||
	    error.found != line) {
		fail_msg("%s: %s (line %u), expected %s (line %u)", layout_name, error.what,
		         (unsigned)error.found, complaint, (unsigned)line);
	}
}

void
assemble_code(assembled_code *out, const char *layout_name, const char *text)
{
	imago_error error;
	imago_object object;
	imago_builder *builder = begin(layout_name, &out->allocator);
	if (imago_assemble(builder, text, IMAGO_BYTECODES_BY_FORMAT, NULL, &out->assembled,
	                   &out->allocator, &error) != IMAGO_OK) {
		fail_msg("%s: %s (line %u)", layout_name, error.what, (unsigned)error.found);
	}
	out->heap = test_finish(builder);
	assert_ok(imago_heap_decode_object(out->heap, out->assembled.entry_method, &object, &error),
	          &error);
	out->method = imago_method_decode(out->heap, &object);
	out->size = out->method.end - out->method.first_bytecode;
	out->bytes = imago_heap_bytes(out->heap, object.body + out->method.first_bytecode, out->size);
	assert_non_null(out->bytes);
}

void
release_code(assembled_code *code)
{
	imago_heap_destroy(code->heap);
	assert_no_leak(&code->allocator);
}

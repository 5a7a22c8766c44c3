/* kernel.c: images that run, assembled from the library's own text. */
#include "imago/kernel.h"

#include <string.h>

#include "builder_private.h"

/* The text of kernel/, as one string (CMakeLists.txt makes it). */
extern const char imago_kernel_text[];

static const char *const programs[] = {
    "hello", "loop",      "sends", "allocation", "blocks", "floats",
    "large", "processes", "timer", "objects",    "files",  "unwinding",
};

enum {
	NUM_PROGRAMS = sizeof programs / sizeof programs[0],
	PROCESS_CONTEXT = 1,
	SCHEDULER_ACTIVE = 1,
	ASSOCIATION_VALUE = 1,
	CONTEXT_PC = 1,
	CONTEXT_STACKP = 2,
	CONTEXT_METHOD = 3,
	CONTEXT_RECEIVER = 5,
	CONTEXT_FIXED = 6,
	PROGRAM_ROUNDS = 0,
};

const char *
imago_kernel_program(uint32_t index)
{
	return index < NUM_PROGRAMS ? programs[index] : NULL;
}

/* The literals that a method's header counts. */
static uint32_t
num_literals(imago_builder *builder, imago_oop method)
{
	imago_oop header = imago_builder_fetch(builder, method, 0);
	uint64_t fields = (uint64_t)imago_oop_integer(builder->tagging, header);
	return (uint32_t)(builder_is_spur(builder) ? fields & 0x7FFF : fields >> 9 & 0xFF);
}

/* The active process is in the program's method, behind what it saved itself with: true, the result
 * of that, is on its stack. */
static void
set_active(imago_builder *builder, const imago_assembled *assembled, uint32_t rounds)
{
	imago_oop processor =
	    imago_builder_fetch(builder, builder->special_objects, IMAGO_SPECIAL_SCHEDULER_ASSOCIATION);
	imago_oop scheduler = imago_builder_fetch(builder, processor, ASSOCIATION_VALUE);
	imago_oop process = imago_builder_fetch(builder, scheduler, SCHEDULER_ACTIVE);
	imago_oop context = imago_builder_fetch(builder, process, PROCESS_CONTEXT);
	imago_oop program = imago_builder_new_pointers(builder, assembled->program_class, 1);
	imago_builder_store(builder, program, PROGRAM_ROUNDS,
	                    imago_builder_integer(builder, rounds > 0 ? rounds : 1));
	int64_t pc =
	    (int64_t)builder->layout.word_bytes * (1 + num_literals(builder, assembled->entry_method)) +
	    1 + assembled->entry_offset;
	imago_builder_store(builder, context, CONTEXT_PC, builder_small(builder, pc));
	imago_builder_store(builder, context, CONTEXT_STACKP,
	                    builder_small(builder, assembled->entry_temps + 1));
	imago_builder_store(builder, context, CONTEXT_METHOD, assembled->entry_method);
	imago_builder_store(builder, context, CONTEXT_RECEIVER, program);
	for (uint32_t i = 0; i < assembled->entry_temps; i++) {
		imago_builder_store(builder, context, CONTEXT_FIXED + i, builder->nil);
	}
	imago_builder_store(builder, context, CONTEXT_FIXED + (uint64_t)assembled->entry_temps,
	                    builder->true_object);
}

imago_status
imago_kernel_make(imago_heap **out, const imago_kernel_options *options, imago_allocator *allocator,
                  imago_error *error)
{
	const imago_builder_options builder_options = {.image_format = options->image_format,
	                                               .byte_order = options->byte_order};
	imago_builder *builder = NULL;
	imago_assembled assembled;
	*out = NULL;
	imago_status status =
	    builder_create_with(&builder, &builder_options, builder_make_bare_kernel, allocator, error);
	if (status == IMAGO_OK) {
		status = imago_assemble(builder, imago_kernel_text, options->bytecodes, options->program,
		                        &assembled, allocator, error);
	}
	if (status == IMAGO_OK && (assembled.program_class == 0 || assembled.entry_method == 0)) {
		status = imago_fail(error, IMAGO_EUNSUPPORTED, "program of that name in this format",
		                    IMAGO_NO_OFFSET, options->image_format, 0);
	}
	if (status == IMAGO_OK) {
		set_active(builder, &assembled, options->rounds);
		status = imago_builder_finish(builder, out, error);
	}
	imago_builder_destroy(builder);
	return status;
}

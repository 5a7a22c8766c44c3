/* corpus.c: the recipes joined, and the way from a recipe to a file. */
#include "corpus.h"

#include <stdio.h>
#include <string.h>

#include "imago/composed_image.h"
#include "imago/image_header.h"
#include "imago/layered_image.h"
#include "imago/spur_image.h"
#include "imago/v3_image.h"
#include "imago/writer.h"

enum {
	HOLDER_SLOTS = 24,
	CONTEXT_SLOTS = 22,
	FREE_LIST_BYTES = 64, /* a list of three … */
	FIRST_GAP = 0x100,
};

/* … and three large chunks, the tree's root and its children. */
static const uint64_t large_chunks[] = {560, 520, 600};

static const corpus_recipe *const tables[] = {
    corpus_header_recipes, corpus_object_recipes,   corpus_root_recipes,
    corpus_class_recipes,  corpus_slot_recipes,     corpus_code_recipes,
    corpus_space_recipes,  corpus_composed_recipes, corpus_layered_recipes,
};

const corpus_recipe *
corpus_recipe_at(size_t index)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (const corpus_recipe *row = tables[i]; row->rule != NULL; row++) {
			if (index-- == 0) {
				return row;
			}
		}
	}
	return NULL;
}

static unsigned
kind_of(const test_layout *layout)
{
	if (layout->model == IMAGO_SPUR) {
		return layout->layout.word_bytes == 8 ? CORPUS_SPUR64 : CORPUS_SPUR32;
	}
	return layout->image_format == 6502 ? CORPUS_V3_OLD : CORPUS_V3_CLOSURES;
}

static bool
mask_applies(unsigned layouts, const test_layout *layout)
{
	bool big = layout->layout.byte_order == IMAGO_BIG_ENDIAN;
	bool many_sets = imago_format_number_find(layout->image_format)->multiple_bytecode_sets;
	return (layouts & kind_of(layout)) != 0 &&
	       !((layouts & CORPUS_ONE_BYTECODE_SET) != 0 && many_sets) &&
	       !((layouts & CORPUS_MANY_BYTECODE_SETS) != 0 && !many_sets) &&
	       !((layouts & CORPUS_LITTLE_ENDIAN) != 0 && big) &&
	       !((layouts & CORPUS_BIG_ENDIAN) != 0 && !big);
}

bool
corpus_applies(const corpus_recipe *recipe, const test_layout *layout)
{
	return mask_applies(recipe->layouts, layout);
}

const test_layout *
corpus_committed_layout(const corpus_recipe *recipe)
{
	if ((recipe->needs & CORPUS_LAYERED) != 0) {
		return NULL;
	}
	static const char *const smallest_first[] = {"v3",     "v3-6502",  "spur32",
	                                             "spur64", "spur32be", "spur64be"};
	for (size_t i = 0; i < sizeof(smallest_first) / sizeof(smallest_first[0]); i++) {
		const test_layout *layout = test_layout_find(smallest_first[i]);
		if (corpus_applies(recipe, layout)) {
			return layout;
		}
	}
	return NULL;
}

imago_format_id
corpus_format(const corpus_recipe *recipe, const test_layout *layout)
{
	if ((recipe->needs & CORPUS_LAYERED) != 0) {
		return IMAGO_FORMAT_LAYERED;
	}
	return (recipe->needs & CORPUS_COMPOSED) != 0 ? IMAGO_FORMAT_COMPOSED : test_format_of(layout);
}

static imago_oop
hold(corpus_case *here, uint64_t *count, imago_oop object)
{
	imago_builder_store(here->builder, here->fixture.holder, (*count)++, object);
	return object;
}

static imago_oop
pointers(corpus_case *here, imago_kernel_class which, uint64_t num_slots)
{
	return imago_builder_new_pointers(here->builder, corpus_class(here, which), num_slots);
}

static imago_oop
small(corpus_case *here, int64_t value)
{
	return imago_builder_integer(here->builder, value);
}

static void
make_plain_objects(corpus_case *here, uint64_t *held)
{
	corpus_fixture *fixture = &here->fixture;
	imago_builder *builder = here->builder;
	imago_oop bytes = corpus_class(here, IMAGO_KERNEL_BYTE_ARRAY);
	imago_oop object = corpus_class(here, IMAGO_KERNEL_OBJECT);
	fixture->pair_class = imago_builder_new_class(builder, object, "Pair", 2, IMAGO_FORMAT_FIXED);
	fixture->odd_class =
	    imago_builder_new_class(builder, fixture->pair_class, "Odd", 1, IMAGO_FORMAT_FIXED);
	fixture->mixed_class = imago_builder_new_class(builder, object, "Mixed", 1, IMAGO_FORMAT_MIXED);
	fixture->array = hold(here, held, pointers(here, IMAGO_KERNEL_ARRAY, 8));
	fixture->five = hold(here, held, pointers(here, IMAGO_KERNEL_ARRAY, 5));
	fixture->string =
	    imago_builder_new_string(builder, corpus_class(here, IMAGO_KERNEL_BYTE_STRING), "a string");
	fixture->bytes = hold(here, held, imago_builder_new_bits(builder, bytes, 8));
	fixture->no_bytes = hold(here, held, imago_builder_new_bits(builder, bytes, 0));
	hold(here, held, fixture->string);
	fixture->pair = hold(here, held, imago_builder_new_pointers(builder, fixture->pair_class, 2));
	fixture->odd = hold(here, held, imago_builder_new_pointers(builder, fixture->odd_class, 3));
	fixture->mixed = hold(here, held, imago_builder_new_pointers(builder, fixture->mixed_class, 3));
	fixture->association = hold(here, held, pointers(here, IMAGO_KERNEL_ASSOCIATION, 2));
	fixture->lone = pointers(here, IMAGO_KERNEL_OBJECT, 0);
	fixture->lone_array = pointers(here, IMAGO_KERNEL_ARRAY, 3);
}

static void
make_code(corpus_case *here, uint64_t *held)
{
	static const uint8_t bytecodes[] = {112, 135, 120}; /* push self; pop; return self */
	corpus_fixture *fixture = &here->fixture;
	imago_builder *builder = here->builder;
	imago_builder_method method = {
	    .num_literals = 2, .bytecodes = bytecodes, .num_bytecodes = sizeof(bytecodes)};
	int64_t pc = here->layout->layout.word_bytes * 3 + 1;
	fixture->selector = hold(
	    here, held,
	    imago_builder_new_string(builder, corpus_class(here, IMAGO_KERNEL_BYTE_SYMBOL), "broken"));
	fixture->method = hold(here, held,
	                       imago_builder_new_method(
	                           builder, corpus_class(here, IMAGO_KERNEL_COMPILED_METHOD), &method));
	imago_builder_store(builder, fixture->method, 1, fixture->selector);
	imago_builder_store(builder, fixture->method, 2, fixture->pair_class);
	imago_builder_install_method(builder, fixture->pair_class, fixture->selector, fixture->method);
	fixture->context = hold(here, held, pointers(here, IMAGO_KERNEL_CONTEXT, CONTEXT_SLOTS));
	imago_builder_store(builder, fixture->context, 1, small(here, pc));
	imago_builder_store(builder, fixture->context, 2, small(here, 0));
	imago_builder_store(builder, fixture->context, 3, fixture->method);
	if (corpus_class(here, IMAGO_KERNEL_BLOCK_CLOSURE) != 0) {
		fixture->closure = hold(here, held, pointers(here, IMAGO_KERNEL_BLOCK_CLOSURE, 3));
		imago_builder_store(builder, fixture->closure, 0, fixture->context);
		imago_builder_store(builder, fixture->closure, 1, small(here, pc));
		imago_builder_store(builder, fixture->closure, 2, small(here, 0));
	}
	if (corpus_class(here, IMAGO_KERNEL_FULL_BLOCK_CLOSURE) != 0) {
		fixture->full_closure =
		    hold(here, held, pointers(here, IMAGO_KERNEL_FULL_BLOCK_CLOSURE, 4));
		imago_builder_store(builder, fixture->full_closure, 1, fixture->method);
		imago_builder_store(builder, fixture->full_closure, 2, small(here, 0));
	}
	if (corpus_class(here, IMAGO_KERNEL_BLOCK_CONTEXT) != 0) {
		fixture->block_context =
		    hold(here, held, pointers(here, IMAGO_KERNEL_BLOCK_CONTEXT, CONTEXT_SLOTS));
		imago_builder_store(builder, fixture->block_context, 1, small(here, pc));
		imago_builder_store(builder, fixture->block_context, 2, small(here, 0));
		imago_builder_store(builder, fixture->block_context, 3, small(here, 0));
		imago_builder_store(builder, fixture->block_context, 4, small(here, pc));
		imago_builder_store(builder, fixture->block_context, 5, fixture->context);
	}
}

static void
make_leftovers(corpus_case *here)
{
	imago_builder *builder = here->builder;
	if (!here->spur) {
		return;
	}
	for (int i = 0; i < 3; i++) {
		imago_builder_add_free_chunk(builder, FREE_LIST_BYTES);
		imago_builder_add_free_chunk(builder, large_chunks[i]);
	}
	here->fixture.forwarder = imago_builder_new_forwarder(builder, here->fixture.array);
	here->fixture.other_forwarder = imago_builder_new_forwarder(builder, here->fixture.array);
}

/* Words enough that 254 of its slots, and an object of 16 bytes, end where it does. */
static imago_oop
make_last(corpus_case *here)
{
	uint64_t num_words = here->layout->layout.word_bytes == 8 ? 2 * 256 : 258;
	return imago_builder_new_bits(here->builder, corpus_class(here, IMAGO_KERNEL_BITMAP),
	                              num_words);
}

static void
make_perm(corpus_case *here, uint64_t *held)
{
	imago_builder_begin_perm(here->builder);
	here->fixture.perm_array = hold(here, held, pointers(here, IMAGO_KERNEL_ARRAY, 2));
	imago_builder_store(here->builder, here->fixture.perm_array, 0, here->fixture.holder);
	here->fixture.perm_lone = pointers(here, IMAGO_KERNEL_ARRAY, 2);
}

/* True when the recipe breaks nothing but files of a folder. */
static bool
breaks_only_files(const corpus_recipe *recipe)
{
	return recipe->needs == CORPUS_COMPOSED && recipe->build == NULL && recipe->break_heap == NULL;
}

static void
make_fixture(corpus_case *here, const corpus_recipe *recipe)
{
	uint64_t held = 0;
	imago_builder *builder = here->builder;
	here->fixture.holder = pointers(here, IMAGO_KERNEL_ARRAY, HOLDER_SLOTS);
	imago_builder_set_special(builder, IMAGO_SPECIAL_EXTERNAL_OBJECTS, here->fixture.holder);
	make_plain_objects(here, &held);
	make_code(here, &held);
	make_leftovers(here);
	if (recipe->build != NULL) {
		recipe->build(here);
		if (here->fixture.extra != 0) {
			hold(here, &held, here->fixture.extra);
		}
	}
	if ((recipe->needs & CORPUS_SEGMENTS) != 0) {
		imago_builder_next_segment(builder, FIRST_GAP);
		hold(here, &held, pointers(here, IMAGO_KERNEL_ARRAY, 1));
		imago_builder_next_segment(builder, 0);
	}
	here->fixture.last = hold(here, &held, make_last(here));
	if ((recipe->needs & CORPUS_PERM) != 0) {
		make_perm(here, &held);
	}
}

static bool
build(corpus_case *here, const corpus_recipe *recipe, imago_error *error)
{
	bool wide = here->layout->layout.word_bytes == 8;
	imago_builder_options options = {.image_format = here->layout->image_format,
	                                 .byte_order = here->layout->layout.byte_order};
	if ((recipe->needs & CORPUS_IN_PERM_RANGE) != 0) {
		options.base = wide ? IMAGO_PERM_START_64 : IMAGO_PERM_START_32;
	}
	if (imago_builder_create(&here->builder, &options, here->allocator, error) != IMAGO_OK) {
		return false;
	}
	if (!breaks_only_files(recipe)) {
		make_fixture(here, recipe);
	}
	imago_status status = imago_builder_finish(here->builder, &here->heap, error);
	imago_builder_destroy(here->builder);
	here->builder = NULL;
	return status == IMAGO_OK;
}

static imago_status
write_composed(corpus_case *here, const corpus_recipe *recipe, imago_writer *writer,
               imago_error *error)
{
	imago_status status = imago_composed_write(here->heap, &here->folder, error);
	if (status == IMAGO_OK && recipe->break_files != NULL) {
		recipe->break_files(here);
	}
	if (status == IMAGO_OK) {
		imago_folder_pack(&here->folder, writer);
		status = writer->status;
	}
	return status;
}

static imago_status
write_layered(corpus_case *here, const corpus_recipe *recipe, imago_writer *writer,
              imago_error *error)
{
	imago_writer_init(&here->file, here->allocator, here->layout->layout, error);
	imago_status status = imago_layered_write(here->heap, NULL, &here->file, error);
	if (status == IMAGO_OK) {
		recipe->break_files(here);
		imago_write_bytes(writer, here->file.bytes, here->file.size);
		status = writer->status;
	}
	imago_writer_release(&here->file);
	return status;
}

static imago_status
write_file(corpus_case *here, const corpus_recipe *recipe, imago_writer *writer, imago_error *error)
{
	switch (corpus_format(recipe, here->layout)) {
	case IMAGO_FORMAT_COMPOSED:
		return write_composed(here, recipe, writer, error);
	case IMAGO_FORMAT_LAYERED:
		return write_layered(here, recipe, writer, error);
	case IMAGO_FORMAT_V3:
		return imago_v3_write(here->heap, writer);
	default:
		return imago_spur_write(here->heap, writer);
	}
}

static bool
make(corpus_case *here, const corpus_recipe *recipe, imago_writer *writer, imago_error *error)
{
	if (!build(here, recipe, error)) {
		return false;
	}
	if (recipe->break_heap != NULL) {
		recipe->break_heap(here);
	}
	return write_file(here, recipe, writer, error) == IMAGO_OK && !here->failed;
}

test_image
corpus_make(const corpus_recipe *recipe, const test_layout *layout, imago_allocator *allocator)
{
	test_image image = {.allocator = allocator};
	imago_error error = {0};
	imago_writer writer;
	corpus_case here = {
	    .layout = layout, .allocator = allocator, .spur = layout->model == IMAGO_SPUR};
	imago_folder_init(&here.folder, allocator);
	imago_writer_init(&writer, allocator, layout->layout, &error);
	if (make(&here, recipe, &writer, &error)) {
		image.bytes = writer.bytes;
		image.size = writer.size;
		image.capacity = writer.capacity;
	} else {
		char line[256];
		imago_error_format(&error, line, sizeof(line));
		fprintf(stderr, "cannot make %s in %s: %s\n", recipe->rule, layout->name,
		        here.failed ? "the recipe is wrong" : line);
		imago_writer_release(&writer);
	}
	imago_folder_release(&here.folder);
	imago_heap_destroy(here.heap);
	return image;
}

static void
path_of(char path[CORPUS_PATH_SIZE], const char *kind, imago_format_id format, const char *name,
        const test_layout *layout)
{
	snprintf(path, CORPUS_PATH_SIZE, "%s/%s/%s.%s.%s", kind, imago_format_name(format), name,
	         layout->name, format == IMAGO_FORMAT_COMPOSED ? "bundle" : "image");
}

void
corpus_path(const corpus_recipe *recipe, const test_layout *layout, char path[CORPUS_PATH_SIZE])
{
	path_of(path, "invalid", corpus_format(recipe, layout), recipe->rule, layout);
}

/* The composed ones are little-endian: of the others composed.bigEndian has something to say. Few
 * layouts are varied, and few dense ones Spur's, to keep the corpus small. */
#define V3_LITTLE     (CORPUS_V3_CLOSURES | CORPUS_LITTLE_ENDIAN)
#define SPUR32_LITTLE (CORPUS_SPUR32 | CORPUS_LITTLE_ENDIAN)
static const corpus_valid valid_images[] = {
    {"small", CORPUS_ALL | CORPUS_ONE_BYTECODE_SET, IMAGO_FORMAT_SPUR, small_heap, NULL},
    {"varied", CORPUS_WORD_32 | CORPUS_ONE_BYTECODE_SET, IMAGO_FORMAT_SPUR, varied_heap, NULL},
    {"varied", CORPUS_SPUR64 | CORPUS_LITTLE_ENDIAN | CORPUS_ONE_BYTECODE_SET, IMAGO_FORMAT_SPUR,
     varied_heap, NULL},
    {"varied", SPUR32_LITTLE | CORPUS_ONE_BYTECODE_SET, IMAGO_FORMAT_COMPOSED, varied_heap, NULL},
    {"perm", CORPUS_SPUR | CORPUS_LITTLE_ENDIAN | CORPUS_ONE_BYTECODE_SET, IMAGO_FORMAT_COMPOSED,
     perm_heap, NULL},
    {"objects", V3_LITTLE, IMAGO_FORMAT_V3, NULL, "objects"},
    {"bits", CORPUS_V3 | CORPUS_BIG_ENDIAN, IMAGO_FORMAT_V3, NULL, "bits"},
    {"classes", V3_LITTLE, IMAGO_FORMAT_V3, NULL, "classes"},
    {"code", CORPUS_V3, IMAGO_FORMAT_V3, NULL, "code"},
    {"code", SPUR32_LITTLE | CORPUS_MANY_BYTECODE_SETS, IMAGO_FORMAT_SPUR, NULL, "code"},
    {"objects", CORPUS_SPUR32 | CORPUS_BIG_ENDIAN | CORPUS_ONE_BYTECODE_SET, IMAGO_FORMAT_SPUR,
     NULL, "objects"},
    {"spaces", CORPUS_SPUR64 | CORPUS_LITTLE_ENDIAN | CORPUS_MANY_BYTECODE_SETS, IMAGO_FORMAT_SPUR,
     NULL, "spaces"},
};

const corpus_valid *
corpus_valid_at(size_t index)
{
	return index < sizeof(valid_images) / sizeof(valid_images[0]) ? &valid_images[index] : NULL;
}

bool
corpus_valid_applies(const corpus_valid *valid, const test_layout *layout)
{
	return mask_applies(valid->layouts, layout);
}

imago_format_id
corpus_valid_format(const corpus_valid *valid, const test_layout *layout)
{
	return valid->format == IMAGO_FORMAT_COMPOSED ? IMAGO_FORMAT_COMPOSED : test_format_of(layout);
}

test_image
corpus_valid_make(const corpus_valid *valid, const test_layout *layout, imago_allocator *allocator)
{
	const imago_format_id format = corpus_valid_format(valid, layout);
	imago_heap *heap = NULL;
	const corpus_string *string;
	if (valid->make != NULL) {
		heap = valid->make(layout, allocator);
	}
	for (size_t i = 0; valid->string != NULL && (string = corpus_string_at(i)) != NULL; i++) {
		if (strcmp(string->name, valid->string) == 0) {
			heap = corpus_string_heap(string, layout, format == IMAGO_FORMAT_COMPOSED, allocator);
		}
	}
	return test_image_of(heap, format, allocator);
}

void
corpus_valid_path(const corpus_valid *valid, const test_layout *layout, char path[CORPUS_PATH_SIZE])
{
	path_of(path, "valid", corpus_valid_format(valid, layout), valid->name, layout);
}

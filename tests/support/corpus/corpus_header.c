/* corpus_header.c: recipes of header.* (the file and its header). */
#include "corpus.h"

enum { PREFIX_SIZE = 512, LARGEST_HEADER_TAIL = 104 };

/* A line for the shell, padded. */
static const uint8_t prefix[PREFIX_SIZE] = "#!/usr/bin/env imago\n";
static const uint8_t trailing[8] = "trailing";
static const uint8_t zero_tail[LARGEST_HEADER_TAIL];
static const uint8_t dirty_tail[LARGEST_HEADER_TAIL] = {0, 0, 0, 1};

static void
add_prefix(corpus_case *here)
{
	here->heap->wrapping.prefix = prefix;
	here->heap->wrapping.prefix_size = sizeof(prefix);
}

static void
add_trailing_bytes(corpus_case *here)
{
	here->heap->wrapping.trailing = trailing;
	here->heap->wrapping.trailing_size = sizeof(trailing);
}

/* The bytes between the last field and the end of a header of that size. */
static void
set_header_size(corpus_case *here, uint64_t size, const uint8_t *tail)
{
	uint64_t fields = 0;
	for (size_t i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		fields += imago_header_field_at(i, here->heap->layout.word_bytes).width;
	}
	here->heap->header.header_size = size;
	here->heap->wrapping.header_tail = tail;
	here->heap->wrapping.header_tail_size = size - fields;
}

static void
grow_header(corpus_case *here)
{
	set_header_size(here, here->heap->header.header_size + 64, zero_tail);
}

static void
dirty_header(corpus_case *here)
{
	set_header_size(here, here->heap->header.header_size, dirty_tail);
}

static void
raise_data_size(corpus_case *here)
{
	uint64_t size = corpus_field(here, "header.ston", "dataSize");
	corpus_set_field(here, "header.ston", "dataSize", size + 8);
}

static void
move_base(corpus_case *here)
{
	uint64_t base = corpus_field(here, "header.ston", "oldBaseAddr");
	corpus_set_field(here, "header.ston", "oldBaseAddr", base + 8);
}

static void
raise_first_segment_in_folder(corpus_case *here)
{
	uint64_t size = corpus_field(here, "header.ston", "firstSegSize");
	corpus_set_field(here, "header.ston", "firstSegSize", size + 8);
}

static void
set_first_segment(corpus_case *here)
{
	here->heap->header.first_segment_size = 1024;
}

static void
set_unknown_flag(corpus_case *here)
{
	here->heap->header.flags |= IMAGO_KNOWN_FLAGS + 1;
}

static void
turn_floats(corpus_case *here)
{
	here->heap->header.flags ^= IMAGO_FLAG_FLOATS_LOW_WORD_FIRST;
}

static void
clear_hash(corpus_case *here)
{
	here->heap->header.last_hash = 0;
}

static void
want_memory(corpus_case *here)
{
	here->heap->header.extra_vm_memory = UINT64_C(1) << 31;
}

static void
want_stack_pages(corpus_case *here)
{
	here->heap->header.num_stack_pages = 4097;
}

static void
want_code(corpus_case *here)
{
	here->heap->header.cog_code_size = 16 * 1024 + 1;
}

static void
want_eden(corpus_case *here)
{
	here->heap->header.eden_bytes = 1 << 30;
}

static void
want_semaphores(corpus_case *here)
{
	here->heap->header.max_ext_sem_table_size = 16385;
}

static void
miscount_free_space(corpus_case *here)
{
	here->heap->header.free_old_space += 8;
}

/* The kernel's methods are of the primary set. */
static void
add_sista_method(corpus_case *here)
{
	static const uint8_t bytecodes[] = {76, 216, 88};
	imago_builder_method method = {
	    .sista = true, .bytecodes = bytecodes, .num_bytecodes = sizeof(bytecodes)};
	here->fixture.extra = imago_builder_new_method(
	    here->builder, corpus_class(here, IMAGO_KERNEL_COMPILED_METHOD), &method);
}

const corpus_recipe corpus_header_recipes[] = {
    {.rule = "header.prefix", .layouts = CORPUS_ALL, .break_heap = add_prefix},
    {.rule = "header.trailingBytes", .layouts = CORPUS_ALL, .break_heap = add_trailing_bytes},
    {.rule = "header.size", .layouts = CORPUS_ALL, .break_heap = grow_header},
    {.rule = "header.padding", .layouts = CORPUS_ALL, .break_heap = dirty_header},
    {.rule = "header.dataSize",
     .layouts = CORPUS_SPUR,
     .needs = CORPUS_COMPOSED,
     .break_files = raise_data_size},
    {.rule = "header.baseAddress",
     .layouts = CORPUS_SPUR,
     .needs = CORPUS_COMPOSED,
     .break_files = move_base},
    {.rule = "header.firstSegment",
     .layouts = CORPUS_SPUR,
     .needs = CORPUS_COMPOSED,
     .break_files = raise_first_segment_in_folder},
    {.rule = "header.firstSegment", .layouts = CORPUS_V3, .break_heap = set_first_segment},
    {.rule = "header.flags", .layouts = CORPUS_ALL, .break_heap = set_unknown_flag},
    {.rule = "header.floatOrder",
     .layouts = CORPUS_ALL | CORPUS_LITTLE_ENDIAN,
     .break_heap = turn_floats},
    {.rule = "header.bigEndianFloats",
     .layouts = CORPUS_SPUR | CORPUS_BIG_ENDIAN,
     .break_heap = turn_floats},
    {.rule = "header.lastHash", .layouts = CORPUS_ALL, .break_heap = clear_hash},
    {.rule = "header.extraVMMemory", .layouts = CORPUS_ALL, .break_heap = want_memory},
    {.rule = "header.stackPages", .layouts = CORPUS_ALL, .break_heap = want_stack_pages},
    {.rule = "header.codeSize", .layouts = CORPUS_ALL, .break_heap = want_code},
    {.rule = "header.edenBytes", .layouts = CORPUS_ALL, .break_heap = want_eden},
    {.rule = "header.extSemaphores", .layouts = CORPUS_ALL, .break_heap = want_semaphores},
    {.rule = "header.freeSpace", .layouts = CORPUS_SPUR, .break_heap = miscount_free_space},
    {.rule = "header.bytecodeSets",
     .layouts = CORPUS_SPUR | CORPUS_ONE_BYTECODE_SET,
     .build = add_sista_method},
    {.rule = NULL},
};

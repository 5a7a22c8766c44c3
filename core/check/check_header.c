/* check_header.c: the file around the heap, and the header fields (spur.md §3, §4, §17). */
#include "check_private.h"

/* More than this is asked for by mistake or by malice; VMs clamp. */
enum {
	MOST_STACK_PAGES = 4096,
	MOST_CODE_KIB = 16 * 1024,
	MOST_EXT_SEMAPHORES = 16384,
	LEAST_ABSURD_EDEN = 1 << 30,
};
static const uint64_t least_absurd_memory = UINT64_C(1) << 31;

/* Index of a header field, in file order. */
enum {
#define IMAGO_HEADER_FIELD(member, name, width, meaning) FIELD_##member,
#include "imago/image_header.def"
#undef IMAGO_HEADER_FIELD
};

static void
report_field(check_context *context, imago_rule_id rule, size_t field, uint64_t expected)
{
	const imago_heap *heap = context->facts->heap;
	check_place place = {.offset = IMAGO_NO_OFFSET, .slot = IMAGO_NO_SLOT};
	if (heap->bridges == IMAGO_BRIDGES_MEMORY) {
		place.part = "header.ston"; /* a composed image keeps the fields as text */
		place.offset = heap->text_fields[field] > 0 ? heap->text_fields[field] : IMAGO_NO_OFFSET;
	} else {
		place.offset = heap->wrapping.prefix_size;
		for (size_t i = 0; i < field; i++) {
			place.offset += imago_header_field_at(i, heap->layout.word_bytes).width;
		}
	}
	check_report(context, rule, &place, imago_header_get(&heap->header, field), expected);
}

static void
check_wrapping(check_context *context)
{
	const imago_heap *heap = context->facts->heap;
	const imago_wrapping *wrapping = &heap->wrapping;
	uint64_t header_size = heap->header.header_size;
	uint64_t usual = heap->layout.word_bytes == 8 ? IMAGO_HEADER_SIZE_64 : IMAGO_HEADER_SIZE_32;
	check_place place = {.slot = IMAGO_NO_SLOT};
	if (wrapping->prefix_size > 0) {
		check_report(context, IMAGO_RULE_HEADER_PREFIX, &place, wrapping->prefix_size, 0);
	}
	if (wrapping->trailing_size > 0) {
		place.offset = wrapping->prefix_size + header_size + imago_heap_data_size(heap);
		check_report(context, IMAGO_RULE_HEADER_TRAILING_BYTES, &place, wrapping->trailing_size, 0);
	}
	if (header_size != usual) {
		report_field(context, IMAGO_RULE_HEADER_SIZE, FIELD_header_size, usual);
	}
	for (uint64_t i = 0; i < wrapping->header_tail_size; i++) {
		if (wrapping->header_tail[i] != 0) {
			place.offset = wrapping->prefix_size + header_size - wrapping->header_tail_size + i;
			check_report(context, IMAGO_RULE_HEADER_PADDING, &place, wrapping->header_tail[i], 0);
			return;
		}
	}
}

/* Fields that say where the heap is and how long. */
static void
check_extent(check_context *context)
{
	const imago_heap *heap = context->facts->heap;
	const imago_image_header *header = &heap->header;
	const imago_segment *first = &heap->segments[0];
	uint64_t data_size = imago_heap_data_size(heap);
	uint64_t first_size = heap->model == IMAGO_SPUR ? first->size + first->bridge_size : 0;
	if (header->data_size != data_size) {
		report_field(context, IMAGO_RULE_HEADER_DATA_SIZE, FIELD_data_size, data_size);
	}
	if (header->old_base_address != first->start) {
		report_field(context, IMAGO_RULE_HEADER_BASE_ADDRESS, FIELD_old_base_address, first->start);
	}
	if (header->first_segment_size != first_size) {
		report_field(context, IMAGO_RULE_HEADER_FIRST_SEGMENT, FIELD_first_segment_size,
		             first_size);
	}
}

/* VMs decide the word order of Floats by the flag, other readers by the format number. */
static void
check_float_order(check_context *context)
{
	const imago_heap *heap = context->facts->heap;
	const imago_format_number *number = context->facts->number;
	if (number == NULL) {
		return;
	}
	bool little = heap->layout.byte_order == IMAGO_LITTLE_ENDIAN;
	bool low_first = number->platform_floats && little;
	if (imago_heap_floats_low_word_first(heap) != low_first) {
		uint64_t others = heap->header.flags & ~(uint64_t)IMAGO_FLAG_FLOATS_LOW_WORD_FIRST;
		/* A converter that turns bytes only keeps the flag, and with it the words (spur.md §14). */
		bool kept = number->platform_floats && !little;
		report_field(context,
		             kept ? IMAGO_RULE_HEADER_BIG_ENDIAN_FLOATS : IMAGO_RULE_HEADER_FLOAT_ORDER,
		             FIELD_flags, others | (low_first ? IMAGO_FLAG_FLOATS_LOW_WORD_FIRST : 0));
	}
}

static void
check_wishes(check_context *context)
{
	const imago_image_header *header = &context->facts->heap->header;
	if ((header->flags & ~(uint64_t)IMAGO_KNOWN_FLAGS) != 0) {
		report_field(context, IMAGO_RULE_HEADER_FLAGS, FIELD_flags,
		             header->flags & IMAGO_KNOWN_FLAGS);
	}
	if (header->last_hash == 0) {
		report_field(context, IMAGO_RULE_HEADER_LAST_HASH, FIELD_last_hash, IMAGO_NOTHING_EXPECTED);
	}
	if (header->extra_vm_memory >= least_absurd_memory) {
		report_field(context, IMAGO_RULE_HEADER_EXTRA_VM_MEMORY, FIELD_extra_vm_memory,
		             IMAGO_NOTHING_EXPECTED);
	}
	if (header->num_stack_pages > MOST_STACK_PAGES) {
		report_field(context, IMAGO_RULE_HEADER_STACK_PAGES, FIELD_num_stack_pages,
		             IMAGO_NOTHING_EXPECTED);
	}
	if (header->cog_code_size > MOST_CODE_KIB) {
		report_field(context, IMAGO_RULE_HEADER_CODE_SIZE, FIELD_cog_code_size,
		             IMAGO_NOTHING_EXPECTED);
	}
	if (header->eden_bytes >= LEAST_ABSURD_EDEN) {
		report_field(context, IMAGO_RULE_HEADER_EDEN_BYTES, FIELD_eden_bytes,
		             IMAGO_NOTHING_EXPECTED);
	}
	if (header->max_ext_sem_table_size > MOST_EXT_SEMAPHORES) {
		report_field(context, IMAGO_RULE_HEADER_EXT_SEMAPHORES, FIELD_max_ext_sem_table_size,
		             IMAGO_NOTHING_EXPECTED);
	}
}

void
check_header(check_context *context)
{
	check_wrapping(context);
	if (context->facts->heap->num_segments > 0) {
		check_extent(context);
	}
	check_float_order(context);
	check_wishes(context);
}

void
check_header_after_walk(check_context *context)
{
	const check_facts *facts = context->facts;
	const imago_image_header *header = &facts->heap->header;
	if (check_is_spur(facts) && facts->all_walked &&
	    header->free_old_space != context->counters.free_bytes) {
		report_field(context, IMAGO_RULE_HEADER_FREE_SPACE, FIELD_free_old_space,
		             context->counters.free_bytes);
	}
}

void
check_header_after_scan(check_context *context)
{
	const check_facts *facts = context->facts;
	const check_counters *counters = &context->counters;
	if (check_is_spur(facts) && facts->number != NULL && !facts->number->multiple_bytecode_sets &&
	    counters->num_primary_methods > 0 && counters->num_alternate_methods > 0) {
		report_field(context, IMAGO_RULE_HEADER_BYTECODE_SETS, FIELD_image_format,
		             IMAGO_NOTHING_EXPECTED);
	}
}

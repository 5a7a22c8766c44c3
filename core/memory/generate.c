/* generate.c: a valid image of any layout from any bytes (README.md, "Images from bytes").
 *
 * Two passes over the records: the first gives every object its place, the second fills the slots,
 * so that objects may point forward. A record looks at nothing but its own bytes and what earlier
 * records made: a change of one is a change of one object.
 */
#include "generate_private.h"

#include <string.h>

enum {
	KIND_MASK = 31,
	BIT_IMMUTABLE = 32,
	BIT_ORPHAN = 64, /* nothing points to it unless other records do */
	BIT_HASH = 128,
	SPUR_IMMUTABLE_BIT = 23,
	SPUR_PINNED_BIT = 30,
	CUSTOMARY_HASH = 0x10001,
};

static const struct {
	generate_fn *function;
	const char *name;
	const char *summary;
} kinds[GENERATED_NUM_KINDS] = {
#define GENERATED_KIND(function, name, summary) {function, name, summary},
#include "generate_kinds.def"
#undef GENERATED_KIND
};

const char *
imago_generate_kind_name(unsigned kind)
{
	return kind < GENERATED_NUM_KINDS ? kinds[kind].name : NULL;
}

const char *
imago_generate_kind_summary(unsigned kind)
{
	return kind < GENERATED_NUM_KINDS ? kinds[kind].summary : NULL;
}

generated_record *
generate_find(generation *gen, generated_what what, unsigned skip)
{
	uint32_t number = gen->last[what];
	if (number == 0) {
		return NULL;
	}
	while (skip-- > 0 && gen->records[number - 1].previous != 0) {
		number = gen->records[number - 1].previous;
	}
	return &gen->records[number - 1];
}

void
generate_note(generated_record *record, generated_what what, imago_oop oop, uint64_t fill_from,
              uint64_t fill_to)
{
	record->what = (uint8_t)what;
	record->oop = oop;
	record->fill_from = fill_from;
	record->fill_to = fill_to;
}

bool
generate_in_perm(const generation *gen)
{
	return gen->builder->segments[gen->builder->current].space == IMAGO_SPACE_PERM;
}

static generated_record
decode(const uint8_t *bytes, uint64_t size, uint64_t offset)
{
	uint8_t raw[IMAGO_GENERATE_RECORD] = {0};
	if (offset < size) {
		uint64_t left = size - offset;
		memcpy(raw, bytes + offset, left < sizeof raw ? (size_t)left : sizeof raw);
	}
	generated_record record = {.kind = raw[0], .size = raw[1], .a = raw[2], .b = raw[3]};
	memcpy(record.values, raw + 4, sizeof record.values);
	return record;
}

/* Header bits and hash, for objects that may have them at will. */
static void
decorate(generation *gen, const generated_record *record)
{
	imago_builder *builder = gen->builder;
	builder_object object;
	bool spur = builder_is_spur(builder);
	bool plain = record->what != GENERATED_NOTHING && record->what != GENERATED_FORWARDER &&
	             record->what != GENERATED_CLASS;
	if (!plain || !imago_oop_is_pointer(builder->tagging, record->oop) ||
	    !builder_find(builder, record->oop, &object)) {
		return;
	}
	if ((record->kind & BIT_HASH) != 0) {
		uint32_t hash = (uint32_t)record->values[3] << 4 | (record->values[2] & 15);
		imago_builder_set_hash(builder, record->oop, spur ? hash << 10 | record->b : hash);
	}
	if ((record->kind & BIT_IMMUTABLE) != 0 && spur) {
		imago_byte_order order = builder->layout.byte_order;
		bool pinned = record->a >= 128 && !generate_in_perm(gen);
		uint64_t bits = UINT64_C(1) << (pinned ? SPUR_PINNED_BIT : SPUR_IMMUTABLE_BIT);
		imago_store_u64(object.header, imago_load_u64(object.header, order) | bits, order);
	}
}

static void
make_objects(generation *gen)
{
	for (gen->at = 0; gen->at < gen->num_records && builder_ok(gen->builder); gen->at++) {
		generated_record *record = &gen->records[gen->at];
		kinds[record->kind & KIND_MASK].function(gen, record);
		decorate(gen, record);
		record->previous = gen->last[record->what];
		gen->last[record->what] = (uint32_t)gen->at + 1;
	}
	/* What is still made belongs to old space. */
	gen->builder->current = gen->builder->old;
}

/* The processes wait in the queues of their priorities, in the order of their records. */
static void
queue_process(generation *gen, const generated_record *record, imago_oop lists)
{
	enum { FIRST, LAST, NEXT = 0, PRIORITY = 2, LIST = 3 };
	imago_builder *builder = gen->builder;
	imago_oop priority = imago_builder_fetch(builder, record->oop, PRIORITY);
	if (!builder_ok(builder)) {
		return;
	}
	uint64_t index = (uint64_t)imago_oop_integer(builder->tagging, priority) - 1;
	imago_oop list = imago_builder_fetch(builder, lists, index);
	imago_oop last = imago_builder_fetch(builder, list, LAST);
	if (last == builder->nil) {
		imago_builder_store(builder, list, FIRST, record->oop);
	} else {
		imago_builder_store(builder, last, NEXT, record->oop);
	}
	imago_builder_store(builder, list, LAST, record->oop);
	imago_builder_store(builder, record->oop, LIST, list);
}

static void
queue_processes(generation *gen)
{
	enum { NUM_PRIORITIES = 8, ASSOCIATION_VALUE = 1, SCHEDULER_LISTS = 0 };
	imago_builder *builder = gen->builder;
	if (!gen->has_process) {
		return;
	}
	imago_oop lists = imago_builder_new_pointers(
	    builder, generate_kernel_class(gen, IMAGO_KERNEL_ARRAY), NUM_PRIORITIES);
	for (uint64_t i = 0; i < NUM_PRIORITIES; i++) {
		imago_oop list = imago_builder_new_pointers(
		    builder, generate_kernel_class(gen, IMAGO_KERNEL_LINKED_LIST), 2);
		imago_builder_store(builder, lists, i, list);
	}
	imago_oop association =
	    imago_builder_fetch(builder, builder->special_objects, IMAGO_SPECIAL_SCHEDULER_ASSOCIATION);
	imago_oop scheduler = imago_builder_fetch(builder, association, ASSOCIATION_VALUE);
	imago_builder_store(builder, scheduler, SCHEDULER_LISTS, lists);
	for (size_t i = 0; i < gen->num_records; i++) {
		if (gen->records[i].what == GENERATED_PROCESS) {
			queue_process(gen, &gen->records[i], lists);
		}
	}
}

static bool
hangs_on_roots(const generated_record *record)
{
	return record->oop != 0 && record->what != GENERATED_FORWARDER &&
	       (record->kind & BIT_ORPHAN) == 0;
}

/* What no record points to hangs on the external objects, so that everything counts. */
static void
hang_up(generation *gen)
{
	imago_builder *builder = gen->builder;
	uint64_t count = 0;
	for (size_t i = 0; i < gen->num_records; i++) {
		count += hangs_on_roots(&gen->records[i]);
	}
	imago_oop roots =
	    imago_builder_new_pointers(builder, generate_kernel_class(gen, IMAGO_KERNEL_ARRAY), count);
	count = 0;
	for (size_t i = 0; i < gen->num_records; i++) {
		if (hangs_on_roots(&gen->records[i])) {
			imago_builder_store(builder, roots, count++, gen->records[i].oop);
		}
	}
	imago_builder_set_special(builder, IMAGO_SPECIAL_EXTERNAL_OBJECTS, roots);
}

static void
fill_objects(generation *gen)
{
	for (gen->at = 0; gen->at < gen->num_records && builder_ok(gen->builder); gen->at++) {
		const generated_record *record = &gen->records[gen->at];
		generate_fill(gen, record);
		if (record->special != 0) {
			imago_builder_set_special(gen->builder, (imago_special)record->special,
			                          generate_value(gen, record, 0));
		}
	}
}

/* Header fields that are wishes: whatever no VM would call absurd. */
static void
set_header(const generation *gen, imago_image_header *header)
{
	const generated_record *prefix = &gen->prefix;
	uint64_t flags = (uint64_t)prefix->a << 4 & IMAGO_KNOWN_FLAGS;
	header->flags |= flags & ~(uint64_t)IMAGO_FLAG_FLOATS_LOW_WORD_FIRST;
	header->last_hash = CUSTOMARY_HASH + prefix->b;
	header->num_stack_pages = (uint16_t)(prefix->values[0] * 16);
	header->cog_code_size = (uint16_t)(prefix->values[1] * 64);
	header->eden_bytes = (uint32_t)prefix->values[2] << 20;
	header->max_ext_sem_table_size = (uint16_t)(prefix->values[3] * 64);
	header->image_version = prefix->values[3];
}

static imago_status
make(generation *gen, imago_heap **out, imago_allocator *allocator, imago_error *error)
{
	static const uint32_t bases[] = {0, 0x10000, 0x100000, 0x4000000, 0x10000008, 0x20000000};
	imago_builder_options options = {
	    .image_format = gen->options->image_format,
	    .byte_order = gen->options->byte_order,
	    .base = bases[gen->prefix.kind % (sizeof bases / sizeof bases[0])]};
	imago_status status =
	    builder_create_with(&gen->builder, &options, generate_make_kernel, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	generate_make_roots(gen);
	make_objects(gen);
	queue_processes(gen);
	fill_objects(gen);
	hang_up(gen);
	builder_store_special_classes(gen->builder, gen->num_specials);
	status = imago_builder_finish(gen->builder, out, error);
	imago_builder_destroy(gen->builder);
	if (status == IMAGO_OK) {
		set_header(gen, &(*out)->header);
	}
	return status;
}

imago_status
imago_generate(imago_heap **out, const uint8_t *bytes, uint64_t size,
               const imago_generate_options *options, imago_allocator *allocator,
               imago_error *error)
{
	*out = NULL;
	uint64_t left = size > IMAGO_GENERATE_PREFIX ? size - IMAGO_GENERATE_PREFIX : 0;
	uint64_t num_records = left / IMAGO_GENERATE_RECORD + (left % IMAGO_GENERATE_RECORD != 0);
	if (num_records > IMAGO_GENERATE_MAX_RECORDS) {
		num_records = IMAGO_GENERATE_MAX_RECORDS;
	}
	generation gen = {.options = options, .prefix = decode(bytes, size, 0)};
	gen.num_records = (size_t)num_records;
	if (num_records > 0) {
		gen.records = imago_allocate_array(allocator, gen.num_records, sizeof(*gen.records),
		                                   "records of an image", error);
		if (gen.records == NULL) {
			return IMAGO_ENOMEM;
		}
	}
	for (size_t i = 0; i < gen.num_records; i++) {
		gen.records[i] =
		    decode(bytes, size, IMAGO_GENERATE_PREFIX + (uint64_t)i * IMAGO_GENERATE_RECORD);
	}
	imago_status status = make(&gen, out, allocator, error);
	imago_release(allocator, gen.records, gen.num_records * sizeof(*gen.records));
	return status;
}

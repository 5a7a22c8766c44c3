/* generate_space.c: what is around the objects: forwarders, free chunks, segments, permanent space,
 * special objects, what the VM hides. */
#include "generate_private.h"

enum { MOST_SEGMENTS = 8, NUM_PRIVATE_STACKS = 3, NUM_REMEMBERED_SETS = 3, ASK_STACK = 255 };

void
generate_forwarder(generation *gen, generated_record *record)
{
	imago_builder *builder = gen->builder;
	size_t back = 1 + (size_t)record->a;
	const generated_record *target = back <= gen->at ? &gen->records[gen->at - back] : NULL;
	bool object = target != NULL && target->oop != 0 &&
	              imago_oop_is_pointer(builder->tagging, target->oop) &&
	              target->what != GENERATED_FORWARDER && target->what != GENERATED_FLOAT;
	if (!builder_is_spur(builder) || generate_in_perm(gen)) {
		generate_array(gen, record);
		return;
	}
	imago_oop forwarder = imago_builder_new_forwarder(builder, object ? target->oop : builder->nil);
	generate_note(record, GENERATED_FORWARDER, forwarder, 0, 0);
}

void
generate_free_chunk(generation *gen, generated_record *record)
{
	/* Lists end at 256 (32 bits) and 512 bytes; the tree begins there. */
	static const uint16_t sizes[] = {16,  24,  32,  40,  48,  248, 256, 264,
	                                 496, 504, 512, 520, 528, 640, 600, 16};
	if (!builder_is_spur(gen->builder) || generate_in_perm(gen)) {
		generate_array(gen, record);
		return;
	}
	uint64_t bytes =
	    sizes[record->size % (sizeof sizes / sizeof sizes[0])] + 8 * (uint64_t)(record->a % 16);
	imago_builder_add_free_chunk(gen->builder, bytes);
}

void
generate_segment(generation *gen, generated_record *record)
{
	static const uint32_t gaps[] = {0, 8, 16, 0x1000, 0x10000, 0x100000, 24, 0x2000};
	if (builder_is_spur(gen->builder) && !gen->builder->has_perm &&
	    gen->num_segments + 1 < MOST_SEGMENTS) {
		imago_builder_next_segment(gen->builder, gaps[record->a % 8]);
		gen->num_segments++;
	}
	generate_array(gen, record); /* a segment holds something */
}

void
generate_perm(generation *gen, generated_record *record)
{
	if (builder_is_spur(gen->builder) && !gen->builder->has_perm && gen->options->composed) {
		/* All classes that objects may ask for later lie in old space anyhow. */
		imago_builder_begin_perm(gen->builder);
	}
	generate_array(gen, record);
}

void
generate_special(generation *gen, generated_record *record)
{
	static const uint8_t anything[] = {
	    IMAGO_SPECIAL_DISPLAY,         IMAGO_SPECIAL_SMALLTALK,
	    IMAGO_SPECIAL_PROTOTYPE_FLOAT, IMAGO_SPECIAL_PROTOTYPE_LARGE_INTEGER,
	    IMAGO_SPECIAL_PROTOTYPE_POINT, IMAGO_SPECIAL_LOW_SPACE_PROCESS,
	    IMAGO_SPECIAL_CLASS_MUTEX,     IMAGO_SPECIAL_PROCESS_IN_FOREIGN_CALL,
	};
	(void)gen;
	record->special = anything[record->a % sizeof anything];
}

/* Words that only the VM looks at, in a private root. */
static void
hide(generation *gen, uint64_t root, uint64_t num_slots)
{
	imago_builder *builder = gen->builder;
	bool wide = builder->layout.word_bytes == 8;
	imago_oop old = imago_builder_fetch(builder, builder->hidden_roots, root);
	if (!builder_ok(builder) || old != builder->nil) {
		return;
	}
	builder_shape shape = {.class_index =
	                           wide ? IMAGO_CLASS_HIDDEN_BITS64 : IMAGO_CLASS_HIDDEN_BITS32};
	imago_oop words = builder_lay_out(builder, builder->old, &shape,
	                                  wide ? IMAGO_FORMAT_BITS64 : IMAGO_FORMAT_BITS32, num_slots);
	imago_builder_store(builder, builder->hidden_roots, root, words);
	if (num_slots == IMAGO_OBJ_STACK_PAGE_SLOTS) {
		imago_builder_store(builder, words, 1, root); /* a page names its root */
	}
}

void
generate_hidden(generation *gen, generated_record *record)
{
	uint64_t first_set = (uint64_t)IMAGO_FIRST_PRIVATE_ROOT + NUM_PRIVATE_STACKS;
	if (!builder_is_spur(gen->builder)) {
		generate_array(gen, record);
	} else if (record->size == ASK_STACK) {
		hide(gen, (uint64_t)IMAGO_FIRST_PRIVATE_ROOT + record->a % NUM_PRIVATE_STACKS,
		     IMAGO_OBJ_STACK_PAGE_SLOTS);
	} else {
		hide(gen, first_set + record->a % NUM_REMEMBERED_SETS, generate_count(record->size));
	}
}

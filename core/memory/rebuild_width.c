/* rebuild_width.c: a Spur heap in the other word size, first half: which objects there will be, and
 * where (README.md, "Across word sizes").
 */
#include "rebuild_width.h"

#include "imago/walk.h"

enum { CUSTOMARY_BASE = 0x10000000 };

#define HEADER UINT64_C(8)

/* In positions, before the layout: a page of the class table. */
static const uint64_t class_table_page = IMAGO_DROPPED - 1;

/* The word behind forwarders, which may be an immediate; the word itself where they lead nowhere:
 * filling tells, if the slot counts. */
static imago_oop
word_behind(const imago_graph *graph, const imago_object *object, imago_oop word)
{
	imago_graph_value value;
	return imago_oop_is_pointer(graph->heap->tagging, word) && graph->has_forwarders &&
	               imago_graph_resolve(graph, word, object->body, &value, NULL) == IMAGO_OK
	           ? value.word
	           : word;
}

/* Boxes the immediates of an object's slots that a 4-byte word does not hold. */
static imago_status
collect_boxes(imago_width_run *width, const imago_object *object)
{
	const imago_graph *graph = &width->graph;
	imago_tagging tagging = graph->heap->tagging;
	imago_graph_role role = imago_graph_role_of(graph, object);
	uint64_t num_slots = imago_graph_live_slots(graph, object, role);
	uint64_t num_literals;
	bool has_pc = imago_graph_pc_base(graph, object, role, &num_literals) != 0;
	for (uint64_t i = object->body_kind == IMAGO_BODY_METHOD; i < num_slots; i++) {
		imago_oop word = word_behind(graph, object, imago_heap_fetch_slot(graph->heap, object, i));
		imago_oop narrow;
		bool fits = true;
		uint32_t box_class = 0;
		switch (imago_oop_kind_of(tagging, word)) {
		case IMAGO_OOP_POINTER:
			break;
		case IMAGO_OOP_INTEGER: {
			int64_t value = imago_oop_integer(tagging, word);
			fits = (has_pc && i == IMAGO_CONTEXT_PC) ||
			       imago_oop_from_integer(width->tagging, value, &narrow);
			box_class =
			    value < 0 ? IMAGO_CLASS_LARGE_NEGATIVE_INTEGER : IMAGO_CLASS_LARGE_POSITIVE_INTEGER;
			break;
		}
		case IMAGO_OOP_CHARACTER:
			if (word >> 3 >= UINT64_C(1) << 30) {
				return imago_width_fail(width, IMAGO_EUNSUPPORTED, "Character", object, 1 << 30);
			}
			break;
		case IMAGO_OOP_FLOAT:
			fits = false;
			box_class = IMAGO_CLASS_FLOAT;
			break;
		case IMAGO_OOP_INVALID:
			return imago_width_fail(width, IMAGO_EUNSUPPORTED, "tag", object, 0);
		}
		if (fits) {
			continue;
		}
		if (imago_class_table_at(&graph->classes, box_class) == 0) {
			return imago_width_fail(width, IMAGO_EUNSUPPORTED, "number without a class to box it",
			                        object, box_class);
		}
		imago_status status = imago_boxes_add(&width->boxes, word, width->run);
		if (status != IMAGO_OK) {
			return status;
		}
	}
	return IMAGO_OK;
}

/* Whether a boxed number is an immediate in the target. */
static bool
becomes_immediate(const imago_width_run *width, const imago_object *object)
{
	imago_graph_value value;
	imago_oop oop;
	if (width->tagging != IMAGO_TAGGING_SPUR64 ||
	    !imago_graph_number(&width->graph, object, &value)) {
		return false;
	}
	imago_rebuild_report *report = &width->run->report;
	if (value.kind == IMAGO_MEANS_INTEGER) {
		report->num_integers_unboxed++;
		return true;
	}
	if (imago_class_table_at(&width->graph.classes, IMAGO_CLASS_SMALL_FLOAT) == 0 ||
	    !imago_oop_from_float_bits(width->tagging, value.bits, &oop)) {
		return false;
	}
	report->num_floats_unboxed++;
	return true;
}

/* Whether the target has the object. */
static imago_status
is_kept(const imago_width_run *width, const imago_object *object, uint64_t ordinal, bool *kept)
{
	*kept = false;
	switch (object->kind) {
	case IMAGO_OBJECT_FREE:
		width->run->report.num_free_dropped++;
		return IMAGO_OK;
	case IMAGO_OBJECT_FORWARDER:
		width->run->report.num_forwarders_followed++;
		return IMAGO_OK;
	case IMAGO_OBJECT_HIDDEN:
		*kept = width->positions[ordinal] == class_table_page ||
		        object->chunk == width->known.free_lists.chunk ||
		        object->chunk == width->known.hidden_roots.chunk;
		return IMAGO_OK;
	case IMAGO_OBJECT_PUN:
		return imago_width_fail(width, IMAGO_ESTRUCTURE, "class index", object,
		                        IMAGO_CLASS_FIRST_REAL);
	case IMAGO_OBJECT_ORDINARY:
		*kept = !becomes_immediate(width, object);
		return IMAGO_OK;
	}
	return IMAGO_OK;
}

/* Gives a kept object its position. */
static imago_status
lay_out_object(imago_width_run *width, const imago_object *object, uint64_t ordinal)
{
	imago_width_shape shape;
	imago_status status = imago_width_shape_of(width, object, &shape);
	if (status == IMAGO_OK && width->tagging == IMAGO_TAGGING_SPUR32) {
		status = collect_boxes(width, object);
	}
	if (status != IMAGO_OK) {
		return status;
	}
	bool overflow = shape.num_slots >= 255;
	width->positions[ordinal] = width->num_bytes + overflow;
	width->num_bytes += (overflow ? 2 * HEADER : HEADER) + shape.body_bytes;
	return IMAGO_OK;
}

/* Marks the pages of the class table, so that the layout keeps them. */
static void
mark_pages(imago_width_run *width)
{
	const imago_object *roots = &width->known.hidden_roots;
	uint64_t num_pages = width->graph.classes.num_pages;
	for (uint64_t i = 0; i < num_pages; i++) {
		imago_oop page = imago_heap_fetch_slot(width->graph.heap, roots, i);
		uint64_t ordinal = imago_object_index_ordinal(&width->graph.index, page);
		if (ordinal != UINT64_MAX) {
			width->positions[ordinal] = class_table_page;
		}
		if (i == 0) {
			width->first_page = ordinal;
		}
	}
}

/* Closes a segment where the source does, unless it would be too small. */
static void
cut_alike(imago_rebuild_plan *plan, uint64_t position, uint64_t *last_cut)
{
	if (position - *last_cut >= IMAGO_MIN_SEGMENT_OBJECTS) {
		plan->sizes[plan->num_segments++] = position - *last_cut;
		*last_cut = position;
	}
}

static imago_status
lay_out(imago_width_run *width)
{
	imago_walker walker;
	imago_object object;
	imago_rebuild_plan *plan = &width->plan;
	bool alike = width->run->options->num_segments == 0;
	uint32_t segment = 0;
	uint64_t ordinal = 0, last_cut = 0;
	imago_walk_init(&walker, width->graph.heap, width->run->error);
	while (imago_walk_next(&walker, &object)) {
		bool kept;
		if (alike && object.segment != segment) {
			segment = object.segment;
			cut_alike(plan, width->num_bytes, &last_cut);
		}
		imago_status status = is_kept(width, &object, ordinal, &kept);
		if (status == IMAGO_OK && object.kind != IMAGO_OBJECT_FREE) {
			width->positions[ordinal] = IMAGO_DROPPED;
		}
		if (status == IMAGO_OK && kept) {
			status = lay_out_object(width, &object, ordinal);
		}
		if (status != IMAGO_OK) {
			return status;
		}
		ordinal += object.kind != IMAGO_OBJECT_FREE;
	}
	width->boxes_position = width->num_bytes;
	width->num_bytes += width->boxes.num_words * IMAGO_BOX_SIZE;
	if (alike && walker.status == IMAGO_OK) {
		if (width->num_bytes - last_cut < IMAGO_MIN_SEGMENT_OBJECTS && plan->num_segments > 0) {
			last_cut -= plan->sizes[--plan->num_segments]; /* too small: back into the last one */
		}
		plan->sizes[plan->num_segments++] = width->num_bytes - last_cut;
	}
	return walker.status;
}

/* Cuts the row of objects evenly. Boxes are objects like others. */
static imago_status
cut_evenly(imago_width_run *width)
{
	imago_rebuild_cutter cutter = {
	    .plan = &width->plan,
	    .total = width->num_bytes,
	    .wanted = width->run->options->num_segments,
	};
	for (uint64_t i = 0; i < width->graph.index.num_objects; i++) {
		if (width->positions[i] != IMAGO_DROPPED) {
			imago_rebuild_cutter_pass(&cutter, width->positions[i] & ~UINT64_C(1));
		}
	}
	for (uint64_t i = 0; i < width->boxes.num_words; i++) {
		imago_rebuild_cutter_pass(&cutter, width->boxes_position + i * IMAGO_BOX_SIZE);
	}
	return imago_rebuild_cutter_finish(&cutter, width->run);
}

/* The wanted base, else the source's where it fits, else a customary one. */
static imago_status
place_segments(imago_width_run *width)
{
	const imago_rebuild_run *run = width->run;
	const uint64_t limit = UINT64_C(1) << 32;
	imago_rebuild_plan *plan = &width->plan;
	imago_addr base = run->options->set_base ? run->options->base : run->source->segments[0].start;
	uint64_t gap = run->options->gap;
	if (run->layout.word_bytes == 4) {
		uint64_t between = IMAGO_BRIDGE_SIZE + (gap < limit ? gap : limit);
		uint64_t span = width->num_bytes + between * plan->num_segments;
		if (base >= limit || span > limit - base) {
			if (run->options->set_base) {
				return imago_fail(run->error, IMAGO_ERANGE, "base", IMAGO_NO_OFFSET, base, limit);
			}
			base = CUSTOMARY_BASE;
		}
		if (span > limit - base) {
			return imago_fail(run->error, IMAGO_EUNSUPPORTED, "size of the heap", IMAGO_NO_OFFSET,
			                  span, limit - base);
		}
	}
	imago_status status = imago_rebuild_plan_place(plan, base, gap, run);
	uint64_t position = 0;
	for (uint32_t i = 0; i < plan->num_segments; i++) {
		width->first_positions[i] = position;
		position += plan->sizes[i];
	}
	return status;
}

static imago_status
make_header(imago_width_run *width)
{
	imago_rebuild_run *run = width->run;
	imago_image_header *header = &run->target->header;
	bool narrow = run->layout.word_bytes == 4;
	if (narrow) {
		header->last_hash &= UINT32_MAX; /* the seed of a generator: any value will do */
	}
	const imago_segment *first = &run->target->segments[0];
	header->data_size = imago_heap_data_size(run->target);
	header->old_base_address = first->start;
	header->first_segment_size = first->size + first->bridge_size;
	header->free_old_space = 0;
	imago_status status = imago_width_special_objects(width, &header->special_objects_oop);
	/* A folder's text may say more than 32 bits even of fields that are as wide in both. */
	for (size_t i = 0; status == IMAGO_OK && narrow && i < IMAGO_NUM_HEADER_FIELDS; i++) {
		uint64_t value = imago_header_get(header, i);
		if (value > UINT32_MAX) {
			status = imago_fail(run->error, IMAGO_EUNSUPPORTED, imago_header_field_at(i, 4).name,
			                    IMAGO_NO_OFFSET, value, UINT32_MAX);
		}
	}
	return status;
}

/* What goes before the segments are made: their offsets depend on it. */
static imago_status
prepare_target(imago_rebuild_run *run)
{
	static const uint32_t numbers[][2] = {{6521, 68021}, {7033, 68533}};
	const imago_heap *source = run->source;
	imago_heap *target = run->target;
	bool wide = run->layout.word_bytes == 8;
	target->header = source->header;
	target->header.flags = imago_rebuild_flags(run, source->header.flags);
	target->header.header_size = wide ? IMAGO_HEADER_SIZE_64 : IMAGO_HEADER_SIZE_32;
	target->header.image_format = 0;
	for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		if (numbers[i][!wide] == source->header.image_format) {
			target->header.image_format = numbers[i][wide];
		}
	}
	if (target->header.image_format == 0) {
		return imago_fail(run->error, IMAGO_EUNSUPPORTED, "imageFormat", IMAGO_NO_OFFSET,
		                  source->header.image_format, 0);
	}
	imago_wrapping *wrapping = &target->wrapping;
	wrapping->prefix = source->wrapping.prefix;
	wrapping->prefix_size = source->wrapping.prefix_size;
	return imago_rebuild_copy_bytes(run, &wrapping->prefix, wrapping->prefix_size);
}

static imago_status
check_source(imago_width_run *width)
{
	const imago_heap *source = width->graph.heap;
	imago_known_objects *known = &width->known;
	imago_known_objects_find(source, known);
	const imago_object *roots = &known->hidden_roots;
	if (roots->chunk == 0 || roots->class_index != IMAGO_CLASS_HIDDEN_ARRAY ||
	    roots->body_kind != IMAGO_BODY_POINTERS ||
	    roots->num_slots < width->graph.classes.num_pages ||
	    known->free_lists.kind != IMAGO_OBJECT_HIDDEN || known->nil.kind != IMAGO_OBJECT_ORDINARY) {
		return imago_fail(width->run->error, IMAGO_ESTRUCTURE, "first five objects",
		                  source->segments[0].offset, roots->class_index, IMAGO_CLASS_HIDDEN_ARRAY);
	}
	mark_pages(width);
	return IMAGO_OK;
}

static imago_status
allocate(imago_width_run *width)
{
	imago_rebuild_run *run = width->run;
	uint64_t num_segments = run->options->num_segments;
	if (num_segments == 0) {
		num_segments = run->source->num_segments;
	}
	uint64_t num_objects = width->graph.index.num_objects;
	width->positions = imago_allocate_array(run->allocator, num_objects, sizeof *width->positions,
	                                        "object positions", run->error);
	if (width->positions == NULL) {
		return IMAGO_ENOMEM;
	}
	imago_status status = imago_rebuild_plan_create(&width->plan, num_segments, run);
	if (status != IMAGO_OK) {
		return status;
	}
	width->first_positions = imago_allocate_array(
	    run->allocator, num_segments, sizeof *width->first_positions, "segment plan", run->error);
	return width->first_positions != NULL ? IMAGO_OK : IMAGO_ENOMEM;
}

static void
release(imago_width_run *width)
{
	const imago_rebuild_run *run = width->run;
	imago_boxes_release(&width->boxes, run);
	imago_release(run->allocator, width->first_positions,
	              width->plan.capacity * sizeof *width->first_positions);
	imago_rebuild_plan_release(&width->plan, run);
	imago_release(run->allocator, width->positions,
	              width->graph.index.num_objects * sizeof *width->positions);
	imago_graph_release(&width->graph);
}

static imago_status
rebuild(imago_width_run *width)
{
	imago_rebuild_run *run = width->run;
	imago_status status =
	    imago_graph_create(&width->graph, run->source, run->allocator, run->error);
	if (status == IMAGO_OK) {
		status = allocate(width);
	}
	if (status == IMAGO_OK) {
		status = check_source(width);
	}
	if (status == IMAGO_OK) {
		status = lay_out(width);
	}
	if (status == IMAGO_OK && run->options->num_segments != 0) {
		status = cut_evenly(width);
	}
	if (status == IMAGO_OK) {
		status = place_segments(width);
	}
	if (status == IMAGO_OK) {
		status = imago_rebuild_make_segments(run, &width->plan);
	}
	if (status == IMAGO_OK) {
		status = imago_width_fill(width);
	}
	if (status == IMAGO_OK) {
		status = imago_heap_set_bridges(run->target, run->source->bridges, run->error);
	}
	return status == IMAGO_OK ? make_header(width) : status;
}

imago_status
imago_rebuild_other_width(imago_rebuild_run *run)
{
	const imago_heap *source = run->source;
	if (imago_rebuild_num_old_segments(source) != source->num_segments) {
		return imago_fail(run->error, IMAGO_EUNSUPPORTED, "permanent space in another word size",
		                  source->segments[source->num_segments - 1].offset,
		                  source->segments[source->num_segments - 1].start, 0);
	}
	imago_status status = prepare_target(run);
	if (status != IMAGO_OK) {
		return status;
	}
	imago_width_run width = {
	    .run = run,
	    .tagging = imago_tagging_of(IMAGO_SPUR, run->layout.word_bytes),
	    .first_page = UINT64_MAX,
	};
	status = rebuild(&width);
	release(&width);
	return status;
}

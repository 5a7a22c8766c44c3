/* tier.c: tiers from a trace, or from what objects are. */
#include "imago/tier.h"

#include "imago/class_table.h"
#include "imago/object_index.h"
#include "imago/walk.h"
#include "tier_private.h"

/* One assignment. Chunks are numbered in the order of a walk; objects, which may be pointed at, by
 * their ordinals in the index. */
typedef struct tier_run {
	const imago_heap *heap;
	imago_object_index index;
	imago_class_table classes;
	uint8_t *of_objects; /* tier by ordinal, while literals are looked for */
	imago_allocator *allocator;
	imago_error *error;
} tier_run;

static imago_status
require_number(uint64_t num_chunks, uint64_t num_tiers, imago_error *error)
{
	return num_chunks == num_tiers ? IMAGO_OK
	                               : imago_fail(error, IMAGO_EUSAGE, "number of tiers",
	                                            IMAGO_NO_OFFSET, num_tiers, num_chunks);
}

static imago_status
count_chunks(const imago_heap *heap, uint64_t num_tiers, imago_error *error)
{
	imago_census census;
	imago_status status = imago_census_take(heap, &census, error);
	return status == IMAGO_OK ? require_number(census.num_chunks, num_tiers, error) : status;
}

/* ---- By trace. */

const imago_trace_entry *
imago_trace_entry_of(const imago_trace *trace, uint64_t *next, imago_addr chunk)
{
	while (*next < trace->num_entries && trace->entries[*next].address < chunk) {
		(*next)++;
	}
	bool found = *next < trace->num_entries && trace->entries[*next].address == chunk;
	return found ? &trace->entries[*next] : NULL;
}

bool
imago_trace_is_often(const imago_trace *trace, const imago_trace_entry *entry)
{
	return (uint64_t)entry->num_runs * 2 >= trace->num_runs;
}

imago_status
imago_tiers_by_trace(const imago_heap *heap, const imago_trace *trace, uint8_t *tiers,
                     uint64_t num_tiers, imago_error *error)
{
	imago_walker walker;
	imago_object object;
	uint64_t next = 0;
	uint64_t ordinal = 0;
	imago_status status = count_chunks(heap, num_tiers, error);
	if (status != IMAGO_OK) {
		return status;
	}
	imago_walk_init(&walker, heap, error);
	while (imago_walk_next(&walker, &object)) {
		const imago_trace_entry *entry = imago_trace_entry_of(trace, &next, object.chunk);
		bool often = entry != NULL && imago_trace_is_often(trace, entry);
		tiers[ordinal++] = (uint8_t)(often           ? IMAGO_TIER_OFTEN
		                             : entry != NULL ? IMAGO_TIER_RARE
		                                             : IMAGO_TIER_READ_ONLY);
	}
	return walker.status;
}

/* ---- By class. */

enum { MAX_DEPTH = 8 /* of literal arrays in literal arrays */ };

static bool
find_object(const tier_run *run, imago_oop oop, imago_object *object, uint64_t *ordinal)
{
	if (!imago_oop_is_pointer(run->heap->tagging, oop)) {
		return false;
	}
	*ordinal = imago_object_index_ordinal(&run->index, oop);
	return *ordinal != UINT64_MAX &&
	       imago_heap_decode_object(run->heap, oop, object, NULL) == IMAGO_OK;
}

static bool
is_bits(const imago_object *object)
{
	return object->kind == IMAGO_OBJECT_ORDINARY && object->body_kind >= IMAGO_BODY_BITS8 &&
	       object->body_kind <= IMAGO_BODY_BITS64;
}

static void
raise_to(const tier_run *run, uint64_t ordinal, imago_tier tier)
{
	if (run->of_objects[ordinal] < tier) {
		run->of_objects[ordinal] = (uint8_t)tier;
	}
}

/* A literal of code: bits and arrays of literals are never written; what else it refers to holds
 * what programs change. */
static void
assign_literal(const tier_run *run, imago_oop oop, int depth)
{
	imago_object object;
	uint64_t ordinal;
	if (!find_object(run, oop, &object, &ordinal) || object.kind != IMAGO_OBJECT_ORDINARY) {
		return;
	}
	bool array = object.body_kind == IMAGO_BODY_POINTERS && object.format == IMAGO_FORMAT_INDEXABLE;
	if (!is_bits(&object) && !array) {
		raise_to(run, ordinal, IMAGO_TIER_RARE);
		return;
	}
	if (run->of_objects[ordinal] == IMAGO_TIER_READ_ONLY || depth == MAX_DEPTH) {
		return;
	}
	raise_to(run, ordinal, IMAGO_TIER_READ_ONLY);
	for (uint64_t i = 0; array && i < object.num_slots; i++) {
		assign_literal(run, imago_heap_fetch_slot(run->heap, &object, i), depth + 1);
	}
}

static void
assign_method(const tier_run *run, const imago_object *method)
{
	uint64_t num_slots = imago_heap_num_pointer_slots(run->heap, method);
	for (uint64_t i = 1; i < num_slots; i++) {
		assign_literal(run, imago_heap_fetch_slot(run->heap, method, i), 0);
	}
}

/* A class, which the class table knows; its dictionary with selectors and the array of methods. */
static void
assign_class(const tier_run *run, imago_oop cls)
{
	imago_object object;
	imago_object part;
	uint64_t ordinal;
	/* Each only once: a stranger's table may name one class four million times. */
	if (!find_object(run, cls, &object, &ordinal) || object.body_kind != IMAGO_BODY_POINTERS ||
	    run->of_objects[ordinal] != IMAGO_TIER_OFTEN) {
		return;
	}
	raise_to(run, ordinal, IMAGO_TIER_RARE);
	const imago_class_shape shape = imago_class_shape_of(run->heap, &object);
	if (!shape.is_class || !find_object(run, shape.method_dictionary, &part, &ordinal) ||
	    part.body_kind != IMAGO_BODY_POINTERS || run->of_objects[ordinal] != IMAGO_TIER_OFTEN) {
		return;
	}
	raise_to(run, ordinal, IMAGO_TIER_RARE);
	for (uint64_t i = 0; i < part.num_slots; i++) {
		imago_object held;
		if (find_object(run, imago_heap_fetch_slot(run->heap, &part, i), &held, &ordinal)) {
			bool array = held.format == IMAGO_FORMAT_INDEXABLE; /* of the methods */
			raise_to(run, ordinal,
			         is_bits(&held) ? IMAGO_TIER_READ_ONLY
			         : array        ? IMAGO_TIER_RARE
			                        : IMAGO_TIER_OFTEN);
		}
	}
}

static imago_status
assign_all(const tier_run *run)
{
	imago_walker walker;
	imago_object object;
	for (uint32_t i = 0; i < run->classes.num_entries; i++) {
		imago_addr cls = imago_class_table_at(&run->classes, i);
		if (cls != 0) {
			assign_class(run, cls);
		}
	}
	imago_walk_init(&walker, run->heap, run->error);
	while (imago_walk_next(&walker, &object)) {
		if (object.body_kind == IMAGO_BODY_METHOD && object.kind == IMAGO_OBJECT_ORDINARY) {
			raise_to(run, imago_object_index_ordinal(&run->index, object.oop),
			         IMAGO_TIER_READ_ONLY);
			assign_method(run, &object);
		}
	}
	return walker.status;
}

/* From ordinals of objects to numbers of chunks. */
static imago_status
spread(const tier_run *run, uint8_t *tiers)
{
	imago_walker walker;
	imago_object object;
	uint64_t chunk = 0;
	uint64_t ordinal = 0;
	imago_walk_init(&walker, run->heap, run->error);
	while (imago_walk_next(&walker, &object)) {
		bool is_object = object.kind != IMAGO_OBJECT_FREE && object.kind != IMAGO_OBJECT_PUN;
		tiers[chunk++] = is_object ? run->of_objects[ordinal++] : IMAGO_TIER_OFTEN;
	}
	return walker.status;
}

imago_status
imago_tiers_by_class(const imago_heap *heap, uint8_t *tiers, uint64_t num_tiers,
                     imago_allocator *allocator, imago_error *error)
{
	tier_run run = {.heap = heap, .allocator = allocator, .error = error};
	imago_status status = count_chunks(heap, num_tiers, error);
	if (status != IMAGO_OK) {
		return status;
	}
	status = imago_object_index_create(&run.index, heap, allocator, error);
	if (status == IMAGO_OK) {
		status = imago_class_table_create(&run.classes, heap, allocator, error);
	}
	if (status == IMAGO_OK) {
		run.of_objects =
		    imago_allocate(allocator, run.index.num_objects, "tiers of objects", error);
		status = run.of_objects != NULL ? assign_all(&run) : IMAGO_ENOMEM;
	}
	if (status == IMAGO_OK) {
		status = spread(&run, tiers);
	}
	if (run.of_objects != NULL) {
		imago_release(allocator, run.of_objects, run.index.num_objects);
	}
	imago_class_table_release(&run.classes);
	imago_object_index_release(&run.index);
	return status;
}

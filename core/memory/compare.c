/* compare.c: two object graphs in step.
 *
 * Objects are paired breadth-first from the special objects arrays. As long as nothing differs, the
 * pairs' numbers are the digest's object numbers, and every fact compared here is one that the
 * digest hashes (graph.h); so a difference is found exactly when the digests differ.
 */
#include "imago/compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "graph.h"

enum {
	MAX_STEPS = 100, /* of a path; what is deeper is shown from its end */
	STEP_SIZE = 32,
	NAME_SIZE = 128,
	MAX_GLANCE = 64, /* elements looked at to tell whether two objects may be the same */
};

/* The step from a pair to the pair of its classes. */
static const uint64_t class_step = UINT64_MAX;

typedef struct compare_side {
	imago_graph graph;
	uint32_t *numbers; /* by ordinal: 1 + the object's pair; 0: not met yet */
	const char *part;
} compare_side;

/* Two objects that stand for each other, and how they were reached. */
typedef struct object_pair {
	imago_oop a, b;
	uint64_t step; /* slot of the parent, or class_step */
	uint32_t parent;
} object_pair;

typedef struct compare_run {
	compare_side a, b;
	object_pair *pairs;
	uint64_t num_pairs, capacity;
	uint64_t pair; /* that is being compared */
	bool reported; /* it is known to differ */
	bool stopped;
	imago_difference_fn *report;
	void *payload;
	uint64_t num_differences;
	imago_error *error;
	char path[MAX_STEPS * STEP_SIZE];
} compare_run;

static imago_status
fail_side(const compare_run *run, const compare_side *side, imago_status status)
{
	imago_error_set_part(run->error, side->part);
	return status;
}

static size_t
append_step(char *path, size_t size, size_t used, const object_pair *pair)
{
	int length;
	if (pair->step == class_step) {
		length = snprintf(path + used, size - used, ".class");
	} else if (pair->parent == 0) {
		length = snprintf(path + used, size - used, "[%" PRIu64 "]", pair->step);
	} else {
		length = snprintf(path + used, size - used, ".slot %" PRIu64, pair->step);
	}
	return length > 0 && (size_t)length < size - used ? used + (size_t)length : used;
}

/* Writes the path of the current pair, from the root down. */
static void
build_path(compare_run *run)
{
	uint64_t steps[MAX_STEPS - 2];
	size_t num_steps = 0;
	uint64_t pair = run->pair;
	while (pair != 0 && num_steps < sizeof steps / sizeof steps[0]) {
		steps[num_steps++] = pair;
		pair = run->pairs[pair].parent;
	}
	char *path = run->path;
	const char *root = pair == 0 ? "specialObjects" : "...";
	size_t used = strlen(root);
	memcpy(path, root, used + 1);
	while (num_steps > 0) {
		used = append_step(path, sizeof run->path, used, &run->pairs[steps[--num_steps]]);
	}
}

/* Reports the first difference of the current pair. */
static void
differ(compare_run *run, const char *what, uint64_t index, uint64_t value_a, uint64_t value_b)
{
	if (run->reported) {
		return;
	}
	run->reported = true;
	run->num_differences++;
	const object_pair *pair = &run->pairs[run->pair];
	const imago_graph *graph = &run->a.graph;
	char class_name[NAME_SIZE] = "?";
	imago_object object;
	if (imago_heap_decode_object(graph->heap, pair->a, &object, NULL) == IMAGO_OK) {
		imago_class_name(graph->heap, imago_class_of_object(&graph->classes, &object), class_name,
		                 sizeof class_name);
	}
	build_path(run);
	imago_difference difference = {
	    .a = pair->a,
	    .b = pair->b,
	    .path = run->path,
	    .class_name = class_name,
	    .what = what,
	    .index = index,
	    .value_a = value_a,
	    .value_b = value_b,
	};
	run->stopped = !run->report(&difference, run->payload);
}

static uint32_t
number_of(const compare_side *side, const imago_graph_value *value)
{
	return value->kind == IMAGO_MEANS_OBJECT ? side->numbers[value->ordinal] : 0;
}

/* False when the two values are known to differ: paired with others, or one of them only. */
static bool
may_equal(const compare_run *run, const imago_graph_value *a, const imago_graph_value *b)
{
	if (a->kind != b->kind) {
		return false;
	}
	return a->kind == IMAGO_MEANS_OBJECT ? number_of(&run->a, a) == number_of(&run->b, b)
	                                     : a->bits == b->bits;
}

/* True when the first elements are equal. */
static bool
same_at_a_glance(const compare_run *run, const imago_graph_record *a, const imago_graph_record *b)
{
	for (uint64_t i = 0; i < a->num_data && i < MAX_GLANCE; i++) {
		if (imago_graph_element(&run->a.graph, a, i) != imago_graph_element(&run->b.graph, b, i)) {
			return false;
		}
	}
	return true;
}

/* Whether two objects that nothing is known of are to be paired. Only facts that the digest covers
 * decide, so that refusing is always a true difference; the aim is that one changed slot does not
 * pair unrelated objects and so show as many differences. */
static imago_status
may_pair(const compare_run *run, imago_oop a, imago_oop b, bool *may)
{
	imago_graph_record record_a, record_b;
	imago_graph_value class_a, class_b;
	const imago_graph *graph_a = &run->a.graph;
	const imago_graph *graph_b = &run->b.graph;
	imago_status status = imago_graph_describe(graph_a, a, &record_a, run->error);
	if (status == IMAGO_OK) {
		status = imago_graph_class(graph_a, &record_a, &class_a, run->error);
	}
	if (status != IMAGO_OK) {
		return fail_side(run, &run->a, status);
	}
	status = imago_graph_describe(graph_b, b, &record_b, run->error);
	if (status == IMAGO_OK) {
		status = imago_graph_class(graph_b, &record_b, &class_b, run->error);
	}
	if (status != IMAGO_OK) {
		return fail_side(run, &run->b, status);
	}
	uint32_t hash_a = record_a.object.identity_hash;
	uint32_t hash_b = record_b.object.identity_hash;
	*may = record_a.format == record_b.format && may_equal(run, &class_a, &class_b);
	if (*may && hash_a != hash_b && hash_a != 0 && hash_b != 0) {
		*may = record_a.num_elements == record_b.num_elements &&
		       same_at_a_glance(run, &record_a, &record_b);
	}
	return IMAGO_OK;
}

static void
add_pair(compare_run *run, const imago_graph_value *a, const imago_graph_value *b, uint64_t step)
{
	run->pairs[run->num_pairs++] = (object_pair){
	    .a = a->bits,
	    .b = b->bits,
	    .step = step,
	    .parent = (uint32_t)run->pair,
	};
	run->a.numbers[a->ordinal] = (uint32_t)run->num_pairs;
	run->b.numbers[b->ordinal] = (uint32_t)run->num_pairs;
}

/* Compares what the current pair holds at a step, pairing objects met for the first time. */
static imago_status
match(compare_run *run, const imago_graph_value *a, const imago_graph_value *b, uint64_t step,
      bool *equal)
{
	*equal = may_equal(run, a, b);
	if (!*equal || a->kind != IMAGO_MEANS_OBJECT || number_of(&run->a, a) != 0) {
		return IMAGO_OK;
	}
	imago_status status = may_pair(run, a->bits, b->bits, equal);
	if (status == IMAGO_OK && *equal) {
		add_pair(run, a, b, step);
	}
	return status;
}

static imago_status
compare_classes(compare_run *run, const imago_graph_record *a, const imago_graph_record *b)
{
	imago_graph_value class_a, class_b;
	bool equal;
	imago_status status = imago_graph_class(&run->a.graph, a, &class_a, run->error);
	if (status != IMAGO_OK) {
		return fail_side(run, &run->a, status);
	}
	status = imago_graph_class(&run->b.graph, b, &class_b, run->error);
	if (status != IMAGO_OK) {
		return fail_side(run, &run->b, status);
	}
	status = match(run, &class_a, &class_b, class_step, &equal);
	if (status == IMAGO_OK && !equal) {
		differ(run, "class", 0, class_a.bits, class_b.bits);
	}
	return status;
}

static void
compare_facts(compare_run *run, const imago_graph_record *a, const imago_graph_record *b)
{
	const imago_object *object_a = &a->object;
	const imago_object *object_b = &b->object;
	if (a->format != b->format) {
		differ(run, "format", 0, a->format, b->format);
	}
	if (a->num_elements != b->num_elements) {
		differ(run, "size", 0, a->num_elements, b->num_elements);
	}
	if (object_a->identity_hash != object_b->identity_hash) {
		differ(run, "identity hash", 0, object_a->identity_hash, object_b->identity_hash);
	}
	if (((object_a->bits ^ object_b->bits) & IMAGO_BIT_IMMUTABLE) != 0) {
		differ(run, "immutability", 0, (object_a->bits & IMAGO_BIT_IMMUTABLE) != 0,
		       (object_b->bits & IMAGO_BIT_IMMUTABLE) != 0);
	}
	if (a->method_header != b->method_header) {
		differ(run, "method header", 0, a->method_header, b->method_header);
	}
}

/* Compares reference i of both. */
static imago_status
compare_reference(compare_run *run, const imago_graph_record *a, const imago_graph_record *b,
                  uint64_t i)
{
	imago_graph_value value_a, value_b;
	bool equal;
	imago_status status = imago_graph_reference(&run->a.graph, a, i, &value_a, run->error);
	if (status != IMAGO_OK) {
		return fail_side(run, &run->a, status);
	}
	status = imago_graph_reference(&run->b.graph, b, i, &value_b, run->error);
	if (status != IMAGO_OK) {
		return fail_side(run, &run->b, status);
	}
	uint64_t slot = a->first_slot + i;
	status = match(run, &value_a, &value_b, slot, &equal);
	if (status == IMAGO_OK && !equal) {
		bool both_met = number_of(&run->a, &value_a) != 0 && number_of(&run->b, &value_b) != 0;
		differ(run, both_met ? "identity" : "contents", slot,
		       imago_heap_fetch_slot(run->a.graph.heap, &a->object, slot),
		       imago_heap_fetch_slot(run->b.graph.heap, &b->object, b->first_slot + i));
	}
	return status;
}

/* Of bodies of one format. Where one is longer, that was reported. */
static void
compare_data(compare_run *run, const imago_graph_record *a, const imago_graph_record *b)
{
	if (run->reported || a->num_data == 0) {
		return;
	}
	if (a->element_bytes == 1 && memcmp(a->data, b->data, (size_t)a->num_data) == 0) {
		return;
	}
	for (uint64_t i = 0; i < a->num_data && !run->reported; i++) {
		uint64_t element_a = imago_graph_element(&run->a.graph, a, i);
		uint64_t element_b = imago_graph_element(&run->b.graph, b, i);
		if (element_a != element_b) {
			differ(run, "contents", i, element_a, element_b);
		}
	}
}

static imago_status
compare_pair(compare_run *run)
{
	const object_pair pair = run->pairs[run->pair];
	imago_graph_record a, b;
	run->reported = false;
	imago_status status = imago_graph_describe(&run->a.graph, pair.a, &a, run->error);
	if (status != IMAGO_OK) {
		return fail_side(run, &run->a, status);
	}
	status = imago_graph_describe(&run->b.graph, pair.b, &b, run->error);
	if (status != IMAGO_OK) {
		return fail_side(run, &run->b, status);
	}
	status = compare_classes(run, &a, &b);
	if (status == IMAGO_OK) {
		compare_facts(run, &a, &b);
	}
	uint64_t num_references =
	    a.num_references < b.num_references ? a.num_references : b.num_references;
	for (uint64_t i = 0; i < num_references && status == IMAGO_OK && !run->stopped; i++) {
		status = compare_reference(run, &a, &b, i);
	}
	if (a.num_references != b.num_references) {
		differ(run, "contents", num_references, a.num_references, b.num_references);
	}
	if (status == IMAGO_OK && a.format == b.format) {
		compare_data(run, &a, &b);
	}
	return status;
}

static imago_status
start_side(const compare_run *run, compare_side *side, const imago_heap *heap,
           imago_allocator *allocator, imago_graph_value *root)
{
	imago_error *error = run->error;
	imago_status status = imago_graph_create(&side->graph, heap, allocator, error);
	if (status != IMAGO_OK) {
		return fail_side(run, side, status);
	}
	uint64_t num_objects = side->graph.index.num_objects;
	if (num_objects >= UINT32_MAX) {
		imago_fail(error, IMAGO_ELIMIT, "number of objects", IMAGO_NO_OFFSET, num_objects,
		           UINT32_MAX - 1);
		return fail_side(run, side, IMAGO_ELIMIT);
	}
	side->numbers = imago_allocate_array(allocator, num_objects, sizeof *side->numbers,
	                                     "object numbers", error);
	if (side->numbers == NULL) {
		return fail_side(run, side, IMAGO_ENOMEM);
	}
	imago_oop oop = heap->header.special_objects_oop;
	status = imago_graph_resolve(&side->graph, oop, oop, root, error);
	if (status == IMAGO_OK && root->kind != IMAGO_MEANS_OBJECT) {
		status =
		    imago_fail(error, IMAGO_ESTRUCTURE, "special objects array", IMAGO_NO_OFFSET, oop, 0);
	}
	return status == IMAGO_OK ? status : fail_side(run, side, status);
}

static void
release_side(compare_side *side, imago_allocator *allocator)
{
	imago_release(allocator, side->numbers, side->graph.index.num_objects * sizeof *side->numbers);
	imago_graph_release(&side->graph);
}

static imago_status
compare_graphs(compare_run *run, const imago_graph_value *root_a, const imago_graph_value *root_b,
               imago_allocator *allocator)
{
	uint64_t num_a = run->a.graph.index.num_objects;
	uint64_t num_b = run->b.graph.index.num_objects;
	run->capacity = num_a < num_b ? num_a : num_b;
	run->pairs = imago_allocate_array(allocator, run->capacity, sizeof *run->pairs,
	                                  "pairs of objects", run->error);
	if (run->pairs == NULL) {
		return IMAGO_ENOMEM;
	}
	add_pair(run, root_a, root_b, 0);
	if (run->a.graph.heap->model != run->b.graph.heap->model) {
		differ(run, "object model", 0, run->a.graph.heap->model, run->b.graph.heap->model);
		return IMAGO_OK;
	}
	imago_status status = IMAGO_OK;
	while (run->pair < run->num_pairs && status == IMAGO_OK && !run->stopped) {
		status = compare_pair(run);
		run->pair++;
	}
	return status;
}

imago_status
imago_compare(const imago_heap *a, const imago_heap *b, imago_allocator *allocator,
              imago_difference_fn *report, void *payload, uint64_t *num_differences,
              imago_error *error)
{
	compare_run run = {
	    .a.part = "a",
	    .b.part = "b",
	    .report = report,
	    .payload = payload,
	    .error = error,
	};
	imago_graph_value root_a, root_b;
	imago_status status = start_side(&run, &run.a, a, allocator, &root_a);
	if (status == IMAGO_OK) {
		status = start_side(&run, &run.b, b, allocator, &root_b);
	}
	if (status == IMAGO_OK) {
		status = compare_graphs(&run, &root_a, &root_b, allocator);
	}
	imago_release(allocator, run.pairs, run.capacity * sizeof *run.pairs);
	release_side(&run.b, allocator);
	release_side(&run.a, allocator);
	*num_differences = run.num_differences;
	return status;
}

/* tier_ranks.c: what the same runs wrote lies side by side. */
#include <stdlib.h>

#include "imago/walk.h"
#include "tier_private.h"

/* Objects of one tier that the same runs wrote, as far as that is known. */
typedef struct run_class {
	bool often;
	uint32_t num_runs;
	uint64_t runs;
	uint64_t num_objects;
	uint8_t rank;
} run_class;

typedef struct run_classes {
	run_class *classes; /* in the order in which they are to lie */
	uint64_t num_classes;
	uint64_t capacity; /* entries of the trace */
} run_classes;

static int
compare_classes(const void *a, const void *b)
{
	const run_class *left = a;
	const run_class *right = b;
	if (left->often != right->often) {
		return left->often ? -1 : 1;
	}
	if (left->num_runs != right->num_runs) {
		return left->num_runs > right->num_runs ? -1 : 1;
	}
	return (left->runs > right->runs) - (left->runs < right->runs);
}

static run_class
class_of(const imago_trace *trace, const imago_trace_entry *entry)
{
	return (run_class){
	    .often = imago_trace_is_often(trace, entry),
	    .num_runs = entry->num_runs,
	    .runs = entry->runs,
	    .num_objects = 1,
	};
}

/* Classes that are equal become one. */
static void
join_equal(run_classes *all)
{
	uint64_t count = 0;
	for (uint64_t i = 0; i < all->capacity; i++) {
		if (count > 0 && compare_classes(&all->classes[count - 1], &all->classes[i]) == 0) {
			all->classes[count - 1].num_objects++;
		} else {
			all->classes[count++] = all->classes[i];
		}
	}
	all->num_classes = count;
}

/* The classes of one tier: a rank each; or, when there are too many, neighbours share one, so that
 * each has about as many objects. */
static void
rank(run_class *classes, uint64_t num_classes)
{
	uint64_t num_objects = 0;
	uint64_t before = 0;
	for (uint64_t i = 0; i < num_classes; i++) {
		num_objects += classes[i].num_objects;
	}
	for (uint64_t i = 0; i < num_classes; i++) {
		classes[i].rank =
		    (uint8_t)(num_classes <= IMAGO_NUM_RANKS ? i : before * IMAGO_NUM_RANKS / num_objects);
		before += classes[i].num_objects;
	}
}

static imago_status
find_classes(run_classes *all, const imago_trace *trace, imago_allocator *allocator,
             imago_error *error)
{
	*all = (run_classes){.capacity = trace->num_entries};
	all->classes = imago_allocate_array(allocator, all->capacity, sizeof *all->classes,
	                                    "classes of objects", error);
	if (all->classes == NULL) {
		return IMAGO_ENOMEM;
	}
	for (uint64_t i = 0; i < all->capacity; i++) {
		all->classes[i] = class_of(trace, &trace->entries[i]);
	}
	qsort(all->classes, (size_t)all->capacity, sizeof *all->classes, compare_classes);
	join_equal(all);
	uint64_t num_often = 0;
	while (num_often < all->num_classes && all->classes[num_often].often) {
		num_often++;
	}
	rank(all->classes, num_often);
	rank(all->classes + num_often, all->num_classes - num_often);
	return IMAGO_OK;
}

static uint8_t
rank_of(const run_classes *all, const imago_trace *trace, const imago_trace_entry *entry)
{
	const run_class wanted = class_of(trace, entry);
	const run_class *found =
	    bsearch(&wanted, all->classes, (size_t)all->num_classes, sizeof wanted, compare_classes);
	return found->rank;
}

imago_status
imago_ranks_by_trace(const imago_heap *heap, const imago_trace *trace, uint8_t *ranks,
                     uint64_t num_ranks, imago_allocator *allocator, imago_error *error)
{
	imago_walker walker;
	imago_object object;
	imago_census census;
	run_classes all;
	uint64_t next = 0;
	uint64_t ordinal = 0;
	imago_status status = imago_census_take(heap, &census, error);
	if (status == IMAGO_OK && census.num_chunks != num_ranks) {
		return imago_fail(error, IMAGO_EUSAGE, "number of ranks", IMAGO_NO_OFFSET, num_ranks,
		                  census.num_chunks);
	}
	if (status == IMAGO_OK) {
		status = find_classes(&all, trace, allocator, error);
	}
	if (status != IMAGO_OK) {
		return status;
	}
	imago_walk_init(&walker, heap, error);
	while (imago_walk_next(&walker, &object)) {
		const imago_trace_entry *entry = imago_trace_entry_of(trace, &next, object.chunk);
		ranks[ordinal++] = entry != NULL ? rank_of(&all, trace, entry) : 0;
	}
	imago_release(allocator, all.classes, all.capacity * sizeof *all.classes);
	return walker.status;
}

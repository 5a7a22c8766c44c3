/* layered_plan.c: which chunk goes to which section, and where that puts it (layered.md §3). */

#include "imago/checked.h"
#include "imago/known_objects.h"
#include "imago/pointer_words.h"
#include "imago/walk.h"
#include "layered_private.h"

/* Sections of objects in the order of their addresses: the fixed objects, then a tier's objects
 * with pointers, then those without; what is least written lies lowest. */
enum {
	ROOTS,
	NUM_GROUPS = 1 + 2 * IMAGO_NUM_TIERS,
	OFTEN_WITH_POINTERS = NUM_GROUPS - 2,
	/* Behind these, in their section: what is often written for a collector's sake alone. It would
	 * lie between what programs write, and both would dirty more pages. */
	COLLECTORS_BEHIND = NUM_GROUPS,
	NUM_PLACES,
};

_Static_assert(NUM_GROUPS + 3 <= IMAGO_LAYERED_MAX_SECTIONS, "a section for each");

/* Sizes of chunks are multiples of this: below, there is room for a group. */
enum { UNIT = 8 };

_Static_assert((int)NUM_PLACES <= (int)UNIT, "a place fits below a size");

#define CUSTOMARY_START_32 UINT64_C(0x10000000)
#define CUSTOMARY_START_64 UINT64_C(0x10000000000)

typedef struct grouping {
	const imago_heap *heap;
	const imago_layered_options *options;
	imago_addr free_lists;
	uint64_t sizes[NUM_PLACES];
	imago_addr next[NUM_PLACES];
} grouping;

static size_t
group_of(imago_tier tier, bool has_pointers)
{
	return 1 + 2 * (size_t)(IMAGO_TIER_READ_ONLY - tier) + !has_pointers;
}

/* What collectors write, or must be able to, is often written whatever anybody says: class tables,
 * free chunks, forwarders, weak objects and ephemerons. */
bool
imago_layered_is_a_collectors(const imago_object *object)
{
	return object->kind == IMAGO_OBJECT_HIDDEN || object->kind == IMAGO_OBJECT_FREE ||
	       object->kind == IMAGO_OBJECT_FORWARDER || object->format == IMAGO_FORMAT_WEAK ||
	       object->format == IMAGO_FORMAT_EPHEMERON;
}

/* What is said of it. */
static imago_tier
tier_of(const grouping *groups, const imago_object *object, uint64_t ordinal)
{
	const imago_segment *segment = &groups->heap->segments[object->segment];
	if ((groups->options->flags & IMAGO_LAYERED_PERM_SAVE) != 0) {
		return IMAGO_TIER_READ_ONLY;
	}
	if (groups->options->tiers != NULL) {
		return (imago_tier)groups->options->tiers[ordinal];
	}
	return segment->space == IMAGO_SPACE_PERM ? IMAGO_TIER_READ_ONLY : (imago_tier)segment->tier;
}

/* Its group, or COLLECTORS_BEHIND. */
static size_t
place_at(const grouping *groups, const imago_object *object, uint64_t ordinal)
{
	if (ordinal < IMAGO_LAYERED_FIXED_OBJECTS) {
		return ROOTS;
	}
	imago_word_runs words = imago_pointer_words_of(groups->heap, groups->free_lists, object);
	imago_tier tier = tier_of(groups, object, ordinal);
	if (tier == IMAGO_TIER_OFTEN || !imago_layered_is_a_collectors(object)) {
		return group_of(tier, words.num_runs > 0);
	}
	return words.num_runs > 0 ? COLLECTORS_BEHIND : group_of(IMAGO_TIER_OFTEN, false);
}

static imago_status
require_tiers(const imago_heap *heap, const imago_layered_options *options, uint64_t num_chunks,
              imago_error *error)
{
	for (size_t i = 0; i < heap->num_segments && options->tiers == NULL; i++) {
		if (heap->segments[i].tier >= IMAGO_NUM_TIERS) {
			return imago_fail(error, IMAGO_EUSAGE, "tier", IMAGO_NO_OFFSET, heap->segments[i].tier,
			                  IMAGO_NUM_TIERS - 1);
		}
	}
	if (options->tiers == NULL) {
		return IMAGO_OK;
	}
	if (options->num_tiers != num_chunks) {
		return imago_fail(error, IMAGO_EUSAGE, "number of tiers", IMAGO_NO_OFFSET,
		                  options->num_tiers, num_chunks);
	}
	for (uint64_t i = 0; i < num_chunks; i++) {
		if (options->tiers[i] >= IMAGO_NUM_TIERS) {
			return imago_fail(error, IMAGO_EUSAGE, "tier", IMAGO_NO_OFFSET, options->tiers[i],
			                  IMAGO_NUM_TIERS - 1);
		}
	}
	return IMAGO_OK;
}

/* Each chunk's size and place take the place of its address, so that nothing is decoded twice. */
static imago_status
measure(imago_layered_plan *plan, grouping *groups, imago_error *error)
{
	imago_walker walker;
	imago_object object;
	uint64_t ordinal = 0;
	imago_walk_init(&walker, groups->heap, error);
	while (imago_walk_next(&walker, &object)) {
		size_t where = place_at(groups, &object, ordinal);
		groups->sizes[where] += object.total_bytes;
		plan->addresses[ordinal++] = object.total_bytes | where;
	}
	return walker.status;
}

static void
add_segment(imago_layered_plan *plan, imago_addr start, uint64_t size, size_t group)
{
	bool roots = group == ROOTS;
	plan->has_pointers[plan->num_segments] = roots || group % 2 == 1;
	plan->segments[plan->num_segments++] = (imago_segment){
	    .start = start,
	    .size = size,
	    .bridge_size = IMAGO_BRIDGE_SIZE,
	    .space = IMAGO_SPACE_OLD,
	    .tier = (uint8_t)(roots ? IMAGO_TIER_OFTEN : IMAGO_TIER_READ_ONLY - (group - 1) / 2),
	};
}

/* Sections side by side, each at a multiple of what every host's pages and the steps of relocation
 * divide. */
static imago_status
place(imago_layered_plan *plan, grouping *groups, imago_error *error)
{
	bool wide = groups->heap->layout.word_bytes == 8;
	imago_addr limit = wide ? IMAGO_PERM_START_64 : IMAGO_PERM_START_32;
	imago_addr next = groups->options->start;
	if (next == 0) {
		next = wide ? CUSTOMARY_START_64 : CUSTOMARY_START_32;
	}
	if (next % IMAGO_LAYERED_ALIGNMENT != 0) {
		return imago_fail(error, IMAGO_EUSAGE, "start", IMAGO_NO_OFFSET, next,
		                  IMAGO_LAYERED_ALIGNMENT);
	}
	for (size_t i = 0; i < NUM_GROUPS; i++) {
		uint64_t size = groups->sizes[i];
		size += i == OFTEN_WITH_POINTERS ? groups->sizes[COLLECTORS_BEHIND] : 0;
		if (size == 0) {
			continue;
		}
		if (next >= limit || size > limit - next - IMAGO_LAYERED_ALIGNMENT) {
			return imago_fail(error, IMAGO_EUNSUPPORTED, "address space", IMAGO_NO_OFFSET, size,
			                  limit);
		}
		add_segment(plan, next, size, i);
		groups->next[i] = next;
		if (i == OFTEN_WITH_POINTERS) {
			plan->behind = next + groups->sizes[i];
			groups->next[COLLECTORS_BEHIND] = plan->behind;
		}
		next += size + IMAGO_BRIDGE_SIZE;
		(void)imago_checked_align_up(next, IMAGO_LAYERED_ALIGNMENT, &next);
	}
	return IMAGO_OK;
}

static void
assign(imago_layered_plan *plan, grouping *groups)
{
	for (uint64_t i = 0; i < plan->num_chunks; i++) {
		imago_addr *next = &groups->next[plan->addresses[i] % UNIT];
		uint64_t size = plan->addresses[i] & ~(uint64_t)(UNIT - 1);
		plan->addresses[i] = *next;
		*next += size;
	}
}

imago_status
imago_layered_plan_create(imago_layered_plan *plan, const imago_heap *heap,
                          const imago_layered_options *options, imago_allocator *allocator,
                          imago_error *error)
{
	*plan = (imago_layered_plan){.allocator = allocator};
	grouping groups = {.heap = heap, .options = options};
	imago_census census;
	imago_known_objects known;
	if (heap->model != IMAGO_SPUR) {
		return imago_fail(error, IMAGO_EUNSUPPORTED, "a heap that is not Spur", IMAGO_NO_OFFSET, 0,
		                  0);
	}
	/* Elsewhere, others would be taken for the fixed objects than in the heap itself. */
	imago_known_objects_find(heap, &known);
	if (known.hidden_roots.oop == 0) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "first five objects", IMAGO_NO_OFFSET, 0, 0);
	}
	imago_status status = imago_census_take(heap, &census, error);
	if (status == IMAGO_OK) {
		status = require_tiers(heap, options, census.num_chunks, error);
	}
	if (status != IMAGO_OK) {
		return status;
	}
	plan->addresses = imago_allocate_array(allocator, census.num_chunks, sizeof *plan->addresses,
	                                       "addresses of chunks", error);
	if (plan->addresses == NULL) {
		return IMAGO_ENOMEM;
	}
	plan->num_chunks = census.num_chunks;
	groups.free_lists = known.free_lists.oop;
	status = measure(plan, &groups, error);
	if (status == IMAGO_OK) {
		status = place(plan, &groups, error);
	}
	if (status == IMAGO_OK) {
		assign(plan, &groups);
	}
	return status;
}

void
imago_layered_plan_release(imago_layered_plan *plan)
{
	if (plan->addresses != NULL) {
		imago_release(plan->allocator, plan->addresses, plan->num_chunks * sizeof *plan->addresses);
	}
	plan->addresses = NULL;
}

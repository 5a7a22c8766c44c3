/* layered_plan.c: which chunk goes to which section, and where that puts it (layered.md §3). */

#include "../../core/base/planted.h"
#include "imago/checked.h"
#include "imago/known_objects.h"
#include "imago/pointer_words.h"
#include "imago/walk.h"
#include "layered_private.h"

/* Places of chunks in the order of their addresses: the fixed objects, then a tier's objects with
 * pointers, then those without; what is least written lies lowest. Each is a section, but for one:
 * what is often written for a collector's sake alone lies behind the rest of its section. It would
 * lie between what programs write, and both would dirty more pages. */
enum {
	ROOTS,
	OFTEN_WITH_POINTERS = 1 + 2 * IMAGO_TIER_READ_ONLY,
	COLLECTORS_BEHIND,
	OFTEN_WITHOUT_POINTERS,
	NUM_PLACES,
};

_Static_assert(NUM_PLACES *IMAGO_NUM_RANKS == IMAGO_LAYERED_STRANDS &&
                   IMAGO_LAYERED_STRANDS <= UINT8_MAX + 1,
               "a strand for each rank of a place, in a byte");
_Static_assert(NUM_PLACES - 1 + 3 <= IMAGO_LAYERED_MAX_SECTIONS, "a section for each");

#define CUSTOMARY_START_32 UINT64_C(0x10000000)
#define CUSTOMARY_START_64 UINT64_C(0x10000000000)

typedef struct grouping {
	const imago_heap *heap;
	const imago_layered_options *options;
	imago_addr free_lists;
	uint64_t sizes[IMAGO_LAYERED_STRANDS];
	imago_addr next[IMAGO_LAYERED_STRANDS];
} grouping;

static size_t
group_of(imago_tier tier, bool has_pointers)
{
	if (tier == IMAGO_TIER_OFTEN) {
		return has_pointers ? OFTEN_WITH_POINTERS : OFTEN_WITHOUT_POINTERS;
	}
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

/* Whether any word of it may hold an address. Of nearly all, the format says so. */
static bool
has_pointers(const grouping *groups, const imago_object *object)
{
	if (object->kind == IMAGO_OBJECT_ORDINARY) {
		switch (object->body_kind) {
		case IMAGO_BODY_POINTERS:
			return object->num_slots > 0;
		case IMAGO_BODY_METHOD:
			break;
		default:
			return false;
		}
	}
	return imago_pointer_words_of(groups->heap, groups->free_lists, object).num_runs > 0;
}

static size_t
place_at(const grouping *groups, const imago_object *object, uint64_t ordinal)
{
	if (ordinal < IMAGO_LAYERED_FIXED_OBJECTS) {
		return ROOTS;
	}
	imago_tier tier = tier_of(groups, object, ordinal);
	bool pointers = !IMAGO_BUG(method_is_bits, object->body_kind == IMAGO_BODY_METHOD) &&
	                has_pointers(groups, object);
	if (tier == IMAGO_TIER_OFTEN || !imago_layered_is_a_collectors(object)) {
		return group_of(tier, pointers);
	}
	return pointers ? COLLECTORS_BEHIND : OFTEN_WITHOUT_POINTERS;
}

/* Ranks are about what is expected to be written at all. */
static size_t
strand_of(const grouping *groups, const imago_object *object, uint64_t ordinal)
{
	const size_t place = place_at(groups, object, ordinal);
	const uint8_t *ranks = groups->options->ranks;
	const bool ranked = groups->options->tiers != NULL && ranks != NULL && place != ROOTS &&
	                    place != COLLECTORS_BEHIND;
	return place * IMAGO_NUM_RANKS + (ranked ? ranks[ordinal] : 0U);
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
	for (uint64_t i = 0; i < num_chunks && options->ranks != NULL; i++) {
		if (options->ranks[i] >= IMAGO_NUM_RANKS) {
			return imago_fail(error, IMAGO_EUSAGE, "rank", IMAGO_NO_OFFSET, options->ranks[i],
			                  IMAGO_NUM_RANKS - 1);
		}
	}
	return IMAGO_OK;
}

/* Each chunk's size takes the place of its address, so that nothing is decoded twice. */
static imago_status
measure(imago_layered_plan *plan, grouping *groups, imago_error *error)
{
	imago_walker walker;
	imago_object object;
	uint64_t ordinal = 0;
	imago_walk_init(&walker, groups->heap, error);
	while (imago_walk_next(&walker, &object)) {
		size_t where = strand_of(groups, &object, ordinal);
		groups->sizes[where] += object.total_bytes;
		plan->free_bytes += object.kind == IMAGO_OBJECT_FREE ? object.total_bytes : 0;
		plan->strands[ordinal] = (uint8_t)where;
		plan->addresses[ordinal++] = object.total_bytes;
	}
	return walker.status;
}

static void
add_segment(imago_layered_plan *plan, imago_addr start, uint64_t size, size_t place)
{
	bool often = place == ROOTS || place >= OFTEN_WITH_POINTERS;
	plan->has_pointers[plan->num_segments] =
	    place == ROOTS || (place % 2 == 1 && place != OFTEN_WITHOUT_POINTERS);
	plan->segments[plan->num_segments++] = (imago_segment){
	    .start = start,
	    .size = size,
	    .bridge_size = IMAGO_BRIDGE_SIZE,
	    .space = IMAGO_SPACE_OLD,
	    .tier = (uint8_t)(often ? IMAGO_TIER_OFTEN : IMAGO_TIER_READ_ONLY - (place - 1) / 2),
	};
}

static uint64_t
size_of_strands(const grouping *groups, size_t first, size_t end)
{
	uint64_t size = 0;
	for (size_t i = first; i < end; i++) {
		size += groups->sizes[i];
	}
	return size;
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
	for (size_t i = 0; i < NUM_PLACES; i++) {
		const size_t first = i * IMAGO_NUM_RANKS;
		i += i == OFTEN_WITH_POINTERS; /* with those behind */
		const size_t end = (i + 1) * IMAGO_NUM_RANKS;
		const uint64_t size = size_of_strands(groups, first, end);
		if (size == 0) {
			continue;
		}
		if (next >= limit || size > limit - next - IMAGO_LAYERED_ALIGNMENT) {
			return imago_fail(error, IMAGO_EUNSUPPORTED, "address space", IMAGO_NO_OFFSET, size,
			                  limit);
		}
		add_segment(plan, next, size, first / IMAGO_NUM_RANKS);
		for (size_t k = first; k < end; k++) {
			groups->next[k] = next;
			next += groups->sizes[k];
		}
		next += IMAGO_BRIDGE_SIZE;
		(void)imago_checked_align_up(next, IMAGO_LAYERED_ALIGNMENT, &next);
	}
	return IMAGO_OK;
}

static void
assign(imago_layered_plan *plan, grouping *groups)
{
	for (uint64_t i = 0; i < plan->num_chunks; i++) {
		imago_addr *next = &groups->next[plan->strands[i]];
		uint64_t size = plan->addresses[i];
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
	plan->strands = imago_allocate(allocator, census.num_chunks, "places of chunks", error);
	plan->num_chunks = census.num_chunks;
	if (plan->addresses == NULL || plan->strands == NULL) {
		return IMAGO_ENOMEM;
	}
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
	imago_allocator *allocator = plan->allocator;
	imago_release(allocator, plan->addresses, plan->num_chunks * sizeof *plan->addresses);
	imago_release(allocator, plan->strands, plan->num_chunks);
	plan->addresses = NULL;
	plan->strands = NULL;
}

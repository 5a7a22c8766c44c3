/* check_class_table.c: the hidden roots: class table pages and the VM's private roots (spur.md §9).
 */
#include <stdlib.h>

#include "../base/planted.h"
#include "check_private.h"

enum { LEAST_PAGES = 2, NUM_OBJ_STACKS = 3, NUM_REMEMBERED_SETS = 3, LEAST_HIDDEN = 64 };

/* The first four words of an object stack page; entries follow. */
enum { STACK_DEPTH, STACK_ROOT, STACK_FREE_PAGE, STACK_NEXT_PAGE, NUM_STACK_WORDS };

static void
note_hidden(check_context *context, imago_addr oop)
{
	check_facts *facts = context->facts;
	if (facts->num_hidden == facts->hidden_capacity) {
		size_t capacity = facts->num_hidden < LEAST_HIDDEN ? LEAST_HIDDEN : facts->num_hidden * 2;
		imago_addr *moved = imago_resize(
		    facts->allocator, facts->hidden, facts->hidden_capacity * sizeof *facts->hidden,
		    capacity * sizeof *facts->hidden, "hidden objects", context->error);
		if (moved == NULL) {
			context->status = IMAGO_ENOMEM;
			return;
		}
		facts->hidden = moved;
		facts->hidden_capacity = capacity;
	}
	facts->hidden[facts->num_hidden++] = oop;
}

static bool
is_noted(const check_facts *facts, imago_addr oop)
{
	for (size_t i = 0; i < facts->num_hidden; i++) {
		if (facts->hidden[i] == oop) {
			return true;
		}
	}
	return false;
}

static int
compare_addresses(const void *left, const void *right)
{
	imago_addr a = *(const imago_addr *)left;
	imago_addr b = *(const imago_addr *)right;
	return a < b ? -1 : a > b;
}

bool
check_is_known_hidden(const check_facts *facts, imago_addr oop)
{
	return bsearch(&oop, facts->hidden, facts->num_hidden, sizeof oop, compare_addresses) != NULL;
}

/* Of a hidden object. */
static bool
is_hidden_words(const imago_object *object)
{
	return (object->class_index == IMAGO_CLASS_HIDDEN_BITS32 ||
	        object->class_index == IMAGO_CLASS_HIDDEN_BITS64) &&
	       (object->body_kind == IMAGO_BODY_BITS32 || object->body_kind == IMAGO_BODY_BITS64);
}

/* A link of an object stack: 0 or the oop of a page. */
static bool
find_stack_page(const check_facts *facts, imago_oop oop, imago_object *page)
{
	return check_find_other(facts, oop, page) == TARGET_HIDDEN && is_hidden_words(page) &&
	       page->num_slots == IMAGO_OBJ_STACK_PAGE_SLOTS;
}

/* Follows the pages from one of an object stack; each is noted once, so that circles end. */
static void
check_stack_pages(check_context *context, imago_object page, uint64_t root)
{
	const check_facts *facts = context->facts;
	for (;;) {
		note_hidden(context, page.oop);
		imago_oop depth = check_slot_at(facts, &page, STACK_DEPTH);
		imago_oop owner = check_slot_at(facts, &page, STACK_ROOT);
		uint64_t wrong = depth > IMAGO_OBJ_STACK_PAGE_SLOTS - NUM_STACK_WORDS ? STACK_DEPTH
		                 : owner != root                                      ? STACK_ROOT
		                                                                      : NUM_STACK_WORDS;
		if (wrong != NUM_STACK_WORDS) {
			check_report_slot(context, IMAGO_RULE_HIDDEN_ROOTS_OBJ_STACK_CONTENTS, &page, wrong,
			                  IMAGO_NOTHING_EXPECTED);
			return;
		}
		imago_object next = {0};
		for (uint64_t link = STACK_FREE_PAGE; link <= STACK_NEXT_PAGE; link++) {
			imago_oop oop = check_slot_at(facts, &page, link);
			if (oop == 0 || check_classify(facts, oop) == TARGET_UNKNOWN) {
				continue;
			}
			imago_object other;
			if (!find_stack_page(facts, oop, &other)) {
				check_report_slot(context, IMAGO_RULE_HIDDEN_ROOTS_OBJ_STACK_CONTENTS, &page, link,
				                  IMAGO_NOTHING_EXPECTED);
			} else if (!is_noted(facts, oop) || IMAGO_BUG(obj_stack_circle, oop == page.oop)) {
				next = other;
				if (link == STACK_FREE_PAGE) {
					note_hidden(context, oop);
				}
			}
		}
		if (next.oop == 0 || check_stopped(context)) {
			return;
		}
		page = next;
	}
}

/* A root that nothing is known to stand in: machines follow it all the same. */
static void
check_unused_root(check_context *context, uint64_t index, imago_oop oop)
{
	const check_facts *facts = context->facts;
	const imago_object *roots = &facts->known.hidden_roots;
	const check_target target = check_classify(facts, oop);
	if (target == TARGET_OBJECT || target == TARGET_IMMEDIATE || target == TARGET_HIDDEN ||
	    target == TARGET_FORWARDER) {
		check_report_slot(context, IMAGO_RULE_HIDDEN_ROOTS_UNUSED, roots, index, facts->nil);
	} else {
		check_slot(context, roots, index, oop);
	}
}

static void
check_private_roots(check_context *context)
{
	const check_facts *facts = context->facts;
	const imago_object *roots = &facts->known.hidden_roots;
	for (uint64_t i = IMAGO_FIRST_PRIVATE_ROOT; i < IMAGO_HIDDEN_ROOTS_SLOTS; i++) {
		imago_oop oop = check_slot_at(facts, roots, i);
		uint64_t which = i - IMAGO_FIRST_PRIVATE_ROOT;
		imago_object object;
		if (oop == facts->nil || check_classify(facts, oop) == TARGET_UNKNOWN) {
			continue;
		}
		if (which < NUM_OBJ_STACKS) {
			if (!find_stack_page(facts, oop, &object)) {
				check_report_slot(context, IMAGO_RULE_HIDDEN_ROOTS_OBJ_STACK, roots, i,
				                  IMAGO_NOTHING_EXPECTED);
			} else {
				check_stack_pages(context, object, i);
			}
		} else if (which < NUM_OBJ_STACKS + NUM_REMEMBERED_SETS) {
			if (check_find_other(facts, oop, &object) == TARGET_HIDDEN &&
			    is_hidden_words(&object)) {
				note_hidden(context, oop);
			} else {
				check_report_slot(context, IMAGO_RULE_HIDDEN_ROOTS_REMEMBERED_SET, roots, i,
				                  IMAGO_NOTHING_EXPECTED);
			}
		} else {
			check_unused_root(context, i, oop);
		}
	}
}

/* One used slot of the hidden roots; false when the page cannot be used. */
static bool
check_page(check_context *context, uint64_t index)
{
	check_facts *facts = context->facts;
	const imago_object *roots = &facts->known.hidden_roots;
	imago_oop oop = check_slot_at(facts, roots, index);
	imago_object page = {0};
	check_target target = check_find_other(facts, oop, &page);
	if (target == TARGET_UNKNOWN) {
		return false; /* where the walk stopped, that is what was reported */
	}
	if (target != TARGET_HIDDEN || page.class_index != IMAGO_CLASS_HIDDEN_ARRAY ||
	    page.format != IMAGO_FORMAT_INDEXABLE || page.num_slots != IMAGO_CLASS_PAGE_SIZE) {
		if (page.kind == IMAGO_OBJECT_HIDDEN) {
			note_hidden(context, oop); /* it is reached, though wrong */
		}
		check_report_slot(context, IMAGO_RULE_CLASS_TABLE_PAGE, roots, index,
		                  IMAGO_NOTHING_EXPECTED);
		return false;
	}
	if (is_noted(facts, oop)) {
		check_report_slot(context, IMAGO_RULE_CLASS_TABLE_PAGE_TWICE, roots, index,
		                  IMAGO_NOTHING_EXPECTED);
		return false;
	}
	note_hidden(context, oop);
	return true;
}

static void
check_pages(check_context *context)
{
	check_facts *facts = context->facts;
	const imago_object *roots = &facts->known.hidden_roots;
	const imago_layout layout = facts->heap->layout;
	const uint8_t *slots = imago_object_bytes(facts->heap, roots);
	uint64_t num_good = 0;
	uint64_t first_nil = IMAGO_CLASS_MAX_PAGES;
	for (uint64_t i = 0; i < IMAGO_CLASS_MAX_PAGES && !check_stopped(context); i++) {
		if (imago_load_word(slots + i * layout.word_bytes, layout) == facts->nil) {
			if (i < LEAST_PAGES) {
				check_report_slot(context, IMAGO_RULE_CLASS_TABLE_MISSING_PAGE, roots, i,
				                  IMAGO_NOTHING_EXPECTED);
				facts->table_broken = true;
			}
			first_nil = i < first_nil ? i : first_nil;
			continue;
		}
		if (first_nil >= LEAST_PAGES && first_nil < i) {
			check_report_slot(context, IMAGO_RULE_CLASS_TABLE_HOLE, roots, i,
			                  IMAGO_NOTHING_EXPECTED);
			facts->table_broken = true;
			first_nil = IMAGO_CLASS_MAX_PAGES; /* one finding a hole */
		}
		bool good = check_page(context, i);
		facts->table_broken |= !good;
		num_good += good && num_good == i;
	}
	/* Entries behind a page that cannot be used, or that is there twice, are not looked at. */
	uint64_t num_entries = num_good * IMAGO_CLASS_PAGE_SIZE;
	if (num_entries < facts->table.num_entries) {
		facts->table.num_entries = (uint32_t)num_entries;
	}
}

void
check_hidden_roots(check_context *context)
{
	check_facts *facts = context->facts;
	const imago_known_objects *known = &facts->known;
	if (known->free_lists.chunk != 0) {
		note_hidden(context, known->free_lists.oop);
	}
	if (known->hidden_roots.chunk == 0) {
		facts->table_broken = true;
		facts->table.num_entries = 0;
		return;
	}
	note_hidden(context, known->hidden_roots.oop);
	if (!check_stopped(context)) {
		check_private_roots(context);
	}
}

imago_oop
check_table_entry(const check_facts *facts, uint32_t class_index)
{
	const imago_class_table *table = &facts->table;
	uint32_t first = check_is_spur(facts) ? 0 : 1; /* V3's array counts from 1 */
	if (class_index < first || class_index >= table->num_entries) {
		return 0;
	}
	uint32_t entry = class_index - first;
	const uint8_t *page = table->pages[entry / IMAGO_CLASS_PAGE_SIZE];
	return imago_load_word(
	    page + (size_t)(entry % IMAGO_CLASS_PAGE_SIZE) * table->layout.word_bytes, table->layout);
}

static void
report_entry(check_context *context, imago_rule_id rule, uint32_t index, uint64_t expected)
{
	const check_facts *facts = context->facts;
	imago_oop oop = check_slot_at(facts, &facts->known.hidden_roots, index / IMAGO_CLASS_PAGE_SIZE);
	imago_object page;
	/* A page: entries of other things were taken out of the table. */
	(void)check_find_other(facts, oop, &page);
	check_report_slot(context, rule, &page, index % IMAGO_CLASS_PAGE_SIZE, expected);
}

static void
check_entries(check_context *context)
{
	const check_facts *facts = context->facts;
	for (uint32_t i = 0; i < facts->table.num_entries && !check_stopped(context); i++) {
		imago_oop oop = check_table_entry(facts, i);
		imago_object cls;
		if (oop == facts->nil) {
			continue; /* as most are */
		}
		check_target target = check_find(facts, oop, &cls);
		if (target == TARGET_UNKNOWN) {
			continue;
		}
		if (target != TARGET_OBJECT) { /* nil behind a forwarder is none either */
			report_entry(context, IMAGO_RULE_CLASS_TABLE_ENTRY, i, IMAGO_NOTHING_EXPECTED);
		} else if (imago_class_shape_of(facts->heap, &cls).is_class &&
		           check_table_entry(facts, cls.identity_hash) != oop && !facts->table_broken) {
			report_entry(context, IMAGO_RULE_CLASS_TABLE_HASH, i, IMAGO_NOTHING_EXPECTED);
		}
	}
}

typedef struct fixed_entry {
	uint8_t class_index;
	uint8_t special;
} fixed_entry;

static void
check_fixed(check_context *context, imago_rule_id rule, fixed_entry fixed)
{
	const check_facts *facts = context->facts;
	imago_oop expected = check_special_oop(facts, fixed.special);
	if (expected != facts->nil && check_table_entry(facts, fixed.class_index) != expected) {
		report_entry(context, rule, fixed.class_index, expected);
	}
}

static void
check_fixed_entries(check_context *context)
{
	static const fixed_entry fixed[] = {
	    {IMAGO_CLASS_LARGE_NEGATIVE_INTEGER, IMAGO_SPECIAL_CLASS_LARGE_NEGATIVE_INTEGER},
	    {IMAGO_CLASS_LARGE_POSITIVE_INTEGER, IMAGO_SPECIAL_CLASS_LARGE_POSITIVE_INTEGER},
	    {IMAGO_CLASS_FLOAT, IMAGO_SPECIAL_CLASS_FLOAT},
	    {IMAGO_CLASS_CONTEXT, IMAGO_SPECIAL_CLASS_CONTEXT},
	    {IMAGO_CLASS_ARRAY, IMAGO_SPECIAL_CLASS_ARRAY},
	};
	static const fixed_entry immediates[] = {
	    {IMAGO_CLASS_SMALL_INTEGER, IMAGO_SPECIAL_CLASS_SMALL_INTEGER},
	    {IMAGO_CLASS_CHARACTER, IMAGO_SPECIAL_CLASS_CHARACTER},
	    {3, IMAGO_SPECIAL_CLASS_SMALL_INTEGER}, /* the second integer tag of 32 bits */
	};
	const check_facts *facts = context->facts;
	bool wide = facts->heap->layout.word_bytes == 8;
	if (facts->table.num_entries < IMAGO_CLASS_PAGE_SIZE || !facts->has_specials) {
		return;
	}
	for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
		check_fixed(context, IMAGO_RULE_CLASS_TABLE_FIXED, fixed[i]);
	}
	for (size_t i = 0; i < (wide ? 2 : 3); i++) {
		check_fixed(context, IMAGO_RULE_CLASS_TABLE_IMMEDIATE, immediates[i]);
	}
}

void
check_class_table(check_context *context)
{
	check_facts *facts = context->facts;
	if (check_stopped(context)) {
		return;
	}
	if (facts->known.hidden_roots.chunk != 0) {
		check_pages(context);
		check_entries(context);
		check_fixed_entries(context);
	}
	if (facts->num_hidden > 0) {
		qsort(facts->hidden, facts->num_hidden, sizeof *facts->hidden, compare_addresses);
	}
}

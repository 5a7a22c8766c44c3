/* mourn.c: the queue of mourners: fired ephemerons, and weak objects that lost something.
 *
 * In a saved image they stand in an object stack of the VM's (spur.md §9): pages of raw words,
 * which no collector would follow. Here they are a list beside the objects. */
#include "object_memory_private.h"

#include "imago/known_objects.h"

enum {
	PAGE_TOP,
	PAGE_ROOT,
	PAGE_FREE_LINK,
	PAGE_NEXT_LINK,
	PAGE_ENTRIES,
	ENTRIES_PER_PAGE = IMAGO_OBJ_STACK_PAGE_SLOTS - PAGE_ENTRIES,
	NUM_STACKS = 3, /* mark stack, weakling stack, mourn queue */
	MOURN_QUEUE = IMAGO_FIRST_PRIVATE_ROOT + 2,
	FIRST_CAPACITY = 16,
};

bool
object_memory_mourn_reserve(imago_object_memory *memory, uint64_t count)
{
	uint64_t wanted = memory->num_mourners + count;
	if (wanted <= memory->mourner_capacity) {
		return true;
	}
	uint64_t capacity = wanted + wanted / 2 + FIRST_CAPACITY;
	imago_oop *grown =
	    imago_resize(memory->allocator, memory->mourners, memory->mourner_capacity * sizeof *grown,
	                 capacity * sizeof *grown, "mourners", NULL);
	if (grown == NULL) {
		return false;
	}
	memory->mourners = grown;
	memory->mourner_capacity = capacity;
	return true;
}

imago_oop
imago_memory_next_mourner(imago_object_memory *memory)
{
	if (memory->num_mourners == 0) {
		return 0;
	}
	imago_oop oop = memory->mourners[0];
	memory->num_mourners--;
	memmove(memory->mourners, memory->mourners + 1,
	        (size_t)memory->num_mourners * sizeof *memory->mourners);
	return oop;
}

static imago_oop
stack_page(const imago_object_memory *memory, uint64_t root)
{
	imago_oop page = imago_memory_slot(memory, memory->hidden_roots, root, memory->kind);
	return page == memory->nil ? 0 : page;
}

/* A bit for each object's header, of those that an image may see. */
static imago_status
mark_objects(const imago_object_memory *memory, imago_bitmap *objects, imago_error *error)
{
	uint64_t num_bits = object_memory_perm_bit(memory, memory->old_top);
	imago_status status = imago_bitmap_create(objects, num_bits, memory->allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	for (imago_oop oop = imago_memory_first(memory); oop != 0;
	     oop = imago_memory_next(memory, oop)) {
		if (imago_memory_class_tag(memory, oop) >= IMAGO_CLASS_FIRST_REAL) {
			imago_bitmap_set(objects, object_memory_perm_bit(memory, oop));
		}
	}
	return IMAGO_OK;
}

static bool
add_entry(imago_object_memory *memory, imago_oop entry, const imago_bitmap *objects)
{
	uint64_t bit = object_memory_perm_bit(memory, entry);
	if (entry < memory->base || entry % 8 != 0 || bit >= objects->num_bits ||
	    !imago_bitmap_test(objects, bit)) {
		return true; /* nobody says what else a queue may hold */
	}
	if (!object_memory_mourn_reserve(memory, 1)) {
		return false;
	}
	memory->mourners[memory->num_mourners++] = entry;
	return true;
}

static bool
add_entries(imago_object_memory *memory, imago_oop page, const imago_bitmap *objects)
{
	const imago_memory_kind kind = memory->kind;
	uint64_t pages_left = (memory->old_top - memory->old_base) /
	                      imago_memory_object_bytes(kind, IMAGO_OBJ_STACK_PAGE_SLOTS - 2);
	for (; page != 0 && pages_left > 0; pages_left--) {
		uint64_t count = imago_memory_slot(memory, page, PAGE_TOP, kind);
		for (uint64_t i = 0; i < count && i < ENTRIES_PER_PAGE; i++) {
			if (!add_entry(memory, imago_memory_slot(memory, page, PAGE_ENTRIES + i, kind),
			               objects)) {
				return false;
			}
		}
		page = imago_memory_slot(memory, page, PAGE_NEXT_LINK, kind);
	}
	return true;
}

static void
empty_stack(imago_object_memory *memory, uint64_t root)
{
	static const uint8_t slots[] = {PAGE_TOP, PAGE_FREE_LINK, PAGE_NEXT_LINK};
	const imago_memory_kind kind = memory->kind;
	imago_oop page = stack_page(memory, root);
	for (size_t i = 0; page != 0 && i < sizeof slots / sizeof slots[0]; i++) {
		if (imago_memory_slot(memory, page, slots[i], kind) != 0) { /* mapped pages stay clean */
			imago_memory_set_slot_raw(memory, page, slots[i], 0, kind);
		}
	}
}

imago_status
object_memory_mourn_load(imago_object_memory *memory, imago_error *error)
{
	if (memory->kind.v3) {
		return IMAGO_OK;
	}
	imago_oop page = stack_page(memory, MOURN_QUEUE);
	imago_bitmap objects;
	if (page != 0 && imago_memory_slot(memory, page, PAGE_TOP, memory->kind) != 0) {
		imago_status status = mark_objects(memory, &objects, error);
		if (status != IMAGO_OK) {
			return status;
		}
		bool added = add_entries(memory, page, &objects);
		imago_bitmap_release(&objects, memory->allocator);
		if (!added) {
			return imago_fail(error, IMAGO_ENOMEM, "mourners", IMAGO_NO_OFFSET,
			                  memory->num_mourners, memory->num_mourners);
		}
	}
	for (uint64_t i = 0; i < NUM_STACKS; i++) {
		empty_stack(memory, IMAGO_FIRST_PRIVATE_ROOT + i);
	}
	return IMAGO_OK;
}

static imago_oop
make_page(imago_object_memory *memory)
{
	const imago_memory_kind kind = memory->kind;
	imago_oop page = object_memory_make_old(
	    memory, kind.wide ? IMAGO_CLASS_HIDDEN_BITS64 : IMAGO_CLASS_HIDDEN_BITS32,
	    kind.wide ? IMAGO_FORMAT_BITS64 : IMAGO_FORMAT_BITS32, IMAGO_OBJ_STACK_PAGE_SLOTS);
	if (page != 0) {
		memset(imago_memory_body(memory, page, kind), 0,
		       (size_t)IMAGO_OBJ_STACK_PAGE_SLOTS * imago_word_bytes(kind));
		imago_memory_set_slot_raw(memory, page, PAGE_ROOT, MOURN_QUEUE, kind);
	}
	return page;
}

/* Nothing is young. */
imago_status
object_memory_mourn_save(imago_object_memory *memory, imago_error *error)
{
	const imago_memory_kind kind = memory->kind;
	imago_oop page = memory->num_mourners > 0 ? stack_page(memory, MOURN_QUEUE) : 0;
	imago_oop previous = 0;
	for (uint64_t done = 0; done < memory->num_mourners;) {
		uint64_t left = memory->num_mourners - done;
		uint64_t count = left < ENTRIES_PER_PAGE ? left : ENTRIES_PER_PAGE;
		page = page != 0 ? page : make_page(memory);
		if (page == 0) {
			object_memory_mourn_saved(memory);
			return imago_fail(error, IMAGO_ELIMIT, "mourners", IMAGO_NO_OFFSET,
			                  memory->num_mourners, done);
		}
		for (uint64_t i = 0; i < count; i++) {
			imago_memory_set_slot_raw(memory, page, PAGE_ENTRIES + i, memory->mourners[done + i],
			                          kind);
		}
		imago_memory_set_slot_raw(memory, page, PAGE_TOP, count, kind);
		if (previous != 0) {
			imago_memory_set_slot_raw(memory, previous, PAGE_NEXT_LINK, page, kind);
		} else {
			imago_memory_set_slot_raw(memory, memory->hidden_roots, MOURN_QUEUE, page, kind);
		}
		previous = page;
		page = 0;
		done += count;
	}
	return IMAGO_OK;
}

void
object_memory_mourn_saved(imago_object_memory *memory)
{
	if (!memory->kind.v3) {
		empty_stack(memory, MOURN_QUEUE);
	}
}

/* permanent.c: what is remembered of permanent space.
 *
 * Its objects have bits beside them instead of in their headers: a collector that looks at what is
 * remembered writes nothing to their pages. */
#include "object_memory_private.h"

enum { FIRST_CAPACITY = 256 };

/* Adds an object to the list; its bit says the same when the list cannot grow. */
static void
list(imago_object_memory *memory, imago_oop oop)
{
	object_memory_perm *perm = memory->perm;
	if (perm->num_objects == perm->capacity) {
		uint64_t capacity = 2 * perm->capacity + FIRST_CAPACITY;
		imago_oop *grown =
		    imago_resize(memory->allocator, perm->objects, perm->capacity * sizeof *grown,
		                 capacity * sizeof *grown, "remembered set of permanent space", NULL);
		if (grown == NULL) {
			perm->overflow = true;
			return;
		}
		perm->objects = grown;
		perm->capacity = capacity;
	}
	perm->objects[perm->num_objects++] = oop;
}

static void
remember_old(imago_object_memory *memory, imago_oop oop)
{
	uint64_t bit = object_memory_perm_bit(memory, oop);
	if (!imago_bitmap_test(&memory->perm->leads_to_old, bit)) {
		imago_bitmap_set(&memory->perm->leads_to_old, bit);
		list(memory, oop);
	}
}

bool
object_memory_perm_remember(imago_object_memory *memory, imago_oop oop)
{
	remember_old(memory, oop);
	uint64_t bit = object_memory_perm_bit(memory, oop);
	if (imago_bitmap_test(&memory->perm->given_young, bit)) {
		return true;
	}
	imago_bitmap_set(&memory->perm->given_young, bit);
	return false;
}

static bool
leads_to_old(const imago_object_memory *memory, imago_oop oop)
{
	const imago_memory_kind kind = memory->kind;
	uint64_t num_oops = object_memory_num_oops(memory, oop);
	for (uint64_t i = 0; i < num_oops; i++) {
		imago_oop value = imago_memory_slot(memory, oop, i, kind);
		if (imago_memory_is_pointer(kind, value) && value >= memory->watched) {
			return true;
		}
	}
	return false;
}

imago_oop
object_memory_perm_next(const imago_object_memory *memory, uint64_t *place)
{
	const object_memory_perm *perm = memory->perm;
	if (!perm->overflow) {
		return *place < perm->num_objects ? perm->objects[(*place)++] : 0;
	}
	uint64_t bit = imago_bitmap_next(&perm->leads_to_old, *place);
	*place = bit + 1;
	return bit < perm->leads_to_old.num_bits ? object_memory_perm_at(memory, bit) : 0;
}

void
object_memory_perm_prune(imago_object_memory *memory)
{
	object_memory_perm *perm = memory->perm;
	uint64_t place = 0;
	uint64_t num_kept = 0;
	for (imago_oop oop; (oop = object_memory_perm_next(memory, &place)) != 0;) {
		if (!leads_to_old(memory, oop)) {
			imago_bitmap_clear(&perm->leads_to_old, object_memory_perm_bit(memory, oop));
		} else if (!perm->overflow) {
			perm->objects[num_kept++] = oop;
		}
	}
	perm->num_objects = perm->overflow ? 0 : num_kept;
}

void
object_memory_perm_scan(imago_object_memory *memory)
{
	object_memory_perm *perm = memory->perm;
	memset(perm->leads_to_old.words, 0, (size_t)(perm->leads_to_old.num_bits + 63) / 64 * 8);
	perm->num_objects = 0;
	perm->overflow = false;
	for (imago_oop oop = imago_memory_first(memory); oop != 0 && oop < memory->old_base;
	     oop = imago_memory_next(memory, oop)) {
		if (leads_to_old(memory, oop)) {
			remember_old(memory, oop);
		}
	}
}

/* The class of an object that nobody walks must not be taken for garbage. */
static imago_status
note_classes(imago_object_memory *memory, imago_error *error)
{
	object_memory_perm *perm = memory->perm;
	imago_bitmap seen;
	imago_status status =
	    imago_bitmap_create(&seen, IMAGO_CLASS_INDEX_LIMIT, memory->allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	for (imago_oop oop = imago_memory_first(memory); oop != 0 && oop < memory->old_base;
	     oop = imago_memory_next(memory, oop)) {
		imago_bitmap_set(&seen,
		                 imago_memory_header(memory, oop, memory->kind) & OBJECT_MEMORY_CLASS_BITS);
	}
	uint64_t count = imago_bitmap_count(&seen);
	perm->class_indices = imago_allocate_array(
	    memory->allocator, count, sizeof *perm->class_indices, "classes of permanent space", error);
	if (perm->class_indices == NULL) {
		status = IMAGO_ENOMEM;
	} else {
		perm->num_class_indices = count;
		uint64_t bit = 0;
		for (uint64_t i = 0; i < count; i++) {
			bit = imago_bitmap_next(&seen, bit);
			perm->class_indices[i] = (uint32_t)bit++;
		}
	}
	imago_bitmap_release(&seen, memory->allocator);
	return status;
}

/* The bits, all clear, and an empty list; nothing where there is no permanent space. */
static imago_status
create_empty(imago_object_memory *memory, imago_error *error)
{
	memory->perm =
	    imago_allocate(memory->allocator, sizeof *memory->perm, "permanent space", error);
	if (memory->perm == NULL) {
		return IMAGO_ENOMEM;
	}
	uint64_t num_bits = object_memory_perm_bit(memory, memory->perm_top);
	imago_status status =
	    imago_bitmap_create(&memory->perm->leads_to_old, num_bits, memory->allocator, error);
	if (status == IMAGO_OK) {
		status =
		    imago_bitmap_create(&memory->perm->given_young, num_bits, memory->allocator, error);
	}
	return status;
}

imago_status
object_memory_perm_create(imago_object_memory *memory, imago_error *error)
{
	if (memory->perm_top == memory->base) {
		return IMAGO_OK;
	}
	imago_status status = create_empty(memory, error);
	if (status == IMAGO_OK) {
		status = note_classes(memory, error);
	}
	if (status == IMAGO_OK) {
		object_memory_perm_scan(memory);
	}
	return status;
}

imago_status
object_memory_perm_create_known(imago_object_memory *memory, const imago_memory_mapping *mapping,
                                imago_error *error)
{
	if (memory->perm_top == memory->base) {
		return IMAGO_OK;
	}
	imago_status status = create_empty(memory, error);
	if (status != IMAGO_OK) {
		return status;
	}
	object_memory_perm *perm = memory->perm;
	imago_allocator *allocator = memory->allocator;
	perm->objects = imago_allocate_array(allocator, mapping->num_remembered, sizeof *perm->objects,
	                                     "remembered set of permanent space", error);
	perm->capacity = perm->objects != NULL ? mapping->num_remembered : 0;
	perm->class_indices =
	    imago_allocate_array(allocator, mapping->num_class_indices, sizeof *perm->class_indices,
	                         "classes of permanent space", error);
	perm->num_class_indices = perm->class_indices != NULL ? mapping->num_class_indices : 0;
	if (perm->objects == NULL || perm->class_indices == NULL) {
		return IMAGO_ENOMEM;
	}
	for (uint64_t i = 0; i < mapping->num_remembered; i++) {
		imago_oop oop = memory->base + mapping->remembered[i];
		if (oop != memory->free_lists) { /* whose links are no oops */
			remember_old(memory, oop);
		}
	}
	for (uint64_t i = 0; i < mapping->num_class_indices; i++) {
		perm->class_indices[i] = mapping->class_indices[i];
	}
	return IMAGO_OK;
}

/* The indices of all classes there are. */
static imago_status
note_all_classes(imago_object_memory *memory, imago_error *error)
{
	object_memory_perm *perm = memory->perm;
	const uint32_t num_entries = memory->num_class_pages * IMAGO_CLASS_PAGE_SIZE;
	uint64_t count = 0;
	for (uint32_t i = 0; i < num_entries; i++) {
		count += object_memory_class_at(memory, i) != 0;
	}
	perm->class_indices = imago_allocate_array(
	    memory->allocator, count, sizeof *perm->class_indices, "classes of permanent space", error);
	if (perm->class_indices == NULL) {
		return IMAGO_ENOMEM;
	}
	for (uint32_t i = 0; i < num_entries && perm->num_class_indices < count; i++) {
		if (object_memory_class_at(memory, i) != 0) {
			perm->class_indices[perm->num_class_indices++] = i;
		}
	}
	return IMAGO_OK;
}

imago_status
object_memory_perm_create_tabled(imago_object_memory *memory, imago_error *error)
{
	imago_status status = create_empty(memory, error);
	if (status == IMAGO_OK) {
		status = note_all_classes(memory, error);
	}
	const imago_object_copy *copies = NULL;
	if (status == IMAGO_OK) {
		status = imago_object_table_list(memory->table, &copies, error);
	}
	for (uint64_t i = 0; status == IMAGO_OK && i < memory->table->num_copies; i++) {
		imago_oop oop = object_memory_oop_of_chunk(memory, memory->base + copies[i].at);
		if (object_memory_is_followed(memory, oop) && leads_to_old(memory, oop)) {
			remember_old(memory, oop);
		}
	}
	return status;
}

imago_status
imago_memory_remembered(const imago_object_memory *memory, imago_oop **out, uint64_t *count,
                        imago_allocator *allocator, imago_error *error)
{
	const object_memory_perm *perm = memory->perm;
	const bool has_lists =
	    memory->free_lists != 0 && imago_memory_is_perm(memory, memory->free_lists);
	uint64_t num_oops = perm == NULL ? 0 : imago_bitmap_count(&perm->leads_to_old) + has_lists;
	imago_oop *oops =
	    imago_allocate_array(allocator, num_oops, sizeof *oops, "remembered objects", error);
	if (oops == NULL) {
		return IMAGO_ENOMEM;
	}
	uint64_t place = 0;
	bool told = !has_lists;
	for (uint64_t i = 0; i < num_oops; i++) {
		uint64_t bit = imago_bitmap_next(&perm->leads_to_old, place);
		imago_oop oop = object_memory_perm_at(memory, bit);
		if (!told && oop > memory->free_lists) {
			oops[i] = memory->free_lists;
			told = true;
			continue;
		}
		oops[i] = oop;
		place = bit + 1;
	}
	*out = oops;
	*count = num_oops;
	return IMAGO_OK;
}

void
object_memory_perm_destroy(imago_object_memory *memory)
{
	object_memory_perm *perm = memory->perm;
	if (perm == NULL) {
		return;
	}
	imago_allocator *allocator = memory->allocator;
	imago_bitmap_release(&perm->leads_to_old, allocator);
	imago_bitmap_release(&perm->given_young, allocator);
	imago_release(allocator, perm->objects, perm->capacity * sizeof *perm->objects);
	imago_release(allocator, perm->class_indices,
	              perm->num_class_indices * sizeof *perm->class_indices);
	imago_release(allocator, perm, sizeof *perm);
}

/* class_table.c: the class table of Spur and the compact classes of V3, looked up once. */
#include "imago/class_table.h"

#include <string.h>

#include "imago/known_objects.h"

/* The page in slot index of the hidden roots, or NULL when there is none that can be used. */
static const uint8_t *
spur_page(const imago_heap *heap, const imago_object *roots, uint64_t index, imago_oop nil)
{
	imago_oop oop = imago_heap_fetch_slot(heap, roots, index);
	imago_object page;
	if (oop == nil || !imago_oop_is_pointer(heap->tagging, oop) ||
	    imago_heap_decode_object(heap, oop, &page, NULL) != IMAGO_OK) {
		return NULL;
	}
	if (page.body_kind != IMAGO_BODY_POINTERS || page.kind == IMAGO_OBJECT_FREE ||
	    page.num_slots < IMAGO_CLASS_PAGE_SIZE) {
		return NULL;
	}
	return imago_object_bytes(heap, &page);
}

static imago_status
find_spur_pages(imago_class_table *table, const imago_heap *heap, imago_error *error)
{
	imago_known_objects known;
	imago_known_objects_find(heap, &known);
	const imago_object *roots = &known.hidden_roots;
	if (roots->chunk == 0 || roots->body_kind != IMAGO_BODY_POINTERS ||
	    roots->kind == IMAGO_OBJECT_FREE) {
		return IMAGO_OK;
	}
	uint64_t num_slots =
	    roots->num_slots < IMAGO_CLASS_MAX_PAGES ? roots->num_slots : IMAGO_CLASS_MAX_PAGES;
	uint32_t num_pages = 0;
	while (num_pages < num_slots && spur_page(heap, roots, num_pages, table->nil) != NULL) {
		num_pages++;
	}
	if (num_pages == 0) {
		return IMAGO_OK;
	}
	table->pages = imago_allocate_array(table->allocator, num_pages, sizeof *table->pages,
	                                    "class table pages", error);
	if (table->pages == NULL) {
		return IMAGO_ENOMEM;
	}
	table->num_pages = num_pages;
	table->num_entries = num_pages * IMAGO_CLASS_PAGE_SIZE;
	for (uint32_t i = 0; i < num_pages; i++) {
		table->pages[i] = spur_page(heap, roots, i, table->nil);
	}
	return IMAGO_OK;
}

static imago_status
find_compact_classes(imago_class_table *table, const imago_heap *heap, imago_error *error)
{
	imago_oop oop = imago_special_object_at(heap, IMAGO_SPECIAL_COMPACT_CLASSES);
	imago_object array;
	if (oop == table->nil || !imago_oop_is_pointer(heap->tagging, oop) ||
	    imago_heap_decode_object(heap, oop, &array, NULL) != IMAGO_OK ||
	    array.body_kind != IMAGO_BODY_POINTERS || array.num_slots == 0) {
		return IMAGO_OK;
	}
	table->pages =
	    imago_allocate_array(table->allocator, 1, sizeof *table->pages, "compact classes", error);
	if (table->pages == NULL) {
		return IMAGO_ENOMEM;
	}
	uint64_t num_slots =
	    array.num_slots < IMAGO_COMPACT_CLASSES ? array.num_slots : IMAGO_COMPACT_CLASSES;
	table->num_pages = 1;
	table->num_entries = 1 + (uint32_t)num_slots;
	table->pages[0] = imago_object_bytes(heap, &array);
	return IMAGO_OK;
}

imago_status
imago_class_table_create(imago_class_table *table, const imago_heap *heap,
                         imago_allocator *allocator, imago_error *error)
{
	*table = (imago_class_table){
	    .layout = heap->layout,
	    .tagging = heap->tagging,
	    .nil = imago_heap_nil(heap),
	    .integer_class = imago_special_object_at(heap, IMAGO_SPECIAL_CLASS_SMALL_INTEGER),
	    .allocator = allocator,
	};
	return heap->model == IMAGO_SPUR ? find_spur_pages(table, heap, error)
	                                 : find_compact_classes(table, heap, error);
}

void
imago_class_table_release(imago_class_table *table)
{
	if (table->pages != NULL) {
		imago_release(table->allocator, table->pages, table->num_pages * sizeof *table->pages);
	}
	*table = (imago_class_table){0};
}

imago_addr
imago_class_of_object(const imago_class_table *table, const imago_object *object)
{
	if (table->tagging == IMAGO_TAGGING_V3 && object->class_oop != 0) {
		return object->class_oop;
	}
	return imago_class_table_at(table, object->class_index);
}

/* The class format word of V3 (bytecodes.md §4); the instance format keeps its V3 number. */
static void
decode_v3_shape(uint64_t word, imago_class_shape *shape)
{
	uint64_t size = (word >> 1 & 63) + (word >> 10 & 0xC0);
	shape->num_named = size > 0 ? (uint32_t)(size - 1) : 0;
	shape->format = word >> 7 & 15;
	shape->compact_index = word >> 11 & 31;
}

imago_class_shape
imago_class_shape_of(const imago_heap *heap, const imago_object *cls)
{
	enum { SUPERCLASS, METHOD_DICTIONARY, FORMAT, NUM_NEEDED, WIDEST_FORMAT = 1 << 30 };
	imago_class_shape shape = {0};
	if (cls->kind != IMAGO_OBJECT_ORDINARY || cls->body_kind != IMAGO_BODY_POINTERS ||
	    cls->num_slots < NUM_NEEDED) {
		return shape;
	}
	imago_oop format = imago_heap_fetch_slot(heap, cls, FORMAT);
	if (imago_oop_kind_of(heap->tagging, format) != IMAGO_OOP_INTEGER) {
		return shape;
	}
	/* Of 21 bits, V3's of 18: one that 32-bit images could not hold is no format. */
	int64_t value = imago_oop_integer(heap->tagging, format);
	if (value < -WIDEST_FORMAT || value >= WIDEST_FORMAT) {
		return shape;
	}
	uint64_t word = (uint64_t)value;
	shape.is_class = true;
	shape.superclass = imago_heap_fetch_slot(heap, cls, SUPERCLASS);
	shape.method_dictionary = imago_heap_fetch_slot(heap, cls, METHOD_DICTIONARY);
	if (heap->model == IMAGO_V3) {
		decode_v3_shape(word, &shape);
	} else {
		shape.num_named = word & 0xFFFF;
		shape.format = word >> 16 & 31;
	}
	return shape;
}

/* The name string in a slot of a class, or false. */
static bool
copy_name(const imago_heap *heap, const imago_object *cls, uint64_t slot, char *text, size_t size)
{
	imago_object name;
	if (slot >= cls->num_slots) {
		return false;
	}
	imago_oop oop = imago_heap_fetch_slot(heap, cls, slot);
	if (!imago_oop_is_pointer(heap->tagging, oop) ||
	    imago_heap_decode_object(heap, oop, &name, NULL) != IMAGO_OK ||
	    name.kind != IMAGO_OBJECT_ORDINARY || name.body_kind != IMAGO_BODY_BITS8) {
		return false;
	}
	uint64_t length = imago_object_num_elements(heap, &name);
	const uint8_t *bytes = imago_object_bytes(heap, &name);
	if (length == 0) {
		return false;
	}
	size_t used = 0;
	for (; used < length && used + 1 < size; used++) {
		bool printable = bytes[used] >= ' ' && bytes[used] < 0x7F;
		text[used] = (char)(printable ? bytes[used] : (uint8_t)'?');
	}
	text[used] = '\0';
	return true;
}

/* The name of the class that a metaclass's slot points at, with its suffix. */
static bool
copy_sole_instance_name(const imago_heap *heap, const imago_object *metaclass, uint64_t slot,
                        uint64_t name_slot, char *text, size_t size)
{
	static const char suffix[] = " class";
	imago_object instance;
	if (slot >= metaclass->num_slots) {
		return false;
	}
	imago_oop oop = imago_heap_fetch_slot(heap, metaclass, slot);
	if (!imago_oop_is_pointer(heap->tagging, oop) ||
	    imago_heap_decode_object(heap, oop, &instance, NULL) != IMAGO_OK ||
	    instance.body_kind != IMAGO_BODY_POINTERS ||
	    !copy_name(heap, &instance, name_slot, text, size)) {
		return false;
	}
	size_t length = strlen(text);
	if (size - length > sizeof suffix - 1) {
		memcpy(text + length, suffix, sizeof suffix);
	}
	return true;
}

void
imago_class_name(const imago_heap *heap, imago_oop cls, char *text, size_t size)
{
	/* Squeak and Pharo keep a class's name in slot 6 and a metaclass's sole instance in slot 5, or
	 * 6 before closures; images bootstrapped from a minimal kernel keep one or both in slot 3. */
	enum { NAME = 6, INSTANCE = 5, OLD_INSTANCE = 6, MINIMAL = 3 };
	imago_object object;
	if (size < 2) {
		if (size == 1) {
			text[0] = '\0';
		}
		return;
	}
	if (!imago_oop_is_pointer(heap->tagging, cls) ||
	    imago_heap_decode_object(heap, cls, &object, NULL) != IMAGO_OK ||
	    object.body_kind != IMAGO_BODY_POINTERS) {
		memcpy(text, "?", 2);
		return;
	}
	if (!copy_name(heap, &object, NAME, text, size) &&
	    !copy_sole_instance_name(heap, &object, INSTANCE, NAME, text, size) &&
	    !copy_sole_instance_name(heap, &object, OLD_INSTANCE, NAME, text, size) &&
	    !copy_sole_instance_name(heap, &object, MINIMAL, NAME, text, size) &&
	    !copy_name(heap, &object, MINIMAL, text, size) &&
	    !copy_sole_instance_name(heap, &object, MINIMAL, MINIMAL, text, size)) {
		memcpy(text, "?", 2);
	}
}

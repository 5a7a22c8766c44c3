/* builder_classes.c: classes with their metaclasses, the class table, method dictionaries.
 *
 * Source: formats/spur/spur.md §9; the layouts of classes and dictionaries are those of Squeak.
 */
#include "builder_private.h"

enum {
	DICTIONARY_TALLY = 0,
	DICTIONARY_METHODS = 1,
	DICTIONARY_NAMED = 2,
	FIRST_DICTIONARY_CAPACITY = 1,
	SPUR_MAX_NAMED = 0xFFFF,
	V3_MAX_NAMED = 0xFE,
};

int64_t
builder_class_format(const imago_builder *builder, uint32_t num_named, uint8_t format,
                     uint32_t compact_index)
{
	if (builder_is_spur(builder)) {
		return (int64_t)format << 16 | num_named;
	}
	uint32_t size = num_named + 1;
	return (int64_t)(size & 63) << 1 | (int64_t)builder_layout_format(builder, format) << 7 |
	       (int64_t)compact_index << 11 | (int64_t)(size >> 6) << 16;
}

void
builder_enter_class(imago_builder *builder, uint32_t index, imago_oop cls)
{
	uint32_t page_index = index / IMAGO_CLASS_PAGE_SIZE;
	if (page_index >= IMAGO_CLASS_MAX_PAGES) {
		builder_fail(builder, IMAGO_ELIMIT, "class index", index, IMAGO_CLASS_INDEX_LIMIT);
		return;
	}
	imago_oop page = imago_builder_fetch(builder, builder->hidden_roots, page_index);
	if (page == builder->nil) {
		builder_shape shape = {.class_index = IMAGO_CLASS_HIDDEN_ARRAY};
		page = builder_lay_out(builder, builder->old, &shape, IMAGO_FORMAT_INDEXABLE,
		                       IMAGO_CLASS_PAGE_SIZE);
		builder_fill(builder, page, builder->nil);
		imago_builder_store(builder, builder->hidden_roots, page_index, page);
	}
	imago_builder_store(builder, page, index % IMAGO_CLASS_PAGE_SIZE, cls);
}

/* An object with the slots of a class, in old space, with the index (Spur) that its instances will
 * carry. */
static imago_oop
new_behavior(imago_builder *builder, const builder_shape *shape, uint64_t num_slots, uint32_t index)
{
	imago_oop behavior =
	    builder_lay_out(builder, builder->old, shape, IMAGO_FORMAT_FIXED, num_slots);
	builder_fill(builder, behavior, builder->nil);
	if (builder_is_spur(builder) && builder_ok(builder)) {
		imago_builder_set_hash(builder, behavior, index);
		builder_enter_class(builder, index, behavior);
	}
	return behavior;
}

imago_oop
builder_raw_class(imago_builder *builder, uint32_t index, uint32_t num_named, uint8_t format,
                  uint32_t compact_index)
{
	builder_shape unknown = {.cls = 0};
	uint32_t metaclass_index = builder->next_class_index++;
	imago_oop metaclass = new_behavior(builder, &unknown, BUILDER_METACLASS_SLOTS, metaclass_index);
	builder_shape shape = {.cls = metaclass,
	                       .class_index = builder_is_spur(builder) ? metaclass_index : 0};
	if (index == 0) {
		index = builder->next_class_index++;
	}
	imago_oop cls = new_behavior(builder, &shape, BUILDER_CLASS_SLOTS, index);
	imago_builder_store(builder, metaclass, BUILDER_CLASS_FORMAT,
	                    builder_small(builder, builder_class_format(builder, BUILDER_CLASS_SLOTS,
	                                                                IMAGO_FORMAT_FIXED, 0)));
	imago_builder_store(
	    builder, cls, BUILDER_CLASS_FORMAT,
	    builder_small(builder, builder_class_format(builder, num_named, format, compact_index)));
	imago_builder_store(builder, metaclass, BUILDER_METACLASS_THIS_CLASS, cls);
	return cls;
}

imago_oop
builder_new_dictionary(imago_builder *builder, size_t segment, uint64_t capacity)
{
	builder_shape shape;
	builder_shape array;
	if (!builder_shape_of(builder, builder->classes[IMAGO_KERNEL_METHOD_DICTIONARY], &shape) ||
	    !builder_shape_of(builder, builder->classes[IMAGO_KERNEL_ARRAY], &array)) {
		return 0;
	}
	imago_oop methods = builder_lay_out(builder, segment, &array, IMAGO_FORMAT_INDEXABLE, capacity);
	builder_fill(builder, methods, builder->nil);
	imago_oop dictionary =
	    builder_lay_out(builder, segment, &shape, IMAGO_FORMAT_MIXED, DICTIONARY_NAMED + capacity);
	builder_fill(builder, dictionary, builder->nil);
	imago_builder_store(builder, dictionary, DICTIONARY_TALLY, builder_small(builder, 0));
	imago_builder_store(builder, dictionary, DICTIONARY_METHODS, methods);
	return dictionary;
}

void
builder_complete_class(imago_builder *builder, imago_oop cls, imago_oop superclass,
                       const char *name, uint64_t dictionary_capacity)
{
	imago_oop metaclass = builder_class_of(builder, cls);
	imago_oop above = superclass != builder->nil ? builder_class_of(builder, superclass)
	                                             : builder->classes[IMAGO_KERNEL_CLASS];
	builder_set_class(builder, metaclass, builder->classes[IMAGO_KERNEL_METACLASS]);
	imago_builder_store(builder, metaclass, BUILDER_CLASS_SUPERCLASS, above);
	imago_builder_store(builder, metaclass, BUILDER_CLASS_METHODS,
	                    builder_new_dictionary(builder, builder->old, FIRST_DICTIONARY_CAPACITY));
	imago_builder_store(builder, cls, BUILDER_CLASS_SUPERCLASS, superclass);
	imago_builder_store(builder, cls, BUILDER_CLASS_METHODS,
	                    builder_new_dictionary(builder, builder->old, dictionary_capacity));
	imago_oop symbol =
	    imago_builder_new_string(builder, builder->classes[IMAGO_KERNEL_BYTE_SYMBOL], name);
	imago_builder_store(builder, cls, BUILDER_CLASS_NAME, symbol);
}

/* What a class that adds num_named slots to superclass says of its instances; false: the layout has
 * no such class. */
static bool
shape_below(imago_builder *builder, imago_oop superclass, uint32_t num_named, uint8_t *format,
            uint32_t *total_named)
{
	*total_named = num_named;
	if (superclass != builder->nil) {
		builder_shape above;
		if (!builder_shape_of(builder, superclass, &above)) {
			return false;
		}
		*total_named = above.num_named + num_named;
	}
	if (*format <= IMAGO_FORMAT_FIXED) {
		*format = *total_named == 0 ? IMAGO_FORMAT_EMPTY : IMAGO_FORMAT_FIXED;
	}
	uint32_t limit = builder_is_spur(builder) ? SPUR_MAX_NAMED : V3_MAX_NAMED;
	bool pointers = *format <= IMAGO_FORMAT_EPHEMERON;
	bool known = pointers || *format == IMAGO_FORMAT_BITS64 || *format == IMAGO_FORMAT_BITS32 ||
	             *format == IMAGO_FORMAT_BITS16 || *format == IMAGO_FORMAT_BITS8 ||
	             *format == IMAGO_FORMAT_METHOD;
	bool spur_only = *format == IMAGO_FORMAT_EPHEMERON || *format == IMAGO_FORMAT_BITS64 ||
	                 *format == IMAGO_FORMAT_BITS16;
	if (!known || (spur_only && !builder_is_spur(builder)) ||
	    (*format == IMAGO_FORMAT_INDEXABLE && *total_named != 0) ||
	    (!pointers && *total_named != 0)) {
		builder_fail(builder, IMAGO_EUSAGE, "format of a class", *format, 0);
		return false;
	}
	if (num_named > limit || *total_named > limit) {
		builder_fail(builder, IMAGO_EUSAGE, "named slots of a class", *total_named, limit);
		return false;
	}
	return true;
}

imago_oop
imago_builder_new_class(imago_builder *builder, imago_oop superclass, const char *name,
                        uint32_t num_named, uint8_t format)
{
	uint32_t total_named = 0;
	if (!builder_ok(builder) ||
	    !shape_below(builder, superclass, num_named, &format, &total_named)) {
		return 0;
	}
	imago_oop cls = builder_raw_class(builder, 0, total_named, format, 0);
	builder_complete_class(builder, cls, superclass, name, FIRST_DICTIONARY_CAPACITY);
	return builder_ok(builder) ? cls : 0;
}

/* The slot where probing for selector ends: its own, or the first nil one. */
static uint64_t
probe(imago_builder *builder, imago_oop dictionary, uint64_t capacity, uint32_t hash,
      imago_oop selector)
{
	uint64_t index = hash & (capacity - 1);
	for (uint64_t i = 0; i < capacity; i++) {
		imago_oop key = imago_builder_fetch(builder, dictionary, DICTIONARY_NAMED + index);
		if (key == selector || key == builder->nil) {
			break;
		}
		index = (index + 1) & (capacity - 1);
	}
	return index;
}

void
builder_put_method(imago_builder *builder, imago_oop dictionary, imago_oop selector,
                   imago_oop method)
{
	builder_object found;
	builder_object key;
	if (!builder_find(builder, dictionary, &found) || !builder_find(builder, selector, &key)) {
		return;
	}
	uint64_t index =
	    probe(builder, dictionary, found.num_slots - DICTIONARY_NAMED, key.hash, selector);
	imago_oop old = imago_builder_fetch(builder, dictionary, DICTIONARY_NAMED + index);
	if (old == builder->nil) {
		imago_oop tally = imago_builder_fetch(builder, dictionary, DICTIONARY_TALLY);
		int64_t count = imago_oop_integer(builder->tagging, tally) + 1;
		imago_builder_store(builder, dictionary, DICTIONARY_TALLY, builder_small(builder, count));
	}
	imago_builder_store(builder, dictionary, DICTIONARY_NAMED + index, selector);
	imago_oop methods = imago_builder_fetch(builder, dictionary, DICTIONARY_METHODS);
	imago_builder_store(builder, methods, index, method);
}

/* A dictionary with all of old's entries and twice the room. */
static imago_oop
grow(imago_builder *builder, imago_oop old, uint64_t capacity)
{
	imago_oop grown = builder_new_dictionary(builder, builder->old, 2 * capacity);
	imago_oop methods = imago_builder_fetch(builder, old, DICTIONARY_METHODS);
	for (uint64_t i = 0; i < capacity && builder_ok(builder); i++) {
		imago_oop selector = imago_builder_fetch(builder, old, DICTIONARY_NAMED + i);
		if (selector != builder->nil) {
			builder_put_method(builder, grown, selector, imago_builder_fetch(builder, methods, i));
		}
	}
	return grown;
}

void
imago_builder_install_method(imago_builder *builder, imago_oop cls, imago_oop selector,
                             imago_oop method)
{
	builder_object key;
	builder_object found;
	imago_oop dictionary = imago_builder_fetch(builder, cls, BUILDER_CLASS_METHODS);
	if (!builder_find(builder, selector, &key) || !builder_find(builder, dictionary, &found)) {
		return;
	}
	if (key.hash == 0) {
		imago_builder_set_hash(builder, selector, builder_next_hash(builder));
	}
	if (found.num_slots <= DICTIONARY_NAMED) {
		builder_fail(builder, IMAGO_EUSAGE, "method dictionary", dictionary, 0);
		return;
	}
	uint64_t capacity = found.num_slots - DICTIONARY_NAMED;
	imago_oop tally = imago_builder_fetch(builder, dictionary, DICTIONARY_TALLY);
	/* One slot in four stays nil, so that probing for an absent selector ends soon. */
	uint64_t needed = (uint64_t)imago_oop_integer(builder->tagging, tally) + 1;
	if (4 * needed > 3 * capacity) {
		dictionary = grow(builder, dictionary, capacity);
		imago_builder_store(builder, cls, BUILDER_CLASS_METHODS, dictionary);
	}
	builder_put_method(builder, dictionary, selector, method);
}

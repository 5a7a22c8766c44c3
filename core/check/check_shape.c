/* check_shape.c: what classes say of their instances, looked up once per class. */
#include "check_private.h"

enum { LEAST_CLASS_WORDS = 256 };

uint8_t
check_plain_format(imago_object_model model, uint8_t format)
{
	if (model == IMAGO_V3) {
		return format < IMAGO_V3_FORMAT_BITS8 ? format : format & 12;
	}
	if (format < IMAGO_FORMAT_BITS32) {
		return format;
	}
	if (format < IMAGO_FORMAT_BITS16) {
		return IMAGO_FORMAT_BITS32;
	}
	return format < IMAGO_FORMAT_BITS8 ? IMAGO_FORMAT_BITS16 : format & 24;
}

/* The role of a class that the table (or its absence) and the special objects agree on. */
static void
set_role(check_facts *facts, check_role role, uint32_t class_index, imago_special special)
{
	imago_oop named = check_special_oop(facts, special);
	imago_oop cls = named;
	if (check_is_spur(facts)) {
		cls = check_table_entry(facts, class_index);
		if (named != facts->nil && named != cls) {
			return;
		}
	}
	imago_object object; /* what is no class, rules special.* and class.shape tell of */
	if (check_find(facts, cls, &object) == TARGET_OBJECT &&
	    imago_class_shape_of(facts->heap, &object).is_class) {
		facts->role_classes[role] = cls;
	}
}

static void
find_roles(check_facts *facts)
{
	bool closures = facts->number == NULL || facts->number->closures;
	if (facts->table.num_entries == 0) {
		return; /* nobody can be told from anybody else */
	}
	set_role(facts, ROLE_FLOAT, IMAGO_CLASS_FLOAT, IMAGO_SPECIAL_CLASS_FLOAT);
	set_role(facts, ROLE_CONTEXT, IMAGO_CLASS_CONTEXT, IMAGO_SPECIAL_CLASS_CONTEXT);
	if (closures) {
		set_role(facts, ROLE_CLOSURE, IMAGO_CLASS_BLOCK_CLOSURE, IMAGO_SPECIAL_CLASS_BLOCK_CLOSURE);
	}
	if (check_is_spur(facts)) {
		set_role(facts, ROLE_FULL_CLOSURE, IMAGO_CLASS_FULL_BLOCK_CLOSURE,
		         IMAGO_SPECIAL_CLASS_FULL_BLOCK_CLOSURE);
	} else {
		set_role(facts, ROLE_BLOCK_CONTEXT, 0, IMAGO_SPECIAL_CLASS_BLOCK_CONTEXT);
	}
}

check_shape
check_shape_of_class(const check_facts *facts, imago_oop cls)
{
	check_shape shape = {.cls = cls, .state = SHAPE_UNKNOWN};
	imago_object object;
	if (cls == facts->nil) {
		shape.state = SHAPE_NIL;
		return shape;
	}
	for (uint8_t role = ROLE_NONE + 1; cls != 0 && role <= ROLE_FULL_CLOSURE; role++) {
		if (facts->role_classes[role] == cls) {
			shape.role = role;
		}
	}
	if (check_find(facts, cls, &object) != TARGET_OBJECT) {
		return shape;
	}
	imago_class_shape decoded = imago_class_shape_of(facts->heap, &object);
	if (decoded.is_class) {
		shape.state = SHAPE_KNOWN;
		shape.num_named = decoded.num_named;
		shape.format = check_plain_format(facts->heap->model, decoded.format);
	}
	return shape;
}

/* Where a class word is, or would be, in the set; capacity is not 0 and never exhausted. */
static check_shape *
find_class_word(const check_class_set *set, imago_addr cls)
{
	uint32_t mask = set->capacity - 1;
	uint32_t hash = (uint32_t)(cls >> 2) * UINT32_C(2654435761);
	uint32_t index = (hash >> 8) & mask;
	while (set->entries[index].cls != 0 && set->entries[index].cls != cls) {
		index = (index + 1) & mask;
	}
	return &set->entries[index];
}

static bool
grow_class_words(check_facts *facts, imago_error *error)
{
	check_class_set *set = &facts->class_words;
	check_class_set grown = {
	    .capacity = set->capacity == 0 ? LEAST_CLASS_WORDS : set->capacity * 2,
	    .count = set->count,
	};
	grown.entries = imago_allocate_array(facts->allocator, grown.capacity, sizeof *grown.entries,
	                                     "class words", error);
	if (grown.entries == NULL) {
		return false;
	}
	for (uint32_t i = 0; i < set->capacity; i++) {
		if (set->entries[i].cls != 0) {
			*find_class_word(&grown, set->entries[i].cls) = set->entries[i];
		}
	}
	imago_release(facts->allocator, set->entries, set->capacity * sizeof *set->entries);
	*set = grown;
	return true;
}

/* Pass 1 of V3: remembers a class word, whatever it is; no more than CHECK_MAX_CLASS_WORDS. */
void
check_note_class_word(check_context *context, imago_addr cls)
{
	check_class_set *set = &context->facts->class_words;
	if (set->capacity > 0 && find_class_word(set, cls)->cls == cls) {
		return;
	}
	if (set->count == CHECK_MAX_CLASS_WORDS) {
		return;
	}
	if (set->count >= set->capacity / 2 && !grow_class_words(context->facts, context->error)) {
		context->status = IMAGO_ENOMEM;
		return;
	}
	find_class_word(set, cls)->cls = cls;
	set->count++;
}

imago_status
check_shapes_create(check_facts *facts, imago_error *error)
{
	find_roles(facts);
	check_class_set *set = &facts->class_words;
	for (uint32_t i = 0; i < set->capacity; i++) {
		if (set->entries[i].cls != 0) {
			set->entries[i] = check_shape_of_class(facts, set->entries[i].cls);
		}
	}
	uint32_t num_shapes = facts->table.num_entries;
	if (num_shapes > CHECK_MAX_SHAPES) {
		num_shapes = CHECK_MAX_SHAPES;
	}
	facts->shapes = imago_allocate_array(facts->allocator, num_shapes, sizeof *facts->shapes,
	                                     "class shapes", error);
	if (facts->shapes == NULL) {
		return IMAGO_ENOMEM;
	}
	facts->num_shapes = num_shapes;
	for (uint32_t i = 0; i < num_shapes; i++) {
		imago_oop cls = check_table_entry(facts, i);
		if (cls == facts->nil || cls == 0) {
			facts->shapes[i].state = SHAPE_NIL;
		} else {
			facts->shapes[i] = check_shape_of_class(facts, cls);
		}
	}
	return IMAGO_OK;
}

void
check_shapes_release(check_facts *facts)
{
	imago_release(facts->allocator, facts->shapes, facts->num_shapes * sizeof *facts->shapes);
	imago_release(facts->allocator, facts->class_words.entries,
	              facts->class_words.capacity * sizeof *facts->class_words.entries);
}

check_shape
check_shape_of(const check_facts *facts, const imago_object *object)
{
	if (object->class_oop != 0) {
		/* Not empty: the object itself was met in pass 1. */
		const check_shape *shape = find_class_word(&facts->class_words, object->class_oop);
		if (shape->cls != 0) {
			return *shape;
		}
		return check_shape_of_class(facts, object->class_oop);
	}
	if (object->class_index < facts->num_shapes) {
		return facts->shapes[object->class_index];
	}
	return check_shape_of_class(facts, check_table_entry(facts, object->class_index));
}

check_role
check_role_of(const check_facts *facts, const imago_object *object)
{
	if (object->kind != IMAGO_OBJECT_ORDINARY) {
		return ROLE_NONE;
	}
	return (check_role)check_shape_of(facts, object).role;
}

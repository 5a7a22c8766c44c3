/* check_class.c: classes, their superclasses and method dictionaries; and instances against what
 * their classes say. */
#include "check_private.h"

/* Slots of a class (bytecodes of all dialects agree), and of a method dictionary. */
enum { CLASS_SUPERCLASS, CLASS_METHOD_DICTIONARY, CLASS_FORMAT };
enum { DICTIONARY_TALLY, DICTIONARY_VALUES, DICTIONARY_KEYS };

/* A method dictionary taken apart. */
typedef struct check_dictionary {
	imago_object object;
	imago_object values;
	bool has_values;
	uint64_t num_keys;
} check_dictionary;

/* The hash that a lookup of this selector starts with; false for what the slot rules report. */
static bool
find_selector_hash(const check_facts *facts, imago_oop selector, uint64_t *hash)
{
	imago_object object;
	int64_t value;
	if (check_is_integer(facts, selector, &value)) {
		*hash = (uint64_t)value;
		return true;
	}
	if (check_find(facts, selector, &object) != TARGET_OBJECT) {
		return false;
	}
	*hash = object.identity_hash;
	return true;
}

static imago_oop
key_at(const check_facts *facts, const check_dictionary *dictionary, uint64_t index)
{
	return check_slot_at(facts, &dictionary->object, DICTIONARY_KEYS + index);
}

/* Every key must be reached from where its hash points without meeting nil. run is the number of
 * keys in a row that end at the present one, counted across the end of the dictionary. */
static void
check_probing(check_context *context, const check_dictionary *dictionary)
{
	const check_facts *facts = context->facts;
	uint64_t num_keys = dictionary->num_keys;
	uint64_t mask = num_keys - 1;
	uint64_t run = 0;
	for (uint64_t i = num_keys; i-- > 0 && key_at(facts, dictionary, i) != facts->nil;) {
		run++;
	}
	for (uint64_t i = 0; i < num_keys; i++) {
		imago_oop selector = key_at(facts, dictionary, i);
		uint64_t hash;
		if (selector == facts->nil) {
			run = 0;
			continue;
		}
		run++;
		if (find_selector_hash(facts, selector, &hash) && ((i - hash) & mask) >= run &&
		    run < num_keys) {
			check_report_slot(context, IMAGO_RULE_CLASS_SELECTOR_LOST, &dictionary->object,
			                  DICTIONARY_KEYS + i, IMAGO_NOTHING_EXPECTED);
		}
	}
}

static void
check_keys(check_context *context, const check_dictionary *dictionary)
{
	const check_facts *facts = context->facts;
	uint64_t num_used = 0;
	int64_t tally;
	for (uint64_t i = 0; i < dictionary->num_keys; i++) {
		num_used += key_at(facts, dictionary, i) != facts->nil;
	}
	imago_oop oop = check_slot_at(facts, &dictionary->object, DICTIONARY_TALLY);
	if (!check_is_integer(facts, oop, &tally) || tally < 0 || (uint64_t)tally != num_used) {
		check_report_slot(context, IMAGO_RULE_CLASS_DICTIONARY_TALLY, &dictionary->object,
		                  DICTIONARY_TALLY, IMAGO_NOTHING_EXPECTED);
	}
	if (num_used == dictionary->num_keys) {
		check_report_object(context, IMAGO_RULE_CLASS_DICTIONARY_FULL, &dictionary->object,
		                    num_used, IMAGO_NOTHING_EXPECTED);
	}
	check_probing(context, dictionary);
}

static void
check_values(check_context *context, const check_dictionary *dictionary)
{
	const check_facts *facts = context->facts;
	for (uint64_t i = 0; i < dictionary->num_keys; i++) {
		if (key_at(facts, dictionary, i) == facts->nil) {
			continue;
		}
		imago_object method;
		check_target target =
		    check_find(facts, check_slot_at(facts, &dictionary->values, i), &method);
		if (target == TARGET_NIL || target == TARGET_IMMEDIATE ||
		    (target == TARGET_OBJECT && !check_is_code(&method))) {
			check_report_slot(context, IMAGO_RULE_CLASS_METHOD_NOT_CODE, &dictionary->values, i,
			                  IMAGO_NOTHING_EXPECTED);
		}
	}
}

/* The values array of a dictionary; says so when it cannot be one. */
static void
find_values(check_context *context, check_dictionary *dictionary)
{
	const check_facts *facts = context->facts;
	imago_oop oop = check_slot_at(facts, &dictionary->object, DICTIONARY_VALUES);
	check_target target = check_find(facts, oop, &dictionary->values);
	if (target == TARGET_NIL || target == TARGET_IMMEDIATE ||
	    (target == TARGET_OBJECT && (!check_is_pointers(&dictionary->values) ||
	                                 dictionary->values.num_slots < dictionary->num_keys))) {
		check_report_slot(context, IMAGO_RULE_CLASS_DICTIONARY_VALUES, &dictionary->object,
		                  DICTIONARY_VALUES, IMAGO_NOTHING_EXPECTED);
	} else {
		dictionary->has_values = target == TARGET_OBJECT;
	}
}

static void
check_method_dictionary(check_context *context, const imago_object *cls, imago_oop oop)
{
	check_facts *facts = context->facts;
	check_dictionary dictionary = {0};
	check_target target = check_find(facts, oop, &dictionary.object);
	if (target == TARGET_IMMEDIATE ||
	    (target == TARGET_OBJECT && (!check_is_pointers(&dictionary.object) ||
	                                 dictionary.object.num_slots <= DICTIONARY_KEYS))) {
		check_report_slot(context, IMAGO_RULE_CLASS_METHOD_DICTIONARY, cls, CLASS_METHOD_DICTIONARY,
		                  IMAGO_NOTHING_EXPECTED);
		return;
	}
	if (target != TARGET_OBJECT || !check_visit(facts, dictionary.object.oop)) {
		return; /* nil, for the slot rules, or looked at already */
	}
	dictionary.num_keys = dictionary.object.num_slots - DICTIONARY_KEYS;
	if ((dictionary.num_keys & (dictionary.num_keys - 1)) != 0) {
		check_report_object(context, IMAGO_RULE_CLASS_DICTIONARY_SIZE, &dictionary.object,
		                    dictionary.num_keys, IMAGO_NOTHING_EXPECTED);
		return;
	}
	find_values(context, &dictionary);
	check_keys(context, &dictionary);
	if (dictionary.has_values) {
		check_values(context, &dictionary);
	}
}

/* True for a format that a class may give its instances: the first of its kind, since the others
 * tell how much of one object is unused, and differ between word sizes; 7 is that of immediates. */
static bool
is_instance_format(const imago_heap *heap, uint8_t format)
{
	if (heap->model == IMAGO_SPUR && format == IMAGO_FORMAT_FORWARDED) {
		return true;
	}
	if (heap->model == IMAGO_SPUR && check_plain_format(heap->model, format) != format) {
		return false;
	}
	return imago_format_facts_of(heap->model, heap->layout.word_bytes, format).body !=
	       IMAGO_BODY_INVALID;
}

/* The superclass, when there is one that is a class. */
static bool
find_superclass(const check_facts *facts, const imago_object *cls, imago_object *superclass)
{
	return check_find(facts, check_slot_at(facts, cls, CLASS_SUPERCLASS), superclass) ==
	           TARGET_OBJECT &&
	       imago_class_shape_of(facts->heap, superclass).is_class;
}

static void
check_superclass(check_context *context, const imago_object *cls)
{
	const check_facts *facts = context->facts;
	imago_object superclass;
	check_target target =
	    check_find(facts, check_slot_at(facts, cls, CLASS_SUPERCLASS), &superclass);
	if (target == TARGET_IMMEDIATE ||
	    (target == TARGET_OBJECT && !imago_class_shape_of(facts->heap, &superclass).is_class)) {
		check_report_slot(context, IMAGO_RULE_CLASS_SUPERCLASS, cls, CLASS_SUPERCLASS,
		                  IMAGO_NOTHING_EXPECTED);
	}
}

/* V3: what the VM makes of a class with a compact index gets that index as its class, so the class
 * must stand there. One that stands elsewhere in the table was reported with the table. */
static void
check_own_compact_index(check_context *context, const imago_object *cls,
                        const imago_class_shape *shape)
{
	const check_facts *facts = context->facts;
	imago_object other;
	if (shape->compact_index == 0 || facts->table.num_entries == 0 ||
	    check_find(facts, check_table_entry(facts, shape->compact_index), &other) ==
	        TARGET_IMMEDIATE) {
		return; /* not compact, or for the rules of the table */
	}
	for (uint32_t i = 1; i < facts->table.num_entries; i++) {
		if (check_table_entry(facts, i) == cls->oop) {
			return;
		}
	}
	check_report_object(context, IMAGO_RULE_V3_COMPACT_CLASS_INDEX, cls, shape->compact_index, 0);
}

static void
check_one_class(check_context *context, const imago_object *cls)
{
	const check_facts *facts = context->facts;
	imago_class_shape shape = imago_class_shape_of(facts->heap, cls);
	if (!is_instance_format(facts->heap, shape.format)) {
		check_report_slot(context, IMAGO_RULE_CLASS_INSTANCE_SPECIFICATION, cls, CLASS_FORMAT,
		                  IMAGO_NOTHING_EXPECTED);
	}
	check_superclass(context, cls);
	check_method_dictionary(context, cls, shape.method_dictionary);
	if (!check_is_spur(facts)) {
		check_own_compact_index(context, cls, &shape);
	}
}

/* A class and its superclasses, as far as they were not yet looked at. */
static void
check_class_chain(check_context *context, const imago_object *cls)
{
	imago_object lowest;
	if (check_follow_chain(context, cls, find_superclass, check_one_class, &lowest)) {
		check_report_slot(context, IMAGO_RULE_CLASS_SUPERCLASS_CYCLE, &lowest, CLASS_SUPERCLASS,
		                  IMAGO_NOTHING_EXPECTED);
	}
}

/* The class that an object, found through a table or a class word, must be. */
static void
check_named_class(check_context *context, imago_oop oop)
{
	const check_facts *facts = context->facts;
	imago_object cls;
	if (check_find(facts, oop, &cls) != TARGET_OBJECT) {
		return;
	}
	if (imago_class_shape_of(facts->heap, &cls).is_class) {
		check_class_chain(context, &cls);
	} else if (check_visit(context->facts, cls.oop)) {
		check_report_object(context, IMAGO_RULE_CLASS_SHAPE, &cls, cls.num_slots,
		                    IMAGO_NOTHING_EXPECTED);
	}
}

/* Every metaclass is an instance of Metaclass, which is the class of its own class. */
static bool
is_metaclass(const check_facts *facts, const imago_object *object)
{
	imago_object metaclass;
	imago_object its_class;
	imago_oop cls = check_shape_of(facts, object).cls;
	return check_is_pointers(object) && check_find(facts, cls, &metaclass) == TARGET_OBJECT &&
	       check_find(facts, check_shape_of(facts, &metaclass).cls, &its_class) == TARGET_OBJECT &&
	       check_shape_of(facts, &its_class).cls == cls;
}

/* A class without instances stands in no table, but its metaclass does, and knows it: in slot 5,
 * before closures in slot 6, in images bootstrapped from a minimal kernel in slot 3. */
static void
check_sole_instance(check_context *context, imago_oop oop)
{
	static const uint8_t places[] = {5, 6, 3};
	const check_facts *facts = context->facts;
	imago_object metaclass;
	imago_object cls;
	if (check_find(facts, oop, &metaclass) != TARGET_OBJECT || !is_metaclass(facts, &metaclass)) {
		return;
	}
	for (size_t i = 0; i < sizeof places; i++) {
		if (metaclass.num_slots > places[i] &&
		    check_find(facts, check_slot_at(facts, &metaclass, places[i]), &cls) == TARGET_OBJECT &&
		    check_shape_of(facts, &cls).cls == oop &&
		    imago_class_shape_of(facts->heap, &cls).is_class) {
			check_class_chain(context, &cls);
			return;
		}
	}
}

/* Calls look for every class that a table or a class word names; most entries of a table are nil.
 */
static void
for_each_class(check_context *context, void (*look)(check_context *context, imago_oop cls))
{
	const check_facts *facts = context->facts;
	const check_class_set *set = &facts->class_words;
	for (uint32_t i = 0; i < facts->table.num_entries && !check_stopped(context); i++) {
		imago_oop cls = check_table_entry(facts, i);
		if (cls != facts->nil) {
			look(context, cls);
		}
	}
	for (uint32_t i = 0; i < set->capacity && !check_stopped(context); i++) {
		if (set->entries[i].cls != 0) {
			look(context, set->entries[i].cls);
		}
	}
}

void
check_classes(check_context *context)
{
	const check_facts *facts = context->facts;
	if (!check_is_spur(facts) && !facts->has_specials) {
		return; /* nobody knows what nil is */
	}
	for_each_class(context, check_named_class);
	for_each_class(context, check_sole_instance);
}

/* True for a body made of the class's named slots, or of at least as many. */
static bool
has_slots(const imago_object *object, const check_shape *shape)
{
	switch (shape->format) {
	case IMAGO_FORMAT_EMPTY:
		return true; /* some old images keep slots in such objects (spur.md §6) */
	case IMAGO_FORMAT_FIXED:
		return object->num_slots == shape->num_named;
	case IMAGO_FORMAT_MIXED:
	case IMAGO_FORMAT_WEAK:
	case IMAGO_FORMAT_EPHEMERON:
		return object->num_slots >= shape->num_named;
	default:
		return true;
	}
}

void
check_instance(check_context *context, const imago_object *object, const check_shape *shape)
{
	const check_facts *facts = context->facts;
	if (shape->state != SHAPE_KNOWN || object->body_kind == IMAGO_BODY_INVALID) {
		return;
	}
	uint8_t format = check_plain_format(facts->heap->model, object->format);
	/* A class without named slots may call its instances empty or fixed. */
	bool both_plain = format <= IMAGO_FORMAT_FIXED && shape->format <= IMAGO_FORMAT_FIXED;
	/* Old kernels call CompiledMethod a class of bytes. */
	bool old_code = !check_is_spur(facts) && format == IMAGO_V3_FORMAT_METHOD &&
	                shape->format == IMAGO_V3_FORMAT_BITS8;
	/* Machines make contexts and closures themselves, with room behind their named slots, whatever
	 * their classes say: pharo-vm's BlockClosure is fixed. */
	bool made_by_machine = shape->role >= ROLE_CONTEXT && format == IMAGO_FORMAT_MIXED;
	/* An ephemeron that was fired is an ordinary object from then on. */
	bool fired = check_is_spur(facts) && format == IMAGO_FORMAT_FIXED &&
	             shape->format == IMAGO_FORMAT_EPHEMERON;
	if (format != shape->format && !both_plain && !old_code && !made_by_machine && !fired) {
		check_report_object(context, IMAGO_RULE_CLASS_INSTANCE_FORMAT, object, format,
		                    shape->format);
	} else if (made_by_machine ? object->num_slots < shape->num_named : !has_slots(object, shape)) {
		check_report_object(context, IMAGO_RULE_CLASS_INSTANCE_SLOTS, object, object->num_slots,
		                    shape->num_named);
	}
}

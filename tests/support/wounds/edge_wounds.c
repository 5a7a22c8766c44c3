/* edge_wounds.c: the last value that is right and the first that is wrong, side by side. */
#include "wounds.h"

enum { RETURN_SELF = 120 };
enum { DICTIONARY = 1, DICTIONARY_VALUES = 1 };
enum { NUM_ARGS = 2, MOST_ARGUMENTS = 15 };

static void
add_method(corpus_case *here, imago_builder_method method)
{
	static const uint8_t return_self[] = {RETURN_SELF};
	method.bytecodes = return_self;
	method.num_bytecodes = sizeof return_self;
	here->fixture.extra = imago_builder_new_method(
	    here->builder, corpus_class(here, IMAGO_KERNEL_COMPILED_METHOD), &method);
}

static void
add_frame_of_16(corpus_case *here)
{
	add_method(here, (imago_builder_method){.num_temps = 16});
}

static void
add_frame_of_56(corpus_case *here)
{
	add_method(here, (imago_builder_method){.num_temps = 56, .large_frame = true});
}

static void
add_arguments_for_all_temps(corpus_case *here)
{
	add_method(here, (imago_builder_method){.num_args = 3, .num_temps = 3});
}

/* The highest primitive of either model, and the one behind it. */
static void
add_last_primitive(corpus_case *here)
{
	add_method(here, (imago_builder_method){.primitive = (uint16_t)(here->spur ? 660 : 700)});
}

static void
add_primitive_behind_the_last(corpus_case *here)
{
	add_method(here, (imago_builder_method){.primitive = (uint16_t)(here->spur ? 661 : 701)});
}

static void
add_primitive_with_arguments(corpus_case *here, uint16_t primitive)
{
	add_method(here, (imago_builder_method){.num_args = 1, .num_temps = 1, .primitive = primitive});
}

static void
add_255_with_arguments(corpus_case *here)
{
	add_primitive_with_arguments(here, 255);
}

static void
add_519_with_arguments(corpus_case *here)
{
	add_primitive_with_arguments(here, 519);
}

static void
add_520_with_arguments(corpus_case *here)
{
	add_primitive_with_arguments(here, 520);
}

/* Method dictionaries. */

static imago_oop
dictionary_of(corpus_case *here)
{
	return corpus_slot(here, here->fixture.pair_class, DICTIONARY);
}

static void
set_values_to_integer(corpus_case *here)
{
	corpus_set_slot(here, dictionary_of(here), DICTIONARY_VALUES, corpus_integer(here, 1));
}

static void
set_values_to_string(corpus_case *here)
{
	corpus_set_slot(here, dictionary_of(here), DICTIONARY_VALUES, here->fixture.string);
}

/* An empty array has fewer slots than any dictionary has keys. */
static void
add_empty_array(corpus_case *here)
{
	here->fixture.extra =
	    imago_builder_new_pointers(here->builder, corpus_class(here, IMAGO_KERNEL_ARRAY), 0);
}

static void
set_values_to_empty_array(corpus_case *here)
{
	corpus_set_slot(here, dictionary_of(here), DICTIONARY_VALUES, here->fixture.extra);
}

static void
set_all_values(corpus_case *here, imago_oop value)
{
	imago_oop values = corpus_slot(here, dictionary_of(here), DICTIONARY_VALUES);
	for (uint64_t i = 0; i < corpus_object(here, values).num_slots; i++) {
		corpus_set_slot(here, values, i, value);
	}
}

static void
set_methods_to_nil(corpus_case *here)
{
	set_all_values(here, corpus_nil(here));
}

static void
set_methods_to_integer(corpus_case *here)
{
	set_all_values(here, corpus_integer(here, 1));
}

/* Closures. */

static void
take_15_arguments(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.closure, NUM_ARGS, corpus_integer(here, MOST_ARGUMENTS));
}

static void
take_16_arguments(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.closure, NUM_ARGS,
	                corpus_integer(here, MOST_ARGUMENTS + 1));
}

/* The class table. */

/* The fixture's table has two pages. */
static void
use_first_index_behind_table(corpus_case *here)
{
	corpus_set_class_index(here, here->fixture.lone, 2 * IMAGO_CLASS_PAGE_SIZE);
}

static void
use_last_index_of_table(corpus_case *here)
{
	corpus_set_class_index(here, here->fixture.lone, 2 * IMAGO_CLASS_PAGE_SIZE - 1);
}

static void
weaken_class_page(corpus_case *here)
{
	corpus_set_class_index(here, corpus_slot(here, corpus_hidden_roots(here), 1),
	                       IMAGO_CLASS_HIDDEN_WEAK_ARRAY);
}

/* Free lists. */

/* No free chunk is that small, but the list may not lead elsewhere for all that. */
static void
put_object_in_list_of_smallest(corpus_case *here)
{
	corpus_set_slot(here, corpus_free_lists(here), 1, here->fixture.array);
}

/* Instances shorter than what their class names. */

enum { CLASS_FORMAT = 2, MANY_NAMED = 7 };

/* Format and named slots as Spur's classes say them. */
static void
declare(corpus_case *here, imago_oop cls, int64_t format, int64_t num_named)
{
	corpus_set_slot(here, cls, CLASS_FORMAT, corpus_integer(here, format << 16 | num_named));
}

static void
name_more_than_mixed_has(corpus_case *here)
{
	declare(here, here->fixture.mixed_class, IMAGO_FORMAT_MIXED, MANY_NAMED);
}

static void
name_more_than_weak_has(corpus_case *here)
{
	corpus_set_format(here, here->fixture.mixed, IMAGO_FORMAT_WEAK, 0);
	declare(here, here->fixture.mixed_class, IMAGO_FORMAT_WEAK, MANY_NAMED);
}

static void
name_more_than_ephemeron_has(corpus_case *here)
{
	corpus_set_format(here, here->fixture.mixed, IMAGO_FORMAT_EPHEMERON, 0);
	declare(here, here->fixture.mixed_class, IMAGO_FORMAT_EPHEMERON, MANY_NAMED);
}

static void
name_as_many_as_mixed_has(corpus_case *here)
{
	declare(here, here->fixture.mixed_class, IMAGO_FORMAT_MIXED, 3);
}

static void
name_fewer_than_pair_has(corpus_case *here)
{
	declare(here, here->fixture.pair_class, IMAGO_FORMAT_FIXED, 1);
}

const wound edge_wounds[] = {
    {"as many temporaries as a small frame has", "", CORPUS_ALL, 0, add_frame_of_16, NULL, NULL},
    {"as many temporaries as a large frame has", "", CORPUS_ALL, 0, add_frame_of_56, NULL, NULL},
    {"no temporaries but arguments", "", CORPUS_ALL, 0, add_arguments_for_all_temps, NULL, NULL},
    {"the last primitive", "", CORPUS_ALL, 0, add_last_primitive, NULL, NULL},
    {"the primitive behind the last", "method.primitiveNumber", CORPUS_ALL, 0,
     add_primitive_behind_the_last, NULL, NULL},
    {"arguments of the primitive before the quick ones", "", CORPUS_ALL, 0, add_255_with_arguments,
     NULL, NULL},
    {"arguments of the last quick primitive", "method.quickPrimitive", CORPUS_ALL, 0,
     add_519_with_arguments, NULL, NULL},
    {"arguments of the primitive behind the quick ones", "", CORPUS_ALL, 0, add_520_with_arguments,
     NULL, NULL},
    {"an integer for the methods", "class.dictionaryValues", CORPUS_ALL, 0, NULL,
     set_values_to_integer, NULL},
    {"a string for the methods", "class.dictionaryValues", CORPUS_ALL, 0, NULL,
     set_values_to_string, NULL},
    {"too few methods for the selectors", "class.dictionaryValues", CORPUS_ALL, 0, add_empty_array,
     set_values_to_empty_array, NULL},
    {"nil for a method", "class.methodNotCode", CORPUS_ALL, 0, NULL, set_methods_to_nil, NULL},
    {"an integer for a compiled method", "class.methodNotCode", CORPUS_ALL, 0, NULL,
     set_methods_to_integer, NULL},
    {"a closure of 15 arguments", "", CORPUS_CLOSURES, 0, NULL, take_15_arguments, NULL},
    {"a closure of 16 arguments", "closure.arguments", CORPUS_CLOSURES, 0, NULL, take_16_arguments,
     NULL},
    {"the first class index behind the table", "classIndex.outOfTable", CORPUS_SPUR, 0, NULL,
     use_first_index_behind_table, NULL},
    {"the last class index of the table", "classIndex.nilEntry", CORPUS_SPUR, 0, NULL,
     use_last_index_of_table, NULL},
    {"a page of classes that is weak", "classTable.page", CORPUS_SPUR, 0, NULL, weaken_class_page,
     NULL},
    {"an object in the list of the smallest chunks", "freeList.link", CORPUS_SPUR, 0, NULL,
     put_object_in_list_of_smallest, NULL},
    {"a mixed object shorter than its named slots", "class.instanceSlots", CORPUS_SPUR, 0, NULL,
     name_more_than_mixed_has, NULL},
    {"a weak object shorter than its named slots", "class.instanceSlots", CORPUS_SPUR, 0, NULL,
     name_more_than_weak_has, NULL},
    {"an ephemeron shorter than its named slots", "class.instanceSlots", CORPUS_SPUR, 0, NULL,
     name_more_than_ephemeron_has, NULL},
    {"a mixed object as long as its named slots", "", CORPUS_SPUR, 0, NULL,
     name_as_many_as_mixed_has, NULL},
    {"a fixed object longer than its named slots", "class.instanceSlots", CORPUS_SPUR, 0, NULL,
     name_fewer_than_pair_has, NULL},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};

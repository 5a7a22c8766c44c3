/* corpus_classes.c: recipes of class.*: classes, method dictionaries, instances. */
#include "corpus.h"

enum { SUPERCLASS, METHODS, FORMAT };
enum { TALLY, VALUES, FIRST_KEY };

static void
clear_class_format(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.odd_class, FORMAT, corpus_nil(here));
}

static void
declare_unknown_format(corpus_case *here)
{
	int64_t format = here->spur ? 6 << 16 | 3 : 5 << 7 | 4 << 1;
	corpus_set_slot(here, here->fixture.odd_class, FORMAT, corpus_integer(here, format));
}

static void
inherit_from_array(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.odd_class, SUPERCLASS, here->fixture.array);
}

static void
inherit_in_a_circle(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.pair_class, SUPERCLASS, here->fixture.odd_class);
}

static void
replace_dictionary_by_integer(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.odd_class, METHODS, corpus_integer(here, 1));
}

/* Three selectors, all nil. */
static void
replace_dictionary_by_array(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.odd_class, METHODS, here->fixture.five);
}

static imago_oop
dictionary_of(corpus_case *here, imago_oop cls)
{
	return corpus_slot(here, cls, METHODS);
}

static void
clear_values(corpus_case *here)
{
	corpus_set_slot(here, dictionary_of(here, here->fixture.pair_class), VALUES, corpus_nil(here));
}

static void
raise_tally(corpus_case *here)
{
	corpus_set_slot(here, dictionary_of(here, here->fixture.pair_class), TALLY,
	                corpus_integer(here, 7));
}

/* The one slot of a dictionary taken. */
static void
fill_dictionary(corpus_case *here)
{
	imago_oop dictionary = dictionary_of(here, here->fixture.odd_class);
	corpus_set_slot(here, corpus_slot(here, dictionary, VALUES), 0, here->fixture.method);
	corpus_set_slot(here, dictionary, FIRST_KEY, here->fixture.selector);
	corpus_set_slot(here, dictionary, TALLY, corpus_integer(here, 1));
}

/* The hash that leads to the slot behind the selector's own. */
static void
change_selector_hash(corpus_case *here)
{
	corpus_set_hash(here, here->fixture.selector, corpus_hash(here, here->fixture.selector) ^ 1);
}

static void
replace_methods_by_string(corpus_case *here)
{
	imago_oop dictionary = dictionary_of(here, here->fixture.pair_class);
	imago_oop values = corpus_slot(here, dictionary, VALUES);
	for (uint64_t i = 0; i < corpus_object(here, values).num_slots; i++) {
		corpus_set_slot(here, values, i, here->fixture.string);
	}
}

static void
set_other_format(corpus_case *here)
{
	corpus_set_format(here, here->fixture.pair, IMAGO_FORMAT_INDEXABLE, IMAGO_FORMAT_INDEXABLE);
}

static void
change_class(corpus_case *here)
{
	corpus_set_class(here, here->fixture.pair, here->fixture.odd_class);
}

const corpus_recipe corpus_class_recipes[] = {
    {.rule = "class.shape", .layouts = CORPUS_ALL, .break_heap = clear_class_format},
    {.rule = "class.instanceSpecification",
     .layouts = CORPUS_ALL,
     .break_heap = declare_unknown_format},
    {.rule = "class.superclass", .layouts = CORPUS_ALL, .break_heap = inherit_from_array},
    {.rule = "class.superclassCycle", .layouts = CORPUS_ALL, .break_heap = inherit_in_a_circle},
    {.rule = "class.methodDictionary",
     .layouts = CORPUS_ALL,
     .break_heap = replace_dictionary_by_integer},
    {.rule = "class.dictionarySize",
     .layouts = CORPUS_ALL,
     .break_heap = replace_dictionary_by_array},
    {.rule = "class.dictionaryValues", .layouts = CORPUS_ALL, .break_heap = clear_values},
    {.rule = "class.dictionaryTally", .layouts = CORPUS_ALL, .break_heap = raise_tally},
    {.rule = "class.dictionaryFull", .layouts = CORPUS_ALL, .break_heap = fill_dictionary},
    {.rule = "class.selectorLost", .layouts = CORPUS_ALL, .break_heap = change_selector_hash},
    {.rule = "class.methodNotCode", .layouts = CORPUS_ALL, .break_heap = replace_methods_by_string},
    {.rule = "class.instanceFormat", .layouts = CORPUS_ALL, .break_heap = set_other_format},
    {.rule = "class.instanceSlots", .layouts = CORPUS_ALL, .break_heap = change_class},
    {.rule = NULL},
};

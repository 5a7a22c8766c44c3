/* root_wounds.c: the first objects, the special objects and the tables of V3: what they
 * may hold. */
#include "wounds.h"

enum { SLOT_COUNT_SHIFT = 56 };

static void
set_words_format(corpus_case *here, imago_oop oop, bool of_the_other_width)
{
	bool wide = (here->layout->layout.word_bytes == 8) != of_the_other_width;
	corpus_set_format(here, oop, wide ? IMAGO_FORMAT_BITS64 : IMAGO_FORMAT_BITS32, 0);
}

/* The first objects. */

static void
give_nil_a_slot(corpus_case *here)
{
	imago_oop nil = corpus_nil(here);
	corpus_set_header(here, nil, corpus_header(here, nil) | UINT64_C(1) << SLOT_COUNT_SHIFT);
	corpus_set_slot(here, nil, 0, nil);
}

static void
give_free_lists_other_words(corpus_case *here)
{
	set_words_format(here, corpus_free_lists(here), true);
}

static void
give_hidden_roots_another_format(corpus_case *here)
{
	corpus_set_format(here, corpus_hidden_roots(here), IMAGO_FORMAT_MIXED, 0);
}

/* Specials. */

static void
set_selectors_to_string(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_SPECIAL_SELECTORS, here->fixture.string);
}

static void
set_selectors_to_integer(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_SPECIAL_SELECTORS, corpus_integer(here, 1));
}

static void
set_selectors_outside(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_SPECIAL_SELECTORS, wound_outside(here));
}

static void
set_argument_count(corpus_case *here, imago_oop value)
{
	corpus_set_slot(here, corpus_special(here, IMAGO_SPECIAL_SPECIAL_SELECTORS), 1, value);
}

static void
set_negative_argument_count(corpus_case *here)
{
	set_argument_count(here, corpus_integer(here, -1));
}

static void
clear_argument_count(corpus_case *here)
{
	set_argument_count(here, corpus_nil(here));
}

static void
set_false_to_integer(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_FALSE, corpus_integer(here, 0));
}

static void
set_false_to_array(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_FALSE, here->fixture.array);
}

static void
set_class_to_integer(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_CLASS_POINT, corpus_integer(here, 1));
}

static void
set_class_outside(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_CLASS_POINT, wound_outside(here));
}

static void
set_optional_class_to_integer(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_CLASS_SEMAPHORE, corpus_integer(here, 1));
}

static void
set_optional_class_to_string(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_CLASS_SEMAPHORE, here->fixture.string);
}

static void
clear_optional_class(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_CLASS_SEMAPHORE, corpus_nil(here));
}

static void
set_nil_to_integer(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_NIL, corpus_integer(here, 1));
}

static void
set_nil_to_string(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_NIL, here->fixture.string);
}

static void
clear_context_class(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_CLASS_CONTEXT, corpus_nil(here));
}

static void
set_context_class_to_string(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_CLASS_CONTEXT, here->fixture.string);
}

static void
set_selector_to_integer(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_SELECTOR_CANNOT_RETURN, corpus_integer(here, 1));
}

const wound special_wounds[] = {
    {"nil with a slot", "first.nil", CORPUS_SPUR, 0, NULL, give_nil_a_slot, NULL},
    {"free lists in words of another width", "first.freeLists", CORPUS_SPUR, 0, NULL,
     give_free_lists_other_words, NULL},
    {"hidden roots with named slots", "first.hiddenRoots", CORPUS_SPUR, 0, NULL,
     give_hidden_roots_another_format, NULL},
    {"a string for the special selectors", "special.selectors", CORPUS_ALL, 0, NULL,
     set_selectors_to_string, NULL},
    {"an integer for the special selectors", "special.selectors", CORPUS_ALL, 0, NULL,
     set_selectors_to_integer, NULL},
    {"special selectors outside", "oop.outside", CORPUS_ALL, 0, NULL, set_selectors_outside, NULL},
    {"a negative argument count", "special.argumentCount", CORPUS_ALL, 0, NULL,
     set_negative_argument_count, NULL},
    {"an argument count that is nil", "special.argumentCount", CORPUS_ALL, 0, NULL,
     clear_argument_count, NULL},
    {"an integer for false", "special.constants", CORPUS_ALL, 0, NULL, set_false_to_integer, NULL},
    {"an array for false", "special.constants", CORPUS_ALL, 0, NULL, set_false_to_array, NULL},
    {"an integer for a class", "special.class", CORPUS_ALL, 0, NULL, set_class_to_integer, NULL},
    {"a class outside", "oop.outside", CORPUS_ALL, 0, NULL, set_class_outside, NULL},
    {"an integer for a class that may be missing", "special.class", CORPUS_ALL, 0, NULL,
     set_optional_class_to_integer, NULL},
    {"a string for a class that may be missing", "special.class", CORPUS_ALL, 0, NULL,
     set_optional_class_to_string, NULL},
    {"a class that may be missing", "", CORPUS_ALL, 0, NULL, clear_optional_class, NULL},
    {"an integer for nil", "special.constants", CORPUS_ALL, 0, NULL, set_nil_to_integer, NULL},
    {"a string for nil", "special.constants", CORPUS_ALL, 0, NULL, set_nil_to_string, NULL},
    {"no class of contexts", "special.nil", CORPUS_V3, 0, NULL, clear_context_class, NULL},
    {"a string for the class of contexts", "special.class", CORPUS_V3, 0, NULL,
     set_context_class_to_string, NULL},
    {"an integer for a selector", "special.selector", CORPUS_ALL, 0, NULL, set_selector_to_integer,
     NULL},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};

/* V3. */

static void
set_compact_table_to_integer(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_COMPACT_CLASSES, corpus_integer(here, 1));
}

static void
set_compact_table_to_string(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_COMPACT_CLASSES, here->fixture.string);
}

static void
set_compact_table_outside(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_COMPACT_CLASSES, wound_outside(here));
}

static void
set_characters(corpus_case *here, imago_oop value)
{
	corpus_set_special(here, IMAGO_SPECIAL_CHARACTER_TABLE, value);
}

static void
take_characters_away(corpus_case *here)
{
	set_characters(here, corpus_nil(here));
}

static void
set_characters_to_integer(corpus_case *here)
{
	set_characters(here, corpus_integer(here, 1));
}

static void
set_characters_to_string(corpus_case *here)
{
	set_characters(here, here->fixture.string);
}

static void
set_characters_to_array(corpus_case *here)
{
	set_characters(here, here->fixture.array);
}

static void
set_characters_outside(corpus_case *here)
{
	set_characters(here, wound_outside(here));
}

static void
set_character(corpus_case *here, imago_oop value)
{
	corpus_set_slot(here, corpus_special(here, IMAGO_SPECIAL_CHARACTER_TABLE), 200, value);
}

static void
take_character_away(corpus_case *here)
{
	set_character(here, corpus_nil(here));
}

static void
set_character_to_string(corpus_case *here)
{
	set_character(here, here->fixture.string);
}

static void
set_character_to_empty_object(corpus_case *here)
{
	set_character(here, here->fixture.lone);
}

static void
set_character_to_pair(corpus_case *here)
{
	set_character(here, here->fixture.pair);
}

static void
set_character_outside(corpus_case *here)
{
	set_character(here, wound_outside(here));
}

const wound v3_wounds[] = {
    {"an integer for the compact classes", "v3.compactTable", CORPUS_V3, 0, NULL,
     set_compact_table_to_integer, NULL},
    {"a string for the compact classes", "v3.compactTable", CORPUS_V3, 0, NULL,
     set_compact_table_to_string, NULL},
    {"compact classes outside", "oop.outside", CORPUS_V3, 0, NULL, set_compact_table_outside, NULL},
    {"no characters", "v3.characterTable", CORPUS_V3, 0, NULL, take_characters_away, NULL},
    {"an integer for the characters", "v3.characterTable", CORPUS_V3, 0, NULL,
     set_characters_to_integer, NULL},
    {"a string for the characters", "v3.characterTable", CORPUS_V3, 0, NULL,
     set_characters_to_string, NULL},
    {"eight characters", "v3.characterTable", CORPUS_V3, 0, NULL, set_characters_to_array, NULL},
    {"characters outside", "oop.outside", CORPUS_V3, 0, NULL, set_characters_outside, NULL},
    {"a missing character", "v3.characterTable", CORPUS_V3, 0, NULL, take_character_away, NULL},
    {"a string for a character", "v3.characterTable", CORPUS_V3, 0, NULL, set_character_to_string,
     NULL},
    {"a character without a code", "v3.characterTable", CORPUS_V3, 0, NULL,
     set_character_to_empty_object, NULL},
    {"a character whose code is nil", "v3.characterTable", CORPUS_V3, 0, NULL,
     set_character_to_pair, NULL},
    {"a character outside", "oop.outside", CORPUS_V3, 0, NULL, set_character_outside, NULL},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};

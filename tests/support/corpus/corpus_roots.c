/* corpus_roots.c: recipes of the first objects, the special objects, the hidden roots, the class
 * table and the compact classes. */
#include "corpus.h"

enum {
	LAST_REQUIRED_SPUR = 42,
	LAST_REQUIRED_V3 = 30,
	UNUSED_ENTRY = 500,
	FREE_CLASS_HASH = 999,
	LAST_COMPACT = 30,
	ROOT_REMEMBERED_SET = 4099,
	ROOT_UNUSED = 4102,
	FORMAT_SPUR64_WORDS = 9,
	FORMAT_SPUR32_WORDS = 10,
};

static void
give_nil_a_format(corpus_case *here)
{
	corpus_set_format(here, corpus_special(here, IMAGO_SPECIAL_NIL), IMAGO_FORMAT_FIXED, 0);
}

static void
give_false_a_format(corpus_case *here)
{
	corpus_set_format(here, corpus_special(here, IMAGO_SPECIAL_FALSE), IMAGO_FORMAT_FIXED, 0);
}

static void
give_true_a_format(corpus_case *here)
{
	corpus_set_format(here, corpus_special(here, IMAGO_SPECIAL_TRUE), IMAGO_FORMAT_FIXED, 0);
}

static void
change_free_lists(corpus_case *here)
{
	corpus_set_class_index(here, corpus_free_lists(here), IMAGO_CLASS_HIDDEN_WEAK_ARRAY);
}

static void
change_hidden_roots(corpus_case *here)
{
	corpus_set_class_index(here, corpus_hidden_roots(here), IMAGO_CLASS_HIDDEN_WEAK_ARRAY);
}

static void
lose_special_objects(corpus_case *here)
{
	here->heap->header.special_objects_oop += here->spur ? 8 : 4;
}

static void
take_another_object(corpus_case *here)
{
	here->heap->header.special_objects_oop = here->fixture.pair;
}

static void
add_array_of_specials(corpus_case *here)
{
	uint64_t size = here->spur ? LAST_REQUIRED_SPUR : LAST_REQUIRED_V3;
	here->fixture.extra =
	    imago_builder_new_pointers(here->builder, corpus_class(here, IMAGO_KERNEL_ARRAY), size);
}

/* The special objects, but for the last ones that are required. */
static void
take_shorter_array(corpus_case *here)
{
	uint64_t size = here->spur ? LAST_REQUIRED_SPUR : LAST_REQUIRED_V3;
	for (uint64_t i = 0; i < size; i++) {
		imago_oop value = corpus_slot(here, here->heap->header.special_objects_oop, i);
		corpus_set_slot(here, here->fixture.extra, i, value);
	}
	here->heap->header.special_objects_oop = here->fixture.extra;
}

static void
confuse_constants(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_FALSE, corpus_special(here, IMAGO_SPECIAL_TRUE));
}

static void
clear_point(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_CLASS_POINT, corpus_nil(here));
}

static void
replace_point(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_CLASS_POINT, here->fixture.string);
}

static void
replace_selector(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_SELECTOR_CANNOT_RETURN, here->fixture.array);
}

static void
replace_selectors(corpus_case *here)
{
	corpus_set_special(here, IMAGO_SPECIAL_SPECIAL_SELECTORS, here->fixture.array);
}

static void
raise_argument_count(corpus_case *here)
{
	corpus_set_slot(here, corpus_special(here, IMAGO_SPECIAL_SPECIAL_SELECTORS), 1,
	                corpus_integer(here, 16));
}

static void
set_mark_stack(corpus_case *here)
{
	corpus_set_slot(here, corpus_hidden_roots(here), IMAGO_FIRST_PRIVATE_ROOT, here->fixture.array);
}

static void
add_stack_page(corpus_case *here)
{
	bool wide = here->layout->layout.word_bytes == 8;
	uint64_t num_words = (uint64_t)IMAGO_OBJ_STACK_PAGE_SLOTS * (wide ? 2 : 1);
	here->fixture.extra =
	    imago_builder_new_bits(here->builder, corpus_class(here, IMAGO_KERNEL_BITMAP), num_words);
}

/* A hidden page whose depth cannot be; nobody but the roots may point at it. */
static void
overfill_stack_page(corpus_case *here)
{
	bool wide = here->layout->layout.word_bytes == 8;
	imago_oop page = here->fixture.extra;
	for (uint64_t i = 0; i < corpus_object(here, here->fixture.holder).num_slots; i++) {
		if (corpus_slot(here, here->fixture.holder, i) == page) {
			corpus_set_slot(here, here->fixture.holder, i, corpus_nil(here));
		}
	}
	corpus_set_class_index(here, page,
	                       wide ? IMAGO_CLASS_HIDDEN_BITS64 : IMAGO_CLASS_HIDDEN_BITS32);
	corpus_set_format(here, page, wide ? FORMAT_SPUR64_WORDS : FORMAT_SPUR32_WORDS, 0);
	corpus_set_slot(here, page, 0, IMAGO_OBJ_STACK_PAGE_SLOTS);
	corpus_set_slot(here, page, 1, IMAGO_FIRST_PRIVATE_ROOT);
	corpus_set_slot(here, corpus_hidden_roots(here), IMAGO_FIRST_PRIVATE_ROOT, page);
}

static void
set_remembered_set(corpus_case *here)
{
	corpus_set_slot(here, corpus_hidden_roots(here), ROOT_REMEMBERED_SET, here->fixture.array);
}

static void
set_unused_root(corpus_case *here)
{
	corpus_set_slot(here, corpus_hidden_roots(here), ROOT_UNUSED, here->fixture.array);
}

static imago_oop
page_at(corpus_case *here, uint64_t index)
{
	return corpus_slot(here, corpus_hidden_roots(here), index);
}

/* The page becomes an ordinary array, lest it be a hidden object that no root reaches. */
static void
drop_page(corpus_case *here)
{
	corpus_set_class_index(here, page_at(here, 1), IMAGO_CLASS_ARRAY);
	corpus_set_slot(here, corpus_hidden_roots(here), 1, corpus_nil(here));
}

static void
show_page(corpus_case *here)
{
	corpus_set_class_index(here, page_at(here, 1), IMAGO_CLASS_ARRAY);
}

static void
add_page(corpus_case *here)
{
	/* Not extra: nothing but the roots may point at it. */
	here->fixture.lone_array = imago_builder_new_pointers(
	    here->builder, corpus_class(here, IMAGO_KERNEL_ARRAY), IMAGO_CLASS_PAGE_SIZE);
}

static void
leave_hole(corpus_case *here)
{
	corpus_set_class_index(here, here->fixture.lone_array, IMAGO_CLASS_HIDDEN_ARRAY);
	corpus_set_slot(here, corpus_hidden_roots(here), 3, here->fixture.lone_array);
}

static void
repeat_page(corpus_case *here)
{
	corpus_set_slot(here, corpus_hidden_roots(here), 2, page_at(here, 1));
}

static void
set_entry_to_integer(corpus_case *here)
{
	corpus_set_slot(here, page_at(here, 1), UNUSED_ENTRY, corpus_integer(here, 7));
}

/* A class without instances, so that no object is left without a class. */
static void
add_class(corpus_case *here)
{
	here->fixture.odd_class = imago_builder_new_class(
	    here->builder, corpus_class(here, IMAGO_KERNEL_OBJECT), "Lost", 0, IMAGO_FORMAT_EMPTY);
}

static void
change_class_hash(corpus_case *here)
{
	corpus_set_hash(here, here->fixture.odd_class, FREE_CLASS_HASH);
}

static void
replace_fixed_entry(corpus_case *here)
{
	corpus_set_slot(here, page_at(here, 0), IMAGO_CLASS_LARGE_NEGATIVE_INTEGER,
	                corpus_special(here, IMAGO_SPECIAL_CLASS_LARGE_POSITIVE_INTEGER));
}

static void
replace_immediate_entry(corpus_case *here)
{
	corpus_set_slot(here, page_at(here, 0), IMAGO_CLASS_CHARACTER,
	                corpus_special(here, IMAGO_SPECIAL_CLASS_SMALL_INTEGER));
}

static void
add_long_compact_table(corpus_case *here)
{
	here->fixture.extra = imago_builder_new_pointers(
	    here->builder, corpus_class(here, IMAGO_KERNEL_ARRAY), IMAGO_COMPACT_CLASSES + 1);
}

/* The same classes in an array of 32. */
static void
replace_compact_table(corpus_case *here)
{
	imago_oop table = corpus_special(here, IMAGO_SPECIAL_COMPACT_CLASSES);
	for (uint64_t i = 0; i < IMAGO_COMPACT_CLASSES; i++) {
		corpus_set_slot(here, here->fixture.extra, i, corpus_slot(here, table, i));
	}
	corpus_set_special(here, IMAGO_SPECIAL_COMPACT_CLASSES, here->fixture.extra);
}

static void
set_compact_class(corpus_case *here, imago_oop value)
{
	corpus_set_slot(here, corpus_special(here, IMAGO_SPECIAL_COMPACT_CLASSES), LAST_COMPACT, value);
}

static void
set_compact_entry_to_integer(corpus_case *here)
{
	set_compact_class(here, corpus_integer(here, 1));
}

static void
set_compact_entry_to_other_class(corpus_case *here)
{
	set_compact_class(here, here->fixture.pair_class);
}

static void
confuse_characters(corpus_case *here)
{
	imago_oop table = corpus_special(here, IMAGO_SPECIAL_CHARACTER_TABLE);
	corpus_set_slot(here, table, 'a', corpus_slot(here, table, 'b'));
}

const corpus_recipe corpus_root_recipes[] = {
    {.rule = "first.nil", .layouts = CORPUS_SPUR, .break_heap = give_nil_a_format},
    {.rule = "first.false", .layouts = CORPUS_SPUR, .break_heap = give_false_a_format},
    {.rule = "first.true", .layouts = CORPUS_SPUR, .break_heap = give_true_a_format},
    {.rule = "first.freeLists", .layouts = CORPUS_SPUR, .break_heap = change_free_lists},
    {.rule = "first.hiddenRoots", .layouts = CORPUS_SPUR, .break_heap = change_hidden_roots},
    {.rule = "special.oop", .layouts = CORPUS_ALL, .break_heap = lose_special_objects},
    {.rule = "special.array", .layouts = CORPUS_ALL, .break_heap = take_another_object},
    {.rule = "special.length",
     .layouts = CORPUS_ALL,
     .build = add_array_of_specials,
     .break_heap = take_shorter_array},
    {.rule = "special.constants", .layouts = CORPUS_ALL, .break_heap = confuse_constants},
    {.rule = "special.nil", .layouts = CORPUS_ALL, .break_heap = clear_point},
    {.rule = "special.class", .layouts = CORPUS_ALL, .break_heap = replace_point},
    {.rule = "special.selector", .layouts = CORPUS_ALL, .break_heap = replace_selector},
    {.rule = "special.selectors", .layouts = CORPUS_ALL, .break_heap = replace_selectors},
    {.rule = "special.argumentCount", .layouts = CORPUS_ALL, .break_heap = raise_argument_count},
    {.rule = "hiddenRoots.objStack", .layouts = CORPUS_SPUR, .break_heap = set_mark_stack},
    {.rule = "hiddenRoots.objStackContents",
     .layouts = CORPUS_SPUR,
     .build = add_stack_page,
     .break_heap = overfill_stack_page},
    {.rule = "hiddenRoots.rememberedSet", .layouts = CORPUS_SPUR, .break_heap = set_remembered_set},
    {.rule = "hiddenRoots.unused", .layouts = CORPUS_SPUR, .break_heap = set_unused_root},
    {.rule = "classTable.missingPage", .layouts = CORPUS_SPUR, .break_heap = drop_page},
    {.rule = "classTable.page", .layouts = CORPUS_SPUR, .break_heap = show_page},
    {.rule = "classTable.hole",
     .layouts = CORPUS_SPUR,
     .build = add_page,
     .break_heap = leave_hole},
    {.rule = "classTable.pageTwice", .layouts = CORPUS_SPUR, .break_heap = repeat_page},
    {.rule = "classTable.entry", .layouts = CORPUS_SPUR, .break_heap = set_entry_to_integer},
    {.rule = "classTable.hash",
     .layouts = CORPUS_SPUR,
     .build = add_class,
     .break_heap = change_class_hash},
    {.rule = "classTable.fixed", .layouts = CORPUS_SPUR, .break_heap = replace_fixed_entry},
    {.rule = "classTable.immediate", .layouts = CORPUS_SPUR, .break_heap = replace_immediate_entry},
    {.rule = "v3.compactTable",
     .layouts = CORPUS_V3,
     .build = add_long_compact_table,
     .break_heap = replace_compact_table},
    {.rule = "v3.compactEntry", .layouts = CORPUS_V3, .break_heap = set_compact_entry_to_integer},
    {.rule = "v3.compactClassIndex",
     .layouts = CORPUS_V3,
     .break_heap = set_compact_entry_to_other_class},
    {.rule = "v3.characterTable", .layouts = CORPUS_V3, .break_heap = confuse_characters},
    {.rule = NULL},
};

/* table_wounds.c: hidden roots and class table: what their slots may hold. */
#include "wounds.h"

enum {
	STACK_DEPTH,
	STACK_ROOT,
	STACK_FREE_PAGE,
	STACK_NEXT_PAGE,
	MARK_STACK = IMAGO_FIRST_PRIVATE_ROOT,
	WEAKLINGS,
	REMEMBERED_SET = MARK_STACK + 3,
	UNUSED_ROOT = MARK_STACK + 6,
};
enum { UNUSED_ENTRY = 500, FREE_CLASS_HASH = 999, MANY_PAGES = 300 };

static void
set_root(corpus_case *here, uint64_t index, imago_oop value)
{
	corpus_set_slot(here, corpus_hidden_roots(here), index, value);
}

static imago_oop
root_at(corpus_case *here, uint64_t index)
{
	return corpus_slot(here, corpus_hidden_roots(here), index);
}

static void
set_words_format(corpus_case *here, imago_oop oop, bool of_the_other_width)
{
	bool wide = (here->layout->layout.word_bytes == 8) != of_the_other_width;
	corpus_set_format(here, oop, wide ? IMAGO_FORMAT_BITS64 : IMAGO_FORMAT_BITS32, 0);
}

/* Object stacks: hidden pages of words, which nothing but the roots and one another points at. */

enum { NUM_PAGES = 3 };

static imago_oop *
page_of(corpus_fixture *fixture, unsigned index)
{
	imago_oop *const places[NUM_PAGES] = {&fixture->lone_array, &fixture->lone,
	                                      &fixture->perm_lone};
	return places[index];
}

static void
add_stack_pages(corpus_case *here)
{
	bool wide = here->layout->layout.word_bytes == 8;
	uint64_t num_words = (uint64_t)IMAGO_OBJ_STACK_PAGE_SLOTS * (wide ? 2 : 1);
	for (unsigned i = 0; i < NUM_PAGES; i++) {
		*page_of(&here->fixture, i) = imago_builder_new_bits(
		    here->builder, corpus_class(here, IMAGO_KERNEL_BITMAP), num_words);
	}
}

/* Makes a valid page of an object stack. */
static imago_oop
hide_page(corpus_case *here, unsigned index, uint64_t root)
{
	bool wide = here->layout->layout.word_bytes == 8;
	imago_oop page = *page_of(&here->fixture, index);
	corpus_set_class_index(here, page,
	                       wide ? IMAGO_CLASS_HIDDEN_BITS64 : IMAGO_CLASS_HIDDEN_BITS32);
	set_words_format(here, page, false);
	corpus_set_slot(here, page, STACK_ROOT, root);
	return page;
}

static void
use_empty_stack(corpus_case *here)
{
	set_root(here, MARK_STACK, hide_page(here, 0, MARK_STACK));
}

static void
use_chained_pages(corpus_case *here)
{
	imago_oop first = hide_page(here, 0, MARK_STACK);
	imago_oop second = hide_page(here, 1, MARK_STACK);
	imago_oop third = hide_page(here, 2, MARK_STACK);
	corpus_set_slot(here, first, STACK_NEXT_PAGE, second);
	corpus_set_slot(here, first, STACK_FREE_PAGE, third);
	set_root(here, MARK_STACK, first);
}

static void
use_free_page(corpus_case *here)
{
	imago_oop first = hide_page(here, 0, WEAKLINGS);
	corpus_set_slot(here, first, STACK_FREE_PAGE, hide_page(here, 1, WEAKLINGS));
	set_root(here, WEAKLINGS, first);
}

static void
chain_pages_in_a_circle(corpus_case *here)
{
	imago_oop first = hide_page(here, 0, MARK_STACK);
	imago_oop second = hide_page(here, 1, MARK_STACK);
	corpus_set_slot(here, first, STACK_NEXT_PAGE, second);
	corpus_set_slot(here, second, STACK_NEXT_PAGE, first);
	set_root(here, MARK_STACK, first);
}

static void
name_another_root(corpus_case *here)
{
	set_root(here, MARK_STACK, hide_page(here, 0, WEAKLINGS));
}

static void
share_a_page(corpus_case *here)
{
	imago_oop page = hide_page(here, 0, MARK_STACK);
	set_root(here, MARK_STACK, page);
	set_root(here, WEAKLINGS, page);
}

static void
link_to_nothing(corpus_case *here)
{
	imago_oop page = hide_page(here, 0, MARK_STACK);
	corpus_set_slot(here, page, STACK_NEXT_PAGE, here->fixture.array);
	set_root(here, MARK_STACK, page);
}

/* The first link is wrong, the second one leads on. */
static void
link_to_nothing_and_on(corpus_case *here)
{
	imago_oop page = hide_page(here, 0, MARK_STACK);
	corpus_set_slot(here, page, STACK_FREE_PAGE, here->fixture.array);
	corpus_set_slot(here, page, STACK_NEXT_PAGE, hide_page(here, 1, MARK_STACK));
	set_root(here, MARK_STACK, page);
}

static void
use_class_page_as_stack(corpus_case *here)
{
	set_root(here, MARK_STACK, root_at(here, 0));
}

static void
use_free_lists_as_stack(corpus_case *here)
{
	set_root(here, MARK_STACK, corpus_free_lists(here));
}

static void
use_pointers_as_stack(corpus_case *here)
{
	imago_oop page = hide_page(here, 0, MARK_STACK);
	corpus_set_format(here, page, IMAGO_FORMAT_INDEXABLE, 0);
	set_root(here, MARK_STACK, page);
}

static void
remember_words(corpus_case *here)
{
	set_root(here, REMEMBERED_SET, hide_page(here, 0, 0));
}

static void
remember_class_page(corpus_case *here)
{
	set_root(here, REMEMBERED_SET, root_at(here, 0));
}

static void
lead_unused_root_outside(corpus_case *here)
{
	set_root(here, UNUSED_ROOT,
	         here->layout->layout.word_bytes == 8 ? UINT64_C(8) << 40 : 0x7FFFFFF8);
}

static void
lead_unused_root_into_object(corpus_case *here)
{
	set_root(here, UNUSED_ROOT, here->fixture.array + 8);
}

const wound hidden_root_wounds[] = {
    {"an unused root that leads nowhere", "oop.outside", CORPUS_SPUR, 0, NULL,
     lead_unused_root_outside, NULL},
    {"an unused root that leads into an object", "oop.notObjectStart", CORPUS_SPUR, 0, NULL,
     lead_unused_root_into_object, NULL},
    {"an empty object stack", "", CORPUS_SPUR, 0, add_stack_pages, use_empty_stack, NULL},
    {"an object stack of two pages and a free one", "", CORPUS_SPUR, 0, add_stack_pages,
     use_chained_pages, NULL},
    {"an object stack with a free page", "", CORPUS_SPUR, 0, add_stack_pages, use_free_page, NULL},
    {"pages that lead in a circle", "", CORPUS_SPUR, 0, add_stack_pages, chain_pages_in_a_circle,
     NULL},
    {"a page of another root", "hiddenRoots.objStackContents", CORPUS_SPUR, 0, add_stack_pages,
     name_another_root, NULL},
    {"a page of two roots", "hiddenRoots.objStackContents", CORPUS_SPUR, 0, add_stack_pages,
     share_a_page, NULL},
    {"a page that leads to an array", "hiddenRoots.objStackContents", CORPUS_SPUR, 0,
     add_stack_pages, link_to_nothing, NULL},
    {"a page that leads to an array and on", "hiddenRoots.objStackContents", CORPUS_SPUR, 0,
     add_stack_pages, link_to_nothing_and_on, NULL},
    {"a page of classes for an object stack", "hiddenRoots.objStack", CORPUS_SPUR, 0, NULL,
     use_class_page_as_stack, NULL},
    {"the free lists for an object stack", "hiddenRoots.objStack", CORPUS_SPUR, 0, NULL,
     use_free_lists_as_stack, NULL},
    {"pointers for an object stack", "hiddenRoots.objStack", CORPUS_SPUR, 0, add_stack_pages,
     use_pointers_as_stack, NULL},
    {"a remembered set of words", "", CORPUS_SPUR, 0, add_stack_pages, remember_words, NULL},
    {"a page of classes for a remembered set", "hiddenRoots.rememberedSet", CORPUS_SPUR, 0, NULL,
     remember_class_page, NULL},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};

/* The class table. */

static void
use_free_lists_as_page(corpus_case *here)
{
	set_root(here, 2, corpus_free_lists(here));
}

static void
use_roots_as_page(corpus_case *here)
{
	set_root(here, 2, corpus_hidden_roots(here));
}

static void
make_page_mixed(corpus_case *here)
{
	corpus_set_format(here, root_at(here, 1), IMAGO_FORMAT_MIXED, 0);
}

static void
add_page(corpus_case *here)
{
	here->fixture.lone_array = imago_builder_new_pointers(
	    here->builder, corpus_class(here, IMAGO_KERNEL_ARRAY), IMAGO_CLASS_PAGE_SIZE);
}

/* Page 1 goes, a page 2 comes: what is missing is the page, not a hole. */
static void
miss_page_before_another(corpus_case *here)
{
	corpus_set_class_index(here, root_at(here, 1), IMAGO_CLASS_ARRAY);
	set_root(here, 1, corpus_nil(here));
	corpus_set_class_index(here, here->fixture.lone_array, IMAGO_CLASS_HIDDEN_ARRAY);
	set_root(here, 2, here->fixture.lone_array);
}

/* One after another, so that the last one leads to all. */
static void
add_many_pages(corpus_case *here)
{
	imago_oop previous = imago_builder_nil(here->builder);
	for (unsigned i = 0; i < MANY_PAGES; i++) {
		add_page(here);
		imago_builder_store(here->builder, here->fixture.lone_array, 0, previous);
		previous = here->fixture.lone_array;
	}
}

static void
use_many_pages(corpus_case *here)
{
	imago_oop nil = corpus_nil(here);
	imago_oop page = here->fixture.lone_array;
	for (unsigned i = 0; i < MANY_PAGES; i++) {
		imago_oop next = corpus_slot(here, page, 0);
		corpus_set_slot(here, page, 0, nil);
		corpus_set_class_index(here, page, IMAGO_CLASS_HIDDEN_ARRAY);
		set_root(here, 2 + i, page);
		page = next;
	}
}

/* A class that stands in the table far behind, with an instance that says so. */
static void
use_class_of_the_last_page(corpus_case *here)
{
	uint32_t class_index = (MANY_PAGES + 1) * IMAGO_CLASS_PAGE_SIZE + 5;
	imago_oop cls = here->fixture.pair_class;
	use_many_pages(here);
	corpus_set_slot(here, root_at(here, MANY_PAGES + 1), 5, cls);
	corpus_set_slot(here, root_at(here, corpus_hash(here, cls) / IMAGO_CLASS_PAGE_SIZE),
	                corpus_hash(here, cls) % IMAGO_CLASS_PAGE_SIZE, corpus_nil(here));
	corpus_set_hash(here, cls, class_index);
	corpus_set_class_index(here, here->fixture.pair, class_index);
}

static void
add_class(corpus_case *here)
{
	here->fixture.odd_class = imago_builder_new_class(
	    here->builder, corpus_class(here, IMAGO_KERNEL_OBJECT), "Lost", 0, IMAGO_FORMAT_EMPTY);
}

/* In a table with a page too often nobody says what belongs where. */
static void
change_hash_in_broken_table(corpus_case *here)
{
	corpus_set_hash(here, here->fixture.odd_class, FREE_CLASS_HASH);
	set_root(here, 2, root_at(here, 1));
}

static void
enter_an_array_twice(corpus_case *here)
{
	imago_oop page = root_at(here, 1);
	corpus_set_slot(here, page, UNUSED_ENTRY, here->fixture.five);
	corpus_set_slot(here, page, UNUSED_ENTRY + 1, here->fixture.five);
}

/* The class of contexts is another one in the table: nothing is judged as a context. */
static void
replace_context_class(corpus_case *here)
{
	corpus_set_slot(here, root_at(here, 0), IMAGO_CLASS_CONTEXT,
	                corpus_special(here, IMAGO_SPECIAL_CLASS_ARRAY));
	corpus_set_slot(here, here->fixture.context, 0, here->fixture.string);
}

/* A forwarder is no nil, and what it leads to is no class. */
static void
forward_class_to_nil(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.forwarder, 0, corpus_nil(here));
	corpus_set_slot(here, root_at(here, 1), UNUSED_ENTRY, here->fixture.forwarder);
}

/* Bits that VMs do not look at, and for which 32-bit images have no room. */
enum { CLASS_FORMAT = 2, INSTANCE_FORMAT_SHIFT = 16 };

static void
set_wide_class_format(corpus_case *here)
{
	const imago_oop cls = here->fixture.odd_class;
	const int64_t format = corpus_integer_value(here, corpus_slot(here, cls, CLASS_FORMAT));
	corpus_set_slot(here, cls, CLASS_FORMAT, corpus_integer(here, format + (INT64_C(1) << 30)));
}

/* 11 is that of word objects with half a slot unused in 64 bits, 17 of byte objects with a byte
 * unused: one object's, not a class's. */
static void
set_instance_format(corpus_case *here, int64_t format)
{
	const imago_oop cls = here->fixture.odd_class;
	corpus_set_slot(here, cls, CLASS_FORMAT, corpus_integer(here, format << INSTANCE_FORMAT_SHIFT));
}

static void
declare_odd_words(corpus_case *here)
{
	set_instance_format(here, IMAGO_FORMAT_BITS32 + 1);
}

static void
declare_odd_bytes(corpus_case *here)
{
	set_instance_format(here, IMAGO_FORMAT_BITS8 + 1);
}

static void
declare_odd_code(corpus_case *here)
{
	set_instance_format(here, IMAGO_FORMAT_METHOD + 1);
}

const wound class_table_wounds[] = {
    {"the free lists for a page", "classTable.page", CORPUS_SPUR, 0, NULL, use_free_lists_as_page,
     NULL},
    {"the hidden roots for a page", "classTable.page", CORPUS_SPUR, 0, NULL, use_roots_as_page,
     NULL},
    {"a page with named slots", "classTable.page", CORPUS_SPUR, 0, NULL, make_page_mixed, NULL},
    {"a missing page before another", "classTable.missingPage", CORPUS_SPUR, 0, add_page,
     miss_page_before_another, NULL},
    {"hundreds of pages", "", CORPUS_SPUR, 0, add_many_pages, use_many_pages, NULL},
    {"a class in the last of hundreds of pages", "", CORPUS_SPUR, 0, add_many_pages,
     use_class_of_the_last_page, NULL},
    {"a lost class in a table with a page twice", "classTable.pageTwice", CORPUS_SPUR, 0, add_class,
     change_hash_in_broken_table, NULL},
    {"an array for two classes", "class.shape", CORPUS_SPUR, 0, NULL, enter_an_array_twice, NULL},
    {"another class for contexts", "classTable.fixed class.instanceFormat", CORPUS_SPUR, 0, NULL,
     replace_context_class, NULL},
    {"a class behind a forwarder to nil", "classTable.entry", CORPUS_SPUR, 0, NULL,
     forward_class_to_nil, NULL},
    {"a class format of 32 bits", "class.shape", CORPUS_SPUR64, 0, add_class, set_wide_class_format,
     NULL},
    {"a class of odd words", "class.instanceSpecification", CORPUS_SPUR, 0, add_class,
     declare_odd_words, NULL},
    {"a class of odd bytes", "class.instanceSpecification", CORPUS_SPUR, 0, add_class,
     declare_odd_bytes, NULL},
    {"a class of odd code", "class.instanceSpecification", CORPUS_SPUR, 0, add_class,
     declare_odd_code, NULL},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};

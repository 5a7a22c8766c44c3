/* wounds.c: the tables joined, and the way from a row to a file. */
#include "wounds.h"

static const wound *const tables[] = {
    context_wounds,     closure_wounds,     method_wounds,    special_wounds,   v3_wounds,
    hidden_root_wounds, class_table_wounds, scheduler_wounds, forwarder_wounds, free_list_wounds,
    number_wounds,      space_wounds,       edge_wounds,
};

const wound *
wound_at(size_t index)
{
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		for (const wound *row = tables[i]; row->what != NULL; row++) {
			if (index-- == 0) {
				return row;
			}
		}
	}
	return NULL;
}

static corpus_recipe
recipe_of(const wound *row)
{
	return (corpus_recipe){
	    .rule = row->what,
	    .layouts = row->layouts,
	    .needs = row->needs,
	    .build = row->build,
	    .break_heap = row->change,
	    .break_files = row->change_folder,
	};
}

bool
wound_applies(const wound *row, const test_layout *layout)
{
	corpus_recipe recipe = recipe_of(row);
	return corpus_applies(&recipe, layout);
}

test_image
wound_make(const wound *row, const test_layout *layout, imago_allocator *allocator)
{
	corpus_recipe recipe = recipe_of(row);
	return corpus_make(&recipe, layout, allocator);
}

imago_oop
wound_outside(corpus_case *here)
{
	enum { FAR_AWAY = 0x10000 };
	const imago_segment *last = &here->heap->segments[here->heap->num_segments - 1];
	return last->start + last->size + FAR_AWAY;
}

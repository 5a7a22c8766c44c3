/* corpus_packfiles.c: the packfiles of the corpus, from the drafts and recipes of
 * tests/support/packfile. */
#include <stdio.h>

#include "corpus.h"
#include "packfile/packfile_recipes.h"

typedef struct named_layout {
	const char *name;
	imago_layout layout;
} named_layout;

enum { LITTLE_4, BIG_4, LITTLE_8, BIG_8, NUM_LAYOUTS };
static const named_layout layouts[NUM_LAYOUTS] = {
    [LITTLE_4] = {"4le", {4, IMAGO_LITTLE_ENDIAN}},
    [BIG_4] = {"4be", {4, IMAGO_BIG_ENDIAN}},
    [LITTLE_8] = {"8le", {8, IMAGO_LITTLE_ENDIAN}},
    [BIG_8] = {"8be", {8, IMAGO_BIG_ENDIAN}},
};

static bool
applies(const packfile_recipe *recipe, const named_layout *layout)
{
	return recipe->word_bytes == 0 || recipe->word_bytes == layout->layout.word_bytes;
}

static const named_layout *
committed_layout(const packfile_recipe *recipe)
{
	return applies(recipe, &layouts[LITTLE_4]) ? &layouts[LITTLE_4] : &layouts[LITTLE_8];
}

/* Shows what was written, and releases it. */
static bool
show(imago_writer *writer, corpus_file *file, corpus_visit *visit, void *payload)
{
	file->format = "packfile";
	file->bytes = writer->bytes;
	file->size = writer->size;
	const bool going_on = writer->status == IMAGO_OK && visit(file, payload);
	imago_writer_release(writer);
	return going_on;
}

static bool
show_draft(draft *d, const char *name, const named_layout *layout, corpus_visit *visit,
           void *payload)
{
	imago_allocator allocator;
	imago_writer writer;
	char path[CORPUS_PATH_SIZE];
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_writer_init(&writer, &allocator, layout->layout, NULL);
	draft_write(d, &writer);
	snprintf(path, sizeof path, "packfile/%s.%s", name, layout->name);
	corpus_file file = {.path = path, .rule = "valid", .layout = layout->name};
	return show(&writer, &file, visit, payload);
}

static bool
show_recipe(const packfile_recipe *recipe, const named_layout *layout, corpus_visit *visit,
            void *payload)
{
	imago_allocator allocator;
	imago_writer writer;
	char path[CORPUS_PATH_SIZE];
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_writer_init(&writer, &allocator, layout->layout, NULL);
	packfile_recipe_write(recipe, layout->layout, &writer);
	snprintf(path, sizeof path, "invalid/packfile/%s.%s.pbc", recipe->rule, layout->name);
	corpus_file file = {.path = path, .rule = recipe->rule, .layout = layout->name};
	return show(&writer, &file, visit, payload);
}

bool
corpus_for_each_committed_packfile(corpus_visit *visit, void *payload)
{
	draft d;
	draft_init(&d, layouts[LITTLE_4].layout, 2);
	if (!show_draft(&d, "whole", &layouts[LITTLE_4], visit, payload)) {
		return false;
	}
	draft_init_least(&d, layouts[BIG_8].layout);
	if (!show_draft(&d, "least", &layouts[BIG_8], visit, payload)) {
		return false;
	}
	for (size_t r = 0; r < num_packfile_recipes; r++) {
		const packfile_recipe *recipe = &packfile_recipes[r];
		if (!show_recipe(recipe, committed_layout(recipe), visit, payload)) {
			return false;
		}
	}
	return true;
}

bool
corpus_for_each_other_packfile(corpus_visit *visit, void *payload)
{
	for (size_t r = 0; r < num_packfile_recipes; r++) {
		const packfile_recipe *recipe = &packfile_recipes[r];
		for (size_t i = 0; i < NUM_LAYOUTS; i++) {
			if (applies(recipe, &layouts[i]) && &layouts[i] != committed_layout(recipe) &&
			    !show_recipe(recipe, &layouts[i], visit, payload)) {
				return false;
			}
		}
	}
	return true;
}

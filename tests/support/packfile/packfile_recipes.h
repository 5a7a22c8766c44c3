/* packfile_recipes.h: packfiles that break one rule each, as a table of recipes. */
#ifndef IMAGO_TESTS_PACKFILE_RECIPES_H
#define IMAGO_TESTS_PACKFILE_RECIPES_H

#include "packfile_draft.h"

typedef struct packfile_recipe {
	const char *rule;
	uint8_t float_type;                                /* of the draft */
	void (*change)(draft *d);                          /* before it is written, or NULL … */
	void (*patch)(const draft *d, imago_writer *file); /* … and afterwards, or NULL */
	uint8_t word_bytes;                                /* of files that it is for; 0: any */
} packfile_recipe;

extern const packfile_recipe packfile_recipes[];
extern const size_t num_packfile_recipes;

/* Appends the file of a recipe in a layout. */
void packfile_recipe_write(const packfile_recipe *recipe, imago_layout layout,
                           imago_writer *writer);

#endif

/* corpus_files.c: the corpus as a list of files. */
#include <stdio.h>

#include <sodium.h>

#include "corpus.h"

/* Makes a file and shows it. */
static bool
show(test_image *image, corpus_file *file, corpus_visit *visit, void *payload)
{
	file->bytes = image->bytes;
	file->size = image->size;
	bool going_on = image->bytes != NULL && visit(file, payload);
	test_image_release(image);
	return going_on;
}

static bool
show_recipe(const corpus_recipe *recipe, const test_layout *layout, corpus_visit *visit,
            void *payload)
{
	imago_allocator allocator;
	char path[CORPUS_PATH_SIZE];
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	corpus_path(recipe, layout, path);
	test_image image = corpus_make(recipe, layout, &allocator);
	corpus_file file = {.path = path,
	                    .rule = recipe->rule,
	                    .format = imago_format_name(corpus_format(recipe, layout)),
	                    .layout = layout->name};
	return show(&image, &file, visit, payload);
}

static bool
show_valid(const corpus_valid *valid, const test_layout *layout, corpus_visit *visit, void *payload)
{
	imago_allocator allocator;
	char path[CORPUS_PATH_SIZE];
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	corpus_valid_path(valid, layout, path);
	test_image image = corpus_valid_make(valid, layout, &allocator);
	corpus_file file = {.path = path,
	                    .rule = "valid",
	                    .format = imago_format_name(corpus_valid_format(valid, layout)),
	                    .layout = layout->name};
	return show(&image, &file, visit, payload);
}

/* The strings that describe generated images, as they are. */
static bool
show_strings(corpus_visit *visit, void *payload)
{
	const corpus_string *string;
	for (size_t i = 0; (string = corpus_string_at(i)) != NULL; i++) {
		char path[CORPUS_PATH_SIZE];
		snprintf(path, sizeof(path), "generate/%s", string->name);
		const corpus_file file = {.path = path,
		                          .rule = "valid",
		                          .format = "bytes",
		                          .layout = "any",
		                          .bytes = string->bytes,
		                          .size = string->size};
		if (!visit(&file, payload)) {
			return false;
		}
	}
	return true;
}

/* Valid images are committed in every layout, broken ones in one. */
bool
corpus_for_each_committed(corpus_visit *visit, void *payload)
{
	if (!show_strings(visit, payload)) {
		return false;
	}
	const corpus_valid *valid;
	for (size_t v = 0; (valid = corpus_valid_at(v)) != NULL; v++) {
		for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
			if (corpus_valid_applies(valid, &test_layouts[i]) &&
			    !show_valid(valid, &test_layouts[i], visit, payload)) {
				return false;
			}
		}
	}
	const corpus_recipe *recipe;
	for (size_t r = 0; (recipe = corpus_recipe_at(r)) != NULL; r++) {
		const test_layout *layout = corpus_committed_layout(recipe);
		if (layout != NULL && !show_recipe(recipe, layout, visit, payload)) {
			return false;
		}
	}
	return corpus_for_each_committed_packfile(visit, payload);
}

bool
corpus_for_each_other(corpus_visit *visit, void *payload)
{
	const corpus_recipe *recipe;
	for (size_t r = 0; (recipe = corpus_recipe_at(r)) != NULL; r++) {
		for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
			const test_layout *layout = &test_layouts[i];
			if (corpus_applies(recipe, layout) && layout != corpus_committed_layout(recipe) &&
			    !show_recipe(recipe, layout, visit, payload)) {
				return false;
			}
		}
	}
	return corpus_for_each_other_packfile(visit, payload);
}

void
corpus_manifest_line(const corpus_file *file, char line[CORPUS_MANIFEST_LINE])
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char digits[2 * crypto_hash_sha256_BYTES + 1];
	if (file == NULL) {
		snprintf(line, CORPUS_MANIFEST_LINE, "path\tsha256\tformat\tlayout\trule\n");
		return;
	}
	crypto_hash_sha256(hash, file->bytes, file->size);
	for (size_t i = 0; i < sizeof(hash); i++) {
		snprintf(digits + 2 * i, 3, "%02x", hash[i]);
	}
	snprintf(line, CORPUS_MANIFEST_LINE, "%s\t%s\t%s\t%s\t%s\n", file->path, digits, file->format,
	         file->layout, file->rule);
}

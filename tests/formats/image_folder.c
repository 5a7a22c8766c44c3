#include "image_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imago/composed_image.h"

void
make_folder(imago_folder *folder, heap_maker *maker, const char *layout, imago_allocator *allocator)
{
	imago_error error = {0};
	imago_heap *heap = maker(test_layout_find(layout), allocator);
	assert_non_null(heap);
	imago_folder_init(folder, allocator);
	assert_ok(imago_composed_write(heap, folder, &error), &error);
	imago_heap_destroy(heap);
}

static void
add_copy(imago_folder *folder, const char *name, const void *bytes, uint64_t size)
{
	imago_error error = {0};
	uint8_t *copy = imago_allocate(folder->allocator, size, "copy", &error);
	assert_non_null(copy);
	if (size > 0) {
		memcpy(copy, bytes, (size_t)size);
	}
	assert_ok(imago_folder_add(folder, name, copy, size, copy, &error), &error);
}

/* A folder is never changed: it is made again with other files. bytes NULL removes. */
static void
replace(imago_folder *folder, const char *name, const void *bytes, uint64_t size)
{
	imago_folder changed;
	imago_folder_init(&changed, folder->allocator);
	bool replaced = bytes == NULL;
	for (size_t i = 0; i < folder->num_files; i++) {
		const imago_folder_file *file = &folder->files[i];
		if (strcmp(file->name, name) != 0) {
			add_copy(&changed, file->name, file->bytes, file->size);
		} else if (bytes != NULL) {
			add_copy(&changed, name, bytes, size);
			replaced = true;
		}
	}
	if (!replaced) {
		add_copy(&changed, name, bytes, size);
	}
	imago_folder_release(folder);
	*folder = changed;
}

void
folder_set(imago_folder *folder, const char *name, const void *bytes, uint64_t size)
{
	replace(folder, name, bytes, size);
}

void
folder_set_text(imago_folder *folder, const char *name, const char *text)
{
	replace(folder, name, text, strlen(text));
}

void
folder_remove(imago_folder *folder, const char *name)
{
	assert_non_null(imago_folder_find(folder, name));
	replace(folder, name, NULL, 0);
}

void
folder_resize(imago_folder *folder, const char *name, uint64_t size)
{
	const imago_folder_file *file = imago_folder_find(folder, name);
	assert_non_null(file);
	uint8_t *bytes = calloc(1, (size_t)size + 1);
	assert_non_null(bytes);
	memcpy(bytes, file->bytes, (size_t)(size < file->size ? size : file->size));
	replace(folder, name, bytes, size);
	free(bytes);
}

char *
folder_text(const imago_folder *folder, const char *name)
{
	const imago_folder_file *file = imago_folder_find(folder, name);
	assert_non_null(file);
	char *text = calloc(1, (size_t)file->size + 1);
	assert_non_null(text);
	memcpy(text, file->bytes, (size_t)file->size);
	return text;
}

/* Replaces length characters at place, which lies in text. */
static void
splice(imago_folder *folder, const char *name, const char *text, const char *place, size_t length,
       const char *new)
{
	size_t before = (size_t)(place - text);
	size_t size = strlen(text) - length + strlen(new);
	char *changed = calloc(1, size + 1);
	assert_non_null(changed);
	snprintf(changed, size + 1, "%.*s%s%s", (int)before, text, new, place + length);
	replace(folder, name, changed, size);
	free(changed);
}

void
folder_substitute(imago_folder *folder, const char *name, const char *old, const char *new)
{
	char *text = folder_text(folder, name);
	const char *place = strstr(text, old);
	assert_non_null(place);
	splice(folder, name, text, place, strlen(old), new);
	free(text);
}

void
folder_set_field(imago_folder *folder, const char *name, const char *field, const char *number)
{
	char pattern[80];
	char *text = folder_text(folder, name);
	snprintf(pattern, sizeof pattern, "\t#%s : ", field);
	const char *place = strstr(text, pattern);
	assert_non_null(place);
	place += strlen(pattern);
	splice(folder, name, text, place, strspn(place, "-0123456789"), number);
	free(text);
}

void
assert_folders_equal(const imago_folder *a, const imago_folder *b)
{
	assert_int_equal(a->num_files, b->num_files);
	for (size_t i = 0; i < a->num_files; i++) {
		assert_string_equal(a->files[i].name, b->files[i].name);
		assert_int_equal(a->files[i].size, b->files[i].size);
		assert_memory_equal(a->files[i].bytes, b->files[i].bytes, (size_t)a->files[i].size);
	}
}

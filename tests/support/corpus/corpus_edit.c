/* corpus_edit.c: how recipes break things. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus.h"

static void
fail(corpus_case *here, const char *what, uint64_t value)
{
	fprintf(stderr, "corpus recipe: %s 0x%llx\n", what, (unsigned long long)value);
	here->failed = true;
}

imago_object
corpus_object(corpus_case *here, imago_oop oop)
{
	imago_object object = {0};
	if (imago_heap_decode_object(here->heap, oop, &object, NULL) != IMAGO_OK) {
		fail(here, "no object at", oop);
	}
	return object;
}

imago_oop
corpus_slot(corpus_case *here, imago_oop oop, uint64_t index)
{
	imago_object object = corpus_object(here, oop);
	if (index >= object.num_slots) {
		fail(here, "no slot", index);
		return 0;
	}
	return imago_heap_fetch_slot(here->heap, &object, index);
}

void
corpus_set_slot(corpus_case *here, imago_oop oop, uint64_t index, imago_oop value)
{
	imago_object object = corpus_object(here, oop);
	if (index >= object.num_slots) {
		fail(here, "no slot", index);
		return;
	}
	imago_heap_store_slot(here->heap, &object, index, value);
}

/* Header words are 8 bytes in Spur, of either word size, and 4 in V3. */
uint64_t
corpus_word(corpus_case *here, imago_addr addr)
{
	imago_byte_order order = here->layout->layout.byte_order;
	const uint8_t *bytes = imago_heap_bytes(here->heap, addr, here->spur ? 8 : 4);
	if (bytes == NULL) {
		fail(here, "no word at", addr);
		return 0;
	}
	return here->spur ? imago_load_u64(bytes, order) : imago_load_u32(bytes, order);
}

void
corpus_set_word(corpus_case *here, imago_addr addr, uint64_t value)
{
	imago_byte_order order = here->layout->layout.byte_order;
	uint8_t *bytes = imago_heap_writable_bytes(here->heap, addr, here->spur ? 8 : 4);
	if (bytes == NULL) {
		fail(here, "no word at", addr);
	} else if (here->spur) {
		imago_store_u64(bytes, value, order);
	} else {
		imago_store_u32(bytes, (uint32_t)value, order);
	}
}

uint64_t
corpus_header(corpus_case *here, imago_oop oop)
{
	return corpus_word(here, oop);
}

void
corpus_set_header(corpus_case *here, imago_oop oop, uint64_t header)
{
	corpus_set_word(here, oop, header);
}

/* Replaces width bits from shift. */
static void
set_bits(corpus_case *here, imago_oop oop, unsigned shift, unsigned width, uint64_t value)
{
	uint64_t mask = ((UINT64_C(1) << width) - 1) << shift;
	corpus_set_header(here, oop, (corpus_header(here, oop) & ~mask) | (value << shift & mask));
}

void
corpus_set_class_index(corpus_case *here, imago_oop oop, uint32_t class_index)
{
	set_bits(here, oop, here->spur ? 0 : 12, here->spur ? 22 : 5, class_index);
}

void
corpus_set_class(corpus_case *here, imago_oop oop, imago_oop cls)
{
	if (here->spur) {
		corpus_set_class_index(here, oop, corpus_hash(here, cls));
	} else {
		corpus_set_word(here, oop - 4, cls | (corpus_word(here, oop - 4) & 3));
	}
}

void
corpus_set_format(corpus_case *here, imago_oop oop, uint8_t spur, uint8_t v3)
{
	set_bits(here, oop, here->spur ? 24 : 8, here->spur ? 5 : 4, here->spur ? spur : v3);
}

void
corpus_set_hash(corpus_case *here, imago_oop oop, uint32_t hash)
{
	set_bits(here, oop, here->spur ? 32 : 17, here->spur ? 22 : 12, hash);
}

void
corpus_set_header_bit(corpus_case *here, imago_oop oop, unsigned spur, unsigned v3)
{
	set_bits(here, oop, here->spur ? spur : v3, 1, 1);
}

uint32_t
corpus_hash(corpus_case *here, imago_oop oop)
{
	return corpus_object(here, oop).identity_hash;
}

imago_oop
corpus_integer(corpus_case *here, int64_t value)
{
	imago_oop oop = 0;
	if (!imago_oop_from_integer(here->heap->tagging, value, &oop)) {
		fail(here, "no integer", (uint64_t)value);
	}
	return oop;
}

int64_t
corpus_integer_value(corpus_case *here, imago_oop oop)
{
	return imago_oop_integer(here->heap->tagging, oop);
}

imago_oop
corpus_nil(corpus_case *here)
{
	return imago_heap_nil(here->heap);
}

imago_oop
corpus_special(corpus_case *here, imago_special index)
{
	return corpus_slot(here, here->heap->header.special_objects_oop, (uint64_t)index);
}

void
corpus_set_special(corpus_case *here, imago_special index, imago_oop value)
{
	corpus_set_slot(here, here->heap->header.special_objects_oop, (uint64_t)index, value);
}

imago_oop
corpus_hidden_roots(corpus_case *here)
{
	imago_known_objects known;
	imago_known_objects_find(here->heap, &known);
	return known.hidden_roots.oop;
}

imago_oop
corpus_free_lists(corpus_case *here)
{
	imago_known_objects known;
	imago_known_objects_find(here->heap, &known);
	return known.free_lists.oop;
}

imago_oop
corpus_class(corpus_case *here, imago_kernel_class which)
{
	return imago_builder_class(here->builder, which);
}

static imago_folder_file *
file_of(corpus_case *here, const char *name)
{
	for (size_t i = 0; i < here->folder.num_files; i++) {
		if (strcmp(here->folder.files[i].name, name) == 0) {
			return &here->folder.files[i];
		}
	}
	fail(here, "no such file", 0);
	return NULL;
}

/* Gives a file other bytes: head, middle and tail, each of a size. */
static void
rewrite(corpus_case *here, imago_folder_file *file, uint64_t head, const char *middle,
        uint64_t middle_size, uint64_t tail)
{
	uint64_t size = head + middle_size + tail;
	uint8_t *bytes = imago_allocate(here->allocator, size, "corpus file", NULL);
	if (bytes == NULL) {
		fail(here, "out of memory", size);
		return;
	}
	if (head > 0) {
		memcpy(bytes, file->bytes, (size_t)head);
	}
	memcpy(bytes + head, middle, (size_t)middle_size);
	if (tail > 0) {
		memcpy(bytes + head + middle_size, file->bytes + (file->size - tail), (size_t)tail);
	}
	if (file->owned != NULL) {
		imago_release(here->allocator, file->owned, file->size);
	}
	file->bytes = file->owned = bytes;
	file->size = size;
}

/* Where text first stands in a file, or its size. */
static uint64_t
find_text(const imago_folder_file *file, const char *text)
{
	size_t length = strlen(text);
	for (uint64_t i = 0; i + length <= file->size; i++) {
		if (memcmp(file->bytes + i, text, length) == 0) {
			return i;
		}
	}
	return file->size;
}

void
corpus_replace(corpus_case *here, const char *name, const char *old, const char *new)
{
	imago_folder_file *file = file_of(here, name);
	if (file == NULL) {
		return;
	}
	uint64_t place = find_text(file, old);
	if (place == file->size) {
		fail(here, "text to replace is not there", 0);
		return;
	}
	rewrite(here, file, place, new, strlen(new), file->size - place - strlen(old));
}

/* "#field : number" */
static void
format_field(char text[64], const char *field, const char *number)
{
	snprintf(text, 64, "#%s : %s", field, number);
}

uint64_t
corpus_field(corpus_case *here, const char *name, const char *field)
{
	char prefix[64];
	char digits[32] = "";
	imago_folder_file *file = file_of(here, name);
	format_field(prefix, field, "");
	if (file == NULL) {
		return 0;
	}
	uint64_t place = find_text(file, prefix) + strlen(prefix);
	for (size_t i = 0; i + 1 < sizeof(digits) && place + i < file->size; i++) {
		char digit = (char)file->bytes[place + i];
		if (digit < '0' || digit > '9') {
			break;
		}
		digits[i] = digit;
	}
	if (digits[0] == '\0') {
		fail(here, "no such field", 0);
	}
	return strtoull(digits, NULL, 10);
}

void
corpus_set_field(corpus_case *here, const char *name, const char *field, uint64_t value)
{
	char number[32];
	char old[64];
	char new[64];
	snprintf(number, sizeof(number), "%llu", (unsigned long long)corpus_field(here, name, field));
	format_field(old, field, number);
	snprintf(number, sizeof(number), "%llu", (unsigned long long)value);
	format_field(new, field, number);
	corpus_replace(here, name, old, new);
}

void
corpus_append(corpus_case *here, const char *name, const char *bytes, size_t size)
{
	imago_folder_file *file = file_of(here, name);
	if (file != NULL) {
		rewrite(here, file, file->size, bytes, size, 0);
	}
}

void
corpus_add_file(corpus_case *here, const char *name, const char *bytes, size_t size)
{
	if (imago_folder_add(&here->folder, name, (const uint8_t *)bytes, size, NULL, NULL) !=
	    IMAGO_OK) {
		fail(here, "cannot add a file", size);
	}
}

void
corpus_remove_file(corpus_case *here, const char *name)
{
	imago_folder_file *file = file_of(here, name);
	if (file == NULL) {
		return;
	}
	if (file->owned != NULL) {
		imago_release(here->allocator, file->owned, file->size);
	}
	imago_folder_file *end = here->folder.files + here->folder.num_files;
	memmove(file, file + 1, (size_t)((char *)end - (char *)(file + 1)));
	here->folder.num_files--;
}

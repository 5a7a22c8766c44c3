/* info_json.c: imago info for programs. */
#include <json-c/json.h>

#include "describe.h"
#include "info.h"
#include "measure.h"
#include "output.h"

static void
add_number(json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

static void
add_text(json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, json_object_new_string(text));
}

static json_object *
header_json(const imago_heap *heap)
{
	json_object *fields = json_object_new_object();
	for (size_t i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		imago_header_field field = imago_header_field_at(i, heap->layout.word_bytes);
		json_object *value = json_object_new_object();
		add_number(value, "value", imago_header_get(&heap->header, i));
		json_object_object_add(value, "hex", json_word(imago_header_get(&heap->header, i)));
		add_number(value, "width", field.width);
		add_text(value, "meaning", field.meaning);
		json_object_object_add(fields, field.name, value);
	}
	return fields;
}

static json_object *
flags_json(uint64_t flags)
{
	json_object *array = json_object_new_array();
	for (unsigned bit = 0; bit < 64; bit++) {
		if (flags >> bit & 1) {
			json_object *flag = json_object_new_object();
			add_number(flag, "bit", bit);
			add_text(flag, "meaning", info_flag_meaning(bit));
			json_object_array_add(array, flag);
		}
	}
	return array;
}

static json_object *
segments_json(const imago_heap *heap)
{
	json_object *array = json_object_new_array();
	for (size_t i = 0; i < heap->num_segments; i++) {
		const imago_segment *segment = &heap->segments[i];
		json_object *object = json_object_new_object();
		if (segment->part[0] != '\0') {
			add_text(object, "part", segment->part);
		}
		add_number(object, "offset", segment->offset);
		json_object_object_add(object, "start", json_word(segment->start));
		add_number(object, "bytes", segment->size);
		add_number(object, "bridge", segment->bridge_size);
		add_number(object, "gap", info_gap_behind(heap, i));
		add_text(object, "space", space_name(segment->space));
		json_object_array_add(array, object);
	}
	return array;
}

static json_object *
spaces_json(const imago_heap *heap)
{
	json_object *spaces = json_object_new_object();
	for (imago_space space = IMAGO_SPACE_OLD; space <= IMAGO_SPACE_PERM; space++) {
		space_total total = info_space_total(heap, space);
		json_object *object = json_object_new_object();
		add_number(object, "segments", total.num_segments);
		add_number(object, "bytes", total.num_bytes);
		json_object_object_add(spaces, space_name(space), object);
	}
	return spaces;
}

static json_object *
section_json(const imago_layered_section *section)
{
	json_object *object = json_object_new_object();
	add_text(object, "kind", section_kind_name(section->kind));
	if (section->kind == IMAGO_LAYERED_OBJECTS) {
		add_text(object, "tier", tier_name(section->tier));
		json_object_object_add(object, "pointers", json_object_new_boolean(section->has_pointers));
		json_object_object_add(object, "address", json_word(section->address));
	}
	add_number(object, "offset", section->offset);
	add_number(object, "bytes", section->size);
	return object;
}

/* The container of a layered image. */
static void
add_layered(json_object *object, const imago_image *image)
{
	imago_layered_head head;
	char identity[2 * IMAGO_LAYERED_HASH + 1];
	if (image->format != IMAGO_FORMAT_LAYERED ||
	    imago_layered_decode(&head, image->data, image->size, NULL) != IMAGO_OK) {
		return;
	}
	json_object *sections = json_object_new_array();
	for (size_t i = 0; i < head.num_sections; i++) {
		json_object_array_add(sections, section_json(&head.sections[i]));
	}
	for (size_t i = 0; i < IMAGO_LAYERED_HASH; i++) {
		snprintf(identity + 2 * i, 3, "%02x", head.identity[i]);
	}
	json_object_object_add(object, "sections", sections);
	add_text(object, "identity", identity);
	json_object_object_add(object, "intact",
	                       json_object_new_boolean(head.header_intact && head.table_intact));
	json_object_object_add(object, "permSave",
	                       json_object_new_boolean((head.flags & IMAGO_LAYERED_PERM_SAVE) != 0));
}

static json_object *
census_json(const imago_census *census)
{
	json_object *object = json_object_new_object();
	add_number(object, "objects", census->num_objects);
	add_number(object, "forwarders", census->num_forwarders);
	add_number(object, "hidden", census->num_hidden);
	add_number(object, "classPuns", census->num_puns);
	add_number(object, "freeChunks", census->num_free);
	add_number(object, "freeBytes", census->free_bytes);
	add_number(object, "pointerSlots", census->num_pointers);
	return object;
}

static json_object *
classes_json(const image_info *info)
{
	json_object *array = json_object_new_array();
	for (size_t i = 0; i < info->num_shown; i++) {
		const class_total *row = &info->classes.rows[i];
		json_object *object = json_object_new_object();
		if (row->cls != 0) {
			char name[CLASS_NAME_SIZE];
			imago_class_name(info->image->heap, row->cls, name, sizeof name);
			add_text(object, "class", name);
			json_object_object_add(object, "oop", json_word(row->cls));
		}
		add_number(object, "objects", row->num_objects);
		add_number(object, "bytes", row->num_bytes);
		json_object_array_add(array, object);
	}
	return array;
}

void
info_print_json(const image_info *info)
{
	const imago_heap *heap = info->image->heap;
	const imago_format_number *number = imago_format_number_find(heap->header.image_format);
	json_object *object = json_object_new_object();
	json_object_object_add(object, "file", json_name(info->path));
	add_text(object, "format", imago_format_name(info->image->format));
	json_object_object_add(object, "formatName",
	                       number != NULL ? json_object_new_string(number->name) : NULL);
	add_number(object, "wordBytes", heap->layout.word_bytes);
	add_text(object, "byteOrder",
	         heap->layout.byte_order == IMAGO_LITTLE_ENDIAN ? "little" : "big");
	add_number(object, "bytes", info->image->size);
	add_number(object, "prefixBytes", heap->wrapping.prefix_size);
	add_number(object, "trailingBytes", heap->wrapping.trailing_size);
	json_object_object_add(object, "header", header_json(heap));
	json_object_object_add(object, "flags", flags_json(heap->header.flags));
	json_object_object_add(object, "segments", segments_json(heap));
	json_object_object_add(object, "spaces", spaces_json(heap));
	add_layered(object, info->image);
	if (info->counted) {
		json_object_object_add(object, "census", census_json(&info->census));
		add_number(object, "numClasses", info->classes.num_rows);
		json_object_object_add(object, "classes", classes_json(info));
	}
	print_json_line(object);
}

/* composed_check.c: the rules of composed_rules.def, in the order of the files they look at. */
#include <string.h>

#include "../common/folder_names.h"
#include "imago/composed_image.h"
#include "line_reader.h"
#include "metadata.h"

enum rule_id {
#define IMAGO_RULE(id, name, severity, scope, needs, summary) RULE_##id,
#include "composed_rules.def"
#undef IMAGO_RULE
	NUM_RULES,
};

static const imago_rule rules[NUM_RULES] = {
#define IMAGO_RULE(id, name, severity, scope, needs, summary) \
	{name, IMAGO_##severity, IMAGO_SCOPE_##scope, needs, summary},
#include "composed_rules.def"
#undef IMAGO_RULE
};

const imago_rule *
imago_composed_rules(size_t *num_rules)
{
	*num_rules = NUM_RULES;
	return rules;
}

/* One check, and the file that it looks at. */
typedef struct checker {
	const imago_folder *folder;
	const imago_heap *heap;
	imago_check_sink *sink;
	imago_error *error;
	const imago_folder_file *file;
	uint32_t num_segments; /* of old space */
	uint64_t old_space_size;
} checker;

static void
report(const checker *at, enum rule_id rule, uint64_t offset, uint64_t found, uint64_t expected)
{
	const imago_finding finding = {
	    .rule = &rules[rule],
	    .part = at->file->name,
	    .offset = offset,
	    .slot = IMAGO_NO_SLOT,
	    .found = found,
	    .expected = expected,
	};
	imago_check_sink_add(at->sink, &finding);
}

/* A number as the record has it, sign-extended like the line reader's. */
static int64_t
written_value(const imago_ston_field *field, imago_layout layout)
{
	if (field->negative) {
		return field->magnitude == 0 ? 0 : -(int64_t)(field->magnitude - 1) - 1;
	}
	return field->magnitude <= 2 * imago_composed_signed_limit(layout) + 1
	           ? imago_composed_signed(field->magnitude, layout)
	           : INT64_MAX;
}

static void
check_line_reader(const checker *at, const imago_ston *record, const char *name)
{
	imago_layout layout = at->heap->layout;
	int64_t read = imago_composed_line_reader_value(at->file->bytes, at->file->size, name, layout);
	const imago_ston_field *field = imago_ston_find(record, name);
	if (field == NULL) {
		if (read != 0) {
			report(at, RULE_LINE_READER, IMAGO_NO_OFFSET, (uint64_t)read, 0);
		}
		return;
	}
	int64_t written = written_value(field, layout);
	if (read != written) { /* also a number that a signed word cannot hold: the VM clamps it */
		report(at, RULE_LINE_READER, field->offset, (uint64_t)read, (uint64_t)written);
	}
}

/* What holds for every metadata file: its name, its fields, and that both readers agree. */
static void
check_record(const checker *at, const imago_ston *record, const char *record_name,
             const char *const *names, size_t num_names)
{
	if (!imago_ston_is_named(record, record_name)) {
		uint64_t offset = (uint64_t)(record->name - at->file->bytes);
		report(at, RULE_STRUCT_NAME, offset, record->name_length, strlen(record_name));
	}
	for (size_t i = 0; i < record->num_fields; i++) {
		const imago_ston_field *field = &record->fields[i];
		bool known = false;
		for (size_t j = 0; j < num_names && !known; j++) {
			known = imago_ston_field_is_named(field, names[j]);
		}
		if (!known) {
			report(at, RULE_UNKNOWN_FIELD, field->name_offset, field->magnitude, 0);
		}
	}
	for (size_t i = 0; i < num_names; i++) {
		check_line_reader(at, record, names[i]);
	}
}

static void
check_missing_fields(const checker *at, const imago_composed_header *header)
{
	for (size_t i = 0; i < IMAGO_COMPOSED_NUM_FIELDS; i++) {
		const char *name = imago_composed_fields[i].name;
		bool optional = strcmp(name, "hdrOldSpaceSize") == 0; /* it has a rule of its own */
		if (!optional && imago_ston_find(&header->record, name) == NULL) {
			report(at, RULE_MISSING_FIELD, IMAGO_NO_OFFSET, i, 0);
		}
	}
}

static void
check_sizes(const checker *at, const imago_composed_header *header)
{
	const imago_ston *record = &header->record;
	uint64_t offset = imago_composed_offset_of(record, "hdrOldSpaceSize");
	uint64_t old_space_size = header->old_space_size;
	if (old_space_size == 0) {
		report(at, RULE_OLD_SPACE_SIZE_MISSING, offset, 0, at->old_space_size);
	} else if (old_space_size < at->old_space_size) {
		report(at, RULE_OLD_SPACE_SIZE_LOW, offset, old_space_size, at->old_space_size);
	} else if (old_space_size > at->old_space_size) {
		report(at, RULE_OLD_SPACE_SIZE_HIGH, offset, old_space_size, at->old_space_size);
	}
}

static void
check_widths(const checker *at, const imago_composed_header *header)
{
	for (size_t i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		imago_header_field field = imago_header_field_at(i, at->heap->layout.word_bytes);
		uint64_t value = imago_header_get(&header->fields, i);
		uint64_t limit = UINT64_MAX >> (64 - 8 * field.width);
		if (value > limit) {
			report(at, RULE_FIELD_TOO_WIDE, imago_composed_offset_of(&header->record, field.name),
			       value, limit);
		}
	}
}

static imago_status
check_header(checker *at)
{
	imago_composed_header header;
	imago_status status = imago_composed_parse_header(&header, at->folder, at->error);
	if (status != IMAGO_OK) {
		return status;
	}
	at->file = imago_folder_find(at->folder, "header.ston");
	const char *names[IMAGO_COMPOSED_NUM_FIELDS];
	for (size_t i = 0; i < IMAGO_COMPOSED_NUM_FIELDS; i++) {
		names[i] = imago_composed_fields[i].name;
	}
	check_record(at, &header.record, imago_composed_header_name, names, IMAGO_COMPOSED_NUM_FIELDS);
	check_missing_fields(at, &header);
	check_sizes(at, &header);

	if (header.swap_bytes != 0) {
		report(at, RULE_SWAP_BYTES, imago_composed_offset_of(&header.record, "swapBytes"),
		       header.swap_bytes, 0);
	}
	if (header.layout.byte_order == IMAGO_BIG_ENDIAN) {
		report(at, RULE_BIG_ENDIAN, imago_composed_offset_of(&header.record, "imageFormat"),
		       imago_composed_swapped_format((uint32_t)header.fields.image_format),
		       header.fields.image_format);
	}
	check_widths(at, &header);
	return IMAGO_OK;
}

/* A pair that was read: its record, and whether its data goes on. */
static imago_status
check_pair(checker *at, const imago_folder_file *metadata_file, const imago_folder_file *data_file)
{
	static const char *const names[] = {"startAddress", "dataSize"};
	imago_composed_metadata metadata;
	imago_status status =
	    imago_composed_parse_metadata(&metadata, metadata_file, at->heap->layout, at->error);
	if (status != IMAGO_OK) {
		return status;
	}
	at->file = metadata_file;
	check_record(at, &metadata.record, imago_composed_metadata_name, names, 2);
	if (data_file != NULL && metadata.data_size != 0 && data_file->size > metadata.data_size) {
		at->file = data_file;
		report(at, RULE_DATA_TAIL, metadata.data_size, data_file->size, metadata.data_size);
	}
	return IMAGO_OK;
}

static imago_status
check_segment_file(checker *at, const imago_folder_file *file)
{
	uint32_t place = 0;
	if (imago_folder_place(file->name, &place) != IMAGO_NAME_OWN || place < IMAGO_PLACE_SEGMENTS) {
		return IMAGO_OK;
	}
	uint32_t number = (place - IMAGO_PLACE_SEGMENTS) / 2;
	at->file = file;
	if (number > at->num_segments) {
		report(at, RULE_STALE_SEGMENT, 0, number, at->num_segments);
	} else if (number == at->num_segments) { /* its data is missing, or it had been read */
		report(at, RULE_LONE_METADATA, 0, number, at->num_segments);
	} else if (place == imago_place_of_metadata(number)) {
		char name[IMAGO_PART_SIZE];
		imago_folder_name(imago_place_of_data(number), name);
		return check_pair(at, file, imago_folder_find(at->folder, name));
	}
	return IMAGO_OK;
}

static imago_status
check_perm_space(checker *at)
{
	const imago_folder_file *metadata_file = imago_folder_find(at->folder, "permSpace.ston");
	const imago_folder_file *data_file = imago_folder_find(at->folder, "permSpace.data");
	const imago_segment *last = &at->heap->segments[at->heap->num_segments - 1];
	imago_status status = IMAGO_OK;
	if (metadata_file != NULL) {
		status = check_pair(at, metadata_file, data_file);
	}
	if (data_file != NULL) {
		at->file = data_file;
		if (last->space != IMAGO_SPACE_PERM && data_file->size > 0) {
			report(at, RULE_PERM_DATA_UNUSED, 0, data_file->size, 0);
		}
	} else if (metadata_file == NULL) { /* with data, the rule above says it */
		at->file = imago_folder_find(at->folder, "header.ston");
		report(at, RULE_PERM_METADATA_MISSING, IMAGO_NO_OFFSET, 0, 0);
	}
	return status;
}

imago_status
imago_composed_check(const imago_folder *folder, const imago_heap *heap, imago_check_sink *sink,
                     imago_error *error)
{
	checker at = {.folder = folder, .heap = heap, .sink = sink, .error = error};
	for (size_t i = 0; i < heap->num_segments; i++) {
		const imago_segment *segment = &heap->segments[i];
		if (segment->space == IMAGO_SPACE_OLD) {
			at.old_space_size += segment->size + segment->bridge_size;
			at.num_segments++;
		}
	}
	if (at.num_segments == 0) {
		return imago_fail(error, IMAGO_EUSAGE, "a heap without segments", IMAGO_NO_OFFSET, 0, 0);
	}
	imago_status status = check_header(&at);
	for (size_t i = 0; i < folder->num_files && status == IMAGO_OK && !sink->stopped; i++) {
		status = check_segment_file(&at, &folder->files[i]);
	}
	if (status == IMAGO_OK) {
		status = check_perm_space(&at);
	}
	return status;
}

/* packfile_info.c: imago info of a packfile. */
#include <inttypes.h>
#include <stdio.h>

#include "imago/packfile_run.h"
#include "output.h"
#include "packfile_file.h"

enum { NAME_SIZE = 256, NUMBER_MEANING = 96 };

/* Whether what 16-byte numbers are is said by the header, or was decided. */
static void
describe_numbers(const imago_packfile *packfile, char *text, size_t size)
{
	const bool decided = packfile->header.float_type == 2;
	snprintf(text, size, "floattype %u: %u bytes, %s%s", packfile->header.float_type,
	         packfile->number_size, imago_number_form_name(packfile->number_form),
	         decided ? " (not said by the file; --long-double decides)" : "");
}

static void
print_head(const packfile_file *file)
{
	const imago_packfile *packfile = &file->packfile;
	const imago_packfile_header *header = &packfile->header;
	char numbers[NUMBER_MEANING];
	describe_numbers(packfile, numbers, sizeof numbers);
	print_name(file->path);
	print(": Parrot packfile, %u-byte words, %s-endian, %" PRIu64 " bytes\n",
	      packfile->layout.word_bytes,
	      packfile->layout.byte_order == IMAGO_LITTLE_ENDIAN ? "little" : "big", file->size);
	print("\nheader fields\n");
	print("  %-12s %u\n", "word size", packfile->layout.word_bytes);
	print("  %-12s %s\n", "byte order",
	      packfile->layout.byte_order == IMAGO_LITTLE_ENDIAN ? "little" : "big");
	print("  %-12s %s\n", "numbers", numbers);
	print("  %-12s %u.%u.%u\n", "Parrot", header->parrot_version[0], header->parrot_version[1],
	      header->parrot_version[2]);
	print("  %-12s %u.%u\n", "bytecode", header->bytecode_major, header->bytecode_minor);
	print("  %-12s ", "uuid");
	if (header->uuid_size == 0) {
		print("none");
	}
	for (unsigned i = 0; i < header->uuid_size; i++) {
		print("%02x", packfile->bytes[IMAGO_PACKFILE_FIXED_HEADER + i]);
	}
	print("\n  %-12s %" PRIu64 "\n", "rest",
	      packfile->size - packfile->directory - packfile->directory_size);
}

static void
print_segments(const imago_packfile *packfile)
{
	print("\nsegments\n  %3s %-12s %-10s %10s %10s  %s\n", "#", "type", "offset", "bytes",
	      "data words", "name");
	for (size_t i = 0; i < packfile->num_segments; i++) {
		const imago_packfile_segment *segment = &packfile->segments[i];
		char offset[24];
		char name[NAME_SIZE];
		snprintf(offset, sizeof offset, "0x%" PRIx64, segment->offset);
		quote_string(&segment->name, name, sizeof name);
		print("  %3zu %-12s %-10s %10" PRIu64 " %10" PRIu64 "  %s\n", i,
		      segment_type_name(segment->type), offset, segment->size, segment->num_data, name);
	}
}

static void
print_contents(const imago_packfile *packfile)
{
	char name[NAME_SIZE];
	for (size_t i = 0; i < packfile->num_of[IMAGO_PACKFILE_CONSTANTS]; i++) {
		const imago_packfile_constants *row = &packfile->constants[i];
		print("\nconstants of segment %zu: %" PRIu64 " numbers, %" PRIu64 " strings, %" PRIu64
		      " PMCs, %" PRIu64 " tags\n",
		      row->segment, row->num_numbers, row->num_strings, row->num_pmcs, row->num_tags);
	}
	for (size_t i = 0; i < packfile->num_of[IMAGO_PACKFILE_CODE]; i++) {
		const imago_packfile_code *row = &packfile->codes[i];
		print("\ncode of segment %zu: %" PRId64 " ops, main sub %" PRId64 ", %" PRIu64
		      " dependencies (never loaded)\n",
		      row->segment, row->op_count, row->main_sub, row->num_dependencies);
		for (uint64_t k = 0; k < row->num_libraries; k++) {
			const imago_packfile_library *library = &row->libraries[k];
			escape_text((const uint8_t *)library->name, (size_t)library->name_length, name,
			            sizeof name);
			print("  library %s %" PRId64 ".%" PRId64 ": %" PRIu64 " ops\n", name,
			      library->bytecode_major, library->bytecode_minor, library->num_ops);
		}
	}
}

void
packfile_info_print(const packfile_file *file)
{
	print_head(file);
	print_segments(&file->packfile);
	print_contents(&file->packfile);
}

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
segment_json(const imago_packfile *packfile, size_t index)
{
	const imago_packfile_segment *segment = &packfile->segments[index];
	json_object *object = json_object_new_object();
	char name[NAME_SIZE];
	escape_text(segment->name.bytes, (size_t)segment->name.length, name, sizeof name);
	add_text(object, "type", segment_type_name(segment->type));
	add_text(object, "name", name);
	add_number(object, "offset", segment->offset);
	add_number(object, "bytes", segment->size);
	add_number(object, "dataWords", segment->num_data);
	if (segment->type == IMAGO_PACKFILE_CONSTANTS) {
		const imago_packfile_constants *row = &packfile->constants[segment->row];
		add_number(object, "numbers", row->num_numbers);
		add_number(object, "strings", row->num_strings);
		add_number(object, "pmcs", row->num_pmcs);
		add_number(object, "tags", row->num_tags);
	} else if (segment->type == IMAGO_PACKFILE_CODE) {
		const imago_packfile_code *row = &packfile->codes[segment->row];
		json_object_object_add(object, "mainSub", json_object_new_int64(row->main_sub));
		json_object_object_add(object, "ops", json_object_new_int64(row->op_count));
		add_number(object, "dependencies", row->num_dependencies);
		add_number(object, "libraries", row->num_libraries);
	}
	return object;
}

void
packfile_info_print_json(const packfile_file *file)
{
	const imago_packfile *packfile = &file->packfile;
	json_object *object = json_object_new_object();
	json_object *segments = json_object_new_array();
	char version[16];
	json_object_object_add(object, "file", json_name(file->path));
	add_text(object, "format", "packfile");
	add_number(object, "bytes", file->size);
	add_number(object, "wordBytes", packfile->layout.word_bytes);
	add_text(object, "byteOrder",
	         packfile->layout.byte_order == IMAGO_LITTLE_ENDIAN ? "little" : "big");
	add_number(object, "floattype", packfile->header.float_type);
	add_text(object, "numbers", imago_number_form_name(packfile->number_form));
	snprintf(version, sizeof version, "%u.%u", packfile->header.bytecode_major,
	         packfile->header.bytecode_minor);
	add_text(object, "bytecode", version);
	add_number(object, "rest", packfile->size - packfile->directory - packfile->directory_size);
	for (size_t i = 0; i < packfile->num_segments; i++) {
		json_object_array_add(segments, segment_json(packfile, i));
	}
	json_object_object_add(object, "segments", segments);
	print_json_line(object);
}

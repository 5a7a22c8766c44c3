/* cmd_set.c: header fields. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "files.h"
#include "imago/known_objects.h"
#include "imago/object_index.h"
#include "imago/save.h"
#include "options.h"
#include "output.h"

enum { OPTION_FORCE };

static const option_spec set_options[] = {
    [OPTION_FORCE] = {"force", NULL, "also set what contradicts the rest of the file", OPTION_FLAG,
                      0, 0},
};

typedef struct assignment {
	size_t field; /* index, imago_header_get */
	uint64_t value;
} assignment;

static void
list_fields(void)
{
	tell("The fields are:");
	for (size_t i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		tell("%s%s", i % 5 == 0 ? "\n  " : " ", imago_header_field_at(i, 8).name);
	}
	tell("\n");
}

/* Takes "hdrEdenBytes=64M" apart. */
static bool
parse_assignment(const char *text, assignment *out)
{
	char name[64];
	const char *sign = strchr(text, '=');
	size_t length = sign != NULL ? (size_t)(sign - text) : 0;
	if (length == 0) {
		complain("set: '%s' is not FIELD=VALUE", text);
		return false;
	}
	snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name), text);
	int field = imago_header_field_index(name);
	if (field < 0) {
		complain("set: no header field is called '%s'", name);
		list_fields();
		return false;
	}
	if (!parse_number(sign + 1, true, &out->value)) {
		complain("set: %s: '%s' is not a number from 0 to 2^64 - 1", name, sign + 1);
		return false;
	}
	out->field = (size_t)field;
	return true;
}

static bool
fits_field(const assignment *wanted, uint8_t word_bytes)
{
	imago_header_field field = imago_header_field_at(wanted->field, word_bytes);
	if (field.width >= 8 || wanted->value >> (8 * field.width) == 0) {
		return true;
	}
	complain("set: %s: %" PRIu64 " does not fit its %u bytes", field.name, wanted->value,
	         field.width);
	return false;
}

/* Numbers that say the same of the objects: they differ in several bytecode sets at most. */
static bool
formats_agree(uint64_t a, uint64_t b)
{
	const imago_format_number *first = imago_format_number_find(a);
	const imago_format_number *second = imago_format_number_find(b);
	return first != NULL && second != NULL && second->supported && first->model == second->model &&
	       first->word_bytes == second->word_bytes &&
	       first->platform_floats == second->platform_floats && first->closures == second->closures;
}

static bool
is_special_objects(const imago_heap *heap, imago_oop oop, imago_allocator *allocator)
{
	imago_object_index index;
	imago_object object;
	imago_error ignored = {0};
	bool is_object = imago_object_index_create(&index, heap, allocator, &ignored) == IMAGO_OK &&
	                 imago_object_index_has(&index, oop);
	imago_object_index_release(&index);
	return is_object && imago_heap_decode_object(heap, oop, &object, &ignored) == IMAGO_OK &&
	       object.kind == IMAGO_OBJECT_ORDINARY && object.body_kind == IMAGO_BODY_POINTERS;
}

/* Fields that place the objects were believed when the file was read: any other value is wrong. */
static bool
places_objects(const imago_heap *heap, const char *name)
{
	return strcmp(name, "imageHeaderSize") == 0 || strcmp(name, "dataSize") == 0 ||
	       (strcmp(name, "firstSegSize") == 0 && heap->model == IMAGO_SPUR);
}

/* Why a value contradicts what the file holds, or NULL. */
static const char *
contradiction(const imago_heap *heap, const char *name, uint64_t old, uint64_t value,
              imago_allocator *allocator)
{
	if (value == old) {
		return NULL;
	}
	if (places_objects(heap, name)) {
		return "the objects would not be found where they lie";
	}
	if (strcmp(name, "oldBaseAddr") == 0) {
		return "every pointer would point elsewhere (imago convert --base relocates them)";
	}
	if (strcmp(name, "imageFormat") == 0 && !formats_agree(old, value)) {
		return "the objects are of another format (imago convert changes them)";
	}
	if (strcmp(name, "headerFlags") == 0 && ((value ^ old) & IMAGO_FLAG_FLOATS_LOW_WORD_FIRST)) {
		return "every float would change: bit 1 says how their words are stored";
	}
	if (strcmp(name, "initialSpecialObjectsOop") == 0 &&
	    !is_special_objects(heap, value, allocator)) {
		return "no array of pointers has that address";
	}
	return NULL;
}

static bool
is_allowed(const imago_heap *heap, const assignment *wanted, imago_allocator *allocator)
{
	imago_header_field field = imago_header_field_at(wanted->field, heap->layout.word_bytes);
	uint64_t old = imago_header_get(&heap->header, wanted->field);
	const char *problem = contradiction(heap, field.name, old, wanted->value, allocator);
	if (problem != NULL) {
		complain("set: %s: %s; --force sets it all the same", field.name, problem);
	}
	return problem == NULL;
}

/* What was written must be readable, and must say what was asked for. */
static exit_status
check_readable(const imago_writer *written, const assignment *wanted, size_t num_wanted,
               const char *path, imago_allocator *allocator)
{
	imago_error error = {0};
	imago_image again;
	memset(&again, 0, sizeof again);
	imago_status status =
	    imago_image_read(&again, written->bytes, written->size, allocator, &error);
	exit_status result = status == IMAGO_OK ? EXIT_DONE : complain_of_error(path, &error);
	for (size_t i = 0; result == EXIT_DONE && i < num_wanted; i++) {
		if (imago_header_get(&again.heap->header, wanted[i].field) != wanted[i].value) {
			complain("set: %s: an image of this format does not keep it",
			         imago_header_field_at(wanted[i].field, 8).name);
			result = EXIT_IMAGE;
		}
	}
	imago_image_close(&again);
	return result;
}

/* Sets fields in agreement with the file: through the heap, its writer, and a look at the result.
 */
static exit_status
set_fields(const command_line *line, imago_image *image, const assignment *wanted,
           size_t num_wanted)
{
	for (size_t i = 0; i < num_wanted; i++) {
		if (!is_allowed(image->heap, &wanted[i], line->allocator)) {
			return EXIT_IMAGE;
		}
	}
	for (size_t i = 0; i < num_wanted; i++) {
		imago_header_set(&image->heap->header, wanted[i].field, wanted[i].value);
	}
	imago_error error = {0};
	imago_writer writer;
	imago_writer_init(&writer, line->allocator, image->heap->layout, &error);
	imago_status status = imago_image_write(image->heap, image->format, &writer, &error);
	exit_status result = status == IMAGO_OK ? check_readable(&writer, wanted, num_wanted,
	                                                         line->names[1], line->allocator)
	                                        : complain_of_error(line->names[1], &error);
	imago_writer_release(&writer);
	if (result == EXIT_DONE) {
		result = save_image(image->heap, image->format, line->names[1], line->allocator);
	}
	return result;
}

/* Stores a value over a field of a written file: the fields follow one another without room. */
static void
overwrite_field(imago_writer *written, uint64_t header, const assignment *wanted)
{
	imago_layout layout = written->layout;
	uint64_t position = header;
	for (size_t i = 0; i < wanted->field; i++) {
		position += imago_header_field_at(i, layout.word_bytes).width;
	}
	uint8_t *bytes = written->bytes + position;
	switch (imago_header_field_at(wanted->field, layout.word_bytes).width) {
	case 2:
		imago_store_u16(bytes, (uint16_t)wanted->value, layout.byte_order);
		break;
	case 4:
		imago_store_u32(bytes, (uint32_t)wanted->value, layout.byte_order);
		break;
	default:
		imago_store_u64(bytes, wanted->value, layout.byte_order);
		break;
	}
}

/* Sets fields whatever they say. Writers refuse what cannot be read again, so it is done behind
 * their back, in the finished file. */
static exit_status
force_fields(const command_line *line, const imago_image *image, const assignment *wanted,
             size_t num_wanted)
{
	const imago_heap *heap = image->heap;
	if (image->format == IMAGO_FORMAT_COMPOSED) {
		complain(
		    "set: --force is for images of one file: in a composed image these fields are text "
		    "(header.ston), to be edited as such");
		return EXIT_IMAGE;
	}
	imago_error error = {0};
	imago_writer writer;
	imago_writer_init(&writer, line->allocator, heap->layout, &error);
	imago_status status = imago_image_write(heap, image->format, &writer, &error);
	for (size_t i = 0; status == IMAGO_OK && i < num_wanted; i++) {
		overwrite_field(&writer, heap->wrapping.prefix_size, &wanted[i]);
	}
	if (status == IMAGO_OK) {
		status = imago_save_file(line->names[1], writer.bytes, writer.size, &error);
	}
	imago_writer_release(&writer);
	return status == IMAGO_OK ? EXIT_DONE : complain_of_error(line->names[1], &error);
}

static exit_status
set_or_force(const command_line *line, imago_image *image, const assignment *wanted,
             size_t num_wanted)
{
	for (size_t i = 0; i < num_wanted; i++) {
		if (!fits_field(&wanted[i], image->heap->layout.word_bytes)) {
			return EXIT_TROUBLE;
		}
	}
	return line->values[OPTION_FORCE].given ? force_fields(line, image, wanted, num_wanted)
	                                        : set_fields(line, image, wanted, num_wanted);
}

static exit_status
run_set(const command_line *line)
{
	assignment wanted[IMAGO_NUM_HEADER_FIELDS];
	size_t num_wanted = line->num_names - 2;
	if (num_wanted > IMAGO_NUM_HEADER_FIELDS) {
		complain("set: more assignments than there are fields");
		return EXIT_TROUBLE;
	}
	for (size_t i = 0; i < num_wanted; i++) {
		if (!parse_assignment(line->names[i + 2], &wanted[i])) {
			return EXIT_TROUBLE;
		}
		for (size_t earlier = 0; earlier < i; earlier++) {
			if (wanted[earlier].field == wanted[i].field) {
				complain("set: '%s' sets a field again", line->names[i + 2]);
				return EXIT_TROUBLE;
			}
		}
	}
	imago_image image;
	imago_error error;
	exit_status result = open_image(&image, line->names[0], line->allocator, &error);
	if (result == EXIT_DONE) {
		result = set_or_force(line, &image, wanted, num_wanted);
	}
	imago_image_close(&image);
	return result;
}

const struct command set_command = {
    .name = "set",
    .arguments = "IN OUT FIELD=VALUE...",
    .summary = "set header fields, such as the size of eden",
    .description =
        "Writes the image IN as OUT, atomically, with other values in its header; OUT may be IN.\n"
        "'imago info' names the fields. A value is decimal or 0x..., and K, M, G or T may stand\n"
        "behind it. A value must fit its field, must not contradict the rest of the file, and the\n"
        "result must be readable.",
    .examples = "  imago set my.image my.image hdrMaxExtSemTabSize=1024\n"
                "  imago set in.image out.image hdrEdenBytes=64M hdrNumStackPages=100\n"
                "  imago set --force in.image broken.image dataSize=0",
    .options = set_options,
    .num_options = sizeof set_options / sizeof set_options[0],
    .min_names = 3,
    .run = run_set,
};

/* cmd_make.c: synthetic images, images from bytes, and images that run. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "files.h"
#include "imago/generate.h"
#include "imago/image_header.h"
#include "imago/kernel.h"
#include "imago/synthetic.h"
#include "output.h"
#include "progress.h"
#include "raw_file.h"

enum {
	OPTION_LAYOUT,
	OPTION_OBJECTS,
	OPTION_BYTES,
	OPTION_SEGMENTS,
	OPTION_GAP,
	OPTION_SEED,
	OPTION_COMPOSED,
	OPTION_PERM_OBJECTS,
	OPTION_FROM,
	OPTION_KERNEL,
	OPTION_PROGRAM,
	OPTION_ROUNDS,
	OPTION_BYTECODES,
	OPTION_NUMBER_OF_FORMAT,
	DEFAULT_OBJECTS = 10000,
};

static const option_spec make_options[] = {
    [OPTION_LAYOUT] = {"layout", "spur32|spur64|spur32be|spur64be|v3|v3be",
                       "object model, word size and byte order (default spur64)", OPTION_CHOICE, 0,
                       0},
    [OPTION_OBJECTS] = {"objects", "N",
                        "make about N objects, at least the kernel's\n(default 10000; K, M, G)",
                        OPTION_SIZE, 1, 0},
    [OPTION_BYTES] = {"bytes", "N", "fill about N bytes instead (K, M, G)", OPTION_SIZE, 1, 0},
    [OPTION_SEGMENTS] = {"segments", "N", "cut the heap into N segments (Spur)", OPTION_NUMBER, 1,
                         65536},
    [OPTION_GAP] = {"gap", "BYTES", "leave so much room between the addresses of segments",
                    OPTION_SIZE, 0, 0},
    [OPTION_SEED] = {"seed", "N", "another image for another seed (default 0)", OPTION_NUMBER, 0,
                     0},
    [OPTION_COMPOSED] = {"composed", NULL, "make an image folder", OPTION_FLAG, 0, 0},
    [OPTION_PERM_OBJECTS] = {"perm-objects", "N",
                             "put N objects into permanent space (with --composed)", OPTION_SIZE, 0,
                             0},
    [OPTION_FROM] = {"from", "BYTES|@FILE",
                     "make the image that these bytes describe, or those of a file;\nany bytes do",
                     OPTION_TEXT, 0, 0},
    [OPTION_KERNEL] = {"kernel", NULL, "make an image that runs: prints a line and quits",
                       OPTION_FLAG, 0, 0},
    [OPTION_PROGRAM] = {"program", "NAME",
                        "what it does instead (with --kernel): loop, sends,\nallocation, blocks, "
                        "floats, large, processes, timer,\nobjects, files, unwinding",
                        OPTION_TEXT, 0, 0},
    [OPTION_ROUNDS] = {"rounds", "N", "and how often (with --kernel)", OPTION_NUMBER, 1,
                       (1 << 30) - 1},
    [OPTION_BYTECODES] = {"bytecodes", "v3|sista",
                          "V3PlusClosures or SistaV1 (with --kernel; default: as the\nformat "
                          "number says)",
                          OPTION_CHOICE, 0, 0},
    [OPTION_NUMBER_OF_FORMAT] = {"format", "N",
                                 "another format number of that layout: 7033, 68533, 6502,\n6504",
                                 OPTION_NUMBER, 0, 0},
};

/* By the words of --layout. */
static const struct {
	uint32_t image_format;
	imago_byte_order byte_order;
	imago_format_id format;
} layouts[] = {
    {6521, IMAGO_LITTLE_ENDIAN, IMAGO_FORMAT_SPUR}, {68021, IMAGO_LITTLE_ENDIAN, IMAGO_FORMAT_SPUR},
    {6521, IMAGO_BIG_ENDIAN, IMAGO_FORMAT_SPUR},    {68021, IMAGO_BIG_ENDIAN, IMAGO_FORMAT_SPUR},
    {6505, IMAGO_LITTLE_ENDIAN, IMAGO_FORMAT_V3},   {6505, IMAGO_BIG_ENDIAN, IMAGO_FORMAT_V3},
};

enum { LAYOUT_SPUR64 = 1, LINE_LENGTH = 256 };

/* Combinations that make no image. */
static const char *
contradiction(const option_value *values, imago_format_id format)
{
	if (values[OPTION_OBJECTS].given && values[OPTION_BYTES].given) {
		return "--objects and --bytes exclude each other";
	}
	if (values[OPTION_PERM_OBJECTS].given && !values[OPTION_COMPOSED].given) {
		return "--perm-objects needs --composed: a single file has no permanent space";
	}
	if (values[OPTION_GAP].given && !values[OPTION_SEGMENTS].given) {
		return "--gap needs --segments";
	}
	if (values[OPTION_FROM].given && (values[OPTION_OBJECTS].given || values[OPTION_BYTES].given ||
	                                  values[OPTION_SEGMENTS].given || values[OPTION_SEED].given ||
	                                  values[OPTION_PERM_OBJECTS].given)) {
		return "--from leaves all but --layout and --composed to the bytes";
	}
	bool kernel = values[OPTION_KERNEL].given;
	if (!kernel && (values[OPTION_PROGRAM].given || values[OPTION_ROUNDS].given ||
	                values[OPTION_BYTECODES].given)) {
		return "--program, --rounds and --bytecodes need --kernel";
	}
	if (kernel && (values[OPTION_FROM].given || values[OPTION_OBJECTS].given ||
	               values[OPTION_BYTES].given || values[OPTION_SEGMENTS].given ||
	               values[OPTION_SEED].given || values[OPTION_PERM_OBJECTS].given)) {
		return "--kernel says what the objects are: 'imago convert' cuts segments";
	}
	if (format == IMAGO_FORMAT_V3 &&
	    (values[OPTION_COMPOSED].given || values[OPTION_SEGMENTS].number > 1)) {
		return "v3 images have one segment and no composed form";
	}
	return NULL;
}

/* The format number asked for, of a layout's model and word size; 0 when it is another's. */
static uint32_t
format_number(const option_value *values, size_t layout)
{
	const imago_format_number *usual = imago_format_number_find(layouts[layout].image_format);
	if (!values[OPTION_NUMBER_OF_FORMAT].given) {
		return layouts[layout].image_format;
	}
	uint64_t number = values[OPTION_NUMBER_OF_FORMAT].number;
	const imago_format_number *wanted =
	    number <= UINT32_MAX ? imago_format_number_find((uint32_t)number) : NULL;
	return wanted != NULL && wanted->supported && wanted->model == usual->model &&
	               wanted->word_bytes == usual->word_bytes
	           ? (uint32_t)number
	           : 0;
}

/* True when no program was asked for, or one that there is; else says which there are. */
static bool
is_program(const char *name)
{
	char names[LINE_LENGTH] = "";
	size_t used = 0;
	for (uint32_t i = 0; name != NULL && imago_kernel_program(i) != NULL; i++) {
		const char *known = imago_kernel_program(i);
		if (strcmp(name, known) == 0) {
			return true;
		}
		int added = snprintf(names + used, sizeof names - used, " %s", known);
		used += added > 0 && (size_t)added < sizeof names - used ? (size_t)added : 0;
	}
	if (name != NULL) {
		complain("make: no program '%s'; there are:%s", name, names);
	}
	return name == NULL;
}

static exit_status
make_kernel(imago_heap **heap, const command_line *line, size_t layout)
{
	const option_value *values = line->values;
	if (!is_program(values[OPTION_PROGRAM].text)) {
		return EXIT_TROUBLE;
	}
	const imago_kernel_options options = {
	    .image_format = format_number(values, layout),
	    .byte_order = layouts[layout].byte_order,
	    .bytecodes = !values[OPTION_BYTECODES].given        ? IMAGO_BYTECODES_BY_FORMAT
	                 : values[OPTION_BYTECODES].number == 0 ? IMAGO_BYTECODES_V3
	                                                        : IMAGO_BYTECODES_SISTA,
	    .program = values[OPTION_PROGRAM].text,
	    .rounds = (uint32_t)values[OPTION_ROUNDS].number,
	};
	imago_error error = {0};
	return imago_kernel_make(heap, &options, line->allocator, &error) == IMAGO_OK
	           ? EXIT_DONE
	           : complain_of_error(line->names[0], &error);
}

static exit_status
make_synthetic(imago_heap **heap, const command_line *line, size_t layout)
{
	const option_value *values = line->values;
	imago_synthetic_options options = {
	    .image_format = format_number(values, layout),
	    .byte_order = layouts[layout].byte_order,
	    .num_objects = values[OPTION_OBJECTS].number,
	    .num_bytes = values[OPTION_BYTES].number,
	    .num_segments = (uint32_t)values[OPTION_SEGMENTS].number,
	    .gap = values[OPTION_GAP].number,
	    .perm_objects = values[OPTION_PERM_OBJECTS].number,
	    .seed = values[OPTION_SEED].number,
	};
	if (options.num_objects == 0 && options.num_bytes == 0) {
		options.num_objects = DEFAULT_OBJECTS;
	}
	imago_error error = {0};
	progress step;
	progress_begin(&step, "making", line->names[0]);
	imago_status status = imago_synthetic_make(heap, &options, line->allocator, &error);
	progress_end(&step);
	return status == IMAGO_OK ? EXIT_DONE : complain_of_error(line->names[0], &error);
}

/* The image of the bytes typed, or of a file's. */
static exit_status
make_from_bytes(imago_heap **heap, const command_line *line, size_t layout)
{
	const option_value *values = line->values;
	const imago_generate_options options = {.image_format = format_number(values, layout),
	                                        .byte_order = layouts[layout].byte_order,
	                                        .composed = values[OPTION_COMPOSED].given};
	const char *text = values[OPTION_FROM].text;
	const uint8_t *bytes = (const uint8_t *)text;
	uint64_t size = strlen(text);
	raw_file file = {.allocator = line->allocator};
	exit_status result = EXIT_DONE;
	if (text[0] == '@') {
		result = raw_file_read(&file, text + 1, 1, line->allocator);
		bytes = file.bytes;
		size = file.size;
	}
	imago_error error = {0};
	if (result == EXIT_DONE &&
	    imago_generate(heap, bytes, size, &options, line->allocator, &error) != IMAGO_OK) {
		result = complain_of_error(line->names[0], &error);
	}
	raw_file_release(&file);
	return result;
}

static exit_status
run_make(const command_line *line)
{
	const option_value *values = line->values;
	size_t layout =
	    values[OPTION_LAYOUT].given ? (size_t)values[OPTION_LAYOUT].number : (size_t)LAYOUT_SPUR64;
	const char *problem = contradiction(values, layouts[layout].format);
	if (problem != NULL) {
		complain("make: %s", problem);
		return EXIT_TROUBLE;
	}
	if (format_number(values, layout) == 0) {
		complain("make: no such format number in this layout");
		return EXIT_TROUBLE;
	}
	imago_heap *heap = NULL;
	exit_status result = values[OPTION_KERNEL].given ? make_kernel(&heap, line, layout)
	                     : values[OPTION_FROM].given ? make_from_bytes(&heap, line, layout)
	                                                 : make_synthetic(&heap, line, layout);
	if (result == EXIT_DONE) {
		result = save_image(
		    heap, values[OPTION_COMPOSED].given ? IMAGO_FORMAT_COMPOSED : layouts[layout].format,
		    line->names[0], line->allocator);
	}
	imago_heap_destroy(heap);
	return result;
}

const struct command make_command = {
    .name = "make",
    .arguments = "OUT",
    .summary = "make a synthetic image, or one that runs",
    .description =
        "Makes a valid image whose objects' sizes, formats and pointer distances follow the mix\n"
        "of real images. The same options give the same bytes, on every machine. It does not run:\n"
        "it is for tests and benchmarks. With --composed, OUT is a folder, or one file when it\n"
        "ends in \".bundle\".\n\n"
        "With --from, any bytes are an image without errors: eight for the whole, then eight for\n"
        "each object (core/memory/README.md, \"Images from bytes\").\n\n"
        "With --kernel, classes and methods are assembled from a text (core/memory/kernel) into\n"
        "an image that runs, in 'imago run' and in other virtual machines: it does its program's\n"
        "work, prints a number that comes of it, and quits.",
    .examples = "  imago make small.image --layout v3be --objects 500\n"
                "  imago make hello.image --kernel --layout spur64 && imago run hello.image\n"
                "  imago make sends.image --kernel --program sends --rounds 100\n"
                "  imago make big.image --bytes 1G --seed 7\n"
                "  imago make odd.image --layout v3 --from 'whatever you like'\n"
                "  imago make folder.image --composed --segments 3 --gap 64K --perm-objects 100",
    .options = make_options,
    .num_options = sizeof make_options / sizeof make_options[0],
    .min_names = 1,
    .max_names = 1,
    .run = run_make,
};

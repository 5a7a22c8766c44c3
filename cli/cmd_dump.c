/* cmd_dump.c: the object at, or around, an address. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "dump.h"
#include "files.h"
#include "imago/known_objects.h"
#include "imago/walk.h"
#include "options.h"
#include "output.h"
#include "packfile_file.h"

enum { OPTION_OFFSET, OPTION_LONG_DOUBLE };

static const option_spec dump_options[] = {
    [OPTION_OFFSET] = {"offset", NULL, "the number is a file offset, not an address", OPTION_FLAG,
                       0, 0},
    [OPTION_LONG_DOUBLE] = {"long-double", LONG_DOUBLE_WORDS, LONG_DOUBLE_HELP, OPTION_CHOICE, 0,
                            0},
};

/* The oop that a name stands for: "special", or a special object's own name. */
static bool
find_named(const imago_heap *heap, const char *name, imago_oop *oop)
{
	if (strcmp(name, "special") == 0) {
		*oop = heap->header.special_objects_oop;
		return true;
	}
	for (uint64_t i = 0; i < IMAGO_NUM_SPECIALS; i++) {
		if (strcmp(imago_special_name(i), name) == 0) {
			*oop = imago_special_object_at(heap, i);
			return true;
		}
	}
	return false;
}

/* Resolves "[PART:]OFFSET". */
static exit_status
find_offset(const imago_heap *heap, const char *text, imago_addr *addr)
{
	char part[IMAGO_PART_SIZE] = "";
	const char *colon = strchr(text, ':');
	const char *number = colon != NULL ? colon + 1 : text;
	uint64_t offset = 0;
	if (colon != NULL && (size_t)(colon - text) < sizeof part) {
		memcpy(part, text, (size_t)(colon - text));
	}
	if (!parse_number(number, false, &offset)) {
		complain("dump: '%s' is not an offset", text);
		return EXIT_TROUBLE;
	}
	if (!imago_heap_addr_of(heap, part, offset, addr)) {
		complain("dump: no object lies at offset 0x%" PRIx64 "%s%s%s", offset,
		         part[0] != '\0' ? " of " : "", part,
		         part[0] == '\0' && heap->segments[0].part[0] != '\0'
		             ? " (an offset in a composed image is PART:OFFSET)"
		             : "");
		return EXIT_IMAGE;
	}
	return EXIT_DONE;
}

static exit_status
find_address(const command_line *line, const imago_heap *heap, imago_addr *addr)
{
	const char *text = line->names[1];
	if (text[0] == '@') {
		return find_offset(heap, text + 1, addr);
	}
	if (line->values[OPTION_OFFSET].given) {
		return find_offset(heap, text, addr);
	}
	if (find_named(heap, text, addr)) {
		return EXIT_DONE;
	}
	if (!parse_number(text, false, addr)) {
		complain("dump: '%s' is neither an address nor the name of a special object", text);
		return EXIT_TROUBLE;
	}
	return EXIT_DONE;
}

/* A word that is no address has no object: it is its value. */
static bool
dump_immediate(const struct describer *describer, imago_oop oop)
{
	if (imago_oop_is_pointer(describer->heap->tagging, oop) ||
	    imago_heap_segment_of(describer->heap, oop) != NULL) {
		return false;
	}
	char text[DESCRIPTION_SIZE];
	describe_oop(describer, oop, text, sizeof text);
	print("0x%" PRIx64 " is no address; as a word it is %s\n", oop, text);
	return true;
}

/* The chunk that holds addr, by walking: only a walk proves where objects start. */
static bool
find_chunk(const imago_heap *heap, imago_addr addr, imago_object *object)
{
	imago_error ignored = {0};
	imago_walker walker;
	imago_walk_init(&walker, heap, &ignored);
	do {
		while (imago_walk_next(&walker, object)) {
			if (addr >= object->chunk && addr - object->chunk < object->total_bytes) {
				return true;
			}
		}
	} while (walker.status != IMAGO_OK && imago_walk_skip_segment(&walker));
	return false;
}

/* Says in which bridge addr lies, if in any: between segments there are no objects. */
static bool
dump_bridge(const imago_heap *heap, imago_addr addr)
{
	for (size_t i = 0; i < heap->num_segments; i++) {
		const imago_segment *segment = &heap->segments[i];
		imago_addr bridge = segment->start + segment->size;
		if (addr - bridge >= segment->bridge_size) {
			continue;
		}
		print("0x%" PRIx64 " lies in the bridge behind segment %zu: %" PRIu64
		      " bytes from 0x%" PRIx64 "\n",
		      addr, i, segment->bridge_size, bridge);
		if (i + 1 < heap->num_segments && heap->segments[i + 1].space == segment->space) {
			print("  leads to        segment %zu at 0x%" PRIx64 "\n", i + 1,
			      heap->segments[i + 1].start);
		} else {
			print("  leads to        nothing: it is the last\n");
		}
		return true;
	}
	return false;
}

/* Where the walk does not get, what lies at addr is decoded as if an object started there. */
static exit_status
dump_guess(const struct describer *describer, const char *path, imago_addr addr)
{
	imago_object object;
	imago_error error = {0};
	if (imago_heap_segment_of(describer->heap, addr) == NULL) {
		if (dump_bridge(describer->heap, addr)) {
			return EXIT_DONE;
		}
		complain("%s: no segment holds address 0x%" PRIx64, path, addr);
		return EXIT_IMAGE;
	}
	complain("%s: the objects cannot be followed as far as 0x%" PRIx64
	         ": what is shown would be one if it started there",
	         path, addr);
	if (imago_heap_decode_object(describer->heap, addr, &object, &error) != IMAGO_OK) {
		return complain_of_error(path, &error);
	}
	dump_object(describer, &object);
	return EXIT_IMAGE;
}

static exit_status
dump_at(const struct describer *describer, const char *path, imago_addr addr)
{
	imago_object object;
	if (!find_chunk(describer->heap, addr, &object)) {
		return dump_guess(describer, path, addr);
	}
	if (addr < object.oop) {
		print("0x%" PRIx64 " is in the header words before\n", addr);
	} else if (addr > object.oop) {
		print("0x%" PRIx64 " lies %" PRIu64 " byte%s into\n", addr, addr - object.oop,
		      plural(addr - object.oop));
	}
	dump_object(describer, &object);
	return EXIT_DONE;
}

static exit_status
dump_image(const command_line *line, const imago_heap *heap)
{
	struct describer describer;
	imago_error error = {0};
	imago_addr addr = 0;
	exit_status result = find_address(line, heap, &addr);
	if (result != EXIT_DONE) {
		return result;
	}
	if (describer_create(&describer, heap, line->allocator, &error) != IMAGO_OK) {
		result = complain_of_error(line->names[0], &error);
	} else if (!dump_immediate(&describer, addr)) {
		result = dump_at(&describer, line->names[0], addr);
	}
	describer_release(&describer);
	return result;
}

static exit_status
run_dump_of_packfile(const command_line *line)
{
	packfile_file file;
	imago_error error;
	if (line->num_names > 1) {
		complain("dump: a packfile is shown whole: it takes FILE alone");
		return EXIT_TROUBLE;
	}
	const exit_status result =
	    open_packfile(&file, line->names[0], long_double_of(&line->values[OPTION_LONG_DOUBLE]),
	                  line->allocator, &error);
	if (result == EXIT_DONE) {
		packfile_dump(&file);
	}
	close_packfile(&file);
	return result;
}

static exit_status
run_dump(const command_line *line)
{
	if (is_packfile(line->names[0])) {
		return run_dump_of_packfile(line);
	}
	if (line->num_names < 2) {
		complain("dump: too few names: it takes FILE ADDR|@OFFSET|NAME");
		tell("Try 'imago dump --help'.\n");
		return EXIT_TROUBLE;
	}
	imago_image image;
	imago_error error;
	exit_status result = open_image(&image, line->names[0], line->allocator, &error);
	if (result == EXIT_DONE) {
		result = dump_image(line, image.heap);
	}
	imago_image_close(&image);
	return result;
}

const struct command dump_command = {
    .name = "dump",
    .arguments = "FILE [ADDR|@OFFSET|NAME]",
    .summary = "show one object: header, slots, bytes, code; or a packfile",
    .description =
        "Prints the object at an address of the image as it was saved, or around it: an address\n"
        "inside an object shows that object. @OFFSET is a place in the file, as findings give it\n"
        "(@PART:OFFSET in a composed image). A NAME is that of a special object, such as nil or\n"
        "classArray, or \"special\" for the array of them all.\n\n"
        "A Parrot packfile is shown whole, without ADDR: constants, and the code as instructions.",
    .examples = "  imago dump my.image 0x10a2f0\n"
                "  imago dump my.image @0x1a2f8\n"
                "  imago dump folder.image @seg1.data:0x40\n"
                "  imago dump my.image special\n"
                "  imago dump program.pbc",
    .options = dump_options,
    .num_options = sizeof dump_options / sizeof dump_options[0],
    .min_names = 1,
    .max_names = 2,
    .run = run_dump,
};

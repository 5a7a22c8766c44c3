/* cmd_info.c: what is in an image. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "files.h"
#include "info.h"
#include "output.h"
#include "packfile_file.h"
#include "progress.h"

enum { OPTION_JSON, OPTION_ALL, OPTION_LONG_DOUBLE, NUM_TOP_CLASSES = 20 };

static const option_spec info_options[] = {
    [OPTION_JSON] = {"json", NULL, "print one JSON object", OPTION_FLAG, 0, 0},
    [OPTION_ALL] = {"all", NULL, "list every class (default: the 20 with most bytes)", OPTION_FLAG,
                    0, 0},
    [OPTION_LONG_DOUBLE] = {"long-double", LONG_DOUBLE_WORDS, LONG_DOUBLE_HELP, OPTION_CHOICE, 0,
                            0},
};

/* Counts what needs a walk. A heap that cannot be walked keeps its header and segments. */
static exit_status
count(image_info *info, imago_allocator *allocator)
{
	progress step;
	progress_begin(&step, "counting", info->path);
	imago_error error = {0};
	imago_status status = imago_census_take(info->image->heap, &info->census, &error);
	if (status == IMAGO_OK) {
		status = class_totals_create(&info->classes, info->image->heap, allocator, &error);
	}
	progress_end(&step);
	info->counted = status == IMAGO_OK;
	return info->counted ? EXIT_DONE : complain_of_error(info->path, &error);
}

static exit_status
run_info_of_packfile(const command_line *line)
{
	packfile_file file;
	imago_error error;
	const exit_status result =
	    open_packfile(&file, line->names[0], long_double_of(&line->values[OPTION_LONG_DOUBLE]),
	                  line->allocator, &error);
	if (result == EXIT_DONE && line->values[OPTION_JSON].given) {
		packfile_info_print_json(&file);
	} else if (result == EXIT_DONE) {
		packfile_info_print(&file);
	}
	close_packfile(&file);
	return result;
}

static exit_status
run_info(const command_line *line)
{
	if (is_packfile(line->names[0])) {
		return run_info_of_packfile(line);
	}
	imago_image image;
	imago_error error;
	image_info info = {.path = line->names[0], .image = &image};
	exit_status result = open_image(&image, info.path, line->allocator, &error);
	if (result == EXIT_DONE) {
		info.classes.allocator = line->allocator;
		result = count(&info, line->allocator);
		info.num_shown = info.classes.num_rows;
		if (!line->values[OPTION_ALL].given && info.num_shown > NUM_TOP_CLASSES) {
			info.num_shown = NUM_TOP_CLASSES;
		}
		if (line->values[OPTION_JSON].given) {
			info_print_json(&info);
		} else {
			info_print(&info);
		}
		class_totals_release(&info.classes);
	}
	imago_image_close(&image);
	return result;
}

const struct command info_command = {
    .name = "info",
    .arguments = "FILE",
    .summary = "show header, segments, and what objects there are",
    .description =
        "Prints the 16 header fields with value and meaning, the segments and spaces, and how\n"
        "many objects and bytes each class has. An image whose objects cannot be walked to the\n"
        "end still shows its header and segments; the exit status is then 1. Of a Parrot "
        "packfile:\n"
        "header, segments, how many constants, which op libraries it names.",
    .examples = "  imago info my.image\n"
                "  imago info --all my.image\n"
                "  imago info --json my.image",
    .options = info_options,
    .num_options = sizeof info_options / sizeof info_options[0],
    .min_names = 1,
    .max_names = 1,
    .run = run_info,
};

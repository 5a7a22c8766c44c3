/* cmd_digest.c: one hash of what each image means. */
#include <stdio.h>

#include "command.h"
#include "files.h"
#include "imago/digest.h"
#include "output.h"
#include "progress.h"

static exit_status
digest_file(const char *path, imago_allocator *allocator)
{
	imago_image image;
	imago_error error;
	exit_status result = open_image(&image, path, allocator, &error);
	if (result == EXIT_DONE) {
		imago_digest digest;
		progress step;
		progress_begin(&step, "digesting", path);
		imago_status status = imago_digest_compute(&digest, image.heap, allocator, &error);
		progress_end(&step);
		if (status == IMAGO_OK) {
			char text[2 * IMAGO_DIGEST_SIZE + 1];
			imago_digest_format(&digest, text);
			print("%s  ", text);
			print_name(path);
			print("\n");
		} else {
			result = complain_of_error(path, &error);
		}
	}
	imago_image_close(&image);
	return result;
}

static exit_status
run_digest(const command_line *line)
{
	exit_status result = EXIT_DONE;
	for (size_t i = 0; i < line->num_names; i++) {
		result = worse_status(result, digest_file(line->names[i], line->allocator));
	}
	return result;
}

const struct command digest_command = {
    .name = "digest",
    .arguments = "FILE...",
    .summary = "print one hash of what an image means",
    .description =
        "Prints 64 hexadecimal digits, two spaces and the name of each image. The digest follows\n"
        "the objects from the special objects array, so it is the same whatever the base address,\n"
        "byte order, word size, segments and container, as long as the objects mean the same.",
    .examples = "  imago digest before.image after.image\n"
                "  imago digest *.image | sort",
    .min_names = 1,
    .run = run_digest,
};

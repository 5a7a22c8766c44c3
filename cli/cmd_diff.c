/* cmd_diff.c: which objects of two images differ. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "describe.h"
#include "files.h"
#include "imago/compare.h"
#include "output.h"
#include "progress.h"

enum { OPTION_MAX_DIFFERENCES };

static const option_spec diff_options[] = {
    [OPTION_MAX_DIFFERENCES] = {"max-differences", "N", "stop after N differences", OPTION_NUMBER,
                                1, 0},
};

typedef struct diff_state {
	struct describer a, b;
	progress step;
	uint64_t num_printed;
	uint64_t max_differences; /* 0: no limit */
	bool cut;                 /* there are more than max_differences */
} diff_state;

/* Words of slots are described; counts, hashes and elements are numbers. */
static void
describe_value(const struct describer *describer, const imago_difference *difference,
               imago_oop object_oop, uint64_t value, char *text, size_t size)
{
	const imago_heap *heap = describer->heap;
	const char *what = difference->what;
	imago_object object;
	imago_error ignored;
	bool is_word = strcmp(what, "class") == 0 || strcmp(what, "identity") == 0;
	if (strcmp(what, "contents") == 0 &&
	    imago_heap_decode_object(heap, object_oop, &object, &ignored) == IMAGO_OK) {
		/* In a method both literals and bytecodes have an index: a literal is told by its value. */
		is_word =
		    object.body_kind == IMAGO_BODY_POINTERS ||
		    (object.body_kind == IMAGO_BODY_METHOD && imago_heap_segment_of(heap, value) != NULL);
	}
	if (strcmp(what, "object model") == 0) {
		snprintf(text, size, "%s", heap->model == IMAGO_SPUR ? "Spur" : "V3");
	} else if (is_word) {
		describe_oop(describer, value, text, size);
	} else {
		snprintf(text, size, "%" PRIu64 " (0x%" PRIx64 ")", value, value);
	}
}

static bool
print_difference(const imago_difference *difference, void *payload)
{
	diff_state *state = payload;
	if (state->max_differences != 0 && state->num_printed == state->max_differences) {
		state->cut = true;
		return false;
	}
	char a[DESCRIPTION_SIZE];
	char b[DESCRIPTION_SIZE];
	describe_value(&state->a, difference, difference->a, difference->value_a, a, sizeof a);
	describe_value(&state->b, difference, difference->b, difference->value_b, b, sizeof b);
	progress_hold(&state->step);
	print("%s: %s: %s", difference->class_name, difference->path, difference->what);
	if (strcmp(difference->what, "contents") == 0 || strcmp(difference->what, "identity") == 0) {
		print(" at %" PRIu64, difference->index);
	}
	print(": %s, %s (objects 0x%" PRIx64 ", 0x%" PRIx64 ")\n", a, b, difference->a, difference->b);
	progress_resume(&state->step);
	state->num_printed++;
	return !output_failed();
}

/* Compares two images that were opened. */
static exit_status
compare_images(const command_line *line, const imago_image *a, const imago_image *b)
{
	const option_value *limit = &line->values[OPTION_MAX_DIFFERENCES];
	diff_state state = {.max_differences = limit->number};
	imago_error error = {0};
	exit_status result = EXIT_DONE;
	imago_status status = describer_create(&state.a, a->heap, line->allocator, &error);
	imago_status status_b = describer_create(&state.b, b->heap, line->allocator, &error);
	status = status != IMAGO_OK ? status : status_b;
	if (status == IMAGO_OK) {
		uint64_t num_differences = 0;
		progress_begin(&state.step, "comparing", line->names[0]);
		status = imago_compare(a->heap, b->heap, line->allocator, print_difference, &state,
		                       &num_differences, &error);
		progress_end(&state.step);
		result = num_differences > 0 || state.cut ? EXIT_IMAGE : EXIT_DONE;
	}
	if (status != IMAGO_OK) {
		bool in_b = strcmp(error.part, "b") == 0;
		error.part[0] = '\0';
		result = complain_of_error(line->names[in_b ? 1 : 0], &error);
	} else if (state.cut) {
		complain("diff: stopped after %" PRIu64 " difference%s", state.num_printed,
		         plural(state.num_printed));
	}
	describer_release(&state.a);
	describer_release(&state.b);
	return result;
}

static exit_status
run_diff(const command_line *line)
{
	imago_image a;
	imago_image b;
	imago_error error;
	exit_status result = open_image(&a, line->names[0], line->allocator, &error);
	result = worse_status(result, open_image(&b, line->names[1], line->allocator, &error));
	if (result == EXIT_DONE) {
		result = compare_images(line, &a, &b);
	}
	imago_image_close(&a);
	imago_image_close(&b);
	return result;
}

const struct command diff_command = {
    .name = "diff",
    .arguments = "A B",
    .summary = "list the objects in which two images differ",
    .description =
        "Follows both images in step from their special objects, and prints one line for each\n"
        "pair of objects that differ: class, path from the special objects, what differs and how,\n"
        "and the two addresses. Prints nothing when both mean the same; addresses, byte order, "
        "word size and\n"
        "container make no difference. Exit status 0: the same; 1: different.",
    .examples = "  imago diff before.image after.image\n"
                "  imago diff --max-differences 20 old.image new.image",
    .options = diff_options,
    .num_options = sizeof diff_options / sizeof diff_options[0],
    .min_names = 2,
    .max_names = 2,
    .run = run_diff,
};

/* cmd_attach.c: maps an image into several processes, and tells what it costs them. */
#include <inttypes.h>
#include <string.h>

#include "attach_run.h"
#include "command.h"
#include "files.h"
#include "output.h"

enum {
	OPTION_PROCESSES,
	OPTION_WORKLOAD,
	OPTION_BASE,
	OPTION_RELOCATION,
	OPTION_SEALED,
	OPTION_FUEL,
	OPTION_SEED,
	OPTION_GROWTH,
	OPTION_STATS,
	OPTION_JSON,
};

enum { DEFAULT_FUEL = 1 << 30, DEFAULT_GROWTH = 64 << 20, EDEN = 8 << 20 };

static const option_spec attach_options[] = {
    [OPTION_PROCESSES] = {"processes", "N", "attach in N processes at once (default 1)",
                          OPTION_NUMBER, 1, CROWD_MOST},
    [OPTION_WORKLOAD] = {"workload", "run|read|idle|write:P",
                         "what each does: execute the image; touch each page;\n"
                         "nothing (the default); change P percent of the objects",
                         OPTION_TEXT, 0, 0},
    [OPTION_BASE] = {"base", "ADDR|elsewhere", "attach there (default: where the image is wanted)",
                     OPTION_TEXT, 0, 0},
    [OPTION_RELOCATION] = {"relocation", "auto|userfault|signal|eager|none",
                           "how pages are relocated elsewhere (default auto)", OPTION_CHOICE, 0, 0},
    [OPTION_SEALED] = {"sealed", NULL, "relocate once, into memory that all attach", OPTION_FLAG, 0,
                       0},
    [OPTION_FUEL] = {"fuel", "N", "execute at most N bytecodes (default 1G; K, M, G)", OPTION_SIZE,
                     1, 0},
    [OPTION_SEED] = {"seed", "N", "write other objects for another seed (default 0)", OPTION_NUMBER,
                     0, 0},
    [OPTION_GROWTH] = {"growth", "BYTES", "let the objects grow by so much (default 64M)",
                       OPTION_SIZE, 1, 0},
    [OPTION_STATS] = {"stats", NULL, "print how pages were relocated, and what was executed",
                      OPTION_FLAG, 0, 0},
    [OPTION_JSON] = {"json", NULL, "print one JSON object, with each process", OPTION_FLAG, 0, 0},
};

/* What executing it came to: its own exit status, as of 'imago run'. */
static exit_status
judge(const attach_run *run)
{
	const process_report *first = attach_first(run);
	if (run->work.kind != WORKLOAD_RUN || first == NULL) {
		return EXIT_DONE;
	}
	const workload_outcome *outcome = &first->outcome;
	if (!attach_all_alike(run)) {
		complain("attach: the processes did not all do the same");
		return EXIT_IMAGE;
	}
	if (outcome->end == IMAGO_VM_QUIT) {
		return (exit_status)outcome->exit_status;
	}
	complain("attach: %s (%s, pc %" PRIu64 ")", outcome->reason,
	         outcome->method[0] != '\0' ? outcome->method : "a method without a name", outcome->pc);
	return outcome->end == IMAGO_VM_FUEL ? EXIT_DONE : EXIT_IMAGE;
}

static exit_status
run_and_print(attach_run *run, const command_line *line)
{
	imago_error error = {0};
	run->reports = imago_allocate_array(line->allocator, run->num_processes, sizeof *run->reports,
	                                    "reports", &error);
	if (run->reports == NULL) {
		return complain_of_error(NULL, &error);
	}
	exit_status result = attach_run_all(run);
	if (line->values[OPTION_JSON].given && attach_first(run) != NULL) {
		attach_print_json(run);
	} else {
		attach_print(run, line->values[OPTION_STATS].given);
	}
	result = worse_status(result, judge(run));
	imago_release(line->allocator, run->reports, run->num_processes * sizeof *run->reports);
	return result;
}

static exit_status
run_attach(const command_line *line)
{
	const option_value *values = line->values;
	attached_image image;
	attach_run run = {
	    .image = &image,
	    .work = {.kind = WORKLOAD_IDLE,
	             .fuel = values[OPTION_FUEL].given ? values[OPTION_FUEL].number : DEFAULT_FUEL,
	             .image_name = base_name(line->names[0]),
	             .seed = values[OPTION_SEED].number},
	    .num_processes =
	        values[OPTION_PROCESSES].given ? (unsigned)values[OPTION_PROCESSES].number : 1,
	    .quiet = values[OPTION_JSON].given,
	};
	const char *work = values[OPTION_WORKLOAD].text;
	if (work != NULL && !workload_parse(&run.work, work)) {
		complain("attach: --workload: '%s' is none of run, read, idle and write:PERCENT", work);
		tell("Try 'imago attach --help'.\n");
		return EXIT_TROUBLE;
	}
	const uint64_t growth =
	    values[OPTION_GROWTH].given ? values[OPTION_GROWTH].number : DEFAULT_GROWTH;
	const attach_request request = {
	    .command = "attach",
	    .base = values[OPTION_BASE].text,
	    .relocation = (imago_relocation)values[OPTION_RELOCATION].number,
	    .sealed = values[OPTION_SEALED].given,
	    .room = run.work.kind != WORKLOAD_RUN ? 0
	            : growth < UINT64_MAX - EDEN  ? growth + EDEN
	                                          : growth,
	};
	exit_status result = attached_image_open(&image, line->names[0], &request, line->allocator);
	if (result == EXIT_DONE) {
		result = run_and_print(&run, line);
	}
	attached_image_close(&image);
	return result;
}

const struct command attach_command = {
    .name = "attach",
    .arguments = "IMAGE",
    .summary = "map an image into several processes, and tell what it costs",
    .description =
        "Maps a layered image (imago convert --to layered) into N processes, which all do the "
        "same\n"
        "with it and then wait for each other while each counts its pages. The table tells, for\n"
        "each section, how many were never touched, are the file's, shared by all, and are a\n"
        "process's own: relocated, or copied when they were written; what memory that takes, a\n"
        "shared page divided among those who share it (PSS), and how it compares with N copies;\n"
        "and which classes the objects are of that the first process changed, and how much else\n"
        "lies on their pages. Another image of Spur is layered into memory first.\n\n"
        "--workload run executes the image as 'imago run' does, and shows what the first process\n"
        "prints. write:P turns the bit that makes an object immutable, in P percent of them.\n"
        "An image that 'imago check' finds errors in is not attached.\n\n"
        "Exit status: with --workload run the image's own when it quits, and 1 when the processes\n"
        "did not all do the same; 2 when the file was cut or changed meanwhile.",
    .examples = "  imago convert --to layered my.image my.layered\n"
                "  imago attach my.layered --processes 8 --workload run --stats\n"
                "  imago attach my.layered --processes 32 --workload write:1\n"
                "  imago attach my.layered --processes 8 --base elsewhere --workload read\n"
                "  imago attach my.layered --processes 8 --base elsewhere --sealed --workload read",
    .options = attach_options,
    .num_options = sizeof attach_options / sizeof attach_options[0],
    .min_names = 1,
    .max_names = 1,
    .run = run_attach,
};

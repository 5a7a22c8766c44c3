/* cmd_workspace.c: APL workspaces and shared code files. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "crowd.h"
#include "imago/file.h"
#include "output.h"
#include "raw_file.h"
#include "workspace_files.h"

enum {
	OPTION_ATTACH,
	OPTION_ELSEWHERE,
	OPTION_FUEL,
	OPTION_AUDIT,
	OPTION_PROCESSES,
	OPTION_DETACH,
	OPTION_ASSIMILATE,
	OPTION_SAVE,
	OPTION_SLOT,
	OPTION_UNSORTED,
};

static const option_spec workspace_options[] = {
    [OPTION_ATTACH] = {"attach", "FILE[,FILE]", "of a run: attach these shared code files",
                       OPTION_LIST, 0, 0},
    [OPTION_ELSEWHERE] = {"elsewhere", NULL, "map a file anywhere if its own address is busy",
                          OPTION_FLAG, 0, 0},
    [OPTION_FUEL] = {"fuel", "N", "evaluate at most N tokens (default 1G; K, M, G)", OPTION_SIZE, 1,
                     0},
    [OPTION_AUDIT] = {"audit", NULL, "check all counts and pointers after every line", OPTION_FLAG,
                      0, 0},
    [OPTION_PROCESSES] = {"processes", "N", "run in N processes at once, and show their pages",
                          OPTION_NUMBER, 1, CROWD_MOST},
    [OPTION_DETACH] = {"detach", "SLOT", "after a run: take away what slot SLOT brought",
                       OPTION_NUMBER, 1, IMAGO_WORKSPACE_SLOTS},
    [OPTION_ASSIMILATE] = {"assimilate", "SLOT", "after a run: copy what slot SLOT brought",
                           OPTION_NUMBER, 1, IMAGO_WORKSPACE_SLOTS},
    [OPTION_SAVE] = {"save", "OUT", "after a run: save the workspace", OPTION_TEXT, 0, 0},
    [OPTION_SLOT] = {"slot", "N", "of share: the slot, 1 to 8", OPTION_NUMBER, 1,
                     IMAGO_WORKSPACE_SLOTS},
    [OPTION_UNSORTED] = {"unsorted", NULL, "of share: leave pockets as they lie", OPTION_FLAG, 0,
                         0},
};

/* ---- make */

static exit_status
complain_of_text(const char *path, const raw_file *text, const imago_error *error)
{
	uint64_t line = 1;
	if (error->status != IMAGO_ESTRUCTURE || error->offset > text->size) {
		return complain_of_error(path, error);
	}
	for (uint64_t i = 0; i < error->offset; i++) {
		line += text->bytes[i] == '\n';
	}
	complain("%s:%" PRIu64 ": %s", path, line, error->what);
	return EXIT_IMAGE;
}

static exit_status
run_make(const command_line *line)
{
	const imago_run_options options = {.fuel = line->values[OPTION_FUEL].number};
	imago_workspace *workspace = NULL;
	imago_error error = {0};
	raw_file text;
	exit_status result = raw_file_read(&text, line->names[1], 1, line->allocator);
	if (result == EXIT_DONE &&
	    imago_workspace_create(&workspace, line->allocator, &error) != IMAGO_OK) {
		result = complain_of_error(line->names[1], &error);
	}
	if (result == EXIT_DONE && imago_workspace_take_text(workspace, (const char *)text.bytes,
	                                                     text.size, &options, &error) != IMAGO_OK) {
		result = complain_of_text(line->names[1], &text, &error);
	}
	if (result == EXIT_DONE) {
		result = save_workspace(workspace, NULL, line->names[2], line->allocator);
	}
	imago_workspace_destroy(workspace);
	raw_file_release(&text);
	return result;
}

/* ---- list */

static exit_status
print_header(const raw_file *file, const char *path)
{
	static const char *const classes[IMAGO_NUM_WORKSPACE_CLASSES] = {
	    [IMAGO_CLASS_SPACES] = "namespaces",
	    [IMAGO_CLASS_SYMBOLS] = "symbols",
	    [IMAGO_CLASS_CODE] = "code",
	    [IMAGO_CLASS_DATA] = "data",
	    [IMAGO_CLASS_ANY] = "pockets"};
	imago_workspace_head head;
	imago_error error = {0};
	if (imago_workspace_decode(&head, file->bytes, file->size, &error) != IMAGO_OK) {
		return complain_of_error(path, &error);
	}
	if (head.slot == 0) {
		print("workspace\n");
	} else {
		print("shared code file for slot %u, at 0x%" PRIx64 "\n", head.slot, head.start);
	}
	for (uint32_t i = 0; i < head.num_runs; i++) {
		print("%-10s %8" PRIu64 " in %10" PRIu64 " bytes\n", classes[head.runs[i].pocket_class],
		      head.runs[i].num_pockets, head.runs[i].size);
	}
	return EXIT_DONE;
}

static exit_status
run_list(const command_line *line)
{
	raw_file file;
	imago_workspace *workspace = NULL;
	exit_status result = raw_file_read(&file, line->names[1], 0, line->allocator);
	if (result == EXIT_DONE) {
		result = print_header(&file, line->names[1]);
	}
	raw_file_release(&file);
	if (result == EXIT_DONE) {
		result = load_workspace(&workspace, line->names[1], line->allocator);
	}
	if (result == EXIT_DONE) {
		list_workspace(workspace, line->allocator);
	}
	imago_workspace_destroy(workspace);
	return result;
}

/* ---- run, share */

static exit_status
let_go(imago_workspace *workspace, const command_line *line)
{
	exit_status result = EXIT_DONE;
	static const unsigned ways[] = {OPTION_DETACH, OPTION_ASSIMILATE};
	for (size_t i = 0; i < 2 && result == EXIT_DONE; i++) {
		const option_value *value = &line->values[ways[i]];
		imago_error error = {0};
		if (value->given &&
		    imago_workspace_detach(workspace, (unsigned)value->number, ways[i] == OPTION_ASSIMILATE,
		                           &error) != IMAGO_OK) {
			result = complain_of_error(line->names[1], &error);
		}
	}
	return result;
}

static exit_status
run_alone(const command_line *line, const workspace_request *request)
{
	imago_workspace *workspace = NULL;
	imago_writer writer;
	imago_writer_init(&writer, line->allocator, (imago_layout){8, IMAGO_LITTLE_ENDIAN}, NULL);
	exit_status result = run_workspace(&workspace, request, &writer);
	print("%.*s", (int)writer.size, writer.size > 0 ? (const char *)writer.bytes : "");
	imago_writer_release(&writer);
	if (result == EXIT_DONE) {
		result = let_go(workspace, line);
	}
	if (result == EXIT_DONE && line->values[OPTION_SAVE].given) {
		result = save_workspace(workspace, NULL, line->values[OPTION_SAVE].text, line->allocator);
	}
	imago_workspace_destroy(workspace);
	return result;
}

static exit_status
run_run(const command_line *line)
{
	const option_value *values = line->values;
	const workspace_request request = {
	    .path = line->names[1],
	    .attached = values[OPTION_ATTACH].list,
	    .num_attached = values[OPTION_ATTACH].list_length,
	    .lines = line->names + 2,
	    .num_lines = line->num_names - 2,
	    .fuel = values[OPTION_FUEL].number,
	    .elsewhere = values[OPTION_ELSEWHERE].given,
	    .audit = values[OPTION_AUDIT].given,
	    .allocator = line->allocator,
	};
	if (!values[OPTION_PROCESSES].given) {
		return run_alone(line, &request);
	}
	if (values[OPTION_SAVE].given || values[OPTION_DETACH].given ||
	    values[OPTION_ASSIMILATE].given) {
		complain("workspace: --processes does not go with --save, --detach or --assimilate");
		return EXIT_TROUBLE;
	}
	return run_workspace_crowd(&request, (unsigned)values[OPTION_PROCESSES].number);
}

static exit_status
run_share(const command_line *line)
{
	const imago_workspace_options options = {
	    .slot = (unsigned)line->values[OPTION_SLOT].number,
	    .unsorted = line->values[OPTION_UNSORTED].given,
	};
	imago_workspace *workspace = NULL;
	if (options.slot == 0) {
		complain("workspace: share needs --slot N, 1 to 8");
		return EXIT_TROUBLE;
	}
	exit_status result = load_workspace(&workspace, line->names[1], line->allocator);
	if (result == EXIT_DONE) {
		result = save_workspace(workspace, &options, line->names[2], line->allocator);
	}
	imago_workspace_destroy(workspace);
	return result;
}

static const struct {
	const char *name;
	size_t min_names, max_names; /* with the verb itself */
	exit_status (*run)(const command_line *line);
} verbs[] = {
    {"make", 3, 3, run_make},
    {"list", 2, 2, run_list},
    {"run", 2, SIZE_MAX, run_run},
    {"share", 3, 3, run_share},
};

static exit_status
run_workspace_command(const command_line *line)
{
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
		if (strcmp(line->names[0], verbs[i].name) == 0 && line->num_names >= verbs[i].min_names &&
		    line->num_names <= verbs[i].max_names) {
			return verbs[i].run(line);
		}
	}
	complain("workspace: make TEXT OUT, list FILE, run FILE LINE… or share FILE OUT --slot N");
	return EXIT_TROUBLE;
}

const struct command workspace_command = {
    .name = "workspace",
    .arguments = "make|list|run|share …",
    .summary = "APL workspaces, and shared code files made of them",
    .description =
        "  make TEXT OUT       a workspace from a readable text: definitions, and lines to "
        "evaluate\n"
        "  list FILE           its header, and its names\n"
        "  run FILE LINE…      evaluates lines, and shows values that are not assigned\n"
        "  share FILE OUT      a shared code file for a slot, which others attach: mapped, read "
        "page\n"
        "                      by page when it is used, copied when a count in a page changes\n"
        "A shared code file can be loaded and listed like a workspace. 'imago check' checks both.",
    .examples = "  imago workspace make lib.apl lib.ws\n"
                "  imago workspace share lib.ws lib.shared --slot 1\n"
                "  imago workspace run mine.ws 'MEAN 1 2 3' --attach lib.shared\n"
                "  imago workspace run mine.ws 'MEAN 1 2 3' --attach lib.shared --processes 8",
    .options = workspace_options,
    .num_options = sizeof workspace_options / sizeof workspace_options[0],
    .min_names = 1,
    .max_names = 0,
    .run = run_workspace_command,
};

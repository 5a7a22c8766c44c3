/* workspace_files.c: opening, saving, attaching, evaluating. */
#include "workspace_files.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "imago/file.h"
#include "imago/save.h"
#include "output.h"

enum { MOST_SHOWN = 16384 /* bytes of a value */ };

static const imago_layout layout = {8, IMAGO_LITTLE_ENDIAN};

static imago_status
look(const uint8_t *bytes, uint64_t size, imago_error *error)
{
	if (imago_workspace_probe(bytes, size)) {
		return IMAGO_OK;
	}
	return imago_fail(error, IMAGO_EMAGIC, "workspace", 0, size, 0);
}

exit_status
load_workspace(imago_workspace **workspace, const char *path, imago_allocator *allocator)
{
	imago_error error = {0};
	uint8_t *bytes = NULL;
	uint64_t size = 0;
	*workspace = NULL;
	imago_status status =
	    imago_file_read_if(imago_os_files(), path, allocator, look, &bytes, &size, &error);
	if (status == IMAGO_OK) {
		status = imago_workspace_load(workspace, bytes, size, allocator, &error);
	}
	imago_release(allocator, bytes, bytes != NULL ? size : 0);
	if (status == IMAGO_OK) {
		return EXIT_DONE;
	}
	const exit_status result = complain_of_error(path, &error);
	if (error.what != NULL && strcmp(error.what, "workspace that breaks rules") == 0) {
		tell("Try 'imago check'.\n");
	}
	return result;
}

exit_status
save_workspace(imago_workspace *workspace, const imago_workspace_options *options, const char *path,
               imago_allocator *allocator)
{
	imago_error error = {0};
	imago_writer writer;
	imago_writer_init(&writer, allocator, layout, &error);
	imago_status status = imago_workspace_save(workspace, options, &writer, &error);
	if (status == IMAGO_OK) {
		status = imago_save_file(path, writer.bytes, writer.size, &error);
	}
	imago_writer_release(&writer);
	return status == IMAGO_OK ? EXIT_DONE : complain_of_error(path, &error);
}

static exit_status
attach_file(imago_workspace *workspace, const char *path, bool elsewhere)
{
	imago_workspace_attached attached;
	imago_error error = {0};
	const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (descriptor < 0) {
		complain("%s: cannot be opened", path);
		return EXIT_TROUBLE;
	}
	const imago_status status =
	    imago_workspace_attach(workspace, descriptor, elsewhere, &attached, &error);
	(void)close(descriptor);
	return status == IMAGO_OK ? EXIT_DONE : complain_of_error(path, &error);
}

/* ---- Lines */

/* The first fault that an audit finds. */
typedef struct audit_state {
	imago_workspace *workspace;
	imago_pocket_fault fault;
	bool is_broken;
} audit_state;

static bool
note_fault(const imago_pocket_fault *fault, void *payload)
{
	audit_state *state = payload;
	if (!state->is_broken) {
		state->fault = *fault;
		state->is_broken = true;
	}
	return false;
}

static void
audit_step(void *payload)
{
	audit_state *state = payload;
	const imago_survey_options options = {.regions = (1U << IMAGO_NUM_REGIONS) - 1};
	imago_error error;
	if (imago_pockets_survey(imago_workspace_pockets(state->workspace), &options, note_fault,
	                         payload, NULL, &error) != IMAGO_OK) {
		state->is_broken = true;
	}
}

static exit_status
tell_end(const workspace_request *request, const imago_run_result *result, const imago_error *error)
{
	if (result->end == IMAGO_RUN_SYNTAX && error->status == IMAGO_ESTRUCTURE) {
		complain("workspace: %s: %s, at byte %" PRIu64, imago_run_end_name(result->end),
		         error->what, error->offset);
	} else if (result->line > 0) {
		complain("workspace: %s (line %u of %s)", imago_run_end_name(result->end), result->line,
		         result->name);
	} else {
		complain("workspace: %s", imago_run_end_name(result->end));
	}
	(void)request;
	return EXIT_IMAGE;
}

static exit_status
run_one(imago_workspace *workspace, const workspace_request *request, const char *line,
        imago_writer *writer)
{
	audit_state state = {.workspace = workspace};
	const imago_run_options options = {
	    .fuel = request->fuel, .step = request->audit ? audit_step : NULL, .payload = &state};
	imago_run_result result;
	imago_error error = {0};
	imago_pockets *pockets = imago_workspace_pockets(workspace);
	if (imago_workspace_run_line(workspace, line, strlen(line), &options, &result, &error) !=
	    IMAGO_OK) {
		return complain_of_error(request->path, &error);
	}
	if (state.is_broken) {
		complain("workspace: the audit found: %s of pocket 0x%" PRIx64,
		         imago_pocket_problem_name(state.fault.problem), state.fault.pocket);
		return EXIT_IMAGE;
	}
	if (result.end == IMAGO_RUN_DONE && !result.is_quiet) {
		imago_value_format(pockets, result.value, MOST_SHOWN, writer);
	}
	imago_pocket_drop(pockets, result.value);
	return result.end == IMAGO_RUN_DONE ? EXIT_DONE : tell_end(request, &result, &error);
}

exit_status
run_workspace(imago_workspace **workspace, const workspace_request *request, imago_writer *writer)
{
	exit_status result = load_workspace(workspace, request->path, request->allocator);
	for (size_t i = 0; result == EXIT_DONE && i < request->num_attached; i++) {
		result = attach_file(*workspace, request->attached[i], request->elsewhere);
	}
	for (size_t i = 0; result == EXIT_DONE && i < request->num_lines; i++) {
		result = run_one(*workspace, request, request->lines[i], writer);
	}
	return result;
}

/* workspace.c: a workspace in use: what is done with it, under the guards of its files. */
#include <string.h>

#include "workspace_private.h"

imago_status
imago_workspace_create(imago_workspace **out, imago_allocator *allocator, imago_error *error)
{
	imago_error_set_part(error, "");
	imago_workspace *workspace = imago_allocate(allocator, sizeof *workspace, "workspace", error);
	if (workspace == NULL) {
		return IMAGO_ENOMEM;
	}
	workspace->allocator = allocator;
	const imago_status status = imago_pockets_init(&workspace->pockets, allocator, error);
	if (status != IMAGO_OK) {
		imago_workspace_destroy(workspace);
		return status;
	}
	*out = workspace;
	return IMAGO_OK;
}

static imago_status
check_file(const uint8_t *bytes, uint64_t size, imago_allocator *allocator, imago_error *error)
{
	imago_check_sink sink;
	imago_check_sink_init(&sink, NULL, NULL, NULL);
	const imago_status status = imago_workspace_check(bytes, size, &sink, allocator, error);
	if (status == IMAGO_OK && sink.summary.num_errors > 0) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "workspace that breaks rules", IMAGO_NO_OFFSET,
		                  sink.summary.num_errors, 0);
	}
	return status;
}

imago_status
imago_workspace_load(imago_workspace **out, const uint8_t *bytes, uint64_t size,
                     imago_allocator *allocator, imago_error *error)
{
	imago_workspace_head head;
	imago_status status = check_file(bytes, size, allocator, error);
	if (status == IMAGO_OK) {
		status = imago_workspace_decode(&head, bytes, size, error);
	}
	if (status != IMAGO_OK) {
		return status;
	}
	imago_workspace *workspace = imago_allocate(allocator, sizeof *workspace, "workspace", error);
	if (workspace == NULL) {
		return IMAGO_ENOMEM;
	}
	workspace->allocator = allocator;
	imago_pockets_init_empty(&workspace->pockets, allocator);
	status = imago_workspace_read(&workspace->pockets, &head, bytes, error);
	if (status != IMAGO_OK) {
		imago_workspace_destroy(workspace);
		return status;
	}
	*out = workspace;
	return IMAGO_OK;
}

void
imago_workspace_destroy(imago_workspace *workspace)
{
	if (workspace != NULL) {
		imago_pockets_release(&workspace->pockets);
		for (unsigned slot = 1; slot <= IMAGO_WORKSPACE_SLOTS; slot++) {
			imago_detach(workspace->mappings[slot]);
		}
		imago_release(workspace->allocator, workspace, sizeof *workspace);
	}
}

imago_pockets *
imago_workspace_pockets(imago_workspace *workspace)
{
	return &workspace->pockets;
}

imago_attachment *
imago_workspace_mapping(const imago_workspace *workspace, unsigned slot)
{
	return slot <= IMAGO_WORKSPACE_SLOTS ? workspace->mappings[slot] : NULL;
}

imago_status
imago_workspace_require(const imago_workspace *workspace, imago_error *error)
{
	imago_error_set_part(error, "");
	return workspace->is_lost ? imago_fail(error, IMAGO_EIO, "workspace that has lost pages",
	                                       IMAGO_NO_OFFSET, 0, 0)
	                          : IMAGO_OK;
}

/* ---- Guards: one for each file, nested */

typedef struct guards {
	imago_workspace *workspace;
	unsigned slot; /* the next to be guarded */
	imago_guarded *function;
	void *payload;
	imago_status status; /* what the function returned */
	imago_error *error;
} guards;

static imago_status
enter(void *payload)
{
	guards *g = payload;
	while (g->slot <= IMAGO_WORKSPACE_SLOTS && g->workspace->mappings[g->slot] == NULL) {
		g->slot++;
	}
	if (g->slot > IMAGO_WORKSPACE_SLOTS) {
		return g->function(g->payload);
	}
	imago_attachment *mapping = g->workspace->mappings[g->slot++];
	return imago_attachment_guard(mapping, enter, g, g->error);
}

imago_status
imago_workspace_guard(imago_workspace *workspace, imago_guarded *function, void *payload,
                      imago_error *error)
{
	guards g = {.workspace = workspace,
	            .slot = 1,
	            .function = function,
	            .payload = payload,
	            .error = error};
	imago_status status = imago_workspace_require(workspace, error);
	if (status == IMAGO_OK) {
		status = enter(&g);
		if (status == IMAGO_EIO) { /* the function may have said so itself, of another failure */
			workspace->is_lost = true;
		}
	}
	return status;
}

/* ---- Runs, audits, saves */

typedef struct line_call {
	imago_workspace *workspace;
	const char *text;
	size_t length;
	const imago_run_options *options;
	imago_run_result *result;
	imago_error *error;
} line_call;

static imago_status
run_line(void *payload)
{
	const line_call *c = payload;
	imago_run(&c->workspace->pockets, c->workspace->pockets.regions[0].root, c->text, c->length,
	          c->options, c->result, c->error);
	return IMAGO_OK;
}

imago_status
imago_workspace_run_line(imago_workspace *workspace, const char *text, size_t length,
                         const imago_run_options *options, imago_run_result *result,
                         imago_error *error)
{
	line_call c = {workspace, text, length, options, result, error};
	memset(result, 0, sizeof *result);
	const imago_status status = imago_workspace_guard(workspace, run_line, &c, error);
	if (status != IMAGO_OK) {
		result->value = 0; /* whatever it was, it is lost with the workspace */
	}
	return status;
}

typedef struct audit_call {
	imago_workspace *workspace;
	imago_pocket_fault_fn *report;
	void *payload;
	imago_error *error;
} audit_call;

static imago_status
audit(void *payload)
{
	const audit_call *c = payload;
	const imago_survey_options options = {.regions = (1U << IMAGO_NUM_REGIONS) - 1};
	return imago_pockets_survey(&c->workspace->pockets, &options, c->report, c->payload, NULL,
	                            c->error);
}

imago_status
imago_workspace_audit(imago_workspace *workspace, imago_pocket_fault_fn *report, void *payload,
                      imago_error *error)
{
	audit_call c = {workspace, report, payload, error};
	return imago_workspace_guard(workspace, audit, &c, error);
}

typedef struct save_call {
	imago_workspace *workspace;
	const imago_workspace_options *options;
	imago_writer *writer;
	imago_error *error;
} save_call;

static imago_status
save(void *payload)
{
	const save_call *c = payload;
	imago_pockets *pockets = &c->workspace->pockets;
	const imago_status status = imago_pockets_bind_all(pockets, c->error);
	return status == IMAGO_OK ? imago_workspace_write(pockets, c->options, c->writer, c->error)
	                          : status;
}

imago_status
imago_workspace_save(imago_workspace *workspace, const imago_workspace_options *options,
                     imago_writer *writer, imago_error *error)
{
	save_call c = {workspace, options, writer, error};
	return imago_workspace_guard(workspace, save, &c, error);
}

/* workspace_files.h: workspaces from and to the file system, with messages and exit statuses. */
#ifndef IMAGO_CLI_WORKSPACE_FILES_H
#define IMAGO_CLI_WORKSPACE_FILES_H

#include "command.h"
#include "imago/workspace.h"

/* What a run of lines needs. */
typedef struct workspace_request {
	const char *path;      /* of the workspace */
	const char **attached; /* shared code files */
	size_t num_attached;
	const char **lines;
	size_t num_lines;
	uint64_t fuel;
	bool elsewhere; /* where an address is busy */
	bool audit;     /* after every line of every function */
	imago_allocator *allocator;
} workspace_request;

/* Loads a workspace that breaks no rule, or prints why not. Destroy it in every case. */
exit_status load_workspace(imago_workspace **workspace, const char *path,
                           imago_allocator *allocator);

/* Saves a workspace, or prints why not. */
exit_status save_workspace(imago_workspace *workspace, const imago_workspace_options *options,
                           const char *path, imago_allocator *allocator);

/* Loads, attaches and evaluates as requested. Values are appended to the writer. */
exit_status run_workspace(imago_workspace **workspace, const workspace_request *request,
                          imago_writer *writer);

/* The same by several processes at once, which then say what pages they have. Prints what the first
 * one printed, and a table. */
exit_status run_workspace_crowd(const workspace_request *request, unsigned num_processes);

/* Prints names, and what they stand for. */
void list_workspace(imago_workspace *workspace, imago_allocator *allocator);

#endif

/* workspace_session.h: a workspace that shared code files are attached to. */
#ifndef IMAGO_TESTS_WORKSPACE_SESSION_H
#define IMAGO_TESTS_WORKSPACE_SESSION_H

#include "workspace_file.h"

typedef struct workspace_session {
	imago_allocator allocator;
	imago_error error;
	imago_workspace *workspace;
} workspace_session;

/* A test's set-up and teardown: an empty workspace; nothing may leak. */
int workspace_session_begin(void **state);
int workspace_session_end(void **state);

imago_status workspace_session_attach(workspace_session *s, const workspace_file *file,
                                      bool elsewhere, imago_workspace_attached *out);

#endif

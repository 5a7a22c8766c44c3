/* workspace_session.c: a workspace that shared code files are attached to. */
#include "workspace_session.h"

#include <stdlib.h>
#include <unistd.h>

int
workspace_session_begin(void **state)
{
	workspace_session *s = calloc(1, sizeof *s);
	assert_non_null(s);
	imago_allocator_init(&s->allocator, IMAGO_UNLIMITED);
	s->workspace = workspace_of("", &s->allocator);
	*state = s;
	return 0;
}

int
workspace_session_end(void **state)
{
	workspace_session *s = *state;
	if (s != NULL) {
		imago_workspace_destroy(s->workspace);
		assert_no_leak(&s->allocator);
		free(s);
	}
	return 0;
}

imago_status
workspace_session_attach(workspace_session *s, const workspace_file *file, bool elsewhere,
                         imago_workspace_attached *out)
{
	const int descriptor = workspace_descriptor(file->writer.bytes, file->writer.size);
	const imago_status status =
	    imago_workspace_attach(s->workspace, descriptor, elsewhere, out, &s->error);
	assert_int_equal(close(descriptor), 0);
	return status;
}

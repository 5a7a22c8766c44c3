/* workspace_private.h: what the files of the workspace format share. */
#ifndef FORMATS_WORKSPACE_WORKSPACE_PRIVATE_H
#define FORMATS_WORKSPACE_WORKSPACE_PRIVATE_H

#include "imago/workspace.h"

struct imago_workspace {
	imago_pockets pockets;
	imago_attachment *mappings[IMAGO_WORKSPACE_SLOTS + 1]; /* by slot; [0] is none */
	bool is_lost; /* pages went away while something was being done, or what an attach that failed
	               * had imported could not be taken away */
	imago_allocator *allocator;
};

/* IMAGO_EIO where the workspace is lost. */
imago_status imago_workspace_require(const imago_workspace *workspace,
                                     imago_error *error) IMAGO_NODISCARD;

#endif

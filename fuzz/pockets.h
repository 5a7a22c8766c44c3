/* pockets.h: what targets of workspaces share: audits as they run, files made of any bytes. */
#ifndef FUZZ_POCKETS_H
#define FUZZ_POCKETS_H

#include <stddef.h>
#include <stdint.h>

#include "apl_text.h"
#include "imago/workspace.h"

/* Looks at all pockets, of shared code files too: whatever is found breaks the oracle, which is
 * counted. */
void pockets_audit(imago_workspace *workspace, size_t oracle);

/* The same between lines of functions, after each eighth: an audit costs as much as there is. */
typedef struct pockets_lines {
	imago_pockets *pockets;
	size_t oracle;
	unsigned num_lines; /* so far */
} pockets_lines;

/* An imago_run_options.step; the payload is a pockets_lines. */
void pockets_audit_line(void *payload);

/* Takes a definition of apl_text.h, and takes the helper's value away; returns that, or 0 where
 * there was none, with a count for the caller. */
imago_addr pockets_define(imago_workspace *workspace, const apl_text *text,
                          const imago_run_options *options);

/* The value of a name in a namespace, or 0. */
imago_addr pockets_member(const imago_pockets *pockets, imago_addr space, const char *name);

/* Whether values of two workspaces are the same; namespaces are when their X is. */
bool pockets_same(const imago_pockets *a_pockets, imago_addr a, const imago_pockets *b_pockets,
                  imago_addr b);

/* The bytes as the pockets of a file for a slot (0: of a workspace), behind a header that tells of
 * them, but for their hash; free it. NULL: they are too few. */
uint8_t *pockets_file(imago_workspace_head *head, unsigned slot, const uint8_t *data, size_t size);

#endif

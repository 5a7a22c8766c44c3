/* pockets.c: audits of workspaces that run, and files made of any bytes. */
#include "pockets.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz_oracle.h"
#include "fuzz_target.h"

enum { LINES_BETWEEN = 8, MOST_POCKETS = 1 << 14 };

static bool
fail_on_fault(const imago_pocket_fault *fault, void *payload)
{
	const size_t *oracle = payload;
	fuzz_oracle_fail(*oracle, imago_pocket_problem_name(fault->problem), __FILE__, __LINE__);
}

void
pockets_audit(imago_workspace *workspace, size_t oracle)
{
	imago_error error;
	fuzz_oracle_count(oracle);
	FUZZ_ASSERT(imago_workspace_audit(workspace, fail_on_fault, &oracle, &error) == IMAGO_OK);
}

void
pockets_audit_line(void *payload)
{
	pockets_lines *lines = payload;
	const imago_survey_options options = {.regions = (1U << IMAGO_NUM_REGIONS) - 1};
	imago_error error;
	if (lines->num_lines++ % LINES_BETWEEN == 0) {
		fuzz_oracle_count(lines->oracle);
		FUZZ_ASSERT(imago_pockets_survey(lines->pockets, &options, fail_on_fault, &lines->oracle,
		                                 NULL, &error) == IMAGO_OK);
	}
}

uint8_t *
pockets_file(imago_workspace_head *head, unsigned slot, const uint8_t *data, size_t size)
{
	const uint64_t used =
	    (size < MOST_POCKETS ? size : MOST_POCKETS) / IMAGO_POCKET_GRAIN * IMAGO_POCKET_GRAIN;
	if (used < IMAGO_POCKET_LEAST) {
		return NULL;
	}
	*head = (imago_workspace_head){
	    .slot = slot,
	    .start = IMAGO_REGION_START(slot),
	    .size = used,
	    .file_size = (used + UINT64_C(2) * IMAGO_WORKSPACE_PAGE - 1) / IMAGO_WORKSPACE_PAGE *
	                 IMAGO_WORKSPACE_PAGE,
	    .root = IMAGO_REGION_START(slot),
	    .num_runs = 1,
	    .runs = {{.pocket_class = IMAGO_CLASS_ANY, .offset = IMAGO_WORKSPACE_PAGE, .size = used}},
	};
	uint8_t *file = calloc(1, (size_t)head->file_size);
	FUZZ_ASSERT(file != NULL);
	memcpy(file + IMAGO_WORKSPACE_PAGE, data, (size_t)used);
	return file;
}

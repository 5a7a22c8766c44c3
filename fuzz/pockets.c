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

imago_addr
pockets_member(const imago_pockets *pockets, imago_addr space, const char *name)
{
	imago_pocket symbol;
	return imago_pocket_at(pockets, imago_symbol_find(pockets, space, name, strlen(name)), &symbol)
	           ? imago_pocket_pointer(&symbol, IMAGO_SYMBOL_VALUE)
	           : 0;
}

imago_addr
pockets_define(imago_workspace *workspace, const apl_text *text, const imago_run_options *options)
{
	imago_error error;
	imago_pockets *pockets = imago_workspace_pockets(workspace);
	const imago_addr root = pockets->regions[0].root;
	FUZZ_ASSERT(imago_workspace_take_text(workspace, text->bytes, text->size, options, &error) ==
	            IMAGO_OK);
	const imago_addr value = pockets_member(pockets, root, APL_HELPER);
	imago_pocket_hold(pockets, value);
	imago_symbol_set(pockets, imago_symbol_find(pockets, root, APL_HELPER, sizeof APL_HELPER - 1),
	                 0);
	return value;
}

static bool
same(const imago_pockets *a_pockets, imago_addr a, const imago_pockets *b_pockets, imago_addr b,
     unsigned depth)
{
	imago_array arrays[2];
	imago_pocket space;
	if (imago_pocket_of_kind(a_pockets, a, IMAGO_POCKET_NAMESPACE, &space)) {
		const imago_addr one = pockets_member(a_pockets, a, "X");
		const imago_addr other = pockets_member(b_pockets, b, "X");
		return imago_pocket_of_kind(b_pockets, b, IMAGO_POCKET_NAMESPACE, &space) && depth > 0 &&
		       (one != 0) == (other != 0) &&
		       (one == 0 || same(a_pockets, one, b_pockets, other, depth - 1));
	}
	if (!imago_array_at(a_pockets, a, &arrays[0]) || arrays[0].type != IMAGO_ARRAY_NESTED) {
		return imago_value_equal(a_pockets, a, b_pockets, b);
	}
	if (depth == 0 || !imago_array_at(b_pockets, b, &arrays[1]) ||
	    arrays[1].type != arrays[0].type || arrays[0].rank != arrays[1].rank ||
	    memcmp(arrays[0].shape, arrays[1].shape, arrays[0].rank * sizeof arrays[0].shape[0]) != 0) {
		return false;
	}
	for (uint64_t i = 0; i < arrays[0].num; i++) {
		if (!same(a_pockets, imago_array_item(&arrays[0], i), b_pockets,
		          imago_array_item(&arrays[1], i), depth - 1)) {
			return false;
		}
	}
	return true;
}

bool
pockets_same(const imago_pockets *a_pockets, imago_addr a, const imago_pockets *b_pockets,
             imago_addr b)
{
	enum { MOST_DEPTH = 64 };
	return same(a_pockets, a, b_pockets, b, MOST_DEPTH);
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

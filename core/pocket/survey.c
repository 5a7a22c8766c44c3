/* survey.c: what must hold in regions of pockets, in a few passes:
 * 1. walk the pockets of each region, and list their starts;
 * 2. look at each pocket's own zones, and follow its pointers, counting them where they lead
 *    (survey_pocket.c);
 * 3. compare the counts;
 * 4. walk the trees of all namespaces;
 * 5. take arrays away that nothing leads to, again and again: what is left goes in circles. */
#include <stdlib.h>
#include <string.h>

#include "survey_private.h"

void
imago_survey_tell(survey *s, imago_pocket_problem problem, imago_addr pocket, uint64_t slot,
                  uint64_t found, uint64_t expected)
{
	const imago_pocket_fault fault = {problem, pocket, slot, found, expected};
	if (!s->stopped && !s->report(&fault, s->payload)) {
		s->stopped = true;
	}
}

void
imago_survey_tell_of(survey *s, imago_pocket_problem problem, const imago_pocket *pocket)
{
	imago_survey_tell(s, problem, pocket->address, UINT64_MAX, pocket->zones.kind, UINT64_MAX);
}

/* ---- 1 */

static imago_status
add_row(survey *s, unsigned region, imago_addr address)
{
	if (s->num[region] == s->capacity[region]) {
		const uint64_t capacity = s->capacity[region] == 0 ? 64 : s->capacity[region] * 2;
		survey_row *grown =
		    imago_pockets_scratch(s->pockets, s->rows[region], s->capacity[region] * sizeof *grown,
		                          capacity * sizeof *grown, "list of pockets", s->error);
		if (grown == NULL) {
			return IMAGO_ENOMEM;
		}
		s->rows[region] = grown;
		s->capacity[region] = capacity;
	}
	s->rows[region][s->num[region]++] = (survey_row){.address = address};
	return IMAGO_OK;
}

static imago_status
list_pockets(survey *s, unsigned region)
{
	const uint64_t used = s->pockets->regions[region].used;
	imago_addr address = IMAGO_REGION_START(region);
	imago_status status = IMAGO_OK;
	while (status == IMAGO_OK && address - IMAGO_REGION_START(region) < used) {
		imago_pocket pocket;
		if (!imago_pocket_at(s->pockets, address, &pocket)) {
			const uint8_t *bytes = imago_pocket_bytes(s->pockets, address, 8);
			imago_survey_tell(s, IMAGO_PROBLEM_LENGTH, address, UINT64_MAX,
			                  bytes != NULL ? pocket_word(bytes) : 0, UINT64_MAX);
			break;
		}
		status = add_row(s, region, address);
		address += pocket.length;
	}
	return status;
}

survey_row *
imago_survey_row(const survey *s, imago_addr address)
{
	const unsigned region = imago_region_of(address);
	if (region == IMAGO_NUM_REGIONS || s->num[region] == 0) {
		return NULL;
	}
	survey_row *rows = s->rows[region];
	uint64_t low = 0;
	uint64_t high = s->num[region];
	while (high - low > 1) {
		const uint64_t middle = low + (high - low) / 2;
		if (rows[middle].address <= address) {
			low = middle;
		} else {
			high = middle;
		}
	}
	return rows[low].address == address ? &rows[low] : NULL;
}

/* ---- 4 */

/* Whether symbols come in order, each once, and are this namespace's. */
static imago_status
look_at_tree(survey *s, const imago_pocket *space)
{
	imago_symbol_list list;
	imago_error error;
	imago_status status = imago_symbol_list_create(&list, s->pockets, space->address, &error);
	bool is_tree = status == IMAGO_OK && space->size >= NAMESPACE_SIZE &&
	               pocket_word(space->contents + NAMESPACE_NUM_SYMBOLS) == list.num;
	for (uint64_t i = 0; status == IMAGO_OK && i < list.num; i++) {
		imago_pocket symbols[2];
		size_t lengths[2] = {0, 0};
		survey_row *here = imago_survey_row(s, list.symbols[i]);
		(void)imago_pocket_at(s->pockets, list.symbols[i], &symbols[1]);
		is_tree = is_tree && here != NULL && !here->in_tree &&
		          imago_pocket_pointer(&symbols[1], IMAGO_SYMBOL_SPACE) == space->address;
		if (here != NULL) {
			here->in_tree = true;
		}
		if (i > 0 && is_tree && imago_pocket_at(s->pockets, list.symbols[i - 1], &symbols[0])) {
			const char *before = imago_symbol_name(&symbols[0], &lengths[0]);
			const char *after = imago_symbol_name(&symbols[1], &lengths[1]);
			is_tree = before != NULL && after != NULL &&
			          imago_name_compare(before, lengths[0], after, lengths[1]) < 0;
		}
	}
	imago_symbol_list_release(&list);
	if (status == IMAGO_ENOMEM) {
		return imago_fail(s->error, status, error.what, error.offset, error.found, error.limit);
	}
	if (!is_tree) {
		imago_survey_tell_of(s, IMAGO_PROBLEM_TREE, space);
	}
	return IMAGO_OK;
}

/* ---- 5 */

/* Takes an array away: its items are led to once less. What is led to no more is listed. */
static void
take_away(const survey *s, const survey_row *array, survey_row **listed, uint64_t *num)
{
	imago_pocket pocket;
	uint64_t first;
	if (!imago_pocket_of_kind(s->pockets, array->address, IMAGO_POCKET_ARRAY, &pocket)) {
		return;
	}
	const uint64_t num_items = imago_pocket_pointers(&pocket, &first);
	for (uint64_t i = 0; i < num_items; i++) {
		survey_row *item = imago_survey_row(s, imago_pocket_pointer(&pocket, i));
		if (item != NULL && item->waiting > 0 && --item->waiting == 0) {
			listed[(*num)++] = item;
		}
	}
}

static imago_status
find_circles(survey *s)
{
	uint64_t total = 0;
	for (unsigned r = 0; r < IMAGO_NUM_REGIONS; r++) {
		total += s->num[r];
	}
	const uint64_t size = (total + 1) * sizeof(void *);
	survey_row **listed =
	    imago_pockets_scratch(s->pockets, NULL, 0, size, "list of pockets", s->error);
	uint64_t num = 0;
	if (listed == NULL) {
		return IMAGO_ENOMEM;
	}
	for (unsigned r = 0; r < IMAGO_NUM_REGIONS; r++) {
		for (uint64_t i = 0; i < s->num[r]; i++) {
			if (s->rows[r][i].waiting == 0) {
				listed[num++] = &s->rows[r][i];
			}
		}
	}
	for (uint64_t i = 0; i < num; i++) {
		take_away(s, listed[i], listed, &num);
	}
	imago_pockets_scratch_release(s->pockets, listed, size);
	for (unsigned r = 0; num < total && r < IMAGO_NUM_REGIONS; r++) {
		for (uint64_t i = 0; i < s->num[r]; i++) {
			if (s->rows[r][i].waiting > 0) {
				imago_survey_tell(s, IMAGO_PROBLEM_CIRCLE, s->rows[r][i].address, UINT64_MAX,
				                  s->rows[r][i].waiting, 0);
				return IMAGO_OK;
			}
		}
	}
	return IMAGO_OK;
}

/* ---- All of it */

static void
count_roots(survey *s)
{
	const imago_pockets *pockets = s->pockets;
	for (size_t i = 0; i < pockets->stack_size; i++) {
		survey_row *here = imago_survey_row(s, pockets->stack[i]);
		if (here != NULL) {
			here->count++;
		}
	}
	for (unsigned r = 0; r < IMAGO_NUM_REGIONS; r++) {
		survey_row *root = imago_survey_row(s, pockets->regions[r].root);
		if (root != NULL) {
			root->count++;
		}
	}
}

static void
compare_count(survey *s, const imago_pocket *pocket, const survey_row *here)
{
	if (pocket->zones.kind == IMAGO_POCKET_FREE) {
		return;
	}
	if (s->options->is_file && here->count == 0) {
		imago_survey_tell_of(s, IMAGO_PROBLEM_FREE, pocket);
	}
	if (pocket->count != IMAGO_POCKET_STICKY && pocket->count != here->count) {
		imago_survey_tell(s, IMAGO_PROBLEM_COUNT, pocket->address, UINT64_MAX, pocket->count,
		                  here->count);
	}
}

static imago_status
look_at_all(survey *s)
{
	imago_pocket pocket;
	imago_status status = IMAGO_OK;
	count_roots(s);
	for (unsigned r = 0; r < IMAGO_NUM_REGIONS; r++) {
		for (uint64_t i = 0; i < s->num[r] && !s->stopped; i++) {
			(void)imago_pocket_at(s->pockets, s->rows[r][i].address, &pocket);
			imago_survey_pocket(s, &pocket);
		}
	}
	for (unsigned r = 0; r < IMAGO_NUM_REGIONS; r++) {
		for (uint64_t i = 0; status == IMAGO_OK && i < s->num[r] && !s->stopped; i++) {
			(void)imago_pocket_at(s->pockets, s->rows[r][i].address, &pocket);
			compare_count(s, &pocket, &s->rows[r][i]);
			if (pocket.zones.kind == IMAGO_POCKET_NAMESPACE) {
				status = look_at_tree(s, &pocket);
			}
		}
	}
	for (unsigned r = 0; r < IMAGO_NUM_REGIONS; r++) {
		for (uint64_t i = 0; i < s->num[r] && status == IMAGO_OK && !s->stopped; i++) {
			(void)imago_pocket_at(s->pockets, s->rows[r][i].address, &pocket);
			if (pocket.zones.kind == IMAGO_POCKET_SYMBOL && !s->rows[r][i].in_tree) {
				imago_survey_tell_of(s, IMAGO_PROBLEM_TREE, &pocket);
			}
		}
	}
	return status == IMAGO_OK && !s->stopped ? find_circles(s) : status;
}

imago_status
imago_pockets_survey(imago_pockets *pockets, const imago_survey_options *options,
                     imago_pocket_fault_fn *report, void *payload, uint64_t *num_pockets,
                     imago_error *error)
{
	survey s = {.pockets = pockets,
	            .options = options,
	            .report = report,
	            .payload = payload,
	            .error = error};
	imago_status status = IMAGO_OK;
	uint64_t total = 0;
	for (unsigned r = 0; r < IMAGO_NUM_REGIONS && status == IMAGO_OK; r++) {
		if (imago_survey_covers(&s, r) && pockets->regions[r].bytes != NULL) {
			status = list_pockets(&s, r);
		}
		total += s.num[r];
	}
	if (status == IMAGO_OK) {
		status = look_at_all(&s);
	}
	for (unsigned r = 0; r < IMAGO_NUM_REGIONS; r++) {
		imago_pockets_scratch_release(pockets, s.rows[r], s.capacity[r] * sizeof *s.rows[r]);
	}
	if (num_pockets != NULL) {
		*num_pockets = total;
	}
	return status;
}

const char *
imago_pocket_problem_name(imago_pocket_problem problem)
{
	static const char *const names[IMAGO_NUM_POCKET_PROBLEMS] = {
	    [IMAGO_PROBLEM_LENGTH] = "length",   [IMAGO_PROBLEM_ZONES] = "zones",
	    [IMAGO_PROBLEM_ARRAY] = "array",     [IMAGO_PROBLEM_TABLE] = "table",
	    [IMAGO_PROBLEM_POINTER] = "pointer", [IMAGO_PROBLEM_OUTSIDE] = "outside",
	    [IMAGO_PROBLEM_KIND] = "kind",       [IMAGO_PROBLEM_COUNT] = "count",
	    [IMAGO_PROBLEM_NAME] = "name",       [IMAGO_PROBLEM_TREE] = "tree",
	    [IMAGO_PROBLEM_MARK] = "mark",       [IMAGO_PROBLEM_BODY] = "body",
	    [IMAGO_PROBLEM_CIRCLE] = "circle",   [IMAGO_PROBLEM_FREE] = "free"};
	return (size_t)problem < IMAGO_NUM_POCKET_PROBLEMS ? names[problem] : "?";
}

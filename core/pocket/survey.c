/* survey.c: what must hold in regions of pockets, in a few passes:
 * 1. walk the pockets of each region, and list their starts;
 * 2. look at each pocket's own zones, and follow its pointers, counting them where they lead;
 * 3. compare the counts;
 * 4. walk the trees of all namespaces;
 * 5. take arrays away that nothing leads to, again and again: what is left goes in circles. */
#include <stdlib.h>
#include <string.h>

#include "tokens.h"

/* What is known of a pocket. */
typedef struct row {
	imago_addr address;
	uint32_t count;   /* pointers that lead here */
	uint32_t waiting; /* pointers of arrays that were not taken away */
	bool in_tree;
} row;

typedef struct survey {
	imago_pockets *pockets;
	const imago_survey_options *options;
	imago_pocket_fault_fn *report;
	void *payload;
	row *rows[IMAGO_NUM_REGIONS];
	uint64_t num[IMAGO_NUM_REGIONS], capacity[IMAGO_NUM_REGIONS];
	bool stopped;
	imago_error *error;
} survey;

static void
tell(survey *s, imago_pocket_problem problem, imago_addr pocket, uint64_t slot, uint64_t found,
     uint64_t expected)
{
	const imago_pocket_fault fault = {problem, pocket, slot, found, expected};
	if (!s->stopped && !s->report(&fault, s->payload)) {
		s->stopped = true;
	}
}

static void
tell_of(survey *s, imago_pocket_problem problem, const imago_pocket *pocket)
{
	tell(s, problem, pocket->address, UINT64_MAX, pocket->zones.kind, UINT64_MAX);
}

/* ---- 1 */

static imago_status
add_row(survey *s, unsigned region, imago_addr address)
{
	if (s->num[region] == s->capacity[region]) {
		const uint64_t capacity = s->capacity[region] == 0 ? 64 : s->capacity[region] * 2;
		row *grown =
		    imago_pockets_scratch(s->pockets, s->rows[region], s->capacity[region] * sizeof *grown,
		                          capacity * sizeof *grown, "list of pockets", s->error);
		if (grown == NULL) {
			return IMAGO_ENOMEM;
		}
		s->rows[region] = grown;
		s->capacity[region] = capacity;
	}
	s->rows[region][s->num[region]++] = (row){.address = address};
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
			tell(s, IMAGO_PROBLEM_LENGTH, address, UINT64_MAX,
			     bytes != NULL ? pocket_word(bytes) : 0, UINT64_MAX);
			break;
		}
		status = add_row(s, region, address);
		address += pocket.length;
	}
	return status;
}

static row *
row_of(const survey *s, imago_addr address)
{
	const unsigned region = imago_region_of(address);
	if (region == IMAGO_NUM_REGIONS || s->num[region] == 0) {
		return NULL;
	}
	row *rows = s->rows[region];
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

/* ---- 2 */

static bool
is_surveyed(const survey *s, unsigned region)
{
	return region < IMAGO_NUM_REGIONS && (s->options->regions >> region & 1) != 0;
}

/* What pointer i of a pocket may lead to, as bits of kinds; 0 with bit 31: it may be nothing. */
#define KIND(name)  (1U << IMAGO_POCKET_##name)
#define MAY_BE_NONE (1U << 31)

static uint32_t
kinds_of_pointer(const imago_pocket *pocket, uint64_t i, uint64_t num_symbols)
{
	switch (pocket->zones.kind) {
	case IMAGO_POCKET_NAMESPACE:
		return MAY_BE_NONE | (i == IMAGO_SPACE_PARENT ? KIND(NAMESPACE) : KIND(SYMBOL));
	case IMAGO_POCKET_SYMBOL:
		return i == IMAGO_SYMBOL_SPACE ? KIND(NAMESPACE)
		       : i == IMAGO_SYMBOL_VALUE
		           ? MAY_BE_NONE | KIND(ARRAY) | KIND(FUNCTION) | KIND(NAMESPACE)
		           : MAY_BE_NONE | KIND(SYMBOL);
	case IMAGO_POCKET_FUNCTION:
		return i == FUNCTION_LST ? KIND(LST) : KIND(BODY);
	case IMAGO_POCKET_LST:
		return i == LST_SPACE                ? KIND(NAMESPACE)
		       : i < LST_FIRST + num_symbols ? KIND(SYMBOL)
		                                     : KIND(ARRAY);
	default:
		return KIND(ARRAY) | KIND(NAMESPACE);
	}
}

/* How many pointers one counts as. */
static uint32_t
weight(const survey *s, const imago_pocket *from, uint64_t i)
{
	const unsigned region = imago_region_of(from->address);
	if (region == 0 || from->zones.kind != IMAGO_POCKET_SYMBOL || i != IMAGO_SYMBOL_VALUE) {
		return 1;
	}
	const imago_bitmap *claimed = &s->pockets->regions[region].claimed;
	const uint64_t grain = (from->address - IMAGO_REGION_START(region)) / IMAGO_POCKET_GRAIN;
	return grain < claimed->num_bits && imago_bitmap_test(claimed, grain) ? 1 : 2;
}

static void
follow(survey *s, const imago_pocket *from, uint64_t i, imago_addr value, uint32_t kinds)
{
	const unsigned here = imago_region_of(from->address);
	imago_pocket to;
	if (value == 0) {
		if ((kinds & MAY_BE_NONE) == 0) {
			tell(s, IMAGO_PROBLEM_POINTER, from->address, i, value, UINT64_MAX);
		}
		return;
	}
	if (here != 0 && imago_region_of(value) != here) {
		tell(s, IMAGO_PROBLEM_OUTSIDE, from->address, i, value, UINT64_MAX);
		return;
	}
	row *target = row_of(s, value);
	const bool is_known = target != NULL || (here == 0 && !is_surveyed(s, imago_region_of(value)));
	if (!is_known || !imago_pocket_at(s->pockets, value, &to)) {
		tell(s, IMAGO_PROBLEM_POINTER, from->address, i, value, UINT64_MAX);
		return;
	}
	if (target != NULL) {
		target->count += weight(s, from, i);
		target->waiting += from->zones.kind == IMAGO_POCKET_ARRAY;
	}
	if (to.zones.kind >= IMAGO_NUM_POCKET_KINDS || (kinds >> to.zones.kind & 1) == 0) {
		tell(s, IMAGO_PROBLEM_KIND, from->address, i, to.zones.kind, UINT64_MAX);
	}
}

static bool
zones_are(const imago_pocket *pocket, uint8_t most_type, uint8_t most_size, uint8_t most_flag)
{
	return pocket->zones.type <= most_type && pocket->zones.size <= most_size &&
	       pocket->zones.flag <= most_flag;
}

static void
look_at_array(survey *s, const imago_pocket *pocket)
{
	imago_array array;
	const bool is_nested = pocket->zones.type == IMAGO_ARRAY_NESTED;
	if (!zones_are(pocket, IMAGO_NUM_ARRAY_TYPES - 1, IMAGO_ARRAY_MAX_RANK, is_nested ? 1 : 0)) {
		tell_of(s, IMAGO_PROBLEM_ZONES, pocket);
	} else if (!imago_array_of(pocket, &array)) {
		tell_of(s, IMAGO_PROBLEM_ARRAY, pocket);
	} else if (is_nested) {
		bool has_spaces = false;
		for (uint64_t i = 0; i < array.num; i++) {
			imago_pocket item;
			has_spaces =
			    has_spaces || (imago_pocket_at(s->pockets, imago_array_item(&array, i), &item) &&
			                   (item.zones.kind == IMAGO_POCKET_NAMESPACE ||
			                    (item.zones.kind == IMAGO_POCKET_ARRAY && item.zones.flag != 0)));
		}
		if (has_spaces != (pocket->zones.flag != 0)) {
			tell(s, IMAGO_PROBLEM_MARK, pocket->address, UINT64_MAX, pocket->zones.flag,
			     has_spaces);
		}
	}
}

static void
look_at_symbol(survey *s, const imago_pocket *pocket)
{
	size_t length;
	const char *name = imago_symbol_name(pocket, &length);
	const uint8_t most_flag =
	    imago_region_of(pocket->address) == 0 && !s->options->is_file ? IMAGO_NUM_REGIONS - 1 : 0;
	if (!zones_are(pocket, IMAGO_NUM_SYMBOL_MARKS - 1, UINT8_MAX, most_flag)) {
		tell_of(s, IMAGO_PROBLEM_ZONES, pocket);
	} else if (name == NULL || !imago_symbol_is_name(name, length)) {
		tell(s, IMAGO_PROBLEM_NAME, pocket->address, UINT64_MAX, length, UINT64_MAX);
	} else {
		const imago_symbol_mark mark =
		    imago_value_mark(s->pockets, imago_pocket_pointer(pocket, IMAGO_SYMBOL_VALUE));
		if (mark != pocket->zones.type) {
			tell(s, IMAGO_PROBLEM_MARK, pocket->address, UINT64_MAX, pocket->zones.type, mark);
		}
	}
}

static void
look_at_table(survey *s, const imago_pocket *pocket)
{
	uint64_t first;
	if (!zones_are(pocket, 0, 0, 0)) {
		tell_of(s, IMAGO_PROBLEM_ZONES, pocket);
	}
	if (imago_pocket_pointers(pocket, &first) == 0) {
		tell_of(s, IMAGO_PROBLEM_TABLE, pocket);
		return;
	}
	const imago_addr space = imago_pocket_pointer(pocket, LST_SPACE);
	const uint64_t num_symbols = pocket_half(pocket->contents + LST_NUM_SYMBOLS);
	for (uint64_t i = LST_FIRST; i < LST_FIRST + num_symbols; i++) {
		imago_pocket symbol;
		if (imago_pocket_of_kind(s->pockets, imago_pocket_pointer(pocket, i), IMAGO_POCKET_SYMBOL,
		                         &symbol) &&
		    imago_pocket_pointer(&symbol, IMAGO_SYMBOL_SPACE) != space) {
			tell(s, IMAGO_PROBLEM_TABLE, pocket->address, i,
			     imago_pocket_pointer(&symbol, IMAGO_SYMBOL_SPACE), space);
			return;
		}
	}
}

/* A name behind a dot is a name, a comment text. */
static bool
constants_fit(const survey *s, const imago_pocket *table, const imago_pocket *body, uint64_t *at)
{
	const uint64_t num_symbols = pocket_half(table->contents + LST_NUM_SYMBOLS);
	const uint32_t num = imago_body_number(body, BODY_NUM_TOKENS);
	for (uint32_t i = 0; i < num; i++) {
		const token t = imago_body_token(body, i);
		char name[IMAGO_SYMBOL_MAX_NAME];
		size_t length;
		imago_array text;
		if (t.kind != TOKEN_MEMBER && t.kind != TOKEN_COMMENT) {
			continue;
		}
		*at = i;
		if (!imago_array_at(s->pockets,
		                    imago_pocket_pointer(table, LST_FIRST + num_symbols + t.operand),
		                    &text) ||
		    text.type != IMAGO_ARRAY_CHAR ||
		    (t.kind == TOKEN_MEMBER && !imago_array_name(&text, name, &length))) {
			return false;
		}
	}
	return true;
}

static void
look_at_function(survey *s, const imago_pocket *pocket)
{
	const uint8_t bits = IMAGO_FUNCTION_RESULT | IMAGO_FUNCTION_RIGHT | IMAGO_FUNCTION_LEFT;
	imago_pocket table;
	imago_pocket body;
	uint64_t first;
	uint64_t at;
	if (!zones_are(pocket, bits, 0, 0) ||
	    (pocket->zones.type & (IMAGO_FUNCTION_LEFT | IMAGO_FUNCTION_RIGHT)) ==
	        IMAGO_FUNCTION_LEFT) {
		tell_of(s, IMAGO_PROBLEM_ZONES, pocket);
		return;
	}
	if (!imago_pocket_of_kind(s->pockets, imago_pocket_pointer(pocket, FUNCTION_LST),
	                          IMAGO_POCKET_LST, &table) ||
	    !imago_pocket_of_kind(s->pockets, imago_pocket_pointer(pocket, FUNCTION_BODY),
	                          IMAGO_POCKET_BODY, &body) ||
	    imago_pocket_pointers(&table, &first) == 0) {
		return; /* other faults are told */
	}
	if (!imago_body_is_sound(&body, pocket->zones.type,
	                         pocket_half(table.contents + LST_NUM_SYMBOLS),
	                         pocket_half(table.contents + LST_NUM_CONSTANTS), &at) ||
	    !constants_fit(s, &table, &body, &at)) {
		tell(s, IMAGO_PROBLEM_BODY, body.address, at, imago_body_token(&body, (uint32_t)at).kind,
		     UINT64_MAX);
	}
}

static void
look_at(survey *s, const imago_pocket *pocket)
{
	uint64_t first;
	switch (pocket->zones.kind) {
	case IMAGO_POCKET_FREE:
		if (s->options->is_file || imago_region_of(pocket->address) != 0) {
			tell_of(s, IMAGO_PROBLEM_FREE, pocket);
		}
		return;
	case IMAGO_POCKET_SYMBOL:
		look_at_symbol(s, pocket);
		break;
	case IMAGO_POCKET_FUNCTION:
		look_at_function(s, pocket);
		break;
	case IMAGO_POCKET_LST:
		look_at_table(s, pocket);
		break;
	case IMAGO_POCKET_ARRAY:
		look_at_array(s, pocket);
		break;
	default:
		if (pocket->zones.kind >= IMAGO_NUM_POCKET_KINDS || !zones_are(pocket, 0, 0, 0) ||
		    (pocket->zones.kind == IMAGO_POCKET_NAMESPACE && pocket->size < NAMESPACE_SIZE)) {
			tell_of(s, IMAGO_PROBLEM_ZONES, pocket);
		}
		break;
	}
	const uint64_t num = imago_pocket_pointers(pocket, &first);
	const uint64_t num_symbols =
	    pocket->zones.kind == IMAGO_POCKET_LST ? pocket_half(pocket->contents) : 0;
	for (uint64_t i = 0; i < num && !s->stopped; i++) {
		follow(s, pocket, i, pocket_word(pocket->contents + first + i * 8),
		       kinds_of_pointer(pocket, i, num_symbols));
	}
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
		row *here = row_of(s, list.symbols[i]);
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
		tell_of(s, IMAGO_PROBLEM_TREE, space);
	}
	return IMAGO_OK;
}

/* ---- 5 */

/* A place in a list of pockets. */
typedef struct listed_row {
	row *row;
} listed_row;

/* Takes an array away: its items are led to once less. What is led to no more is listed. */
static void
take_away(const survey *s, const row *array, listed_row *listed, uint64_t *num)
{
	imago_pocket pocket;
	uint64_t first;
	if (!imago_pocket_of_kind(s->pockets, array->address, IMAGO_POCKET_ARRAY, &pocket)) {
		return;
	}
	const uint64_t num_items = imago_pocket_pointers(&pocket, &first);
	for (uint64_t i = 0; i < num_items; i++) {
		row *item = row_of(s, imago_pocket_pointer(&pocket, i));
		if (item != NULL && item->waiting > 0 && --item->waiting == 0) {
			listed[(*num)++].row = item;
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
	listed_row *listed = imago_pockets_scratch(s->pockets, NULL, 0, (total + 1) * sizeof *listed,
	                                           "list of pockets", s->error);
	uint64_t num = 0;
	if (listed == NULL) {
		return IMAGO_ENOMEM;
	}
	for (unsigned r = 0; r < IMAGO_NUM_REGIONS; r++) {
		for (uint64_t i = 0; i < s->num[r]; i++) {
			if (s->rows[r][i].waiting == 0) {
				listed[num++].row = &s->rows[r][i];
			}
		}
	}
	for (uint64_t i = 0; i < num; i++) {
		take_away(s, listed[i].row, listed, &num);
	}
	imago_pockets_scratch_release(s->pockets, listed, (total + 1) * sizeof *listed);
	for (unsigned r = 0; num < total && r < IMAGO_NUM_REGIONS; r++) {
		for (uint64_t i = 0; i < s->num[r]; i++) {
			if (s->rows[r][i].waiting > 0) {
				tell(s, IMAGO_PROBLEM_CIRCLE, s->rows[r][i].address, UINT64_MAX,
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
		row *here = row_of(s, pockets->stack[i]);
		if (here != NULL) {
			here->count++;
		}
	}
	for (unsigned r = 0; r < IMAGO_NUM_REGIONS; r++) {
		row *root = row_of(s, pockets->regions[r].root);
		if (root != NULL) {
			root->count++;
		}
	}
}

static void
compare_count(survey *s, const imago_pocket *pocket, const row *here)
{
	if (pocket->zones.kind == IMAGO_POCKET_FREE) {
		return;
	}
	if (s->options->is_file && here->count == 0) {
		tell_of(s, IMAGO_PROBLEM_FREE, pocket);
	}
	if (pocket->count != IMAGO_POCKET_STICKY && pocket->count != here->count) {
		tell(s, IMAGO_PROBLEM_COUNT, pocket->address, UINT64_MAX, pocket->count, here->count);
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
			look_at(s, &pocket);
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
				tell_of(s, IMAGO_PROBLEM_TREE, &pocket);
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
		if (is_surveyed(&s, r) && pockets->regions[r].bytes != NULL) {
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

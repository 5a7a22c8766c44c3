/* survey_pocket.c: what must hold of one pocket: its zones, its contents, and that its pointers
 * lead to pockets of the right kinds, which count them. */
#include "survey_private.h"
#include "tokens.h"

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
			imago_survey_tell(s, IMAGO_PROBLEM_POINTER, from->address, i, value, UINT64_MAX);
		}
		return;
	}
	if (here != 0 && imago_region_of(value) != here) {
		imago_survey_tell(s, IMAGO_PROBLEM_OUTSIDE, from->address, i, value, UINT64_MAX);
		return;
	}
	survey_row *target = imago_survey_row(s, value);
	const bool is_known =
	    target != NULL || (here == 0 && !imago_survey_covers(s, imago_region_of(value)));
	if (!is_known || !imago_pocket_at(s->pockets, value, &to)) {
		imago_survey_tell(s, IMAGO_PROBLEM_POINTER, from->address, i, value, UINT64_MAX);
		return;
	}
	if (target != NULL) {
		target->count += weight(s, from, i);
		target->waiting += from->zones.kind == IMAGO_POCKET_ARRAY;
	}
	if (to.zones.kind >= IMAGO_NUM_POCKET_KINDS || (kinds >> to.zones.kind & 1) == 0) {
		imago_survey_tell(s, IMAGO_PROBLEM_KIND, from->address, i, to.zones.kind, UINT64_MAX);
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
		imago_survey_tell_of(s, IMAGO_PROBLEM_ZONES, pocket);
	} else if (!imago_array_of(pocket, &array)) {
		imago_survey_tell_of(s, IMAGO_PROBLEM_ARRAY, pocket);
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
			imago_survey_tell(s, IMAGO_PROBLEM_MARK, pocket->address, UINT64_MAX,
			                  pocket->zones.flag, has_spaces);
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
		imago_survey_tell_of(s, IMAGO_PROBLEM_ZONES, pocket);
	} else if (name == NULL || !imago_symbol_is_name(name, length)) {
		imago_survey_tell(s, IMAGO_PROBLEM_NAME, pocket->address, UINT64_MAX, length, UINT64_MAX);
	} else {
		const imago_symbol_mark mark =
		    imago_value_mark(s->pockets, imago_pocket_pointer(pocket, IMAGO_SYMBOL_VALUE));
		if (mark != pocket->zones.type) {
			imago_survey_tell(s, IMAGO_PROBLEM_MARK, pocket->address, UINT64_MAX,
			                  pocket->zones.type, mark);
		}
	}
}

static void
look_at_table(survey *s, const imago_pocket *pocket)
{
	uint64_t first;
	if (!zones_are(pocket, 0, 0, 0)) {
		imago_survey_tell_of(s, IMAGO_PROBLEM_ZONES, pocket);
	}
	if (imago_pocket_pointers(pocket, &first) == 0) {
		imago_survey_tell_of(s, IMAGO_PROBLEM_TABLE, pocket);
		return;
	}
	const imago_addr space = imago_pocket_pointer(pocket, LST_SPACE);
	const uint64_t num_symbols = pocket_half(pocket->contents + LST_NUM_SYMBOLS);
	for (uint64_t i = LST_FIRST; i < LST_FIRST + num_symbols; i++) {
		imago_pocket symbol;
		if (imago_pocket_of_kind(s->pockets, imago_pocket_pointer(pocket, i), IMAGO_POCKET_SYMBOL,
		                         &symbol) &&
		    imago_pocket_pointer(&symbol, IMAGO_SYMBOL_SPACE) != space) {
			imago_survey_tell(s, IMAGO_PROBLEM_TABLE, pocket->address, i,
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
		imago_survey_tell_of(s, IMAGO_PROBLEM_ZONES, pocket);
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
		imago_survey_tell(s, IMAGO_PROBLEM_BODY, body.address, at,
		                  imago_body_token(&body, (uint32_t)at).kind, UINT64_MAX);
	}
}

void
imago_survey_pocket(survey *s, const imago_pocket *pocket)
{
	uint64_t first;
	switch (pocket->zones.kind) {
	case IMAGO_POCKET_FREE:
		if (s->options->is_file || imago_region_of(pocket->address) != 0) {
			imago_survey_tell_of(s, IMAGO_PROBLEM_FREE, pocket);
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
			imago_survey_tell_of(s, IMAGO_PROBLEM_ZONES, pocket);
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

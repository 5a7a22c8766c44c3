/* workspace_check.c: the rules of workspace_rules.def. What pockets must be, core/pocket knows. */
#include <string.h>

#include "imago/workspace.h"

enum rule_id {
#define IMAGO_RULE(id, name, severity, scope, needs, summary) RULE_##id,
#include "workspace_rules.def"
#undef IMAGO_RULE
	NUM_RULES,
};

static const imago_rule rules[NUM_RULES] = {
#define IMAGO_RULE(id, name, severity, scope, needs, summary) \
	{name, IMAGO_##severity, IMAGO_SCOPE_##scope, needs, summary},
#include "workspace_rules.def"
#undef IMAGO_RULE
};

const imago_rule *
imago_workspace_rules(size_t *num_rules)
{
	*num_rules = NUM_RULES;
	return rules;
}

typedef struct checker {
	const uint8_t *bytes;
	uint64_t size;
	imago_workspace_head head;
	imago_pockets pockets;
	imago_check_sink *sink;
	imago_error *error;
} checker;

static void
report(const checker *at, enum rule_id rule, uint64_t offset, uint64_t found, uint64_t expected)
{
	const imago_finding finding = {
	    .rule = &rules[rule],
	    .part = "",
	    .offset = offset,
	    .slot = IMAGO_NO_SLOT,
	    .found = found,
	    .expected = expected,
	};
	imago_check_sink_add(at->sink, &finding);
}

static uint64_t
offset_of(const checker *at, imago_addr address)
{
	return address - at->head.start + IMAGO_WORKSPACE_PAGE;
}

static bool
report_fault(const imago_pocket_fault *fault, void *payload)
{
	static const enum rule_id rule_of[IMAGO_NUM_POCKET_PROBLEMS] = {
	    [IMAGO_PROBLEM_LENGTH] = RULE_LENGTH,   [IMAGO_PROBLEM_ZONES] = RULE_ZONES,
	    [IMAGO_PROBLEM_ARRAY] = RULE_ARRAY,     [IMAGO_PROBLEM_TABLE] = RULE_TABLE,
	    [IMAGO_PROBLEM_POINTER] = RULE_POINTER, [IMAGO_PROBLEM_OUTSIDE] = RULE_OUTSIDE,
	    [IMAGO_PROBLEM_KIND] = RULE_KIND,       [IMAGO_PROBLEM_COUNT] = RULE_COUNT,
	    [IMAGO_PROBLEM_NAME] = RULE_NAME,       [IMAGO_PROBLEM_TREE] = RULE_TREE,
	    [IMAGO_PROBLEM_MARK] = RULE_MARK,       [IMAGO_PROBLEM_BODY] = RULE_BODY,
	    [IMAGO_PROBLEM_CIRCLE] = RULE_CIRCLE,   [IMAGO_PROBLEM_FREE] = RULE_FREE,
	};
	const checker *at = payload;
	const imago_finding finding = {
	    .rule = &rules[rule_of[fault->problem]],
	    .part = "",
	    .offset = offset_of(at, fault->pocket),
	    .oop = fault->pocket,
	    .slot = fault->slot,
	    .found = fault->found,
	    .expected = fault->expected,
	};
	imago_check_sink_add(at->sink, &finding);
	return !at->sink->stopped;
}

static void
check_header(const checker *at)
{
	uint8_t page[IMAGO_WORKSPACE_PAGE];
	uint8_t hash[IMAGO_WORKSPACE_HASH];
	if (!at->head.is_intact) {
		report(at, RULE_HEADER_HASH, 0, 0, IMAGO_NOTHING_EXPECTED);
	}
	imago_workspace_hash(hash, at->bytes + IMAGO_WORKSPACE_PAGE, at->head.size);
	if (memcmp(hash, at->head.pockets_hash, sizeof hash) != 0) {
		report(at, RULE_POCKETS_HASH, IMAGO_WORKSPACE_PAGE, 0, IMAGO_NOTHING_EXPECTED);
	}
	imago_workspace_encode(&at->head, page);
	for (uint64_t i = 0; i < IMAGO_WORKSPACE_PAGE - IMAGO_WORKSPACE_HASH; i++) {
		if (page[i] != at->bytes[i]) {
			report(at, RULE_UNKNOWN, i, at->bytes[i], page[i]);
			break;
		}
	}
	for (uint64_t i = IMAGO_WORKSPACE_PAGE + at->head.size; i < at->head.file_size; i++) {
		if (at->bytes[i] != 0) {
			report(at, RULE_PADDING, i, at->bytes[i], 0);
			break;
		}
	}
	if (at->size > at->head.file_size) {
		report(at, RULE_FILE_TAIL, at->head.file_size, at->size, at->head.file_size);
	}
}

/* The class that a pocket belongs to in a sorted file. */
static uint32_t
class_of(uint8_t kind)
{
	switch (kind) {
	case IMAGO_POCKET_NAMESPACE:
		return IMAGO_CLASS_SPACES;
	case IMAGO_POCKET_SYMBOL:
		return IMAGO_CLASS_SYMBOLS;
	case IMAGO_POCKET_ARRAY:
		return IMAGO_CLASS_DATA;
	default:
		return IMAGO_CLASS_CODE;
	}
}

/* False when a run has other pockets than it says. */
static bool
run_is_true(const checker *at, const imago_workspace_run *run)
{
	imago_addr address = at->head.start + (run->offset - IMAGO_WORKSPACE_PAGE);
	const imago_addr end = address + run->size;
	uint64_t num = 0;
	uint64_t before = 0;
	imago_pocket pocket;
	while (address < end && imago_pocket_at(&at->pockets, address, &pocket)) {
		const bool descends = run->pocket_class == IMAGO_CLASS_DATA && pocket.length < before;
		if (run->pocket_class != IMAGO_CLASS_ANY &&
		    (run->pocket_class != class_of(pocket.zones.kind) || descends)) {
			return false;
		}
		before = pocket.length;
		num++;
		address += pocket.length;
	}
	return address == end && num == run->num_pockets;
}

static void
check_runs(const checker *at, uint64_t num_pockets)
{
	for (uint32_t i = 0; i < at->head.num_runs; i++) {
		if (!run_is_true(at, &at->head.runs[i])) {
			report(at, RULE_RUNS, at->head.runs[i].offset, at->head.runs[i].pocket_class,
			       IMAGO_NOTHING_EXPECTED);
		}
	}
	if (num_pockets != at->head.num_pockets) {
		report(at, RULE_RUNS, 0, at->head.num_pockets, num_pockets);
	}
}

static void
check_root(const checker *at)
{
	imago_pocket root;
	if (!imago_pocket_of_kind(&at->pockets, at->head.root, IMAGO_POCKET_NAMESPACE, &root) ||
	    imago_pocket_pointer(&root, IMAGO_SPACE_PARENT) != 0) {
		report(at, RULE_ROOT, offset_of(at, at->head.root), at->head.root, IMAGO_NOTHING_EXPECTED);
	}
}

imago_status
imago_workspace_check(const uint8_t *bytes, uint64_t size, imago_check_sink *sink,
                      imago_allocator *allocator, imago_error *error)
{
	checker at = {.bytes = bytes, .size = size, .sink = sink, .error = error};
	imago_status status = imago_workspace_decode(&at.head, bytes, size, error);
	if (status != IMAGO_OK) {
		return status;
	}
	imago_pockets_init_empty(&at.pockets, allocator);
	/* The survey does not write. */
	at.pockets.regions[at.head.slot] = (imago_region){
	    .bytes = (uint8_t *)(uintptr_t)(bytes + IMAGO_WORKSPACE_PAGE),
	    .used = at.head.size,
	    .root = at.head.root,
	};
	const imago_survey_options options = {.is_file = true,
	                                      .regions = (uint16_t)(1U << at.head.slot)};
	uint64_t num_pockets = 0;
	check_header(&at);
	check_root(&at);
	status = imago_pockets_survey(&at.pockets, &options, report_fault, &at, &num_pockets, error);
	sink->summary.num_objects = num_pockets;
	if (status == IMAGO_OK && !sink->stopped) {
		check_runs(&at, num_pockets);
	}
	at.pockets.regions[at.head.slot].bytes = NULL;
	imago_pockets_release(&at.pockets);
	return status;
}

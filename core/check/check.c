/* check.c: the rule table, the sink, and the order in which a heap is looked at. */
#include "imago/check.h"

#include <string.h>

#include "../base/planted.h"
#include "check_pass.h"

/* The names by themselves, so that a row can point to another one's. */
static const struct rule_names {
#define IMAGO_RULE(id, rule_name, severity, scope, needs, summary) char id[sizeof(rule_name)];
#include "imago/rules.def"
#undef IMAGO_RULE
} rule_names = {
/* A string in parentheses initialises no array. NOLINTNEXTLINE(bugprone-macro-parentheses) */
#define IMAGO_RULE(id, rule_name, severity, scope, needs, summary) .id = rule_name,
#include "imago/rules.def"
#undef IMAGO_RULE
};

#define NOTHING  NULL
#define RULE(id) rule_names.id
static const imago_rule core_rules[IMAGO_NUM_CORE_RULES] = {
#define IMAGO_RULE(id, rule_name, rule_severity, rule_scope, rule_needs, rule_summary) \
	[IMAGO_RULE_##id] = {                                                              \
	    .name = (rule_name),                                                           \
	    .severity = IMAGO_##rule_severity,                                             \
	    .scope = IMAGO_SCOPE_##rule_scope,                                             \
	    .needs = (rule_needs),                                                         \
	    .summary = (rule_summary),                                                     \
	},
#include "imago/rules.def"
#undef IMAGO_RULE
};
#undef NOTHING
#undef RULE

/* The rule that each rule needs, or IMAGO_NUM_CORE_RULES. */
#define NOTHING  IMAGO_NUM_CORE_RULES
#define RULE(id) IMAGO_RULE_##id
static const uint8_t needed_rules[IMAGO_NUM_CORE_RULES] = {
#define IMAGO_RULE(id, rule_name, severity, scope, needs, summary) [IMAGO_RULE_##id] = (needs),
#include "imago/rules.def"
#undef IMAGO_RULE
};
#define IMAGO_RULE(id, rule_name, severity, scope, needs, summary)  \
	_Static_assert((needs) == NOTHING || (needs) < IMAGO_RULE_##id, \
	               "a rule needs one that stands further up");
#include "imago/rules.def"
#undef IMAGO_RULE
#undef NOTHING
#undef RULE
_Static_assert(IMAGO_NUM_CORE_RULES <= UINT8_MAX, "a rule is a byte");

const imago_rule *
imago_core_rules(void)
{
	return core_rules;
}

void
imago_check_sink_init(imago_check_sink *sink, const imago_check_options *options,
                      imago_finding_fn *report, void *payload)
{
	*sink = (imago_check_sink){.options = options, .report = report, .payload = payload};
}

/* True when name is a rule's own name or that of its family. */
static bool
names_rule(const char *name, const imago_rule *rule)
{
	size_t length = strlen(name);
	return strncmp(name, rule->name, length) == 0 &&
	       (rule->name[length] == '\0' || (length > 0 && rule->name[length] == '.'));
}

static bool
is_named(const char *const *names, size_t num_names, const imago_rule *rule)
{
	for (size_t i = 0; i < num_names; i++) {
		if (names_rule(names[i], rule)) {
			return true;
		}
	}
	return false;
}

bool
imago_check_sink_wants(const imago_check_sink *sink, const imago_rule *rule)
{
	const imago_check_options *options = sink->options;
	if (options == NULL) {
		return true;
	}
	return (options->only == NULL || is_named(options->only, options->num_only, rule)) &&
	       !is_named(options->skip, options->num_skip, rule);
}

void
imago_check_sink_add(imago_check_sink *sink, const imago_finding *finding)
{
	if (sink->stopped || !imago_check_sink_wants(sink, finding->rule)) {
		return;
	}
	imago_check_summary *summary = &sink->summary;
	switch (finding->rule->severity) {
	case IMAGO_ERROR:
		summary->num_errors++;
		break;
	case IMAGO_WARNING:
		summary->num_warnings++;
		break;
	case IMAGO_INFO:
		summary->num_infos++;
		break;
	}
	uint64_t total = summary->num_errors + summary->num_warnings + summary->num_infos;
	uint64_t cap = sink->options != NULL ? sink->options->max_findings : 0;
	if (IMAGO_BUG(cap_ends_count, cap != 0 && total > cap)) {
		sink->stopped = true;
	}
	if (sink->report != NULL && (cap == 0 || total <= cap) &&
	    !sink->report(finding, sink->payload)) {
		sink->stopped = true;
	}
}

/* True when a rule that this one needs, directly or not, was broken. */
static bool
is_meaningless(const check_context *context, imago_rule_id id)
{
	unsigned needed = needed_rules[id];
	while (needed != IMAGO_NUM_CORE_RULES) {
		if (context->broken[needed]) {
			return true;
		}
		needed = needed_rules[needed];
	}
	return false;
}

bool
check_is_broken(const check_context *context, imago_rule_id id)
{
	return context->broken[id] || is_meaningless(context, id);
}

void
check_report(check_context *context, imago_rule_id id, const check_place *place, uint64_t found,
             uint64_t expected)
{
	if (is_meaningless(context, id)) {
		return;
	}
	context->broken[id] = true;
	imago_finding finding = {
	    .rule = &core_rules[id],
	    .part = place->part != NULL ? place->part : "",
	    .offset = place->offset,
	    .oop = place->oop,
	    .slot = place->slot,
	    .found = found,
	    .expected = expected,
	};
	imago_check_sink_add(context->sink, &finding);
}

void
check_report_object(check_context *context, imago_rule_id rule, const imago_object *object,
                    uint64_t found, uint64_t expected)
{
	const imago_heap *heap = context->facts->heap;
	check_place place = {
	    .part = heap->segments[object->segment].part,
	    .offset = imago_heap_offset_of(heap, object->oop),
	    .oop = object->oop,
	    .slot = IMAGO_NO_SLOT,
	};
	check_report(context, rule, &place, found, expected);
}

void
check_report_slot(check_context *context, imago_rule_id rule, const imago_object *object,
                  uint64_t slot, uint64_t expected)
{
	const imago_heap *heap = context->facts->heap;
	check_place place = {
	    .part = heap->segments[object->segment].part,
	    .offset = imago_heap_offset_of(heap, object->body) + slot * heap->layout.word_bytes,
	    .oop = object->oop,
	    .slot = slot,
	};
	check_report(context, rule, &place, imago_heap_fetch_slot(heap, object, slot), expected);
}

static bool
is_known_name(const imago_check_sink *sink, const char *name)
{
	for (size_t i = 0; i < IMAGO_NUM_CORE_RULES; i++) {
		if (names_rule(name, &core_rules[i])) {
			return true;
		}
	}
	const imago_rule *rule = NULL;
	for (size_t i = 0; sink->rule_at != NULL && (rule = sink->rule_at(i)) != NULL; i++) {
		if (names_rule(name, rule)) {
			return true;
		}
	}
	return false;
}

static imago_status
require_known_names(const imago_check_sink *sink, const char *const *names, size_t num_names,
                    imago_error *error)
{
	for (size_t i = 0; i < num_names; i++) {
		if (!is_known_name(sink, names[i])) {
			return imago_fail(error, IMAGO_EUSAGE, "rule name", IMAGO_NO_OFFSET, i, 0);
		}
	}
	return IMAGO_OK;
}

/* Pass 1 over one segment. */
static void
walk_segment(check_context *context, size_t index, check_progress *progress)
{
	check_facts *facts = context->facts;
	const imago_segment *segment = &facts->heap->segments[index];
	check_run run = {
	    .context = context,
	    .pass = PASS_HEADERS,
	    .segment = index,
	    .end = segment->size,
	    .progress = progress,
	};
	check_run_pass(&run);
	imago_addr addr = segment->start + run.position;
	facts->walked_ends[index] = addr;
	if (check_stopped(context)) {
		return;
	}
	if (run.position == segment->size) {
		check_segment_contents(context, index, run.num_objects);
		return;
	}
	imago_object object;
	imago_error error = {0};
	if (imago_heap_decode_chunk(facts->heap, addr, &object, &error) != IMAGO_OK) {
		check_walk_failure(context, index, addr, &error);
	}
	facts->all_walked = false;
}

/* Pass 2 over one segment. */
static void
scan_segment(check_context *context, size_t index, check_progress *progress)
{
	const check_facts *facts = context->facts;
	check_run run = {
	    .context = context,
	    .pass = PASS_BODIES,
	    .segment = index,
	    .end = facts->walked_ends[index] - facts->heap->segments[index].start,
	    .progress = progress,
	};
	check_run_pass(&run);
}

static void
check_roots(check_context *context)
{
	check_first_objects(context);
	check_specials(context);
	if (check_is_spur(context->facts)) {
		check_hidden_roots(context);
		check_class_table(context);
	} else {
		check_v3_roots(context);
	}
}

static void
run(check_context *context)
{
	check_facts *facts = context->facts;
	size_t num_segments = facts->heap->num_segments;
	check_progress progress = {.options = context->sink->options,
	                           .total = 2 * imago_heap_object_bytes(facts->heap)};
	check_header(context);
	check_bridges(context);
	if (progress.options == NULL || !progress.options->careful) {
		check_survey_begin(facts);
	}
	for (size_t i = 0; i < num_segments && !check_stopped(context); i++) {
		walk_segment(context, i, &progress);
	}
	if (check_stopped(context)) {
		return;
	}
	check_header_after_walk(context);
	context->status =
	    imago_class_table_create(&facts->table, facts->heap, facts->allocator, context->error);
	if (check_stopped(context)) {
		return;
	}
	check_roots(context);
	if (!check_stopped(context)) {
		context->status = check_shapes_create(facts, context->error);
	}
	if (!check_stopped(context)) {
		context->status = check_survey_create(facts, context->error);
	}
	if (!check_stopped(context)) {
		check_classes(context);
	}
	for (size_t i = 0; i < num_segments && !check_stopped(context); i++) {
		scan_segment(context, i, &progress);
	}
	if (!check_stopped(context)) {
		check_scheduler(context);
		check_free_lists(context);
		check_header_after_scan(context);
	}
}

static void
summarise(check_context *context)
{
	imago_check_summary *summary = &context->sink->summary;
	summary->num_objects = context->counters.num_objects;
	for (unsigned i = 0; i < IMAGO_NUM_CORE_RULES; i++) {
		if (imago_check_sink_wants(context->sink, &core_rules[i]) &&
		    is_meaningless(context, (imago_rule_id)i)) {
			summary->num_skipped_rules++;
		}
	}
}

static void
release_facts(check_facts *facts)
{
	check_survey_release(facts);
	check_shapes_release(facts);
	check_index_release(facts);
	imago_class_table_release(&facts->table);
	imago_release(facts->allocator, facts->hidden, facts->hidden_capacity * sizeof *facts->hidden);
}

imago_status
imago_check(const imago_heap *heap, imago_check_sink *sink, imago_allocator *allocator,
            imago_error *error)
{
	const imago_check_options *options = sink->options;
	if (options != NULL) {
		imago_status status = require_known_names(sink, options->only, options->num_only, error);
		if (status == IMAGO_OK) {
			status = require_known_names(sink, options->skip, options->num_skip, error);
		}
		if (status != IMAGO_OK) {
			return status;
		}
	}
	check_facts facts = {
	    .heap = heap,
	    .number = imago_format_number_find(heap->header.image_format),
	    .allocator = allocator,
	    .all_walked = true,
	    .nil = heap->model == IMAGO_SPUR ? imago_heap_nil(heap) : 0,
	};
	check_context context = {.facts = &facts, .sink = sink, .error = error};
	context.status = check_index_create(&facts, error);
	if (context.status == IMAGO_OK) {
		run(&context);
		summarise(&context);
	}
	release_facts(&facts);
	return context.status;
}

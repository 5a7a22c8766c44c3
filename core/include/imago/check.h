/* check.h: what must hold in a heap, as a table of rules and two linear passes.
 *
 * The first pass walks the headers and marks object starts in a bitmap, the second scans the slots
 * against the bitmap. Rules about one container stand beside its reader (composed.h) and report
 * through the same sink.
 */
#ifndef IMAGO_CHECK_H
#define IMAGO_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/finding.h"
#include "imago/heap.h"

/* Identifiers of the core rules, in table order. */
typedef enum imago_rule_id {
#define IMAGO_RULE(id, name, severity, scope, needs, summary) IMAGO_RULE_##id,
#include "imago/rules.def"
#undef IMAGO_RULE
	IMAGO_NUM_CORE_RULES,
} imago_rule_id;

/* The core rules, IMAGO_NUM_CORE_RULES rows. */
IMAGO_API const imago_rule *imago_core_rules(void);

/* Told now and then how far a check is: done of total bytes looked at. May be called from the
 * calling thread only. */
typedef void imago_progress_fn(uint64_t done, uint64_t total, void *payload);

/* Zero-initialisable. */
typedef struct imago_check_options {
	const char *const *only; /* names of the rules to run (families too: "oop"), or NULL: all */
	size_t num_only;
	const char *const *skip; /* names of rules or families to leave out */
	size_t num_skip;
	uint64_t max_findings; /* stop reporting after this many; 0: no cap */
	unsigned num_threads;  /* 0 or 1: one; 2 or more: two share the heap, with the same result */
	bool careful;          /* every object through the slow path (a test of the fast one) */
	imago_progress_fn *progress; /* or NULL */
	void *progress_payload;
} imago_check_options;

/* Counts of one check. */
typedef struct imago_check_summary {
	uint64_t num_errors, num_warnings, num_infos; /* all, also those past the cap */
	uint64_t num_objects;                         /* ordinary objects */
	uint64_t num_skipped_rules; /* rules not run because the one they need was broken */
} imago_check_summary;

/* Where findings go: filters, caps and counts for every rule table. Internal to imago's checkers,
 * public so that formats can report too. Fill in with imago_check_sink_init. */
typedef struct imago_check_sink {
	const imago_check_options *options;
	imago_finding_fn *report;
	void *payload;
	imago_check_summary summary;
	bool stopped; /* the callback said so */
	/* Row index of all tables whose names options may use, NULL past the end; NULL: the core's. */
	const imago_rule *(*rule_at)(size_t index);
} imago_check_sink;

/* Prepares a sink for one check. options may be NULL (every rule); they and payload are borrowed
 * and must outlive the check, report too, which may be NULL: findings are then only counted. */
IMAGO_API void imago_check_sink_init(imago_check_sink *sink, const imago_check_options *options,
                                     imago_finding_fn *report, void *payload);

/* True when the options let a rule run. */
IMAGO_API bool imago_check_sink_wants(const imago_check_sink *sink, const imago_rule *rule);

/* Counts a finding and reports it, unless the options leave its rule out; over the cap it is only
 * counted. */
IMAGO_API void imago_check_sink_add(imago_check_sink *sink, const imago_finding *finding);

/* Checks a heap against the core rules. IMAGO_OK for a thoroughly broken heap, as long as it could
 * be looked at; IMAGO_EUSAGE when options name an unknown rule (what: "rule name"); IMAGO_ENOMEM.
 * Memory: at most heap / 32 + 16 MiB from the allocator. */
IMAGO_API imago_status imago_check(const imago_heap *heap, imago_check_sink *sink,
                                   imago_allocator *allocator, imago_error *error) IMAGO_NODISCARD;

#endif

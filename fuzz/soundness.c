/* soundness: what the checker accepts, everything else can work with.
 *
 * An image without errors, warnings or not: it is walked, its class table is read and it has a
 * digest. It is rebuilt in whatever byte order, word size, base and segmenting the input chooses
 * (refused only as not fitting: IMAGO_EUNSUPPORTED across word sizes and for V3 in segments,
 * IMAGO_ERANGE and IMAGO_EALIGN for a base or a number of segments), then saved in the container
 * that the input chooses (refused only as having no room: permanent space in a file, and numbers or
 * addresses that a folder does not have, IMAGO_EUNSUPPORTED; a folder's values that are wider than
 * a file's fields, IMAGO_ERANGE) and read again: the digest is the same throughout and no error
 * appears. Warnings are named: each finding is of a rule in the tables, by which it can be left
 * out, is printed with that name, and the counts by severity add up. */
#include <stdio.h>
#include <string.h>

#include "fuzz_image.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/class_table.h"
#include "imago/walk.h"

enum {
	NAMED,
	COUNTS,
	LEFT_OUT,
	WALKED,
	DIGESTED,
	CONVERTED,
	REFUSAL,
	SAVED,
	RELOADED,
	CLEAN,
	NO_LEAK
};
static const char *const oracles[] = {
    [NAMED] = "findings_are_named",
    [COUNTS] = "counts_add_up",
    [LEFT_OUT] = "rule_can_be_left_out",
    [WALKED] = "accepted_is_walked",
    [DIGESTED] = "accepted_is_digested",
    [CONVERTED] = "converted_means_the_same",
    [REFUSAL] = "conversion_is_refused_by_name",
    [SAVED] = "converted_is_saved",
    [RELOADED] = "reloaded_means_the_same",
    [CLEAN] = "reloaded_has_no_error",
    [NO_LEAK] = "no_leak",
};
FUZZ_DECLARE_ORACLES("soundness", oracles);

typedef struct tally {
	imago_check_summary counted;
	const imago_rule *last; /* of the findings that are no errors */
} tally;

static bool
is_in_tables(const imago_rule *rule)
{
	const imago_rule *row = imago_rule_at(0);
	for (size_t i = 0; row != NULL && row != rule; row = imago_rule_at(++i)) {
	}
	return row != NULL;
}

static bool
note_finding(const imago_finding *finding, void *payload)
{
	tally *found = payload;
	char line[512];
	const imago_rule *rule = finding->rule;
	FUZZ_ORACLE(NAMED, is_in_tables(rule));
	FUZZ_ORACLE(NAMED, strchr(rule->name, '.') != NULL && rule->summary[0] != '\0');
	FUZZ_ORACLE(NAMED, imago_finding_format(finding, "image", line, sizeof line) < sizeof line);
	FUZZ_ORACLE(NAMED, strstr(line, rule->name) != NULL &&
	                       strstr(line, imago_severity_name(rule->severity)) != NULL);
	found->counted.num_errors += rule->severity == IMAGO_ERROR;
	found->counted.num_warnings += rule->severity == IMAGO_WARNING;
	found->counted.num_infos += rule->severity == IMAGO_INFO;
	if (rule->severity != IMAGO_ERROR) {
		found->last = rule;
	}
	return true;
}

static imago_check_summary
check(fuzz_subject *subject, const imago_check_options *options, tally *found)
{
	imago_check_sink sink;
	imago_check_sink_init(&sink, options, note_finding, found);
	FUZZ_ASSERT(imago_image_check(&subject->image, &sink, &subject->allocator, &subject->error) ==
	            IMAGO_OK);
	return sink.summary;
}

/* Leaving out the rule of a warning leaves out its findings, and adds none. */
static void
expect_left_out(fuzz_subject *subject, const imago_rule *rule, const imago_check_summary *all)
{
	const imago_check_options options = {.num_threads = 1, .skip = &rule->name, .num_skip = 1};
	tally rest = {.last = NULL};
	const imago_check_summary summary = check(subject, &options, &rest);
	FUZZ_ORACLE(LEFT_OUT,
	            summary.num_warnings + summary.num_infos < all->num_warnings + all->num_infos);
	FUZZ_ORACLE(LEFT_OUT, summary.num_errors == all->num_errors);
	FUZZ_ORACLE(LEFT_OUT, rest.last != rule);
}

static bool
is_accepted(fuzz_subject *subject)
{
	const imago_check_options options = {.num_threads = 1};
	tally found = {.last = NULL};
	const imago_check_summary summary = check(subject, &options, &found);
	FUZZ_ORACLE(COUNTS, summary.num_errors == found.counted.num_errors);
	FUZZ_ORACLE(COUNTS, summary.num_warnings == found.counted.num_warnings);
	FUZZ_ORACLE(COUNTS, summary.num_infos == found.counted.num_infos);
	if (summary.num_errors == 0 && found.last != NULL) {
		expect_left_out(subject, found.last, &summary);
	}
	return summary.num_errors == 0;
}

static void
expect_walked(fuzz_subject *subject)
{
	const imago_heap *heap = subject->heap;
	imago_census census;
	imago_class_table classes;
	imago_walker walker;
	imago_object object;
	FUZZ_ORACLE(WALKED, imago_census_take(heap, &census, &subject->error) == IMAGO_OK);
	FUZZ_ORACLE(WALKED, census.num_puns == 0);
	FUZZ_ASSERT(imago_class_table_create(&classes, heap, &subject->allocator, &subject->error) ==
	            IMAGO_OK);
	imago_walk_init(&walker, heap, &subject->error);
	while (imago_walk_next(&walker, &object)) {
		if (object.kind == IMAGO_OBJECT_ORDINARY) {
			FUZZ_ORACLE(WALKED, imago_class_of_object(&classes, &object) != 0);
		}
	}
	imago_class_table_release(&classes);
}

/* Everything that a rebuild can change at once. */
static imago_rebuild_options
choose_conversion(fuzz_subject *subject)
{
	const imago_heap *heap = subject->heap;
	imago_rebuild_options options = {.layout = heap->layout};
	const uint32_t choice = fuzz_choose(&subject->input, 64);
	if ((choice & 1) != 0) {
		options.layout.byte_order = fuzz_other_order(heap->layout.byte_order);
	}
	if ((choice & 2) != 0) {
		options.layout.word_bytes = heap->layout.word_bytes == 8 ? 4 : 8;
	}
	if ((choice & 4) != 0) {
		options.set_base = true;
		options.base = fuzz_choose_base(&subject->input, heap);
	}
	if ((choice & 8) != 0) {
		options.num_segments = 1 + fuzz_choose(&subject->input, 4);
		options.gap = UINT64_C(8) * fuzz_choose(&subject->input, 65536);
	}
	return options;
}

static void
expect_refusal(const fuzz_subject *subject, const imago_rebuild_options *options)
{
	const imago_status status = subject->error.status;
	const bool across = options->layout.word_bytes != subject->heap->layout.word_bytes;
	const bool split = options->num_segments != 0;
	const bool v3_split = subject->heap->model == IMAGO_V3 && options->num_segments > 1;
	FUZZ_ORACLE(REFUSAL, (status == IMAGO_EUNSUPPORTED && (across || v3_split)) ||
	                         (status == IMAGO_ERANGE && (options->set_base || split)) ||
	                         (status == IMAGO_EALIGN && options->set_base));
	FUZZ_ORACLE(REFUSAL, subject->error.what != NULL && subject->error.what[0] != '\0');
}

static imago_format_id
choose_container(fuzz_subject *subject)
{
	if (subject->heap->model == IMAGO_V3) {
		return IMAGO_FORMAT_V3;
	}
	return fuzz_choose(&subject->input, 2) == 0 ? IMAGO_FORMAT_SPUR : IMAGO_FORMAT_COMPOSED;
}

static void
save_and_reload(fuzz_subject *subject, const imago_heap *heap, const imago_digest *digest)
{
	const imago_format_id container = choose_container(subject);
	fuzz_output output;
	if (fuzz_output_try(&output, heap, container) == IMAGO_OK) {
		fuzz_subject reloaded;
		FUZZ_ORACLE(RELOADED,
		            fuzz_subject_open(&reloaded, output.writer.bytes, (size_t)output.writer.size));
		const imago_digest after = fuzz_digest(reloaded.heap);
		FUZZ_ORACLE(RELOADED, fuzz_digest_equal(digest, &after));
		FUZZ_ORACLE(CLEAN, fuzz_check(&reloaded.image).num_errors == 0);
		fuzz_subject_close(&reloaded, NO_LEAK);
	} else {
		const imago_digest after = fuzz_digest(heap);
		FUZZ_ORACLE(CONVERTED, fuzz_digest_equal(digest, &after));
		const imago_status status = output.error.status;
		const bool to_file =
		    container == IMAGO_FORMAT_SPUR && subject->image.format == IMAGO_FORMAT_COMPOSED;
		FUZZ_ORACLE(SAVED, (to_file && status == IMAGO_ERANGE) ||
		                       ((to_file || container == IMAGO_FORMAT_COMPOSED) &&
		                        status == IMAGO_EUNSUPPORTED));
		FUZZ_ORACLE(SAVED, output.error.what != NULL && output.error.what[0] != '\0');
	}
	fuzz_output_release(&output);
}

static void
work_with(fuzz_subject *subject)
{
	imago_digest digest;
	expect_walked(subject);
	FUZZ_ORACLE(DIGESTED, imago_digest_compute(&digest, subject->heap, &subject->allocator,
	                                           &subject->error) == IMAGO_OK);
	const imago_rebuild_options options = choose_conversion(subject);
	imago_heap *converted = fuzz_rebuild(subject, subject->heap, &options);
	if (converted != NULL) {
		save_and_reload(subject, converted, &digest);
		imago_heap_destroy(converted);
	} else {
		expect_refusal(subject, &options);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_subject subject;
	if (fuzz_subject_open(&subject, data, size) && is_accepted(&subject)) {
		work_with(&subject);
	}
	fuzz_subject_close(&subject, NO_LEAK);
	return 0;
}

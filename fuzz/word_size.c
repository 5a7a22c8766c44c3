/* word_size: a Spur image means the same in the other word size.
 *
 * An image without errors is refused by name, with a place inside the file, or rebuilt in the other
 * word size and back: all three have the same digest, and neither result has an error. What comes
 * back has lost what the way drops (free chunks, forwarders, stacks, unusual boxes), and nothing
 * more: from then on, there and back again gives the same file both times, and the reports say that
 * nothing is dropped any more. Any other image is refused with a documented status and a place, or
 * rebuilt into one that can be walked, of the same class index or one more box for each object. V3
 * images and permanent space are refused by name. */
#include <string.h>

#include "fuzz_image.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/walk.h"

enum {
	NAMED_REFUSAL,
	UNCLEAN_REFUSAL,
	MODEL_REFUSED,
	PERM_REFUSED,
	WALKED,
	COUNTED,
	DIGEST,
	CLEAN,
	WAY_BACK,
	SAME_WIDE,
	SAME_NARROW,
	NOTHING_DROPPED,
	NO_LEAK,
};
static const char *const oracles[] = {
    [NAMED_REFUSAL] = "named_refusal",
    [UNCLEAN_REFUSAL] = "refusal_of_unclean",
    [MODEL_REFUSED] = "v3_is_refused_by_name",
    [PERM_REFUSED] = "perm_is_refused_by_name",
    [WALKED] = "result_is_walked",
    [COUNTED] = "report_accounts_for_objects",
    [DIGEST] = "digest_stays",
    [CLEAN] = "result_has_no_error",
    [WAY_BACK] = "way_back_is_open",
    [SAME_WIDE] = "there_again_is_same_file",
    [SAME_NARROW] = "back_again_is_same_file",
    [NOTHING_DROPPED] = "nothing_dropped_again",
    [NO_LEAK] = "no_leak",
};
FUZZ_DECLARE_ORACLES("word_size", oracles);

/* rebuild.h */
static const fuzz_statuses documented =
    1u << IMAGO_EUNSUPPORTED | 1u << IMAGO_ESTRUCTURE | 1u << IMAGO_ETRUNCATED |
    1u << IMAGO_ERANGE | 1u << IMAGO_EALIGN | 1u << IMAGO_EUSAGE | 1u << IMAGO_ELIMIT;
/* What may be in the way of an image without errors: that it does not fit. */
static const fuzz_statuses does_not_fit = 1u << IMAGO_EUNSUPPORTED;

static imago_heap *
change_width(fuzz_subject *subject, const imago_heap *heap, imago_rebuild_report *report)
{
	imago_heap *changed = NULL;
	imago_rebuild_options options = {.layout = heap->layout};
	options.layout.word_bytes = heap->layout.word_bytes == 8 ? 4 : 8;
	subject->error = (imago_error){.status = IMAGO_OK};
	const imago_status status =
	    imago_rebuild(&changed, heap, &options, &subject->allocator, report, &subject->error);
	FUZZ_ASSERT((status == IMAGO_OK) == (changed != NULL));
	return changed;
}

/* Objects are kept, dropped, or turned into immediates and back; the report says how many. */
static void
expect_accounted(const imago_heap *from, const imago_heap *to, const imago_rebuild_report *report)
{
	imago_census before;
	imago_census after;
	imago_error error;
	FUZZ_ORACLE(WALKED, imago_census_take(from, &before, &error) == IMAGO_OK);
	FUZZ_ORACLE(WALKED, imago_census_take(to, &after, &error) == IMAGO_OK);
	const uint64_t unboxed = report->num_integers_unboxed + report->num_floats_unboxed;
	const uint64_t boxed = report->num_integers_boxed + report->num_floats_boxed;
	FUZZ_ORACLE(COUNTED, after.num_objects == before.num_objects - unboxed + boxed);
	FUZZ_ORACLE(COUNTED, after.num_free == 0 && report->num_free_dropped == before.num_free);
	FUZZ_ORACLE(COUNTED, after.num_forwarders == 0 &&
	                         report->num_forwarders_followed == before.num_forwarders);
}

static bool
nothing_dropped(const imago_rebuild_report *report)
{
	return report->num_free_dropped == 0 && report->num_forwarders_followed == 0;
}

/* From a heap that came back, there and back once more: nothing is lost any more. What is there
 * once more has its boxes elsewhere if the way back took away some that the way there had not made,
 * and fewer segments if one was too small on the way back. */
static void
travel_again(fuzz_subject *subject, const imago_heap *there, const imago_heap *back,
             bool same_boxes)
{
	const imago_format_id format = subject->image.format;
	imago_rebuild_report report;
	imago_heap *there_again = change_width(subject, back, &report);
	FUZZ_ORACLE(WAY_BACK, there_again != NULL);
	FUZZ_ORACLE(NOTHING_DROPPED, nothing_dropped(&report));
	imago_heap *back_again = change_width(subject, there_again, &report);
	FUZZ_ORACLE(WAY_BACK, back_again != NULL);
	FUZZ_ORACLE(NOTHING_DROPPED, nothing_dropped(&report));
	if (same_boxes && there->num_segments == back->num_segments) {
		FUZZ_ORACLE(SAME_WIDE, fuzz_same_image(there, there_again, format));
	}
	FUZZ_ORACLE(SAME_NARROW, fuzz_same_image(back, back_again, format));
	imago_heap_destroy(back_again);
	imago_heap_destroy(there_again);
}

/* There and back, and one of the questions about it. */
static void
travel(fuzz_subject *subject, const imago_heap *there, const imago_rebuild_report *way_there)
{
	imago_rebuild_report report;
	imago_heap *back = change_width(subject, there, &report);
	FUZZ_ORACLE(WAY_BACK, back != NULL);
	expect_accounted(there, back, &report);
	switch (fuzz_choose_part(subject, 3)) {
	case 0:
		FUZZ_ORACLE(DIGEST, fuzz_same_digest(subject->heap, there));
		FUZZ_ORACLE(DIGEST, fuzz_same_digest(subject->heap, back));
		break;
	case 1:
		FUZZ_ORACLE(CLEAN, fuzz_check_heap(there).num_errors == 0);
		FUZZ_ORACLE(CLEAN, fuzz_check_heap(back).num_errors == 0);
		break;
	default:
		travel_again(subject, there, back,
		             there->layout.word_bytes == 8 ||
		                 (report.num_integers_unboxed == way_there->num_integers_boxed &&
		                  report.num_floats_unboxed == way_there->num_floats_boxed));
		break;
	}
	imago_heap_destroy(back);
}

/* A window that 32 bits cannot describe is refused by its field's name. */
static void
expect_wide_field_refused(fuzz_subject *subject)
{
	imago_heap *heap = subject->heap;
	const imago_image_header before = heap->header;
	if (heap->layout.word_bytes == 8 && fuzz_choose(&subject->input, 4) == 0) {
		heap->header.saved_window_size |= UINT64_C(1) << (32 + fuzz_choose(&subject->input, 32));
		imago_heap *there = change_width(subject, heap, NULL);
		FUZZ_ORACLE(NAMED_REFUSAL, there == NULL);
		FUZZ_ORACLE(NAMED_REFUSAL, subject->error.status == IMAGO_EUNSUPPORTED &&
		                               strcmp(subject->error.what, "savedWindowSize") == 0);
		heap->header = before;
	}
}

static void
expect_refusal(const fuzz_subject *subject, uint64_t size, bool clean)
{
	const imago_heap *heap = subject->heap;
	const imago_error *error = &subject->error;
	if (heap->model == IMAGO_V3) {
		FUZZ_ORACLE(MODEL_REFUSED, error->status == IMAGO_EUNSUPPORTED &&
		                               strcmp(error->what, "another word size of a V3 image") == 0);
	} else if (fuzz_has_perm(heap)) {
		FUZZ_ORACLE(PERM_REFUSED,
		            error->status == IMAGO_EUNSUPPORTED &&
		                strcmp(error->what, "permanent space in another word size") == 0);
	} else {
		fuzz_expect_refusal(error, error->status, size, clean ? does_not_fit : documented,
		                    clean ? NAMED_REFUSAL : UNCLEAN_REFUSAL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_subject subject;
	if (fuzz_subject_open(&subject, data, size)) {
		imago_rebuild_report report;
		imago_heap *there = change_width(&subject, subject.heap, &report);
		const bool clean = fuzz_check(&subject.image).num_errors == 0;
		if (there == NULL) {
			expect_refusal(&subject, size, clean);
		} else {
			expect_accounted(subject.heap, there, &report);
			if (clean) {
				travel(&subject, there, &report);
				expect_wide_field_refused(&subject);
			}
		}
		imago_heap_destroy(there);
	}
	fuzz_subject_close(&subject, NO_LEAK);
	return 0;
}

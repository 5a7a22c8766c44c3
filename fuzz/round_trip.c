/* round_trip: an image without errors comes back from every journey: written and read again, turned
 * to the other byte order and back, based elsewhere and back (by copying and in place), and split
 * into three segments and joined. Journeys give the same bytes, joining the same digest; a journey
 * that the target does not allow is refused, with a documented status; nothing leaks. (Not
 * at another base and back when the old link of a free chunk leads out of the heap: there it may
 * lead in, and move with it.) */
#include <string.h>

#include "fuzz_image.h"
#include "fuzz_input.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/rebuild.h"
#include "imago/swizzle.h"

enum { WRITTEN_BACK, BYTE_ORDER, BASE, BASE_IN_PLACE, SEGMENTS, REFUSAL, RETURN, NO_LEAK };
static const char *const oracles[] = {
    [WRITTEN_BACK] = "written_back",  [BYTE_ORDER] = "byte_order_and_back",
    [BASE] = "base_and_back",         [BASE_IN_PLACE] = "base_in_place",
    [SEGMENTS] = "segments_and_back", [REFUSAL] = "refusal",
    [RETURN] = "way_back_is_open",    [NO_LEAK] = "no_leak",
};
FUZZ_DECLARE_ORACLES("round_trip", oracles);

typedef struct journey {
	const imago_heap *start;
	imago_format_id format;
	fuzz_output file; /* of start */
	imago_allocator allocator;
	imago_error error;
} journey;

static bool
same_file(const journey *trip, const imago_heap *heap)
{
	fuzz_output output;
	fuzz_output_write(&output, heap, trip->format);
	const bool same = fuzz_output_equal(&output, &trip->file);
	fuzz_output_release(&output);
	return same;
}

/* There and back: *there is rebuilt from the start, *back from *there. Returns false for a refusal,
 * which only the way there may meet. */
static bool
go_and_return(journey *trip, const imago_rebuild_options *there_options,
              const imago_rebuild_options *back_options, imago_heap **there, imago_heap **back,
              imago_rebuild_report *report)
{
	const imago_status status =
	    imago_rebuild(there, trip->start, there_options, &trip->allocator, report, &trip->error);
	if (status != IMAGO_OK) {
		FUZZ_ORACLE(REFUSAL, status == IMAGO_ERANGE || status == IMAGO_EALIGN ||
		                         status == IMAGO_EUNSUPPORTED);
		return false;
	}
	FUZZ_ORACLE(RETURN, imago_rebuild(back, *there, back_options, &trip->allocator, NULL,
	                                  &trip->error) == IMAGO_OK);
	return true;
}

static void
turn_byte_order(journey *trip)
{
	imago_heap *there = NULL;
	imago_heap *back = NULL;
	imago_rebuild_report report;
	const imago_rebuild_options return_options = {.layout = trip->start->layout};
	imago_rebuild_options options = return_options;
	options.layout.byte_order = fuzz_other_order(options.layout.byte_order);
	FUZZ_ORACLE(BYTE_ORDER, go_and_return(trip, &options, &return_options, &there, &back, &report));
	if (report.float_order_normalised) {
		FUZZ_ORACLE(BYTE_ORDER, fuzz_same_digest(trip->start, back));
	} else {
		FUZZ_ORACLE(BYTE_ORDER, same_file(trip, back));
	}
	imago_heap_destroy(back);
	imago_heap_destroy(there);
}

static void
move_base(journey *trip, imago_addr base)
{
	imago_heap *there = NULL;
	imago_heap *back = NULL;
	imago_heap *copy = NULL;
	imago_rebuild_report report;
	const imago_rebuild_options options = {.set_base = true, .base = base};
	const imago_rebuild_options return_options = {.set_base = true,
	                                              .base = trip->start->segments[0].start};
	if (go_and_return(trip, &options, &return_options, &there, &back, &report)) {
		FUZZ_ORACLE(BASE, fuzz_has_links_out(trip->start) || same_file(trip, back));
		/* Moving in place is the same as copying elsewhere. */
		const imago_swizzle_options in_place = {.simd = IMAGO_SIMD_BEST};
		FUZZ_ASSERT(imago_heap_copy(&copy, there, &trip->allocator, &trip->error) == IMAGO_OK);
		FUZZ_ORACLE(BASE_IN_PLACE,
		            imago_swizzle(copy, return_options.base, &in_place, &trip->error) == IMAGO_OK);
		FUZZ_ORACLE(BASE_IN_PLACE, fuzz_same_file(back, copy, trip->format));
	}
	imago_heap_destroy(copy);
	imago_heap_destroy(back);
	imago_heap_destroy(there);
}

/* The last addresses hold no heap. */
static void
move_out(journey *trip)
{
	imago_heap *there = NULL;
	const imago_addr top = trip->start->layout.word_bytes == 8 ? UINT64_MAX : UINT32_MAX;
	const imago_rebuild_options options = {.set_base = true, .base = top & ~UINT64_C(7)};
	FUZZ_ORACLE(REFUSAL, imago_rebuild(&there, trip->start, &options, &trip->allocator, NULL,
	                                   &trip->error) == IMAGO_ERANGE);
}

static void
split_and_join(journey *trip)
{
	imago_heap *there = NULL;
	imago_heap *back = NULL;
	imago_rebuild_report report;
	const imago_rebuild_options options = {.num_segments = 3, .gap = 4096};
	const imago_rebuild_options return_options = {.num_segments = 1};
	if (go_and_return(trip, &options, &return_options, &there, &back, &report)) {
		FUZZ_ORACLE(SEGMENTS, fuzz_same_digest(trip->start, there));
		FUZZ_ORACLE(SEGMENTS, fuzz_same_digest(trip->start, back));
	}
	imago_heap_destroy(back);
	imago_heap_destroy(there);
}

static void
travel(const imago_image *image, const uint8_t *data, size_t size)
{
	fuzz_input input = fuzz_input_of(data, size);
	journey trip = {.start = image->heap, .format = image->format};
	imago_allocator_init(&trip.allocator, IMAGO_UNLIMITED);
	fuzz_output_write(&trip.file, image->heap, image->format);
	if (image->format != IMAGO_FORMAT_COMPOSED) {
		FUZZ_ORACLE(WRITTEN_BACK, trip.file.writer.size == size);
		FUZZ_ORACLE(WRITTEN_BACK, memcmp(trip.file.writer.bytes, data, size) == 0);
	}
	turn_byte_order(&trip);
	move_base(&trip, (imago_addr)(fuzz_choose(&input, 65536) + 1) << 12);
	move_out(&trip);
	if (image->heap->model == IMAGO_SPUR) {
		split_and_join(&trip);
	}
	fuzz_output_release(&trip.file);
	FUZZ_ORACLE(NO_LEAK, trip.allocator.used == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	imago_allocator allocator;
	imago_error error;
	imago_image image;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	if (imago_image_read(&image, data, size, &allocator, &error) == IMAGO_OK &&
	    !fuzz_is_layered(&image) && image.heap->num_segments > 0 &&
	    fuzz_check(&image).num_errors == 0) {
		travel(&image, data, size);
	}
	imago_image_close(&image);
	FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
	return 0;
}

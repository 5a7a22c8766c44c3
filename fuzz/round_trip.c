/* round_trip: an image without errors comes back from every journey: written and read again, turned
 * to the other byte order and back, based elsewhere and back (by copying and in place), and split
 * into three segments and joined. Journeys give the same bytes, joining the same digest; a journey
 * that the target does not allow is refused, with a documented status. */
#include <string.h>

#include "fuzz_image.h"
#include "fuzz_input.h"
#include "fuzz_target.h"
#include "imago/digest.h"
#include "imago/rebuild.h"
#include "imago/swizzle.h"

typedef struct journey {
	const imago_heap *start;
	imago_format_id format;
	fuzz_output file; /* of start */
	imago_allocator allocator;
	imago_error error;
} journey;

static bool
report_nothing(const imago_finding *finding, void *payload)
{
	(void)finding;
	(void)payload;
	return true;
}

static bool
has_errors(const imago_image *image)
{
	const imago_check_options options = {.num_threads = 1};
	imago_allocator allocator;
	imago_error error;
	imago_check_sink sink;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_check_sink_init(&sink, &options, report_nothing, NULL);
	FUZZ_ASSERT(imago_image_check(image, &sink, &allocator, &error) == IMAGO_OK);
	return sink.summary.num_errors > 0;
}

static void
expect_same_file(const journey *trip, const imago_heap *heap)
{
	fuzz_output output;
	fuzz_output_write(&output, heap, trip->format);
	FUZZ_ASSERT(output.writer.size == trip->file.writer.size);
	FUZZ_ASSERT(memcmp(output.writer.bytes, trip->file.writer.bytes, (size_t)output.writer.size) ==
	            0);
	fuzz_output_release(&output);
}

static void
expect_same_digest(journey *trip, const imago_heap *heap)
{
	imago_digest before;
	imago_digest after;
	FUZZ_ASSERT(imago_digest_compute(&before, trip->start, &trip->allocator, &trip->error) ==
	            IMAGO_OK);
	FUZZ_ASSERT(imago_digest_compute(&after, heap, &trip->allocator, &trip->error) == IMAGO_OK);
	FUZZ_ASSERT(memcmp(&before, &after, sizeof before) == 0);
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
		FUZZ_ASSERT(status == IMAGO_ERANGE || status == IMAGO_EALIGN ||
		            status == IMAGO_EUNSUPPORTED);
		return false;
	}
	FUZZ_ASSERT(imago_rebuild(back, *there, back_options, &trip->allocator, NULL, &trip->error) ==
	            IMAGO_OK);
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
	options.layout.byte_order =
	    options.layout.byte_order == IMAGO_LITTLE_ENDIAN ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN;
	FUZZ_ASSERT(go_and_return(trip, &options, &return_options, &there, &back, &report));
	if (report.float_order_normalised) {
		expect_same_digest(trip, back);
	} else {
		expect_same_file(trip, back);
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
		expect_same_file(trip, back);
		/* Moving in place is the same as copying elsewhere. */
		const imago_swizzle_options in_place = {.simd = IMAGO_SIMD_BEST};
		FUZZ_ASSERT(imago_heap_copy(&copy, there, &trip->allocator, &trip->error) == IMAGO_OK);
		FUZZ_ASSERT(imago_swizzle(copy, return_options.base, &in_place, &trip->error) == IMAGO_OK);
		expect_same_file(trip, copy);
	}
	imago_heap_destroy(copy);
	imago_heap_destroy(back);
	imago_heap_destroy(there);
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
		expect_same_digest(trip, there);
		expect_same_digest(trip, back);
	}
	imago_heap_destroy(back);
	imago_heap_destroy(there);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	imago_allocator allocator;
	imago_error error;
	imago_image image;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	if (imago_image_read(&image, data, size, &allocator, &error) == IMAGO_OK &&
	    image.heap->num_segments > 0 && !has_errors(&image)) {
		fuzz_input input = fuzz_input_of(data, size);
		journey trip = {.start = image.heap, .format = image.format};
		imago_allocator_init(&trip.allocator, IMAGO_UNLIMITED);
		fuzz_output_write(&trip.file, image.heap, image.format);
		if (image.format != IMAGO_FORMAT_COMPOSED) {
			FUZZ_ASSERT(trip.file.writer.size == size);
			FUZZ_ASSERT(memcmp(trip.file.writer.bytes, data, size) == 0);
		}
		turn_byte_order(&trip);
		move_base(&trip, (imago_addr)(fuzz_choose(&input, 65536) + 1) << 12);
		if (image.heap->model == IMAGO_SPUR) {
			split_and_join(&trip);
		}
		fuzz_output_release(&trip.file);
		FUZZ_ASSERT(trip.allocator.used == 0);
	}
	imago_image_close(&image);
	FUZZ_ASSERT(allocator.used == 0);
	return 0;
}

/* damaged.c: reading, checking and judging damaged images. */
#include "damaged.h"

#include <stdio.h>
#include <string.h>

#include "imago/compare.h"
#include "imago/rebuild.h"

#include "assertions.h"

enum { MEGABYTE = 1 << 20 };

const char *
fate_name(fate which)
{
	static const char *const names[NUM_FATES] = {"refused", "found", "harmless", "another image"};
	return names[which];
}

static bool
stop_at_first(const imago_finding *finding, void *payload)
{
	(void)finding;
	*(uint64_t *)payload += 1;
	return false;
}

static bool
stop_at_first_difference(const imago_difference *difference, void *payload)
{
	(void)difference;
	(void)payload;
	return false;
}

/* Findings of an image, 0 or 1. */
static uint64_t
has_finding(const imago_image *image, imago_allocator *allocator, const char *context)
{
	const imago_check_options options = {0};
	imago_check_sink sink;
	imago_error error = {0};
	uint64_t count = 0;
	imago_check_sink_init(&sink, &options, stop_at_first, &count);
	if (imago_image_check(image, &sink, allocator, &error) != IMAGO_OK) {
		print_error("%s: the checker stopped\n", context);
		assert_ok(error.status, &error);
	}
	return count;
}

void
original_init(original *o, const uint8_t *bytes, uint64_t size)
{
	imago_error error = {0};
	memset(o, 0, sizeof *o);
	o->bytes = bytes;
	o->size = size;
	imago_allocator_init(&o->allocator, IMAGO_UNLIMITED);
	assert_ok(imago_image_read(&o->image, bytes, size, &o->allocator, &error), &error);
	if (has_finding(&o->image, &o->allocator, "the original") != 0) {
		fail_msg("the original is not clean");
	}
	assert_ok(imago_digest_compute(&o->digest, o->image.heap, &o->allocator, &error), &error);
}

void
original_release(original *o)
{
	imago_image_close(&o->image);
	assert_no_leak(&o->allocator);
}

static void
assert_refusal_is_documented(const imago_error *error, uint64_t size, const char *context)
{
	bool documented = error->status > IMAGO_OK && error->status < IMAGO_EINTERNAL &&
	                  error->status != IMAGO_EUSAGE && error->status != IMAGO_EIO;
	bool placed = error->offset == IMAGO_NO_OFFSET || error->offset <= size;
	if (!documented || !placed || error->what == NULL) {
		char line[256];
		imago_error_format(error, line, sizeof line);
		fail_msg("%s: refused badly: %s", context, line);
	}
}

static void
assert_digest(const imago_heap *heap, const imago_digest *expected, imago_allocator *allocator,
              const char *context)
{
	imago_digest digest;
	imago_error error = {0};
	assert_ok(imago_digest_compute(&digest, heap, allocator, &error), &error);
	if (memcmp(&digest, expected, sizeof digest) != 0) {
		fail_msg("%s: the digest changed", context);
	}
}

/* What the checker accepts can be written and converted, and keeps its digest. */
static void
assert_sound(const imago_image *image, const uint8_t *bytes, uint64_t size,
             const imago_digest *digest, imago_allocator *allocator, const char *context)
{
	imago_error error = {0};
	imago_writer writer;
	imago_heap *swapped;
	imago_writer_init(&writer, allocator, image->heap->layout, &error);
	assert_ok(imago_image_write(image->heap, image->format, &writer, &error), &error);
	if (writer.size != size || memcmp(writer.bytes, bytes, (size_t)size) != 0) {
		fail_msg("%s: written differently than read", context);
	}
	imago_writer_release(&writer);
	imago_rebuild_options options = {.layout = image->heap->layout};
	options.layout.byte_order =
	    options.layout.byte_order == IMAGO_LITTLE_ENDIAN ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN;
	assert_ok(imago_rebuild(&swapped, image->heap, &options, allocator, NULL, &error), &error);
	assert_digest(swapped, digest, allocator, context);
	imago_heap_destroy(swapped);
}

static fate
judge_clean(const original *o, const imago_image *image, const uint8_t *bytes, uint64_t size,
            imago_allocator *allocator, const char *context)
{
	imago_digest digest;
	imago_error error = {0};
	uint64_t num_differences = 0;
	imago_status status = imago_digest_compute(&digest, image->heap, allocator, &error);
	if (status != IMAGO_OK) {
		print_error("%s: accepted by the checker, but has no digest\n", context);
		assert_ok(status, &error);
	}
	assert_ok(imago_compare(o->image.heap, image->heap, allocator, stop_at_first_difference, NULL,
	                        &num_differences, &error),
	          &error);
	bool same = memcmp(&digest, &o->digest, sizeof digest) == 0;
	if (same != (num_differences == 0)) {
		fail_msg("%s: digest and compare disagree", context);
	}
	if (!same) {
		/* The image and its conversion are alive at once. */
		allocator->budget = IMAGO_UNLIMITED;
		assert_sound(image, bytes, size, &digest, allocator, context);
	}
	return same ? FATE_HARMLESS : FATE_ANOTHER;
}

fate
fate_of(const original *o, const uint8_t *bytes, uint64_t size, const char *context)
{
	imago_allocator allocator;
	imago_image image;
	imago_error error = {0};
	fate result;
	imago_allocator_init(&allocator, 3 * o->size + MEGABYTE);
	if (imago_image_read(&image, bytes, size, &allocator, &error) != IMAGO_OK) {
		assert_refusal_is_documented(&error, size, context);
		result = FATE_REFUSED;
	} else if (has_finding(&image, &allocator, context) != 0) {
		result = FATE_FOUND;
	} else {
		result = judge_clean(o, &image, bytes, size, &allocator, context);
	}
	imago_image_close(&image);
	if (allocator.used != 0) {
		fail_msg("%s: memory left in use", context);
	}
	return result;
}

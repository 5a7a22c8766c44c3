/* allocation_operations.c: everything the library does with an image. */
#include "allocation_operations.h"

#include <string.h>

#include "imago/class_table.h"
#include "imago/compare.h"
#include "imago/digest.h"
#include "imago/generate.h"
#include "imago/object_index.h"
#include "imago/rebuild.h"
#include "imago/swizzle.h"
#include "imago/synthetic.h"
#include "model_disk.h"

enum { DESCRIPTION_SIZE = 256, SYNTHETIC_OBJECTS = 40 };

static uint64_t
mix(uint64_t hash, const void *data, uint64_t size)
{
	const uint8_t *bytes = data;
	for (uint64_t i = 0; i < size; i++) {
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	}
	return hash;
}

uint64_t
allocation_fingerprint(const imago_heap *heap)
{
	uint64_t hash = mix(1, &heap->header, sizeof heap->header);
	for (size_t i = 0; i < heap->num_segments; i++) {
		const imago_segment *segment = &heap->segments[i];
		const uint64_t place[] = {segment->start, segment->size, segment->bridge_size,
		                          segment->offset, (uint64_t)segment->space};
		hash = mix(hash, place, sizeof place);
		hash = mix(hash, segment->part, strlen(segment->part));
		hash = mix(hash, segment->bytes, segment->size + segment->bridge_size);
	}
	return hash;
}

/* Takes a heap that an operation made; after a failure there must be none. */
static imago_status
conclude(imago_status status, imago_heap *made, uint64_t *answer)
{
	if (status == IMAGO_OK) {
		*answer = allocation_fingerprint(made);
		imago_heap_destroy(made);
	} else {
		*answer = made != NULL;
	}
	return status;
}

static imago_status
run_read(const allocation_subject *subject, imago_allocator *allocator, uint64_t *answer,
         imago_error *error)
{
	imago_image image;
	imago_status status = imago_image_read(&image, subject->bytes, subject->size, allocator, error);
	*answer = status == IMAGO_OK ? allocation_fingerprint(image.heap) : image.heap != NULL;
	imago_image_close(&image);
	return status;
}

/* From a disk: a classic file, or whatever the bytes are. */
static imago_status
run_open(const allocation_subject *subject, imago_allocator *allocator, uint64_t *answer,
         imago_error *error)
{
	imago_image image;
	model_disk *disk = model_disk_create();
	const imago_file_system files = model_disk_files(disk);
	model_disk_put(disk, "x.image", subject->bytes, (size_t)subject->size);
	imago_status status = imago_image_open_in(&image, &files, "x.image", allocator, error);
	*answer = status == IMAGO_OK ? allocation_fingerprint(image.heap) : image.heap != NULL;
	imago_image_close(&image);
	model_disk_destroy(disk);
	return status;
}

static bool
note_finding(const imago_finding *finding, void *payload)
{
	uint64_t *hash = payload;
	*hash = mix(*hash, &finding->offset, sizeof finding->offset);
	*hash = mix(*hash, finding->rule->name, strlen(finding->rule->name));
	return true;
}

static imago_status
check_with(const allocation_subject *subject, const imago_check_options *options,
           imago_allocator *allocator, uint64_t *answer, imago_error *error)
{
	imago_check_sink sink;
	uint64_t hash = 1;
	imago_check_sink_init(&sink, options, note_finding, &hash);
	imago_status status = imago_image_check(subject->image, &sink, allocator, error);
	*answer = status == IMAGO_OK ? hash : 0;
	return status;
}

static imago_status
run_check(const allocation_subject *subject, imago_allocator *allocator, uint64_t *answer,
          imago_error *error)
{
	const imago_check_options options = {.num_threads = 1};
	return check_with(subject, &options, allocator, answer, error);
}

static imago_status
run_check_carefully(const allocation_subject *subject, imago_allocator *allocator, uint64_t *answer,
                    imago_error *error)
{
	const imago_check_options options = {.careful = true};
	return check_with(subject, &options, allocator, answer, error);
}

static imago_status
run_check_in_threads(const allocation_subject *subject, imago_allocator *allocator,
                     uint64_t *answer, imago_error *error)
{
	const imago_check_options options = {.num_threads = 2};
	return check_with(subject, &options, allocator, answer, error);
}

static imago_status
run_index(const allocation_subject *subject, imago_allocator *allocator, uint64_t *answer,
          imago_error *error)
{
	imago_object_index index;
	imago_status status = imago_object_index_create(&index, subject->image->heap, allocator, error);
	*answer = status == IMAGO_OK ? 1 + index.num_objects : 0;
	imago_object_index_release(&index);
	return status;
}

static imago_status
run_class_table(const allocation_subject *subject, imago_allocator *allocator, uint64_t *answer,
                imago_error *error)
{
	imago_class_table table;
	imago_status status = imago_class_table_create(&table, subject->image->heap, allocator, error);
	if (status == IMAGO_OK) {
		*answer = 1 + (uint64_t)table.num_entries;
		imago_class_table_release(&table);
	}
	return status;
}

static imago_status
rebuild_with(const allocation_subject *subject, const imago_rebuild_options *options,
             imago_allocator *allocator, uint64_t *answer, imago_error *error)
{
	imago_heap *made = NULL;
	imago_rebuild_report report;
	imago_status status =
	    imago_rebuild(&made, subject->image->heap, options, allocator, &report, error);
	return conclude(status, made, answer);
}

static imago_status
run_byte_swap(const allocation_subject *subject, imago_allocator *allocator, uint64_t *answer,
              imago_error *error)
{
	imago_rebuild_options options = {.layout = subject->image->heap->layout};
	options.layout.byte_order =
	    options.layout.byte_order == IMAGO_LITTLE_ENDIAN ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN;
	return rebuild_with(subject, &options, allocator, answer, error);
}

static imago_status
run_word_size(const allocation_subject *subject, imago_allocator *allocator, uint64_t *answer,
              imago_error *error)
{
	imago_rebuild_options options = {.layout = subject->image->heap->layout};
	options.layout.word_bytes = options.layout.word_bytes == 4 ? 8 : 4;
	return rebuild_with(subject, &options, allocator, answer, error);
}

static imago_status
run_segments(const allocation_subject *subject, imago_allocator *allocator, uint64_t *answer,
             imago_error *error)
{
	const imago_rebuild_options options = {.num_segments = 3, .gap = 4096};
	return rebuild_with(subject, &options, allocator, answer, error);
}

/* A copy, moved in place. */
static imago_status
run_move(const allocation_subject *subject, imago_allocator *allocator, uint64_t *answer,
         imago_error *error)
{
	const imago_swizzle_options options = {.simd = IMAGO_SIMD_BEST};
	imago_heap *copy = NULL;
	imago_status status = imago_heap_copy(&copy, subject->image->heap, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	status = imago_swizzle(copy, 0x70000, &options, error);
	if (status != IMAGO_OK) {
		imago_heap_destroy(copy);
		return status;
	}
	return conclude(status, copy, answer);
}

static imago_status
run_digest(const allocation_subject *subject, imago_allocator *allocator, uint64_t *answer,
           imago_error *error)
{
	imago_digest digest = {{0}};
	const imago_digest untouched = digest;
	imago_status status = imago_digest_compute(&digest, subject->image->heap, allocator, error);
	*answer = status == IMAGO_OK ? mix(1, digest.bytes, sizeof digest.bytes)
	                             : memcmp(&digest, &untouched, sizeof digest) != 0;
	return status;
}

static imago_status
write_as(const allocation_subject *subject, imago_format_id format, imago_allocator *allocator,
         uint64_t *answer, imago_error *error)
{
	imago_writer writer;
	imago_writer_init(&writer, allocator, subject->image->heap->layout, error);
	imago_status status = imago_image_write(subject->image->heap, format, &writer, error);
	if (status == IMAGO_OK) {
		*answer = mix(1, writer.bytes, writer.size);
	}
	imago_writer_release(&writer);
	return status;
}

static imago_status
run_write(const allocation_subject *subject, imago_allocator *allocator, uint64_t *answer,
          imago_error *error)
{
	return write_as(subject, subject->image->format, allocator, answer, error);
}

static imago_status
run_write_other(const allocation_subject *subject, imago_allocator *allocator, uint64_t *answer,
                imago_error *error)
{
	imago_format_id format =
	    subject->image->format == IMAGO_FORMAT_COMPOSED ? IMAGO_FORMAT_SPUR : IMAGO_FORMAT_COMPOSED;
	return write_as(subject, format, allocator, answer, error);
}

/* Over something else, which a failure must leave there. */
static imago_status
run_save(const allocation_subject *subject, imago_allocator *allocator, uint64_t *answer,
         imago_error *error)
{
	static const uint8_t old[] = "the old one";
	const imago_image *image = subject->image;
	const bool is_folder = image->format == IMAGO_FORMAT_COMPOSED;
	model_disk *disk = model_disk_create();
	const imago_file_system files = model_disk_files(disk);
	if (is_folder) {
		model_disk_put_folder(disk, "x.image");
	}
	const char *old_path = is_folder ? "x.image/seg0.data" : "x.image";
	model_disk_put(disk, old_path, old, sizeof old);
	imago_status status =
	    imago_image_save_in(image->heap, image->format, &files, "x.image", allocator, error);
	const bool is_kept = model_disk_holds_file(disk, old_path, old, sizeof old);
	if ((status == IMAGO_OK) == is_kept || model_disk_num_open(disk) > 0) {
		status = imago_fail(error, IMAGO_EINTERNAL, "what was there before", IMAGO_NO_OFFSET, 0, 0);
	}
	*answer = status == IMAGO_OK;
	model_disk_destroy(disk);
	return status;
}

static bool
note_difference(const imago_difference *difference, void *payload)
{
	uint64_t *hash = payload;
	*hash = mix(*hash, difference->path, strlen(difference->path));
	return true;
}

/* With the smallest image of its model, made outside of the operation's memory: most differs. */
static imago_status
run_compare(const allocation_subject *subject, imago_allocator *allocator, uint64_t *answer,
            imago_error *error)
{
	uint64_t hash = 1;
	uint64_t num_differences = 0;
	imago_heap *other = NULL;
	imago_allocator others_own;
	const imago_generate_options options = {
	    .image_format = subject->image->heap->model == IMAGO_SPUR ? 68021 : 6505};
	imago_allocator_init(&others_own, IMAGO_UNLIMITED);
	if (imago_generate(&other, subject->bytes, 0, &options, &others_own, error) != IMAGO_OK) {
		return IMAGO_EINTERNAL;
	}
	imago_status status = imago_compare(subject->image->heap, other, allocator, note_difference,
	                                    &hash, &num_differences, error);
	*answer = status == IMAGO_OK ? hash + num_differences : 0;
	imago_heap_destroy(other);
	return status;
}

static uint32_t
some_image_format(const allocation_subject *subject)
{
	static const uint32_t numbers[] = {6521, 68021, 6505, 6502};
	return numbers[subject->size % (sizeof numbers / sizeof numbers[0])];
}

static imago_status
run_generate(const allocation_subject *subject, imago_allocator *allocator, uint64_t *answer,
             imago_error *error)
{
	imago_heap *made = NULL;
	const imago_generate_options options = {.image_format = some_image_format(subject),
	                                        .composed = true};
	/* The end of the bytes: of an image file, its beginning says little. */
	uint64_t size = subject->size < DESCRIPTION_SIZE ? subject->size : DESCRIPTION_SIZE;
	imago_status status = imago_generate(&made, subject->bytes + (subject->size - size), size,
	                                     &options, allocator, error);
	return conclude(status, made, answer);
}

static imago_status
run_synthetic(const allocation_subject *subject, imago_allocator *allocator, uint64_t *answer,
              imago_error *error)
{
	imago_heap *made = NULL;
	const imago_synthetic_options options = {.image_format = some_image_format(subject),
	                                         .byte_order = IMAGO_BIG_ENDIAN,
	                                         .num_objects = SYNTHETIC_OBJECTS,
	                                         .seed = subject->size};
	imago_status status = imago_synthetic_make(&made, &options, allocator, error);
	return conclude(status, made, answer);
}

const allocation_operation allocation_operations[NUM_ALLOCATION_OPERATIONS] = {
    {"read", false, run_read},
    {"open", false, run_open},
    {"check", true, run_check},
    {"check_carefully", true, run_check_carefully},
    {"check_in_threads", true, run_check_in_threads},
    {"index", true, run_index},
    {"class_table", true, run_class_table},
    {"byte_swap", true, run_byte_swap},
    {"word_size", true, run_word_size},
    {"segments", true, run_segments},
    {"move", true, run_move},
    {"digest", true, run_digest},
    {"write", true, run_write},
    {"write_other", true, run_write_other},
    {"save", true, run_save},
    {"compare", true, run_compare},
    {"generate", false, run_generate},
    {"synthetic", false, run_synthetic},
};

allocation_outcome
allocation_run(const allocation_operation *operation, const allocation_subject *subject,
               uint64_t budget, uint64_t fail_at)
{
	allocation_outcome outcome = {.answer = 0};
	imago_allocator allocator;
	imago_allocator_init(&allocator, budget);
	allocator.fail_at = fail_at;
	outcome.status = operation->run(subject, &allocator, &outcome.answer, &outcome.error);
	outcome.used = allocator.used;
	outcome.peak = allocator.peak;
	outcome.num_calls = allocator.num_calls;
	return outcome;
}

/* fuzz_image.h: what several targets ask of readers and writers. Whatever is an oracle of the
 * target takes its number (fuzz_oracle.h). */
#ifndef FUZZ_IMAGE_H
#define FUZZ_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuzz_input.h"
#include "imago/allocator.h"
#include "imago/check.h"
#include "imago/digest.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/image.h"
#include "imago/rebuild.h"
#include "imago/writer.h"

/* A reader under test: any format's, over plain bytes. */
typedef imago_status fuzz_read_fn(imago_heap **out, const uint8_t *bytes, uint64_t size,
                                  imago_allocator *allocator, imago_error *error);

/* The statuses that a reader's header documents, as bits 1 << status. */
typedef uint32_t fuzz_statuses;

/* Numbers of the oracles below. */
typedef struct fuzz_reader_oracles {
	size_t refusal, memory, failing_allocation;
} fuzz_reader_oracles;

/* What a target asks of a heap that was accepted. The bytes are those that it was read from. */
typedef void fuzz_accepted_fn(const imago_heap *heap, const uint8_t *bytes, uint64_t size);

/* What every reader owes its caller, on any bytes.
 * refusal: it has a documented status, a noun and a place inside the input.
 * memory: 4 * size + 1 MiB are enough, and all of it is given back.
 * failing_allocation: the fail_at-th allocation (modulo the number made) is made to fail: that is
 * reported, and all is given back.
 * What is accepted is shown to the target before it is given back: reading once more would be a
 * third of a run. */
void fuzz_expect_sound_reader(fuzz_read_fn *read, const uint8_t *bytes, uint64_t size,
                              fuzz_statuses documented, uint32_t fail_at,
                              fuzz_reader_oracles oracles, fuzz_accepted_fn *accepted);

/* The heap is written, in the format, byte for byte as it was read. */
void fuzz_expect_written_back(const imago_heap *heap, imago_format_id format, const uint8_t *bytes,
                              uint64_t size, size_t oracle);

/* The error of a refusal, as above. */
void fuzz_expect_refusal(const imago_error *error, imago_status status, uint64_t size,
                         fuzz_statuses documented, size_t oracle);

/* A writer for results; its own allocator has no budget, as the input bounds the result. */
typedef struct fuzz_output {
	imago_allocator allocator;
	imago_error error;
	imago_writer writer;
} fuzz_output;

/* The file of a heap in a format, or the refusal. Release in every case. */
imago_status fuzz_output_try(fuzz_output *output, const imago_heap *heap, imago_format_id format);

/* The same where nothing may refuse. */
void fuzz_output_write(fuzz_output *output, const imago_heap *heap, imago_format_id format);
void fuzz_output_release(fuzz_output *output);

/* The same of a heap that came out of a container of that format and was changed since. A folder
 * may have no room for it: its numbers are signed, and some addresses are permanent space's. A
 * single file then mostly has; if not, and permanent space or wide numbers are why, the refusal. */
imago_status fuzz_output_convert(fuzz_output *output, const imago_heap *heap,
                                 imago_format_id format);

bool fuzz_output_equal(const fuzz_output *a, const fuzz_output *b);

/* True when both heaps make the same file. */
bool fuzz_same_file(const imago_heap *a, const imago_heap *b, imago_format_id format);

/* The same of heaps that were changed; where nothing has room for them, they are compared. */
bool fuzz_same_image(const imago_heap *a, const imago_heap *b, imago_format_id format);

/* Checks an image by all rules; the counts of its findings. */
imago_check_summary fuzz_check(const imago_image *image);

/* The same of a heap that was made, by the core rules. */
imago_check_summary fuzz_check_heap(const imago_heap *heap);

/* True when objects are where they may be and slots lead where they may; what code may store into
 * slots is its own affair. */
bool fuzz_is_sound(const imago_heap *heap);

/* The digest of a heap that has one. */
imago_digest fuzz_digest(const imago_heap *heap);
bool fuzz_digest_equal(const imago_digest *a, const imago_digest *b);

/* True when both heaps have the same digest; neither may refuse. */
bool fuzz_same_digest(const imago_heap *a, const imago_heap *b);

/* True when class indices name the same classes in both heaps, one in the other byte order. Where a
 * page of the class table is in truth the inside of another object, its words are turned as that
 * one's, and which objects are Floats, or of what class, is another question afterwards. */
bool fuzz_same_classes(const imago_heap *heap, const imago_heap *turned);

imago_byte_order fuzz_other_order(imago_byte_order order);

/* An input taken as an image, with what a target needs to work on it. */
typedef struct fuzz_subject {
	imago_allocator allocator; /* of all that the target makes */
	imago_error error;
	imago_image image;
	imago_heap *heap; /* of the image */
	fuzz_input input; /* the decisions */
} fuzz_subject;

/* True for a layered file, whose bytes are no matter of targets about the classic containers: what
 * is written of it is a layered file of the layered heap (layered.c). */
bool fuzz_is_layered(const imago_image *image);

/* False when the bytes are no image. Close in every case. */
bool fuzz_subject_open(fuzz_subject *subject, const uint8_t *data, size_t size);

/* Everything that was allocated must have been given back: that is the oracle. */
void fuzz_subject_close(fuzz_subject *subject, size_t oracle);

/* A copy of a heap that may be written to. */
imago_heap *fuzz_copy(const imago_heap *heap, imago_allocator *allocator);

/* True when headers, places and bytes of all segments are the same. */
bool fuzz_same_header(const imago_image_header *a, const imago_image_header *b);
bool fuzz_same_segments(const imago_heap *a, const imago_heap *b);

/* A heap in another layout, or NULL and subject->error. */
imago_heap *fuzz_rebuild(fuzz_subject *subject, const imago_heap *heap,
                         const imago_rebuild_options *options);

/* One of the parts of a contract that is too much for one run: below num_parts (1 … 256). Chosen by
 * the input, and by its layout, so that seeds without a tail do not all choose the same. */
uint32_t fuzz_choose_part(fuzz_subject *subject, uint32_t num_parts);

/* A base near that of the heap, anywhere, or at the borders of the address space: one that suits no
 * heap, or one that suits most. */
imago_addr fuzz_choose_base(fuzz_input *input, const imago_heap *heap);

/* True when a free chunk has a link, listed or not, that leads out of the heap: moving the heap may
 * make it lead in, so that the way back moves what the way there left alone. */
bool fuzz_has_links_out(const imago_heap *heap);

/* True when the heap has permanent space. */
bool fuzz_has_perm(const imago_heap *heap);

#endif

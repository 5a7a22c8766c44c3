/* containers: a Spur image is the same in a folder and in a single file.
 *
 * Whatever image can be read and written in both containers: from one into the other and back it is
 * the same heap, object bytes and digest (or its refusal) included, and from then on the same file.
 * What the way normalises, and nothing else: to a folder and back, savedWindowSize becomes 0, the
 * prefix, the end of the header and the bytes behind the last segment go, dataSize no longer counts
 * these, segments without objects are left out, bridges that announce a gap where none follows are
 * written anew, and a header shorter than VMs write it gets their size; to a single file and back,
 * imageHeaderSize becomes one that a file can have, metadata is written as imago writes it, and the
 * second half of a bridge without a gap, which nobody reads, becomes 0. What does not fit the other
 * container is refused with a documented status and a noun: V3, permanent space (in a file), old
 * space that reaches into permanent space (in a folder), values wider than their field, a heap
 * without objects. */
#include <string.h>

#include "fuzz_image.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"

enum {
	TO_FOLDER,
	FILE_COMES_BACK,
	FOLDER_COMES_BACK,
	SAME_FILES,
	OBJECT_BYTES,
	DIGEST,
	FILE_REFUSED,
	FOLDER_REFUSED,
	V3_REFUSED,
	PERM_REFUSED,
	NO_LEAK,
};
static const char *const oracles[] = {
    [TO_FOLDER] = "other_container_is_read",
    [FILE_COMES_BACK] = "file_comes_back",
    [FOLDER_COMES_BACK] = "folder_comes_back",
    [SAME_FILES] = "same_files_of_folder",
    [OBJECT_BYTES] = "object_bytes_stay",
    [DIGEST] = "digest_stays",
    [FILE_REFUSED] = "file_refusal_is_named",
    [FOLDER_REFUSED] = "folder_refusal_is_named",
    [V3_REFUSED] = "v3_is_refused_by_name",
    [PERM_REFUSED] = "perm_is_refused_by_name",
    [NO_LEAK] = "no_leak",
};
FUZZ_DECLARE_ORACLES("containers", oracles);

/* Segments that hold anything: what a folder keeps. */
static bool
next_kept(const imago_heap *heap, size_t *index)
{
	while (*index < heap->num_segments && heap->segments[*index].size == 0) {
		(*index)++;
	}
	return *index < heap->num_segments;
}

static void
expect_same_objects(const imago_heap *heap, const imago_heap *other)
{
	size_t i = 0;
	size_t k = 0;
	while (next_kept(heap, &i)) {
		FUZZ_ORACLE(OBJECT_BYTES, next_kept(other, &k));
		const imago_segment *from = &heap->segments[i++];
		const imago_segment *to = &other->segments[k++];
		FUZZ_ORACLE(OBJECT_BYTES, from->start == to->start && from->size == to->size);
		FUZZ_ORACLE(OBJECT_BYTES, memcmp(from->bytes, to->bytes, (size_t)from->size) == 0);
	}
	FUZZ_ORACLE(OBJECT_BYTES, !next_kept(other, &k));
}

static void
expect_same_digest(fuzz_subject *subject, const imago_heap *other)
{
	imago_digest before;
	imago_digest after;
	const imago_status status =
	    imago_digest_compute(&before, subject->heap, &subject->allocator, &subject->error);
	FUZZ_ORACLE(DIGEST, imago_digest_compute(&after, other, &subject->allocator, &subject->error) ==
	                        status);
	if (status == IMAGO_OK) {
		FUZZ_ORACLE(DIGEST, fuzz_digest_equal(&before, &after));
	}
}

/* The single file as it comes back from a folder. */
static imago_status
write_normalised_file(fuzz_subject *subject, fuzz_output *output)
{
	imago_heap *copy = NULL;
	imago_error error;
	FUZZ_ASSERT(imago_heap_create(&copy, IMAGO_SPUR, subject->heap->layout, &subject->allocator,
	                              &error) == IMAGO_OK);
	imago_heap *whole = fuzz_copy(subject->heap, &subject->allocator);
	copy->header = whole->header;
	copy->bridges = IMAGO_BRIDGES_FILE;
	for (size_t i = 0; next_kept(whole, &i); i++) {
		FUZZ_ASSERT(imago_heap_add_segment(copy, &whole->segments[i], &error) == IMAGO_OK);
	}
	imago_status status = imago_heap_set_bridges(copy, IMAGO_BRIDGES_FILE, &error);
	if (status == IMAGO_OK) {
		const imago_segment *first = &copy->segments[0];
		const uint64_t usual =
		    copy->layout.word_bytes == 8 ? IMAGO_HEADER_SIZE_64 : IMAGO_HEADER_SIZE_32;
		copy->header.saved_window_size = 0;
		if (copy->header.header_size < usual) {
			copy->header.header_size = usual;
		}
		copy->header.data_size = imago_heap_data_size(copy);
		copy->header.old_base_address = first->start;
		copy->header.first_segment_size = first->size + first->bridge_size;
		status = fuzz_output_try(output, copy, IMAGO_FORMAT_SPUR);
	}
	imago_heap_destroy(copy);
	imago_heap_destroy(whole);
	return status;
}

/* classic -> folder -> classic */
static void
through_a_folder(fuzz_subject *subject)
{
	fuzz_output folder;
	fuzz_output expected;
	fuzz_output returned;
	fuzz_subject other;
	if (fuzz_output_try(&folder, subject->heap, IMAGO_FORMAT_COMPOSED) != IMAGO_OK) {
		fuzz_expect_refusal(&folder.error, folder.error.status, 0,
		                    1u << IMAGO_EUNSUPPORTED | 1u << IMAGO_EALIGN | 1u << IMAGO_ERANGE,
		                    FOLDER_REFUSED);
		fuzz_output_release(&folder);
		return;
	}
	FUZZ_ORACLE(TO_FOLDER,
	            fuzz_subject_open(&other, folder.writer.bytes, (size_t)folder.writer.size));
	FUZZ_ORACLE(TO_FOLDER, other.image.format == IMAGO_FORMAT_COMPOSED);
	expect_same_objects(subject->heap, other.heap);
	expect_same_digest(subject, other.heap);
	FUZZ_ORACLE(FILE_COMES_BACK,
	            fuzz_output_try(&returned, other.heap, IMAGO_FORMAT_SPUR) == IMAGO_OK);
	FUZZ_ASSERT(write_normalised_file(subject, &expected) == IMAGO_OK);
	FUZZ_ORACLE(FILE_COMES_BACK, fuzz_output_equal(&returned, &expected));
	fuzz_output_release(&expected);
	fuzz_output_release(&returned);
	fuzz_subject_close(&other, NO_LEAK);
	fuzz_output_release(&folder);
}

/* The second half of the bridge that ends a segment: nobody reads it where no gap follows. */
static uint64_t
ignored_bytes(const char *name)
{
	const char *dot = strchr(name, '.');
	return strncmp(name, "seg", 3) == 0 && strcmp(dot, ".data") == 0 ? 8 : 0;
}

/* The files of two folders: the header by its fields, all others by their bytes. */
static void
expect_same_folder(const fuzz_subject *first, const fuzz_subject *second)
{
	const imago_folder *folder = &first->image.folder;
	imago_image_header header = second->heap->header;
	header.header_size = first->heap->header.header_size;
	FUZZ_ORACLE(FOLDER_COMES_BACK, fuzz_same_header(&first->heap->header, &header));
	FUZZ_ORACLE(SAME_FILES, folder->num_files == second->image.folder.num_files);
	for (size_t i = 0; i < folder->num_files; i++) {
		const imago_folder_file *file = &folder->files[i];
		const imago_folder_file *twin = imago_folder_find(&second->image.folder, file->name);
		FUZZ_ORACLE(SAME_FILES, twin != NULL);
		if (strcmp(file->name, "header.ston") != 0) {
			FUZZ_ORACLE(SAME_FILES, twin->size == file->size);
			const uint64_t same = file->size - ignored_bytes(file->name);
			FUZZ_ORACLE(SAME_FILES, memcmp(twin->bytes, file->bytes, (size_t)same) == 0);
		}
	}
}

/* folder -> classic -> folder; the folder is first written as imago writes it. */
static void
through_a_file(fuzz_subject *subject)
{
	fuzz_output folder;
	fuzz_output file;
	fuzz_output returned;
	fuzz_subject first;
	fuzz_subject classic;
	fuzz_subject second;
	if (fuzz_output_try(&file, subject->heap, IMAGO_FORMAT_SPUR) != IMAGO_OK) {
		const bool perm = fuzz_has_perm(subject->heap);
		fuzz_expect_refusal(&file.error, file.error.status, 0,
		                    perm ? 1u << IMAGO_EUNSUPPORTED
		                         : 1u << IMAGO_ERANGE | 1u << IMAGO_EALIGN,
		                    perm ? PERM_REFUSED : FILE_REFUSED);
		fuzz_output_release(&file);
		return;
	}
	FUZZ_ORACLE(PERM_REFUSED, !fuzz_has_perm(subject->heap));
	FUZZ_ORACLE(TO_FOLDER,
	            fuzz_subject_open(&classic, file.writer.bytes, (size_t)file.writer.size));
	expect_same_objects(subject->heap, classic.heap);
	expect_same_digest(subject, classic.heap);
	fuzz_output_write(&folder, subject->heap, IMAGO_FORMAT_COMPOSED);
	FUZZ_ASSERT(fuzz_subject_open(&first, folder.writer.bytes, (size_t)folder.writer.size));
	FUZZ_ORACLE(FOLDER_COMES_BACK,
	            fuzz_output_try(&returned, classic.heap, IMAGO_FORMAT_COMPOSED) == IMAGO_OK);
	FUZZ_ORACLE(FOLDER_COMES_BACK,
	            fuzz_subject_open(&second, returned.writer.bytes, (size_t)returned.writer.size));
	expect_same_folder(&first, &second);
	fuzz_subject_close(&second, NO_LEAK);
	fuzz_output_release(&returned);
	fuzz_subject_close(&first, NO_LEAK);
	fuzz_output_release(&folder);
	fuzz_subject_close(&classic, NO_LEAK);
	fuzz_output_release(&file);
}

static void
expect_v3_refused(const imago_heap *heap)
{
	fuzz_output output;
	FUZZ_ORACLE(V3_REFUSED,
	            fuzz_output_try(&output, heap, IMAGO_FORMAT_COMPOSED) == IMAGO_EUNSUPPORTED);
	FUZZ_ORACLE(V3_REFUSED, strcmp(output.error.what, "V3 image") == 0);
	FUZZ_ORACLE(V3_REFUSED, output.writer.size == 0);
	fuzz_output_release(&output);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_subject subject;
	if (fuzz_subject_open(&subject, data, size)) {
		switch (subject.image.format) {
		case IMAGO_FORMAT_SPUR:
			through_a_folder(&subject);
			break;
		case IMAGO_FORMAT_COMPOSED:
			through_a_file(&subject);
			break;
		case IMAGO_FORMAT_LAYERED:
			break;
		default:
			expect_v3_refused(subject.heap);
			break;
		}
	}
	fuzz_subject_close(&subject, NO_LEAK);
	return 0;
}

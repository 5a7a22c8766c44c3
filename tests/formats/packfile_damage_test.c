/* packfile_damage_test.c: every prefix and every single-bit flip of small packfiles is refused,
 * found, harmless, or another packfile that is sound: executed within bounds, and written so that
 * it comes back. */
#include "assertions.h"
#include "packfile_files.h"

#include <stdlib.h>
#include <string.h>

#include "imago/packfile_check.h"

typedef enum fate { REFUSED, FOUND, HARMLESS, ANOTHER, NUM_FATES } fate;

typedef struct original {
	const char *name;
	const uint8_t *bytes;
	uint64_t size;
	uint64_t end; /* of the directory */
	char prints[MOST_PRINTED];
} original;

/* What is documented (packfile.h). */
static bool
is_documented(imago_status status)
{
	return status == IMAGO_EMAGIC || status == IMAGO_EVERSION || status == IMAGO_ETRUNCATED ||
	       status == IMAGO_ERANGE || status == IMAGO_EALIGN || status == IMAGO_ESTRUCTURE;
}

static bool
note(const imago_finding *finding, void *payload)
{
	const uint64_t *size = payload;
	assert_true(finding->offset < *size);
	return true;
}

/* There and back, in the layout of the other word size and order. */
static void
expect_comes_back(const imago_packfile *packfile, imago_allocator *allocator)
{
	imago_error error = {0};
	imago_writer there;
	imago_writer back;
	imago_packfile other;
	const imago_packfile_target to = {.layout = {(uint8_t)(12 - packfile->layout.word_bytes),
	                                             packfile->layout.byte_order == IMAGO_BIG_ENDIAN
	                                                 ? IMAGO_LITTLE_ENDIAN
	                                                 : IMAGO_BIG_ENDIAN}};
	const imago_packfile_target home = {.layout = packfile->layout};
	imago_writer_init(&there, allocator, to.layout, NULL);
	imago_writer_init(&back, allocator, to.layout, NULL);
	const imago_status status = imago_packfile_write(packfile, &to, &there, &error);
	if (status == IMAGO_OK) {
		assert_ok(imago_packfile_read(&other, there.bytes, there.size, NULL, allocator, &error),
		          &error);
		assert_ok(imago_packfile_write(&other, &home, &back, &error), &error);
		assert_int_equal(back.size, packfile->size);
		assert_memory_equal(back.bytes, packfile->bytes, back.size);
		imago_packfile_close(&other);
	} else {
		assert_true(status == IMAGO_EUNSUPPORTED || status == IMAGO_ESTRUCTURE);
	}
	imago_writer_release(&there);
	imago_writer_release(&back);
}

static fate
fate_of(const original *o, const uint8_t *bytes, uint64_t size)
{
	static printed out;
	imago_allocator allocator;
	imago_packfile packfile;
	imago_check_sink sink;
	imago_error error = {0};
	imago_allocator_init(&allocator, 24 * size + 4096);
	const imago_status status =
	    imago_packfile_read(&packfile, bytes, size, NULL, &allocator, &error);
	fate result = REFUSED;
	if (status != IMAGO_OK) {
		assert_true(is_documented(status));
		assert_non_null(error.what);
		assert_true(error.offset <= size);
	} else {
		imago_check_sink_init(&sink, NULL, note, &size);
		imago_packfile_check(&packfile, &sink);
		assert_int_equal(run_packfile(&packfile, 1000, &out), IMAGO_OK);
		const imago_check_summary *summary = &sink.summary;
		/* Without an error a program that was looked at runs to its end. */
		if (summary->num_errors + summary->num_warnings == 0) {
			assert_int_equal(out.result.end, IMAGO_PACKFILE_ENDED);
		}
		result = summary->num_errors + summary->num_warnings > 0 ? FOUND
		         : strcmp(out.text, o->prints) == 0              ? HARMLESS
		                                                         : ANOTHER;
		allocator.budget = IMAGO_UNLIMITED;
		expect_comes_back(&packfile, &allocator);
	}
	imago_packfile_close(&packfile);
	assert_no_leak(&allocator);
	return result;
}

static void
original_init(original *o, const char *name, const uint8_t *bytes, uint64_t size)
{
	static printed out;
	imago_allocator allocator;
	imago_packfile packfile;
	imago_error error = {0};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	*o = (original){.name = name, .bytes = bytes, .size = size};
	assert_ok(imago_packfile_read(&packfile, bytes, size, NULL, &allocator, &error), &error);
	assert_int_equal(run_packfile(&packfile, 1000, &out), IMAGO_OK);
	assert_int_equal(out.result.end, IMAGO_PACKFILE_ENDED);
	memcpy(o->prints, out.text, sizeof o->prints);
	o->end = packfile.segments_end;
	imago_packfile_close(&packfile);
}

static void
cut_everywhere(const original *o)
{
	for (uint64_t size = 0; size < o->size; size++) {
		/* A block of that very size, so that a sanitizer sees who reads behind it. */
		uint8_t *bytes = malloc(size > 0 ? (size_t)size : 1);
		memcpy(bytes, o->bytes, (size_t)size);
		const fate which = fate_of(o, bytes, size);
		assert_true(size < o->end ? which == REFUSED : which == HARMLESS);
		free(bytes);
	}
}

static void
flip_every_bit(const original *o)
{
	size_t fates[NUM_FATES] = {0};
	uint8_t *bytes = malloc((size_t)o->size);
	memcpy(bytes, o->bytes, (size_t)o->size);
	for (uint64_t i = 0; i < 8 * o->size; i++) {
		bytes[i / 8] = (uint8_t)(bytes[i / 8] ^ 1 << i % 8);
		fates[fate_of(o, bytes, o->size)]++;
		bytes[i / 8] = (uint8_t)(bytes[i / 8] ^ 1 << i % 8);
	}
	free(bytes);
	print_message("%s: %zu flips refused, %zu found, %zu harmless, %zu make another program\n",
	              o->name, fates[REFUSED], fates[FOUND], fates[HARMLESS], fates[ANOTHER]);
	assert_true(fates[REFUSED] > 0);
	assert_true(fates[FOUND] > 0);
}

static void
drafts_damaged(void **state)
{
	(void)state;
	static original o;
	static draft d;
	for (size_t i = 0; i < NUM_PACKFILE_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_writer file;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_writer_init(&file, &allocator, packfile_layouts[i], NULL);
		draft_init(&d, packfile_layouts[i], (uint8_t)(i % 3));
		draft_write(&d, &file);
		original_init(&o, "draft", file.bytes, file.size);
		cut_everywhere(&o);
		flip_every_bit(&o);
		imago_writer_release(&file);
	}
}

static void
genuine_files_damaged(void **state)
{
	(void)state;
	static original o;
	for (size_t i = 0; i < NUM_REAL_PACKFILES; i++) {
		imago_allocator allocator;
		uint8_t *bytes;
		uint64_t size;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		if (!real_packfile_load(&real_packfiles[i], &allocator, &bytes, &size)) {
			skip();
		}
		original_init(&o, real_packfiles[i].name, bytes, size);
		cut_everywhere(&o);
		flip_every_bit(&o);
		imago_release(&allocator, bytes, size);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(drafts_damaged),
	    cmocka_unit_test(genuine_files_damaged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* real_images_test.c: the genuine images of ../shared/images: read, counted, written back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "classic_file.h"
#include "imago/file.h"
#include "imago/spur_image.h"
#include "imago/v3_image.h"
#include "imago/walk.h"

static const classic_format spur = {imago_spur_read, imago_spur_write};
static const classic_format v3 = {imago_v3_read, imago_v3_write};

/* What other VMs report after loading (../shared/images/README.md), and what the headers hold. */
typedef struct real_image {
	const char *path;
	const classic_format *format;
	const classic_format *other;
	uint32_t number;
	imago_byte_order byte_order;
	uint64_t num_objects;
	uint64_t num_forwarders;
} real_image;

static const real_image images[] = {
    {"../shared/images/spur64-68021-pharo-vm.image", &spur, &v3, 68021, IMAGO_LITTLE_ENDIAN, 2466,
     0},
    {"../shared/images/spur32-6521-headless.image", &spur, &v3, 6521, IMAGO_LITTLE_ENDIAN, 2443,
     44},
    {"../shared/images/spur32-6521-cp-node.image", &spur, &v3, 6521, IMAGO_LITTLE_ENDIAN, 4274, 0},
    {"../shared/images/v3-6505-bootstrapped.image", &v3, &spur, 6505, IMAGO_LITTLE_ENDIAN, 2525, 0},
    {"../shared/images/v3-6502-mini.image", &v3, &spur, 6502, IMAGO_LITTLE_ENDIAN, 17692, 0},
    {"../shared/images/v3-6502-running-exit.image", &v3, &spur, 6502, IMAGO_LITTLE_ENDIAN, 16181,
     0},
    {"../shared/images/v3-6502-be-squeakjs.image", &v3, &spur, 6502, IMAGO_BIG_ENDIAN, 15893, 0},
};

enum { NUM_IMAGES = sizeof images / sizeof images[0], SKIPPED = 77 };

typedef struct loaded_image {
	imago_allocator allocator;
	imago_error error;
	uint8_t *bytes;
	uint64_t size;
	imago_heap *heap;
} loaded_image;

static void
load(loaded_image *loaded, const real_image *image)
{
	*loaded = (loaded_image){0};
	imago_allocator_init(&loaded->allocator, IMAGO_UNLIMITED);
	assert_int_equal(imago_file_read(image->path, &loaded->allocator, &loaded->bytes, &loaded->size,
	                                 &loaded->error),
	                 IMAGO_OK);
	assert_int_equal(image->format->read(&loaded->heap, loaded->bytes, loaded->size,
	                                     &loaded->allocator, &loaded->error),
	                 IMAGO_OK);
}

static void
unload(loaded_image *loaded)
{
	imago_heap_destroy(loaded->heap);
	imago_release(&loaded->allocator, loaded->bytes, loaded->size);
	assert_int_equal(loaded->allocator.used, 0);
}

static void
every_header_says_what_the_file_name_says(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_IMAGES; i++) {
		loaded_image loaded;
		load(&loaded, &images[i]);
		const imago_heap *heap = loaded.heap;
		assert_int_equal(heap->header.image_format, images[i].number);
		assert_int_equal(heap->layout.byte_order, images[i].byte_order);
		assert_int_equal(heap->num_segments, 1);
		assert_int_equal(imago_heap_data_size(heap), heap->header.data_size);
		assert_int_equal(heap->segments[0].start, heap->header.old_base_address);
		assert_int_equal(heap->wrapping.prefix_size, 0);
		assert_int_equal(heap->wrapping.trailing_size, 0);
		unload(&loaded);
	}
}

static void
every_object_that_other_systems_count_is_counted(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_IMAGES; i++) {
		loaded_image loaded;
		load(&loaded, &images[i]);
		imago_census census;
		assert_int_equal(imago_census_take(loaded.heap, &census, &loaded.error), IMAGO_OK);
		assert_int_equal(census.num_objects, images[i].num_objects);
		assert_int_equal(census.num_forwarders, images[i].num_forwarders);
		assert_int_equal(census.num_puns, 0);
		assert_int_equal(census.free_bytes, loaded.heap->header.free_old_space);
		unload(&loaded);
	}
}

static void
every_file_is_written_back_byte_for_byte(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_IMAGES; i++) {
		loaded_image loaded;
		load(&loaded, &images[i]);
		assert_round_trip(images[i].format, loaded.bytes, loaded.size);
		unload(&loaded);
	}
}

static void
reading_takes_less_memory_than_a_page(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_IMAGES; i++) {
		loaded_image loaded;
		load(&loaded, &images[i]);
		assert_true(loaded.allocator.used < loaded.size + 4096);
		unload(&loaded);
	}
}

static void
every_file_is_refused_by_the_reader_of_the_other_format(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_IMAGES; i++) {
		loaded_image loaded;
		load(&loaded, &images[i]);
		imago_heap *heap = NULL;
		assert_int_equal(images[i].other->read(&heap, loaded.bytes, loaded.size, &loaded.allocator,
		                                       &loaded.error),
		                 IMAGO_EVERSION);
		assert_null(heap);
		unload(&loaded);
	}
}

/* Every 97th length, the header byte by byte: the small files of the other tests have them all. */
static void
shortened_files_are_refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_IMAGES; i++) {
		loaded_image loaded;
		load(&loaded, &images[i]);
		for (uint64_t size = 0; size < loaded.size; size += size < 256 ? 1 : 97) {
			imago_heap *heap = NULL;
			assert_int_equal(
			    images[i].format->read(&heap, loaded.bytes, size, &loaded.allocator, &loaded.error),
			    IMAGO_ETRUNCATED);
			assert_null(heap);
		}
		unload(&loaded);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_header_says_what_the_file_name_says),
	    cmocka_unit_test(every_object_that_other_systems_count_is_counted),
	    cmocka_unit_test(every_file_is_written_back_byte_for_byte),
	    cmocka_unit_test(reading_takes_less_memory_than_a_page),
	    cmocka_unit_test(every_file_is_refused_by_the_reader_of_the_other_format),
	    cmocka_unit_test(shortened_files_are_refused),
	};
	if (imago_path_kind_of(images[0].path) != IMAGO_PATH_FILE) {
		puts("skipped: no real images");
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

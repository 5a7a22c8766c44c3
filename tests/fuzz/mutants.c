/* mutants.c: seeds for the tests of the mutator, and what becomes of a mutant. */
#include "mutants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imago/check.h"
#include "imago/walk.h"

enum { CANARY_SIZE = 64, CANARY = 0xA5 };

const char *
seed_name(size_t index)
{
	return test_layouts[index < NUM_TEST_LAYOUTS ? index : index - NUM_TEST_LAYOUTS].name;
}

imago_format_id
seed_format(size_t index)
{
	return index < NUM_TEST_LAYOUTS ? test_format_of(&test_layouts[index]) : IMAGO_FORMAT_COMPOSED;
}

test_image
seed_image(size_t index, imago_allocator *allocator)
{
	if (index < NUM_TEST_LAYOUTS) {
		return varied_image(&test_layouts[index], allocator);
	}
	const test_layout *layout = &test_layouts[index - NUM_TEST_LAYOUTS];
	imago_heap *heap =
	    index % 2 == 0 ? perm_heap(layout, allocator) : varied_heap(layout, allocator);
	return test_image_of(heap, IMAGO_FORMAT_COMPOSED, allocator);
}

void
mutant_init(mutant *m, size_t capacity)
{
	m->capacity = capacity;
	m->size = 0;
	m->block = malloc(capacity + 2 * (size_t)CANARY_SIZE);
	if (m->block == NULL) {
		abort();
	}
	memset(m->block, CANARY, capacity + 2 * (size_t)CANARY_SIZE);
	m->bytes = m->block + CANARY_SIZE;
}

void
mutant_set(mutant *m, const uint8_t *bytes, size_t size)
{
	if (size > 0) {
		memcpy(m->bytes, bytes, size);
	}
	m->size = size;
}

bool
mutant_canaries_live(const mutant *m)
{
	for (size_t i = 0; i < CANARY_SIZE; i++) {
		if (m->block[i] != CANARY || m->bytes[m->capacity + i] != CANARY) {
			return false;
		}
	}
	return true;
}

void
mutant_release(mutant *m)
{
	free(m->block);
}

static bool
report_nothing(const imago_finding *finding, void *payload)
{
	(void)finding;
	(void)payload;
	return true;
}

bool
is_sound(const uint8_t *bytes, size_t size)
{
	imago_allocator allocator;
	imago_image image;
	imago_check_sink sink;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_check_sink_init(&sink, NULL, report_nothing, NULL);
	const bool sound = imago_image_read(&image, bytes, size, &allocator, NULL) == IMAGO_OK &&
	                   imago_image_check(&image, &sink, &allocator, NULL) == IMAGO_OK &&
	                   sink.summary.num_errors == 0;
	imago_image_close(&image);
	return sound;
}

bool
is_walkable(const uint8_t *bytes, size_t size)
{
	imago_allocator allocator;
	imago_image image;
	imago_census census;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	const bool walkable = imago_image_read(&image, bytes, size, &allocator, NULL) == IMAGO_OK &&
	                      imago_census_take(image.heap, &census, NULL) == IMAGO_OK;
	imago_image_close(&image);
	return walkable;
}

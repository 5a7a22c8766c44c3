/* mutants.h: seeds for the tests of the mutator, and what becomes of a mutant. */
#ifndef TESTS_FUZZ_MUTANTS_H
#define TESTS_FUZZ_MUTANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/mutate.h"
#include "small_image.h"

/* Seeds: varied images of each layout, then bundles with permanent space of the Spur layouts. */
enum { NUM_SEEDS = NUM_TEST_LAYOUTS + NUM_SPUR_TEST_LAYOUTS };

const char *seed_name(size_t index);
imago_format_id seed_format(size_t index);
test_image seed_image(size_t index, imago_allocator *allocator);

/* A buffer with room for the mutant and canaries around it. */
typedef struct mutant {
	uint8_t *block;
	uint8_t *bytes;
	size_t size;
	size_t capacity;
} mutant;

void mutant_init(mutant *m, size_t capacity);
void mutant_set(mutant *m, const uint8_t *bytes, size_t size);
bool mutant_canaries_live(const mutant *m);
void mutant_release(mutant *m);

/* The reader accepts the bytes and the walk reaches the end of every segment. */
bool is_walkable(const uint8_t *bytes, size_t size);

/* True when it is an image without errors. */
bool is_sound(const uint8_t *bytes, size_t size);

#endif

/* afl_adapter_test.c: the mutator as AFL++ uses it: a module loaded into another program. Its path
 * is the first argument; without one, the tests are skipped. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "assertions.h"
#include "mutants.h"

typedef struct afl_module {
	void *handle;
	void *(*init)(void *afl, unsigned int seed);
	void (*deinit)(void *data);
	size_t (*fuzz)(void *data, unsigned char *buf, size_t buf_size, unsigned char **out_buf,
	               unsigned char *add_buf, size_t add_buf_size, size_t max_size);
	const char *(*describe)(void *data, size_t max_description_len);
	size_t (*havoc)(void *data, unsigned char *buf, size_t buf_size, unsigned char **out_buf,
	                size_t max_size);
	unsigned char (*havoc_probability)(void *data);
	int32_t (*init_trim)(void *data, unsigned char *buf, size_t buf_size);
	size_t (*trim)(void *data, unsigned char **out_buf);
	int32_t (*post_trim)(void *data, unsigned char success);
	size_t (*post_process)(void *data, unsigned char *buf, size_t buf_size,
	                       unsigned char **out_buf);
} afl_module;

static afl_module afl;
static const char *module_path;

/* POSIX promises that a symbol's address fits a function pointer, C does not. */
static void
find(void *function, const char *name)
{
	void *symbol = dlsym(afl.handle, name);
	if (symbol == NULL) {
		fail_msg("%s: no %s", module_path, name);
	}
	memcpy(function, &symbol, sizeof symbol);
}

static int
load_module(void **state)
{
	(void)state;
	afl.handle = dlopen(module_path, RTLD_NOW | RTLD_LOCAL);
	if (afl.handle == NULL) {
		print_error("%s\n", dlerror());
		return -1;
	}
	find(&afl.init, "afl_custom_init");
	find(&afl.deinit, "afl_custom_deinit");
	find(&afl.fuzz, "afl_custom_fuzz");
	find(&afl.describe, "afl_custom_describe");
	find(&afl.havoc, "afl_custom_havoc_mutation");
	find(&afl.havoc_probability, "afl_custom_havoc_mutation_probability");
	find(&afl.init_trim, "afl_custom_init_trim");
	find(&afl.trim, "afl_custom_trim");
	find(&afl.post_trim, "afl_custom_post_trim");
	find(&afl.post_process, "afl_custom_post_process");
	return 0;
}

static int
unload_module(void **state)
{
	(void)state;
	return dlclose(afl.handle);
}

/* An image as AFL++ holds it: in a buffer of its own, which the mutator must not write to. */
typedef struct input {
	unsigned char *bytes;
	size_t size;
} input;

static input
input_of(const char *layout)
{
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	test_image image = varied_image(test_layout_find(layout), &allocator);
	assert_non_null(image.bytes);
	const input made = {malloc((size_t)image.size), (size_t)image.size};
	assert_non_null(made.bytes);
	memcpy(made.bytes, image.bytes, made.size);
	test_image_release(&image);
	return made;
}

static void
the_interface_of_the_module_is_all_it_exports(void **state)
{
	(void)state;
	assert_null(dlsym(afl.handle, "imago_mutate"));
	assert_null(dlsym(afl.handle, "imago_image_read"));
}

static void
the_same_seed_gives_the_same_mutants(void **state)
{
	(void)state;
	const input image = input_of("v3");
	const input original = input_of("v3");
	void *one = afl.init(NULL, 7);
	void *two = afl.init(NULL, 7);
	void *other = afl.init(NULL, 8);
	unsigned num_other = 0;
	for (int i = 0; i < 200; i++) {
		unsigned char *a = NULL;
		unsigned char *b = NULL;
		unsigned char *c = NULL;
		const size_t limit = image.size + 4096;
		const size_t size_a = afl.fuzz(one, image.bytes, image.size, &a, NULL, 0, limit);
		const size_t size_b = afl.fuzz(two, image.bytes, image.size, &b, NULL, 0, limit);
		const size_t size_c = afl.fuzz(other, image.bytes, image.size, &c, NULL, 0, limit);
		assert_true(size_a > 0 && size_a <= limit);
		assert_int_equal(size_a, size_b);
		assert_memory_equal(a, b, size_a);
		num_other += size_a != size_c || memcmp(a, c, size_a) != 0;
		assert_memory_equal(image.bytes, original.bytes, image.size);
	}
	assert_true(num_other > 190);
	afl.deinit(one);
	afl.deinit(two);
	afl.deinit(other);
	free(image.bytes);
	free(original.bytes);
}

static size_t
count_plus(const char *text)
{
	size_t count = 0;
	for (; *text != '\0'; text++) {
		count += *text == '+';
	}
	return count;
}

/* AFL++ runs each mutant once: what libFuzzer stacks, the module must stack itself. */
static void
one_call_stacks_up_to_eight_edits_and_names_them(void **state)
{
	(void)state;
	const input image = input_of("spur32");
	void *data = afl.init(NULL, 1);
	size_t num_by_edits[IMAGO_MAX_EDITS + 1] = {0};
	for (int i = 0; i < 400; i++) {
		unsigned char *out = NULL;
		(void)afl.fuzz(data, image.bytes, image.size, &out, NULL, 0, image.size + 4096);
		const char *description = afl.describe(data, 4096);
		assert_true(strlen(description) < 4096);
		const size_t num_edits = description[0] == '\0' ? 0 : 1 + count_plus(description);
		assert_true(num_edits <= IMAGO_MAX_EDITS);
		num_by_edits[num_edits]++;
		assert_true(strlen(afl.describe(data, 20)) < 20);
		assert_true(strlen(afl.describe(data, 1)) < 1);
	}
	for (size_t i = 1; i < IMAGO_MAX_EDITS; i++) {
		assert_true(num_by_edits[i] > 0);
	}
	assert_true(num_by_edits[0] < 10);
	afl.deinit(data);
	free(image.bytes);
}

static void
a_second_input_is_spliced_in(void **state)
{
	(void)state;
	const input image = input_of("spur32");
	const input donor = input_of("spur64be");
	void *data = afl.init(NULL, 0);
	unsigned num_spliced = 0;
	for (int i = 0; i < 160; i++) {
		unsigned char *out = NULL;
		const size_t size = afl.fuzz(data, image.bytes, image.size, &out, donor.bytes, donor.size,
		                             image.size + 8192);
		if (strstr(afl.describe(data, 256), "sound.splice") != NULL && i % 8 == 0) {
			num_spliced++;
			assert_true(size > image.size);
		}
	}
	assert_true(num_spliced > 3);
	afl.deinit(data);
	free(image.bytes);
	free(donor.bytes);
}

/* AFL++ stays with one entry of its queue for a long time, and hands over another one with each
 * mutant: where the one is no image, there still are images. */
static void
most_mutants_are_made_of_the_second_input(void **state)
{
	(void)state;
	enum { NUM_MUTANTS = 400 };
	unsigned char current[64] = {0};
	const input other = input_of("v3");
	const input original = input_of("v3");
	void *data = afl.init(NULL, 5);
	unsigned num_images = 0;
	unsigned num_empty = 0;
	for (int i = 0; i < NUM_MUTANTS; i++) {
		unsigned char *out = NULL;
		const size_t size = afl.fuzz(data, current, sizeof current, &out, other.bytes, other.size,
		                             other.size + 4096);
		num_images += is_walkable(out, size);
		num_empty += size < other.size / 2;
		assert_memory_equal(other.bytes, original.bytes, other.size);
	}
	assert_true(num_images > NUM_MUTANTS / 2);
	assert_true(num_empty > NUM_MUTANTS / 20);
	afl.deinit(data);
	free(other.bytes);
	free(original.bytes);
}

static void
havoc_gets_one_edit(void **state)
{
	(void)state;
	const input image = input_of("v3be");
	void *data = afl.init(NULL, 3);
	assert_in_range(afl.havoc_probability(data), 1, 100);
	for (int i = 0; i < 100; i++) {
		unsigned char *out = NULL;
		const size_t size = afl.havoc(data, image.bytes, image.size, &out, image.size + 100);
		assert_true(size > 0 && size <= image.size + 100);
		assert_int_equal(count_plus(afl.describe(data, 256)), 0);
	}
	afl.deinit(data);
	free(image.bytes);
}

/* As AFL++ does: as long as the mutant does the same (here: can be walked), go on from it. */
static void
trimming_makes_an_image_smaller_that_stays_an_image(void **state)
{
	(void)state;
	const input image = input_of("v3");
	void *data = afl.init(NULL, 0);
	size_t best = image.size;
	int32_t num_calls = 0;
	const int32_t steps = afl.init_trim(data, image.bytes, image.size);
	assert_true(steps > 0);
	for (int32_t at = 0; at < steps; num_calls++) {
		unsigned char *out = NULL;
		const size_t size = afl.trim(data, &out);
		assert_true(size > 0 && size <= best);
		const bool good = is_walkable(out, size);
		if (good) {
			best = size;
		}
		const int32_t next = afl.post_trim(data, good);
		assert_true(next > at || next >= steps);
		at = next;
	}
	assert_true(num_calls <= steps);
	assert_true(best < image.size * 3 / 4);
	/* A second one, broken off, and one of nothing. */
	assert_true(afl.init_trim(data, image.bytes, image.size) > 0);
	assert_int_equal(afl.init_trim(data, image.bytes, 0), 0);
	afl.deinit(data);
	free(image.bytes);
}

/* Images whose first object announces an overflow header and has none: they can be read, but not
 * walked. */
static input
broken_image(unsigned number)
{
	enum { HEADER = 64, HASH = HEADER + 4, SLOTS = HEADER + 7 };
	input broken = input_of("spur32");
	broken.bytes[HASH] = (unsigned char)number;
	broken.bytes[SLOTS] = 255;
	return broken;
}

static void
processing_repairs_only_where_asked(void **state)
{
	(void)state;
	enum { NUM_BROKEN = 64 };
	unsigned num_repaired = 0;
	unsigned num_broken = 0;
	void *plain = afl.init(NULL, 0);
	assert_int_equal(setenv("IMAGO_AFL_REPAIR", "1", 1), 0);
	void *repairing = afl.init(NULL, 0);
	assert_int_equal(unsetenv("IMAGO_AFL_REPAIR"), 0);
	for (unsigned i = 0; i < NUM_BROKEN; i++) {
		const input broken = broken_image(i);
		unsigned char *out = NULL;
		assert_int_equal(afl.post_process(plain, broken.bytes, broken.size, &out), broken.size);
		assert_ptr_equal(out, broken.bytes);
		if (!is_walkable(broken.bytes, broken.size)) {
			const size_t size = afl.post_process(repairing, broken.bytes, broken.size, &out);
			num_broken++;
			num_repaired += out != broken.bytes && is_walkable(out, size);
		}
		free(broken.bytes);
	}
	assert_true(num_broken > NUM_BROKEN / 2);
	/* One in eight is spared. */
	assert_true(num_repaired > num_broken * 3 / 4);
	assert_true(num_repaired < num_broken);
	afl.deinit(plain);
	afl.deinit(repairing);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_interface_of_the_module_is_all_it_exports),
	    cmocka_unit_test(the_same_seed_gives_the_same_mutants),
	    cmocka_unit_test(one_call_stacks_up_to_eight_edits_and_names_them),
	    cmocka_unit_test(a_second_input_is_spliced_in),
	    cmocka_unit_test(most_mutants_are_made_of_the_second_input),
	    cmocka_unit_test(havoc_gets_one_edit),
	    cmocka_unit_test(trimming_makes_an_image_smaller_that_stays_an_image),
	    cmocka_unit_test(processing_repairs_only_where_asked),
	};
	if (argc != 2) {
		print_message("skipped: the path of imago_afl_mutator.so is needed\n");
		return 77;
	}
	module_path = argv[1];
	return cmocka_run_group_tests(tests, load_module, unload_module);
}

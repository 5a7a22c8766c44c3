/* survey_test.c: each way to break pockets is told, by its name. */
#include "pocket_fixture.h"

#include <string.h>

typedef struct sample {
	imago_addr a, b, function, table, body, vector, nested;
} sample;

static imago_addr
value_of(const imago_pockets *pockets, const char *name)
{
	imago_pocket symbol;
	assert_true(imago_pocket_at(
	    pockets, imago_symbol_find(pockets, root_of(pockets), name, strlen(name)), &symbol));
	return imago_pocket_pointer(&symbol, IMAGO_SYMBOL_VALUE);
}

static sample
make_sample(pocket_fixture *f)
{
	imago_pocket pocket;
	(void)result_of(&f->pockets, "V←1 2 3");
	(void)result_of(&f->pockets, "N←V 'abc'");
	define(&f->pockets, "R←F B\nR←B+1 2 V");
	sample s = {.a = imago_symbol_find(&f->pockets, root_of(&f->pockets), "V", 1),
	            .b = imago_symbol_find(&f->pockets, root_of(&f->pockets), "N", 1),
	            .function = value_of(&f->pockets, "F"),
	            .vector = value_of(&f->pockets, "V"),
	            .nested = value_of(&f->pockets, "N")};
	assert_true(imago_pocket_at(&f->pockets, s.function, &pocket));
	s.table = imago_pocket_pointer(&pocket, 0);
	s.body = imago_pocket_pointer(&pocket, 1);
	return s;
}

/* Writes a word of so many bytes, asks for the problems, and puts the old one back. */
static uint32_t
problems_with(pocket_fixture *f, imago_addr address, unsigned bytes, uint64_t value)
{
	uint8_t old[8];
	uint8_t *place = imago_pocket_bytes(&f->pockets, address, bytes);
	assert_non_null(place);
	memcpy(old, place, bytes);
	for (unsigned i = 0; i < bytes; i++) {
		place[i] = (uint8_t)(value >> (8 * i));
	}
	const uint32_t problems = problems_of(&f->pockets, false);
	memcpy(imago_pocket_bytes(&f->pockets, address, bytes), old, bytes);
	return problems;
}

#define BIT(name) (1U << IMAGO_PROBLEM_##name)

static void
each_lie_is_told(void **state)
{
	pocket_fixture *f = *state;
	const sample s = make_sample(f);
	const imago_addr start = IMAGO_REGION_START(0);
	const struct {
		imago_addr address;
		unsigned bytes;
		uint64_t value;
		uint32_t expected; /* among what is told */
	} lies[] = {
	    {s.vector, 8, 8, BIT(LENGTH)},
	    {s.vector, 8, 40, BIT(LENGTH)},
	    {s.vector, 8, UINT64_MAX, BIT(LENGTH)},
	    {s.vector + 8, 4, 7, BIT(COUNT)},
	    {s.vector + 12, 1, IMAGO_NUM_POCKET_KINDS, BIT(ZONES) | BIT(KIND)},
	    {s.vector + 12, 1, IMAGO_POCKET_BODY, BIT(KIND)},
	    {s.vector + 12, 1, 58, BIT(ZONES) | BIT(KIND)}, /* past the bits of a word */
	    {s.vector + 13, 1, IMAGO_NUM_ARRAY_TYPES, BIT(ZONES)},
	    {s.vector + 14, 1, 9, BIT(ZONES)},
	    {s.vector + 15, 1, 1, BIT(ZONES)},
	    {s.vector + 16, 8, 99, BIT(ARRAY)},
	    {s.vector + 16, 8, UINT64_MAX / 4, BIT(ARRAY)},
	    {s.nested + 15, 1, 1, BIT(MARK)},
	    {s.nested + 24, 8, s.nested, BIT(CIRCLE) | BIT(COUNT)},
	    {s.nested + 24, 8, s.function, BIT(KIND)},
	    {s.nested + 24, 8, 0, BIT(POINTER)},
	    {s.nested + 24, 8, s.vector + 16, BIT(POINTER)},
	    {s.nested + 24, 8, IMAGO_REGION_START(3), BIT(POINTER)},
	    {s.nested + 24, 8, UINT64_MAX, BIT(POINTER)},
	    {s.a + 13, 1, IMAGO_MARK_FUNCTION, BIT(MARK)},
	    {s.a + 13, 1, IMAGO_NUM_SYMBOL_MARKS, BIT(ZONES)},
	    {s.a + 14, 1, 0, BIT(NAME)},
	    {s.a + 14, 1, 200, BIT(NAME)},
	    {s.a + 15, 1, 9, BIT(ZONES)},
	    {s.a + 16, 8, s.a, BIT(TREE)},
	    {s.a + 16, 8, s.vector, BIT(TREE) | BIT(KIND)},
	    {s.a + 32, 8, s.table, BIT(KIND)},
	    {s.a + 40, 8, 0, BIT(POINTER)},
	    {s.a + 40, 8, s.a, BIT(KIND)},
	    {s.a + 48, 1, 'A', BIT(TREE)},
	    {s.a + 48, 1, '1', BIT(NAME)},
	    {s.function + 13, 1, 8, BIT(ZONES)},
	    {s.function + 13, 1, IMAGO_FUNCTION_LEFT, BIT(ZONES)},
	    {s.function + 13, 1, 7, BIT(BODY)}, /* fewer local names than the header says */
	    {s.function + 16, 8, s.body, BIT(KIND)},
	    {s.function + 24, 8, 0, BIT(POINTER)},
	    {s.table + 16, 4, 99, BIT(TABLE)},
	    {s.table + 16, 4, 0, BIT(KIND) | BIT(BODY)},
	    {s.table + 24, 8, s.vector, BIT(KIND)},
	    {s.table + 32, 8, 0, BIT(POINTER)},
	    {s.body + 12, 1, IMAGO_POCKET_ARRAY, BIT(KIND)},
	    {s.body + 13, 1, 1, BIT(ZONES)},
	    {s.body + 16, 4, 99, BIT(BODY)},
	    {s.body + 20, 4, UINT32_MAX, BIT(BODY)},
	    {s.body + 24, 4, UINT32_MAX, BIT(BODY)},
	    {s.body + 28, 4, 1, BIT(BODY)},
	    {s.body + 32, 4, 1, BIT(BODY)},
	    {s.body + 36, 1, 255, BIT(BODY)},
	    {s.body + 37, 1, 255, BIT(BODY)},
	    {start + 16, 8, s.a, BIT(KIND)},
	    {start + 24, 8, s.vector, BIT(KIND) | BIT(TREE)},
	    {start + 24, 8, 0, BIT(TREE)},
	    {start + 32, 8, 77, BIT(TREE)},
	};
	assert_int_equal(problems_of(&f->pockets, false), 0);
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		const uint32_t problems = problems_with(f, lies[i].address, lies[i].bytes, lies[i].value);
		if ((problems & lies[i].expected) != lies[i].expected) {
			fail_msg("lie %d: problems %x, not %x", (int)i, problems, lies[i].expected);
		}
	}
	assert_int_equal(problems_of(&f->pockets, false), 0);
}

/* What runs over lies ends, and touches nothing but the regions: the sanitizers' affair. */
static void
lies_do_not_crash_what_runs(void **state)
{
	pocket_fixture *f = *state;
	const sample s = make_sample(f);
	imago_allocator allocator;
	imago_allocator_init(&allocator, 1 << 24);
	const imago_region *region = &f->pockets.regions[0];
	static const char *const lines[] = {"F V", "N", "V V", "1↓N", "N←1", "F←2"};
	static const uint8_t values[] = {0, 1, 2, 7, 9, 0x10, 0x80, 0xFF};
	for (imago_addr at = s.a; at < IMAGO_REGION_START(0) + region->used; at++) {
		for (size_t v = 0; v < sizeof values; v++) {
			imago_pockets copy;
			imago_pockets_init_empty(&copy, &allocator);
			copy.regions[0] = *region;
			copy.regions[0].capacity = region->used;
			copy.regions[0].bytes = imago_allocate(&allocator, region->used, "copy", NULL);
			assert_non_null(copy.regions[0].bytes);
			memcpy(copy.regions[0].bytes, region->bytes, region->used);
			copy.regions[0].bytes[at - IMAGO_REGION_START(0)] = values[v];
			for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
				const imago_run_options options = {.fuel = 300};
				imago_run_result result;
				imago_error error;
				imago_run(&copy, copy.regions[0].root, lines[i], strlen(lines[i]), &options,
				          &result, &error);
				imago_pocket_drop(&copy, result.value);
			}
			imago_pockets_release(&copy);
			assert_no_leak(&allocator);
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pocket_setup, pocket_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(each_lie_is_told),
	    TEST(lies_do_not_crash_what_runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

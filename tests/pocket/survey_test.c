/* survey_test.c: each way to break pockets is told, by its name. */
#include "pocket_fixture.h"

#include <string.h>

typedef struct sample {
	imago_addr a, b, function, table, body, vector, nested;
} sample;

static sample
make_sample(pocket_fixture *f)
{
	imago_pocket pocket;
	(void)result_of(&f->pockets, "V←1 2 3");
	(void)result_of(&f->pockets, "N←V 'abc'");
	define(&f->pockets, "R←F B\nR←B+1 2 V");
	sample s = {.a = imago_symbol_find(&f->pockets, root_of(&f->pockets), "V", 1),
	            .b = imago_symbol_find(&f->pockets, root_of(&f->pockets), "N", 1),
	            .function = value_named(&f->pockets, "F"),
	            .vector = value_named(&f->pockets, "V"),
	            .nested = value_named(&f->pockets, "N")};
	assert_true(imago_pocket_at(&f->pockets, s.function, &pocket));
	s.table = imago_pocket_pointer(&pocket, 0);
	s.body = imago_pocket_pointer(&pocket, 1);
	return s;
}

/* Writes a word of so many bytes, asks for the problems, and puts the old one back. */
static uint32_t
problems_with(pocket_fixture *f, imago_addr address, unsigned bytes, uint64_t value)
{
	const uint64_t old = exchange(&f->pockets, address, bytes, value);
	const uint32_t problems = problems_of(&f->pockets, false);
	(void)exchange(&f->pockets, address, bytes, old);
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

/* Counts faults, and stops behind the last one that is wanted. */
typedef struct listener {
	unsigned num, most;
	imago_pocket_fault last;
} listener;

static bool
take_few(const imago_pocket_fault *fault, void *payload)
{
	listener *few = payload;
	few->last = *fault;
	return ++few->num < few->most;
}

static unsigned
faults_told(pocket_fixture *f, unsigned most)
{
	const imago_survey_options options = {.regions = 1};
	listener few = {.most = most};
	assert_ok(imago_pockets_survey(&f->pockets, &options, take_few, &few, NULL, &f->error),
	          &f->error);
	return few.num;
}

/* Faults of each pass, several of one pocket. */
static void
who_has_heard_enough_is_told_no_more(void **state)
{
	pocket_fixture *f = *state;
	const sample s = make_sample(f);
	const struct {
		imago_addr address;
		unsigned bytes;
		uint64_t value;
	} lies[] = {{s.vector + 8, 4, 7},         {s.table + 13, 1, 1},
	            {s.table + 16, 4, 99},        {s.nested + 16, 8, 2},
	            {s.nested + 24, 8, s.nested}, {s.nested + 32, 8, UINT64_MAX},
	            {s.b + 48, 1, '1'},           {IMAGO_REGION_START(0) + 24, 8, s.b}};
	uint64_t old[sizeof lies / sizeof lies[0]];
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		old[i] = exchange(&f->pockets, lies[i].address, lies[i].bytes, lies[i].value);
	}
	const unsigned num = faults_told(f, 1000);
	assert_true(num > 10);
	for (unsigned most = 1; most <= num; most++) {
		assert_int_equal(faults_told(f, most), most);
	}
	for (size_t i = sizeof lies / sizeof lies[0]; i-- > 0;) {
		(void)exchange(&f->pockets, lies[i].address, lies[i].bytes, old[i]);
	}
	assert_int_equal(faults_told(f, 1000), 0);
}

static void
a_count_that_is_full_is_no_fault(void **state)
{
	pocket_fixture *f = *state;
	const sample s = make_sample(f);
	assert_int_equal(problems_with(f, s.vector + 8, 4, IMAGO_POCKET_STICKY), 0);
	assert_int_equal(problems_with(f, s.vector + 8, 4, IMAGO_POCKET_STICKY - 1), BIT(COUNT));
}

static void
a_region_that_ends_within_a_word_is_told(void **state)
{
	pocket_fixture *f = *state;
	const imago_survey_options options = {.regions = 1};
	listener few = {.most = 10};
	const imago_addr end = IMAGO_REGION_START(0) + f->pockets.regions[0].used;
	f->pockets.regions[0].used += 4;
	assert_ok(imago_pockets_survey(&f->pockets, &options, take_few, &few, NULL, &f->error),
	          &f->error);
	f->pockets.regions[0].used -= 4;
	assert_int_equal(few.num, 1);
	assert_int_equal(few.last.problem, IMAGO_PROBLEM_LENGTH);
	assert_int_equal(few.last.pocket, end);
	assert_int_equal(few.last.found, 0);
}

/* Pointers from the workspace into files are none of the faults of the workspace alone. */
static void
files_are_looked_at_when_they_are_asked_for(void **state)
{
	pocket_fixture *f = *state;
	imago_allocator allocator;
	imago_pockets source;
	uint64_t size;
	uint64_t num;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_ok(imago_pockets_init(&source, &allocator, &f->error), &f->error);
	(void)result_of(&source, "DATA←1 2 3");
	uint8_t *bytes = make_region(&source, 4, &size, &allocator);
	put_region(&f->pockets, &source, 4, bytes, size);
	assert_ok(imago_pockets_import(&f->pockets, 4, &num, &f->error), &f->error);
	assert_int_equal(faults_told(f, 10), 0);
	const imago_addr data = value_named(&f->pockets, "DATA");
	assert_int_equal(imago_region_of(data), 4);
	assert_int_equal(problems_with(f, data + 12, 1, IMAGO_POCKET_FREE), BIT(FREE) | BIT(KIND));
	assert_ok(imago_pockets_forget(&f->pockets, 4, false, &f->error), &f->error);
	imago_release(&allocator, bytes, size);
	imago_pockets_release(&source);
	assert_no_leak(&allocator);
}

static void
problems_have_names(void **state)
{
	(void)state;
	assert_string_equal(imago_pocket_problem_name(IMAGO_PROBLEM_LENGTH), "length");
	assert_string_equal(imago_pocket_problem_name(IMAGO_PROBLEM_FREE), "free");
	assert_string_equal(imago_pocket_problem_name(IMAGO_NUM_POCKET_PROBLEMS), "?");
	for (int i = 0; i < IMAGO_NUM_POCKET_PROBLEMS; i++) {
		for (int j = 0; j < i; j++) {
			assert_string_not_equal(imago_pocket_problem_name((imago_pocket_problem)i),
			                        imago_pocket_problem_name((imago_pocket_problem)j));
		}
	}
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
	    TEST(who_has_heard_enough_is_told_no_more),
	    TEST(a_count_that_is_full_is_no_fault),
	    TEST(a_region_that_ends_within_a_word_is_told),
	    TEST(files_are_looked_at_when_they_are_asked_for),
	    cmocka_unit_test(problems_have_names),
	    TEST(lies_do_not_crash_what_runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* packfile_pmc_test.c: streams of PMC constants are walked to their end (packfile.md §8). */
#include "packfile_fixture.h"

#include <string.h>

#include "imago/packfile_check.h"

static void
pmcs_are_walked(void **state)
{
	fixture *f = *state;
	imago_packfile_pmc pmc;
	for (size_t i = 0; i < NUM_PACKFILE_LAYOUTS; i++) {
		draft_init(&f->d, packfile_layouts[i], 0);
		packfile_write_draft(f);
		assert_ok(packfile_read_file(f), &f->error);
		imago_packfile_pmc_at(&f->packfile, &f->packfile.constants[0], 0, &pmc);
		assert_int_equal(pmc.kind, IMAGO_PMC_SUB);
		assert_int_equal(pmc.type, 12);
		assert_int_equal(pmc.offset, f->d.places[DRAFT_PMCS] + packfile_layouts[i].word_bytes);
		assert_int_equal(pmc.sub.end, f->d.num_code);
		assert_int_equal(pmc.sub.vtable_index, -1);
		assert_int_equal(pmc.sub.num_registers[1], 2);
		assert_null(pmc.sub.namespace_entry.bytes);
		assert_memory_equal(pmc.sub.id.bytes, "main", 4);
	}
}

/* A Sub whose words are changed from one on: what it becomes, and which noun says why. */
typedef struct stream_row {
	size_t at;
	int64_t words[4];
	size_t num_words;
	imago_packfile_pmc_kind kind;
	const char *what;
} stream_row;

static void
streams_are_what_they_are(void **state)
{
	fixture *f = *state;
	/* Words of the draft's stream: 0 reference, 1 type, 2 start, 3 end, 4 flags, 5 name, 6 method
	 * name, 7 namespace entry, inline (8), 9 language, 10, 11, 12-15 registers, 16 id, 17-20
	 * references, 21 metadata. */
	static const stream_row rows[] = {
	    {0, {8}, 1, IMAGO_PMC_BROKEN, "number of a new PMC"},
	    {0, {5}, 1, IMAGO_PMC_BROKEN, "number of a PMC that was seen"},
	    {0, {1}, 1, IMAGO_PMC_BROKEN, "first PMC of a constant"},
	    {0, {-4}, 1, IMAGO_PMC_BROKEN, "PMC reference"},
	    {0, {7}, 1, IMAGO_PMC_BROKEN, "flag of a PMC reference"},
	    {0, {2, 0, 0}, 3, IMAGO_PMC_BROKEN, "first PMC of a constant"},
	    {0, {2, 1, 0}, 3, IMAGO_PMC_BROKEN, "constant of a back reference"},
	    {1, {-12}, 1, IMAGO_PMC_SUB_SHAPE, NULL},
	    {1, {13}, 1, IMAGO_PMC_SUB_SHAPE, NULL},
	    {1, {13, -1}, 2, IMAGO_PMC_OPAQUE, NULL},
	    {2, {-1}, 1, IMAGO_PMC_BROKEN, "end of a Sub"},
	    {2, {30}, 1, IMAGO_PMC_BROKEN, "end of a Sub"},
	    {5, {11}, 1, IMAGO_PMC_BROKEN, "name of a Sub"},
	    {12, {-1}, 1, IMAGO_PMC_BROKEN, "registers of a Sub"},
	    {15, {65537}, 1, IMAGO_PMC_BROKEN, "registers of a Sub"},
	    {17, {5}, 1, IMAGO_PMC_SUB, NULL}, /* the Sub itself */
	    {17, {9}, 1, IMAGO_PMC_BROKEN, "number of a PMC that was seen"},
	    {17, {8, 40}, 2, IMAGO_PMC_BROKEN, "PMC reference"},
	    {17, {3}, 1, IMAGO_PMC_BROKEN, "flag of a PMC reference"},
	    {19, {2, 0, 1}, 3, IMAGO_PMC_BROKEN, "PMC reference"},
	    {17, {2, 0, 1}, 3, IMAGO_PMC_BROKEN, "PMC reference"},
	    {17, {2, 1, 1}, 3, IMAGO_PMC_BROKEN, "constant of a back reference"},
	    {17, {2, -1, 1}, 3, IMAGO_PMC_BROKEN, "constant of a back reference"},
	    {17, {2, 0, -1}, 3, IMAGO_PMC_BROKEN, "object of a back reference"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		imago_packfile_pmc pmc;
		draft_init(&f->d, packfile_layouts[i % NUM_PACKFILE_LAYOUTS], 0);
		memcpy(f->d.pmcs[0].words + rows[i].at, rows[i].words, rows[i].num_words * sizeof(int64_t));
		packfile_write_draft(f);
		assert_ok(packfile_read_file(f), &f->error);
		imago_packfile_pmc_at(&f->packfile, &f->packfile.constants[0], 0, &pmc);
		if (pmc.kind != rows[i].kind ||
		    (rows[i].what != NULL && strcmp(pmc.what, rows[i].what) != 0)) {
			fail_msg("row %zu: kind %d, %s", i, (int)pmc.kind, pmc.what == NULL ? "-" : pmc.what);
		}
	}
}

static void
streams_may_hold_several_objects(void **state)
{
	fixture *f = *state;
	imago_packfile_pmc pmc;
	draft_init(&f->d, packfile_layouts[0], 0);
	draft_pmc *stream = &f->d.pmcs[0];
	/* The first reference is another Sub, whose words follow, itself referred to once more. */
	int64_t other[22];
	memcpy(other, stream->words, sizeof other);
	stream->words[18] = 12;
	stream->words[17] = 8;
	const int64_t tail[] = {1, 9, 5, 1};
	memcpy(stream->words + 19, tail, sizeof tail);
	memcpy(stream->words + 23, other + 2, 20 * sizeof *other);
	stream->num_words = 43;
	packfile_write_draft(f);
	assert_ok(packfile_read_file(f), &f->error);
	imago_packfile_pmc_at(&f->packfile, &f->packfile.constants[0], 0, &pmc);
	assert_int_equal(pmc.kind, IMAGO_PMC_SUB);
	assert_int_equal(pmc.num_objects, 2);
	stream->words[18] = 40; /* of another class */
	packfile_write_draft(f);
	assert_ok(packfile_read_file(f), &f->error);
	imago_packfile_pmc_at(&f->packfile, &f->packfile.constants[0], 0, &pmc);
	assert_int_equal(pmc.kind, IMAGO_PMC_SUB_SHAPE);
	stream->words[23] = -1; /* and another shape */
	packfile_write_draft(f);
	assert_ok(packfile_read_file(f), &f->error);
	imago_packfile_pmc_at(&f->packfile, &f->packfile.constants[0], 0, &pmc);
	assert_int_equal(pmc.kind, IMAGO_PMC_OPAQUE);
	assert_int_equal(pmc.num_objects, 2);
}

static void
a_stream_ends_anywhere(void **state)
{
	fixture *f = *state;
	imago_packfile_pmc pmc;
	for (size_t num = 0; num < 22; num++) {
		for (size_t odd = 0; odd < 2; odd++) {
			draft_init(&f->d, packfile_layouts[0], 0);
			f->d.pmcs[0].num_words = num;
			f->d.pmcs[0].odd_bytes = num > 0 ? odd : 0;
			packfile_write_draft(f);
			assert_ok(packfile_read_file(f), &f->error);
			imago_packfile_pmc_at(&f->packfile, &f->packfile.constants[0], 0, &pmc);
			assert_int_equal(pmc.kind, IMAGO_PMC_BROKEN);
			assert_non_null(pmc.what);
			assert_true(pmc.place >= pmc.offset && pmc.place <= pmc.offset + pmc.size);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    PACKFILE_TEST(pmcs_are_walked),
	    PACKFILE_TEST(streams_are_what_they_are),
	    PACKFILE_TEST(streams_may_hold_several_objects),
	    PACKFILE_TEST(a_stream_ends_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

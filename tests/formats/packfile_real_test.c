/* packfile_real_test.c: the genuine packfiles: no errors, what they print, in every layout. */
#include "assertions.h"
#include "packfile_files.h"

#include <string.h>

#include "imago/byte_order.h"
#include "imago/packfile_check.h"

static bool
only_infos(const imago_finding *finding, void *payload)
{
	char line[512];
	(void)payload;
	if (finding->rule->severity != IMAGO_INFO) {
		imago_finding_format(finding, "", line, sizeof line);
		fail_msg("%s", line);
	}
	return true;
}

/* Reads, checks, runs. */
static void
expect_program(const uint8_t *bytes, uint64_t size, const char *prints, imago_packfile *packfile,
               imago_allocator *allocator)
{
	imago_error error = {0};
	imago_check_sink sink;
	static printed out;
	assert_ok(imago_packfile_read(packfile, bytes, size, NULL, allocator, &error), &error);
	imago_check_sink_init(&sink, NULL, only_infos, NULL);
	imago_packfile_check(packfile, &sink);
	assert_int_equal(run_packfile(packfile, UINT64_MAX, &out), IMAGO_OK);
	assert_int_equal(out.result.end, IMAGO_PACKFILE_ENDED);
	assert_string_equal(out.text, prints);
	const bool foreign = packfile->layout.byte_order != imago_host_order();
	assert_int_equal(out.result.num_bytes_copied, foreign ? out.result.num_code_bytes : 0);
}

static void
convert(const imago_packfile *packfile, imago_layout layout, imago_writer *writer)
{
	imago_error error = {0};
	const imago_packfile_target target = {.layout = layout};
	assert_ok(imago_packfile_write(packfile, &target, writer, &error), &error);
}

/* There, run, and back. */
static void
expect_there_and_back(const imago_packfile *packfile, imago_layout layout, const char *prints,
                      imago_allocator *allocator)
{
	imago_packfile there;
	imago_writer converted;
	imago_writer back;
	imago_writer_init(&converted, allocator, layout, NULL);
	imago_writer_init(&back, allocator, layout, NULL);
	convert(packfile, layout, &converted);
	expect_program(converted.bytes, converted.size, prints, &there, allocator);
	assert_true(imago_layout_equal(there.layout, layout));
	convert(&there, packfile->layout, &back);
	assert_int_equal(back.size, packfile->size);
	assert_memory_equal(back.bytes, packfile->bytes, (size_t)back.size);
	imago_packfile_close(&there);
	imago_writer_release(&converted);
	imago_writer_release(&back);
}

static void
genuine_files_print_what_is_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_REAL_PACKFILES; i++) {
		const real_packfile *file = &real_packfiles[i];
		imago_allocator allocator;
		imago_packfile packfile;
		uint8_t *bytes;
		uint64_t size;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		if (!real_packfile_load(file, &allocator, &bytes, &size)) {
			skip();
		}
		expect_program(bytes, size, file->prints, &packfile, &allocator);
		assert_true(imago_layout_equal(packfile.layout, file->layout));
		assert_int_equal(packfile.num_segments, 3);
		for (size_t k = 0; k < NUM_PACKFILE_LAYOUTS; k++) {
			expect_there_and_back(&packfile, packfile_layouts[k], file->prints, &allocator);
		}
		imago_packfile_close(&packfile);
		imago_release(&allocator, bytes, size);
		assert_no_leak(&allocator);
	}
}

/* What is in them, counted by hand in their bytes. */
static void
genuine_files_hold_what_they_hold(void **state)
{
	(void)state;
	static const uint64_t counts[NUM_REAL_PACKFILES][5] = {
	    /* numbers, strings, code words, line numbers, bytes behind the directory */
	    {0, 4, 3, 3, 0},     {0, 4, 3, 3, 0},     {26, 5, 183, 80, 704},
	    {26, 5, 183, 80, 0}, {0, 9, 33, 16, 384}, {0, 9, 33, 16, 368},
	};
	for (size_t i = 0; i < NUM_REAL_PACKFILES; i++) {
		imago_allocator allocator;
		imago_packfile p;
		imago_packfile_pmc pmc;
		uint8_t *bytes;
		uint64_t size;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		if (!real_packfile_load(&real_packfiles[i], &allocator, &bytes, &size)) {
			skip();
		}
		assert_int_equal(imago_packfile_read(&p, bytes, size, NULL, &allocator, NULL), IMAGO_OK);
		assert_int_equal(p.constants[0].num_numbers, counts[i][0]);
		assert_int_equal(p.constants[0].num_strings, counts[i][1]);
		assert_int_equal(p.constants[0].num_pmcs, 1);
		assert_int_equal(p.constants[0].num_tags, 0);
		assert_int_equal(p.segments[0].num_data, counts[i][2]);
		assert_int_equal(p.segments[2].num_data, counts[i][3]);
		assert_int_equal(size - p.segments_end, counts[i][4]);
		imago_packfile_pmc_at(&p, &p.constants[0], 0, &pmc);
		assert_int_equal(pmc.kind, IMAGO_PMC_SUB);
		assert_int_equal(pmc.num_objects, 1);
		assert_int_equal(pmc.sub.start, 0);
		assert_int_equal(pmc.sub.end, counts[i][2]);
		assert_int_equal(pmc.sub.num_registers[1], counts[i][0]);
		assert_int_equal(pmc.sub.num_registers[2], counts[i][1] == 9 ? 5 : 0);
		assert_memory_equal(pmc.sub.name.bytes, "(null)", 6);
		assert_memory_equal(pmc.sub.language.bytes, "parrot", 6);
		imago_packfile_close(&p);
		imago_release(&allocator, bytes, size);
		assert_no_leak(&allocator);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(genuine_files_print_what_is_known),
	    cmocka_unit_test(genuine_files_hold_what_they_hold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

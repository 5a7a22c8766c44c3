/* writer_test.c: the growing output buffer; the reader reads back what it wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "imago/reader.h"
#include "imago/writer.h"

static const imago_layout layouts[] = {
    {4, IMAGO_LITTLE_ENDIAN},
    {4, IMAGO_BIG_ENDIAN},
    {8, IMAGO_LITTLE_ENDIAN},
    {8, IMAGO_BIG_ENDIAN},
};

static void
the_reader_reads_what_the_writer_wrote(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
		imago_allocator allocator;
		imago_writer writer;
		imago_reader reader;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_writer_init(&writer, &allocator, layouts[i], NULL);
		for (uint32_t k = 0; k < 200; k++) {
			imago_write_u16(&writer, (uint16_t)k);
			imago_write_u32(&writer, k * 3);
			imago_write_u64(&writer, UINT64_C(5000000000) * k);
			imago_write_word(&writer, UINT64_C(7) * k);
			imago_write_bytes(&writer, "abc", 3);
			imago_write_zeros(&writer, 2);
		}
		imago_write_format(&writer, "#%s : %u", "field", 17u);
		assert_int_equal(writer.status, IMAGO_OK);
		imago_reader_init(&reader, writer.bytes, writer.size, layouts[i], NULL);
		for (uint32_t k = 0; k < 200; k++) {
			assert_int_equal(imago_read_u16(&reader, "u16"), k);
			assert_int_equal(imago_read_u32(&reader, "u32"), k * 3);
			assert_true(imago_read_u64(&reader, "u64") == UINT64_C(5000000000) * k);
			assert_int_equal(imago_read_word(&reader, "word"), k * 7);
			assert_memory_equal(imago_read_bytes(&reader, 5, "bytes"), "abc\0\0", 5);
		}
		assert_int_equal(imago_reader_remaining(&reader), 11);
		assert_memory_equal(imago_read_bytes(&reader, 11, "text"), "#field : 17", 11);
		imago_writer_release(&writer);
		assert_int_equal(allocator.used, 0);
	}
}

static void
nothing_is_written_after_the_budget_is_spent(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_writer writer;
	imago_error error = {0};
	imago_allocator_init(&allocator, 300);
	imago_writer_init(&writer, &allocator, layouts[0], &error);
	imago_write_zeros(&writer, 256);
	imago_write_zeros(&writer, 45);
	assert_int_equal(writer.status, IMAGO_ENOMEM);
	assert_int_equal(writer.size, 256);
	imago_write_u16(&writer, 1);
	imago_write_format(&writer, "x");
	imago_writer_reserve(&writer, 1);
	assert_int_equal(writer.size, 256);
	assert_string_equal(error.what, "output");
	imago_writer_release(&writer);
	assert_int_equal(allocator.used, 0);
}

static void
a_reservation_that_wraps_is_refused(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_writer writer;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_writer_init(&writer, &allocator, layouts[0], NULL);
	imago_write_u16(&writer, 1);
	imago_writer_reserve(&writer, UINT64_MAX);
	assert_int_equal(writer.status, IMAGO_ENOMEM);
	imago_writer_release(&writer);
}

static void
reserved_room_is_not_allocated_twice(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_writer writer;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_writer_init(&writer, &allocator, layouts[0], NULL);
	imago_writer_reserve(&writer, 10000);
	uint64_t calls = allocator.num_calls;
	imago_write_zeros(&writer, 10000);
	assert_int_equal(allocator.num_calls, calls);
	imago_writer_release(&writer);
}

static void
a_formatted_line_over_255_bytes_is_our_bug(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_writer writer;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_writer_init(&writer, &allocator, layouts[0], NULL);
	imago_write_format(&writer, "%300d", 1);
	assert_int_equal(writer.status, IMAGO_EINTERNAL);
	imago_writer_release(&writer);
}

/* Of everything that can be written: the first failure stays. */
static void
nothing_is_written_after_a_failure_whatever_it_is(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_writer writer;
	imago_error error = {0};
	imago_allocator_init(&allocator, 0);
	imago_writer_init(&writer, &allocator, layouts[2], &error);
	imago_write_u16(&writer, 1);
	assert_int_equal(writer.status, IMAGO_ENOMEM);
	imago_write_u16(&writer, 1);
	imago_write_u32(&writer, 1);
	imago_write_u64(&writer, 1);
	imago_write_word(&writer, 1);
	imago_write_bytes(&writer, "abc", 3);
	imago_write_zeros(&writer, 3);
	imago_write_format(&writer, "%d", 1);
	imago_write_format(&writer, "%300d", 1);
	assert_int_equal(writer.status, IMAGO_ENOMEM);
	assert_int_equal(error.status, IMAGO_ENOMEM);
	assert_int_equal(writer.size, 0);
	imago_writer_release(&writer);
	assert_int_equal(allocator.used, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_reader_reads_what_the_writer_wrote),
	    cmocka_unit_test(nothing_is_written_after_the_budget_is_spent),
	    cmocka_unit_test(a_reservation_that_wraps_is_refused),
	    cmocka_unit_test(reserved_room_is_not_allocated_twice),
	    cmocka_unit_test(a_formatted_line_over_255_bytes_is_our_bug),
	    cmocka_unit_test(nothing_is_written_after_a_failure_whatever_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

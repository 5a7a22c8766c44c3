/* file_system_test.c: what is made of a file system's answers, and what the operating system
 * answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "imago/error.h"
#include "imago/file.h"
#include "imago/file_system.h"

/* A file system that answers from a row, and remembers what it was asked. */
typedef struct script {
	int64_t answers[4];
	size_t num_calls;
	size_t asked[4];
} script;

static int64_t
answer(void *payload, size_t asked)
{
	script *play = payload;
	assert_true(play->num_calls < sizeof play->answers / sizeof play->answers[0]);
	play->asked[play->num_calls] = asked;
	return play->answers[play->num_calls++];
}

static int64_t
/* NOLINTNEXTLINE(readability-non-const-parameter): a row of a table of functions */
read_some(void *payload, int descriptor, uint8_t *bytes, size_t size)
{
	(void)descriptor;
	(void)bytes;
	return answer(payload, size);
}

static int64_t
write_some(void *payload, int descriptor, const uint8_t *bytes, size_t size)
{
	(void)descriptor;
	(void)bytes;
	return answer(payload, size);
}

static int
close_it(void *payload, int descriptor)
{
	(void)descriptor;
	return (int)answer(payload, 0);
}

static imago_file_system
scripted(script *play)
{
	return (imago_file_system){
	    .close = close_it, .read = read_some, .write = write_some, .payload = play};
}

/* More than one call takes. */
#define HUGE_SIZE (UINT64_C(1) << 40)

static void
what_a_signal_interrupts_is_asked_again_in_pieces_that_one_call_takes(void **state)
{
	(void)state;
	uint8_t byte = 0;
	script play = {.answers = {-EINTR, 7}};
	imago_file_system files = scripted(&play);
	assert_int_equal(imago_files_read(&files, 3, &byte, HUGE_SIZE), 7);
	assert_int_equal(play.num_calls, 2);
	assert_int_equal(play.asked[1], INT32_MAX);
	play = (script){.answers = {-EINTR, -ENOSPC}};
	assert_int_equal(imago_files_write(&files, 3, &byte, HUGE_SIZE), -ENOSPC);
	assert_int_equal(play.num_calls, 2);
	assert_int_equal(play.asked[0], INT32_MAX);
}

static void
an_interrupted_close_is_done(void **state)
{
	(void)state;
	static const int answers[][2] = {{0, 0}, {-EINTR, 0}, {-EINPROGRESS, 0}, {-EIO, -EIO}};
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		script play = {.answers = {answers[i][0]}};
		imago_file_system files = scripted(&play);
		assert_int_equal(imago_files_close(&files, 3), answers[i][1]);
		assert_int_equal(play.num_calls, 1);
	}
}

static void
the_operating_system_says_no_to_a_descriptor_that_is_not_open(void **state)
{
	(void)state;
	const imago_file_system *files = imago_os_files();
	uint8_t byte = 0;
	void *listing;
	imago_file_facts facts;
	assert_int_equal(files->read(files->payload, -1, &byte, 1), -EBADF);
	assert_int_equal(files->write(files->payload, -1, &byte, 1), -EBADF);
	assert_int_equal(files->close(files->payload, -1), -EBADF);
	assert_int_equal(files->sync(files->payload, -1), -EBADF);
	assert_int_equal(files->describe(files->payload, -1, &facts), -EBADF);
	assert_int_equal(files->open_listing(files->payload, -1, &listing), -EBADF);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_a_signal_interrupts_is_asked_again_in_pieces_that_one_call_takes),
	    cmocka_unit_test(an_interrupted_close_is_done),
	    cmocka_unit_test(the_operating_system_says_no_to_a_descriptor_that_is_not_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

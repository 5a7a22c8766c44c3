/* progress_test.c: the progress line on a terminal, and its absence elsewhere.
 *
 * Standard error becomes a pseudo-terminal or a pipe, and what was drawn is read from its other
 * end. The first second really passes.
 */
#define _XOPEN_SOURCE 700

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "progress.h"

enum { DRAWN_SIZE = 4096 };

struct screen {
	int reader; /* where what was drawn can be read */
	int saved;  /* standard error as it was */
};

static void
redirect(struct screen *screen, int reader, int writer)
{
	screen->reader = reader;
	screen->saved = dup(STDERR_FILENO);
	assert_true(screen->saved >= 0);
	assert_int_equal(dup2(writer, STDERR_FILENO), STDERR_FILENO);
	close(writer);
	assert_int_equal(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(setenv("TERM", "xterm", 1), 0);
}

static void
use_terminal(struct screen *screen)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) {
		skip();
	}
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	redirect(screen, master, slave);
}

static void
use_pipe(struct screen *screen)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	redirect(screen, ends[0], ends[1]);
}

/* Puts standard error back; what was drawn is in text, terminated. A terminal hands out what it was
 * given piece by piece: it is read to its end, which is there once nobody can draw any more. */
static void
finish(const struct screen *screen, char text[DRAWN_SIZE])
{
	struct pollfd drawn = {.fd = screen->reader, .events = POLLIN};
	size_t size = 0;
	fflush(stderr);
	assert_int_equal(dup2(screen->saved, STDERR_FILENO), STDERR_FILENO);
	close(screen->saved);
	while (size < DRAWN_SIZE - 1 && poll(&drawn, 1, 60000) == 1) {
		ssize_t length = read(screen->reader, text + size, DRAWN_SIZE - 1 - size);
		if (length <= 0 && !(length < 0 && (errno == EAGAIN || errno == EINTR))) {
			break;
		}
		size += length > 0 ? (size_t)length : 0;
	}
	text[size] = '\0';
	close(screen->reader);
}

/* Waits until something is drawn: after a second, or later on a busy machine. */
static void
wait_for_drawing(const struct screen *screen)
{
	struct pollfd drawn = {.fd = screen->reader, .events = POLLIN};
	assert_int_equal(poll(&drawn, 1, 60000), 1);
}

static void
sleep_ms(long ms)
{
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	nanosleep(&time, NULL);
}

static void
a_long_step_on_a_terminal_draws_a_bar_and_erases_it(void **state)
{
	(void)state;
	struct screen screen;
	progress step;
	char drawn[DRAWN_SIZE];
	use_terminal(&screen);
	progress_begin(&step, "checking", "my\033.image");
	progress_update(25, 100, &step);
	wait_for_drawing(&screen);
	progress_end(&step);
	finish(&screen, drawn);
	assert_non_null(strstr(drawn, "\rchecking my\\x1b.image [######..................]  25 %"));
	const char *end = "\r\033[K";
	assert_string_equal(drawn + strlen(drawn) - strlen(end), end);
}

static void
a_step_that_tells_nothing_shows_its_seconds(void **state)
{
	(void)state;
	struct screen screen;
	progress step;
	char drawn[DRAWN_SIZE];
	use_terminal(&screen);
	progress_begin(&step, "saving", "a.image");
	wait_for_drawing(&screen);
	progress_hold(&step);
	progress_resume(&step);
	progress_end(&step);
	finish(&screen, drawn);
	static const char label[] = "\rsaving a.image ";
	const char *line = strstr(drawn, label);
	assert_non_null(line);
	unsigned long seconds = strtoul(line + strlen(label), NULL, 10);
	assert_in_range(seconds, 1, 60);
}

static void
a_short_step_draws_nothing(void **state)
{
	(void)state;
	struct screen screen;
	progress step;
	char drawn[DRAWN_SIZE];
	use_terminal(&screen);
	progress_begin(&step, "reading", "a.image");
	progress_update(1, 2, &step);
	progress_end(&step);
	finish(&screen, drawn);
	assert_string_equal(drawn, "");
}

static void
a_redirected_step_draws_nothing(void **state)
{
	(void)state;
	struct screen screen;
	progress step;
	char drawn[DRAWN_SIZE];
	use_pipe(&screen);
	progress_begin(&step, "reading", "a.image");
	assert_false(step.running);
	sleep_ms(1300);
	progress_update(1, 2, &step);
	progress_end(&step);
	finish(&screen, drawn);
	assert_string_equal(drawn, "");
}

static void
a_dumb_terminal_is_left_alone(void **state)
{
	(void)state;
	struct screen screen;
	progress step;
	char drawn[DRAWN_SIZE];
	use_terminal(&screen);
	assert_int_equal(setenv("TERM", "dumb", 1), 0);
	progress_begin(&step, "reading", "a.image");
	assert_false(step.running);
	progress_end(&step);
	finish(&screen, drawn);
	assert_string_equal(drawn, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_long_step_on_a_terminal_draws_a_bar_and_erases_it),
	    cmocka_unit_test(a_step_that_tells_nothing_shows_its_seconds),
	    cmocka_unit_test(a_short_step_draws_nothing),
	    cmocka_unit_test(a_redirected_step_draws_nothing),
	    cmocka_unit_test(a_dumb_terminal_is_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

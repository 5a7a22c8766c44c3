/* progress.c: the thread that draws the line. */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

enum {
	FIRST_DELAY_MS = 1000,
	NEXT_DELAY_MS = 200,
	BAR_WIDTH = 24,
};

static bool
terminal_can_redraw(void)
{
	const char *terminal = getenv("TERM");
	return isatty(fileno(message_stream())) && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

/* Back to the line's start, and the rest of it erased. */
static void
erase(progress *step)
{
	if (step->drawn) {
		fputs("\r\033[K", message_stream());
		fflush(message_stream());
		step->drawn = false;
	}
}

static void
draw(progress *step)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	char bar[BAR_WIDTH + 1];
	fprintf(message_stream(), "\r%s", step->step);
	if (step->total > 0) {
		double share = (double)step->done / (double)step->total;
		share = share > 1 ? 1 : share;
		size_t filled = (size_t)(share * BAR_WIDTH);
		memset(bar, '.', BAR_WIDTH);
		memset(bar, '#', filled);
		bar[BAR_WIDTH] = '\0';
		fprintf(message_stream(), " [%s] %3d %%\033[K", bar, (int)(share * 100));
	} else {
		fprintf(message_stream(), " %" PRIdMAX " s\033[K",
		        (intmax_t)(now.tv_sec - step->started.tv_sec));
	}
	fflush(message_stream());
	step->drawn = true;
}

static void *
draw_until_stopped(void *payload)
{
	progress *step = payload;
	struct timespec next = step->started;
	long delay = FIRST_DELAY_MS;
	pthread_mutex_lock(&step->mutex);
	while (!step->stopping) {
		next.tv_sec += delay / 1000;
		next.tv_nsec += delay % 1000 * 1000000;
		if (next.tv_nsec >= 1000000000) {
			next.tv_sec++;
			next.tv_nsec -= 1000000000;
		}
		int result = 0;
		while (!step->stopping && result == 0) {
			result = pthread_cond_timedwait(&step->wake, &step->mutex, &next);
		}
		if (!step->stopping) {
			draw(step);
		}
		delay = NEXT_DELAY_MS;
	}
	erase(step);
	pthread_mutex_unlock(&step->mutex);
	return NULL;
}

static bool
start_thread(progress *step)
{
	pthread_condattr_t attributes;
	if (pthread_condattr_init(&attributes) != 0) {
		return false;
	}
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	bool made = pthread_cond_init(&step->wake, &attributes) == 0;
	pthread_condattr_destroy(&attributes);
	if (!made) {
		return false;
	}
	if (pthread_mutex_init(&step->mutex, NULL) != 0) {
		pthread_cond_destroy(&step->wake);
		return false;
	}
	if (pthread_create(&step->thread, NULL, draw_until_stopped, step) != 0) {
		pthread_mutex_destroy(&step->mutex);
		pthread_cond_destroy(&step->wake);
		return false;
	}
	return true;
}

void
progress_begin(progress *step, const char *verb, const char *subject)
{
	memset(step, 0, sizeof *step);
	if (!terminal_can_redraw()) {
		return;
	}
	char name[40];
	escape_text((const uint8_t *)subject, strlen(subject), name, sizeof name);
	snprintf(step->step, sizeof step->step, "%s %.30s", verb, name);
	clock_gettime(CLOCK_MONOTONIC, &step->started);
	step->running = start_thread(step);
}

void
progress_end(progress *step)
{
	if (!step->running) {
		return;
	}
	pthread_mutex_lock(&step->mutex);
	step->stopping = true;
	pthread_cond_signal(&step->wake);
	pthread_mutex_unlock(&step->mutex);
	pthread_join(step->thread, NULL);
	pthread_mutex_destroy(&step->mutex);
	pthread_cond_destroy(&step->wake);
	step->running = false;
}

void
progress_update(uint64_t done, uint64_t total, void *payload)
{
	progress *step = payload;
	if (step->running) {
		pthread_mutex_lock(&step->mutex);
		step->done = done;
		step->total = total;
		pthread_mutex_unlock(&step->mutex);
	}
}

void
progress_hold(progress *step)
{
	if (step->running) {
		pthread_mutex_lock(&step->mutex);
		erase(step);
	}
}

void
progress_resume(progress *step)
{
	if (step->running) {
		flush_output();
		pthread_mutex_unlock(&step->mutex);
	}
}

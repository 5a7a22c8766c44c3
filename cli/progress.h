/* progress.h: a line on a terminal about a step that takes its time.
 *
 * Nothing is shown unless messages go to a terminal, nor in a step's first second. A thread of
 * its own draws the line, because most steps say nothing while they last; one that does
 * (progress_update) gets a bar.
 */
#ifndef IMAGO_CLI_PROGRESS_H
#define IMAGO_CLI_PROGRESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

typedef struct progress {
	bool running; /* the thread was started; nothing below is used otherwise */
	pthread_t thread;
	pthread_mutex_t mutex; /* guards the members below, and standard error */
	pthread_cond_t wake;
	bool stopping;
	bool drawn; /* the line is on the terminal */
	uint64_t done, total;
	char step[48];
	struct timespec started;
} progress;

/* verb and subject make the line's text: "checking", "headless.image". End in every case. */
void progress_begin(progress *step, const char *verb, const char *subject);
void progress_end(progress *step);

/* An imago_progress_fn; payload is the progress. */
void progress_update(uint64_t done, uint64_t total, void *payload);

/* Around anything that is printed while a step lasts. */
void progress_hold(progress *step);
void progress_resume(progress *step);

#endif

/* attach_run.c: the parent's and the children's side of it.
 *
 * A child attaches, works, and meets the others at a barrier; measures itself while all have their
 * pages; meets them again; and only then the first looks closer, which maps the file once more.
 */
#include "attach_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

enum { WHAT_SIZE = 96 };

/* An error that goes through a pipe. */
typedef struct failure {
	imago_status status;
	int os_error;
	uint64_t offset, found, limit;
	char what[WHAT_SIZE];
} failure;

/* A child's state; also what its image prints to. */
typedef struct child {
	const attach_run *run;
	crowd_member *member;
	process_report report;
} child;

static void
take_output(void *payload, const uint8_t *bytes, size_t size)
{
	child *c = payload;
	for (size_t i = 0; i < size; i++) {
		c->report.print_hash = (c->report.print_hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	}
	c->report.num_printed += size;
	for (size_t done = 0; c->member->index == 0 && !c->run->quiet && done < size;) {
		const size_t part = size - done < CROWD_MESSAGE ? size - done : CROWD_MESSAGE;
		if (!crowd_send(c->member, CROWD_TEXT, bytes + done, part)) {
			return;
		}
		done += part;
	}
}

static void
send_failure(const child *c, const imago_error *error)
{
	failure f = {.status = error->status,
	             .os_error = error->os_error,
	             .offset = error->offset,
	             .found = error->found,
	             .limit = error->limit};
	snprintf(f.what, sizeof f.what, "%s", error->what);
	(void)crowd_send(c->member, CROWD_FAILED, &f, sizeof f);
}

static imago_status
work_and_measure(child *c, imago_layered_attachment *attached, imago_error *error)
{
	const attach_run *run = c->run;
	workload work = run->work;
	work.print = take_output;
	work.payload = c;
	imago_status status =
	    workload_do(&work, attached, &c->report.outcome, run->image->allocator, error);
	if (status != IMAGO_OK || !crowd_wait(c->member)) {
		return status;
	}
	measure_pages(attached, &c->report.cost);
	if (!crowd_wait(c->member)) {
		return IMAGO_OK;
	}
	if (c->member->index == 0 && c->report.cost.has_pages) {
		status = measure_blame(run->image, attached, &c->report.blame, error);
	}
	if (status == IMAGO_OK) {
		c->report.present = true;
		(void)crowd_send(c->member, CROWD_REPORT, &c->report, sizeof c->report);
	}
	return status;
}

static void
be_child(crowd_member *member, void *payload)
{
	imago_error error = {0};
	imago_layered_attachment attached;
	child c = {.run = payload, .member = member};
	/* Records go out as they lie here, gaps included. */
	memset(&c.report, 0, sizeof c.report);
	c.report.print_hash = UINT64_C(0xcbf29ce484222325);
	imago_status status = attached_image_attach(c.run->image, &attached, &error);
	if (status == IMAGO_OK) {
		status = work_and_measure(&c, &attached, &error);
	}
	if (status != IMAGO_OK) {
		send_failure(&c, &error);
		_exit(1); /* a guard may have left its function in the middle: nothing is tidy */
	}
	imago_layered_detach(&attached);
}

/* Says what a child said. */
static exit_status
tell_failure(const attach_run *run, unsigned index, const uint8_t *bytes, size_t size)
{
	failure f;
	if (size != sizeof f) {
		return EXIT_TROUBLE;
	}
	memcpy(&f, bytes, sizeof f);
	f.what[sizeof f.what - 1] = '\0';
	const imago_error error = {.status = f.status,
	                           .offset = f.offset,
	                           .what = f.what,
	                           .found = f.found,
	                           .limit = f.limit,
	                           .os_error = f.os_error};
	const exit_status result = attached_image_complain(run->image, &error);
	if (run->num_processes > 1) {
		complain("attach: so process %u of %u ended", index + 1, run->num_processes);
	}
	return result;
}

/* What comes through pipes is looked at before it is believed. */
static bool
take_report(process_report *report, const uint8_t *bytes, size_t size)
{
	if (size != sizeof *report) {
		return false;
	}
	memcpy(report, bytes, sizeof *report);
	report->outcome.reason[WORKLOAD_TEXT - 1] = '\0';
	report->outcome.method[WORKLOAD_TEXT - 1] = '\0';
	for (size_t i = 0; i < MEASURED_CLASSES; i++) {
		report->blame.classes[i].name[CLASS_NAME_SIZE - 1] = '\0';
	}
	report->present = report->present && report->blame.num_shown <= MEASURED_CLASSES &&
	                  report->cost.relocation <= IMAGO_RELOCATION_NONE;
	return report->present;
}

/* Hears a child until it waits, or is done. True when it waits. */
static bool
hear(attach_run *run, crowd *c, unsigned index, uint8_t *bytes, exit_status *result)
{
	size_t size;
	for (;;) {
		switch (crowd_receive(c, index, bytes, &size)) {
		case CROWD_TEXT:
			print("%.*s", (int)size, (const char *)bytes);
			break;
		case CROWD_BARRIER:
			return true;
		case CROWD_FAILED:
			*result = worse_status(*result, tell_failure(run, index, bytes, size));
			return false;
		case CROWD_REPORT:
			(void)take_report(&run->reports[index], bytes, size);
			return false;
		default:
			return false;
		}
	}
}

/* The next message of each. Returns how many wait. */
static unsigned
hear_all(attach_run *run, crowd *c, uint8_t *bytes, exit_status *result)
{
	unsigned num_waiting = 0;
	for (unsigned i = 0; i < run->num_processes; i++) {
		num_waiting += hear(run, c, i, bytes, result);
	}
	return num_waiting;
}

exit_status
attach_run_all(attach_run *run)
{
	crowd c;
	uint8_t *bytes = malloc(CROWD_MESSAGE);
	exit_status result = EXIT_DONE;
	flush_output();
	fflush(message_stream());
	const int os_error = bytes != NULL ? crowd_start(&c, run->num_processes, be_child, run) : 0;
	if (bytes == NULL || os_error != 0) {
		complain("attach: %s", bytes != NULL ? strerror(os_error) : "out of memory");
		free(bytes);
		return EXIT_TROUBLE;
	}
	/* They wait twice; then they report. */
	for (unsigned i = 0; i < 3; i++) {
		crowd_release(&c, hear_all(run, &c, bytes, &result));
	}
	crowd_end(&c);
	free(bytes);
	for (unsigned i = 0; result == EXIT_DONE && i < run->num_processes; i++) {
		if (!run->reports[i].present) {
			complain("attach: process %u of %u ended without a word", i + 1, run->num_processes);
			result = EXIT_TROUBLE;
		}
	}
	return result == EXIT_DONE ? attached_image_unchanged(run->image) : result;
}

static int
compare_numbers(const void *left, const void *right)
{
	const uint64_t a = *(const uint64_t *)left;
	const uint64_t b = *(const uint64_t *)right;
	return a < b ? -1 : a > b;
}

spread
attach_spread(const attach_run *run, attach_number *number, size_t section)
{
	uint64_t numbers[CROWD_MOST];
	spread s = {.num = 0};
	for (unsigned i = 0; i < run->num_processes; i++) {
		if (run->reports[i].present) {
			numbers[s.num++] = number(&run->reports[i], section);
		}
	}
	if (s.num > 0) {
		qsort(numbers, s.num, sizeof numbers[0], compare_numbers);
		s.least = numbers[0];
		s.median = numbers[s.num / 2];
		s.most = numbers[s.num - 1];
		for (unsigned i = 0; i < s.num; i++) {
			s.sum += numbers[i];
		}
	}
	return s;
}

uint64_t
attach_copy_bytes(const attach_run *run)
{
	const imago_layered_head *head = &run->image->idle.head;
	uint64_t bytes = 0;
	for (size_t i = 0; i < head->num_sections; i++) {
		if (head->sections[i].kind == IMAGO_LAYERED_OBJECTS) {
			bytes += (head->sections[i].size + IMAGO_LAYERED_PAGE - 1) &
			         ~(uint64_t)(IMAGO_LAYERED_PAGE - 1);
		}
	}
	return bytes;
}

const process_report *
attach_first(const attach_run *run)
{
	for (unsigned i = 0; i < run->num_processes; i++) {
		if (run->reports[i].present) {
			return &run->reports[i];
		}
	}
	return NULL;
}

bool
attach_all_alike(const attach_run *run)
{
	const process_report *first = attach_first(run);
	for (unsigned i = 0; i < run->num_processes; i++) {
		const process_report *r = &run->reports[i];
		if (r->present &&
		    (memcmp(&r->outcome, &first->outcome, sizeof r->outcome) != 0 ||
		     r->print_hash != first->print_hash || r->num_printed != first->num_printed)) {
			return false;
		}
	}
	return true;
}

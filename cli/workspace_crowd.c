/* workspace_crowd.c: processes that attach the same shared code files, and what that costs them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crowd.h"
#include "imago/pages.h"
#include "output.h"
#include "workspace_files.h"

/* What a process says of itself; it goes through a pipe. */
typedef struct slot_report {
	bool is_attached, has_memory;
	imago_page_counts pages;
	imago_memory_use memory;
} slot_report;

typedef struct member_report {
	exit_status result;
	uint64_t output; /* a hash of what was printed */
	slot_report slots[IMAGO_WORKSPACE_SLOTS + 1];
} member_report;

typedef struct crowd_run {
	const workspace_request *request;
	member_report *reports;
	bool *present;
	unsigned num;
} crowd_run;

/* ---- A child */

static void
measure(const imago_workspace *workspace, member_report *report)
{
	imago_error error;
	for (unsigned slot = 1; slot <= IMAGO_WORKSPACE_SLOTS; slot++) {
		const imago_attachment *mapping = imago_workspace_mapping(workspace, slot);
		slot_report *here = &report->slots[slot];
		if (mapping != NULL) {
			here->is_attached =
			    imago_attachment_pages(mapping, &here->pages, NULL, NULL, &error) == IMAGO_OK;
			here->has_memory = imago_attachment_memory(mapping, &here->memory, &error) == IMAGO_OK;
		}
	}
}

static void
send_text(const crowd_member *member, const imago_writer *writer, member_report *report)
{
	report->output = UINT64_C(0xcbf29ce484222325);
	for (uint64_t i = 0; i < writer->size; i++) {
		report->output = (report->output ^ writer->bytes[i]) * UINT64_C(0x100000001b3);
	}
	for (uint64_t done = 0; member->index == 0 && done < writer->size;) {
		const uint64_t left = writer->size - done;
		const uint64_t part = left < CROWD_MESSAGE ? left : CROWD_MESSAGE;
		if (!crowd_send(member, CROWD_TEXT, writer->bytes + done, (size_t)part)) {
			return;
		}
		done += part;
	}
}

static void
be_member(crowd_member *member, void *payload)
{
	const crowd_run *run = payload;
	imago_workspace *workspace = NULL;
	imago_writer writer;
	member_report report;
	memset(&report, 0, sizeof report); /* it goes out as it lies here */
	imago_writer_init(&writer, run->request->allocator, (imago_layout){8, IMAGO_LITTLE_ENDIAN},
	                  NULL);
	report.result = run_workspace(&workspace, run->request, &writer);
	fflush(message_stream());
	send_text(member, &writer, &report);
	/* All measure while all are there. */
	if (crowd_wait(member)) {
		if (workspace != NULL) {
			measure(workspace, &report);
		}
		if (crowd_wait(member)) {
			(void)crowd_send(member, CROWD_REPORT, &report, sizeof report);
		}
	}
	imago_writer_release(&writer);
	imago_workspace_destroy(workspace);
}

/* ---- The parent */

/* Hears a child until it waits, or is done. True when it waits. */
static bool
hear(const crowd_run *run, crowd *c, unsigned index, uint8_t *bytes)
{
	for (;;) {
		size_t size;
		switch (crowd_receive(c, index, bytes, &size)) {
		case CROWD_TEXT:
			print("%.*s", (int)size, (const char *)bytes);
			break;
		case CROWD_BARRIER:
			return true;
		case CROWD_REPORT:
			if (size == sizeof run->reports[index]) {
				memcpy(&run->reports[index], bytes, size);
				run->present[index] = true;
			}
			return false;
		default:
			return false;
		}
	}
}

static exit_status
run_all(const crowd_run *run)
{
	enum { BARRIERS = 2 };
	crowd c;
	uint8_t *bytes = malloc(CROWD_MESSAGE);
	flush_output();
	fflush(message_stream());
	const int os_error =
	    bytes != NULL ? crowd_start(&c, run->num, be_member, (void *)(uintptr_t)run) : 0;
	if (bytes == NULL || os_error != 0) {
		complain("workspace: %s", bytes != NULL ? strerror(os_error) : "out of memory");
		free(bytes);
		return EXIT_TROUBLE;
	}
	for (unsigned i = 0; i <= BARRIERS; i++) {
		unsigned num_waiting = 0;
		for (unsigned j = 0; j < run->num; j++) {
			num_waiting += hear(run, &c, j, bytes);
		}
		crowd_release(&c, num_waiting);
	}
	crowd_end(&c);
	free(bytes);
	return EXIT_DONE;
}

static void
print_table(const crowd_run *run)
{
	uint64_t proportional = 0;
	bool has_memory = false;
	print("%-8s %4s %8s %8s %8s %8s\n", "process", "slot", "pages", "absent", "shared", "private");
	for (unsigned i = 0; i < run->num; i++) {
		for (unsigned slot = 1; slot <= IMAGO_WORKSPACE_SLOTS; slot++) {
			const slot_report *here = &run->reports[i].slots[slot];
			if (!run->present[i] || !here->is_attached) {
				continue;
			}
			print("%-8u %4u %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n", i + 1, slot,
			      here->pages.num_pages, here->pages.num_absent, here->pages.num_shared,
			      here->pages.num_private);
			has_memory = has_memory || here->has_memory;
			proportional += here->memory.proportional;
		}
	}
	if (has_memory) {
		print("PSS of all: %" PRIu64 " KiB\n", proportional / 1024);
	}
}

static exit_status
judge(const crowd_run *run)
{
	exit_status result = EXIT_DONE;
	for (unsigned i = 0; i < run->num; i++) {
		if (!run->present[i]) {
			complain("workspace: process %u of %u ended", i + 1, run->num);
			result = EXIT_TROUBLE;
		} else {
			result = worse_status(result, run->reports[i].result);
		}
	}
	for (unsigned i = 1; result == EXIT_DONE && i < run->num; i++) {
		if (run->reports[i].output != run->reports[0].output) {
			complain("workspace: the processes did not all print the same");
			result = EXIT_IMAGE;
		}
	}
	return result;
}

exit_status
run_workspace_crowd(const workspace_request *request, unsigned num_processes)
{
	imago_error error = {0};
	imago_allocator *allocator = request->allocator;
	crowd_run run = {.request = request, .num = num_processes};
	run.reports =
	    imago_allocate_array(allocator, num_processes, sizeof *run.reports, "reports", &error);
	run.present =
	    imago_allocate_array(allocator, num_processes, sizeof *run.present, "reports", &error);
	exit_status result = EXIT_TROUBLE;
	if (run.reports == NULL || run.present == NULL) {
		result = complain_of_error(NULL, &error);
	} else {
		result = run_all(&run);
		if (result == EXIT_DONE) {
			print_table(&run);
			result = judge(&run);
		}
	}
	imago_release(allocator, run.reports,
	              run.reports != NULL ? num_processes * sizeof *run.reports : 0);
	imago_release(allocator, run.present,
	              run.present != NULL ? num_processes * sizeof *run.present : 0);
	return result;
}

/* packfile_run.c: imago run of a packfile: mapped, looked at and executed where it lies. */
#include <inttypes.h>

#include "imago/attach.h"
#include "imago/file_system.h"
#include "imago/packfile_check.h"
#include "imago/packfile_run.h"
#include "imago/pages.h"
#include "output.h"
#include "packfile_file.h"

/* One run: what it allocates stands here, so that it can be given back whatever ends the run. */
typedef struct packfile_session {
	const char *path;
	uint64_t fuel;
	imago_packfile_options options;
	imago_allocator *allocator;
	imago_attachment *attachment;
	uint64_t size;
	imago_packfile packfile;
	imago_packfile_machine machine;
	imago_packfile_result result;
	imago_check_summary findings;
	imago_error error;
} packfile_session;

static void
print_output(const uint8_t *bytes, size_t size, void *payload)
{
	(void)payload;
	print_bytes(bytes, size);
}

/* Touches the mapping, and calls nothing that must not be left in the middle. */
static imago_status
look_and_run(void *payload)
{
	packfile_session *session = payload;
	imago_check_sink sink;
	imago_status status = imago_packfile_read(
	    &session->packfile, imago_attachment_facts_of(session->attachment).bytes, session->size,
	    &session->options, session->allocator, &session->error);
	if (status != IMAGO_OK) {
		return status;
	}
	imago_check_sink_init(&sink, NULL, NULL, NULL);
	imago_packfile_check(&session->packfile, &sink);
	session->findings = sink.summary;
	return sink.summary.num_errors > 0
	           ? IMAGO_OK
	           : imago_packfile_run(&session->packfile, session->fuel, print_output, NULL,
	                                &session->machine, &session->result, &session->error);
}

static exit_status
complain_of_session(const packfile_session *session)
{
	const imago_error *error = &session->error;
	if (error->status != IMAGO_EIO || error->os_error != 0) {
		return complain_of_error(session->path, error);
	}
	complain("%s: the file was cut or changed while it was executed", session->path);
	return EXIT_TROUBLE;
}

static exit_status
tell_end(const packfile_session *session)
{
	const imago_packfile_result *result = &session->result;
	if (session->findings.num_errors > 0) {
		complain("run: the packfile has %" PRIu64 " error%s and is not executed: imago check %s",
		         session->findings.num_errors, plural(session->findings.num_errors), session->path);
		return EXIT_IMAGE;
	}
	if (result->end == IMAGO_PACKFILE_ENDED) {
		return EXIT_DONE;
	}
	if (result->segment == IMAGO_PACKFILE_NONE) {
		complain("run: %s", result->reason);
		return EXIT_IMAGE;
	}
	complain("run: %s (segment %zu, place %" PRIu64 ", offset 0x%" PRIx64 ", opcode %" PRId64
	         "%s%s)",
	         result->reason != NULL ? result->reason : "fuel is used up", result->segment,
	         result->place, result->offset, result->opcode, result->signature != NULL ? " " : "",
	         result->signature != NULL ? result->signature->name : "");
	return result->end == IMAGO_PACKFILE_FUEL ? EXIT_DONE : EXIT_IMAGE;
}

static void
print_statistics(const packfile_session *session)
{
	const imago_packfile_result *result = &session->result;
	imago_page_counts pages;
	flush_output();
	tell("ops %" PRIu64 ", code bytes %" PRIu64 ", of these copied %" PRIu64 "\n", result->num_ops,
	     result->num_code_bytes, result->num_bytes_copied);
	if (imago_attachment_pages(session->attachment, &pages, NULL, NULL, NULL) == IMAGO_OK) {
		tell("pages of the file %" PRIu64 ": shared %" PRIu64 ", copied %" PRIu64
		     ", not touched %" PRIu64 "\n",
		     pages.num_pages, pages.num_shared, pages.num_private, pages.num_absent);
	}
}

static exit_status
run_attached(packfile_session *session, bool statistics)
{
	const imago_status status =
	    imago_attachment_guard(session->attachment, look_and_run, session, &session->error);
	exit_status result = EXIT_DONE;
	if (status != IMAGO_OK) {
		result = complain_of_session(session);
	} else {
		result = tell_end(session);
		if (statistics) {
			print_statistics(session);
		}
	}
	imago_packfile_machine_release(&session->machine);
	imago_packfile_close(&session->packfile);
	return result;
}

exit_status
packfile_run(const char *path, uint64_t fuel, bool statistics, imago_number_form long_double,
             imago_allocator *allocator)
{
	const imago_file_system *files = imago_os_files();
	packfile_session session = {.path = path,
	                            .fuel = fuel,
	                            .options = {.long_double = long_double},
	                            .allocator = allocator};
	session.packfile.allocator = allocator;
	imago_packfile_machine_init(&session.machine, allocator);
	const int descriptor = imago_files_open(files, IMAGO_WORKING_FOLDER, path, IMAGO_OPEN_FILE);
	if (descriptor < 0) {
		imago_fail_os(&session.error, "open", -descriptor);
		return complain_of_error(path, &session.error);
	}
	exit_status result;
	if (imago_packfile_attach(&session.attachment, &session.size, descriptor, allocator,
	                          &session.error) != IMAGO_OK) {
		result = complain_of_session(&session);
	} else {
		result = run_attached(&session, statistics);
		imago_detach(session.attachment);
	}
	(void)imago_files_close(files, descriptor);
	return result;
}

/* packfile_fixture.h: a drafted packfile, its file, and what is read of that: what tests of
 * packfiles start from. */
#ifndef IMAGO_TESTS_PACKFILE_FIXTURE_H
#define IMAGO_TESTS_PACKFILE_FIXTURE_H

#include "assertions.h"
#include "packfile_files.h"

typedef struct fixture {
	draft d;
	imago_writer file, out;
	imago_packfile packfile;
	imago_allocator allocator;
	imago_error error;
	printed printed; /* of a run */
} fixture;

/* For cmocka; the second fails the test when something was not released. */
int packfile_set_up(void **state);
int packfile_tear_down(void **state);

/* Releases files and packfile; both writers begin anew. */
void packfile_forget(fixture *f);

/* The draft as a file, in its layout; what was there before is released. */
void packfile_write_draft(fixture *f);

/* Reads the file, as it is by now. */
imago_status packfile_read_file(fixture *f);

/* Writes and reads the draft: that must be possible. */
void packfile_read_draft(fixture *f);

#define PACKFILE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, packfile_set_up, packfile_tear_down)

#endif

/* packfile_fixture.c: a drafted packfile, and what is read of it. */
#include "packfile_fixture.h"

#include <string.h>

int
packfile_set_up(void **state)
{
	static fixture f;
	memset(&f, 0, sizeof f);
	imago_allocator_init(&f.allocator, IMAGO_UNLIMITED);
	imago_writer_init(&f.file, &f.allocator, packfile_layouts[0], NULL);
	imago_writer_init(&f.out, &f.allocator, packfile_layouts[0], NULL);
	f.packfile.allocator = &f.allocator;
	*state = &f;
	return 0;
}

void
packfile_forget(fixture *f)
{
	imago_packfile_close(&f->packfile);
	imago_writer_release(&f->file);
	imago_writer_release(&f->out);
	imago_writer_init(&f->file, &f->allocator, packfile_layouts[0], NULL);
	imago_writer_init(&f->out, &f->allocator, packfile_layouts[0], NULL);
}

int
packfile_tear_down(void **state)
{
	fixture *f = *state;
	packfile_forget(f);
	assert_no_leak(&f->allocator);
	return 0;
}

void
packfile_write_draft(fixture *f)
{
	packfile_forget(f);
	draft_write(&f->d, &f->file);
	assert_int_equal(f->file.status, IMAGO_OK);
}

imago_status
packfile_read_file(fixture *f)
{
	imago_packfile_close(&f->packfile);
	return imago_packfile_read(&f->packfile, f->file.bytes, f->file.size, NULL, &f->allocator,
	                           &f->error);
}

void
packfile_read_draft(fixture *f)
{
	packfile_write_draft(f);
	assert_ok(packfile_read_file(f), &f->error);
}

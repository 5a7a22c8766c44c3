/* twin_write_test.c: twins that are made without a machine, and those that cannot be: sources that
 * are none, writers that failed, memory and maps of pages that there are not. */
#include "twin_pair.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include "../share/denied.h"
#include "../share/mapped.h"
#include "assertions.h"
#include "imago/pages.h"
#include "imago/walk.h"

/* One object of the source gets another byte, and a new one lies behind them all. */
static void
change(twin_pair *p)
{
	const imago_object object = twin_find_string(p);
	uint8_t *end = p->changed.mapping.bytes + p->changed.mapping.used;
	twin_place(p, object.body)[0] ^= 1;
	memcpy(end, twin_place(p, object.chunk), (size_t)object.total_bytes);
	p->changed.mapping.used += object.total_bytes;
	twin_look(p);
}

/* What both ways of writing are asked, and what comes of it. */
typedef struct request {
	const imago_layered_attachment *source;
	const imago_memory_mapping *now;
	const twin_pair *from;
	bool moved;
	imago_twin_moves moves;
} request;

static imago_status
write_twin(request *asked, imago_writer *writer, imago_error *error)
{
	const twin_pair *from = asked->from;
	return asked->moved ? imago_twin_write_moved(asked->source, asked->now, from->whole, from->file,
	                                             writer, &asked->moves, error)
	                    : imago_twin_write(asked->source, asked->now, from->file, writer, error);
}

static void
expect_no_twin(request *asked, const char *what, uint64_t found)
{
	imago_allocator allocator;
	imago_error error;
	imago_writer writer;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	for (int moved = 0; moved < 2; moved++) {
		imago_writer_init(&writer, &allocator, asked->now->layout, &error);
		asked->moved = moved == 1;
		assert_status(write_twin(asked, &writer, &error), &error, IMAGO_EUSAGE);
		assert_error(&error, IMAGO_EUSAGE, what, IMAGO_NO_OFFSET);
		assert_int_equal(error.found, found);
		assert_int_equal(writer.size, 0);
		imago_writer_release(&writer);
	}
	assert_no_leak(&allocator);
}

static void
a_mapping_that_is_not_the_source_s_is_refused(void **state)
{
	(void)state;
	twin_pair p;
	twin_pair_make(&p);
	imago_memory_mapping now = p.changed.mapping;
	request asked = {.source = &p.changed, .now = &now, .from = &p};
	now.bytes = p.untouched.mapping.bytes;
	expect_no_twin(&asked, "source of a twin", 0);
	now = p.changed.mapping;
	now.used = p.changed.source_used - 8; /* objects of the source are gone */
	expect_no_twin(&asked, "source of a twin", 0);
	twin_pair_release(&p);
}

static void
a_source_that_lies_elsewhere_is_refused(void **state)
{
	(void)state;
	twin_pair p;
	twin_pair_make(&p);
	imago_layered_attachment elsewhere;
	const imago_layered_attach_options options = {.attach.relocation = IMAGO_RELOCATION_EAGER,
	                                              .attach.place = IMAGO_PLACE_ANYWHERE,
	                                              .room = TWIN_ROOM};
	assert_ok(imago_layered_attach(&elsewhere, p.descriptor, &options, &p.allocator, &p.error),
	          &p.error);
	assert_int_not_equal(elsewhere.distance, 0);
	request asked = {.source = &elsewhere, .now = &elsewhere.mapping, .from = &p};
	expect_no_twin(&asked, "source of a twin", elsewhere.distance);
	imago_layered_detach(&elsewhere);
	twin_pair_release(&p);
}

/* Its changes are not in place, so nothing there can be moved. */
static void
references_are_not_updated_over_an_object_table(void **state)
{
	(void)state;
	twin_pair p;
	twin_pair_make(&p);
	imago_writer writer;
	imago_layered_attachment tabled;
	imago_twin_moves moves;
	const imago_layered_attach_options options = {
	    .attach.relocation = IMAGO_RELOCATION_NONE, .room = TWIN_ROOM, .tabled = true};
	assert_ok(imago_layered_attach(&tabled, p.descriptor, &options, &p.allocator, &p.error),
	          &p.error);
	imago_writer_init(&writer, &p.allocator, tabled.mapping.layout, &p.error);
	assert_status(imago_twin_write_moved(&tabled, &tabled.mapping, p.whole, p.file, &writer, &moves,
	                                     &p.error),
	              &p.error, IMAGO_EUSAGE);
	assert_error(&p.error, IMAGO_EUSAGE, "source of a twin", IMAGO_NO_OFFSET);
	assert_int_equal(p.error.found, 1);
	assert_int_equal(writer.size, 0);
	imago_writer_release(&writer);
	imago_layered_detach(&tabled);
	twin_pair_release(&p);
}

static void
a_writer_that_failed_gets_nothing_more(void **state)
{
	(void)state;
	twin_pair p;
	twin_pair_make(&p);
	request asked = {.source = &p.changed, .now = &p.changed.mapping, .from = &p};
	for (int moved = 0; moved < 2; moved++) {
		imago_writer writer;
		imago_writer_init(&writer, &p.allocator, p.file->layout, &p.error);
		writer.status = IMAGO_ENOMEM;
		asked.moved = moved == 1;
		assert_int_equal(write_twin(&asked, &writer, &p.error), IMAGO_ENOMEM);
		assert_int_equal(writer.size, 0);
		imago_writer_release(&writer);
	}
	twin_pair_release(&p);
}

static imago_status
write_once(imago_allocator *allocator, imago_error *error, void *payload)
{
	request *asked = payload;
	imago_writer writer;
	imago_writer_init(&writer, allocator, asked->now->layout, error);
	const imago_status status = write_twin(asked, &writer, error);
	imago_writer_release(&writer);
	return status;
}

static void
every_failing_allocation_of_a_writer_is_reported(void **state)
{
	(void)state;
	twin_pair p;
	twin_pair_make(&p);
	change(&p);
	request asked = {.source = &p.changed, .now = &p.changed.mapping, .from = &p, .moved = true};
	assert_every_allocation_failure_is_reported(write_once, &asked);
	assert_int_equal(asked.moves.num_changed, 1);
	assert_true(asked.moves.num_moved >= 1);
	asked.moved = false;
	assert_every_allocation_failure_is_reported(write_once, &asked);
	twin_pair_release(&p);
}

/* ---- Where pages are not told */

typedef struct unseen {
	const twin_pair *from;
	imago_writer *writer;
	imago_error error;
	imago_status status, status_of_pages;
} unseen;

static void
write_unseen(void *payload)
{
	unseen *u = payload;
	const imago_layered_attachment *source = &u->from->changed;
	u->status_of_pages = imago_attachment_pages(source->attachment, NULL, NULL, NULL, &u->error);
	u->status = imago_twin_write(source, &source->mapping, u->from->file, u->writer, &u->error);
}

static void
expect_the_changes(const imago_writer *twin, twin_pair *p)
{
	imago_layered_attachment again;
	const imago_memory_mapping *now = &p->changed.mapping;
	assert_ok(imago_twin_attach(&again, twin->bytes, twin->size, p->descriptor, TWIN_ROOM,
	                            &p->allocator, &p->error),
	          &p->error);
	assert_int_equal(again.mapping.used, now->used);
	for (size_t i = 0; i < p->whole->num_segments; i++) {
		const imago_segment *segment = &p->whole->segments[i];
		assert_memory_equal(again.mapping.bytes + (segment->start - again.head.start),
		                    segment->bytes, (size_t)segment->size);
	}
	imago_layered_detach(&again);
}

static void
without_a_map_of_pages_all_of_them_are_compared(void **state)
{
	(void)state;
	if (!denied_is_possible()) {
		skip();
	}
	static const denied_call no_files = {SYS_openat, EACCES, ANY_ARGUMENT, 0};
	twin_pair p;
	twin_pair_make(&p);
	imago_writer writer;
	imago_twin_head head;
	imago_writer_init(&writer, &p.allocator, p.file->layout, &p.error);
	change(&p);
	/* The last word of each section, and the one before: a run that ends where the section does. */
	for (size_t i = 0; i < p.file->num_segments; i++) {
		const imago_segment *segment = &p.file->segments[i];
		twin_place(&p, segment->start + segment->size - 8)[0] ^= 1;
		twin_place(&p, segment->start + segment->size - 16)[7] ^= 1;
	}
	unseen u = {.from = &p, .writer = &writer};
	denied_run(&no_files, 1, write_unseen, &u);
	assert_int_equal(u.status_of_pages, IMAGO_EUNSUPPORTED);
	assert_ok(u.status, &u.error);
	assert_ok(imago_twin_decode(&head, writer.bytes, writer.size, &p.error), &p.error);
	assert_int_equal(head.num_runs, p.file->num_segments + 1);
	assert_int_equal(head.changed_size, 8 + 16 * p.file->num_segments);
	expect_the_changes(&writer, &p);
	imago_writer_release(&writer);
	twin_pair_release(&p);
}

/* It was there, and cannot be read. */
static void
a_map_of_pages_that_cannot_be_read_is_told(void **state)
{
	(void)state;
	if (!mapped_pages_are_told() || !denied_is_possible()) {
		skip();
	}
	static const denied_call no_reads[] = {{SYS_pread64, EIO, ANY_ARGUMENT, 0},
	                                       {SYS_ioctl, EIO, ANY_ARGUMENT, 0}};
	twin_pair p;
	imago_writer writer;
	twin_pair_make(&p);
	imago_writer_init(&writer, &p.allocator, p.file->layout, &p.error);
	unseen u = {.from = &p, .writer = &writer};
	denied_run(no_reads, 2, write_unseen, &u);
	assert_int_equal(u.status_of_pages, IMAGO_EIO);
	assert_status(u.status, &u.error, IMAGO_EIO);
	assert_int_equal(u.error.os_error, EIO);
	assert_int_equal(writer.size, 0);
	imago_writer_release(&writer);
	twin_pair_release(&p);
}

/* ---- Files that are not the source's */

/* Ordinary objects of a segment, but for nil, false and true. */
static uint64_t
num_movable(const imago_heap *heap, size_t segment)
{
	enum { NUM_THAT_STAY = 3 };
	imago_walker walker;
	imago_object object;
	uint64_t num_walked = 0;
	uint64_t num = 0;
	imago_walk_init(&walker, heap, NULL);
	while (imago_walk_next(&walker, &object)) {
		num += num_walked++ >= NUM_THAT_STAY && object.kind == IMAGO_OBJECT_ORDINARY &&
		       object.segment == segment;
	}
	return num;
}

/* What the file has not got cannot be said by words that differ: what may move is a copy, and what
 * may not is left as it is. */
static void
objects_that_the_file_has_not_are_copies(void **state)
{
	(void)state;
	twin_pair p;
	twin_pair_make(&p);
	assert_true(p.file->num_segments > 1);
	for (size_t missing = 0; missing < p.file->num_segments; missing++) {
		imago_writer writer;
		imago_heap *shorter;
		imago_twin_moves moves;
		imago_twin_head head;
		imago_writer_init(&writer, &p.allocator, p.file->layout, &p.error);
		assert_ok(imago_layered_attached_heap(&shorter, &p.untouched, &p.allocator, &p.error),
		          &p.error);
		shorter->segments[missing].size = 0;
		assert_ok(imago_twin_write_moved(&p.changed, &p.changed.mapping, p.whole, shorter, &writer,
		                                 &moves, &p.error),
		          &p.error);
		assert_int_equal(moves.num_changed, num_movable(p.whole, missing));
		assert_true(moves.num_moved >= moves.num_changed);
		assert_ok(imago_twin_decode(&head, writer.bytes, writer.size, &p.error), &p.error);
		assert_int_equal(head.used - head.source_used, moves.moved_bytes);
		imago_heap_destroy(shorter);
		imago_writer_release(&writer);
	}
	twin_pair_release(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_mapping_that_is_not_the_source_s_is_refused),
	    cmocka_unit_test(a_source_that_lies_elsewhere_is_refused),
	    cmocka_unit_test(references_are_not_updated_over_an_object_table),
	    cmocka_unit_test(a_writer_that_failed_gets_nothing_more),
	    cmocka_unit_test(every_failing_allocation_of_a_writer_is_reported),
	    cmocka_unit_test(without_a_map_of_pages_all_of_them_are_compared),
	    cmocka_unit_test(a_map_of_pages_that_cannot_be_read_is_told),
	    cmocka_unit_test(objects_that_the_file_has_not_are_copies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

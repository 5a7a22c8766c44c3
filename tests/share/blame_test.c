/* blame_test.c: whose objects private pages hold: against a count, page by page, of what was
 * written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assertions.h"
#include "imago/blame.h"
#include "imago/class_table.h"
#include "imago/layered_attach.h"
#include "imago/pages.h"
#include "imago/synthetic.h"
#include "imago/walk.h"
#include "mapped.h"

enum { PAGE = 4096, MAX_PAGES = 4096, EACH = 37, IMMUTABLE_AT = 2, IMMUTABLE = 0x80 };

typedef struct fixture {
	imago_allocator allocator;
	imago_error error;
	int descriptor;
	imago_layered_attachment file; /* as it is, to compare with */
	imago_heap *heap;              /* of that */
} fixture;

/* What a test wrote: pages of the file's addresses, and objects. */
typedef struct written {
	bool pages[MAX_PAGES];
	uint64_t num_pages, num_objects;
	uint64_t false_dirty;
} written;

static int
set_up(void **state)
{
	fixture *f = calloc(1, sizeof *f);
	imago_heap *made;
	imago_writer writer;
	imago_allocator_init(&f->allocator, IMAGO_UNLIMITED);
	const imago_synthetic_options options = {.image_format = 68021, .num_objects = 30000};
	const imago_layered_attach_options as_it_is = {
	    .attach = {IMAGO_PLACE_ANYWHERE, 0, IMAGO_RELOCATION_NONE}};
	assert_ok(imago_synthetic_make(&made, &options, &f->allocator, &f->error), &f->error);
	imago_writer_init(&writer, &f->allocator, made->layout, &f->error);
	assert_ok(imago_layered_write(made, NULL, &writer, &f->error), &f->error);
	f->descriptor = mapped_descriptor(writer.bytes, writer.size);
	imago_writer_release(&writer);
	imago_heap_destroy(made);
	assert_ok(imago_layered_attach(&f->file, f->descriptor, &as_it_is, &f->allocator, &f->error),
	          &f->error);
	assert_ok(imago_layered_attached_heap(&f->heap, &f->file, &f->allocator, &f->error), &f->error);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	fixture *f = *state;
	imago_heap_destroy(f->heap);
	imago_layered_detach(&f->file);
	close(f->descriptor);
	assert_int_equal(f->allocator.used, 0);
	free(f);
	return 0;
}

static imago_layered_attachment
attach(fixture *f, imago_attach_place place, imago_relocation way)
{
	imago_layered_attachment attached;
	const imago_layered_attach_options options = {.attach = {place, 0, way}};
	assert_ok(imago_layered_attach(&attached, f->descriptor, &options, &f->allocator, &f->error),
	          &f->error);
	return attached;
}

static bool
pages_can_be_counted(fixture *f)
{
	imago_page_counts counts[IMAGO_LAYERED_MAX_SECTIONS];
	imago_census census;
	assert_ok(imago_census_take(f->heap, &census, &f->error), &f->error);
	const bool can =
	    imago_attachment_pages(f->file.attachment, counts, NULL, NULL, &f->error) == IMAGO_OK &&
	    counts[0].num_shared > 0;
	if (!can) {
		print_message("skipped: the system does not tell of pages\n");
	}
	return can;
}

static void
read_all(fixture *f, const imago_layered_attachment *attached)
{
	imago_heap *heap;
	imago_census census;
	assert_ok(imago_layered_attached_heap(&heap, attached, &f->allocator, &f->error), &f->error);
	assert_ok(imago_census_take(heap, &census, &f->error), &f->error);
	imago_heap_destroy(heap);
}

/* Makes each n-th ordinary object immutable, or mutable if it is: one bit of its header. */
static void
write_each(fixture *f, const imago_layered_attachment *attached, uint64_t n, written *w)
{
	imago_walker walker;
	imago_object object;
	uint64_t i = 0;
	memset(w, 0, sizeof *w);
	imago_walk_init(&walker, f->heap, &f->error);
	while (imago_walk_next(&walker, &object)) {
		if (object.kind == IMAGO_OBJECT_ORDINARY && i++ % n == 0) {
			const uint64_t distance = object.oop - f->file.head.start;
			attached->mapping.bytes[distance + IMMUTABLE_AT] ^= IMMUTABLE;
			assert_true(distance / PAGE < MAX_PAGES);
			w->num_pages += !w->pages[distance / PAGE];
			w->pages[distance / PAGE] = true;
			w->num_objects++;
		}
	}
	/* Byte by byte, on purpose. */
	i = 0;
	imago_walk_init(&walker, f->heap, &f->error);
	while (imago_walk_next(&walker, &object)) {
		const bool is_written = object.kind == IMAGO_OBJECT_ORDINARY && i++ % n == 0;
		for (uint64_t at = 0; !is_written && at < object.total_bytes; at++) {
			w->false_dirty += w->pages[(object.chunk + at - f->file.head.start) / PAGE];
		}
	}
}

/* Pages that were told of, in order. */
typedef struct told {
	imago_addr last;
	uint64_t num, num_bytes;
} told;

static void
see(const imago_blamed_page *page, void *payload)
{
	told *seen = payload;
	assert_true(page->address % PAGE == 0 && page->address > seen->last);
	assert_in_range(page->num_bytes, 8, PAGE);
	seen->last = page->address;
	seen->num++;
	seen->num_bytes += page->num_bytes;
}

static imago_blame
blame_of(fixture *f, const imago_layered_attachment *attached, told *seen)
{
	imago_blame blame;
	*seen = (told){.num = 0};
	assert_ok(imago_blame_create(&blame, attached->attachment, f->heap, attached->distance, see,
	                             seen, &f->allocator, &f->error),
	          &f->error);
	return blame;
}

static void
expect_blame(const imago_blame *blame, const written *w, const told *seen)
{
	uint64_t num_objects = 0;
	uint64_t num_bytes = 0;
	uint64_t num_pages = 0;
	assert_int_equal(blame->num_objects, w->num_objects);
	assert_int_equal(blame->num_written, w->num_pages);
	assert_int_equal(blame->false_dirty, w->false_dirty);
	assert_int_equal(seen->num, w->num_pages);
	for (size_t i = 0; i < blame->num_rows; i++) {
		const imago_blame_row *row = &blame->rows[i];
		assert_true(i == 0 || row[-1].num_pages >= row->num_pages);
		num_objects += row->num_objects;
		num_bytes += row->num_bytes;
		num_pages += row->num_pages;
	}
	assert_int_equal(num_objects, w->num_objects);
	assert_int_equal(num_bytes, blame->num_bytes);
	assert_true(num_pages >= w->num_pages);
	assert_true(seen->num_bytes <= num_bytes);
}

static void
who_writes_is_blamed_and_nobody_else(void **state)
{
	fixture *f = *state;
	imago_relocation ways[4];
	const size_t num_ways = mapped_ways(ways);
	if (!pages_can_be_counted(f)) {
		skip();
	}
	for (size_t i = 0; i < num_ways + 1; i++) {
		const bool wanted = i == num_ways;
		imago_layered_attachment attached =
		    attach(f, wanted ? IMAGO_PLACE_WANTED : IMAGO_PLACE_ANYWHERE,
		           wanted ? IMAGO_RELOCATION_NONE : ways[i]);
		const bool moved = attached.distance != 0;
		written w;
		told seen;
		read_all(f, &attached);
		imago_blame blame = blame_of(f, &attached, &seen);
		assert_int_equal(blame.num_written + blame.num_objects + blame.num_rows, 0);
		assert_int_equal(blame.num_private > 0, moved);
		assert_int_equal(blame.unchanged > 0, moved);
		imago_blame_release(&blame);

		write_each(f, &attached, EACH, &w);
		blame = blame_of(f, &attached, &seen);
		expect_blame(&blame, &w, &seen);
		assert_true(moved ? blame.num_private >= w.num_pages : blame.num_private == w.num_pages);
		assert_true(moved || blame.unchanged == 0);
		imago_blame_release(&blame);

		write_each(f, &attached, EACH, &w); /* as they were */
		blame = blame_of(f, &attached, &seen);
		assert_int_equal(blame.num_written, 0);
		assert_true(blame.num_private >= w.num_pages);
		imago_blame_release(&blame);
		imago_layered_detach(&attached);
	}
}

/* The largest object: a word in the middle of it dirties one page, which has nothing else. */
static void
a_large_object_is_blamed_for_the_page_that_it_dirties(void **state)
{
	fixture *f = *state;
	imago_walker walker;
	imago_object object;
	imago_object largest = {.total_bytes = 0};
	told seen;
	if (!pages_can_be_counted(f)) {
		skip();
	}
	imago_layered_attachment attached = attach(f, IMAGO_PLACE_WANTED, IMAGO_RELOCATION_NONE);
	imago_walk_init(&walker, f->heap, &f->error);
	while (imago_walk_next(&walker, &object)) {
		largest = object.kind == IMAGO_OBJECT_ORDINARY && object.total_bytes > largest.total_bytes
		              ? object
		              : largest;
	}
	assert_true(largest.total_bytes > UINT64_C(2) * PAGE);
	attached.mapping.bytes[largest.chunk + largest.total_bytes / 2 - f->file.head.start] ^= 1;
	imago_blame blame = blame_of(f, &attached, &seen);
	assert_int_equal(blame.num_private, 1);
	assert_int_equal(blame.num_written, 1);
	assert_int_equal(blame.num_objects, 1);
	assert_int_equal(blame.num_rows, 1);
	assert_int_equal(blame.rows[0].class_index, largest.class_index);
	assert_true(blame.num_bytes + blame.false_dirty <= PAGE);
	imago_blame_release(&blame);
	imago_layered_detach(&attached);
}

/* At another base, without one page relocated by whoever attaches it. */
static void
of_a_sealed_copy_only_what_is_written_is_private(void **state)
{
	fixture *f = *state;
	const imago_layered_attach_options options = {.room = 0};
	imago_layered_attachment attached = attach(f, IMAGO_PLACE_ANYWHERE, IMAGO_RELOCATION_NONE);
	const imago_addr base = (uintptr_t)attached.mapping.bytes;
	int sealed;
	written w;
	told seen;
	imago_layered_detach(&attached);
	assert_status(
	    imago_layered_attach_sealed(&attached, f->descriptor, &options, &f->allocator, &f->error),
	    &f->error, IMAGO_EUSAGE);
	assert_ok(
	    imago_layered_attach_seal(&sealed, f->descriptor, &options, base, &f->allocator, &f->error),
	    &f->error);
	assert_ok(imago_layered_attach_sealed(&attached, sealed, &options, &f->allocator, &f->error),
	          &f->error);
	assert_int_equal(attached.mapping.base, base);
	assert_int_equal(attached.distance, base - f->file.head.start);
	read_all(f, &attached);
	if (pages_can_be_counted(f)) {
		write_each(f, &attached, EACH, &w);
		imago_blame blame = blame_of(f, &attached, &seen);
		expect_blame(&blame, &w, &seen);
		assert_int_equal(blame.num_private, w.num_pages);
		imago_blame_release(&blame);
	}
	imago_layered_detach(&attached);
	close(sealed);
}

static void
every_failing_allocation_is_told(void **state)
{
	fixture *f = *state;
	written w;
	imago_status status = IMAGO_ENOMEM;
	if (!pages_can_be_counted(f)) {
		skip();
	}
	imago_layered_attachment attached = attach(f, IMAGO_PLACE_WANTED, IMAGO_RELOCATION_NONE);
	write_each(f, &attached, EACH, &w);
	const uint64_t used = f->allocator.used;
	uint64_t num_failed = 0;
	while (status != IMAGO_OK) {
		imago_blame blame;
		f->allocator.fail_at = f->allocator.num_calls + num_failed + 1;
		status = imago_blame_create(&blame, attached.attachment, f->heap, 0, NULL, NULL,
		                            &f->allocator, &f->error);
		f->allocator.fail_at = 0;
		assert_true(status == IMAGO_OK || status == IMAGO_ENOMEM);
		num_failed += status != IMAGO_OK;
		imago_blame_release(&blame);
		assert_int_equal(f->allocator.used, used);
	}
	assert_true(num_failed >= 4);
	imago_layered_detach(&attached);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(who_writes_is_blamed_and_nobody_else, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_large_object_is_blamed_for_the_page_that_it_dirties,
	                                    set_up, tear_down),
	    cmocka_unit_test_setup_teardown(of_a_sealed_copy_only_what_is_written_is_private, set_up,
	                                    tear_down),
	    cmocka_unit_test_setup_teardown(every_failing_allocation_is_told, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

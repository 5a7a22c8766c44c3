/* twin_attach_test.c: twins that cannot be attached, and runs that are no objects (twin.md §3). */
#include "twin_pair.h"

#include <string.h>

#include "assertions.h"
#include "imago/walk.h"

enum { NEW_SIZE = 16, MOST_CHANGED = 16, RUN_TABLE = 4 };

/* A twin of one run of whole objects, nil alone, as the source has it; and room for a new one. */
typedef struct nil_twin {
	imago_twin_head head;
	uint8_t bytes[IMAGO_TWIN_HEADER + 2 + MOST_CHANGED + NEW_SIZE];
} nil_twin;

static nil_twin
make_nil_twin(const twin_pair *p)
{
	nil_twin twin = {.head = {.layout = p->untouched.head.layout,
	                          .source_used = p->untouched.source_used,
	                          .used = p->untouched.source_used + NEW_SIZE,
	                          .num_runs = 1,
	                          .table_size = 2,
	                          .changed_size = MOST_CHANGED,
	                          .objects = true,
	                          .fields = p->untouched.head.fields}};
	uint8_t *table = twin.bytes + IMAGO_TWIN_HEADER;
	memcpy(twin.head.source, p->untouched.head.identity, sizeof twin.head.source);
	table[1] = MOST_CHANGED / 8;
	memcpy(table + 2, p->untouched.mapping.bytes, MOST_CHANGED);
	memcpy(table + 2 + MOST_CHANGED, p->untouched.mapping.bytes, NEW_SIZE);
	imago_twin_encode(&twin.head, twin.bytes, sizeof twin.bytes);
	return twin;
}

static imago_status
attach_nil_twin(const nil_twin *twin, int descriptor, uint64_t room, imago_allocator *allocator,
                imago_error *error)
{
	imago_layered_attachment attached;
	const imago_status status = imago_twin_attach_tabled(&attached, twin->bytes, sizeof twin->bytes,
	                                                     descriptor, room, allocator, error);
	if (status == IMAGO_OK) {
		assert_int_equal(attached.mapping.num_copies, 1);
		assert_int_equal(attached.mapping.copies[0].at, 0);
		assert_int_equal(attached.mapping.copies[0].size, MOST_CHANGED);
		imago_layered_detach(&attached);
	}
	assert_null(attached.attachment);
	return status;
}

static void
room_that_no_address_space_has_is_refused(void **state)
{
	(void)state;
	twin_pair p;
	twin_pair_make(&p);
	const nil_twin twin = make_nil_twin(&p);
	/* What the new objects take, and then a page, is too much. */
	const uint64_t rooms[] = {UINT64_MAX, UINT64_MAX - NEW_SIZE + 1, UINT64_MAX - NEW_SIZE,
	                          UINT64_MAX - NEW_SIZE - IMAGO_LAYERED_PAGE + 1};
	for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
		assert_status(attach_nil_twin(&twin, p.descriptor, rooms[i], &p.allocator, &p.error),
		              &p.error, IMAGO_ELIMIT);
		assert_error(&p.error, IMAGO_ELIMIT, "room behind an image", IMAGO_NO_OFFSET);
		assert_int_equal(p.error.found, rooms[i]);
	}
	assert_ok(attach_nil_twin(&twin, p.descriptor, TWIN_ROOM, &p.allocator, &p.error), &p.error);
	twin_pair_release(&p);
}

static void
a_source_that_cannot_be_attached_is_told(void **state)
{
	(void)state;
	twin_pair p;
	twin_pair_make(&p);
	const nil_twin twin = make_nil_twin(&p);
	assert_status(attach_nil_twin(&twin, -1, TWIN_ROOM, &p.allocator, &p.error), &p.error,
	              IMAGO_EIO);
	assert_string_equal(p.error.what, "stat");
	twin_pair_release(&p);
}

/* The identity of its source, and another size or layout. */
static void
a_twin_that_knows_its_source_wrongly_is_refused(void **state)
{
	(void)state;
	twin_pair p;
	twin_pair_make(&p);
	for (int i = 0; i < 3; i++) {
		nil_twin twin = make_nil_twin(&p);
		imago_twin_head *head = &twin.head;
		head->source_used += i == 0 ? 8 : 0;
		head->used += i == 0 ? 8 : 0;
		head->layout.word_bytes = i == 1 ? 4 : 8;
		if (i == 2) {
			head->layout.byte_order = head->layout.byte_order == IMAGO_BIG_ENDIAN
			                              ? IMAGO_LITTLE_ENDIAN
			                              : IMAGO_BIG_ENDIAN;
		}
		imago_twin_encode(head, twin.bytes, sizeof twin.bytes);
		assert_status(attach_nil_twin(&twin, p.descriptor, TWIN_ROOM, &p.allocator, &p.error),
		              &p.error, IMAGO_ESTRUCTURE);
		assert_error(&p.error, IMAGO_ESTRUCTURE, "source of a twin", 16);
	}
	twin_pair_release(&p);
}

typedef struct attaching {
	const nil_twin *twin;
	int descriptor;
} attaching;

static imago_status
attach_once(imago_allocator *allocator, imago_error *error, void *payload)
{
	const attaching *a = payload;
	return attach_nil_twin(a->twin, a->descriptor, TWIN_ROOM, allocator, error);
}

static void
every_failing_allocation_of_attaching_is_reported(void **state)
{
	(void)state;
	twin_pair p;
	twin_pair_make(&p);
	const nil_twin twin = make_nil_twin(&p);
	attaching a = {&twin, p.descriptor};
	assert_every_allocation_failure_is_reported(attach_once, &a);
	twin_pair_release(&p);
}

/* ---- Whether runs are objects of a heap */

/* Asks for a run of so many words at a place of the heap. */
static imago_status
require_run(twin_pair *p, const imago_heap *heap, imago_addr at, uint8_t num_words)
{
	uint8_t bytes[IMAGO_TWIN_HEADER + 16] = {0};
	imago_twin_head head = {.table_size = RUN_TABLE, .num_runs = 1};
	const uint64_t distance = (at - p->untouched.head.start) / 8;
	assert_true(distance < 1 << 21);
	bytes[IMAGO_TWIN_HEADER] = (uint8_t)(distance | 0x80);
	bytes[IMAGO_TWIN_HEADER + 1] = (uint8_t)(distance >> 7 | 0x80);
	bytes[IMAGO_TWIN_HEADER + 2] = (uint8_t)(distance >> 14);
	bytes[IMAGO_TWIN_HEADER + 3] = num_words;
	return imago_twin_require_objects(&head, bytes, p->untouched.head.start, heap, &p->error);
}

static void
a_run_where_the_heap_has_no_objects_is_refused(void **state)
{
	(void)state;
	twin_pair p;
	twin_pair_make(&p);
	const imago_heap *heap = p.file;
	const imago_segment *first = &heap->segments[0];
	const imago_segment *last = &heap->segments[heap->num_segments - 1];
	assert_true(heap->num_segments > 1);
	assert_ok(require_run(&p, heap, first->start, 2), &p.error); /* nil */
	const imago_addr places[] = {
	    first->start + first->size, /* a bridge, before the objects of the next section … */
	    last->start + last->size,   /* … and the last one */
	};
	for (size_t i = 0; i < 2; i++) {
		assert_status(require_run(&p, heap, places[i], 2), &p.error, IMAGO_ESTRUCTURE);
		assert_error(&p.error, IMAGO_ESTRUCTURE, "run between objects",
		             IMAGO_TWIN_HEADER + RUN_TABLE);
		assert_int_equal(p.error.found, places[i]);
	}
	twin_pair_release(&p);
}

/* What a walk says of it is what is said. */
static void
a_heap_that_cannot_be_walked_is_no_answer(void **state)
{
	(void)state;
	twin_pair p;
	twin_pair_make(&p);
	imago_walker walker;
	imago_object object;
	const imago_object string = twin_find_string(&p);
	memset(twin_place(&p, string.chunk), 0xFF, 8); /* more slots than there are bytes */
	imago_error expected;
	imago_walk_init(&walker, p.whole, &expected);
	while (imago_walk_next(&walker, &object)) {
	}
	assert_int_not_equal(walker.status, IMAGO_OK);
	assert_status(require_run(&p, p.whole, string.chunk, 2), &p.error, walker.status);
	assert_error(&p.error, walker.status, expected.what, expected.offset);
	imago_writer writer;
	imago_twin_moves moves;
	imago_writer_init(&writer, &p.allocator, p.file->layout, &p.error);
	assert_status(imago_twin_write_moved(&p.changed, &p.changed.mapping, p.whole, p.file, &writer,
	                                     &moves, &p.error),
	              &p.error, walker.status);
	assert_error(&p.error, walker.status, expected.what, expected.offset);
	assert_int_equal(writer.size, 0);
	imago_writer_release(&writer);
	twin_pair_release(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(room_that_no_address_space_has_is_refused),
	    cmocka_unit_test(a_source_that_cannot_be_attached_is_told),
	    cmocka_unit_test(a_twin_that_knows_its_source_wrongly_is_refused),
	    cmocka_unit_test(every_failing_allocation_of_attaching_is_reported),
	    cmocka_unit_test(a_run_where_the_heap_has_no_objects_is_refused),
	    cmocka_unit_test(a_heap_that_cannot_be_walked_is_no_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

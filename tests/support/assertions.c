#include "assertions.h"

#include <inttypes.h>
#include <string.h>

#define FAIL(file, line, ...)     \
	do {                          \
		print_error(__VA_ARGS__); \
		print_error("\n");        \
		_fail((file), (line));    \
	} while (0)

enum { LINE_SIZE = 256, MOST_ALLOCATIONS = 100000 };

void
assert_ok_at(imago_status status, const imago_error *error, const char *file, int line)
{
	assert_status_at(status, error, IMAGO_OK, file, line);
}

void
assert_status_at(imago_status status, const imago_error *error, imago_status expected,
                 const char *file, int line)
{
	char text[LINE_SIZE] = "";
	if (status == expected && (error == NULL || status == IMAGO_OK || error->status == expected)) {
		return;
	}
	if (error != NULL && status != IMAGO_OK) {
		imago_error_format(error, text, sizeof(text));
	}
	FAIL(file, line, "status %s, expected %s: %s", imago_status_name(status),
	     imago_status_name(expected), text);
}

void
assert_error_at(const imago_error *error, imago_status expected, const char *what, uint64_t offset,
                const char *file, int line)
{
	char text[LINE_SIZE];
	imago_error_format(error, text, sizeof(text));
	if (error->status != expected || error->what == NULL || strcmp(error->what, what) != 0 ||
	    error->offset != offset) {
		FAIL(file, line, "error \"%s\", expected %s, \"%s\" at 0x%" PRIx64, text,
		     imago_status_name(expected), what, offset);
	}
}

void
assert_no_leak_at(const imago_allocator *allocator, const char *file, int line)
{
	if (allocator->used != 0) {
		FAIL(file, line, "%" PRIu64 " bytes were never released", allocator->used);
	}
}

void
assert_every_allocation_failure_is_reported_at(attempt_fn *attempt, void *payload, const char *file,
                                               int line)
{
	for (uint64_t k = 1; k <= MOST_ALLOCATIONS; k++) {
		imago_allocator allocator;
		imago_error error = {0};
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		allocator.fail_at = k;
		imago_status status = attempt(&allocator, &error, payload);
		assert_no_leak_at(&allocator, file, line);
		if (status == IMAGO_OK && allocator.num_calls < k) {
			return;
		}
		assert_status_at(status, &error, IMAGO_ENOMEM, file, line);
		if (error.what == NULL) {
			FAIL(file, line, "allocation %" PRIu64 " fails without a noun", k);
		}
	}
	FAIL(file, line, "more than %d allocations", MOST_ALLOCATIONS);
}

void
assert_same_object_at(const imago_object *a, const imago_object *b, const char *file, int line)
{
	bool same = a->oop == b->oop && a->chunk == b->chunk && a->total_bytes == b->total_bytes &&
	            a->body == b->body && a->num_slots == b->num_slots && a->kind == b->kind &&
	            a->body_kind == b->body_kind && a->class_index == b->class_index &&
	            a->class_oop == b->class_oop && a->identity_hash == b->identity_hash &&
	            a->format == b->format && a->v3_type == b->v3_type && a->bits == b->bits &&
	            a->unused_tail == b->unused_tail && a->segment == b->segment;
	_assert_true(same, "objects are decoded alike", file, line);
}

/* assertions.h: cmocka, with assertions that print what imago says. */
#ifndef IMAGO_TESTS_ASSERTIONS_H
#define IMAGO_TESTS_ASSERTIONS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "imago/allocator.h"
#include "imago/error.h"
#include "imago/object.h"

/* Every field of two decoded objects; padding may differ. */
#define assert_same_object(a, b) assert_same_object_at((a), (b), __FILE__, __LINE__)
void assert_same_object_at(const imago_object *a, const imago_object *b, const char *file,
                           int line);

/* Fails with the error's own line. */
#define assert_ok(status, error) assert_ok_at((status), (error), __FILE__, __LINE__)
void assert_ok_at(imago_status status, const imago_error *error, const char *file, int line);

/* The status, and the same in *error. */
#define assert_status(status, error, expected) \
	assert_status_at((status), (error), (expected), __FILE__, __LINE__)
void assert_status_at(imago_status status, const imago_error *error, imago_status expected,
                      const char *file, int line);

/* The status, noun and offset of an error (IMAGO_NO_OFFSET where it has none). */
#define assert_error(error, expected, what, offset) \
	assert_error_at((error), (expected), (what), (offset), __FILE__, __LINE__)
void assert_error_at(const imago_error *error, imago_status expected, const char *what,
                     uint64_t offset, const char *file, int line);

/* Nothing is left in use. */
#define assert_no_leak(allocator) assert_no_leak_at((allocator), __FILE__, __LINE__)
void assert_no_leak_at(const imago_allocator *allocator, const char *file, int line);

/* One attempt of something that allocates; it releases whatever it made. */
typedef imago_status attempt_fn(imago_allocator *allocator, imago_error *error, void *payload);

/* Makes the first allocation fail, then the second, … until the attempt succeeds: every failure
 * must come out as IMAGO_ENOMEM with a noun, and leave nothing in use. */
#define assert_every_allocation_failure_is_reported(attempt, payload) \
	assert_every_allocation_failure_is_reported_at((attempt), (payload), __FILE__, __LINE__)
void assert_every_allocation_failure_is_reported_at(attempt_fn *attempt, void *payload,
                                                    const char *file, int line);

#endif

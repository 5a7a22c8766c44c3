/* pocket_fixture.h: a workspace to test with. */
#ifndef IMAGO_TESTS_POCKET_FIXTURE_H
#define IMAGO_TESTS_POCKET_FIXTURE_H

#include "assertions.h"
#include "imago/evaluate.h"
#include "imago/pocket.h"

typedef struct pocket_fixture {
	imago_allocator allocator;
	imago_error error;
	imago_pockets pockets;
} pocket_fixture;

/* cmocka's setup and teardown; teardown fails when anything is left in use. */
int pocket_setup(void **state);
int pocket_teardown(void **state);

/* All counts right, all pointers where they may lead, in all regions. */
void assert_audit_is_clean(imago_pockets *pockets);

/* The problems of the pockets, as bits. */
uint32_t problems_of(imago_pockets *pockets, bool is_file);

imago_addr root_of(const imago_pockets *pockets);

/* What an expression gives, as text without its last line feed, or the name of the error; audited
 * after each line. Valid until the next call. */
const char *result_of(imago_pockets *pockets, const char *text);

void define(imago_pockets *pockets, const char *text);

/* Asserts that an expression gives that. */
#define assert_result(pockets, text, expected) \
	assert_string_equal(result_of((pockets), (text)), (expected))

/* The symbol of a name of the root namespace, and its value. */
imago_addr symbol_named(const imago_pockets *pockets, const char *name);
imago_addr value_named(const imago_pockets *pockets, const char *name);

/* Writes a word of so many bytes, at most 8, to an address; returns what was there. */
uint64_t exchange(const imago_pockets *pockets, imago_addr address, unsigned bytes, uint64_t value);

/* What takes the room of a main workspace: all that is free, but so many bytes at its end. */
typedef struct crowd {
	imago_addr pockets[512];
	size_t num;
} crowd;
void crowd_in(imago_pockets *pockets, uint64_t room, crowd *c);
void crowd_out(imago_pockets *pockets, crowd *c);

/* The pockets of one main workspace as the bytes of a region, moved there, with the counts of a
 * file (pocket.h, "claimed"); release with imago_release. */
uint8_t *make_region(const imago_pockets *pockets, unsigned region, uint64_t *size,
                     imago_allocator *allocator);
void put_region(imago_pockets *pockets, const imago_pockets *source, unsigned region,
                uint8_t *bytes, uint64_t size);

#endif

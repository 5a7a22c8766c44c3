/* twin_pair.h: a layered image attached twice, to make twins of without a machine. */
#ifndef TESTS_FORMATS_TWIN_PAIR_H
#define TESTS_FORMATS_TWIN_PAIR_H

#include <stdint.h>

#include "imago/object.h"
#include "imago/twin.h"

enum { TWIN_ROOM = 1 << 16 };

/* A source, attached twice: as its file has it, and with changes. */
typedef struct twin_pair {
	imago_allocator allocator;
	imago_error error;
	int descriptor;
	imago_layered_attachment untouched, changed;
	imago_heap *file, *whole;
} twin_pair;

/* A varied image, not changed yet; release it. What is made of it knows its allocator, so it stays
 * where it is. */
void twin_pair_make(twin_pair *p);
void twin_pair_release(twin_pair *p);

/* Where an address lies in what may be changed. */
uint8_t *twin_place(const twin_pair *p, imago_addr address);

/* The first object of bytes. */
imago_object twin_find_string(twin_pair *p);

/* Makes whole anew, after its mapping has changed. */
void twin_look(twin_pair *p);

#endif

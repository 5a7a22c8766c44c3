/* layouts.h: every supported format number in both byte orders, for tests that loop over layouts.
 */
#ifndef IMAGO_TESTS_LAYOUTS_H
#define IMAGO_TESTS_LAYOUTS_H

#include <stddef.h>
#include <stdint.h>

#include "imago/layout.h"
#include "imago/oop.h"

typedef struct test_layout {
	const char *name; /* "spur64be": as the command line says; further numbers have a suffix */
	uint32_t image_format;
	imago_object_model model;
	imago_layout layout;
} test_layout;

enum { NUM_TEST_LAYOUTS = 14, NUM_SPUR_TEST_LAYOUTS = 8 };

/* Spur first. The first row is the one to use where one layout is enough. */
extern const test_layout test_layouts[NUM_TEST_LAYOUTS];

/* The layout with that name, or NULL. */
const test_layout *test_layout_find(const char *name);

#endif

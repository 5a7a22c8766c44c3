/* number_wounds.c: Floats and LargeIntegers whose bodies are not what their classes make of them.
 */
#include "wounds.h"

enum { SLOT_COUNT_SHIFT = 56 };

/* A Float that no immediate holds. */
static void
add_float(corpus_case *here)
{
	here->fixture.extra = imago_builder_float(here->builder, 5e-324);
}

/* A LargeInteger of eight bytes. */
static void
add_large_integer(corpus_case *here)
{
	here->fixture.extra = imago_builder_integer(here->builder, INT64_MAX);
}

/* One of nine bytes, a sign or so ahead of it. */
static void
add_larger_integer(corpus_case *here)
{
	here->fixture.extra = imago_builder_new_bits(
	    here->builder, corpus_class(here, IMAGO_KERNEL_LARGE_POSITIVE_INTEGER), 9);
	imago_builder_store_element(here->builder, here->fixture.extra, 8, 1);
}

static void
widen_elements(corpus_case *here)
{
	corpus_set_format(here, here->fixture.extra, IMAGO_FORMAT_BITS64, IMAGO_V3_FORMAT_BITS32);
}

static void
make_words(corpus_case *here)
{
	corpus_set_format(here, here->fixture.extra, IMAGO_FORMAT_BITS32, IMAGO_V3_FORMAT_BITS32);
}

static void
make_bytes(corpus_case *here)
{
	corpus_set_format(here, here->fixture.extra, IMAGO_FORMAT_BITS8, IMAGO_V3_FORMAT_BITS8);
}

/* Half of it: of two slots in 32 bits the second becomes room for alignment. */
static void
make_half_a_float(corpus_case *here)
{
	imago_oop oop = here->fixture.extra;
	if (here->layout->layout.word_bytes == 4) {
		corpus_set_header(here, oop, corpus_header(here, oop) - (UINT64_C(1) << SLOT_COUNT_SHIFT));
	} else {
		corpus_set_format(here, oop, IMAGO_FORMAT_BITS32 + 1, 0);
	}
}

const wound number_wounds[] = {
    {"a Float of one element of 64 bits", "", CORPUS_SPUR, 0, add_float, widen_elements, NULL},
    {"a Float of bytes", "object.floatSize", CORPUS_ALL, 0, add_float, make_bytes, NULL},
    {"half a Float", "object.floatSize", CORPUS_SPUR, 0, add_float, make_half_a_float, NULL},
    {"a LargeInteger of words", "class.instanceFormat", CORPUS_ALL, 0, add_large_integer,
     make_words, NULL},
    {"a LargeInteger of nine bytes", "", CORPUS_ALL, 0, add_larger_integer, NULL, NULL},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};

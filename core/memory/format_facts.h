/* format_facts.h: what format numbers mean, as tables for the hot loops. */
#ifndef IMAGO_MEMORY_FORMAT_FACTS_H
#define IMAGO_MEMORY_FORMAT_FACTS_H

#include "imago/object.h"

enum { IMAGO_NUM_SPUR_FORMATS = 32, IMAGO_NUM_V3_FORMATS = 16 };

extern const imago_format_facts imago_spur32_formats[IMAGO_NUM_SPUR_FORMATS];
extern const imago_format_facts imago_spur64_formats[IMAGO_NUM_SPUR_FORMATS];
extern const imago_format_facts imago_v3_formats[IMAGO_NUM_V3_FORMATS];

#endif

/* builder_misuses.h: wrong uses of a builder, each of which it must refuse as such (IMAGO_EUSAGE).
 */
#ifndef IMAGO_TESTS_BUILDER_MISUSES_H
#define IMAGO_TESTS_BUILDER_MISUSES_H

#include "imago/builder.h"

/* One wrong use. array is an Array of 4 slots. */
typedef void misuse_fn(imago_builder *builder, imago_oop array);

/* In every layout; in Spur; of what V3 has not or has less of. Each table ends with NULL. */
extern misuse_fn *const builder_misuses[];
extern misuse_fn *const builder_spur_misuses[];
extern misuse_fn *const builder_v3_misuses[];

#endif

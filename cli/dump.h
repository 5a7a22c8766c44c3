/* dump.h: one object, spelled out. */
#ifndef IMAGO_CLI_DUMP_H
#define IMAGO_CLI_DUMP_H

#include "describe.h"

/* Prints header, slots, elements, bytes and code of an object that was decoded from the describer's
 * heap. */
void dump_object(const struct describer *describer, const imago_object *object);

#endif

/* fuzz_target.h: what every fuzz target is made of, whichever engine drives it. */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

/* One run on one input. Returns 0; a broken property aborts (FUZZ_ORACLE, FUZZ_ASSERT). Defined
 * once by each target, called by libFuzzer, AFL++ or standalone_driver.c. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Prints the property that does not hold, as if of an oracle "assumption", and aborts. Always on: a
 * build without assertions still checks. */
_Noreturn void fuzz_fail(const char *property, const char *file, int line);

/* What a target needs in order to ask its oracles (fuzz_oracle.h): not counted. */
#define FUZZ_ASSERT(property) ((property) ? (void)0 : fuzz_fail(#property, __FILE__, __LINE__))

#endif

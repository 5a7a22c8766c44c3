/* admit.h: what each bytecode asks of its frame (formats/bytecodes.md §1, §2). */
#ifndef IMAGO_INTERP_ADMIT_H
#define IMAGO_INTERP_ADMIT_H

#include "vm_private.h"

enum {
	ADMIT_PREFIX_A = 224,
	ADMIT_PREFIX_B = 225,
};

typedef enum admit_flow {
	ADMIT_GOES_ON,
	ADMIT_JUMPS,
	ADMIT_BRANCHES, /* goes on, or jumps */
	ADMIT_ENDS,     /* returns, or stops the run */
} admit_flow;

typedef struct admit_effect {
	uint32_t needs;        /* slots that must be on the stack */
	int32_t change;        /* of the stack's depth */
	uint32_t num_literals; /* that the method must have */
	uint32_t num_temps;    /* that the frame must have */
	admit_flow flow;
	int32_t distance; /* of a jump, from the next bytecode on */
	uint32_t length;
	bool takes_prefixes;
} admit_effect;

/* code is the bytecode, all of it; a and b are what prefixes have gathered. */
admit_effect admit_v3(const uint8_t *code);
admit_effect admit_sista(const uint8_t *code, int32_t a, int32_t b);

#endif

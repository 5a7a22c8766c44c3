/* boundary.h: the proof that nothing in shared memory leads to private memory unnoticed.
 *
 * What lies below a boundary is shared, and collectors do not walk it; what lies above is each
 * process's own, and moves. So whatever refers across must be known: every object below that holds
 * an address above stands in a list. The proof looks at every word, and believes nothing but sizes
 * in headers.
 */
#ifndef IMAGO_BOUNDARY_H
#define IMAGO_BOUNDARY_H

#include <stdbool.h>
#include <stdint.h>

#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/object.h"
#include "imago/oop.h"

typedef struct imago_boundary {
	imago_addr address;          /* the first byte above */
	const imago_oop *remembered; /* objects below that may lead across; ascending */
	uint64_t num_remembered;
} imago_boundary;

/* A word that leads across, of an object that is not remembered. */
typedef struct imago_crossing {
	imago_object object;
	uint64_t slot;
	imago_oop target; /* at or above the boundary; whatever lies there */
} imago_crossing;

/* Is told of them in the order of addresses. False: no more are wanted. */
typedef bool imago_crossing_fn(const imago_crossing *crossing, void *payload);

typedef struct imago_boundary_result {
	uint64_t num_words;      /* that lead across */
	uint64_t num_objects;    /* that these are in */
	uint64_t num_remembered; /* of these objects; the list may have others that lead nowhere */
	uint64_t num_crossings;  /* words of the others */
} imago_boundary_result;

/* Looks at every object below the boundary: slots, literals, links (pointer_words.h). Free chunks
 * hold nothing that anybody follows. Segments above are not looked at: they may be in any state.
 * see may be NULL. IMAGO_EUNSUPPORTED (not Spur), the statuses of a walk. */
IMAGO_API imago_status imago_boundary_prove(imago_boundary_result *out, const imago_heap *heap,
                                            const imago_boundary *boundary, imago_crossing_fn *see,
                                            void *payload, imago_error *error) IMAGO_NODISCARD;

#endif

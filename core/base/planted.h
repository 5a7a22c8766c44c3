/* planted.h: bugs that are in the library on purpose, in builds that ask for them.
 *
 *     if (IMAGO_BUG(segment_past_data, size > left)) …
 *
 * is a decision that the bug named would make wrongly when the condition holds. Three builds:
 *
 * nothing defined           false: neither bug nor condition is compiled
 * -DIMAGO_PLANTED=ID        the condition, for that one bug; false for all others
 * -DIMAGO_PLANTED_OBSERVE   every condition, counted: evaluated is *reached*, true is *triggered*.
 *                           The bug has its effect only while it is the one selected.
 *
 * cmake -DIMAGO_PLANTED=ID, or =observe, defines them. The bugs are listed in planted_bugs.def;
 * fuzz/planted/README.md says what for. The condition may be evaluated in hot loops and by two
 * threads, so it has no effects of its own.
 */
#ifndef CORE_BASE_PLANTED_H
#define CORE_BASE_PLANTED_H

#if defined(IMAGO_PLANTED) || defined(IMAGO_PLANTED_OBSERVE)

#include <stdbool.h>
#include <stdint.h>

typedef enum imago_planted_id {
#define IMAGO_PLANTED_BUG(id, class, reach, from, by) IMAGO_PLANTED_##id,
#include "planted_bugs.def"
#undef IMAGO_PLANTED_BUG
	IMAGO_NUM_PLANTED,
} imago_planted_id;

#endif

#if defined(IMAGO_PLANTED_OBSERVE)

/* How often a decision was made since the counters were last cleared. */
typedef struct imago_planted_canary {
	uint64_t reached;
	uint64_t triggered;
} imago_planted_canary;

/* One for each bug. Whoever wants to see what forked children decide, too, lets it lead to memory
 * that is shared with them. */
extern imago_planted_canary *imago_planted_canaries;
extern imago_planted_id imago_planted_selected; /* IMAGO_NUM_PLANTED: no bug has its effect */

/* Of two threads that count at once one may be lost, but never both. No branch, and nothing that
 * an engine could learn from but the condition itself. */
static inline bool
imago_planted_observe(imago_planted_id id, bool triggered)
{
	imago_planted_canary *canary = &imago_planted_canaries[id];
	uint64_t reached = __atomic_load_n(&canary->reached, __ATOMIC_RELAXED);
	uint64_t before = __atomic_load_n(&canary->triggered, __ATOMIC_RELAXED);
	__atomic_store_n(&canary->reached, reached + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&canary->triggered, before + triggered, __ATOMIC_RELAXED);
	return triggered & (imago_planted_selected == id);
}

#define IMAGO_BUG(id, condition) imago_planted_observe(IMAGO_PLANTED_##id, (condition))

#elif defined(IMAGO_PLANTED)

#define IMAGO_PLANTED_NAME(id) IMAGO_PLANTED_##id
#define IMAGO_PLANTED_ID(id)   IMAGO_PLANTED_NAME(id)
#define IMAGO_BUG(id, condition) \
	(IMAGO_PLANTED_##id == IMAGO_PLANTED_ID(IMAGO_PLANTED) && (condition))

#else

#define IMAGO_BUG(id, condition) false

#endif

#endif

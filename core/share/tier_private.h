/* tier_private.h: what tiers and ranks read of a trace. */
#ifndef CORE_SHARE_TIER_PRIVATE_H
#define CORE_SHARE_TIER_PRIVATE_H

#include <stdbool.h>

#include "imago/tier.h"

/* The entry of a chunk, or NULL; both are met in ascending order. *next begins with 0. */
const imago_trace_entry *imago_trace_entry_of(const imago_trace *trace, uint64_t *next,
                                              imago_addr chunk);

/* Written in half of the runs or more. */
bool imago_trace_is_often(const imago_trace *trace, const imago_trace_entry *entry);

#endif

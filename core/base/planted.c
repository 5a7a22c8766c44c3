/* planted.c: the counters of an observing build; in no other. */
#include "planted.h"

static imago_planted_canary own[IMAGO_NUM_PLANTED];
imago_planted_canary *imago_planted_canaries = own;
imago_planted_id imago_planted_selected = IMAGO_NUM_PLANTED;

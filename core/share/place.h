/* place.h: where an attachment comes to lie; private to the room. */
#ifndef CORE_SHARE_PLACE_H
#define CORE_SHARE_PLACE_H

#include "attachment.h"

/* Reserves the span and sets bytes, span and base. Nobody's memory is taken away. Statuses
 * as imago_attach. */
imago_status imago_place_choose(imago_attachment *attachment, const imago_attach_plan *plan,
                                const imago_attach_options *options,
                                imago_error *error) IMAGO_NODISCARD;

/* Whether words can be relocated to a base: IMAGO_EALIGN, IMAGO_ERANGE. */
imago_status imago_place_check(const imago_attach_plan *plan, uint64_t base,
                               imago_error *error) IMAGO_NODISCARD;

#endif

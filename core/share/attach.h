/* attach.h: carrying out a plan that was checked; private to the room. */
#ifndef CORE_SHARE_ATTACH_H
#define CORE_SHARE_ATTACH_H

#include "attachment.h"

/* As imago_attach, of a file that has that identity, and a plan that fits it. relocated: its words
 * are right for the options' base already. */
imago_status imago_attach_checked(imago_attachment **out, int descriptor,
                                  const imago_identity *identity, const imago_attach_plan *plan,
                                  const imago_attach_options *options, bool relocated,
                                  imago_allocator *allocator, imago_error *error) IMAGO_NODISCARD;

#endif

/* plan.h: whether a plan can be carried out; private to the room. */
#ifndef CORE_SHARE_PLAN_H
#define CORE_SHARE_PLAN_H

#include "imago/attach.h"

uint64_t imago_page_size(void);

/* Bytes of the bitmap of a section. */
uint64_t imago_pointer_words_size(const imago_attach_section *section, imago_layout layout);

/* Everything about a plan and a file of that size, before anything is allocated or mapped. Statuses
 * as imago_attach. */
imago_status imago_plan_check(const imago_attach_plan *plan, uint64_t file_size,
                              imago_error *error) IMAGO_NODISCARD;

#endif

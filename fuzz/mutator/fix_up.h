/* fix_up.h: what repair does: the container says again what is there, and the heap can be walked.
 */
#ifndef MUTATOR_FIX_UP_H
#define MUTATOR_FIX_UP_H

#include "subject.h"

/* Sizes, addresses and bridges as the subject's segments are: header fields and bridges of a
 * classic file, lines and metadata of a bundle. */
void fix_up_container(subject *s);

/* Objects that pass the end of their segment, or whose header words disagree, are cut to fit. */
void fix_up_objects(subject *s);

/* freeOldSpaceInImage. */
void fix_up_free_space(subject *s);

#endif

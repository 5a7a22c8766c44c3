/* packfile_check.h: what must hold in a packfile, as rules (formats/packfile/packfile_rules.def).
 */
#ifndef IMAGO_PACKFILE_CHECK_H
#define IMAGO_PACKFILE_CHECK_H

#include <stddef.h>

#include "imago/check.h"
#include "imago/compiler.h"
#include "imago/finding.h"
#include "imago/packfile.h"

/* The table of rules. */
IMAGO_API const imago_rule *imago_packfile_rules(size_t *num_rules);

/* Checks a packfile that could be read; findings are reported to the sink, whose summary's
 * num_objects are the segments. Allocates nothing, and takes time in proportion to the file. */
IMAGO_API void imago_packfile_check(const imago_packfile *packfile, imago_check_sink *sink);

#endif

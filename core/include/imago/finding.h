/* finding.h: a rule that an image breaks. Findings are many, streamed and capped; they are not
 * errors. */
#ifndef IMAGO_FINDING_H
#define IMAGO_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/oop.h"

typedef enum imago_severity {
	IMAGO_INFO,    /* worth knowing, nothing is wrong */
	IMAGO_WARNING, /* unusual or wasteful; VMs cope */
	IMAGO_ERROR,   /* a VM may crash or compute wrongly */
} imago_severity;

/* What a rule looks at. */
typedef enum imago_scope {
	IMAGO_SCOPE_FILE,
	IMAGO_SCOPE_HEADER,
	IMAGO_SCOPE_SEGMENT,
	IMAGO_SCOPE_OBJECT,
	IMAGO_SCOPE_SLOT,
	IMAGO_SCOPE_CLASS,
	IMAGO_SCOPE_METHOD,
	IMAGO_SCOPE_ROOTS,
	IMAGO_SCOPE_SPACE,
	IMAGO_SCOPE_FOLDER,
} imago_scope;

/* One row of a rule table. Tables: core/check/rules.def, formats/composed/composed_rules.def, … */
typedef struct imago_rule {
	const char *name; /* "oop.notObjectStart": family.problem, stable, what users type */
	imago_severity severity;
	imago_scope scope;
	const char *needs; /* name of the rule whose breach makes this one meaningless, or NULL */
	const char *summary;
} imago_rule;

typedef struct imago_finding {
	const imago_rule *rule;
	const char *part; /* the file inside an image folder, or "" */
	uint64_t offset;  /* in that file, or IMAGO_NO_OFFSET */
	imago_oop oop;    /* the object, or 0 */
	uint64_t slot;    /* the slot, or IMAGO_NO_SLOT */
	uint64_t found;
	uint64_t expected; /* or IMAGO_NOTHING_EXPECTED where no one value would do */
} imago_finding;

#define IMAGO_NO_SLOT          UINT64_MAX
#define IMAGO_NOTHING_EXPECTED UINT64_MAX

/* Return false to stop. */
typedef bool imago_finding_fn(const imago_finding *finding, void *payload);

IMAGO_API const char *imago_severity_name(imago_severity severity); /* "error" */
IMAGO_API const char *imago_scope_name(imago_scope scope);          /* "slot" */

/* One line without a newline, in the compilers' shape, at most size bytes with its terminator:
 * "broken.image:0x1a2f8: error: oop.notObjectStart: a pointer leads into the middle of an object:
 * slot 3 of 0x10a2f0: found 0x10a2fc". Returns the length the whole line would have. */
IMAGO_API size_t imago_finding_format(const imago_finding *finding, const char *path, char *line,
                                      size_t size);

#endif

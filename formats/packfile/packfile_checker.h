/* packfile_checker.h: one check, and its parts. */
#ifndef FORMATS_PACKFILE_CHECKER_H
#define FORMATS_PACKFILE_CHECKER_H

#include "imago/packfile_check.h"

typedef enum packfile_rule {
#define IMAGO_RULE(id, name, severity, scope, needs, summary) PACKFILE_RULE_##id,
#include "packfile_rules.def"
#undef IMAGO_RULE
	PACKFILE_NUM_RULES,
} packfile_rule;

typedef struct packfile_checker {
	const imago_packfile *packfile;
	imago_check_sink *sink;
} packfile_checker;

void imago_packfile_report(const packfile_checker *at, packfile_rule rule, uint64_t offset,
                           uint64_t found, uint64_t expected);

/* The first byte of a range that is not zero. */
void imago_packfile_report_padding(const packfile_checker *at, packfile_rule rule, uint64_t offset,
                                   uint64_t size);

/* The padding behind a string item. */
void imago_packfile_check_string_padding(const packfile_checker *at,
                                         const imago_packfile_string *string);

void imago_packfile_check_constants(const packfile_checker *at,
                                    const imago_packfile_constants *constants);
void imago_packfile_check_code(const packfile_checker *at, const imago_packfile_code *code);
void imago_packfile_check_debug(const packfile_checker *at, const imago_packfile_debug *debug);
void imago_packfile_check_annotations(const packfile_checker *at,
                                      const imago_packfile_annotations *annotations);

#endif

/* packfile_draft.h: packfiles made for tests, from a description that says everything, also what no
 * packfile should. Shares no code with the library's reader or writer of packfiles. */
#ifndef IMAGO_TESTS_PACKFILE_DRAFT_H
#define IMAGO_TESTS_PACKFILE_DRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/layout.h"
#include "imago/writer.h"

enum {
	DRAFT_MOST = 40, /* rows of each list */
	DRAFT_PMC_WORDS = 48,
	DRAFT_PLACES = 96,
};

typedef struct draft_string {
	int64_t flags; /* -1: null */
	const char *bytes;
	size_t length;
} draft_string;

typedef struct draft_pmc {
	int64_t words[DRAFT_PMC_WORDS];
	size_t num_words;
	size_t odd_bytes; /* left out of the last word by the length */
} draft_pmc;

/* Where things came to lie: offsets in the file. */
typedef enum draft_place {
	DRAFT_FORMAT,    /* of the directory */
	DRAFT_DIRECTORY, /* its header */
	DRAFT_SEGMENT_COUNT,
	DRAFT_ENTRIES,                      /* + segment: its entry … */
	DRAFT_NAMES = DRAFT_ENTRIES + 5,    /* … its name in it … */
	DRAFT_OFFSETS = DRAFT_NAMES + 5,    /* … the words behind it … */
	DRAFT_SEGMENTS = DRAFT_OFFSETS + 5, /* … and the segment */
	DRAFT_CODE = DRAFT_SEGMENTS + 5,    /* its first word */
	DRAFT_CODE_TAIL,                    /* main sub, dependencies, ops, libraries */
	DRAFT_DEPENDENCIES,
	DRAFT_LIBRARY, /* its name */
	DRAFT_OPS,     /* behind its three words */
	DRAFT_COUNTS,  /* of constants */
	DRAFT_NUMBERS,
	DRAFT_STRINGS, /* the first */
	DRAFT_PMCS,    /* the first */
	DRAFT_TAGS,    /* their count */
	DRAFT_FILES,   /* of debug: their count */
	DRAFT_KEYS,    /* of annotations: their count */
	DRAFT_END,     /* of the last segment */
	DRAFT_NUM_PLACES,
} draft_place;

/* The segments, in their order. */
enum {
	DRAFT_CODES,
	DRAFT_CONSTANTS,
	DRAFT_DEBUG,
	DRAFT_ANNOTATIONS,
	DRAFT_EXTRA,
	DRAFT_NUM_SEGMENTS_MOST
};

typedef struct draft {
	imago_layout layout;
	uint8_t float_type;
	uint8_t version[2];
	uint8_t uuid_type, uuid_size;
	bool has[DRAFT_NUM_SEGMENTS_MOST];
	int64_t types[DRAFT_NUM_SEGMENTS_MOST];
	const char *names[DRAFT_NUM_SEGMENTS_MOST]; /* NULL: a null string */

	int64_t code[DRAFT_MOST * 8];
	size_t num_code;
	size_t num_repeats; /* of all but the last word, which follow in the file */
	int64_t main_sub;
	const char *dependencies[DRAFT_MOST];
	size_t num_dependencies;
	const char *library;
	const char *second_library; /* without ops; or NULL */
	int64_t library_version[2];
	int64_t op_count;
	int64_t ops[DRAFT_MOST][2];
	size_t num_ops;

	uint8_t numbers[DRAFT_MOST][16]; /* bytes, in the order of the file */
	size_t num_numbers;
	draft_string strings[DRAFT_MOST];
	size_t num_strings;
	draft_pmc pmcs[4];
	size_t num_pmcs;
	int64_t tags[DRAFT_MOST][2];
	size_t num_tags;

	int64_t lines[DRAFT_MOST];
	size_t num_lines;
	int64_t files[DRAFT_MOST][2];
	size_t num_files;

	int64_t pairs[DRAFT_MOST][2];
	size_t num_pairs;
	int64_t keys[DRAFT_MOST][4];
	size_t num_keys;

	int64_t extra[DRAFT_MOST];
	size_t num_extra;
	const char *rest;
	size_t rest_size;

	uint64_t places[DRAFT_NUM_PLACES]; /* filled in by draft_write */
} draft;

/* A small program with everything in it, and nothing that a rule is broken by. It prints
 * DRAFT_PRINTS. */
#define DRAFT_PRINTS "2.5\nhi\n42"
void draft_init(draft *d, imago_layout layout, uint8_t float_type);

/* The least that is a program: it ends. */
void draft_init_least(draft *d, imago_layout layout);

/* Appends the file. */
void draft_write(draft *d, imago_writer *writer);

/* Sets a word of the written file. */
void draft_patch(const draft *d, imago_writer *writer, uint64_t offset, int64_t value);

/* A number as the bytes of the draft's floattype: exact for halves and small integers. */
void draft_number(const draft *d, double value, uint8_t bytes[16]);

#endif

/* packfile.h: Parrot packfiles: what is where in one, and what it holds.
 *
 * A packfile is no heap: constants, instructions, line numbers and annotations in segments
 * (formats/packfile/packfile.md, to whose sections comments refer). Its model borrows the file's
 * bytes, which stay as they are, mapped or read; the tables beside them say where things lie. Words
 * have the file's size and byte order and are signed unless said otherwise.
 */
#ifndef IMAGO_PACKFILE_H
#define IMAGO_PACKFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/layout.h"

enum {
	IMAGO_PACKFILE_MAGIC_SIZE = 8,
	IMAGO_PACKFILE_FIXED_HEADER = 18,   /* bytes before the uuid */
	IMAGO_PACKFILE_ALIGNMENT = 16,      /* of the header and of segments, in the file */
	IMAGO_PACKFILE_BYTECODE_MAJOR = 13, /* the version whose classes and ops are known … */
	IMAGO_PACKFILE_BYTECODE_MINOR = 1,
	IMAGO_PACKFILE_MAX_REGISTERS = 65536, /* of a kind, that a Sub may ask for when it runs */
};

/* "Not there", of indices into the tables below. */
#define IMAGO_PACKFILE_NONE SIZE_MAX

/* Of segments (§4). Types above are read like IMAGO_PACKFILE_DEFAULT. */
typedef enum imago_packfile_type {
	IMAGO_PACKFILE_DIRECTORY,
	IMAGO_PACKFILE_DEFAULT,
	IMAGO_PACKFILE_CONSTANTS,
	IMAGO_PACKFILE_CODE,
	IMAGO_PACKFILE_DEBUG,
	IMAGO_PACKFILE_ANNOTATIONS,
	IMAGO_PACKFILE_NUM_TYPES,
} imago_packfile_type;

/* What the bytes of a number constant are (§5). */
typedef enum imago_number_form {
	IMAGO_NUMBER_AUTO, /* what floattype and byte order suggest; only in options */
	IMAGO_NUMBER_DOUBLE,
	IMAGO_NUMBER_X87,           /* 80-bit extended, little-endian, in 12 or 16 bytes */
	IMAGO_NUMBER_QUAD,          /* IEEE binary128 */
	IMAGO_NUMBER_DOUBLE_DOUBLE, /* the sum of two doubles, the greater one first */
	IMAGO_NUM_NUMBER_FORMS,
} imago_number_form;

IMAGO_API const char *imago_number_form_name(imago_number_form form); /* "double", "x87", … */

typedef enum imago_packfile_encoding {
	IMAGO_ENCODING_ASCII,
	IMAGO_ENCODING_LATIN1,
	IMAGO_ENCODING_BINARY,
	IMAGO_ENCODING_UTF8,
	IMAGO_ENCODING_UTF16,
	IMAGO_ENCODING_UCS2,
	IMAGO_ENCODING_UCS4,
	IMAGO_NUM_ENCODINGS,
} imago_packfile_encoding;

IMAGO_API const char *imago_packfile_encoding_name(uint64_t encoding); /* "?" for an unknown one */

/* A string item. bytes is borrowed from the file; NULL for the null string. */
typedef struct imago_packfile_string {
	uint64_t offset; /* of the item's first word */
	int64_t flags;   /* bit 0 constant, bit 1 private, bits 8-15 the encoding; -1: null */
	uint64_t length; /* bytes */
	const uint8_t *bytes;
} imago_packfile_string;

/* The encoding's number, which may be unknown. */
static inline uint64_t
imago_packfile_encoding_of(const imago_packfile_string *string)
{
	return (uint64_t)string->flags >> 8 & 0xff;
}

typedef struct imago_packfile_header {
	uint8_t float_type;        /* 0, 1, 2 */
	uint8_t parrot_version[3]; /* major, minor, patch of the writer */
	uint8_t bytecode_major, bytecode_minor;
	uint8_t uuid_type; /* 0 none, 1 MD5 */
	uint8_t uuid_size; /* bytes; skipped whatever the type is */
	uint64_t size;     /* of the header with its padding: where the directory's format stands */
} imago_packfile_header;

/* Offsets are the file's. */
typedef struct imago_packfile_segment {
	uint64_t type; /* imago_packfile_type, or greater */
	imago_packfile_string name;
	uint64_t entry;    /* of its entry in the directory */
	uint64_t offset;   /* of its header */
	uint64_t size;     /* bytes, padding included */
	uint64_t data;     /* of its data words */
	uint64_t num_data; /* words */
	uint64_t end;      /* where its contents end and padding begins */
	size_t row;        /* in the table of its type: constants, codes, debugs, annotations */
} imago_packfile_segment;

typedef struct imago_packfile_constants {
	size_t segment;
	uint64_t numbers;     /* offset of the first … */
	uint64_t num_numbers; /* … number_stride bytes each */
	uint64_t *strings;    /* offset of each item */
	uint64_t num_strings;
	uint64_t *pmcs; /* offset of the length word of each */
	uint64_t num_pmcs;
	uint64_t tags; /* offset of pairs of words: string index, PMC index */
	uint64_t num_tags;
} imago_packfile_constants;

typedef struct imago_packfile_library {
	uint64_t offset; /* of its name … */
	uint64_t name_length;
	const char *name; /* … which ends with NUL in the file */
	int64_t bytecode_major, bytecode_minor;
	uint64_t ops; /* offset of pairs of words: index in this file, number in the library */
	uint64_t num_ops;
} imago_packfile_library;

/* What an opcode of the file stands for. */
typedef struct imago_packfile_op {
	uint64_t entry;   /* offset of the pair of words that says so */
	int64_t number;   /* in the library */
	uint32_t library; /* its index + 1; 0: the file does not say */
} imago_packfile_op;

typedef struct imago_packfile_code {
	size_t segment;
	size_t constants;      /* the table that its operands index, or IMAGO_PACKFILE_NONE */
	size_t debug;          /* or IMAGO_PACKFILE_NONE */
	int64_t main_sub;      /* index of a PMC constant, or -1 */
	uint64_t dependencies; /* offset of the first name */
	uint64_t num_dependencies;
	int64_t op_count; /* as the file says */
	imago_packfile_library *libraries;
	uint64_t num_libraries;
	imago_packfile_op *ops; /* by opcode; at most op_count, and as many as libraries map */
	uint64_t num_ops;
} imago_packfile_code;

typedef struct imago_packfile_debug {
	size_t segment; /* its data words are line numbers, one for each instruction */
	size_t code;    /* or IMAGO_PACKFILE_NONE */
	uint64_t files; /* offset of pairs of words: place in the code, string index of the name */
	uint64_t num_files;
} imago_packfile_debug;

typedef struct imago_packfile_annotations {
	size_t segment; /* its data words are pairs: place in the code, value */
	size_t code;    /* or IMAGO_PACKFILE_NONE */
	uint64_t keys;  /* offset of groups of words: name, type, first pair, number of pairs */
	uint64_t num_keys;
} imago_packfile_annotations;

typedef struct imago_packfile {
	const uint8_t *bytes; /* borrowed */
	uint64_t size;
	imago_layout layout;
	imago_packfile_header header;
	imago_number_form number_form;    /* never IMAGO_NUMBER_AUTO */
	uint8_t number_size;              /* bytes: 8, 12, 16 … */
	uint8_t number_stride;            /* … and to the next one: a multiple of the word size */
	uint64_t directory;               /* offset of its header */
	uint64_t directory_size;          /* with all segments, as its header says */
	uint64_t directory_data;          /* words of data that no directory has use for */
	uint64_t directory_end;           /* of its entries: padding, then the first segment */
	uint64_t segments_end;            /* where the last segment ends */
	imago_packfile_segment *segments; /* in the order of the file */
	uint64_t num_segments;
	imago_packfile_constants *constants;
	imago_packfile_code *codes;
	imago_packfile_debug *debugs;
	imago_packfile_annotations *annotations;
	uint64_t num_of[IMAGO_PACKFILE_NUM_TYPES];      /* rows of each table */
	uint64_t capacity_of[IMAGO_PACKFILE_NUM_TYPES]; /* … and those that were made room for */
	imago_allocator *allocator;
} imago_packfile;

/* Zero-initialisable. */
typedef struct imago_packfile_options {
	/* What 16-byte numbers are, which no header says. AUTO: x87 in little-endian files,
	 * double-double in big-endian ones. */
	imago_number_form long_double;
} imago_packfile_options;

/* True when the bytes begin as a packfile does. */
IMAGO_API bool imago_packfile_probe(const uint8_t *bytes, uint64_t size);

/* Reads a packfile: decodes what is needed to find everything in it. The bytes are borrowed and
 * must outlive it. Memory: at most 24 bytes for each byte, allocated after the counts were compared
 * with the file. Release with imago_packfile_close in every case, also where a guard ended the call
 * (attach.h): what was allocated is always in *packfile.
 *
 * IMAGO_EMAGIC; IMAGO_EVERSION (word size, byte order, floattype, uuid type); IMAGO_ETRUNCATED
 * (something leaves the file, the directory or its segment); IMAGO_ERANGE (a count or size that
 * cannot be); IMAGO_EALIGN (a segment's size); IMAGO_ESTRUCTURE (segments that do not follow one
 * another, a nested directory, two sizes of one segment); IMAGO_EUSAGE (long_double is no form of
 * 16 bytes); IMAGO_ENOMEM. */
IMAGO_API imago_status imago_packfile_read(imago_packfile *packfile, const uint8_t *bytes,
                                           uint64_t size, const imago_packfile_options *options,
                                           imago_allocator *allocator,
                                           imago_error *error) IMAGO_NODISCARD;
IMAGO_API void imago_packfile_close(imago_packfile *packfile);

/* The word at an offset, sign-extended; offset must lie, with the whole word, in the file. */
IMAGO_API int64_t imago_packfile_word(const imago_packfile *packfile, uint64_t offset);

/* The string item at an offset, which must be one of the tables'; false when it does not fit the
 * file any more. */
IMAGO_API bool imago_packfile_string_at(const imago_packfile *packfile, uint64_t offset,
                                        imago_packfile_string *string);

/* A number constant as a double, rounded to nearest; index must be below num_numbers. False when no
 * finite double is near. */
IMAGO_API bool imago_packfile_number(const imago_packfile *packfile,
                                     const imago_packfile_constants *constants, uint64_t index,
                                     double *number);

/* As Parrot prints it: up to 15 digits, "Inf", "-Inf", "NaN". size of at least 32. */
IMAGO_API void imago_packfile_number_text(double number, char *text, size_t size);

/* Takes the next character of a string apart: *position is moved behind it. False at the end and
 * where bytes are none of the encoding (then *position is before the end). Characters of binary
 * strings and of unknown encodings are their bytes. */
IMAGO_API bool imago_packfile_next_character(const imago_packfile *packfile,
                                             const imago_packfile_string *string,
                                             uint64_t *position, uint32_t *character);

/* What is known of a PMC constant (§8). */
typedef enum imago_packfile_pmc_kind {
	IMAGO_PMC_SUB,       /* a Sub, by its type number … */
	IMAGO_PMC_SUB_SHAPE, /* … or because the stream has its shape, to the last word */
	IMAGO_PMC_OPAQUE,    /* of a class whose fields are not known */
	IMAGO_PMC_BROKEN,    /* no freeze stream, or fields that are none of a Sub's */
} imago_packfile_pmc_kind;

typedef struct imago_packfile_sub {
	int64_t start, end; /* words from the beginning of the code */
	int64_t flags;
	imago_packfile_string name, method_name, namespace_entry, language;
	int64_t compile_flags, vtable_index;
	int64_t num_registers[4]; /* of I, N, S, P */
	imago_packfile_string id;
} imago_packfile_sub;

typedef struct imago_packfile_pmc {
	imago_packfile_pmc_kind kind;
	uint64_t offset; /* of the stream */
	uint64_t size;   /* bytes */
	int64_t type;    /* number of the class of its first object */
	uint64_t num_objects;
	imago_packfile_sub sub; /* its first object, if that is one */
	const char *what;       /* of IMAGO_PMC_BROKEN: a noun … */
	uint64_t place;         /* … offset … */
	uint64_t found, limit;  /* … and values, as in an imago_error */
} imago_packfile_pmc;

/* Walks a PMC constant; index must be below num_pmcs. */
IMAGO_API void imago_packfile_pmc_at(const imago_packfile *packfile,
                                     const imago_packfile_constants *constants, uint64_t index,
                                     imago_packfile_pmc *pmc);

#endif

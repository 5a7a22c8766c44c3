/* corpus.h: images that break one rule each, as a table of recipes.
 *
 * Every case starts from the same fixture: the kernel and a few objects of every kind, valid. A
 * recipe adds what it needs and then breaks one thing. Only a recipe that breaks nothing but the
 * files of a folder starts from the kernel alone, which is smaller. corpus/README.md says how files
 * are named.
 */
#ifndef IMAGO_TESTS_CORPUS_H
#define IMAGO_TESTS_CORPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/builder.h"
#include "imago/folder.h"
#include "imago/heap.h"
#include "imago/known_objects.h"
#include "imago/writer.h"

#include "layouts.h"
#include "small_image.h"

/* Layouts that a recipe is for. */
enum {
	CORPUS_SPUR32 = 1,
	CORPUS_SPUR64 = 2,
	CORPUS_V3_OLD = 4,              /* 6502 */
	CORPUS_V3_CLOSURES = 8,         /* 6504, 6505 */
	CORPUS_ONE_BYTECODE_SET = 16,   /* but not 7033, 68533 … */
	CORPUS_MANY_BYTECODE_SETS = 32, /* … or only those */
	CORPUS_LITTLE_ENDIAN = 64,      /* but not the big-endian ones … */
	CORPUS_BIG_ENDIAN = 128,        /* … or only those */
	CORPUS_SPUR = CORPUS_SPUR32 | CORPUS_SPUR64,
	CORPUS_V3 = CORPUS_V3_OLD | CORPUS_V3_CLOSURES,
	CORPUS_ALL = CORPUS_SPUR | CORPUS_V3,
	CORPUS_WORD_32 = CORPUS_SPUR32 | CORPUS_V3,
	CORPUS_CLOSURES = CORPUS_SPUR | CORPUS_V3_CLOSURES,
};

/* What a case has besides the fixture. */
enum {
	CORPUS_SEGMENTS = 1,      /* three segments, the first gap 0x100 bytes, the second none */
	CORPUS_COMPOSED = 2,      /* an image folder, packed as a bundle */
	CORPUS_PERM = 4,          /* permanent space; only with CORPUS_COMPOSED */
	CORPUS_IN_PERM_RANGE = 8, /* old space starts where permanent space would */
	CORPUS_LAYERED = 16,      /* a layered file; made, but not committed: they are large */
};

/* The objects that recipes break. 0: the layout has no such object. */
typedef struct corpus_fixture {
	imago_oop holder;      /* an Array of the others, but for the lone ones */
	imago_oop array;       /* of 8 slots, all nil */
	imago_oop five;        /* an Array of 5 slots, all nil */
	imago_oop string;      /* a ByteString */
	imago_oop bytes;       /* a ByteArray of 8 bytes */
	imago_oop no_bytes;    /* a ByteArray of none */
	imago_oop pair_class;  /* two slots; its dictionary holds the method under the selector */
	imago_oop odd_class;   /* below pair_class, three slots; an empty dictionary for one entry */
	imago_oop mixed_class; /* one slot, and indexable */
	imago_oop pair;        /* its instances … */
	imago_oop odd;
	imago_oop mixed;       /* … of 3 slots */
	imago_oop association; /* a compact object of V3 */
	imago_oop lone;        /* an Object that nothing points at */
	imago_oop lone_array;  /* an Array of 3 slots likewise */
	imago_oop selector;
	imago_oop method;        /* two literals, no primitive, then three bytecodes */
	imago_oop context;       /* an activation of the method */
	imago_oop closure;       /* in that context */
	imago_oop full_closure;  /* Spur */
	imago_oop block_context; /* V3 */
	imago_oop forwarder;     /* Spur, to array; nothing points at it */
	imago_oop other_forwarder;
	imago_oop last;       /* a Bitmap, the last object of old space, too long for a short header */
	imago_oop perm_array; /* an Array of 2 slots, the second one nil */
	imago_oop perm_lone;  /* an Array of 2 slots that nothing points at */
	imago_oop extra;      /* what the recipe itself made */
} corpus_fixture;

typedef struct corpus_case {
	const test_layout *layout;
	imago_allocator *allocator;
	bool spur;
	imago_builder *builder; /* while it is built … */
	imago_heap *heap;       /* … then while it is broken */
	imago_folder folder;    /* … and then while its files are … */
	imago_writer file;      /* … or its file, where it is layered */
	corpus_fixture fixture;
	bool failed;
} corpus_case;

typedef void corpus_step(corpus_case *here);

typedef struct corpus_recipe {
	const char *rule;
	unsigned layouts;
	unsigned needs;
	corpus_step *build;       /* adds to the fixture, or NULL */
	corpus_step *break_heap;  /* or NULL */
	corpus_step *break_files; /* or NULL */
	const char *companion;    /* a rule that breaks too, whatever one does, or NULL … */
	const char *reason;       /* … because */
} corpus_recipe;

/* Row index of all recipes, or NULL past the end. */
const corpus_recipe *corpus_recipe_at(size_t index);

/* True when the recipe makes sense in that layout. */
bool corpus_applies(const corpus_recipe *recipe, const test_layout *layout);

/* The layout whose file is committed: the smallest little-endian one; NULL: none is. */
const test_layout *corpus_committed_layout(const corpus_recipe *recipe);

/* The format that the recipe's files have in that layout. */
imago_format_id corpus_format(const corpus_recipe *recipe, const test_layout *layout);

/* Makes the file. bytes is NULL after a failure, which is printed. */
test_image corpus_make(const corpus_recipe *recipe, const test_layout *layout,
                       imago_allocator *allocator);

enum { CORPUS_PATH_SIZE = 128 };

/* The path of a recipe's file below corpus/: "invalid/spur/oop.outside.spur32.image". */
void corpus_path(const corpus_recipe *recipe, const test_layout *layout,
                 char path[CORPUS_PATH_SIZE]);

/* corpus_generated.c: byte strings that describe images (imago/generate.h): seeds of the target
 * generate as they are, and of all others as images. */
typedef struct corpus_string {
	const char *name;
	const uint8_t *bytes;
	uint64_t size;
} corpus_string;

const corpus_string *corpus_string_at(size_t index);
imago_heap *corpus_string_heap(const corpus_string *string, const test_layout *layout,
                               bool composed, imago_allocator *allocator);

/* The valid images. */
typedef struct corpus_valid {
	const char *name; /* "small" */
	unsigned layouts;
	imago_format_id format; /* IMAGO_FORMAT_COMPOSED, or a classic one */
	imago_heap *(*make)(const test_layout *layout, imago_allocator *allocator); /* or … */
	const char *string; /* … the name of a string that describes it */
} corpus_valid;

const corpus_valid *corpus_valid_at(size_t index);
bool corpus_valid_applies(const corpus_valid *valid, const test_layout *layout);
test_image corpus_valid_make(const corpus_valid *valid, const test_layout *layout,
                             imago_allocator *allocator);
imago_format_id corpus_valid_format(const corpus_valid *valid, const test_layout *layout);
void corpus_valid_path(const corpus_valid *valid, const test_layout *layout,
                       char path[CORPUS_PATH_SIZE]);

/* corpus_files.c: the committed files. Both stop, and return false, when visit does or a file
 * cannot be made. */
typedef struct corpus_file {
	const char *path;   /* below corpus/ */
	const char *rule;   /* or "valid" */
	const char *format; /* "spur" …, "packfile", or "bytes": a byte string */
	const char *layout; /* "spur32" …, of packfiles "4le" …, of byte strings "any" */
	const uint8_t *bytes;
	uint64_t size;
} corpus_file;

typedef bool corpus_visit(const corpus_file *file, void *payload);
bool corpus_for_each_committed(corpus_visit *visit, void *payload);
bool corpus_for_each_other(corpus_visit *visit, void *payload); /* the remaining layouts */

/* corpus_packfiles.c: the packfiles among them. */
bool corpus_for_each_committed_packfile(corpus_visit *visit, void *payload);
bool corpus_for_each_other_packfile(corpus_visit *visit, void *payload);

enum { CORPUS_MANIFEST_LINE = 256 };

/* The line of a file in MANIFEST.tsv, with its newline; of the header when file is NULL. */
void corpus_manifest_line(const corpus_file *file, char line[CORPUS_MANIFEST_LINE]);

/* corpus_edit.c: breaking things. A mistake of the recipe sets failed. */

/* Slots and header words; raw words, as in the layout. */
imago_oop corpus_slot(corpus_case *here, imago_oop oop, uint64_t index);
void corpus_set_slot(corpus_case *here, imago_oop oop, uint64_t index, imago_oop value);
uint64_t corpus_header(corpus_case *here, imago_oop oop);
void corpus_set_header(corpus_case *here, imago_oop oop, uint64_t header);
void corpus_set_word(corpus_case *here, imago_addr addr, uint64_t value); /* as a header word */
uint64_t corpus_word(corpus_case *here, imago_addr addr);

/* Parts of headers: Spur class index or V3 class word; format number; slots (Spur, short). */
void corpus_set_class(corpus_case *here, imago_oop oop, imago_oop cls);
void corpus_set_class_index(corpus_case *here, imago_oop oop, uint32_t class_index);
void corpus_set_format(corpus_case *here, imago_oop oop, uint8_t spur, uint8_t v3);
void corpus_set_hash(corpus_case *here, imago_oop oop, uint32_t hash);
void corpus_set_header_bit(corpus_case *here, imago_oop oop, unsigned spur, unsigned v3);
uint32_t corpus_hash(corpus_case *here, imago_oop oop);

imago_oop corpus_integer(corpus_case *here, int64_t value);
int64_t corpus_integer_value(corpus_case *here, imago_oop oop);
imago_oop corpus_nil(corpus_case *here);
imago_oop corpus_special(corpus_case *here, imago_special index);
void corpus_set_special(corpus_case *here, imago_special index, imago_oop value);
imago_object corpus_object(corpus_case *here, imago_oop oop);
imago_oop corpus_hidden_roots(corpus_case *here);
imago_oop corpus_free_lists(corpus_case *here);

/* A class of the kernel, while building. */
imago_oop corpus_class(corpus_case *here, imago_kernel_class which);

/* Text of the files of a folder. */
void corpus_replace(corpus_case *here, const char *name, const char *old, const char *new);
void corpus_set_field(corpus_case *here, const char *name, const char *field, uint64_t value);
uint64_t corpus_field(corpus_case *here, const char *name, const char *field);
void corpus_append(corpus_case *here, const char *name, const char *bytes, size_t size);
void corpus_add_file(corpus_case *here, const char *name, const char *bytes, size_t size);
void corpus_remove_file(corpus_case *here, const char *name);

/* One table of recipes per file; each ends with a row without rule. */
extern const corpus_recipe corpus_header_recipes[];
extern const corpus_recipe corpus_object_recipes[];
extern const corpus_recipe corpus_root_recipes[];
extern const corpus_recipe corpus_class_recipes[];
extern const corpus_recipe corpus_slot_recipes[];
extern const corpus_recipe corpus_code_recipes[];
extern const corpus_recipe corpus_space_recipes[];
extern const corpus_recipe corpus_composed_recipes[];
extern const corpus_recipe corpus_layered_recipes[];

#endif

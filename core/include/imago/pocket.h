/* pocket.h: the memory of an APL workspace: reference-counted pockets in regions.
 *
 * A pocket has a length, a count of the pointers that lead to it, zones that say what its contents
 * are, and contents. Region 0 is the main workspace, which grows; regions 1 to 8 are shared code
 * files, in whose pockets nothing but counts ever changes. Pointers are 64-bit addresses; one
 * function turns an address and a length into bytes, and refuses what lies in no region. So pockets
 * that lie lead to wrong answers at worst, never out of a region; in region 0 they are checked
 * before anything else is done with them (imago_pockets_survey).
 *
 * How pockets look: formats/workspace/workspace.md. Geoff Streeter, "Shared Code Files", tells of
 * the original in Dyalog APL.
 */
#ifndef IMAGO_POCKET_H
#define IMAGO_POCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/address.h"
#include "imago/allocator.h"
#include "imago/bitmap.h"
#include "imago/byte_order.h"
#include "imago/compiler.h"
#include "imago/error.h"

enum {
	IMAGO_POCKET_HEADER = 16, /* bytes: length, count, zones */
	IMAGO_POCKET_GRAIN = 16,  /* lengths and addresses are multiples of it */
	IMAGO_POCKET_LEAST = 32,  /* the shortest pocket */
	IMAGO_NUM_REGIONS = 9,    /* the main workspace, and eight slots */
	IMAGO_ARRAY_MAX_RANK = 8,
	IMAGO_SYMBOL_MAX_NAME = 63,  /* bytes */
	IMAGO_SYMBOL_MAX_DEPTH = 96, /* of a tree */
};

/* Region n begins at 16 TiB + n · 1 TiB, and may be as long. */
#define IMAGO_REGION_SPAN     (UINT64_C(1) << 40)
#define IMAGO_REGION_START(n) ((UINT64_C(16) + (n)) * IMAGO_REGION_SPAN)

/* A count that has become this one never changes again. */
#define IMAGO_POCKET_STICKY UINT32_MAX

typedef enum imago_pocket_kind {
	IMAGO_POCKET_FREE,
	IMAGO_POCKET_NAMESPACE, /* parent, root of its tree of symbols; then how many there are */
	IMAGO_POCKET_SYMBOL,    /* left, right, value, namespace; then the name */
	IMAGO_POCKET_FUNCTION,  /* local symbol table, body */
	IMAGO_POCKET_LST,       /* counts; then namespace, symbols, constants */
	IMAGO_POCKET_BODY,      /* lines of tokens; leads nowhere */
	IMAGO_POCKET_ARRAY,     /* shape; then elements */
	IMAGO_NUM_POCKET_KINDS,
} imago_pocket_kind;

/* What the elements of an array are. */
typedef enum imago_array_type {
	IMAGO_ARRAY_NUMBER, /* 8 bytes: IEEE 754 */
	IMAGO_ARRAY_CHAR,   /* 4 bytes: a code point */
	IMAGO_ARRAY_NESTED, /* 8 bytes: the address of an array or a namespace */
	IMAGO_NUM_ARRAY_TYPES,
} imago_array_type;

/* What a symbol says of its value, so that nobody need look at it. */
typedef enum imago_symbol_mark {
	IMAGO_MARK_NOTHING, /* no value */
	IMAGO_MARK_FUNCTION,
	IMAGO_MARK_DATA,   /* an array without namespaces */
	IMAGO_MARK_SPACES, /* an array with namespaces in it */
	IMAGO_MARK_NAMESPACE,
	IMAGO_NUM_SYMBOL_MARKS,
} imago_symbol_mark;

/* Bits of a function's zones: what its header has. */
enum { IMAGO_FUNCTION_RESULT = 1, IMAGO_FUNCTION_RIGHT = 2, IMAGO_FUNCTION_LEFT = 4 };

/* The four bytes behind length and count. What is not named is 0. */
typedef struct imago_zones {
	uint8_t kind; /* imago_pocket_kind */
	uint8_t type; /* of an array: imago_array_type; of a symbol: imago_symbol_mark; of a function:
	               * its header's bits */
	uint8_t size; /* of an array: its rank; of a symbol: the length of its name */
	uint8_t flag; /* of a symbol: the region of the shared code file that its value came from, or
	               * 0; of a nested array: 1, namespaces are somewhere in it */
} imago_zones;

typedef struct imago_region {
	uint8_t *bytes;    /* the byte of address a is bytes[a - start]; NULL: no such region */
	uint64_t used;     /* bytes that are pockets */
	uint64_t capacity; /* bytes that there are; of region 0 */
	imago_addr root;   /* its namespace # */
	/* Of a shared code file: whose values symbols of the main workspace lead to, one bit for each
	 * grain. In a file a symbol's pointer to its value counts twice, once for the symbol that an
	 * attaching workspace will make: so attaching changes no count. */
	imago_bitmap claimed;
} imago_region;

enum { IMAGO_NUM_FREE_LISTS = 64 };

typedef struct imago_pockets {
	imago_region regions[IMAGO_NUM_REGIONS];
	/* Free pockets of region 0: list i has those of i + 2 grains, the last one all longer ones. */
	imago_addr free[IMAGO_NUM_FREE_LISTS];
	uint64_t num_free; /* bytes of them */
	/* Values on their way, counted: who made them does not lose them when something fails. */
	imago_addr *stack;
	size_t stack_size, stack_capacity;
	/* Memory that an operation needs while it lasts, so that it is not lost when a page of a file
	 * that was cut ends the operation (imago_attachment_guard). */
	struct imago_scratch *scratch;
	imago_allocator *allocator;
} imago_pockets;

/* A pocket, decoded. */
typedef struct imago_pocket {
	imago_addr address;
	uint64_t length; /* with its header */
	uint32_t count;
	imago_zones zones;
	uint8_t *contents; /* valid until something is allocated */
	uint64_t size;     /* of the contents, in bytes */
} imago_pocket;

/* ---- The arena (pockets.c) */

/* A main workspace with an empty root namespace. Release in every case. */
IMAGO_API imago_status imago_pockets_init(imago_pockets *pockets, imago_allocator *allocator,
                                          imago_error *error) IMAGO_NODISCARD;

/* One without any pockets: the caller provides regions. */
IMAGO_API void imago_pockets_init_empty(imago_pockets *pockets, imago_allocator *allocator);

/* Gives back region 0; the others are the caller's. */
IMAGO_API void imago_pockets_release(imago_pockets *pockets);

/* The region that an address would be in, 0 … 8, or IMAGO_NUM_REGIONS. */
IMAGO_ALWAYS_INLINE unsigned
imago_region_of(imago_addr address)
{
	const uint64_t number = address / IMAGO_REGION_SPAN - 16;
	return (unsigned)(number < IMAGO_NUM_REGIONS ? number : (uint64_t)IMAGO_NUM_REGIONS);
}

/* The bytes of length addresses, if one region has them all, else NULL. The only way from addresses
 * to bytes. Valid until something is allocated. */
IMAGO_API uint8_t *imago_pocket_bytes(const imago_pockets *pockets, imago_addr address,
                                      uint64_t length);

/* Decodes what lies at an address; false when no pocket fits there. */
IMAGO_API bool imago_pocket_at(const imago_pockets *pockets, imago_addr address, imago_pocket *out);

/* The same, if it is of that kind. */
IMAGO_API bool imago_pocket_of_kind(const imago_pockets *pockets, imago_addr address,
                                    imago_pocket_kind kind, imago_pocket *out);

/* Makes a pocket of region 0 with zeroed contents of at least size bytes, and a count of 1, which
 * is the caller's. IMAGO_ENOMEM, IMAGO_ELIMIT (of a region). */
IMAGO_API imago_status imago_pocket_make(imago_pockets *pockets, imago_zones zones, uint64_t size,
                                         imago_addr *out, imago_error *error) IMAGO_NODISCARD;

/* One pointer more, or less, leads to a pocket; 0 is allowed. A pocket of region 0 to which none
 * leads any more is freed, and with it what only it led to. Neither fails. */
IMAGO_API void imago_pocket_hold(imago_pockets *pockets, imago_addr address);
IMAGO_API void imago_pocket_drop(imago_pockets *pockets, imago_addr address);

/* The pointers in a pocket: num addresses, from contents + *first on. 0 where a pocket's own words
 * about it do not fit. */
IMAGO_API uint64_t imago_pocket_pointers(const imago_pocket *pocket, uint64_t *first);

/* Pointer i of those; 0 when it is one that may not be followed: from a shared code file out of
 * it. */
IMAGO_API imago_addr imago_pocket_pointer(const imago_pocket *pocket, uint64_t i);

/* Replaces a pointer of a pocket of region 0: holds value, drops what was there. */
IMAGO_API void imago_pocket_put(imago_pockets *pockets, imago_addr address, uint64_t i,
                                imago_addr value);

/* The same, but the caller's count of value becomes the pocket's. */
IMAGO_API void imago_pocket_give(imago_pockets *pockets, imago_addr address, uint64_t i,
                                 imago_addr value);

/* Joins free neighbours of region 0, and lists all that are free anew. */
IMAGO_API void imago_pockets_join_free(imago_pockets *pockets);

/* The stack of values on their way. Push makes the caller's count the stack's, also when it fails:
 * then the value is dropped. */
IMAGO_API imago_status imago_pockets_push(imago_pockets *pockets, imago_addr value,
                                          imago_error *error) IMAGO_NODISCARD;
IMAGO_API imago_addr imago_pockets_pop(imago_pockets *pockets); /* the count is the caller's */
IMAGO_API void imago_pockets_cut(imago_pockets *pockets, size_t size); /* drops all above */

/* Memory that belongs to the pockets until it is released: as imago_resize and imago_release. What
 * an operation that was ended from outside has left is given back with the pockets. */
IMAGO_API void *imago_pockets_scratch(imago_pockets *pockets, void *block, uint64_t old_size,
                                      uint64_t new_size, const char *what,
                                      imago_error *error) IMAGO_NODISCARD;
IMAGO_API void imago_pockets_scratch_release(imago_pockets *pockets, void *block, uint64_t size);

/* ---- Symbols (symbols.c): a binary tree for each namespace, by the bytes of their names */

/* Pointers of a symbol and of a namespace, by number. */
enum { IMAGO_SYMBOL_LEFT, IMAGO_SYMBOL_RIGHT, IMAGO_SYMBOL_VALUE, IMAGO_SYMBOL_SPACE };
enum { IMAGO_SPACE_PARENT, IMAGO_SPACE_ROOT };

/* True for a letter or an underscore, and then letters, digits, underscores: ASCII. */
IMAGO_API bool imago_symbol_is_name(const char *name, size_t length);

/* The symbol of a name, or 0. */
IMAGO_API imago_addr imago_symbol_find(const imago_pockets *pockets, imago_addr space,
                                       const char *name, size_t length);

/* The same, made if there is none: in a namespace of region 0. No count is the caller's.
 * IMAGO_EUSAGE (no namespace, no name), IMAGO_ENOMEM, IMAGO_ELIMIT. */
IMAGO_API imago_status imago_symbol_intern(imago_pockets *pockets, imago_addr space,
                                           const char *name, size_t length, imago_addr *out,
                                           imago_error *error) IMAGO_NODISCARD;

/* Gives a symbol of region 0 a value (0: none), marks it, and drops the one before. The caller's
 * count becomes the symbol's. */
IMAGO_API void imago_symbol_set(imago_pockets *pockets, imago_addr symbol, imago_addr value);

/* The same without a change of where the value came from; and that itself. */
IMAGO_API void imago_symbol_exchange(imago_pockets *pockets, imago_addr symbol, imago_addr value);
IMAGO_API void imago_symbol_note_import(imago_pockets *pockets, imago_addr symbol, unsigned region);

/* The name of a symbol, *length bytes without a terminator, or NULL. */
IMAGO_API const char *imago_symbol_name(const imago_pocket *symbol, size_t *length);

/* The symbols of a namespace in the order of their names. Release in every case. IMAGO_ESTRUCTURE
 * (a tree too deep, or with more symbols than the region has pockets). */
typedef struct imago_symbol_list {
	imago_addr *symbols;
	uint64_t num;
	uint64_t capacity;
	imago_pockets *pockets;
} imago_symbol_list;
IMAGO_API imago_status imago_symbol_list_create(imago_symbol_list *list, imago_pockets *pockets,
                                                imago_addr space,
                                                imago_error *error) IMAGO_NODISCARD;
IMAGO_API void imago_symbol_list_release(imago_symbol_list *list);

/* Makes the tree of a namespace of region 0 of these symbols, which ascend: as level as can be. The
 * list's counts of symbols that were not in the tree become the tree's. */
IMAGO_API void imago_symbols_level(imago_pockets *pockets, imago_addr space,
                                   const imago_addr *symbols, uint64_t num);

/* A namespace in region 0; parent may be 0. The count is the caller's. */
IMAGO_API imago_status imago_namespace_make(imago_pockets *pockets, imago_addr parent,
                                            imago_addr *out, imago_error *error) IMAGO_NODISCARD;

/* What a symbol with this value is marked with. */
IMAGO_API imago_symbol_mark imago_value_mark(const imago_pockets *pockets, imago_addr value);

/* ---- Arrays (arrays.c) */

/* A view of an array: what its pocket says, made sure of. */
typedef struct imago_array {
	imago_addr address;
	imago_array_type type;
	unsigned rank;
	uint64_t shape[IMAGO_ARRAY_MAX_RANK];
	uint64_t num;      /* elements */
	uint8_t *elements; /* valid until something is allocated */
} imago_array;

/* False when there is no sound array. */
IMAGO_API bool imago_array_at(const imago_pockets *pockets, imago_addr address, imago_array *out);
IMAGO_API bool imago_array_of(const imago_pocket *pocket, imago_array *out);

/* An array in region 0, zeroed: numbers are 0, characters and items are to be filled in.
 * IMAGO_ELIMIT (rank, size), IMAGO_ENOMEM. The count is the caller's. */
IMAGO_API imago_status imago_array_make(imago_pockets *pockets, imago_array_type type,
                                        unsigned rank, const uint64_t *shape, imago_addr *out,
                                        imago_error *error) IMAGO_NODISCARD;
IMAGO_API imago_status imago_array_scalar(imago_pockets *pockets, imago_array_type type,
                                          double number, uint32_t code, imago_addr *out,
                                          imago_error *error) IMAGO_NODISCARD;
/* Code points of UTF-8, IMAGO_ESTRUCTURE where it is none; one is a scalar, others are a vector. */
IMAGO_API imago_status imago_array_text(imago_pockets *pockets, const char *text, size_t length,
                                        imago_addr *out, imago_error *error) IMAGO_NODISCARD;

/* Says in a nested array's zones whether namespaces are in its items, when they have been put. */
IMAGO_API void imago_array_note_spaces(imago_pockets *pockets, imago_addr array);

/* Element i, below num. */
IMAGO_API double imago_array_number(const imago_array *array, uint64_t i);
IMAGO_API void imago_array_set_number(const imago_array *array, uint64_t i, double value);
IMAGO_API uint32_t imago_array_char(const imago_array *array, uint64_t i);
IMAGO_API void imago_array_set_char(const imago_array *array, uint64_t i, uint32_t code);
IMAGO_API imago_addr imago_array_item(const imago_array *array, uint64_t i);

/* Bytes of an element; 0 for a type that is none. */
IMAGO_API uint64_t imago_array_element_bytes(uint8_t type);

/* ---- Shared code files (share.c): regions 1 to 8, whose bytes somebody mapped, copied when they
 * are written. Nothing in them ever leads out of them. */

/* Makes symbols in the main workspace for what the root namespace of a region names: functions and
 * data stay where they are, namespaces are copied, and so are arrays as far as namespaces are in
 * them. Names that have a value already keep it. On failure some may have been made:
 * imago_pockets_forget. IMAGO_EUSAGE (no region), IMAGO_ESTRUCTURE (its trees), IMAGO_ENOMEM. */
IMAGO_API imago_status imago_pockets_import(imago_pockets *pockets, unsigned region,
                                            uint64_t *num_imported,
                                            imago_error *error) IMAGO_NODISCARD;

/* Makes the main workspace independent of a region: no pointer leads there any more. What symbols
 * got from it is copied (keep), or taken away; what else leads there is copied in any case. Nothing
 * may run. On failure pointers are left, and the region must stay. */
IMAGO_API imago_status imago_pockets_forget(imago_pockets *pockets, unsigned region, bool keep,
                                            imago_error *error) IMAGO_NODISCARD;

/* Binds all functions that symbols of the main workspace have from regions to their namespaces, as
 * if they had been called. */
IMAGO_API imago_status imago_pockets_bind_all(imago_pockets *pockets,
                                              imago_error *error) IMAGO_NODISCARD;

/* Binds what a symbol has, if it is a function that is not bound to the symbol's namespace yet. */
IMAGO_API imago_status imago_symbol_bind(imago_pockets *pockets, imago_addr symbol,
                                         imago_error *error) IMAGO_NODISCARD;

/* ---- From addresses to numbers (map.c) */

typedef struct imago_addr_map {
	imago_pockets *pockets;
	uint64_t *rows; /* pairs of key and value; key 0: empty */
	uint64_t num, capacity;
} imago_addr_map;
IMAGO_API void imago_addr_map_init(imago_addr_map *map, imago_pockets *pockets);
IMAGO_API void imago_addr_map_release(imago_addr_map *map);

/* The value of a key that is not 0, or NULL. Valid until something is put. */
IMAGO_API uint64_t *imago_addr_map_find(const imago_addr_map *map, imago_addr key);

/* Puts a key that is not there. IMAGO_ENOMEM. */
IMAGO_API imago_status imago_addr_map_put(imago_addr_map *map, imago_addr key, uint64_t value,
                                          imago_error *error) IMAGO_NODISCARD;

/* ---- What must hold (survey.c) */

typedef enum imago_pocket_problem {
	IMAGO_PROBLEM_LENGTH,  /* a pocket is too short, not aligned, or passes the end of its region */
	IMAGO_PROBLEM_ZONES,   /* zones that mean nothing */
	IMAGO_PROBLEM_ARRAY,   /* a shape that does not fit the length */
	IMAGO_PROBLEM_TABLE,   /* a local symbol table that does not fit, or whose symbols are not its
	                        * namespace's */
	IMAGO_PROBLEM_POINTER, /* a pointer that leads to no pocket's start, or nowhere */
	IMAGO_PROBLEM_OUTSIDE, /* one that leads out of a shared code file */
	IMAGO_PROBLEM_KIND,    /* one that leads to a pocket of the wrong kind */
	IMAGO_PROBLEM_COUNT,   /* a count that is not the number of pointers that lead there */
	IMAGO_PROBLEM_NAME,    /* a name that is none */
	IMAGO_PROBLEM_TREE,    /* a tree that is no tree, or not in order */
	IMAGO_PROBLEM_MARK,    /* a symbol that says something else of its value */
	IMAGO_PROBLEM_BODY,    /* tokens that make no sense */
	IMAGO_PROBLEM_CIRCLE,  /* arrays that contain themselves */
	IMAGO_PROBLEM_FREE,    /* a free pocket in a file, or one that nothing leads to */
	IMAGO_NUM_POCKET_PROBLEMS,
} imago_pocket_problem;

typedef struct imago_pocket_fault {
	imago_pocket_problem problem;
	imago_addr pocket;
	uint64_t slot;            /* the number of the pointer, or UINT64_MAX */
	uint64_t found, expected; /* UINT64_MAX: no one value would do */
} imago_pocket_fault;

/* Return false to stop. */
typedef bool imago_pocket_fault_fn(const imago_pocket_fault *fault, void *payload);

typedef struct imago_survey_options {
	bool is_file;     /* free pockets are a fault */
	uint16_t regions; /* which to look at: bit n, region n; the stack counts with region 0 */
} imago_survey_options;

/* Looks at every pocket of the regions, and tells of each fault; IMAGO_OK if it could look. Stops
 * behind a fault of length, as nothing behind it can be found. Memory: some 48 bytes for each
 * pocket. */
IMAGO_API imago_status imago_pockets_survey(imago_pockets *pockets,
                                            const imago_survey_options *options,
                                            imago_pocket_fault_fn *report, void *payload,
                                            uint64_t *num_pockets,
                                            imago_error *error) IMAGO_NODISCARD;

/* The name of a problem: "count". */
IMAGO_API const char *imago_pocket_problem_name(imago_pocket_problem problem);

#endif

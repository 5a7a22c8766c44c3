/* pocket_private.h: what the files of core/pocket share. */
#ifndef CORE_POCKET_POCKET_PRIVATE_H
#define CORE_POCKET_POCKET_PRIVATE_H

#include "imago/evaluate.h"
#include "imago/pocket.h"

/* Where what stands in a pocket's header. */
enum { POCKET_AT_LENGTH = 0, POCKET_AT_COUNT = 8, POCKET_AT_ZONES = 12 };

/* Words of pockets are little-endian on every host. */
IMAGO_ALWAYS_INLINE uint64_t
pocket_word(const uint8_t *bytes)
{
	return imago_load_u64(bytes, IMAGO_LITTLE_ENDIAN);
}

IMAGO_ALWAYS_INLINE void
pocket_set_word(uint8_t *bytes, uint64_t value)
{
	imago_store_u64(bytes, value, IMAGO_LITTLE_ENDIAN);
}

IMAGO_ALWAYS_INLINE uint32_t
pocket_half(const uint8_t *bytes)
{
	return imago_load_u32(bytes, IMAGO_LITTLE_ENDIAN);
}

IMAGO_ALWAYS_INLINE void
pocket_set_half(uint8_t *bytes, uint32_t value)
{
	imago_store_u32(bytes, value, IMAGO_LITTLE_ENDIAN);
}

/* The contents of a pocket of region 0 that is known to be there. */
IMAGO_ALWAYS_INLINE uint8_t *
pocket_contents(const imago_pockets *pockets, imago_addr address)
{
	return pockets->regions[0].bytes + (address - IMAGO_REGION_START(0)) + IMAGO_POCKET_HEADER;
}

/* What is at the head of a local symbol table's contents, in words of 4 bytes. */
enum { LST_NUM_SYMBOLS = 0, LST_NUM_CONSTANTS = 4, LST_POINTERS = 8 };

/* What is at the head of a body's contents: words of 4 bytes. Then the end of each line, as a
 * number of tokens; then the tokens. */
enum { BODY_NUM_LOCALS = 0, BODY_NUM_LINES = 4, BODY_NUM_TOKENS = 8, BODY_LINES = 16 };

/* What is behind the pointers of a namespace, and of a symbol. */
enum { NAMESPACE_NUM_SYMBOLS = 16, NAMESPACE_SIZE = 24, SYMBOL_NAME = 32 };

/* Numbers of pointers of a local symbol table and a function. */
enum { LST_SPACE = 0, LST_FIRST = 1, FUNCTION_LST = 0, FUNCTION_BODY = 1 };

void imago_pockets_scratch_release_all(imago_pockets *pockets);

/* A symbol that is in no tree yet; the count is the caller's. */
imago_status imago_symbol_make(imago_pockets *pockets, imago_addr space, const char *name,
                               size_t length, imago_addr *out, imago_error *error) IMAGO_NODISCARD;

/* As imago_symbol_set, of a value that is not to be looked at. */
void imago_symbol_take(imago_pockets *pockets, imago_addr symbol, imago_addr value,
                       imago_symbol_mark mark, unsigned region);

/* The name that characters are; false where they are none. */
bool imago_array_name(const imago_array *array, char name[IMAGO_SYMBOL_MAX_NAME], size_t *length);

/* The name's place in order: negative, 0, positive. Bytes are compared as unsigned. */
int imago_name_compare(const char *a, size_t a_length, const char *b, size_t b_length);

/* A body's tokens make sense for so many symbols and constants. *at is the first that does not. */
bool imago_body_is_sound(const imago_pocket *body, uint8_t bits, uint32_t num_symbols,
                         uint32_t num_constants, uint64_t *at);

/* Copies what may be led to from the main workspace; an empty vector stands for what may not. The
 * copy's one count is the caller's (share.c). */
imago_status imago_pocket_copy_value(imago_pockets *pockets, imago_addr from, imago_addr *out,
                                     imago_error *error);

#endif

/* oracle_compare.c: do two images mean the same? By walking both graphs in step. */
#include "oracle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPUR_CLASS_CLOSURE = 37 };
enum { SPECIAL_FLOAT = 9, SPECIAL_CONTEXT = 10, SPECIAL_POSITIVE = 13, SPECIAL_CLOSURE = 36 };
enum { SPECIAL_NEGATIVE = 42 };

typedef struct side {
	const oracle_image *image;
	uint64_t specials[60]; /* addresses; 0 past the end of the array */
	size_t *partner;       /* by object: 1 + index of its partner in the other image */
} side;

typedef struct comparison {
	side a, b;
	size_t (*pairs)[2];
	size_t num_pairs, next_pair;
	char *where;
	size_t where_size;
	bool same;
} comparison;

/* A number, wherever it lives: immediate, boxed, in digits. */
typedef struct number {
	enum { NOT_A_NUMBER, INTEGER, REAL, CHARACTER } kind;
	bool negative;
	uint8_t digits[32]; /* least significant first */
} number;

static void
differ(comparison *c, const oracle_object *object, const char *what, uint64_t index)
{
	if (c->same && object != NULL) {
		snprintf(c->where, c->where_size, "object 0x%" PRIx64 ": %s %" PRIu64, object->address,
		         what, index);
	}
	c->same = false;
}

static void
put_digits(number *n, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++) {
		n->digits[i] = (uint8_t)(value >> 8 * i);
	}
}

static number
number_of_immediate(const oracle_image *image, uint64_t word)
{
	number n = {.kind = NOT_A_NUMBER};
	unsigned tag_bits = image->v3 || word % 2 == 1 ? 1 : 2;
	bool integer = word % 2 == 1;
	bool negative = image->word == 8 ? word >> 63 != 0 : word >> 31 != 0;
	if (image->word == 8) {
		tag_bits = 3;
		integer = word % 8 == 1;
	}
	if (integer) {
		uint64_t magnitude = word >> tag_bits;
		if (negative) {
			uint64_t modulus = image->word == 8 ? UINT64_C(1) << 61 : UINT64_C(1) << 31;
			magnitude = modulus - magnitude;
		}
		n.kind = INTEGER;
		n.negative = negative;
		put_digits(&n, magnitude);
	} else if (image->word == 8 && word % 8 == 4) {
		uint64_t rotated = word / 8;
		rotated = rotated > 1 ? rotated + (UINT64_C(896) << 53) : rotated;
		n.kind = REAL;
		put_digits(&n, rotated / 2 + (rotated % 2 << 63));
	} else {
		n.kind = CHARACTER;
		put_digits(&n, word >> tag_bits);
	}
	return n;
}

static bool
points(const oracle_image *image, uint64_t word)
{
	return word % (image->v3 ? 2 : image->word == 8 ? 8 : 4) == 0;
}

/* The word behind forwarders. An image without errors has no longer chain than the checker
 * follows. */
static uint64_t
behind(const oracle_image *image, uint64_t word)
{
	enum { MOST_HOPS = 65 };
	for (int hop = 0; hop < MOST_HOPS && !image->v3 && points(image, word); hop++) {
		const oracle_object *object = oracle_find(image, word);
		if (object == NULL || object->cls != 8) {
			break;
		}
		word = oracle_slot(image, object, 0);
	}
	return word;
}

/* The object behind forwarders, or NULL. */
static const oracle_object *
target_of(const oracle_image *image, uint64_t word)
{
	return oracle_find(image, behind(image, word));
}

static const oracle_object *
class_of(const oracle_image *image, const oracle_object *object)
{
	const oracle_object *cls = oracle_class(image, object);
	return cls == NULL ? NULL : target_of(image, cls->address);
}

static number
number_of_object(const side *s, const oracle_object *object)
{
	number n = {.kind = NOT_A_NUMBER};
	const oracle_image *image = s->image;
	const oracle_object *cls = class_of(image, object);
	if (cls == NULL || object->body != ORACLE_UNITS) {
		return n;
	}
	const uint8_t *bytes = image->file + object->body_at;
	if (cls->address == s->specials[SPECIAL_FLOAT] && object->num_bytes == 8) {
		n.kind = REAL;
		for (unsigned i = 0; i < 8; i++) {
			unsigned in_word = image->big ? 3 - i % 4 : i % 4;
			unsigned word = image->low_word_first ? i / 4 : 1 - i / 4;
			n.digits[i] = bytes[4 * word + in_word];
		}
	} else if ((cls->address == s->specials[SPECIAL_POSITIVE] ||
	            cls->address == s->specials[SPECIAL_NEGATIVE]) &&
	           object->unit == 1 && object->num_bytes <= sizeof n.digits) {
		static const uint8_t zeros[sizeof n.digits];
		n.kind = INTEGER;
		memcpy(n.digits, bytes, (size_t)object->num_bytes);
		/* Nothing is less than zero by a class alone: minus zero is zero. */
		n.negative = cls->address == s->specials[SPECIAL_NEGATIVE] &&
		             memcmp(n.digits, zeros, sizeof zeros) != 0;
	}
	return n;
}

static number
number_of_word(const side *s, uint64_t word)
{
	word = behind(s->image, word);
	if (!points(s->image, word)) {
		return number_of_immediate(s->image, word);
	}
	const oracle_object *object = oracle_find(s->image, word);
	return object == NULL ? (number){.kind = NOT_A_NUMBER} : number_of_object(s, object);
}

static void
pair_up(comparison *c, const oracle_object *from, const oracle_object *x, const oracle_object *y,
        uint64_t index)
{
	if (x == NULL || y == NULL) {
		differ(c, from, "dangling slot", index);
		return;
	}
	size_t i = (size_t)(x - c->a.image->objects);
	size_t j = (size_t)(y - c->b.image->objects);
	if (c->a.partner[i] == 0 && c->b.partner[j] == 0) {
		c->a.partner[i] = j + 1;
		c->b.partner[j] = i + 1;
		c->pairs[c->num_pairs][0] = i;
		c->pairs[c->num_pairs][1] = j;
		c->num_pairs++;
	} else if (c->a.partner[i] != j + 1 || c->b.partner[j] != i + 1) {
		differ(c, from, "identity in slot", index);
	}
}

static void
compare_words(comparison *c, const oracle_object *from, uint64_t x, uint64_t y, uint64_t index)
{
	number n = number_of_word(&c->a, x);
	number m = number_of_word(&c->b, y);
	if (n.kind != m.kind || n.negative != m.negative ||
	    memcmp(n.digits, m.digits, sizeof n.digits) != 0) {
		differ(c, from, "value of slot", index);
	} else if (n.kind == NOT_A_NUMBER) {
		pair_up(c, from, target_of(c->a.image, x), target_of(c->b.image, y), index);
	}
}

/* Bytes from the first bytecode, of a 1-based pc word into a method; other words stay as they are.
 */
static uint64_t
pc_from_first(const oracle_image *image, uint64_t pc_word, uint64_t method_word)
{
	const oracle_object *method = target_of(image, method_word);
	pc_word = behind(image, pc_word);
	if (points(image, pc_word) || method == NULL || method->body != ORACLE_CODE) {
		return UINT64_MAX;
	}
	return (image->word == 8 ? pc_word / 8 : pc_word / 2) - method->num_oops * image->word;
}

static bool
is_instance(const side *s, const oracle_object *object, unsigned special)
{
	const oracle_object *cls = class_of(s->image, object);
	return cls != NULL && s->specials[special] != 0 && cls->address == s->specials[special];
}

/* Spur's VMs know blocks by their class index, whatever the special objects say. */
static bool
is_closure(const side *s, const oracle_object *object)
{
	return s->image->v3
	           ? is_instance(s, object, SPECIAL_CLOSURE)
	           : object->cls == SPUR_CLASS_CLOSURE || is_instance(s, object, SPECIAL_CLOSURE);
}

/* Slot 1 of contexts and closures, when it is a pc that moves with the word size. */
static bool
compare_pc(comparison *c, const oracle_object *x, const oracle_object *y)
{
	const oracle_image *a = c->a.image;
	const oracle_image *b = c->b.image;
	uint64_t method_a;
	uint64_t method_b;
	if (is_instance(&c->a, x, SPECIAL_CONTEXT) && x->num_oops > 3 && y->num_oops > 3) {
		method_a = oracle_slot(a, x, 3);
		method_b = oracle_slot(b, y, 3);
	} else if (is_closure(&c->a, x) && x->num_oops > 1 && y->num_oops > 1) {
		const oracle_object *outer_a = target_of(a, oracle_slot(a, x, 0));
		const oracle_object *outer_b = target_of(b, oracle_slot(b, y, 0));
		if (outer_a == NULL || outer_b == NULL || outer_a->num_oops < 4 || outer_b->num_oops < 4) {
			return false;
		}
		method_a = oracle_slot(a, outer_a, 3);
		method_b = oracle_slot(b, outer_b, 3);
	} else {
		return false;
	}
	uint64_t pc_a = pc_from_first(a, oracle_slot(a, x, 1), method_a);
	uint64_t pc_b = pc_from_first(b, oracle_slot(b, y, 1), method_b);
	if (pc_a == UINT64_MAX && pc_b == UINT64_MAX) {
		return false;
	}
	if (pc_a != pc_b) {
		differ(c, x, "pc", pc_a);
	}
	return true;
}

/* Slots of a context above its stack pointer are dead. */
static uint64_t
live_slots(const side *s, const oracle_object *object)
{
	if (!is_instance(s, object, SPECIAL_CONTEXT) || object->num_oops < 6) {
		return object->num_oops;
	}
	const number depth = number_of_word(s, oracle_slot(s->image, object, 2));
	uint64_t live = 0;
	for (size_t i = sizeof depth.digits; i-- > 0;) {
		live = live > object->num_oops ? live : live << 8 | depth.digits[i];
	}
	bool usual = depth.kind == INTEGER && !depth.negative && live <= object->num_oops - 6;
	return usual ? 6 + live : object->num_oops;
}

static void
compare_oops(comparison *c, const oracle_object *x, const oracle_object *y)
{
	uint64_t live = live_slots(&c->a, x);
	bool code = x->body == ORACLE_CODE;
	bool pc_done = !code && compare_pc(c, x, y);
	if (live != live_slots(&c->b, y)) {
		differ(c, x, "number of slots", live);
		return;
	}
	for (uint64_t i = code ? 1 : 0; i < live && c->same; i++) {
		if (!(pc_done && i == 1)) {
			compare_words(c, x, oracle_slot(c->a.image, x, i), oracle_slot(c->b.image, y, i), i);
		}
	}
}

/* The low 30 bits and the sign of a method header: what both word sizes hold. */
static uint64_t
method_header(const oracle_image *image, const oracle_object *method)
{
	uint64_t word = oracle_slot(image, method, 0);
	uint64_t sign = image->word == 8 ? word >> 63 : word >> 31;
	return (word >> (image->word == 8 ? 3 : 1)) % (UINT64_C(1) << 30) + (sign << 30);
}

static void
compare_bytes(comparison *c, const oracle_object *x, const oracle_object *y)
{
	const oracle_image *a = c->a.image;
	const oracle_image *b = c->b.image;
	uint64_t skip_a = x->num_oops * a->word;
	uint64_t skip_b = y->num_oops * b->word;
	if (x->unit != y->unit || x->num_bytes - skip_a != y->num_bytes - skip_b) {
		differ(c, x, "number of bytes", x->num_bytes);
		return;
	}
	for (uint64_t i = 0; i < x->num_bytes - skip_a; i++) {
		/* Byte i of the body counts from the low end of its unit. */
		uint64_t within = i % x->unit;
		uint64_t at_a = i - within + (a->big ? x->unit - 1 - within : within);
		uint64_t at_b = i - within + (b->big ? x->unit - 1 - within : within);
		if (a->file[x->body_at + skip_a + at_a] != b->file[y->body_at + skip_b + at_b]) {
			differ(c, x, "byte", i);
			return;
		}
	}
}

static void
compare_objects(comparison *c, const oracle_object *x, const oracle_object *y)
{
	if (x->body != y->body || x->hash != y->hash || x->immutable != y->immutable) {
		differ(c, x, "header, hash", x->hash);
		return;
	}
	pair_up(c, x, class_of(c->a.image, x), class_of(c->b.image, y), UINT64_MAX);
	if (x->body != ORACLE_UNITS) {
		compare_oops(c, x, y);
	}
	if (x->body == ORACLE_CODE && method_header(c->a.image, x) != method_header(c->b.image, y)) {
		differ(c, x, "method header", 0);
	}
	if (x->body != ORACLE_OOPS && c->same) {
		compare_bytes(c, x, y);
	}
}

static bool
prepare(side *s, const oracle_image *image)
{
	const oracle_object *special = target_of(image, image->special_oop);
	s->image = image;
	s->partner = calloc(image->num_objects + 1, sizeof *s->partner);
	if (special == NULL || special->body != ORACLE_OOPS || s->partner == NULL) {
		return false;
	}
	for (unsigned i = 0; i < 60 && i < special->num_slots; i++) {
		s->specials[i] = behind(image, oracle_slot(image, special, i));
	}
	return true;
}

bool
oracle_same_meaning(const oracle_image *a, const oracle_image *b, char *where, size_t size)
{
	comparison c = {.where = where, .where_size = size, .same = true};
	snprintf(where, size, "no special objects");
	c.pairs = calloc(a->num_objects + 1, sizeof *c.pairs);
	c.same = prepare(&c.a, a) && prepare(&c.b, b) && c.pairs != NULL;
	if (c.same) {
		const oracle_object *root = target_of(a, a->special_oop);
		pair_up(&c, root, root, target_of(b, b->special_oop), 0);
	}
	while (c.same && c.next_pair < c.num_pairs) {
		const size_t *pair = c.pairs[c.next_pair++];
		compare_objects(&c, &a->objects[pair[0]], &b->objects[pair[1]]);
	}
	free(c.a.partner);
	free(c.b.partner);
	free(c.pairs);
	return c.same;
}

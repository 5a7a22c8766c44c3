/* body.c: lines of tokens, as they stand in a pocket. */
#include "tokens.h"

static const uint32_t codes[NUM_PRIMITIVES] = {
#define IMAGO_PRIMITIVE(id, code) (code),
#include "apl_primitives.def"
#undef IMAGO_PRIMITIVE
};

unsigned
imago_primitive_of(uint32_t code)
{
	unsigned number = 0;
	while (number < NUM_PRIMITIVES && codes[number] != code) {
		number++;
	}
	return number;
}

uint32_t
imago_primitive_code(unsigned number)
{
	return number < NUM_PRIMITIVES ? codes[number] : 0xFFFD;
}

/* So the shortest pocket has all numbers of a body. */
_Static_assert(IMAGO_POCKET_LEAST - IMAGO_POCKET_HEADER >= BODY_LINES, "no body is too short");

uint32_t
imago_body_number(const imago_pocket *body, unsigned at)
{
	return pocket_half(body->contents + at);
}

/* Where the tokens begin; false when lines and tokens do not fit. */
static bool
find_tokens(const imago_pocket *body, uint64_t *at)
{
	const uint64_t lines = imago_body_number(body, BODY_NUM_LINES);
	const uint64_t tokens = imago_body_number(body, BODY_NUM_TOKENS);
	*at = BODY_LINES + lines * 4;
	return lines + tokens <= (body->size - BODY_LINES) / 4;
}

token
imago_body_token(const imago_pocket *body, uint32_t i)
{
	uint64_t at;
	return find_tokens(body, &at) && i < imago_body_number(body, BODY_NUM_TOKENS)
	           ? token_of(pocket_half(body->contents + at + (uint64_t)i * 4))
	           : (token){NUM_TOKEN_KINDS, 0};
}

bool
imago_body_line(const imago_pocket *body, uint32_t line, uint32_t *begin, uint32_t *end)
{
	uint64_t at;
	if (!find_tokens(body, &at) || line >= imago_body_number(body, BODY_NUM_LINES)) {
		return false;
	}
	const uint8_t *ends = body->contents + BODY_LINES + (uint64_t)line * 4;
	*begin = line == 0 ? 0 : pocket_half(ends - 4);
	*end = pocket_half(ends);
	return *begin <= *end && *end <= imago_body_number(body, BODY_NUM_TOKENS);
}

static bool
has_operand(token t, uint32_t num_symbols, uint32_t num_constants)
{
	switch (t.kind) {
	case TOKEN_NAME:
		return t.operand < num_symbols;
	case TOKEN_CONSTANT:
	case TOKEN_MEMBER:
	case TOKEN_COMMENT:
		return t.operand < num_constants;
	case TOKEN_PRIMITIVE:
		return t.operand < NUM_PRIMITIVES;
	default:
		return t.kind < NUM_TOKEN_KINDS && t.operand == 0;
	}
}

static bool
may_follow(token t, token before)
{
	if (t.kind != TOKEN_MEMBER) {
		return true;
	}
	return before.kind == TOKEN_NAME || before.kind == TOKEN_MEMBER || before.kind == TOKEN_ROOT ||
	       before.kind == TOKEN_PARENT;
}

static bool
line_is_sound(const imago_pocket *body, uint32_t begin, uint32_t end, uint32_t num_symbols,
              uint32_t num_constants, uint64_t *at)
{
	uint32_t open = 0;
	token before = {NUM_TOKEN_KINDS, 0};
	for (uint32_t i = begin; i < end; i++) {
		const token t = imago_body_token(body, i);
		*at = i;
		if (!has_operand(t, num_symbols, num_constants) || !may_follow(t, before) ||
		    (t.kind == TOKEN_COMMENT && i + 1 != end) || (t.kind == TOKEN_CLOSE && open == 0)) {
			return false;
		}
		open = open + (t.kind == TOKEN_OPEN) - (t.kind == TOKEN_CLOSE);
		before = t;
	}
	return open == 0;
}

bool
imago_body_is_sound(const imago_pocket *body, uint8_t bits, uint32_t num_symbols,
                    uint32_t num_constants, uint64_t *at)
{
	uint64_t tokens;
	const uint32_t num_lines = imago_body_number(body, BODY_NUM_LINES);
	const uint32_t num_fixed = (uint32_t)((bits & IMAGO_FUNCTION_RESULT) != 0) +
	                           ((bits & IMAGO_FUNCTION_RIGHT) != 0) +
	                           ((bits & IMAGO_FUNCTION_LEFT) != 0);
	uint32_t begin = 0;
	uint32_t end = 0;
	*at = 0;
	if (!find_tokens(body, &tokens) || imago_body_number(body, BODY_NUM_LOCALS) < num_fixed ||
	    imago_body_number(body, BODY_NUM_LOCALS) > num_symbols ||
	    pocket_half(body->contents + 12) != 0) {
		return false;
	}
	for (uint32_t line = 0; line < num_lines; line++) {
		if (!imago_body_line(body, line, &begin, &end) ||
		    !line_is_sound(body, begin, end, num_symbols, num_constants, at)) {
			return false;
		}
	}
	return end == imago_body_number(body, BODY_NUM_TOKENS);
}

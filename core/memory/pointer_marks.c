/* pointer_marks.c: the header walk of the hot loops (core/memory/README.md, "Hot loops"). */
#include "pointer_marks.h"

#include "bit_row.h"

enum {
	LONGEST_STEP = 63,          /* words of one step: the bits of an object fit one shift */
	REAL_CLASS_BITS = 0x3FFFE0, /* of a header: not all clear in class indices from 32 on */
	ALL_SLOTS = 255,
	OVERFLOW_SLOTS = 255,
	MOST_WORDS_V3 = 256,
	SPUR_LITERALS = 0x7FFF,
	V3_LITERALS = 0xFF,
};

/* What a format says about slots, so that the number of those that hold oops is
 * min(slots, (method header & literals) + fixed), and whether slot 0 must be an integer. */
typedef struct slot_rule {
	uint32_t fixed;
	uint32_t literals;
	uint32_t header_tag;
	uint32_t padding; /* 16 bytes: the index needs no multiplication */
} slot_rule;

#define POINTERS           \
	{                      \
		.fixed = ALL_SLOTS \
	}
#define SPUR_METHOD(tag)                                           \
	{                                                              \
		.fixed = 1, .literals = SPUR_LITERALS, .header_tag = (tag) \
	}
/* With the sign bit the header has Spur's shape (formats/v3/v3.md §4): not for the fast walk. */
#define V3_METHOD                                                     \
	{                                                                 \
		.fixed = 1, .literals = V3_LITERALS, .header_tag = 0x80000001 \
	}

/* Formats that are not named, valid or not, have no slots that hold oops. */
static const slot_rule spur32_rules[32] = {
    [0] = POINTERS,        [1] = POINTERS,        [2] = POINTERS,        [3] = POINTERS,
    [4] = POINTERS,        [5] = POINTERS,        [24] = SPUR_METHOD(1), [25] = SPUR_METHOD(1),
    [26] = SPUR_METHOD(1), [27] = SPUR_METHOD(1),
};
static const slot_rule spur64_rules[32] = {
    [0] = POINTERS,        [1] = POINTERS,        [2] = POINTERS,        [3] = POINTERS,
    [4] = POINTERS,        [5] = POINTERS,        [24] = SPUR_METHOD(7), [25] = SPUR_METHOD(7),
    [26] = SPUR_METHOD(7), [27] = SPUR_METHOD(7), [28] = SPUR_METHOD(7), [29] = SPUR_METHOD(7),
    [30] = SPUR_METHOD(7), [31] = SPUR_METHOD(7),
};
static const slot_rule v3_rules[16] = {
    [0] = POINTERS,   [1] = POINTERS,   [2] = POINTERS,   [3] = POINTERS,   [4] = POINTERS,
    [12] = V3_METHOD, [13] = V3_METHOD, [14] = V3_METHOD, [15] = V3_METHOD,
};

IMAGO_ALWAYS_INLINE uint32_t
num_oops(const slot_rule *rule, uint32_t num_slots, uint32_t method_header)
{
	uint32_t count = (method_header & rule->literals) + rule->fixed;
	return count < num_slots ? count : num_slots;
}

IMAGO_ALWAYS_INLINE void
mark_spur(const uint8_t *bytes, uint32_t max_words, imago_pointer_marks *marks, imago_layout layout)
{
	const uint32_t word_bytes = layout.word_bytes;
	const uint32_t header_words = 8 / word_bytes;
	const slot_rule *rules = word_bytes == 8 ? spur64_rules : spur32_rules;
	imago_bit_row row = {.words = marks->slots};
	uintptr_t asked = (uintptr_t)bytes + IMAGO_PREFETCH_BYTES; /* so far the block before asked */
	uint32_t num_objects = 0;
	uint32_t size = 0;
	while (size < max_words) {
		const uint8_t *chunk = bytes + (uint64_t)size * word_bytes;
		imago_prefetch_ahead(&asked, chunk);
		uint64_t header = imago_load_u64(chunk, layout.byte_order);
		uint32_t first_slot = (uint32_t)imago_load_word(chunk + 8, layout);
		uint32_t num_slots = (uint32_t)(header >> 56);
		const slot_rule *rule = &rules[header >> 24 & 31];
		bool strange = ((uint32_t)header & REAL_CLASS_BITS) == 0 || num_slots == OVERFLOW_SLOTS ||
		               ((first_slot ^ 1) & rule->header_tag) != 0;
		if (IMAGO_UNLIKELY(strange)) {
			break;
		}
		uint32_t oops = num_oops(rule, num_slots, first_slot >> (word_bytes == 8 ? 3 : 1));
		uint32_t body_words = num_slots;
		if (IMAGO_UNLIKELY(num_slots == 0)) {
			IMAGO_STAY_A_BRANCH();
			body_words = 1;
		}
		if (word_bytes == 4) {
			body_words = (body_words + 1) & ~UINT32_C(1);
		}
		uint32_t num_words = header_words + body_words;
		if (IMAGO_LIKELY(num_words <= LONGEST_STEP)) {
			imago_bit_row_append(&row, size, imago_ones(oops) << header_words, num_words);
		} else {
			imago_bit_row_append_long(&row, size, header_words, oops, num_words);
		}
		size += num_words;
		num_objects++;
	}
	imago_bit_row_finish(&row, size);
	marks->num_words = size;
	marks->num_objects = num_objects;
}

IMAGO_ALWAYS_INLINE void
mark_v3(const uint8_t *bytes, uint32_t max_words, imago_pointer_marks *marks,
        imago_byte_order order)
{
	imago_bit_row slots = {.words = marks->slots};
	imago_bit_row class_words = {.words = marks->class_words};
	uintptr_t asked = (uintptr_t)bytes + IMAGO_PREFETCH_BYTES; /* so far the block before asked */
	uint32_t num_objects = 0;
	uint32_t size = 0;
	while (size < max_words) {
		const uint8_t *chunk = bytes + (uint64_t)size * 4;
		imago_prefetch_ahead(&asked, chunk);
		uint32_t first = imago_load_u32(chunk, order);
		uint32_t type = first & 3;
		uint32_t before = 6 >> 2 * type & 3; /* words before the base header: 2, 1, -, 0 */
		const uint8_t *base = chunk + 4 * (uint64_t)before;
		uint32_t class_word = imago_load_u32(base - (before > 0 ? 4 : 0), order);
		uint32_t header = imago_load_u32(base, order);
		uint32_t first_slot = imago_load_u32(base + 4, order);
		uint32_t size_words = (type == 0 ? first : header & 0xFC) >> 2;
		const slot_rule *rule = &v3_rules[header >> 8 & 15];
		bool strange = type == 2 || (((header ^ type) | (class_word ^ type)) & 3) != 0 ||
		               size_words - 1 > MOST_WORDS_V3 - 1 ||
		               ((first_slot ^ 1) & rule->header_tag) != 0;
		if (IMAGO_UNLIKELY(strange)) {
			break;
		}
		uint32_t oops = num_oops(rule, size_words - 1, first_slot >> 10);
		uint32_t num_words = before + size_words;
		uint64_t class_bits = imago_ones(before) & ~imago_ones(before >> 1);
		if (IMAGO_LIKELY(num_words <= LONGEST_STEP)) {
			imago_bit_row_append(&slots, size, imago_ones(oops) << (before + 1), num_words);
			imago_bit_row_append(&class_words, size, class_bits, num_words);
		} else {
			imago_bit_row_append_long(&slots, size, before + 1, oops, num_words);
			imago_bit_row_append(&class_words, size, class_bits, before);
			imago_bit_row_append_long(&class_words, size + before, 0, 0, num_words - before);
		}
		size += num_words;
		num_objects++;
	}
	imago_bit_row_finish(&slots, size);
	imago_bit_row_finish(&class_words, size);
	marks->num_words = size;
	marks->num_objects = num_objects;
}

IMAGO_ALWAYS_INLINE void
mark(const imago_heap *heap, const uint8_t *bytes, uint32_t max_words, imago_pointer_marks *marks)
{
	bool little = heap->layout.byte_order == IMAGO_LITTLE_ENDIAN;
	if (heap->model == IMAGO_V3 && little) {
		mark_v3(bytes, max_words, marks, IMAGO_LITTLE_ENDIAN);
	} else if (heap->model == IMAGO_V3) {
		mark_v3(bytes, max_words, marks, IMAGO_BIG_ENDIAN);
	} else if (heap->layout.word_bytes == 8 && little) {
		mark_spur(bytes, max_words, marks, (imago_layout){8, IMAGO_LITTLE_ENDIAN});
	} else if (heap->layout.word_bytes == 8) {
		mark_spur(bytes, max_words, marks, (imago_layout){8, IMAGO_BIG_ENDIAN});
	} else if (little) {
		mark_spur(bytes, max_words, marks, (imago_layout){4, IMAGO_LITTLE_ENDIAN});
	} else {
		mark_spur(bytes, max_words, marks, (imago_layout){4, IMAGO_BIG_ENDIAN});
	}
}

static void
mark_portably(const imago_heap *heap, const uint8_t *bytes, uint32_t max_words,
              imago_pointer_marks *marks)
{
	mark(heap, bytes, max_words, marks);
}

#if defined(__x86_64__)

/* The same with shifts by any register. */
__attribute__((target("bmi,bmi2"))) static void
mark_with_bmi2(const imago_heap *heap, const uint8_t *bytes, uint32_t max_words,
               imago_pointer_marks *marks)
{
	mark(heap, bytes, max_words, marks);
}

static bool
has_bmi2(void)
{
	return __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}

#else

static void
mark_with_bmi2(const imago_heap *heap, const uint8_t *bytes, uint32_t max_words,
               imago_pointer_marks *marks)
{
	mark(heap, bytes, max_words, marks);
}

static bool
has_bmi2(void)
{
	return false;
}

#endif

void
imago_mark_pointers(const imago_heap *heap, const imago_segment *segment, uint64_t position,
                    imago_pointer_marks *marks)
{
	const uint8_t *bytes = segment->bytes + position;
	uint64_t left = segment->size - position;
	marks->num_words = 0;
	marks->num_objects = 0;
	if (left <= IMAGO_MARK_MARGIN) {
		return;
	}
	uint64_t words = (left - IMAGO_MARK_MARGIN) / heap->layout.word_bytes;
	uint32_t max_words = words < IMAGO_MARK_WORDS ? (uint32_t)words : IMAGO_MARK_WORDS;
	if (has_bmi2()) {
		mark_with_bmi2(heap, bytes, max_words, marks);
	} else {
		mark_portably(heap, bytes, max_words, marks);
	}
}

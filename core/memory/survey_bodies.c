/* survey_bodies.c: plainly fine objects with their slots (core/memory/README.md, "Hot loops").
 *
 * A block of objects is looked at in four steps, each nearly free of branches that depend on one
 * object: headers against the shapes of their classes, marking slots and noting code; where the
 * marked slots lead; the code; and whether objects start there.
 */
#include "imago/survey.h"

#include "../base/planted.h"
#include "bit_row.h"
#include "pointer_marks.h"
#include "survey_private.h"
#include "survey_targets.h"

enum {
	LONGEST_STEP = 63, /* words; see pointer_marks.c */
	LITERALS = 0x7FFF,
	ALL_SLOTS = 255,
	/* Smallest code object: a header and a slot. */
	MAX_METHODS = IMAGO_MARK_WORDS / 2 + 1,
	CALL_PRIMITIVE_V3_SET = 139,
	CALL_PRIMITIVE_SISTA = 248,
	CALL_PRIMITIVE_BYTES = 3,
	SISTA_INLINED = 0x80,
};

/* What a format says about slots: min(slots, (literals in the method header & literals) + fixed)
 * hold oops. A table, because a branch on the format is mispredicted at every other object. */
typedef struct format_slots {
	uint16_t fixed;
	uint16_t literals;
} format_slots;

#define POINTERS           \
	{                      \
		.fixed = ALL_SLOTS \
	}
#define CODE                             \
	{                                    \
		.fixed = 1, .literals = LITERALS \
	}
static const format_slots slots_of_formats[32] = {
    [0] = POINTERS, [1] = POINTERS, [2] = POINTERS, [3] = POINTERS, [4] = POINTERS,
    [5] = POINTERS, [24] = CODE,    [25] = CODE,    [26] = CODE,    [27] = CODE,
    [28] = CODE,    [29] = CODE,    [30] = CODE,    [31] = CODE,
};

typedef struct survey_block {
	imago_pointer_marks marks;
	uint32_t methods[MAX_METHODS]; /* first word of each code object */
	uint32_t num_methods;
	imago_survey_targets targets;
} survey_block;

/* Step 1: objects that fit their classes, from the first on. */
IMAGO_ALWAYS_INLINE void
survey_objects(const imago_survey *survey, const uint8_t *bytes, uint32_t max_words,
               survey_block *block, imago_layout layout)
{
	const uint32_t word_bytes = layout.word_bytes;
	const uint32_t header_words = 8 / word_bytes;
	const imago_survey_shape *shapes = survey->shapes;
	const uint32_t num_shapes = survey->num_shapes;
	imago_bit_row row = {.words = block->marks.slots};
	uintptr_t asked = (uintptr_t)bytes + IMAGO_PREFETCH_BYTES; /* so far the block before asked */
	uint32_t num_methods = 0;
	uint32_t size = 0;
	while (size < max_words) {
		const uint8_t *chunk = bytes + (uint64_t)size * word_bytes;
		imago_prefetch_ahead(&asked, chunk);
		uint64_t header = imago_load_u64(chunk, layout.byte_order);
		uint32_t first_slot = (uint32_t)imago_load_word(chunk + 8, layout);
		uint32_t class_index = (uint32_t)header & (IMAGO_CLASS_INDEX_LIMIT - 1);
		uint32_t num_slots = (uint32_t)(header >> 56);
		uint32_t format = header >> 24 & 31;
		if (IMAGO_UNLIKELY(class_index >= num_shapes)) {
			break;
		}
		imago_survey_shape shape = shapes[class_index];
		bool strange =
		    (shape.formats >> format & 1) == 0 ||
		    num_slots - shape.min_slots > (uint32_t)(shape.max_slots - shape.min_slots) ||
		    num_slots == OVERFLOW_SLOTS;
		if (IMAGO_UNLIKELY(strange)) {
			break;
		}
		format_slots kind = slots_of_formats[format];
		uint32_t oops = (first_slot >> (word_bytes == 8 ? 3 : 1) & kind.literals) + kind.fixed;
		oops = oops < num_slots ? oops : num_slots;
		uint32_t body_words = num_slots;
		if (IMAGO_UNLIKELY(num_slots == 0)) {
			IMAGO_STAY_A_BRANCH();
			body_words = 1;
		}
		if (word_bytes == 4) {
			body_words = (body_words + 1) & ~UINT32_C(1);
		}
		block->methods[num_methods] = size;
		num_methods += format >= IMAGO_FORMAT_METHOD;
		uint32_t num_words = header_words + body_words;
		if (IMAGO_LIKELY(num_words <= LONGEST_STEP)) {
			imago_bit_row_append(&row, size, imago_ones(oops) << header_words, num_words);
		} else {
			imago_bit_row_append_long(&row, size, header_words, oops, num_words);
		}
		size += num_words;
	}
	imago_bit_row_finish(&row, size);
	block->marks.num_words = size;
	block->num_methods = num_methods;
}

/* The numbers in a method header (formats/spur/spur.md §15), and where its bytecodes are. */
typedef struct survey_method {
	const uint8_t *code;
	uint32_t num_bytes; /* of bytecodes and trailer; 0 when the literals leave none */
	uint32_t num_temps, num_args;
	bool large_frame, has_primitive, sista;
} survey_method;

/* The opcode and number of a leading callPrimitive must agree with the header. */
IMAGO_ALWAYS_INLINE bool
is_primitive_fine(const imago_survey_code *rules, const survey_method *method)
{
	const uint8_t *code = method->code;
	if (method->num_bytes < CALL_PRIMITIVE_BYTES) {
		return !method->has_primitive;
	}
	uint8_t opcode = method->sista ? CALL_PRIMITIVE_SISTA : CALL_PRIMITIVE_V3_SET;
	bool inlined = method->sista && (code[2] & SISTA_INLINED) != 0;
	bool calls = code[0] == opcode && !inlined;
	if (calls != method->has_primitive) {
		return false;
	}
	uint32_t number = (uint32_t)code[1] | (uint32_t)code[2] << 8;
	bool quick = number >= rules->first_quick && number <= rules->last_quick;
	return !calls || (number <= rules->max_primitive && (!quick || method->num_args == 0));
}

/* Step 3: one code object. It is done while the bits of step 4 are on their way. */
IMAGO_ALWAYS_INLINE bool
is_method_fine(const imago_survey_code *rules, const uint8_t *chunk, imago_survey_result *result,
               imago_layout layout)
{
	uint64_t header = imago_load_u64(chunk, layout.byte_order);
	uint64_t word = imago_load_word(chunk + 8, layout);
	uint32_t tag_bits = layout.word_bytes == 8 ? 3 : 1;
	uint32_t num_slots = (uint32_t)(header >> 56);
	uint64_t fields = word >> tag_bits;
	uint32_t used = 1 + (uint32_t)(fields & LITERALS);
	if ((word & imago_ones(tag_bits)) != 1 || used > num_slots) {
		return false;
	}
	uint32_t tail = (uint32_t)(header >> 24) & (layout.word_bytes - 1U);
	uint32_t rest = (num_slots - used) * layout.word_bytes;
	survey_method method = {
	    .code = chunk + 8 + (uint64_t)used * layout.word_bytes,
	    .num_bytes = rest > tail ? rest - tail : 0,
	    .num_temps = fields >> 18 & 63,
	    .num_args = fields >> 24 & 15,
	    .large_frame = (fields >> 17 & 1) != 0,
	    .has_primitive = (fields >> 16 & 1) != 0,
	    .sista = (word >> (8 * layout.word_bytes - 1U)) != 0,
	};
	result->num_alternate_methods += method.sista;
	result->num_primary_methods += !method.sista;
	uint32_t most = method.large_frame ? rules->large_frame : rules->small_frame;
	return method.num_bytes > 0 && method.num_args <= method.num_temps &&
	       method.num_temps <= most && is_primitive_fine(rules, &method);
}

/* True for a pointer to an object anywhere in the heap. */
static bool
leads_to_object(const imago_survey *survey, imago_oop oop)
{
	const imago_segment *segment = imago_heap_segment_of(survey->heap, oop);
	if (IMAGO_BUG(pointer_into_bridge,
	              segment == NULL && (oop & 7) == 0 &&
	                  (imago_heap_segment_of(survey->heap, oop - 8) != NULL ||
	                   imago_heap_segment_of(survey->heap, oop - IMAGO_BRIDGE_SIZE) != NULL))) {
		return true;
	}
	if (segment == NULL || (oop & 7) != 0) {
		return false;
	}
	uint64_t first_bit = survey->segment_bits[segment - survey->heap->segments];
	return imago_bitmap_test(survey->objects, first_bit + ((oop - segment->start) >> 3));
}

/* The bits of the segment that most pointers lead to: where objects start. */
typedef struct home_starts {
	const uint64_t *words;
	uint64_t first; /* bit of words[0] */
} home_starts;

static home_starts
starts_at_home(const imago_survey *survey)
{
	uint64_t first_bit = survey->segment_bits[survey->home];
	return (home_starts){survey->objects->words + first_bit / 64, first_bit % 64};
}

/* The bit of a unit, in bit 0; the others are of its neighbours. */
IMAGO_ALWAYS_INLINE uint64_t
start_at(const home_starts starts, uint32_t unit)
{
	uint64_t bit = starts.first + unit;
	return starts.words[bit / 64] >> (bit & 63);
}

/* The bits are far apart, so they are asked for before anybody waits for one. */
static void
ask_for_starts(const home_starts starts, const imago_survey_targets *targets)
{
	const uint32_t *units = targets->units;
	const uint32_t count = targets->count;
	uint32_t i = 0;
	for (; i + 4 <= count; i += 4) {
		__builtin_prefetch(&starts.words[(starts.first + units[i]) / 64]);
		__builtin_prefetch(&starts.words[(starts.first + units[i + 1]) / 64]);
		__builtin_prefetch(&starts.words[(starts.first + units[i + 2]) / 64]);
		__builtin_prefetch(&starts.words[(starts.first + units[i + 3]) / 64]);
	}
	for (; i < count; i++) {
		__builtin_prefetch(&starts.words[(starts.first + units[i]) / 64]);
	}
}

/* Step 2: notes where the slots lead; false when one is bad by itself or in another segment. */
static bool
find_targets(const imago_survey *survey, const uint8_t *bytes, survey_block *block)
{
	const imago_heap *heap = survey->heap;
	const imago_segment *segment = &heap->segments[survey->home];
	const uint64_t num_units = segment->size >> 3;
	const imago_survey_home home = {
	    .start = segment->start,
	    .num_units = num_units < UINT32_MAX ? num_units : UINT32_MAX,
	};
	imago_survey_targets_fn *find = imago_survey_targets_function(heap);
	block->targets.count = 0;
	for (uint32_t i = 0; i < block->marks.num_words; i += 64) {
		const uint8_t *words = bytes + (uint64_t)i * heap->layout.word_bytes;
		uint64_t others = find(&home, words, block->marks.slots[i / 64], &block->targets);
		for (; IMAGO_UNLIKELY(others != 0); others &= others - 1) {
			unsigned slot = (unsigned)__builtin_ctzll(others);
			imago_oop oop =
			    imago_load_word(words + (uint64_t)slot * heap->layout.word_bytes, heap->layout);
			if (!leads_to_object(survey, oop)) {
				return false;
			}
		}
	}
	ask_for_starts(starts_at_home(survey), &block->targets);
	return true;
}

/* Step 4: true when an object starts at every target. */
IMAGO_ALWAYS_INLINE bool
are_targets_objects(const home_starts starts, const imago_survey_targets *targets)
{
	const uint32_t *units = targets->units;
	const uint32_t count = targets->count;
	uint64_t all = 1;
	uint32_t i = 0;
	for (; i + 4 <= count; i += 4) {
		uint64_t first = start_at(starts, units[i]) & start_at(starts, units[i + 1]);
		uint64_t second = start_at(starts, units[i + 2]) & start_at(starts, units[i + 3]);
		all &= first & second;
	}
	for (; i < count; i++) {
		all &= start_at(starts, units[i]);
	}
	return (all & 1) != 0;
}

IMAGO_ALWAYS_INLINE bool
is_block_fine(const imago_survey *survey, const uint8_t *bytes, survey_block *block,
              imago_survey_result *result, imago_layout layout)
{
	if (!find_targets(survey, bytes, block)) {
		return false;
	}
	const imago_survey_code rules = survey->code;
	for (uint32_t i = 0; i < block->num_methods; i++) {
		const uint8_t *chunk = bytes + (uint64_t)block->methods[i] * layout.word_bytes;
		if (!is_method_fine(&rules, chunk, result, layout)) {
			return false;
		}
	}
	return are_targets_objects(starts_at_home(survey), &block->targets);
}

IMAGO_ALWAYS_INLINE void
survey_block_of(const imago_survey *survey, const uint8_t *bytes, uint32_t max_words,
                survey_block *block, imago_survey_result *result, imago_layout layout)
{
	survey_objects(survey, bytes, max_words, block, layout);
	result->fine = is_block_fine(survey, bytes, block, result, layout);
}

static void
survey_any(const imago_survey *survey, const uint8_t *bytes, uint32_t max_words,
           survey_block *block, imago_survey_result *result)
{
	imago_layout narrow_big = {4, IMAGO_BIG_ENDIAN};
	imago_layout wide_big = {8, IMAGO_BIG_ENDIAN};
	imago_layout narrow = {4, IMAGO_LITTLE_ENDIAN};
	imago_layout wide = {8, IMAGO_LITTLE_ENDIAN};
	bool little = survey->heap->layout.byte_order == IMAGO_LITTLE_ENDIAN;
	if (survey->heap->layout.word_bytes == 8) {
		if (little) {
			survey_block_of(survey, bytes, max_words, block, result, wide);
		} else {
			survey_block_of(survey, bytes, max_words, block, result, wide_big);
		}
	} else if (little) {
		survey_block_of(survey, bytes, max_words, block, result, narrow);
	} else {
		survey_block_of(survey, bytes, max_words, block, result, narrow_big);
	}
}

void
imago_survey_bodies(const imago_survey *survey, size_t segment, uint64_t position, uint64_t end,
                    imago_survey_result *result)
{
	const imago_heap *heap = survey->heap;
	const imago_segment *area = &heap->segments[segment];
	*result = (imago_survey_result){.end = position, .fine = true};
	if (heap->model != IMAGO_SPUR || area->size <= IMAGO_SURVEY_MARGIN) {
		return;
	}
	uint64_t last = area->size - IMAGO_SURVEY_MARGIN;
	end = end < last ? end : last;
	if (position >= end) {
		return;
	}
	uint8_t word_bytes = heap->layout.word_bytes;
	uint64_t words = (end - position + word_bytes - 1) / word_bytes;
	survey_block block;
	survey_any(survey, area->bytes + position,
	           words < IMAGO_MARK_WORDS ? (uint32_t)words : IMAGO_MARK_WORDS, &block, result);
	result->end = position + (uint64_t)block.marks.num_words * word_bytes;
}

/* survey.c: plainly fine headers (core/memory/README.md, "Hot loops"). */
#include "imago/survey.h"

#include "survey_private.h"

/* Formats of each word size as a bit set (formats/spur/spur.md §6). */
#define FORMATS_32 UINT32_C(0x0F0F363F) /* 0-5, 9, 10, 12, 13, 16-19, 24-27 */
#define FORMATS_64 UINT32_C(0xFFFFFE3F) /* 0-5, 9-31 */
/* Those that an object without slots may have: no bytes are unused. */
#define FORMATS_EMPTY UINT32_C(0x0101163F) /* 0-5, 9, 10, 12, 16, 24 */

/* Bits that no saved object has: unused 22 and 54, remembered, grey, marked. */
#define ODD_BITS (UINT64_C(1) << 22 | UINT64_C(1) << 29 | UINT64_C(1) << 31 | UINT64_C(3) << 54)

IMAGO_ALWAYS_INLINE uint64_t
survey_headers(const uint8_t *bytes, uint64_t position, uint64_t end, uint64_t *starts,
               uint64_t first_bit, uint64_t *num_objects, imago_layout layout)
{
	const uint32_t formats = layout.word_bytes == 8 ? FORMATS_64 : FORMATS_32;
	uintptr_t asked = (uintptr_t)bytes + (uintptr_t)position;
	uint64_t count = 0;
	while (position < end) {
		const uint8_t *chunk = bytes + position;
		imago_prefetch_ahead(&asked, chunk);
		uint64_t header = imago_load_u64(chunk, layout.byte_order);
		uint32_t num_slots = (uint32_t)(header >> 56);
		uint32_t allowed = num_slots > 0 ? formats : FORMATS_EMPTY;
		bool strange = (header & ODD_BITS) != 0 || ((uint32_t)header & REAL_CLASS_BITS) == 0 ||
		               num_slots == OVERFLOW_SLOTS || (allowed >> (header >> 24 & 31) & 1) == 0;
		if (IMAGO_UNLIKELY(strange)) {
			break;
		}
		uint64_t bit = first_bit + (position >> 3);
		starts[bit >> 6] |= UINT64_C(1) << (bit & 63);
		count++;
		uint64_t body_words = num_slots;
		if (IMAGO_UNLIKELY(num_slots == 0)) {
			IMAGO_STAY_A_BRANCH();
			body_words = 1;
		}
		position += 8 + ((body_words * layout.word_bytes + 7) & ~UINT64_C(7));
	}
	*num_objects += count;
	return position;
}

uint64_t
imago_survey_headers(const imago_survey *survey, size_t segment, uint64_t position, uint64_t end,
                     uint64_t *num_objects)
{
	const imago_heap *heap = survey->heap;
	const imago_segment *area = &heap->segments[segment];
	if (heap->model != IMAGO_SPUR || area->space != IMAGO_SPACE_OLD ||
	    area->size <= IMAGO_SURVEY_MARGIN) {
		return position;
	}
	uint64_t last = area->size - IMAGO_SURVEY_MARGIN;
	end = end < last ? end : last;
	uint64_t *starts = survey->objects->words;
	uint64_t first_bit = survey->segment_bits[segment];
	bool little = heap->layout.byte_order == IMAGO_LITTLE_ENDIAN;
	imago_layout narrow = {4, IMAGO_LITTLE_ENDIAN};
	imago_layout wide = {8, IMAGO_LITTLE_ENDIAN};
	if (heap->layout.word_bytes == 8 && little) {
		return survey_headers(area->bytes, position, end, starts, first_bit, num_objects, wide);
	}
	if (little) {
		return survey_headers(area->bytes, position, end, starts, first_bit, num_objects, narrow);
	}
	narrow.byte_order = IMAGO_BIG_ENDIAN;
	wide.byte_order = IMAGO_BIG_ENDIAN;
	if (heap->layout.word_bytes == 8) {
		return survey_headers(area->bytes, position, end, starts, first_bit, num_objects, wide);
	}
	return survey_headers(area->bytes, position, end, starts, first_bit, num_objects, narrow);
}

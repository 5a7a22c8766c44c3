/* check_survey.c: what the survey may pass over: everything that no rule would say a word about. */
#include "check_pass.h"

enum { MOST_PLAIN_SLOTS = 254, NUM_FORMATS = 32 };

/* Before pass 1: where objects are marked. */
void
check_survey_begin(check_facts *facts)
{
	const imago_heap *heap = facts->heap;
	facts->survey = (imago_survey){
	    .heap = heap,
	    .objects = &facts->objects,
	    .segment_bits = facts->segment_bits,
	};
	for (size_t i = 1; i < heap->num_segments; i++) {
		if (heap->segments[i].size > heap->segments[facts->survey.home].size) {
			facts->survey.home = i;
		}
	}
	facts->surveyed = check_is_spur(facts) && heap->num_segments > 0;
}

/* Formats of objects that fit what a class says (check_instance). */
static uint32_t
formats_of(const imago_heap *heap, uint8_t class_format)
{
	uint32_t formats = 0;
	for (uint8_t i = 0; i < (uint8_t)NUM_FORMATS; i++) {
		uint8_t plain = check_plain_format(heap->model, i);
		bool both_plain = plain <= IMAGO_FORMAT_FIXED && class_format <= IMAGO_FORMAT_FIXED;
		imago_format_facts facts = imago_format_facts_of(heap->model, heap->layout.word_bytes, i);
		if (facts.body != IMAGO_BODY_INVALID && (plain == class_format || both_plain)) {
			formats |= UINT32_C(1) << i;
		}
	}
	return formats;
}

static imago_survey_shape
shape_of_floats(const imago_heap *heap)
{
	uint8_t num_slots = heap->layout.word_bytes == 8 ? 1 : 2;
	return (imago_survey_shape){
	    .formats = UINT32_C(1) << IMAGO_FORMAT_BITS64 | UINT32_C(1) << IMAGO_FORMAT_BITS32,
	    .min_slots = num_slots,
	    .max_slots = num_slots,
	};
}

/* Instances of classes that are broken, or that have rules of their own, are never plain. */
static imago_survey_shape
plain_shape(const imago_heap *heap, const check_shape *shape)
{
	imago_survey_shape plain = {.max_slots = MOST_PLAIN_SLOTS};
	if (shape->role == ROLE_FLOAT) {
		return shape_of_floats(heap);
	}
	bool has_named = shape->format == IMAGO_FORMAT_FIXED || shape->format == IMAGO_FORMAT_MIXED ||
	                 shape->format == IMAGO_FORMAT_WEAK || shape->format == IMAGO_FORMAT_EPHEMERON;
	if (shape->state != SHAPE_KNOWN || shape->role != ROLE_NONE ||
	    (has_named && shape->num_named > MOST_PLAIN_SLOTS)) {
		return (imago_survey_shape){0};
	}
	plain.formats = formats_of(heap, shape->format);
	if (has_named) {
		plain.min_slots = (uint8_t)shape->num_named;
	}
	if (shape->format == IMAGO_FORMAT_FIXED) {
		plain.max_slots = (uint8_t)shape->num_named;
	}
	return plain;
}

imago_status
check_survey_create(check_facts *facts, imago_error *error)
{
	imago_survey *survey = &facts->survey;
	if (!facts->surveyed) {
		return IMAGO_OK;
	}
	facts->plain_shapes = imago_allocate_array(facts->allocator, facts->num_shapes,
	                                           sizeof *facts->plain_shapes, "plain shapes", error);
	if (facts->plain_shapes == NULL) {
		return IMAGO_ENOMEM;
	}
	for (uint32_t i = IMAGO_CLASS_FIRST_REAL; i < facts->num_shapes; i++) {
		facts->plain_shapes[i] = plain_shape(facts->heap, &facts->shapes[i]);
	}
	survey->shapes = facts->plain_shapes;
	survey->num_shapes = facts->num_shapes;
	survey->code = check_plain_code();
	return IMAGO_OK;
}

void
check_survey_release(check_facts *facts)
{
	imago_release(facts->allocator, facts->plain_shapes,
	              facts->num_shapes * sizeof *facts->plain_shapes);
}

/* rebuild.c: what every rebuild has in common: options, segments, header. */
#include "imago/rebuild.h"

#include <string.h>

#include "imago/checked.h"
#include "rebuild_private.h"

imago_status
imago_rebuild_plan_create(imago_rebuild_plan *plan, uint64_t capacity, const imago_rebuild_run *run)
{
	*plan = (imago_rebuild_plan){.capacity = (uint32_t)capacity};
	plan->sizes = imago_allocate_array(run->allocator, capacity, sizeof *plan->sizes,
	                                   "segment plan", run->error);
	if (plan->sizes == NULL) {
		return IMAGO_ENOMEM;
	}
	plan->starts = imago_allocate_array(run->allocator, capacity, sizeof *plan->starts,
	                                    "segment plan", run->error);
	return plan->starts != NULL ? IMAGO_OK : IMAGO_ENOMEM;
}

void
imago_rebuild_plan_release(imago_rebuild_plan *plan, const imago_rebuild_run *run)
{
	imago_release(run->allocator, plan->sizes, plan->capacity * sizeof *plan->sizes);
	imago_release(run->allocator, plan->starts, plan->capacity * sizeof *plan->starts);
}

imago_status
imago_rebuild_plan_place(imago_rebuild_plan *plan, imago_addr base, uint64_t gap,
                         const imago_rebuild_run *run)
{
	uint64_t bridge_size = run->source->model == IMAGO_SPUR ? IMAGO_BRIDGE_SIZE : 0;
	imago_addr start = base;
	for (uint32_t i = 0; i < plan->num_segments; i++) {
		plan->starts[i] = start;
		if (!imago_checked_add(start, plan->sizes[i], &start) ||
		    !imago_checked_add(start, bridge_size, &start) ||
		    (i + 1 < plan->num_segments && !imago_checked_add(start, gap, &start))) {
			return imago_fail(run->error, IMAGO_ERANGE, "base", IMAGO_NO_OFFSET, base, 0);
		}
	}
	return IMAGO_OK;
}

void
imago_rebuild_cutter_pass(imago_rebuild_cutter *cutter, uint64_t position)
{
	imago_rebuild_plan *plan = cutter->plan;
	uint64_t wanted = cutter->wanted;
	uint64_t next = plan->num_segments + UINT64_C(1);
	bool fixed = cutter->num_objects < IMAGO_FIXED_OBJECTS;
	cutter->num_objects++;
	if (next >= wanted || fixed) {
		return;
	}
	/* total * next / wanted without overflow: next and wanted are below 2^17. */
	uint64_t ideal = cutter->total / wanted * next + cutter->total % wanted * next / wanted;
	if (position >= ideal && position - cutter->last_cut >= IMAGO_MIN_SEGMENT_OBJECTS &&
	    cutter->total - position >= IMAGO_MIN_SEGMENT_OBJECTS) {
		plan->sizes[plan->num_segments++] = position - cutter->last_cut;
		cutter->last_cut = position;
	}
}

imago_status
imago_rebuild_cutter_finish(imago_rebuild_cutter *cutter, const imago_rebuild_run *run)
{
	imago_rebuild_plan *plan = cutter->plan;
	plan->sizes[plan->num_segments++] = cutter->total - cutter->last_cut;
	if (plan->num_segments < cutter->wanted) {
		return imago_fail(run->error, IMAGO_ERANGE, "number of segments", IMAGO_NO_OFFSET,
		                  cutter->wanted, plan->num_segments);
	}
	return IMAGO_OK;
}

size_t
imago_rebuild_num_old_segments(const imago_heap *heap)
{
	size_t num_segments = heap->num_segments;
	while (num_segments > 0 && heap->segments[num_segments - 1].space == IMAGO_SPACE_PERM) {
		num_segments--;
	}
	return num_segments;
}

imago_status
imago_rebuild_add_segment(imago_rebuild_run *run, imago_addr start, uint64_t size,
                          uint64_t bridge_size, imago_space space)
{
	imago_heap *target = run->target;
	uint64_t offset = target->wrapping.prefix_size + target->header.header_size;
	if (target->num_segments > 0) {
		const imago_segment *last = &target->segments[target->num_segments - 1];
		offset = last->offset + last->size + last->bridge_size;
	}
	uint64_t total = size + bridge_size;
	uint8_t *bytes = imago_allocate(run->allocator, total, "rebuilt segment", run->error);
	if (bytes == NULL) {
		return IMAGO_ENOMEM;
	}
	imago_status status = imago_heap_own(target, bytes, total, run->error);
	if (status != IMAGO_OK) {
		imago_release(run->allocator, bytes, total);
		return status;
	}
	imago_segment segment = {
	    .start = start,
	    .size = size,
	    .bridge_size = bridge_size,
	    .bytes = bytes,
	    .writable = bytes,
	    .offset = offset,
	    .space = space,
	};
	return imago_heap_add_segment(target, &segment, run->error);
}

/* Copies the source's last bridge, so that a writer's own style of it survives re-segmenting. */
static void
copy_last_bridge(const imago_rebuild_run *run, const imago_segment *to)
{
	size_t num_old = imago_rebuild_num_old_segments(run->source);
	const imago_segment *from = &run->source->segments[num_old - 1];
	if (from->bridge_size != IMAGO_BRIDGE_SIZE || to->bridge_size != IMAGO_BRIDGE_SIZE) {
		return;
	}
	if (run->source->layout.word_bytes != run->layout.word_bytes) {
		/* Its span and format count words. A span of 0xFF… is no span: it will be replaced. */
		imago_store_u64(to->writable + to->size, UINT64_MAX, run->layout.byte_order);
		return;
	}
	for (unsigned half = 0; half < IMAGO_BRIDGE_SIZE; half += 8) {
		uint64_t word =
		    imago_load_u64(from->bytes + from->size + half, run->source->layout.byte_order);
		imago_store_u64(to->writable + to->size + half, word, run->layout.byte_order);
	}
}

imago_status
imago_rebuild_make_segments(imago_rebuild_run *run, const imago_rebuild_plan *plan)
{
	uint64_t bridge_size = run->source->model == IMAGO_SPUR ? IMAGO_BRIDGE_SIZE : 0;
	for (uint32_t i = 0; i < plan->num_segments; i++) {
		imago_status status = imago_rebuild_add_segment(run, plan->starts[i], plan->sizes[i],
		                                                bridge_size, IMAGO_SPACE_OLD);
		if (status != IMAGO_OK) {
			return status;
		}
		copy_last_bridge(run, &run->target->segments[i]);
	}
	return IMAGO_OK;
}

imago_status
imago_rebuild_copy_bytes(imago_rebuild_run *run, const uint8_t **bytes, uint64_t size)
{
	if (size == 0) {
		*bytes = NULL;
		return IMAGO_OK;
	}
	uint8_t *copy = imago_allocate(run->allocator, size, "bytes around the heap", run->error);
	if (copy == NULL) {
		return IMAGO_ENOMEM;
	}
	memcpy(copy, *bytes, (size_t)size);
	imago_status status = imago_heap_own(run->target, copy, size, run->error);
	if (status != IMAGO_OK) {
		imago_release(run->allocator, copy, size);
		return status;
	}
	*bytes = copy;
	return IMAGO_OK;
}

uint64_t
imago_rebuild_flags(imago_rebuild_run *run, uint64_t flags)
{
	const imago_heap *source = run->source;
	const imago_format_number *number = imago_format_number_find(source->header.image_format);
	if (imago_layout_equal(source->layout, run->layout) || number == NULL ||
	    !number->platform_floats) {
		return flags;
	}
	bool low_first = (flags & IMAGO_FLAG_FLOATS_LOW_WORD_FIRST) != 0;
	run->report.float_order_normalised =
	    low_first != (source->layout.byte_order == IMAGO_LITTLE_ENDIAN);
	flags &= ~(uint64_t)IMAGO_FLAG_FLOATS_LOW_WORD_FIRST;
	return run->layout.byte_order == IMAGO_LITTLE_ENDIAN ? flags | IMAGO_FLAG_FLOATS_LOW_WORD_FIRST
	                                                     : flags;
}

static imago_status
check_base(const imago_rebuild_run *run)
{
	const imago_rebuild_options *options = run->options;
	uint64_t alignment = imago_heap_alignment(run->source);
	if (!options->set_base) {
		return IMAGO_OK;
	}
	if (options->base % alignment != 0) {
		return imago_fail(run->error, IMAGO_EALIGN, "base", IMAGO_NO_OFFSET, options->base,
		                  alignment);
	}
	if ((options->base == 0 && run->source->model == IMAGO_SPUR) ||
	    (run->layout.word_bytes == 4 && options->base > UINT32_MAX)) {
		return imago_fail(run->error, IMAGO_ERANGE, "base", IMAGO_NO_OFFSET, options->base,
		                  run->layout.word_bytes == 4 ? UINT32_MAX : 0);
	}
	return IMAGO_OK;
}

static imago_status
check_options(const imago_rebuild_run *run)
{
	const imago_heap *source = run->source;
	const imago_rebuild_options *options = run->options;
	imago_error *error = run->error;
	if (imago_rebuild_num_old_segments(source) == 0) {
		return imago_fail(error, IMAGO_EUSAGE, "a heap without old space", IMAGO_NO_OFFSET, 0, 0);
	}
	if (run->layout.word_bytes != 4 && run->layout.word_bytes != 8) {
		return imago_fail(error, IMAGO_EUSAGE, "word size", IMAGO_NO_OFFSET, run->layout.word_bytes,
		                  8);
	}
	if (source->model == IMAGO_V3 && run->layout.word_bytes != source->layout.word_bytes) {
		return imago_fail(error, IMAGO_EUNSUPPORTED, "another word size of a V3 image",
		                  IMAGO_NO_OFFSET, run->layout.word_bytes, 4);
	}
	if (source->model == IMAGO_V3 && options->num_segments > 1) {
		return imago_fail(error, IMAGO_EUNSUPPORTED, "segments of a V3 image", IMAGO_NO_OFFSET,
		                  options->num_segments, 1);
	}
	if (options->num_segments > IMAGO_MAX_SEGMENTS) {
		return imago_fail(error, IMAGO_ERANGE, "number of segments", IMAGO_NO_OFFSET,
		                  options->num_segments, IMAGO_MAX_SEGMENTS);
	}
	if (options->gap % 8 != 0) {
		return imago_fail(error, IMAGO_EALIGN, "gap", IMAGO_NO_OFFSET, options->gap, 8);
	}
	if (options->gap != 0 && options->num_segments == 0) {
		return imago_fail(error, IMAGO_EUSAGE, "gap without a number of segments", IMAGO_NO_OFFSET,
		                  options->gap, 0);
	}
	return check_base(run);
}

imago_status
imago_rebuild(imago_heap **out, const imago_heap *source, const imago_rebuild_options *options,
              imago_allocator *allocator, imago_rebuild_report *report, imago_error *error)
{
	imago_rebuild_run run = {
	    .source = source,
	    .options = options,
	    .layout = options->layout.word_bytes != 0 ? options->layout : source->layout,
	    .allocator = allocator,
	    .error = error,
	};
	imago_status status = check_options(&run);
	if (status != IMAGO_OK) {
		return status;
	}
	status = imago_heap_create(&run.target, source->model, run.layout, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	status = run.layout.word_bytes == source->layout.word_bytes ? imago_rebuild_same_width(&run)
	                                                            : imago_rebuild_other_width(&run);
	if (status != IMAGO_OK) {
		imago_heap_destroy(run.target);
		return status;
	}
	if (report != NULL) {
		*report = run.report;
	}
	*out = run.target;
	return IMAGO_OK;
}

/* builder.c: the life of a builder: start, segments, permanent space, finish. */
#include "imago/builder.h"

#include "builder_private.h"

/* Bases in the manner of saved images; the 64-bit one does not fit 32 bits. */
static const imago_addr SPUR32_BASE = 0x1000000;
static const imago_addr SPUR64_BASE = UINT64_C(0x10000000000);
static const imago_addr V3_BASE = 0x10040000;

enum { WINDOW_SIZE = 640 << 16 | 480 };

static imago_addr
customary_base(const imago_builder *builder)
{
	if (!builder_is_spur(builder)) {
		return V3_BASE;
	}
	return builder->layout.word_bytes == 8 ? SPUR64_BASE : SPUR32_BASE;
}

imago_status
builder_create_with(imago_builder **out, const imago_builder_options *options,
                    void (*make_kernel)(imago_builder *builder), imago_allocator *allocator,
                    imago_error *error)
{
	*out = NULL;
	const imago_format_number *format = imago_format_number_find(options->image_format);
	if (format == NULL || !format->supported) {
		return imago_fail(error, IMAGO_EVERSION, "imageFormat", IMAGO_NO_OFFSET,
		                  options->image_format, 0);
	}
	if (options->base % (format->model == IMAGO_SPUR ? 8 : 4) != 0) {
		return imago_fail(error, IMAGO_EALIGN, "base", IMAGO_NO_OFFSET, options->base, 8);
	}
	imago_builder *builder = imago_allocate(allocator, sizeof(*builder), "builder", error);
	if (builder == NULL) {
		return IMAGO_ENOMEM;
	}
	builder->allocator = allocator;
	builder->format = format;
	builder->layout = (imago_layout){format->word_bytes, options->byte_order};
	builder->model = format->model;
	builder->tagging = imago_tagging_of(format->model, format->word_bytes);
	builder->next_class_index = IMAGO_CLASS_PAGE_SIZE;
	builder_add_segment(builder, options->base != 0 ? options->base : customary_base(builder),
	                    IMAGO_SPACE_OLD);
	make_kernel(builder);
	if (!builder_ok(builder)) {
		imago_status status = builder->error.status;
		if (error != NULL) {
			*error = builder->error;
		}
		imago_builder_destroy(builder);
		return status;
	}
	*out = builder;
	return IMAGO_OK;
}

imago_status
imago_builder_create(imago_builder **out, const imago_builder_options *options,
                     imago_allocator *allocator, imago_error *error)
{
	return builder_create_with(out, options, builder_make_kernel, allocator, error);
}

void
imago_builder_destroy(imago_builder *builder)
{
	if (builder == NULL) {
		return;
	}
	imago_allocator *allocator = builder->allocator;
	for (size_t i = 0; i < builder->num_segments; i++) {
		imago_release(allocator, builder->segments[i].bytes, builder->segments[i].capacity);
	}
	imago_release(allocator, builder->segments,
	              builder->segment_capacity * sizeof(*builder->segments));
	imago_release(allocator, builder->free_chunks,
	              builder->free_chunk_capacity * sizeof(*builder->free_chunks));
	imago_release(allocator, builder, sizeof(*builder));
}

imago_status
imago_builder_status(const imago_builder *builder)
{
	return builder->error.status;
}

imago_oop
imago_builder_class(const imago_builder *builder, imago_kernel_class which)
{
	return (unsigned)which < IMAGO_NUM_KERNEL_CLASSES ? builder->classes[which] : 0;
}

imago_oop
imago_builder_nil(const imago_builder *builder)
{
	return builder->nil;
}

void
imago_builder_next_segment(imago_builder *builder, uint64_t gap)
{
	if (!builder_ok(builder)) {
		return;
	}
	if (!builder_is_spur(builder) || builder->has_perm || gap % 8 != 0) {
		builder_fail(builder, IMAGO_EUSAGE, "gap before a segment", gap, 0);
		return;
	}
	const builder_segment *last = &builder->segments[builder->old];
	imago_addr end = last->start + last->size + IMAGO_BRIDGE_SIZE;
	imago_addr top = builder->layout.word_bytes == 8 ? UINT64_MAX : UINT32_MAX;
	if (gap > top - end) {
		builder_fail(builder, IMAGO_ERANGE, "gap before a segment", gap, top - end);
		return;
	}
	builder_add_segment(builder, end + gap, IMAGO_SPACE_OLD);
}

void
imago_builder_begin_perm(imago_builder *builder)
{
	if (!builder_ok(builder)) {
		return;
	}
	if (!builder_is_spur(builder) || builder->has_perm) {
		builder_fail(builder, IMAGO_EUSAGE, "permanent space", builder->has_perm, 0);
		return;
	}
	imago_addr start = builder->layout.word_bytes == 8 ? IMAGO_PERM_START_64 : IMAGO_PERM_START_32;
	const builder_segment *last = &builder->segments[builder->old];
	imago_addr end = last->start + last->size + IMAGO_BRIDGE_SIZE;
	if (end > start) {
		builder_fail(builder, IMAGO_ERANGE, "end of old space", end, start);
		return;
	}
	builder->has_perm = true;
	builder_add_segment(builder, start, IMAGO_SPACE_PERM);
	/* The dummy with which permanent space begins, so that iteration starts at a plain header. */
	builder_shape dummy = {.class_index = IMAGO_CLASS_HIDDEN_ARRAY};
	builder_lay_out(builder, builder->current, &dummy, IMAGO_FORMAT_EMPTY, 0);
}

uint64_t
imago_builder_size(const imago_builder *builder)
{
	uint64_t size = 0;
	for (size_t i = 0; i < builder->num_segments; i++) {
		size += builder->segments[i].size;
	}
	return size;
}

/* The bits of headerFlags that say how Floats were stored (formats/v3/v3.md §1). */
static uint64_t
header_flags(const imago_builder *builder)
{
	bool low_word_first =
	    builder->format->platform_floats && builder->layout.byte_order == IMAGO_LITTLE_ENDIAN;
	return low_word_first ? IMAGO_FLAG_FLOATS_LOW_WORD_FIRST : 0;
}

static imago_status
fill_heap(imago_builder *builder, imago_heap *heap, imago_error *error)
{
	bool wide = builder->layout.word_bytes == 8;
	heap->header = (imago_image_header){
	    .image_format = builder->format->number,
	    .header_size = wide ? IMAGO_HEADER_SIZE_64 : IMAGO_HEADER_SIZE_32,
	    .special_objects_oop = builder->special_objects,
	    .last_hash = builder->hash_seed,
	    .saved_window_size = WINDOW_SIZE,
	    .flags = header_flags(builder),
	};
	heap->bridges = IMAGO_BRIDGES_NONE;
	imago_status status = builder_hand_over(builder, heap, error);
	if (status == IMAGO_OK && builder_is_spur(builder)) {
		status = imago_heap_set_bridges(
		    heap, builder->has_perm ? IMAGO_BRIDGES_MEMORY : IMAGO_BRIDGES_FILE, error);
	}
	return status == IMAGO_OK ? imago_heap_refresh_header(heap, error) : status;
}

imago_status
imago_builder_finish(imago_builder *builder, imago_heap **out, imago_error *error)
{
	*out = NULL;
	builder_link_free_chunks(builder);
	if (!builder_ok(builder)) {
		if (error != NULL) {
			*error = builder->error;
		}
		return builder->error.status;
	}
	imago_heap *heap = NULL;
	imago_status status =
	    imago_heap_create(&heap, builder->model, builder->layout, builder->allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	status = fill_heap(builder, heap, error);
	/* Whatever became of it, the builder has given its segments away. */
	builder_fail(builder, IMAGO_EUSAGE, "builder after its end", 0, 0);
	if (status != IMAGO_OK) {
		imago_heap_destroy(heap);
		return status;
	}
	*out = heap;
	return IMAGO_OK;
}

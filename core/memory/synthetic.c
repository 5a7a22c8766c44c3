/* synthetic.c: deterministic images of a realistic mix, of any size.
 *
 * Objects are made one after the other and take earlier ones for their slots. Every object is at
 * first an orphan; most pointers adopt one, and what is left at the end hangs on an array of the
 * external objects, so that everything is reached from the special objects.
 */
#include "synthetic_private.h"

enum {
	RESERVE_SLACK = 256 * 1024,
	ROOT_ARRAY_SLOTS = 512,
	SMALLEST_SAMPLE = 1024,
	TYPICAL_OBJECT_BYTES = 64
};

static const imago_kernel_class ARRAY = IMAGO_KERNEL_ARRAY;

static uint64_t
bytes_made(const generator *gen)
{
	return imago_builder_size(gen->builder);
}

/* How much of the whole is made, of a total. */
static uint64_t
progress(const generator *gen)
{
	return gen->options->num_bytes != 0 ? bytes_made(gen) : gen->builder->num_objects;
}

static uint64_t
total(const generator *gen)
{
	return gen->options->num_bytes != 0 ? gen->options->num_bytes : gen->options->num_objects;
}

static void
make_old_space(generator *gen)
{
	const imago_synthetic_options *options = gen->options;
	uint64_t num_segments = options->num_segments == 0 ? 1 : options->num_segments;
	for (uint64_t i = 0; i < num_segments && builder_ok(gen->builder); i++) {
		uint64_t end = i + 1 == num_segments ? total(gen) : total(gen) / num_segments * (i + 1);
		if (i > 0) {
			imago_builder_next_segment(gen->builder, options->gap);
		}
		if (options->num_bytes != 0 && end > bytes_made(gen)) {
			builder_reserve(gen->builder, gen->builder->current,
			                end - bytes_made(gen) + RESERVE_SLACK);
		}
		bool first = i > 0; /* a segment of its own holds something, however small the whole */
		while ((progress(gen) < end || first) && builder_ok(gen->builder)) {
			synthetic_make_some(gen);
			first = false;
		}
	}
}

/* Permanent space holds what never changes: text, and arrays of it. */
static void
make_perm(generator *gen)
{
	if (gen->options->perm_objects == 0) {
		return;
	}
	imago_builder *builder = gen->builder;
	imago_builder_begin_perm(builder);
	imago_oop array = 0;
	for (uint64_t i = 0; i < gen->options->perm_objects && builder_ok(builder); i++) {
		imago_oop object;
		if (i % 8 == 0) {
			object = array = imago_builder_new_pointers(builder, builder->classes[ARRAY], 8);
		} else {
			uint64_t length = 1 + random_below(gen, 40);
			object =
			    imago_builder_new_bits(builder, builder->classes[IMAGO_KERNEL_BYTE_STRING], length);
			for (uint64_t k = 0; k < length; k++) {
				imago_builder_store_element(builder, object, k, 'a' + random_below(gen, 26));
			}
			imago_builder_store(builder, array, i % 8, object);
		}
		if (i % 8 == 0) {
			synthetic_register(gen, object);
			imago_builder_store(builder, array, 0, gen->sample[random_below(gen, gen->num_sample)]);
		}
	}
	/* What follows is old space again. */
	builder->current = builder->old;
}

/* Chains arrays of the remaining orphans to the external objects. */
static void
hang_up_orphans(generator *gen)
{
	imago_builder *builder = gen->builder;
	imago_oop chain = builder->nil;
	while (gen->num_orphans > 0 && builder_ok(builder)) {
		uint64_t count = gen->num_orphans < ROOT_ARRAY_SLOTS ? gen->num_orphans : ROOT_ARRAY_SLOTS;
		imago_oop array = imago_builder_new_pointers(builder, builder->classes[ARRAY], count + 1);
		imago_builder_store(builder, array, 0, chain);
		for (uint64_t i = 1; i <= count; i++) {
			imago_builder_store(builder, array, i, gen->orphans[--gen->num_orphans]);
		}
		chain = array;
	}
	imago_oop external =
	    imago_builder_fetch(builder, builder->special_objects, IMAGO_SPECIAL_EXTERNAL_OBJECTS);
	imago_builder_store(builder, external, 0, chain);
}

static imago_status
allocate_tables(generator *gen, imago_allocator *allocator, imago_error *error)
{
	uint64_t expected = gen->options->num_objects;
	if (gen->options->num_bytes != 0) {
		expected = gen->options->num_bytes / TYPICAL_OBJECT_BYTES;
	}
	gen->sample_capacity = expected < SMALLEST_SAMPLE ? SMALLEST_SAMPLE
	                       : expected > MAX_SAMPLE    ? (size_t)MAX_SAMPLE
	                                                  : (size_t)expected;
	gen->orphans = imago_allocate_array(allocator, MAX_ORPHANS, sizeof(*gen->orphans),
	                                    "table of orphans", error);
	gen->popular = imago_allocate_array(allocator, MAX_POPULAR, sizeof(*gen->popular),
	                                    "table of symbols", error);
	gen->sample = imago_allocate_array(allocator, gen->sample_capacity, sizeof(*gen->sample),
	                                   "sample of objects", error);
	bool complete = gen->orphans != NULL && gen->popular != NULL && gen->sample != NULL;
	return complete ? IMAGO_OK : IMAGO_ENOMEM;
}

static void
release_tables(generator *gen, imago_allocator *allocator)
{
	imago_release(allocator, gen->orphans, MAX_ORPHANS * sizeof(*gen->orphans));
	imago_release(allocator, gen->popular, MAX_POPULAR * sizeof(*gen->popular));
	imago_release(allocator, gen->sample, gen->sample_capacity * sizeof(*gen->sample));
}

/* Refuses what cannot be, before anything is made. */
static imago_status
check_options(const imago_synthetic_options *options, imago_error *error)
{
	const imago_format_number *format = imago_format_number_find(options->image_format);
	if (format == NULL || !format->supported) {
		return imago_fail(error, IMAGO_EVERSION, "imageFormat", IMAGO_NO_OFFSET,
		                  options->image_format, 0);
	}
	if ((options->num_objects == 0) == (options->num_bytes == 0)) {
		return imago_fail(error, IMAGO_EUSAGE, "number of objects or of bytes", IMAGO_NO_OFFSET,
		                  options->num_objects, 0);
	}
	if (format->model == IMAGO_V3 && (options->num_segments > 1 || options->perm_objects != 0)) {
		return imago_fail(error, IMAGO_EUSAGE, "segments of a V3 image", IMAGO_NO_OFFSET,
		                  options->num_segments, 1);
	}
	if (format->word_bytes == 4 && options->num_bytes > UINT32_MAX) {
		return imago_fail(error, IMAGO_ERANGE, "number of bytes", IMAGO_NO_OFFSET,
		                  options->num_bytes, UINT32_MAX);
	}
	return IMAGO_OK;
}

/* Makes all objects; failures are the builder's. */
static void
generate(generator *gen)
{
	synthetic_fill_mix(gen);
	synthetic_make_classes(gen);
	make_old_space(gen);
	make_perm(gen);
	hang_up_orphans(gen);
}

static imago_status
make_with_tables(generator *gen, imago_heap **out, const imago_builder_options *builder_options,
                 imago_allocator *allocator, imago_error *error)
{
	imago_status status = allocate_tables(gen, allocator, error);
	if (status == IMAGO_OK) {
		status = imago_builder_create(&gen->builder, builder_options, allocator, error);
	}
	if (status == IMAGO_OK) {
		generate(gen);
	}
	release_tables(gen, allocator);
	if (status == IMAGO_OK) {
		status = imago_builder_finish(gen->builder, out, error);
	}
	imago_builder_destroy(gen->builder);
	return status;
}

imago_status
imago_synthetic_make(imago_heap **out, const imago_synthetic_options *options,
                     imago_allocator *allocator, imago_error *error)
{
	*out = NULL;
	imago_status status = check_options(options, error);
	if (status != IMAGO_OK) {
		return status;
	}
	generator *gen = imago_allocate(allocator, sizeof(*gen), "generator", error);
	if (gen == NULL) {
		return IMAGO_ENOMEM;
	}
	gen->options = options;
	gen->random = options->seed;
	imago_builder_options builder_options = {.image_format = options->image_format,
	                                         .byte_order = options->byte_order};
	status = make_with_tables(gen, out, &builder_options, allocator, error);
	imago_release(allocator, gen, sizeof(*gen));
	return status;
}

/* builder_private.h: what the builder's files share with each other and with the generator. */
#ifndef IMAGO_BUILDER_PRIVATE_H
#define IMAGO_BUILDER_PRIVATE_H

#include "imago/builder.h"
#include "imago/byte_order.h"
#include "imago/image_header.h"

/* A segment that is still growing. The bytes beyond size are zero. */
typedef struct builder_segment {
	imago_addr start;
	uint8_t *bytes;
	uint64_t size;
	uint64_t capacity;
	imago_space space;
} builder_segment;

typedef struct builder_free_chunk {
	imago_addr addr;
	uint64_t bytes;
} builder_free_chunk;

struct imago_builder {
	imago_allocator *allocator;
	imago_error error; /* the first failure; status IMAGO_OK until then */
	const imago_format_number *format;
	imago_layout layout;
	imago_object_model model;
	imago_tagging tagging;
	builder_segment *segments;
	size_t num_segments;
	size_t segment_capacity;
	size_t current; /* where objects go */
	size_t old;     /* the last segment of old space, where hidden objects go */
	bool has_perm;
	builder_free_chunk *free_chunks;
	size_t num_free_chunks;
	size_t free_chunk_capacity;
	imago_oop nil, false_object, true_object;
	imago_oop free_lists, hidden_roots; /* Spur */
	imago_oop compact_classes;          /* V3 */
	imago_oop character_table;          /* V3 */
	imago_oop special_objects;
	imago_oop classes[IMAGO_NUM_KERNEL_CLASSES];
	uint64_t num_objects;      /* laid out so far, free chunks and hidden objects included */
	uint32_t next_class_index; /* Spur */
	uint32_t hash_seed;
};

/* An object made earlier. */
typedef struct builder_object {
	uint8_t *header;
	uint8_t *body;
	uint64_t num_slots;
	uint8_t format;
	uint32_t class_index; /* V3: compact class index or 0 */
	uint32_t hash;
} builder_object;

/* What a class says of its instances. */
typedef struct builder_shape {
	imago_oop cls;
	uint32_t class_index; /* V3: compact class index or 0 */
	uint32_t num_named;
	uint8_t format; /* Spur numbering, without tail bits */
} builder_shape;

/* A row of kernel_classes.def. */
typedef struct builder_kernel_row {
	const char *name;
	imago_kernel_class id;
	int superclass; /* imago_kernel_class or -1 */
	uint32_t num_named;
	uint32_t index; /* Spur class index; 0: the next free one */
	uint8_t format;
	uint8_t models;
	uint8_t old_compact, compact;
} builder_kernel_row;

/* Records the first failure. */
void builder_fail(imago_builder *builder, imago_status status, const char *what, uint64_t found,
                  uint64_t limit);

static inline bool
builder_ok(const imago_builder *builder)
{
	return builder->error.status == IMAGO_OK;
}

static inline bool
builder_is_spur(const imago_builder *builder)
{
	return builder->model == IMAGO_SPUR;
}

/* builder_segments.c */

/* The segment that has given addr out, or NULL; there is at least one segment. */
const builder_segment *builder_search_segment(const imago_builder *builder, imago_addr addr);

/* The same, looking at the current segment first. */
static inline const builder_segment *
builder_segment_of(const imago_builder *builder, imago_addr addr)
{
	const builder_segment *current = &builder->segments[builder->current];
	if (addr - current->start < current->size) {
		return current; /* an addr below the start wraps to more than any size */
	}
	return builder_search_segment(builder, addr);
}

/* Adds size zero bytes to a segment; the address of the first, or 0 after a failure. */
imago_addr builder_extend(imago_builder *builder, size_t segment, uint64_t size);

/* Makes room for size bytes more in a segment at once, so that it need not grow in steps. */
bool builder_reserve(imago_builder *builder, size_t segment, uint64_t size);

/* Starts a segment. */
void builder_add_segment(imago_builder *builder, imago_addr start, imago_space space);

/* Hands the segments over to a heap. */
imago_status builder_hand_over(imago_builder *builder, imago_heap *heap, imago_error *error);

/* builder_headers.c */

/* Lays out an object in a segment: header and zeroed body. format is in the layout's own
 * numbering, tail bits included. */
imago_oop builder_lay_out(imago_builder *builder, size_t segment, const builder_shape *shape,
                          uint8_t format, uint64_t num_slots);

/* Decodes an object made by this builder; anything else is IMAGO_EUSAGE. */
bool builder_find(imago_builder *builder, imago_oop oop, builder_object *out);

/* Reads the shape of a class made by this builder; anything else is IMAGO_EUSAGE. */
bool builder_shape_of(imago_builder *builder, imago_oop cls, builder_shape *out);

/* The class of an object, or 0. */
imago_oop builder_class_of(imago_builder *builder, imago_oop oop);

/* Changes the class of an object with a class index (Spur) or a class word (V3). */
void builder_set_class(imago_builder *builder, imago_oop oop, imago_oop cls);

/* A Spur format without tail bits in the layout's own numbering. */
uint8_t builder_layout_format(const imago_builder *builder, uint8_t spur_format);

uint32_t builder_next_hash(imago_builder *builder);

/* An integer that certainly fits an immediate. */
imago_oop builder_small(const imago_builder *builder, int64_t value);

/* builder_objects.c */

void builder_fill(imago_builder *builder, imago_oop object, imago_oop value);

/* builder_classes.c */

/* A class and its metaclass without superclasses, names or dictionaries; index 0: the next free
 * one. builder_complete_class does the rest, once the classes that it needs have their shapes. */
imago_oop builder_raw_class(imago_builder *builder, uint32_t index, uint32_t num_named,
                            uint8_t format, uint32_t compact_index);
void builder_complete_class(imago_builder *builder, imago_oop cls, imago_oop superclass,
                            const char *name, uint64_t dictionary_capacity);

/* The integer in slot 2 of a class. */
int64_t builder_class_format(const imago_builder *builder, uint32_t num_named, uint8_t format,
                             uint32_t compact_index);
void builder_enter_class(imago_builder *builder, uint32_t index, imago_oop cls);

/* A method dictionary for capacity selectors, a power of two, with its array of values. */
imago_oop builder_new_dictionary(imago_builder *builder, size_t segment, uint64_t capacity);

/* Adds or replaces an entry of a dictionary that has a nil slot. */
void builder_put_method(imago_builder *builder, imago_oop dictionary, imago_oop selector,
                        imago_oop method);

/* builder_free.c */
void builder_link_free_chunks(imago_builder *builder);

/* builder.c */

/* imago_builder_create with another kernel than builder_make_kernel. */
imago_status builder_create_with(imago_builder **out, const imago_builder_options *options,
                                 void (*make_kernel)(imago_builder *builder),
                                 imago_allocator *allocator, imago_error *error);

/* builder_kernel.c */
void builder_make_kernel(imago_builder *builder);

/* The same without a method: the active process is to be told what to go on with. */
void builder_make_bare_kernel(imago_builder *builder);

/* What the layout has for a class of the kernel, or NULL. */
const builder_kernel_row *builder_kernel_row_of(const imago_builder *builder,
                                                imago_kernel_class id);

/* The objects that a Spur VM finds by walking: nil, false, true, the free lists, the hidden roots
 * with two class table pages. V3: the first three. */
void builder_make_first_objects(imago_builder *builder);

/* The further table entries of the classes that VMs know under two indices. */
void builder_enter_secondary_indices(imago_builder *builder);

/* Special objects that are classes: those of the kernel that there are. */
void builder_store_special_classes(imago_builder *builder, uint64_t num_specials);

/* Slots of classes (formats/spur/spur.md, "Classes"). */
enum {
	BUILDER_CLASS_SUPERCLASS = 0,
	BUILDER_CLASS_METHODS = 1,
	BUILDER_CLASS_FORMAT = 2,
	BUILDER_CLASS_NAME = 6,
	BUILDER_METACLASS_THIS_CLASS = 5,
	BUILDER_BEHAVIOR_SLOTS = 5,
	BUILDER_METACLASS_SLOTS = 6,
	BUILDER_CLASS_SLOTS = 11,
};

#endif

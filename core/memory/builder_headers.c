/* builder_headers.c: object headers of both models, encoded and decoded again.
 *
 * Source: formats/spur/spur.md §5, §6; formats/v3/v3.md §3.
 */
#include "builder_private.h"

#include "imago/checked.h"

enum {
	SPUR_HEADER_SIZE = 8,
	SPUR_OVERFLOW = 255,
	SPUR_HASH_MASK = 0x3FFFFF,
	V3_HASH_MASK = 0xFFF,
	V3_LARGEST_SHORT_SIZE = 252, /* what the size bits of a base header can say */
};

imago_oop
builder_small(const imago_builder *builder, int64_t value)
{
	imago_oop oop = 0;
	return imago_oop_from_integer(builder->tagging, value, &oop) ? oop : 0;
}

/* The generator of the Squeak VM, of 16 bits; Spur's 22 bits take two draws. Never 0. */
uint32_t
builder_next_hash(imago_builder *builder)
{
	uint32_t hash;
	do {
		builder->hash_seed = (13849 + 27181 * builder->hash_seed) & 0xFFFF;
		hash = builder->hash_seed >> 4;
		if (builder_is_spur(builder)) {
			builder->hash_seed = (13849 + 27181 * builder->hash_seed) & 0xFFFF;
			hash = (hash << 10 | builder->hash_seed >> 6) & SPUR_HASH_MASK;
		}
	} while (hash == 0);
	return hash;
}

uint8_t
builder_layout_format(const imago_builder *builder, uint8_t spur_format)
{
	if (builder_is_spur(builder)) {
		return spur_format;
	}
	switch (spur_format) {
	case IMAGO_FORMAT_BITS32:
		return IMAGO_V3_FORMAT_BITS32;
	case IMAGO_FORMAT_BITS8:
		return IMAGO_V3_FORMAT_BITS8;
	case IMAGO_FORMAT_METHOD:
		return IMAGO_V3_FORMAT_METHOD;
	default:
		return spur_format;
	}
}

/* The reverse, for the format that a class of V3 has. */
static uint8_t
spur_format_of(uint8_t format)
{
	switch (format) {
	case IMAGO_V3_FORMAT_BITS32:
		return IMAGO_FORMAT_BITS32;
	case IMAGO_V3_FORMAT_BITS8:
		return IMAGO_FORMAT_BITS8;
	case IMAGO_V3_FORMAT_METHOD:
		return IMAGO_FORMAT_METHOD;
	default:
		return format;
	}
}

static uint8_t *
bytes_at(const builder_segment *segment, imago_addr addr)
{
	return segment->bytes + (addr - segment->start);
}

static imago_oop
lay_out_spur(imago_builder *builder, size_t segment, const builder_shape *shape, uint8_t format,
             uint64_t num_slots)
{
	uint64_t overflow = num_slots >= SPUR_OVERFLOW ? SPUR_HEADER_SIZE : 0;
	uint64_t body = 0;
	if (!imago_checked_multiply(num_slots, builder->layout.word_bytes, &body) ||
	    !imago_checked_align_up(body, 8, &body) || body > UINT64_MAX / 2) {
		builder_fail(builder, IMAGO_ERANGE, "slot count", num_slots, 0);
		return 0;
	}
	if (body == 0) {
		body = 8; /* room for a forwarding pointer */
	}
	imago_addr addr = builder_extend(builder, segment, overflow + SPUR_HEADER_SIZE + body);
	if (addr == 0) {
		return 0;
	}
	uint8_t *bytes = bytes_at(&builder->segments[segment], addr);
	if (overflow != 0) {
		imago_store_u64(bytes, (uint64_t)SPUR_OVERFLOW << 56 | num_slots,
		                builder->layout.byte_order);
	}
	uint64_t in_header = overflow != 0 ? SPUR_OVERFLOW : num_slots;
	imago_store_u64(bytes + overflow, in_header << 56 | (uint64_t)format << 24 | shape->class_index,
	                builder->layout.byte_order);
	return addr + overflow;
}

static imago_oop
lay_out_v3(imago_builder *builder, size_t segment, const builder_shape *shape, uint8_t format,
           uint64_t num_slots)
{
	if (num_slots > UINT32_MAX / 4 - 4) {
		builder_fail(builder, IMAGO_ERANGE, "slot count", num_slots, UINT32_MAX / 4 - 4);
		return 0;
	}
	uint32_t size = 4 + 4 * (uint32_t)num_slots;
	imago_byte_order order = builder->layout.byte_order;
	uint32_t type = size > V3_LARGEST_SHORT_SIZE ? 0 : shape->class_index != 0 ? 3 : 1;
	uint32_t before = type == 0 ? 8 : type == 1 ? 4 : 0;
	imago_addr addr = builder_extend(builder, segment, before + size);
	if (addr == 0) {
		return 0;
	}
	uint8_t *bytes = bytes_at(&builder->segments[segment], addr);
	if (type == 0) {
		imago_store_u32(bytes, size, order);
	}
	if (type != 3) {
		imago_store_u32(bytes + before - 4, (uint32_t)shape->cls | type, order);
	}
	uint32_t base = type | (type == 0 ? 0 : size) | (uint32_t)format << 8 |
	                shape->class_index << 12 | builder_next_hash(builder) << 17;
	imago_store_u32(bytes + before, base, order);
	return addr + before;
}

imago_oop
builder_lay_out(imago_builder *builder, size_t segment, const builder_shape *shape, uint8_t format,
                uint64_t num_slots)
{
	if (!builder_ok(builder)) {
		return 0;
	}
	builder->num_objects++;
	return builder_is_spur(builder) ? lay_out_spur(builder, segment, shape, format, num_slots)
	                                : lay_out_v3(builder, segment, shape, format, num_slots);
}

static bool
find_spur(const builder_segment *segment, imago_byte_order order, imago_oop oop,
          builder_object *out)
{
	uint64_t offset = oop - segment->start;
	if (offset % 8 != 0) {
		return false; /* else there is a word: sizes of segments are multiples of 8 */
	}
	uint8_t *header = segment->bytes + offset;
	uint64_t word = imago_load_u64(header, order);
	uint64_t num_slots = word >> 56;
	if (num_slots == SPUR_OVERFLOW) {
		if (offset < SPUR_HEADER_SIZE) {
			return false;
		}
		num_slots = imago_load_u64(header - SPUR_HEADER_SIZE, order) & (UINT64_MAX >> 8);
	}
	*out = (builder_object){.header = header,
	                        .body = header + SPUR_HEADER_SIZE,
	                        .num_slots = num_slots,
	                        .format = (uint8_t)(word >> 24 & 31),
	                        .class_index = (uint32_t)(word & SPUR_HASH_MASK),
	                        .hash = (uint32_t)(word >> 32 & SPUR_HASH_MASK)};
	return true;
}

static bool
find_v3(const builder_segment *segment, imago_byte_order order, imago_oop oop, builder_object *out)
{
	uint64_t offset = oop - segment->start;
	if (offset % 4 != 0) {
		return false;
	}
	uint8_t *header = segment->bytes + offset;
	uint32_t base = imago_load_u32(header, order);
	uint32_t size = base & V3_LARGEST_SHORT_SIZE;
	uint32_t before = (base & 3) == 0 ? 8 : (base & 3) == 1 ? 4 : 0;
	if (offset < before) {
		return false;
	}
	if (before == 8) {
		size = imago_load_u32(header - 8, order) & ~UINT32_C(3);
	}
	if (size < 4) {
		return false;
	}
	*out = (builder_object){.header = header,
	                        .body = header + 4,
	                        .num_slots = size / 4 - 1,
	                        .format = (uint8_t)(base >> 8 & 15),
	                        .class_index = base >> 12 & 31,
	                        .hash = base >> 17 & V3_HASH_MASK};
	return true;
}

bool
builder_find(imago_builder *builder, imago_oop oop, builder_object *out)
{
	if (!builder_ok(builder)) {
		return false;
	}
	const builder_segment *segment = builder_segment_of(builder, oop);
	imago_byte_order order = builder->layout.byte_order;
	bool found = segment != NULL && (builder_is_spur(builder) ? find_spur(segment, order, oop, out)
	                                                          : find_v3(segment, order, oop, out));
	/* A slot count has 56 bits at most: the product cannot wrap. */
	if (!found ||
	    out->num_slots * builder->layout.word_bytes > segment->size - (oop - segment->start)) {
		builder_fail(builder, IMAGO_EUSAGE, "object of this builder", oop, 0);
		return false;
	}
	return true;
}

bool
builder_shape_of(imago_builder *builder, imago_oop cls, builder_shape *out)
{
	builder_object found;
	if (!builder_find(builder, cls, &found)) {
		return false;
	}
	imago_oop word = 0;
	if (found.num_slots > BUILDER_CLASS_FORMAT) {
		word =
		    imago_load_word(found.body + (size_t)BUILDER_CLASS_FORMAT * builder->layout.word_bytes,
		                    builder->layout);
	}
	if (imago_oop_kind_of(builder->tagging, word) != IMAGO_OOP_INTEGER) {
		builder_fail(builder, IMAGO_EUSAGE, "class of this builder", cls, 0);
		return false;
	}
	uint32_t spec = (uint32_t)imago_oop_integer(builder->tagging, word);
	*out = (builder_shape){.cls = cls};
	if (builder_is_spur(builder)) {
		out->class_index = found.hash;
		out->num_named = spec & 0xFFFF;
		out->format = (uint8_t)(spec >> 16 & 31);
	} else {
		out->class_index = spec >> 11 & 31;
		out->num_named = (spec >> 1 & 63) + (spec >> 10 & 0xC0) - 1;
		out->format = spur_format_of((uint8_t)(spec >> 7 & 15));
	}
	return true;
}

imago_oop
builder_class_of(imago_builder *builder, imago_oop oop)
{
	builder_object object;
	if (!builder_find(builder, oop, &object)) {
		return 0;
	}
	if (builder_is_spur(builder)) {
		imago_oop page = imago_builder_fetch(builder, builder->hidden_roots,
		                                     object.class_index / IMAGO_CLASS_PAGE_SIZE);
		return imago_builder_fetch(builder, page, object.class_index % IMAGO_CLASS_PAGE_SIZE);
	}
	if (object.class_index != 0) {
		return imago_builder_fetch(builder, builder->compact_classes, object.class_index - 1);
	}
	return imago_load_u32(object.header - 4, builder->layout.byte_order) & ~UINT32_C(3);
}

void
builder_set_class(imago_builder *builder, imago_oop oop, imago_oop cls)
{
	builder_object object;
	builder_object class_object;
	if (!builder_find(builder, oop, &object) || !builder_find(builder, cls, &class_object)) {
		return;
	}
	imago_byte_order order = builder->layout.byte_order;
	if (builder_is_spur(builder)) {
		uint64_t word = imago_load_u64(object.header, order) & ~(uint64_t)SPUR_HASH_MASK;
		imago_store_u64(object.header, word | class_object.hash, order);
	} else {
		uint32_t type = imago_load_u32(object.header, order) & 3;
		imago_store_u32(object.header - 4, (uint32_t)cls | type, order);
	}
}

void
imago_builder_set_hash(imago_builder *builder, imago_oop object, uint32_t hash)
{
	builder_object found;
	if (!builder_find(builder, object, &found)) {
		return;
	}
	imago_byte_order order = builder->layout.byte_order;
	uint32_t mask = builder_is_spur(builder) ? SPUR_HASH_MASK : V3_HASH_MASK;
	if (hash > mask) {
		builder_fail(builder, IMAGO_EUSAGE, "identity hash", hash, mask);
		return;
	}
	if (builder_is_spur(builder)) {
		uint64_t word = imago_load_u64(found.header, order) & ~((uint64_t)mask << 32);
		imago_store_u64(found.header, word | (uint64_t)hash << 32, order);
	} else {
		uint32_t base = imago_load_u32(found.header, order) & ~(mask << 17);
		imago_store_u32(found.header, base | hash << 17, order);
	}
}

/* header: the sixteen fields of a classic file are where the format's document says.
 *
 * Any bytes: where the header is looked for (both byte orders at 0, then behind 512 bytes), and
 * what is refused by its number, is what a plain search says. An image that was read: each field
 * has its name and width, and the value that a plain load from the bytes gives. One field set to
 * some value changes no other; written, it is refused before a byte is appended, for a value too
 * wide as IMAGO_ERANGE, or gives a file that reads back with that value, and whose bytes differ in
 * that field only. 512 bytes put in front that begin with no format number change nothing but
 * offsets. The fields and bridges with their bytes reversed are read as the same header and the
 * same segments, in the other order. */
#include <string.h>

#include "fuzz_image.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"

enum {
	DETECTION,
	REFUSED_BY_NUMBER,
	NAME,
	VALUE,
	SET,
	WIDE_VALUE,
	REFUSAL_APPENDS_NOTHING,
	WRITTEN_FIELD,
	PREFIX,
	SWAPPED,
	NO_LEAK,
};
static const char *const oracles[] = {
    [DETECTION] = "detection",
    [REFUSED_BY_NUMBER] = "refused_by_number",
    [NAME] = "name_and_width",
    [VALUE] = "value",
    [SET] = "set_one_field",
    [WIDE_VALUE] = "wide_value_is_refused",
    [REFUSAL_APPENDS_NOTHING] = "refusal_appends_nothing",
    [WRITTEN_FIELD] = "written_field",
    [PREFIX] = "prefix",
    [SWAPPED] = "swapped_bytes",
    [NO_LEAK] = "no_leak",
};
FUZZ_DECLARE_ORACLES("header", oracles);

enum { NUM_FIELDS = 16, PREFIX_SIZE = 512, W = 0, HEADER_SIZE_FIELD = 1 };

/* spur.md §3, v3.md §2; W is a word. */
static const struct {
	const char *name;
	uint8_t width;
	bool structural; /* readers compute with it */
} fields[NUM_FIELDS] = {
    {"imageFormat", 4, true},
    {"imageHeaderSize", 4, true},
    {"dataSize", W, true},
    {"oldBaseAddr", W, true},
    {"initialSpecialObjectsOop", W, false},
    {"hdrLastHash", W, false},
    {"savedWindowSize", W, false},
    {"headerFlags", W, false},
    {"extraVMMemory", 4, false},
    {"hdrNumStackPages", 2, false},
    {"hdrCogCodeSize", 2, false},
    {"hdrEdenBytes", 4, false},
    {"hdrMaxExtSemTabSize", 2, false},
    {"imageVersion", 2, false},
    {"firstSegSize", W, true},
    {"freeOldSpaceInImage", W, false},
};

/* spur.md §1: what VMs ever wrote, and what imago reads of it. */
static const struct {
	uint32_t number;
	uint8_t word_bytes;
	bool supported;
} numbers[] = {
    {6501, 4, false},  {6502, 4, true},   {6504, 4, true},   {6505, 4, true},
    {6521, 4, true},   {7033, 4, true},   {68000, 8, false}, {68002, 8, false},
    {68003, 8, false}, {68019, 8, false}, {68021, 8, true},  {68533, 8, true},
};

typedef struct place {
	bool found;
	bool supported;
	size_t start;
	imago_layout layout;
} place;

static uint64_t
load(const uint8_t *bytes, uint8_t width, imago_byte_order order)
{
	uint64_t value = 0;
	for (uint8_t i = 0; i < width; i++) {
		value = value << 8 | bytes[order == IMAGO_BIG_ENDIAN ? i : width - 1 - i];
	}
	return value;
}

static bool
find_number(place *out, uint64_t number)
{
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		if (numbers[i].number == number) {
			out->found = true;
			out->supported = numbers[i].supported;
			out->layout.word_bytes = numbers[i].word_bytes;
			return true;
		}
	}
	return false;
}

/* Where a header is, found by trying the four places in their order. */
static place
look_for_header(const uint8_t *bytes, size_t size)
{
	place found = {.found = false};
	for (int i = 0; i < 4; i++) {
		found.start = i < 2 ? 0 : PREFIX_SIZE;
		found.layout.byte_order = i % 2 == 0 ? IMAGO_LITTLE_ENDIAN : IMAGO_BIG_ENDIAN;
		if (size >= found.start + 4 &&
		    find_number(&found, load(bytes + found.start, 4, found.layout.byte_order))) {
			return found;
		}
	}
	return found;
}

static uint8_t
width_of(size_t field, imago_layout layout)
{
	return fields[field].width != W ? fields[field].width : layout.word_bytes;
}

static size_t
offset_of(size_t field, imago_layout layout)
{
	size_t offset = 0;
	for (size_t i = 0; i < field; i++) {
		offset += width_of(i, layout);
	}
	return offset;
}

static void
expect_detection(const fuzz_subject *subject, bool accepted, const uint8_t *data, size_t size)
{
	const place found = look_for_header(data, size);
	if (accepted) {
		FUZZ_ORACLE(DETECTION, found.found && found.supported);
		FUZZ_ORACLE(DETECTION, imago_layout_equal(found.layout, subject->heap->layout));
		FUZZ_ORACLE(DETECTION, found.start == subject->heap->wrapping.prefix_size);
	} else if (found.found && !found.supported) {
		FUZZ_ORACLE(REFUSED_BY_NUMBER, subject->error.status == IMAGO_EVERSION);
		FUZZ_ORACLE(REFUSED_BY_NUMBER, subject->error.offset == found.start);
	} else if (found.found) {
		FUZZ_ORACLE(DETECTION, subject->error.status != IMAGO_EVERSION &&
		                           subject->error.status != IMAGO_EMAGIC);
	} else if (size >= 8 && load(data, 8, IMAGO_BIG_ENDIAN) <= UINT32_MAX) {
		/* Possibly a 64-bit V3 file, whose number is a word: refused by name, if at all. */
		FUZZ_ORACLE(DETECTION, subject->error.status == IMAGO_EMAGIC ||
		                           subject->error.status == IMAGO_EVERSION);
	} else {
		FUZZ_ORACLE(DETECTION,
		            subject->error.status == (size < 4 ? IMAGO_ETRUNCATED : IMAGO_EMAGIC));
	}
}

static void
expect_fields(const imago_heap *heap, const uint8_t *data)
{
	const uint8_t *header = data + heap->wrapping.prefix_size;
	for (size_t i = 0; i < NUM_FIELDS; i++) {
		const imago_header_field field = imago_header_field_at(i, heap->layout.word_bytes);
		FUZZ_ORACLE(NAME, strcmp(field.name, fields[i].name) == 0 && field.meaning[0] != '\0');
		FUZZ_ORACLE(NAME, field.width == width_of(i, heap->layout));
		FUZZ_ORACLE(NAME, imago_header_field_index(fields[i].name) == (int)i);
		FUZZ_ORACLE(VALUE, imago_header_get(&heap->header, i) ==
		                       load(header + offset_of(i, heap->layout), field.width,
		                            heap->layout.byte_order));
	}
}

/* Values at which fields break, and neighbours of what is there. */
static uint64_t
choose_value(fuzz_input *input, uint64_t old)
{
	const unsigned shift = fuzz_choose(input, 64);
	switch (fuzz_choose(input, 8)) {
	case 0:
		return 0;
	case 1:
		return old + 1;
	case 2:
		return old - 8;
	case 3:
		return old ^ UINT64_C(1) << shift;
	case 4:
		return UINT64_C(1) << shift;
	case 5:
		return UINT64_MAX >> shift;
	case 6:
		return old + 64;
	default:
		return fuzz_choose(input, 65536);
	}
}

/* The file that was written differs from the one read in one field only; a changed imageHeaderSize
 * has moved what follows. */
static void
expect_one_field_changed(const imago_heap *heap, size_t changed, const imago_writer *written,
                         const uint8_t *data, size_t size)
{
	const size_t header = (size_t)heap->wrapping.prefix_size;
	const size_t begin = header + offset_of(changed, heap->layout);
	const size_t end = begin + width_of(changed, heap->layout);
	const size_t fields_end = header + offset_of(NUM_FIELDS, heap->layout);
	const size_t tail = fields_end + (size_t)heap->wrapping.header_tail_size;
	FUZZ_ORACLE(WRITTEN_FIELD, memcmp(written->bytes, data, begin) == 0);
	FUZZ_ORACLE(WRITTEN_FIELD, memcmp(written->bytes + end, data + end, tail - end) == 0);
	const size_t moved = (size_t)(written->size - size);
	FUZZ_ORACLE(WRITTEN_FIELD, changed == HEADER_SIZE_FIELD || moved == 0);
	FUZZ_ORACLE(WRITTEN_FIELD,
	            memcmp(written->bytes + tail + moved, data + tail, size - tail) == 0);
}

static void
expect_reads_back(const imago_heap *heap, const imago_writer *written)
{
	fuzz_subject again;
	FUZZ_ORACLE(WRITTEN_FIELD, fuzz_subject_open(&again, written->bytes, (size_t)written->size));
	FUZZ_ORACLE(WRITTEN_FIELD, fuzz_same_header(&again.heap->header, &heap->header));
	FUZZ_ORACLE(WRITTEN_FIELD, fuzz_same_segments(again.heap, heap));
	fuzz_subject_close(&again, NO_LEAK);
}

/* Sets one field and writes the file. */
static void
set_a_field(fuzz_subject *subject, const uint8_t *data, size_t size)
{
	imago_heap *heap = subject->heap;
	const imago_image_header before = heap->header;
	const size_t field = fuzz_choose(&subject->input, NUM_FIELDS);
	const uint64_t value = choose_value(&subject->input, imago_header_get(&before, field));
	const uint8_t width = width_of(field, heap->layout);
	const bool too_wide = width < 8 && value >> 8 * width != 0;
	imago_header_set(&heap->header, field, value);
	for (size_t i = 0; i < NUM_FIELDS; i++) {
		FUZZ_ORACLE(SET, imago_header_get(&heap->header, i) ==
		                     (i == field ? value : imago_header_get(&before, i)));
	}
	fuzz_output output;
	const imago_status status = fuzz_output_try(&output, heap, subject->image.format);
	if (status != IMAGO_OK) {
		FUZZ_ORACLE(REFUSAL_APPENDS_NOTHING, output.writer.size == 0);
		FUZZ_ORACLE(REFUSAL_APPENDS_NOTHING, too_wide || fields[field].structural);
		/* A value that the reader computes with may be refused for that already. */
		FUZZ_ORACLE(WIDE_VALUE, fields[field].structural || status == IMAGO_ERANGE);
		FUZZ_ORACLE(WIDE_VALUE,
		            fields[field].structural || strcmp(output.error.what, fields[field].name) == 0);
	} else {
		FUZZ_ORACLE(WIDE_VALUE, !too_wide);
		expect_one_field_changed(heap, field, &output.writer, data, size);
		expect_reads_back(heap, &output.writer);
	}
	fuzz_output_release(&output);
	heap->header = before;
}

/* Puts the prefix that the input chooses in front of a file that has none. */
static void
prepend(fuzz_subject *subject, const uint8_t *data, size_t size)
{
	const imago_heap *heap = subject->heap;
	imago_error error;
	uint8_t *bytes =
	    imago_allocate(&subject->allocator, PREFIX_SIZE + size, "prefixed file", &error);
	FUZZ_ASSERT(bytes != NULL);
	for (size_t i = 0; i < 8; i++) {
		bytes[i] = (uint8_t)fuzz_choose(&subject->input, 256);
	}
	memcpy(bytes + PREFIX_SIZE, data, size);
	fuzz_subject prefixed;
	if (fuzz_subject_open(&prefixed, bytes, PREFIX_SIZE + size)) {
		const place found = look_for_header(bytes, PREFIX_SIZE + size);
		FUZZ_ORACLE(PREFIX, found.start == prefixed.heap->wrapping.prefix_size);
		if (found.start == PREFIX_SIZE) {
			FUZZ_ORACLE(PREFIX, imago_layout_equal(prefixed.heap->layout, heap->layout));
			FUZZ_ORACLE(PREFIX, fuzz_same_header(&prefixed.heap->header, &heap->header));
			FUZZ_ORACLE(PREFIX, fuzz_same_segments(prefixed.heap, heap));
			FUZZ_ORACLE(PREFIX, prefixed.heap->segments[0].offset ==
			                        heap->segments[0].offset + PREFIX_SIZE);
		}
	} else {
		/* Only bytes that look like a header themselves may be in the way. */
		FUZZ_ORACLE(PREFIX, look_for_header(bytes, PREFIX_SIZE + size).start == 0 ||
		                        load(bytes, 8, IMAGO_BIG_ENDIAN) <= UINT32_MAX);
	}
	fuzz_subject_close(&prefixed, NO_LEAK);
	imago_release(&subject->allocator, bytes, PREFIX_SIZE + size);
}

/* Another format number, one of the list or none. */
static void
renumber(fuzz_subject *subject, const uint8_t *data, size_t size)
{
	enum { NUM_NUMBERS = sizeof numbers / sizeof numbers[0] };
	const imago_heap *heap = subject->heap;
	const uint32_t chosen = fuzz_choose(&subject->input, NUM_NUMBERS + 1);
	const uint32_t number = chosen < NUM_NUMBERS ? numbers[chosen].number : chosen;
	imago_error error;
	uint8_t *bytes = imago_allocate(&subject->allocator, size, "renumbered file", &error);
	FUZZ_ASSERT(bytes != NULL);
	memcpy(bytes, data, size);
	imago_store_u32(bytes + heap->wrapping.prefix_size, number, heap->layout.byte_order);
	fuzz_subject other;
	const bool accepted = fuzz_subject_open(&other, bytes, size);
	expect_detection(&other, accepted, bytes, size);
	fuzz_subject_close(&other, NO_LEAK);
	imago_release(&subject->allocator, bytes, size);
}

static void
reverse(uint8_t *bytes, size_t width)
{
	for (size_t i = 0; i < width / 2; i++) {
		const uint8_t byte = bytes[i];
		bytes[i] = bytes[width - 1 - i];
		bytes[width - 1 - i] = byte;
	}
}

/* Reverses what a reader looks at, and reads it in the other order. */
static void
swap_bytes(fuzz_subject *subject, const uint8_t *data, size_t size)
{
	const imago_heap *heap = subject->heap;
	imago_error error;
	uint8_t *bytes = imago_allocate(&subject->allocator, size, "swapped file", &error);
	FUZZ_ASSERT(bytes != NULL);
	memcpy(bytes, data, size);
	for (size_t i = 0; i < NUM_FIELDS; i++) {
		reverse(bytes + heap->wrapping.prefix_size + offset_of(i, heap->layout),
		        width_of(i, heap->layout));
	}
	for (size_t i = 0; i < heap->num_segments; i++) {
		const imago_segment *segment = &heap->segments[i];
		for (uint64_t half = 0; half + 8 <= segment->bridge_size; half += 8) {
			reverse(bytes + segment->offset + segment->size + half, 8);
		}
	}
	fuzz_subject swapped;
	FUZZ_ORACLE(SWAPPED, fuzz_subject_open(&swapped, bytes, size));
	FUZZ_ORACLE(SWAPPED,
	            swapped.heap->layout.byte_order == fuzz_other_order(heap->layout.byte_order));
	FUZZ_ORACLE(SWAPPED, swapped.heap->layout.word_bytes == heap->layout.word_bytes);
	FUZZ_ORACLE(SWAPPED, fuzz_same_header(&swapped.heap->header, &heap->header));
	FUZZ_ORACLE(SWAPPED, swapped.heap->num_segments == heap->num_segments);
	for (size_t i = 0; i < heap->num_segments; i++) {
		FUZZ_ORACLE(SWAPPED, swapped.heap->segments[i].start == heap->segments[i].start &&
		                         swapped.heap->segments[i].size == heap->segments[i].size);
	}
	fuzz_subject_close(&swapped, NO_LEAK);
	imago_release(&subject->allocator, bytes, size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_subject subject;
	const bool accepted = fuzz_subject_open(&subject, data, size);
	if (!imago_folder_is_bundle(data, size) && !fuzz_is_layered(&subject.image)) {
		expect_detection(&subject, accepted, data, size);
		if (accepted) {
			expect_fields(subject.heap, data);
			set_a_field(&subject, data, size);
			renumber(&subject, data, size);
			if (subject.heap->wrapping.prefix_size == 0) {
				prepend(&subject, data, size);
			}
			swap_bytes(&subject, data, size);
		}
	}
	fuzz_subject_close(&subject, NO_LEAK);
	return 0;
}

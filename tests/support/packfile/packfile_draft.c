/* packfile_draft.c: packfiles for tests. */
#include "packfile_draft.h"

#include <math.h>
#include <string.h>

#include "imago/byte_order.h"

static const char file_name[] = "a.pir";

static void
add_string(draft *d, int64_t flags, const char *bytes, size_t length)
{
	d->strings[d->num_strings++] = (draft_string){flags, bytes, length};
}

/* The bits of a double, and from them the other forms. */
void
draft_number(const draft *d, double value, uint8_t bytes[16])
{
	const imago_byte_order order = d->layout.byte_order;
	uint64_t bits;
	memcpy(&bits, &value, sizeof bits);
	memset(bytes, 0, 16);
	if (d->float_type == 0 || (d->float_type == 2 && order == IMAGO_BIG_ENDIAN)) {
		imago_store_u64(bytes, bits, order);
		return;
	}
	int power = 0;
	const double fraction = frexp(fabs(value), &power); /* 0.5 … 1 */
	imago_store_u64(bytes, (uint64_t)ldexp(fraction, 63) << 1, IMAGO_LITTLE_ENDIAN);
	const uint16_t head = (uint16_t)((value < 0 ? 0x8000 : 0) | (value != 0 ? 16382 + power : 0));
	imago_store_u16(bytes + 8, head, IMAGO_LITTLE_ENDIAN);
}

static void
add_code(draft *d, const int64_t *words, size_t count)
{
	memcpy(d->code + d->num_code, words, count * sizeof *words);
	d->num_code += count;
}

static void
add_sub(draft *d, int64_t end, int64_t name, int64_t null, int64_t language)
{
	const int64_t words[] = {
	    4,        12,                 /* a new object, a Sub */
	    0,        end,  0,            /* start, end, flags */
	    name,     null, -1, -1,       /* name, method name, an inline null string, … */
	    language, 0,    -1,           /* … language, compile flags, vtable index */
	    0,        2,    2,  0,        /* registers */
	    name,     1,    1,  1,  1, 1, /* id, references, metadata */
	};
	draft_pmc *pmc = &d->pmcs[d->num_pmcs++];
	memcpy(pmc->words, words, sizeof words);
	pmc->num_words = sizeof words / sizeof words[0];
}

void
draft_init(draft *d, imago_layout layout, uint8_t float_type)
{
	static const int64_t ops[][2] = {{3, 0},   {0, 355}, {1, 356}, {2, 358},
	                                 {4, 359}, {5, 705}, {6, 713}};
	static const int64_t code[] = {5, 1,  0, /* set_n_nc N1, 2.5 */
	                               1, 1,     /* print_n N1 */
	                               4, 1,     /* print_sc "\n" */
	                               6, 1,  5, /* set_s_sc S1, "hi" */
	                               2, 1,     /* print_s S1 */
	                               2, 0,     /* print_s S0, which is null */
	                               4, 1,     /* print_sc "\n" */
	                               0, 42,    /* print_ic 42 */
	                               3};       /* end */
	memset(d, 0, sizeof *d);
	d->layout = layout;
	d->float_type = float_type;
	d->version[0] = 13;
	d->version[1] = 1;
	for (size_t i = 0; i < DRAFT_NUM_SEGMENTS_MOST; i++) {
		d->has[i] = true;
	}
	const int64_t types[] = {3, 2, 4, 5, 1};
	memcpy(d->types, types, sizeof types);
	d->names[DRAFT_CODES] = "BYTECODE_a";
	d->names[DRAFT_CONSTANTS] = "CONSTANT_a";
	d->names[DRAFT_DEBUG] = "BYTECODE_a_DB";
	d->names[DRAFT_ANNOTATIONS] = "BYTECODE_a_ANN";
	d->names[DRAFT_EXTRA] = "SOURCE_a";
	add_code(d, code, sizeof code / sizeof code[0]);
	memcpy(d->ops, ops, sizeof ops);
	d->op_count = (int64_t)(d->num_ops = sizeof ops / sizeof ops[0]);
	d->library = "core_ops";
	d->library_version[0] = 13;
	d->library_version[1] = 1;
	draft_number(d, 2.5, d->numbers[0]);
	draft_number(d, -4096, d->numbers[1]);
	draft_number(d, 0, d->numbers[2]);
	d->num_numbers = 3;
	add_string(d, 1, file_name, sizeof file_name - 1);
	add_string(d, 1, "\n", 1);
	add_string(d, -1, NULL, 0);
	add_string(d, 1, "parrot", 6);
	add_string(d, 1, "main", 4);
	add_string(d, 0x201, "hi", 2);
	add_string(d, 0x301, "\xc3\x84\xe2\x82\xac\xf0\x9f\xa6\x9c", 9);
	add_string(d, 0x101, "\xc4", 1);
	const bool little = layout.byte_order == IMAGO_LITTLE_ENDIAN;
	add_string(d, 0x401, little ? "\xc4\0\x3e\xd8\x9c\xdd" : "\0\xc4\xd8\x3e\xdd\x9c", 6);
	add_string(d, 0x501, little ? "\xac\x20" : "\x20\xac", 2);
	add_string(d, 0x603, little ? "\x9c\xf9\x01\0" : "\0\x01\xf9\x9c", 4);
	add_sub(d, (int64_t)d->num_code, 4, 2, 3);
	d->num_tags = 1;
	d->tags[0][0] = 4;
	d->num_lines = 10;
	for (size_t i = 0; i < d->num_lines; i++) {
		d->lines[i] = (int64_t)i + 3;
	}
	d->num_files = 2;
	d->files[1][0] = 5;
	d->num_pairs = 3;
	const int64_t pairs[][2] = {{0, -7}, {5, 4}, {7, 0}};
	memcpy(d->pairs, pairs, sizeof pairs);
	d->num_keys = 3;
	const int64_t keys[][4] = {{4, 1, 0, 1}, {5, 2, 1, 1}, {0, 3, 2, 1}};
	memcpy(d->keys, keys, sizeof keys);
	d->num_extra = 3;
	d->extra[0] = -2;
	d->extra[1] = INT32_MAX;
}

void
draft_init_least(draft *d, imago_layout layout)
{
	draft_init(d, layout, 0);
	d->num_code = 1;
	d->code[0] = 0;
	d->num_ops = 1;
	d->ops[0][0] = 0;
	d->op_count = 1;
	d->main_sub = -1;
	d->num_numbers = d->num_strings = d->num_pmcs = d->num_tags = 0;
	d->has[DRAFT_DEBUG] = d->has[DRAFT_ANNOTATIONS] = d->has[DRAFT_EXTRA] = false;
	d->names[DRAFT_CODES] = "c";
	d->names[DRAFT_CONSTANTS] = "k";
}

static void
align(const draft *d, imago_writer *writer, uint64_t start, uint64_t unit)
{
	(void)d;
	imago_write_zeros(writer, (unit - (writer->size - start) % unit) % unit);
}

static void
put(imago_writer *writer, int64_t value)
{
	imago_write_word(writer, (uint64_t)value);
}

static void
put_bytes(const draft *d, imago_writer *writer, const void *bytes, size_t length)
{
	imago_write_bytes(writer, bytes, length);
	imago_write_zeros(writer, (d->layout.word_bytes - length % d->layout.word_bytes) %
	                              d->layout.word_bytes);
}

static void
put_string(const draft *d, imago_writer *writer, int64_t flags, const char *bytes, size_t length)
{
	put(writer, flags);
	if (flags != -1) {
		put(writer, (int64_t)length);
		put_bytes(d, writer, bytes, length);
	}
}

static void
put_text(const draft *d, imago_writer *writer, const char *text)
{
	put_string(d, writer, text == NULL ? -1 : 0, text, text == NULL ? 0 : strlen(text));
}

static void
mark(draft *d, const imago_writer *writer, uint64_t start, size_t place)
{
	d->places[place] = writer->size - start;
}

static void
put_code_tail(draft *d, imago_writer *writer, uint64_t start)
{
	mark(d, writer, start, DRAFT_CODE_TAIL);
	put(writer, d->main_sub);
	put(writer, (int64_t)d->num_dependencies);
	put(writer, d->op_count);
	put(writer, d->second_library != NULL ? 2 : 1);
	mark(d, writer, start, DRAFT_DEPENDENCIES);
	for (size_t i = 0; i < d->num_dependencies; i++) {
		put_text(d, writer, d->dependencies[i]);
	}
	mark(d, writer, start, DRAFT_LIBRARY);
	put_bytes(d, writer, d->library, strlen(d->library) + 1);
	put(writer, d->library_version[0]);
	put(writer, d->library_version[1]);
	put(writer, (int64_t)d->num_ops);
	mark(d, writer, start, DRAFT_OPS);
	for (size_t i = 0; i < d->num_ops; i++) {
		put(writer, d->ops[i][0]);
		put(writer, d->ops[i][1]);
	}
	if (d->second_library != NULL) {
		put_bytes(d, writer, d->second_library, strlen(d->second_library) + 1);
		put(writer, d->library_version[0]);
		put(writer, d->library_version[1]);
		put(writer, 0);
	}
}

static void
put_constants(draft *d, imago_writer *writer, uint64_t start)
{
	static const size_t sizes[] = {8, 12, 16};
	mark(d, writer, start, DRAFT_COUNTS);
	put(writer, (int64_t)d->num_numbers);
	put(writer, (int64_t)d->num_strings);
	put(writer, (int64_t)d->num_pmcs);
	mark(d, writer, start, DRAFT_NUMBERS);
	for (size_t i = 0; i < d->num_numbers; i++) {
		put_bytes(d, writer, d->numbers[i], sizes[d->float_type]);
	}
	mark(d, writer, start, DRAFT_STRINGS);
	for (size_t i = 0; i < d->num_strings; i++) {
		put_string(d, writer, d->strings[i].flags, d->strings[i].bytes, d->strings[i].length);
	}
	mark(d, writer, start, DRAFT_PMCS);
	for (size_t i = 0; i < d->num_pmcs; i++) {
		const draft_pmc *pmc = &d->pmcs[i];
		put(writer, (int64_t)(pmc->num_words * d->layout.word_bytes - pmc->odd_bytes));
		for (size_t k = 0; k < pmc->num_words; k++) {
			put(writer, pmc->words[k]);
		}
	}
	mark(d, writer, start, DRAFT_TAGS);
	put(writer, (int64_t)d->num_tags);
	for (size_t i = 0; i < d->num_tags; i++) {
		put(writer, d->tags[i][0]);
		put(writer, d->tags[i][1]);
	}
}

static void
put_debug_tail(draft *d, imago_writer *writer, uint64_t start)
{
	mark(d, writer, start, DRAFT_FILES);
	put(writer, (int64_t)d->num_files);
	for (size_t i = 0; i < d->num_files; i++) {
		put(writer, d->files[i][0]);
		put(writer, d->files[i][1]);
	}
}

static void
put_annotations_tail(draft *d, imago_writer *writer, uint64_t start)
{
	mark(d, writer, start, DRAFT_KEYS);
	put(writer, (int64_t)d->num_keys);
	for (size_t i = 0; i < d->num_keys; i++) {
		for (size_t k = 0; k < 4; k++) {
			put(writer, d->keys[i][k]);
		}
	}
}

static void
put_contents(draft *d, imago_writer *writer, uint64_t start, size_t segment)
{
	const int64_t *data[] = {d->code, NULL, d->lines, &d->pairs[0][0], d->extra};
	const size_t sizes[] = {d->num_code, 0, d->num_lines, 2 * d->num_pairs, d->num_extra};
	const size_t repeats = segment == DRAFT_CODES ? d->num_repeats : 0;
	put(writer, (int64_t)(sizes[segment] + repeats * (sizes[segment] - 1)));
	if (segment == DRAFT_CODES) {
		mark(d, writer, start, DRAFT_CODE);
	}
	for (size_t k = 0; k < repeats; k++) {
		for (size_t i = 0; i + 1 < sizes[segment]; i++) {
			put(writer, data[segment][i]);
		}
	}
	for (size_t i = 0; i < sizes[segment]; i++) {
		put(writer, data[segment][i]);
	}
	if (segment == DRAFT_CODES) {
		put_code_tail(d, writer, start);
	} else if (segment == DRAFT_CONSTANTS) {
		put_constants(d, writer, start);
	} else if (segment == DRAFT_DEBUG) {
		put_debug_tail(d, writer, start);
	} else if (segment == DRAFT_ANNOTATIONS) {
		put_annotations_tail(d, writer, start);
	}
}

void
draft_patch(const draft *d, imago_writer *writer, uint64_t offset, int64_t value)
{
	if (writer->status == IMAGO_OK) {
		imago_store_word(writer->bytes + offset, (uint64_t)value, d->layout);
	}
}

static void
put_header(const draft *d, imago_writer *writer, uint64_t start)
{
	const uint8_t header[] = {0xfe,
	                          'P',
	                          'B',
	                          'C',
	                          '\r',
	                          '\n',
	                          0x1a,
	                          '\n',
	                          d->layout.word_bytes,
	                          d->layout.byte_order == IMAGO_BIG_ENDIAN,
	                          d->float_type,
	                          8,
	                          2,
	                          0,
	                          d->version[0],
	                          d->version[1],
	                          d->uuid_type,
	                          d->uuid_size};
	imago_write_bytes(writer, header, sizeof header);
	for (unsigned i = 0; i < d->uuid_size; i++) {
		const uint8_t byte = (uint8_t)(i + 1);
		imago_write_bytes(writer, &byte, 1);
	}
	align(d, writer, start, 16);
}

void
draft_write(draft *d, imago_writer *writer)
{
	const uint64_t start = writer->size;
	const int64_t word_bytes = d->layout.word_bytes;
	writer->layout = d->layout;
	put_header(d, writer, start);
	mark(d, writer, start, DRAFT_FORMAT);
	put(writer, 1);
	imago_write_zeros(writer, (uint64_t)(3 * word_bytes));
	mark(d, writer, start, DRAFT_DIRECTORY);
	imago_write_zeros(writer, (uint64_t)(4 * word_bytes));
	mark(d, writer, start, DRAFT_SEGMENT_COUNT);
	int64_t count = 0;
	for (size_t i = 0; i < DRAFT_NUM_SEGMENTS_MOST; i++) {
		count += d->has[i];
	}
	put(writer, count);
	for (size_t i = 0; i < DRAFT_NUM_SEGMENTS_MOST; i++) {
		if (d->has[i]) {
			mark(d, writer, start, DRAFT_ENTRIES + i);
			put(writer, d->types[i]);
			mark(d, writer, start, DRAFT_NAMES + i);
			put_text(d, writer, d->names[i]);
			mark(d, writer, start, DRAFT_OFFSETS + i);
			put(writer, 0);
			put(writer, 0);
		}
	}
	align(d, writer, start, 16);
	for (size_t i = 0; i < DRAFT_NUM_SEGMENTS_MOST; i++) {
		if (d->has[i]) {
			mark(d, writer, start, DRAFT_SEGMENTS + i);
			imago_write_zeros(writer, (uint64_t)(3 * word_bytes));
			put_contents(d, writer, start, i);
			align(d, writer, start, 16);
			const uint64_t offset = d->places[DRAFT_SEGMENTS + i];
			const int64_t size = (int64_t)(writer->size - start - offset) / word_bytes;
			draft_patch(d, writer, start + offset, size);
			draft_patch(d, writer, start + d->places[DRAFT_OFFSETS + i],
			            (int64_t)offset / word_bytes);
			draft_patch(d, writer, start + d->places[DRAFT_OFFSETS + i] + (uint64_t)word_bytes,
			            size);
		}
	}
	mark(d, writer, start, DRAFT_END);
	draft_patch(d, writer, start + d->places[DRAFT_DIRECTORY],
	            (int64_t)(writer->size - start - d->places[DRAFT_DIRECTORY]) / word_bytes);
	imago_write_bytes(writer, d->rest, d->rest_size);
}

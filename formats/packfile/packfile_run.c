/* packfile_run.c: code executed where it lies (packfile.md §11). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../../core/base/planted.h"
#include "packfile_code.h"
#include "packfile_private.h"

enum { CHUNK = 256 }; /* of output, copied so that nobody else touches the file's bytes */

void
imago_packfile_machine_init(imago_packfile_machine *machine, imago_allocator *allocator)
{
	*machine = (imago_packfile_machine){.allocator = allocator};
}

void
imago_packfile_machine_release(imago_packfile_machine *machine)
{
	imago_allocator *allocator = machine->allocator;
	imago_release(allocator, machine->ops, machine->num_ops);
	imago_release(allocator, machine->words, machine->num_word_bytes);
	imago_release(allocator, machine->numbers, machine->num_numbers * sizeof *machine->numbers);
	imago_release(allocator, machine->strings, machine->num_strings * sizeof *machine->strings);
	imago_packfile_machine_init(machine, allocator);
}

/* One run. */
typedef struct run {
	const imago_packfile *packfile;
	const imago_packfile_code *code;
	const imago_packfile_constants *constants; /* or NULL */
	imago_packfile_machine *machine;
	imago_packfile_print *print;
	void *payload;
	const uint8_t *words; /* in the host's order, num_words of them */
	uint64_t num_words;
	uint64_t place; /* of the instruction that is executed */
	imago_packfile_result *result;
} run;

static void
stop(run *r, const char *reason)
{
	r->result->end = IMAGO_PACKFILE_STOPPED;
	r->result->reason = reason;
}

static bool
stopped(const run *r)
{
	return r->result->reason != NULL;
}

/* What the whole code must be before any of it is executed. */
static void
verify(run *r, const imago_operand_bounds *bounds)
{
	imago_instruction at;
	uint64_t limit;
	for (uint64_t place = 0;
	     !stopped(r) && imago_packfile_next_instruction(r->packfile, r->code, &place, &at);) {
		r->place = at.place;
		switch (at.kind) {
		case IMAGO_INSTRUCTION_UNKNOWN:
			stop(r, "op that is not known");
			break;
		case IMAGO_INSTRUCTION_UNMAPPED:
			stop(r, "opcode that the file does not map to an op");
			break;
		case IMAGO_INSTRUCTION_CUT:
			stop(r, "operands behind the end of the code");
			break;
		default:
			if (imago_packfile_bad_operand(&at, bounds, &limit) >= 0) {
				stop(r, "operand out of bounds");
			}
			break;
		}
	}
}

/* What has to be patched: the file's opcodes, in a table of the process's own. */
static imago_status
resolve_ops(run *r, imago_error *error)
{
	imago_packfile_machine *machine = r->machine;
	machine->ops = imago_allocate(machine->allocator, r->code->num_ops, "ops of a run", error);
	if (machine->ops == NULL) {
		return IMAGO_ENOMEM;
	}
	machine->num_ops = r->code->num_ops;
	for (uint64_t i = 0; i < machine->num_ops; i++) {
		machine->ops[i] = (uint8_t)imago_packfile_op_id(r->code, (int64_t)i);
	}
	return IMAGO_OK;
}

static imago_status
make_registers(run *r, const imago_operand_bounds *bounds, imago_error *error)
{
	imago_packfile_machine *machine = r->machine;
	machine->numbers = imago_allocate_array(machine->allocator, bounds->num_registers[1],
	                                        sizeof *machine->numbers, "registers", error);
	if (machine->numbers == NULL) {
		return IMAGO_ENOMEM;
	}
	machine->num_numbers = bounds->num_registers[1];
	machine->strings = imago_allocate_array(machine->allocator, bounds->num_registers[2],
	                                        sizeof *machine->strings, "registers", error);
	if (machine->strings == NULL) {
		return IMAGO_ENOMEM;
	}
	machine->num_strings = bounds->num_registers[2];
	return IMAGO_OK;
}

/* The words in the host's order: those of the file, or turned ones. */
static imago_status
bring_words(run *r, imago_error *error)
{
	const imago_packfile_segment *segment = &r->packfile->segments[r->code->segment];
	const imago_layout layout = r->packfile->layout;
	const uint8_t *bytes = r->packfile->bytes + segment->data;
	const uint64_t size = segment->num_data * layout.word_bytes;
	r->result->num_code_bytes = size;
	r->num_words = segment->num_data;
	r->words = bytes;
	if (layout.byte_order == imago_host_order()) {
		return IMAGO_OK;
	}
	imago_packfile_machine *machine = r->machine;
	machine->words = imago_allocate(machine->allocator, size, "code in the host's order", error);
	if (machine->words == NULL) {
		return IMAGO_ENOMEM;
	}
	machine->num_word_bytes = size;
	const imago_layout host = {layout.word_bytes, imago_host_order()};
	for (uint64_t done = 0; done < size; done += layout.word_bytes) {
		imago_store_word((uint8_t *)machine->words + done, imago_load_word(bytes + done, layout),
		                 host);
	}
	r->words = machine->words;
	r->result->num_bytes_copied = size;
	return IMAGO_OK;
}

IMAGO_ALWAYS_INLINE int64_t
load(const run *r, uint64_t place, unsigned word_bytes)
{
	if (word_bytes == 8) {
		int64_t word;
		memcpy(&word, r->words + place * 8, sizeof word);
		return word;
	}
	int32_t word;
	memcpy(&word, r->words + place * 4, sizeof word);
	return IMAGO_BUG(short_word_unsigned, word < 0) ? (int64_t)(uint32_t)word : word;
}

/* An operand that may be anything, if it is there. */
IMAGO_ALWAYS_INLINE bool
any_operand(run *r, uint64_t index, unsigned word_bytes, uint64_t *value)
{
	if (index + 1 >= r->num_words - r->place) {
		stop(r, "operands behind the end of the code");
		return false;
	}
	*value = (uint64_t)load(r, r->place + 1 + index, word_bytes);
	return true;
}

/* One that is below its bound. */
IMAGO_ALWAYS_INLINE bool
operand(run *r, uint64_t index, uint64_t bound, unsigned word_bytes, uint64_t *value)
{
	if (!any_operand(r, index, word_bytes, value)) {
		return false;
	}
	if (!IMAGO_BUG(jump_into_operand, *value >= bound) && *value >= bound) {
		stop(r, "operand out of bounds");
		return false;
	}
	return true;
}

static void
print_text(const run *r, const char *text)
{
	r->print((const uint8_t *)text, strlen(text), r->payload);
}

static void
print_integer(const run *r, int64_t value)
{
	char text[32];
	snprintf(text, sizeof text, "%" PRId64, value);
	print_text(r, text);
}

static void
print_number(const run *r, double number)
{
	char text[32];
	imago_packfile_number_text(number, text, sizeof text);
	print_text(r, text);
}

static size_t
put_utf8(uint8_t *out, uint32_t character)
{
	if (character < 0x80) {
		out[0] = (uint8_t)character;
		return 1;
	}
	const unsigned tail = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
	static const uint8_t leads[] = {0, 0xc0, 0xe0, 0xf0};
	out[0] = (uint8_t)(leads[tail] | character >> (6 * tail));
	for (unsigned i = 1; i <= tail; i++) {
		out[i] = (uint8_t)(0x80 | (character >> (6 * (tail - i)) & 0x3f));
	}
	return 1 + tail;
}

static void
print_bytes(const run *r, const imago_packfile_string *string)
{
	uint8_t chunk[CHUNK];
	for (uint64_t done = 0; done < string->length;) {
		const size_t part = string->length - done < CHUNK ? (size_t)(string->length - done) : CHUNK;
		memcpy(chunk, string->bytes + done, part);
		r->print(chunk, part, r->payload);
		done += part;
	}
}

static void
print_characters(run *r, const imago_packfile_string *string)
{
	uint8_t chunk[CHUNK];
	size_t used = 0;
	uint64_t position = 0;
	uint32_t character;
	while (imago_packfile_next_character(r->packfile, string, &position, &character)) {
		used += put_utf8(chunk + used, character);
		if (used > CHUNK - 4) {
			r->print(chunk, used, r->payload);
			used = 0;
		}
	}
	r->print(chunk, used, r->payload);
	if (position < string->length) {
		stop(r, "character that is none of its encoding");
	}
}

static void
print_string(run *r, uint64_t index)
{
	imago_packfile_string string;
	if (!imago_packfile_string_at(r->packfile, r->constants->strings[index], &string)) {
		stop(r, "string that leaves the file");
	} else if (string.bytes == NULL) {
		return;
	} else if (imago_packfile_encoding_of(&string) >= IMAGO_NUM_ENCODINGS) {
		stop(r, "string of an encoding that is not known");
	} else if (imago_packfile_encoding_of(&string) >= IMAGO_ENCODING_UTF16) {
		print_characters(r, &string);
	} else {
		print_bytes(r, &string);
	}
}

static void
set_number(run *r, uint64_t to, uint64_t from)
{
	if (!imago_packfile_number(r->packfile, r->constants, from, &r->machine->numbers[to])) {
		stop(r, "number that no double is near");
	}
}

/* Executes the instruction at r->place; false when it is the last. */
IMAGO_ALWAYS_INLINE bool
execute(run *r, unsigned word_bytes)
{
	const imago_packfile_machine *machine = r->machine;
	const uint64_t num_numbers = r->constants != NULL ? r->constants->num_numbers : 0;
	const uint64_t num_strings = r->constants != NULL ? r->constants->num_strings : 0;
	const uint64_t opcode = (uint64_t)load(r, r->place, word_bytes);
	uint64_t a;
	uint64_t b;
	switch (opcode < machine->num_ops ? machine->ops[opcode] : PACKFILE_OP_UNKNOWN) {
	case PACKFILE_OP_END:
		r->result->end = IMAGO_PACKFILE_ENDED;
		return false;
	case PACKFILE_OP_PRINT_INTEGER:
		if (any_operand(r, 0, word_bytes, &a)) {
			print_integer(r, (int64_t)a);
		}
		r->place += 2;
		break;
	case PACKFILE_OP_PRINT_NUMBER:
		if (operand(r, 0, machine->num_numbers, word_bytes, &a)) {
			print_number(r, machine->numbers[a]);
		}
		r->place += 2;
		break;
	case PACKFILE_OP_PRINT_STRING:
		if (operand(r, 0, machine->num_strings, word_bytes, &a) && machine->strings[a] > 0) {
			print_string(r, machine->strings[a] - 1);
		}
		r->place += 2;
		break;
	case PACKFILE_OP_PRINT_STRING_CONSTANT:
		if (operand(r, 0, num_strings, word_bytes, &a)) {
			print_string(r, a);
		}
		r->place += 2;
		break;
	case PACKFILE_OP_SET_NUMBER:
		if (operand(r, 0, machine->num_numbers, word_bytes, &a) &&
		    operand(r, 1, num_numbers, word_bytes, &b)) {
			set_number(r, a, b);
		}
		r->place += 3;
		break;
	case PACKFILE_OP_SET_STRING:
		if (operand(r, 0, machine->num_strings, word_bytes, &a) &&
		    operand(r, 1, num_strings, word_bytes, &b)) {
			machine->strings[a] = b + 1;
		}
		r->place += 3;
		break;
	default:
		stop(r, "op that is not known");
		break;
	}
	return !stopped(r);
}

IMAGO_ALWAYS_INLINE void
loop(run *r, uint64_t fuel, unsigned word_bytes)
{
	while (r->place < r->num_words) {
		if (r->result->num_ops == fuel) {
			r->result->end = IMAGO_PACKFILE_FUEL;
			return;
		}
		const uint64_t place = r->place;
		r->result->num_ops++;
		if (!execute(r, word_bytes)) {
			r->place = place;
			return;
		}
	}
	stop(r, "end of the code without an op that ends it");
}

/* Where the main sub starts. */
static void
find_start(run *r)
{
	imago_packfile_pmc pmc;
	const int64_t index = r->code->main_sub;
	if (index < 0 || r->constants == NULL) {
		return;
	}
	const bool is_there = (uint64_t)index < r->constants->num_pmcs;
	if (!IMAGO_BUG(main_sub_unchecked, !is_there) && !is_there) {
		return;
	}
	imago_packfile_pmc_at(r->packfile, r->constants, (uint64_t)index, &pmc);
	if (pmc.kind <= IMAGO_PMC_SUB_SHAPE) {
		r->place = (uint64_t)pmc.sub.start;
	}
}

/* The instruction that ended it, in words. */
static void
tell_place(const run *r)
{
	imago_packfile_result *result = r->result;
	uint64_t place = r->place;
	imago_instruction at;
	result->segment = r->code->segment;
	result->place = place;
	result->offset =
	    r->packfile->segments[r->code->segment].data + place * r->packfile->layout.word_bytes;
	if (imago_packfile_next_instruction(r->packfile, r->code, &place, &at)) {
		result->opcode = at.opcode;
		result->signature = at.signature;
	}
}

static imago_status
prepare(run *r, imago_error *error)
{
	imago_operand_bounds bounds;
	imago_packfile_operand_bounds(r->packfile, r->code, &bounds);
	verify(r, &bounds);
	if (stopped(r)) {
		return IMAGO_OK;
	}
	imago_status status = resolve_ops(r, error);
	if (status == IMAGO_OK) {
		status = make_registers(r, &bounds, error);
	}
	if (status == IMAGO_OK) {
		status = bring_words(r, error);
	}
	r->place = 0;
	return status;
}

imago_status
imago_packfile_run(const imago_packfile *packfile, uint64_t fuel, imago_packfile_print *print,
                   void *payload, imago_packfile_machine *machine, imago_packfile_result *result,
                   imago_error *error)
{
	*result = (imago_packfile_result){
	    .segment = IMAGO_PACKFILE_NONE, .offset = IMAGO_NO_OFFSET, .opcode = -1};
	run r = {.packfile = packfile,
	         .machine = machine,
	         .print = print,
	         .payload = payload,
	         .result = result};
	if (packfile->num_of[IMAGO_PACKFILE_CODE] == 0) {
		stop(&r, "no code");
		return IMAGO_OK;
	}
	r.code = &packfile->codes[0];
	if (r.code->constants != IMAGO_PACKFILE_NONE) {
		r.constants = &packfile->constants[r.code->constants];
	}
	const imago_status status = prepare(&r, error);
	if (status != IMAGO_OK) {
		return status;
	}
	if (!stopped(&r)) {
		find_start(&r);
		if (packfile->layout.word_bytes == 8) {
			loop(&r, fuel, 8);
		} else {
			loop(&r, fuel, 4);
		}
	}
	tell_place(&r);
	return IMAGO_OK;
}

/* packfile_dump.c: imago dump of a packfile: constants, and the code as instructions. */
#include <inttypes.h>
#include <stdio.h>

#include "imago/packfile_run.h"
#include "output.h"
#include "packfile_file.h"

enum { TEXT_SIZE = 512, NUMBER_SIZE = 32, WORDS_A_LINE = 8 };

static void
format_number(const imago_packfile *packfile, const imago_packfile_constants *constants,
              uint64_t index, char *text, size_t size)
{
	double number;
	if (imago_packfile_number(packfile, constants, index, &number)) {
		imago_packfile_number_text(number, text, size);
	} else {
		snprintf(text, size, "no double is near");
	}
}

static void
format_string(const imago_packfile *packfile, const imago_packfile_constants *constants,
              uint64_t index, char *text, size_t size)
{
	imago_packfile_string string;
	if (imago_packfile_string_at(packfile, constants->strings[index], &string)) {
		quote_string(&string, text, size);
	} else {
		snprintf(text, size, "?");
	}
}

/* One operand, with the constant that it means. */
static void
print_operand(const imago_packfile *packfile, const imago_packfile_constants *constants, char kind,
              int64_t value)
{
	char text[TEXT_SIZE];
	const uint64_t index = (uint64_t)value;
	switch (kind) {
	case 'N':
	case 'S':
		print("%c%" PRId64, kind, value);
		break;
	case 'n':
		if (constants == NULL || index >= constants->num_numbers) {
			print("number %" PRId64 ", which there is not", value);
		} else {
			format_number(packfile, constants, index, text, sizeof text);
			print("%s", text);
		}
		break;
	case 's':
		if (constants == NULL || index >= constants->num_strings) {
			print("string %" PRId64 ", which there is not", value);
		} else {
			format_string(packfile, constants, index, text, sizeof text);
			print("%s", text);
		}
		break;
	default:
		print("%" PRId64, value);
		break;
	}
}

/* Words that no instruction is known for. */
static void
print_words(const imago_packfile *packfile, const imago_packfile_segment *segment, uint64_t place)
{
	for (; place < segment->num_data; place += WORDS_A_LINE) {
		print("  %7" PRIu64 " %6s ", place, "");
		for (uint64_t i = place; i < place + WORDS_A_LINE && i < segment->num_data; i++) {
			print(" %" PRId64,
			      imago_packfile_word(packfile, segment->data + i * packfile->layout.word_bytes));
		}
		print("\n");
	}
}

static const char *
why_unreadable(imago_instruction_kind kind)
{
	switch (kind) {
	case IMAGO_INSTRUCTION_UNMAPPED:
		return "an opcode that is not mapped to an op; what follows, as words:";
	case IMAGO_INSTRUCTION_CUT:
		return "its operands pass the end of the code:";
	default:
		return "an op that is not known; what follows, as words:";
	}
}

static void
print_op(const imago_packfile_code *code, int64_t opcode)
{
	char name[TEXT_SIZE];
	if (opcode >= 0 && (uint64_t)opcode < code->num_ops && code->ops[opcode].library != 0) {
		const imago_packfile_op *op = &code->ops[opcode];
		const imago_packfile_library *library = &code->libraries[op->library - 1];
		escape_text((const uint8_t *)library->name, (size_t)library->name_length, name,
		            sizeof name);
		print("%s %" PRId64, name, op->number);
	} else {
		print("opcode %" PRId64, opcode);
	}
}

/* The line number of the index-th instruction. */
static void
print_line_number(const imago_packfile *packfile, const imago_packfile_code *code, uint64_t index)
{
	const imago_packfile_segment *segment =
	    code->debug != IMAGO_PACKFILE_NONE
	        ? &packfile->segments[packfile->debugs[code->debug].segment]
	        : NULL;
	if (segment != NULL && index < segment->num_data) {
		print(" %6" PRId64 "  ",
		      imago_packfile_word(packfile, segment->data + index * packfile->layout.word_bytes));
	} else {
		print(" %6s  ", "-");
	}
}

static void
dump_code(const imago_packfile *packfile, const imago_packfile_segment *segment)
{
	const imago_packfile_code *code = &packfile->codes[segment->row];
	const imago_packfile_constants *constants =
	    code->constants != IMAGO_PACKFILE_NONE ? &packfile->constants[code->constants] : NULL;
	imago_instruction at;
	uint64_t index = 0;
	print("  %7s %6s  instruction\n", "place", "line");
	for (uint64_t place = 0; imago_packfile_next_instruction(packfile, code, &place, &at);
	     index++) {
		print("  %7" PRIu64, at.place);
		print_line_number(packfile, code, index);
		if (at.kind != IMAGO_INSTRUCTION_KNOWN) {
			print_op(code, at.opcode);
			print(": %s\n", why_unreadable(at.kind));
			print_words(packfile, segment, at.place + 1);
			return;
		}
		print("%s", at.signature->name);
		for (size_t i = 0; at.signature->operands[i] != '\0'; i++) {
			print(i == 0 ? " " : ", ");
			print_operand(packfile, constants, at.signature->operands[i], at.operands[i]);
		}
		print("\n");
	}
}

static void
dump_pmc(const imago_packfile *packfile, const imago_packfile_constants *constants, uint64_t index)
{
	static const char *const kinds[] = {
	    [IMAGO_PMC_SUB] = "Sub",
	    [IMAGO_PMC_SUB_SHAPE] = "Sub, by its shape",
	    [IMAGO_PMC_OPAQUE] = "of a class that is not known",
	    [IMAGO_PMC_BROKEN] = "broken",
	};
	imago_packfile_pmc pmc;
	char name[TEXT_SIZE];
	imago_packfile_pmc_at(packfile, constants, index, &pmc);
	print("  PMC %" PRIu64 ": %s, %" PRIu64 " bytes, type %" PRId64, index, kinds[pmc.kind],
	      pmc.size, pmc.type);
	if (pmc.kind <= IMAGO_PMC_SUB_SHAPE) {
		quote_string(&pmc.sub.name, name, sizeof name);
		print(", %s, places %" PRId64 " to %" PRId64 ", registers I %" PRId64 " N %" PRId64
		      " S %" PRId64 " P %" PRId64,
		      name, pmc.sub.start, pmc.sub.end, pmc.sub.num_registers[0], pmc.sub.num_registers[1],
		      pmc.sub.num_registers[2], pmc.sub.num_registers[3]);
	} else if (pmc.kind == IMAGO_PMC_BROKEN) {
		print(", %s at 0x%" PRIx64, pmc.what, pmc.place);
	}
	print("\n");
}

static void
dump_constants(const imago_packfile *packfile, const imago_packfile_segment *segment)
{
	const imago_packfile_constants *constants = &packfile->constants[segment->row];
	char text[TEXT_SIZE];
	for (uint64_t i = 0; i < constants->num_numbers; i++) {
		format_number(packfile, constants, i, text, sizeof text);
		print("  number %" PRIu64 ": %s\n", i, text);
	}
	for (uint64_t i = 0; i < constants->num_strings; i++) {
		imago_packfile_string string = {.bytes = NULL};
		(void)imago_packfile_string_at(packfile, constants->strings[i], &string);
		quote_string(&string, text, sizeof text);
		print("  string %" PRIu64 ": %s%s%s\n", i,
		      string.bytes != NULL
		          ? imago_packfile_encoding_name(imago_packfile_encoding_of(&string))
		          : "",
		      string.bytes != NULL ? " " : "", text);
	}
	for (uint64_t i = 0; i < constants->num_pmcs; i++) {
		dump_pmc(packfile, constants, i);
	}
	const uint8_t word_bytes = packfile->layout.word_bytes;
	for (uint64_t i = 0; i < constants->num_tags; i++) {
		const uint64_t offset = constants->tags + i * 2 * word_bytes;
		print("  tag: string %" PRId64 ", PMC %" PRId64 "\n", imago_packfile_word(packfile, offset),
		      imago_packfile_word(packfile, offset + word_bytes));
	}
}

static void
dump_debug(const imago_packfile *packfile, const imago_packfile_segment *segment)
{
	const imago_packfile_debug *debug = &packfile->debugs[segment->row];
	const uint8_t word_bytes = packfile->layout.word_bytes;
	for (uint64_t i = 0; i < debug->num_files; i++) {
		const uint64_t offset = debug->files + i * 2 * word_bytes;
		print("  from place %" PRId64 ": string %" PRId64 "\n",
		      imago_packfile_word(packfile, offset),
		      imago_packfile_word(packfile, offset + word_bytes));
	}
}

static void
dump_annotations(const imago_packfile *packfile, const imago_packfile_segment *segment)
{
	const imago_packfile_annotations *annotations = &packfile->annotations[segment->row];
	const uint8_t word_bytes = packfile->layout.word_bytes;
	for (uint64_t i = 0; i + 1 < segment->num_data; i += 2) {
		const uint64_t offset = segment->data + i * word_bytes;
		print("  pair %" PRIu64 ": place %" PRId64 ", value %" PRId64 "\n", i / 2,
		      imago_packfile_word(packfile, offset),
		      imago_packfile_word(packfile, offset + word_bytes));
	}
	for (uint64_t i = 0; i < annotations->num_keys; i++) {
		const uint64_t offset = annotations->keys + i * 4 * word_bytes;
		int64_t words[4];
		for (size_t k = 0; k < 4; k++) {
			words[k] = imago_packfile_word(packfile, offset + k * word_bytes);
		}
		print("  key: string %" PRId64 ", type %" PRId64 ", pairs from %" PRId64 ", %" PRId64
		      " of them\n",
		      words[0], words[1], words[2], words[3]);
	}
}

void
packfile_dump(const packfile_file *file)
{
	const imago_packfile *packfile = &file->packfile;
	for (size_t i = 0; i < packfile->num_segments && !output_failed(); i++) {
		const imago_packfile_segment *segment = &packfile->segments[i];
		char name[TEXT_SIZE];
		quote_string(&segment->name, name, sizeof name);
		print("%ssegment %zu: %s %s at 0x%" PRIx64 "\n", i > 0 ? "\n" : "", i,
		      segment_type_name(segment->type), name, segment->offset);
		switch (segment->type) {
		case IMAGO_PACKFILE_CODE:
			dump_code(packfile, segment);
			break;
		case IMAGO_PACKFILE_CONSTANTS:
			dump_constants(packfile, segment);
			break;
		case IMAGO_PACKFILE_DEBUG:
			dump_debug(packfile, segment);
			break;
		case IMAGO_PACKFILE_ANNOTATIONS:
			dump_annotations(packfile, segment);
			break;
		default:
			print_words(packfile, segment, 0);
			break;
		}
	}
}

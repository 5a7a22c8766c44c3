/* packfile_check_code.c: the rules about code, and about what is said of it elsewhere. */
#include <string.h>

#include "imago/packfile_run.h"
#include "packfile_checker.h"
#include "packfile_private.h"

static const imago_packfile_constants *
constants_of(const imago_packfile *packfile, size_t code)
{
	const size_t row =
	    code != IMAGO_PACKFILE_NONE ? packfile->codes[code].constants : IMAGO_PACKFILE_NONE;
	return row != IMAGO_PACKFILE_NONE ? &packfile->constants[row] : NULL;
}

/* Names of libraries, which nobody loads. */
static void
check_dependencies(const packfile_checker *at, const imago_packfile_code *code)
{
	uint64_t offset = code->dependencies;
	for (uint64_t i = 0; i < code->num_dependencies && !at->sink->stopped; i++) {
		imago_packfile_string name;
		const uint8_t word_bytes = at->packfile->layout.word_bytes;
		if (!imago_packfile_string_at(at->packfile, offset, &name)) {
			return;
		}
		imago_packfile_report(at, PACKFILE_RULE_DEPENDENCY, offset, name.length,
		                      IMAGO_NOTHING_EXPECTED);
		imago_packfile_check_string_padding(at, &name);
		offset += name.bytes == NULL ? word_bytes
		                             : 2 * (uint64_t)word_bytes + name.length +
		                                   imago_packfile_padding(name.length, word_bytes);
	}
}

static void
check_library(const packfile_checker *at, const imago_packfile_code *code,
              const imago_packfile_library *library)
{
	static const char core[] = "core_ops";
	const imago_packfile_header *header = &at->packfile->header;
	const uint8_t word_bytes = at->packfile->layout.word_bytes;
	const uint64_t name_size = library->name_length + 1;
	const uint64_t version =
	    library->offset + name_size + imago_packfile_padding(name_size, word_bytes);
	if (library->name_length != sizeof core - 1 ||
	    memcmp(library->name, core, sizeof core - 1) != 0) {
		imago_packfile_report(at, PACKFILE_RULE_LIBRARY, library->offset, library->name_length,
		                      IMAGO_NOTHING_EXPECTED);
	}
	imago_packfile_report_padding(at, PACKFILE_RULE_PADDING, library->offset + name_size,
	                              imago_packfile_padding(name_size, word_bytes));
	if (library->bytecode_major != header->bytecode_major ||
	    library->bytecode_minor != header->bytecode_minor) {
		imago_packfile_report(at, PACKFILE_RULE_LIBRARY_VERSION, version,
		                      (uint64_t)library->bytecode_major, header->bytecode_major);
	}
	for (uint64_t i = 0; i < library->num_ops && !at->sink->stopped; i++) {
		const uint64_t entry = library->ops + i * 2 * word_bytes;
		const int64_t opcode = imago_packfile_word(at->packfile, entry);
		if (opcode < 0 || opcode >= code->op_count) {
			imago_packfile_report(at, PACKFILE_RULE_OP_INDEX, entry, (uint64_t)opcode,
			                      (uint64_t)code->op_count);
		} else if ((uint64_t)opcode < code->num_ops && code->ops[opcode].entry != entry) {
			imago_packfile_report(at, PACKFILE_RULE_OP_TWICE, entry, (uint64_t)opcode,
			                      IMAGO_NOTHING_EXPECTED);
		}
	}
}

static void
check_libraries(const packfile_checker *at, const imago_packfile_code *code)
{
	const imago_packfile_segment *segment = &at->packfile->segments[code->segment];
	const uint8_t word_bytes = at->packfile->layout.word_bytes;
	const uint64_t tail = segment->data + segment->num_data * word_bytes;
	uint64_t num_mapped = 0;
	for (uint64_t i = 0; i < code->num_libraries && !at->sink->stopped; i++) {
		check_library(at, code, &code->libraries[i]);
		num_mapped += code->libraries[i].num_ops;
	}
	if (code->op_count < 0 || (uint64_t)code->op_count != num_mapped) {
		imago_packfile_report(at, PACKFILE_RULE_OP_COUNT, tail + 2 * (uint64_t)word_bytes,
		                      (uint64_t)code->op_count, num_mapped);
	}
}

static void
check_operands(const packfile_checker *at, const imago_instruction *instruction,
               const imago_operand_bounds *bounds)
{
	const char *operands = instruction->signature->operands;
	const uint8_t word_bytes = at->packfile->layout.word_bytes;
	uint64_t limit;
	const int bad = imago_packfile_bad_operand(instruction, bounds, &limit);
	if (bad >= 0) {
		imago_packfile_report(at,
		                      operands[bad] == 'n' || operands[bad] == 's'
		                          ? PACKFILE_RULE_OPERAND_CONSTANT
		                          : PACKFILE_RULE_OPERAND_REGISTER,
		                      instruction->offset + ((uint64_t)bad + 1) * word_bytes,
		                      (uint64_t)instruction->operands[bad], limit);
	}
	for (size_t i = 0; operands[i] != '\0'; i++) {
		const int64_t value = instruction->operands[i];
		if (operands[i] == 'i' && value != (int32_t)value) {
			imago_packfile_report(at, PACKFILE_RULE_OPERAND_WIDE,
			                      instruction->offset + (i + 1) * word_bytes, (uint64_t)value,
			                      IMAGO_NOTHING_EXPECTED);
		}
	}
}

/* What nothing can be told apart behind. */
static void
report_unreadable(const packfile_checker *at, const imago_instruction *instruction)
{
	static const packfile_rule of_kind[] = {
	    [IMAGO_INSTRUCTION_UNKNOWN] = PACKFILE_RULE_OP_UNKNOWN,
	    [IMAGO_INSTRUCTION_UNMAPPED] = PACKFILE_RULE_OPCODE,
	    [IMAGO_INSTRUCTION_CUT] = PACKFILE_RULE_OPERANDS_CUT,
	};
	imago_packfile_report(at, of_kind[instruction->kind], instruction->offset,
	                      (uint64_t)instruction->opcode, IMAGO_NOTHING_EXPECTED);
}

/* Where a run begins, and in *pmc the main sub that says so; kind IMAGO_PMC_BROKEN: none does. */
static uint64_t
find_start(const packfile_checker *at, const imago_packfile_code *code, imago_packfile_pmc *pmc)
{
	const imago_packfile_constants *constants =
	    constants_of(at->packfile, at->packfile->segments[code->segment].row);
	*pmc = (imago_packfile_pmc){.kind = IMAGO_PMC_BROKEN};
	if (constants != NULL && code->main_sub >= 0 &&
	    (uint64_t)code->main_sub < constants->num_pmcs) {
		imago_packfile_pmc_at(at->packfile, constants, (uint64_t)code->main_sub, pmc);
	}
	return pmc->kind <= IMAGO_PMC_SUB_SHAPE ? (uint64_t)pmc->sub.start : 0;
}

/* Where the end of the code was reached, returns how many instructions there are, else 0. */
static uint64_t
check_instructions(const packfile_checker *at, const imago_packfile_code *code)
{
	imago_operand_bounds bounds;
	imago_instruction instruction = {.kind = IMAGO_INSTRUCTION_KNOWN};
	imago_packfile_pmc main_sub;
	const uint64_t start = find_start(at, code, &main_sub);
	bool starts = false;
	uint64_t num_instructions = 0;
	imago_packfile_operand_bounds(at->packfile, code, &bounds);
	for (uint64_t place = 0; !at->sink->stopped && imago_packfile_next_instruction(
	                                                   at->packfile, code, &place, &instruction);) {
		if (instruction.kind != IMAGO_INSTRUCTION_KNOWN) {
			report_unreadable(at, &instruction);
			return 0;
		}
		check_operands(at, &instruction, &bounds);
		starts = starts || instruction.place == start;
		num_instructions++;
	}
	if (num_instructions > 0 && !starts) {
		imago_packfile_report(at, PACKFILE_RULE_SUB_START, main_sub.offset, start,
		                      IMAGO_NOTHING_EXPECTED);
	}
	if (num_instructions == 0 || strcmp(instruction.signature->name, "end") != 0) {
		imago_packfile_report(at, PACKFILE_RULE_NO_END,
		                      num_instructions > 0 ? instruction.offset
		                                           : at->packfile->segments[code->segment].data,
		                      num_instructions, IMAGO_NOTHING_EXPECTED);
	}
	return num_instructions;
}

static void
check_subs(const packfile_checker *at, const imago_packfile_code *code,
           const imago_packfile_constants *constants)
{
	const imago_packfile_segment *segment = &at->packfile->segments[code->segment];
	const uint64_t tail = segment->data + segment->num_data * at->packfile->layout.word_bytes;
	for (uint64_t i = 0; i < constants->num_pmcs && !at->sink->stopped; i++) {
		imago_packfile_pmc pmc;
		imago_packfile_pmc_at(at->packfile, constants, i, &pmc);
		if (pmc.kind <= IMAGO_PMC_SUB_SHAPE && (uint64_t)pmc.sub.end > segment->num_data) {
			imago_packfile_report(at, PACKFILE_RULE_SUB_RANGE, pmc.offset, (uint64_t)pmc.sub.end,
			                      segment->num_data);
		}
	}
	if (code->main_sub < -1 ||
	    (code->main_sub >= 0 && (uint64_t)code->main_sub >= constants->num_pmcs)) {
		imago_packfile_report(at, PACKFILE_RULE_MAIN_SUB, tail, (uint64_t)code->main_sub,
		                      constants->num_pmcs);
	}
}

void
imago_packfile_check_code(const packfile_checker *at, const imago_packfile_code *code)
{
	const imago_packfile *packfile = at->packfile;
	const imago_packfile_segment *segment = &packfile->segments[code->segment];
	const imago_packfile_constants *constants = constants_of(packfile, segment->row);
	if (constants == NULL) {
		imago_packfile_report(at, PACKFILE_RULE_NO_CONSTANTS, segment->offset, 0,
		                      IMAGO_NOTHING_EXPECTED);
	} else {
		check_subs(at, code, constants);
	}
	check_dependencies(at, code);
	check_libraries(at, code);
	const uint64_t num_instructions = check_instructions(at, code);
	if (code->debug != IMAGO_PACKFILE_NONE) {
		const imago_packfile_segment *debug =
		    &packfile->segments[packfile->debugs[code->debug].segment];
		if (debug->num_data < num_instructions) {
			imago_packfile_report(at, PACKFILE_RULE_DEBUG_LINES, debug->offset, debug->num_data,
			                      num_instructions);
		}
	}
}

static uint64_t
num_words_of(const imago_packfile *packfile, size_t code)
{
	return packfile->segments[packfile->codes[code].segment].num_data;
}

void
imago_packfile_check_debug(const packfile_checker *at, const imago_packfile_debug *debug)
{
	const imago_packfile *packfile = at->packfile;
	const imago_packfile_segment *segment = &packfile->segments[debug->segment];
	const imago_packfile_constants *constants = constants_of(packfile, debug->code);
	const uint8_t word_bytes = packfile->layout.word_bytes;
	uint64_t least = 0;
	if (debug->code == IMAGO_PACKFILE_NONE) {
		return;
	}
	if (!imago_packfile_name_extends(
	        segment, &packfile->segments[packfile->codes[debug->code].segment], "_DB")) {
		imago_packfile_report(at, PACKFILE_RULE_DEBUG_NAME, segment->name.offset,
		                      segment->name.length, IMAGO_NOTHING_EXPECTED);
	}
	for (uint64_t i = 0; i < debug->num_files && !at->sink->stopped; i++) {
		const uint64_t offset = debug->files + i * 2 * word_bytes;
		const uint64_t place = (uint64_t)imago_packfile_word(packfile, offset);
		const uint64_t name = (uint64_t)imago_packfile_word(packfile, offset + word_bytes);
		if (place < least || place >= num_words_of(packfile, debug->code)) {
			imago_packfile_report(at, PACKFILE_RULE_DEBUG_PLACE, offset, place, least);
		}
		if (constants != NULL && name >= constants->num_strings) {
			imago_packfile_report(at, PACKFILE_RULE_DEBUG_FILE, offset + word_bytes, name,
			                      constants->num_strings);
		}
		least = place;
	}
}

enum { ANNOTATION_INTEGER = 1, ANNOTATION_STRING = 2, ANNOTATION_PMC = 3 };

/* The pairs of one key. Keys may overlap; each is looked at as far as the pairs go, so the sum of
 * their lengths is what bounds this: more than there are pairs is not followed. */
static uint64_t
check_values(const packfile_checker *at, const imago_packfile_annotations *annotations,
             const imago_packfile_constants *constants, uint64_t type, uint64_t first,
             uint64_t count)
{
	const imago_packfile *packfile = at->packfile;
	const imago_packfile_segment *segment = &packfile->segments[annotations->segment];
	const uint8_t word_bytes = packfile->layout.word_bytes;
	const uint64_t limit = type == ANNOTATION_STRING ? constants->num_strings
	                       : type == ANNOTATION_PMC  ? constants->num_pmcs
	                                                 : UINT64_MAX;
	for (uint64_t i = 0; i < count && !at->sink->stopped; i++) {
		const uint64_t offset = segment->data + (first + i) * 2 * word_bytes;
		const uint64_t value = (uint64_t)imago_packfile_word(packfile, offset + word_bytes);
		if (type != ANNOTATION_INTEGER && value >= limit) {
			imago_packfile_report(at, PACKFILE_RULE_ANNOTATION_VALUE, offset + word_bytes, value,
			                      limit);
		}
	}
	return count;
}

static void
check_keys(const packfile_checker *at, const imago_packfile_annotations *annotations,
           const imago_packfile_constants *constants)
{
	const imago_packfile *packfile = at->packfile;
	const uint8_t word_bytes = packfile->layout.word_bytes;
	const uint64_t num_pairs = packfile->segments[annotations->segment].num_data / 2;
	uint64_t num_followed = 0;
	for (uint64_t i = 0; i < annotations->num_keys && !at->sink->stopped; i++) {
		const uint64_t offset = annotations->keys + i * 4 * word_bytes;
		uint64_t words[4];
		for (size_t k = 0; k < 4; k++) {
			words[k] = (uint64_t)imago_packfile_word(packfile, offset + k * word_bytes);
		}
		if (words[0] >= constants->num_strings) {
			imago_packfile_report(at, PACKFILE_RULE_ANNOTATION_KEY, offset, words[0],
			                      constants->num_strings);
		}
		const bool known = words[1] >= ANNOTATION_INTEGER && words[1] <= ANNOTATION_PMC;
		if (!known) {
			imago_packfile_report(at, PACKFILE_RULE_ANNOTATION_TYPE, offset + word_bytes, words[1],
			                      IMAGO_NOTHING_EXPECTED);
		}
		if (words[2] > num_pairs || words[3] > num_pairs - words[2]) {
			imago_packfile_report(at, PACKFILE_RULE_ANNOTATION_RANGE,
			                      offset + 2 * (uint64_t)word_bytes, words[2], num_pairs);
		} else if (known && words[3] <= num_pairs - num_followed) {
			num_followed += check_values(at, annotations, constants, words[1], words[2], words[3]);
		}
	}
}

void
imago_packfile_check_annotations(const packfile_checker *at,
                                 const imago_packfile_annotations *annotations)
{
	const imago_packfile *packfile = at->packfile;
	const imago_packfile_segment *segment = &packfile->segments[annotations->segment];
	const imago_packfile_constants *constants = constants_of(packfile, annotations->code);
	const uint8_t word_bytes = packfile->layout.word_bytes;
	if (annotations->code == IMAGO_PACKFILE_NONE) {
		return;
	}
	if (!imago_packfile_name_extends(
	        segment, &packfile->segments[packfile->codes[annotations->code].segment], "_ANN")) {
		imago_packfile_report(at, PACKFILE_RULE_ANNOTATIONS_NAME, segment->name.offset,
		                      segment->name.length, IMAGO_NOTHING_EXPECTED);
	}
	for (uint64_t i = 0; i + 1 < segment->num_data && !at->sink->stopped; i += 2) {
		const uint64_t offset = segment->data + i * word_bytes;
		const uint64_t place = (uint64_t)imago_packfile_word(packfile, offset);
		if (place >= num_words_of(packfile, annotations->code)) {
			imago_packfile_report(at, PACKFILE_RULE_ANNOTATION_PLACE, offset, place,
			                      num_words_of(packfile, annotations->code));
		}
	}
	if (constants != NULL) {
		check_keys(at, annotations, constants);
	}
}

/* packfile_code.c: words of code as instructions (packfile.md §7). */
#include "packfile_code.h"

#include <string.h>

#include "packfile_private.h"

static const char core_library[] = "core_ops";

static const imago_op_signature signatures[PACKFILE_NUM_OPS] = {
#define PACKFILE_OP(id, number, name, operands) \
	[PACKFILE_OP_##id] = {core_library, number, name, operands},
#include "packfile_ops.def"
#undef PACKFILE_OP
};

packfile_op_id
imago_packfile_op_id(const imago_packfile_code *code, int64_t opcode)
{
	if (opcode < 0 || (uint64_t)opcode >= code->num_ops || code->ops[opcode].library == 0) {
		return PACKFILE_OP_UNKNOWN;
	}
	const imago_packfile_op *op = &code->ops[opcode];
	const imago_packfile_library *library = &code->libraries[op->library - 1];
	if (library->name_length != sizeof core_library - 1 ||
	    memcmp(library->name, core_library, sizeof core_library - 1) != 0) {
		return PACKFILE_OP_UNKNOWN;
	}
	for (packfile_op_id id = PACKFILE_OP_UNKNOWN + 1; id < PACKFILE_NUM_OPS; id++) {
		if (signatures[id].number == op->number) {
			return id;
		}
	}
	return PACKFILE_OP_UNKNOWN;
}

const imago_op_signature *
imago_packfile_signature(const imago_packfile_code *code, int64_t opcode)
{
	const packfile_op_id id = imago_packfile_op_id(code, opcode);
	return id == PACKFILE_OP_UNKNOWN ? NULL : &signatures[id];
}

uint64_t
imago_op_num_operands(const imago_op_signature *signature)
{
	return strlen(signature->operands);
}

static bool
is_mapped(const imago_packfile_code *code, int64_t opcode)
{
	return opcode >= 0 && (uint64_t)opcode < code->num_ops && code->ops[opcode].library != 0;
}

bool
imago_packfile_next_instruction(const imago_packfile *packfile, const imago_packfile_code *code,
                                uint64_t *place, imago_instruction *instruction)
{
	const imago_packfile_segment *segment = &packfile->segments[code->segment];
	const uint64_t num_words = segment->num_data;
	const uint8_t word_bytes = packfile->layout.word_bytes;
	if (*place >= num_words) {
		return false;
	}
	*instruction = (imago_instruction){
	    .kind = IMAGO_INSTRUCTION_KNOWN,
	    .place = *place,
	    .offset = segment->data + *place * word_bytes,
	};
	instruction->opcode = imago_packfile_word(packfile, instruction->offset);
	instruction->signature = imago_packfile_signature(code, instruction->opcode);
	*place = num_words;
	if (instruction->signature == NULL) {
		instruction->kind = is_mapped(code, instruction->opcode) ? IMAGO_INSTRUCTION_UNKNOWN
		                                                         : IMAGO_INSTRUCTION_UNMAPPED;
		return true;
	}
	const uint64_t num_operands = imago_op_num_operands(instruction->signature);
	if (num_operands > num_words - instruction->place - 1) {
		instruction->kind = IMAGO_INSTRUCTION_CUT;
		return true;
	}
	for (uint64_t i = 0; i < num_operands; i++) {
		instruction->operands[i] =
		    imago_packfile_word(packfile, instruction->offset + (i + 1) * word_bytes);
	}
	*place = instruction->place + 1 + num_operands;
	return true;
}

void
imago_packfile_operand_bounds(const imago_packfile *packfile, const imago_packfile_code *code,
                              imago_operand_bounds *bounds)
{
	*bounds = (imago_operand_bounds){.num_numbers = 0};
	const imago_packfile_constants *constants =
	    code->constants != IMAGO_PACKFILE_NONE ? &packfile->constants[code->constants] : NULL;
	for (uint64_t i = 0; constants != NULL && i < constants->num_pmcs; i++) {
		imago_packfile_pmc pmc;
		imago_packfile_pmc_at(packfile, constants, i, &pmc);
		for (size_t k = 0; pmc.kind <= IMAGO_PMC_SUB_SHAPE && k < 4; k++) {
			const uint64_t wanted = (uint64_t)pmc.sub.num_registers[k];
			bounds->num_registers[k] =
			    wanted > bounds->num_registers[k] ? wanted : bounds->num_registers[k];
		}
		bounds->subs_are_known = bounds->subs_are_known || pmc.kind <= IMAGO_PMC_SUB_SHAPE;
	}
	if (constants != NULL) {
		bounds->num_numbers = constants->num_numbers;
		bounds->num_strings = constants->num_strings;
	}
	for (size_t k = 0; !bounds->subs_are_known && k < 4; k++) {
		bounds->num_registers[k] = IMAGO_PACKFILE_MAX_REGISTERS;
	}
}

static uint64_t
bound_of(char kind, const imago_operand_bounds *bounds)
{
	switch (kind) {
	case 'n':
		return bounds->num_numbers;
	case 's':
		return bounds->num_strings;
	case 'N':
		return bounds->num_registers[1];
	case 'S':
		return bounds->num_registers[2];
	default:
		return UINT64_MAX;
	}
}

int
imago_packfile_bad_operand(const imago_instruction *instruction, const imago_operand_bounds *bounds,
                           uint64_t *limit)
{
	const char *operands =
	    instruction->kind == IMAGO_INSTRUCTION_KNOWN ? instruction->signature->operands : "";
	for (int i = 0; operands[i] != '\0'; i++) {
		const uint64_t bound = bound_of(operands[i], bounds);
		/* An integer may be anything, also below 0. */
		if (operands[i] != 'i' && (uint64_t)instruction->operands[i] >= bound) {
			*limit = bound;
			return i;
		}
	}
	return -1;
}

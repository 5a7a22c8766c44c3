/* admit_effects.c: what each bytecode asks of its frame (formats/bytecodes.md §1, §2). */
#include "admit.h"

enum { DIRECTED = 64 }; /* prefix B from here on: a super send whose class is on the stack */

/* Arguments of the special selectors (formats/bytecodes.md §3). Should an image's own table say
 * something else, the loop notices at the send. */
static const uint8_t special_args[VM_SPECIAL_SELECTORS] = {
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* arithmetic */
    1, 2, 0, 0, 1, 0, 1, 0, 1, 0, 1, 1, 0, 1, 0, 0,
};

uint32_t
vm_special_args(uint32_t index)
{
	return special_args[index];
}

/* Bytes of each bytecode: 1, 2, 3 or 4. */
uint32_t
vm_bytecode_length(uint32_t op)
{
	if (op < SISTA) {
		return op < 128                                                                       ? 1
		       : op == 132 || (op >= 139 && op <= 142)                                        ? 3
		       : op == 143                                                                    ? 4
		       : op <= 131 || op == 133 || op == 134 || op == 138 || (op >= 160 && op <= 175) ? 2
		                                                                                      : 1;
	}
	op -= SISTA;
	return op < 224 ? 1 : op < 248 ? 2 : 3;
}

/* What no frame can give. */
static admit_effect
refuse(void)
{
	return (admit_effect){.needs = UINT32_MAX};
}

static admit_effect
push(void)
{
	return (admit_effect){.change = 1};
}

static admit_effect
push_temp(uint32_t index)
{
	return (admit_effect){.change = 1, .num_temps = index + 1};
}

static admit_effect
push_literal(uint32_t index)
{
	return (admit_effect){.change = 1, .num_literals = index + 1};
}

/* Takes values from the stack and leaves one. */
static admit_effect
combine(uint32_t count)
{
	return (admit_effect){.needs = count, .change = 1 - (int32_t)count};
}

static admit_effect
store(bool pop)
{
	return (admit_effect){.needs = 1, .change = pop ? -1 : 0};
}

static admit_effect
store_temp(uint32_t index, bool pop)
{
	return (admit_effect){.needs = 1, .change = pop ? -1 : 0, .num_temps = index + 1};
}

static admit_effect
store_literal(uint32_t index, bool pop)
{
	return (admit_effect){.needs = 1, .change = pop ? -1 : 0, .num_literals = index + 1};
}

static admit_effect
send(uint32_t literal, uint32_t num_args)
{
	return (admit_effect){
	    .needs = num_args + 1, .change = -(int32_t)num_args, .num_literals = literal + 1};
}

static admit_effect
send_special(uint32_t index)
{
	return combine(vm_special_args(index) + 1);
}

static admit_effect
jump(int32_t distance)
{
	return (admit_effect){.flow = ADMIT_JUMPS, .distance = distance};
}

static admit_effect
branch(int32_t distance)
{
	return (admit_effect){.needs = 1, .change = -1, .flow = ADMIT_BRANCHES, .distance = distance};
}

static admit_effect
end(uint32_t needs)
{
	return (admit_effect){.needs = needs, .flow = ADMIT_ENDS};
}

/* A new Array: filled from the stack or not. */
static admit_effect
push_array(uint8_t operand)
{
	return operand > 127 ? combine(operand & 127) : push();
}

/* Pushes, and goes on behind the block. */
static admit_effect
push_closure(uint32_t num_copied, int32_t size)
{
	admit_effect effect = combine(num_copied);
	effect.flow = ADMIT_JUMPS;
	effect.distance = size;
	return effect;
}

/* 128 to 134: one operand says what, and where. */
static admit_effect
extended_v3(const uint8_t *code)
{
	uint32_t index = code[1] & 63;
	uint32_t where = code[1] >> 6;
	switch (code[0]) {
	case 128:
		return where == 0 ? push() : where == 1 ? push_temp(index) : push_literal(index);
	case 129:
	case 130:
		return where == 0   ? store(code[0] == 130)
		       : where == 1 ? store_temp(index, code[0] == 130)
		                    : store_literal(index, code[0] == 130);
	case 131:
	case 133:
		return send(code[1] & 31, code[1] >> 5);
	case 134:
		return send(index, where);
	default:
		break;
	}
	switch (code[1] >> 5) { /* 132 */
	case 0:
	case 1:
		return send(code[2], code[1] & 31);
	case 2:
		return push();
	case 3:
	case 4:
		return push_literal(code[2]);
	case 5:
	case 6:
		return store(code[1] >> 5 == 6);
	default:
		return store_literal(code[2], false);
	}
}

/* 135 to 143. */
static admit_effect
stack_v3(const uint8_t *code)
{
	switch (code[0]) {
	case 135:
		return store(true);
	case 136:
		return (admit_effect){.needs = 1, .change = 1};
	case 137:
		return push();
	case 138:
		return push_array(code[1]);
	case 139:
		return (admit_effect){.change = 0};
	case 140:
		return push_temp(code[2]);
	case 141:
	case 142:
		return store_temp(code[2], code[0] == 142);
	default:
		return push_closure(code[1] >> 4, code[2] << 8 | code[3]);
	}
}

admit_effect
admit_v3(const uint8_t *code)
{
	uint32_t op = code[0];
	if (op < 96) {
		return op < 16 ? push() : op < 32 ? push_temp(op & 15) : push_literal(op & 31);
	}
	if (op < 128) {
		return op < 104   ? store(true)
		       : op < 112 ? store_temp(op & 7, true)
		       : op < 120 ? push()
		                  : end(op == 124 || op == 125 ? 1 : 0);
	}
	if (op < 144) {
		return op < 135 ? extended_v3(code) : stack_v3(code);
	}
	if (op < 176) {
		return op < 152   ? jump((int32_t)(op & 7) + 1)
		       : op < 160 ? branch((int32_t)(op & 7) + 1)
		       : op < 168 ? jump(((int32_t)(op & 7) - 4) * 256 + code[1])
		                  : branch((int32_t)(op & 3) * 256 + code[1]);
	}
	return op < 208 ? send_special(op - 176) : send(op & 15, (op - 208) >> 4);
}

/* From 224 on: with operands, and prefixes. */
static admit_effect
extended_sista(const uint8_t *code, int32_t a, int32_t b)
{
	uint32_t index = code[1] + ((uint32_t)a << 8);
	uint32_t literal = (code[1] >> 3) + ((uint32_t)a << 5);
	uint32_t ext = (uint32_t)b;
	bool signed_jump = code[0] >= 237 && code[0] <= 239;
	if ((b < 0 || b > 2 * DIRECTED) && !signed_jump && code[0] != 232 && code[0] != 233) {
		return refuse();
	}
	switch (code[0]) {
	case 226:
		return push();
	case 227:
	case 228:
		return push_literal(index);
	case 232:
	case 233:
		return push();
	case 234:
		return send(literal, (code[1] & 7) + ext * 8);
	case 235: {
		bool directed = ext >= DIRECTED;
		admit_effect effect = send(literal, (code[1] & 7) + (directed ? ext - DIRECTED : ext) * 8);
		effect.needs += directed; /* the class */
		effect.change -= directed;
		return effect;
	}
	case 237:
		return jump(code[1] + b * 256);
	case 238:
	case 239:
		return branch(code[1] + b * 256);
	case 240:
	case 243:
		return store(code[0] == 240);
	case 241:
	case 244:
		return store_literal(index, code[0] == 241);
	case 249: {
		admit_effect effect = combine((code[2] & 63U) + (code[2] > 127));
		effect.num_literals = index + 1;
		return effect;
	}
	case 250:
		return push_closure((code[1] >> 3 & 7) + ((uint32_t)a >> 4) * 8, code[2] + b * 256);
	default:
		return end(0); /* unused */
	}
}

/* From 224 on: with operands only. */
static bool
plain_sista(const uint8_t *code, admit_effect *effect)
{
	switch (code[0]) {
	case 229:
		*effect = push_temp(code[1]);
		return true;
	case 231:
		*effect = push_array(code[1]);
		return true;
	case 242:
	case 245:
		*effect = store_temp(code[1], code[0] == 242);
		return true;
	case 248:
		*effect = (admit_effect){.change = 0};
		return true;
	case 251:
		*effect = push_temp(code[2]);
		return true;
	case 252:
	case 253:
		*effect = store_temp(code[2], code[0] == 253);
		return true;
	default:
		return false;
	}
}

/* Below 96: pushes, returns. */
static admit_effect
short_sista(uint32_t op)
{
	if (op < 64) {
		return op < 16 ? push() : push_literal(op < 32 ? op & 15 : op & 31);
	}
	return op < 76    ? push_temp(op - 64)
	       : op < 83  ? push()
	       : op == 83 ? (admit_effect){.needs = 1, .change = 1}
	       : op < 88  ? end(0)
	       : op < 95  ? end(op == 92 || op == 94 ? 1 : 0)
	                  : (admit_effect){.change = 0};
}

admit_effect
admit_sista(const uint8_t *code, int32_t a, int32_t b)
{
	uint32_t op = code[0];
	admit_effect effect;
	if (op < 96) {
		effect = short_sista(op);
		effect.takes_prefixes = op == 82 || op == 94;
		return effect;
	}
	if (op < 176) {
		return op < 128 ? send_special(op - 96) : send(op & 15, (op - 128) >> 4);
	}
	if (op < 224) {
		return op < 184    ? jump((int32_t)(op & 7) + 1)
		       : op < 200  ? branch((int32_t)(op & 7) + 1)
		       : op < 208  ? store(true)
		       : op < 216  ? store_temp(op & 7, true)
		       : op == 216 ? store(true)
		                   : end(0);
	}
	if (plain_sista(code, &effect)) {
		return effect;
	}
	effect = extended_sista(code, a, b);
	effect.takes_prefixes = true;
	return effect;
}

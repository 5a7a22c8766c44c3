/* interpret.c: the bytecodes of both sets (formats/bytecodes.md §1, §2).
 *
 * One body, instantiated for each kind of memory. While bytecodes follow one another the frame is a
 * local copy, which compilers keep in registers; whatever looks at the machine from outside gets it
 * back first. Each bytecode checks what it reaches into: the stack, the temporaries, the literals,
 * the receiver's slots.
 */
#include "frame_access.h"
#include "steps.h"

enum {
	SISTA = 256, /* set 2 follows set 1 in the switch */
	SPECIAL_SELECTORS = 32,
	MAX_EXTENSION = 1 << 23,
	MAX_PREFIXES = 4, /* of one bytecode */
};

/* Bytecodes that come in runs. */
#define CASE_2(first) \
	case (first):     \
	case (first) + 1
#define CASE_4(first)  CASE_2(first) : CASE_2((first) + 2)
#define CASE_8(first)  CASE_4(first) : CASE_4((first) + 4)
#define CASE_16(first) CASE_8(first) : CASE_8((first) + 8)
#define CASE_32(first) CASE_16(first) : CASE_16((first) + 16)

/* Bytes of each bytecode: 1, 2, 3 or 4. */
static uint32_t
length_of(uint32_t op)
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

/* The machine gets its frame back. */
IMAGO_ALWAYS_INLINE void
leave(imago_vm *vm, const registers *r, uint64_t left)
{
	vm->frame = r->f;
	vm->left = left;
}

/* Long, as a switch over all bytecodes is. */
IMAGO_ALWAYS_INLINE void
/* NOLINTNEXTLINE(readability-function-size) */
interpret(imago_vm *vm, imago_memory_kind kind)
{
	registers r = {.f = vm->frame};
	uint64_t left = vm->left;
	uint32_t prefixes = 0;
	step outcome = GO_ON;
	const char *reason = NULL;
	if (vm->look_around) {
		vm->frame = r.f;
		outcome = step_look(vm);
		r.f = vm->frame;
	}
	outcome = outcome == CHANGED ? GO_ON : outcome;
	while (outcome != ENDED && left > 0) {
		imago_oop value;
		uint32_t op;
		if (IMAGO_UNLIKELY(r.f.ip >= r.f.code_end)) {
			reason = "bytecodes run off the end of the method";
			break;
		}
		op = (uint32_t)*r.f.ip + (r.f.sista ? (uint32_t)SISTA : 0);
		uint32_t length = length_of(op);
		if (IMAGO_UNLIKELY((uint64_t)(r.f.code_end - r.f.ip) < length)) {
			reason = "the last bytecode is cut off";
			break;
		}
		const uint8_t *operands = r.f.ip + 1;
		r.f.ip += length;
		left--;
		switch (op) {
			/* ---- Pushes of both sets. */
			CASE_16(0)
			    : CASE_16(SISTA + 0) : if (!get_slot(vm, r.f.receiver, op & 15, &value, kind))
			{
				reason = "the receiver has no such slot";
				break;
			}
			reason = push(&r, value, kind) ? NULL : STACK_FULL;
			break;
			CASE_16(16) : if (!get_temp(&r, op & 15, &value, kind))
			{
				reason = "no such temporary";
				break;
			}
			reason = push(&r, value, kind) ? NULL : STACK_FULL;
			break;
			CASE_8(SISTA + 64)
			    : CASE_4((SISTA + 64) + 8) : if (!get_temp(&r, op - SISTA - 64, &value, kind))
			{
				reason = "no such temporary";
				break;
			}
			reason = push(&r, value, kind) ? NULL : STACK_FULL;
			break;
		case SISTA + 229:
			if (!get_temp(&r, operands[0], &value, kind)) {
				reason = "no such temporary";
				break;
			}
			reason = push(&r, value, kind) ? NULL : STACK_FULL;
			break;
			CASE_32(32) : CASE_32(SISTA + 32) : if (!get_literal(&r, op & 31, &value, kind))
			{
				reason = "no such literal";
				break;
			}
			reason = push(&r, value, kind) ? NULL : STACK_FULL;
			break;
			CASE_32(64) : if (!get_association(vm, &r, op & 31, &value, kind))
			{
				reason = "no such literal variable";
				break;
			}
			reason = push(&r, value, kind) ? NULL : STACK_FULL;
			break;
			CASE_16(SISTA + 16) : if (!get_association(vm, &r, op & 15, &value, kind))
			{
				reason = "no such literal variable";
				break;
			}
			reason = push(&r, value, kind) ? NULL : STACK_FULL;
			break;
		case 112:
		case SISTA + 76:
			reason = push(&r, r.f.receiver, kind) ? NULL : STACK_FULL;
			break;
			CASE_2(113) : case (113) + 2 : CASE_2(SISTA + 77) : case (SISTA + 77) + 2:
			{
				uint32_t which = op < SISTA ? op - 113 : op - SISTA - 77;
				value = which == 0   ? vm->memory->true_object
				        : which == 1 ? vm->memory->false_object
				                     : vm->memory->nil;
				reason = push(&r, value, kind) ? NULL : STACK_FULL;
				break;
			}
			CASE_4(116) : value = imago_memory_integer_oop(kind, (int64_t)op - 117);
			reason = push(&r, value, kind) ? NULL : STACK_FULL;
			break;
			CASE_2(SISTA + 80) : value = imago_memory_integer_oop(kind, (int64_t)op - SISTA - 80);
			reason = push(&r, value, kind) ? NULL : STACK_FULL;
			break;
		case 136:
		case SISTA + 83:
			if (!holds(&r, 1, kind)) {
				reason = STACK_EMPTY;
				break;
			}
			reason = push(&r, top(&r, kind), kind) ? NULL : STACK_FULL;
			break;
		case 137:
			leave(vm, &r, left);
			outcome = step_push_context(vm);
			break;
		case SISTA + 82:
			if (r.f.ext_b == 1) {
				r.f.ext_a = r.f.ext_b = 0;
				r.f.num_ext_b = 0;
				leave(vm, &r, left);
				outcome = step_push_process(vm);
				break;
			}
			leave(vm, &r, left);
			outcome = step_push_context(vm);
			break;

			/* ---- Pops and stores. */
			CASE_8(96) : CASE_8(SISTA + 200) : if (!holds(&r, 1, kind))
			{
				reason = STACK_EMPTY;
				break;
			}
			if (!put_slot(vm, r.f.receiver, op & 7, top(&r, kind), kind)) {
				reason = "the receiver has no such slot to store into";
				break;
			}
			r.f.sp -= imago_word_bytes(kind);
			break;
			CASE_8(104)
			    : CASE_8(SISTA + 208)
			    : if (!holds(&r, 1, kind) || !set_temp(&r, op & 7, top(&r, kind), kind))
			{
				reason = "no such temporary to store into";
				break;
			}
			r.f.sp -= imago_word_bytes(kind);
			break;
		case 135:
		case SISTA + 216:
			if (!holds(&r, 1, kind)) {
				reason = STACK_EMPTY;
				break;
			}
			r.f.sp -= imago_word_bytes(kind);
			break;

		/* ---- Extended pushes and stores of V3. */
		case 128: {
			uint32_t index = operands[0] & 63;
			bool found;
			switch (operands[0] >> 6) {
			case 0:
				found = get_slot(vm, r.f.receiver, index, &value, kind);
				break;
			case 1:
				found = get_temp(&r, index, &value, kind);
				break;
			case 2:
				found = get_literal(&r, index, &value, kind);
				break;
			default:
				found = get_association(vm, &r, index, &value, kind);
				break;
			}
			reason = !found                  ? "an extended push of what is not there"
			         : push(&r, value, kind) ? NULL
			                                 : STACK_FULL;
			break;
		}
		case 129:
		case 130: {
			uint32_t index = operands[0] & 63;
			if (!holds(&r, 1, kind)) {
				reason = STACK_EMPTY;
				break;
			}
			value = top(&r, kind);
			uint32_t where = operands[0] >> 6;
			bool stored = where == 0   ? put_slot(vm, r.f.receiver, index, value, kind)
			              : where == 1 ? set_temp(&r, index, value, kind)
			                           : where == 3 && put_association(vm, &r, index, value, kind);
			if (!stored) {
				reason = "an extended store into what is not there";
				break;
			}
			r.f.sp -= op == 130 ? imago_word_bytes(kind) : 0;
			break;
		}
		case 132: {
			uint32_t index = operands[1];
			bool done = true;
			switch (operands[0] >> 5) {
			case 0:
				leave(vm, &r, left);
				outcome = step_send_literal(vm, index, operands[0] & 31);
				break;
			case 1:
				leave(vm, &r, left);
				outcome = step_send_super(vm, index, operands[0] & 31);
				break;
			case 2:
				done = get_slot(vm, r.f.receiver, index, &value, kind) && push(&r, value, kind);
				break;
			case 3:
				done = get_literal(&r, index, &value, kind) && push(&r, value, kind);
				break;
			case 4:
				done = get_association(vm, &r, index, &value, kind) && push(&r, value, kind);
				break;
			case 5:
			case 6:
				done = holds(&r, 1, kind) && put_slot(vm, r.f.receiver, index, top(&r, kind), kind);
				r.f.sp -= done && operands[0] >> 5 == 6 ? imago_word_bytes(kind) : 0;
				break;
			default:
				done = holds(&r, 1, kind) && put_association(vm, &r, index, top(&r, kind), kind);
				break;
			}
			reason = done ? NULL : "a doubly extended push or store of what is not there";
			break;
		}

		/* ---- Sends. */
		case 131:
			leave(vm, &r, left);
			outcome = step_send_literal(vm, operands[0] & 31, operands[0] >> 5);
			break;
		case 133:
			leave(vm, &r, left);
			outcome = step_send_super(vm, operands[0] & 31, operands[0] >> 5);
			break;
		case 134:
			leave(vm, &r, left);
			outcome = step_send_literal(vm, operands[0] & 63, operands[0] >> 6);
			break;
			CASE_16(208) : CASE_16(SISTA + 128) : leave(vm, &r, left);
			outcome = step_send_literal(vm, op & 15, 0);
			break;
			CASE_16(224) : CASE_16(SISTA + 144) : leave(vm, &r, left);
			outcome = step_send_literal(vm, op & 15, 1);
			break;
			CASE_16(240) : CASE_16(SISTA + 160) : leave(vm, &r, left);
			outcome = step_send_literal(vm, op & 15, 2);
			break;
			CASE_32(176) : CASE_32(SISTA + 96) :
			{
				uint32_t index = op < SISTA ? op - 176 : op - SISTA - 96;
				if (short_cut(vm, &r, index, kind)) {
					break;
				}
				leave(vm, &r, left);
				outcome = step_send_special_selector(vm, index);
				break;
			}
		case SISTA + 234:
		case SISTA + 235: {
			uint32_t index = (operands[0] >> 3) + ((uint32_t)r.f.ext_a << 5);
			uint32_t ext = (uint32_t)r.f.ext_b;
			r.f.ext_a = r.f.ext_b = 0;
			r.f.num_ext_b = 0;
			if (op == SISTA + 234) {
				leave(vm, &r, left);
				outcome = step_send_literal(vm, index, (operands[0] & 7) + ext * 8);
				break;
			}
			if (ext >= 64) {
				leave(vm, &r, left);
				outcome = step_send_super_directed(vm, index, (operands[0] & 7) + (ext - 64) * 8);
				break;
			}
			leave(vm, &r, left);
			outcome = step_send_super(vm, index, (operands[0] & 7) + ext * 8);
			break;
		}

		/* ---- Returns. */
		case 120:
		case SISTA + 88:
			leave(vm, &r, left);
			outcome = step_judge(vm, vm_return_from_method(vm, vm->frame.receiver));
			break;
			CASE_2(121) : case (121) + 2 : CASE_2(SISTA + 89) : case (SISTA + 89) + 2:
			{
				uint32_t which = op < SISTA ? op - 121 : op - SISTA - 89;
				value = which == 0   ? vm->memory->true_object
				        : which == 1 ? vm->memory->false_object
				                     : vm->memory->nil;
				leave(vm, &r, left);
				outcome = step_judge(vm, vm_return_from_method(vm, value));
				break;
			}
		case 124:
		case SISTA + 92:
			if (!holds(&r, 1, kind)) {
				reason = STACK_EMPTY;
				break;
			}
			value = top(&r, kind);
			r.f.sp -= imago_word_bytes(kind);
			leave(vm, &r, left);
			outcome = step_judge(vm, vm_return_from_method(vm, value));
			break;
		case SISTA + 93:
			leave(vm, &r, left);
			outcome = step_judge(vm, vm_return_from_block(vm, vm_nil(vm)));
			break;
		case 125:
		case SISTA + 94:
			if (!holds(&r, 1, kind)) {
				reason = STACK_EMPTY;
				break;
			}
			value = top(&r, kind);
			r.f.sp -= imago_word_bytes(kind);
			r.f.ext_a = r.f.ext_b = 0;
			r.f.num_ext_b = 0;
			leave(vm, &r, left);
			outcome = step_judge(vm, vm_return_from_block(vm, value));
			break;

			/* ---- Jumps. */
			CASE_8(144)
			    : CASE_8(SISTA + 176)
			    : reason = jump(&r, (int32_t)(op & 7) + 1) ? NULL : "a jump out of the method";
			break;
			CASE_8(160) : case SISTA + 237:
			{
				int32_t distance = op < SISTA ? ((int32_t)(op & 7) - 4) * 256 + operands[0]
				                              : (int32_t)operands[0] + r.f.ext_b * 256;
				r.f.ext_a = r.f.ext_b = 0;
				r.f.num_ext_b = 0;
				reason = jump(&r, distance) ? NULL : "a jump out of the method";
				if (distance < 0 && vm->look_around && reason == NULL) {
					leave(vm, &r, left);
					outcome = step_look(vm);
					break;
				}
				break;
			}
			CASE_8(152) : CASE_8(168) : CASE_16(SISTA + 184) : CASE_2(SISTA + 238) :
			{
				bool on_true = (op >= 168 && op < 172) || (op >= SISTA + 184 && op < SISTA + 192) ||
				               op == SISTA + 238;
				int32_t distance = op < 160 || (op >= SISTA && op < SISTA + 200)
				                       ? (int32_t)(op & 7) + 1
				                   : op < SISTA ? (int32_t)(op & 3) * 256 + operands[0]
				                                : (int32_t)operands[0] + r.f.ext_b * 256;
				r.f.ext_a = r.f.ext_b = 0;
				r.f.num_ext_b = 0;
				if (!holds(&r, 1, kind)) {
					reason = STACK_EMPTY;
					break;
				}
				value = top(&r, kind);
				bool is_true = value == vm->memory->true_object;
				if (IMAGO_UNLIKELY(!is_true && value != vm->memory->false_object)) {
					leave(vm, &r, left);
					outcome = step_must_be_boolean(vm);
					break;
				}
				r.f.sp -= imago_word_bytes(kind);
				if (is_true == on_true) {
					reason = jump(&r, distance) ? NULL : "a jump out of the method";
				}
				break;
			}

		/* ---- Arrays, closures, vectors of temporaries. */
		case 138:
		case SISTA + 231:
			leave(vm, &r, left);
			outcome = step_push_array(vm, operands[0] & 127, operands[0] > 127);
			break;
		case 140:
		case SISTA + 251:
			if (!get_temp(&r, operands[1], &value, kind) ||
			    !get_slot(vm, value, operands[0], &value, kind)) {
				reason = "no such element in a vector of temporaries";
				break;
			}
			reason = push(&r, value, kind) ? NULL : STACK_FULL;
			break;
		case 141:
		case 142:
		case SISTA + 252:
		case SISTA + 253:
			if (!holds(&r, 1, kind) || !get_temp(&r, operands[1], &value, kind) ||
			    !put_slot(vm, value, operands[0], top(&r, kind), kind)) {
				reason = "no such element to store into in a vector of temporaries";
				break;
			}
			r.f.sp -= op == 142 || op == SISTA + 253 ? imago_word_bytes(kind) : 0;
			break;
		case 143:
			leave(vm, &r, left);
			outcome = step_push_closure(vm, operands[0] & 15, operands[0] >> 4,
			                            (uint32_t)operands[1] << 8 | operands[2]);
			break;
		case SISTA + 250: {
			uint32_t ext_a = (uint32_t)r.f.ext_a;
			uint32_t num_args = (operands[0] & 7) + (ext_a & 15) * 8;
			uint32_t num_copied = (operands[0] >> 3 & 7) + (ext_a >> 4) * 8;
			uint32_t size = operands[1] + ((uint32_t)r.f.ext_b << 8);
			r.f.ext_a = r.f.ext_b = 0;
			r.f.num_ext_b = 0;
			leave(vm, &r, left);
			outcome = step_push_closure(vm, num_args, num_copied, size);
			break;
		}
		case SISTA + 249: {
			uint32_t literal = operands[0] + ((uint32_t)r.f.ext_a << 8);
			r.f.ext_a = r.f.ext_b = 0;
			r.f.num_ext_b = 0;
			leave(vm, &r, left);
			outcome = step_push_full_closure(vm, literal, operands[1]);
			break;
		}

		/* ---- A primitive that failed: on to the code behind it. */
		case 139:
		case SISTA + 248:
			if (vm->primitive_error != 0 && r.f.ip < r.f.code_end &&
			    *r.f.ip == (op < SISTA ? 129 : 245)) {
				vm->frame = r.f;
				step_store_error(vm);
				r.f = vm->frame;
			}
			break;

		/* ---- The rest of the second set. */
		case SISTA + 95:
			break;
		case SISTA + 224:
			r.f.ext_a = r.f.ext_a * 256 + operands[0];
			if (r.f.ext_a >= MAX_EXTENSION || ++prefixes > MAX_PREFIXES) {
				reason = "too many extensions";
				break;
			}
			left++; /* counted with its bytecode: a run is never cut between the two */
			continue;
		case SISTA + 225:
			r.f.ext_b = r.f.num_ext_b++ == 0 && operands[0] > 127 ? operands[0] - 256
			                                                      : r.f.ext_b * 256 + operands[0];
			if (r.f.ext_b >= MAX_EXTENSION || r.f.ext_b < -MAX_EXTENSION ||
			    ++prefixes > MAX_PREFIXES) {
				reason = "too many extensions";
				break;
			}
			left++;
			continue;
		case SISTA + 226:
		case SISTA + 227:
		case SISTA + 228: {
			uint32_t index = operands[0] + ((uint32_t)r.f.ext_a << 8);
			bool found = op == SISTA + 226   ? get_slot(vm, r.f.receiver, index, &value, kind)
			             : op == SISTA + 227 ? get_association(vm, &r, index, &value, kind)
			                                 : get_literal(&r, index, &value, kind);
			reason = !found                  ? "an extended push of what is not there"
			         : push(&r, value, kind) ? NULL
			                                 : STACK_FULL;
			break;
		}
		case SISTA + 232:
			value = imago_memory_integer_oop(kind, (int64_t)operands[0] + (int64_t)r.f.ext_b * 256);
			reason = push(&r, value, kind) ? NULL : STACK_FULL;
			break;
		case SISTA + 233: {
			uint64_t code = (uint64_t)operands[0] + (uint64_t)(uint32_t)r.f.ext_b * 256;
			value = code << (kind.wide ? 3 : 2) | 2;
			reason = kind.v3 || code > 0x3FFFFFFF ? "no such character"
			         : push(&r, value, kind)      ? NULL
			                                      : STACK_FULL;
			break;
		}
		case SISTA + 240:
		case SISTA + 243: {
			uint32_t index = operands[0] + ((uint32_t)r.f.ext_a << 8);
			if (!holds(&r, 1, kind) || !put_slot(vm, r.f.receiver, index, top(&r, kind), kind)) {
				reason = "the receiver has no such slot to store into";
				break;
			}
			r.f.sp -= op == SISTA + 240 ? imago_word_bytes(kind) : 0;
			break;
		}
		case SISTA + 241:
		case SISTA + 244: {
			uint32_t index = operands[0] + ((uint32_t)r.f.ext_a << 8);
			if (!holds(&r, 1, kind) || !put_association(vm, &r, index, top(&r, kind), kind)) {
				reason = "no such literal variable to store into";
				break;
			}
			r.f.sp -= op == SISTA + 241 ? imago_word_bytes(kind) : 0;
			break;
		}
		case SISTA + 242:
		case SISTA + 245:
			if (!holds(&r, 1, kind) || !set_temp(&r, operands[0], top(&r, kind), kind)) {
				reason = "no such temporary to store into";
				break;
			}
			r.f.sp -= op == SISTA + 242 ? imago_word_bytes(kind) : 0;
			break;
		default:
			reason = "an unused bytecode";
			break;
		}
		if (outcome != GO_ON) {
			r.f = vm->frame;
			if (outcome == ENDED) {
				break;
			}
			outcome = GO_ON;
		}
		r.f.ext_a = r.f.ext_b = 0;
		r.f.num_ext_b = prefixes = 0;
		if (IMAGO_UNLIKELY(reason != NULL)) {
			break;
		}
	}
	leave(vm, &r, left);
	if (reason != NULL) {
		vm_violation(vm, reason);
	}
}

void
vm_interpret(imago_vm *vm)
{
	const imago_memory_kind v3 = {.v3 = true, .wide = false};
	const imago_memory_kind narrow = {.v3 = false, .wide = false};
	const imago_memory_kind wide = {.v3 = false, .wide = true};
	if (vm->kind.v3) {
		interpret(vm, v3);
	} else if (vm->kind.wide) {
		interpret(vm, wide);
	} else {
		interpret(vm, narrow);
	}
}

/* interpret.c: the bytecodes of both sets (formats/bytecodes.md §1, §2).
 *
 * One body, instantiated as loops: with care, for whatever code there is; and without, for frames
 * whose code was admitted (admit.c), once for each kind of memory. A loop is left when the active
 * frame is one for the other. What bytecodes use most of the frame is a local copy, which compilers
 * keep in registers; whatever looks at the machine from outside gets it back first.
 */
#include "calls.h"
#include "frame_access.h"
#include "frequent.h"
#include "steps.h"

enum {
	MAX_EXTENSION = 1 << 23,
	MAX_PREFIXES = 4, /* of one bytecode */
};

#define OUT_OF_METHOD "a jump out of the method"

/* Long, as a switch over all bytecodes is. */
IMAGO_ALWAYS_INLINE void
/* NOLINTNEXTLINE(readability-function-size) */
interpret(imago_vm *vm, const loop_mode m)
{
	const imago_memory_kind kind = m.kind;
	uint32_t prefixes = 0;
	registers r = {.left = vm->left};
	step outcome = GO_ON;
	const char *reason = NULL;
	bool changes_loop = false;
	fetch(vm, &r);
	while (r.left > 0) {
		imago_oop value;
		uint32_t selector;
		uint32_t count;
		uint32_t op;
		const uint8_t *operands;
		if (m.careful && IMAGO_UNLIKELY(r.ip >= vm->frame.code_end)) {
			reason = "bytecodes run off the end of the method";
			break;
		}
		op = *r.ip + r.set;
		if (m.careful &&
		    IMAGO_UNLIKELY((uint64_t)(vm->frame.code_end - r.ip) < vm_bytecode_length(op))) {
			reason = "the last bytecode is cut off";
			break;
		}
		operands = ++r.ip;
		r.left--;
	dispatch:
		switch (op) {
			/* ---- Pushes of both sets. */
			CASE_16(0)
			    : CASE_16(SISTA + 0)
			    : push_slot : if (!get_slot(&r, r.receiver, op & 15, &value, kind))
			{
				reason = "the receiver has no such slot";
				break;
			}
			PUSH(value);
			CASE_16(16) : push_temp : if (!get_temp(vm, &r, op & 15, &value, m))
			{
				reason = "no such temporary";
				break;
			}
			PUSH(value);
			CASE_8(SISTA + 64)
			    : CASE_4((SISTA + 64) + 8)
			    : push_temp_sista : if (!get_temp(vm, &r, op - SISTA - 64, &value, m))
			{
				reason = "no such temporary";
				break;
			}
			PUSH(value);
		case SISTA + 229:
			r.ip += 1;
			if (!get_temp(vm, &r, operands[0], &value, m)) {
				reason = "no such temporary";
				break;
			}
			PUSH(value);
			CASE_32(32)
			    : CASE_32(SISTA + 32) : push_literal : if (!get_literal(vm, &r, op & 31, &value, m))
			{
				reason = "no such literal";
				break;
			}
			PUSH(value);
			CASE_32(64) : push_variable : if (!get_association(vm, &r, op & 31, &value, m))
			{
				reason = "no such literal variable";
				break;
			}
			PUSH(value);
			CASE_16(SISTA + 16)
			    : push_variable_sista : if (!get_association(vm, &r, op & 15, &value, m))
			{
				reason = "no such literal variable";
				break;
			}
			PUSH(value);
		case 112:
		case SISTA + 76:
		push_self:
			PUSH(r.receiver);
			CASE_2(113)
			    : case (113) + 2 : CASE_2(SISTA + 77) : case (SISTA + 77) + 2 : push_constant:
			{
				uint32_t which = op < SISTA ? op - 113 : op - SISTA - 77;
				value = which == 0   ? vm->memory->true_object
				        : which == 1 ? vm->memory->false_object
				                     : vm->memory->nil;
				PUSH(value);
			}
			CASE_4(116) : push_integer : value = imago_memory_integer_oop(kind, (int64_t)op - 117);
			PUSH(value);
			CASE_2(SISTA + 80)
			    : push_integer_sista : value =
			                               imago_memory_integer_oop(kind, (int64_t)op - SISTA - 80);
			PUSH(value);
		case 136:
		case SISTA + 83:
			if (!holds(vm, &r, 1, m)) {
				reason = STACK_EMPTY;
				break;
			}
			PUSH(top(&r, m));
		case 137:
			leave(vm, &r);
			outcome = step_push_context(vm);
			break;
		case SISTA + 82:
			if (vm->frame.ext_b == 1) {
				clear_extensions(vm);
				leave(vm, &r);
				outcome = step_push_process(vm);
				break;
			}
			leave(vm, &r);
			outcome = step_push_context(vm);
			break;

			/* ---- Pops and stores. */
			CASE_8(96) : CASE_8(SISTA + 200) : pop_slot : if (!holds(vm, &r, 1, m))
			{
				reason = STACK_EMPTY;
				break;
			}
			if (!put_slot(vm, &r, r.receiver, op & 7, top(&r, m), kind)) {
				reason = "the receiver has no such slot to store into";
				break;
			}
			drop(&r, m);
			goto next_pop;
			CASE_8(104)
			    : CASE_8(SISTA + 208)
			    : pop_temp : if (!holds(vm, &r, 1, m) || !set_temp(vm, &r, op & 7, top(&r, m), m))
			{
				reason = "no such temporary to store into";
				break;
			}
			drop(&r, m);
			goto next_pop;
		case 135:
		case SISTA + 216:
		pop:
			if (!holds(vm, &r, 1, m)) {
				reason = STACK_EMPTY;
				break;
			}
			drop(&r, m);
			goto next_pop;

		/* ---- Extended pushes and stores of V3. */
		case 128: {
			r.ip += 1;
			uint32_t index = operands[0] & 63;
			bool found;
			switch (operands[0] >> 6) {
			case 0:
				found = get_slot(&r, r.receiver, index, &value, kind);
				break;
			case 1:
				found = get_temp(vm, &r, index, &value, m);
				break;
			case 2:
				found = get_literal(vm, &r, index, &value, m);
				break;
			default:
				found = get_association(vm, &r, index, &value, m);
				break;
			}
			reason = !found                   ? "an extended push of what is not there"
			         : push(vm, &r, value, m) ? NULL
			                                  : STACK_FULL;
			break;
		}
		case 129:
		case 130: {
			r.ip += 1;
			uint32_t index = operands[0] & 63;
			if (!holds(vm, &r, 1, m)) {
				reason = STACK_EMPTY;
				break;
			}
			value = top(&r, m);
			uint32_t where = operands[0] >> 6;
			bool stored = where == 0   ? put_slot(vm, &r, r.receiver, index, value, kind)
			              : where == 1 ? set_temp(vm, &r, index, value, m)
			                           : where == 3 && put_association(vm, &r, index, value, m);
			if (!stored) {
				reason = "an extended store into what is not there";
				break;
			}
			r.sp -= op == 130 ? imago_word_bytes(kind) : 0;
			break;
		}
		case 132: {
			r.ip += 2;
			uint32_t index = operands[1];
			bool done = true;
			switch (operands[0] >> 5) {
			case 0:
				leave(vm, &r);
				outcome = step_send_literal(vm, index, operands[0] & 31);
				break;
			case 1:
				leave(vm, &r);
				outcome = step_send_super(vm, index, operands[0] & 31);
				break;
			case 2:
				done = get_slot(&r, r.receiver, index, &value, kind) && push(vm, &r, value, m);
				break;
			case 3:
				done = get_literal(vm, &r, index, &value, m) && push(vm, &r, value, m);
				break;
			case 4:
				done = get_association(vm, &r, index, &value, m) && push(vm, &r, value, m);
				break;
			case 5:
			case 6:
				done = holds(vm, &r, 1, m) && put_slot(vm, &r, r.receiver, index, top(&r, m), kind);
				r.sp -= done && operands[0] >> 5 == 6 ? imago_word_bytes(kind) : 0;
				break;
			default:
				done = holds(vm, &r, 1, m) && put_association(vm, &r, index, top(&r, m), m);
				break;
			}
			reason = done ? NULL : "a doubly extended push or store of what is not there";
			break;
		}

		/* ---- Sends. */
		case 131:
			r.ip += 1;
			SEND(operands[0] & 31U, operands[0] >> 5);
		case 134:
			r.ip += 1;
			SEND(operands[0] & 63U, operands[0] >> 6);
			CASE_16(208) : CASE_16(SISTA + 128) : send_0 : SEND(op & 15, 0);
			CASE_16(224) : CASE_16(SISTA + 144) : send_1 : SEND(op & 15, 1);
			CASE_16(240) : CASE_16(SISTA + 160) : send_2 : SEND(op & 15, 2);
		case 133:
			r.ip += 1;
			leave(vm, &r);
			outcome = step_send_super(vm, operands[0] & 31, operands[0] >> 5);
			break;
			FREQUENT_SPECIAL(0)
			FREQUENT_SPECIAL(1)
			FREQUENT_SPECIAL(2)
			FREQUENT_SPECIAL(3)
			FREQUENT_SPECIAL(4)
			FREQUENT_SPECIAL(5)
			FREQUENT_SPECIAL(6)
			SPECIAL(7)
			FREQUENT_SPECIAL(8)
			SPECIAL(9)
			SPECIAL(10)
			SPECIAL(12)
			SPECIAL(13)
			SPECIAL(14)
			SPECIAL(15)
			SPECIAL(22)
			SPECIAL(23)
			SPECIAL(24)
		case 187:
		case SISTA + 107:
			CASE_4(192)
			    : CASE_2(196)
			    : CASE_4(201)
			    : CASE_2(205)
			    : case 207 : CASE_4(SISTA + 112)
			    : CASE_2(SISTA + 116)
			    : CASE_4(SISTA + 121)
			    : CASE_2(SISTA + 125)
			    : case SISTA + 127 : send_special : selector = op - (op < SISTA ? 176 : SISTA + 96);
			count = vm_special_args(selector);
			if (!m.careful && special_selector(vm, &r, selector, count, &value, kind) &&
			    send_here(vm, &r, value, count, kind)) {
				goto next_send;
			}
			leave(vm, &r);
			outcome = step_send_special_selector(vm, selector);
			break;
		case SISTA + 234:
		case SISTA + 235: {
			uint32_t index = (operands[0] >> 3) + ((uint32_t)vm->frame.ext_a << 5);
			uint32_t ext = (uint32_t)vm->frame.ext_b;
			r.ip += 1;
			clear_extensions(vm);
			if (op == SISTA + 234) {
				SEND(index, (operands[0] & 7) + ext * 8);
			}
			leave(vm, &r);
			outcome = ext >= 64
			              ? step_send_super_directed(vm, index, (operands[0] & 7) + (ext - 64) * 8)
			              : step_send_super(vm, index, (operands[0] & 7) + ext * 8);
			break;
		}

		/* ---- Returns. */
		case 120:
		case SISTA + 88:
		return_self:
			RETURN(r.receiver);
		case 121:
		case SISTA + 89:
			RETURN(vm->memory->true_object);
		case 122:
		case SISTA + 90:
			RETURN(vm->memory->false_object);
		case 123:
		case SISTA + 91:
			RETURN(vm->memory->nil);
		case 124:
		case SISTA + 92:
		return_top:
			if (!holds(vm, &r, 1, m)) {
				reason = STACK_EMPTY;
				break;
			}
			value = top(&r, m);
			drop(&r, m);
			RETURN(value);
		case SISTA + 93:
			RETURN_FROM_BLOCK(vm->memory->nil);
		case 125:
		case SISTA + 94:
			if (!holds(vm, &r, 1, m)) {
				reason = STACK_EMPTY;
				break;
			}
			value = top(&r, m);
			drop(&r, m);
			clear_extensions(vm);
			RETURN_FROM_BLOCK(value);

			/* ---- Jumps. */
			CASE_8(144)
			    : CASE_8(SISTA + 176) : jump_near : if (!jump(vm, &r, (int32_t)(op & 7) + 1, m))
			{
				reason = OUT_OF_METHOD;
				break;
			}
			goto next_jump;
			CASE_8(160) : case SISTA + 237 : jump_far:
			{
				int32_t distance = op < SISTA ? ((int32_t)(op & 7) - 4) * 256 + operands[0]
				                              : (int32_t)operands[0] + vm->frame.ext_b * 256;
				r.ip += 1;
				clear_extensions(vm);
				if (!jump(vm, &r, distance, m)) {
					reason = OUT_OF_METHOD;
					break;
				}
				if (distance < 0 && IMAGO_UNLIKELY(vm->look_around)) {
					leave(vm, &r);
					outcome = step_look(vm);
					break;
				}
				goto next_jump;
			}
			CASE_8(152) : CASE_8(SISTA + 192) : BRANCH(false, (int32_t)(op & 7) + 1);
			CASE_8(SISTA + 184) : BRANCH(true, (int32_t)(op & 7) + 1);
			CASE_4(168) : r.ip += 1;
			BRANCH(true, (int32_t)(op & 3) * 256 + operands[0]);
			CASE_4(172) : r.ip += 1;
			BRANCH(false, (int32_t)(op & 3) * 256 + operands[0]);
		case SISTA + 238:
		case SISTA + 239: {
			int32_t distance = (int32_t)operands[0] + vm->frame.ext_b * 256;
			r.ip += 1;
			clear_extensions(vm);
			BRANCH(op == SISTA + 238, distance);
		}

		/* ---- Arrays, closures, vectors of temporaries. */
		case 138:
		case SISTA + 231:
			r.ip += 1;
			leave(vm, &r);
			outcome = step_push_array(vm, operands[0] & 127, operands[0] > 127);
			break;
		case 140:
		case SISTA + 251:
			r.ip += 2;
			if (!get_temp(vm, &r, operands[1], &value, m) ||
			    !get_slot(&r, value, operands[0], &value, kind)) {
				reason = "no such element in a vector of temporaries";
				break;
			}
			PUSH(value);
		case 141:
		case 142:
		case SISTA + 252:
		case SISTA + 253:
			r.ip += 2;
			if (!holds(vm, &r, 1, m) || !get_temp(vm, &r, operands[1], &value, m) ||
			    !put_slot(vm, &r, value, operands[0], top(&r, m), kind)) {
				reason = "no such element to store into in a vector of temporaries";
				break;
			}
			r.sp -= op == 142 || op == SISTA + 253 ? imago_word_bytes(kind) : 0;
			break;
		case 143:
			r.ip += 3;
			leave(vm, &r);
			outcome = step_push_closure(vm, operands[0] & 15, operands[0] >> 4,
			                            (uint32_t)operands[1] << 8 | operands[2]);
			break;
		case SISTA + 250: {
			r.ip += 2;
			uint32_t ext_a = (uint32_t)vm->frame.ext_a;
			uint32_t num_args = (operands[0] & 7) + (ext_a & 15) * 8;
			uint32_t num_copied = (operands[0] >> 3 & 7) + (ext_a >> 4) * 8;
			uint32_t size = operands[1] + ((uint32_t)vm->frame.ext_b << 8);
			clear_extensions(vm);
			leave(vm, &r);
			outcome = step_push_closure(vm, num_args, num_copied, size);
			break;
		}
		case SISTA + 249: {
			r.ip += 2;
			uint32_t literal = operands[0] + ((uint32_t)vm->frame.ext_a << 8);
			clear_extensions(vm);
			leave(vm, &r);
			outcome = step_push_full_closure(vm, literal, operands[1]);
			break;
		}

		/* ---- A primitive that failed: on to the code behind it. */
		case 139:
		case SISTA + 248:
			r.ip += 2;
			if (vm->primitive_error != 0 && r.ip < vm->frame.code_end &&
			    *r.ip == (op < SISTA ? 129 : 245)) {
				leave(vm, &r);
				step_store_error(vm);
			}
			break;

		/* ---- The rest of the second set. */
		case SISTA + 95:
			break;
		case SISTA + 224:
			r.ip += 1;
			vm->frame.ext_a = vm->frame.ext_a * 256 + operands[0];
			if (vm->frame.ext_a >= MAX_EXTENSION || (m.careful && ++prefixes > MAX_PREFIXES)) {
				reason = "too many extensions";
				break;
			}
			r.left++; /* counted with its bytecode: a run is never cut between the two */
			continue;
		case SISTA + 225:
			r.ip += 1;
			vm->frame.ext_b = vm->frame.num_ext_b++ == 0 && operands[0] > 127
			                      ? operands[0] - 256
			                      : vm->frame.ext_b * 256 + operands[0];
			if (vm->frame.ext_b >= MAX_EXTENSION || vm->frame.ext_b < -MAX_EXTENSION ||
			    (m.careful && ++prefixes > MAX_PREFIXES)) {
				reason = "too many extensions";
				break;
			}
			r.left++;
			continue;
		case SISTA + 226:
		case SISTA + 227:
		case SISTA + 228: {
			uint32_t index = operands[0] + ((uint32_t)vm->frame.ext_a << 8);
			r.ip += 1;
			clear_extensions(vm);
			bool found = op == SISTA + 226   ? get_slot(&r, r.receiver, index, &value, kind)
			             : op == SISTA + 227 ? get_association(vm, &r, index, &value, m)
			                                 : get_literal(vm, &r, index, &value, m);
			reason = !found                   ? "an extended push of what is not there"
			         : push(vm, &r, value, m) ? NULL
			                                  : STACK_FULL;
			break;
		}
		case SISTA + 232:
			r.ip += 1;
			value = imago_memory_integer_oop(kind,
			                                 (int64_t)operands[0] + (int64_t)vm->frame.ext_b * 256);
			clear_extensions(vm);
			PUSH(value);
		case SISTA + 233: {
			uint64_t code = (uint64_t)operands[0] + (uint64_t)(uint32_t)vm->frame.ext_b * 256;
			r.ip += 1;
			clear_extensions(vm);
			value = code << (kind.wide ? 3 : 2) | 2;
			reason = kind.v3 || code > 0x3FFFFFFF ? "no such character"
			         : push(vm, &r, value, m)     ? NULL
			                                      : STACK_FULL;
			break;
		}
		case SISTA + 240:
		case SISTA + 243: {
			uint32_t index = operands[0] + ((uint32_t)vm->frame.ext_a << 8);
			r.ip += 1;
			clear_extensions(vm);
			if (!holds(vm, &r, 1, m) || !put_slot(vm, &r, r.receiver, index, top(&r, m), kind)) {
				reason = "the receiver has no such slot to store into";
				break;
			}
			r.sp -= op == SISTA + 240 ? imago_word_bytes(kind) : 0;
			break;
		}
		case SISTA + 241:
		case SISTA + 244: {
			uint32_t index = operands[0] + ((uint32_t)vm->frame.ext_a << 8);
			r.ip += 1;
			clear_extensions(vm);
			if (!holds(vm, &r, 1, m) || !put_association(vm, &r, index, top(&r, m), m)) {
				reason = "no such literal variable to store into";
				break;
			}
			r.sp -= op == SISTA + 241 ? imago_word_bytes(kind) : 0;
			break;
		}
		case SISTA + 242:
		case SISTA + 245:
			r.ip += 1;
			if (!holds(vm, &r, 1, m) || !set_temp(vm, &r, operands[0], top(&r, m), m)) {
				reason = "no such temporary to store into";
				break;
			}
			r.sp -= op == SISTA + 242 ? imago_word_bytes(kind) : 0;
			break;
		send_literal:
			if (!m.careful && get_literal(vm, &r, selector, &value, m) &&
			    send_here(vm, &r, value, count, kind)) {
				goto next_send;
			}
			leave(vm, &r);
			outcome = step_send_literal(vm, selector, count);
			break;
		return_from_method:
			if (!m.careful && return_here(vm, &r, value, false, kind)) {
				goto next_return;
			}
			leave(vm, &r);
			outcome = step_judge(vm, vm_return_from_method(vm, value));
			break;
		return_from_block:
			if (!m.careful && return_here(vm, &r, value, true, kind)) {
				goto next_return;
			}
			leave(vm, &r);
			outcome = step_judge(vm, vm_return_from_block(vm, value));
			break;
		/* ---- On with the next one: places of their own (frequent.h), in which the same is meant
		 * to stand. NOLINTBEGIN(bugprone-branch-clone) */
		next_push:
			GO_ON_FROM_HERE
		next_pop:
			GO_ON_FROM_HERE
		next_special:
			GO_ON_FROM_HERE
		next_jump:
			GO_ON_FROM_HERE
		next_send:
			GO_ON_FROM_HERE
		next_return:
			GO_ON_WITH_NEXT
		/* NOLINTEND(bugprone-branch-clone) */
		default:
			r.ip += vm_bytecode_length(op) - 1;
			reason = "an unused bytecode";
			break;
		}
		if (outcome != GO_ON) {
			fetch(vm, &r);
			if (outcome == ENDED) {
				break;
			}
			outcome = GO_ON;
			changes_loop = vm->frame.trusted == m.careful;
		}
		if (m.careful) {
			clear_extensions(vm);
			prefixes = 0;
		}
		if (IMAGO_UNLIKELY(reason != NULL || changes_loop)) {
			break;
		}
	}
	leave(vm, &r);
	if (reason != NULL) {
		vm_violation(vm, reason);
	}
}

/* The loops: kinds of memory, with and without care. */
static void
run_narrow(imago_vm *vm)
{
	const imago_memory_kind kind = {.v3 = false, .wide = false};
	interpret(vm, (loop_mode){.kind = kind, .careful = false});
}

static void
run_wide(imago_vm *vm)
{
	const imago_memory_kind kind = {.v3 = false, .wide = true};
	interpret(vm, (loop_mode){.kind = kind, .careful = false});
}

/* Over an object table: twice the code of the others, so there is one for wide memories only. */
static void
run_wide_tabled(imago_vm *vm)
{
	const imago_memory_kind kind = {.wide = true, .tabled = true};
	interpret(vm, (loop_mode){.kind = kind, .careful = false});
}

static void
run_v3(imago_vm *vm)
{
	const imago_memory_kind kind = {.v3 = true, .wide = false};
	interpret(vm, (loop_mode){.kind = kind, .careful = false});
}

static void
run_carefully(imago_vm *vm)
{
	const imago_memory_kind kind = {.v3 = vm->kind.v3, .wide = vm->kind.wide, .tabled = false};
	interpret(vm, (loop_mode){.kind = kind, .careful = true});
}

static void
run_tabled_carefully(imago_vm *vm)
{
	const imago_memory_kind kind = {.v3 = false, .wide = vm->kind.wide, .tabled = true};
	interpret(vm, (loop_mode){.kind = kind, .careful = true});
}

void
vm_interpret(imago_vm *vm)
{
	if (vm->look_around && step_look(vm) == ENDED) {
		return;
	}
	while (!vm->stopped && vm->left > 0) {
		if (vm->kind.tabled && !(vm->kind.wide && vm->frame.trusted)) {
			run_tabled_carefully(vm);
		} else if (!vm->frame.trusted) {
			run_carefully(vm);
		} else if (vm->kind.v3) {
			run_v3(vm);
		} else if (vm->kind.tabled) {
			run_wide_tabled(vm);
		} else if (vm->kind.wide) {
			run_wide(vm);
		} else {
			run_narrow(vm);
		}
	}
}

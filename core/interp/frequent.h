/* frequent.h: what bytecodes of the loop end with, and from there to the next one, without the
 * loop's head in between.
 *
 * Processors predict where an indirect jump leads by where it stands. With one jump for all
 * bytecodes they have little to go by; so those that make up most of what is executed (the second
 * bytecodes of frequent pairs) are gone to from several places: behind pushes, arithmetic,
 * branches, sends, returns, and the rest. Computed goto would not do: no function that has it is
 * inlined, and the body of the loops is, once for each kind of memory. A place behind each bytecode
 * gained no more on the whole, and took compilers minutes.
 */
#ifndef IMAGO_INTERP_FREQUENT_H
#define IMAGO_INTERP_FREQUENT_H

/* Bytecodes that come in runs. */
#define CASE_2(first) \
	case (first):     \
	case (first) + 1
#define CASE_4(first)  CASE_2(first) : CASE_2((first) + 2)
#define CASE_8(first)  CASE_4(first) : CASE_4((first) + 4)
#define CASE_16(first) CASE_8(first) : CASE_8((first) + 8)
#define CASE_32(first) CASE_16(first) : CASE_16((first) + 16)

/* One of both sets of bytecodes: */
#define CASE_BOTH(v3, sista) \
	case (v3):               \
	case SISTA + (sista)

/* The labels of frequent bytecodes; others are for the loop's switch. */
#define GO_TO_FREQUENT(op)                                                    \
	switch (op) {                                                             \
		CASE_16(0) : CASE_16(SISTA + 0) : goto push_slot;                     \
		CASE_16(16) : goto push_temp;                                         \
		CASE_8(SISTA + 64) : CASE_4((SISTA + 64) + 8) : goto push_temp_sista; \
		CASE_32(32) : CASE_32(SISTA + 32) : goto push_literal;                \
		CASE_32(64) : goto push_variable;                                     \
		CASE_16(SISTA + 16) : goto push_variable_sista;                       \
		CASE_BOTH(112, 76) : goto push_self;                                  \
		CASE_BOTH(113, 77) : goto push_constant;                              \
		CASE_BOTH(114, 78) : goto push_constant;                              \
		CASE_BOTH(115, 79) : goto push_constant;                              \
		CASE_4(116) : goto push_integer;                                      \
		CASE_2(SISTA + 80) : goto push_integer_sista;                         \
		CASE_8(96) : CASE_8(SISTA + 200) : goto pop_slot;                     \
		CASE_8(104) : CASE_8(SISTA + 208) : goto pop_temp;                    \
		CASE_BOTH(135, 216) : goto pop;                                       \
		CASE_16(208) : CASE_16(SISTA + 128) : goto send_0;                    \
		CASE_16(224) : CASE_16(SISTA + 144) : goto send_1;                    \
		CASE_16(240) : CASE_16(SISTA + 160) : goto send_2;                    \
		CASE_BOTH(176, 96) : goto special_0;                                  \
		CASE_BOTH(177, 97) : goto special_1;                                  \
		CASE_BOTH(178, 98) : goto special_2;                                  \
		CASE_BOTH(179, 99) : goto special_3;                                  \
		CASE_BOTH(180, 100) : goto special_4;                                 \
		CASE_BOTH(181, 101) : goto special_5;                                 \
		CASE_BOTH(182, 102) : goto special_6;                                 \
		CASE_BOTH(184, 104) : goto special_8;                                 \
		CASE_BOTH(192, 112) : goto send_special;                              \
		CASE_BOTH(193, 113) : goto send_special;                              \
		CASE_BOTH(194, 114) : goto send_special;                              \
		CASE_BOTH(201, 121) : goto send_special;                              \
		CASE_BOTH(202, 122) : goto send_special;                              \
		CASE_BOTH(120, 88) : goto return_self;                                \
		CASE_BOTH(124, 92) : goto return_top;                                 \
		CASE_8(144) : CASE_8(SISTA + 176) : goto jump_near;                   \
		CASE_8(160) : case SISTA + 237 : goto jump_far;                       \
	default:                                                                  \
		goto dispatch;                                                        \
	}

/* The end of a bytecode in the loop for admitted code; in the careful one, back to its head. */
#define GO_ON_WITH_NEXT             \
	if (m.careful || r.left == 0) { \
		break;                      \
	}                               \
	op = *r.ip + r.set;             \
	operands = ++r.ip;              \
	r.left--;                       \
	GO_TO_FREQUENT(op)

/* One place is enough where AFL++ watches: its compiler follows each way out of each of them, which
 * is nearly half of its time. */
#ifdef __AFL_COMPILER
#define GO_ON_FROM_HERE
#else
#define GO_ON_FROM_HERE GO_ON_WITH_NEXT
#endif

/* What many cases end with stands once behind them: compilers inline much there. */
#define SEND(literal, num_args) \
	selector = (literal);       \
	count = (num_args);         \
	goto send_literal

#define PUSH(what)                  \
	if (!push(vm, &r, (what), m)) { \
		reason = STACK_FULL;        \
		break;                      \
	}                               \
	goto next_push

#define RETURN(result) \
	value = (result);  \
	goto return_from_method

#define RETURN_FROM_BLOCK(result) \
	value = (result);             \
	goto return_from_block

/* A conditional jump: */
#define BRANCH(on_true, distance)                        \
	if (branch(vm, &r, on_true, distance, &reason, m)) { \
		goto next_jump;                                  \
	}                                                    \
	leave(vm, &r);                                       \
	outcome = step_must_be_boolean(vm);                  \
	break

/* A special selector that may do without a send: */
#define SPECIAL(index)                                                        \
	CASE_BOTH(176 + (index), 96 + (index)) : if (short_cut(vm, &r, index, m)) \
	{                                                                         \
		goto next_special;                                                    \
	}                                                                         \
	goto send_special;

#define FREQUENT_SPECIAL(index)                                                                 \
	CASE_BOTH(176 + (index), 96 + (index)) : special_##index : if (short_cut(vm, &r, index, m)) \
	{                                                                                           \
		goto next_special;                                                                      \
	}                                                                                           \
	goto send_special;

#endif

/* steps.h: what a bytecode does that leaves the loop. The machine has its frame back before, and
 * the loop fetches it again after. */
#ifndef IMAGO_INTERP_STEPS_H
#define IMAGO_INTERP_STEPS_H

#include "vm_private.h"

typedef enum step {
	GO_ON,
	CHANGED, /* another context, or objects moved: the frame is to be fetched */
	ENDED,
} step;

#define STACK_FULL  "the stack is full"
#define STACK_EMPTY "the stack is empty"

/* GO_ON is never the answer: the frame is to be fetched. */
step step_judge(const imago_vm *vm, bool going_on);
step step_send_literal(imago_vm *vm, uint32_t index, uint32_t num_args);
step step_send_super(imago_vm *vm, uint32_t index, uint32_t num_args);
step step_send_super_directed(imago_vm *vm, uint32_t index, uint32_t num_args);
step step_send_special_selector(imago_vm *vm, uint32_t index);
step step_push_array(imago_vm *vm, uint32_t size, bool filled);
step step_push_closure(imago_vm *vm, uint32_t num_args, uint32_t num_copied, uint32_t size);
step step_push_full_closure(imago_vm *vm, uint32_t literal, uint8_t flags);
step step_must_be_boolean(imago_vm *vm);
step step_push_context(imago_vm *vm);
step step_push_process(imago_vm *vm);
step step_look(imago_vm *vm);

/* A primitive failed, and its method stores why: the code replaces the top of the stack. */
void step_store_error(imago_vm *vm);

#endif

/* vm_private.h: the state of a running image, and what the files of core/interp share. */
#ifndef IMAGO_INTERP_VM_PRIVATE_H
#define IMAGO_INTERP_VM_PRIVATE_H

#include <stdbool.h>

#include "imago/known_objects.h"
#include "imago/object_memory.h"
#include "imago/vm.h"

enum {
	/* Slots (bytecodes.md §4). */
	CLASS_SUPERCLASS = 0,
	CLASS_METHODS = 1,
	CLASS_FORMAT = 2,
	DICTIONARY_VALUES = 1,
	DICTIONARY_SELECTORS = 2,
	CONTEXT_SENDER = 0, /* BlockContext of V3: the caller */
	CONTEXT_PC = 1,
	CONTEXT_STACKP = 2,
	CONTEXT_METHOD = 3, /* BlockContext: number of arguments */
	CONTEXT_CLOSURE = 4,
	CONTEXT_RECEIVER = 5,
	CONTEXT_FIXED = 6,
	BLOCK_NUM_ARGS = 3,
	BLOCK_INITIAL_PC = 4,
	BLOCK_HOME = 5,
	CLOSURE_OUTER = 0,
	CLOSURE_START = 1, /* FullBlockClosure: the CompiledBlock */
	CLOSURE_NUM_ARGS = 2,
	CLOSURE_COPIED = 3,
	FULL_RECEIVER = 3,
	FULL_COPIED = 4,
	ASSOCIATION_VALUE = 1,
	PROCESS_NEXT = 0,
	PROCESS_CONTEXT = 1,
	PROCESS_PRIORITY = 2,
	PROCESS_LIST = 3,
	LIST_FIRST = 0,
	LIST_LAST = 1,
	SEMAPHORE_SIGNALS = 2,
	SCHEDULER_LISTS = 0,
	SCHEDULER_ACTIVE = 1,
	SMALL_FRAME = 16,
	LARGE_FRAME = 56,
	CACHE_SIZE = 1024,
	NUM_CODES = 1024,
	MAP_BYTES = 1 << 17,
	SISTA = 256, /* set 2 follows set 1 where bytecodes are numbered */
	VM_SPECIAL_SELECTORS = 32,
	FIRST_DEPTH = 2, /* in maps: a depth of 0; below are places that are no bytecode's first byte */
	MAX_ROOTS = 8,
	MAX_CHAIN = 1 << 20, /* steps along senders, outer contexts, lists */
	MAX_SUPERCLASSES = 1024,
	FREE_STEPS = 256, /* along a chain: they come with the bytecode */
	MAX_NESTED = 16,  /* primitives that perform primitives that perform … */
};

/* Primitives that the loop answers itself (answers.h, calls.h). */
typedef enum vm_short_cut {
	VM_NO_SHORT_CUT,
	VM_SHORT_SELF,
	VM_SHORT_SLOT,
	VM_SHORT_AT,
	VM_SHORT_AT_PUT,
	VM_SHORT_SIZE,
	VM_SHORT_STRING_AT,
	VM_SHORT_STRING_AT_PUT,
	VM_SHORT_IDENTICAL,
	VM_SHORT_CLASS,
	VM_SHORT_CODE,
	VM_SHORT_VALUE,
} vm_short_cut;

/* What a method's header says. */
typedef struct vm_method {
	imago_oop oop;
	uint32_t num_literals;
	uint32_t primitive; /* 0: none */
	uint32_t first_pc;  /* byte of the body where its bytecodes begin, 0-based */
	uint32_t start_pc;  /* where it is entered: there, or where a block in it begins */
	uint32_t num_bytes; /* of the body */
	uint8_t num_args, num_temps;
	bool large, sista;
	bool admitted;     /* from its first bytecode on (admit.c); false: not known */
	uint8_t short_cut; /* for receivers of the class it was looked up for */
} vm_method;

typedef struct vm_cache_entry {
	imago_oop selector;
	uint64_t class_key;
	vm_method method;
} vm_cache_entry;

/* The active context, as host pointers: good until objects move or another context is entered. */
typedef struct vm_frame {
	const uint8_t *ip;       /* the next byte */
	const uint8_t *code_end; /* of the method's body */
	uint8_t *sp;             /* the top of the stack */
	uint8_t *stack_end;      /* behind the context's last slot */
	uint8_t *stack;          /* the context's first slot behind the fixed ones */
	uint8_t *temps;          /* of the home context */
	uint32_t num_temps;      /* slots there are at temps */
	uint32_t num_literals;
	const uint8_t *literals;
	imago_oop receiver;
	const uint8_t *body; /* of the method */
	bool sista;
	bool trusted;         /* admitted as it stands: bytecodes need not be checked as they run */
	int32_t ext_a, ext_b; /* what prefixes have gathered for the next bytecode */
	uint32_t num_ext_b;
} vm_frame;

/* What is known of a method's bytecodes. The map has a byte for each byte of bytecodes: the depth
 * of the stack before that bytecode, as far as it was looked at (admit.c). */
typedef struct vm_code {
	imago_oop oop; /* 0: an unused entry */
	uint8_t *map;
	uint32_t first_pc, num_bytes, num_literals;
	uint32_t frame_size; /* slots of the contexts that sends make for it */
	uint8_t num_temps;   /* as its header says */
	bool sista;
} vm_code;

typedef struct vm_codes {
	vm_code entries[NUM_CODES];
	uint32_t num_map_bytes; /* in use */
	uint8_t maps[MAP_BYTES];
} vm_codes;

struct imago_vm {
	imago_object_memory *memory;
	imago_allocator *allocator;
	imago_memory_kind kind;
	vm_frame frame;
	imago_oop context; /* roots: they follow when objects move */
	imago_oop home;
	imago_oop method;
	imago_oop roots[MAX_ROOTS]; /* of primitives that make objects */
	uint64_t context_tag;       /* of the contexts that sends make */
	uint64_t left;              /* bytecodes until the next look around */
	uint64_t slice;             /* what left began with */
	uint64_t fuel;              /* left when the slice began; work counts, too */
	uint64_t work;              /* of primitives in this slice, in bytecodes (vm_charge) */
	bool look_around;           /* at the next send or jump backwards */
	bool has_block_contexts;    /* 6502: special selector 24 is #blockCopy: */
	bool stopped;
	imago_vm_result result;
	imago_vm_statistics statistics;
	int primitive_error;   /* index into the table of error codes */
	uint32_t num_nested;   /* primitives that are being executed */
	uint64_t time_skipped; /* microseconds */
	uint64_t timer;        /* microseconds, 0: none */
	const char *image_name;
	imago_vm_print_fn *print;
	imago_vm_open_fn *open_file;
	imago_vm_save_fn *save;
	void *payload;
	struct vm_files *files; /* NULL until the first one is opened */
	vm_codes *codes;
	/* Between these, eden holds contexts that sends made, and that nobody but their callees can
	 * know (calls.h). It is so as long as eden ends where they do. */
	imago_addr private_start, private_end;
	uint64_t context_headers[2]; /* of small and large contexts; V3: without hash. 0: none */
	vm_cache_entry cache[CACHE_SIZE];
};

typedef bool vm_primitive_fn(imago_vm *vm, uint32_t num_args);

#define VM_OUT_OF_FUEL "all the bytecodes that were allowed are executed"

/* vm.c. A violation, or another end; returns false, for callers to pass on. */
bool vm_stop(imago_vm *vm, imago_vm_end end, const char *reason);
bool vm_violation(imago_vm *vm, const char *reason);
uint64_t vm_microseconds(const imago_vm *vm);
/* A primitive looked at so many bytes or objects: that counts as bytecodes. What it did is done;
 * the run ends behind it when its fuel is used up (vm_paid). */
enum { VM_BYTES_A_BYTECODE = 32 };
static inline void
vm_charge(imago_vm *vm, uint64_t work)
{
	vm->work += work;
	vm->statistics.num_work += work;
}
/* Steps along chains that images make, as long as they like. */
static inline void
vm_charge_steps(imago_vm *vm, uint64_t num_steps)
{
	if (IMAGO_UNLIKELY(num_steps > FREE_STEPS)) {
		vm_charge(vm, num_steps);
	}
}
/* Bytes of all objects there are. */
static inline uint64_t
vm_memory_bytes(const imago_vm *vm)
{
	const imago_object_memory *memory = vm->memory;
	return (memory->old_top - memory->base) + (memory->eden_top - memory->eden_start);
}
static inline bool
vm_paid(imago_vm *vm, bool going_on)
{
	if (IMAGO_UNLIKELY(vm->work >= vm->fuel) && going_on && !vm->stopped) {
		vm_stop(vm, IMAGO_VM_FUEL, VM_OUT_OF_FUEL);
	}
	return going_on;
}

/* Room for objects; may move all of them. The frame is stored before and entered again after. */
bool vm_reserve(imago_vm *vm, uint64_t num_bytes);
/* Forgets what was looked up and admitted: all of it, or what a scavenge has moved. */
void vm_flush_cache(imago_vm *vm);
void vm_forget_young(imago_vm *vm);
/* A collection that somebody asks for; may move all objects. False: it could not be done, or the
 * machine has stopped. */
typedef enum vm_collector { VM_SCAVENGE, VM_COLLECT_OLD, VM_COLLECT_ALL } vm_collector;
bool vm_collect(imago_vm *vm, vm_collector collector);

/* admit.c. The active frame, as it stands: may its bytecodes go unchecked until it is left? */
bool vm_judge(imago_vm *vm);
bool vm_admits_method(imago_vm *vm, const vm_method *method);
bool vm_admits_at(imago_vm *vm, const vm_method *method, int64_t pc, uint64_t depth);
/* Bytes of a method were changed: it is looked at anew. */
void vm_code_changed(imago_vm *vm, imago_oop oop);
void vm_forget_codes(imago_vm *vm, bool only_young);
/* Bytes of a bytecode (set 2 from SISTA on); arguments of a special selector. */
uint32_t vm_bytecode_length(uint32_t op);
uint32_t vm_special_args(uint32_t index);

/* contexts.c */
void vm_store_frame(imago_vm *vm);
bool vm_enter(imago_vm *vm, imago_oop context);
/* The active method may have got a copy. */
void vm_follow_code(imago_vm *vm);
/* The active context once more, after objects moved. */
bool vm_enter_again(imago_vm *vm);
bool vm_is_context(const imago_vm *vm, imago_oop oop);
bool vm_is_block_context(const imago_vm *vm, imago_oop oop);
bool vm_return_to(imago_vm *vm, imago_oop target, imago_oop value);
bool vm_return_from_method(imago_vm *vm, imago_oop value);
bool vm_return_from_block(imago_vm *vm, imago_oop value);
bool vm_activate(imago_vm *vm, const vm_method *method);
bool vm_activate_closure(imago_vm *vm, imago_oop closure, uint32_t num_args);
bool vm_activate_block_context(imago_vm *vm, imago_oop block, uint32_t num_args);

/* lookup.c */
bool vm_decode_method(const imago_vm *vm, imago_oop oop, vm_method *method);
bool vm_send(imago_vm *vm, imago_oop selector, uint32_t num_args);
bool vm_send_super(imago_vm *vm, imago_oop selector, uint32_t num_args, imago_oop superclass);
bool vm_send_special(imago_vm *vm, uint64_t special, uint32_t num_args);
bool vm_execute(imago_vm *vm, const vm_method *method, uint32_t num_args);
bool vm_execute_primitive(imago_vm *vm, uint32_t number, uint32_t num_args);
const vm_method *vm_lookup(imago_vm *vm, imago_oop selector, imago_oop cls, uint64_t key);

/* processes.c */
imago_oop vm_active_process(const imago_vm *vm);
bool vm_signal(imago_vm *vm, imago_oop semaphore);
bool vm_look_around(imago_vm *vm);
bool vm_wait_for_something(imago_vm *vm);
vm_primitive_fn primitive_signal, primitive_wait, primitive_resume, primitive_suspend,
    primitive_yield, primitive_relinquish, primitive_enter_section, primitive_exit_section,
    primitive_test_section;

/* interpret.c: until the slice or the run ends. */
void vm_interpret(imago_vm *vm);

/* primitives.c */
/* What the loop may do of a method's primitive for receivers of a class; and its arguments are as
 * many as they should be. */
vm_short_cut vm_short_cut_of(const imago_vm *vm, const vm_method *method, imago_oop cls);
vm_primitive_fn *vm_primitive(const imago_vm *vm, uint32_t number);
void vm_release_files(imago_vm *vm);
bool vm_quick_primitive(imago_vm *vm, uint32_t number, uint32_t num_args);
bool vm_fail(imago_vm *vm, int code);

/* What the cache of methods knows a class by: equal for oops of one class, and of no other. V3's
 * compact classes have two: the number in headers, and (super sends) the class itself. */
IMAGO_ALWAYS_INLINE uint64_t
vm_class_key(const imago_object_memory *memory, imago_oop oop, imago_memory_kind kind)
{
	enum { V3_COMPACT = 31 << 12, V3_TYPE = 3, COMPACT_KEYS = 2 };
	const imago_memory_kind narrow = {.v3 = false, .wide = false};
	if (imago_memory_is_integer(kind, oop)) {
		return 1;
	}
	if (kind.v3) {
		uint64_t header = imago_memory_header(memory, oop, kind);
		return (header & V3_TYPE) == V3_TYPE
		           ? (header & V3_COMPACT) >> 4 | COMPACT_KEYS
		           : imago_word_get(imago_memory_place(memory, oop, kind) - 4, narrow) &
		                 ~UINT64_C(3);
	}
	if (imago_memory_is_pointer(kind, oop)) {
		return imago_memory_header(memory, oop, kind) & (IMAGO_CLASS_INDEX_LIMIT - 1);
	}
	return oop & (kind.wide ? 7 : 3);
}

static inline vm_cache_entry *
vm_cache_place(imago_vm *vm, imago_oop selector, uint64_t key)
{
	uint64_t hash = (selector >> 3) ^ (key * 31);
	return &vm->cache[(hash ^ hash >> 10) % CACHE_SIZE];
}

/* Somebody else may come to know the contexts that there are: they stay where they are. */
static inline void
vm_capture(imago_vm *vm)
{
	vm->private_start = vm->private_end = 0;
}

/* A context was made at a place, which is where eden ended before. What others made since the last
 * time lies below; so do contexts that they may know. */
static inline void
vm_made_private(imago_vm *vm, imago_oop context)
{
	if (vm->private_end != context) {
		vm->private_start = context;
	}
	vm->private_end = vm->memory->eden_top;
}

/* Where a method's code is kept. */
static inline size_t
vm_code_index(imago_oop oop)
{
	return (size_t)((oop >> 3) ^ (oop >> 13)) % NUM_CODES;
}

/* ---- The stack. */

static inline imago_oop
vm_peek(const imago_vm *vm, uint32_t depth)
{
	return imago_word_get(vm->frame.sp - (size_t)depth * imago_word_bytes(vm->kind), vm->kind);
}

static inline void
vm_poke(imago_vm *vm, uint32_t depth, imago_oop value)
{
	imago_word_put(vm->frame.sp - (size_t)depth * imago_word_bytes(vm->kind), value, vm->kind);
}

/* Slots in use. */
static inline uint64_t
vm_stack_depth(const imago_vm *vm)
{
	const uint8_t *behind = vm->frame.sp + imago_word_bytes(vm->kind);
	return (uint64_t)(behind - vm->frame.stack) / imago_word_bytes(vm->kind);
}

static inline void
vm_drop(imago_vm *vm, uint32_t count)
{
	vm->frame.sp -= (size_t)count * imago_word_bytes(vm->kind);
}

/* Room was proved by a pop or by vm_has_room. */
static inline void
vm_push(imago_vm *vm, imago_oop value)
{
	vm->frame.sp += imago_word_bytes(vm->kind);
	imago_word_put(vm->frame.sp, value, vm->kind);
}

static inline bool
vm_has_room(const imago_vm *vm, uint32_t count)
{
	return (size_t)(vm->frame.stack_end - vm->frame.sp) / imago_word_bytes(vm->kind) > count;
}

/* A primitive's result: in place of receiver and arguments. */
static inline bool
vm_answer(imago_vm *vm, uint32_t num_args, imago_oop value)
{
	vm_drop(vm, num_args);
	vm_poke(vm, 0, value);
	return true;
}

static inline imago_oop
vm_slot(const imago_vm *vm, imago_oop oop, uint64_t index)
{
	return imago_memory_slot(vm->memory, oop, index, vm->kind);
}

static inline void
vm_set_slot(imago_vm *vm, imago_oop oop, uint64_t index, imago_oop value)
{
	imago_memory_set_slot(vm->memory, oop, index, value, vm->kind);
}

static inline bool
vm_is_object(const imago_vm *vm, imago_oop oop)
{
	return oop != 0 && imago_memory_is_pointer(vm->kind, oop);
}

/* An object whose slots are oops, with so many of them at least. */
static inline bool
vm_has_slots(const imago_vm *vm, imago_oop oop, uint64_t count)
{
	return vm_is_object(vm, oop) && imago_memory_has_pointers(vm->memory, oop, vm->kind) &&
	       imago_memory_num_slots(vm->memory, oop, vm->kind) >= count;
}

static inline bool
vm_is_integer(const imago_vm *vm, imago_oop oop)
{
	return imago_memory_is_integer(vm->kind, oop);
}

static inline int64_t
vm_integer(const imago_vm *vm, imago_oop oop)
{
	return imago_memory_integer(vm->kind, oop);
}

static inline imago_oop
vm_integer_oop(const imago_vm *vm, int64_t value)
{
	return imago_memory_integer_oop(vm->kind, value);
}

static inline imago_oop
vm_boolean(const imago_vm *vm, bool value)
{
	return value ? vm->memory->true_object : vm->memory->false_object;
}

static inline imago_oop
vm_nil(const imago_vm *vm)
{
	return vm->memory->nil;
}

static inline imago_oop
vm_special(const imago_vm *vm, uint64_t index)
{
	return imago_memory_special(vm->memory, index);
}

#endif

/* interpret: whatever an image does, it does it within its bounds.
 *
 * An image without errors is executed for a while: as it is, or with bytecodes of the input's
 * choosing in the method that it goes on with. The run ends for a reason that it names, within its
 * fuel and its memory. What it became in between is an image whose objects the checker finds no
 * error in; and unless the run asked for what is not in the image (the clock, files, all objects),
 * one that was saved there and resumed ends the same, after as many bytecodes and sends, having
 * printed the same: also when it collects at each allocation meanwhile. */
#include <string.h>

#include "fuzz_image.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/known_objects.h"
#include "imago/method.h"
#include "imago/vm.h"

enum { REASON, FUEL, MEMORY, SOUND, RESUMED, NO_LEAK };
static const char *const oracles[] = {
    [REASON] = "end_has_a_reason",
    [FUEL] = "within_fuel",
    [MEMORY] = "within_memory",
    [SOUND] = "running_image_is_sound",
    [RESUMED] = "resumed_as_never_stopped",
    [NO_LEAK] = "no_leak",
};
FUZZ_DECLARE_ORACLES("interpret", oracles);

enum { MOST_FUEL = 4096, MOST_CODE = 64, GROWTH = 1 << 18, EDEN = 1 << 14 };

typedef struct run_outcome {
	imago_vm_result result;
	uint64_t num_bytecodes, num_sends, num_outside, num_work;
	uint64_t output; /* a hash of what was printed */
	bool made;       /* the machine could be made */
} run_outcome;

static void
hash_output(void *payload, const uint8_t *bytes, size_t size)
{
	run_outcome *outcome = payload;
	for (size_t i = 0; i < size; i++) {
		outcome->output = (outcome->output ^ bytes[i]) * UINT64_C(0x100000001B3);
	}
}

/* A slot of a pointer object; 0 when there is none. */
static imago_oop
slot_of(const imago_heap *heap, imago_oop oop, uint64_t index, imago_object *object)
{
	imago_error error;
	if (!imago_oop_is_pointer(heap->tagging, oop) ||
	    imago_heap_decode_object(heap, oop, object, &error) != IMAGO_OK ||
	    index >= imago_heap_num_pointer_slots(heap, object)) {
		return 0;
	}
	return imago_heap_fetch_slot(heap, object, index);
}

/* Puts bytes from the input's end into the method that the active process goes on with. */
static void
put_code(fuzz_subject *subject, imago_heap *heap)
{
	imago_object object;
	imago_oop oop = imago_special_object_at(heap, IMAGO_SPECIAL_SCHEDULER_ASSOCIATION);
	static const uint64_t path[] = {1, 1, 1, 3}; /* scheduler, process, context, method */
	for (size_t i = 0; i < sizeof path / sizeof path[0]; i++) {
		oop = slot_of(heap, oop, path[i], &object);
	}
	imago_error error;
	if (oop == 0 || !imago_oop_is_pointer(heap->tagging, oop) ||
	    imago_heap_decode_object(heap, oop, &object, &error) != IMAGO_OK ||
	    object.body_kind != IMAGO_BODY_METHOD) {
		return;
	}
	const imago_method method = imago_method_decode(heap, &object);
	uint8_t *body =
	    imago_heap_writable_bytes(heap, object.body, object.num_slots * heap->layout.word_bytes);
	uint64_t last = method.end < method.first_bytecode + MOST_CODE
	                    ? method.end
	                    : method.first_bytecode + MOST_CODE;
	for (uint64_t i = method.first_bytecode; body != NULL && i < last; i++) {
		body[i] = (uint8_t)fuzz_choose(&subject->input, 256);
	}
}

/* Runs a heap; *after is what it became, when it can go on. */
static void
run(const imago_heap *heap, uint64_t fuel, uint32_t collect_every, run_outcome *outcome,
    imago_heap **after, imago_allocator *allocator)
{
	const imago_vm_options options = {.growth = GROWTH,
	                                  .eden_bytes = EDEN,
	                                  .collect_every = collect_every,
	                                  .print = hash_output,
	                                  .payload = outcome};
	imago_error error;
	imago_vm *vm = NULL;
	outcome->made = imago_vm_create(&vm, heap, &options, allocator, &error) == IMAGO_OK;
	if (!outcome->made) {
		return;
	}
	imago_vm_run(vm, fuel, &outcome->result);
	const imago_vm_statistics statistics = imago_vm_statistics_of(vm);
	FUZZ_ORACLE(REASON, outcome->result.reason != NULL && outcome->result.reason[0] != '\0');
	FUZZ_ORACLE(FUEL, statistics.num_bytecodes <= fuel);
	FUZZ_ORACLE(FUEL, outcome->result.end != IMAGO_VM_FUEL ||
	                      statistics.num_bytecodes + statistics.num_work >= fuel);
	outcome->num_bytecodes += statistics.num_bytecodes;
	outcome->num_sends += statistics.num_sends;
	outcome->num_outside += statistics.num_outside;
	outcome->num_work += statistics.num_work;
	if (after != NULL && outcome->result.end == IMAGO_VM_FUEL) {
		if (imago_vm_snapshot(vm, after, allocator, &error) != IMAGO_OK) {
			*after = NULL;
		}
	}
	imago_vm_destroy(vm);
}

static void
expect_resumed(const imago_heap *heap, uint64_t fuel, uint64_t first, uint32_t collect_every,
               imago_allocator *allocator)
{
	run_outcome whole = {.output = 1};
	run_outcome cut = {.output = 1};
	imago_heap *after = NULL;
	run(heap, fuel, 0, &whole, NULL, allocator);
	if (!whole.made) {
		return;
	}
	run(heap, first, collect_every, &cut, &after, allocator);
	if (after == NULL) {
		return;
	}
	FUZZ_ORACLE(SOUND, fuzz_is_sound(after));
	run(after, fuel - first, collect_every, &cut, NULL, allocator);
	/* Work counts objects that a snapshot leaves behind. */
	if (whole.num_outside == 0 && cut.num_outside == 0 && whole.num_work == 0 &&
	    cut.num_work == 0 && whole.result.end != IMAGO_VM_MEMORY &&
	    cut.result.end != IMAGO_VM_MEMORY) {
		FUZZ_ORACLE(RESUMED, cut.made && cut.result.end == whole.result.end);
		FUZZ_ORACLE(RESUMED, cut.num_bytecodes == whole.num_bytecodes);
		FUZZ_ORACLE(RESUMED, cut.num_sends == whole.num_sends);
		FUZZ_ORACLE(RESUMED, cut.output == whole.output);
	}
	imago_heap_destroy(after);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_subject subject;
	if (fuzz_subject_open(&subject, data, size) && fuzz_check(&subject.image).num_errors == 0) {
		imago_heap *heap = fuzz_copy(subject.heap, &subject.allocator);
		const bool with_code = fuzz_choose(&subject.input, 2) == 1;
		const uint64_t fuel = 2 + fuzz_choose(&subject.input, MOST_FUEL);
		const uint64_t first = 1 + fuzz_choose(&subject.input, (uint32_t)fuel - 1);
		if (with_code) {
			put_code(&subject, heap);
		}
		const uint32_t collect_every = fuzz_choose(&subject.input, 8);
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		expect_resumed(heap, fuel, first, collect_every, &allocator);
		/* Two machines at once at most, a snapshot, a rebuild; files that the image writes. */
		FUZZ_ORACLE(MEMORY, allocator.peak <= 8 * (uint64_t)size + (UINT64_C(8) << 20));
		FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
		imago_heap_destroy(heap);
	}
	fuzz_subject_close(&subject, NO_LEAK);
	return 0;
}

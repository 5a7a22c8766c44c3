/* workload.c: running, reading and writing an attached image. */
#include "workload.h"

#include <stdio.h>
#include <string.h>

#include "imago/walk.h"

enum { IMMUTABLE_BIT = 23, PAGE = IMAGO_LAYERED_PAGE };

/* A call under a guard. */
typedef struct call {
	const workload *work;
	imago_layered_attachment *attached;
	workload_outcome *outcome;
	imago_allocator *allocator;
	imago_error *error;
} call;

/* A number with at most three places, in thousandths. */
static bool
parse_thousandths(const char *text, uint32_t most, uint32_t *number)
{
	uint32_t value = 0;
	int places = -1; /* behind the point so far; none seen */
	if (*text == '\0' || *text == '.') {
		return false;
	}
	for (; *text != '\0'; text++) {
		if (*text == '.' && places < 0 && text[1] != '\0') {
			places = 0;
		} else if (*text >= '0' && *text <= '9' && places < 3 && value <= most) {
			value = value * 10 + (uint32_t)(*text - '0');
			places += places >= 0;
		} else {
			return false;
		}
	}
	for (places = places < 0 ? 0 : places; places < 3 && value <= most; places++) {
		value *= 10;
	}
	*number = value;
	return value <= most;
}

bool
workload_parse(workload *work, const char *text)
{
	static const char write[] = "write:";
	static const struct {
		const char *name;
		workload_kind kind;
	} plain[] = {{"run", WORKLOAD_RUN}, {"read", WORKLOAD_READ}, {"idle", WORKLOAD_IDLE}};
	for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
		if (strcmp(text, plain[i].name) == 0) {
			work->kind = plain[i].kind;
			return true;
		}
	}
	work->kind = WORKLOAD_WRITE;
	return strncmp(text, write, sizeof write - 1) == 0 &&
	       parse_thousandths(text + sizeof write - 1, WORKLOAD_WHOLE, &work->share);
}

static imago_status
run(call *c)
{
	imago_vm *vm;
	imago_vm_result end;
	const workload *work = c->work;
	const imago_vm_options options = {
	    .image_name = work->image_name, .print = work->print, .payload = work->payload};
	imago_status status =
	    imago_vm_create_mapped(&vm, &c->attached->mapping, &options, c->allocator, c->error);
	if (status != IMAGO_OK) {
		return status;
	}
	imago_vm_run(vm, work->fuel, &end);
	c->outcome->end = end.end;
	c->outcome->exit_status = end.exit_status;
	c->outcome->pc = end.pc;
	snprintf(c->outcome->reason, sizeof c->outcome->reason, "%s",
	         end.reason != NULL ? end.reason : "");
	snprintf(c->outcome->method, sizeof c->outcome->method, "%s", end.method);
	c->outcome->statistics = imago_vm_statistics_of(vm);
	imago_vm_destroy(vm);
	return IMAGO_OK;
}

static imago_status
read_pages(call *c)
{
	const imago_layered_head *head = &c->attached->head;
	for (size_t i = 0; i < head->num_sections; i++) {
		const imago_layered_section *section = &head->sections[i];
		if (section->kind != IMAGO_LAYERED_OBJECTS) {
			continue;
		}
		const volatile uint8_t *bytes =
		    c->attached->mapping.bytes + (section->address - head->start);
		for (uint64_t at = 0; at < section->size; at += PAGE) {
			(void)bytes[at];
		}
	}
	return IMAGO_OK;
}

/* Mixes the seed and an ordinal: which objects are chosen is the same for all processes, and
 * scattered. */
static bool
is_chosen(const workload *work, uint64_t ordinal)
{
	uint64_t x = (work->seed << 40 ^ ordinal) + UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (x ^ x >> 31) % WORKLOAD_WHOLE < work->share;
}

/* Turns the bit that makes an object immutable: a word that differs, in an image as valid as it
 * was. */
static void
write_object(const imago_layered_attachment *attached, const imago_object *object)
{
	uint8_t *header = attached->mapping.bytes + (object->oop - attached->mapping.base);
	const imago_byte_order order = attached->head.layout.byte_order;
	const uint64_t word = imago_load_u64(header, order);
	imago_store_u64(header, word ^ UINT64_C(1) << IMMUTABLE_BIT, order);
}

static imago_status
write_objects(call *c)
{
	imago_heap *heap;
	imago_walker walker;
	imago_object object;
	imago_status status = imago_layered_attached_heap(&heap, c->attached, c->allocator, c->error);
	if (status != IMAGO_OK) {
		return status;
	}
	imago_walk_init(&walker, heap, c->error);
	for (uint64_t ordinal = 0; imago_walk_next(&walker, &object); ordinal++) {
		if (object.kind == IMAGO_OBJECT_ORDINARY && is_chosen(c->work, ordinal)) {
			write_object(c->attached, &object);
			c->outcome->num_written++;
		}
	}
	imago_heap_destroy(heap);
	return walker.status;
}

static imago_status
do_it(void *payload)
{
	call *c = payload;
	switch (c->work->kind) {
	case WORKLOAD_RUN:
		return run(c);
	case WORKLOAD_READ:
		return read_pages(c);
	case WORKLOAD_WRITE:
		return write_objects(c);
	default:
		return IMAGO_OK;
	}
}

imago_status
workload_do(const workload *work, imago_layered_attachment *attached, workload_outcome *outcome,
            imago_allocator *allocator, imago_error *error)
{
	call c = {work, attached, outcome, allocator, error};
	*outcome = (workload_outcome){.exit_status = 0};
	return imago_attachment_guard(attached->attachment, do_it, &c, error);
}

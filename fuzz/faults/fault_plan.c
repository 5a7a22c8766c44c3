/* fault_plan.c: looks every call up in the plan before it is passed on. */
#include "fault_plan.h"

#include <errno.h>
#include <string.h>

/* What is to become of one call. */
typedef struct verdict {
	bool is_done;    /* passed on */
	int error;       /* to be reported instead of the result; 0: none */
	uint64_t length; /* at most so many bytes */
	bool is_last;
} verdict;

void
fault_plan_init(fault_plan *plan, const imago_file_system *below)
{
	memset(plan, 0, sizeof *plan);
	plan->below = below;
}

static bool
may_fail_late(fault_call call)
{
	return call == FAULT_CALL_RENAME || call == FAULT_CALL_EXCHANGE || call == FAULT_CALL_SYNC ||
	       call == FAULT_CALL_CLOSE;
}

static void
judge_fault(const fault *planned, fault_call call, verdict *result)
{
	switch (planned->kind) {
	case FAULT_CUTS:
		result->length = planned->length > 0 ? planned->length : 1;
		break;
	case FAULT_KILLS_BEFORE:
		*result = (verdict){.error = EIO, .is_last = true};
		break;
	case FAULT_KILLS_AFTER:
		result->error = EIO;
		result->length = planned->length > 0 ? planned->length : UINT64_MAX;
		result->is_last = true;
		break;
	default:
		result->is_done =
		    call == FAULT_CALL_CLOSE || (planned->kind == FAULT_FAILS_LATE && may_fail_late(call));
		result->error = planned->os_error;
		break;
	}
}

static verdict
judge(fault_plan *plan, fault_call call)
{
	verdict result = {.is_done = true, .length = UINT64_MAX};
	if (plan->dead) { /* a descriptor that goes changes nothing on the disk */
		return (verdict){.is_done = call == FAULT_CALL_CLOSE, .error = EIO};
	}
	if (plan->before != NULL) {
		plan->before(plan->payload);
	}
	plan->num_calls++;
	for (size_t i = 0; i < FAULT_PLAN_SIZE; i++) {
		if (plan->faults[i].call == plan->num_calls) {
			plan->met[i] = true;
			plan->met_in[i] = call;
			judge_fault(&plan->faults[i], call, &result);
		}
	}
	return result;
}

/* After the call: the end, or the result. */
static int64_t
conclude(fault_plan *plan, const verdict *judged, int64_t result)
{
	if (judged->is_last) {
		plan->dead = true;
		if (plan->kill != NULL) {
			plan->kill();
		}
	}
	return judged->error != 0 ? -judged->error : result;
}

static int
plan_open(void *payload, int folder, const char *name, imago_open_mode mode)
{
	fault_plan *plan = payload;
	const verdict judged = judge(plan, FAULT_CALL_OPEN);
	int result = judged.is_done ? plan->below->open(plan->below->payload, folder, name, mode) : 0;
	if (judged.is_done && judged.error != 0 && result >= 0) { /* killed: nobody will close it */
		(void)plan->below->close(plan->below->payload, result);
	}
	return (int)conclude(plan, &judged, result);
}

static int
plan_close(void *payload, int descriptor)
{
	fault_plan *plan = payload;
	const verdict judged = judge(plan, FAULT_CALL_CLOSE);
	int result = judged.is_done ? plan->below->close(plan->below->payload, descriptor) : 0;
	return (int)conclude(plan, &judged, result);
}

static int64_t
plan_read(void *payload, int descriptor, uint8_t *bytes, size_t size)
{
	fault_plan *plan = payload;
	const verdict judged = judge(plan, FAULT_CALL_READ);
	size_t length = judged.length < size ? (size_t)judged.length : size;
	int64_t result =
	    judged.is_done ? plan->below->read(plan->below->payload, descriptor, bytes, length) : 0;
	return conclude(plan, &judged, result);
}

static int64_t
plan_write(void *payload, int descriptor, const uint8_t *bytes, size_t size)
{
	fault_plan *plan = payload;
	const verdict judged = judge(plan, FAULT_CALL_WRITE);
	size_t length = judged.length < size ? (size_t)judged.length : size;
	int64_t result =
	    judged.is_done ? plan->below->write(plan->below->payload, descriptor, bytes, length) : 0;
	return conclude(plan, &judged, result);
}

static int
plan_sync(void *payload, int descriptor)
{
	fault_plan *plan = payload;
	const verdict judged = judge(plan, FAULT_CALL_SYNC);
	int result = judged.is_done ? plan->below->sync(plan->below->payload, descriptor) : 0;
	return (int)conclude(plan, &judged, result);
}

static int
plan_describe(void *payload, int descriptor, imago_file_facts *facts)
{
	fault_plan *plan = payload;
	const verdict judged = judge(plan, FAULT_CALL_DESCRIBE);
	int result =
	    judged.is_done ? plan->below->describe(plan->below->payload, descriptor, facts) : 0;
	return (int)conclude(plan, &judged, result);
}

static int
plan_describe_name(void *payload, int folder, const char *name, bool follow_links,
                   imago_file_facts *facts)
{
	fault_plan *plan = payload;
	const verdict judged = judge(plan, FAULT_CALL_DESCRIBE);
	int result = judged.is_done ? plan->below->describe_name(plan->below->payload, folder, name,
	                                                         follow_links, facts)
	                            : 0;
	return (int)conclude(plan, &judged, result);
}

static int
plan_set_permissions(void *payload, int descriptor, uint32_t permissions)
{
	fault_plan *plan = payload;
	const verdict judged = judge(plan, FAULT_CALL_SET_PERMISSIONS);
	int result = judged.is_done
	                 ? plan->below->set_permissions(plan->below->payload, descriptor, permissions)
	                 : 0;
	return (int)conclude(plan, &judged, result);
}

static int
plan_make_folder(void *payload, int folder, const char *name)
{
	fault_plan *plan = payload;
	const verdict judged = judge(plan, FAULT_CALL_MAKE_FOLDER);
	int result = judged.is_done ? plan->below->make_folder(plan->below->payload, folder, name) : 0;
	return (int)conclude(plan, &judged, result);
}

static int
plan_rename(void *payload, int folder, const char *from, const char *to)
{
	fault_plan *plan = payload;
	const verdict judged = judge(plan, FAULT_CALL_RENAME);
	int result = judged.is_done ? plan->below->rename(plan->below->payload, folder, from, to) : 0;
	return (int)conclude(plan, &judged, result);
}

static int
plan_exchange(void *payload, int folder, const char *a, const char *b)
{
	fault_plan *plan = payload;
	const verdict judged = judge(plan, FAULT_CALL_EXCHANGE);
	int result = judged.is_done ? plan->below->exchange(plan->below->payload, folder, a, b) : 0;
	return (int)conclude(plan, &judged, result);
}

static int
plan_remove(void *payload, int folder, const char *name)
{
	fault_plan *plan = payload;
	const verdict judged = judge(plan, FAULT_CALL_REMOVE);
	int result = judged.is_done ? plan->below->remove(plan->below->payload, folder, name) : 0;
	return (int)conclude(plan, &judged, result);
}

static int
plan_remove_folder(void *payload, int folder, const char *name)
{
	fault_plan *plan = payload;
	const verdict judged = judge(plan, FAULT_CALL_REMOVE);
	int result =
	    judged.is_done ? plan->below->remove_folder(plan->below->payload, folder, name) : 0;
	return (int)conclude(plan, &judged, result);
}

static int
plan_open_listing(void *payload, int descriptor, void **listing)
{
	fault_plan *plan = payload;
	const verdict judged = judge(plan, FAULT_CALL_LIST);
	/* A process that is killed keeps no listing. */
	bool is_done = judged.is_done && judged.error == 0;
	int result = is_done ? plan->below->open_listing(plan->below->payload, descriptor, listing) : 0;
	return (int)conclude(plan, &judged, result);
}

static int
plan_next_name(void *payload, void *listing, const char **name)
{
	fault_plan *plan = payload;
	const verdict judged = judge(plan, FAULT_CALL_LIST);
	int result = judged.is_done ? plan->below->next_name(plan->below->payload, listing, name) : 0;
	return (int)conclude(plan, &judged, result);
}

/* Cannot fail, and changes nothing on the disk. */
static void
plan_close_listing(void *payload, void *listing)
{
	fault_plan *plan = payload;
	plan->below->close_listing(plan->below->payload, listing);
}

imago_file_system
fault_plan_files(fault_plan *plan)
{
	return (imago_file_system){
	    .open = plan_open,
	    .close = plan_close,
	    .read = plan_read,
	    .write = plan_write,
	    .sync = plan_sync,
	    .describe = plan_describe,
	    .describe_name = plan_describe_name,
	    .set_permissions = plan_set_permissions,
	    .make_folder = plan_make_folder,
	    .rename = plan_rename,
	    .exchange = plan_exchange,
	    .remove = plan_remove,
	    .remove_folder = plan_remove_folder,
	    .open_listing = plan_open_listing,
	    .next_name = plan_next_name,
	    .close_listing = plan_close_listing,
	    .payload = plan,
	};
}

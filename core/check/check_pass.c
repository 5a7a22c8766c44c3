/* check_pass.c: a pass over a segment: survey, and judge what the survey stops at. */
#include "check_pass.h"

static void
advance(check_progress *progress, uint64_t bytes)
{
	if (progress == NULL) {
		return;
	}
	progress->done += bytes;
	if (progress->options == NULL || progress->options->progress == NULL ||
	    progress->done < progress->told + CHECK_PROGRESS_BYTES) {
		return;
	}
	progress->told = progress->done;
	progress->options->progress(progress->done, progress->total,
	                            progress->options->progress_payload);
}

static void
move_to(check_run *run, uint64_t position)
{
	advance(run->progress, position - run->position);
	run->position = position;
}

/* Passes over plainly fine headers. */
static void
survey_headers(check_run *run)
{
	check_context *context = run->context;
	uint64_t before;
	uint64_t limit;
	do {
		uint64_t count = 0;
		before = run->position;
		limit = run->end - before < CHECK_PROGRESS_BYTES ? run->end : before + CHECK_PROGRESS_BYTES;
		move_to(run,
		        imago_survey_headers(&context->facts->survey, run->segment, before, limit, &count));
		context->counters.num_objects += count;
		run->num_objects += count;
	} while (run->position >= limit && run->position < run->end);
}

/* Passes over plainly fine bodies. Returns up to where chunks must be judged. */
static uint64_t
survey_bodies(check_run *run)
{
	check_context *context = run->context;
	for (;;) {
		imago_survey_result result;
		imago_survey_bodies(&context->facts->survey, run->segment, run->position, run->end,
		                    &result);
		if (!result.fine || result.end == run->position) {
			return result.end;
		}
		context->counters.num_primary_methods += result.num_primary_methods;
		context->counters.num_alternate_methods += result.num_alternate_methods;
		move_to(run, result.end);
	}
}

static void
judge(check_context *context, check_pass pass, const imago_object *object)
{
	if (pass == PASS_HEADERS) {
		check_object(context, object);
	} else {
		check_body(context, object);
	}
}

/* Judges an object without reporting; when there is a finding, nothing is counted. What it broke
 * stays broken for the rest of the run: rules that need it are silent in one thread, too. False
 * when there is no room for another suspect. */
static bool
judge_aside(check_run *run, const imago_object *object)
{
	check_context *context = run->context;
	check_suspects *suspects = run->suspects;
	if (suspects->count == suspects->capacity) {
		return false;
	}
	check_counters before = context->counters;
	bool *found = run->found;
	*found = false;
	context->chain_put_off = false;
	judge(context, run->pass, object);
	uint32_t unit = (uint32_t)(run->position >> 3);
	if (*found) {
		context->counters = before;
		suspects->units[suspects->count++] = unit;
	} else if (context->chain_put_off) {
		suspects->units[suspects->count++] = unit | CHECK_CHAIN_ONLY;
	}
	return true;
}

/* Judges the chunk at the run's position and moves behind it. */
static bool
judge_next(check_run *run)
{
	const check_facts *facts = run->context->facts;
	imago_addr start = facts->heap->segments[run->segment].start;
	imago_object object;
	if (imago_heap_decode_chunk(facts->heap, start + run->position, &object, NULL) != IMAGO_OK) {
		return false;
	}
	if (run->suspects == NULL) {
		judge(run->context, run->pass, &object);
	} else if (!judge_aside(run, &object)) {
		return false;
	}
	run->num_objects += object.kind != IMAGO_OBJECT_FREE;
	move_to(run, run->position + object.total_bytes);
	return true;
}

void
check_run_over(check_run *run)
{
	while (run->position < run->end && !check_stopped(run->context)) {
		uint64_t judge_until = 0;
		if (run->context->facts->surveyed && run->pass == PASS_HEADERS) {
			survey_headers(run);
		} else if (run->context->facts->surveyed) {
			judge_until = survey_bodies(run);
		}
		if (run->position >= run->end) {
			return;
		}
		do {
			if (!judge_next(run)) {
				return;
			}
		} while (run->position < judge_until && !check_stopped(run->context));
	}
}

void
check_run_pass(check_run *run)
{
	const imago_check_options *options = run->context->sink->options;
	if (options != NULL && options->num_threads >= 2) {
		check_run_parts(run);
	}
	check_run_over(run);
}

void
check_run_suspects(check_context *context, check_pass pass, size_t segment,
                   const check_suspects *suspects)
{
	const imago_heap *heap = context->facts->heap;
	for (uint32_t i = 0; i < suspects->count && !check_stopped(context); i++) {
		uint64_t unit = suspects->units[i] & ~CHECK_CHAIN_ONLY;
		imago_object object;
		if (imago_heap_decode_chunk(heap, heap->segments[segment].start + (unit << 3), &object,
		                            NULL) != IMAGO_OK) {
			continue; /* it was decoded before */
		}
		if ((suspects->units[i] & CHECK_CHAIN_ONLY) != 0) {
			check_sender_chain(context, &object);
		} else {
			judge(context, pass, &object);
		}
	}
}

/* check_threads.c: a pass over a segment by two threads.
 *
 * In pass 2 the starts of all objects are known, and the segment is cut at one. In pass 1 they are
 * not: the second thread begins at a guessed start somewhat before the cut, where walks that began
 * differently have long run together, and what it did counts only if the first thread's walk
 * arrives at the very chunk that it counted first. Otherwise it is undone. The threads mark objects
 * in different words of the bitmaps, and neither reports nor allocates.
 */
#include <pthread.h>
#include <string.h>

#include "../base/planted.h"
#include "check_pass.h"

enum {
	LEAST_BYTES = 1 << 20,   /* of a segment that is worth a thread */
	MOST_SUSPECTS = 1 << 18, /* of each thread */
	BYTES_PER_SUSPECT = 512, /* less in small segments */
	BITMAP_WORD_BYTES = 512, /* of the heap: what one word of a bitmap stands for */
	RUN_IN_BYTES = 1 << 14,  /* from the guessed start to the cut, at least */
	GUESS_WORDS =
	    LEAST_BYTES / 2 / 8, /* looked at for a pointer nearby; half a segment has as many */
	GUESS_REACH = 1 << 20,   /* what counts as nearby */
	GUESS_OBJECTS = 64,      /* that must follow a guessed start */
};

/* One thread's half. */
typedef struct check_half {
	check_run run;
	check_context context;
	check_suspects suspects;
	imago_check_options options;
	imago_check_sink sink;
	bool found;
	uint64_t guess; /* where the walk begins that leads to the half */
	uint64_t begin; /* the first chunk of the half, or UINT64_MAX: there is none */
} check_half;

static bool
note_finding(const imago_finding *finding, void *payload)
{
	(void)finding;
	*(bool *)payload = true;
	return true;
}

/* Makes a half ready, but for its place. Its context starts as the whole run's. */
static imago_status
prepare(check_half *half, const check_run *whole, uint32_t capacity)
{
	check_context *context = whole->context;
	*half = (check_half){.run = *whole, .context = *context, .sink = *context->sink};
	half->suspects.units =
	    imago_allocate_array(context->facts->allocator, capacity, sizeof *half->suspects.units,
	                         "objects to judge again", context->error);
	if (half->suspects.units == NULL) {
		return IMAGO_ENOMEM;
	}
	half->suspects.capacity = capacity;
	half->options = *context->sink->options;
	half->options.max_findings = 0;
	half->sink.options = &half->options;
	half->sink.report = note_finding;
	half->sink.payload = &half->found;
	half->context.sink = &half->sink;
	half->context.error = NULL;
	half->context.puts_off_chains = true;
	half->context.counters = (check_counters){0};
	half->run.context = &half->context;
	half->run.suspects = &half->suspects;
	half->run.found = &half->found;
	half->run.num_objects = 0;
	half->run.progress = NULL;
	return IMAGO_OK;
}

static void
release(check_half *half, imago_allocator *allocator)
{
	imago_release(allocator, half->suspects.units,
	              (uint64_t)half->suspects.capacity * sizeof *half->suspects.units);
}

/* Walks from the guess to the half, then runs over it. */
static void *
run_second_half(void *payload)
{
	check_half *half = payload;
	check_run *run = &half->run;
	const imago_heap *heap = run->context->facts->heap;
	imago_addr start = heap->segments[run->segment].start;
	uint64_t position = half->guess;
	while (position < run->position) {
		imago_object object;
		if (imago_heap_decode_chunk(heap, start + position, &object, NULL) != IMAGO_OK) {
			return NULL;
		}
		position += object.total_bytes;
	}
	if (position < run->end) {
		half->begin = position;
		run->position = position;
		check_run_over(run);
	}
	return NULL;
}

/* True when a chunk with that oop, and some dozens behind it, look like objects. */
static bool
looks_like_a_start(const imago_heap *heap, imago_oop oop, imago_addr *chunk)
{
	imago_object object;
	if (imago_heap_decode_object(heap, oop, &object, NULL) != IMAGO_OK) {
		return false;
	}
	*chunk = object.chunk;
	imago_addr next = object.chunk;
	for (int i = 0; i < GUESS_OBJECTS; i++) {
		if (imago_heap_decode_chunk(heap, next, &object, NULL) != IMAGO_OK ||
		    object.kind == IMAGO_OBJECT_PUN || object.body_kind == IMAGO_BODY_INVALID) {
			return false;
		}
		next += object.total_bytes;
	}
	return true;
}

/* Pass 1: a chunk a little behind the middle of the segment, found through a pointer to it. */
static bool
guess_start(const check_run *run, uint64_t middle, uint64_t *position)
{
	const imago_heap *heap = run->context->facts->heap;
	const imago_segment *segment = &heap->segments[run->segment];
	const uint8_t *words = segment->bytes + middle;
	uint8_t word_bytes = heap->layout.word_bytes;
	imago_addr least = segment->start + middle;
	for (uint32_t i = 0; i < GUESS_WORDS; i++) {
		imago_oop oop = imago_load_word(words + (uint64_t)i * word_bytes, heap->layout);
		imago_addr chunk;
		if (oop >= least && oop - least < GUESS_REACH && oop % 8 == 0 &&
		    looks_like_a_start(heap, oop, &chunk)) {
			*position = chunk - segment->start;
			return true;
		}
	}
	return false;
}

/* Pass 2: the first object behind the middle. */
static bool
find_start(const check_run *run, uint64_t middle, uint64_t *position)
{
	const check_facts *facts = run->context->facts;
	uint64_t first_bit = facts->segment_bits[run->segment];
	uint64_t bit = imago_bitmap_next(&facts->objects, first_bit + (middle >> 3));
	if (bit - first_bit >= run->end >> 3) {
		return false;
	}
	imago_addr start = facts->heap->segments[run->segment].start;
	imago_object object;
	if (imago_heap_decode_object(facts->heap, start + ((bit - first_bit) << 3), &object, NULL) !=
	    IMAGO_OK) {
		return false;
	}
	*position = object.chunk - start;
	return *position >= middle;
}

/* Where the second half begins: chunks that start at or behind it are the second thread's. In pass
 * 1 a word of the bitmaps begins there, too. */
static bool
find_cut(const check_run *run, check_half *second, uint64_t *cut)
{
	uint64_t middle = (run->end / 2) & ~UINT64_C(7);
	if (run->pass == PASS_BODIES) {
		if (!find_start(run, middle, cut)) {
			return false;
		}
		second->guess = *cut;
		return true;
	}
	if (!guess_start(run, middle, &second->guess)) {
		return false;
	}
	uint64_t first_byte = run->context->facts->segment_bits[run->segment] << 3;
	uint64_t after = first_byte + second->guess + RUN_IN_BYTES + BITMAP_WORD_BYTES - 1;
	*cut = (after & ~(uint64_t)(BITMAP_WORD_BYTES - 1)) - first_byte;
	return *cut < run->end;
}

static void
add_counters(check_counters *sum, const check_counters *part)
{
	sum->num_objects += part->num_objects;
	sum->num_free += part->num_free;
	sum->free_bytes += part->free_bytes;
	sum->num_primary_methods += part->num_primary_methods;
	sum->num_alternate_methods += part->num_alternate_methods;
}

/* Takes over what a half found out, and reports what it left to be judged. */
static void
take_over(check_run *run, const check_half *half)
{
	add_counters(&run->context->counters, &half->context.counters);
	run->num_objects += half->run.num_objects;
	run->position = half->run.position;
	check_run_suspects(run->context, run->pass, run->segment, &half->suspects);
}

/* Pass 1: clears what the second thread marked. In pass 2 the walks always meet. */
static void
undo(const check_run *run, const check_half *half, uint64_t cut)
{
	check_facts *facts = run->context->facts;
	uint64_t first_bit = facts->segment_bits[run->segment];
	uint64_t first_word = (first_bit + (cut >> 3)) / 64;
	uint64_t end_bit = first_bit + ((half->run.position + 8) >> 3);
	uint64_t end_word = end_bit / 64 + 1;
	uint64_t num_words = (facts->objects.num_bits + 63) / 64;
	if (end_word > num_words) {
		end_word = num_words;
	}
	uint64_t size = (end_word - first_word) * sizeof *facts->objects.words;
	memset(facts->objects.words + first_word, 0, (size_t)size);
	memset(facts->others.words + first_word, 0, (size_t)size);
}

/* True when a walk from the run's position arrives at the half's first chunk. */
static bool
meets(const check_run *run, const check_half *half, uint64_t cut)
{
	const imago_heap *heap = run->context->facts->heap;
	imago_addr start = heap->segments[run->segment].start;
	uint64_t position = run->position;
	while (position < cut) {
		imago_object object;
		if (imago_heap_decode_chunk(heap, start + position, &object, NULL) != IMAGO_OK) {
			return false;
		}
		position += object.total_bytes;
	}
	return position == half->begin;
}

/* Runs both halves, the second in a thread of its own, and joins them. */
static void
run_both(check_run *run, check_half *first, check_half *second, uint64_t cut)
{
	pthread_t thread;
	/* A chunk 8 bytes before the cut may have its oop at the cut, in the other's word. */
	first->run.end = run->pass == PASS_HEADERS ? cut - 8 : cut;
	first->run.progress = run->progress;
	second->run.position = cut;
	second->begin = UINT64_MAX;
	if (pthread_create(&thread, NULL, run_second_half, second) != 0) {
		return;
	}
	check_run_over(&first->run);
	(void)pthread_join(thread, NULL);
	take_over(run, first);
	bool met = meets(run, second, cut);
	if (!IMAGO_BUG(undo_of_halves, !met) && !met) {
		undo(run, second, cut);
	}
	uint64_t end = run->end;
	run->end = cut;
	check_run_over(run);
	run->end = end;
	if (met && !check_stopped(run->context)) {
		run->progress->done += second->run.position - run->position;
		take_over(run, second);
	}
}

void
check_run_halves(check_run *run)
{
	check_context *context = run->context;
	imago_allocator *allocator = context->facts->allocator;
	check_half first = {0};
	check_half second = {0};
	uint64_t cut;
	uint64_t capacity = run->end / BYTES_PER_SUSPECT;
	if (!context->facts->surveyed || run->end < LEAST_BYTES || run->end >> 3 > CHECK_MOST_UNITS) {
		return;
	}
	if (capacity > MOST_SUSPECTS) {
		capacity = MOST_SUSPECTS;
	}
	context->status = prepare(&first, run, (uint32_t)capacity);
	if (context->status == IMAGO_OK) {
		context->status = prepare(&second, run, (uint32_t)capacity);
	}
	if (context->status == IMAGO_OK && find_cut(run, &second, &cut)) {
		run_both(run, &first, &second, cut);
	}
	release(&first, allocator);
	release(&second, allocator);
}

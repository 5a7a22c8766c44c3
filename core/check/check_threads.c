/* check_threads.c: a pass over a segment by two threads.
 *
 * The segment is cut into parts, and each thread takes the next one that nobody has, so that
 * neither waits long for the other. In pass 2 the starts of all objects are known, and each cut is
 * at one. In pass 1 they are not: a part begins at a guessed start somewhat before the cut, where
 * walks that began differently have long run together, and what was done there counts only if the
 * walk from the part before arrives at the very chunk that was counted first. Otherwise it is
 * undone. The threads mark objects in different words of the bitmaps, and neither reports nor
 * allocates.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "../base/planted.h"
#include "check_pass.h"

enum {
	LEAST_BYTES = 1 << 20, /* of a segment that is worth a thread */
	LEAST_PART = LEAST_BYTES / 2,
	MOST_PARTS = 8,
	MOST_SUSPECTS = 1 << 16,      /* of each part */
	BYTES_PER_SUSPECT = 512,      /* less in small parts */
	BITMAP_WORD_BYTES = 512,      /* of the heap: what one word of a bitmap stands for */
	RUN_IN_BYTES = 1 << 14,       /* from the guessed start to the cut, at least */
	GUESS_WORDS = LEAST_PART / 8, /* looked at for a pointer nearby; every part has as many */
	GUESS_REACH = 1 << 20,        /* what counts as nearby */
	GUESS_OBJECTS = 64,           /* that must follow a guessed start */
};

/* What begins at one cut and ends at the next. */
typedef struct check_part {
	check_run run;
	check_context context;
	check_suspects suspects;
	imago_check_options options;
	imago_check_sink sink;
	bool found;
	uint64_t cut;   /* chunks that start at or behind it belong to the part */
	uint64_t guess; /* where the walk begins that leads to the cut */
	uint64_t begin; /* the first chunk of the part, or UINT64_MAX: there is none */
} check_part;

typedef struct check_parts {
	check_part part[MOST_PARTS];
	unsigned count;
	atomic_uint next; /* the first that nobody has taken */
} check_parts;

static bool
note_finding(const imago_finding *finding, void *payload)
{
	(void)finding;
	*(bool *)payload = true;
	return true;
}

/* Makes a part ready, but for its place. Its context starts as the whole run's. */
static imago_status
prepare(check_part *part, const check_run *whole, uint32_t capacity)
{
	check_context *context = whole->context;
	*part = (check_part){.run = *whole, .context = *context, .sink = *context->sink};
	part->suspects.units =
	    imago_allocate_array(context->facts->allocator, capacity, sizeof *part->suspects.units,
	                         "objects to judge again", context->error);
	if (part->suspects.units == NULL) {
		return IMAGO_ENOMEM;
	}
	part->suspects.capacity = capacity;
	part->options = *context->sink->options;
	part->options.max_findings = 0;
	part->sink.options = &part->options;
	part->sink.report = note_finding;
	part->sink.payload = &part->found;
	part->context.sink = &part->sink;
	part->context.error = NULL;
	part->context.puts_off_chains = true;
	part->context.counters = (check_counters){0};
	part->run.context = &part->context;
	part->run.suspects = &part->suspects;
	part->run.found = &part->found;
	part->run.num_objects = 0;
	part->run.progress = NULL;
	part->begin = UINT64_MAX;
	return IMAGO_OK;
}

static void
release(check_part *part, imago_allocator *allocator)
{
	imago_release(allocator, part->suspects.units,
	              (uint64_t)part->suspects.capacity * sizeof *part->suspects.units);
}

/* Walks from the guess to the cut, then runs over the part. */
static void
run_part(check_part *part)
{
	check_run *run = &part->run;
	const imago_heap *heap = run->context->facts->heap;
	imago_addr start = heap->segments[run->segment].start;
	uint64_t position = part->guess;
	while (position < part->cut) {
		imago_object object;
		if (imago_heap_decode_chunk(heap, start + position, &object, NULL) != IMAGO_OK) {
			return;
		}
		position += object.total_bytes;
	}
	if (position < run->end) {
		part->begin = position;
		run->position = position;
		check_run_over(run);
	}
}

/* Takes parts until there are none. */
static void
run_parts(check_parts *parts, check_progress *progress)
{
	unsigned i;
	while ((i = atomic_fetch_add(&parts->next, 1)) < parts->count) {
		parts->part[i].run.progress = progress;
		run_part(&parts->part[i]);
	}
}

static void *
run_second_thread(void *payload)
{
	run_parts(payload, NULL);
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

/* Pass 1: a chunk a little behind a position, found through a pointer to it. */
static bool
guess_start(const check_run *run, uint64_t least_position, uint64_t *position)
{
	const imago_heap *heap = run->context->facts->heap;
	const imago_segment *segment = &heap->segments[run->segment];
	const uint8_t *words = segment->bytes + least_position;
	uint8_t word_bytes = heap->layout.word_bytes;
	imago_addr least = segment->start + least_position;
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

/* Pass 2: the first object at or behind position. */
static bool
find_start(const check_run *run, uint64_t *position)
{
	const check_facts *facts = run->context->facts;
	uint64_t first_bit = facts->segment_bits[run->segment];
	uint64_t bit = imago_bitmap_next(&facts->objects, first_bit + (*position >> 3));
	if (bit - first_bit >= run->end >> 3) {
		return false;
	}
	imago_addr start = facts->heap->segments[run->segment].start;
	imago_object object;
	if (imago_heap_decode_object(facts->heap, start + ((bit - first_bit) << 3), &object, NULL) !=
	    IMAGO_OK) {
		return false;
	}
	bool behind = object.chunk - start >= *position;
	*position = object.chunk - start;
	return behind;
}

/* Cuts the segment somewhere behind position. In pass 1 a word of the bitmaps begins at the cut. */
static bool
find_cut(const check_run *run, uint64_t position, check_part *part)
{
	position &= ~UINT64_C(7);
	if (run->pass == PASS_BODIES) {
		if (!find_start(run, &position)) {
			return false;
		}
		part->guess = position;
		part->cut = position;
		return true;
	}
	if (!guess_start(run, position, &part->guess)) {
		return false;
	}
	uint64_t first_byte = run->context->facts->segment_bits[run->segment] << 3;
	uint64_t after = first_byte + part->guess + RUN_IN_BYTES + BITMAP_WORD_BYTES - 1;
	part->cut = (after & ~(uint64_t)(BITMAP_WORD_BYTES - 1)) - first_byte;
	return part->cut < run->end;
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

/* Takes over what was found out about a part, and reports what was left to be judged. */
static void
take_over(check_run *run, const check_part *part)
{
	add_counters(&run->context->counters, &part->context.counters);
	run->num_objects += part->run.num_objects;
	run->position = part->run.position;
	check_run_suspects(run->context, run->pass, run->segment, &part->suspects);
}

/* Pass 1: clears what was marked in a part, up to the next cut. In pass 2 the walks always meet. */
static void
undo(const check_run *run, const check_part *part, uint64_t end)
{
	check_facts *facts = run->context->facts;
	uint64_t first_bit = facts->segment_bits[run->segment];
	uint64_t first_word = (first_bit + (part->cut >> 3)) / 64;
	uint64_t end_word = (first_bit + (end >> 3) + 63) / 64;
	uint64_t num_words = (facts->objects.num_bits + 63) / 64;
	if (end_word > num_words) {
		end_word = num_words;
	}
	uint64_t size = (end_word - first_word) * sizeof *facts->objects.words;
	memset(facts->objects.words + first_word, 0, (size_t)size);
	memset(facts->others.words + first_word, 0, (size_t)size);
}

/* True when a walk from the run's position arrives at the part's first chunk. */
static bool
meets(const check_run *run, const check_part *part)
{
	const imago_heap *heap = run->context->facts->heap;
	imago_addr start = heap->segments[run->segment].start;
	uint64_t position = run->position;
	while (position < part->cut) {
		imago_object object;
		if (imago_heap_decode_chunk(heap, start + position, &object, NULL) != IMAGO_OK) {
			return false;
		}
		position += object.total_bytes;
	}
	return position == part->begin;
}

/* Joins a part to what the run has passed, or undoes it; then passes what is left before the part.
 * end: of the part. */
static void
join(check_run *run, check_part *part, uint64_t end)
{
	uint64_t end_of_run = run->end;
	bool met = meets(run, part);
	if (!IMAGO_BUG(undo_of_halves, !met) && !met) {
		undo(run, part, end);
	}
	if (part->run.progress != NULL && part->begin != UINT64_MAX) {
		run->progress->done -= part->run.position - part->begin; /* the first thread's: told */
	}
	run->end = part->cut;
	check_run_over(run);
	run->end = end_of_run;
	if (met && !check_stopped(run->context)) {
		run->progress->done += part->run.position - run->position;
		take_over(run, part);
	}
}

/* Where a part ends. */
static uint64_t
end_of(const check_parts *parts, unsigned i, const check_run *run)
{
	return i + 1 < parts->count ? parts->part[i + 1].cut : run->end;
}

/* Cuts the segment in as many parts as are worth it, where it can be cut. */
static imago_status
cut(check_parts *parts, const check_run *run)
{
	uint64_t wanted = run->end / LEAST_PART < MOST_PARTS ? run->end / LEAST_PART : MOST_PARTS;
	uint64_t size = run->end / wanted;
	uint64_t capacity = size / BYTES_PER_SUSPECT;
	capacity = capacity < MOST_SUSPECTS ? capacity : MOST_SUSPECTS;
	imago_status status = IMAGO_OK;
	for (uint64_t i = 0; i < wanted && status == IMAGO_OK; i++) {
		check_part place = {0};
		bool first = i == 0;
		if (first ||
		    (find_cut(run, i * size, &place) && place.cut > parts->part[parts->count - 1].cut)) {
			check_part *part = &parts->part[parts->count];
			status = prepare(part, run, (uint32_t)capacity);
			part->cut = place.cut;
			part->guess = place.guess;
			part->run.position = place.cut;
			parts->count += status == IMAGO_OK;
		}
	}
	for (unsigned i = 0; i < parts->count; i++) {
		/* A chunk 8 bytes before a cut may have its oop at the cut, in the next part's word. */
		bool last = i + 1 == parts->count;
		uint64_t end = end_of(parts, i, run);
		parts->part[i].run.end = run->pass == PASS_HEADERS && !last ? end - 8 : end;
	}
	return status;
}

/* Runs all parts, some of them in a second thread, and joins them. */
static void
run_all(check_run *run, check_parts *parts)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, run_second_thread, parts) != 0) {
		return;
	}
	run_parts(parts, run->progress);
	(void)pthread_join(thread, NULL);
	for (unsigned i = 0; i < parts->count && !check_stopped(run->context); i++) {
		join(run, &parts->part[i], end_of(parts, i, run));
	}
}

void
check_run_parts(check_run *run)
{
	check_context *context = run->context;
	check_parts parts = {0};
	if (!context->facts->surveyed || run->end < LEAST_BYTES || run->end >> 3 > CHECK_MOST_UNITS) {
		return;
	}
	context->status = cut(&parts, run);
	if (context->status == IMAGO_OK && parts.count > 1) {
		run_all(run, &parts);
	}
	for (unsigned i = 0; i < parts.count; i++) {
		release(&parts.part[i], context->facts->allocator);
	}
}

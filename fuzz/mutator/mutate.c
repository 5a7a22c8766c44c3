/* mutate.c: the table of operators, and how edits are stacked. */
#include "imago/mutate.h"

#include <string.h>

#include "fix_up.h"
#include "imago/layered_image.h"
#include "mutations.h"

enum {
	SPUR = 1 << IMAGO_FORMAT_SPUR,
	V3 = 1 << IMAGO_FORMAT_V3,
	COMPOSED = 1 << IMAGO_FORMAT_COMPOSED,
	ANY = 0,
};

#define KEEPS  IMAGO_MUTATION_KEEPS
#define WOUNDS IMAGO_MUTATION_WOUNDS
#define LIES   IMAGO_MUTATION_LIES
#define SOUND  IMAGO_MUTATION_SOUND

static const imago_mutation mutations[] = {
#define IMAGO_MUTATION(function, name, formats, effect, weight, summary) \
	{name, summary, formats, effect},
#include "mutations.def"
#undef IMAGO_MUTATION
};

enum { NUM_MUTATIONS = sizeof mutations / sizeof mutations[0] };

static const struct {
	mutation_fn *function;
	unsigned weight;
} details[NUM_MUTATIONS] = {
#define IMAGO_MUTATION(function, name, formats, effect, weight, summary) {function, weight},
#include "mutations.def"
#undef IMAGO_MUTATION
};

size_t
imago_num_mutations(void)
{
	return NUM_MUTATIONS;
}

const imago_mutation *
imago_mutation_at(size_t index)
{
	return index < NUM_MUTATIONS ? &mutations[index] : NULL;
}

/* True when name is the operator's or its family's. */
static bool
is_named(const imago_mutation *mutation, const char *name)
{
	const size_t length = strlen(name);
	return length > 0 && strncmp(mutation->name, name, length) == 0 &&
	       (mutation->name[length] == '\0' || mutation->name[length] == '.');
}

bool
imago_mutation_is_known(const char *name)
{
	for (size_t i = 0; i < NUM_MUTATIONS; i++) {
		if (is_named(&mutations[i], name)) {
			return true;
		}
	}
	return false;
}

/* One call: what may be chosen, and what has been done. */
typedef struct session {
	subject subject;
	const imago_mutate_options *options;
	imago_mutate_report *report;
	bool as_bytes;  /* edits that know nothing of images */
	bool closed;    /* repair will follow: no edit that it would undo */
	bool sound;     /* only edits that an image without errors survives as such */
	bool lies;      /* edits that repair would undo, rather than others */
	uint64_t swarm; /* not 0: only some operators, chosen by this number */
	bool lied;
	bool wounded;
	uint16_t allowed[NUM_MUTATIONS]; /* indices, once per weight would be too long: see pick */
	size_t num_allowed;
	uint64_t total_weight;
} session;

static bool
is_asked_for(const imago_mutate_options *options, const imago_mutation *mutation)
{
	if (options->only == NULL) {
		return true;
	}
	for (size_t i = 0; i < options->num_only; i++) {
		if (is_named(mutation, options->only[i])) {
			return true;
		}
	}
	return false;
}

/* Of a swarm one operator in so many: a few operators, used several times, reach what all of them,
 * each used once, do not: chains, circles, several flags of one object. */
enum { SWARM_KEEPS_ONE_IN = 8 };

static bool
is_of_swarm(const session *call, size_t index)
{
	dice d = {call->swarm + index};
	return call->swarm == 0 || dice_one_in(&d, SWARM_KEEPS_ONE_IN);
}

static void
list_allowed(session *call)
{
	const unsigned format = call->as_bytes ? 0 : 1u << call->subject.format;
	const bool chosen = call->options->only != NULL;
	call->num_allowed = 0;
	call->total_weight = 0;
	for (size_t i = 0; i < NUM_MUTATIONS; i++) {
		const imago_mutation *mutation = &mutations[i];
		/* Bytes edits of a readable image only where they are asked for by name. */
		const bool fits =
		    mutation->formats == ANY ? call->as_bytes || chosen : (mutation->formats & format) != 0;
		const bool undone =
		    call->closed && !call->as_bytes && !chosen && mutation->effect == IMAGO_MUTATION_LIES;
		const bool of_this_mode =
		    call->as_bytes || chosen ||
		    (call->sound ? mutation->effect == IMAGO_MUTATION_SOUND : !is_named(mutation, "sound"));
		const bool tame = call->lies && !call->as_bytes &&
		                  mutation->effect != IMAGO_MUTATION_LIES &&
		                  mutation->effect != IMAGO_MUTATION_WOUNDS;
		if (fits && !undone && of_this_mode && !tame && is_of_swarm(call, i) &&
		    is_asked_for(call->options, mutation)) {
			call->allowed[call->num_allowed++] = (uint16_t)i;
			call->total_weight += details[i].weight;
		}
	}
}

static size_t
pick_operator(session *call)
{
	uint64_t at = dice_below(&call->subject.dice, call->total_weight);
	size_t i = 0;
	while (at >= details[call->allowed[i]].weight) {
		at -= details[call->allowed[i]].weight;
		i++;
	}
	return call->allowed[i];
}

static void
fix_up_heap(subject *s)
{
	fix_up_objects(s);
	(void)subject_map(s);
	fix_up_container(s);
}

enum { MAX_TRIES = 16 };

/* Of so many calls: those with sound edits alone, those whose wounds stay open, those that edit
 * bytes. All others are damaged at will and repaired. */
enum { MODES = 16, SOUND_MODES = 10, OPEN_MODES = 2, BYTES_MODES = 1 };

/* One edit by one of the allowed operators. */
static bool
edit_once(session *call)
{
	subject *s = &call->subject;
	for (int attempt = 0; attempt < MAX_TRIES; attempt++) {
		const size_t index = pick_operator(call);
		const imago_mutation *mutation = &mutations[index];
		if (call->closed && call->wounded && mutation->effect == IMAGO_MUTATION_SOUND) {
			fix_up_heap(
			    s); /* it may read the image anew, which a wound at the start would prevent */
			call->wounded = false;
		}
		s->touched = false;
		if (!details[index].function(s) && !s->touched) { /* half an edit is one too */
			continue;
		}
		call->report->applied[call->report->num_applied++] = mutation;
		call->lied = call->lied || mutation->effect == IMAGO_MUTATION_LIES;
		call->wounded = call->wounded || mutation->effect == IMAGO_MUTATION_WOUNDS;
		return true;
	}
	return false;
}

static void
edit(session *call, unsigned num_edits)
{
	subject *s = &call->subject;
	for (unsigned i = 0; i < num_edits; i++) {
		const bool was_image = !call->as_bytes;
		if (call->num_allowed == 0 || !edit_once(call)) {
			if (call->swarm == 0) {
				return;
			}
			call->swarm = 0; /* it found no place: all operators again */
			list_allowed(call);
			if (call->num_allowed == 0 || !edit_once(call)) {
				return;
			}
		}
		if (was_image && call->lied) {
			subject_reopen(s); /* the structure is not what it was: bytes, where there is none */
		}
		const bool chosen = call->options->only != NULL || call->options->num_edits != 0;
		if (was_image && !s->readable && !chosen && dice_below(&s->dice, 8) != 0) {
			return; /* a reader stops at the first lie: a second one would only hide it */
		}
		if (was_image) {
			call->as_bytes = !s->readable;
			list_allowed(call); /* the container may be another one now */
		}
	}
}

/* Hashes that hide the edits of a layered file that still is one; others hide nothing. */
static bool
seal(const subject *s)
{
	imago_layered_head head;
	if (imago_layered_decode(&head, s->bytes, s->size, NULL) != IMAGO_OK) {
		return false;
	}
	imago_layered_seal(s->bytes, s->size);
	return true;
}

static void
repair(session *call)
{
	subject *s = &call->subject;
	if (call->closed && call->report->num_applied > 0 && seal(s)) {
		call->report->repaired = true;
		return;
	}
	if (call->as_bytes || call->lied || !s->readable || !call->closed) {
		return;
	}
	if (call->wounded) {
		fix_up_heap(s);
	}
	fix_up_free_space(s);
	call->report->repaired = true;
}

size_t
imago_mutant_repair(uint8_t *buffer, size_t size, size_t capacity)
{
	subject s;
	if (buffer == NULL || size == 0 || size > capacity) {
		return size;
	}
	subject_open(&s, buffer, size, capacity, 0);
	if (s.readable) {
		fix_up_heap(&s);
		fix_up_free_space(&s);
	} else {
		(void)seal(&s);
	}
	subject_close(&s);
	return s.size;
}

/* 1 to 8, small numbers more often. */
static unsigned
choose_num_edits(dice *d)
{
	return 1 + (unsigned)dice_below(d, 1 + dice_below(d, IMAGO_MAX_EDITS));
}

size_t
imago_mutate_with(uint8_t *buffer, size_t size, size_t capacity,
                  const imago_mutate_options *options, imago_mutate_report *report)
{
	imago_mutate_report ignored;
	session call = {.options = options, .report = report != NULL ? report : &ignored};
	*call.report = (imago_mutate_report){.num_applied = 0};
	if (buffer == NULL || capacity == 0 || size > capacity) {
		return size;
	}
	/* Decided before the structure is read, so that plain bytes cost nothing more. */
	dice first = {options->seed};
	const uint64_t mode = dice_below(&first, MODES);
	const bool mostly = options->repair == IMAGO_REPAIR_MOSTLY;
	const bool open = mode >= BYTES_MODES && mode < BYTES_MODES + OPEN_MODES;
	call.as_bytes = mode < BYTES_MODES && mostly && options->only == NULL;
	call.closed = options->repair == IMAGO_REPAIR_ALWAYS || (mostly && !open);
	call.sound = mode >= MODES - SOUND_MODES && mostly;
	call.lies = mostly && open && options->only == NULL && !dice_one_in(&first, 4);
	if (options->only == NULL && dice_one_in(&first, 2)) {
		call.swarm = dice_roll(&first) | 1;
	}
	const unsigned num_edits =
	    options->num_edits == 0 ? choose_num_edits(&first) : options->num_edits;

	if (call.as_bytes) {
		call.subject = (subject){.bytes = buffer, .size = size, .capacity = capacity};
		call.subject.dice = first;
	} else {
		subject_open(&call.subject, buffer, size, capacity, first.state);
		call.subject.donor = options->donor;
		call.subject.donor_size = options->donor_size;
		call.as_bytes = !call.subject.readable;
	}
	call.report->readable = !call.as_bytes;
	list_allowed(&call);
	edit(&call, num_edits < IMAGO_MAX_EDITS ? num_edits : IMAGO_MAX_EDITS);
	repair(&call);
	if (call.subject.allocator.budget != 0) {
		subject_close(&call.subject);
	}
	return call.subject.size;
}

size_t
imago_mutate(uint8_t *buffer, size_t size, size_t capacity, uint64_t seed)
{
	const imago_mutate_options options = {.seed = seed};
	return imago_mutate_with(buffer, size, capacity, &options, NULL);
}

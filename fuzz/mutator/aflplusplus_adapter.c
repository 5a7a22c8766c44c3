/* aflplusplus_adapter.c: the mutator as a custom mutator of AFL++ 4.04c, with trimming by the
 * reducer. Built as a module by a plain compiler (AFL++'s own would leave symbols that afl-fuzz has
 * not):
 *
 *     AFL_CUSTOM_MUTATOR_LIBRARY=build/lib/imago_afl_mutator.so afl-fuzz …
 *
 * IMAGO_AFL_REPAIR=1 repairs what AFL++ itself made of an image before it is run, seven times of
 * eight. Off unless asked for: the mutator's own wounds are meant to be open.
 */
#include <stdlib.h>
#include <string.h>

#include "dice.h"
#include "imago/mutate.h"
#include "parents.h"

#define AFL_API __attribute__((visibility("default")))

enum {
	MOST_TRIM_STEPS = 512,
	ROOM_FOR_REPAIR = 256,
	REPAIR_ALL_BUT_ONE_IN = 8,
	HAVOC_PERCENT = 20,
	DONATE_ONE_IN = 8,
	ROUGH_ONE_IN = 64,
	OFFERED_ONE_IN = 4,
	OF_PARENTS_ONE_IN = 2,
	OF_CURRENT_ONE_IN = 4, /* it is the same one for a long time; add_buf is not */
	DESCRIPTION_SIZE = 256
};

typedef struct afl_mutator {
	uint64_t next_seed;
	parents parents;
	uint8_t *buffer; /* of results; AFL++ reads it before the next call */
	size_t capacity;
	imago_mutate_report report;
	char description[DESCRIPTION_SIZE];
	imago_allocator allocator; /* of the reducer */
	imago_reducer *reducer;
	const uint8_t *proposal;
	size_t proposal_size;
	int32_t step;
	bool repairs;      /* before each run */
	uint8_t *repaired; /* of post_process, which runs while the mutant is still wanted */
	size_t repaired_capacity;
} afl_mutator;

/* AFL++'s interface (docs/custom_mutators.md). The state it hands over is not looked into. */
AFL_API void *afl_custom_init(void *afl, unsigned int seed);
AFL_API void afl_custom_deinit(void *data);
AFL_API size_t afl_custom_fuzz(void *data, unsigned char *buf, size_t buf_size,
                               unsigned char **out_buf, unsigned char *add_buf, size_t add_buf_size,
                               size_t max_size);
AFL_API const char *afl_custom_describe(void *data, size_t max_description_len);
AFL_API size_t afl_custom_havoc_mutation(void *data, unsigned char *buf, size_t buf_size,
                                         unsigned char **out_buf, size_t max_size);
AFL_API unsigned char afl_custom_havoc_mutation_probability(void *data);
AFL_API int32_t afl_custom_init_trim(void *data, unsigned char *buf, size_t buf_size);
AFL_API size_t afl_custom_trim(void *data, unsigned char **out_buf);
AFL_API int32_t afl_custom_post_trim(void *data, unsigned char success);
AFL_API size_t afl_custom_post_process(void *data, unsigned char *buf, size_t buf_size,
                                       unsigned char **out_buf);

void *
afl_custom_init(void *afl, unsigned int seed)
{
	(void)afl;
	afl_mutator *m = calloc(1, sizeof *m);
	if (m != NULL) {
		const char *repairs = getenv("IMAGO_AFL_REPAIR");
		m->next_seed = (uint64_t)seed << 32;
		m->repairs = repairs != NULL && strcmp(repairs, "1") == 0;
		imago_allocator_init(&m->allocator, IMAGO_UNLIMITED);
	}
	return m;
}

static void
end_trim(afl_mutator *m)
{
	imago_reducer_destroy(m->reducer);
	m->reducer = NULL;
	m->proposal = NULL;
}

void
afl_custom_deinit(void *data)
{
	afl_mutator *m = data;
	end_trim(m);
	parents_release(&m->parents);
	free(m->buffer);
	free(m->repaired);
	free(m);
}

static bool
make_room(uint8_t **buffer, size_t *capacity, size_t wanted)
{
	if (*capacity < wanted) {
		uint8_t *grown = realloc(*buffer, wanted);
		if (grown == NULL) {
			return false;
		}
		*buffer = grown;
		*capacity = wanted;
	}
	return true;
}

/* A copy of the input with room for max_size bytes, or false. */
static bool
take_input(afl_mutator *m, const unsigned char *buf, size_t size, size_t max_size)
{
	if (!make_room(&m->buffer, &m->capacity, max_size)) {
		return false;
	}
	memcpy(m->buffer, buf, size);
	return true;
}

static size_t
mutate(afl_mutator *m, unsigned char *buf, size_t size, unsigned char **out,
       const imago_mutate_options *options, size_t max_size)
{
	if (size > max_size || size == 0 || !take_input(m, buf, size, max_size)) {
		*out = buf;
		return size;
	}
	*out = m->buffer;
	return imago_mutate_with(m->buffer, size, max_size, options, &m->report);
}

/* NOLINTBEGIN(readability-non-const-parameter): AFL++ says what the parameters are. */
size_t
afl_custom_fuzz(void *data, unsigned char *buf, size_t buf_size, unsigned char **out_buf,
                unsigned char *add_buf, size_t add_buf_size, size_t max_size)
/* NOLINTEND(readability-non-const-parameter) */
{
	/* With references mapped, or now and then drawn at random. */
	static const char *const donate[] = {"sound.splice", "object.donor"};
	afl_mutator *m = data;
	imago_mutate_options options = {.seed = m->next_seed++};
	dice d = {options.seed};
	if (add_buf != NULL && options.seed % DONATE_ONE_IN == 0) {
		options.only = donate;
		options.num_only = options.seed % ROUGH_ONE_IN == 0 ? 2 : 1;
		options.donor = add_buf;
		options.donor_size = add_buf_size;
	} else if (add_buf != NULL && !dice_one_in(&d, OF_CURRENT_ONE_IN)) {
		buf = add_buf;
		buf_size = add_buf_size;
	}
	if (dice_one_in(&d, OFFERED_ONE_IN)) {
		parents_offer(&m->parents, buf, buf_size, dice_roll(&d));
	}
	if (dice_one_in(&d, OF_PARENTS_ONE_IN)) {
		const parent_image *parent = parents_pick(&m->parents, max_size, dice_roll(&d));
		if (parent != NULL && take_input(m, parent->bytes, parent->size, max_size)) {
			*out_buf = m->buffer;
			return imago_mutate_with(m->buffer, parent->size, max_size, &options, &m->report);
		}
	}
	return mutate(m, buf, buf_size, out_buf, &options, max_size);
}

size_t
afl_custom_havoc_mutation(void *data, unsigned char *buf, size_t buf_size, unsigned char **out_buf,
                          size_t max_size)
{
	afl_mutator *m = data;
	const imago_mutate_options options = {.seed = m->next_seed++, .num_edits = 1};
	return mutate(m, buf, buf_size, out_buf, &options, max_size);
}

unsigned char
afl_custom_havoc_mutation_probability(void *data)
{
	(void)data;
	return HAVOC_PERCENT;
}

/* The operators of the last mutant, for the names of queue files. */
const char *
afl_custom_describe(void *data, size_t max_description_len)
{
	afl_mutator *m = data;
	const size_t limit =
	    max_description_len < DESCRIPTION_SIZE ? max_description_len : DESCRIPTION_SIZE;
	size_t length = 0;
	m->description[0] = '\0';
	for (size_t i = 0; i < m->report.num_applied; i++) {
		const char *name = m->report.applied[i]->name;
		const size_t name_length = strlen(name);
		if (length + name_length + 2 > limit) {
			break;
		}
		if (length > 0) {
			m->description[length++] = '+';
		}
		memcpy(m->description + length, name, name_length + 1);
		length += name_length;
	}
	return m->description;
}

int32_t
afl_custom_init_trim(void *data, unsigned char *buf, size_t buf_size)
{
	afl_mutator *m = data;
	imago_error error;
	end_trim(m);
	m->step = 0;
	if (imago_reducer_create(&m->reducer, buf, buf_size, &m->allocator, &error) != IMAGO_OK) {
		m->reducer = NULL;
		return 0;
	}
	m->proposal = imago_reducer_propose(m->reducer, &m->proposal_size);
	return m->proposal != NULL ? MOST_TRIM_STEPS : 0;
}

size_t
afl_custom_trim(void *data, unsigned char **out_buf)
{
	afl_mutator *m = data;
	if (m->proposal == NULL || !take_input(m, m->proposal, m->proposal_size, m->proposal_size)) {
		*out_buf = m->buffer;
		return 0;
	}
	*out_buf = m->buffer;
	return m->proposal_size;
}

int32_t
afl_custom_post_trim(void *data, unsigned char success)
{
	afl_mutator *m = data;
	if (m->reducer == NULL) {
		return MOST_TRIM_STEPS;
	}
	imago_reducer_answer(m->reducer, success != 0);
	m->proposal = imago_reducer_propose(m->reducer, &m->proposal_size);
	m->step++;
	if (m->proposal == NULL || m->step >= MOST_TRIM_STEPS) {
		end_trim(m);
		return MOST_TRIM_STEPS;
	}
	return m->step;
}

/* Which inputs stay as they are: by their bytes, so that the same input is run the same way. */
static bool
is_spared(const uint8_t *bytes, size_t size)
{
	uint32_t sum = 0x811C9DC5;
	for (size_t i = 0; i < size; i++) {
		sum = (sum ^ bytes[i]) * 0x01000193;
	}
	return (sum >> 16) % REPAIR_ALL_BUT_ONE_IN == 0;
}

size_t
afl_custom_post_process(void *data, unsigned char *buf, size_t buf_size, unsigned char **out_buf)
{
	afl_mutator *m = data;
	*out_buf = buf;
	if (!m->repairs || buf_size == 0 || is_spared(buf, buf_size) ||
	    !make_room(&m->repaired, &m->repaired_capacity, buf_size + ROOM_FOR_REPAIR)) {
		return buf_size;
	}
	memcpy(m->repaired, buf, buf_size);
	*out_buf = m->repaired;
	return imago_mutant_repair(m->repaired, buf_size, m->repaired_capacity);
}

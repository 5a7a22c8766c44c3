/* refusals_test.c: files changed byte after byte wherever no object lies: in headers, metadata and
 * bridges. What is refused, as what and where, and what is read all the same stands on record in
 * refusals.txt; "refusals_test renew" writes it anew. */
#include "assertions.h"
#include "record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imago/check.h"
#include "imago/file.h"
#include "imago/image.h"

enum { LINE_SIZE = 256, MOST_OUTCOMES = 128, MOST_ADDED = 1, CHECK_STRIDE = 5 };

static bool renews;

/* All refusals with one status and noun, or all findings of one rule. */
typedef struct outcome {
	const char *status;
	const char *what;
	uint64_t count;
	uint64_t hash; /* of where, and of the values told */
} outcome;

typedef struct tally {
	outcome outcomes[MOST_OUTCOMES];
	size_t count;
	uint64_t place;
} tally;

/* A file, and a copy with room for one more byte in which it is damaged. */
typedef struct victim {
	uint8_t *bytes;
	uint64_t size;
	uint8_t *damaged;
	uint64_t damaged_size;
	bool *is_object; /* byte by byte */
} victim;

static uint64_t
mixed(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9E3779B97F4A7C15);
	return hash ^ hash >> 29;
}

static uint64_t
mixed_text(uint64_t hash, const char *text)
{
	while (*text != '\0') {
		hash = mixed(hash, (unsigned char)*text++);
	}
	return hash;
}

static void
note(tally *sums, const char *status, const char *what, uint64_t hash)
{
	size_t i = 0;
	while (i < sums->count && (strcmp(sums->outcomes[i].status, status) != 0 ||
	                           strcmp(sums->outcomes[i].what, what) != 0)) {
		i++;
	}
	assert_true(i < MOST_OUTCOMES);
	if (i == sums->count) {
		sums->outcomes[sums->count++] = (outcome){.status = status, .what = what};
	}
	sums->outcomes[i].count++;
	sums->outcomes[i].hash = mixed(mixed(sums->outcomes[i].hash, sums->place), hash);
}

static bool
note_finding(const imago_finding *finding, void *payload)
{
	uint64_t hash = mixed(mixed_text(1, finding->part), finding->offset);
	hash = mixed(mixed(hash, finding->oop), finding->slot);
	note(payload, "finding", finding->rule->name,
	     mixed(mixed(hash, finding->found), finding->expected));
	return true;
}

/* What a reader made of a file. */
static uint64_t
hash_of_heap(const imago_heap *heap, const uint8_t *bytes)
{
	uint64_t hash = mixed(heap->model, heap->layout.word_bytes);
	hash = mixed(hash, heap->layout.byte_order);
	hash = mixed(mixed(hash, heap->num_segments), heap->bridges);
	for (size_t i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		hash = mixed(hash, imago_header_get(&heap->header, i));
	}
	for (size_t i = 0; i < heap->num_segments; i++) {
		const imago_segment *segment = &heap->segments[i];
		hash = mixed(mixed(hash, segment->start), segment->size);
		hash = mixed(mixed(hash, segment->bridge_size), segment->offset);
		hash = mixed(mixed_text(hash, segment->part), segment->space);
		hash = mixed(hash, (uint64_t)(segment->bytes - bytes));
	}
	hash = mixed(hash, heap->wrapping.prefix_size);
	return mixed(mixed(hash, heap->wrapping.header_tail_size), heap->wrapping.trailing_size);
}

static void
check_what_was_read(const imago_image *image, imago_allocator *allocator, tally *sums)
{
	static const char *const families[] = {"composed", "header", "segment"};
	const imago_check_options options = {.only = families, .num_only = 3};
	imago_check_sink sink;
	imago_error error;
	imago_check_sink_init(&sink, &options, note_finding, sums);
	assert_ok(imago_image_check(image, &sink, allocator, &error), &error);
}

static void
try_damaged(const victim *it, tally *sums)
{
	imago_allocator allocator;
	imago_image image;
	imago_error error = {0};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_status status =
	    imago_image_read(&image, it->damaged, it->damaged_size, &allocator, &error);
	if (status == IMAGO_OK) {
		note(sums, "read", "", hash_of_heap(image.heap, it->damaged));
		if (sums->place % CHECK_STRIDE == 0) {
			check_what_was_read(&image, &allocator, sums);
		}
	} else {
		uint64_t hash = mixed_text(error.offset, error.part);
		note(sums, imago_status_name(status), error.what,
		     mixed(mixed(hash, error.found), error.limit));
	}
	imago_image_close(&image);
	assert_no_leak(&allocator);
}

/* Kinds of damage. */
typedef void damage_fn(victim *it, uint64_t place);

static void
one_more(victim *it, uint64_t place)
{
	it->damaged[place]++;
}

static void
one_less(victim *it, uint64_t place)
{
	it->damaged[place]--;
}

static void
top_bit_flipped(victim *it, uint64_t place)
{
	it->damaged[place] ^= 0x80;
}

static void
zero(victim *it, uint64_t place)
{
	it->damaged[place] = 0;
}

static void
eight(victim *it, uint64_t place)
{
	it->damaged[place] = '8';
}

static void
all_ones(victim *it, uint64_t place)
{
	it->damaged[place] = 0xFF;
}

static void
blank(victim *it, uint64_t place)
{
	it->damaged[place] = ' ';
}

static void
removed(victim *it, uint64_t place)
{
	it->damaged_size--;
	memmove(it->damaged + place, it->damaged + place + 1, (size_t)(it->damaged_size - place));
}

static void
doubled(victim *it, uint64_t place)
{
	memmove(it->damaged + place + 1, it->damaged + place, (size_t)(it->damaged_size - place));
	it->damaged_size++;
}

static void
cut_off_here(victim *it, uint64_t place)
{
	it->damaged_size = place;
}

static const struct {
	const char *name;
	damage_fn *damage;
} kinds[] = {
    {"one more", one_more},
    {"one less", one_less},
    {"top bit flipped", top_bit_flipped},
    {"zero", zero},
    {"eight", eight},
    {"all ones", all_ones},
    {"blank", blank},
    {"removed", removed},
    {"doubled", doubled},
    {"cut off here", cut_off_here},
};

/* The file, and which of its bytes belong to objects. */
static victim
admit(const char *name, imago_allocator *allocator)
{
	victim it;
	imago_image image;
	imago_error error;
	char path[LINE_SIZE];
	snprintf(path, sizeof path, "corpus/valid/%s", name);
	assert_ok(imago_file_read(path, allocator, &it.bytes, &it.size, &error), &error);
	it.damaged = malloc((size_t)it.size + MOST_ADDED);
	it.is_object = calloc((size_t)it.size, sizeof *it.is_object);
	assert_non_null(it.damaged);
	assert_non_null(it.is_object);
	assert_ok(imago_image_read(&image, it.bytes, it.size, allocator, &error), &error);
	for (size_t i = 0; i < image.heap->num_segments; i++) {
		const imago_segment *segment = &image.heap->segments[i];
		memset(it.is_object + (segment->bytes - it.bytes), true, (size_t)segment->size);
	}
	imago_image_close(&image);
	return it;
}

static void
assert_refusals(record *lines, const char *name)
{
	imago_allocator allocator;
	char line[LINE_SIZE];
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	victim it = admit(name, &allocator);
	for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
		tally sums = {.count = 0};
		for (sums.place = 0; sums.place < it.size; sums.place++) {
			if (!it.is_object[sums.place]) {
				memcpy(it.damaged, it.bytes, (size_t)it.size);
				it.damaged_size = it.size;
				kinds[k].damage(&it, sums.place);
				try_damaged(&it, &sums);
			}
		}
		for (size_t i = 0; i < sums.count; i++) {
			const outcome *some = &sums.outcomes[i];
			snprintf(line, sizeof line, "%s, %s: %s %s %" PRIu64 " %016" PRIx64, name,
			         kinds[k].name, some->status, some->what, some->count, some->hash);
			record_line(lines, line);
		}
	}
	free(it.damaged);
	free(it.is_object);
	imago_release(&allocator, it.bytes, it.size);
	assert_no_leak(&allocator);
}

static void
damaged_classic_files_are_refused_or_read_as_on_record(void **state)
{
	(void)state;
	record lines = record_open("tests/formats/refusals_classic.txt", renews);
	assert_refusals(&lines, "spur/small.spur32be.image");
	assert_refusals(&lines, "spur/varied.spur64.image");
	assert_refusals(&lines, "v3/small.v3.image");
	assert_refusals(&lines, "v3/small.v3be-6502.image");
	record_close(&lines);
}

static void
damaged_image_folders_are_refused_or_read_as_on_record(void **state)
{
	(void)state;
	record lines = record_open("tests/formats/refusals_composed.txt", renews);
	assert_refusals(&lines, "composed/perm.spur64.bundle");
	assert_refusals(&lines, "composed/varied.spur32.bundle");
	record_close(&lines);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(damaged_classic_files_are_refused_or_read_as_on_record),
	    cmocka_unit_test(damaged_image_folders_are_refused_or_read_as_on_record),
	};
	renews = argc > 1 && strcmp(argv[1], "renew") == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

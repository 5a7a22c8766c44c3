/* damage_test.c: small images with one word changed, word after word: how often each rule is
 * broken, and where. What a table of wounds forgets is in here somewhere. On record in damage.txt;
 * "damage_test renew" writes it anew. */
#include "assertions.h"
#include "record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imago/byte_order.h"
#include "imago/check.h"
#include "imago/file.h"
#include "imago/image.h"

enum { LINE_SIZE = 256, MOST_FINDINGS = 40 };

static bool renews;

/* What was found in all images with one kind of damage. */
typedef struct tally {
	uint64_t counts[IMAGO_NUM_CORE_RULES];
	uint64_t hashes[IMAGO_NUM_CORE_RULES];
	uint64_t num_silent; /* images in which nothing was found */
	uint64_t place;
	size_t num_here;
} tally;

static uint64_t
mixed(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9E3779B97F4A7C15);
	return hash ^ hash >> 29;
}

static bool
note_finding(const imago_finding *finding, void *payload)
{
	tally *sums = payload;
	size_t rule = (size_t)(finding->rule - imago_core_rules());
	assert_true(rule < IMAGO_NUM_CORE_RULES);
	uint64_t hash = mixed(sums->hashes[rule], sums->place);
	hash = mixed(mixed(hash, finding->offset), finding->oop);
	hash = mixed(mixed(mixed(hash, finding->slot), finding->found), finding->expected);
	sums->hashes[rule] = hash;
	sums->counts[rule]++;
	return ++sums->num_here < MOST_FINDINGS;
}

/* A file whose words are changed in place, and its heap, which borrows them. */
typedef struct patient {
	uint8_t *bytes;
	uint64_t size;
	imago_image image;
	const imago_heap *heap;
	imago_oop nil;
	bool *is_root; /* word by word of segment 0: of the special objects, and what they hold */
} patient;

/* What a word becomes. */
typedef imago_oop damage_fn(const patient *it, imago_oop word, uint64_t place);

static imago_oop
one_more(const patient *it, imago_oop word, uint64_t place)
{
	(void)it;
	(void)place;
	return word + 1;
}

static imago_oop
one_unit_on(const patient *it, imago_oop word, uint64_t place)
{
	(void)place;
	return word + imago_heap_alignment(it->heap);
}

static imago_oop
nil(const patient *it, imago_oop word, uint64_t place)
{
	(void)word;
	(void)place;
	return it->nil;
}

static imago_oop
a_small_integer(const patient *it, imago_oop word, uint64_t place)
{
	(void)word;
	imago_oop oop = 0;
	assert_true(imago_oop_from_integer(it->heap->tagging, (int64_t)(place % 9), &oop));
	return oop;
}

static imago_oop
one_bit_flipped(const patient *it, imago_oop word, uint64_t place)
{
	return word ^ UINT64_C(1) << place % ((uint64_t)it->heap->layout.word_bytes * 8);
}

/* Mostly a pointer to some other object. */
static imago_oop
a_word_of_elsewhere(const patient *it, imago_oop word, uint64_t place)
{
	(void)word;
	const imago_segment *segment = &it->heap->segments[0];
	uint64_t word_bytes = it->heap->layout.word_bytes;
	uint64_t index = mixed(1, place) % (segment->size / word_bytes);
	return imago_load_word(segment->bytes + index * word_bytes, it->heap->layout);
}

static imago_oop
the_special_objects(const patient *it, imago_oop word, uint64_t place)
{
	(void)word;
	(void)place;
	return it->heap->header.special_objects_oop;
}

typedef struct damage {
	const char *name;
	damage_fn *change;
	uint64_t stride; /* every so manieth word, or 0: only words of roots */
} damage;

/* Strides are prime to the sizes of what repeats. */
static const damage kinds[] = {
    {"one more", one_more, 59},
    {"one unit on", one_unit_on, 61},
    {"nil", nil, 29},
    {"a small integer", a_small_integer, 23},
    {"one bit flipped", one_bit_flipped, 37},
    {"a word of elsewhere", a_word_of_elsewhere, 19},
    {"a root one unit on", one_unit_on, 0},
    {"a root becomes nil", nil, 0},
    {"a root becomes an integer", a_small_integer, 0},
    {"a root becomes another word", a_word_of_elsewhere, 0},
    {"a root becomes the roots", the_special_objects, 0},
};

static void
check_damaged(patient *it, const damage *kind, tally *sums)
{
	imago_check_sink sink;
	imago_error error;
	imago_allocator allocator;
	imago_layout layout = it->heap->layout;
	for (size_t s = 0; s < it->heap->num_segments && (s == 0 || kind->stride > 0); s++) {
		const imago_segment *segment = &it->heap->segments[s];
		uint64_t num_words = segment->size / layout.word_bytes;
		for (uint64_t i = s + 1; i<num_words; i += kind->stride> 0 ? kind->stride : 1) {
			if (kind->stride == 0 && !it->is_root[i]) {
				continue;
			}
			uint8_t *place = it->bytes + segment->offset + i * layout.word_bytes;
			imago_oop word = imago_load_word(place, layout);
			sums->place = i;
			sums->num_here = 0;
			imago_store_word(place, kind->change(it, word, i), layout);
			imago_allocator_init(&allocator, IMAGO_UNLIMITED);
			imago_check_sink_init(&sink, NULL, note_finding, sums);
			assert_ok(imago_check(it->heap, &sink, &allocator, &error), &error);
			assert_no_leak(&allocator);
			sums->num_silent += sums->num_here == 0;
			imago_store_word(place, word, layout);
		}
	}
}

static void
put_tally(record *lines, const char *name, const damage *kind, const tally *sums)
{
	char line[LINE_SIZE];
	snprintf(line, sizeof line, "%s, %s: nothing found in %" PRIu64, name, kind->name,
	         sums->num_silent);
	record_line(lines, line);
	for (size_t i = 0; i < IMAGO_NUM_CORE_RULES; i++) {
		if (sums->counts[i] > 0) {
			snprintf(line, sizeof line, "%s, %s: %s %" PRIu64 " %016" PRIx64, name, kind->name,
			         imago_core_rules()[i].name, sums->counts[i], sums->hashes[i]);
			record_line(lines, line);
		}
	}
}

static void
mark_words(patient *it, const imago_object *object)
{
	const imago_segment *segment = &it->heap->segments[0];
	for (uint64_t i = 0; i < object->num_slots && object->segment == 0; i++) {
		it->is_root[(object->body - segment->start) / it->heap->layout.word_bytes + i] = true;
	}
}

/* The special objects, and the small objects made of pointers that they hold. */
static void
mark_roots(patient *it, const imago_object *specials)
{
	enum { FEW = 64 };
	it->is_root = calloc((size_t)it->heap->segments[0].size, sizeof *it->is_root);
	assert_non_null(it->is_root);
	mark_words(it, specials);
	for (uint64_t i = 0; i < specials->num_slots; i++) {
		imago_object object;
		imago_oop oop = imago_heap_fetch_slot(it->heap, specials, i);
		if (imago_oop_is_pointer(it->heap->tagging, oop) &&
		    imago_heap_decode_object(it->heap, oop, &object, NULL) == IMAGO_OK &&
		    object.body_kind == IMAGO_BODY_POINTERS && object.num_slots <= FEW) {
			mark_words(it, &object);
		}
	}
}

/* The file, read into memory of its own: the heap borrows it. */
static void
admit(patient *it, const char *name, imago_allocator *allocator)
{
	char path[LINE_SIZE];
	imago_error error;
	bool v3 = strncmp(name, "v3", 2) == 0;
	snprintf(path, sizeof path, "corpus/valid/%s/varied.%s.image", v3 ? "v3" : "spur", name);
	assert_ok(imago_file_read(path, allocator, &it->bytes, &it->size, &error), &error);
	assert_ok(imago_image_read(&it->image, it->bytes, it->size, allocator, &error), &error);
	it->heap = it->image.heap;
	imago_object specials;
	assert_int_equal(
	    imago_heap_decode_object(it->heap, it->heap->header.special_objects_oop, &specials, NULL),
	    IMAGO_OK);
	it->nil = imago_heap_fetch_slot(it->heap, &specials, 0);
	mark_roots(it, &specials);
}

static void
assert_damage(const char *name)
{
	imago_allocator allocator;
	patient it;
	char path[LINE_SIZE];
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	admit(&it, name, &allocator);
	snprintf(path, sizeof path, "tests/check/damage_%s.txt", name);
	record lines = record_open(path, renews);
	for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
		tally sums = {.place = 0};
		check_damaged(&it, &kinds[k], &sums);
		put_tally(&lines, name, &kinds[k], &sums);
	}
	record_close(&lines);
	imago_image_close(&it.image);
	free(it.is_root);
	imago_release(&allocator, it.bytes, it.size);
	assert_no_leak(&allocator);
}

static void
a_damaged_v3_image_has_the_findings_on_record(void **state)
{
	(void)state;
	assert_damage("v3");
}

static void
a_damaged_32_bit_spur_image_has_the_findings_on_record(void **state)
{
	(void)state;
	assert_damage("spur32be");
}

static void
a_damaged_64_bit_spur_image_has_the_findings_on_record(void **state)
{
	(void)state;
	assert_damage("spur64");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_damaged_v3_image_has_the_findings_on_record),
	    cmocka_unit_test(a_damaged_32_bit_spur_image_has_the_findings_on_record),
	    cmocka_unit_test(a_damaged_64_bit_spur_image_has_the_findings_on_record),
	};
	renews = argc > 1 && strcmp(argv[1], "renew") == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

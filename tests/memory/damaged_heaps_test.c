/* damaged_heaps_test.c: small heaps with one word changed, word after word: what walking, counting,
 * relocating and the class table make of them. Every instruction set must do the same; what that is
 * stands on record in damaged_heaps.txt ("damaged_heaps_test renew" writes it anew). */
#include "assertions.h"
#include "record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "imago/byte_order.h"
#include "imago/class_table.h"
#include "imago/image.h"
#include "imago/known_objects.h"
#include "imago/swizzle.h"
#include "imago/walk.h"

enum { LINE_SIZE = 256, NAME_SIZE = 24 };

static bool renews;

/* What all heaps with one kind of damage came to. */
typedef struct tally {
	uint64_t walked, objects;
	uint64_t counted, census;
	uint64_t relocated[2], words[2]; /* strictly, leniently */
	uint64_t tables, known;
} tally;

static uint64_t
mixed(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9E3779B97F4A7C15);
	return hash ^ hash >> 29;
}

static uint64_t
mixed_error(uint64_t hash, const imago_error *error)
{
	for (const char *at = error->what; *at != '\0'; at++) {
		hash = mixed(hash, (unsigned char)*at);
	}
	hash = mixed(mixed(hash, error->status), error->offset);
	return mixed(mixed(hash, error->found), error->limit);
}

static uint64_t
mixed_object(uint64_t hash, const imago_heap *heap, const imago_object *object)
{
	hash = mixed(mixed(hash, object->oop), object->chunk);
	hash = mixed(mixed(hash, object->total_bytes), object->body);
	hash = mixed(mixed(hash, object->num_slots), object->kind);
	hash = mixed(mixed(hash, object->body_kind), object->class_index);
	hash = mixed(mixed(hash, object->class_oop), object->identity_hash);
	hash = mixed(mixed(hash, object->format), object->v3_type);
	hash = mixed(mixed(hash, object->bits), object->unused_tail);
	hash = mixed(hash, imago_heap_num_pointer_slots(heap, object));
	hash = mixed(hash, imago_object_num_elements(heap, object));
	hash = mixed(hash, imago_object_body_bytes(heap, object));
	return mixed(hash, object->segment);
}

/* Walks on behind failures, with the next segment. */
static void
walk(const imago_heap *heap, tally *sums)
{
	imago_walker walker;
	imago_walker general;
	imago_error error = {0};
	imago_object object;
	imago_object again;
	bool more = true;
	imago_walk_init(&walker, heap, &error);
	imago_walk_init(&general, heap, NULL);
	while (more) {
		while (imago_walk_next(&walker, &object)) {
			assert_true(imago_walk_next_general(&general, &again));
			assert_same_object(&object, &again);
			sums->objects = mixed_object(sums->objects, heap, &object);
			if (object.kind != IMAGO_OBJECT_FREE) {
				assert_int_equal(imago_heap_decode_object(heap, object.oop, &again, NULL),
				                 IMAGO_OK);
				sums->objects = mixed(sums->objects, again.chunk);
			}
		}
		assert_false(imago_walk_next_general(&general, &again));
		sums->walked += walker.status == IMAGO_OK;
		if (walker.status != IMAGO_OK) {
			sums->objects = mixed_error(sums->objects, &error);
		}
		more = imago_walk_skip_segment(&walker);
		assert_int_equal(imago_walk_skip_segment(&general), more);
	}
}

static void
count(const imago_heap *heap, tally *sums)
{
	imago_census census;
	imago_error error = {0};
	if (imago_census_take(heap, &census, &error) != IMAGO_OK) {
		sums->census = mixed_error(sums->census, &error);
		return;
	}
	sums->counted++;
	uint64_t hash = mixed(mixed(sums->census, census.num_chunks), census.num_objects);
	hash = mixed(mixed(hash, census.num_free), census.num_forwarders);
	hash = mixed(mixed(hash, census.num_hidden), census.num_puns);
	sums->census = mixed(mixed(hash, census.free_bytes), census.num_pointers);
}

/* Relocates a copy; the hash is that of all its words and addresses. */
static uint64_t
relocate(const imago_heap *heap, imago_addr base, imago_swizzle_options options, bool *done)
{
	imago_allocator allocator;
	imago_heap *copy;
	imago_error error = {0};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_ok(imago_heap_copy(&copy, heap, &allocator, &error), &error);
	imago_status status = imago_swizzle(copy, base, &options, &error);
	*done = status == IMAGO_OK;
	uint64_t hash = *done ? 0 : mixed_error(0, &error);
	hash = mixed(mixed(hash, copy->header.special_objects_oop), copy->header.old_base_address);
	for (size_t i = 0; i < copy->num_segments; i++) {
		const imago_segment *segment = &copy->segments[i];
		hash = mixed(hash, segment->start);
		for (uint64_t at = 0; at + 4 <= segment->size; at += 4) {
			hash = mixed(hash, imago_load_u32(segment->bytes + at, copy->layout.byte_order));
		}
	}
	imago_heap_destroy(copy);
	assert_no_leak(&allocator);
	return hash;
}

static void
relocate_in_every_way(const imago_heap *heap, uint64_t place, tally *sums)
{
	static const uint64_t distances[] = {0x10000, 0x18, 0x4000000};
	imago_addr base = heap->segments[0].start + distances[place % 3];
	for (int lenient = 0; lenient < 2; lenient++) {
		imago_swizzle_options options = {.simd = IMAGO_SIMD_SCALAR, .lenient = lenient == 1};
		bool done;
		uint64_t hash = relocate(heap, base, options, &done);
		sums->relocated[lenient] += done;
		sums->words[lenient] = mixed(sums->words[lenient], hash);
		for (options.simd = IMAGO_SIMD_AVX2; options.simd <= IMAGO_SIMD_AVX512; options.simd++) {
			bool done_too;
			if (imago_simd_available(options.simd)) {
				assert_true(relocate(heap, base, options, &done_too) == hash && done_too == done);
			}
		}
	}
}

static void
look_up(const imago_heap *heap, tally *sums)
{
	imago_allocator allocator;
	imago_class_table table;
	imago_error error = {0};
	imago_known_objects known;
	imago_object object;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_ok(imago_class_table_create(&table, heap, &allocator, &error), &error);
	uint64_t hash = mixed(mixed(sums->tables, table.num_pages), table.num_entries);
	hash = mixed(mixed(hash, table.nil), table.integer_class);
	for (uint32_t i = 0; i < table.num_entries && i < 100; i++) {
		char name[NAME_SIZE];
		imago_addr cls = imago_class_table_at(&table, i);
		hash = mixed(hash, cls);
		if (cls != 0 && imago_heap_decode_object(heap, cls, &object, NULL) == IMAGO_OK) {
			imago_class_shape shape = imago_class_shape_of(heap, &object);
			hash = mixed(mixed(hash, shape.is_class), shape.num_named);
			hash = mixed(mixed(hash, shape.format), shape.compact_index);
			hash = mixed(mixed(hash, shape.superclass), shape.method_dictionary);
			hash = mixed(hash, imago_class_of_object(&table, &object));
			imago_class_name(heap, cls, name, sizeof name);
			for (const char *at = name; *at != '\0'; at++) {
				hash = mixed(hash, (unsigned char)*at);
			}
		}
	}
	sums->tables = hash;
	imago_class_table_release(&table);
	assert_no_leak(&allocator);
	imago_known_objects_find(heap, &known);
	sums->known = mixed_object(sums->known, heap, &known.hidden_roots);
	sums->known = mixed_object(sums->known, heap, &known.free_lists);
	sums->known = mixed(sums->known, imago_heap_nil(heap));
}

/* What a word becomes: something else at every place, of each kind in turn. */
static imago_oop
damaged_word(const imago_heap *heap, imago_oop word, uint64_t place, unsigned kind)
{
	const imago_segment *segment = &heap->segments[0];
	uint64_t word_bytes = heap->layout.word_bytes;
	switch (kind) {
	case 0:
		return word ^ UINT64_C(1) << place % (word_bytes * 8);
	case 1:
		return word + imago_heap_alignment(heap);
	case 2:
		return segment->start + mixed(2, place) % segment->size / 4 * 4;
	default:
		return imago_load_word(segment->bytes +
		                           mixed(1, place) % (segment->size / word_bytes) * word_bytes,
		                       heap->layout);
	}
}

static const char *const kinds[] = {"one bit", "one unit on", "an address", "another word"};
enum { STRIDE = 97 };

static void
try_all(imago_heap *heap, unsigned kind, tally *sums)
{
	imago_layout layout = heap->layout;
	for (size_t s = 0; s < heap->num_segments; s++) {
		const imago_segment *segment = &heap->segments[s];
		uint64_t num_words = segment->size / layout.word_bytes;
		for (uint64_t i = s + kind; i < num_words; i += STRIDE) {
			uint8_t *place = segment->writable + i * layout.word_bytes;
			imago_oop word = imago_load_word(place, layout);
			imago_store_word(place, damaged_word(heap, word, i, kind), layout);
			walk(heap, sums);
			count(heap, sums);
			relocate_in_every_way(heap, i, sums);
			look_up(heap, sums);
			imago_store_word(place, word, layout);
		}
	}
}

static void
put_tally(record *lines, const char *name, unsigned kind, const tally *sums)
{
	char line[LINE_SIZE];
	snprintf(line, sizeof line,
	         "%s, %s: walked %" PRIu64 " %016" PRIx64 " counted %" PRIu64 " %016" PRIx64
	         " tables %016" PRIx64 " %016" PRIx64,
	         name, kinds[kind], sums->walked, sums->objects, sums->counted, sums->census,
	         sums->tables, sums->known);
	record_line(lines, line);
	snprintf(line, sizeof line,
	         "%s, %s: relocated %" PRIu64 " %016" PRIx64 ", leniently %" PRIu64 " %016" PRIx64,
	         name, kinds[kind], sums->relocated[0], sums->words[0], sums->relocated[1],
	         sums->words[1]);
	record_line(lines, line);
}

static void
damaged_heaps_are_walked_and_relocated_as_on_record(void **state)
{
	static const char *const names[] = {"v3/varied.v3.image", "v3/varied.v3be-6502.image",
	                                    "spur/varied.spur32be.image", "spur/varied.spur64.image",
	                                    "composed/perm.spur64.bundle"};
	(void)state;
	record lines = record_open("tests/memory/damaged_heaps.txt", renews);
	for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
		imago_allocator allocator;
		imago_image image;
		imago_heap *heap;
		imago_error error;
		char path[LINE_SIZE];
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		snprintf(path, sizeof path, "corpus/valid/%s", names[n]);
		assert_ok(imago_image_open(&image, path, &allocator, &error), &error);
		assert_ok(imago_heap_copy(&heap, image.heap, &allocator, &error), &error);
		for (unsigned kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
			tally sums = {.walked = 0};
			try_all(heap, kind, &sums);
			put_tally(&lines, names[n], kind, &sums);
		}
		imago_heap_destroy(heap);
		imago_image_close(&image);
		assert_no_leak(&allocator);
	}
	record_close(&lines);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(damaged_heaps_are_walked_and_relocated_as_on_record),
	};
	renews = argc > 1 && strcmp(argv[1], "renew") == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

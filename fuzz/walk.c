/* walk: the objects of a heap tile its segments, and nothing can be reached beside them.
 *
 * Whatever image can be read: each object that the walk gives begins where the last one ended (or
 * at the start of the next segment), ends inside its segment, and its parts fit into it; when the
 * walk ends well, every byte of every segment was in one object. Decoding the same object by its
 * chunk and by its oop gives the same record; slots are the words that stand there. The census
 * counts what a walk counts. The index of objects knows exactly the starts that the walk met, in
 * their order. A walk that stops gives a documented status and a place, decoding there and the
 * census stop with the same, and the next segment can be taken up at its start. Every door from an
 * address or an offset to bytes opens exactly where a search through the segments says. */
#include <string.h>

#include "fuzz_image.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/object_index.h"
#include "imago/walk.h"

enum {
	TILES,
	FITS,
	BY_CHUNK,
	BY_OOP,
	SLOTS,
	CENSUS,
	INDEX,
	STOPS,
	TAKEN_UP,
	DOORS,
	OUTSIDE,
	NO_LEAK
};
static const char *const oracles[] = {
    [TILES] = "objects_tile_segments",
    [FITS] = "parts_fit",
    [BY_CHUNK] = "decoded_by_chunk",
    [BY_OOP] = "decoded_by_oop",
    [SLOTS] = "slots",
    [CENSUS] = "census",
    [INDEX] = "object_index",
    [STOPS] = "stops_with_a_place",
    [TAKEN_UP] = "next_segment_is_taken_up",
    [DOORS] = "doors",
    [OUTSIDE] = "outside_is_refused",
    [NO_LEAK] = "no_leak",
};
FUZZ_DECLARE_ORACLES("walk", oracles);

/* heap.h: imago_heap_decode_chunk */
static const fuzz_statuses documented =
    1u << IMAGO_ERANGE | 1u << IMAGO_ETRUNCATED | 1u << IMAGO_ESTRUCTURE;

static bool
same_object(const imago_object *a, const imago_object *b)
{
	return a->oop == b->oop && a->chunk == b->chunk && a->total_bytes == b->total_bytes &&
	       a->body == b->body && a->num_slots == b->num_slots && a->kind == b->kind &&
	       a->body_kind == b->body_kind && a->class_index == b->class_index &&
	       a->class_oop == b->class_oop && a->identity_hash == b->identity_hash &&
	       a->format == b->format && a->v3_type == b->v3_type && a->bits == b->bits &&
	       a->unused_tail == b->unused_tail && a->segment == b->segment;
}

static uint64_t
load_word(const uint8_t *bytes, imago_layout layout)
{
	uint64_t word = 0;
	for (uint8_t i = 0; i < layout.word_bytes; i++) {
		const uint8_t place =
		    layout.byte_order == IMAGO_BIG_ENDIAN ? i : (uint8_t)(layout.word_bytes - 1 - i);
		word = word << 8 | bytes[place];
	}
	return word;
}

static void
count(imago_census *census, const imago_object *object)
{
	census->num_chunks++;
	census->num_objects += object->kind == IMAGO_OBJECT_ORDINARY;
	census->num_free += object->kind == IMAGO_OBJECT_FREE;
	census->num_forwarders += object->kind == IMAGO_OBJECT_FORWARDER;
	census->num_hidden += object->kind == IMAGO_OBJECT_HIDDEN;
	census->num_puns += object->kind == IMAGO_OBJECT_PUN;
	census->free_bytes += object->kind == IMAGO_OBJECT_FREE ? object->total_bytes : 0;
}

/* The parts of an object against its chunk and its segment. */
static void
expect_fits(const imago_heap *heap, const imago_object *object)
{
	const imago_segment *segment = &heap->segments[object->segment];
	const uint64_t position = object->chunk - segment->start;
	const uint64_t body = object->body - object->chunk;
	const uint64_t alignment = imago_heap_alignment(heap);
	FUZZ_ORACLE(FITS, object->total_bytes > 0 && object->total_bytes % alignment == 0);
	FUZZ_ORACLE(FITS, object->total_bytes <= segment->size - position);
	FUZZ_ORACLE(FITS, object->oop % alignment == 0);
	FUZZ_ORACLE(FITS, object->oop >= object->chunk && object->oop < object->body);
	FUZZ_ORACLE(FITS, body <= object->total_bytes);
	FUZZ_ORACLE(FITS, object->num_slots <= (object->total_bytes - body) / heap->layout.word_bytes);
	FUZZ_ORACLE(FITS, imago_heap_num_pointer_slots(heap, object) <= object->num_slots);
	FUZZ_ORACLE(FITS, imago_object_body_bytes(heap, object) <=
	                      object->num_slots * heap->layout.word_bytes);
	FUZZ_ORACLE(FITS, imago_heap_bytes(heap, object->chunk, object->total_bytes) ==
	                      segment->bytes + position);
}

/* Counts the pointers; in detail, every slot is the word that stands there. */
static uint64_t
expect_slots(const imago_heap *heap, const imago_object *object, bool in_detail)
{
	const uint8_t *bytes = imago_object_bytes(heap, object);
	const uint64_t num_pointer_slots = imago_heap_num_pointer_slots(heap, object);
	uint64_t num_pointers = 0;
	bool same = true;
	for (uint64_t i = 0; i < object->num_slots && (i < num_pointer_slots || in_detail); i++) {
		const imago_oop word = imago_heap_fetch_slot(heap, object, i);
		num_pointers += i < num_pointer_slots && imago_oop_is_pointer(heap->tagging, word);
		same = same &&
		       (!in_detail || word == load_word(bytes + i * heap->layout.word_bytes, heap->layout));
	}
	if (in_detail) {
		const uint64_t size = object->num_slots * heap->layout.word_bytes;
		FUZZ_ORACLE(SLOTS, size == 0 || bytes == imago_heap_bytes(heap, object->body, size));
		FUZZ_ORACLE(SLOTS, same);
	}
	return num_pointers;
}

static void
expect_decoded_again(const imago_heap *heap, const imago_object *object)
{
	imago_object again;
	imago_error error;
	FUZZ_ORACLE(BY_CHUNK, imago_heap_decode_chunk(heap, object->chunk, &again, &error) == IMAGO_OK);
	FUZZ_ORACLE(BY_CHUNK, same_object(object, &again));
	if (object->kind != IMAGO_OBJECT_FREE) {
		FUZZ_ORACLE(BY_OOP,
		            imago_heap_decode_object(heap, object->oop, &again, &error) == IMAGO_OK);
		FUZZ_ORACLE(BY_OOP, same_object(object, &again));
	}
}

/* Why a walk stopped at an address. */
static void
expect_stop(fuzz_subject *subject, const imago_walker *walker, uint64_t file_size)
{
	imago_object object;
	imago_error error;
	imago_census census;
	fuzz_expect_refusal(walker->error, walker->status, file_size, documented, STOPS);
	FUZZ_ORACLE(STOPS, imago_heap_decode_chunk(subject->heap, walker->next, &object, &error) ==
	                       walker->status);
	FUZZ_ORACLE(STOPS, error.offset == walker->error->offset);
	FUZZ_ORACLE(STOPS, imago_census_take(subject->heap, &census, &error) != IMAGO_OK);
}

/* The walk, with everything that one object can tell. Returns false when it stopped. */
static bool
walk(fuzz_subject *subject, imago_census *census, uint64_t file_size)
{
	const imago_heap *heap = subject->heap;
	imago_walker walker;
	imago_object object;
	enum { DETAIL = 4 };
	const uint32_t phase = fuzz_choose(&subject->input, DETAIL);
	size_t segment = 0;
	uint64_t position = 0; /* in the segment, where the next object must begin */
	imago_walk_init(&walker, heap, &subject->error);
	while (imago_walk_next(&walker, &object)) {
		while (segment < heap->num_segments && position == heap->segments[segment].size) {
			segment++;
			position = 0;
		}
		FUZZ_ORACLE(TILES, segment < heap->num_segments && object.segment == segment);
		FUZZ_ORACLE(TILES, object.chunk == heap->segments[segment].start + position);
		expect_fits(heap, &object);
		/* Some of the objects, others of another input. */
		const bool in_detail = census->num_chunks % DETAIL == phase;
		if (in_detail) {
			expect_decoded_again(heap, &object);
		}
		count(census, &object);
		census->num_pointers += expect_slots(heap, &object, in_detail);
		position += object.total_bytes;
	}
	if (walker.status == IMAGO_OK) {
		while (segment < heap->num_segments && position == heap->segments[segment].size) {
			segment++;
			position = 0;
		}
		FUZZ_ORACLE(TILES, segment == heap->num_segments);
		return true;
	}
	expect_stop(subject, &walker, file_size);
	const size_t stopped = walker.segment;
	const bool more = imago_walk_skip_segment(&walker);
	FUZZ_ORACLE(TAKEN_UP, more == (stopped + 1 < heap->num_segments));
	if (more) {
		FUZZ_ORACLE(TAKEN_UP, walker.next == heap->segments[stopped + 1].start);
	}
	return false;
}

/* The index of objects against a second walk: what it has is what may be pointed at. */
static void
expect_index(fuzz_subject *subject)
{
	const imago_heap *heap = subject->heap;
	const uint64_t alignment = imago_heap_alignment(heap);
	imago_object_index index;
	imago_walker walker;
	imago_object object;
	uint64_t ordinal = 0;
	FUZZ_ORACLE(INDEX, imago_object_index_create(&index, heap, &subject->allocator,
	                                             &subject->error) == IMAGO_OK);
	imago_walk_init(&walker, heap, &subject->error);
	while (imago_walk_next(&walker, &object)) {
		const bool pointed = object.kind != IMAGO_OBJECT_FREE && object.kind != IMAGO_OBJECT_PUN;
		FUZZ_ORACLE(INDEX, imago_object_index_has(&index, object.oop) == pointed);
		FUZZ_ORACLE(INDEX, imago_object_index_ordinal(&index, object.oop) ==
		                       (pointed ? ordinal : UINT64_MAX));
		/* Its second word, or whatever lies between, is no start. */
		const uint64_t inside = fuzz_choose(&subject->input, 256) * alignment;
		if (inside > 0 && inside < object.total_bytes - (object.oop - object.chunk)) {
			FUZZ_ORACLE(INDEX, !imago_object_index_has(&index, object.oop + inside));
		}
		FUZZ_ORACLE(INDEX, !imago_object_index_has(&index, object.oop + 1));
		ordinal += pointed;
	}
	FUZZ_ORACLE(INDEX, index.num_objects == ordinal);
	imago_object_index_release(&index);
}

static bool
same_census(const imago_census *a, const imago_census *b)
{
	return memcmp(a, b, sizeof *a) == 0; /* eight counts of one width */
}

/* The segment that holds length bytes at addr in its object area, by looking at all. */
static const imago_segment *
search(const imago_heap *heap, imago_addr addr, uint64_t length)
{
	for (size_t i = 0; i < heap->num_segments; i++) {
		const imago_segment *segment = &heap->segments[i];
		if (addr >= segment->start && addr - segment->start < segment->size &&
		    length <= segment->size - (addr - segment->start)) {
			return segment;
		}
	}
	return NULL;
}

static void
expect_door(const imago_heap *heap, imago_addr addr, uint64_t length)
{
	const imago_segment *holds = search(heap, addr, length);
	const imago_segment *home = search(heap, addr, 0);
	imago_object object;
	imago_error error;
	FUZZ_ORACLE(DOORS, imago_heap_segment_of(heap, addr) == home);
	FUZZ_ORACLE(DOORS, imago_heap_bytes(heap, addr, length) ==
	                       (holds != NULL ? holds->bytes + (addr - holds->start) : NULL));
	FUZZ_ORACLE(DOORS, imago_heap_offset_of(heap, addr) ==
	                       (home != NULL ? home->offset + (addr - home->start) : IMAGO_NO_OFFSET));
	if (home == NULL) {
		const imago_addr aligned = addr - addr % imago_heap_alignment(heap);
		FUZZ_ORACLE(OUTSIDE, imago_heap_decode_chunk(heap, addr, &object, &error) == IMAGO_ERANGE);
		FUZZ_ORACLE(OUTSIDE, imago_heap_decode_object(heap, addr, &object, &error) != IMAGO_OK);
		FUZZ_ORACLE(OUTSIDE,
		            search(heap, aligned, 0) != NULL ||
		                imago_heap_decode_object(heap, aligned, &object, &error) == IMAGO_ERANGE);
	} else {
		imago_addr back;
		FUZZ_ORACLE(DOORS, imago_heap_addr_of(heap, home->part, home->offset + (addr - home->start),
		                                      &back));
		FUZZ_ORACLE(DOORS, back == addr);
	}
}

/* Around the borders of a segment, with lengths that fit, just do not, and wrap. */
static void
expect_doors_of(const imago_heap *heap, const imago_segment *segment)
{
	const imago_addr end = segment->start + segment->size;
	const imago_addr addrs[] = {
	    segment->start - 1,        segment->start, segment->start + 1, end - 1, end,
	    end + segment->bridge_size};
	const uint64_t lengths[] = {
	    0, 1, 8, segment->size, segment->size + 1, UINT64_MAX, UINT64_MAX - segment->start};
	for (size_t i = 0; i < sizeof addrs / sizeof addrs[0]; i++) {
		for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
			expect_door(heap, addrs[i], lengths[k]);
		}
	}
	imago_addr addr;
	FUZZ_ORACLE(DOORS, !imago_heap_addr_of(heap, "no such part", segment->offset, &addr));
}

static void
expect_doors(fuzz_subject *subject)
{
	const imago_heap *heap = subject->heap;
	const size_t num = heap->num_segments;
	expect_door(heap, 0, 1);
	expect_door(heap, UINT64_MAX, 1);
	expect_door(heap, UINT64_MAX, UINT64_MAX);
	/* Some segments are enough: a hostile file may have thousands. */
	for (size_t i = 0; i < 4 && num > 0; i++) {
		expect_doors_of(heap, &heap->segments[fuzz_choose(&subject->input, 65536) % num]);
	}
	for (size_t i = 0; i < 8 && num > 0; i++) {
		const imago_segment *segment = &heap->segments[i % num];
		const uint64_t distance = fuzz_choose(&subject->input, 65536);
		expect_door(heap, segment->start + distance, fuzz_choose(&subject->input, 65536));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_subject subject;
	if (fuzz_subject_open(&subject, data, size)) {
		imago_census counted = {0};
		imago_census census;
		expect_doors(&subject);
		if (walk(&subject, &counted, size)) {
			FUZZ_ORACLE(CENSUS,
			            imago_census_take(subject.heap, &census, &subject.error) == IMAGO_OK);
			FUZZ_ORACLE(CENSUS, same_census(&counted, &census));
			expect_index(&subject);
		}
	}
	fuzz_subject_close(&subject, NO_LEAK);
	return 0;
}

/* walk.c: every chunk of every segment, in address order. */
#include "imago/walk.h"

#include "format_facts.h"
#include "pointer_marks.h"
#include "pointer_tags.h"

/* Bytes behind a chunk that make sure that a short header and its body fit. */
enum { LONGEST_PLAIN = 2048 };

/* Goes to the start of walker->segment, which exists. */
static void
enter_segment(imago_walker *walker)
{
	const imago_segment *segment = &walker->heap->segments[walker->segment];
	bool has_plain = walker->heap->model == IMAGO_SPUR && segment->size > LONGEST_PLAIN;
	walker->next = segment->start;
	walker->start = segment->start;
	walker->bytes = segment->bytes;
	walker->asked = (uintptr_t)segment->bytes;
	walker->plain_size = has_plain ? segment->size - LONGEST_PLAIN : 0;
	walker->layout = walker->heap->layout;
	walker->formats = walker->layout.word_bytes == 8 ? imago_spur64_formats : imago_spur32_formats;
}

void
imago_walk_init(imago_walker *walker, const imago_heap *heap, imago_error *error)
{
	*walker = (imago_walker){.heap = heap, .error = error};
	if (heap->num_segments > 0) {
		enter_segment(walker);
	}
}

bool
imago_walk_next_general(imago_walker *walker, imago_object *out)
{
	const imago_heap *heap = walker->heap;
	if (walker->status != IMAGO_OK) {
		return false;
	}
	while (walker->segment < heap->num_segments) {
		const imago_segment *segment = &heap->segments[walker->segment];
		if (walker->next - segment->start < segment->size) {
			walker->status = imago_heap_decode_chunk(heap, walker->next, out, walker->error);
			if (walker->status != IMAGO_OK) {
				walker->plain_size = 0;
				return false;
			}
			walker->next += out->total_bytes;
			walker->asked = (uintptr_t)segment->bytes + (uintptr_t)(walker->next - segment->start);
			return true;
		}
		if (!imago_walk_skip_segment(walker)) {
			return false;
		}
	}
	return false;
}

bool
imago_walk_skip_segment(imago_walker *walker)
{
	walker->status = IMAGO_OK;
	if (walker->segment < walker->heap->num_segments) {
		walker->segment++;
	}
	if (walker->segment == walker->heap->num_segments) {
		walker->plain_size = 0;
		return false;
	}
	enter_segment(walker);
	return true;
}

/* Counts the pointers among num_words words, of which slots tells the slots. */
static uint64_t
count_marked(const imago_heap *heap, const uint8_t *words, const imago_pointer_marks *marks)
{
	uint64_t count = 0;
	imago_find_pointers_fn *find_in = imago_find_pointers_function(heap);
	for (uint32_t i = 0; i < marks->num_words; i += 64) {
		uint64_t found =
		    find_in(words + (uint64_t)i * heap->layout.word_bytes, marks->slots[i / 64]);
		count += (unsigned)__builtin_popcountll(found);
	}
	return count;
}

static uint64_t
count_pointers(const imago_heap *heap, const imago_object *object)
{
	uint64_t num_slots = imago_heap_num_pointer_slots(heap, object);
	const uint8_t *slots = imago_object_bytes(heap, object);
	uint64_t count = 0;
	for (uint64_t i = 0; i < num_slots; i++) {
		imago_oop slot = imago_load_word(slots + i * heap->layout.word_bytes, heap->layout);
		count += imago_oop_is_pointer(heap->tagging, slot);
	}
	return count;
}

static void
count_object(const imago_heap *heap, const imago_object *object, imago_census *census)
{
	census->num_chunks++;
	switch (object->kind) {
	case IMAGO_OBJECT_ORDINARY:
		census->num_objects++;
		break;
	case IMAGO_OBJECT_FREE:
		census->num_free++;
		census->free_bytes += object->total_bytes;
		break;
	case IMAGO_OBJECT_FORWARDER:
		census->num_forwarders++;
		break;
	case IMAGO_OBJECT_HIDDEN:
		census->num_hidden++;
		break;
	case IMAGO_OBJECT_PUN:
		census->num_puns++;
		break;
	}
	census->num_pointers += count_pointers(heap, object);
}

static imago_status
count_segment(const imago_heap *heap, const imago_segment *segment, imago_census *census,
              imago_error *error)
{
	imago_pointer_marks marks;
	uint64_t position = 0;
	while (position < segment->size) {
		imago_mark_pointers(heap, segment, position, &marks);
		if (marks.num_words > 0) {
			census->num_chunks += marks.num_objects;
			census->num_objects += marks.num_objects;
			census->num_pointers += count_marked(heap, segment->bytes + position, &marks);
			position += (uint64_t)marks.num_words * heap->layout.word_bytes;
			continue;
		}
		imago_object object;
		imago_status status =
		    imago_heap_decode_chunk(heap, segment->start + position, &object, error);
		if (status != IMAGO_OK) {
			return status;
		}
		count_object(heap, &object, census);
		position += object.total_bytes;
	}
	return IMAGO_OK;
}

imago_status
imago_census_take(const imago_heap *heap, imago_census *out, imago_error *error)
{
	imago_census census = {0};
	for (size_t i = 0; i < heap->num_segments; i++) {
		imago_status status = count_segment(heap, &heap->segments[i], &census, error);
		if (status != IMAGO_OK) {
			return status;
		}
	}
	*out = census;
	return IMAGO_OK;
}

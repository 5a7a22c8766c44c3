/* pointer_words.c: which words of a chunk hold addresses. */
#include "imago/pointer_words.h"

#include "../base/planted.h"
#include "imago/known_objects.h"

/* Slots of a free chunk (formats/spur/spur.md §11). */
enum { CHUNK_NEXT, CHUNK_PREVIOUS, CHUNK_LARGER = 4 };

/* Slots of an obj stack page (formats/spur/spur.md §9). */
enum { STACK_TOP, STACK_ROOT, STACK_FREE_LINK, STACK_NEXT_LINK, STACK_FIRST_ENTRY };

static void
add(imago_word_runs *runs, const imago_object *object, uint64_t begin, uint64_t end,
    imago_word_kind kind)
{
	end = end < object->num_slots ? end : object->num_slots;
	if (begin < end) {
		runs->runs[runs->num_runs++] = (imago_word_run){begin, end, kind};
	}
}

static void
add_free_chunk(imago_word_runs *runs, const imago_heap *heap, const imago_object *chunk)
{
	if (heap->model == IMAGO_V3) {
		return;
	}
	/* As many lists as a word has bits: what is larger stands in the tree. */
	uint64_t num_lists = (uint64_t)heap->layout.word_bytes * 8;
	bool large = chunk->total_bytes >= num_lists * 8;
	if (IMAGO_BUG(tree_links_overflow, large && chunk->oop != chunk->chunk)) {
		large = false;
	}
	/* A header that counts no slots leaves room for a link all the same, as in every object. Even
	 * next may be out of date: in a chunk that no list leads to. */
	uint64_t room = chunk->total_bytes - (chunk->body - chunk->chunk);
	uint64_t num_words = room / heap->layout.word_bytes;
	uint64_t num_links = large ? CHUNK_LARGER + 1 : CHUNK_PREVIOUS + 1;
	runs->runs[runs->num_runs++] = (imago_word_run){
	    CHUNK_NEXT, num_links < num_words ? num_links : num_words, IMAGO_WORD_STALE};
}

/* A page of an obj stack knows itself: only such a word object has that size and names a root. */
static bool
is_stack_page(const imago_heap *heap, const imago_object *object)
{
	if (object->kind != IMAGO_OBJECT_HIDDEN || object->num_slots != IMAGO_OBJ_STACK_PAGE_SLOTS ||
	    object->body_kind == IMAGO_BODY_POINTERS) {
		return false;
	}
	imago_oop root = imago_heap_fetch_slot(heap, object, STACK_ROOT);
	return root >= IMAGO_FIRST_PRIVATE_ROOT && root < IMAGO_FIRST_PRIVATE_ROOT + 3;
}

static void
add_stack_page(imago_word_runs *runs, const imago_heap *heap, const imago_object *page)
{
	uint64_t top = imago_heap_fetch_slot(heap, page, STACK_TOP);
	uint64_t capacity = IMAGO_OBJ_STACK_PAGE_SLOTS - STACK_FIRST_ENTRY;
	add(runs, page, STACK_FREE_LINK, STACK_NEXT_LINK + 1, IMAGO_WORD_LINK);
	add(runs, page, STACK_FIRST_ENTRY, STACK_FIRST_ENTRY + (top < capacity ? top : capacity),
	    IMAGO_WORD_SLOT);
}

imago_word_runs
imago_pointer_words_of(const imago_heap *heap, imago_addr free_lists, const imago_object *object)
{
	imago_word_runs runs = {.num_runs = 0};
	if (object->kind == IMAGO_OBJECT_FREE) {
		add_free_chunk(&runs, heap, object);
	} else if (object->oop == free_lists && heap->model == IMAGO_SPUR) {
		add(&runs, object, 0, object->num_slots, IMAGO_WORD_LINK);
	} else if (is_stack_page(heap, object)) {
		add_stack_page(&runs, heap, object);
	} else {
		add(&runs, object, 0, imago_heap_num_pointer_slots(heap, object), IMAGO_WORD_SLOT);
	}
	return runs;
}

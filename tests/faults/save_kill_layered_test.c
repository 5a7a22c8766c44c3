/* save_kill_layered_test.c: layered images and twins are saved over older ones by a process that is
 * killed, with SIGKILL, before, after and in the middle of every system call it makes. What is on
 * the disk then is the old file or the new one, whole: every hash is that of its bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../formats/temp_folder.h"
#include "assertions.h"
#include "imago/file.h"
#include "imago/layered_attach.h"
#include "imago/save.h"
#include "imago/twin.h"
#include "imago/walk.h"
#include "killed_save.h"
#include "layouts.h"
#include "small_image.h"

typedef struct bytes {
	uint8_t *bytes;
	uint64_t size, capacity;
} bytes;

/* Fails the test unless a file is whole. */
typedef void assert_whole_fn(const bytes *file, void *payload);

/* What is saved over what, and what was found. */
typedef struct killing {
	bytes old, new;
	assert_whole_fn *assert_whole;
	imago_allocator allocator;
	FILE *source; /* of the twins */
	size_t num_old, num_new;
} killing;

static bytes
taken(const imago_writer *writer)
{
	assert_int_equal(writer->status, IMAGO_OK);
	return (bytes){writer->bytes, writer->size, writer->capacity};
}

/* ---- Layered images. */

static bytes
layered_of(imago_heap *heap, imago_allocator *allocator)
{
	imago_error error;
	imago_writer writer;
	imago_writer_init(&writer, allocator, heap->layout, &error);
	assert_ok(imago_layered_write(heap, NULL, &writer, &error), &error);
	imago_heap_destroy(heap);
	return taken(&writer);
}

static bool
fail_at_finding(const imago_finding *finding, void *payload)
{
	(void)payload;
	fail_msg("%s", finding->rule->name);
	return false;
}

static void
assert_layered(const bytes *file, void *payload)
{
	killing *k = payload;
	imago_error error;
	imago_heap *heap;
	imago_layered_head head;
	imago_check_sink sink;
	assert_ok(imago_layered_decode(&head, file->bytes, file->size, &error), &error);
	assert_true(head.header_intact && head.table_intact);
	assert_int_equal(head.file_size, file->size);
	assert_ok(imago_layered_read(&heap, file->bytes, file->size, &k->allocator, &error), &error);
	imago_check_sink_init(&sink, NULL, fail_at_finding, NULL);
	assert_ok(imago_layered_check(file->bytes, file->size, heap, &sink, &k->allocator, &error),
	          &error);
	imago_heap_destroy(heap);
}

/* ---- Twins. */

static void
attach(imago_layered_attachment *out, killing *k)
{
	imago_error error;
	const imago_layered_attach_options options = {.attach.relocation = IMAGO_RELOCATION_NONE};
	assert_ok(imago_layered_attach(out, fileno(k->source), &options, &k->allocator, &error),
	          &error);
}

/* Of a program that wrote into every step-th object with slots. */
static bytes
twin_of(killing *k, const imago_heap *file, uint64_t step)
{
	imago_error error;
	imago_writer writer;
	imago_layered_attachment attached;
	imago_walker walker;
	imago_object object;
	uint64_t count = 0;
	attach(&attached, k);
	imago_walk_init(&walker, file, &error);
	while (imago_walk_next(&walker, &object)) {
		if (object.kind == IMAGO_OBJECT_ORDINARY && object.body_kind == IMAGO_BODY_POINTERS &&
		    object.num_slots > 0 && ++count % step == 0) {
			const uint64_t nil = imago_heap_nil(file);
			imago_store_word(&attached.mapping.bytes[object.body - attached.head.start], nil,
			                 file->layout);
		}
	}
	imago_writer_init(&writer, &k->allocator, file->layout, &error);
	assert_ok(imago_twin_write(&attached, &attached.mapping, file, &writer, &error), &error);
	imago_layered_detach(&attached);
	return taken(&writer);
}

static void
assert_twin(const bytes *file, void *payload)
{
	killing *k = payload;
	imago_error error;
	imago_twin_head head;
	imago_layered_attachment attached;
	assert_ok(imago_twin_decode(&head, file->bytes, file->size, &error), &error);
	assert_ok(imago_twin_attach(&attached, file->bytes, file->size, fileno(k->source), 0,
	                            &k->allocator, &error),
	          &error);
	imago_layered_detach(&attached);
}

/* ---- Killing. */

static imago_status
save_new(const imago_file_system *files, const char *path, void *payload, imago_error *error)
{
	const killing *k = payload;
	return imago_save_file_in(files, path, k->new.bytes, k->new.size, error);
}

static bool
is(const bytes *file, const bytes *other)
{
	return file->size == other->size && memcmp(file->bytes, other->bytes, (size_t)file->size) == 0;
}

/* Whether the new file is at path; else the old one is, or nothing. */
static bool
look(killing *k, const char *path, bool over_old)
{
	imago_error error;
	bytes found;
	if (imago_path_kind_of(path) == IMAGO_PATH_MISSING) {
		assert_false(over_old);
		return false;
	}
	assert_ok(imago_file_read(path, &k->allocator, &found.bytes, &found.size, &error), &error);
	k->assert_whole(&found, k);
	const bool is_new = is(&found, &k->new);
	assert_true(is_new || (over_old && is(&found, &k->old)));
	imago_release(&k->allocator, found.bytes, found.size);
	return is_new;
}

static bool
kill_once(bool over_old, const fault *kill_at, void *payload)
{
	killing *k = payload;
	imago_error error;
	temp_folder disk = temp_folder_make();
	const char *path = temp_path(&disk, "x");
	if (over_old) {
		assert_ok(imago_save_file(path, k->old.bytes, k->old.size, &error), &error);
	}
	const bool killed = killed_save(save_new, k, path, kill_at);
	const bool is_new = look(k, path, over_old);
	assert_true(killed || is_new);
	k->num_old += killed && !is_new;
	k->num_new += killed && is_new;
	assert_ok(imago_save_file(path, k->new.bytes, k->new.size, &error), &error);
	assert_true(look(k, path, over_old));
	temp_folder_remove(&disk);
	return killed;
}

static void
kill_everywhere(killing *k, const char *layout, const char *what)
{
	assert_false(is(&k->old, &k->new));
	killed_everywhere(kill_once, k);
	print_message("%s, %s of %zu over %zu bytes: %zu kills: %zu left what was there, %zu the new\n",
	              layout, what, (size_t)k->new.size, (size_t)k->old.size, k->num_old + k->num_new,
	              k->num_old, k->num_new);
	assert_true(k->num_old > 0 && k->num_new > 0);
	imago_release(&k->allocator, k->old.bytes, k->old.capacity);
	imago_release(&k->allocator, k->new.bytes, k->new.capacity);
}

static void
kill_saves_of_layered_images(const char *layout)
{
	killing k = {.assert_whole = assert_layered};
	imago_allocator_init(&k.allocator, IMAGO_UNLIMITED);
	k.old = layered_of(varied_heap(test_layout_find(layout), &k.allocator), &k.allocator);
	k.new = layered_of(small_heap(test_layout_find(layout), &k.allocator), &k.allocator);
	kill_everywhere(&k, layout, "layered");
	assert_int_equal(k.allocator.used, 0);
}

static void
a_killed_save_of_a_layered_image_leaves_the_old_or_the_new(void **state)
{
	(void)state;
	kill_saves_of_layered_images("spur32");
	kill_saves_of_layered_images("spur64");
	kill_saves_of_layered_images("spur64be");
}

static void
kill_saves_of_twins(const char *layout)
{
	imago_error error;
	imago_heap *file;
	killing k = {.assert_whole = assert_twin};
	imago_allocator_init(&k.allocator, IMAGO_UNLIMITED);
	bytes source = layered_of(varied_heap(test_layout_find(layout), &k.allocator), &k.allocator);
	k.source = tmpfile();
	assert_non_null(k.source);
	assert_int_equal(fwrite(source.bytes, 1, (size_t)source.size, k.source), source.size);
	assert_int_equal(fflush(k.source), 0);
	assert_ok(imago_layered_read(&file, source.bytes, source.size, &k.allocator, &error), &error);
	k.old = twin_of(&k, file, 1);
	k.new = twin_of(&k, file, 3);
	kill_everywhere(&k, layout, "twin");
	imago_heap_destroy(file);
	imago_release(&k.allocator, source.bytes, source.capacity);
	assert_int_equal(k.allocator.used, 0);
	(void)fclose(k.source);
}

static void
a_killed_save_of_a_twin_leaves_the_old_or_the_new(void **state)
{
	(void)state;
	kill_saves_of_twins("spur32");
	kill_saves_of_twins("spur64");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_killed_save_of_a_layered_image_leaves_the_old_or_the_new),
	    cmocka_unit_test(a_killed_save_of_a_twin_leaves_the_old_or_the_new),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

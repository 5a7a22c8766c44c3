/* attached_threads_test.c: eight machines in one process, each in a thread of its own, over one
 * layered file: what they print, how they end and how many bytecodes that takes is what it is for
 * one alone. Also run under ThreadSanitizer (ci/threads). */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "imago/image.h"
#include "imago/layered_attach.h"
#include "imago/walk.h"
#include "kernel_runs.h"

enum { MACHINES = 8, ROOM = 8 << 20, EDEN = 1 << 18, MAX_NAME = 128, PLENTY = 20000000 };

static imago_allocator allocator;
static imago_error error;

/* How one of them attaches the file, and what became of it. */
typedef struct machine {
	int descriptor;
	imago_layered_attach_options options;
	uint64_t fuel;
	pthread_barrier_t *start;
	imago_status status; /* all went well, or who knows what: */
	imago_error error;
	imago_vm_result result;
	imago_vm_statistics statistics;
	printed_text printed;
	uint64_t num_leaked;
} machine;

/* Without assertions: threads cannot fail a test. */
static void *
live(void *payload)
{
	machine *m = payload;
	imago_allocator own;
	imago_layered_attachment attached;
	imago_vm *vm = NULL;
	const imago_vm_options options = {
	    .print = keep_printed, .payload = &m->printed, .eden_bytes = EDEN};
	imago_allocator_init(&own, IMAGO_UNLIMITED);
	if (m->start != NULL) {
		(void)pthread_barrier_wait(m->start);
	}
	m->status = imago_layered_attach(&attached, m->descriptor, &m->options, &own, &m->error);
	if (m->status == IMAGO_OK) {
		m->status = imago_vm_create_mapped(&vm, &attached.mapping, &options, &own, &m->error);
	}
	if (m->status == IMAGO_OK) {
		imago_vm_run(vm, m->fuel, &m->result);
		m->statistics = imago_vm_statistics_of(vm);
	}
	imago_vm_destroy(vm);
	imago_layered_detach(&attached);
	m->num_leaked = own.used;
	return NULL;
}

static void
expect_as_alone(const machine *m, const machine *alone)
{
	if (m->status != IMAGO_OK) {
		fail_msg("%s: %s", imago_status_name(m->status), m->error.what);
	}
	assert_int_equal(m->result.end, alone->result.end);
	assert_int_equal(m->result.exit_status, alone->result.exit_status);
	assert_int_equal(m->statistics.num_bytecodes, alone->statistics.num_bytecodes);
	assert_int_equal(m->statistics.num_sends, alone->statistics.num_sends);
	assert_string_equal(m->printed.text, alone->printed.text);
	assert_int_equal(m->num_leaked, 0);
}

/* All of them at once; the first where the image is wanted, the others elsewhere by different
 * ways. */
static void
run_together(int descriptor, uint64_t fuel)
{
	static const imago_relocation ways[] = {IMAGO_RELOCATION_AUTO, IMAGO_RELOCATION_SIGNAL,
	                                        IMAGO_RELOCATION_EAGER, IMAGO_RELOCATION_NONE};
	pthread_barrier_t start;
	pthread_t threads[MACHINES];
	machine *machines = calloc(MACHINES + 1, sizeof *machines);
	assert_non_null(machines);
	machine *alone = &machines[MACHINES];
	*alone = (machine){.descriptor = descriptor, .options.room = ROOM, .fuel = fuel};
	(void)live(alone);
	expect_as_alone(alone, alone);
	assert_int_equal(pthread_barrier_init(&start, NULL, MACHINES), 0);
	for (size_t i = 0; i < MACHINES; i++) {
		machines[i] = (machine){
		    .descriptor = descriptor,
		    .options = {.attach = {i == 0 ? IMAGO_PLACE_WANTED : IMAGO_PLACE_ANYWHERE, 0,
		                           ways[i % (sizeof ways / sizeof ways[0])]},
		                .room = ROOM},
		    .fuel = fuel,
		    .start = &start,
		};
		assert_int_equal(pthread_create(&threads[i], NULL, live, &machines[i]), 0);
	}
	for (size_t i = 0; i < MACHINES; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	for (size_t i = 0; i < MACHINES; i++) {
		expect_as_alone(&machines[i], alone);
	}
	assert_int_equal(pthread_barrier_destroy(&start), 0);
	free(machines);
}

static FILE *
layered_file(const imago_heap *heap)
{
	imago_writer writer;
	FILE *file = tmpfile();
	assert_non_null(file);
	imago_writer_init(&writer, &allocator, heap->layout, &error);
	assert_int_equal(imago_layered_write(heap, NULL, &writer, &error), IMAGO_OK);
	assert_int_equal(fwrite(writer.bytes, 1, (size_t)writer.size, file), writer.size);
	assert_int_equal(fflush(file), 0);
	imago_writer_release(&writer);
	return file;
}

/* False where words of 4 bytes are to be moved to addresses that they cannot hold, which is where
 * the system has room. */
static bool
can_be_anywhere(const imago_heap *heap)
{
	const uint16_t one = 1;
	return heap->layout.word_bytes == 8 &&
	       (heap->layout.byte_order == IMAGO_LITTLE_ENDIAN) == (*(const uint8_t *)&one == 1);
}

static void
eight_machines_run_as_one_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		for (size_t k = 0; k < NUM_KERNEL_PROGRAMS; k++) {
			imago_heap *heap = kernel_image(&test_layouts[i], &kernel_programs[k], &allocator);
			if (heap != NULL && can_be_anywhere(heap)) {
				print_message("%s, %s\n", test_layouts[i].name, kernel_programs[k].name);
				FILE *file = layered_file(heap);
				run_together(fileno(file), PLENTY);
				(void)fclose(file);
			}
			imago_heap_destroy(heap);
		}
	}
	assert_int_equal(allocator.used, 0);
}

static void
eight_genuine_machines_run_as_one_alone(void **state)
{
	imago_image image;
	static const char path[] = "../shared/images/spur64-68021-pharo-vm.image";
	FILE *genuine = fopen(path, "rb");
	(void)state;
	if (genuine == NULL) {
		print_message("skipped: no %s\n", path);
		skip();
	}
	(void)fclose(genuine);
	assert_int_equal(imago_image_open(&image, path, &allocator, &error), IMAGO_OK);
	if (can_be_anywhere(image.heap)) {
		FILE *file = layered_file(image.heap);
		run_together(fileno(file), PLENTY);
		(void)fclose(file);
	}
	imago_image_close(&image);
	assert_int_equal(allocator.used, 0);
}

/* One image, attached by many threads at once and read by them all: pages that nobody has touched
 * yet are relocated by whoever comes first. */
typedef struct reader {
	const imago_heap *heap;
	pthread_barrier_t *start;
	imago_status status;
	uint64_t num_chunks;
} reader;

static void *
read_all(void *payload)
{
	reader *r = payload;
	imago_census census;
	(void)pthread_barrier_wait(r->start);
	r->status = imago_census_take(r->heap, &census, NULL);
	r->num_chunks = census.num_chunks;
	return NULL;
}

static void
eight_threads_read_pages_that_nobody_has_touched(void **state)
{
	static const imago_relocation ways[] = {IMAGO_RELOCATION_USERFAULT, IMAGO_RELOCATION_SIGNAL};
	(void)state;
	imago_heap *heap = NULL;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS && heap == NULL; i++) {
		heap = kernel_image(&test_layouts[i], &kernel_programs[0], &allocator);
		if (heap != NULL && !can_be_anywhere(heap)) {
			imago_heap_destroy(heap);
			heap = NULL;
		}
	}
	if (heap == NULL) {
		skip();
	}
	imago_census census;
	assert_int_equal(imago_census_take(heap, &census, &error), IMAGO_OK);
	FILE *file = layered_file(heap);
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		imago_layered_attachment attached;
		imago_heap *mapped;
		reader readers[MACHINES];
		pthread_t threads[MACHINES];
		pthread_barrier_t start;
		const imago_layered_attach_options options = {.attach = {IMAGO_PLACE_ANYWHERE, 0, ways[i]}};
		imago_status status =
		    imago_layered_attach(&attached, fileno(file), &options, &allocator, &error);
		if (status == IMAGO_EUNSUPPORTED) {
			print_message("skipped: %s\n", error.what);
			continue;
		}
		assert_int_equal(status, IMAGO_OK);
		assert_int_equal(imago_layered_attached_heap(&mapped, &attached, &allocator, &error),
		                 IMAGO_OK);
		assert_int_equal(pthread_barrier_init(&start, NULL, MACHINES), 0);
		for (size_t k = 0; k < MACHINES; k++) {
			readers[k] = (reader){mapped, &start, IMAGO_OK, 0};
			assert_int_equal(pthread_create(&threads[k], NULL, read_all, &readers[k]), 0);
		}
		for (size_t k = 0; k < MACHINES; k++) {
			assert_int_equal(pthread_join(threads[k], NULL), 0);
			assert_int_equal(readers[k].status, IMAGO_OK);
			assert_int_equal(readers[k].num_chunks, census.num_chunks);
		}
		assert_int_equal(pthread_barrier_destroy(&start), 0);
		imago_heap_destroy(mapped);
		imago_layered_detach(&attached);
	}
	(void)fclose(file);
	imago_heap_destroy(heap);
	assert_int_equal(allocator.used, 0);
}

static int
set_up(void **state)
{
	(void)state;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(eight_threads_read_pages_that_nobody_has_touched, set_up),
	    cmocka_unit_test_setup(eight_machines_run_as_one_alone, set_up),
	    cmocka_unit_test_setup(eight_genuine_machines_run_as_one_alone, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* bench_crowd.c: what it costs many processes to attach one image: the sum of what all of them hold
 * of it, each shared page divided among those who share it (PSS), to as many copies. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "imago/layered_attach.h"
#include "imago/pages.h"
#include "imago/synthetic.h"
#include "imago/walk.h"

enum { PROCESSES = 32, TEXT_SIZE = 64, IMMUTABLE_BIT = 23, WHOLE = 1000 };

/* What the processes do. */
typedef enum crowd_work { CROWD_IDLE, CROWD_READ, CROWD_WRITE } crowd_work;

typedef struct crowd_row {
	const char *name;
	crowd_work work;
	unsigned
	    written; /* of WHOLE objects: those that are marked, by the bit that makes them immutable */
	bool packed; /* they lie together */
	double asked; /* at most; 0: nothing is asked */
} crowd_row;

/* Idle and read: 1/32 = 0.031, and what the kernel needs to know of it. */
static const crowd_row rows[] = {
    {"idle", CROWD_IDLE, 0, false, 0.032},
    {"read", CROWD_READ, 0, false, 0.032},
    {"(1 % of objects written, scattered)", CROWD_WRITE, 10, false, 0},
    {"1 % of objects written, in a tier of their own", CROWD_WRITE, 10, true, 0.05},
    {"(5 % of objects written, scattered)", CROWD_WRITE, 50, false, 0},
    {"5 % of objects written, in a tier of their own", CROWD_WRITE, 50, true, 0.10},
};

/* Pipes to the children and back. */
typedef struct meeting {
	int ready[2], measured[2];
	int go[2], leave[2];
} meeting;

static void
take_bytes(int descriptor, void *bytes, size_t size)
{
	size_t done = 0;
	while (done < size) {
		const ssize_t count = read(descriptor, (uint8_t *)bytes + done, size - done);
		if (count <= 0) {
			bench_fail("a process of many is gone");
		}
		done += (size_t)count;
	}
}

static void
put_bytes(int descriptor, const void *bytes, size_t size)
{
	if (write(descriptor, bytes, size) != (ssize_t)size) {
		bench_fail("a pipe is broken");
	}
}

/* Reads each header, and stores those that are marked where they lie. */
static void
walk_and_write(imago_layered_attachment *attached, imago_allocator *allocator)
{
	imago_error error;
	imago_heap *heap;
	imago_walker walker;
	imago_object object;
	if (imago_layered_attached_heap(&heap, attached, allocator, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	imago_walk_init(&walker, heap, &error);
	while (imago_walk_next(&walker, &object)) {
		if ((object.bits & IMAGO_BIT_IMMUTABLE) != 0) {
			volatile uint8_t *header =
			    attached->mapping.bytes + (object.oop - attached->mapping.base);
			*header = *header;
		}
	}
	imago_heap_destroy(heap);
}

static void
read_pages(const imago_layered_attachment *attached)
{
	const imago_layered_head *head = &attached->head;
	for (size_t i = 0; i < head->num_sections; i++) {
		const imago_layered_section *section = &head->sections[i];
		if (section->kind != IMAGO_LAYERED_OBJECTS) {
			continue;
		}
		const volatile uint8_t *bytes = attached->mapping.bytes + (section->address - head->start);
		for (uint64_t at = 0; at < section->size; at += IMAGO_LAYERED_PAGE) {
			(void)bytes[at];
		}
	}
}

static void
be_one_of_many(int descriptor, crowd_work work, const meeting *meet)
{
	imago_allocator allocator;
	imago_error error;
	imago_layered_attachment attached;
	imago_memory_use use = {.resident = 0};
	const imago_layered_attach_options options = {.room = 0};
	uint8_t byte = 0;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	if (imago_layered_attach(&attached, descriptor, &options, &allocator, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	if (work != CROWD_IDLE) {
		read_pages(&attached);
	}
	if (work == CROWD_WRITE) {
		walk_and_write(&attached, &allocator);
	}
	put_bytes(meet->ready[1], &byte, 1);
	take_bytes(meet->go[0], &byte, 1);
	if (imago_attachment_memory(attached.attachment, &use, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	put_bytes(meet->measured[1], &use.proportional, sizeof use.proportional);
	/* All keep their pages until all have measured them. */
	take_bytes(meet->leave[0], &byte, 1);
	imago_layered_detach(&attached);
}

/* The sum of PSS of all. */
static uint64_t
measure(int descriptor, crowd_work work)
{
	meeting meet;
	uint8_t bytes[PROCESSES] = {0};
	uint64_t sum = 0;
	if (pipe(meet.ready) != 0 || pipe(meet.measured) != 0 || pipe(meet.go) != 0 ||
	    pipe(meet.leave) != 0) {
		bench_fail("no pipes");
	}
	fflush(stdout);
	for (unsigned i = 0; i < PROCESSES; i++) {
		const pid_t child = fork();
		if (child == 0) {
			be_one_of_many(descriptor, work, &meet);
			_exit(0);
		}
		if (child < 0) {
			bench_fail("no more processes");
		}
	}
	close(meet.ready[1]);
	close(meet.measured[1]);
	take_bytes(meet.ready[0], bytes, sizeof bytes);
	put_bytes(meet.go[1], bytes, sizeof bytes);
	for (unsigned i = 0; i < PROCESSES; i++) {
		uint64_t proportional;
		take_bytes(meet.measured[0], &proportional, sizeof proportional);
		sum += proportional;
	}
	put_bytes(meet.leave[1], bytes, sizeof bytes);
	for (unsigned i = 0; i < PROCESSES; i++) {
		int status;
		if (wait(&status) < 0 || status != 0) {
			bench_fail("a process of many failed");
		}
	}
	close(meet.ready[0]);
	close(meet.measured[0]);
	for (unsigned i = 0; i < 2; i++) {
		close(meet.go[i]);
		close(meet.leave[i]);
	}
	return sum;
}

/* A file without a name, with these bytes. */
static int
unnamed_file(const uint8_t *bytes, uint64_t size)
{
	FILE *file = tmpfile();
	if (file == NULL || fwrite(bytes, 1, (size_t)size, file) != size || fflush(file) != 0) {
		bench_fail("no room for a temporary file");
	}
	const int descriptor = dup(fileno(file));
	fclose(file);
	return descriptor;
}

/* Which objects are written has nothing to do with what they are: a number of each chunk. */
static bool
is_chosen(uint64_t ordinal, unsigned share)
{
	uint64_t x = ordinal + UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (x ^ x >> 31) % WHOLE < share;
}

/* Marks what is to be written, and says so in tiers, an element for each chunk. */
static void
mark(imago_heap *heap, unsigned share, uint8_t *tiers)
{
	imago_walker walker;
	imago_object object;
	uint64_t ordinal = 0;
	imago_walk_init(&walker, heap, NULL);
	while (imago_walk_next(&walker, &object)) {
		const bool chosen = object.kind == IMAGO_OBJECT_ORDINARY && is_chosen(ordinal, share);
		uint8_t *header = imago_heap_writable_bytes(heap, object.oop, 8);
		if (chosen && header != NULL) {
			const uint64_t word = imago_load_u64(header, heap->layout.byte_order);
			imago_store_u64(header, word | UINT64_C(1) << IMMUTABLE_BIT, heap->layout.byte_order);
		}
		tiers[ordinal++] = chosen ? IMAGO_TIER_OFTEN : IMAGO_TIER_READ_ONLY;
	}
}

/* A layered image in which they are marked. */
static int
make_file(uint64_t mib, unsigned share, bool packed)
{
	imago_allocator allocator;
	imago_error error;
	imago_heap *heap;
	imago_census census;
	imago_writer writer;
	const imago_synthetic_options options = {
	    .image_format = 68021, .num_bytes = mib << 20, .seed = 1};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	if (imago_synthetic_make(&heap, &options, &allocator, &error) != IMAGO_OK ||
	    imago_census_take(heap, &census, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	uint8_t *tiers = imago_allocate(&allocator, census.num_chunks, "tiers", &error);
	if (tiers == NULL) {
		bench_fail(error.what);
	}
	mark(heap, share, tiers);
	const imago_layered_options layers = {
	    .tiers = packed ? tiers : NULL, .num_tiers = census.num_chunks, .without_origin = true};
	imago_writer_init(&writer, &allocator, heap->layout, &error);
	if (imago_layered_write(heap, &layers, &writer, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	const int descriptor = unnamed_file(writer.bytes, writer.size);
	imago_writer_release(&writer);
	imago_release(&allocator, tiers, census.num_chunks);
	imago_heap_destroy(heap);
	return descriptor;
}

/* Bytes of a process that has all of it to itself. */
static uint64_t
copy_bytes(int descriptor)
{
	imago_allocator allocator;
	imago_error error;
	imago_layered_attachment attached;
	uint64_t bytes = 0;
	const imago_layered_attach_options options = {
	    .attach = {IMAGO_PLACE_ANYWHERE, 0, IMAGO_RELOCATION_NONE}};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	if (imago_layered_attach(&attached, descriptor, &options, &allocator, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	for (size_t i = 0; i < attached.head.num_sections; i++) {
		const imago_layered_section *section = &attached.head.sections[i];
		bytes += section->kind == IMAGO_LAYERED_OBJECTS ? section->size : 0;
	}
	imago_layered_detach(&attached);
	return bytes;
}

static bool
print_row(int descriptor, const crowd_row *row)
{
	char ratio_text[TEXT_SIZE];
	char asked_text[TEXT_SIZE] = "";
	bench_image image = {.name = "32 processes", .size = copy_bytes(descriptor)};
	const double ratio = (double)measure(descriptor, row->work) / (PROCESSES * (double)image.size);
	snprintf(ratio_text, sizeof ratio_text, "%.3f of the copies", ratio);
	if (row->asked > 0) {
		snprintf(asked_text, sizeof asked_text, "at most %.3f", row->asked);
	}
	return bench_print(&image, row->name, 0, ratio_text, asked_text,
	                   row->asked > 0 ? ratio <= row->asked : -1);
}

unsigned
bench_crowd_rows(uint64_t mib, const char *tiered)
{
	unsigned num_missed = 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const int descriptor = make_file(mib, rows[i].written, rows[i].packed);
		num_missed += !print_row(descriptor, &rows[i]);
		close(descriptor);
	}
	if (tiered != NULL) {
		const crowd_row row = {"what is marked written, in a given image", CROWD_WRITE, 0, true, 0};
		const int descriptor = open(tiered, O_RDONLY | O_CLOEXEC);
		if (descriptor < 0) {
			bench_fail("the given image cannot be opened");
		}
		(void)print_row(descriptor, &row);
		close(descriptor);
	}
	return num_missed;
}

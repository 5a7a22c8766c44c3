/* layered_attach_test.c: layered files that are attached: what is no file, what lies, what cannot
 * be had, what is protected. */
#define _GNU_SOURCE /* O_DIRECTORY */
#include "imago/layered_attach.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../share/denied.h"
#include "../share/mapped.h"
#include "../support/assertions.h"
#include "layered_bytes.h"

enum { AT_NUM_SECTIONS = 28, ROOM = 1 << 16 };

static imago_allocator allocator;
static imago_error error;

static const char *
host_layout(void)
{
	return imago_host_order() == IMAGO_BIG_ENDIAN ? "spur64be" : "spur64";
}

static const char *
other_layout(void)
{
	return imago_host_order() == IMAGO_BIG_ENDIAN ? "spur64" : "spur64be";
}

static imago_status
attach_bytes(const imago_writer *file, uint64_t size, uint64_t room)
{
	const imago_layered_attach_options options = {.room = room};
	imago_layered_attachment attached;
	const int descriptor = mapped_descriptor(file->bytes, size);
	const uint64_t used = allocator.used;
	error = (imago_error){.status = IMAGO_OK};
	const imago_status status =
	    imago_layered_attach(&attached, descriptor, &options, &allocator, &error);
	if (status == IMAGO_OK) {
		imago_layered_detach(&attached);
	}
	assert_int_equal(allocator.used, used);
	close(descriptor);
	return status;
}

static void
what_is_no_layered_file_is_refused(void **state)
{
	(void)state;
	const imago_layered_attach_options options = {.room = 0};
	imago_layered_attachment attached;
	imago_writer file = layered_bytes_make(host_layout(), true, &allocator);
	assert_status(imago_layered_attach(&attached, -1, &options, &allocator, &error), &error,
	              IMAGO_EIO);
	assert_string_equal(error.what, "stat");
	const int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(folder >= 0);
	assert_status(imago_layered_attach(&attached, folder, &options, &allocator, &error), &error,
	              IMAGO_EIO);
	assert_string_equal(error.what, "read");
	close(folder);
	assert_int_equal(attach_bytes(&file, 0, 0), IMAGO_EMAGIC);
	assert_int_equal(attach_bytes(&file, IMAGO_LAYERED_HEAD - 1, 0), IMAGO_ETRUNCATED);
	assert_int_equal(attach_bytes(&file, file.size - 1, 0), IMAGO_ETRUNCATED);
	assert_int_equal(attach_bytes(&file, file.size, 0), IMAGO_OK);
	imago_writer_release(&file);
	assert_no_leak(&allocator);
}

static void
hashes_of_header_and_table_are_compared(void **state)
{
	(void)state;
	imago_writer file = layered_bytes_make(host_layout(), true, &allocator);
	const uint64_t name = IMAGO_LAYERED_PAGE + 48;
	file.bytes[name] ^= 1;
	assert_status(attach_bytes(&file, file.size, 0), &error, IMAGO_ESTRUCTURE);
	assert_string_equal(error.what, "hash of the table");
	imago_layered_seal_table(file.bytes);
	assert_int_equal(attach_bytes(&file, file.size, 0), IMAGO_OK);
	file.bytes[60] ^= 1;
	assert_status(attach_bytes(&file, file.size, 0), &error, IMAGO_ESTRUCTURE);
	assert_string_equal(error.what, "hash of the header page");
	imago_writer_release(&file);
	assert_no_leak(&allocator);
}

static void
an_image_of_the_other_byte_order_is_refused(void **state)
{
	(void)state;
	imago_writer file = layered_bytes_make(other_layout(), true, &allocator);
	assert_status(attach_bytes(&file, file.size, 0), &error, IMAGO_EUNSUPPORTED);
	assert_string_equal(error.what, "byte order of an image to attach");
	imago_writer_release(&file);
	assert_no_leak(&allocator);
}

/* Nothing to map, and more room than there is; to be sealed as well. */
static void
plans_that_cannot_be_are_refused(void **state)
{
	(void)state;
	imago_writer file = layered_bytes_make(host_layout(), true, &allocator);
	const imago_layered_attach_options too_large = {.room = UINT64_MAX};
	int sealed = -1;
	assert_status(attach_bytes(&file, file.size, UINT64_MAX), &error, IMAGO_ELIMIT);
	assert_string_equal(error.what, "room behind an image");
	assert_status(attach_bytes(&file, file.size, UINT64_MAX / 2), &error, IMAGO_ELIMIT);
	assert_string_equal(error.what, "span");
	int descriptor = mapped_descriptor(file.bytes, file.size);
	assert_status(
	    imago_layered_attach_seal(&sealed, descriptor, &too_large, 1 << 28, &allocator, &error),
	    &error, IMAGO_ELIMIT);
	close(descriptor);
	layered_bytes_store(file.bytes + AT_NUM_SECTIONS, 0, 4);
	imago_layered_seal_header(file.bytes);
	assert_status(attach_bytes(&file, file.size, 0), &error, IMAGO_ESTRUCTURE);
	assert_string_equal(error.what, "no section of objects");
	file.bytes[0] = 'x';
	descriptor = mapped_descriptor(file.bytes, file.size);
	assert_status(
	    imago_layered_attach_seal(&sealed, descriptor, &too_large, 1 << 28, &allocator, &error),
	    &error, IMAGO_EMAGIC);
	assert_int_equal(sealed, -1);
	close(descriptor);
	imago_writer_release(&file);
	assert_no_leak(&allocator);
}

/* With room only: who only looks needs none. */
static void
a_remembered_set_that_lies_is_refused_to_machines(void **state)
{
	(void)state;
	imago_writer file = layered_bytes_make_tiered(host_layout(), &allocator);
	imago_layered_head head;
	assert_ok(imago_layered_decode(&head, file.bytes, file.size, &error), &error);
	assert_true((head.flags & IMAGO_LAYERED_READY) != 0 && imago_layered_first_old(&head) > 0);
	const imago_layered_section set = layered_bytes_section(&file, IMAGO_LAYERED_REMEMBERED);
	assert_int_equal(attach_bytes(&file, file.size, ROOM), IMAGO_OK);
	file.bytes[set.offset] ^= 0x80;
	assert_status(attach_bytes(&file, file.size, ROOM), &error, IMAGO_ESTRUCTURE);
	assert_string_equal(error.what, "hash of the remembered set");
	assert_int_equal(error.offset, set.offset);
	assert_int_equal(attach_bytes(&file, file.size, 0), IMAGO_OK);
	layered_bytes_seal(&file);
	assert_status(attach_bytes(&file, file.size, ROOM), &error, IMAGO_ETRUNCATED);
	assert_string_equal(error.what, "remembered set");
	imago_writer_release(&file);
	assert_no_leak(&allocator);
}

/* One attaching with room, and what comes of it. */
typedef struct attempt {
	const imago_writer *file;
	imago_status status;
} attempt;

static void
attach_with_room(void *payload)
{
	attempt *made = payload;
	made->status = attach_bytes(made->file, made->file->size, ROOM);
}

/* The file was there when its header was read; memory is promised and not given. */
static void
what_fails_behind_the_header_is_told(void **state)
{
	(void)state;
	if (sizeof(void *) < 8 || !denied_is_possible()) {
		skip();
	}
	imago_writer file = layered_bytes_make_tiered(host_layout(), &allocator);
	const imago_layered_section set = layered_bytes_section(&file, IMAGO_LAYERED_REMEMBERED);
	const struct {
		denied_call call;
		imago_status status;
		const char *noun;
	} cases[] = {
	    {{SYS_pread64, EIO, 2, (uint32_t)set.size}, IMAGO_EIO, "read"},
	    {{SYS_mprotect, ENOMEM, ANY_ARGUMENT, 0}, IMAGO_ENOMEM, "room"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		attempt made = {.file = &file};
		denied_run(&cases[i].call, 1, attach_with_room, &made);
		assert_status(made.status, &error, cases[i].status);
		assert_string_equal(error.what, cases[i].noun);
	}
	imago_writer_release(&file);
	assert_no_leak(&allocator);
}

/* Whether a child survives storing into the first and the last byte of a section. */
static bool
may_be_stored_into(const imago_layered_attachment *attached, const imago_layered_section *section)
{
	int status = 0;
	const pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		volatile uint8_t *bytes =
		    attached->mapping.bytes + (section->address - attached->head.start);
		bytes[0] = 1;
		bytes[section->size - 1] = 1;
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) || WTERMSIG(status) == SIGSEGV);
	return WIFEXITED(status);
}

static void
fixed_sections_are_protected_on_request(void **state)
{
	(void)state;
	signal(SIGSEGV, SIG_DFL); /* cmocka's would make a child go on with the next test */
	imago_writer file = layered_bytes_make_tiered(host_layout(), &allocator);
	const int descriptor = mapped_descriptor(file.bytes, file.size);
	for (unsigned i = 0; i < 2; i++) {
		const imago_layered_attach_options options = {.protect_fixed = i == 1};
		imago_layered_attachment attached;
		assert_ok(imago_layered_attach(&attached, descriptor, &options, &allocator, &error),
		          &error);
		for (size_t k = 0; k < attached.head.num_sections; k++) {
			const imago_layered_section *section = &attached.head.sections[k];
			if (section->kind == IMAGO_LAYERED_OBJECTS) {
				const bool fixed = section->tier != IMAGO_TIER_OFTEN;
				assert_int_equal(may_be_stored_into(&attached, section), !(fixed && i == 1));
			}
		}
		imago_layered_detach(&attached);
	}
	close(descriptor);
	imago_writer_release(&file);
	assert_no_leak(&allocator);
}

/* A table that ends with the objects: fixups need no row of their own to be found. */
static void
an_attached_heap_is_the_one_that_is_read(void **state)
{
	(void)state;
	imago_writer file = layered_bytes_make(host_layout(), true, &allocator);
	const imago_layered_attach_options options = {.room = ROOM};
	imago_layered_attachment attached;
	imago_heap *read;
	imago_heap *mapped;
	assert_ok(imago_layered_read(&read, file.bytes, file.size, &allocator, &error), &error);
	layered_bytes_store(file.bytes + AT_NUM_SECTIONS, read->num_segments, 4);
	imago_layered_seal_header(file.bytes);
	const int descriptor = mapped_descriptor(file.bytes, file.size);
	assert_ok(imago_layered_attach(&attached, descriptor, &options, &allocator, &error), &error);
	assert_ok(imago_layered_attached_heap(&mapped, &attached, &allocator, &error), &error);
	assert_int_equal(mapped->num_segments, read->num_segments);
	for (size_t i = 0; i < read->num_segments; i++) {
		assert_int_equal(mapped->segments[i].size, read->segments[i].size);
		assert_int_equal(mapped->segments[i].start - attached.distance, read->segments[i].start);
		assert_int_equal(mapped->segments[i].offset, read->segments[i].offset);
	}
	imago_heap_destroy(mapped);
	imago_heap_destroy(read);
	imago_layered_detach(&attached);
	close(descriptor);
	imago_writer_release(&file);
	assert_no_leak(&allocator);
}

static imago_status
attach_and_look(imago_allocator *with, imago_error *why, void *payload)
{
	const imago_layered_attach_options options = {.attach.relocation = IMAGO_RELOCATION_EAGER,
	                                              .attach.place = IMAGO_PLACE_ANYWHERE,
	                                              .room = ROOM};
	const int descriptor = *(const int *)payload;
	imago_layered_attachment attached;
	imago_heap *heap;
	int sealed;
	imago_status status = imago_layered_attach(&attached, descriptor, &options, with, why);
	if (status != IMAGO_OK) {
		return status;
	}
	status = imago_layered_attached_heap(&heap, &attached, with, why);
	if (status == IMAGO_OK) {
		imago_heap_destroy(heap);
	}
	const imago_addr base = attached.mapping.base;
	imago_layered_detach(&attached);
	if (status == IMAGO_OK) {
		status = imago_layered_attach_seal(&sealed, descriptor, &options, base, with, why);
	}
	if (status == IMAGO_OK) {
		status = imago_layered_attach_sealed(&attached, sealed, &options, with, why);
		close(sealed);
	}
	if (status == IMAGO_OK) {
		imago_layered_detach(&attached);
	}
	return status;
}

static void
every_failing_allocation_is_reported(void **state)
{
	(void)state;
	imago_writer file = layered_bytes_make_tiered(host_layout(), &allocator);
	int descriptor = mapped_descriptor(file.bytes, file.size);
	assert_every_allocation_failure_is_reported(attach_and_look, &descriptor);
	close(descriptor);
	imago_writer_release(&file);
	assert_no_leak(&allocator);
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
	    cmocka_unit_test_setup(what_is_no_layered_file_is_refused, set_up),
	    cmocka_unit_test_setup(hashes_of_header_and_table_are_compared, set_up),
	    cmocka_unit_test_setup(an_image_of_the_other_byte_order_is_refused, set_up),
	    cmocka_unit_test_setup(plans_that_cannot_be_are_refused, set_up),
	    cmocka_unit_test_setup(a_remembered_set_that_lies_is_refused_to_machines, set_up),
	    cmocka_unit_test_setup(what_fails_behind_the_header_is_told, set_up),
	    cmocka_unit_test_setup(fixed_sections_are_protected_on_request, set_up),
	    cmocka_unit_test_setup(an_attached_heap_is_the_one_that_is_read, set_up),
	    cmocka_unit_test_setup(every_failing_allocation_is_reported, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* layered_attach.c: from header page and table to mapped sections. */
#include "imago/layered_attach.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "imago/checked.h"
#include "layered_private.h"

/* As many bytes as there are: *done. */
static imago_status
read_bytes(int descriptor, uint8_t *bytes, uint64_t size, uint64_t offset, uint64_t *done,
           imago_error *error)
{
	*done = 0;
	while (*done < size) {
		ssize_t count =
		    pread(descriptor, bytes + *done, (size_t)(size - *done), (off_t)(offset + *done));
		if (count < 0 && errno != EINTR) {
			return imago_fail_os(error, "read", errno);
		}
		if (count == 0) {
			break;
		}
		*done += count > 0 ? (uint64_t)count : 0;
	}
	return IMAGO_OK;
}

static imago_status
read_head(imago_layered_head *head, int descriptor, imago_error *error)
{
	imago_error_set_part(error, "");
	uint8_t bytes[IMAGO_LAYERED_HEAD];
	struct stat facts;
	uint64_t done;
	if (fstat(descriptor, &facts) != 0) {
		return imago_fail_os(error, "stat", errno);
	}
	imago_status status = read_bytes(descriptor, bytes, sizeof bytes, 0, &done, error);
	if (status != IMAGO_OK) {
		return status;
	}
	uint64_t size = facts.st_size > 0 ? (uint64_t)facts.st_size : 0;
	status = imago_layered_decode(head, bytes, done < sizeof bytes ? done : size, error);
	if (status != IMAGO_OK) {
		return status;
	}
	if (!head->header_intact) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "hash of the header page", 0, 0, 0);
	}
	if (!head->table_intact) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "hash of the table", IMAGO_LAYERED_PAGE, 0, 0);
	}
	if (head->layout.byte_order != imago_host_order()) {
		return imago_fail(error, IMAGO_EUNSUPPORTED, "byte order of an image to attach",
		                  IMAGO_NO_OFFSET, 0, 0);
	}
	return IMAGO_OK;
}

static uint64_t
whole_pages(uint64_t size)
{
	(void)imago_checked_align_up(size, IMAGO_LAYERED_PAGE, &size);
	return size;
}

/* Memory behind the sections, and between them: collectors move objects over what bridges span. */
static imago_status
make_room(const imago_layered_attachment *out, const imago_attach_plan *plan, imago_error *error)
{
	uint64_t distance = imago_attachment_facts_of(out->attachment).base - plan->start;
	imago_status status = IMAGO_OK;
	for (size_t i = 0; i < plan->num_sections && status == IMAGO_OK; i++) {
		const imago_attach_section *section = &plan->sections[i];
		imago_addr from = section->address + section->size;
		imago_addr to = i + 1 < plan->num_sections ? section[1].address : plan->start + plan->span;
		uint8_t *room;
		if (from < to) {
			status =
			    imago_attachment_room(out->attachment, from + distance, to - from, &room, error);
		}
	}
	return status;
}

static bool
is_last_of_objects(const imago_layered_head *head, size_t i)
{
	return i + 1 == head->num_sections || head->sections[i + 1].kind != IMAGO_LAYERED_OBJECTS;
}

/* sections: as many as a layered image may have. */
static imago_status
make_plan(imago_attach_plan *plan, imago_attach_section *sections, const imago_layered_head *head,
          const imago_layered_attach_options *options, imago_error *error)
{
	uint64_t image = 0;
	*plan = (imago_attach_plan){.layout = head->layout, .sections = sections, .start = head->start};
	for (size_t i = 0; i < head->num_sections; i++) {
		const imago_layered_section *section = &head->sections[i];
		if (section->kind != IMAGO_LAYERED_OBJECTS) {
			continue;
		}
		sections[plan->num_sections++] = (imago_attach_section){
		    .address = section->address,
		    .offset = section->offset,
		    .size = whole_pages(section->size),
		    .writable =
		        !options->protect_fixed ||
		        (options->tabled ? is_last_of_objects(head, i) : section->tier == IMAGO_TIER_OFTEN),
		    .has_pointers = section->has_pointers,
		    .pointer_words = section->fixups,
		};
		image = section->address - head->start + whole_pages(section->size);
	}
	if (plan->num_sections == 0) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "no section of objects", IMAGO_LAYERED_PAGE, 0,
		                  1);
	}
	if (!imago_checked_add(image, whole_pages(options->room), &plan->span)) {
		return imago_fail(error, IMAGO_ELIMIT, "room behind an image", IMAGO_NO_OFFSET,
		                  options->room, 0);
	}
	return IMAGO_OK;
}

static imago_status
map(imago_layered_attachment *out, int descriptor, const imago_layered_attach_options *options,
    bool sealed, imago_allocator *allocator, imago_error *error)
{
	imago_attach_section sections[IMAGO_LAYERED_MAX_SECTIONS];
	imago_attach_plan plan;
	imago_status status = make_plan(&plan, sections, &out->head, options, error);
	if (status == IMAGO_OK) {
		status = sealed ? imago_attach_sealed(&out->attachment, descriptor, &plan, allocator, error)
		                : imago_attach(&out->attachment, descriptor, &plan, &options->attach,
		                               allocator, error);
	}
	if (status == IMAGO_OK && options->room > 0) {
		status = make_room(out, &plan, error);
	}
	out->mapping.size = plan.span;
	return status;
}

static void
describe(imago_layered_attachment *out)
{
	const imago_layered_head *head = &out->head;
	const imago_attachment_facts facts = imago_attachment_facts_of(out->attachment);
	imago_memory_mapping *mapping = &out->mapping;
	for (size_t i = 0; i < head->num_sections; i++) {
		const imago_layered_section *section = &head->sections[i];
		if (section->kind == IMAGO_LAYERED_OBJECTS) { /* the last one counts */
			mapping->used = section->address - head->start + section->size - IMAGO_BRIDGE_SIZE;
		}
	}
	out->distance = facts.base - head->start;
	mapping->bytes = facts.bytes;
	mapping->base = facts.base;
	mapping->layout = head->layout;
	mapping->header = head->fields;
	mapping->header.special_objects_oop += out->distance;
	mapping->header.old_base_address += out->distance;
	out->source_used = mapping->used;
	size_t old = imago_layered_first_old(head);
	if (old > 0) {
		const imago_layered_section *before = &head->sections[old - 1];
		mapping->old_start = head->sections[old].address - head->start;
		mapping->fixed_end = before->address - head->start + before->size - IMAGO_BRIDGE_SIZE;
	}
}

static imago_status
read_remembered(imago_layered_attachment *out, int descriptor, const imago_layered_section *section,
                uint8_t *bytes, imago_allocator *allocator, imago_error *error)
{
	uint8_t hash[IMAGO_LAYERED_HASH];
	uint64_t done;
	imago_status status =
	    read_bytes(descriptor, bytes, section->size, section->offset, &done, error);
	if (status != IMAGO_OK) {
		return status;
	}
	if (done < section->size) {
		return imago_fail(error, IMAGO_ETRUNCATED, "remembered set", section->offset, section->size,
		                  done);
	}
	imago_layered_hash(hash, bytes, section->size);
	if (memcmp(hash, section->hash, sizeof hash) != 0) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "hash of the remembered set", section->offset, 0,
		                  0);
	}
	return imago_layered_decode_remembered(&out->remembered, &out->head, bytes, section->size,
	                                       allocator, error);
}

/* What is known beforehand, for a machine. */
static imago_status
load_remembered(imago_layered_attachment *out, int descriptor, imago_allocator *allocator,
                imago_error *error)
{
	const imago_layered_section *section = NULL;
	imago_memory_mapping *mapping = &out->mapping;
	mapping->ready = (out->head.flags & IMAGO_LAYERED_READY) != 0;
	for (size_t i = 0; i < out->head.num_sections && section == NULL; i++) {
		bool is_one = out->head.sections[i].kind == IMAGO_LAYERED_REMEMBERED;
		section = is_one ? &out->head.sections[i] : NULL;
	}
	if (!mapping->ready || mapping->fixed_end == 0 || section == NULL) {
		return IMAGO_OK;
	}
	uint8_t *bytes = imago_allocate(allocator, section->size, "remembered set", error);
	if (bytes == NULL) {
		return IMAGO_ENOMEM;
	}
	imago_status status = read_remembered(out, descriptor, section, bytes, allocator, error);
	imago_release(allocator, bytes, section->size);
	mapping->remembered = out->remembered.objects;
	mapping->num_remembered = out->remembered.num_objects;
	mapping->class_indices = out->remembered.class_indices;
	mapping->num_class_indices = out->remembered.num_class_indices;
	return status;
}

static imago_status
attach(imago_layered_attachment *out, int descriptor, const imago_layered_attach_options *options,
       bool sealed, imago_allocator *allocator, imago_error *error)
{
	*out = (imago_layered_attachment){.attachment = NULL};
	imago_status status = read_head(&out->head, descriptor, error);
	if (status == IMAGO_OK) {
		status = map(out, descriptor, options, sealed, allocator, error);
	}
	if (status == IMAGO_OK) {
		describe(out);
	}
	if (status == IMAGO_OK && options->tabled) {
		out->mapping.tabled = true;
		out->mapping.ready = (out->head.flags & IMAGO_LAYERED_READY) != 0;
		out->mapping.fixed_end = out->mapping.old_start = out->source_used;
	} else if (status == IMAGO_OK && options->room > 0) {
		status = load_remembered(out, descriptor, allocator, error);
	}
	if (status != IMAGO_OK) {
		imago_layered_detach(out);
	}
	return status;
}

imago_status
imago_layered_attach(imago_layered_attachment *out, int descriptor,
                     const imago_layered_attach_options *options, imago_allocator *allocator,
                     imago_error *error)
{
	return attach(out, descriptor, options, false, allocator, error);
}

imago_status
imago_layered_attach_sealed(imago_layered_attachment *out, int descriptor,
                            const imago_layered_attach_options *options, imago_allocator *allocator,
                            imago_error *error)
{
	return attach(out, descriptor, options, true, allocator, error);
}

imago_status
imago_layered_attach_seal(int *out, int descriptor, const imago_layered_attach_options *options,
                          imago_addr base, imago_allocator *allocator, imago_error *error)
{
	imago_layered_head head;
	imago_attach_section sections[IMAGO_LAYERED_MAX_SECTIONS];
	imago_attach_plan plan;
	imago_status status = read_head(&head, descriptor, error);
	if (status == IMAGO_OK) {
		status = make_plan(&plan, sections, &head, options, error);
	}
	return status == IMAGO_OK ? imago_attach_seal(out, descriptor, &plan, base, allocator, error)
	                          : status;
}

void
imago_layered_detach(imago_layered_attachment *attached)
{
	imago_detach(attached->attachment);
	attached->attachment = NULL;
	imago_layered_remembered_release(&attached->remembered);
	imago_release(attached->allocator, attached->copies,
	              attached->num_copies * sizeof *attached->copies);
	attached->copies = NULL;
	attached->num_copies = 0;
}

imago_status
imago_layered_attached_heap(imago_heap **out, const imago_layered_attachment *attached,
                            imago_allocator *allocator, imago_error *error)
{
	const imago_layered_head *head = &attached->head;
	imago_heap *heap;
	imago_status status = imago_heap_create(&heap, IMAGO_SPUR, head->layout, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	heap->header = attached->mapping.header;
	heap->bridges = IMAGO_BRIDGES_MEMORY;
	for (size_t i = 0; i < head->num_sections && status == IMAGO_OK; i++) {
		const imago_layered_section *section = &head->sections[i];
		if (section->kind != IMAGO_LAYERED_OBJECTS) {
			continue;
		}
		uint64_t position = section->address - head->start;
		const imago_segment segment = {
		    .start = section->address + attached->distance,
		    .size = is_last_of_objects(head, i) ? attached->mapping.used - position
		                                        : section->size - IMAGO_BRIDGE_SIZE,
		    .bridge_size = IMAGO_BRIDGE_SIZE,
		    .bytes = attached->mapping.bytes + position,
		    .offset = section->offset,
		    .space = IMAGO_SPACE_OLD,
		    .tier = (uint8_t)section->tier,
		};
		status = imago_heap_add_segment(heap, &segment, error);
	}
	if (status != IMAGO_OK) {
		imago_heap_destroy(heap);
		return status;
	}
	*out = heap;
	return IMAGO_OK;
}

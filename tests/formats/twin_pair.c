/* twin_pair.c: a source and what was changed in it. */
#include "twin_pair.h"

#include <unistd.h>

#include "../share/mapped.h"
#include "../support/small_image.h"
#include "assertions.h"
#include "imago/walk.h"

static const imago_layered_attach_options in_place = {.attach.relocation = IMAGO_RELOCATION_NONE,
                                                      .room = TWIN_ROOM};

static const test_layout *
host_layout(void)
{
	return test_layout_find(imago_host_order() == IMAGO_LITTLE_ENDIAN ? "spur64" : "spur64be");
}

uint8_t *
twin_place(const twin_pair *p, imago_addr address)
{
	return p->changed.mapping.bytes + (address - p->changed.head.start);
}

imago_object
twin_find_string(twin_pair *p)
{
	imago_walker walker;
	imago_object object;
	imago_walk_init(&walker, p->whole, &p->error);
	while (imago_walk_next(&walker, &object)) {
		if (object.kind == IMAGO_OBJECT_ORDINARY && object.body_kind == IMAGO_BODY_BITS8 &&
		    object.num_slots > 0) {
			return object;
		}
	}
	fail();
	return object;
}

void
twin_look(twin_pair *p)
{
	imago_heap_destroy(p->whole);
	assert_ok(imago_layered_attached_heap(&p->whole, &p->changed, &p->allocator, &p->error),
	          &p->error);
}

void
twin_pair_make(twin_pair *p)
{
	imago_writer writer;
	p->whole = NULL;
	imago_allocator_init(&p->allocator, IMAGO_UNLIMITED);
	imago_heap *heap = varied_heap(host_layout(), &p->allocator);
	imago_writer_init(&writer, &p->allocator, heap->layout, &p->error);
	assert_ok(imago_layered_write(heap, NULL, &writer, &p->error), &p->error);
	p->descriptor = mapped_descriptor(writer.bytes, writer.size);
	imago_writer_release(&writer);
	imago_heap_destroy(heap);
	imago_layered_attachment *const both[] = {&p->untouched, &p->changed};
	for (size_t i = 0; i < 2; i++) {
		assert_ok(imago_layered_attach(both[i], p->descriptor, &in_place, &p->allocator, &p->error),
		          &p->error);
		assert_int_equal(both[i]->distance, 0);
	}
	assert_ok(imago_layered_attached_heap(&p->file, &p->untouched, &p->allocator, &p->error),
	          &p->error);
	twin_look(p);
}

void
twin_pair_release(twin_pair *p)
{
	imago_heap_destroy(p->whole);
	imago_heap_destroy(p->file);
	imago_layered_detach(&p->changed);
	imago_layered_detach(&p->untouched);
	close(p->descriptor);
	assert_no_leak(&p->allocator);
}

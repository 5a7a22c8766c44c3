/* oracle_collect.c: what a collection must leave, by the definition and without any table.
 *
 * Objects are found reachable in rounds over all of them until nothing changes. Then the image
 * after the collection must hold those, in their order, each as it was: but for references to
 * what is gone in weak objects and class tables, which are nil, and for ephemerons that were fired,
 * which are ordinary objects in the queue of mourners. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle_bytes.h"

enum { WEAK = 4, EPHEMERON = 5, ROOTS_SLOTS = 4104, PAGES = 4096, MOURN_QUEUE = 4098 };

typedef struct reach {
	const oracle_image *image;
	bool old_only;
	bool *live, *fired;
	bool changed;
	char *where;
	size_t size;
} reach;

static bool
is_permanent(const oracle_image *image, const oracle_object *object)
{
	return !image->v3 &&
	       object->address >= (image->word == 8 ? UINT64_C(0x20000000000) : UINT64_C(0x80000000));
}

/* Words that only a VM looks at: free lists, stacks, remembered sets. */
static bool
is_hidden_words(const oracle_image *image, const oracle_object *object)
{
	return !image->v3 && object->cls >= 17 && object->cls <= 19;
}

static bool
is_counted(const oracle_image *image, const oracle_object *object)
{
	bool forwarder = !image->v3 && object->cls == 8;
	return !object->free && !forwarder && !is_hidden_words(image, object);
}

static const oracle_object *
target(const oracle_image *image, const oracle_object *object, uint64_t index)
{
	uint64_t word = oracle_slot(image, object, index);
	return is_pointer(image, word) ? oracle_find(image, word) : NULL;
}

static size_t
number_of(const oracle_image *image, const oracle_object *object)
{
	return (size_t)(object - image->objects);
}

static void
reach_object(reach *r, const oracle_object *object)
{
	if (object != NULL && !r->live[number_of(r->image, object)]) {
		r->live[number_of(r->image, object)] = true;
		r->changed = true;
	}
}

static const oracle_object *
hidden_roots(const oracle_image *image)
{
	return image->v3 ? NULL : &image->objects[4];
}

static bool
is_class_page(const oracle_image *image, const oracle_object *object)
{
	const oracle_object *roots = hidden_roots(image);
	for (uint64_t i = 0; roots != NULL && i < PAGES; i++) {
		if (oracle_slot(image, roots, i) == object->address) {
			return true;
		}
	}
	return false;
}

/* Leading slots that hold on to what they refer to. */
static uint64_t
num_strong(const oracle_image *image, const oracle_object *object)
{
	if (object->body == ORACLE_UNITS || object->format != WEAK) {
		return object->num_oops;
	}
	const oracle_object *cls = oracle_class(image, object);
	if (cls == NULL || cls->num_oops < 3) {
		return 0;
	}
	uint64_t format = oracle_slot(image, cls, 2);
	uint64_t named;
	if (image->v3) {
		named = format / 4 % 64 + format / 2048 % 4 * 64;
		named = named > 0 ? named - 1 : 0;
	} else {
		named = format / (image->word == 8 ? 8 : 2) % 65536;
	}
	return named < object->num_oops ? named : object->num_oops;
}

static bool
waits_for_key(const reach *r, const oracle_object *object)
{
	const oracle_image *image = r->image;
	if (image->v3 || object->format != EPHEMERON || object->num_oops == 0 ||
	    r->fired[number_of(image, object)]) {
		return false;
	}
	const oracle_object *key = target(image, object, 0);
	return key != NULL && !r->live[number_of(image, key)];
}

static void
reach_from(reach *r, const oracle_object *object)
{
	const oracle_image *image = r->image;
	reach_object(r, oracle_class(image, object));
	if (waits_for_key(r, object)) {
		return;
	}
	uint64_t first = 0;
	uint64_t end = num_strong(image, object);
	if (object == hidden_roots(image)) {
		first = PAGES;
	} else if (!image->v3 && object->cls == 16 && is_class_page(image, object)) {
		end = oracle_slot(image, hidden_roots(image), 0) == object->address ? end : 0;
	}
	for (uint64_t i = first; i < end; i++) {
		reach_object(r, target(image, object, i));
	}
}

static void
reach_mourners(reach *r)
{
	const oracle_image *image = r->image;
	const oracle_object *page = image->v3 ? NULL : target(image, hidden_roots(image), MOURN_QUEUE);
	if (page == NULL || !is_hidden_words(image, page)) {
		return;
	}
	for (uint64_t i = 0; i < oracle_slot(image, page, 0); i++) {
		reach_object(r, oracle_find(image, oracle_slot(image, page, 4 + i)));
	}
}

static void
reach_roots(reach *r)
{
	const oracle_image *image = r->image;
	reach_object(r, oracle_find(image, image->special_oop));
	for (size_t i = 0; !image->v3 && i < 5; i++) {
		reach_object(r, &image->objects[i]);
	}
	for (uint64_t i = 0; !image->v3 && i < PAGES; i++) {
		const oracle_object *page = target(image, hidden_roots(image), i);
		if (page != NULL && page != &image->objects[0]) {
			reach_object(r, page);
		}
	}
	reach_mourners(r);
	bool dummy = true;
	for (size_t i = 0; i < image->num_objects; i++) {
		if (is_permanent(image, &image->objects[i]) && (r->old_only || dummy)) {
			reach_object(r, &image->objects[i]);
			dummy = false;
		}
	}
}

/* Fires the ephemerons that still wait; false when there are none. */
static bool
fire(reach *r)
{
	bool any = false;
	bool *waits = calloc(r->image->num_objects + 1, sizeof *waits);
	for (size_t i = 0; waits != NULL && i < r->image->num_objects; i++) {
		waits[i] = r->live[i] && waits_for_key(r, &r->image->objects[i]);
	}
	for (size_t i = 0; waits != NULL && i < r->image->num_objects; i++) {
		r->fired[i] = r->fired[i] || waits[i];
		any = any || waits[i];
	}
	free(waits);
	return any;
}

static void
reach_all(reach *r)
{
	reach_roots(r);
	do {
		do {
			r->changed = false;
			for (size_t i = 0; i < r->image->num_objects; i++) {
				if (r->live[i]) {
					reach_from(r, &r->image->objects[i]);
				}
			}
		} while (r->changed);
	} while (fire(r));
}

/* The object that one became, or NULL: the k-th survivor is the k-th object. */
static const oracle_object *
became(const reach *r, const oracle_image *after, const oracle_object *object)
{
	size_t k = 0;
	size_t wanted = number_of(r->image, object);
	for (size_t i = 0; i < wanted; i++) {
		k += r->live[i] && is_counted(r->image, &r->image->objects[i]);
	}
	for (size_t i = 0; i < after->num_objects; i++) {
		if (is_counted(after, &after->objects[i]) && k-- == 0) {
			return &after->objects[i];
		}
	}
	return NULL;
}

static bool
complain(const reach *r, const oracle_object *object, const char *what)
{
	snprintf(r->where, r->size, "object at %llx: %s", (unsigned long long)object->address, what);
	return false;
}

static bool
same_slot(const reach *r, const oracle_image *after, const oracle_object *a, const oracle_object *b,
          uint64_t index)
{
	const oracle_image *image = r->image;
	uint64_t before = oracle_slot(image, a, index);
	uint64_t now = oracle_slot(after, b, index);
	if (!is_pointer(image, before)) {
		return now == before;
	}
	const oracle_object *to = oracle_find(image, before);
	if (to == NULL || (a == hidden_roots(image) && index >= PAGES)) {
		return true;
	}
	if (!r->live[number_of(image, to)]) {
		bool lets_go = a->format == WEAK || is_class_page(image, a);
		uint64_t nil = image->v3 ? oracle_slot(after, oracle_find(after, after->special_oop), 0)
		                         : after->objects[0].address;
		return lets_go && now == nil;
	}
	const oracle_object *expected = became(r, after, to);
	return expected != NULL && now == expected->address;
}

static bool
same_object(const reach *r, const oracle_image *after, const oracle_object *a,
            const oracle_object *b)
{
	unsigned format = r->fired[number_of(r->image, a)] ? 1 : a->format;
	if (b->format != format || b->hash != a->hash || b->immutable != a->immutable ||
	    b->num_slots != a->num_slots || b->cls_is_address != a->cls_is_address) {
		return complain(r, a, "its header is another");
	}
	const oracle_object *cls = a->cls_is_address ? oracle_class(r->image, a) : NULL;
	if (cls != NULL ? b->cls != became(r, after, cls)->address : b->cls != a->cls) {
		return complain(r, a, "its class is another");
	}
	for (uint64_t i = 0; i < a->num_oops; i++) {
		if (!same_slot(r, after, a, b, i)) {
			snprintf(r->where, r->size,
			         "slot %llu of the object at %llx, class %llu, format %u: %llx, now %llx",
			         (unsigned long long)i, (unsigned long long)a->address,
			         (unsigned long long)a->cls, a->format,
			         (unsigned long long)oracle_slot(r->image, a, i),
			         (unsigned long long)oracle_slot(after, b, i));
			return false;
		}
	}
	size_t oops = (size_t)a->num_oops * r->image->word;
	if (a->num_bytes > oops &&
	    memcmp(r->image->file + a->body_at + oops, after->file + b->body_at + oops,
	           (size_t)(a->num_bytes - oops)) != 0) {
		return complain(r, a, "its bytes are others");
	}
	return true;
}

/* All fired ephemerons are mourners. */
static bool
are_mourned(const reach *r, const oracle_image *after)
{
	const oracle_object *page = after->v3 ? NULL : target(after, hidden_roots(after), MOURN_QUEUE);
	for (size_t i = 0; i < r->image->num_objects; i++) {
		bool found = !r->fired[i];
		for (uint64_t k = 0; !found && page != NULL && k < oracle_slot(after, page, 0); k++) {
			found =
			    oracle_slot(after, page, 4 + k) == became(r, after, &r->image->objects[i])->address;
		}
		if (!found) {
			return complain(r, &r->image->objects[i], "it was fired and is not mourned");
		}
	}
	return true;
}

static bool
same_objects(const reach *r, const oracle_image *after)
{
	size_t next = 0;
	for (size_t i = 0; i < r->image->num_objects; i++) {
		const oracle_object *object = &r->image->objects[i];
		if (!r->live[i] || !is_counted(r->image, object)) {
			continue;
		}
		while (next < after->num_objects && !is_counted(after, &after->objects[next])) {
			next++;
		}
		if (next == after->num_objects) {
			return complain(r, object, "it is reachable and was lost");
		}
		if (!same_object(r, after, object, &after->objects[next++])) {
			return false;
		}
	}
	while (next < after->num_objects && !is_counted(after, &after->objects[next])) {
		next++;
	}
	return next == after->num_objects ||
	       complain(r, &after->objects[next], "nothing reaches it and it was kept");
}

bool
oracle_collected(const oracle_image *before, const oracle_image *after, bool old_only,
                 char *where, /* NOLINT(readability-non-const-parameter): complain writes it */
                 size_t size)
{
	reach r = {.image = before, .old_only = old_only, .where = where, .size = size};
	r.live = calloc(before->num_objects + 1, sizeof *r.live);
	r.fired = calloc(before->num_objects + 1, sizeof *r.fired);
	bool same = false;
	if (r.live != NULL && r.fired != NULL) {
		reach_all(&r);
		same = same_objects(&r, after) && are_mourned(&r, after);
	}
	free(r.live);
	free(r.fired);
	return same;
}

/* layered_check.c: the rules of layered_rules.def, in the order of the file. */
#include <string.h>

#include "../../core/base/planted.h"
#include "imago/checked.h"
#include "imago/ready.h"
#include "imago/walk.h"
#include "layered_private.h"

enum rule_id {
#define IMAGO_RULE(id, name, severity, scope, needs, summary) RULE_##id,
#include "layered_rules.def"
#undef IMAGO_RULE
	NUM_RULES,
};

static const imago_rule rules[NUM_RULES] = {
#define IMAGO_RULE(id, name, severity, scope, needs, summary) \
	{name, IMAGO_##severity, IMAGO_SCOPE_##scope, needs, summary},
#include "layered_rules.def"
#undef IMAGO_RULE
};

const imago_rule *
imago_layered_rules(size_t *num_rules)
{
	*num_rules = NUM_RULES;
	return rules;
}

typedef struct checker {
	const uint8_t *bytes;
	uint64_t size;
	const imago_heap *heap;
	imago_layered_head head;
	imago_check_sink *sink;
	imago_allocator *allocator;
	imago_error *error;
} checker;

static void
report(const checker *at, enum rule_id rule, uint64_t offset, uint64_t found, uint64_t expected)
{
	const imago_finding finding = {
	    .rule = &rules[rule],
	    .part = "",
	    .offset = offset,
	    .slot = IMAGO_NO_SLOT,
	    .found = found,
	    .expected = expected,
	};
	imago_check_sink_add(at->sink, &finding);
}

/* The first byte of a range that differs from what encoding the head again gives: what the reader
 * does not look at. */
static void
check_unknown(const checker *at)
{
	imago_layered_head again = at->head;
	uint8_t bytes[IMAGO_LAYERED_HEAD];
	imago_layered_encode(&again, bytes);
	imago_layered_forget_hashes(bytes);
	uint8_t own[IMAGO_LAYERED_HEAD];
	memcpy(own, at->bytes, sizeof own);
	imago_layered_forget_hashes(own);
	for (uint64_t i = 0; i < sizeof own; i++) {
		if (own[i] != bytes[i]) {
			report(at, RULE_UNKNOWN, i, own[i], bytes[i]);
			return;
		}
	}
}

static void
check_head(const checker *at)
{
	const imago_segment *segments = at->heap->segments;
	const imago_segment *last = &segments[at->heap->num_segments - 1];
	uint64_t span = last->start + last->size + last->bridge_size - segments[0].start;
	if (!at->head.header_intact) {
		report(at, RULE_HEADER_HASH, 0, 0, IMAGO_NOTHING_EXPECTED);
	}
	if (!at->head.table_intact) {
		report(at, RULE_TABLE_HASH, IMAGO_LAYERED_PAGE, 0, IMAGO_NOTHING_EXPECTED);
	}
	check_unknown(at);
	if (at->head.file_size < at->size) {
		report(at, RULE_FILE_TAIL, at->head.file_size, at->size, at->head.file_size);
	}
	if (at->head.start != segments[0].start) {
		report(at, RULE_START, 0, at->head.start, segments[0].start);
	} else if (at->head.span != span) {
		report(at, RULE_START, 0, at->head.span, span);
	}
}

static void
check_section(const checker *at, const imago_layered_section *section)
{
	uint8_t hash[IMAGO_LAYERED_HASH];
	uint64_t end = section->offset + section->size;
	uint64_t page_end = end;
	(void)imago_checked_align_up(end, IMAGO_LAYERED_PAGE, &page_end);
	imago_layered_hash(hash, at->bytes + section->offset, section->size);
	bool same = memcmp(hash, section->hash, sizeof hash) == 0;
	if (!IMAGO_BUG(region_hash_unasked, !same) && !same) {
		report(at, RULE_SECTION_HASH, section->offset, 0, IMAGO_NOTHING_EXPECTED);
	}
	for (uint64_t i = end; i < page_end; i++) {
		if (!IMAGO_BUG(tail_unchecked, at->bytes[i] != 0) && at->bytes[i] != 0) {
			report(at, RULE_PADDING, i, at->bytes[i], 0);
			return;
		}
	}
}

/* The bits of a byte of both bitmaps: what the words say, what the file says. */
static void
compare_bits(const checker *at, const imago_layered_section *section, uint64_t index, uint8_t here,
             uint8_t file)
{
	const uint8_t word_bytes = at->heap->layout.word_bytes;
	const unsigned different = here ^ file;
	for (unsigned bit = 0; bit < 8; bit++) {
		uint64_t offset = section->offset + (index * 8 + bit) * word_bytes;
		bool is_marked = (file >> bit & 1) != 0;
		if ((different >> bit & 1) == 0) {
			continue;
		}
		uint64_t word = offset < section->offset + section->size
		                    ? imago_load_word(at->bytes + offset, at->heap->layout)
		                    : 0;
		enum rule_id rule = is_marked               ? RULE_FIXUP_STRAY
		                    : section->has_pointers ? RULE_FIXUP_MISSING
		                                            : RULE_POINTER_FREE;
		report(at, rule, offset, word, IMAGO_NOTHING_EXPECTED);
		if (rule == RULE_POINTER_FREE) {
			return;
		}
	}
}

static imago_status
check_fixups(const checker *at, const imago_layered_section *section, size_t segment)
{
	uint64_t size = imago_layered_bitmap_size(section->size, at->heap->layout);
	uint8_t *bitmap = imago_allocate(at->allocator, size, "bitmap of pointers", at->error);
	if (bitmap == NULL) {
		return IMAGO_ENOMEM;
	}
	/* Where the walk stops, the core rules have said why: there is nothing to compare. */
	imago_status status = imago_layered_mark_pointers(at->heap, segment, bitmap, NULL);
	for (uint64_t i = 0; i < size && status == IMAGO_OK && !at->sink->stopped; i++) {
		uint8_t file = section->has_pointers ? at->bytes[section->fixups + i] : 0;
		if (bitmap[i] != file) {
			compare_bits(at, section, i, bitmap[i], file);
			if (!section->has_pointers) {
				break; /* one says as much as all */
			}
		}
	}
	imago_release(at->allocator, bitmap, size);
	return IMAGO_OK;
}

static imago_status
check_origin(const checker *at, const imago_layered_section *section)
{
	imago_heap *restored;
	imago_error error;
	imago_status status =
	    imago_layered_restore(&restored, at->heap, at->bytes, at->size, at->allocator, &error);
	if (status == IMAGO_OK) {
		imago_heap_destroy(restored);
		return IMAGO_OK;
	}
	if (status == IMAGO_ENOMEM) {
		if (at->error != NULL) {
			*at->error = error;
		}
		return status;
	}
	report(at, RULE_ORIGIN, error.offset != IMAGO_NO_OFFSET ? error.offset : section->offset,
	       error.found, error.limit);
	return IMAGO_OK;
}

/* What two ascending lists do not share: here, what the heap holds; file, what the file says. */
static void
compare_objects(const checker *at, const imago_layered_remembered *here,
                const imago_layered_remembered *file)
{
	uint64_t i = 0;
	uint64_t k = 0;
	while ((i < here->num_objects || k < file->num_objects) && !at->sink->stopped) {
		uint64_t ours = i < here->num_objects ? here->objects[i] : UINT64_MAX;
		uint64_t theirs = k < file->num_objects ? file->objects[k] : UINT64_MAX;
		if (ours != theirs) {
			imago_addr oop = at->head.start + (ours < theirs ? ours : theirs);
			report(at, RULE_REMEMBERED, imago_heap_offset_of(at->heap, oop), oop,
			       IMAGO_NOTHING_EXPECTED);
		}
		i += ours <= theirs;
		k += theirs <= ours;
	}
}

static void
compare_classes(const checker *at, const imago_layered_remembered *here,
                const imago_layered_remembered *file, uint64_t offset)
{
	uint64_t i = 0;
	uint64_t k = 0;
	while ((i < here->num_class_indices || k < file->num_class_indices) && !at->sink->stopped) {
		uint64_t ours = i < here->num_class_indices ? here->class_indices[i] : UINT64_MAX;
		uint64_t theirs = k < file->num_class_indices ? file->class_indices[k] : UINT64_MAX;
		if (ours != theirs) {
			report(at, RULE_CLASS_INDICES, offset, ours < theirs ? ours : theirs,
			       IMAGO_NOTHING_EXPECTED);
		}
		i += ours <= theirs;
		k += theirs <= ours;
	}
}

/* Where the walk stops, the core rules have said why. */
static imago_status
check_remembered(const checker *at, const imago_layered_section *section)
{
	imago_layered_remembered file;
	imago_layered_remembered here = {.allocator = NULL};
	imago_error error = {.status = IMAGO_OK};
	imago_status status = imago_layered_decode_remembered(
	    &file, &at->head, at->bytes + section->offset, section->size, at->allocator, &error);
	if (status != IMAGO_OK && status != IMAGO_ENOMEM) {
		report(at, RULE_REMEMBERED, section->offset + error.offset, error.found, error.limit);
	} else if (status == IMAGO_OK) {
		status = imago_layered_find_remembered(&here, at->heap, &at->head, at->allocator, &error);
		if (status == IMAGO_OK) {
			compare_objects(at, &here, &file);
			compare_classes(at, &here, &file, section->offset);
		}
	}
	imago_layered_remembered_release(&here);
	imago_layered_remembered_release(&file);
	if (status == IMAGO_ENOMEM && at->error != NULL) {
		*at->error = error;
	}
	return status == IMAGO_ENOMEM ? status : IMAGO_OK;
}

static bool
report_unready(const imago_unready *unready, void *payload)
{
	const checker *at = payload;
	imago_addr addr = unready->kind == IMAGO_UNREADY_REMEMBERED
	                      ? unready->object.oop
	                      : unready->object.body + unready->slot * at->heap->layout.word_bytes;
	report(at, RULE_READY, imago_heap_offset_of(at->heap, addr), unready->found, unready->wanted);
	return !at->sink->stopped;
}

static imago_status
check_ready(checker *at)
{
	imago_error error = {.status = IMAGO_OK};
	const size_t old = imago_layered_first_old(&at->head);
	const imago_addr old_start =
	    old > 0 ? at->head.sections[old].address : at->heap->segments[0].start;
	imago_status status =
	    imago_ready_look(at->heap, old_start, report_unready, at, at->allocator, &error);
	if (status == IMAGO_ENOMEM && at->error != NULL) {
		*at->error = error;
	}
	return status == IMAGO_ENOMEM ? status : IMAGO_OK;
}

/* The first object of each section that is not as permanent to who maps the file as to who copies
 * it. Where the walk stops, the core rules have said why. */
static void
check_perm_save(const checker *at)
{
	imago_walker walker;
	imago_object object;
	size_t last = 0;
	imago_walk_init(&walker, at->heap, NULL);
	while (!at->sink->stopped && imago_walk_next(&walker, &object)) {
		uint8_t tier = at->heap->segments[object.segment].tier;
		if (object.segment > last && tier != IMAGO_TIER_READ_ONLY &&
		    !imago_layered_is_a_collectors(&object)) {
			report(at, RULE_PERM_SAVE, imago_heap_offset_of(at->heap, object.oop), tier,
			       IMAGO_TIER_READ_ONLY);
			last = object.segment;
		}
	}
}

static imago_status
check_contents(checker *at)
{
	imago_status status = IMAGO_OK;
	size_t segment = 0;
	for (size_t i = 0; i < at->head.num_sections && status == IMAGO_OK; i++) {
		const imago_layered_section *section = &at->head.sections[i];
		check_section(at, section);
		if (section->kind == IMAGO_LAYERED_OBJECTS) {
			status = check_fixups(at, section, segment++);
		} else if (section->kind == IMAGO_LAYERED_ORIGIN &&
		           imago_check_sink_wants(at->sink, &rules[RULE_ORIGIN])) {
			status = check_origin(at, section);
		} else if (section->kind == IMAGO_LAYERED_REMEMBERED) {
			status = check_remembered(at, section);
		}
	}
	if (status == IMAGO_OK && (at->head.flags & IMAGO_LAYERED_READY) != 0) {
		status = check_ready(at);
	}
	if (status == IMAGO_OK && (at->head.flags & IMAGO_LAYERED_PERM_SAVE) != 0) {
		check_perm_save(at);
	}
	return status;
}

imago_status
imago_layered_check(const uint8_t *bytes, uint64_t size, const imago_heap *heap,
                    imago_check_sink *sink, imago_allocator *allocator, imago_error *error)
{
	checker at = {
	    .bytes = bytes,
	    .size = size,
	    .heap = heap,
	    .sink = sink,
	    .allocator = allocator,
	    .error = error,
	};
	imago_status status = imago_layered_decode(&at.head, bytes, size, error);
	if (status == IMAGO_OK) {
		check_head(&at);
		status = check_contents(&at);
	}
	return status;
}

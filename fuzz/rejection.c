/* rejection: how well a single wound is found. An image without errors gets one edit by one named
 * operator of the mutator, unrepaired; four times over, from the same image. Then one of these
 * holds: refused: the reader's error stands in the file at or behind the wound, or in the header,
 * whose sizes depend on all that follows; found: there is a finding that the image did not have
 * before, at or behind the wound, or about an object that has to do with the wounded one, or about
 * what depends on the whole (header, roots, space); benign: the mutant means the same, has the same
 * digest, or the operator is of a class (rejection_classes.def) that may leave another image that
 * is as good. Anything else is a wound that nobody sees. The statuses, rules and benign classes
 * that were the answers are counted (reasons.h). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_image.h"
#include "fuzz_input.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/class_table.h"
#include "imago/mutate.h"
#include "imago/walk.h"
#include "reasons.h"

enum { REFUSED_IN_PLACE, FOUND_IN_PLACE, UNSEEN_IS_SOUND, BENIGN, WHOLE_FILE, STILL_SOUND };

static const char *const oracles[] = {
    [REFUSED_IN_PLACE] = "refused_at_the_wound",
    [FOUND_IN_PLACE] = "found_at_the_wound",
    [UNSEEN_IS_SOUND] = "unseen_can_be_followed",
    [BENIGN] = "unseen_is_benign",
    [WHOLE_FILE] = "whole_file_edits_keep_the_meaning",
    [STILL_SOUND] = "sound_edits_leave_no_error",
};
FUZZ_DECLARE_ORACLES("rejection", oracles);

/* What an operator may leave that is as good as before, besides the same meaning. */
typedef enum benign_class {
	NEVER,
	CONTENTS, /* other contents: another legal object, class, number, literal, hash */
	SAME,     /* the whole file made anew: the same meaning, and no error */
	SOUND,    /* another image without an error */
} benign_class;

static const struct {
	const char *name;
	benign_class benign;
} classes[] = {
#include "rejection_classes.def" /* {name, class} */
};

static benign_class
class_of(const imago_mutation *mutation)
{
	for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
		const size_t length = strlen(classes[i].name);
		if (strncmp(classes[i].name, mutation->name, length) == 0 &&
		    (mutation->name[length] == '\0' || mutation->name[length] == '.')) {
			return classes[i].benign;
		}
	}
	return NEVER;
}

enum { FINDINGS_KEPT = 256, NUM_WOUNDS = 4 };

/* The findings of one check, as far as they are kept. */
typedef struct finding_list {
	imago_finding list[FINDINGS_KEPT];
	char parts[FINDINGS_KEPT][IMAGO_PART_SIZE];
	size_t num;
} finding_list;

static bool
keep(const imago_finding *finding, void *payload)
{
	finding_list *findings = payload;
	findings->list[findings->num] = *finding;
	snprintf(findings->parts[findings->num], IMAGO_PART_SIZE, "%s", finding->part);
	findings->num++;
	return findings->num < FINDINGS_KEPT;
}

static void
check(const imago_image *image, finding_list *findings)
{
	const imago_check_options options = {.num_threads = 1};
	imago_allocator allocator;
	imago_error error;
	imago_check_sink sink;
	findings->num = 0;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_check_sink_init(&sink, &options, keep, findings);
	FUZZ_ASSERT(imago_image_check(image, &sink, &allocator, &error) == IMAGO_OK);
}

/* What is wounded, by the image as it was: what holds the first byte that differs. */
typedef struct wound {
	char part[IMAGO_PART_SIZE]; /* of an image of several files */
	uint64_t offset;            /* in that part: where the object, the bridge, or the byte begins */
	uint64_t in_file;           /* the same place in the whole file */
	bool in_object;
	imago_addr first, end; /* addresses, from that object to behind the last byte that differs */
} wound;

/* A run: the image before and after. */
typedef struct operation {
	const uint8_t *data;
	size_t size;
	uint8_t *mutant;
	size_t mutant_size;
	const imago_mutation *mutation;
	wound wound;
	imago_allocator allocator;
	imago_image before;
	imago_image after;
	finding_list old, new;
} operation;

static size_t
first_difference(const operation *op)
{
	const size_t both = op->size < op->mutant_size ? op->size : op->mutant_size;
	size_t at = 0;
	while (at < both && op->data[at] == op->mutant[at]) {
		at++;
	}
	return at;
}

/* The last byte that differs; where the sizes do, all that follows does. */
static size_t
last_difference(const operation *op)
{
	size_t at = op->size - 1;
	while (at > 0 && op->size == op->mutant_size && op->data[at] == op->mutant[at]) {
		at--;
	}
	return at;
}

/* The object that holds an address. */
static bool
find_object(const imago_heap *heap, imago_addr addr, imago_object *object)
{
	imago_walker walker;
	imago_walk_init(&walker, heap, NULL);
	while (imago_walk_next(&walker, object)) {
		if (addr >= object->chunk && addr - object->chunk < object->total_bytes) {
			return true;
		}
	}
	return false;
}

/* Where a bridge begins that holds the offset; else the offset. */
static uint64_t
bridge_start(const imago_heap *heap, const char *part, uint64_t offset)
{
	for (size_t i = 0; i < heap->num_segments; i++) {
		const imago_segment *segment = &heap->segments[i];
		const uint64_t bridge = segment->offset + segment->size;
		if (strcmp(segment->part, part) == 0 && offset >= bridge &&
		    offset - bridge < segment->bridge_size) {
			return bridge;
		}
	}
	return offset;
}

/* The part that holds a byte of the file, and where the part begins. */
static uint64_t
find_part(const operation *op, uint64_t at, char part[IMAGO_PART_SIZE])
{
	uint64_t part_start = 0;
	for (size_t i = 0; i < op->before.folder.num_files; i++) {
		const imago_folder_file *file = &op->before.folder.files[i];
		const uint64_t start = (uint64_t)(file->bytes - op->data);
		if (at >= start && at - start <= file->size) {
			snprintf(part, IMAGO_PART_SIZE, "%s", file->name);
			part_start = start;
		}
	}
	return part_start;
}

/* Up to the last byte that differs, which may be in another part: of a bundle, before or behind. */
static void
find_end(operation *op)
{
	wound *w = &op->wound;
	const uint64_t last = last_difference(op);
	char part[IMAGO_PART_SIZE] = "";
	imago_addr addr;
	imago_object object;
	const uint64_t part_start = find_part(op, last, part);
	if (!imago_heap_addr_of(op->before.heap, part, last - part_start, &addr)) {
		return;
	}
	if (addr >= w->end) {
		w->end = addr + 1;
	} else if (addr < w->first && find_object(op->before.heap, addr, &object)) {
		w->first = object.chunk;
	}
}

static void
find_wound(operation *op)
{
	wound *w = &op->wound;
	*w = (wound){.in_object = false};
	const imago_heap *heap = op->before.heap;
	const uint64_t first = first_difference(op);
	imago_addr addr;
	imago_object object;
	const uint64_t part_start = find_part(op, first, w->part);
	w->offset = bridge_start(heap, w->part, first - part_start);
	w->in_object =
	    imago_heap_addr_of(heap, w->part, w->offset, &addr) && find_object(heap, addr, &object);
	if (w->in_object) {
		w->offset = imago_heap_offset_of(heap, object.chunk);
		w->first = object.chunk;
		w->end = object.chunk + object.total_bytes;
		find_end(op);
	}
	w->in_file = part_start + w->offset;
}

static bool
is_within(imago_oop word, const wound *w)
{
	return word >= w->first && word < w->end;
}

/* An object may have taken in what lay behind it. */
static void
extend_wound(wound *w, const imago_heap *after)
{
	imago_object object;
	if (w->in_object && imago_heap_decode_chunk(after, w->first, &object, NULL) == IMAGO_OK &&
	    object.chunk + object.total_bytes > w->end) {
		w->end = object.chunk + object.total_bytes;
	}
}

static imago_addr
class_of_oop(const imago_heap *heap, imago_oop oop, imago_allocator *allocator)
{
	imago_object object;
	imago_class_table table;
	imago_error error;
	if (imago_heap_decode_object(heap, oop, &object, NULL) != IMAGO_OK) {
		return 0;
	}
	FUZZ_ASSERT(imago_class_table_create(&table, heap, allocator, &error) == IMAGO_OK);
	const imago_addr cls = imago_class_of_object(&table, &object);
	imago_class_table_release(&table);
	return cls;
}

/* True when a slot of the object at oop leads to an address from first on, before end. */
static bool
leads_to(const imago_heap *heap, imago_oop oop, imago_addr first, imago_addr end)
{
	imago_object object;
	if (imago_heap_decode_object(heap, oop, &object, NULL) != IMAGO_OK) {
		return false;
	}
	const uint64_t num_slots = imago_heap_num_pointer_slots(heap, &object);
	for (uint64_t i = 0; i < num_slots; i++) {
		const imago_oop word = imago_heap_fetch_slot(heap, &object, i);
		if (word >= first && word < end) {
			return true;
		}
	}
	return false;
}

/* True when the object where the wound is refers to another one: by a slot, or as its class. */
static bool
wounded_refers_to(operation *op, const imago_heap *heap, imago_oop oop)
{
	imago_object wounded;
	return imago_heap_decode_chunk(heap, op->wound.first, &wounded, NULL) == IMAGO_OK &&
	       (leads_to(heap, wounded.oop, oop, oop + 1) ||
	        class_of_oop(heap, wounded.oop, &op->allocator) == oop);
}

/* True when the object of a finding and what is wounded have to do with each other: one refers to
 * the other, or did before the wound, or the object's class is wounded, or another one than it was.
 */
static bool
is_related(operation *op, imago_oop oop)
{
	const imago_heap *heap = op->after.heap;
	const wound *w = &op->wound;
	if (leads_to(heap, oop, w->first, w->end) || wounded_refers_to(op, heap, oop) ||
	    wounded_refers_to(op, op->before.heap, oop)) {
		return true;
	}
	const imago_addr cls = class_of_oop(heap, oop, &op->allocator);
	return is_within(cls, w) || cls != class_of_oop(op->before.heap, oop, &op->allocator);
}

static bool
is_old(const operation *op, const imago_finding *finding, const char *part)
{
	for (size_t i = 0; i < op->old.num; i++) {
		const imago_finding *other = &op->old.list[i];
		if (other->rule == finding->rule && other->offset == finding->offset &&
		    other->found == finding->found && strcmp(op->old.parts[i], part) == 0) {
			return true;
		}
	}
	return false;
}

/* What is about an object or a slot has a place; the rest speaks of the whole. */
static bool
is_about_the_whole(const imago_rule *rule)
{
	switch (rule->scope) {
	case IMAGO_SCOPE_OBJECT:
	case IMAGO_SCOPE_SLOT:
	case IMAGO_SCOPE_METHOD:
	case IMAGO_SCOPE_CLASS:
		return false;
	default:
		return true;
	}
}

/* A finding about an object stands in that object. */
static bool
is_in_its_object(const imago_heap *heap, const imago_finding *finding)
{
	imago_object object;
	if (finding->oop == 0 ||
	    imago_heap_decode_object(heap, finding->oop, &object, NULL) != IMAGO_OK) {
		return true;
	}
	const uint64_t start = imago_heap_offset_of(heap, object.chunk);
	return finding->offset >= start && finding->offset - start < object.total_bytes;
}

static bool
is_in_place(operation *op, const imago_finding *finding, const char *part)
{
	const wound *w = &op->wound;
	if (finding->offset == IMAGO_NO_OFFSET || is_about_the_whole(finding->rule)) {
		return true;
	}
	if (!is_in_its_object(op->after.heap, finding)) {
		return false;
	}
	if (strcmp(part, w->part) == 0 && finding->offset >= w->offset) {
		return true;
	}
	if (!w->in_object) {
		return strcmp(part, w->part) != 0; /* metadata: all data depends on it */
	}
	return is_within(finding->oop, w) || is_within(finding->found, w) ||
	       is_related(op, finding->oop);
}

/* The header's fields count what follows; of a folder, one file's numbers speak of another's. */
static bool
is_refused_in_place(const operation *op, const imago_error *error)
{
	const uint64_t header_end = op->before.heap->wrapping.prefix_size + IMAGO_HEADER_SIZE_64;
	return error->part[0] != '\0' || error->offset == IMAGO_NO_OFFSET ||
	       error->offset >= op->wound.in_file || error->offset < header_end ||
	       op->before.format == IMAGO_FORMAT_COMPOSED;
}

/* A mutant without a new finding: one that can be followed from its roots, and that either means
 * the same or is of an operator that may leave something else. */
static void
expect_benign(operation *op)
{
	imago_digest before;
	imago_digest after;
	imago_error error;
	FUZZ_ASSERT(imago_digest_compute(&before, op->before.heap, &op->allocator, &error) == IMAGO_OK);
	FUZZ_ORACLE(UNSEEN_IS_SOUND,
	            imago_digest_compute(&after, op->after.heap, &op->allocator, &error) == IMAGO_OK);
	if (memcmp(&before, &after, sizeof before) == 0) {
		reason_count("benign.same");
		return;
	}
	if (class_of(op->mutation) != CONTENTS) {
		fprintf(stderr, "operator %s, wound at 0x%" PRIx64 "\n", op->mutation->name,
		        op->wound.in_file);
	}
	FUZZ_ORACLE(BENIGN, class_of(op->mutation) == CONTENTS);
	reason_count("benign.contents");
}

static void
expect_found(operation *op)
{
	const imago_finding *first = NULL;
	bool in_place = false;
	extend_wound(&op->wound, op->after.heap);
	check(&op->after, &op->new);
	for (size_t i = 0; i < op->new.num && !in_place; i++) {
		const imago_finding *finding = &op->new.list[i];
		if (!is_old(op, finding, op->new.parts[i])) {
			first = first != NULL ? first : finding;
			in_place = is_in_place(op, finding, op->new.parts[i]);
		}
	}
	if (first == NULL) {
		expect_benign(op);
		return;
	}
	if (!in_place) {
		fprintf(stderr, "operator %s, wound at 0x%" PRIx64 ", first finding %s at 0x%" PRIx64 "\n",
		        op->mutation->name, op->wound.in_file, first->rule->name, first->offset);
	}
	FUZZ_ORACLE(FOUND_IN_PLACE, in_place);
	reason_count(first->rule->name);
}

static void
judge(operation *op)
{
	imago_error error = {.status = IMAGO_OK};
	find_wound(op);
	const imago_status status =
	    imago_image_read(&op->after, op->mutant, op->mutant_size, &op->allocator, &error);
	if (class_of(op->mutation) == SAME) {
		FUZZ_ORACLE(WHOLE_FILE,
		            status == IMAGO_OK && fuzz_same_digest(op->before.heap, op->after.heap));
		FUZZ_ORACLE(WHOLE_FILE, fuzz_check(&op->after).num_errors == 0);
		reason_count("benign.whole_file");
	} else if (class_of(op->mutation) == SOUND) {
		FUZZ_ORACLE(STILL_SOUND, status == IMAGO_OK && fuzz_check(&op->after).num_errors == 0);
		(void)fuzz_digest(op->after.heap);
		reason_count("benign.sound");
	} else if (status != IMAGO_OK) {
		FUZZ_ORACLE(REFUSED_IN_PLACE, is_refused_in_place(op, &error));
		reason_count(imago_status_name(status));
	} else {
		expect_found(op);
	}
	imago_image_close(&op->after);
}

/* One edit by one operator; false where it finds no place. */
static bool
wound_it(operation *op, uint64_t seed)
{
	const char *const only[] = {op->mutation->name};
	imago_mutate_report report;
	const imago_mutate_options options = {.seed = seed,
	                                      .only = only,
	                                      .num_only = 1,
	                                      .num_edits = 1,
	                                      .repair = IMAGO_REPAIR_NEVER,
	                                      .donor = op->data,
	                                      .donor_size = op->size};
	const size_t capacity = 2 * op->size + 4096;
	op->mutant = malloc(capacity);
	FUZZ_ASSERT(op->mutant != NULL);
	memcpy(op->mutant, op->data, op->size);
	op->mutant_size = imago_mutate_with(op->mutant, op->size, capacity, &options, &report);
	return op->mutant_size != op->size || memcmp(op->mutant, op->data, op->size) != 0;
}

/* The image with a wound of its own for each of a few operators. */
static void
operate(operation *op)
{
	fuzz_input input = fuzz_input_of(op->data, op->size);
	const size_t num_mutations = imago_num_mutations();
	/* By the size too, so that images that end alike are not all treated alike. */
	const size_t first = fuzz_choose(&input, 256) + op->size / 4;
	const uint64_t seed = fuzz_choose(&input, 65536);
	check(&op->before, &op->old);
	for (size_t i = 0; i < NUM_WOUNDS; i++) {
		op->mutation =
		    imago_mutation_at((first + i * (num_mutations / NUM_WOUNDS)) % num_mutations);
		if (wound_it(op, seed)) {
			judge(op);
		}
		free(op->mutant);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static operation op; /* large */
	imago_error error;
	op = (operation){.data = data, .size = size};
	imago_allocator_init(&op.allocator, IMAGO_UNLIMITED);
	if (imago_image_read(&op.before, data, size, &op.allocator, &error) == IMAGO_OK &&
	    fuzz_check(&op.before).num_errors == 0) {
		operate(&op);
	}
	imago_image_close(&op.before);
	FUZZ_ASSERT(op.allocator.used == 0);
	return 0;
}

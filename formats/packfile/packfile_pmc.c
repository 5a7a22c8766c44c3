/* packfile_pmc.c: freeze streams of PMC constants (packfile.md §8).
 *
 * Objects wait in a queue for their fields, in the order of their numbers: two counters are the
 * queue, and nothing recurses. Every object is at least two words of the stream, so its length
 * bounds the walk.
 */
#include "../../core/base/planted.h"
#include "packfile_private.h"

enum {
	TYPE_OF_SUB = 12, /* in bytecode 13.1 */
	FLAG_NEW = 0,
	FLAG_SEEN = 1,
	FLAG_BACK = 2,
	NUM_SUB_REFERENCES =
	    4, /* namespace, signature, outer sub, lexical information: any may be null */
};

typedef struct walker {
	const imago_packfile *packfile;
	const imago_packfile_constants *constants;
	uint64_t index; /* of the constant */
	imago_reader reader;
	imago_error error;
	uint64_t num_objects; /* that have a number */
	uint64_t num_done;    /* whose fields were walked */
	bool classes_by_shape;
	uint64_t first_opaque; /* number of the first object of another class, or 0 */
	packfile_see_step *see;
	void *payload;
} walker;

static bool
failed(const walker *w)
{
	return w->reader.status != IMAGO_OK;
}

static void
fail(walker *w, const char *what, uint64_t position, uint64_t found, uint64_t limit)
{
	imago_reader_fail(&w->reader, IMAGO_ESTRUCTURE, what, position, found, limit);
}

static void
tell(const walker *w, packfile_step_kind kind, uint64_t position)
{
	if (w->see != NULL && !failed(w)) {
		w->see(kind, w->reader.origin + position, w->reader.position - position, w->payload);
	}
}

static int64_t
take_integer(walker *w, const char *what)
{
	const uint64_t position = w->reader.position;
	const int64_t value = imago_packfile_read_signed(&w->reader, what);
	tell(w, PACKFILE_STEP_WORD, position);
	return value;
}

/* An index into the table of strings, or an item of its own. */
static void
take_string(walker *w, imago_packfile_string *string, const char *what)
{
	const uint64_t position = w->reader.position;
	const int64_t index = take_integer(w, what);
	if (failed(w)) {
		return;
	}
	if (index >= 0) {
		if (!IMAGO_BUG(pmc_string_unchecked, (uint64_t)index >= w->constants->num_strings) &&
		    (uint64_t)index >= w->constants->num_strings) {
			fail(w, what, position, (uint64_t)index, w->constants->num_strings);
		} else if (!imago_packfile_string_at(w->packfile, w->constants->strings[index], string)) {
			fail(w, what, position, (uint64_t)index, 0);
		}
		return;
	}
	const uint64_t item = w->reader.position;
	imago_packfile_read_string(&w->reader, string, what);
	tell(w, PACKFILE_STEP_STRING, item);
}

static bool
is_known_sub(const walker *w, int64_t type)
{
	const imago_packfile_header *header = &w->packfile->header;
	return type == TYPE_OF_SUB && header->bytecode_major == IMAGO_PACKFILE_BYTECODE_MAJOR &&
	       header->bytecode_minor == IMAGO_PACKFILE_BYTECODE_MINOR;
}

static void
take_new_object(walker *w, uint64_t id, uint64_t position, int64_t *type)
{
	if (id != w->num_objects + 1) {
		fail(w, "number of a new PMC", position, id, w->num_objects + 1);
		return;
	}
	w->num_objects++;
	*type = take_integer(w, "type of a PMC");
	if (!is_known_sub(w, *type) && !w->classes_by_shape && w->first_opaque == 0) {
		w->first_opaque = w->num_objects;
	}
}

/* An earlier constant, or this one, and an object in it; how many that has is not looked up. */
static void
take_back_reference(walker *w, uint64_t position)
{
	const int64_t constant = take_integer(w, "constant of a back reference");
	const int64_t object = take_integer(w, "object of a back reference");
	if (!failed(w) && (constant < 0 || (uint64_t)constant > w->index)) {
		fail(w, "constant of a back reference", position, (uint64_t)constant, w->index);
	} else if (!failed(w) && object < 0) {
		fail(w, "object of a back reference", position, (uint64_t)object, 0);
	}
}

/* *type is set for a new object only. */
static void
take_reference(walker *w, int64_t *type)
{
	const uint64_t position = w->reader.position;
	const int64_t word = take_integer(w, "PMC reference");
	const uint64_t id = (uint64_t)word >> 2;
	if (failed(w)) {
		return;
	}
	if (word < 0) {
		fail(w, "PMC reference", position, (uint64_t)word, 0);
		return;
	}
	switch (word & 3) {
	case FLAG_NEW:
		take_new_object(w, id, position, type);
		break;
	case FLAG_SEEN:
		if (id > w->num_objects) {
			fail(w, "number of a PMC that was seen", position, id, w->num_objects);
		}
		break;
	case FLAG_BACK:
		take_back_reference(w, position);
		break;
	default:
		fail(w, "flag of a PMC reference", position, (uint64_t)word & 3, FLAG_BACK);
		break;
	}
}

static void
take_sub(walker *w, imago_packfile_sub *sub)
{
	int64_t ignored;
	sub->start = take_integer(w, "start of a Sub");
	const uint64_t end = w->reader.position;
	sub->end = take_integer(w, "end of a Sub");
	sub->flags = take_integer(w, "flags of a Sub");
	take_string(w, &sub->name, "name of a Sub");
	take_string(w, &sub->method_name, "method name of a Sub");
	take_string(w, &sub->namespace_entry, "namespace entry of a Sub");
	take_string(w, &sub->language, "language of a Sub");
	sub->compile_flags = take_integer(w, "compile flags of a Sub");
	sub->vtable_index = take_integer(w, "vtable index of a Sub");
	for (size_t i = 0; i < 4; i++) {
		const uint64_t position = w->reader.position;
		sub->num_registers[i] = take_integer(w, "registers of a Sub");
		if (!failed(w) &&
		    (sub->num_registers[i] < 0 || sub->num_registers[i] > IMAGO_PACKFILE_MAX_REGISTERS)) {
			fail(w, "registers of a Sub", position, (uint64_t)sub->num_registers[i],
			     IMAGO_PACKFILE_MAX_REGISTERS);
		}
	}
	take_string(w, &sub->id, "id of a Sub");
	if (!failed(w) && (sub->start < 0 || sub->end < sub->start)) {
		fail(w, "end of a Sub", end, (uint64_t)sub->end, (uint64_t)sub->start);
	}
	for (size_t i = 0; i < NUM_SUB_REFERENCES && !failed(w); i++) {
		take_reference(w, &ignored);
	}
}

/* True when the whole stream was walked; false where it stops at an object of another class, and
 * where it is broken. */
static bool
walk(walker *w, imago_packfile_pmc *pmc)
{
	int64_t ignored;
	const uint64_t position = w->reader.position;
	take_reference(w, &pmc->type);
	if (!failed(w) && w->num_objects == 0) {
		fail(w, "first PMC of a constant", position, 0, 1);
	}
	while (!failed(w) && w->num_done < w->num_objects) {
		imago_packfile_sub other;
		w->num_done++;
		if (w->num_done == w->first_opaque) {
			return false;
		}
		take_sub(w, w->num_done == 1 ? &pmc->sub : &other);
		if (!failed(w)) {
			take_reference(w, &ignored); /* its metadata */
		}
	}
	if (!failed(w) && imago_reader_remaining(&w->reader) > 0) {
		fail(w, "rest of a PMC constant", w->reader.position, imago_reader_remaining(&w->reader),
		     0);
	}
	return !failed(w);
}

static walker
walker_at(const imago_packfile *packfile, const imago_packfile_constants *constants, uint64_t index)
{
	const uint64_t offset = constants->pmcs[index];
	walker w = {.packfile = packfile, .constants = constants, .index = index};
	imago_reader file;
	imago_reader_init(&file, packfile->bytes, packfile->size, packfile->layout, NULL);
	imago_reader_seek(&file, offset, "PMC constant");
	const uint64_t length = imago_read_word(&file, "PMC constant");
	w.reader = imago_reader_sub(&file, length, "PMC constant");
	return w;
}

/* Walks, with classes by their number or by shape. */
static bool
try_walk(imago_packfile_pmc *pmc, walker *w, bool classes_by_shape)
{
	w->reader.error = &w->error;
	w->classes_by_shape = classes_by_shape;
	pmc->sub = (imago_packfile_sub){.start = 0};
	const bool whole = walk(w, pmc);
	pmc->num_objects = w->num_objects;
	return whole;
}

void
imago_packfile_walk_pmc(const imago_packfile *packfile, const imago_packfile_constants *constants,
                        uint64_t index, imago_packfile_pmc *pmc, packfile_see_step *see,
                        void *payload)
{
	walker w = walker_at(packfile, constants, index);
	*pmc = (imago_packfile_pmc){
	    .kind = IMAGO_PMC_SUB, .offset = w.reader.origin, .size = w.reader.size};
	walker quiet = w;
	if (try_walk(pmc, &quiet, false)) {
		w.see = see;
		w.payload = payload;
		(void)try_walk(pmc, &w, false);
		return;
	}
	if (failed(&quiet)) {
		pmc->kind = IMAGO_PMC_BROKEN;
		pmc->what = quiet.error.what;
		pmc->place = quiet.error.offset;
		pmc->found = quiet.error.found;
		pmc->limit = quiet.error.limit;
		return;
	}
	/* A class whose number says nothing. What is a Sub to its last word is taken for one. */
	const uint64_t num_objects = pmc->num_objects;
	quiet = w;
	if (try_walk(pmc, &quiet, true)) {
		pmc->kind = IMAGO_PMC_SUB_SHAPE;
		w.see = see;
		w.payload = payload;
		(void)try_walk(pmc, &w, true);
		return;
	}
	pmc->kind = IMAGO_PMC_OPAQUE;
	pmc->num_objects = num_objects;
}

void
imago_packfile_pmc_at(const imago_packfile *packfile, const imago_packfile_constants *constants,
                      uint64_t index, imago_packfile_pmc *pmc)
{
	imago_packfile_walk_pmc(packfile, constants, index, pmc, NULL, NULL);
}

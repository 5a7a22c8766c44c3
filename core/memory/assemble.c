/* assemble.c: the definitions of a text: classes, methods, programs (core/memory/kernel/README.md).
 */
#include "assemble.h"

void
assemble_complain(assembler *a, const char *complaint)
{
	if (a->complaint == NULL) {
		a->complaint = complaint;
		a->complaint_line = a->line;
	}
}

/* where WORD: what follows is for images of that kind. */
static void
set_where(assembler *a)
{
	word w = a->num_words == 2 ? a->words[1] : (word){"", 0};
	bool spur = builder_is_spur(a->builder);
	bool wide = a->builder->layout.word_bytes == 8;
	if (word_is(w, "all")) {
		a->skipping = false;
	} else if (word_is(w, "spur") || word_is(w, "v3")) {
		a->skipping = spur != word_is(w, "spur");
	} else if (word_is(w, "closures") || word_is(w, "old")) {
		a->skipping = (a->set == SET_OLD) != word_is(w, "old");
	} else if (word_is(w, "sista")) {
		a->skipping = a->set != SET_SISTA;
	} else if (word_is(w, "wide")) {
		a->skipping = !wide;
	} else {
		assemble_complain(a, "no such kind of image");
	}
}

/* class NAME SUPERCLASS [%code] SLOT… */
static void
define_class(assembler *a)
{
	char name[64];
	named_class *above = a->num_words >= 3 ? assemble_find_class(a, a->words[2]) : NULL;
	bool code = a->num_words > 3 && word_is(a->words[3], "%code");
	uint32_t first = code ? 4 : 3;
	if (above == NULL || a->num_classes == MAX_CLASSES || a->words[1].length >= sizeof name ||
	    above->num_slots + (a->num_words - first) > MAX_SLOT_NAMES) {
		assemble_complain(a, "a class without superclass, or with too much");
		return;
	}
	named_class *made = &a->classes[a->num_classes++];
	*made = *above;
	made->name = a->words[1];
	for (uint32_t i = first; i < a->num_words; i++) {
		made->slots[made->num_slots++] = a->words[i];
	}
	for (size_t i = 0; i < a->words[1].length; i++) {
		name[i] = a->words[1].text[i];
	}
	name[a->words[1].length] = '\0';
	imago_builder *builder = a->builder;
	made->cls =
	    imago_builder_new_class(builder, above->cls, name, a->num_words - first,
	                            code ? (uint8_t)IMAGO_FORMAT_METHOD : (uint8_t)IMAGO_FORMAT_FIXED);
	made->binding =
	    imago_builder_new_pointers(builder, builder->classes[IMAGO_KERNEL_ASSOCIATION], 2);
	imago_builder_store(builder, made->binding, 0,
	                    imago_builder_fetch(builder, made->cls, BUILDER_CLASS_NAME));
	imago_builder_store(builder, made->binding, 1, made->cls);
}

/* slots NAME SLOT…: what the slots of a class of the kernel are called. */
static void
name_slots(assembler *a)
{
	named_class *cls = a->num_words > 2 ? assemble_find_class(a, a->words[1]) : NULL;
	if (cls == NULL || a->num_words - 2 > MAX_SLOT_NAMES) {
		assemble_complain(a, "slots of no class, or too many");
		return;
	}
	cls->num_slots = 0;
	for (uint32_t i = 2; i < a->num_words; i++) {
		cls->slots[cls->num_slots++] = a->words[i];
	}
}

/* program NAME CLASS */
static void
declare_program(assembler *a)
{
	named_class *cls = a->num_words == 3 ? assemble_find_class(a, a->words[2]) : NULL;
	if (cls == NULL) {
		assemble_complain(a, "a program without a class");
	} else if (a->program == NULL || word_is(a->words[1], a->program)) {
		a->out->program_class = a->out->program_class == 0 ? cls->cls : a->out->program_class;
	}
}

/* method CLASS [class] PATTERN [| TEMPORARIES] */
static void
begin_method(assembler *a)
{
	char selector[128];
	size_t length = 0;
	named_class *cls = a->num_words >= 3 ? assemble_find_class(a, a->words[1]) : NULL;
	uint32_t i = 2;
	if (cls == NULL) {
		assemble_complain(a, "a method of no class");
		return;
	}
	a->cls = cls;
	a->behavior = cls->cls;
	if (word_is(a->words[i], "class") && a->num_words > 3 && !word_is(a->words[3], "|")) {
		a->behavior = builder_class_of(a->builder, cls->cls);
		i++;
	}
	a->units[0] = (unit){.size = 0};
	a->scopes[0] = (scope){.code = &a->units[0]};
	a->depth = 0;
	scope *s = &a->scopes[0];
	bool names = false; /* parts of the selector and names take turns; behind the bar, names only */
	bool bar = false;
	for (; i < a->num_words && s->num_names < MAX_NAMES; i++) {
		word w = a->words[i];
		if (word_is(w, "|") && length > 0) {
			bar = true;
			s->num_args = s->num_names;
		} else if (bar || names) {
			s->names[s->num_names++] = w;
			names = false;
		} else if (length + w.length < sizeof selector) {
			for (size_t k = 0; k < w.length; k++) {
				selector[length++] = w.text[k];
			}
			names = assemble_num_args(w) > 0;
		}
	}
	s->num_args = bar ? s->num_args : s->num_names;
	a->selector = 0;
	if (length == 0 || assemble_num_args((word){selector, length}) != s->num_args) {
		assemble_complain(a, "a pattern with too few names, or too many");
		return;
	}
	/* The symbol's text must outlive this function: a pattern of one word is in the text. */
	a->selector = assemble_symbol(a, selector, length);
	if (a->symbols[a->num_symbols - 1].text == selector) {
		a->symbols[a->num_symbols - 1].text = NULL;
	}
	a->in_method = true;
	a->large = a->has_entry = false;
	a->primitive = 0;
	a->num_blocks = 0;
}

/* What a method's last literal leads to: the binding of its class, or one that the metaclass has no
 * name in. */
static imago_oop
binding_of_behavior(assembler *a)
{
	if (a->behavior == a->cls->cls) {
		return a->cls->binding;
	}
	imago_oop binding =
	    imago_builder_new_pointers(a->builder, a->builder->classes[IMAGO_KERNEL_ASSOCIATION], 2);
	imago_builder_store(a->builder, binding, 1, a->behavior);
	return binding;
}

/* What was assembled becomes a method; its last literals are its selector and its class. */
static void
end_method(assembler *a)
{
	if (!a->in_method || !assemble_ok(a)) {
		return;
	}
	unit *u = &a->units[0];
	imago_builder *builder = a->builder;
	if (a->depth != 0) {
		assemble_complain(a, "a block does not end");
		return;
	}
	assemble_finish_jumps(a, u);
	const imago_builder_method method = {
	    .num_literals = (uint16_t)(u->num_literals + 2),
	    .num_args = (uint8_t)a->scopes[0].num_args,
	    .num_temps = (uint8_t)a->scopes[0].num_names,
	    .primitive = a->primitive,
	    .large_frame = a->large,
	    .sista = a->set == SET_SISTA,
	    .bytecodes = u->code,
	    .num_bytecodes = u->size,
	};
	imago_oop made =
	    imago_builder_new_method(builder, builder->classes[IMAGO_KERNEL_COMPILED_METHOD], &method);
	for (uint32_t i = 0; i < u->num_literals; i++) {
		imago_builder_store(builder, made, 1 + i, u->literals[i]);
	}
	imago_builder_store(builder, made, u->num_literals + 1, a->selector);
	imago_builder_store(builder, made, u->num_literals + 2, binding_of_behavior(a));
	imago_builder_install_method(builder, a->behavior, a->selector, made);
	for (uint32_t i = 0; i < a->num_blocks; i++) {
		builder_object block;
		if (builder_find(builder, a->blocks[i], &block)) {
			imago_oop header = imago_builder_fetch(builder, a->blocks[i], 0);
			uint64_t fields = (uint64_t)imago_oop_integer(builder->tagging, header);
			imago_builder_store(builder, a->blocks[i], fields & 0x7FFF, made);
		}
	}
	if (a->has_entry) {
		a->out->entry_method = made;
		a->out->entry_offset = a->entry_offset;
		a->out->entry_temps = method.num_temps;
	}
	a->in_method = false;
}

static void
assemble_line(assembler *a)
{
	word what = a->words[0];
	bool definition = true;
	void (*define)(assembler *) = NULL;
	if (word_is(what, "where")) {
		define = set_where;
	} else if (word_is(what, "class")) {
		define = define_class;
	} else if (word_is(what, "slots")) {
		define = name_slots;
	} else if (word_is(what, "program")) {
		define = declare_program;
	} else if (word_is(what, "method")) {
		define = begin_method;
	} else {
		definition = false;
	}
	if (definition) {
		end_method(a);
		if (assemble_ok(a) && (define == set_where || !a->skipping)) {
			define(a);
		}
	} else if (a->in_method) {
		assemble_instruction(a);
	} else if (!a->skipping) {
		assemble_complain(a, "an instruction outside a method");
	}
}

static bytecode_set
set_of(const imago_builder *builder, imago_kernel_bytecodes bytecodes)
{
	if (!builder->format->closures) {
		return SET_OLD;
	}
	bool sista = bytecodes == IMAGO_BYTECODES_SISTA || (bytecodes == IMAGO_BYTECODES_BY_FORMAT &&
	                                                    builder->format->multiple_bytecode_sets);
	return sista ? SET_SISTA : SET_CLOSURES;
}

imago_status
imago_assemble(imago_builder *builder, const char *text, imago_kernel_bytecodes bytecodes,
               const char *program, imago_assembled *out, imago_allocator *allocator,
               imago_error *error)
{
	*out = (imago_assembled){.entry_method = 0};
	if (bytecodes == IMAGO_BYTECODES_SISTA && !builder_is_spur(builder)) {
		return imago_fail(error, IMAGO_EUNSUPPORTED, "bytecodes SistaV1 in V3", IMAGO_NO_OFFSET, 0,
		                  0);
	}
	assembler *a = imago_allocate(allocator, sizeof *a, "assembler", error);
	if (a == NULL) {
		return IMAGO_ENOMEM;
	}
	a->builder = builder;
	a->allocator = allocator;
	a->set = set_of(builder, bytecodes);
	a->next = text;
	a->line_ended = true;
	a->program = program;
	a->out = out;
	assemble_learn_symbols(a);
	assemble_learn_classes(a);
	while (assemble_ok(a) && assemble_read_line(a)) {
		if (a->num_words > 0) {
			assemble_line(a);
		}
	}
	end_method(a);
	imago_status status = IMAGO_OK;
	if (!builder_ok(builder)) {
		status = imago_fail(error, builder->error.status, builder->error.what, IMAGO_NO_OFFSET,
		                    builder->error.found, builder->error.limit);
	} else if (a->complaint != NULL) {
		status =
		    imago_fail(error, IMAGO_EUSAGE, a->complaint, IMAGO_NO_OFFSET, a->complaint_line, 0);
	}
	imago_release(allocator, a, sizeof *a);
	return status;
}

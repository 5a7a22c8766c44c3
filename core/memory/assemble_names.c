/* assemble_names.c: the words of a text, and what they name: symbols, classes. */
#include "assemble.h"

#include <string.h>

bool
word_is(word w, const char *text)
{
	return w.length == strlen(text) && memcmp(w.text, text, w.length) == 0;
}

bool
words_equal(word a, word b)
{
	return a.length == b.length && memcmp(a.text, b.text, a.length) == 0;
}

bool
word_ends_with(word w, char character)
{
	return w.length > 0 && w.text[w.length - 1] == character;
}

bool
word_number(word w, int64_t *value)
{
	size_t first = w.length > 1 && w.text[0] == '-' ? 1 : 0;
	int64_t number = 0;
	for (size_t i = first; i < w.length; i++) {
		if (w.text[i] < '0' || w.text[i] > '9' || w.length - first > 18) {
			return false;
		}
		number = number * 10 + (w.text[i] - '0');
	}
	*value = first == 1 ? -number : number;
	return w.length > first;
}

/* Digits with a point between: both parts and their quotient are exact enough to be the same
 * everywhere. */
bool
word_float(word w, double *value)
{
	double digits = 0;
	double scale = 1;
	bool point = false;
	for (size_t i = 0; i < w.length; i++) {
		if (w.text[i] == '.' && !point && i > 0) {
			point = true;
		} else if (w.text[i] >= '0' && w.text[i] <= '9' && w.length < 15) {
			digits = digits * 10 + (w.text[i] - '0');
			scale = point ? scale * 10 : scale;
		} else {
			return false;
		}
	}
	*value = digits / scale;
	return point && scale > 1;
}

static bool
is_space(char character)
{
	return character == ' ' || character == '\t';
}

/* The words up to the next point or the end of the line: a quote goes to the next quote, what
 * follows a semicolon is a comment. False at the end of the text. */
bool
assemble_read_line(assembler *a)
{
	const char *p = a->next;
	a->num_words = 0;
	if (*p == '\0') {
		return false;
	}
	a->line += a->line_ended ? 1 : 0;
	a->line_ended = false;
	while (*p != '\n' && *p != '\0' && *p != ';') {
		if (is_space(*p)) {
			p++;
			continue;
		}
		const char *start = p;
		if (*p == '\'') {
			for (p++; *p != '\'' && *p != '\n' && *p != '\0'; p++) {
			}
			p += *p == '\'' ? 1 : 0;
		} else {
			while (!is_space(*p) && *p != '\n' && *p != '\0') {
				p++;
			}
		}
		if (p - start == 1 && *start == '.') {
			a->next = p;
			return true;
		}
		if (a->num_words == MAX_WORDS) {
			assemble_complain(a, "a line has too many words");
			break;
		}
		a->words[a->num_words++] = (word){start, (size_t)(p - start)};
	}
	while (*p != '\n' && *p != '\0') {
		p++;
	}
	a->next = *p == '\n' ? p + 1 : p;
	a->line_ended = true;
	return true;
}

/* Remembers a symbol of the image by its bytes, which are those of its body: they do not move
 * before other objects are made, so the text is kept only of symbols made from the text. */
static void
add_symbol(assembler *a, imago_oop oop, const char *text, size_t length)
{
	if (a->num_symbols == MAX_SYMBOLS) {
		assemble_complain(a, "too many symbols");
		return;
	}
	a->symbols[a->num_symbols++] = (named_symbol){oop, text, length};
}

/* True when an object's bytes are the text. */
static bool
has_text(assembler *a, imago_oop oop, const char *text, size_t length)
{
	builder_object found;
	if (!builder_find(a->builder, oop, &found)) {
		return false;
	}
	const imago_format_facts facts =
	    imago_format_facts_of(a->builder->model, a->builder->layout.word_bytes, found.format);
	uint64_t bytes = found.num_slots * a->builder->layout.word_bytes;
	return facts.body == IMAGO_BODY_BITS8 && bytes - facts.unused_tail == length &&
	       memcmp(found.body, text, length) == 0;
}

/* The symbol with that text: one, whoever asks. */
imago_oop
assemble_symbol(assembler *a, const char *text, size_t length)
{
	char terminated[128];
	for (uint32_t i = 0; i < a->num_symbols; i++) {
		const named_symbol *symbol = &a->symbols[i];
		if (symbol->text != NULL
		        ? symbol->length == length && memcmp(symbol->text, text, length) == 0
		        : has_text(a, symbol->oop, text, length)) {
			return symbol->oop;
		}
	}
	if (length >= sizeof terminated) {
		assemble_complain(a, "a symbol is too long");
		return 0;
	}
	memcpy(terminated, text, length);
	terminated[length] = '\0';
	imago_oop oop = imago_builder_new_string(
	    a->builder, a->builder->classes[IMAGO_KERNEL_BYTE_SYMBOL], terminated);
	add_symbol(a, oop, text, length);
	return oop;
}

/* The selectors that the builder has made already. */
void
assemble_learn_symbols(assembler *a)
{
	static const imago_special selectors[] = {
	    IMAGO_SPECIAL_SELECTOR_DOES_NOT_UNDERSTAND, IMAGO_SPECIAL_SELECTOR_CANNOT_RETURN,
	    IMAGO_SPECIAL_SELECTOR_MUST_BE_BOOLEAN,     IMAGO_SPECIAL_SELECTOR_CANNOT_INTERPRET,
	    IMAGO_SPECIAL_SELECTOR_ABOUT_TO_RETURN,     IMAGO_SPECIAL_SELECTOR_RUN_WITH_IN,
	    IMAGO_SPECIAL_SELECTOR_ATTEMPT_TO_ASSIGN,   IMAGO_SPECIAL_SELECTOR_UNUSED_BYTECODE,
	};
	imago_builder *builder = a->builder;
	builder_object specials;
	imago_oop array =
	    imago_builder_fetch(builder, builder->special_objects, IMAGO_SPECIAL_SPECIAL_SELECTORS);
	for (uint64_t i = 0; i < 32; i++) {
		add_symbol(a, imago_builder_fetch(builder, array, 2 * i), NULL, 0);
	}
	if (!builder_find(builder, builder->special_objects, &specials)) {
		return;
	}
	for (size_t i = 0; i < sizeof selectors / sizeof selectors[0]; i++) {
		if ((uint64_t)selectors[i] >= specials.num_slots) {
			continue;
		}
		imago_oop oop =
		    imago_builder_fetch(builder, builder->special_objects, (uint64_t)selectors[i]);
		if (oop != builder->nil) {
			add_symbol(a, oop, NULL, 0);
		}
	}
}

/* The classes of the kernel, with the bindings that the builder made; and Processor. */
void
assemble_learn_classes(assembler *a)
{
	imago_builder *builder = a->builder;
	imago_oop globals =
	    imago_builder_fetch(builder, builder->special_objects, IMAGO_SPECIAL_SMALLTALK);
	a->classes[a->num_classes++] = (named_class){
	    .name = {"Processor", 9},
	    .binding = imago_builder_fetch(builder, builder->special_objects,
	                                   IMAGO_SPECIAL_SCHEDULER_ASSOCIATION),
	};
	for (uint32_t id = 0; id < IMAGO_NUM_KERNEL_CLASSES; id++) {
		const builder_kernel_row *row = builder_kernel_row_of(builder, (imago_kernel_class)id);
		if (row != NULL) {
			a->classes[a->num_classes++] = (named_class){
			    .name = {row->name, strlen(row->name)},
			    .cls = builder->classes[id],
			    .binding = imago_builder_fetch(builder, globals, id),
			};
		}
	}
}

named_class *
assemble_find_class(assembler *a, word name)
{
	for (uint32_t i = 0; i < a->num_classes; i++) {
		if (words_equal(a->classes[i].name, name)) {
			return &a->classes[i];
		}
	}
	return NULL;
}

uint32_t
assemble_num_args(word selector)
{
	uint32_t num_colons = 0;
	const int first = selector.length > 0 ? selector.text[0] : 'a';
	for (size_t i = 0; i < selector.length; i++) {
		num_colons += selector.text[i] == ':' ? 1 : 0;
	}
	bool letter = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z');
	return letter ? num_colons : 1;
}

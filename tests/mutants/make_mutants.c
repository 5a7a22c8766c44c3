/* make_mutants.c: mutants of C files, each a small mistake (find_mutants.c says which).
 *
 *   make_mutants list FILE…               one line per mutant: number, function's number, file,
 * line, column, function, operator, n-th such edit of that line, the line, what it becomes
 *   make_mutants apply NUMBER FILE…       prints the file that the mutant is of, mutated
 *   make_mutants schemata FOLDER FILE…    writes FOLDER/FILE with all mutants at once: every
 * function comes in as many copies as it has mutants, and the variable imago_mutant chooses
 * (mutant_switch.c)
 *
 * Numbers count through all files, from 1, in the order given.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "find_mutants.h"

static void
put(FILE *out, const source *file, size_t start, size_t end)
{
	fwrite(file->text + start, 1, end - start, out);
}

/* The line that an edit is on, or two where it goes over the end of one, as it is or as it becomes,
 * with every run of blanks made one. */
static char *
line_of(const source *file, const mutant *it, bool mutated)
{
	char *line = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&line, &size);
	if (out == NULL) {
		exit(1);
	}
	size_t start = it->start;
	while (start > 0 && file->text[start - 1] != '\n') {
		start--;
	}
	start += strspn(file->text + start, " \t");
	put(out, file, start, it->start);
	fputs(mutated ? it->text : "", out);
	put(out, file, mutated ? it->end : it->start, it->end + strcspn(file->text + it->end, "\n"));
	fclose(out);
	size_t used = 0;
	for (size_t i = 0; line[i] != '\0'; i++) {
		bool is_blank = strchr(" \t\n", line[i]) != NULL;
		if (!is_blank || (used > 0 && line[used - 1] != ' ')) {
			line[used++] = (char)(is_blank ? ' ' : line[i]);
		}
	}
	line[used] = '\0';
	return line;
}

/* Where a function says the same twice, its mutants are told apart by counting. */
static size_t
count_same(const mutant_list *list, char **lines, size_t index)
{
	const mutant *it = &list->mutants[index];
	size_t count = 1;
	for (size_t i = list->functions[it->function].first; i < index; i++) {
		count += strcmp(lines[2 * i], lines[2 * index]) == 0 &&
		         strcmp(lines[2 * i + 1], lines[2 * index + 1]) == 0 &&
		         strcmp(list->mutants[i].operator, it->operator) == 0;
	}
	return count;
}

static void
list_mutants(const source *file, const mutant_list *list, size_t number, size_t function_number)
{
	char **lines = calloc(2 * list->num_mutants + 1, sizeof *lines);
	if (lines == NULL) {
		exit(1);
	}
	for (size_t i = 0; i < list->num_mutants; i++) {
		const mutant *it = &list->mutants[i];
		const token *name = &file->tokens[list->functions[it->function].name];
		size_t line, column;
		source_line(file, it->start, &line, &column);
		lines[2 * i] = line_of(file, it, false);
		lines[2 * i + 1] = line_of(file, it, true);
		printf("%zu\t%zu\t%s\t%zu\t%zu\t%.*s\t%s\t%zu\t%s\t%s\n", number + i,
		       function_number + it->function, file->path, line, column,
		       (int)(name->end - name->start), file->text + name->start, it->operator,
		       count_same(list, lines, i), lines[2 * i], lines[2 * i + 1]);
	}
	for (size_t i = 0; i < 2 * list->num_mutants; i++) {
		free(lines[i]);
	}
	free(lines);
}

static void
apply(const source *file, const mutant *it)
{
	put(stdout, file, 0, it->start);
	fputs(it->text, stdout);
	put(stdout, file, it->end, file->size);
}

/* The head of a function up to its name: as it is, or for a copy without what makes it public or
 * wants it inlined. */
static void
put_head(FILE *out, const source *file, const function *it, bool is_copy)
{
	static const char *const linkage[] = {"static", "inline", "extern", "IMAGO_API", NULL};
	for (size_t i = it->head; i < it->name; i++) {
		if (token_is(file, i, "IMAGO_ALWAYS_INLINE")) {
			fputs(is_copy ? "" : "static ", out);
		} else if (!is_copy || !token_is_any(file, i, linkage)) {
			put(out, file, file->tokens[i].start, file->tokens[i].end);
			putc(' ', out);
		}
	}
}

static void
put_directive(FILE *out, const source *file, size_t offset)
{
	size_t line, column;
	source_line(file, offset, &line, &column);
	fprintf(out, "\n#line %zu \"%s\"\n", line, file->path);
}

/* One copy of a function under a name of its own; it is NULL for the function as it is. */
static void
put_copy(FILE *out, const source *file, const function *whole, size_t number, const mutant *it)
{
	const token *name = &file->tokens[whole->name];
	size_t end = file->tokens[whole->close].end;
	put_directive(out, file, name->start);
	fputs("static __attribute__((noinline, used)) ", out);
	put_head(out, file, whole, true);
	fprintf(out, "imago_mutant_%zu_", number);
	put(out, file, name->start, it == NULL ? end : it->start);
	if (it != NULL) {
		fputs(it->text, out);
		put(out, file, it->end, end);
	}
	putc('\n', out);
}

/* The names of the parameters with commas between them. */
static void
put_arguments(FILE *out, const source *file, const function *it)
{
	size_t close = file->tokens[it->name + 1].partner;
	size_t name = 0;
	const char *comma = "";
	for (size_t i = it->name + 2; i <= close; i++) {
		if (i == close || token_is(file, i, ",")) {
			if (name != 0 && !token_is(file, name, "void")) {
				fputs(comma, out);
				put(out, file, file->tokens[name].start, file->tokens[name].end);
				comma = ", ";
			}
			name = 0;
		} else if (token_is(file, i, "(") && token_is(file, i + 1, "*")) {
			name = i + 2; /* a pointer to a function; its own parameters follow */
			i = file->tokens[file->tokens[i].partner + 1].partner;
		} else if (token_is(file, i, "[")) {
			i = file->tokens[i].partner;
		} else if (file->tokens[i].kind == TOKEN_NAME) {
			name = i;
		}
	}
}

static void
put_call(FILE *out, const source *file, const function *it, size_t number)
{
	const token *name = &file->tokens[it->name];
	bool returns_nothing =
	    token_is(file, it->name - 1, "void") && !token_is(file, it->name - 1, "*");
	fprintf(out, "%simago_mutant_%zu_", returns_nothing ? "" : "return ", number);
	put(out, file, name->start, name->end);
	putc('(', out);
	put_arguments(out, file, it);
	fputs(returns_nothing ? "); return;\n" : ");\n", out);
}

/* All copies of a function, and in its place one that calls the chosen or, which is to cost little,
 * is itself what it was. Copy 0 is only there to compare the others with. */
static void
put_schema(FILE *out, const source *file, const mutant_list *list, const function *it,
           size_t number, size_t function_number)
{
	size_t start = file->tokens[it->name].start;
	put_head(out, file, it, false);
	put(out, file, start, file->tokens[it->open].start);
	fputs(";\n", out);
	put_copy(out, file, it, 0, NULL);
	for (size_t i = it->first; i < it->end; i++) {
		put_copy(out, file, it, number + i, &list->mutants[i]);
	}
	put_head(out, file, it, false);
	put(out, file, start, file->tokens[it->open].start);
	fprintf(out,
	        "{\n\tif (__builtin_expect((unsigned)imago_mutant - %zuu < %zuu || imago_mutant < 0, "
	        "0)) {\n"
	        "\t\timago_mutant_reach(%zu);\n\t\tswitch (imago_mutant) {\n",
	        number + it->first, it->end - it->first, function_number);
	for (size_t i = it->first; i < it->end; i++) {
		fprintf(out, "\tcase %zu: ", number + i);
		put_call(out, file, it, number + i);
	}
	fputs("\t\t}\n\t}\n", out);
	put_directive(out, file, file->tokens[it->open].end);
	put(out, file, file->tokens[it->open].end, file->tokens[it->close].end);
	put_directive(out, file, file->tokens[it->close].end);
}

static void
write_schemata(const char *folder, const source *file, const mutant_list *list, size_t number,
               size_t function_number)
{
	char path[4096];
	int size = snprintf(path, sizeof path, "%s/%s", folder, file->path);
	FILE *out = size < (int)sizeof path ? fopen(path, "wb") : NULL;
	if (out == NULL) {
		fprintf(stderr, "make_mutants: cannot write %s\n", path);
		exit(1);
	}
	fputs("extern int imago_mutant;\nextern void imago_mutant_reach(int);\n#line 1\n", out);
	size_t at = 0;
	for (size_t i = 0; i < list->num_functions; i++) {
		const function *it = &list->functions[i];
		if (it->first == it->end) {
			continue;
		}
		put(out, file, at, file->tokens[it->head].start);
		put_schema(out, file, list, it, number, function_number + i);
		at = file->tokens[it->close].end;
	}
	put(out, file, at, file->size);
	if (fclose(out) != 0) {
		fprintf(stderr, "make_mutants: cannot write %s\n", path);
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	bool lists = strcmp(what, "list") == 0;
	bool applies = strcmp(what, "apply") == 0;
	if (!lists && !applies && strcmp(what, "schemata") != 0) {
		fputs("usage: make_mutants list FILE… | apply NUMBER FILE… | schemata FOLDER FILE…\n",
		      stderr);
		return 2;
	}
	size_t wanted = applies ? strtoul(argv[2], NULL, 10) : 0;
	size_t number = 1;
	size_t function_number = 1;
	for (int i = lists ? 2 : 3; i < argc; i++) {
		source file = source_read(argv[i]);
		mutant_list list = find_mutants(&file);
		if (lists) {
			list_mutants(&file, &list, number, function_number);
		} else if (!applies) {
			write_schemata(argv[2], &file, &list, number, function_number);
		} else if (wanted >= number && wanted - number < list.num_mutants) {
			apply(&file, &list.mutants[wanted - number]);
			wanted = 0;
		}
		number += list.num_mutants;
		function_number += list.num_functions;
		mutant_list_release(&list);
		source_release(&file);
	}
	if (applies && wanted != 0) {
		fprintf(stderr, "make_mutants: there is no mutant %zu\n", wanted);
		return 1;
	}
	return 0;
}

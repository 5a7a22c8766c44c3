/* workspace_text.c: a workspace from a readable text (workspace.md §7). */
#include <string.h>

#include "workspace_private.h"

enum { MOST_DEPTH = 16 };

typedef struct text_reader {
	imago_workspace *workspace;
	const char *text;
	size_t length, at;
	size_t line; /* where the line begins that is being looked at */
	imago_addr spaces[MOST_DEPTH + 1];
	unsigned depth;
	const imago_run_options *options;
	imago_error *error;
} text_reader;

static imago_status
wrong(const text_reader *r, const char *what)
{
	return imago_fail(r->error, IMAGO_ESTRUCTURE, what, r->line, 0, 0);
}

/* The next line, without its line feed and the spaces before it. */
static bool
next_line(text_reader *r, const char **line, size_t *length)
{
	if (r->at >= r->length) {
		return false;
	}
	const char *feed = memchr(r->text + r->at, '\n', r->length - r->at);
	r->line = r->at;
	*line = r->text + r->at;
	*length = feed != NULL ? (size_t)(feed - *line) : r->length - r->at;
	r->at += *length + (feed != NULL ? 1 : 0);
	while (*length > 0 && (**line == ' ' || **line == '\t')) {
		(*line)++;
		(*length)--;
	}
	return true;
}

static bool
begins_with(const char *line, size_t length, const char *word)
{
	const size_t word_length = strlen(word);
	return length >= word_length && memcmp(line, word, word_length) == 0;
}

static const char del[] = "∇";

/* From behind the first ∇ to a line that is ∇. */
static imago_status
take_function(text_reader *r, const char *header)
{
	const size_t begin = (size_t)(header - r->text);
	const size_t first = r->line;
	const char *line;
	size_t length;
	while (next_line(r, &line, &length)) {
		if (length == sizeof del - 1 && begins_with(line, length, del)) {
			imago_error error;
			const size_t end = r->line;
			const imago_status status = imago_function_define(
			    &r->workspace->pockets, r->spaces[r->depth], r->text + begin, end - begin, &error);
			if (status == IMAGO_OK) {
				return status;
			}
			const uint64_t offset = error.offset != IMAGO_NO_OFFSET ? begin + error.offset : first;
			return imago_fail(r->error, status, error.what, offset, error.found, error.limit);
		}
	}
	r->line = first;
	return wrong(r, "function without an end");
}

static imago_status
begin_space(text_reader *r, const char *name, size_t length)
{
	imago_pockets *pockets = &r->workspace->pockets;
	imago_addr space;
	imago_addr symbol;
	while (length > 0 && *name == ' ') {
		name++;
		length--;
	}
	if (!imago_symbol_is_name(name, length)) {
		return wrong(r, "name of a namespace");
	}
	if (r->depth == MOST_DEPTH) {
		return imago_fail(r->error, IMAGO_ELIMIT, "namespaces in namespaces", r->line, MOST_DEPTH,
		                  MOST_DEPTH);
	}
	imago_pocket pocket;
	imago_status status =
	    imago_symbol_intern(pockets, r->spaces[r->depth], name, length, &symbol, r->error);
	if (status == IMAGO_OK && imago_pocket_at(pockets, symbol, &pocket) &&
	    pocket.zones.type == IMAGO_MARK_NAMESPACE) { /* there is one: it gets more names */
		r->spaces[++r->depth] = imago_pocket_pointer(&pocket, IMAGO_SYMBOL_VALUE);
		return IMAGO_OK;
	}
	if (status == IMAGO_OK) {
		status = imago_namespace_make(pockets, r->spaces[r->depth], &space, r->error);
	}
	if (status == IMAGO_OK) {
		imago_symbol_set(pockets, symbol, space);
		r->spaces[++r->depth] = space;
	}
	return status;
}

static imago_status
end_space(text_reader *r)
{
	if (r->depth == 0) {
		return wrong(r, ")END without )NS");
	}
	r->depth--;
	return IMAGO_OK;
}

static imago_status
run(text_reader *r, const char *line, size_t length)
{
	imago_run_result result;
	imago_error error = {.status = IMAGO_OK};
	imago_run(&r->workspace->pockets, r->spaces[r->depth], line, length, r->options, &result,
	          &error);
	imago_pocket_drop(&r->workspace->pockets, result.value);
	if (result.end == IMAGO_RUN_MEMORY && error.status == IMAGO_ENOMEM) {
		return imago_fail(r->error, error.status, error.what, error.offset, error.found,
		                  error.limit);
	}
	return result.end == IMAGO_RUN_DONE ? IMAGO_OK : wrong(r, imago_run_end_name(result.end));
}

static imago_status
take_line(text_reader *r, const char *line, size_t length)
{
	if (begins_with(line, length, del)) {
		return take_function(r, line + sizeof del - 1);
	}
	if (begins_with(line, length, ")NS ")) {
		return begin_space(r, line + 4, length - 4);
	}
	if (length == 4 && begins_with(line, length, ")END")) {
		return end_space(r);
	}
	return run(r, line, length);
}

static imago_status
take_text(void *payload)
{
	text_reader *r = payload;
	const char *line;
	size_t length;
	imago_status status = IMAGO_OK;
	r->spaces[0] = r->workspace->pockets.regions[0].root;
	while (status == IMAGO_OK && next_line(r, &line, &length)) {
		status = take_line(r, line, length);
	}
	return status == IMAGO_OK && r->depth > 0 ? wrong(r, ")NS without )END") : status;
}

imago_status
imago_workspace_take_text(imago_workspace *workspace, const char *text, size_t length,
                          const imago_run_options *options, imago_error *error)
{
	text_reader r = {
	    .workspace = workspace, .text = text, .length = length, .options = options, .error = error};
	return imago_workspace_guard(workspace, take_text, &r, error);
}

/* trace.c: which objects runs have written. */
#include <string.h>

#include "../base/planted.h"
#include "imago/tier.h"
#include "imago/walk.h"

enum { FIRST_CAPACITY = 256, RUNS_IN_A_SET = 64 };

void
imago_trace_init(imago_trace *trace, imago_allocator *allocator)
{
	*trace = (imago_trace){.allocator = allocator};
}

void
imago_trace_release(imago_trace *trace)
{
	imago_release(trace->allocator, trace->entries, trace->capacity * sizeof *trace->entries);
	imago_trace_init(trace, trace->allocator);
}

/* A list that grows while a walk goes on. */
static imago_status
append(imago_trace *trace, imago_trace_entry entry, imago_error *error)
{
	if (trace->num_entries == trace->capacity) {
		uint64_t capacity = 2 * trace->capacity + FIRST_CAPACITY;
		imago_trace_entry *grown =
		    imago_resize(trace->allocator, trace->entries, trace->capacity * sizeof *grown,
		                 capacity * sizeof *grown, "trace", error);
		if (grown == NULL) {
			return IMAGO_ENOMEM;
		}
		trace->entries = grown;
		trace->capacity = capacity;
	}
	trace->entries[trace->num_entries++] = entry;
	return IMAGO_OK;
}

static imago_status
require_same_segments(const imago_heap *before, const imago_heap *after, imago_error *error)
{
	bool same = before->num_segments == after->num_segments;
	for (size_t i = 0; same && i < before->num_segments; i++) {
		same = before->segments[i].start == after->segments[i].start &&
		       before->segments[i].size == after->segments[i].size;
	}
	return same ? IMAGO_OK
	            : imago_fail(error, IMAGO_EUSAGE, "heaps with other segments", IMAGO_NO_OFFSET,
	                         after->num_segments, before->num_segments);
}

/* What two traces, of earlier runs and of one more, say together. */
static imago_status
merge(imago_trace *into, const imago_trace *run, imago_error *error)
{
	imago_trace sum;
	imago_trace_init(&sum, into->allocator);
	uint64_t i = 0;
	uint64_t k = 0;
	imago_status status = IMAGO_OK;
	while ((i < into->num_entries || k < run->num_entries) && status == IMAGO_OK) {
		bool old = i < into->num_entries;
		bool new = k < run->num_entries;
		imago_addr a = old ? into->entries[i].address : UINT64_MAX;
		imago_addr b = new ? run->entries[k].address : UINT64_MAX;
		imago_trace_entry entry = {.address = b};
		if (old && a <= b) {
			entry = into->entries[i++];
		}
		if (new &&b <= a) {
			entry.num_runs++;
			entry.runs |= UINT64_C(1) << into->num_runs % RUNS_IN_A_SET;
			k++;
		}
		status = append(&sum, entry, error);
	}
	if (status != IMAGO_OK) {
		imago_trace_release(&sum);
		return status;
	}
	memcpy(sum.identity, into->identity, sizeof sum.identity);
	sum.num_runs = into->num_runs + 1;
	imago_trace_release(into);
	*into = sum;
	return IMAGO_OK;
}

imago_status
imago_trace_add_run(imago_trace *trace, const imago_heap *before, const imago_heap *after,
                    imago_trace_changes *changes, imago_error *error)
{
	imago_trace run;
	imago_walker walker;
	imago_object object;
	imago_trace_changes sum = {.num_objects = 0};
	imago_status status = require_same_segments(before, after, error);
	if (status != IMAGO_OK) {
		return status;
	}
	imago_trace_init(&run, trace->allocator);
	imago_walk_init(&walker, before, error);
	while (status == IMAGO_OK && imago_walk_next(&walker, &object)) {
		uint64_t position = object.chunk - before->segments[object.segment].start;
		if (memcmp(before->segments[object.segment].bytes + position,
		           after->segments[object.segment].bytes + position,
		           (size_t)object.total_bytes) != 0) {
			sum.num_objects++;
			sum.num_bytes += object.total_bytes;
			status = append(&run, (imago_trace_entry){.address = object.chunk}, error);
		}
	}
	status = status == IMAGO_OK ? walker.status : status;
	if (status == IMAGO_OK) {
		status = merge(trace, &run, error);
	}
	imago_trace_release(&run);
	if (status == IMAGO_OK) {
		*changes = sum;
	}
	return status;
}

/* ---- Text. */

static const char first_line[] = "imago trace 1\n";

void
imago_trace_write(const imago_trace *trace, imago_writer *writer)
{
	imago_write_format(writer, "%sidentity ", first_line);
	for (size_t i = 0; i < sizeof trace->identity; i++) {
		imago_write_format(writer, "%02x", trace->identity[i]);
	}
	imago_write_format(writer, "\nruns %u\n", trace->num_runs);
	for (uint64_t i = 0; i < trace->num_entries; i++) {
		const imago_trace_entry *entry = &trace->entries[i];
		imago_write_format(writer, "%llx %u", (unsigned long long)entry->address, entry->num_runs);
		if (entry->runs != 0) {
			imago_write_format(writer, " %llx", (unsigned long long)entry->runs);
		}
		imago_write_format(writer, "\n");
	}
}

/* Bytes of a text, and what of them is read. */
typedef struct text_reader {
	const uint8_t *bytes;
	uint64_t size, position, line;
} text_reader;

static bool
read_word(text_reader *text, const char *word)
{
	uint64_t length = strlen(word);
	if (length > text->size - text->position ||
	    memcmp(text->bytes + text->position, word, (size_t)length) != 0) {
		return false;
	}
	text->position += length;
	return true;
}

static unsigned
digit_at(const text_reader *text)
{
	uint8_t byte = text->position < text->size ? text->bytes[text->position] : 0;
	if (byte >= '0' && byte <= '9') {
		return byte - (unsigned)'0';
	}
	return byte >= 'a' && byte <= 'f' ? byte - (unsigned)'a' + 10 : 16;
}

static bool
read_number(text_reader *text, unsigned base, uint64_t limit, uint64_t *number)
{
	uint64_t start = text->position;
	*number = 0;
	for (unsigned digit; (digit = digit_at(text)) < base; text->position++) {
		if (digit > limit || *number > (limit - digit) / base) {
			return false;
		}
		*number = *number * base + digit;
	}
	return text->position > start;
}

static bool
read_identity(text_reader *text, imago_trace *trace)
{
	for (size_t i = 0; i < sizeof trace->identity; i++) {
		unsigned high = digit_at(text);
		text->position++;
		unsigned low = digit_at(text);
		text->position++;
		if (high > 15 || low > 15) {
			return false;
		}
		trace->identity[i] = (uint8_t)(high << 4 | low);
	}
	return read_word(text, "\n");
}

static bool
read_head(text_reader *text, imago_trace *trace)
{
	uint64_t num_runs;
	if (!read_word(text, "identity ") || !read_identity(text, trace)) {
		return false;
	}
	text->line = text->position;
	if (!read_word(text, "runs ") || !read_number(text, 10, UINT32_MAX, &num_runs) ||
	    !read_word(text, "\n")) {
		return false;
	}
	trace->num_runs = (uint32_t)num_runs;
	return true;
}

/* A set of runs, if there is one: not of more than were said, nor of others than there were. */
static bool
read_set(text_reader *text, const imago_trace *trace, imago_trace_entry *entry)
{
	if (!read_word(text, " ")) {
		return true;
	}
	const uint32_t num_runs = trace->num_runs;
	const uint64_t all = num_runs < RUNS_IN_A_SET ? (UINT64_C(1) << num_runs) - 1 : UINT64_MAX;
	return read_number(text, 16, all, &entry->runs) && entry->runs != 0 &&
	       (entry->runs & ~all) == 0 &&
	       (unsigned)__builtin_popcountll(entry->runs) <= entry->num_runs;
}

static bool
read_entry(text_reader *text, const imago_trace *trace, imago_trace_entry *entry)
{
	uint64_t num_runs;
	*entry = (imago_trace_entry){.address = 0};
	if (!read_number(text, 16, UINT64_MAX, &entry->address) || !read_word(text, " ") ||
	    !read_number(text, 10, trace->num_runs, &num_runs) || num_runs == 0) {
		return false;
	}
	entry->num_runs = (uint32_t)num_runs;
	return read_set(text, trace, entry) &&
	       (IMAGO_BUG(trace_cut_line, text->position == text->size) || read_word(text, "\n"));
}

static imago_status
read_entries(text_reader *text, imago_trace *trace, imago_error *error)
{
	imago_status status = IMAGO_OK;
	imago_addr last = 0;
	while (text->position < text->size && status == IMAGO_OK) {
		imago_trace_entry entry;
		text->line = text->position;
		if (!read_entry(text, trace, &entry) || entry.address <= last) {
			return imago_fail(error, IMAGO_ESTRUCTURE, "line of a trace", text->line, 0, 0);
		}
		last = entry.address;
		status = append(trace, entry, error);
	}
	return status;
}

imago_status
imago_trace_read(imago_trace *trace, const uint8_t *bytes, uint64_t size, imago_error *error)
{
	text_reader text = {.bytes = bytes, .size = size};
	imago_trace_release(trace);
	imago_error_set_part(error, "");
	if (!read_word(&text, first_line)) {
		return imago_fail(error, IMAGO_EMAGIC, "first line of a trace", 0, 0, 0);
	}
	text.line = text.position;
	imago_status status = read_head(&text, trace) ? read_entries(&text, trace, error)
	                                              : imago_fail(error, IMAGO_ESTRUCTURE,
	                                                           "line of a trace", text.line, 0, 0);
	if (status != IMAGO_OK && !IMAGO_BUG(refused_trace_kept, trace->num_entries > 0)) {
		imago_trace_release(trace);
	}
	return status;
}

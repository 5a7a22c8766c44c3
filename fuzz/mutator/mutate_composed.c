/* mutate_composed.c: the files of an image folder and their metadata. */
#include <stdio.h>
#include <string.h>

#include "bundle.h"
#include "mutations.h"

static bool
is_text(const subject_file *file)
{
	const size_t length = strlen(file->name);
	return length > 5 && strcmp(file->name + length - 5, ".ston") == 0;
}

static subject_file *
pick_file(subject *s, bool text)
{
	for (int attempt = 0; attempt < 16 && s->num_files > 0; attempt++) {
		subject_file *file = &s->files[dice_below(&s->dice, s->num_files)];
		if (is_text(file) == text) {
			return file;
		}
	}
	return NULL;
}

/* A random line of a text: from its tab to behind its line feed. */
static bool
pick_line(subject *s, const subject_file *file, size_t *at, size_t *length)
{
	const uint8_t *text = s->bytes + file->content;
	if (file->size < 4) {
		return false;
	}
	size_t start = (size_t)dice_below(&s->dice, file->size);
	while (start > 0 && text[start - 1] != '\n') {
		start--;
	}
	size_t end = start;
	while (end < file->size && text[end] != '\n') {
		end++;
	}
	end += end < file->size ? 1 : 0;
	*at = file->content + start;
	*length = end - start;
	return start > 0 && end < file->size; /* neither the first nor the last line */
}

bool
mutate_composed_number(subject *s)
{
	static const char *const texts[] = {
	    "0",  "-1", "9223372036854775807",     "18446744073709551615", "18446744073709551616",
	    "00", "-0", "99999999999999999999999", "4294967296",           "2147483648",
	    "7"};
	subject_file *file = pick_file(s, true);
	size_t at;
	size_t length;
	if (file == NULL || !pick_line(s, file, &at, &length)) {
		return false;
	}
	size_t digit = at + length;
	while (digit > at && (s->bytes[digit - 1] < '0' || s->bytes[digit - 1] > '9')) {
		digit--;
	}
	size_t first = digit;
	while (first > at && s->bytes[first - 1] >= '0' && s->bytes[first - 1] <= '9') {
		first--;
	}
	if (first == digit) {
		return false;
	}
	if (dice_one_in(&s->dice, 2)) { /* one digit */
		s->bytes[digit - 1] = (uint8_t)('0' + (s->bytes[digit - 1] - '0' + 8) % 10);
		return true;
	}
	const char *text = texts[dice_below(&s->dice, sizeof texts / sizeof texts[0])];
	if (strlen(text) == digit - first && memcmp(text, s->bytes + first, digit - first) == 0) {
		return false;
	}
	return bundle_replace(s, first, digit - first, text, strlen(text)) && bundle_frame(s);
}

bool
mutate_composed_text(subject *s)
{
	static const char characters[] = "#:,{}\t\n\r -0a[]'\"\\";
	subject_file *file = pick_file(s, true);
	if (file == NULL || file->size < 2) {
		return false;
	}
	const size_t at = file->content + (size_t)dice_below(&s->dice, file->size - 1);
	switch (dice_below(&s->dice, 4)) {
	case 0:
		return subject_splice(s, at + 1, 1, 0) && bundle_frame(s);
	case 1:
		if (!subject_splice(s, at + 1, 0, 1)) {
			return false;
		}
		s->bytes[at + 1] = (uint8_t)characters[dice_below(&s->dice, sizeof characters - 1)];
		return bundle_frame(s);
	default: {
		const uint8_t old = s->bytes[at];
		s->bytes[at] = dice_one_in(&s->dice, 4)
		                   ? (uint8_t)dice_roll(&s->dice)
		                   : (uint8_t)characters[dice_below(&s->dice, sizeof characters - 1)];
		return s->bytes[at] != old;
	}
	}
}

bool
mutate_composed_drop_field(subject *s)
{
	subject_file *file = pick_file(s, true);
	size_t at;
	size_t length;
	return file != NULL && pick_line(s, file, &at, &length) && subject_splice(s, at, length, 0) &&
	       bundle_frame(s);
}

enum { MAX_LINE = 128 };

bool
mutate_composed_double_field(subject *s)
{
	char line[MAX_LINE];
	subject_file *file = pick_file(s, true);
	size_t at;
	size_t length;
	if (file == NULL || !pick_line(s, file, &at, &length) || length > sizeof line) {
		return false;
	}
	memcpy(line, s->bytes + at, length);
	if (!subject_splice(s, at, 0, length)) {
		return false;
	}
	memcpy(s->bytes + at, line, length);
	return bundle_frame(s);
}

bool
mutate_composed_drop_file(subject *s)
{
	if (s->num_files < 2) {
		return false;
	}
	const subject_file *file = &s->files[dice_below(&s->dice, s->num_files)];
	const size_t end = file->content + file->size;
	memmove(s->bytes + file->line, s->bytes + end, s->size - end);
	s->size -= end - file->line;
	subject_reopen(s);
	return true;
}

/* Another name of an image folder, or none. */
static void
make_name(subject *s, char name[IMAGO_PART_SIZE])
{
	const unsigned number = (unsigned)dice_below(&s->dice, dice_one_in(&s->dice, 4) ? 70000 : 4);
	switch (dice_below(&s->dice, 6)) {
	case 0:
		snprintf(name, IMAGO_PART_SIZE, "permSpace.data");
		break;
	case 1:
		snprintf(name, IMAGO_PART_SIZE, "seg%u.ston", number);
		break;
	case 2:
		snprintf(name, IMAGO_PART_SIZE, "seg0%u.data", number);
		break;
	case 3:
		snprintf(name, IMAGO_PART_SIZE, "../header.ston");
		break;
	default:
		snprintf(name, IMAGO_PART_SIZE, "seg%u.data", number);
		break;
	}
}

static bool
rename_file(subject *s, const subject_file *file, const char *name)
{
	const size_t length = strlen(file->name);
	return strcmp(file->name, name) != 0 &&
	       bundle_replace(s, file->line, length, name, strlen(name));
}

bool
mutate_composed_double_file(subject *s)
{
	char name[IMAGO_PART_SIZE];
	if (s->num_files == 0) {
		return false;
	}
	const subject_file *file = &s->files[dice_below(&s->dice, s->num_files)];
	const size_t length = file->content + file->size - file->line;
	if (length > s->capacity - s->size) {
		return false;
	}
	make_name(s, name);
	/* The copy stands at the end, so that nothing else moves; the original may get the name. */
	memcpy(s->bytes + s->size, s->bytes + file->line, length);
	s->size += length;
	if (dice_one_in(&s->dice, 2)) {
		(void)rename_file(s, file, name);
	}
	subject_reopen(s);
	return true;
}

bool
mutate_composed_rename(subject *s)
{
	char one[IMAGO_PART_SIZE];
	char two[IMAGO_PART_SIZE];
	if (s->num_files < 2) {
		return false;
	}
	subject_file *a = &s->files[dice_below(&s->dice, s->num_files)];
	subject_file *b = &s->files[dice_below(&s->dice, s->num_files)];
	memcpy(one, a->name, sizeof one);
	memcpy(two, b->name, sizeof two);
	bool renamed = false;
	if (a == b || dice_one_in(&s->dice, 2)) {
		make_name(s, two);
		renamed = rename_file(s, a, two);
	} else {
		renamed = rename_file(s, a, two);
		renamed = rename_file(s, b, one) || renamed;
	}
	if (renamed) {
		subject_reopen(s);
	}
	return renamed;
}

/* The metadata file of a segment. */
static void
name_metadata(const imago_segment *segment, char name[IMAGO_PART_SIZE])
{
	const size_t stem = strcspn(segment->part, ".");
	snprintf(name, IMAGO_PART_SIZE, "%.*s.ston", (int)(stem < 16 ? stem : 16), segment->part);
}

static const imago_segment *
last_of_old_space(const subject *s)
{
	const imago_segment *last = &s->heap->segments[s->heap->num_segments - 1];
	return last->space == IMAGO_SPACE_PERM && s->heap->num_segments > 1 ? last - 1 : last;
}

bool
mutate_composed_address(subject *s)
{
	const imago_segment *segment = &s->heap->segments[dice_below(&s->dice, s->heap->num_segments)];
	char name[IMAGO_PART_SIZE];
	char last_name[IMAGO_PART_SIZE];
	const imago_segment *other = &s->heap->segments[dice_below(&s->dice, s->heap->num_segments)];
	name_metadata(segment, name);
	name_metadata(last_of_old_space(s), last_name);
	const imago_addr perm = subject_word(s) == 8 ? IMAGO_PERM_START_64 : IMAGO_PERM_START_32;
	switch (dice_below(&s->dice, 10)) {
	case 8:
	case 9: /* elsewhere, and alone there */
		return bundle_set(s, name, "startAddress",
		                  segment->start + (UINT64_C(8) << dice_below(&s->dice, 20)));
	case 5:
	case 7: /* the last bytes of old space reach into permanent space */
		return bundle_set(s, last_name, "startAddress", perm - 8 * (1 + dice_below(&s->dice, 64)));
	case 6:
		return bundle_set(s, name, "startAddress",
		                  segment->start + 8 * (1 + dice_below(&s->dice, 64)));
	case 0:
		return bundle_set(s, name, "startAddress", other->start);
	case 1:
		return bundle_set(s, name, "startAddress", segment->start + 4);
	case 2:
		return bundle_set(s, name, "startAddress", perm);
	case 3:
		return bundle_set(s, name, "startAddress", 0);
	default:
		return bundle_set(s, name, "startAddress", segment->start + segment->size);
	}
}

bool
mutate_composed_length(subject *s)
{
	subject_file *file = pick_file(s, false);
	if (file == NULL || file->size < 64) {
		return false;
	}
	const size_t step = 1 + (size_t)dice_below(&s->dice, 32);
	const size_t at = file->content + file->size - 1;
	const bool longer = dice_one_in(&s->dice, 2);
	const bool done =
	    longer ? subject_splice(s, at, 0, step) : subject_splice(s, at - step, step, 0);
	return done && bundle_frame(s);
}

/* A segment's metadata promise other bytes than its data file has: a few more or less, or many. */
bool
mutate_composed_data_size(subject *s)
{
	const imago_segment *segment = &s->heap->segments[dice_below(&s->dice, s->heap->num_segments)];
	char name[IMAGO_PART_SIZE];
	name_metadata(segment, name);
	const uint64_t size = segment->size + segment->bridge_size;
	const uint64_t step = 8 * (1 + dice_below(&s->dice, 8));
	switch (dice_below(&s->dice, 3)) {
	case 0:
		return bundle_set(s, name, "dataSize", size + step);
	case 1:
		return bundle_set(s, name, "dataSize", size - step);
	default:
		return bundle_set(s, name, "dataSize", dice_nasty(&s->dice, size, 8u * subject_word(s)));
	}
}

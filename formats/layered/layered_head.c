/* layered_head.c: header page and table, from and to bytes (layered.md §2, §3). */
#include <sodium.h>
#include <string.h>

#include "../../core/base/planted.h"
#include "imago/byte_order.h"
#include "imago/checked.h"
#include "layered_private.h"

_Static_assert(IMAGO_LAYERED_HASH == 32, "places below");

static const char magic[16] = "imago layered 1\n";

/* Places in the header page. Numbers of the container are little-endian, whatever the heap's. */
enum {
	AT_PAGE = 16,
	AT_FLAGS = 20,
	AT_WORD_BYTES = 24,
	AT_BYTE_ORDER = 25,
	AT_NUM_SECTIONS = 28,
	AT_START = 32,
	AT_SPAN = 40,
	AT_FILE_SIZE = 48,
	AT_TABLE_HASH = 64,
	AT_FIELDS = 128,
	AT_IDENTITY = IMAGO_LAYERED_PAGE - IMAGO_LAYERED_HASH,
};

/* Places in a row of the table. */
enum {
	ROW_SIZE = 128,
	ROW_KIND = 0,
	ROW_TIER = 4,
	ROW_POINTERS = 5,
	ROW_ADDRESS = 8,
	ROW_OFFSET = 16,
	ROW_BYTES = 24,
	ROW_FIXUPS = 32,
	ROW_NAME = 48,
	ROW_HASH = 64,
};

static const imago_byte_order little = IMAGO_LITTLE_ENDIAN;

void
imago_layered_hash(uint8_t hash[IMAGO_LAYERED_HASH], const uint8_t *bytes, uint64_t size)
{
	(void)crypto_generichash(hash, IMAGO_LAYERED_HASH, bytes, size, NULL, 0);
}

uint64_t
imago_layered_bitmap_size(uint64_t section_size, imago_layout layout)
{
	uint64_t num_words = section_size / layout.word_bytes;
	return (num_words + 63) / 64 * 8;
}

static void
encode_section(const imago_layered_section *section, uint8_t *row)
{
	imago_store_u32(row + ROW_KIND, section->kind, little);
	row[ROW_TIER] = (uint8_t)section->tier;
	row[ROW_POINTERS] = section->has_pointers;
	imago_store_u64(row + ROW_ADDRESS, section->address, little);
	imago_store_u64(row + ROW_OFFSET, section->offset, little);
	imago_store_u64(row + ROW_BYTES, section->size, little);
	imago_store_u64(row + ROW_FIXUPS, section->fixups, little);
	memcpy(row + ROW_NAME, section->name, IMAGO_LAYERED_NAME);
	memcpy(row + ROW_HASH, section->hash, IMAGO_LAYERED_HASH);
}

void
imago_layered_encode(imago_layered_head *head, uint8_t bytes[IMAGO_LAYERED_HEAD])
{
	uint8_t *table = bytes + IMAGO_LAYERED_PAGE;
	memset(bytes, 0, IMAGO_LAYERED_HEAD);
	for (size_t i = 0; i < head->num_sections; i++) {
		encode_section(&head->sections[i], table + i * ROW_SIZE);
	}
	imago_layered_hash(head->table_hash, table, IMAGO_LAYERED_PAGE);
	memcpy(bytes, magic, sizeof magic);
	imago_store_u32(bytes + AT_PAGE, IMAGO_LAYERED_PAGE, little);
	imago_store_u32(bytes + AT_FLAGS, head->flags, little);
	bytes[AT_WORD_BYTES] = head->layout.word_bytes;
	bytes[AT_BYTE_ORDER] = head->layout.byte_order == IMAGO_BIG_ENDIAN;
	imago_store_u32(bytes + AT_NUM_SECTIONS, (uint32_t)head->num_sections, little);
	imago_store_u64(bytes + AT_START, head->start, little);
	imago_store_u64(bytes + AT_SPAN, head->span, little);
	imago_store_u64(bytes + AT_FILE_SIZE, head->file_size, little);
	memcpy(bytes + AT_TABLE_HASH, head->table_hash, IMAGO_LAYERED_HASH);
	for (size_t i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		imago_store_u64(bytes + AT_FIELDS + 8 * i, imago_header_get(&head->fields, i), little);
	}
	imago_layered_hash(head->identity, bytes, AT_IDENTITY);
	memcpy(bytes + AT_IDENTITY, head->identity, IMAGO_LAYERED_HASH);
}

void
imago_layered_seal_header(uint8_t *bytes)
{
	imago_layered_hash(bytes + AT_IDENTITY, bytes, AT_IDENTITY);
}

void
imago_layered_seal_table(uint8_t *bytes)
{
	imago_layered_hash(bytes + AT_TABLE_HASH, bytes + IMAGO_LAYERED_PAGE, IMAGO_LAYERED_PAGE);
	imago_layered_seal_header(bytes);
}

void
imago_layered_seal(uint8_t *bytes, uint64_t size)
{
	imago_layered_head head;
	if (imago_layered_decode(&head, bytes, size, NULL) != IMAGO_OK) {
		return;
	}
	for (size_t i = 0; i < head.num_sections; i++) {
		const imago_layered_section *section = &head.sections[i];
		imago_layered_hash(bytes + IMAGO_LAYERED_PAGE + i * ROW_SIZE + ROW_HASH,
		                   bytes + section->offset, section->size);
	}
	imago_layered_seal_table(bytes);
}

void
imago_layered_forget_hashes(uint8_t bytes[IMAGO_LAYERED_HEAD])
{
	memset(bytes + AT_TABLE_HASH, 0, IMAGO_LAYERED_HASH);
	memset(bytes + AT_IDENTITY, 0, IMAGO_LAYERED_HASH);
}

static imago_status
decode_header(imago_layered_head *out, const uint8_t *bytes, uint64_t size, imago_error *error)
{
	if (size < sizeof magic || memcmp(bytes, magic, sizeof magic) != 0) {
		return imago_fail(error, IMAGO_EMAGIC, "magic of a layered image", 0, 0, 0);
	}
	if (size < IMAGO_LAYERED_HEAD) {
		return imago_fail(error, IMAGO_ETRUNCATED, "header page and table", 0, IMAGO_LAYERED_HEAD,
		                  size);
	}
	uint32_t page = imago_load_u32(bytes + AT_PAGE, little);
	if (page != IMAGO_LAYERED_PAGE) {
		return imago_fail(error, IMAGO_EVERSION, "page size", AT_PAGE, page, IMAGO_LAYERED_PAGE);
	}
	uint8_t word_bytes = bytes[AT_WORD_BYTES];
	if (word_bytes != 4 && word_bytes != 8) {
		return imago_fail(error, IMAGO_EVERSION, "word size", AT_WORD_BYTES, word_bytes, 8);
	}
	if (bytes[AT_BYTE_ORDER] > 1) {
		return imago_fail(error, IMAGO_EVERSION, "byte order", AT_BYTE_ORDER, bytes[AT_BYTE_ORDER],
		                  1);
	}
	uint32_t num_sections = imago_load_u32(bytes + AT_NUM_SECTIONS, little);
	if (num_sections > IMAGO_LAYERED_MAX_SECTIONS) {
		return imago_fail(error, IMAGO_ELIMIT, "number of sections", AT_NUM_SECTIONS, num_sections,
		                  IMAGO_LAYERED_MAX_SECTIONS);
	}
	uint64_t file_size = imago_load_u64(bytes + AT_FILE_SIZE, little);
	if (file_size > size) {
		return imago_fail(error, IMAGO_ETRUNCATED, "file size", AT_FILE_SIZE, file_size, size);
	}
	out->layout = (imago_layout){
	    .word_bytes = word_bytes,
	    .byte_order = bytes[AT_BYTE_ORDER] == 1 ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN,
	};
	out->flags = imago_load_u32(bytes + AT_FLAGS, little);
	out->start = imago_load_u64(bytes + AT_START, little);
	out->span = imago_load_u64(bytes + AT_SPAN, little);
	out->file_size = file_size;
	out->num_sections = num_sections;
	for (size_t i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		imago_header_set(&out->fields, i, imago_load_u64(bytes + AT_FIELDS + 8 * i, little));
	}
	return IMAGO_OK;
}

static void
decode_hashes(imago_layered_head *out, const uint8_t *bytes)
{
	uint8_t hash[IMAGO_LAYERED_HASH];
	memcpy(out->table_hash, bytes + AT_TABLE_HASH, IMAGO_LAYERED_HASH);
	memcpy(out->identity, bytes + AT_IDENTITY, IMAGO_LAYERED_HASH);
	imago_layered_hash(hash, bytes, AT_IDENTITY);
	out->header_intact = memcmp(hash, out->identity, IMAGO_LAYERED_HASH) == 0;
	imago_layered_hash(hash, bytes + IMAGO_LAYERED_PAGE, IMAGO_LAYERED_PAGE);
	out->table_intact = memcmp(hash, out->table_hash, IMAGO_LAYERED_HASH) == 0;
}

/* What only sections of objects have: their addresses, and where their bitmap is. */
static imago_status
require_objects(const imago_layered_head *head, const imago_layered_section *section, uint64_t row,
                imago_error *error)
{
	uint64_t limit = head->layout.word_bytes == 8 ? UINT64_MAX : UINT64_C(1) << 32;
	const uint64_t least =
	    UINT64_C(2) * IMAGO_BRIDGE_SIZE; /* an object of the least size, a bridge */
	uint64_t past = section->address - head->start;
	if (section->tier >= IMAGO_NUM_TIERS) {
		return imago_fail(error, IMAGO_ERANGE, "tier", row + ROW_TIER, section->tier,
		                  IMAGO_NUM_TIERS - 1);
	}
	if (section->address % IMAGO_LAYERED_ALIGNMENT != 0) {
		return imago_fail(error, IMAGO_EALIGN, "address of a section", row + ROW_ADDRESS,
		                  section->address, IMAGO_LAYERED_ALIGNMENT);
	}
	if (section->size < least || section->size % 8 != 0) {
		return imago_fail(error, IMAGO_ERANGE, "size of a section of objects", row + ROW_BYTES,
		                  section->size, least);
	}
	if (section->address < head->start || section->address >= limit || past > head->span ||
	    section->size > head->span - past || section->size > limit - section->address) {
		return imago_fail(error, IMAGO_ERANGE, "section outside the span", row + ROW_ADDRESS,
		                  section->address, head->span);
	}
	uint64_t bitmap = imago_layered_bitmap_size(section->size, head->layout);
	bool fits = imago_range_fits(section->fixups, bitmap, head->file_size);
	if (section->has_pointers &&
	    ((!IMAGO_BUG(fixups_past_file, !fits) && !fits) || section->fixups % 8 != 0)) {
		return imago_fail(error, IMAGO_ERANGE, "fixups of a section", row + ROW_FIXUPS,
		                  section->fixups, head->file_size);
	}
	return IMAGO_OK;
}

/* Where the last page of a section ends that was found to fit the file. */
static uint64_t
end_of(const imago_layered_section *section)
{
	uint64_t end = section->offset + section->size;
	(void)imago_checked_align_up(end, IMAGO_LAYERED_PAGE, &end);
	return end;
}

static imago_status
decode_section(imago_layered_head *out, size_t index, const uint8_t *bytes, imago_error *error)
{
	uint64_t at = IMAGO_LAYERED_PAGE + index * ROW_SIZE;
	const uint8_t *row = bytes + at;
	imago_layered_section *section = &out->sections[index];
	uint32_t kind = imago_load_u32(row + ROW_KIND, little);
	if (kind < IMAGO_LAYERED_OBJECTS || kind > IMAGO_LAYERED_REMEMBERED) {
		return imago_fail(error, IMAGO_EVERSION, "kind of section", at + ROW_KIND, kind,
		                  IMAGO_LAYERED_REMEMBERED);
	}
	*section = (imago_layered_section){
	    .kind = (imago_layered_kind)kind,
	    .tier = (imago_tier)row[ROW_TIER],
	    .has_pointers = row[ROW_POINTERS] != 0,
	    .address = imago_load_u64(row + ROW_ADDRESS, little),
	    .offset = imago_load_u64(row + ROW_OFFSET, little),
	    .size = imago_load_u64(row + ROW_BYTES, little),
	    .fixups = imago_load_u64(row + ROW_FIXUPS, little),
	};
	memcpy(section->name, row + ROW_NAME, IMAGO_LAYERED_NAME);
	section->name[IMAGO_LAYERED_NAME - 1] = '\0';
	memcpy(section->hash, row + ROW_HASH, IMAGO_LAYERED_HASH);
	if (section->offset % IMAGO_LAYERED_PAGE != 0) {
		return imago_fail(error, IMAGO_EALIGN, "offset of a section", at + ROW_OFFSET,
		                  section->offset, IMAGO_LAYERED_PAGE);
	}
	/* To the end of its last page: what is mapped is all of a section's. */
	uint64_t whole;
	uint64_t before = index == 0 ? IMAGO_LAYERED_HEAD : end_of(section - 1);
	bool aligned = imago_checked_align_up(section->size, IMAGO_LAYERED_PAGE, &whole);
	bool fits = aligned && imago_range_fits(section->offset, whole, out->file_size);
	if (section->offset != before ||
	    (!IMAGO_BUG(section_wraps, aligned && !fits && section->offset + whole <= out->file_size) &&
	     !fits)) {
		return imago_fail(error, IMAGO_ERANGE, "place of a section", at + ROW_OFFSET,
		                  section->offset, before);
	}
	return section->kind == IMAGO_LAYERED_OBJECTS ? require_objects(out, section, at, error)
	                                              : IMAGO_OK;
}

imago_status
imago_layered_decode(imago_layered_head *out, const uint8_t *bytes, uint64_t size,
                     imago_error *error)
{
	*out = (imago_layered_head){.num_sections = 0};
	imago_status status = decode_header(out, bytes, size, error);
	for (size_t i = 0; i < out->num_sections && status == IMAGO_OK; i++) {
		status = decode_section(out, i, bytes, error);
	}
	if (status == IMAGO_OK) {
		decode_hashes(out, bytes);
	}
	return status;
}

bool
imago_layered_is_perm_save(const uint8_t *bytes, uint64_t size)
{
	imago_layered_head head;
	return imago_layered_decode(&head, bytes, size, NULL) == IMAGO_OK &&
	       (head.flags & IMAGO_LAYERED_PERM_SAVE) != 0;
}

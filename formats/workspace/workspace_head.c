/* workspace_head.c: the header page (workspace.md §2). */
#include <string.h>

#include <sodium.h>

#include "imago/checked.h"
#include "imago/workspace.h"

enum {
	AT_VERSION = 16,
	AT_SLOT = 20,
	AT_START = 24,
	AT_SIZE = 32,
	AT_FILE_SIZE = 40,
	AT_ROOT = 48,
	AT_NUM_POCKETS = 56,
	AT_NUM_RUNS = 64,
	AT_RUNS = 72,
	RUN_SIZE = 32,
	AT_POCKETS_HASH = 256,
	AT_HASH = IMAGO_WORKSPACE_PAGE - IMAGO_WORKSPACE_HASH,
	VERSION = 1,
};

static const char magic[16] = "imago workspace\n";
static const imago_byte_order little = IMAGO_LITTLE_ENDIAN;

void
imago_workspace_hash(uint8_t hash[IMAGO_WORKSPACE_HASH], const uint8_t *bytes, uint64_t size)
{
	(void)crypto_generichash(hash, IMAGO_WORKSPACE_HASH, bytes, size, NULL, 0);
}

bool
imago_workspace_probe(const uint8_t *bytes, uint64_t size)
{
	return size >= sizeof magic && memcmp(bytes, magic, sizeof magic) == 0;
}

void
imago_workspace_encode(const imago_workspace_head *head, uint8_t page[IMAGO_WORKSPACE_PAGE])
{
	memset(page, 0, IMAGO_WORKSPACE_PAGE);
	memcpy(page, magic, sizeof magic);
	imago_store_u32(page + AT_VERSION, VERSION, little);
	imago_store_u32(page + AT_SLOT, head->slot, little);
	imago_store_u64(page + AT_START, head->start, little);
	imago_store_u64(page + AT_SIZE, head->size, little);
	imago_store_u64(page + AT_FILE_SIZE, head->file_size, little);
	imago_store_u64(page + AT_ROOT, head->root, little);
	imago_store_u64(page + AT_NUM_POCKETS, head->num_pockets, little);
	imago_store_u32(page + AT_NUM_RUNS, head->num_runs, little);
	for (uint32_t i = 0; i < head->num_runs; i++) {
		uint8_t *row = page + AT_RUNS + (size_t)i * RUN_SIZE;
		imago_store_u32(row, head->runs[i].pocket_class, little);
		imago_store_u64(row + 8, head->runs[i].offset, little);
		imago_store_u64(row + 16, head->runs[i].size, little);
		imago_store_u64(row + 24, head->runs[i].num_pockets, little);
	}
	memcpy(page + AT_POCKETS_HASH, head->pockets_hash, IMAGO_WORKSPACE_HASH);
	imago_workspace_hash(page + AT_HASH, page, AT_HASH);
}

static imago_status
refuse(imago_error *error, imago_status status, const char *what, uint64_t offset, uint64_t found,
       uint64_t limit)
{
	return imago_fail(error, status, what, offset, found, limit);
}

static imago_status
decode_runs(imago_workspace_head *head, const uint8_t *page, imago_error *error)
{
	uint64_t next = IMAGO_WORKSPACE_PAGE;
	head->num_runs = imago_load_u32(page + AT_NUM_RUNS, little);
	if (head->num_runs == 0 || head->num_runs > IMAGO_WORKSPACE_MAX_RUNS) {
		return refuse(error, IMAGO_ELIMIT, "number of runs", AT_NUM_RUNS, head->num_runs,
		              IMAGO_WORKSPACE_MAX_RUNS);
	}
	for (uint32_t i = 0; i < head->num_runs; i++) {
		const uint64_t at = AT_RUNS + (uint64_t)i * RUN_SIZE;
		imago_workspace_run *run = &head->runs[i];
		run->pocket_class = imago_load_u32(page + at, little);
		run->offset = imago_load_u64(page + at + 8, little);
		run->size = imago_load_u64(page + at + 16, little);
		run->num_pockets = imago_load_u64(page + at + 24, little);
		if (run->pocket_class >= IMAGO_NUM_WORKSPACE_CLASSES) {
			return refuse(error, IMAGO_ERANGE, "class of a run", at, run->pocket_class,
			              IMAGO_NUM_WORKSPACE_CLASSES - 1);
		}
		if (run->offset != next ||
		    !imago_range_fits(next - IMAGO_WORKSPACE_PAGE, run->size, head->size)) {
			return refuse(error, IMAGO_ERANGE, "place of a run", at + 8, run->offset, next);
		}
		next += run->size;
	}
	return next - IMAGO_WORKSPACE_PAGE == head->size
	           ? IMAGO_OK
	           : refuse(error, IMAGO_ERANGE, "place of a run", AT_RUNS, next - IMAGO_WORKSPACE_PAGE,
	                    head->size);
}

static imago_status
decode_place(imago_workspace_head *head, uint64_t size, imago_error *error)
{
	uint64_t whole;
	if (head->slot > IMAGO_WORKSPACE_SLOTS) {
		return refuse(error, IMAGO_ERANGE, "slot", AT_SLOT, head->slot, IMAGO_WORKSPACE_SLOTS);
	}
	if (head->start != IMAGO_REGION_START(head->slot)) {
		return refuse(error, IMAGO_ERANGE, "start", AT_START, head->start,
		              IMAGO_REGION_START(head->slot));
	}
	if (head->size < IMAGO_POCKET_LEAST || head->size > IMAGO_REGION_SPAN / 2) {
		return refuse(error, IMAGO_ERANGE, "size of the pockets", AT_SIZE, head->size,
		              IMAGO_REGION_SPAN / 2);
	}
	if (head->size % IMAGO_POCKET_GRAIN != 0) {
		return refuse(error, IMAGO_EALIGN, "size of the pockets", AT_SIZE, head->size,
		              IMAGO_POCKET_GRAIN);
	}
	(void)imago_checked_align_up(head->size + IMAGO_WORKSPACE_PAGE, IMAGO_WORKSPACE_PAGE, &whole);
	if (head->file_size != whole) {
		return refuse(error, IMAGO_ESTRUCTURE, "size of the file", AT_FILE_SIZE, head->file_size,
		              whole);
	}
	if (size < head->file_size) {
		return refuse(error, IMAGO_ETRUNCATED, "size of the file", AT_FILE_SIZE, head->file_size,
		              size);
	}
	if (head->root < head->start || head->root - head->start >= head->size) {
		return refuse(error, IMAGO_ERANGE, "root", AT_ROOT, head->root, head->start + head->size);
	}
	return head->root % IMAGO_POCKET_GRAIN == 0
	           ? IMAGO_OK
	           : refuse(error, IMAGO_EALIGN, "root", AT_ROOT, head->root, IMAGO_POCKET_GRAIN);
}

imago_status
imago_workspace_decode(imago_workspace_head *head, const uint8_t *bytes, uint64_t size,
                       imago_error *error)
{
	uint8_t hash[IMAGO_WORKSPACE_HASH];
	imago_error_set_part(error, "");
	if (!imago_workspace_probe(bytes, size)) {
		return refuse(error, size < sizeof magic ? IMAGO_ETRUNCATED : IMAGO_EMAGIC, "magic", 0,
		              size, sizeof magic);
	}
	if (size < IMAGO_WORKSPACE_PAGE) {
		return refuse(error, IMAGO_ETRUNCATED, "header page", 0, size, IMAGO_WORKSPACE_PAGE);
	}
	const uint32_t version = imago_load_u32(bytes + AT_VERSION, little);
	if (version != VERSION) {
		return refuse(error, IMAGO_EVERSION, "version", AT_VERSION, version, VERSION);
	}
	*head = (imago_workspace_head){
	    .slot = imago_load_u32(bytes + AT_SLOT, little),
	    .start = imago_load_u64(bytes + AT_START, little),
	    .size = imago_load_u64(bytes + AT_SIZE, little),
	    .file_size = imago_load_u64(bytes + AT_FILE_SIZE, little),
	    .root = imago_load_u64(bytes + AT_ROOT, little),
	    .num_pockets = imago_load_u64(bytes + AT_NUM_POCKETS, little),
	};
	memcpy(head->pockets_hash, bytes + AT_POCKETS_HASH, IMAGO_WORKSPACE_HASH);
	imago_workspace_hash(hash, bytes, AT_HASH);
	head->is_intact = memcmp(hash, bytes + AT_HASH, sizeof hash) == 0;
	const imago_status status = decode_place(head, size, error);
	return status == IMAGO_OK ? decode_runs(head, bytes, error) : status;
}

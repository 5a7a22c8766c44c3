/* model_disk_calls.c: the calls of a file system, on the model; and looking at it from outside. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model_disk.h"
#include "model_disk_private.h"

typedef struct model_listing {
	int descriptor;
	model_entry *entries; /* as the folder was when it was opened */
	size_t num_entries;
	size_t next;
} model_listing;

/* The node of a folder's descriptor, or MODEL_NO_NODE. */
static size_t
folder_node(const model_disk *disk, int folder)
{
	if (folder == IMAGO_WORKING_FOLDER) {
		return 0;
	}
	bool open =
	    folder >= 0 && (size_t)folder < disk->num_descriptors && disk->descriptors[folder].open;
	return open ? disk->descriptors[folder].node : MODEL_NO_NODE;
}

static model_descriptor *
descriptor_at(const model_disk *disk, int descriptor)
{
	return folder_node(disk, descriptor) != MODEL_NO_NODE && descriptor >= 0
	           ? &disk->descriptors[descriptor]
	           : NULL;
}

static int
open_node(model_disk *disk, size_t node)
{
	size_t at = 0;
	while (at < disk->num_descriptors && disk->descriptors[at].open) {
		at++;
	}
	if (at == disk->num_descriptors) {
		disk->descriptors = model_resize(disk->descriptors, at + 1, sizeof *disk->descriptors);
		disk->num_descriptors++;
	}
	disk->descriptors[at] = (model_descriptor){.open = true, .node = node};
	return (int)at;
}

/* One step that changes up to two names of a folder. */
static void
change_names(model_disk *disk, size_t folder, const char *a, size_t node_a, const char *b,
             size_t node_b)
{
	model_change change = {.kind = MODEL_NAMES, .node = folder, .num_names = b == NULL ? 1 : 2};
	snprintf(change.names[0].name, MODEL_NAME_SIZE, "%s", a);
	change.names[0].node = node_a;
	if (b != NULL) {
		snprintf(change.names[1].name, MODEL_NAME_SIZE, "%s", b);
		change.names[1].node = node_b;
	}
	model_make_change(disk, &change);
}

static int
call_open(void *payload, int folder, const char *name, imago_open_mode mode)
{
	model_disk *disk = payload;
	size_t parent = folder_node(disk, folder);
	if (parent == MODEL_NO_NODE || !disk->nodes[parent].is_folder) {
		return parent == MODEL_NO_NODE ? -EBADF : -ENOTDIR;
	}
	size_t node = model_find_path(disk, parent, name);
	if (mode == IMAGO_OPEN_CREATED_FILE) {
		if (node != MODEL_NO_NODE) {
			return -EEXIST;
		}
		node = model_new_node(disk, false);
		change_names(disk, parent, name, node, NULL, 0);
	}
	if (node == MODEL_NO_NODE) {
		return -ENOENT;
	}
	bool wants_folder = mode == IMAGO_OPEN_FOLDER || mode == IMAGO_OPEN_FOLDER_HERE;
	return wants_folder && !disk->nodes[node].is_folder ? -ENOTDIR : open_node(disk, node);
}

static int
call_close(void *payload, int descriptor)
{
	model_descriptor *open = descriptor_at(payload, descriptor);
	if (open == NULL) {
		return -EBADF;
	}
	open->open = false;
	return 0;
}

static int64_t
call_read(void *payload, int descriptor, uint8_t *bytes, size_t size)
{
	model_disk *disk = payload;
	model_descriptor *open = descriptor_at(disk, descriptor);
	if (open == NULL || disk->nodes[open->node].is_folder) {
		return open == NULL ? -EBADF : -EISDIR;
	}
	const model_content *file = &disk->nodes[open->node].seen;
	size_t left = open->position < file->size ? file->size - open->position : 0;
	size_t length = size < left ? size : left;
	if (length > 0) {
		memcpy(bytes, file->bytes + open->position, length);
	}
	open->position += length;
	return (int64_t)length;
}

/* A size, and pieces that losing power may tear from one another. */
static int64_t
call_write(void *payload, int descriptor, const uint8_t *bytes, size_t size)
{
	model_disk *disk = payload;
	model_descriptor *open = descriptor_at(disk, descriptor);
	if (open == NULL || size == 0) {
		return open == NULL ? -EBADF : 0;
	}
	const model_change grown = {
	    .kind = MODEL_SIZE, .node = open->node, .size = open->position + size};
	model_make_change(disk, &grown);
	size_t done = 0;
	for (size_t piece = 0; piece < MODEL_PIECES; piece++) {
		size_t length = piece + 1 < MODEL_PIECES ? size / MODEL_PIECES : size - done;
		if (length > 0) {
			model_change change = {.kind = MODEL_PIECE,
			                       .node = open->node,
			                       .offset = open->position + done,
			                       .size = length,
			                       .bytes = model_resize(NULL, length, 1)};
			memcpy(change.bytes, bytes + done, length);
			model_make_change(disk, &change);
		}
		done += length;
	}
	open->position += size;
	return (int64_t)size;
}

static int
call_sync(void *payload, int descriptor)
{
	model_disk *disk = payload;
	const model_descriptor *open = descriptor_at(disk, descriptor);
	if (open == NULL) {
		return -EBADF;
	}
	model_settle(disk, open->node);
	return 0;
}

static int
describe_node(const model_disk *disk, size_t node, imago_file_facts *facts)
{
	*facts = (imago_file_facts){
	    .kind = disk->nodes[node].is_folder ? IMAGO_PATH_FOLDER : IMAGO_PATH_FILE,
	    .permissions = disk->nodes[node].seen.permissions,
	    .size = disk->nodes[node].seen.size,
	    .device = 1,
	    .number = node + 1,
	};
	return 0;
}

static int
call_describe(void *payload, int descriptor, imago_file_facts *facts)
{
	const model_descriptor *open = descriptor_at(payload, descriptor);
	return open == NULL ? -EBADF : describe_node(payload, open->node, facts);
}

static int
call_describe_name(void *payload, int folder, const char *name, bool follow_links,
                   imago_file_facts *facts)
{
	const model_disk *disk = payload;
	(void)follow_links; /* the model has none */
	size_t parent = folder_node(disk, folder);
	size_t node = parent == MODEL_NO_NODE ? parent : model_find_path(disk, parent, name);
	return node == MODEL_NO_NODE ? -ENOENT : describe_node(disk, node, facts);
}

static int
call_set_permissions(void *payload, int descriptor, uint32_t permissions)
{
	const model_descriptor *open = descriptor_at(payload, descriptor);
	if (open == NULL) {
		return -EBADF;
	}
	const model_change change = {
	    .kind = MODEL_PERMISSIONS, .node = open->node, .permissions = permissions};
	model_make_change(payload, &change);
	return 0;
}

static int
call_make_folder(void *payload, int folder, const char *name)
{
	model_disk *disk = payload;
	size_t parent = folder_node(disk, folder);
	if (parent == MODEL_NO_NODE || model_find_path(disk, parent, name) != MODEL_NO_NODE) {
		return parent == MODEL_NO_NODE ? -EBADF : -EEXIST;
	}
	change_names(disk, parent, name, model_new_node(disk, true), NULL, 0);
	return 0;
}

/* Why from may not take the place of to, or 0. */
static int
refuse_rename(const model_disk *disk, size_t from, size_t to)
{
	if (from == MODEL_NO_NODE) {
		return -ENOENT;
	}
	if (to == MODEL_NO_NODE) {
		return 0;
	}
	if (disk->nodes[from].is_folder != disk->nodes[to].is_folder) {
		return disk->nodes[to].is_folder ? -EISDIR : -ENOTDIR;
	}
	return disk->nodes[to].seen.num_entries > 0 ? -ENOTEMPTY : 0;
}

static int
call_rename(void *payload, int folder, const char *from, const char *to)
{
	model_disk *disk = payload;
	size_t parent = folder_node(disk, folder);
	if (parent == MODEL_NO_NODE) {
		return -EBADF;
	}
	size_t moved = model_find_path(disk, parent, from);
	int refusal = refuse_rename(disk, moved, model_find_path(disk, parent, to));
	if (refusal == 0) {
		change_names(disk, parent, from, MODEL_NO_NODE, to, moved);
	}
	return refusal;
}

static int
call_exchange(void *payload, int folder, const char *a, const char *b)
{
	model_disk *disk = payload;
	size_t parent = folder_node(disk, folder);
	if (parent == MODEL_NO_NODE) {
		return -EBADF;
	}
	size_t node_a = model_find_path(disk, parent, a);
	size_t node_b = model_find_path(disk, parent, b);
	if (node_a == MODEL_NO_NODE || node_b == MODEL_NO_NODE) {
		return -ENOENT;
	}
	change_names(disk, parent, a, node_b, b, node_a);
	return 0;
}

static int
remove_node(model_disk *disk, int folder, const char *name, bool is_folder)
{
	size_t parent = folder_node(disk, folder);
	size_t node = parent == MODEL_NO_NODE ? parent : model_find_path(disk, parent, name);
	if (node == MODEL_NO_NODE) {
		return -ENOENT;
	}
	if (disk->nodes[node].is_folder != is_folder) {
		return is_folder ? -ENOTDIR : -EISDIR;
	}
	if (disk->nodes[node].seen.num_entries > 0) {
		return -ENOTEMPTY;
	}
	change_names(disk, parent, name, MODEL_NO_NODE, NULL, 0);
	return 0;
}

static int
call_remove(void *payload, int folder, const char *name)
{
	return remove_node(payload, folder, name, false);
}

static int
call_remove_folder(void *payload, int folder, const char *name)
{
	return remove_node(payload, folder, name, true);
}

static int
call_open_listing(void *payload, int descriptor, void **listing)
{
	const model_disk *disk = payload;
	const model_descriptor *open = descriptor_at(disk, descriptor);
	if (open == NULL || !disk->nodes[open->node].is_folder) {
		return open == NULL ? -EBADF : -ENOTDIR;
	}
	const model_content *folder = &disk->nodes[open->node].seen;
	model_listing *made = model_resize(NULL, 1, sizeof *made);
	*made = (model_listing){.descriptor = descriptor, .num_entries = folder->num_entries + 2};
	made->entries = model_resize(NULL, made->num_entries, sizeof *made->entries);
	made->entries[0] = (model_entry){.name = "."};
	made->entries[1] = (model_entry){.name = ".."};
	if (folder->num_entries > 0) {
		memcpy(made->entries + 2, folder->entries, folder->num_entries * sizeof *made->entries);
	}
	*listing = made;
	return 0;
}

static int
call_next_name(void *payload, void *listing, const char **name)
{
	model_listing *at = listing;
	(void)payload;
	if (at->next == at->num_entries) {
		return 0;
	}
	*name = at->entries[at->next++].name;
	return 1;
}

static void
call_close_listing(void *payload, void *listing)
{
	model_listing *at = listing;
	(void)call_close(payload, at->descriptor);
	free(at->entries);
	free(at);
}

imago_file_system
model_disk_files(model_disk *disk)
{
	return (imago_file_system){
	    .open = call_open,
	    .close = call_close,
	    .read = call_read,
	    .write = call_write,
	    .sync = call_sync,
	    .describe = call_describe,
	    .describe_name = call_describe_name,
	    .set_permissions = call_set_permissions,
	    .make_folder = call_make_folder,
	    .rename = call_rename,
	    .exchange = call_exchange,
	    .remove = call_remove,
	    .remove_folder = call_remove_folder,
	    .open_listing = call_open_listing,
	    .next_name = call_next_name,
	    .close_listing = call_close_listing,
	    .payload = disk,
	};
}

/* Puts a node under a path for good. */
static size_t
put_node(model_disk *disk, const char *path, bool is_folder)
{
	char parent_path[4 * MODEL_NAME_SIZE];
	const char *slash = strrchr(path, '/');
	snprintf(parent_path, sizeof parent_path, "%.*s", slash == NULL ? 0 : (int)(slash - path),
	         path);
	size_t parent = model_find_path(disk, 0, parent_path);
	if (parent == MODEL_NO_NODE) {
		fprintf(stderr, "model_disk: no folder for %s\n", path);
		abort();
	}
	size_t node = model_new_node(disk, is_folder);
	const model_change kept = {.kind = MODEL_PERMISSIONS,
	                           .node = node,
	                           .permissions = is_folder ? MODEL_PUT_FOLDER : MODEL_PUT_FILE};
	model_make_change(disk, &kept);
	model_settle(disk, node);
	change_names(disk, parent, slash == NULL ? path : slash + 1, node, NULL, 0);
	model_settle(disk, parent);
	return node;
}

void
model_disk_put(model_disk *disk, const char *path, const void *bytes, size_t size)
{
	int descriptor = open_node(disk, put_node(disk, path, false));
	(void)call_write(disk, descriptor, bytes, size);
	(void)call_sync(disk, descriptor);
	(void)call_close(disk, descriptor);
}

void
model_disk_put_folder(model_disk *disk, const char *path)
{
	put_node(disk, path, true);
}

imago_path_kind
model_disk_kind(const model_disk *disk, const char *path)
{
	size_t node = model_find_path(disk, 0, path);
	if (node == MODEL_NO_NODE) {
		return IMAGO_PATH_MISSING;
	}
	return disk->nodes[node].is_folder ? IMAGO_PATH_FOLDER : IMAGO_PATH_FILE;
}

const uint8_t *
model_disk_bytes(const model_disk *disk, const char *path, size_t *size)
{
	size_t node = model_find_path(disk, 0, path);
	if (node == MODEL_NO_NODE || disk->nodes[node].is_folder) {
		return NULL;
	}
	*size = disk->nodes[node].seen.size;
	return disk->nodes[node].seen.bytes;
}

uint32_t
model_disk_permissions(const model_disk *disk, const char *path)
{
	size_t node = model_find_path(disk, 0, path);
	return node == MODEL_NO_NODE ? 0 : disk->nodes[node].seen.permissions;
}

size_t
model_disk_num_names(const model_disk *disk, const char *folder)
{
	size_t node = model_find_path(disk, 0, folder);
	return node == MODEL_NO_NODE ? 0 : disk->nodes[node].seen.num_entries;
}

static bool
node_holds(const model_disk *disk, size_t node, const uint8_t *bytes, uint64_t size)
{
	if (node == MODEL_NO_NODE || disk->nodes[node].is_folder) {
		return false;
	}
	const model_content *file = &disk->nodes[node].seen;
	return file->size == size && (size == 0 || memcmp(file->bytes, bytes, file->size) == 0);
}

bool
model_disk_holds_file(const model_disk *disk, const char *path, const uint8_t *bytes, uint64_t size)
{
	return node_holds(disk, model_find_path(disk, 0, path), bytes, size);
}

bool
model_disk_holds_folder(const model_disk *disk, const char *path, const imago_folder *folder)
{
	size_t node = model_find_path(disk, 0, path);
	if (node == MODEL_NO_NODE || !disk->nodes[node].is_folder ||
	    disk->nodes[node].seen.num_entries != folder->num_files) {
		return false;
	}
	for (size_t i = 0; i < folder->num_files; i++) {
		const imago_folder_file *file = &folder->files[i];
		if (!node_holds(disk, model_find(&disk->nodes[node].seen, file->name), file->bytes,
		                file->size)) {
			return false;
		}
	}
	return true;
}

size_t
model_disk_num_open(const model_disk *disk)
{
	size_t count = 0;
	for (size_t i = 0; i < disk->num_descriptors; i++) {
		count += disk->descriptors[i].open;
	}
	return count;
}

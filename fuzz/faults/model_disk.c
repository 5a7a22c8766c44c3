/* model_disk.c: nodes, changes, and what is left of them when power is lost. */
#include "model_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model_disk_private.h"

void *
model_resize(void *block, size_t count, size_t size)
{
	void *moved = realloc(block, count > 0 ? count * size : 1);
	if (moved == NULL) {
		fprintf(stderr, "model_disk: out of memory\n");
		abort();
	}
	return moved;
}

size_t
model_new_node(model_disk *disk, bool is_folder)
{
	disk->nodes = model_resize(disk->nodes, disk->num_nodes + 1, sizeof *disk->nodes);
	disk->nodes[disk->num_nodes] = (model_node){
	    .is_folder = is_folder,
	    .seen.permissions = is_folder ? 0755 : 0644,
	    .durable.permissions = is_folder ? 0755 : 0644,
	};
	return disk->num_nodes++;
}

model_disk *
model_disk_create(void)
{
	model_disk *disk = model_resize(NULL, 1, sizeof *disk);
	*disk = (model_disk){.nodes = NULL};
	model_new_node(disk, true);
	return disk;
}

void
model_disk_destroy(model_disk *disk)
{
	for (size_t i = 0; i < disk->num_nodes; i++) {
		free(disk->nodes[i].seen.bytes);
		free(disk->nodes[i].seen.entries);
		free(disk->nodes[i].durable.bytes);
		free(disk->nodes[i].durable.entries);
	}
	for (size_t i = 0; i < disk->num_pending; i++) {
		free(disk->pending[i].bytes);
	}
	free(disk->nodes);
	free(disk->pending);
	free(disk->descriptors);
	free(disk);
}

size_t
model_find(const model_content *folder, const char *name)
{
	for (size_t i = 0; i < folder->num_entries; i++) {
		if (strcmp(folder->entries[i].name, name) == 0) {
			return folder->entries[i].node;
		}
	}
	return MODEL_NO_NODE;
}

size_t
model_find_path(const model_disk *disk, size_t folder, const char *path)
{
	size_t node = folder;
	while (*path != '\0' && node != MODEL_NO_NODE) {
		char name[MODEL_NAME_SIZE];
		size_t length = strcspn(path, "/");
		if (length >= sizeof name || !disk->nodes[node].is_folder) {
			return MODEL_NO_NODE;
		}
		memcpy(name, path, length);
		name[length] = '\0';
		if (length > 0 && strcmp(name, ".") != 0) {
			node = model_find(&disk->nodes[node].seen, name);
		}
		path += length + (path[length] == '/');
	}
	return node;
}

static void
set_entry(model_content *folder, const model_entry *entry)
{
	size_t at = 0;
	while (at < folder->num_entries && strcmp(folder->entries[at].name, entry->name) != 0) {
		at++;
	}
	if (entry->node == MODEL_NO_NODE) {
		if (at < folder->num_entries) {
			folder->entries[at] = folder->entries[--folder->num_entries];
		}
		return;
	}
	if (at == folder->num_entries) {
		folder->entries = model_resize(folder->entries, at + 1, sizeof *folder->entries);
		folder->num_entries++;
	}
	folder->entries[at] = *entry;
}

static void
set_size(model_content *file, size_t size)
{
	file->bytes = model_resize(file->bytes, size, 1);
	if (size > file->size) {
		memset(file->bytes + file->size, 0, size - file->size);
	}
	file->size = size;
}

void
model_apply(model_content *content, const model_change *change)
{
	size_t room;
	switch (change->kind) {
	case MODEL_SIZE:
		set_size(content, change->size > content->size ? change->size : content->size);
		break;
	case MODEL_PIECE: /* a size that was lost cuts it off */
		room = change->offset < content->size ? content->size - change->offset : 0;
		if (room > 0) {
			memcpy(content->bytes + change->offset, change->bytes,
			       change->size < room ? change->size : room);
		}
		break;
	case MODEL_PERMISSIONS:
		content->permissions = change->permissions;
		break;
	case MODEL_NAMES:
		for (size_t i = 0; i < change->num_names; i++) {
			set_entry(content, &change->names[i]);
		}
		break;
	}
}

void
model_make_change(model_disk *disk, const model_change *change)
{
	model_apply(&disk->nodes[change->node].seen, change);
	disk->pending = model_resize(disk->pending, disk->num_pending + 1, sizeof *disk->pending);
	disk->pending[disk->num_pending++] = *change;
}

void
model_settle(model_disk *disk, size_t node)
{
	size_t num_left = 0;
	for (size_t i = 0; i < disk->num_pending; i++) {
		if (disk->pending[i].node == node) {
			model_apply(&disk->nodes[node].durable, &disk->pending[i]);
			free(disk->pending[i].bytes);
		} else {
			disk->pending[num_left++] = disk->pending[i];
		}
	}
	disk->num_pending = num_left;
}

size_t
model_disk_num_pending(const model_disk *disk)
{
	return disk->num_pending;
}

static model_content
copy_content(const model_content *from)
{
	model_content copy = *from;
	copy.bytes = model_resize(NULL, from->size, 1);
	copy.entries = model_resize(NULL, from->num_entries, sizeof *copy.entries);
	if (from->size > 0) {
		memcpy(copy.bytes, from->bytes, from->size);
	}
	if (from->num_entries > 0) {
		memcpy(copy.entries, from->entries, from->num_entries * sizeof *copy.entries);
	}
	return copy;
}

/* Sizes before pieces: a piece that survives is cut off by the sizes that were lost, not by those
 * that came later. */
static void
apply_survivors(model_disk *after, const model_disk *before, const bool *survives, bool sizes)
{
	for (size_t i = 0; i < before->num_pending; i++) {
		const model_change *change = &before->pending[i];
		if (survives[i] && (change->kind == MODEL_SIZE) == sizes) {
			model_apply(&after->nodes[change->node].durable, change);
		}
	}
}

model_disk *
model_disk_lose_power(const model_disk *disk, const bool *survives)
{
	model_disk *after = model_resize(NULL, 1, sizeof *after);
	*after = (model_disk){.num_nodes = disk->num_nodes};
	after->nodes = model_resize(NULL, disk->num_nodes, sizeof *after->nodes);
	for (size_t i = 0; i < disk->num_nodes; i++) {
		after->nodes[i] = (model_node){.is_folder = disk->nodes[i].is_folder,
		                               .durable = copy_content(&disk->nodes[i].durable)};
	}
	apply_survivors(after, disk, survives, true);
	apply_survivors(after, disk, survives, false);
	for (size_t i = 0; i < after->num_nodes; i++) {
		after->nodes[i].seen = copy_content(&after->nodes[i].durable);
	}
	return after;
}

static uint64_t
next_random(uint64_t *state)
{
	uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);
	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	return mixed ^ mixed >> 31;
}

/* Way number way to lose some of count changes, when there are too many to try all. */
static void
draw_survivors(bool *survives, size_t count, uint64_t way, uint64_t *seed)
{
	for (size_t i = 0; i < count; i++) {
		if (way < 2) {
			survives[i] = way == 1;
		} else if (way - 2 < 2 * (uint64_t)count) {
			survives[i] = ((way - 2) / 2 == i) == ((way & 1) == 0);
		} else {
			survives[i] = next_random(seed) >> 63 != 0;
		}
	}
}

uint64_t
model_disk_each_power_loss(const model_disk *disk, uint64_t limit, uint64_t seed,
                           model_disk_visitor *visit, void *payload)
{
	const size_t count = disk->num_pending;
	const bool all = count < 63 && UINT64_C(1) << count <= limit;
	const uint64_t num_ways = all ? UINT64_C(1) << count : limit;
	bool *survives = model_resize(NULL, count, sizeof *survives);
	bool goes_on = true;
	uint64_t way = 0;
	while (way < num_ways && goes_on) {
		for (size_t i = 0; all && i < count; i++) {
			survives[i] = (way >> i & 1) != 0;
		}
		if (!all) {
			draw_survivors(survives, count, way, &seed);
		}
		model_disk *after = model_disk_lose_power(disk, survives);
		goes_on = visit(after, payload);
		model_disk_destroy(after);
		way++;
	}
	free(survives);
	return way;
}

/* model_disk_private.h: what the model's calls and its power losses share. */
#ifndef FUZZ_FAULTS_MODEL_DISK_PRIVATE_H
#define FUZZ_FAULTS_MODEL_DISK_PRIVATE_H

#include "model_disk.h"

enum { MODEL_NAME_SIZE = 64, MODEL_PIECES = 3 };

#define MODEL_NO_NODE SIZE_MAX

typedef struct model_entry {
	char name[MODEL_NAME_SIZE];
	size_t node;
} model_entry;

/* What a file or a folder holds. */
typedef struct model_content {
	uint8_t *bytes;
	size_t size;
	model_entry *entries;
	size_t num_entries;
	uint32_t permissions;
} model_content;

typedef struct model_node {
	bool is_folder;
	model_content seen;    /* by processes */
	model_content durable; /* on the disk for good */
} model_node;

typedef enum model_change_kind {
	MODEL_SIZE,
	MODEL_PIECE,
	MODEL_PERMISSIONS,
	MODEL_NAMES, /* up to two names that change in one step */
} model_change_kind;

typedef struct model_change {
	model_change_kind kind;
	size_t node;
	size_t offset; /* of a piece */
	size_t size;   /* of a piece, or the new one of the file */
	uint8_t *bytes;
	uint32_t permissions;
	model_entry names[2]; /* node MODEL_NO_NODE: the name goes */
	size_t num_names;
} model_change;

typedef struct model_descriptor {
	bool open;
	size_t node;
	size_t position;
} model_descriptor;

struct model_disk {
	model_node *nodes; /* 0 is the root */
	size_t num_nodes;
	model_change *pending;
	size_t num_pending;
	model_descriptor *descriptors;
	size_t num_descriptors;
};

/* The block of count elements of size bytes in place of block, or an end of the program. */
void *model_resize(void *block, size_t count, size_t size);

size_t model_new_node(model_disk *disk, bool is_folder);

/* The node with that name in a folder, or MODEL_NO_NODE. */
size_t model_find(const model_content *folder, const char *name);

/* The node of a path from a folder; "." and trailing slashes count for nothing. */
size_t model_find_path(const model_disk *disk, size_t folder, const char *path);

void model_apply(model_content *content, const model_change *change);

/* Changes what processes see, and notes it as pending. Takes change->bytes over. */
void model_make_change(model_disk *disk, const model_change *change);

/* Makes all pending changes of a node durable. */
void model_settle(model_disk *disk, size_t node);

#endif

/* workspace_file.h: workspace files to test with, made of texts. */
#ifndef IMAGO_TESTS_WORKSPACE_FILE_H
#define IMAGO_TESTS_WORKSPACE_FILE_H

#include "assertions.h"
#include "imago/workspace.h"

typedef struct workspace_file {
	imago_allocator allocator;
	imago_error error;
	imago_writer writer; /* its bytes */
	imago_pockets view;  /* the file's pockets, where they lie in it */
	imago_workspace_head head;
} workspace_file;

/* A library that has something of everything. */
extern const char workspace_sample[];

/* Makes a workspace from a text; destroy it. */
imago_workspace *workspace_of(const char *text, imago_allocator *allocator);

/* The file of a text, for a slot; close in every case. */
void workspace_file_open(workspace_file *file, const char *text, unsigned slot, bool unsorted);
void workspace_file_close(workspace_file *file);

/* Makes the hashes right again. */
void workspace_file_seal(workspace_file *file);

/* A descriptor of a file with these bytes, which has no name. */
int workspace_descriptor(const uint8_t *bytes, uint64_t size);

/* What a line gives, as text, or the name of the error; the audit must be clean after it. Valid
 * until the next call. */
const char *workspace_result(imago_workspace *workspace, const char *line);
void assert_workspace_is_sound(imago_workspace *workspace);

#define assert_line(workspace, line, expected) \
	assert_string_equal(workspace_result((workspace), (line)), (expected))

#endif

/* make_corpus.c: writes the corpus below a folder: the committed files and MANIFEST.tsv, or with
 * --all every layout of every recipe. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "corpus/corpus.h"

enum { PATH_SIZE = 1024 };

typedef struct destination {
	const char *folder;
	FILE *manifest;
	unsigned num_files;
	unsigned long long num_bytes;
} destination;

/* Makes the folders above a file. */
static bool
make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		bool made = mkdir(path, 0777) == 0 || errno == EEXIST;
		*slash = '/';
		if (!made) {
			return false;
		}
	}
	return true;
}

static FILE *
create(const char *folder, const char *name)
{
	char path[PATH_SIZE];
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, name) >= sizeof(path) ||
	    !make_folders(path)) {
		return NULL;
	}
	return fopen(path, "wb");
}

static bool
write_file(const corpus_file *file, void *payload)
{
	destination *to = payload;
	char line[CORPUS_MANIFEST_LINE];
	FILE *out = create(to->folder, file->path);
	if (out == NULL) {
		perror(file->path);
		return false;
	}
	bool written = fwrite(file->bytes, 1, (size_t)file->size, out) == file->size;
	written = fclose(out) == 0 && written;
	corpus_manifest_line(file, line);
	written = fputs(line, to->manifest) >= 0 && written;
	to->num_files++;
	to->num_bytes += file->size;
	return written;
}

static bool
write_all(destination *to, bool all)
{
	char line[CORPUS_MANIFEST_LINE];
	corpus_manifest_line(NULL, line);
	return fputs(line, to->manifest) >= 0 && corpus_for_each_committed(write_file, to) &&
	       (!all || corpus_for_each_other(write_file, to));
}

int
main(int argc, char **argv)
{
	bool all = argc == 3 && strcmp(argv[2], "--all") == 0;
	if (argc != 2 && !all) {
		fprintf(stderr, "usage: make_corpus FOLDER [--all]\n");
		return 2;
	}
	destination to = {.folder = argv[1], .manifest = create(argv[1], "MANIFEST.tsv")};
	if (to.manifest == NULL) {
		perror(argv[1]);
		return 1;
	}
	bool written = write_all(&to, all);
	written = fclose(to.manifest) == 0 && written;
	printf("%u files, %llu bytes\n", to.num_files, to.num_bytes);
	return written ? 0 : 1;
}

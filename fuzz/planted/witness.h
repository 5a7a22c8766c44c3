/* witness.h: the inputs of corpus/planted: text files that say what to change in a file of the
 * corpus.
 *
 *     corpus/valid/spur/small.spur32.image
 *     34216
 *     4 f87f0000
 *
 * is that file, cut or extended by zeros to 34216 bytes, with four other bytes from offset 4 on. So
 * they are small, and one can read what each one wounds. */
#ifndef FUZZ_WITNESS_H
#define FUZZ_WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct witness {
	uint8_t *bytes;
	size_t size;
} witness;

/* The bytes of a file. False when it cannot be read. */
bool witness_read_file(witness *out, const char *path);

/* The input that a text file describes; paths in it are relative to where the program runs. False
 * when one of the files cannot be read, or the text is not as above. */
bool witness_read(witness *out, const char *path);

void witness_release(witness *input);

/* Prints the text that makes input of the file at base. */
bool witness_print(const char *base, const witness *input);

#endif

/* oracle.h: a second, deliberately naive reader of classic images.
 *
 * It decides differences for the library's walker, swizzler and converters, and therefore shares no
 * code with it: it includes nothing of imago, keeps every word in an array, and searches linearly.
 * It takes any bytes, and accepts what the format documents formats/spur/spur.md and
 * formats/v3/v3.md say that imago reads and walks: a test may hold it against imago in both
 * directions. Of bundles (composed.md) it reads those whose texts look as VMs write them. */
#ifndef IMAGO_TESTS_ORACLE_H
#define IMAGO_TESTS_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum oracle_body { ORACLE_OOPS, ORACLE_UNITS, ORACLE_CODE } oracle_body;

typedef struct oracle_object {
	uint64_t address; /* the oop */
	size_t position;  /* of the header at that address, in the file */
	uint64_t cls;     /* Spur: class index; V3: address of the class, or compact index */
	bool cls_is_address;
	unsigned format, hash;
	bool immutable;
	bool free;
	oracle_body body;
	unsigned unit;      /* bytes of an element: 1, 2, 4 or 8 */
	size_t body_at;     /* position of slot 0 in the file */
	uint64_t num_slots; /* words */
	uint64_t num_oops;  /* leading slots that hold oops */
	uint64_t num_bytes; /* of the body, without the unused tail */
} oracle_object;

typedef struct oracle_segment {
	uint64_t start;  /* address */
	size_t position; /* in the file */
	uint64_t size;   /* of the objects, without bridge */
} oracle_segment;

typedef struct oracle_image {
	const uint8_t *file; /* borrowed */
	size_t size;
	unsigned word; /* 4 or 8 */
	bool big, v3, low_word_first;
	size_t header, heap; /* positions of the header and of the first segment */
	uint64_t special_oop;
	oracle_segment *segments;
	size_t num_segments;
	oracle_object *objects;
	size_t num_objects;
} oracle_image;

/* What became of a file. Nothing is kept of one that was not read and walked. */
typedef enum oracle_verdict {
	ORACLE_READ,
	ORACLE_REFUSED,
	ORACLE_DECLINED, /* a bundle whose texts are not written as VMs do: no opinion */
} oracle_verdict;

oracle_verdict oracle_read(oracle_image *image, const uint8_t *file, size_t size);

/* True when it was read. */
bool oracle_parse(oracle_image *image, const uint8_t *file, size_t size);
void oracle_release(oracle_image *image);

/* The word in a slot, the object at an address (or NULL), the class of an object (or NULL). */
uint64_t oracle_slot(const oracle_image *image, const oracle_object *object, uint64_t index);
const oracle_object *oracle_find(const oracle_image *image, uint64_t address);
const oracle_object *oracle_class(const oracle_image *image, const oracle_object *object);

/* The segment whose objects an address lies among, or NULL. */
const oracle_segment *oracle_segment_of(const oracle_image *image, uint64_t address);

/* Rewrites a copy of the file (size bytes, the caller's) so that its first object lies at base.
 * False where the heap does not fit there, or a pointer leads into no segment. */
bool oracle_relocate(const oracle_image *image, uint64_t base, uint8_t *copy);

/* True when the two object graphs mean the same, from their special objects on. Otherwise *where
 * describes the first difference (static storage of the caller, size bytes). */
bool oracle_same_meaning(const oracle_image *a, const oracle_image *b, char *where, size_t size);

/* True when one image is what a collection must have left of another: of old space only, or of
 * permanent space too. Both saved with nothing in slots above stack pointers. Otherwise *where
 * tells the first difference. */
bool oracle_collected(const oracle_image *before, const oracle_image *after, bool old_only,
                      char *where, size_t size);

#endif

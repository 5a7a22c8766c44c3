/* survey_private.h: numbers that the two halves of the survey share. */
#ifndef IMAGO_MEMORY_SURVEY_PRIVATE_H
#define IMAGO_MEMORY_SURVEY_PRIVATE_H

enum {
	REAL_CLASS_BITS = 0x3FFFE0, /* of a header: not all clear in class indices from 32 on */
	OVERFLOW_SLOTS = 255,
	/* Bytes at the end of a segment that are left to the rules, so that an object with a plain
	 * header ends inside and its first words can be loaded. */
	IMAGO_SURVEY_MARGIN = 4096,
};

#endif

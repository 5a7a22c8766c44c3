/* twin_private.h: what the files of twins share. */
#ifndef FORMATS_LAYERED_TWIN_PRIVATE_H
#define FORMATS_LAYERED_TWIN_PRIVATE_H

enum {
	UNIT = 8,           /* bytes of what runs are made of */
	LONGEST_NUMBER = 9, /* bytes of one in the table: seven bits each, below 2^61 */
	AT_SOURCE = 16,     /* in the header: the identity of the source */
};

#endif

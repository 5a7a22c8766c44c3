/* packfile_files.c: the genuine packfiles. */
#include "packfile_files.h"

#include <stdio.h>
#include <string.h>

#include "imago/file.h"

const imago_layout packfile_layouts[NUM_PACKFILE_LAYOUTS] = {{4, IMAGO_LITTLE_ENDIAN},
                                                             {4, IMAGO_BIG_ENDIAN},
                                                             {8, IMAGO_LITTLE_ENDIAN},
                                                             {8, IMAGO_BIG_ENDIAN}};

static const char integers[] = "270544960";
static const char numbers[] =
    "1\n4\n16\n64\n256\n1024\n4096\n16384\n65536\n262144\n1048576\n4194304\n16777216\n67108864\n"
    "268435456\n1073741824\n4294967296\n17179869184\n68719476736\n274877906944\n1099511627776\n"
    "4398046511104\n17592186044416\n70368744177664\n281474976710656\n1.12589990684262e+15\n";
static const char strings[] = "\n%Ec\n\xc2\x80\nABCX\n\xc3\x84rger\n";

const real_packfile real_packfiles[NUM_REAL_PACKFILES] = {
    {"integer_4_le", {4, IMAGO_LITTLE_ENDIAN}, integers},
    {"integer_8_be", {8, IMAGO_BIG_ENDIAN}, integers},
    {"number_4_8_be", {4, IMAGO_BIG_ENDIAN}, numbers},
    {"number_8_8_le", {8, IMAGO_LITTLE_ENDIAN}, numbers},
    {"string_4_be", {4, IMAGO_BIG_ENDIAN}, strings},
    {"string_8_le", {8, IMAGO_LITTLE_ENDIAN}, strings},
};

bool
real_packfile_load(const real_packfile *file, imago_allocator *allocator, uint8_t **bytes,
                   uint64_t *size)
{
	char path[128];
	imago_error error;
	snprintf(path, sizeof path, "../shared/packfiles/%s.pbc", file->name);
	return imago_file_read(path, allocator, bytes, size, &error) == IMAGO_OK;
}

void
printed_append(const uint8_t *bytes, size_t size, void *payload)
{
	printed *out = payload;
	for (size_t i = 0; i < size && out->size + 1 < sizeof out->text; i++) {
		out->text[out->size++] = (char)bytes[i];
	}
	out->text[out->size] = '\0';
}

imago_status
run_packfile(const imago_packfile *packfile, uint64_t fuel, printed *out)
{
	imago_allocator allocator;
	imago_packfile_machine machine;
	imago_error error = {0};
	out->size = 0;
	out->text[0] = '\0';
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_packfile_machine_init(&machine, &allocator);
	imago_status status =
	    imago_packfile_run(packfile, fuel, printed_append, out, &machine, &out->result, &error);
	imago_packfile_machine_release(&machine);
	return allocator.used == 0 ? status : IMAGO_EINTERNAL;
}

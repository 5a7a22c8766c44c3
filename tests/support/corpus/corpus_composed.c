/* corpus_composed.c: recipes of composed.*: the files of an image folder. */
#include "corpus.h"

#include <string.h>

static const char header[] = "header.ston";

static void
rename_structure(corpus_case *here)
{
	corpus_replace(here, header, "SpurImageHeaderStruct", "SomeOtherStruct");
}

static void
add_unknown_field(corpus_case *here)
{
	corpus_replace(here, header, "{\n", "{\n\t#unknown : 1,\n");
}

static void
drop_field(corpus_case *here)
{
	corpus_replace(here, header, "\t#hdrCogCodeSize : 0,\n", "");
}

/* Without the blank before the colon, the VM does not find the field. */
static void
drop_blank(corpus_case *here)
{
	corpus_replace(here, header, "#firstSegSize :", "#firstSegSize:");
}

static void
clear_old_space_size(corpus_case *here)
{
	corpus_set_field(here, header, "hdrOldSpaceSize", 0);
}

static void
lower_old_space_size(corpus_case *here)
{
	uint64_t size = corpus_field(here, header, "hdrOldSpaceSize");
	corpus_set_field(here, header, "hdrOldSpaceSize", size - 8);
}

static void
raise_old_space_size(corpus_case *here)
{
	uint64_t size = corpus_field(here, header, "hdrOldSpaceSize");
	corpus_set_field(here, header, "hdrOldSpaceSize", size + 8);
}

static void
set_swap_bytes(corpus_case *here)
{
	corpus_set_field(here, header, "swapBytes", 1);
}

static void
raise_version(corpus_case *here)
{
	corpus_set_field(here, header, "imageVersion", 70000);
}

static void
lengthen_data(corpus_case *here)
{
	corpus_append(here, "seg0.data", "trailing", 8);
}

static const char metadata[] = "ComposedMetadataStruct {\n"
                               "\t#startAddress : 1099511627776,\n"
                               "\t#dataSize : 64\n"
                               "}";

static void
add_lone_metadata(corpus_case *here)
{
	corpus_add_file(here, "seg1.ston", metadata, strlen(metadata));
}

static void
add_stale_segment(corpus_case *here)
{
	corpus_add_file(here, "seg2.data", "stale!!!", 8);
}

static void
drop_perm_metadata(corpus_case *here)
{
	corpus_remove_file(here, "permSpace.data");
	corpus_remove_file(here, "permSpace.ston");
}

static void
add_perm_data(corpus_case *here)
{
	corpus_append(here, "permSpace.data", "unused!!", 8);
}

#define COMPOSED(name, function)                                          \
	{                                                                     \
		.rule = (name), .layouts = CORPUS_SPUR, .needs = CORPUS_COMPOSED, \
		.break_files = (function)                                         \
	}

const corpus_recipe corpus_composed_recipes[] = {
    COMPOSED("composed.structName", rename_structure),
    COMPOSED("composed.unknownField", add_unknown_field),
    COMPOSED("composed.missingField", drop_field),
    COMPOSED("composed.lineReader", drop_blank),
    COMPOSED("composed.oldSpaceSizeMissing", clear_old_space_size),
    COMPOSED("composed.oldSpaceSizeLow", lower_old_space_size),
    COMPOSED("composed.oldSpaceSizeHigh", raise_old_space_size),
    COMPOSED("composed.swapBytes", set_swap_bytes),
    COMPOSED("composed.fieldTooWide", raise_version),
    {.rule = "composed.bigEndian",
     .layouts = CORPUS_SPUR | CORPUS_BIG_ENDIAN,
     .needs = CORPUS_COMPOSED},
    COMPOSED("composed.dataTail", lengthen_data),
    COMPOSED("composed.metadataWithoutData", add_lone_metadata),
    COMPOSED("composed.staleSegment", add_stale_segment),
    COMPOSED("composed.permMetadataMissing", drop_perm_metadata),
    COMPOSED("composed.permDataUnused", add_perm_data),
    {.rule = NULL},
};

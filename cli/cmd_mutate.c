/* cmd_mutate.c: a mutant of a file. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "imago/mutate.h"
#include "output.h"
#include "raw_file.h"

enum {
	OPTION_SEED,
	OPTION_OPS,
	OPTION_EDITS,
	OPTION_NO_REPAIR,
	OPTION_REPAIR,
	OPTION_LIST_OPS,
	ROOM = 65536,
};

static const option_spec mutate_options[] = {
    [OPTION_SEED] = {"seed", "N", "another mutant for another seed (default 0)", OPTION_NUMBER, 0,
                     0},
    [OPTION_OPS] = {"ops", "NAME[,NAME]", "use these operators, or families of operators, alone",
                    OPTION_LIST, 0, 0},
    [OPTION_EDITS] = {"edits", "N", "stack N edits (default: 1 to 8, as the seed says)",
                      OPTION_NUMBER, 1, IMAGO_MAX_EDITS},
    [OPTION_NO_REPAIR] = {"no-repair", NULL, "leave every wound open", OPTION_FLAG, 0, 0},
    [OPTION_REPAIR] = {"repair", NULL, "mend sizes, counts and bridges, whatever the seed says",
                       OPTION_FLAG, 0, 0},
    [OPTION_LIST_OPS] = {"list-ops", NULL, "print every operator, and mutate nothing", OPTION_FLAG,
                         0, 0},
};

static exit_status
list_operators(void)
{
	static const char *const effects[] = {"sound", "keeps", "wounds", "lies"};
	print("%-24s %-17s %-7s %s\n", "operator", "formats", "effect", "summary");
	for (size_t i = 0; i < imago_num_mutations(); i++) {
		const imago_mutation *mutation = imago_mutation_at(i);
		char formats[64] = "";
		for (int format = 0; format < IMAGO_NUM_FORMATS; format++) {
			if ((mutation->formats >> format & 1) != 0) {
				const size_t length = strlen(formats);
				snprintf(formats + length, sizeof formats - length, "%s%s", length > 0 ? "," : "",
				         imago_format_name((imago_format_id)format));
			}
		}
		print("%-24s %-17s %-7s %s\n", mutation->name,
		      mutation->formats == 0 ? "any bytes" : formats, effects[mutation->effect],
		      mutation->summary);
	}
	return EXIT_DONE;
}

static bool
operators_are_known(const option_value *value)
{
	for (size_t i = 0; i < value->list_length; i++) {
		if (!imago_mutation_is_known(value->list[i])) {
			complain("mutate: no operator or family is called '%s' (see --list-ops)",
			         value->list[i]);
			return false;
		}
	}
	return true;
}

static void
print_report(const char *path, const imago_mutate_report *report)
{
	print_name(path);
	print(":");
	for (size_t i = 0; i < report->num_applied; i++) {
		print(" %s", report->applied[i]->name);
	}
	print("%s%s\n", report->num_applied == 0 ? " no edit found a place" : "",
	      report->repaired ? ", repaired" : "");
}

static exit_status
run_mutate(const command_line *line)
{
	const option_value *values = line->values;
	if (values[OPTION_LIST_OPS].given) {
		return list_operators();
	}
	if (line->num_names != 2) {
		complain("mutate: IN and OUT are needed");
		return EXIT_TROUBLE;
	}
	if (!operators_are_known(&values[OPTION_OPS])) {
		return EXIT_TROUBLE;
	}
	if (values[OPTION_REPAIR].given && values[OPTION_NO_REPAIR].given) {
		complain("mutate: --repair and --no-repair exclude each other");
		return EXIT_TROUBLE;
	}
	imago_mutate_options options = {
	    .seed = values[OPTION_SEED].number,
	    .only = values[OPTION_OPS].given ? values[OPTION_OPS].list : NULL,
	    .num_only = values[OPTION_OPS].list_length,
	    .num_edits = (unsigned)values[OPTION_EDITS].number,
	    .repair = values[OPTION_REPAIR].given      ? IMAGO_REPAIR_ALWAYS
	              : values[OPTION_NO_REPAIR].given ? IMAGO_REPAIR_NEVER
	                                               : IMAGO_REPAIR_MOSTLY,
	};
	raw_file file;
	imago_mutate_report report;
	exit_status result = raw_file_read(&file, line->names[0], ROOM, line->allocator);
	if (result == EXIT_DONE) {
		file.size = imago_mutate_with(file.bytes, file.size, file.capacity, &options, &report);
		result = raw_file_save(line->names[1], file.bytes, file.size);
	}
	if (result == EXIT_DONE) {
		print_report(line->names[1], &report);
		result = report.num_applied == 0 ? EXIT_IMAGE : EXIT_DONE;
	}
	raw_file_release(&file);
	return result;
}

const struct command mutate_command = {
    .name = "mutate",
    .arguments = "IN OUT",
    .summary = "make a mutant of an image, for tests",
    .description =
        "Writes a mutant of the file IN as OUT, and prints the operators that made it. The same\n"
        "file and options give the same bytes, on every machine. IN may be anything: what is no\n"
        "image is mutated byte by byte; an image folder must be a bundle (imago convert --to\n"
        "composed IN OUT.bundle). Without --repair and --no-repair, sizes, counts and bridges are\n"
        "mended for 7 of 8 seeds, and 1 of 8 edits plain bytes. The exit status is 1, and OUT is\n"
        "as IN, when none of the operators found a place.",
    .examples = "  imago mutate good.image bad.image --seed 7\n"
                "  imago mutate good.image bad.image --ops oop.misalign,free --edits 3\n"
                "  imago mutate --list-ops",
    .options = mutate_options,
    .num_options = sizeof mutate_options / sizeof mutate_options[0],
    .min_names = 0,
    .max_names = 2,
    .run = run_mutate,
};

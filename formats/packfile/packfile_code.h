/* packfile_code.h: the ops that are known, by their place in packfile_ops.def. */
#ifndef FORMATS_PACKFILE_CODE_H
#define FORMATS_PACKFILE_CODE_H

#include "imago/packfile_run.h"

typedef enum packfile_op_id {
	PACKFILE_OP_UNKNOWN,
#define PACKFILE_OP(id, number, name, operands) PACKFILE_OP_##id,
#include "packfile_ops.def"
#undef PACKFILE_OP
	PACKFILE_NUM_OPS,
} packfile_op_id;

packfile_op_id imago_packfile_op_id(const imago_packfile_code *code, int64_t opcode);

#endif

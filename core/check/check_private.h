/* check_private.h: what the files of this room share.
 *
 * The facts are gathered first and then only read; the context belongs to one thread: it reports
 * and counts. A rule is written as a function that looks at one thing and calls check_report.
 */
#ifndef IMAGO_CHECK_PRIVATE_H
#define IMAGO_CHECK_PRIVATE_H

#include "imago/bitmap.h"
#include "imago/check.h"
#include "imago/class_table.h"
#include "imago/heap.h"
#include "imago/image_header.h"
#include "imago/known_objects.h"
#include "imago/method.h"
#include "imago/survey.h"

/* What an oop leads to. */
typedef enum check_target {
	TARGET_OBJECT, /* an ordinary object (or one with a class index it may not carry) */
	TARGET_NIL,
	TARGET_IMMEDIATE,
	TARGET_INVALID_TAG,
	TARGET_MISALIGNED,
	TARGET_OUTSIDE,
	TARGET_OUTSIDE_PERM,
	TARGET_BRIDGE,
	TARGET_UNKNOWN, /* behind the place where the walk of a segment had to stop */
	TARGET_MIDDLE,
	TARGET_FREE,
	TARGET_FORWARDER,
	TARGET_HIDDEN,
} check_target;

/* Classes whose instances have rules of their own. */
typedef enum check_role {
	ROLE_NONE,
	ROLE_FLOAT,
	ROLE_CONTEXT,
	ROLE_BLOCK_CONTEXT, /* V3 */
	ROLE_CLOSURE,
	ROLE_FULL_CLOSURE,
} check_role;

typedef enum check_shape_state {
	SHAPE_UNKNOWN, /* no class, or not class-shaped: its instances cannot be judged */
	SHAPE_NIL,
	SHAPE_KNOWN,
} check_shape_state;

/* What is expected of the instances of a class. */
typedef struct check_shape {
	imago_addr cls;
	uint32_t num_named;
	uint8_t format; /* without tail bits */
	uint8_t state;  /* check_shape_state */
	uint8_t role;   /* check_role */
} check_shape;

/* The distinct class words of a V3 heap: open addressing, capacity a power of two. */
typedef struct check_class_set {
	check_shape *entries; /* cls 0: free */
	uint32_t capacity;
	uint32_t count;
} check_class_set;

enum {
	CHECK_MAX_SHAPES = 1 << 18, /* of classes looked up in advance; the rest is decoded when met */
	CHECK_MAX_CLASS_WORDS = 1 << 16,
	CHECK_MAX_FORWARDS = 64,
};

/* Known before, or found out by, the first pass. */
typedef struct check_facts {
	const imago_heap *heap;
	const imago_format_number *number; /* may be NULL for a heap made by hand */
	imago_allocator *allocator;
	imago_bitmap objects;    /* a bit per unit: an object starts there that may be pointed at */
	imago_bitmap others;     /* other chunks; and objects that a chain already led over */
	uint64_t *segment_bits;  /* first bit of each segment */
	imago_addr *walked_ends; /* address up to which each segment could be walked */
	uint8_t unit_shift;
	bool all_walked;

	imago_oop nil;
	imago_known_objects known; /* Spur; chunk 0 where one is broken */
	imago_object specials;
	bool has_specials;
	imago_class_table table; /* Spur: class table; V3: compact classes */
	bool table_broken;
	imago_addr *hidden; /* hidden objects that the roots reach, sorted */
	size_t num_hidden;
	size_t hidden_capacity;
	check_shape *shapes; /* Spur, by class index */
	uint32_t num_shapes;
	check_class_set class_words; /* V3 */
	imago_addr role_classes[ROLE_FULL_CLOSURE + 1];
	bool surveyed; /* plainly fine objects are passed over (check_survey.c) */
	imago_survey survey;
	imago_survey_shape *plain_shapes; /* as many as shapes */
} check_facts;

/* What the passes count. */
typedef struct check_counters {
	uint64_t num_objects;
	uint64_t num_free;
	uint64_t free_bytes;
	uint64_t num_primary_methods, num_alternate_methods; /* bytecode sets */
} check_counters;

typedef struct check_context {
	check_facts *facts;
	imago_check_sink *sink;
	imago_error *error;
	imago_status status; /* IMAGO_ENOMEM when a rule ran out of memory */
	check_counters counters;
	bool puts_off_chains; /* one of two threads: chains of senders are followed afterwards */
	bool chain_put_off;   /* … and one should have been followed */
	bool broken[IMAGO_NUM_CORE_RULES];
} check_context;

/* Where a finding is. */
typedef struct check_place {
	const char *part;
	uint64_t offset;
	imago_oop oop;
	uint64_t slot;
} check_place;

/* check.c */
void check_report(check_context *context, imago_rule_id id, const check_place *place,
                  uint64_t found, uint64_t expected);
void check_report_object(check_context *context, imago_rule_id rule, const imago_object *object,
                         uint64_t found, uint64_t expected);
void check_report_slot(check_context *context, imago_rule_id rule, const imago_object *object,
                       uint64_t slot, uint64_t expected);
bool check_is_broken(const check_context *context, imago_rule_id rule);
static inline bool
check_stopped(const check_context *context)
{
	return context->sink->stopped || context->status != IMAGO_OK;
}

/* check_index.c: which addresses are what. */
imago_status check_index_create(check_facts *facts, imago_error *error);
void check_index_release(check_facts *facts);
void check_index_mark(check_facts *facts, const imago_object *object, bool legal);
check_target check_classify(const check_facts *facts, imago_oop oop);

/* Decodes what an oop leads to, over forwarders, as VMs do; *out is set for TARGET_OBJECT only.
 * TARGET_FORWARDER: over forwarders to nothing. */
check_target check_find(const check_facts *facts, imago_oop oop, imago_object *out);
/* The same for chunks that nothing may point at: *out for TARGET_FREE, _HIDDEN and _FORWARDER. */
check_target check_find_other(const check_facts *facts, imago_oop oop, imago_object *out);

/* True the first time that a chain leads over an object; oop must be TARGET_OBJECT. */
bool check_visit(check_facts *facts, imago_oop oop);

static inline imago_oop
check_slot_at(const check_facts *facts, const imago_object *object, uint64_t index)
{
	return imago_heap_fetch_slot(facts->heap, object, index);
}

static inline bool
check_is_spur(const check_facts *facts)
{
	return facts->heap->model == IMAGO_SPUR;
}

static inline bool
check_is_pointers(const imago_object *object)
{
	return object->kind == IMAGO_OBJECT_ORDINARY && object->body_kind == IMAGO_BODY_POINTERS;
}

static inline bool
check_is_code(const imago_object *object)
{
	return object->kind == IMAGO_OBJECT_ORDINARY && object->body_kind == IMAGO_BODY_METHOD;
}

/* True, and *value set, for a SmallInteger. */
static inline bool
check_is_integer(const check_facts *facts, imago_oop oop, int64_t *value)
{
	if (imago_oop_kind_of(facts->heap->tagging, oop) != IMAGO_OOP_INTEGER) {
		return false;
	}
	*value = imago_oop_integer(facts->heap->tagging, oop);
	return true;
}

/* Chains of objects, each leading to the next. next returns false at the end of the chain. */
typedef bool check_next_fn(const check_facts *facts, const imago_object *object,
                           imago_object *next);
typedef void check_object_fn(check_context *context, const imago_object *object);

/* Follows a chain over objects not yet visited and looks at each (look may be NULL). True when it
 * leads in a circle; *lowest is then the object of the circle with the lowest address. It marks
 * objects in the facts: two threads must not follow chains at once. */
bool check_follow_chain(check_context *context, const imago_object *start, check_next_fn *next,
                        check_object_fn *look, imago_object *lowest);

/* check_header.c, check_segment.c, check_space.c */
void check_header(check_context *context);
void check_header_after_walk(check_context *context);
void check_header_after_scan(check_context *context);
void check_bridges(check_context *context);
void check_segment_contents(check_context *context, size_t index, uint64_t num_objects);
void check_perm_object(check_context *context, const imago_object *object);

/* check_object.c: pass 1 looks at headers, pass 2 at bodies. */
void check_object(check_context *context, const imago_object *object);
void check_walk_failure(check_context *context, size_t index, imago_addr addr,
                        const imago_error *error);
void check_body(check_context *context, const imago_object *object);

/* check_slot.c */
void check_slot(check_context *context, const imago_object *object, uint64_t index, imago_oop oop);
void check_slots(check_context *context, const imago_object *object);
void check_forwarder(check_context *context, const imago_object *object);

/* check_roots.c, check_class_table.c, check_v3.c: in this order, after pass 1. */
void check_first_objects(check_context *context);
void check_specials(check_context *context);
void check_hidden_roots(check_context *context);
bool check_is_known_hidden(const check_facts *facts, imago_addr oop);
void check_class_table(check_context *context);
void check_v3_roots(check_context *context);
check_target check_special(const check_facts *facts, uint64_t index, imago_object *out);
imago_oop check_special_oop(const check_facts *facts, uint64_t index);
imago_oop check_table_entry(const check_facts *facts, uint32_t class_index);

/* check_shape.c: classes and what they say of their instances. */
imago_status check_shapes_create(check_facts *facts, imago_error *error);
void check_shapes_release(check_facts *facts);
void check_note_class_word(check_context *context, imago_addr cls);
check_shape check_shape_of(const check_facts *facts, const imago_object *object);
check_shape check_shape_of_class(const check_facts *facts, imago_oop cls);
check_role check_role_of(const check_facts *facts, const imago_object *object);
uint8_t check_plain_format(imago_object_model model, uint8_t format);

/* check_class.c, check_method.c, check_context.c, check_scheduler.c, check_free.c */
void check_classes(check_context *context);
void check_instance(check_context *context, const imago_object *object, const check_shape *shape);
void check_method(check_context *context, const imago_object *object);
imago_survey_code check_plain_code(void); /* of Spur methods that check_method is silent about */
void check_sender_chain(check_context *context, const imago_object *object);
void check_active_object(check_context *context, const imago_object *object, check_role role);
void check_scheduler(check_context *context);
void check_free_lists(check_context *context);

#endif

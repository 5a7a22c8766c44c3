/* workspace_write.c: what can be reached, in order, with new addresses and counts.
 *
 * 1. collect: from the root on, breadth first; the symbols of a namespace in the order of names,
 *    and its tree as level as can be;
 * 2. order, and give addresses;
 * 3. count pointers;
 * 4. append. */
#include <stdlib.h>
#include <string.h>

#include "../../core/base/planted.h"
#include "imago/checked.h"
#include "imago/workspace.h"

/* A pocket that is written. Numbers of others are one more than their place in the list. */
typedef struct item {
	imago_addr old, now;
	uint64_t left, right; /* of a symbol; of a namespace, right: the root of its tree */
	uint32_t count;
	uint8_t kind;
	bool is_placed;
} item;

/* What decides where a pocket comes. */
typedef struct place {
	uint32_t pocket_class;
	uint64_t first, second;
	uint64_t index;
} place;

typedef struct job {
	imago_pockets *pockets;
	const imago_workspace_options *options;
	imago_addr_map indices; /* from old addresses to numbers */
	item *items;
	uint64_t num, capacity;
	place *places;
	uint64_t num_places;
	imago_workspace_head head;
	imago_writer *writer;
	imago_error *error;
} job;

/* ---- 1 */

static imago_status
broken(const job *j, const char *what, imago_addr address)
{
	return imago_fail(j->error, IMAGO_ESTRUCTURE, what, IMAGO_NO_OFFSET, address, 0);
}

static imago_status
grow_items(job *j)
{
	const uint64_t capacity = j->capacity == 0 ? 256 : j->capacity * 2;
	item *grown = imago_pockets_scratch(j->pockets, j->items, j->capacity * sizeof *grown,
	                                    capacity * sizeof *grown, "list of pockets", j->error);
	if (grown == NULL) {
		return IMAGO_ENOMEM;
	}
	j->items = grown;
	j->capacity = capacity;
	return IMAGO_OK;
}

/* Adds a pocket that is not there yet; 0 is none. */
static imago_status
add(job *j, imago_addr address)
{
	imago_pocket pocket;
	if (address == 0 || imago_addr_map_find(&j->indices, address) != NULL) {
		return IMAGO_OK;
	}
	if (!imago_pocket_at(j->pockets, address, &pocket) || pocket.zones.kind == IMAGO_POCKET_FREE ||
	    pocket.zones.kind >= IMAGO_NUM_POCKET_KINDS) {
		return broken(j, "pointer", address);
	}
	/* What stands outside the main workspace stands in one of its namespaces, or must not be
	 * written: its symbols are not ours. */
	if (imago_region_of(address) != 0 && pocket.zones.kind != IMAGO_POCKET_ARRAY &&
	    pocket.zones.kind != IMAGO_POCKET_BODY) {
		return broken(j, "pointer into a shared code file", address);
	}
	imago_status status = j->num < j->capacity ? IMAGO_OK : grow_items(j);
	if (status == IMAGO_OK) {
		status = imago_addr_map_put(&j->indices, address, j->num + 1, j->error);
	}
	if (status == IMAGO_OK) {
		j->items[j->num++] = (item){.old = address, .kind = pocket.zones.kind};
	}
	return status;
}

static uint64_t
number_of(const job *j, imago_addr address)
{
	const uint64_t *number = address != 0 ? imago_addr_map_find(&j->indices, address) : NULL;
	return number != NULL ? *number : 0;
}

static uint64_t
level(job *j, const imago_addr *symbols, uint64_t num)
{
	if (num == 0) {
		return 0;
	}
	const uint64_t middle = num / 2;
	const uint64_t number = number_of(j, symbols[middle]);
	j->items[number - 1].left = level(j, symbols, middle);
	j->items[number - 1].right = level(j, symbols + middle + 1, num - middle - 1);
	return number;
}

static imago_status
visit_namespace(job *j, uint64_t index)
{
	imago_symbol_list list;
	imago_status status =
	    imago_symbol_list_create(&list, j->pockets, j->items[index].old, j->error);
	for (uint64_t i = 0; status == IMAGO_OK && i < list.num; i++) {
		status = add(j, list.symbols[i]);
	}
	if (status == IMAGO_OK) {
		j->items[index].right = level(j, list.symbols, list.num);
	}
	imago_symbol_list_release(&list);
	return status;
}

static imago_status
visit(job *j, uint64_t index)
{
	imago_pocket pocket;
	uint64_t first;
	(void)imago_pocket_at(j->pockets, j->items[index].old, &pocket);
	if (pocket.zones.kind == IMAGO_POCKET_NAMESPACE) {
		const imago_status status = visit_namespace(j, index);
		return status == IMAGO_OK ? add(j, imago_pocket_pointer(&pocket, IMAGO_SPACE_PARENT))
		                          : status;
	}
	const uint64_t begin = pocket.zones.kind == IMAGO_POCKET_SYMBOL ? IMAGO_SYMBOL_VALUE : 0;
	const uint64_t num = imago_pocket_pointers(&pocket, &first);
	imago_status status = IMAGO_OK;
	for (uint64_t i = begin; status == IMAGO_OK && i < num; i++) {
		const imago_addr value = imago_pocket_pointer(&pocket, i);
		status = value != 0 || pocket.zones.kind == IMAGO_POCKET_SYMBOL
		             ? add(j, value)
		             : broken(j, "pointer", pocket.address);
	}
	return status;
}

static imago_status
collect(job *j)
{
	imago_status status = add(j, j->pockets->regions[0].root);
	for (uint64_t i = 0; status == IMAGO_OK && i < j->num; i++) {
		status = visit(j, i);
	}
	return status;
}

/* ---- 2 */

static void
put(job *j, uint64_t number, uint32_t class, uint64_t first, uint64_t second)
{
	if (number != 0 && !j->items[number - 1].is_placed) {
		j->items[number - 1].is_placed = true;
		j->places[j->num_places++] = (place){class, first, second, number - 1};
	}
}

/* A function, its table and its body side by side: who calls it wants all three. */
static void
put_function(job *j, uint64_t index)
{
	imago_pocket function;
	(void)imago_pocket_at(j->pockets, j->items[index].old, &function);
	put(j, index + 1, IMAGO_CLASS_CODE, index, 0);
	for (uint64_t i = 0; i < 2; i++) {
		const uint64_t number = number_of(j, imago_pocket_pointer(&function, i));
		const uint8_t kind = number != 0 ? j->items[number - 1].kind : 0;
		if (kind == IMAGO_POCKET_LST || kind == IMAGO_POCKET_BODY) {
			put(j, number, IMAGO_CLASS_CODE, index, i + 1);
		}
	}
}

static void
put_sorted(job *j, uint64_t index)
{
	imago_pocket pocket;
	switch (j->items[index].kind) {
	case IMAGO_POCKET_NAMESPACE:
		put(j, index + 1, IMAGO_CLASS_SPACES, index, 0);
		break;
	case IMAGO_POCKET_SYMBOL:
		put(j, index + 1, IMAGO_CLASS_SYMBOLS, index, 0);
		break;
	case IMAGO_POCKET_FUNCTION:
		put_function(j, index);
		break;
	case IMAGO_POCKET_ARRAY:
		(void)imago_pocket_at(j->pockets, j->items[index].old, &pocket);
		put(j, index + 1, IMAGO_CLASS_DATA, pocket.length, index);
		break;
	default:
		break; /* with its function */
	}
}

static int
compare_places(const void *a, const void *b)
{
	const place *one = a;
	const place *other = b;
	if (one->pocket_class != other->pocket_class) {
		return one->pocket_class < other->pocket_class ? -1 : 1;
	}
	if (one->first != other->first) {
		return one->first < other->first ? -1 : 1;
	}
	return (one->second > other->second) - (one->second < other->second);
}

static void
add_to_run(job *j, uint32_t class, uint64_t length)
{
	imago_workspace_head *head = &j->head;
	if (head->num_runs == 0 || head->runs[head->num_runs - 1].pocket_class != class) {
		head->runs[head->num_runs++] = (imago_workspace_run){
		    .pocket_class = class, .offset = IMAGO_WORKSPACE_PAGE + head->size};
	}
	head->runs[head->num_runs - 1].size += length;
	head->runs[head->num_runs - 1].num_pockets++;
	head->size += length;
}

static imago_status
arrange(job *j)
{
	const bool is_sorted = j->options->slot != 0 && !j->options->unsorted;
	j->places = imago_pockets_scratch(j->pockets, NULL, 0, j->num * sizeof *j->places,
	                                  "list of pockets", j->error);
	if (j->places == NULL) {
		return IMAGO_ENOMEM;
	}
	for (uint64_t i = 0; i < j->num; i++) {
		if (is_sorted) {
			put_sorted(j, i);
		} else {
			put(j, i + 1, IMAGO_CLASS_ANY, j->items[i].old, 0);
		}
	}
	for (uint64_t i = 0; i < j->num; i++) { /* what no function leads to */
		put(j, i + 1, IMAGO_CLASS_DATA, UINT64_MAX, i);
	}
	qsort(j->places, (size_t)j->num_places, sizeof *j->places, compare_places);
	j->head.start = IMAGO_REGION_START(j->options->slot);
	for (uint64_t i = 0; i < j->num_places; i++) {
		imago_pocket pocket;
		item *here = &j->items[j->places[i].index];
		(void)imago_pocket_at(j->pockets, here->old, &pocket);
		here->now = j->head.start + j->head.size;
		add_to_run(j, j->places[i].pocket_class, pocket.length);
	}
	return IMAGO_OK;
}

/* ---- 3 and 4 */

/* The number of what pointer i of a pocket leads to when it is written; 0: nothing. */
static uint64_t
target(const job *j, const imago_pocket *pocket, const item *from, uint64_t i)
{
	if (pocket->zones.kind == IMAGO_POCKET_SYMBOL && i <= IMAGO_SYMBOL_RIGHT) {
		return i == IMAGO_SYMBOL_LEFT ? from->left : from->right;
	}
	if (pocket->zones.kind == IMAGO_POCKET_NAMESPACE && i == IMAGO_SPACE_ROOT) {
		return from->right;
	}
	return number_of(j, imago_pocket_pointer(pocket, i));
}

static void
count_pointers(const job *j, const item *from)
{
	imago_pocket pocket;
	uint64_t first;
	(void)imago_pocket_at(j->pockets, from->old, &pocket);
	const uint64_t num = imago_pocket_pointers(&pocket, &first);
	for (uint64_t i = 0; i < num; i++) {
		const uint64_t number = target(j, &pocket, from, i);
		const bool twice = j->options->slot != 0 && pocket.zones.kind == IMAGO_POCKET_SYMBOL &&
		                   i == IMAGO_SYMBOL_VALUE;
		if (number != 0) {
			j->items[number - 1].count += twice ? 2 : 1;
		}
	}
}

static void
append(const job *j, const item *from)
{
	imago_pocket pocket;
	uint64_t first;
	imago_writer *writer = j->writer;
	(void)imago_pocket_at(j->pockets, from->old, &pocket);
	const uint64_t at = writer->size;
	const bool is_symbol = pocket.zones.kind == IMAGO_POCKET_SYMBOL;
	const bool is_dropped =
	    is_symbol && !IMAGO_BUG(slot_is_saved, is_symbol && pocket.zones.flag != 0);
	const uint8_t zones[4] = {pocket.zones.kind, pocket.zones.type, pocket.zones.size,
	                          is_dropped ? 0 : pocket.zones.flag};
	imago_write_u64(writer, pocket.length);
	imago_write_u32(writer, from->count);
	imago_write_bytes(writer, zones, sizeof zones);
	imago_write_bytes(writer, pocket.contents, pocket.size);
	const uint64_t num = imago_pocket_pointers(&pocket, &first);
	for (uint64_t i = 0; i < num && writer->status == IMAGO_OK; i++) {
		const uint64_t number = target(j, &pocket, from, i);
		imago_store_u64(writer->bytes + at + IMAGO_POCKET_HEADER + first + i * 8,
		                number != 0 ? j->items[number - 1].now : 0, IMAGO_LITTLE_ENDIAN);
	}
}

static imago_status
append_all(job *j)
{
	imago_writer *writer = j->writer;
	imago_workspace_head *head = &j->head;
	const uint64_t begin = writer->size;
	(void)imago_checked_align_up(head->size + IMAGO_WORKSPACE_PAGE, IMAGO_WORKSPACE_PAGE,
	                             &head->file_size);
	head->slot = j->options->slot;
	head->root = j->items[0].now;
	head->num_pockets = j->num;
	j->items[0].count = 1; /* the header leads to it */
	for (uint64_t i = 0; i < j->num; i++) {
		count_pointers(j, &j->items[i]);
	}
	imago_writer_reserve(writer, head->file_size);
	imago_write_zeros(writer, IMAGO_WORKSPACE_PAGE);
	for (uint64_t i = 0; i < j->num && writer->status == IMAGO_OK; i++) {
		append(j, &j->items[j->places[i].index]);
	}
	imago_write_zeros(writer, head->file_size - IMAGO_WORKSPACE_PAGE - head->size);
	if (writer->status == IMAGO_OK) {
		imago_workspace_hash(head->pockets_hash, writer->bytes + begin + IMAGO_WORKSPACE_PAGE,
		                     head->size);
		imago_workspace_encode(head, writer->bytes + begin);
	}
	return writer->status;
}

imago_status
imago_workspace_write(imago_pockets *pockets, const imago_workspace_options *options,
                      imago_writer *writer, imago_error *error)
{
	static const imago_workspace_options defaults = {.slot = 0};
	job j = {.pockets = pockets,
	         .options = options != NULL ? options : &defaults,
	         .writer = writer,
	         .error = error};
	imago_error_set_part(error, "");
	if (j.options->slot > IMAGO_WORKSPACE_SLOTS) {
		return imago_fail(error, IMAGO_EUSAGE, "slot", IMAGO_NO_OFFSET, j.options->slot,
		                  IMAGO_WORKSPACE_SLOTS);
	}
	writer->error = error;
	imago_addr_map_init(&j.indices, pockets);
	imago_status status = collect(&j);
	if (status == IMAGO_OK) {
		status = arrange(&j);
	}
	if (status == IMAGO_OK) {
		status = append_all(&j);
	}
	imago_addr_map_release(&j.indices);
	imago_pockets_scratch_release(pockets, j.items, j.capacity * sizeof *j.items);
	imago_pockets_scratch_release(pockets, j.places, j.num * sizeof *j.places);
	return status;
}

/* pocket_fixture.c: a workspace to test with. */
#include "pocket_fixture.h"

#include <stdlib.h>
#include <string.h>

int
pocket_setup(void **state)
{
	pocket_fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	imago_allocator_init(&f->allocator, IMAGO_UNLIMITED);
	assert_ok(imago_pockets_init(&f->pockets, &f->allocator, &f->error), &f->error);
	*state = f;
	return 0;
}

int
pocket_teardown(void **state)
{
	pocket_fixture *f = *state;
	assert_audit_is_clean(&f->pockets);
	imago_pockets_release(&f->pockets);
	assert_no_leak(&f->allocator);
	free(f);
	return 0;
}

static bool
note(const imago_pocket_fault *fault, void *payload)
{
	uint32_t *problems = payload;
	*problems |= 1U << fault->problem;
	return true;
}

uint32_t
problems_of(imago_pockets *pockets, bool is_file)
{
	const imago_survey_options options = {.is_file = is_file, .regions = 0x1FF};
	uint32_t problems = 0;
	uint64_t num;
	imago_error error;
	assert_ok(imago_pockets_survey(pockets, &options, note, &problems, &num, &error), &error);
	return problems;
}

static bool
print_fault(const imago_pocket_fault *fault, void *payload)
{
	(void)payload;
	print_error("%s: pocket %llx slot %lld: found %llx, expected %llx\n",
	            imago_pocket_problem_name(fault->problem), (unsigned long long)fault->pocket,
	            (long long)fault->slot, (unsigned long long)fault->found,
	            (unsigned long long)fault->expected);
	return true;
}

void
assert_audit_is_clean(imago_pockets *pockets)
{
	const imago_survey_options options = {.regions = 0x1FF};
	uint64_t num;
	imago_error error;
	if (problems_of(pockets, false) != 0) {
		assert_ok(imago_pockets_survey(pockets, &options, print_fault, NULL, &num, &error), &error);
		fail();
	}
}

imago_addr
root_of(const imago_pockets *pockets)
{
	return pockets->regions[0].root;
}

static void
audit_step(void *payload)
{
	assert_audit_is_clean(payload);
}

const char *
result_of(imago_pockets *pockets, const char *text)
{
	static char line[4096];
	const imago_run_options options = {.fuel = 100000, .step = audit_step, .payload = pockets};
	imago_run_result result;
	imago_error error = {0};
	imago_allocator allocator;
	imago_writer writer;
	imago_run(pockets, root_of(pockets), text, strlen(text), &options, &result, &error);
	assert_ok(imago_pockets_push(pockets, result.value, &error), &error); /* it is counted */
	assert_audit_is_clean(pockets);
	assert_int_equal(imago_pockets_pop(pockets), result.value);
	if (result.end != IMAGO_RUN_DONE) {
		assert_int_equal(result.value, 0);
		return imago_run_end_name(result.end);
	}
	if (result.value == 0) {
		return "";
	}
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_writer_init(&writer, &allocator, (imago_layout){8, IMAGO_LITTLE_ENDIAN}, &error);
	imago_value_format(pockets, result.value, sizeof line / 2, &writer);
	assert_true(writer.size > 0 && writer.size < sizeof line);
	memcpy(line, writer.bytes, writer.size);
	line[writer.size - 1] = '\0';
	imago_writer_release(&writer);
	imago_pocket_drop(pockets, result.value);
	return line;
}

void
define(imago_pockets *pockets, const char *text)
{
	imago_error error;
	assert_ok(imago_function_define(pockets, root_of(pockets), text, strlen(text), &error), &error);
}

imago_addr
symbol_named(const imago_pockets *pockets, const char *name)
{
	return imago_symbol_find(pockets, root_of(pockets), name, strlen(name));
}

imago_addr
value_named(const imago_pockets *pockets, const char *name)
{
	imago_pocket symbol;
	assert_true(imago_pocket_at(pockets, symbol_named(pockets, name), &symbol));
	return imago_pocket_pointer(&symbol, IMAGO_SYMBOL_VALUE);
}

uint64_t
exchange(const imago_pockets *pockets, imago_addr address, unsigned bytes, uint64_t value)
{
	uint8_t *place = imago_pocket_bytes(pockets, address, bytes);
	uint64_t old = 0;
	assert_non_null(place);
	for (unsigned i = 0; i < bytes; i++) {
		old |= (uint64_t)place[i] << (8 * i);
		place[i] = (uint8_t)(value >> (8 * i));
	}
	return old;
}

static void
crowd_pocket(imago_pockets *pockets, uint64_t length, crowd *c)
{
	const imago_zones zones = {.kind = IMAGO_POCKET_BODY};
	imago_error error;
	assert_true(c->num < sizeof c->pockets / sizeof c->pockets[0]);
	assert_ok(imago_pocket_make(pockets, zones, length - IMAGO_POCKET_HEADER, &c->pockets[c->num++],
	                            &error),
	          &error);
}

void
crowd_in(imago_pockets *pockets, uint64_t room, crowd *c)
{
	const imago_region *region = &pockets->regions[0];
	imago_pocket pocket;
	c->num = 0;
	imago_pockets_join_free(pockets);
	for (unsigned i = 0; i < IMAGO_NUM_FREE_LISTS; i++) {
		while (imago_pocket_at(pockets, pockets->free[i], &pocket)) {
			crowd_pocket(pockets, pocket.length, c);
		}
	}
	if (region->capacity - region->used >= room + IMAGO_POCKET_LEAST) {
		crowd_pocket(pockets, region->capacity - region->used - room, c);
	}
}

void
crowd_out(imago_pockets *pockets, crowd *c)
{
	while (c->num > 0) {
		imago_pocket_drop(pockets, c->pockets[--c->num]);
	}
}

uint8_t *
make_region(const imago_pockets *pockets, unsigned region, uint64_t *size,
            imago_allocator *allocator)
{
	imago_pockets copy;
	imago_addr address = IMAGO_REGION_START(region);
	imago_pocket pocket;
	imago_pockets_init_empty(&copy, allocator);
	*size = pockets->regions[0].used;
	uint8_t *bytes = imago_allocate(allocator, *size, "region", NULL);
	assert_non_null(bytes);
	memcpy(bytes, pockets->regions[0].bytes, *size);
	copy.regions[region] = (imago_region){.bytes = bytes, .used = *size};
	const uint64_t distance = IMAGO_REGION_START(region) - IMAGO_REGION_START(0);
	for (; imago_pocket_at(&copy, address, &pocket); address += pocket.length) {
		uint64_t first;
		const uint64_t num = imago_pocket_pointers(&pocket, &first);
		for (uint64_t i = 0; i < num; i++) {
			uint8_t *place = pocket.contents + first + i * 8;
			const uint64_t value = imago_load_u64(place, IMAGO_LITTLE_ENDIAN);
			imago_store_u64(place, value == 0 ? 0 : value + distance, IMAGO_LITTLE_ENDIAN);
		}
	}
	for (address = IMAGO_REGION_START(region); imago_pocket_at(&copy, address, &pocket);
	     address += pocket.length) {
		if (pocket.zones.kind == IMAGO_POCKET_SYMBOL) {
			imago_pocket_hold(&copy, imago_pocket_pointer(&pocket, IMAGO_SYMBOL_VALUE));
		} else if (pocket.zones.kind == IMAGO_POCKET_FREE) {
			/* Files have none. To this nothing leads, either. */
			pocket.contents[-4] = IMAGO_POCKET_BODY;
		}
	}
	return bytes;
}

void
/* NOLINTNEXTLINE(readability-non-const-parameter): the region is written through it */
put_region(imago_pockets *pockets, const imago_pockets *source, unsigned region, uint8_t *bytes,
           uint64_t size)
{
	pockets->regions[region] = (imago_region){
	    .bytes = bytes,
	    .used = size,
	    .root = source->regions[0].root - IMAGO_REGION_START(0) + IMAGO_REGION_START(region)};
}

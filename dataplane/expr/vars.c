/*
 * Variables of a stream or a client: values in a row in blocks, found by going through them, as
 * there are few. The worker's whose stream or client it is.
 *
 * A value that is set anew stays where it is if it fits; else its place is free for others. Places
 * are powers of two, so a variable that grows with each request of a client takes at most twice its
 * size, not all of the scope.
 */
#include "config.h"
#include <stdlib.h>
#include "expr/vars_priv.h"

#define PLACE_MIN_BYTES 32	/* what each kind of value fits into but longer texts */

struct value {
	uint32_t	name;		/* 0: free */
	uint32_t	cap;		/* of `at`: a power of two */
	uint32_t	len;		/* of text */
	uint32_t	type;		/* enum sample_type */
	union {
		int64_t		number;
		struct ip	ip;
		char		text[PLACE_MIN_BYTES];	/* and more */
	} at;
};
#define VALUE_HEAD offsetof(struct value, at)

struct vars_block {
	struct vars_block	*next;
	uint32_t		 size;		/* of all; VARS_BLOCK_BYTES: of the spares */
	uint32_t		 used;		/* of `values` */
	_Alignas(struct value) char values[];
};

static struct value *
block_at(struct vars_block *block, uint32_t offset)
{
	return (struct value *)(void *)(block->values + offset);
}

/* The value of that name; of name 0 a free place for `cap` bytes. */
static struct value *
value_find(struct vars *vars, uint32_t name, uint32_t cap)
{
	for (struct vars_block *block = vars->blocks; block != NULL; block = block->next) {
		uint32_t offset = 0;

		while (offset < block->used) {
			struct value *value = block_at(block, offset);

			if (value->name == name && value->cap >= cap)
				return value;
			offset += (uint32_t)VALUE_HEAD + value->cap;
		}
	}
	return NULL;
}

static struct vars_block *
block_add(struct vars *vars, uint32_t need, struct spares *blocks)
{
	uint32_t size = need + (uint32_t)sizeof(struct vars_block);
	struct vars_block *block;

	if (size < VARS_BLOCK_BYTES)
		size = VARS_BLOCK_BYTES;
	if (size > VARS_MAX_BYTES - vars->bytes)
		return NULL;
	block = size == VARS_BLOCK_BYTES && blocks != NULL ? spares_take(blocks, size)
							   : malloc(size);
	if (block == NULL)
		return NULL;
	block->next = vars->blocks;
	block->size = size;
	block->used = 0;
	vars->blocks = block;
	vars->bytes += size;
	return block;
}

/* A new place, at the end of a block or in a new one. */
static struct value *
place_add(struct vars *vars, uint32_t cap, struct spares *blocks)
{
	uint32_t need = (uint32_t)VALUE_HEAD + cap;
	struct vars_block *block = vars->blocks;
	struct value *value;

	while (block != NULL && block->size - sizeof(*block) - block->used < need)
		block = block->next;
	if (block == NULL)
		block = block_add(vars, need, blocks);
	if (block == NULL)
		return NULL;
	value = block_at(block, block->used);
	value->cap = cap;
	value->name = 0;
	block->used += need;
	return value;
}

static void
value_fill(struct value *value, uint32_t name, const struct sample *sample)
{
	value->name = name;
	value->type = sample->type;
	if (sample_has_text(sample->type)) {
		value->len = (uint32_t)sample->text.len;
		if (value->len > 0)	/* where it is empty there may be no text at all */
			memmove(value->at.text, sample->text.at, sample->text.len);
	} else if (sample->type == SAMPLE_IP) {
		value->at.ip = sample->ip;
	} else {
		value->at.number = sample->number;
	}
}

static enum err
value_set(struct vars *vars, uint32_t name, const struct sample *sample, struct spares *blocks)
{
	size_t len = sample_has_text(sample->type) ? sample->text.len : 0;
	struct value *old = value_find(vars, name, 0), *value = old;
	uint32_t cap = PLACE_MIN_BYTES;

	if (len > VARS_MAX_BYTES)
		return ERR_LIMIT;
	while (cap < len)
		cap *= 2;
	if (value == NULL || value->cap < len)
		value = value_find(vars, 0, cap);
	if (value == NULL)
		value = place_add(vars, cap, blocks);
	if (value == NULL)
		return ERR_LIMIT;
	value_fill(value, name, sample);
	if (old != NULL && old != value)
		old->name = 0;
	return ERR_OK;
}

static void
value_read(const struct value *value, struct sample *sample)
{
	sample->type = (enum sample_type)value->type;
	if (sample_has_text(sample->type))
		sample->text = (struct slice){ value->at.text, value->len };
	else if (sample->type == SAMPLE_IP)
		sample->ip = value->at.ip;
	else
		sample->number = value->at.number;
}

bool
var_get(struct eval *eval, struct var_id id, struct sample *sample)
{
	struct vars *vars = eval->vars[id.scope];
	const struct value *value;

	if (id.scope == VAR_PROC)
		return proc_var_get(eval, id.slot, sample);
	value = vars != NULL && vars->blocks != NULL ? value_find(vars, id.name, 0) : NULL;
	if (value == NULL)
		return false;
	value_read(value, sample);
	return true;
}

enum err
var_set(struct eval *eval, struct var_id id, const struct sample *sample, struct spares *blocks)
{
	if (id.scope == VAR_PROC)
		return proc_var_set(id.slot, sample);
	if (eval->vars[id.scope] == NULL)
		return ERR_INVALID;
	return value_set(eval->vars[id.scope], id.name, sample, blocks);
}

void
var_unset(struct eval *eval, struct var_id id)
{
	struct vars *vars = eval->vars[id.scope];
	struct value *value;

	if (id.scope == VAR_PROC) {
		proc_var_unset(id.slot);
		return;
	}
	value = vars != NULL ? value_find(vars, id.name, 0) : NULL;
	if (value != NULL)
		value->name = 0;
}

void
vars_fini(struct vars *vars, struct spares *blocks)
{
	while (vars->blocks != NULL) {
		struct vars_block *block = vars->blocks;

		vars->blocks = block->next;
		if (block->size == VARS_BLOCK_BYTES && blocks != NULL)
			spares_give(blocks, block);
		else
			free(block);
	}
	vars->bytes = 0;
}

/* -- conditions -- */

bool
var_cond_find(unsigned *conds, struct slice word)
{
	static const struct {
		const char	*word;
		unsigned	 bit;
	} words[] = {
		{ "ifexists", VAR_IF_EXISTS },
		{ "ifnotexists", VAR_IF_NOT_EXISTS },
		{ "ifempty", VAR_IF_EMPTY },
		{ "ifnotempty", VAR_IF_NOT_EMPTY },
		{ "ifset", VAR_IF_SET },
		{ "ifnotset", VAR_IF_NOT_SET },
		{ "ifgt", VAR_IF_GT },
		{ "iflt", VAR_IF_LT },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (slice_equals(word, slice_of(words[i].word))) {
			*conds |= words[i].bit;
			return true;
		}
	}
	return false;
}

/* The number that is there against the new one; both must be numbers, or be made some. */
static bool
number_holds(struct eval *eval, const struct sample *old, const struct sample *new, unsigned conds)
{
	struct sample a = *old, b = *new;

	if (!sample_cast(eval, &a, SAMPLE_INT) || !sample_cast(eval, &b, SAMPLE_INT))
		return false;
	return ((conds & VAR_IF_GT) == 0 || a.number > b.number) &&
	       ((conds & VAR_IF_LT) == 0 || a.number < b.number);
}

bool
var_may_set(struct eval *eval, struct var_id id, const struct sample *sample, unsigned conds)
{
	bool is_empty = sample_has_text(sample->type) && sample->text.len == 0;
	struct sample old;
	bool exists;

	if (conds == 0)
		return true;
	if ((is_empty && (conds & VAR_IF_NOT_EMPTY) != 0) ||
	    (!is_empty && (conds & VAR_IF_EMPTY) != 0))
		return false;
	exists = var_get(eval, id, &old);
	if ((exists && (conds & (VAR_IF_NOT_EXISTS | VAR_IF_NOT_SET)) != 0) ||
	    (!exists && (conds & (VAR_IF_EXISTS | VAR_IF_SET)) != 0))
		return false;
	return !exists || (conds & (VAR_IF_GT | VAR_IF_LT)) == 0 ||
	       number_holds(eval, &old, sample, conds);
}

/*
 * Variables of the process: a value per name, behind one lock; readers get a copy. Any thread.
 */
#include "config.h"
#include <pthread.h>
#include <stdlib.h>
#include "expr/vars_priv.h"

struct proc_var {
	bool		 is_set;
	struct sample	 value;		/* its text is `room` */
	char		*room;		/* owned */
	size_t		 cap;
};

static pthread_rwlock_t proc_lock = PTHREAD_RWLOCK_INITIALIZER;	/* guards what follows */
static struct proc_var *proc_vars[VAR_NAMES_MAX];		/* by slot */
static size_t proc_bytes;

/* Copied out, as another thread may set it as soon as the lock is given back. */
static bool
value_copy_locked(struct eval *eval, const struct proc_var *var, struct sample *sample)
{
	char *at;

	*sample = var->value;
	if (!sample_has_text(sample->type) || sample->text.len == 0)
		return true;
	at = eval_take(eval, sample->text.len);
	if (at == NULL)
		return false;
	memcpy(at, var->room, sample->text.len);
	sample->text.at = at;
	return true;
}

bool
proc_var_get(struct eval *eval, uint16_t slot, struct sample *sample)
{
	const struct proc_var *var;
	bool there;

	pthread_rwlock_rdlock(&proc_lock);
	var = proc_vars[slot];
	there = var != NULL && var->is_set && value_copy_locked(eval, var, sample);
	pthread_rwlock_unlock(&proc_lock);
	return there;
}

static enum err
room_grow_locked(struct proc_var *var, size_t len)
{
	size_t cap = var->cap != 0 ? var->cap : 32;
	char *room;

	if (len <= var->cap)
		return ERR_OK;
	while (cap < len)
		cap *= 2;
	if (cap - var->cap > VARS_PROC_MAX_BYTES - proc_bytes)
		return ERR_LIMIT;
	room = realloc(var->room, cap);
	if (room == NULL)
		return ERR_NOMEM;
	proc_bytes += cap - var->cap;
	var->room = room;
	var->cap = cap;
	return ERR_OK;
}

static enum err
value_set_locked(uint16_t slot, const struct sample *sample)
{
	struct proc_var *var = proc_vars[slot];
	size_t len = sample_has_text(sample->type) ? sample->text.len : 0;
	enum err e;

	if (len > VARS_PROC_MAX_BYTES)
		return ERR_LIMIT;
	if (var == NULL) {
		var = calloc(1, sizeof(*var));
		if (var == NULL)
			return ERR_NOMEM;
		proc_vars[slot] = var;
	}
	e = room_grow_locked(var, len);
	if (e != ERR_OK)
		return e;
	var->value = *sample;
	if (len != 0)
		memcpy(var->room, sample->text.at, len);
	var->value.text = (struct slice){ var->room, len };
	var->is_set = true;
	return ERR_OK;
}

enum err
proc_var_set(uint16_t slot, const struct sample *sample)
{
	enum err e;

	pthread_rwlock_wrlock(&proc_lock);
	e = value_set_locked(slot, sample);
	pthread_rwlock_unlock(&proc_lock);
	return e;
}

void
proc_var_unset(uint16_t slot)
{
	pthread_rwlock_wrlock(&proc_lock);
	if (proc_vars[slot] != NULL)
		proc_vars[slot]->is_set = false;
	pthread_rwlock_unlock(&proc_lock);
}

void
proc_var_forget(uint16_t slot)
{
	struct proc_var *var;

	pthread_rwlock_wrlock(&proc_lock);
	var = proc_vars[slot];
	proc_vars[slot] = NULL;
	if (var != NULL)
		proc_bytes -= var->cap;
	pthread_rwlock_unlock(&proc_lock);
	if (var != NULL)
		free(var->room);
	free(var);
}

/*
 * Lists of targets, and the registry: which targets and places there are.
 *
 * The lock guards the registry's links, the counts of references and `leaving`, nothing else; nobody
 * writes to a place or waits for one while holding it. Lists that were given back wait in a stack for the
 * writer (log.h says why); where there is no ring, no record can name one, and it is freed at once.
 */
#include "config.h"
#include "core/log_priv.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;

/* The two that are always there. */
static struct log_target own_messages;
struct log_sink log_stderr_sink = {
	.targets = &own_messages,
	.place = { .kind = LOG_TO_STDERR, .text = "stderr" }, .ops = &log_std_ops, .fd = -1,
};
struct log_sink log_stdout_sink = {
	.place = { .kind = LOG_TO_STDOUT, .text = "stdout" }, .ops = &log_std_ops, .fd = -1,
	.next = &log_stderr_sink,
};
static struct log_sink *sinks = &log_stdout_sink;

/* What places that are gone have counted. */
static struct log_counts gone;

static struct log_target own_messages = {
	.conf = { .framing = LOG_FRAMING_RAW, .level = LOG_LEVEL_DEBUG, .len = LOG_LINE_MAX_BYTES },
	.sink = &log_stderr_sink,
	.refs = 1,
};
const struct log_list log_list_stderr = {
	.level = LOG_LEVEL_DEBUG, .count = 1, .targets = { &own_messages },
};

static _Atomic(struct log_list *) retired;	/* pushed with release, taken with acquire */

static const struct log_sink_ops *const ops_of[] = {
	[LOG_TO_STDOUT] = &log_std_ops,
	[LOG_TO_STDERR] = &log_std_ops,
	[LOG_TO_FILE] = &log_file_ops,
	[LOG_TO_UDP] = &log_dgram_ops,
	[LOG_TO_TCP] = &log_tcp_ops,
	[LOG_TO_UNIX] = &log_dgram_ops,
};

/* -- places, under the lock -- */

static bool
texts_equal(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
place_equals(const struct log_place *a, const struct log_place *b)
{
	return a->kind == b->kind && texts_equal(a->path, b->path) && texts_equal(a->dir, b->dir) &&
	       (a->kind < LOG_TO_UDP || addr_equals(&a->addr, &b->addr));
}

static void
sink_free(struct log_sink *sink)
{
	free((char *)sink->place.text);
	free((char *)sink->place.path);
	free((char *)sink->place.dir);
	free(sink);
}

static char *
text_copy(const char *text, bool *failed)
{
	char *copy = text == NULL ? NULL : strdup(text);

	*failed = *failed || (text != NULL && copy == NULL);
	return copy;
}

static struct log_sink *
sink_new(const struct log_place *place)
{
	struct log_sink *sink = calloc(1, sizeof(*sink));
	bool failed = false;

	if (sink == NULL)
		return NULL;
	sink->place = *place;
	sink->place.text = text_copy(place->text, &failed);
	sink->place.path = text_copy(place->path, &failed);
	sink->place.dir = text_copy(place->dir, &failed);
	sink->ops = ops_of[place->kind];
	sink->fd = -1;
	if (!failed)
		return sink;
	sink_free(sink);
	return NULL;
}

static struct log_sink *
sink_get_locked(const struct log_place *place)
{
	struct log_sink *sink = sinks;

	while (sink != NULL && !place_equals(&sink->place, place))
		sink = sink->next;
	if (sink == NULL) {
		sink = sink_new(place);
		if (sink == NULL)
			return NULL;
		sink->next = sinks;
		sinks = sink;
	}
	sink->leaving = false;
	return sink;
}

static void
sink_unlink_locked(struct log_sink *sink)
{
	struct log_sink **at = &sinks;

	while (*at != sink)
		at = &(*at)->next;
	*at = sink->next;
	gone.written += atomic_load_explicit(&sink->written, memory_order_relaxed);
	gone.dropped += atomic_load_explicit(&sink->dropped, memory_order_relaxed);
	sink_free(sink);
}

/* No target names it: the writer has it, or nobody. */
static void
sink_left_locked(struct log_sink *sink)
{
	if (sink->targets != NULL || sink->ops == &log_std_ops)
		return;
	if (atomic_load_explicit(&sink->adopted, memory_order_relaxed))
		sink->leaving = true;
	else
		sink_unlink_locked(sink);
}

bool
log_sink_leaves(struct log_sink *sink)
{
	bool leaving;

	pthread_mutex_lock(&registry_lock);
	leaving = sink->leaving;
	pthread_mutex_unlock(&registry_lock);
	return leaving;
}

bool
log_sink_forget(struct log_sink *sink)
{
	bool leaving;

	pthread_mutex_lock(&registry_lock);
	leaving = sink->leaving;
	if (leaving) {
		log_sink_release(sink);
		sink_unlink_locked(sink);
	}
	pthread_mutex_unlock(&registry_lock);
	return leaving;
}

/* -- targets, under the lock -- */

static bool
sample_equals(const struct log_sample *a, const struct log_sample *b)
{
	if (a->size != b->size || a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++) {
		if (a->ranges[i].low != b->ranges[i].low || a->ranges[i].high != b->ranges[i].high)
			return false;
	}
	return true;
}

static bool
target_is(const struct log_target *target, const struct log_target_conf *conf)
{
	const struct log_target_conf *own = &target->conf;

	return own->framing == conf->framing && own->facility == conf->facility &&
	       own->level == conf->level && own->minlevel == conf->minlevel &&
	       own->len == conf->len && sample_equals(&own->sample, &conf->sample);
}

/* What was left to the kind of place. */
static struct log_target_conf
conf_settled(const struct log_target_conf *given)
{
	struct log_target_conf conf = *given;
	bool is_syslog = conf.place.kind >= LOG_TO_UDP;

	if (conf.framing == LOG_FRAMING_BY_KIND && conf.place.kind == LOG_TO_UNIX)
		conf.framing = LOG_FRAMING_LOCAL;
	else if (conf.framing == LOG_FRAMING_BY_KIND)
		conf.framing = is_syslog ? LOG_FRAMING_RFC3164 : LOG_FRAMING_RAW;
	if (conf.len == 0)
		conf.len = is_syslog ? LOG_SYSLOG_LEN : LOG_LINE_MAX_BYTES;
	return conf;
}

static struct log_target *
target_new(struct log_sink *sink, const struct log_target_conf *conf)
{
	struct log_target *target = calloc(1, sizeof(*target));

	if (target == NULL)
		return NULL;
	target->conf = *conf;
	target->conf.place = sink->place;
	target->sink = sink;
	target->next = sink->targets;
	sink->targets = target;
	return target;
}

/* Held once more. */
static struct log_target *
target_get_locked(const struct log_target_conf *given)
{
	struct log_target_conf conf = conf_settled(given);
	struct log_sink *sink = sink_get_locked(&conf.place);
	struct log_target *target;

	if (sink == NULL)
		return NULL;
	target = sink->targets;
	while (target != NULL && !target_is(target, &conf))
		target = target->next;
	if (target == NULL)
		target = target_new(sink, &conf);
	if (target == NULL)
		sink_left_locked(sink);
	else
		target->refs++;
	return target;
}

static void
target_unref_locked(struct log_target *target)
{
	struct log_sink *sink = target->sink;
	struct log_target **at = &sink->targets;

	assert(target->refs > 0);
	if (--target->refs > 0)
		return;
	while (*at != target)
		at = &(*at)->next;
	*at = target->next;
	free(target);
	sink_left_locked(sink);
}

/* -- lists -- */

static void
list_drop_locked(struct log_list *list)
{
	for (uint32_t i = 0; i < list->count; i++)
		target_unref_locked(list->targets[i]);
	free(list);
}

static enum err
list_add_locked(struct log_list *list, const struct log_target_conf *conf)
{
	struct log_target *target = target_get_locked(conf);

	if (target == NULL)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < list->count; i++) {
		if (list->targets[i] == target) {
			target_unref_locked(target);
			return ERR_OK;
		}
	}
	list->targets[list->count++] = target;
	if (target->conf.level > list->level)
		list->level = target->conf.level;
	return ERR_OK;
}

enum err
log_list_new(struct log_list **lp, const struct log_target_conf *confs, size_t count)
{
	struct log_list *list = calloc(1, sizeof(*list) + count * sizeof(list->targets[0]));
	enum err e = ERR_OK;

	if (list == NULL)
		return ERR_NOMEM;
	pthread_mutex_lock(&registry_lock);
	for (size_t i = 0; i < count && e == ERR_OK; i++)
		e = list_add_locked(list, &confs[i]);
	if (e != ERR_OK)
		list_drop_locked(list);
	else
		*lp = list;
	pthread_mutex_unlock(&registry_lock);
	return e;
}

void
log_list_free(struct log_list **lp)
{
	struct log_list *list = *lp;

	*lp = NULL;
	if (list == NULL)
		return;
	if (log_rings() == NULL) {
		log_lists_drop(list);
		return;
	}
	list->next_retired = atomic_load_explicit(&retired, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&retired, &list->next_retired, list,
						      memory_order_release, memory_order_relaxed))
		;
	log_writer_wake();
}

struct log_list *
log_lists_retired(void)
{
	return atomic_exchange_explicit(&retired, NULL, memory_order_acquire);
}

void
log_lists_drop(struct log_list *lists)
{
	pthread_mutex_lock(&registry_lock);
	while (lists != NULL) {
		struct log_list *next = lists->next_retired;

		list_drop_locked(lists);
		lists = next;
	}
	pthread_mutex_unlock(&registry_lock);
}

/* -- counts -- */

static struct log_counts
sink_counts(const struct log_sink *sink)
{
	return (struct log_counts){
		.written = atomic_load_explicit(&sink->written, memory_order_relaxed),
		.dropped = atomic_load_explicit(&sink->dropped, memory_order_relaxed),
	};
}

void
log_counts(struct log_counts *counts)
{
	pthread_mutex_lock(&registry_lock);
	*counts = gone;
	for (const struct log_sink *sink = sinks; sink != NULL; sink = sink->next) {
		struct log_counts c = sink_counts(sink);

		counts->written += c.written;
		counts->dropped += c.dropped;
	}
	pthread_mutex_unlock(&registry_lock);
	for (const struct log_ring *ring = log_rings(); ring != NULL; ring = ring->next)
		counts->dropped += atomic_load_explicit(&ring->dropped, memory_order_relaxed);
}

static const char *
trouble_text(int error)
{
	if (error == 0)
		return NULL;
	return error == ENOBUFS ? "its queue is full" : strerrordesc_np(error);
}

void
log_each_place(void (*fn)(const char *text, const struct log_counts *counts, const char *trouble,
			  void *arg), void *arg)
{
	pthread_mutex_lock(&registry_lock);
	for (const struct log_sink *sink = sinks; sink != NULL; sink = sink->next) {
		const struct log_counts counts = sink_counts(sink);

		if (sink->targets != NULL)
			fn(sink->place.text, &counts,
			   trouble_text(atomic_load_explicit(&sink->trouble, memory_order_relaxed)),
			   arg);
	}
	pthread_mutex_unlock(&registry_lock);
}

/*
 * Admin listeners, opened before and closed after a change of "admin.listen". Control thread.
 */
#include "config.h"
#include "adminapi/apply/listeners.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "adminapi/apply/limits.h"
#include "core/log.h"
#include "server/check.h"
#include "stream/engine.h"

#define LISTENERS_MAX 16	/* admin.listen: maxItems */

/* A listening socket: of the set in force, of those that are prepared, or of several of them. */
struct door {
	uint32_t		 holders;
	bool			 is_started;
	struct http_listener	*listener;
};

/* One of a set, and what it was asked for. */
struct entry {
	struct addr	 wanted;
	mode_t		 mode;
	struct door	*door;
};

/* A set in force, or prepared. Several may be on their way, each built on the one before. */
struct entries {
	struct entry	 at[LISTENERS_MAX];
	uint32_t	 count;
	struct entries	*before;	/* the next older one that is prepared; NULL: none */
};

static struct {
	struct http_server	*http;
	struct entries		 now;
	struct entries		*next;			/* the newest that is prepared; NULL: none */
	struct entry		 given[LISTENERS_MAX];	/* --admin */
	const char *const	*given_texts;
	uint32_t		 given_count;
	struct entries		 said;			/* by admin.listen, where --admin holds instead */
	bool			 announced;
	struct global_settings	 global;
} state;

const struct global_settings *
global_in_force(void)
{
	return &state.global;
}

/* -- global -- */

static enum err
global_prepare(const struct global_settings *next, struct pointer *at, struct issues *issues)
{
	struct diag why;
	enum err e;

	if (next->maxconn == 0)
		return ERR_OK;
	e = limits_raise(next->maxconn, &why);
	if (e == ERR_OK)
		return ERR_OK;
	pointer_push(at, "maxconn");
	issues_add(issues, pointer_text(at), "%s", why.text);
	return e;
}

/* Not given: what the system allows, and if that is less than usual, somebody should know. */
static uint32_t
maxconn_possible(void)
{
	static uint32_t told;
	uint32_t maxconn = limits_maxconn();

	if (maxconn < LIMITS_MAXCONN_DEFAULT && maxconn != told)
		log_msg(LOG_LEVEL_WARNING,
			"global.maxconn is %u: the limit of descriptors allows no "
			"more (ulimit -Hn, or LimitNOFILE= of the service)",
			(unsigned)maxconn);
	told = maxconn;
	return maxconn;
}

static void
global_publish(const struct global_settings *next)
{
	const struct checks_settings checks = {
		.max_under_way = next->max_checks, .spread_percent = next->spread_checks,
	};

	state.global = *next;
	checks_set(&checks);
	engine_set_maxconn(next->maxconn != 0 ? next->maxconn : maxconn_possible());
	engine_set_pipe_memory((uint64_t)next->pipe_memory);
}

/* -- admin -- */

static const struct entry *
entry_find(const struct entries *entries, const struct entry *wanted)
{
	for (uint32_t i = 0; i < entries->count; i++)
		if (addr_equals(&entries->at[i].wanted, &wanted->wanted))
			return &entries->at[i];
	return NULL;
}

static void
door_release(struct door *door)
{
	if (--door->holders > 0)
		return;
	http_listener_close(&door->listener);
	free(door);
}

static void
entries_release(struct entries *entries)
{
	for (uint32_t i = 0; i < entries->count; i++)
		door_release(entries->at[i].door);
	entries->count = 0;
}

static bool
entries_have(const struct entries *entries, const struct door *door)
{
	for (uint32_t i = 0; i < entries->count; i++)
		if (entries->at[i].door == door)
			return true;
	return false;
}

/* A socket of `set` for that address that `entries` has not taken yet: of port 0 there may be several. */
static struct door *
door_in(const struct entries *set, const struct entries *entries, const struct entry *wanted)
{
	for (uint32_t i = 0; i < set->count; i++)
		if (addr_equals(&set->at[i].wanted, &wanted->wanted) &&
		    !entries_have(entries, set->at[i].door))
			return set->at[i].door;
	return NULL;
}

/* One that is open: the newest set that has it knows. */
static struct door *
door_find(const struct entries *entries, const struct entry *wanted)
{
	struct door *found = NULL;

	for (struct entries *set = state.next; set != NULL && found == NULL; set = set->before)
		found = door_in(set, entries, wanted);
	return found != NULL ? found : door_in(&state.now, entries, wanted);
}

static enum err
door_open(struct door **dp, const struct entry *wanted, struct diag *why)
{
	struct door *door = calloc(1, sizeof(*door));
	enum err e;

	if (door == NULL)
		return ERR_NOMEM;
	e = http_listener_open(&door->listener, &wanted->wanted, wanted->mode, why);
	if (e == ERR_OK)
		*dp = door;
	else
		free(door);
	return e;
}

static enum err
entry_open(struct entries *entries, const struct entry *wanted, struct diag *why)
{
	struct door *door = door_find(entries, wanted);
	enum err e = door != NULL ? ERR_OK : door_open(&door, wanted, why);

	if (e != ERR_OK)
		return e;
	door->holders++;
	entries->at[entries->count] = *wanted;
	entries->at[entries->count++].door = door;
	return ERR_OK;
}

static struct entries
entries_said(const struct admin_settings *next)
{
	struct entries said = { .count = 0 };

	for (uint32_t i = 0; i < next->listen_count && i < LISTENERS_MAX; i++)
		said.at[said.count++] =
			(struct entry){ next->listen[i].addr, next->listen[i].mode, NULL };
	return said;
}

static bool
entries_equal(const struct entries *a, const struct entries *b)
{
	for (uint32_t i = 0; i < a->count; i++) {
		const struct entry *other = entry_find(b, &a->at[i]);

		if (other == NULL || other->mode != a->at[i].mode)
			return false;
	}
	return a->count == b->count;
}

/* A change of admin.listen that --admin would keep from having any effect is refused. */
static bool
admin_is_settled(const struct entries *said, struct pointer *at, struct issues *issues)
{
	size_t mark;

	if (state.given_count == 0 || !state.announced || entries_equal(said, &state.said))
		return true;
	mark = pointer_push(at, "listen");
	issues_add(issues, pointer_text(at), "--admin was given on the command line, that holds: "
		"a restart without it is needed");
	pointer_pop(at, mark);
	return false;
}

static void
cannot_listen(uint32_t index, const char *why, struct pointer *at, struct issues *issues)
{
	struct buf option = { 0 };

	if (state.given_count == 0) {
		pointer_push(at, "listen");
		pointer_push_index(at, index);
		issues_add(issues, pointer_text(at), "%s", why);
		return;
	}
	buf_printf(&option, "--admin %s", state.given_texts[index]);
	buf_put(&option, "", 1);
	issues_add(issues, option.failed ? "--admin" : option.at, "%s", why);
	buf_fini(&option);
}

static enum err
admin_prepare(const struct admin_settings *next, void **prepared, struct pointer *at,
	struct issues *issues)
{
	struct entries said = entries_said(next);
	const struct entry *wanted = state.given_count > 0 ? state.given : said.at;
	uint32_t count = state.given_count > 0 ? state.given_count : said.count;
	struct entries *entries;
	struct diag why;

	if (!admin_is_settled(&said, at, issues))
		return ERR_INVALID;
	entries = calloc(1, sizeof(*entries));
	if (entries == NULL)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < count; i++) {
		enum err e = entry_open(entries, &wanted[i], &why);

		if (e == ERR_OK)
			continue;
		cannot_listen(i, e == ERR_NOMEM ? "out of memory" : why.text, at, issues);
		entries_release(entries);
		free(entries);
		return e;
	}
	entries->before = state.next;
	*prepared = state.next = entries;
	return ERR_OK;
}

/* The first lines on stdout: where the program that started us reaches us. */
static void
announce(void)
{
	char text[ADDR_TEXT_BYTES];

	if (state.announced)
		return;
	state.announced = true;
	for (uint32_t i = 0; i < state.now.count; i++)
		printf("admin %s\n",
			addr_format(http_listener_address(state.now.at[i].door->listener), text));
	fflush(stdout);
}

/* Out of the chain of those that are prepared: the oldest when it is published, the newest when not. */
static void
entries_settle(struct entries *entries)
{
	struct entries **at = &state.next;

	while (*at != entries)
		at = &(*at)->before;
	*at = entries->before;
}

static void
door_start(const struct entry *entry)
{
	struct door *door = entry->door;

	http_listener_set_mode(door->listener, entry->mode);
	if (!door->is_started)
		http_listener_start(state.http, door->listener);
	door->is_started = true;
}

static void
admin_publish(const struct admin_settings *next, void *prepared)
{
	struct entries *entries = prepared, old = state.now;

	entries_settle(entries);
	state.now = *entries;
	state.said = entries_said(next);
	for (uint32_t i = 0; i < entries->count; i++)
		door_start(&entries->at[i]);
	entries_release(&old);
	free(entries);
	if (http_server_set_hosts(state.http, (const char *const *)next->hosts, next->host_count) !=
	    ERR_OK)
		log_msg(LOG_LEVEL_ERROR, "admin: hosts: out of memory, the old list holds");
	announce();
}

static void
admin_abort(void *prepared)
{
	entries_settle(prepared);
	entries_release(prepared);
	free(prepared);
}

/* Where a connection to `addr` really goes: ::ffff:1.2.3.4 is 1.2.3.4; 0.0.0.0 and :: are loopback. */
static struct addr
destination_of(const struct addr *addr)
{
	struct addr to = *addr;

	if (addr->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&addr->in6.sin6_addr)) {
		to = (struct addr){ .len = sizeof(to.in) };
		to.in.sin_family = AF_INET;
		to.in.sin_port = addr->in6.sin6_port;
		memcpy(&to.in.sin_addr, &addr->in6.sin6_addr.s6_addr[12], sizeof(to.in.sin_addr));
	}
	if (to.sa.sa_family == AF_INET && to.in.sin_addr.s_addr == htonl(INADDR_ANY))
		to.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else if (to.sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&to.in6.sin6_addr))
		to.in6.sin6_addr = in6addr_loopback;
	return to;
}

/* Two paths may lead to one socket. */
static bool
is_same_file(const struct addr *a, const struct addr *b)
{
	struct stat x, y;

	return addr_is_unix(a) && addr_is_unix(b) && a->un.sun_path[0] != '\0' &&
	    b->un.sun_path[0] != '\0' && stat(a->un.sun_path, &x) == 0 &&
	    stat(b->un.sun_path, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Servers are prepared after "admin" in one write: what counts is where we will listen then. */
static bool
is_own_admin(const struct addr *addr)
{
	const struct entries *entries = state.next != NULL ? state.next : &state.now;
	struct addr to = destination_of(addr);

	for (uint32_t i = 0; i < entries->count; i++) {
		const struct addr *own = http_listener_address(entries->at[i].door->listener);

		if (addr_equals(&to, own) || is_same_file(&to, own))
			return true;
	}
	return false;
}

static const struct prepare_daemon hooks = {
	.prepare_global	= global_prepare,
	.publish_global	= global_publish,
	.prepare_admin	= admin_prepare,
	.publish_admin	= admin_publish,
	.abort_admin	= admin_abort,
	.is_own_admin	= is_own_admin,
};

static enum err
given_parse(const char *text, struct diag *diag)
{
	struct entry *to = &state.given[state.given_count];
	struct diag why;

	if (state.given_count == LISTENERS_MAX) {
		diag_set(diag, "--admin: at most %d", LISTENERS_MAX);
		return ERR_LIMIT;
	}
	if (addr_parse(&to->wanted, slice_of(text), ADDR_ANY_PORT, &why) != ERR_OK) {
		diag_set(diag, "--admin %s: %s", text, why.text);
		return ERR_INVALID;
	}
	if (!addr_is_loopback(&to->wanted)) {
		diag_set(diag, "--admin %s: must be a loopback address or a Unix socket: the admin "
			"server knows no credentials yet", text);
		return ERR_INVALID;
	}
	state.given_count++;
	return ERR_OK;
}

enum err
listeners_given(const char *const *addresses, uint32_t count, struct diag *diag)
{
	state.given_texts = addresses;
	for (uint32_t i = 0; i < count; i++) {
		enum err e = given_parse(addresses[i], diag);

		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

void
listeners_init(struct http_server *http)
{
	state.http = http;
	prepare_set_daemon(&hooks);
}

void
listeners_close(void)
{
	entries_release(&state.now);
}

void
listeners_write(struct jsonw *w, const char *key)
{
	char text[ADDR_TEXT_BYTES];

	jsonw_array(w, key);
	for (uint32_t i = 0; i < state.now.count; i++)
		jsonw_string(w, NULL,
			addr_format(http_listener_address(state.now.at[i].door->listener), text));
	jsonw_end_array(w);
}

/*
 * Admin listeners, opened before and closed after a change of "admin.listen". Control thread.
 */
#include "config.h"
#include "adminapi/daemon/listeners.h"

#include <stdio.h>
#include <stdlib.h>
#include "adminapi/daemon/limits.h"
#include "core/log.h"
#include "stream/engine.h"

#define LISTENERS_MAX 16	/* admin.listen: maxItems */

/* One listening socket and what it was asked for. */
struct entry {
	struct addr		 wanted;
	mode_t			 mode;
	struct http_listener	*listener;
};

/* A set in force, or prepared: those taken over from the set in force are not `fresh`. */
struct entries {
	struct entry	at[LISTENERS_MAX];
	bool		fresh[LISTENERS_MAX];
	uint32_t	count;
};

static struct {
	struct http_server	*http;
	struct entries		 now;
	struct entries		*next;			/* prepared, on its way; NULL: none */
	struct entry		 given[LISTENERS_MAX];	/* --admin */
	uint32_t		 given_count;
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

static void
global_publish(const struct global_settings *next)
{
	state.global = *next;
	engine_set_maxconn(next->maxconn != 0 ? next->maxconn : limits_maxconn());
	engine_set_pipe_memory((uint64_t)next->pipe_memory);
}

/* -- admin -- */

static const struct entry *
entry_find(const struct entries *entries, const struct entry *wanted)
{
	for (uint32_t i = 0; i < entries->count; i++)
		if (addr_equals(&entries->at[i].wanted, &wanted->wanted) &&
		    entries->at[i].mode == wanted->mode)
			return &entries->at[i];
	return NULL;
}

static void
entries_drop(struct entries *entries)
{
	for (uint32_t i = 0; i < entries->count; i++)
		if (entries->fresh[i])
			http_listener_close(&entries->at[i].listener);
	free(entries);
}

static enum err
entry_open(struct entries *entries, const struct entry *wanted, struct diag *why)
{
	const struct entry *kept = entry_find(&state.now, wanted);
	uint32_t i = entries->count;
	enum err e = ERR_OK;

	entries->at[i] = *wanted;
	entries->at[i].listener = kept == NULL ? NULL : kept->listener;
	entries->fresh[i] = kept == NULL;
	if (kept == NULL)
		e = http_listener_open(&entries->at[i].listener, &wanted->wanted, wanted->mode, why);
	if (e == ERR_OK)
		entries->count++;
	return e;
}

/* What admin.listen says, unless the command line said it. */
static uint32_t
wanted_entries(const struct admin_settings *next, struct entry *wanted)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < state.given_count; i++)
		wanted[count++] = state.given[i];
	for (uint32_t i = 0; state.given_count == 0 && i < next->listen_count && i < LISTENERS_MAX; i++)
		wanted[count++] = (struct entry){ next->listen[i].addr, next->listen[i].mode, NULL };
	return count;
}

static enum err
admin_prepare(const struct admin_settings *next, void **prepared, struct pointer *at,
	struct issues *issues)
{
	struct entries *entries = calloc(1, sizeof(*entries));
	struct entry wanted[LISTENERS_MAX];
	uint32_t count = wanted_entries(next, wanted);
	struct diag why;

	if (entries == NULL)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < count; i++) {
		enum err e = entry_open(entries, &wanted[i], &why);

		if (e == ERR_OK)
			continue;
		pointer_push(at, "listen");
		pointer_push_index(at, i);
		issues_add(issues, pointer_text(at), "%s", e == ERR_NOMEM ? "out of memory" : why.text);
		entries_drop(entries);
		return e;
	}
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
			addr_format(http_listener_address(state.now.at[i].listener), text));
	fflush(stdout);
}

static void
admin_publish(const struct admin_settings *next, void *prepared)
{
	struct entries *entries = prepared, old = state.now;

	state.now = *entries;
	if (state.next == entries)
		state.next = NULL;
	for (uint32_t i = 0; i < entries->count; i++)
		if (entries->fresh[i])
			http_listener_start(state.http, entries->at[i].listener);
	for (uint32_t i = 0; i < old.count; i++)
		if (entry_find(&state.now, &old.at[i]) == NULL)
			http_listener_close(&old.at[i].listener);
	free(entries);
	if (http_server_set_hosts(state.http, (const char *const *)next->hosts, next->host_count) != ERR_OK)
		log_msg(LOG_LEVEL_ERROR, "admin: hosts: out of memory, the old list holds");
	announce();
}

static void
admin_abort(void *prepared)
{
	if (state.next == prepared)
		state.next = NULL;
	entries_drop(prepared);
}

/* Would a connection to `addr` reach one of our admin listeners? 0.0.0.0 and :: reach loopback. */
static bool
reaches(const struct addr *addr, const struct addr *listener)
{
	struct addr as_loopback = *addr;

	if (addr_equals(addr, listener))
		return true;
	if (addr_is_unix(addr) || addr_is_unix(listener) || addr_port(addr) != addr_port(listener))
		return false;
	if (addr->sa.sa_family == AF_INET && addr->in.sin_addr.s_addr == htonl(INADDR_ANY))
		as_loopback.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else if (addr->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr))
		as_loopback.in6.sin6_addr = in6addr_loopback;
	return addr_equals(&as_loopback, listener);
}

/* Servers are prepared after "admin" in one write: what counts is where we will listen then. */
static bool
is_own_admin(const struct addr *addr)
{
	const struct entries *entries = state.next != NULL ? state.next : &state.now;

	for (uint32_t i = 0; i < entries->count; i++)
		if (reaches(addr, http_listener_address(entries->at[i].listener)))
			return true;
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
listeners_init(struct http_server *http, const char *const *addresses, uint32_t count,
	struct diag *diag)
{
	state.http = http;
	for (uint32_t i = 0; i < count; i++) {
		enum err e = given_parse(addresses[i], diag);

		if (e != ERR_OK)
			return e;
	}
	prepare_set_daemon(&hooks);
	return ERR_OK;
}

void
listeners_close(void)
{
	for (uint32_t i = 0; i < state.now.count; i++)
		http_listener_close(&state.now.at[i].listener);
	state.now.count = 0;
}

void
listeners_write(struct jsonw *w, const char *key)
{
	char text[ADDR_TEXT_BYTES];

	jsonw_array(w, key);
	for (uint32_t i = 0; i < state.now.count; i++)
		jsonw_string(w, NULL,
			addr_format(http_listener_address(state.now.at[i].listener), text));
	jsonw_end_array(w);
}

/*
 * In words: why a new session could or could not be sent to a server now (the API's
 * "eligible_because"). Control thread.
 */
#include "config.h"
#include <inttypes.h>
#include <stdio.h>
#include "server/server_priv.h"

/* Who is usable on the levels below: "2 active servers are usable". */
static const char *
because_below(const struct server *server, uint32_t count, char *buf, size_t size)
{
	const char *before = server->level == 1 ? "active " : "";
	const char *after = server->level == 1 ? "" : " of a lower level";

	if (count == 0)
		snprintf(buf, size, "no %sserver%s is usable", before, after);
	else if (count == 1)
		snprintf(buf, size, "1 %sserver%s is usable", before, after);
	else
		snprintf(buf, size, "%" PRIu32 " %sservers%s are usable", count, before, after);
	return buf;
}

/* The cause of its state; that it was made so is no cause. */
static const char *
because_cause(const struct server *server)
{
	if (server->detail[0] != '\0')
		return server->detail;
	return server_cause_words(server->cause == SERVER_CAUSE_CREATED ? SERVER_CAUSE_CONFIG
								       : server->cause);
}

static void
because_not_usable(const struct server *server, char *buf, size_t size)
{
	const char *after = server->state == SERVER_STATE_NO_ADDRESS ? ":" : ",";

	if (server->state == SERVER_STATE_DRAIN && server_admin_of(server) != SERVER_DRAIN)
		snprintf(buf, size, "%s", because_cause(server));	/* "weight 0" */
	else
		snprintf(buf, size, "%s%s %s", server_state_words(server->state), after,
			 because_cause(server));
}

static void
because_backup_serves(const struct server *server, uint32_t below, char *buf, size_t size)
{
	const struct backend *backend = server->backend;
	bool all = backend->levels[server->level].mode == LEVEL_ALL;
	char lower[64];
	int n;

	n = snprintf(buf, size, "%s usable backup, because %s%s", all ? "a" : "the first",
		     below > 0 ? "only " : "", because_below(server, below, lower, sizeof(lower)));
	if (below > 0 && n > 0 && (size_t)n < size)
		snprintf(buf + n, size - n, " (min_usable %" PRIu32 ")", backend->conf->min_usable);
}

const char *
server_eligible_because(const struct server *server, char *buf, size_t size)
{
	const struct backend_level *level = &server->backend->levels[server->level];
	uint32_t below = levels_usable_below(server->backend, server->level);
	char lower[64];

	if (!server->usable)
		because_not_usable(server, buf, size);
	else if (server->level == 0)
		snprintf(buf, size, "%s, and an active server", server_state_words(server->state));
	else if (server->eligible)
		because_backup_serves(server, below, buf, size);
	else if (level->mode == LEVEL_FIRST && level->first != NULL)
		snprintf(buf, size, "a backup, and %s is the first usable one", level->first->name);
	else
		snprintf(buf, size, "a backup, and %s",
			 because_below(server, below, lower, sizeof(lower)));
	return buf;
}

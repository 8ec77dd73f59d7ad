/*
 * A story told from both sides: once the client does it and the server sees it, once the other way.
 */
#pragma once

#include "t/unit/stream/rig.h"

/* Which side does it, and in which letters the log says so. */
struct side {
	const char	*name;
	bool		 is_client;
	const char	*reset;
};
static const struct side sides[] = {
	{ "client", true, STATE("CD") },
	{ "server", false, STATE("SD") },
};

/* A pair of whom `doer` does it and `other` sees it. */
static void
pair_of(const struct side *side, int *doer, int *other)
{
	int client, server;

	rig_pair(&client, &server);
	rig_write(client, "hello");
	rig_reads(server, "hello");
	rig_write(server, "hello");
	rig_reads(client, "hello");
	*doer = side->is_client ? client : server;
	*other = side->is_client ? server : client;
}

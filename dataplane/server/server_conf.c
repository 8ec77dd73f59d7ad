/*
 * What a server is configured with. Any thread; one that names a server to track is freed on control.
 */
#include "config.h"
#include <stdlib.h>
#include "server/check_conf.h"
#include "server/server.h"

struct server_conf *
server_conf_new(void)
{
	struct server_conf *conf = calloc(1, sizeof(*conf));

	if (conf == NULL)
		return NULL;
	conf->weight = 1;
	conf->weight_percent = 100;
	conf->inter = conf->agent_inter = 2000; /* HAProxy manual, "inter", "rise", "fall" */
	conf->rise = 2;
	conf->fall = 3;
	conf->error_limit = 10;
	return conf;
}

void
server_conf_free(struct server_conf *conf)
{
	if (conf == NULL)
		return;
	if (conf->agent_steps != NULL)
		check_conf_unref(&conf->agent_steps);
	if (conf->track != NULL)
		server_release(conf->track);
	actor_unref(&conf->actor);
	free(conf);
}

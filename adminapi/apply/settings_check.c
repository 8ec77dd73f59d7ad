/*
 * How a backend's servers are checked. Pure; any thread.
 */
#include "config.h"
#include "adminapi/apply/settings_priv.h"

#include "server/check_conf.h"

bool
backend_check_compile(struct backend_conf *conf, const struct chain *chain, struct pointer *at,
		      struct issues *issues)
{
	return check_conf_new_connect(&conf->check) == ERR_OK;
}

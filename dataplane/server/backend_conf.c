/*
 * What a backend is configured with, from calloc() to its last stream.
 *
 * Control thread.
 */
#include "config.h"
#include "server/backend.h"
#include <stdlib.h>
#include "core/obj.h"
#include "server/check_conf.h"
#include "server/server_priv.h"

static const uint16_t retry_statuses[] = {
#define X(status) status,
	RETRY_ON_STATUSES(X)
#undef X
};

uint32_t
retry_on_status_bit(uint16_t status)
{
	for (unsigned i = 0; i < sizeof(retry_statuses) / sizeof(retry_statuses[0]); i++)
		if (retry_statuses[i] == status)
			return UINT32_C(1) << i;
	return 0;
}

static void
backend_http_fini(struct backend_http *http)
{
	http_forwardfor_fini(&http->forwardfor);
	http_forwardfor_fini(&http->originalto);
	http_errors_fini(&http->errors);
}

static void
backend_conf_free(struct backend_conf *conf)
{
	backend_http_fini(&conf->http);
	if (conf->rules != NULL)
		conf->rules_free(conf->rules);
	check_conf_unref(&conf->check);
	free(conf->balance);
	free(conf);
}

static void
backend_conf_on_home(struct snap *snap)
{
	struct backend_conf *conf = container_of(snap, struct backend_conf, snap);
	struct backend *backend = conf->backend;

	backend_conf_free(conf);
	backend_conf_freed(backend);
}

enum err
backend_conf_new(struct backend_conf **cp)
{
	uint32_t workers = publish_worker_count();
	struct backend_conf *conf = calloc(1, sizeof(*conf) + workers * sizeof(conf->slots[0]));

	if (conf == NULL)
		return ERR_NOMEM;
	snap_init(&conf->snap, workers, backend_conf_on_home);
	conf->workers = workers;
	for (uint32_t i = 0; i < workers; i++)
		snap_slot_init(&conf->slots[i], &conf->snap);
	*cp = conf;
	return ERR_OK;
}

void
backend_conf_discard(struct backend_conf **cp)
{
	if (*cp != NULL)
		backend_conf_free(*cp);
	*cp = NULL;
}

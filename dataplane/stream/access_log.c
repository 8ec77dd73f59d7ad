/*
 * The formats that have names, and what a frontend's conf owns for its log.
 *
 * Any thread but the workers.
 */
#include "config.h"
#include "stream/access_log.h"
#include <pthread.h>
#include <stdlib.h>

static const char *const words[] = {
#define X(id, word, http) [ACCESS_##id] = word,
	ACCESS_FORMATS(X)
#undef X
};

static const bool is_http_only[] = {
#define X(id, word, http) [ACCESS_##id] = http,
	ACCESS_FORMATS(X)
#undef X
};

#define HTTPLOG                                                            \
	"%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc " \
		"%ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r"

/* HAProxy manual, 8.2.2 to 8.2.4. httpslog ends in what its TLS fields say of a connection without TLS. */
static const char *const texts[] = {
	[ACCESS_JSON] = NULL,
	[ACCESS_HTTPLOG] = HTTPLOG,
	[ACCESS_HTTPSLOG] = HTTPLOG " 0/-/-/-/0 -/-/-",
	[ACCESS_TCPLOG] = "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq",
	[ACCESS_CLF] = "%{+Q}o %{-Q}ci - - [%trg] %r %ST %B \"\" \"\" %cp %ms %ft %b %s "
		       "%TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc %sq %bq %CC %CS %hrl %hsl",
	[ACCESS_OWN] = NULL,
};

static pthread_mutex_t made_lock = PTHREAD_MUTEX_INITIALIZER;	/* guards `made` */
static struct format *made[ACCESS_FORMAT_COUNT];

const char *
access_format_word(enum access_format which)
{
	return words[which];
}

struct compile_env
access_log_env(bool is_http)
{
	const unsigned has = NEEDS_CLIENT | NEEDS_BACKEND | NEEDS_SERVER | NEEDS_END;

	return (struct compile_env){
		.has = has | (is_http ? NEEDS_HTTP | NEEDS_REQUEST_LINE : 0),
		.place = "access logs",
	};
}

struct compile_env
access_id_env(bool is_http)
{
	return (struct compile_env){
		.has = NEEDS_CLIENT |
		       (is_http ? NEEDS_HTTP | NEEDS_REQUEST_LINE | NEEDS_REQUEST : 0),
		.place = "unique ids",
	};
}

enum err
access_format_get(const struct format **fp, enum access_format which, bool is_http)
{
	const struct compile_env env = access_log_env(true);
	enum err err = ERR_OK;

	if (is_http_only[which] && !is_http)
		which = ACCESS_TCPLOG;
	*fp = NULL;
	if (texts[which] == NULL)
		return ERR_OK;
	pthread_mutex_lock(&made_lock);
	if (made[which] == NULL)
		err = format_compile(&made[which], slice_of(texts[which]), FORMAT_LOG, &env, NULL);
	*fp = made[which];
	pthread_mutex_unlock(&made_lock);
	return err;
}

void
access_conf_fini(struct access_conf *conf)
{
	for (uint32_t i = 0; i < conf->count; i++)
		log_list_free(&conf->logs[i].list);
	format_free(&conf->log_format);
	format_free(&conf->unique_id);
	free(conf->unique_id_header);
	*conf = (struct access_conf){ 0 };
}

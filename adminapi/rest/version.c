/*
 * Versions: as the libraries say at run time, not as they were compiled against.
 */
#include "config.h"
#include "adminapi/rest/version.h"

#include <cjson/cJSON.h>
#include <event2/event.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <sqlite3.h>
#include <stdio.h>

static const char *
pcre2_version(void)
{
	static char text[64];

	if (text[0] == '\0')
		pcre2_config(PCRE2_CONFIG_VERSION, text);
	return text;
}

static const char *
openssl_version(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}

static const struct {
	const char	*name;
	const char    *(*version)(void);
} libraries[] = {
	{ "libevent",		event_get_version },
	{ "libmicrohttpd",	MHD_get_version },
	{ "cjson",		cJSON_Version },
	{ "sqlite",		sqlite3_libversion },
	{ "pcre2",		pcre2_version },
	{ "openssl",		openssl_version },
};

void
version_print(void)
{
	printf("sluice %s\n", PACKAGE_VERSION);
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++)
		printf("%s %s\n", libraries[i].name, libraries[i].version());
}

void
version_write_libraries(struct jsonw *w)
{
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++)
		jsonw_string(w, libraries[i].name, libraries[i].version());
}

/*
 * Lists of log targets. Pure; any thread.
 */
#include "config.h"
#include "adminapi/apply/settings_priv.h"

#include <stdlib.h>
#include <string.h>
#include "adminapi/doc/files.h"
#include "core/log.h"

#define LOG_TARGETS_MAX 8	/* the schema's maxItems of a list */

/* HAProxy manual, "log", facility: the place is syslog's number. */
static const char *const facility_words[] = {
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "auth2",
	"ftp", "ntp", "audit", "alert", "cron2", "local0", "local1", "local2", "local3", "local4",
	"local5", "local6", "local7", NULL,
};

/* of enum log_level */
static const char *const level_words[] = {
	"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", NULL,
};

/* of enum log_framing; the first has no word, it is what holds without one */
static const char *const framing_words[] = {
	"", "raw", "rfc3164", "rfc5424", "short", "timed", "iso", "priority", "local", NULL,
};

#define LOCAL0 16	/* in facility_words */

static void
log_issue(struct issues *issues, struct pointer *at, const char *field, const char *detail)
{
	if (issues != NULL)
		issue_below(issues, at, field, detail);
}

static unsigned
word_of(const cJSON *item, const char *field, const char *const *words, unsigned otherwise)
{
	const cJSON *value = doc_field(item, field);

	for (unsigned i = 0; cJSON_IsString(value) && words[i] != NULL; i++)
		if (strcmp(words[i], value->valuestring) == 0)
			return i;
	return otherwise;
}

/* Whether a part of it is "..". */
static bool
path_climbs(const char *path)
{
	for (const char *at = path; (at = strstr(at, "..")) != NULL; at++)
		if ((at == path || at[-1] == '/') && (at[2] == '/' || at[2] == '\0'))
			return true;
	return false;
}

/* By the letters below log_dir: opened beneath it. Only the configuration file may name others. */
static bool
place_settle(struct log_place *place, const char *log_dir, struct diag *why)
{
	const char *below = log_dir == NULL ? NULL : file_below(log_dir, place->path);

	if (below != NULL && path_climbs(below)) {
		diag_set(why, "\"%s\" has \"..\": it is to stay below global.log_dir, %s",
			 place->path, log_dir);
		return false;
	}
	if (below != NULL) {
		place->dir = log_dir;
		place->path = below;
	} else if (place->path[0] != '/') {
		diag_set(why, "\"%s\" is below global.log_dir, and that is not set", place->path);
		return false;
	}
	return true;
}

static bool
place_compile(struct log_place *place, const cJSON *item, const char *log_dir, struct pointer *at,
	struct issues *issues)
{
	const cJSON *text = doc_field(item, "target");
	struct diag why;

	if (!cJSON_IsString(text))
		return false;
	if (log_place_parse(place, text->valuestring, &why) == ERR_OK &&
	    (place->kind != LOG_TO_FILE || place_settle(place, log_dir, &why)))
		return true;
	log_issue(issues, at, "target", why.text);
	return false;
}

static void
sample_compile(struct log_sample *sample, const cJSON *item, struct pointer *at,
	struct issues *issues)
{
	const cJSON *text = doc_field(item, "sample");
	struct diag why;

	if (cJSON_IsString(text) &&
	    log_sample_parse(sample, slice_of(text->valuestring), &why) != ERR_OK)
		log_issue(issues, at, "sample", why.text);
}

static bool
has_format(const cJSON *item, const char *format)
{
	const char *word = cJSON_GetStringValue(doc_field(item, "format"));

	return format == NULL || strcmp(word != NULL ? word : "json", format) == 0;
}

/* False: it has no place to go to. */
static bool
target_compile(struct log_target_conf *conf, const cJSON *item, const char *log_dir,
	struct pointer *at, struct issues *issues)
{
	const cJSON *len = doc_field(item, "len");

	*conf = (struct log_target_conf){
		.framing = word_of(item, "framing", framing_words, LOG_FRAMING_BY_KIND),
		.facility = word_of(item, "facility", facility_words, LOCAL0),
		.level = word_of(item, "level", level_words, LOG_LEVEL_DEBUG),
		.minlevel = word_of(item, "minlevel", level_words, LOG_LEVEL_EMERG),
	};
	if (cJSON_IsNumber(len) && len->valuedouble >= 0 && len->valuedouble <= LOG_LINE_MAX_BYTES)
		conf->len = (uint32_t)len->valuedouble;
	sample_compile(&conf->sample, item, at, issues);
	return place_compile(&conf->place, item, log_dir, at, issues);
}

bool
log_compile(struct log_list **lp, const cJSON *list, const char *format, const char *log_dir,
	struct pointer *at, struct issues *issues)
{
	struct log_target_conf confs[LOG_TARGETS_MAX];
	size_t count = 0, index = 0, mark = pointer_push(at, "log");
	const cJSON *item;

	cJSON_ArrayForEach(item, array_or_none(list)) {
		size_t inner = pointer_push_index(at, index++);

		if (has_format(item, format) && count < LOG_TARGETS_MAX &&
		    target_compile(&confs[count], item, log_dir, at, issues))
			count++;
		pointer_pop(at, inner);
	}
	pointer_pop(at, mark);
	return count == 0 || log_list_new(lp, confs, count) == ERR_OK;
}

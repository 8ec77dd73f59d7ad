/*
 * What a target is: its place and its sample as they are written; and which lines it takes.
 */
#include "config.h"
#include "core/log_priv.h"
#include <assert.h>

#define SYSLOG_PORT 514

static const struct place_word {
	const char	*word;		/* with ":" something follows */
	enum log_kind	 kind;
	unsigned	 flags;		/* addr_parse()'s */
} place_words[] = {
	{ "stdout",	LOG_TO_STDOUT,	0 },
	{ "stderr",	LOG_TO_STDERR,	0 },
	{ "file:",	LOG_TO_FILE,	0 },
	{ "udp:",	LOG_TO_UDP,	ADDR_NO_UNIX },
	{ "tcp:",	LOG_TO_TCP,	ADDR_NO_UNIX },
	{ "unix:",	LOG_TO_UNIX,	0 },
};

static enum err
place_of(struct log_place *place, const struct place_word *word, struct diag *diag)
{
	const char *rest = place->text + strlen(word->word);
	enum err e;

	switch (place->kind) {
	case LOG_TO_STDOUT:
	case LOG_TO_STDERR:
		return ERR_OK;
	case LOG_TO_FILE:
		place->path = rest;
		if (*rest != '\0')
			return ERR_OK;
		diag_set(diag, "must be \"file:\" and a path");
		return ERR_INVALID;
	case LOG_TO_UNIX:
		return addr_parse(&place->addr, slice_of(place->text), 0, diag);
	case LOG_TO_UDP:
	case LOG_TO_TCP:
		break;
	}
	e = addr_parse(&place->addr, slice_of(rest), word->flags, diag);
	if (e == ERR_OK && addr_port(&place->addr) == 0)
		addr_set_port(&place->addr, SYSLOG_PORT);
	return e;
}

enum err
log_place_parse(struct log_place *place, const char *text, struct diag *diag)
{
	for (size_t i = 0; i < sizeof(place_words) / sizeof(place_words[0]); i++) {
		const struct place_word *w = &place_words[i];
		size_t len = strlen(w->word);

		if (strncmp(text, w->word, len) != 0 ||
		    (w->word[len - 1] != ':' && text[len] != '\0'))
			continue;
		*place = (struct log_place){ .kind = w->kind, .text = text };
		return place_of(place, w, diag);
	}
	diag_set(diag, "must be \"stdout\" or \"stderr\", or begin with \"file:\", \"udp:\", "
		 "\"tcp:\" or \"unix:\"");
	return ERR_INVALID;
}

/* -- samples -- */

/* What stands before `end` or at the end; *text is behind that afterwards. */
static struct slice
cut(struct slice *text, char end)
{
	const char *at = memchr(text->at, end, text->len);
	struct slice first = { text->at, at == NULL ? text->len : (size_t)(at - text->at) };
	size_t used = first.len + (at != NULL);

	*text = (struct slice){ text->at + used, text->len - used };
	return first;
}

static bool
number_parse(uint32_t *to, struct slice text)
{
	int64_t value;

	if (int_parse(text, &value) != ERR_OK || value < 1 || value > INT32_MAX)
		return false;
	*to = (uint32_t)value;
	return true;
}

/* "3" or "3-5", put among the others in order. */
static enum err
range_add(struct log_sample *sample, struct slice text, struct diag *diag)
{
	struct slice rest = text, low_text = cut(&rest, '-');
	bool single = low_text.len == text.len;
	uint32_t low, high, at;

	if (!number_parse(&low, low_text) || !number_parse(&high, single ? low_text : rest) ||
	    high < low) {
		diag_set(diag, "must be ranges and a size such as \"1,3-5:8\", counted from 1");
		return ERR_INVALID;
	}
	if (sample->count == LOG_SAMPLE_RANGES_MAX) {
		diag_set(diag, "must have at most %d ranges", LOG_SAMPLE_RANGES_MAX);
		return ERR_INVALID;
	}
	for (at = sample->count; at > 0 && sample->ranges[at - 1].low > low; at--)
		sample->ranges[at] = sample->ranges[at - 1];
	sample->ranges[at].low = low;
	sample->ranges[at].high = high;
	sample->count++;
	return ERR_OK;
}

enum err
log_sample_parse(struct log_sample *to, struct slice text, struct diag *diag)
{
	struct slice size = text, ranges = cut(&size, ':');
	struct log_sample sample = { 0 };

	if (!number_parse(&sample.size, size)) {
		diag_set(diag, "must end with a size such as the 8 in \"1,3-5:8\"");
		return ERR_INVALID;
	}
	do {
		enum err e = range_add(&sample, cut(&ranges, ','), diag);

		if (e != ERR_OK)
			return e;
	} while (ranges.len > 0);
	for (uint32_t i = 1; i < sample.count; i++) {
		if (sample.ranges[i].low <= sample.ranges[i - 1].high) {
			diag_set(diag, "has ranges that overlap");
			return ERR_INVALID;
		}
	}
	if (sample.ranges[sample.count - 1].high > sample.size) {
		diag_set(diag, "has a range beyond its size %u", (unsigned)sample.size);
		return ERR_INVALID;
	}
	*to = sample;
	return ERR_OK;
}

static bool
sample_takes(const struct log_sample *sample, uint32_t number)
{
	for (uint32_t i = 0; i < sample->count && sample->ranges[i].low <= number; i++) {
		if (number <= sample->ranges[i].high)
			return true;
	}
	return false;
}

bool
log_target_takes(struct log_target *target, enum log_level *level)
{
	const struct log_target_conf *conf = &target->conf;

	if (*level > conf->level)
		return false;
	if (*level < conf->minlevel)
		*level = conf->minlevel;
	if (conf->sample.count == 0)
		return true;
	target->sample_at = target->sample_at % conf->sample.size + 1;
	return sample_takes(&conf->sample, target->sample_at);
}

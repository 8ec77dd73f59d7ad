/*
 * Log targets: the first byte chooses between a place and a sample, the rest is the text. What is taken
 * is what it says: a sample's ranges ascend within its size, a target counts them right.
 */
#include "config.h"
#include <stdint.h>
#include <stdlib.h>
#include "core/log_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
claim(bool holds)
{
	if (!holds)
		abort();
}

static void
check_sample(struct slice text)
{
	struct log_target target = { .conf = { .level = LOG_LEVEL_DEBUG } };
	struct log_sample *sample = &target.conf.sample;
	uint32_t taken = 0, want = 0;
	struct diag why = { "" };

	if (log_sample_parse(sample, text, &why) != ERR_OK) {
		claim(sample->count == 0 && why.text[0] != '\0');
		return;
	}
	claim(sample->count > 0 && sample->count <= LOG_SAMPLE_RANGES_MAX);
	for (uint32_t i = 0, above = 0; i < sample->count; i++) {
		claim(sample->ranges[i].low > above);
		claim(sample->ranges[i].high >= sample->ranges[i].low);
		above = sample->ranges[i].high;
		claim(above <= sample->size);
		want += sample->ranges[i].high - sample->ranges[i].low + 1;
	}
	if (sample->size > 1000)
		return;
	for (uint32_t i = 0; i < sample->size; i++) {
		enum log_level level = LOG_LEVEL_INFO;

		taken += log_target_takes(&target, &level);
	}
	claim(taken == want);
}

static void
check_place(const char *text)
{
	struct log_place place;
	struct diag why = { "" };

	if (log_place_parse(&place, text, &why) != ERR_OK) {
		claim(why.text[0] != '\0');
		return;
	}
	claim((place.kind == LOG_TO_FILE) == (place.path != NULL));
	claim((place.kind >= LOG_TO_UDP) == (place.addr.len > 0));
	claim(place.kind != LOG_TO_UDP || addr_port(&place.addr) != 0);
	claim(place.kind != LOG_TO_UNIX || addr_is_unix(&place.addr));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[256];

	if (size == 0 || size > sizeof(text))
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] & 1)
		check_sample((struct slice){ text, size - 1 });
	else
		check_place(text);
	return 0;
}

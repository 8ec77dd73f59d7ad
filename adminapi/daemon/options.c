/*
 * Parsing the command line.
 */
#include "config.h"
#include "adminapi/daemon/options.h"

#include <getopt.h>
#include <stdio.h>
#include "core/str.h"

#define THREADS_MAX 64

static const char help_text[] =
	"usage: sluice [-f FILE] [options]\n"
	"\n"
	"  -f, --file FILE       the configuration document; without it the saved one of\n"
	"                        --state-dir, or an empty one: all by REST\n"
	"      --check           check the document (and a saved one), print every error, end\n"
	"      --admin ADDR      where the REST server listens, instead of admin.listen;\n"
	"                        may be repeated; default 127.0.0.1:9901\n"
	"      --files-dir DIR   the only place where REST may name files, such as error pages;\n"
	"                        instead of global.files_dir\n"
	"      --log-dir DIR     the only place where REST may name log files; instead of\n"
	"                        global.log_dir\n"
	"      --state-dir DIR   where changes made over REST are kept\n"
	"      --threads N       worker threads, 1 to 64, instead of global.threads\n"
	"      --expressions     all that expressions are made of, as JSON\n"
	"      --version         versions of the program and its libraries\n"
	"  -h, --help            this text\n"
	"\n"
	"signals: TERM drains and ends, INT or a second TERM ends at once,\n"
	"         HUP applies the edited file, USR1 opens log files anew\n";

void
options_help(void)
{
	fputs(help_text, stdout);
}

static bool
threads_parse(struct options *options, const char *text)
{
	int64_t threads;

	if (int_parse(slice_of(text), &threads) == ERR_OK && threads >= 1 &&
	    threads <= THREADS_MAX) {
		options->threads = (uint32_t)threads;
		return true;
	}
	fprintf(stderr, "sluice: --threads must be 1 to %d, is %s\n", THREADS_MAX, text);
	return false;
}

static bool
admin_add(struct options *options, const char *text)
{
	if (options->admin_count == OPTIONS_ADMIN_MAX) {
		fprintf(stderr, "sluice: --admin may be given at most %d times\n",
			OPTIONS_ADMIN_MAX);
		return false;
	}
	options->admin[options->admin_count++] = text;
	return true;
}

enum option_key {
	KEY_CHECK = 256,
	KEY_EXPRESSIONS,
	KEY_ADMIN,
	KEY_FILES_DIR,
	KEY_LOG_DIR,
	KEY_STATE_DIR,
	KEY_THREADS,
	KEY_VERSION
};

static const struct option long_options[] = {
	{ "file",	required_argument,	NULL, 'f' },
	{ "check",	no_argument,		NULL, KEY_CHECK },
	{ "admin",	required_argument,	NULL, KEY_ADMIN },
	{ "files-dir",	required_argument,	NULL, KEY_FILES_DIR },
	{ "log-dir",	required_argument,	NULL, KEY_LOG_DIR },
	{ "state-dir",	required_argument,	NULL, KEY_STATE_DIR },
	{ "threads",	required_argument,	NULL, KEY_THREADS },
	{ "expressions", no_argument,		NULL, KEY_EXPRESSIONS },
	{ "version",	no_argument,		NULL, KEY_VERSION },
	{ "help",	no_argument,		NULL, 'h' },
	{ NULL,		0,			NULL, 0 },
};

static bool
option_take(struct options *options, int key)
{
	switch (key) {
	case 'f':
		options->file = optarg;
		return true;
	case 'h':
		options->help = true;
		return true;
	case KEY_CHECK:
		options->check = true;
		return true;
	case KEY_FILES_DIR:
		options->files_dir = optarg;
		return true;
	case KEY_LOG_DIR:
		options->log_dir = optarg;
		return true;
	case KEY_STATE_DIR:
		options->state_dir = optarg;
		return true;
	case KEY_EXPRESSIONS:
		options->expressions = true;
		return true;
	case KEY_VERSION:
		options->version = true;
		return true;
	case KEY_ADMIN:
		return admin_add(options, optarg);
	case KEY_THREADS:
		return threads_parse(options, optarg);
	default:		/* getopt has said what is wrong */
		return false;
	}
}

bool
options_parse(struct options *options, int argc, char **argv)
{
	int key;

	*options = (struct options){ 0 };
	while ((key = getopt_long(argc, argv, "f:h", long_options, NULL)) != -1)
		if (!option_take(options, key))
			return false;
	if (optind == argc)
		return true;
	fprintf(stderr, "sluice: unexpected argument: %s\n", argv[optind]);
	return false;
}

/*
 * sluice: starts what the other rooms are, in order, and ends it in the reverse order.
 */
#include "config.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "adminapi/apply/limits.h"
#include "adminapi/apply/listeners.h"
#include "adminapi/apply/prepare.h"
#include "adminapi/daemon/boot.h"
#include "adminapi/daemon/notify.h"
#include "adminapi/daemon/options.h"
#include "adminapi/daemon/stop.h"
#include "adminapi/helper.h"
#include "adminapi/rest/events.h"
#include "adminapi/rest/expressions.h"
#include "adminapi/rest/info.h"
#include "adminapi/rest/operations.h"
#include "adminapi/rest/reload.h"
#include "adminapi/rest/resources.h"
#include "adminapi/rest/version.h"
#include "core/log.h"
#include "core/publish.h"
#include "server/check.h"
#include "server/fetch.h"
#include "server/server.h"
#include "stream/engine.h"
#include "stream/fetch.h"
#include "stream/format_stream.h"

#define LOG_DRAIN_MS 1000	/* for the last log lines */

/* What runs; each is NULL or false until it does. */
struct program {
	struct boot		 boot;
	struct loop		*control;
	struct doc		*doc;
	struct http_server	*http;
	struct plan		 plan;
	struct write		 first;		/* the start's own write */
	int			 status;	/* of the process */
};

static struct program program = { .status = 1 };

/* Descriptors 0 to 2 must be taken, or a log line goes into whatever file gets their number. */
static void
standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static int
complain(const struct boot *boot)
{
	if (issues_any(&boot->issues))
		boot_print_issues(boot, &boot->issues);
	else
		fprintf(stderr, "sluice: %s\n", boot->why.text);
	return 1;
}

static void
on_started(void)
{
	program.status = 0;
	operations_start();
	ready_set(true);
	notify_ready();
	log_msg(LOG_LEVEL_NOTICE, "sluice %s: ready, %u workers", PACKAGE_VERSION,
		(unsigned)engine_threads());
}

static void
on_first_done(struct write *write)
{
	if (issues_any(&write->issues))
		boot_print_issues(&program.boot, &write->issues);
	switch (write->outcome) {
	case WRITE_DONE:
	case WRITE_UNCHANGED:
	case WRITE_UNACKNOWLEDGED:	/* a worker is late; readyz says so until it is there */
		servers_set_serving(true);
		on_started();
		break;
	case WRITE_DRY:
	case WRITE_BAD_JSON:
	case WRITE_NOT_FOUND:
	case WRITE_CONFLICT:
	case WRITE_EXISTS:
	case WRITE_PRECONDITION:
	case WRITE_INVALID:
	case WRITE_UNAVAILABLE:
	case WRITE_UNDECIDED:
		log_msg(LOG_LEVEL_ERROR, "sluice: cannot start%s%s",
			write->why.text[0] == '\0' ? "" : ": ", write->why.text);
		loop_stop(program.control);
		break;
	}
	issues_fini(&write->issues);
	boot_fini(&program.boot);
	malloc_trim(0);		/* a file of 10,000 servers took megabytes to read */
}

/* The workers' number must be known before anything is compiled for them. */
static enum err
engine_begin(const struct boot *boot, struct loop *control)
{
	const struct engine_conf conf = { .threads = boot->threads,
		.maxconn = LIMITS_MAXCONN_DEFAULT, .pipe_memory = 0 };

	return engine_start(&conf, control);
}

static bool
program_begin(const struct options *options)
{
	struct boot *boot = &program.boot;
	struct log_ring *ring;
	struct diag *why = &boot->why;

	limits_make_table();
	if (log_start() != ERR_OK || log_ring_new(&ring) != ERR_OK ||
	    loop_new(&program.control, LOOP_CONTROL) != ERR_OK) {
		diag_errno(why, "cannot start");
		return false;
	}
	log_adopt(ring);
	loop_adopt(program.control);
	if (operations_load(boot->store, why) != ERR_OK)
		return false;
	if (engine_begin(boot, program.control) != ERR_OK ||
	    helper_start(&program.control->mailbox) != ERR_OK ||
	    store_start(boot->store, &program.control->mailbox) != ERR_OK ||
	    doc_new(&program.doc, boot->schema) != ERR_OK) {
		diag_errno(why, "cannot start the threads");
		return false;
	}
	if (http_server_new(&program.http, program.control, rest_handle, NULL, why) != ERR_OK)
		return false;
	if (stop_init(program.control, program.http) != ERR_OK) {
		diag_set(why, "out of memory");
		return false;
	}
	listeners_init(program.http);
	write_start(program.doc, boot->store);
	return true;
}

static void
first_write(void)
{
	struct boot *boot = &program.boot;

	program.first = (struct write){
		.verb = WRITE_PUT,
		.kind = DOC_CONFIG,
		.origin = DOC_BY_CONFIG,
		.done = on_first_done,
		.is_restore = !boot->file_wins,
		.reason = "start",
	};
	if (boot->path != NULL) {	/* if the saved document holds: it grew from just this file */
		program.first.file_text = boot->file.expanded.at;
		program.first.file_len = boot->file.expanded.len;
		program.first.file_hash = boot->file.hash;
	}
	write_boot(&program.plan, &program.first);
}

static void
program_run(const struct options *options)
{
	struct boot *boot = &program.boot;

	rest_init(program.doc);
	reload_init(options->file, notify_reloaded);
	info_init(program.control, boot->store, program.http, boot->state_dir);
	write_on_published(events_of_write);
	server_on_change(events_of_server);
	server_on_checked(events_of_check);
	server_on_ended(operations_on_ended);
	boot_note_options(boot, options, program.doc);
	boot_plan(boot, &program.plan, program.doc);
	first_write();
	loop_run(program.control);
}

/* In the reverse order; the admin server answered until here. */
static void
program_end(void)
{
	stop_last(program.status);
	checks_finish();
	engine_stop();
	if (program.doc != NULL)
		published_close_binds(program.doc);
	helper_stop();
	listeners_close();
	http_server_free(&program.http);
	operations_fini();
	events_fini();
	store_close(&program.boot.store);
	log_stop(LOG_DRAIN_MS);
}

/*
 * Small pieces freed by the ten thousand would be merged all at once by some later malloc(): 7 ms in a
 * turn that had nothing to do with them. Merged as they are freed, they cost each their own time.
 */
static void
allocator_smooth(void)
{
	mallopt(M_MXFAST, 0);
}

int
main(int argc, char **argv)
{
	struct options options;

	allocator_smooth();
	standard_descriptors();
	format_stream_register();
	capture_fetch_register();
	server_fetches_register();
	stream_fetches_register();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);	/* a full quota is an error of the store, not our end */
	signal(SIGHUP, SIG_IGN);	/* until it means something: the file is read anyhow */
	signal(SIGUSR1, SIG_IGN);	/* likewise: no log file is open yet */
	if (!options_parse(&options, argc, argv))
		return 2;
	if (options.help || options.version) {
		options.help ? options_help() : version_print();
		return 0;
	}
	if (options.expressions) {
		expressions_print();
		return 0;
	}
	if (listeners_given(options.admin, options.admin_count, &program.boot.why) != ERR_OK) {
		fprintf(stderr, "sluice: %s\n", program.boot.why.text);
		return 2;
	}
	if (options.check)
		publish_set_workers(NULL, 1);	/* nothing runs: one is enough to compile for */
	if (!boot_read(&program.boot, &options))
		return complain(&program.boot);
	if (options.check)
		return boot_check(&program.boot, &options);
	if (!program_begin(&options))
		return complain(&program.boot);
	program_run(&options);
	program_end();
	return program.status;
}

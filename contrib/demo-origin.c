/*
 * A small HTTP server to put behind sluice: quickstart's two demo machines, and an origin of tests.
 *
 *	demo-origin --name A --listen 127.0.0.1:0 [--port-file F]
 *
 * It answers its name and what it saw of the request; /slow?ms=500 answers late, /bytes?n=100000
 * answers that many bytes. The port that it got is its first line on stdout and, where wanted,
 * the content of the file F. SIGTERM and SIGINT end it. One thread.
 */
#include "config.h"
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#define SLOW_MAX_MS	60000			/* /slow: nobody needs to hold a request longer */
#define BYTES_MAX	(256L * 1024 * 1024)	/* /bytes: built in memory */
#define ADDRESS_MAX	256			/* an IP or host name as text */

struct origin {
	const char		*name;
	struct event_base	*base;
	unsigned long		 served;	/* requests since the start */
};

/* An answer of /slow that waits. It ends with its timer, or earlier with its connection. */
struct slow {
	struct origin		*origin;	/* borrowed: main's */
	struct evhttp_request	*request;	/* libevent's until we answer or its connection closes */
	struct event		*timer;
};

/* The number behind `key` in the query, or `fallback`; within 0..max. */
static long
query_number(struct evhttp_request *request, const char *key, long fallback, long max)
{
	const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
	struct evkeyvalq pairs;
	const char *text;
	long number = fallback;

	if (query == NULL || evhttp_parse_query_str(query, &pairs) != 0)
		return fallback;
	text = evhttp_find_header(&pairs, key);
	if (text != NULL)
		number = strtol(text, NULL, 10);
	evhttp_clear_headers(&pairs);
	if (number < 0)
		return 0;
	return number > max ? max : number;
}

static const char *
method_name(struct evhttp_request *request)
{
	static const struct {
		enum evhttp_cmd_type	 type;
		const char		*name;
	} methods[] = {
		{ EVHTTP_REQ_GET, "GET" },	   { EVHTTP_REQ_POST, "POST" },
		{ EVHTTP_REQ_HEAD, "HEAD" },	   { EVHTTP_REQ_PUT, "PUT" },
		{ EVHTTP_REQ_DELETE, "DELETE" },   { EVHTTP_REQ_OPTIONS, "OPTIONS" },
		{ EVHTTP_REQ_PATCH, "PATCH" },
	};
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (methods[i].type == evhttp_request_get_command(request))
			return methods[i].name;
	}
	return "?";
}

/* The usual answer: a line with our name, then the request as it arrived here. */
static void
origin_answer(struct origin *origin, struct evhttp_request *request)
{
	struct evbuffer *body = evbuffer_new();
	struct evkeyval *header;
	char *peer;
	ev_uint16_t port;

	if (body == NULL) {
		evhttp_send_error(request, HTTP_INTERNAL, NULL);
		return;
	}
	evhttp_connection_get_peer(evhttp_request_get_connection(request), &peer, &port);
	evbuffer_add_printf(body, "%s\n\nrequest %lu here, from %s:%u\n%s %s\n", origin->name,
			    ++origin->served, peer, port, method_name(request),
			    evhttp_request_get_uri(request));
	for (header = evhttp_request_get_input_headers(request)->tqh_first; header != NULL;
	     header = header->next.tqe_next)
		evbuffer_add_printf(body, "%s: %s\n", header->key, header->value);
	evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "text/plain");
	evhttp_add_header(evhttp_request_get_output_headers(request), "X-Origin", origin->name);
	evhttp_send_reply(request, HTTP_OK, "OK", body);
	evbuffer_free(body);
}

static void
slow_free(struct slow *slow)
{
	evhttp_connection_set_closecb(evhttp_request_get_connection(slow->request), NULL, NULL);
	event_free(slow->timer);
	free(slow);
}

static void
slow_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct slow *slow = arg;
	struct origin *origin = slow->origin;
	struct evhttp_request *request = slow->request;

	slow_free(slow);
	origin_answer(origin, request);
}

/* The client left before its answer: the request goes with its connection. */
static void
slow_on_close(struct evhttp_connection *connection, void *arg)
{
	slow_free(arg);
}

static void
on_slow(struct evhttp_request *request, void *arg)
{
	struct origin *origin = arg;
	long ms = query_number(request, "ms", 1000, SLOW_MAX_MS);
	struct timeval delay = { ms / 1000, (ms % 1000) * 1000 };
	struct slow *slow = calloc(1, sizeof(*slow));

	if (slow == NULL)
		goto fail;
	slow->origin = origin;
	slow->request = request;
	slow->timer = evtimer_new(origin->base, slow_on_timer, slow);
	if (slow->timer == NULL)
		goto fail;
	evhttp_connection_set_closecb(evhttp_request_get_connection(request), slow_on_close, slow);
	evtimer_add(slow->timer, &delay);
	return;
fail:
	free(slow);
	evhttp_send_error(request, HTTP_INTERNAL, NULL);
}

static void
on_bytes(struct evhttp_request *request, void *arg)
{
	static const char line[] =
		"sluice sluice sluice sluice sluice sluice sluice sluice sluice.\n";
	struct evbuffer *body = evbuffer_new();
	long left = query_number(request, "n", 1000, BYTES_MAX);

	if (body == NULL) {
		evhttp_send_error(request, HTTP_INTERNAL, NULL);
		return;
	}
	while (left > 0) {
		size_t part = left < (long)sizeof(line) - 1 ? (size_t)left : sizeof(line) - 1;

		evbuffer_add(body, line, part);
		left -= (long)part;
	}
	evhttp_send_reply(request, HTTP_OK, "OK", body);
	evbuffer_free(body);
}

static void
on_request(struct evhttp_request *request, void *arg)
{
	origin_answer(arg, request);
}

static void
on_signal(evutil_socket_t fd, short what, void *arg)
{
	event_base_loopbreak(arg);
}

/* "127.0.0.1:8080" or "[::1]:8080" into its two parts. */
static int
address_split(const char *text, char *host, ev_uint16_t *port)
{
	const char *colon = strrchr(text, ':');
	size_t length;
	char *end;
	long number;

	if (colon == NULL)
		return -1;
	length = (size_t)(colon - text);
	if (length >= 2 && text[0] == '[' && colon[-1] == ']') {
		text++;
		length -= 2;
	}
	number = strtol(colon + 1, &end, 10);
	if (length >= ADDRESS_MAX || end == colon + 1 || *end != '\0' || number < 0 ||
	    number > 65535)
		return -1;
	memcpy(host, text, length);
	host[length] = '\0';
	*port = (ev_uint16_t)number;
	return 0;
}

/* Bind and say where, so that a script may give port 0. */
static int
origin_listen(struct evhttp *http, const char *listen, const char *port_file)
{
	char host[ADDRESS_MAX];
	ev_uint16_t port;
	struct evhttp_bound_socket *bound;
	struct sockaddr_in6 address = { 0 };	/* has room for IPv4's, its port in the same place */
	socklen_t size = sizeof(address);
	FILE *out;

	if (address_split(listen, host, &port) != 0) {
		fprintf(stderr, "demo-origin: \"%s\" is not an address with a port\n", listen);
		return -1;
	}
	bound = evhttp_bind_socket_with_handle(http, host, port);
	if (bound == NULL || getsockname(evhttp_bound_socket_get_fd(bound),
					 (struct sockaddr *)&address, &size) != 0) {
		fprintf(stderr, "demo-origin: cannot listen on %s\n", listen);
		return -1;
	}
	port = ntohs(address.sin6_port);
	printf("listening %s %u\n", host, port);
	fflush(stdout);
	if (port_file == NULL)
		return 0;
	out = fopen(port_file, "w");
	if (out == NULL || fprintf(out, "%u\n", port) < 0 || fclose(out) != 0) {
		perror(port_file);
		return -1;
	}
	return 0;
}

static void
usage(void)
{
	fprintf(stderr,
		"usage: demo-origin --name NAME --listen ADDRESS:PORT [--port-file FILE]\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "listen", required_argument, NULL, 'l' },
		{ "port-file", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	struct origin origin = { .name = "origin" };
	const char *listen = "127.0.0.1:0", *port_file = NULL;
	struct event *on_term, *on_int;
	struct evhttp *http;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'n': origin.name = optarg; break;
		case 'l': listen = optarg; break;
		case 'p': port_file = optarg; break;
		default: usage();
		}
	}
	if (optind != argc)
		usage();
	signal(SIGPIPE, SIG_IGN);
	origin.base = event_base_new();
	http = origin.base != NULL ? evhttp_new(origin.base) : NULL;
	if (http == NULL) {
		fprintf(stderr, "demo-origin: no memory\n");
		return 1;
	}
	evhttp_set_gencb(http, on_request, &origin);
	evhttp_set_cb(http, "/slow", on_slow, &origin);
	evhttp_set_cb(http, "/bytes", on_bytes, NULL);
	on_term = evsignal_new(origin.base, SIGTERM, on_signal, origin.base);
	on_int = evsignal_new(origin.base, SIGINT, on_signal, origin.base);
	if (on_term == NULL || on_int == NULL || evsignal_add(on_term, NULL) != 0 ||
	    evsignal_add(on_int, NULL) != 0 || origin_listen(http, listen, port_file) != 0)
		return 1;
	event_base_dispatch(origin.base);
	evhttp_free(http);
	event_free(on_term);
	event_free(on_int);
	event_base_free(origin.base);
	return 0;
}

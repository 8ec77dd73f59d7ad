/*
 * HTTP/1: a head as it goes out, in as few pieces as it came in.
 *
 * The start line goes as it came unless what it says was changed since, or is not what the next hop is to
 * be told. Pure; any thread.
 */
#include "config.h"
#include "http/h1_priv.h"

struct writing {
	struct iovec	*iov;
	int		 count;
	size_t		 bytes;
};

/* A piece that lies right behind the last one is of the same run. */
static void
write_slice(struct writing *w, struct slice piece)
{
	struct iovec *last = w->count > 0 ? &w->iov[w->count - 1] : NULL;

	if (piece.len == 0)
		return;
	w->bytes += piece.len;
	if (last != NULL && (const char *)last->iov_base + last->iov_len == piece.at) {
		last->iov_len += piece.len;
		return;
	}
	w->iov[w->count++] = (struct iovec){ .iov_base = (char *)piece.at, .iov_len = piece.len };
}

/* RFC 9112, 3.2: what a server is sent. */
static struct slice
request_target(const struct http_head *head)
{
	return head->form == HTTP_TARGET_AUTHORITY ? head->target : head->path;
}

/* "METHOD target HTTP/1.1 CRLF", with what the head says now? */
static bool
request_line_stands(const struct http_head *head, struct slice version)
{
	struct slice target = request_target(head);
	const char *at = head->line.at;

	return at != NULL && head->method_text.at == at &&
	       target.at == at + head->method_text.len + 1 &&
	       head->line.len == head->method_text.len + 1 + target.len + version.len &&
	       memcmp(target.at + target.len, version.at, version.len) == 0;
}

/* Without a Host it can be no HTTP/1.1 (RFC 9112, 3.2). */
static void
write_request_line(struct writing *w, const struct http_head *head)
{
	bool has_host = head->minor > 0 || http_head_find(head, HTTP_NAME_HOST, NULL) != NULL;
	struct slice version = SLICE(" HTTP/1.1\r\n");
	struct slice target = request_target(head);

	if (!has_host)
		version = SLICE(" HTTP/1.0\r\n");
	if (request_line_stands(head, version)) {
		write_slice(w, head->line);
		return;
	}
	write_slice(w, head->method_text);
	write_slice(w, SLICE(" "));
	if (target.len == 0 ||
	    (target.at[0] != '/' && head->form == HTTP_TARGET_ABSOLUTE && target.at[0] != '*'))
		write_slice(w, SLICE("/"));
	write_slice(w, target);
	write_slice(w, version);
}

/* "HTTP/1.1 NNN reason CRLF", with what the head says now? */
static bool
status_line_stands(const struct http_head *head, const char code[3])
{
	const char *at = head->line.at;

	return at != NULL && head->line.len == 15 + head->reason.len &&
	       head->reason.at == at + 13 && memcmp(at, "HTTP/1.1 ", 9) == 0 &&
	       memcmp(at + 9, code, 3) == 0;
}

static void
write_status_line(struct writing *w, const struct http_head *head, char *room)
{
	char *code = room + 9;

	memcpy(room, "HTTP/1.1 ... ", 13);
	code[0] = (char)('0' + head->status / 100 % 10);
	code[1] = (char)('0' + head->status / 10 % 10);
	code[2] = (char)('0' + head->status % 10);
	if (status_line_stands(head, code)) {
		write_slice(w, head->line);
	} else {
		write_slice(w, (struct slice){ room, 13 });
		write_slice(w, head->reason);
		write_slice(w, SLICE("\r\n"));
	}
}

int
h1_write_head(const struct http_head *head, struct iovec *iov, char *room, size_t *bytes)
{
	struct writing w = { .iov = iov };

	if (head->is_response)
		write_status_line(&w, head, room);
	else
		write_request_line(&w, head);
	for (uint32_t i = 0; i < head->count; i++) {
		const struct http_field *f = &head->fields[i];

		if (!f->left_out)
			write_slice(&w, (struct slice){ f->line, f->line_len });
	}
	write_slice(&w, head->end.len > 0 ? head->end : SLICE("\r\n"));
	*bytes = w.bytes;
	return w.count;
}

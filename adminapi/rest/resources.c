/*
 * GET of resources and collections, and the table of routes. Control thread.
 */
#include "config.h"
#include "adminapi/rest/resources.h"

#include "adminapi/http/route.h"
#include "adminapi/rest/events.h"
#include "adminapi/rest/info.h"
#include "adminapi/rest/map_entries.h"
#include "adminapi/rest/operations.h"
#include "adminapi/rest/reader.h"
#include "adminapi/rest/reload.h"
#include "adminapi/rest/rules.h"
#include "adminapi/rest/sessions.h"

static struct doc *doc;

void
rest_init(struct doc *d)
{
	doc = d;
}

struct doc *
rest_doc(void)
{
	return doc;
}

/* Where the next page is: this path, with what shapes the page. */
static void
next_path(const struct call *call, struct buf *out)
{
	const char *keep[] = { "view", "depth" };
	char mark = '?';

	for (uint32_t i = 0; i < call->segment_count; i++)
		buf_printf(out, "/%s", call->segments[i]);
	for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++) {
		const char *value = call_param(call, keep[i]);

		if (value == NULL)
			continue;
		buf_printf(out, "%c%s=%s", mark, keep[i], value);
		mark = '&';
	}
	buf_put(out, "", 1);
}

/* Pages of servers go by id. */
static bool
cursor_is_key(struct call *call, enum doc_kind kind, const char *cursor)
{
	int64_t id;

	if (cursor == NULL || kind != DOC_SERVER ||
	    (int_parse(slice_of(cursor), &id) == ERR_OK && id >= 0))
		return true;
	call_problem(call, 400, NULL, "query parameter \"cursor\" must be a server's id");
	return false;
}

void
resource_get(struct call *call)
{
	struct target target = target_of(call);
	struct reader_query q = { .members_of = DOC_KINDS, .depth = READER_DEPTH_ALL };
	char etag[VIEW_ETAG_BYTES];
	struct answer head = { .status = 200, .etag = etag };
	struct buf path = { 0 };

	if (!param_view(call, &q.view) || !param_uint(call, "depth", DEPTH_MAX, &q.depth) ||
	    !param_uint(call, "limit", 100000, &q.limit))
		return;
	q.node = target_find(call, &target);
	if (q.node == NULL)
		return;
	if (target.is_collection) {
		q.members_of = target.kind;
		q.cursor = call_param(call, "cursor");
		if (!cursor_is_key(call, target.kind, q.cursor))
			return;
		next_path(call, &path);
		q.next_path = path.failed ? NULL : path.at;
	}
	view_etag(etag, reader_revision(&q), q.view);
	reader_answer(call, doc, &q, &head);
	buf_fini(&path);
}

#define READ	"view depth"
#define PAGE	"view depth limit cursor"
#define WRITE	"dry_run"

#define CALLS(...)          \
	{                   \
		__VA_ARGS__ \
	}
static const struct route routes[] = {
	{ "/v1/config", CALLS([METHOD_GET] = resource_get, [METHOD_PUT] = resource_put,
	  [METHOD_PATCH] = resource_patch), READ, WRITE },
	{ "/v1/config/reload", CALLS([METHOD_POST] = reload_post), NULL, WRITE },
	{ "/v1/global", CALLS([METHOD_GET] = resource_get, [METHOD_PATCH] = resource_patch), READ,
	  WRITE },
	{ "/v1/admin", CALLS([METHOD_GET] = resource_get, [METHOD_PATCH] = resource_patch), READ,
	  WRITE },
	{ "/v1/defaults", CALLS([METHOD_GET] = resource_get, [METHOD_PATCH] = resource_patch), READ,
	  WRITE },
	{ "/v1/profiles",
	  CALLS([METHOD_GET] = resource_get, [METHOD_PATCH] = resource_patch,
		[METHOD_POST] = collection_post),
	  PAGE, WRITE },
	{ "/v1/profiles/{profile}",
	  CALLS([METHOD_GET] = resource_get, [METHOD_PUT] = resource_put,
		[METHOD_PATCH] = resource_patch, [METHOD_DELETE] = resource_delete),
	  READ, WRITE },
	{ "/v1/maps",
	  CALLS([METHOD_GET] = resource_get, [METHOD_PATCH] = resource_patch,
		[METHOD_POST] = collection_post),
	  PAGE, WRITE },
	{ "/v1/maps/{map}",
	  CALLS([METHOD_GET] = resource_get, [METHOD_PUT] = resource_put,
		[METHOD_PATCH] = resource_patch, [METHOD_DELETE] = resource_delete),
	  READ, WRITE },
	{ "/v1/maps/{map}/entries",
	  CALLS([METHOD_GET] = map_entries_get, [METHOD_PUT] = map_entries_put,
		[METHOD_PATCH] = map_entries_patch, [METHOD_POST] = map_entries_post),
	  "limit cursor", WRITE },
	{ "/v1/maps/{map}/entries/{key*}",
	  CALLS([METHOD_GET] = map_entry_get, [METHOD_PUT] = map_entry_put,
		[METHOD_PATCH] = map_entry_patch, [METHOD_DELETE] = map_entry_delete),
	  NULL, WRITE },
	{ "/v1/userlists",
	  CALLS([METHOD_GET] = resource_get, [METHOD_PATCH] = resource_patch,
		[METHOD_POST] = collection_post),
	  PAGE, WRITE },
	{ "/v1/userlists/{userlist}",
	  CALLS([METHOD_GET] = resource_get, [METHOD_PUT] = resource_put,
		[METHOD_PATCH] = resource_patch, [METHOD_DELETE] = resource_delete),
	  READ, WRITE },
	{ "/v1/http_errors",
	  CALLS([METHOD_GET] = resource_get, [METHOD_PATCH] = resource_patch,
		[METHOD_POST] = collection_post),
	  PAGE, WRITE },
	{ "/v1/http_errors/{error_pages}",
	  CALLS([METHOD_GET] = resource_get, [METHOD_PUT] = resource_put,
		[METHOD_PATCH] = resource_patch, [METHOD_DELETE] = resource_delete),
	  READ, WRITE },
	{ "/v1/frontends",
	  CALLS([METHOD_GET] = resource_get, [METHOD_PATCH] = resource_patch,
		[METHOD_POST] = collection_post),
	  PAGE, WRITE },
	{ "/v1/frontends/{frontend}",
	  CALLS([METHOD_GET] = resource_get, [METHOD_PUT] = resource_put,
		[METHOD_PATCH] = resource_patch, [METHOD_DELETE] = resource_delete),
	  READ, WRITE },
	{ "/v1/frontends/{frontend}/rules",
	  CALLS([METHOD_GET] = rules_get, [METHOD_PATCH] = resource_patch,
		[METHOD_POST] = collection_post),
	  "view limit cursor", WRITE },
	{ "/v1/frontends/{frontend}/rules/{rule}",
	  CALLS([METHOD_GET] = rules_get, [METHOD_PUT] = resource_put,
		[METHOD_PATCH] = resource_patch, [METHOD_DELETE] = resource_delete),
	  "view", WRITE },
	{ "/v1/backends",
	  CALLS([METHOD_GET] = resource_get, [METHOD_PATCH] = resource_patch,
		[METHOD_POST] = collection_post),
	  PAGE, WRITE },
	{ "/v1/backends/{backend}",
	  CALLS([METHOD_GET] = resource_get, [METHOD_PUT] = resource_put,
		[METHOD_PATCH] = resource_patch, [METHOD_DELETE] = resource_delete),
	  READ, WRITE },
	{ "/v1/backends/{backend}/rules",
	  CALLS([METHOD_GET] = rules_get, [METHOD_PATCH] = resource_patch,
		[METHOD_POST] = collection_post),
	  "view limit cursor", WRITE },
	{ "/v1/backends/{backend}/rules/{rule}",
	  CALLS([METHOD_GET] = rules_get, [METHOD_PUT] = resource_put,
		[METHOD_PATCH] = resource_patch, [METHOD_DELETE] = resource_delete),
	  "view", WRITE },
	{ "/v1/backends/{backend}/servers",
	  CALLS([METHOD_GET] = resource_get, [METHOD_PATCH] = resource_patch,
		[METHOD_POST] = collection_post),
	  PAGE, WRITE },
	{ "/v1/backends/{backend}/servers/{server}",
	  CALLS([METHOD_GET] = resource_get, [METHOD_PUT] = resource_put,
		[METHOD_PATCH] = resource_patch, [METHOD_DELETE] = resource_delete),
	  READ, WRITE " force" },
	{ "/v1/backends/{backend}/servers/{server}/sessions",
	  CALLS([METHOD_GET] = sessions_get, [METHOD_DELETE] = sessions_delete), "limit cursor src",
	  NULL },
	{ "/v1/backends/{backend}/servers/{server}/drain", CALLS([METHOD_POST] = drain_post), NULL,
	  WRITE " wait" },
	{ "/v1/operations", CALLS([METHOD_GET] = operations_get), "limit cursor", NULL },
	{ "/v1/operations/{operation}",
	  CALLS([METHOD_GET] = operation_get, [METHOD_DELETE] = operation_delete), "wait", NULL },
	{ "/v1/sessions", CALLS([METHOD_GET] = sessions_get, [METHOD_DELETE] = sessions_delete),
	  "limit cursor backend server src", "all" },
	{ "/v1/sessions/{session}",
	  CALLS([METHOD_GET] = session_get, [METHOD_DELETE] = session_delete), NULL, NULL },
	{ "/v1/events", CALLS([METHOD_GET] = events_get), "kind", NULL },
	{ "/v1/info", CALLS([METHOD_GET] = info_get), NULL, NULL },
	{ "/v1/schemas", CALLS([METHOD_GET] = schemas_get), NULL, NULL },
	{ "/v1/schemas/{schema}", CALLS([METHOD_GET] = schema_get), NULL, NULL },
	{ "/healthz", CALLS([METHOD_GET] = healthz_get), NULL, NULL },
	{ "/readyz", CALLS([METHOD_GET] = readyz_get), NULL, NULL },
};

void
rest_handle(struct call *call)
{
	route_call(routes, sizeof(routes) / sizeof(routes[0]), call);
}

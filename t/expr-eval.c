/*
 * What sluice makes of an expression: t/haproxy-expr.t compares it with what HAProxy makes of it.
 *
 * Each line of standard input is an expression, a tab, and bytes in hexadecimal digits, which are in the variable
 * txn.in; further variables are set as the test's HAProxy has them. The answer is a line: "=" and the
 * bytes of the value as text in hexadecimal digits, "-" for no value, or "!" and why it does not compile. A map's name is
 * that of a file.
 */
#include "config.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "core/grace.h"
#include "expr/expr.h"
#include "expr/map.h"
#include "expr/vars.h"

#define LINE_MAX_BYTES	(256 * 1024)
#define ROOM_BYTES	(512 * 1024)

static struct vars vars[VAR_SCOPES];
static char room[ROOM_BYTES];

static void
die(const char *what)
{
	fprintf(stderr, "expr-eval: %s\n", what);
	exit(2);
}

static void
set(struct eval *eval, const char *name, struct sample value)
{
	struct var_id id;

	if (var_id_parse(&id, slice_of(name), NULL) != ERR_OK ||
	    var_set(eval, id, &value, NULL) != ERR_OK)
		die("a variable could not be set");
}

static void
set_text(struct eval *eval, const char *name, struct slice text)
{
	set(eval, name, (struct sample){ .type = SAMPLE_STRING, .text = text });
}

static void
set_number(struct eval *eval, const char *name, int64_t number)
{
	set(eval, name, (struct sample){ .type = SAMPLE_INT, .number = number });
}

static size_t
hex_read(char *out, const char *hex)
{
	size_t len = 0;
	unsigned byte;

	while (sscanf(hex + 2 * len, "%2x", &byte) == 1)
		out[len++] = (char)byte;
	return len;
}

static struct eval
scene(struct slice input)
{
	struct eval eval = { .room = { room, sizeof(room) },
			     .wall_us = (uint64_t)time(NULL) * 1000000 };

	for (int i = 0; i < VAR_SCOPES; i++) {
		vars_fini(&vars[i], NULL);
		eval.vars[i] = &vars[i];
	}
	set_text(&eval, "txn.in", input);
	set_text(&eval, "txn.word", SLICE("other"));
	set_text(&eval, "txn.empty", SLICE(""));
	set_text(&eval, "txn.alg", SLICE("HS256"));
	set_text(&eval, "txn.key", SLICE("c2VjcmV0"));
	set_number(&eval, "txn.seven", 7);
	set_number(&eval, "txn.minus", -7);
	return eval;
}

/* -- maps -- */

#define MAPS_MAX 32

static struct map_file {
	struct map	*map;
	char		*path;
} maps[MAPS_MAX];

static struct map *
map_of_file(const char *path)
{
	static char text[64 * 1024];
	struct map_file *at = maps;
	FILE *file;

	for (; at->map != NULL; at++) {
		if (strcmp(at->path, path) == 0)
			return at->map;
	}
	file = fopen(path, "re");
	if (file == NULL || at == maps + MAPS_MAX - 1)
		die(path);
	at->path = strdup(path);
	if (at->path == NULL || map_new(&at->map) != ERR_OK ||
	    map_load(at->map, (struct slice){ text, fread(text, 1, sizeof(text), file) }, NULL) !=
		    ERR_OK)
		die("a map could not be loaded");
	fclose(file);
	return at->map;
}

static void
ref_release(struct ref *ref)
{
	struct map_view *view = ref->object;

	map_view_release(&view);
}

static void
refs_resolve(struct refs *refs)
{
	struct diag diag;

	for (struct ref *ref = refs->first; ref != NULL; ref = ref->next) {
		struct map_view *view = NULL;

		if (ref->kind != REF_MAP)
			continue;
		if (map_view_get(&view, map_of_file(ref->name), ref->match, ref->nocase,
				 ref->value_type, &diag) != ERR_OK)
			die(diag.text);
		ref->object = view;
		ref->release = ref_release;
	}
}

static void
answer(const char *text, struct slice input)
{
	struct refs refs = { NULL };
	struct compile_env env = { .has = COMPILE_HAS_ALL, .place = "a test", .refs = &refs };
	struct eval eval = scene(input);
	struct expr *expr = NULL;
	struct diag diag = { "" };
	struct sample value;

	if (expr_compile(&expr, slice_of(text), &env, &diag) != ERR_OK) {
		printf("!%s\n", diag.text);
		refs_fini(&refs);
		return;
	}
	refs_resolve(&refs);
	if (!expr_eval_as(expr, &eval, SAMPLE_STRING, &value)) {
		puts("-");
	} else {
		putchar('=');
		for (size_t i = 0; i < value.text.len; i++)
			printf("%02x", (uint8_t)value.text.at[i]);
		putchar('\n');
	}
	expr_free(&expr);
	refs_fini(&refs);
}

int
main(void)
{
	static char line[LINE_MAX_BYTES], input[LINE_MAX_BYTES / 2];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		char *tab = strchr(line, '\t');

		if (tab == NULL)
			die("a line without a tab");
		*tab = '\0';
		answer(line, (struct slice){ input, hex_read(input, tab + 1) });
	}
	for (int i = 0; i < VAR_SCOPES; i++)
		vars_fini(&vars[i], NULL);
	for (struct map_file *at = maps; at->map != NULL; at++) {
		map_free(&at->map);
		free(at->path);
	}
	grace_flush();
	return fflush(stdout) == 0 ? 0 : 1;
}

/*
 * Our verdict on documents, for t/schema-corpus.t: "good FILE" or "bad FILE" a line, and below a bad
 * one what is wrong with it.
 *
 *	t/schema-verdict FILE...
 */
#include "config.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/json/embedded.h"
#include "adminapi/json/schema.h"
#include "adminapi/json/strict.h"

static struct schema *
schema_of_document(void)
{
	struct schema *schema = NULL;
	struct diag diag = { "not among the embedded files" };
	size_t i;

	for (i = 0; i < embedded_file_count; i++) {
		if (strcmp(embedded_files[i].name, "config.json") == 0)
			schema_compile(&schema, embedded_files[i].text, embedded_files[i].size,
				       &diag);
	}
	if (schema != NULL)
		return schema;
	fprintf(stderr, "config.json: %s\n", diag.text);
	exit(2);
}

static void
file_read(const char *path, struct buf *text)
{
	FILE *in = fopen(path, "rb");
	char part[65536];
	size_t got;

	if (in == NULL) {
		perror(path);
		exit(2);
	}
	while ((got = fread(part, 1, sizeof(part), in)) > 0)
		buf_put(text, part, got);
	fclose(in);
}

static void
file_judge(const struct schema *schema, const char *path)
{
	struct buf text = { 0 };
	struct pointer at = { 0 };
	struct issues issues = { 0 };
	cJSON *document = NULL;
	uint32_t i;

	file_read(path, &text);
	if (json_parse(&document, text.at, text.len, &issues) == ERR_OK)
		schema_validate(schema_def(schema, "config"), document, &at, &issues);
	printf("%s %s\n", issues_any(&issues) ? "bad" : "good", path);
	for (i = 0; i < issues.count; i++)
		printf("\t%s: line %u: %s\n", issues.items[i].pointer,
			json_line_of(text.at, text.len, issues.items[i].pointer),
			issues.items[i].detail);
	cJSON_Delete(document);
	issues_fini(&issues);
	pointer_fini(&at);
	buf_fini(&text);
}

int
main(int argc, char **argv)
{
	struct schema *schema = schema_of_document();
	int i;

	for (i = 1; i < argc; i++)
		file_judge(schema, argv[i]);
	schema_free(&schema);
	return 0;
}

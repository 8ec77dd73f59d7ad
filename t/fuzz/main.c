/*
 * main() of a fuzz target in a build without libFuzzer.
 *
 * Runs the target once over each file named on the command line, and over each file in each folder
 * named there: so the corpus is a regression test in every build. Says how many files it ran.
 */
#include "config.h"
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
die(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	exit(2);
}

static void
file_run(const char *path, size_t size)
{
	FILE *in = fopen(path, "rb");
	uint8_t *data = malloc(size > 0 ? size : 1);	/* exact: a sanitizer sees one byte too far */

	if (in == NULL || data == NULL || fread(data, 1, size, in) != size)
		die(path);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	fclose(in);
}

static unsigned
path_run(const char *path)
{
	struct stat st;
	struct dirent **names;
	unsigned ran = 0;
	int count, i;

	if (stat(path, &st) != 0)
		die(path);
	if (!S_ISDIR(st.st_mode)) {
		file_run(path, (size_t)st.st_size);
		return 1;
	}
	count = scandir(path, &names, NULL, alphasort);
	if (count < 0)
		die(path);
	for (i = 0; i < count; i++) {
		char *below = NULL;

		if (names[i]->d_name[0] != '.') {
			if (asprintf(&below, "%s/%s", path, names[i]->d_name) < 0)
				die(path);
			ran += path_run(below);
			free(below);
		}
		free(names[i]);
	}
	free(names);
	return ran;
}

int
main(int argc, char **argv)
{
	unsigned ran = 0;
	int i;

	for (i = 1; i < argc; i++)
		ran += path_run(argv[i]);
	printf("%u inputs\n", ran);
	return 0;
}

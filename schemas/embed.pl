#!/usr/bin/perl
# Prints a C file that holds the files named on the command line, for adminapi/json/embedded.h.
# A file becomes an array of bytes, for a compiler may limit the length of a string literal.
use strict;
use warnings;

my (@rows, @arrays);
for my $path (@ARGV) {
	open(my $in, '<:raw', $path) or die "$path: $!\n";
	my $bytes = do { local $/; <$in> };
	close($in) or die "$path: $!\n";
	my ($name) = $path =~ m{([^/]+)$};
	(my $ident = $name) =~ s/\W/_/g;
	my $lines = '';
	while ($bytes =~ /\G(.{1,16})/gs) {
		$lines .= "\t" . join('', map { "$_," } unpack('c*', $1)) . "\n";
	}
	push @arrays, "static const char file_$ident\[] = {\n${lines}\t0\n};\n";
	push @rows, qq(\t{ "$name", file_$ident, sizeof(file_$ident) - 1 },\n);
}
print <<"END";
/* Made by schemas/embed.pl from schemas/: change the files there. */
#include "config.h"
#include "adminapi/json/embedded.h"

@{[join "\n", @arrays]}
const struct embedded_file embedded_files[] = {
@{[join '', @rows]}\t{ NULL, NULL, 0 },
};
const size_t embedded_file_count = sizeof(embedded_files) / sizeof(embedded_files[0]) - 1;
END

#!/usr/bin/perl
# tier: unit
# Each fuzz target survives its corpus: what a fuzzer once found stays mended, in every build.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use Test::More;

my $here = dirname(abs_path($0));
my $build = $ENV{SLUICE_BUILD} || '.';
my @targets = grep { $_ ne 'main' } map { basename($_, '.c') } sort glob("$here/fuzz/*.c");

plan skip_all => 'no fuzz targets' if !@targets;
for my $target (@targets) {
	my @corpus = grep { -d } "$here/fuzz/corpus/$target";
	my $said = `"$build/t/fuzz/$target" @corpus 2>&1`;
	my $status = $?;
	ok($status == 0 && $said =~ /(\d+) inputs/ && $1 > 0, "$target runs its corpus")
		or diag("status $status\n$said");
}
done_testing;

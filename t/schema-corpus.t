#!/usr/bin/perl
# tier: story
# The schema means what it says: a corpus of good and bad documents gets the same verdict from our
# validator and from python3-jsonschema. What only a keyword of our own (x-range) refuses is called
# bad/x-*; a plain validator takes it.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use Test::More;

my $here = dirname(abs_path($0));
my $build = $ENV{SLUICE_BUILD} || '.';
my @files = map { sort glob("$here/schema-corpus/$_/*.json") } qw(good bad);

# Prints "good FILE" or "bad FILE" as ours does, by the plain keywords.
my $plain = <<'END';
import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
for path in sys.argv[2:]:
    print("good" if validator.is_valid(json.load(open(path))) else "bad", path)
END

# Verdicts of a program, by file, and the lines below each.
sub verdicts {
	my @command = @_;
	my (%verdict, %why, $last);
	open(my $out, '-|', @command) or die "$command[0]: $!\n";
	while (<$out>) {
		chomp;
		if (/^(good|bad) (.*)/) {
			($verdict{$2}, $last) = ($1, $2);
		} elsif (defined($last)) {
			$why{$last} .= "$_\n";
		}
	}
	close($out) or die "@command[0, 1]: status $?\n";
	return (\%verdict, \%why);
}

plan skip_all => 'no python3-jsonschema'
	if system('python3 -c "import jsonschema; jsonschema.Draft202012Validator" 2>/dev/null') != 0;
cmp_ok(scalar(@files), '>', 40, 'there is a corpus');
my ($ours, $why) = verdicts("$build/t/schema-verdict", @files);
my ($theirs) = verdicts('python3', '-c', $plain, "$here/../schemas/config.json", @files);

for my $path (@files) {
	my ($kind, $name) = (basename(dirname($path)), basename($path, '.json'));
	my $expected = $name =~ /^x-/ ? 'good' : $kind;
	is($ours->{$path}, $kind, "$kind/$name by ours") or diag($why->{$path} || '');
	is($theirs->{$path}, $expected, "$kind/$name by the plain keywords");
	like($why->{$path}, qr/^\t\/?.*: line [1-9]/, "$kind/$name is told with its line")
		if $kind eq 'bad';
}
done_testing;

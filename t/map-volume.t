#!/usr/bin/perl
# tier: drill
#
# A million entries are read in seconds, and need about a hundred bytes each besides their text; a lookup among them costs
# what the memory costs, whatever their number. Time is of the processor: others may use it too.
use Sluice;

my $build = $ENV{SLUICE_BUILD} || '.';
my $sanitized = Sluice::sanitizers() ne 'no';		# their memory and time are their own
my $entries = $sanitized ? 50_000 : 1_000_000;
my %figure = map { split / / } split /\n/, `$build/t/map-volume $entries`;
is $?, 0, 'the map says of each key what it should';
diag(join ', ', map { "$_ $figure{$_}" } sort keys %figure);

ok $figure{load_ms} < 2000, "$entries entries are read in $figure{load_ms} ms";
ok $figure{view_ms} < 2000, "a view of them is made in $figure{view_ms} ms";
SKIP: {
	skip 'memory and time are the sanitizers\'', 3 if $sanitized;
	ok $figure{entry_bytes} - $figure{entry_text_bytes} < 110, "an entry needs $figure{entry_bytes} bytes, of which $figure{entry_text_bytes} are its text";
	ok $figure{'lookup_ns.1'} < 500, "a lookup in one takes $figure{'lookup_ns.1'} ns";
	ok $figure{"lookup_ns.$entries"} < 5000, "a lookup in $entries takes " . $figure{"lookup_ns.$entries"} . ' ns';
}
done_testing;

#!/usr/bin/perl
# tier: drill
# A person's first minute: contrib/quickstart --once says what it does, and all of it holds. The long
# drill builds from nothing, as on a fresh machine; the short one takes the build under test.
use Sluice;
use File::Temp ();

my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my $long = ($ENV{SLUICE_DRILL} // 'short') eq 'long';
local $ENV{SLUICE_QUICKSTART_DIR} = "$dir/build";
local $ENV{SLUICE_BUILD} = $long ? '' : Sluice::build_dir();

my $said = `'@{[Sluice::source_dir()]}/contrib/quickstart' --once 2>&1`;
is $?, 0, 'quickstart --once ends with 0' or diag($said);
like $said, qr/^\$ curl -s -X PATCH \S+ -d '\{"backup":true\}'$/m, 'it prints the lines that it used';
like $said, qr/^all of it held, in \d+ s$/m, 'and says that all held';

done_testing;

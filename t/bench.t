#!/usr/bin/perl
# tier: drill
#
# The bench is used when somebody doubts a change, months after it was written: it must still work. It runs
# once, small, and each proxy that is here gets through each mode without an error. Who is faster is not
# asked: that is for a quiet machine and `t/bench/run --check`.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use JSON::PP;
use Test::More;

my $run = dirname(abs_path(__FILE__)) . '/bench/run';
my $text = `'$run' --quick --json`;
is $?, 0, 'the bench runs to its end';
my $modes = decode_json($text)->{modes};
is_deeply [sort keys %$modes], [qw(checks checks-http churn down http-churn http-down http-httplog http-idle http-least http-log http-rules http-small http-small-2
	http-up idle small up)], 'with all its modes';

for my $mode (sort keys %$modes) {
	my $proxies = $modes->{$mode}{proxies};
	ok $proxies->{$_}, "$mode: $_ took part" for 'sluice', $mode =~ /^http-(small-2|log|httplog)$|^checks/ ? () : 'floor';
	for my $name (sort keys %$proxies) {
		is $proxies->{$name}{errors}, 0, "$mode through $name: no errors";
		cmp_ok $proxies->{$name}{cost}, '>', 0, "$mode through $name: and a cost" if $mode !~ /idle/;
	}
}
isnt system("'$run' --only nonsense >/dev/null 2>&1"), 0, 'a mode that does not exist is refused';
done_testing;

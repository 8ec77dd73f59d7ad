#!/usr/bin/perl
# tier: story
# README's tour works as printed: each line after "$ " is run, what stands below it must be its output.
# Only the ports differ: a test may not count on 8080 being free.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::IP;
use Test::More;
use Sluice;

my $build = $ENV{SLUICE_BUILD} or plan skip_all => 'SLUICE_BUILD names no build';
system('jq --version >/dev/null 2>&1') == 0 or plan skip_all => 'no jq';

# Ports that were free a moment ago, each for one of README's.
my (%port, @held);
for my $printed (9901, 8001, 8002, 8080, 8081) {
	push @held, IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 1);
	$port{$printed} = $held[-1]->sockport;
}
undef @held;

open my $readme, '<', "$FindBin::Bin/../README" or die "README: $!";
my (@steps, $in_tour);
while (<$readme>) {
	$in_tour = /tour by curl/ if /^## /;
	next unless $in_tour;
	if (/^    \$ (.*)$/) { push @steps, { command => $1, expected => '' } }
	elsif (/^    (\S.*)$/) { $steps[-1]{expected} .= "$1\n" }
}
cmp_ok scalar @steps, '>', 15, 'README has a tour';

sub with_ports { my ($text) = @_; $text =~ s/\b(9901|800[12]|808[01])\b/$port{$1}/g; return $text }

my @pids;
END { kill 'INT', @pids; waitpid $_, 0 for @pids }

sub start_in_background {
	my ($command) = @_;
	my ($printed) = $command =~ /:(\d+)/;
	$command .= " --admin 127.0.0.1:9901" if $command =~ s{^\./sluice}{exec ./sluice};
	$command = "exec $command" unless $command =~ /^exec/;
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		chdir $build;
		open STDOUT, '>', '/dev/null';
		exec Sluice::launcher(), 'sh', '-c', with_ports($command) or die;
	}
	push @pids, $pid;
	my $port = $port{ $printed // 9901 };
	wait_until { IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $port) } 10, "port $port";
}

for my $step (@steps) {
	my $command = $step->{command};
	if ($command =~ s/\s*&$//) { start_in_background($command); next }
	my $output = do { local $ENV{LC_ALL} = 'C'; my $run = with_ports($command); `cd '$build' && $run` };
	next if $step->{expected} eq '';
	is $output, with_ports($step->{expected}), $command;
}

# The reference is made, not written.
{
	local $/;
	seek $readme, 0, 0;
	my ($reference) = <$readme> =~ /^## The document, field by field\n.*?\n\n(    .*)\z/ms;
	my $made = join '', map { /\S/ ? "    $_" : "\n" } split /^/, `$^X '$FindBin::Bin/../schemas/reference'`;
	is $reference, $made, 'the reference is what schemas/reference prints';
	seek $readme, 0, 0;
	my ($expressions) = <$readme> =~ /^## Expressions, one by one\n.*?\n\n(    .*?)(?=\n## )/ms;
	my $listed = join '', map { /\S/ ? "    $_" : "\n" }
		split /^/, `$^X '$FindBin::Bin/../schemas/expressions' '$build/sluice'`;
	is $expressions, $listed, 'the list of expressions is what schemas/expressions prints';
}
done_testing;

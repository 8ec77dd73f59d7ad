#!/usr/bin/perl
# tier: story
#
# However an exchange ends, the log says who ended it and when, the status is the one that the client got, and a client can tell an
# answer that is whole from one that was cut. The table is in t/lib/Sluice/HttpEnds.pm.
use Sluice;
use Sluice::HttpEnds;

my @names = sort keys %{ends()};
my $lb = Sluice->start(config => sluice_config(@names));
my %outcome = ends_of(sluice_side($lb), 'is', @names);
is $outcome{$_}, ends->{$_}{is}, $_ for @names;

# What the log says in words, by the letters.
my %cause = (
	'--' => 'both sides finished',
	cR => 'the request did not come in time',
	CR => qr/^the client (?:closed before it was done|reset the connection)$/,
	PR => qr/^(?:the request was malformed|a rule denied it)$/,
	PH => qr/^the re(?:quest|sponse) was malformed$/,
	PD => 'the response was malformed',
	LR => 'a rule answered',
	cH => 'the client was silent for too long',
	cD => 'the client was silent for too long',
	CH => qr/^the client (?:closed before it was done|reset the connection)$/,
	CD => qr/^the client (?:closed before it was done|reset the connection)$/,
	CQ => 'the client reset the connection',
	CC => 'the client reset the connection',
	SC => qr/^(?:the server refused the connection|no server is usable|the queue was full|the frontend has no backend)$/,
	sC => 'the server did not accept in time',
	sQ => 'no server had a free place in time',
	sH => 'the server was silent for too long',
	sD => 'the server was silent for too long',
	SH => qr/^the server (?:closed before it was done|reset the connection)$/,
	SD => qr/^the server (?:closed before it was done|reset the connection)$/,
	KC => 'ended by an administrator',
	KQ => 'ended by an administrator',
	KH => 'ended by an administrator',
	KD => 'ended by an administrator',
);
my %seen;
push @{$seen{substr($_->{termination_state}, 0, 2)}}, $_->{cause} for $lb->log_lines;
for my $state (sort keys %cause) {
	my $cause = $cause{$state};
	my @other = grep { ref $cause ? $_ !~ $cause : $_ ne $cause } @{$seen{$state} // ['none such was seen']};
	is_deeply \@other, [], "$state in words";
}
is_deeply [grep { !$cause{$_} } sort keys %seen], [], 'no others';
$lb->stop;
undef $lb;
done_testing;

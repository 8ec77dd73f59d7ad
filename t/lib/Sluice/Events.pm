package Sluice::Events;

=head1 NAME

Sluice::Events - a reader of server-sent events

=head1 SYNOPSIS

	my $events = $lb->events(kind => 'server');
	my $e = $events->next(5, sub { $_[0]{data}{server} eq 's1' });	# undef after 5 s
	is $e->{event}, 'server', 'its kind';
	my $again = $lb->events(last_event_id => $e->{id});

open() returns when the answer's head has come; C<status> and C<headers> are what it said. Query
parameters are passed on, except C<last_event_id>, which becomes the header. An event is
{ id, event, data }, data decoded where it is JSON; comment lines are counted in C<comments>.

=cut

use strict;
use warnings;
use JSON::PP ();
use Time::HiRes qw(time);
use Sluice::Client;
use Sluice::Wait;

my $json = JSON::PP->new->utf8->allow_nonref;

sub open {
	my ($class, $address, %query) = @_;
	my $last = delete $query{last_event_id};
	my $target = '/v1/events';
	$target .= '?' . join('&', map { "$_=$query{$_}" } sort keys %query) if %query;
	my $client = Sluice::Client->connect($address);
	$client->send("GET $target HTTP/1.1\r\nHost: $address\r\nAccept: text/event-stream\r\n"
		. (defined $last ? "Last-Event-ID: $last\r\n" : '') . "\r\n");
	my $head = $client->read_until("\r\n\r\n", 10);
	my ($status) = $head =~ m{^HTTP/1\.1 (\d{3})} or die "no answer from $target: $head\n";
	my %headers = map { /^([^:]+):\s*(.*?)\r?$/ ? (lc $1 => $2) : () } split /\n/, $head;
	return bless { client => $client, status => $status, headers => \%headers, text => '',
		comments => 0, chunked => ($headers{'transfer-encoding'} // '') =~ /chunked/ }, $class;
}

sub status { return $_[0]{status} }
sub headers { return $_[0]{headers} }
sub comments { return $_[0]{comments} }
sub client { return $_[0]{client} }
sub close { return $_[0]{client}->close }

# Decode what the buffer holds; whole chunks only.
sub unchunk {
	my ($self) = @_;
	my $client = $self->{client};
	if (!$self->{chunked}) {
		$self->{text} .= $client->take(length($client->buffer));
		return;
	}
	while ($client->buffer =~ /^([0-9A-Fa-f]+)[^\n]*\n/) {
		my ($head, $size) = ($+[0], hex($1));
		last if length($client->buffer) < $head + $size + 2;
		$client->take($head);
		$self->{text} .= $client->take($size);
		$client->take(2);
		last if $size == 0;
	}
}

sub parse {
	my ($self, $block) = @_;
	my (%event, @data);
	for my $line (split /\r?\n/, $block) {
		if ($line =~ /^:/) {
			$self->{comments}++;
		} elsif ($line =~ /^data: ?(.*)/) {
			push @data, $1;
		} elsif ($line =~ /^(\w+): ?(.*)/) {
			$event{$1} = $2;
		}
	}
	return undef if !%event && !@data;
	my $text = join("\n", @data);
	$event{data} = eval { $json->decode($text) } // $text;
	return \%event;
}

# The next event that the sub accepts (default: any); undef at the deadline or the end.
sub next {
	my ($self, $seconds, $accept) = @_;
	my $deadline = time + seconds($seconds // 5);
	while (1) {
		$self->unchunk;
		while ($self->{text} =~ s/^(.*?)\r?\n\r?\n//s) {
			my $event = $self->parse($1) // next;
			return $event if !$accept || $accept->($event);
		}
		return undef if !$self->{client}->fill($deadline);
	}
}

1;

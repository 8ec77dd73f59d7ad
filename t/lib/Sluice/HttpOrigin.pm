package Sluice::HttpOrigin;

=head1 NAME

Sluice::HttpOrigin - an HTTP server behind sluice that keeps every byte it got

=head1 SYNOPSIS

	use Sluice::HttpOrigin;

	my $a = Sluice::HttpOrigin->start('a');			# 200 to everything, with its name as body
	my $b = Sluice::HttpOrigin->start('b', sub {
		my ($request, $conn) = @_;			# the head has come, a body has not been read
		return "HTTP/1.1 204 No Content\r\n\r\n" if $request->{target} eq '/raw';	# just these bytes
		return $conn->answer(200, 'early') if $request->{target} eq '/early';
		$conn->read_body($request);
		$conn->send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
		sleep 1;
		return \'reset';
	});
	...
	is_deeply [$b->requests('/x')], [...], 'what it read';
	my ($conn) = $b->connections('token');			# { id, bytes, end, requests => [...] }
	is $conn->{end}, 'reset', 'sluice cut the connection';

A L<Sluice::Origin>: start, stop, address and the rest are there. Each connection has its process, in which the
sub is called for each request in turn, with that (see L<Sluice::Http>; C<number> is its place in the connection, from 1) and
a Sluice::Client. What it returns:

	a string		is sent as it is
	\'close' \'reset'	end the connection so
	\'half_close'		sends a FIN and reads on to the end
	\'hold'			reads on to the end and answers no more
	undef			it has sent what it wanted to

Then the rest of the request's body is read, and the next request. What is no request ends the connection with a RST;
it is in C<requests>, with its fault.

The connection has further: C<read_body($request)>, to its end (fills in body, trailers, raw, whole); C<answer($status,
$body, @lines)>, a whole answer with Content-Length; C<id>.

=over

=item connections($token)

All of them, or those whose bytes contain the token, in the order in which they came. C<bytes> is what it got until now (at most 1
MiB of each connection is kept), C<end> 'fin' or 'reset', how the other side ended it, or 'own', or undef.

=item requests($token)

Of all connections, as a strict reader finds them: those whose raw bytes contain the token.

=item wait_ended($seconds)

Until all connections have ended. False at the deadline.

=back

=cut

use strict;
use warnings;
use parent 'Sluice::Origin';
use Sluice::Http;
use Sluice::Wait;

my $keep_bytes = 1024 * 1024;

sub start {
	my ($self, @args) = @_;
	return $self->SUPER::start(@args) if ref $self;
	my ($name, $handler, @options) = @args;
	my $answer = $handler // sub { my ($request, $conn) = @_; $conn->read_body($request); return $conn->answer(200, "$name\n") };
	return $self->SUPER::start($name, sub {
		my ($conn, $origin) = @_;
		Sluice::HttpOrigin::Connection->of($conn, $origin)->serve($answer);
		return undef;
	}, @options);
}

sub connections {
	my ($self, $token) = @_;
	my (%conn, @order);
	for my $line ($self->lines) {
		my ($id, $what, $rest) = $line =~ /^http (\S+) (\w+) ?(.*)/ or next;
		my $conn = $conn{$id} //= do { push @order, $id; { id => $id, bytes => '', end => undef } };
		$conn->{bytes} .= pack('H*', $rest) if $what eq 'got';
		$conn->{end} //= $rest if $what eq 'end';
	}
	my @found = grep { !defined $token || index($_->{bytes}, $token) >= 0 } @conn{@order};
	for my $conn (@found) {
		$conn->{requests} = [requests_in($conn->{bytes})];
	}
	return @found;
}

sub requests {
	my ($self, $token) = @_;
	return grep { !defined $token || index($_->{raw}, $token) >= 0 } map { @{$_->{requests}} } $self->connections;
}

sub wait_ended {
	my ($self, $seconds) = @_;
	return becomes { $self->accepted == grep { /^http \d+ end/ } $self->lines } $seconds // 30;
}

package Sluice::HttpOrigin::Connection;

use parent -norequire, 'Sluice::Client';
use Time::HiRes qw(time);
use Sluice::Http;

my $hour = 3600;

sub of {
	my ($class, $conn, $origin) = @_;
	my $self = bless $conn, $class;
	@$self{qw(origin id kept)} = ($origin, $$ . sprintf("%06d", 1e6 * (time - int time)), 0);	# numbers of processes come again
	$self->note('open');
	return $self;
}

sub id { return $_[0]{id} }
sub note { my ($self, $what) = @_; $self->{origin}->note("http $self->{id} $what") }

# Whatever reads, it comes through here.
sub fill {
	my ($self, @args) = @_;
	my $before = length $self->{buffer};
	my $more = $self->SUPER::fill(@args);
	my $room = $keep_bytes - $self->{kept};
	if ($more && $room > 0) {
		my $new = substr($self->{buffer}, $before, $room);
		$self->{kept} += length $new;
		$self->note('got ' . unpack('H*', $new));
	}
	$self->note_end($self->{end} =~ /fin|reset/ ? $self->{end} : 'reset') if defined $self->{end};
	return $more;
}

sub note_end {
	my ($self, $how) = @_;
	$self->note("end $how") if !$self->{noted}++;
}

sub close { my ($self) = @_; $self->note_end('own'); $self->SUPER::close }

sub read_request {
	my ($self) = @_;
	while (1) {
		my $request = cut_head(\$self->{buffer});
		return $request if $request;
		return undef if !$self->fill($hour + time);
	}
}

sub read_body {
	my ($self, $request) = @_;
	return $request if $request->{whole};
	while (1) {
		my $bytes = $request->{head} . $self->{buffer};
		my ($whole) = Sluice::Http::cut_message(\$bytes, 0);
		if ($whole->{whole} || defined $whole->{fault}) {
			%$request = (%$request, %$whole);
			$self->{buffer} = $bytes if $whole->{whole};
			return $request;
		}
		return $request if !$self->fill($hour + time);
	}
}

sub answer {
	my ($self, $status, $body, @lines) = @_;
	return join "\r\n", "HTTP/1.1 $status Status", @lines, 'Content-Length: ' . length $body, '', $body;
}

sub finish {
	my ($self, $how) = @_;
	return $self->close if $how eq 'close';
	if ($how eq 'reset') {
		$self->note_end('own');
		return $self->reset;
	}
	$self->half_close if $how eq 'half_close';
	$self->closed_within($hour);
	return $self->close;
}

sub serve {
	my ($self, $handler) = @_;
	my $number = 0;
	while (my $request = $self->read_request) {
		return $self->finish('reset') if defined $request->{fault};
		$request->{number} = ++$number;
		my $then = $handler->($request, $self);
		return $self->finish($$then) if ref $then;
		$self->send($then, $hour) if defined $then;
		return if !defined $self->socket->fileno;
		$self->read_body($request);
		return $self->finish('reset') if !$request->{whole};
	}
}

1;

package Sluice::Client;

=head1 NAME

Sluice::Client - one connection, byte by byte, with deadlines

=head1 SYNOPSIS

	my $c = Sluice::Client->connect('127.0.0.1:8080');	# or '[::1]:80', 'unix:/path'
	$c->send("hello\n");
	is $c->read_line, 'hello', 'echo';
	$c->half_close;
	ok $c->closed_within(5), 'and the end is carried back';
	ok !$c->was_reset, 'as a FIN';

Reading functions return what came until the condition, the end or the deadline (default 5 seconds):
a test compares. Bytes that were received and not yet returned stay in C<buffer>.

=over

=item connect($address, %options)

Dies when there is no connection. Options: C<seconds>; C<from>, a local address. try_connect() is
the same and returns undef, with $!.

=item send($bytes, $seconds)

Returns how many bytes the kernel took before the deadline or an error: all, most often.

=item read_some, read_line, read_until($string or qr//), read_exactly($count), read_all

read_line() returns a line without its end. read_until() returns the bytes up to and with the match.

=item closed_within($seconds), was_reset, at_end

Reads on (into the buffer) until the peer's end. was_reset(): that end was a RST.

=item half_close, close, reset

reset() closes with SO_LINGER 0: a RST.

=item local_address, peer_address, socket

=back

=cut

use strict;
use warnings;
use Errno qw(EAGAIN ECONNRESET EINTR EPIPE);
use IO::Select;
use IO::Socket::IP;
use IO::Socket::UNIX;
use Socket qw(SOL_SOCKET SO_LINGER SHUT_WR MSG_NOSIGNAL);
use Time::HiRes qw(time);
use Sluice::Wait;

sub connect {
	my ($class, $address, %option) = @_;
	return $class->try_connect($address, %option) // die "connect $address: $!\n";
}

sub try_connect {
	my ($class, $address, %option) = @_;
	my $socket;
	if ($address =~ /^unix:(.*)/s) {
		$socket = IO::Socket::UNIX->new(Peer => $1);
	} else {
		my ($host, $port) = $address =~ /^\[?(.*?)\]?:(\d+)$/ or die "\"$address\" is no address\n";
		$socket = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port,
			Timeout => seconds($option{seconds} // 5),
			$option{from} ? (LocalHost => $option{from}) : ());
	}
	return undef if !$socket;
	return $class->of_socket($socket);
}

# Takes over a connected socket.
sub of_socket {
	my ($class, $socket) = @_;
	$socket->blocking(0);
	return bless { socket => $socket, buffer => '', end => undef }, $class;
}

sub socket { return $_[0]{socket} }
sub buffer { return $_[0]{buffer} }
sub at_end { return defined $_[0]{end} }

sub named {
	my ($host, $port) = @_;
	return ($host =~ /:/ ? "[$host]" : $host) . ":$port";
}

sub local_address { my $s = $_[0]{socket}; return named($s->sockhost, $s->sockport) }
sub peer_address { my $s = $_[0]{socket}; return named($s->peerhost, $s->peerport) }

sub send {
	my ($self, $bytes, $seconds) = @_;
	my $deadline = time + seconds($seconds // 5);
	my $sent = 0;
	while ($sent < length($bytes)) {
		my $count = CORE::send($self->{socket}, substr($bytes, $sent, 65536), MSG_NOSIGNAL);
		if (defined $count) {
			$sent += $count;
		} elsif ($! == EAGAIN || $! == EINTR) {
			my $left = $deadline - time;
			last if $left <= 0;
			IO::Select->new($self->{socket})->can_write($left);
		} else {
			$self->{end} = 'reset' if $! == ECONNRESET || $! == EPIPE;
			last;
		}
	}
	return $sent;
}

# One recv into the buffer. False: the end, an error, or nothing came until the deadline.
sub fill {
	my ($self, $deadline) = @_;
	return 0 if defined $self->{end};
	while (1) {
		my $got = sysread($self->{socket}, $self->{buffer}, 65536, length($self->{buffer}));
		return 1 if $got;
		if (defined $got) {
			$self->{end} = 'fin';
			return 0;
		}
		if ($! != EAGAIN && $! != EINTR) {
			$self->{end} = $! == ECONNRESET ? 'reset' : "error: $!";
			return 0;
		}
		my $left = $deadline - time;
		return 0 if $left <= 0;
		IO::Select->new($self->{socket})->can_read($left);
	}
}

sub take {
	my ($self, $count) = @_;
	return substr($self->{buffer}, 0, $count, '');
}

sub read_until {
	my ($self, $what, $seconds) = @_;
	my $deadline = time + seconds($seconds // 5);
	my $pattern = ref $what ? $what : qr/\Q$what\E/;
	while (1) {
		return $self->take($+[0]) if $self->{buffer} =~ $pattern;
		return $self->take(length($self->{buffer})) if !$self->fill($deadline);
	}
}

sub read_line {
	my ($self, $seconds) = @_;
	return $self->read_until("\n", $seconds) =~ s/\r?\n\z//r;
}

sub read_exactly {
	my ($self, $count, $seconds) = @_;
	my $deadline = time + seconds($seconds // 5);
	while (length($self->{buffer}) < $count && $self->fill($deadline)) {
	}
	return $self->take($count);
}

# What is there as soon as anything is.
sub read_some {
	my ($self, $seconds) = @_;
	$self->fill(time + seconds($seconds // 5)) if $self->{buffer} eq '';
	return $self->take(length($self->{buffer}));
}

sub read_all {
	my ($self, $seconds) = @_;
	$self->closed_within($seconds // 5);
	return $self->take(length($self->{buffer}));
}

sub closed_within {
	my ($self, $seconds) = @_;
	my $deadline = time + seconds($seconds);
	while ($self->fill($deadline)) {
	}
	return defined $self->{end};
}

sub was_reset { return ($_[0]{end} // '') eq 'reset' }

sub half_close {
	my ($self) = @_;
	shutdown($self->{socket}, SHUT_WR);
	return $self;
}

sub close {
	my ($self) = @_;
	$self->{socket}->close if $self->{socket};
}

sub reset {
	my ($self) = @_;
	setsockopt($self->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
	$self->close;
}

1;

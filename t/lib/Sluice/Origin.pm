package Sluice::Origin;

=head1 NAME

Sluice::Origin - a server behind sluice, with the behaviour a test needs

=head1 SYNOPSIS

	my $a = Sluice::Origin->start('a', 'greet');
	my $b = Sluice::Origin->start('b', sub { my ($conn, $origin) = @_; $conn->send("hi\n"); 'served' });
	... servers => { a => { address => $a->address } }
	$a->stop;		# refuses connections, those that it has are reset or closed
	$a->start;		# on the same address again
	is $a->accepted, 3, 'it had three connections';
	is_deeply [$b->notes], ['served'], 'and this is what the behaviour returned';

A process accepts, one more serves each connection; nothing of it outlives the test. Behaviours:

=over

=item echo

sends back what it gets; at the client's end it ends too. Notes "fin after N" or "reset after N".

=item greet

sends its name and a newline, then echo.

=item count

reads all, then sends "NAME got N\n" and closes: needs the client's half-close.

=item half

sends its name and a newline, half-closes at once, then reads to the end. Notes as echo does.

=item hold

accepts, reads and sends nothing, until it is stopped.

=item swallow

reads all, sends nothing.

=item close, reset

ends the connection at once, by FIN or by RST.

=item http

answers each request (keep-alive) with 200 and its name as body.

=item a sub

called with a Sluice::Client of the connection and the origin. What it returns becomes a note.

=back

Options of start: C<on>, the address to listen on ('127.0.0.1:0'; 'unix:/path', '[::1]:0');
C<backlog>. refusing_address() is a class method: an address where every connection is refused, and
no other process can get it while the test runs.

=cut

use strict;
use warnings;
use File::Temp ();
use IO::Socket::IP;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(SOMAXCONN SOCK_STREAM);
use Sluice::Client;
use Sluice::Wait;

my %behaviour = (
	echo => \&echo,
	greet => sub { my ($c, $o) = @_; $c->send("$o->{name}\n"); return echo($c) },
	count => sub {
		my ($c, $o) = @_;
		my $note = swallow($c);
		$c->send("$o->{name} got " . ($note =~ /(\d+)/)[0] . "\n");
		return $note;
	},
	half => sub { my ($c, $o) = @_; $c->send("$o->{name}\n"); $c->half_close; return swallow($c) },
	hold => sub { sleep while 1 },
	swallow => \&swallow,
	close => sub { return undef },
	reset => sub { $_[0]->reset; return undef },
	http => \&http,
);

sub echo {
	my ($conn) = @_;
	my $bytes = 0;
	while (1) {
		my $some = $conn->read_some(3600);
		last if $some eq '';
		$bytes += length($some);
		last if $conn->send($some, 3600) != length($some);
	}
	return ($conn->was_reset ? 'reset' : 'fin') . " after $bytes";
}

sub swallow {
	my ($conn) = @_;
	my $bytes = 0;
	while ((my $some = $conn->read_some(3600)) ne '') {
		$bytes += length($some);
	}
	return ($conn->was_reset ? 'reset' : 'fin') . " after $bytes";
}

sub http {
	my ($conn, $origin) = @_;
	my $served = 0;
	while ($conn->read_until("\r\n\r\n", 3600) =~ /\r\n\r\n\z/) {
		$served++;
		my $body = "$origin->{name}\n";
		$conn->send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: "
			. length($body) . "\r\n\r\n$body");
	}
	return "$served requests";
}

sub listen_on {
	my ($address, $backlog) = @_;
	if ($address =~ /^unix:(.*)/s) {
		unlink $1;
		return IO::Socket::UNIX->new(Local => $1, Listen => $backlog) // die "$address: $!\n";
	}
	my ($host, $port) = $address =~ /^\[?(.*?)\]?:(\d+)$/ or die "\"$address\" is no address\n";
	my $socket;
	# a port that was just ours may be lent for a moment to a connection of another test
	wait_until {
		$socket = IO::Socket::IP->new(LocalHost => $host, LocalPort => $port,
			Listen => $backlog, ReuseAddr => 1)
	} 10, "listening on $address";
	return $socket;
}

sub start {
	my ($self, @args) = @_;
	if (!ref $self) {
		my ($name, $how, %option) = @args;
		die "no behaviour $how\n" if defined $how && !ref $how && !$behaviour{$how};
		$self = bless { name => $name, owner => $$, on => $option{on} // '127.0.0.1:0',
			backlog => $option{backlog} // SOMAXCONN,
			behaviour => ref $how ? $how : $behaviour{$how // 'echo'},
			log => File::Temp->new(TEMPLATE => 'sluice-origin-XXXXXX', TMPDIR => 1) }, $self;
	}
	return $self if $self->{pid};
	my $listener = listen_on($self->{on}, $self->{backlog});
	$self->{on} = Sluice::Client::named($listener->sockhost, $listener->sockport)
		if $self->{on} !~ /^unix:/;
	my $parent = $$;
	my $pid = fork() // die "fork: $!\n";
	if ($pid == 0) {
		eval {
			setpgrp;
			Sluice::Wait::die_with_parent($parent);
			$self->accept_all($listener);
		};
		print STDERR $@ if $@;
		POSIX::_exit(1);
	}
	$self->{pid} = $pid;
	return $self;
}

sub accept_all {
	my ($self, $listener) = @_;
	$SIG{$_} = 'DEFAULT' for qw(TERM ALRM);
	$SIG{CHLD} = 'IGNORE';
	$SIG{PIPE} = 'IGNORE';
	my $parent = $$;
	while (1) {
		my $socket = $listener->accept // next;
		$self->note('accepted');
		my $pid = fork() // die "fork: $!\n";
		if ($pid == 0) {
			Sluice::Wait::die_with_parent($parent);
			$listener->close;
			$self->serve($socket);
			POSIX::_exit(0);
		}
		$socket->close;
	}
}

sub serve {
	my ($self, $socket) = @_;
	my $conn = Sluice::Client->of_socket($socket);
	my $note = eval { $self->{behaviour}->($conn, $self) };
	$note = "died: $@" if $@;
	$conn->close;
	$self->note("note $note") if defined $note;
}

# One write in append mode: lines of several processes do not mix.
sub note {
	my ($self, $line) = @_;
	$line =~ s/[\r\n]+/ /g;
	open(my $out, '>>', "$self->{log}") or return;
	syswrite($out, "$line\n");
}

sub lines {
	my ($self) = @_;
	open(my $in, '<', "$self->{log}") or return ();
	return map { chomp; $_ } <$in>;
}

sub name { return $_[0]{name} }
sub address { return $_[0]{on} }
sub port { return ($_[0]{on} =~ /:(\d+)$/)[0] }
sub accepted { return scalar(grep { $_ eq 'accepted' } $_[0]->lines) }
sub notes { return map { /^note (.*)/s ? $1 : () } $_[0]->lines }

sub stop {
	my ($self) = @_;
	my $pid = delete $self->{pid} // return $self;
	local ($?, $!);
	kill(TERM => -$pid) || kill(TERM => $pid);
	waitpid($pid, 0);
	kill(KILL => -$pid);
	return $self;
}

sub DESTROY {
	my ($self) = @_;
	return if $$ != $self->{owner};
	$self->stop;
	unlink($1) if $self->{on} =~ /^unix:(.*)/s;
}

my @refusing;		# bound and not listening: nobody else gets the port

sub refusing_address {
	my $socket = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Type => SOCK_STREAM)
		// die "bind: $!\n";
	push @refusing, $socket;
	return Sluice::Client::named($socket->sockhost, $socket->sockport);
}

1;

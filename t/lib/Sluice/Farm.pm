package Sluice::Farm;

=head1 NAME

Sluice::Farm - servers by the dozen in one process, each steered while it runs

=head1 SYNOPSIS

	use Sluice::Farm;

	my $farm = Sluice::Farm->start(s1 => 'http', s2 => 'http', t1 => 'tcp', a1 => 'agent');
	... servers => { s1 => { address => $farm->address('s1'), check => 1 } }
	$farm->steer('s1', port => 'refuses');		# or drops (no SYN is answered), open
	$farm->steer('s1', check => '500');		# what a request OPTIONS, or for /check, gets
	$farm->steer('s1', traffic => 'silent');	# what all others get
	$farm->steer('s1', check => 'gate');		# checks wait
	$farm->step('s1', '200');			# answer the one that waits, or the next; and wait for the one after it
	$farm->steer('t1', at_end => 'stays');	# who sent a FIN gets none
	$farm->steer('t1', keeps => 1);		# who is connected stays so while the port is not open
	is $farm->count('s1', 'check'), 3;		# how many came

For tests in which many servers are checked many times a second: Sluice::Origin has a process for each connection. A server is
C<http> (answers are below; a request for /as/silent gets C<silent>), C<tcp> (says its name and a newline, then what it gets) or C<agent> (what C<check> says is the line
that it writes, '' for none, before it closes). In all of these C<check> and C<traffic> may be

	a status	that, with the server's name as body
	silent		nothing, the connection stays open
	deaf		the same, and nothing is read either
	close reset	the connection ends so
	gate		it waits for step()
	begun		a head and half of a body, then nothing
	smtp		an SMTP server's part
	says:TEXT	is sent as it is, and the connection stays open
	any other	is what is sent, as it is, before the connection is closed

With step() both sides of a comparison can be led through the same verdicts, however busy the machine is: when the next
check has come, all that follows from the last one has happened. A check that comes to a tcp server is ordinary traffic.

=cut

use strict;
use warnings;
use Errno qw(EAGAIN EINTR EINPROGRESS);
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Socket;
use Sluice::Client;
use Sluice::Wait;

my $json = JSON::PP->new->utf8->allow_nonref;

# -- the test's side

sub start {
	my ($class, @servers) = @_;
	my $self = bless { owner => $$, address => {} }, $class;
	my @made;
	while (my ($name, $kind) = splice @servers, 0, 2) {
		my $socket = bound();
		$self->{address}{$name} = '127.0.0.1:' . $socket->sockport;
		push @made, { name => $name, kind => $kind, socket => $socket, port => 'refuses', check => $kind eq 'agent' ? 'up' : '200', traffic => '200', count => {} };
	}
	socketpair(my $here, my $there, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "socketpair: $!\n";
	my $parent = $$;
	$self->{pid} = fork() // die "fork: $!\n";
	if ($self->{pid} == 0) {
		eval {
			Sluice::Wait::die_with_parent($parent);
			$SIG{$_} = 'DEFAULT' for qw(TERM ALRM INT);
			$SIG{PIPE} = 'IGNORE';
			close $here;
			serve_all($there, @made);
		};
		print STDERR $@ if $@;
		POSIX::_exit(1);
	}
	close $there;
	close $_->{socket} for @made;
	$self->{control} = Sluice::Client->of_socket(bless $here, 'IO::Socket');
	$self->steer($_->{name}, port => 'open') for @made;
	return $self;
}

# The port is bound by its number, so that it is kept when the socket stops to listen (Linux).
sub bound {
	my $finder = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Proto => 'tcp', ReuseAddr => 1) // die "bind: $!\n";
	return IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $finder->sockport, Proto => 'tcp', ReuseAddr => 1) // die "bind: $!\n";
}

sub ask {
	my ($self, @command) = @_;
	$self->{control}->send($json->encode(\@command) . "\n");
	my $answer = $self->{control}->read_line(20);
	die "the farm does not do: @command\n" if $answer eq '';
	return $json->decode($answer);
}

sub address { return $_[0]{address}{$_[1]} // die "no server $_[1]\n" }
sub port { return ($_[0]->address($_[1]) =~ /:(\d+)$/)[0] }
sub steer { my ($self, $name, @what) = @_; return $self->ask('steer', $name, @what) }
sub count { my ($self, $name, $what) = @_; return $self->ask('count', $name, $what) }

# Answer the check at the gate; two commands, for the second may take the time until the next check.
sub step { my ($self, $name, $answer) = @_; $self->ask('answer', $name, $answer); return $self->ask('arrived', $name) }
sub answer { my ($self, $name, $answer) = @_; return $self->ask('answer', $name, $answer) }
sub arrived { my ($self, $name) = @_; return $self->ask('arrived', $name) }

sub stop {
	my ($self) = @_;
	my $pid = delete $self->{pid} // return;
	local ($?, $!);
	kill(KILL => $pid);
	waitpid($pid, 0);
}

sub DESTROY { my ($self) = @_; $self->stop if $$ == $self->{owner} }

# -- the farm's

my (%server, %conn, $commands, $control);

sub serve_all {
	($control, my @made) = @_;
	$commands = '';
	$server{$_->{name}} = $_ for @made;
	while (1) {
		my $set = '';
		vec($set, fileno $control, 1) = 1;
		vec($set, fileno $_->{socket}, 1) = 1 for grep { $_->{port} eq 'open' } values %server;
		vec($set, $_, 1) = 1 for grep { !$conn{$_}{is_deaf} } keys %conn;
		select($set, undef, undef, undef) > 0 or next;
		read_commands() if vec($set, fileno $control, 1);
		for my $server (grep { $_->{port} eq 'open' && vec($set, fileno $_->{socket}, 1) } values %server) {
			accept_one($server);
		}
		read_conn($conn{$_}) for grep { $conn{$_} && vec($set, $_, 1) } keys %conn;
	}
}

sub read_commands {
	my $got = sysread($control, $commands, 65536, length $commands);
	POSIX::_exit(0) if defined $got && $got == 0;
	while ($commands =~ s/^(.*)\n//) {
		my ($what, $name, @more) = @{$json->decode($1)};
		my $server = $server{$name};
		if ($what eq 'steer') {
			while (my ($key, $value) = splice @more, 0, 2) {
				steer_one($server, $key, $value);
			}
			reply(1);
		} elsif ($what eq 'count') {
			reply($server->{count}{$more[0]} // 0);
		} elsif ($what eq 'answer') {
			$server->{next} = $more[0];
			pass_gate($server);
		} else {
			$server->{asked} = 1;
			pass_gate($server);
		}
	}
}

sub reply { syswrite($control, $json->encode($_[0]) . "\n") }

sub steer_one {
	my ($server, $key, $value) = @_;
	my $before = $server->{$key};
	$server->{$key} = $value;
	if ($key ne 'port') {
		# who waits at a gate that is no more gets what all get
		if ($key eq 'check' && $before eq 'gate' && $value ne 'gate') {
			my @waiting = splice @{$server->{waiting} //= []};
			do_answer($_, $value) for grep { $conn{fileno $_->{socket} // -1} } @waiting;
		}
		return;
	}
	return if $before eq $value;
	shutdown($server->{socket}, 2) if $before ne 'refuses';
	delete $server->{fill};
	$server->{socket}->blocking(0);
	if ($value eq 'open') {
		listen($server->{socket}, 1024) or die "listen: $!\n";
	} elsif ($value eq 'drops') {
		listen($server->{socket}, 0) or die "listen: $!\n";
		$server->{fill} = [map { filler($server->{socket}->sockport) } 1 .. 4];
	}
	# those who are connected lose their connection with it
	cut($_) for grep { $_->{server} == $server && $value ne 'open' && !$server->{keeps} } values %conn;
}

sub filler {
	my ($port) = @_;
	socket(my $s, AF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
	my $handle = bless $s, 'IO::Socket::INET';
	$handle->blocking(0);
	connect($s, pack_sockaddr_in($port, INADDR_LOOPBACK));
	return $handle;
}

sub accept_one {
	my ($server) = @_;
	my $socket = $server->{socket}->accept // return;
	$socket->blocking(0);
	my $c = $conn{fileno $socket} = { socket => $socket, server => $server, in => '', id => fileno $socket };
	$server->{count}{accepted}++;
	if ($server->{kind} eq 'tcp') {
		$server->{traffic} eq '200' ? put($c, "$server->{name}\n") : do_answer($c, $server->{traffic});
	} elsif ($server->{kind} eq 'agent') {
		take_check($c);
	}
}

sub drop { my ($c) = @_; delete $conn{$c->{id}}; close $c->{socket} }

sub cut {
	my ($c) = @_;
	setsockopt($c->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
	drop($c);
}

sub put {
	my ($c, $bytes) = @_;
	while ($bytes ne '') {
		my $sent = syswrite($c->{socket}, $bytes);
		if (!defined $sent) {
			return drop($c) if $! != EAGAIN && $! != EINTR;
			IO::Select->new($c->{socket})->can_write(1) or return;
			next;
		}
		substr($bytes, 0, $sent, '');
	}
}

sub read_conn {
	my ($c) = @_;
	my $server = $c->{server};
	my $got = sysread($c->{socket}, $c->{in}, 65536, length $c->{in});
	if (!$got) {
		return if !defined $got && ($! == EAGAIN || $! == EINTR);
		return drop($c) if ($server->{at_end} // '') ne 'stays' || !defined $got;
		$c->{is_deaf} = 1;
		return;
	}
	if ($c->{is_mute} || $server->{kind} eq 'agent') {
		$c->{in} = '';
		return;
	}
	if ($server->{kind} eq 'tcp') {
		put($c, $c->{is_smtp} ? smtp_answers($c) : $c->{in});
		$c->{in} = '';
		return;
	}
	while ($conn{$c->{id}} && $c->{in} =~ s/\A(\S+) (\S+)[^\r]*\r\n(.*?\r\n)?\r\n//s) {
		my ($method, $target, $head) = ($1, $2, $3 // '');
		$c->{last_head} = $head;
		if ($head =~ /^Content-Length: *(\d+)/mi) {
			$c->{in} = length $c->{in} > $1 ? substr($c->{in}, $1) : '';
		}
		if ($method eq 'OPTIONS' || $target =~ m{^/check}) {
			take_check($c);
		} else {
			$server->{count}{traffic}++;
			do_answer($c, $target =~ m{^/as/(\w+)} ? $1 : $server->{traffic});
		}
	}
}

sub smtp_answers { my ($c) = @_; return join '', map { /^QUIT/ ? "221 bye\r\n" : "250 ok\r\n" } split /\r\n/, $c->{in} }

sub take_check {
	my ($c) = @_;
	my $server = $c->{server};
	$server->{count}{check}++;
	return do_answer($c, $server->{check}) if $server->{check} ne 'gate';
	push @{$server->{waiting}}, $c;
	pass_gate($server);
}

# One of them waits, and an answer for it, or somebody who asks whether it is there.
sub pass_gate {
	my ($server) = @_;
	my $waiting = $server->{waiting} //= [];
	@$waiting = grep { ($conn{$_->{id}} // 0) == $_ } @$waiting;
	return if !@$waiting;
	if (defined $server->{next}) {
		do_answer(shift @$waiting, delete $server->{next});
		reply(1);
	} elsif (delete $server->{asked}) {
		reply(1);
	}
}

sub do_answer {
	my ($c, $answer) = @_;
	my $name = $c->{server}{name};
	if ($answer eq 'silent') {
		$c->{is_mute} = 1;
	} elsif ($answer eq 'smtp') {
		$c->{is_smtp} = 1;
		put($c, "220 hello\r\n");
	} elsif ($answer eq 'deaf') {
		$c->{is_deaf} = 1;
	} elsif ($answer eq 'close') {
		drop($c);
	} elsif ($answer eq 'reset') {
		cut($c);
	} elsif ($answer eq 'begun') {
		put($c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n$name\n");
		$c->{is_mute} = 1;
	} elsif ($answer =~ /^says:(.*)/s) {
		put($c, $1);
		$c->{is_mute} = 1;
	} elsif ($answer =~ /^\d\d\d\z/ && $c->{server}{kind} eq 'http') {
		my $body = $answer =~ /^(?:204|304)$/ ? '' : "Content-Length: " . (length($name) + 1) . "\r\n\r\n$name\n";
		put($c, "HTTP/1.1 $answer Status\r\nX-Server: $name\r\n" . ($body || "\r\n"));
	} else {
		put($c, $c->{server}{kind} eq 'agent' && $answer ne '' ? "$answer\n" : $answer);
		drop($c) if $conn{$c->{id}};
	}
}

1;

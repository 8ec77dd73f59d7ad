#!/usr/bin/perl
# tier: story
#
# A server goes down, an active comes back, an administrator says so: the streams that this means end at once, whatever they
# were doing, and the log says which of the three it was. The next connection goes to the right server, those in line do, too,
# nothing of the old one is counted any more, and nobody else notices.
use Sluice;
use Sluice::Http;
use Sluice::HttpOrigin;

my %words = (D => 'its server was marked down', U => 'an active server came back up', K => 'ended by an administrator');

# A server of TCP: says its name; then what the client's first line says.
sub talk {
	my ($conn, $origin) = @_;
	$conn->send("$origin->{name}\n");
	my $what = $conn->read_line(3600);
	$conn->send("$what\n");
	if ($what eq 'flood') {
		1 while $conn->send('x' x 1_000_000, 3600) == 1_000_000;
	} elsif ($what eq 'half') {
		$conn->closed_within(3600);
		sleep while 1;
	} else {
		$conn->closed_within(3600);
	}
	return "$what: " . ($conn->was_reset ? 'reset' : 'fin');
}

my %begins = (
	length => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n12345",
	chunked => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
	close => "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n12345",
	tunnel => "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n12345",
);

# A server of HTTP: what the target's first word says.
sub serve {
	my ($name, $request, $conn) = @_;
	my ($what) = $request->{target} =~ m{^/(\w+)};
	return \'hold' if $what eq 'wait' || $what eq 'upload';
	return $conn->answer(401, "$name " . $conn->id, 'WWW-Authenticate: NTLM') if $what eq 'ntlm';
	return $conn->answer(200, "$name " . $conn->id) if !$begins{$what};
	$conn->send($begins{$what});
	return \'hold';
}

my %tcp = map { $_ => Sluice::Origin->start($_, \&talk) } 'a', 'b';
my %http = map { my $name = $_; $name => Sluice::HttpOrigin->start($name, sub { serve($name, @_) }) } 'a', 'b';

# What streams do when it happens: the second letter, the status in the log, and what the client sees.
my %tcp_phase = (idle => ['D', undef, 'RST'], flood => ['D', undef, 'RST'], half => ['D', undef, 'RST']);
my %http_phase = (wait => ['H', 500, '500 FIN'], upload => ['H', 500, '500 FIN'], length => ['D', 200, 'RST'], chunked => ['D', 200, 'RST'],
	close => ['D', 200, 'RST'], tunnel => ['D', 101, 'RST']);

# Which of the servers of a backend has the streams, what `a` is configured with, and what turns it off and on.
my %trigger = (
	maint => { letter => 'D', old => 'a', a => { on_marked_down => 'shutdown-sessions' } },
	failed => { letter => 'D', old => 'a', a => { on_marked_down => 'shutdown-sessions' }, checks => 1 },
	ready => { letter => 'U', old => 'b', a => { on_marked_up => 'shutdown-backup-sessions' } },
	passed => { letter => 'U', old => 'b', a => { on_marked_up => 'shutdown-backup-sessions' }, checks => 1 },
	rest => { letter => 'K', old => 'b', a => {} },
);

# Where `a` is asked for its health. The kernel accepts: a process of its own would share the clients' sockets. A socket that is
# bound and does not listen keeps the port for us.
sub bound { return IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => $_[0], ReusePort => 1, Type => Socket::SOCK_STREAM, $_[1] ? (Listen => $_[1]) : ()) // die "port $_[0]: $!\n" }
my %port_keeper = map { $_ => bound(0) } grep { $trigger{$_}{checks} } keys %trigger;
my %health_port = map { $_ => $port_keeper{$_}->sockport } keys %port_keeper;
my %health = map { $_ => bound($health_port{$_}, 4096) } keys %health_port;

sub servers {
	my ($name, $copies, $origins, $phases) = @_;
	my $t = $trigger{$name};
	my %a = (%{$t->{a}}, address => $origins->{a}->address);
	my %b = (address => $origins->{b}->address, backup => JSON::PP::true);
	%a = (%a, check => JSON::PP::true, check_port => $health_port{$name} + 0, inter => '50ms', rise => 1, fall => 1)
		if $t->{checks};
	($t->{old} eq 'a' ? \%a : \%b)->{maxconn} = $copies * keys %$phases if $origins == \%tcp;
	return { timeout => { check => '10s' }, servers => { a => \%a, b => \%b } };
}

my ($lb, $workers);
my $fences = 1;
sub status { return $lb->get("/v1/backends/$_[0]/servers/$_[1]")->{json}{status} }

# `a` of both backends of a trigger.
sub turn {
	my ($name, $on) = @_;
	my @backends = ("tcp_$name", "http_$name");
	if (!$health_port{$name}) {
		for my $backend (@backends) {
			my $answer = $lb->patch("/v1/backends/$backend/servers/a", { admin_state => $on ? 'ready' : 'maint' });
			is $answer->{status}, 200, "$backend/a is turned " . ($on ? 'on' : 'off') or diag($answer->{text});
		}
		return;
	}
	delete $health{$name} if !$on;
	$health{$name} //= bound($health_port{$name}, 4096) if $on;
	ok +(becomes { !grep { status($_, 'a')->{state} ne ($on ? 'up' : 'down') } @backends } 10), "$name: a is seen to be " . ($on ? 'up' : 'down');
	# what is answered when all workers have it, and so all that was sent to them before
	is $lb->patch('/v1/backends/other/servers/b', { weight => 1 + $fences++ % 100 })->{status}, 200, 'and all workers know';
}

sub ask {
	my ($c, $target, @lines) = @_;
	$c->send(join "\r\n", "GET $target HTTP/1.1", 'Host: h', @lines, '', '');
	return read_answer($c);
}

# A client that does this with the server `old`; what it has been told so far is read.
sub tcp_client {
	my ($name, $what, $old) = @_;
	my $c = $lb->connect("tcp_$name");
	is $c->read_line, $old, "tcp $what: on $old";
	$c->send("$what\n");
	is $c->read_line, $what, 'and talks';
	$c->read_exactly(8_000_000) if $what eq 'flood';	# and reads no more: all that can hold bytes is full
	$c->half_close if $what eq 'half';
	return $c;
}

sub http_client {
	my ($name, $what) = @_;
	my $c = $lb->connect("http_$name");
	my @lines = $what eq 'tunnel' ? ('Connection: Upgrade', 'Upgrade: x') : $what eq 'upload' ? ('Content-Length: 100') : ();
	$c->send(join "\r\n", ($what eq 'upload' ? 'POST' : 'GET') . " /$what-$workers-$name HTTP/1.1", 'Host: h', @lines, '', $what eq 'upload' ? 'some' : '');
	like $c->read_until(qr/12345(?:\r\n)?/), qr/12345/, "http $what: has begun" if $begins{$what};
	return $c;
}

# How it ended for a client.
sub seen_by {
	my ($c) = @_;
	return 'open' if !$c->closed_within(5);
	my ($answer) = answers_in($c->buffer, ['GET'], 1);
	my $whole = $answer && $answer->{whole} ? "$answer->{status} " : '';
	return $whole . ($c->was_reset ? 'RST' : 'FIN');
}

sub play {
	my ($name, $copies) = @_;
	my $t = $trigger{$name};
	my ($old, $new) = $t->{old} eq 'a' ? ('a', 'b') : ('b', 'a');

	# somebody is on the server that is not meant, and somebody in another backend
	turn($name, $new eq 'a');
	my @others = ($lb->connect("tcp_$name"), $lb->connect('other'));
	is $others[0]->read_line, $new, 'somebody is on the other server';
	is $others[1]->read_line, 'b', 'somebody is elsewhere';
	my $far = $lb->connect("http_$name");
	like ask($far, '/fine')->{body}, qr/^$new /, 'somebody has been there';
	turn($name, $old eq 'a');

	my (%tcp_clients, %http_clients);
	for (1 .. $copies) {
		push @{$tcp_clients{$_}}, tcp_client($name, $_, $old) for sort keys %tcp_phase;
		push @{$http_clients{$_}}, http_client($name, $_) for sort keys %http_phase;
	}
	my @waits = map { $lb->connect("tcp_$name") } 1 .. $copies;
	my $idle = $lb->connect("http_$name");
	like ask($idle, '/fine')->{body}, qr/^$old /, 'a client is idle';
	my $own = $lb->connect("http_$name");
	my $first = ask($own, '/ntlm')->{body};
	is ask($own, '/ntlm')->{body}, $first, 'a client has a connection of its own';
	my ($tcp_count, $http_count) = ($copies * keys %tcp_phase, $copies * keys %http_phase);
	ok +(becomes { status("http_$name", $old)->{sessions}{current} == $http_count
		&& $lb->get("/v1/backends/tcp_$name")->{json}{status}{sessions}{queue} == $copies } 5), 'all are where they are to be';
	is status("tcp_$name", $old)->{sessions}{current}, $tcp_count, 'and talk';

	turn($name, $new eq 'a');
	if ($t->{letter} eq 'K') {
		my @sessions = map { status("${_}_$name", 'b')->{sessions}{current} } 'tcp', 'http';
		is_deeply \@sessions, [$tcp_count, $http_count], 'nobody ends by itself';
		is $lb->delete("/v1/backends/tcp_$name/servers/b/sessions")->{json}{ended}, $tcp_count, 'all of TCP are ended';
		is $lb->delete("/v1/backends/http_$name/servers/b/sessions")->{json}{ended}, $http_count, 'all of HTTP are ended';
	}

	my @ended;
	my $all = sub { return @ended = grep { $_->{frontend} =~ /_$name$/ && $_->{termination_state} =~ /^[DUK]/ } $lb->log_lines };
	ok +(becomes { $all->() >= $tcp_count + $http_count } 20), 'all are logged';
	my %line_of = map { ("$_->{frontend} $_->{client}" => $_) } @ended;
	for (['tcp', \%tcp_phase, \%tcp_clients], ['http', \%http_phase, \%http_clients]) {
		my ($mode, $phases, $clients) = @$_;
		for my $what (sort keys %$phases) {
			my ($letter, $status, $seen) = @{$phases->{$what}};
			for my $c (@{$clients->{$what}}) {
				is seen_by($c), $seen, "$mode $what: what the client sees";
				my $line = $line_of{"${mode}_$name " . $c->local_address} // {};
				is_deeply [@{$line}{qw(server termination_state cause status)}],
					[$old, "$t->{letter}$letter" . ($mode eq 'http' ? '--' : ''), $words{$t->{letter}}, $status], 'and the log says why';
			}
		}
	}
	my $is_over = sub { my ($mode) = @_; my $s = status("${mode}_$name", $old); return $s->{sessions}{current} == 0 };
	ok +(becomes { $is_over->('tcp') && $is_over->('http') } 5), "nothing is counted for $old";

	is $_->read_line, $new, 'who waited in line is served' for @waits;
	is $lb->connect("tcp_$name")->read_line, $new, 'the next connection goes to the right server';
	is $lb->get("/v1/backends/tcp_$name")->{json}{status}{sessions}{queue}, 0, 'nobody is in line';
	like ask($idle, '/fine')->{body}, qr/^$new /, 'and the next request of who was idle';
	my $next = ask($own, '/ntlm')->{body};
	like $next, qr/^$new /, 'and of who had a connection of its own';
	is ask($own, '/ntlm')->{body}, $next, 'who has one there now';
	for my $what (sort keys %http_phase) {
		ok +(becomes { $copies == grep { ($_->{end} // '') eq 'reset' } $http{$old}->connections("/$what-$workers-$name") } 5), "http $what: the server sees a cut";
	}

	$_->send("still\n") for @others;
	is $_->read_line, 'still', 'others go on' for @others;
	like ask($far, '/fine')->{body}, qr/^$new /, 'and on';
	is scalar($all->()), $tcp_count + $http_count, 'nobody else was ended';
}

for my $count (1, 4) {
	$workers = $count;
	my $copies = $workers == 1 ? 1 : 3;
	my (%frontends, %backends);
	for my $name (keys %trigger) {
		$frontends{"${_}_$name"} = { mode => $_, bind => ['127.0.0.1:0'], default_backend => "${_}_$name" } for 'tcp', 'http';
		$backends{"tcp_$name"} = { mode => 'tcp', %{servers($name, $copies, \%tcp, \%tcp_phase)} };
		$backends{"http_$name"} = { mode => 'http', %{servers($name, $copies, \%http, \%http_phase)} };
	}
	$lb = Sluice->start(args => ['--threads', $workers], config => {
		defaults => { timeout => { client => '1h', server => '1h', tunnel => '1h', queue => '1h' } },
		frontends => { %frontends, other => { mode => 'tcp', bind => ['127.0.0.1:0'], default_backend => 'other' } },
		backends => { %backends, other => { mode => 'tcp', servers => { b => { address => $tcp{b}->address } } } },
	});
	for my $name (sort keys %trigger) {
		subtest "$workers workers, $name" => sub { play($name, $copies) };
	}
	$lb->stop;
}
done_testing;

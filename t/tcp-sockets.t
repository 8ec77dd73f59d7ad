#!/usr/bin/perl
# tier: story
#
# Every kind of socket, on either side: IPv4, IPv6 and Unix sockets carry the same bytes. What an
# administrator finds on the machine is as configured: a Unix socket's permissions, the address that
# servers see (source), TCP keep-alive. A socket file that a dead process left is replaced, a living
# one and a plain file are not, and our own goes with its bind.
use Sluice;
use IO::Socket::UNIX;
use Socket qw(SOCK_STREAM SOMAXCONN);

my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my $has_ipv6 = defined IO::Socket::IP->new(LocalHost => '::1', LocalPort => 0, Listen => 1);
my $from = sub { my ($c) = @_; $c->send($c->peer_address . "\n"); return 'asked' };
my %origin = (
	v4 => Sluice::Origin->start('v4', 'greet'),
	unix => Sluice::Origin->start('unix', 'greet', on => "unix:$dir/origin"),
	$has_ipv6 ? (v6 => Sluice::Origin->start('v6', 'greet', on => '[::1]:0')) : (),
);
my %listen = (
	v4 => '127.0.0.1:0',
	unix => { address => "unix:$dir/front-TO", mode => '0660' },
	$has_ipv6 ? (v6 => '[::1]:0') : (),
);

sub bind_to {
	my ($kind, $to) = @_;
	my $bind = $listen{$kind};
	return $bind if !ref $bind;
	return { %$bind, address => $bind->{address} =~ s/TO/$to/r };
}

my $who = Sluice::Origin->start('who', $from);
my @keepalive = (clitcpka => JSON::PP::true, clitcpka_idle => '77s', clitcpka_intvl => '5s', clitcpka_cnt => 3);
my $lb = Sluice->start(config => {
	defaults => { mode => 'tcp' },
	frontends => {
		(map { my $to = $_; map { ("$_-$to" => { bind => [bind_to($_, $to)], default_backend => $to }) } keys %listen }
			keys %origin),
		who => { bind => ['127.0.0.1:0'], default_backend => 'who' },
		nowhere => { bind => ['127.0.0.1:0'], default_backend => 'nowhere' },
		alive => { bind => ['127.0.0.1:0'], default_backend => 'alive', @keepalive },
	},
	backends => {
		(map { $_ => { servers => { $_ => { address => $origin{$_}->address } } } } keys %origin),
		who => { servers => { a => { address => $who->address, source => '127.0.0.77' } } },
		nowhere => { retries => 0, servers => { a => { address => $who->address, source => '192.0.2.1' } } },
		alive => { srvtcpka => JSON::PP::true, srvtcpka_idle => '55s',
			servers => { a => { address => $origin{v4}->address } } },
	},
});

for my $front (sort keys %listen) {
	for my $to (sort keys %origin) {
		my $c = Sluice::Client->connect($lb->address("$front-$to"));
		is $c->read_line, $to, "from $front to $to: the server speaks";
		$c->send("hello\n");
		is $c->read_line, 'hello', 'and echoes';
		$c->half_close;
		is $c->read_all, '', 'nothing more comes';
		ok $c->at_end && !$c->was_reset, 'and a FIN is answered by a FIN';
		my $line = $lb->log_line(frontend => "$front-$to");
		is $line->{termination_state}, '--', 'the log says so';
		my $client = { v4 => qr/^127\.0\.0\.1:\d+$/, v6 => qr/^\[::1\]:\d+$/, unix => qr/^unix$/ }->{$front};
		like $line->{client}, $client, 'and who it was';
		is $line->{bind}, $lb->address("$front-$to"), 'and where';
	}
}
note 'no IPv6 on this machine' if !$has_ipv6;

subtest 'permissions of a Unix socket' => sub {
	my ($path) = $lb->address('unix-v4') =~ /^unix:(.*)/;
	is sprintf('%04o', (stat $path)[2] & 07777), '0660', 'as configured';
	is $lb->patch('/v1/frontends/unix-v4', { bind => [{ address => "unix:$path", mode => '0600' }] })->{status}, 200,
		'others by REST';
	is sprintf('%04o', (stat $path)[2] & 07777), '0600', 'hold at once';
	is(Sluice::Client->connect("unix:$path")->read_line, 'v4', 'and it serves');
	is_deeply [glob("$dir/*~")], [], 'no temporary file is left';
};

subtest 'a socket file that is there already' => sub {
	my $path = "$dir/stale";
	IO::Socket::UNIX->new(Local => $path, Listen => 1)->close;
	ok -S $path, 'a dead process left its socket';
	my $frontend = { mode => 'tcp', bind => ["unix:$path"], default_backend => 'v4' };
	is $lb->put('/v1/frontends/late', $frontend)->{status}, 201, 'it is replaced';
	is(Sluice::Client->connect("unix:$path")->read_line, 'v4', 'and serves');
	is $lb->delete('/v1/frontends/late')->{status}, 204, 'the frontend goes';
	ok !-e $path, 'and its socket file';

	my $living = IO::Socket::UNIX->new(Local => $path, Listen => 1);
	my $answer = $lb->put('/v1/frontends/late', $frontend);
	like $answer->{status}, qr/^4/, 'the socket of a living process is left alone';
	like $answer->{text}, qr/\Q$path\E.*in use/, 'and the answer says why';
	unlink $path;
	Sluice::spew($path, "precious\n");
	like $lb->put('/v1/frontends/late', $frontend)->{status}, qr/^4/, 'so is a plain file';
	is Sluice::slurp($path), "precious\n", 'which keeps what is in it';
	is $lb->get('/v1/frontends/late')->{status}, 404, 'and there is no such frontend';
};

subtest 'abstract Unix sockets' => sub {
	my $name = "sluice-test-$$";
	my $listener = IO::Socket::UNIX->new(Local => "\0$name-origin", Listen => SOMAXCONN) or die "abstract: $!\n";
	is $lb->put('/v1/backends/abstract', { mode => 'tcp', servers => { a => { address => "unix:\@$name-origin" } } })->{status},
		201, 'a server at one';
	is $lb->put('/v1/frontends/abstract', { mode => 'tcp', bind => ["unix:\@$name"], default_backend => 'abstract' })->{status},
		201, 'a frontend on another';
	my $c = Sluice::Client->connect("unix:\0$name");
	$c->send("hello\n");
	my $server = Sluice::Client->of_socket(scalar $listener->accept);
	is $server->read_line, 'hello', 'bytes go there';
	$server->send("you\n");
	is $c->read_line, 'you', 'and back';
	$_->close for $server, $c;
	is $lb->log_line(frontend => 'abstract')->{bind}, "unix:\@$name", 'the log names it';
	is $lb->delete('/v1/frontends/abstract')->{status}, 204, 'the frontend goes';
	is(Sluice::Client->try_connect("unix:\0$name"), undef, 'and nobody listens there');
};

subtest 'source' => sub {
	like $lb->connect('who')->read_line, qr/^127\.0\.0\.77:\d+$/, 'is the address that the server sees';
	is $lb->patch('/v1/backends/who/servers/a', { source => '127.0.0.78' })->{status}, 200, 'another one';
	like $lb->connect('who')->read_line, qr/^127\.0\.0\.78:\d+$/, 'holds for the next session';
	is $lb->patch('/v1/backends/who/servers/a', { source => undef })->{status}, 200, 'none';
	like $lb->connect('who')->read_line, qr/^127\.0\.0\.1:\d+$/, 'is the choice of the kernel';
	ok $lb->connect('nowhere')->closed_within(5), 'one that this machine has not ends the session';
	is $lb->log_line(frontend => 'nowhere')->{termination_state}, 'RC', 'by a local fault, says the log';
};

# The kernel's own list: which timer runs on an established socket (2 is keep-alive), and the seconds until it
# fires; 0 is no such timer.
sub keepalive_left {
	my (%end) = @_;
	my ($local, $remote) = map { $_ ? sprintf(':%04X', $_ =~ /:(\d+)$/) : '' } @end{'local', 'remote'};
	open(my $in, '<', '/proc/net/tcp') or die "/proc/net/tcp: $!\n";
	while (<$in>) {				# the list may be long
		next if index($_, $local) < 0 || index($_, $remote) < 0;
		my @row = split;
		next if $row[3] ne '01' || $row[1] !~ /$local$/ || $row[2] !~ /$remote$/;
		my ($timer, $left) = split /:/, $row[5];
		return $timer eq '02' ? hex($left) / 100 : 0;
	}
	return undef;
}

subtest 'TCP keep-alive' => sub {
	my $left = sub { my @end = @_; return becomes { keepalive_left(@end) } 2 };	# delayed ACKs use the timer, too
	my $c = $lb->connect('alive');
	is $c->read_line, 'v4', 'a session';
	my $client = $left->(local => $lb->address('alive'), remote => $c->local_address);
	ok $client && $client > 60 && $client <= 77, 'the client will be probed after 77 s of silence';
	my ($session) = values %{$lb->get('/v1/sessions?backend=alive')->{json}};
	is $session->{server_address}, $origin{v4}->address, 'its server';
	my $server = $left->(remote => $origin{v4}->address);
	ok $server && $server > 40 && $server <= 55, 'will be after 55 s';

	my $plain = $lb->connect('v4-v4');
	is $plain->read_line, 'v4', 'a session of a frontend without';
	is keepalive_left(local => $lb->address('v4-v4'), remote => $plain->local_address), 0, 'has no such timer';
	is $lb->patch('/v1/frontends/v4-v4', { clitcpka => JSON::PP::true, clitcpka_idle => '20s' })->{status}, 200, 'set by REST';
	my $next = $lb->connect('v4-v4');
	is $next->read_line, 'v4', 'the next one';
	my $seconds = $left->(local => $lb->address('v4-v4'), remote => $next->local_address);
	ok $seconds && $seconds <= 20, 'has it';
	is keepalive_left(local => $lb->address('v4-v4'), remote => $plain->local_address), 0, 'the one before is left as it was';
};

my ($left_over) = $lb->address('unix-v4') =~ /^unix:(.*)/;
$lb->stop;
ok !-e $left_over, 'with the process goes its socket file';
undef $lb;
done_testing;

#!/usr/bin/perl
# tier: story
#
# Frontends, their addresses and servers come and go under connections: what is not meant by a change does not
# notice it. A socket that stays in the configuration stays open through a PUT of all of it, and who was waiting
# in its queue is served; the queue of one that goes is accepted before it closes; an address can move.
use Sluice;
use IO::Socket::IP;

my %origin = map { $_ => Sluice::Origin->start($_, 'greet') } qw(red green);
my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);

# Ports that are ours until sluice has them: taken together, so that no two are the same.
sub free_ports {
	my @held = map { IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, ReuseAddr => 1) } 1 .. $_[0];
	return map { $_->sockport } @held;
}

sub frontend {
	my ($backend, @bind) = @_;
	return { mode => 'tcp', bind => @bind ? \@bind : ['127.0.0.1:0'], default_backend => $backend };
}

my %backends = map { $_ => { mode => 'tcp', servers => { $_ => { address => $origin{$_}->address } } } } keys %origin;
my $lb = Sluice->start(config => { global => { threads => 2 }, backends => \%backends,
	frontends => { web => frontend('red') } });

sub ok_is {
	my ($answer, $status, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is $answer->{status}, $status, $name or diag($answer->{text});
}

sub says {
	my ($c, $what, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is $c->read_line, $what, $name;
}

sub goes_on {
	my ($c, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$c->send("on\n");
	is $c->read_line, 'on', $name;
}

# The kernel's numbers of the sockets that listen on a port: new ones would have others. The list begins with those
# that listen, and may be long.
sub listening {
	my ($port) = @_;
	my $local = sprintf(':%04X', $port);
	my @found;
	open(my $in, '<', '/proc/net/tcp') or die "/proc/net/tcp: $!\n";
	<$in>;
	while (my @row = split ' ', <$in> // '') {
		last if $row[3] ne '0A';
		push @found, $row[9] if $row[1] =~ /$local$/;
	}
	return join ' ', sort @found;
}

sub whole { return $lb->get('/v1/config?view=config')->{json} }

subtest 'a server is deleted under its sessions' => sub {
	my @c = map { my $c = $lb->connect('web'); says $c, 'red', 'a session'; $c } 1 .. 2;
	ok_is $lb->put('/v1/backends/red/servers/late', { address => $origin{green}->address }), 201, 'another server';
	ok_is $lb->delete('/v1/backends/red/servers/red'), 204, 'the first one goes';
	says $lb->connect('web'), 'green', 'no new session reaches it' for 1 .. 3;
	goes_on $_, 'a session that runs goes on' for @c;
	my $id = $lb->put('/v1/backends/red/servers/red', { address => $origin{red}->address });
	ok_is $id, 201, 'one of the same name';
	is $id->{json}{status}{sessions}{current}, 0, 'is another one: it has no sessions';
	$_->close for @c;
	is $lb->log_line(server => 'red', termination_state => '--')->{frontend}, 'web', 'the old ones end in peace' for @c;

	ok_is $lb->delete('/v1/backends/red/servers/late'), 204, 'the other one goes';
	my $c = $lb->connect('web');
	says $c, 'red', 'a session';
	ok_is $lb->delete('/v1/backends/red/servers/red?force=true'), 204, 'its server is deleted by force';
	ok $c->closed_within(5) && $c->was_reset, 'it is cut';
	is $lb->log_line(server => 'red', termination_state => qr/^K/)->{cause}, 'its server was removed by force', 'with the cause';
	ok_is $lb->put('/v1/backends/red/servers/red', { address => $origin{red}->address }), 201, 'back again';
};

subtest 'a bind is added, and one is taken away' => sub {
	my ($port) = free_ports(1);
	my $old = $lb->connect('web');
	says $old, 'red', 'a session on the first';
	my $first = $lb->address('web');
	ok_is $lb->patch('/v1/frontends/web', { bind => ['127.0.0.1:0', "127.0.0.1:$port"] }), 200, 'one more';
	is $lb->address('web', 0), $first, 'the first stays as it is';
	my $new = Sluice::Client->connect("127.0.0.1:$port");
	says $new, 'red', 'the second serves';
	ok_is $lb->patch('/v1/frontends/web', { bind => ["127.0.0.1:$port"] }), 200, 'the first is taken away';
	is(Sluice::Client->try_connect($first), undef, 'nobody listens there');
	goes_on $_, 'a session goes on' for $old, $new;
	says(Sluice::Client->connect("127.0.0.1:$port"), 'red', 'the other one serves');
	ok_is $lb->patch('/v1/frontends/web', { default_backend => 'green' }), 200, 'another backend';
	says(Sluice::Client->connect("127.0.0.1:$port"), 'green', 'has the next session');
	goes_on $old, 'and not those that run';
	$_->close for $old, $new;
};

# At its limit a frontend leaves connections in the kernel's queue, where a test can keep them.
subtest 'a connection in the queue outlives a PUT of everything' => sub {
	my ($port) = free_ports(1);
	my $unix = "unix:$dir/put";
	ok_is $lb->put('/v1/frontends/full', { %{frontend('red', "127.0.0.1:$port", $unix)}, maxconn => 1 }), 201, 'a frontend for one';
	my $holder = Sluice::Client->connect("127.0.0.1:$port");
	says $holder, 'red', 'it is full';
	my @waiting = map { my $c = Sluice::Client->connect($_); $c->send("hello\n"); $c } ("127.0.0.1:$port") x 4, $unix;
	my $sockets = listening($port);
	like $sockets, qr/^\d+ \d+$/, 'two workers listen';
	my $whole = whole();
	ok_is $lb->put('/v1/config', $whole), 200, 'a PUT of what there is';
	$whole->{backends}{red}{servers}{red}{weight} = 7;
	$whole->{frontends}{full}{timeout}{client} = '40s';
	$whole->{frontends}{another} = frontend('green');
	ok_is $lb->put('/v1/config', $whole), 200, 'and one that changes this frontend, and others';
	is listening($port), $sockets, 'the sockets are the same';
	goes_on $holder, 'the session goes on';
	ok_is $lb->patch('/v1/frontends/full', { maxconn => 10 }), 200, 'the limit is raised';
	is $_->read_line . $_->read_line, 'redhello', 'one who waited is served' for @waiting;
	$_->close for @waiting, $holder;
	delete @{$whole->{frontends}}{'full', 'another'};
	ok_is $lb->put('/v1/config', $whole), 200, 'a PUT without them';
	is listening($port), '', 'closes their sockets';
	ok !-e "$dir/put", 'and removes the file';
};

subtest 'the queue of a bind that goes is accepted first' => sub {
	for my $how ('PATCH', 'DELETE') {
		my ($port) = free_ports(1);
		my $unix = "unix:$dir/gone";
		ok_is $lb->put('/v1/frontends/full', { %{frontend('red', "127.0.0.1:$port", $unix)}, maxconn => 1 }), 201, "$how: a frontend for one";
		my $holder = Sluice::Client->connect("127.0.0.1:$port");
		says $holder, 'red', 'it is full';
		my @waiting = map { my $c = Sluice::Client->connect($_); $c->send("hello\n"); $c } ("127.0.0.1:$port") x 5, $unix;
		ok_is $how eq 'DELETE' ? $lb->delete('/v1/frontends/full') : $lb->patch('/v1/frontends/full', { bind => [] }),
			$how eq 'DELETE' ? 204 : 200, 'the binds go, with six in their queues';
		is $_->read_line . $_->read_line, 'redhello', 'one who waited is served' for @waiting;
		is(Sluice::Client->try_connect("127.0.0.1:$port"), undef, 'nobody else is');
		goes_on $holder, 'and the session goes on';
		$_->close for @waiting, $holder;
		$lb->delete('/v1/frontends/full');
	}
};

subtest 'an address moves' => sub {
	my ($port, $second) = free_ports(2);
	my $unix = "unix:$dir/moves";
	my @bind = ("127.0.0.1:$port", $unix);
	my $config = whole();
	$config->{frontends}{one} = { %{frontend('red', @bind)}, maxconn => 1 };
	$config->{frontends}{two} = frontend('green', "127.0.0.1:$second");
	ok_is $lb->put('/v1/config', $config), 200, 'two frontends';
	my $sockets = listening($port);
	my $before = Sluice::Client->connect("127.0.0.1:$port");
	says $before, 'red', 'a session on the first, which is full';
	my @waiting = map { Sluice::Client->connect($_) } @bind, @bind;
	$config->{frontends}{one} = frontend('red', "127.0.0.1:$second");
	$config->{frontends}{two} = frontend('green', @bind);
	ok_is $lb->put('/v1/config', $config), 200, 'they change places in one PUT';
	says(Sluice::Client->connect($_), 'green', "$_ leads to the second") for @bind;
	says(Sluice::Client->connect("127.0.0.1:$second"), 'red', 'and the other address to the first');
	is listening($port), $sockets, 'on the same sockets';
	like $_->read_line, qr/^(red|green)$/, 'who waited is served' for @waiting;
	goes_on $before, 'a session that ran goes on';
	$_->close for $before, @waiting;
	delete @{$config->{frontends}}{'one', 'two'};
	ok_is $lb->put('/v1/config', $config), 200, 'both go';
	is listening($_), '', 'and nobody listens' for $port, $second;
};

subtest 'options of a bind, and an address that is part of another' => sub {
	my ($port) = free_ports(1);
	ok_is $lb->put('/v1/frontends/wide', frontend('red', "127.0.0.1:$port")), 201, 'an address of this machine';
	my $old = Sluice::Client->connect("127.0.0.1:$port");
	says $old, 'red', 'serves';
	my $sockets = listening($port);
	ok_is $lb->patch('/v1/frontends/wide', { backlog => 7 }), 200, 'another backlog';
	is listening($port), $sockets, 'is no reason for other sockets';
	says(Sluice::Client->connect("127.0.0.1:$port"), 'red', 'it serves');
	ok_is $lb->patch('/v1/frontends/wide', { bind => ["0.0.0.0:$port"] }), 200, 'all of its addresses instead';
	says(Sluice::Client->connect("127.0.0.1:$port"), 'red', 'serve');
	says(Sluice::Client->connect("127.0.0.2:$port"), 'red', 'each of them');
	ok_is $lb->put('/v1/frontends/narrow', frontend('green', "127.0.0.2:$port")), 201, 'one of them for another frontend';
	says(Sluice::Client->connect("127.0.0.2:$port"), 'green', 'which has it');
	says(Sluice::Client->connect("127.0.0.1:$port"), 'red', 'the others stay');
	ok_is $lb->delete("/v1/frontends/narrow"), 204, 'given up';
	says(Sluice::Client->connect("127.0.0.2:$port"), 'red', 'it is as before');
	goes_on $old, 'the first session ran through all of it';
	$old->close;
	my $foreign = IO::Socket::IP->new(LocalHost => '127.0.0.3', LocalPort => 0, Listen => 1);
	my $taken = $foreign->sockport;
	my $answer = $lb->put('/v1/frontends/taken', frontend('red', "0.0.0.0:$taken"));
	like $answer->{status}, qr/^4/, 'an address of which another program has a part is refused';
};

is_deeply [grep { $_->{termination_state} !~ /^(--|K.)$/ } $lb->log_lines], [], 'no session ended otherwise';
$lb->stop;
undef $lb;
done_testing;

#!/usr/bin/perl
# tier: story
#
# A session leaves one line. Whoever reads it must find in it what was: when, who, where, how long, how much, how
# it ended. Every field is compared with what the test itself measured, and no line has a field more.
use Sluice;
use Time::HiRes qw(time);
use Time::Local qw(timegm);

my $origin = Sluice::Origin->start('a', 'greet');
my $busy = Sluice::Origin->start('b', 'greet');
my $lb = Sluice->start(config => {
	global => { threads => 1, log => [{ target => 'stdout' }] },
	defaults => { mode => 'tcp', timeout => { connect => '50ms' } },
	frontends => {
		web => { bind => ['127.0.0.1:0', '127.0.0.1:0'], default_backend => 'app' },
		line => { bind => ['127.0.0.1:0'], default_backend => 'line' },
		back => { bind => ['127.0.0.1:0'], default_backend => 'back' },
		quiet => { bind => ['127.0.0.1:0'], default_backend => 'app', log => [] },
		errors => { bind => ['127.0.0.1:0'], default_backend => 'app', log => [{ target => 'stderr' }] },
		both => { bind => ['127.0.0.1:0'], default_backend => 'app', log => [map { { target => $_ } } 'stdout', 'stderr'] },
	},
	backends => {
		app => { servers => { a => { address => $origin->address } } },
		line => { timeout => { queue => '1m' }, servers => { b => { address => $busy->address, maxconn => 1 } } },
		back => { retries => 2, servers => { bad => { address => Sluice::Origin->refusing_address } } },
	},
});

my %keys = (
	'' => 'backend bind bytes_in bytes_out cause client connections frontend picked queue redispatched retries'
		. ' server termination_state time timers_ms',
	timers_ms => 'connect data queue total',
	connections => 'actconn beconn feconn srv_conn',
	queue => 'backend',
);

sub has_its_fields {
	my ($line) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is join(' ', sort keys %{$_ ? $line->{$_} : $line}), $keys{$_}, $_ ? "the fields of $_" : 'its fields' for sort keys %keys;
}

sub near {
	my ($seen, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok $seen >= $expected - 3 && $seen <= $expected + seconds(0.5) * 1000, $name or diag("$seen ms, expected $expected");
}

subtest 'a session' => sub {
	my $before = time;
	my $c = Sluice::Client->connect($lb->address('web', 1));
	is $c->read_line, 'a', 'it runs';
	my $neighbour = $lb->connect('web');
	is $neighbour->read_line, 'a', 'beside another one';
	$c->send('x' x 777);
	is length $c->read_exactly(777), 777, 'bytes both ways';
	select(undef, undef, undef, 0.06);
	$c->half_close;
	ok $c->closed_within(5), 'it ends';
	my $ms = (time - $before) * 1000;
	my $line = $lb->log_line(frontend => 'web');
	has_its_fields $line;
	my ($y, $mo, $d, $h, $mi, $s, $milli) = $line->{time} =~ /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})Z$/;
	ok defined $milli, 'the time is RFC 3339, UTC, with milliseconds' or diag($line->{time});
	my $begun = timegm($s, $mi, $h, $d, $mo - 1, $y) + $milli / 1000;
	ok $begun > $before - 0.003 && $begun < $before + seconds(0.5), 'and that of its begin';
	is $line->{client}, $c->local_address, 'client';
	is $line->{bind}, $lb->address('web', 1), 'bind';
	is join(' ', @$line{qw(frontend backend server picked termination_state)}), 'web app a roundrobin --', 'where it went';
	is $line->{cause}, 'both sides finished', 'cause';
	is "$line->{bytes_in} $line->{bytes_out}", '777 779', 'bytes';
	is_deeply $line->{connections}, { actconn => 2, feconn => 2, beconn => 2, srv_conn => 2 }, 'connections, itself included';
	is_deeply $line->{queue}, { backend => 0 }, 'nobody was before it';
	is $line->{timers_ms}{queue}, 0, 'it did not wait';
	near $line->{timers_ms}{connect}, 0, 'connected at once';
	near $line->{timers_ms}{data}, 60, 'was open';
	near $line->{timers_ms}{total}, 60, 'in all';
	cmp_ok $line->{timers_ms}{total}, '<=', $ms + 3, 'not longer than we waited';
	is $line->{timers_ms}{connect} + $line->{timers_ms}{data}, $line->{timers_ms}{total}, 'the times add up';
	is "$line->{retries}" . ($line->{redispatched} ? 'redispatched' : ''), '0', 'at the first try';
	$neighbour->close;
	$lb->log_line(frontend => 'web');
};

subtest 'sessions that waited' => sub {
	my $first = $lb->connect('line');
	is $first->read_line, 'b', 'one is served';
	my @line = map {
		my $c = $lb->connect('line');
		wait_until { $lb->get('/v1/backends/line')->{json}{status}{sessions}{queue} == $_ } 5, 'the line';
		$c;
	} 1, 2;
	select(undef, undef, undef, 0.08);
	$_->close for $first;
	for my $ahead (0, 1) {
		is $line[$ahead]->read_line, 'b', 'one more';
		$line[$ahead]->half_close;
		$line[$ahead]->closed_within(5);
		my $line = $lb->log_line(frontend => 'line', client => $line[$ahead]->local_address);
		is $line->{queue}{backend}, $ahead, "there were $ahead before it";
		near $line->{timers_ms}{queue}, 80, 'how long it waited';
		near $line->{timers_ms}{connect}, 0, 'is not counted as connecting';
		is $line->{timers_ms}{queue} + $line->{timers_ms}{connect} + $line->{timers_ms}{data}, $line->{timers_ms}{total},
			'the times add up';
		is_deeply $line->{connections}, { actconn => 2 - $ahead, feconn => 2 - $ahead, beconn => 2 - $ahead, srv_conn => 1 },
			'who waits is a connection of the backend, too, as in HAProxy, but of no server';
	}
};

subtest 'a session that got nowhere' => sub {
	my $c = $lb->connect('back');
	ok $c->closed_within(5), 'it ends';
	my $line = $lb->log_line(frontend => 'back');
	has_its_fields $line;
	is join(' ', @$line{qw(backend server picked retries termination_state)}), 'back bad retry 2 SC', 'where it tried';
	is "$line->{timers_ms}{connect} $line->{timers_ms}{data}", '-1 -1', 'stages that it did not reach';
	near $line->{timers_ms}{total}, 100, 'two waits of 50 ms';
	is "$line->{bytes_in} $line->{bytes_out}", '0 0', 'no bytes';
};

subtest 'where lines go' => sub {
	for my $frontend ('quiet', 'errors', 'both') {
		my $c = $lb->connect($frontend);
		$c->read_line;
		$c->half_close;
		$c->closed_within(5);
	}
	is $lb->log_line(frontend => 'both')->{frontend}, 'both', 'to both: stdout';
	my $stderr = becomes { $lb->stderr =~ /"frontend":"both".*\n/ && $lb->stderr } 5;
	like $stderr, qr/^\{"time":.*"frontend":"both".*\}$/m, 'and stderr, a line each';
	like $stderr, qr/"frontend":"errors"/, 'to stderr';
	is scalar($lb->log_lines(frontend => 'errors')), 0, 'and nowhere else';
	unlike $lb->stdout . $lb->stderr, qr/"frontend":"quiet"/, 'an empty list is silence';
	is $lb->patch('/v1/frontends/quiet', { log => undef })->{status}, 200, 'unset by REST';
	my $c = $lb->connect('quiet');
	$c->read_line;
	$c->half_close;
	is $lb->log_line(frontend => 'quiet')->{termination_state}, '--', 'the log of global holds for the next session';
	is $lb->get('/v1/info')->{json}{log}{dropped}, 0, 'no line was dropped';
};

is_deeply [grep { !/^admin / && !/^\{.*\}$/ } split /\n/, $lb->stdout], [], 'stdout holds lines of JSON and the admin address';
$lb->stop;
undef $lb;
done_testing;

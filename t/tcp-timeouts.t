#!/usr/bin/perl
# tier: story
#
# Nobody waits for ever: each time-out ends what it watches, when it is due and not before, and the log names
# it by HAProxy's two letters. All of them run at the same time here, each on a frontend and backend of its own.
use Sluice;
use IO::Socket::IP;
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Time::HiRes qw(time);

my $short = seconds(0.4);
my $ms = sprintf('%dms', $short * 1000);

# A listening socket whose queue is full: the kernel drops who comes next.
my $full = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 1);
listen($full, 0) or die "listen: $!\n";		# IO::Socket's own makes 5 of it
my @fill = map { IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $full->sockport, Blocking => 0) } 1 .. 4;

my %origin = map { $_->name => $_ } (
	Sluice::Origin->start('hold', 'hold'),
	Sluice::Origin->start('swallow', 'swallow'),
	Sluice::Origin->start('echo', 'echo'),
	Sluice::Origin->start('half', sub { my ($c) = @_; $c->half_close; $c->read_all(3600); return undef }),
	Sluice::Origin->start('slow', sub {
		my ($c) = @_;
		$c->read_all(60);
		select(undef, undef, undef, $short * 1.2);
		$c->send("late\n");
		return undef;
	}),
	Sluice::Origin->start('flood', sub { my ($c) = @_; $c->send('x' x 65536, 3600) while !$c->at_end; return undef }),
	Sluice::Origin->start('tick', sub {
		my ($c) = @_;
		for (1 .. 8) {
			$c->send('.');
			select(undef, undef, undef, $short / 4);
		}
		return undef;
	}),
);

# name => [origin, time-outs, the end's letters, the client's part, the least time in units of $short]
my %case = (
	connect => ['full', { connect => $ms }, 'sC', sub {}, 1],
	'connect-retried' => ['full', { connect => sprintf('%dms', $short * 500) }, 'sC', sub {}, 1, { retries => 1 }],
	client => ['hold', { client => $ms }, 'cD', sub {}, 1],
	server => ['hold', { server => $ms }, 'sD', sub {}, 1],
	both => ['hold', { client => $ms, server => $ms }, 'cD', sub {}, 1],
	'client-spoke' => ['hold', { server => $ms }, 'sD', sub { $_[0]->send('hello') }, 1],
	tunnel => ['hold', { client => '1ms', server => '1ms', tunnel => $ms }, 'cD', sub {}, 1],
	'tunnel-is-longer' => ['echo', { client => '1ms', server => '1ms', tunnel => '1m' }, '--', sub {
		$_[0]->send('hello');
		$_[0]->{late} = 'hello';		# read, and closed, at the end
	}, 1],
	'client-fin' => ['half', { client_fin => $ms }, 'cD', sub {}, 1],
	'server-fin' => ['hold', { server_fin => $ms }, 'sD', sub { $_[0]->half_close }, 1],
	# it has said all there is to say: nobody waits for it
	'slow-answer' => ['slow', { client_fin => '1ms', client => '50ms' }, '--', sub { $_[0]->half_close }, 1.2],
	'blocked-reader' => ['flood', { client => $ms }, 'cD', sub {}, 1],
	'kept-awake' => ['tick', { client => $ms, server => $ms }, '--', sub { $_[0]->half_close }, 1.75],
	never => ['swallow', { client => 0, server => 0, connect => 0 }, '--', sub { $_[0]{late} = '' }, 1],
	queue => ['swallow', { queue => $ms }, 'sQ', sub {}, 1, { maxconn => 1 }],
	'queue-is-connect' => ['swallow', { connect => $ms }, 'sQ', sub {}, 1, { maxconn => 1 }],
);

sub backend {
	my ($name) = @_;
	my ($origin, $timeouts, $state, $part, $least, $more) = @{$case{$name}};
	my %timeout = map { /^client/ ? () : ($_ => $timeouts->{$_}) } keys %$timeouts;
	my $address = $origin eq 'full' ? '127.0.0.1:' . $full->sockport : $origin{$origin}->address;
	return { retries => $more->{retries} // 0, timeout => { server => '1m', %timeout },
		servers => { a => { address => $address, maxconn => $more->{maxconn} // 0 } } };
}

sub frontend {
	my ($name) = @_;
	my %timeout = map { /^client/ ? ($_ => $case{$name}[1]{$_}) : () } keys %{$case{$name}[1]};
	return { bind => ['127.0.0.1:0'], default_backend => $name, timeout => { client => '1m', %timeout } };
}

my $lb = Sluice->start(config => {
	defaults => { mode => 'tcp' },
	frontends => { map { $_ => frontend($_) } keys %case },
	backends => { map { $_ => backend($_) } keys %case },
});
my %address = map { $_ => $lb->address($_) } keys %case;

# These have the server's only place: who comes behind them waits.
my %holder = map { $_ => Sluice::Client->connect($address{$_}) } grep { /^queue/ } keys %case;
wait_until { keys %{$lb->get("/v1/sessions?backend=$_")->{json}} == 1 } 5, 'the place to be taken' for keys %holder;

my (%client, %begun);
for my $name (sort keys %case) {
	$begun{$name} = time;
	$client{$name} = Sluice::Client->connect($address{$name});
	$case{$name}[3]->($client{$name});
}
select(undef, undef, undef, $short * 1.2);		# nothing ends these: that is the point
for my $name (qw(never tunnel-is-longer)) {
	my $c = $client{$name};
	is $c->read_exactly(length $c->{late}), $c->{late}, "$name: what there was to read";
	ok !$c->closed_within(0), "$name: after a while it is open still";
	$c->close;
}

for my $name (sort keys %case) {
	my (undef, undef, $state, undef, $least) = @{$case{$name}};
	my $line = $lb->log_line(frontend => $name);
	is $line->{termination_state}, $state, "$name: $state";
	my $total = $line->{timers_ms}{total} // -1;
	cmp_ok $total, '>=', $least * $short * 1000 - 2, "$name: not before its time";
	cmp_ok $total, '<=', $least * $short * 1000 + seconds(1.2) * 1000, "$name: but then soon";
	next if $state eq '--' || $name eq 'blocked-reader';
	ok $client{$name}->closed_within(5), "$name: the client is told";
	ok !$client{$name}->was_reset, "$name: silence is an end like any other";
}

# The reader that took nothing must not think that it has got it all.
my $blocked = $client{'blocked-reader'};
ok $blocked->closed_within(10) && $blocked->was_reset, 'with bytes under way the end is a RST';
is $lb->log_lines(frontend => 'connect-retried') && ($lb->log_lines(frontend => 'connect-retried'))[0]{retries}, 1,
	'a connect that timed out was retried';
is $lb->get('/v1/backends/queue')->{json}{status}{errors}{queue_timeouts}, 1, 'the backend counted who waited in vain';
is $lb->get('/v1/backends/queue')->{json}{status}{sessions}{queue}, 0, 'and nobody waits any more';
$_->close for values %holder;
is $lb->log_line(frontend => 'queue')->{termination_state}, '--', 'who had the place was not disturbed';

# A change holds for the next session; who is there keeps what it began with.
my $old = Sluice::Client->connect($address{client});
wait_until { keys %{$lb->get('/v1/sessions?backend=client')->{json}} == 1 } 5, 'the session';
is $lb->patch('/v1/frontends/client', { timeout => { client => '1h' } })->{status}, 200, 'a longer time-out by REST';
my $new = Sluice::Client->connect($address{client});
ok $old->closed_within(5), 'who was there before ends as before';
ok !$new->closed_within(0), 'who came after does not';
$new->reset;
$_->close for @fill;
$lb->stop;
undef $lb;
done_testing;

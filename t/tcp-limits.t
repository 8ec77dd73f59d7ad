#!/usr/bin/perl
# tier: story
#
# Limits make people wait, they turn nobody away: at the maxconn of a frontend or of the process a connection
# stays in the kernel's queue until a place is free, at the maxconn of a server a session waits in line, first
# come, first served. Every limit moves while they wait.
use Sluice;

my $held = Sluice::Origin->start('held', 'greet');
my $other = Sluice::Origin->start('other', 'greet');

sub backend {
	my (%more) = @_;
	my $maxconn = delete $more{maxconn} // 0;
	return { mode => 'tcp', servers => { a => { address => $held->address, maxconn => $maxconn } }, %more };
}

sub frontend {
	my ($backend, %more) = @_;
	return { mode => 'tcp', bind => ['127.0.0.1:0'], default_backend => $backend, %more };
}

our $lb;		# of the subtest that runs

sub change {
	my ($path, $body, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $answer = $lb->patch("/v1/$path", $body);
	is $answer->{status}, 200, $name or diag($answer->{text});
}

sub status { return $lb->get("/v1/$_[0]")->{json}{status} }

# Nothing has come, though there was time: what others do in the meantime is waited for.
sub waits {
	my ($c, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok !$c->at_end && !IO::Select->new($c->socket)->can_read(0.05), $name;
}

sub served {
	my ($c, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $said = $c->read_line;
	like $said, qr/^(held|other)$/, $name;
	return $said;
}

for my $threads (1, 2) {
	subtest "maxconn of a frontend, threads: $threads" => sub {
		local $lb = Sluice->start(config => { global => { threads => $threads }, backends => { app => backend() },
			frontends => { web => frontend('app', maxconn => 2), free => frontend('app') } });
		my @c = map { $lb->connect('web') } 1 .. 2;
		served $_, 'one of two' for @c;
		my @late = map { my $c = $lb->connect('web'); $c->send("hello\n"); $c } 1 .. 3;
		waits $_, 'one more is connected, and waits' for @late;
		is status('frontends/web')->{sessions}{current}, 2, 'two are counted';
		my $free = $lb->connect('free');
		served $free, 'another frontend is not concerned';
		$c[0]->close;
		my $first = IO::Select->new(map { $_->socket } @late);
		my ($ready) = $first->can_read(seconds(5));
		ok $ready, 'one ends, one is served';
		is scalar(grep { $_->fill(0) } @late), 1, 'and only one';
		change 'frontends/web', { maxconn => 4 }, 'a higher limit by REST';
		for my $c (@late) {
			is $c->read_line . $c->read_line, 'heldhello', 'calls all who waited, nothing of what they said is lost';
		}
		is_deeply status('frontends/web')->{sessions}, { current => 4, max => 4, total => 5 }, 'counted: accepted ones only';
		change 'frontends/web', { maxconn => 1 }, 'a lower limit than there are sessions';
		is $late[0]->send("still\n") && $late[0]->read_line, 'still', 'ends nobody';
		my $c = $lb->connect('web');
		$_->close for $c[1], @late[0, 1];
		waits $c, 'and holds for who comes';
		change 'frontends/web', { maxconn => undef }, 'no limit';
		served $c, 'calls the rest';
		$_->close for $c, $late[2], $free;
		$lb->stop;
	};
}

subtest 'maxconn of the process' => sub {
	local $lb = Sluice->start(config => { global => { threads => 2, maxconn => 2 }, backends => { app => backend() },
		frontends => { one => frontend('app'), two => frontend('app') } });
	my @c = map { $lb->connect($_) } 'one', 'two';
	served $_, 'one on each frontend' for @c;
	my $late = $lb->connect('one');
	waits $late, 'a third one waits';
	is $lb->get('/v1/info')->{json}{connections}{current}, 2, 'two are counted';
	$c[1]->close;
	served $late, 'a place that another frontend gives back is used';
	my $later = $lb->connect('two');
	waits $later, 'one more waits';
	change 'global', { maxconn => 3 }, 'a higher limit by REST';
	served $later, 'calls it';
	is $lb->get('/v1/info')->{json}{connections}{max}, 3, 'three at most: who only tried to be accepted does not count';
	$_->close for $c[0], $late, $later;
	$lb->stop;
};

subtest 'maxconn of a server' => sub {
	local $lb = Sluice->start(config => { global => { threads => 1 },
		frontends => { map { $_ => frontend($_) } qw(app short gone) },
		backends => { app => backend(maxconn => 1, maxqueue => 3, timeout => { queue => '1m' }),
			short => backend(maxconn => 1, timeout => { queue => '50ms' }), gone => backend(maxconn => 1) } });
	my $queue = sub { my ($count, $backend) = @_;
		return becomes { status('backends/' . ($backend // 'app'))->{sessions}{queue} == $count } 5 };
	my $holder = $lb->connect('app');
	served $holder, 'the server has one';
	my @line;
	for my $count (1 .. 3) {
		push @line, $lb->connect('app');
		ok $queue->($count), "$count in line";
	}
	my @states = map { $_->{state} } values %{$lb->get('/v1/sessions?backend=app')->{json}};
	is join(' ', sort @states), 'open queued queued queued', 'as the list of sessions says';
	my $refused = $lb->connect('app');
	ok $refused->closed_within(5), 'a fourth is too many';
	is $lb->log_line(frontend => 'app')->{cause}, 'the queue was full', 'and is told at once';
	$holder->close;
	served $line[0], 'a place is free: the first in line has it';
	waits $line[1], 'the second waits on';
	change 'backends/app/servers/a', { maxconn => 2 }, 'room for two by REST';
	served $line[1], 'the second is called';
	waits $line[2], 'the third is not';
	$line[0]->close;
	served $line[2], 'until somebody goes';
	$line[2]->close;
	wait_until { $lb->log_lines(frontend => 'app', termination_state => '--') >= 3 } 5, 'three log lines';
	my @ahead = map { $_->{queue}{backend} } $lb->log_lines(frontend => 'app', termination_state => '--');
	is "@ahead", '0 0 2', 'the log says how many stood before each';

	# one of those who wait leaves: the others do not notice
	change 'backends/app/servers/a', { maxconn => 1 }, 'room for one';
	my ($leaves, $stays) = map { my $c = $lb->connect('app'); $queue->($_); $c } 1 .. 2;
	$leaves->reset;
	ok $queue->(1), 'who leaves is out of the line';
	is $lb->log_line(termination_state => 'CQ')->{server}, undef, 'logged as CQ, with no server';
	$line[1]->close;
	served $stays, 'the next has the place';

	# another server, and no server
	my $waiter = $lb->connect('app');
	ok $queue->(1), 'one in line';
	is $lb->put('/v1/backends/app/servers/b', { address => $other->address })->{status}, 201, 'a server more';
	is served($waiter, 'calls it'), 'other', 'to itself';
	$_->close for $stays, $waiter;

	$holder = $lb->connect('gone');
	served $holder, 'a server with one';
	$waiter = $lb->connect('gone');
	ok $queue->(1, 'gone'), 'and one in line';
	is $lb->delete('/v1/backends/gone/servers/a')->{status}, 204, 'the server is deleted';
	ok $waiter->closed_within(5), 'who waits is told';
	my $ended = $lb->log_line(frontend => 'gone');
	is "$ended->{termination_state}, $ended->{cause}", 'SQ, no server is usable', 'and why';
	is $holder->send("on\n") && $holder->read_line, 'on', 'who has the place goes on';
	$holder->close;

	$holder = $lb->connect('short');
	served $holder, 'a server with one';
	$waiter = $lb->connect('short');
	ok $waiter->closed_within(5), 'nobody goes in time';
	is $lb->log_line(frontend => 'short')->{termination_state}, 'sQ', 'sQ';
	$holder->close;
	$lb->stop;
};
done_testing;

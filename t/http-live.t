#!/usr/bin/perl
# tier: story
#
# HTTP clients are connected while their frontend changes or goes: who is idle is closed, who is busy gets its answer with
# Connection: close; rules and the default backend hold from the next request on. SIGTERM lets what is under way finish.
use Sluice;
use Sluice::Http;
use Sluice::HttpOrigin;
use Time::HiRes qw(sleep time);

sub answers {
	my ($name) = @_;
	return sub {
		my ($request, $conn) = @_;
		$conn->read_body($request);
		if ($request->{target} eq '/wait') {
			$conn->send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
			$conn->{origin}->await('go');
			return '67890';
		}
		if ($request->{target} eq '/tunnel') {
			$conn->send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n");
			Sluice::Origin::echo($conn);
			return \'close';
		}
		$conn->{origin}->await('go') if $request->{target} eq '/late';
		return $conn->answer(200, $name);
	};
}
# A word for all processes of an origin: a file.
my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
sub Sluice::Origin::await { my (undef, $word) = @_; wait_until { -e "$dir/$word" } 20, $word }
sub go { Sluice::spew("$dir/go", '') }
sub hold { unlink("$dir/go") }

my %origin = map { $_ => Sluice::HttpOrigin->start($_, answers($_)) } qw(a b);
my $config = {
	global => { threads => 2 },
	defaults => { mode => 'http' },
	frontends => {
		web => { bind => ['127.0.0.1:0', '[::1]:0'], default_backend => 'a' },
		gone => { bind => ['127.0.0.1:0'], default_backend => 'a' },
	},
	backends => { map { $_ => { servers => { s => { address => $origin{$_}->address } } } } qw(a b) },
};
my $lb = Sluice->start(config => $config);
my %request = map { $_ => "GET /$_ HTTP/1.1\r\nHost: a\r\n\r\n" } qw(x wait late);

# Connected, and served once.
sub idle_client {
	my (@where) = @_;
	my $c = $lb->connect(@where);
	$c->send($request{x});
	die 'no answer' if (read_answer($c)->{status} // 0) != 200;
	return $c;
}

# With a request that waits at the server: its head has been answered ("wait") or not ("late").
sub busy_client {
	my ($how, @where) = @_;
	my $c = idle_client(@where);
	my $before = () = $origin{a}->requests("/$how ");
	$c->send($request{$how});
	wait_until { $before < scalar(my @seen = $origin{a}->requests("/$how ")) } 5, "the request $how";
	$c->read_until('12345') if $how eq 'wait';
	return $c;
}

{
	my @c = map { idle_client('web') } 1 .. 4;
	is $lb->patch('/v1/frontends/web', { default_backend => 'b' })->{status}, 200, 'another default backend';
	$_->send($request{x}) for @c;
	is join('', map { read_answer($_)->{body} } @c), 'bbbb', 'the next request of each client goes there';
	is $lb->patch('/v1/frontends/web', { rules => [{ id => 'no', action => 'deny', deny_status => 403, if => '{ path /x }' }] })->{status}, 200, 'a rule';
	$_->send($request{x}) for @c;
	is join(' ', map { read_answer($_)->{status} } @c), '403 403 403 403', 'holds for the next request of each';
	is $lb->patch('/v1/frontends/web', { rules => undef, default_backend => 'a' })->{status}, 200, 'taken back';
	$_->send($request{x}) for @c;
	is join('', map { read_answer($_)->{body} } @c), 'aaaa', 'that, too';

	my $busy = busy_client('late', 'web');
	is $lb->patch('/v1/frontends/web', { rules => [{ id => 'no', action => 'deny', if => '{ path /late }' }], default_backend => 'b' })->{status}, 200,
		'a change while a request is under way';
	go();
	is read_answer($busy)->{body}, 'a', 'its answer is that of the rules it began with';
	hold();
	$busy->send($request{late});
	is read_answer($busy)->{status}, 403, 'the next knows';
	$lb->patch('/v1/frontends/web', { rules => undef, default_backend => 'a' });

	# several requests sent at once, a change in between
	my $ahead = busy_client('wait', 'web');
	$ahead->send($request{x} x 3);
	$lb->patch('/v1/frontends/web', { default_backend => 'b' });
	go();
	is $ahead->read_exactly(5), '67890', 'what was under way goes on';
	is join('', map { read_answer($ahead)->{body} } 1 .. 3), 'bbb', 'what waited behind it knows of the change';
	hold();
	$lb->patch('/v1/frontends/web', { default_backend => 'a' });
}

sub gone_as_told {
	my ($what, $idle, $untouched, $late, $wait, @pipelined) = @_;
	ok $_->closed_within(5) && !$_->was_reset, "$what: who is idle is closed" for @$idle;
	is $idle->[0]->buffer, '', 'without a word';
	go();
	my $answer = read_answer($late);
	is $answer->{body}, 'a', 'who is busy gets its answer';
	is field($answer, 'Connection'), 'close', 'with Connection: close';
	ok $late->closed_within(5) && !$late->was_reset, 'and is closed then';
	is $wait->read_exactly(5), '67890', 'an answer that had begun is finished';
	ok $wait->closed_within(5) && !$wait->was_reset && $wait->buffer eq '', 'and its client closed';
	hold();
	for my $c (@$untouched) {
		$c->send($request{x});
		is read_answer($c)->{body}, 'a', 'others notice nothing';
	}
}

{
	my @idle = map { idle_client('web', 1) } 1 .. 3;
	my @others = (idle_client('web', 0), idle_client('gone'));
	my ($late, $wait) = map { busy_client($_, 'web', 1) } qw(late wait);
	is $lb->patch('/v1/frontends/web', { bind => ['127.0.0.1:0'] })->{status}, 200, 'a bind is removed';
	gone_as_told('of a bind', \@idle, \@others, $late, $wait);
}
{
	my @idle = map { idle_client('gone') } 1 .. 3;
	my @others = (idle_client('web'));
	my ($late, $wait) = map { busy_client($_, 'gone') } qw(late wait);
	is $lb->delete('/v1/frontends/gone')->{status}, 204, 'a frontend is deleted';
	gone_as_told('of a frontend', \@idle, \@others, $late, $wait);
}
# A client that has connected and not spoken yet may still be about to.
{
	$lb->put('/v1/frontends/gone', $config->{frontends}{gone});
	my $c = $lb->connect('gone');
	wait_until { $lb->get('/v1/info')->{json}{connections}{current} >= 1 } 5;
	$lb->delete('/v1/frontends/gone');
	$c->send($request{x});
	my $answer = read_answer($c);
	is $answer->{body}, 'a', 'a first request that was on its way when its frontend went is answered';
	is field($answer, 'Connection'), 'close', 'with Connection: close';
}
# From HTTP to TCP and back: who was connected is served as he was promised, or told the end.
{
	my $idle = idle_client('web');
	is $lb->put('/v1/frontends/web', { mode => 'tcp', bind => ['127.0.0.1:0'], default_backend => 't' })->{status}, 422, 'no such backend yet';
	$lb->put('/v1/backends/t', { mode => 'tcp', servers => { s => { address => $origin{b}->address } } });
	is $lb->put('/v1/frontends/web', { mode => 'tcp', bind => ['127.0.0.1:0'], default_backend => 't' })->{status}, 200, 'another mode';
	ok $idle->closed_within(5), 'who is idle is closed';
	my $c = $lb->connect('web');
	$c->send($request{x});
	is read_answer($c)->{body}, 'b', 'and the next is served so';
	is $lb->put('/v1/frontends/web', $config->{frontends}{web})->{status}, 200, 'back';
	$c->send($request{x});
	is read_answer($c)->{body}, 'b', 'a TCP stream runs on';
}

# SIGTERM
{
	my @idle = map { idle_client('web') } 1 .. 3;
	my ($late, $wait) = map { busy_client($_, 'web') } qw(late wait);
	my $tunnel = $lb->connect('web');
	$tunnel->send("GET /tunnel HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n");
	like $tunnel->read_until("\r\n\r\n"), qr{^HTTP/1\.1 101 }, 'a tunnel';
	my $address = $lb->address('web');
	$lb->kill('TERM');
	ok((becomes { !Sluice::Client->try_connect($address) } 5), 'SIGTERM: nobody is accepted any more');
	gone_as_told('SIGTERM', \@idle, [], $late, $wait);
	$tunnel->send('still');
	is $tunnel->read_exactly(5), 'still', 'a tunnel goes on to its end';
	$tunnel->close;
	is $lb->wait_exit(5), 0, 'then the process ends';
	unlike $lb->stderr, qr/Sanitizer|runtime error/, 'cleanly';
}
done_testing;

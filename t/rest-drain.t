#!/usr/bin/perl
# tier: story
# A server is drained: in one call that can be watched, waited for and called off, that ends sessions at
# its deadline or leaves them, makes the server ready, maint or nothing in the end, and goes on after kill -9.
use Sluice;
use JSON::PP;
use Sluice::HttpOrigin;
use Time::HiRes qw(time);

my %origin = map { $_ => Sluice::Origin->start($_, 'greet') } 'a', 'b';
my $slow = Sluice::HttpOrigin->start('slow', sub {
	my ($request, $conn) = @_;
	return \'hold' if $request->{target} eq '/hold';
	return $conn->answer(200, "slow\n");
});
my ($yes, $no) = (JSON::PP::true, JSON::PP::false);

sub config {
	return {
		frontends => { web => { bind => ['127.0.0.1:0'], default_backend => 'app' },
			http => { mode => 'http', bind => ['127.0.0.1:0'], default_backend => 'slow' } },
		backends => { app => { servers => { map { $_ => { address => $origin{$_}->address } } 'a', 'b' } },
			slow => { mode => 'http', servers => { s => { address => $slow->address }, t => { address => $slow->address } } } },
		@_,
	};
}

my $lb;

sub drain { my ($server, $body, $query, $headers) = @_; return $lb->post("/v1/backends/$server/drain" . ($query // ''), $body // {}, $headers) }
sub server { my ($name) = @_; return "/v1/backends/app/servers/$name" }
sub admin_state { return $lb->get(server($_[0]))->{json}{admin_state} }

sub status_is {
	my ($answer, $status, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($answer->{status}, $status, $name) or diag($answer->{text});
	return $answer;
}

sub state_is {
	my ($operation, $state, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($operation->{state}, $state, $name) or diag(JSON::PP->new->canonical->encode($operation));
	return $operation;
}

# A session on that server.
sub session_on {
	my ($name) = @_;
	for my $try (1 .. 20) {
		my $client = $lb->connect('web');
		return $client if $client->read_line eq $name;
		$client->close;
	}
	die "no session on $name";
}

sub sessions_of { return $lb->get(server($_[0]))->{json}{status}{sessions}{current} }
sub ready { status_is $lb->patch(server($_[0]), { admin_state => undef }), 200, "$_[0] is ready again"; return }

sub story {
	my ($threads) = @_;
	note "with $threads workers";
	$lb = Sluice->start(config => config(), args => ['--threads', $threads]);

	# nobody is there: done at once
	my $answer = status_is drain('app/servers/a', undef, '?wait=5s', { 'X-Actor' => 'eve', 'X-Reason' => 'disk' }), 200, 'an idle server, waited for';
	my $op = state_is $answer->{json}, 'done', 'it is done';
	is_deeply [@{$op}{qw(kind backend server then kill deadline actor reason before)}], ['drain', 'app', 'a', 'maint', $no, undef, 'eve', 'disk', 'ready'], 'and says what was asked for';
	is $op->{detail}, 'no session was left', 'and how it went';
	is $answer->{headers}{location}, "/v1/operations/$op->{id}", 'where it is';
	is_deeply $op->{progress}, { sessions_at_begin => 0, sessions_left => 0, killed => 0 }, 'nothing was to be waited for';
	my $server = $lb->get(server('a'))->{json};
	is $server->{admin_state}, 'maint', 'the server is in maintenance';
	is_deeply [@{$server->{status}{admin}}{qw(effective by)}, $server->{status}{cause}{actor}], ['maint', 'rest', 'eve'], 'by REST, by her';
	ready('a');

	# sessions end by themselves; new ones go elsewhere meanwhile
	my @on = (session_on('a'), session_on('a'));
	is sessions_of('a'), 2, 'two sessions';
	$answer = status_is drain('app/servers/a', { then => 'ready' }), 202, 'a drain';
	$op = state_is $answer->{json}, 'waiting', 'it waits';
	is $op->{progress}{sessions_left}, 2, 'for two';
	my $path = $answer->{headers}{location};
	is admin_state('a'), 'drain', 'the server drains';
	my @where = map { my $n = $_; $lb->connect('web')->read_line } 'one', 'two', 'three';
	is_deeply \@where, ['b', 'b', 'b'], 'new sessions go elsewhere';
	$on[0]->send("x\n");
	is $on[0]->read_line, 'x', 'those under way go on';
	my $conflict = status_is drain('app/servers/a'), 409, 'one at a time';
	is $conflict->{json}{operation}, $op->{id}, 'and the answer names it';
	like $conflict->{json}{detail}, qr/operation $op->{id}, waiting/, 'in words, too';
	my $from = time;
	$answer = status_is $lb->get("$path?wait=100ms"), 200, 'waiting for it in vain';
	cmp_ok time() - $from, '>=', 0.09, 'takes as long as was asked for';
	state_is $answer->{json}, 'waiting', 'and says how it is';
	like $answer->{headers}{etag}, qr{^W/"}, 'with a weak tag';
	like $answer->{headers}{'cache-control'}, qr/no-store/, 'not to be stored';
	$on[0]->close;
	ok becomes { $lb->get($path)->{json}{progress}{sessions_left} == 1 } 5, 'one is left';
	$on[1]->close;
	$op = state_is $lb->get("$path?wait=10s")->{json}, 'done', 'all are gone';
	is admin_state('a'), 'ready', 'it is ready again';
	is $op->{progress}{sessions_at_begin}, 2, 'two there were';

	# the deadline: sessions are ended with cause K, then the server goes
	my $events = $lb->events(kind => 'operation,session-kill');
	@on = (session_on('b'), session_on('b'), session_on('b'));
	$op = state_is drain('app/servers/b', { deadline => '50ms', kill => $yes, then => 'delete' }, '?wait=10s', { 'X-Actor' => 'bob' })->{json}, 'done', 'with a deadline';
	is_deeply $op->{progress}, { sessions_at_begin => 3, sessions_left => 0, killed => 3 }, 'three were ended';
	is $op->{detail}, '3 sessions were ended at the deadline, none is left', 'and it says so';
	ok $_->closed_within(5), 'one of them' for @on;
	status_is $lb->get(server('b')), 404, 'the server is deleted';
	is scalar(grep { my $n = $_; $lb->log_line(server => 'b', termination_state => qr/^K/)->{cause} } 'one', 'two', 'three'), 3, 'the log says K';
	my (@states, $kill);
	my $killed = 0;
	while (my $e = $events->next(5)) {
		push @states, $e->{data}{to} if $e->{event} eq 'operation';
		($killed, $kill) = ($killed + $e->{data}{ended}, $e->{data}) if $e->{event} eq 'session-kill';
		last if $states[-1] eq 'done';
	}
	is_deeply \@states, [qw(waiting ending finishing done)], 'events tell the story';
	is $killed, 3, 'and how many were ended';
	is_deeply [@{$kill}{qw(backend server operation)}, @{$kill->{cause}}{qw(code actor reason)}, exists $kill->{filter}],
		['app', 'b', $op->{id}, 'admin', 'bob', undef, ''], 'of whom, by whom';
	status_is $lb->put(server('b'), { address => $origin{b}->address }), 201, 'it is there again';

	# at once
	@on = session_on('a');
	state_is drain('app/servers/a', { deadline => 0, kill => $yes }, '?wait=10s')->{json}, 'done', 'a deadline of nothing';
	ok $on[0]->closed_within(5), 'ends them at once';
	ready('a');

	# a deadline without kill
	@on = session_on('a');
	$op = state_is drain('app/servers/a', { deadline => '50ms' }, '?wait=10s')->{json}, 'expired', 'a deadline that ends nobody';
	like $op->{detail}, qr/1 session is left; the server goes on draining/, 'says so';
	is admin_state('a'), 'drain', 'and it does';
	$on[0]->send("y\n");
	is $on[0]->read_line, 'y', 'the session goes on';

	# it can be asked for once more; called off it is as it was: draining by hand
	$answer = status_is drain('app/servers/a', { then => 'ready' }), 202, 'once more';
	is $answer->{json}{before}, 'drain', 'it was draining before';
	state_is status_is($lb->delete($answer->{headers}{location}), 200, 'called off')->{json}, 'called-off', 'it is';
	is admin_state('a'), 'drain', 'draining as before';
	ready('a');

	# called off while it waits
	$answer = status_is drain('app/servers/a', { deadline => '1h', then => 'delete' }), 202, 'one more';
	$path = $answer->{headers}{location};
	my $set = sub { exists $lb->get(server('a') . '?view=config')->{json}{admin_state} ? 'set' : 'not set' };
	is $set->(), 'set', 'admin_state is set';
	$events = $lb->events(kind => 'operation');
	my $off = status_is $lb->delete($path, undef, { 'X-Actor' => 'zoe', 'X-Reason' => 'too late' }), 200, 'called off';
	state_is $off->{json}, 'called-off', 'it says so';
	is_deeply $off->{json}{called_off}, { actor => 'zoe', reason => 'too late' }, 'and who did';
	is_deeply [map { my $e = $events->next(5)->{data}; [@{$e}{qw(to actor)}] } 1, 2], [['calling-off', 'zoe'], ['called-off', 'zoe']], 'so do its events';
	ok becomes { $lb->stderr =~ /called-off by zoe, / } 5, 'and the log';
	is $set->(), 'not set', 'and what was not set is not';
	is $lb->get(server('a'))->{json}{status}{cause}{actor}, 'zoe', 'by her';
	status_is $lb->delete($path), 204, 'forgotten';
	status_is $lb->get($path), 404, 'it is';
	status_is $lb->delete($path), 404, 'indeed';

	# somebody else has the last word
	$path = status_is(drain('app/servers/a'), 202, 'a drain')->{headers}{location};
	status_is $lb->patch(server('a'), { admin_state => 'ready' }, { 'X-Actor' => 'max' }), 200, 'and it is set ready';
	$op = state_is $lb->get("$path?wait=5s")->{json}, 'superseded', 'that counts';
	is $op->{detail}, 'admin_state was set to ready meanwhile by max', 'and it says who';
	is admin_state('a'), 'ready', 'it is ready';
	$path = status_is(drain('app/servers/a'), 202, 'a drain')->{headers}{location};
	status_is $lb->patch(server('a'), { weight => 7 }), 200, 'another weight';
	state_is $lb->get("$path?wait=100ms")->{json}, 'waiting', 'does not disturb it';
	status_is $lb->delete(server('a')), 204, 'but it is deleted';
	$op = state_is $lb->get("$path?wait=5s")->{json}, 'superseded', 'that counts, too';
	like $op->{detail}, qr/deleted/, 'and it says so';
	status_is $lb->put(server('a'), { address => $origin{a}->address }), 201, 'it is there again';
	$on[0]->close;

	# in maintenance it stays while it is waited for
	@on = session_on('a');
	status_is $lb->patch(server('a'), { admin_state => 'maint' }), 200, 'maintenance';
	is_deeply $lb->post(server('a') . '/drain?dry_run=true')->{json}{changes}, [], 'nothing would change first';
	$path = status_is(drain('app/servers/a', { then => 'ready' }), 202, 'drained from there')->{headers}{location};
	is admin_state('a'), 'maint', 'it is not opened for that';
	$on[0]->close;
	state_is $lb->get("$path?wait=5s")->{json}, 'done', 'until its session has gone';
	is admin_state('a'), 'ready', 'then it is ready';

	# HTTP: a request that runs counts, idle connections do not
	my $http = $lb->connect('http');
	$http->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	like $http->read_until(qr/slow\n/), qr{^HTTP/1.1 200}, 'an exchange';
	for my $name ('s', 't') {
		state_is drain("slow/servers/$name", { then => 'ready' }, '?wait=5s')->{json}, 'done', "$name: an idle connection holds up nobody";
	}
	status_is $lb->patch('/v1/backends/slow/servers/t', { admin_state => 'maint' }), 200, 'one of two';
	my $asking = $lb->connect('http');
	$asking->send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	ok becomes { $lb->get('/v1/backends/slow/servers/s')->{json}{status}{sessions}{current} == 1 } 5, 'a request that is not answered';
	$op = state_is drain('slow/servers/s', { deadline => '100ms', kill => $yes }, '?wait=10s')->{json}, 'done', 'its server is drained';
	is $op->{progress}{killed}, 1, 'by ending it';
	like $lb->log_line(target => '/hold')->{termination_state}, qr/^K/, 'the log says K';

	# what can't be
	status_is drain('app/servers/none'), 404, 'no such server';
	status_is drain('none/servers/a'), 404, 'no such backend';
	is status_is(drain('app/servers/a', { kill => $yes }), 422, 'kill without a deadline')->{json}{errors}[0]{pointer}, '/kill', 'says where';
	like status_is(drain('app/servers/a', { deadlin => 1 }), 422, 'a word that is none')->{json}{errors}[0]{detail}, qr/did you mean "deadline"/, 'names the nearest';
	status_is drain('app/servers/a', '{'), 400, 'no JSON';
	status_is drain('app/servers/a', {}, '?wait=11m'), 400, 'too long a wait';
	status_is drain('app/servers/a', {}, undef, { 'If-Match' => '"1"' }), 412, 'another revision';
	my $dry = status_is drain('app/servers/a', {}, '?dry_run=true'), 200, 'a dry run';
	is $dry->{json}{changes}[0]{pointer}, '/backends/app/servers/a/admin_state', 'says what would change';
	is admin_state('a'), 'ready', 'and changes nothing';
	status_is $lb->get('/v1/operations/none'), 404, 'no such operation';
	status_is $lb->get(server('a') . '/drain'), 405, 'nothing to be read there';
	status_is $lb->delete('/v1/operations'), 405, 'all at once is nothing';
	status_is $lb->patch('/v1/backends/app', { rules => [{ action => 'use-server', server => 'a', if => '{ src 10.9.9.9 }' }] }), 200, 'a rule names the server';
	status_is drain('app/servers/a', { then => 'delete' }), 409, 'so it can not be deleted in the end';
	is_deeply status_is(drain('app/servers/a', { then => 'delete' }, '?dry_run=true'), 409, 'a dry run says so, too')->{json},
		drain('app/servers/a', { then => 'delete' })->{json}, 'in the same words';
	is status_is(drain('app/servers/b', { then => 'delete' }, '?dry_run=true'), 200, 'of another one it does not')->{json}{changes}[0]{pointer},
		'/backends/app/servers/b/admin_state', 'but says what would change';
	is admin_state('a'), 'ready', 'and it is told before anything is done';

	# page by page
	my @ids = sort keys %{$lb->get('/v1/operations')->{json}};
	cmp_ok scalar @ids, '>', 5, 'those that have ended are kept';
	my ($next, @seen) = '/v1/operations?limit=2';
	while (defined $next) {
		my $page = $lb->get($next);
		push @seen, sort keys %{$page->{json}};
		($next) = ($page->{headers}{link} // '') =~ /^<([^>]+)>; rel="next"$/;
	}
	is_deeply \@seen, \@ids, 'page by page';
	$lb->stop;
}

for my $threads (2, 4) { story($threads) }

# kill -9 in the middle
$lb = Sluice->start(state => 1, config => config());
my @on = (session_on('a'), session_on('b'));
my $a = status_is(drain('app/servers/a', { deadline => '1h', then => 'delete' }, '', { 'X-Actor' => 'eve' }), 202, 'two drains')->{json};
my $b = status_is(drain('app/servers/b', { deadline => '1s', kill => $yes, then => 'ready' }), 202, 'of two servers')->{json};
my $done = status_is(drain('slow/servers/s', {}, '?wait=5s'), 200, 'one that is done')->{json};
status_is $lb->patch('/v1/backends/slow/servers/s', { admin_state => 'ready' }), 200, 'and taken back since';
$lb->kill('KILL');
$lb->wait_exit;
$lb->restart;
my $after = $lb->get("/v1/operations/$a->{id}?wait=10s")->{json};
state_is $after, 'done', 'after kill -9 and a restart it goes on';
is_deeply [@{$after}{qw(began deadline actor then)}], [@{$a}{qw(began deadline actor then)}], 'as it was asked for';
status_is $lb->get(server('a')), 404, 'to the end';
state_is $lb->get("/v1/operations/$b->{id}?wait=10s")->{json}, 'done', 'the other one, too';
is admin_state('b'), 'ready', 'to its end';
is_deeply $lb->get("/v1/operations/$done->{id}")->{json}, $done, 'what had ended is as it was';
is $lb->get('/v1/backends/slow/servers/s')->{json}{admin_state}, 'ready', 'and is not done again';
status_is $lb->delete("/v1/operations/$_->{id}"), 204, 'forgotten' for $a, $b, $done;
$lb->kill('KILL');
$lb->wait_exit;
$lb->restart;
is_deeply $lb->get('/v1/operations')->{json}, {}, 'for good';

# a disk that takes nothing for a while
@on = session_on('b');
my $drain = status_is(drain('app/servers/b', { then => 'maint' }), 202, 'a drain')->{json};
my $db = $lb->file('state/sluice.db');
rename($db, "$db.away") or die "$db: $!";
$on[0]->close;
my $path = "/v1/operations/$drain->{id}";
ok becomes { $lb->get($path)->{json}{detail} =~ /will be tried again: not stored/ } 10, 'its last write can not be stored: it says so';
is admin_state('b'), 'drain', 'the server drains on';
status_is $lb->delete($path), 503, 'nor can it be called off';
ok becomes { $lb->get($path)->{json}{state} eq 'finishing' } 10, 'so it goes on';
rename("$db.away", $db) or die "$db: $!";
state_is $lb->get("$path?wait=20s")->{json}, 'done', 'it is done when the disk is there again';
$lb->kill('KILL');
$lb->wait_exit;
$lb->restart;
state_is $lb->get("$path?wait=10s")->{json}, 'done', 'and that is saved';

# who is killed again and again
my ($round, $gone) = (0, 0);
while ($round++ < 6) {
	status_is $lb->put(server('c'), { address => $origin{a}->address }), 201, 'a server';
	my $o = drain('app/servers/c', { then => 'delete' })->{json};
	select(undef, undef, undef, rand 0.06);
	$lb->kill('KILL');
	$lb->wait_exit;
	$lb->restart;
	state_is $lb->get("/v1/operations/$o->{id}?wait=10s")->{json}, 'done', 'round ' . $round;
	$gone++ if $lb->get(server('c'))->{status} == 404;
}
is $gone, 6, 'each time it is deleted';
$lb->stop;

# many at once; who hangs up or is there when the process ends
my $count = 200;
$lb = Sluice->start(state => 1, config => config(backends => { app => { servers => { map { ("s$_" => { address => $origin{a}->address }) } 1 .. $count } },
	slow => { mode => 'http', servers => { s => { address => $slow->address } } } }));
my $one = $lb->connect('web');
$one->read_line;
my ($busy) = map { $_->{server} } values %{$lb->get('/v1/sessions')->{json}};
my %id;
for my $name (map { "s$_" } 1 .. $count) {
	$id{$name} = drain("app/servers/$name", { then => 'delete' })->{json}{id};
}
is scalar(grep { defined } values %id), $count, 'many at once';
my $left = sub { scalar keys %{$lb->get('/v1/backends/app/servers')->{json}} };
ok becomes { $left->() == 1 } 20, 'all but the busy one are deleted';
state_is $lb->get("/v1/operations/$id{$busy}")->{json}, 'waiting', 'that one waits';
my @waiting = map { Sluice::Client->connect($lb->admin_address) } 1 .. 2;
$_->send("GET /v1/operations/$id{$busy}?wait=10m HTTP/1.1\r\nHost: localhost\r\n\r\n") for @waiting;
$waiting[0]->half_close;
like $waiting[0]->read_until(qr/\}\}/), qr/"state":"waiting"/, 'who shuts down his side is answered';
$lb->kill('TERM');
$one->close;
like $waiting[1]->read_until(qr/\}\}/), qr/"state":"(waiting|finishing|done)"/, 'who waits when the process ends, too';
$waiting[1]->close;
is $lb->wait_exit, 0, 'it ends';
done_testing;

#!/usr/bin/perl
# tier: story
#
# Rules that take time, or that the client feels otherwise than in an answer: tarpits and pauses, bodies that are waited for,
# hints before the answer, connections that just end, time-outs and retries of one request, who is served first.
# (What an action writes is in haproxy-rules.t, beside HAProxy's.)
use Sluice;
use JSON::PP ();
use Sluice::Http;
use Sluice::HttpOrigin;
use Time::HiRes qw(time);

my $ms = int(1000 * seconds(0.2));
my $late = seconds(0.19);
my $origin = Sluice::HttpOrigin->start('a', sub {
	my ($request, $conn) = @_;
	$conn->read_body($request);
	return \'hold' if $request->{target} eq '/slow';
	return $conn->answer(200, join('', map { "$_->[0]: $_->[1]\n" } @{$request->{fields}}) . "\n$request->{body}");
});
my $refused = Sluice::Origin->refusing_address;

sub on { my ($path, $action, %more) = @_; return { action => $action, if => "{ path $path }", %more } }

my $lb = Sluice->start(config => {
	global => { threads => 1 },
	defaults => { mode => 'http', timeout => { client => '20s', server => '20s', connect => '5s', tarpit => "${ms}ms" } },
	frontends => {
		web => { bind => ['127.0.0.1:0'], default_backend => 'app', monitor_uri => '/alive', monitor_fail => '{ nbsrv(spare) lt 1 }', rules => [
			on('/tarpit', 'tarpit', deny_status => 429),
			on('/pause', 'pause', delay => "${ms}ms"),
			on('/body', 'wait-for-body', time => "${ms}ms"),
			on('/some', 'wait-for-body', time => '20s', at_least => 5),
			on('/body', 'set-header', name => 'X-Length', value => '%[req.body_len]'),
			on('/some', 'set-header', name => 'X-Length', value => '%[req.body_len]'),
			on('/look', 'set-header', name => 'X-Length', value => '%[req.body_len]'),
			on('/hint', 'early-hint', name => 'Link', value => '</a.css>; rel=preload'),
			on('/hint', 'early-hint', name => 'Link', value => '</b.css>; rel=preload'),
			on('/reject', 'reject'),
			on('/drop', 'silent-drop'),
			on('/slow', 'set-timeout', timeout => 'server', value => "${ms}ms"),
			on('/retries', 'set-retries', value => 0),
			on('/quiet', 'set-log-level', level => 'silent'),
			{ action => 'use_backend', backend => 'gone', if => '{ path /retries /retried }' },
		] },
	},
	backends => {
		app => { servers => { a => { address => $origin->address } } },
		gone => { retries => 1, servers => { a => { address => $refused } } },
		spare => { servers => { s => { address => $refused } } },
	},
});

sub ask {
	my ($path, $lines, $body) = @_;
	my $client = $lb->connect('web');
	$client->send(($body ? 'POST' : 'GET') . " $path HTTP/1.1\r\nHost: h\r\n" . ($lines // '') . "\r\n" . ($body // ''));
	return $client;
}

sub log_of { my ($path) = @_; return $lb->log_line(target => $path) }

# Time is taken, and only from who asked.
my $began = time;
my $client = ask('/tarpit');
is read_answer(ask('/'))->{status}, 200, 'others are served meanwhile';
is read_answer($client)->{status}, 429, 'a tarpit denies';
cmp_ok time - $began, '>', $late, '... in the end';
like log_of('/tarpit')->{termination_state}, qr/^PT/, '... and the log has its T';

$began = time;
is read_answer(ask('/pause'))->{status}, 200, 'a pause lets pass';
cmp_ok log_of('/pause')->{timers_ms}{queue}, '>=', 0.9 * $ms, '... and is a wait for a server in the log';
cmp_ok time - $began, '>', $late, '... after a while';

$client = ask('/tarpit');
$client->reset;
like log_of('/tarpit')->{termination_state}, qr/^CT/, 'who leaves a tarpit is no longer held';

$client = ask('/tarpit');
$client->half_close;
like log_of('/tarpit')->{termination_state}, qr/^CT/, '... nor is who says that he sends no more';

# Bodies: what has come is known before a server is chosen.
$client = ask('/body', "Content-Length: 10\r\n", '12345');
is $client->send('67890'), 5, 'the rest of a body follows';
like read_answer($client)->{body}, qr/^X-Length: 10$/m, '... and was waited for';
$client = ask('/body', "Content-Length: 10\r\n", '12345');
is read_answer($client)->{status}, 408, 'a body that is late is answered 408';
like log_of('/body')->{termination_state}, qr/^--/, '(the one before)';
like log_of('/body')->{termination_state}, qr/^cR/, '... and logged as the time-out of a request';
$client = ask('/some', "Content-Length: 10\r\n", '12345');
ok becomes { scalar $origin->connections('/some') } 5, 'at_least lets pass what has come so far';
$client->send('67890');
like read_answer($client)->{body}, qr/^X-Length: 5$/m, '... which rules have seen';
$client = ask('/body', "Transfer-Encoding: chunked\r\n", "5\r\n12345\r\n");
select(undef, undef, undef, 0.1);
$client->send("3;x=y\r\n678\r\n0\r\n\r\n");
like read_answer($client)->{body}, qr/^X-Length: 8\n\n12345678$/m, 'chunks are counted without their sizes, and sent on as they are';
my $timers = log_of('/body')->{timers_ms};
cmp_ok $timers->{request}, '>=', 50, 'the wait for a body is the request\'s in the log (as in HAProxy)';
cmp_ok $timers->{connect}, '<', $timers->{request}, '... and not the connection\'s';
$client = ask('/body', "Content-Length: 5\r\nExpect: 100-continue\r\n", '');
like $client->read_until("\r\n\r\n"), qr/^HTTP\/1.1 100 /, 'who waits for a 100 gets it from us';
$client->send('hello');
like read_answer($client)->{body}, qr/^X-Length: 5\n(?!.*^Expect)/ms, '... and the server is not asked for it again';
$client = ask('/look', "Content-Length: 5\r\nExpect: 100-continue\r\n", '');
ok becomes { scalar $origin->requests('/look') || $origin->connections('/look') } 5, 'who only looks at a body asks for none';
like +($origin->connections('/look'))[0]{bytes}, qr/^Expect: 100-continue\r$/m, '... and leaves that to the server';
$client->close;
$client = ask('/body', "Content-Length: 40000\r\n", 'x' x 40000);
my $large = read_answer($client);
is $large->{status}, 200, 'of a body larger than a buffer the first part suffices';
like $large->{body}, qr/x{40000}$/, '... and all of it arrives';

# Hints
$client = ask('/hint');
is $client->read_until("\r\n\r\n"), "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.css>; rel=preload\r\n\r\n", 'hints come first, in one answer';
is read_answer($client)->{status}, 200, '... then the answer';

# Ends
$client = ask('/reject');
is $client->read_all, '', 'a rejected request gets no answer';
like log_of('/reject')->{termination_state}, qr/^PR/, '... and the log says who ended it';
$client = ask('/drop');
like log_of('/drop')->{termination_state}, qr/^PR/, 'a silent drop is logged, too';
$client->close;

# One request's own
$began = time;
$client = ask('/slow');
is read_answer($client)->{status}, 504, 'a server has the time that a rule gives it';
cmp_ok time - $began, '<', seconds(10), '... and no more';
is read_answer(ask('/retries'))->{status}, 503, 'a server that is not there';
is log_of('/retries')->{retries}, 0, '... is not tried again where a rule says so';
is read_answer(ask('/retried'))->{status}, 503, 'elsewhere';
is log_of('/retried')->{retries}, 1, '... it is';

# Monitoring
is read_answer(ask('/alive'))->{status}, 200, 'a monitor gets its answer';
is $lb->patch('/v1/backends/spare/servers/s', { admin_state => 'maint' })->{status}, 200, 'a backend goes';
is read_answer(ask('/alive'))->{status}, 503, '... and the monitor hears of it';
is read_answer(ask('/quiet'))->{status}, 200, 'a request that is not to be logged';
is read_answer(ask('/end'))->{status}, 200, 'and one that is';
log_of('/end');
is scalar(grep { $_->{target} =~ m{^/(?:alive|quiet)} } $lb->log_lines), 0, 'the log is silent about monitors and what is to be silent';

# A regular expression that would take for ever is given up, and that shows.
is $lb->post('/v1/frontends/web/rules', { action => 'deny', if => '{ path_reg ^/(a+)+[bc]$ }' })->{status}, 201, 'a regular expression that backtracks';
is read_answer(ask('/' . 'a' x 60 . 'd'))->{status}, 200, '... is no match where it comes to no end';
is $lb->get('/v1/info')->{json}{regexes}{limited}, 1, '... and is counted';

# A rule acts on the next request of a connection that stays.
$client = $lb->connect('web');
my $again = sub { $client->send("GET /live HTTP/1.1\r\nHost: h\r\n\r\n"); return read_answer($client)->{status} };
is $again->(), 200, 'a client that stays';
my $rules = $lb->get('/v1/frontends/web?view=config')->{json}{rules};
is $lb->patch('/v1/frontends/web', { rules => [ { id => 'now', action => 'deny', deny_status => 404, if => '{ path /live }' }, @$rules ] })->{status}, 200, 'a rule comes';
is $again->(), 404, '... and holds for its next request';
is $lb->patch('/v1/frontends/web', { rules => $rules })->{status}, 200, 'it goes';
is $again->(), 200, '... and holds no more';

# Who is served first: a class, then an offset.
my $one = Sluice::HttpOrigin->start('one', sub {
	my ($request, $conn) = @_;
	$conn->read_body($request);
	return $conn->answer(200, 'x');
});
is $lb->put('/v1/backends/one', { timeout => { queue => '20s' }, servers => { s => { address => $one->address, maxconn => 1 } } })->{status}, 201, 'a server that serves one at a time';
is $lb->put('/v1/frontends/line', { bind => ['127.0.0.1:0'], default_backend => 'one', rules => [
	{ action => 'set-priority-class', expr => 'url_param(c),default(0)' }, { action => 'set-priority-offset', expr => 'url_param(o),default(0)' } ] })->{status}, 201, 'a line before it';
my $first = $lb->connect('line');
$first->send("POST /first HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
wait_until { $one->connections('/first') } 5, 'the first';
my @waiting;
for my $target (qw(/d /c?o=-5000 /b?c=-1 /a?c=-2 /e?c=1)) {
	push @waiting, $lb->connect('line');
	$waiting[-1]->send("GET $target HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	wait_until { $lb->get('/v1/backends/one')->{json}{status}{sessions}{queue} == @waiting } 5, 'a place in line';
}
$first->send('go');
read_answer($_) for @waiting;
is join(' ', map { $_->{target} } $one->requests), '/first /a?c=-2 /b?c=-1 /c?o=-5000 /d /e?c=1', 'a lower class is served first, then who came first by his offset';

$lb->stop;
undef $lb;
done_testing;

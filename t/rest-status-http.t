#!/usr/bin/perl
# tier: story
# What REST shows of HTTP: sessions are requests, idle connections are none; responses are counted by class
# where they were given; a resource of TCP has nothing of it.
use Sluice;
use Sluice::Http;
use Sluice::HttpOrigin;
use JSON::PP ();

my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my $origin = Sluice::HttpOrigin->start('a', sub {
	my ($request, $conn) = @_;
	return \'hold' if $request->{target} =~ m{^/hold};
	return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
		if $request->{target} eq '/upgrade';
	return "no response\r\n\r\n" if $request->{target} eq '/junk';
	return $conn->answer($request->{target} =~ m{^/(\d+)$} ? $1 : 200, "a\n");
});
my $greeter = Sluice::Origin->start('greeter', 'greet');
my $lb = Sluice->start(args => ['--threads', 1, '--files-dir', "$dir"], config => {
	frontends => {
		web => { mode => 'http', bind => ['127.0.0.1:0', "unix:$dir/web"], default_backend => 'app',
			rules => [{ action => 'return', string => "own\n", content_type => 'text/plain', if => '{ path /own }' },
				{ action => 'deny', if => '{ path /deny }' }] },
		bytes => { mode => 'tcp', bind => ['127.0.0.1:0'], default_backend => 'greeter' },
	},
	backends => {
		app => { mode => 'http', servers => { a => { address => $origin->address } } },
		greeter => { mode => 'tcp', servers => { a => { address => $greeter->address } } },
	},
});

sub status_of { return $lb->get("/v1/$_[0]")->{json}{status} }
sub sessions { return $lb->get('/v1/sessions' . ($_[0] // ''))->{json} }

sub request {
	my ($client, $target, @lines) = @_;
	$client->send(join "\r\n", "GET $target HTTP/1.1", 'Host: www.example', @lines, '', '');
}

sub answer_is {
	my ($client, $target, $status) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	request($client, $target);
	return is read_answer($client)->{status}, $status, "$target: $status";
}

# The session of a target, once it is in a state.
sub session_of {
	my ($target, $state) = @_;
	my $found;
	wait_until { ($found) = grep { ($_->{target} // '') eq $target && $_->{state} eq $state } values %{sessions()}; $found } 5,
		"$target is $state";
	return $found;
}

my %none = map { $_ => 0 } qw(1xx 2xx 3xx 4xx 5xx other);

# Connections and sessions.
my $idle = $lb->connect('web');
ok becomes { (status_of('frontends/web')->{connections}{current} // 0) == 1 } 5, 'a client has connected';
is_deeply status_of('frontends/web')->{sessions}, { total => 0 }, 'and has no session yet';
is_deeply sessions(), {}, 'none is listed';
is_deeply status_of('frontends/web')->{responses}, \%none, 'no response so far';
answer_is $idle, '/', 200;
is_deeply status_of('frontends/web')->{connections}, { current => 1, max => 1 }, 'it stays connected';
is_deeply status_of('frontends/web')->{sessions}, { total => 1 }, 'had its session';
ok becomes { !%{sessions()} } 5, 'and has none now';
is_deeply status_of('backends/app/servers/a')->{sessions}, { current => 0, max => 1, total => 1, queue => 0 }, 'nor has the server';
is status_of('backends/app/servers/a')->{idle_connections}, 1, 'whose connection is kept';

# Responses, each where it was given.
answer_is $idle, "/$_", $_ for 301, 404, 503, 799;
answer_is $idle, '/own', 200;
answer_is $idle, '/deny', 403;
{
	my $client = $lb->connect('web');
	answer_is $client, '/junk', 502;
}
my $server = { %none, '2xx' => 1, '3xx' => 1, '4xx' => 1, '5xx' => 1, other => 1 };
my $status = status_of('backends/app/servers/a');
is_deeply $status->{responses}, $server, 'the server\'s own';
is_deeply $status->{errors}, { connect => 0, response => 1, retries => 0, redispatches => 0 }, 'and its errors';
is_deeply status_of('backends/app')->{responses}, { %$server, '5xx' => 2 }, 'the backend: with the 502';
is_deeply status_of('frontends/web')->{responses}, { %$server, '2xx' => 2, '4xx' => 2, '5xx' => 2 }, 'the frontend: with those of rules';
is status_of('frontends/web')->{sessions}{total}, 8, 'each was a session';
ok !exists status_of($_)->{responses}, "$_ has none: it is TCP's"
	for qw(frontends/bytes backends/greeter backends/greeter/servers/a);

# Sessions.
my $begun = $lb->connect('web');
$begun->send("GET / HTTP/1.1\r\nHo");
my ($one) = wait_until { my ($first) = values %{sessions()}; $first } 5, 'a request begins';
is_deeply [@{$one}{qw(state frontend backend status client)}], ['request', 'web', undef, undef, $begun->local_address],
	'a request that is not whole';
ok !exists $one->{target} && !exists $one->{method}, 'shows nothing of it yet';
$begun->send("st: www.example\r\n\r\n");
read_answer($begun);
ok becomes { !%{sessions()} } 5, 'is served';
my $held = $lb->connect('web');
request($held, '/hold?"a"');
$one = session_of('/hold?"a"', 'waiting');
is_deeply [@{$one}{qw(method host version status server)}], ['GET', 'www.example', 'HTTP/1.1', undef, 'a'], 'one that waits for its answer';
is_deeply $lb->get("/v1/sessions/$one->{id}")->{json}{target}, '/hold?"a"', 'by its id';
my $long = $lb->connect('web');
request($long, '/hold/' . 'x' x 2000);
session_of('/hold/' . 'x' x 1018, 'waiting');
my $tunnel = $lb->connect('web');
request($tunnel, '/upgrade', 'Connection: Upgrade', 'Upgrade: x');
is read_answer($tunnel)->{status}, 101, 'an upgraded connection';
$one = session_of('/upgrade', 'open');
is_deeply [@{$one}{qw(method host version status)}], ['GET', 'www.example', 'HTTP/1.1', 101], 'is the session of its request';
is status_of('backends/app/servers/a')->{responses}{'1xx'}, 1, 'and a response';
my $local = Sluice::Client->connect("unix:$dir/web");
$local->send("GET /hold/local HTTP/1.0\r\n\r\n");
$one = session_of('/hold/local', 'waiting');
is_deeply [@{$one}{qw(client version host)}], ['unix', 'HTTP/1.0', ''], 'one by a Unix socket, and of HTTP/1.0';
my $bytes = $lb->connect('bytes');
$bytes->read_line;
my ($tcp) = values %{sessions('?backend=greeter')};
ok !(grep { exists $tcp->{$_} } qw(method target host version status)), 'one of TCP has no request';

# Filters.
is join(' ', map { $_->{target} } values %{sessions('?src=unix')}), '/hold/local', 'of Unix sockets';
is scalar(keys %{sessions('?src=127.0.0.0/8&server=app/a')}), 3, 'of a network and a server';
is $lb->get('/v1/sessions?src=127.0.0.1/8')->{status}, 400, 'of an address that is no network';
is $lb->get('/v1/sessions?src=unix:')->{status}, 400, 'of no source';
is $lb->delete('/v1/sessions?backend=app')->{json}{ended}, 4, 'DELETE ends requests';
ok $held->closed_within(5), 'and with them their connections';
is $lb->log_line(target => '/hold?"a"')->{termination_state}, 'KH--', 'K, says the log';
answer_is $idle, '/', 200;

# The program.
my $info = $lb->get('/v1/info')->{json};
is $info->{files_dir}, "$dir", 'info says where files may be named';
is $info->{state_dir}, undef, 'and that nothing is saved';
is $info->{connections}{current}, status_of('frontends/web')->{connections}{current} + 1, 'connections are clients\'';

# Another mode.
is $lb->patch('/v1/config', { frontends => { web => { mode => undef, rules => undef } }, backends => { app => { mode => undef } } })->{status}, 200,
	'the frontend is TCP\'s now';
ok !exists status_of($_)->{responses}, "$_ shows no responses" for 'frontends/web', 'backends/app', 'backends/app/servers/a';
$_->close for $bytes, $idle, $begun;
$lb->stop;
undef $lb;
done_testing;

#!/usr/bin/perl
# tier: story
# The admin server meets browsers, curl users, slow clients and broken ones, and stays polite.
use Sluice;

my $lb = Sluice->start(config => { backends => { app => { mode => 'tcp', servers => {} } } });
my $host = $lb->admin_address;

# One raw request; the whole answer.
sub raw {
	my ($request) = @_;
	my $client = Sluice::Client->connect($host);
	$client->send($request);
	my $answer = $client->read_all;
	$client->close;
	return $answer;
}

sub status_of {
	my ($headers, $line) = @_;
	$line //= 'GET /v1/info';
	my ($status) = raw("$line HTTP/1.1\r\n$headers\r\nConnection: close\r\n\r\n") =~ m{^HTTP/1\.1 (\d+)};
	return $status;
}

# Who may reach it.
is status_of("Host: $host"), 200, 'an address is a Host';
is status_of("Host: localhost"), 200, 'localhost too';
is status_of("Host: evil.example"), 403, 'a name of somebody else is not: it may point here';
is status_of("Host: evil.example", 'GET /healthz'), 200, 'but the probes answer to everybody';
is status_of("Host: $host\r\nOrigin: http://$host"), 200, 'our own page may call us';
is status_of("Host: $host\r\nOrigin: https://$host"), 403, 'a page of another scheme not';
is status_of("Host: $host\r\nOrigin: null"), 403, 'nor a page of nowhere';
is status_of("Host: $host\r\nOrigin: http://evil.example\r\nContent-Length: 9", 'PUT /v1/backends/evil'),
	403, 'nor a foreign one, and its body is not waited for';
is status_of("Host: $host\r\nSec-Fetch-Site: cross-site"), 403, 'a browser that says cross-site is believed';
is status_of("Host: $host\r\nSec-Fetch-Site: same-origin"), 200, 'same-origin is fine';
is $lb->patch('/v1/admin', { hosts => ['lb.example'] })->{status}, 200, 'a name is added to admin.hosts';
is status_of("Host: LB.example:9901"), 200, 'and holds at once';
is $lb->patch('/v1/admin', { hosts => undef })->{status}, 200, 'it is taken away';
is status_of("Host: lb.example"), 403, 'and holds no more';

# What could be read in two ways is not read at all.
is status_of("Host: $host\r\nHost: localhost"), 400, 'two Hosts';
is status_of('X-None: 1'), 400, 'no Host';
is status_of("Host: $host\r\nContent-Length: 3\r\nTransfer-Encoding: chunked", 'PUT /v1/backends/x'), 400,
	'a length and chunks';

# Methods and paths.
my $answer = $lb->request('PUT', '/v1/backends', {});
is $answer->{status}, 405, 'PUT on a collection';
is $answer->{headers}{allow}, 'GET, HEAD, PATCH, POST, OPTIONS', 'with what it knows';
is $answer->{headers}{'content-type'}, 'application/problem+json', 'as problem details';
is $answer->{json}{status}, 405, 'which repeat the status';
$answer = $lb->request('OPTIONS', '/v1/backends/app');
is $answer->{status}, 204, 'OPTIONS';
is $answer->{headers}{allow}, 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS', 'says what there is';
is $lb->request('BREW', '/v1/backends/app')->{status}, 405, 'an unknown method';
$answer = $lb->head('/v1/backends/app');
is $answer->{status}, 200, 'HEAD';
is $answer->{text} // '', '', 'has no body';
cmp_ok $answer->{headers}{'content-length'} // 1, '>', 0, 'but its length';
is $answer->{headers}{'cache-control'}, 'no-store', 'nothing is to be kept by caches';
is $lb->get($_)->{status}, 404, "$_ is nothing" for '/', '/v1', '/v2/info', '/v1//backends', '/v1/backends/app/';
is $lb->get($_)->{status}, 400, "$_ is no name"
	for '/v1/backends/%00', '/v1/backends/%2e%2e', '/v1/backends/a%20b', '/v1/backends/a%2Fb', '/v1/backends/%zz';
$answer = $lb->get('/v1/backends/app?veiw=config');
is $answer->{status}, 400, 'an unknown parameter';
like $answer->{json}{detail}, qr/did you mean "view"/, 'with the nearest';
is $lb->get('/v1/backends/app?view=config&view=config')->{status}, 400, 'a repeated one';
is $lb->get('/v1/backends/app?view')->{status}, 400, 'an empty one';

# Bodies.
is $lb->put('/v1/backends/form', '{"mode":"tcp"}', { 'Content-Type' => 'application/x-www-form-urlencoded' })->{status},
	201, 'curl -d without -H';
is $lb->put('/v1/backends/form', '{"mode":"tcp"}', { 'Content-Type' => 'text/plain' })->{status}, 415, 'plain text';
is $lb->put('/v1/backends/form', '{mode:tcp}')->{status}, 400, 'not JSON';
is $lb->delete('/v1/backends/form')->{status}, 204, 'DELETE has no answer body';
like raw("PUT /v1/backends/big HTTP/1.1\r\nHost: $host\r\nContent-Length: 16777217\r\n\r\n{"),
	qr{^HTTP/1\.1 413 .*\bConnection: close\b}s, 'over 16 MiB: closed without reading it';
my $client = Sluice::Client->connect($host);
$client->send("PUT /v1/backends/late HTTP/1.1\r\nHost: $host\r\nExpect: 100-continue\r\nContent-Length: 14\r\n\r\n");
like $client->read_until("\r\n\r\n"), qr{^HTTP/1\.1 100 }, 'Expect: 100-continue';
$client->send('{"mode":"tcp"}');
like $client->read_until("\r\n\r\n"), qr{^HTTP/1\.1 201 }, 'and then the answer';
$client->close;
is $lb->put('/v1/backends/actor', { mode => 'tcp' }, { 'X-Actor' => 'x' x 257 })->{status}, 400, 'a claim too long';

# Slow clients stall nobody.
my @slow = map { Sluice::Client->connect($host) } 1 .. 100;
$slow[$_]->send(('GET /v1/in', "PUT /v1/backends/s HTTP/1.1\r\nHost: $host\r\nContent-Length: 50\r\n\r\n{")[$_ % 2])
	for 0 .. $#slow;
is $lb->get('/v1/info')->{status}, 200, 'with a hundred half requests open the next is served';
$_->reset for @slow;
is $lb->get('/v1/info')->{status}, 200, 'and after they went';

# A Unix socket: its mode, who listens there, and what a killed process leaves behind.
my $path = $lb->file('admin.sock');
my $second = Sluice->start(admin => "unix:$path");
is sprintf('%04o', (stat $path)[2] & 07777), '0600', 'nobody else may open the socket';
$client = Sluice::Client->connect("unix:$path");
$client->send("GET /v1/info HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
like $client->read_all, qr{^HTTP/1\.1 200 }, 'it answers';
my $third = Sluice->run('--admin', "unix:$path");
isnt $third->{exit}, 0, 'another process does not take it';
like $third->{stderr}, qr/another program listens there/, 'and says why';
$second->kill('KILL');
$second->wait_exit;
undef $second;
ok -S $path, 'a killed process leaves its socket';
my $fourth = Sluice->start(admin => "unix:$path");
$client = Sluice::Client->connect("unix:$path");
$client->send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
like $client->read_all, qr{^HTTP/1\.1 200 }, 'the next one replaces it';
$fourth->stop;
ok !-e $path, 'and removes it at its end';
$lb->stop;
done_testing;

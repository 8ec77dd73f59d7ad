#!/usr/bin/perl
# tier: story
# An orchestrator's author reads API.md's conventions with curl at hand, verb by verb: what may be
# asked of which resource, what comes back, and how two writers keep out of each other's way.
use Sluice;

my $lb = Sluice->start;
my $server = '/v1/backends/app/servers/s1';

sub status_is {
	my ($answer, $status, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($answer->{status}, $status, $name) or diag($answer->{text});
	return $answer;
}

# What each resource knows.
my $item = 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS';
my $collection = 'GET, HEAD, PATCH, POST, OPTIONS';
my %allow = (
	'/v1/config' => 'GET, HEAD, PUT, PATCH, OPTIONS',
	'/v1/config/reload' => 'POST, OPTIONS',
	(map { $_ => 'GET, HEAD, PATCH, OPTIONS' } '/v1/global', '/v1/admin', '/v1/defaults'),
	(map { $_ => $collection } '/v1/profiles', '/v1/frontends', '/v1/backends', '/v1/backends/app/servers'),
	(map { $_ => $item } '/v1/profiles/p', '/v1/frontends/f', '/v1/backends/b', $server),
	(map { $_ => 'GET, HEAD, DELETE, OPTIONS' } "$server/sessions", '/v1/sessions', '/v1/sessions/1'),
	(map { $_ => 'GET, HEAD, OPTIONS' } '/v1/events', '/v1/info', '/v1/schemas', '/v1/schemas/config',
		'/healthz', '/readyz'),
);
for my $path (sort keys %allow) {
	my $answer = $lb->request('OPTIONS', $path);
	is "$answer->{status} $answer->{headers}{allow}", "204 $allow{$path}", "OPTIONS $path";
}
for my $call (['PUT', '/v1/backends'], ['DELETE', '/v1/backends'], ['PUT', '/v1/backends/app/servers'],
	['DELETE', '/v1/frontends'], ['PUT', '/v1/global'], ['DELETE', '/v1/config'], ['POST', '/v1/backends/app'],
	['POST', '/v1/info'], ['GET', '/v1/config/reload']) {
	my $answer = $lb->request(@$call, $call->[0] =~ /P/ ? {} : undef);
	status_is $answer, 405, "$call->[0] $call->[1]";
	is $answer->{headers}{allow}, $lb->request('OPTIONS', $call->[1])->{headers}{allow}, 'says what is';
}

# A backend and its servers, created and replaced.
my $answer = status_is $lb->put('/v1/backends/app', {}), 201, 'PUT creates';
is $answer->{headers}{'content-type'}, 'application/json', 'answers JSON';
is $answer->{headers}{'cache-control'}, 'no-store', 'that nobody keeps';
is $answer->{json}{name}, 'app', 'the resource itself';
status_is $lb->put('/v1/backends/app', { comment => 'x' }), 200, 'PUT replaces';
$answer = status_is $lb->post('/v1/backends/app/servers', { name => 's1', address => '127.0.0.1:1' }), 201,
	'POST to a collection creates';
is $answer->{headers}{location}, $server, 'and says where';
is $answer->{json}{address}, '127.0.0.1:1', 'and what';
$answer = status_is $lb->post('/v1/backends/app/servers', { name => 's1', address => '127.0.0.1:2' }), 409,
	'POST of what is there';
like $answer->{json}{detail}, qr/server "s1"/, 'says what is there';
is $lb->get($server)->{json}{address}, '127.0.0.1:1', 'and leaves it alone';
$answer = status_is $lb->post('/v1/backends', {}), 422, 'POST without a name';
is_deeply [map { $_->{pointer} } @{$answer->{json}{errors}}], ['/name'], 'points at the name';
status_is $lb->post('/v1/backends', { name => 'a/b' }), 422, 'POST with a name that is none';
is $lb->post('/v1/backends', { name => 'other', comment => 'hi' })->{headers}{location}, '/v1/backends/other',
	'POST of a backend';
is $lb->post('/v1/frontends', { name => 'f' })->{headers}{location}, '/v1/frontends/f', 'of a frontend';
is $lb->post('/v1/profiles', { name => 'p' })->{headers}{location}, '/v1/profiles/p', 'of a profile';
$answer = status_is $lb->delete('/v1/backends/other'), 204, 'DELETE';
is $answer->{text} // '', '', 'has nothing to say';
status_is $lb->delete('/v1/backends/other'), 404, 'twice';
status_is $lb->get('/v1/backends/other'), 404, 'it is gone';
status_is $lb->patch('/v1/backends/other', {}), 404, 'PATCH does not create an item';
status_is $lb->put('/v1/backends/nobody/servers/s', { address => '127.0.0.1:1' }), 404, 'PUT below what is not there';
like $lb->put('/v1/backends/nobody/servers/s', { address => '127.0.0.1:1' })->{json}{detail},
	qr/backend "nobody"/, 'says which that is';
status_is $lb->get('/v1/backends/nobody/servers'), 404, 'GET there';
status_is $lb->post('/v1/backends/nobody/servers', { name => 's', address => '127.0.0.1:1' }), 404, 'POST there';
status_is $lb->patch('/v1/backends/nobody/servers', {}), 404, 'PATCH there';
status_is $lb->delete('/v1/backends/nobody/servers/s'), 404, 'DELETE there';

# HEAD is GET without its body.
my ($get, $head) = ($lb->get($server), $lb->head($server));
is $head->{status}, 200, 'HEAD';
is $head->{text} // '', '', 'no body';
is $head->{headers}{etag}, $get->{headers}{etag}, 'the same ETag';
is $head->{headers}{'content-length'}, length $get->{text}, 'and length';
is $lb->head('/v1/backends/app/servers')->{status}, 200, 'HEAD of a collection';
is $lb->head('/v1/backends/nobody')->{status}, 404, 'HEAD of nothing';

# ETags: weak where a status is shown, strong for what is set.
like $get->{headers}{etag}, qr{^W/"\d+"$}, 'a view with status has a weak ETag';
my $strong = $lb->get("$server?view=config")->{headers}{etag};
like $strong, qr{^"\d+"$}, 'what is set has a strong one';
is $get->{headers}{etag}, "W/$strong", 'of the same revision';
status_is $lb->get($server, { 'If-None-Match' => $get->{headers}{etag} }), 200, 'GET never answers 304';
my $backend = $lb->get('/v1/backends/app?view=config')->{headers}{etag};
status_is $lb->patch($server, { weight => 3 }), 200, 'a change of a server';
isnt $lb->get('/v1/backends/app?view=config')->{headers}{etag}, $backend, 'changes its backend';
$backend = $lb->get('/v1/backends/app?view=config')->{headers}{etag};
my $frontends = $lb->get('/v1/frontends')->{headers}{etag};
my $frontend = $lb->get('/v1/frontends/f')->{headers}{etag};
$answer = status_is $lb->patch($server, { weight => 3 }), 200, 'a write that changes nothing';
is $answer->{headers}{etag}, "W/$backend", 'keeps the ETag';
status_is $lb->put($server, $lb->get("$server?view=config")->{json}), 200, 'so does a PUT of what is set';
is $lb->get("$server?view=config")->{headers}{etag}, $backend, 'which is still the same';
status_is $lb->patch($server, { weight => 4 }), 200, 'another change of the server';
is $lb->get('/v1/frontends/f')->{headers}{etag}, $frontend, 'leaves a frontend as it is';
is $lb->get('/v1/frontends')->{headers}{etag}, $frontends, 'and the collection of frontends';
isnt $lb->get('/v1/config?view=config')->{headers}{etag}, $backend, 'but not the whole';
status_is $lb->delete('/v1/frontends/f'), 204, 'a member goes';
isnt $lb->get('/v1/frontends')->{headers}{etag}, $frontends, 'its collection has changed';

# Two writers.
my $seen = $lb->get($server)->{headers}{etag};
status_is $lb->patch($server, { weight => 5 }, { 'If-Match' => $seen }), 200, 'If-Match: as it was seen, weak';
$answer = status_is $lb->patch($server, { weight => 6 }, { 'If-Match' => $seen }), 412, 'a second time it is not';
is $answer->{headers}{'content-type'}, 'application/problem+json', 'a problem';
is $lb->get($server)->{json}{weight}, 5, 'and nothing is changed';
my $now = $lb->get("$server?view=config")->{headers}{etag};
status_is $lb->patch($server, { weight => 7 }, { 'If-Match' => "\"0\", $now" }), 200, 'a list of tags';
status_is $lb->delete($server, undef, { 'If-Match' => $now }), 412, 'DELETE of what has changed';
status_is $lb->put('/v1/backends/new', {}, { 'If-Match' => '*' }), 412, 'If-Match: * wants it there';
status_is $lb->get('/v1/backends/new'), 404, 'and creates nothing';
status_is $lb->put('/v1/backends/new', {}, { 'If-None-Match' => '*' }), 201, 'If-None-Match: * wants it not there';
status_is $lb->put('/v1/backends/new', { comment => 'x' }, { 'If-None-Match' => '*' }), 412, 'once';
status_is $lb->patch('/v1/backends', { new => { comment => 'y' } }, { 'If-Match' => '"1"' }), 412, 'on a collection';
status_is $lb->patch('/v1/backends', { new => { comment => 'y' } },
	{ 'If-Match' => $lb->get('/v1/backends')->{headers}{etag} }), 200, 'with its own tag';
status_is $lb->patch('/v1/config', { comment => 'x' }, { 'If-Match' => '"1"' }), 412, 'on the whole';

# What is not a request.
status_is $lb->get('/v1//backends'), 404, 'an empty segment';
status_is $lb->get('/v1/backends/'), 404, 'at the end too';
status_is $lb->get('/v1/backends/%00'), 400, '%00';
status_is $lb->get('/v1/backends/..'), 400, '..';
status_is $lb->get('/v1/backends/%2e'), 400, 'an encoded dot';
status_is $lb->get('/v1/backends/a%2Fb'), 400, 'a slash in a name';
status_is $lb->get('/v1/backends/' . 'n' x 129), 400, 'a name of 129 characters';
status_is $lb->put('/v1/backends/' . 'n' x 128, {}), 201, 'one of 128';
status_is $lb->put('/v1/backends/%61%3A._-Z9', {}), 201, 'an escaped name';
is $lb->get('/v1/backends/a:._-Z9')->{json}{name}, 'a:._-Z9', 'is the plain one';
status_is $lb->get('/v1/nothing'), 404, 'no such resource';
status_is $lb->get('/v2/backends'), 404, 'no such version';
for my $bad ('dept=1', 'depth', 'depth=', 'depth=1&depth=1', 'depth=x', 'depth=-1', 'view=plain', '=1') {
	status_is $lb->get("/v1/backends?$bad"), 400, "?$bad";
}
like $lb->get('/v1/backends?dept=1')->{json}{detail}, qr/did you mean "depth"/, 'the nearest name is told';
status_is $lb->patch("$server?dryrun=true", {}), 400, 'a dry run that is misspelt is not a write';
like $lb->patch("$server?dryrun=true", {})->{json}{detail}, qr/did you mean "dry_run"/, 'and is told';
status_is $lb->patch("$server?dry_run=1", { weight => 9 }), 400, 'true or false';
status_is $lb->delete('/v1/backends/app?force=true'), 400, 'force is for servers';
status_is $lb->put('/v1/backends/x', {}, { 'Content-Type' => 'text/plain' }), 415, 'a type that is not taken';
status_is $lb->put('/v1/backends/x', {}, { 'Content-Type' => 'application/merge-patch+json' }), 415,
	'a merge patch is no PUT';
status_is $lb->patch($server, { weight => 8 }, { 'Content-Type' => 'application/merge-patch+json' }), 200,
	'but a PATCH';
status_is $lb->patch($server, { weight => 9 }, { 'Content-Type' => 'application/json; charset=utf-8' }), 200,
	'parameters of a type do not matter';
my $big = Sluice::Client->connect($lb->admin_address);
$big->send("PUT /v1/backends/big HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16777217\r\n\r\n");
like $big->read_line, qr{^HTTP/1\.1 413 }, 'a body of more than 16 MiB';
$big->close;
$answer = status_is $lb->put('/v1/backends/x', '{"a":1,}'), 400, 'not JSON';
like $answer->{json}{errors}[0]{detail}, qr/^line 1, column \d+: /, 'says where';
status_is $lb->put('/v1/backends/x', '{"comment":"a","comment":"b"}'), 400, 'a key twice';
status_is $lb->put('/v1/backends/x', ''), 400, 'no body';
status_is $lb->put('/v1/backends/x', '[]'), 422, 'a body that is no object';
status_is $lb->patch('/v1/backends', '[]'), 422, 'nor a patch';
status_is $lb->get('/v1/backends/x'), 404, 'none of them made anything';

# By curl, which calls everything a form.
SKIP: {
	my $admin = $lb->admin_address;
	skip 'no curl here', 5 if !grep { -x "$_/curl" } split /:/, $ENV{PATH};
	my $said = `curl -s --noproxy '*' -X PUT $admin/v1/backends/app/servers/s3 -d '{"address":"10.0.0.3:8000"}'`;
	like $said, qr/"address":"10.0.0.3:8000"/, 'curl -X PUT -d';
	$said = `curl -s --noproxy '*' -X PATCH $admin/v1/backends/app/servers/s3 -d '{"backup":true}'`;
	like $said, qr/"priority":1,/, 'curl -X PATCH -d';
	$said = `curl -s --noproxy '*' $admin/v1/backends/app/servers -d '{"name":"s4","address":"10.0.0.4:8000"}'`;
	like $said, qr/"name":"s4"/, 'curl -d is a POST';
	$said = `curl -s --noproxy '*' -o /dev/null -w '%{http_code}' -X PUT $admin/v1/backends/x -d 'comment=x'`;
	is $said, '400', 'a form that is one is not JSON';
	$said = `curl -sI --noproxy '*' $admin/v1/backends/app`;
	like $said, qr{^HTTP/1.1 200 }, 'curl -I';
}

$lb->stop;
done_testing;

#!/usr/bin/perl
# tier: story
# Before a change somebody asks what it would do; after it somebody asks who did it. Dry runs and
# events say the same things, of every verb.
use Sluice;
use JSON::PP ();

my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my $origin = Sluice::Origin->start('a', 'greet');
my $lb = Sluice->start(config => {
	frontends => { web => { bind => ['127.0.0.1:0'], default_backend => 'app' } },
	backends => { app => { servers => { s1 => { address => $origin->address } } }, spare => {} },
	profiles => { p => {} },
});
my $server = '/v1/backends/app/servers/s1';

sub status_is {
	my ($answer, $status, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($answer->{status}, $status, $name) or diag($answer->{text});
	return $answer;
}

# Of every verb, what would be; and that nothing is.
my $all = $lb->get('/v1/config?view=config')->{text};
my $etag = $lb->get('/v1/config?view=config')->{headers}{etag};
my $events = $lb->events(last_event_id => $lb->get('/v1/info')->{json}{last_event_id});

sub dry {
	my ($method, $path, $body, $want, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $answer = status_is $lb->request($method, "$path?dry_run=true", $body), 200, "$method: $name";
	my @got = @{$answer->{json}{changes} // []};
	like $_->{effect}, qr/\w \w/, "$_->{pointer}: its effect in words" for @got;
	is_deeply [map { my %c = %$_; delete $c{effect}; \%c } sort { $a->{pointer} cmp $b->{pointer} } @got], $want, $name;
	is $lb->get('/v1/config?view=config')->{text}, $all, 'and nothing has changed';
}

dry('PATCH', $server, { weight => 5, comment => 'x', id => undef },
	[{ op => 'add', pointer => '/backends/app/servers/s1/comment', to => 'x' },
	 { op => 'add', pointer => '/backends/app/servers/s1/weight', to => 5 }], 'fields');
dry('PUT', $server, { address => '127.0.0.1:1' },
	[{ op => 'replace', pointer => '/backends/app/servers/s1/address', from => $origin->address, to => '127.0.0.1:1' }], 'a value');
dry('PUT', '/v1/backends/app/servers/s2', { address => '127.0.0.1:1', backup => $true },
	[{ op => 'add', pointer => '/backends/app/servers/s2', to => { address => '127.0.0.1:1', priority => 1, id => 2 } }], 'a server');
dry('POST', '/v1/backends', { name => 'new' }, [{ op => 'add', pointer => '/backends/new', to => {} }], 'a backend');
dry('DELETE', $server, undef,
	[{ op => 'remove', pointer => '/backends/app/servers/s1', from => { address => $origin->address, id => 1 } }], 'a server');
dry('PATCH', '/v1/backends', { spare => undef, app => { retries => 5 } },
	[{ op => 'add', pointer => '/backends/app/retries', to => 5 }, { op => 'remove', pointer => '/backends/spare', from => {} }],
	'of a collection');
dry('PATCH', '/v1/defaults', { timeout => { client => 1500 } },
	[{ op => 'add', pointer => '/defaults/timeout', to => { client => '1500ms' } }], 'durations as they are answered');
dry('PATCH', '/v1/global', { hard_stop_after => '1s' }, [{ op => 'add', pointer => '/global/hard_stop_after', to => '1s' }], 'global');
dry('PATCH', '/v1/frontends/web', { bind => ['127.0.0.1:0', '127.0.0.1:0'] },
	[{ op => 'replace', pointer => '/frontends/web/bind', from => ['127.0.0.1:0'], to => ['127.0.0.1:0', '127.0.0.1:0'] }],
	'listeners, which are opened and closed again');
dry('PATCH', '/v1/admin', { hosts => ['lb'] }, [{ op => 'add', pointer => '/admin/hosts', to => ['lb'] }], 'admin');
dry('PUT', '/v1/config', $lb->get('/v1/config?view=config')->{json}, [], 'nothing');
dry('PATCH', $server, {}, [], 'nothing either');
dry('POST', '/v1/config/reload', undef, [], 'the file as it is');
status_is $lb->patch("$server?dry_run=true", { weight => 999 }), 422, 'a dry run of what is wrong';
status_is $lb->delete('/v1/backends/app?dry_run=true'), 409, 'of what is in use';
status_is $lb->delete('/v1/backends/no?dry_run=true'), 404, 'of what is not there';
status_is $lb->patch("$server?dry_run=true", {}, { 'If-Match' => '"0"' }), 412, 'of what has changed';
status_is $lb->patch("$server?dry_run=false", {}), 200, 'false is no dry run';
is $lb->get('/v1/config?view=config')->{headers}{etag}, $etag, 'the ETag is as before';

# Events: what, by whom, why; then what came of it.
status_is $lb->patch($server, { weight => 7 }, { 'X-Actor' => 'deploy-bot', 'X-Reason' => 'rollout 7' }), 200, 'a change';
my $e = $events->next(5);
is $e->{event}, 'config', 'is the first event: dry runs and no changes are none';
is $e->{data}{kind}, 'config', 'its kind';
is $e->{data}{id}, $e->{id}, 'its id';
is $e->{data}{actor}, 'deploy-bot', 'who';
is $e->{data}{reason}, 'rollout 7', 'why';
like $e->{data}{peer}, qr/^127\.0\.0\.1:\d+$/, 'from where';
like $e->{data}{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'when';
like $lb->get($server)->{headers}{etag}, qr/"$e->{data}{revision}"/, 'its revision is in the ETag';
is_deeply $e->{data}{changes}, [{ op => 'add', pointer => '/backends/app/servers/s1/weight' }], 'what: no values';
my $first = $e->{id};
status_is $lb->patch($server, { admin_state => 'drain' }), 200, 'drain';
$e = $events->next(5, sub { $_[0]{event} eq 'server' });
is_deeply [@{$e->{data}}{qw(backend server from to)}], ['app', 's1', 'no_check', 'drain'], 'a server changes its state';
is $e->{data}{eligible}, $false, 'takes no more sessions';
like $e->{data}{eligible_because}, qr/drain/, 'says why';
ok $e->{data}{cause}{code}, 'and the cause';
ok $e->{id} > $first, 'ids grow';
status_is $lb->put('/v1/frontends/other', { bind => ['127.0.0.1:0'] }), 201, 'a frontend';
$e = $events->next(5, sub { $_[0]{event} eq 'listener' });
is $e->{data}{address}, $lb->address('other'), 'a listener, with its real address';
status_is $lb->delete('/v1/frontends/other'), 204, 'it goes';
$e = $events->next(5, sub { $_[0]{event} eq 'listener' });
is_deeply [@{$e->{data}}{qw(frontend state)}], ['other', 'closed'], 'the listener is closed';
status_is $lb->patch($server, { admin_state => undef }), 200, 'back';
$e = $events->next(5, sub { $_[0]{event} eq 'server' });
is $e->{data}{eligible}, $true, 'eligible again';

# Sessions that are ended.
my $client = $lb->connect('web');
is $client->read_line, 'a', 'a session';
is $lb->delete("$server/sessions", undef, { 'X-Actor' => 'me' })->{json}{ended}, 1, 'is ended';
$e = $events->next(5, sub { $_[0]{event} eq 'session-kill' });
is_deeply { %{$e->{data}}, map { $_ => 0 } qw(id time peer) }, { kind => 'session-kill', backend => 'app', server => ($server =~ m{([^/]+)\z})[0],
	cause => { code => 'admin', detail => 'ended by an administrator', actor => 'me', reason => undef }, ended => 1, map { $_ => 0 } qw(id time peer) },
	'an event says so, and who did it';
ok $client->closed_within(5), 'the client sees it';
$client = $lb->connect('web');
is $client->read_line, 'a', 'another one';
status_is $lb->delete("$server?force=true", undef, { 'X-Actor' => 'you' }), 204, 'its server is deleted with force';
$e = $events->next(5, sub { $_[0]{event} eq 'session-kill' });
is_deeply [@{$e->{data}}{qw(backend server ended)}, @{$e->{data}{cause}}{qw(code actor)}, exists $e->{data}{filter}], ['app', ($server =~ m{([^/]+)\z})[0], 1, 'server-removed', 'you', ''], 'an event says that too';

# Resuming.
my $again = $lb->events(last_event_id => $first);
is $again->next(5)->{id}, $first + 1, 'a reader resumes behind the id that it has';
my $some = $lb->events(kind => 'session-kill,server', last_event_id => 0);
is $some->next(5)->{event}, 'server', 'kinds are chosen';
is $some->next(5, sub { $_[0]{event} eq 'config' || $_[0]{event} eq 'session-kill' })->{event}, 'session-kill', 'and no others come';
like $lb->get('/v1/events?kind=sever')->{json}{detail}, qr/did you mean "server"/, 'an unknown kind is told';
status_is $lb->get('/v1/events', { 'Last-Event-ID' => 'x' }), 400, 'an id that is none';

# A claim is printable and short.
status_is $lb->put('/v1/backends/claim', {}, { 'X-Actor' => 'x' x 256 }), 201, '256 bytes';
status_is $lb->put('/v1/backends/claim', { comment => 'c' }, { 'X-Actor' => 'x' x 257 }), 400, '257 bytes';

$_->close for $events, $again, $some;
$lb->stop;
undef $lb;
done_testing;

#!/usr/bin/perl
# tier: story
# What was set comes back as it was set; what holds is shown beside it; and a body with faults hears of
# all of them at once, each at its place.
use Sluice;
use JSON::PP ();

my $lb = Sluice->start(plain => 1, config => {});
my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my $json = JSON::PP->new->canonical->allow_nonref;

sub status_is {
	my ($answer, $status, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($answer->{status}, $status, $name) or diag($answer->{text});
	return $answer;
}

sub errors_of {
	my ($answer) = @_;
	return { map { $_->{pointer} => $_->{detail} } @{$answer->{json}{errors} // []} };
}

# The answer has just these errors: pointer => pattern.
sub errors_are {
	my ($answer, $want, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $errors = errors_of($answer);
	is(scalar @{$answer->{json}{errors} // []}, scalar keys %$want, "$name: as many errors")
		or diag($answer->{text});
	like($errors->{$_} // '(none)', $want->{$_}, "$name: $_") for sort keys %$want;
	return $answer;
}

sub config_of { return $lb->get("$_[0]?view=config")->{json} }

# What is set, as it is set.
my $whole = {
	comment => 'all of it', labels => { team => 'edge' },
	global => { comment => 'g', maxconn => 1000, hard_stop_after => '2s', labels => { 'a/b' => 'c' } },
	admin => { comment => 'a', hosts => ['lb.example'] },
	defaults => { comment => 'd', timeout => { connect => '1500ms', client => '1m', comment => 't' },
		default_server => { weight => 7, comment => 'ds' } },
	profiles => { slow => { comment => 'p', labels => { x => 'y' }, retries => 5, timeout => { server => '2m' },
		default_server => { maxconn => 9 } } },
	frontends => { web => { comment => 'f', bind => ['127.0.0.1:0', { address => '127.0.0.1:0', comment => 'b' }],
		default_backend => 'app', timeout => { client => '1h' } } },
	backends => {
		app => { comment => 'b', from => 'slow', redispatch => $true, default_server => { weight => 5 },
			servers => { s1 => { address => '127.0.0.1:1', comment => 's', labels => { k => 'v' }, id => 1 },
				s2 => { address => '127.0.0.1:2', weight => 3, maxconn => 4, priority => 2, id => 7 } } },
		plain => { servers => { s => { address => '127.0.0.1:3', id => 1 } } },
	},
};
$whole->{maps} = { m => { comment => 'm', labels => { k => 'v' }, entries => { k => 'v' } } };
$whole->{userlists} = { u => { comment => 'u', groups => { g => { comment => 'g' } } } };
$whole->{http_errors} = { e => { comment => 'e', pages => { 404 => { content_type => 'text/plain', body => 'x' } } } };
status_is $lb->put('/v1/config', $whole), 200, 'PUT of a whole document';
my $set = config_of('/v1/config');
is_deeply $set, $whole, 'is what ?view=config shows: nothing else, comments and labels everywhere';
my $etag = $lb->get('/v1/config?view=config')->{headers}{etag};
for my $path ('/v1/config', '/v1/frontends/web', '/v1/backends/app', '/v1/backends/app/servers/s2', '/v1/profiles/slow') {
	my $answer = status_is $lb->put($path, config_of($path)), 200, "PUT of $path as it is";
	is $lb->get('/v1/config?view=config')->{headers}{etag}, $etag, 'changes nothing';
}
for my $path ('/v1/config', '/v1/backends/app', '/v1/backends/app/servers/s2', '/v1/frontends/web') {
	my $answer = $lb->put($path, $lb->get($path)->{json});
	status_is $answer, 200, "PUT of what a plain GET of $path shows is taken: status is ignored, backup agrees";
}
status_is $lb->put('/v1/config', $set), 200, 'and back to what was set';
is_deeply config_of('/v1/config'), $whole, 'exactly';

status_is $lb->patch('/v1/defaults', { timeout => { connect => 1500, client => '60s' } }), 200, 'the same in other words';
is_deeply config_of('/v1/config'), $whole, 'is the same';
$etag = $lb->get('/v1/config?view=config')->{headers}{etag};
status_is $lb->patch('/v1/defaults', { timeout => { queue => 2500, tunnel => '7200s' } }), 200, 'numbers';
is_deeply config_of('/v1/defaults')->{timeout}, { connect => '1500ms', client => '1m', queue => '2500ms', tunnel => '2h', comment => 't' },
	'are milliseconds; durations are answered as strings';
status_is $lb->put('/v1/config', config_of('/v1/config')), 200, 'which can be put back';
isnt $lb->get('/v1/config?view=config')->{headers}{etag}, $etag, 'numbers were a change';
$etag = $lb->get('/v1/config?view=config')->{headers}{etag};
status_is $lb->put('/v1/config', config_of('/v1/config')), 200, 'what is answered';
is $lb->get('/v1/config?view=config')->{headers}{etag}, $etag, 'is no change';
status_is $lb->patch('/v1/defaults', { timeout => { queue => undef, tunnel => undef } }), 200, 'unset';

# What holds: server <- default_server <- defaults or profile <- schema.
my $server = $lb->get('/v1/backends/app/servers/s1')->{json};
is $server->{name}, 's1', 'a plain GET shows the name';
is $server->{weight}, 5, 'the weight of the default_server of its backend';
is $server->{maxconn}, 9, 'what that does not say, the default_server of the profile';
is $server->{admin_state}, 'ready', 'what nobody says, the schema';
is $server->{priority}, 0, 'a number that is built in';
is $server->{backup}, $false, 'and what it means';
is_deeply [map { $_->{json}{weight} } $lb->get('/v1/backends/plain/servers/s')], [7],
	'without a profile, the default_server of defaults';
my $backend = $lb->get('/v1/backends/app')->{json};
is $backend->{retries}, 5, 'a backend takes from its profile';
is_deeply $backend->{timeout}, { connect => '5s', server => '2m', server_fin => '30s', queue => '5s' },
	'timeouts one by one: from the profile, not from defaults; built in; queue is connect';
is_deeply $lb->get('/v1/backends/plain')->{json}{timeout},
	{ connect => '1500ms', server => '50s', server_fin => '30s', queue => '1500ms' }, 'a number is milliseconds, answered as a string';
is_deeply $lb->get('/v1/frontends/web')->{json}{timeout}, { client => '1h', client_fin => '30s' }, 'of a frontend';
is $lb->get('/v1/frontends/web')->{json}{mode}, 'tcp', 'its mode';
is $lb->get('/v1/global')->{json}{pipe_memory}, '16m', 'a size as it came';
is_deeply $lb->get('/v1/global')->{json}{status}, { threads => $lb->get('/v1/info')->{json}{threads}, maxconn => 1000 },
	'what the machine or the command line decides is in the status';
is_deeply $lb->get('/v1/admin')->{json}{listen}, ['127.0.0.1:9901'], 'a list that is built in';
status_is $lb->patch('/v1/defaults', { default_server => { weight => 70 }, timeout => { connect => '9s' } }), 200,
	'a change of defaults';
is $lb->get('/v1/backends/plain/servers/s')->{json}{weight}, 70, 'holds for who inherits it';
is $lb->get('/v1/backends/plain/servers/s')->{json}{status}{effective_weight}, 70, 'in fact';
is $lb->get('/v1/backends/app/servers/s1')->{json}{weight}, 5, 'and for nobody else';
status_is $lb->patch('/v1/profiles/slow', { default_server => { maxconn => 11 } }), 200, 'of a profile';
is $lb->get('/v1/backends/app/servers/s1')->{json}{maxconn}, 11, 'too';
status_is $lb->patch('/v1/backends/app', { from => undef }), 200, 'a backend leaves its profile';
is $lb->get('/v1/backends/app')->{json}{retries}, 3, 'the schema holds again';
is $lb->get('/v1/backends/app')->{json}{timeout}{connect}, '9s', 'and defaults';

# Merge patches.
status_is $lb->patch('/v1/frontends/web', { timeout => { client => undef, client_fin => '5s' } }), 200, 'a patch within timeout';
is_deeply config_of('/v1/frontends/web')->{timeout}, { client_fin => '5s' }, 'unsets one and sets one';
is $lb->get('/v1/frontends/web')->{json}{timeout}{client}, '1m', 'what is unset is inherited again';
status_is $lb->patch('/v1/frontends/web', { timeout => undef, comment => undef }), 200, 'null';
is_deeply [sort keys %{config_of('/v1/frontends/web')}], ['bind', 'default_backend'], 'unsets the whole';
status_is $lb->patch('/v1/backends/app/servers/s1', { labels => { more => '1', k => undef } }), 200, 'labels';
is_deeply config_of('/v1/backends/app/servers/s1')->{labels}, { more => '1' }, 'merge too';
my $answer = status_is $lb->patch('/v1/backends/app/servers', { s1 => { weight => 8 }, s3 => { address => '127.0.0.1:9' },
	s2 => undef, nobody => undef }), 200, 'PATCH of a collection changes, creates and deletes';
is_deeply [sort keys %{$answer->{json}}], ['s1', 's3'], 'and answers with what it changed';
is_deeply [sort keys %{config_of('/v1/backends/app/servers')}], ['s1', 's3'], 'which is what is there';
is config_of('/v1/backends/app/servers/s3')->{id}, 8, 'with an id above the highest ever used';
errors_are status_is($lb->patch('/v1/backends/app/servers', { s1 => { weight => 9 }, s3 => { weight => 999 },
	s4 => {}, 'a b' => { address => '127.0.0.1:1' } }), 422, 'or none of it'),
	{ '/s3/weight' => qr/^must be 0 to 256, is 999$/, '/s4' => qr/address/, '/a b' => qr/name/ }, 'a bad member';
is config_of('/v1/backends/app/servers/s1')->{weight}, 8, 'nothing is half applied';
status_is $lb->patch('/v1/backends', { fresh => { servers => { a => { address => '127.0.0.1:1' } } },
	plain => { servers => { t => { address => '127.0.0.1:4' }, s => undef } } }), 200, 'PATCH of backends, with servers';
is_deeply [sort keys %{config_of('/v1/backends/plain')->{servers}}], ['t'], 'goes down';
status_is $lb->patch('/v1/config', { backends => { fresh => undef }, global => { maxconn => undef }, comment => undef }),
	200, 'PATCH of the whole';
is config_of('/v1/config')->{backends}{fresh}, undef, 'deletes';
is_deeply [sort keys %{config_of('/v1/global')}], ['comment', 'hard_stop_after', 'labels'], 'unsets';

# A PUT that forgets the servers.
$answer = status_is $lb->put('/v1/backends/app', { retries => 1 }), 409, 'PUT of a backend without its servers';
like $answer->{json}{detail}, qr/PATCH/, 'says what to do';
is scalar keys %{config_of('/v1/backends/app')->{servers}}, 2, 'they are still there';
status_is $lb->put('/v1/backends/plain', { servers => {} }), 200, 'unless it says so';
is_deeply config_of('/v1/backends/plain'), { servers => {} }, 'then they go';
status_is $lb->put('/v1/backends/plain', { comment => 'x' }), 200, 'and need not be said any more';

# Names.
status_is $lb->put('/v1/backends/plain', { name => 'plain' }), 200, 'its own name in the body';
errors_are status_is($lb->put('/v1/backends/plain', { name => 'other' }), 422, 'another'), { '/name' => qr/name/ }, 'a name';
errors_are status_is($lb->patch('/v1/backends/app', { servers => { s1 => { name => 'x' } } }), 422, 'of a member'),
	{ '/servers/s1/name' => qr/name/ }, 'a name below';
errors_are status_is($lb->put('/v1/backends/plain', { name => 5 }), 422, 'that is none'), { '/name' => qr// }, 'no name';

# All errors at once.
$answer = errors_are status_is($lb->put('/v1/backends/bad', { retires => 3, retries => 'x', balance => 'roundrobbin',
	timeout => { conect => '5s', server => 'soon' }, from => 'nobody', comment => 5,
	servers => { a => { weight => 999, address => 'nonsense', admin_state => 'rady', wieght => 1 }, b => { address => '' },
		c => [], '' => {} } }), 422, 'a bad backend'),
	{ '/retires' => qr/^unknown field; did you mean "retries"\?$/, '/retries' => qr/integer/,
	'/balance' => qr/roundrobin/, '/timeout/conect' => qr/did you mean "connect"/, '/timeout/server' => qr/./,
	'/from' => qr/there is no profile "nobody"/, '/comment' => qr/string/,
	'/servers/a/weight' => qr/^must be 0 to 256, is 999$/, '/servers/a/address' => qr/./,
	'/servers/a/admin_state' => qr/must be one of "ready", "drain", "maint", is "rady"/,
	'/servers/a/wieght' => qr/did you mean "weight"/, '/servers/b/address' => qr/./, '/servers/c' => qr/must be an object/,
	'/servers/' => qr/name/ }, 'a bad backend';
is $answer->{headers}{'content-type'}, 'application/problem+json', 'as problem details';
is_deeply [sort keys %{$answer->{json}}], [qw(detail errors status title type)], 'with their members';
is $answer->{json}{status}, 422, 'their status';
errors_are status_is($lb->put('/v1/frontends/bad', { bind => { a => '127.0.0.1:1', b => 5 }, default_backend => 'nobody',
	maxconn => 0, backlog => 1e300, timeout => [1], log => 'x' }), 422, 'a bad frontend'),
	{ '/bind' => qr/array/, '/default_backend' => qr/there is no backend "nobody"/, '/maxconn' => qr/./, '/backlog' => qr/./,
	'/timeout' => qr/object/, '/log' => qr/array/ }, 'a bad frontend';
errors_are status_is($lb->put('/v1/frontends/bad', { bind => ['127.0.0.1', '0.0.0.0:http', { mode => '0600' }, 5,
	{ address => 'unix:/tmp/x', mode => '99' }] }), 422, 'bad binds'),
	{ (map { ("/bind/$_" => qr/./) } 0, 1, 3), '/bind/2' => qr/address/, '/bind/4/mode' => qr/0660/ }, 'bad binds';
errors_are status_is($lb->patch('/v1/admin', { listen => { a => '127.0.0.1:1' }, hosts => [5], lisen => [] }), 422, 'bad admin'),
	{ '/listen' => qr/array/, '/hosts/0' => qr/string/, '/lisen' => qr/did you mean "listen"/ }, 'bad admin';
errors_are status_is($lb->put('/v1/config', { backend => {}, backends => [], frontends => { f => { default_backend => 'x' } },
	global => 5 }), 422, 'a bad whole'),
	{ '/backend' => qr/did you mean "backends"/, '/backends' => qr/must be an object/, '/global' => qr/object/,
	'/frontends/f/default_backend' => qr/no backend "x"/ }, 'a bad whole';
errors_are status_is($lb->patch('/v1/backends/app/servers/s1', { id => -5, weight => 1.5, maxconn => 1e300, priority => 10,
	address => undef, source => 'x' }), 422, 'a bad server'),
	{ '/id' => qr/1 to 268435455/, '/weight' => qr/integer/, '/maxconn' => qr/./, '/priority' => qr/0 to 9/, '' => qr/address/,
	'/source' => qr/./ }, 'a bad server';
$answer = status_is $lb->put('/v1/backends/many', { servers => { map { ("s$_" => { address => '127.0.0.1:1', weight => 999 }) } 1 .. 150 } }),
	422, 'very many errors';
is scalar @{$answer->{json}{errors}}, 100, 'are cut';
is_deeply [sort keys %{config_of('/v1/backends')}], ['app', 'plain'], 'and nothing of all that is there';

# A status in a body is ignored.
status_is $lb->patch('/v1/backends/app/servers/s1', { status => { state => 'maint' }, weight => 9 }), 200, 'status in a body';
is_deeply config_of('/v1/backends/app/servers/s1')->{status}, undef, 'is not kept';

# In use, and references.
status_is $lb->put('/v1/profiles/used', {}), 201, 'a profile';
status_is $lb->patch('/v1/backends/plain', { from => 'used' }), 200, 'a backend is from it';
status_is $lb->patch('/v1/frontends/web', { from => 'used' }), 200, 'a frontend too';
errors_are status_is($lb->delete('/v1/profiles/used'), 409, 'DELETE of a profile that is used'),
	{ '/backends/plain/from' => qr/profile "used"/, '/frontends/web/from' => qr/profile "used"/ }, 'who uses it';
errors_are status_is($lb->delete('/v1/backends/app'), 409, 'DELETE of a backend that is used'),
	{ '/frontends/web/default_backend' => qr/backend "app"/ }, 'who uses it';
is $lb->delete('/v1/backends/app')->{json}{detail}, 'it is in use', 'in a word';
status_is $lb->get('/v1/backends/app'), 200, 'it stays';
errors_are status_is($lb->patch('/v1/backends', { app => undef }), 409, 'by PATCH'),
	{ '/frontends/web/default_backend' => qr/backend "app"/ }, 'who uses it';
my $without = config_of('/v1/config');
delete $without->{backends}{app};
errors_are status_is($lb->put('/v1/config', $without), 422, 'a whole that names what it has not'),
	{ '/frontends/web/default_backend' => qr/there is no backend "app"/ }, 'a reference in the body';
delete $without->{frontends}{web}{default_backend};
status_is $lb->put('/v1/config?dry_run=true', $without), 200, 'both at once is fine';
errors_are status_is($lb->patch('/v1/backends/plain', { from => 'nobody' }), 422, 'a profile that is not there'),
	{ '/from' => qr/there is no profile "nobody"/ }, 'a reference';
status_is $lb->patch('/v1/config', { backends => { later => {} }, frontends => { x => { default_backend => 'later' } } }), 200,
	'what comes in the same body is there';
status_is $lb->patch('/v1/config', { backends => { later => undef }, frontends => { x => undef } }), 200, 'and goes so';

# Not live.
for my $field (['threads', 64], ['state_dir', '/nowhere'], ['files_dir', '/nowhere'], ['log_dir', '/nowhere'], ['user', 'nobody'], ['group', 'nogroup']) {
	errors_are status_is($lb->patch('/v1/global', { $field->[0] => $field->[1] }), 409, "global.$field->[0]"),
		{ "/$field->[0]" => qr/restart needed/ }, 'a restart';
}
errors_are status_is($lb->put('/v1/config', { %$whole, global => { threads => 64 } }), 409, 'in the whole'),
	{ '/global/threads' => qr/restart needed/ }, 'a restart';
status_is $lb->patch('/v1/global', { maxconn => 500, hard_stop_after => '1s', shutdown_delay => 0 }), 200, 'all else is live';

$lb->stop;
undef $lb;
done_testing;

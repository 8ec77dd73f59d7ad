#!/usr/bin/perl
# tier: story
# Whoever runs servers says over REST how they are checked, asked and watched: each field is set, read back,
# inherited, and refused with words where it makes no sense; who tracks whom is kept whole.
use Sluice;
use JSON::PP ();

my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my $origin = Sluice::Origin->start('a', 'greet');
my $lb = Sluice->start(config => {
	frontends => { web => { bind => ['127.0.0.1:0'], default_backend => 'app' } },
	backends => {
		app => { servers => { a => { address => $origin->address } } },
		web => { mode => 'http', servers => { w => { address => $origin->address } } },
	},
});
my $servers = '/v1/backends/app/servers';

sub status_is {
	my ($answer, $status, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($answer->{status}, $status, $name) or diag($answer->{text});
	return $answer;
}

sub refused {
	my ($answer, $status, $want, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($answer->{status}, $status, "$name: refused") or diag($answer->{text});
	is_deeply({ map { $_->{pointer} => $_->{detail} } @{$answer->{json}{errors} // []} }, $want,
		"$name: why");
}

# Field, a value, what holds where nothing is set.
my @fields = (
	[weight_percent => 50, 100],
	[check => $true, $false],
	[check_addr => '127.0.0.2', undef],
	[check_port => 8000, undef],
	[check_send_proxy => $true, undef],
	[inter => '500ms', '2s'],
	[fastinter => '100ms', undef],
	[downinter => '5s', undef],
	[rise => 3, 2],
	[fall => 5, 3],
	[init_state => 'fully-down', 'up'],
	[agent_check => $true, $false],
	[agent_addr => '::1', undef],
	[agent_port => 9000, undef],
	[agent_inter => '1m', '2s'],
	[agent_send => "app/a\n", undef],
	[observe => 'layer4', 'none'],
	[error_limit => 7, 10],
	[on_error => 'mark-down', 'fail-check'],
	[on_marked_down => 'shutdown-sessions', 'none'],
	[on_marked_up => 'shutdown-backup-sessions', 'none'],
	[slowstart => '30s', '0'],
);
my %all = map { $_->[0] => $_->[1] } @fields;
sub picked { my ($json) = @_; return { map { $_->[0] => $json->{$_->[0]} } @fields } }

# What holds, what is set.
is_deeply picked($lb->get("$servers/a")->{json}), { map { $_->[0] => $_->[2] } @fields }, 'what holds at first';
status_is $lb->patch("$servers/a", { %all, check_port => 8000 }), 200, 'all fields are set';
is_deeply picked($lb->get("$servers/a")->{json}), \%all, 'and read back';
is_deeply $lb->get("$servers/a?view=config")->{json}, { address => $origin->address, id => 1, %all }, 'as they were set';
status_is $lb->patch("$servers/a", { map { $_ => undef } keys %all }), 200, 'and unset';
is_deeply picked($lb->get("$servers/a")->{json}), { map { $_->[0] => $_->[2] } @fields }, 'what is built in holds again';

# Inherited: from the backend's default_server, from that of defaults.
my %inherited = (%all, agent_check => $false);
status_is $lb->patch('/v1/defaults', { default_server => \%inherited }), 200, 'defaults say it for all';
is_deeply picked($lb->get("$servers/a")->{json}), \%inherited, 'a server inherits it';
status_is $lb->patch('/v1/backends/app', { default_server => { rise => 9, check => $false } }), 200, 'the backend says some of it';
is_deeply picked($lb->get("$servers/a")->{json}), { %inherited, rise => 9, check => $false },
	'that is nearer; an inherited observe gives way to no check';
status_is $lb->patch('/v1/defaults', { default_server => undef }), 200, 'no more';
status_is $lb->patch('/v1/backends/app', { default_server => undef }), 200, 'nor there';

# Refused.
my %out_of_range = (
	weight_percent => [25601, 'must be 0 to 25600, is 25601'],
	check_port => [0, 'must be 1 to 65535, is 0'],
	rise => [0, 'must be 1 to 10000, is 0'],
	fall => [0, 'must be 1 to 10000, is 0'],
	error_limit => [0, 'must be 1 to 1000000, is 0'],
	inter => ['0', 'must be a duration from 1ms to 24d, is "0"'],
	init_state => ['maybe', 'must be one of "fully-up", "up", "down", "fully-down", "none", is "maybe"'],
	on_error => ['cry', 'must be one of "fail-check", "fastinter", "sudden-death", "mark-down", is "cry"'],
	observe => ['layer5', 'must be one of "none", "layer4", "layer7", is "layer5"; did you mean "layer4"?'],
);
refused $lb->patch("$servers/a", { $_ => $out_of_range{$_}[0] }), 422, { "/$_" => $out_of_range{$_}[1] }, $_
	for sort keys %out_of_range;
refused $lb->patch("$servers/a", { check_addr => '127.0.0.1:80' }), 422,
	{ '/check_addr' => 'must be an IP address without a port' }, 'an address with a port';
refused $lb->patch("$servers/a", { observe => 'layer4' }), 422,
	{ '/observe' => 'needs check: errors count against what checks find' }, 'observe without check';
refused $lb->patch("$servers/a", { observe => 'layer7', check => $true }), 422,
	{ '/observe' => 'layer7 needs a backend of mode http' }, 'observe layer7 in mode tcp';
status_is $lb->patch('/v1/backends/web/servers/w?dry_run=true', { observe => 'layer7', check => $true }), 200,
	'but in mode http';
refused $lb->patch("$servers/a", { agent_check => $true }), 422,
	{ '/agent_port' => 'is required where agent_check is on' }, 'an agent without a port';
refused $lb->put("$servers/u", { address => 'unix:/run/u.sock', check => $true, check_port => 80, check_addr => '127.0.0.1',
	agent_check => $true, agent_port => 9 }), 422, {
	'/check_port' => 'the server\'s address is a Unix socket: it is checked there',
	'/check_addr' => 'the server\'s address is a Unix socket: it is checked there',
	'/agent_addr' => 'is required where agent_check is on and the server\'s address is a Unix socket',
}, 'a Unix socket checked elsewhere';

# disabled is another way to say admin_state.
sub admin_of { my $json = $lb->get("$servers/a")->{json}; return "$json->{admin_state} $json->{disabled}" }
is admin_of(), "ready $false", 'not disabled';
status_is $lb->patch("$servers/a", { disabled => $true }), 200, 'disabled';
is admin_of(), "maint $true", 'is maint';
is_deeply $lb->get("$servers/a?view=config")->{json}, { address => $origin->address, id => 1, admin_state => 'maint' },
	'stored as admin_state';
status_is $lb->patch("$servers/a", { disabled => $false }), 200, 'enabled';
is admin_of(), "ready $false", 'is ready';
status_is $lb->patch("$servers/a", { admin_state => 'drain', disabled => $false }), 200, 'both agree';
is admin_of(), "drain $false", 'drain is not disabled';
status_is $lb->patch("$servers/a", { disabled => $false }), 200, 'enabled again';
is admin_of(), "drain $false", 'changes nothing';
refused $lb->patch("$servers/a", { admin_state => 'ready', disabled => $true }), 422,
	{ '/disabled' => 'is true, but admin_state is ready' }, 'both disagree';
status_is $lb->patch("$servers/a", { disabled => undef }), 200, 'unset';
is admin_of(), "ready $false", 'is ready';

# track
my $address = $origin->address;
status_is $lb->patch("$servers/a", { check => $true }), 200, 'a is checked';
status_is $lb->put("$servers/b", { address => $address, track => 'a' }), 201, 'b tracks it';
status_is $lb->put('/v1/backends/web/servers/c', { address => $address, track => 'app/b' }), 201, 'c tracks b, from elsewhere';
is $lb->get("$servers/b")->{json}{track}, 'a', 'it is read back';
refused $lb->delete("$servers/a"), 409, { '/backends/app/servers/b/track' => 'names server "app/a"' }, 'whom somebody tracks stays';
refused $lb->delete('/v1/backends/app'), 409, {
	'/backends/web/servers/c/track' => 'names server "app/b"',
	'/frontends/web/default_backend' => 'names backend "app"',
}, 'and their backend';
refused $lb->patch("$servers/a", { check => $false }), 422,
	{ '/check' => 'is not on, and server "app/b" tracks this one' }, 'whom somebody tracks is checked';
status_is $lb->patch("$servers/a", { check => undef, agent_check => $true, agent_port => 9 }), 200, 'an agent will do';
status_is $lb->patch("$servers/a", { check => $true, agent_check => undef, agent_port => undef }), 200, 'or a check';
refused $lb->put("$servers/d", { address => $address, track => 'aa' }), 422,
	{ '/track' => 'there is no server "app/aa"; did you mean "a"?' }, 'nobody to track';
refused $lb->put("$servers/d", { address => $address, track => 'x/a' }), 422,
	{ '/track' => 'there is no server "x/a"' }, 'nowhere';
refused $lb->put("$servers/d", { address => $address, track => 'd' }), 422, { '/track' => 'is the server itself' }, 'itself';
refused $lb->patch("$servers/a", { check => undef, track => 'web/c' }), 422,
	{ '/track' => 'leads in a circle, by way of server "app/b"' }, 'a circle';
status_is $lb->put("$servers/n", { address => $address }), 201, 'one that is not checked';
refused $lb->put("$servers/d", { address => $address, track => 'n' }), 422,
	{ '/track' => 'leads to server "app/n", which is not checked: it has neither check nor agent_check' }, 'nothing to follow';
refused $lb->put("$servers/d", { address => $address, track => 'a', check => $true, init_state => 'down' }), 422, {
	'/track' => 'has the health of another server, and check is true: it can\'t be both tracked and checked',
	'/init_state' => 'means nothing beside track',
}, 'tracked and checked';
status_is $lb->patch('/v1/backends/app', { default_server => { check => $true, init_state => 'down' } }), 200, 'all are checked';
is $lb->get("$servers/b")->{json}{track}, 'a', 'but who tracks another one';
status_is $lb->patch('/v1/backends/app', { default_server => undef }), 200, 'no more';
status_is $lb->put("$servers/a", { address => $address, id => 77, check => $true }), 200, 'another one takes the place of who is tracked';
status_is $lb->patch($servers, { a => undef, b => undef, n => { comment => 'stays' } }), 409, 'still tracked through b';
status_is $lb->delete('/v1/backends/web/servers/c'), 204, 'who tracks may go';
status_is $lb->patch($servers, { a => undef, b => undef }), 200, 'and both together';

# How a backend checks.
my %http = (type => 'http', method => 'GET', uri => '/health', version => 'HTTP/1.1', disable_on_404 => $true,
	headers => [{ name => 'Host', value => 'app' }], body => 'x', expect => { status => '200-299,404', negate => $false });
my @good = (
	{ type => 'tcp' },
	\%http,
	{ type => 'http', expect => { status => 200 } },
	{ type => 'http', expect => { header => { name => 'X-Ok', value => 'y', match => 'beg' } } },
	{ type => 'http', steps => [
		{ action => 'connect', port => 80, addr => '::1', send_proxy => $true, linger => $true, comment => 'first' },
		{ action => 'send', method => 'GET', uri => '/' },
		{ action => 'expect', rstatus => '^2', error_status => 'L7STS', tout_status => 'L7TOUT', ok_status => 'L7OK' },
		{ action => 'send', uri => '/b' },
		{ action => 'expect', rstring => 'ok|fine', min_recv => 2, comment => 'fine' },
	] },
	{ type => 'tcp', steps => [
		{ action => 'connect' },
		{ action => 'send', data => "PING\r\n" },
		{ action => 'expect', string => '+PONG' },
		{ action => 'send-binary', hex => '0d0A' },
		{ action => 'expect', binary => '0d0a', negate => $true },
		{ action => 'expect', rbinary => '0[dD]' },
	] },
	{ type => 'redis' },
	{ type => 'smtp', hello => 'EHLO', domain => 'mail.example' },
);
for my $check (@good) {
	my $name = JSON::PP->new->canonical->encode($check);
	status_is $lb->patch('/v1/backends/web', { check => undef }), 200, 'none';
	status_is $lb->patch('/v1/backends/web', { check => $check }), 200, $name;
	is_deeply $lb->get('/v1/backends/web')->{json}{check}, $check, 'is read back';
}
status_is $lb->patch('/v1/backends/web', { check => undef, timeout => { check => '1s' }, log_health_checks => $true }), 200, 'more of it';
status_is $lb->patch('/v1/defaults', { check => \%http }), 200, 'defaults say how';
is_deeply $lb->get('/v1/backends/web')->{json}{check}, \%http, 'it is inherited';
status_is $lb->patch('/v1/backends/web', { check => { type => 'redis' } }), 200, 'as a whole';
is_deeply $lb->get('/v1/backends/web')->{json}{check}, { type => 'redis' }, 'or not at all';
is $lb->get('/v1/backends/web')->{json}{timeout}{check}, '1s', 'a time of its own';
is $lb->get('/v1/backends/app')->{json}{log_health_checks}, $false, 'not logged';
status_is $lb->patch('/v1/defaults', { check => undef }), 200, 'no more';
my @bad = (
	[{ uri => '/' }, { '/check' => '"type" is required' }],
	[{ type => 'tcp', uri => '/' }, { '/check/uri' => 'tcp has no field "uri"; it has: steps' }],
	[{ type => 'redis', steps => [{ action => 'connect' }] }, { '/check/steps' => 'redis has no field "steps"' }],
	[{ type => 'smtp', hello => 'HI' }, { '/check/hello' => 'must be one of "HELO", "EHLO", is "HI"' }],
	[{ type => 'http', uri => '/', steps => [{ action => 'send' }] },
		{ '/check/uri' => 'can\'t stand beside steps: a step says it' }],
	[{ type => 'http', version => 'HTTP/1.1' }, { '/check/version' => 'HTTP/1.1 needs the header Host' }],
	[{ type => 'http', headers => [{ name => 'content-length', value => '1' }] },
		{ '/check/headers/0/name' => 'is one that a check\'s request has by itself' }],
	[{ type => 'http', expect => {} },
		{ '/check/expect' => 'needs just one of status, rstatus, string, rstring and header, has 0' }],
	[{ type => 'http', expect => { status => 200, string => 'x' } },
		{ '/check/expect' => 'needs just one of status, rstatus, string, rstring and header, has 2' }],
	[{ type => 'tcp', steps => [{ action => 'send', data => 'x' }, { action => 'expect', negate => $true }] },
		{ '/check/steps/1' => 'needs just one of string, rstring, binary and rbinary, has 0' }],
	[{ type => 'tcp', steps => [{ action => 'send-binary', hex => '0' }] },
		{ '/check/steps/0/hex' => 'must be pairs of hexadecimal digits such as "0d0a", is "0"' }],
	[{ type => 'tcp', steps => [{ action => 'connect', addr => 'nowhere' }] },
		{ '/check/steps/0/addr' => re('.') }],
	[{ type => 'tcp', steps => [{ action => 'send', uri => '/' }] }, {
		'/check/steps/0/uri' => 'send has no field "uri"; it has: data', '/check/steps/0' => '"data" is required' }],
	[{ type => 'http', steps => [{ action => 'send', status => 200 }] }, { '/check/steps/0/status' => re('send has no field "status"') }],
	[{ type => 'http', uri => '/a b' }, { '/check/uri' => 'must be a URI without white space, is "/a b"' }],
	[{ type => 'http', uri => 'healthz' }, { '/check/uri' => 'uri "healthz": a server would refuse that (bad-target); a path begins with /' }],
	[{ type => 'http', method => 'CONNECT' }, { '/check/method' => re('asks for a tunnel') }],
	[{ type => 'http', headers => [{ name => 'a b', value => 'x' }] }, { '/check/headers/0/name' => re('must be a header name') }],
	[{ type => 'http', headers => [{ name => 'a', value => "x\ny" }] }, { '/check/headers/0/value' => re('must be a header value') }],
	[{ type => 'http', steps => [{ action => 'send', uri => 'healthz' }] }, { '/check/steps/0/uri' => re('bad-target') }],
	[{ type => 'http', steps => [{ action => 'send', headers => [{ name => 'a b', value => 'x' }] }] },
		{ '/check/steps/0/headers/0/name' => re('must be a header name') }],
	[{ type => 'http', headers => [{ name => 'Host', value => 'a b' }] }, { '/check/headers' => re('bad-host') }],
	[{ type => 'http', expect => { rstatus => '(' } }, { '/check/expect/rstatus' => re('.') }],
	[{ type => 'http', expect => { status => '300-200' } }, { '/check/expect/status' => re('.') }],
);
sub re { my ($text) = @_; return qr/$text/ }
for my $case (@bad) {
	my ($check, $want) = @$case;
	my $name = JSON::PP->new->canonical->encode($check);
	my $answer = $lb->put('/v1/backends/bad', { check => $check });
	is $answer->{status}, 422, "$name: refused";
	my %got = map { $_->{pointer} => $_->{detail} } @{$answer->{json}{errors} // []};
	is_deeply [sort map { $_->{pointer} } @{$answer->{json}{errors} // []}], [sort keys %$want], "$name: where" or diag($answer->{text});
	ref($want->{$_}) ? like($got{$_}, $want->{$_}, "$_: why") : is($got{$_}, $want->{$_}, "$_: why") for sort keys %$want;
}

# What was set before stands in the way of a patch.
status_is $lb->patch('/v1/backends/web', { check => { type => 'http', uri => '/health', method => 'GET' } }), 200, 'a check by HTTP';
refused $lb->patch('/v1/backends/web', { check => { type => 'tcp', method => 'POST' } }), 422, {
	'/check/uri' => 'tcp has no field "uri"; it has: steps (set before: null unsets it)',
	'/check/method' => 'tcp has no field "method"; it has: steps',
}, 'it has fields that the new one does not have';
status_is $lb->patch('/v1/backends/web', { check => { type => 'tcp', uri => undef, method => undef } }), 200, 'without them';
refused $lb->patch("$servers/n", { weight => '50%' }), 422, { '/weight' => 'must be an integer, is a string; a percentage goes into weight_percent' },
	'HAProxy\'s way to say it';

# global
status_is $lb->patch('/v1/global', { spread_checks => 10, max_checks => 5 }), 200, 'how many at a time';
is $lb->get('/v1/global')->{json}{max_checks}, 5, 'is read back';
status_is $lb->patch('/v1/global', { spread_checks => undef, max_checks => undef }), 200, 'unset';
is $lb->get('/v1/global')->{json}{max_checks}, 1000, 'what is built in';
refused $lb->patch('/v1/global', { spread_checks => 51 }), 422, { '/spread_checks' => 'must be 0 to 50, is 51' }, 'more than half';
done_testing;

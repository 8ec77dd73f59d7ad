#!/usr/bin/perl
# tier: story
# The admin server is configured by itself, never forwarded to, and tells what the program is; and
# listeners of all kinds come and go without getting into each other's way.
use Sluice;
use JSON::PP ();

my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my $origin = Sluice::Origin->start('a', 'greet');
my $lb = Sluice->start(admin => '', state => 1, config => {
	global => { threads => 2 }, admin => { listen => ['127.0.0.1:0'] },
	frontends => { web => { bind => ['127.0.0.1:0'], default_backend => 'app' } },
	backends => { app => { servers => { a => { address => $origin->address } } } },
});
my $servers = '/v1/backends/app/servers';

sub status_is {
	my ($answer, $status, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($answer->{status}, $status, $name) or diag($answer->{text});
	return $answer;
}

sub errors_are {
	my ($answer, $want, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my %errors = map { $_->{pointer} => $_->{detail} } @{$answer->{json}{errors} // []};
	is(join(' ', sort keys %errors), join(' ', sort keys %$want), "$name: where") or diag($answer->{text});
	like($errors{$_} // '', $want->{$_}, "$name: $_") for sort keys %$want;
}

# What the program is.
my $info = status_is($lb->get('/v1/info'), 200, 'info')->{json};
is $info->{pid}, $lb->pid, 'its pid';
is $info->{threads}, 2, 'its workers';
is $info->{state_dir}, $lb->file('state'), 'its state';
is_deeply $info->{admin}{listen}, [$lb->admin_address], 'where it listens';
like $info->{libraries}{libevent} // '', qr/^\d/, 'its libraries';
like $info->{started}, qr/Z$/, 'since when';
my $schemas = status_is($lb->get('/v1/schemas'), 200, 'schemas')->{json};
ok exists $schemas->{config}, 'that of the document is one';
is $lb->get($_->{href})->{status}, 200, $_->{href} for map { $schemas->{$_} } sort keys %$schemas;
my $schema = $lb->get('/v1/schemas/config')->{json};
is $schema->{'$defs'}{server}{properties}{weight}{'$ref'}, '#/$defs/weight', 'it is the schema';
my $expressions = status_is($lb->get('/v1/schemas/expressions'), 200, 'what expressions are made of')->{json};
is $expressions->{fetches}{path}{type}, 'string', 'a fetch and its type';
is $expressions->{converters}{lower}{takes}, 'string', 'a converter and what it takes';
ok $expressions->{match_methods}{beg}{forms}, 'a match method that has forms';
is $expressions->{acls}{METH_GET}, 'method GET HEAD', 'a predefined ACL';
like $expressions->{log_variables}{ci}{description}, qr/client/, 'a log variable';
status_is $lb->get('/v1/schemas/nothing'), 404, 'another one is not there';
is_deeply status_is($lb->get('/healthz'), 200, 'healthz')->{json}, { status => 'ok' }, 'is well';
is_deeply status_is($lb->get('/readyz'), 200, 'readyz')->{json}, { ready => $true, reasons => [] }, 'and ready';

# Never forwarded to, wherever it listens.
sub state_of { my $s = $lb->get("$servers/$_[0]")->{json}{status}; return "$s->{state}: $s->{cause}{code}" }
my ($port) = $lb->admin_address =~ /:(\d+)$/;
for my $address ("127.0.0.1:$port", "0.0.0.0:$port", "[::ffff:127.0.0.1]:$port") {
	status_is $lb->put("$servers/own", { address => $address }), 201, "a server at $address";
	is state_of('own'), 'no_address: own-admin', 'is the admin server itself, and none';
	is $lb->get("$servers/own")->{json}{status}{eligible}, $false, 'never eligible';
	status_is $lb->delete("$servers/own"), 204, 'gone';
}
status_is $lb->put("$servers/own", { address => "127.0.0.2:$port" }), 201, 'another loopback address';
is state_of('own'), 'no_check: created', 'is somebody else';
status_is $lb->delete("$servers/own"), 204, 'gone';

# Another address, live.
my $free = Sluice::Origin->refusing_address;
my $sock = $lb->file('admin.sock');
my $old = $lb->admin_address;
status_is $lb->put("$servers/later", { address => "unix:$sock" }), 201, 'a server at a socket of nobody';
symlink $sock, "$sock.link";
is state_of('later'), 'no_check: created', 'could be one';
errors_are status_is($lb->patch('/v1/admin', { listen => ['127.0.0.1:0', $free] }), 409, 'an address that is taken'),
	{ '/listen/1' => qr/use/ }, 'taken';
is_deeply $lb->get('/v1/info')->{json}{admin}{listen}, [$old], 'and nothing has changed';
status_is $lb->patch('/v1/admin', { listen => ['127.0.0.1:0', { address => "unix:$sock", mode => '0600' }] }), 200, 'a Unix socket too';
is_deeply $lb->get('/v1/admin')->{json}{status}{listen}, [$old, "unix:$sock"], 'the old one is kept as it is';
is +(stat $sock)[2] & 07777, 0600, 'with its mode';
is state_of('later'), 'no_address: own-admin', 'a server there is none any more';
status_is $lb->put("$servers/link", { address => "unix:$sock.link" }), 201, 'one behind a link to it';
is state_of('link'), 'no_address: own-admin', 'neither';
my $client = Sluice::Client->connect("unix:$sock");
my $body = "{\"listen\":[{\"address\":\"unix:$sock\",\"mode\":\"0660\"}]}";
$client->send("PATCH /v1/admin HTTP/1.1\r\nHost: localhost\r\nContent-Length: " . length($body) . "\r\n\r\n$body");
like $client->read_line, qr{^HTTP/1.1 200 }, 'over it the TCP listener is taken away';
$client->close;
is +(stat $sock)[2] & 07777, 0660, 'and its mode changed';
ok !Sluice::Client->try_connect($old), 'nobody is there';
$client = Sluice::Client->connect("unix:$sock");
$body = '{"listen":null}';
$client->send("PATCH /v1/admin?dry_run=true HTTP/1.1\r\nHost: x.example\r\nContent-Length: 15\r\n\r\n$body");
like $client->read_line, qr{^HTTP/1.1 403 }, 'the Host rule holds here too';
$client->close;
$client = Sluice::Client->connect("unix:$sock");
$body = '{"listen":["127.0.0.1:0"],"hosts":["lb.example"]}';
$client->send("PATCH /v1/admin HTTP/1.1\r\nHost: localhost\r\nContent-Length: " . length($body) . "\r\n\r\n$body");
like $client->read_until("\r\n\r\n"), qr{^HTTP/1.1 200 }, 'back to TCP';
my ($new) = $client->read_until('}}') =~ /"listen":\["(127\.0\.0\.1:[1-9]\d*)"\]/;
$client->close;
ok $new, 'and says where';
ok !-e $sock, 'the socket is gone';
$lb->{admin} = $new;
is state_of('later'), 'no_check: config', 'and the server there could be one again';
$client = Sluice::Client->connect($new);
$client->send("GET /v1/info HTTP/1.1\r\nHost: lb.example\r\n\r\n");
like $client->read_line, qr{^HTTP/1.1 200 }, 'a name of admin.hosts';
$client->close;
errors_are status_is($lb->patch('/v1/admin', { listen => ['0.0.0.0:0', '10.0.0.1:80', '127.0.0.1:0'] }), 422, 'not loopback'),
	{ '/listen/0' => qr/loopback/, '/listen/1' => qr/loopback/ }, 'loopback';
status_is $lb->patch('/v1/admin', { listen => [] }), 422, 'nowhere';

# Two changes at once, one of which takes back what the other does.
my @waiting = map {
	my $c = Sluice::Client->connect($new);
	$body = $_ % 2 ? "{\"listen\":[\"127.0.0.1:0\",\"unix:$sock\"]}" : '{"listen":["127.0.0.1:0"]}';
	$c->send("PATCH /v1/admin HTTP/1.1\r\nHost: localhost\r\nContent-Length: " . length($body) . "\r\n\r\n$body");
	$c;
} 1 .. 8;
is join(' ', map { $_->read_line =~ / (\d+) / } @waiting), join(' ', (200) x 8), 'eight changes of the listeners at once';
$_->close for @waiting;
status_is $lb->get('/readyz'), 200, 'it goes on';

# Listeners of frontends.
status_is $lb->patch($servers, { later => undef, link => undef }), 200, 'one server is left';
is $lb->connect('web')->read_line, 'a', 'clients come in';
my $web = $lb->address('web');
errors_are status_is($lb->put('/v1/frontends/two', { bind => ['127.0.0.1:0', $web] }), 409, 'an address that web got'),
	{ '/bind/1' => qr/use/ }, 'taken by ourselves';
errors_are status_is($lb->put('/v1/frontends/two', { bind => [$new] }), 409, 'the admin address'), { '/bind/0' => qr/use/ }, 'taken';
errors_are status_is($lb->put('/v1/frontends/two', { bind => [$free] }), 409, 'that of another program'),
	{ '/bind/0' => qr/use/ }, 'taken by others';
status_is $lb->get('/v1/frontends/two'), 404, 'none of it made a frontend';
my $path = $lb->file('two.sock');
status_is $lb->put('/v1/frontends/two', { bind => [{ address => "unix:$path", mode => '0660' }], default_backend => 'app' }), 201, 'a Unix socket';
is +(stat $path)[2] & 07777, 0660, 'has its mode';
is $lb->connect('two')->read_line, 'a', 'and serves';
errors_are status_is($lb->put('/v1/frontends/three', { bind => ["unix:$path", "unix:$path"] }), 422, 'used twice'),
	{ map { ("/bind/$_" => qr/is used by frontend two already/) } 0, 1 }, 'names the other';
errors_are status_is($lb->patch('/v1/admin', { listen => ["unix:$path"] }), 422, 'by the admin server'),
	{ '/listen/0' => qr/is used by .* already/ }, 'names the other';
status_is $lb->patch('/v1/frontends', { two => undef, three => { bind => ["unix:$path"], default_backend => 'app' } }), 200,
	'one gives its socket to another';
is $lb->connect('three')->read_line, 'a', 'which serves';
is $lb->address('web'), $web, 'and web has its port still';

$lb->{admin} = $lb->get('/v1/admin')->{json}{status}{listen}[0];
$lb->stop;
undef $lb;
done_testing;

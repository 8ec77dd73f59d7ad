#!/usr/bin/perl
# tier: story
#
# A backend that a client names serves him only in his mode: rules of HTTP never run over a TCP stream, nor the other way round.
# And an answer that a response's rules make is whole where other rules look at it once more; so is a capture that is made of itself.
use Sluice;
use Sluice::Http;
use Sluice::HttpOrigin;
use JSON::PP ();

my $origin = Sluice::HttpOrigin->start('web');
my $plain = Sluice::Origin->start('plain', 'greet');
my @made = (phase => 'http-response', action => 'return', content_type => 'text/plain');
my $lb = Sluice->start(config => {
	global => { threads => 1 },
	frontends => {
		by_format => { mode => 'http', bind => ['127.0.0.1:0'], default_backend => 'by_format' },
		named => { mode => 'http', bind => ['127.0.0.1:0'], default_backend => 'named' },
		lines => { mode => 'tcp', bind => ['127.0.0.1:0'], default_backend => 'lines', rules => [
			{ phase => 'tcp-request-content', action => 'inspect-delay', delay => '20s' },
			{ phase => 'tcp-request-content', action => 'accept', if => '{ req.len ge 5 }' },
			{ action => 'use_backend', backend => '%[req.payload(0,5)]' } ] },
		web => { mode => 'http', bind => ['127.0.0.1:0'], default_backend => 'whole', capture_request_headers => [ { name => 'X-Long', len => 200 } ], rules => [
			{ action => 'set-var', name => 'txn.rest', expr => 'capture.req.hdr(0),bytes(1),capture-req(0)' },
			{ action => 'return', status => 200, if => 'METH_CONNECT' },
			{ action => 'use_backend', backend => '%[req.hdr(x-to)]' },
			{ @made, lf_string => 'made of %[status], for you', headers => [ { name => 'X-Of', value => '%[status]' } ], if => '{ status 200 }' },
			{ phase => 'http-after-response', action => 'set-header', name => 'X-After', value => 'looked at' } ] },
	},
	backends => {
		named => { mode => 'http', rules => [ (map { { action => 'use-server', server => $_, if => "{ path /$_ }" } } qw(zero spare away)),
			{ action => 'use-server', server => 'away', if => '{ path /next }' }, { action => 'use-server', server => 'zero', if => '{ path /next }' } ], servers => {
			usual => { address => $origin->address }, zero => { address => $origin->address, weight => 0 },
			spare => { address => $origin->address, backup => JSON::PP::true }, away => { address => $origin->address, admin_state => 'maint' } } },
		by_format => { mode => 'http', rules => [ { id => 'named', action => 'use-server', server => '%[url_param(s)]' }, { action => 'use-server', server => 'spare' } ],
			servers => { usual => { address => $origin->address }, spare => { address => $origin->address, backup => JSON::PP::true },
				away => { address => $origin->address, admin_state => 'maint' } } },
		lines => { mode => 'tcp', servers => { s => { address => $plain->address } } },
		whole => { mode => 'http', servers => { s => { address => $origin->address } }, rules => [
			{ action => 'set-header', name => 'X-Path', value => '%[path]' }, { action => 'set-path', value => '/set' } ] },
	},
});

my $client = $lb->connect('lines');
$client->send('whole');
is $client->read_line, 'plain', 'who names a backend of HTTP in TCP mode gets the default one';
$client->close;
is $lb->log_line(frontend => 'lines')->{backend}, 'lines', '... as the log says';

$client = $lb->connect('web');
$client->send("GET /a HTTP/1.1\r\nHost: h\r\nX-To: lines\r\nX-Long: " . join('', 'A' .. 'Z', 0 .. 99) . "\r\n\r\n");
my $answer = read_answer($client);
is $answer->{body}, 'made of 200, for you', 'the same of TCP in HTTP mode; a body that was made of a response is whole';
is field($answer, 'X-Of') . ', ' . field($answer, 'X-After'), '200, looked at', 'with its headers, and those that follow';
$client->close;
my $line = $lb->log_line(frontend => 'web');
is $line->{backend}, 'whole', '... from the default one';
is $line->{captured}{request}{'X-Long'}, substr(join('', 'A' .. 'Z', 0 .. 99), 1, 199), 'a part of what was captured takes its place';

# What a client sends behind a CONNECT that was answered with 200 is no request.
$client = $lb->connect('web');
$client->send("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\nGET /inside HTTP/1.1\r\nHost: h\r\n\r\n");
my $all = $client->read_all;
is scalar(() = $all =~ m{^HTTP/1}mg), 1, 'one answer to a CONNECT';
like $all, qr/^Connection: close\r$/m, '... which is the last';

# Framing is ours.
is $lb->patch('/v1/frontends/web', { unique_id_format => '%ci', unique_id_header => $_ })->{status}, 422, "no unique id in $_"
	for qw(Content-Length transfer-encoding Connection);
is $lb->patch('/v1/frontends/web', { unique_id_format => '%ci', unique_id_header => 'X-Id' })->{status}, 200, '... but in X-Id';
is $lb->patch('/v1/frontends/web', { rules => [ { phase => 'http-response', action => 'set-status', status => 101 } ] })->{status}, 422, 'no 1xx for an answer';

# A server of weight 0 is there for those who are sent to it, as in HAProxy's manual.
$client = $lb->connect('named');
for my $case (['zero', 'zero', 'use-server'], ['spare', 'spare', 'use-server'], ['away', 'usual', 'roundrobin'], ['next', 'zero', 'use-server'], ['other', 'usual', 'roundrobin']) {
	my ($path, $server, $picked) = @$case;
	$client->send("GET /$path HTTP/1.1\r\nHost: h\r\n\r\n");
	is read_answer($client)->{status}, 200, "a request for /$path";
	my $said = $lb->log_line(frontend => 'named');
	is "$said->{server}, $said->{picked}", "$server, $picked", "... goes to $server";
}
$client->close;

# ... also by a name that a request makes: who is down leaves it to the next rule, a name of nobody to the balance (as HAProxy).
$client = $lb->connect('by_format');
sub goes_to {
	my ($name, $server, $picked, $why) = @_;
	$client->send("GET /?s=$name HTTP/1.1\r\nHost: h\r\n\r\n");
	is read_answer($client)->{status}, 200, "s=$name";
	my $said = $lb->log_line(frontend => 'by_format');
	is "$said->{server}, $said->{picked}", "$server, $picked", "... goes to $server: $why";
}
goes_to('spare', 'spare', 'use-server', 'its name');
goes_to('away', 'spare', 'use-server', 'the next rule\'s');
goes_to('nobody', 'usual', 'roundrobin', 'there is no such server');
goes_to('', 'usual', 'roundrobin', 'no name');
goes_to('x' x 5000, 'usual', 'roundrobin', 'no name, that long');
goes_to('new', 'usual', 'roundrobin', 'not there yet');
is $lb->put('/v1/backends/by_format/servers/new', { address => $origin->address })->{status}, 201, 'a server comes';
goes_to('new', 'new', 'use-server', 'it is there');
is $lb->patch('/v1/backends/by_format/servers/new', { id => 77 })->{status}, 200, 'another one takes its place';
goes_to('new', 'new', 'use-server', 'it is there');
is $lb->delete('/v1/backends/by_format/servers/new')->{status}, 204, 'a server goes that only a format names';
goes_to('new', 'usual', 'roundrobin', 'it has gone');
my $refused = $lb->patch('/v1/backends/by_format/rules/named', { server => '%[url_parm(s)]' });
is $refused->{status}, 422, 'a format that is none';
is $refused->{json}{errors}[0]{pointer}, '/server', '... is refused at its place';
$client->close;
$lb->stop;
done_testing;

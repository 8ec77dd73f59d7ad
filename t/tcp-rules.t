#!/usr/bin/perl
# tier: story
#
# TCP mode decides by what the client says first, or by who he is: names of TLS and of other protocols choose a backend,
# what is not awaited is turned away, and nothing of what was looked at is lost. What the server says first can be judged, too.
use Sluice;
use JSON::PP ();
use Time::HiRes qw(time);

my $ms = int(1000 * seconds(0.3));
my $tls = Sluice::Origin->start('tls', 'greet');
my $ssh = Sluice::Origin->start('ssh', 'greet');
my $plain = Sluice::Origin->start('plain', 'greet');
my $says = Sluice::Origin->start('says', sub {
	my ($conn) = @_;
	my $line = $conn->read_line;
	$conn->send($_), select(undef, undef, undef, 0.02) for $line =~ /./g;
	$conn->send("\n");
	return $conn->read_all(3600);
});

# A ClientHello that names a host, whole but for nothing that TLS would need beyond.
sub hello {
	my ($name) = @_;
	my $sni = pack('n/a*', pack('C n/a*', 0, $name));
	my $extensions = pack('n n/a*', 0, $sni);
	my $body = pack('n a32 C n/a* C/a* n/a*', 0x0303, 'r' x 32, 0, pack('n', 0x1301), "\0", $extensions);
	my $handshake = pack('C C n a*', 1, 0, length $body, $body);
	return pack('C n n/a*', 22, 0x0301, $handshake);
}

my @content = (phase => 'tcp-request-content');
my $lb = Sluice->start(config => {
	global => { threads => 1 },
	defaults => { mode => 'tcp', timeout => { client => '20s', server => '20s', connect => '5s' } },
	frontends => {
		mixed => { bind => ['127.0.0.1:0'], default_backend => 'plain', rules => [
			{ @content, action => 'inspect-delay', delay => "${ms}ms" },
			{ @content, action => 'reject', id => 'bad', if => '{ req.ssl_sni -i bad.example }' },
			{ @content, action => 'accept', if => '{ req.ssl_hello_type 1 }' },
			{ @content, action => 'accept', if => '{ req.payload(0,4) -m str SSH- }' },
			{ action => 'use_backend', id => 'to-tls', backend => 'tls', if => '{ req.ssl_sni -m end -i .example }' },
			{ action => 'use_backend', backend => 'ssh', if => '{ req.payload(0,4) -m str SSH- }' },
		] },
		guarded => { bind => ['127.0.0.1:0'], default_backend => 'plain', rules => [
			{ phase => 'tcp-request-connection', action => 'reject', if => '{ src 127.0.0.2 }' },
			{ phase => 'tcp-request-session', action => 'set-var', name => 'sess.from', expr => 'src' },
			{ @content, action => 'reject', unless => '{ var(sess.from) -m ip 127.0.0.1 }' },
		] },
		judged => { bind => ['127.0.0.1:0'], default_backend => 'judged' },
		told => { bind => ['127.0.0.1:0'], default_backend => 'told', rules => [
			{ @content, action => 'set-src', expr => 'str(192.0.2.9)' }, { @content, action => 'set-src-port', expr => 'int(99)' } ] },
	},
	backends => {
		(map { $_->name => { servers => { s => { address => $_->address } } } } $tls, $ssh, $plain),
		told => { servers => { s => { address => $plain->address, send_proxy => JSON::PP::true } } },
		judged => { servers => { s => { address => $says->address } }, rules => [
			{ phase => 'tcp-response-content', action => 'inspect-delay', delay => "${ms}ms" },
			{ phase => 'tcp-response-content', action => 'reject', if => '{ res.payload(0,3) -m str BAD }' },
			{ phase => 'tcp-response-content', action => 'accept', if => '{ res.payload(0,3) -m found }' },
		] },
	},
});

# All at once, and in pieces: what decides may come late.
for my $pieces (0, 1) {
	for my $case (['tls', hello('www.example')], ['ssh', "SSH-2.0-test\r\n"], ['plain', hello('elsewhere.org')]) {
		my ($name, $bytes) = @$case;
		my $client = $lb->connect('mixed');
		if ($pieces) {
			$client->send($_) for unpack('(a7)*', $bytes);
		} else {
			$client->send($bytes);
		}
		is $client->read_line, $name, "$name is found by what was sent" . ($pieces ? ' in pieces' : '');
		is unpack('H*', $client->read_exactly(length $bytes)), unpack('H*', $bytes), '... and all of that arrives';
		$client->close;
	}
}
is $lb->log_line(backend => 'tls')->{rule}, 'to-tls', 'the log names the rule that chose';
my $began = time;
my $client = $lb->connect('mixed');
is $client->read_line(seconds(5)), 'plain', 'who says nothing goes where it goes by default';
cmp_ok time - $began, '>', seconds(0.29), '... when the delay is over';
$client->close;
ok becomes { grep { $_->{timers_ms}{queue} >= 0.9 * $ms && $_->{timers_ms}{connect} < 0.9 * $ms } $lb->log_lines(frontend => 'mixed') } 5,
	'... and in the log that is a wait for a server, not for a connection (as in HAProxy)';
$began = time;
$client = $lb->connect('mixed');
$client->send("GET / HTTP/1.0\r\n\r\n");
is $client->read_line, 'plain', 'who says what none of the rules awaits';
cmp_ok time - $began, '<', seconds(0.29), '... need not wait for it';
$client->close;
$client = $lb->connect('mixed');
$client->send(hello('BAD.example'));
ok $client->closed_within(5), 'a name is turned away';
is $tls->accepted, 2, '... and no server hears of it';
is $lb->log_line(frontend => 'mixed', termination_state => qr/^P/)->{rule}, 'bad', '... and the log names the rule';
$client = $lb->connect('mixed');
$client->send('half');
$client->half_close;
is $client->read_line, 'plain', 'a client that ends early is not kept waiting';
is $client->read_all, 'half', '... and its end is carried on';

# Who it is
$client = $lb->connect('guarded');
is $client->read_line, 'plain', 'one address passes';
$client->close;
my $other = eval { Sluice::Client->connect($lb->address('guarded'), from => '127.0.0.2') };
ok !$other || $other->closed_within(5), 'another is refused at once';
is $lb->get('/v1/frontends/guarded')->{json}{status}{sessions}{total}, 1, '... and is no session';
is $lb->get('/v1/frontends/guarded')->{json}{status}{denied}, 1, '... but is counted';

# What the server says
for my $case (["GOOD\n", "GOOD\n"], ["BADDY\n", ''], ["x\n", "x\n"]) {
	my ($says, $want) = @$case;
	$client = $lb->connect('judged');
	$client->send($says);
	my $got = $want eq '' ? $client->read_all : $client->read_line . "\n";
	is $got, $want, 'a server says ' . $says =~ s/\n//r;
	$client->close;
}
my @ends = map { $lb->log_line(frontend => 'judged')->{termination_state} } 1 .. 3;
like "@ends", qr/P./, 'a refused answer is our decision, in the log, too';

# Addresses that rules set are what the server is told.
$client = $lb->connect('told');
is $client->read_line, 'plain', 'a server that takes PROXY headers';
like $client->read_line, qr/^PROXY TCP4 192\.0\.2\.9 127\.0\.0\.1 99 \d+\r?$/, 'hears of the address that a rule set';
$client->close;
like $lb->log_line(frontend => 'told')->{client}, qr/^192\.0\.2\.9:99$/, '... as does the log';

# A rule without a delay decides by what is there.
is $lb->patch('/v1/frontends/mixed', { rules => [ { @content, action => 'reject', unless => '{ req.len gt 0 }' } ] })->{status}, 200, 'no delay any more';
$client = $lb->connect('mixed');
ok $client->closed_within(5), 'who is silent is turned away at once';
$lb->stop;
undef $lb;
done_testing;

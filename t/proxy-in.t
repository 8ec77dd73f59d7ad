#!/usr/bin/perl
# tier: story
#
# Behind another proxy: connections begin with a PROXY header (version 1 or 2) that says who the client is, in TCP mode
# and in HTTP mode. Who has to send one and sends something else, or nothing, is refused and logged; networks that are not trusted
# are taken as they come.
use Sluice;
use Sluice::Http;
use Sluice::HttpOrigin;
use Socket qw(AF_INET6 inet_aton inet_pton);
use Time::HiRes qw(sleep time);

my $web = Sluice::HttpOrigin->start('web');
my $echo = Sluice::Origin->start('greet', 'greet');
my %bind = (
	all => { address => '127.0.0.1:0', accept_proxy => JSON::PP::true },
	some => { address => '127.0.0.1:0', accept_proxy => ['127.0.0.2', '10.0.0.0/8', '::1'] },
);
my $lb = Sluice->start(config => {
	global => { threads => 2 },
	frontends => {
		map({ ("http-$_" => { mode => 'http', bind => [$bind{$_}], default_backend => 'web', forwardfor => JSON::PP::true,
			originalto => JSON::PP::true, timeout => { http_request => '60s', client => '60s' } },
		"tcp-$_" => { mode => 'tcp', bind => [$bind{$_}], default_backend => 'echo' }) } keys %bind),
	},
	backends => { web => { mode => 'http', servers => { w => { address => $web->address } } },
		echo => { mode => 'tcp', servers => { e => { address => $echo->address } } } },
});

# What the log has to say in the end: [name, fields]. Silence takes its time: it begins now.
my @logged;
my @silent = map { my $c = $lb->connect("$_-all"); [$c, $_, $c->local_address] } qw(http http tcp tcp);
$silent[$_][0]->send('PROXY TCP4 192.0.2') for 1, 3;
my $silent_from = time;

my $signature = "\r\n\r\n\0\r\nQUIT\n";
sub v2 {
	my ($command, $family, $addresses, @tlvs) = @_;
	my $rest = $addresses . join('', map { pack('Cn/a*', @$_) } @tlvs);
	return $signature . pack('CCn/a*', 0x20 | $command, $family, $rest);
}
sub tcp4 { my ($from, $fp, $to, $tp) = @_; return inet_aton($from) . inet_aton($to) . pack('nn', $fp, $tp) }
sub tcp6 { my ($from, $fp, $to, $tp) = @_; return inet_pton(AF_INET6, $from) . inet_pton(AF_INET6, $to) . pack('nn', $fp, $tp) }

my %good = (
	'v1, IPv4' => ["PROXY TCP4 192.0.2.1 198.51.100.2 1111 443\r\n", '192.0.2.1:1111', '198.51.100.2'],
	'v1, IPv6' => ["PROXY TCP6 2001:db8::1 2001:db8::2 2222 443\r\n", '[2001:db8::1]:2222', '2001:db8::2'],
	'v1, unknown' => ["PROXY UNKNOWN\r\n", undef, '127.0.0.1'],
	'v1, unknown, with more' => ["PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", undef, '127.0.0.1'],
	'v2, IPv4' => [v2(1, 0x11, tcp4('192.0.2.3', 3333, '198.51.100.4', 80)), '192.0.2.3:3333', '198.51.100.4'],
	'v2, IPv6' => [v2(1, 0x21, tcp6('2001:db8::5', 4444, '2001:db8::6', 80)), '[2001:db8::5]:4444', '2001:db8::6'],
	'v2 with TLVs' => [v2(1, 0x11, tcp4('192.0.2.7', 5555, '198.51.100.8', 80), [1, 'h2'], [2, 'shop.test'], [4, 'n' x 300], [0xe0, '']),
		'192.0.2.7:5555', '198.51.100.8'],
	'v2, LOCAL' => [v2(0, 0x00, ''), undef, '127.0.0.1'],
	'v2, LOCAL with addresses' => [v2(0, 0x11, tcp4('192.0.2.9', 1, '192.0.2.9', 2)), undef, '127.0.0.1'],
	'v2, UNSPEC' => [v2(1, 0x00, '', [4, 'more']), undef, '127.0.0.1'],
);
my $request = "GET /%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

# How the bytes come: whole, in two packets, byte by byte. Then the log and the server know who it was.
my ($number, @forwarded) = (0);
for my $name (sort keys %good) {
	my ($header, $client, $to) = @{$good{$name}};
	my @ways = ('whole', 'the request apart', $name =~ /v2 with|v1, IPv6/ ? 'byte by byte' : ());
	for my $way (@ways) {
		my $target = 'r' . ++$number;
		my $c = $lb->connect('http-all');
		my $who = $client // $c->local_address;
		my @parts = $way eq 'whole' ? ($header . sprintf($request, $target))
			: $way eq 'byte by byte' ? (split(//, $header), sprintf($request, $target)) : ($header, sprintf($request, $target));
		for my $part (@parts) {
			$c->send($part);
			sleep 0.0005 if @parts > 1;
		}
		is read_answer($c)->{status}, 200, "http, $name, $way";
		push @logged, ["http, $name, $way", target => "/$target", client => $who];
		push @forwarded, ["/$target", $who =~ s/:\d+$//r =~ tr/[]//dr, $to];
	}
	my $c = $lb->connect('tcp-all');
	my $who = $client // $c->local_address;
	$c->send("${header}hello\n");
	is $c->read_line, 'greet', "tcp, $name";
	is $c->read_line, 'hello', 'what came with it goes on, and only that';
	$c->close;
	push @logged, ["tcp, $name", frontend => 'tcp-all', client => $who, termination_state => '--'];
}
{
	my %seen = map { $_->{target} => $_ } $web->requests;
	is_deeply [map { [$_->[0], field($seen{$_->[0]}, 'X-Forwarded-For'), field($seen{$_->[0]}, 'X-Original-To')] } @forwarded],
		\@forwarded, 'X-Forwarded-For and X-Original-To say so, too';
}

# Keep-alive: it holds for all requests of the connection.
{
	my $c = $lb->connect('http-all');
	$c->send($good{'v1, IPv4'}[0] . join('', map { "GET /k$_ HTTP/1.1\r\nHost: a\r\n\r\n" } 1 .. 3));
	is read_answer($c)->{status}, 200, "request $_ behind one header" for 1 .. 3;
	push @logged, ["request $_", target => "/k$_", client => '192.0.2.1:1111'] for 1 .. 3;
}
{
	my $c = $lb->connect('tcp-all');
	$c->send($good{'v2, IPv6'}[0]);
	$c->read_line;
	my ($session) = values %{$lb->get('/v1/sessions?src=2001:db8::5')->{json}{sessions} // $lb->get('/v1/sessions?src=2001:db8::5')->{json}};
	ok $session, 'sessions are found by who it is' or diag explain $lb->get('/v1/sessions')->{json};
}

# What is no header is refused at once.
my %bad = (
	'a request' => sprintf($request, 'x'),
	'a header of its kind' => "PROXY TCP5 192.0.2.1 198.51.100.2 1111 443\r\n",
	'a port that is none' => "PROXY TCP4 192.0.2.1 198.51.100.2 1111 66000\r\n",
	'a line that does not end' => 'PROXY TCP4 ' . '1' x 200,
	'LF alone' => "PROXY TCP4 192.0.2.1 198.51.100.2 1111 443\n\n",
	'a signature gone wrong' => "\r\n\r\n\0\r\nQUIX\n" . pack('CCn', 0x21, 0x11, 12) . tcp4('192.0.2.3', 3333, '198.51.100.4', 80),
	'a version 3' => $signature . pack('CCn', 0x31, 0x11, 12) . tcp4('192.0.2.3', 3333, '198.51.100.4', 80),
	'a command that is none' => $signature . pack('CCn', 0x2f, 0x11, 12) . tcp4('192.0.2.3', 3333, '198.51.100.4', 80),
	'too short for its family' => v2(1, 0x11, 'x'),
	'a TLV that is too long' => v2(1, 0x11, tcp4('192.0.2.3', 3333, '198.51.100.4', 80) . pack('Cn', 4, 100) . 'x'),
	'64 KiB of TLVs' => v2(1, 0x11, tcp4('192.0.2.3', 3333, '198.51.100.4', 80), [4, 'n' x 60000]),
	'a wrong checksum' => v2(1, 0x11, tcp4('192.0.2.3', 3333, '198.51.100.4', 80), [3, 'abcd']),
	'datagrams' => v2(1, 0x12, tcp4('192.0.2.3', 3333, '198.51.100.4', 80)),
	'random bytes' => join('', map { chr(128 + $_ % 97) } 1 .. 64),
	'TLS' => pack('H*', '16030100c8010000c40303') . 'r' x 200,
);
for my $mode (qw(http tcp)) {
	for my $name (sort keys %bad) {
		my $from = time;
		my $c = $lb->connect("$mode-all");
		my $who = $c->local_address;
		$c->send($bad{$name});
		ok $c->closed_within(5) && time - $from < seconds(2), "$mode: $name is refused at once";
		is $c->buffer, '', 'without a word';
		push @logged, ["$mode, $name", frontend => "$mode-all", client => $who, termination_state => $mode eq 'http' ? 'PR--' : 'PR'];
	}
	my $c = $lb->connect("$mode-all");
	my $who = $c->local_address;
	$c->half_close;
	ok $c->closed_within(5), "$mode: who leaves without one is gone";
}
is scalar(grep { $_->{raw} =~ /QUI|PROXY/ } $web->requests), 0, 'the servers saw nothing of it';
is $web->requests('GET /x '), 0, 'nor the request of who had to send a header';

# Only those that are trusted are believed.
{
	my $c = $lb->connect('http-some');
	my $who = $c->local_address;
	$c->send(sprintf($request, 'plain'));
	is read_answer($c)->{status}, 200, 'who is not trusted is a plain client';
	push @logged, ['by its own address', target => '/plain', client => $who];
	$c = $lb->connect('http-some');
	$c->send($good{'v1, IPv4'}[0] . sprintf($request, 'forged'));
	is read_answer($c)->{status}, 400, 'its PROXY header is no request';
	is $web->requests('/forged'), 0, 'and nobody is asked';
	$c = $lb->connect('tcp-some');
	$c->send("PROXY\n");
	is $c->read_until("PROXY\n"), "greet\nPROXY\n", 'in TCP mode it is data like any other';
	for my $mode (qw(http tcp)) {
		$c = Sluice::Client->connect($lb->address("$mode-some"), from => '127.0.0.2');
		$c->send($good{'v2, IPv4'}[0] . ($mode eq 'http' ? sprintf($request, 'trusted') : "hello\n"));
		like $c->read_until($mode eq 'http' ? "\r\n\r\n" : "hello\n"), qr/200|hello/, "$mode: who is trusted is believed";
		$c->close;
		push @logged, ["$mode, trusted", frontend => "$mode-some", client => '192.0.2.3:3333'];
		$c = Sluice::Client->connect($lb->address("$mode-some"), from => '127.0.0.2');
		$c->send(sprintf($request, 'x'));
		ok $c->closed_within(5) && $c->buffer eq '', 'and has to say it';
	}
}

# What comes with it, to its end; and an IPv4 client on an IPv6 bind is still of IPv4.
{
	my $c = $lb->connect('tcp-all');
	$c->send("$good{'v1, IPv4'}[0]hello\n");
	$c->half_close;
	is $c->read_all, "greet\nhello\n", 'header, data and end in one packet';
	$c = $lb->connect('tcp-all');
	my $much = 'y' x 2_000_000;
	my $parent = $$;
	my $pid = fork() // die "fork: $!\n";
	if ($pid == 0) {
		Sluice::Wait::die_with_parent($parent);
		$c->send($good{'v2, IPv4'}[0] . $much);
		$c->half_close;
		POSIX::_exit(0);
	}
	is length $c->read_all(20), 6 + length $much, 'or much behind it';
	waitpid($pid, 0);
	$lb->patch('/v1/frontends/http-some', { bind => [{ address => '[::]:0', accept_proxy => ['127.0.0.1'] }] });
	my $port = $lb->bind_port('http-some');
	$c = Sluice::Client->connect("127.0.0.1:$port");
	$c->send($good{'v1, IPv4'}[0] . sprintf($request, 'mapped'));
	is read_answer($c)->{status}, 200, 'trusted by its IPv4 address';
	push @logged, ['mapped', target => '/mapped', client => '192.0.2.1:1111'];
	$c = Sluice::Client->connect("[::1]:$port");
	$c->send(sprintf($request, 'other'));
	is read_answer($c)->{status}, 200, 'and ::1 is not';
}

# A Unix socket's client has no address; a header may give it one.
{
	my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
	$lb->patch('/v1/frontends/http-some', { bind => [{ address => "unix:$dir/s", accept_proxy => JSON::PP::true }, "unix:$dir/plain"] });
	my $unix = v2(1, 0x31, pack('a108a108', '/from', '/to'));
	for (['s', $good{'v2, IPv4'}[0], '192.0.2.3:3333'], ['s', $unix, 'unix'], ['plain', '', 'unix']) {
		my ($path, $header, $who) = @$_;
		my $c = Sluice::Client->connect("unix:$dir/$path");
		my $target = 'unix' . ++$number;
		$c->send($header . sprintf($request, $target));
		is read_answer($c)->{status}, 200, "Unix socket $path";
		push @logged, ["Unix socket $path", target => "/$target", client => $who];
	}
}

# It is a setting like others: the next connection knows.
{
	my $before = $lb->connect('http-all');
	$before->send($good{'v1, IPv4'}[0] . "GET /before HTTP/1.1\r\nHost: a\r\n\r\n");
	read_answer($before);
	my $bind = { %{$bind{all}}, accept_proxy => JSON::PP::false };
	is $lb->patch('/v1/frontends/http-all', { bind => [$bind] })->{status}, 200, 'switched off';
	my $c = $lb->connect('http-all');
	$c->send(sprintf($request, 'off'));
	is read_answer($c)->{status}, 200, 'without a header';
	$before->send("GET /after HTTP/1.1\r\nHost: a\r\n\r\n");
	is read_answer($before)->{status}, 200, 'who was connected goes on';
	push @logged, ['as who he was', target => '/after', client => '192.0.2.1:1111'];
}

# Who says nothing, or half of it, is waited for, but not for long.
for my $i (0 .. 3) {
	my ($c, $mode, $who) = @{$silent[$i]};
	ok $c->closed_within(10), "$mode: " . ($i % 2 ? 'half a header' : 'silence') . ' is ended in time';
	push @logged, ["$mode, silent", client => $who, termination_state => qr/^PR/];
}
cmp_ok time - $silent_from, '<', seconds(10), 'in a few seconds';

my @lines;
my $missing = sub {
	@lines = $lb->log_lines;
	return [map { my ($name, %match) = @$_; (grep { Sluice::matches($_, \%match) } @lines) ? () : $name } @logged];
};
becomes { @{$missing->()} == 0 } 3;
is_deeply $missing->(), [], scalar(@logged) . ' lines in the log say who it was';
$lb->stop;
done_testing;

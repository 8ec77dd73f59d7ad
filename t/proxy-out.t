#!/usr/bin/perl
# tier: story
#
# Servers that want to know who the client is: HAProxy (accept-proxy) and nginx (proxy_protocol) behind sluice's send_proxy and
# send_proxy_v2, in HTTP mode and in TCP mode, say whom they see. A connection never serves two clients.
use Sluice;
use Sluice::Http;
use Sluice::HttpOrigin;
use Sluice::Neighbour;
use Socket qw(inet_ntoa);

plan skip_all => $_ for Sluice::Neighbour::missing(qw(nginx haproxy));
my $haproxy = Sluice::Neighbour->haproxy('frontend f', "\tmode http", "\tbind \$ADDRESS accept-proxy",
	"\thttp-request return status 200 content-type text/plain lf-string \"%[src]:%[src_port] %[dst] %[fc_pp_authority] %ci\"");
my $nginx = Sluice::Neighbour->nginx(<<'EOT');
	log_format who '$proxy_protocol_addr:$proxy_protocol_port $uri';
	access_log $DIR/access.log who;
	server {
		listen $ADDRESS proxy_protocol;
		location / { return 200 "$proxy_protocol_addr:$proxy_protocol_port"; }
	}
EOT
# Says how its connection began, and which request on it this is.
my $raw = Sluice::Origin->start('raw', sub {
	my ($conn) = @_;
	my $first = $conn->read_line(3600);
	my $head = '';
	my $count = 0;
	while (($head = $conn->read_until("\r\n\r\n", 3600)) =~ /\r\n\r\n\z/) {
		my $body = join(' ', $first, $$, ++$count, $head =~ /^X-Forwarded-For: (\S+)\r$/mi);
		$conn->send("HTTP/1.1 200 OK\r\nContent-Length: " . length($body) . "\r\n\r\n$body");
	}
	return undef;
});
my %to = (haproxy => $haproxy, nginx => $nginx, raw => $raw);
my (%frontends, %backends);
for my $to (keys %to) {
	for my $mode (qw(http tcp)) {
		for my $how (qw(send_proxy send_proxy_v2)) {
			my $name = "$to-$mode-$how";
			$frontends{$name} = { mode => $mode, default_backend => $name,
				bind => ['127.0.0.1:0', '[::1]:0', { address => '127.0.0.1:0', accept_proxy => JSON::PP::true }] };
			$backends{$name} = { mode => $mode, servers => { s => { address => $to{$to}->address, $how => JSON::PP::true } } };
			$backends{$name}{http_reuse} = 'always' if $mode eq 'http';
		}
	}
}
# three that come in turn are one at a time, and more would not be kept
$backends{'raw-http-send_proxy'}{servers}{s}{pool_low_conn} = 10;
$backends{'haproxy-http-send_proxy_v2'}{servers}{s}{proxy_v2_options} = ['crc32c', 'authority'];
$backends{'haproxy-tcp-send_proxy_v2'}{servers}{s}{proxy_v2_options} = ['crc32c', 'authority'];
my $lb = Sluice->start(config => { global => { threads => 1 }, frontends => \%frontends, backends => \%backends });
my $request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

sub bare { return $_[0] =~ tr/[]//dr }

for my $name (sort keys %frontends) {
	my ($to, $mode, $how) = split /-/, $name;
	next if $to eq 'raw';
	my @client = map { $lb->connect($name, $_) } 0, 0, 1;
	my $wrong = '';
	for my $round (1 .. 3) {	# in turn, so that what is shared would be seen
		for my $c (@client) {
			my $text = ($c->send($request), read_answer($c)->{body});
			my $want = bare($c->local_address);
			$wrong .= "$text is not $want; " if index($text, $want) != 0;
		}
	}
	is $wrong, '', "$name: two IPv4 clients and one of IPv6";
	my $c = $lb->connect($name, 2);
	$c->send("PROXY TCP4 192.0.2.1 198.51.100.2 1111 443\r\n$request");
	my $text = read_answer($c)->{body};
	like $text, qr/^192\.0\.2\.1:1111\b/, 'who was told to us is told on';
	like $text, qr/ 198\.51\.100\.2 /, 'and where to' if $to eq 'haproxy';
}

# TLVs: the name that the client's own header said.
for my $mode (qw(http tcp)) {
	my $c = $lb->connect("haproxy-$mode-send_proxy_v2", 2);
	my $rest = pack('C4C4nnCn/a*', 192, 0, 2, 1, 198, 51, 100, 2, 1111, 443, 2, 'shop.test');
	$c->send("\r\n\r\n\0\r\nQUIT\n" . pack('CCn/a*', 0x21, 0x11, $rest) . $request);
	like read_answer($c)->{body}, qr/^192\.0\.2\.1:1111 198\.51\.100\.2 shop\.test /, "$mode: the authority goes on, and the checksum is right";
}

# A connection is of one client, whatever http_reuse says; the same client has it again.
{
	my @c = map { $lb->connect('raw-http-send_proxy') } 1 .. 3;
	my (%of, $wrong);
	for my $round (1 .. 4) {
		for my $c (@c) {
			$c->send($request);
			my ($line, $connection) = read_answer($c)->{body} =~ /^(PROXY .*) (\d+) \d+/;
			$wrong .= "$line; " if $line !~ /^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 @{[$c->local_address =~ m{:(\d+)$}]} @{[$lb->bind_port('raw-http-send_proxy')]}/;
			$of{$connection}{$c->local_address}++;
		}
	}
	is $wrong, undef, 'HTTP: each client its line';
	is_deeply [map { values %$_ } values %of], [4, 4, 4], 'each connection one client, and used again';
}

# Two behind one name are one: they came by the same header.
{
	my $line = "PROXY TCP4 192.0.2.1 198.51.100.2 %d 443\r\n";
	my %seen;
	for my $port (1111, 2222, 1111, 2222) {
		my $c = $lb->connect('raw-http-send_proxy', 2);
		$c->send(sprintf($line, $port) . $request);
		my ($said) = read_answer($c)->{body} =~ /^PROXY TCP4 192\.0\.2\.1 198\.51\.100\.2 (\d+) 443 /;
		is $said, $port, "HTTP: port $port is the one of this client";
	}
}

# Switched on while connections are idle: those that began without a header are not used any more.
{
	my $backend = '/v1/backends/raw-http-send_proxy/servers/s';
	my $c = $lb->connect('raw-http-send_proxy');
	$c->send($request);
	like read_answer($c)->{body}, qr/^PROXY TCP4/, 'version 1';
	is $lb->patch($backend, { send_proxy => JSON::PP::false, send_proxy_v2 => JSON::PP::true })->{status}, 200, 'now version 2';
	$c->send($request);
	unlike $c->read_until("\r\n\r\n", 1), qr/PROXY/, 'the next connection does not begin with version 1';
}
# One request each in TCP mode, by its first line.
{
	my $c = $lb->connect('raw-tcp-send_proxy', 1);
	$c->send($request);
	like read_answer($c)->{body}, qr/^PROXY TCP6 ::1 ::1 @{[$c->local_address =~ m{:(\d+)$}]} \d+ /, 'TCP, IPv6';
}
is $lb->patch('/v1/backends/raw-tcp-send_proxy/servers/s', { send_proxy_v2 => JSON::PP::true })->{status}, 422, 'both versions at once is an error';
$lb->stop;
done_testing;

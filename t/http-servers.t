#!/usr/bin/perl
# tier: story
#
# Servers that people run: nginx that keeps connections and one that doesn't, Apache, and Python's http.server in HTTP/1.0
# and 1.1. What each answers arrives as it would without sluice, and connections are used again where the server keeps them.
use Sluice;
use Sluice::Http;
use Sluice::Neighbour;

plan skip_all => $_ for Sluice::Neighbour::missing(qw(curl nginx apache2 python3));
my $large = join('', map { pack('N', $_ * 2654435761 % 4294967296) } 1 .. 500_000);
my $text = join('', map { "line $_ of a text that can be compressed\n" } 1 .. 5000);

my $nginx = Sluice::Neighbour->nginx(<<'EOT');
	log_format who '$connection $connection_requests $request_method $uri $status';
	access_log $DIR/access.log who;
	server {
		listen $ADDRESS;
		root $DIR/www;
		gzip_types text/plain; gzip on; gzip_min_length 1; gzip_http_version 1.0; gzip_proxied any;
		default_type text/plain;
		location /brief { keepalive_timeout 0; alias $DIR/www; }
		location /ssi { ssi on; ssi_types text/plain; }
		location /moved { absolute_redirect off; return 302 /elsewhere; }
		location /empty { return 204; }
		location /put { dav_methods PUT; create_full_put_path on; }
	}
EOT
my $apache = Sluice::Neighbour->apache(<<'EOT');
LoadModule include_module /usr/lib/apache2/modules/mod_include.so
LoadModule dav_module /usr/lib/apache2/modules/mod_dav.so
LoadModule dav_fs_module /usr/lib/apache2/modules/mod_dav_fs.so
KeepAlive On
MaxKeepAliveRequests 5
KeepAliveTimeout 60
DavLockDB "$DIR/locks"
AddType text/plain .txt
AddType text/html .shtml
AddOutputFilter INCLUDES .shtml
AddOutputFilterByType DEFLATE text/plain
<Directory "$DIR/www">
	Options +Includes
	Require all granted
</Directory>
<Location "/put">
	Dav On
</Location>
EOT
my %server = (nginx => $nginx, apache => $apache,
	python10 => Sluice::Neighbour->python('HTTP/1.0'), python11 => Sluice::Neighbour->python('HTTP/1.1'));
for my $server (values %server) {
	mkdir $server->file('www/put');
	mkdir $server->file('www/ssi');
	chmod(0777, $server->file('www/put'), $server->dir);
	Sluice::spew($server->file('www/large'), $large);
	Sluice::spew($server->file('www/text.txt'), $text);
	Sluice::spew($server->file('www/part'), "a part\n");
	Sluice::spew($server->file("www/$_"), "first <!--#include virtual=\"/part\"--> last\n") for 'page.shtml', 'ssi/page';
}

my $lb = Sluice->start(config => {
	global => { threads => 1 },
	defaults => { mode => 'http', http_reuse => 'always' },
	frontends => { map { $_ => { bind => ['127.0.0.1:0'], default_backend => $_ } } keys %server },
	backends => { map { $_ => { servers => { s => { address => $server{$_}->address } } } } keys %server },
});

sub curl {
	my @command = ('curl', '-sS', '--max-time', seconds(10), @_);
	open(my $out, '-|', @command) or die "curl: $!\n";
	local $/;
	my $said = <$out> // '';
	close($out) or diag("@command: status " . ($? >> 8));
	return $said;
}

for my $name (sort keys %server) {
	my $base = 'http://' . $lb->address($name);
	my $direct = 'http://' . $server{$name}->address;
	ok curl("$base/large") eq $large, "$name: 2 MB";
	ok curl('--http1.0', "$base/large") eq $large, 'to a client in HTTP/1.0';
	is curl("$base/text.txt"), $text, 'a text';
	is curl('-o', '/dev/null', '-w', '%{http_code}', "$base/nowhere"), '404', 'a 404';

	# the same fields as without us, but for those of the connection
	my $without = sub { join('', grep { !/^(?:Connection|Keep-Alive|Date|\r$)/i } split /^/, curl('-I', @_)) };
	is $without->("$base/text.txt"), $without->("$direct/text.txt") =~ s{^HTTP/1.0}{HTTP/1.1}r, 'HEAD: fields as the server sent them';
	my ($tag) = curl('-I', "$base/text.txt") =~ /^Last-Modified: (.*)\r$/m;
	is curl('-H', "If-Modified-Since: $tag", '-w', '%{http_code}', "$base/text.txt"), '304', 'a 304, and nothing behind it';
}

for my $name (qw(nginx apache)) {
	my $base = 'http://' . $lb->address($name);
	is curl('--compressed', "$base/text.txt"), $text, "$name: compressed, in chunks";
	like curl('-I', '-X', 'GET', '-o', '/dev/null', '-D', '-', '-H', 'Accept-Encoding: gzip', "$base/text.txt"),
		qr/^Content-Encoding: gzip\r$/m, 'really compressed';
	is curl($name eq 'nginx' ? "$base/ssi/page" : "$base/page.shtml"), "first a part\n last\n", 'a page of pieces';
	is curl('-r', '4000-4099', "$base/large"), substr($large, 4000, 100), 'a range';
	like curl('-r', '0-9,100-109', "$base/large"), qr/multipart|Content-range: bytes 100-109/i, 'two ranges';
}
my $nginx_base = 'http://' . $lb->address('nginx');
is curl('-w', '%{http_code}', "$nginx_base/empty"), '204', 'a 204';
like curl('-i', "$nginx_base/moved"), qr{^Location: /elsewhere\r$}m, 'a redirect';

# Bodies towards them.
for my $name (qw(apache nginx python10 python11)) {
	my $base = 'http://' . $lb->address($name);
	my $from = $server{$name}->file('sent');
	Sluice::spew($from, $large);
	my $said = curl('-T', $from, '-o', '/dev/null', '-w', '%{http_code}', "$base/put/$name");
	like $said, qr/^20[14]$/, "$name: PUT";
	ok Sluice::slurp($server{$name}->file("www/put/$name")) eq $large, 'arrives';
	next if $name =~ /python/;
	$said = curl('-T', $from, '-H', 'Transfer-Encoding: chunked', '-H', 'Expect:', '-o', '/dev/null', '-w', '%{http_code}', "$base/put/chunked");
	like $said, qr/^20[14]$/, 'PUT in chunks';
	ok Sluice::slurp($server{$name}->file('www/put/chunked')) eq $large, 'arrives';
}
is curl('-d', 'a body', 'http://' . $lb->address('python10') . '/x'), 'a body', 'POST to a server that ends each connection';

# Whose connections are used again: nginx counts the requests of each.
{
	my $c = $lb->connect('nginx');
	my $before = () = $nginx->log =~ /\n/g;
	for my $i (1 .. 20) {
		$c->send("GET /part?$i HTTP/1.1\r\nHost: a\r\n\r\n");
		die "answer $i" if read_answer($c)->{body} ne "a part\n";
	}
	my @lines = wait_until { my @all = split /\n/, $nginx->log; @all >= $before + 20 ? \@all : 0 } 5, 'the log of nginx';
	my %connections = map { /^(\d+) / ? ($1 => 1) : () } @{$lines[0]}[-20 .. -1];
	is scalar(keys %connections), 1, 'nginx: 20 requests on one connection';
	for my $i (1 .. 20) {
		$c->send("GET /brief/part HTTP/1.1\r\nHost: a\r\n\r\n");
		die "answer $i" if read_answer($c)->{body} ne "a part\n";
	}
	pass 'without keep-alive towards nginx the client keeps its connection';
}
{
	my $c = $lb->connect('apache');
	for my $i (1 .. 23) {
		$c->send("GET /part HTTP/1.1\r\nHost: a\r\n\r\n");
		my $answer = read_answer($c);
		die "answer $i: $answer->{raw}" if $answer->{body} ne "a part\n" || field($answer, 'Connection') || field($answer, 'Keep-Alive');
	}
	my $log = wait_until { my @ends = $apache->log =~ m{"GET /part HTTP/1.1" 200 \d+ (\d)}g; @ends >= 23 ? \@ends : 0 } 5, "Apache's log";
	cmp_ok scalar(grep { $_ == 4 } @$log), '>=', 4, 'Apache ends every fifth; the client does not notice';
	is $lb->get('/v1/backends/apache')->{json}{status}{errors}{response} // 0, 0, 'and nothing is an error';
}
{
	my $c = $lb->connect('python10');
	for my $i (1 .. 5) {
		$c->send("GET /part HTTP/1.1\r\nHost: a\r\n\r\n");
		my $answer = read_answer($c);
		is $answer->{body}, "a part\n", 'HTTP/1.0 with a length: the client keeps its connection' if $i == 5;
	}
}
is_deeply [map { "$_->{target} $_->{termination_state}" } grep { $_->{termination_state} ne '----' } $lb->log_lines], [],
	'all in order';
$lb->stop;
done_testing;

#!/usr/bin/perl
# tier: story
#
# Programs that people ask with: curl in its many ways, ab with and without keep-alive (in HTTP/1.0), wrk with
# requests sent ahead. Each gets what the server said, and the server what it was asked.
use Sluice;
use Sluice::Http;
use Sluice::HttpOrigin;
use Sluice::Neighbour;
use Digest::SHA qw(sha256_hex);
use IPC::Open2 ();

plan skip_all => $_ for Sluice::Neighbour::missing(qw(curl ab wrk));
my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my $zipped = pack('H*', '1f8b08000000000000ff') . join('', map { chr($_ * 7 % 256) } 1 .. 3000);
my $page = join('', map { "line $_\n" } 1 .. 2000);
my $origin = Sluice::HttpOrigin->start('origin', sub {
	my ($request, $conn) = @_;
	my $target = $request->{target};
	if (lc(field($request, 'Expect') // '') eq '100-continue') {
		return $conn->answer(417, 'no', 'Connection: close') if $target eq '/refuses';
		$conn->send("HTTP/1.1 100 Continue\r\n\r\n");
	}
	$conn->send("HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n") if $target eq '/hints';
	$conn->read_body($request);
	my $body = $request->{body};
	return $conn->answer(200, length($body) . ' ' . sha256_hex($body) . ' '
		. join(',', map { "$_->[0]=$_->[1]" } @{$request->{trailers}})) if $request->{method} =~ /^(?:PUT|POST)$/;
	return "HTTP/1.1 200 OK\r\nContent-Length: " . length($page) . "\r\nX-Kept: As-It-Came\r\n\r\n" if $request->{method} eq 'HEAD';
	return $conn->answer(200, $zipped, 'Content-Encoding: gzip', 'Vary: Accept-Encoding') if $target eq '/zipped';
	return $conn->answer(200, 'x' . length(field($request, 'X-Large') // ''), 'X-Large: ' . 'y' x 10_000) if $target eq '/large';
	return $conn->answer(304, '') =~ s/^Content-Length.*\n//mr if $target eq '/same';
	return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
		. join('', map { sprintf("%x\r\n%s\r\n", length $_, $_) } $page =~ /(.{1,999})/gs) . "0\r\nX-Sum: good\r\n\r\n"
		if $target eq '/chunked';
	if ($target eq '/ends') {
		$conn->send("HTTP/1.0 200 OK\r\n\r\n$page");
		return \'close';
	}
	if ((field($request, 'Range') // '') =~ /^bytes=(\d+)-(\d+)$/) {
		return $conn->answer(206, substr($page, $1, $2 - $1 + 1), "Content-Range: bytes $1-$2/" . length $page);
	}
	return $conn->answer(200, $page);
});
# ab and wrk ask more than a process a connection answers: the bench's origin, or nginx
my $tool = Sluice::build_dir() . '/t/bench/origin';
my $pid = -x $tool ? Sluice::spawn([$tool, 'reply', '--bytes', 1000], "$dir/reply", "$dir/reply-errors") : undef;
END {
	if ($pid) {
		local $?;
		kill(KILL => $pid);
		waitpid($pid, 0);
	}
}
my $lb = Sluice->start(config => {
	global => { threads => 2 },
	defaults => { mode => 'http' },
	frontends => { web => { bind => ['127.0.0.1:0'], default_backend => 'web' },
		one => { bind => ['127.0.0.1:0'], default_backend => 'one' } },
	backends => { web => { servers => { o => { address => $origin->address } } },
		one => { servers => {} } },
});
my $base = 'http://' . $lb->address('web');

# Runs curl: what it wrote to its standard output.
sub curl {
	my @command = ('curl', '-sS', '--max-time', seconds(10), @_);
	open(my $out, '-|', @command) or die "curl: $!\n";
	local $/;
	my $text = <$out> // '';
	close($out) or diag("@command: status " . ($? >> 8));
	return $text;
}

sub curl_from {
	my ($bytes, @args) = @_;
	my $child = IPC::Open2::open2(my $out, my $in, 'curl', '-sS', '--no-progress-meter', '--max-time', seconds(10), @args);
	print {$in} $bytes;
	close($in);
	local $/;
	my $text = <$out>;
	waitpid($child, 0);
	return $text;
}

sub asked { return ($origin->requests(" $_[0] "))[-1] }

is curl("$base/plain"), $page, 'curl';
is curl('--http1.0', "$base/old"), $page, 'curl --http1.0';
is asked('/old')->{version}, 'HTTP/1.1', 'the server is asked in HTTP/1.1 nevertheless';
is curl('--http1.0', "$base/chunked"), $page, 'chunks are taken apart for it';
unlike curl('--http1.0', '-i', "$base/chunked"), qr/^Transfer-Encoding/mi, 'and not announced';
is curl("$base/chunked"), $page, 'a chunked answer';
like curl('--raw', "$base/chunked"), qr/\r\n0\r\nX-Sum: good\r\n\r\n\z/, 'with its trailer';
is curl("$base/ends"), $page, 'an answer that ends with its connection';
is curl('-w', '%{http_code}', "$base/same"), '304', 'a 304';

my $head = curl('-I', "$base/head");
like $head, qr/^Content-Length: @{[length $page]}\r$/m, 'HEAD: the length of what GET would get';
like $head, qr/^X-Kept: As-It-Came\r$/m, 'names of fields as they came';
is curl('-r', '10-19', "$base/part"), substr($page, 10, 10), 'a range';
is curl("$base/zipped"), $zipped, 'compressed data go through untouched';
is curl('-H', 'X-Large: ' . 'z' x 6000, "$base/large"), 'x6000', 'large fields, both ways';
is curl('-H', 'X-Large: ' . 'z' x 20000, '-w', '%{http_code}', '-o', '/dev/null', "$base/too-large"), '431', 'too large a head';
is curl('-o', '/dev/null', '-w', '%{http_code}', "$base/" . 'u' x 20000), '414', 'too long a target';

my $data = join('', map { pack('N', $_ * 2654435761 % 4294967296) } 1 .. 100_000);
Sluice::spew("$dir/data", $data);
my $sum = length($data) . ' ' . sha256_hex($data) . ' ';
is curl('-T', "$dir/data", "$base/put"), $sum, '-T a file';
is field(asked('/put'), 'Content-Length'), length $data, 'with its length';
is curl_from($data, '-T', '-', "$base/put-stdin"), $sum, '-T - from standard input';
is field(asked('/put-stdin'), 'Transfer-Encoding'), 'chunked', 'chunked';
is curl_from($data, '-T', '.', '-H', 'Expect:', "$base/put-late"), $sum, 'without Expect';
is curl('-H', 'Expect: 100-continue', '--expect100-timeout', 100, '-T', "$dir/data", "$base/waits"), $sum,
	'Expect: 100-continue: curl waits until the server says so';
is curl('-H', 'Expect: 100-continue', '--expect100-timeout', 100, '-T', "$dir/data", '-o', '/dev/null',
	'-w', '%{http_code} %{size_upload}', "$base/refuses"), '417 0', 'and sends nothing where it does not';
is curl('-d', 'a=b', "$base/form"), '3 ' . sha256_hex('a=b') . ' ', 'a form';
is curl('--http1.0', '-d', 'a=b', "$base/form"), '3 ' . sha256_hex('a=b') . ' ', 'in HTTP/1.0, too';
like curl('-i', "$base/hints"), qr{\AHTTP/1\.1 103 Early Hints\r\nLink: .*?\r\n\r\nHTTP/1\.1 200 }s, '103 arrives before the answer';
unlike curl('-i', '--http1.0', "$base/hints"), qr{ 103 }, 'but not in HTTP/1.0';
{
	my $c = $lb->connect('web');
	$c->send("POST /trailers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: mine\r\n\r\n");
	is read_answer($c)->{body}, '3 ' . sha256_hex('abc') . ' X-Sum=mine', 'trailers of a request';
}

# curl says how many connections it needed.
my @count = ('-o', '/dev/null', '-w', '%{num_connects}');
is curl(@count, "$base/a", '--next', '-sS', @count, "$base/b", '--next', '-sS', @count, '-T', "$dir/data", "$base/c",
	'--next', '-sS', @count, '-I', "$base/d"), '1000', 'GET, GET, PUT, HEAD on one connection';
is curl('--http1.0', '-H', 'Connection: keep-alive', @count, "$base/a", '--next', '--http1.0', '-sS', '-H', 'Connection: keep-alive',
	@count, "$base/b"), '10', 'HTTP/1.0 with keep-alive, too';
is curl(@count, '-H', 'Connection: close', "$base/a", '--next', '-sS', @count, "$base/b"), '11', 'and not with close';

SKIP: {
	skip 'not built: t/bench/origin', 9 if !$pid;
	my ($port) = wait_until { Sluice::slurp("$dir/reply") =~ /^port (\d+)\n/ ? $1 : 0 } 5, 'the origin';
	$lb->put('/v1/backends/one/servers/o', { address => "127.0.0.1:$port" });
	my $url = 'http://' . $lb->address('one') . '/';
	for my $way (['-k'], []) {
		my $said = `ab -q -n 1000 -c 8 @$way $url 2>&1`;
		like $said, qr/^Complete requests: +1000$/m, "ab @$way" or diag($said);
		like $said, qr/^Failed requests: +0$/m, 'without a failure' or diag($said);
		like $said, qr/^Keep-Alive requests: +1000$/m, 'on connections that stay' if @$way;
	}
	# a target each, sixteen ahead; wrk counts answers that are no 2xx or 3xx, and what it cannot read
	Sluice::spew("$dir/ahead.lua", <<'EOT');
init = function(args)
   local r = {}
   for i = 1, 16 do r[i] = wrk.format("GET", "/" .. i) end
   req = table.concat(r)
end
request = function() return req end
EOT
	my $said = `wrk -t1 -c8 -d1s -s $dir/ahead.lua $url 2>&1`;
	my ($done) = $said =~ /^ +(\d+) requests in/m;
	cmp_ok $done, '>', 100, 'wrk with 16 requests ahead' or diag($said);
	unlike $said, qr/Socket errors|Non-2xx/, 'without a failure' or diag($said);
}

# In order, whatever they are, though all were sent at once; the server's pace is not the order's.
{
	my $c = $lb->connect('web');
	my @methods = map { $_ % 5 == 0 ? 'HEAD' : $_ % 5 == 2 ? 'PUT' : 'GET' } 1 .. 60;
	my @targets = map { $_ % 5 == 1 ? "/chunked" : $_ % 5 == 3 ? '/same' : "/n$_" } 1 .. 60;
	$c->send(join('', map {
		my $body = $methods[$_] eq 'PUT' ? 'p' x $_ : undef;
		"$methods[$_] $targets[$_] HTTP/1.1\r\nHost: a\r\n" . (!defined $body ? "\r\n" : $_ % 2
			? sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", length $body, $body)
			: 'Content-Length: ' . length($body) . "\r\n\r\n$body");
	} 0 .. 59));
	my $wrong = 0;
	for my $i (0 .. 59) {
		my $answer = read_answer($c, $methods[$i]);
		my $want = $methods[$i] eq 'PUT' ? "$i " . sha256_hex('p' x $i) . ' ' : $methods[$i] eq 'HEAD' || $targets[$i] eq '/same' ? '' : $page;
		$wrong++ if !$answer->{whole} || $answer->{body} ne $want;
	}
	is $wrong, 0, '60 requests of all kinds sent at once are answered in order';
}
$lb->stop;
done_testing;

#!/usr/bin/perl
# tier: story
#
# What is sound gets through, and arrives as it was sent: each request of the table byte by byte, but for what ends at a
# proxy. Behind each comes another request on the same connection, so that where one ends is no question. Each is sent at
# once, and then in small pieces. Then the same for answers.
use Sluice;
use Sluice::Http;
use Sluice::HttpCases;
use Sluice::HttpOrigin;

my $next = "GET /TOKEN/next HTTP/1.1{}Host: a{}";		# and "Connection: close", which ends at the proxy
my $get = "GET /TOKEN HTTP/1.1{}Host: a{}";
my $post = "POST /TOKEN HTTP/1.1{}Host: a{}";
my $chunked = "${post}Transfer-Encoding: chunked{}{}";
my $tokens = "!#\$%&'*+-.^_`|~09AZaz";
my $evil = "GET /TOKEN/evil HTTP/1.1{}Host: a{}{}";

sub same { return row(@_) }
sub becomes_that { my ($name, $send, $seen, @more) = @_; return row($name, $send, seen => $seen, @more) }

# `seen` is what the server has to get, where that is not what was sent; `last`: the client's connection ends with it.
my @requests = (
	same('a request without fields but Host', "$get\{}"),
	same('with a query, and all that a path may have',
		"GET /TOKEN/a-._~!\$&'()*+,;=:@%41//?a=b/?c&d HTTP/1.1{}Host: a{}{}"),
	same('with what browsers send as it is', "GET /TOKEN?a|b{c}\\d^e`f[g]\"h<i>='j' HTTP/1.1{}Host: a{}{}"),
	same('two slashes first', "GET //TOKEN HTTP/1.1{}Host: a{}{}"),
	same('any token is a method', "$tokens /TOKEN HTTP/1.1{}Host: a{}{}"),
	same('also in lower case', "get /TOKEN HTTP/1.1{}Host: a{}{}"),
	same('any token is a name', "$get$tokens: v{}{}"),
	same('a value is what it is',
		"$get" . "A:{}B: {}C: \t {}D:x{}E: \t x\t y \t {}F: \x80\xff\xc3\xa9{}G: \"(),/:;<=>?\@[\\]{}H: {|}~{}{}"),
	same('the same name many times', "$get" . "X: 1{}x: 2{}X: 1{}{}"),
	same('Host with a port', "GET /TOKEN HTTP/1.1{}Host: a.example:8080{}{}"),
	same('Host is an IPv6 address', "GET /TOKEN HTTP/1.1{}Host: [::1]:80{}{}"),
	same('Host is empty', "GET /TOKEN HTTP/1.1{}Host:{}{}"),
	same('a target of 8000 bytes', "GET /TOKEN/" . 'x' x 8000 . " HTTP/1.1{}Host: a{}{}"),
	same('fields of 12000 bytes', "$get" . 'X: ' . 'x' x 12000 . '{}{}'),
	same('80 fields', "$get" . join('', map { "X$_: $_\{}" } 1 .. 80) . '{}'),
	becomes_that('empty lines before it', "{}$get\{}", "$get\{}"),
	becomes_that('some more of them', "{}{}{}$get\{}", "$get\{}"),

	same('no body', "$post\{}"),
	same('an empty body', "${post}Content-Length: 0{}{}"),
	same('a body', "${post}Content-Length: 5{}{}hello"),
	same('a body of a GET', "${get}Content-Length: 5{}{}hello"),
	same('zeros before its length', "${post}Content-Length: 0005{}{}hello"),
	same('white space around its length', "${post}Content-Length: \t5 \t{}{}hello"),
	same('a body that looks like a request',
		"${post}Content-Length: " . length($evil =~ s/TOKEN/w12345/r =~ s/\{\}/\r\n/gr) . "{}{}$evil"),
	same('a body of all bytes', "${post}Content-Length: 256{}{}" . join('', map { chr } 0 .. 255)),
	becomes_that('the length twice', "${post}Content-Length: 5{}Content-Length: 5{}{}hello",
		"${post}Content-Length: 5{}{}hello"),
	becomes_that('the length thrice, among others',
		"${post}Content-Length: 5{}X: y{}content-length: 5{}Content-Length:5{}{}hello",
		"${post}Content-Length: 5{}X: y{}{}hello"),

	same('chunks', "${chunked}5{}hello{}6{} world{}0{}{}"),
	same('no chunk but the last', "${chunked}0{}{}"),
	same('sizes in either case, with zeros', "${chunked}00a{}0123456789{}0A{}0123456789{}000{}{}"),
	same('data that looks like chunks', "${chunked}b{}0{}{}5{}hel{}0{}{}"),
	same('chunked, in other letters', "${post}transfer-encoding: CHunKED{}{}5{}hello{}0{}{}"),
	same('white space around it', "${post}Transfer-Encoding: \t chunked\t {}{}5{}hello{}0{}{}"),
	same('trailers', "${post}Transfer-Encoding: chunked{}Trailer: X-Sum{}{}5{}hello{}0{}X-Sum: 1{}Y:{}{}"),
	becomes_that('extensions end here', "${chunked}5;a;b=c;d=\"e\\\"f;{\"{}hello{}1 ; x{}!{}0;x{}{}",
		"${chunked}5{}hello{}1{}!{}0{}{}"),
	same('many chunks of one byte', $chunked . "1{}x{}" x 300 . "0{}{}"),
	same('a body of 100 kB', "${post}Content-Length: 100000{}{}" . '0123456789' x 10000),
	same('chunks of 100 kB', "${chunked}186a0{}" . '0123456789' x 10000 . "{}0{}{}"),

	same('an expectation', "${post}Expect: 100-continue{}Content-Length: 5{}{}hello"),
	becomes_that('an absolute target', "GET http://a/TOKEN?x HTTP/1.1{}Host: a{}{}",
		"GET /TOKEN?x HTTP/1.1{}Host: a{}{}"),
	becomes_that('with the default port', "GET http://a:80/TOKEN HTTP/1.1{}Host: A{}{}",
		"GET /TOKEN HTTP/1.1{}Host: A{}{}"),
	becomes_that('without a path', "GET http://a?TOKEN HTTP/1.1{}Host: a{}{}",
		"GET /?TOKEN HTTP/1.1{}Host: a{}{}"),
	same('OPTIONS of the whole server', "OPTIONS * HTTP/1.1{}Host: a{}X: TOKEN{}{}"),
	becomes_that('and in absolute form', "OPTIONS http://a HTTP/1.1{}Host: a{}X: TOKEN{}{}",
		"OPTIONS * HTTP/1.1{}Host: a{}X: TOKEN{}{}"),

	becomes_that('HTTP/1.0', "GET /TOKEN HTTP/1.0{}Host: a{}{}", "$get\{}", last => 1),
	becomes_that('HTTP/1.0 that keeps alive', "GET /TOKEN HTTP/1.0{}Host: a{}Connection: Keep-Alive{}{}",
		"$get\{}"),
	row('HTTP/1.0 without Host', "GET /TOKEN HTTP/1.0{}{}", last => 1),
	becomes_that('HTTP/1.0, absolute, without Host', "GET http://a:81/TOKEN HTTP/1.0{}{}",
		"GET /TOKEN HTTP/1.1{}Host: a:81{}{}", last => 1),
	becomes_that('an expectation in HTTP/1.0 is none',
		"POST /TOKEN HTTP/1.0{}Host: a{}Expect: x{}Content-Length: 5{}{}hello",
		"${post}Content-Length: 5{}{}hello",
		last => 1),

	# hop by hop
	becomes_that('Connection: close', "${get}Connection: close{}{}", "$get\{}", last => 1),
	becomes_that('and among others', "${get}X: y{}Connection: z, CLOSE{}{}", "${get}X: y{}{}", last => 1),
	becomes_that('what Connection names ends here',
		"${get}A: 1{}Connection: b, keep-alive,,C{}B: 2{}C: 3{}b: 4{}D: 5{}{}", "${get}A: 1{}D: 5{}{}"),
	becomes_that('in any of them', "${get}Connection: a{}A: 1{}B: 2{}connection:b{}{}", "$get\{}"),
	becomes_that('and what ends anyway',
		"${get}Keep-Alive: timeout=5{}Proxy-Connection: close{}TE: gzip{}Upgrade: websocket{}X: y{}{}",
		"${get}X: y{}{}"),
	becomes_that('what frames and routes does not end',
		"${post}Connection: host, content-length{}Content-Length: 5{}{}hello",
		"${post}Content-Length: 5{}{}hello"),
	becomes_that('nor does a coding',
		"${post}Connection: Transfer-Encoding, Trailer{}Transfer-Encoding: chunked{}{}5{}hello{}0{}{}",
		"${chunked}5{}hello{}0{}{}"),
	becomes_that('no HTTP/2 behind our back',
		"${get}Upgrade: h2c{}HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA{}Connection: Upgrade, HTTP2-Settings{}{}", "$get\{}"),
	becomes_that('neither among others', "${get}Upgrade: websocket, h2c{}Connection: upgrade{}{}", "$get\{}"),
	becomes_that('no upgrade behind a body',
		"${post}Upgrade: websocket{}Connection: upgrade{}Content-Length: 5{}{}hello",
		"${post}Content-Length: 5{}{}hello"),
	becomes_that('nor from HTTP/1.0', "GET /TOKEN HTTP/1.0{}Host: a{}Upgrade: websocket{}Connection: upgrade{}{}",
		"$get\{}", last => 1),
	same('three at once', "$get\{}${post}Content-Length: 5{}{}hello${chunked}0{}{}", answers => 3),
);
push @requests,
	becomes_that('trailers are wanted', "${get}TE: gzip, trailers{}Connection: close, TE{}{}",
		"${get}TE: trailers{}Connection: te{}{}", last => 1),
	becomes_that('an upgrade that is not granted',
		"${get}Connection: keep-alive, Upgrade{}Upgrade: websocket{}Sec-WebSocket-Key: x{}{}",
		"${get}Connection: upgrade{}Upgrade: websocket{}Sec-WebSocket-Key: x{}{}");

# An answer, what the client has to get where that is not the same, and what is special.
sub answer { my ($name, $answer, @more) = @_; return row($name, "$get\{}", answer => $answer, @more) }
my $ok = "HTTP/1.1 200 OK{}";
my @answers = (
	answer('a length', "${ok}Content-Length: 5{}{}hello"),
	answer('no data', "${ok}Content-Length: 0{}{}"),
	answer('fields as they came',
		"${ok}Server: x/1 (y){}date: Thu, 01 Jan 1970 00:00:00 GMT{}A:{}B: \t x\ty {}C: \x80\xff{}Set-Cookie: a=b{}Set-Cookie: c=d{}Content-Length: 0{}{}"),
	answer('chunks', "${ok}Transfer-Encoding: chunked{}{}5{}hello{}00A{}0123456789{}0{}{}"),
	answer('no chunk but the last', "${ok}Transfer-Encoding: chunked{}{}0{}{}"),
	answer('trailers', "${ok}Transfer-Encoding: Chunked{}Trailer: X{}{}5{}hello{}0{}X: y{}Y:{}{}"),
	answer('a trailer of no use', "${ok}Transfer-Encoding: chunked{}{}5{}hello{}0{}Set-Cookie: a=b{}{}"),
	answer('extensions', "${ok}Transfer-Encoding: chunked{}{}5;a=\"b\"{}hello{}0;x{}{}",
		seen => "${ok}Transfer-Encoding: chunked{}{}5{}hello{}0{}{}"),
	answer('data that looks like an answer', "${ok}Content-Length: 38{}{}HTTP/1.1 200 OK{}Content-Length: 0{}{}"),
	answer('the length twice', "${ok}Content-Length: 5{}content-length: 5{}{}hello",
		seen => "${ok}Content-Length: 5{}{}hello"),
	answer('100 kB', "${ok}Content-Length: 100000{}{}" . '0123456789' x 10000),
	answer('chunks of 100 kB', "${ok}Transfer-Encoding: chunked{}{}186a0{}" . '0123456789' x 10000 . "{}0{}{}"),
	answer('a status that nobody knows', "HTTP/1.1 299 \x80(x){}Content-Length: 0{}{}"),
	answer('no reason', "HTTP/1.1 404 {}Content-Length: 0{}{}"),
	answer('not even a space', "HTTP/1.1 404{}Content-Length: 0{}{}",
		seen => "HTTP/1.1 404 {}Content-Length: 0{}{}"),
	answer('HTTP/1.0', "HTTP/1.0 200 OK{}Content-Length: 5{}{}hello", seen => "${ok}Content-Length: 5{}{}hello",
		then => \'close'),
	answer('HTTP/1.0 that keeps alive', "HTTP/1.0 200 OK{}Connection: keep-alive{}Content-Length: 5{}{}hello",
		seen => "${ok}Content-Length: 5{}{}hello"),
	answer('Connection: close', "${ok}Connection: close{}Content-Length: 5{}{}hello",
		seen => "${ok}Content-Length: 5{}{}hello", then => \'close'),
	answer('fields that end here',
		"${ok}Connection: a, b{}A: 1{}B: 2{}Keep-Alive: timeout=5{}Upgrade: h2c{}Proxy-Connection: x{}Content-Length: 0{}{}",
		seen => "${ok}Content-Length: 0{}{}"),
	answer('and some that do not',
		"${ok}Connection: set-cookie, content-length{}Set-Cookie: a=b{}Content-Length: 0{}{}",
		seen => "${ok}Set-Cookie: a=b{}Content-Length: 0{}{}"),
	answer('204', "HTTP/1.1 204 No Content{}X: y{}{}"),
	answer('304 with the length of what it has not', "HTTP/1.1 304 Not Modified{}Content-Length: 1000{}{}"),
	answer('304 that would be chunked', "HTTP/1.1 304 Not Modified{}Transfer-Encoding: chunked{}{}"),
	(map { { %$_, raw => ["HEAD /TOKEN HTTP/1.1\r\nHost: a\r\n\r\n"], methods => ['HEAD'] } }
		answer('HEAD, with a length', "${ok}Content-Length: 1000{}{}"),
		answer('HEAD, without one', $ok . '{}'),
		answer('HEAD, with a coding', "${ok}Transfer-Encoding: chunked{}{}")),
	(map { { %$_, raw => ["HEAD /TOKEN HTTP/1.0\r\nHost: a\r\n\r\n"], methods => ['HEAD'] } }
		answer('HEAD from HTTP/1.0, which has no coding', "${ok}Transfer-Encoding: chunked{}Trailer: X{}{}",
			seen => "${ok}Connection: close{}{}", last => 1)),
	(map { { %$_, raw => ["GET /TOKEN HTTP/1.0\r\nHost: a\r\n\r\n"] } }
		answer('304 to HTTP/1.0', "HTTP/1.1 304 Not Modified{}Transfer-Encoding: chunked{}A: b{}{}",
			seen => "HTTP/1.1 304 Not Modified{}A: b{}Connection: close{}{}", last => 1),
		answer('chunks to HTTP/1.0', "${ok}Transfer-Encoding: chunked{}Trailer: X{}{}5{}hello{}0{}X: 1{}{}",
			seen => "${ok}Connection: close{}{}hello", last => 1)),
	answer('an early hint', "HTTP/1.1 103 Early Hints{}Link: </x>{}{}${ok}Content-Length: 5{}{}hello"),
	answer('several',
		"HTTP/1.1 100 Continue{}{}HTTP/1.1 102 Processing{}{}HTTP/1.1 199 x{}A: b{}{}${ok}Content-Length: 0{}{}"),
	answer('up to the end of the connection', $ok . '{}hello', then => \'close',
		seen => "${ok}Connection: close{}{}hello", last => 1),
	answer('nothing, up to the end of the connection', $ok . '{}', then => \'close',
		seen => "${ok}Connection: close{}{}", last => 1),
	answer('HTTP/1.0 up to the end of the connection', 'HTTP/1.0 200 OK{}{}hello', then => \'close',
		seen => "${ok}Connection: close{}{}hello", last => 1),
);

sub crlf { return $_[0] =~ s/\{\}/\r\n/gr }

my (@cases, @answered);
for my $prefix ('w', 'p') {
	my $pieces = $prefix eq 'p';
	for my $case (cases($prefix, @requests)) {
		my $first = $case->{send};
		my $tail = crlf($next =~ s/TOKEN/$case->{token}/gr);
		$case->{send} .= "${tail}Connection: close\r\n\r\n";
		$case->{seen} = crlf($case->{seen} // $first) . ($case->{last} ? '' : "$tail\r\n");
		$case->{pieces} = length $first > 1000 ? 1371 : 7 if $pieces;
		push @cases, $case;
	}
	for my $case (cases($prefix eq 'w' ? 'v' : 'q', @answers)) {
		$case->{answer} = crlf($case->{answer});
		$case->{send} .= crlf($next =~ s/TOKEN/$case->{token}/gr) . "Connection: close\r\n\r\n";
		$case->{seen} = crlf($case->{seen} // $case->{answer});
		$case->{seen} =~ s/TOKEN/$case->{token}/g;
		$case->{answer_pieces} = length $case->{answer} > 1000 ? 1371 : 7 if $pieces;
		push @answered, $case;
	}
}

my $answering = answering(@answered);
my $origin = Sluice::HttpOrigin->start('a', sub {
	my ($request, $conn) = @_;
	return $answering->($request, $conn) if $request->{target} !~ /tunnel/;
	$conn->send("HTTP/1.1 " . ($request->{method} eq 'CONNECT' ? "200 OK\r\nContent-Length: 5\r\n\r\n"
		: "101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
	$conn->send('server first ');
	Sluice::Origin::echo($conn);
	return \'close';
});
my $lb = Sluice->start(config => {
	global => { threads => 1 },
	defaults => { mode => 'http', timeout => { client => '60s', server => '60s', http_request => '60s',
		http_keep_alive => '60s' } },
	frontends => { web => { bind => ['127.0.0.1:0'], default_backend => 'app' },
		pooled => { bind => ['127.0.0.1:0'], default_backend => 'pooled' } },
	backends => { app => { http_reuse => 'never', servers => { a => { address => $origin->address } } },
		pooled => { http_reuse => 'always', servers => { a => { address => $origin->address } } } },
});

# A granted upgrade, and CONNECT: bytes from then on, what came with the request too, and half-closes.
for my $head ("GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n"
	. "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
		"CONNECT tunnel:80 HTTP/1.1\r\nHost: tunnel:80\r\n") {
	my ($method) = $head =~ /^(\w+)/;
	my $c = $lb->connect('web');
	$c->send("$head\r\n");
	my $answer = read_answer($c, $method);
	is $answer->{status}, $method eq 'GET' ? 101 : 200, "$method: a tunnel";
	is field($answer, 'Upgrade'), $method eq 'GET' ? 'websocket' : undef, 'and to what';
	is field($answer, 'Content-Length'), undef, 'it has no length';
	is $c->read_exactly(13), 'server first ', 'the server may speak first';
	my $noise = "\0\r\n\r\nGET / HTTP/9\r\n0\r\n\r\n" x 10;
	$c->send($noise);
	is shown($c->read_exactly(length $noise)), shown($noise), 'nobody looks into it';
	$c->half_close;
	ok $c->closed_within(5), 'its end goes through';
	ok !$c->was_reset, 'as an end';
}

exchange($lb->address('web'), @cases);
exchange($lb->address('pooled'), @answered);
$lb->stop;
ok $origin->wait_ended, 'sluice has left its server';
my %seen;				# token => what the server got, of all connections
for my $conn ($origin->connections) {
	$seen{$_->{token}} .= $_->{raw} for map { { raw => $_->{raw},
		token => $_->{raw} =~ /\b([wp]\d{5})\b/ ? $1 : '' } } @{$conn->{requests}};
}

sub first_difference {
	my ($got, $want) = @_;
	return undef if $got eq $want;
	my $at = 0;
	$at++ while $at < length $got && $at < length $want && substr($got, $at, 1) eq substr($want, $at, 1);
	my $from = $at > 60 ? $at - 60 : 0;
	return 'got ...' . shown(substr($got, $from, 160)) . ', not ...' . shown(substr($want, $from, 160));
}

sub request_went_through {
	my ($case) = @_;
	my $wrong = first_difference($seen{$case->{token}} // 'nothing', $case->{seen});
	return "the server $wrong" if $wrong;
	my @answers = answers_in($case->{got}, $case->{methods}, $case->{end} ne 'open');
	my $count = ($case->{answers} // 1) + ($case->{last} ? 0 : 1);
	return @answers . " answers, not $count" if @answers != $count;
	return "the answers are " . join(' ',
		map { $_->{status} // $_->{fault} } @answers) if grep { !$_->{whole} || $_->{status} != 200 } @answers;
	return "the last one is $answers[-1]{body}" if !$case->{last} && $answers[-1]{body} ne "/$case->{token}/next";
	return $case->{end} eq 'open' ? 'the connection stays open' : undef;
}

sub answer_went_through {
	my ($case) = @_;
	my $body = "/$case->{token}/next";
	my $behind = $case->{last} ? '' : "HTTP/1.1 200 Status\r\nContent-Length: " . length($body) . "\r\nConnection: close\r\n\r\n$body";
	my $wrong = first_difference($case->{got}, $case->{seen} . $behind);
	return $wrong && "the client $wrong" // ($case->{end} eq 'open' ? 'the connection stays open' : undef);
}

my %by_name;
push @{$by_name{"request: $_->{name}"}}, $_ for @cases;
push @{$by_name{"answer: $_->{name}"}}, $_ for @answered;
verdict("request: $_->{name}", $by_name{"request: $_->{name}"}, \&request_went_through) for @requests;
verdict("answer: $_->{name}", $by_name{"answer: $_->{name}"}, \&answer_went_through) for @answers;
undef $lb;
done_testing;

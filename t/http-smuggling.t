#!/usr/bin/perl
# tier: story
#
# Requests that two readers could understand in two ways: each is refused with its status and the end of the connection,
# and nothing of it, nor of what stands behind it, gets to a server. (Of a body, what was sound may have gone; then the
# server is cut off.) Each is sent twice: alone and at once, then in small pieces and behind a good request, which has to be
# answered and be the only one that arrives. Behind each stands another good one, to be seen by nobody.
use Sluice;
use Sluice::Http;
use Sluice::HttpCases;
use Sluice::HttpOrigin;

my $behind = "GET /TOKEN/behind HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
my $long = 20000;			# more than a head may have
my @controls = ("\0", "\x01", "\x0b", "\x0c", "\x1f", "\x7f");

# Fields of a request, or a request line, around the words of a list. {} is CR LF.
sub with_line { return map { "$_\{}Host: a{}X: TOKEN{}{}" } @_ }
sub with_fields { return map { "POST /TOKEN HTTP/1.1{}Host: a{}$_\{}{}" } @_ }
sub with_name { return with_fields(map { "$_: v" } @_) }
sub with_length { return map { "${_}hello" } with_fields(map { "Content-Length: $_" } @_) }
sub with_coding { return map { "${_}5{}hello{}0{}{}" } with_fields(map { "Transfer-Encoding: $_" } @_) }
sub with_host { return map { "GET /TOKEN HTTP/1.1{}Host: $_\{}{}" } @_ }
sub with_body { return map { "POST /TOKEN HTTP/1.1{}Host: a{}Transfer-Encoding: chunked{}{}$_" } @_ }
sub with_size { return with_body(map { "$_\{}hello{}0{}{}" } @_) }
sub with_trailer { return with_body(map { "5{}hello{}0{}$_\{}{}" } @_) }

my @heads = (
	# how long is it?
	each_of('a length and a coding, in either order',
		[ with_fields("Content-Length: 5{}Transfer-Encoding: chunked",
		"Transfer-Encoding: chunked{}Content-Length: 5", "Content-Length: 0{}Transfer-Encoding: chunked",
		"Content-Length: 5{}X: y{}transfer-ENCODING: CHUNKED", "Content-Length: 5{}Transfer-Encoding:",
		"Content-Length: 5{}Transfer-Encoding: identity", "Transfer-Encoding: x{}Content-Length: 5",
		"Content-Length:{}Transfer-Encoding: chunked",
		"Content-Length: 5{}Content-Length: 5{}Transfer-Encoding: chunked") ]),
	each_of('both of them in HTTP/1.0',
		[ map { s/1\.1/1.0/r } with_fields("Content-Length: 5{}Transfer-Encoding: chunked",
		"Transfer-Encoding: chunked{}Content-Length: 5") ]),
	each_of('a length that is no number', [ with_length('', ' ', '+5', '-5', '-0', '5x', 'x5', '0x5', '5h', '5.',
		'5.0', '.5', '5e0', '5 5', "5\t5", '5;', '5;5', '"5"', "'5'", '5%', '%35', '1_0', 'five', "\xd9\xa5",
		"\xb2", "5\0", "5\x0b", "\x0b5", "5\x0c", "5\xa0", "5\x7f") ]),
	each_of('a list of lengths', [ with_length('5, 5', '5,5', '5,6', '5,', ',5', ',', '5 ,5', '0,5') ]),
	each_of('a length that is too much for 63 bits', [ with_length('9223372036854775808', '18446744073709551615',
		'18446744073709551616', '18446744073709551621', '99999999999999999999', '4' x 300) ]),
	each_of('lengths that differ', [ with_fields(map { "$_\{}{}hello" } "Content-Length: 5{}Content-Length: 6",
		"Content-Length: 6{}Content-Length: 5", "Content-Length: 5{}Content-Length: 5{}content-length: 6",
		"Content-Length: 5{}Content-Length: 0", "Content-Length: 5{}X: y{}Content-Length:",
		"Content-Length: 5{}Content-Length: +5") ]),

	# transfer codings
	each_of('chunked, but not alone', [ with_coding('chunked, chunked', 'chunked,chunked', 'chunked, identity',
		'chunked, x', 'chunked,', ',chunked', ', chunked', 'chunked, ,', 'chunked;q=1', 'chunked ;q=1',
		'chunked;', 'chunked; chunked', 'chunked chunked', "chunked\tchunked", 'chunked=1') ]),
	each_of('chunked, but not quite', [ with_coding('"chunked"', "'chunked'", 'chunke', 'chunkedd', 'xchunked',
		'x chunked', 'chunked x', 'chunk', 'chun ked', '-chunked', 'chunked-', "chunked\xa0", "\xa0chunked",
		"\xefchunked", 'chunked/1', '(chunked)', 'c%68unked', 'cow') ]),
	each_of('chunked, with control characters', [ map { my $c = $_; with_coding("chunked$c", "${c}chunked",
		"chun${c}ked", "x$c, chunked") } @controls ]),
	each_of('no coding, or none that tells the end', [ with_coding('', ' ', ',', ',,', 'identity', 'gzip',
		'chunked, gzip', 'Identity') ]),
	each_of('codings that we do not have', [ with_coding('gzip, chunked', 'gzip,chunked', 'x, chunked',
		'deflate, gzip, chunked', 'identity, chunked', 'x;y=z, chunked') ], expect => 501),
	each_of('Transfer-Encoding twice',
		[ map { "${_}5{}hello{}0{}{}" } with_fields("Transfer-Encoding: chunked{}Transfer-Encoding: chunked",
		"Transfer-Encoding: identity{}Transfer-Encoding: chunked",
		"Transfer-Encoding: chunked{}Transfer-Encoding: identity",
		"Transfer-Encoding: chunked{}X: y{}transfer-encoding: x",
		"Transfer-Encoding:{}Transfer-Encoding: chunked",
		"Transfer-Encoding: chunked{}Transfer-Encoding:") ]),
	each_of('a coding in HTTP/1.0', [ map { s/1\.1/1.0/r } with_coding('chunked', 'x'),
		map { s/Host/Connection: keep-alive{}Host/r } with_coding('chunked') ]),

	# lines and bytes
	each_of('a control byte, CR or LF, anywhere in the head',
		[ everywhere("GET /TOKEN HTTP/1.1{}Host: a{}Xy: TOKEN{}{}", 0, 42, @controls, "\r"),
		everywhere("GET /TOKEN HTTP/1.1{}Host: a{}Xy: TOKEN{}{}", 0, 41, "\n") ]),
	each_of('another line end instead of one',
		[ map { my $end = $_; map { my $n = $_; my $i = 0; "POST /TOKEN HTTP/1.1{}Host: a{}Content-Length: 0{}X: y{}{}" =~ s/\{\}/$i++ == $n ? $end : '{}'/ger } 0 .. 4 } "\n", "\r", "\n\r", "\r\r\n", "\0\r\n", "\x0b" ]),
	each_of('nothing but LF, nothing but CR',
		[ map { my $end = $_; "GET /TOKEN HTTP/1.1{}Host: a{}{}" =~ s/\{\}/$end/gr } "\n", "\r" ]),
	each_of('a line that begins with white space', [ with_fields(" folded: v", "\tfolded: v", "X: y{} folded",
		"X: y{}\tfolded", "X: y{} ", "X: y{}\t", "X:{} folded", "Content-Length:{} 5",
		"Content-Length: 1{} 0", "Transfer-Encoding:{} chunked", "Transfer-Encoding: x,{} chunked",
		"Transfer-Encoding: chunked{} , identity", " Content-Length: 5", "\tTransfer-Encoding: chunked",
		" {}X: y"), "GET /TOKEN HTTP/1.1{} Host: a{}{}", "GET /TOKEN HTTP/1.1{}\tHost: a{}Host: a{}{}",
		"GET /TOKEN HTTP/1.1{} {}Host: a{}{}", "GET /TOKEN HTTP/1.1{}Host: a{} b{}{}",
		"GET /TOKEN{} HTTP/1.1{}Host: a{}{}" ]),

	# names and values
	each_of('white space before the colon', [ with_fields("X : y", "X\t: y", "X  : y", "Content-Length : 5",
		"Content-Length\t: 5", "Transfer-Encoding : chunked", "Transfer-Encoding\t: chunked",
		"Transfer-Encoding : x{}Transfer-Encoding: chunked", "X: y{} : z"),
		"GET /TOKEN HTTP/1.1{}Host : a{}{}" ]),
	each_of('a name that is none', [ with_name('', ' ', "\t", map({ ("X$_", "${_}X", "X${_}Y") } split(//,
		'"(),/;<=>?@[\\]{}'), "\x80", "\xff", "\xe9"), map({ ("X$_", "${_}X") } @controls), 'X Y', "X\tY",
		"Content-Length\0", "\xef\xbb\xbfHost", '[Host]') ]),
	each_of('a line without a colon', [ with_fields('X', 'Content-Length 5', 'Transfer-Encoding chunked',
		'GET / HTTP/1.1', '=', 'X: y{}Z') ]),
	each_of('a value with a control byte', [ with_fields(map { ("X: a$_", "X: ${_}a", "X: a${_}b", "X:$_",
		"X: $_ ") } @controls) ]),

	# the request line
	each_of('a method that is no token', [ with_line(map { "$_ /TOKEN HTTP/1.1" } '', ' GET', "\tGET", "GET\t",
		'G ET', map({ ("GET$_", "${_}GET", "G${_}T") } split(//, '"(),/:;<=>?@[\\]{}'), "\x80", "\xff")) ]),
	each_of('white space that is not just one space', [ with_line("GET  /TOKEN HTTP/1.1", "GET /TOKEN  HTTP/1.1",
		"GET /TOKEN HTTP/1.1 ", "GET\t/TOKEN HTTP/1.1", "GET /TOKEN\tHTTP/1.1", "GET /TOKEN HTTP/1.1\t",
		" GET /TOKEN HTTP/1.1", "GET \t/TOKEN HTTP/1.1", "GET\x0b/TOKEN\x0bHTTP/1.1",
		"GET\xa0/TOKEN\xa0HTTP/1.1", "GET /TOKEN HTTP/ 1.1", "GET /TOKEN HTTP /1.1") ]),
	each_of('parts that are missing, or too many', [ with_line('GET', 'GET ', 'GET HTTP/1.1', 'GET  HTTP/1.1',
		'/TOKEN HTTP/1.1', 'HTTP/1.1', 'GET /TOKEN', 'GET /TOKEN ', 'GET /TOKEN x HTTP/1.1',
		'GET /TOKEN HTTP/1.1 HTTP/1.1', 'GET /TOKEN HTTP/1.1 x', 'GET /TOKEN POST /TOKEN HTTP/1.1') ]),
	each_of('a version that is none', [ with_line(map { "GET /TOKEN $_" } 'HTTP/0.9', 'HTTP/1.2', 'HTTP/1.9',
		'HTTP/1.10', 'HTTP/1.11', 'HTTP/10.1', 'HTTP/11', 'HTTP/2', 'HTTP/2.0', 'HTTP/2.1', 'HTTP/3.0',
		'HTTP/0.0', 'HTTP/01.1', 'HTTP/1.01', 'HTTP/1', 'HTTP/1.', 'HTTP/.1', 'HTTP/', 'HTTP', 'HTTP/1,1',
		'HTTP/1.1.1', 'HTTP/1.x', 'HTTP/x.1', 'HTTP/-1.1', 'HTTP/+1.1', 'HTTP/1.-1', 'HTTP//1.1', 'HTTP\\1.1',
		'HTTP1.1', '/1.1', '1.1', 'http/1.1', 'Http/1.1', 'HTTp/1.1', 'HTTPS/1.1', 'HTP/1.1', 'XHTTP/1.1',
		'ICY/1.1', 'RTSP/1.0', 'SIP/2.0', "HTTP/1.\xb9", "HTTP/1.1\0", 'HTTP/1.1;', "HTTP/1.1,HTTP/1.1") ]),
	each_of('a target with bytes that none has', [ with_line(map { ("GET /TOKEN$_ HTTP/1.1",
		"GET $_/TOKEN HTTP/1.1", "GET /T$_/TOKEN?x HTTP/1.1") } @controls, "\x80", "\xff", "\xc3\xa9") ]),
	each_of('a target that is none', [ with_line(map { "GET $_ HTTP/1.1" } 'TOKEN', '?TOKEN', '*', '*TOKEN',
		'/TOKEN#', '/TOKEN#x', '#', 'a:80', '.', '..', '@/TOKEN', ':80/TOKEN', 'http:', 'http:/TOKEN',
		'http:a/TOKEN', 'http//a/TOKEN', '://a/TOKEN', '1http://a/TOKEN', 'ht!tp://a/TOKEN', '%2fTOKEN',
		'\\TOKEN', 'http:\\\\a\\TOKEN') ]),
	each_of('an asterisk for what is not OPTIONS',
		[ with_line(map { "$_ * HTTP/1.1" } qw(GET HEAD POST PUT DELETE TRACE CONNECT options x)),
		with_line('OPTIONS ** HTTP/1.1', 'OPTIONS *?x HTTP/1.1', 'OPTIONS */TOKEN HTTP/1.1',
		'OPTIONS x HTTP/1.1') ]),
	each_of('an authority that is none',
		[ map { my $authority = $_; "GET http://$authority/TOKEN HTTP/1.1{}Host: $authority\{}{}" } '', ':',
		':80', 'u@a', 'u:p@a', '@a', 'a@', 'a:x', 'a:8o', 'a:65536', 'a:99999', 'a:800000', 'a:-1', 'a:+80',
		'a: 80', 'a:80:80', 'a::80', 'a:0x50', 'a b', 'a,b', '[', ']', '[]', '[a]', '[::1', '::1]', '::1',
		'[::1]a', '[::1]80', '[::1]:x', '[::1%25lo]', '[1.2.3.4]', '[g::]', '[:::]', '[::1]]', '[[::1]]',
		'a[::1]', 'a%', 'a%2', 'a%zz', 'a\\b', 'a"', 'a<b', 'a|b', 'a^b', "a\x80", "a\0" ]),
	each_of('a Host that is none', [ with_host('a b', "a\tb", 'a/b', 'a/', '/', 'a?b', 'a#b', 'a,b', 'a, a',
		'u@a', 'u:p@a', '@', 'http://a', 'http://a/', 'a:x', 'a:65536', 'a:-1', 'a:+80', 'a:80:80', ':',
		':80', '[::1', '::1', '[]', '[a]', '[::1]x', '"a"', 'a\\b', '<a>', 'a%', 'a%2', 'a%zz', "a\x80",
		"a\0", "\x0ba", 'a;b b', '*, *') ]),
	each_of('no Host, or two', [ "GET /TOKEN HTTP/1.1{}{}", "GET /TOKEN HTTP/1.1{}X: y{}{}",
		"GET http://a/TOKEN HTTP/1.1{}{}", "OPTIONS * HTTP/1.1{}X: TOKEN{}{}",
		"CONNECT a:80 HTTP/1.1{}X: TOKEN{}{}", "GET /TOKEN HTTP/1.1{}Hos: a{}Hostt: a{}{}",
		"GET /TOKEN HTTP/1.1{}Host: a{}Host: a{}{}", "GET /TOKEN HTTP/1.1{}Host: a{}Host: b{}{}",
		"GET /TOKEN HTTP/1.1{}Host: a{}X: y{}HOST: b{}{}", "GET /TOKEN HTTP/1.1{}Host:{}Host: a{}{}",
		"GET /TOKEN HTTP/1.0{}Host: a{}Host: b{}{}", "GET http://a/TOKEN HTTP/1.1{}Host: a{}Host: a{}{}" ]),
	each_of("a Host that is not the target's", [ map({ "GET http://a/TOKEN HTTP/1.1{}Host: $_\{}{}" } 'b', '',
		'a:81', 'a:443', 'a.', 'aa', 'a.a', 'a:080x'), "GET http://a:81/TOKEN HTTP/1.1{}Host: a{}{}",
		"GET https://a/TOKEN HTTP/1.1{}Host: a:80{}{}", "GET http://a/TOKEN HTTP/1.0{}Host: b{}{}",
		"CONNECT a:80 HTTP/1.1{}Host: b:80{}X: TOKEN{}{}",
		"CONNECT a:80 HTTP/1.1{}Host: a:81{}X: TOKEN{}{}" ]),
	each_of('a CONNECT to nowhere', [ map({ "CONNECT $_ HTTP/1.1{}Host: a{}X: TOKEN{}{}" } '/TOKEN', 'a', 'a:',
		'a:0', 'a:65536', 'a:x', ':80', 'u@a:80', 'a:80/', 'a:80/TOKEN', 'http://a/', 'http://a:80', '*',
		'a:80,b:80', '[::1]', '[::1:80', '::1:80') ]),
	each_of('a CONNECT with a body',
		[ map { "CONNECT a:80 HTTP/1.1{}Host: a:80{}X: TOKEN{}$_" } "Content-Length: 5{}{}hello",
		"Transfer-Encoding: chunked{}{}0{}{}" ]),

	# what comes before, what is no HTTP
	each_of('bytes before the request',
		[ map { my $front = $_; map { "$front$_" } with_line('GET /TOKEN HTTP/1.1') } "\n", "\r", "\n\n",
		"\r\r\n", "\n\r\n", "\r\n\n", "\r\n\r", "\r\n ", ' ', "\t", "\0", "\xef\xbb\xbf", 'x{}', "0{}{}" ]),
	each_of('what is no HTTP at all', [ "PRI * HTTP/2.0{}{}SM{}{}\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64TOKEN",
		"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03TOKEN", "\x16\x03\x03\0\x05\x01\0\0\x01TOKEN",
		"\x80\x2e\x01\x03\x01TOKEN", "SSH-2.0-TOKEN{}", "EHLO TOKEN{}",
		"PROXY TCP4 127.0.0.1 127.0.0.1 1 2{}GET /TOKEN HTTP/1.1{}Host: a{}{}",
		"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\0\1\0\2GET /TOKEN HTTP/1.1{}Host: a{}{}",
		"<TOKEN/>\0", "{\"x\":\"TOKEN\"}\n", "HTTP/1.1 200 TOKEN{}Content-Length: 0{}{}" ]),
	each_of('Expect for what we do not know', [ with_fields(map { "Content-Length: 0{}Expect: $_" } 'x', '',
		'100', '100-continue, x', '200-ok') ], expect => 417),

	# too much
	each_of('a target that is too long', [ with_line('GET /TOKEN/' . 'x' x 8192 . ' HTTP/1.1',
		'GET /TOKEN/' . 'x' x $long, 'GET http://a/TOKEN/' . 'x' x 8192 . ' HTTP/1.1') ], expect => 414),
	each_of('a head that is too long', [ with_fields('X: ' . 'x' x $long, 'x' x $long . ': y',
		map({ my $n = $_; join '{}', map { "X$_: " . 'x' x ($long / $n) } 1 .. $n } 2, 50)) ], expect => 431),
	each_of('too many fields', [ with_fields(join('{}', map { "X$_: y" } 1 .. 101), join('{}',
		map { "X: y" } 1 .. 1000)) ], expect => 431),
);

# Behind a sound head. That may go on before the fault is there to be seen; then the server is cut off.
my @bodies = (
	each_of('a chunk size that is none', [ with_size('', ' ', '+5', '-5', ' 5', "\t5", '5 ', "5\t", '0x5', '0X5',
		'x5', '5x', 'g', '5h', '5 5', '5,5', '5.', '"5"', "\xb2", '%35', '5:', '5=', "5\x0b", "\x0b5", "5\0",
		"\0005", "5\x7f", "5\x80", "\n5", "\r5", '5 a', "5\0;a", '_5') ]),
	each_of('a chunk size that is too much', [ with_size('8000000000000000', 'ffffffffffffffff',
		'fffffffffffffffb', '10000000000000005', 'fffffffffffffffff', '100000000000000000000000000000005',
		'0' x 300 . '5', '5;' . 'x' x 300, '5;x="' . 'x' x 300 . '"') ]),
	each_of('a chunk size line with another end', [ with_body("5\nhello{}0{}{}", "5\rhello{}0{}{}",
		"5\n\rhello{}0{}{}", "5\r\r\nhello{}0{}{}", "5;x\nhello{}0{}{}", "5;x\rhello{}0{}{}") ]),
	each_of('an extension with a control byte', [ with_size(map { ("5;x${_}y", "5;$_",
		"5;x=\"${_}\"") } @controls, "\n", "\r") ]),
	each_of('an extension whose quotes have a line end in them', [ with_body("5;x=\"a{}b\"{}hello{}0{}{}",
		"5;x=\"{}hello{}0{}{}", "5;x=\"\n\"{}hello{}0{}{}") ]),
	each_of('no CR LF behind the data', [ with_body("5{}hello0{}{}", "5{}hello\n0{}{}", "5{}hello\r0{}{}",
		"5{}helloX{}0{}{}", "5{}hello {}0{}{}", "5{}hello\r\r\n0{}{}", "5{}hello\0{}0{}{}", "4{}hello{}0{}{}",
		"6{}hello{}0{}{}", "7{}hello{}0{}{}0{}{}", "5{}hello{}5{}hello0{}{}") ]),
	each_of('an end that is none', [ with_body("0\n\n", "0\n{}", "0\r{}", "0{}\n", "0{}\r\r\n", "0{}\0{}",
		"0\0{}{}", "-0{}{}", "+0{}{}", "0x0{}{}", "0 {}{}", " 0{}{}", "5{}hello{}0\n{}", "5{}hello{}0{}\n",
		"{}0{}{}", "{}{}") ]),
	each_of('a trailer that is none', [ with_trailer(' folded', 'X: y{} folded', "X: y{}\tfolded", ' X: y',
		"\tX: y", 'X', ': y', 'X : y', "X\t: y", 'X y', 'X(: y', "X: a\rb", "X: a\nb", "X: a\0b", "X: a\x0bb",
		"X: a\n", "X\0: y", "X: y\r", 'X: ' . 'x' x $long) ]),
	each_of('a trailer that belongs in the head', [ with_trailer('Content-Length: 5',
		'Transfer-Encoding: chunked', 'Host: b', 'content-length: 0', 'TRANSFER-ENCODING: x',
		'X: y{}Host: a') ]),
);

my @cut = (		# no more comes: what there was is not whole, and nobody may believe it was
	each_of('a head that ends early', [ "GET /TOKEN", "GET /TOKEN HTTP/1.1{}", "GET /TOKEN HTTP/1.1{}Host: a{}",
		"GET /TOKEN HTTP/1.1{}Host: a{}\r", "POST /TOKEN HTTP/1.1{}Host: a{}Content-Length: 5" ], half => 1),
	each_of('a body that ends early', [ "POST /TOKEN HTTP/1.1{}Host: a{}Content-Length: 10{}{}hello",
		with_body('', '5', "5{}", "5{}hello", "5{}hello{}", "5{}hello{}0", "5{}hello{}0{}",
		"5{}hello{}0{}X: y{}") ], body => 1),
);

my $origin = Sluice::HttpOrigin->start('a');
my $lb = Sluice->start(config => {
	global => { threads => 1 },
	defaults => { mode => 'http', timeout => { client => '60s', server => '60s', http_request => '60s',
		http_keep_alive => '60s' } },
	frontends => { web => { bind => ['127.0.0.1:0'], default_backend => 'app' } },
	backends => { app => { http_reuse => 'always', servers => { a => { address => $origin->address } } } },
});

my $address = $lb->address('web');
my @rows = (@heads, map({ { %$_, body => 1 } } @bodies));
my @alone = cases('w', @rows);
my @pieces = cases('p', @rows);
my @ended = cases('e', @cut);
$_->{send} .= $behind =~ s/TOKEN/$_->{token}/r for @alone, @pieces;
for my $case (@pieces) {
	$case->{pieces} = 1 + int(length($case->{send}) / 20);
	$case->{send} = "GET /before/$case->{token} HTTP/1.1\r\nHost: a\r\n\r\n$case->{send}";
	$case->{follows} = 1;
}
$_->{half_close} = 1 for @ended;
exchange($address, @alone, @pieces, @ended);
$lb->stop;
ok $origin->wait_ended, 'sluice has left its server';
my @connections = $origin->connections;
my %seen;				# token => connections
for my $conn (@connections) {
	my %named = map { $_ => 1 } $conn->{bytes} =~ /\b([ewp]\d{5})\b/g;
	push @{$seen{$_}}, $conn for keys %named;
}

# What the client got: the answer to the good request before it, then one that says what is wrong, the last one.
sub client_sees {
	my ($case) = @_;
	my $want = $case->{expect} // 400;
	my @answers = answers_in($case->{got}, [], $case->{end} ne 'open');
	return "the connection stays open" if $case->{end} eq 'open';
	if ($case->{follows}) {
		my $first = shift @answers // return 'no answer to the request before';
		return 'the request before was not answered' if ($first->{status} // 0) != 200 || !$first->{whole};
	}
	my $answer = shift @answers // return "no $want";
	return $answer->{fault} // 'an answer that is cut' if !$answer->{whole};
	return "$answer->{status}, not $want" if $answer->{status} != $want;
	return 'no Connection: close' if lc(field($answer, 'Connection') // '') ne 'close';
	return 'something behind the answer' if @answers;
	return undef;
}

# What the server got: only the request before; of one whose body is wrong a part, and a cut.
sub server_sees {
	my ($case) = @_;
	my $before = 0;
	for my $conn (@{$seen{$case->{token}} // []}) {
		my @requests = @{$conn->{requests}};
		$before += grep { ($_->{target} // '') eq "/before/$case->{token}" && $_->{whole} } @requests;
		my @others = grep { index($_->{raw},
			$case->{token}) >= 0 && ($_->{target} // '') ne "/before/$case->{token}" } @requests;
		next if !@others;
		my $got = 'the server got ' . shown($others[0]{raw});
		return $got if !$case->{body} || @others > 1 || $others[0]{whole};
		return "$got: $others[0]{fault}" if defined $others[0]{fault};
		return "$got, and its connection was not ended" if ($conn->{end} // 'own') eq 'own';
	}
	return undef if $before == ($case->{follows} ? 1 : 0);
	return "the server got the request before $before times";
}

my %by_name;
push @{$by_name{$_->{name}}}, $_ for @alone, @pieces, @ended;
for my $name (map { $_->{name} } @rows) {
	verdict($name, $by_name{$name}, sub { my ($case) = @_; return client_sees($case) // server_sees($case) });
}
for my $name (map { $_->{name} } @cut) {
	verdict($name, $by_name{$name}, sub {
		my ($case) = @_;
		return server_sees($case) // ($case->{end} eq 'open' ? 'the connection stays open' : undef);
	});
}

# Whatever else came: each request there was one of those before, or is looked at above.
my @unexpected = grep { $_->{whole} ? $_->{target} !~ m{^/before/} : $_->{raw} !~ /\b[epw]\d{5}\b/ } map { @{$_->{requests}} } @connections;
is scalar(@unexpected), 0, 'the server saw nothing else' or diag(map { shown($_->{raw}) . "\n" } @unexpected);

# The log has each of them, and what was wrong with it.
my @logged = grep { /"fault":"[a-z-]+"/ } $lb->stdout =~ /^\{.*"termination_state":"P[RH]--".*/mg;
is scalar(@logged), @alone + @pieces, 'the log says what was wrong with each';
undef $lb;
done_testing;

#!/usr/bin/perl
# tier: story
#
# Answers that two readers could understand in two ways, and servers that say more than they were asked: the client gets
# 502, or, where its answer is under way, a cut; never the bytes behind, nor another's answer. Such a server connection is
# used for nothing more. Behind each bad answer stands a good one, which is to be taken for the answer to nothing.
use Sluice;
use Sluice::Http;
use Sluice::HttpCases;
use Sluice::HttpOrigin;

my $evil = "HTTP/1.1 200 EVIL{}Content-Length: 4{}{}EVIL";
my $ok = "HTTP/1.1 200 OK{}";
my $get = "GET /TOKEN HTTP/1.1{}Host: a{}";
my $long = 20000;			# more than a head may have
my @controls = ("\0", "\x01", "\x0b", "\x7f");

sub with_line { return map { "$_\{}Content-Length: 0{}{}" } @_ }
sub with_fields { return map { "$ok$_\{}{}hello" } @_ }
sub with_length { return with_fields(map { "Content-Length: $_" } @_) }
sub with_coding { return map { "${ok}Transfer-Encoding: $_\{}{}5{}hello{}0{}{}" } @_ }
sub with_body { return map { "${ok}Transfer-Encoding: chunked{}{}$_" } @_ }
sub with_size { return with_body(map { "$_\{}hello{}0{}{}" } @_) }
sub with_trailer { return with_body(map { "5{}hello{}0{}$_\{}{}" } @_) }

# A row for each answer of a list: they all follow the same request.
sub answers { my ($name, $answers, @more) = @_; return map { row($name, "$get\{}", answer => $_, @more) } @$answers }

my @heads = (
	answers('a length and a coding, in either order',
		[ with_fields("Content-Length: 5{}Transfer-Encoding: chunked",
		"Transfer-Encoding: chunked{}Content-Length: 5", "Content-Length: 0{}Transfer-Encoding: chunked",
		"Content-Length: 5{}X: y{}transfer-encoding: x", "Content-Length: 5{}Transfer-Encoding:",
		"Content-Length: 5{}Transfer-Encoding: identity",
		"Content-Length: 5{}Content-Length: 5{}Transfer-Encoding: chunked") ]),
	answers('both of them in HTTP/1.0',
		[ map { s/1\.1/1.0/r } with_fields("Content-Length: 5{}Transfer-Encoding: chunked",
		"Transfer-Encoding: chunked{}Content-Length: 5") ]),
	answers('a length that is no number', [ with_length('', ' ', '+5', '-5', '5x', 'x5', '0x5', '5.0', '5e0',
		'5 5', "5\t5", '5;', '"5"', '%35', "\xb2", "5\0", "5\x0b", "5\xa0") ]),
	answers('a list of lengths', [ with_length('5, 5', '5,5', '5,6', '5,', ',5', ',') ]),
	answers('a length that is too much for 63 bits', [ with_length('9223372036854775808', '18446744073709551616',
		'18446744073709551621', '4' x 300) ]),
	answers('lengths that differ', [ with_fields("Content-Length: 5{}Content-Length: 6",
		"Content-Length: 6{}X: y{}content-length: 5", "Content-Length: 5{}Content-Length:",
		"Content-Length: 5{}Content-Length: 5{}Content-Length: 4") ]),
	answers('chunked, but not alone', [ with_coding('chunked, chunked', 'chunked, identity', 'chunked, x',
		'chunked,', ',chunked', 'chunked;q=1', 'chunked chunked', "chunked\tchunked") ]),
	answers('chunked, but not quite', [ with_coding('"chunked"', 'chunke', 'chunkedd', 'xchunked', 'x chunked',
		'chun ked', "chunked\xa0", 'cow') ]),
	answers('chunked, with control characters', [ map { my $c = $_; with_coding("chunked$c", "${c}chunked",
		"chun${c}ked") } @controls ]),
	answers('other codings, or none', [ with_coding('', ',', 'identity', 'gzip', 'gzip, chunked', 'x, chunked',
		'identity, chunked', 'chunked, gzip') ]),
	answers('Transfer-Encoding twice',
		[ map { "$ok$_\{}{}5{}hello{}0{}{}" } "Transfer-Encoding: chunked{}Transfer-Encoding: chunked",
		"Transfer-Encoding: x{}Transfer-Encoding: chunked",
		"Transfer-Encoding: chunked{}transfer-encoding: identity" ]),
	answers('a coding in HTTP/1.0', [ map { s/1\.1/1.0/r } with_coding('chunked', 'x') ]),

	answers('a version that is none', [ with_line(map { "$_ 200 OK" } 'HTTP/0.9', 'HTTP/1.2', 'HTTP/1.10',
		'HTTP/2', 'HTTP/2.0', 'HTTP/01.1', 'HTTP/1', 'HTTP/1.', 'HTTP', 'http/1.1', 'HTTPS/1.1', 'XHTTP/1.1',
		'ICY', 'RTSP/1.0', 'SIP/2.0', 'HTTP 1.1', "HTTP/1.1\0", 'HTTP/1,1', '') ]),
	answers('a status that is none', [ with_line(map { "HTTP/1.1 $_" } '', '2', '20', '2000 OK', '0200 OK',
		'099 OK', '000', '0', '-200 OK', '+200 OK', '2x0 OK', '200OK', '200.0 OK', '200,OK', '0xc8 OK', 'OK',
		'OK 200', ' 200 OK', "\t200 OK", "200\tOK", "200\0OK"), with_line('HTTP/1.1', 'HTTP/1.1200 OK',
		"HTTP/1.1\t200 OK", "HTTP/1.1 200 O\0K", "HTTP/1.1 200 O\x7fK", '200 OK') ]),
	answers('bytes before the answer',
		[ map { my $front = $_; map { "$front$_" } with_line('HTTP/1.1 200 OK') } "\n", "\r", ' ', "\t", "\0",
		"\r\n ", 'x', "x{}", "\xef\xbb\xbf" ]),
	answers('what is no answer at all', [ "GET / HTTP/1.1{}Host: a{}{}", "SSH-2.0-x{}",
		"\x15\x03\x03\0\x02\x02\x0a", "hello{}", "<html></html>", "\0" x 30, "0{}{}", "+OK{}",
		"{}{}{}{}{}{}" ]),
	answers('a control byte, CR or LF, anywhere in the head',
		[ map({ "${_}hello" } everywhere("${ok}Xy: z{}Content-Length: 5{}{}", 0, 44, "\0", "\x7f", "\r"),
		everywhere("${ok}Xy: z{}Content-Length: 5{}{}", 0, 43, "\n")) ]),
	answers('another line end instead of one',
		[ map { my $end = $_; map { my $n = $_; my $i = 0; "${ok}X: y{}Content-Length: 5{}{}" =~ s/\{\}/$i++ == $n ? $end : '{}'/ger . 'hello' } 0 .. 3 } "\n", "\r", "\n\r", "\r\r\n", "\0\r\n" ]),
	answers('nothing but LF, nothing but CR',
		[ map { my $end = $_; "${ok}Content-Length: 5{}{}" =~ s/\{\}/$end/gr . 'hello' } "\n", "\r" ]),
	answers('a line that begins with white space', [ with_fields(" X: y", "\tX: y{}Content-Length: 5",
		"X: y{} folded", "X: y{}\tfolded{}Content-Length: 5", "X:{} y", "Content-Length:{} 5",
		"Content-Length: 1{} 0", "Transfer-Encoding:{} chunked", " {}X: y", "Content-Length: 5{} ") ]),
	answers('white space before the colon', [ with_fields("X : y", "X\t: y", "Content-Length : 5",
		"Content-Length\t: 5{}Content-Length: 6", "Transfer-Encoding : chunked") ]),
	answers('a name that is none', [ with_fields(map { "Content-Length: 5{}$_: v" } '', ' ', map({ ("X$_",
		"${_}X") } split(//, '"(),/;<=>?@[\\]{}'), "\x80", @controls), 'X Y') ]),
	answers('a line without a colon', [ with_fields('X', 'Content-Length 5', 'HTTP/1.1 200 OK',
		'Content-Length: 5{}X') ]),
	answers('a value with a control byte', [ with_fields(map { ("Content-Length: 5{}X: a$_",
		"X: ${_}a{}Content-Length: 5", "X: a${_}b{}Content-Length: 5") } @controls) ]),
	answers('a head that is too long', [ with_fields('X: ' . 'x' x $long, 'x' x $long . ': y', join '{}',
		map { "X$_: " . 'x' x ($long / 50) } 1 .. 50), "HTTP/1.1 200 " . 'x' x $long . '{}{}' ]),
	answers('too many fields', [ with_fields(join('{}', map { "X$_: y" } 1 .. 102), join('{}',
		map { 'X: y' } 1 .. 1000)) ]),

	answers('interim answers that have a body',
		[ map { "HTTP/1.1 $_\{}{}hello" } "100 Continue{}Content-Length: 5",
		"103 Early Hints{}Transfer-Encoding: chunked",
		"103 Early Hints{}Content-Length: 5{}Transfer-Encoding: chunked" ]),
	answers('an interim answer, then a bad one',
		[ map { "HTTP/1.1 103 Early Hints{}X: y{}{}$_" } "HTTP/1.1 2{}{}",
		"HTTP/1.1 200 OK{}Content-Length: x{}{}", "{}{}", 'x',
		"HTTP/1.1 100 Continue{}Content-Length: 1{}{}x", "HTTP/1.1 99 x{}{}" ]),
	answers('101 that nobody asked for', [ map { "HTTP/1.1 101 x{}$_\{}" } '',
		"Upgrade: websocket{}Connection: upgrade{}", "Upgrade: h2c{}Connection: upgrade{}" ]),
	map({ { %$_,
		raw => ["GET /TOKEN HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"] } }
		answers('101 to something else', [ map { "HTTP/1.1 101 x{}$_\{}" } '', "Upgrade: websocket{}",
			"Connection: upgrade{}", "Upgrade: h2c{}Connection: upgrade{}",
			"Upgrade: websocket, x{}Connection: upgrade{}", "Upgrade: x{}Connection: upgrade{}",
			"Upgrade:{}Connection: upgrade{}" ])),
	map({ { %$_, raw => ["GET /TOKEN HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"] } }
		answers('101 to what was not passed on', [ "HTTP/1.1 101 x{}Upgrade: h2c{}Connection: upgrade{}{}" ])),
);
my @early = answers('an answer that ends early', [ '', 'H', 'HTTP/1.1 200', "HTTP/1.1 200 OK{}",
	"HTTP/1.1 200 OK{}Content-Length: 5{}", "HTTP/1.1 200 OK{}Content-Length: 5{}\r", "HTTP/1.1 103 x{}{}" ],
	then => \'close', alone => 1);

my @bodies = (
	answers('a chunk size that is none', [ with_size('', ' ', '+5', '-5', ' 5', '5 ', '0x5', 'x5', '5x', 'g',
		'5 5', '5,5', '"5"', "\xb2", "5\x0b", "5\0", "\0005", "\n5", "\r5", '5 a') ]),
	answers('a chunk size that is too much', [ with_size('8000000000000000', 'ffffffffffffffff',
		'10000000000000005', '0' x 300 . '5', '5;' . 'x' x 300) ]),
	answers('a chunk size line with another end', [ with_body("5\nhello{}0{}{}", "5\rhello{}0{}{}",
		"5\n\rhello{}0{}{}", "5;x\nhello{}0{}{}", "5;x\rhello{}0{}{}") ]),
	answers('a bad extension', [ with_size(map({ ("5;x${_}y", "5;x=\"${_}\"") } @controls, "\n", "\r", '{}')) ]),
	answers('no CR LF behind the data', [ with_body("5{}hello0{}{}", "5{}hello\n0{}{}", "5{}hello\r0{}{}",
		"5{}helloX{}0{}{}", "5{}hello\r\r\n0{}{}", "4{}hello{}0{}{}", "6{}hello{}0{}{}",
		"7{}hello{}0{}{}0{}{}") ]),
	answers('an end that is none', [ with_body("0\n\n", "0\n{}", "0\r{}", "0{}\n", "0{}\r\r\n", "0{}\0{}",
		"-0{}{}", "0x0{}{}", "5{}hello{}0{}\n", "{}0{}{}") ]),
	answers('a bad trailer', [ with_trailer(' folded', 'X: y{} folded', ' X: y', 'X', ': y', 'X : y', "X: a\rb",
		"X: a\nb", "X: a\0b", 'X: ' . 'x' x $long, 'Content-Length: 5', 'Transfer-Encoding: chunked',
		'Connection: close') ]),
);
my @short = answers('a body that ends early', [ "${ok}Content-Length: 10{}{}hello", with_body('', '5', '5{}',
	'5{}hello', '5{}hello{}', '5{}hello{}0', '5{}hello{}0{}', '5{}hello{}0{}X: y{}') ], then => \'close',
	alone => 1);

# The first answer is sound; what follows it is not his who asked next.
sub head_of { return map { { %$_, raw => ["HEAD /TOKEN HTTP/1.1\r\nHost: a\r\n\r\n"], method => 'HEAD' } } @_ }
my @behind = (
	answers('an answer that nobody asked for', [ "${ok}Content-Length: 5{}{}hello$evil",
		"${ok}Content-Length: 0{}{}$evil", with_body("5{}hello{}0{}{}$evil", "0{}X: y{}{}$evil"),
		"HTTP/1.1 204 No Content{}{}$evil", "HTTP/1.1 304 Not Modified{}{}$evil",
		"HTTP/1.1 103 x{}{}${ok}Content-Length: 5{}{}hello$evil",
		"HTTP/1.0 200 OK{}Connection: keep-alive{}Content-Length: 5{}{}hello$evil" ]),
	answers('bytes that nobody asked for', [ map { "${ok}Content-Length: 5{}{}hello$_" } 'x', "\0", '{}',
		' world', "HTTP/1.1 100 Continue{}{}", 'H' ]),
	answers('a body where none may be', [ "HTTP/1.1 204 No Content{}Content-Length: 5{}{}hello",
		"HTTP/1.1 204 No Content{}Transfer-Encoding: chunked{}{}5{}hello{}0{}{}",
		"HTTP/1.1 304 Not Modified{}Content-Length: 5{}{}hello",
		"HTTP/1.1 304 Not Modified{}Transfer-Encoding: chunked{}{}5{}hello{}0{}{}",
		"HTTP/1.1 204 x{}Content-Length: " . length($evil =~ s/\{\}/\r\n/gr) . "{}{}$evil" ]),
	head_of(answers('a body of a HEAD', [ "${ok}Content-Length: 5{}{}hello",
		"${ok}Transfer-Encoding: chunked{}{}5{}hello{}0{}{}", "${ok}{}hello",
		"${ok}Content-Length: 4{}{}EVIL$evil", "HTTP/1.1 404 x{}{}$evil" ])),
);

my (@wrong, @cut, @good);
for my $how (['w', undef], ['p', 7]) {
	my ($prefix, $pieces) = @$how;
	my @all = cases($prefix, (map({ { %$_, wrong => 1 } } @heads, @early), map({ { %$_, cut => 1 } } @bodies,
		@short), $pieces ? () : @behind));
	for my $case (@all) {
		$case->{send} .= "GET /$case->{token}/next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
		$case->{answer} = ($case->{answer} . ($case->{alone} || !($case->{wrong} || $case->{cut}) ? '' : $evil)) =~ s/\{\}/\r\n/gr;
		$case->{answer_pieces} = 1 + int(length($case->{answer}) / 10) if $pieces;
		push @{$case->{wrong} ? \@wrong : $case->{cut} ? \@cut : \@good}, $case;
	}
}

my $answering = answering(@wrong, @cut, @good);
my $origin = Sluice::HttpOrigin->start('a', sub {
	my ($request, $conn) = @_;
	return $answering->($request, $conn) if $request->{target} ne '/late';
	$conn->send($conn->answer(200, 'first'));
	select(undef, undef, undef, 0.02);
	return $evil =~ s/\{\}/\r\n/gr;
});
my $lb = Sluice->start(config => {
	global => { threads => 1 },
	defaults => { mode => 'http', retries => 0, timeout => { client => '60s', server => '60s',
		http_request => '60s', http_keep_alive => '60s' } },
	frontends => { web => { bind => ['127.0.0.1:0'], default_backend => 'app' } },
	backends => { app => { http_reuse => 'always', servers => { a => { address => $origin->address } } } },
});

# An answer out of nothing, on a connection that nobody uses: it is closed, and whoever asks next gets his own.
my $c = $lb->connect('web');
$c->send("GET /late HTTP/1.1\r\nHost: a\r\n\r\n");
is read_answer($c)->{body}, 'first', 'an answer';
ok becomes { my ($conn) = $origin->connections('/late'); ($conn->{end} // 'own') ne 'own' } 5,
	'and one out of nothing: its connection is closed';
$c->send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
is read_answer($c)->{body}, '/later', 'the next request gets its own';
$c->close;

exchange($lb->address('web'), @wrong, @cut, @good);
$lb->stop;
ok $origin->wait_ended, 'sluice has left its server';
my %used_after;				# token => what came on the connection whose answer was wrong
for my $conn ($origin->connections) {
	my @requests = @{$conn->{requests}};
	for my $i (0 .. $#requests) {
		my ($token) = ($requests[$i]{target} // '') =~ m{^/([wp]\d{5})$} or next;
		$used_after{$token} //= $requests[$i + 1]{raw} if $i < $#requests;
		$used_after{$token} //= 'nothing, but was not ended' if ($conn->{end} // 'own') eq 'own' && !ref $requests[$i]{then};
	}
}

# What came behind the first answer: nothing, or what the next request asked for.
sub next_is_his {
	my ($case, @answers) = @_;
	return 'bytes of nobody' if $case->{got} =~ /EVIL/;
	return undef if !@answers;
	return 'an answer too many' if @answers > 1;
	return "the next request got " . shown($answers[0]{raw}) if !$answers[0]{whole} || $answers[0]{body} ne "/$case->{token}/next";
	return undef;
}

sub server_left {
	my ($case) = @_;
	return undef if $case->{then};
	my $after = $used_after{$case->{token}};
	return defined $after ? 'the server got on the same connection: ' . shown($after) : undef;
}

my (%by_name, @names);
for my $case (@wrong, @cut, @good) {
	push @names, $case->{name} if !$by_name{$case->{name}};
	push @{$by_name{$case->{name}}}, $case;
}
for my $name (@names) {
	verdict($name, $by_name{$name}, sub {
		my ($case) = @_;
		my @answers = grep { ($_->{status} // 0) !~ /^1/ } answers_in($case->{got},
			[$case->{method} // 'GET'], $case->{end} ne 'open');
		my $first = shift @answers // { whole => 0, raw => '' };
		return 'the connection stays open' if $case->{end} eq 'open';
		return $first->{fault} if defined $first->{fault};
		if ($case->{cut} && ($first->{status} // 0) != 502) {
			return 'no cut: ' . shown($first->{raw}) if $first->{whole};
			return $case->{got} =~ /EVIL/ ? 'bytes of nobody' : server_left($case);
		}
		my $want = $case->{wrong} || $case->{cut} ? qr/^502$/ : qr/^(?:200|204|304|404)$/;
		return 'no whole answer' if !$first->{whole};
		return "$first->{status}, not $want" if $first->{status} !~ $want;
		return "a body: $first->{body}" if !$case->{wrong} && !$case->{cut} && $first->{body} !~ /^(?:hello|)$/;
		return 'the next one has no answer' if !@answers && !$case->{wrong} && !$case->{cut};
		return next_is_his($case, @answers) // server_left($case);
	});
}

# The log has each of them, and what was wrong with it; of those that ended early, that they did.
my @log = $lb->stdout =~ /^\{.*"frontend":"web".*/mg;
is scalar(grep { /"fault":"[a-z-]+"/ && /"termination_state":"P[HD]--"/ } @log), grep({ !$_->{then} } @wrong, @cut),
	'the log says what was wrong with each';
is scalar(grep { /"termination_state":"S[HD]--"/ } @log), grep({ $_->{then} } @wrong, @cut), 'and which ended early';
undef $lb;
done_testing;

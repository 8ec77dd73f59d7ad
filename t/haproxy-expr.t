#!/usr/bin/perl
# tier: drill, beside others
#
# Who brings expressions from HAProxy expects the same values. Each expression of the table is evaluated by the distribution's
# HAProxy and by sluice on the same inputs, odd ones included: empty, not ASCII, out of range, not what it takes. What is
# different on purpose is said once in %different, what HAProxy 2.6 lacks has its value from the manual in @newer.
use Sluice;
no warnings 'qw';
use Math::BigInt;
use MIME::Base64 qw(encode_base64);
use IO::Socket::UNIX;

plan skip_all => 'haproxy is not installed' if system('command -v haproxy >/dev/null') != 0;
my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my $owner = $$;
my $eval = ($ENV{SLUICE_BUILD} || '.') . '/t/expr-eval';
my $haproxy;

END {
	if ($$ == $owner && $haproxy) {
		local $?;
		kill(KILL => $haproxy);
		waitpid($haproxy, 0);
	}
}

my @numbers = ('0', '1', '-1', '7', '-8', '12abc', 'abc', '', ' 12', '+3', '-', '2147483648', '4294967295', '-4294967297',
	'9223372036854775807', '-9223372036854775808', '99999999999999999999', '-99999999999999999999');
my @texts = ('', 'a', 'abc', 'ABC xyz[`{~', "\xff\xfe\x80 \xc3\xa9", "with\r\nlines", 'a' x 300, 'other', 'othes', 'othe', 'others', "tab\tnul",
	'0123456789');
my @lists = ('', '_', '__', '___', 'a', 'a_', '_a', '_a_', 'a_b', 'a_b_', '__a_b__', 'a__b', 'f1_f2_f3__f5', 'a_b__c__', '__a_', '/f1/f2/f3/f4', 'a-b_c-d');
my @base64 = ('', 'QUI', 'QUI=', 'QUJ=', 'Q===', '====', 'QU=C', 'QUJD=', 'QUJDQQ==', "QUJD\nQQ=", 'Q=JD', 'QUI=QUI=', 'QUI=QUJD', 'QQ==QQ==', 'QQ=QQUJD', 'Q', 'QUJDQ', 'QUJDQQ', '-_+/', '+/+/', '-_-_');
my @urls = ('', 'a%20b+c?d+e', 'a+b', 'a%2', 'a%zz%20b', 'a%', '%', '%%', '%41%c3%a9%42', "a b/?&=~-._%+\xff\x80!*'()", '??+', '%3F+');
my @hosts = ('', 'Foo.Com:80', 'foo', 'foo:', '[::1]:80', '[::1]', '127.0.0.1:80', 'a:b:c', '::1', ':80', 'foo:abc', 'foo:99999', 'foo:80x', '[::1', 'x:4294967296');
my @addresses = ('10.1.2.3', '255.255.255.255', '0.0.0.0', '2001:db8:1:2:3:4:5:6', '::1', '::', '::ffff:10.1.2.3', 'x', '', '10.1.2', '10.1.2.3.4', '1::2::3');
my @times = ('0', '1700000000', '-1', '1', '951782400', '4102444800', '1700000000123', '1700000000123456', '9223372036854775807', '-99999999999', 'x', '');
my @accept = ('', 'fr;q=0.5,en', 'fr,en', 'fr-ch, en;q=0.8', 'en;q=0.3, fr-be;q=0.7', 'FR', '*', 'it', 'fr;q=0', 'en;q=0.5,fr;q=0.5', 'en ; q=0.5 , fr;q=0.6', 'en;q=1.000,fr;q=0.6',
	'en;q=2,fr;q=0.6', 'en;q=abc,fr;q=0.1', 'en;q=0.12345,fr;q=0.1', 'en;q=0.0009,fr;q=0.0001', 'en;foo=1,fr;q=0.1', ';q=1,fr', ',,fr', 'en;q=,fr', 'en;q= 0.1,fr;q=0.2', 'en;q=0.1;x,fr;q=0.05', 'en-', 'en-us-x', '-');
my @utf8 = ("a\"b\\/\t\n\r\b\f\x01\x7f", "\xc3\xa9", "\xc3", "a\xc3b", "a\xffb\xe2\x82", "a\xc0\xafb", "a\xc0\xafb\xff", "\xf0\x9f\x98\x80", "x\xf0\x9f\x98\x80y", "x\xed\xa0\x80y", "\xef\xbf\xbf", "\xef\xb7\x90", '',
	"\0a", "b\0a", "\x80\x80x", "a\xe2(\xa1b", "a\xf8\x88\x80\x80\x80b", "\xf0\x80\x80\xafz", "\xe0\x80\xafz", "\xf4\x90\x80\x80z", "\xe2\xe2\x82\xacz", "\xc0\x80b", "\xfe\xffz", "\xfc\x84\x80\x80\x80\x80z");
my @json = ('{"a":1}', '{"a":1.5}', '{"a":-5}', '{"a":12.7}', '{"a":"12"}', '{"a":"x"}', '{"a":123456}', '{"a":9007199254740993}', '{"a":99999999999999999999}', '{"a":true}', '{"a":false}', '{"a":null}', '{"a":{"b":"q"}}',
	'{"a":{"c":{"b":7}}}', '{"a":{"b":3},"b":7}', '{"a.b":"q"}', '{"a":""}', '{"a":"q\\n\\"\\\\\\/A\\t\\b\\f\\r"}', '{"a":"\\u0041"}', "{\"a\":\"\xc3\xa9\"}", '{"a":"q"', '{"a":"q', '{"a":"q"} trailing', '{"b" : 1 , "a":2}', ' {"a":1}',
	'{"A":1}', '{"\\u0061":1}', '{"a":{"b":{"c":7}}}', '{"a":+1}', '{"a":tru}', '', '[1,"q"]', '5', '"x"', '[[1,2],[3,[4,"five"]]]', '{"a":[1,{"b":"x"}],"b":[{}]}', '{"a":[],"b":{}}', '{"b":1,"b":2}', '{"a b":3}', 'x', '{', '{"a"', '{"a":', '[', '[1', '{}', '[]');
my @subjects = ('', 'abc', 'xabxxc', 'aaa', 'foo foofoo', 'abac', '/////a///b', 'abbab', 'AbA', "\xff\xfe\n", "a\nab\n");
my ($head, $claims) = ('eyJhbGciOiJIUzI1NiJ9', 'eyJhIjoxfQ');
my @tokens = ("$head.$claims.QUJD", "$head.$claims", "$head.$claims.", "$head.$claims.a.b", "$head..a", $head, "$head.e.QUJD", '..', 'a..', 'a.b.', 'a.b.!!!!', '', "$head.$claims==.QUJD",
	"$head.$claims.AkoZYAOQ9Y6j0IUoDMjVAfErVCWUvD3uFJCDqqzJqRI");

my @arithmetic = map { my $name = $_; map { "$name($_)" } '0', '1', '-1', '3', '-3', '9223372036854775807', '-9223372036854775808', 'txn.seven', 'txn.minus', 'txn.none', 'txn.word', 'txn.empty' } qw(add sub mul div mod and or xor);
my @table = (
	[[@arithmetic, qw(cpl neg bool not odd even htonl,hex add(x) add() add div(1.5)), 'iif(a,b)', 'iif(,b)', 'iif(a)'], \@numbers],
	[[qw(lower upper length hex base64 ub64enc url_enc url_enc(query) url_enc(path) cut_crlf ltrim(a) rtrim(ac) ltrim(abc) rtrim() sha1,hex sha2,hex sha2(224),hex sha2(384),hex sha2(512),hex sha2(100),hex
		digest(md5),hex digest(SHA512-256),hex digest(nope) crc32 crc32(1) crc32(2) crc32c crc32c(1) djb2 djb2(1) sdbm sdbm(1) wt6 wt6(1) xxh32 xxh32(1) xxh32(-1) xxh64 xxh64(-1) xxh3 xxh3(5) xxh3(-5)
		bytes(0) bytes(1) bytes(1,2) bytes(2,0) bytes(3) bytes(300) bytes(1,99) concat() concat concat(x) concat(x,txn.word,y) concat(,txn.seven) concat(,txn.none,y) concat(,nothing) add_item(;,txn.word) add_item(;,txn.none)
		add_item(;,txn.empty) add_item(;,,y) add_item(;,txn.none,y) add_item(;) add_item(;,,) strcmp(txn.word) strcmp(txn.none) strcmp(txn.seven) strcmp() strcmp(word) secure_memcmp(txn.word) secure_memcmp(txn.none) secure_memcmp(x)
		hex2i be2hex be2hex(:,2) be2hex(--,2,1) be2hex(,3,1) be2hex(,3) be2hex(,0) be2hex(:,0) be2hex(:) be2dec(:,2) be2dec(-,2,1) be2dec(,3) be2dec(.,8) be2dec(.,1) be2dec(.,9) be2dec(.,0) be2dec(.) be2dec(.,2,5)
		word(1) bytes() lower(1) nosuchconverter), 'hmac(sha256,QUI=),hex', 'hmac(sha1,txn.key),hex', 'hmac(sha256,txn.word),hex', 'hmac(md5,),hex', 'hmac(nope,QUI=)', 'hmac(sha256,!!!)', 'hmac(sha512,'
		. ('QUJD' x 60) . '),hex'], \@texts],
	[[map { my $name = $_; map { "$name($_)" } '1,_', '2,_', '3,_', '4,_', '5,_', '9,_', '-1,_', '-2,_', '-3,_', '-5,_', '1,_-', '-2,/_', '1,_,0', '2,_,0', '3,_,2', '1,_,2', '1,_,3', '1,_,9', '-1,_,0', '-1,_,2', '-1,_,9', '-2,_,3', '-3,_,0', '1,_,-1', '2,_,-2', '0,_', '1,', 'x,_' } qw(field word)], \@lists],
	[[qw(b64dec,hex b64dec ub64dec,hex)], \@base64],
	[[qw(hex2i)], ['', 'f', 'ff', 'FFg', 'ffffffffffffffff', '1ffffffffffffffff', ' f', '0x10']],
	[[qw(url_dec url_dec(0) url_dec(1) url_dec(2))], \@urls],
	[[qw(host_only port_only)], \@hosts],
	[[qw(ipmask(24) ipmask(0) ipmask(32) ipmask(255.255.0.255) ipmask(24,64) ipmask(24,0) ipmask(24,ffff::) ipmask(24,128) ipmask(33) ipmask(24,129) ipmask(x) ipmask())], \@addresses],
	[[qw(http_date http_date(10) http_date(-10) http_date(0,s) http_date(1500,ms) http_date(0,us) http_date(0,x)), 'utime(%Y-%m-%dT%H:%M:%S)', 'utime(%s %a %b %j %%,86400)', 'utime(%Y,-1)', 'ltime(%F %T %z)', 'utime()', 'utime'], \@times],
	[['language(es;fr;en)', 'language(es;fr-ch;en)', 'language(es;fr;en,de)', 'language(en-us;en)', 'language(en,)', 'language(e)'], \@accept],
	[[qw(json json(ascii) json(utf8) json(utf8s) json(utf8p) json(utf8ps) json(utf16))], \@utf8],
	[['regsub(x*,-,g)', 'regsub(x*,-)', 'regsub(^a,-,g)', 'regsub(a$,-,g)', 'regsub(A,-,i)', 'regsub(A,-,gi)', 'regsub(A,-,q)', 'regsub(/+,/,g)', 'regsub(b,,g)', 'regsub(^,x,g)', 'regsub($,x,g)', 'regsub(b,x)', "regsub('(a)(b)?','[\\1|\\2|\\0]',g)",
		"regsub('(b)','\\x41\\n\\\\z',g)", "regsub('b','\\9',g)", "regsub('\\bfoo',-,g)", "regsub('(?<=a)b','-',g)", "regsub('a','a(b','g')", "regsub('(b',x)", "regsub('[^a]',)", "regsub(b)", "regsub(.,'\\0\\0',g)"], \@subjects],
	[["json_query('\$.a')", "json_query('\$.a',int)", "json_query('\$.b')", "json_query('\$.a.b')", "json_query('\$.a\\.b')", "json_query('\$')", "json_query('\$[1]')", "json_query('\$.a[1].b')", "json_query('\$.a[7]')", "json_query('\$[1][1][1]')", "json_query('\$.a.b.c')", "json_query('\$.a b')", "json_query('\$.a',str)"], \@json],
	[["jwt_header_query('\$.alg')", "jwt_payload_query('\$.a')", "jwt_payload_query('\$.a',int)", "jwt_payload_query('\$.b')", 'jwt_verify(HS256,secret)', 'jwt_verify(HS384,secret)', 'jwt_verify(txn.alg,txn.word)', 'jwt_verify(txn.word,secret)', 'jwt_verify(none,x)', 'jwt_verify(foo,secret)', 'jwt_verify(PS256,secret)',
		'jwt_verify(txn.none,secret)', 'jwt_verify(HS256,txn.none)'], \@tokens],
);

sub clamped {
	my ($n) = @_;
	my ($least, $most) = map { Math::BigInt->new($_) } '-9223372036854775808', '9223372036854775807';
	return $n < $least ? $least : $n > $most ? $most : $n;
}

# In add(-3) of "-1": -4.
sub sum_of {
	my ($expr, $input) = @_;
	my ($name, $operand) = $expr =~ /^(add|sub)\((.*)\)$/;
	$operand = { 'txn.seven' => 7, 'txn.minus' => -7 }->{$operand} // $operand;
	my ($a, $b) = (clamped(Math::BigInt->new($input)), Math::BigInt->new($operand));
	return '"' . clamped($name eq 'add' ? $a + $b : $a - $b) . '"';
}

# Where we differ: expression and input (a pattern each), what we say, and why.
my @different = (
	[qr/^(?:add|sub)\((?:-?\d+|txn\.seven|txn\.minus)\)$/, qr/^-\d+$/, \&sum_of, 'HAProxy 2.6 gives the largest number for two negative ones'],
	[qr/^(?:add|rtrim|utime)(?:\(\))?$/, qr//, 'refused', 'the manual requires that argument'],
	[qr/^ub64dec/, qr/=/, 'no value', 'base64url of HAProxy 2.6 makes bytes of padding'],
	[qr/^http_date\(0,us\)$/, qr/^[0x]$/, '"Thu, 01 Jan 1970 00:00:00.000000 GMT"', 'a fraction without its zeros, or with a sign, is none'],
	[qr/^http_date\(0,us\)$/, qr/^-?1$/, '"Thu, 01 Jan 1970 00:00:00.000001 GMT"', 'the same'],
	[qr/^http_date\(0,us\)$/, qr/^1700000000$/, '"Thu, 01 Jan 1970 00:28:20.000000 GMT"', 'the same'],
	[qr/^http_date\(0,us\)$/, qr/^1700000000123$/, '"Tue, 20 Jan 1970 16:13:20.000123 GMT"', 'the same'],
	[qr/^http_date\(0,us\)$/, qr/^-99999999999$/, '"Sat, 12 Jun 1141709097 02:39:29.999999 GMT"', 'the same'],
	[qr/^http_date\(1500,ms\)$/, qr/^9223372036854775807$/, '"Wed, 26 Oct 849432072 23:13:14.309 GMT"', 'the same'],
	[qr/^http_date\(1500,ms\)$/, qr/^-99999999999$/, '"Thu, 12 Apr 1141709094 20:39:30.499 GMT"', 'the same'],
	[qr/^json_query\('\$\.a'\)$/, qr/(9007199254740993|99999999999999999999)/, sub { $_[1] =~ /(\d+)/; qq("$1") }, 'a number is what is written there, not six digits of it'],
	[qr/^json_query\('\$\.a'(?:,int)?\)$/, qr/A\\t/, '"q\x0a"\/A\x09\x08\x0c\x0d"', 'HAProxy 2.6 does not know all escapes of JSON'],
	[qr/^jwt_payload_query/, qr/==/, 'no value', 'a part of a token has no padding (RFC 7515, 2)'],
	[qr/^jwt_verify\(none,x\)$/, qr/^(?:\.\.|[^.]+\.[^.]+)$/, '"-3"', 'without header or signature it is no token'],
);

# Of newer versions: what their manual says.
my @newer = (
	['param(b)', 'a=1&b=2&c', '2'], ['param(c)', 'a=1&b=2&c', ''], ['param(d)', 'a=1&b=2&c', undef], ['param(b,;)', 'a=1;b=;c', ''], ['param(b)', 'bb=1&ab=2', undef],
	['le2dec(.,2)', "\1\2\3\4\5", '513.1027.5'], ['le2dec(-,2,1)', "\1\2\3\4\5", '513-1027'],
	['bytes(txn.seven)', '0123456789', '789'], ['bytes(0,txn.seven)', '0123456789', '0123456'], ['bytes(txn.minus)', '0123456789', undef],
	['ms_utime(%H:%M:%S.%N)', '1700000000123', '22:13:20.123'], ['us_utime(%H:%M:%S.%N,1000000)', '1700000000000042', '22:13:21.000042'], ['ms_utime(%%N%N)', '1700000000007', '%N007'],
	['default(x)', '', 'x'], ['default(x)', 'y', 'y'], ['field(2,_),default(x),upper', 'a', 'X'], ['field(2,_),default(x),upper', 'a_b', 'B'], ['hex2i,default(0),add(1)', 'no', '1'], ['default(x),field(2,_)', 'y', undef],
	['rfc7239_is_valid', 'for=127.0.0.1;proto=http', 1], ['rfc7239_is_valid', 'proto=custom', 0], ['rfc7239_is_valid', 'for="[::1]:80", for=_x;by=unknown', 1], ['rfc7239_is_valid', 'for=[::1]', 0], ['rfc7239_is_valid', '', 0],
	['rfc7239_is_valid', 'for=1.2.3.4;for=1.2.3.5', 0], ['rfc7239_is_valid', 'for="1.2.3.4:70000"', 0], ['rfc7239_is_valid', 'for=1.2.3.4;', 0],
	['rfc7239_field(host)', 'proto=https;host="haproxy.org:80"', 'haproxy.org:80'], ['rfc7239_field(for)', 'proto=https;host="haproxy.org:80";for="127.0.0.1:9999"', '127.0.0.1:9999'], ['rfc7239_field(by)', 'for=_a', undef],
	['rfc7239_n2nn', '127.0.0.1:9999', '127.0.0.1'], ['rfc7239_n2nn', '[2001:db8::1]:9999', '2001:db8::1'], ['rfc7239_n2nn', '_name:_port', '_name'], ['rfc7239_n2nn', 'unknown', 'unknown'], ['rfc7239_n2nn', 'x', undef],
	['rfc7239_n2np', '127.0.0.1:9999', 9999], ['rfc7239_n2np', '_name:_port', '_port'], ['rfc7239_n2np', '127.0.0.1', undef],
);

sub hex_of { return unpack 'H*', $_[0] }

sub shown {
	my ($text) = @_;
	$text =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ge;
	return length($text) > 60 ? substr($text, 0, 57) . '...' : $text;
}

# -- maps --

my %maps = (
	text => [[qw(map map_str map_beg map_end map_sub)], "# a comment\n\n/a  first\n/a/b\tsecond value  \nabc third\n.com fourth\nx.org fifth\nabc again\nAbc upper\nempty\n/ slash\n",
		['', '/a', '/a/b', '/a/b/c', '/', 'abc', 'Abc', 'ABC', 'xabcx', 'www.x.org', 'x.org:80', 'x.com', '/c/a/d?e', 'empty', 'none', 'a']],
	portions => [[qw(map_dir map_dom)], "/a first\nb/c second\n.com third\nx.org fourth\nabc fifth\n", ['', '/a', '/a/b', '/a/b/c', 'b/c', 'x/b/c?d', 'www.x.org', 'x.org:80', 'x.com', 'a', 'ab', 'x/abc/y', 'abc.de', 'com']],
	numbers => [[qw(map_str_int map_beg_int map_end_int map_sub_int)], "one 1\ntwo -2\nthree 3000000000\n", ['one', 'two', 'three', 'onetwo', 'twone', 'x', '']],
	nets => [[qw(map_ip)], "10.0.0.0/8 ten\n10.1.0.0/16 ten one\n10.1.2.3 host\n2001:db8::/32 doc\n::1 local\n", ['10.1.2.3', '10.1.2.4', '10.2.0.1', '192.0.2.1', '2001:db8::5', '::1', '::2', '::ffff:10.1.2.3', 'x', '']],
	netnumbers => [[qw(map_ip_int)], "10.0.0.0/8 8\n10.1.0.0/16 16\n", ['10.1.2.3', '10.2.0.1', '11.0.0.1']],
	ranges => [[qw(map_int)], "5 five\n10:20 teens\n15 fifteen\n:0 low\n1000: high\n", ['5', '10', '15', '20', '21', '0', '-5', '1000', '99999', 'x', '']],
	regexes => [[qw(map_reg map_regm)], "^/a(.)c\$ <\\1>\n^/ slash\nb+ \\0\\0\n", ['/abc', '/aXc', '/x', 'xbbbx', 'b', 'none', '']],
);
for my $name (sort keys %maps) {
	my ($methods, $lines, $inputs) = @{ $maps{$name} };
	# a file for each method: HAProxy 2.6 confuses two that look at the same
	Sluice::spew("$dir/$name.$_", $lines) for @$methods;
	my $default = $name =~ /numbers/ ? 42 : 'otherwise';
	push @table, [[map { ("$_($dir/$name.$_)", "$_($dir/$name.$_,$default)") } @$methods], $inputs];
}
push @table, [["map_str_int($dir/numbers.map_str_int,x)"], ['one']];
# HAProxy 2.6 casts what these give to nothing that could be seen here
Sluice::spew("$dir/addresses", "v4 192.0.2.1\nv6 2001:db8::1\n");
push @newer, ["map_str_ip($dir/addresses)", 'v4', '192.0.2.1'], ["map_str_ip($dir/addresses)", 'v6', '2001:db8::1'], ["map_str_ip($dir/addresses)", 'x', undef],
	["map_beg_ip($dir/addresses,198.51.100.1)", 'v6x', '2001:db8::1'], ["map_beg_ip($dir/addresses,198.51.100.1)", 'x', '198.51.100.1'];

# -- signed tokens --

sub base64url {
	(my $text = encode_base64($_[0], '')) =~ tr{+/=}{-_}d;
	return $text;
}

sub openssl {
	my ($command) = @_;
	return system("openssl $command 2>/dev/null") == 0 || die "openssl $command: $?\n";
}

# A key pair and its certificate or public key alone; the path of the latter.
sub key_pair {
	my ($name, $how) = @_;
	openssl("genpkey $how -out $dir/$name.key");
	openssl($name =~ /cert/ ? "req -x509 -new -key $dir/$name.key -subj /CN=test -out $dir/$name.pem" : "pkey -in $dir/$name.key -pubout -out $dir/$name.pem");
	return "$dir/$name.pem";
}

# ES256's two numbers of so many bytes, of libcrypto's DER.
sub halves {
	my ($der, $bytes) = @_;
	my ($r, $s) = $der =~ /^\x30(?:\x81.|.)\x02(.)/s ? do { my $at = $-[1]; my $len = ord $1; (substr($der, $at + 1, $len), substr($der, $at + 3 + $len)) } : die 'no signature';
	return join '', map { my $n = s/^\0+//r; "\0" x ($bytes - length $n) . $n } $r, $s;
}

sub token {
	my ($alg, $name, $bytes) = @_;
	my $signed = base64url(qq({"alg":"$alg"})) . '.' . base64url('{"sub":"x"}');
	Sluice::spew("$dir/signed", $signed);
	openssl("dgst -sha" . substr($alg, 2) . " -sign $dir/$name.key -out $dir/signature $dir/signed");
	my $signature = Sluice::slurp("$dir/signature");
	return "$signed." . base64url($bytes ? halves($signature, $bytes) : $signature);
}

if (system('command -v openssl >/dev/null') == 0) {
	my $rsa = key_pair('rsa', '-algorithm RSA -pkeyopt rsa_keygen_bits:2048');
	my $p256 = key_pair('p256', '-algorithm EC -pkeyopt ec_paramgen_curve:P-256');
	my $p521 = key_pair('p521', '-algorithm EC -pkeyopt ec_paramgen_curve:P-521');
	my @signed = (token('RS256', 'rsa'), token('RS512', 'rsa'), token('ES256', 'p256', 32), token('ES512', 'p521', 66));
	push @table, [["jwt_verify(RS256,$rsa)", "jwt_verify(RS512,$rsa)", "jwt_verify(ES256,$p256)", "jwt_verify(ES512,$p521)", "jwt_verify(ES384,$p521)", "jwt_verify(ES256,$rsa)", "jwt_verify(RS256,$p256)"],
		[@signed, map { s/\.e/.f/r } @signed]];
	my $certificate = key_pair('rsa-cert', '-algorithm RSA -pkeyopt rsa_keygen_bits:2048');
	push @newer, ["jwt_verify(RS256,$certificate)", token('RS256', 'rsa-cert'), 1], ["jwt_verify(RS256,$certificate)", $signed[0], 0], ["jwt_verify(txn.alg,$certificate)", $tokens[-1], 0];
}

# What sluice says to [expression, input]: the value, undef, or a reference to why it does not compile.
sub ours {
	my @cases = @_;
	Sluice::spew("$dir/cases", join '', map { "var(txn.in),$_->[0]\t" . hex_of($_->[1]) . "\n" } @cases);
	open(my $out, '-|', "$eval <'$dir/cases'") or die "$eval: $!\n";
	my @answers = map { chomp; /^=(.*)/ ? pack('H*', $1) : /^!(.*)/ ? \"$1" : undef } <$out>;
	close($out) or die "$eval: status $?\n";
	return @answers;
}

# A configuration with a rule for each expression. The header "n" says which it is to be.
sub haproxy_config {
	my @exprs = @_;
	my $text = "global\n\ttune.bufsize 65536\ndefaults\n\tmode http\n\ttimeout client 60s\n\ttimeout server 60s\n\ttimeout connect 5s\nfrontend f\n\tbind unix\@$dir/http\n"
		. "\thttp-request set-var(txn.in) req.hdr(x),ub64dec,concat()\n\thttp-request set-var(txn.word) str(other)\n\thttp-request set-var(txn.empty) str()\n\thttp-request set-var(txn.alg) str(HS256)\n"
		. "\thttp-request set-var(txn.key) str(c2VjcmV0)\n\thttp-request set-var(txn.seven) int(7)\n\thttp-request set-var(txn.minus) int(-7)\n";
	for my $i (0 .. $#exprs) {
		my $expr = $exprs[$i] =~ s/'/'\\''/gr;
		$text .= "\thttp-request set-var(txn.out) 'var(txn.in),$expr,concat()' if { req.hdr(n) -m str $i }\n";
	}
	return $text . "\thttp-request return status 200 content-type text/plain lf-string =%[var(txn.out),hex] if { var(txn.out) -m found }\n\thttp-request return status 200 content-type text/plain string -\n";
}

# Those that HAProxy takes; it stops at some mistakes, so it is asked until it has none left.
sub haproxy_takes {
	my @exprs = @_;
	for (;;) {
		Sluice::spew("$dir/haproxy.cfg", haproxy_config(@exprs));
		my $said = `haproxy -c -f $dir/haproxy.cfg 2>&1`;
		return @exprs if $? == 0;
		my @lines = split /\n/, haproxy_config(@exprs);
		my %bad = map { $lines[$_ - 1] =~ /-m str (\d+) \}/ ? ($1 => 1) : () } $said =~ /haproxy\.cfg:(\d+)\]/g;
		die "haproxy: $said\n" if !%bad;
		@exprs = @exprs[grep { !$bad{$_} } 0 .. $#exprs];
	}
}

sub theirs {
	my @cases = @_;
	my %seen;
	my @taken = haproxy_takes(grep { !$seen{$_}++ } map { $_->[0] } @cases);
	my %index = map { $taken[$_] => $_ } 0 .. $#taken;
	$haproxy = Sluice::spawn(['haproxy', '-db', '-f', "$dir/haproxy.cfg"], "$dir/haproxy-log", "$dir/haproxy-errors");
	my $socket;
	wait_until { $socket = IO::Socket::UNIX->new(Peer => "$dir/http") } 10, 'HAProxy';
	return map {
		my ($expr, $input) = @$_;
		my $n = $index{$expr};
		if (defined($n)) {
			(my $x = encode_base64($input, '')) =~ tr{+/=}{-_}d;
			print $socket "GET / HTTP/1.1\r\nHost: x\r\nN: $n\r\nX: $x\r\n\r\n";
			answer_of($socket);
		} else {
			\'refused';
		}
	} @cases;
}

sub answer_of {
	my ($socket) = @_;
	my ($length, $body) = (0, '');
	while (my $line = <$socket>) {
		$length = $1 if $line =~ /^content-length: (\d+)/i;
		last if $line eq "\r\n";
	}
	read($socket, $body, $length) == $length or die "HAProxy's answer ends early\n";
	return $body =~ /^=(.*)/ ? pack('H*', $1) : undef;
}

sub words {
	my ($answer) = @_;
	return !defined($answer) ? 'no value' : ref($answer) ? 'refused' : '"' . shown($answer) . '"';
}

my @cases = map { my ($exprs, $inputs) = @$_; map { my $expr = $_; map { [$expr, $_] } @$inputs } @$exprs } @table;
my @ours = ours(@cases);
my @theirs = theirs(@cases);
is scalar(@ours), scalar(@cases), 'sluice answers each';

my (%wrong, %right);
for my $i (0 .. $#cases) {
	my ($expr, $input) = @{ $cases[$i] };
	my ($difference) = grep { $expr =~ $_->[0] && $input =~ $_->[1] } @different;
	my $expected = !$difference ? words($theirs[$i]) : ref $difference->[2] ? $difference->[2]->($expr, $input) : $difference->[2];
	if (words($ours[$i]) eq $expected) {
		$right{$expr}++;
	} else {
		push @{ $wrong{$expr} }, sprintf '%s of "%s": %s; HAProxy: %s%s', $expr, shown($input), words($ours[$i]), words($theirs[$i]), ref $ours[$i] ? " (${$ours[$i]})" : '';
	}
}
my %seen;
for my $expr (grep { !$seen{$_}++ } map { $_->[0] } @cases) {
	ok !$wrong{$expr}, $expr =~ s/\Q$dir\E/DIR/r . ": as HAProxy, for " . ($right{$expr} // 0) . ' inputs';
	diag $_ for @{ $wrong{$expr} // [] };
}
my @said = ours(@newer);
for my $i (0 .. $#newer) {
	my ($expr, $input, $expected) = @{ $newer[$i] };
	is words($said[$i]), words($expected), $expr =~ s/\Q$dir\E/DIR/r . " of \"" . shown($input) . '": ' . words($expected);
}
done_testing;

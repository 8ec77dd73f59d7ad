#!/usr/bin/perl
# tier: drill, beside others
#
# Who brings ACLs from HAProxy expects the same verdicts. HAProxy and sluice get the same conditions, named ACLs and files, and the
# same requests; a rule a condition notes that it held, and the answer lists those. What HAProxy lets pass though it can only be a
# mistake is refused here, and listed once.
use Sluice;
no warnings 'qw';
use Fcntl qw(F_SETFD);
use IO::Socket::IP;
use JSON::PP ();

plan skip_all => 'haproxy is not installed' if system('command -v haproxy >/dev/null') != 0;
my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my $owner = $$;
my $haproxy;

END {
	if ($$ == $owner && $haproxy) {
		local $?;
		kill(KILL => $haproxy);
		waitpid($haproxy, 0);
	}
}

# -- what both get --

# Name, test; a name may come again.
my @acls = (
	[api => 'path_beg /api'], [api => 'path_beg -i /V1 /v2'], [api => 'src 192.0.2.0/24'],
	[static => 'path_end .css .js'], [local => 'src 127.0.0.1'], [long => 'path,length gt 10'],
	['with.dots-and_more:x' => 'path /'], [many => 'hdr(x-list) a'], [many => 'hdr(x-list),upper B'], [none => 'req.hdr(x-none) -m found'],
);

my %files = (
	paths => [qw(/ /api/v1 /a.css)], parts => [qw(api css)], nets => [qw(10.0.0.0/8 2001:db8::/32 192.0.2.7)], numbers => [5, '10:20', 12],
	words => ['one', 'Two', 'three'], hosts => [qw(x.org example.com)], regs => ['^/api', '\.css$'],
);

# A form each: a test of a path, a header, an address, a number.
my @values = ('/api/v1', '/api', '/a.css', '/', '/API', 'x.org', 'a', '5');
my @conditions = (
	(map { my $m = $_; map { ("{ path -m $m $_ }", "{ path -i -m $m $_ }") } @values } qw(str beg end sub)),
	(map { my $m = $_; map { ("{ path -m $m $_ }", "{ path -i -m $m $_ }") } grep { $_ ne '/' } @values } qw(dir dom)),
	(map { "{ path_$_ /api /a.css }" } qw(beg end sub dir dom)), '{ path_reg ^/api }', '{ path_reg -i ^/API }', '{ path_len 4:7 }',
	(map { "{ path -m len $_ }" } '4', '4:7', ':7', '7:', 'gt 6', 'ge 7', 'lt 2', 'le 1', 'eq 4 7', 'gt 100 lt 2', '1 4', 'lt 2 7'),
	(map { "{ req.hdr(x-number) -m int $_ }" } '0', '5', '12', '10:20', ':0', '1:', 'gt 4', 'lt 0', 'ge 12 5', 'eq 5'),
	(map { "{ hdr_val(x-number) $_ }" } '0', '5', '12', '10:20', ':0', '1:', 'gt 4', 'lt 0', 'ge 12 5'),
	(map { "{ req.hdr(x-ip) -m ip $_ }" } '10.0.0.0/8', '10.1.2.3', '0.0.0.0/0', '::/0', '2001:db8::/32', '::ffff:10.1.2.3', '10.1.2.3/255.255.0.0', '192.0.2.7 10.1.2.3'),
	(map { "{ hdr_ip(x-ip) $_ }" } '10.0.0.0/8', '10.1.2.3', '0.0.0.0/0', '::/0', '2001:db8::/32', '192.0.2.7 10.1.2.3'),
	(map { "{ hdr(x-list) $_ }" } 'a', 'b', 'c', 'A', '-i A', 'a,b', '-m beg a', '-m len 0', '-m found', '-m sub b', '-m reg ^.$', '-m bin 61'),
	(map { "{ hdr(x-list,$_) a }" } 1, 2, -1, -2), '{ hdr_cnt(x-list) 2 }', '{ hdr_cnt(x-list) gt 2 }', '{ req.hdr_cnt(x-list) 0 }',
	(map { "{ $_ }" } 'path,lower /api', 'path,upper -m beg /API', 'path_beg,lower /api', 'path_beg,lower -m beg /api', 'path_len,lower gt 5',
		'path,length 4', 'path,length,add(1) 5', 'path,length -m str 4', 'path,crc32 -m int gt 0', 'hdr(x-list),upper A', 'path,lower,upper -m end S',
		'hdr(host),field(1,:) x.org', 'url_param(q) 1', 'urlp(q) -m found', 'urlp(q),add(1) 2', 'query -m found', 'query q=1', 'url_beg /api', 'base_beg x.org',
		'method GET', 'method POST GET', 'method get', 'method -i get', 'method -m str -i get', 'method -m beg G', 'method -m len 3', 'method -m reg ^G',
		'src 127.0.0.0/8', 'src 127.0.0.1', 'src 10.0.0.0/8', 'src -m str 127.0.0.1', 'src -m beg 127.', 'src -m int 2130706433', 'src -m bin 7f000001', 'src -m len 9',
		'src -m found', 'src -m bool', 'src,ipmask(8) 127.0.0.0', 'int(5) 5', 'int(5) -m str 5', 'int(5) -m len 1', 'int(5) -m bool', 'int(0) -m bool', 'int(5) -m ip 0.0.0.5',
		'int(5) -m bin 0000000000000005', 'bool(true)', 'bool(false)', 'bool(true) -m str 1', 'bool(true) -m int 1', 'bin(4142) -m str AB', 'bin(4142) -m bin 4142',
		'bin(4142) -m sub B', 'bin(410042) -m str A', 'bin(410042) -m len 1', 'bin(410042) -m sub B', 'always_true', 'always_false', 'str(abc) -m reg ^a.c$', 'str(abc) abc',
		'req.ver 1.1', 'req.ver 1.0', 'req.hdr(x-none) -m found', 'req.hdr(x-none) a', 'req.hdr(x-empty) -m found', 'req.hdr(x-empty) -m len 0', 'req.hdr(x-empty) -m int 0',
		'req.hdr(x-number) -m bool', 'path -m bool', 'path -m int 0', 'cook(a) b', 'cook(a) -m beg b', 'cook_cnt(a) 1', 'cook(none) -m found', 'var(txn.none) -m found',
		'var(txn.none,a) -m str a', 'path -- -i', 'path -i -- /API', 'path -n -i /API', 'path -u 7 /api', 'hdr_dom(host) org', 'hdr_dom(host) x', 'hdr_beg(host) X', 'hdr_beg(host) -i X',
		'hdr_end(host) .org', 'hdr_sub(host) .o', 'hdr_len(host) 5', 'hdr_reg(host) ^x', 'hdr(host) x.org', 'hdr(host) X.ORG', 'str(\"a,b\") a,b', "str(\\'a)b\\') a)b", 'path /a\\ b', "path 'a b'"),
	(map { ("{ path -f $dir/paths.$_ }") } 1), "{ path -i -f $dir/paths.2 }", "{ path -m sub -f $dir/parts.1 }", "{ path -m sub -f $dir/parts.2 .js }", "{ path -f $dir/paths.3 -i }",
	"{ req.hdr(x-ip) -m ip -f $dir/nets.1 }", "{ req.hdr(x-ip) -m ip -f $dir/nets.2 127.0.0.1 }", "{ req.hdr(x-number) -m int -f $dir/numbers.1 }",
	"{ hdr(x-list) -f $dir/words.1 -f $dir/words.2 }", "{ hdr(host) -m dom -f $dir/hosts.1 }", "{ path -m reg -f $dir/regs.1 }", "{ path -m end -f $dir/parts.3 }", "{ path -M -f $dir/paths.4 }",
	map({ my $not = $_; map { "$not$_" } qw(TRUE FALSE LOCALHOST HTTP HTTP_1.0 HTTP_1.1 HTTP_2.0 HTTP_CONTENT HTTP_URL_ABS HTTP_URL_SLASH HTTP_URL_STAR METH_CONNECT
		METH_DELETE METH_GET METH_HEAD METH_OPTIONS METH_POST METH_PUT METH_TRACE RDP_COOKIE WAIT_END api static local long with.dots-and_more:x many none) } '', '!'),
	'api static', 'api or static', 'api || static', 'api OR static', '!api !static', '!api or !static', 'api !static or static !api', 'local api or many', '! api',
	'!!api', 'api local or none many or !long', 'TRUE FALSE or TRUE', 'FALSE or FALSE or api', '{ path /api } or many !none', 'many !{ hdr(x-list) c }', '!many { path /api }',
);

my @requests = (
	map({ "GET $_ HTTP/1.1\r\nHost: x.org\r\n" } '/', '/api', '/API', '/api/v1', '/a.css?q=1', '/v2/long/path.js?q=x&q=2', '/v1', '/a%20b', '/c/api/d', '/x.org'),
	"GET http://x.org/api HTTP/1.1\r\nHost: x.org\r\n", "OPTIONS * HTTP/1.1\r\nHost: x.org\r\n", "HEAD /api HTTP/1.1\r\nHost: X.ORG\r\n", "PURGE / HTTP/1.1\r\nHost: x.org:80\r\n",
	"GET /api HTTP/1.0\r\nHost: a.x.org\r\n", "POST /api HTTP/1.1\r\nHost: x.org\r\nContent-Length: 0\r\n", "DELETE / HTTP/1.1\r\nHost: example.com\r\n",
	map({ "GET / HTTP/1.1\r\nHost: x.org\r\nX-List: $_\r\n" } '', 'a', 'b', 'a,b', 'a, b ,c', 'c,,A', 'one', 'Two,x', '"a,b"'),
	"GET / HTTP/1.1\r\nHost: x.org\r\nX-List: a\r\nX-List: b\r\nX-Empty:\r\n",
	map({ "GET / HTTP/1.1\r\nHost: x.org\r\nX-Number: $_\r\n" } '0', '5', '12', '12abc', 'abc', '-5', ' 5', '', '99999999999999999999', '15'),
	map({ "GET / HTTP/1.1\r\nHost: x.org\r\nX-Ip: $_\r\n" } '10.1.2.3', '10.1.9.9', '2001:db8::1', '::ffff:10.1.2.3', '192.0.2.7', 'x', '10.1.2', '10.1.2.3:80', '::1'),
	"GET / HTTP/1.1\r\nHost: x.org\r\nCookie: a=b; c=d\r\n", "GET / HTTP/1.1\r\nHost: x.org\r\nCookie: a=bc; a=d\r\n",
);

# Not asked: an operator before a negative number ("le -3": to HAProxy that is the range up to 3), and "+5" in a header for
# hdr_val(), whose sign HAProxy 2.6 takes for a digit.

# Taken by HAProxy, which then ignores a part of it or can never be true.
my @refused = ('{ path }', '{ path -m sub }', '{ path -m found x }', '{ bool(true) 1 }', '{ int(5) eq }', 'api or', '{ src localhost }', '{ src 127.1 }',
	'{ path -m dir / }', '{ path -m dom . }', '{ int(5) -- -5 }');

# -- both proxies --

my $count = @conditions;
my $format = join ',', map { "%[var(txn.c$_,0)]" } 0 .. $count - 1;

sub haproxy_start {
	for my $name (keys %files) {
		Sluice::spew("$dir/$name.$_", join('', map { "$_\n" } @{$files{$name}})) for 1 .. 4;
	}
	my $listener = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 128) // die "listen: $!\n";
	fcntl($listener, F_SETFD, 0);
	my $text = join "\n\t", "global\n\tnbthread 1\n\ttune.bufsize 65536\ndefaults", 'mode http', 'timeout client 10s', 'timeout connect 10s', "timeout server 10s\nfrontend f",
		'bind fd@' . fileno($listener), map { "acl $_->[0] $_->[1]" } @acls;
	$text .= "\n\thttp-request set-var(txn.c$_) int(1) if $conditions[$_]" for 0 .. $count - 1;
	$text .= "\n\thttp-request return status 200 content-type text/plain lf-string $format\n";
	Sluice::spew("$dir/haproxy.cfg", $text);
	$haproxy = Sluice::spawn(['haproxy', '-db', '-f', "$dir/haproxy.cfg"], "$dir/haproxy-log", "$dir/haproxy-errors");
	return '127.0.0.1:' . $listener->sockport;
}

# A file is one of "maps".
sub ours { my ($condition) = @_; return $condition =~ s{-f \Q$dir\E/(\w+)\.\d}{-f $1}gr }

sub sluice_config {
	my %acls;
	push @{$acls{$_->[0]}}, $_->[1] for @acls;
	return {
		maps => { map { my $name = $_; ($name => { entries => { map { $_ => '' } @{$files{$name}} } }) } keys %files },
		defaults => { timeout => { client => '10s' } },
		frontends => { f => { mode => 'http', bind => ['127.0.0.1:0'], acls => \%acls, rules => [
			(map { { action => 'set-var', name => "txn.c$_", expr => 'int(1)', if => ours($conditions[$_]) } } 0 .. $count - 1),
			{ action => 'return', content_type => 'text/plain', lf_string => $format } ] } },
	};
}

sub verdicts {
	my ($address, $request) = @_;
	my $c = Sluice::Client->connect($address);
	$c->send($request . "Connection: close\r\n\r\n");
	my ($body) = $c->read_all =~ /\r\n\r\n(.*)\z/s;
	return [split /,/, $body // '', -1];
}

my $theirs = haproxy_start();
my $lb = Sluice->start(config => sluice_config());
my $ours = $lb->address('f');
becomes { IO::Socket::IP->new(PeerAddr => $theirs) } 10;

for my $request (@requests) {
	my ($a, $b) = map { verdicts($_, $request) } $theirs, $ours;
	my @differ = map { sprintf '%s: HAProxy %s, sluice %s', $conditions[$_], map { $_ ? 'holds' : 'does not' } $a->[$_], $b->[$_] }
		grep { ($a->[$_] // '') ne ($b->[$_] // '') } 0 .. $count - 1;
	is scalar(@$a), $count, 'HAProxy said all' if $request eq $requests[0];
	is join("\n", @differ), '', ($request =~ s/\r\n/ /gr) . "of $count conditions";
}

for my $condition (@refused) {
	my $answer = $lb->put('/v1/frontends/g', { mode => 'http', rules => [{ action => 'deny', if => $condition }] });
	is $answer->{status}, 422, "$condition is a mistake";
	like $answer->{json}{errors}[0]{detail} // $answer->{body}, qr/column \d+: /, 'and told where';
}
done_testing;

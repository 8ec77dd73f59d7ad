#!/usr/bin/perl
# tier: story
#
# Whoever moves over has rules that look at requests. The same requests go to HAProxy and to sluice, and both answer with what
# each expression is there: its text, and its length (nothing, where there is no value). They have to be the same; what is
# known to differ, and why, is a table of its own.
use Sluice;
use Fcntl qw(F_SETFD);
use IO::Socket::IP;
no warnings 'qw';

plan skip_all => 'haproxy is not installed' if system('command -v haproxy >/dev/null') != 0;
my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my $owner = $$;

my $many = "Host: ex.com:80\r\nX-F: 10.0.0.1, 2001:db8::1 ,, \"a,b\", [::1], 1.2.3.4:80\r\nX-F: last\r\nX-Num: 12abc\r\nX-N2: -5\r\nX-E:\r\n"
	. "X-R: a,\r\nX-S: ,\r\nX-I: 1.2.3.4:99\r\nX-J: 1.2.3.4:\r\nX-K: 1.2.3.4:99999\r\nX-L: [::1]\r\nX-N: ::ffff:1.2.3.4\r\nX-P: 1.2.3.4x\r\n"
	. "X-T: Bearer  tok\r\nX-U: tok\r\n"
	. "Cookie: a=1; b = \"two;2\" ;c; a=3; d=\r\nCookie: e=5,f=6;;\r\nCookie: \$Version=1; k=v\r\n"
	. "Authorization: Basic am9lOnBhc3M=\r\n";
my %requests = (
	many => "GET /a/b;x=9?p=1&q=2;r=3&p=&=z&s HTTP/1.1\r\n$many\r\n",
	absolute => "GET http://10.1.2.3:81/x?a=b HTTP/1.1\r\nHost: 10.1.2.3:81\r\nAuthorization: Bearer  abc.def \r\n\r\n",
	asterisk => "OPTIONS * HTTP/1.1\r\nHost: ex.com\r\nAuthorization: Basic am9l\r\n\r\n",
	old => "GET /?a HTTP/1.0\r\n\r\n",
	params => "GET /z?a=1&&b=2&b=3?c=4&d=5 HTTP/1.1\r\nHost: ABC.com\r\nAuthorization: bAsIc am9lOnh4\r\nAuthorization: Basic am9lOnBhc3M=\r\n\r\n",
	body => "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 21\r\n\r\na=1&b=%20x;c=3&b=4&d=",
	chunked => "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na=1&b\r\n3\r\n=2;\r\n0\r\n\r\n",
);

my @request = qw(
	req.hdr(x-f) req.hdr(x-f,1) req.hdr(x-f,3) req.hdr(x-f,4) req.hdr(x-f,9) req.hdr(x-f,-2) req.hdr(x-f,-7) req.hdr(x-f,-10) req.hdr(,1) hdr(x-f)
	req.fhdr(x-f) req.fhdr(x-f,1) req.fhdr(x-f,-2) req.fhdr(,3) req.hdr_cnt(x-f) req.hdr_cnt(x-r) req.hdr_cnt(x-s) req.hdr_cnt(nope) req.fhdr_cnt(x-f)
	req.hdr_cnt req.fhdr_cnt
	req.hdr(x-e) req.hdr(x-num) hdr_val(x-num) hdr_val(x-n2) hdr_val(x-u) hdr_val(nope) req.hdr_ip(x-f) req.hdr_ip(x-f,1) req.hdr_ip(x-f,2) req.hdr_ip(x-i)
	req.hdr_ip(x-j) req.hdr_ip(x-k) req.hdr_ip(x-l) req.hdr_ip(x-n) req.hdr_ip(x-p) req.hdr_ip(x-e) req.hdr_names req.hdr_names(;) req.hdrs req.hdrs_bin,hex
	req.cook(a) req.cook(b) req.cook(c) req.cook(d) req.cook(e) req.cook(f) req.cook(k) req.cook($Version) req.cook req.cook_cnt req.cook_cnt(a) req.cook_val(a)
	cook_val(nope) cookie(a)
	url path pathq query base baseq base32 url32 base32+src,hex url32+src,hex urlp(p) urlp(q) urlp(r) urlp(s) urlp(x,;) urlp(b) urlp(c) urlp(d) urlp(d,?) urlp(b,&)
	urlp(z,/) urlp urlp_val(q) urlp_val(zz) url_ip url_port method req.ver http_first_req
	http_auth(ul) http_auth_group(ul) http_auth_user http_auth_pass http_auth_type http_auth_bearer http_auth_bearer(x-t) http_auth_bearer(x-u)
	req.body req.body_len req.body_size req.body_param(a) req.body_param(b) req.body_param(c) req.body_param(d) req.body_param(z) req.body_param
	int(-5) bool(tRUE) bool(0) bin(4142) ipv4(1.2.3.4) ipv6(::1) meth(FOO) str(x) str() proc uuid,length rand(1) stopping env(SLUICE_TEST) env(SLUICE_NO_SUCH) hostname
	always_true always_false prio_class prio_offset wait_end
	src src_is_local dst dst_port dst_is_local fc_src fc_dst fc_src_is_local fc_rcvd_proxy fc_pp_authority fc_http_major fc_lost fc_retrans
	fe_name fe_defbe fe_conn(f) fe_client_timeout so_id be_name be_server_timeout cur_server_timeout
	nbsrv nbsrv(be) nbsrv(off) str(be),nbsrv be_conn be_conn(off) be_conn_free be_conn_free(free) queue avg_queue(off) srv_is_up(be/s1) srv_is_up(be/s3) srv_is_up(off/s1)
	srv_conn(be/s1) srv_conn_free(be/s1) srv_conn_free(free/s1) srv_queue(be/s1) srv_weight(be/s2) srv_iweight(be/s2) srv_uweight(be/s2) srv_sess_rate(be/s1)
);
my @response = qw(
	status res.ver res.cook(a) res.cook(b) res.cook(Path) scook_cnt scook_val(a) res.hdr(x-a) res.hdr(x-a,1) res.fhdr(x-a) shdr_cnt(x-a) res.hdr_ip(x-i)
	res.hdr_val(x-v) res.fhdr_cnt(set-cookie)
);

# Where sluice does otherwise. "*" is each request.
my %differs = (
	'cur_server_timeout *' => 'HAProxy says 0 until there is a connection to a server',
	'scook_cnt *' => 'HAProxy counts attributes like Path= as cookies',
	map { ("http_auth_bearer(x-u) $_" => 'HAProxy finds an empty token in a header that has none', "http_auth_bearer(x-t) $_" => 'the same, in one that is not there') } keys %requests,
);
delete $differs{'http_auth_bearer(x-t) many'};

$ENV{SLUICE_TEST} = 'from outside';
my $format = join '', map { "$_ = %[$_] / %[$_,length]\n" } @request;
my $after = join '|', map { "%[$_]" } @response;
my %sockets = (f => IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 128));

sub haproxy_start {
	my $fd = fileno($sockets{f});
	fcntl($sockets{f}, F_SETFD, 0);
	Sluice::spew("$dir/format", $format);
	Sluice::spew("$dir/haproxy.cfg", <<"END");
global
	nbthread 1
defaults
	mode http
	timeout client 5s
	timeout server 6s
	timeout connect 5s
	timeout tunnel 7s
userlist ul
	group staff users joe
	user joe insecure-password pass
frontend f
	bind fd\@$fd
	option http-buffer-request
	default_backend be
backend be
	http-request return status 200 content-type text/plain hdr Set-Cookie "a=1; Path=/" hdr Set-Cookie "a=2" hdr Set-Cookie "b=3" hdr X-A "1, 2" hdr X-I 192.0.2.1 hdr X-V 7 lf-file $dir/format
	http-after-response set-header X-After "$after"
	server s1 127.0.0.1:1
	server s2 127.0.0.1:1 weight 7
	server s3 127.0.0.1:1 disabled
	server s4 127.0.0.1:1 backup
backend off
	server s1 127.0.0.1:1 disabled
	server s2 127.0.0.1:1 backup
	server s3 127.0.0.1:1 backup
backend free
	server s1 127.0.0.1:1 maxconn 10
	server s2 127.0.0.1:1 maxconn 5
	server s3 127.0.0.1:1 maxconn 100 backup
END
	return Sluice::spawn(['haproxy', '-db', '-f', "$dir/haproxy.cfg"], "$dir/haproxy-log", "$dir/haproxy-errors");
}

sub sluice_config {
	my $server = sub { return { address => '127.0.0.1:1', @_ } };
	return {
		defaults => { timeout => { client => '5s', server => '6s', connect => '5s', tunnel => '7s' } },
		userlists => { ul => { users => { joe => { insecure_password => 'pass', groups => ['staff'] } } } },
		frontends => { f => {
			mode => 'http', bind => ['127.0.0.1:0'], default_backend => 'be',
			rules => [ { id => 'wait', action => 'wait-for-body', time => '2s' } ],
		} },
		backends => {
			be => {
				mode => 'http',
				servers => { s1 => $server->(id => 1), s2 => $server->(id => 2, weight => 7), s3 => $server->(id => 3, admin_state => 'maint'), s4 => $server->(id => 4, backup => JSON::PP::true) },
				rules => [
					{ id => 'say', action => 'return', status => 200, content_type => 'text/plain', lf_string => $format, headers => [
						map { { name => $_->[0], value => $_->[1] } } ['Set-Cookie', 'a=1; Path=/'], ['Set-Cookie', 'a=2'], ['Set-Cookie', 'b=3'], ['X-A', '1, 2'], ['X-I', '192.0.2.1'], ['X-V', '7'],
					] },
					{ id => 'after', phase => 'http-after-response', action => 'set-header', name => 'X-After', value => $after },
				],
			},
			off => { mode => 'http', servers => { s1 => $server->(id => 1, admin_state => 'maint'), map { ("s$_" => $server->(id => $_, backup => JSON::PP::true)) } 2, 3 } },
			free => { mode => 'http', servers => { s1 => $server->(id => 1, maxconn => 10), s2 => $server->(id => 2, maxconn => 5), s3 => $server->(id => 3, maxconn => 100, backup => JSON::PP::true) } },
		},
	};
}

# Values by expression, those of the response too.
sub answers {
	my ($address, $name) = @_;
	my $c = Sluice::Client->connect($address);
	$c->send($requests{$name});
	my $head = $c->read_until("\r\n\r\n");
	my $body = $head =~ /^content-length: (\d+)/mi ? $c->read_exactly($1) : $c->read_all;
	my %values = map { /^(.*?) = (.*)$/s ? ($1 => $2) : () } split /\n(?=[a-z][a-z0-9_.+-]*[(, ])/i, $body;
	my ($line) = $head =~ /^x-after: (.*?)\r$/mi;
	@values{@response} = split /\|/, $line // '', -1;
	return \%values;
}

my $haproxy = haproxy_start();
END {
	if ($$ == $owner && $haproxy) {
		local $?;
		kill(KILL => $haproxy);
		waitpid($haproxy, 0);
	}
}
my $lb = Sluice->start(config => sluice_config());
for my $name (sort keys %requests) {
	my $theirs = answers('127.0.0.1:' . $sockets{f}->sockport, $name);
	my $ours = answers($lb->address('f'), $name);
	my @different;
	for my $expr (grep { !$differs{"$_ *"} && !$differs{"$_ $name"} } @request, @response) {
		my ($is, $was) = map { ($_->{$expr} // 'no line') =~ s/\s+$//r } $ours, $theirs;
		next if $expr eq 'dst_port' && $is =~ /^\d+ / && $was =~ /^\d+ /;
		push @different, "$expr: HAProxy has \"$was\", sluice \"$is\"" if $is ne $was;
	}
	is scalar(@different), 0, "$name: all expressions are the same" or diag(join "\n", @different, Sluice::slurp("$dir/haproxy-errors"));
}
for my $difference (sort keys %differs) {
	note "$difference: $differs{$difference}";
}
$lb->stop;
undef $lb;
done_testing;

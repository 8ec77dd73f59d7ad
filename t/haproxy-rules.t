#!/usr/bin/perl
# tier: drill, beside others
#
# Whoever moves over from HAProxy brings rules. Each scene's rules are given to HAProxy (in its configuration's words, made
# from ours) and to sluice; the same requests are sent through both, and what the server was asked and what the client got
# must be the same: but for the case of names, and for what the table says is different, and why.
use Sluice;
use Fcntl qw(F_SETFD);
use IO::Socket::IP;
use JSON::PP ();
use Sluice::Http;
use Sluice::HttpOrigin;

plan skip_all => 'haproxy is not installed' if system('command -v haproxy >/dev/null') != 0;

# -- from our rules to HAProxy's lines --

sub quoted { my ($text) = @_; return "'" . $text =~ s/'/'"'"'/gr . "'" }

# Which operands follow an action's word, in which order; +word: the keyword is written before the value.
my %operands = (
	(map { $_ => ['name', 'value'] } qw(set-header add-header early-hint)),
	(map { $_ => ['name', 'match', 'value'] } qw(replace-header replace-value)),
	(map { $_ => ['match', 'value'] } qw(replace-path replace-pathq replace-uri)),
	(map { $_ => ['value'] } qw(set-path set-pathq set-query set-uri set-method)),
	(map { $_ => ['expr'] } qw(set-src set-src-port set-dst set-dst-port set-priority-class set-priority-offset)),
	'set-status' => ['status', '+reason'], 'del-header' => ['name', '+m'],
	auth => ['+realm'], deny => ['+deny_status', '+content-type', '+string', '+lf-string', '@hdr'],
	tarpit => ['+deny_status'], return => ['+status', '+content-type', '+string', '+lf-string', '@hdr'],
	redirect => ['+location', '+prefix', '+scheme', '+code', '!drop-query', '!append-slash', '+set-cookie', '+clear-cookie'],
	'set-log-level' => ['level'], 'set-timeout' => ['timeout', 'value'], 'strict-mode' => ['on'],
	'wait-for-body' => ['+time', '+at-least'],
	map { $_ => [] } qw(allow reject silent-drop accept),
);
my %ours = ('content-type' => 'content_type', 'lf-string' => 'lf_string', '@hdr' => 'headers', m => 'match_method',
	'set-cookie' => 'set_cookie', 'clear-cookie' => 'clear_cookie', 'at-least' => 'at_least',
	'drop-query' => 'drop_query', 'append-slash' => 'append_slash');

sub operand {
	my ($rule, $operand) = @_;
	my ($mark, $word) = $operand =~ /^([+!\@]?)(.*)/;
	my $value = $rule->{$operand eq '@hdr' ? 'headers' : $word eq 'm' ? 'match' : $ours{$word} // $word};
	return () if !defined $value;
	return map { ('hdr', quoted($_->{name}), quoted($_->{value})) } @$value if $mark eq '@';
	return $value ? ($word) : () if $mark eq '!';
	$value = $value ? 'on' : 'off' if $word eq 'on';
	return $mark eq '+' ? ($word eq 'm' ? '-m' : $word, quoted($value)) : quoted($value);
}

sub haproxy_line {
	my ($rule) = @_;
	my $action = $rule->{action};
	my $condition = defined $rule->{if} ? " if $rule->{if}" : defined $rule->{unless} ? " unless $rule->{unless}" : '';
	return "use_backend $rule->{backend}$condition" if $action eq 'use_backend';
	my @words = ($action, map { operand($rule, $_) } @{$operands{$action} // []});
	@words = defined $rule->{expr} ? ("set-var($rule->{name})", $rule->{expr}) : ("set-var-fmt($rule->{name})", quoted($rule->{value}))
		if $action eq 'set-var';
	@words = ("unset-var($rule->{name})") if $action eq 'unset-var';
	@words = ('capture', $rule->{expr}, 'len', $rule->{len}) if $action eq 'capture';
	return ($rule->{phase} // 'http-request') =~ s/^tcp-request-/tcp-request /r . " @words$condition";
}

# -- the scenes --

sub get { return "GET $_[0] HTTP/1.1\r\nHost: h.example:8080\r\n" . join('', map { "$_\r\n" } @_[1 .. $#_]) . "\r\n" }
sub rule { my ($action, %more) = @_; return { action => $action, %more } }
sub shows { my ($value) = @_; return rule('set-header', name => 'X-Saw', value => $value) }

my @scenes = (
	{ name => 'set, add, delete', rules => [ rule('set-header', name => 'X-A', value => '%[path]'), rule('add-header', name => 'X-A', value => 'two'),
		rule('add-header', name => 'X-B', value => 'one'), rule('del-header', name => 'X-Gone') ],
		ask => [ get('/a', 'X-A: old', 'X-Gone: 1', 'X-B: zero', 'X-A: older'), get('/b') ] },
	{ name => 'delete by a part of the name', rules => [ rule('del-header', name => 'x-', match => 'beg'), rule('del-header', name => '-end', match => 'end'),
		rule('del-header', name => 'mid', match => 'sub'), rule('del-header', name => '^y-[0-9]$', match => 'reg') ],
		ask => [ get('/', 'X-1: a', 'Y-1: b', 'Y-12: c', 'A-End: d', 'A-Mid-B: e', 'Z: f') ] },
	{ name => 'replace-header', rules => [ rule('replace-header', name => 'Cookie', match => 'foo=([^;]*);(.*)', value => 'foo=\1;ip=1;\2'),
		rule('replace-header', name => 'X', match => '^a', value => 'b') ],
		ask => [ get('/', 'Cookie: foo=foobar; expires=T;'), get('/', 'Cookie: other'), get('/', 'X: abc, a', 'X: cba') ] },
	{ name => 'replace-value', rules => [ rule('replace-value', name => 'X-Forwarded-For', match => '^192\.168\.(.*)$', value => '172.16.\1') ],
		ask => [ get('/', 'X-Forwarded-For: 192.168.10.1, 192.168.13.24, 10.0.0.37'), get('/', 'X-Forwarded-For: 192.168.1.1', 'X-Forwarded-For: 1.2.3.4') ] },
	{ name => 'paths', rules => [ rule('set-path', value => '/p%[path]', if => '{ path_beg /a }'), rule('set-pathq', value => '/q?z=%[query]', if => '{ path_beg /b }'),
		rule('set-query', value => '%[query]&more=1', if => '{ path_beg /c }'), rule('set-uri', value => '/u?%[query]', if => '{ path_beg /d }'),
		rule('set-path', value => '%[path,regsub(^/e/,/f/)]', if => '{ path_beg /e/ }') ],
		ask => [ map { get($_) } '/a?x=1', '/a', '/b?x=1', '/b', '/c?x=1', '/c', '/d?x=1', '/e/g?h' ] },
	{ name => 'replace-path and others', rules => [ rule('replace-path', match => '(.*)/foo/(.*)', value => '\1/bar/\2', if => '{ path_beg /a }'),
		rule('replace-pathq', match => '([^?]*)(\?(.*))?', value => '\1/x\2', if => '{ path_beg /b }'), rule('replace-uri', match => '^/c(.*)', value => '/C\1', if => '{ path_beg /c }') ],
		ask => [ map { get($_) } '/a/foo/b?q=/foo/', '/a/b', '/b?q', '/b', '/c/d?e' ] },
	{ name => 'set-method', rules => [ rule('set-method', value => 'POST', if => '{ path /p }') ], ask => [ get('/p'), get('/g') ] },
	{ name => 'variables', rules => [ rule('set-var', name => 'txn.a', expr => 'path,lower'), rule('set-var', name => 'req.b', value => '<%[var(txn.a)]>'),
		rule('set-var', name => 'sess.n', expr => 'int(1),add(sess.n)'), shows('%[var(txn.a)] %[var(req.b)] %[var(txn.none)] %[var(sess.n)]'), rule('unset-var', name => 'txn.a'),
		rule('set-header', name => 'X-Gone', value => '(%[var(txn.a)])') ], ask => [ get('/AbC'), get('/dEf') ] },
	{ name => 'deny', rules => [ rule('deny', if => '{ path /a }'), rule('deny', deny_status => 429, if => '{ path /b }'),
		rule('deny', deny_status => 404, content_type => 'text/plain', string => 'none here', if => '{ path /c }'),
		rule('deny', deny_status => 403, content_type => 'text/plain', lf_string => 'not %[path]', headers => [ { name => 'X-Why', value => '%[method]' } ], if => '{ path /d }') ],
		ask => [ map { get($_) } qw(/a /b /c /d /e) ], ignore_body => qr{^/[ab]} },
	{ name => 'return', rules => [ rule('return', status => 200, content_type => 'text/plain', string => 'fixed', if => '{ path /a }'),
		rule('return', status => 201, content_type => 'text/plain', lf_string => '%[path] %[req.hdr(host)] %HM', headers => [ { name => 'X-Q', value => '%[query]' } ], if => '{ path /b }'),
		rule('return', status => 204, if => '{ path /c }') ], ask => [ get('/a'), get('/b?x'), get('/c'), get('/d'), "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n" ] },
	{ name => 'redirect', rules => [ rule('redirect', location => '/to/%[path]', if => '{ path /a }'), rule('redirect', prefix => 'http://p.example', code => 301, if => '{ path /b }'),
		rule('redirect', scheme => 'https', code => 308, if => '{ path /c }'), rule('redirect', prefix => '/x', drop_query => JSON::PP::true, append_slash => JSON::PP::true, if => '{ path /d }'),
		rule('redirect', location => '/', set_cookie => 'SEEN=1', if => '{ path /e }'), rule('redirect', location => '/', clear_cookie => 'SEEN=', if => '{ path /f }') ],
		ask => [ map { get($_) } '/a', '/b?q=1', '/c?q=1', '/d?q=1', '/e', '/f' ] },
	{ name => 'auth', rules => [ rule('auth', realm => 'inner', if => '{ path /a }') ], ask => [ get('/a'), get('/b') ], ignore_body => qr{^/a} },
	{ name => 'order and final actions', rules => [ rule('set-header', name => 'X-1', value => 'a'), rule('allow', if => '{ path /a }'), rule('set-header', name => 'X-2', value => 'b'),
		rule('deny', if => '{ path /b }') ], ask => [ map { get($_) } qw(/a /b /c) ], ignore_body => qr{^/b} },
	{ name => 'conditions', acls => { api => ['path_beg /api /v1'], local => ['src 127.0.0.0/8'], ua => ['req.hdr(user-agent) -m sub -i curl wget', 'req.hdr(user-agent) -m reg ^Bot[0-9]+$'] },
		rules => [ rule('set-header', name => 'X-Api', value => '1', if => 'api local'), rule('set-header', name => 'X-Ua', value => '1', if => 'ua'),
		rule('set-header', name => 'X-Or', value => '1', if => '!api { path /x } or ua { path_end .php }'), rule('set-header', name => 'X-Not', value => '1', unless => 'api || ua'),
		rule('set-header', name => 'X-Meth', value => '1', if => 'METH_GET'), rule('set-header', name => 'X-Len', value => '1', if => '{ path,length gt 4 }') ],
		ask => [ get('/api/x'), get('/v1', 'User-Agent: CURL/7'), get('/x'), get('/y.php', 'User-Agent: Bot12'), get('/z', 'User-Agent: Bot') ] },
	{ name => 'a response', rules => [ rule('set-header', phase => 'http-response', name => 'X-Status', value => '%[status]'), rule('del-header', phase => 'http-response', name => 'X-Powered-By'),
		rule('set-status', phase => 'http-response', status => 203, reason => 'Changed', if => '{ status 201 }'),
		rule('replace-header', phase => 'http-response', name => 'Set-Cookie', match => '(.*)', value => '\1; Secure'),
		rule('add-header', phase => 'http-after-response', name => 'X-After', value => 'yes') ], ask => [ get('/'), get('/status/201'), get('/status/404'), get('/cookie') ] },
	{ name => 'a response is denied', rules => [ rule('deny', phase => 'http-response', if => '{ status 500 }'), rule('return', phase => 'http-response', status => 200, content_type => 'text/plain', string => 'instead', if => '{ status 404 }'),
		rule('redirect', phase => 'http-response', location => '/gone', if => '{ status 410 }') ], ask => [ get('/status/200'), get('/status/500'), get('/status/404'), get('/status/410') ], ignore_body => qr{500} },
	{ name => 'rules behind our own answers', rules => [ rule('deny', if => '{ path /a }'), rule('return', status => 200, content_type => 'text/plain', string => 'x', if => '{ path /b }'),
		rule('set-header', phase => 'http-after-response', name => 'X-After', value => '%[status]'), rule('set-status', phase => 'http-after-response', status => 418, if => '{ status 403 }') ],
		ask => [ get('/a'), get('/b'), get('/c') ], ignore_body => qr{^/a} },
	{ name => 'use_backend', rules => [ rule('use_backend', backend => 'other', if => '{ path_beg /o }'), rule('use_backend', backend => '%[req.hdr(x-backend)]', if => '{ path_beg /n }') ],
		ask => [ get('/o'), get('/n', 'X-Backend: other'), get('/n', 'X-Backend: nothing'), get('/n'), get('/') ] },
	{ name => 'set-src', rules => [ rule('set-src', expr => 'req.hdr(x-real),ipmask(32)'), shows('%[src]') ], ask => [ get('/', 'X-Real: 192.0.2.7'), get('/') ] },
	{ name => 'the body', rules => [ rule('wait-for-body', time => '5s', if => '{ method POST }'), shows('%[req.body,length] %[req.body_param(a)]') ],
		ask => [ "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\na=1&b=2",
			"POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=x\r\n4\r\nyz&b\r\n0\r\n\r\n" ] },
	{ name => 'tcp-request', rules => [ rule('reject', phase => 'tcp-request-connection', if => '{ src 10.0.0.0/8 }'), rule('set-var', phase => 'tcp-request-session', name => 'sess.p', expr => 'src'),
		rule('accept', phase => 'tcp-request-content', if => '{ src 127.0.0.1 }'), rule('reject', phase => 'tcp-request-content'), shows('%[var(sess.p)]') ], ask => [ get('/') ] },
	{ name => 'a connection is refused', rules => [ rule('reject', phase => 'tcp-request-connection') ], ask => [ get('/') ] },
	{ name => 'a request is rejected', rules => [ rule('reject', if => '{ path /a }') ], ask => [ get('/a') ] },
	{ name => 'strict or not', rules => [ rule('strict-mode', on => JSON::PP::false, if => '{ path_beg /lax }'), rule('set-path', value => '/%[str(ab),ltrim(a)]') ], ask => [ get('/lax'), get('/strict') ] },
	{ name => 'folklore', rules => [ rule('set-header', name => 'X-Up', value => '%[nbsrv(app)]', if => '!{ nbsrv(app) eq 0 }') ], ask => [ get('/') ] },
);

# -- both, with the same servers --

sub origin {
	my ($name) = @_;
	return Sluice::HttpOrigin->start($name, sub {
		my ($request, $conn) = @_;
		$conn->read_body($request);
		my ($status) = $request->{target} =~ m{/status/(\d+)};
		my @fields = map { lc("$_->[0]") . ": $_->[1]\n" } grep { lc($_->[0]) !~ /^(?:connection|content-length|transfer-encoding)$/ } @{$request->{fields}};
		my @more = $request->{target} eq '/cookie' ? ('Set-Cookie: a=b') : ();
		return $conn->answer($status // 200, "$name $request->{method} $request->{target}\n" . join('', sort @fields), 'Content-Type: text/plain', 'X-Powered-By: perl', @more);
	});
}

my ($app, $other) = (origin('app'), origin('other'));
my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my $owner = $$;
my (@socket, $haproxy);

sub haproxy_start {
	my $text = "global\n\tmaxconn 1000\n\tnbthread 1\ndefaults\n\tmode http\n\ttimeout client 10s\n\ttimeout server 10s\n\ttimeout connect 5s\n";
	for my $i (0 .. $#scenes) {
		my $scene = $scenes[$i];
		$socket[$i] = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 128) // die "listen: $!\n";
		fcntl($socket[$i], F_SETFD, 0);
		$text .= "frontend f$i\n\tbind fd\@" . fileno($socket[$i]) . "\n";
		for my $name (sort keys %{$scene->{acls} // {}}) {
			$text .= "\tacl $name $_\n" for @{$scene->{acls}{$name}};
		}
		my %order = ('tcp-request-connection' => 0, 'tcp-request-session' => 1, 'tcp-request-content' => 2);
		$text .= "\t" . haproxy_line($_) . "\n" for sort { ($order{$a->{phase} // ''} // 3) <=> ($order{$b->{phase} // ''} // 3) } @{$scene->{rules}};
		$text .= "\tdefault_backend app\n";
	}
	$text .= "backend app\n\tserver s " . $app->address . "\nbackend other\n\tserver s " . $other->address . "\n";
	Sluice::spew("$dir/haproxy.cfg", $text);
	$haproxy = Sluice::spawn(['haproxy', '-db', '-f', "$dir/haproxy.cfg"], "$dir/haproxy-log", "$dir/haproxy-errors");
	wait_until { Sluice::Client->connect('127.0.0.1:' . $socket[0]->sockport) } 10, 'HAProxy';
}

END {
	if ($$ == $owner && $haproxy) {
		local $?;
		kill(KILL => $haproxy);
		waitpid($haproxy, 0);
	}
}

sub sluice_config {
	return {
		defaults => { mode => 'http' },
		frontends => { map { my $i = $_; ("f$i" => { bind => ['127.0.0.1:0'], default_backend => 'app', rules => $scenes[$i]{rules},
			$scenes[$i]{acls} ? (acls => $scenes[$i]{acls}) : () }) } 0 .. $#scenes },
		backends => { app => { servers => { s => { address => $app->address } } }, other => { servers => { s => { address => $other->address } } } },
	};
}

# All requests of a scene on one connection, where that stays; what came, in words that both can have said.
sub seen {
	my ($address, $scene) = @_;
	my ($client, @seen);
	for my $request (@{$scene->{ask}}) {
		$client = eval { Sluice::Client->connect($address) } if !$client || $client->at_end;
		if (!$client) {
			push @seen, "no answer\n\n";
			next;
		}
		$client->send($request);
		my ($method, $target) = $request =~ /^(\S+) (\S+)/;
		my $answer = read_answer($client, $method, 5);
		# what stands around a comma says nothing, and HAProxy is free with it
		my $text = $answer->{whole} ? "$answer->{status}\n" : "no answer\n";
		$text .= join '', sort map { lc("$_->[0]") . ": $_->[1]\n" } grep { lc($_->[0]) !~ /^(?:connection|content-length|cache-control|transfer-encoding|date)$/ } @{$answer->{fields}};
		$text .= "\n" . $answer->{body} =~ s/, +/,/gr if !$scene->{ignore_body} || $target !~ $scene->{ignore_body};
		push @seen, $text;
		undef $client if !$answer->{whole} || lc(field($answer, 'Connection') // '') eq 'close';
	}
	return @seen;
}

haproxy_start();
my $lb = Sluice->start(config => sluice_config());
for my $i (0 .. $#scenes) {
	my $scene = $scenes[$i];
	my @theirs = seen('127.0.0.1:' . $socket[$i]->sockport, $scene);
	my @mine = seen($lb->address("f$i"), $scene);
	for my $n (0 .. $#mine) {
		is $mine[$n], $theirs[$n], "$scene->{name}: " . shown((split /\r\n/, $scene->{ask}[$n])[0]);
	}
}
$lb->stop;
undef $lb;
done_testing;

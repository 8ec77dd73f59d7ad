#!/usr/bin/perl
# tier: drill, beside others
#
# Whoever moves over from HAProxy has readers for its log lines. HAProxy and sluice stand before the same origin and get the
# same bytes from the same client; their lines must be equal, but for dates, ports and sizes. (Sizes are not HAProxy's: its
# are of its own form of a message, ours are what went over the wire.) Timers may differ by what a busy machine does: scenes
# take their time in steps of 400 ms, and one whose timers are apart is played once more.
use Sluice;
use Fcntl qw(F_SETFD);
use IO::Socket::IP;
use JSON::PP ();
use Sluice::HttpOrigin;

plan skip_all => 'haproxy is not installed' if system('command -v haproxy >/dev/null') != 0;
my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my $owner = $$;

my $origin = Sluice::HttpOrigin->start('o', sub {
	my ($request, $conn) = @_;
	return \'hold' if $request->{target} =~ /silent/;
	return \'reset' if $request->{target} =~ /reset/;
	select(undef, undef, undef, seconds(0.4)) if $request->{target} =~ /slow/;
	return "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno" if $request->{target} =~ /503/;
	return "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: a{b}|\"c#\xe9 d\r\nX-R: one\r\nX-R: two, three\r\n"
		. "Set-Cookie: sid=from+server; path=/\r\nSet-Cookie: sid=other\r\n\r\nhello";
});
my $echo = Sluice::Origin->start('e', 'greet');
my $free = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 1) // die "listen: $!\n";
my $refusing = '127.0.0.1:' . $free->sockport;
close($free);

# -- scenes: a frontend each --

my $head = "Host: h.x\r\nCookie: a=1; sid=abc\"d{e|f}#g; sid=2\r\nUser-Agent: curl/7.88.1 and more\r\n";
my $odd = join '', map { chr } 9, 32 .. 126, 128 .. 255;

sub get { return "GET $_[0] HTTP/1.1\r\n$head" . ($_[1] // '') . "Connection: close\r\n\r\n" }

my @captures = (
	capture_request_headers => [{ name => 'X-A', len => 120 }, { name => 'User-Agent', len => 10 }, { name => 'X-None', len => 5 }],
	capture_response_headers => [{ name => 'Server', len => 30 }, { name => 'X-R', len => 30 }],
	capture_cookie => { name => 'sid', len => 12 },
);
my $captures = [map { "capture $_" } 'request header X-A len 120', 'request header User-Agent len 10', 'request header X-None len 5',
	'response header Server len 30', 'response header X-R len 30', 'cookie sid len 12'];
my @variables = qw(B CC CS H HM HP HPO HQ HU HV ST T Ta Tc Td Th Ti Tl Tq TR Tr Ts Tt Tu Tw U ac b bc bi bp bq ci cp f fc fi fp ft hr
	hrl hs hsl ms pid r rc rt s sc si sp sq t tr trg trl ts tsc);
my $all = join ' ', map { "$_=%$_" } @variables;
my $quoted = join ' ', map { "$_=%{+Q,+E}$_" } @variables;
my $hex = '%{+X}o ' . join ' ', map { "$_=%$_" } qw(ci cp fi fp Ts ms pid si sp ST B Tt rc);

my %scene = (
	plain => { send => [get('/a/b?q=1&x=%20y')] },
	'kept' => { send => ["GET /1 HTTP/1.1\r\n${head}\r\n" . get('/2')], lines => 2 },
	quotes => { send => [get('/a"{|}~^\\?"')] },
	long => { send => [get('/' . 'x' x 1500 . '?q')] },
	post => { send => ["POST /p HTTP/1.0\r\n${head}Content-Length: 3\r\n\r\nabc"] },
	captures => { haproxy => $captures, sluice => {@captures}, send => [get('/c', "X-A: first\r\nX-A: $odd\r\nX-None:\r\n")] },
	badreq => { haproxy => $captures, sluice => {@captures}, send => ["GET /\x01a HTTP/1.1\r\n${head}\r\n"] },
	silent => { send => [get('/silent')] },
	aborted => { send => [get('/silent')], leave => 0.2 },
	reset => { send => [get('/reset')] },
	halted => { send => ["GET /half HTTP/1.1\r\nHos"] },
	left => { send => ["GET /half HTTP/1.1\r\nHos"], leave => 0.2 },
	'no-server' => { servers => [], send => [get('/a')] },
	'no-backend' => { no_backend => 1, send => [get('/a')] },
	refused => { servers => [$refusing], haproxy_backend => ['retries 0'], sluice_backend => { retries => 0 }, send => [get('/a')] },
	redispatched => { servers => [$refusing, $origin->address], haproxy_backend => ['retries 1', 'option redispatch'],
		sluice_backend => { retries => 1, redispatch => JSON::PP::true }, send => [get('/a')], retry => 1 },
	redirect => { haproxy => ['http-request redirect location /x'], sluice => { rules => [{ action => 'redirect', location => '/x' }] },
		send => [get('/a')] },
	denied => { haproxy => ['http-request deny'], sluice => { rules => [{ action => 'deny' }] }, send => [get('/a')] },
	asap => { haproxy => ['option logasap', @$captures], sluice => { logasap => JSON::PP::true, @captures }, send => [get('/slow')] },
	clf => { kind => 'clf', haproxy => $captures, sluice => {@captures}, send => [get('/c?"', "X-A: a\"b\r\n")] },
	'clf-bad' => { kind => 'clf', haproxy => $captures, sluice => {@captures}, send => ["GET /\x01a HTTP/1.1\r\n${head}\r\n"] },
	https => { kind => 'httpslog', send => [get('/a')] },
	all => { format => $all, haproxy => $captures, sluice => {@captures}, send => [get('/a/b?"x', "X-A: a\"]b\r\n")] },
	'all-quoted' => { format => $quoted, haproxy => $captures, sluice => {@captures}, send => [get('/a/b?"x', "X-A: a\"]b\r\n")] },
	'all-bad' => { format => $all, send => ["GET /\x01a HTTP/1.1\r\n${head}\r\n"] },
	'all-absolute' => { format => $all, send => [get('http://h.x/a/b?c')] },
	'all-asterisk' => { format => $all, send => ["OPTIONS * HTTP/1.1\r\n${head}Connection: close\r\n\r\n"] },
	'all-denied' => { format => $all, haproxy => ['http-request deny'], sluice => { rules => [{ action => 'deny' }] }, send => [get('/a?')] },
	hex => { format => $hex, send => [get('/a')] },
	exprs => { format => ' a   %[capture.req.method]|%[capture.req.uri]|%[capture.req.ver]|%[capture.res.ver]|%[capture.req.hdr(0)]|'
		. '%{+Q}[capture.req.hdr(0)]|%{+E}[capture.req.hdr(0)]|%[capture.req.hdr(2)]|%{+Q}[capture.res.hdr(1)]  end ',
		haproxy => $captures, sluice => {@captures}, send => [get('/a?b', "X-A: a\"\\]b\r\n")] },
	id => { format => '%ID %{+Q}ID', haproxy => ['unique-id-format %{+X}o\ %ci-%fi:%pid', 'unique-id-header X-Id'],
		sluice => { unique_id_format => '%{+X}o\ %ci-%fi:%pid', unique_id_header => 'X-Id' }, send => [get('/a')] },
	normal => { haproxy => ['option dontlog-normal'], sluice => { dontlog_normal => JSON::PP::true }, send => [get('/a'), get('/503')] },
	'tcp-plain' => { mode => 'tcp', kind => 'tcplog', servers => [$echo->address], send => ["quit\n"], leave => 0.2 },
	'tcp-refused' => { mode => 'tcp', kind => 'tcplog', servers => [$refusing], haproxy_backend => ['retries 0'],
		sluice_backend => { retries => 0 }, send => ['x'] },
	'tcp-silent' => { mode => 'tcp', kind => 'tcplog', servers => [$echo->address], send => ['x'] },
	'tcp-asap' => { mode => 'tcp', kind => 'tcplog', haproxy => ['option logasap'], sluice => { logasap => JSON::PP::true },
		servers => [$echo->address], send => ["quit\n"], leave => 0.2 },
	'tcp-null' => { mode => 'tcp', kind => 'tcplog', haproxy => ['option dontlognull'], sluice => { dontlognull => JSON::PP::true },
		servers => [$echo->address], send => ['', "quit\n"], leave => 0.2 },
);
my $ms = int(seconds(0.8) * 1000);
my $half = $ms / 2;

sub half { my ($name, @rest) = @_; return ("timeout $name ${half}ms", @rest) }
sub content { return map { { phase => 'tcp-request-content', %$_ } } @_ }

my @post = map { ["POST /p HTTP/1.1\r\n${head}Connection: close\r\nContent-Length: 3\r\n\r\n", @$_] } [\0.4, 'abc'], ['a'];
my @use = ('?s=s2', '?s=s1', '?s=nobody', '?s=s0');
%scene = (%scene,
	# one at a time: who waits, for how long, behind how many
	queued => { maxconn => 1, together => 1, send => [map { get("/slow$_") } 1 .. 3], lines => 3 },
	'queue-time-out' => { maxconn => 1, together => 1, send => [get('/silent'), get('/a')], lines => 2,
		haproxy_backend => [half('queue')], sluice_backend => { timeout => { queue => "${half}ms" } } },
	'queue-time-out-behind' => { maxconn => 1, together => 1, send => [get('/slow'), get('/silent'), get('/a')], lines => 3 },
	'queue-left' => { maxconn => 1, together => 1, leave => 0.4, send => [get('/silent'), get('/a')], lines => 2 },
	'all-queued' => { format => $all, maxconn => 1, together => 1, send => [map { get("/slow$_") } 1 .. 2], lines => 2 },
	inspected => { haproxy => ["tcp-request inspect-delay ${half}ms", 'tcp-request content accept if WAIT_END'], send => [get('/a')],
		sluice => { rules => [content({ action => 'inspect-delay', delay => "${half}ms" }, { action => 'accept', if => 'WAIT_END' })] } },
	body => { haproxy => ["http-request wait-for-body time ${ms}ms"], sluice => { rules => [{ action => 'wait-for-body', time => "${ms}ms" }] },
		send => [$post[0]] },
	'body-late' => { haproxy => ["http-request wait-for-body time ${half}ms"], send => [$post[1]],
		sluice => { rules => [{ action => 'wait-for-body', time => "${half}ms" }] } },
	tarpit => { haproxy => [half('tarpit', 'http-request tarpit')], sluice => { timeout => { tarpit => "${half}ms" }, rules => [{ action => 'tarpit' }] },
		send => [get('/a')] },
	'all-tarpit' => { format => $all, haproxy => [half('tarpit', 'http-request tarpit if { path /a }')], lines => 2,
		sluice => { timeout => { tarpit => "${half}ms" }, rules => [{ action => 'tarpit', if => '{ path /a }' }] },
		send => [["GET /1 HTTP/1.1\r\n${head}\r\n", \0.4, get('/a')]] },
	# a name that is nobody's ends the rules, a server that is down leaves it to the next
	'use-server' => { servers => [map { $origin->address } 0 .. 2], down => 1, send => [map { get("/$_") } @use], lines => scalar @use,
		haproxy_backend => ['use-server %[url_param(s)] if TRUE', 'use-server s2 if TRUE'],
		sluice_backend => { rules => [{ action => 'use-server', server => '%[url_param(s)]' }, { action => 'use-server', server => 's2' }] } },
	# what a rule of the response puts in its place; lines that each frontend counts for itself
	'captured-by-rule' => { format => '%hs B=%B', send => [get('/a')],
		haproxy => ['capture response header X-None len 20', 'http-response set-var(txn.x) res.hdr(X-R),capture-res(0)'],
		sluice => { capture_response_headers => [{ name => 'X-None', len => 20 }],
			rules => [{ phase => 'http-response', action => 'set-var', name => 'txn.x', expr => 'res.hdr(X-R),capture-res(0)' }] } },
	counted => { format => '%lc %HU B=%B', send => [get('/a'), get('/b')], lines => 2 },
);
my @names = sort keys %scene;

sub servers { my ($s) = @_; return @{$s->{servers} // [$origin->address]} }

sub is_down { my ($s, $n) = @_; return defined $s->{down} && $s->{down} == $n }

sub haproxy_server { my ($s, $n) = @_; return ($s->{maxconn} ? " maxconn $s->{maxconn}" : '') . (is_down($s, $n) ? ' disabled' : '') }

sub sluice_server {
	my ($s, $n) = @_;
	return (($s->{maxconn} ? (maxconn => $s->{maxconn}) : ()), (is_down($s, $n) ? (admin_state => 'maint') : ()));
}

# -- both proxies --

my (%socket, $haproxy);

sub haproxy_log {
	my ($s) = @_;
	return 'log-format "' . $s->{format} =~ s/(["\\])/\\$1/gr . '"' if $s->{format};
	return { clf => 'option httplog clf' }->{$s->{kind} // ''} // 'option ' . ($s->{kind} // 'httplog');
}

sub haproxy_config {
	my $text = "global\n\tmaxconn 1000\n\tnbthread 1\n\tlog stdout len 8192 format raw local0\ndefaults\n\tlog global\n"
		. join '', map { "\ttimeout $_ $ms\n" } qw(connect client server http-request queue);
	for my $name (@names) {
		my $s = $scene{$name};
		my $mode = $s->{mode} // 'http';
		my $i = 0;
		$text .= join "\n\t", "frontend $name", "mode $mode", 'bind fd@' . fileno($socket{$name}), haproxy_log($s),
			@{$s->{haproxy} // []}, ($s->{no_backend} ? () : "default_backend b-$name");
		$text .= join "\n\t", "\nbackend b-$name", "mode $mode", @{$s->{haproxy_backend} // []},
			map { my $n = $i++; "server s$n $_" . haproxy_server($s, $n) } servers($s);
		$text .= "\n";
	}
	return $text;
}

sub haproxy_start {
	for my $name (@names) {
		$socket{$name} = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 128) // die "listen: $!\n";
		fcntl($socket{$name}, F_SETFD, 0);
	}
	Sluice::spew("$dir/haproxy.cfg", haproxy_config());
	$haproxy = Sluice::spawn(['haproxy', '-db', '-f', "$dir/haproxy.cfg"], "$dir/haproxy-log", "$dir/haproxy-errors");
}

END {
	if ($$ == $owner && $haproxy) {
		local $?;
		kill(KILL => $haproxy);
		waitpid($haproxy, 0);
	}
}

sub sluice_config {
	my %config = (global => { threads => 1, log => [] }, frontends => {}, backends => {},
		defaults => { timeout => { map { $_ => "${ms}ms" } qw(connect client server http_request queue) } });
	for my $name (@names) {
		my $s = $scene{$name};
		my $mode = $s->{mode} // 'http';
		my $i = 0;
		my $kind = $s->{format} ? 'log_format' : $s->{kind} // 'httplog';
		$config{frontends}{$name} = { mode => $mode, bind => ['127.0.0.1:0'], %{$s->{sluice} // {}},
			($s->{no_backend} ? () : (default_backend => "b-$name")), ($s->{format} ? (log_format => $s->{format}) : ()),
			log => [{ target => "file:$dir/sluice-$name", format => $kind }] };
		$config{backends}{"b-$name"} = { mode => $mode, %{$s->{sluice_backend} // {}},
			servers => { map { my $n = $i++; "s$n" => { address => $_, id => $n + 1, sluice_server($s, $n) } } servers($s) } };
	}
	return \%config;
}

# -- playing them --

sub begin {
	my ($address, $what) = @_;
	my $c = Sluice::Client->connect($address);
	for (ref $what ? @$what : $what) {
		if (ref) {
			select(undef, undef, undef, seconds($$_));
		} elsif (length) {
			$c->send($_);
		}
	}
	return $c;
}

sub finish {
	my ($c, $s) = @_;
	if ($s->{leave}) {
		select(undef, undef, undef, seconds($s->{leave}));
	} else {
		$c->closed_within(10) or diag 'it did not end';
	}
	$c->close;
}

# One after the other; or `together`, in this order.
sub play {
	my ($address, $s) = @_;
	my @clients;
	for my $what (@{$s->{send}}) {
		my $c = begin($address, $what);
		if ($s->{together}) {
			push @clients, $c;
			select(undef, undef, undef, seconds(0.1));
		} else {
			finish($c, $s);
		}
	}
	finish($_, $s) for reverse @clients;
}

# -- what must be the same --

sub time_shown { my ($text) = @_; return $text =~ /^\+?-1$/ ? $text : $text =~ s/(\d+)/~$1~/r }

# Theirs, with our timers where they are about the same.
sub with_timers_of {
	my ($ours, $theirs) = @_;
	my @times = $ours =~ /~(\d+)~/g;
	my $i = 0;
	return $theirs =~ s/~(\d+)~/my $ms = $times[$i++] \/\/ -1000; '~' . (abs($ms - $1) < seconds(100) ? $ms : $1) . '~'/ger;
}

my $date = qr{\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d};

sub common {
	my ($line) = @_;
	$line =~ s/$date(?:\.\d{3}| [+-]\d{4})?/DATE/g;
	return $line;
}

sub httplog {
	my $line = common($_[0]);
	$line =~ s{^127\.0\.0\.1:\d+ (\[DATE\] \S+ \S+) (\S+) (-?\d+) (\+?)\d+ }
		{"CLIENT $1 " . join('/', map { time_shown($_) } split m{/}, $2) . " $3 ${4}B "}e;
	return $line;
}

sub tcplog {
	my $line = common($_[0]);
	$line =~ s{^127\.0\.0\.1:\d+ (\[DATE\] \S+ \S+) (\S+) (\+?)\d+ }
		{"CLIENT $1 " . join('/', map { time_shown($_) } split m{/}, $2) . " ${3}B "}e;
	return $line;
}

sub clf {
	my $line = common($_[0]);
	$line =~ s{" (\d+) \d+ "" "" \d+ \d+ ("\S+" "\S+" "\S+") ((?:\S+ ){5})}
		{"\" $1 B \"\" \"\" PORT MS $2 " . join('', map { time_shown($_) . ' ' } split / /, $3)}e;
	return $line;
}

sub custom {
	my $line = common($_[0]);
	$line =~ s/\b(T[acdhiqRrtuw]=)(\S+)/$1 . time_shown($2)/ge;
	$line =~ s/\b(B|U|Ts|ms|pid|rt|cp|fp|bp)=(\+?)[0-9A-F]+/$1=$2n/g;
	$line =~ s/:[0-9A-F]{3,}(?=\s|"|$)/:PID/g;
	return $line;
}

my %same = (httplog => \&httplog, httpslog => \&httplog, tcplog => \&tcplog, clf => \&clf, log_format => \&custom);

# What is different, and why.
my %different = (
);

my $lb = Sluice->start(config => sluice_config(), plain => 1);
haproxy_start();
die Sluice::slurp("$dir/haproxy-errors") if becomes { waitpid($haproxy, POSIX::WNOHANG()) != 0 } 1;
# What both said of a scene: ours, and theirs with our timers.
sub said {
	my ($name) = @_;
	my $s = $scene{$name};
	my $shape = $same{$s->{format} ? 'log_format' : $s->{kind} // 'httplog'};
	my $count = $s->{lines} // 1;
	my ($theirs, $ours) = map {
		my ($file, $address) = @$_;
		my $before = () = Sluice::slurp($file) =~ /\n/g;
		play($address, $s);
		my @lines;
		becomes { @lines = split /\n/, Sluice::slurp($file); @lines >= $before + $count } 10;
		splice @lines, 0, $before;
		join "\n", map { $shape->($_) } @lines;
	} ["$dir/haproxy-log", '127.0.0.1:' . $socket{$name}->sockport], ["$dir/sluice-$name", $lb->address($name)];
	return ($ours, with_timers_of($ours, $theirs));
}

for my $name (@names) {
	my ($is, $theirs) = ('', '');
	for (1 .. 3) {
		($is, $theirs) = said($name);
		last if $is eq $theirs || $is =~ s/\d+//gr ne $theirs =~ s/\d+//gr;
	}
	ok length $is, "$name: it is logged";
	if ($different{$name}) {
		my ($what, $why) = @{$different{$name}};
		$theirs =~ s/$_/$what->{$_}/ for sort keys %$what;
		is $is, $theirs, "$name: different, because $why";
	} else {
		is $is, $theirs, $name;
	}
}
$lb->stop;
undef $lb;
done_testing;

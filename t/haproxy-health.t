#!/usr/bin/perl
# tier: drill, beside others
#
# Whoever moves over from HAProxy knows what its servers do when they fail. Here the same servers fail behind HAProxy and
# behind sluice, in the same order: what the checks said, the states, the weights and who serves have to be the same.
# Where they are not, the scene says so, and why.
use Sluice;
use Sluice::Twin;

plan skip_all => 'haproxy is not installed' if system('command -v haproxy >/dev/null') != 0;

my %fast = (check => 1, inter => '100ms');
my %gated = (check => 1, inter => '30ms');		# the test lets each check pass
my %http = (check => { type => 'http' }, timeout => { check => '20s' });

# -- what a check finds

my %answers = (
	s200 => '200', s204 => '204', s302 => '302', s399 => '399', s400 => '400', s404 => '404', s500 => '500', s100 => "HTTP/1.1 100 Continue\r\n\r\n",
	s600 => '600', s999 => '999', old => "HTTP/1.0 200 OK\r\n\r\n", noreason => "HTTP/1.1 200\r\n\r\n", wide => "HTTP/1.1 2000 OK\r\n\r\n",
	lower => "http/1.1 200 OK\r\n\r\n", none => "hello\r\n\r\n", nine => "<html></html>", headless => "HTTP/1.1 200 OK\r\n", bare => "HTTP/1.1 200 OK\n\n",
	half => "HTTP/1.1 2", halfmute => 'says:HTTP/1.1 2', mute => 'silent', closed => 'close', reset => 'reset', begun => 'begun',
	version => "HTTP/2.0 200 OK\r\n\r\n", badname => "HTTP/1.1 200 OK\r\nA B: c\r\n\r\n", short => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
	twice => "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", chunked => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
);

sub found {
	my ($s, @names) = @_;
	for my $name (@names) {
		my $found = $s->checked($name);
		$s->see($name, $s->state($name), $found);
	}
}

same_in_both('answers to a HTTP check', {
	backend => { check => { type => 'http' }, timeout => { check => '500ms' }, default_server => { check => 1, inter => '600ms', fall => 1, rise => 1 } },
	servers => [map { ($_ => {}) } sort(keys %answers), 'refuses', 'drops'],
	differs => {
		reset => ['DOWN, SOCKERR', 'DOWN, L7RSP', 'the request had gone out: the result is that of the phase'],
		s100 => ['DOWN, L7STS/100', 'DOWN, L7RSP', 'an interim answer is none (RFC 9110, 15.2)'],
		twice => ['DOWN, L7STS/100', 'UP, L7OK/200', 'an interim answer is none (RFC 9110, 15.2)'],
		version => ['UP, L7OK/200', 'DOWN, L7RSP', 'it is not the version that was asked in'],
		wide => ['DOWN, L7STS/2000', 'DOWN, L7RSP', 'a status has three digits'],
		chunked => ['DOWN, L7RSP', 'UP, L7OK/200', 'what is not asked for is not read'],
	},
	before => sub {
		my ($s) = @_;
		$s->steer($_, check => $answers{$_}) for keys %answers;
		$s->steer($_, port => $_) for qw(refuses drops);
	},
	play => sub { my ($s) = @_; found($s, sort(keys %answers), 'refuses', 'drops') } });

my @expects = (
	['200', { status => '200-299,404' }], ['204', { status => '204' }], ['302', { status => '200-299,404' }], ['404', { status => '200-299,404' }],
	['200', { status => '200', negate => 1 }], ['500', { status => '200', negate => 1 }], ['201', { rstatus => '^20[0-9]$' }], ['301', { rstatus => '^20' }],
	['500', { rstatus => '^2', negate => 1 }], ['200', { string => 'NAME' }], ['200', { string => 'absent' }], ['500', { string => 'NAME' }],
	['200', { string => 'NAME', negate => 1 }], ['200', { string => 'absent', negate => 1 }], ['200', { rstring => '^e[0-9]+\s*$' }], ['200', { rstring => '^$' }],
	['200', { rstring => 'e[0-9]', negate => 1 }], ['200', { header => { name => 'X-Server' } }], ['200', { header => { name => 'x-none' } }],
	['200', { header => { name => 'x-server', value => 'NAME', match => 'str' } }], ['200', { header => { name => 'x-server', value => 'e', match => 'beg' } }],
	['200', { header => { name => 'x-server', value => '1', match => 'end' } }], ['200', { header => { name => 'x-server', value => '2', match => 'sub' } }],
	['200', { header => { name => 'x-server', value => '^e..$', match => 'reg' } }], ['200', { header => { name => 'x-server', value => 'zz', match => 'sub' } }],
	['200', { header => { name => 'x-server', value => 'NAME' } }],
	['close', { string => 'x' }], ['silent', { string => 'x' }], ["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", { string => 'short' }],
	["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", { string => 'long' }], ["HTTP/1.1 200 OK\r\n\r\n", { string => 'x' }],
	["HTTP/1.1 200 OK\r\n\r\n", { string => 'x', negate => 1 }], ["begun", { string => 'nothing' }], ["begun", { string => 'NAME' }],
	["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n", { string => 'abcdef' }],
);
my @names = map { sprintf 'e%02d', $_ } 0 .. $#expects;

# NAME stands for the server's.
sub expected {
	my ($n) = @_;
	my %expect = %{$expects[$n][1]};
	$expect{$_} =~ s/NAME/$names[$n]/ for grep { !ref $expect{$_} } keys %expect;
	$expect{header} = { %{$expect{header}}, value => $expect{header}{value} =~ s/NAME/$names[$n]/r } if $expect{header} && defined $expect{header}{value};
	return \%expect;
}

same_in_both('what may be expected', {
	differs => { map { ($_ => ['DOWN, L7RSP', 'DOWN, L7RSP/200', 'there was a status, so it is shown']) } qw(e10 e12 e15 e16 e29 e30 e31) },
	backend => {}, servers => [app0 => {}],
	more => [map { ("b$names[$_]" => { check => { type => 'http', method => 'GET', uri => '/check', version => 'HTTP/1.1', headers => [{ name => 'Host', value => 'h' }], expect => expected($_) }, timeout => { check => '500ms' },
		default_server => { check => 1, inter => '600ms', fall => 1 }, servers => [$names[$_] => {}] }) } 0 .. $#expects],
	before => sub { my ($s) = @_; $s->steer($names[$_], check => $expects[$_][0]) for 0 .. $#expects },
	play => sub {
		my ($s) = @_;
		for my $n (0 .. $#expects) {
			my $which = "b$names[$n]/$names[$n]";
			my $found = $s->checked($which);
			$s->see("$names[$n] " . JSON::PP->new->canonical->encode([@{$expects[$n]}]) =~ s/\\[rn]/~/gr, $s->state($which), $found);
		}
	} });

my @talks = (
	['says:hello 1', [{ action => 'expect', string => 'hello' }]], ['says:hello 1', [{ action => 'expect', string => 'bye' }]], ['says:hello 1', [{ action => 'expect', string => 'bye', negate => 1 }]],
	['says:hello 1', [{ action => 'expect', string => 'hello', negate => 1 }]], ['says:hello 1', [{ action => 'expect', rstring => '^h.*[0-9]$' }]],
	['says:hello 1', [{ action => 'expect', rstring => '^[0-9]' }]], ['says:hello 1', [{ action => 'expect', binary => '68656c' }]], ['says:hello 1', [{ action => 'expect', binary => '6869' }]],
	['says:hello 1', [{ action => 'expect', rbinary => '^6865.*31$' }]], ['says:hello 1', [{ action => 'expect', string => 'hello', min_recv => 100 }]],
	['silent', [{ action => 'expect', string => 'x' }]], ['close', [{ action => 'expect', string => 'x' }]], ['reset', [{ action => 'expect', string => 'x' }]], ['bye', [{ action => 'expect', string => 'x' }]],
	['200', [{ action => 'send', data => "ping\n" }, { action => 'expect', string => 'ping' }]], ['200', [{ action => 'send-binary', hex => '70696e67' }, { action => 'expect', rstring => 'ping' }]],
	['200', [{ action => 'connect' }, { action => 'send', data => "a" }, { action => 'expect', string => 'a' }, { action => 'send', data => "b" }, { action => 'expect', string => 'b' }]],
	['200', [{ action => 'connect' }, { action => 'send', data => "a" }, { action => 'expect', string => 'a' }, { action => 'send', data => "b" }, { action => 'expect', string => 'c' }]],
	['200', [{ action => 'connect' }, { action => 'connect' }, { action => 'expect', string => 't' }]],
	['says:hello 1', [{ action => 'expect', string => 'bye', error_status => 'L4CON' }]], ['says:hello 1', [{ action => 'expect', string => 'hello', ok_status => 'L4OK' }]],
	['silent', [{ action => 'expect', string => 'x', tout_status => 'L4TOUT' }]], ['says:', [{ action => 'send', data => "x" }]],
	["+PONG\r\n", 'redis'], ["-ERR no\r\n", 'redis'], ["-NOAUTH Authentication required.\r\n", 'redis'], ['close', 'redis'], ['silent', 'redis'], ['says:+PO', 'redis'],
	['smtp', 'smtp'], ["says:220 hello\r\n", 'smtp'], ["says:554 no\r\n", 'smtp'], ["says:what\r\n", 'smtp'], ["says:220 hello\r\n500 what\r\n", 'smtp'], ['close', 'smtp'], ['silent', 'smtp'], ["says:2", 'smtp'],
);
my @talkers = map { sprintf 't%02d', $_ } 0 .. $#talks;

same_in_both('talks', {
	differs => {
		# on a busy machine the end comes before it is known to be connected
		(map { ($_ => [qr/DOWN, (?:SOCKERR|L4CON|L7RSP)/, qr/DOWN, (?:L7RSP|L4CON)/, 'it was connected: the result is that of the phase']) } qw(t12 t26)),
		t33 => ['DOWN, L7TOUT', 'DOWN, L7STS/500', 'what came with the greeting is not forgotten'],
	},
	backend => { mode => 'tcp' }, servers => [app0 => {}],
	more => [map { ("b$talkers[$_]" => { check => ref $talks[$_][1] ? { type => 'tcp', steps => $talks[$_][1] } : { type => $talks[$_][1] }, timeout => { check => '500ms' },
		default_server => { check => 1, inter => '600ms', fall => 1 }, servers => [$talkers[$_] => {}] }) } 0 .. $#talks],
	before => sub { my ($s) = @_; $s->steer($talkers[$_], traffic => $talks[$_][0]) for 0 .. $#talks },
	play => sub {
		my ($s) = @_;
		for my $n (0 .. $#talks) {
			my $which = "b$talkers[$n]/$talkers[$n]";
			my $found = $s->checked($which);
			$s->see("$talkers[$n] " . JSON::PP->new->canonical->allow_nonref->encode($talks[$n]) =~ s/\\[rn]/~/gr, $s->state($which), $found);
		}
	} });

# -- the counters

same_in_both('rise and fall', { backend => { %http, default_server => { %gated, rise => 3, fall => 4 } }, servers => [a => {}, b => { backup => 1 }],
	before => sub { my ($s) = @_; $s->steer('a', check => 'gate') },
	play => sub {
		my ($s) = @_;
		$s->see('0 begin', sub { $s->state('a'), $s->picks(1) });
		my $n = 0;
		for my $answer (qw(500 200 200 500 500 200 500 500 500 500 200 200 500 200 200 200 500 200 500 500 200 500 500 500 500 500)) {
			$s->step(a => $answer);
			$s->see(++$n . " $answer", sub { $s->state('a'), $s->check('a'), $s->picks(1) });
		}
		$s->see('checks', sub { $s->told('a') });
		$s->see('story', sub { $s->story });
	} });

same_in_both('the first verdict', { backend => { %http, default_server => {%gated} }, servers => [a => {}, b => {}],
	before => sub { my ($s) = @_; $s->steer($_, check => 'gate') for qw(a b) },
	play => sub {
		my ($s) = @_;
		$s->arrived($_) for qw(a b);
		$s->see('before', sub { $s->state('a', 'b'), $s->picks(4) });
		$s->step(a => 200);
		$s->step(b => 500);
		$s->see('after', sub { $s->state('a', 'b'), $s->picks(4) });
		$s->see('checks', sub { $s->told('a', 'b') });
		$s->see('story', sub { $s->story });
	} });

same_in_both('intervals', { backend => { %http }, servers => [
		hourly => { check => 1, inter => '1h', fastinter => '50ms', downinter => '50ms' }, dead => { check => 1, inter => '50ms', downinter => '1h' }, rising => { check => 1, inter => '50ms', fastinter => '60ms', downinter => '70ms' } ],
	before => sub { my ($s) = @_; $s->steer('hourly', check => 'gate'); $s->steer($_, check => '500') for qw(dead rising) },
	play => sub {
		my ($s) = @_;
		$s->until($_ => 'DOWN') for qw(dead rising);
		$s->settle('rising');
		$s->settle('rising');
		my $before = $s->count('dead', 'check');
		$s->steer('rising', check => '200');
		$s->until(rising => 'UP');
		$s->settle('rising');
		$s->settle('rising');
		$s->see('downinter', sub { $s->count('dead', 'check') - $before });
		$s->step(hourly => '500');
		$s->step(hourly => '200');		# fastinter: half dead
		$s->answer(hourly => '200');
		$s->until(hourly => 'UP');
		$before = $s->count('hourly', 'check');
		$s->settle('rising') for 1 .. 3;
		$s->see('inter', sub { $s->count('hourly', 'check') - $before });
	} });

# 100 ms or 20 s: which of its times a check was given. The server is silent, or answers no SYN.
for my $case (['inter', 0, {}, { inter => '100ms' }], ['timeout.check, shorter', 0, { check => '100ms' }, { inter => '20s' }], ['timeout.check, longer', 0, { check => '20s' }, { inter => '100ms' }],
	['fastinter', 0, {}, { inter => '20s', fastinter => '100ms' }], ['no SYN, inter', 1, {}, { inter => '100ms' }], ['no SYN, timeout.connect', 1, { connect => '100ms' }, { inter => '20s' }],
	['no SYN, timeout.check', 1, { check => '100ms' }, { inter => '20s' }], ['no SYN, both, connect shorter', 1, { check => '20s', connect => '100ms' }, { inter => '20s' }],
	['no SYN, both, check shorter', 1, { check => '100ms', connect => '5s' }, { inter => '20s' }], ['no SYN, both, inter shorter', 1, { check => '20s', connect => '20s' }, { inter => '100ms' }]) {
	my ($name, $drops, $timeout, $options) = @$case;
	same_in_both("the time that a check has: $name", { backend => { check => { type => 'http' }, timeout => $timeout }, servers => [a => { check => 1, fall => 1, %$options }],
		before => sub { my ($s) = @_; $drops ? $s->steer('a', port => 'drops') : $s->steer('a', check => 'silent') },
		play => sub {
			my ($s) = @_;
			becomes { $s->check('a') ne 'INI' } 1;
			$s->see('result', sub { $s->check('a') =~ s/INI/no verdict yet/r });
		} });
}

same_in_both('another address and port', { backend => { %http, default_server => {%fast} }, others => ['probe'],
	servers => [a => { check_port => '{port:probe}' }, b => { check_addr => '127.0.0.2' }, c => { check_addr => '127.0.0.1', check_port => '{port:probe}' }],
	before => sub { my ($s) = @_; $s->steer('c', check => '500'); $s->steer('a', check => '500') },
	play => sub {
		my ($s) = @_;
		$s->until(b => 'DOWN');
		$s->settle('probe') for 1 .. 2;
		$s->see('at first', sub { $s->all('a', 'b', 'c') });
		$s->steer('probe', check => '500');
		$s->until($_ => 'DOWN') for qw(a c);
		$s->see('then', sub { $s->all('a', 'b', 'c') });
	} });

same_in_both('404 is not down', {
	differs => { checks => ['a L7OK 3/3 UP, a L7OKC 3/3 UP, a L7STS 2/3 UP, a L7STS 1/3 UP, a L7STS 0/2 DOWN, a L7OK 1/2 DOWN, a L7OK 3/3 UP',
		'a L7OK 3/3 UP, a L7OKC 3/3 UP, a L7STS 2/3 UP, a L7STS 1/3 UP, a L7STS 0/2 DOWN, a L7STS 0/2 DOWN, a L7OK 1/2 DOWN, a L7OK 3/3 UP', 'of one that is down another status is told, too'] },
	 backend => { check => { type => 'http', disable_on_404 => 1 }, timeout => { check => '20s' }, default_server => {%gated} },
	servers => [a => {}, b => {}, c => { backup => 1 }],
	before => sub { my ($s) = @_; $s->steer($_, check => 'gate') for qw(a b c) },
	play => sub {
		my ($s) = @_;
		$s->step($_ => 200) for qw(a b c);
		$s->step(a => 404);
		$s->see('a 404', sub { $s->all('a'), $s->picks(4), $s->actives });
		$s->step(b => 404);
		$s->see('b 404', sub { $s->all('b'), $s->picks(4), $s->actives });
		$s->step(c => 404);
		$s->see('c 404', sub { $s->all('c'), $s->picks(2), $s->actives });
		$s->step(a => 500);
		$s->see('a 500', sub { $s->all('a'), $s->picks(2) });
		$s->step(a => 500);
		$s->step(a => 500);
		$s->see('a 500 500', sub { $s->all('a'), $s->picks(2) });
		$s->step(a => 404);
		$s->step(a => 404);
		$s->step(a => 404);
		$s->see('a 404 while down', sub { $s->all('a') });
		$s->step(a => 200);
		$s->see('a 200', sub { $s->all('a') });
		$s->step(a => 200);
		$s->see('a 200 200', sub { $s->all('a'), $s->picks(2) });
		$s->step(b => 200);
		$s->see('b 200', sub { $s->all('b'), $s->picks(4), $s->actives });
		$s->see('checks', sub { $s->told('a') });
		$s->see('story', sub { $s->story });
	} });

# -- who serves

for my $case (['http', 0], ['http', 1], ['tcp', 0]) {
	my ($mode, $all) = @$case;
	same_in_both("the actives die, $mode" . ($all ? ', allbackups' : ''), { backend => { mode => $mode, allbackups => $all, default_server => {%fast} },
		servers => [a => {}, y => { backup => 1 }, b => { weight => 2 }, x => { backup => 1 }],
		play => sub {
			my ($s) = @_;
			my $look = sub { $s->see($_[0], sub { $s->state(qw(a b x y)), $s->picks(6), $s->actives }) };
			$s->until($_ => 'UP') for qw(a b x y);
			$look->('at first');
			my $n = 0;
			for my $step (qw(-a -b -y -x +x +y +a -a +b +a)) {
				my ($sign, $name) = split //, $step;
				$s->steer($name, port => $sign eq '-' ? 'refuses' : 'open');
				$s->until($name => $sign eq '-' ? 'DOWN' : 'UP');
				$look->(++$n . " $step");
			}
			$s->see('story', sub { $s->story });
		} });
}

my $weight_0 = 'a weight of 0 is a state here, and that is told';
same_in_both('weights and orders', {
	differs => { story => ['a DRAIN, a MAINT, a UP, x DRAIN, a MAINT, x UP, x MAINT, a UP, x UP', 'b UP, a DRAIN, b DRAIN, a UP, a DRAIN, a MAINT, a UP, x DRAIN, a MAINT, x UP, x MAINT, a UP, x UP', $weight_0] },
	 backend => { default_server => {%fast} }, servers => [a => { weight => 4 }, b => { weight => 0 }, x => { backup => 1 }],
	play => sub {
		my ($s) = @_;
		my $n = 0;
		$s->until($_ => 'UP') for qw(a x);
		my $look = sub { $s->see(++$n . " $_[0]", sub { $s->all(qw(a b x)), $s->share(10), $s->actives }) };
		$look->('at first');
		for my $order ([set_weight => b => '1'], [set_weight => b => '4'], [set_weight => a => '0'], [set_weight => b => '0'], [set_weight => a => '8'], [set_weight => a => '4'], [set_weight => a => '50%'], [set_weight => a => '100%'],
			[admin => a => 'drain'], [admin => a => 'maint'], [admin => a => 'drain'], [admin => a => 'ready'],
			[admin => x => 'drain'], [admin => a => 'maint'], [admin => x => 'ready'], [admin => x => 'maint'], [admin => a => 'ready'], [admin => x => 'ready']) {
			my ($does, @what) = @$order;
			$s->$does(@what);
			$s->until($what[0] => qr/UP|DRAIN|MAINT/);		# 1/3 comes first
			$look->("$does @what");
		}
		$s->see('story', sub { $s->story });
	} });

same_in_both('maintenance and checks', { backend => { %http, default_server => {%gated} }, servers => [a => {}, b => { disabled => 1 }, c => {}],
	before => sub { my ($s) = @_; $s->steer('a', check => 'gate') },
	play => sub {
		my ($s) = @_;
		$s->step(a => 200);
		$s->see('disabled', sub { $s->state('a', 'b'), $s->count('b', 'check') });
		$s->admin(a => 'maint');
		$s->see('maint', sub { $s->all('a') });
		my $before = $s->count('a', 'check');
		$s->settle('c');
		$s->settle('c');
		$s->see('checks meanwhile', sub { $s->count('a', 'check') - $before });
		$s->admin(a => 'ready');
		$s->see('ready', sub { $s->state('a'), $s->picks(4) });
		$s->step(a => 500);
		$s->see('one failure', sub { $s->state('a') });
		$s->step(a => 200);
		$s->see('one success', sub { $s->state('a') });
		$s->admin(a => 'maint');
		$s->see('maint while rising', sub { $s->state('a') });
		$s->admin(a => 'ready');
		$s->see('ready again', sub { $s->state('a') });
		$s->step(a => 200);
		$s->see('and a success', sub { $s->state('a') });
		$s->admin(a => 'drain');
		$s->see('drain', sub { $s->state('a'), $s->picks(2) });
		$s->step(a => 500) for 1 .. 3;
		$s->see('down while draining', sub { $s->all('a') });
		$s->admin(a => 'ready');
		$s->see('ready while down', sub { $s->all('a') });
		$s->admin(b => 'ready');
		$s->until(b => 'UP');
		$s->see('enabled', sub { $s->all('b') });
		$s->see('story', sub { $s->story });
	} });

# -- agents

same_in_both('an agent', {
	differs => {
		(map { (qq("$_") => [qr/UP w\d+, CHECKED, .*/, qr/UP w\d+, L7RSP, .*/, 'no word of it was understood']) } 'down#too hot', 'nonsense', '50.5%', '-1%', '%'),
		'"75%"' => [qr/UP w7, CHECKED, .*/, qr/UP w8, CHECKED, .*/, 'of 10 that is 7.5'],
		'"weight:5"' => [qr/UP w10, .*/, qr/UP w5, .*/, 'a word of later versions'],
		story => ['a DRAIN, a UP, a MAINT, a UP, a DOWN, a UP, a DOWN, a UP, a DOWN, a UP, a DOWN, a UP, a DRAIN, a UP, a DOWN, a UP, a DOWN, a UP, a DOWN, a UP, a DOWN, a UP, a MAINT, a UP',
			'a DRAIN, a UP, a DRAIN, a UP, a MAINT, a UP, a DOWN, a UP, a DOWN, a UP, a DOWN, a UP, a DOWN, a UP, a DRAIN, a UP, a DOWN, a UP, a DOWN, a UP, a DOWN, a UP, a DOWN, a UP, a MAINT, a UP', $weight_0],
	},
	backend => { %http, default_server => { agent_inter => '30ms' } }, agents => ['g'],
	servers => [a => { weight => 10, agent_check => 1, agent_port => '{port:g}' }, b => { weight => 10 }, x => { backup => 1 }],
	before => sub { my ($s) = @_; $s->steer('g', check => 'gate') },
	play => sub {
		my ($s) = @_;
		my $n = 0;
		my $look = sub { $s->see(++$n . " $_[0]", sub { $s->all('a') =~ s/no check none/UP/r, $s->agent('a'), $s->share(12) }) };
		$s->arrived('g');
		$look->('at first');
		for my $says ('up', '50%', '200%', '0%', '100%', 'drain', 'ready', 'maint', '70%', 'ready', '75%', 'down', '50%', 'ready', 'up', 'down#too hot', 'up', 'down #too hot', 'up 100%', 'fail', 'up', 'stopped #for lunch', 'up',
			'drain 30%', 'up', 'ready,100%', 'maxconn:1', 'maxconn:0', 'weight:5', '100%', 'nonsense', '', 'down', 'up nonsense', 'down', 'UP', 'down up', 'down', 'down up', 'up down', 'maint drain ready', '100% up ready', '50.5%', '-1%', '%', 'maint down', 'up', 'ready') {
			$s->step(g => $says);
			$look->(qq("$says"));
		}
		$s->see('story', sub { $s->story });
	} });

same_in_both('an agent and checks', { backend => { %http, default_server => { %gated, agent_inter => '30ms' } }, agents => ['g'],
	servers => [a => { agent_check => 1, agent_port => '{port:g}' }, b => {}],
	before => sub { my ($s) = @_; $s->steer($_, check => 'gate') for qw(g a) },
	play => sub {
		my ($s) = @_;
		my $n = 0;
		my $look = sub { $s->see(++$n . " $_[0]", sub { $s->all('a') =~ s/DOWN\K \d.\d//r, $s->agent('a') }) };	# an agent's DOWN has no counts
		$look->('at first');
		$s->step(a => 200);
		$look->('check 200');
		for my $step (['g', 'down'], ['a', '500'], ['a', '200'], ['g', 'up'], ['a', '500'], ['a', '500'], ['a', '500'], ['g', 'up'], ['g', 'down'], ['a', '200'], ['a', '200'], ['g', 'up'],
			['g', 'maint'], ['g', 'ready'], ['g', 'drain'], ['a', '500'], ['a', '500'], ['a', '500'], ['g', 'up ready']) {
			my ($who, $says) = @$step;
			next if $who eq 'a' && $s->state('a') =~ /MAINT/;
			$s->step($who => $says);
			$look->("$who $says");
		}
		$s->steer('g', port => 'refuses');
		$s->until_agent(a => qr/L4CON/);
		$look->('the agent is gone');
		$s->steer('g', port => 'open');
		$s->step(g => 'down');
		$look->('and back: down');
		$s->steer('g', port => 'refuses');
		$s->until_agent(a => qr/L4CON/);
		$look->('gone while down');
		$s->see('story', sub { $s->story });
	} });

# -- others decide

same_in_both('tracking', {
	differs => { story => [qr/(?:\w \w+, )*d UP/, qr/(?:\w \w+, )*d UP, a DRAIN/, $weight_0] },
	 backend => { %http, default_server => {%gated} }, servers => [a => {}, b => {}],
	more => [ other => { servers => [c => { track => 'app/a' }, d => { track => 'c' }, e => { backup => 1 }] } ],
	before => sub { my ($s) = @_; $s->steer('a', check => 'gate') },
	play => sub {
		my ($s) = @_;
		my $n = 0;
		my $look = sub { $s->see(++$n . " $_[0]", sub { $s->state('a', 'other/c', 'other/d'), $s->picks(2, 'other') }) };
		$s->step(a => 200);
		$look->('up');
		for my $step ([step => a => 500], [step => a => 500], [step => a => 500], [step => a => 200], [step => a => 200], [admin => a => 'drain'], [admin => a => 'maint'], [admin => a => 'ready'],
			[admin => 'other/c' => 'maint'], [admin => 'other/c' => 'ready'], [admin => 'other/d' => 'drain'], [admin => 'other/d' => 'ready'], [set_weight => a => '0']) {
			my ($does, @what) = @$step;
			$s->$does(@what);
			$look->("$does @what");
		}
		$s->see('story', sub { $s->story });
	} });

same_in_both('404 is tracked', { backend => { check => { type => 'http', disable_on_404 => 1 }, timeout => { check => '20s' }, default_server => {%gated} }, servers => [a => {}, b => {}],
	more => [ other => { check => { type => 'http', disable_on_404 => 1 }, servers => [c => { track => 'app/a' }, e => { backup => 1 }] } ],
	before => sub { my ($s) = @_; $s->steer('a', check => 'gate') },
	play => sub {
		my ($s) = @_;
		$s->step(a => 200);
		$s->step(a => 404);
		$s->see('404', sub { $s->state('a', 'other/c'), $s->picks(2, 'other') });
		$s->step(a => 200);
		$s->see('200', sub { $s->state('a', 'other/c'), $s->picks(2, 'other') });
	} });

# The port that is checked is another, and says yes; traffic finds the server dead.
for my $layer (qw(layer4 layer7)) {
	for my $on_error (qw(fail-check fastinter sudden-death mark-down)) {
		same_in_both("observe $layer, $on_error", { backend => { %http, default_server => { check => 1, inter => '1h', fastinter => '1h' } }, others => ['probe'],
			servers => [a => { check_port => '{port:probe}', observe => $layer, error_limit => 3, on_error => $on_error, rise => 2, fall => 3 }],
			play => sub {
				my ($s) = @_;
				$s->until(a => 'UP');
				my $n = 0;
				my $fail = sub { $layer eq 'layer4' ? $s->steer('a', port => 'refuses') : $s->steer('a', traffic => '500') };
				my $works = sub { $layer eq 'layer4' ? $s->steer('a', port => 'open') : $s->steer('a', traffic => '200') };
				my $look = sub { $s->see(++$n . " $_[0]", sub { $s->state('a'), $s->check('a') }) };
				for my $step (qw(- - + - - - - - - - - - - - -)) {
					$step eq '-' ? $fail->() : $works->();
					$s->pick;
					$look->($step);
					last if $s->state('a') eq 'DOWN';
				}
				$s->see('checks', sub { $s->told('a') });
				$s->see('story', sub { $s->story });
			} });
	}
}

my %errors = (s200 => '200', s404 => '404', s500 => '500', s501 => '501', s502 => '502', s503 => '503', s504 => '504', s505 => '505', s507 => '507', closed => 'close', reset => 'reset', junk => "hello\r\n\r\n", silent => 'silent');
same_in_both('what layer7 observes', { backend => { default_server => { check => 1, inter => '1h', fastinter => '1h', observe => 'layer7', error_limit => 1, on_error => 'mark-down' }, timeout => { server => '200ms' } }, others => ['probe'],
	servers => [app0 => {}],
	more => [map { ("b$_" => { timeout => { server => '300ms' }, default_server => { check => 1, inter => '1h', fastinter => '1h', observe => 'layer7', error_limit => 1, on_error => 'mark-down' }, servers => [$_ => { check_port => '{port:probe}' }] }) } sort keys %errors],
	before => sub { my ($s) = @_; $s->steer($_, traffic => $errors{$_}) for keys %errors },
	play => sub {
		my ($s) = @_;
		for my $name (sort keys %errors) {
			my $picked = $s->pick("b$name");
			$s->see($name, sub { $picked, $s->state("b$name/$name") =~ s/ .*//r });
		}
	} });

# -- a slow start

same_in_both('slowstart', { backend => { default_server => { %fast, slowstart => '4s' } }, servers => [a => { weight => 100 }, b => { weight => 100 }],
	play => sub {
		my ($s) = @_;
		$s->until($_ => 'UP') for qw(a b);
		$s->see('none at start', sub { $s->weight('a', 'b') });
		$s->steer('a', port => 'refuses');
		$s->until(a => 'DOWN');
		$s->steer('a', port => 'open');
		$s->until(a => 'UP');
		my $began = Time::HiRes::time();
		my @weights;
		becomes {
			push @weights, [Time::HiRes::time() - $began, $s->weight('a'), $s->state('a')] if $s->weight('a') ne ($weights[-1] // [0, ''])->[1];
			$s->weight('a') eq '100';
		} 8;
		diag join ', ', map { sprintf '%.1fs=%s %s', @$_ } @weights;
		my @off = grep { abs($_->[1] - 25 * $_->[0]) > 27 } @weights;		# a step a second
		$s->see('in a straight line', sub { @off ? map { sprintf '%.1fs: %s', @$_ } @off : 'yes' });
		$s->see('and then all', sub { $s->weight('a'), $s->state('a') });
		for my $state (qw(maint drain)) {
			$s->admin(a => $state);
			$s->until(a => uc $state);
			$s->admin(a => 'ready');
			$s->until(a => qr/UP.*/);
			$s->see("ready, out of $state", $s->weight('a') < 60 ? 'slowly' : 'at once');
		}
	} });

# -- in the moment of death

for my $redispatch (0, 1) {
	same_in_both('it goes down between two retries' . ($redispatch ? ', redispatch' : ''), { backend => { retries => 3, redispatch => $redispatch, default_server => {%fast} }, servers => [a => { weight => 256, check_port => '{port:probe}' }, b => { weight => 1 }],
		others => ['probe'],
		play => sub {
			my ($s) = @_;
			$s->until($_ => 'UP') for qw(a b);
			$s->pick while $s->pick ne 'b';		# a is next
			$s->steer('a', port => 'refuses');
			my $c = $s->connect;
			$c->{was} = $c->local_address;
			$c->send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
			$s->steer('probe', port => 'refuses');
			$s->until(a => 'DOWN');
			$c->closed_within(10);
			$s->see('its end', $s->ended($c));
		}, differs => $redispatch ? {} : { 'its end' => ['SC a 503 3', qr/-- b 200 \+[123]/, 'who is known to be down is not asked again'] } });
}

for my $case (['no retries', 0, 0], ['retries', 2, 0], ['retries and redispatch', 2, 1]) {
	my ($name, $retries, $redispatch) = @$case;
	same_in_both("refused, not yet down: $name", { backend => { retries => $retries, redispatch => $redispatch, timeout => { connect => '100ms' }, default_server => { check => 1, inter => '1h' } },
		servers => [a => { check_port => '{port:probe}' }, b => { check_port => '{port:probe}' }, x => { backup => 1 }], others => ['probe'],
		play => sub {
			my ($s) = @_;
			$s->steer('a', port => 'refuses');
			my @ends;
			for (1 .. 4) {
				my $c = $s->connect;
				$c->{was} = $c->local_address;
				$c->send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
				$c->closed_within(10);
				push @ends, $s->ended($c);
			}
			$s->see('log lines', sub { sort @ends });
			$s->steer('b', port => 'refuses');
			@ends = ();
			for (1 .. 2) {
				my $c = $s->connect;
				$c->{was} = $c->local_address;
				$c->send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
				$c->closed_within(10);
				push @ends, $s->ended($c);
			}
			$s->see('both are dead', sub { sort @ends });
		} });
}
done_testing;

#!/usr/bin/perl
# tier: story
#
# A server refuses: the session tries again, there or elsewhere, as retries and redispatch say, and its log line
# tells how it came to where it went. Where nobody is left the client is told at once.
use Sluice;
use Time::HiRes qw(time);

my ($yes, $no) = (JSON::PP::true, JSON::PP::false);
my $good = Sluice::Origin->start('good', 'greet');
my $also = Sluice::Origin->start('also', 'greet');
my $refusing = Sluice::Origin->refusing_address;
my %servers = (bad => { address => $refusing, id => 1 }, good => { address => $good->address, id => 2 });
my $wait = '50ms';		# a retry on the same server comes after min(timeout connect, 1 s)
my %backend = (
	once => { retries => 0, servers => { bad => { address => $refusing } } },
	thrice => { retries => 3, servers => { bad => { address => $refusing } } },
	stubborn => { retries => 2, redispatch => $no, servers => \%servers },
	(map { ($_->[0] => { retries => 3, redispatch => $_->[1], timeout => { connect => '20s' }, servers => \%servers }) }
		['last', $yes], ['every', 1], ['second', -2]),
	named => { retries => 3, redispatch => -2, servers => \%servers, rules => [{ action => 'use-server', server => 'bad' }] },
	backup => { retries => 1, redispatch => 1, servers => { bad => { address => $refusing },
		good => { address => $good->address, backup => $yes } } },
	alone => { retries => 1, redispatch => 1, servers => { bad => { address => $refusing } } },
	returns => { retries => 20, servers => { also => { address => $also->address } } },
	unix => { retries => 0, servers => { a => { address => "unix:/nonexistent/socket" } } },
	empty => {},
	drained => { servers => { a => { address => $good->address, weight => 0 },
		b => { address => $good->address, admin_state => 'maint' }, c => { address => $good->address, admin_state => 'drain' } } },
);
my $lb = Sluice->start(config => {
	global => { threads => 1 },
	defaults => { mode => 'tcp', timeout => { connect => $wait } },
	frontends => { none => { bind => ['127.0.0.1:0'] },
		map { $_ => { bind => ['127.0.0.1:0'], default_backend => $_ } } keys %backend },
	backends => \%backend,
});

# One session: the first line that it gets, what its log line says, and how long it took.
sub session {
	my ($frontend) = @_;
	my $c = $lb->connect($frontend);
	my $said = $c->read_line;
	$c->half_close;
	$c->closed_within(5);
	my $line = $lb->log_line(frontend => $frontend);
	return ($said, $line);
}

sub tells {
	my ($frontend, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($said, $line) = session($frontend);
	my $seen = join ' ', map { $_ // 'null' } $said || 'nothing', $line->{termination_state}, $line->{server},
		$line->{picked}, "retries=$line->{retries}", $line->{redispatched} ? 'redispatched' : ();
	is $seen, $expected, $name;
	return $line;
}

# Each backend's rotation begins with the server of the lowest id: the one that refuses.
tells 'once', 'nothing SC bad roundrobin retries=0', 'no retry: the client is told at once';
my $line = tells 'thrice', 'nothing SC bad retry retries=3', 'three retries';
cmp_ok $line->{timers_ms}{total}, '>=', 3 * 50 - 2, 'with a wait before each';
is $line->{timers_ms}{connect}, -1, 'it never connected';
is $line->{cause}, 'the server refused the connection', 'in words';

tells 'stubborn', 'nothing SC bad retry retries=2', 'without redispatch it stays with its server, though another one is there';
tells 'stubborn', 'good -- good roundrobin retries=0', 'the next session has its own turn';
# as in HAProxy: where others serve the first retry goes there, without a wait, whatever the interval
for my $interval (qw(last every second)) {
	my $line = tells $interval, 'good -- good redispatch retries=1 redispatched', "with redispatch, $interval, the first retry goes elsewhere";
	cmp_ok $line->{timers_ms}{total}, '<', 900, 'at once' or diag explain $line;
}
# the interval is for who was named by a rule
tells 'named', 'good -- good redispatch retries=2 redispatched', 'whom a rule has named is retried until the interval says otherwise';
tells 'alone', 'nothing SC bad retry retries=1', 'nobody else is there: it is a retry of the same one';
# as in HAProxy, a redispatch asks the balancer: while an active server counts as usable, no backup serves
tells 'backup', 'nothing SC bad retry retries=1', 'a backup does not serve beside an active that counts as usable';

subtest 'a server comes back while a session retries' => sub {
	$also->stop;
	my $c = $lb->connect('returns');
	wait_until { $lb->get('/v1/backends/returns')->{json}{status}{errors}{retries} >= 2 } 5, 'retries';
	my ($session) = values %{$lb->get('/v1/sessions?backend=returns')->{json}};
	is $session->{state}, 'connecting', 'the session is seen on its way';
	cmp_ok $session->{retries}, '>=', 2, 'with its retries';
	$also->start;
	is $c->read_line, 'also', 'it gets through';
	$c->half_close;		# the origin's process has a copy of the socket: close() would say nothing
	my $line = $lb->log_line(frontend => 'returns');
	is $line->{termination_state}, '--', 'and nothing is wrong with it';
	cmp_ok $line->{retries}, '>=', 2, 'the log remembers';
	is $line->{picked}, 'retry', 'how it came there';
};

tells 'unix', 'nothing SC a roundrobin retries=0', 'a Unix socket that is not there';
is tells('empty', 'nothing SC null - retries=0', 'a backend without a server')->{cause}, 'no server is usable', 'says so';
tells 'drained', 'nothing SC null - retries=0', 'weight 0, maint, drain: no server is usable';
is tells('none', 'nothing SC null - retries=0', 'a frontend without a backend')->{cause}, 'the frontend has no backend', 'says so';

my $errors = $lb->get('/v1/backends/thrice')->{json};
is_deeply $errors->{status}{errors}, { connect => 4, retries => 3, redispatches => 0, queue_timeouts => 0 }, 'the backend counts';
is_deeply $errors->{servers}{bad}{status}{errors}, { connect => 4, response => 0, retries => 3, redispatches => 0 }, 'and its server';
is $lb->get('/v1/backends/every')->{json}{servers}{bad}{status}{errors}{redispatches}, 1, 'who was left is counted';

# A client that leaves while its session tries: nobody tries on for it.
subtest 'the client leaves meanwhile' => sub {
	$also->stop;
	my $c = $lb->connect('returns');
	wait_until { $lb->get('/v1/sessions?backend=returns')->{text} =~ /"retries":[1-9]/ } 5, 'a retry';
	$c->reset;
	my $line = $lb->log_line(frontend => 'returns');
	is $line->{termination_state}, 'CC', 'its RST ends the session: CC';
	cmp_ok $line->{retries}, '<', 20, 'before the retries are used up';
};
$lb->stop;
undef $lb;
done_testing;

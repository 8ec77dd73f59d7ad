#!/usr/bin/perl
# tier: story
# A server fails its checks, comes back, is taken out and follows another one: its status, the events and the log tell the same
# story, with the check that it comes from, whose word it is, and HAProxy's words.
use Sluice;
use JSON::PP ();

my ($true, $false) = (JSON::PP::true, JSON::PP::false);

# A file that is read meanwhile.
sub write_at_once { my ($path, $text) = @_; Sluice::spew("$path.next", $text); rename("$path.next", $path) or die; return }

# Answers what it is told to, also while it serves.
my $says = File::Temp->new(TMPDIR => 1);
sub say_status { my ($code, $words) = @_; write_at_once("$says", "$code $words"); return }
sub answer {
	my ($conn) = @_;
	while ($conn->read_until("\r\n\r\n", 60) =~ /\r\n\r\n\z/) {
		$conn->send('HTTP/1.1 ' . Sluice::slurp("$says") . "\r\nContent-Length: 0\r\n\r\n");
	}
	return;
}
say_status(200, 'OK');
my $a = Sluice::Origin->start('a', \&answer);
my $b = Sluice::Origin->start('b', 'http');
my $agent_says = File::Temp->new(TMPDIR => 1);
write_at_once("$agent_says", 'up');
my $agent = Sluice::Origin->start('agent', sub { $_[0]->send(Sluice::slurp("$agent_says") . "\n"); return });

my %often = (inter => '200ms', rise => 2, fall => 3);	# it bounds connecting: not too short for a busy machine
my $lb = Sluice->start(config => {
	frontends => { web => { mode => 'http', bind => ['127.0.0.1:0'], default_backend => 'app' },
		plain => { bind => ['127.0.0.1:0'], default_backend => 'asked' } },
	backends => {
		app => {
			mode => 'http', log_health_checks => $true, timeout => { check => '10s' },
			check => { type => 'http', method => 'GET', uri => '/health', disable_on_404 => $true },
			default_server => \%often,
			servers => {
				a => { address => $a->address, check => $true },
				t => { address => $b->address, track => 'a' },
				b => { address => $b->address, backup => $true },
			},
		},
		asked => { servers => { s => { address => $b->address, agent_check => $true, agent_inter => '50ms',
			agent_port => 0 + ($agent->address =~ /(\d+)$/)[0], on_marked_down => 'shutdown-sessions' } } },
	},
});
sub status_of { return $lb->get("/v1/backends/app/servers/$_[0]")->{json}{status} }
sub is_state {
	my ($server, $state) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok becomes { status_of($server)->{state} eq $state } 10, "$server is $state";
}
my $seen = 0;
# The next line of the log like that, behind the last one that was looked for.
sub told {
	my ($like, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $found = becomes {
		my $text = substr($lb->stderr, $seen);
		if ($text =~ /^\S+ $like$/m) { $seen += $+[0]; return 1 }
		return 0;
	} 10;
	return ok($found, $name) || diag(substr($lb->stderr, $seen));
}
my $events = $lb->events(last_event_id => 0);
sub event {
	my ($kind, %want) = @_;
	return $events->next(10, sub {
		my ($e) = @_;
		return $e->{event} eq $kind && !grep { ($e->{data}{$_} // '') ne $want{$_} } keys %want;
	})->{data} // {};
}
my $counts = qr/\d+ sessions active, 0 requeued, 0 remaining in queue\./;

# Checks pass.
ok becomes { (status_of('a')->{check}{result} // '') eq 'L7OK' } 10, 'a passes its checks';
my $status = status_of('a');
is $status->{state}, 'up', 'it is up';
is_deeply $status->{health}, { result => 'up', rise => 2, fall => 0 }, 'its health';
is $status->{check}{code}, 200, 'what it answered';
like $status->{check}{last}, qr/^\d{4}-.*Z$/, 'when';
like $status->{check}{duration_ms}, qr/^\d+$/, 'how long it took';
ok !exists $status->{agent}, 'nobody asks an agent of it';
$status = status_of('b');
is $status->{state}, 'no_check', 'b is not checked';
is_deeply $status->{health}, { result => 'none' }, 'nobody knows of its health';
ok !exists $status->{check}, 'nor of a check';
is_deeply status_of('t')->{health}, { result => 'up', rise => 2, fall => 0 }, 't has the health of a';
is $lb->get('/v1/backends/app')->{json}{status}{state}, 'up', 'their backend is up';

# They fail.
say_status(500, 'Oh no');
is_state('a', 'down');
$status = status_of('a');
is $status->{cause}{code}, 'check-failed', 'why';
like $status->{cause}{detail}, qr/^Layer7 wrong status, code 500: Oh no in \d+ ms, 3 of 3$/, 'in words';
is $status->{cause}{actor}, undef, 'nobody said so';
is_deeply $status->{health}, { result => 'down', rise => 0, fall => 3 }, 'its health';
is_deeply [@{$status->{check}}{qw(result code detail)}], ['L7STS', 500, 'Oh no'], 'its last check';
is_state('t', 'down');
is status_of('t')->{cause}{code}, 'tracked', 'because of a';
my $e = event('check', server => 'a', result => 'L7STS');
is_deeply [@$e{qw(backend source code detail health progress of)}], ['app', 'check', 500, 'Oh no', 'up', 2, 3], 'an event of the first failure';
$e = event('server', server => 'a', to => 'down');
is $e->{from}, 'up', 'an event of its fall';
is $e->{cause}{code}, 'check-failed', 'its cause';
is_deeply [@{$e->{check}}{qw(result code detail)}], ['L7STS', 500, 'Oh no'], 'its check';
told qr/notice Health check for server app\/a failed, reason: Layer7 wrong status, code: 500, info: "Oh no", check duration: \d+ms, status: $_\./,
	"status $_" for '2/3 UP', '1/3 UP', '0/2 DOWN';
told qr/alert Server app\/a is DOWN, reason: Layer7 wrong status, code: 500, info: "Oh no", check duration: \d+ms\. 1 active and 1 backup servers left\. $counts/, 'the log says DOWN';
told qr/alert Server app\/t is DOWN via app\/a\. 0 active and 1 backup servers left\. Running on backup\. $counts/, 'and so of t';

# The last one goes.
is $lb->patch('/v1/backends/app/servers/b', { admin_state => 'maint' }, { 'X-Actor' => 'joe' })->{status}, 200, 'b is taken out';
$e = event('server', server => 'b', to => 'maint');
is $e->{cause}{actor}, 'joe', 'who did it';
is status_of('b')->{cause}{actor}, 'joe', 'in its status, too';
$e = event('backend', backend => 'app');
is_deeply [@$e{qw(from to server)}, $e->{cause}{actor}], ['up', 'down', 'b', 'joe'], 'the backend has nobody left, because of b';
is $lb->get('/v1/backends/app')->{json}{status}{state}, 'down', 'and is down';
told qr/notice Backup Server app\/b is going DOWN for maintenance\. 0 active and 0 backup servers left\. $counts/, 'the log says maintenance';
told qr/emerg backend app has no server available!/, 'and that nobody is left';

# All come back.
say_status(200, 'OK');
is_state('a', 'up');
is_state('t', 'up');
is_deeply [@{event('server', server => 'a', to => 'up')}{qw(from)}], ['down'], 'an event of its rise';
$e = event('backend', backend => 'app');
is_deeply [@$e{qw(from to server)}, $e->{cause}{code}], ['down', 'up', 'a', 'check-passed'], 'and of its backend\'s';
told qr/notice Health check for server app\/a succeeded, reason: Layer7 check passed, code: 200, check duration: \d+ms, status: 3\/3 UP\./, 'it passes';
told qr/notice Server app\/a is UP, reason: Layer7 check passed, code: 200, check duration: \d+ms\. 1 active and 0 backup servers online\. 0 sessions requeued, 0 total in queue\./, 'the log says UP';
told qr/notice Server app\/t is UP via app\/a\. 2 active and 0 backup servers online\. 0 sessions requeued, 0 total in queue\./, 'and so of t';
is $lb->patch('/v1/backends/app/servers/b', { admin_state => 'ready' })->{status}, 200, 'b comes back';
told qr/notice Backup Server app\/b is UP\/READY \(leaving forced maintenance\)\./, 'says the log';

# 404, drain, maintenance.
say_status(404, 'Not Found');
is_state('a', 'stopping');
is status_of('a')->{cause}{code}, 'check-404', 'for a 404';
told qr/notice Server app\/a is stopping, reason: Layer7 check conditionally passed, code: 404, check duration: \d+ms\. 1 active and 1 backup servers online\. .*/, 'the log says stopping';
say_status(200, 'OK');
is_state('a', 'up');
is $lb->patch('/v1/backends/app/servers/a', { admin_state => 'drain' })->{status}, 200, 'a drains';
is_deeply status_of('t')->{admin}, { effective => 'drain', by => 'track' }, 'and t with it';
told qr/notice Server app\/a enters drain state\. 0 active and 1 backup servers online\. .*/, 'says the log';
told qr/notice Server app\/t enters drain state via app\/a\. .*/, 'and of t';
is $lb->patch('/v1/backends/app/servers/a', { admin_state => 'ready' })->{status}, 200, 'no more';
told qr/notice Server app\/a is UP \(leaving forced drain\)\./, 'says the log';

# An agent.
sub asked { return $lb->get('/v1/backends/asked/servers/s')->{json}{status} }
ok becomes { (asked()->{agent}{detail} // '') eq 'up' } 10, 'an agent says up';
write_at_once("$agent_says", 'maint');
ok becomes { asked()->{state} eq 'maint' } 10, 'it says maint';
$status = asked();
is_deeply $status->{admin}, { effective => 'maint', by => 'agent' }, 'that is what counts';
is $status->{cause}{code}, 'agent', 'and why';
write_at_once("$agent_says", "up ready");
ok becomes { asked()->{state} eq 'up' } 10, 'it takes it back';

# Sessions of a server that goes down end.
my $client = $lb->connect('plain');
ok becomes { asked()->{sessions}{current} == 1 } 10, 'a client is there';
write_at_once("$agent_says", 'down #disk full');
ok $client->closed_within(10), 'when the agent says down, it is sent away';
$e = event('session-kill', server => 's');
is_deeply $e->{cause}, { code => 'server-down', detail => 'its server was marked down', actor => undef, reason => undef }, 'an event says why';
is $e->{ended}, 1, 'and how many';
told qr/alert Server asked\/s is DOWN, reason: .*, info: "down #disk full", check duration: \d+ms\. 0 active and 0 backup servers left\. .*/, 'the log says DOWN';
told qr/notice Server asked\/s: 1 sessions ended, reason: its server was marked down\./, 'and whom that ended';
# A server that comes back sends those of the backup home: the event and the log say which one it was.
is $lb->put('/v1/backends/back', { default_server => { on_marked_up => 'shutdown-backup-sessions' },
	servers => { s => { address => $b->address, admin_state => 'maint' }, spare => { address => $b->address, backup => $true } } })->{status}, 201, 'an active and a backup';
is $lb->patch('/v1/frontends/plain', { default_backend => 'back' })->{status}, 200, 'in front';
$client = $lb->connect('plain');
ok becomes { $lb->get('/v1/backends/back/servers/spare')->{json}{status}{sessions}{current} == 1 } 10, 'a client is on the backup';
is $lb->patch('/v1/backends/back/servers/s', { admin_state => 'ready' })->{status}, 200, 'the active comes back';
$e = event('session-kill', server => 'spare');
is_deeply [$e->{by}, $e->{cause}{code}], ['back/s', 'active-back'], 'an event says who came back';
told qr/notice Backup Server back\/spare: 1 sessions ended, reason: an active server came back up \(back\/s\)\./, 'the log, too';

# Of several that change at once the one that turned the backend is named.
is $lb->put('/v1/backends/two', { servers => { s1 => { address => $b->address }, s2 => { address => $b->address, admin_state => 'maint' } } })->{status}, 201, 'two servers, one out';
is $lb->patch('/v1/backends/two/servers', { s1 => { admin_state => 'maint' }, s2 => { address => '127.0.0.1:1' } }, { 'X-Actor' => 'ann' })->{status}, 200,
	'the other one goes, and this one moves';
$e = event('backend', backend => 'two');
is_deeply [@$e{qw(to server)}, $e->{cause}{actor}], ['down', 's1', 'ann'], 'the event is of the one that went';
is $lb->delete('/v1/backends/two')->{status}, 204, 'deleted';

# A backend that is deleted on purpose is nobody's emergency.
is $lb->patch('/v1/frontends/plain', { default_backend => 'asked' })->{status}, 200, 'out of use';
is $lb->delete('/v1/backends/back')->{status}, 204, 'deleted';
is event('server', backend => 'back', server => $_, to => '')->{cause}{code}, 'removed', "$_ goes" for 's', 'spare';
write_at_once("$agent_says", 'up');
is event('backend')->{backend}, 'asked', 'the next event of a backend is of another one';
unlike $lb->stderr, qr/emerg backend back /, 'the other one was no emergency';
my $checks = $lb->get('/v1/info')->{json}{checks};
ok $checks->{made} > $checks->{failed} && $checks->{failed} > 0, 'checks are counted';
is $checks->{in_line}, 0, 'none waits for its turn';
$lb->stop;
done_testing;

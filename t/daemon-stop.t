#!/usr/bin/perl
# tier: story
#
# The way out. SIGTERM: not ready at once, so that nobody sends more; listeners go on for shutdown_delay;
# streams end by themselves, or at hard_stop_after with a line that says why; the admin server answers to
# the very end. SIGINT and a second SIGTERM do not wait.
use Sluice;
use Socket ();
use Time::HiRes qw(time sleep);

my $origin = Sluice::Origin->start('a', 'greet');

sub start {
	my (%global) = @_;
	return Sluice->start(config => {
		global => { log => [{ target => 'stdout', format => 'json' }], %global },
		frontends => { web => { mode => 'tcp', bind => ['127.0.0.1:0'], default_backend => 'app' } },
		backends => { app => { mode => 'tcp', servers => { a => { address => $origin->address } } } },
	}, args => ['--threads', '2']);
}

subtest 'nothing to wait for' => sub {
	my $lb = start();
	my $at = time;
	$lb->stop;
	cmp_ok time() - $at, '<', seconds(1), 'ends at once';
	like $lb->stderr, qr/stopping, 0 sessions are open\n.*ends, all sessions have ended\n/s, 'and says so';
};

subtest 'shutdown_delay: not ready, but listening' => sub {
	my $lb = start(shutdown_delay => '600ms');
	my $address = $lb->address('web');
	my $at = time;
	$lb->kill('TERM');
	becomes { $lb->get('/readyz')->{status} == 503 } 2;
	is_deeply $lb->get('/readyz')->{json}, { ready => JSON::PP::false(), reasons => ['stopping'] }, '/readyz says why';
	is $lb->get('/healthz')->{status}, 200, 'it is alive';
	my $client = Sluice::Client->connect($address);
	is $client->read_line, 'a', 'a client that comes now is served';
	is $lb->get('/v1/info')->{status}, 200, 'so is one of the admin server';
	becomes { !eval { Sluice::Client->connect($address)->close; 1 } } 5;
	cmp_ok time() - $at, '>=', 0.6, 'the listeners close after the delay';
	ok becomes { $lb->get('/v1/info')->{json}{connections}{current} == 1 } 5, 'the stream runs on, and admin answers';
	$client->send("more\n");
	like $client->read_line, qr/more/, 'bytes flow';
	$client->close;
	is $lb->wait_exit(5), 0, 'and with its end all ends, exit 0';
};

subtest 'hard_stop_after' => sub {
	my $lb = start(hard_stop_after => '300ms');
	my $client = $lb->connect('web');
	is $client->read_line, 'a', 'a stream';
	my $events = $lb->events;
	$lb->kill('TERM');
	is $events->next(5, sub { $_[0]{event} eq 'process' })->{data}{state}, 'stopping', 'an event tells of the end';
	is $lb->wait_exit(5), 0, 'exit 0';
	ok $client->closed_within(2), 'the stream was cut';
	my ($line) = $lb->log_lines(frontend => 'web');
	like $line->{termination_state}, qr/^K/, 'its log line has a K';
	like $line->{cause}, qr/stop|shut|end/i, "and the cause in words: $line->{cause}";
	like $lb->stderr, qr/1 sessions are ended by force, hard_stop_after has passed/, 'the log says how many there were';
};

subtest 'who does not wait' => sub {
	for my $signals (['INT'], ['TERM', 'TERM'], ['TERM', 'INT']) {
		my $lb = start(hard_stop_after => '1h');
		my $client = $lb->connect('web');
		is $client->read_line, 'a', "@$signals: a stream";
		my $at = time;
		for my $signal (@$signals) {
			$lb->kill($signal);
			becomes { $lb->stderr =~ /stopping/ } 5 if @$signals > 1;
		}
		is $lb->wait_exit(5), 0, 'exit 0';
		cmp_ok time() - $at, '<', seconds(2), 'at once';
		like +($lb->log_lines(frontend => 'web'))[0]{termination_state}, qr/^K/, 'with its line in the log';
	}
};

# A large answer that is read slowly is under way when the last stream ends.
subtest 'the last answers' => sub {
	my $comment = 'x' x 1000;
	my $servers = join ',', map { qq("s$_":{"address":"127.0.0.1:9","comment":"$comment"}) } 1 .. 6000;
	my $lb = Sluice->start(config => qq({"backends":{"app":{"mode":"tcp","servers":{$servers}}}}));
	my $admin = $lb->admin_address;
	my $reader = Sluice::Client->connect($admin);
	setsockopt($reader->socket, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(), 65536);
	$reader->send("GET /v1/backends/app/servers HTTP/1.1\r\nHost: $admin\r\nConnection: close\r\n\r\n");
	$reader->read_until("\r\n\r\n");
	my $silent = Sluice::Client->connect($admin);
	my $idle = Sluice::Client->connect($admin);
	$idle->send("GET /healthz HTTP/1.1\r\nHost: $admin\r\n\r\n");
	like $idle->read_until('"}'), qr/200 OK/, 'an idle connection';
	$lb->kill('TERM');
	becomes { $lb->stderr =~ /ends, all sessions have ended/ } 5;
	$silent->send("GET /readyz HTTP/1.1\r\nHost: $admin\r\nConnection: close\r\n\r\n");
	like $silent->read_all, qr/503 .*"stopping"/s, 'a request in the last moment is answered';
	sleep 0.1;
	ok $lb->is_alive, 'somebody reads yet';
	my $rest = $reader->read_all;
	like $rest, qr/"s6000".*\}\}\s*(\r\n)?0\r\n\r\n$/s, 'the answer under way comes to its end';
	is $lb->wait_exit(5), 0, 'then it is over';
	ok $idle->closed_within(1), 'the idle connection did not count';
};

subtest 'an event stream keeps nobody' => sub {
	my $lb = start();
	my $events = $lb->events;
	my $at = time;
	$lb->stop;
	cmp_ok time() - $at, '<', seconds(1), 'ends at once';
};

done_testing;

#!/usr/bin/perl
# tier: story
#
# Moments that are seldom: each of these once ended the process, answered somebody with what was not his, or held others up.
# The servers are sockets of this test, so that it decides what comes together in one turn of the worker.
use Sluice;
use Sluice::Http;
use IO::Select;
use IO::Socket::IP;
use Socket qw(SOMAXCONN);
use Time::HiRes qw(sleep);

sub listener { return IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => $_[0] // SOMAXCONN) // die "listen: $!\n" }
sub address { return '127.0.0.1:' . $_[0]->sockport }
sub is_asked { my ($listener, $seconds) = @_; return scalar IO::Select->new($listener)->can_read(seconds($seconds // 0)) }

# Who connects to the server next.
sub taken {
	my ($listener) = @_;
	die "nobody connects\n" if !is_asked($listener, 5);
	return Sluice::Client->of_socket($listener->accept);
}

sub get { return "GET $_[0] HTTP/1.1\r\nHost: a\r\n\r\n" }
sub ok_with { return 'HTTP/1.1 200 OK' . "\r\nContent-Length: " . length($_[0]) . "\r\n\r\n$_[0]" }
sub closes { return lc(field($_[0], 'Connection') // '') eq 'close' }
sub connected { my ($lb, $count) = @_; wait_until { $lb->get('/v1/info')->{json}{connections}{current} == $count } 5, "$count connections" }

# The answer of whoever serves at that server next, with what it was asked.
sub serve_one {
	my ($server) = @_;
	my $head = $server->read_until("\r\n\r\n");
	my ($target) = $head =~ m{^\w+ (\S+) } or return undef;
	$server->send(ok_with($target));
	return $target;
}

sub lb_of {
	my ($listener, %more) = @_;
	return Sluice->start(config => {
		global => { threads => 1 },
		defaults => { mode => 'http', timeout => { connect => '20s', server => '60s', client => '60s' } },
		frontends => { web => { bind => $more{bind} // ['127.0.0.1:0'], default_backend => 'app', %{$more{frontend} // {}} } },
		backends => { app => { servers => { s => { address => address($listener), %{$more{server} // {}} } }, %{$more{backend} // {}} } },
	});
}

# What happens meanwhile is there all at once for the worker.
sub at_once {
	my ($lb, $what) = @_;
	$lb->kill('STOP');
	wait_until { $lb->proc('stat') =~ /\) T / } 5, 'it stands still';
	$what->();
	$lb->kill('CONT');
}

# An answer to CONNECT that lets the worker's tick go by: what lies behind the request is the tunnel's.
{
	my $listener = listener();
	my $lb = lb_of($listener, frontend => { timeout => { http_request => int(seconds(1.2) * 1000) . 'ms' } });
	my $c = $lb->connect('web');
	$c->send("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n");
	my $server = taken($listener);
	like $server->read_until("\r\n\r\n"), qr/^CONNECT /, 'CONNECT is asked';
	my $slow = $lb->connect('web');
	$slow->send('GET');
	is read_answer($slow)->{status}, 408, 'another client times out meanwhile';
	$server->send("HTTP/1.1 200 OK\r\n\r\nhello");
	my $answer = read_answer($c, 'CONNECT');
	is $answer->{status}, 200, 'it is answered late';
	is $c->read_exactly(5), 'hello', 'and there is a tunnel down';
	$c->send('hello too');
	is $server->read_exactly(9), 'hello too', 'and up';
	$_->close for $c, $slow, $server;
	$lb->stop;
}

# The end of a request, the front of the next one, and the server's reset, in one turn: nobody has read the next one to its end.
{
	my $listener = listener();
	my $lb = lb_of($listener, backend => { retries => 0 });
	for my $round (1 .. 4) {
		my $c = $lb->connect('web');
		$c->send("POST /first HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
		my $server = taken($listener);
		$server->read_until("hello\r\n");
		my $body = get('/smuggled');
		at_once($lb, sub {
			$c->send("0\r\n\r\nPOST /second HTTP/1.1\r\nHost: a\r\nContent-Length: " . length($body) . "\r\n\r\n");
			$server->reset;
		});
		my $answer = read_answer($c);
		is $answer->{status}, 502, 'a server resets while a request ends and another begins';
		ok closes($answer), 'the client is told that his connection ends';
		$c->send($body);
		ok $c->closed_within(5), 'it does';
		is $c->buffer, '', 'without another answer';
		$c->close;
		connected($lb, 0);
		ok !is_asked($listener), 'and no server hears of what came behind';
	}
	$lb->stop;
}

# The bind by which a client came moves in the list, then goes; then he speaks.
{
	my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
	my ($x, $y, $z) = map { "unix:$dir/$_" } qw(x y z);
	my $lb = lb_of(listener(), bind => [$x, $z]);
	my $c = Sluice::Client->connect($x);
	connected($lb, 1);
	is $lb->patch('/v1/frontends/web', { bind => [$y, $x] })->{status}, 200, 'a bind is the second now';
	is $lb->patch('/v1/frontends/web', { bind => [$y] })->{status}, 200, 'then it goes';
	$c->send("BAD\r\n\r\n");
	my $answer = read_answer($c);
	is $answer->{status}, 400, 'its client is answered';
	ok closes($answer), 'with Connection: close';
	is $lb->log_line(status => 400)->{bind}, $x, 'and the log has the bind by which he came';
	$c->close;
	$lb->stop;
}

# A frontend that is deleted while requests of its clients are queued or under way.
{
	my $listener = listener();
	my $lb = lb_of($listener, server => { maxconn => 1 });
	my ($busy, $queued) = map { $lb->connect('web') } 1, 2;
	$busy->send(get('/busy'));
	my $server = taken($listener);
	$server->read_until("\r\n\r\n");
	$queued->send(get('/queued'));
	wait_until { $lb->get('/v1/backends/app')->{json}{status}{sessions}{queue} == 1 } 5, 'one in line';
	is $lb->delete('/v1/frontends/web')->{status}, 204, 'a frontend is deleted';
	is $lb->delete('/v1/backends/app/servers/s')->{status}, 204, 'and the server that its clients wait for';
	my $answer = read_answer($queued);
	is $answer->{status}, 503, 'who was in line is told so';
	ok closes($answer), 'with Connection: close';
	$server->send(ok_with('done'));
	$answer = read_answer($busy);
	is $answer->{body}, 'done', 'who was served is served to the end';
	ok closes($answer), 'with Connection: close';
	for my $c ($queued, $busy) {
		ok $c->closed_within(5), 'and his connection ends';
		$c->close;
	}
	$lb->stop;
}

# A server that speaks before it is asked, and what it says looks like an answer. Its line is full at first: the kernel
# connects, and reads what it says, while the worker stands still.
{
	my $listener = listener();
	listen($listener, 0);
	my $lb = lb_of($listener, backend => { http_reuse => 'always' });
	my $before = Sluice::Client->connect(address($listener));	# the one place in the line
	my $alice = $lb->connect('web');
	$alice->send(get('/alice'));
	wait_until { $lb->get('/v1/sessions')->{text} =~ /"connecting"/ } 5, 'a connect under way';
	my $server;
	at_once($lb, sub {
		taken($listener)->close;
		$server = taken($listener);
		$server->send(ok_with('unasked'));
	});
	is read_answer($alice)->{status}, 502, 'a server that was not asked has not answered';
	my $line = $lb->log_line(target => '/alice');
	is $line->{fault}, 'unasked', 'the log says why' or diag explain $line;
	ok $server->closed_within(5), 'its connection ends';
	is $server->buffer, '', 'and nobody has asked there';
	$_->close for $server, $alice, $before;
	listen($listener, SOMAXCONN);
	undef $server;
	for my $who (qw(/bob /carol)) {
		my $c = $lb->connect('web');
		$c->send(get($who));
		$server //= taken($listener);
		is serve_one($server), $who, "the next connection: $who is asked";
		is read_answer($c)->{body}, $who, 'and gets what is his';
		$c->close;
	}
	$server->close;
	$lb->stop;
}

# Clients that send nothing but empty lines, as fast as they can.
{
	my $listener = listener();
	my $lb = lb_of($listener, backend => { http_reuse => 'always' });
	my $address = $lb->address('web');
	my $test = $$;
	my @floods = map {
		my $pid = fork() // die "fork: $!\n";
		if ($pid == 0) {
			Sluice::Wait::die_with_parent($test);
			my $c = Sluice::Client->connect($address);
			my $lines = "\r\n" x 500_000;
			while ($c->send($lines, 60) == length $lines) {
			}
			POSIX::_exit(0);
		}
		$pid;
	} 1, 2;
	connected($lb, 2);
	my $before = $lb->cpu_seconds;
	wait_until { $lb->cpu_seconds > $before + 0.1 } 10, 'they keep it busy';
	for (1 .. 3) {
		my $c = $lb->connect('web');
		$c->send(get('/other'));
		my $server = is_asked($listener, 5) ? taken($listener) : last;
		is serve_one($server), '/other', 'others have their turn';
		is read_answer($c)->{body}, '/other', 'and their answer';
		$_->close for $server, $c;
	}
	kill KILL => @floods;
	waitpid($_, 0) for @floods;
	connected($lb, 0);
	$lb->stop;
}

# A kept connection dies with a request on it, and its server went to maintenance meanwhile: asking there again is no repair.
{
	my ($first, $second) = map { listener() } 1, 2;
	my $lb = lb_of($first, backend => { http_reuse => 'always' });
	my $c = $lb->connect('web');
	$c->send(get('/1'));
	my $server = taken($first);
	is serve_one($server), '/1', 'a server is asked';
	is read_answer($c)->{body}, '/1', 'and answers';
	$c->send(get('/2'));
	like $server->read_until("\r\n\r\n"), qr{^GET /2 }, 'it is asked once more there';
	is $lb->put('/v1/backends/app/servers/t', { address => address($second) })->{status}, 201, 'another server';
	is $lb->patch('/v1/backends/app/servers/s', { admin_state => 'maint' })->{status}, 200, 'maintenance for the first';
	$server->close;
	my $other = is_asked($second, 5) ? taken($second) : undef;
	is $other && serve_one($other), '/2', 'when it closes, the other one is asked';
	is read_answer($c)->{body}, '/2', 'and answers';
	ok !is_asked($first), 'the first is left alone';
	$_->close for $c, $other // ();
	$lb->stop;
}
done_testing;

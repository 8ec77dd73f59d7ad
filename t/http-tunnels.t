#!/usr/bin/perl
# tier: story
#
# After an Upgrade or a CONNECT the bytes of either side go to the other as they are: a WebSocket client and its
# server talk through sluice, silent for longer than any time-out of HTTP and no longer than that of tunnels; each may end
# it, and nothing is lost that came early.
use Sluice;
use Sluice::Http;
use Sluice::HttpOrigin;
use Sluice::WebSocket;
use Time::HiRes qw(sleep time);

# Talks as its client asks: echo; or what the target says.
my $chat = Sluice::Origin->start('chat', sub {
	my ($conn) = @_;
	my $ws;
	$conn->read_until(qr/\A(?=.*\r\n\r\n)/s, 3600);		# look, and leave it
	$conn->fill(time + 3600) while $conn->buffer !~ /\r\n\r\n/;
	my ($target) = $conn->buffer =~ m{^GET (\S+)};
	if ($target eq '/early') {
		$ws = Sluice::WebSocket->accept($conn, ['text', 'before you ask'], ['binary', 'B' x 100_000]);
	} elsif ($target eq '/slow') {
		sleep 0.2;
		$ws = Sluice::WebSocket->accept($conn);
	} else {
		$ws = Sluice::WebSocket->accept($conn);
	}
	if ($target eq '/leaves') {
		$ws->shut(1001, 'going');
		$ws->read_frame;
		return 'closed';
	}
	return 'reset' if $target eq '/cuts' && ($conn->reset, 1);
	while (my $frame = $ws->read_frame(3600)) {
		my ($what, $payload) = @$frame;
		if ($what eq 'close') {
			$ws->shut($payload =~ /^(\d+) (.*)/);
			return "client closed: $payload";
		}
		$ws->send_frame($what eq 'ping' ? 'pong' : $what, $payload);
	}
	return $conn->was_reset ? 'client reset' : 'client left';
});

my $origin = Sluice::HttpOrigin->start('origin', sub {
	my ($request, $conn) = @_;
	if ($request->{method} eq 'CONNECT') {
		return $conn->answer(405, 'no', 'Allow: GET') if $request->{target} =~ /^no/;
		$conn->send("HTTP/1.1 200 Connected\r\n\r\nhello from $request->{target}\n");
		while ((my $line = $conn->read_line(3600)) ne '') {
			$conn->send(uc "$line\n");
		}
		return \'close';
	}
	$conn->read_body($request);
	if ($request->{target} =~ m{^/(?:shout|listen)}) {
		my ($heard, $shouts) = ('', $request->{target} eq '/shout');
		$conn->send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: " . substr($request->{target}, 1) . "\r\nConnection: upgrade\r\n\r\n" . ($shouts ? '' : 'hello'));
		$conn->half_close if !$shouts;
		while ((my $some = $conn->read_some(60)) ne '') {
			$heard .= $some;
			$conn->send(uc $some) if $shouts;
		}
		$conn->send('that was all') if $shouts;
		$conn->note("heard $heard");
		return \'close';
	}
	return $conn->answer(200, 'no upgrade here', 'Upgrade: websocket') if $request->{target} eq '/declines';
	return $conn->answer(426, 'upgrade', 'Upgrade: websocket', 'Connection: Upgrade') if $request->{target} eq '/requires';
	return $conn->answer(200, 'fine');
});

sub ms { return int(1000 * seconds($_[0])) . 'ms' }

my $lb = Sluice->start(config => {
	global => { threads => 1 },
	defaults => { mode => 'http', timeout => { client => ms(0.7), server => ms(0.7), tunnel => ms(2), http_keep_alive => '60s' } },
	frontends => { chat => { bind => ['127.0.0.1:0'], default_backend => 'chat' },
		web => { bind => ['127.0.0.1:0'], default_backend => 'web' } },
	backends => { chat => { servers => { c => { address => $chat->address } } },
		web => { servers => { o => { address => $origin->address } } } },
});

{
	my $c = $lb->connect('chat');
	my $ws = Sluice::WebSocket->open($c, '/echo');
	$ws->send_text('hello');
	is_deeply $ws->read_frame, ['text', 'hello'], 'a frame goes there and back';
	my $large = join('', map { pack('N', $_) } 1 .. 300_000);
	$ws->send_frame('binary', $large);
	my $back = $ws->read_frame(10);
	ok $back && $back->[0] eq 'binary' && $back->[1] eq $large, 'and one of 1.2 MB';
	sleep seconds(1);
	$ws->send_frame('ping', 'still there?');
	is_deeply $ws->read_frame, ['pong', 'still there?'], 'silent for longer than timeout.client and .server: it goes on';
	$ws->shut(1000, 'bye');
	is_deeply $ws->read_frame, ['close', '1000 bye'], 'the client closes, and the server says so too';
	ok $c->closed_within(5), 'the server ends the connection, and that arrives';
	ok !$c->was_reset, 'as a FIN';
	$c->close;
	my $line = $lb->log_line(frontend => 'chat');
	is $line->{status}, 101, 'one log line, with 101';
	is $line->{termination_state}, '----', 'ended in order';
	cmp_ok $line->{bytes_out}, '>', 1_200_000, 'with what went through it' or diag explain $line;
	cmp_ok $line->{timers_ms}{total}, '>=', 1000, 'and how long it took';
}

{
	my $ws = Sluice::WebSocket->open($lb->connect('chat'), '/early');
	is_deeply $ws->read_frame, ['text', 'before you ask'], 'a frame that the server wrote together with its 101';
	my $large = $ws->read_frame;
	ok $large && $large->[1] eq 'B' x 100_000, 'and the large one behind it';
}

{
	my $c = $lb->connect('chat');
	my $ws = Sluice::WebSocket->open($c, '/slow', ['text', 'e' x 1000]);
	is_deeply $ws->read_frame, ['text', 'e' x 1000], 'what the client sent before the 101 reaches the server behind the request';
}

{
	my $c = $lb->connect('chat');
	my $ws = Sluice::WebSocket->open($c, '/leaves');
	is_deeply $ws->read_frame, ['close', '1001 going'], 'the server closes first';
	$ws->shut(1001, 'going');
	ok $c->closed_within(5) && !$c->was_reset, 'and the connection ends after the answer to it';
	$c->close;
	is $lb->log_line(target => '/leaves')->{termination_state}, '----', 'in order';
}

{
	my $c = $lb->connect('chat');
	my $ws = Sluice::WebSocket->open($c, '/echo');
	$ws->send_text('x');
	$ws->read_frame;
	$c->half_close;
	ok $c->closed_within(5) && !$c->was_reset, 'a client that just leaves';
	ok((becomes { grep { $_ eq 'client left' } $chat->notes } 5), 'is missed by its server');
}

{
	my $c = $lb->connect('chat');
	Sluice::WebSocket->open($c, '/echo');
	$c->reset;
	ok((becomes { grep { $_ eq 'client reset' } $chat->notes } 5), 'a reset is carried to the server');
	my $cut = $lb->connect('chat');
	eval { Sluice::WebSocket->open($cut, '/cuts') };	# the reset may be quicker than the head
	ok $cut->closed_within(5), 'and one of the server to the client';
}

{
	my $c = $lb->connect('chat');
	Sluice::WebSocket->open($c, '/silent');
	my $from = time;
	ok $c->closed_within(10), 'silent for timeout.tunnel: it ends';
	cmp_ok time - $from, '>', seconds(1.8), 'not before';
	my $line = $lb->log_line(target => '/silent');
	like $line->{termination_state}, qr/^[cs]D/, 'the log says so' or diag explain $line;
}

{
	my $c = $lb->connect('web');
	$c->send("GET /declines HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
	my $first = read_answer($c);
	is $first->{body}, 'no upgrade here', 'a server may decline';
	is read_answer($c)->{body}, 'fine', 'then HTTP goes on, on the same connection';
	$c->send("GET /requires HTTP/1.1\r\nHost: a\r\n\r\n");
	my $required = read_answer($c);
	is $required->{status}, 426, 'a server may require it';
	is field($required, 'Upgrade'), 'websocket', 'and say which';
	my ($asked) = $origin->requests('/declines');
	is field($asked, 'Upgrade'), 'websocket', 'the server saw Upgrade';
	like field($asked, 'Connection'), qr/^upgrade$/i, 'and Connection: upgrade';
}

{
	my $c = $lb->connect('web');
	$c->send("CONNECT db.test:5432 HTTP/1.1\r\nHost: db.test:5432\r\n\r\nfirst\n");
	my $head = $c->read_until("\r\n\r\n");
	like $head, qr{^HTTP/1\.1 200 Connected\r\n}, 'CONNECT, answered 200';
	unlike $head, qr/^(?:Content-Length|Transfer-Encoding)/mi, 'has no body';
	is $c->read_line, 'hello from db.test:5432', 'what the server said at once';
	is $c->read_line, 'FIRST', 'what the client said at once';
	$c->send("second\n");
	is $c->read_line, 'SECOND', 'and so on';
	$c->send("\n");
	ok $c->closed_within(5) && !$c->was_reset, 'to the end';
	$c->close;
	my $line = $lb->log_line(method => 'CONNECT');
	is "$line->{status} $line->{termination_state} $line->{target}", '200 ---- db.test:5432', 'and one line in the log';

	$c = $lb->connect('web');
	$c->send("CONNECT no.test:1 HTTP/1.1\r\nHost: no.test:1\r\n\r\n");
	is read_answer($c, 'CONNECT')->{status}, 405, 'CONNECT, refused';
	$c->send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
	is read_answer($c)->{body}, 'fine', 'leaves an HTTP connection';
}

# Each direction ends for itself.
{
	my $c = $lb->connect('web');
	$c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	read_answer($c);
	$c->send("GET /shout HTTP/1.1\r\nHost: a\r\nUpgrade: shout\r\nConnection: upgrade\r\n\r\n");
	like $c->read_until("\r\n\r\n"), qr{^HTTP/1\.1 101 }, 'an upgrade on connections that were used before';
	$c->send('abc');
	is $c->read_exactly(3), 'ABC', 'a tunnel';
	$c->half_close;
	is $c->read_all, 'that was all', 'the client has said all, the server goes on';
	$c = $lb->connect('web');
	$c->send("GET /listen HTTP/1.1\r\nHost: a\r\nUpgrade: listen\r\nConnection: upgrade\r\n\r\n");
	like $c->read_until('hello'), qr{^HTTP/1\.1 101 .*\r\n\r\nhello\z}s, 'a server that greets';
	ok $c->closed_within(5), 'and has said all';
	$c->send('still ');
	$c->send('here');
	$c->half_close;
	ok((becomes { grep { /heard still here$/ } $origin->lines } 5), 'hears the client to its end');
}

# Ended by whoever runs it, like any other stream.
{
	my $c = $lb->connect('chat');
	Sluice::WebSocket->open($c, '/echo');
	my $sessions = $lb->get('/v1/sessions?backend=chat')->{json};
	is $lb->delete('/v1/sessions?backend=chat')->{status}, 200, 'sessions of the backend are ended' or diag explain $sessions;
	ok $c->closed_within(5), 'the tunnel, too';
}
# Somebody else's client and server, where they are installed.
SKIP: {
	my $python = '/usr/bin/python3';
	skip 'no python3-websockets', 2 if system("$python -c 'import websockets' 2>/dev/null") != 0;
	my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
	Sluice::spew("$dir/both.py", <<'EOT');
import asyncio, sys, websockets
async def main():
    async def echo(ws):
        async for message in ws:
            await ws.send(message)
    async with websockets.serve(echo, '127.0.0.1', 0) as server:
        print('port', server.sockets[0].getsockname()[1], flush=True)
        through = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        async with websockets.connect('ws://' + through.strip() + '/chat', max_size=None) as ws:
            for size in (0, 1, 125, 126, 65535, 65536, 1000000):
                await ws.send('x' * size)
                assert await ws.recv() == 'x' * size, size
            await (await ws.ping())
            await ws.close(1000, 'done')
            print('ended', ws.close_code, ws.close_reason, flush=True)
asyncio.run(main())
EOT
	require IPC::Open2;
	my $pid = IPC::Open2::open2(my $out, my $in, $python, "$dir/both.py");
	my ($port) = (readline($out) // '') =~ /^port (\d+)/;
	is $lb->put('/v1/backends/chat/servers/c', { address => "127.0.0.1:$port" })->{status}, 200, "python3-websockets' server";
	print {$in} $lb->address('chat'), "\n";
	close($in);
	is readline($out), "ended 1000 done\n", 'and its client: frames of all kinds of lengths, permessage-deflate, ping, close';
	waitpid($pid, 0);
}
$lb->stop;
done_testing;

#!/usr/bin/perl
# tier: story
#
# A client may send its next requests before it has an answer. The answers come in the order of the requests, each to its own,
# whatever is between them: bodies, slow ones, failures; and who sends faster than anything is only held up.
use Sluice;
use Digest::SHA qw(sha1_hex);
use Sluice::Http;
use Sluice::HttpOrigin;

# Says what it got; "slow" and "early" in the target are obeyed.
my $origin = Sluice::HttpOrigin->start('a', sub {
	my ($request, $conn) = @_;
	select(undef, undef, undef, 0.1) if $request->{target} =~ /slow/;
	return \'close' if $request->{target} =~ /close/;
	return $conn->answer(413, 'early') if $request->{target} =~ /early/;
	$conn->read_body($request);
	my $body = "$request->{method} $request->{target} " . sha1_hex($request->{body});
	return "HTTP/1.1 304 Same\r\n\r\n" if $request->{target} =~ /same/;
	return "HTTP/1.1 200 OK\r\nContent-Length: " . length($body) . "\r\n\r\n" . ($request->{method} eq 'HEAD' ? '' : $body)
		if $request->{target} !~ /chunks/;
	return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" . join('', map { "1\r\n$_\r\n" } split //, $body) . "0\r\n\r\n";
});
my $lb = Sluice->start(config => {
	global => { threads => 1 },
	defaults => { mode => 'http', retries => 0 },
	frontends => { quiet => { bind => ['127.0.0.1:0'], default_backend => 'app', log => [],
			rules => [{ action => 'return', status => 200, content_type => 'text/plain', string => 'rule' }] },
		web => { bind => ['127.0.0.1:0'], default_backend => 'app',
		rules => [{ action => 'use_backend', backend => 'down', if => '{ path_beg /down }' },
			{ action => 'return', status => 200, content_type => 'text/plain', string => 'rule', if => '{ path_beg /rule }' }] } },
	backends => { app => { servers => { a => { address => $origin->address } } },
		down => { servers => { b => { address => Sluice::Origin->refusing_address } } } },
});

sub get { my ($target, @lines) = @_; return join("\r\n", "GET $target HTTP/1.1", 'Host: a', @lines, '', '') }
sub with_length { my ($target, $body) = @_; return "POST $target HTTP/1.1\r\nHost: a\r\nContent-Length: " . length($body) . "\r\n\r\n$body" }
sub with_chunks {
	my ($target, $body, $size) = @_;
	my $chunks = join '', map { sprintf("%x\r\n%s\r\n", length, $_) } unpack("(a$size)*", $body);
	return "PUT $target HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n";
}

# Each answer in a line: the status and the body.
sub answers {
	my ($client, @methods) = @_;
	ok $client->closed_within(10), 'the connection ends with the last one';
	return map { $_->{whole} ? "$_->{status} $_->{body}" : 'cut' } answers_in($client->buffer, [@methods], 1);
}

my $large = join '', map { chr(rand 256) } 1 .. 150_000;
my @mix = (
	[get('/slow/1'), 'GET', '200 GET /slow/1 ' . sha1_hex('')],
	[with_length('/2', 'hello'), 'POST', '200 POST /2 ' . sha1_hex('hello')],
	["HEAD /3 HTTP/1.1\r\nHost: a\r\n\r\n", 'HEAD', '200 '],
	[with_chunks('/chunks/4', 'hello world', 3), 'PUT', '200 PUT /chunks/4 ' . sha1_hex('hello world')],
	[get('/same/5'), 'GET', '304 '],
	[get('/rule/6'), 'GET', '200 rule'],
	[with_length('/rule/7', 'body'), 'POST', '200 rule'],
	[with_length('/8', $large), 'POST', '200 POST /8 ' . sha1_hex($large)],
	[get('/down/9'), 'GET', '503'],
	[with_length('/down/10', 'body'), 'POST', '503'],
	[with_chunks('/11', $large, 7000), 'PUT', '200 PUT /11 ' . sha1_hex($large)],
	[with_length('/early/12', 'x' x 1000), 'POST', '413 early'],
	[get('/chunks/slow/13'), 'GET', '200 GET /chunks/slow/13 ' . sha1_hex('')],
	[get('/14', 'Connection: close'), 'GET', '200 GET /14 ' . sha1_hex('')],
	[get('/15/never'), 'GET', ()],
);
my @expected = grep { defined } map { $_->[2] } @mix;

for my $pieces (1_000_000, 1460, 37) {
	subtest "in pieces of $pieces bytes" => sub {
		my $c = $lb->connect('web');
		my $all = join '', map { $_->[0] } @mix;
		for my $piece (unpack("(a$pieces)*", $pieces == 37 ? substr($all, 0, 600) : '')) {
			$c->send($piece);
			select(undef, undef, undef, 0.002);
		}
		$c->send(substr($all, $pieces == 37 ? 600 : 0));
		is_deeply [map { s/^503 .*/503/sr } answers($c, map { $_->[1] } @mix)], \@expected, 'all answers, in their order';
		is scalar($origin->requests('never')), 0, 'nothing behind the last one';
	};
}

subtest 'what is none ends it' => sub {
	my $c = $lb->connect('web');
	$c->send(get('/slow/a') . get('/b') . "GET /c HTTP/1.1\r\nHost : a\r\n\r\n" . get('/d/behind'));
	my @answers = answers($c);
	is join(' ', map { substr($_, 0, 3) } @answers), '200 200 400', 'what was good was answered';
	is scalar($origin->requests('/d/behind')), 0, 'what was behind the bad one is no request';
};

subtest 'a server that fails one' => sub {
	my $c = $lb->connect('web');
	$c->send(get('/f1') . with_length('/close/f2', 'x') . get('/f3') . get('/f4', 'Connection: close'));
	is join(' ', map { substr($_, 0, 3) } answers($c)), '200 502 200 200', 'the others have theirs';
};

subtest 'the client ends behind its requests' => sub {
	my $c = $lb->connect('web');
	$c->send(join '', map { get("/e$_") } 1 .. 40);
	$c->half_close;
	is_deeply [answers($c)], [map { "200 GET /e$_ " . sha1_hex('') } 1 .. 40], 'all are served';
};

subtest 'a client that sends faster than anything' => sub {
	my $count = 1_000_000;		# far more than sockets hold
	my $block = get('/rule/x') x 1000;
	my $c = $lb->connect('quiet');
	my $sent = 0;
	my $before = $lb->rss_bytes;
	for (1 .. $count / 1000) {
		my $taken = $c->send($block, 0.15);
		$sent += $taken;
		last if $taken < length $block;
	}
	cmp_ok $sent, '<', $count * length get('/rule/x'), 'it is held up while it takes no answers';
	cmp_ok $lb->rss_bytes - $before, '<', 1024 * 1024, 'its requests and answers wait where they are' if Sluice::sanitizers() eq 'no';
	my $rest = length($block) - $sent % length $block;
	my $left = substr($block, -$rest);
	my $got = '';
	while ($left ne '') {
		$got .= $c->read_some(5);
		substr($left, 0, $c->send($left, 0.01), '');
	}
	$c->half_close;
	$got .= $c->read_all(20);
	my $wanted = ($sent + $rest) / length get('/rule/x');
	is scalar(() = $got =~ /HTTP\/1.1 200 /g), $wanted, "then it gets them all, $wanted";
};

$lb->stop;
undef $lb;
done_testing;

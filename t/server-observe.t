#!/usr/bin/perl
# tier: story
#
# Traffic finds out that a server is ill before its check does: errors in a row, over all workers, do what on_error says.
# What HAProxy counts is counted, a success begins anew, and nobody is blamed for what others did.
use Sluice;
use Sluice::Http;
use Sluice::HttpOrigin;

my ($yes, $no) = (JSON::PP::true, JSON::PP::false);

# Answers as the target says; the second request of a connection to /stale finds it dead.
my $origin = Sluice::HttpOrigin->start('origin', sub {
	my ($request, $conn) = @_;
	my ($how) = $request->{target} =~ m{^/(\w+)};
	return \'close' if $how eq 'stale' && $request->{number} > 1;
	$conn->read_body($request);
	return $conn->answer($how, "\n") if $how =~ /^\d+$/;
	return \$how if $how eq 'close' || $how eq 'reset';
	return \'hold' if $how eq 'late';
	return "HTTP/9.9 huh\r\n\r\n" if $how eq 'junk';
	if ($how eq 'part') {
		$conn->send("HTTP/1.1 200 OK\r\nContent-");
		return \'close';
	}
	if ($how eq 'cut') {
		$conn->send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
		return \'close';
	}
	return $conn->answer(200, "fine\n");
});
my $ill = Sluice::HttpOrigin->start('ill', sub { my ($request, $conn) = @_; return $conn->answer(500, "no\n") });
my $toggled = Sluice::Origin->start('toggled', 'http');
my $healthy = Sluice::Origin->start('healthy', 'hold');		# what is checked, whatever becomes of the others

# One that is not checked again for an hour, unless traffic says so; a TCP check.
sub observed {
	my ($layer, $limit, $on_error, %more) = @_;
	return { address => $origin->address, check => $yes, check_port => $healthy->port + 0, inter => '1h',
		observe => $layer, error_limit => $limit, on_error => $on_error, rise => 1, %more };
}

sub backend {
	my (@servers) = @_;
	my $name = 'a';
	return { servers => { map { $name++ => $_ } @servers } };
}

my $late = seconds(0.3);
my %backends = (
	# a server that is marked down comes back with its next check, at once
	kinds => backend(observed('layer7', 2, 'mark-down', fastinter => '10ms', downinter => '10ms')),
	late => { timeout => { server => int(1000 * $late) . 'ms' }, %{backend observed('layer7', 2, 'mark-down')} },
	fine => backend(observed('layer7', 1, 'mark-down')),
	denied => { rules => [{ id => 'r', action => 'deny', deny_status => 503 }], %{backend observed('layer7', 1, 'mark-down')} },
	row => backend(observed('layer7', 3, 'mark-down')),
	retried => { retries => 3, retry_on => ['500'], %{backend observed('layer7', 4, 'mark-down')} },
	toggled => backend(observed('layer7', 2, 'mark-down', address => $toggled->address)),
	connects => backend(observed('layer4', 2, 'mark-down', address => $toggled->address)),
	answers => backend(observed('layer4', 1, 'mark-down')),
	fastinter => backend(observed('layer7', 2, 'fastinter', fastinter => '10ms')),
	fail => backend(observed('layer7', 2, 'fail-check', fall => 3)),
	sudden => backend(observed('layer7', 2, 'sudden-death', fall => 5)),
	pair => backend(observed('layer7', 3, 'mark-down', address => $ill->address), observed('layer7', 3, 'mark-down')),
	none => backend({ address => $origin->address, check => $yes, check_port => $healthy->port + 0, inter => '1h', error_limit => 1, on_error => 'mark-down' }),
	tcp => { mode => 'tcp', %{backend observed('layer4', 2, 'mark-down', address => $toggled->address)} },
);
my ($lb, $events);

sub status { return $lb->get("/v1/backends/$_[0]/servers/" . ($_[1] // 'a'))->{json}{status} }

sub state_of {
	my $status = status(@_);
	return "$status->{state} $status->{cause}{code}";
}

# The next event of that server: "up>down observed: detail".
sub told {
	my ($backend, $server) = @_;
	my $e = $events->next(10, sub { $_[0]{data}{backend} eq $backend && $_[0]{data}{server} eq ($server // 'a') && defined $_[0]{data}{from} });
	return $e ? "$e->{data}{from}>$e->{data}{to} $e->{data}{cause}{code}: " . ($e->{data}{cause}{detail} // '') : 'nothing was told';
}

# Each on a connection of its own; what it was answered.
sub ask {
	my ($frontend, @targets) = @_;
	my @statuses;
	for my $target (@targets) {
		my $c = $lb->connect($frontend);
		$c->send("GET $target HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
		my $answer = read_answer($c);
		push @statuses, $answer->{status} // 'none';
		$c->closed_within(10);
		$c->close;
	}
	return "@statuses";
}

sub stays_up {
	my ($backend, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	# what was sent to the control thread before a write is there when that is answered
	$lb->patch("/v1/backends/$backend", { comment => "$name" });
	return like state_of($backend), qr/^up /, $name;
}

# -- what counts --

sub kinds_of_errors {
	my %last = (
		'/500' => 'Wrong http response', '/502' => 'Wrong http response', '/503' => 'Wrong http response', '/599' => 'Wrong http response',
		'/close' => 'Close from server', '/part' => 'Close from server', '/reset' => 'Read error', '/junk' => 'Invalid http response',
	);
	for my $target (sort keys %last) {
		ask 'kinds', $target, $target;
		like told('kinds'), qr/^up>down observed: .*2 .*$last{$target}/, "$target counts";
		like told('kinds'), qr/^down>up check-passed/, 'its next check brings it back';
	}
	ask 'late', '/late', '/late';
	like told('late'), qr/^up>down observed: .*2 .*Read timeout/, 'what comes too late counts';
	ask 'kinds', '/junk', '/500';
	like told('kinds'), qr/^up>down observed: .*2 .*Wrong http response/, 'of different ones the last is told';
	like told('kinds'), qr/^down>up/, 'and it is back';
}

sub no_errors {
	is ask('fine', '/200', '/301', '/404', '/499', '/501', '/505'), '200 301 404 499 501 505', 'answers that are none';
	stays_up 'fine', 'are no errors';
	ask 'fine', '/cut';
	stays_up 'fine', 'nor is a body that is cut';
	is ask('denied', '/200'), 503, 'a rule makes an answer an error';
	stays_up 'denied', 'which is not the server\'s';
	my $c = $lb->connect('fine');
	my $before = () = $origin->requests('/late');
	$c->send("GET /late HTTP/1.1\r\nHost: a\r\n\r\n");
	wait_until { (() = $origin->requests('/late')) > $before } 10, 'it is with the server';
	$c->reset;
	ok becomes { status('fine')->{sessions}{current} == 0 } 5, 'a client gives up';
	stays_up 'fine', 'its server is not blamed';
	for my $method (qw(GET POST)) {
		$c = $lb->connect('fine');
		$c->send("GET /stale HTTP/1.1\r\nHost: a\r\n\r\n");
		is read_answer($c)->{status}, 200, 'a connection is kept';
		$c->send("$method /stale HTTP/1.1\r\nHost: a\r\n" . ($method eq 'POST' ? "Content-Length: 1\r\n\r\nx" : "\r\n"));
		is read_answer($c)->{status}, $method eq 'GET' ? 200 : 502, "it is dead when it is used again, for a $method";
		$c->close;
		stays_up 'fine', 'which is nobody\'s fault';
	}
	is ask('answers', ('/500') x 3), '500 500 500', 'at layer 4';
	stays_up 'answers', 'answers do not matter';
	is ask('none', ('/500') x 3), '500 500 500', 'without observe';
	stays_up 'none', 'nothing does';
}

sub rows {
	for (1 .. 3) {
		ask 'row', '/500', '/close', '/200';
	}
	stays_up 'row', 'a success begins anew';
	ask 'row', '/500', '/500';
	stays_up 'row', 'one less than the limit is not enough';
	ask 'row', '/500';
	like told('row'), qr/^up>down observed: .*3 .*Wrong http response/, 'the limit is';
	is state_of('row'), 'down observed', 'its status says why';
	is ask('row', '/200'), 503, 'it serves nobody';
	is ask('retried', '/500'), 500, 'a request that is tried four times';
	like told('retried'), qr/^up>down observed: .*4 /, 'is four errors';
}

sub connections {
	$toggled->stop;
	for my $backend (qw(connects toggled)) {
		is ask($backend, '/'), 503, 'a connection is refused';
		stays_up $backend, 'once';
	}
	$toggled->start;
	is ask('connects', '/'), 200, 'it is taken';
	$toggled->stop;
	is ask('connects', '/'), 503, 'refused again';
	stays_up 'connects', 'a connection began anew';
	for my $backend (qw(connects toggled)) {
		ask $backend, '/';
		like told($backend), qr/^up>down observed: .*2 .*L4 unsuccessful connection/, "twice in a row is too often, for $backend";
	}
	for my $refused (0, 1, 0, 1, 1) {
		$refused ? $toggled->stop : $toggled->start;
		stays_up 'tcp', 'mode tcp: still up';
		my $c = $lb->connect('tcp');
		$c->send("GET / HTTP/1.1\r\n\r\n") if !$refused;
		$refused ? $c->closed_within(10) : $c->read_until("\r\n\r\n", 10);
		$c->close;
	}
	like told('tcp'), qr/^up>down observed: .*2 .*L4 unsuccessful connection/, 'mode tcp: twice in a row is too often';
	$toggled->start;
}

# -- what follows --

sub on_error {
	my $last = status('fastinter')->{check}{last};
	ask 'fastinter', '/500', '/500';
	ok becomes { status('fastinter')->{check}{last} ne $last } 5, 'fastinter: it is checked early';
	stays_up 'fastinter', 'and nothing else';

	ask 'fail', ('/500') x 4;
	stays_up 'fail', 'fail-check: two failed checks of three';
	ask 'fail', ('/500') x 2;
	like told('fail'), qr/^up>down observed/, 'the third brings it down';

	ask 'sudden', '/500', '/500';
	stays_up 'sudden', 'sudden-death: it is up';
	ask 'sudden', '/500', '/500';
	like told('sudden'), qr/^up>down observed/, 'for the last time';
}

sub others_go_on {
	my @seen = map { ask 'pair', '/200' } 1 .. 24;
	like told('pair', 'a'), qr/^up>down observed/, 'of two servers the one that is ill goes';
	ok becomes { state_of('pair', 'b') =~ /^up/ } 5, 'the other one stays';
	is_deeply [map { ask 'pair', '/200' } 1 .. 6], [(200) x 6], 'and serves all';
	cmp_ok scalar(grep { $_ == 500 } @seen), '<=', 5, 'few have met the ill one';
}

for my $threads (1, 4) {
	$lb = Sluice->start(config => {
		global => { threads => $threads },
		defaults => { mode => 'http', retries => 0, timeout => { connect => '5s', server => '20s', client => '60s' } },
		frontends => { map { $_ => { bind => ['127.0.0.1:0'], default_backend => $_, $backends{$_}{mode} ? (mode => 'tcp') : () } } keys %backends },
		backends => \%backends,
	});
	for my $backend (sort keys %backends) {
		wait_until { state_of($backend) =~ /^up/ && (status($backend)->{check}{result} // '') eq 'L4OK' } 10, "$backend was checked";
	}
	$events = $lb->events(kind => 'server', last_event_id => 0);
	subtest "$threads workers: what is an error" => \&kinds_of_errors;
	subtest "$threads workers: what is none" => \&no_errors;
	subtest "$threads workers: a row" => \&rows;
	subtest "$threads workers: connections" => \&connections;
	subtest "$threads workers: what follows" => \&on_error;
	subtest "$threads workers: others" => \&others_go_on;
	$lb->stop;
}
done_testing;

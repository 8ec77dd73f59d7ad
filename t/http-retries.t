#!/usr/bin/perl
# tier: story
#
# A request whose connection was kept and dies before a byte of the response is repeated where that is safe, and only there.
# retry_on says on what else a request is sent once more; a body that was not kept, or a response that has begun, forbids it.
use Sluice;
use Sluice::Http;
use Sluice::HttpOrigin;

# The first try of each target goes wrong as its name says, the second is answered.
my @refused = qw(none 503 empty-response conn-failure all-retryable-errors);
my @words = qw(empty-response junk-response response-timeout 503 404 all-retryable-errors none conn-failure);
my $origin = Sluice::HttpOrigin->start('origin', sub {
	my ($request, $conn) = @_;
	my ($how, $times) = $request->{target} =~ m{^/([a-z0-9]+)(?:\?(\d+))?};
	my $fine = $conn->answer(200, $request->{method} eq 'HEAD' ? '' : $request->{number});
	if ($how =~ /^stale/) {
		# served first, then closed with the next request already there
		return $fine if $request->{number} == 1;
		$conn->read_body($request) if $how eq 'stalebody';
		return \($how eq 'stalereset' ? 'reset' : 'close') if $how ne 'stalepart';
		$conn->send('HTTP/1.1 2');
		return \'close';
	}
	$conn->read_body($request);
	my $try = () = $conn->{origin}->requests(" $request->{target} ");
	return $conn->answer(200, "try $try") if $try > ($times || 1);
	return \'close' if $how eq 'empty';
	return \'reset' if $how eq 'reset';
	return "HTTP/9.9 huh\r\n\r\n" if $how eq 'junk';
	return \'hold' if $how eq 'late';
	return $conn->answer($how, "no\n") if $how =~ /^\d/;
	if ($how eq 'half') {
		$conn->send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it");
		return \'close';
	}
	return $fine;
});
my $ms = int(1000 * seconds(0.5)) . 'ms';
my $lb = Sluice->start(config => {
	global => { threads => 1 },
	defaults => { mode => 'http', retries => 2, http_reuse => 'never', timeout => { connect => '20s', client => '60s', server => '20s' } },
	frontends => { map { $_ => { bind => ['127.0.0.1:0'], default_backend => $_ } } @words, 'plain', 'elsewhere', map { "refused-$_" } @refused },
	backends => {
		map({ ("refused-$_" => { retry_on => [$_], retries => 1, redispatch => 1, timeout => { connect => '20ms' },
			servers => { s => { address => Sluice::Origin->refusing_address } } }) } @refused),
		map({ $_ => { retry_on => [$_], $_ =~ /timeout|all/ ? (timeout => { server => $ms }) : (),
			servers => { s => { address => $origin->address } } } } @words),
		plain => { http_reuse => 'always', servers => { s => { address => $origin->address } } },
		elsewhere => { retry_on => ['conn-failure', '503'], redispatch => 1, retries => 3,
			servers => { a => { address => Sluice::Origin->refusing_address }, b => { address => $origin->address } } },
	},
});
my $number = 0;

sub ask {
	my ($frontend, $target, $method, $body) = @_;
	my $c = ref $frontend ? $frontend : $lb->connect($frontend);
	$method //= 'GET';
	$c->send("$method $target HTTP/1.1\r\nHost: a\r\n" . (defined $body ? 'Content-Length: ' . length($body) . "\r\n" : '')
		. "\r\n" . ($body // ''));
	my $answer = read_answer($c, $method, 10);
	return ($answer->{status} // 'none') . ($answer->{whole} ? '' : ' cut') . ' ' . ($answer->{body} // '') =~ s/<.*//sr =~ s/\n//r;
}

sub retries { return $lb->get("/v1/backends/$_[0]")->{json}{status}{errors}{retries} }

# A connection that was kept and dies.
{
	my $c = $lb->connect('plain');
	is ask($c, '/stale?1'), '200 1', 'a first request';
	is ask($c, '/stale?1'), '200 1', 'its connection ends with the second: GET is repeated on a new one';
	is ask($c, '/stalereset?1'), '200 1', 'so it is where it was reset';
	is ask($c, '/stale?2', 'HEAD'), '200 ', 'HEAD, too';
	is ask($c, '/stale?3', 'PUT', 'a body'), '200 1', 'PUT with a body that is here, too';
	is retries('plain'), 4, 'each is counted as a retry';
	is ask($c, '/stalebody', 'POST', 'a body'), '502 ', 'POST is not';
	is scalar(my @posts = $origin->requests('POST /stalebody')), 1, 'the server saw it once';
	like $lb->log_line(method => 'POST')->{termination_state}, qr/^SH/, 'the log says who ended it';
	is ask($c, '/stale?4'), '200 1', 'the next has a new one';
	is ask($c, '/stale?5', 'POST', 'x'), '502 ', 'POST again';
	is ask($c, '/stale?6'), '200 1', 'a new one';
	is ask($c, '/stalepart?1'), '502 ', 'nor is what had a part of its answer';
	my $large = 'x' x 200_000;
	is ask($c, '/stale?7'), '200 1', 'a new one';
	like ask($c, '/stalebody?8', 'PUT', $large), qr/^(?:502|none) /, 'nor a body that is larger than what is kept';
}

# By retry_on: what each word helps against, and what not.
my %helps = (
	'empty-response' => [qw(empty reset)],
	'junk-response' => ['junk'],
	'response-timeout' => ['late'],
	503 => ['503'],
	404 => ['404'],
	'all-retryable-errors' => [qw(empty reset junk late 500 502 503 504)],
	none => [], 'conn-failure' => [],
);
my %without = (empty => '502 ', reset => '502 ', junk => '502 ', 404 => '404 no', 500 => '500 no', 502 => '502 no', 503 => '503 no', 504 => '504 no');
for my $word (@words) {
	for my $how (sort(keys %without), grep { $_ eq 'late' } @{$helps{$word}}) {
		my $want = (grep { $_ eq $how } @{$helps{$word}}) ? '200 try 2' : $without{$how};
		my $target = "/$how?1&" . ++$number;
		is ask($word, $target), $want, "retry_on $word: $how";
	}
}
is ask('503', '/503?2&' . ++$number), '200 try 3', 'as often as retries says';
is ask('503', '/503?3&' . ++$number), '503 no', 'and not more often: then what the server said is the answer';
is ask('503', '/503?1&' . ++$number, 'PUT', 'a body'), '200 try 2', 'with a body that is here';
is ask('all-retryable-errors', '/half?1&' . ++$number), '200 cut half of it', 'a response that has begun is not taken back';
my $line = $lb->log_line(target => "/half?1&$number");
like $line->{termination_state}, qr/^SD/, 'the log says who ended it' or diag explain $line;

# The kernel reports a reset that comes right behind data as data: it must not be waited for until a time-out.
{
	my $hasty = Sluice::Origin->start('hasty', sub {
		my ($conn) = @_;
		my ($number) = $conn->read_until("\r\n\r\n", 60) =~ m{ /(\d+) };
		$conn->send($number % 2 ? "HTTP/1.1 100 Continue\r\n\r\n" : 'HTTP/1.1 200 O');
		$conn->reset;
		return undef;
	});
	$lb->put('/v1/backends/hasty', { mode => 'http', servers => { s => { address => $hasty->address } } });
	$lb->put('/v1/frontends/hasty', { mode => 'http', bind => ['127.0.0.1:0'], default_backend => 'hasty' });
	my @c = map { $lb->connect('hasty') } 1 .. 40;
	$c[$_]->send("GET /$_ HTTP/1.1\r\nHost: a\r\n\r\n") for 0 .. 39;
	is scalar(grep { (read_answer($_)->{status} // 0) == 502 } @c), 40, 'a reset behind a part of an answer is seen soon';
}

# What helps not here may help elsewhere.
{
	my $bad = Sluice::HttpOrigin->start('bad', sub { return $_[1]->answer(503, 'no') });
	$lb->put('/v1/backends/elsewhere/servers/c', { address => $bad->address });
	my $ok = grep { ask('elsewhere', '/fine') =~ /^200 / } 1 .. 6;
	is $ok, 6, 'a server that only says 503 is left for another one';
	cmp_ok $bad->accepted, '>=', 1, 'after it was asked';
	$lb->delete('/v1/backends/elsewhere/servers/c');
}
# A connection that is refused, and another server.
{
	my $ok = grep { ask('elsewhere', '/fine') =~ /^200 / } 1 .. 4;
	is $ok, 4, 'redispatch: another server';
	my $status = $lb->get('/v1/backends/elsewhere')->{json}{status}{errors};
	cmp_ok $status->{redispatches}, '>=', 2, 'is counted' or diag explain $status;
}
# But only where retry_on has conn-failure (HAProxy 2.6 does the same).
for my $word (@refused) {
	my $tries = $word =~ /conn|all/ ? 2 : 1;
	like ask("refused-$word", '/'), qr/^503 /, "retry_on $word: refused";
	my $status = $lb->get("/v1/backends/refused-$word")->{json}{status}{errors};
	is $status->{connect}, $tries, "was tried $tries times" or diag explain $status;
	is $status->{retries}, $tries - 1, 'its retries are counted, by which redispatch goes, too';
}
$lb->stop;
done_testing;

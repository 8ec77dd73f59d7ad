#!/usr/bin/perl
# tier: story
#
# Time-outs are for who is silent, not for who is slow: a body may come in drops for longer than any of them, and whoever waits for
# it is not blamed. Only a request's head has to be there in time, however busily it comes. All scenes at once, in drops.
use Sluice;
use Sluice::Http;
use Time::HiRes qw(time);

my $drops = 12;
my $pause = seconds(0.06);
my $limit = seconds(0.3);		# five drops; all of them take twice as long, and more
my $ms = int($limit * 1000) . 'ms';
my $ok = "HTTP/1.1 200 OK\r\n";

sub trickle { my ($c, @pieces) = @_; $c->send($_) && select(undef, undef, undef, $pause) for @pieces }

my %does = (
	hello => sub { $_[0]->send("${ok}Content-Length: 5\r\n\r\nhello") },
	body => sub { my ($c) = @_; $c->read_exactly($drops, 60); $c->send("${ok}Content-Length: 5\r\n\r\nhello") },
	chunks => sub { my ($c) = @_; $c->read_until("0\r\n\r\n", 60); $c->send("${ok}Content-Length: 5\r\n\r\nhello") },
	drops => sub { my ($c) = @_; trickle($c, "${ok}Content-Length: $drops\r\n\r\n", ('x') x $drops) },
	ends => sub { my ($c) = @_; trickle($c, "$ok\r\n", ('x') x $drops); $c->close },
	head => sub { my ($c) = @_; trickle($c, $ok, ("A: b\r\n") x $drops, "Content-Length: 5\r\n\r\nhello") },
	hints => sub { my ($c) = @_; trickle($c, ("HTTP/1.1 103 Hints\r\n\r\n") x $drops, "${ok}Content-Length: 5\r\n\r\nhello") },
	early => sub { my ($c) = @_; $c->send("${ok}Content-Length: 5\r\n\r\nhello"); $c->read_exactly($drops, 60) },
	silent => sub { $_[0]->closed_within(60) },
);
my $origin = Sluice::Origin->start('a', sub {
	my ($c) = @_;
	while ($c->read_until("\r\n\r\n", 60) =~ m{^\S+ /(\w+) .*\r\n\r\n\z}s) {
		$does{$1}->($c) && defined $c->socket->fileno or return undef;
	}
	return undef;
});
my $lb = Sluice->start(config => {
	global => { threads => 1 },
	defaults => { mode => 'http', timeout => { client => $ms, server => $ms, http_request => $ms, http_keep_alive => $ms } },
	frontends => { web => { bind => ['127.0.0.1:0'], default_backend => 'app' } },
	backends => { app => { http_reuse => 'never', servers => { a => { address => $origin->address } } } },
});

# name => what it sends at once, in drops, and what comes of it; a head and trailers do not end
my $post = "Host: a\r\nContent-Length: $drops\r\n\r\n";
my $chunked = "Host: a\r\nTransfer-Encoding: chunked\r\n\r\n";
my %scene = (
	'a body' => ["POST /body HTTP/1.1\r\n$post", [('x') x $drops], '---- 200'],
	'chunks' => ["POST /chunks HTTP/1.1\r\n$chunked", [("1\r\nx\r\n") x $drops, "0\r\n\r\n"], '---- 200'],
	'a body that was answered' => ["POST /early HTTP/1.1\r\n$post", [('x') x $drops], '---- 200'],
	'a head' => ["GET /hello HTTP/1.1\r\nHost: a\r\n", [("A: b\r\n") x $drops], 'cR-- 408'],
	'trailers' => ["POST /chunks HTTP/1.1\r\n${chunked}1\r\nx\r\n0\r\n", [("A: b\r\n") x $drops], 'cH-- 408'],
	'an answer' => ["GET /drops HTTP/1.1\r\nHost: a\r\n\r\n", [], '---- 200'],
	'an answer until the end' => ["GET /ends HTTP/1.1\r\nHost: a\r\n\r\n", [], '---- 200'],
	'an answer\'s head' => ["GET /head HTTP/1.1\r\nHost: a\r\n\r\n", [], '---- 200'],
	'interim answers' => ["GET /hints HTTP/1.1\r\nHost: a\r\n\r\n", [], '---- 200'],
	'requests' => ['', [map { ("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", '', '') } 1 .. $drops / 3], '---- 200'],
	'nothing' => ["GET /silent HTTP/1.1\r\nHost: a\r\n\r\n", [], 'sH-- 504'],
	'nothing of a body' => ["POST /body HTTP/1.1\r\n$post", [], 'cH-- 408'],
	'a body, then nothing' => ["POST /silent HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n", [('x') x 4], 'sH-- 504'],
);

my %client;
for my $name (keys %scene) {
	my $c = $client{$name} = $lb->connect('web');
	$c->send($scene{$name}[0]) if $scene{$name}[0] ne '';
}
my %local = map { ($client{$_}->local_address => $_) } keys %client;
for my $number (0 .. $drops) {
	my $until = time + $pause;
	for my $name (keys %scene) {
		my $piece = $scene{$name}[1][$number] // '';
		$client{$name}->send($piece) if $piece ne '' && !$client{$name}->at_end;
	}
	select(undef, undef, undef, $until - time) while time < $until;
}

sub lines { my ($name) = @_; return grep { $local{$_->{client}} eq $name } $lb->log_lines }

for my $name (sort keys %scene) {
	my $count = $name eq 'requests' ? $drops / 3 : 1;
	my $want = join ', ', ($scene{$name}[2]) x $count;
	becomes { lines($name) >= $count } 5;
	is join(', ', map { "$_->{termination_state} $_->{status}" } lines($name)), $want, "$name: $want";
	ok $client{$name}->closed_within(2), "$name: closed when nothing follows";
	is scalar(grep { $_->{whole} && $_->{status} >= 200 } answers_in($client{$name}->buffer, [], 1)), $count, "$name: whole";
}

# When: since the last byte, the head's since its first.
for my $row (['nothing', 0], ['a head', 0], ['nothing of a body', 0], ['a body, then nothing', 3 * $pause], ['trailers', ($drops - 1) * $pause]) {
	my ($name, $after) = @$row;
	my ($line) = lines($name);
	my $total = $line->{timers_ms}{total} / 1000;
	ok $total >= $after + $limit - 0.03 && $total < $after + $limit + seconds(0.4), "$name: in time" or diag(sprintf('%.3f s, not %.3f', $total, $after + $limit));
}
$_->close for values %client;
$lb->stop;
undef $lb;
done_testing;

#!/usr/bin/perl
# tier: story
#
# What the log says of requests that never got whole, or were sent twice.
use Sluice;
use Sluice::Http;
use Sluice::HttpOrigin;

# Connections end with their second request, at once or after a while.
my $origin = Sluice::HttpOrigin->start('origin', sub {
	my ($request, $conn) = @_;
	return $conn->answer(200, 'first') if $request->{number} == 1;
	select(undef, undef, undef, 1.5) if $request->{target} =~ /late/;
	return \'close';
});
my $ms = int(seconds(0.3) * 1000) . 'ms';
my $lb = Sluice->start(config => {
	global => { threads => 1 },
	defaults => { mode => 'http', timeout => { http_request => $ms } },
	frontends => { map { $_ => { bind => ['127.0.0.1:0'], default_backend => $_ } } qw(web careful) },
	backends => { web => { servers => { s => { address => $origin->address } } },
		careful => { retry_on => ['conn-failure', 'empty-response'], servers => { s => { address => $origin->address } } } },
});
sub shown_line { my ($line, @names) = @_; return join(' ', map { $line->{$_} // '-' } @names) }

# Each: what is sent, what the log has of it, and whether the client leaves.
my %part = (
	'malformed' => ["GET /a HTTP/1.1\r\nHost: a\r\nX: \x01b\r\n\r\n", 'PR-- 400 bad-header-value 29'],
	'malformed in the first line' => ["GET\t/a HTTP/1.1\r\n", 'PR-- 400 bad-method 3'],
	'too long' => ['GET /' . 'x' x 9000, 'PR-- 414 target-too-long \S+'],
	'too slow' => ["GET /a HTTP/1.1\r\nHost", 'cR-- 408 - -'],
	'left' => ["GET /a HTTP/1.1\r\nHost", 'CR-- 400 - -', 1],
);
for my $name (sort keys %part) {
	my ($send, $is, $leaves) = @{$part{$name}};
	my $c = $lb->connect('web');
	my $who = $c->local_address;
	$c->send($send);
	$c->half_close if $leaves;
	ok $c->closed_within(5), "$name: it ends";
	my $line = $lb->log_line(client => $who);
	like shown_line($line, qw(termination_state status fault fault_at)), qr{^$is$}, 'said why, and where';
	is $line->{bytes_in}, length $send, 'with the bytes that came';
	is shown_line($line, qw(method target host version)), '- - - -', 'and nothing that may not be true';
}

# A kept connection that was dead: the request is sent once more, unless that shows too late.
my %twice = (
	'web /soon' => '---- 200 1',
	'web /late' => 'SH-- 502 0',
	'careful /late' => '---- 200 1',
);
for my $name (sort keys %twice) {
	my ($frontend, $target) = split / /, $name;
	my $before = $lb->get("/v1/backends/$frontend")->{json}{status}{errors}{retries};
	my $c = $lb->connect($frontend);
	$c->send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n");
	is read_answer($c)->{status}, 200, "$name: a connection is kept";
	$c->send("GET $target HTTP/1.1\r\nHost: a\r\n\r\n");
	read_answer($c, 'GET', 20);
	my $line = $lb->log_line(frontend => $frontend, target => $target);
	is shown_line($line, qw(termination_state status retries)), $twice{$name}, 'how it ended, and what it took';
	is $lb->get("/v1/backends/$frontend")->{json}{status}{errors}{retries} - $before, $line->{retries}, 'the counter agrees';
}
$lb->stop;
done_testing;

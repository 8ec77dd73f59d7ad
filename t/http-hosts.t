#!/usr/bin/perl
# tier: story
#
# A request can say its host twice, or in the target only. Whichever it is: what a rule sees of it, what the log tells and
# what the server gets is one host; so no spelling gets past a rule on hdr(host).
use Sluice;
use Sluice::Http;
use Sluice::HttpOrigin;

my $origin = Sluice::HttpOrigin->start('a', sub {
	my ($request, $conn) = @_;
	return $conn->answer(200, field($request, 'Host') // 'none');
});
my %frontend = (bind => ['127.0.0.1:0'], default_backend => 'app', rules => [
	{ action => 'deny', if => '{ hdr(host) -i x.org } or { hdr(host) -i x.org:80 }' },
	{ action => 'deny', deny_status => 429, if => '!{ hdr(host) -m found }' } ]);
my $lb = Sluice->start(config => {
	defaults => { mode => 'http' },
	frontends => { strict => { %frontend }, relaxed => { %frontend, accept_unsafe_violations_in_http_request => JSON::PP::true } },
	backends => { app => { servers => { a => { address => $origin->address } } } },
});

# What the server got for a Host, or the status of who answered instead.
sub outcome {
	my ($frontend, $request) = @_;
	my $client = $lb->connect($frontend);
	$client->send($request);
	my $answer = read_answer($client, 'GET', 10);
	$client->close;
	return $answer->{status} == 200 ? $answer->{body} : $answer->{status};
}

for my $row (
	# request, strict, relaxed
	["GET http://x.org/ HTTP/1.0\r\n\r\n", 403, 403],
	["GET http://X.ORG:80/ HTTP/1.0\r\n\r\n", 403, 403],
	["GET http://x.org/ HTTP/1.1\r\nHost: x.org\r\n\r\n", 403, 403],
	["GET http://x.org/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, 403],
	["GET http://a/ HTTP/1.1\r\nHost: x.org\r\n\r\n", 400, 'a'],
	["GET http://a:81/ HTTP/1.0\r\n\r\n", 'a:81', 'a:81'],
	["GET http://A:80/ HTTP/1.1\r\nHost: a\r\n\r\n", 'a', 'a'],
	["GET / HTTP/1.0\r\n\r\n", 429, 429],
) {
	my ($request, %want) = ($row->[0], strict => $row->[1], relaxed => $row->[2]);
	for my $frontend (sort keys %want) {
		my $shown = shown($request);
		is outcome($frontend, $request), $want{$frontend}, "$frontend: $shown";
		my $line = $lb->log_line(frontend => $frontend);
		is $line->{host}, $want{$frontend}, 'and so says the log' if $want{$frontend} =~ /^a/;
	}
}

$lb->stop;
done_testing;

#!/usr/bin/perl
# tier: story
#
# What rules answer arrives whole, however long the request that it is made of, and says what its status must say.
use Sluice;
use Sluice::Http;
use Sluice::HttpOrigin;

my $cookie = 'A=' . 'c' x 100;
my %rules = (
	scheme => { action => 'redirect', scheme => 'https', set_cookie => $cookie },
	prefix => { action => 'redirect', prefix => '/new', drop_query => JSON::PP::true },
	map { ("deny$_" => { action => 'deny', deny_status => $_ }) } 401, 405, 407,
);
my $origin = Sluice::HttpOrigin->start('origin');
my $lb = Sluice->start(config => {
	global => { threads => 1 },
	defaults => { mode => 'http' },
	frontends => { told => { bind => ['127.0.0.1:0'], default_backend => 'told', forwardfor => JSON::PP::true },
		map { $_ => { bind => ['127.0.0.1:0'], rules => [{ id => "rule-$_", %{$rules{$_}} }] } } keys %rules },
	backends => { told => { forwarded => { host => JSON::PP::true, for => JSON::PP::true }, originalto => JSON::PP::true,
		servers => { s => { address => $origin->address } } } },
});

sub ask {
	my ($frontend, $line, @fields) = @_;
	my $c = $lb->connect($frontend);
	$c->send(join("\r\n", $line, @fields, '', ''));
	return read_answer($c);
}

# Each line is its own, whatever there is of others: Location, Set-Cookie, what becomes of the connection.
for my $length (0, 600, 800, 900, 1000, 8000) {
	my $query = 'q' x $length;
	for my $connection ('close', 'keep-alive') {
		my $answer = ask('scheme', "GET /s?$query HTTP/1.0", 'Host: a', "Connection: $connection");
		is $answer->{status}, 302, "a redirect of $length bytes, $connection";
		is field($answer, 'Location'), "https://a/s?$query", 'says where to';
		is field($answer, 'Set-Cookie'), "$cookie; path=/;", 'and sets its cookie';
		is field($answer, 'Connection'), $connection, 'and what becomes of the connection';
	}
}

# What is too long for the room that there is, is said to be.
{
	my $host = 'h' x 8150;
	my $answer = ask('scheme', "GET /@{['q' x 8100]} HTTP/1.1", "Host: $host");
	is $answer->{status}, 500, 'a Location that is as long as no answer may be';
	my $line = $lb->log_line(frontend => 'scheme', status => 500);
	is "$line->{termination_state} $line->{rule} $line->{cause}", 'PR-- rule-scheme a header that had to be written was too long', 'in the log';
}
{
	my $answer = ask('scheme', 'GET /s HTTP/1.0');
	is $answer->{status}, 400, 'no host to redirect to';
	is field($answer, 'Location'), undef, 'so it leads nowhere';
	my $line = $lb->log_line(frontend => 'scheme', status => 400);
	is "$line->{termination_state} $line->{rule} $line->{fault}", 'PR-- rule-scheme bad-host', 'in the log';
	is ask('prefix', 'GET /s HTTP/1.0')->{status}, 302, 'a prefix needs none';
}

# So it is with what servers are told.
for my $length (1, 400, 460, 900, 4000) {
	my $host = 'h' x $length;
	is ask('told', "GET /told-$length HTTP/1.1", "Host: $host")->{status}, 200, "a host of $length bytes";
	my ($request) = $origin->requests("/told-$length ");
	is field($request, 'X-Forwarded-For'), '127.0.0.1', 'X-Forwarded-For';
	is field($request, 'X-Original-To'), '127.0.0.1', 'X-Original-To';
	is field($request, 'Forwarded'), "host=$host;for=127.0.0.1", 'Forwarded';
	is field($request, 'Host'), $host, 'and Host as it was';
}
{
	is ask('told', 'GET /told-most HTTP/1.1', 'Host: ' . 'h' x 12000)->{status}, 500, 'a host that is longer than what can be told';
	is scalar $origin->requests('/told-most'), 0, 'gets to no server';
	my $line = $lb->log_line(frontend => 'told', status => 500);
	is $line->{cause}, 'a header that had to be written was too long', 'in the log';
	is ask('told', "GET /told-fields HTTP/1.1", 'Host: a', map { "X$_: y" } 1 .. 99)->{status}, 431, 'too many headers are another fault';
}

# RFC 9110, 15.5.2, 15.5.6, 15.5.8.
my %must = (401 => ['WWW-Authenticate', 'Basic realm="restricted"'], 405 => ['Allow', ''],
	407 => ['Proxy-Authenticate', 'Basic realm="restricted"']);
for my $status (sort keys %must) {
	my ($name, $value) = @{$must{$status}};
	my $answer = ask("deny$status", 'GET / HTTP/1.1', 'Host: a');
	is $answer->{status}, $status, "denied with $status";
	is field($answer, $name), $value, "has $name";
}
$lb->stop;
done_testing;

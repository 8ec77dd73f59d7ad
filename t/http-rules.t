#!/usr/bin/perl
# tier: story
#
# What rules answer arrives whole, however long the request that it is made of, and says what its status must say.
use Sluice;
use Sluice::Http;

my $cookie = 'A=' . 'c' x 100;
my %rules = (
	scheme => { action => 'redirect', scheme => 'https', set_cookie => $cookie },
	prefix => { action => 'redirect', prefix => '/new', drop_query => JSON::PP::true },
	map { ("deny$_" => { action => 'deny', deny_status => $_ }) } 401, 405, 407,
);
my $lb = Sluice->start(config => {
	global => { threads => 1 },
	defaults => { mode => 'http' },
	frontends => { map { $_ => { bind => ['127.0.0.1:0'], rules => [$rules{$_}] } } keys %rules },
});

sub ask {
	my ($frontend, $line, @fields) = @_;
	my $c = $lb->connect($frontend);
	$c->send(join("\r\n", $line, @fields, '', ''));
	return read_answer($c);
}

# Each line is its own, whatever there is of others: Location, Set-Cookie, what becomes of the connection.
for my $length (0, 300, 600, 800) {
	my $query = 'q' x $length;
	for my $connection ('close', 'keep-alive') {
		my $answer = ask('scheme', "GET /s?$query HTTP/1.0", 'Host: a', "Connection: $connection");
		is $answer->{status}, 302, "a redirect of $length bytes, $connection";
		is field($answer, 'Location'), "https://a/s?$query", 'says where to';
		is field($answer, 'Set-Cookie'), "$cookie; path=/;", 'and sets its cookie';
		is field($answer, 'Connection'), $connection, 'and what becomes of the connection';
	}
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

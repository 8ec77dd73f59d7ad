#!/usr/bin/perl
# tier: story
#
# What a server is told of who asked, and under which names headers reach it: by the frontend, by the backend, by both.
# Where both speak it is as in HAProxy 2.6.
use Sluice;
use Sluice::Http;
use Sluice::HttpOrigin;

my $origin = Sluice::HttpOrigin->start('origin', sub { return $_[1]->answer(200, 'fine') });
my $true = JSON::PP::true;
my $x = { header => 'X-F' };
my $except = { except => ['10.0.0.0/8', '127.0.0.1'] };

# name => [frontend, backend, what arrives]
my %told = (
	'frontend' => [$x, undef, 'X-F: 127.0.0.1'],
	'backend' => [undef, $true, 'NAME: 127.0.0.1'],
	'names' => [$x, { header => 'X-B' }, 'X-B: 127.0.0.1'],
	'default' => [$x, $true, 'NAME: 127.0.0.1'],
	'fexcept' => [$except, $true, ''],
	'bexcept' => [$true, { %$except, header => 'X-B' }, ''],
);
my %which = (forwardfor => 'X-Forwarded-For', originalto => 'X-Original-To');
my %conf;
for my $field (sort keys %which) {
	for my $name (keys %told) {
		my ($front, $back) = @{$told{$name}};
		$conf{frontends}{"$field-$name"} = { bind => ['127.0.0.1:0'], default_backend => "$field-$name", $front ? ($field => $front) : () };
		$conf{backends}{"$field-$name"} = { servers => { s => { address => $origin->address } }, $back ? ($field => $back) : () };
	}
}

# Names: by the frontend, by the backend behind its rules.
my %names = map { ("$_->[0]-$_->[1]" => $_) } ['preserve', 'delete', '200 X-Z'], ['preserve', 'reject', '403'], ['preserve', 'preserve', '200 x_y X-Z'],
	['delete', 'reject', '200 X-Z'], ['delete', 'preserve', '200 X-Z'], ['reject', 'preserve', '403'];
for my $name (keys %names) {
	my ($front, $back) = @{$names{$name}};
	$conf{frontends}{$name} = { bind => ['127.0.0.1:0'], default_backend => $name, http_restrict_req_hdr_names => $front };
	$conf{backends}{$name} = { servers => { s => { address => $origin->address } }, http_restrict_req_hdr_names => $back,
		rules => [{ action => 'return', status => 204, if => '{ hdr(x_y) rule }' }] };
}
my $lb = Sluice->start(config => { global => { threads => 1 }, defaults => { mode => 'http',
	timeout => { connect => '20s', client => '60s', server => '20s' } }, %conf });

my $number = 0;

# The status, and the headers of the request as the server got them.
sub ask {
	my ($frontend, $fields) = @_;
	my $target = '/' . ++$number;
	my $c = $lb->connect($frontend);
	$c->send("GET $target HTTP/1.1\r\nHost: a\r\n" . ($fields // '') . "\r\n");
	my $answer = read_answer($c, 'GET', 10);
	my ($text) = $origin->requests("GET $target ");
	return ($answer->{status}, $text ? $text->{raw} : "");
}

for my $field (sort keys %which) {
	for my $name (sort keys %told) {
		my (undef, $text) = ask("$field-$name");
		is join('|', grep { /^X-/ } split /\r\n/, $text), $told{$name}[2] =~ s/NAME/$which{$field}/r, "$field: $name";
	}
}
for my $name (sort keys %names) {
	my ($status, $text) = ask($name, "x_y: 1\r\nX-Z: 2\r\n");
	is join(' ', $status, $text =~ /^(x[-_][yz]):/gim), $names{$name}[2], "names: $name";
}
is +(ask('preserve-reject', "x_y: rule\r\n"))[0], 204, "a backend's rules see it";
is +(ask('preserve-reject', "X.Y: 1\r\n"))[0], 403, 'another one';
is $lb->log_line(status => 403, frontend => 'preserve-reject')->{fault}, 'refused-header-name', 'the log says what was wrong';
is +(ask('preserve-reject', "X-Y: 1\r\n"))[0], 200, 'a plain one';
$lb->stop;
undef $lb;
done_testing;

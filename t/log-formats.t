#!/usr/bin/perl
# tier: story
#
# Somebody writes how his log lines look. A mistake is told where it was made; a change holds from the next request on; what was
# captured and numbered is in every format; a reader of HAProxy's logs (halog) reads ours.
use Sluice;
use JSON::PP ();
use Sluice::Http;
use Sluice::HttpOrigin;

my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my $origin = Sluice::HttpOrigin->start('o', sub {
	my ($request, $conn) = @_;
	my $status = $request->{target} =~ m{/(\d{3})} ? $1 : 200;
	return "HTTP/1.1 $status X\r\nContent-Length: 2\r\nX-Id: " . (field($request, 'X-Id') // 'none') . "\r\nServer: o\r\n\r\nok";
});
my $lb = Sluice->start(config => {
	global => { threads => 1, log => [{ target => 'stdout' }, { target => "file:$dir/http", format => 'httplog' },
		{ target => "file:$dir/own", format => 'log_format' }] },
	defaults => { mode => 'http' },
	frontends => {
		web => { bind => ['127.0.0.1:0'], default_backend => 'app', unique_id_format => '%{+X}o %ci-%rt', unique_id_header => 'X-Id',
			capture_request_headers => [{ name => 'Host', len => 5 }, { name => 'X-None', len => 5 }],
			capture_response_headers => [{ name => 'Server', len => 9 }], capture_cookie => { name => 'sid=', len => 8 },
			log_format => 'first %HU %ID %hr %hs %CC' },
		raw => { mode => 'tcp', bind => ['127.0.0.1:0'], default_backend => 'raw' },
	},
	backends => {
		app => { servers => { s => { address => $origin->address } } },
		raw => { mode => 'tcp', servers => { s => { address => $origin->address } } },
	},
});

sub lines_in { my ($name, $count) = @_; my @lines; becomes { @lines = split /\n/, Sluice::slurp("$dir/$name"); @lines >= $count } 10; return @lines }

my $c = $lb->connect('web');
sub ask { my ($target) = @_; $c->send("GET $target HTTP/1.1\r\nHost: www.x.org\r\nCookie: sidx=1; sid=abcdefgh\r\n\r\n"); return read_answer($c) }

# Captures and the id, everywhere.
my $id = field(ask('/one'), 'X-Id');
like $id, qr/^7F000001-[0-9A-F]{4,}$/, 'the server got the id';
my $line = $lb->log_line(target => '/one');
is $line->{unique_id}, $id, 'JSON has it';
is_deeply $line->{captured}, { request => { Host => 'www.x', 'X-None' => '' }, response => { Server => 'o' },
	request_cookie => 'sid=abcd', response_cookie => '' }, 'and what was captured';
is((lines_in('own', 1))[0], "first /one $id {www.x|} {o} sid=abcd", 'and so does a format');
like((lines_in('http', 1))[0], qr{^127\.0\.0\.1:\d+ \[.*\] web app/s 0/0/\d+/\d+/\d+ 200 \d+ sid=abcd - ---- 1/1/0/0/0 0/0 \{www\.x\|\} \{o\} "GET /one HTTP/1\.1"$}, 'httplog');
isnt field(ask('/two'), 'X-Id'), $id, 'another request, another id';

# A change, while the client stays.
is $lb->patch('/v1/frontends/web', { log_format => 'second %{+Q}HU %[capture.req.method]' })->{status}, 200, 'another format';
ask('/three');
is((lines_in('own', 3))[2], 'second "/three" GET', 'holds from the next request on');

# Lines are counted, each frontend's for itself, from 0; who does not ask is not.
is $lb->patch('/v1/frontends/web', { log_format => 'line %lc' })->{status}, 200, 'a format with a number';
ask('/three') for 1 .. 2;
is join(', ', (lines_in('own', 5))[3, 4]), 'line 0, line 1', 'is numbered';

# Mistakes.
for (['log_format', '%ci %HUU', qr/^column 6: there is no variable "%HUU" \(did you mean "%HU"\?\)/],
	['log_format', 'a %{+Z}ci', qr/^column 5: expected flags/],
	['log_format', '%[capture.req.urj]', qr/^column 3: .*capture\.req\.uri/],
	['log_format', '%[req.hdr(a)]', qr/^column 3: .*needs an HTTP request's head/],
	['unique_id_format', 'x%', qr/^column 2: /]) {
	my ($field, $text, $says) = @$_;
	my $r = $lb->patch('/v1/frontends/web', { $field => $text });
	is $r->{status}, 422, "$text: refused";
	is $r->{json}{errors}[0]{pointer}, "/$field", 'at its place';
	like $r->{json}{errors}[0]{detail}, $says, 'and in words';
}
is $lb->patch('/v1/frontends/raw', { log_format => '%HM' })->{json}{errors}[0]{detail},
	'column 2: "%HM" needs HTTP mode, which access logs do not have', 'nothing of HTTP in mode tcp';

# What is logged at all.
$lb->patch('/v1/frontends/web', { log_format => '%HU', dontlog_normal => JSON::PP::true });
ask('/four');
ask('/500');
is((lines_in('own', 6))[5], '/500', 'only what was not normal');
$lb->patch('/v1/frontends/web', { dontlog_normal => JSON::PP::false });
$c->close;
my $t = $lb->connect('raw');
$t->send("GET /raw HTTP/1.0\r\n\r\n");
read_answer($t);
$t->half_close;
$t->closed_within(5);
like((lines_in('http', 7))[6], qr{^127\.0\.0\.1:\d+ \[.*\] raw raw/s \d+/\d+/\d+ \d+ -- 1/1/0/0/0 0/0$}, 'in mode tcp httplog is tcplog');

SKIP: {
	skip 'halog is not installed', 3 if system('command -v halog >/dev/null') != 0;
	my $file = "$dir/for-halog";
	# HAProxy's lines come by syslog: halog counts what that puts before them
	Sluice::spew($file, join '', map { "Nov 20 06:00:00 host sluice[1]: $_\n" } grep { / web / } lines_in('http', 7));
	my %count = map { /^(\S+) (\S+)/ ? ($1, $2) : () } split /\n/, `halog -st < $file 2>/dev/null`;
	is_deeply \%count, { 200 => 5, 500 => 1 }, 'halog counts statuses';
	my ($server) = grep { m{^app/s } } split /\n/, `halog -srv < $file 2>/dev/null`;
	like $server // '', qr{^app/s 0 5 0 0 1 0 6 6 }, 'and servers: 5 of 2xx, 1 of 5xx, 6 in all';
	my @urls = sort map { (split ' ')[-1] } grep { m{/} } split /\n/, `halog -u -H < $file 2>/dev/null`;
	is_deeply \@urls, [sort qw(/one /two /three /500)], 'and URLs';
}
$lb->stop;
done_testing;

#!/usr/bin/perl
# tier: drill
#
# wrk goes through TCP mode as fast as it can, over a new connection for each request and over kept ones,
# while a script adds and removes 1,000 servers and 50 frontends by REST. Every request gets its answer,
# on either side: what is removed ends its streams in peace, what is added works at once.
use Sluice;
use HTTP::Tiny;
use JSON::PP ();

plan skip_all => 'wrk is not installed' if system('command -v wrk >/dev/null') != 0;
my $turns = ($ENV{SLUICE_DRILL} // 'short') eq 'long' ? 10 : 1;
my ($servers, $frontends, $at_once) = (1000, 50, 60);
my $json = JSON::PP->new->canonical->utf8;
my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my @processes;

sub begin_process {
	my ($name, @command) = @_;
	push @processes, Sluice::spawn(\@command, "$dir/$name", "$dir/$name-errors");
	return $processes[-1];
}

END {
	local $?;
	kill(KILL => @processes);
	waitpid($_, 0) for @processes;
}

# Each answers on all of 127/8: every server is an address of its own. That of short connections is another
# sluice: it ends one when it is asked to, and says so, or wrk would count the end as an error.
my $short = Sluice->start(config => { global => { threads => 1, log => [] }, defaults => { mode => 'http' },
	frontends => { short => { bind => ['0.0.0.0:0'],
		rules => [{ action => 'return', string => "short\n", content_type => 'text/plain' }] } } });
begin_process('long', Sluice::build_dir() . '/t/bench/origin', 'reply', '--bytes', 1024, '--listen', '0.0.0.0:0');
my %port = (short => $short->bind_port('short'),
	long => wait_until { Sluice::slurp("$dir/long") =~ /(\d+)\s*\n/ ? $1 : 0 } 5, 'the origin of long ones');
my %header = (short => 'Connection: close', long => 'Connection: keep-alive');
my $lb = Sluice->start(state => 1);
for my $name (sort keys %port) {
	is $lb->put("/v1/backends/$name", { mode => 'tcp',
		servers => { stays => { address => "127.0.0.1:$port{$name}" } } })->{status}, 201, "backend $name";
	is $lb->put("/v1/frontends/$name", { mode => 'tcp', bind => ['127.0.0.1:0'],
		default_backend => $name })->{status}, 201, "frontend $name";
}
my $fds = $lb->fd_count;
my %wrk = map { $_ => begin_process("wrk-$_", 'wrk', '-t1', '-c32', '-d3600s', '--timeout', '10s', '-H', $header{$_},
	'http://' . $lb->address($_) . '/') } sort keys %port;

my $http = HTTP::Tiny->new(timeout => 20);	# kept connections: 2,000 new ones would be the test
my %unexpected;

sub rest {
	my ($expected, $method, $path, $body) = @_;
	my $answer = $http->request($method, 'http://' . $lb->admin_address . $path, !defined $body ? {}
		: { content => $json->encode($body), headers => { 'Content-Type' => 'application/json' } });
	$unexpected{"$method $answer->{status} " . substr($answer->{content}, 0, 200)}++
		if $answer->{status} != $expected;
	return $answer;
}

my $number = 0;
my $served = 0;		# streams over some of the servers that came and went

# A server's path; they take turns in the two backends, and each has an address of its own.
sub server_path {
	my ($i) = @_;
	return '/v1/backends/' . ($i % 2 ? 'short' : 'long') . "/servers/s$i";
}

sub server_add {
	my ($i) = @_;
	my $address = sprintf('127.%d.%d.%d:%d', 1 + $i / 65536, $i / 256 % 256, $i % 256, $port{$i % 2 ? 'short' : 'long'});
	rest(201, PUT => server_path($i), { address => $address });
}

sub server_remove {
	my ($i) = @_;
	if ($i % 10 == 1) {
		my $server = rest(200, GET => server_path($i));
		$served += eval { $json->decode($server->{content})->{status}{sessions}{total} } // 0;
	}
	rest(204, DELETE => server_path($i));
}

sub frontend_turn {
	my ($i) = @_;
	rest(201, PUT => "/v1/frontends/f$i", { mode => 'tcp', bind => ['127.0.0.1:0'], default_backend => 'short' });
	my $answer = HTTP::Tiny->new(timeout => 20)->get('http://' . $lb->address("f$i") . '/');
	$unexpected{"a request over the new frontend: $answer->{status}"}++ if $answer->{status} != 200;
	rest(204, DELETE => "/v1/frontends/f$i");
}

for my $turn (1 .. $turns) {
	for my $i (1 .. $servers) {
		server_add(++$number);
		server_remove($number - $at_once) if $i > $at_once;
		frontend_turn($number) if $i % ($servers / $frontends) == 0;
	}
	server_remove($_) for $number - $at_once + 1 .. $number;
}

for my $name (sort keys %wrk) {
	kill INT => $wrk{$name};
	waitpid($wrk{$name}, 0);
	my $said = Sluice::slurp("$dir/wrk-$name");
	my ($requests) = $said =~ /^\s*(\d+) requests in /m;
	ok $requests && $requests > 1000, "$name: wrk had answers" or diag($said);
	unlike $said, qr/Socket errors|Non-2xx/, "$name: to all of its requests" or diag($said);
	note "$name: $requests requests";
}
cmp_ok $served, '>', 1000, 'the new servers had their share of the short ones';
is_deeply \%unexpected, {}, 'no REST request and no new frontend failed';
is join(' ', sort keys %{$lb->get("/v1/backends/$_")->{json}{servers}}), 'stays', "$_: all are gone again"
	for sort keys %port;
is join(' ', sort keys %{$lb->get('/v1/config')->{json}{frontends}}), 'long short', 'and so are the frontends';
ok((becomes { $lb->fd_count <= $fds + 8 } 10), 'no descriptor is left behind')
	or diag($lb->fd_count . " descriptors, $fds at the start");
$_->stop for $lb, $short;
undef $_ for $lb, $short;
done_testing;

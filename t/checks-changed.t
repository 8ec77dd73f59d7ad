#!/usr/bin/perl
# tier: story
# Checks of one backend do not suffer from another's that hang. What is changed counts at once: a check that is under way is made
# anew, what it was asked before says nothing, and a server that was repaired need not wait for the old interval.
use Sluice;
use IO::Socket::IP;
use JSON::PP ();
use Time::HiRes qw(time);

my ($true, $false) = (JSON::PP::true, JSON::PP::false);
sub checks { my ($lb) = @_; return $lb->get('/v1/info')->{json}{checks} }
sub status_of { my ($lb, $server) = @_; return $lb->get("/v1/backends/app/servers/$server")->{json}{status} }
sub is_changed {
	my ($lb, $path, $to, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $answer = $lb->patch($path, $to);
	return is($answer->{status}, 200, $name) || diag(explain($answer));
}

subtest 'servers that hang, and one elsewhere' => sub {
	my $deaf = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 8) or die "$!";	# never accepts
	my $good = Sluice::Origin->start('good', 'http');
	my %http = (check => { type => 'http', method => 'GET', uri => '/' });
	my $lb = Sluice->start(config => {
		global => { threads => 1, log => [], max_checks => 20 },
		defaults => { mode => 'http' },
		backends => {
			deaf => { %http, default_server => { check => $true, inter => '2s' },
				servers => { map { ("s$_" => { address => '127.0.0.1:' . $deaf->sockport }) } 1 .. 300 } },
			app => { %http, servers => { good => { address => $good->address, check => $true, inter => '100ms', fall => 2 } } },
		},
	});
	ok((becomes { checks($lb)->{in_line} > 200 } 20), 'most of them wait in line');
	my $before = $good->accepted;
	my $at = time;
	ok((becomes { $good->accepted >= $before + 20 } 30), 'the good one is checked meanwhile');
	cmp_ok time - $at, '<', 10, sprintf('as often as it should be: 20 times in %.1f s', time - $at);
	cmp_ok checks($lb)->{in_line}, '>', 200, 'though they still wait';
	$good->stop;
	$at = time;
	ok((becomes { status_of($lb, 'good')->{state} eq 'down' } 30), 'its death is noticed');
	cmp_ok time - $at, '<', 5, sprintf('soon: in %.1f s', time - $at);
	ok((becomes { $lb->stderr =~ /warning global\.max_checks is 20: \d+ checks wait in line, the oldest for \d+ ms; \d+ of them are for servers of backend deaf$/m } 30),
		'and the log says who is late, and why') or diag($lb->stderr);
	$lb->stop;
};

# Answers /new and nothing else: who asks for that waits until he is let go of.
sub answer {
	my ($conn) = @_;
	$conn->read_until(qr{GET .*?\r\n\r\n}s, 60) =~ m{GET (/\w+) } or return 'nothing';
	if ($1 eq '/new') { $conn->send("HTTP/1.0 200 OK\r\n\r\n"); return '/new' }
	$conn->read_until('never', 60);
	$conn->send("HTTP/1.0 500 Old\r\n\r\n");
	return "left $1";
}
my $origin = Sluice::Origin->start('origin', \&answer);
my $agent = Sluice::Origin->start('agent', 'hold');
my $refusing = Sluice::Origin->refusing_address;
sub port_of { return 0 + ($_[0] =~ /(\d+)$/)[0] }

my $lb = Sluice->start(config => {
	global => { threads => 1, log => [] },
	backends => { app => {
		mode => 'http', timeout => { check => '60s' },
		check => { type => 'http', method => 'GET', uri => '/old' },
		servers => { a => { address => $origin->address, check => $true, inter => '60s' } },
	} },
});
my ($app, $a) = ('/v1/backends/app', '/v1/backends/app/servers/a');
my $asked = 1;
ok((becomes { $origin->accepted == 1 } 10), 'a check is under way');

subtest 'what is no matter of checks leaves them alone, all else makes them anew' => sub {
	for (
		['the path', $app, { check => { uri => '/other' } }],
		['what is expected', $app, { check => { expect => { status => '200-204' } } }],
		['its time', $app, { timeout => { check => '50s' } }],
		['its source', $a, { source => '127.0.0.1' }],
		['PROXY', $a, { send_proxy => $true }],
		['PROXY of another version', $a, { send_proxy => undef, send_proxy_v2 => $true }],
		['no PROXY', $a, { send_proxy_v2 => undef }],
		['PROXY of the check', $a, { check_send_proxy => $true }],
		['and none', $a, { check_send_proxy => undef }],
		['its port', $a, { check_port => port_of($origin->address) }],
	) {
		my ($what, $path, $to) = @$_;
		is_changed($lb, $app, { retries => $asked }, 'another matter of the backend');
		is_changed($lb, $a, { weight => $asked }, 'and of the server');
		is_changed($lb, $path, $to, "$what is changed");
		$asked++;
		ok((becomes { $origin->accepted >= $asked } 10), 'it is made anew');
		is $origin->accepted, $asked, 'once';
	}
	is_changed($lb, $a, { agent_check => $true, agent_inter => '60s', agent_port => port_of($agent->address), agent_send => "hi\n" }, 'an agent is asked, too');
	ok((becomes { $agent->accepted == 1 } 10), 'it is');
	is_changed($lb, $a, { agent_send => "ho\n" }, 'something else');
	ok((becomes { $agent->accepted == 2 } 10), 'anew');
	is_changed($lb, $a, { agent_check => undef }, 'enough of that');
	is $origin->accepted, $asked, 'which was no matter of its checks';
};

subtest 'an answer to what was asked before counts no more' => sub {
	my $from = $lb->get('/v1/info')->{json}{last_event_id};
	is_changed($lb, $app, { check => { uri => '/new' } }, 'another path while the old one is asked');
	ok((becomes { (status_of($lb, 'a')->{check}{result} // '') eq 'L7OK' } 10), 'it passes');
	is checks($lb)->{failed}, 0, 'and none failed';
	is status_of($lb, 'a')->{state}, 'up', 'it is up';
	ok((becomes { (grep { /^left / } $origin->notes) == $asked } 10), 'all others were let go of') or diag(explain([$origin->notes]));
};

subtest 'who repairs a check does not wait' => sub {
	my $broken = { check_port => port_of($refusing) };
	is_changed($lb, $a, { inter => '50ms', rise => 1, fall => 1, downinter => '1h', %$broken }, 'it is broken');
	my $is = sub { my ($state, $name) = @_; return ok((becomes { status_of($lb, 'a')->{state} eq $state } 10), "$name: $state") };
	$is->('down', 'by its port');
	is_changed($lb, $a, { check_port => undef }, 'the port is right again');
	$is->('up', 'at once');
	is_changed($lb, $a, { check_addr => '127.0.0.99', check_port => port_of($refusing) }, 'an address');
	$is->('down', 'by its address');
	is_changed($lb, $a, { check_addr => undef, check_port => undef }, 'right again');
	$is->('up', 'at once');
	is_changed($lb, $a, { address => $refusing }, 'its own address');
	$is->('down', 'by its own address');
	is_changed($lb, $a, { address => $origin->address }, 'right again');
	$is->('up', 'at once');
	is_changed($lb, $app, { check => { expect => { status => '204' } } }, 'what is expected');
	$is->('down', 'by what is expected');
	is_changed($lb, $app, { check => { expect => { status => '200' } } }, 'right again');
	$is->('up', 'at once');
};
$lb->stop;
done_testing;

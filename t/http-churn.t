#!/usr/bin/perl
# tier: drill
#
# Clients of all kinds ask for some seconds (sent ahead, bodies of every framing, clients that leave in the middle) while servers come,
# go and move, connections are shared in other ways, rules and binds change. Who stays gets each answer right and in order,
# whatever happens; what a server did not finish never looks finished; nothing is left behind.
use Sluice;
use Sluice::Http;
use Digest::MD5 qw(md5_hex);
use Time::HiRes qw(sleep time);

my $seconds = ($ENV{SLUICE_DRILL} // 'short') eq 'long' ? 120 : 5;
my $clients = 6;
my $seed = $ENV{SLUICE_SEED} // $$ ^ time;
note "SLUICE_SEED=$seed";

# What the target asks for, and how: its number makes every body another one.
sub body_of {
	my ($number, $size) = @_;
	return substr("$number-" x ($size / (length($number) + 1) + 1), 0, $size);
}

sub in_chunks {
	my ($body, $number) = @_;
	my $size = 1 + $number * 7919 % 9000;
	return join('', map { sprintf("%x\r\n%s\r\n", length $_, $_) } $body =~ /(.{1,$size})/gs) . "0\r\n\r\n";
}

sub serve {
	my ($conn) = @_;
	while ((my $head = $conn->read_until("\r\n\r\n", 3600)) =~ /\r\n\r\n\z/) {
		my ($how, $size, $number) = $head =~ m{\A\S+ /(\w+)/(\d+)/(\d+) } or return "what: $head";
		my $method = $head =~ /\AHEAD / ? 'HEAD' : '';
		my $early = $how eq 'early';
		my ($x_body, $x_request) = (body_of($number, $size));
		my $read = sub {
			while (1) {
				my $bytes = $head . $conn->buffer;
				my ($request) = Sluice::Http::cut_message(\$bytes, 0);
				return "what: $request->{fault}" if defined $request->{fault};
				if ($request->{whole}) {
					$conn->take(length($request->{raw}) - length $head);
					return md5_hex($request->{body});
				}
				$conn->fill(3600 + time) or return undef;
			}
		};
		$conn->send("HTTP/1.1 100 Continue\r\n\r\n") if $head =~ /^Expect:/mi;
		my $sum = $early ? 'early' : $read->() // return undef;
		sleep 0.002 * ($number % 5) if $how eq 'slow';
		if ($how =~ /^(?:reset|junk|cut|cutchunks)$/) {		# servers that fail
			$conn->send("HTTP/1.1 200 OK\r\nContent-Length: " . ($size + 1) . "\r\n\r\n$x_body", 60) if $how eq 'cut';
			$conn->send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" . in_chunks($x_body, $number) =~ s/0\r\n\r\n\z//r, 60)
				if $how eq 'cutchunks';
			$conn->send("HTTP/1.1 what\r\n\r\n") if $how eq 'junk';
			$conn->reset if $number % 2;
			return undef;
		}
		my $answer = "HTTP/1.1 200 OK\r\nX-Sum: $sum\r\nX-Number: $number\r\n";
		if ($how eq 'chunks') {
			$conn->send("${answer}Transfer-Encoding: chunked\r\n\r\n" . ($method ? '' : in_chunks($x_body, $number)), 60);
		} elsif ($how eq 'eof') {
			$conn->send("${answer}\r\n" . ($method ? '' : $x_body), 60);
			return undef;
		} else {
			$conn->send("${answer}Content-Length: $size\r\n" . ($how eq 'last' ? "Connection: close\r\n" : '') . "\r\n"
				. ($method ? '' : $x_body), 60);
			return undef if $how eq 'last';
		}
		if ($early) {
			$sum = $read->() // return undef;
			return $sum if $sum =~ /^what/;
		}
	}
	return length $conn->buffer ? 'what: ' . $conn->buffer : undef;
}

my @origin = map { Sluice::Origin->start("o$_", \&serve) } 1 .. 4;
my $lb = Sluice->start(config => {
	global => { threads => 2, log => [] },
	defaults => { mode => 'http', timeout => { client => '60s', server => '60s', connect => '60s' }, http_reuse => 'always' },
	frontends => { web => { bind => ['127.0.0.1:0'], default_backend => 'b0' } },
	backends => { map { my $b = $_; "b$b" => { servers => { map { ("s$_" => { address => $origin[$_ + 2 * $b]->address }) } 0, 1 } } } 0, 1 },
});
my $address = $lb->address('web');
# Pipes are kept for later.
sub sockets { return scalar(grep { (readlink($_) // '') =~ /^socket:/ } glob('/proc/' . $lb->pid . '/fd/*')) }
my $at_rest = sockets();

# -- a client --

my $next = 0;
sub request {
	my ($last) = @_;
	my $number = int(rand 1e9);
	my $how = (qw(len len chunks slow early eof last reset junk cut cutchunks))[rand($last ? 11 : 5)];
	my $size = int(exp(rand log 200_000)) - 1;
	my $method = (qw(GET GET GET HEAD PUT POST))[rand 6];
	$method = 'GET' if $method eq 'HEAD' && $how =~ /^cut/;	# its answer is whole, and the next one would meet the end
	my $minor = $last && rand() < 0.1 ? 0 : 1;
	my $body = $method =~ /^P/ ? body_of($number, int(exp(rand log 100_000))) : undef;
	my $text = "$method /$how/$size/$number HTTP/1.$minor\r\nHost: test\r\n";
	$text .= "Expect: 100-continue\r\n" if defined $body && $minor && rand() < 0.2;
	if (!defined $body) {
		$text .= "\r\n";
	} elsif ($minor && rand() < 0.5) {
		$text .= "Transfer-Encoding: chunked\r\n\r\n" . in_chunks($body, $number);
	} else {
		$text .= 'Content-Length: ' . length($body) . "\r\n\r\n$body";
	}
	return { text => $text, method => $method, number => $number, how => $how, minor => $minor,
		body => $method eq 'HEAD' ? '' : body_of($number, $size), sum => $how eq 'early' ? 'early' : md5_hex($body // '') };
}

# What is wrong with this answer, or undef.
sub fault_of {
	my ($request, $answer, $c, $took) = @_;
	return 'after ' . int($took) . ' s' if $took > seconds(20);		# nobody is that slow
	if ($request->{how} =~ /^(?:reset|junk|cut|cutchunks)$/) {	# never the look of a good one
		my $fine = !$answer->{whole} || $answer->{status} == 502
			|| $c->was_reset;		# as the end of what ends with its connection
		return $fine ? undef : 'a bad answer looks good: ' . shown($answer->{raw});
	}
	return "fault $answer->{fault}: " . shown($answer->{raw}) if defined $answer->{fault};
	return 'cut: ' . shown($answer->{raw}) if !$answer->{whole};
	return "status $answer->{status}" if $answer->{status} != 200;
	return 'that of another' if field($answer, 'X-Number') ne $request->{number};
	return 'the server read something else' if field($answer, 'X-Sum') ne $request->{sum};
	return 'another body' if $answer->{body} ne $request->{body};
	return undef;
}

sub one_connection {
	my $c = Sluice::Client->connect($address);
	my $turns = 1 + rand 6;
	for my $turn (1 .. $turns) {
		my @requests = map { request(0) } 1 .. (rand() < 0.5 ? 1 : 1 + rand 6);
		push @requests, request(1) if $turn + 1 > $turns;
		my $text = join('', map { $_->{text} } @requests);
		my $leave = rand();
		if ($leave < 0.04) {		# in the middle of what it says
			$c->send(substr($text, 0, rand length $text));
			$leave < 0.02 ? $c->reset : $c->close;
			return undef;
		}
		# a pair of processes would be needed to send and read at once: what is large goes in turns
		my $pid = length $text > 30_000 ? fork() : undef;
		if (defined $pid && $pid == 0) {
			$c->send($text, 60);
			POSIX::_exit(0);
		}
		$c->send($text, 60) if !defined $pid;
		my $fault;
		for my $request (@requests) {
			if (rand() < 0.01) {	# in the middle of an answer
				$c->read_some;
				$c->reset;
				last;
			}
			my $from = time;
			my $answer = read_answer($c, $request->{method}, 60);
			$fault = fault_of($request, $answer, $c, time - $from);
			if (defined $fault) {
				$fault = "$request->{how} $request->{method} 1.$request->{minor}: $fault";
				last;
			}
			last if (field($answer, 'Connection') // '') eq 'close';
		}
		waitpid($pid, 0) if $pid;
		return $fault if defined $fault || !defined $c->socket->fileno;
	}
	$c->close;
	return undef;
}

my @pids;
my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my $parent = $$;
for my $i (1 .. $clients) {
	my $pid = fork() // die "fork: $!\n";
	if ($pid == 0) {
		Sluice::Wait::die_with_parent($parent);
		srand($seed + $i);
		my ($count, @faults) = (0);
		my $until = time + $seconds;
		while (time < $until && @faults < 5) {
			my $fault = eval { one_connection() } // ($@ ? "died: $@" : undef);
			push @faults, $fault if defined $fault;
			$count++;
		}
		Sluice::spew("$dir/$i", join("\n", $count, @faults));
		POSIX::_exit(0);
	}
	push @pids, $pid;
}

# -- meanwhile --

srand($seed);
my @other_addresses = map { [map { $_->address } @origin[2 * $_, 2 * $_ + 1]] } 0, 1;
my %do = (
	weight => sub { ['b' . int(rand 2) . '/servers/s1', { weight => int(rand 200) }] },
	maint => sub { ['b' . int(rand 2) . '/servers/s1', { admin_state => (qw(ready maint drain))[rand 3] }] },
	move => sub { my $b = int(rand 2); ["b$b/servers/s1", { address => $other_addresses[$b][rand 2] }] },
	pool => sub { ['b' . int(rand 2) . '/servers/s' . int(rand 2), { pool_max_conn => (-1, 0, 2)[rand 3], max_reuse => (-1, 0, 3)[rand 3],
		pool_purge_delay => ('5s', '50ms')[rand 2] }] },
	reuse => sub { ['b' . int(rand 2), { http_reuse => (qw(never safe aggressive always))[rand 4] }] },
	backend => sub { ['../frontends/web', { default_backend => 'b' . int(rand 2) }] },
	rules => sub { ['../frontends/web', { rules => rand() < 0.5 ? undef : [{ id => 'r', action => 'use_backend', backend => 'b1', if => '{ path_beg /len }' }] }] },
	xff => sub { ['../frontends/web', { forwardfor => rand() < 0.5 ? JSON::PP::true : JSON::PP::false }] },
);
my ($changes, @refused) = (0);
my $until = time + $seconds;
while (time < $until) {
	my ($what) = (sort keys %do)[rand keys %do];
	my ($path, $body) = @{$do{$what}->()};
	$path = $path =~ s{^\.\./}{/v1/}r =~ s{^b}{/v1/backends/b}r;
	my $answer = $lb->patch($path, $body);
	push @refused, "$path: $answer->{text}" if $answer->{status} != 200;
	if (rand() < 0.2) {		# somebody comes and goes
		my $gone = '/v1/backends/b' . int(rand 2) . '/servers/extra';
		$lb->put($gone, { address => $origin[$gone =~ /b1/ ? 2 : 0]->address });
		sleep rand 0.02;
		$lb->delete($gone);
	}
	$changes++;
	sleep rand 0.03;
}
waitpid($_, 0) for @pids;
my ($connections, @faults) = (0);
for my $i (1 .. $clients) {
	my ($count, @wrong) = split /\n/, Sluice::slurp("$dir/$i");
	$connections += $count;
	push @faults, @wrong;
}
is_deeply \@refused, [], "$changes changes";
is_deeply \@faults, [], "$connections connections, each answer right";
is_deeply [map { $_->notes } @origin], [], 'servers understood all they were sent';
$lb->patch("/v1/backends/b$_->[0]/servers/s$_->[1]", { admin_state => 'maint' }) for map { my $b = $_; map { [$b, $_] } 0, 1 } 0, 1;
ok((becomes { sockets() <= $at_rest } 10), 'every socket is given back') or diag(sockets() . " and not $at_rest");
is $lb->get("/v1/backends/b$_")->{json}{status}{sessions}{current}, 0, 'no session is left' for 0, 1;
$lb->stop;
done_testing;

#!/usr/bin/perl
# tier: drill, beside others
#
# Whoever moves over from HAProxy reads termination states by heart. The same failures happen here behind HAProxy
# and behind sluice, at the same time; the two letters of the log, the server, the retries, and how the client's
# connection ended have to be the same. Where they are not, %differs says so, once, and why.
use Sluice;
use Fcntl qw(F_SETFD);
use IO::Socket::IP;
use IO::Socket::UNIX;

plan skip_all => 'haproxy is not installed' if system('command -v haproxy >/dev/null') != 0;
my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my $owner = $$;
my $short = '300ms';

# A listening socket whose queue is full: the kernel drops who comes next.
my $full = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 1);
listen($full, 0) or die "listen: $!\n";
my @fill = map { IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $full->sockport, Blocking => 0) } 1 .. 4;

my %origin = map { $_->name => $_ } (
	map({ Sluice::Origin->start($_, $_) } qw(echo greet hold swallow count half close)),
	Sluice::Origin->start('talks-then-resets', sub {
		my ($c) = @_;
		$c->send("hello\n");
		$c->read_line(60);
		$c->reset;
		return undef;
	}),
	Sluice::Origin->start('answers-late', sub {
		my ($c) = @_;
		$c->read_all(60);
		$c->send("late\n");
		return undef;
	}),
	Sluice::Origin->start('greets-then-holds', sub { my ($c) = @_; $c->send("hello\n"); sleep while 1 }),
	Sluice::Origin->start('ends-then-waits', sub { my ($c) = @_; $c->half_close; $c->read_all(60); return undef }),
);
my %address = (
	refuses => Sluice::Origin->refusing_address,
	'refuses-too' => Sluice::Origin->refusing_address,
	drops => '127.0.0.1:' . $full->sockport,
	map { $_ => $origin{$_}->address } keys %origin,
);

my $stays = sub {};
my $leaves = sub { $_[0]->half_close };
my $cuts = sub { $_[0]->reset };

sub when_heard {
	my ($part) = @_;
	return sub { my ($c) = @_; $c->read_line; $part->($c) };
}

# name => { to: servers in order; timeout, retries, redispatch, maxconn of the server; client: its part;
# behind: somebody has the only place already; admin: ended by the administrator }
my %case = (
	'the client ends first' => { to => ['greet'], client => when_heard($leaves) },
	'the client ends at once' => { to => ['drops'], timeout => { connect => $short }, client => $leaves },
	'the server ends first' => { to => ['close'], client => sub { $_[0]->closed_within(5); $_[0]->half_close } },
	'a request that ends, then its answer' => { to => ['count'], client => sub { $_[0]->send('x' x 100); $_[0]->half_close } },
	'an answer long after the end of the request' => { to => ['answers-late'], client => sub { $_[0]->send('x'); $_[0]->half_close } },
	'the server ends, then the client' => { to => ['half'], client => when_heard($leaves) },
	'the server resets' => { to => ['talks-then-resets'], client => when_heard(sub { $_[0]->send("go\n") }) },
	'the client resets' => { to => ['greet'], client => when_heard($cuts) },
	'refused' => { to => ['refuses'], client => $stays },
	'refused, with retries' => { to => ['refuses'], retries => 2, timeout => { connect => '50ms' }, client => $stays },
	'refused, and redispatched' => { to => ['refuses', 'greet'], retries => 1, redispatch => 1, client => when_heard($leaves) },
	'refused, and the backup is no help' => { to => ['refuses', 'greet'], backup => 1, retries => 1, redispatch => 1, client => $stays },
	(map { ("refused, where the interval is $_" => { to => ['refuses', 'greet'], retries => 3, redispatch => $_, timeout => { connect => '50ms' },
		client => when_heard($leaves) }) } -1, 2, -2),
	'refused by all' => { to => ['refuses', 'refuses-too'], retries => 3, redispatch => -1, timeout => { connect => '50ms' }, client => $stays },
	'refused, and nobody else is there' => { to => ['refuses'], retries => 2, redispatch => 1, timeout => { connect => '50ms' }, client => $stays },
	'no connection in time, with retries' => { to => ['drops'], retries => 2, timeout => { connect => $short }, client => $stays },
	'no connection in time, and redispatched' => { to => ['drops', 'greet'], retries => 2, redispatch => -1, timeout => { connect => $short },
		client => when_heard($leaves) },
	'no connection in time' => { to => ['drops'], timeout => { connect => $short }, client => $stays },
	'the client resets meanwhile' => { to => ['drops'], timeout => { connect => '20s' }, client => $cuts },
	# HAProxy carries the end of the one across, and waits for the other with its own time-out
	'the client is silent' => { to => ['hold'], timeout => { client => $short, server => '2s' }, client => $stays },
	'the server is silent' => { to => ['hold'], timeout => { client => '2s', server => $short }, client => $stays },
	'both are silent' => { to => ['hold'], timeout => { client => $short, server => $short }, client => $stays },
	'the client spoke, the server is silent' => { to => ['hold'], timeout => { client => '2s', server => $short },
		client => sub { $_[0]->send('hello') } },
	'a silent tunnel' => { to => ['hold'], timeout => { tunnel => $short }, client => $stays },
	(map {
		my $which = $_;
		my $fin = { client => '2s', server => '2s', "${which}_fin" => $short };
		("the client ends, then silence, with ${which}_fin" => { to => ['greets-then-holds'], timeout => $fin, client => when_heard($leaves) },
		"the server ends, then silence, with ${which}_fin" => { to => ['ends-then-waits'], timeout => $fin, client => $stays });
	} 'client', 'server'),
	'no place in time' => { to => ['hold'], maxconn => 1, behind => 1, timeout => { queue => $short }, client => $stays },
	'the client resets in line' => { to => ['hold'], maxconn => 1, behind => 1, timeout => { queue => '20s' }, client => $cuts },
	'no server' => { to => [], client => $stays },
	'no server that takes sessions' => { to => ['greet'], disabled => 1, client => $stays },
	'ended by the administrator' => { to => ['greet'], admin => 1, client => sub { $_[0]->read_line } },
);

# What is different on purpose: the case, what HAProxy 2.6 says (a
# pattern where its answer depends on what comes first), what sluice says, why.
my $truth = "HAProxy's TCP mode says D for an abort in any phase; the letter is that of the phase (its manual, 8.5)";
my $cut = 'a cut is no end: the client sees the RST of the server, not a FIN';
my %differs = (
	'ended by the administrator' => ['K- greet 0 FIN', 'KD greet 0 RST',
		'the second letter is the phase, and what was cut is seen to be (measured on 3.4: KC; BEHAVIOUR 1.6)'],
	'the client ends at once' => [qr/(?:CC|sC) drops 0 FIN/, 'sC drops 0 FIN',
		'who has said all may still want an answer, so its FIN is no abort (BEHAVIOUR 2: C is abort)'],
	'the client resets in line' => ['CD nobody 0 left', 'CQ nobody 0 left', $truth],
	'the client resets meanwhile' => ['CD drops 0 left', 'CC drops 0 left', $truth],
	'the server resets' => ['SD talks-then-resets 0 FIN', 'SD talks-then-resets 0 RST', $cut],
);

my @names = sort keys %case;
my %id = map { ($names[$_] => sprintf('c%02d', $_)) } 0 .. $#names;

# What HAProxy takes from others where it is unset, all is said.
sub timeouts {
	my ($case) = @_;
	my %timeout = (connect => '5s', client => '20s', server => '20s', queue => '5s', %{$case->{timeout} // {}});
	return { client_fin => $timeout{client}, server_fin => $timeout{server}, %timeout };
}

# HAProxy gets its listening sockets from us: no port has to be guessed.
my (%socket, $haproxy);
sub haproxy_config {
	my $text = "global\n\tmaxconn 1000\n\tstats socket unix\@$dir/stats level admin\n\tnbthread 1\n"
		. "defaults\n\tmode tcp\n\toption tcplog\n\tlog stdout format raw local0\n\tbalance roundrobin\n";
	for my $name (@names) {
		my ($case, $id) = ($case{$name}, $id{$name});
		my $timeout = timeouts($case);
		my $fd = fileno($socket{$name});
		$text .= "frontend $id\n\tbind fd\@$fd\n\tdefault_backend $id\n";
		$text .= "\ttimeout " . s/_/-/r . " $timeout->{$_}\n" for grep { /^client/ } sort keys %$timeout;
		$text .= "backend $id\n\tretries " . ($case->{retries} // 0) . "\n";
		$text .= "\toption redispatch $case->{redispatch}\n" if $case->{redispatch};
		$text .= "\ttimeout " . s/_/-/r . " $timeout->{$_}\n" for grep { !/^client/ } sort keys %$timeout;
		my $number = 0;
		for my $to (@{$case->{to}}) {
			$text .= "\tserver $to $address{$to}" . ($case->{maxconn} ? " maxconn $case->{maxconn}" : '')
				. ($case->{disabled} ? ' disabled' : '') . ($number++ && $case->{backup} ? ' backup' : '') . "\n";
		}
	}
	return $text;
}

sub haproxy_start {
	for my $name (@names) {
		$socket{$name} = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 128) // die "listen: $!\n";
		fcntl($socket{$name}, F_SETFD, 0);
	}
	Sluice::spew("$dir/haproxy.cfg", haproxy_config());
	$haproxy = Sluice::spawn(['haproxy', '-db', '-f', "$dir/haproxy.cfg"], "$dir/haproxy-log", "$dir/haproxy-errors");
	wait_until { -S "$dir/stats" && IO::Socket::UNIX->new(Peer => "$dir/stats") } 10, 'HAProxy';
}

END {
	if ($$ == $owner && $haproxy) {
		local $?;
		kill(KILL => $haproxy);
		waitpid($haproxy, 0);
	}
}

# Numbers of a backend's sessions: connected, and in line.
sub haproxy_numbers {
	my ($id) = @_;
	my $c = Sluice::Client->connect("unix:$dir/stats");
	$c->send("show stat\n");
	my ($row) = grep { $_->[0] eq $id && $_->[1] eq 'BACKEND' } map { [split /,/] } split /\n/, $c->read_all;
	return ($row->[4], $row->[2]);
}

my $lb = Sluice->start(config => {
	global => { threads => 1, maxconn => 1000 },
	defaults => { mode => 'tcp' },
	frontends => { map { my $timeout = timeouts($case{$_});
		$id{$_} => { bind => ['127.0.0.1:0'], default_backend => $id{$_},
			timeout => { map { ($_ => $timeout->{$_}) } grep { /^client/ } keys %$timeout } } } @names },
	backends => { map {
		my $case = $case{$_};
		my $timeout = timeouts($case);
		my $number = 0;
		$id{$_} => { retries => $case->{retries} // 0, redispatch => $case->{redispatch} // 0,
			timeout => { map { ($_ => $timeout->{$_}) } grep { !/^client/ } keys %$timeout },
			servers => { map { ($_ => { address => $address{$_}, id => ++$number, maxconn => $case->{maxconn} // 0,
				$case->{disabled} ? (admin_state => 'maint') : (),
				$number > 1 && $case->{backup} ? (backup => JSON::PP::true) : () }) } @{$case->{to}} } }
	} @names },
});
haproxy_start();

my %side = (
	sluice => {
		address => sub { $lb->address($_[0]) },
		numbers => sub {
			my $sessions = $lb->get("/v1/backends/$_[0]")->{json}{status}{sessions};
			return ($sessions->{current}, $sessions->{queue});
		},
		end => sub { $lb->delete("/v1/sessions?backend=$_[0]") },
		lines => sub { map { [@$_{qw(client server termination_state)}, ($_->{redispatched} ? '+' : '') . $_->{retries}] } $lb->log_lines(frontend => $_[0]) },
	},
	HAProxy => {
		address => sub { '127.0.0.1:' . $socket{$names[substr($_[0], 1)]}->sockport },
		numbers => \&haproxy_numbers,
		end => sub {
			my $c = Sluice::Client->connect("unix:$dir/stats");
			$c->send("shutdown sessions server $_[0]/greet\n");
			$c->read_all;
		},
		lines => sub {
			my ($id) = @_;
			my @lines = grep { / $id $id\// } split /\n/, Sluice::slurp("$dir/haproxy-log");
			return map { m{^(\S+) \[.*?\] \S+ [^/]+/(\S+) \S+ \S+ (\S\S) [^ ]*/(\+?\d+) }
				? [$1, $2 eq '<NOSRV>' ? undef : $2, $3, $4] : die "not understood: $_\n" } @lines;
		},
	},
);

# All cases at once, on both sides.
my (%client, %local, %holder);
for my $name (@names) {
	my ($case, $id) = ($case{$name}, $id{$name});
	for my $who (sort keys %side) {
		my $side = $side{$who};
		if ($case->{behind}) {
			$holder{"$who $name"} = Sluice::Client->connect($side->{address}->($id));
			wait_until { ($side->{numbers}->($id))[0] == 1 } 5, "$who: the place to be taken";
		}
		my $c = $client{"$who $name"} = Sluice::Client->connect($side->{address}->($id));
		$local{"$who $name"} = $c->local_address;
		wait_until { ($side->{numbers}->($id))[1] == 1 } 5, "$who: a line" if $case->{behind};
		# what comes before an accept would be another case
		wait_until { $who ne 'HAProxy' || ($side->{numbers}->($id))[0] == 1 } 5, "$who: a session" if $name =~ /meanwhile/;
		$case->{client}->($c);
		$side->{end}->($id) if $case->{admin};
	}
}

# As many lines as sessions that end by themselves.
sub outcome {
	my ($who, $name) = @_;
	my $c = $client{"$who $name"};
	my $local = $local{"$who $name"};
	my $line = becomes { (grep { $_->[0] eq $local } $side{$who}{lines}->($id{$name}))[0] } 10;
	my $end = !defined $c->socket->fileno ? 'left' : !$c->closed_within(5) ? 'open' : $c->was_reset ? 'RST' : 'FIN';
	return 'no log line' if !$line;
	return join ' ', $line->[2], $line->[1] // 'nobody', $line->[3], $end;
}

for my $name (@names) {
	my ($theirs, $ours) = (outcome('HAProxy', $name), outcome('sluice', $name));
	if (my $known = $differs{$name}) {
		like "$theirs | $ours", qr/^(?:$known->[0]) \| $known->[1]$/, "$name: different, because $known->[2]";
	} else {
		is $ours, $theirs, "$name: $theirs";
	}
}
$_->close for values %holder, @fill;
$lb->delete('/v1/sessions?all=true');
$lb->stop;
undef $lb;
done_testing;

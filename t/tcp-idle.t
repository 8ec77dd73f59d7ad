#!/usr/bin/perl
# tier: drill
#
# Ten thousand sessions that have said something once and now say nothing: what each costs in memory, that the CPU
# rests, that one more is served as if they were not there, and that all end in peace when their clients leave.
use Sluice;
use Time::HiRes qw(time);

my $budget = 1450;		# bytes a session, both of its connections: what an idle one costs HAProxy
my ($limit) = Sluice::slurp('/proc/self/limits') =~ /^Max open files\s+\d+\s+(\d+)/m;
my $count = ($ENV{SLUICE_DRILL} // 'short') eq 'long' ? 100_000 : 10_000;
my $spare = 1500;		# descriptors that sluice wants for all else
if ($limit < 2 * $count + $spare) {
	$count = int(($limit - $spare) / 2);
	diag("the limit of $limit descriptors leaves room for $count sessions");
}
my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my $owner = $$;
my @processes;

sub tool {
	my ($name, @command) = @_;
	push @processes, Sluice::spawn([Sluice::build_dir() . "/t/bench/$name", @command], "$dir/$name", "$dir/$name-errors");
	return $processes[-1];
}

END {
	if ($$ == $owner) {
		local $?;
		kill(KILL => @processes);
		waitpid($_, 0) for @processes;
	}
}

# Connections to one address come from some 28,000 ports: more clients need more addresses.
my $each = 20_000;
my $clients = POSIX::ceil($count / $each);
tool('origin', 'reply', '--bytes', 100, '--listen', '0.0.0.0:0');
my $port = wait_until { Sluice::slurp("$dir/origin") =~ /(\d+)\s*\n/ ? $1 : 0 } 5, 'the origin';
my $lb = Sluice->start(config => {
	global => { threads => 2, maxconn => $count + 100 },
	defaults => { mode => 'tcp', timeout => { client => '1h', server => '1h' } },
	frontends => { web => { bind => ['0.0.0.0:0'], default_backend => 'app' } },
	backends => { app => { servers => { map { ("s$_" => { address => "127.0.1.$_:$port" }) } 1 .. $clients } } },
});
my $in = $lb->bind_port('web');

sub current { return $lb->get('/v1/info')->{json}{connections}{current} }

# One that comes and goes first: what a worker takes once is no session's.
sub one_more {
	my $begun = time;
	my $c = Sluice::Client->connect("127.0.0.1:$in");
	$c->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	my $said = $c->read_until("\r\n\r\n");
	$c->close;
	return $said =~ /^HTTP/ ? (time - $begun) * 1000 : undef;
}

ok defined one_more(), 'a session' for 1 .. 20;
wait_until { current() == 0 } 5, 'an empty house';
my $before = $lb->rss_bytes;

# The tool holds its connections until its standard input ends: here the end of the test's pipe.
my @hold;
for my $i (1 .. $clients) {
	my $share = $i < $clients ? $each : $count - $each * ($clients - 1);
	pipe(my $read, my $write) or die "pipe: $!\n";
	my $pid = fork() // die "fork: $!\n";
	if ($pid == 0) {
		Sluice::Wait::die_with_parent($owner);
		open(STDIN, '<&', $read) and open(STDOUT, '>', "$dir/load-$i");
		close($write);
		exec(Sluice::build_dir() . '/t/bench/load', 'idle', '--to', "127.0.0.$i:$in", '--connections', $share)
			or POSIX::_exit(127);
	}
	push @processes, $pid;
	push @hold, $write;
}
ok +(becomes { current() == $count } 60), "$count sessions" or diag(current());
ok +(becomes { !grep { !-s "$dir/load-$_" } 1 .. $clients } 10), 'each has had its answer';
wait_until { my $cpu = $lb->cpu_seconds; select(undef, undef, undef, 0.5); $lb->cpu_seconds - $cpu < 0.02 } 20, 'the lazy ticks';

my $memory = ($lb->rss_bytes - $before) / $count;
diag(sprintf('%d idle sessions: %d bytes each', $count, $memory));
cmp_ok $memory, '<', $budget, "each takes less than $budget bytes";
my $cpu = $lb->cpu_seconds;
select(undef, undef, undef, 2);
cmp_ok $lb->cpu_seconds - $cpu, '<', 0.05, 'the CPU rests';
my $ms = one_more();
ok defined $ms && $ms < 50, 'one more is served at once' or diag($ms);
my $begun = time;
my $page = $lb->get('/v1/sessions?limit=100');
is scalar(keys %{$page->{json}}), 100, 'a page of the list of sessions';
cmp_ok time - $begun, '<', 1, 'comes in good time';

$begun = time;
close($_) for @hold;
ok +(becomes { current() == 0 } 30), 'the clients leave, and all sessions end';
note sprintf('in %.2f s', time - $begun);
ok +(becomes { $lb->log_lines(frontend => 'web') == $count + 21 } 30), 'each with its log line';
is scalar(grep { $_->{termination_state} ne '--' } $lb->log_lines(frontend => 'web')), 0, 'in peace';
is $lb->get('/v1/info')->{json}{connections}{max}, $count + 1, 'and all were counted';
$lb->stop;
undef $lb;
done_testing;

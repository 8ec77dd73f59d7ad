package Bench::Process;

# One program under the bench: started on a core, watched through /proc, ended.
#
# CPU is what the scheduler counted, in ns and exact (schedstat, all threads of the program and of its
# children), not the sampled ticks of /proc/PID/stat: those only split it into user and system time.

use strict;
use warnings;
use Errno qw(EINTR);
use Fcntl qw(F_SETFD);
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);

my %running;		# pid => object

# start(argv => [...], core => N or undef, log => FILE for stderr, pass => [handles], env => {...},
# input => 1 for a pipe to its stdin)
sub start {
	my ($class, %o) = @_;
	my @argv = (defined $o{core} ? ('taskset', '-c', $o{core}) : (), @{$o{argv}});
	pipe(my $out, my $out_in) or die "pipe: $!\n";
	pipe(my $in_out, my $in) or die "pipe: $!\n";
	my $pid = fork() // die "fork: $!\n";
	if ($pid == 0) {
		open(STDIN, '<&', $in_out) && open(STDOUT, '>&', $out_in)
			&& open(STDERR, '>>', $o{log}) or POSIX::_exit(126);
		fcntl($_, F_SETFD, 0) for @{$o{pass} || []};
		%ENV = (%ENV, %{$o{env} || {}});
		{ no warnings 'exec'; exec(@argv); }
		print STDERR "$argv[0]: $!\n";
		POSIX::_exit(127);
	}
	my $self = bless({ pid => $pid, name => $o{argv}[0], log => $o{log}, out => $out }, $class);
	$self->{in} = $in if $o{input};
	return $running{$pid} = $self;
}

sub pid { return $_[0]{pid} }

# The next line of its stdout, without the newline. Dies when none comes in time.
sub line {
	my ($self, $seconds) = @_;
	my $deadline = time() + ($seconds || 10);
	while (($self->{text} //= '') !~ /\n/) {
		my $left = $deadline - time();
		vec(my $bits = '', fileno($self->{out}), 1) = 1;
		my $ready = $left > 0 ? select($bits, undef, undef, $left) : 0;
		next if $ready < 0 && $! == EINTR;
		last if $ready <= 0 || !sysread($self->{out}, $self->{text}, 65536, length($self->{text}));
	}
	$self->{text} =~ s/^([^\n]*)\n// or $self->fail('said nothing');
	return $1;
}

sub fail {
	my ($self, $what) = @_;
	open(my $in, '<', $self->{log});
	my $said = join('', map { "\t$_" } $in ? <$in> : ());
	die "$self->{name}: $what\n$said";
}

# Lets a program that waits for the end of its input go on.
sub close_input { delete $_[0]{in} }

sub wait_exit {
	my ($self, $seconds) = @_;
	my $deadline = time() + ($seconds // 10);
	return $self->{status} if defined $self->{status};
	while (waitpid($self->{pid}, WNOHANG) == 0) {
		return undef if time() > $deadline;
		sleep(0.002);
	}
	delete $running{$self->{pid}};
	return $self->{status} = $?;
}

sub stop {
	my ($self, $signal) = @_;
	return if defined $self->{status};
	kill($signal || 'TERM', $self->{pid});
	return if defined $self->wait_exit(5);
	kill('KILL', $self->tree);
	$self->wait_exit;
}

# INT ends all of them at once and lets nginx reap its worker.
END {
	my $status = $?;
	kill('INT', keys %running);
	$_->stop('INT') for values %running;
	$? = $status;
}

# Its pid and those of its children.
sub tree {
	my ($self) = @_;
	my @pids = ($self->{pid});
	for (my $i = 0; $i < @pids; $i++) {
		push(@pids, map { split(' ', slurp($_)) } glob("/proc/$pids[$i]/task/*/children"));
	}
	return @pids;
}

sub slurp {
	my ($path) = @_;
	open(my $in, '<', $path) or return '';
	local $/;
	return <$in> // '';
}

# { cpu_ns, waited_ns (ready to run, and another had the core), user_ticks, system_ticks }
sub usage {
	my ($self) = @_;
	my %sum = (cpu_ns => 0, waited_ns => 0, user_ticks => 0, system_ticks => 0);
	for my $pid ($self->tree) {
		for my $task (glob("/proc/$pid/task/*")) {
			my ($cpu, $waited) = split(' ', slurp("$task/schedstat"));
			$sum{cpu_ns} += $cpu // 0;
			$sum{waited_ns} += $waited // 0;
		}
		my @stat = split(' ', slurp("/proc/$pid/stat") =~ s/^.*\) //sr);
		$sum{user_ticks} += $stat[11] // 0;
		$sum{system_ticks} += $stat[12] // 0;
	}
	return \%sum;
}

# The usage once its last work is done: two looks 20 ms apart with next to nothing between them.
sub usage_settled {
	my ($self) = @_;
	my $before = $self->usage;
	for (1 .. 50) {
		sleep(0.02);
		my $now = $self->usage;
		return $now if $now->{cpu_ns} - $before->{cpu_ns} < 200_000;
		$before = $now;
	}
	return $before;
}

# What would be free if it ended: proportional set size of all its processes.
sub memory_bytes {
	my ($self) = @_;
	my $sum = 0;
	for my $pid ($self->tree) {
		$sum += $1 * 1024 if slurp("/proc/$pid/smaps_rollup") =~ /^Pss:\s+(\d+) kB/m;
	}
	return $sum;
}

# { name => calls } of the system calls made while $work runs; undef where strace cannot attach.
sub syscalls {
	my ($self, $folder, $work) = @_;
	my @pids = $self->tree;
	my $log = "$folder/strace.log";
	unlink($log, "$folder/strace.out");
	my $strace = Bench::Process->start(log => $log,
		argv => ['strace', '-f', '-c', '-o', "$folder/strace.out", map { ('-p', $_) } @pids]);
	for (my $deadline = time() + 10;; sleep(0.01)) {
		my $attached = () = slurp($log) =~ /attached/g;
		last if $attached >= @pids;
		return undef if time() > $deadline || defined $strace->wait_exit(0);
	}
	$work->();
	$strace->stop('INT');
	my %calls;
	for (split(/\n/, slurp("$folder/strace.out"))) {
		my @f = split(' ');
		$calls{$f[-1]} = $f[3] if @f >= 5 && $f[3] =~ /^\d+$/ && $f[-1] ne 'total';
	}
	return \%calls;
}

1;

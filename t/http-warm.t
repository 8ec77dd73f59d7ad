#!/usr/bin/perl
# tier: story
#
# HTTP mode: a request on warm connections costs its worker two receives, two sends and a share of the waiting: no memory is
# allocated or freed, no descriptor registered anew, no timer set, nothing tried in vain. What the worker calls is
# counted from inside (t/calls.c) and a second, longer run is compared with a first: what is done once, or
# once in a while, falls out.
use Sluice;

plan skip_all => 'a sanitizer allocates for itself' if Sluice::sanitizers() ne 'no';
my $tools = Sluice::build_dir() . '/t';
my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my $once = 5000;
my @processes;

END {
	local $?;
	kill(KILL => @processes);
	waitpid($_, 0) for @processes;
}

# The origin answers a request with a body (store) and one without (reply) on connections that stay.
sub origin {
	my ($mode) = @_;
	push @processes, Sluice::spawn(["$tools/bench/origin", $mode, '--bytes', 1024], "$dir/$mode", "$dir/$mode-errors");
	return wait_until { Sluice::slurp("$dir/$mode") =~ /^port (\d+)\n/ ? "127.0.0.1:$1" : 0 } 5, "the origin $mode";
}

my %origin = map { $_ => origin($_) } qw(reply store);
my $lb = Sluice->start(
	config => {
		global => { threads => 1 },
		defaults => { mode => 'http' },
		frontends => { map { $_ => { bind => ['127.0.0.1:0'], default_backend => $_ } } keys %origin },
		backends => { map { $_ => { servers => { s1 => { address => $origin{$_} } } } } keys %origin },
	},
	env => { LD_PRELOAD => "$tools/calls.so", CALLS_FILE => "$dir/calls" },
);
# What the worker has called until now, by name: it is the thread that has received most.
sub calls {
	my $text = Sluice::slurp("$dir/calls");
	my @names = split(' ', $text =~ s/\n.*//sr);
	my $most = { recv => 0 };
	for (my $at = 4096; $at < length($text); $at += 8 * (1 + @names)) {
		my ($thread, @counts) = unpack("Q" . (1 + @names), substr($text, $at, 8 * (1 + @names)));
		my %of = map { $names[$_] => $counts[$_] } 0 .. $#names;
		$most = \%of if $thread && $of{recv} > $most->{recv};
	}
	die "no thread of sluice counts anything\n" if !$most->{recv};
	return $most;
}

# Requests by the bench's load; then the worker is through with its connections, too.
sub load {
	my ($requests, $mode, $frontend, @more) = @_;
	my $address = $lb->address($frontend);
	my $said = `$tools/bench/load $mode --to $address --units $requests @more </dev/null`;
	die "load: $said" if $? || $said !~ /"units":$requests,"errors":0,/;
	wait_until { $lb->get('/v1/info')->{json}{connections}{current} == 0 } 5, 'the end of the connections';
}

# What a request calls, once a first run is taken away from one of twice its length.
sub calls_per_request {
	my @load = @_;
	my @at;
	load($once, @load);		# warm up
	for my $requests (0, $once, 3 * $once) {
		load($requests, @load) if $requests;
		push @at, calls();
	}
	return { map { $_ => ($at[2]{$_} - 2 * $at[1]{$_} + $at[0]{$_}) / (2 * $once) } keys %{$at[0]} };
}

my @none = qw(malloc calloc realloc free memalign mmap munmap epoll_ctl timerfd_settime getsockopt setsockopt
	accept4 socket connect shutdown close again readv splice);
my %scene = (
	'one connection' => ['small', 'reply', '--connections', 1, '--request', 'usual'],
	'32 connections' => ['small', 'reply', '--connections', 32, '--request', 'usual'],
	'a body of 4 KiB' => ['put', 'store', '--connections', 8, '--request', 'put', '--bytes', 4096],
);
for my $name (sort keys %scene) {
	my $calls = calls_per_request(@{$scene{$name}});
	my $in = $calls->{recv} + $calls->{recvmsg};
	my $out = $calls->{send} + $calls->{sendmsg} + $calls->{writev};
	note "$name: ", join(', ', map { sprintf('%s %.3f', $_, $calls->{$_}) } grep { $calls->{$_} } sort keys %$calls);
	cmp_ok abs($in - 2), '<', 0.02, "$name: two receives a request" or diag($in);
	cmp_ok abs($out - 2), '<', 0.02, "$name: two sends" or diag($out);
	cmp_ok $calls->{epoll_wait}, '<', 2.1, "$name: no more turns than sockets that have something to say";
	# libevent's three and ours
	cmp_ok $calls->{clock_gettime}, '<', 4.1 * $calls->{epoll_wait} + 0.01, "$name: the clock is read once a turn";
	for my $call (@none) {
		cmp_ok abs($calls->{$call}), '<', 0.01, "$name: no $call";
	}
}
$lb->stop;
done_testing;

#!/usr/bin/perl
# tier: drill
#
# 1 GiB in each direction at once over one connection arrives byte by byte as it was sent, and the process
# needs no more memory for it than for a line of text; nor does it when the receiver takes nothing for a
# while: then the sender has to wait.
use Sluice;
use Time::HiRes qw(sleep time);

my $blocks = ($ENV{SLUICE_DRILL} // 'short') eq 'long' ? 8192 : 1024;
my $block_bytes = 1024 * 1024;
my $memory_bytes = 16 * 1024 * 1024;
open(my $random, '<:raw', '/dev/urandom') or die "urandom: $!\n";
read($random, my $noise, $block_bytes) == $block_bytes or die "urandom: $!\n";

# No two blocks are equal, so one that is lost, doubled or misplaced is found.
sub block {
	my ($direction, $number) = @_;
	substr($noise, 0, 16) = pack('a8Q>', $direction, $number);
	return \$noise;
}

sub send_all {
	my ($socket, $direction) = @_;
	for my $number (1 .. $blocks) {
		my $block = block($direction, $number);
		for (my $at = 0; $at < $block_bytes; ) {
			$at += syswrite($socket, $$block, $block_bytes - $at, $at) // return "send: $!";
		}
	}
	shutdown($socket, 1);
	return 'good';
}

sub receive_all {
	my ($socket, $direction) = @_;
	for my $number (1 .. $blocks) {
		my $got = '';
		while (length($got) < $block_bytes) {
			my $count = sysread($socket, $got, $block_bytes - length($got), length($got)) // return "block $number: $!";
			return "block $number: the end came early" if $count == 0;
		}
		return "block $number differs" if $got ne ${block($direction, $number)};
	}
	return sysread($socket, my $more, 1) ? 'more than was sent' : 'good';
}

# Both at once, in two processes; what each said.
sub both_ways {
	my ($socket, $out, $in) = @_;
	$socket->blocking(1);
	$SIG{PIPE} = 'IGNORE';
	pipe(my $read, my $write) or die "pipe: $!\n";
	my $parent = $$;
	my $pid = fork() // die "fork: $!\n";
	if ($pid == 0) {
		Sluice::Wait::die_with_parent($parent);
		syswrite($write, send_all($socket, $out));
		POSIX::_exit(0);
	}
	close($write);
	my $received = receive_all($socket, $in);
	my $sent = <$read> // 'nothing';
	waitpid($pid, 0);
	return "sent: $sent, received: $received";
}

my $both = Sluice::Origin->start('both', sub { return both_ways($_[0]->socket, 'back', 'there') });
my $gate = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my $late = Sluice::Origin->start('late', sub {
	my ($conn, $origin) = @_;
	wait_until { -e "$gate/open" } 300;
	return Sluice::Origin::swallow($conn);
});
my $lb = Sluice->start(config => { global => { threads => 1 },
	frontends => { map { $_->name => { mode => 'tcp', bind => ['127.0.0.1:0'], default_backend => $_->name } } $both, $late },
	backends => { map { $_->name => { mode => 'tcp', servers => { a => { address => $_->address } } } } $both, $late } });

subtest 'both ways at once' => sub {
	my $before = $lb->rss_bytes;
	my $began = time;
	my $client = $lb->connect('both');
	pipe(my $read, my $write) or die "pipe: $!\n";
	my $parent = $$;
	my $pid = fork() // die "fork: $!\n";
	if ($pid == 0) {
		Sluice::Wait::die_with_parent($parent);
		syswrite($write, both_ways($client->socket, 'there', 'back'));
		POSIX::_exit(0);
	}
	$client->close;
	close($write);
	my $most = 0;
	wait_until {
		my $now = $lb->rss_bytes;
		$most = $now if $now > $most;
		waitpid($pid, POSIX::WNOHANG()) == $pid;
	} 500, 'the transfer';
	is <$read>, 'sent: good, received: good', 'the client sent and got all, byte by byte';
	ok((becomes { $both->notes } 10), 'the server ended too');
	is join(' ', $both->notes), 'sent: good, received: good', 'and so did the server';
	cmp_ok $most - $before, '<', $memory_bytes, 'in little memory';
	note sprintf('%d MiB each way in %.1f s, memory grew by %d KiB', $blocks, time - $began, ($most - $before) / 1024);
	my $line = $lb->log_line(frontend => 'both');
	is "$line->{bytes_in} $line->{bytes_out}", join(' ', ($blocks * $block_bytes) x 2), 'the log counts them';
};

subtest 'a receiver that takes nothing' => sub {
	my $before = $lb->rss_bytes;
	my @clients = map { $lb->connect('late') } 1 .. 8;
	my $sent = 0;
	for my $client (@clients) {
		for (my $one = -1; $one; ) {		# until the kernel takes no more for half a second
			$one = $client->send(${block('late', 0)}, 0.5);
			$sent += $one;
		}
	}
	cmp_ok $lb->rss_bytes - $before, '<', $memory_bytes, 'senders have to wait, and memory stays';
	note sprintf('%d KiB were taken from 8 senders, memory grew by %d KiB', $sent / 1024, ($lb->rss_bytes - $before) / 1024);
	open(my $out, '>', "$gate/open") or die "$gate/open: $!\n";
	$_->half_close for @clients;
	ok((becomes { $late->notes == @clients } 30), 'then all goes on to the end');
	my $total = 0;
	/^fin after (\d+)$/ ? $total += $1 : fail($_) for $late->notes;
	is $total, $sent, 'and every byte arrives';
};
$lb->stop;
done_testing;

#!/usr/bin/perl
# tier: drill
#
# Bodies of 1 GiB go up and down at once, with a length and in chunks of all sizes, and arrive byte by byte as they were
# sent; the process needs no more memory for it than for a line of text. Nor does it where the receiver takes nothing for a while, on
# either side; and a thousand connections at once are served and given back.
use Sluice;
use Sluice::Http;
use Sluice::HttpOrigin;
use Time::HiRes qw(time);

my $long = ($ENV{SLUICE_DRILL} // 'short') eq 'long';
my $blocks = $long ? 8192 : 1024;
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

sub write_all {
	my ($socket, $bytes) = @_;
	for (my $at = 0; $at < length $$bytes; ) {
		$at += syswrite($socket, $$bytes, length($$bytes) - $at, $at) // return 0;
	}
	return 1;
}

# Small and odd ones, and large ones: where a chunk ends has nothing to do with any buffer.
my @sizes = (1, 15, 16, 4095, 16384, 16385, 65536, 1);
sub chunked {
	my ($block) = @_;
	my ($out, $at) = ('', 0);
	for my $size (@sizes) {
		$out .= sprintf("%x\r\n", $size) . substr($$block, $at, $size) . "\r\n";
		$at += $size;
	}
	return \($out . sprintf("%X;name=value\r\n", $block_bytes - $at) . substr($$block, $at) . "\r\n");
}

my %framing = (length => 'Content-Length: ' . $blocks * $block_bytes, chunks => 'Transfer-Encoding: chunked');

sub send_body {
	my ($socket, $direction, $how) = @_;
	for my $number (1 .. $blocks) {
		my $block = block($direction, $number);
		write_all($socket, $how eq 'chunks' ? chunked($block) : $block) or return "send block $number: $!";
	}
	write_all($socket, \"0\r\n\r\n") or return "send: $!" if $how eq 'chunks';
	return 'good';
}

# A blocking reader of lines and counts.
package Reader {
	sub new { my ($class, $socket) = @_; $socket->blocking(1); return bless { socket => $socket, buffer => '' }, $class }
	sub more {
		my ($self) = @_;
		my $count = sysread($self->{socket}, $self->{buffer}, 262144, length $self->{buffer});
		die defined $count ? "the end came early\n" : "recv: $!\n" if !$count;
	}
	sub line {
		my ($self) = @_;
		my $at;
		$self->more while ($at = index($self->{buffer}, "\r\n")) < 0;
		return substr($self->{buffer}, 0, $at + 2, '') =~ s/\r\n\z//r;
	}
	sub take {
		my ($self, $count) = @_;
		$self->more while length $self->{buffer} < $count;
		return substr($self->{buffer}, 0, $count, '');
	}
	sub head { my ($self) = @_; my @lines; while ((my $line = $self->line) ne '') { push @lines, $line } return @lines }
}

sub receive_body {
	my ($reader, $direction, $how) = @_;
	my $number = 0;
	my $got = '';
	my $compare = sub {
		while (length $got >= $block_bytes) {
			die 'block ' . ($number + 1) . " differs\n" if substr($got, 0, $block_bytes, '') ne ${block($direction, ++$number)};
		}
	};
	if ($how eq 'length') {
		while ($number < $blocks) {
			$got .= $reader->take($block_bytes);
			$compare->();
		}
		return 'good';
	}
	while (1) {
		my $line = $reader->line;
		my ($size) = $line =~ /^([0-9A-Fa-f]+)(?:;|\z)/ or die "no size: $line\n";
		last if hex $size == 0;
		$got .= $reader->take(hex $size);
		$compare->();
		die "no CR LF\n" if $reader->take(2) ne "\r\n";
	}
	die "trailers\n" if $reader->line ne '';
	return $number == $blocks && $got eq '' ? 'good' : "$number blocks";
}

# Both at once, in two processes; what each said.
sub both_ways {
	my ($reader, $out, $in, $how_out, $how_in) = @_;
	pipe(my $read, my $write) or die "pipe: $!\n";
	my $parent = $$;
	$SIG{PIPE} = 'IGNORE';
	my $pid = fork() // die "fork: $!\n";
	if ($pid == 0) {
		Sluice::Wait::die_with_parent($parent);
		syswrite($write, send_body($reader->{socket}, $out, $how_out));
		POSIX::_exit(0);
	}
	close($write);
	my $received = eval { receive_body($reader, $in, $how_in) } // $@;
	my $sent = <$read> // 'nothing';
	waitpid($pid, 0);
	return "sent: $sent, received: $received";
}

my $origin = Sluice::Origin->start('both', sub {
	my ($conn) = @_;
	my $reader = Reader->new($conn->socket);
	my @notes;
	while (my @head = eval { $reader->head }) {	# on the same connection again
		my ($up, $down) = $head[0] =~ m{ /(\w+)/(\w+) };
		write_all($conn->socket, \"HTTP/1.1 200 OK\r\n$framing{$down}\r\n\r\n");
		$conn->{note}->($conn) if $conn->{note};
		push @notes, both_ways($reader, 'back', 'there', $down, $up);
	}
	return join('; ', @notes);
});
my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my $slow = Sluice::HttpOrigin->start('slow', sub {
	my ($request, $conn) = @_;
	if ($request->{method} eq 'PUT') {	# reads late
		wait_until { -e "$dir/go" } 300;
		my ($length) = field($request, 'Content-Length');
		my $got = 0;
		while ($got < $length) {
			my $some = $conn->read_some(60);
			last if $some eq '';
			$got += length $some;
		}
		$request->{whole} = 1;
		return $conn->answer(200, "got $got");
	}
	my $length = 256 * $block_bytes;
	$conn->send("HTTP/1.1 200 OK\r\nContent-Length: $length\r\n\r\n");
	for (my $sent = 0; $sent < $length; ) {
		my $one = $conn->send(${block('slow', 0)}, 300) or last;
		$sent += $one;
	}
	return undef;
});
my $quick = Sluice::HttpOrigin->start('quick');
my $lb = Sluice->start(config => {
	global => { threads => 1, maxconn => 4000 },
	defaults => { mode => 'http', timeout => { client => '120s', server => '120s', http_keep_alive => '120s' } },
	frontends => { map { $_->name => { bind => ['127.0.0.1:0'], default_backend => $_->name } } $origin, $slow, $quick },
	backends => { map { $_->name => { servers => { a => { address => $_->address, maxconn => 200 } } } } $origin, $slow, $quick },
});

# What it needs at most until the block is true.
sub most_memory {
	my ($done) = @_;
	my $most = 0;
	wait_until {
		my $now = $lb->rss_bytes;
		$most = $now if $now > $most;
		$done->();
	} 500, 'the transfer';
	return $most;
}

my $before = $lb->rss_bytes;
{
	my $client = $lb->connect('both');
	my $reader = Reader->new($client->socket);
	for my $way (['length', 'length'], ['chunks', 'chunks']) {
		my ($up, $down) = @$way;
		my $began = time;
		write_all($client->socket, \"PUT /$up/$down HTTP/1.1\r\nHost: a\r\n$framing{$up}\r\n\r\n");
		pipe(my $read, my $write) or die "pipe: $!\n";
		my $parent = $$;
		my $pid = fork() // die "fork: $!\n";
		if ($pid == 0) {
			Sluice::Wait::die_with_parent($parent);
			my @head = $reader->head;
			syswrite($write, "$head[0]; " . both_ways($reader, 'there', 'back', $up, $down));
			POSIX::_exit(0);
		}
		close($write);
		my $most = most_memory(sub { waitpid($pid, POSIX::WNOHANG()) == $pid });
		is <$read>, 'HTTP/1.1 200 OK; sent: good, received: good', "$up up, $down down: the client sent and got all, byte by byte";
		cmp_ok $most - $before, '<', $memory_bytes, 'in little memory';
		note sprintf('%d MiB each way in %.1f s, memory grew by %d KiB', $blocks, time - $began, ($most - $before) / 1024);
		my $line = $lb->log_line(target => "/$up/$down");
		is $line->{termination_state}, '----', 'the log has nothing to say';
		cmp_ok $line->{bytes_in}, '>=', $blocks * $block_bytes, 'but how much it was';
	}
	$client->close;
	$lb->patch('/v1/backends/both/servers/a', { admin_state => 'maint' });
	ok((becomes { $origin->notes } 10), 'the server');
	is_deeply [map { split /; / } $origin->notes], [('sent: good, received: good') x 2], 'says the same, of one connection';
}
{
	my $put = $lb->connect('slow');
	my $bytes = 64 * $block_bytes;
	$put->send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: $bytes\r\n\r\n");
	my $sent = 0;
	for (my $one = -1; $one && $sent < $bytes; ) {		# until the kernel takes no more for half a second
		$one = $put->send(${block('late', 0)}, 0.5);
		$sent += $one;
	}
	cmp_ok $sent, '<', $bytes, 'a server that takes nothing: the client has to wait';
	my @get = map { $lb->connect('slow') } 1 .. 8;
	$_->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") for @get;
	$_->read_until("\r\n\r\n") for @get;
	my $out = sub { $lb->get('/v1/backends/slow')->{json}{status}{bytes}{out} };
	my $last = -1;
	wait_until { my $now = $out->(); my $same = $now == $last; $last = $now; select(undef, undef, undef, 0.3); $same } 30, 'the servers to wait';
	cmp_ok $lb->rss_bytes - $before, '<', $memory_bytes, 'clients that take nothing: so have their servers, and memory stays';
	Sluice::spew("$dir/go", '');
	$sent += $put->send(${block('late', 0)}, 30) while $sent < $bytes;
	is read_answer($put, 'PUT', 60)->{body}, "got $bytes", 'then all arrives';
	$_->close for @get;
	ok((becomes { $lb->get('/v1/backends/slow')->{json}{status}{sessions}{current} == 0 } 20), 'who left is gone');
}
{
	my $count = $long ? 2000 : 600;
	my $fds = $lb->fd_count;
	my @c = map { $lb->connect('quick') } 1 .. $count;
	for my $round (1 .. 3) {
		$_->send("GET /$round HTTP/1.1\r\nHost: a\r\n\r\n") for @c;
		my $good = grep { (read_answer($_, 'GET', 60)->{body} // '') eq "quick\n" } @c;
		is $good, $count, "$count clients at once, round $round";
	}
	cmp_ok $quick->accepted, '<=', 200 * 4, 'the server had no more of them than it takes';
	$_->close for @c;
	$lb->patch('/v1/backends/quick/servers/a', { admin_state => 'maint' });
	ok((becomes { $lb->fd_count <= $fds } 10), 'and every descriptor is given back') or diag($lb->fd_count . " and not $fds");
}
$lb->stop;
done_testing;

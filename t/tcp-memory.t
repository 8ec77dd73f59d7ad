#!/usr/bin/perl
# tier: story
#
# A peer that does not read costs little and bounded memory, however much the other side would like to send: it is
# the sender who waits. When the reader goes on, every byte is there.
use Sluice;
use Digest::SHA;
use Time::HiRes ();

my $streams = 4;
my $blocks = 16;		# far more than sockets hold to send
my $block = pack('N*', map { int rand(2**32) } 1 .. 65536) x 4;		# 1 MiB
my $bytes = $blocks * length $block;
my $flood = Sluice::Origin->start('flood', sub {
	my ($c) = @_;
	$c->send($block, 3600) for 1 .. $blocks;
	return undef;
});
my $deaf = Sluice::Origin->start('deaf', sub {
	my ($c, $origin) = @_;
	$c->read_line(3600);
	wait_until { $origin->{heard}++; grep { $_ eq 'listen' } $origin->notes } 60, 'the word';
	my $digest = Digest::SHA->new(256);
	my $got = 0;
	while ((my $some = $c->read_some(60)) ne '') {
		$digest->add($some);
		$got += length $some;
	}
	return "$got " . $digest->hexdigest;
});
my $lb = Sluice->start(config => {
	defaults => { mode => 'tcp' },
	global => { threads => 2 },
	frontends => { map { $_ => { bind => ['127.0.0.1:0'], default_backend => $_ } } 'flood', 'deaf' },
	backends => { flood => { servers => { a => { address => $flood->address } } },
		deaf => { servers => { a => { address => $deaf->address } } } },
});
my $sanitized = Sluice::sanitizers() ne 'no';		# their allocators keep what is freed
my $whole = Digest::SHA->new(256);
$whole->add($block) for 1 .. $blocks;
my $digest = $whole->hexdigest;

# Bytes that sluice has read for a backend: until nothing more comes, as its own numbers come twice a second.
sub stands_still {
	my ($backend) = @_;
	my ($last, $since) = (-1, 0);
	return becomes {
		my ($sum, %session) = (0);
		for (values %{$lb->get("/v1/sessions?backend=$backend")->{json}}) {
			$sum += $_->{bytes}{in} + $_->{bytes}{out};
		}
		($last, $since) = ($sum, Time::HiRes::time()) if $sum != $last;
		$sum > $streams * 65536 && Time::HiRes::time() - $since > seconds(0.15) ? $sum : 0;
	} 10;
}

# Memory that a worker takes once is no stream's: each gets some bulk first.
$_->read_all(20) for map { $lb->connect('flood') } 1 .. $streams;

subtest 'a client that does not read' => sub {
	my $before = $lb->rss_bytes;
	my @c = map { $lb->connect('flood') } 1 .. $streams;
	my $read = stands_still('flood');
	cmp_ok $read, '>', 0, 'what can be sent was';
	cmp_ok $read, '<', $streams * $bytes / 2, 'the rest waits at the server';
	my $each = ($lb->rss_bytes - $before) / $streams;
	note sprintf('%d KiB of memory each, with %d KiB sent', $each / 1024, $read / $streams / 1024);
	cmp_ok $each, '<', 96 * 1024, 'each stream costs no more than a few buffers' if !$sanitized;
	my $said = '';
	for my $c (@c) {
		my $got = Digest::SHA->new(256);
		while ((my $some = $c->read_some(10)) ne '') {
			$got->add($some);
		}
		$said .= $got->hexdigest eq $digest && !$c->was_reset ? '.' : 'X';
	}
	is $said, '.' x $streams, 'each reads on and gets every byte';
};

subtest 'a server that does not read' => sub {
	my $before = $lb->rss_bytes;
	my @c = map { my $c = $lb->connect('deaf'); $c->send("begin\n"); $c } 1 .. $streams;
	my $all = $block x $blocks;
	my @sent = (0) x @c;
	for my $round (1 .. 20) {			# until nobody takes more
		my $more = 0;
		for my $i (0 .. $#c) {
			my $taken = $c[$i]->send(substr($all, $sent[$i]), 0.01);
			$sent[$i] += $taken;
			$more += $taken;
		}
		last if !$more;
	}
	my $read = stands_still('deaf');
	cmp_ok $read, '>', 0, 'what can be sent was';
	cmp_ok $read, '<', $streams * $bytes / 2, 'the rest waits at the clients, or on the way from them';
	my $each = ($lb->rss_bytes - $before) / $streams;
	note sprintf('%d KiB of memory each', $each / 1024);
	cmp_ok $each, '<', 96 * 1024, 'each stream costs no more than a few buffers' if !$sanitized;
	$deaf->note('note listen');
	for my $i (0 .. $#c) {
		$sent[$i] += $c[$i]->send(substr($all, $sent[$i]), 20);
		$c[$i]->close;
	}
	is scalar(becomes { (grep { $_ eq "$bytes $digest" } $deaf->notes) == $streams ? 'all' : 0 } 20), 'all',
		'each gets every byte when it does';
};

ok +(becomes { $lb->get('/v1/info')->{json}{connections}{current} == 0 } 5), 'nobody is left';
cmp_ok $lb->get('/v1/info')->{json}{pipe_memory_used}, '<=', 16 * 1024 * 1024, 'pipes keep within their budget';
$lb->stop;
undef $lb;
done_testing;

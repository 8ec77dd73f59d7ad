#!/usr/bin/perl
# tier: story
#
# A peer that is slow costs little: bounded memory however much the other side has to send, no busy worker however small the pieces are
# in which it sends. What a slow one sends or takes is whole in the end.
use Sluice;
use Sluice::Http;
use Time::HiRes qw(time);

my $sanitized = Sluice::sanitizers() ne 'no';		# their allocators keep what is freed
my $gib = 1 << 30;
my $block = 'x' x (1 << 20);
my $hint = "HTTP/1.1 103 Hints\r\nLink: </" . 'a' x 4000 . ">\r\n\r\n";

sub flood { my ($c, $bytes) = @_; 1 while $c->send($bytes, 3600) == length $bytes; return undef }

# What a server does by the target of a request.
my %does = (
	length => sub { $_[0]->send("HTTP/1.1 200 OK\r\nContent-Length: $gib\r\n\r\n"); flood($_[0], $block) },
	chunks => sub { $_[0]->send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"); flood($_[0], sprintf("%x\r\n%s\r\n", length $block, $block)) },
	little => sub { $_[0]->send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"); flood($_[0], "1\r\nx\r\n" x 50000) },
	end => sub { $_[0]->send("HTTP/1.1 200 OK\r\n\r\n"); flood($_[0], $block) },
	hints => sub { flood($_[0], $hint x 100) },
	deaf => sub { sleep while 1 },
	early => sub { $_[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"); sleep while 1 },
	drops => sub {
		my ($c) = @_;
		my $answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: " . 'y' x 200 . "\r\n\r\n" . join('', map { "1\r\n$_\r\n" } split //, 'hello' x 40) . "0\r\nA: b\r\n\r\n";
		for my $byte (split //, $answer) {
			$c->send($byte);
			select(undef, undef, undef, 0.0003);
		}
	},
	hello => sub { $_[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello") },
);
my $origin = Sluice::Origin->start('a', sub {
	my ($c, $self) = @_;
	while ($c->read_until("\r\n\r\n", 3600) =~ m{^\S+ /(\w+)[ /].*\r\n\r\n\z}s) {
		$does{$1}->($c);
	}
	return undef;
});
my $lb = Sluice->start(config => {
	global => { threads => 1 },
	defaults => { mode => 'http', timeout => { http_request => '1h' } },
	frontends => { web => { bind => ['127.0.0.1:0'], default_backend => 'app' },
		hasty => { bind => ['127.0.0.1:0'], default_backend => 'app', timeout => { http_request => '400ms' } } },
	backends => { app => { servers => { a => { address => $origin->address } } } },
});

# Bytes that were read for all streams: until nothing more comes, as the numbers come twice a second.
sub stands_still {
	my ($count) = @_;
	my ($last, $since) = (-1, 0);
	return becomes {
		my $sum = 0;
		$sum += $_->{bytes}{in} + $_->{bytes}{out} for values %{$lb->get('/v1/sessions')->{json}};
		($last, $since) = ($sum, time) if $sum != $last;
		$sum > $count * 65536 && time - $since > seconds(0.15) ? $sum : 0;
	} 10;
}

sub nobody { wait_until { $lb->get('/v1/info')->{json}{connections}{current} == 0 } 5, 'the end of the connections' }

# What two more of each of these cost.
sub cost_little {
	my ($name, @begin) = @_;
	subtest $name => sub {
		my $before = $lb->rss_bytes;
		my @c = map { $_->() } @begin, @begin;
		my $moved = stands_still(scalar @c);
		cmp_ok $moved, '>', 0, 'what can be sent was';
		cmp_ok $moved, '<', @c * $gib / 16, 'the rest waits with who sends it';
		my $each = ($lb->rss_bytes - $before) / @c;
		note sprintf('%d KiB of memory each, with %d KiB moved', $each / 1024, $moved / @c / 1024);
		cmp_ok $each, '<', 160 * 1024, 'each costs no more than a few buffers' if !$sanitized;
		$_->reset for @c;
		nobody();
	};
}

sub asks { my ($target) = @_; return sub { my $c = $lb->connect('web'); $c->send("GET /$target HTTP/1.1\r\nHost: a\r\n\r\n"); $c } }

sub sends {
	my ($head, $bytes) = @_;
	return sub {
		my $c = $lb->connect('web');
		$c->send("$head\r\n\r\n");
		1 while $c->send($bytes, 0.05) == length $bytes;
		return $c;
	};
}

# Memory that a worker takes once is no stream's.
$_->read_exactly(4 << 20) && $_->reset for map { asks($_)->() } qw(length chunks length chunks);
nobody();
cost_little('clients that do not read', map { asks($_) } qw(length chunks little end hints));
cost_little('servers that do not read, nor do those that have answered', sends("POST /deaf HTTP/1.1\r\nHost: a\r\nContent-Length: $gib", $block),
	sends("POST /deaf HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked", sprintf("%x\r\n%s\r\n", length $block, $block)),
	sends("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: $gib", $block));

sub cpu_of { my ($part) = @_; my $before = $lb->cpu_seconds; $part->(); return $lb->cpu_seconds - $before }

subtest 'a request byte by byte' => sub {
	my @c = map { $lb->connect('web') } 1 .. 4;
	my $body = join '', map { sprintf("1;x=y\r\n%s\r\n", $_) } split //, 'hello' x 50;
	my $text = "POST /hello HTTP/1.1\r\nHost: a\r\n" . 'X: ' . 'y' x 14000 . "\r\nTransfer-Encoding: chunked\r\n\r\n${body}0\r\n\r\n";
	my $cpu = cpu_of(sub {
		for my $at (0 .. length($text) - 1) {
			syswrite($_->socket, substr($text, $at, 1)) for @c;
		}
	});
	is join(' ', map { read_answer($_)->{body} } @c), 'hello hello hello hello', 'it is served in the end';
	note sprintf('%.1f us of CPU a byte', $cpu * 1e6 / (@c * length $text));
	cmp_ok $cpu, '<', 60e-6 * @c * length $text, 'and was cheap' if !$sanitized;
	$_->close for @c;
};

subtest 'an answer byte by byte' => sub {
	my $c = asks('drops')->();
	my $answer = read_answer($c);
	is $answer->{body}, 'hello' x 40, 'it comes';
	is length(field($answer, 'X')), 200, 'with its head';
	is $answer->{trailers}[0][0], 'A', 'and its trailers';
	$c->close;
};

subtest 'many who have begun a request' => sub {
	nobody();
	my $before = $lb->rss_bytes;
	my @c = map { my $c = $lb->connect('hasty'); $c->send("GET /hello HTTP/1.1\r\nHost: "); $c } 1 .. 200;
	my $most = 0;
	becomes { my $now = $lb->rss_bytes; $most = $now if $now > $most; $lb->log_lines(frontend => 'hasty') == @c } 5;
	note sprintf('%d KiB each', ($most - $before) / 1024 / @c);
	cmp_ok +($most - $before) / @c, '<', 32 * 1024, 'each costs no more than a buffer and what an exchange is' if !$sanitized;
	my @answers = map { (answers_in($_->read_all))[0]{status} // 'none' } @c;
	is_deeply [grep { $_ ne '408' } @answers], [], 'each is told, and closed';
	$_->close for @c;
	nobody();
};

$lb->stop;
undef $lb;
done_testing;

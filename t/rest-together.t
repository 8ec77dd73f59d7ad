#!/usr/bin/perl
# tier: story
# Several orchestrators write at the same time, to the same few names: small writes, large ones that are
# planned beside the loop, dry runs, deletions of what another one is just changing; now and then the disk
# has no room. Every answer is one that fits, and what is there in the end is what works.
use Sluice;
use JSON::PP ();

srand(my $seed = $ENV{SLUICE_TEST_SEED} // 7);
my $json = JSON::PP->new->canonical;
my $origin = Sluice::Origin->start('a', 'greet');
my $lb = Sluice->start(state => 1, config => {
	global => { threads => 2 },
	frontends => { web => { bind => ['127.0.0.1:0'], default_backend => 'app' } },
	backends => { app => { servers => { steady => { address => $origin->address } } } },
});

# 700 resources: what many inherit from goes to the helper thread, whatever its size.
is $lb->put('/v1/backends/many', { servers => { map { ("m$_" => { address => '127.0.0.1:9' }) } 1 .. 700 } })->{status}, 201,
	'a backend of 700 servers';

sub pick { return $_[rand @_] }
sub server { return { address => $origin->address, weight => int rand 3, (rand() < 0.3 ? (backup => JSON::PP::true) : ()) } }

# One random write: method, path, body, statuses that fit.
sub anything {
	my $b = pick('b1', 'b2');
	my $s = "/v1/backends/$b/servers";
	my $name = pick('s1', 's2', 's3');
	return pick(
		sub { ('PUT', "/v1/backends/$b", { servers => { map { ($_ => server()) } 's1', 's3' } }, 200, 201) },
		sub { ('DELETE', "/v1/backends/$b", undef, 204, 404, 409) },
		sub { ('PUT', "$s/$name", server(), 200, 201, 404) },
		sub { ('PATCH', "$s/$name", { weight => int rand 9 }, 200, 404) },
		sub { ('DELETE', "$s/$name" . pick('', '?force=true'), undef, 204, 404) },
		sub { ('PATCH', $s, { s1 => undef, s2 => server() }, 200, 404) },
		sub { ('PUT', '/v1/frontends/f', { bind => ['127.0.0.1:0'], default_backend => $b }, 200, 201, 422) },
		sub { ('DELETE', '/v1/frontends/f', undef, 204, 404) },
		sub { ('PATCH', '/v1/defaults', { default_server => { maxconn => int rand 50 }, comment => 'x' x 300_000 }, 422) },
		sub { ('PATCH', '/v1/defaults', { default_server => { maxconn => int rand 50 } }, 200) },
		sub { ('PATCH', '/v1/backends/many?depth=0', { comment => 'c' . int rand 99 }, 200) },
		sub { ('PATCH', '/v1/backends?depth=0&dry_run=true', { map { ("d$_" => { comment => 'y' x 1000 }) } 1 .. 300 }, 200) },
		sub { ('PATCH', '/v1/admin', { hosts => [pick('x', 'y')] }, 200) },
		sub { ('GET', '/v1/config', undef, 200) },
		sub { ('GET', pick($s, "$s/$name", "$s/$name/sessions", '/v1/sessions?backend=b1'), undef, 200, 404) },
	)->();
}

# Eight connections, each with a write under way at all times.
my @clients = map { { client => Sluice::Client->connect($lb->admin_address) } } 1 .. 8;
my (%seen, @odd, $full);

sub ask {
	my ($c) = @_;
	my ($method, $path, $body, @fits) = anything();
	my $text = defined $body ? $json->encode($body) : '';
	$c->{asked} = "$method $path";
	$c->{fits} = { map { $_ => 1 } @fits };
	$c->{client}->send("$method $path HTTP/1.1\r\nHost: localhost\r\nContent-Length: " . length($text) . "\r\n\r\n$text");
}

sub answer {
	my ($c) = @_;
	my $head = $c->{client}->read_until("\r\n\r\n", 20);
	my ($status) = $head =~ m{^HTTP/1\.1 (\d+)};
	if ($head =~ /^content-length: (\d+)/mi) {
		$c->{client}->read_exactly($1, 20);
	} elsif ($head =~ /^transfer-encoding: chunked/mi) {
		while ($c->{client}->read_line(20) =~ /^([0-9a-f]+)/i) {
			$c->{client}->read_exactly(hex($1) + 2, 20);
			last if hex($1) == 0;
		}
	}
	$status //= 0;
	$seen{$status}++;
	# 204 instead of the resource: another one has taken it away since it was in force
	return if $status == 503 && $c->{asked} !~ /^GET/ && $full;
	push @odd, "$c->{asked}: $status" if !$c->{fits}{$status} && !($status == 204 && $c->{asked} =~ /^P/);
}

ask($_) for @clients;
# No file of the process may grow for a while, as if the disk were full.
sub room {
	system('prlimit', '--pid', $lb->pid, "--fsize=$_[0]:unlimited") == 0 or die "prlimit: $?\n";
}

for my $round (1 .. 48) {
	if ($round % 16 == 0) {
		room(4096);
		$full = 1;
	}
	room('unlimited') if $round % 16 == 6;
	for my $c (@clients) {
		answer($c);
		ask($c);
	}
}
room('unlimited');
answer($_) for @clients;
$_->{client}->close for @clients;
is "@odd", '', "every answer fits (seed $seed: " . join(', ', map { "$seen{$_} of $_" } sort keys %seen) . ')';

# What is there works, and is what is saved.
is $lb->connect('web')->read_line, 'a', 'traffic flows';
is $lb->get('/readyz')->{status}, 200, 'all is in force';
my $writes = $lb->get('/v1/info')->{json}{writes};
is_deeply [@{$writes}{qw(waiting under_way overdue)}], [0, 0, 0], 'nothing is left under way';
ok $writes->{failed_commits} > 0, 'though some could not be saved';
my $config = $lb->get('/v1/config?view=config')->{json};
my $etags = join ' ', map { $lb->get("/v1/$_?view=config&depth=0")->{headers}{etag} } 'config', 'backends', 'frontends', 'backends/many';
$lb->restart;
is_deeply $lb->get('/v1/config?view=config')->{json}, $config, 'after a restart the document is the same';
is join(' ', map { $lb->get("/v1/$_?view=config&depth=0")->{headers}{etag} } 'config', 'backends', 'frontends', 'backends/many'), $etags,
	'and so are the ETags, of what was deleted too';

$lb->stop;
undef $lb;
done_testing;

#!/usr/bin/perl
# tier: drill, beside others
#
# Whoever moves over from HAProxy reads termination states by heart. All scenes of t/lib/Sluice/HttpEnds.pm are played behind
# HAProxy and behind sluice; what the log says, the status and what the client saw have to be the same. Where they are not,
# the table says so, and why.
use Sluice;
use Fcntl qw(F_SETFD);
use IO::Socket::IP;
use IO::Socket::UNIX;
use Sluice::HttpEnds;

plan skip_all => 'haproxy is not installed' if system('command -v haproxy >/dev/null') != 0;
my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my $owner = $$;
my @names = sort keys %{ends()};

# HAProxy gets its listening sockets from us: no port has to be guessed.
my (%socket, $haproxy);

sub rule {
	my ($action, %more) = @_;
	$more{'content-type'} = delete $more{content_type} if $more{content_type};
	return join ' ', $action, map { "$_ $more{$_}" } sort keys %more;
}

sub haproxy_config {
	my $text = "global\n\tmaxconn 1000\n\tstats socket unix\@$dir/stats level admin\n\tnbthread 1\n"
		. "defaults\n\tmode http\n\toption httplog\n\tlog stdout format raw local0\n\tbalance roundrobin\n";
	for my $name (@names) {
		my ($case, $id, $timeout) = (ends->{$name}, ends_id($name), ends_timeouts($name));
		my $fd = fileno($socket{$id});
		$text .= "frontend $id\n\tbind fd\@$fd\n" . ($case->{no_backend} ? '' : "\tdefault_backend $id\n");
		$text .= "\ttimeout " . s/_/-/gr . " $timeout->{$_}\n" for qw(client http_request http_keep_alive);
		$text .= "\thttp-request " . rule(@{$case->{rules}}) . "\n" if $case->{rules};
		$text .= "backend $id\n\tretries " . ($case->{retries} // 0) . "\n";
		$text .= "\ttimeout $_ $timeout->{$_}\n" for qw(connect server queue);
		$text .= "\tserver s1 $_" . ($case->{maxconn} ? " maxconn $case->{maxconn}" : '') . ($case->{maxqueue} ? " maxqueue $case->{maxqueue}" : '') . ($case->{disabled} ? ' disabled' : '') . "\n"
			for ends_addresses($name);
	}
	return $text;
}

sub haproxy_start {
	for my $id (map { ends_id($_) } @names) {
		$socket{$id} = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 128) // die "listen: $!\n";
		fcntl($socket{$id}, F_SETFD, 0);
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

sub haproxy_says {
	my $c = Sluice::Client->connect("unix:$dir/stats");
	$c->send("$_[0]\n");
	return $c->read_all;
}

my $haproxy_side = {
	address => sub { '127.0.0.1:' . $socket{$_[0]}->sockport },
	numbers => sub {
		my ($id) = @_;
		my ($row) = grep { $_->[0] eq $id && $_->[1] eq 'BACKEND' } map { [split /,/] } split /\n/, haproxy_says('show stat');
		return ($row->[4], $row->[2]);
	},
	end => sub { haproxy_says("shutdown sessions server $_[0]/s1") },
	lines => sub {
		my ($id) = @_;
		my @lines = grep { / $id(?: |\/)/ } split /\n/, Sluice::slurp("$dir/haproxy-log");
		return map { m{^(\S+) \[.*?\] \S+ \S+ \S+ (-?\d+) \+?\d+ \S+ \S+ (\S{4}) } ? [$1, $3, $2 eq '-1' ? '-' : $2] : die "not understood: $_\n" } @lines;
	},
};

my $lb = Sluice->start(config => sluice_config(@names));
haproxy_start();
my %theirs = ends_of($haproxy_side, 'haproxy', @names);
my %ours = ends_of(sluice_side($lb), 'is', @names);
for my $name (@names) {
	my $case = ends->{$name};
	if ($case->{haproxy}) {
		my $pattern = $case->{haproxy} =~ s/(?<= )\||\*/\\$&/gr;
		like "$theirs{$name} || $ours{$name}", qr/^$pattern \|\| \Q$case->{is}\E$/, "$name: different, because $case->{why}";
	} else {
		is $theirs{$name}, $ours{$name}, "$name: $ours{$name}";
	}
}
$lb->stop;
undef $lb;
done_testing;

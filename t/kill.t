#!/usr/bin/perl
# tier: drill
#
# Three clients change backends and frontends over REST as fast as they are answered: single servers,
# several members at once, several objects by one patch of the document. The process is killed with
# SIGKILL at any moment and started again on its state directory. What was answered 2xx must be there.
# Of each client at most one change was under way: it is there whole or not at all.
use Sluice;
use HTTP::Tiny;
use JSON::PP ();
use Time::HiRes qw(sleep);

my $rounds = ($ENV{SLUICE_DRILL} // 'short') eq 'long' ? 300 : 40;
my $json = JSON::PP->new->canonical->utf8;
my $address = '127.0.0.1:9';		# nobody connects: the servers only have to exist

# A client's n-th change: the request, and what it makes of its part of the document.
sub backend_change {
	my ($backend, $n) = @_;
	my $base = "/v1/backends/$backend";
	my $all = { comment => "$n", weight => $n % 257 };
	my $new = { address => $address, comment => "$n" };
	return ([PATCH => "$base/servers", { a => $all, b => $all, c => $all, "m$n" => $new }],
		sub { @{$_[0]}{'a', 'b', 'c', "m$n"} = ($n) x 4 }) if $n % 4 == 0;
	return ([PUT => "$base/servers/x$n", $new], sub { $_[0]{"x$n"} = $n }) if $n % 4 == 1;
	my $old = $n - 2;
	return ([DELETE => "$base/servers/m$old"], sub { delete $_[0]{"m$old"} }) if $n % 4 == 2;
	my $part = { comment => "$n", servers => { a => { comment => "$n" }, "x$old" => undef } };
	return ([PATCH => '/v1/config', { backends => { $backend => $part } }],
		sub { @{$_[0]}{'', 'a'} = ($n, $n); delete $_[0]{"x$old"} });
}

sub frontend_change {
	my ($prefix, $n) = @_;
	my $old = $n - 1;
	return ([PUT => "/v1/frontends/$prefix$n", { mode => 'tcp', bind => ['127.0.0.1:0'],
		default_backend => 'w1', comment => "$n" }], sub { $_[0]{"$prefix$n"} = $n }) if $n % 2;
	return ([DELETE => "/v1/frontends/$prefix$old"], sub { delete $_[0]{"$prefix$old"} });
}

# What is there, as name => comment; '' is the backend itself.
sub backend_seen {
	my ($lb, $backend) = @_;
	my $seen = $lb->get("/v1/backends/$backend?view=config")->{json};
	my %part = map { $_ => $seen->{servers}{$_}{comment} } keys %{$seen->{servers}};
	$part{''} = $seen->{comment};
	return \%part;
}

sub frontend_seen {
	my ($lb) = @_;
	my $seen = $lb->get('/v1/config')->{json}{frontends} // {};
	return { map { $_ => $seen->{$_}{comment} } keys %$seen };
}

my @clients = (
	(map { my $name = $_; { name => $name, change => sub { backend_change($name, @_) },
		seen => sub { backend_seen(shift, $name) } } } 'w1', 'w2'),
	{ name => 'f', change => sub { frontend_change('f', @_) }, seen => \&frontend_seen },
);

# A client's process: changes n + 1, n + 2, ...; each that was answered 2xx goes into the pipe.
sub client_run {
	my ($client, $admin, $out) = @_;
	my $http = HTTP::Tiny->new(timeout => 20);
	for (my $n = $client->{n} + 1; ; $n++) {
		my ($request) = $client->{change}->($n);
		my ($method, $path, $body) = @$request;
		my $answer = $http->request($method, "http://$admin$path", defined $body
			? { content => $json->encode($body), headers => { 'Content-Type' => 'application/json' } } : {});
		return if $answer->{status} == 599;		# the process is gone
		if (!$answer->{success}) {
			syswrite($out, "refused: $method $path: $answer->{status} $answer->{content}\n");
			return;
		}
		syswrite($out, "$n\n");
	}
}

sub client_start {
	my ($client, $admin) = @_;
	pipe(my $in, my $out) or die "pipe: $!\n";
	my $parent = $$;
	$client->{pid} = fork() // die "fork: $!\n";
	if ($client->{pid} == 0) {
		Sluice::Wait::die_with_parent($parent);
		eval { client_run($client, $admin, $out) };
		POSIX::_exit(0);
	}
	@$client{'in', 'told', 'began'} = ($in, $client->{n}, 0);
}

# Its first acknowledgement: from here on the kill meets it at work.
sub client_begun {
	my ($client) = @_;
	my $in = $client->{in};
	my $line = <$in> // 'nothing';
	chomp $line;
	if ($line !~ /^\d+$/) {
		diag("$client->{name}: $line");
		return 0;
	}
	$client->{told} = $line;
	return 1;
}

sub client_end {
	my ($client) = @_;
	my $in = $client->{in};
	my $good = 1;
	while (my $line = <$in>) {
		chomp $line;
		$good = 0, diag("$client->{name}: $line") if $line !~ /^\d+$/;
		$client->{told} = $line if $line =~ /^\d+$/;
	}
	close($in);
	waitpid($client->{pid}, 0);
	return $good;
}

# Bring the model to what is there: all that was told, and perhaps one more.
sub client_agrees {
	my ($client, $lb) = @_;
	my $seen = $json->encode($client->{seen}->($lb));
	my $model = $client->{model};
	while ($client->{n} < $client->{told}) {
		my (undef, $apply) = $client->{change}->(++$client->{n});
		$apply->($model);
	}
	my $told = $json->encode({ map { $_ => "$model->{$_}" } keys %$model });
	return 1 if $seen eq $told;
	my (undef, $apply) = $client->{change}->(++$client->{n});
	$apply->($model);
	my $next = $json->encode({ map { $_ => "$model->{$_}" } keys %$model });
	return 1 if $seen eq $next;
	diag("$client->{name} was told $client->{told}:\n$told\nnext would be\n$next\nthere is\n$seen");
	return 0;
}

my $lb = Sluice->start(state => 1);
for my $backend ('w1', 'w2') {
	my %servers = map { $_ => { address => $address, comment => '0' } } 'a', 'b', 'c', 'm0';
	my $made = $lb->put("/v1/backends/$backend", { mode => 'tcp', comment => '0', servers => \%servers });
	is $made->{status}, 201, "a backend for client $backend" or diag($made->{text});
}
@$_{'n', 'model'} = (0, $_->{name} eq 'f' ? {} : { '' => 0, a => 0, b => 0, c => 0, m0 => 0 }) for @clients;

my $changes = 0;
for my $round (1 .. $rounds) {
	my $before = $changes;
	client_start($_, $lb->admin_address) for @clients;
	my $good = 1;
	$good &= client_begun($_) for @clients;
	sleep(rand(0.15));
	$lb->kill('KILL');
	$lb->wait_exit;
	$good &= client_end($_) for @clients;
	$changes += $_->{told} - $_->{n} for @clients;
	ok $good, "round $round: each client was answered until the kill";
	$lb->restart;
	$good = 1;
	$good &= client_agrees($_, $lb) for @clients;
	ok $good, 'round ' . $round . ': all ' . ($changes - $before) . ' acknowledged changes are there, and nothing half';
	last if !$good;
}
note "$changes changes acknowledged, $rounds kills";
$lb->stop;
$lb->restart;
ok client_agrees($_, $lb), "$_->{name}: the same after an orderly end" for @clients;
$lb->stop;
done_testing;

#!/usr/bin/perl
# tier: story
#
# Started as root with a user: root is given up for good, but for low ports that REST may open later; what
# is saved belongs to the user.
use Sluice;
use IO::Socket::IP;

plan skip_all => 'only root can change to another user' if $> != 0;
my ($uid, $gid) = (getpwnam('nobody'))[2, 3];
plan skip_all => 'there is no user nobody' if !defined $uid;

my $home = File::Temp->newdir;
chmod 0755, "$home";
my $state = "$home/state";

sub start {
	my ($global) = @_;
	my $lb = Sluice->start(config => { global => $global }, args => ['--state-dir', $state, '--threads', '1']);
	chmod 0755, $lb->dir;
	return $lb;
}

sub status_of {
	my ($lb) = @_;
	my %field;
	for my $task (glob('/proc/' . $lb->pid . '/task/*/status')) {
		my $text = Sluice::slurp($task);
		$field{$1}{$2}++ while $text =~ /^(\w+):\s*(.*?)\s*$/mg;
	}
	return sub { join ' | ', sort keys %{$field{$_[0]}} };
}

sub owners { return join ' ', sort { $a <=> $b } keys %{{ map { ((lstat)[4] => 1) } @_ }} }

# A port below 1024 that is free.
sub low_port {
	for my $port (reverse 600 .. 1000) {
		my $socket = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => $port, Listen => 1) or next;
		$socket->close;
		return $port;
	}
	die "no free port below 1024\n";
}

subtest 'first as root' => sub {
	my $lb = start({});
	$lb->put('/v1/backends/app', { mode => 'tcp' });
	is owners($state, glob("$state/*")), 0, 'what is saved is root\'s';
	$lb->stop;
};

subtest 'then as a user' => sub {
	my $lb = start({ user => 'nobody' });
	my $status = status_of($lb);
	is $status->('Uid'), join("\t", ($uid) x 4), 'all threads are the user, in each way';
	is $status->('Gid'), join("\t", ($gid) x 4), 'of its group';
	unlike $status->('Groups'), qr/\b0\b/, 'and root\'s groups are gone';
	is $status->($_), '0000000000000400', "$_: CAP_NET_BIND_SERVICE alone" for 'CapEff', 'CapPrm';
	is owners($state, glob("$state/*")), $uid, 'what root had saved is the user\'s now';
	my $port = low_port();
	is $lb->put('/v1/frontends/low', { mode => 'tcp', bind => ["127.0.0.1:$port"] })->{status}, 201, "port $port by REST";
	ok eval { Sluice::Client->connect("127.0.0.1:$port") }, 'listens';
	SKIP: {
		skip 'root may not raise the limit here', 1 if system('sh', '-c', 'ulimit -Hn 100000 2>/dev/null') != 0;
		is $lb->patch('/v1/global', { maxconn => 40000 })->{status}, 200, 'more descriptors are had without root';
	}
	my $refused = $lb->patch('/v1/global', { user => 'root' });
	is $refused->{status}, 409, 'no way back by REST';
	is $lb->delete('/v1/frontends/low')->{status}, 204, 'the port goes';
	is owners(glob("$state/*")), $uid, 'new files are the user\'s, too';
	$lb->stop;

	my $run = Sluice->run('--state-dir', $state, '--admin', '127.0.0.1:0');
	is $run->{exit}, 1, 'started as root without the file that names the user';
	like $run->{stderr}, qr/global\.user "nobody".*-f FILE/, 'it does not stay root';
};

subtest 'by a user who is none' => sub {
	my $run = Sluice->run({ config => { global => { user => 'nobody-here' } } }, '--admin', '127.0.0.1:0');
	is $run->{exit}, 1, 'an unknown user';
	like $run->{stderr}, qr/global\.user: there is no user "nobody-here"/, 'says so';
	$run = Sluice->run({ config => { global => { group => 'nogroup-here' } } }, '--admin', '127.0.0.1:0');
	like $run->{stderr}, qr/global\.group: there is no group "nogroup-here"/, 'an unknown group';
};

subtest 'as somebody else from the start' => sub {
	plan skip_all => 'no setpriv' if system('setpriv --reuid nobody --clear-groups true 2>/dev/null') != 0;
	my $as = ['setpriv', '--reuid', $uid, '--regid', $gid, '--clear-groups'];
	my $dir = File::Temp->newdir;
	chmod 0755, "$dir";
	for my $user ('nobody', 'root') {
		Sluice::spew("$dir/$user.json", qq({"global":{"user":"$user"}}));
		my $pid = Sluice::spawn([@$as, Sluice::launcher(), Sluice::binary(), '-f', "$dir/$user.json", '--admin', '127.0.0.1:0'],
			"$dir/$user.out", "$dir/$user.err", {});
		becomes { Sluice::slurp("$dir/$user.out") =~ /^admin/ || Sluice::slurp("$dir/$user.err") =~ /only root/ } 5;
		kill TERM => $pid if $user eq 'nobody';
		waitpid($pid, 0);
		is $? >> 8, $user eq 'nobody' ? 0 : 1, "$user in the file: " . ($user eq 'nobody' ? 'runs' : 'does not start');
	}
	like Sluice::slurp("$dir/root.err"), qr/only root can change to another user/, 'and says why';
};

done_testing;

#!/usr/bin/perl
# tier: drill
#
# Programs that people use speak through TCP mode to servers that they use: wrk and curl to a web server,
# redis-cli and redis-benchmark to Redis, psql and pgbench to PostgreSQL, ssh and scp to sshd. Servers are the
# test's own, in a folder of its own, on Unix sockets or ports that the kernel picks.
use Sluice;
use Sluice::Neighbour;
use Digest::SHA ();
use File::Path qw(make_path);

my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my $size = ($ENV{SLUICE_DRILL} // 'short') eq 'long' ? 512 * 1024 * 1024 : 32 * 1024 * 1024;
my $owner = $$;
my %processes;		# pid => the signal that ends it in order

sub end_process {
	my ($pid) = @_;
	kill(delete $processes{$pid} => $pid);
	return if becomes { waitpid($pid, POSIX::WNOHANG()) } 5;
	kill(KILL => $pid);
	waitpid($pid, 0);
}

END {
	if ($$ == $owner) {
		local $?;
		end_process($_) for keys %processes;
	}
}

sub begin_process {
	my ($signal, $name, @command) = @_;
	my $pid = Sluice::spawn(\@command, "$dir/$name-out", "$dir/$name-out");
	$processes{$pid} = $signal;
	return $pid;
}

sub has {
	my (@programs) = @_;
	my @missing = grep { system("command -v $_ >/dev/null") != 0 } @programs;
	plan skip_all => "not installed: @missing" if @missing;
}

# Runs it: (whether it ended with 0, what it said).
sub run {
	my (@command) = @_;
	my ($in, $out) = ('/dev/null', "$dir/run-out");
	($in, $out) = splice(@command, 0, 2) if ref $command[0];
	($in, $out) = map { ref $_ ? $$_ : $_ } $in, $out;
	my $pid = fork() // die "fork: $!\n";
	if ($pid == 0) {
		open(STDIN, '<', $in) and open(STDOUT, '>', $out) and open(STDERR, '>', "$dir/run-err");
		exec('timeout', 120, @command) or POSIX::_exit(127);
	}
	waitpid($pid, 0);
	my $ok = $? == 0;
	diag("@command: status " . ($? >> 8) . "\n" . Sluice::slurp("$dir/run-err")) if !$ok;
	return wantarray ? ($ok, Sluice::slurp($out)) : $ok;
}

sub digest {
	my ($path) = @_;
	return Digest::SHA->new(256)->addfile($path, 'b')->hexdigest;
}

my $lb = Sluice->start(state => 1);

# A way through to a server: the port to connect to.
sub through {
	my ($name, $address) = @_;
	is $lb->put("/v1/backends/$name", { mode => 'tcp', servers => { a => { address => $address } } })->{status},
		201, "a backend for $name";
	is $lb->put("/v1/frontends/$name", { mode => 'tcp', bind => ['127.0.0.1:0'], default_backend => $name })->{status},
		201, 'and a frontend';
	return $lb->bind_port($name);
}

# A file that compresses to nothing less: what arrives is what was sent.
my $file = "$dir/file";
{
	open(my $in, '<:raw', '/dev/urandom') or die "urandom: $!\n";
	open(my $out, '>:raw', $file) or die "$file: $!\n";
	read($in, my $noise, 1024 * 1024);
	print $out pack('Q>', $_), $noise for 1 .. $size / 1024 / 1024;
	close($out) or die "$file: $!\n";
}
my $digest = digest($file);
$size = -s $file;

subtest 'curl and wrk' => sub {
	has('curl', 'wrk');
	plan skip_all => $_ for Sluice::Neighbour::missing('nginx');
	my $web = Sluice::Neighbour->nginx(
		'server { listen $ADDRESS; root $DIR/www; location /put/ { dav_methods PUT; } location / { return 200 "web\n"; } location /file { } }');
	mkdir $web->file('www/put');
	chmod(0777, $web->file('www/put'));
	link($file, $web->file('www/file')) or die "link: $!\n";
	my $url = 'http://127.0.0.1:' . through('web', $web->address);

	my ($ok, $said) = run('curl', '-sSf', "$url/one", "$url/two");
	ok $ok, 'two requests over one connection';
	like $said, qr/web.*web/s, 'and two answers';
	ok run(\'/dev/null', \"$dir/got", 'curl', '-sSf', "$url/file"), 'a large answer';
	is digest("$dir/got"), $digest, 'arrives as it was';
	ok run('curl', '-sSf', '-T', $file, "$url/put/file"), 'a large request';
	is digest($web->file('www/put/file')), $digest, 'so does it';
	unlink $web->file('www/put/file');
	ok run('curl', '-sSf', '-H', 'Connection: close', "$url/"), 'a connection that the server closes';

	($ok, $said) = run('wrk', '-t2', '-c50', '-d2s', $url);
	ok $ok, 'wrk';
	like $said, qr/\d+ requests in/, 'has answers';
	unlike $said, qr/Socket errors|Non-2xx/, 'to all its requests' or diag($said);
};

subtest 'Redis' => sub {
	has('redis-server', 'redis-cli', 'redis-benchmark');
	my $socket = "$dir/redis.sock";
	begin_process(TERM => 'redis', 'redis-server', '--port', 0, '--unixsocket', $socket, '--dir', "$dir",
		'--save', '', '--appendonly', 'no', '--daemonize', 'no');
	wait_until { -S $socket } 10, 'Redis';
	my $port = through('redis', "unix:$socket");
	my @cli = ('redis-cli', '-h', '127.0.0.1', '-p', $port);

	is((run(@cli, 'ping'))[1], "PONG\n", 'redis-cli is answered');
	ok run(\$file, \"$dir/run-out", @cli, '-x', 'set', 'file'), 'a large value goes';
	is((run(@cli, 'strlen', 'file'))[1], "$size\n", 'as long as it is');
	ok run(\'/dev/null', \"$dir/got", @cli, 'get', 'file'), 'and comes back';
	truncate("$dir/got", -s $file);			# redis-cli adds a newline
	is digest("$dir/got"), $digest, 'as it was';
	my ($ok, $said) = run('redis-benchmark', '-h', '127.0.0.1', '-p', $port, '-n', 50000, '-c', 40, '-P', 8,
		'-q', '-t', 'set,get,lpush');
	ok $ok, 'redis-benchmark, pipelined';
	unlike $said . Sluice::slurp("$dir/run-err"), qr/error|reset|refused/i, 'without an error';
	# a subscriber waits in silence, then hears
	my $subscriber = begin_process(TERM => 'subscriber', @cli, '--csv', 'subscribe', 'news');
	wait_until { Sluice::slurp("$dir/subscriber-out") =~ /subscribe/ } 5, 'the subscription';
	is((run(@cli, 'publish', 'news', 'hello'))[1], "1\n", 'one subscriber');
	ok((becomes { Sluice::slurp("$dir/subscriber-out") =~ /hello/ } 5), 'hears of it');
	end_process($subscriber);
};

subtest 'PostgreSQL' => sub {
	my ($bin) = map { m{^(.*)/postgres$} } reverse sort glob('/usr/lib/postgresql/*/bin/postgres');
	plan skip_all => 'not installed: postgresql' if !$bin;
	# it does not run as root
	my @as = $> != 0 ? () : ('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--pdeathsig', 'INT');
	my $home = "$dir/pg";
	make_path($home);
	chmod(0711, "$dir");
	chown(65534, 65534, $home) if $> == 0;
	chdir($home);			# where it may be: initdb and postgres look at it
	ok run(@as, "$bin/initdb", '-D', "$home/data", '-U', 'tester', '-A', 'trust', '--no-sync', '--no-locale', '-E', 'UTF8'), 'a database of its own';
	begin_process(INT => 'postgres', @as, "$bin/postgres", '-D', "$home/data", '-F', '-k', $home, '-h', '', '-p', 5432);
	wait_until { -S "$home/.s.PGSQL.5432" && run("$bin/pg_isready", '-q', '-h', $home, '-p', 5432) } 30, 'PostgreSQL';
	chdir('/');
	my $port = through('postgres', "unix:$home/.s.PGSQL.5432");
	my @to = ('-h', '127.0.0.1', '-p', $port, '-U', 'tester');
	my @psql = ("$bin/psql", '-X', '-q', '-A', '-t', @to, '-d', 'postgres');

	is((run(@psql, '-c', 'select 6 * 7'))[1], "42\n", 'psql is answered');
	ok run(@psql, '-c', 'create table numbers (n int)'), 'a table';
	my $rows = 1_000_000;
	ok run(\'/dev/null', \"$dir/rows", @psql, '-c', "copy (select generate_series(1, $rows)) to stdout"), 'many rows come';
	ok run(\"$dir/rows", \"$dir/run-out", @psql, '-c', 'copy numbers from stdin'), 'and go back';
	is((run(@psql, '-c', 'select count(*), sum(n::bigint) from numbers'))[1], "$rows|" . $rows * ($rows + 1) / 2 . "\n", 'all of them');
	ok run("$bin/pgbench", '-i', '-q', @to, 'postgres'), 'pgbench makes its tables';
	my ($ok, $said) = run("$bin/pgbench", '-n', '-c', 8, '-j', 2, '-T', 2, @to, 'postgres');
	ok $ok, 'pgbench';
	like $said, qr/number of failed transactions: 0 /, 'without a failure';
	ok run("$bin/pgbench", '-n', '-C', '-S', '-c', 4, '-T', 1, @to, 'postgres'), 'and with a connection for each transaction';
};

subtest 'ssh and scp' => sub {
	has('ssh', 'scp', 'ssh-keygen');
	my ($sshd) = grep { -x } '/usr/sbin/sshd', '/usr/bin/sshd', '/sbin/sshd';
	plan skip_all => 'not installed: sshd' if !$sshd;
	my $home = "$dir/ssh";
	make_path($home, { mode => 0700 });
	ok run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', "$home/$_"), "a key for the $_" for 'host', 'user';
	Sluice::spew("$home/authorized", Sluice::slurp("$home/user.pub"));
	Sluice::spew("$home/config", join("\n", "HostKey $home/host", "AuthorizedKeysFile $home/authorized", 'UsePAM no',
		'StrictModes no', 'PermitRootLogin yes', 'PasswordAuthentication no', 'PidFile none', 'UseDNS no',
		'Subsystem sftp internal-sftp', 'LogLevel ERROR', ''));
	my $made = $> == 0 && mkdir('/run/sshd', 0755);		# an sshd of root wants it; a service would have it
	# sshd picks no free port by itself: it gets its connections from us, as from inetd
	my $server = Sluice::Origin->start('sshd', sub {
		my ($conn) = @_;
		$conn->socket->blocking(1);
		open(STDIN, '<&', $conn->socket) and open(STDOUT, '>&', $conn->socket) and open(STDERR, '>>', "$home/log");
		exec($sshd, '-i', '-f', "$home/config");
	});
	my $port = through('ssh', $server->address);
	my @option = ('-F', '/dev/null', '-i', "$home/user", '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes',
		'-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR');
	my $who = getpwuid($>) . '@127.0.0.1';
	my $ok = run('ssh', @option, '-p', $port, $who, 'exit 0');
	ok $ok, 'ssh gets in' or diag(Sluice::slurp("$home/log"));
	is((run('ssh', @option, '-p', $port, $who, 'echo $((6 * 7))'))[1], "42\n", 'a command over ssh');
	ok run(\$file, \"$dir/got", 'ssh', @option, '-p', $port, $who, 'cat'), 'a file through it, there and back at once';
	is digest("$dir/got"), $digest, 'is the same';
	ok run('scp', '-q', @option, '-P', $port, $file, "$who:$dir/there"), 'scp there';
	is digest("$dir/there"), $digest, 'the same';
	ok run('scp', '-q', @option, '-P', $port, "$who:$dir/there", "$dir/back"), 'scp back';
	is digest("$dir/back"), $digest, 'the same';
	$server->stop;
	rmdir('/run/sshd') if $made;
};
$lb->stop;
undef $lb;
done_testing;

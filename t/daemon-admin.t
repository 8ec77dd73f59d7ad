#!/usr/bin/perl
# tier: story
#
# Where the admin server listens, and what the command line said over the document. Two programs on one
# state folder, or on one port: the second says what is wrong and ends.
use Sluice;
use IO::Socket::UNIX;
use IO::Socket::IP;

sub over_unix {
	my ($path, $target) = @_;
	my $socket = IO::Socket::UNIX->new(Peer => $path) or return "connect: $!";
	print $socket "GET $target HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	local $/;
	return scalar <$socket>;
}

sub mode_of { return sprintf '%o', (stat $_[0])[2] & 0777 }

subtest '--admin, several times' => sub {
	my $dir = File::Temp->newdir;
	IO::Socket::UNIX->new(Local => "$dir/stale.sock", Listen => 1)->close;
	ok -S "$dir/stale.sock", 'a socket that a program left behind';
	my $lb = Sluice->start(args => ['--admin', "unix:$dir/stale.sock", '--admin', '127.0.0.1:0']);
	my @said = $lb->stdout =~ /^admin (\S+)$/mg;
	is scalar(@said), 3, 'each is told on stdout';
	is $said[1], "unix:$dir/stale.sock", 'in their order';
	is_deeply $lb->get('/v1/info')->{json}{admin}{listen}, \@said, 'and by /v1/info';
	like over_unix("$dir/stale.sock", '/healthz'), qr/200 OK.*"ok"/s, 'the Unix socket answers';
	is mode_of("$dir/stale.sock"), '600', 'is ours alone';
	like(HTTP::Tiny->new->get("http://$said[2]/healthz")->{content}, qr/ok/, "the second port answers");
	my $other = Sluice->run('--admin', "unix:$dir/stale.sock");
	is $other->{exit}, 1, 'a second program on the Unix socket';
	like $other->{stderr}, qr{sluice: --admin unix:\S+stale\.sock: .*another program listens there}, 'is told so';
	$lb->stop;
	ok !-e "$dir/stale.sock", 'the socket goes with the program';
};

subtest 'what the command line said holds' => sub {
	my $config = { admin => { listen => ['127.0.0.1:1'] }, global => { threads => 3, state_dir => '/nonexistent',
		files_dir => '/nonexistent', log_dir => '/nonexistent' } };
	my $lb = Sluice->start(state => 1, config => $config, args => ['--threads', '1', '--files-dir', '.', '--log-dir', '.']);
	becomes { $lb->stderr =~ /: ready,/ } 5;
	like $lb->stderr, qr{notice \Q$_\E was given on the command line, that holds}, "told at start: $_"
		for '/admin/listen: --admin', '/global/threads: --threads', '/global/state_dir: --state-dir',
		'/global/files_dir: --files-dir', '/global/log_dir: --log-dir';
	my $info = $lb->get('/v1/info')->{json};
	is $info->{threads}, 1, 'one thread';
	is $info->{state_dir}, $lb->file('state'), 'that folder';
	for my $dry ('', '?dry_run=true') {
		my $refused = $lb->patch("/v1/admin$dry", { listen => ['127.0.0.1:0'] });
		is $refused->{status}, 409, "another admin.listen$dry: 409";
		is $refused->{json}{errors}[0]{pointer}, '/listen', 'where';
		like $refused->{json}{errors}[0]{detail}, qr/--admin was given on the command line/, 'why';
	}
	is $lb->patch('/v1/admin', { listen => ['127.0.0.1:1'], comment => 'x' })->{status}, 200, 'the same one: 200';
	is $lb->patch('/v1/admin', { hosts => ['lb.example'] })->{status}, 200, 'its other fields can be changed';
	for my $case (['threads', 2, '--threads'], ['state_dir', '/elsewhere', '--state-dir'],
		['files_dir', '/elsewhere', '--files-dir'], ['log_dir', '/elsewhere', '--log-dir']) {
		my ($field, $value, $option) = @$case;
		my $refused = $lb->patch('/v1/global', { $field => $value });
		is $refused->{status}, 409, "another global.$field: 409";
		is $refused->{json}{errors}[0]{pointer}, "/$field", 'where';
		like $refused->{json}{errors}[0]{detail}, qr/$option was given on the command line/, 'why';
	}
	$lb->stop;

	my $free = Sluice->start;
	like $free->patch('/v1/global', { threads => 2 })->{json}{errors}[0]{detail}, qr/restart needed/,
		'not given: restart needed';
	$free->stop;
};

# The document's own admin.listen, without --admin.
subtest 'admin.listen, live' => sub {
	my $dir = File::Temp->newdir;
	my $start = sub {
		my ($listen) = @_;
		my $text = JSON::PP::encode_json({ admin => { listen => $listen } });
		Sluice::spew("$dir/sluice.json", $text);
		my $pid = Sluice::spawn([Sluice::launcher(), Sluice::binary(), '-f', "$dir/sluice.json"], "$dir/out", "$dir/err", {});
		becomes { Sluice::slurp("$dir/out") =~ /^admin /m } 10;
		return $pid;
	};
	my $pid = $start->(['127.0.0.1:0', { address => "unix:$dir/a.sock", mode => '0660' }]);
	my ($tcp) = Sluice::slurp("$dir/out") =~ /^admin (127\S+)/m;
	is mode_of("$dir/a.sock"), '660', 'the mode is as asked for';
	my $http = HTTP::Tiny->new;
	my $patch = sub {
		my ($listen) = @_;
		return $http->request('PATCH', "http://$tcp/v1/admin",
			{ headers => { 'Content-Type' => 'application/json' },
				content => JSON::PP::encode_json({ listen => $listen }) })->{status};
	};
	is $patch->(['127.0.0.1:0', "unix:$dir/b.sock"]), 200, 'another socket';
	like over_unix("$dir/b.sock", '/healthz'), qr/200 OK/, 'answers';
	ok !-e "$dir/a.sock", 'the old one is gone';
	like over_unix("$dir/b.sock", '/v1/info'), qr/"\Q$tcp\E"/, 'the port that stays keeps its socket';
	is $patch->(['0.0.0.0:0']), 422, 'an address that is not loopback: 422';
	is $patch->([]), 422, 'none at all: 422';
	like over_unix("$dir/b.sock", '/healthz'), qr/200 OK/, 'nothing changed by that';
	kill TERM => $pid;
	waitpid($pid, 0);
	is $?, 0, 'ends cleanly';
	ok !-e "$dir/b.sock", 'without leaving a socket';
};

subtest 'two programs' => sub {
	my $taken = IO::Socket::IP->new(LocalHost => '127.0.0.1', Listen => 1) or die;
	my $address = '127.0.0.1:' . $taken->sockport;
	my $config = { frontends => { web => { mode => 'tcp', bind => ['127.0.0.1:0', $address] } } };
	my $run = Sluice->run({ config => $config }, '--admin', '127.0.0.1:0');
	is $run->{exit}, 1, 'a port in use';
	like $run->{stderr}, qr{sluice\.json:1: /frontends/web/bind/1: .*\Q$address\E.*in use}, 'names the frontend';
	$run = Sluice->run('--admin', $address);
	is $run->{exit}, 1, 'an admin port in use';
	like $run->{stderr}, qr{^sluice: --admin \Q$address\E: .*in use}m, 'names the option';

	my $lb = Sluice->start(state => 1);
	my $pid = $lb->pid;
	$run = Sluice->run('--state-dir', $lb->file('state'), '--admin', '127.0.0.1:0');
	is $run->{exit}, 1, 'one state folder for two';
	like $run->{stderr}, qr/process $pid\b/, 'the second says who holds it';
	is $lb->put('/v1/backends/app', { mode => 'tcp' })->{status}, 201, 'the first goes on';
	$lb->kill('KILL');
	$lb->wait_exit;
	$lb->restart;
	is $lb->get('/v1/backends/app')->{status}, 200, 'a killed one holds nothing';
	$lb->stop;
};

done_testing;

#!/usr/bin/perl
# tier: story
#
# The store gets into trouble: the disk is full, files are deleted, damaged, read-only or another
# process's. What runs goes on forwarding; a write is answered 503 with the reason and changes nothing,
# neither now nor after a restart; with room again the next write works. What cannot start says why.
use Sluice;
use File::Copy qw(copy);

my $origin = Sluice::Origin->start('a', 'greet');
my %config = (
	frontends => { web => { mode => 'tcp', bind => ['127.0.0.1:0'], default_backend => 'app' } },
	backends => { app => { mode => 'tcp', servers => {
		a => { address => $origin->address }, b => { address => $origin->address } } } },
);
my $members = '/v1/backends/app/servers';

sub comments {
	my ($lb) = @_;
	my $servers = $lb->get('/v1/backends/app?view=config')->{json}{servers};
	return join(' ', map { "$_=" . ($servers->{$_}{comment} // '') } sort keys %$servers);
}

sub change {
	my ($lb, $comment, $name) = @_;
	return $lb->patch($members, { map { $_ => { comment => $comment } } 'a', 'b', $name // () });
}

# A write is refused, nothing of it is to be seen, and traffic never noticed.
sub is_refused {
	my ($lb, $reason, $what) = @_;
	my $before = comments($lb);
	my $running = $lb->connect('web');
	is $running->read_line, 'a', "$what: traffic";
	my $answer = change($lb, 'refused');
	is $answer->{status}, 503, "$what: a write is 503";
	is $answer->{headers}{'content-type'}, 'application/problem+json', "$what: with a problem";
	like $answer->{json}{detail}, $reason, "$what: that says why";
	is comments($lb), $before, "$what: and nothing of it is there";
	$running->send("hello\n");
	is $running->read_line, 'hello', "$what: a connection goes on";
	is $lb->connect('web')->read_line, 'a', "$what: and so does the listener";
}

my $may_mount = $> == 0 && system('unshare -m true 2>/dev/null') == 0;

subtest 'a disk without room' => sub {
	my $lb = Sluice->start(state => 1);
	is $lb->put('/v1/config', \%config)->{status}, 200, 'a document';
	is change($lb, 'first')->{status}, 200, 'a write with room';
	# the kernel lets no file of the process grow any more; it says EFBIG where a disk says ENOSPC
	my $limit = sub { system('prlimit', '--pid', $lb->pid, "--fsize=$_[0]") == 0 or die 'prlimit' };
	$limit->('4096:unlimited');
	is_refused($lb, qr/sluice\.db: (the disk is full|input\/output error: File too large)/, 'no room');
	is change($lb, 'still none')->{status}, 503, 'no room: the next one too';
	$limit->('unlimited:unlimited');
	is change($lb, 'second')->{status}, 200, 'room again: a write works';
	is comments($lb), 'a=second b=second', 'and is there';
	$lb->kill('KILL');
	$lb->wait_exit;
	$lb->restart;
	is comments($lb), 'a=second b=second', 'and nothing else is, after a kill';
	$lb->stop;
};

subtest 'a full file system' => sub {
	plan skip_all => 'needs the right to mount' if !$may_mount;
	my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
	my $lb = Sluice->start(args => ['--state-dir', "$dir/state"], under => ['unshare', '-m', 'sh', '-c',
		'mount -t tmpfs -o size=512k sluice-test "$0" && exec "$@"', "$dir"]);
	is $lb->put('/v1/config', \%config)->{status}, 200, 'a document';
	my $filler = '/proc/' . $lb->pid . "/root$dir/filler";
	open(my $out, '>', $filler) or die "$filler: $!\n";
	$out->autoflush(1);
	1 while print $out 'x' x 4096;
	close($out);
	is_refused($lb, qr/sluice\.db: the disk is full/, 'full');
	unlink($filler);
	is change($lb, 'room')->{status}, 200, 'room again: a write works';
	is comments($lb), 'a=room b=room', 'and is there';
	$lb->stop;
};

subtest 'files that are taken away' => sub {
	my $lb = Sluice->start(state => 1);
	is $lb->put('/v1/config', \%config)->{status}, 200, 'a document';
	my $db = $lb->file('state/sluice.db');
	rename($db, "$db-away") or die "$db: $!\n";
	is_refused($lb, qr/sluice\.db: .*moved, replaced or deleted/, 'moved');
	copy("$db-away", $db);
	is_refused($lb, qr/sluice\.db: .*moved, replaced or deleted/, 'replaced by a copy');
	rename("$db-away", $db) or die "$db: $!\n";
	is change($lb, 'back')->{status}, 200, 'back in its place: a write works';
	$lb->restart;
	is comments($lb), 'a=back b=back', 'and survives';
	$lb->stop;
};

subtest 'what cannot start says why' => sub {
	my $lb = Sluice->start(state => 1);
	is $lb->put('/v1/config', \%config)->{status}, 200, 'a document';
	my $state = $lb->file('state');
	my @run = ('--state-dir', $state, '--admin', '127.0.0.1:0');
	my $second = Sluice->run(@run);
	isnt $second->{exit}, 0, 'a second process on the same directory ends';
	my $pid = $lb->pid;
	like $second->{stderr}, qr/sluice\.lock: process $pid uses this state directory/, 'and says who has it';
	is change($lb, 'kept')->{status}, 200, 'the first one did not notice';
	$lb->stop;

	my $db = "$state/sluice.db";
	copy($db, "$db-good");
	open(my $out, '+<', $db) or die "$db: $!\n";
	print $out 'x' x 4096;
	close($out);
	my $damaged = Sluice->run(@run);
	isnt $damaged->{exit}, 0, 'a damaged file: it ends';
	like $damaged->{stderr}, qr/\Q$db\E: damaged/, 'and names file and cause';
	like $damaged->{stderr}, qr/; to start empty, move \Q$state\E\/sluice\.db\* away: what REST saved is lost then/, 'what to do';
	my $with_file = Sluice->run({ config => \%config }, @run);
	isnt $with_file->{exit}, 0, 'with a file, too: nobody decides for people that their changes are lost';
	like $with_file->{stderr}, qr/; to start from the file, move \Q$state\E\/sluice\.db\* away/, 'what to do';
	my $check = Sluice->run('--check', '--state-dir', $state);
	isnt $check->{exit}, 0, '--check says so too';
	like $check->{stderr} . $check->{stdout}, qr/\Q$db\E: damaged/, 'with the same words';
	rename("$db-good", $db) or die "$db: $!\n";
	$lb->restart;
	is comments($lb), 'a=kept b=kept', 'the good copy put back: all is there';
	$lb->stop;
};

subtest 'a directory that may only be read' => sub {
	plan skip_all => 'needs the right to mount' if $> == 0 && !$may_mount;
	my $lb = Sluice->start(state => 1);
	is $lb->put('/v1/config', \%config)->{status}, 200, 'a document';
	$lb->stop;
	my $state = $lb->file('state');
	# root writes wherever it likes, but not on a mount that is read-only
	my @under = $> != 0 ? () : ('unshare', '-m', 'sh', '-c',
		'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"', $state);
	chmod(0555, $state);
	my @command = (@under, Sluice::launcher(), Sluice::binary(), '--state-dir', $state, '--admin', '127.0.0.1:0');
	open(my $in, '-|', 'sh', '-c', 'exec timeout 20 "$@" 2>"$0"', $lb->file('degraded'), @command)
		or die "sh: $!\n";
	my ($admin) = (<$in> // '') =~ /^admin (\S+)/ or die 'it did not start: ' . Sluice::slurp($lb->file('degraded'));
	my $http = HTTP::Tiny->new(timeout => 5);
	like $http->get("http://$admin/v1/backends/app/servers/a")->{content}, qr/"name":"a"/, 'what was saved holds';
	my $refused = $http->request('PATCH', "http://$admin/v1/backends/app/servers/a", { content => '{"weight":9}', headers => { 'content-type' => 'application/json' } });
	is $refused->{status}, 503, 'a write is answered 503';
	like $refused->{content}, qr/read-only/, 'with the reason';
	unlike $http->get("http://$admin/v1/backends/app/servers/a")->{content}, qr/"weight":9/, 'and nothing changed';
	like Sluice::slurp($lb->file('degraded')), qr/\Q$state\E\/sluice\.(lock|db): .*(denied|read-only)/i,
		'the log names file and cause';
	system('pkill', '-INT', '-f', '--', "--state-dir $state");
	close($in);
	chmod(0755, $state);
};
done_testing;

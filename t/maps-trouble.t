#!/usr/bin/perl
# tier: story
# Entries of maps when the disk has no room: a write is 503, nothing of it is in force, neither now nor after a
# restart, many at once fail together, and with room again the next one works.
use Sluice;

my $lb = Sluice->start(state => 1, plain => 1, config => { maps => { m => { entries => { a => '1', b => '2' } } } });
my $entries = '/v1/maps/m/entries';
my $limit = sub { system('prlimit', '--pid', $lb->pid, "--fsize=$_[0]") == 0 or die 'prlimit' };

sub entries { return $lb->get($entries)->{json} }

sub killed {
	$lb->kill('KILL');
	$lb->wait_exit(10);
	$lb->restart;
}

is $lb->put("$entries/c", '"3"')->{status}, 201, 'a write with room';
my $tag = $lb->get($entries)->{headers}{etag};
my %before = (a => '1', b => '2', c => '3');
$limit->('4096:unlimited');
is $lb->put("$entries/c", '"4"')->{status}, 503, 'no room: another value';
is $lb->put("$entries/d", '"4"')->{status}, 503, 'a new entry';
is $lb->delete("$entries/a")->{status}, 503, 'one less';
is $lb->put($entries, { z => '1' })->{status}, 503, 'all of them';
is $lb->patch('/v1/maps/m', { entries => { a => '9' } })->{status}, 503, 'another beginning';
is $lb->delete('/v1/maps/m')->{status}, 503, 'the map';
is_deeply entries(), \%before, 'nothing of it is there';
is $lb->get($entries)->{headers}{etag}, $tag, 'not even a revision';
my @pids = map {
	my $n = $_;
	my $pid = fork() // die "fork: $!\n";
	if (!$pid) {
		my $wrong = grep { $_->{status} != 503 && $_->{status} != 409 } map { ($lb->put("$entries/p$n-$_", '"x"'), $lb->put($entries, {}), $lb->post($entries, { key => 'q', value => '' })) } 1 .. 10;
		POSIX::_exit($wrong > 0);
	}
	$pid;
} 1 .. 3;
is scalar(grep { waitpid($_, 0); $? != 0 } @pids), 0, 'writers at once are all told (409: another one is about to set it)';
is_deeply entries(), \%before, 'and nothing of theirs is there';
$limit->('unlimited:unlimited');
is $lb->put("$entries/d", '"4"')->{status}, 201, 'room again: a write works';
is $lb->delete("$entries/a")->{status}, 204, 'another one';
killed();
is_deeply entries(), { b => '2', c => '3', d => '4' }, 'and that is what a restart finds';
is $lb->put($entries, { z => '1' })->{status}, 200, 'all of them';
$limit->('4096:unlimited');
is $lb->put($entries, { y => '1' })->{status}, 503, 'no room for others';
$limit->('unlimited:unlimited');
is $lb->put("$entries/x", '"1"')->{status}, 201, 'one more';
killed();
is_deeply entries(), { z => '1', x => '1' }, 'a map that was replaced stays so';
$lb->stop;
done_testing;

#!/usr/bin/perl
# tier: story
#
# A change cannot be stored while a large one that builds on it is being planned: both are undone, in
# the right order, and the program lives. (It once freed what the large plan still named.)
use Sluice;

my $lb = Sluice->start(state => 1);
is $lb->put('/v1/backends/base', { servers => {} })->{status}, 201, 'a backend';
my $wal = $lb->file('state') . '/sluice.db-wal';
rename($wal, "$wal-gone") or die "$wal: $!\n";	# from here on no commit works

# Bodies of over a hundred kilobytes go to the helper thread.
my %many = map { ("s$_" => { address => '127.0.0.1:' . (1000 + $_), comment => 'x' x 150 }) } 1 .. 1000;
my @calls = (
	['PUT', '/v1/config?dry_run=true', { backends => { base => { servers => \%many } } }],
	['PUT', '/v1/backends/fresh', { servers => {} }],
	['PATCH', '/v1/backends/fresh/servers', \%many],
);

sub send_all {
	my @children;
	for my $call (@calls) {
		my $pid = fork() // die "fork: $!\n";
		if ($pid == 0) {
			my $answer = eval { $lb->request(@$call) } // { status => 0 };
			POSIX::_exit($answer->{status} / 100);
		}
		push @children, $pid;
		select(undef, undef, undef, 0.01);	# in this order, the first one still under way
	}
	return map { waitpid($_, 0); $? >> 8 } @children;
}

for my $round (1 .. 6) {
	my ($dry, $put, $patch) = send_all();
	ok $put == 5, "round $round: the change is answered 503";
	ok $patch == 4 || $patch == 5, 'what builds on it is 404, or 503 where it came later';
}
is $lb->get('/v1/backends/fresh')->{status}, 404, 'nothing of it is there';
is $lb->get('/v1/info')->{json}{writes}{under_way}, 0, 'nothing is left under way';
$lb->stop;
done_testing;

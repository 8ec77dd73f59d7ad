#!/usr/bin/perl
# tier: story
#
# Descriptors: the limit is raised to what maxconn needs, and where that can't be, somebody is told before
# connections fail.
use Sluice;

# Hard limits that even root can't raise.
sub under {
	my ($soft, $hard) = @_;
	return ['sh', '-c', "ulimit -Sn $soft && ulimit -Hn $hard && exec \"\$@\"", 'sh',
		$> == 0 ? ('setpriv', '--bounding-set', '-sys_resource') : ()];
}

sub limit { return shift->get('/v1/info')->{json}{descriptor_limit} }

plan skip_all => 'no setpriv' if $> == 0 && system('setpriv --bounding-set -sys_resource true 2>/dev/null') != 0;

subtest 'what fits' => sub {
	my $lb = Sluice->start(under => under(256, 4096), config => { global => { maxconn => 1000 } });
	cmp_ok limit($lb), '>=', 2000, 'the soft limit was raised for maxconn';
	is $lb->patch('/v1/global', { maxconn => 1500 })->{status}, 200, 'more by REST';
	cmp_ok limit($lb), '>=', 3000, 'raises it further';
	my $refused = $lb->patch('/v1/global', { maxconn => 5000 });
	is $refused->{status}, 409, 'more than can be had: 409';
	is $refused->{json}{errors}[0]{pointer}, '/maxconn', 'where';
	like $refused->{json}{errors}[0]{detail}, qr/5000 connections need \d+ descriptors, but the limit is 4096 .*ulimit -Hn/, 'why, and what to do';
	is $lb->get('/v1/global')->{json}{maxconn}, 1500, 'nothing changed';
	is $lb->patch('/v1/global?dry_run=true', { maxconn => 5000 })->{status}, 409, 'a dry run says so, too';
	$lb->stop;
};

subtest 'what does not, at start' => sub {
	my $lb = eval { Sluice->start(under => under(256, 4096), config => { global => { maxconn => 5000 } }) };
	is $lb, undef, 'it does not start';
	like $@, qr/ended with status 1:/, 'but ends';
	like $@, qr{sluice\.json:1: /global/maxconn: 5000 connections need \d+ descriptors, but the limit is 4096}, 'and says why';
};

subtest 'what does not, checked before' => sub {
	my $dir = File::Temp->newdir;
	Sluice::spew("$dir/sluice.json", '{"global":{"maxconn":5000}}');
	my @command = (@{under(256, 4096)}, Sluice::launcher(), Sluice::binary(), '-f', "$dir/sluice.json", '--check');
	my $pid = Sluice::spawn(\@command, "$dir/out", "$dir/err", {});
	waitpid($pid, 0);
	is $? >> 8, 1, '--check: exit 1';
	like Sluice::slurp("$dir/err"), qr{sluice\.json:1: /global/maxconn: 5000 connections need \d+ descriptors, but the limit is 4096}, 'with the same words';
};

subtest 'maxconn is not given' => sub {
	my $lb = Sluice->start(under => under(256, 4096));
	becomes { $lb->stderr =~ /global\.maxconn is/ } 5;
	like $lb->stderr, qr/global\.maxconn is 1536: the limit of descriptors allows no more/, 'it is what the limit allows';
	is limit($lb), 4096, 'all of it';
	$lb->stop;
};

done_testing;

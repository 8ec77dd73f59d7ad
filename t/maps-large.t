#!/usr/bin/perl
# tier: drill
# A map of 1,000,000 lines: loaded in seconds and in sensible memory, changed while traffic and the control
# side go on; one entry of it costs what one entry costs.
use Sluice;
use Time::HiRes qw(time);

my $count = ($ENV{SLUICE_DRILL} // '') eq 'long' ? 3000000 : 1000000;
my $dir = File::Temp->newdir('sluice-maps-XXXXXX', TMPDIR => 1);

sub write_map {
	my ($value) = @_;
	open(my $out, '>', "$dir/large.map.new") or die "$!\n";
	printf $out "host%07d.example.com %s%d\n", $_, $value, $_ % 100 for 1 .. $count;
	close($out) or die "$!\n";
	rename("$dir/large.map.new", "$dir/large.map");
}

sub timed {
	my ($what, $code) = @_;
	my $start = time;
	my $answer = $code->();
	my $took = time - $start;
	diag sprintf('%s: %.2f s', $what, $took);
	return ($answer, $took);
}

write_map('a');
my $bytes = -s "$dir/large.map";
my $lb = Sluice->start(state => 1, config => { global => { files_dir => "$dir", threads => 2 }, maps => {},
	frontends => { web => { mode => 'http', bind => ['127.0.0.1:0'], rules => [{ action => 'return', content_type => 'text/plain', string => 'ok' }] } } });
my $before = $lb->rss_bytes;
my ($answer, $took) = timed('loading by REST', sub { $lb->put('/v1/maps/large', { file => 'large.map' }) });
is $answer->{status}, 201, 'a large map comes' or diag($answer->{text});
is $answer->{json}{status}{entries}, $count, 'with all its lines';
cmp_ok $took, '<', Sluice::Wait::seconds(10), 'in seconds';
my $grown = $lb->rss_bytes - $before;
diag sprintf('a file of %.0f MB is %.0f MB of memory, %.0f bytes an entry', $bytes / 1e6, $grown / 1e6, $grown / $count);
cmp_ok $grown / $count, '<', 300, 'in sensible memory' if Sluice::sanitizers() eq 'no';
my $entries = '/v1/maps/large/entries';
is $lb->get("$entries/host0000007.example.com")->{json}{value}, 'a7', 'an entry of the file';
($answer, $took) = timed('100 entries set', sub { $lb->put("$entries/new$_", "\"$_\"") for 1 .. 100; 1 });
cmp_ok $took, '<', Sluice::Wait::seconds(5), 'one entry costs what one entry costs';
($answer) = timed('a page of 1000', sub { $lb->get("$entries?limit=1000&cursor=host0900000.example.com") });
is keys %{$answer->{json}}, 1000, 'a page in the middle';

# Edited, read again while somebody else is served.
write_map('b');
my ($worst, $asked) = (0, 0);
my $pid = fork() // die "fork: $!\n";
if (!$pid) {
	my $reload = $lb->post('/v1/config/reload');
	POSIX::_exit($reload->{status} != 200 || !$reload->{json}{changed});
}
while (waitpid($pid, POSIX::WNOHANG()) == 0) {
	my $start = time;
	$lb->get('/healthz');
	my $took = time - $start;
	$worst = $took if $took > $worst;
	$asked++;
}
is $?, 0, 'a reload of the edited file';
diag sprintf('%d calls beside it, the slowest took %.0f ms', $asked, $worst * 1000);
cmp_ok $worst, '<', Sluice::Wait::seconds(0.5), 'the control side goes on meanwhile';
is $lb->get("$entries/host0000007.example.com")->{json}{value}, 'b7', 'is in force';
is $lb->get("$entries/new1")->{status}, 404, 'and what REST had set is dropped';
$lb->put("$entries/new$_", "\"$_\"") for 1 .. 10;
$lb->kill('KILL');
$lb->wait_exit(10);
(undef, $took) = timed('a start', sub { $lb->restart; 1 });
ok becomes { ($lb->get('/v1/maps/large')->{json}{status}{entries} // 0) == $count + 10 } 20, 'killed, it comes back with all';
diag sprintf('%.0f MB after a start', $lb->rss_bytes / 1e6);

# All at once by REST: 100,000 in one body.
my %all = map { ("k$_" => "v$_") } 1 .. 100000;
($answer) = timed('PUT of 100,000 entries', sub { $lb->put($entries, \%all) });
is $answer->{status}, 200, 'PUT of many' or diag($answer->{text});
is $answer->{json}{entries}, 100000, 'are all';
($answer) = timed('GET of 100,000 entries', sub { $lb->get($entries) });
is_deeply $answer->{json}, \%all, 'and come back as they went';
$lb->kill('KILL');
$lb->wait_exit(10);
$lb->restart;
is_deeply $lb->get($entries)->{json}, \%all, 'killed, too';
$lb->stop;
done_testing;

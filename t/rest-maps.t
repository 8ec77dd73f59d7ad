#!/usr/bin/perl
# tier: story
# Maps: documents that say what a map begins with, and entries that change one at a time, are in force when
# answered, outlive the process, and go when what the map began with is another.
use Sluice;

sub status_is {
	my ($answer, $status, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($answer->{status}, $status, $name) or diag($answer->{text});
	return $answer;
}

sub fault_of { return join ' | ', map { "$_->{pointer} $_->{detail}" } @{$_[0]{json}{errors} // []} }

sub spew {
	my ($path, $text) = @_;
	open(my $out, '>:raw', $path) or die "$path: $!\n";
	print $out $text;
	close($out) or die "$path: $!\n";
}

my $dir = File::Temp->newdir('sluice-maps-XXXXXX', TMPDIR => 1);
spew("$dir/hosts.map", "# hosts\n\na.example one\nb.example   two words \nc.example\n");
my $file = { global => { files_dir => "$dir" }, maps => { hosts => { file => "$dir/hosts.map", entries => { 'd.example' => 'four' } } } };
my $lb = Sluice->start(state => 1, plain => 1, config => $file);
my $hosts = '/v1/maps/hosts/entries';
my %first = ('a.example' => 'one', 'b.example' => 'two words', 'c.example' => '', 'd.example' => 'four');

sub entries { return $lb->get("/v1/maps/$_[0]/entries")->{json} }

sub killed {
	$lb->kill('KILL');
	$lb->wait_exit(10);
	$lb->restart(@_);
}

# What it begins with.
is_deeply entries('hosts'), \%first, 'a file, and entries behind it';
my $status = $lb->get('/v1/maps/hosts')->{json}{status};
is $status->{entries}, 4, 'their number is told';
is $status->{base}{file_bytes}, -s "$dir/hosts.map", 'and what the file was';
is_deeply $lb->get('/v1/maps/hosts?view=config')->{json}, $file->{maps}{hosts}, 'the document is as it was set';

# One.
my $events = $lb->events(kind => 'map');
my $answer = status_is $lb->put("$hosts/e.example", { value => 'five' }), 201, 'a new entry';
is_deeply $answer->{json}, { key => 'e.example', value => 'five' }, 'is answered';
is $events->next(5)->{data}{set}, 1, 'and told in an event';
my $tag = $answer->{headers}{etag};
status_is $lb->put("$hosts/e.example", '"five"'), 200, 'the same, as a plain string';
is $lb->get("$hosts/e.example")->{headers}{etag}, $tag, 'changes nothing';
status_is $lb->put("$hosts/e.example", '"5"'), 200, 'another value';
isnt $lb->get("$hosts/e.example")->{headers}{etag}, $tag, 'is another revision';
is $lb->get("$hosts/e.example")->{json}{value}, '5', 'and in force';
status_is $lb->patch("$hosts/e.example", { value => 'V' }), 200, 'PATCH of one';
status_is $lb->patch("$hosts/none", { value => 'V' }), 404, 'that is there';
status_is $lb->delete("$hosts/a.example"), 204, 'one of the file goes';
status_is $lb->delete("$hosts/a.example"), 404, 'once';
status_is $lb->get("$hosts/a.example"), 404, 'it is gone';
status_is $lb->post($hosts, { key => 'f', value => '6' }), 201, 'POST';
$answer = status_is $lb->post($hosts, { name => 'a/b c%', value => '7' }), 201, 'of a key of any characters';
is $answer->{headers}{location}, '/v1/maps/hosts/entries/a%2Fb%20c%25', 'whose place is told';
is $lb->get($answer->{headers}{location})->{json}{key}, 'a/b c%', 'and found';
status_is $lb->post($hosts, { key => 'f', value => '6' }), 409, 'POST of one that is there';
status_is $lb->put("$hosts/\%C3\%A4", { value => "\x{e4}" }), 201, 'UTF-8';
status_is $lb->put("$hosts/\%FF", { value => 'x' }), 400, 'and nothing else';
like fault_of(status_is $lb->put("$hosts/x", { value => 1 }), 422, 'a number'), qr{must be a string}, 'is no value';
status_is $lb->put("$hosts/" . 'k' x 1025, '"x"'), 422, 'a key has an end';
status_is $lb->put("$hosts/x", '"' . 'v' x 8193 . '"'), 422, 'and so has a value';
status_is $lb->put('/v1/maps/none/entries/x', '"x"'), 404, 'a map that is not there has none';
status_is $lb->delete($hosts), 405, 'all can\'t be deleted';

# Conditions, dry runs.
status_is $lb->put("$hosts/f", '"x"', { 'If-None-Match' => '*' }), 412, 'If-None-Match: it is there';
status_is $lb->put("$hosts/g", '"x"', { 'If-Match' => '*' }), 412, 'If-Match: it is not';
status_is $lb->put("$hosts/f", '"x"', { 'If-Match' => $tag }), 412, 'an old revision';
$tag = $lb->get($hosts)->{headers}{etag};
status_is $lb->put("$hosts/f", '"x"', { 'If-Match' => $tag }), 200, 'the revision of the map';
$answer = status_is $lb->put("$hosts/f?dry_run=true", '"y"'), 200, 'a dry run';
is_deeply $answer->{json}{changes}, [{ op => 'replace', pointer => '/maps/hosts/entries/f', from => 'x', to => 'y', effect => 'at once' }], 'says what it would do';
is $lb->get("$hosts/f")->{json}{value}, 'x', 'and does not';
$answer = $lb->delete("$hosts/a%2Fb%20c%25?dry_run=true");
is $answer->{json}{changes}[0]{pointer}, '/maps/hosts/entries/a~1b c%', 'a pointer has its escapes';

# Several, a page.
$answer = status_is $lb->patch($hosts, { map({ ("n$_" => "$_") } 1 .. 50), f => undef, 'b.example' => { value => 'B' } }), 200, 'PATCH of several';
is $answer->{json}{entries}, keys %{entries('hosts')}, 'their number is answered';
status_is $lb->patch($hosts, { q => 'x', r => 1 }), 422, 'all or nothing';
status_is $lb->get("$hosts/q"), 404, 'nothing';
my (%paged, $path);
for ($path = "$hosts?limit=7"; $path; ) {
	$answer = $lb->get($path);
	%paged = (%paged, %{$answer->{json}});
	($path) = ($answer->{headers}{link} // '') =~ /<(.*)>/;
}
is_deeply \%paged, entries('hosts'), 'pages make the whole';

# Killed: all is there; the file as it was is no news.
my $before = entries('hosts');
$tag = $lb->get($hosts)->{headers}{etag};
killed();
is_deeply entries('hosts'), $before, 'after kill -9 all entries are as they were';
is $lb->get($hosts)->{headers}{etag}, $tag, 'with their revision';
status_is $lb->post('/v1/config/reload'), 200, 'a reload of nothing new';
is_deeply entries('hosts'), $before, 'leaves them';

# The file is edited.
spew("$dir/hosts.map", "a.example uno\nz.example last\n");
$answer = status_is $lb->post('/v1/config/reload'), 200, 'a reload';
ok $answer->{json}{changed}, 'sees a file that was edited';
is_deeply entries('hosts'), { 'a.example' => 'uno', 'z.example' => 'last', 'd.example' => 'four' }, 'which wins over what REST set';
ok becomes { $lb->stderr =~ m{/maps/hosts/entries: dropped} } 5, 'that is told';
isnt $lb->get($hosts)->{headers}{etag}, $tag, 'and another revision';
status_is $lb->put("$hosts/y", '"1"'), 201, 'an entry after that';
killed();
is $lb->get("$hosts/y")->{json}{value}, '1', 'stays';
is keys %{entries('hosts')}, 4, 'and what was dropped does not come back';
spew("$dir/hosts.map", "a.example eins\n");
killed();
is_deeply entries('hosts'), { 'a.example' => 'eins', 'd.example' => 'four' }, 'edited while nobody looked';
ok becomes { $lb->stderr =~ m{/maps/hosts/entries: dropped} } 5, 'it wins, too, and says so';
status_is $lb->put("$hosts/x", '"1"'), 201, 'an entry';
killed();
is_deeply entries('hosts'), { 'a.example' => 'eins', 'd.example' => 'four', x => '1' }, 'of the new contents';
spew("$dir/hosts.map", "a.example eins\n");
status_is $lb->post('/v1/config/reload'), 200, 'written again as it was';
is $lb->get("$hosts/x")->{json}{value}, '1', 'it is not another file';
status_is $lb->patch('/v1/maps/hosts', { comment => 'a note' }), 200, 'a note on the map';
is $lb->get("$hosts/x")->{json}{value}, '1', 'changes no entry';
status_is $lb->patch('/v1/maps/hosts', { entries => { 'd.example' => 'vier' } }), 200, 'another beginning';
is_deeply entries('hosts'), { 'a.example' => 'eins', 'd.example' => 'vier' }, 'makes the map anew';
unlink("$dir/hosts.map");
like fault_of(status_is $lb->post('/v1/config/reload'), 422, 'a file that is gone'), qr{^/maps/hosts/file}, 'is told';
is keys %{entries('hosts')}, 2, 'and changes nothing';
spew("$dir/hosts.map", "a.example eins\n");

# All at once, and maps that REST makes.
status_is $lb->put('/v1/maps/m', { entries => { a => '1' } }), 201, 'a map by REST';
status_is $lb->put('/v1/maps/m/entries', { b => '2', c => { value => '3' } }), 200, 'PUT of all entries';
is_deeply entries('m'), { b => '2', c => '3' }, 'takes the place of those before';
status_is $lb->put('/v1/maps/m/entries/d', '"4"'), 201, 'one more';
status_is $lb->delete('/v1/maps/m/entries/b'), 204, 'one less';
killed();
is_deeply entries('m'), { c => '3', d => '4' }, 'after kill -9';
status_is $lb->put('/v1/maps/m/entries', {}), 200, 'PUT of none';
killed();
is_deeply entries('m'), {}, 'is none';
ok $lb->get('/v1/maps/m')->{json}{status}{replaced}, 'the map knows why';
like fault_of(status_is $lb->put('/v1/maps/f', { file => '/etc/passwd' }), 422, 'a file from anywhere'), qr{^/file must be a file below}, 'is refused';
status_is $lb->put('/v1/maps/f', { file => 'hosts.map' }), 201, 'one below files_dir is not';
like fault_of(status_is $lb->put('/v1/maps/f', { file => 'none.map' }), 422, 'one that is not there'), qr{^/file}, 'is told';
status_is $lb->delete('/v1/maps/m'), 204, 'a map goes';
status_is $lb->put('/v1/maps/m', { entries => { a => '1' } }), 201, 'and comes again';
is_deeply entries('m'), { a => '1' }, 'as if it had never been';
killed();
is_deeply entries('m'), { a => '1' }, 'for good';

# Many writers.
my @pids = map {
	my $n = $_;
	my $pid = fork() // die "fork: $!\n";
	if (!$pid) {
		my $failed = grep { $lb->put("/v1/maps/m/entries/p$n-$_", "\"$_\"")->{status} != 201 } 1 .. 50;
		POSIX::_exit($failed > 0);
	}
	$pid;
} 1 .. 4;
my $failed = grep { waitpid($_, 0); $? != 0 } @pids;
is $failed, 0, 'writers at once';
killed();
is keys %{entries('m')}, 201, 'lose nothing';
$lb->stop;
done_testing;

#!/usr/bin/perl
# tier: story
# Maps in rules: what REST sets is seen by the next request, what rules set is seen by REST, one that is in use
# can't go, and one that is not there can't be named.
use Sluice;
use File::Temp ();

my $folder = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
Sluice::spew("$folder/page", "%[path] of %[req.hdr(host)]\nsecond line\n");

my $lb = Sluice->start(state => 1, config => {
	maps => { hosts => { entries => { '/a' => 'one' } }, closed => { entries => { '/x' => '' } }, seen => {} },
	frontends => { web => { mode => 'http', bind => ['127.0.0.1:0'], rules => [
		{ action => 'set-map', map => 'hosts', key => '%[path]', value => 'seen', if => '{ path_beg /set }' },
		{ action => 'add-acl', map => 'seen', key => '%[url_param(k)]', if => '{ path /add }' },
		{ action => 'del-acl', map => 'seen', key => '%[url_param(k)]', if => '{ path /del }' },
		{ action => 'return', content_type => 'text/plain', string => 'seen', if => '{ path -f seen }' },
		{ action => 'return', content_type => 'text/plain', lf_file => "$folder/page", if => '{ path /page }' },
		{ action => 'deny', deny_status => 429, if => '{ path -f closed }' },
		{ action => 'return', content_type => 'text/plain', lf_string => '%[path,map(hosts,none)]' } ] } },
});

sub status_is {
	my ($answer, $status, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($answer->{status}, $status, $name) or diag($answer->{text});
	return $answer;
}

sub fault_of { return join ' | ', map { "$_->{pointer} $_->{detail}" } @{$_[0]{json}{errors} // []} }

my $client = $lb->connect('web');	# it stays

sub asked {
	my ($path) = @_;
	$client->send("GET $path HTTP/1.1\r\nHost: x\r\n\r\n");
	my $head = $client->read_until("\r\n\r\n") // '';
	my ($length) = $head =~ /^content-length: (\d+)/mi;
	return $head =~ m{^HTTP/1.1 200} ? $client->read_exactly($length) : ($client->read_exactly($length), $head =~ /^\S+ (\d+)/)[1];
}

is asked('/a'), 'one', 'what the map has';
is asked('/b'), 'none', 'and what it does not';
status_is $lb->put('/v1/maps/hosts/entries/%2Fb', '"two"'), 201, 'an entry comes';
is asked('/b'), 'two', 'for the next request of a client that stays';
status_is $lb->put('/v1/maps/closed/entries/%2Fb', '""'), 201, 'another map is looked at by -f';
is asked('/b'), '429', 'it counts as well';
status_is $lb->delete('/v1/maps/closed/entries/%2Fb'), 204, 'it goes';
is asked('/b'), 'two', 'and does not count any more';
status_is $lb->put('/v1/maps/hosts/entries', { '/a' => 'eins' }), 200, 'all entries at once';
is asked('/a'), 'eins', 'take the place';
is asked('/b'), 'none', 'of those before';
status_is $lb->patch('/v1/maps/hosts', { entries => { '/a' => 'uno' } }), 200, 'another beginning';
is asked('/a'), 'uno', 'too';
asked('/set1');
ok becomes { asked('/set1') eq 'seen' } 5, 'what a rule sets is seen by requests';
is $lb->get('/v1/maps/hosts/entries/%2Fset1')->{json}{value}, 'seen', 'and by REST';
is asked('/k'), 'none', 'what no list has';
asked('/add?k=/k');
ok becomes { asked('/k') eq 'seen' } 5, 'add-acl of a rule adds it';
is $lb->get('/v1/maps/seen/entries/%2Fk')->{status}, 200, '... as REST can see';
asked('/add?k=/l');
ok becomes { asked('/l') eq 'seen' } 5, 'another one';
asked('/del?k=/k');
ok becomes { asked('/k') eq 'none' } 5, 'del-acl takes it away';
is $lb->get('/v1/maps/seen/entries/%2Fk')->{status}, 404, '... from the map, too';
is asked('/l'), 'seen', '... and only that';
is asked('/page'), "/page of x\nsecond line\n", 'a file that is a format';
status_is $lb->patch('/v1/maps/hosts', { max_size => '200' }), 200, 'what rules may put there is limited';
ok becomes { asked('/set2'); $lb->get('/v1/maps/hosts')->{json}{status}{by_rules}{bytes} == 2 * 73 } 5, 'by bytes';
is asked('/set3'), 'none', 'what is too much for it fails no request';
ok becomes { $lb->get('/v1/maps/hosts')->{json}{status}{by_rules}{dropped} > 0 } 5, 'and is counted';
status_is $lb->get('/v1/maps/hosts/entries/%2Fset3'), 404, 'but not kept';
status_is $lb->put('/v1/maps/hosts/entries/%2Fset3', '"rest"'), 201, 'REST has no such limit';
status_is $lb->patch('/v1/maps/hosts', { max_size => undef }), 200, 'it goes';
for my $round (0 .. 21) {
	my $made = $lb->patch('/v1/frontends/web?dry_run=true', { rules => [map +{ action => 'set-var', name => "txn.n${round}_$_", expr => 'int(1)' }, 1 .. 200] });
	status_is $made, 200, 'names of variables in a dry run' if $made->{status} != 200 || $round == 21;
}
my $answer = status_is $lb->delete('/v1/maps/hosts'), 409, 'a map in use can\'t go';
like fault_of($answer), qr{^/frontends/web/rules/\d+/\w+ names map "hosts"}, 'who uses it is told';
like fault_of(status_is $lb->patch('/v1/frontends/web', { rules => [{ action => 'deny', if => '{ path,map(none) -m found }' }] }), 422,
	'one that is not there'), qr{^/rules/0/if there is no map "none"}, 'can\'t be used';
status_is $lb->patch('/v1/frontends/web', { rules => [{ action => 'deny', if => '{ path,map_str_int(numbers,0) gt 5 }' }] }), 422, 'nor one that comes later';
status_is $lb->patch('/v1/config', { maps => { numbers => { entries => { '/n' => '7' } } },
	frontends => { web => { rules => [{ action => 'deny', deny_status => 404, if => '{ path,map_str_int(numbers,0) gt 5 }' },
		{ action => 'return', content_type => 'text/plain', string => 'ok' }] } } }), 200, 'one that comes along can';
is asked('/n'), '404', 'it is asked for numbers';
like fault_of(status_is $lb->put('/v1/maps/numbers/entries/x', '"seven"'), 422, 'what is none'), qr{\S}, 'can\'t be set';
status_is $lb->put('/v1/maps/numbers/entries', { x => 'seven' }), 422, 'nor among others';
status_is $lb->patch('/v1/maps/numbers', { entries => { x => 'seven' } }), 422, 'nor in the document';
status_is $lb->put('/v1/maps/numbers/entries/%2Fn', '"3"'), 200, 'another number';
is asked('/n'), 'ok', 'counts';
status_is $lb->delete('/v1/maps/hosts'), 204, 'a map that nobody uses any more goes';
$lb->stop;
done_testing;

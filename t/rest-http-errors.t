#!/usr/bin/perl
# tier: story
# Sets of error pages as resources: frontends and backends name them, a page of their own goes first, a set
# that is named can't go, and one that changes is seen by the next request.
use Sluice;

sub status_is {
	my ($answer, $status, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($answer->{status}, $status, $name) or diag($answer->{text});
	return $answer;
}

sub fault_of { return join ' | ', map { "$_->{pointer} $_->{detail}" } @{$_[0]{json}{errors} // []} }
sub page { return { content_type => 'text/plain', body => $_[0] } }

my $rules = [{ action => 'deny', deny_status => 403, if => '{ path /403 }' }, { action => 'deny', deny_status => 404, if => '{ path /404 }' }];
my $lb = Sluice->start(state => 1, config => {
	http_errors => { site => { pages => { 403 => page('site 403'), 404 => page('site 404') } } },
	frontends => { web => { mode => 'http', bind => ['127.0.0.1:0'], rules => $rules, errorfiles_from => 'site', default_backend => 'app' } },
	backends => { app => { mode => 'http' } },
});

sub asked {
	my ($path) = @_;
	my $client = $lb->connect('web');
	$client->send("GET $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	my $text = $client->read_all // '';
	return $text =~ /\r\n\r\n(.*)/s ? $1 : $text;
}

is asked('/403'), 'site 403', 'a page of the set that the frontend names';
is asked('/404'), 'site 404', 'and another';
like asked('/'), qr/503/, 'what it does not have is built in';
my $answer = status_is $lb->get('/v1/http_errors/site'), 200, 'the set';
is $answer->{json}{pages}{403}{body}, 'site 403', 'is shown';
status_is $lb->patch('/v1/http_errors/site', { pages => { 503 => page('site 503') } }), 200, 'it gets a page';
is asked('/'), 'site 503', 'which the next request gets';
status_is $lb->patch('/v1/frontends/web', { http_errors => { 403 => page('own 403') } }), 200, 'a page of the frontend\'s own';
is asked('/403'), 'own 403', 'goes first';
is asked('/404'), 'site 404', 'the others stay';
status_is $lb->put('/v1/http_errors/other', { pages => { 404 => page('other 404') } }), 201, 'another set';
status_is $lb->patch('/v1/frontends/web', { errorfiles_from => ['site', 'other'] }), 200, 'beside the first one';
is asked('/404'), 'other 404', 'the last one counts';
$answer = status_is $lb->delete('/v1/http_errors/other'), 409, 'a set that is named can\'t go';
is fault_of($answer), '/frontends/web/errorfiles_from/1 names http_errors "other"', 'and who names it is told';
status_is $lb->patch('/v1/frontends/web', { errorfiles_from => ['site', 'none'] }), 422, 'one that is not there can\'t be named';
is fault_of($lb->patch('/v1/frontends/web', { errorfiles_from => 'sit' })), '/errorfiles_from there is no http_errors "sit"; did you mean "site"?', 'by the name that it has in the document';
status_is $lb->patch('/v1/defaults', { errorfiles_from => 'none' }), 422, 'nor in defaults';
status_is $lb->patch('/v1/frontends/web', { errorfiles_from => undef }), 200, 'nothing is named';
unlike asked('/404'), qr/site|other/, 'then pages are built in';
status_is $lb->patch('/v1/defaults', { errorfiles_from => 'other' }), 200, 'named in defaults';
is asked('/404'), 'other 404', 'it is inherited';
status_is $lb->patch('/v1/http_errors/other', { pages => { 404 => { body => 'new 404' } } }), 200, 'and changes';
is asked('/404'), 'new 404', 'for those that inherit it';
status_is $lb->delete('/v1/http_errors/other'), 409, 'defaults count as users';
like fault_of(status_is $lb->put('/v1/http_errors/bad', { pages => { 404 => { body => 'x' } } }), 422, 'a body without a type'), qr{^/pages/404/content_type}, 'is told';
like fault_of(status_is $lb->put('/v1/http_errors/bad', { errorfiles => { 404 => '/etc/passwd' } }), 422, 'a file from anywhere'), qr{^/errorfiles/404}, 'is refused';
status_is $lb->put('/v1/http_errors/new?dry_run=true', {}), 200, 'a dry run';
status_is $lb->get('/v1/http_errors/new'), 404, 'makes nothing';
status_is $lb->patch('/v1/http_errors/site', { comment => 'x' }, { 'If-Match' => '"0"' }), 412, 'If-Match holds';
my $config = $lb->get('/v1/config?view=config')->{json};
$lb->kill('KILL');
$lb->wait_exit(10);
$lb->restart;
is_deeply $lb->get('/v1/config?view=config')->{json}, $config, 'killed, it has all that was set';
is asked('/404'), 'new 404', 'and does it';
$lb->stop;
done_testing;

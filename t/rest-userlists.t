#!/usr/bin/perl
# tier: story
# Users, their passwords and groups as resources: passwords are never shown, what shows them in their
# place can be put back, and what crypt(3) does not know is refused; rules ask for logins, and hear of a new
# password at once.
use Sluice;

my $lb = Sluice->start(state => 1, plain => 1, config => { userlists => { file => { users => { ann => { insecure_password => 'x' } } } } });
my $hash = crypt('secret', '$6$rounds=1000$abcdefgh$');

sub status_is {
	my ($answer, $status, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($answer->{status}, $status, $name) or diag($answer->{text});
	return $answer;
}

sub fault_of { return join ' | ', map { "$_->{pointer} $_->{detail}" } @{$_[0]{json}{errors} // []} }

my $list = { users => { joe => { password => $hash, groups => ['admin'] }, bob => { insecure_password => 'b', comment => 'c' } },
	groups => { staff => { users => ['joe', 'bob'] } } };
status_is $lb->put('/v1/userlists/u?dry_run=true', $list), 200, 'a dry run';
unlike $lb->put('/v1/userlists/u?dry_run=true', $list)->{text}, qr/\Q$hash\E/, 'shows no password';
status_is $lb->get('/v1/userlists/u'), 404, 'and makes nothing';
my $answer = status_is $lb->put('/v1/userlists/u', $list), 201, 'a userlist comes';
unlike $answer->{text}, qr/\Q$hash\E|secret/, 'its answer has no password';
is_deeply $answer->{json}{users}{joe}{groups}, ['admin'], 'but groups';
is $answer->{json}{status}{users}, 2, 'and how many users';
my $shown = $lb->get('/v1/userlists/u?view=config');
is $shown->{json}{users}{bob}{insecure_password}{set}, 1, 'a password is said to be set';
my $tag = $shown->{headers}{etag};
is status_is($lb->put('/v1/userlists/u', $shown->{json}), 200, 'what is shown')->{headers}{etag} =~ s/^W\///r, $tag, 'can be put back, and changes nothing';
status_is $lb->patch('/v1/userlists/u', { users => { bob => { comment => 'd' } } }, { 'If-Match' => '"0"' }), 412, 'If-Match';
status_is $lb->patch('/v1/userlists/u', { users => { bob => { comment => 'd' } } }, { 'If-Match' => $tag }), 200, 'holds';
status_is $lb->patch('/v1/userlists/u', { users => { eve => { password => '$6$rounds=1000$abcdefgh$x' } } }), 200, 'a user comes';
like fault_of(status_is $lb->patch('/v1/userlists/u', { users => { x => { password => '!!' } } }), 422, 'no hash'),
	qr{^/users/x/password is no hash}, 'says so';
like fault_of(status_is $lb->patch('/v1/userlists/u', { users => { x => { password => 'plain' } } }), 422, 'a password as it is typed'),
	qr{^/users/x/password is no hash .* is an insecure_password$}, 'says where it belongs';
status_is $lb->patch('/v1/userlists/u?dry_run=true', { users => { x => { password => 'ab01FAX.bQRSU' } } }), 200, 'a hash of DES is one';
like fault_of(status_is $lb->patch('/v1/userlists/u', { users => { x => {} } }), 422, 'no password'), qr{^/users/x one of}, 'says so, too';
like fault_of(status_is $lb->patch('/v1/userlists/u', { users => { joe => { insecure_password => 'y' } } }), 422, 'two passwords'),
	qr{insecure_password not together}, 'are one too many';
like fault_of(status_is $lb->patch('/v1/userlists/u', { groups => { g => { users => ['nobody'] } } }), 422, 'a group of strangers'),
	qr{^/groups/g/users/0 there is no user "nobody"}, 'names them';
$answer = status_is $lb->patch('/v1/userlists/u', { users => { x => { insecure_password => 4711 } } }), 422, 'a password that is no string';
like fault_of($answer), qr{^/users/x/insecure_password must be a string, is a number}, 'is told';
unlike $answer->{text}, qr/4711/, 'not repeated';
status_is $lb->put('/v1/userlists/u', { users => { 'a:b' => { insecure_password => '' } } }), 422, 'a name with a colon is none';
status_is $lb->post('/v1/userlists', { name => 'v' }), 201, 'one is posted';
is_deeply [sort keys %{$lb->get('/v1/userlists')->{json}}], ['file', 'u', 'v'], 'all of them';
status_is $lb->delete('/v1/userlists/v'), 204, 'one goes';
$shown = $lb->get('/v1/userlists?view=config')->{json};
$lb->kill('KILL');
$lb->wait_exit(10);
$lb->restart;
is_deeply $lb->get('/v1/userlists?view=config')->{json}, $shown, 'killed, it has all that was set';
is_deeply [sort keys %{$lb->get('/v1/userlists')->{json}}], ['file', 'u'], 'and nothing that went';
unlike $lb->get('/v1/config')->{text}, qr/\Q$hash\E/, 'no password in the whole document';
$lb->stop;
undef $lb;

# Rules ask.
use MIME::Base64 qw(encode_base64);
$lb = Sluice->start(config => {
	global => { threads => 1 },	# each remembers for itself
	userlists => { u => { users => { joe => { password => $hash, groups => ['admin'] }, ann => { insecure_password => 'x' } } } },
	frontends => { web => { mode => 'http', bind => ['127.0.0.1:0'], rules => [
		{ action => 'auth', realm => 'here', unless => '{ http_auth(u) }' },
		{ action => 'return', content_type => 'text/plain', string => 'admin', if => '{ http_auth_group(u) admin }' },
		{ action => 'return', content_type => 'text/plain', string => 'somebody' } ] } },
});

sub asked {
	my ($login) = @_;
	my $client = $lb->connect('web');
	$client->send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
		. (defined $login ? 'Authorization: Basic ' . encode_base64($login, '') . "\r\n" : '') . "\r\n");
	my $text = $client->read_all // '';
	return $text =~ m{^HTTP/1.1 200.*\r\n\r\n(.*)}s ? $1 : $text =~ /^\S+ (\d+)/ ? $1 : $text;
}

is asked(), '401', 'who says nothing is asked';
is asked('joe:secret'), 'admin', 'a hashed password';
is asked('joe:Secret'), '401', 'a wrong one';
is asked('ann:x'), 'somebody', 'a plain password, another group';
is asked('eve:x'), '401', 'somebody unknown';
is asked('joe:secret'), 'admin', 'once more';
my $logins = $lb->get('/v1/info')->{json}{logins};
is $logins->{checked}, 2, 'a login that is known costs no crypt' or diag(explain($logins));
status_is $lb->patch('/v1/userlists/u', { users => { ann => { insecure_password => 'y' }, joe => { password => crypt('other', '$5$rounds=1000$abcdefgh$') } } }), 200,
	'other passwords';
is asked('joe:secret'), '401', 'the old one is none any more';
is asked('joe:other'), 'admin', 'the new one is';
is asked('ann:y'), 'somebody', 'for each';
like fault_of(status_is $lb->delete('/v1/userlists/u'), 409, 'a userlist in use'), qr{names userlist "u"}, 'can\'t go';
$lb->stop;
done_testing;

#!/usr/bin/perl
# tier: story
# What REST has changed outlives the process; a file that was edited wins over it, at a start and by a
# reload, and says what it drops.
use Sluice;

my $file = { backends => { app => { servers => { s1 => { address => '127.0.0.1:1' }, s2 => { address => '127.0.0.1:2' } } } },
	frontends => { web => { bind => ['127.0.0.1:0'] } } };
my $lb = Sluice->start(state => 1, plain => 1, config => $file);
my $servers = '/v1/backends/app/servers';

sub status_is {
	my ($answer, $status, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($answer->{status}, $status, $name) or diag($answer->{text});
	return $answer;
}

sub members { return join ' ', sort keys %{$lb->get($_[0])->{json}} }

sub tags { return map { $lb->get("/v1/$_")->{headers}{etag} } 'config', 'backends', 'backends/app', 'backends/app/servers', 'frontends' }

# Saved, and so are ids, revisions and who did it.
status_is $lb->put("$servers/s3", { address => '127.0.0.1:3' }), 201, 'a server comes';
status_is $lb->patch("$servers/s2", { admin_state => 'maint', weight => 9 }), 200, 'one is changed';
status_is $lb->put('/v1/backends/other', {}), 201, 'a backend comes';
status_is $lb->delete("$servers/s3"), 204, 'the server goes';
my @tags = tags();
my $config = $lb->get('/v1/config?view=config')->{json};
$lb->restart;
is_deeply $lb->get('/v1/config?view=config')->{json}, $config, 'after a restart all is as it was set';
is_deeply [tags()], \@tags, 'with the revisions that it had, deletions counted';
is $lb->get("$servers/s2")->{json}{status}{admin}{by}, 'rest', 'and who set what';
status_is $lb->put("$servers/s4", { address => '127.0.0.1:4' }, { 'If-Match' => '*' }), 412, 'conditions hold';
status_is $lb->put("$servers/s4", { address => '127.0.0.1:4' }), 201, 'another server';
is $lb->get("$servers/s4")->{json}{id}, 4, 'has the next id, not that of the one that went';
isnt $lb->get('/v1/config')->{headers}{etag}, $tags[0], 'and a revision of its own';

# The file is edited: it wins, but for what was taken out of service by hand.
$file->{backends}{app}{servers}{s1}{weight} = 3;
$lb->restart(config => $file);
is members('/v1/backends'), 'app', 'an edited file wins: what it does not have is gone';
is members($servers), 's1 s2', 'on every level';
is $lb->get("$servers/s2")->{json}{weight}, 1, 'and what it does not say is unset';
is $lb->get("$servers/s2")->{json}{admin_state}, 'maint', 'but a server in maintenance stays there';
is_deeply [map { $lb->get("$servers/$_")->{json}{id} } 's1', 's2'], [1, 2], 'ids stay';
like $lb->stderr, qr{$_: dropped}, "$_ is told" for '/backends/other', '/backends/app/servers/s4', '/backends/app/servers/s2/weight';
unlike $lb->stderr, qr{admin_state: dropped}, 'what stays is not';
status_is $lb->put("$servers/s5", { address => '127.0.0.1:5' }), 201, 'a server after that';
is $lb->get("$servers/s5")->{json}{id}, 5, 'has an id that nobody had';
$lb->restart;
is members($servers), 's1 s2 s5', 'the file as it was is no news';
is members('/v1/backends'), 'app', 'and what was dropped does not come back';

# Reload: the same while it runs.
ok !status_is($lb->post('/v1/config/reload'), 200, 'a reload of the file as it was')->{json}{changed}, 'changes nothing';
is members($servers), 's1 s2 s5', 'what REST set stays';
$file->{backends}{app}{servers}{s1}{weight} = 4;
$lb->write_config($file);
is_deeply status_is($lb->post('/v1/config/reload?dry_run=true'), 200, 'a reload that is only tried')->{json}{dropped}, ['/backends/app/servers/s5'],
	'says what it would drop';
is members($servers), 's1 s2 s5', 'and drops nothing';
my $address = $lb->address('web');
my $answer = status_is $lb->post('/v1/config/reload'), 200, 'a reload';
is members($servers), 's1 s2', 'applies the file';
is $lb->get("$servers/s2")->{json}{admin_state}, 'maint', 'keeps the maintenance';
is $lb->address('web'), $address, 'and the listener';
my $tag = $lb->get('/v1/config')->{headers}{etag};
ok !status_is($lb->post('/v1/config/reload'), 200, 'once more')->{json}{changed}, 'changes nothing';
is $lb->get('/v1/config')->{headers}{etag}, $tag, 'not even the ETag';
$file->{backends}{app}{servers}{s2}{admin_state} = 'ready';
$file->{backends}{app}{servers}{s1}{weight} = 999;
$file->{frontends}{web}{default_backend} = 'nobody';
$lb->write_config($file);
$answer = status_is $lb->post('/v1/config/reload'), 422, 'a file with faults';
is_deeply [sort map { $_->{pointer} } @{$answer->{json}{errors}}], ['/backends/app/servers/s1/weight', '/frontends/web/default_backend'],
	'hears of all of them';
is scalar(grep { $_->{detail} =~ /^line \d+: / } @{$answer->{json}{errors}}), 2, 'with their lines';
is $lb->get("$servers/s2")->{json}{admin_state}, 'maint', 'and applies nothing';
$lb->write_config('{"backends":');
status_is $lb->post('/v1/config/reload'), 422, 'a file that is no JSON';
delete $file->{frontends}{web}{default_backend};
$file->{backends}{app}{servers}{s1}{weight} = 5;
$lb->write_config($file);
$lb->kill('HUP');
ok becomes { $lb->get("$servers/s1")->{json}{weight} == 5 } 5, 'SIGHUP is a reload';
is $lb->get("$servers/s2")->{json}{admin_state}, 'ready', 'a file that says ready is ready';
$lb->write_config({});
status_is $lb->post('/v1/config/reload'), 200, 'an empty file';
is_deeply $lb->get('/v1/config?view=config')->{json},
	{ global => {}, admin => {}, defaults => {}, profiles => {}, maps => {}, userlists => {}, http_errors => {}, frontends => {}, backends => {} }, 'empties all';
status_is $lb->put('/v1/backends/last', {}), 201, 'a backend';
$lb->restart(config => { comment => 'x' });
is members('/v1/backends'), '', 'and so does one that was edited while nobody looked';
$lb->restart;
is members('/v1/backends'), '', 'for good';

$lb->stop;
undef $lb;
$lb = Sluice->start(plain => 1);
status_is $lb->post('/v1/config/reload'), 409, 'without a file there is nothing to reload';
$lb->stop;
undef $lb;
done_testing;

#!/usr/bin/perl
# tier: story
#
# What holds after a start: nothing, the saved document, or the file; an edited file wins over what REST
# saved, but for a server that somebody took out of service. Ids and ETags survive.
use Sluice;

my $config = {
	frontends => { web => { mode => 'tcp', bind => ['127.0.0.1:0'], default_backend => 'app' } },
	backends => { app => { mode => 'tcp', servers => { map { $_ => { address => '127.0.0.1:9' } } 'a', 'b', 'c' } } },
};

sub server_of {
	my ($lb, $name, $query) = @_;
	return $lb->get("/v1/backends/app/servers/$name" . ($query // ''))->{json};
}

# The log is written by a thread of its own.
sub said {
	my ($lb, $text, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	becomes { $lb->stderr =~ $text } 5;
	like $lb->stderr, $text, $name;
}

subtest 'without a file, without a state folder: empty, all by REST' => sub {
	my $lb = Sluice->start;
	ok becomes { $lb->get('/readyz')->{status} == 200 } 5, 'ready';
	is_deeply $lb->get('/v1/config?view=config')->{json},
		{ map { $_ => {} } qw(global admin defaults profiles maps userlists http_errors frontends backends) }, 'nothing is set';
	is $lb->get('/v1/info')->{json}{state_dir}, undef, 'nothing is kept';
	is $lb->put('/v1/backends/app', $config->{backends}{app})->{status}, 201, 'a backend';
	is $lb->put('/v1/frontends/web', $config->{frontends}{web})->{status}, 201, 'a frontend';
	like $lb->address('web'), qr/^127\.0\.0\.1:[1-9]/, 'listens';
	is $lb->post('/v1/config/reload')->{status}, 409, 'there is no file to reload';
	$lb->kill('HUP');
	said($lb, qr/SIGHUP: there is no file to apply/, 'nor by a signal');
	$lb->stop;
};

subtest 'on the saved document' => sub {
	my $lb = Sluice->start(state => 1);
	$lb->put('/v1/backends/app', $config->{backends}{app});
	$lb->put('/v1/frontends/web', $config->{frontends}{web});
	is $lb->delete('/v1/backends/app/servers/c')->{status}, 204, 'the server with the highest id goes';
	is $lb->patch('/v1/backends/app/servers/b', { weight => 7, admin_state => 'drain' })->{status}, 200,
		'another is drained';
	my %before = map { $_ => $lb->get($_)->{headers}{etag} }
		'/v1/config?view=config', '/v1/backends/app?view=config', '/v1/backends/app/servers/a?view=config';
	my $saved = $lb->get('/v1/config?view=config')->{json};
	$lb->restart;
	is_deeply $lb->get('/v1/config?view=config')->{json}, $saved, 'the same document';
	is $lb->get($_)->{headers}{etag}, $before{$_}, "the same ETag: $_" for sort keys %before;
	is server_of($lb, 'b')->{status}{admin}{by}, 'rest', 'who drained it is known';
	is server_of($lb, 'b')->{status}{state}, 'drain', 'and it is';
	is $lb->put('/v1/backends/app/servers/d', { address => '127.0.0.1:9' })->{json}{id}, 4,
		'the id of a server that went is not given again';
	$lb->stop;
};

subtest 'an unchanged file: what REST saved holds' => sub {
	my $lb = Sluice->start(state => 1, config => $config);
	$lb->patch('/v1/backends/app/servers/a', { weight => 9 });
	$lb->put('/v1/backends/app/servers/new', { address => '127.0.0.1:9' });
	$lb->restart;
	is server_of($lb, 'a')->{weight}, 9, 'a change';
	is server_of($lb, 'new')->{id}, 4, 'a new server';
	unlike $lb->stderr, qr/dropped/, 'nothing was dropped';
	$lb->stop;
};

subtest 'an edited file wins, and says over what' => sub {
	my $lb = Sluice->start(state => 1, config => $config);
	$lb->patch('/v1/backends/app/servers/a', { weight => 9 });
	$lb->patch("/v1/backends/app/servers/$_", { admin_state => 'maint', comment => 'by hand' }) for 'b', 'c';
	$lb->put('/v1/backends/app/servers/new', { address => '127.0.0.1:9' });
	$lb->put('/v1/backends/other', { mode => 'tcp' });
	my %edited = %{JSON::PP::decode_json(JSON::PP::encode_json($config))};
	$edited{backends}{app}{servers}{a}{comment} = 'edited';
	$edited{backends}{app}{servers}{c}{admin_state} = 'ready';
	$lb->restart(config => \%edited);
	said($lb, qr/: ready,/, 'ready');
	my @dropped = sort $lb->stderr =~ m{ warning (/\S+): dropped: saved by REST}g;
	is_deeply \@dropped, [map { "/backends/$_" } sort 'app/servers/a/weight', 'app/servers/b/comment',
		'app/servers/c/admin_state', 'app/servers/c/comment', 'app/servers/new', 'other'],
		'the log has the pointer of each change that is dropped' or diag $lb->stderr;
	is server_of($lb, 'a', '?view=config')->{weight}, undef, 'dropped';
	is server_of($lb, 'a', '?view=config')->{comment}, 'edited', 'the file holds';
	is $lb->get('/v1/backends/app/servers/new')->{status}, 404, 'a server that the file does not have';

	my $kept = server_of($lb, 'b');
	is $kept->{status}{state}, 'maint', 'a server that REST put into maintenance stays there';
	is $kept->{status}{admin}{by}, 'rest', 'its status says who did it';
	is $kept->{status}{cause}{code}, 'restored', 'and why it holds';
	is server_of($lb, 'c')->{status}{state}, 'no_check', 'unless the file names its admin_state';
	said($lb, qr{app/b: maint, admin_state set by REST earlier, kept over an edited file}, 'so says the log');
	my $event = $lb->events(last_event_id => 9999999, kind => 'server')->next(5, sub {
		($_[0]{data}{cause}{code} // '') eq 'restored' });
	is $event->{data}{server}, 'b', 'and an event';
	is $lb->put('/v1/backends/app/servers/newer', { address => '127.0.0.1:9' })->{json}{id}, 5,
		'the id of a dropped server is not given again';

	$lb->restart;
	is server_of($lb, 'b')->{status}{state}, 'maint', 'one start later it is unchanged';
	is $lb->get('/v1/backends/app/servers/newer')->{status}, 200, 'and new changes hold';
	unlike $lb->stderr, qr/dropped/, 'nothing is dropped twice';
	$lb->stop;
};

subtest 'disabled in a file names an admin_state' => sub {
	my %disabled = (on => JSON::PP::true, off => JSON::PP::false);
	my %servers = map { $_ => { address => '127.0.0.1:9', disabled => $disabled{$_} } } keys %disabled;
	my %file = (backends => { app => { servers => { %servers, silent => { address => '127.0.0.1:9' } } } });
	my $lb = Sluice->start(state => 1, config => \%file);
	is server_of($lb, 'on')->{status}{state}, 'maint', 'true is maint';
	$lb->restart;
	unlike $lb->stderr, qr/dropped/, 'which is no change of the file';
	$lb->patch("/v1/backends/app/servers/$_", { admin_state => 'drain' }) for 'on', 'off', 'silent';
	$lb->restart;
	is server_of($lb, $_)->{status}{state}, 'drain', "what REST says of $_ holds" for 'on', 'off', 'silent';
	$lb->restart(config => { backends => { %{$file{backends}}, more => {} } });
	is server_of($lb, 'on')->{status}{state}, 'maint', 'an edited file holds where it says disabled';
	is server_of($lb, 'off')->{status}{state}, 'no_check', 'or not disabled';
	is server_of($lb, 'silent')->{status}{state}, 'drain', 'not where it says nothing';
	my @dropped = sort $lb->stderr =~ m{ warning (/\S+): dropped: saved by REST}g;
	is_deeply \@dropped, [map { "/backends/app/servers/$_/admin_state" } 'off', 'on'], 'and what it drops is told';
	$lb->stop;
};

subtest 'another environment makes another document of the same file' => sub {
	my %by_env = %{JSON::PP::decode_json(JSON::PP::encode_json($config))};
	$by_env{backends}{app}{servers}{a}{comment} = 'in ${ZONE}';
	my $lb = Sluice->start(state => 1, config => \%by_env, env => { ZONE => 'one' });
	is server_of($lb, 'a')->{comment}, 'in one', 'expanded';
	$lb->patch('/v1/backends/app/servers/a', { weight => 9 });
	is $lb->patch('/v1/backends/app/servers/b', { comment => 'in ${ZONE}' })->{json}{comment}, 'in ${ZONE}',
		'over REST it is taken as it is';
	$lb->restart;
	is server_of($lb, 'a')->{weight}, 9, 'the same environment: nothing changed';
	is server_of($lb, 'b')->{comment}, 'in ${ZONE}', 'what REST said is not expanded at a start';
	$lb->restart(env => { ZONE => 'two' });
	is server_of($lb, 'a')->{comment}, 'in two', 'another one: the file was edited, as it were';
	$lb->stop;
};

done_testing;

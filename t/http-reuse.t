#!/usr/bin/perl
# tier: story
#
# Connections to servers are used again as http_reuse says, counted at the server; the idle ones go when they are too many, too
# old or too often used, when their server is in maintenance, has moved or is deleted, and when it closes them.
use Sluice;
use Sluice::Http;
use Sluice::HttpOrigin;
use Time::HiRes qw(sleep);

# Each way has a server of its own, so that its connections can be counted.
my %way = (
	never => { http_reuse => 'never' },
	safe => { http_reuse => 'safe' },
	aggressive => { http_reuse => 'aggressive' },
	always => { http_reuse => 'always' },
	none_kept => { http_reuse => 'always', server => { pool_max_conn => 0 } },
	two_kept => { http_reuse => 'always', server => { pool_max_conn => 2 } },
	purged => { http_reuse => 'always', server => { pool_purge_delay => '200ms' } },
	low => { http_reuse => 'always', server => { pool_purge_delay => '100ms', pool_low_conn => 2 } },
	at_once => { http_reuse => 'always', server => { pool_purge_delay => '0' } },
	thrice => { http_reuse => 'always', server => { max_reuse => 2 } },
	once => { http_reuse => 'always', server => { max_reuse => 0 } },
	kept => { http_reuse => 'always' },
	ntlm => { http_reuse => 'always' },
);
sub answers {
	my ($request, $conn) = @_;
	my $target = $request->{target};
	$conn->read_body($request);
	sleep 0.15 if $target eq '/slow';
	return $conn->answer(401, 'who?', 'WWW-Authenticate: NTLM') if $target eq '/ntlm';
	return $conn->answer(200, $conn->id, $target eq '/close' ? 'Connection: close' : ());
}
my %origin = map { $_ => Sluice::HttpOrigin->start($_, \&answers) } keys %way;
my $lb = Sluice->start(config => {
	global => { threads => 1, log => [{ target => 'stdout' }] },
	defaults => { mode => 'http', timeout => { client => '60s', server => '60s' } },
	frontends => { map { $_ => { bind => ['127.0.0.1:0'], default_backend => $_ } } keys %way },
	backends => { map { $_ => { http_reuse => $way{$_}{http_reuse},
		servers => { s => { address => $origin{$_}->address, %{$way{$_}{server} // {}} } } } } keys %way },
});
my %address = map { $_ => $lb->address($_) } keys %way;

sub client { return Sluice::Client->connect($address{$_[0]}) }

# The id of the connection that served.
sub ask {
	my ($c, $target) = @_;
	$c->send("GET @{[$target // '/']} HTTP/1.1\r\nHost: a\r\n\r\n");
	my $answer = read_answer($c);
	return $answer->{status} == 200 ? $answer->{body} : $answer->{status};
}

sub idle { return $lb->get("/v1/backends/$_[0]/servers/s")->{json}{status}{idle_connections} }

# An answer is there before its connection is put aside: so it may take a moment.
sub idles {
	my ($way, $count, $name) = @_;
	return ok(becomes { idle($way) == $count } 5, $name) || diag('idle are ' . idle($way));
}

# Several at once; the connections that served them.
sub flood {
	my ($way, $count) = @_;
	my @c = map { client($way) } 1 .. $count;
	$_->send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n") for @c;
	return map { read_answer($_)->{body} } @c;
}

# Connections by letters, in the order in which they came.
sub letters {
	my ($next, %letter) = ('a');
	return join('', map { $letter{$_} //= $next++ } @_);
}

{
	my ($a, $b) = map { client('never') } 1, 2;
	is letters(map { ask($_) } $a, $b, $a, $b, $a, $b), 'ababab', 'never: each client has its own';
	idles('never', 2, 'two are idle');
	$a->close;
	ok((becomes { ($origin{never}->connections)[0]{end} } 5), 'and it ends with its client');
	idles('never', 1, 'one is left');
}
{
	my ($a, $b) = map { client('safe') } 1, 2;
	is letters(map { ask($_) } $a, $a, $b, $b, $a), 'aabbb', 'safe: a first request has a new one, later ones any';
}
{
	my ($a, $b, $c) = map { client('aggressive') } 1 .. 3;
	is letters(map { ask($_) } $a, $b, $b, $c), 'abbb', 'aggressive: a first request has one that was reused before';
}
{
	my @c = map { client('always') } 1 .. 3;
	is letters(map { ask($_) } @c, @c), 'aaaaaa', 'always: any';
	is letters(map { ask($_, '/close') } @c), 'abc', 'a server that closes is asked on a new one';
	idles('always', 0, 'nothing is kept of it');
}
{
	my $c = client('none_kept');
	is letters(map { ask($c) } 1 .. 3), 'abc', 'pool_max_conn 0: none is kept';
	is letters(flood('two_kept', 5)), 'abcde', 'five at once need five';
	ok((becomes { idle('two_kept') == 2 } 5), 'pool_max_conn 2: two are kept') or diag(idle('two_kept'));
	my $at = client('at_once');
	is letters(map { ask($at) } 1 .. 3), 'abc', 'pool_purge_delay 0: none is kept';
}
{
	flood('purged', 5);
	flood('low', 5);
	ok((becomes { idle('purged') == 0 } 5), 'pool_purge_delay: who is not needed goes') or diag(idle('purged'));
	ok((becomes { 5 == grep { defined $_->{end} } $origin{purged}->connections } 5), 'the server sees it');
	ok((becomes { idle('low') == 2 } 5), 'pool_low_conn: so many stay') or diag(idle('low'));
	sleep seconds(0.3);
	idles('low', 2, 'and stay');
}
{
	my $c = client('thrice');
	is letters(map { ask($c) } 1 .. 7), 'aaabbbc', 'max_reuse 2: three requests each';
	$c = client('once');
	is letters(map { ask($c) } 1 .. 3), 'abc', 'max_reuse 0: one each';
}
{
	my ($a, $b) = map { client('ntlm') } 1, 2;
	my $first = ask($a);
	is ask($a, '/ntlm'), 401, 'a server that authenticates the connection';
	is ask($a), $first, 'has its client there again';
	isnt ask($b), $first, 'and nobody else';
	is ask($a), $first, 'to the end';
	my $other = Sluice::HttpOrigin->start('ntlm2', \&answers);
	$lb->put('/v1/backends/ntlm/servers/t', { address => $other->address });
	is join(',', map { ask($a) } 1 .. 4), join(',', ($first) x 4), 'though there is another server';
	is $lb->log_line(picked => 'own-connection')->{server}, 's', 'and the log says why';
	$lb->post('/v1/backends/ntlm/rules', { action => 'use-server', server => 't', if => '{ path /t }' });
	ask($a, '/t');
	is $lb->log_line(target => '/t')->{server}, 't', 'but a rule can send it there';
}

# Who goes, and when.
my $server = '/v1/backends/kept/servers/s';
sub all_ended { my ($origin) = @_; return becomes { !grep { !defined $_->{end} } $origin->connections } 5 }
{
	my $c = client('kept');
	flood('kept', 3);
	idles('kept', 3, 'three idle connections');
	is $lb->patch($server, { weight => 7 })->{status}, 200, 'another weight';
	idles('kept', 3, 'leaves them');
	is $lb->patch($server, { admin_state => 'drain' })->{status}, 200, 'drain';
	idles('kept', 3, 'too');
	is $lb->patch($server, { admin_state => 'maint' })->{status}, 200, 'maintenance';
	ok all_ended($origin{kept}), 'closes them';
	idles('kept', 0, 'all');
	$lb->patch($server, { admin_state => 'ready' });
	my $id = ask($c);
	like $id, qr/^\d+$/, 'ready again, and a new one';

	my $other = Sluice::HttpOrigin->start('other', \&answers);
	is $lb->patch($server, { address => $other->address })->{status}, 200, 'another address';
	ok all_ended($origin{kept}), 'closes those to the old one';
	isnt ask($c), $id, 'requests go to the new one';
	is $other->accepted, 1, 'there';

	$c->send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");	# one is busy meanwhile
	wait_until { $other->requests('/slow') } 5;
	is $lb->patch($server, { address => $origin{kept}->address })->{status}, 200, 'back, while one is busy';
	is read_answer($c)->{status}, 200, 'its answer comes';
	ok all_ended($other), 'then it is closed, too';

	ask($c);
	idles('kept', 1, 'one idle');
	is $lb->delete($server)->{status}, 204, 'deleted';
	ok all_ended($origin{kept}), 'closes it';
	is ask($c), 503, 'no server';
	$lb->put($server, { address => $origin{kept}->address });
	ask($c);
	$origin{kept}->stop;
	ok((becomes { idle('kept') == 0 } 5), 'closed by the server: it is not kept');
	$origin{kept}->start;
	like ask($c), qr/^\d+$/, 'and no request meets it';
	is $lb->get('/v1/backends/kept')->{json}{status}{errors}{response} // 0, 0, 'nothing of this is an error';
}

# With several workers: the limit is one, and idle connections are found on each.
{
	my $o = Sluice::HttpOrigin->start('o', \&answers);
	my $many = Sluice->start(config => {
		global => { threads => 4 },
		defaults => { mode => 'http', http_reuse => 'always' },
		frontends => { f => { bind => ['127.0.0.1:0'], default_backend => 'b' } },
		backends => { b => { servers => { s => { address => $o->address, pool_max_conn => 3 } } } },
	});
	$address{many} = $many->address('f');
	flood('many', 20);
	my $idle = sub { $many->get('/v1/backends/b/servers/s')->{json}{status}{idle_connections} };
	cmp_ok $idle->(), '<=', 3, 'pool_max_conn holds over all workers';
	$many->patch('/v1/backends/b/servers/s', { admin_state => 'maint' });
	ok((becomes { $idle->() == 0 } 5), 'and so does maintenance');
	ok all_ended($o), 'seen by the server';
	$many->stop;
}
$lb->stop;
done_testing;

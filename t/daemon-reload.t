#!/usr/bin/perl
# tier: story
#
# SIGHUP and POST /v1/config/reload apply the edited file as a whole, or not at all, and say where it is
# wrong. A service manager that listens is told of each step.
use Sluice;
use IO::Socket::UNIX;
use Socket ();

my $origin = Sluice::Origin->start('a', 'greet');

sub config {
	my (%app) = @_;
	return { frontends => { web => { mode => 'tcp', bind => ['127.0.0.1:0'], default_backend => 'app' } },
		backends => { app => { mode => 'tcp', servers => { a => { address => $origin->address } }, %app } } };
}

sub said {
	my ($lb, $text, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	becomes { $lb->stderr =~ $text } 5;
	like $lb->stderr, $text, $name;
}

subtest 'an edited file' => sub {
	my $lb = Sluice->start(config => config());
	my $client = $lb->connect('web');
	is $client->read_line, 'a', 'a stream';
	my $address = $lb->address('web');
	my $etag = $lb->get('/v1/config?view=config')->{headers}{etag};

	my $same = $lb->post('/v1/config/reload');
	is $same->{status}, 200, 'reload of the same file';
	ok !$same->{json}{changed}, 'changes nothing';
	is $lb->get('/v1/config?view=config')->{headers}{etag}, $etag, 'not even the ETag';

	$lb->write_config(config(retries => 7));
	my $dry = $lb->post('/v1/config/reload?dry_run=true');
	is $dry->{status}, 200, 'dry run';
	is_deeply [map { [@$_{qw(op pointer to)}] } @{$dry->{json}{changes}}], [['add', '/backends/app/retries', 7]], 'says what would change';
	is $lb->get('/v1/backends/app?view=config')->{json}{retries}, undef, 'and changes nothing';
	my $events = $lb->events(kind => 'config');
	my $done = $lb->post('/v1/config/reload', undef, { 'X-Actor' => 'me' });
	is $done->{status}, 200, 'reload';
	ok $done->{json}{changed}, 'of an edited one';
	is $lb->get('/v1/backends/app')->{json}{retries}, 7, 'is in force';
	my $event = $events->next(5);
	is $event->{data}{actor}, 'me', 'an event says who';
	is_deeply [map { $_->{pointer} } @{$event->{data}{changes}}], ['/backends/app/retries'], 'and what';
	is $lb->address('web'), $address, 'the frontend keeps its socket';

	$lb->write_config(config(retries => 8));
	$lb->kill('HUP');
	becomes { $lb->get('/v1/backends/app')->{json}{retries} == 8 } 5;
	is $lb->get('/v1/backends/app')->{json}{retries}, 8, 'SIGHUP does the same';
	said($lb, qr/sluice\.json: applied/, 'and says so');
	$client->send("x\n");
	like $client->read_line, qr/x/, 'the stream of before lives';
	$client->close;
	$lb->stop;
};

# REST drained a, gave it a weight, and added b; then somebody reloads.
sub changed_by_rest {
	my (%start) = @_;
	my $lb = Sluice->start(config => config(), %start);
	$lb->patch('/v1/backends/app/servers/a', { weight => 5, admin_state => 'drain' });
	$lb->put('/v1/backends/app/servers/b', { address => '127.0.0.1:9' });
	return $lb;
}

for my $state (0, 1) {
	subtest 'a file that nobody edited leaves alone what REST set, ' . ($state ? 'saved' : 'in memory') => sub {
		my $lb = changed_by_rest(state => $state);
		my $before = $lb->get('/v1/config?view=config');
		$lb->kill('HUP');
		said($lb, qr/sluice\.json: not edited since it was applied: nothing to do, what REST set holds/, 'SIGHUP says so');
		my $same = $lb->post('/v1/config/reload');
		is $same->{status}, 200, 'by REST';
		is_deeply [sort keys %{$same->{json}}], ['changed', 'file', 'revision'], 'answers';
		ok !$same->{json}{changed}, 'that nothing changed';
		is_deeply $lb->post('/v1/config/reload?dry_run=true')->{json}, { changes => [], dropped => [], dropped_count => 0 }, 'a dry run';
		if ($state) {
			$lb->restart;
			$lb->post('/v1/config/reload');
			said($lb, qr/not edited since/, 'a start on what was saved is no edit');
		}
		my $after = $lb->get('/v1/config?view=config');
		is_deeply $after->{json}, $before->{json}, 'all is as REST left it';
		is $after->{headers}{etag}, $before->{headers}{etag}, 'to the ETag';
		unlike $lb->stderr, qr/dropped|kept over|: applied/, 'the log knows of no other';
		$lb->stop;
	};
}

subtest 'an edited file drops what REST had changed since, and says what' => sub {
	my $lb = changed_by_rest(state => 1);
	$lb->write_config(config(retries => 7));
	my @dropped = ('/backends/app/servers/a/weight', '/backends/app/servers/b');
	my $dry = $lb->post('/v1/config/reload?dry_run=true')->{json};
	is_deeply [sort @{$dry->{dropped}}], \@dropped, 'a dry run says it before';
	is $dry->{dropped_count}, 2, 'and how many';
	unlike $lb->stderr, qr/dropped/, 'the log does not: nothing was done';
	my $events = $lb->events(kind => 'server');
	my $done = $lb->post('/v1/config/reload');
	is $done->{status}, 200, 'reload';
	ok $done->{json}{changed}, 'changes something';
	is_deeply [sort @{$done->{json}{dropped}}], \@dropped, 'the answer has the pointers';
	is $done->{json}{dropped_count}, 2, 'and how many there are';
	said($lb, qr{warning \Q$_\E: dropped: saved by REST, but the file was edited since}, "the log has $_") for @dropped;
	my $a = $lb->get('/v1/backends/app/servers/a')->{json};
	is $a->{weight}, 1, 'the file holds';
	is $lb->get('/v1/backends/app/servers/b')->{status}, 404, 'a server that it does not name goes';
	is $a->{status}{state}, 'drain', 'but one that was drained stays so';
	is $a->{status}{cause}{code}, 'restored', 'and says why';
	is $events->next(5, sub { $_[0]{data}{cause}{code} eq 'restored' })->{data}{server}, 'a', 'as does an event';
	said($lb, qr{app/a: drain, admin_state set by REST earlier, kept over an edited file}, 'and the log');
	$lb->post('/v1/config/reload') for 1, 2;
	is scalar(() = $lb->stderr =~ /kept over an edited file/g), 1, 'once: the file was edited once';
	$lb->patch('/v1/backends/app/servers', { map { ("n$_" => { address => '127.0.0.1:9' }) } 1 .. 150 });
	$lb->write_config(config(retries => 6));
	my $many = $lb->post('/v1/config/reload')->{json};
	is scalar(@{$many->{dropped}}), 100, 'of very many a hundred are told';
	is $many->{dropped_count}, 150, 'and how many there are';
	said($lb, qr/sluice\.json: 50 more were dropped/, 'as in the log');
	$lb->write_config(config(retries => 7));
	is $lb->post('/v1/config/reload')->{json}{dropped_count}, 0, 'nothing is dropped twice';
	$lb->stop;
};

subtest 'a file that is wrong' => sub {
	my $lb = Sluice->start(config => config(), args => ['--threads', '1']);
	my $before = $lb->get('/v1/config?view=config');
	my $wrong = sub {
		my ($name, $text, $status, $pointer, $detail, $logged) = @_;
		Sluice::spew($lb->file('sluice.json'), $text);
		my $answer = $lb->post('/v1/config/reload');
		is $answer->{status}, $status, "$name: $status";
		is $answer->{json}{errors}[0]{pointer}, $pointer, 'where';
		like $answer->{json}{errors}[0]{detail}, $detail, 'why, and its line';
		$lb->kill('HUP');
		said($lb, qr/error \S+sluice\.json:$logged/, 'a signal leaves it in the log');
	};
	$wrong->('no JSON', qq({"global":\n{), 422, '/global', qr/line 2/, qr{2:\d: not applied: /global: (?!line)});
	$wrong->('nothing', '', 422, '', qr/line 1/, qr{1:1: not applied: \w});
	$wrong->('two mistakes', qq({"global":{"maxconn":1},\n"backends":{"app":{"mode":"tcp",\n"retries":-1}}}), 422,
		'/backends/app/retries', qr/line 3: /, qr{3: not applied: /backends/app/retries: must be});
	$wrong->('a variable that is not set', qq({"global":\n{"comment":"\${NOT_SET}"}}), 422, '/global/comment', qr/line 2: .*NOT_SET/,
		qr{2: not applied: /global/comment: .*NOT_SET});
	$wrong->('what needs a restart', qq({"global":\n{"user":"nobody"}}), 409, '/global/user', qr/line 2: restart needed/,
		qr{2: not applied: /global/user: restart needed});
	$wrong->('what the command line says', qq({"global":\n{"threads":3}}), 409, '/global/threads', qr/line 2: --threads was given/,
		qr{2: not applied: /global/threads: --threads});
	unlike $lb->stderr, qr/not applied: \S*sluice\.json|not applied: :|not applied: [^:]*not applied/, 'each once, and well';
	my $after = $lb->get('/v1/config?view=config');
	is_deeply $after->{json}, $before->{json}, 'nothing was applied';
	is $after->{headers}{etag}, $before->{headers}{etag}, 'nothing at all';
	unlink $lb->file('sluice.json');
	my $gone = $lb->post('/v1/config/reload');
	is $gone->{status}, 503, 'no file any more: 503';
	like $gone->{json}{detail}, qr/sluice\.json: cannot open: No such file/, 'says so';
	is $lb->connect('web')->read_line, 'a', 'traffic flows';
	$lb->stop;
};

subtest 'the service manager' => sub {
	plan skip_all => 'this build is without systemd' if Sluice::slurp(Sluice::build_dir() . '/config.h') !~ /^#define HAVE_SYSTEMD 1/m;
	my $dir = File::Temp->newdir;
	my $socket = IO::Socket::UNIX->new(Type => Socket::SOCK_DGRAM(), Local => "$dir/notify") or die;
	$socket->blocking(0);
	my $got = '';
	my $told = sub {
		my ($text, $name) = @_;
		local $Test::Builder::Level = $Test::Builder::Level + 1;
		becomes { my $m; $got .= "$m\n--\n" while defined $socket->recv($m, 4096) && length $m; $got =~ $text } 5;
		like $got, $text, $name;
		$got = '';
	};
	my $lb = Sluice->start(config => config(), env => { NOTIFY_SOCKET => "$dir/notify" });
	$told->(qr/^READY=1$/m, 'ready');
	is $lb->post('/v1/config/reload')->{status}, 200, 'a reload by REST';
	$lb->kill('HUP');
	$told->(qr/\A(?:(?!RELOADING).)*RELOADING=1\nMONOTONIC_USEC=\d{6,}\n.*READY=1\n(?!.*RELOADING)/s,
		'a reload by SIGHUP, and only that: reloading, with the time, then ready');
	$lb->write_config('{');
	$lb->kill('HUP');
	$told->(qr/RELOADING=1\n.*READY=1\nSTATUS=.*failed/s, 'a failed one: ready, and the status says so');
	$lb->stop;
	$told->(qr/^STOPPING=1$/m, 'stopping');
};

done_testing;

#!/usr/bin/perl
# tier: story
#
# Who gets the next session: by weight, by level of priority, by state, all of it changed by REST while sessions
# run. A change holds for the next session, exactly; those that run stay where they are.
use Sluice;

my ($yes, $no) = (JSON::PP::true, JSON::PP::false);
my %origin = map { $_ => Sluice::Origin->start($_, 'greet') } 'a' .. 'e';

sub servers {
	my (%server) = @_;
	my $id = 0;
	return { map { $_ => { address => $origin{$_}->address, id => ++$id, %{$server{$_}} } } sort keys %server };
}

sub backup { my ($priority) = @_; return { priority => $priority } }

my $lb = Sluice->start(config => {
	global => { threads => 1 },
	defaults => { mode => 'tcp' },
	frontends => { map { $_ => { bind => ['127.0.0.1:0'], default_backend => $_ } } qw(app levels all many) },
	backends => {
		app => { servers => servers(a => { weight => 3 }, b => { weight => 2 }, c => { weight => 1 }) },
		levels => { servers => servers(a => {}, b => {}, c => backup(1), d => backup(1), e => backup(2)) },
		all => { allbackups => $yes, servers => servers(a => {}, b => backup(1), c => backup(1), d => backup(2)) },
		many => { min_usable => 2, allbackups => $yes, servers => servers(a => {}, b => {}, c => backup(1), d => backup(2)) },
	},
});

# Who answers the next sessions, one letter each. Kept ones go on.
my @kept;

sub next_ones {
	my ($frontend, $count) = @_;
	my $who = '';
	my $address = $lb->address($frontend);
	for (1 .. $count) {
		my $c = Sluice::Client->connect($address);
		$who .= $c->read_line;
		push @kept, $c if @kept < 30;
	}
	return $who;
}

sub sorted { return join '', sort split //, $_[0] }

sub change {
	my ($path, $body, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $answer = $lb->patch("/v1/backends/$path", $body);
	is $answer->{status}, 200, $name or diag($answer->{text});
}

sub server { my ($backend, $server, %body) = @_; change("$backend/servers/$server", \%body, join ' ', "$backend: $server gets", %body) }

subtest 'weights' => sub {
	my $turn = next_ones('app', 6);
	is sorted($turn), 'aaabbc', "of six each has its share";
	unlike $turn, qr/aaa/, 'well mixed';
	is next_ones('app', 12), $turn x 2, 'turn for turn the same';
	server app => 'a', weight => 1;
	server app => 'c', weight => 4;
	like sorted(next_ones('app', 7)), qr/^a{1,2}b{1,3}c{3,5}$/, 'other weights hold from the next session on';
	is sorted(next_ones('app', 7)), 'abbcccc', 'and exactly from the next round on';
	server app => 'b', weight => 0;
	is sorted(next_ones('app', 10)), 'aacccccccc', 'weight 0 gets none';
	is $lb->get('/v1/backends/app/servers/b')->{json}{status}{eligible}, $no, 'and says so';
	server app => 'b', weight => 256;
	is sorted(next_ones('app', 261)), 'a' . 'b' x 256 . 'c' x 4, 'up to 256';
};

subtest 'states' => sub {
	server app => $_, weight => 1 for 'a', 'b', 'c';
	server app => 'a', admin_state => 'drain';
	is sorted(next_ones('app', 4)), 'bbcc', 'a server that drains gets none';
	server app => 'b', admin_state => 'maint';
	is next_ones('app', 2), 'cc', 'nor one in maintenance';
	server app => $_, admin_state => 'ready' for 'a', 'b';
	is sorted(next_ones('app', 6)), 'aabbcc', 'ready again';
	change app => { servers => { d => { address => $origin{d}->address } } }, 'a new server';
	is sorted(next_ones('app', 8)), 'aabbccdd', 'has its turns at once';
	is $lb->delete('/v1/backends/app/servers/d')->{status}, 204, 'it goes';
	is sorted(next_ones('app', 3)), 'abc', 'and has none';
	server app => 'c', address => $origin{e}->address;
	is sorted(next_ones('app', 3)), 'abe', 'an address of another machine holds for the next session';
};

subtest 'levels of priority' => sub {
	is sorted(next_ones('levels', 4)), 'aabb', 'the actives serve';
	server levels => 'a', admin_state => 'maint';
	is next_ones('levels', 2), 'bb', 'the last of them alone';
	server levels => 'b', admin_state => 'maint';
	is next_ones('levels', 3), 'ccc', 'then the first backup, not balanced';
	server levels => 'c', admin_state => 'maint';
	is next_ones('levels', 2), 'dd', 'the next of its level';
	server levels => 'd', weight => 0;
	is next_ones('levels', 2), 'ee', 'the next level';
	server levels => 'c', admin_state => 'ready';
	is next_ones('levels', 2), 'cc', 'a better backup takes over';
	server levels => 'e', backup => $no;
	is next_ones('levels', 2), 'ee', 'a backup that is made an active one';
	server levels => 'b', admin_state => 'ready';
	server levels => 'e', backup => $yes;
	is next_ones('levels', 2), 'bb', 'and back';
	is $lb->get('/v1/backends/levels/servers/e')->{json}{priority}, 1, 'now with priority 1';
	server levels => 'b', priority => 2;
	is next_ones('levels', 2), 'cc', 'an active that is made a backup behind others';
};

subtest 'allbackups' => sub {
	is next_ones('all', 2), 'aa', 'the active serves';
	server all => 'a', admin_state => 'drain';
	is sorted(next_ones('all', 4)), 'bbcc', 'then all of the first level';
	change all => { allbackups => $no }, 'allbackups off';
	is next_ones('all', 2), 'bb', 'the first one';
	change all => { allbackups => $yes }, 'and on';
	server all => $_, admin_state => 'maint' for 'b', 'c';
	is next_ones('all', 2), 'dd', 'the next level';
};

subtest 'min_usable' => sub {
	is sorted(next_ones('many', 4)), 'aabb', 'two actives are enough';
	server many => 'a', admin_state => 'maint';
	is sorted(next_ones('many', 4)), 'bbcc', 'one is not: the first level helps';
	server many => 'b', admin_state => 'maint';
	is sorted(next_ones('many', 4)), 'ccdd', 'and the second';
	server many => 'a', admin_state => 'ready';
	is sorted(next_ones('many', 4)), 'aacc', 'an active is back: one level is enough';
	change many => { min_usable => 1 }, 'one will do';
	is next_ones('many', 2), 'aa', 'it serves alone';
};

# Through all of that:
my $alive = grep { $_->send("still here\n") && $_->read_line eq 'still here' } @kept;
is $alive, scalar @kept, 'no session that ran was disturbed';
$_->close for @kept;

# With two workers each has a rotation of its own, so the sum is fair and not exact.
subtest 'two workers' => sub {
	my $lb = Sluice->start(config => {
		global => { threads => 2 },
		frontends => { web => { mode => 'tcp', bind => ['127.0.0.1:0'], default_backend => 'app' } },
		backends => { app => { mode => 'tcp', servers => servers(a => { weight => 3 }, b => { weight => 2 }, c => { weight => 1 }) } },
	});
	my $address = $lb->address('web');
	my @clients = map { Sluice::Client->connect($address) } 1 .. 120;
	my %count;
	$count{$_->read_line}++ for @clients;
	for (['a', 60], ['b', 40], ['c', 20]) {
		my ($name, $fair) = @$_;
		cmp_ok abs(($count{$name} // 0) - $fair), '<=', 3, "$name has about $fair of 120";
	}
	is $lb->get("/v1/backends/app/servers/$_")->{json}{status}{sessions}{total}, $count{$_}, "$_: counted as seen" for 'a' .. 'c';
	my %workers = map { $_->{worker} => 1 } values %{$lb->get('/v1/sessions')->{json}};
	is join(' ', sort keys %workers), '0 1', 'both had sessions';
	$_->close for @clients;
	$lb->stop;
};
$lb->stop;
undef $lb;
done_testing;

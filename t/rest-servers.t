#!/usr/bin/perl
# tier: story
# A deploy script changes servers while clients are connected: what it says holds for the next
# session, those under way stay where they are, and every server says why it is as it is.
use Sluice;
use JSON::PP ();

my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my %origin = map { $_ => Sluice::Origin->start($_, 'greet') } 'a', 'b', 'c';
my $lb = Sluice->start(config => {
	global => { threads => 1 },	# whose turn it is, is exact on one worker
	frontends => { web => { bind => ['127.0.0.1:0'], default_backend => 'app' } },
	backends => { app => { servers => { a => { address => $origin{a}->address } } } },
});
my $servers = '/v1/backends/app/servers';

sub status_is {
	my ($answer, $status, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($answer->{status}, $status, $name) or diag($answer->{text});
	return $answer;
}

# Each origin says its name first: who served.
sub served {
	my ($count) = @_;
	my %by;
	for (1 .. $count // 1) {
		my $client = $lb->connect('web');
		$by{$client->read_line}++;
		$client->close;
	}
	return join ' ', map { defined $count && $count > 1 ? "$_=$by{$_}" : $_ } sort keys %by;
}

sub status_of { return $lb->get("$servers/$_[0]")->{json}{status} }

sub errors_are {
	my ($answer, $want, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_deeply({ map { $_->{pointer} => $_->{detail} } @{$answer->{json}{errors} // []} }, $want, $name);
}

# One server, then a backup beside it.
is served(), 'a', 'one server serves';
my $status = status_of('a');
is $status->{state}, 'no_check', 'its state';
is $status->{eligible}, $true, 'it takes sessions';
like $status->{eligible_because}, qr/active server/, 'and says why';
is_deeply $status->{admin}, { effective => 'ready', by => 'config' }, 'who said ready';
is_deeply $status->{address}, { state => 'known', value => $origin{a}->address, source => 'config' }, 'its address';
like $status->{since}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'since when, in UTC with milliseconds';
ok $status->{cause}{code} && $status->{cause}{detail}, 'with a cause';
ok exists $status->{cause}{actor}, 'that names an actor, or none';
is $status->{effective_weight}, 1, 'its weight';
ok becomes { status_of('a')->{sessions}{current} == 0 } 5, 'no session is left';
$status = status_of('a');
is $status->{sessions}{total}, 1, 'one was served';
is $status->{bytes}{out}, 2, 'of two bytes';
is_deeply [sort keys %{$status->{errors}}], ['connect', 'redispatches', 'response', 'retries'], 'errors are counted';
status_is $lb->put("$servers/b", { address => $origin{b}->address, backup => $true }), 201, 'a backup comes';
is $lb->get("$servers/b")->{json}{priority}, 1, 'which is priority 1';
is_deeply $lb->get("$servers/b?view=config")->{json}, { address => $origin{b}->address, priority => 1, id => 2 },
	'priority is what is stored';
is served(6), 'a=6', 'it serves nobody';
$status = status_of('b');
is $status->{eligible}, $false, 'and is not eligible';
like $status->{eligible_because}, qr/backup/, 'for the reason that it is a backup';

# The deploy: the active drains, becomes the backup, comes back; sessions stay.
my $running = $lb->connect('web');
is $running->read_line, 'a', 'a session is under way';
status_is $lb->patch("$servers/a", { admin_state => 'drain' }, { 'X-Actor' => 'deploy', 'X-Reason' => 'rollout 7' }), 200, 'drain';
is served(), 'b', 'the next session goes to the backup';
$running->send("still here\n");
is $running->read_line, 'still here', 'the session under way goes on';
$status = status_of('a');
is $status->{state}, 'drain', 'its state';
is_deeply $status->{admin}, { effective => 'drain', by => 'rest' }, 'set by REST';
is $status->{cause}{actor}, 'deploy', 'by whom';
is $status->{eligible}, $false, 'not eligible';
like $status->{eligible_because}, qr/drain/, 'since it drains';
is status_of('b')->{eligible}, $true, 'but the backup is';
like status_of('b')->{eligible_because}, qr/active/, 'since no active is usable';
is $lb->get('/v1/backends/app')->{json}{status}{servers}{usable_active}, 0, 'the backend counts no active';
status_is $lb->patch("$servers/a", { admin_state => 'ready', backup => $true }), 200, 'the active becomes a backup too';
is $lb->get("$servers/a")->{json}{priority}, 1, 'of priority 1';
is served(3), 'a=3', 'the first backup by id serves, alone';
status_is $lb->patch("$servers/a", { priority => 2 }), 200, 'a level further';
is served(3), 'b=3', 'the nearer level serves';
status_is $lb->patch("$servers/a", { backup => $true }), 200, 'backup: true';
is $lb->get("$servers/a")->{json}{priority}, 2, 'leaves 1 to 9 as it is';
status_is $lb->patch("$servers/a", { backup => $false }), 200, 'backup: false';
is_deeply [@{$lb->get("$servers/a")->{json}}{qw(priority backup)}], [0, $false], 'makes it 0';
is served(3), 'a=3', 'and active';
status_is $lb->patch("$servers/b", { backup => undef }), 200, 'backup: null unsets';
is $lb->get("$servers/b")->{json}{priority}, 0, 'the priority';
is served(4), 'a=2 b=2', 'two actives take turns';
status_is $lb->patch("$servers/b", { priority => 0, backup => $false }), 200, 'both, agreeing';
errors_are status_is($lb->patch("$servers/b", { priority => 3, backup => $false }), 422, 'disagreeing'),
	{ '/backup' => 'is false, but priority is 3' }, 'is refused';
errors_are status_is($lb->patch($servers, { b => { priority => 0, backup => $true } }), 422, 'in a collection'),
	{ '/b/backup' => 'is true, but priority is 0' }, 'too';
my $etag = $lb->get("$servers/a")->{headers}{etag};
status_is $lb->patch("$servers/a", { backup => $false }), 200, 'an active that is no backup';
is $lb->get("$servers/a")->{headers}{etag}, $etag, 'is not changed by hearing so';
$running->send("and here\n");
is $running->read_line, 'and here', 'the session of before has noticed nothing';

# Weight, address, maintenance, allbackups.
status_is $lb->patch("$servers/a", { weight => 0 }), 200, 'weight 0';
is served(3), 'b=3', 'takes no new session';
is status_of('a')->{state}, 'drain', 'and is a drain';
status_is $lb->patch("$servers/a", { weight => 3 }), 200, 'weight 3';
is status_of('a')->{effective_weight}, 3, 'holds';
my $before = $origin{b}->accepted;
status_is $lb->patch("$servers/b", { address => $origin{c}->address }), 200, 'another address';
is served() . served() . served() . served() =~ /c/ ? 'c' : '', 'c', 'holds for the next sessions';
is $origin{b}->accepted, $before, 'and the old one gets none';
status_is $lb->patch("$servers/b", { admin_state => 'maint' }), 200, 'maintenance';
is status_of('b')->{state}, 'maint', 'its state';
is served(3), 'a=3', 'serves nobody';
status_is $lb->patch($servers, { a => { admin_state => 'maint' } }), 200, 'all in maintenance';
my $client = $lb->connect('web');
ok $client->closed_within(5), 'no server: the session ends';
status_is $lb->patch($servers, { a => { admin_state => undef, backup => $true }, b => { admin_state => 'ready', backup => $true } }), 200, 'two backups';
is served(3), 'a=3', 'the first one serves';
status_is $lb->patch('/v1/backends/app', { allbackups => $true }), 200, 'allbackups';
is served(8), 'a=6 c=2', 'all of them, by weight';

# DELETE lets sessions finish; force ends them.
status_is $lb->delete("$servers/a"), 204, 'DELETE of a server';
is served(2), 'c=2', 'no new session reaches it';
$running->send("to the end\n");
is $running->read_line, 'to the end', 'the one under way goes on';
$running->close;
$running = $lb->connect('web');
is $running->read_line, 'c', 'a session on the last server';
status_is $lb->delete("$servers/b?force=true&dry_run=true"), 200, 'a dry run of a forced DELETE';
$running->send("x\n");
is $running->read_line, 'x', 'ends nothing';
status_is $lb->delete("$servers/b?force=true"), 204, 'a forced DELETE';
ok $running->closed_within(5), 'has ended the session';
is $lb->log_line(server => 'b', termination_state => qr/^[^-]/)->{cause} ? 1 : 0, 1, 'and the log has a cause';

# Ids.
status_is $lb->post($servers, { name => 'n', address => $origin{a}->address }), 201, 'a new server';
is $lb->get("$servers/n")->{json}{id}, 3, 'has an id that was never used';
status_is $lb->put("$servers/n", { address => $origin{a}->address, weight => 2 }), 200, 'PUT without an id';
is $lb->get("$servers/n")->{json}{id}, 3, 'keeps it';
status_is $lb->patch("$servers/n", { id => undef }), 200, 'so does null';
is $lb->get("$servers/n")->{json}{id}, 3, 'an id is not unset';
status_is $lb->patch("$servers/m", { id => 9 }), 404, 'a write that fails';
status_is $lb->put("$servers/m", { address => 'x' }), 422, 'another';
status_is $lb->put("$servers/m?dry_run=true", { address => $origin{a}->address, id => 50 }), 200, 'a dry run';
status_is $lb->put("$servers/m", { address => $origin{a}->address }), 201, 'have used no id';
is $lb->get("$servers/m")->{json}{id}, 4, 'it is the next one';
errors_are status_is($lb->put("$servers/o", { address => $origin{a}->address, id => 3 }), 422, 'an id of another'),
	{ '/id' => '3 is the id of server "n" already' }, 'is refused, with its name';
errors_are status_is($lb->put("$servers/o", { address => $origin{a}->address, id => 0 }), 422, 'id 0'),
	{ '/id' => 'must be 1 to 268435455, is 0' }, 'is none';
status_is $lb->put("$servers/o", { address => $origin{a}->address, id => 20 }), 201, 'an id above all';
status_is $lb->patch($servers, { z => { address => $origin{a}->address }, y => { address => $origin{b}->address } }), 200, 'two more';
is $lb->get("$servers/z")->{json}{id} + $lb->get("$servers/y")->{json}{id}, 43, 'have the ids behind it';
status_is $lb->patch("$servers/o", { id => 268435455 }), 200, 'the highest there is';
errors_are status_is($lb->post($servers, { name => 'p', address => $origin{a}->address }), 422, 'nothing is above it'),
	{ '/id' => 'must be 1 to 268435455, is 268435456' }, 'says so';
like served(8), qr/a=/, 'all of them serve';
my @order = $lb->get($servers)->{text} =~ /"name":"(\w)"/g;
my %id = map { $_ => $lb->get("$servers/$_")->{json}{id} } @order;
is "@order", join(' ', sort { $id{$a} <=> $id{$b} } @order), 'servers are answered in the order of their ids';

$lb->stop;
undef $lb;
done_testing;

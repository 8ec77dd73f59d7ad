#!/usr/bin/perl
# tier: story
# An orchestrator follows what happens, loses its connection, and misses nothing.
use Sluice;

my $lb = Sluice->start(config => { backends => { app => { mode => 'tcp', servers => {} } } });
my $path = '/v1/backends/app/servers';

sub add {
	my ($to, $name, %headers) = @_;
	return $to->put("$path/$name", { address => '127.0.0.1:9' }, \%headers)->{status};
}

my $events = $lb->events(kind => 'config');
is $events->status, 200, 'the head comes before anything happens';
is $events->headers->{'content-type'}, 'text/event-stream', 'as server-sent events';
is add($lb, 's1', 'X-Actor' => 'deploy 7', 'X-Reason' => 'more load'), 201, 'a server is added';
my $e = $events->next(5);
is $e->{event}, 'config', 'its event arrives';
is $e->{data}{kind}, 'config', 'the kind is in the data, too';
is $e->{data}{id}, $e->{id}, 'and the id';
like $e->{data}{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'and the time';
is $e->{data}{actor}, 'deploy 7', 'with who says to have done it';
is $e->{data}{reason}, 'more load', 'and why';

# Away for a while.
my $last = $e->{id};
$events->close;
is add($lb, "away$_"), 201, "away, change $_" for 1 .. 3;
my $again = $lb->events(kind => 'config', last_event_id => $last);
my @seen = map { $again->next(5) } 1 .. 3;
is_deeply [map { $_->{event} } @seen], [('config') x 3], 'all that was missed comes';
ok $seen[0]{id} > $last && $seen[1]{id} > $seen[0]{id} && $seen[2]{id} > $seen[1]{id}, 'in order';
is add($lb, 'back'), 201, 'and it goes on';
ok $again->next(5)->{id} > $seen[2]{id}, 'with what happens now';

# Several readers, each its kinds; all ids without a gap.
my $all = $lb->events(last_event_id => 0);
my $expected = 1;
for my $i (1 .. 5) {
	my $next = $all->next(5);
	last if !is $next->{id}, $expected++, "event $i of all";
}
my $server = $lb->events(kind => 'session-kill');
is add($lb, 'quiet'), 201, 'something happens';
is $server->next(0.3), undef, 'that a reader of another kind does not see';

# A server's life: it comes, moves, is another one under its name, goes.
my $life = $lb->events(kind => 'server');
my $told = sub {
	my ($name, $like) = @_;
	my $data = $life->next(5, sub { $_[0]{data}{server} eq $name })->{data};
	return join ' ', map { $_ // 'null' } @$data{'from', 'to'}, $data->{cause}{code}, $data->{address} ? @{$data->{address}}{'from', 'to'} : ();
};
is add($lb, 'life'), 201, 'a server comes';
is $told->('life'), 'null no_check created', 'says an event';
is $lb->patch("$path/life", { address => '127.0.0.1:10' })->{status}, 200, 'it moves';
is $told->('life'), 'no_check no_check address-changed 127.0.0.1:9 127.0.0.1:10', 'from where to where';
is $lb->patch("$path/life", { address => '127.0.0.1:11', admin_state => 'maint' })->{status}, 200, 'it moves, and something else changes';
is $told->('life'), 'no_check maint config 127.0.0.1:10 127.0.0.1:11', 'both in one, with the cause of the state';
is $lb->patch("$path/life", { comment => 'no move' })->{status}, 200, 'it stays where it is';
is $lb->patch("$path/life", { id => 77, admin_state => undef })->{status}, 200, 'another one takes its name';
is_deeply [sort map { $told->('life') } 1 .. 2], ['maint null removed', 'null no_check created'], 'one went, one came';
is $lb->delete("$path/life")->{status}, 204, 'it goes';
is $told->('life'), 'no_check null removed', 'out of which state';
is $lb->put("$path/spare", { address => '127.0.0.1:9', backup => JSON::PP::true })->{status}, 201, 'a backup comes, and waits';
is $lb->patch($path, { map { ($_ => { admin_state => 'maint' }) } grep { $_ ne 'spare' } keys %{$lb->get($path)->{json}} })->{status}, 200, 'all actives go';
is $told->('spare'), 'no_check no_check created', 'that it serves now does not make it a new one';
is $lb->put('/v1/backends/whole', { servers => { map { ("w$_" => { address => '127.0.0.1:9' }) } 1 .. 700 } })->{status}, 201, 'many come';
is $lb->delete('/v1/backends/whole')->{status}, 204, 'and go with their backend';
my %went;
while (keys %went < 700) {
	my $data = ($life->next(5, sub { ($_[0]{data}{cause}{code} // '') eq 'removed' }) or last)->{data};
	$went{$data->{server}}++ if $data->{backend} eq 'whole';
}
is scalar(grep { $_ == 1 } values %went), 700, 'each is told of, once';
$life->close;

# A client that asks for what there is not.
my $answer = $lb->get('/v1/events?kind=sever');
is $answer->{status}, 400, 'an unknown kind';
like $answer->{json}{detail}, qr/did you mean "server"/, 'with the nearest';
is $lb->get('/v1/events', { 'Last-Event-ID' => 'abc' })->{status}, 400, 'an id that is none';
is $lb->head('/v1/events')->{status}, 200, 'HEAD does not wait';

# A new process knows nothing of the old one's ids: its own begin anew and none is skipped.
$lb->restart;
is add($lb, 's1'), 201, 'another process';
my $new = $lb->events(kind => 'config', last_event_id => 100000);
ok $new->next(5)->{id} < 100000, 'a reader with an old id gets its events';
$new->close;
$lb->stop;
done_testing;

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

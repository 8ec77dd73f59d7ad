#!/usr/bin/perl
# tier: story
# Who is connected where, page by page; and long collections, page by page.
use Sluice;

my %origin = map { $_ => Sluice::Origin->start($_, 'greet') } 'a', 'b';
my $lb = Sluice->start(config => {
	frontends => { web => { bind => ['127.0.0.1:0'], default_backend => 'app' },
		other => { bind => ['127.0.0.1:0'], default_backend => 'second' } },
	backends => { app => { servers => { a => { address => $origin{a}->address }, b => { address => $origin{b}->address } } },
		second => { servers => { a => { address => $origin{a}->address } } } },
});

sub status_is {
	my ($answer, $status, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($answer->{status}, $status, $name) or diag($answer->{text});
	return $answer;
}

sub count_is {
	my ($path, $count, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(scalar keys %{$lb->get($path)->{json}}, $count, $name);
}

# The path of the next page, from Link.
sub next_of {
	my ($answer) = @_;
	return ($answer->{headers}{link} // '') =~ /^<([^>]+)>; rel="next"$/ ? $1 : undef;
}

is_deeply $lb->get('/v1/sessions')->{json}, {}, 'nobody is connected';
my @clients = map { $lb->connect('web') } 1 .. 6;
my @names = map { $_->read_line } @clients;
push @clients, $lb->connect('other');
is $clients[6]->read_line, 'a', 'seven clients';
my $on_a = grep { $_ eq 'a' } @names;

my $all = $lb->get('/v1/sessions')->{json};
is scalar keys %$all, 7, 'seven sessions';
my ($id) = grep { $all->{$_}{client} eq $clients[0]->local_address } keys %$all;
ok $id, 'each with its client';
my $one = status_is($lb->get("/v1/sessions/$id"), 200, 'one of them')->{json};
is_deeply [@{$one}{qw(frontend backend server)}], ['web', 'app', $names[0]], 'where it is';
count_is('/v1/sessions?backend=app', 6, 'of a backend');
count_is("/v1/sessions?server=app/a", $on_a, 'of a server');
count_is("/v1/backends/app/servers/a/sessions", $on_a, 'the same');
count_is('/v1/sessions?server=second/a', 1, 'of another one');
count_is('/v1/sessions?src=127.0.0.1', 7, 'of an address');
count_is('/v1/sessions?src=127.0.0.0/8&backend=second', 1, 'of a network, and a backend');
count_is('/v1/sessions?src=10.0.0.0/8', 0, 'of nobody');
count_is('/v1/sessions?src=::1', 0, 'of nobody over IPv6');
status_is $lb->get('/v1/sessions?backend=no'), 404, 'of a backend that is not there';
status_is $lb->get('/v1/sessions?server=app/no'), 404, 'of a server that is not there';
status_is $lb->get('/v1/sessions?server=app'), 400, 'of half a server';
status_is $lb->get('/v1/sessions?src=10.0.0.0/33'), 400, 'of a network that is none';
status_is $lb->get('/v1/sessions?src=here'), 400, 'of an address that is none';
status_is $lb->get('/v1/backends/app/servers/no/sessions'), 404, 'of no server';
status_is $lb->get('/v1/sessions/999999999'), 404, 'a session that is not there';
status_is $lb->get('/v1/sessions/x'), 404, 'one that cannot be';
status_is $lb->get('/v1/sessions?cursor=x'), 400, 'a cursor that is none';
my (@seen, $pages);
$pages = 0;
for (my $path = '/v1/sessions?limit=3&backend=app'; $path; $pages++) {
	my $answer = status_is $lb->get($path), 200, "page $path";
	push @seen, keys %{$answer->{json}};
	$path = next_of($answer);
}
is $pages, 2, 'pages of three';
is_deeply [sort @seen], [sort grep { $all->{$_}{backend} eq 'app' } keys %$all], 'have them all';

# Ending.
status_is $lb->delete('/v1/sessions'), 400, 'DELETE of all, by mistake';
count_is('/v1/sessions', 7, 'ends nobody');
status_is $lb->delete("/v1/sessions/$id"), 204, 'DELETE of one';
ok $clients[0]->closed_within(5), 'ends it';
like $lb->log_line(client => $all->{$id}{client})->{termination_state}, qr/^K/, 'K, says the log';
status_is $lb->delete("/v1/sessions/$id"), 404, 'it is no more';
is $lb->delete('/v1/backends/second/servers/a/sessions')->{json}{ended}, 1, 'DELETE of those of a server';
ok $clients[6]->closed_within(5), 'ends them';
is $lb->delete('/v1/sessions?src=10.0.0.0/8')->{json}{ended}, 0, 'of nobody';
my $rest = $names[0] eq 'a' ? $on_a - 1 : $on_a;
is $lb->delete('/v1/sessions?server=app/a')->{json}{ended}, $rest, 'of a server';
is $lb->delete('/v1/sessions?all=true')->{json}{ended}, 5 - $rest, 'of all that are left';
ok !(grep { !$_->closed_within(5) } @clients), 'everybody has noticed';
ok becomes { !%{$lb->get('/v1/sessions')->{json}} } 5, 'nobody is connected';

# Long collections.
status_is $lb->patch('/v1/backends', { map { ("b$_" => {}) } 10 .. 34 }), 200, 'twenty-five backends';
status_is $lb->patch('/v1/backends/b10/servers', { map { ("s$_" => { address => '127.0.0.1:9', id => $_ }) } 1 .. 12 }), 200,
	'twelve servers';
@seen = ();
$pages = 0;
for (my $path = '/v1/backends?limit=10&view=config'; $path; $pages++) {
	my $answer = status_is $lb->get($path), 200, "page $path";
	push @seen, $answer->{text} =~ /"(b\d\d)":/g;
	last if $pages > 5;
	$path = next_of($answer);
	like $path, qr/view=config/, 'the next page is of the same view' if $path;
}
is $pages, 3, 'pages of ten';
is "@seen", join(' ', map { "b$_" } 10 .. 34), 'in order, each once';
@seen = ();
for (my $path = '/v1/backends/b10/servers?limit=5&view=config'; $path;) {
	my $answer = $lb->get($path);
	push @seen, $answer->{text} =~ /"s(\d+)":/g;
	last if @seen > 20;
	$path = next_of($answer);
}
is "@seen", join(' ', 1 .. 12), 'servers by id';
status_is $lb->get('/v1/backends/b10/servers?cursor=x'), 400, 'a cursor that is none';
is next_of($lb->get('/v1/backends?limit=100')), undef, 'the last page has no next';
is next_of($lb->get('/v1/backends')), undef, 'nor has the whole';
is scalar(keys %{$lb->get('/v1/backends?cursor=b30&limit=100')->{json}}), 5, 'a page begins behind its cursor';

# Depth.
ok !exists $lb->get('/v1/config?depth=0')->{json}{backends}, 'depth 0: no collections';
ok exists $lb->get('/v1/config?depth=0')->{json}{global}, 'but what there is one of';
my $shallow = $lb->get('/v1/config?depth=1')->{json};
ok exists $shallow->{backends}{app} && !exists $shallow->{backends}{app}{servers}, 'depth 1: one level';
ok exists $lb->get('/v1/config?depth=2')->{json}{backends}{app}{servers}{a}, 'depth 2: two';
ok !exists $lb->get('/v1/backends?depth=0')->{json}{app}{servers}, 'of a collection, below its members';
ok exists $lb->get('/v1/backends')->{json}{app}{servers}{a}, 'all, where nothing is said';

# Who deleted a server sees what is left of it, and can end it.
{
	status_is $lb->put('/v1/backends/app/servers/gone', { address => $origin{a}->address }), 201, 'a server';
	status_is $lb->patch('/v1/backends/app/servers', { map { $_ => { weight => $_ eq 'gone' ? 1 : 0 } }
		keys %{$lb->get('/v1/backends/app/servers')->{json}} }), 200, 'that gets all';
	my $client = $lb->connect('web');
	$client->read_line;
	status_is $lb->delete('/v1/backends/app/servers/gone'), 204, 'goes';
	is scalar keys %{$lb->get('/v1/backends/app/servers/gone/sessions')->{json}}, 1, 'its session is seen';
	is scalar keys %{$lb->get('/v1/sessions?server=app/gone')->{json}}, 1, 'by its name, too';
	is $lb->delete('/v1/backends/app/servers/gone/sessions')->{json}{ended}, 1, 'and can be ended';
	ok $client->closed_within(5), 'it is';
	status_is $lb->get('/v1/backends/app/servers/gone/sessions'), 404, 'then nothing is left of it';
}

# Who is full can be sent nobody now.
{
	my $one = '/v1/backends/app/servers/one';
	my $eligible = sub { return @{$lb->get($one)->{json}{status}}{qw(eligible eligible_because)} };
	status_is $lb->put($one, { address => $origin{a}->address, maxconn => 1 }), 201, 'a server for one session';
	is_deeply [$eligible->()], [JSON::PP::true, 'no check, and an active server'], 'is eligible';
	my $client = $lb->connect('web');
	$client->read_line;
	is_deeply [$eligible->()], [JSON::PP::false, 'full (maxconn 1): new sessions wait in the backend\'s queue'], 'until it has one';
	$client->close;
	ok becomes { ($eligible->())[0] } 5, 'and then again';
}

$lb->stop;
undef $lb;
done_testing;

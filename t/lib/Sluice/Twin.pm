package Sluice::Twin;

=head1 NAME

Sluice::Twin - one configuration in HAProxy and in sluice, led through the same failures

=head1 SYNOPSIS

	use Sluice::Twin;

	my %scene = (
		backend => { mode => 'http', check => { type => 'http' }, default_server => { check => 1, inter => '100ms' } },
		servers => [ a => { weight => 2 }, b => { backup => 1 } ],	# in this order; addresses are the twin's
		play => sub {
			my ($side) = @_;
			$side->see('at first', $side->state('a', 'b'));
			$side->steer('a', port => 'refuses');
			$side->until(a => 'DOWN');
			$side->see('then', $side->state('a'), $side->picks(4));
		},
		differs => { then => [qr/HAProxy's/, "ours", 'why'] },	# by the label, its first word, or without its number
	);
	same_in_both('the actives die', \%scene);		# one test for each thing that was seen

What is seen may be a sub that says it; behind sluice that is asked again until it says what was seen behind HAProxy, for
3 seconds. The play runs behind HAProxy, then behind sluice; each has servers of its own (a Sluice::Farm), so both can be led through
the same verdicts one by one. What it does with C<see> must be the same in both, or as C<differs> says, with a reason.
A scene may have C<more>, a list of backends with their C<servers>; C<global>, HAProxy's words for it; C<agents> and
C<others>, names of agents and of other servers in the farm, for whom C<{port:NAME}> in a value of a server stands.

What a play may ask of its side: steer, step, arrived, count (the farm's); state, check, health, weight, actives, until; picks($n) is who
answers the next $n requests, sorted; connect, a client of the frontend; ended($client), the log's termination state and server;
admin(server => ready|drain|maint), set_weight; story, what was told of servers' states in order.

SLUICE_TWIN=HAProxy (or Sluice) in the environment plays one side alone, and prints what is seen.

States are in HAProxy's words: C<UP 2/3>, C<DOWN 1/2>, C<NOLB>, C<DRAIN>, C<MAINT>, C<no check>.

=cut

use strict;
use warnings;
use Exporter 'import';
use File::Temp ();
use Test::More ();
use Sluice::Client;
use Sluice::Farm;
use Sluice::Http;
use Sluice::Wait;

our @EXPORT = qw(same_in_both);

require Sluice::Twin::HAProxy;
require Sluice::Twin::Sluice;

my %is_switch = map { $_ => 1 } qw(check check_send_proxy agent_check backup disabled negate);
sub is_switch { return $is_switch{$_[0]} }

sub same_in_both {
	my ($name, $scene) = @_;
	my %seen;
	for my $class ('Sluice::Twin::HAProxy', 'Sluice::Twin::Sluice') {
		next if $ENV{SLUICE_TWIN} && $class !~ /::$ENV{SLUICE_TWIN}$/;
		my $side = $class->begin($name, $scene, $seen{'Sluice::Twin::HAProxy'});
		if (!eval { $scene->{play}->($side); 1 }) {
			$side->see('it ends', $@ =~ s/ at \S+ line \d+//r);
			Test::More::diag("$name, $class: $@", $side->said);
		}
		$seen{$class} = $side->{seen};
		$side->end;
	}
	my ($theirs, $ours) = @seen{'Sluice::Twin::HAProxy', 'Sluice::Twin::Sluice'};
	my %label = map { $_ => 1 } map { keys_of($_->[0]) } @{$theirs // []}, @{$ours // []};
	for my $n (0 .. ($#{$theirs // []} > $#{$ours // []} ? $#{$theirs // []} : $#{$ours // []})) {
		compare($name, $scene->{differs} // {}, ($theirs // [])->[$n], ($ours // [])->[$n]);
	}
	for my $label (grep { !$label{$_} } sort keys %{$scene->{differs} // {}}) {
		Test::More::fail("$name: $label is not seen");
	}
}

# A label, its first word, and it without a number before it.
sub keys_of { my ($label) = @_; return ($label, $label =~ s/ .*//sr, $label =~ s/^\d+ //r) }

sub compare {
	my ($name, $differs, $theirs, $ours) = @_;
	my $label = ($theirs // $ours)->[0];
	my ($t, $o) = map { $_ ? $_->[0] eq $label ? $_->[1] : "not seen: $_->[0]" : 'not seen' } $theirs, $ours;
	return Test::More::note(sprintf '%-30s %-40s %s', $name, $label, $theirs ? $t : $o) if $ENV{SLUICE_TWIN};
	my ($known) = grep { defined } map { $differs->{$_} } keys_of($label);
	return Test::More::is($o, $t, "$name: $label: $t") if !$known;
	my ($their, $our, $why) = @$known;
	Test::More::like("$t || $o", qr/^(?:${\ (ref $their ? $their : quotemeta $their)}) \|\| (?:${\ (ref $our ? $our : quotemeta $our)})$/,
		"$name: $label: different, because $why");
}

# -- what both sides have

sub names_of { my ($list) = @_; return map { $list->[2 * $_] } 0 .. @$list / 2 - 1 }

sub backends {
	my ($scene) = @_;
	my @all = (app => { %{$scene->{backend} // {}}, servers => $scene->{servers} }, @{$scene->{more} // []});
	return map { [$all[2 * $_], $all[2 * $_ + 1]] } 0 .. @all / 2 - 1;
}

sub begin {
	my ($class, $name, $scene, $other) = @_;
	my $self = bless { name => $name, scene => $scene, seen => [], other => $other, mode => $scene->{backend}{mode} // 'http',
		dir => File::Temp->newdir('sluice-twin-XXXXXX', TMPDIR => 1) }, $class;
	my @farm = map { ($_ => $scene->{kind}{$_} // $self->{mode}) } map { names_of($_->[1]{servers}) } backends($scene);
	push @farm, map { ($_ => 'agent') } @{$scene->{agents} // []};
	push @farm, map { ($_ => 'http') } @{$scene->{others} // []};
	$self->{farm} = Sluice::Farm->start(@farm);
	$scene->{before}->($self) if $scene->{before};
	$self->launch;
	return $self;
}

sub filled { my ($self, $value) = @_; return $value =~ s/\{port:(\w+)\}/$self->{farm}->port($1)/ger }

# A sub is asked again where the other side saw something else, for things may be under way.
sub see {
	my ($self, $label, @values) = @_;
	my $look = ref $values[0] ? $values[0] : sub { @values };
	my $now = join ', ', $look->();
	if (my $other = $self->{other}[@{$self->{seen}}]) {
		my ($known) = grep { defined } map { $self->{scene}{differs}{$_} } keys_of($label);
		my $wanted = $known ? $known->[1] : $other->[1];
		$wanted = qr/\Q$wanted\E/ if !ref $wanted;
		becomes { $now =~ /^$wanted\z/ or $now = join(', ', $look->()), 0 } 3 if ref $values[0];
	}
	push @{$self->{seen}}, [$label, $now];
}
sub steer { my $self = shift; return $self->{farm}->steer(@_) }
sub step { my $self = shift; return $self->{farm}->step(@_) }
sub answer { my $self = shift; return $self->{farm}->answer(@_) }
sub arrived { my $self = shift; return $self->{farm}->arrived(@_) }
sub count { my $self = shift; return $self->{farm}->count(@_) }

sub until {
	my ($self, $server, $state, $seconds) = @_;
	my $now = '';
	becomes { $now = $self->state($server); ref $state ? $now =~ /^$state$/ : $now eq $state } $seconds // 10;
	die "$server is $now, not $state\n" if ref $state ? $now !~ /^$state$/ : $now ne $state;
}

# When the next check has been made, all that followed from those before it has happened.
sub settle {
	my ($self, $server, $what) = @_;
	my $before = $self->count($server, $what // 'check');
	wait_until { $self->count($server, $what // 'check') >= $before + 2 } 10, "checks of $server";
}

sub until_agent {
	my ($self, $server, $result) = @_;
	wait_until { $self->agent($server) =~ $result } 10, "$result by the agent of $server";
}

sub state { my ($self, @servers) = @_; return join ' ', map { $self->row($_)->{state} } @servers }
# And the code that came with it, which HAProxy has while no other check is under way.
sub checked {
	my ($self, $server) = @_;
	my $row;
	wait_until { $row = $self->row($server); $row->{check} !~ /^(?:INI|UNK|none)$/ && defined $row->{code} } 10, "a check of $server";
	return $row->{check} . ($row->{code} ? "/$row->{code}" : '');
}

sub check { my ($self, @servers) = @_; return join ' ', map { $self->row($_)->{check} } @servers }
sub health { my ($self, @servers) = @_; return join ' ', map { $self->row($_)->{health} } @servers }
sub weight { my ($self, @servers) = @_; return join ' ', map { $self->row($_)->{weight} } @servers }
sub agent { my ($self, @servers) = @_; return join ' ', map { $self->row($_)->{agent} } @servers }
sub all { my ($self, @servers) = @_; return join ' ', map { my $r = $self->row($_); $r->{state} . ($r->{state} eq 'MAINT' ? '' : " $r->{check}") . ($r->{state} =~ /^(?:UP|no check)/ ? " w$r->{weight}" : '') } @servers }

sub connect { my ($self, $backend) = @_; return Sluice::Client->connect($self->address($backend // 'app')) }

# Who answers one request or connection: a server's name, or the status, or "closed".
sub pick {
	my ($self, $backend) = @_;
	my $c = $self->connect($backend);
	if ($self->{mode} eq 'tcp') {
		my $line = $c->read_line(10);
		$c->half_close;
		$c->closed_within(5);
		return $line eq '' ? 'closed' : $line;
	}
	$c->send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	my $answer = read_answer($c, 'GET', 10);
	return 'closed' if !defined $answer->{status};
	return $answer->{status} == 200 ? $answer->{body} =~ s/\s+\z//r : $answer->{status};
}

sub picks {
	my ($self, $count, $backend) = @_;
	my %picked;
	$picked{$self->pick($backend)}++ for 1 .. $count;
	return join ' ', map { "$_:$picked{$_}" } sort keys %picked;
}

# -- what is told: both have HAProxy's lines

# Columns: what a line says of a server, what state that is.
my @told_states = (
	[qr/is (?:going )?DOWN for maintenance|enters maintenance/, 'MAINT'],
	[qr/(?:is|was) (?:now )?DOWN(?!.*draining)/, 'DOWN'],
	[qr/is stopping/, 'NOLB'],
	[qr/enters drain state/, 'DRAIN'],
	[qr/is UP/, 'UP'],
);

sub story {
	my ($self) = @_;
	my (@story, %was);
	for my $line (split /\n/, $self->log_text) {
		my ($server, $rest) = $line =~ m{^(?:Backup |)Server \w+/(\w+) (.*)} or next;
		next if $rest =~ /remains in forced/;
		my ($state) = map { $_->[1] } grep { $rest =~ $_->[0] } @told_states;
		$state //= $rest;
		push @story, "$server $state" if $state ne ($was{$server} // '');
		$was{$server} = $state;
	}
	return @story;
}

# What was told of checks: "a L4CON 1/3 UP", "a agent L7STS 0/1 DOWN".
my %code_of = ('Layer4 check passed' => 'L4OK', 'Layer4 connection problem' => 'L4CON', 'Layer4 timeout' => 'L4TOUT', 'Layer7 check passed' => 'L7OK', 'Layer7 wrong status' => 'L7STS',
	'Layer7 check conditionally passed' => 'L7OKC', 'Layer7 timeout' => 'L7TOUT', 'Layer7 invalid response' => 'L7RSP', 'Socket error' => 'SOCKERR', 'Health analyze' => 'HANA');

sub told {
	my ($self, @servers) = @_;
	my @told;
	for my $line (split /\n/, $self->log_text) {
		my ($kind, $server, $reason, $status) = $line =~ m{^(Health|Agent) check for (?:backup )?server \w+/(\w+) .*?reason: (.*?)(?:, .*)?, status: (.*?)\.$} or next;
		push @told, "$server " . ($kind eq 'Agent' ? 'agent ' : '') . ($code_of{$reason} // $reason) . " $status" if grep { $_ eq $server } @servers;
	}
	return @told;
}

# The same when weights changed: the order of before has passed.
sub share {
	my ($self, $count, $backend) = @_;
	$self->pick($backend) for 1 .. $count;
	return $self->picks($count, $backend);
}

sub end {
	my ($self) = @_;
	$self->finish;
	$self->{farm}->stop;
}

1;

#!/usr/bin/perl
# tier: drill, beside others
#
# A server goes down, or an active one comes back, while streams are in all their phases: behind HAProxy and behind sluice
# the same ones end, with the same letter, and the next request goes to the same server. How an end looks is known to be
# different: %differs. The play, and what both sides are: Sluice::Twin.
use Sluice;
use Sluice::Http;
use Sluice::Twin;

plan skip_all => 'haproxy is not installed' if system('command -v haproxy >/dev/null') != 0;

my %phases = (
	http => {
		'waiting for headers' => sub { my ($c) = @_; $c->send("GET /as/silent HTTP/1.1\r\nHost: h\r\n\r\n") },
		'in a body' => sub { my ($c) = @_; $c->send("GET /as/begun HTTP/1.1\r\nHost: h\r\n\r\n"); $c->{head} = $c->read_until("\r\n\r\n") },
		'in a request body' => sub { my ($c) = @_; $c->send("POST /as/silent HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf") },
		'between requests' => sub { my ($c) = @_; $c->send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"); read_answer($c, 'GET', 5) },
	},
	tcp => {
		'idle' => sub { my ($c) = @_; $c->read_line },
		'after an exchange' => sub { my ($c) = @_; $c->read_line; $c->send("hello\n"); $c->read_line },
		'the client said all' => sub { my ($c) = @_; $c->read_line; $c->half_close },
	},
);
# All phases at once, each a connection that has come to the server. Then what it is about, and what became of them.
sub begin_all {
	my ($s, $mode, $server) = @_;
	my %client;
	$s->steer($server, at_end => 'stays', keeps => 1);
	for my $phase (sort keys %{$phases{$mode}}) {
		my $c = $client{$phase} = $s->connect;
		my $before = $mode eq 'http' ? $s->count($server, 'traffic') : 0;
		$c->{was} = $c->local_address;
		$phases{$mode}{$phase}->($c);
		wait_until { $s->count($server, 'traffic') > $before } 5, "$phase: at $server" if $mode eq 'http';
	}
	return \%client;
}

# The letter and the server of one that ended; and how the end looks: its line, and what the client saw.
sub outcome {
	my ($s, $c, $is_ended) = @_;
	my $line = $is_ended ? $s->ended($c) : undef;
	my $closed = $c->closed_within(0.2);
	my ($status) = (($c->{head} // '') . $c->buffer) =~ m{^HTTP/1\.1 (\d+)};
	my $client = join ' ', $status // (), !$closed ? 'open' : $c->was_reset ? 'RST' : 'FIN';
	$line //= $s->ended($c) if $closed;
	return $line ? (join(' ', substr($line, 0, 1), (split / /, $line)[1]), "$line | $client") : ('none', $client);
}

# Who was between two requests goes on.
sub next_request {
	my ($c) = @_;
	$c->send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	my $answer = read_answer($c, 'GET', 5);
	return $answer->{status} == 200 ? $answer->{body} =~ s/\s+\z//r : $answer->{status};
}

sub see_all {
	my ($s, $client, $is_ended) = @_;
	for my $phase (sort keys %$client) {
		my ($who, $how) = outcome($s, $client->{$phase}, $is_ended && $phase !~ /^(?:between requests|the client said all)$/);
		$s->see("$phase: ended by", $who);
		$s->see("$phase: seen", $how);
	}
	$s->see('who was between requests', next_request($client->{'between requests'})) if $client->{'between requests'};
	$s->see('the next', $s->picks(2));
}

# What HAProxy 2.6 says, what sluice does, why. (3.4 says UC and DC, and 500 even of what had a 200: BEHAVIOUR 1.6.)
my $cut = 'a cut is no end, and the client sees that';
my $told = 'the client is told, by 500 as newer HAProxy does';
my %differs = (
	http => {
		'in a body: seen' => [qr/[DU]D [ax] 200 0 \| 200 FIN/, qr/[DU]D [ax] 200 0 \| 200 RST/, $cut],
		'in a request body: seen' => [qr/[DU]- [ax] -1 0 \| FIN/, qr/[DU]H [ax] 500 0 \| 500 FIN/, $told],
		'waiting for headers: seen' => [qr/[DU]H [ax] 502 0 \| 502 open/, qr/[DU]H [ax] 500 0 \| 500 FIN/, $told],
	},
	tcp => {
		'after an exchange: seen' => [qr/[DU]- [ax] 0 \| FIN/, qr/[DU]D [ax] 0 \| RST/, $cut],
		'idle: seen' => [qr/[DU]- [ax] 0 \| FIN/, qr/[DU]D [ax] 0 \| RST/, $cut],
		'the client said all: ended by' => ['none', qr/[DU] [ax]/, 'it waits for a server that is gone'],
		'the client said all: seen' => ['open', qr/[DU]D [ax] 0 \| RST/, 'it waits for a server that is gone'],
	},
);

my %probed = (check => 1, inter => '50ms', fastinter => '20ms');
my %why_down = (
	'by its check' => sub { my ($s) = @_; $s->steer('pa', port => 'refuses') },
	'by maint' => sub { my ($s) = @_; $s->admin(a => 'maint') },
	'by drain' => sub { my ($s) = @_; $s->admin(a => 'drain') },
	'by its agent' => sub { my ($s) = @_; $s->steer('ga', check => 'down') },
	'by its agent: maint' => sub { my ($s) = @_; $s->steer('ga', check => 'maint') },
	'by traffic' => sub { my ($s) = @_; $s->steer('a', port => 'refuses'); $s->pick },
);

for my $mode (qw(http tcp)) {
	for my $option ('shutdown-sessions', 'none') {
		for my $why (sort keys %why_down) {
			next if $option eq 'none' && $why !~ /check|maint$/;
			my $is_ended = $option ne 'none' && $why ne 'by drain';
			same_in_both("$mode, down $why, on_marked_down $option", {
				backend => { mode => $mode, timeout => { server => '20s' } }, threads => 4, differs => $is_ended ? $differs{$mode} : {},
				servers => [a => { %probed, rise => 1000, check_port => '{port:pa}', agent_check => 1, agent_port => '{port:ga}', agent_inter => '20ms', on_marked_down => $option, observe => 'layer4', error_limit => 1, on_error => 'mark-down' }, x => { backup => 1 }],
				others => ['pa'], agents => ['ga'],
				play => sub {
					my ($s) = @_;
					$s->until(a => 'UP');
					my $client = begin_all($s, $mode, 'a');
					$why_down{$why}->($s);
					$s->until(a => qr/DOWN|MAINT|DRAIN/);
					see_all($s, $client, $is_ended);
				} });
		}
	}
}

my %why_up = (
	'by its check' => [sub { my ($s) = @_; $s->steer('pa', port => 'refuses') }, sub { my ($s) = @_; $s->steer('pa', port => 'open') }],
	'by ready' => [sub { my ($s) = @_; $s->admin(a => 'maint') }, sub { my ($s) = @_; $s->admin(a => 'ready') }],
	'from drain' => [sub { my ($s) = @_; $s->admin(a => 'drain') }, sub { my ($s) = @_; $s->admin(a => 'ready') }],
	'from weight 0' => [sub { my ($s) = @_; $s->set_weight(a => 0) }, sub { my ($s) = @_; $s->set_weight(a => 1) }],
	'by its agent' => [sub { my ($s) = @_; $s->steer('ga', check => 'down') }, sub { my ($s) = @_; $s->steer('ga', check => 'up') }],
	'by its agent: ready' => [sub { my ($s) = @_; $s->steer('ga', check => 'maint') }, sub { my ($s) = @_; $s->steer('ga', check => 'ready') }],
	'by its agent: from drain' => [sub { my ($s) = @_; $s->steer('ga', check => 'drain') }, sub { my ($s) = @_; $s->steer('ga', check => 'ready') }],
);

for my $mode (qw(http tcp)) {
	for my $option ('shutdown-backup-sessions', 'none') {
		for my $why (sort keys %why_up) {
			next if $option eq 'none' && $why !~ /check/;
			my $is_ended = $option ne 'none' && $why !~ /drain|weight/;
			same_in_both("$mode, up $why, on_marked_up $option", {
				backend => { mode => $mode, timeout => { server => '20s' } }, threads => 4, differs => $is_ended ? $differs{$mode} : {},
				servers => [a => { %probed, check_port => '{port:pa}', agent_check => 1, agent_port => '{port:ga}', agent_inter => '20ms', on_marked_up => $option }, x => { backup => 1 }],
				others => ['pa'], agents => ['ga'],
				play => sub {
					my ($s) = @_;
					$s->until(a => 'UP');
					$why_up{$why}[0]->($s);
					wait_until { $s->pick eq 'x' } 5, 'the backup';
					my $client = begin_all($s, $mode, 'x');
					$why_up{$why}[1]->($s);
					wait_until { $s->pick eq 'a' } 5, 'the active';
					see_all($s, $client, $is_ended);
				} });
		}
	}
}
# Whoever comes up ends what is on backups, if it is an active.
same_in_both('more than one of each', {
	backend => { mode => 'tcp', allbackups => 1, default_server => { %probed, on_marked_up => 'shutdown-backup-sessions' } }, threads => 4,
	servers => [a => { check_port => '{port:pa}' }, b => { check_port => '{port:pb}' }, x => { backup => 1, check_port => '{port:px}' }, y => { backup => 1 }], others => [qw(pa pb px)],
	play => sub {
		my ($s) = @_;
		$s->until($_ => 'UP') for qw(a b x y);
		my $away = sub { my ($name) = @_; $s->steer("p$name", port => 'refuses'); $s->until($name => 'DOWN') };
		my $back = sub { my ($name) = @_; $s->steer("p$name", port => 'open'); $s->until($name => 'UP') };
		my (%on, @all);
		my $fill = sub {
			my (@names) = @_;
			for (1 .. 40) {
				last if !grep { !$on{$_} } @names;
				my $c = $s->connect;
				$c->{was} = $c->local_address;
				push @all, $c;
				$on{$c->read_line} //= $c;
			}
		};
		my $look = sub { $s->see($_[0], join ' ', map { "$_:" . ($on{$_}->closed_within(0.2) ? substr($s->ended($on{$_}), 0, 1) : 'goes on') } sort keys %on) };
		$fill->('a', 'b');
		$away->($_) for qw(a b);
		$look->('the actives went');
		wait_until { $s->pick =~ /[xy]/ } 5, 'a backup';
		$fill->('x', 'y');
		$away->('x');
		$back->('x');
		$look->('a backup came back');
		$back->('a');
		$s->see('an active came back', map { $s->ended($on{$_}) =~ s/^(.)\S+/$1/r } qw(x y));
		delete @on{qw(x y)};
		$look->('the others');
		$back->('b');
		$look->('the second came back');
	} });

# Who waits in line for the one that goes is not ended with it.
for my $case (['down', 'a', 'x', { on_marked_down => 'shutdown-sessions' }, $why_down{'by its check'}], ['maint', 'a', 'x', { on_marked_down => 'shutdown-sessions' }, $why_down{'by maint'}],
	['down, none', 'a', 'x', {}, $why_down{'by its check'}], ['drain', 'a', 'x', {}, $why_down{'by drain'}]) {
	my ($name, $from, $to, $option, $does) = @$case;
	same_in_both("in line, $name", {
		backend => { mode => 'http', timeout => { server => '20s', queue => '20s' } }, differs => {
			'who waited' => ['no answer', 'x', 'it leaves a line of the backend for a server that comes up, or by its time-out'],
			%$option ? ('who held the place' => [qr/DH a 502 0/, qr/DH a 500 0/, $told]) : () },
		servers => [a => { %probed, check_port => '{port:pa}', maxconn => 1, %$option }, x => { backup => 1 }], others => ['pa'],
		play => sub {
			my ($s) = @_;
			$s->until(a => 'UP');
			my ($holder, $waiter) = map { my $c = $s->connect; $c->{was} = $c->local_address; $c } 1 .. 2;
			$holder->send("GET /as/silent HTTP/1.1\r\nHost: h\r\n\r\n");
			wait_until { $s->count('a', 'traffic') } 5, 'the place to be taken';
			$waiter->send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
			wait_until { $s->queued } 5, 'somebody in line';
			$does->($s);
			$s->until(a => qr/DOWN|MAINT|DRAIN/);
			my $answer = read_answer($waiter, 'GET', 2);
			$s->see('who waited', $answer->{whole} ? $answer->{body} =~ s/\s+\z//r : 'no answer');
			$s->see('who held the place', %$option ? $s->ended($holder) : $holder->closed_within(0.2) ? 'ended' : 'goes on');
		} });
}
done_testing;

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

States are in HAProxy's words: C<UP 2/3>, C<DOWN 1/2>, C<NOLB>, C<DRAIN>, C<MAINT>, C<no check>.

=cut

use strict;
use warnings;
use Exporter 'import';
use Fcntl qw(F_SETFD);
use File::Temp ();
use IO::Socket::IP;
use IO::Socket::UNIX;
use JSON::PP ();
use Test::More ();
use Sluice;
use Sluice::Client;
use Sluice::Farm;
use Sluice::Http;
use Sluice::Wait;

our @EXPORT = qw(same_in_both);

my $true = JSON::PP::true;
my %is_switch = map { $_ => 1 } qw(check check_send_proxy agent_check backup disabled negate);

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

package Sluice::Twin::HAProxy;

use strict;
use warnings;
use parent -norequire, 'Sluice::Twin';
use Fcntl qw(F_SETFD);
use IO::Socket::IP;
use IO::Socket::UNIX;
use Sluice::Wait;

my %running;
my $owner = $$;

END {
	if ($$ == $owner) {
		local $?;
		kill(KILL => $_) && waitpid($_, 0) for keys %running;
	}
}

my %theirs = (check_port => 'port', check_addr => 'addr');

sub option_words {
	my ($self, $options) = @_;
	my @words;
	for my $key (sort keys %$options) {
		next if $options->{$key} eq 'none';
		my $word = ($theirs{$key} // $key) =~ s/_/-/gr;
		if ($is_switch{$key}) {
			push @words, $options->{$key} ? $word : "no-$word";
		} else {
			push @words, $word, $self->filled($options->{$key});
		}
	}
	return join ' ', @words;
}

sub quoted { return '"' . ($_[0] =~ s/(["\\\$])/\\$1/gr =~ s/\r/\\r/gr =~ s/\n/\\n/gr) . '"' }

sub expect_words {
	my ($expect) = @_;
	my ($kind) = grep { exists $expect->{$_} } qw(status rstatus string rstring binary rbinary header);
	my $value = $expect->{$kind};
	my $more = join '', map { exists $expect->{$_} ? ($_ =~ s/_/-/r) . " $expect->{$_} " : '' } qw(min_recv ok_status error_status tout_status);
	return "${more}hdr name $value->{name}" . (defined $value->{value} ? ' value ' . ($value->{match} ? "-m $value->{match} " : '') . quoted($value->{value}) : '')
		if $kind eq 'header';
	return $more . ($expect->{negate} ? '! ' : '') . "$kind " . quoted($value);
}

sub check_lines {
	my ($self, $check) = @_;
	my $type = $check->{type} // 'tcp';
	return ("option redis-check") if $type eq 'redis';
	return ("option smtpchk" . ($check->{hello} ? " $check->{hello} $check->{domain}" : '')) if $type eq 'smtp';
	my @lines = $type eq 'http' ? ('option httpchk' . (join '', map { defined $check->{$_} ? " $check->{$_}" : () } qw(method uri version)))
		: $check->{steps} ? ('option tcp-check') : ();
	my $word = $type eq 'http' ? 'http-check' : 'tcp-check';
	push @lines, 'http-check send' . join('', map { " hdr $_->{name} " . quoted($_->{value}) } @{$check->{headers} // []})
		. (defined $check->{body} ? ' body ' . quoted($check->{body}) : '') if $check->{headers} || defined $check->{body};
	push @lines, "http-check expect " . expect_words($check->{expect}) if $check->{expect};
	push @lines, 'http-check disable-on-404' if $check->{disable_on_404};
	for my $step (@{$check->{steps} // []}) {
		my $does = $step->{action};
		push @lines, "$word connect" . ($step->{port} ? ' port ' . $self->filled($step->{port}) : '') if $does eq 'connect';
		push @lines, $type eq 'tcp' ? "$word send " . quoted($step->{data}) : "$word send" . join('', map { " $_->[0] $step->{$_->[1]}" } grep { defined $step->{$_->[1]} } ['meth', 'method'], ['uri', 'uri'], ['ver', 'version']) if $does eq 'send';
		push @lines, "$word send-binary $step->{hex}" if $does eq 'send-binary';
		push @lines, "$word expect " . expect_words($step) if $does eq 'expect';
	}
	return @lines;
}

sub config {
	my ($self) = @_;
	my $scene = $self->{scene};
	my $text = "global\n\tmaxconn 1000\n\tnbthread 1\n\tstats socket unix\@$self->{dir}/stats level admin\n" . join('', map { "\t$_\n" } @{$scene->{global} // []})
		. "defaults\n\tmode $self->{mode}\n\toption ${\ ($self->{mode} eq 'tcp' ? 'tcplog' : 'httplog')}\n\toption log-health-checks\n\tlog stdout format raw local0\n\tbalance roundrobin\n"
		. "\ttimeout client 20s\n\ttimeout server 20s\n\ttimeout connect 5s\n";
	for my $pair (Sluice::Twin::backends($scene)) {
		my ($name, $backend) = @$pair;
		my $socket = $self->{socket}{$name} = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 128) // die "listen: $!\n";
		fcntl($socket, F_SETFD, 0);
		$text .= "frontend $name\n\tbind fd\@" . fileno($socket) . "\n\tdefault_backend $name\nbackend $name\n";
		$text .= "\t$_\n" for $self->check_lines($backend->{check} // {});
		$text .= "\tretries " . ($backend->{retries} // 0) . "\n" . ($backend->{redispatch} ? "\toption redispatch\n" : '') . ($backend->{allbackups} ? "\toption allbackups\n" : '');
		$text .= "\ttimeout " . s/_/-/gr . " $backend->{timeout}{$_}\n" for sort keys %{$backend->{timeout} // {}};
		$text .= "\tbalance $backend->{balance}\n" if $backend->{balance};
		$text .= "\tdefault-server " . $self->option_words($backend->{default_server}) . "\n" if $backend->{default_server};
		my %options = @{$backend->{servers}};
		for my $server (Sluice::Twin::names_of($backend->{servers})) {
			$text .= "\tserver $server " . $self->{farm}->address($server) . ' ' . $self->option_words($options{$server}) . "\n";
		}
	}
	return $text;
}

sub launch {
	my ($self) = @_;
	my $dir = $self->{dir};
	Sluice::spew("$dir/haproxy.cfg", $self->config);
	$self->{pid} = Sluice::spawn(['haproxy', '-db', '-f', "$dir/haproxy.cfg"], "$dir/log", "$dir/errors");
	$running{$self->{pid}} = 1;
	becomes { -S "$dir/stats" && IO::Socket::UNIX->new(Peer => "$dir/stats") || waitpid($self->{pid}, 1) } 10;
	die 'HAProxy does not start: ' . Sluice::slurp("$dir/errors") if !-S "$dir/stats";
}

sub finish {
	my ($self) = @_;
	my $pid = delete $self->{pid} // return;
	kill(KILL => $pid);
	waitpid($pid, 0);
	delete $running{$pid};
	$_->close for values %{delete $self->{socket}};
}

sub said { my ($self) = @_; return Sluice::slurp("$self->{dir}/haproxy.cfg") . Sluice::slurp("$self->{dir}/errors") . Sluice::slurp("$self->{dir}/log") }
sub address { my ($self, $backend) = @_; return '127.0.0.1:' . $self->{socket}{$backend}->sockport }

sub says {
	my ($self, $command) = @_;
	my $c = Sluice::Client->connect("unix:$self->{dir}/stats");
	$c->send("$command\n");
	return $c->read_all =~ s/\n+\z/\n/r;
}

sub rows {
	my ($self) = @_;
	my ($head, @lines) = grep { /,/ } split /\n/, $self->says('show stat');
	my @names = split /,/, $head =~ s/^# //r;
	return map { my %row; @row{@names} = split /,/, $_, -1; \%row } @lines;
}

sub row {
	my ($self, $which) = @_;
	my ($server, $backend) = reverse split m{/}, $which;
	my ($row) = grep { $_->{svname} eq $server && $_->{pxname} eq ($backend // 'app') } $self->rows;
	die "HAProxy has no server $which\n" if !$row;
	# "* ": one is under way, and the code is that one's; "(via app/a)", "(agent)": who says so; DRAIN has no counts elsewhere either
	my ($under_way, $result) = $row->{check_status} =~ /^(\* )?(.*)/;
	return { state => $row->{status} =~ s/ \(.*\)//r =~ s/^DRAIN .*/DRAIN/r, check => $result || 'none', code => $under_way ? undef : $row->{check_code} || 0, health => "$row->{check_health}",
		weight => $row->{weight}, throttle => $row->{throttle}, agent => ($row->{agent_status} // '') =~ s/^\* //r, is_active => $row->{act}, is_backup => $row->{bck}, row => $row };
}

sub actives {
	my ($self, $backend) = @_;
	my ($row) = grep { $_->{svname} eq 'BACKEND' && $_->{pxname} eq ($backend // 'app') } $self->rows;
	return "$row->{act}+$row->{bck}";
}

sub queued {
	my ($self) = @_;
	my $sum = 0;
	$sum += $_->{qcur} || 0 for grep { $_->{pxname} eq 'app' && $_->{svname} ne 'FRONTEND' } $self->rows;
	return $sum;
}

sub named { return $_[0] =~ m{/} ? $_[0] : "app/$_[0]" }
sub admin { my ($self, $server, $state) = @_; $self->says('set server ' . named($server) . " state $state") }
sub set_weight { my ($self, $server, $weight) = @_; $self->says('set server ' . named($server) . " weight $weight") }

sub log_text { my ($self) = @_; return Sluice::slurp("$self->{dir}/log") }

sub lines { my ($self) = @_; return grep { !/^(?:Backup |)(?:Server|Health)/ } split /\n/, $self->log_text }

# "CD a 503": of the client's one exchange.
sub ended {
	my ($self, $client, $which) = @_;
	my $address = $client->{was} // $client->local_address;
	my @found;
	becomes { @found = grep { /^\Q$address\E / } $self->lines; @found > ($which // 0) } 10;
	return 'no line' if @found <= ($which // 0);
	my $line = $found[$which // 0];
	return "$4 $1 $2 $5" if $self->{mode} eq 'http' && $line =~ m{^\S+ \[.*?\] \S+ \w+/(\S+) \S+ (-?\d+) (\+?\d+) \S+ \S+ (\S\S)\S\S \d+/\d+/\d+/\d+/(\+?\d+) };
	return "$2 $1 $3" if $line =~ m{^\S+ \[.*?\] \S+ \w+/(\S+) \S+ \+?\d+ (\S\S) \d+/\d+/\d+/\d+/(\+?\d+) };
	return "not understood: $line";
}

package Sluice::Twin::Sluice;

use strict;
use warnings;
use parent -norequire, 'Sluice::Twin';
use Sluice::Wait;

sub whole {
	my ($self, $options) = @_;
	return { map { ($_ => $is_switch{$_} ? ($options->{$_} ? $true : JSON::PP::false) : $self->number($_, $options->{$_})) } keys %$options };
}

# What the schema has as a number is one.
sub number {
	my ($self, $key, $value) = @_;
	$value = $self->filled($value);
	return $key =~ /^(?:rise|fall|weight|maxconn|error_limit|check_port|agent_port|port|weight_percent|min_recv)$/ ? 0 + $value : $value;
}

sub check_of {
	my ($self, $check) = @_;
	my %check = %$check;
	$check{steps} = [map { $self->whole($_) } @{$check{steps}}] if $check{steps};
	$check{disable_on_404} = $true if $check{disable_on_404};
	if ($check{expect}) {
		$check{expect} = { %{$check{expect}} };
		$check{expect}{negate} = $true if $check{expect}{negate};
	}
	return \%check;
}

sub config {
	my ($self) = @_;
	my $scene = $self->{scene};
	my %config = (global => { threads => $scene->{threads} // 1, maxconn => 1000 }, defaults => { mode => $self->{mode} });
	for my $pair (Sluice::Twin::backends($scene)) {
		my ($name, $backend) = @$pair;
		my %options = @{$backend->{servers}};
		my %whole = map { ($_ => $backend->{$_}) } grep { $_ !~ /^(?:servers|check|default_server)$/ } keys %$backend;
		$whole{$_} = $whole{$_} ? $true : JSON::PP::false for grep { exists $whole{$_} } qw(allbackups redispatch);
		$whole{retries} //= 0;
		$whole{timeout} = { client => undef, server => '20s', connect => '5s', %{$whole{timeout} // {}} };
		delete $whole{timeout}{client};
		$whole{log_health_checks} = $true;
		$whole{check} = $self->check_of($backend->{check}) if $backend->{check};
		$whole{default_server} = $self->whole($backend->{default_server}) if $backend->{default_server};
		my $id = 0;
		$whole{servers} = { map { ($_ => { id => ++$id, address => $self->{farm}->address($_), %{$self->whole($options{$_})} }) } Sluice::Twin::names_of($backend->{servers}) };
		$config{backends}{$name} = \%whole;
		$config{frontends}{$name} = { bind => ['127.0.0.1:0'], default_backend => $name, timeout => { client => '20s' } };
	}
	return \%config;
}

sub launch {
	my ($self) = @_;
	$self->{lb} = Sluice->start(config => $self->config);
	$self->{story} = [];
}

sub finish { my ($self) = @_; delete $self->{lb} }
sub said { my ($self) = @_; return JSON::PP->new->canonical->pretty->encode($self->config) . $self->{lb}->stderr . $self->{lb}->stdout }
sub address { my ($self, $backend) = @_; return $self->{address}{$backend} //= $self->{lb}->address($backend) }

sub row {
	my ($self, $which) = @_;
	my ($server, $backend) = reverse split m{/}, $which;
	my $answer = $self->{lb}->get('/v1/backends/' . ($backend // 'app') . "/servers/$server");
	my $status = $answer->{json}{status} // die "sluice has no server $which: $answer->{text}\n";
	my $check = $status->{check} // {};
	return { state => state_words($answer->{json}, $status), check => $check->{result} // 'none', code => $check->{code} // 0,
		weight => $status->{effective_weight}, agent => $status->{agent}{result} // '', status => $status };
}

# In HAProxy's words. It shows a weight of 0 beside UP, and a server with nothing but an agent as not checked.
sub state_words {
	my ($server, $status) = @_;
	my ($state, $health) = @$status{qw(state health)};
	return 'MAINT' if $state eq 'maint';
	return 'no check' if $state eq 'no_check' || $state =~ /^(?:up|drain)$/ && $health->{result} eq 'none' && $status->{admin}{effective} eq 'ready';
	return 'DRAIN' if $state eq 'drain' && $status->{admin}{effective} eq 'drain';
	my $up = { stopping => 'NOLB', up => 'UP', starting => 'UP', drain => 'UP' }->{$state};
	return $up . ($health->{fall} ? ' ' . ($server->{fall} - $health->{fall}) . "/$server->{fall}" : '') if $up;
	return 'DOWN' . ($health->{result} eq 'down' && $health->{rise} ? " $health->{rise}/$server->{rise}" : '') if $state eq 'down';
	return uc $state;
}

sub actives {
	my ($self, $backend) = @_;
	my $servers = $self->{lb}->get('/v1/backends/' . ($backend // 'app'))->{json}{status}{servers};
	return "$servers->{usable_active}+" . ($servers->{usable} - $servers->{usable_active});
}

sub queued { my ($self) = @_; return $self->{lb}->get('/v1/backends/app')->{json}{status}{sessions}{queue} }

sub patch {
	my ($self, $which, $body) = @_;
	my ($server, $backend) = reverse split m{/}, $which;
	my $answer = $self->{lb}->patch('/v1/backends/' . ($backend // 'app') . "/servers/$server", $body);
	die "PATCH $which: $answer->{text}\n" if $answer->{status} != 200;
}

sub admin { my ($self, $server, $state) = @_; $self->patch($server, { admin_state => $state }) }
sub set_weight { my ($self, $server, $weight) = @_; $self->patch($server, $weight =~ /^(\d+)%$/ ? { weight_percent => 0 + $1 } : { weight => 0 + $weight, weight_percent => 100 }) }

# Without the time and the level.
sub log_text { my ($self) = @_; return $self->{lb}->stderr =~ s/^\S+ (?:\w+) //mgr }

sub ended {
	my ($self, $client, $which) = @_;
	my $address = $client->{was} // $client->local_address;
	my @found;
	becomes { @found = $self->{lb}->log_lines(client => $address); @found > ($which // 0) } 10;
	return 'no line' if @found <= ($which // 0);
	my $line = $found[$which // 0];
	my $retries = ($line->{redispatched} ? '+' : '') . ($line->{retries} // 0);
	my $server = $line->{server} // '<NOSRV>';
	my $letters = substr $line->{termination_state}, 0, 2;
	return "$letters $server " . ($line->{status} // -1) . " $retries" if $self->{mode} eq 'http';
	return "$letters $server $retries";
}

1;

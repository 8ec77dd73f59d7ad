#!/usr/bin/perl
# tier: drill, beside others
#
# The active servers go, the backup takes over, they come back, one and then the other; in both modes, over 4 workers, under wrk,
# clients that stay and clients that come and go. They go by being killed, by being stopped (nothing answers any more), by
# REST, by what their agents say, with the servers that they track, and over two levels of backups. At each stage every stream is
# where it belongs, nobody is answered 5xx but in the moment in which his server goes (or is left for a better one), and events, log and
# status tell the same story, with causes and actors.
use Sluice;
use Sluice::Checked;
use Sluice::Pool;
use Time::HiRes qw(sleep time);
use Time::Local qw(timegm);

plan skip_all => 'wrk is not installed' if system('command -v wrk >/dev/null') != 0;
my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my %ended;		# in all: "http U" => how many
my %connections = (wrk => 16, long => 12, short => 6);
my $clients = 34;
my @plain = ([fall => ['a1', 'a2'], ['b']], [rise => ['a1'], ['a1']], [rise => ['a2'], ['a1', 'a2']]);
my @slowly = ([fall => ['a1'], ['a2']], [fall => ['a2'], ['b']], [rise => ['a2'], ['a2']], [rise => ['a1'], ['a1', 'a2']]);
my @levels = ([fall => ['a1'], ['b1']], [fall => ['b1'], ['b2']], [rise => ['b1'], ['b1']], [rise => ['a1'], ['a1']]);

# How servers go and come back. `down`, `up`: what is said then: state, cause, detail, the check's result. `ends`: streams are there to be ended.
my %road = (
	killed => { steps => \@plain, fall => sub { $_[1]->die }, rise => sub { $_[1]->start },
		down => ['down', 'check-failed', qr/^Layer4 connection problem: Connection refused.* in \d+ ms, 3 of 3$/, 'L4CON'],
		up => ['up', 'check-passed', qr/^Layer7 check passed/, 'L7OK'] },
	stopped => { steps => \@plain, ends => 1, fall => sub { $_[1]->pause }, rise => sub { $_[1]->resume },
		down => ['down', 'check-failed', qr/^Layer7 timeout.* in 5\d\d ms, 3 of 3$/, 'L7TOUT'],
		up => ['up', 'check-passed', qr/^Layer7 check passed/, 'L7OK'] },
	REST => { steps => \@slowly, ends => 1, actor => 'failover drill', fall => sub { admin($_[0], $_[1], 'maint') },
		rise => sub { admin($_[0], $_[1], 'ready') },
		down => ['maint', 'config', undef], up => ['up', 'config', undef] },
	agent => { steps => \@slowly, ends => 1, fall => sub { agent_says($_[1], 'down') }, rise => sub { agent_says($_[1], 'up') },
		down => ['down', 'agent', qr/down/], up => ['up', 'agent', qr/up/] },
	agent_admin => { steps => \@plain, ends => 1, fall => sub { agent_says($_[1], 'maint') },
		rise => sub { agent_says($_[1], 'ready') },
		down => ['maint', 'agent', qr/maint/], up => ['up', 'agent', qr/ready/] },
	tracked => { steps => \@slowly, ends => 1, fall => sub { $_[1]->pause }, rise => sub { $_[1]->resume },
		down => ['down', 'tracked', undef], up => ['up', 'tracked', undef] },
	levels => { steps => \@levels, ends => 1, fall => sub { $_[1]->pause }, rise => sub { $_[1]->resume },
		down => ['down', 'check-failed', qr/^Layer7 timeout.* in 5\d\d ms, 3 of 3$/, 'L7TOUT'],
		up => ['up', 'check-passed', qr/^Layer7 check passed/, 'L7OK'] },
);

sub admin {
	my ($lb, $server, $state) = @_;
	my $answer = $lb->patch('/v1/backends/app/servers/' . $server->name, { admin_state => $state },
		{ 'X-Actor' => 'failover drill', 'X-Reason' => 'to see' });
	is $answer->{status}, 200, "PATCH $state: " . $server->name or diag($answer->{text});
}

sub agent_says {
	my ($server, $what) = @_;
	my $file = "$dir/agent-" . $server->name;
	Sluice::spew("$file.new", "$what\n");
	rename("$file.new", $file) or die "$file: $!\n";
}

# -- one road, in one mode: what there is --

my %check = (http => { type => 'http', method => 'GET', uri => '/check', expect => { status => 200 } },
	tcp => { type => 'tcp', steps => [{ action => 'connect' }, { action => 'send', data => '?' },
		{ action => 'expect', rstring => '^[ab][0-9]?\n' }] });

sub scene {
	my ($mode, $how) = @_;
	my $road = $road{$how};
	my @names = $how eq 'levels' ? ('a1', 'b1', 'b2') : ('a1', 'a2', 'b');
	my %server = map { $_ => Sluice::Checked->start($_, delay => 25) } @names;
	my %conf = map { $_ => { address => $server{$_}->address, id => 1 + index("@names", $_),
		/^b(\d?)/ ? (priority => 0 + ($1 || 1)) : () } } @names;
	my %agent;
	if ($how =~ /^agent/) {
		for my $name ('a1', 'a2') {
			agent_says($server{$name}, $how eq 'agent' ? 'up' : 'ready');
			$agent{$name} = Sluice::Origin->start("agent-$name", sub { $_[0]->send(Sluice::slurp("$dir/agent-$name")) });
			$conf{$name} = { %{$conf{$name}}, agent_check => JSON::PP::true, agent_port => 0 + $agent{$name}->port,
				agent_inter => '150ms' };
		}
	}
	my %backend = (mode => $mode, check => $check{$mode}, timeout => { check => '500ms', connect => '2s', server => '20s' });
	my %more;
	if ($how eq 'tracked') {
		$more{watch} = { %backend, servers => { map { ("w-$_" => { address => $server{$_}->address }) } 'a1', 'a2' } };
		$conf{$_}{track} = "watch/w-$_" for 'a1', 'a2';
		$conf{$_}{check} = JSON::PP::false for 'a1', 'a2';
	}
	my $lb = Sluice->start(config => {
		global => { threads => 4 },
		defaults => { retries => 3, redispatch => 1, timeout => { client => '20s' },
			default_server => { check => JSON::PP::true, inter => '200ms', fall => 3, rise => 2,
				on_marked_down => 'shutdown-sessions', on_marked_up => 'shutdown-backup-sessions' } },
		frontends => { web => { mode => $mode, bind => ['127.0.0.1:0'], default_backend => 'app' } },
		backends => { app => { %backend, servers => \%conf }, %more },
	});
	return { mode => $mode, how => $how, road => $road, lb => $lb, server => \%server, names => \@names, agents => [values %agent] };
}

sub members { my ($s) = @_; return $s->{lb}->get('/v1/backends/app/servers')->{json} }

# -- where streams are --

sub are_eligible {
	my ($s, @which) = @_;
	my $members = members($s);
	return "@which" eq join(' ', grep { $members->{$_}{status}{eligible} } @{$s->{names}});
}

sub places {
	my ($s) = @_;
	my %on;
	my $sessions = $s->{lb}->get('/v1/sessions?backend=app&limit=1000')->{json};
	$on{$_->{server} // '(none)'}++ for values %$sessions;
	return %on;
}

# Nobody is elsewhere, and while hundreds come nobody goes there.
sub stage_is {
	my ($s, @which) = @_;
	my $mode = $s->{mode};
	my %right = map { $_ => 1 } @which;
	ok((becomes { are_eligible($s, @which) } 10), "eligible: @which") or diag(explain(members($s)));
	my %on;
	ok((becomes { %on = places($s); !grep { !$right{$_} } keys %on } 5), "every stream is on: @which") or diag(explain(\%on));
	my $settled = time;
	my $before = members($s);
	my $sum = sub { my $m = members($s); my $n = 0; $n += $m->{$_}{status}{sessions}{total} for @which; return $n };
	my $from = $sum->();
	ok((becomes { $sum->() >= $from + ($mode eq 'http' ? 200 : 20) } 20), 'more come');
	my $after = members($s);
	for my $other (grep { !$right{$_} } @{$s->{names}}) {
		is $after->{$other}{status}{sessions}{current}, 0, "$other has no session";
		is $after->{$other}{status}{sessions}{total}, $before->{$other}{status}{sessions}{total}, 'and gets none';
	}
	%on = places($s);
	ok !(grep { !$right{$_} } keys %on), 'every stream is there still' or diag(explain(\%on));
	return $settled;
}

# -- what is told --

sub says {
	my ($s, $step, $name) = @_;
	my ($verb) = @$step;
	my ($state, $cause, $detail, $result) = @{$s->{road}{$verb eq 'fall' ? 'down' : 'up'}};
	my $status = $s->{lb}->get("/v1/backends/app/servers/$name")->{json}{status};
	is $status->{state}, $state, "$name is $state";
	is $status->{cause}{code}, $cause, "because of $cause";
	like $status->{cause}{detail} // '', $detail, "with what it was" if defined $detail;
	is $status->{cause}{actor}, $s->{road}{actor}, 'and who did it';
	is $status->{health}{result}, $cause eq 'check-failed' || $cause eq 'tracked' && $state eq 'down' ? 'down' : 'up',
		'its health, as its checks see it, agrees' if $state ne 'maint';
	is $status->{check}{result}, $result, 'so does its last check' if defined $result;
	is $status->{agent}{detail}, $state, 'and its agent' if $cause eq 'agent' && $state ne 'maint' && $s->{how} eq 'agent';
}

sub run_step {
	my ($s, $step) = @_;
	my ($verb, $names, $which) = @$step;
	my $from = time;
	$s->{road}{$verb}->($s->{lb}, $s->{server}{$_}) for @$names;
	my $settled = stage_is($s, @$which);
	says($s, $step, $_) for @$names;
	return { step => $step, from => $from, settled => $settled, until => time };
}

sub wall { my ($text) = @_; return timegm($6, $5, $4, $3, $2 - 1, $1) + "0.$7" if $text =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d+)Z/ }

# The log is long: fields by pattern.
sub log_read {
	my ($s) = @_;
	my @lines;
	for my $text (grep { /^\{/ } split /\n/, $s->{lb}->stdout) {
		my %line = map { $_ => $text =~ /"$_":"([^"]*)"/ ? $1 : undef } qw(time client server termination_state cause);
		($line{status}) = $text =~ /"status":(\d+)/;
		($line{total}) = $text =~ /"timers_ms":\{[^}]*"total":(\d+)/;
		$line{from} = wall($line{time});
		$line{until} = $line{from} + ($line{total} // 0) / 1000;
		push @lines, \%line;
	}
	return @lines;
}

# Each event as a line of the story, by number.
sub story_of {
	my ($event) = @_;
	my $data = $event->{data};
	return "$data->{server} ended $data->{cause}{code}" if $event->{event} eq 'session-kill';
	return undef if $event->{event} ne 'server' || $data->{backend} ne 'app';
	return "$data->{server} " . ($data->{from} // '(new)') . " > $data->{to} $data->{cause}{code}" if ($data->{from} // '') ne $data->{to};
	return "$data->{server} " . ($data->{eligible} ? 'serves' : 'rests');
}

sub story_read {
	my ($s) = @_;
	my $reader = $s->{lb}->events(last_event_id => 0);
	my $last = $s->{lb}->get('/v1/info')->{json}{last_event_id};
	my @events;
	while (my $event = $reader->next(5)) {
		push @events, { id => $event->{id}, at => wall($event->{data}{time}), data => $event->{data}, kind => $event->{event},
			story => story_of($event) };
		last if $event->{id} >= $last;
	}
	$reader->close;
	return @events;
}

# In the order in which they have to come; ends of streams follow as soon as they are done.
sub step_story_is {
	my ($s, $done, @events) = @_;
	my ($verb, $names) = @{$done->{step}};
	my ($to, $cause) = @{$s->{road}{$verb eq 'fall' ? 'down' : 'up'}};
	my $from = $s->{road}{$verb eq 'fall' ? 'up' : 'down'}[0];
	my @told = grep { defined $_->{story} } @events;
	my %at = map { $told[$_]{story} => $_ } reverse 0 .. $#told;
	my $text = join('; ', map { $_->{story} } @told);
	note "$verb @$names: $text";
	for my $name (@$names) {
		my $line = "$name $from > $to $cause";
		ok exists $at{$line}, "an event: $line" or diag($text);
		my $event = $told[$at{$line} // 0];
		is $event->{data}{cause}{actor}, $s->{road}{actor}, 'with its actor';
		next if !$s->{road}{ends} || $verb eq 'rise';
		my $were_ended = exists $at{"$name ended server-down"};
		next if !$were_ended && $s->{mode} eq 'http';	# it may have been between two requests of each client
		ok $were_ended, "its streams were ended" or diag($text);
		cmp_ok $at{"$name ended server-down"} // -1, '>', $at{$line} // 0, 'after that';
	}
	is scalar(grep { $_->{story} =~ /^\w+ \w+ > \w+ / } @told), scalar @$names, 'no other server changed its state' or diag($text);
	my ($first) = sort { $a <=> $b } map { $at{"$_ $from > $to $cause"} // 0 } @$names;
	my $change = $verb eq 'fall' ? 'serves' : 'rests';
	for my $other (grep { my $name = $_; !grep { $_ eq $name } @$names } @{$s->{names}}) {
		next if !exists $at{"$other $change"};
		cmp_ok $at{"$other $change"}, '>', $first, "$other $change after that";
	}
}

# How many the events say were ended, and how many the log says: by server and letter.
sub ends_agree {
	my ($s, $events, $lines) = @_;
	my (%told, %logged);
	$told{"$_->{data}{server} $_->{data}{cause}{code}"} += $_->{data}{ended} for grep { $_->{kind} eq 'session-kill' } @$events;
	my %name = (D => 'server-down', U => 'active-back', K => 'admin');
	for my $line (@$lines) {
		my $letter = substr($line->{termination_state}, 0, 1);
		$logged{"$line->{server} $name{$letter}"}++ if $name{$letter};
	}
	is_deeply \%told, \%logged, 'events and log agree on how many were ended, of whom, why';
	note join(', ', map { "$_: $told{$_}" } sort keys %told);
}

# Streams that began and ended within a stage belong to it: the log tells where each of them was.
sub stages_agree {
	my ($s, $lines, @done) = @_;
	for my $i (0 .. $#done) {
		my ($done, $next) = @done[$i, $i + 1];
		my %right = map { $_ => 1 } @{$done->{step}[2]};
		my $until = $next ? $next->{from} : $s->{end};
		my @within = grep { $_->{from} > $done->{settled} && $_->{from} < $until } @$lines;
		my @wrong = grep { !$right{$_->{server} // ''} } @within;
		is scalar @wrong, 0, "@{$done->{step}[0, 1]} " . "@{$done->{step}[1]}: all " . scalar(@within) . ' streams that began then went to '
			. join(', ', sort keys %right) or diag(explain(@wrong[0 .. ($#wrong > 3 ? 3 : $#wrong)]));
		cmp_ok scalar @within, '>', 0, 'there were some';
	}
}

# 5xx by the step in which they ended: only until it was settled.
sub failures_are_few {
	my ($s, $lines, @done) = @_;
	my @bad = grep { ($_->{status} // 0) >= 500 } @$lines;
	my $outside = @bad;
	for my $done (@done) {
		my ($verb, $names) = @{$done->{step}};
		my @here = grep { $_->{until} >= $done->{from} - 0.002 && $_->{until} <= $done->{settled} + 0.05 } @bad;
		my %kind;
		push @{$kind{"$_->{status} $_->{termination_state}"}}, $_->{until} - $done->{from} for @here;
		note sprintf('%s %s: %d answers of 5xx%s', $verb, "@$names", scalar @here,
			join('', map { my @at = sort { $a <=> $b } @{$kind{$_}}; sprintf('; %d of %s, %.0f to %.0f ms', scalar @at, $_, 1000 * $at[0],
				1000 * $at[-1]) } sort keys %kind));
		$outside -= @here;
		next if $verb eq 'fall';
		my @other = grep { $_->{termination_state} !~ /^U/ } @here;
		is scalar @other, 0, "$verb @$names: nobody but who was sent away from a backup" or diag(explain($other[0]));
		cmp_ok scalar @here, '<=', $clients, 'at most one each';
	}
	is $outside, 0, 'no 5xx at any other time' or diag(explain([grep { my $line = $_;
		!grep { $line->{until} >= $_->{from} - 0.002 && $line->{until} <= $_->{settled} + 0.05 } @done } @bad]));
}

# The second letter is where it was.
sub phases_are_true {
	my ($s, $lines) = @_;
	my %seen;
	$seen{$_->{termination_state}}++ for grep { $_->{termination_state} =~ /^[DUK]/ } @$lines;
	my $true = $s->{mode} eq 'tcp' ? qr/^[DU][CD]/ : qr/^[DU][CHDL]/;
	my @odd = grep { !/$true/ } keys %seen;
	is "@odd", '', 'and where they were: ' . join(', ', map { "$_ $seen{$_}" } sort keys %seen);
	$ended{"$s->{mode} " . substr($_, 0, 1)} += $seen{$_} for keys %seen;
	return if $s->{mode} eq 'http';		# each may have been between two requests just then
	ok((grep { /^U/ } keys %seen), 'some were sent back to an active');
	ok((grep { /^D/ } keys %seen), 'some were ended with their server') if $s->{road}{ends};
}

sub clients_agree {
	my ($s, $lines, @records) = @_;
	my %end;
	$end{$_->{end}}++ for @records;
	note join(', ', map { "$_: $end{$_}" } sort keys %end);
	is $end{hung} // 0, 0, 'nobody was left waiting';
	my %lines;
	push @{$lines{$_->{client}}}, $_ for @$lines;
	# a port may come back at once, to wrk even
	my $lines_of = sub {
		my ($record) = @_;
		return grep { $_->{from} <= $record->{until} && $_->{until} >= $record->{from} - 0.003 } @{$lines{$record->{local}} // []};
	};
	my (@lost, @wrong);
	for my $record (@records) {
		my @mine = $lines_of->($record);
		push @lost, $record if !@mine;
		push @wrong, [$record, \@mine] if $record->{server} ne '' && !grep { ($_->{server} // '') eq $record->{server} } @mine;
	}
	is scalar @lost, 0, 'each of ' . scalar(@records) . ' that clients saw has its line in the log' or diag(explain($lost[0]));
	is scalar @wrong, 0, 'and was where that says' or diag(explain($wrong[0]));
}

sub wrk_start {
	my ($s) = @_;
	my $name = "$dir/wrk-$s->{mode}-$s->{how}";
	$s->{wrk_said} = $name;
	$s->{wrk} = Sluice::spawn(['wrk', '-t1', "-c$connections{wrk}", '-d3600s', '--timeout', '10s',
		'http://' . $s->{lb}->address('web') . '/wrk'], $name, "$name-errors");
}

sub wrk_stop {
	my ($s) = @_;
	kill(INT => $s->{wrk});
	waitpid(delete $s->{wrk}, 0);
	return Sluice::slurp($s->{wrk_said});
}

sub wrk_agrees {
	my ($s, $said, $lines) = @_;
	my ($requests) = $said =~ /^\s*(\d+) requests in /m;
	cmp_ok $requests // 0, '>', 500, 'wrk had answers' or diag($said);
	my ($connect, $timeout) = $said =~ /Socket errors: connect (\d+), .* timeout (\d+)/ ? ($1, $2) : (0, 0);
	is "$connect $timeout", '0 0', 'none of its requests was lost without a word' or diag($said);
	my ($failed) = $said =~ /Non-2xx or 3xx responses: (\d+)/ ? $1 : 0;
	my $logged = grep { ($_->{status} // 0) >= 500 } @$lines;
	cmp_ok $failed, '<=', $logged, "what it got of 5xx ($failed) is in the log" if $s->{mode} eq 'http';
}

sub drill {
	my ($mode, $how) = @_;
	my $s = scene($mode, $how);
	my ($lb, $steps) = ($s->{lb}, $road{$how}{steps});
	my $address = $lb->address('web');
	ok((becomes { my $m = members($s); !grep { $_->{status}{state} ne 'up' } values %$m } 10), 'all are up') or diag(explain(members($s)));
	my $begun = $lb->get('/v1/info')->{json}{last_event_id};
	wrk_start($s);
	my $pool = Sluice::Pool->start($mode, $address, long => $connections{long}, short => $connections{short});
	my @all = $how eq 'levels' ? ('a1') : ('a1', 'a2');
	my @done = ({ step => [begin => [], \@all], from => time, settled => stage_is($s, @all), until => time, last => $begun });
	for my $step (@$steps) {
		note "$step->[0] @{$step->[1]}";
		push @done, run_step($s, $step);
		$done[-1]{last} = $lb->get('/v1/info')->{json}{last_event_id};
	}
	$s->{end} = time;
	my @records = $pool->stop;
	my $wrk_said = wrk_stop($s);
	ok((becomes { !%{$lb->get('/v1/sessions')->{json}} } 10), 'all streams end with their clients');
	my @events = story_read($s);
	my $lines_expected = 0;
	$lines_expected += $_->{status}{sessions}{total} for values %{members($s)};
	my @lines;
	becomes { @lines = log_read($s); @lines >= $lines_expected } 10;
	for my $i (1 .. $#done) {
		step_story_is($s, $done[$i], grep { $_->{id} > $done[$i - 1]{last} && $_->{id} <= $done[$i]{last} } @events);
	}
	ends_agree($s, \@events, \@lines);
	phases_are_true($s, \@lines);
	stages_agree($s, \@lines, @done);
	failures_are_few($s, \@lines, @done) if $mode eq 'http';
	clients_agree($s, \@lines, @records);
	wrk_agrees($s, $wrk_said, \@lines);
	$lb->stop;
}

my ($only_mode, $only_how) = @ARGV;
for my $mode ('tcp', 'http') {
	for my $how (sort keys %road) {
		next if defined $only_mode && $only_mode ne $mode || defined $only_how && $only_how ne $how;
		subtest "$mode, $how" => sub {
			drill($mode, $how);
		};
	}
}
ok $ended{"http $_"}, "over all roads, requests under way were ended with $_: " . ($ended{"http $_"} // 0) for defined $only_mode ? () : ('D', 'U');
done_testing;

#!/usr/bin/perl
# tier: story
#
# Where log lines go: to files, to syslog servers by UDP, TCP and Unix socket; framed, sampled, by level. One that takes
# nothing delays no other, is said to be in trouble, and gets lines again when it is back.
use Sluice;
use JSON::PP ();
use Sluice::Http;
use Sluice::LogReceiver;
use File::Temp ();
use Sys::Hostname qw(hostname);
use Time::HiRes qw(sleep);

my $folder = File::Temp->newdir('sluice-log-XXXXXX', TMPDIR => 1);
my %server = (udp => Sluice::LogReceiver->new('udp'), tcp => Sluice::LogReceiver->new('tcp'),
	unix => Sluice::LogReceiver->new('unix', "$folder/syslog"));
my @framings = qw(raw rfc3164 rfc5424 short timed iso priority local);
my %framed = map { $_ => Sluice::LogReceiver->new('udp') } @framings;
mkdir "$folder/logs" or die;

# Nobody serves: the answer is ours, and its line is all that is wanted.
sub frontend { return { bind => ['127.0.0.1:0'], log => [@_] } }
my $lb = Sluice->start(plain => 1, args => ['--log-dir', "$folder/logs"], config => {
	global => { threads => 1, log => [{ target => 'stdout' }] },
	defaults => { mode => 'http' },
	frontends => {
		plain => { bind => ['127.0.0.1:0'] },
		all => frontend(map { { target => $_ } } 'file:all.log', map { $_->target } @server{qw(udp tcp unix)}),
		file => frontend({ target => "file:$folder/own.log" }),
		framed => frontend(map { { target => $framed{$_}->target, framing => $_, facility => 'local1' } } @framings),
		levels => frontend({ target => 'file:notice.log', level => 'notice' }, { target => 'file:info.log', level => 'info' },
			{ target => $server{udp}->target, framing => 'short', minlevel => 'debug' }),
		separate => { %{frontend({ target => 'file:errors.log', level => 'err' })}, log_separate_errors => JSON::PP::true },
		together => frontend({ target => 'file:no-errors.log', level => 'err' }),
		sampled => frontend({ target => 'file:some.log', sample => '2,4-5:5' }, { target => 'file:short.log', len => 80, framing => 'iso' }),
	},
});

my %client;
sub ask {
	my ($frontend, $target) = @_;
	my $c = $lb->connect($frontend);
	$c->send("GET $target HTTP/1.0\r\n\r\n");
	my $status = read_answer($c)->{status};
	$status == 503 or die "status $status\n";
	return $status;
}
sub file { my ($name) = @_; return -e "$folder/$name" ? Sluice::slurp("$folder/$name") : '' }
sub targets_in { return join ' ', join('', @_) =~ m{"target":"(/[^"]*)"}g }
sub counts_of {
	my ($text) = @_;
	my ($of) = grep { $_->{target} eq $text } @{$lb->get('/v1/info')->{json}{log}{targets}};
	return $of;
}

# Is this descriptor a TCP connection to that port? The kernel's table has inodes and ports in hex.
sub fd_is_to {
	my ($pid, $fd, $port) = @_;
	my ($inode) = readlink($fd) =~ /socket:\[(\d+)\]/ or return 0;
	my $hex = sprintf '%04X', $port;
	return scalar grep { /^\s*\d+: \S+ \S+:$hex / && (split)[9] eq $inode } split /\n/, Sluice::slurp("/proc/$pid/net/tcp");
}

# One line to each.
ask('all', '/one');
ok becomes { file('logs/all.log') =~ /\n\z/ } 5, 'a file';
like file('logs/all.log'), qr/\A\{"time".*\}\n\z/, 'has the line as it is';
is sprintf('%o', (stat "$folder/logs/all.log")[2] & 07777), '640', 'and is nobody else\'s';
for my $kind (sort keys %server) {
	my $s = $server{$kind};
	ok becomes { $s->messages == 1 } 5, "$kind has a line";
	my $host = $kind eq 'unix' ? '' : quotemeta(hostname()) . ' ';
	like +($s->take)[0], qr/\A<134>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ${host}sluice\[@{[$lb->pid]}\]: \{"time".*\}\z/,
		'with what a syslog server wants before it';
	is scalar(my @faults = $s->faults), 0, 'one message each';
	is counts_of($s->target)->{written}, 1, 'counted';
}
is $server{tcp}->connections, 1, 'one connection';

# HAProxy's framings.
ask('framed', '/framed');
my $line = qr/\{"time".*\}/;
my $iso = qr/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d/;
my $host = quotemeta hostname();
my $pid = $lb->pid;
my %looks = (raw => qr/$line/, rfc3164 => qr/<142>\w{3} [ \d]\d [\d:]{8} $host sluice\[$pid\]: $line/,
	rfc5424 => qr/<142>1 $iso $host sluice $pid - - $line/, short => qr/<6>$line/, timed => qr/<6>$iso $line/,
	iso => qr/$iso $line/, priority => qr/<142>$line/, local => qr/<142>\w{3} [ \d]\d [\d:]{8} sluice\[$pid\]: $line/);
for my $framing (@framings) {
	ok becomes { $framed{$framing}->messages == 1 } 5, "$framing has come";
	like +($framed{$framing}->take)[0], qr/\A$looks{$framing}\z/, 'and looks like it';
}

# Levels and samples.
ask($_, '/failed') for qw(together separate);
ok becomes { targets_in(file('logs/errors.log')) eq '/failed' } 5, 'log_separate_errors: an error\'s line is of level err';
is file('logs/no-errors.log'), '', '... and is not without it';
ask('levels', "/level$_") for 1 .. 3;
ok becomes { targets_in(file('logs/info.log')) eq '/level1 /level2 /level3' } 5, 'a line of a session is info';
ok becomes { $server{udp}->messages == 3 } 5, 'three';
like $_, qr/\A<7>\{/, 'minlevel: sent as less severe' for $server{udp}->take;
is file('logs/notice.log'), '', 'and less than notice';
ask('sampled', "/s$_" . 'x' x 100) for 1 .. 12;
ok becomes { (() = file('logs/short.log') =~ /\n/g) == 12 } 5, 'twelve lines';
is targets_in(file('logs/some.log')) =~ s/x//gr, '/s2 /s4 /s5 /s7 /s9 /s10 /s12', 'some of each five';
is scalar(grep { length != 80 } split /\n/, file('logs/short.log')), 0, 'the others are cut at len, framing and all';

# The same file, named in two lists, is one; one list is given back, the other goes on.
is $lb->patch('/v1/frontends/levels', { log => [{ target => 'file:all.log' }] })->{status}, 200, 'a list is replaced';
ask('levels', '/shared');
ok becomes { targets_in(file('logs/all.log')) eq '/one /shared' } 5, 'both are there';
ok becomes { !counts_of('file:info.log') } 5, 'a target that nobody names is gone';
is scalar(grep { m{/info\.log$} } map { readlink($_) // '' } glob '/proc/' . $lb->pid . '/fd/*'), 0, 'closed';

# Over REST a file must lie below log_dir.
sub refused_log { my ($target) = @_; return $lb->patch('/v1/frontends/plain', { log => [{ target => 'stderr' }, { target => $target }] }) }
for my $target ("file:$folder/own.log", 'file:/etc/passwd', "file:$folder/logs", "file:$folder/logsx/a") {
	my $answer = refused_log($target);
	is $answer->{status}, 422, "$target";
	is $answer->{json}{errors}[0]{pointer}, '/log/1/target', 'is no place for a log';
}
like refused_log($_)->{json}{errors}[0]{detail}, qr{has "\.\."}, "$_ leads out" for 'file:../x.log', 'file:a/../../x.log', "file:$folder/logs/..";
is $lb->patch('/v1/frontends/plain?dry_run=true', { log => [{ target => 'file:a..b' }] })->{status}, 200, 'two dots in a name do not';
is refused_log($_)->{status}, 422, "$_ is none" for 'file:', 'udp:localhost:514', 'udp:127.0.0.1:99999', 'tcp:/x', 'syslog', 'stdoutx';
is $lb->patch('/v1/frontends/plain', { log => [{ target => 'stdout', sample => $_ }] })->{status}, 422, "no sample: $_"
	for '0:2', '5:3', '2-1:3', '1:0', '1-3,2:4', '1', 'x:2';
is $lb->patch('/v1/frontends/file', { comment => 'x' })->{status}, 200, 'what the file named may stay';
is $lb->patch('/v1/global', { log_dir => '/tmp' })->{status}, 409, 'log_dir is not live';
is $lb->get('/v1/info')->{json}{log_dir}, "$folder/logs", 'and shown';
symlink '/', "$folder/logs/root";
is $lb->patch('/v1/frontends/plain', { log => [{ target => "file:root$folder/out.log" }, { target => 'file:gone/x.log' }] })->{status}, 200, 'links are for who opens it';
ask('plain', '/out');
ok becomes { (counts_of("file:root$folder/out.log") // {})->{dropped} } 5, 'a link leads nowhere outside';
ok !-e "$folder/out.log", 'there is no file';
like $lb->stderr, qr{warning log file:root\S+: Invalid cross-device link}, 'said';

# A folder that is not there yet: said once, and lines come when it is.
like counts_of('file:gone/x.log')->{trouble}, qr/^No such file/, 'a file that can\'t be opened is in trouble';
ask('plain', '/lost') for 1 .. 5;
ok becomes { counts_of('file:gone/x.log')->{dropped} == 6 } 5, 'its lines are counted';
mkdir "$folder/logs/gone" or die;
my $asked = 0;
ok becomes { ask('plain', '/found' . $asked++); file('logs/gone/x.log') =~ /found/ } 10, 'with the folder it is back';
is counts_of('file:gone/x.log')->{trouble}, undef, 'and well';
ok becomes { $lb->stderr =~ m{notice log file:gone/x\.log: takes lines again, \d+ have been dropped} } 5, 'said';
is scalar(() = $lb->stderr =~ m{warning log file:gone/x\.log}g), 1, 'one warning';

# Rotation while lines come: each is in one file, once.
my $rounds = 8;
for my $round (1 .. $rounds) {
	ask('file', "/r$round-$_") for 1 .. 10;
	rename "$folder/own.log", "$folder/own.log.$round" or die;
	ask('file', "/m$round");		# goes to the old one, by whatever name
	$lb->kill('USR1');
	ok becomes { -e "$folder/own.log" } 5, "a new file in round $round";
}
ask('file', '/end');
ok becomes { file('own.log') =~ m{"/end"} } 5, 'the last line is in the newest';
is targets_in(map({ file("own.log.$_") } 1 .. $rounds), file('own.log')),
	join(' ', (map { my $r = $_; (map("/r$r-$_", 1 .. 10), "/m$r") } 1 .. $rounds), '/end'), 'no line is lost or twice, and all are in order';

# A rotation that goes wrong: the folder is not there. Lines go on into the old file.
rename "$folder/logs/gone", "$folder/logs/away" or die;
$lb->kill('USR1');
ok becomes { (counts_of('file:gone/x.log') // {})->{trouble} } 5, 'it can\'t be opened anew';
ask('plain', '/kept');
ok becomes { file('logs/away/x.log') =~ m{"/kept"} } 5, 'the old one is kept';
mkdir "$folder/logs/gone" or die;
ok becomes { -e "$folder/logs/gone/x.log" } 10, 'the new one comes with its folder';

# A full disk.
SKIP: {
	skip 'no /dev/full', 2 if !-c '/dev/full';
	$lb->write_config({ %{$lb->{option}{config}}, frontends => { %{$lb->{option}{config}{frontends}}, full => frontend({ target => 'file:/dev/full' }) } });
	$lb->kill('HUP');
	ok becomes { $lb->get('/v1/frontends/full')->{status} == 200 } 10, 'a frontend that logs to a full disk';
	ask('full', '/full');
	ok becomes { (counts_of('file:/dev/full') // {})->{dropped} } 5, 'its lines are dropped and counted';
	is counts_of('file:/dev/full')->{trouble}, 'No space left on device', 'and why';
}

# A TCP server that goes and comes back at the same address gets what was logged meanwhile.
ok becomes { my @m = $server{tcp}->messages; ask('all', '/before'); targets_in($server{tcp}->messages) =~ m{/before} } 5, 'lines come by TCP';
$_->take for values %server;
$server{tcp}->stop;
ok becomes { ask('all', '/while'); (counts_of($server{tcp}->target) // {})->{trouble} } 10, 'gone: it is in trouble';
ask('all', "/away$_") for 1 .. 3;
ok becomes { targets_in($server{udp}->messages) =~ m{/away3} } 5, 'others have all';
$server{tcp}->start;
ok becomes { targets_in($server{tcp}->messages) =~ m{/away1 /away2 /away3\z} } 15, 'back: it gets what waited';
is scalar(my @f = $server{tcp}->faults), 0, 'message by message';
ask('all', '/again');
ok becomes { targets_in($server{tcp}->messages) =~ m{/again\z} } 5, 'and what comes now';
ok becomes { !counts_of($server{tcp}->target)->{trouble} } 5, 'all is well';

# One that closes a connection on which nothing happens is not in trouble; the next line makes a new one.
{
	my $connections = $server{tcp}->connections;
	$server{tcp}->take;
	$server{tcp}->drop_clients;
	ok becomes { !grep { (readlink($_) // '') =~ /socket/ && fd_is_to($lb->pid, $_, $server{tcp}->port) } glob '/proc/' . $lb->pid . '/fd/*' } 5, 'closed here too';
	is counts_of($server{tcp}->target)->{trouble}, undef, 'no trouble';
	ask('all', '/anew');
	ok becomes { targets_in($server{tcp}->messages) eq '/anew' } 5, 'nothing is lost';
	is $server{tcp}->connections, $connections + 1, 'by a new connection';
}

# So does a Unix socket.
$server{unix}->take;
$server{unix}->stop;
ask('all', "/u$_") for 1 .. 3;
ok becomes { counts_of($server{unix}->target)->{trouble} } 5, 'a socket is gone';
$server{unix}->start;
ok becomes { targets_in($server{unix}->messages) =~ m{(?:^| )/u1 /u2 /u3\z} } 15, 'nothing is lost';

# UDP to nobody: what was refused is counted, and nothing more.
$server{udp}->take;
$server{udp}->stop;
my $before = counts_of($server{udp}->target);
for my $n (1 .. 5) {
	ask('all', "/refused$n");
	ok becomes { targets_in($server{unix}->messages) =~ m{/refused$n\z} } 5, "line $n is out";
}
$server{udp}->start;
ask('all', '/heard');
ok becomes { targets_in($server{udp}->messages) eq '/heard' } 5, 'the first after it is back arrives';
my $after = counts_of($server{udp}->target);
is $after->{dropped} - $before->{dropped}, 5, 'those before were dropped';
is $after->{written} - $before->{written}, 1, 'in the end';

# A TCP server that accepts and does not read: the others are not delayed, what has no room is counted.
{
	my $stuck = Sluice::LogReceiver->new('tcp');
	my @some = @framings[0 .. 6];		# with the file eight, as many as there may be
	is $lb->patch('/v1/frontends/plain', { log => [(map { { target => $stuck->target, len => 8192, framing => $_ } } @some), { target => 'file:beside.log', len => 100 }] })->{status}, 200, 'beside a file';
	my $c = $lb->connect('plain');
	my $long = '/' . 'x' x 7000;
	my $sent = 0;
	ok becomes {
		ask('plain', $long . $sent++) for 1 .. 50;
		(counts_of($stuck->target) // {})->{dropped};
	} 60, 'its queue is full';
	ok becomes { (() = file('logs/beside.log') =~ /\n/g) == $sent } 5, "the file has all $sent lines";
	is counts_of('file:beside.log')->{dropped}, 0, 'it dropped none';
	like $lb->stderr, qr/warning log \S+: its queue is full, lines are dropped/, 'said';
	my $dropped = counts_of($stuck->target)->{dropped};
	ok becomes { $stuck->messages == @some * $sent - $dropped } 20, 'when it reads, it gets the rest';
	is scalar(my @faults = $stuck->faults), 0, 'whole';
	is counts_of($stuck->target)->{written}, @some * $sent - $dropped, 'and the counts agree';
}
my $log = $lb->get('/v1/info')->{json}{log};
cmp_ok $log->{dropped}, '>', 0, 'the totals know';
$lb->stop;
done_testing;

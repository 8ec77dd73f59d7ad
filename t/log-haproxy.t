#!/usr/bin/perl
# tier: story
#
# What HAProxy and we send to a syslog server, side by side: each framing, cut at its length, and which lines of a sample.
use Sluice;
use Sluice::Http;
use Sluice::LogReceiver;
use Sluice::Neighbour;
use Sys::Hostname qw(hostname);

plan skip_all => $_ for Sluice::Neighbour::missing('haproxy');

# Each: our target's fields; HAProxy's words.
my %case = (
	(map { $_ => [{ framing => $_, facility => 'local1' }, "format $_ local1"] } qw(raw rfc3164 rfc5424 short timed iso priority local)),
	facility => [{ facility => 'cron' }, 'format rfc3164 cron'],
	len => [{ framing => 'rfc3164', len => 90 }, 'len 90 format rfc3164 local0'],
	'len of raw' => [{ framing => 'raw', len => 90 }, 'len 90 format raw local0'],
	'level info' => [{ level => 'info' }, 'format rfc3164 local0 info'],
	'level notice' => [{ level => 'notice' }, 'format rfc3164 local0 notice'],
	'minlevel debug' => [{ minlevel => 'debug' }, 'format rfc3164 local0 debug debug'],
	(map { ("sample $_" => [{ framing => 'short', sample => $_ }, "format short sample $_ local0"]) } '1:1', '2:3', '1,3:4', '5,1-2:5'),
);
my (%ours, %theirs);
for my $name (keys %case) {
	$_ = Sluice::LogReceiver->new('udp') for $ours{$name}, $theirs{$name};
}
my $n = 0;
my %frontend = map { $_ => 'f' . $n++ } sort keys %case;
my $host = hostname();
my $haproxy = Sluice::Neighbour->haproxy("global\n\tlog-tag sluice\n\tlog-send-hostname $host\ndefaults\n\tmode http\n\ttimeout client 5s\n",
	'listen all', "\tbind \$ADDRESS", "\tlog-format \"{line of %HU}" . '.' x 100 . "\"", "\thttp-request return status 503",
	map { "\tlog " . $theirs{$_}->target =~ s/^udp://r . " $case{$_}[1]" } sort keys %case);
my $lb = Sluice->start(plain => 1, config => { global => { threads => 1 }, defaults => { mode => 'http' },
	frontends => { map { $frontend{$_} => { bind => ['127.0.0.1:0'], log => [{ target => $ours{$_}->target, %{$case{$_}[0]} }] } } keys %case } });

my $lines = 12;
sub ask {
	my ($address, $target) = @_;
	my $c = Sluice::Client->connect($address);
	$c->send("GET $target HTTP/1.0\r\n\r\n");
	return read_answer($c)->{status};
}
for my $i (1 .. $lines) {
	ask($haproxy->address, "/$i");
	ask($lb->address($_), "/$i") for values %frontend;
}

# Times and pids are each one's own, so is what follows the framing: there stays where it begins, how long all is, and its number.
sub likeness {
	my ($message, $is_cut) = @_;
	my $length = length $message;
	my ($number) = $message =~ m{(?:of |"target":")/(\d+)};
	$message =~ s/\{.*//s;
	my $priority = $message =~ s/^(<\d+>(?:1 )?)// ? $1 : '';
	$message =~ s/\d{4}-\d\d-\d\dT[\d:]{8}\.\d{6}[+-]\d\d:\d\d/ISO/;
	$message =~ s/[A-Z][a-z]{2} [ \d]\d [\d:]{8} /TIME /;
	$message =~ s/(sluice\W)\d+/$1PID/;
	$message = "$priority$message";
	return $is_cut ? "$message, $length long" : "$message, line $number";
}
for my $name (sort keys %case) {
	my $cut = $name =~ /^len/;
	my $want = $name eq 'level notice' ? 0 : $name =~ /^sample (\S+)/ ? undef : $lines;
	ok becomes { $ours{$name}->messages == $want && $theirs{$name}->messages == $want } 5, "$name: $want lines" if $want;
	becomes { $ours{$name}->messages == $theirs{$name}->messages } 5;
	my @theirs = map { likeness($_, $cut) } $theirs{$name}->messages;
	is_deeply [map { likeness($_, $cut) } $ours{$name}->messages], \@theirs, "$name: as HAProxy's: " . ($theirs[0] // 'none');
	is scalar(my @faults = $ours{$name}->faults), scalar(my @their_faults = $theirs{$name}->faults), 'ended alike';
}
$lb->stop;
done_testing;

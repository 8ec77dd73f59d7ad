#!/usr/bin/perl
# tier: story
#
# A real rsyslogd takes our lines by UDP, TCP and Unix socket, in RFC 3164 and RFC 5424, and finds host, tag, pid, facility,
# severity and the line itself where they belong; also what was logged while it was away.
use Sluice;
use Sluice::Http;
use Sluice::Neighbour;
use File::Temp ();
use IO::Socket::IP;
use Sys::Hostname qw(hostname);

my ($rsyslogd) = grep { -x } '/usr/sbin/rsyslogd', '/usr/local/sbin/rsyslogd';
plan skip_all => 'no rsyslogd' if !$rsyslogd;
my $dir = File::Temp->newdir('sluice-rsyslog-XXXXXX', TMPDIR => 1);
my %socket = map { $_ => IO::Socket::IP->new(Proto => $_, LocalHost => '127.0.0.1', LocalPort => 0) } qw(udp tcp);
my %port = map { $_ => $socket{$_}->sockport } keys %socket;
undef %socket;		# free a moment ago

# Properties apart by "|"; a line in rsyslog's words is the message behind tag and blank.
Sluice::spew("$dir/rsyslog.conf", <<"CONF");
global(workDirectory="$dir" maxMessageSize="16k")
module(load="imudp")
module(load="imtcp")
module(load="imuxsock" SysSock.Use="off")
template(name="fields" type="string" string="%inputname%|%pri%|%hostname%|%app-name%|%procid%|%syslogtag%|%protocol-version%|%timereported:::date-rfc3339%|%msg%\\n")
ruleset(name="all") { action(type="omfile" file="$dir/got" template="fields") }
input(type="imudp" address="127.0.0.1" port="$port{udp}" ruleset="all")
input(type="imtcp" address="127.0.0.1" port="$port{tcp}" ruleset="all")
input(type="imuxsock" Socket="$dir/log" CreatePath="off" UsePIDFromSystem="off" ruleset="all")
CONF

my $pid;
sub start_rsyslogd {
	$pid = Sluice::spawn([$rsyslogd, '-n', '-f', "$dir/rsyslog.conf", '-i', "$dir/pid"], "$dir/out", "$dir/out");
	wait_until { -S "$dir/log" && IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $port{tcp}) } 15, 'rsyslogd';
}
sub stop_rsyslogd { return if !$pid; kill 'TERM', $pid; waitpid $pid, 0; undef $pid }
END { my $status = $?; stop_rsyslogd(); $? = $status }
start_rsyslogd();

my %at = (imudp => "udp:127.0.0.1:$port{udp}", imtcp => "tcp:127.0.0.1:$port{tcp}", imuxsock => "unix:$dir/log");
my %frontend;
for my $input (keys %at) {
	for my $framing ($input eq 'imuxsock' ? () : qw(rfc3164 rfc5424), 'default') {
		my %how = $framing eq 'default' ? () : (framing => $framing);
		$frontend{"$input-$framing"} = { bind => ['127.0.0.1:0'], log => [{ target => $at{$input}, facility => 'local3', len => 8000, %how }] };
	}
}
my $lb = Sluice->start(plain => 1, config => { global => { threads => 1 }, defaults => { mode => 'http' }, frontends => \%frontend });

sub ask {
	my ($frontend, $target) = @_;
	my $c = $lb->connect($frontend);
	$c->send("GET $target HTTP/1.0\r\n\r\n");
	return read_answer($c)->{status};
}
# The first line whose JSON has this, by its properties.
sub got {
	my ($target, $field) = @_;
	my $json = '"' . ($field // 'target') . qq(":"$target");
	my ($line) = grep { index($_, $json) >= 0 } split /\n/, -e "$dir/got" ? Sluice::slurp("$dir/got") : '';
	return if !defined $line;
	my %is;
	@is{qw(input pri host app pid tag version time msg)} = split /\|/, $line, 9;
	return \%is;
}

my $host = hostname();
for my $name (sort keys %frontend) {
	my ($input, $framing) = split /-/, $name;
	ask($name, "/$name");
	my $is = becomes { got("/$name") } 10;
	ok $is, "$name: a line arrives" or next;
	is $is->{input}, $input, 'by that way';
	is $is->{pri}, 19 * 8 + 6, 'local3.info';
	is $is->{app}, 'sluice', 'the program';
	is $is->{pid}, $lb->pid, 'its pid';
	is lc($is->{host}) =~ s/\..*//r, lc($host) =~ s/\..*//r, 'the host';
	is $is->{version}, $framing eq 'rfc5424' ? 1 : 0, 'the protocol';
	like $is->{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/, 'the time';
	is $is->{tag}, $framing eq 'rfc5424' ? 'sluice[' . $lb->pid . ']' : 'sluice[' . $lb->pid . ']:', 'the tag';
	my $json = eval { JSON::PP::decode_json($is->{msg} =~ s/^ //r) };
	is $json && $json->{frontend}, $name, 'and the line whole';
}

# A long one, which a datagram and a TCP stream carry alike.
my $end = 'e' x 600;
for my $name ('imudp-rfc5424', 'imtcp-rfc5424', 'imuxsock-default') {
	is $lb->patch("/v1/frontends/$name", { log => [{ target => 'stderr', level => 'emerg' }, $frontend{$name}{log}[0]] })->{status}, 200, 'a new list';
	ask($name, "/$end?$name");
	my $is = becomes { got("/$end?$name") } 10;
	ok $is && length($is->{msg}) > 1100 && eval { JSON::PP::decode_json($is->{msg} =~ s/^ //r) }, "$name: whole beyond syslog's usual 1024";
}

# It is restarted: what was logged meanwhile comes by TCP and the Unix socket.
stop_rsyslogd();
ask($_, "/away-$_") for 'imtcp-rfc3164', 'imuxsock-default';
start_rsyslogd();
for my $name ('imtcp-rfc3164', 'imuxsock-default') {
	ok becomes { got("/away-$name") } 20, "$name: it gets what it missed";
}
stop_rsyslogd();
$lb->stop;
done_testing;

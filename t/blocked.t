#!/usr/bin/perl
# tier: drill
#
# The control loop is blocked: the whole process is stopped for some seconds, or the control thread alone. Time-outs of checks pass
# meanwhile, and the answers of healthy servers lie unread. None of them is marked down for that, whatever its check; who
# did die is found afterwards; and the workers go on serving while the control thread is away.
use Sluice;
use Sluice::Checked;
use Time::HiRes qw(sleep time);

my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my $rounds = ($ENV{SLUICE_DRILL} // 'short') eq 'long' ? 40 : 5;

# The control thread hangs in its poll: before it looks, or when it has looked and has not yet done anything.
Sluice::spew("$dir/hang.c", <<'END');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <stdlib.h>
static void wait_for(const char *variable)
{
	int saved_errno = errno;

	if (syscall(SYS_gettid) == getpid() && getenv(variable) != NULL)
		while (access(getenv(variable), F_OK) == 0) usleep(10000);
	errno = saved_errno;
}
int epoll_wait(int fd, struct epoll_event *events, int max, int timeout)
{
	static int (*real)(int, struct epoll_event *, int, int);
	int count;

	if (real == NULL)
		real = (int (*)(int, struct epoll_event *, int, int))dlsym(RTLD_NEXT, "epoll_wait");
	wait_for("HANG_BEFORE");
	count = real(fd, events, max, timeout);
	wait_for("HANG_AFTER");
	return count;
}
END
my $can_hang = Sluice::sanitizers() eq 'no' && system("cc -shared -fPIC -o $dir/hang.so $dir/hang.c") == 0;

my $quick = Sluice::Checked->start('quick');
my $slow = Sluice::Checked->start('slow', delay => 40);
my %mortal = map { $_ => Sluice::Checked->start($_) } 'dies', 'stops';
my $agent = Sluice::Origin->start('agent', sub { $_[0]->read_line; sleep 0.04; $_[0]->send("up ready 100%\n"); return undef });

my $ask = [{ action => 'send', method => 'GET' }, { action => 'expect', status => 200 }];
my $say = [{ action => 'send', data => 'x?' }, { action => 'expect', string => "quick\n" }];
my %check = (connect => { type => 'tcp' },
	talk => { type => 'tcp', steps => [{ action => 'connect' }, (@$say) x 3] },
	http => { type => 'http', uri => '/' },
	steps => { type => 'http', steps => [{ action => 'connect' }, (@$ask) x 3] });
my %origin = (connect => $quick, talk => $quick, http => $slow, steps => $slow);
my $many = 8;		# of each kind: so that they are in all phases of a check when it comes
my @kinds = sort(keys %check, 'agent');

sub servers {
	my ($kind) = @_;
	my $origin = $origin{$kind} // $quick;
	my $place = 1 + (grep { $kinds[$_] eq $kind } 0 .. $#kinds)[0];
	return { map { my $i = $_;
		("s$i" => { address => $origin->address("127.7.$place.$i"), $kind eq 'agent' ? (agent_check => JSON::PP::true,
			agent_addr => '127.0.0.1', agent_port => 0 + $agent->port, agent_inter => '200ms', agent_send => "how?\n") : () })
	} 1 .. $many };
}

sub start {
	local $ENV{LD_PRELOAD} = $can_hang ? "$dir/hang.so" : '';
	local @ENV{qw(HANG_BEFORE HANG_AFTER)} = ("$dir/before", "$dir/after");
	my $lb = Sluice->start(config => {
		global => { threads => 2, log => [] },
		defaults => { mode => 'http', timeout => { check => '500ms', connect => '1s' },
			default_server => { check => JSON::PP::true, inter => '200ms', fall => 1, rise => 1 } },
		frontends => { web => { bind => ['127.0.0.1:0'], default_backend => 'http' } },
		backends => { mortal => { servers => { map { $_ => { address => $mortal{$_}->address } } keys %mortal },
				check => { type => 'http', method => 'GET', uri => '/' } },
			map { $_ => { check => $check{$_} // { type => 'tcp' }, servers => servers($_) } } @kinds },
	});
	wait_up($lb);
	return $lb;
}

sub not_up {
	my ($lb) = @_;
	my @not;
	for my $kind (@kinds, 'mortal') {
		my $members = $lb->get("/v1/backends/$kind/servers")->{json};
		push @not, grep { $members->{s1} || 1 and !is_fine($members->{$_ =~ s/.*\///r}) } map { "$kind/$_" } sort keys %$members;
	}
	return @not;
}

# Up, by its last check.
sub is_fine {
	my ($server) = @_;
	return $server->{status}{state} eq 'up' && $server->{status}{check}{result} =~ /^L[47]OK$/;
}

sub wait_up { my ($lb) = @_; wait_until { !not_up($lb) } 10, 'all servers to be up' }

my %block = (
	process => sub { my ($lb, $for, $meanwhile) = @_; $lb->kill('STOP'); $meanwhile->(); sleep $for; $lb->kill('CONT') },
	map { my $when = $_; ("control thread $when its poll" => sub {
		my ($lb, $for, $meanwhile) = @_;
		Sluice::spew("$dir/$when", '');
		$meanwhile->();
		sleep $for;
		unlink("$dir/$when");
	}) } 'before', 'after',
);

# Those that can be counted at the other end: it never hears of a bare connect.
sub checks_go_on {
	my ($lb) = @_;
	my ($of_quick, $of_slow) = ($quick->accepted, $slow->requests);
	return becomes { $quick->accepted > $of_quick + 3 * $many && $slow->requests > $of_slow + 8 * $many } 10;
}

# Every server event but those of servers that were there from the start on.
sub told {
	my ($lb, $from) = @_;
	my $reader = $lb->events(kind => 'server', last_event_id => $from);
	my @told;
	while (my $event = $reader->next(0.2)) {
		my $data = $event->{data};
		push @told, "$data->{backend}/$data->{server} $data->{from} > $data->{to} $data->{cause}{detail}";
	}
	$reader->close;
	return @told;
}

my $lb = start();
for my $who (sort keys %block) {
	next if $who ne 'process' && !$can_hang;
	subtest "the $who is blocked" => sub {
		my $from = $lb->get('/v1/info')->{json}{last_event_id};
		for my $round (1 .. $rounds) {
			my $for = $round == $rounds ? 3 : 0.7 + rand 1;
			sleep rand 0.2;
			$block{$who}->($lb, $for, sub { });
			ok checks_go_on($lb), sprintf('blocked for %.2f s, checks go on', $for);
		}
		is_deeply [told($lb, $from)], [], 'and no server was marked down';
		is_deeply [not_up($lb)], [], 'none has failed';
	};
	subtest "servers that die while the $who is blocked" => sub {
		my $from = $lb->get('/v1/info')->{json}{last_event_id};
		$block{$who}->($lb, 1.5, sub { $mortal{dies}->die; $mortal{stops}->pause });
		my $members;
		ok((becomes { $members = $lb->get('/v1/backends/mortal/servers')->{json};
			$members->{dies}{status}{state} eq 'down' && $members->{stops}{status}{state} eq 'down' } 5), 'are found afterwards')
			or diag(explain($members));
		is $members->{dies}{status}{check}{result}, 'L4CON', 'the one that refuses';
		is $members->{stops}{status}{check}{result}, 'L7TOUT', 'and the one that is silent';
		my @told = told($lb, $from);
		is scalar @told, 2, 'nobody else' or diag(explain(\@told));
		$mortal{dies}->start;
		$mortal{stops}->resume;
		wait_up($lb);
		pass('and are found again when they are back');
	};
}

SKIP: {
	skip 'nothing can be preloaded', 1 if !$can_hang;
	subtest 'workers go on meanwhile' => sub {
		my $kept = $lb->connect('web');
		my $address = $lb->address('web');
		my ($worst, $good) = (0, 0);
		my $began = time;
		Sluice::spew("$dir/before", '');
		while (time - $began < 2) {
			for my $c ($kept, Sluice::Client->connect($address)) {
				my $from = time;
				$c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
				$good++ if $c->read_until("\r\n\r\nslow\n", 2) =~ /^HTTP\/1.1 200 /;
				$worst = time - $from if time - $from > $worst;
			}
		}
		unlink("$dir/before");
		cmp_ok $good, '>', 20, "$good requests were served over a kept connection and new ones while the control thread hung for 2 s";
		cmp_ok $worst, '<', seconds(0.5), sprintf('the slowest in %.0f ms, of which the server took 40', 1000 * $worst);
		ok checks_go_on($lb), 'checks go on';
		is_deeply [not_up($lb)], [], 'and everybody is up';
	};
}
$lb->stop;
done_testing;

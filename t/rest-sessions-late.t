#!/usr/bin/perl
# tier: drill
#
# A worker hangs, or the disk does, while sessions are to be ended: callers are told so in time, and
# what they asked for is done when it goes on.
use Sluice;
use Time::HiRes qw(time);

plan skip_all => 'a sanitizer comes before what is preloaded' if Sluice::sanitizers() ne 'no';
my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
open(my $source, '>', "$dir/hang.c") or die "$dir: $!\n";
print $source <<'END';
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
int fdatasync(int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	while (access(getenv("HANG_DISK"), F_OK) == 0) usleep(10000);
	return real(fd);
}
int accept4(int fd, struct sockaddr *a, socklen_t *l, int flags)
{
	int (*real)(int, struct sockaddr *, socklen_t *, int) =
		(int (*)(int, struct sockaddr *, socklen_t *, int))dlsym(RTLD_NEXT, "accept4");
	char name[32] = "";
	pthread_getname_np(pthread_self(), name, sizeof(name));
	while (strncmp(name, "worker", 6) == 0 && access(getenv("HANG_WORKER"), F_OK) == 0) usleep(10000);
	return real(fd, a, l, flags);
}
END
close($source);
system("cc -shared -fPIC -o $dir/hang.so $dir/hang.c") == 0 or plan skip_all => 'no compiler';

my $origin = Sluice::Origin->start('a', 'greet');
@ENV{qw(HANG_WORKER HANG_DISK)} = ("$dir/worker", "$dir/disk");
$ENV{LD_PRELOAD} = "$dir/hang.so";
my $lb = Sluice->start(state => 1, args => ['--threads', '1'], config => {
	frontends => { web => { bind => ['127.0.0.1:0'], default_backend => 'app' } },
	backends => { app => { servers => { map { ($_ => { address => $origin->address }) } 'a', 'b' } } },
});
delete $ENV{LD_PRELOAD};
my $address = $lb->address('web');
my $events = $lb->events(kind => 'session-kill');

sub hang { open(my $out, '>', "$dir/$_[0]") or die "$dir: $!\n" }
sub go_on { unlink("$dir/$_[0]") }

# The worker hangs with the next client that comes; `path` is deleted meanwhile.
sub delete_while_it_hangs {
	my ($path) = @_;
	hang('worker');
	my $newcomer = Sluice::Client->connect($address);
	my $at = time;
	my $answer = $lb->delete($path, undef, { 'X-Actor' => 'me' });
	cmp_ok time() - $at, '<', seconds(4), 'answered in time';
	go_on('worker');
	return ($answer, $newcomer);
}

my $client = $lb->connect('web');
is $client->read_line, 'a', 'a session';
my ($answer, $newcomer) = delete_while_it_hangs('/v1/sessions?backend=app');
is $answer->{status}, 503, 'DELETE of its sessions while the worker hangs';
like $answer->{json}{detail}, qr/did not answer in time/, 'says why';
ok $client->closed_within(5), 'it ends them when it goes on';
like $lb->log_line(client => $client->local_address)->{termination_state}, qr/^K/, 'K, says the log';
is_deeply [@{$events->next(5)->{data}}{qw(backend server filter cause)}], ['app', undef, { backend => 'app' },
	{ code => 'admin', detail => 'ended by an administrator', actor => 'me', reason => undef }], 'and the event says who';

$client = $lb->connect('web');
is $client->read_line, 'a', 'another session';
my ($session) = grep { $_->{client} eq $client->local_address } values %{$lb->get('/v1/sessions')->{json}};
my %other = (a => 'b', b => 'a');
my $served_by = $session->{server};
($answer, $newcomer) = delete_while_it_hangs("/v1/backends/app/servers/$served_by?force=true");
is $answer->{status}, 503, 'DELETE of its server with force while the worker hangs';
is $answer->{json}{committed}, JSON::PP::true(), 'it is stored';
ok $client->closed_within(5), 'its session ends when the worker goes on';
is $lb->log_line(client => $client->local_address)->{cause}, 'its server was removed by force', 'as asked';
is $events->next(5)->{data}{cause}{code}, 'server-removed', 'the event says so, too';
undef $newcomer;
ok becomes { !%{$lb->get('/v1/sessions')->{json} // { 1 => 1 }} } 5, 'nobody is left';

$client = $lb->connect('web');
is $client->read_line, 'a', 'a session on the other server';
hang('disk');
$answer = $lb->delete("/v1/backends/app/servers/$other{$served_by}?force=true");
is $answer->{status}, 503, 'DELETE with force while the disk hangs';
ok !defined $answer->{json}{committed}, 'nobody knows yet whether it happens';
$client->send("x\n");
go_on('disk');
ok $client->closed_within(5), 'it does, and the session ends';
is $events->next(5)->{data}{ended}, 1, 'the event says how many';
$lb->stop;
done_testing;

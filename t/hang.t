#!/usr/bin/perl
# tier: drill
#
# The disk hangs; a worker hangs. Traffic goes on, callers are told what is known, /readyz says no,
# and when it passes all is well; a process that has to end meanwhile ends.
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
static void wait_for(const char *variable) { while (access(getenv(variable), F_OK) == 0) usleep(10000); }
int fdatasync(int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	wait_for("HANG_DISK");
	return real(fd);
}
int accept4(int fd, struct sockaddr *a, socklen_t *l, int flags)
{
	int (*real)(int, struct sockaddr *, socklen_t *, int) =
		(int (*)(int, struct sockaddr *, socklen_t *, int))dlsym(RTLD_NEXT, "accept4");
	char name[32] = "";
	pthread_getname_np(pthread_self(), name, sizeof(name));
	if (strncmp(name, "worker", 6) == 0) wait_for("HANG_WORKER");
	return real(fd, a, l, flags);
}
END
close($source);
system("cc -shared -fPIC -o $dir/hang.so $dir/hang.c") == 0 or plan skip_all => 'no compiler';

@ENV{qw(HANG_DISK HANG_WORKER)} = ("$dir/disk", "$dir/worker");
sub hang { open(my $out, '>', "$dir/$_[0]") or die }
sub pass { unlink("$dir/$_[0]") }

my $origin = Sluice::Origin->start('a', 'greet');
my $members = '/v1/backends/app/servers';

sub start {
	my (@args) = @_;
	local $ENV{LD_PRELOAD} = "$dir/hang.so";
	return Sluice->start(state => 1, args => \@args, config => {
		frontends => { web => { bind => ['127.0.0.1:0'], default_backend => 'app' } },
		backends => { app => { servers => { a => { address => $origin->address } } } },
	});
}

subtest 'the disk hangs' => sub {
	my $lb = start();
	hang('disk');
	my $answer = $lb->put("$members/b", { address => $origin->address });
	is $answer->{status}, 503, 'a write is answered in the end';
	ok exists $answer->{json}{committed} && !defined $answer->{json}{committed}, 'nobody knows yet what became of it';
	is $lb->get('/readyz')->{status}, 503, '/readyz says no';
	like $lb->get('/readyz')->{text}, qr/the store has not answered/, 'and why';
	is $lb->connect('web')->read_line, 'a', 'traffic goes on';
	is $lb->get("$members/b")->{status}, 404, 'nothing of it is in force';
	pass('disk');
	becomes { $lb->get("$members/b")->{status} == 200 } 5;
	becomes { $lb->get('/readyz')->{status} == 200 } 5;
	$lb->stop;
};

subtest 'told to end while the disk hangs' => sub {
	my $lb = start();
	hang('disk');
	my $address = $lb->admin_address;
	my $writer = fork() // die;
	if (!$writer) { HTTP::Tiny->new->put("http://$address$members/b", { content => '{}' }); POSIX::_exit(0) }
	becomes { $lb->get('/v1/info')->{json}{writes}{under_way} > 0 } 5;
	my $at = time;
	$lb->kill('INT');
	select(undef, undef, undef, 0.3);
	$lb->kill('INT');
	ok defined $lb->wait_exit(seconds(5)), 'a second SIGINT ends it';
	cmp_ok time() - $at, '<', seconds(5), 'at once';
	pass('disk');
	waitpid($writer, 0);
};

subtest 'a worker hangs' => sub {
	my $lb = start('--threads', '1');
	my $address = $lb->address('web');
	hang('worker');
	my $client = Sluice::Client->connect($address);
	my $answer = $lb->patch("$members/a", { weight => 7 });
	is $answer->{status}, 503, 'a write is answered';
	is $answer->{json}{committed}, JSON::PP::true(), 'it is stored';
	is $lb->get('/readyz')->{status}, 503, '/readyz says no';
	my $at = time;
	is $lb->get('/v1/sessions')->{status}, 503, 'so are sessions that nobody tells of';
	cmp_ok time() - $at, '<', seconds(5), 'in time';
	pass('worker');
	becomes { $lb->get('/readyz')->{status} == 200 } 5;
	is $client->read_line, 'a', 'who had to wait is served';
	like $lb->stderr, qr/worker 0: a turn worked for \d+ ms, \d+ of them on traffic/, 'the log tells what was slow';
	undef $client;
	$lb->stop;
};
done_testing;

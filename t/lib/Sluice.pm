package Sluice;

=head1 NAME

Sluice - a running sluice for a story test

=head1 SYNOPSIS

	# tier: story
	use Sluice;

	my $origin = Sluice::Origin->start('a', 'greet');
	my $lb = Sluice->start(config => {
		frontends => { web => { mode => 'tcp', bind => ['127.0.0.1:0'], default_backend => 'app' } },
		backends => { app => { mode => 'tcp', servers => { a => { address => $origin->address } } } },
	});
	my $client = $lb->connect('web');
	is $client->read_line, 'a', 'the server answers';
	is $lb->patch('/v1/backends/app/servers/a', { weight => 3 })->{status}, 200, 'a patch';
	$client->close;
	is $lb->log_line(frontend => 'web')->{server}, 'a', 'and the log says who served';
	$lb->stop;
	done_testing;

C<use Sluice> brings strict, warnings, Test::More, Sluice::Client, Sluice::Origin, Sluice::Events
and the functions of Sluice::Wait. Every wait has a deadline; seconds are for a plain build and grow
by SLUICE_TEST_SLOW (t/run sets it for sanitizer builds).

The program is $SLUICE_BIN, or sluice in $SLUICE_BUILD. Whatever happens in the test, its processes
end with it and its folder under the system's temporary one is removed.

=head1 START AND STOP

=over

=item Sluice->start(%options)

Starts it and waits for its first line. Options: C<config>, a hash (written as JSON and given by -f;
without it the program starts empty) or a text taken as it is; C<args>, more arguments; C<env>,
a hash; C<state> => 1, gives it a state folder that lives as long as the object, see restart();
C<plain> => 1 leaves the config alone. Otherwise a JSON log to stdout is added where the config has
no C<global.log>, for log_line(). C<admin> is the admin address (127.0.0.1:0), '' leaves it to the
config; C<under> is a list to put before the program (strace). Dies with what it said when it does
not start.

=item Sluice->run(@args), Sluice->run({ env => ..., config => ... }, @args)

Runs the program to its end: { exit, signal, stdout, stderr }. C<config> becomes a file named by -f.

=item stop, stop($seconds), kill($signal), wait_exit($seconds), restart(%options)

stop() sends SIGTERM and is one test: exit 0 within 10 seconds, nothing from a sanitizer. kill() just
sends. wait_exit() returns the status as of $?. restart() starts a new process on the same folder,
state and (edited: C<config>) file.

=item pid, dir, file($name), write_config($hash), stdout, stderr

=back

=head1 REST

get, head, put, patch, post, delete ($path, $body, \%headers): $body is a hash or array (sent as
JSON) or a string. The answer is { status, headers, text, json }; json is undef where the body is
none. request($method, $path, $body, $headers) for all others. admin_address is "127.0.0.1:PORT".

=head1 WHAT IT SEES

=over

=item address($frontend, $index), bind_port($frontend, $index), connect($frontend)

The address that a bind really has (port 0 in the config); connect() gives a Sluice::Client.

=item log_line(%match), log_lines(%match)

log_line() waits for the next line of the JSON log that log_line() has not returned yet and whose
fields are as given (a value may be a regular expression). log_lines() is all of them until now.

=item events(%query)

A Sluice::Events reader of /v1/events.

=item rss_bytes, cpu_seconds, fd_count, thread_count

From /proc.

=back

=cut

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp ();
use HTTP::Tiny;
use JSON::PP ();
use POSIX qw(:sys_wait_h);
use Scalar::Util qw(weaken);
use Test::More ();
use Sluice::Client;
use Sluice::Events;
use Sluice::Origin;
use Sluice::Wait;

my %running;		# pid => weak reference: what END has to end
my $sanitizer_reported = 0;
my $top = $ENV{SLUICE_SOURCE} || dirname(dirname(dirname(abs_path(__FILE__))));
my $build = abs_path($ENV{SLUICE_BUILD} || "$top/build");
my $json = JSON::PP->new->canonical->utf8->allow_nonref;
my $sanitizer_report = qr/ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|: runtime error: |Assertion [`'].*failed/;

sub import {
	my $caller = caller;
	strict->import;
	warnings->import;
	eval "package $caller; use Test::More; use Sluice::Wait; 1" or die $@;
	guard();
}

# A test that hangs or is interrupted dies, so that END takes its processes with it.
sub guard {
	open(my $in, '<', $0) or return;
	my $limit = seconds((grep { defined && /^# tier: drill/ } map { scalar <$in> } 1 .. 3) ? 600 : 60);
	$limit *= 20 if ($ENV{SLUICE_DRILL} // '') eq 'long';
	my $owner = $$;
	for my $signal (qw(ALRM INT TERM HUP)) {
		$SIG{$signal} = sub {
			POSIX::_exit(1) if $$ != $owner;
			die $signal eq 'ALRM' ? "the test took more than $limit s\n" : "the test got SIG$signal\n";
		};
	}
	# a reader that left ends no test before its END; a handler, for IGNORE would pass an exec
	$SIG{PIPE} = sub { };
	alarm($limit);
}

sub binary { return $ENV{SLUICE_BIN} || "$build/sluice" }
sub source_dir { return $top }
sub build_dir { return $build }

# "no", "thread", or "address,undefined", as the build was configured.
sub sanitizers {
	open(my $in, '<', "$build/config.h") or return 'no';
	while (<$in>) {
		return $1 if /^#define SLUICE_SANITIZERS "(.*)"/;
	}
	return 'no';
}

# ThreadSanitizer's shadow memory has no room for the many random address bits of newer kernels.
sub launcher {
	return () if sanitizers() !~ /thread/;
	open(my $in, '<', '/proc/sys/vm/mmap_rnd_bits') or return ();
	return <$in> > 28 ? ('setarch', '-R') : ();
}

sub slurp {
	my ($path) = @_;
	open(my $in, '<:raw', $path) or return '';
	local $/;
	return scalar(<$in>) // '';
}

sub spew {
	my ($path, $text) = @_;
	open(my $out, '>:raw', $path) or die "$path: $!\n";
	print $out $text;
	close($out) or die "$path: $!\n";
}

sub config_text {
	my ($config, $plain) = @_;
	return $config if !ref $config;
	my %whole = %$config;
	if (!$plain && !exists(($whole{global} // {})->{log})) {
		$whole{global} = { %{$whole{global} // {}}, log => [{ target => 'stdout', format => 'json' }] };
	}
	return $json->encode(\%whole);
}

# Forks the command with its output in two files; the child dies with the test.
sub spawn {
	my ($command, $out, $err, $env) = @_;
	my $parent = $$;
	my $pid = fork() // die "fork: $!\n";
	return $pid if $pid;
	Sluice::Wait::die_with_parent($parent);
	open(STDIN, '<', '/dev/null');
	open(STDOUT, '>>', $out);
	open(STDERR, '>>', $err);
	$ENV{$_} = $env->{$_} for keys %{$env // {}};
	no warnings 'exec';
	exec(@$command) or print STDERR "$command->[0]: $!\n";
	POSIX::_exit(127);
}

sub start {
	my ($class, %option) = @_;
	my $self = bless {
		option => \%option,
		owner => $$,
		dir => File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1),
	}, $class;
	make_path($self->file('state')) if $option{state};
	$self->write_config($option{config}) if defined $option{config};
	$self->launch;
	return $self;
}

sub launch {
	my ($self) = @_;
	my $option = $self->{option};
	my @command = (launcher(), @{$option->{under} // []}, binary());
	push @command, '-f', $self->file('sluice.json') if defined $option->{config};
	push @command, '--state-dir', $self->file('state') if $option->{state};
	push @command, '--admin', $option->{admin} // '127.0.0.1:0' if ($option->{admin} // ':') ne '';
	push @command, @{$option->{args} // []};
	$self->note_report;		# of a process before this one
	spew($self->file($_), '') for 'stdout', 'stderr';
	delete $self->{exit};
	$self->{pid} = spawn(\@command, $self->file('stdout'), $self->file('stderr'), $option->{env});
	weaken($running{$self->{pid}} = $self);
	my $up = becomes { $self->stdout =~ /^admin \S+\n/m || !$self->is_alive } 15;
	if ($self->stdout !~ /^admin (\S+)\n/m) {
		my $why = !$up ? 'said no admin address' : 'ended with status ' . ($self->{exit} >> 8)
			. ($self->{exit} & 127 ? ', signal ' . ($self->{exit} & 127) : '');
		$self->end_process;
		die "sluice $why:\n" . $self->stderr;
	}
	$self->{admin} = $1;
}

sub run {
	my ($class, @args) = @_;
	my $option = ref $args[0] ? shift @args : {};
	my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
	if (defined $option->{config}) {
		spew("$dir/sluice.json", config_text($option->{config}, 1));
		unshift @args, '-f', "$dir/sluice.json";
	}
	my $pid = spawn([launcher(), binary(), @args], "$dir/out", "$dir/err", $option->{env});
	my $status;
	if (!becomes { waitpid($pid, WNOHANG) == $pid and ($status = $?, 1) } $option->{seconds} // 10) {
		kill KILL => $pid;
		waitpid($pid, 0);
		die "sluice @args did not end:\n" . slurp("$dir/err");
	}
	return { exit => $status >> 8, signal => $status & 127, stdout => slurp("$dir/out"),
		stderr => slurp("$dir/err"), dir => $dir };
}

sub pid { return $_[0]{pid} }
sub dir { return "$_[0]{dir}" }
sub file { return "$_[0]{dir}/$_[1]" }
sub stdout { return slurp($_[0]->file('stdout')) }
sub stderr { return slurp($_[0]->file('stderr')) }
sub admin_address { return $_[0]{admin} }

sub write_config {
	my ($self, $config) = @_;
	$self->{option}{config} = $config;
	spew($self->file('sluice.json'), config_text($config, $self->{option}{plain}));
}

sub is_alive {
	my ($self) = @_;
	return 0 if !$self->{pid} || defined $self->{exit};
	return 1 if waitpid($self->{pid}, WNOHANG) == 0;
	$self->{exit} = $?;
	delete $running{$self->{pid}};
	return 0;
}

sub kill {
	my ($self, $signal) = @_;
	return kill($signal => $self->{pid}) if $self->is_alive;
	return 0;
}

# The status as of $?, or undef when it is still there after that time.
sub wait_exit {
	my ($self, $seconds) = @_;
	becomes { !$self->is_alive } $seconds // 10;
	return $self->{exit};
}

sub stop {
	my ($self, $seconds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$self->kill('TERM');
	my $status = $self->wait_exit($seconds);
	my $clean = $self->stderr !~ $sanitizer_report;
	my $ok = Test::More::ok(defined $status && $status == 0 && $clean, 'sluice ends cleanly');
	if (!$ok) {
		Test::More::diag(defined $status ? "its status is $status" : 'it is still there');
		Test::More::diag($self->stderr);
		$self->end_process;
	}
	return $ok;
}

sub restart {
	my ($self, %option) = @_;
	$self->end_process;
	$self->write_config($option{config}) if defined $option{config};
	$self->{option} = { %{$self->{option}}, %option };
	$self->launch;
	return $self;
}

# End it without a test: an orderly end first, for a sanitizer's last words.
sub end_process {
	my ($self) = @_;
	return if !$self->is_alive;
	$self->kill('TERM');
	return if becomes { !$self->is_alive } 0.5;
	$self->kill('TERM');	# the second one does not wait for streams
	return if becomes { !$self->is_alive } 2;
	$self->kill('KILL');
	$self->wait_exit;
}

sub DESTROY {
	return if ${^GLOBAL_PHASE} eq 'DESTRUCT';	# END has ended it; what we would use may be gone
	my ($self) = @_;
	return if $$ != $self->{owner} || !$self->{pid};
	local ($?, $@, $!);
	$self->end_process;
	$self->note_report;
}

# A sanitizer's report that no test looked at fails the test as a whole.
sub note_report {
	my ($self) = @_;
	my $said = $self->stderr;
	return if $said !~ $sanitizer_report || $self->{reported}++;
	Test::More::diag($said);
	$sanitizer_reported = 1;
}

END {
	my $status = $?;
	for my $self (values %running) {
		next if !$self || $self->{owner} != $$;
		Test::More::diag($self->stderr) if $status;
		$self->DESTROY;
	}
	$? = $status || ($sanitizer_reported ? 1 : 0);
}

sub request {
	my ($self, $method, $path, $body, $headers) = @_;
	my %option = (headers => { %{$headers // {}} });
	if (defined $body) {
		$option{content} = ref $body ? $json->encode($body) : $body;
		$option{headers}{'Content-Type'} //= 'application/json'
			if !grep { lc eq 'content-type' } keys %{$option{headers}};
	}
	my $http = HTTP::Tiny->new(timeout => seconds(20), keep_alive => 0, max_redirect => 0);
	my $answer = $http->request($method, "http://$self->{admin}$path", \%option);
	die "$method $path: $answer->{content}" if $answer->{status} == 599;
	my $value = eval { $json->decode($answer->{content}) };
	return { status => 0 + $answer->{status}, headers => $answer->{headers},
		text => $answer->{content}, json => $value };
}

sub get { my ($self, $path, $headers) = @_; return $self->request('GET', $path, undef, $headers) }
sub head { my ($self, $path, $headers) = @_; return $self->request('HEAD', $path, undef, $headers) }
sub put { my $self = shift; return $self->request('PUT', @_) }
sub patch { my $self = shift; return $self->request('PATCH', @_) }
sub post { my $self = shift; return $self->request('POST', @_) }
sub delete { my $self = shift; return $self->request('DELETE', @_) }

sub address {
	my ($self, $frontend, $index) = @_;
	my $answer = $self->get("/v1/frontends/$frontend");
	my $bind = ($answer->{json}{status}{binds} // [])->[$index // 0];
	die "no bind in the status of frontend $frontend: $answer->{text}\n" if !$bind;
	return $bind->{address};
}

sub bind_port {
	my ($self, @which) = @_;
	my ($port) = $self->address(@which) =~ /:(\d+)$/;
	return $port;
}

sub connect {
	my ($self, @which) = @_;
	return Sluice::Client->connect($self->address(@which));
}

sub matches {
	my ($line, $match) = @_;
	for my $field (keys %$match) {
		my ($seen, $want) = ($line->{$field}, $match->{$field});
		return 0 if !defined $seen || (ref $want eq 'Regexp' ? $seen !~ $want : $seen ne $want);
	}
	return 1;
}

# Complete lines only: the last one may still be under way.
sub all_log_lines {
	my ($self) = @_;
	return map { eval { $json->decode($_) } // () } grep { /^\{/ } $self->stdout =~ /^(.*)\n/mg;
}

sub log_lines {
	my ($self, %match) = @_;
	return grep { matches($_, \%match) } $self->all_log_lines;
}

sub log_line {
	my ($self, %match) = @_;
	my $found;
	becomes {
		my @lines = $self->all_log_lines;
		for my $i (0 .. $#lines) {
			next if $self->{log_seen}{$self->{pid}}{$i} || !matches($lines[$i], \%match);
			$self->{log_seen}{$self->{pid}}{$i} = 1;
			$found = $lines[$i];
			last;
		}
		$found;
	} 5;
	Test::More::diag('no such log line: ' . $json->encode({ map { $_ => "$match{$_}" } keys %match }))
		if !$found;
	return $found // {};
}

sub events {
	my ($self, %query) = @_;
	return Sluice::Events->open($self->{admin}, %query);
}

sub proc { return slurp("/proc/$_[0]{pid}/$_[1]") }
sub rss_bytes { return $_[0]->proc('status') =~ /^VmRSS:\s+(\d+) kB/m ? $1 * 1024 : 0 }
sub thread_count { return $_[0]->proc('status') =~ /^Threads:\s+(\d+)/m ? $1 : 0 }

sub fd_count {
	my ($self) = @_;
	opendir(my $dir, "/proc/$self->{pid}/fd") or return 0;
	return scalar(grep { !/^\./ } readdir($dir));
}

sub cpu_seconds {
	my ($self) = @_;
	my @field = split ' ', $self->proc('stat') =~ s/^.*\) //r;
	return ($field[11] + $field[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

1;

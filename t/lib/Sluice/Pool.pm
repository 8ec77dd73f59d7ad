package Sluice::Pool;

=head1 NAME

Sluice::Pool - clients that stay, and clients that come and go, and what each of them saw

=head1 SYNOPSIS

	use Sluice::Pool;

	my $pool = Sluice::Pool->start('tcp', $lb->address('web'), long => 16, short => 8);
	...
	my @seen = $pool->stop;		# { from, until, local, server, bytes, end, what }

A process with that many connections at a time to servers such as Sluice::Checked's; one that ended is followed by another at once.

tcp: asks for the server's name, then sends a byte, waits for it to come back, sends the next. A short one leaves after five. Each
connection is one record: C<server>, C<bytes> that came back, C<end>: own (it left), fin, reset, or hung: a byte that did not come back within
eight seconds, which ends it.

http: a request, its answer, the next one. A short connection leaves after five. Each request is one record: C<server>, C<status>, C<end>: 'answered',
fin, reset or hung.

Times are as of Time::HiRes::time; C<local> is the client's address, as sluice logs it.

=cut

use strict;
use warnings;
use Errno qw(ECONNRESET);
use File::Temp ();
use IO::Select;
use Time::HiRes qw(sleep time);
use Sluice::Client;
use Sluice::Wait;

my $pace = 0.02;	# between two bytes, or requests, of a connection
my $hung = 8;

sub start {
	my ($class, $mode, $address, %many) = @_;
	my $self = bless { owner => $$, file => File::Temp->new(TEMPLATE => 'sluice-pool-XXXXXX', TMPDIR => 1) }, $class;
	my $parent = $$;
	$self->{pid} = fork() // die "fork: $!\n";
	if ($self->{pid} == 0) {
		eval {
			Sluice::Wait::die_with_parent($parent);
			open(my $out, '>>', "$self->{file}") or die "$self->{file}: $!\n";
			run($mode, $address, $out, %many);
			close($out);
		};
		print STDERR "pool: $@" if $@;
		POSIX::_exit($@ ? 1 : 0);
	}
	return $self;
}

# How many records there are until now.
sub count { return scalar(() = Sluice::slurp("$_[0]{file}") =~ /\n/g) }

sub stop {
	my ($self) = @_;
	my $pid = delete $self->{pid} // return;
	kill(USR1 => $pid);
	waitpid($pid, 0);
	die "the pool of clients died\n" if $?;
	my @names = qw(from until local server bytes end what);
	return map { my %record; @record{@names} = split /\t/; \%record } split /\n/, Sluice::slurp("$self->{file}");
}

sub DESTROY {
	my ($self) = @_;
	return if $$ != $self->{owner} || !$self->{pid};
	local ($?, $!);
	kill(KILL => $self->{pid});
	waitpid($self->{pid}, 0);
}

# -- in the process --

sub run {
	my ($mode, $address, $out, %many) = @_;
	my $ends = 0;
	local $SIG{USR1} = sub { $ends = 1 };
	local $SIG{ALRM} = 'DEFAULT';
	my @slots = map { { is_short => $_ > $many{long}, next => 0 } } 1 .. $many{long} + ($many{short} // 0);
	while (!$ends) {
		turn($_, $mode, $address, $out) for @slots;
		my @sockets = map { $_->{c} && $_->{waits} ? $_->{c}->socket : () } @slots;
		IO::Select->new(@sockets)->can_read($pace / 2);
	}
	# what is under way may end well
	my $until = time + 2;
	while (time < $until && (my @under_way = grep { $_->{c} && $_->{waits} } @slots)) {
		turn($_, $mode, $address, $out) for @under_way;
		IO::Select->new(map { $_->{c} ? $_->{c}->socket : () } @under_way)->can_read($pace / 2);
	}
	leave($_, 'own', $out) for grep { $_->{c} && ($mode eq 'tcp' || $_->{waits}) } @slots;
}

sub leave {
	my ($slot, $end, $out, $what) = @_;
	print $out join("\t", @$slot{qw(from now local server bytes)}, $end, $what // ''), "\n";
	$out->flush;
	(delete $slot->{c})->close;
	$slot->{next} = time + $pace;
}

sub turn {
	my ($slot, $mode, $address, $out) = @_;
	$slot->{now} = time;
	return if $slot->{now} < $slot->{next};
	if (!$slot->{c}) {
		my $c = Sluice::Client->try_connect($address);
		die "connect: $!\n" if !$c && $! != ECONNRESET;	# ended as soon as it was there
		return if !$c;
		%$slot = (%$slot, c => $c, local => $c->local_address, from => $slot->{now}, server => '', bytes => 0,
			waits => '', turns => 0);
	}
	my $c = $slot->{c};
	if (!$slot->{waits}) {
		$slot->{waits} = $mode eq 'http' ? 'an answer' : $slot->{turns} == 0 ? qr/\n/ : chr(97 + $slot->{turns} % 26);
		my $asks = $mode eq 'http' ? "GET /pool HTTP/1.1\r\nHost: pool\r\n\r\n" : $slot->{turns} == 0 ? '?' : $slot->{waits};
		$slot->{from} = $slot->{now} if $mode eq 'http';
		$slot->{asked} = $slot->{now};
		$c->send($asks);
		return;
	}
	$c->fill(0);
	$slot->{now} = time;
	if ($mode eq 'http' ? is_answer($c->buffer) : $c->buffer =~ $slot->{waits}) {
		my $text = $c->take(length $c->buffer);
		$mode eq 'http' ? on_answer($slot, $text, $out) : on_echo($slot, $text, $out);
	} elsif ($c->at_end) {
		leave($slot, $c->was_reset ? 'reset' : 'fin', $out, $c->take(length $c->buffer) =~ s/[^ -~]+/ /gr);
	} elsif ($slot->{now} - $slot->{asked} > $hung) {
		leave($slot, 'hung', $out);
	}
}

sub on_echo {
	my ($slot, $text, $out) = @_;
	$slot->{turns} == 0 ? $slot->{server} = $text =~ s/\n.*//sr : $slot->{bytes}++;
	$slot->{turns}++;
	$slot->{waits} = '';
	$slot->{next} = $slot->{now} + $pace;
	leave($slot, 'own', $out) if $slot->{is_short} && $slot->{turns} > 5;
}

# Whole: its length is told, always.
sub is_answer {
	my ($text) = @_;
	my $end = index($text, "\r\n\r\n");
	return $end >= 0 && $text =~ /^Content-Length: *(\d+)/mi && length $text >= $end + 4 + $1;
}

sub on_answer {
	my ($slot, $text, $out) = @_;
	my ($status) = $text =~ m{^HTTP/1\.\d (\d{3})};
	my ($server) = $text =~ /\r\n\r\n(?:.*\n)*?(\w+)\n\z/;
	print $out join("\t", $slot->{from}, $slot->{now}, $slot->{local}, $server // '', length $text, 'answered', $status // 'junk'), "\n";
	$slot->{turns}++;
	$slot->{waits} = '';
	$slot->{next} = $slot->{now} + $pace;
	return if $text !~ /^Connection: close/mi && !($slot->{is_short} && $slot->{turns} >= 5);
	(delete $slot->{c})->close;
}

1;

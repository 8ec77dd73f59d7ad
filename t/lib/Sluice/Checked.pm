package Sluice::Checked;

=head1 NAME

Sluice::Checked - servers that drills check, kill, stop and bring back

=head1 SYNOPSIS

	use Sluice::Checked;

	my $a = Sluice::Checked->start('a');			# answers TCP and HTTP, see t/checked.c
	my $many = Sluice::Checked->start('many', delay => 100);	# HTTP answers 100 ms later
	... servers => { a => { address => $a->address }, m1 => { address => $many->address('127.1.0.1') } }
	$a->die;		# SIGKILL: connections end, new ones are refused; nobody else gets its port
	$a->start;		# the same again
	$a->pause;		# SIGSTOP: connections stay, and the kernel takes new ones, but nothing answers
	$a->resume;
	$a->accepted; $a->current; $a->requests;
	$a->asking_max;		# who waited for a delayed answer at the same time
	my @ticks = $a->ticks;		# connections accepted in each 100 ms since it was started first
	my ($accepted, $last_ms, $gap_min_ms, $gap_max_ms) = $a->place('127.1.0.1');
	$a->forget;		# asking_max and gaps begin anew

Each is a process that listens on all of 127/8, on a port of its own.

=cut

use strict;
use warnings;
use File::Temp ();
use IO::Socket::IP;
use Scalar::Util qw(weaken);
use Socket qw(INADDR_ANY SOCK_STREAM inet_aton pack_sockaddr_in unpack_sockaddr_in SOL_SOCKET SO_REUSEADDR PF_INET);
use Time::HiRes ();
use Sluice::Wait;

my ($ticks, $place_bytes) = (6000, 16);
my $ticks_at = 6 * 8;
my $places_at = $ticks_at + 4 * $ticks;
my %running;		# pid => weak reference

sub start {
	my ($self, $name, %option) = @_;
	if (!ref $self) {
		$self = bless { name => $name, owner => $$, option => \%option,
			dir => File::Temp->newdir('sluice-checked-XXXXXX', TMPDIR => 1) }, $self;
		$self->hold_port;
	}
	return $self if $self->{pid};
	Sluice::spew($self->file('out'), '');
	$self->{pid} = Sluice::spawn([Sluice::build_dir() . '/t/checked', '--counts', $self->file('counts'), '--name', $self->{name},
		'--listen', "0.0.0.0:$self->{port}", '--delay', $self->{option}{delay} // 0], $self->file('out'), $self->file('err'));
	weaken($running{$self->{pid}} = $self);
	wait_until { Sluice::slurp($self->file('out')) =~ /^port \d+\n/ } 10, "server $self->{name}: " . Sluice::slurp($self->file('err'));
	return $self;
}

# Bound and never listening: while the process is dead, connections are refused and nobody else gets the port.
sub hold_port {
	my ($self) = @_;
	socket(my $socket, PF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
	setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1) or die "SO_REUSEADDR: $!\n";
	bind($socket, pack_sockaddr_in(0, INADDR_ANY)) or die "bind: $!\n";
	($self->{port}) = unpack_sockaddr_in(getsockname($socket));
	$self->{held} = $socket;
}

sub name { return $_[0]{name} }
sub port { return $_[0]{port} }
sub pid { return $_[0]{pid} }
sub file { return "$_[0]{dir}/$_[1]" }
sub address { my ($self, $ip) = @_; return ($ip // '127.0.0.1') . ":$self->{port}" }

sub die {
	my ($self) = @_;
	my $pid = delete $self->{pid} // return $self;
	delete $running{$pid};
	local ($?, $!);
	kill(KILL => $pid);
	waitpid($pid, 0);
	return $self;
}

sub pause { my ($self) = @_; kill(STOP => $self->{pid}); return $self }
sub resume { my ($self) = @_; kill(CONT => $self->{pid}); return $self }

# -- what it counted --

sub counts {
	my ($self, $at, $bytes) = @_;
	open(my $in, '<:raw', $self->file('counts')) or CORE::die "counts: $!\n";
	sysseek($in, $at, 0);
	sysread($in, my $some, $bytes) == $bytes or CORE::die "counts: short\n";
	return $some;
}

sub number { my ($self, $index) = @_; return unpack('Q', $self->counts(8 * $index, 8)) }
sub accepted { return $_[0]->number(0) }
sub current { return $_[0]->number(1) }
sub requests { return $_[0]->number(2) }
sub asking_max { return $_[0]->number(4) }
sub began_ms { return $_[0]->number(5) }
sub ticks { return unpack('L*', $_[0]->counts($ticks_at, 4 * $ticks)) }

# The tick that is counted now; it and those before it are over when this has grown.
sub tick {
	my ($self) = @_;
	return int((Time::HiRes::clock_gettime(Time::HiRes::CLOCK_MONOTONIC()) * 1000 - $self->began_ms) / 100);
}

sub place_at { my ($ip) = @_; return $places_at + $place_bytes * unpack('n', substr(inet_aton($ip), 2)) }
sub place { my ($self, $ip) = @_; return unpack('L4', $self->counts(place_at($ip), $place_bytes)) }

# Of many at once: a reference to an array for each address.
sub places {
	my ($self, @ips) = @_;
	my $all = $self->counts($places_at, $place_bytes * 65536);
	return map { [unpack('L4', substr($all, place_at($_) - $places_at, $place_bytes))] } @ips;
}

sub forget {
	my ($self) = @_;
	open(my $out, '+<:raw', $self->file('counts')) or CORE::die "counts: $!\n";
	sysseek($out, 32, 0);
	syswrite($out, "\0" x 8);
	sysseek($out, $places_at, 0);
	syswrite($out, "\0" x ($place_bytes * 65536));
	return $self;
}

sub DESTROY {
	my ($self) = @_;
	return if $$ != $self->{owner};
	$self->die;
}

END {
	for my $self (values %running) {
		$self->die if $self && $self->{owner} == $$;
	}
}

1;

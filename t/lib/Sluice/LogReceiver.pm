package Sluice::LogReceiver;

=head1 NAME

Sluice::LogReceiver - a syslog server that keeps what it gets

=head1 SYNOPSIS

	my $server = Sluice::LogReceiver->new('tcp');	# or udp; or unix => $path
	... { target => $server->target } ...
	ok becomes { $server->messages == 3 } 5, 'three lines';
	is +($server->messages)[0], '<134>...', 'as they came, without the end of line';

It reads when it is asked, so one that is not asked is one that does not read. C<stop> closes it, C<start>
opens it again at the same address. TCP messages must be octet-counted (RFC 6587); what is not goes to
C<faults>. C<connections> counts those that were accepted; drop_clients() closes them.

=cut

use strict;
use warnings;
use IO::Select;
use IO::Socket::IP;
use IO::Socket::UNIX;
use Socket qw(SOCK_DGRAM SOL_SOCKET SO_RCVBUF);

sub new {
	my ($class, $kind, $path) = @_;
	my $self = bless { kind => $kind, path => $path, port => 0, messages => [], faults => [], connections => 0 }, $class;
	return $self->start;
}

sub start {
	my ($self) = @_;
	my %local = (LocalHost => '127.0.0.1', LocalPort => $self->{port}, ReuseAddr => 1);
	if ($self->{kind} eq 'unix') {
		unlink $self->{path};
		$self->{socket} = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $self->{path});
	} elsif ($self->{kind} eq 'udp') {
		$self->{socket} = IO::Socket::IP->new(Proto => 'udp', %local);
	} else {
		$self->{socket} = IO::Socket::IP->new(Proto => 'tcp', Listen => 5, %local);
		setsockopt($self->{socket}, SOL_SOCKET, SO_RCVBUF, pack('i', 65536)) if $self->{socket};
	}
	$self->{socket} or die "a syslog server by $self->{kind}: $@ $!\n";
	$self->{socket}->blocking(0);
	$self->{port} = $self->{socket}->sockport if $self->{kind} ne 'unix';
	return $self;
}

sub stop {
	my ($self) = @_;
	delete @$self{qw(socket clients)};
	unlink $self->{path} if $self->{kind} eq 'unix';
}

sub target { return $_[0]{kind} eq 'unix' ? "unix:$_[0]{path}" : "$_[0]{kind}:127.0.0.1:$_[0]{port}" }
sub port { return $_[0]{port} }
sub drop_clients { $_[0]->messages; delete $_[0]{clients} }
sub connections { return $_[0]{connections} }
sub faults { $_[0]->messages; return @{$_[0]{faults}} }

sub read_datagrams {
	my ($self) = @_;
	while (defined recv($self->{socket}, my $message, 65536, 0)) {
		push @{$self->{faults}}, $message if $message !~ s/\n\z//;
		push @{$self->{messages}}, $message;
	}
}

sub accept_all {
	my ($self) = @_;
	while (my $conn = $self->{socket}->accept) {
		$conn->blocking(0);
		push @{$self->{clients}}, { socket => $conn, buffer => '' };
		$self->{connections}++;
	}
}

sub read_client {
	my ($self, $client) = @_;
	my $buffer = \$client->{buffer};
	1 while sysread($client->{socket}, $$buffer, 1 << 20, length $$buffer);
	while ($$buffer =~ /\A([1-9]\d*) /) {
		my $start = $+[0];
		last if length($$buffer) < $start + $1;
		push @{$self->{messages}}, substr($$buffer, $start, $1);
		substr($$buffer, 0, $start + $1) = '';
	}
	push @{$self->{faults}}, $$buffer if $$buffer !~ /\A(?:[1-9]\d*(?: .*)?)?\z/s;
}

# All that came so far.
sub messages {
	my ($self) = @_;
	return @{$self->{messages}} if !$self->{socket};
	if ($self->{kind} ne 'tcp') {
		$self->read_datagrams;
	} else {
		$self->accept_all;
		$self->read_client($_) for @{$self->{clients}};
	}
	return @{$self->{messages}};
}

# And take them away.
sub take {
	my ($self) = @_;
	my @messages = $self->messages;
	$self->{messages} = [];
	return @messages;
}

1;

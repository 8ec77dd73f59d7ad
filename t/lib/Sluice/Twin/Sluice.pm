package Sluice::Twin::Sluice;

=head1 NAME

Sluice::Twin::Sluice - a scene of Sluice::Twin in sluice

=cut

use strict;
use warnings;
use parent -norequire, 'Sluice::Twin';
use JSON::PP ();
use Sluice;
use Sluice::Wait;

my $true = JSON::PP::true;

sub whole {
	my ($self, $options) = @_;
	return { map { ($_ => Sluice::Twin::is_switch($_) ? ($options->{$_} ? $true : JSON::PP::false) : $self->number($_, $options->{$_})) } keys %$options };
}

# What the schema has as a number is one.
sub number {
	my ($self, $key, $value) = @_;
	$value = $self->filled($value);
	return $key =~ /^(?:rise|fall|weight|maxconn|error_limit|check_port|agent_port|port|weight_percent|min_recv)$/ ? 0 + $value : $value;
}

sub check_of {
	my ($self, $check) = @_;
	my %check = %$check;
	$check{steps} = [map { $self->whole($_) } @{$check{steps}}] if $check{steps};
	$check{disable_on_404} = $true if $check{disable_on_404};
	if ($check{expect}) {
		$check{expect} = { %{$check{expect}} };
		$check{expect}{negate} = $true if $check{expect}{negate};
	}
	return \%check;
}

sub config {
	my ($self) = @_;
	my $scene = $self->{scene};
	my %config = (global => { threads => $scene->{threads} // 1, maxconn => 1000 }, defaults => { mode => $self->{mode} });
	for my $pair (Sluice::Twin::backends($scene)) {
		my ($name, $backend) = @$pair;
		my %options = @{$backend->{servers}};
		my %whole = map { ($_ => $backend->{$_}) } grep { $_ !~ /^(?:servers|check|default_server)$/ } keys %$backend;
		$whole{$_} = $whole{$_} ? $true : JSON::PP::false for grep { exists $whole{$_} } qw(allbackups redispatch);
		$whole{retries} //= 0;
		$whole{timeout} = { client => undef, server => '20s', connect => '5s', %{$whole{timeout} // {}} };
		delete $whole{timeout}{client};
		$whole{log_health_checks} = $true;
		$whole{check} = $self->check_of($backend->{check}) if $backend->{check};
		$whole{default_server} = $self->whole($backend->{default_server}) if $backend->{default_server};
		my $id = 0;
		$whole{servers} = { map { ($_ => { id => ++$id, address => $self->{farm}->address($_), %{$self->whole($options{$_})} }) } Sluice::Twin::names_of($backend->{servers}) };
		$config{backends}{$name} = \%whole;
		$config{frontends}{$name} = { bind => ['127.0.0.1:0'], default_backend => $name, timeout => { client => '20s' } };
	}
	return \%config;
}

sub launch {
	my ($self) = @_;
	$self->{lb} = Sluice->start(config => $self->config);
	$self->{story} = [];
}

sub finish { my ($self) = @_; delete $self->{lb} }
sub said { my ($self) = @_; return JSON::PP->new->canonical->pretty->encode($self->config) . $self->{lb}->stderr . $self->{lb}->stdout }
sub address { my ($self, $backend) = @_; return $self->{address}{$backend} //= $self->{lb}->address($backend) }

sub row {
	my ($self, $which) = @_;
	my ($server, $backend) = reverse split m{/}, $which;
	my $answer = $self->{lb}->get('/v1/backends/' . ($backend // 'app') . "/servers/$server");
	my $status = $answer->{json}{status} // die "sluice has no server $which: $answer->{text}\n";
	my $check = $status->{check} // {};
	return { state => state_words($answer->{json}, $status), check => $check->{result} // 'none', code => $check->{code} // 0,
		weight => $status->{effective_weight}, agent => $status->{agent}{result} // '', status => $status };
}

# In HAProxy's words. It shows a weight of 0 beside UP, and a server with nothing but an agent as not checked.
sub state_words {
	my ($server, $status) = @_;
	my ($state, $health) = @$status{qw(state health)};
	return 'MAINT' if $state eq 'maint';
	return 'no check' if $state eq 'no_check' || $state =~ /^(?:up|drain)$/ && $health->{result} eq 'none' && $status->{admin}{effective} eq 'ready';
	return 'DRAIN' if $state eq 'drain' && $status->{admin}{effective} eq 'drain';
	my $up = { stopping => 'NOLB', up => 'UP', starting => 'UP', drain => 'UP' }->{$state};
	return $up . ($health->{fall} ? ' ' . ($server->{fall} - $health->{fall}) . "/$server->{fall}" : '') if $up;
	return 'DOWN' . ($health->{result} eq 'down' && $health->{rise} ? " $health->{rise}/$server->{rise}" : '') if $state eq 'down';
	return uc $state;
}

sub actives {
	my ($self, $backend) = @_;
	my $servers = $self->{lb}->get('/v1/backends/' . ($backend // 'app'))->{json}{status}{servers};
	return "$servers->{usable_active}+" . ($servers->{usable} - $servers->{usable_active});
}

sub queued { my ($self) = @_; return $self->{lb}->get('/v1/backends/app')->{json}{status}{sessions}{queue} }

sub patch {
	my ($self, $which, $body) = @_;
	my ($server, $backend) = reverse split m{/}, $which;
	my $answer = $self->{lb}->patch('/v1/backends/' . ($backend // 'app') . "/servers/$server", $body);
	die "PATCH $which: $answer->{text}\n" if $answer->{status} != 200;
}

sub admin { my ($self, $server, $state) = @_; $self->patch($server, { admin_state => $state }) }
sub set_weight { my ($self, $server, $weight) = @_; $self->patch($server, $weight =~ /^(\d+)%$/ ? { weight_percent => 0 + $1 } : { weight => 0 + $weight, weight_percent => 100 }) }

# Without the time and the level.
sub log_text { my ($self) = @_; return $self->{lb}->stderr =~ s/^\S+ (?:\w+) //mgr }

sub ended {
	my ($self, $client, $which) = @_;
	my $address = $client->{was} // $client->local_address;
	my @found;
	becomes { @found = $self->{lb}->log_lines(client => $address); @found > ($which // 0) } 10;
	return 'no line' if @found <= ($which // 0);
	my $line = $found[$which // 0];
	my $retries = ($line->{redispatched} ? '+' : '') . ($line->{retries} // 0);
	my $server = $line->{server} // '<NOSRV>';
	my $letters = substr $line->{termination_state}, 0, 2;
	return "$letters $server " . ($line->{status} // -1) . " $retries" if $self->{mode} eq 'http';
	return "$letters $server $retries";
}

1;

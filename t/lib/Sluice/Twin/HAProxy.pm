package Sluice::Twin::HAProxy;

=head1 NAME

Sluice::Twin::HAProxy - a scene of Sluice::Twin in HAProxy: its configuration in HAProxy's words, and what its statistics and log say

=cut

use strict;
use warnings;
use parent -norequire, 'Sluice::Twin';
use Fcntl qw(F_SETFD);
use IO::Socket::IP;
use IO::Socket::UNIX;
use Sluice;
use Sluice::Client;
use Sluice::Wait;

my %running;
my $owner = $$;

END {
	if ($$ == $owner) {
		local $?;
		kill(KILL => $_) && waitpid($_, 0) for keys %running;
	}
}

my %theirs = (check_port => 'port', check_addr => 'addr');

sub option_words {
	my ($self, $options) = @_;
	my @words;
	for my $key (sort keys %$options) {
		next if $options->{$key} eq 'none';
		my $word = ($theirs{$key} // $key) =~ s/_/-/gr;
		if (Sluice::Twin::is_switch($key)) {
			push @words, $options->{$key} ? $word : "no-$word";
		} else {
			push @words, $word, $self->filled($options->{$key});
		}
	}
	return join ' ', @words;
}

sub quoted { return '"' . ($_[0] =~ s/(["\\\$])/\\$1/gr =~ s/\r/\\r/gr =~ s/\n/\\n/gr) . '"' }

sub expect_words {
	my ($expect) = @_;
	my ($kind) = grep { exists $expect->{$_} } qw(status rstatus string rstring binary rbinary header);
	my $value = $expect->{$kind};
	my $more = join '', map { exists $expect->{$_} ? ($_ =~ s/_/-/r) . " $expect->{$_} " : '' } qw(min_recv ok_status error_status tout_status);
	return "${more}hdr name $value->{name}" . (defined $value->{value} ? ' value ' . ($value->{match} ? "-m $value->{match} " : '') . quoted($value->{value}) : '')
		if $kind eq 'header';
	return $more . ($expect->{negate} ? '! ' : '') . "$kind " . quoted($value);
}

sub check_lines {
	my ($self, $check) = @_;
	my $type = $check->{type} // 'tcp';
	return ("option redis-check") if $type eq 'redis';
	return ("option smtpchk" . ($check->{hello} ? " $check->{hello} $check->{domain}" : '')) if $type eq 'smtp';
	my @lines = $type eq 'http' ? ('option httpchk' . (join '', map { defined $check->{$_} ? " $check->{$_}" : () } qw(method uri version)))
		: $check->{steps} ? ('option tcp-check') : ();
	my $word = $type eq 'http' ? 'http-check' : 'tcp-check';
	push @lines, 'http-check send' . join('', map { " hdr $_->{name} " . quoted($_->{value}) } @{$check->{headers} // []})
		. (defined $check->{body} ? ' body ' . quoted($check->{body}) : '') if $check->{headers} || defined $check->{body};
	push @lines, "http-check expect " . expect_words($check->{expect}) if $check->{expect};
	push @lines, 'http-check disable-on-404' if $check->{disable_on_404};
	for my $step (@{$check->{steps} // []}) {
		my $does = $step->{action};
		push @lines, "$word connect" . ($step->{port} ? ' port ' . $self->filled($step->{port}) : '') if $does eq 'connect';
		push @lines, $type eq 'tcp' ? "$word send " . quoted($step->{data}) : "$word send" . join('', map { " $_->[0] $step->{$_->[1]}" } grep { defined $step->{$_->[1]} } ['meth', 'method'], ['uri', 'uri'], ['ver', 'version']) if $does eq 'send';
		push @lines, "$word send-binary $step->{hex}" if $does eq 'send-binary';
		push @lines, "$word expect " . expect_words($step) if $does eq 'expect';
	}
	return @lines;
}

sub config {
	my ($self) = @_;
	my $scene = $self->{scene};
	my $text = "global\n\tmaxconn 1000\n\tnbthread 1\n\tstats socket unix\@$self->{dir}/stats level admin\n" . join('', map { "\t$_\n" } @{$scene->{global} // []})
		. "defaults\n\tmode $self->{mode}\n\toption ${\ ($self->{mode} eq 'tcp' ? 'tcplog' : 'httplog')}\n\toption log-health-checks\n\tlog stdout format raw local0\n\tbalance roundrobin\n"
		. "\ttimeout client 20s\n\ttimeout server 20s\n\ttimeout connect 5s\n";
	for my $pair (Sluice::Twin::backends($scene)) {
		my ($name, $backend) = @$pair;
		my $socket = $self->{socket}{$name} = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 128) // die "listen: $!\n";
		fcntl($socket, F_SETFD, 0);
		$text .= "frontend $name\n\tbind fd\@" . fileno($socket) . "\n\tdefault_backend $name\nbackend $name\n";
		$text .= "\t$_\n" for $self->check_lines($backend->{check} // {});
		$text .= "\tretries " . ($backend->{retries} // 0) . "\n" . ($backend->{redispatch} ? "\toption redispatch\n" : '') . ($backend->{allbackups} ? "\toption allbackups\n" : '');
		$text .= "\ttimeout " . s/_/-/gr . " $backend->{timeout}{$_}\n" for sort keys %{$backend->{timeout} // {}};
		$text .= "\tbalance $backend->{balance}\n" if $backend->{balance};
		$text .= "\tdefault-server " . $self->option_words($backend->{default_server}) . "\n" if $backend->{default_server};
		my %options = @{$backend->{servers}};
		for my $server (Sluice::Twin::names_of($backend->{servers})) {
			$text .= "\tserver $server " . $self->{farm}->address($server) . ' ' . $self->option_words($options{$server}) . "\n";
		}
	}
	return $text;
}

sub launch {
	my ($self) = @_;
	my $dir = $self->{dir};
	Sluice::spew("$dir/haproxy.cfg", $self->config);
	$self->{pid} = Sluice::spawn(['haproxy', '-db', '-f', "$dir/haproxy.cfg"], "$dir/log", "$dir/errors");
	$running{$self->{pid}} = 1;
	becomes { -S "$dir/stats" && IO::Socket::UNIX->new(Peer => "$dir/stats") || waitpid($self->{pid}, 1) } 10;
	die 'HAProxy does not start: ' . Sluice::slurp("$dir/errors") if !-S "$dir/stats";
}

sub finish {
	my ($self) = @_;
	my $pid = delete $self->{pid} // return;
	kill(KILL => $pid);
	waitpid($pid, 0);
	delete $running{$pid};
	$_->close for values %{delete $self->{socket}};
}

sub said { my ($self) = @_; return Sluice::slurp("$self->{dir}/haproxy.cfg") . Sluice::slurp("$self->{dir}/errors") . Sluice::slurp("$self->{dir}/log") }
sub address { my ($self, $backend) = @_; return '127.0.0.1:' . $self->{socket}{$backend}->sockport }

sub says {
	my ($self, $command) = @_;
	my $c = Sluice::Client->connect("unix:$self->{dir}/stats");
	$c->send("$command\n");
	return $c->read_all =~ s/\n+\z/\n/r;
}

sub rows {
	my ($self) = @_;
	my ($head, @lines) = grep { /,/ } split /\n/, $self->says('show stat');
	my @names = split /,/, $head =~ s/^# //r;
	return map { my %row; @row{@names} = split /,/, $_, -1; \%row } @lines;
}

sub row {
	my ($self, $which) = @_;
	my ($server, $backend) = reverse split m{/}, $which;
	my ($row) = grep { $_->{svname} eq $server && $_->{pxname} eq ($backend // 'app') } $self->rows;
	die "HAProxy has no server $which\n" if !$row;
	# "* ": one is under way, and the code is that one's; "(via app/a)", "(agent)": who says so; DRAIN has no counts elsewhere either
	my ($under_way, $result) = $row->{check_status} =~ /^(\* )?(.*)/;
	return { state => $row->{status} =~ s/ \(.*\)//r =~ s/^DRAIN .*/DRAIN/r, check => $result || 'none', code => $under_way ? undef : $row->{check_code} || 0, health => "$row->{check_health}",
		weight => $row->{weight}, throttle => $row->{throttle}, agent => ($row->{agent_status} // '') =~ s/^\* //r, is_active => $row->{act}, is_backup => $row->{bck}, row => $row };
}

sub actives {
	my ($self, $backend) = @_;
	my ($row) = grep { $_->{svname} eq 'BACKEND' && $_->{pxname} eq ($backend // 'app') } $self->rows;
	return "$row->{act}+$row->{bck}";
}

sub queued {
	my ($self) = @_;
	my $sum = 0;
	$sum += $_->{qcur} || 0 for grep { $_->{pxname} eq 'app' && $_->{svname} ne 'FRONTEND' } $self->rows;
	return $sum;
}

sub named { return $_[0] =~ m{/} ? $_[0] : "app/$_[0]" }
sub admin { my ($self, $server, $state) = @_; $self->says('set server ' . named($server) . " state $state") }
sub set_weight { my ($self, $server, $weight) = @_; $self->says('set server ' . named($server) . " weight $weight") }

sub log_text { my ($self) = @_; return Sluice::slurp("$self->{dir}/log") }

sub lines { my ($self) = @_; return grep { !/^(?:Backup |)(?:Server|Health)/ } split /\n/, $self->log_text }

# "CD a 503": of the client's one exchange.
sub ended {
	my ($self, $client, $which) = @_;
	my $address = $client->{was} // $client->local_address;
	my @found;
	becomes { @found = grep { /^\Q$address\E / } $self->lines; @found > ($which // 0) } 10;
	return 'no line' if @found <= ($which // 0);
	my $line = $found[$which // 0];
	return "$4 $1 $2 $5" if $self->{mode} eq 'http' && $line =~ m{^\S+ \[.*?\] \S+ \w+/(\S+) \S+ (-?\d+) (\+?\d+) \S+ \S+ (\S\S)\S\S \d+/\d+/\d+/\d+/(\+?\d+) };
	return "$2 $1 $3" if $line =~ m{^\S+ \[.*?\] \S+ \w+/(\S+) \S+ \+?\d+ (\S\S) \d+/\d+/\d+/\d+/(\+?\d+) };
	return "not understood: $line";
}

1;

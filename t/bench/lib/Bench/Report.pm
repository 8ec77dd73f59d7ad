package Bench::Report;

# From rounds to a table: medians, ratios, and what --check says about them.
#
# A ratio is the median of the ratios within each round, not the ratio of two medians: what slows a
# whole round down cancels out of it.

use strict;
use warnings;
use List::Util qw(max min sum0);

sub median {
	my @sorted = sort { $a <=> $b } grep { defined } @_;
	return undef if !@sorted;
	return $sorted[$#sorted / 2] if @sorted % 2;
	return ($sorted[@sorted / 2 - 1] + $sorted[@sorted / 2]) / 2;
}

# $rounds: [ { name => { cost, ... }, ... }, ... ]. The median of cost($name) / cost($base).
sub ratio {
	my ($rounds, $name, $base) = @_;
	return median(map { $_->{$name}{cost} / $_->{$base}{cost} }
		grep { $_->{$name}{cost} && $_->{$base}{cost} } @$rounds);
}

# { name => { cost, user, system, per_second, ..., vs_peer, vs_haproxy, vs_floor, spread, errors, rounds } }
sub summarize {
	my ($rounds, $extra, %floor) = @_;
	my %summary;
	for my $name (keys %{$rounds->[0]}) {
		my @mine = map { $_->{$name} } @$rounds;
		my %s = (rounds => [map { $_->{cost} } @mine], %{$extra->{$name} || {}});
		for my $field (grep { $_ ne 'errors' } keys %{$mine[0]}) {
			$s{$field} = median(map { $_->{$field} } @mine);
		}
		# sampled every few ms: only all rounds together are many samples
		my ($user, $system) = map { my $f = $_; sum0(map { $_->{$f} // 0 } @mine) } qw(user_ticks system_ticks);
		delete @s{qw(user_ticks system_ticks)};
		@s{qw(user system)} = map { $s{cost} * $_ / ($user + $system) } $user, $system if $user + $system;
		$s{errors} = 0;
		$s{errors} += $_->{errors} || 0 for @mine;
		$s{spread} = $s{cost} ? (max(@{$s{rounds}}) - min(@{$s{rounds}})) / $s{cost} : 0;
		$summary{$name} = \%s;
	}
	my ($peer) = sort { $summary{$a}{cost} <=> $summary{$b}{cost} }
		grep { !$floor{$_} && !/^sluice/ } keys %summary;
	for my $name (keys %summary) {
		$summary{$name}{vs_peer} = ratio($rounds, $name, $peer) if $peer;
		$summary{$name}{vs_haproxy} = ratio($rounds, $name, 'haproxy') if $summary{haproxy};
		$summary{$name}{vs_floor} = ratio($rounds, $name, 'floor') if $summary{floor};
		$summary{$name}{vs_silent} = ratio($rounds, $name, 'sluice-silent') if $summary{'sluice-silent'};
	}
	return \%summary;
}

# A number in three or four digits, whatever its size.
sub short {
	my ($n) = @_;
	return '-' if !defined $n;
	return sprintf($n >= 1000 ? '%.0f' : $n >= 100 ? '%.1f' : '%.2f', $n);
}

my @columns = (
	# heading ("UNIT": what a unit costs), field, format
	['COST', 'cost', \&short],
	['user', 'user', \&short],
	['system', 'system', \&short],
	['x peer', 'vs_peer', \&short],
	['x haproxy', 'vs_haproxy', \&short],
	['x floor', 'vs_floor', \&short],
	['x silent', 'vs_silent', \&short],
	['spread', 'spread', sub { sprintf('%.0f%%', 100 * $_[0]) }],
	['busy', 'busy', sub { sprintf('%.0f%%', 100 * $_[0]) }],
	['worst turn ms', 'turn_ms', \&short],
	['waited', 'waited', sub { sprintf('%.0f%%', 100 * $_[0]) }],
	['RATE', 'rate', \&short],
	['p50 us', 'p50_us', \&short],
	['p99 us', 'p99_us', \&short],
	['p99.9 us', 'p999_us', \&short],
	['syscalls', 'syscalls', \&short],
	['errors', 'errors', sub { $_[0] }],
);

# The table of a mode: a line a proxy, the cheapest first, only columns that have something to say.
sub table {
	my ($mode, $summary) = @_;
	my @names = sort { $summary->{$a}{cost} <=> $summary->{$b}{cost} } keys %$summary;
	my @used = grep { my $f = $_->[1]; grep { defined $summary->{$_}{$f} } @names } @columns;
	my @rows = (['', map { $_->[0] eq 'COST' ? $mode->{cost} : $_->[0] eq 'RATE' ? $mode->{rate} : $_->[0] } @used]);
	for my $name (@names) {
		push(@rows, [$name, map {
			my $value = $summary->{$name}{$_->[1]};
			defined $value ? $_->[2]->($value) : '-';
		} @used]);
	}
	my @width = map { my $i = $_; max(map { length($_->[$i]) } @rows) } 0 .. $#{$rows[0]};
	return join('', map {
		my $row = $_;
		join('  ', map { sprintf($_ ? '%*s' : '%-*s', $width[$_], $row->[$_]) } 0 .. $#$row) . "\n";
	} @rows);
}

# The system calls that one unit costs, the most frequent first: "epoll_wait 0.31, recvfrom 2.00".
sub syscalls_line {
	my ($calls, $units) = @_;
	return join(', ', map { sprintf('%s %.2f', $_, $calls->{$_} / $units) }
		sort { $calls->{$b} <=> $calls->{$a} || $a cmp $b }
		grep { $calls->{$_} / $units >= 0.005 } keys %$calls);
}

# What is allowed in a mode: [field of a summary, the most it may be, in words]. `goal` of a mode is what was
# promised, `silent_goal` what a log may cost; where nothing was, sluice costs no more than HAProxy.
sub limit {
	my ($mode, $tolerance) = @_;
	my $goal = $mode->{goal};
	return ['cost', $goal, "$mode->{cost} through sluice"] if defined $goal && !$mode->{per_unit};
	return ['vs_silent', $mode->{silent_goal}, 'times the CPU of sluice without a log'] if $mode->{silent_goal};
	return ['vs_peer', $goal, 'times the CPU of the best peer'] if defined $goal;
	return ['vs_haproxy', 1 + $tolerance, 'times the CPU of haproxy'];
}

# What --check has against these results: sentences, none when all is well.
sub complaints {
	my ($modes, $results, $tolerance) = @_;
	my @complaints;
	for my $mode (grep { $_->{checked} } @$modes) {
		my ($field, $most, $words) = @{limit($mode, $tolerance)};
		my $s = $results->{$mode->{name}}{sluice};
		if (!$s || !defined $s->{$field}) {
			push(@complaints, "$mode->{name}: sluice and those to compare with were not all measured");
			next;
		}
		push(@complaints, "$mode->{name}: $s->{errors} errors through sluice") if $s->{errors};
		push(@complaints, sprintf('%s: %s %s, %s allowed', $mode->{name}, short($s->{$field}), $words, short($most)))
			if $s->{$field} > $most;
		push(@complaints, sprintf('%s: %s of a core, %s allowed', $mode->{name}, map { short($_) } $s->{busy}, $mode->{busy_goal}))
			if $mode->{busy_goal} && $s->{busy} > $mode->{busy_goal};
		push(@complaints, sprintf('%s: a turn of %s ms, %s allowed', $mode->{name}, map { short($_) } $s->{turn_ms}, $mode->{turn_goal}))
			if $mode->{turn_goal} && $s->{turn_ms} > $mode->{turn_goal};
	}
	return @complaints;
}

1;

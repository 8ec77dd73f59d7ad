package Sluice::Wait;

=head1 NAME

Sluice::Wait - wait for a condition, never for a time

=head1 SYNOPSIS

	wait_until { $origin->accepted == 3 } 5, 'three connections';	# dies after 5 s
	ok becomes { -e $file } 5, 'the file appears';			# false after 5 s
	my $deadline = time + seconds(5);

Seconds are those of a plain build; seconds() multiplies them by SLUICE_TEST_SLOW.

=cut

use strict;
use warnings;
use Exporter 'import';
use POSIX ();
use Time::HiRes qw(time sleep);

our @EXPORT = qw(becomes seconds wait_until);

sub seconds {
	my ($seconds) = @_;
	return $seconds * ($ENV{SLUICE_TEST_SLOW} || 1);
}

# The condition's value as soon as it is true; what it is at the deadline otherwise.
sub becomes(&$;$) {
	my ($condition, $seconds) = @_;
	my $deadline = time + seconds($seconds);
	my $pause = 0.002;
	while (1) {
		my $late = time > $deadline;
		my $value = $condition->();
		return $value if $value || $late;
		sleep($pause);
		$pause *= 1.5 if $pause < 0.05;
	}
}

sub wait_until(&$;$) {
	my ($condition, $seconds, $what) = @_;
	my $value = &becomes($condition, $seconds);
	return $value if $value;
	my (undef, $file, $line) = caller;
	die sprintf("waited %s s in vain for %s at %s line %d\n", seconds($seconds),
		$what // 'a condition', $file, $line);
}

# A forked process ends with its parent even where that is killed (Linux, prctl 1).
my %prctl = (x86_64 => 157, aarch64 => 167, riscv64 => 167);

sub die_with_parent {
	my ($parent) = @_;
	my $machine = (POSIX::uname())[4];
	syscall($prctl{$machine}, 1, POSIX::SIGTERM(), 0, 0, 0) if $prctl{$machine};
	POSIX::_exit(1) if getppid() != $parent;	# it was gone before we asked
}

1;

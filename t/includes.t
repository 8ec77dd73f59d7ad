#!/usr/bin/perl
# tier: unit
# Includes point down (STYLE.md, 1): a room that includes one above it, or a library that belongs to
# another room, is a design mistake that no compiler sees.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Find;
use Test::More;

chdir(dirname(dirname(abs_path($0)))) or die "$!\n";

# Which rooms a room may include, besides itself. "stream" may include all of the data plane.
my @dataplane = qw(core net http expr lb stick server rules spoe stream);
my %may = (
	core => [],
	net => ['core'],
	http => ['core'],
	lb => ['core'],
	expr => [qw(http net core)],
	stick => [qw(lb expr http net core)],
	server => [qw(lb expr http net core)],
	rules => [qw(stick server expr http net core)],
	spoe => [qw(stick server expr http net core)],
	stream => \@dataplane,
	resolver => [qw(server core)],
	adminapi => [@dataplane, 'resolver', 'adminapi'],
);

# Inside adminapi, too, from the bytes up to the process.
my %may_admin = (
	json => [],
	store => [],
	http => ['json'],
	doc => ['json'],
	apply => [qw(doc http json store)],
	operations => ['json'],
	rest => [qw(apply doc http json operations store)],
	daemon => [qw(rest apply doc http json store)],
);

# Whose a library is: included by these rooms and nowhere else.
my %belongs = (
	qr/^(cjson\/)?cJSON/ => 'adminapi',
	qr/^microhttpd\.h$/ => 'adminapi',
	qr/^sqlite3\.h$/ => 'adminapi',
	qr/^ares/ => 'resolver',
);

sub room_of {
	my ($path) = @_;
	return $1 if $path =~ m{^dataplane/(\w+)/};
	return $1 if $path =~ m{^(adminapi|resolver)/};
	return undef;
}

my (@sources, %folders);
for my $top (grep { -d } qw(adminapi dataplane resolver)) {
	$folders{$top} = 1;
	find({ no_chdir => 1, wanted => sub {
		return if !/\.[ch]$/;
		push @sources, $_;
		$folders{dirname($_)} = 1;
	} }, $top);
}

my %reads;		# path => lines of quoted and angle includes
for my $path (sort @sources) {
	open(my $in, '<', $path) or die "$path: $!\n";
	while (<$in>) {
		push @{$reads{$path}}, [$., $1, $2] if /^\s*#\s*include\s*([<"])([^>"]+)[>"]/;
	}
}

sub complaints {
	my ($path, $judge) = @_;
	return map { my $why = $judge->(@$_[1, 2]); $why ? "$path:$_->[0]: $why" : () } @{$reads{$path}};
}

sub none {
	my ($name, @found) = @_;
	ok(!@found, $name) or diag(join("\n", @found));
}

my (@unknown, @upward, @stolen, @private, @guards, @fatal);
for my $path (sort @sources) {
	my $room = room_of($path);
	if (!defined $room || !$may{$room}) {
		push @unknown, "$path: in no room that this test knows";
		next;
	}
	my %allowed = map { $_ => 1 } $room, @{$may{$room}};
	push @upward, complaints($path, sub {
		my ($kind, $what) = @_;
		return undef if $kind eq '<' || $what eq 'config.h';
		my ($other) = $what =~ m{^(\w+)/};
		return "\"$what\" is named without its room" if !defined $other;
		return $allowed{$other} ? undef : "$room/ may not include \"$what\"";
	});
	my ($floor) = $path =~ m{^adminapi/(\w+)/};
	push @upward, complaints($path, sub {
		my ($other) = $_[1] =~ m{^adminapi/(\w+)/} or return undef;
		return grep({ $_ eq $other } $floor, @{$may_admin{$floor}}) ? undef : "adminapi/$floor may not include \"$_[1]\"";
	}) if defined $floor;
	push @stolen, complaints($path, sub {
		my ($kind, $what) = @_;
		my ($lib) = grep { $what =~ $_ } keys %belongs;
		return defined $lib && $belongs{$lib} ne $room ? "$what belongs to $belongs{$lib}/" : undef;
	});
	push @fatal, complaints($path, sub {
		my ($kind, $what) = @_;
		return $what =~ /^ut(hash|list|array|string|stack|ringbuffer)\.h$/ && $path ne 'adminapi/hash.h'
			? "$what ends the process when there is no memory: adminapi/hash.h does not" : undef;
	});
	push @private, complaints($path, sub {
		my ($kind, $what) = @_;
		my ($folder) = $what =~ m{^(.*)/\w+_priv\.h$} or return undef;
		return dirname($path) =~ m{(^|/)\Q$folder\E$} ? undef : "$what is private to $folder/";
	});
	if ($path =~ /\.c$/ && $path !~ m{/main\.c$}) {
		my ($first) = map { $_->[2] } @{$reads{$path}};
		push @guards, "$path: includes " . ($first // 'nothing') . ' first' if ($first // '') ne 'config.h';
	}
}

none('each source is in a room', @unknown);
none('includes point down', @upward);
none('cJSON, libmicrohttpd, SQLite and c-ares stay in their rooms', @stolen);
none('uthash is included by the header that keeps it from ending the process', @fatal);
none('a _priv.h is included in its own folder only', @private);
none('each source includes config.h first', @guards);
none('each folder has a README', map { "$_/README" } grep { !-e "$_/README" && !-e "$_/README.md" }
	sort(keys %folders), grep { -d } qw(schemas contrib t), glob('t/*'));

# A test that no build runs proves nothing.
my $inc = do { local (@ARGV, $/) = 't/Makefile.inc'; <> };
none('each unit test and fuzz target is in t/Makefile.inc', map { "$_.c" }
	grep { $inc !~ /\s\Q$_\E(\.c)?\s/ } map { s/\.c$//r }
	glob('t/unit/*/*.c'), grep { !m{^t/fuzz/main\.c$} } glob('t/fuzz/*.c'));

none('no source is left out of the build', grep {
	my $path = $_;
	my ($top) = $path =~ m{^(\w+)/};
	my $list = do { local (@ARGV, $/) = "$top/Makefile.inc"; <> };
	$list !~ /\s\Q$path\E\s/;
} grep { /\.c$/ } @sources);

done_testing;

#!/usr/bin/perl
# tier: drill, beside others
#
# Whoever moves over brings his map files. The same file, read by HAProxy and by us, says the same about the same value, for
# each match method: which of several entries counts, too. Some files are written by hand for what is odd; the others
# are drawn, with few letters, so that much matches.
use Sluice;
use IO::Socket::UNIX;

plan skip_all => 'haproxy is not installed' if system('command -v haproxy >/dev/null') != 0;
my $build = $ENV{SLUICE_BUILD} || '.';
my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my $owner = $$;
my $haproxy;
my @methods = qw(str beg end sub dir dom int ip reg);
my $values = 150;

srand(20261120);
sub pick { return $_[rand @_] }

my @letters = ('a', 'b', 'A', '.', '/', '?', ':', '-');
sub drawn_text { return join '', map { pick(@letters) } 1 .. 1 + rand 7 }

sub drawn_ip {
	my $ip4 = join '.', pick(10, 11), pick(0, 1, 2), 0, pick(0 .. 3);
	return pick($ip4, $ip4, $ip4, "::ffff:$ip4", "::$ip4", sprintf('2002:a%02x:%02x%02x::1', map { pick(0 .. 2) } 1 .. 3),
		'2001:db8:' . pick(0 .. 2) . '::' . pick(1 .. 3));
}

my %pattern = (
	int => sub { pick(int rand 60, sprintf('%d:%d', $_[0], $_[0] + 5), sprintf('%d-%d', $_[0], $_[0] + 2), ':-3', '66:') },
	ip => sub { my $ip = drawn_ip(); my $bits = $ip =~ /:/ ? 128 : 32;
		pick($ip, "$ip/" . int(rand($bits + 1)), $bits == 32 ? ("$ip/255.255.0.0", "$ip/255.0.0.255") : ()) },
	reg => sub { join '', pick('', '^'), map({ pick('a', 'b', '[ab]', 'a+', '(a|b)', '.') } 1 .. 1 + rand 4), pick('', '$') },
	# a delimiter at either end is none; nothing else is refused by us
	dir => sub { my $text = drawn_text() . 'a'; $text },
	dom => sub { my $text = drawn_text() . 'a'; $text },
);
my %value = (int => sub { int(rand 70) - 5 }, ip => \&drawn_ip);

my %odd = (
	'white space and comments' => ['str', "a\tv1  \n  b v2 x \r\n# c\n  # d\n   \n\nb dup\nnov\nlast", ['a', 'b', 'c', '#', 'nov', 'last', 'd']],
	'prefixes of a prefix' => ['beg', "ab 2\nabc 3\na 1\nabc dup\n", [qw(abcd abc ab ax b)]],
	'suffixes go by their order' => ['end', "z short\nyz long\n", [qw(xyz z yz)]],
	'ranges go by their order' => ['int', "1:9 range\n5 five\n:-10 low\n100: high\n", [qw(5 -3 -11 1000 99 x)]],
	'networks of both families' => ['ip', "0.0.0.0/0 any\n10.0.0.0/8 ten\n::ffff:10.1.0.0/112 mapped\n10.2.0.0/255.255.0.0 mask\n"
		. "11.2.0.9/24 host bits\n99.0.0.7/255.0.0.255 holes\n2001:db8::/32 six\n",
		[qw(10.1.2.3 ::ffff:10.1.2.3 ::10.1.2.3 2002:a01:203::1 10.2.0.0 11.2.0.1 99.5.0.7 2001:db8::1 2001:db9::1)]],
	'IPv6 for IPv4' => ['ip', "::/0 any\n::ffff:9.9.9.0/120 mapped\n9.0.0.0/8 nine\n", [qw(9.9.9.9 ::ffff:9.9.9.9 1.2.3.4 ::1)]],
	'delimiters of directories' => ['dir', "/a/ slashes\nb plain\na again\nb/c two\n", [qw(/x/a?y /x/a.b /a/b/c b ab /x?b)]],
	'delimiters of domains' => ['dom', ".a. dots\nb plain\nx.org host\n", [qw(x.a:b www.x.org:80 x.org.b ab a/b ax.org)]],
);

my %file;
sub add_file {
	my ($name, $method, $text, $asked) = @_;
	my $path = "$dir/" . scalar(keys %file) . '.map';
	Sluice::spew($path, $text);
	$file{$name} = { method => $method, path => $path, asked => $asked };
}

add_file($_, @{$odd{$_}}) for sort keys %odd;
for my $method (@methods) {
	for my $count (3, 60) {
		my $pattern = $pattern{$method} // \&drawn_text;
		my $value = $value{$method} // \&drawn_text;
		my %seen;
		my @lines = map { my $key = $pattern->($_); $key =~ /^#/ || $seen{$key}++ ? () : "$key v$_\n" } 1 .. $count;
		add_file("$method, $count drawn", $method, join('', @lines), [map { $value->() } 1 .. $values]);
	}
}

# Each file is used by one rule, so that its method is known.
my $config = "global\n\tstats socket unix\@$dir/stats level admin\n\tnbthread 1\ndefaults\n\tmode http\n"
	. "\ttimeout client 1s\n\ttimeout connect 1s\n\ttimeout server 1s\nfrontend f\n\tbind unix\@$dir/f\n";
my $number = 0;
$config .= "\thttp-request set-var(txn.v" . $number++ . ") path,map_$file{$_}{method}($file{$_}{path})\n" for sort keys %file;
Sluice::spew("$dir/haproxy.cfg", $config);
$haproxy = Sluice::spawn(['haproxy', '-db', '-f', "$dir/haproxy.cfg"], "$dir/haproxy-log", "$dir/haproxy-errors");
wait_until { -S "$dir/stats" && IO::Socket::UNIX->new(Peer => "$dir/stats") } 10, 'HAProxy';

END {
	if ($$ == $owner && $haproxy) {
		local $?;
		kill(KILL => $haproxy);
		waitpid($haproxy, 0);
	}
}

# 'type=str, ..., found=yes, ..., key="a", value="v1", type="string"'
sub haproxy_verdict {
	my ($path, $value) = @_;
	my $cli = IO::Socket::UNIX->new(Peer => "$dir/stats") // die "stats: $!\n";
	print $cli "get map $path ", $value =~ s/([\\ ;])/\\$1/gr, "\n";
	my $said = join '', <$cli>;
	return $said =~ /value="(.*)", type/ ? $1 : $said =~ /match=no|found=no/ ? '-' : $said;
}

sub our_verdicts {
	my ($file) = @_;
	Sluice::spew("$dir/values", join('', map { "$_\n" } @{$file->{asked}}));
	my $said = `$build/t/map-verdict $file->{method} $file->{path} <$dir/values 2>&1`;
	return split /\n/, $said, -1;
}

for my $name (sort keys %file) {
	my $file = $file{$name};
	my @ours = our_verdicts($file);
	my @differences;
	for my $i (0 .. $#{$file->{asked}}) {
		my $theirs = haproxy_verdict($file->{path}, $file->{asked}[$i]);
		push @differences, "$file->{asked}[$i]: HAProxy $theirs, we " . ($ours[$i] // 'nothing') if ($ours[$i] // '') ne $theirs;
	}
	ok(!@differences, $name) or diag(join("\n", @differences[0 .. ($#differences < 9 ? $#differences : 9)], "in $file->{path}:", `head -70 $file->{path}`));
}
done_testing;

#!/usr/bin/perl
# tier: story
#
# How a connection ends is part of what it says. A half-close goes through, in either direction, and the
# other way stays open; a regular end arrives as a FIN and an abort as a RST, never the one as the other,
# because a peer that takes a cut for the end takes half an answer for a whole one. The log tells them apart.
use Sluice;
use Digest::SHA qw(sha256_hex);

my $bulk = 3 * 1024 * 1024;
my $noise = pack('N*', map { int rand(2**32) } 1 .. 4096) x ($bulk / 16384);
my %origin = map { $_->name => $_ } (
	Sluice::Origin->start('echo', 'echo'),
	Sluice::Origin->start('count', 'count'),
	Sluice::Origin->start('half', 'half'),
	Sluice::Origin->start('close', 'close'),
	Sluice::Origin->start('reset', 'reset'),
	Sluice::Origin->start('digest', sub {
		my ($c) = @_;
		$c->half_close;
		my $digest = sha256_hex($c->read_all(60));
		return $c->was_reset ? 'cut off' : $digest;
	}),
	Sluice::Origin->start('download', sub {
		my ($c) = @_;
		$c->send($noise, 60);
		return undef;
	}),
	# on a word: ends as told
	Sluice::Origin->start('told', sub {
		my ($c) = @_;
		$c->send("ready\n");
		my $word = $c->read_line(60);
		$c->send("last words\n") if $word =~ /words/;
		return $c->half_close && 'fin after ' . length($c->read_all(60)) . ($c->was_reset ? ', reset' : '') if $word =~ /half/;
		return $word =~ /reset/ ? $c->reset && undef : undef;
	}),
);
my $lb = Sluice->start(config => {
	frontends => { map { $_ => { mode => 'tcp', bind => ['127.0.0.1:0'], default_backend => $_ } } keys %origin },
	backends => { map { $_ => { mode => 'tcp', servers => { $_ => { address => $origin{$_}->address } } } } keys %origin },
});

sub ends {
	my ($c, $how, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$c->closed_within(5);
	is !$c->at_end ? 'open' : $c->was_reset ? 'RST' : 'FIN', $how, $name;
}

sub logged {
	my ($frontend, $state, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $line = $lb->log_line(frontend => $frontend);
	is $line->{termination_state}, $state, $name // 'and the log says so';
	return $line;
}

sub noted {
	my ($origin, $what, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok +(becomes { grep { $_ eq $what } $origin{$origin}->notes } 5), $name
		or diag("wanted \"$what\" among: ", explain([$origin{$origin}->notes]));
}

subtest 'the client has nothing more to say, and gets its answer' => sub {
	my $c = $lb->connect('count');
	$c->send('x' x 1000);
	$c->half_close;
	is $c->read_line, 'count got 1000', 'the server saw the end, and its answer arrives behind it';
	ends $c, 'FIN', 'then its end';
	my $line = logged 'count', '--';
	is "$line->{bytes_in}, $line->{bytes_out}", '1000, 15', 'with the bytes of each way';
};

subtest 'the server has nothing more to say, and goes on listening' => sub {
	my $c = $lb->connect('half');
	is $c->read_line, 'half', 'its words';
	ends $c, 'FIN', 'its end';
	is $c->send('y' x 500), 500, 'the client talks on';
	$c->close;
	noted 'half', 'fin after 500', 'and is heard to its end';
	logged 'half', '--';
};

subtest 'half-closed with much under way' => sub {
	my $c = $lb->connect('digest');
	ends $c, 'FIN', 'the server sends an end first';
	is $c->send($noise, 30), $bulk, 'the client sends its bulk';
	$c->close;
	noted 'digest', sha256_hex($noise), 'all of it arrives';
	logged 'digest', '--';
	my $d = $lb->connect('download');
	$d->half_close;
	is sha256_hex($d->read_all(30)), sha256_hex($noise), 'a bulk comes to a client that has ended';
	ends $d, 'FIN', 'with its end';
	logged 'download', '--';
};

subtest 'both at once, or nothing at all' => sub {
	my $c = $lb->connect('close');
	ends $c, 'FIN', 'a server that ends at once';
	$c->close;
	logged 'close', '--';
	$lb->connect('echo')->close;
	logged 'echo', '--', 'a client that comes and goes';
	noted 'echo', 'fin after 0', 'the server saw it go';
};

subtest 'the server is cut off' => sub {
	# so soon that connect() itself may tell of it
	my $early = Sluice::Client->try_connect($lb->address('reset'));
	ok $early ? $early->closed_within(5) && $early->was_reset : $!{ECONNRESET}, 'at once: the client sees the cut';
	logged 'reset', 'SD';
	my $c = $lb->connect('told');
	is $c->read_line, 'ready', 'a server at work';
	$c->send("reset\n");
	ends $c, 'RST', 'in the middle: the client sees the cut';
	is logged('told', 'SD')->{cause}, 'the server reset the connection', 'in words';
};

subtest 'the client is cut off' => sub {
	my $c = $lb->connect('echo');
	$c->send('hello');
	is $c->read_exactly(5), 'hello', 'a client at work';
	$c->reset;
	noted 'echo', 'reset after 5', 'the server sees the cut';
	is logged('echo', 'CD')->{cause}, 'the client reset the connection', 'in words';
	$c = $lb->connect('told');
	is $c->read_line, 'ready', 'another';
	$c->send("half\n");
	ends $c, 'FIN', 'the server ends its way';
	$c->reset;
	noted 'told', 'fin after 0, reset', 'and sees the cut of the other';
	logged 'told', 'CD';
};

subtest 'words before the end' => sub {
	for my $case (['words close', 'FIN', '--'], ['words half', 'FIN', '--']) {
		my ($word, $how, $state) = @$case;
		my $c = $lb->connect('told');
		$c->send("$word\n");
		is $c->read_line . $c->read_line, 'readylast words', "$word: the last words arrive";
		ends $c, $how, "then the $how";
		$c->close;
		logged 'told', $state;
	}
	# an RST may overtake what is on its way, but not be lost
	my $c = $lb->connect('told');
	is $c->read_line, 'ready', 'words reset: a server at work';
	$c->send("words reset\n");
	ends $c, 'RST', 'the client sees the cut';
	logged 'told', 'SD';
};

# What neither side has taken yet is no reason to call a cut an end.
subtest 'cut off with bytes under way' => sub {
	my $c = $lb->connect('download');
	is length($c->read_exactly(1000)), 1000, 'a client begins to read';
	$c->reset;
	logged 'download', 'CD', 'it leaves in the middle: CD';
	my $d = $lb->connect('digest');
	$d->send($noise, 30);
	$d->reset;
	logged 'digest', 'CD', 'an upload that was cut';
	noted 'digest', 'cut off', 'is cut off for the server, too';
};

is_deeply [grep { $_->{termination_state} !~ /^(--|[CS]D)$/ } $lb->log_lines], [], 'no other end was logged';
$lb->stop;
undef $lb;
done_testing;

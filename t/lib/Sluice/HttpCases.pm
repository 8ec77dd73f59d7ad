package Sluice::HttpCases;

=head1 NAME

Sluice::HttpCases - tables of raw messages, sent many at a time

=head1 SYNOPSIS

	use Sluice::HttpCases;

	my @rows = (
		row('a row', 'POST /TOKEN HTTP/1.1{}Host: a{}{}', expect => 400),	# one case; {} is CR LF
		each_of('lengths', [map { "POST /TOKEN HTTP/1.1{}Host: a{}Content-Length: $_{}{}" } '+5', '5,5'], expect => 400),
	);
	my @cases = cases('w', @rows);		# TOKEN has become w00000, w00001, ...
	exchange($lb->address('web'), @cases);
	is $cases[0]{end}, 'fin', 'how it ended';
	like $cases[0]{got}, qr/^HTTP/, 'what came';

A row is a hash with C<name>, C<raw> (a list) and what the test says of it; cases() makes one hash of each raw, with
the row's keys and C<token>, C<send>. TOKEN has to be in each raw: it tells in the server's records whose bytes they are.

=over

=item exchange($address, @cases)

Opens a connection a case, up to 64 at a time, sends C<send>, whole or (C<pieces> => bytes) in pieces of so many, then
half-closes if C<half_close> is set, and reads to the end. Adds C<got> and C<end>: 'fin', 'reset', or 'open' where there was
no end C<within> seconds (20) of the last byte in either direction.

=item answering(@cases)

What a Sluice::HttpOrigin does to serve them: it reads the request, and sends the C<answer> of the case whose token is in
the target, whole or (C<answer_pieces> => bytes) in pieces; C<then> ends the connection as HttpOrigin says. To all other requests, such as
/TOKEN/next, it says 200 with the target as body.

=item verdict($name, \@cases, sub { my ($case) = @_; ...; return undef or what is wrong })

One test for all cases of a name: ok if the sub says nothing. Otherwise each case is shown, with what was sent and what came.

=item everywhere($raw, $from, $to, @words)

A list: $raw with each word put in before each byte of that range ({} counts as two bytes; TOKEN is not entered).

=back

=cut

use strict;
use warnings;
use Exporter 'import';
use IO::Select;
use Socket qw(MSG_NOSIGNAL);
use Test::More ();
use Time::HiRes qw(time);
use Sluice::Client;
use Sluice::Http;
use Sluice::Wait;

our @EXPORT = qw(answering cases each_of everywhere exchange row verdict);

my $at_once = 64;

sub crlf { return $_[0] =~ s/\{\}/\r\n/gr }

sub row {
	my ($name, $raw, %more) = @_;
	return { name => $name, raw => [crlf($raw)], %more };
}

sub each_of {
	my ($name, $raw, %more) = @_;
	return { name => $name, raw => [map { crlf($_) } @$raw], %more };
}

sub everywhere {
	my ($raw, $from, $to, @words) = @_;
	$raw = crlf($raw);
	my @found;
	for my $at ($from .. ($to)) {
		next if substr($raw, 0, $at) =~ /TOKE?$|TO$|T$/ && substr($raw, $at) =~ /^(?:OKEN|KEN|EN|N)\b/;
		push @found, map { substr($raw, 0, $at) . $_ . substr($raw, $at) } @words;
	}
	return @found;
}

# The words that stand for a case's token, in a text or in a list of texts.
sub named {
	my ($token, $value) = @_;
	return ref $value eq 'ARRAY' ? [map { named($token, $_) } @$value] : ref $value || !defined $value ? $value
		: $value =~ s/TOKEN/$token/gr;
}

sub cases {
	my ($prefix, @rows) = @_;
	my ($number, @cases) = (0);
	for my $row (@rows) {
		for my $raw (@{$row->{raw}}) {
			die "no TOKEN in " . shown($raw) . "\n" if $raw !~ /TOKEN/;
			my $token = sprintf('%s%05d', $prefix, $number++);
			push @cases, { (map { $_ => named($token, $row->{$_}) } keys %$row), token => $token,
				send => named($token, $raw) };
		}
	}
	return @cases;
}

sub answering {
	my %by_token = map { $_->{token} => $_ } @_;
	return sub {
		my ($request, $conn) = @_;
		$conn->read_body($request);
		my ($token) = $request->{target} =~ m{^/?([a-z]\d{5})(?!/)\b};
		my $case = $by_token{$token // ''} // return $conn->answer(200, $request->{target});
		my $left = $case->{answer};
		my $count = $case->{answer_pieces} // length $left;
		while ($left ne '') {
			$conn->send(substr($left, 0, $count, ''));
			select(undef, undef, undef, 0.001) if $left ne '';
		}
		return $case->{then};
	};
}

sub begin {
	my ($address, $case) = @_;
	my $client = Sluice::Client->connect($address);
	@$case{qw(client left got end)} = ($client, $case->{send}, '', undef);
	touch($case);
}

sub touch { my ($case) = @_; $case->{deadline} = time + seconds($case->{within} // 20) }

# The next piece. An error is no news: what can still be read says how it ended.
sub send_piece {
	my ($case) = @_;
	my $socket = $case->{client}->socket;
	my $piece = substr($case->{left}, 0, $case->{pieces} // length $case->{left});
	my $count = send($socket, $piece, MSG_NOSIGNAL);
	if (defined $count) {
		substr($case->{left}, 0, $count, '');
		touch($case);
	} elsif (!$!{EAGAIN} && !$!{EINTR}) {
		$case->{left} = '';
	}
	$case->{client}->half_close if $case->{left} eq '' && $case->{half_close};
}

sub finish {
	my ($case) = @_;
	my $client = delete $case->{client};
	$case->{got} = $client->buffer;
	$case->{end} = !$client->at_end ? 'open' : $client->was_reset ? 'reset' : 'fin';
	$client->close;
}

sub exchange {
	my ($address, @waiting) = @_;
	my %busy;
	my $select = IO::Select->new;
	while (@waiting || %busy) {
		while (@waiting && keys %busy < $at_once) {
			my $case = shift @waiting;
			begin($address, $case);
			my $socket = $case->{client}->socket;
			$busy{fileno $socket} = $case;
			$select->add($socket);
		}
		my @sending = grep { $_->{left} ne '' } values %busy;
		send_piece($_) for @sending;
		my $more = grep { $_->{left} ne '' } @sending;
		for my $socket ($select->can_read($more ? 0.0005 : 0.1)) {
			my $case = $busy{fileno $socket};
			touch($case) if $case->{client}->fill(0);
		}
		my $now = time;
		for my $fd (grep { $busy{$_}{client}->at_end || $busy{$_}{deadline} < $now } keys %busy) {
			$select->remove($busy{$fd}{client}->socket);
			finish(delete $busy{$fd});
		}
	}
}

sub verdict {
	my ($name, $cases, $judge) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @wrong = map { my $why = $judge->($_); defined $why ? [$_, $why] : () } @$cases;
	my $ok = Test::More::ok(!@wrong, $name . (@$cases > 1 ? ' (' . @$cases . ')' : ''));
	Test::More::diag(@wrong . ' of ' . @$cases . ' are wrong') if @wrong > 5;
	for my $wrong (@wrong > 5 ? @wrong[0 .. 4] : @wrong) {
		my ($case, $why) = @$wrong;
		Test::More::diag("$why\n    sent: " . shown($case->{send}) . "\n    came: " . shown($case->{got}) . " $case->{end}");
	}
	return $ok;
}

1;

package Sluice::Http;

=head1 NAME

Sluice::Http - HTTP/1 messages cut out of bytes, to the letter

=head1 SYNOPSIS

	use Sluice::Http;

	my @requests = requests_in($bytes);			# as a strict server reads them
	my @answers = answers_in($bytes, ['HEAD', 'GET'], 1);	# to these requests; 1: that is all, the end came
	is $answers[1]{status}, 200, 'the second';
	is field($answers[1], 'Content-Length'), 5, 'its length';
	is $answers[1]{body}, 'hello', 'its data, without chunk sizes';

	my $answer = read_answer($client);			# 1xx are passed over; or ($client, 'HEAD', $seconds)

This reader has nothing of sluice's own and forgives nothing: lines end with CR LF, names are tokens, sizes are digits.
It is the measure for what sluice lets through, and tests read answers with it.

A message is a hash: C<raw>, all its bytes; C<head>, up to and with the empty line; C<line>, the first without its
end; C<fields>, a list of [name, value]; C<body>, its data; C<trailers>, as fields; C<whole>, true if it is
complete. A request has C<method>, C<target>, C<version>; an answer C<version>, C<status>, C<reason>. A last one that is
cut short is there with C<whole> => 0. Behind a 101, or 2xx to CONNECT, no messages follow: C<tunnel> is true, and
for answers_in() C<body> is the rest. What is no message is { fault => why, raw => the rest }, and nothing follows.

=over

=item requests_in($bytes), answers_in($bytes, \@methods, $ended)

The methods are those of the requests, for the length of answers; GET where none is left. 1xx take none.

=item cut_head(\$bytes, $is_answer)

Takes a head off the front: the message without its body, a message with C<fault>, or undef where it isn't whole.

=item read_answer($client, $method, $seconds)

Waits for a whole answer and leaves what follows in the buffer. What came so far, with C<whole> => 0, at the deadline.

=item field($message, $name), fields($message, $name)

The first value of that name, or undef; or all of them.

=item shown($bytes)

The same, fit to be printed on one line.

=back

=cut

use strict;
use warnings;
use Exporter 'import';
use Time::HiRes qw(time);
use Sluice::Wait;

our @EXPORT = qw(answers_in cut_head field fields read_answer requests_in shown);

my $token = qr/[!#\$%&'*+.^_`|~0-9A-Za-z-]+/;
my $text = qr/[\t\x20-\x7e\x80-\xff]*/;

sub fault {
	my ($why, $raw) = @_;
	return { fault => $why, raw => $raw, whole => 0, fields => [], body => '' };
}

sub fields {
	my ($message, $name) = @_;
	return map { $_->[1] } grep { lc $_->[0] eq lc $name } @{$message->{fields} // []};
}

sub field {
	my ($message, $name) = @_;
	return (fields($message, $name))[0];
}

# "Name: value" lines; undef where one is none.
sub fields_of {
	my @fields;
	for my $line (@_) {
		return undef if $line !~ /\A($token):[ \t]*($text)\z/;
		my ($name, $value) = ($1, $2);
		push @fields, [$name, $value =~ s/[ \t]+\z//r];
	}
	return \@fields;
}

sub cut_head {
	my ($bytes, $is_answer) = @_;
	if ($$bytes !~ /\A((?:[^\r\n\0]+\r\n)+)\r\n/) {
		return undef if $$bytes =~ /\A(?!\r\n)(?:[^\r\n\0]+\r\n)*(?:[^\r\n\0]*\r?)\z/;
		return fault('NUL, or CR or LF alone, or an empty line in the head', $$bytes);
	}
	my ($line, @lines) = split /\r\n/, $1;
	my $head = substr($$bytes, 0, length($1) + 2);
	my $message = { line => $line, head => $head, raw => $head, body => '', trailers => [], whole => 0 };
	if ($is_answer) {
		$line =~ m{\A(HTTP/1\.[01]) ([1-9]\d\d) ($text)\z} or return fault("status line \"$line\"", $$bytes);
		@$message{qw(version status reason)} = ($1, $2, $3);
	} else {
		$line =~ m{\A($token) ([\x21-\x7e]+) (HTTP/1\.[01])\z} or return fault("request line \"$line\"", $$bytes);
		@$message{qw(method target version)} = ($1, $2, $3);
	}
	$message->{fields} = fields_of(@lines) // return fault('a field that is none', $$bytes);
	substr($$bytes, 0, length $head, '');
	return $message;
}

# How the body ends: 'none', 'chunked', 'eof', 'tunnel', a number of bytes, or a reference to what is wrong.
sub framing {
	my ($message, $method) = @_;
	if (my $status = $message->{status}) {
		return 'tunnel' if $status == 101 || ($method eq 'CONNECT' && $status =~ /^2/);
		return 'none' if $status =~ /^1|^204$|^304$/ || $method eq 'HEAD';
	}
	my @codings = fields($message, 'Transfer-Encoding');
	my @lengths = fields($message, 'Content-Length');
	return \'both length and coding' if @codings && @lengths;
	if (@codings) {
		return \"codings \"@codings\"" if @codings > 1 || lc $codings[0] ne 'chunked';
		return \'chunks in HTTP/1.0' if $message->{version} ne 'HTTP/1.1';
		return 'chunked';
	}
	return $message->{status} ? 'eof' : 'none' if !@lengths;
	return \"lengths \"@lengths\"" if grep { !/\A\d{1,18}\z/ || $_ != $lengths[0] } @lengths;
	return 0 + $lengths[0];
}

# Takes chunks off the front. 1: the last one was there; 0: more are to come; a text: what is wrong.
sub cut_chunks {
	my ($message, $bytes) = @_;
	my $took = sub { $message->{raw} .= substr($$bytes, 0, $_[0], '') };
	while ($$bytes =~ /\A(0*[0-9A-Fa-f]{1,15})((?:;[^\r\n\0]*)?)\r\n/) {
		my ($line, $size) = ($+[0], hex $1);
		if ($size == 0) {
			return 0 if $$bytes !~ /\A[^\r\n]+\r\n((?:[^\r\n\0]+\r\n)*)\r\n/;
			$message->{trailers} = fields_of(split /\r\n/, $1) // return 'a trailer that is none';
			$took->($+[0]);
			return 1;
		}
		return 0 if length($$bytes) < $line + $size + 2;
		return 'no CR LF behind a chunk' if substr($$bytes, $line + $size, 2) ne "\r\n";
		$message->{body} .= substr($$bytes, $line, $size);
		$took->($line + $size + 2);
	}
	return $$bytes =~ /\A0*[0-9A-Fa-f]{0,15}(?:;[^\r\n\0]*)?\r?\z/ ? 0 : 'a chunk size that is none';
}

sub cut_body {
	my ($message, $bytes, $method, $ended) = @_;
	my $how = framing($message, $method);
	if (ref $how) {
		return fault($$how, $message->{raw} . $$bytes);
	} elsif ($how eq 'chunked') {
		my $result = cut_chunks($message, $bytes);
		return fault($result, $message->{raw} . $$bytes) if $result !~ /^[01]$/;
		$message->{whole} = $result;
	} else {
		my $count = $how eq 'eof' ? length $$bytes : $how =~ /\d/ ? $how : 0;
		$message->{tunnel} = $how eq 'tunnel';
		$message->{body} = substr($$bytes, 0, $count, '');
		$message->{raw} .= $message->{body};
		$message->{whole} = ($how eq 'eof' ? $ended : length $message->{body} == $count) ? 1 : 0;
	}
	return $message;
}

# The next message, whole or not; undef where none begins.
sub cut_message {
	my ($bytes, $is_answer, $method, $ended) = @_;
	return undef if $$bytes eq '';
	my $message = cut_head($bytes, $is_answer);
	if (!$message) {
		$message = fault('', $$bytes);
		delete $message->{fault};
	}
	return $message if defined $message->{fault} || !exists $message->{head};
	return cut_body($message, $bytes, $method // 'GET', $ended);
}

sub requests_in {
	my ($bytes) = @_;
	my @found;
	while (my $message = cut_message(\$bytes, 0)) {
		push @found, $message;
		last if !$message->{whole};
	}
	return @found;
}

sub answers_in {
	my ($bytes, $methods, $ended) = @_;
	my @methods = @{$methods // []};
	my @found;
	while (my $message = cut_message(\$bytes, 1, $methods[0], $ended)) {
		push @found, $message;
		last if !$message->{whole};
		$message->{body} = $bytes if $message->{tunnel};
		last if $message->{tunnel};
		shift @methods if $message->{status} !~ /^1/;
	}
	return @found;
}

sub read_answer {
	my ($client, $method, $seconds) = @_;
	my $deadline = time + seconds($seconds // 5);
	while (1) {
		my $more = $client->fill(0);
		my $ended = $client->at_end;
		my $bytes = $client->buffer;
		my $message = cut_message(\$bytes, 1, $method, $ended);
		if ($message && $message->{whole}) {
			$client->take(length $message->{raw});
			return $message if $message->{status} !~ /^1/ || $message->{status} eq '101';
			next;
		}
		return $message // { whole => 0, raw => '', fields => [], body => '' }
			if defined(($message // {})->{fault}) || $ended
				|| (!$more && !$client->fill($deadline) && !$client->at_end);
	}
}

sub shown {
	my ($bytes) = @_;
	my %short = ("\r" => '\r', "\n" => '\n', "\t" => '\t', "\0" => '\0', '\\' => '\\\\');
	my $shown = substr($bytes, 0, 400) =~ s/([^\x20-\x5b\x5d-\x7e])/$short{$1} \/\/ sprintf('\\x%02x', ord $1)/ger;
	return $shown . (length $bytes > 400 ? '... (' . length($bytes) . ' bytes)' : '');
}

1;

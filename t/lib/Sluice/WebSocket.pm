package Sluice::WebSocket;

=head1 NAME

Sluice::WebSocket - a WebSocket client and server (RFC 6455), on a connection byte by byte

=head1 SYNOPSIS

	use Sluice::WebSocket;

	my $ws = Sluice::WebSocket->open($client, '/chat');	# asks, checks the 101 and its key
	$ws->send_text('hello');
	is_deeply $ws->read_frame, ['text', 'hello'];
	$ws->send_frame('ping', 'x');
	$ws->shut(1000, 'done');				# a close frame; read_frame gives the other side's

	# in a behaviour of Sluice::Origin
	my $ws = Sluice::WebSocket->accept($conn, $more);	# answers 101, $more behind it in the same write
	my $frame = $ws->read_frame($seconds) or return;

A frame is [what, payload]: what is text, binary, close, ping or pong; the payload of a close is "CODE reason". A client masks, a
server doesn't, and each dies if the other does otherwise. read_frame() is undef where none came until the deadline or the end.

C<request($target, $key)> is the text that open() sends, C<answer($request_head)> that of accept().

=cut

use strict;
use warnings;
use Digest::SHA qw(sha1_base64);
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(time);
use Sluice::Wait;

my %code = (continuation => 0, text => 1, binary => 2, close => 8, ping => 9, pong => 10);
my %what = reverse %code;

sub key_answer {
	my ($key) = @_;
	my $digest = sha1_base64($key . '258EAFA5-E914-47DA-95CA-C5AB0DC85B11');
	return $digest . '=' x (-length($digest) % 4);
}

sub request {
	my ($target, $key) = @_;
	return join "\r\n", "GET $target HTTP/1.1", 'Host: chat.test', 'Upgrade: websocket', 'Connection: Upgrade',
		"Sec-WebSocket-Key: $key", 'Sec-WebSocket-Version: 13', '', '';
}

sub answer {
	my ($head) = @_;
	my ($key) = $head =~ /^Sec-WebSocket-Key: (\S+)\r$/mi or die "no key in: $head\n";
	die "no upgrade in: $head\n" if $head !~ /^Upgrade: websocket\r$/mi || $head !~ /^Connection: .*\bupgrade\b/mi;
	return join "\r\n", 'HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade',
		'Sec-WebSocket-Accept: ' . key_answer($key), '', '';
}

# $early is sent with the request, before there is an answer.
sub open {
	my ($class, $conn, $target, $early) = @_;
	my $key = encode_base64(join('', map { chr rand 256 } 1 .. 16), '');
	my $self = bless { conn => $conn, masks => 1 }, $class;
	$conn->send(request($target, $key) . (defined $early ? $self->frame(@$early) : ''));
	my $head = $conn->read_until("\r\n\r\n");
	die "no 101 but: $head\n" if $head !~ m{^HTTP/1\.1 101 };
	die "a wrong key in: $head\n" if index($head, 'Sec-WebSocket-Accept: ' . key_answer($key) . "\r\n") < 0;
	return $self;
}

sub accept {
	my ($class, $conn, @more) = @_;
	my $self = bless { conn => $conn, masks => 0 }, $class;
	my $head = $conn->read_until("\r\n\r\n", 3600);
	$conn->send(answer($head) . join('', map { $self->frame(@$_) } @more));
	return $self;
}

sub frame {
	my ($self, $what, $payload) = @_;
	my $length = length $payload;
	my $mask = $self->{masks} ? 0x80 : 0;
	my $head = chr(0x80 | $code{$what}) . ($length < 126 ? chr($mask | $length)
		: $length < 65536 ? pack('Cn', $mask | 126, $length) : pack('CQ>', $mask | 127, $length));
	return $head . $payload if !$mask;
	my $key = join('', map { chr rand 256 } 1 .. 4);
	return $head . $key . ($payload ^ substr($key x ($length / 4 + 1), 0, $length));
}

sub send_frame { my ($self, $what, $payload) = @_; return $self->{conn}->send($self->frame($what, $payload)) }
sub send_text { my ($self, $text) = @_; return $self->send_frame('text', $text) }
sub shut { my ($self, $code, $why) = @_; return $self->send_frame('close', pack('n', $code) . $why) }

sub exactly {
	my ($self, $count, $deadline) = @_;
	my $left = $deadline - time;
	my $got = $self->{conn}->read_exactly($count, ($left > 0 ? $left : 0) / seconds(1));
	return length $got == $count ? $got : undef;
}

sub read_frame {
	my ($self, $seconds) = @_;
	my $deadline = time + seconds($seconds // 5);
	my ($first, $length) = unpack('CC', $self->exactly(2, $deadline) // return undef);
	my $masked = $length & 0x80;
	die "a frame that is masked as it may not be\n" if !$masked != !!$self->{masks};
	die sprintf("a frame that begins with %02x\n", $first) if !($first & 0x80) || !defined $what{$first & 0x7f};
	$length &= 0x7f;
	$length = unpack('n', $self->exactly(2, $deadline) // return undef) if $length == 126;
	$length = unpack('Q>', $self->exactly(8, $deadline) // return undef) if $length == 127;
	my $key = $masked ? $self->exactly(4, $deadline) // return undef : "\0\0\0\0";
	my $payload = $self->exactly($length, $deadline) // return undef;
	$payload ^= substr($key x ($length / 4 + 1), 0, $length) if $masked;
	my $what = $what{$first & 0x7f};
	$payload = unpack('n', $payload) . ' ' . substr($payload, 2) if $what eq 'close';
	return [$what, $payload];
}

1;

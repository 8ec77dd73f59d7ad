package Sluice::HttpEnds;

=head1 NAME

Sluice::HttpEnds - ways in which an HTTP exchange can end, and what is seen of each

=head1 SYNOPSIS

	use Sluice::HttpEnds;

	my %outcome = ends_of($side, 'is', @names);		# name => 'cR-- 408 | 408 close FIN'
	is $outcome{$_}, ends->{$_}{is}, $_ for @names;

A case is a scene: a server's part, a client's, time-outs. C<ends> is the table of them, by name; each has C<is>, what has
to come of it: termination state and status of each log line, and behind the bar what the client saw, answer by
answer: the status, C<close> where it says so, C<cut> where it isn't whole (an interim status with a *, once for all of its kind); then how the connection ended (FIN, RST, open; left: the
client did it). t/http-ends.t compares sluice with it, t/haproxy-http.t HAProxy, too: what that says otherwise is C<haproxy>, a pattern (its
bars and dots need no backslash), and C<why>.

ends_of() plays all of these scenes at once. A side is a hash of subs: C<address>($id), of a case's frontend; C<numbers>($id), how
many requests its server has, and how many are in line; C<end>($id) ends them as the administrator; C<lines>($id), a list of
[client's address, termination state, status]. sluice_config(@names) and sluice_side($lb) are sluice's.

=cut

use strict;
use warnings;
use Exporter 'import';
use IO::Socket::IP;
use JSON::PP ();
use Sluice::Client;
use Sluice::Http;
use Sluice::Origin;
use Sluice::Wait;

our @EXPORT = qw(ends ends_id ends_of ends_addresses ends_timeouts sluice_config sluice_side);

my $short = int(seconds(0.3) * 1000) . 'ms';
my $forever = 3600;
my $bulk = 'x' x (1024 * 1024);

# -- what a server does: called with its connection and the head; true: it reads the next request

my $ok = "HTTP/1.1 200 OK{}";
my $hello = "${ok}Content-Length: 5{}{}hello";

sub crlf { return $_[0] =~ s/\{\}/\r\n/gr }

sub says {
	my (@pieces) = @_;
	return sub {
		my ($c) = @_;
		for my $piece (@pieces) {
			$c->send(crlf($piece), $forever);
			select(undef, undef, undef, 0.03);	# each is to come alone
		}
		return 1;
	};
}

sub reads_length { my ($c, $count) = @_; return length($c->read_exactly($count, $forever)) == $count }

sub then_closes { my ($how) = @_; return sub { $how->(@_); return 0 } }
sub then_resets { my ($how) = @_; return sub { $how->(@_); $_[0]->reset; return 0 } }
sub then_stalls { my ($how) = @_; return sub { $how->(@_); $_[0]->closed_within($forever); return 0 } }
sub behind { my ($count, $how) = @_; return sub { reads_length($_[0], $count) ? $how->(@_) : 0 } }
my $silent = sub {};
my $floods = sub { my ($c) = @_; $c->send(crlf("${ok}Content-Length: 1073741824{}{}")); $c->send($bulk, $forever) == length $bulk or return 0 for 1 .. 1024; return 0 };

my $hints = sub { my ($c) = @_; my $many = crlf("HTTP/1.1 103 Hints{}Link: </" . "a" x 8000 . ">{}{}") x 20; 1 while $c->send($many, $forever) == length $many; return 0 };

# -- what a client does, when it has sent what it sends

my $stays = sub {};
my $leaves = sub { $_[0]->half_close };
my $cuts = sub { $_[0]->reset };
sub when { my ($is_true, $then) = @_; return sub { my ($c) = @_; 1 while !$is_true->($c) && $c->fill(time + seconds(5)); $then->(@_) } }
sub finals { my ($c) = @_; return grep { $_->{whole} && $_->{status} >= 200 } answers_in($c->buffer, $c->{methods}, $c->at_end) }
sub when_answered { my ($then, $count) = @_; return when(sub { finals(@_) >= ($count // 1) }, $then) }
sub when_begun { my ($then) = @_; return when(sub { $_[0]->buffer =~ /\r\n\r\n./s }, $then) }

# -- the table

my $get = "GET /TOKEN HTTP/1.1{}Host: a{}{}";
my $get10 = "GET /TOKEN HTTP/1.0{}{}";
my $post = "POST /TOKEN HTTP/1.1{}Host: a{}Content-Length: 10{}{}";
my $chunks = "POST /TOKEN HTTP/1.1{}Host: a{}Transfer-Encoding: chunked{}{}";

# Why HAProxy differs.
my $cut = 'whoever was sent half of an answer sees it by an RST';
my $unheard = 'a reset is noticed at once, and who has left got no status';
my $unread = 'the answer is whole, and the server reads no more: that is all';
my $phase = 'the phase is that of the answer: none had come';
my $begun = 'only a request that was begun is answered 408 or 400';
my $manual = "its manual says so, too (8.5), 2.6 doesn't do it";

# send: what the client sends at once; client: its part behind that; then: what it does when it has its answer (`answers`); server: the server's part, or a name of an
# address; timeout, maxconn, maxqueue, disabled, no_backend, behind, admin, methods: as they say; once: it is the client's turn when the server has
# the request.
my %ends = (
	# -- a request that does not come
	'nothing is asked' => { send => '', timeout => { http_request => $short }, is => ' | FIN',
		haproxy => 'cR-- 408 | 408 close FIN', why => $begun },
	'nothing is asked, and the client leaves' => { send => '', client => $leaves, is => ' | FIN',
		haproxy => 'CR-- 400 | 400 close FIN', why => $begun },
	'nothing is asked, and the client resets' => { send => '', client => $cuts, is => ' | left',
		haproxy => 'CR-- 400 | left', why => $begun },
	'empty lines, and no request' => { send => '{}{}', timeout => { http_request => $short }, is => ' | FIN',
		haproxy => 'cR-- 408 | 408 close FIN', why => $begun },
	'half a request line' => { send => 'GET /TOK', timeout => { http_request => $short }, is => 'cR-- 408 | 408 close FIN' },
	'half a head' => { send => "GET /TOKEN HTTP/1.1{}Host: a{}", timeout => { http_request => $short }, is => 'cR-- 408 | 408 close FIN' },
	'half a head, then the end' => { send => "GET /TOKEN HTTP/1.1{}Host: a{}", client => $leaves, is => 'CR-- 400 | 400 close FIN' },
	'half a head, then a reset' => { send => "GET /TOKEN HTTP/1.1{}Host: a{}", client => $cuts, is => 'CR-- - | left',
		haproxy => 'CR-- 400 | left', why => $unheard },
	'junk' => { send => 'junk{}{}', is => 'PR-- 400 | 400 close FIN' },
	'no second request' => { send => $get, timeout => { http_keep_alive => $short }, is => '---- 200 | 200 FIN' },
	'half a second request' => { send => "${get}GET /TOKEN HTT", timeout => { http_request => $short }, is => '---- 200, cR-- 408 | 200 408 close FIN' },
	'half a second request, then the end' => { send => "${get}GET /TOKEN HTT", client => $leaves, is => '---- 200, CR-- 400 | 200 400 close FIN' },
	'a second request, later' => { send => $get, then => sub { my ($c, $ask) = @_; $ask->($get); $c->half_close }, is => '---- 200, ---- 200 | 200 200 FIN' },
	'the time for a second request begins with it' => { send => $get, timeout => { http_request => $short },
		client => when_answered(sub { my ($c, $ask) = @_; select(undef, undef, undef, seconds(0.35)); $ask->('GET /TOK') }), is => '---- 200, cR-- 408 | 200 408 close FIN' },

	'a second request whose rest comes while the first is served' => { send => "${get}GET /TOKEN", server => sub { select(undef, undef, undef, 0.1); says($hello)->(@_) }, once => 1,
		client => sub { $_[1]->(' HTTP/1.1{}Host: a{}{}'); when_answered($leaves, 2)->(@_) }, is => '---- 200, ---- 200 | 200 200 FIN' },

	# -- bodies of requests
	'a body that stops' => { send => "${post}half", server => behind(10, says($hello)), timeout => { client => $short }, is => 'cH-- 408 | 408 close FIN',
		haproxy => 'sH-- 504 | 504 close FIN', why => $manual },
	'chunks that stop' => { send => "${chunks}5{}hello{}5{}he", server => then_stalls($silent), timeout => { client => $short }, is => 'cH-- 408 | 408 close FIN',
		haproxy => 'sH-- 504 | 504 close FIN', why => $manual },
	'a body that ends early' => { send => "${post}half", server => behind(10, says($hello)), once => 1, client => $leaves, is => 'CH-- - | FIN',
		haproxy => 'CD-- - | FIN', why => $phase },
	'chunks that end early' => { send => "${chunks}5{}hello{}", server => then_stalls($silent), once => 1, client => $leaves, is => 'CH-- - | FIN',
		haproxy => 'CD-- - | FIN', why => $phase },
	'a reset in a body' => { send => "${post}half", server => behind(10, says($hello)), once => 1, client => $cuts, is => 'CH-- - | left',
		haproxy => 'CD-- - | left', why => $phase },
	'bad chunks' => { send => "${chunks}5{}hello{}", server => then_stalls($silent), once => 1, client => sub { $_[0]->send("x\r\n") }, is => 'PH-- 400 | 400 close FIN' },
	'bad chunks at once' => { send => "${chunks}5{}hello{}x{}", server => then_stalls($silent), is => 'PH-- 400 | 400 close FIN',
		haproxy => 'PR-- 400 | 400 close FIN', why => 'chunks are read when they are sent' },

	# -- servers that do not serve
	'refused' => { send => $get, server => 'refuses', is => 'SC-- 503 | 503 FIN', then => $leaves },
	'refused, with a retry' => { send => $get, server => 'refuses', retries => 1, timeout => { connect => '100ms' }, is => 'SC-- 503 | 503 FIN', then => $leaves },
	'no connection' => { send => $get, server => 'drops', timeout => { connect => $short }, is => 'sC-- 503 | 503 FIN', then => $leaves },
	'no server' => { send => $get, server => 'none', is => 'SC-- 503 | 503 FIN', then => $leaves },
	'no backend' => { send => $get, no_backend => 1, then => $leaves, is => 'SC-- 503 | 503 FIN' },
	'no server that takes requests' => { send => $get, disabled => 1, is => 'SC-- 503 | 503 FIN', then => $leaves },
	'no place in time' => { send => $get, server => then_stalls($silent), maxconn => 1, behind => 1, timeout => { queue => $short },
		then => $leaves, is => 'sQ-- 503 | 503 FIN' },
	'the line is full' => { send => $get, server => then_stalls($silent), maxconn => 1, maxqueue => 1, behind => 2, then => $leaves, is => 'SC-- 503 | 503 FIN',
		haproxy => 'sQ-- 503 | 503 FIN', why => 'its maxqueue is not of the queue of a backend' },
	'the client resets in line' => { send => $get, server => then_stalls($silent), maxconn => 1, behind => 1, client => $cuts, is => 'CQ-- - | left',
		haproxy => '(?:sQ-- 503|sH-- 504) | left', why => $unheard },
	'the client resets while we connect' => { send => $get, server => 'drops', connecting => 1, client => $cuts, is => 'CC-- - | left',
		haproxy => 'sC-- 503 | left', why => $unheard },
	'the client ends while we connect' => { send => $get, server => 'drops', timeout => { connect => $short }, client => $leaves, is => 'sC-- 503 | 503 FIN' },

	# -- servers that do not answer
	'a silent server' => { send => $get, server => then_stalls($silent), timeout => { server => $short }, then => $leaves, is => 'sH-- 504 | 504 FIN' },
	'a silent server, and a body' => { send => "${post}helloworld", server => behind(10, then_stalls($silent)), timeout => { server => $short },
		then => $leaves, is => 'sH-- 504 | 504 FIN' },
	'a silent server, and a body that comes late' => { send => "${post}half", server => behind(10, then_stalls($silent)), timeout => { server => $short }, once => 1,
		client => sub { $_[0]->send('theres') }, then => $leaves, is => 'sH-- 504 | 504 FIN' },
	'the server closes' => { send => $get, server => then_closes($silent), then => $leaves, is => 'SH-- 502 | 502 FIN' },
	'the server resets' => { send => $get, server => then_resets($silent), then => $leaves, is => 'SH-- 502 | 502 FIN' },
	'half a head, and the server closes' => { send => $get, server => then_closes(says("${ok}Content-")), then => $leaves, is => 'SH-- 502 | 502 FIN' },
	'half a head, and the server resets' => { send => $get, server => then_resets(says("${ok}Content-")), then => $leaves, is => 'SH-- 502 | 502 FIN' },
	'half a head, and silence' => { send => $get, server => then_stalls(says("${ok}Content-")), timeout => { server => $short }, then => $leaves, is => 'sH-- 504 | 504 FIN' },
	'no HTTP' => { send => $get, server => then_stalls(says("junk{}{}")), then => $leaves, is => 'PH-- 502 | 502 FIN' },
	'a bad field' => { send => $get, server => then_stalls(says("${ok}a b: c{}{}")), then => $leaves, is => 'PH-- 502 | 502 FIN' },
	'a head that does not end' => { send => $get, server => then_stalls(says($ok . 'A: b{}' x 20000)), then => $leaves, is => 'PH-- 502 | 502 FIN' },
	'100, and silence' => { send => $get, server => then_stalls(says("HTTP/1.1 100 Continue{}{}")), timeout => { server => $short },
		then => $leaves, is => 'sH-- 504 | 100* 504 FIN' },
	'103, and the server closes' => { send => $get, server => then_closes(says("HTTP/1.1 103 Hints{}Link: </a>{}{}")), then => $leaves, is => 'SH-- 502 | 103* 502 FIN' },
	'the client resets while it waits' => { send => $get, server => then_stalls($silent), once => 1, client => $cuts, is => 'CH-- - | left',
		haproxy => 'sH-- 504 | left', why => $unheard },
	'the client ends while it waits' => { send => $get, server => sub { select(undef, undef, undef, 0.2); says($hello)->(@_) }, once => 1, client => $leaves, is => '---- 200 | 200 FIN' },

	# -- servers that stop answering
	'a length, and the server closes' => { send => $get, server => then_closes(says("${ok}Content-Length: 10{}{}half")), is => 'SD-- 200 | 200 cut RST',
		haproxy => 'SD-- 200 | 200 cut FIN', why => $cut },
	'a length, and the server resets' => { send => $get, server => then_resets(says("${ok}Content-Length: 10{}{}half")), is => 'SD-- 200 | 200 cut RST',
		haproxy => 'SD-- 200 | 200 cut FIN', why => $cut },
	'a length, and silence' => { send => $get, server => then_stalls(says("${ok}Content-Length: 10{}{}", 'half')), timeout => { server => $short }, is => 'sD-- 200 | 200 cut RST',
		haproxy => 'sD-- 200 | 200 cut FIN', why => $cut },
	'a chunk, and the server closes' => { send => $get, server => then_closes(says("${ok}Transfer-Encoding: chunked{}{}5{}he")), is => 'SD-- 200 | 200 cut RST',
		haproxy => 'SD-- 200 | 200 cut FIN', why => $cut },
	'chunks, and the server closes' => { send => $get, server => then_closes(says("${ok}Transfer-Encoding: chunked{}{}5{}hello{}")), is => 'SD-- 200 | 200 cut RST',
		haproxy => 'SD-- 200 | 200 cut FIN', why => $cut },
	'chunks, and silence' => { send => $get, server => then_stalls(says("${ok}Transfer-Encoding: chunked{}{}5{}hello{}")), timeout => { server => $short }, is => 'sD-- 200 | 200 cut RST',
		haproxy => 'sD-- 200 | 200 cut FIN', why => $cut },
	'chunks to HTTP/1.0, and the server closes' => { send => $get10, server => then_closes(says("${ok}Transfer-Encoding: chunked{}{}5{}hello{}")), is => 'SD-- 200 | 200 close cut RST',
		haproxy => 'SD-- 200 | 200 close cut FIN', why => $cut },
	'chunks that are none' => { send => $get, server => then_stalls(says("${ok}Transfer-Encoding: chunked{}{}5{}hello{}", 'x{}')), is => 'PD-- 200 | 200 cut RST',
		haproxy => 'SD-- 200 | 200 cut FIN', why => "$cut; and $manual" },
	'until the end' => { send => $get, server => then_closes(says("${ok}{}hello")), is => '---- 200 | 200 close FIN' },
	'until a reset' => { send => $get, server => then_resets(says("${ok}{}hello")), is => 'SD-- 200 | 200 close cut RST',
		haproxy => 'SD-- 200 | 200 close FIN', why => $cut },
	'until silence' => { send => $get, server => then_stalls(says("${ok}{}", 'hello')), timeout => { server => $short }, is => 'sD-- 200 | 200 close cut RST',
		haproxy => 'sD-- 200 | 200 close FIN', why => $cut },

	# -- clients that do not read
	'a client that does not read' => { send => $get, server => $floods, timeout => { client => $short }, is => 'cD-- 200 | 200 cut RST',
		haproxy => 'cD-- 200 | 200 cut FIN', why => $cut },
	'a client that leaves' => { send => $get, server => $floods, client => when_begun($cuts), is => 'CD-- 200 | left' },
	'a client that closes with data unread' => { send => $get, server => $floods, client => when_begun(sub { $_[0]->close }), is => 'CD-- 200 | left' },
	'a client that resets, and nothing is sent' => { send => $get, server => then_stalls(says("${ok}Content-Length: 10{}{}", 'half')), client => when_begun($cuts), is => 'CD-- 200 | left',
		haproxy => 'sD-- 200 | left', why => $unheard },
	'interim answers for ever, to a client that does not read' => { send => $get, server => $hints, timeout => { client => $short }, is => 'cH-- 408 | 103* cut RST',
		haproxy => 'cD-- 0 | 103* cut FIN', why => $phase },
	'a client that ends, and reads' => { send => $get, server => says("${ok}Content-Length: 10{}{}", 'hello', 'world'), client => when_begun($leaves), is => '---- 200 | 200 FIN' },

	# -- answers that come early
	'413, and the server closes' => { send => "${post}half", server => then_closes(says("HTTP/1.1 413 Large{}Content-Length: 0{}{}")), is => '---- 413 | 413 FIN',
		client => when_answered($stays),
		haproxy => 'cD-- 413 | 413 (?:open|FIN)', why => $unread },
	'413 and "close"' => { send => "${post}half", server => then_closes(says("HTTP/1.1 413 Large{}Connection: close{}Content-Length: 0{}{}")), is => '---- 413 | 413 close FIN',
		haproxy => 'cD-- 413 | 413 (?:open|FIN)', why => $unread },
	'an early answer, and the server reads on' => { send => "${post}half", client => when_answered(sub { $_[0]->send('andmor'); $_[0]->half_close }),
		server => sub { my ($c) = @_; says($hello)->($c); return reads_length($c, 10) }, is => '---- 200 | 200 FIN' },
	'an early answer, and a body that stops' => { send => "${post}half", server => then_stalls(says($hello)), timeout => { client => $short }, is => 'cD-- 200 | 200 FIN' },
	'an early answer, and the client leaves' => { send => "${post}half", server => then_stalls(says($hello)), then => $leaves, is => 'CD-- 200 | 200 FIN' },

	'an early answer, and the server reads no more' => { send => "POST /TOKEN HTTP/1.1{}Host: a{}Content-Length: 1073741824{}{}", server => sub { says($hello)->(@_); sleep while 1 },
		timeout => { server => $short }, client => sub { $_[0]->send($bulk, 0.2) == length $bulk or last for 1 .. 64 }, is => 'sD-- 200 | 200 FIN',
		haproxy => 'sD-- 200 | (?:200 FIN|RST)', why => 'an answer that was given is not taken back' },
	'an early answer, and the server reads until it closes' => { send => "POST /TOKEN HTTP/1.1{}Host: a{}Content-Length: 1073741824{}{}",
		server => sub { my ($c) = @_; says($hello)->($c); return reads_length($c, 1 << 20) && 0 }, client => sub { $_[0]->send($bulk, 0.2) == length $bulk or last for 1 .. 8 }, is => '---- 200 | 200 FIN',
		haproxy => 'SD-- 200 | (?:200 FIN|RST)', why => $unread },

	# -- ordinary ends
	'100-continue' => { send => "POST /TOKEN HTTP/1.1{}Host: a{}Expect: 100-continue{}Content-Length: 10{}{}",
		client => when(sub { $_[0]->buffer =~ /100 Continue/ }, sub { $_[0]->send('helloworld'); when_answered($leaves)->(@_) }),
		server => sub { my ($c) = @_; says("HTTP/1.1 100 Continue{}{}")->($c); return reads_length($c, 10) && says($hello)->($c) }, is => '---- 200 | 100* 200 FIN' },
	'417 instead' => { send => "POST /TOKEN HTTP/1.1{}Host: a{}Expect: 100-continue{}Content-Length: 10{}{}",
		client => when_answered(sub { $_[0]->send('helloworld'); $_[0]->half_close }),
		server => sub { my ($c) = @_; says("HTTP/1.1 417 No{}Content-Length: 0{}{}")->($c); return reads_length($c, 10) }, is => '---- 417 | 417 FIN' },
	'417 instead, and no body' => { send => "POST /TOKEN HTTP/1.1{}Host: a{}Expect: 100-continue{}Content-Length: 10{}{}", then => $leaves,
		server => then_closes(says("HTTP/1.1 417 No{}Content-Length: 0{}Connection: close{}{}")), is => '---- 417 | 417 close FIN',
		haproxy => 'CD-- 417 | 417 FIN', why => $unread },
	'status 103' => { send => $get, server => says("HTTP/1.1 103 Hints{}Link: </a>{}{}", $hello), then => $leaves, is => '---- 200 | 103* 200 FIN' },
	'103 to HTTP/1.0' => { send => $get10, server => says("HTTP/1.1 103 Hints{}Link: </a>{}{}", $hello), is => '---- 200 | 200 close FIN',
		haproxy => '---- 200 | 103* 200 close FIN', why => 'HTTP/1.0 has no interim answers (RFC 9110, 15.2)' },
	'HEAD' => { send => "HEAD /TOKEN HTTP/1.1{}Host: a{}{}", methods => ['HEAD'], server => says("${ok}Content-Length: 5{}{}"), then => $leaves, is => '---- 200 | 200 FIN' },
	'status 204' => { send => $get, server => says("HTTP/1.1 204 None{}{}"), then => $leaves, is => '---- 204 | 204 FIN' },
	'status 304' => { send => $get, server => says("HTTP/1.1 304 Same{}Content-Length: 5{}{}"), then => $leaves, is => '---- 304 | 304 FIN' },
	'chunks to HTTP/1.0' => { send => $get10, server => says("${ok}Transfer-Encoding: chunked{}{}5{}hello{}0{}{}"), is => '---- 200 | 200 close FIN' },
	'HTTP/1.0 that stays' => { send => "GET /TOKEN HTTP/1.0{}Connection: keep-alive{}{}" x 2, then => $leaves, answers => 2, is => '---- 200, ---- 200 | 200 200 FIN' },

	# -- rules
	'a rule answers' => { send => $get, rules => ['return', status => 200, content_type => 'text/plain', string => 'hello'], then => $leaves, is => 'LR-- 200 | 200 FIN' },
	'a rule answers, with a body under way' => { send => "${post}half", rules => ['return', status => 200, content_type => 'text/plain', string => 'hello'],
		is => 'LR-- 200 | 200 close FIN' },
	'a rule denies' => { send => $get, rules => ['deny'], then => $leaves, is => 'PR-- 403 | 403 FIN' },
	'a rule redirects' => { send => $get, rules => ['redirect', location => '/x'], then => $leaves, is => 'LR-- 302 | 302 FIN' },

	# -- the administrator
	'ended while it waits' => { send => $get, server => then_stalls($silent), once => 1, admin => 1, is => 'KH-- 500 | 500 close FIN',
		haproxy => 'KH-- 502 | 502 FIN', why => '500, as newer HAProxy says (BEHAVIOUR 1.6)' },
	'ended while we connect' => { send => $get, server => 'drops', connecting => 1, admin => 1, is => 'KC-- 500 | 500 close FIN',
		haproxy => 'K--- - | FIN', why => 'the second letter is the phase, and the client is told (BEHAVIOUR 1.6)' },
	'ended in a body' => { send => $get, server => then_stalls(says("${ok}Content-Length: 10{}{}half")), client => when_begun($stays), admin => 1, is => 'KD-- 200 | 200 cut RST',
		haproxy => 'KD-- 200 | 200 cut FIN', why => $cut },
	'ended in chunks' => { send => $get, server => then_stalls(says("${ok}Transfer-Encoding: chunked{}{}5{}hello{}")), client => when_begun($stays), admin => 1,
		is => 'KD-- 200 | 200 cut RST', haproxy => 'KD-- 200 | 200 cut FIN', why => $cut },
	'ended in a body without a length' => { send => $get, server => then_stalls(says("${ok}{}half")), client => when_begun($stays), admin => 1,
		is => 'KD-- 200 | 200 close cut RST', haproxy => 'K--- 200 | 200 close FIN', why => $cut },
	'ended in the body of a request' => { send => "${post}half", server => then_stalls($silent), once => 1, admin => 1, is => 'KH-- 500 | 500 close FIN',
		haproxy => 'K--- - | FIN', why => 'the second letter is the phase, and the client is told (BEHAVIOUR 1.6)' },
	'ended in line' => { send => $get, server => then_stalls($silent), maxconn => 1, behind => 1, admin => 1, is => 'KQ-- 500 | 500 close FIN',
		haproxy => 'sH-- 504 | 504 open', why => 'there it is not of the server yet, and gets the place of who was ended' },
);

sub ends { return \%ends }

my @order = sort keys %ends;
my %id = map { ($order[$_] => sprintf('c%02d', $_)) } 0 .. $#order;
my %by_id = reverse %id;

sub ends_id { return $id{$_[0]} }

# What HAProxy takes from others where it is unset, all is said.
sub ends_timeouts {
	my ($name) = @_;
	return { (map { ($_ => seconds(4) . 's') } qw(connect client server queue http_request)), http_keep_alive => '20s', %{$ends{$name}{timeout} // {}} };
}

# -- the servers

my ($origin, $refusing, $full, @fill);

sub serve {
	my ($c, $self) = @_;
	while ($c->read_until("\r\n\r\n", $forever) =~ m{^\S+ /(\w+) .*\r\n\r\n\z}s) {
		my $case = $ends{$by_id{$1} // return undef};
		$self->note("note $1");
		($case->{server} // says($hello))->($c) or last;
	}
	return undef;
}

sub start_origins {
	$origin //= Sluice::Origin->start('a', \&serve);
	$refusing //= Sluice::Origin->refusing_address;
	return if $full;
	# a listening socket whose queue is full: the kernel drops who comes next
	$full = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 1) // die "listen: $!\n";
	listen($full, 0) or die "listen: $!\n";
	@fill = map { IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $full->sockport, Blocking => 0) } 1 .. 4;
}

# Of a case's servers: none or one.
sub ends_addresses {
	my ($name) = @_;
	start_origins();
	my $server = $ends{$name}{server};
	return $origin->address if ref $server || !defined $server;
	return $server eq 'refuses' ? $refusing : $server eq 'drops' ? '127.0.0.1:' . $full->sockport : ();
}

# -- sluice

sub sluice_config {
	my (@names) = @_;
	my %config = (global => { threads => 1, maxconn => 1000 }, defaults => { mode => 'http', retries => 0 });
	for my $name (@names) {
		my ($case, $id, $timeout) = ($ends{$name}, $id{$name}, ends_timeouts($name));
		my %of_frontend = map { ($_ => $timeout->{$_}) } qw(client http_request http_keep_alive);
		my %of_backend = map { ($_ => $timeout->{$_}) } qw(connect server queue);
		$config{frontends}{$id} = { bind => ['127.0.0.1:0'], $case->{no_backend} ? () : (default_backend => $id), timeout => \%of_frontend,
			map { my ($action, %more) = @$_; (rules => [{ action => $action, %more }]) } $case->{rules} // () };
		$config{backends}{$id} = { retries => $case->{retries} // 0, timeout => \%of_backend, maxqueue => $case->{maxqueue} // 100,
			servers => { map { (s1 => { address => $_, maxconn => $case->{maxconn} // 0, $case->{disabled} ? (admin_state => 'maint') : () }) } ends_addresses($name) } };
	}
	return \%config;
}

sub sluice_side {
	my ($lb) = @_;
	my (%address, %lines);
	my $read = 0;
	return {
		address => sub { $address{$_[0]} //= $lb->address($_[0]) },
		numbers => sub {
			my $sessions = $lb->get("/v1/backends/$_[0]")->{json}{status}{sessions};
			return ($sessions->{current}, $sessions->{queue});
		},
		end => sub { $lb->delete("/v1/sessions?backend=$_[0]") },
		lines => sub {
			my $new = substr($lb->stdout, $read) =~ s/[^\n]*\z//r;
			$read += length $new;
			for my $line (map { JSON::PP::decode_json($_) } grep { /^\{/ } split /\n/, $new) {
				push @{$lines{$line->{frontend}}}, [@$line{qw(client termination_state)}, $line->{status} // '-'];
			}
			return @{$lines{$_[0]} // []};
		},
	};
}

# -- the play

# The request has come to where the case wants it.
sub wait_for_place {
	my ($case, $side, $id, $before) = @_;
	wait_until { ($side->{numbers}->($id))[1] == 1 } 5, "$id: a line" if $case->{behind} && !$case->{maxqueue};
	wait_until { ($side->{numbers}->($id))[0] == 1 } 5, "$id: a connection" if $case->{connecting};
	wait_until { (grep { $_ eq $id } $origin->notes) > $before } 5, "$id: the request at the server" if $case->{once};
}

sub play {
	my ($side, $name) = @_;
	my ($case, $id) = ($ends{$name}, $id{$name});
	my %scene = (name => $name, id => $id);
	for my $number (1 .. $case->{behind} // 0) {
		push @{$scene{holders}}, my $holder = Sluice::Client->connect($side->{address}->($id));
		$holder->send(crlf($get) =~ s/TOKEN/$id/r);
		wait_until { ($side->{numbers}->($id))[$number - 1] == 1 } 5, "$id: the place to be taken";
	}
	my $before = $case->{once} ? grep { $_ eq $id } $origin->notes : 0;
	my $c = $scene{client} = Sluice::Client->connect($side->{address}->($id));
	$c->{methods} = $case->{methods} // [];
	$scene{local} = $c->local_address;
	my $ask = $scene{ask} = sub { $c->send(crlf($_[0]) =~ s/TOKEN/$id/gr) };
	$ask->($case->{send}) if $case->{send} ne '';
	wait_for_place($case, $side, $id, $before);
	($case->{client} // $stays)->($c, $ask);
	$side->{end}->($id) if $case->{admin};
	return \%scene;
}

sub lines_of {
	my ($side, $scene) = @_;
	return map { "$_->[1] $_->[2]" } grep { $_->[0] eq $scene->{local} } $side->{lines}->($scene->{id});
}

# What the client has, and how it ended.
sub seen_by {
	my ($c) = @_;
	return 'left' if !defined $c->socket->fileno;
	my $end = !$c->closed_within(3) ? 'open' : $c->was_reset ? 'RST' : 'FIN';
	my @seen;
	for my $answer (answers_in($c->buffer, $c->{methods}, $end eq 'FIN')) {
		my $status = $answer->{status} // (defined $answer->{fault} ? 'junk' : '');
		next if "$status*" eq ($seen[-1] // '');
		push @seen, $status =~ /^1/ ? "$status*" : $status || ();
		push @seen, 'close' if lc(field($answer, 'Connection') // '') eq 'close';
		push @seen, 'cut' if !$answer->{whole};
	}
	return join ' ', @seen, $end;
}

sub ends_of {
	my ($side, $which, @names) = @_;
	my @scenes = map { play($side, $_) } @names;
	for my $scene (grep { $ends{$_->{name}}{then} } @scenes) {
		my $case = $ends{$scene->{name}};
		when_answered($case->{then}, $case->{answers})->($scene->{client}, $scene->{ask});
	}
	my %outcome;
	for my $scene (@scenes) {
		# so many lines as are expected at least; more would come before those of the others have
		my ($expected) = split / \| /, $ends{$scene->{name}}{$which} // $ends{$scene->{name}}{is};
		my $count = () = ($expected // '') =~ /--(?= )/g;
		becomes { lines_of($side, $scene) >= $count } 5;
		$scene->{seen} = seen_by($scene->{client});
	}
	$outcome{$_->{name}} = join(', ', lines_of($side, $_)) . " | $_->{seen}" for @scenes;
	$_->reset for grep { defined && defined $_->socket->fileno } map { $_->{client}, @{$_->{holders} // []} } @scenes;
	return %outcome;
}

1;

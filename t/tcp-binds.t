#!/usr/bin/perl
# tier: story
#
# An address changes hands as fast as its owner can write: a frontend is deleted, and another one takes its address
# before the deletion was answered. Nobody else has it in between, so nothing is in the way.
use Sluice;
use JSON::PP qw(encode_json);

my $dir = File::Temp->newdir('sluice-test-XXXXXX', TMPDIR => 1);
my $origin = Sluice::Origin->start('red', 'greet');
my $lb = Sluice->start(config => { global => { threads => 2 },
	backends => { app => { mode => 'tcp', servers => { s => { address => $origin->address } } } } });

# A request that is sent, and whose answer is read later.
sub sent {
	my ($method, $path, $body) = @_;
	my $text = defined $body ? encode_json($body) : '';
	my $c = Sluice::Client->connect($lb->admin_address);
	$c->send("$method $path HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " . length($text) . "\r\n\r\n$text");
	return $c;
}

sub ok_answer {
	my ($c, $status, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	like $c->read_line, qr/^HTTP\/1\.1 $status /, $name;
	$c->close;
}

sub frontend { return { mode => 'tcp', bind => [$_[0]], default_backend => 'app' } }

# An address that is free: what port 0 gave, and was deleted.
is $lb->put('/v1/frontends/any', frontend('127.0.0.1:0'))->{status}, 201, 'a frontend with any port';
my $tcp = $lb->address('any');
is $lb->delete('/v1/frontends/any')->{status}, 204, 'is deleted';

for my $address ($tcp, "unix:$dir/sock", "unix:\@sluice-test-$$") {
	for my $round (1 .. 5) {
		ok_answer sent('PUT', '/v1/frontends/one', frontend($address)), 201, "$address: a frontend";
		my @both = (sent('DELETE', '/v1/frontends/one'), sent('PUT', '/v1/frontends/two', frontend($address)));
		ok_answer $both[0], 204, 'it is deleted';
		ok_answer $both[1], 201, 'and another one has its address at once';
		is(Sluice::Client->connect($address)->read_line, 'red', 'it serves') if $address !~ /@/;
		ok_answer sent('DELETE', '/v1/frontends/two'), 204, 'and goes';
		is(Sluice::Client->try_connect($address), undef, 'nobody listens') if $address !~ /@/;
	}
}

$lb->stop;
done_testing;

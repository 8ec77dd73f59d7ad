#!/usr/bin/perl
# tier: story
#
# HAProxy before sluice and HAProxy behind it, speaking the PROXY protocol all the way, in version 1 and in version 2 with
# all that it can add: the last one sees the first one's client. HAProxy's health checks leave nothing behind.
use Sluice;
use Sluice::Http;
use Sluice::Neighbour;

plan skip_all => $_ for Sluice::Neighbour::missing(qw(haproxy));
my $behind = Sluice::Neighbour->haproxy('frontend f', "\tmode http", "\tbind \$ADDRESS accept-proxy",
	"\thttp-request return status 200 content-type text/plain lf-string \"%[src]:%[src_port] %[dst]:%[dst_port] %[fc_pp_authority] %[fc_pp_unique_id]\"");
my %how = (send_proxy => {}, send_proxy_v2 => { proxy_v2_options => [qw(crc32c authority)] });
my (%frontends, %backends);
for my $mode (qw(http tcp)) {
	for my $how (keys %how) {
		my $name = "$mode-$how";
		$frontends{$name} = { mode => $mode, default_backend => $name,
			bind => [{ address => '127.0.0.1:0', accept_proxy => ['127.0.0.1'] }] };
		$backends{$name} = { mode => $mode, servers => { s => { address => $behind->address, $how => JSON::PP::true, %{$how{$how}} } } };
	}
}
my $lb = Sluice->start(config => { global => { threads => 2 }, frontends => \%frontends, backends => \%backends });

for my $name (sort keys %frontends) {
	my %sends = (
		'send-proxy' => '',
		'send-proxy-v2' => '',
		'send-proxy-v2 proxy-v2-options crc32c,unique-id,authority' => "\tunique-id-format %ci-%cp\n",
		'send-proxy-v2-ssl' => '',
	);
	for my $sends (sort keys %sends) {
		my $before = Sluice::Neighbour->haproxy('defaults', "\ttimeout check 1s", "\ttimeout client 10s", "\ttimeout server 10s",
			"\ttimeout connect 10s", 'frontend f', "\tmode http", $sends{$sends} . "\tbind \$ADDRESS", "\tdefault_backend b",
			'backend b', "\tmode http", "\thttp-reuse always",
			"\tserver s @{[$lb->address($name)]} $sends check check-send-proxy inter 50ms fastinter 50ms");
		my $wrong = '';
		my @c = map { Sluice::Client->connect($before->address) } 1 .. 3;
		for my $c (@c, @c) {
			$c->send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n");
			my $said = read_answer($c)->{body} // 'nothing';
			my $want = $c->local_address . ' ' . $before->address;
			$wrong .= "\"$said\" is not $want; " if index($said, $want) != 0;
		}
		is $wrong, '', "$sends, $name";
	}
}
# each of the sixteen was ended, perhaps just when a check had connected
cmp_ok scalar(grep { $_->{termination_state} =~ /^P/ } $lb->log_lines), '<=', 16, 'nothing of it was refused';
# a check in HTTP mode asks nothing; in TCP mode each is a session, of HAProxy itself
ok((becomes { grep { $_->{frontend} =~ /^tcp/ && ($_->{bytes_in} // 0) == 0 } $lb->log_lines } 5), 'checks came, too');
$lb->stop;
done_testing;

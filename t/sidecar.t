#!/usr/bin/perl
# tier: story
# contrib/kubernetes/sidecar.yaml does what it says: the application that is checked serves once it answers, the
# backup until then and when it dies; and README's ways to ask whether any is usable tell while /readyz stays 200.
use Sluice;
use File::Temp ();
use JSON::PP ();

my $yaml = Sluice::slurp(Sluice->source_dir . '/contrib/kubernetes/sidecar.yaml');
my $readme = Sluice::slurp(Sluice->source_dir . '/README');
sub block {
	my ($name) = @_;
	my ($text) = $yaml =~ /^  \Q$name\E: \|\n((?:(?:    .*)?\n)+)/m or die "no $name";
	return $text =~ s/^    //mgr;
}

my %says;
my %origin = map { my $name = $_; $says{$name} = File::Temp->new(TMPDIR => 1); $name => Sluice::Origin->start($name, sub {
	my ($conn) = @_;
	while ($conn->read_until("\r\n\r\n", 60) =~ /\r\n\r\n\z/) {
		$conn->send('HTTP/1.1 ' . Sluice::slurp("$says{$name}") . "\r\nContent-Length: " . length($name) . "\r\n\r\n$name");
	}
	return;
}) } 'local', 'fallback';
sub say_status { my ($name, $status) = @_; Sluice::spew("$says{$name}", $status); return }
say_status('local', '503 Not yet');
say_status('fallback', '200 OK');

my $files = File::Temp->newdir('sluice-sidecar-XXXXXX', TMPDIR => 1);
Sluice::spew("$files/503.http", block('503.http'));
my $config = JSON::PP->new->decode(block('sluice.json'));
my ($app, $web) = ($config->{backends}{app}, $config->{frontends}{web});
delete $config->{global}{log};
$config->{global}{files_dir} = "$files";
$web->{bind} = ['127.0.0.1:0'];
$app->{servers}{$_}{address} = $origin{$_}->address for keys %origin;
$app->{default_server}{$_} = '50ms' for 'inter', 'fastinter';
$app->{errorfiles}{503} = "$files/503.http";
my ($rule) = map { JSON::PP->new->decode($_) } $readme =~ /^    (\{"action": "return", .*nbsrv\(app\) eq 0 \}"\})$/m;
my ($uri, $fail) = $readme =~ /^    "monitor_uri": "(.*)", "monitor_fail": "(.*)"$/m;
is_deeply [$uri, $fail], [@$web{qw(monitor_uri monitor_fail)}], 'README prints what the sidecar has';
$rule->{if} =~ s{/monitor }{/rule };
unshift @{$web->{rules}}, $rule;
my $lb = Sluice->start(config => $config);

sub ask {
	my ($path) = @_;
	my $client = $lb->connect('web');
	$client->send("GET $path HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n");
	my ($status, $body) = $client->read_all =~ m{^HTTP/1.1 (\d+).*?\r\n\r\n(.*)}s;
	return "$status $body";
}
sub served_by { my ($name) = @_; ok becomes { ask('/') eq "200 $name" } 10, "$name serves"; return }

served_by('fallback');
like ask($_), qr/^200/, "$_: one is usable" for '/monitor';
say_status('local', '200 OK');
served_by('local');
is ask('/metrics') =~ s/ .*//sr, 404, 'the rule holds';
say_status('local', '500 Oh no');
served_by('fallback');
say_status('fallback', '500 Oh no');
ok becomes { ask('/') =~ /^503 <h1>Back in a moment/ } 10, 'neither: the error page';
like ask($_), qr/^503/, "$_ says so" for '/monitor', '/rule';
is $lb->get('/readyz')->{status}, 200, '/readyz does not';
say_status('local', '200 OK');
served_by('local');
like ask('/monitor'), qr/^200/, 'and all is well';
$lb->stop;
done_testing;

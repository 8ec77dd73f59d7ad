package Bench::Proxy;

# Who is measured, and how each is set up: one thread, TCP mode, no log, the port picked by the kernel.
#
# HAProxy and nginx cannot listen on port 0, so they inherit a socket that is bound here: HAProxy by
# fd@N, nginx the way its own binary upgrade does it.

use strict;
use warnings;
use HTTP::Tiny;
use IO::Socket::IP;
use JSON::PP;
use Socket qw(SOMAXCONN);
use Bench::Process;

# The limit of connections that each is told: two descriptors a connection, and HAProxy wants pipes for
# every fourth when it may splice, out of 20,000.
my $maxconn = 6000;

# HAProxy in bulk, from what everybody writes to the best it has. splice-auto is no steady opponent: it
# begins to splice only when the stream's task happens to run, so seconds may pass (2.6, process_stream).
my $splice_auto = "\toption splice-auto\n";
my $splice_always = "\toption splice-request\n\toption splice-response\n";
my $large_pipes = "\ttune.pipesize 1048576\n";	# what the kernel lets anyone have

# name, in which modes (all, or those), whether it is a floor and no competitor, how it starts:
# start({ folder, files, core, tools, log, port => origin's, bulk => 1 in bulk modes }) gives process and port.
my @proxies = (
	{ name => 'sluice', start => \&sluice_start },
	{ name => 'haproxy', start => sub { haproxy_start($_[0], '', $_[0]{bulk} ? $splice_always : '') } },
	{ name => 'haproxy-auto', modes => qr/^(down|up)$/,
		start => sub { haproxy_start($_[0], '', $splice_auto) } },
	{ name => 'haproxy-tuned', modes => qr/^(down|up)$/,
		start => sub { haproxy_start($_[0], $large_pipes, $splice_always) } },
	{ name => 'nginx', start => \&nginx_start },
	{ name => 'floor', floor => 1, start => \&pump_start },
	{ name => 'floor-splice', floor => 1, modes => qr/^(down|up)$/,
		start => sub { pump_start($_[0], '--splice') } },
);

sub all { return @proxies }
sub names { return map { $_->{name} } @proxies }

# A running proxy: { %proxy, process, port }.
sub start {
	my ($proxy, %o) = @_;
	# side by side in one folder: each file has the proxy's name
	my ($process, $port) = $proxy->{start}->({ %o, files => "$o{folder}/$proxy->{name}",
		log => "$o{folder}/$proxy->{name}.log" });
	return { %$proxy, process => $process, port => $port };
}

sub stop {
	my ($running) = @_;
	# sluice takes SIGTERM as "finish what is under way"
	$running->{process}->stop($running->{name} eq 'sluice' ? 'INT' : 'TERM');
}

# Why it cannot take part, or undef.
sub missing {
	my ($proxy) = @_;
	my $name = $proxy->{name};
	return -x ($ENV{SLUICE_BIN} // '') ? undef : 'SLUICE_BIN names no program' if $name eq 'sluice';
	return undef if $proxy->{floor};
	return haproxy() ? undef : 'apt-get install haproxy' if $name =~ /^haproxy/;
	return nginx() && nginx_module() ? undef : 'apt-get install nginx libnginx-mod-stream';
}

sub find_program {
	my ($path) = grep { -x } @_;
	return $path;
}

sub haproxy { return find_program($ENV{HAPROXY_BIN} // (), '/usr/sbin/haproxy', '/usr/local/sbin/haproxy') }
sub nginx { return find_program($ENV{NGINX_BIN} // (), '/usr/sbin/nginx', '/usr/local/sbin/nginx') }

sub nginx_module {
	my ($module) = grep { -e } map { "$_/nginx/modules/ngx_stream_module.so" } qw(/usr/lib /usr/lib64);
	return $module;
}

sub versions {
	my %version;
	$version{haproxy} = $1 if haproxy() && `@{[haproxy()]} -v 2>&1` =~ /version (\S+)/;
	$version{nginx} = $1 if nginx() && `@{[nginx()]} -v 2>&1` =~ m{nginx/(\S+)};
	$version{sluice} = $1 if $ENV{SLUICE_BIN} && -x $ENV{SLUICE_BIN}
		&& `$ENV{SLUICE_BIN} --version 2>&1` =~ /sluice (\S+)/;
	return \%version;
}

sub file_write {
	my ($path, $text) = @_;
	open(my $out, '>', $path) or die "$path: $!\n";
	print $out $text;
	close($out) or die "$path: $!\n";
	return $path;
}

sub socket_open {
	return IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => SOMAXCONN)
		|| die "listen: $@\n";
}

sub sluice_start {
	my ($o) = @_;
	my $config = file_write("$o->{files}.json", encode_json({
		global => { threads => 1, maxconn => $maxconn },
		frontends => { f => { mode => 'tcp', bind => ['127.0.0.1:0'], default_backend => 'b', log => [] } },
		backends => { b => { mode => 'tcp', servers => { s1 => { address => "127.0.0.1:$o->{port}" } } } },
	}));
	my $process = Bench::Process->start(core => $o->{core}, log => $o->{log},
		argv => [$ENV{SLUICE_BIN}, '-f', $config, '--admin', '127.0.0.1:0']);
	my $line = $process->line;
	my ($admin) = $line =~ /^admin (\S+)$/ or $process->fail("said \"$line\", not its admin address");
	my $answer = HTTP::Tiny->new(timeout => 5, proxy => undef, http_proxy => undef)->get("http://$admin/v1/frontends/f");
	my $address = $answer->{success} && decode_json($answer->{content})->{status}{binds}[0]{address};
	$address or $process->fail("GET /v1/frontends/f: $answer->{status} $answer->{content}");
	return ($process, $address =~ s/.*://r);
}

sub haproxy_start {
	my ($o, $global, $defaults) = @_;
	my $socket = socket_open();
	my $fd = fileno($socket);
	my $config = file_write("$o->{files}.cfg", <<"EOT");
global
	nbthread 1
	maxconn $maxconn
${global}defaults
	mode tcp
	timeout connect 5s
	timeout client 50s
	timeout server 50s
$defaults
frontend f
	bind fd\@$fd
	default_backend b

backend b
	server s1 127.0.0.1:$o->{port}
EOT
	my $process = Bench::Process->start(core => $o->{core}, log => $o->{log}, pass => [$socket],
		argv => [haproxy(), '-db', '-f', $config]);
	return ($process, $socket->sockport);
}

sub nginx_start {
	my ($o) = @_;
	my $socket = socket_open();
	my $port = $socket->sockport;
	# without proxy_half_close an upload whose client says FIN first loses its answer
	my $bulk = $o->{bulk} ? 'proxy_buffer_size 64k; proxy_half_close on;' : '';
	my $module = nginx_module();
	my $config = file_write("$o->{files}.conf", <<"EOT");
load_module $module;
daemon off;
worker_processes 1;
pid $o->{files}.pid;
error_log stderr crit;
events { worker_connections 20000; }
stream {
	server { listen 127.0.0.1:$port; proxy_pass 127.0.0.1:$o->{port}; $bulk }
}
EOT
	my $process = Bench::Process->start(core => $o->{core}, log => $o->{log}, pass => [$socket],
		env => { NGINX => fileno($socket) . ';' },
		argv => [nginx(), '-p', $o->{folder}, '-c', $config]);
	return ($process, $port);
}

sub pump_start {
	my ($o, @more) = @_;
	my $process = Bench::Process->start(core => $o->{core}, log => $o->{log},
		argv => ["$o->{tools}/pump", '--connect', "127.0.0.1:$o->{port}", @more]);
	my ($port) = $process->line =~ /^port (\d+)$/ or $process->fail('has no port');
	return ($process, $port);
}

1;

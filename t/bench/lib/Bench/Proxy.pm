package Bench::Proxy;

# Who is measured, and how each is set up: TCP or HTTP mode, one thread or as many as the mode says, no log
# unless the mode is about one, the port picked by the kernel. In HTTP mode each keeps its connections to the server as somebody would set it
# up who wants speed, and by its own defaults where those are no slower.
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

# A session's first request on a kept connection of another: nginx always does that, HAProxy and sluice
# only when told, for it may fail in a way that the client sees.
my %always = (reuse => 'always');

# name, in which modes (all, or those), whether it is a floor and no competitor, how it starts:
# start({ folder, files, core, tools, log, port => origin's, answer => bytes of the origin's answer, and of the
# mode: bulk, http, workers, reuse, closes, logs }) gives process and port.
my @proxies = (
	{ name => 'sluice', start => \&sluice_start },
	{ name => 'sluice-always', modes => qr/^http-churn$/, start => sub { sluice_start({ %{$_[0]}, %always }) } },
	{ name => 'sluice-silent', modes => qr/^http-(log|httplog)$/, start => sub { sluice_start({ %{$_[0]}, logs => 0 }) } },
	{ name => 'haproxy', start => sub { haproxy_start($_[0], '', $_[0]{bulk} ? $splice_always : '') } },
	{ name => 'haproxy-always', modes => qr/^http-churn$/,
		start => sub { haproxy_start({ %{$_[0]}, %always }, '', '') } },
	{ name => 'haproxy-auto', modes => qr/^(down|up)$/,
		start => sub { haproxy_start($_[0], '', $splice_auto) } },
	{ name => 'haproxy-tuned', modes => qr/\b(down|up)$/,
		start => sub { haproxy_start($_[0], $large_pipes, $splice_always) } },
	{ name => 'haproxy-plain', modes => qr/^http-(down|up)$/, start => sub { haproxy_start($_[0], '', '') } },
	{ name => 'nginx', start => sub { $_[0]{http} ? nginx_http_start($_[0]) : nginx_stream_start($_[0]) } },
	{ name => 'floor', floor => 1, modes => qr/^(?!http-small-2|http-log|http-httplog)/,
		start => sub { $_[0]{http} ? relay_start($_[0]) : pump_start($_[0]) } },
	{ name => 'floor-splice', floor => 1, modes => qr/^(down|up)$/,
		start => sub { pump_start($_[0], '--splice') } },
);

sub all { return @proxies }
sub names { return map { $_->{name} } @proxies }

# A running proxy: { %proxy, process, port, admin => where sluice's REST is }.
sub start {
	my ($proxy, %o) = @_;
	# side by side in one folder: each file has the proxy's name
	my ($process, $port, $admin) = $proxy->{start}->({ %o, files => "$o{folder}/$proxy->{name}",
		log => "$o{folder}/$proxy->{name}.log" });
	return { %$proxy, process => $process, port => $port, admin => $admin };
}

sub stop {
	my ($running) = @_;
	# sluice takes SIGTERM as "finish what is under way"
	$running->{process}->stop($running->{name} =~ /^sluice/ ? 'INT' : 'TERM');
}

# Why it cannot take part, or undef.
sub missing {
	my ($proxy) = @_;
	my $name = $proxy->{name};
	return -x ($ENV{SLUICE_BIN} // '') ? undef : 'SLUICE_BIN names no program' if $name =~ /^sluice/;
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

# Non-blocking: nginx leaves what it inherits as it is, and of two workers one would wait in accept().
sub socket_open {
	return IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => SOMAXCONN, Blocking => 0)
		|| die "listen: $@\n";
}

# 20 rules as sites have them: HAProxy's line, and ours. Of the bench's requests none is denied.
my @rules = (
	['acl api path_beg /api /v1'],
	['acl robot req.hdr(user-agent) -m sub -i badbot scanner sqlmap nikto'],
	['http-request deny if { src 203.0.113.0/24 198.51.100.0/24 }', { action => 'deny', if => '{ src 203.0.113.0/24 198.51.100.0/24 }' }],
	['http-request deny if robot', { action => 'deny', if => 'robot' }],
	['http-request deny deny_status 405 unless { method GET HEAD POST PUT DELETE OPTIONS }',
		{ action => 'deny', deny_status => 405, unless => '{ method GET HEAD POST PUT DELETE OPTIONS }' }],
	['http-request deny if { path_end .php .asp .cgi }', { action => 'deny', if => '{ path_end .php .asp .cgi }' }],
	['http-request deny if { url_param(debug) -m found }', { action => 'deny', if => '{ url_param(debug) -m found }' }],
	['http-request redirect scheme https if { req.hdr(x-forwarded-proto) http }',
		{ action => 'redirect', scheme => 'https', if => '{ req.hdr(x-forwarded-proto) http }' }],
	['http-request redirect prefix https://www.example.org if { req.hdr(host) -i old.example.org }',
		{ action => 'redirect', prefix => 'https://www.example.org', if => '{ req.hdr(host) -i old.example.org }' }],
	['http-request set-var(txn.path) path,lower', { action => 'set-var', name => 'txn.path', expr => 'path,lower' }],
	['http-request set-header X-Real-IP %[src]', { action => 'set-header', name => 'X-Real-IP', value => '%[src]' }],
	['http-request set-header X-Forwarded-Proto http', { action => 'set-header', name => 'X-Forwarded-Proto', value => 'http' }],
	['http-request set-header X-Api 2 if api', { action => 'set-header', name => 'X-Api', value => '2', if => 'api' }],
	['http-request del-header X-Internal', { action => 'del-header', name => 'X-Internal' }],
	['http-request replace-path ^/v1/(.*) /\\1 if { path_beg /v1/ }',
		{ action => 'replace-path', match => '^/v1/(.*)', value => '/\1', if => '{ path_beg /v1/ }' }],
	['http-request set-path /index.html if { path / }', { action => 'set-path', value => '/index.html', if => '{ path / }' }],
	['http-request set-header X-Mobile 1 if { req.hdr(user-agent) -m reg -i (android|iphone|ipad) }',
		{ action => 'set-header', name => 'X-Mobile', value => '1', if => '{ req.hdr(user-agent) -m reg -i (android|iphone|ipad) }' }],
	['http-request set-header X-Cached 1 if { var(txn.path) -m end .css .js .png .jpg }',
		{ action => 'set-header', name => 'X-Cached', value => '1', if => '{ var(txn.path) -m end .css .js .png .jpg }' }],
	['use_backend b if { hdr_beg(host) -i static. img. }', { action => 'use_backend', backend => 'b', if => '{ hdr_beg(host) -i static. img. }' }],
	['use_backend b if api', { action => 'use_backend', backend => 'b', if => 'api' }],
	['http-response set-header Strict-Transport-Security max-age=63072000',
		{ phase => 'http-response', action => 'set-header', name => 'Strict-Transport-Security', value => 'max-age=63072000' }],
	['http-response del-header X-Powered-By', { phase => 'http-response', action => 'del-header', name => 'X-Powered-By' }],
);

sub rules_ours {
	return (acls => { api => ['path_beg /api /v1'], robot => ['req.hdr(user-agent) -m sub -i badbot scanner sqlmap nikto'] },
		rules => [map { $_->[1] // () } @rules]);
}

sub sluice_get {
	my ($process, $admin, $path) = @_;
	my $answer = HTTP::Tiny->new(timeout => 5, proxy => undef, http_proxy => undef)->get("http://$admin$path");
	$answer->{success} or $process->fail("GET $path: $answer->{status} $answer->{content}");
	return decode_json($answer->{content});
}

# What sluice's control loop did longest without a pause; undef of others.
sub worst_turn_us {
	my ($running) = @_;
	return undef if !$running->{admin};
	return sluice_get(@$running{qw(process admin)}, '/v1/info')->{loops}{control_worst_turn_us};
}

# How many servers sluice would send somebody to; undef of others.
sub servers_usable {
	my ($running) = @_;
	return undef if !$running->{admin};
	return sluice_get(@$running{qw(process admin)}, '/v1/backends/b')->{status}{servers}{usable};
}

# One, or as many as the mode wants checked: the same one under many names.
sub sluice_servers {
	my ($o) = @_;
	my %one = (address => "127.0.0.1:$o->{port}");
	return (servers => { s1 => \%one }) if !$o->{servers};
	return (servers => { map { ("s$_" => \%one) } 1 .. $o->{servers} },
		default_server => { check => JSON::PP::true, inter => "$o->{inter}s" },
		$o->{http} ? (check => { type => 'http', method => 'GET', uri => '/' }) : ());
}

sub haproxy_servers {
	my ($o) = @_;
	return "\tserver s1 127.0.0.1:$o->{port}\n" if !$o->{servers};
	my $how = $o->{http} ? "\toption httpchk GET /\n" : '';
	return join('', $how, "\tdefault-server check inter $o->{inter}s\n",
		map { "\tserver s$_ 127.0.0.1:$o->{port}\n" } 1 .. $o->{servers});
}

sub sluice_start {
	my ($o) = @_;
	my @mode = (mode => $o->{http} ? 'http' : 'tcp');
	my @reuse = $o->{reuse} ? (http_reuse => $o->{reuse}) : ();
	my @log = $o->{logs} ? { target => 'stderr', format => $o->{logs} eq 'httplog' ? 'httplog' : 'json' } : ();
	my $config = file_write("$o->{files}.json", encode_json({
		global => { threads => $o->{workers}, maxconn => $maxconn },
		frontends => { f => { @mode, bind => ['127.0.0.1:0'], default_backend => 'b', log => \@log,
			$o->{rules} ? rules_ours() : () } },
		backends => { b => { @mode, @reuse, sluice_servers($o) } },
	}));
	my $process = Bench::Process->start(core => $o->{core}, log => $o->{log},
		argv => [$ENV{SLUICE_BIN}, '-f', $config, '--admin', '127.0.0.1:0']);
	my $line = $process->line;
	my ($admin) = $line =~ /^admin (\S+)$/ or $process->fail("said \"$line\", not its admin address");
	my $address = sluice_get($process, $admin, '/v1/frontends/f')->{status}{binds}[0]{address};
	$address or $process->fail('has no bind');
	return ($process, $address =~ s/.*://r, $admin);
}

sub haproxy_start {
	my ($o, $global, $defaults) = @_;
	my $socket = socket_open();
	my $fd = fileno($socket);
	my $mode = $o->{http} ? 'http' : 'tcp';
	my $reuse = $o->{reuse} ? "http-reuse $o->{reuse}" : '';
	my $log = $o->{logs} ? "log stderr format raw local0\n\toption httplog" : '';
	my $rules = $o->{rules} ? join('', map { "\t$_->[0]\n" } @rules) : '';
	my $servers = haproxy_servers($o);
	my $most = $o->{servers} ? 1000 : $maxconn;	# a descriptor for each server's check is wanted, too
	my $config = file_write("$o->{files}.cfg", <<"EOT");
global
	nbthread $o->{workers}
	maxconn $most
${global}defaults
	mode $mode
	$reuse
	$log
	timeout connect 5s
	timeout client 50s
	timeout server 50s
$defaults
frontend f
	bind fd\@$fd
	default_backend b
$rules
backend b
$servers
EOT
	my $process = Bench::Process->start(core => $o->{core}, log => $o->{log}, pass => [$socket],
		argv => [haproxy(), '-db', '-f', $config]);
	return ($process, $socket->sockport);
}

sub nginx_stream_start {
	my ($o) = @_;
	# without proxy_half_close an upload whose client says FIN first loses its answer
	my $bulk = $o->{bulk} ? 'proxy_buffer_size 64k; proxy_half_close on;' : '';
	my $module = nginx_module();
	return nginx_start($o, "load_module $module;", sub { <<"EOT" });
stream {
	server { listen 127.0.0.1:$_[0]; proxy_pass 127.0.0.1:$o->{port}; $bulk }
}
EOT
}

# Bodies are streamed in large pieces and never written to files; who kept the defaults would wait for a disk.
sub nginx_http_start {
	my ($o) = @_;
	my $bulk = !$o->{bulk} ? '' : 'client_max_body_size 0; client_body_buffer_size 64k; proxy_request_buffering off;'
		. ' proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k; proxy_max_temp_file_size 0;';
	my $log = $o->{logs} ? "$o->{files}-access.log combined buffer=64k flush=1s" : 'off';
	my $temp = join(' ', map { "${_}_temp_path $o->{files}-$_;" } qw(client_body proxy fastcgi uwsgi scgi));
	return nginx_start($o, '', sub { <<"EOT" });
http {
	access_log $log; $temp
	keepalive_timeout 600s; keepalive_requests 1000000000;
	upstream b { server 127.0.0.1:$o->{port}; keepalive 256; keepalive_requests 1000000000; }
	server {
		listen 127.0.0.1:$_[0];
		location / {
			proxy_pass http://b; proxy_http_version 1.1;
			proxy_set_header Connection ""; proxy_set_header Host \$http_host; $bulk
		}
	}
}
EOT
}

# $what: told the port, the block that makes it listen there.
sub nginx_start {
	my ($o, $first, $what) = @_;
	my $socket = socket_open();
	my $port = $socket->sockport;
	my $config = file_write("$o->{files}.conf", <<"EOT" . $what->($port));
$first
daemon off;
worker_processes $o->{workers};
pid $o->{files}.pid;
error_log stderr crit;
events { worker_connections 20000; }
EOT
	my $process = Bench::Process->start(core => $o->{core}, log => $o->{log}, pass => [$socket],
		env => { NGINX => fileno($socket) . ';' },
		argv => [nginx(), '-p', $o->{folder}, '-c', $config]);
	return ($process, $port);
}

sub tool_start {
	my ($o, $name, @more) = @_;
	my $process = Bench::Process->start(core => $o->{core}, log => $o->{log},
		argv => ["$o->{tools}/$name", '--connect', "127.0.0.1:$o->{port}", @more]);
	my ($port) = $process->line =~ /^port (\d+)$/ or $process->fail('has no port');
	return ($process, $port);
}

sub pump_start {
	my ($o, @more) = @_;
	return tool_start($o, 'pump', @more);
}

sub relay_start {
	my ($o) = @_;
	return tool_start($o, 'relay', '--answer-bytes', $o->{answer}, $o->{closes} ? '--close' : ());
}

1;

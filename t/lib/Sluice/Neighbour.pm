package Sluice::Neighbour;

=head1 NAME

Sluice::Neighbour - the servers and proxies that people put behind sluice

=head1 SYNOPSIS

	use Sluice::Neighbour;

	plan skip_all => $_ for Sluice::Neighbour::missing('nginx', 'apache2');
	my $nginx = Sluice::Neighbour->nginx('server { listen $ADDRESS; location / { return 200 hello; } }');
	my $apache = Sluice::Neighbour->apache(<<'CONF');	# ServerRoot, Listen, a document root and logs are there
	my $haproxy = Sluice::Neighbour->haproxy('frontend f', '	bind $ADDRESS accept-proxy', ...);
	my $python = Sluice::Neighbour->python('HTTP/1.0');	# http.server on a folder
	... servers => { n => { address => $nginx->address } }
	like $nginx->log, qr/GET/, 'what it wrote to its standard output, and to access.log';

Each runs in a folder of its own (C<dir>, with C<www> below it, which it serves where it serves files), on a port that nobody
else has, and ends with the object. $ADDRESS and $DIR in a configuration are replaced. missing() is a text that names what is not
installed, or nothing.

=cut

use strict;
use warnings;
use Fcntl qw(F_SETFD FD_CLOEXEC);
use File::Path qw(make_path);
use File::Temp ();
use IO::Socket::IP;
use POSIX qw(:sys_wait_h);
use Scalar::Util qw(weaken);
use Sluice::Wait;

my %running;
my %place = (nginx => '/usr/sbin/nginx', apache2 => '/usr/sbin/apache2', haproxy => '/usr/sbin/haproxy');

sub missing {
	my @missing = grep { !-x($place{$_} // '') && system("command -v $_ >/dev/null") != 0 } @_;
	return @missing ? "not installed: @missing" : ();
}

sub new {
	my ($class, $name) = @_;
	my $self = bless { name => $name, owner => $$,
		dir => File::Temp->newdir("sluice-$name-XXXXXX", TMPDIR => 1) }, $class;
	chmod(0755, "$self->{dir}");
	make_path($self->file('www'));
	return $self;
}

sub dir { return "$_[0]{dir}" }
sub file { return "$_[0]{dir}/$_[1]" }
sub address { return $_[0]{address} }
sub port { return ($_[0]{address} =~ /:(\d+)$/)[0] }
sub log { my ($self) = @_; return Sluice::slurp($self->file('out')) . Sluice::slurp($self->file('access.log')) }
sub errors { return Sluice::slurp($_[0]->file('err')) }

# What a child may inherit, or must not.
sub listening {
	my $socket = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 1024) // die "listen: $!\n";
	fcntl($socket, F_SETFD, 0);
	return $socket;
}

sub begin {
	my ($self, $command, $env) = @_;
	$self->{pid} = Sluice::spawn($command, $self->file('out'), $self->file('err'), $env);
	weaken($running{$self->{pid}} = $self);
}

sub is_alive {
	my ($self) = @_;
	return $self->{pid} && waitpid($self->{pid}, WNOHANG) == 0;
}

sub accepts {
	my ($self) = @_;
	return IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $self->port);
}

sub await {
	my ($self, $ready) = @_;
	becomes { $ready->() || !$self->is_alive } 15;
	return $self if $self->is_alive && $ready->();
	die "$self->{name} does not start:\n" . $self->errors;
}

sub filled {
	my ($self, $text) = @_;
	$text =~ s/\$ADDRESS\b/$self->{listens} \/\/ $self->{address}/ge;
	$text =~ s/\$DIR\b/$self->dir/ge;
	return $text;
}

sub nginx {
	my ($class, $http) = @_;
	my $self = $class->new('nginx');
	my $socket = listening();
	$self->{address} = '127.0.0.1:' . $socket->sockport;
	my $temp = join(' ', map { "${_}_temp_path \$DIR/$_;" } qw(client_body proxy fastcgi uwsgi scgi));
	Sluice::spew($self->file('conf'), $self->filled(<<"EOT"));
daemon off;
worker_processes 1;
pid \$DIR/pid;
error_log stderr error;
events { worker_connections 4096; }
http {
	$temp
	access_log \$DIR/access.log;
	client_max_body_size 0;
	$http
}
EOT
	$self->begin([$place{nginx}, '-e', 'stderr', '-p', $self->dir, '-c', $self->file('conf')],
		{ NGINX => fileno($socket) . ';' });
	return $self->await(sub { $self->accepts });
}

# As many frontends as there are "bind $ADDRESS"; address($index).
sub haproxy {
	my ($class, @lines) = @_;
	my $self = $class->new('haproxy');
	my $socket = listening();
	$self->{address} = '127.0.0.1:' . $socket->sockport;
	$self->{listens} = 'fd@' . fileno($socket);
	Sluice::spew($self->file('conf'), $self->filled(join("\n", 'global', "\tmaxconn 1000", "\tnbthread 1",
		"\tstats socket unix\@\$DIR/stats", 'defaults', "\tlog stdout format raw local0",
		map({ "\ttimeout $_ 10s" } qw(connect client server)), @lines, '')));
	$self->begin(['haproxy', '-db', '-f', $self->file('conf')]);
	return $self->await(sub { -S $self->file('stats') });
}

# It binds its port itself, so the port is looked for first; somebody may have been quicker.
sub apache {
	my ($class, $conf) = @_;
	my $self = $class->new('apache2');
	for my $try (1 .. 5) {
		$self->{address} = '127.0.0.1:' . listening()->sockport;
		Sluice::spew($self->file('conf'), $self->filled(<<"EOT"));
ServerRoot "\$DIR"
ServerName localhost
Listen \$ADDRESS
PidFile "\$DIR/pid"
DefaultRuntimeDir "\$DIR"
ErrorLog "\$DIR/err"
@{[map { "LoadModule ${_}_module /usr/lib/apache2/modules/mod_$_.so\n" } qw(mpm_event authz_core dir mime alias env setenvif deflate filter headers)]}
TypesConfig /dev/null
User nobody
Group nogroup
LogFormat "%h %{c}h \\"%r\\" %>s %b %k" short
CustomLog "\$DIR/access.log" short
ServerLimit 1
StartServers 1
ThreadsPerChild 32
MaxRequestWorkers 32
DocumentRoot "\$DIR/www"
<Directory "\$DIR/www">
	Require all granted
</Directory>
$conf
EOT
		$self->begin([$place{apache2}, '-D', 'FOREGROUND', '-f', $self->file('conf')]);
		becomes { !$self->is_alive || $self->accepts } 15;
		return $self if $self->is_alive;
	}
	die "Apache does not start:\n" . $self->errors;
}

# Python's http.server with its folder; PUT keeps a body, POST sends it back.
sub python {
	my ($class, $version) = @_;
	my $self = $class->new('python');
	Sluice::spew($self->file('server.py'), <<'EOT');
import http.server, sys, os
class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = sys.argv[1]
    def body(self):
        return self.rfile.read(int(self.headers.get('Content-Length', 0)))
    def do_PUT(self):
        with open('.' + self.path, 'wb') as out:
            out.write(self.body())
        self.send_response(201)
        self.send_header('Content-Length', '0')
        self.end_headers()
    def do_POST(self):
        body = self.body()
        self.send_response(200)
        if sys.argv[1] == 'HTTP/1.1':
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print('port', server.server_address[1], flush=True)
server.serve_forever()
EOT
	my $www = $self->file('www');
	$self->begin(['sh', '-c', "cd '$www' && exec python3 '@{[$self->file('server.py')]}' $version"]);
	$self->await(sub { Sluice::slurp($self->file('out')) =~ /^port \d+\n/ });
	$self->{address} = '127.0.0.1:' . (Sluice::slurp($self->file('out')) =~ /^port (\d+)/)[0];
	return $self;
}

sub stop {
	my ($self) = @_;
	my $pid = delete $self->{pid} // return;
	delete $running{$pid};
	local ($?, $!);
	kill(TERM => $pid);
	return if becomes { waitpid($pid, WNOHANG) != 0 } 3;
	kill(KILL => $pid);
	waitpid($pid, 0);
}

sub DESTROY {
	my ($self) = @_;
	$self->stop if $$ == $self->{owner} && ${^GLOBAL_PHASE} ne 'DESTRUCT';
}

END {
	for my $self (values %running) {
		$self->stop if $self && $self->{owner} == $$;
	}
}

1;

#!/usr/bin/perl
# tier: story
#
# An agent beside a server says how it is: in, out, draining, how much it can take. Each word has its effect, what is not
# said stays as it was, and an agent that is silent changes nothing. Only the agent takes back what it said.
use Sluice;
use File::Temp ();

my ($yes, $no) = (JSON::PP::true, JSON::PP::false);

# An agent: a process that answers each connection with what say() said last, and keeps what it was sent.
package Agent {
	sub new {
		my ($class, $name, $first, %options) = @_;
		my $self = bless { line => File::Temp->new(TEMPLATE => 'sluice-agent-XXXXXX', TMPDIR => 1) }, $class;
		my $file = $self->{line}->filename;
		$self->set($first);
		$self->{origin} = Sluice::Origin->start($name, sub {
			my ($conn) = @_;
			my $asked = $options{asked} ? $conn->read_line : undef;
			open(my $in, '<', $file) or return undef;
			$conn->send(join '', <$in>);
			return $asked;
		});
		return $self;
	}

	sub set {
		my ($self, $bytes) = @_;
		my $file = $self->{line}->filename;
		open(my $out, '>', "$file.new") or die "$file.new: $!\n";
		print $out $bytes;
		close $out or die "$file.new: $!\n";
		rename "$file.new", $file or die "$file: $!\n";
	}

	# Says it until it was heard: who is being asked just now may still say what was before.
	sub say {
		my ($self, $line) = @_;
		$self->set("$line\n");
		my $before = $self->{origin}->accepted;
		Sluice::Wait::wait_until(sub { $self->{origin}->accepted >= $before + 3 }, 10, 'the agent is asked');
	}

	sub address { return $_[0]{origin}->address }
	sub port { return $_[0]{origin}->port + 0 }
	sub origin { return $_[0]{origin} }
}

my $greeter = Sluice::Origin->start('s', 'greet');
my $agent = Agent->new('agent', "up\n");
my $both = Agent->new('both', "up\n");
my $asked = Agent->new('asked', "up\n", asked => 1);
my $checked = Sluice::Origin->start('checked', 'greet');
my $off = Sluice::Origin->start('off', 'greet');

sub server {
	my ($agent, %more) = @_;
	return { address => $greeter->address, agent_check => $yes, agent_port => $agent->port, agent_inter => '20ms', %more };
}

my $lb = Sluice->start(config => {
	global => { threads => 2 },
	defaults => { mode => 'tcp', timeout => { connect => '5s', check => '5s' } },
	frontends => { map { $_ => { bind => ['127.0.0.1:0'], default_backend => $_ } } qw(app both) },
	backends => {
		app => { servers => { s => server($agent, weight => 40, maxconn => 70) } },
		both => { servers => { s => server($both, address => $checked->address, check => $yes, inter => '200ms', fall => 1, rise => 1) } },
		asked => { servers => { s => server($asked, agent_send => "app/s says hello\n") } },
		apart => { servers => { s => server($asked, agent_send => "from apart\n", agent_addr => '127.0.0.1', address => '127.0.0.2:9') } },
	},
});
my $events = $lb->events(kind => 'server');
my $path = '/v1/backends/app/servers/s';

sub status { return $lb->get($_[0] // $path)->{json}{status} }

# "down agent": its state and the cause of that.
sub state_of {
	my $status = status(@_);
	return "$status->{state} $status->{cause}{code}";
}

# The agent says a line; the state is then as expected. For what changes nothing the wait in say() is the test.
sub leads_to {
	my ($line, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$agent->say($line);
	becomes { state_of() =~ /^$expected/ } 5;
	return like state_of(), qr/^$expected/, $name // "\"$line\" makes it $expected";
}

# The weight that counts.
sub counts {
	my ($line, $expected) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$agent->say($line);
	becomes { status()->{effective_weight} == $expected } 5;
	return is status()->{effective_weight}, $expected, "\"$line\" makes the weight $expected";
}

sub told {
	my ($from, $to) = @_;
	my $e = $events->next(5, sub { $_[0]{data}{backend} eq 'app' && ($_[0]{data}{from} // '') eq $from && ($_[0]{data}{to} // '') eq $to });
	return $e ? "$e->{data}{cause}{code}: $e->{data}{cause}{detail}" : 'nothing was told';
}

sub greets {
	my ($frontend) = @_;
	my $c = $lb->connect($frontend);
	my $said = $c->read_line // '';
	$c->close;
	return $said;
}

my ($in) = state_of() =~ /^(\w+)/;
is greets('app'), 's', 'a server whose agent says up serves';

# -- in and out --
leads_to 'drain', 'drain agent';
like told($in, 'drain'), qr/^agent: .*drain/, 'an event tells it, with what the agent said';
is greets('app'), '', 'nobody is sent there';
leads_to 'up 100%', 'drain', 'up does not end a drain';
leads_to 'READY', $in, 'ready does, in any case of letters';
leads_to 'maint', 'maint agent';
leads_to 'drain', 'drain', 'out of maintenance into drain';
leads_to 'drain,ready', $in, 'of several the last counts';
is greets('app'), 's', 'it serves again';

# -- down, and why --
for my $word (qw(down fail stopped)) {
	leads_to "$word #for a reason", 'down agent';
	like told($in, 'down'), qr/^agent: .*$word.*for a reason/, 'an event tells the word and the reason';
	like status()->{cause}{detail}, qr/$word.*for a reason/, 'and so does its status';
	is greets('app'), '', 'it does not serve';
	leads_to 'ready 100%', 'down', 'what is not up does not bring it back';
	leads_to 'up', $in, 'up does';
	like told('down', $in), qr/^agent: /, 'an event tells that it is back';
}
is greets('app'), 's', 'it serves again';

# -- how much --
is status()->{effective_weight}, 40, 'it has its own weight';
counts '50%', 20;
counts '', 20;
counts 'up', 20;
counts '200%', 80;
counts '100000%', 256;
counts 'weight:7', 7;
counts 'weight:50%', 20;
counts 'weight:257 foo', 20;
leads_to '0%', 'drain', 'a weight of 0 is a drain';
counts "100%\tready", 40;
is state_of() =~ /^(\w+)/ ? $1 : '', $in, 'and with weight it serves again';
is $lb->patch($path, { weight => 10 })->{status}, 200, 'another weight is configured';
counts '50%', 5;
is $lb->patch($path, { weight => 40 })->{status}, 200, 'the old one again';
counts '100%', 40;

my $first = $lb->connect('app');
is $first->read_line, 's', 'a session';
$agent->say('maxconn:1');
$agent->say('maxconn:-1 maxconn:x');
my $second = $lb->connect('app');
ok becomes { $lb->get('/v1/backends/app')->{json}{status}{sessions}{queue} // 0 } 5, 'with maxconn:1 the next one waits';
$agent->say('maxconn:2');
is $second->read_line, 's', 'until the agent allows two';
$_->close for $first, $second;

# -- who is silent, or cannot be understood --
leads_to 'what is this', $in, 'words that mean nothing change nothing';
like status()->{agent}{detail} // '', qr/what/, 'its status shows them';
$agent->set('down');
my $asks = $agent->origin->accepted;
wait_until { $agent->origin->accepted >= $asks + 3 } 10, 'the agent is asked';
is state_of() =~ /^(\w+)/ ? $1 : '', $in, 'a line without an end is not heard';
$agent->say('50%');
$agent->origin->stop;
ok becomes { (status()->{agent}{result} // '') eq 'L4CON' } 5, 'an agent that is not there is shown';
is state_of() =~ /^(\w+)/ ? $1 : '', $in, 'and is no failure';
is status()->{effective_weight}, 20, 'what it said last holds';
$agent->set("down #gone\n");
$agent->origin->start;
ok becomes { state_of() eq 'down agent' } 5, 'it is back and says down';
$agent->origin->stop;
ok becomes { (status()->{agent}{result} // '') eq 'L4CON' } 5, 'and goes again';
is state_of(), 'down agent', 'the server stays down: only its agent could say up';
$agent->set("up 100%\n");
$agent->origin->start;
ok becomes { state_of() =~ /^$in/ } 5, 'which it does';

# -- with the administrator --
is $lb->patch($path, { admin_state => 'maint' })->{status}, 200, 'maintenance by REST';
leads_to 'ready', 'maint config', 'the agent does not end it';
is $lb->patch($path, { admin_state => 'ready' })->{status}, 200, 'REST does';
ok becomes { state_of() =~ /^$in/ } 5, 'and it serves';
leads_to 'down', 'down agent';
is $lb->patch($path, { agent_check => $no })->{status}, 200, 'the agent is not asked any more';
ok becomes { state_of() =~ /^no_check/ } 5, 'what it said is forgotten';
is greets('app'), 's', 'the server serves';

# -- with a check --
$path = '/v1/backends/both/servers/s';
ok becomes { state_of() =~ /^up/ } 5, 'agent and check are content';
$both->say('fail #disk');
ok becomes { state_of() eq 'down agent' } 5, 'the agent alone takes it out';
$both->say('up');
ok becomes { state_of() =~ /^up/ } 5, 'and brings it back';
$checked->stop;
ok becomes { state_of() eq 'down check-failed' } 5, 'the check alone takes it out';
$both->say('down');
$both->say('up');
is state_of() =~ /^(\w+)/ ? $1 : '', 'down', 'an agent that says up does not bring back what the check finds dead';
$both->say('down');
$checked->start;
ok becomes { status()->{check}{result} eq 'L4OK' } 10, 'the check passes';
is state_of() =~ /^(\w+)/ ? $1 : '', 'down', 'nor does the check what the agent says is down';
$both->say('up');
ok becomes { state_of() =~ /^up/ } 5, 'both together do';
is greets('both'), 'checked', 'it serves';

# -- what it is asked --
ok becomes { grep { $_ eq 'app/s says hello' } $asked->origin->notes } 5, 'an agent is sent what is configured';
ok becomes { grep { $_ eq 'from apart' } $asked->origin->notes } 5, 'also one on another address than its server';

$lb->stop;
done_testing;

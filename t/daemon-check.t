#!/usr/bin/perl
# tier: story
#
# What a person sees before the program runs: versions, help, usage errors, and --check with everything
# that is wrong at once, each with its JSON pointer and its line.
use Sluice;
use JSON::PP ();

sub lines { return split /\n/, $_[0]{stderr} }

subtest 'the command line' => sub {
	my $version = Sluice->run('--version');
	is $version->{exit}, 0, '--version';
	like $version->{stdout}, qr/^sluice \d+\.\d+\S*\n/, 'says its own';
	like $version->{stdout}, qr/^\Q$_\E \S+/m, "and that of $_" for qw(libevent libmicrohttpd cjson sqlite openssl pcre2);
	my $help = Sluice->run('--help');
	is $help->{exit}, 0, '--help';
	like $help->{stdout}, qr/\Q$_\E/, "tells of $_" for qw(--file --check --admin --state-dir --threads --version);
	my @bad = (
		[['--bogus'], qr/unrecognized option '--bogus'/],
		[['-f'], qr/requires an argument/],
		[['more'], qr/unexpected argument: more/],
		[['--threads', '0'], qr/--threads must be 1 to 64, is 0/],
		[['--threads', '65'], qr/is 65/],
		[['--threads', 'two'], qr/is two/],
		[['--admin', '127.0.0.1'], qr/--admin 127\.0\.0\.1: .*the port is missing/],
		[['--admin', '0.0.0.0:9901'], qr/--admin 0\.0\.0\.0:9901: must be a loopback address or a Unix socket/],
		[['--admin', '127.0.0.1:0', '--admin', '[::]:9901'], qr/--admin \[::\]:9901: must be a loopback/],
		[[map { ('--admin', '127.0.0.1:0') } 1 .. 17], qr/--admin may be given at most 16 times/],
	);
	for my $case (@bad) {
		my ($args, $says) = @$case;
		my $run = Sluice->run(@$args);
		is $run->{exit}, 2, "@$args[0 .. ($#$args > 3 ? 3 : $#$args)]: exit 2";
		like $run->{stderr}, $says, 'says why';
		is scalar(lines($run)), 1, 'in one line';
	}
};

subtest 'a good file' => sub {
	my $good = { frontends => { web => { mode => 'tcp', bind => ['127.0.0.1:1'], default_backend => 'app' } },
		backends => { app => { mode => 'tcp', servers => { s1 => { address => '127.0.0.1:${PORT}' } } } },
		global => { maxconn => 100, user => scalar getpwuid($>), group => scalar getgrgid($) + 0), threads => 3 } };
	my $run = Sluice->run({ config => $good, env => { PORT => 80 } }, '--check');
	is $run->{exit}, 0, 'exit 0' or diag $run->{stderr};
	is $run->{stdout} . $run->{stderr}, '', 'not a word';
};

subtest 'what this machine does not have, and a start would miss' => sub {
	my $run = Sluice->run({ config => qq({"global":{"user":"nobody-here",\n"group":"nogroup-here",\n"maxconn":100}}) }, '--check');
	is $run->{exit}, 1, 'user and group: exit 1';
	like $run->{stderr}, qr{sluice\.json:1: /global/user: there is no user "nobody-here"$}m, 'the user';
	like $run->{stderr}, qr{sluice\.json:2: /global/group: there is no group "nogroup-here"$}m, 'the group';
};

subtest 'all that is wrong, at once, each at its line' => sub {
	my $run = Sluice->run({ config => <<'BAD' }, '--check');
{
  "global": { "maxcon": 5 },
  "frontends": {
    "web": {
      "mode": "tcp",
      "bind": ["127.0.0.1:1", "nowhere"],
      "default_backend": "nope"
    }
  },
  "backends": {
    "app": {
      "mode": "tcp",
      "servers": {
        "s1": {
          "address": "127.0.0.1:80",
          "weight": 999
        }
      }
    }
  }
}
BAD
	is $run->{exit}, 1, 'exit 1';
	my %at = map { m{^\S+sluice\.json:(\d+): (\S+): (.+)} ? ($2 => [$1, $3]) : () } lines($run);
	is_deeply { map { $_ => $at{$_}[0] } keys %at }, { '/global/maxcon' => 2, '/frontends/web/bind/1' => 6,
		'/frontends/web/default_backend' => 7, '/backends/app/servers/s1/weight' => 16 }, 'pointers and lines'
		or diag $run->{stderr};
	like $at{'/global/maxcon'}[1], qr/maxconn/, 'the nearest name';
	like $at{'/frontends/web/default_backend'}[1], qr/there is no backend "nope"/, 'the reference';
	is $run->{stdout}, '', 'nothing on stdout';

	my $start = Sluice->run({ config => '{"global":{"maxcon":5}}' }, '--admin', '127.0.0.1:0');
	is $start->{exit}, 1, 'a start with such a file: exit 1';
	like $start->{stderr}, qr{sluice\.json:1: /global/maxcon: }, 'says the same';
	is $start->{stdout}, '', 'and never listened';
};

subtest 'what is no JSON document' => sub {
	my @bad = (
		['two of a key', qq({"global":{},\n"global":{}}), qr{sluice\.json:2:1: /global: this key is there twice}],
		['a NUL', qq({"global":{"comment":"a\0b"}}), qr/sluice\.json:1:\d+: /],
		['an escaped NUL', '{"global":{"comment":"a\u0000b"}}', qr/sluice\.json:1:\d+: /],
		['not UTF-8', qq({"global":\n{"comment":"\xff"}}), qr/sluice\.json:2:\d+: .*UTF-8/],
		['more after the end', qq({}\n{}), qr/sluice\.json:2:1: (?!line)/],
		['cut short', qq({"global":\n), qr/sluice\.json:2:\d+: /],
		['nothing', '', qr/sluice\.json:1:1: (?!\()/],
		['a list', '[]', qr/sluice\.json:1: \(document\): the document must be an object/],
		['an unset variable', qq({"global":\n{"comment":"\${NOT_SET_HERE}"}}), qr{:2: /global/comment: .*NOT_SET_HERE}],
		['half a variable', qq({"global":\n{"comment":"\${NOT"}}), qr{:2: /global/comment: }],
	);
	for my $case (@bad) {
		my ($name, $text, $says) = @$case;
		for my $args (['--check'], ['--admin', '127.0.0.1:0']) {
			my $run = Sluice->run({ config => $text }, @$args);
			is $run->{exit}, 1, "$name, $args->[0]: exit 1";
			like $run->{stderr}, $says, 'where and why';
		}
	}
	my $several = Sluice->run({ config => <<'BAD' }, '--check');
{
  "global": { "comment": "${NOT_SET_HERE}", "maxcon": 5 },
  "backends": { "app": { "servers": {
    "s1": { "address": "${NOR_THIS}:80" },
    "s2": { "address": "127.0.0.1:80", "weight": 999 } } } }
}
BAD
	is_deeply [sort map { m{sluice\.json:(\d+): (\S+):} ? "$1 $2" : $_ } lines($several)], ['2 /global/comment', '2 /global/maxcon',
		'4 /backends/app/servers/s1/address', '5 /backends/app/servers/s2/weight'],
		'unset variables beside other mistakes: all of them, and nothing that only follows' or diag $several->{stderr};
	my $missing = Sluice->run('-f', '/nonexistent/file', '--check');
	is $missing->{exit}, 1, 'no file: exit 1';
	like $missing->{stderr}, qr{/nonexistent/file: cannot open: No such file}, 'says so';
	like(Sluice->run('-f', '/', '--check')->{stderr}, qr{^sluice: /: cannot read: Is a directory}, 'a folder');
};

subtest 'a saved document is checked, too' => sub {
	my $lb = Sluice->start(state => 1);
	$lb->put('/v1/backends/app', { mode => 'tcp', servers => { s1 => { address => '127.0.0.1:9' } } });
	my @state = ('--state-dir', $lb->file('state'));
	is(Sluice->run('--check', @state)->{exit}, 0, 'beside the running program: good');
	$lb->stop;
	is(Sluice->run('--check', @state)->{exit}, 0, 'and after it');
	my $both = Sluice->run({ config => '{"global":{"maxcon":5}}' }, '--check', @state);
	is $both->{exit}, 1, 'a bad file beside a good saved document';

	open(my $db, '+<', $lb->file('state/sluice.db')) or die;
	binmode $db;
	seek($db, 0, 0);
	print $db 'X' x 4096;
	close($db);
	my $broken = Sluice->run('--check', @state);
	is $broken->{exit}, 1, 'a broken database';
	like $broken->{stderr}, qr/sluice\.db/, 'is named';
};

done_testing;

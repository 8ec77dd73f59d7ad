#!/usr/bin/perl
# tier: unit
# schemas/openapi.json tells the truth: its paths, methods and query parameters are those of the
# table of routes, each $ref resolves, each configuration object is the schema's own.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use JSON::PP;
use Test::More;

my $top = dirname(dirname(abs_path($0)));

sub slurp {
	my ($path) = @_;
	open(my $in, '<:raw', "$top/$path") or die "$path: $!\n";
	local $/;
	return <$in>;
}

my %document = map { $_ => JSON::PP->new->utf8->decode(slurp("schemas/$_")) }
	qw(config.json openapi.json operations.json);
my $api = $document{'openapi.json'};

# What a $ref names, from openapi.json.
sub target {
	my ($ref) = @_;
	my ($file, $pointer) = $ref =~ /^([\w.]*)#(.*)$/ or return undef;
	my $at = $document{$file || 'openapi.json'};
	for my $token (split(m{/}, $pointer =~ s{^/}{}r)) {
		$token =~ s/~1/\//g;
		$token =~ s/~0/~/g;
		$at = ref($at) eq 'HASH' ? $at->{$token} : undef;
	}
	return $at;
}

# Each value of each $ref, anywhere.
sub refs {
	my ($node) = @_;
	return map { refs($_) } @$node if ref($node) eq 'ARRAY';
	return () if ref($node) ne 'HASH';
	return map { $_ eq '$ref' && !ref($node->{$_}) ? $node->{$_} : refs($node->{$_}) } sort keys %$node;
}

# The routes of the program: path => { methods => {...}, params => {...}, write_params => {...} }.
sub routes {
	my $source = slurp('adminapi/rest/resources.c');
	my %macro;
	$macro{$1} = $2 while $source =~ /^#define\s+([A-Z]+)\s+"([^"]*)"/mg;
	my $words = sub {
		my ($tokens) = @_;
		my $text = join('', map { /^"(.*)"$/ ? $1 : $macro{$_} // '' } $tokens =~ /"[^"]*"|\w+/g);
		return { map { $_ => 1 } split(' ', $text) };
	};
	my %routes;
	while ($source =~ /\{\s*"([^"]+)",\s*CALLS\((.*?)\),\s*([^,]+?),\s*([^,}]+?)\s*\}/sg) {
		my ($path, $calls, $params, $write_params) = ($1, $2, $3, $4);
		$path =~ s/\*\}/}/g;		# a name of any characters
		$routes{$path} = {
			methods => { map { lc($_) => 1 } $calls =~ /METHOD_([A-Z]+)/g },
			params => $words->($params),
			write_params => $words->($write_params),
		};
	}
	return %routes;
}

my @lost = grep { !defined(target($_)) } refs($api);
is_deeply(\@lost, [], 'every $ref resolves');

my %routes = routes();
cmp_ok(scalar(keys %routes), '>', 15, 'the routes are found in the source');
is_deeply([sort keys %{$api->{paths}}], [sort keys %routes], 'the paths are those of the program');

my %used = map { $_ => 1 } refs($api);
my %operation_ids;
for my $path (sort grep { $routes{$_} } keys %{$api->{paths}}) {
	my $item = $api->{paths}{$path};
	my %methods = %{$item}{grep { $_ ne 'parameters' } keys %$item};
	my $route = $routes{$path};
	is_deeply([sort keys %methods], [sort keys %{$route->{methods}}], "$path: its methods");
	my @in_path = grep { $_->{in} eq 'path' } map { target($_->{'$ref'}) } @{$item->{parameters} // []};
	is_deeply([map { $_->{name} } @in_path], [$path =~ /\{(\w+)\}/g], "$path: its names");
	my (%read, %write);
	for my $method (sort keys %methods) {
		my $operation = $methods{$method};
		$operation_ids{$operation->{operationId}}++;
		for my $parameter (map { target($_->{'$ref'}) } @{$operation->{parameters} // []}) {
			next if $parameter->{in} ne 'query';
			$read{$parameter->{name}} = 1 if !$route->{write_params}{$parameter->{name}};
			$write{$parameter->{name}} = 1 if $route->{write_params}{$parameter->{name}};
			ok($method ne 'get' || !$route->{write_params}{$parameter->{name}},
				"$path: $parameter->{name} is for writes only")
				if $route->{write_params}{$parameter->{name}};
		}
	}
	is_deeply([sort keys %read], [sort keys %{$route->{params}}], "$path: its parameters");
	is_deeply([sort keys %write], [sort keys %{$route->{write_params}}],
		"$path: its parameters of writes");
}
is_deeply([grep { $operation_ids{$_} > 1 } sort keys %operation_ids], [], 'each operationId is one');

# Lists of the program that clients see.
sub table {
	my ($file, $name) = @_;
	my ($lines) = slurp($file) =~ /^#define \Q$name\E\(X\)(.*?[^\\])\n/ms or die "$file: no $name\n";
	return $lines =~ /\bX\(\w+,(.*?)\)\s*(?:\\|\z)/sg;
}
sub words_of { return map { /"([a-z0-9_-]+)"/ ? $1 : () } table(@_) }
my $schemas = $api->{components}{schemas};
is_deeply([sort @{$schemas->{Cause}{properties}{code}{enum}}], [sort +words_of('dataplane/server/server.h', 'SERVER_CAUSES')],
	'causes of a server');
my ($listed) = slurp('README') =~ /^\(`X-Actor`\) that it was him\. The codes:\n\n(.*?)\n\n/ms;
is_deeply([sort($listed =~ /^    ([a-z0-9-]+)/mg)], [sort @{$schemas->{Cause}{properties}{code}{enum}}], "README's list of them");
my @states = sort +words_of('dataplane/server/server.h', 'SERVER_STATES');
is_deeply([sort @{$schemas->{ServerStatus}{properties}{state}{enum}}], \@states, 'states of a server');
is_deeply([sort grep { defined } @{$schemas->{EventServer}{properties}{$_}{enum}}], \@states, "... as `$_` of an event") for 'from', 'to';
is_deeply([sort @{$schemas->{EndCause}{properties}{code}{enum}}],
	[sort grep { $_ ne 'shutdown' } map { /'[DUK]'.*?"([a-z-]+)"/ ? $1 : () } table('dataplane/core/endcause.h', 'END_CAUSES')], 'causes of an end by order');
my ($letters) = slurp('README') =~ /^phase:\n\n(.*?)\n\n/ms;
my %row = map { substr($_, 0, 1) => 1 } map { split } $letters =~ /^ +((?:[A-Za-z-]{4} +)+)/mg;
is_deeply([grep { !$row{$_} && $_ ne 'I' } map { /'(.)'/ } table('dataplane/core/endcause.h', 'END_CAUSES')], [], 'README has rows for all letters of causes');
my @kinds = sort +words_of('adminapi/rest/events.h', 'EVENT_KINDS'), 'lost';
is_deeply([sort map { target($_->{'$ref'})->{properties}{kind}{const} } @{$schemas->{Event}{oneOf}}], \@kinds, 'kinds of events');

for my $kind (sort keys %{$api->{components}}) {
	my @unused = grep { !$used{"#/components/$kind/$_"} } sort keys %{$api->{components}{$kind}};
	is_deeply(\@unused, [], "components.$kind: each is used");
}
done_testing;

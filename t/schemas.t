#!/usr/bin/perl
# tier: unit
# The schemas are whole: no keyword that the validator does not know, no $ref to nowhere, no field
# without a description, no unit without the pattern and types that let another validator judge alike.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use JSON::PP;
use Test::More;

my $top = dirname(dirname(abs_path($0)));

my %keyword = map { $_ => 1 } qw(
	$comment $defs $id $ref $schema additionalProperties const default description enum if items
	maxItems maxLength maxProperties maximum minItems minLength minimum pattern patternProperties properties
	propertyNames readOnly required then title type writeOnly x-hint x-inherit x-mode x-range x-unit);

# What a unit asks of a field, for the sake of validators that do not know units.
my %unit_pattern = (
	duration => '^[0-9]+(us|ms|s|m|h|d)?$',
	size => '^[0-9]+[kmg]?$',
);

sub load {
	my ($path) = @_;
	open(my $in, '<:raw', $path) or die "$path: $!\n";
	local $/;
	return JSON::PP->new->utf8->decode(<$in>);
}

my ($schema, @wrong, %used);

sub wrong { push @wrong, join(' ', @_); return }

sub target {
	my ($ref) = @_;
	my ($name) = $ref =~ m{^#/\$defs/([^/]+)$} or return undef;
	$used{$name} = 1;
	return $schema->{'$defs'}{$name};
}

# A keyword's value, of the node itself or of what it refers to.
sub of {
	my ($node, $keyword) = @_;
	for (1 .. 50) {
		return $node->{$keyword} if exists($node->{$keyword});
		$node = target($node->{'$ref'} // return undef) // return undef;
	}
	die "a \$ref without an end\n";
}

sub walk_unit {
	my ($node, $at) = @_;
	my $unit = of($node, 'x-unit') // return;
	my $types = of($node, 'type');
	wrong($at, 'no such unit:', $unit) if !$unit_pattern{$unit};
	wrong($at, 'pattern is not that of its unit') if of($node, 'pattern') ne $unit_pattern{$unit};
	wrong($at, 'type must be string and integer')
		if ref($types) ne 'ARRAY' || join(' ', sort @$types) ne 'integer string';
	wrong($at, 'minimum must be 0') if !defined(of($node, 'minimum')) || of($node, 'minimum') != 0;
}

sub walk {
	my ($node, $at) = @_;
	return wrong($at, 'is no object') if ref($node) ne 'HASH';
	for my $key (sort keys %$node) {
		wrong($at, "keyword not understood: $key") if !$keyword{$key};
	}
	wrong($at, '$ref to nowhere:', $node->{'$ref'})
		if exists($node->{'$ref'}) && !defined(target($node->{'$ref'}));
	wrong($at, 'x-range without a unit')
		if exists($node->{'x-range'}) && !defined(of($node, 'x-unit'));
	wrong($at, 'an object that takes any field')
		if $node->{properties} && !exists($node->{additionalProperties}) && $at !~ m{/(if|then)$};
	walk_unit($node, $at);
	for my $name (sort keys %{$node->{properties} // {}}) {
		my $field = $node->{properties}{$name};
		my $words = $at =~ m{/if$} ? 'x.' : of($field, 'description') // '';
		wrong("$at/$name", 'has no description') if $words !~ /\S.*[.]$/;
		wrong("$at/$name", 'is not a field\'s name') if $name !~ /^[a-z][a-z0-9_]*$/;
	}
	for my $key (qw(properties patternProperties $defs)) {
		walk($node->{$key}{$_}, "$at/$key/$_") for sort keys %{$node->{$key} // {}};
	}
	for my $key (qw(items propertyNames if then), ref($node->{additionalProperties}) eq 'HASH' ?
		'additionalProperties' : ()) {
		walk($node->{$key}, "$at/$key") if exists($node->{$key});
	}
}

$schema = load("$top/schemas/config.json");
is($schema->{'$schema'}, 'https://json-schema.org/draft/2020-12/schema', 'it is of 2020-12');
walk($schema, '');
is_deeply(\@wrong, [], 'every schema within is sound');
my @unused = grep { !$used{$_} } sort keys %{$schema->{'$defs'}};
is_deeply(\@unused, [], 'every definition is used');

# The header's list for readers is this list as well.
open(my $header, '<', "$top/adminapi/json/schema.h") or die "schema.h: $!\n";
my $words = join('', <$header>);
for my $name (sort keys %keyword) {
	like($words, qr/(?<![\w\$-])\Q$name\E(?!\w)/, "schema.h names $name");
}
done_testing;

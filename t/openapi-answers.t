#!/usr/bin/perl
# tier: story
# What the program answers is what openapi.json says: each call's status is documented for its
# operation, the body is of the documented type and valid against its schema, and a status shows no
# field that is not described.
use Sluice;
use File::Basename qw(dirname);
use JSON::PP;

plan skip_all => 'no python3-jsonschema'
	if system('python3 -c "import jsonschema; jsonschema.Draft202012Validator" 2>/dev/null') != 0;

my $schemas = Sluice->source_dir . '/schemas';
my $origin = Sluice::Origin->start('a', 'greet');
my $silent = Sluice::Origin->start('silent', 'hold');
my $lb = Sluice->start(config => {
	defaults => { timeout => { client => '20s' } },
	profiles => { long => { timeout => { server => '1h' } } },
	frontends => { web => { bind => ['127.0.0.1:0'], default_backend => 'app', comment => 'c' },
		http => { mode => 'http', bind => ['127.0.0.1:0'], default_backend => 'http' } },
	backends => { app => { from => 'long', default_server => { weight => 5 },
		servers => { a => { address => $origin->address, labels => { zone => 'x' } },
			b => { address => '127.0.0.1:1', admin_state => 'maint', backup => JSON::PP::true } } },
		http => { mode => 'http', servers => { a => { address => $silent->address } } },
		checked => { servers => { c => { address => '127.0.0.1:1', check => JSON::PP::true, inter => '20ms' } } } },
});
my $client = $lb->connect('web');
is($client->read_line, 'a', 'there is a session to be shown');
my ($session) = sort keys %{$lb->get('/v1/sessions')->{json}};
my $asking = $lb->connect('http');
$asking->send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
ok becomes { keys %{$lb->get('/v1/sessions?server=http/a')->{json}} } 5, 'and one of HTTP';

# Each call: method, its path in openapi.json, what stands for the names, query, body, headers.
my $server = '/v1/backends/{backend}/servers/{server}';
my %a = (backend => 'app', server => 'a');
my %new = (backend => 'new', server => 'n', frontend => 'n', profile => 'n');
my %none = (backend => 'none', server => 'none', frontend => 'none', profile => 'none');
my @calls = (
	(map { my $path = $_; map { [get => $path, {}, $_] } '', '?view=config', '?depth=0' }
		qw(/v1/config /v1/global /v1/admin /v1/defaults /v1/profiles /v1/maps /v1/userlists /v1/http_errors
			/v1/frontends /v1/backends)),
	[get => '/v1/backends/{backend}/servers', \%a, '?limit=1'],
	[get => '/v1/backends/{backend}/servers', \%none],
	[get => $server, \%a], [get => $server, { backend => 'http', server => 'a' }], [get => $server, { %a, server => 'b' }], [get => $server, \%none],
	[get => $server, \%a, '?view=all'], [get => $server, \%a, '?vew=config'],
	[get => '/v1/backends/{backend}', \%a], [get => '/v1/frontends/{frontend}', { frontend => 'web' }],
	[get => '/v1/profiles/{profile}', { profile => 'long' }],
	[get => '/v1/sessions'], [get => '/v1/sessions', {}, '?server=http/a'], [get => '/v1/sessions', {}, '?backend=none'],
	[get => '/v1/sessions/{session}', { session => $session }],
	[get => '/v1/sessions/{session}', { session => 999999 }],
	[get => "$server/sessions", \%a],
	(map { [get => $_] } qw(/v1/info /v1/schemas /healthz /readyz)),
	(map { [get => '/v1/schemas/{schema}', { schema => $_ }] } qw(config openapi expressions none)),
	[put => '/v1/maps/{map}', { map => 'e' }, '', {}],
	(map { my ($method, $query, $body, $headers) = @$_; [$method => '/v1/maps/{map}/entries', { map => 'e' }, $query, $body, $headers] }
		['put', '?dry_run=true', { a => '1' }], ['put', '', { a => '1', b => '2' }], ['put', '', { a => 1 }], ['get'], ['get', '?limit=1'],
		['get', '?limit=1&cursor=none'], ['patch', '', { a => undef, c => { value => '3' } }], ['patch', '?dry_run=true', { a => undef }],
		['patch', '', {}, { 'If-Match' => '"0"' }], ['post', '', { key => 'd', value => '4' }], ['post', '', { key => 'd', value => '4' }],
		['post', '?dry_run=true', { key => 'e', value => '4' }], ['post', '', { value => '4' }]),
	(map { my ($method, $key, $query, $body) = @$_; [$method => '/v1/maps/{map}/entries/{key}', { map => 'e', key => $key }, $query, $body] }
		['put', 'k', '?dry_run=true', { value => 'v' }], ['put', 'k', '', { value => 'v' }], ['put', 'k', '', '"w"'], ['get', 'k'], ['get', 'none'],
		['put', 'k', '', {}], ['patch', 'k', '', { value => 'x' }], ['patch', 'none', '', { value => 'x' }], ['delete', 'k', '?dry_run=true'],
		['delete', 'k', ''], ['delete', 'k', '']),
	[get => '/v1/maps/{map}', { map => 'e' }], [get => '/v1/maps/{map}/entries', { map => 'none' }],
	(map {
		my ($all, $name, $body) = @$_;
		my ($one, %n) = ("$all/{$name}", $name => 'n');
		([put => $one, \%n, '?dry_run=true', $body], [put => $one, \%n, '', $body], [put => $one, \%n, '', $body], [get => $one, \%n],
			[get => $one, { $name => 'none' }], [put => $one, \%n, '', { x => 1 }], [patch => $one, \%n, '', { comment => 'x' }],
			[patch => $all, {}, '', { n => { comment => 'y' } }], [post => $all, {}, '', { name => 'n' }],
			[post => $all, {}, '', { name => 'm' }], [get => $all], [delete => $one, \%n, '?dry_run=true'], [delete => $one, \%n]);
	} ['/v1/maps', map => { entries => { k => 'v' } }], ['/v1/userlists', userlist => { users => { joe => { insecure_password => 'x' } } }],
		['/v1/http_errors', error_pages => { pages => { 404 => { content_type => 'text/plain', body => 'x' } } }]),
	[put => '/v1/backends/{backend}', \%new, '?dry_run=true', {}],
	[put => '/v1/backends/{backend}', \%new, '', {}], [put => '/v1/backends/{backend}', \%new, '', {}],
	[put => $server, \%new, '', { address => '127.0.0.1:2' }],
	[put => '/v1/backends/{backend}', \%new, '', {}],
	[put => $server, \%new, '', { weight => 999 }], [put => $server, \%new, '', '{'],
	[put => $server, \%new, '', {}, { 'If-Match' => '"0"' }],
	[put => $server, \%new, '', {}, { 'Content-Type' => 'text/xml' }],
	[put => $server, \%none, '', { address => '127.0.0.1:2' }],
	[patch => $server, \%new, '', { weight => 3 }], [patch => $server, \%none, '', { weight => 3 }],
	[patch => $server, \%new, '?dry_run=true', { weight => 4 }],
	[patch => '/v1/backends/{backend}/servers', \%new, '', { n => { weight => 4 } }],
	[patch => '/v1/backends/{backend}', \%new, '', { retries => 2 }],
	[patch => '/v1/backends', {}, '', { new => { comment => 'x' } }],
	[patch => '/v1/global', {}, '', { maxconn => 1000 }], [patch => '/v1/global', {}, '', { threads => 63 }],
	[patch => '/v1/defaults', {}, '', { retries => 2 }], [patch => '/v1/config', {}, '', { comment => 'x' }],
	[patch => '/v1/admin', {}, '', { hosts => ['x.example'] }],
	[post => '/v1/backends/{backend}/servers', \%new, '', { name => 'm', address => '127.0.0.1:3' }],
	[post => '/v1/backends/{backend}/servers', \%new, '', { name => 'm', address => '127.0.0.1:3' }],
	[post => '/v1/backends', {}, '', { name => 'm' }],
	[post => '/v1/frontends', {}, '', { name => 'n', bind => ['127.0.0.1:0'], default_backend => 'new' }],
	[post => '/v1/profiles', {}, '', { name => 'n', retries => 1 }],
	[put => '/v1/profiles/{profile}', \%new, '', {}], [patch => '/v1/profiles', {}, '', { n => {} }],
	[patch => '/v1/profiles/{profile}', \%new, '', { comment => 'x' }],
	[put => '/v1/frontends/{frontend}', \%new, '', { default_backend => 'none' }],
	[patch => '/v1/frontends', {}, '', { n => { maxconn => 5 } }],
	[patch => '/v1/frontends/{frontend}', \%new, '', { maxconn => undef }],
	(map {
		my ($all, %n) = ("/v1/$_->[0]/{$_->[1]}/rules", %new, %{$_->[2]}, rule => 'r');
		my $one = "$all/{rule}";
		([post => $all, \%n, '', { action => 'deny', if => '{ path /x }' }], [post => $all, \%n, '', { id => 'rule-1', action => 'deny' }],
			[put => $one, \%n, '?dry_run=true', { action => 'deny' }], [put => $one, \%n, '', { action => 'return', status => 404, before => 'rule-1' }],
			[put => $one, \%n, '', { action => 'set-header', name => 'A', value => '%[path]' }], [put => $one, \%n, '', { action => 'no' }],
			[get => $all, \%n], [get => $all, \%n, '?limit=1'], [get => $all, \%none], [get => $one, \%n], [get => $one, \%n, '?view=config'],
			[get => $one, { %n, rule => 'none' }], [patch => $one, \%n, '', { after => 'rule-1' }], [patch => $all, \%n, '', { r => { comment => 'x' } }],
			[patch => $all, \%n, '?dry_run=true', { r => undef }], [patch => $one, { %n, rule => 'none' }, '', {}],
			[delete => $one, \%n, '?dry_run=true'], [delete => $one, \%n], [delete => $one, \%n]);
	} [frontends => frontend => { frontend => 'http' }], [backends => backend => { backend => 'http' }]),
	[delete => '/v1/backends/{backend}', \%new], [delete => '/v1/frontends/{frontend}', \%new],
	(map { my ($query, $body, $headers, $names) = @$_; [post => "$server/drain", $names // \%new, $query, $body, $headers] }
		['?dry_run=true', {}], ['', { kill => JSON::PP::true }], ['', '{'], ['?wait=1d', {}], ['', {}, { 'If-Match' => '"0"' }],
		['', {}, {}, \%none], ['', {}, { 'Content-Type' => 'text/xml' }], ['?wait=5s', { then => 'ready' }, { 'X-Actor' => 'me' }],
		['', { deadline => '1h' }, {}, \%a], ['', {}, {}, \%a]),
	[get => '/v1/operations'], [get => '/v1/operations', {}, '?limit=1'], [get => '/v1/operations', {}, '?cursor=x'],
	[get => '/v1/operations/{operation}', { operation => 'ID' }, '?wait=10ms'], [get => '/v1/operations/{operation}', { operation => 'none' }],
	(map { [delete => '/v1/operations/{operation}', { operation => 'ID' }] } 1 .. 3),
	[delete => $server, \%new, '?dry_run=true'], [delete => $server, \%new, '?force=true'],
	[delete => $server, \%new], [delete => '/v1/backends/{backend}', \%new],
	[delete => '/v1/profiles/{profile}', \%new],
	[post => '/v1/config/reload', {}, '?dry_run=true'], [post => '/v1/config/reload'],
	[delete => '/v1/sessions'], [delete => '/v1/sessions/{session}', { session => $session }],
	[delete => '/v1/sessions/{session}', { session => $session }],
	[delete => "$server/sessions", \%a], [delete => '/v1/sessions', {}, '?all=true'],
	[put => '/v1/config', {}, '', { backends => {} }],
);

my (@seen, %covered, $operation);
for my $call (@calls) {
	my ($method, $pattern, $names, $query, $body, $headers) = @$call;
	$names = { operation => $operation } if ($names->{operation} // '') eq 'ID';
	my $path = ($pattern =~ s/\{(\w+)\}/$names->{$1}/gr) . ($query // '');
	my $answer = $lb->request(uc($method), $path, $body, $headers // {});
	($operation) = $answer->{headers}{location} =~ m{(\d+)$} if $answer->{status} == 202;
	push @seen, { method => $method, path => $pattern, call => uc($method) . " $path",
		status => $answer->{status}, type => $answer->{headers}{'content-type'} // '',
		body => $answer->{json}, text => $answer->{text},
		headers => [map { lc } keys %{$answer->{headers}}] };
	$covered{"$method $pattern"} = 1;
}

# What was told meanwhile.
ok becomes { $lb->stderr =~ /Server checked\/c is DOWN/ } 10, 'a server failed its checks';
my $last_id = $lb->get('/v1/info')->{json}{last_event_id};
my $events = $lb->events(last_event_id => 0);
my %kinds;
while (my $event = $events->next(5)) {
	push @seen, { event => $event->{data}, call => "event $event->{id} $event->{event}" };
	$kinds{$event->{event}} = 1;
	last if $event->{id} >= $last_id;
}
is_deeply([sort keys %kinds], [qw(backend check config listener map operation server session-kill)], 'events of these kinds');

# Prints a line for each answer that is not as documented.
my $judge = <<'END';
import json, sys, jsonschema
folder, seen = sys.argv[1], json.load(open(sys.argv[2]))
base = "http://schemas.invalid/"
store = {base + name: json.load(open(folder + "/" + name)) for name in ("config.json", "openapi.json", "operations.json")}
api = store[base + "openapi.json"]
def mask(node):
    """A secret is answered as what stands in its place."""
    if isinstance(node, list):
        for item in node:
            mask(item)
    elif isinstance(node, dict):
        if node.get("writeOnly"):
            node.clear()
            node.update({"type": "object", "required": ["set", "sha256"], "additionalProperties": False,
                "properties": {"set": {"const": True}, "sha256": {"type": "string", "pattern": "^[0-9a-f]{12}$"}}})
        for value in node.values():
            mask(value)
mask(store[base + "config.json"])
resolver = jsonschema.RefResolver(base + "openapi.json", api, store=store)

def close(node):
    """No field that is not described."""
    if isinstance(node, list):
        for item in node:
            close(item)
    elif isinstance(node, dict):
        if "properties" in node and node.get("type") == "object":
            node.setdefault("additionalProperties", False)
        for value in node.values():
            close(value)
for schema in api["components"]["schemas"].values():
    close(schema)
close(api["paths"])

def deref(node):
    while "$ref" in node:
        _, node = resolver.resolve(node["$ref"])
    return node

of_kind = {}
for kind in api["components"]["schemas"]["Event"]["oneOf"]:
    schema = deref(kind)
    of_kind[schema["properties"]["kind"]["const"]] = schema

def judge(where, schema, value):
    for error in jsonschema.Draft202012Validator(schema, resolver=resolver).iter_errors(value):
        best = jsonschema.exceptions.best_match([error])
        print(where, "/".join(map(str, best.absolute_path)), best.message[:300])

for call in seen:
    if "event" in call:
        judge(call["call"], of_kind[call["event"]["kind"]], call["event"])
        continue
    responses = api["paths"][call["path"]][call["method"]]["responses"]
    where = "%s: %s" % (call["call"], call["status"])
    if str(call["status"]) not in responses:
        print(where, "is not documented:", call["text"][:300])
        continue
    response = deref(responses[str(call["status"])])
    for name in response.get("headers", {}) if "dry_run" not in call["call"] else {}:
        if name.lower() in ("etag", "location", "allow") and name.lower() not in call["headers"]:
            print(where, "has no header", name)
    content = response.get("content", {})
    kind = call["type"].split(";")[0]
    if not content and call["text"]:
        print(where, "has a body")
    if content and kind not in content:
        print(where, "is of type", kind)
    elif content:
        judge(where, content[kind]["schema"], call["body"])
END
my $file = $lb->file('seen.json');
open(my $out, '>:raw', $file) or die "$file: $!\n";
print $out JSON::PP->new->utf8->encode(\@seen);
close($out) or die "$file: $!\n";
my @wrong = do {
	open(my $in, '-|', 'python3', '-W', 'ignore', '-c', $judge, $schemas, $file) or die "python3: $!\n";
	my @lines = <$in>;
	close($in) or die "the judge: status $?\n";
	@lines;
};
is(join('', @wrong), '', 'every answer is as documented');

my $api = do {
	open(my $in, '<:raw', "$schemas/openapi.json") or die "$!\n";
	local $/;
	JSON::PP->new->utf8->decode(<$in>);
};
my @missing = grep { !$covered{$_} && !/events/ } map {
	my $path = $_;
	map { "$_ $path" } grep { $_ ne 'parameters' } keys %{$api->{paths}{$path}};
} sort keys %{$api->{paths}};
is_deeply([sort @missing], [], 'every operation was called');
$lb->stop;
done_testing;

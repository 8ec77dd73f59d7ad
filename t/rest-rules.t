#!/usr/bin/perl
# tier: story
# Rules one by one: added, moved, changed and removed over REST while a client stays connected, whose next request
# obeys; what is wrong is told where it stands; what a rule names does not go; each counts its hits.
use Sluice;
use Sluice::Http;
use Sluice::HttpOrigin;

my $origin = Sluice::HttpOrigin->start('origin');
my $lb = Sluice->start(config => {
	defaults => { mode => 'http' },
	frontends => { web => { bind => ['127.0.0.1:0'], default_backend => 'app', acls => { admin => ['path_beg /admin', 'path /root'] } },
		tcp => { mode => 'tcp' } },
	backends => { app => { servers => { s => { address => $origin->address } } }, other => {}, tcp => { mode => 'tcp' } },
});
my $rules = '/v1/frontends/web/rules';

sub status_is {
	my ($answer, $status, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($answer->{status}, $status, $name) or diag($answer->{text});
	return $answer;
}

# The answer has just these errors: pointer => pattern.
sub errors_are {
	my ($answer, $status, $want, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	status_is($answer, $status, $name);
	my %errors = map { $_->{pointer} => $_->{detail} } @{$answer->{json}{errors} // []};
	is_deeply([sort keys %errors], [sort keys %$want], "$name: where") or diag($answer->{text});
	like($errors{$_} // '(none)', $want->{$_}, "$name: $_") for sort keys %$want;
	return $answer;
}

# The ids in the list's order, from the document, where rules are an array.
sub ids { return join(' ', map { $_->{id} } @{$lb->get('/v1/frontends/web?view=config')->{json}{rules} // []}) }

my $client = $lb->connect('web');

sub ask {
	my ($path) = @_;
	$client->send("GET $path HTTP/1.1\r\nHost: a.example\r\n\r\n");
	return read_answer($client);
}
is ask('/admin')->{status}, 200, 'without a rule';

# Added.
my $added = status_is $lb->post($rules, { action => 'deny', if => 'admin' }), 201, 'a rule is added';
is $added->{json}{id}, 'rule-1', 'it gets an id';
is $added->{headers}{location}, "$rules/rule-1", 'under which it is found';
is_deeply $lb->get("$rules/rule-1?view=config")->{json}, { id => 'rule-1', action => 'deny', if => 'admin' }, 'as it was set';
is $lb->get("$rules/rule-1")->{json}{phase}, 'http-request', 'the phase that holds is shown';
is ask('/admin')->{status}, 403, 'the next request of a connected client obeys';
is ask('/root')->{status}, 403, 'an ACL has several tests';
is ask('/')->{status}, 200, 'another one is let through';
my $status = $lb->get("$rules/rule-1")->{json}{status};
is $status->{hits}, 2, 'it applied twice';
like $status->{last_hit}, qr/^\d{4}-\d\d-\d\dT[\d:.]+Z$/, 'and when last';

# Moved: the first that applies ends the phase.
status_is $lb->post($rules, { id => 'teapot', action => 'return', status => 418, content_type => 'text/plain', lf_string => '%[path]',
	headers => [{ name => 'X-Made', value => 'of %[method]' }], if => '{ path_beg /admin }' }), 201, 'another one, at the end';
is ask('/admin')->{status}, 403, 'the first one counts';
status_is $lb->patch("$rules/teapot", { before => 'rule-1' }), 200, 'moved to the front';
is ids(), 'teapot rule-1', 'it stands there';
my $answer = ask('/admin/x');
is $answer->{status}, 418, 'and counts';
is $answer->{body}, '/admin/x', 'with a body made for the request';
is field($answer, 'X-Made'), 'of GET', 'and a header';
is_deeply [@{$lb->get("$rules/teapot")->{json}{status}}{qw(code hits)}], [418, 1], 'its own status stands beside its hits';
status_is $lb->put("$rules/teapot", $lb->get("$rules/teapot")->{json}), 200, 'what a GET shows can be put back';
is $lb->get("$rules/teapot?view=config")->{json}{status}, 418, 'and the status is kept';
status_is $lb->post($rules, { id => 'mark', action => 'set-header', name => 'X-Mark', value => '%[req.hdr(host),upper]', after => 'teapot' }),
	201, 'one behind another';
is ids(), 'teapot mark rule-1', 'there it stands';
is ask('/marked')->{status}, 200, 'a request is changed';
is field(($origin->requests('/marked'))[-1], 'X-Mark'), 'A.EXAMPLE', 'for the server';
is $lb->get("$rules/rule-1")->{json}{status}{hits}, 3, 'who was moved past counts on';

# Changed, replaced, removed.
status_is $lb->patch("$rules/teapot", { status => 410, if => undef, unless => '{ path / }' }), 200, 'changed';
is ask('/any')->{status}, 410, 'it holds';
is $lb->get("$rules/teapot")->{json}{status}{hits}, 2, 'and counts on';
status_is $lb->put("$rules/teapot", { action => 'deny', deny_status => 429, if => '{ path /slow }' }), 200, 'replaced in its place';
is ids(), 'teapot mark rule-1', 'indeed';
is ask('/slow')->{status}, 429, 'it holds';
status_is $lb->put("$rules/last", { phase => 'http-response', action => 'set-header', name => 'X-Last', value => '%[status]' }), 201, 'put where none was';
is field(ask('/'), 'X-Last'), '200', 'answers are changed, too';
status_is $lb->delete("$rules/teapot"), 204, 'removed';
is ask('/slow')->{status}, 200, 'it does not hold any more';
status_is $lb->get("$rules/teapot"), 404, 'nor is it there';
status_is $lb->delete("$rules/teapot"), 404, 'twice';

# The list.
is_deeply [sort keys %{$lb->get($rules)->{json}}], ['last', 'mark', 'rule-1'], 'the list is by id';
like $lb->get($rules)->{text}, qr/"mark".*"rule-1":.*"last":/s, 'in its order';
my $page = $lb->get("$rules?limit=1&view=config");
is_deeply [keys %{$page->{json}}], ['mark'], 'a page of it';
like $page->{headers}{link}, qr{^<\Q$rules\E\?view=config&limit=1&cursor=mark>; rel="next"}, 'says where the next is';
is_deeply [keys %{$lb->get("$rules?limit=1&cursor=mark")->{json}}], ['rule-1'], 'which it is';
status_is $lb->get("$rules?cursor=nobody"), 400, 'behind nobody';
status_is $lb->patch($rules, { mark => undef, last => { comment => 'c', before => 'rule-1' }, fresh => { action => 'allow', if => '{ path /f }' } }),
	200, 'several at once';
is ids(), 'last rule-1 fresh', 'all of it';
errors_are $lb->patch($rules, { last => undef, fresh => { action => 'no' }, 'rule-1' => { if => '{ path' } }), 422,
	{ '/fresh/action' => qr/must be one of/, '/rule-1/if' => qr/./ }, 'or nothing';
is ids(), 'last rule-1 fresh', 'nothing';
status_is $lb->put($rules, {}), 405, 'the list is not put';
status_is $lb->delete($rules), 405, 'nor deleted';

# Preconditions are the frontend's: whatever changes in it.
my $etag = $lb->get("$rules/fresh?view=config")->{headers}{etag};
is $etag, $lb->get('/v1/frontends/web?view=config')->{headers}{etag}, 'a rule has the ETag of its frontend';
status_is $lb->patch("$rules/fresh", { comment => 'a' }, { 'If-Match' => $etag }), 200, 'as it was';
status_is $lb->patch("$rules/last", { comment => 'b' }, { 'If-Match' => $etag }), 412, 'not any more';
status_is $lb->put("$rules/fresh", { action => 'allow' }, { 'If-None-Match' => '*' }), 412, 'it is there';
is $lb->patch("$rules/fresh", { comment => 'a' })->{headers}{etag}, $lb->get("$rules/fresh")->{headers}{etag}, 'what changes nothing has the same ETag';
is ids(), 'last rule-1 fresh', 'and nothing moved';

# Changes are told rule by rule.
is_deeply $lb->patch("$rules?dry_run=true", { last => undef, 'rule-1' => { comment => 'c' }, new => { action => 'deny', before => 'rule-1' } })->{json}{changes},
	[{ op => 'remove', pointer => '/frontends/web/rules/last', from => $lb->get("$rules/last?view=config")->{json},
			effect => 'holds for the next request, in mode tcp for the next session' },
		{ op => 'add', pointer => '/frontends/web/rules/new', to => { id => 'new', action => 'deny' },
			effect => 'holds for the next request, in mode tcp for the next session' },
		{ op => 'replace', pointer => '/frontends/web/rules/rule-1', from => { id => 'rule-1', action => 'deny', if => 'admin' },
			to => { id => 'rule-1', action => 'deny', if => 'admin', comment => 'c' }, effect => 'holds for the next request, in mode tcp for the next session' }],
	'in a dry run';
is_deeply [map { $_->{pointer} } @{$lb->patch("$rules/last?dry_run=true", { after => 'fresh' })->{json}{changes}}], ['/frontends/web/rules'], 'a move is one of the list';

# Ids.
status_is $lb->post($rules, { id => 'fresh', action => 'deny' }), 409, 'an id that is there';
errors_are $lb->put("$rules/fresh", { id => 'other', action => 'deny' }), 422, { '/id' => qr/addressed by/ }, 'another id than the path\'s';
status_is $lb->delete("$rules/rule-1"), 204, 'the first goes';
is $lb->post($rules, { action => 'deny', if => '{ path /y }' })->{json}{id}, 'rule-2', 'its id is never given again';
my $document = $lb->get('/v1/frontends/web?view=config')->{json};
delete $_->{id} for @{$document->{rules}};
status_is $lb->put('/v1/frontends/web', $document), 200, 'a list without ids';
is ids(), 'last fresh rule-2', 'keeps those whose content is the same';
$document->{rules}[1]{comment} = 'else';
status_is $lb->put('/v1/frontends/web', $document), 200, 'one is changed';
is ids(), 'last rule-3 rule-2', 'and gets a new id';
errors_are $lb->patch('/v1/frontends/web', { rules => [{ id => 'a', action => 'deny' }, { id => 'a', action => 'allow' }] }), 422,
	{ '/rules/1/id' => qr/another rule/ }, 'an id twice';

# What is wrong, and where.
errors_are $lb->post($rules, { action => 'deny', before => 'nobody' }), 422, { '/before' => qr/no other rule/ }, 'before nobody';
errors_are $lb->post($rules, { action => 'deny', before => 'last', after => 'last' }), 422, { '/after' => qr/not together/ }, 'in two places';
errors_are $lb->patch("$rules/last", { after => 'last' }), 422, { '/after' => qr/no other rule/ }, 'behind itself';
errors_are $lb->post($rules, { action => 'deny', if => '{ path /a } { nosuch }' }), 422, { '/if' => qr/column \d+.*nosuch/ }, 'a condition';
errors_are $lb->post($rules, { action => 'set-header', name => 'A', value => 'a %[path,lowr]' }), 422,
	{ '/value' => qr/^column \d+: there is no converter "lowr".*"lower"/ }, 'a format';
errors_are $lb->post($rules, { action => 'set-var', name => 'txn.a', expr => 'path(' }), 422, { '/expr' => qr/column/ }, 'an expression';
errors_are $lb->post($rules, { action => 'set-var', name => 'x', expr => 'path' }), 422, { '/name' => qr/./ }, 'a variable';
errors_are $lb->post($rules, { action => 'replace-path', match => '(', value => '/' }), 422, { '/match' => qr/./ }, 'a regular expression';
errors_are $lb->post($rules, { action => 'set-header', name => 'Content-Length', value => '1' }), 422, { '/name' => qr/frames/ }, 'a header of ours';
errors_are $lb->post($rules, { action => 'set-var', name => 'txn.a' }), 422, { '' => qr/"expr" or "value" is required/ }, 'neither of two';
errors_are $lb->post($rules, { action => 'set-var', name => 'txn.a', expr => 'path', value => 'a' }), 422, { '/value' => qr/not together with expr/ }, 'both';
errors_are $lb->post($rules, { action => 'set-status', status => 200 }), 422, { '/action' => qr/needs a phase: "http-response" or "http-after-response"/ },
	'no phase';
errors_are $lb->post($rules, { action => 'set-path', value => '/', phase => 'http-response' }), 422,
	{ '/phase' => qr/must be "http-request" for this action, is "http-response"/ }, 'an action outside its phase';
errors_are $lb->post($rules, { action => 'deny', phase => 'http-response', if => '{ path / }' }), 422,
	{ '/if' => qr/"path" needs .*http-response rules/ }, 'what a phase does not have';
errors_are $lb->post('/v1/frontends/tcp/rules', { action => 'set-path', value => '/' }), 422, { '/action' => qr/mode http only/ }, 'an action of HTTP';
status_is $lb->post('/v1/frontends/tcp/rules', { action => 'reject', if => '{ src 192.0.2.0/24 }' }), 201, 'rules of mode tcp';
is $lb->get('/v1/frontends/tcp/rules/rule-1')->{json}{phase}, 'tcp-request-content', 'have their phase';
errors_are $lb->post('/v1/backends/app/rules', { action => 'use_backend', backend => 'other' }), 422, { '/action' => qr/belong in a frontend/ },
	'use_backend in a backend';
errors_are $lb->post($rules, { action => 'use-server', server => 's' }), 422, { '/action' => qr/belong in a backend/ }, 'use-server in a frontend';
errors_are $lb->post($rules, { action => 'capture', expr => 'path', slot => 3 }), 422, { '/slot' => qr/no such slot/ }, 'a slot that is not there';
errors_are $lb->patch('/v1/frontends/web', { acls => { api => ['path /a', 'pth /b'] } }), 422, { '/acls/api/1' => qr/pth/ }, 'an ACL';
errors_are $lb->post($rules, { action => 'deny', if => 'nobody' }), 422, { '/if' => qr/nobody/ }, 'an ACL that is not there';
status_is $lb->post('/v1/frontends/nobody/rules', { action => 'deny' }), 404, 'no such frontend';
status_is $lb->post($rules, [1]), 422, 'no object';
is ids(), 'last rule-3 rule-2', 'nothing of this was taken';

# Who is named must be there, and stays.
errors_are $lb->post($rules, { action => 'use_backend', backend => 'nobody' }), 422, { '/backend' => qr/there is no backend "nobody"/ }, 'a backend';
errors_are $lb->post($rules, { action => 'deny', if => '{ nbsrv(nobody) 0 }' }), 422, { '/if' => qr/there is no backend "nobody"/ }, 'in a condition';
errors_are $lb->post($rules, { action => 'set-header', name => 'A', value => '%[srv_conn(app/nobody)]' }), 422,
	{ '/value' => qr{there is no server "app/nobody"} }, 'a server in a format';
errors_are $lb->post('/v1/backends/app/rules', { action => 'use-server', server => 'nobody' }), 422,
	{ '/server' => qr{there is no server "app/nobody"} }, 'a server';
status_is $lb->post($rules, { id => 'o', action => 'deny', if => '{ nbsrv(other) eq 9 } { fe_conn(tcp) gt 9 }' }), 201, 'those that are there';
status_is $lb->post('/v1/backends/app/rules', { id => 's', action => 'use-server', server => 's', if => '{ path /s }' }), 201, 'its server';
errors_are $lb->delete('/v1/backends/other'), 409, { '/frontends/web/rules/3/if' => qr/names backend "other"/ }, 'a backend in use stays';
errors_are $lb->delete('/v1/frontends/tcp'), 409, { '/frontends/web/rules/3/if' => qr/names frontend "tcp"/ }, 'a frontend';
errors_are $lb->delete('/v1/backends/app/servers/s'), 409, { '/backends/app/rules/0/server' => qr{names server "app/s"} }, 'a server';
status_is $lb->patch('/v1/backends/app/servers/s', { id => 7 }), 200, 'a server that another one takes the place of';
is ask('/s')->{status}, 200, 'is found by the rule';
status_is $lb->delete("$rules/o"), 204, 'without the rule';
status_is $lb->delete('/v1/backends/other'), 204, 'it may go';
status_is $lb->put('/v1/backends/n?dry_run=true', { rules => [{ action => 'deny', if => '{ nbsrv(n) 0 }' }], servers => { s => { address => '127.0.0.1:1' } } }),
	200, 'a dry run of one that names itself';
status_is $lb->patch('/v1/config', { backends => { a => { rules => [{ action => 'deny', if => '{ nbsrv(b) 0 }' }] },
	b => { rules => [{ action => 'deny', if => '{ nbsrv(a) 0 }' }] } } }), 200, 'two that name each other';
status_is $lb->patch('/v1/config', { backends => { a => undef, b => undef } }), 200, 'go together';
status_is $lb->put('/v1/backends/self', { servers => { s => { address => $origin->address } },
	rules => [{ action => 'deny', if => '{ nbsrv(self) gt 9 }' }, { action => 'use-server', server => 's' }] }), 201, 'one that names itself and its server';
status_is $lb->delete('/v1/backends/self'), 204, 'goes, with all that it has';

# Maps.
status_is $lb->put('/v1/maps/m', { entries => { '/api' => 'v1' } }), 201, 'a map';
status_is $lb->post($rules, { id => 'map', action => 'return', content_type => 'text/plain', lf_string => '%[path,map_beg(m)]', if => '{ path,map_beg(m) -m found }' }),
	201, 'a rule that looks things up in it';
is ask('/api/x')->{body}, 'v1', 'does';
errors_are $lb->post($rules, { action => 'deny', if => '{ src,map_ip(m) a }' }), 422, { '/if' => qr{^map "m": the entry "/api": } }, 'where its entries do not fit';
errors_are $lb->delete('/v1/maps/m'), 409, { map { ("/frontends/web/rules/3/$_" => qr/names map "m"/) } 'lf_string' }, 'it is in use';
status_is $lb->patch('/v1/config', { maps => { m => undef }, frontends => { web => { rules => [] } } }), 200, 'both go together';

# A name made of the request; where there is no such backend, the default one serves.
status_is $lb->post($rules, { id => 'made', action => 'use_backend', backend => '%[path,field(2,/)]' }), 201, 'a name that is made';
is ask('/app/x')->{status}, 200, 'one that is there';
is ask('/nobody/x')->{status}, 200, 'one that is not';

# monitor_uri.
status_is $lb->patch('/v1/frontends/web', { monitor_uri => '/health', monitor_fail => '{ nbsrv(app) lt 1 }' }), 200, 'a place for monitors';
is ask('/health')->{status}, 200, 'is answered';
status_is $lb->patch('/v1/backends/app/servers/s', { admin_state => 'maint' }), 200, 'no server';
is ask('/health')->{status}, 503, 'is told there';
errors_are $lb->patch('/v1/frontends/web', { monitor_uri => 'health' }), 422, { '/monitor_uri' => qr{begins with "/"} }, 'one that no request can have';
is $lb->get('/v1/frontends/web')->{json}{timeout}{tarpit}, '5s', 'a tarpit lasts as long as a connect';

# What is wrong is told once, and what was meant.
sub faults_of { return [map { "$_->{pointer} $_->{detail}" } @{$_[0]{json}{errors}}] }
is_deeply faults_of(status_is $lb->post($rules, { action => 'set-header', header => 'X', name => 'X', value => 'y' }), 422, 'no such field'),
	['/header set-header has no field "header"; it has: name, value'], 'one error';
like faults_of($lb->post($rules, { action => 'deny', server => 's' }))->[0], qr{^/server deny has no field "server"; it has: deny_status, }, 'a field of another action';
is_deeply faults_of($lb->post($rules, { action => 'use_backend', backend => 'ap' })), ['/backend there is no backend "ap"; did you mean "app"?'], 'a name nearly right';
is_deeply faults_of($lb->post($rules, { action => 'deny', if => '{ nbsrv(ap) lt 1 }' })), ['/if there is no backend "ap"; did you mean "app"?'], 'in a condition';
is_deeply faults_of($lb->post($rules, { action => 'deny', if => '{ path -f /etc/list }' })), ['/if there is no map "/etc/list": what -f and map() name is one of maps, no file'], '-f';
like faults_of($lb->post($rules, { action => 'deny', if => '{ ssl_fc }' }))->[0], qr{needs TLS, which is not in this version}, 'a test of TLS';
like faults_of($lb->post($rules, { action => 'track-sc0', if => 'TRUE' }))->[0], qr{^/action .*needs stick tables, which are not in this version}, 'an action on tables';
status_is $lb->post($rules, { id => 'u', action => 'deny', if => '{ path -u 17 -i /U }' }), 201, '-u has no effect';

# Slots that are not there keep nothing.
my $kept_in = sub { return { action => 'set-var', name => 'txn.x', expr => "path,capture-req($_[0])" } };
errors_are $lb->post($rules, $kept_in->(0)), 422, { '/expr' => qr{the frontend has no capture slot 0 of requests} }, 'no slot';
errors_are $lb->post($rules, { phase => 'http-response', action => 'capture', len => 9, expr => 'res.hdr(x),capture-res(1)' }), 422,
	{ '/expr' => qr{no capture slot 1 of responses} }, 'its own is the only one';
status_is $lb->patch('/v1/frontends/web', { rules => [$kept_in->(1), { action => 'capture', len => 9, expr => 'path' }], capture_request_headers => [{ name => 'X', len => 9 }] }),
	200, 'a header\'s slot, and one of a later rule';
status_is $lb->post('/v1/backends/app/rules', $kept_in->(5)), 201, 'in a backend frontends are not known';

# A thousand.
my @many = map { +{ id => "r$_", action => 'set-header', name => "X-$_", value => '%[path,lower]', if => "{ path_beg /n$_ }" } } 1 .. 999;
status_is $lb->patch('/v1/frontends/web', { rules => \@many }), 200, 'a thousand rules';
status_is $lb->post($rules, { action => 'deny', before => 'r500' }), 201, 'one more among them';
errors_are $lb->post($rules, { action => 'deny' }), 422, { '/frontends/web/rules' => qr/1000/ }, 'and one too many';

# Ids outlive the process, also those of rules that went.
my $kept = Sluice->start(state => 1, plain => 1, config => { frontends => { f => { rules => [{ action => 'reject' }] } }, backends => { b => {} } });
for my $path ('/v1/frontends/f/rules', '/v1/backends/b/rules') {
	my $last = $kept->post($path, { action => 'reject' })->{json}{id};
	status_is $kept->post($path, { id => 'mine', action => 'accept', before => $last }), 201, 'rules';
	status_is $kept->delete("$path/$last"), 204, 'one goes';
	my $list = $kept->get("$path?view=config");
	$kept->restart;
	is_deeply $kept->get("$path?view=config")->{json}, $list->{json}, 'the others are there after a restart';
	isnt $kept->post($path, { action => 'reject' })->{json}{id}, $last, 'and an id that was given is given no more';
}
done_testing;

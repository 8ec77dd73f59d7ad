#!/usr/bin/perl
# tier: story
# What mode http can be told: what is set comes back, what holds is shown, and what is wrong is told
# where it stands. No request is forwarded here.
use Sluice;
use JSON::PP ();

my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my $root = File::Temp->newdir;
my $files = "$root/files";
mkdir($_) or die "$_: $!" for $files, "$root/other";

sub write_file {
	my ($path, $text) = @_;
	open(my $out, '>', $path) or die "$path: $!";
	print {$out} $text;
	close($out) or die "$path: $!";
	return $path;
}

my $page = "HTTP/1.0 503 Service Unavailable\r\nContent-Type: text/html\r\n\r\n<b>later</b>\n";
write_file("$files/503.http", $page);
write_file("$root/other/503.http", $page);
write_file("$files/broken.http", "no response at all\n");
write_file("$files/long.http", $page . 'x' x 70_000);
symlink("$root/other/503.http", "$files/out.http") or die "symlink: $!";
symlink('503.http', "$files/in.http") or die "symlink: $!";
mkdir("$files/folder") or die "mkdir: $!";

my $lb = Sluice->start(config => { frontends => { plain => {} }, backends => { plain => {} } }, args => ['--files-dir', $files]);

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
	is(scalar @{$answer->{json}{errors} // []}, scalar keys %$want, "$name: as many errors") or diag($answer->{text});
	like($errors{$_} // '(none)', $want->{$_}, "$name: $_") for sort keys %$want;
	return $answer;
}

sub config_of { return $lb->get("$_[0]?view=config")->{json} }

# What is set, all of it.
my $error = { content_type => 'text/html', body => '<b>no</b>', headers => [{ name => 'Retry-After', value => '5' }] };
my $server = { address => '127.0.0.1:1', id => 1, pool_max_conn => 10, pool_purge_delay => '2s', pool_low_conn => 1, max_reuse => 100,
	send_proxy => $false, send_proxy_v2 => $true, proxy_v2_options => ['crc32c', 'authority'] };
my $backend = { mode => 'http', http_reuse => 'always', retry_on => ['conn-failure', 'response-timeout', '503'],
	forwardfor => { except => ['127.0.0.0/8', '::1'], header => 'X-Client', if_none => $true }, originalto => { except => '10.0.0.1' },
	forwarded => { by => $true, by_port => $true, for => $true, host => $true }, accept_unsafe_violations_in_http_response => $true,
	http_restrict_req_hdr_names => 'delete',
	errorfiles => { 503 => '503.http', 504 => "$files/in.http" }, http_errors => { 502 => $error, 500 => {} },
	timeout => { tunnel => '2h' },
	rules => [{ id => 'private', action => 'deny', deny_status => 429, if => '{ path_beg /private }' }], servers => { s => $server } };
my $frontend = { mode => 'http', bind => [{ address => '127.0.0.1:0', accept_proxy => $true },
		{ address => '127.0.0.1:0', accept_proxy => ['10.0.0.0/8', '::1'] }],
	default_backend => 'web', forwardfor => $true, originalto => { header => 'X-To' }, http_restrict_req_hdr_names => 'reject',
	accept_unsafe_violations_in_http_request => $true, timeout => { http_request => '5s', http_keep_alive => '1m' },
	errorfiles => { 408 => '503.http' }, http_errors => { 404 => $error },
	rules => [
		{ id => 'ping', action => 'return', status => 200, content_type => 'text/plain', string => "pong\n",
			headers => [{ name => 'Cache-Control', value => 'no-store' }], if => '{ path /ping }' },
		{ id => 'none', action => 'return', status => 204 },
		{ id => 'new', action => 'redirect', location => '/new', code => 301, set_cookie => 'seen=1', unless => '{ path /new }' },
		{ id => 'x', action => 'redirect', prefix => 'https://x.example', drop_query => $true, append_slash => $true, clear_cookie => 'seen' },
		{ id => 'tls', action => 'redirect', scheme => 'https', phase => 'http-request' },
		{ id => 'api', action => 'use_backend', backend => 'api', comment => 'c', labels => { a => 'b' }, if => '{ path_beg /api } or { hdr(host) -i api.example }' },
	] };
status_is $lb->put('/v1/backends/web', $backend), 201, 'a backend with everything';
status_is $lb->put('/v1/backends/api', { mode => 'http' }), 201, 'one that says nothing';
status_is $lb->put('/v1/frontends/web', $frontend), 201, 'a frontend with everything';
is_deeply config_of('/v1/backends/web'), $backend, 'the backend is as it was set';
is_deeply config_of('/v1/frontends/web'), $frontend, 'the frontend too';
my $etag = $lb->get('/v1/config?view=config')->{headers}{etag};
for my $path ('/v1/backends/web', '/v1/frontends/web') {
	status_is $lb->put($path, config_of($path)), 200, "PUT of $path as it is";
	is $lb->get('/v1/config?view=config')->{headers}{etag}, $etag, 'changes nothing';
}
for my $path ('/v1/backends/web', '/v1/backends/api', '/v1/frontends/web', '/v1/backends/plain', '/v1/frontends/plain') {
	status_is $lb->put("$path?dry_run=true", $lb->get($path)->{json}), 200, "PUT of what a plain GET of $path shows is taken";
}

# What holds.
my $shown = $lb->get('/v1/backends/api')->{json};
is_deeply { map { $_ => $shown->{$_} } qw(http_reuse retry_on forwardfor originalto forwarded accept_unsafe_violations_in_http_response) },
	{ http_reuse => 'safe', retry_on => ['conn-failure'], forwardfor => $false, originalto => $false, forwarded => $false,
		accept_unsafe_violations_in_http_response => $false }, 'what is built in';
is $shown->{timeout}{tunnel}, '1h', 'a tunnel of mode http has an hour';
$shown = $lb->get('/v1/backends/plain')->{json};
ok !exists($shown->{$_}), "mode tcp has no $_" for qw(http_reuse retry_on forwardfor rules errorfiles);
is $shown->{timeout}{tunnel}, undef, 'nor a time for tunnels';
status_is $lb->patch('/v1/backends/plain', { timeout => { tunnel => '3h' } }), 200, 'but it takes one';
status_is $lb->patch('/v1/frontends/web', { forwardfor => undef, http_restrict_req_hdr_names => undef, timeout => undef }), 200, 'unset';
$shown = $lb->get('/v1/frontends/web')->{json};
is_deeply [@$shown{qw(forwardfor http_restrict_req_hdr_names)}, @{$shown->{timeout}}{qw(http_request http_keep_alive)}],
	[$false, 'preserve', '10s', '1m'], 'what is built in, in a frontend';
status_is $lb->patch('/v1/defaults', { http_reuse => 'never', forwardfor => { header => 'X-F' }, timeout => { http_request => '3s' },
	retry_on => ['none'], errorfiles => { 503 => '503.http' }, default_server => { pool_max_conn => 3, max_reuse => 7, send_proxy => $true } }),
	200, 'defaults';
$shown = $lb->get('/v1/backends/api')->{json};
is_deeply [@$shown{qw(http_reuse forwardfor retry_on errorfiles)}], ['never', { header => 'X-F' }, ['none'], { 503 => '503.http' }], 'are inherited';
is $lb->get('/v1/frontends/web')->{json}{timeout}{http_request}, '3s', 'times one by one';
is_deeply $lb->get('/v1/frontends/web')->{json}{errorfiles}, { 408 => '503.http', 503 => '503.http' }, 'pages, too';
ok !exists($lb->get('/v1/backends/plain')->{json}{http_reuse}), 'not in mode tcp';
status_is $lb->put('/v1/backends/api/servers/t', { address => '127.0.0.1:2' }), 201, 'a server';
$shown = $lb->get('/v1/backends/api/servers/t')->{json};
is_deeply [@$shown{qw(pool_max_conn pool_purge_delay pool_low_conn max_reuse send_proxy send_proxy_v2 proxy_v2_options)}],
	[3, '5s', 0, 7, $true, $false, []], 'what holds of a server';
is $shown->{status}{idle_connections}, 0, 'none is idle';

# Modes.
errors_are $lb->patch('/v1/frontends/plain', { default_backend => 'web' }), 422,
	{ '/default_backend' => qr/^frontend "plain" is of mode tcp and backend "web" of mode http/ }, 'a frontend names a backend of another mode';
errors_are $lb->patch('/v1/backends/web', { mode => 'tcp', http_reuse => undef, retry_on => undef, forwardfor => undef, originalto => undef,
	forwarded => undef, accept_unsafe_violations_in_http_response => undef, http_restrict_req_hdr_names => undef, errorfiles => undef, http_errors => undef, rules => undef,
	servers => { s => { map { $_ => undef } qw(pool_max_conn pool_purge_delay pool_low_conn max_reuse) } } }), 422,
	{ '/mode' => qr/^frontend "web" is of mode http and backend "web" of mode tcp/ }, 'a backend leaves the mode of its frontend';
errors_are $lb->patch('/v1/backends/api', { mode => undef }), 422, { '/mode' => qr/frontend "web" is of mode http and backend "api"/ },
	'one that a rule names';
errors_are $lb->patch('/v1/frontends/plain', { rules => [], timeout => { http_request => '1s', client => '1s' }, forwardfor => $false }), 422,
	{ '/timeout/http_request' => qr/mode http only, and frontend "plain" is of mode tcp/, '/forwardfor' => qr/mode http only/ }, 'what only http has';
errors_are $lb->patch('/v1/backends/plain', { http_reuse => 'safe', default_server => { max_reuse => 1 }, servers => {
	x => { address => '127.0.0.1:1', pool_low_conn => 1, send_proxy => $true } } }), 422, { '/http_reuse' => qr/mode http only/,
		'/default_server/max_reuse' => qr/mode http only/, '/servers/x/pool_low_conn' => qr/backend "plain" is of mode tcp/ }, 'in a backend';
errors_are $lb->patch('/v1/defaults', { mode => 'http' }), 200, {}, 'all that say nothing change together';
is $lb->get('/v1/frontends/plain')->{json}{mode}, 'http', 'so';
status_is $lb->put('/v1/backends/plain/servers/x', { address => '127.0.0.1:1', pool_low_conn => 1 }), 201, 'a server of mode http';
errors_are $lb->patch('/v1/defaults', { mode => undef }), 422, { '/backends/plain/servers/x/pool_low_conn' => qr/mode http only/ },
	'and back, but for who says what then means nothing';
status_is $lb->delete('/v1/backends/plain/servers/x'), 204, 'without it';
status_is $lb->patch('/v1/defaults', { mode => undef }), 200, 'they do';

# References.
errors_are $lb->delete('/v1/backends/api'), 409, { '/frontends/web/rules/5/backend' => qr/names backend "api"/ }, 'a backend that a rule uses';
errors_are $lb->patch('/v1/frontends/web', { rules => [{ action => 'use_backend', backend => 'api' }, { action => 'deny' },
	{ action => 'use_backend', backend => 'nobody' }] }), 422, { '/rules/2/backend' => qr/there is no backend "nobody"/ }, 'one that is not there';

# Rules.
sub rules_are {
	my ($rules, $want, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return errors_are $lb->patch('/v1/frontends/web', { rules => $rules }), 422, $want, $name;
}
rules_are [{ action => 'deny' }, { action => 'deny' }, { action => 'deny', if => '{ path /a } or' }], { '/rules/2/if' => qr/./ }, 'a bad condition';
rules_are [{ action => 'deny', unless => '{ nosuch x }' }], { '/rules/0/unless' => qr/nosuch/ }, 'an unknown test';
rules_are [{ action => 'deny', if => '{ path / }', unless => '{ path / }' }], { '/rules/0/unless' => qr/not together/ }, 'if and unless';
rules_are [{ id => 'a', action => 'deny' }, { action => 'deny' }, { id => 'a', action => 'deny' }], { '/rules/2/id' => qr/another rule/ }, 'an id twice';
rules_are [{ action => 'deny', phase => 'use_backend' }], { '/rules/0/phase' => qr/must be "http-request"/ }, 'an action outside its phase';
rules_are [{ action => 'use_backend', phase => 'http-request', backend => 'api' }], { '/rules/0/phase' => qr/must be "use_backend"/ }, 'the other one';
rules_are [{ action => 'use_backend' }], { '/rules/0' => qr/"backend" is required/ }, 'use_backend without one';
rules_are [{ action => 'deny', location => '/' }], { '/rules/0/location' => qr/deny has no field "location"/ }, 'a field of another action';
rules_are [{ action => 'deny', deny_status => 418 }], { '/rules/0/deny_status' => qr/no error page of this status/ }, 'a status without a page';
rules_are [{ action => 'redirect' }], { '/rules/0' => qr/"location" or "prefix" or "scheme" is required/ }, 'a redirect to nowhere';
rules_are [{ action => 'redirect', location => '/', scheme => 'https' }], { '/rules/0/scheme' => qr/not together with location/ }, 'to two places';
rules_are [{ action => 'redirect', location => '/', drop_query => $true }], { '/rules/0/drop_query' => qr/nothing of the request/ }, 'drop_query';
rules_are [{ action => 'redirect', prefix => '/', append_slash => $true }], { '/rules/0/append_slash' => qr/needs drop_query/ }, 'append_slash';
rules_are [{ action => 'redirect', location => '/', set_cookie => 'a=b', clear_cookie => 'a' }], { '/rules/0/clear_cookie' => qr/not together/ }, 'two cookies';
rules_are [{ action => 'redirect', location => "/a\r\nSet-Cookie: x" }], { '/rules/0/location' => qr/a URL/ }, 'a line too many';
rules_are [{ action => 'redirect', location => 'https://%[hdr(host' }], { '/rules/0/location' => qr/^column \d+: / }, 'half a format';
rules_are [{ action => 'return', string => 'x' }], { '/rules/0/content_type' => qr/is required/ }, 'a body without a type';
rules_are [{ action => 'return', status => 204, string => 'x', content_type => 'text/plain' }], { '/rules/0/string' => qr/has no body/ }, 'a body of 204';
rules_are [{ action => 'return', headers => [{ name => 'A', value => 'b' }, { name => 'content-length', value => '5' }, { name => 'B', value => "c\nd" },
	{ name => 'C', value => '%[nobody]' }] }], { '/rules/0/headers/1/name' => qr/anyway/, '/rules/0/headers/2/value' => qr/control characters/,
		'/rules/0/headers/3/value' => qr/there is no sample "nobody"/ }, 'headers';
errors_are $lb->patch('/v1/backends/web', { rules => [{ action => 'deny' }, { action => 'use_backend', backend => 'api' }] }), 422,
	{ '/rules/1/action' => qr/frontend/ }, 'use_backend in a backend';
is_deeply config_of('/v1/frontends/web')->{rules}, $frontend->{rules}, 'nothing of this was taken';

# Error pages.
sub pages_are {
	my ($set, $want, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return errors_are $lb->patch('/v1/frontends/plain', { mode => 'http', errorfiles => undef, %$set }), %$want ? 422 : 200, $want, $name;
}
pages_are { errorfiles => { 503 => "$root/other/503.http" } }, { '/errorfiles/503' => qr/below global\.files_dir \(\Q$files\E\)/ }, 'a file elsewhere';
pages_are { errorfiles => { 503 => '../other/503.http' } }, { '/errorfiles/503' => qr/leads out of/ }, 'by dots';
pages_are { errorfiles => { 503 => "$files/../other/503.http" } }, { '/errorfiles/503' => qr/leads out of/ }, 'by a whole name with dots';
pages_are { errorfiles => { 503 => 'out.http' } }, { '/errorfiles/503' => qr/leads out of/ }, 'by a link';
pages_are { errorfiles => { 503 => 'none.http', 504 => 'folder', 500 => 'broken.http', 502 => 'long.http', 402 => 'x' } },
	{ '/errorfiles/503' => qr/No such file/, '/errorfiles/504' => qr/no file/, '/errorfiles/500' => qr/./, '/errorfiles/502' => qr/more than 65536 bytes/,
		'/errorfiles/402' => qr/must be one of/ }, 'files that are no pages';
pages_are { errorfiles => { 503 => '503.http' }, http_errors => { 503 => {} } }, { '/errorfiles/503' => qr/http_errors has/ }, 'one status in both';
pages_are { http_errors => { 500 => { body => 'x' }, 502 => { headers => [{ name => 'Connection', value => 'close' }] } } },
	{ '/http_errors/500/content_type' => qr/is required/, '/http_errors/502/headers/0/name' => qr/anyway/ }, 'pages of the document';
pages_are { errorfiles => { 503 => 'in.http' } }, {}, 'a link that stays within is fine';

# The nearest level that has a page for a status counts, be it a file or not; those of other statuses are inherited (HAProxy does so).
sub page_of {
	my $c = $lb->connect('pages');
	$c->send("GET $_[0] HTTP/1.0\r\n\r\n");
	return $c->read_all =~ s/.*\r\n\r\n//sr;
}
my %text = map { $_ => { content_type => 'text/plain', body => "own $_" } } 403, 404, 503;
status_is $lb->patch('/v1/defaults', { errorfiles => { 503 => '503.http' }, http_errors => { 403 => { content_type => 'text/plain', body => 'of defaults' } } }),
	200, 'pages in defaults';
status_is $lb->put('/v1/frontends/pages', { mode => 'http', bind => ['127.0.0.1:0'], http_errors => { 404 => $text{404} }, rules => [
	map { { action => 'deny', deny_status => $_, if => "{ path /$_ }" } } 403, 404] }), 201, 'one in a frontend';
is_deeply [map { page_of("/$_") } 403, 404, 503], ['of defaults', 'own 404', $page =~ s/.*\n\r?\n//sr], 'all of them hold';
$shown = $lb->get('/v1/frontends/pages')->{json};
is_deeply [sort(keys %{$shown->{http_errors}}), %{$shown->{errorfiles}}], [403, 404, 503, '503.http'], 'and are shown';
status_is $lb->put('/v1/frontends/pages?dry_run=true', $shown), 200, 'what is shown is taken';
status_is $lb->patch('/v1/frontends/pages', { http_errors => { 503 => $text{503} }, errorfiles => { 403 => '503.http' } }), 200, 'each kind hides the other';
is_deeply [map { page_of("/$_") } 403, 503], [$page =~ s/.*\n\r?\n//sr, 'own 503'], 'so';
$shown = $lb->get('/v1/frontends/pages')->{json};
is_deeply [sort(keys %{$shown->{http_errors}}), keys %{$shown->{errorfiles}}], [404, 503, 403], 'is shown';
errors_are $lb->patch('/v1/frontends/pages', { errorfiles => { 503 => '503.http' } }), 422, { '/errorfiles/503' => qr/http_errors has/ },
	'not together at one place';
status_is $lb->patch('/v1/frontends/pages', { http_errors => { 503 => undef }, errorfiles => undef }), 200, 'without';
is_deeply [map { page_of("/$_") } 403, 503], ['of defaults', $page =~ s/.*\n\r?\n//sr], 'those of defaults are back';
status_is $lb->delete('/v1/frontends/pages'), 204, 'away';
my $refused = status_is $lb->patch('/v1/defaults', { errorfiles => { 503 => '/etc/hostname' } }), 422, 'nor by way of defaults';
is $refused->{json}{errors}[0]{pointer}, '/errorfiles/503', 'is a file elsewhere named';
errors_are $lb->patch('/v1/global', { files_dir => '/' }), 409, { '/files_dir' => qr/--files-dir was given/ }, 'files_dir';

# Others.
errors_are $lb->patch('/v1/frontends/web', { forwardfor => { except => ['10.0.0.0/8', '10.0.0.1/8', 'x'], header => 'a b' },
	originalto => { except => '10.0.0.0/33', if_none => $true } }), 422, { '/forwardfor/except/1' => qr/./, '/forwardfor/except/2' => qr/./,
		'/forwardfor/header' => qr/header name/, '/originalto/except' => qr/./, '/originalto/if_none' => qr/unknown field/ }, 'networks';
for my $name (qw(Content-Length transfer-encoding Host Connection Upgrade TE Trailer Keep-Alive Expect)) {
	errors_are $lb->patch('/v1/frontends/web', { forwardfor => { header => $name }, originalto => { header => lc $name } }), 422,
		{ '/forwardfor/header' => qr/for another purpose/, '/originalto/header' => qr/for another purpose/ }, "$name tells of no address";
}
errors_are $lb->patch('/v1/backends/web?dry_run=true', { forwardfor => { header => 'x-forwarded-for' }, originalto => { header => 'X-Content-Length' } }), 200,
	{}, 'others do';
errors_are $lb->patch('/v1/frontends/web', { bind => [{ address => '127.0.0.1:0', accept_proxy => ['10.0.0.0/8', 'here'] },
	{ address => '127.0.0.1:0', accept_proxy => [] }] }), 422, { '/bind/0/accept_proxy/1' => qr/./, '/bind/1/accept_proxy' => qr/at least 1|1 to/ },
	'trusted networks';
errors_are $lb->patch('/v1/admin', { listen => [{ address => '127.0.0.1:0', accept_proxy => $true }] }), 422,
	{ '/listen/0/accept_proxy' => qr/unknown field/ }, 'the admin server takes no PROXY header';
errors_are $lb->patch('/v1/backends/web', { retry_on => ['none', '503'] }), 422, { '/retry_on' => qr/stands alone/ }, 'none stands alone';
errors_are $lb->patch('/v1/backends/web', { retry_on => ['0rtt-rejected', '418'] }), 422,
	{ '/retry_on/0' => qr/one of/, '/retry_on/1' => qr/one of/ }, 'words';
errors_are $lb->patch('/v1/backends/api', { forwarded => { for => $false } }), 422, { '/forwarded' => qr/no parameter/ }, 'a header of nothing';
errors_are $lb->patch('/v1/backends/web/servers/s', { send_proxy => $true }), 422, { '/send_proxy_v2' => qr/so is send_proxy/ }, 'two headers';
errors_are $lb->patch('/v1/backends/web/servers/s', { send_proxy => $false, send_proxy_v2 => $false }), 422,
	{ '/proxy_v2_options' => qr/needs send_proxy_v2/ }, 'options of a header that is not sent';
$lb->stop;
undef $lb;

# The file may name what it wants; a change over REST of something else does not ask about it.
$lb = Sluice->start(config => { frontends => { web => { mode => 'http', errorfiles => { 503 => "$root/other/503.http" } } } });
status_is $lb->patch('/v1/frontends/web', { maxconn => 10 }), 200, 'a frontend whose page the file named is changed';
status_is $lb->put('/v1/frontends/web', { %{config_of('/v1/frontends/web')}, maxconn => 11 }), 200, 'and put back';
errors_are $lb->patch('/v1/frontends/web', { errorfiles => { 504 => "$root/other/503.http" } }), 200, {}, 'the same file once more';
errors_are $lb->patch('/v1/frontends/web', { errorfiles => { 504 => "$files/503.http" } }), 422,
	{ '/errorfiles/504' => qr/needs global\.files_dir/ }, 'another one without files_dir';
errors_are $lb->patch('/v1/frontends/web', { errorfiles => { 504 => '503.http' } }), 422,
	{ '/errorfiles/504' => qr/needs global\.files_dir/ }, 'nor a relative one';
errors_are $lb->patch('/v1/global', { files_dir => $files }), 409, { '/files_dir' => qr/restart needed/ }, 'which is not live';
$lb->stop;
my $checked = Sluice->run({ config => { global => { files_dir => $files }, frontends => { web => { mode => 'http',
	errorfiles => { 503 => '503.http', 504 => 'none.http' } } } } }, '--check');
is $checked->{exit}, 1, '--check looks at files';
like $checked->{stderr}, qr{/frontends/web/errorfiles/504: .*No such file}, 'and tells which is wrong';
unlike $checked->{stderr}, qr{errorfiles/503}, 'and no other';
undef $lb;
done_testing;

#!/usr/bin/perl
# One question to QEMU's monitor: how is the VM? Usage: ask-monitor.pl SOCKET MILLISECONDS. Prints `answers STATE`, `silent WHY` (it
# was there and said nothing in time) or `unreachable WHY` (it could not be asked, which tells nothing of QEMU).
# The socket's backlog is 1, and a connection stays in it when its client has gone: a blocking connect to a stopped QEMU would be
# the third to wait, for ever. So connect does not block; EAGAIN is a full backlog, and is tried again until the time is over. A
# socket that is not there, or refuses, may be one that is just being made: that is tried again for a moment.
# No module is loaded and numbers stand for their names: this runs every ten seconds while a page is open, and Socket alone takes
# four times as long as all of it. The numbers are those of Linux on x86 and ARM, which are what Proxmox runs on.
use strict;
use warnings;

use constant { AF_UNIX => 1, SOCK_STREAM => 1, SOCK_NONBLOCK => 2048, EAGAIN => 11, RETRY_S => 0.1, MAKING_S => 0.6, SUN_PATH => 107 };

my ($path, $left) = ($ARGV[0] // '', ($ARGV[1] // 0) / 1000);

sub say_so { my ($word, $text) = @_; print "$word $text\n"; exit 0 }

# Takes what passes off what is left. select tells how much time it did not use.
sub wait_for {
    my ($bits, $seconds) = @_;
    my $ready = $bits;
    my ($found, $unused) = select $ready, undef, undef, $seconds;
    $left -= $seconds - ($unused // 0);
    return defined $bits && $found > 0;
}

say_so('unreachable', 'its path is too long') if length $path > SUN_PATH;
socket my $socket, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0 or say_so('unreachable', "$!");
my $making = $left - MAKING_S;
until (connect $socket, pack 'S a*', AF_UNIX, "$path\0") {
    say_so('unreachable', "$!") if $! != EAGAIN && $left <= $making;
    say_so('silent', 'others wait for it already: its queue of connections is full') if $left <= 0;
    wait_for(undef, $left < RETRY_S ? $left : RETRY_S);
}

local $SIG{PIPE} = 'IGNORE';
my ($bits, $text, $asked) = ('', '', 0);
vec($bits, fileno $socket, 1) = 1;
while ($left > 0) {
    next unless wait_for($bits, $left);
    sysread $socket, $text, 65536, length $text or say_so('silent', 'it closed the connection');
    # Both at once: it answers in order. Another client's events may come in between.
    if (!$asked && $text =~ /^\{\s*"QMP"/m) {
        syswrite $socket, qq({"execute":"qmp_capabilities"}\n{"execute":"query-status"}\n);
        $asked = 1;
    }
    say_so('answers', $1) if $asked && $text =~ /^\{\s*"return":\s*\{[^{}\n]*"status":\s*"([a-z-]{1,40})"/m;
}
say_so('silent', $asked ? 'it greets, and then says nothing' : 'it accepts connections and says nothing');

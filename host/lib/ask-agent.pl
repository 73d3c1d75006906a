#!/usr/bin/perl
# Asks the guest agent over its own socket whether it answers, and whether the guest's file systems are frozen: what `qm guest cmd`
# would ask, without its second of CPU. Usage: ask-agent.pl SOCKET MILLISECONDS. Prints `ping answers|silent|unreachable WHY`, and
# `fsfreeze thawed|frozen|error WHY` from an agent that answers.
# Protocol: https://www.qemu.org/docs/master/interop/qemu-ga-ref.html
use strict;
use warnings;
use Time::HiRes qw(time);
require(($0 =~ s{[^/]*$}{}r) . 'monitor.pm');

my ($path, $limit_ms) = @ARGV;
my $until = time + $limit_ms / 1000;
local $SIG{PIPE} = 'IGNORE';

my $agent = monitor->connect_to($path, $until);
if (!$agent) { print 'ping ', monitor::reason() =~ s/^(\w+): /$1 /r, "\n"; exit 0 }
# An answer to somebody who has gone may still be in the pipe: what comes before our own number is not for us.
my $id = $$ * 1000 + int(rand 1000);
$agent->send_line(qq(\xff{"execute":"guest-sync-delimited","arguments":{"id":$id}}));
while (1) {
    my $line = $agent->line($until);
    if (!defined $line) { print "ping silent it does not answer\n"; exit 0 }
    last if $line =~ /"return":\s*$id\b/;
}

sub ask {
    my ($command) = @_;
    $agent->send_line(qq({"execute":"$command"}));
    my $line = $agent->line($until);
    return (undef, 'it does not answer') if !defined $line;
    return (undef, $line =~ /"desc":\s*"([^"]*)"/ ? $1 : $line) if $line =~ /"error"/;
    return ($line =~ /"return":\s*"?([^"}]*)"?/ ? $1 : '', '');
}

my (undef, $why) = ask('guest-ping');
if ($why) { print "ping silent $why\n"; exit 0 }
print "ping answers \n";
my ($frozen, $error) = ask('guest-fsfreeze-status');
print 'fsfreeze ', $error ? "error $error" : $frozen, "\n";

#!/usr/bin/perl
# Sample A, the screen, and two seconds later sample B over one QMP connection. QEMU serves one QMP client at a time, so this
# is one attempt, and from the greeting on the connection is held under five seconds: while it lasts, `qm` and pvestatd wait.
# Usage: qmp.pl SOCKET DIRECTORY PERCENT. Writes qmp-a.jsonl, qmp-b.jsonl, and QEMU itself the screendump.
# Replies are kept as QEMU sent them, one JSON object a line with the command before it: no JSON module is needed, and a reply
# that is strange is kept as strange. On stdout, for steps.bash: `step NAME STATUS MS WHY` and `say KEY TEXT`.
use strict;
use warnings;
use IO::Socket::UNIX;
use POSIX qw(strftime);
use Time::HiRes qw(time sleep);

my ($path, $directory, $percent) = @ARGV;
my $screen = "$directory/screendump.ppm";
sub limit { return $_[0] * $percent / 100 }

use constant {
    GREETING_S => 3.0,    # another client may be at it: then QEMU's greeting comes when that one has gone
    SAMPLE_A_S => 1.6,    # with the screen and B these stay under the five seconds
    SCREEN_S   => 1.2,
    GAP_S      => 2.0,    # between the samples: what stands still across it has stalled
    HELD_S     => 4.8,
    SAMPLE_CAP => 1 << 20,
    SCREEN_CAP => 16 << 20,
    MAX_QUEUES => 64,     # of all disks together: a host with many vCPUs has one queue per vCPU and disk
};
# `p2a` of the protocol: https://www.qemu.org/docs/master/interop/qmp-spec.html
my @STATE = qw(query-status query-blockstats query-block query-block-jobs query-iothreads query-cpus-fast query-balloon);

$| = 1;
my ($socket, $buffer, $out, $room, $greeting) = (undef, '', undef, 0, '');
my (%queues, @disks);    # sample -> "path queue" -> [inuse, used-idx]

sub report { my ($name, $status, $began, $why) = @_; printf "step %s %s %d %s\n", $name, $status, (time - $began) * 1000, $why // ''; return }

# One line before the deadline, or nothing.
sub receive {
    my ($until) = @_;
    while ((my $end = index $buffer, "\n") < 0) {
        my $left = $until - time;
        return if $left <= 0 || length $buffer > 8 * SAMPLE_CAP;
        my $bits = '';
        vec($bits, fileno $socket, 1) = 1;
        next unless select(my $ready = $bits, undef, undef, $left) > 0;
        return unless sysread $socket, $buffer, 65536, length $buffer;
    }
    my $line = substr $buffer, 0, index($buffer, "\n") + 1, '';
    $line =~ s/\s+$//;
    return $line;
}

sub keep {
    my ($line) = @_;
    if (($room -= length($line) + 1) >= 0) { print {$out} "$line\n" }
    return;
}

# Asks, keeps the exchange, returns the reply's text; nothing when it did not come in time. Events in between are kept too.
sub execute {
    my ($command, $arguments, $until) = @_;
    my $began = time;
    my $at = strftime('%Y-%m-%dT%H:%M:%S', gmtime $began) . sprintf '.%03dZ', ($began - int $began) * 1000;
    my $given = $arguments ? qq(,"arguments":$arguments) : '';
    syswrite $socket, qq({"execute":"$command"$given}\n) or return;
    while (defined(my $line = receive($until))) {
        if ($line =~ /^\{\s*"(?:return|error)"/) {
            keep(sprintf '{"command":"%s"%s,"at":"%s","ms":%d,%s', $command, $given, $at, (time - $began) * 1000, substr $line, 1);
            return $line;
        }
        keep(qq({"event":$line})) if $line =~ /^\{.*\}$/;
    }
    keep(sprintf '{"command":"%s"%s,"at":"%s","ms":%d,"error":{"class":"NoAnswer","desc":"no answer in time"}}',
        $command, $given, $at, (time - $began) * 1000);
    return;
}

# Where QEMU knows nothing of virtio queues (before 7.2) or the disk is not virtio, there is no such answer, which is one too.
sub sample {
    my ($name, $until) = @_;
    open $out, '>', "$directory/qmp-$name.jsonl" or return 'the file cannot be written';
    $out->autoflush(1);
    $room = SAMPLE_CAP;
    keep(qq({"greeting":$greeting}));
    for my $command (@STATE) { defined execute($command, undef, $until) or return "$command: no answer" }
    my $devices = execute('x-query-virtio', undef, $until) // return 'x-query-virtio: no answer';
    if (!@disks) {
        for my $device ($devices =~ /(\{[^{}]*\})/g) {
            my ($kind) = $device =~ /"name":\s*"([^"]*)"/;
            my ($where) = $device =~ /"path":\s*"([^"\\]*)"/;
            push @disks, $where if defined $where && ($kind // '') =~ /^virtio-(?:blk|scsi)/;
        }
    }
    my $asked = 0;
    for my $disk (@disks) {
        for (my $queue = 0; $asked < MAX_QUEUES; $queue++, $asked++) {
            my $state = execute('x-query-virtio-queue-status', qq({"path":"$disk","queue":$queue}), $until)
                // return 'x-query-virtio-queue-status: no answer';
            last if $state =~ /^\{\s*"error"/;
            my ($in_use) = $state =~ /"inuse":\s*(\d+)/;
            my ($used) = $state =~ /"used-idx":\s*(\d+)/;
            $queues{$name}{"$disk $queue"} = [$in_use // 0, $used // 0];
        }
    }
    return $room < 0 ? 'cut at its cap' : '';
}

sub screendump {
    my ($until) = @_;
    my $began = time;
    (my $file = $screen) =~ s/([\\"])/\\$1/g;
    my $reply = execute('screendump', qq({"filename":"$file"}), $until);
    return report('screendump', 'timeout', $began) if !defined $reply;
    if ($reply =~ /^\{\s*"error"/) {
        my ($why) = $reply =~ /"desc":\s*"([^"]*)"/;
        return report('screendump', 'error', $began, $why);
    }
    return report('screendump', 'error', $began, 'QEMU wrote no file') if !-s $screen;
    if (-s $screen > SCREEN_CAP) { truncate $screen, SCREEN_CAP }
    return report('screendump', 'ok', $began);
}

my $began = time;
sub give_up { my ($status, $why) = @_; report($_, $status, $began, $why) for qw(qmp-a screendump qmp-b); print "say qmp $why\n"; exit 0 }

local $SIG{PIPE} = 'IGNORE';
$socket = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $path) or give_up('error', "unreachable: $!");
$greeting = receive($began + limit(GREETING_S)) // give_up('timeout', 'silent: the socket accepts and says nothing');
my $held = time;
my $end = $held + limit(HELD_S);
open $out, '>', '/dev/null';
$room = SAMPLE_CAP;
execute('qmp_capabilities', undef, $held + limit(SAMPLE_A_S)) // give_up('timeout', 'silent: greets, and then says nothing');

my $why = sample('a', $held + limit(SAMPLE_A_S));
report('qmp-a', $why =~ /no answer/ ? 'timeout' : $why && $why !~ /cap/ ? 'error' : 'ok', $began, $why);
if ($why =~ /no answer/) {
    report($_, 'skipped', time, 'QMP stopped answering') for qw(screendump qmp-b);
    print "say qmp silent: $why\n";
    exit 0;
}
my $a_ended = time;
screendump($a_ended + limit(SCREEN_S));
my $pause = $a_ended + limit(GAP_S) - time;
sleep $pause if $pause > 0;
$began = time;
$why = sample('b', $end);
report('qmp-b', $why =~ /no answer/ ? 'timeout' : $why && $why !~ /cap/ ? 'error' : 'ok', $began, $why);
printf "say qmp %s, held %.1f s\n", $why =~ /no answer/ ? "silent: $why" : 'answers', time - $held;

my ($seen, $in_use, $moved, $stuck) = (0, 0, 0, 0);
for my $queue (keys %{ $queues{a} }) {
    my ($a, $b) = ($queues{a}{$queue}, $queues{b}{$queue} // next);
    $seen++;
    $in_use++ if $b->[0] > 0;
    $moved++ if $a->[1] != $b->[1];
    $stuck++ if $a->[0] > 0 && $b->[0] > 0 && $a->[1] == $b->[1];
}
print $seen ? "say queues $in_use in use, $moved advancing, $stuck in use and standing still (of $seen)\n" : "say queues none of virtio disks are told\n";

#!/usr/bin/perl
# Sample A, the screen, and two seconds later sample B over one QMP connection. QEMU serves one QMP client at a time, so this
# is one attempt, and from the greeting on the connection is held under five seconds: while it lasts, `qm` and pvestatd wait.
# Usage: qmp.pl SOCKET DIRECTORY PERCENT. Writes qmp-a.jsonl, qmp-b.jsonl, and QEMU itself the screendump. For readers of an older
# version status-a.txt and status-b.txt, in the words of `qm status --verbose`.
# Replies are kept as QEMU sent them, one JSON object a line with the command before it: a reply that is strange is kept as
# strange. On stdout, for steps.bash: `step NAME STATUS MS WHY` and `say KEY TEXT`.
use strict;
use warnings;
use Time::HiRes qw(time sleep);
require(($0 =~ s{[^/]*$}{}r) . 'monitor.pm');

my ($path, $directory, $percent) = @ARGV;
my $screen = "$directory/screendump.ppm";
sub limit { return $_[0] * $percent / 100 }

use constant {
    GREETING_S  => 3.0,    # another client may be at it: then QEMU's greeting comes when that one has gone
    SAMPLE_A_S  => 1.6,    # with the screen and B these stay under the five seconds
    SCREEN_S    => 1.2,
    GAP_S       => 2.0,    # between the samples: what stands still across it has stalled
    HELD_S      => 4.8,
    SAMPLE_CAP  => 1 << 20,
    SCREEN_CAP  => 16 << 20,
    MAX_QUEUES  => 512,    # of all disks together: a host with many vCPUs has one queue per vCPU and disk
    LAST_LOOK_S => 0.15,   # of a sample's time: no queue is asked after that, for its answer would come too late
};
# `p2a` of the protocol: https://www.qemu.org/docs/master/interop/qmp-spec.html
my @STATE = qw(query-status query-blockstats query-block query-block-jobs query-iothreads query-cpus-fast query-balloon);

$| = 1;
my ($monitor, $out, $room, $greeting) = (undef, undef, 0, '');
my (%queues, @disks, %count);    # sample -> "path queue" -> [inuse, used-idx]; sample -> device -> [read, written]

sub report { my ($name, $status, $began, $why) = @_; printf "step %s %s %d %s\n", $name, $status, (time - $began) * 1000, $why // ''; return }

sub keep {
    my ($line) = @_;
    if (($room -= length($line) + 1) >= 0) { print {$out} "$line\n" }
    return;
}

sub clock {
    my ($at) = @_;
    my @t = gmtime $at;
    return sprintf '%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', $t[5] + 1900, $t[4] + 1, @t[ 3, 2, 1, 0 ], ($at - int $at) * 1000;
}

# Asks, keeps the exchange, returns the reply's text; nothing when it did not come in time. Events in between are kept too.
sub execute {
    my ($command, $arguments, $until) = @_;
    my $began = time;
    my $given = $arguments ? qq(,"arguments":$arguments) : '';
    my $asked = sprintf '{"command":"%s"%s,"at":"%s"', $command, $given, clock($began);
    $monitor->send_line(qq({"execute":"$command"$given})) or return;
    while (defined(my $line = $monitor->line($until))) {
        if ($line =~ /^\{\s*"(?:return|error)"/) {
            keep(sprintf '%s,"ms":%d,%s', $asked, (time - $began) * 1000, substr $line, 1);
            return $line;
        }
        keep(qq({"event":$line})) if $line =~ /^\{.*\}$/;
    }
    keep(sprintf '%s,"ms":%d,"error":{"class":"NoAnswer","desc":"no answer in time"}}', $asked, (time - $began) * 1000);
    return;
}

# Returns what went wrong: it begins with `no answer` when QEMU stopped answering.
sub sample {
    my ($name, $until) = @_;
    open $out, '>', "$directory/qmp-$name.jsonl" or return 'the file cannot be written';
    $out->autoflush(1);
    $room = SAMPLE_CAP;
    keep(qq({"greeting":$greeting}));
    my %said;
    for my $command (@STATE) { $said{$command} = execute($command, undef, $until) // return "no answer to $command" }
    # Proxmox's QEMU tells the guest's memory with its balloon; plain QEMU keeps it in the device. Without the device there is no answer.
    if ($said{'query-balloon'} !~ /"(?:mem_swapped_in|major_page_faults|error)"/) {
        execute('qom-get', '{"path":"/machine/peripheral/balloon0","property":"guest-stats"}', $until) // return 'no answer to qom-get';
    }
    # Where QEMU knows nothing of virtio queues (before 7.2) or the disk is not virtio, there is no such answer, which is one too.
    my $devices = execute('x-query-virtio', undef, $until) // return 'no answer to x-query-virtio';
    write_status($name, \%said);
    if (!@disks) {
        for my $device ($devices =~ /(\{[^{}]*\})/g) {
            my ($kind) = $device =~ /"name":\s*"([^"]*)"/;
            my ($where) = $device =~ /"path":\s*"([^"\\]*)"/;
            push @disks, $where if defined $where && ($kind // '') =~ /^virtio-(?:blk|scsi)/;
        }
    }
    my $all = ask_queues($name, $until) // return 'no answer to x-query-virtio-queue-status';
    return $room < 0 ? 'cut at its cap' : $all ? '' : 'not all queues were asked';
}

# One queue of each disk, then the next of each: the time may not suffice for all, and then no disk is left out. A disk's last queue
# is the one after which QEMU refuses: a reader sees where it was not reached. Returns whether all were asked.
sub ask_queues {
    my ($name, $until) = @_;
    my @left = @disks;
    my $asked = 0;
    for (my $queue = 0; @left; $queue++) {
        my @more;
        for my $disk (@left) {
            return 0 if $asked++ >= MAX_QUEUES || time > $until - limit(LAST_LOOK_S);
            my $state = execute('x-query-virtio-queue-status', qq({"path":"$disk","queue":$queue}), $until) // return;
            next if $state =~ /^\{\s*"error"/;
            my ($in_use) = $state =~ /"inuse":\s*(\d+)/;
            my ($used) = $state =~ /"used-idx":\s*(\d+)/;
            $queues{$name}{"$disk $queue"} = [$in_use // 0, $used // 0];
            push @more, $disk;
        }
        @left = @more;
    }
    return 1;
}

sub write_status {
    my ($name, $said) = @_;
    my ($state) = $said->{'query-status'} =~ /"status":\s*"([a-z-]+)"/;
    my $version = join '.', map { $greeting =~ /"$_":\s*(\d+)/ ? $1 : 0 } qw(major minor micro);
    my ($read, $written) = (0, 0);
    my $stats = monitor::parse($said->{'query-blockstats'});
    for my $drive (ref $stats eq 'HASH' && ref $stats->{return} eq 'ARRAY' ? @{ $stats->{return} } : ()) {
        next if ref $drive ne 'HASH' || ref $drive->{stats} ne 'HASH';
        # With -blockdev the `device` is empty; as qemu-server names what is a disk of the VM.
        my ($id) = join(' ', $drive->{qdev} // '', $drive->{device} // '') =~ /\b((?:scsi|virtio|sata|ide|efidisk|tpmstate)\d+)\b/ or next;
        my @bytes = map { $drive->{stats}{$_} // 0 } qw(rd_bytes wr_bytes);
        $count{$name}{$id} = \@bytes;
        $read    += $bytes[0];
        $written += $bytes[1];
    }
    open my $file, '>', "$directory/status-$name.txt" or return;
    print {$file} "diskread: $read\ndiskwrite: $written\n" if $count{$name};
    printf {$file} "qmpstatus: %s\nrunning-qemu: %s\nstatus: running\n", $state // 'running', $version;
    return;
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

sub report_sample {
    my ($name, $began, $why) = @_;
    report("qmp-$name", $why =~ /^no answer/ ? 'timeout' : $why =~ /^the file/ ? 'error' : 'ok', $began, $why);
    return $why =~ /^no answer/;
}

my $began = time;
sub give_up { my ($status, $why) = @_; report($_, $status, $began, $why) for qw(qmp-a screendump qmp-b); print "say qmp $why\n"; exit 0 }

local $SIG{PIPE} = 'IGNORE';
my $until = $began + limit(GREETING_S);
$monitor = monitor->connect_to($path, $until) // give_up(monitor::reason() =~ /^silent/ ? 'timeout' : 'error', monitor::reason());
$greeting = $monitor->line($until) // give_up('timeout', 'silent: the socket accepts and says nothing');
my $held = time;
my $end = $held + limit(HELD_S);
open $out, '>', '/dev/null';
$room = SAMPLE_CAP;
execute('qmp_capabilities', undef, $held + limit(SAMPLE_A_S)) // give_up('timeout', 'silent: greets, and then says nothing');

my $why = sample('a', $held + limit(SAMPLE_A_S));
if (report_sample('a', $began, $why)) {
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
my $silent = report_sample('b', $began, $why);
printf "say qmp %s, held %.1f s\n", $silent ? "silent: $why" : 'answers', time - $held;

for my $id (sort keys %{ $count{a} // {} }) {
    my ($a, $b) = ($count{a}{$id}, $count{b}{$id} // next);
    printf "say disk/%s read %+d, wrote %+d bytes between the samples\n", $id, $b->[0] - $a->[0], $b->[1] - $a->[1];
}
my ($seen, $in_use, $moved, $stuck) = (0, 0, 0, 0);
for my $queue (keys %{ $queues{a} }) {
    my ($a, $b) = ($queues{a}{$queue}, $queues{b}{$queue} // next);
    $seen++;
    $in_use++ if $b->[0] > 0;
    $moved++ if $a->[1] != $b->[1];
    $stuck++ if $a->[0] > 0 && $b->[0] > 0 && $a->[1] == $b->[1];
}
my $rest = $why =~ /not all/ ? ', not all were asked' : '';
print $seen ? "say queues $in_use in use, $moved advancing, $stuck in use and standing still (of $seen$rest)\n" : "say queues none of virtio disks are told\n";

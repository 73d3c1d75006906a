#!/usr/bin/perl
# QEMU's monitor in one of its moods, for tests: monitor.pl SOCKET MOOD LOG. A line of LOG for each client that it accepted.
#   state=NAME  answers query-status so      silent  accepts and says nothing      greets  greets, and then says nothing
#   full        never accepts, and its queue is full, as that of a stopped QEMU after two clients (its backlog is 1)
#   late=MS     greets after so long, then is running
#   disks=NxM   N virtio disks of M queues: all move but the last queue of the last disk, which holds 7 requests
use strict;
use warnings;
use IO::Socket::UNIX;

my ($path, $mood, $log) = @ARGV;
$| = 1;
unlink $path;
my $server = IO::Socket::UNIX->new(Local => $path, Listen => 1) or die "$path: $!\n";
my @waiting = $mood eq 'full' ? map { IO::Socket::UNIX->new(Peer => $path) or die "$!\n" } 1, 2 : ();
open my $seen, '>>', $log or die "$log: $!\n";
$seen->autoflush(1);
print {$seen} "ready\n";
sleep 600 if $mood eq 'full';

my (@held, %looks);
while (my $client = $server->accept) {
    print {$seen} "client\n";
    push @held, $client;
    next if $mood eq 'silent';
    select undef, undef, undef, $1 / 1000 if $mood =~ /^late=(\d+)/;
    print {$client} qq({"QMP": {"version": {"qemu": {"micro": 0, "minor": 0, "major": 10}}, "capabilities": []}}\r\n);
    next if $mood eq 'greets';
    if ($mood =~ /^disks=(\d+)x(\d+)/) { serve_disks($client, $1, $2); pop @held; next }
    my $state = $mood =~ /^state=(.*)/ ? $1 : 'running';
    while (defined(my $line = readline $client)) {
        if ($line =~ /"qmp_capabilities"/) { print {$client} qq({"return": {}}\r\n) }
        elsif ($line =~ /"query-status"/) {
            print {$client} qq({"timestamp": {"seconds": 1, "microseconds": 1}, "event": "RTC_CHANGE", "data": {"offset": 0}}\r\n);
            print {$client} qq({"return": {"status": "$state", "singlestep": false, "running": true}}\r\n);
        }
    }
    pop @held;
}

sub serve_disks {
    my ($client, $disks, $queues) = @_;
    while (defined(my $line = readline $client)) {
        my ($command) = $line =~ /"execute":"([^"]+)"/;
        my $answer = '"return": {}';
        if ($command eq 'query-status') { $answer = '"return": {"status": "running", "running": true}' }
        elsif ($command eq 'query-blockstats') {
            my $look = $looks{stats}++;
            $answer = '"return": [' . join(', ', map { sprintf '{"device": "", "qdev": "scsi%d", "stats": {"rd_bytes": 9, "wr_bytes": %d, "timed_stats": []}, "parent": {"stats": {"wr_bytes": 77}}}', $_, $_ == $disks - 1 ? 5 : 4096 * $look } 0 .. $disks - 1) . ']';
        }
        elsif ($command eq 'x-query-virtio') {
            $answer = '"return": [' . join(', ', map { qq({"name": "virtio-scsi", "path": "/machine/peripheral/virtioscsi$_/virtio-backend"}) } 0 .. $disks - 1) . ']';
        }
        elsif ($command eq 'x-query-virtio-queue-status') {
            my ($disk, $queue) = $line =~ m{virtioscsi(\d+)/virtio-backend","queue":(\d+)};
            my $stuck = $disk == $disks - 1 && $queue == $queues - 1;
            my $look = $looks{"$disk $queue"}++;
            select undef, undef, undef, 0.01 if $queues > 100;
            $answer = $queue >= $queues ? qq("error": {"class": "GenericError", "desc": "Invalid virtqueue number $queue"})
                : sprintf '"return": {"name": "virtio-scsi", "queue-index": %d, "inuse": %d, "used-idx": %d}', $queue, $stuck ? 7 : 0, $stuck ? 3 : $look;
        }
        print {$client} "{$answer}\r\n";
    }
    return;
}

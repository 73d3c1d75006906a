#!/usr/bin/perl
# Every task of the host in D state (waits for hardware or a file system, deaf to signals), with where it waits and its kernel
# stack. Usage: dstate.pl PROC, the process table. Perl because a loop over thousands of threads takes bash a second.
use strict;
use warnings;

my $proc = shift // '/proc';
my $seen = 0;

sub content {
    my ($file) = @_;
    open my $handle, '<', $file or return '';
    local $/;
    return readline($handle) // '';
}

for my $stat (glob "$proc/[0-9]*/task/[0-9]*/stat") {
    # The name in brackets may hold blanks and brackets itself.
    my ($tid, $name) = content($stat) =~ /^(\d+) \((.*)\) D /s or next;
    (my $task = $stat) =~ s{/stat$}{};
    my ($pid) = $task =~ m{/(\d+)/task/};
    printf "pid %s task %s (%s) wchan %s\n", $pid, $tid, $name, content("$task/wchan") || '?';
    print content("$task/stack");
    $seen++;
}
print "$seen tasks in D state\n";

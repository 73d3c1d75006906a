#!/usr/bin/perl
# A guest agent at its socket, for tests: agent.pl SOCKET thawed|frozen|silent. Before its first answer it says what somebody else, who
# has gone, had asked for.
use strict;
use warnings;
use IO::Socket::UNIX;

my ($path, $mood) = @ARGV;
my $server = IO::Socket::UNIX->new(Local => $path, Listen => 1) or die "$path: $!\n";
while (my $client = $server->accept) {
    syswrite $client, qq({"return": {}}\n);
    while (defined(my $line = readline $client)) {
        next if $mood eq 'silent';
        if ($line =~ /guest-sync-delimited.*"id":(\d+)/) { syswrite $client, qq(\xff{"return": $1}\n) }
        elsif ($line =~ /guest-ping/) { syswrite $client, qq({"return": {}}\n) }
        elsif ($line =~ /guest-fsfreeze-status/) { syswrite $client, qq({"return": "$mood"}\n) }
    }
}

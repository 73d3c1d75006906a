# A client of QEMU's monitor, or of its guest agent's socket, that never blocks: see ask-monitor.pl for why. It reads lines and a little
# JSON without a module, because the ones that Perl brings cost the host more than everything else here.
package monitor;
use strict;
use warnings;
use Time::HiRes qw(time);

# Numbers of Linux on x86 and ARM.
use constant { AF_UNIX => 1, SOCK_STREAM => 1, SOCK_NONBLOCK => 2048, EAGAIN => 11, RETRY_S => 0.1, MAKING_S => 0.6, SUN_PATH => 107, LONGEST => 8 << 20 };

# Returns a client, or nothing with the reason in $why: `unreachable …`, or `silent …` where the queue stayed full until then.
my $why = '';

sub reason { return $why }

sub connect_to {
    my ($class, $path, $until) = @_;
    if (length $path > SUN_PATH) { $why = 'unreachable: its path is too long'; return }
    my ($socket, $making) = (undef, time + MAKING_S);
    if (!socket $socket, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0) { $why = "unreachable: $!"; return }
    until (connect $socket, pack 'S a*', AF_UNIX, "$path\0") {
        if ($! != EAGAIN && time >= $making) { $why = "unreachable: $!"; return }
        if (time >= $until) { $why = 'silent: others wait for it already, its queue of connections is full'; return }
        select undef, undef, undef, RETRY_S;
    }
    return bless { socket => $socket, buffer => '' }, $class;
}

sub send_line {
    my ($self, $text) = @_;
    return syswrite $self->{socket}, "$text\n";
}

# One line before the deadline, or nothing.
sub line {
    my ($self, $until) = @_;
    while ((my $end = index $self->{buffer}, "\n") < 0) {
        my $left = $until - time;
        return if $left <= 0 || length $self->{buffer} > LONGEST;
        my $bits = '';
        vec($bits, fileno $self->{socket}, 1) = 1;
        next unless select(my $ready = $bits, undef, undef, $left) > 0;
        return unless sysread $self->{socket}, $self->{buffer}, 65536, length $self->{buffer};
    }
    my $line = substr $self->{buffer}, 0, index($self->{buffer}, "\n") + 1, '';
    $line =~ s/\s+$//;
    return $line;
}

# JSON as QEMU writes it, to Perl's own values; nothing for what is none. Texts keep their escapes: names have none.
sub parse {
    my ($text) = @_;
    my @tokens = $text =~ /("(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+)/g;
    return value(\@tokens);
}

sub value {
    my ($tokens) = @_;
    my $token = shift @$tokens // return;
    if ($token eq '{') {
        my %object;
        while (@$tokens && $tokens->[0] ne '}') {
            my $key = shift @$tokens;
            shift @$tokens;    # the colon
            $object{ $key =~ s/^"|"$//gr } = value($tokens);
            shift @$tokens if @$tokens && $tokens->[0] eq ',';
        }
        shift @$tokens;
        return \%object;
    }
    if ($token eq '[') {
        my @list;
        while (@$tokens && $tokens->[0] ne ']') {
            push @list, value($tokens);
            shift @$tokens if @$tokens && $tokens->[0] eq ',';
        }
        shift @$tokens;
        return \@list;
    }
    return $token =~ s/^"|"$//gr;
}

1;

# shellcheck shell=bash disable=SC2034,SC2154 # the globals are the installer's
# What both installers are told on the command line, and what a mistake there is answered with: exit 2, nothing touched.

refuse() { # MESSAGE
  die 2 "$1" "$program --help tells how it is used. Nothing was changed."
}

check_root() { # DIR
  [[ $1 =~ ^/[A-Za-z0-9_./-]+$ && -d $1 && $1 != *..* ]] || refuse "--root needs an existing directory, absolute, without blanks: $1"
  root=${1%/}
}

check_user() { # OPTION NAME
  [[ $2 =~ ^[a-z_][a-z0-9_-]{0,31}$ && $2 != root ]] || refuse "$1 needs the name of an ordinary account: $2"
}

# A mistake here would lock the console out (sshd refuses a list with one bad network) or let everybody in.
check_from() { # CIDR,CIDR
  local network
  [[ $1 && $1 != ,* && $1 != *, && $1 != *,,* ]] || refuse '--from needs addresses or networks, separated by commas: --from 10.0.20.0/24,192.168.1.7'
  for network in ${1//,/ }; do
    perl -MSocket=inet_pton,AF_INET,AF_INET6 -e '
      my ($text, $bits, $more) = split m{/}, shift, -1;
      my $family = $text =~ /:/ ? AF_INET6 : AF_INET;
      my $address = $text =~ /^[0-9A-Fa-f.:]+$/ ? inet_pton($family, $text) : undef;
      exit 1 if !defined $address || defined $more;
      my $width = 8 * length $address;
      exit 0 if !defined $bits;
      exit 1 if $bits !~ /^(0|[1-9][0-9]{0,2})$/ || $bits > $width;
      exit(substr(unpack("B*", $address), $bits) =~ /1/ ? 2 : 0);' -- "$network"
    case $? in
      0) ;;
      2) refuse "--from $network: the address has bits beyond its mask; sshd takes no such network" ;;
      *) refuse "--from $network is neither an address nor a network such as 10.0.20.0/24" ;;
    esac
    if [[ $network == */0 ]]; then notes+=("--from $network lets every address try the key."); fi
  done
}

# Reads public keys, one a line (several, while one is being replaced). Sets keys.
read_keys() { # FILE|-
  local line file=$1 content
  if [[ $1 == - ]]; then file=/dev/stdin; elif [[ ! -f $1 || ! -r $1 ]]; then refuse "--key $1: no such file"; fi
  content=$(head -c 65536 -- "$file" | tr -d '\r\0')
  if [[ $content == *'PRIVATE KEY'* ]]; then refuse "--key $1 is a private key, which never leaves the console: give the public one (its name ends with .pub)"; fi
  keys=()
  while IFS= read -r line; do
    if [[ ! $line || $line == '#'* ]]; then continue; fi
    if [[ ! $line =~ ^((ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521))\ [A-Za-z0-9+/]+=*)(\ .*)?$ ]]; then
      refuse "--key $1: not a public key (it begins with ssh-ed25519, ssh-rsa or ecdsa-sha2-): ${line:0:40}"
    fi
    line=${BASH_REMATCH[1]}
    ssh-keygen -l -f - <<<"$line" >/dev/null 2>&1 || refuse "--key $1: ssh-keygen does not take it; was it cut when it was copied? ${line:0:40}"
    keys+=("$line")
  done <<<"$content"
  ((${#keys[@]})) || refuse "--key $1: there is no key in it"
}

must_be_root() {
  ((EUID == 0)) || die 1 'Run this as root. Nothing was changed.'
}

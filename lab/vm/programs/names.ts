// Which programs the guest has. Whatever is in none of these lists is "command not found".

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** The interpreter's own that a Debian has too. Of others it has (jq, rg, sqlite3 …) the guest knows nothing. */
export const BUILT_IN = words(`
  awk base64 basename bash cat chmod column comm cp cut date diff dirname echo egrep env expand expr false fgrep file find
  fold grep gunzip gzip head join ln md5sum mkdir mv nl od paste printenv printf pwd readlink rev rm rmdir sed seq sh sha1sum
  sha256sum sleep sort split strings tac tail tar tee time timeout touch tr true unexpand uniq wc which xargs zcat`);

/** Ours: they run on the guest's state. */
export const PROGRAM_NAMES = words(`
  apt-get df dmesg du free hostname id ip journalctl kill ls lsof pgrep ps ss sshd stat systemctl systemd-cgtop timedatectl truncate uname uptime vmstat
  whoami`);

// What the real lab needs from Debian. Missing packages are installed when we are root, else named with the exact command.
import { existsSync } from 'node:fs';
import { execa } from 'execa';

const NEEDED = [
  { file: '/usr/bin/qemu-system-x86_64', debianPackage: 'qemu-system-x86' },
  { file: '/usr/bin/qemu-nbd', debianPackage: 'qemu-utils' },
  { file: '/bin/busybox', debianPackage: 'busybox-static' },
  { file: '/usr/sbin/dropbear', debianPackage: 'dropbear-bin' },
  { file: '/usr/bin/perl', debianPackage: 'perl' },
  { file: '/usr/bin/gdb', debianPackage: 'gdb' },
  { file: '/usr/sbin/mkfs.ext4', debianPackage: 'e2fsprogs' },
] as const;

export class MissingPackagesError extends Error {}

/** Throws MissingPackagesError, whose message is for a person, when the real lab cannot run here. */
export async function ensurePackages(say: (line: string) => void): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new MissingPackagesError('The lab on a real QEMU needs Linux on an x86-64 processor.');
  const missing = NEEDED.filter(({ file }) => !existsSync(file)).map(({ debianPackage }) => debianPackage);
  if (missing.length === 0) return;
  const install = `apt-get update && apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  const byHand = `The lab on a real QEMU needs packages that are not installed. Run as root:\n  ${install}`;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) throw new MissingPackagesError(byHand);
  say(`installing ${missing.join(', ')}`);
  const { failed } = await execa('sh', ['-c', install], {
    reject: false,
    env: { DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (failed) throw new MissingPackagesError(byHand);
}

export async function packageVersion(name: string): Promise<string> {
  const { stdout } = await execa('dpkg-query', ['-W', '-f', '$' + '{Version}', name]);
  return stdout;
}

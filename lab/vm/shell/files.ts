// The file system that the interpreter sees: every operation is a call to the machine as the user of the moment, but for the
// devices by which output leaves at once. It remembers why the machine refused, because the interpreter forgets it.
import { isUtf8 } from 'node:buffer';
import {
  type ByteString,
  type FileContent,
  type FsStat,
  type IFileSystem,
  unsafeBytesFromLatin1,
} from 'just-bash';
import type { Machine } from './messages.ts';
import { ERR, OPEN, OUT } from './rewrite.ts';
import { inShellsWords, type Place, printed } from './words.ts';

type Encoded = { readonly encoding?: string | null } | string | undefined;

/** In these encodings a string is bytes, one character each. */
const encodingOf = (options: Encoded): 'latin1' | 'utf8' => {
  const encoding = typeof options === 'string' ? options : options?.encoding;
  return encoding === 'binary' || encoding === 'latin1' ? 'latin1' : 'utf8';
};
/** Where the interpreter keeps bytes one character each and forgets it (`read`, `printf '\303'`), their kind is guessed as it does itself. */
const bytesOf = (content: FileContent, options: Encoded): Buffer => {
  if (typeof content !== 'string') return Buffer.from(content);
  const raw = Buffer.from(content, 'latin1');
  const wasBytes = raw.toString('latin1') === content && isUtf8(raw);
  return wasBytes ? raw : Buffer.from(content, encodingOf(options));
};
const isDevice = (path: string): boolean => path.startsWith(OUT) || path.startsWith(ERR);
const FILE = { isFile: true, isDirectory: false, isSymbolicLink: false, mode: 0o100666, size: 0 };
const DEVICE: FsStat = { ...FILE, mtime: new Date(0) };
const opened = (path: string) => new RegExp(`^${OPEN}([^/]*)/(\\d+)/(.*)$`, 's').exec(path);

/** Of a walk through a tree: unreadable directories are noted and skipped, other filesystems left out. */
export interface Walk {
  readonly mount: string | undefined;
  readonly refused: string[];
}

export class Files implements IFileSystem {
  readonly #machine: Machine;
  readonly #inShell: ReadonlySet<string>;
  readonly #refusals = new Map<string, string>();
  /** As whom. */
  uid: number;
  cwd = '/';
  shell: 'bash' | 'sh' = 'bash';
  walk: Walk | undefined;
  /** A write behind a redirection failed; the command before it then failed too. */
  writeFailed = false;

  /** `inShell`: what the shell runs itself. */
  constructor(machine: Machine, uid: number, inShell: ReadonlySet<string>) {
    this.#machine = machine;
    this.#inShell = inShell;
    this.uid = uid;
  }

  resolvePath(base: string, path: string): string {
    this.cwd = base;
    if (path.startsWith(OPEN)) return path;
    const parts: string[] = [];
    for (const part of (path.startsWith('/') ? path : `${base}/${path}`).split('/')) {
      if (part === '..') parts.pop();
      else if (part !== '' && part !== '.') parts.push(part);
    }
    return `/${parts.join('/')}`;
  }
  getAllPaths(): string[] {
    return [];
  }

  async #try<T>(path: string, work: Promise<T>): Promise<T> {
    try {
      const value = await work;
      this.#refusals.delete(path);
      return value;
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      this.#refusals.set(path, words);
      // Some of the interpreter's programs ask by this code whether something is there.
      throw new Error(`${words === 'No such file or directory' ? 'ENOENT' : 'EIO'}: ${words}, '${path}'`);
    }
  }
  /** Programs of ours choose their own words. */
  forgetRefusals(): void {
    this.#refusals.clear();
  }
  #place(line: string): Place {
    const refusal = (path: string) => this.#refusals.get(this.resolvePath(this.cwd, path));
    return { refusal, shell: this.shell, line };
  }
  words(text: string, line: string): string {
    return inShellsWords(text, this.#place(line));
  }

  readFileBuffer(path: string): Promise<Uint8Array> {
    return this.#try(path, this.#machine.read(this.uid, path));
  }
  async readFile(path: string, options?: Encoded): Promise<string> {
    return Buffer.from(await this.readFileBuffer(path)).toString(encodingOf(options));
  }
  async readFileBytes(path: string): Promise<ByteString> {
    return unsafeBytesFromLatin1(await this.readFile(path, 'latin1'));
  }

  async #store(path: string, content: FileContent, options: Encoded, truncate: boolean): Promise<void> {
    const given = bytesOf(content, options);
    const [, by = '', line = '1', typed] = opened(path) ?? [];
    if (isDevice(path) && given.length === 0) return;
    if (path.startsWith(ERR)) {
      const text = this.words(given.toString(), path.slice(ERR.length));
      return this.#machine.output('stderr', Buffer.from(text));
    }
    // `nosuch 2>&1 | head`: the shell's message comes by the way of what is printed.
    const isOut = path.startsWith(OUT);
    const bytes = printed(given, this.#place(isOut ? path.slice(OUT.length) : line));
    if (isOut) return this.#machine.output('stdout', bytes);
    const real = typed === undefined ? path : this.resolvePath(this.cwd, typed);
    try {
      if (truncate || bytes.length === 0) await this.#try(real, this.#machine.open(this.uid, real, truncate));
      if (bytes.length > 0) await this.#try(real, this.#machine.append(this.uid, real, bytes));
    } catch (error) {
      if (typed === undefined) throw error;
      this.writeFailed = true;
      const own = by === 'echo' || by === 'printf' ? 'bash: ' : '';
      const said = `${own}${by}: write error: ${this.#refusals.get(real)}\n`;
      await this.#machine.output('stderr', Buffer.from(this.words(said, line)));
    }
  }
  writeFile(path: string, content: FileContent, options?: Encoded): Promise<void> {
    return this.#store(path, content, options, true);
  }
  appendFile(path: string, content: FileContent, options?: Encoded): Promise<void> {
    return this.#store(path, content, options, false);
  }

  async exists(path: string): Promise<boolean> {
    const isOurs = isDevice(path) || path.startsWith(OPEN);
    return isOurs || this.stat(path).then(Boolean, () => false);
  }
  async stat(path: string): Promise<FsStat> {
    if (isDevice(path)) return DEVICE;
    const [, , , typed] = opened(path) ?? [];
    // The interpreter asks this before it runs the command, and reports a failure as its own.
    if (typed !== undefined) {
      const real = this.resolvePath(this.cwd, typed);
      await this.#try(real, this.#machine.open(this.uid, real, false));
      return DEVICE;
    }
    // The interpreter looks for all that it runs in /usr/bin, also for what is part of the shell.
    const [, name = ''] = /^\/usr\/bin\/([^/]+)$/.exec(path) ?? [];
    if (this.#inShell.has(name)) return { ...DEVICE, mode: 0o100755 };
    return this.#try(path, this.#machine.stat(this.uid, path, true));
  }
  lstat(path: string): Promise<FsStat> {
    return this.#try(path, this.#machine.stat(this.uid, path, false));
  }
  async mountOf(path: string): Promise<string> {
    return (await this.#machine.stat(this.uid, path, true)).mount;
  }

  async readdirWithFileTypes(path: string): ReturnType<NonNullable<IFileSystem['readdirWithFileTypes']>> {
    const { walk } = this;
    try {
      if (walk?.mount !== undefined && (await this.mountOf(path)) !== walk.mount) return [];
      const entries = await this.#try(path, this.#machine.list(this.uid, path));
      return entries.map(({ name, kind }) => {
        const [isDirectory, isSymbolicLink] = [kind === 'dir', kind === 'link'];
        return { name, isDirectory, isSymbolicLink, isFile: !isDirectory && !isSymbolicLink };
      });
    } catch (error) {
      if (walk === undefined) throw error;
      walk.refused.push(path);
      return [];
    }
  }
  async readdir(path: string): Promise<string[]> {
    return (await this.readdirWithFileTypes(path)).map(({ name }) => name);
  }

  mkdir(path: string, options?: { readonly recursive?: boolean }): Promise<void> {
    return this.#try(path, this.#machine.mkdir(this.uid, path, options?.recursive ?? false));
  }
  rm(path: string, options?: { readonly recursive?: boolean }): Promise<void> {
    return this.#try(path, this.#machine.rm(this.uid, path, options?.recursive ?? false));
  }
  cp(from: string, to: string): Promise<void> {
    return this.#try(to, this.#machine.cp(this.uid, from, to));
  }
  /** A hard link is a copy: nothing of these drills depends on the difference. */
  link(from: string, to: string): Promise<void> {
    return this.cp(from, to);
  }
  mv(from: string, to: string): Promise<void> {
    return this.#try(from, this.#machine.mv(this.uid, from, to));
  }
  chmod(path: string, mode: number): Promise<void> {
    return this.#try(path, this.#machine.change(this.uid, path, { mode }));
  }
  utimes(path: string, _atime: Date, mtime: Date): Promise<void> {
    return this.#try(path, this.#machine.change(this.uid, path, { mtimeMs: mtime.getTime() }));
  }
  symlink(target: string, path: string): Promise<void> {
    return this.#try(path, this.#machine.symlink(this.uid, path, target));
  }
  readlink(path: string): Promise<string> {
    return this.#try(path, this.#machine.readlink(this.uid, path));
  }
  realpath(path: string): Promise<string> {
    return this.#try(path, this.#machine.realpath(this.uid, path));
  }
}

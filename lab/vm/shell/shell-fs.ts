// The file system that a shell's interpreter sees: every operation is a call to the kernel, but for the devices by which
// output leaves at once. It remembers why the kernel refused, because the interpreter forgets it.
import type {
  BufferEncoding,
  CpOptions,
  FileContent,
  FsStat,
  IFileSystem,
  MkdirOptions,
  RmOptions,
} from 'just-bash';
import { bytesFromUint8Array } from './bytes.ts';
import type { ShellOps, StatResult } from './messages.ts';
import { ERR, IN, OPEN, OUT } from './transform.ts';

export interface ShellWords {
  /** Rewrites the interpreter's messages into the shell's. */
  words(text: string, line: string): string;
}

const NO_SUCH = 'No such file or directory';
const device: FsStat = {
  isFile: true,
  isDirectory: false,
  isSymbolicLink: false,
  mode: 0o100666,
  size: 0,
  mtime: new Date(0),
};

const bytesOf = (content: FileContent, options?: { encoding?: string } | string): Buffer => {
  if (typeof content !== 'string') return Buffer.from(content);
  const encoding = typeof options === 'string' ? options : options?.encoding;
  return Buffer.from(content, encoding === 'binary' || encoding === 'latin1' ? 'latin1' : 'utf8');
};

const fsStat = (stat: StatResult): FsStat => ({
  isFile: stat.isFile,
  isDirectory: stat.isDirectory,
  isSymbolicLink: stat.isSymbolicLink,
  mode: stat.mode,
  size: stat.size,
  mtime: new Date(stat.mtimeMs),
  dev: stat.dev,
  ino: stat.ino,
});

interface Opening {
  readonly command: string;
  readonly line: string;
  readonly typed: string;
  readonly path: string;
}

export class ShellFs implements IFileSystem {
  readonly #ops: ShellOps;
  readonly #commands: ReadonlySet<string>;
  readonly #words: ShellWords;
  /** Absolute path to the words of the last refusal. */
  readonly refusals = new Map<string, string>();
  cwd = '/';
  /** Set when a write behind a redirection failed; the command before it then failed too. */
  writeFailed = false;

  constructor(ops: ShellOps, commands: readonly string[], words: ShellWords) {
    this.#ops = ops;
    this.#commands = new Set(commands);
    this.#words = words;
  }

  #opening(path: string): Opening | undefined {
    if (!path.startsWith(OPEN)) return undefined;
    const [command = 'bash', line = '1', ...rest] = path.slice(OPEN.length).split('/');
    const typed = rest.join('/');
    return { command, line, typed, path: this.#absolute(this.cwd, typed) };
  }

  #absolute(base: string, path: string): string {
    const parts: string[] = [];
    for (const part of (path.startsWith('/') ? path : `${base}/${path}`).split('/')) {
      if (part === '..') parts.pop();
      else if (part !== '' && part !== '.') parts.push(part);
    }
    return `/${parts.join('/')}`;
  }

  resolvePath(base: string, path: string): string {
    this.cwd = base;
    return path.startsWith(OPEN) ? path : this.#absolute(base, path);
  }

  getAllPaths(): string[] {
    return [];
  }

  async #try<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      if (words === NO_SUCH) this.refusals.delete(path);
      else this.refusals.set(path, words);
      throw new Error(`${(error as { code?: string }).code ?? 'EIO'}: ${words}, '${path}'`);
    }
  }

  async readFileBuffer(path: string): Promise<Uint8Array> {
    if (path === '/dev/null') return new Uint8Array();
    if (path === IN) return this.#ops.stdin();
    return this.#try(path, () => this.#ops.read(path));
  }
  async readFileBytes(path: string): ReturnType<NonNullable<IFileSystem['readFileBytes']>> {
    return bytesFromUint8Array(await this.readFileBuffer(path));
  }
  async readFile(
    path: string,
    options?: { encoding?: BufferEncoding | null } | BufferEncoding,
  ): Promise<string> {
    const encoding = typeof options === 'string' ? options : options?.encoding;
    const bytes = Buffer.from(await this.readFileBuffer(path));
    return bytes.toString(encoding === 'binary' || encoding === 'latin1' ? 'latin1' : 'utf8');
  }

  /** Messages of the interpreter itself. */
  reworded(text: string): string {
    return this.#words.words(text, '1');
  }

  async #emit(path: string, bytes: Buffer): Promise<void> {
    if (bytes.length === 0) return;
    if (path === OUT) await this.#ops.write('stdout', bytes);
    else
      await this.#ops.write(
        'stderr',
        Buffer.from(this.#words.words(bytes.toString('utf8'), path.slice(ERR.length) || '1')),
      );
  }

  async #store(path: string, bytes: Buffer, add: boolean): Promise<void> {
    if (path === OUT || path.startsWith(ERR)) return this.#emit(path, bytes);
    if (path === '/dev/null' || path === '/dev/tty') return;
    const opening = this.#opening(path);
    if (!opening) return this.#try(path, () => this.#ops.store(path, bytes, add));
    if (bytes.length === 0) return add ? undefined : this.#ops.openForWrite(opening.path, true);
    try {
      await this.#ops.store(opening.path, bytes, add);
    } catch (error) {
      this.writeFailed = true;
      const words = error instanceof Error ? error.message : String(error);
      const builtin = opening.command === 'echo' || opening.command === 'printf';
      const text = `${builtin ? 'bash: ' : ''}${opening.command}: write error: ${words}\n`;
      await this.#ops.write('stderr', Buffer.from(this.#words.words(text, opening.line)));
    }
  }

  writeFile(
    path: string,
    content: FileContent,
    options?: { encoding?: BufferEncoding } | BufferEncoding,
  ): Promise<void> {
    return this.#store(path, bytesOf(content, options), false);
  }
  appendFile(
    path: string,
    content: FileContent,
    options?: { encoding?: BufferEncoding } | BufferEncoding,
  ): Promise<void> {
    return this.#store(path, bytesOf(content, options), true);
  }

  #isCommand(path: string): boolean {
    const match = /^\/(?:usr\/)?bin\/([^/]+)$/.exec(path);
    return match?.[1] !== undefined && this.#commands.has(match[1]);
  }

  async exists(path: string): Promise<boolean> {
    if (
      path === OUT ||
      path === IN ||
      path.startsWith(ERR) ||
      path.startsWith(OPEN) ||
      path === '/usr/bin' ||
      this.#isCommand(path)
    )
      return true;
    return this.#ops.stat(path, true).then(
      () => true,
      () => false,
    );
  }

  async stat(path: string): Promise<FsStat> {
    if (path === OUT || path === IN || path.startsWith(ERR) || path === '/dev/null') return device;
    if (this.#isCommand(path)) return { ...device, mode: 0o100755 };
    const opening = this.#opening(path);
    if (!opening) return fsStat(await this.#try(path, () => this.#ops.stat(path, true)));
    // The interpreter asks this before it runs the command, and reports a failure as its own.
    await this.#try(opening.path, () => this.#ops.openForWrite(opening.path, false));
    return device;
  }
  async lstat(path: string): Promise<FsStat> {
    return fsStat(await this.#try(path, () => this.#ops.stat(path, false)));
  }
  async readdir(path: string): Promise<string[]> {
    return (await this.#try(path, () => this.#ops.list(path))).map(({ name }) => name);
  }
  async readdirWithFileTypes(
    path: string,
  ): Promise<{ name: string; isFile: boolean; isDirectory: boolean; isSymbolicLink: boolean }[]> {
    const entries = await this.#try(path, () => this.#ops.list(path));
    return entries.map(({ name, kind }) => ({
      name,
      isFile: kind === 'file' || kind === 'device',
      isDirectory: kind === 'dir',
      isSymbolicLink: kind === 'link',
    }));
  }

  mkdir(path: string, options?: MkdirOptions): Promise<void> {
    return this.#try(path, () => this.#ops.makeDir(path, options?.recursive ?? false));
  }
  rm(path: string, options?: RmOptions): Promise<void> {
    return this.#try(path, () =>
      this.#ops.remove(path, options?.recursive ?? false, options?.force ?? false),
    );
  }
  cp(from: string, to: string, _options?: CpOptions): Promise<void> {
    return this.#try(from, () => this.#ops.copy(from, to));
  }
  mv(from: string, to: string): Promise<void> {
    return this.#try(from, () => this.#ops.move(from, to));
  }
  chmod(path: string, mode: number): Promise<void> {
    return this.#try(path, () => this.#ops.chmod(path, mode));
  }
  symlink(target: string, path: string): Promise<void> {
    return this.#try(path, () => this.#ops.symlink(target, path));
  }
  link(existing: string, path: string): Promise<void> {
    return this.#try(path, () => this.#ops.link(existing, path));
  }
  readlink(path: string): Promise<string> {
    return this.#try(path, () => this.#ops.readlink(path));
  }
  realpath(path: string): Promise<string> {
    return this.#try(path, () => this.#ops.realpath(path));
  }
  utimes(path: string, _atime: Date, mtime: Date): Promise<void> {
    return this.#try(path, () => this.#ops.touch(path, mtime.getTime()));
  }
}

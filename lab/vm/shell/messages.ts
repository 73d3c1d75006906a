// What a shell's thread and the simulated kernel say to each other. Plain values only: they cross a thread boundary.

export interface StartMessage {
  readonly type: 'start';
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly pid: number;
  readonly ppid: number;
  readonly uid: number;
  readonly gid: number;
  readonly programs: readonly string[];
}

export interface ReplyMessage {
  readonly type: 'reply';
  readonly id: number;
  /** The operation's value, or the code and words of the error. */
  readonly value?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

/** Runs a program as a child of the shell. `live` streams go straight to the shell's own. */
export interface RunRequest {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: Uint8Array;
  readonly inheritStdin: boolean;
  readonly liveOut: boolean;
  readonly liveErr: boolean;
  /** Below `2>&1`: live, but to stdout. */
  readonly errToOut: boolean;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

export interface StatResult {
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  readonly isSymbolicLink: boolean;
  readonly mode: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly dev: number;
  readonly ino: number;
}

/** Operations of the kernel that a shell may ask for. Each is checked there with the credentials of the shell's process. */
export interface ShellOps {
  write(stream: 'stdout' | 'stderr', data: Uint8Array): Promise<void>;
  stdin(): Promise<Uint8Array>;
  run(request: RunRequest): Promise<RunResult>;
  /** `detached`: it redirected both streams away, so it holds nothing open. */
  background(script: string, cwd: string, env: Record<string, string>, detached: boolean): Promise<number>;
  wait(pid: number | null): Promise<number>;
  become(args: string): Promise<void>;
  trap(signal: string, ignore: boolean): Promise<void>;
  openForWrite(path: string, truncate: boolean): Promise<void>;
  read(path: string): Promise<Uint8Array>;
  store(path: string, data: Uint8Array, append: boolean): Promise<void>;
  stat(path: string, follow: boolean): Promise<StatResult>;
  list(path: string): Promise<{ name: string; kind: 'file' | 'dir' | 'link' | 'device' }[]>;
  remove(path: string, recursive: boolean, force: boolean): Promise<void>;
  makeDir(path: string, recursive: boolean): Promise<void>;
  copy(from: string, to: string): Promise<void>;
  move(from: string, to: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  link(existing: string, path: string): Promise<void>;
  readlink(path: string): Promise<string>;
  realpath(path: string): Promise<string>;
  touch(path: string, mtimeMs: number): Promise<void>;
}

export interface CallMessage {
  readonly type: 'call';
  readonly id: number;
  readonly op: keyof ShellOps;
  readonly args: readonly unknown[];
}

export type FromShell =
  | { readonly type: 'ready' }
  | CallMessage
  | { readonly type: 'exit'; readonly code: number };
export type ToShell = StartMessage | ReplyMessage;

/** To the process that holds the threads. */
export type ToHost =
  | { readonly order: 'start' | 'end'; readonly id: number }
  | { readonly order: 'post'; readonly id: number; readonly message: ToShell };
export interface FromHost {
  readonly id: number;
  /** Absent: the thread has ended. */
  readonly message?: FromShell;
  readonly ended?: true;
}

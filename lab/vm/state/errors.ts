// What a system call of the simulated kernel fails with: the code, and the words that Linux programs print for it.

const MESSAGES = {
  EACCES: 'Permission denied',
  EPERM: 'Operation not permitted',
  ENOENT: 'No such file or directory',
  EEXIST: 'File exists',
  EISDIR: 'Is a directory',
  ENOTDIR: 'Not a directory',
  ENOTEMPTY: 'Directory not empty',
  ENOSPC: 'No space left on device',
  ELOOP: 'Too many levels of symbolic links',
  EINVAL: 'Invalid argument',
  EROFS: 'Read-only file system',
  EBUSY: 'Device or resource busy',
  ESRCH: 'No such process',
  EXDEV: 'Invalid cross-device link',
} as const;

export type SysCode = keyof typeof MESSAGES;

export const wordsOf = (code: SysCode): string => MESSAGES[code];

export class SysError extends Error {
  readonly code: SysCode;
  constructor(code: SysCode) {
    super(MESSAGES[code]);
    this.name = 'SysError';
    this.code = code;
  }
}

/** What a program prints after the colon. Errors of ours that are not the kernel's are bugs and pass through. */
export const reasonOf = (error: unknown): string => {
  if (error instanceof SysError) return error.message;
  throw error;
};

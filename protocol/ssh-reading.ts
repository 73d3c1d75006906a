// What one look at SSH told. "It does not answer" is no value: a refused key is a sign of life, a time-out is a weak sign of
// death, and a name that does not resolve says nothing about the VM.

/**
 * `works`: a command ran there and our word came back. `refused`: something alive answered, and did not let us work.
 * `silent`: nothing came in time, connected or not. `unreachable`: no route. `unknown`: not asked, or it could not be asked.
 */
export type SshReading = 'works' | 'refused' | 'silent' | 'unreachable' | 'unknown';

/** Why a living machine did not let us work. */
export type SshRefusal =
  /** It does not accept our key for this account. */
  | 'key'
  /** Its host key is not the one that is known. */
  | 'host-key'
  /** Nothing listens on the port. */
  | 'port-closed'
  /** It accepted the connection and closed it. */
  | 'closed'
  /** More keys were offered than it tries. */
  | 'too-many-keys'
  /** Its sshd lets nobody in now: too many connections, or a penalty for ours. */
  | 'not-now'
  /** No common protocol or algorithm. */
  | 'protocol'
  /** It let us in, and our command did not run: a login shell such as nologin, or programs that cannot be read. */
  | 'runs-nothing';

/** How far an attempt came: what is known to work up to there. */
export type SshReached = 'nothing' | 'connected' | 'banner' | 'logged-in';

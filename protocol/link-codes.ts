// The codes of the links that doctor looks at. They are apart from the schemas because the server and the page use them, and load no schema.

/** In the order in which they are shown: what a link needs stands before it. */
export const LINK_CODES = [
  // The console itself.
  'configuration',
  'data-directory',
  'data-space',
  'data-lock',
  'journal',
  'ssh-key',
  // The agent and its model.
  'agent-binary',
  'model-route',
  'model-credential',
  'model-answer',
  // One target's VM.
  'vm-route',
  'vm-banner',
  'vm-host-key',
  'vm-repair',
  'vm-observer',
  'vm-sudo',
  'vm-shell',
  'vm-clock',
  // Its power path.
  'power-route',
  'power-host-key',
  'power-login',
  'power-junk',
  'power-status',
  'power-version',
  'power-source',
  'power-space',
  'power-evidence',
  // How people come in.
  'edge-address',
  'edge-certificate',
  'edge-identity',
  'edge-spoofed',
  'edge-stream',
  // What leaves.
  'notify-push',
  'notify-ntfy',
  'notify-webhook',
  'audit-syslog',
  'audit-webhook',
  // People.
  'drill',
] as const;

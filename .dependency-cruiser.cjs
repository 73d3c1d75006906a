// The rooms of the house and the doors between them. ARCHITECTURE.md shows the same picture in words.
const room = (name, to, comment) => ({ name, severity: 'error', comment, ...to });

// Files of the agent's room that are functions from values to values.
const PURE_AGENT = '(translate|trouble|show-tool|tool-results)\\.ts';

// What of the protocol is more than types and has no schemas.
const PLAIN_PROTOCOL =
  '^protocol/(applicable-verbs|contradiction|doctor-stream|examination|ids|link-codes|problems|state-words|verbs|visible-text|vm-states)\\.ts$';

module.exports = {
  forbidden: [
    room('no-circles', { from: {}, to: { circular: true } }, 'Arrows run one way.'),
    room('unresolvable', { from: {}, to: { couldNotResolve: true } }, 'An import that does not resolve.'),
    room(
      'protocol-is-alone',
      {
        from: { path: '^protocol/', pathNot: '\\.test\\.ts$' },
        to: { path: '^(server|web|lab|cli|test|bench)/' },
      },
      'protocol imports nothing of ours.',
    ),
    room(
      'web-talks-protocol-only',
      { from: { path: '^web/' }, to: { path: '^(server|lab|cli|test|bench)/' } },
      'The page knows the server only through protocol.',
    ),
    room(
      'page-loads-no-schema',
      {
        from: { path: '^web/src/', pathNot: '\\.test\\.ts$' },
        to: { path: '^protocol/', pathNot: PLAIN_PROTOCOL, dependencyTypesNot: ['type-only'] },
      },
      'The page takes types from the schemas, not their library.',
    ),
    room(
      'plain-protocol-loads-no-schema',
      {
        from: { path: PLAIN_PROTOCOL },
        to: { pathNot: PLAIN_PROTOCOL, dependencyTypesNot: ['type-only'] },
      },
      'What the page does load of the protocol brings nothing with it.',
    ),
    room(
      'contract-answers-no-request',
      {
        from: { path: '^server/', pathNot: '(\\.test\\.ts|^server/http/openapi\\.ts)$' },
        to: { path: '^protocol/(contract|routes)\\.ts$', dependencyTypesNot: ['type-only'] },
      },
      'The contract costs time to load, and only its description needs it.',
    ),
    room(
      'cli-talks-protocol-only',
      {
        from: { path: '^cli/', pathNot: '(\\.test\\.ts|^cli/process\\.ts)$' },
        to: { path: '^(server|web|lab|test|bench)/' },
      },
      'The command talks to a console as the page does. Only its entry loads what acts on this machine.',
    ),
    room(
      'no-node-in-web',
      { from: { path: '^web/src/', pathNot: '\\.test\\.ts$' }, to: { dependencyTypes: ['core'] } },
      'The page runs in a browser.',
    ),
    room(
      'server-knows-no-lab',
      {
        from: { path: '^server/', pathNot: '\\.(test|fixture)\\.ts$' },
        to: { path: '^(lab|web|cli|bench)/' },
      },
      'Simulations never reach the server.',
    ),
    room(
      'server-knows-no-test',
      { from: { path: '^server/', pathNot: '\\.(test|fixture)\\.ts$' }, to: { path: '^test/' } },
      'Only tests use test support.',
    ),
    room(
      'only-main-knows-http',
      {
        from: { path: '^server/(?!http/|main\\.ts|console\\.ts)', pathNot: '\\.test\\.ts$' },
        to: { path: '^server/(http/|main\\.ts|console\\.ts)' },
      },
      'Rooms never import http or the composition root.',
    ),
    room(
      'pure-core',
      {
        from: { path: `^server/(triage/|policy/decide\\.ts|agent/${PURE_AGENT})`, pathNot: '\\.test\\.ts$' },
        to: {
          pathNot: `^(protocol/|server/(triage/|policy/|agent/${PURE_AGENT}))`,
          dependencyTypesNot: ['type-only'],
        },
      },
      'Triage, translate and the policy table are functions from values to values.',
    ),
    room(
      'power-knows-no-agent',
      {
        from: {
          path: '^server/(power|power-host|press|readings|targets|evidence|ssh|guest|triage|journal|policy|access|config)/',
        },
        to: { path: '^server/(agent|sessions)/' },
      },
      'Nothing of the agent is in the power path.',
    ),
    room(
      'readings-know-no-power',
      {
        from: { path: '^server/(readings|power-host)/', pathNot: '\\.test\\.ts$' },
        to: { path: '^server/(power|press|targets)/' },
      },
      'What was last seen is made first; power and the press read it.',
    ),
    room(
      'power-knows-no-press',
      { from: { path: '^server/power/' }, to: { path: '^server/(press|targets)/' } },
      'The gates stand before power, not in it.',
    ),
    room(
      'only-the-press-starts-a-verb',
      {
        from: { path: '^server/(http|agent)/', pathNot: '\\.(test|fixture)\\.ts$' },
        to: { path: '^server/power/power\\.ts$' },
      },
      'Every way to a verb goes through its gates.',
    ),
    room(
      'evidence-knows-no-power',
      { from: { path: '^server/evidence/' }, to: { path: '^server/(power|guest)/' } },
      'Evidence is read by power, not the other way round.',
    ),
    room(
      'no-dev-dependency-in-server',
      {
        from: { path: '^(server|protocol)/', pathNot: '\\.test\\.ts$' },
        to: { dependencyTypes: ['npm-dev'] },
      },
      'The server runs from production dependencies.',
    ),
    room(
      'lab-starts-server-as-process',
      { from: { path: '^lab/', pathNot: '\\.test\\.ts$' }, to: { path: '^server/' } },
      'The lab starts the same server with other addresses.',
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(node_modules|web/dist)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'svelte', 'default', 'types'],
      extensions: ['.ts', '.svelte', '.js', '.mjs', '.cjs', '.json', '.svelte.ts'],
    },
  },
};
